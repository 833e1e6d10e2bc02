/* What becomes of sums. */
#include "engine/int8/core.h"
#include "engine/codes.h"

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
        const int32_t *restrict bias = s->bias;                                                    \
        const float *restrict scales = s->scale;                                                   \
        const int64_t n = s->n; /* the codes written might be `s`, for all a compiler knows */     \
        (void)zero, (void)scale, (void)residual;                                                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            float v = (float)biased(sums[i], bias[i]) * scales[i];                                 \
            add(T, residual);                                                                      \
            out[i] = (uint8_t)(ep__round_even(ep__clampf(v, low, high)) + out_zero);               \
        }                                                                                          \
    }
TO_CODES(alone, NOTHING, int8_t)
TO_CODES(int8, ADDED, int8_t)
TO_CODES(uint8, ADDED, uint8_t)

EP_CLONES static void floats(const ep__int8_sums *s, const int32_t *restrict sums,
                             float *restrict out)
{
    const int64_t n = s->n;
    const int32_t *restrict bias = s->bias;
    const float *restrict scales = s->scale;
    for (int64_t i = 0; i < n; i++) out[i] = (float)biased(sums[i], bias[i]) * scales[i];
}

void ep__int8_finish(const ep__int8_result *r, const ep__int8_sums *s)
{
    for (int64_t row = 0; row < s->rows; row++) {
        const int32_t *sums = s->sums + row * s->ld;
        const int64_t at = row * s->out_ld;
        const uint8_t *residual = s->residual ? s->residual + at : NULL;
        if (r->dtype == EP_DTYPE_FLOAT) {
            floats(s, sums, (float *)s->out + at);
        } else if (r->residual == EP_DTYPE_INT8) {
            codes_int8(r, s, sums, residual, (uint8_t *)s->out + at);
        } else if (r->residual == EP_DTYPE_UINT8) {
            codes_uint8(r, s, sums, residual, (uint8_t *)s->out + at);
        } else {
            codes_alone(r, s, sums, NULL, (uint8_t *)s->out + at);
        }
    }
}
