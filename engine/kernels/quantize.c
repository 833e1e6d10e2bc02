/* QuantizeLinear and DequantizeLinear. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

/* Which scale an element has: the array is outer x axis x inner, the scales s_outer x s_axis x
 * s_inner, `block` elements of the axis share one. */
typedef struct grid {
    int64_t outer, axis, inner;
    bool scale_per_outer, scale_per_inner;
    int64_t s_axis, block;
    const double *x, *scale, *zero; /* zero: NULL when there are none */
} grid;

static ep_status doubles(const ep__call *call, const ep_array *array, const double **out,
                         ep_error *err)
{
    double *copy = EP_NEW(call->scratch, double, array->n);
    if (!copy) return ep_fail_memory(err);
    if (ep__wide(array->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(array, err);
    ep__convert(EP_DTYPE_DOUBLE, copy, array->dtype, array->data, array->n, false);
    *out = copy;
    return EP_OK;
}

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
    EP_TRY(doubles(call, x, &g->x, err));
    EP_TRY(doubles(call, scale, &g->scale, err));
    return zero ? doubles(call, zero, &g->zero, err) : EP_OK;
}

/* Index of the scale of element (o, a, i). */
static int64_t scale_at(const grid *g, int64_t o, int64_t a, int64_t i)
{
    const int64_t inner = g->scale_per_inner ? g->inner : 1;
    return ((g->scale_per_outer ? o * g->s_axis : 0) + a / g->block) * inner +
           (g->scale_per_inner ? i : 0);
}

/* Runs over all elements in order: `e` is the element, `s` the index of its scale. */
#define FOR_EACH(g, e, s, statement)                                                               \
    for (int64_t o = 0, e = 0; o < (g)->outer; o++) {                                              \
        for (int64_t a = 0; a < (g)->axis; a++) {                                                  \
            for (int64_t i = 0; i < (g)->inner; i++, e++) {                                        \
                const int64_t s = scale_at((g), o, a, i);                                          \
                statement;                                                                         \
            }                                                                                      \
        }                                                                                          \
    }

static ep_status run(ep__call *call, bool quantize, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const bool to_int = !ep_dtype_is_float(out->dtype);
    grid g;
    EP_TRY(read_grid(call, &g, err));
    if (out->n != ep__in(call, 0)->n) return ep__bad_out_shape(out, err);
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    double *y = EP_NEW(call->scratch, double, out->n);
    if (!y) return ep_fail_memory(err);
    if (quantize) {
        /* in float, as every runtime computes it: ties depend on it */
        FOR_EACH(&g, e, s, {
            const double scaled = (double)((float)g.x[e] / (float)g.scale[s]);
            y[e] = (to_int ? rint(scaled) : scaled) + (g.zero ? g.zero[s] : 0);
        })
    } else {
        FOR_EACH(&g, e, s, y[e] = (g.x[e] - (g.zero ? g.zero[s] : 0)) * g.scale[s])
    }
    const bool saturate = ep_attr_int(call->node, "saturate", 1) != 0;
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, y, out->n, saturate);
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
