/* Unique: the different elements, or slices along an axis, of an array. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"

/* What is compared: `count` slices of `length` widened elements each. */
typedef struct slices {
    ep_dtype wide;
    int64_t count, length;
    int64_t outer, inner; /* around the axis */
} slices;

typedef struct slice {
    const slices *of;
    const ep__number *values;
    int64_t index;
} slice;

/* A run of equal slices in sorted order. */
typedef struct group {
    int64_t first; /* index of the first of them in the array */
    int64_t begin, end;
} group;

static int compare_elements(ep_dtype wide, ep__number a, ep__number b)
{
    switch (wide) {
    case EP_DTYPE_DOUBLE: /* NaNs are equal, and greatest */
        if (isnan(a.d) || isnan(b.d)) return (isnan(a.d) != 0) - (isnan(b.d) != 0);
        return (a.d > b.d) - (a.d < b.d);
    case EP_DTYPE_INT64: return (a.i > b.i) - (a.i < b.i);
    default: return (a.u > b.u) - (a.u < b.u);
    }
}

static int compare_values(const slice *a, const slice *b)
{
    int order = 0;
    for (int64_t i = 0; i < a->of->length && order == 0; i++) {
        order = compare_elements(a->of->wide, a->values[i], b->values[i]);
    }
    return order;
}

static int compare_slices(const void *a, const void *b)
{
    const slice *x = a, *y = b;
    const int order = compare_values(x, y);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static int compare_groups(const void *a, const void *b)
{
    const group *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* The slices in ascending order. */
static ep_status sort_slices(const ep__call *call, slices *s, slice **out, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    const void *wide;
    EP_TRY(ep__widened(call, in, &wide, err));
    ep__number *values = EP_NEW(call->scratch, ep__number, in->n);
    *out = EP_NEW(call->scratch, slice, (uint64_t)s->count);
    if (!values || !*out) return ep_fail_memory(err);
    for (int64_t i = 0; i < s->count; i++) {
        ep__number *to = values + i * s->length;
        (*out)[i] = (slice){s, to, i};
        for (int64_t o = 0; s->length > 0 && o < s->outer; o++) {
            memcpy(to + o * s->inner, (const ep__number *)wide + (o * s->count + i) * s->inner,
                   (size_t)s->inner * sizeof *to);
        }
    }
    if (s->count > 0) qsort(*out, (size_t)s->count, sizeof **out, compare_slices);
    return EP_OK;
}

/* Groups of equal slices, ascending or in the order in which they come. */
static ep_status find_groups(const ep__call *call, const slice *sorted, int64_t count,
                             bool ascending, group **out, int64_t *n, ep_error *err)
{
    *n = 0;
    *out = EP_NEW(call->scratch, group, (uint64_t)count);
    if (!*out) return ep_fail_memory(err);
    for (int64_t i = 0; i < count; i++) {
        if (i == 0 || compare_values(&sorted[i - 1], &sorted[i]) != 0) {
            (*out)[(*n)++] = (group){.first = sorted[i].index, .begin = i};
        }
        (*out)[*n - 1].end = i + 1;
    }
    if (!ascending && *n > 0) qsort(*out, (size_t)*n, sizeof **out, compare_groups);
    return EP_OK;
}

/* The first slice of each group. */
static ep_status store_values(ep__call *call, const slices *s, int axis, const group *groups,
                              int64_t n, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_shape shape = in->shape;
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    if (axis < 0) {
        shape = (ep_shape){.rank = 1, .dims = {n}};
    } else {
        shape.dims[axis] = n;
    }
    EP_TRY(ep__make_out(call, 0, in->dtype, &shape, err));
    const size_t run = (size_t)s->inner * size;
    char *to = call->outputs[0].data;
    for (int64_t o = 0; in->n > 0 && o < s->outer; o++) {
        for (int64_t i = 0; i < n; i++, to += run) {
            memcpy(to, (const char *)in->data + (size_t)(o * s->count + groups[i].first) * run,
                   run);
        }
    }
    return EP_OK;
}

/* Indices of the first of each group, the group of each slice, members of each group. */
static ep_status store_indices(ep__call *call, const slices *s, const slice *sorted,
                               const group *groups, int64_t n, ep_error *err)
{
    for (uint32_t output = 1; output < call->n_outputs && output < 4; output++) {
        const ep_shape shape = {.rank = 1, .dims = {output == 2 ? s->count : n}};
        EP_TRY(ep__make_out(call, output, EP_DTYPE_INT64, &shape, err));
        int64_t *to = call->outputs[output].data;
        for (int64_t i = 0; i < n; i++) {
            const group *g = &groups[i];
            if (output == 1) to[i] = g->first;
            if (output == 3) to[i] = g->end - g->begin;
            for (int64_t k = g->begin; output == 2 && k < g->end; k++) to[sorted[k].index] = i;
        }
    }
    return EP_OK;
}

ep_status ep__kernel_Unique(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    int axis = -1; /* of the flattened array */
    slices s = {
        .wide = ep__wide(in->dtype), .count = (int64_t)in->n, .length = 1, .outer = 1, .inner = 1};
    if (ep_attr_find(call->node, "axis")) {
        EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), in->shape.rank, &axis, err));
        s.count = in->shape.dims[axis];
        s.length = in->n > 0 ? (int64_t)in->n / s.count : 0;
        s.outer = s.length > 0 ? ep__product(&in->shape, 0, axis) : 0;
        s.inner = s.length > 0 ? s.length / s.outer : 0;
    }
    slice *sorted = NULL;
    group *groups = NULL;
    int64_t n = 0;
    const bool ascending = ep_attr_int(call->node, "sorted", 1) != 0;
    EP_TRY(sort_slices(call, &s, &sorted, err));
    EP_TRY(find_groups(call, sorted, s.count, ascending, &groups, &n, err));
    EP_TRY(store_values(call, &s, axis, groups, n, err));
    return store_indices(call, &s, sorted, groups, n, err);
}
