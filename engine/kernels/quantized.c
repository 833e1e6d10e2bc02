#include "engine/quantized.h"

#include <math.h>

enum { PIECE = 1 << 15 };

ep_status ep__doubles(const ep__call *call, const ep_array *array, const double **out,
                      ep_error *err)
{
    if (ep__wide(array->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(array, err);
    double *copy = EP_NEW_RAW(call->scratch, double, array->n);
    if (!copy) return ep_fail_memory(err);
    ep__convert(EP_DTYPE_DOUBLE, copy, array->dtype, array->data, array->n, false);
    *out = copy;
    return EP_OK;
}

/* ---- zero points --------------------------------------------------------------------------- */

typedef struct shift {
    const void *in, *zero; /* of the same type; zero: `zeros` elements */
    int64_t zeros, inner;
    double *out;
} shift;

#define SHIFT(id, T)                                                                               \
    static void shift_##id(uint64_t begin, uint64_t end, void *context)                            \
    {                                                                                              \
        const shift *s = context;                                                                  \
        const T *in = s->in, *zero = s->zero;                                                      \
        if (s->zeros == 1) {                                                                       \
            const int z = zero[0];                                                                 \
            for (uint64_t i = begin; i < end; i++) s->out[i] = (double)(in[i] - z);                \
            return;                                                                                \
        }                                                                                          \
        int64_t run = (int64_t)begin / s->inner % s->zeros, left = s->inner;                       \
        left -= (int64_t)begin % s->inner;                                                         \
        for (uint64_t i = begin; i < end; i++) {                                                   \
            s->out[i] = (double)(in[i] - zero[run]);                                               \
            if (--left > 0) continue;                                                              \
            left = s->inner;                                                                       \
            run = run + 1 < s->zeros ? run + 1 : 0;                                                \
        }                                                                                          \
    }
SHIFT(INT8, int8_t)
SHIFT(UINT8, uint8_t)

ep_status ep__less_zero(const ep__call *call, const ep_array *array, const ep_array *zero,
                        int64_t of, int64_t inner, const double **out, ep_error *err)
{
    static const uint8_t none[1] = {0};
    const bool is_signed = array->dtype == EP_DTYPE_INT8;
    if (!is_signed && array->dtype != EP_DTYPE_UINT8) return ep__bad_dtype(array, err);
    EP_FAIL_IF(zero && zero->dtype != array->dtype, err, EP_BAD_MODEL,
               "a zero point is %s where the numbers are %s", ep_dtype_name(zero->dtype),
               ep_dtype_name(array->dtype));
    EP_FAIL_IF(zero && zero->n != 1 && (int64_t)zero->n != of, err, EP_BAD_SHAPE,
               "%llu zero points; 1 or %lld are allowed", (unsigned long long)zero->n,
               (long long)of);
    shift s = {.in = array->data, .zero = zero ? zero->data : none, .inner = inner};
    s.zeros = zero ? (int64_t)zero->n : 1;
    s.out = EP_NEW_RAW(call->scratch, double, array->n);
    if (!s.out) return ep_fail_memory(err);
    ep_parallel(call->threads, array->n, PIECE, is_signed ? shift_INT8 : shift_UINT8, &s);
    *out = s.out;
    return EP_OK;
}

void ep__wrap_int32(const double *values, uint64_t n, int32_t *out)
{
    for (uint64_t i = 0; i < n; i++) out[i] = (int32_t)(uint32_t)(uint64_t)(int64_t)values[i];
}

/* ---- requantisation ------------------------------------------------------------------------ */

typedef struct requantized {
    const ep__requantize *r;
    const double *sums, *x_scale, *w_scale;
    double y_scale, y_zero;
    ep_array *out;
} requantized;

static void requantize(uint64_t begin, uint64_t end, void *context)
{
    enum { BLOCK = 512 };
    const requantized *q = context;
    const ep__requantize *r = q->r;
    const bool x_many = r->x_scale->n > 1, w_many = r->w_scale->n > 1;
    double block[BLOCK];
    for (uint64_t at = begin; at < end; at += BLOCK) {
        const uint64_t n = ep_min_u64(BLOCK, end - at);
        for (uint64_t k = 0; k < n; k++) {
            const int64_t i = (int64_t)(at + k);
            const double x = q->x_scale[x_many ? i / r->x_inner % r->x_scales : 0];
            const double w = q->w_scale[w_many ? i / r->w_inner % r->w_scales : 0];
            /* in float, as every runtime computes it: ties depend on it */
            const float scale = (float)x * (float)w / (float)q->y_scale;
            block[k] = (double)rintf((float)q->sums[i] * scale) + q->y_zero;
        }
        ep__convert(q->out->dtype, (char *)q->out->data + at, EP_DTYPE_DOUBLE, block, n, true);
    }
}

static ep_status check_scales(const ep_array *scale, int64_t allowed, ep_error *err)
{
    EP_FAIL_IF(scale->n != 1 && (int64_t)scale->n != allowed, err, EP_BAD_SHAPE,
               "%llu scales; 1 or %lld are allowed", (unsigned long long)scale->n,
               (long long)allowed);
    return EP_OK;
}

ep_status ep__requantize_run(const ep__call *call, const ep__requantize *r, const double *sums,
                             ep_array *out, ep_error *err)
{
    requantized q = {.r = r, .sums = sums, .out = out};
    if (ep_dtype_bits(out->dtype) != 8 || out->dtype != r->y_zero->dtype) {
        return ep__bad_dtype(out, err);
    }
    EP_TRY(check_scales(r->x_scale, r->x_scales, err));
    EP_TRY(check_scales(r->w_scale, r->w_scales, err));
    EP_TRY(check_scales(r->y_scale, 1, err));
    EP_TRY(check_scales(r->y_zero, 1, err));
    EP_TRY(ep__doubles(call, r->x_scale, &q.x_scale, err));
    EP_TRY(ep__doubles(call, r->w_scale, &q.w_scale, err));
    q.y_scale = ep__first(r->y_scale);
    q.y_zero = ep__first(r->y_zero);
    ep_parallel(call->threads, out->n, PIECE, requantize, &q);
    return EP_OK;
}
