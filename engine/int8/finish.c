/* What becomes of sums. */
#include "engine/int8/core.h"

/* Rounds to even what is known to lie within +-2^22: added to 1.5 * 2^23 its integer stands in the
 * low bits, rounded as the processor does, which is to even. Any compiler makes vector code of it,
 * for any processor; of rintf few do. */
static inline int32_t round_even(float v)
{
    union {
        float f;
        int32_t i;
    } sum = {.f = v + 0x1.8p23f};
    return sum.i - 0x4B400000;
}

static inline float clampf(float v, float low, float high)
{
    v = v > low ? v : low; /* of NaN: low */
    return v < high ? v : high;
}

static inline int32_t biased(int32_t sum, int32_t bias)
{
    return (int32_t)((uint32_t)sum + (uint32_t)bias);
}

/* A residual's contribution. Statements of their own, so that no compiler fuses a product with the
 * sum that follows, which would round once where others round twice. */
#define ADDED(T, at)                                                                               \
    {                                                                                              \
        const float other = (float)((int32_t)((const T *)at)[i] - zero);                           \
        const float scaled = other * scale;                                                        \
        v = v + scaled;                                                                            \
    }
#define NOTHING(T, at)

#define TO_CODES(name, add, T)                                                                     \
    EP_CLONES static void codes_##name(const ep__int8_result *r, const ep__int8_sums *s,           \
                                       const int32_t *sums, const uint8_t *residual, uint8_t *out) \
    {                                                                                              \
        const float low = (float)(r->low - r->zero), high = (float)(r->high - r->zero);            \
        const int32_t zero = r->residual_zero, out_zero = r->zero;                                 \
        const float scale = r->residual_scale;                                                     \
        const int32_t *bias = s->bias;                                                             \
        const float *scales = s->scale;                                                            \
        (void)zero, (void)scale, (void)residual;                                                   \
        for (int64_t i = 0; i < s->n; i++) {                                                       \
            float v = (float)biased(sums[i], bias[i]) * scales[i];                                 \
            add(T, residual);                                                                      \
            out[i] = (uint8_t)(round_even(clampf(v, low, high)) + out_zero);                       \
        }                                                                                          \
    }
#define TO_FLOATS(name, add, T)                                                                    \
    EP_CLONES static void floats_##name(const ep__int8_result *r, const ep__int8_sums *s,          \
                                        const int32_t *sums, const uint8_t *residual, float *out)  \
    {                                                                                              \
        const int32_t zero = r->residual_zero;                                                     \
        const float scale = r->residual_scale;                                                     \
        (void)zero, (void)scale, (void)residual;                                                   \
        for (int64_t i = 0; i < s->n; i++) {                                                       \
            float v = (float)biased(sums[i], s->bias[i]) * s->scale[i];                            \
            add(T, residual);                                                                      \
            out[i] = v;                                                                            \
        }                                                                                          \
    }
TO_CODES(alone, NOTHING, int8_t)
TO_CODES(int8, ADDED, int8_t)
TO_CODES(uint8, ADDED, uint8_t)
TO_FLOATS(alone, NOTHING, int8_t)
TO_FLOATS(int8, ADDED, int8_t)
TO_FLOATS(uint8, ADDED, uint8_t)

static void sums_alone(const ep__int8_sums *s, const int32_t *sums, int32_t *out)
{
    for (int64_t i = 0; i < s->n; i++) out[i] = biased(sums[i], s->bias[i]);
}

void ep__int8_finish(const ep__int8_result *r, const ep__int8_sums *s)
{
    for (int64_t row = 0; row < s->rows; row++) {
        const int32_t *sums = s->sums + row * s->ld;
        const int64_t at = row * s->out_ld;
        const uint8_t *residual = s->residual ? s->residual + at : NULL;
        if (r->dtype == EP_DTYPE_INT32) {
            sums_alone(s, sums, (int32_t *)s->out + at);
        } else if (r->dtype == EP_DTYPE_FLOAT) {
            float *out = (float *)s->out + at;
            if (r->residual == EP_DTYPE_INT8) {
                floats_int8(r, s, sums, residual, out);
            } else if (r->residual == EP_DTYPE_UINT8) {
                floats_uint8(r, s, sums, residual, out);
            } else {
                floats_alone(r, s, sums, NULL, out);
            }
        } else if (r->residual == EP_DTYPE_INT8) {
            codes_int8(r, s, sums, residual, (uint8_t *)s->out + at);
        } else if (r->residual == EP_DTYPE_UINT8) {
            codes_uint8(r, s, sums, residual, (uint8_t *)s->out + at);
        } else {
            codes_alone(r, s, sums, NULL, (uint8_t *)s->out + at);
        }
    }
}
