/* QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear. */
#include <math.h>
#include <string.h>

#include "engine/quantized.h"
#include "engine/codes.h"

enum { BLOCK = 512, PIECE = 64 * BLOCK }; /* even: 4-bit elements lie two to a byte */

/* Which scale an element has: the array is outer x axis x inner, the scales s_outer x s_axis x
 * s_inner, `block` elements of the axis share one. */
typedef struct grid {
    int64_t outer, axis, inner;
    bool scale_per_outer, scale_per_inner;
    int64_t s_axis, block;
    const double *scale, *zero; /* zero: NULL when there are none */
    const ep_array *in;
    ep_array *out;
    bool quantize, saturate;
} grid;

/* ---- scales -------------------------------------------------------------------------------- */

/* Per tensor, per axis, or in blocks of an axis (opset 21). */
static ep_status read_grid(const ep__call *call, grid *g, ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *scale = ep__in(call, 1), *zero = ep__in(call, 2);
    *g = (grid){.outer = 1, .axis = (int64_t)x->n, .inner = 1, .s_axis = 1};
    const int64_t block_size = ep_attr_int(call->node, "block_size", 0);
    if (scale->n != 1 || scale->shape.rank > 1) {
        const int rank = x->shape.rank;
        int axis;
        EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 1), rank, &axis, err));
        g->outer = ep__product(&x->shape, 0, axis);
        g->axis = x->shape.dims[axis];
        g->inner = ep__product(&x->shape, axis + 1, rank);
        g->s_axis = (int64_t)scale->n;
        if (scale->shape.rank == rank && rank > 1) {
            g->s_axis = scale->shape.dims[axis];
            g->scale_per_outer = g->scale_per_inner = true;
        }
    }
    g->block = g->s_axis > 0 ? (int64_t)ep_div_up((uint64_t)g->axis, (uint64_t)g->s_axis) : 1;
    if (block_size > 0 && g->scale_per_outer) g->block = block_size;
    if (g->block == 0) g->block = 1;
    const int64_t needed =
        (g->scale_per_outer ? g->outer : 1) * g->s_axis * (g->scale_per_inner ? g->inner : 1);
    const bool covers = x->n == 0 || (g->axis - 1) / g->block < g->s_axis;
    const bool whole = g->s_axis == 1 || g->scale_per_outer || g->s_axis == g->axis;
    EP_FAIL_IF((int64_t)scale->n != needed || !covers || !whole, err, EP_BAD_SHAPE,
               "%llu scales do not fit an axis of %lld elements", (unsigned long long)scale->n,
               (long long)g->axis);
    EP_FAIL_IF(zero && zero->n != scale->n, err, EP_BAD_SHAPE, "%llu zero points for %llu scales",
               zero ? (unsigned long long)zero->n : 0, (unsigned long long)scale->n);
    EP_TRY(ep__doubles(call, scale, &g->scale, err));
    return zero ? ep__doubles(call, zero, &g->zero, err) : EP_OK;
}

/* Elements from `e` on that lie side by side and have scales from *s on in steps of *step. */
static int64_t run_at(const grid *g, int64_t e, int64_t *s, int64_t *step)
{
    const int64_t inner = e % g->inner, axis = e / g->inner % g->axis,
                  outer = e / g->inner / g->axis;
    const int64_t row = (g->scale_per_outer ? outer * g->s_axis : 0) + axis / g->block;
    *step = g->scale_per_inner ? 1 : 0;
    *s = g->scale_per_inner ? row * g->inner + inner : row;
    if (g->scale_per_inner) return g->inner - inner;
    /* those of one block, and of one scale for all */
    if (g->s_axis == 1 && !g->scale_per_outer) return (int64_t)g->in->n - e;
    const int64_t end = (axis / g->block + 1) * g->block;
    return ((end < g->axis ? end : g->axis) - axis) * g->inner - inner;
}

/* ---- elements ------------------------------------------------------------------------------ */

/* x / scale rounded to even + zero. In float, as every runtime computes it: ties depend on it. */
static void quantize(int64_t n, double *x, const double *scale, const double *zero, int64_t step,
                     bool round)
{
    for (int64_t i = 0; i < n; i++) {
        const float scaled = (float)x[i] / (float)scale[i * step];
        x[i] = (double)(round ? rintf(scaled) : scaled) + (zero ? zero[i * step] : 0);
    }
}

static void dequantize(int64_t n, double *x, const double *scale, const double *zero, int64_t step)
{
    for (int64_t i = 0; i < n; i++) {
        x[i] = (x[i] - (zero ? zero[i * step] : 0)) * scale[i * step];
    }
}

static void run_blocks(uint64_t begin, uint64_t end, void *context)
{
    const grid *g = context;
    const bool round = !ep_dtype_is_float(g->out->dtype);
    double block[BLOCK];
    for (uint64_t at = begin; at < end; at += BLOCK) {
        const uint64_t n = ep_min_u64(BLOCK, end - at);
        const char *from = (const char *)g->in->data + ep_dtype_bytes(g->in->dtype, at);
        ep__convert(EP_DTYPE_DOUBLE, block, g->in->dtype, from, n, false);
        for (int64_t k = 0, run; k < (int64_t)n; k += run) {
            int64_t s, step;
            run = run_at(g, (int64_t)at + k, &s, &step);
            if (run > (int64_t)n - k) run = (int64_t)n - k;
            const double *zero = g->zero ? g->zero + s : NULL;
            if (g->quantize) {
                quantize(run, block + k, g->scale + s, zero, step, round);
            } else {
                dequantize(run, block + k, g->scale + s, zero, step);
            }
        }
        char *to = (char *)g->out->data + ep_dtype_bytes(g->out->dtype, at);
        ep__convert(g->out->dtype, to, EP_DTYPE_DOUBLE, block, n, g->saturate);
    }
}

/* ---- the common case ----------------------------------------------------------------------- */

/* Floats to codes of one scale, and back: the same numbers. */
EP_CLONES static void quantize_floats(uint64_t n, const float *restrict x, float scale,
                                      int32_t zero, int32_t least, uint8_t *restrict out)
{
    const float low = (float)(least - zero), high = low + 255;
    for (uint64_t i = 0; i < n; i++) {
        const int32_t code = ep__round_even(ep__clampf(x[i] / scale, low, high)) + zero;
        out[i] = (uint8_t)(x[i] == x[i] ? code : 0);
    }
}

#define DEQUANTIZE(id, T)                                                                          \
    EP_CLONES static void dequantize_##id(uint64_t n, const T *restrict x, float scale,            \
                                          int32_t zero, float *restrict out)                       \
    {                                                                                              \
        for (uint64_t i = 0; i < n; i++) out[i] = (float)(x[i] - zero) * scale;                    \
    }
DEQUANTIZE(INT8, int8_t)
DEQUANTIZE(UINT8, uint8_t)

static void run_floats(uint64_t begin, uint64_t end, void *context)
{
    const grid *g = context;
    const uint64_t n = end - begin;
    const float scale = (float)g->scale[0];
    const int32_t zero = g->zero ? (int32_t)g->zero[0] : 0;
    if (g->quantize) {
        quantize_floats(n, (const float *)g->in->data + begin, scale, zero,
                        ep__least_code(g->out->dtype), (uint8_t *)g->out->data + begin);
    } else if (g->in->dtype == EP_DTYPE_INT8) {
        dequantize_INT8(n, (const int8_t *)g->in->data + begin, scale, zero,
                        (float *)g->out->data + begin);
    } else {
        dequantize_UINT8(n, (const uint8_t *)g->in->data + begin, scale, zero,
                         (float *)g->out->data + begin);
    }
}

/* One scale, which is a float greater than 0, for floats and 8-bit integers. */
static bool is_common(const grid *g, const ep_array *scale)
{
    const ep_array *codes = g->quantize ? g->out : g->in, *floats = g->quantize ? g->in : g->out;
    return (codes->dtype == EP_DTYPE_INT8 || codes->dtype == EP_DTYPE_UINT8) &&
           floats->dtype == EP_DTYPE_FLOAT && scale->n == 1 && scale->dtype == EP_DTYPE_FLOAT &&
           g->scale[0] > 0 && !isinf(g->scale[0]);
}

static ep_status run(ep__call *call, bool quantizes, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    grid g;
    EP_TRY(read_grid(call, &g, err));
    if (out->n != in->n) return ep__bad_out_shape(out, err);
    if (ep__wide(in->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(in, err);
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    g.in = in;
    g.out = out;
    g.quantize = quantizes;
    g.saturate = ep_attr_int(call->node, "saturate", 1) != 0;
    ep_parallel(call->threads, in->n, PIECE,
                is_common(&g, ep__in(call, 1)) ? run_floats : run_blocks, &g);
    return EP_OK;
}

ep_status ep__kernel_QuantizeLinear(ep__call *call, ep_error *err)
{
    return run(call, true, err);
}

ep_status ep__kernel_DequantizeLinear(ep__call *call, ep_error *err)
{
    return run(call, false, err);
}

/* ---- DynamicQuantizeLinear ----------------------------------------------------------------- */

/* A scale and zero point for uint8 that the array's range, widened to include 0, asks for. */
ep_status ep__kernel_DynamicQuantizeLinear(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0), *scale = ep__out(call, 1), *zero = ep__out(call, 2);
    if (in->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(in, err);
    EP_FAIL_IF(!out || !scale || !zero, err, EP_UNSUPPORTED, "leaves an output out");
    if (out->dtype != EP_DTYPE_UINT8 || out->n != in->n || scale->n != 1 ||
        scale->dtype != EP_DTYPE_FLOAT || zero->n != 1 || zero->dtype != EP_DTYPE_UINT8) {
        return ep__bad_out_shape(out, err);
    }
    const float *x = in->data;
    float low = 0, high = 0;
    for (uint64_t i = 0; i < in->n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    const float step = high > low ? (high - low) / 255 : 1; /* nothing but zeros */
    const double wide_step = (double)step;
    const double wide_zero = fmin(fmax((double)rintf((0 - low) / step), 0), 255);
    *(float *)scale->data = step;
    *(uint8_t *)zero->data = (uint8_t)wide_zero;
    grid g = {.outer = 1, .axis = (int64_t)in->n, .inner = 1, .s_axis = 1, .in = in, .out = out};
    g.block = g.axis > 0 ? g.axis : 1;
    g.scale = &wide_step;
    g.zero = &wide_zero;
    g.quantize = g.saturate = true;
    ep_parallel(call->threads, in->n, PIECE, run_blocks, &g);
    return EP_OK;
}
