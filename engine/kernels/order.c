/* Operators that depend on the order of elements along an axis: ArgMax, ArgMin, TopK, CumSum. All
 * work on widened elements. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"

/* An array as outer x axis x inner. */
typedef struct lanes {
    int64_t outer, n, inner;
    ep_dtype wide;
    const void *input;
} lanes;

static ep_status read_lanes(const ep__call *call, int64_t axis_value, lanes *l, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    int axis;
    EP_TRY(ep__front_axis(axis_value, in->shape.rank, &axis, err));
    *l = (lanes){.outer = ep__product(&in->shape, 0, axis),
                 .n = in->shape.dims[axis],
                 .inner = ep__product(&in->shape, axis + 1, in->shape.rank),
                 .wide = ep__wide(in->dtype)};
    return ep__widened(call, in, &l->input, err);
}

/* a after b in ascending order; NaN is greatest */
static int compare_double(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y)) return (isnan(x) != 0) - (isnan(y) != 0);
    return (x > y) - (x < y);
}

static int compare_int64(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int compare_uint64(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

typedef int (*comparison)(const void *a, const void *b);

static comparison comparison_of(ep_dtype wide)
{
    return wide == EP_DTYPE_DOUBLE  ? compare_double
           : wide == EP_DTYPE_INT64 ? compare_int64
                                    : compare_uint64;
}

/* ---- ArgMax, ArgMin ------------------------------------------------------------------------ */

static ep_status arg_extreme(ep__call *call, int sign, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const bool last = ep_attr_int(call->node, "select_last_index", 0) != 0;
    lanes l;
    EP_TRY(read_lanes(call, ep_attr_int(call->node, "axis", 0), &l, err));
    if ((int64_t)out->n != l.outer * l.inner || out->dtype != EP_DTYPE_INT64) {
        return ep__bad_out_shape(out, err);
    }
    EP_FAIL_IF(l.n == 0 && out->n > 0, err, EP_BAD_SHAPE, "the axis is empty");
    const comparison compare = comparison_of(l.wide);
    const ep__number *values = l.input;
    int64_t *to = out->data;
    for (int64_t o = 0; o < l.outer; o++) {
        for (int64_t i = 0; i < l.inner; i++) {
            const ep__number *lane = values + o * l.n * l.inner + i;
            int64_t best = 0;
            for (int64_t k = 1; k < l.n; k++) {
                const int order = sign * compare(&lane[k * l.inner], &lane[best * l.inner]);
                if (order > 0 || (order == 0 && last)) best = k;
            }
            *to++ = best;
        }
    }
    return EP_OK;
}

ep_status ep__kernel_ArgMax(ep__call *call, ep_error *err)
{
    return arg_extreme(call, 1, err);
}

ep_status ep__kernel_ArgMin(ep__call *call, ep_error *err)
{
    return arg_extreme(call, -1, err);
}

/* ---- TopK ---------------------------------------------------------------------------------- */

typedef struct item {
    ep__number value;
    int64_t index;
} item;

/* equal values: the lower index first */
#define COMPARE_ITEMS(name, sign, compare)                                                         \
    static int name(const void *a, const void *b)                                                  \
    {                                                                                              \
        const item *x = a, *y = b;                                                                 \
        const int order = (sign)*compare(&x->value, &y->value);                                    \
        return order ? order : (x->index > y->index) - (x->index < y->index);                      \
    }
COMPARE_ITEMS(largest_double, -1, compare_double)
COMPARE_ITEMS(largest_int64, -1, compare_int64)
COMPARE_ITEMS(largest_uint64, -1, compare_uint64)
COMPARE_ITEMS(smallest_double, 1, compare_double)
COMPARE_ITEMS(smallest_int64, 1, compare_int64)
COMPARE_ITEMS(smallest_uint64, 1, compare_uint64)

static comparison item_comparison(ep_dtype wide, bool largest)
{
    switch (wide) {
    case EP_DTYPE_DOUBLE: return largest ? largest_double : smallest_double;
    case EP_DTYPE_INT64: return largest ? largest_int64 : smallest_int64;
    default: return largest ? largest_uint64 : smallest_uint64;
    }
}

typedef struct selection {
    const lanes *lanes;
    int64_t k;
    comparison compare; /* below 0: a comes before b */
    item *best;         /* k a lane */
    ep__number *values; /* of the output, still wide */
    int64_t *indices;   /* NULL: nobody wants them */
} selection;

/* Moves item `at` of a heap down to where it belongs; the last in order is on top. */
static void sift(item *heap, int64_t n, int64_t at, comparison compare)
{
    const item moved = heap[at];
    for (;;) {
        int64_t child = 2 * at + 1;
        if (child >= n) break;
        if (child + 1 < n && compare(&heap[child + 1], &heap[child]) > 0) child++;
        if (compare(&moved, &heap[child]) >= 0) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* The first k of each lane in order, in time n log k. */
static void select_lanes(uint64_t begin, uint64_t end, void *context)
{
    const selection *s = context;
    const lanes *l = s->lanes;
    for (int64_t lane = (int64_t)begin; lane < (int64_t)end; lane++) {
        const int64_t o = lane / l->inner, i = lane % l->inner;
        const ep__number *from = (const ep__number *)l->input + o * l->n * l->inner + i;
        item *best = s->best + lane * s->k;
        for (int64_t j = 0; j < s->k; j++) best[j] = (item){from[j * l->inner], j};
        for (int64_t j = s->k / 2 - 1; j >= 0; j--) sift(best, s->k, j, s->compare);
        for (int64_t j = s->k; j < l->n; j++) {
            const item next = {from[j * l->inner], j};
            if (s->compare(&next, best) >= 0) continue;
            best[0] = next;
            sift(best, s->k, 0, s->compare);
        }
        qsort(best, (size_t)s->k, sizeof *best, s->compare);
        for (int64_t j = 0; j < s->k; j++) {
            const int64_t to = (o * s->k + j) * l->inner + i;
            s->values[to] = best[j].value;
            if (s->indices) s->indices[to] = best[j].index;
        }
    }
}

/* Sorted also where `sorted` is 0, which leaves the order open. */
ep_status ep__kernel_TopK(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *values = ep__out(call, 0), *indices = ep__out(call, 1);
    const bool largest = ep_attr_int(call->node, "largest", 1) != 0;
    lanes l;
    EP_TRY(read_lanes(call, ep_attr_int(call->node, "axis", -1), &l, err));
    const ep_array *any = values ? values : indices;
    if (!any) return EP_OK;
    const int64_t around = l.outer * l.inner, k = around > 0 ? (int64_t)any->n / around : 0;
    if (k > l.n || (int64_t)any->n != k * around || (indices && indices->n != any->n)) {
        return ep__bad_out_shape(any, err);
    }
    if (k == 0) return EP_OK;
    selection s = {.lanes = &l,
                   .k = k,
                   .compare = item_comparison(l.wide, largest),
                   .best = EP_NEW(call->scratch, item, any->n),
                   .values = EP_NEW(call->scratch, ep__number, any->n),
                   .indices = indices ? indices->data : NULL};
    if (!s.best || !s.values) return ep_fail_memory(err);
    ep_parallel(call->threads, (uint64_t)around, ep__rows_a_piece(l.n), select_lanes, &s);
    if (values) ep__convert(in->dtype, values->data, l.wide, s.values, values->n, false);
    return EP_OK;
}

/* ---- CumSum -------------------------------------------------------------------------------- */

/* One lane from its first element (its last, with a negative `step`). */
#define CUMULATE(id, T, W)                                                                         \
    static void cumulate_##id(int64_t n, int64_t step, bool exclusive, const void *in, void *out)  \
    {                                                                                              \
        const T *from = in;                                                                        \
        T *to = out;                                                                               \
        W sum = 0;                                                                                 \
        for (int64_t k = 0; k < n; k++) {                                                          \
            const W x = (W)from[k * step];                                                         \
            to[k * step] = (T)(exclusive ? sum : sum + x);                                         \
            sum += x;                                                                              \
        }                                                                                          \
    }
CUMULATE(DOUBLE, double, double)
CUMULATE(UINT64, uint64_t, uint64_t) /* and int64, wrapping */

ep_status ep__kernel_CumSum(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *axis = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const bool exclusive = ep_attr_int(call->node, "exclusive", 0) != 0;
    const bool reverse = ep_attr_int(call->node, "reverse", 0) != 0;
    const int64_t *axis_value;
    lanes l;
    EP_TRY(ep__int_values(call, axis, &axis_value, err));
    EP_FAIL_IF(axis->n != 1, err, EP_BAD_MODEL, "needs one axis, got %llu",
               (unsigned long long)axis->n);
    EP_TRY(read_lanes(call, *axis_value, &l, err));
    if (out->n != in->n) return ep__bad_out_shape(out, err);
    if (in->n == 0) return EP_OK;
    ep__number *sums = EP_NEW(call->scratch, ep__number, in->n);
    if (!sums) return ep_fail_memory(err);
    for (int64_t lane = 0; lane < l.outer * l.inner; lane++) {
        int64_t begin = lane / l.inner * l.n * l.inner + lane % l.inner;
        if (reverse) begin += (l.n - 1) * l.inner;
        (l.wide == EP_DTYPE_DOUBLE ? cumulate_DOUBLE : cumulate_UINT64)(
            l.n, reverse ? -l.inner : l.inner, exclusive, (const ep__number *)l.input + begin,
            sums + begin);
    }
    ep__convert(out->dtype, out->data, l.wide, sums, out->n, false);
    return EP_OK;
}
