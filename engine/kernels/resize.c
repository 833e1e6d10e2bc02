/* Resize and Upsample. Every axis has taps: which elements an output element takes, and how much of
 * each. Nearest neighbours are copied; the other modes are a pass an axis. */
#include <math.h>
#include <string.h>

#include "engine/kernels/resize.h"

/* ---- copying ------------------------------------------------------------------------------- */

typedef struct copying {
    const ep_array *in, *out;
    const ep__resize_axis *axes;
    int64_t strides[EP_MAX_RANK]; /* of the input */
    size_t size;
} copying;

#define COPY_ROW(T)                                                                                \
    static void copy_row_##T(int64_t n, const int64_t *index, const void *in, void *out)           \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) ((T *)out)[i] = ((const T *)in)[index[i]];                 \
    }
COPY_ROW(uint8_t)
COPY_ROW(uint16_t)
COPY_ROW(uint32_t)
COPY_ROW(uint64_t)

/* Rows of the output's last axis. */
static void copy_rows(uint64_t begin, uint64_t end, void *context)
{
    const copying *c = context;
    const int last = c->out->shape.rank - 1;
    const int64_t n = c->out->shape.dims[last];
    for (uint64_t row = begin; row < end; row++) {
        uint64_t rest = row;
        int64_t at = 0;
        for (int i = last - 1; i >= 0; i--) {
            const uint64_t dim = (uint64_t)c->out->shape.dims[i];
            at += c->axes[i].index[rest % dim] * c->strides[i];
            rest /= dim;
        }
        const char *from = (const char *)c->in->data + (size_t)at * c->size;
        char *to = (char *)c->out->data + (size_t)row * (size_t)n * c->size;
        switch (c->size) {
        case 1: copy_row_uint8_t(n, c->axes[last].index, from, to); break;
        case 2: copy_row_uint16_t(n, c->axes[last].index, from, to); break;
        case 4: copy_row_uint32_t(n, c->axes[last].index, from, to); break;
        default: copy_row_uint64_t(n, c->axes[last].index, from, to);
        }
    }
}

static ep_status copy_nearest(const ep__call *call, const ep__resize_axis *axes, ep_error *err)
{
    copying c = {.in = ep__in(call, 0), .out = ep__out(call, 0), .axes = axes};
    EP_TRY(ep__element_size(c.in->dtype, &c.size, err));
    if (c.size > 8) return ep__bad_dtype(c.in, err);
    ep__strides(&c.in->shape, c.strides);
    const int64_t n = c.out->shape.dims[c.out->shape.rank - 1];
    ep_parallel(call->threads, c.out->n / (uint64_t)n, ep__rows_a_piece(n), copy_rows, &c);
    return EP_OK;
}

/* ---- passes -------------------------------------------------------------------------------- */

/* One axis: outer x in x inner to outer x out x inner. */
typedef struct pass {
    const ep__resize_axis *axis;
    int64_t inner;
    const void *from;
    void *to;
} pass;

/* Rows of `inner` elements; or, where these are single, of the output's axis. */
#define PASS(id, T)                                                                                \
    static void pass_##id(uint64_t begin, uint64_t end, void *context)                             \
    {                                                                                              \
        const pass *p = context;                                                                   \
        const ep__resize_axis *a = p->axis;                                                        \
        for (uint64_t row = begin; row < end; row++) {                                             \
            const uint64_t outer = row / (uint64_t)a->out, k = row % (uint64_t)a->out;             \
            const int64_t *index = a->index + k * (uint64_t)a->taps;                               \
            const double *weight = a->weight + k * (uint64_t)a->taps;                              \
            const T *from = (const T *)p->from + (int64_t)outer * a->in * p->inner;                \
            T *to = (T *)p->to + (int64_t)row * p->inner;                                          \
            for (int64_t i = 0; i < p->inner; i++) to[i] = 0;                                      \
            for (int64_t tap = 0; tap < a->taps; tap++) {                                          \
                const T *x = from + index[tap] * p->inner, w = (T)weight[tap];                     \
                for (int64_t i = 0; i < p->inner; i++) to[i] += w * x[i];                          \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void last_pass_##id(uint64_t begin, uint64_t end, void *context)                        \
    {                                                                                              \
        const pass *p = context;                                                                   \
        const ep__resize_axis *a = p->axis;                                                        \
        for (uint64_t outer = begin; outer < end; outer++) {                                       \
            const T *from = (const T *)p->from + (int64_t)outer * a->in;                           \
            T *to = (T *)p->to + (int64_t)outer * a->out;                                          \
            for (int64_t k = 0; k < a->out; k++) {                                                 \
                const int64_t *index = a->index + k * a->taps;                                     \
                const double *weight = a->weight + k * a->taps;                                    \
                T sum = 0;                                                                         \
                for (int64_t tap = 0; tap < a->taps; tap++) {                                      \
                    sum += (T)weight[tap] * from[index[tap]];                                      \
                }                                                                                  \
                to[k] = sum;                                                                       \
            }                                                                                      \
        }                                                                                          \
    }
EP__FLOAT_TYPES(PASS)

/* The axes that change, what shrinks most first: what lies between is never larger than both
 * ends. */
static int order_axes(const ep__resize_axis *axes, int rank, const ep__resize_options *o,
                      int order[EP_MAX_RANK])
{
    int count = 0;
    for (int i = 0; i < rank; i++) {
        const bool whole = !o->crop || (axes[i].start == 0 && axes[i].end == 1);
        if (axes[i].in == axes[i].out && axes[i].scale == 1 && whole) continue;
        const double growth = (double)axes[i].out / (double)axes[i].in;
        int k = count++;
        for (; k > 0; k--) {
            const ep__resize_axis *before = &axes[order[k - 1]];
            if ((double)before->out / (double)before->in <= growth) break;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    return count;
}

/* Resamples `from`, elements of `dtype` (FLOAT or DOUBLE), axis by axis; `*out` is in scratch, or
 * `from`. */
static ep_status resample(const ep__call *call, const ep__resize_options *o,
                          const ep__resize_axis *axes, ep_dtype dtype, const void *from,
                          const void **out, ep_error *err)
{
    int order[EP_MAX_RANK];
    ep_shape shape = ep__in(call, 0)->shape;
    const int count = order_axes(axes, shape.rank, o, order);
    for (int i = 0; i < count; i++) {
        const ep__resize_axis *a = &axes[order[i]];
        uint64_t n;
        shape.dims[order[i]] = a->out;
        EP_TRY(ep_shape_elements(&shape, &n, err));
        pass p = {.axis = a,
                  .inner = ep__product(&shape, order[i] + 1, shape.rank),
                  .from = from,
                  .to = ep_arena_take(call->scratch, n, ep_dtype_bits(dtype) / 8)};
        if (!p.to) return ep_fail_memory(err);
        const bool is_float = dtype == EP_DTYPE_FLOAT, last = p.inner == 1;
        const int64_t row = last ? a->out : p.inner;
        ep_parallel(call->threads, n / (uint64_t)row, ep__rows_a_piece(row * a->taps),
                    last       ? is_float ? last_pass_FLOAT : last_pass_DOUBLE
                    : is_float ? pass_FLOAT
                               : pass_DOUBLE,
                    &p);
        from = p.to;
    }
    *out = from;
    return EP_OK;
}

/* Modes other than nearest: in double for doubles, else in float. */
static ep_status interpolate(const ep__call *call, const ep__resize_options *o,
                             const ep__resize_axis *axes, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const ep_dtype dtype = in->dtype == EP_DTYPE_DOUBLE ? EP_DTYPE_DOUBLE : EP_DTYPE_FLOAT;
    if (ep__wide(in->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(in, err);
    const void *from = in->data, *result = NULL;
    if (in->dtype != dtype) {
        float *copy = EP_NEW(call->scratch, float, in->n);
        if (!copy) return ep_fail_memory(err);
        ep__convert(dtype, copy, in->dtype, in->data, in->n, false);
        from = copy;
    }
    EP_TRY(resample(call, o, axes, dtype, from, &result, err));
    ep__convert(out->dtype, out->data, dtype, result, out->n, true);
    return EP_OK;
}

/* Overwrites what lies outside on any axis. */
static ep_status extrapolate(const ep__call *call, const ep__resize_options *o,
                             const ep__resize_axis *axes, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    unsigned char value[8];
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    ep__convert(out->dtype, value, EP_DTYPE_DOUBLE, &o->extrapolated, 1, true);
    const size_t size = ep_dtype_bits(out->dtype) / 8;
    for (uint64_t at = 0; at < out->n; at++) {
        uint64_t rest = at;
        bool outside = false;
        for (int i = out->shape.rank - 1; i >= 0; i--) {
            const uint64_t dim = (uint64_t)out->shape.dims[i];
            outside |= axes[i].outside[rest % dim];
            rest /= dim;
        }
        if (outside) memcpy((char *)out->data + at * size, value, size);
    }
    return EP_OK;
}

/* ---- what is asked for --------------------------------------------------------------------- */

static ep_status read_options(const ep__call *call, ep__resize_options *o, ep_error *err)
{
    const ep_node *node = call->node;
    const char *name = ep_attr_string(node, "mode", "nearest");
    *o = (ep__resize_options){
        .coordinates = ep_attr_string(node, "coordinate_transformation_mode", "half_pixel"),
        .rounding = ep_attr_string(node, "nearest_mode", "round_prefer_floor"),
        .legacy = node->opset < 11 || strcmp(node->op_type, "Upsample") == 0,
        .antialias = ep_attr_int(node, "antialias", 0) != 0,
        .exclude_outside = ep_attr_int(node, "exclude_outside", 0) != 0,
        .cubic_a = (double)ep_attr_float(node, "cubic_coeff_a", -0.75F),
        .extrapolated = (double)ep_attr_float(node, "extrapolation_value", 0)};
    EP_FAIL_IF(!ep__resize_knows(o->coordinates), err, EP_UNSUPPORTED,
               "coordinate_transformation_mode '%s'", o->coordinates);
    o->crop = !o->legacy && strcmp(o->coordinates, "tf_crop_and_resize") == 0;
    o->mode = strcmp(name, "cubic") == 0 ? EP__CUBIC : EP__NEAREST;
    if (strcmp(name, "linear") == 0 || strcmp(name, "bilinear") == 0) o->mode = EP__LINEAR;
    EP_FAIL_IF(o->mode == EP__NEAREST && strcmp(name, "nearest") != 0, err, EP_UNSUPPORTED,
               "mode '%s'", name);
    return EP_OK;
}

/* `count` numbers of an input, one a named axis; NULL when there are none. */
static ep_status read_numbers(const ep__call *call, uint32_t input, uint32_t count,
                              const double **out, ep_error *err)
{
    const ep_array *array = ep__in(call, input);
    *out = NULL;
    if (!array || array->n == 0) return EP_OK;
    EP_FAIL_IF(array->n != count, err, EP_BAD_MODEL, "input %u has %llu values, must have %u",
               input, (unsigned long long)array->n, count);
    if (ep__wide(array->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(array, err);
    double *copy = EP_NEW(call->scratch, double, array->n);
    if (!copy) return ep_fail_memory(err);
    ep__convert(EP_DTYPE_DOUBLE, copy, array->dtype, array->data, array->n, false);
    *out = copy;
    return EP_OK;
}

/* Scales are an attribute in Upsample 7; without any, sizes give them. */
static ep_status read_scales(const ep__call *call, const ep__resize_options *o, uint32_t count,
                             const double **out, ep_error *err)
{
    EP_TRY(read_numbers(call, o->legacy ? 1 : 2, count, out, err));
    const ep_attr *attr = ep_attr_find(call->node, "scales");
    if (*out || !attr || attr->type != EP_ATTR_FLOATS || attr->count != count) return EP_OK;
    double *copy = EP_NEW(call->scratch, double, count);
    if (!copy) return ep_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) copy[i] = (double)attr->floats[i];
    *out = copy;
    return EP_OK;
}

/* With a policy that keeps the aspect ratio, all named axes have one scale, that of the axis which
 * the sizes bind. */
static void keep_ratio(const ep__call *call, const double *sizes, const int *named, uint32_t count,
                       ep__resize_axis *axes)
{
    const char *policy = ep_attr_string(call->node, "keep_aspect_ratio_policy", "stretch");
    const bool smaller = strcmp(policy, "not_larger") == 0;
    if (!sizes || (!smaller && strcmp(policy, "not_smaller") != 0)) return;
    double scale = 0;
    for (uint32_t i = 0; i < count; i++) {
        const double s = sizes[i] / (double)axes[named[i]].in;
        if (i == 0 || (smaller ? s < scale : s > scale)) scale = s;
    }
    for (uint32_t i = 0; i < count; i++) {
        axes[named[i]].scale = scale;
        axes[named[i]].length = scale * (double)axes[named[i]].in;
    }
}

static ep_status read_axes(const ep__call *call, const ep__resize_options *o, ep__resize_axis *axes,
                           ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    const ep_attr *attr = ep_attr_find(call->node, "axes");
    const bool some = attr && attr->type == EP_ATTR_INTS;
    const uint32_t count = some ? attr->count : (uint32_t)in->shape.rank;
    const double *scales, *roi = NULL, *sizes = NULL;
    int named[EP_MAX_RANK];
    EP_FAIL_IF(count > EP_MAX_RANK, err, EP_BAD_MODEL, "names %u axes", count);
    EP_TRY(read_scales(call, o, count, &scales, err));
    if (o->crop) EP_TRY(read_numbers(call, 1, 2 * count, &roi, err));
    if (!o->legacy && !scales) EP_TRY(read_numbers(call, 3, count, &sizes, err));
    for (int i = 0; i < in->shape.rank; i++) {
        axes[i] = (ep__resize_axis){.in = in->shape.dims[i], .out = out->shape.dims[i], .end = 1};
        axes[i].scale = (double)axes[i].out / (double)axes[i].in;
        axes[i].length = (double)axes[i].out;
    }
    for (uint32_t i = 0; i < count; i++) {
        EP_TRY(ep__front_axis(some ? attr->ints[i] : i, in->shape.rank, &named[i], err));
        ep__resize_axis *a = &axes[named[i]];
        if (scales) {
            EP_FAIL_IF(!(scales[i] > 0 && isfinite(scales[i])), err, EP_BAD_MODEL, "a scale is %g",
                       scales[i]);
            a->scale = scales[i];
            a->length = scales[i] * (double)a->in;
        }
        if (roi) {
            a->start = roi[i];
            a->end = roi[count + i];
        }
    }
    keep_ratio(call, sizes, named, count, axes);
    return EP_OK;
}

ep_status ep__kernel_Resize(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    ep__resize_options o;
    ep__resize_axis axes[EP_MAX_RANK];
    EP_TRY(read_options(call, &o, err));
    if (in->dtype != out->dtype || in->shape.rank != out->shape.rank) {
        return ep__bad_out_shape(out, err);
    }
    if (out->n == 0) return EP_OK;
    EP_FAIL_IF(in->n == 0 || in->shape.rank == 0, err, EP_BAD_SHAPE, "there is nothing to resize");
    EP_TRY(read_axes(call, &o, axes, err));
    for (int i = 0; i < in->shape.rank; i++) EP_TRY(ep__resize_taps(call, &o, &axes[i], err));
    if (o.mode == EP__NEAREST) {
        EP_TRY(copy_nearest(call, axes, err));
    } else {
        EP_TRY(interpolate(call, &o, axes, err));
    }
    return o.crop ? extrapolate(call, &o, axes, err) : EP_OK;
}

ep_status ep__kernel_Upsample(ep__call *call, ep_error *err)
{
    return ep__kernel_Resize(call, err);
}
