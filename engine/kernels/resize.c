/* Resize and Upsample. Every axis has taps: which elements an output element takes, and how much of
 * each. Nearest neighbours are copied; the other modes are a pass an axis. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

typedef enum mode { NEAREST, LINEAR, CUBIC } mode;

typedef struct options {
    mode mode;
    const char *coordinates, *rounding;
    bool legacy; /* Upsample, Resize 10: no attributes, a rounding of their own */
    bool antialias;
    bool exclude_outside;
    double cubic_a;
    double extrapolated; /* with tf_crop_and_resize, what lies outside */
    bool crop;
} options;

typedef struct axis {
    int64_t in, out;
    double scale;
    double length;     /* output's, perhaps with a fraction */
    double start, end; /* region of interest, in parts of the axis */
    int64_t taps;
    int64_t *index; /* out x taps */
    double *weight;
    bool *outside; /* per output element */
} axis;

/* ---- coordinates --------------------------------------------------------------------------- */

/* Where output element `k` lies on the input's axis. In float, as runtimes do: rounding decides
 * ties. */
static float coordinate(const options *o, const axis *a, int64_t k)
{
    const float x = (float)k, scale = (float)a->scale, in = (float)a->in;
    const float length = (float)a->length, half_pixel = (x + 0.5F) / scale - 0.5F;
    if (o->legacy || strcmp(o->coordinates, "asymmetric") == 0) return x / scale;
    if (strcmp(o->coordinates, "half_pixel") == 0) return half_pixel;
    if (strcmp(o->coordinates, "pytorch_half_pixel") == 0) return a->out > 1 ? half_pixel : 0;
    if (strcmp(o->coordinates, "tf_half_pixel_for_nn") == 0) return (x + 0.5F) / scale;
    if (strcmp(o->coordinates, "align_corners") == 0) {
        return length > 1 ? x * (in - 1) / (length - 1) : 0;
    }
    if (strcmp(o->coordinates, "half_pixel_symmetric") == 0) {
        return in / 2 * (1 - (float)a->out / length) + half_pixel;
    }
    const float start = (float)a->start, end = (float)a->end; /* tf_crop_and_resize */
    if (a->out <= 1) return (start + end) / 2 * (in - 1);
    return start * (in - 1) + x * (end - start) * (in - 1) / ((float)a->out - 1);
}

static bool known_coordinates(const char *name)
{
    static const char *const names[] = {
        "asymmetric",    "half_pixel",           "pytorch_half_pixel", "tf_half_pixel_for_nn",
        "align_corners", "half_pixel_symmetric", "tf_crop_and_resize"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

/* ---- taps ---------------------------------------------------------------------------------- */

static float round_nearest(const options *o, const axis *a, float x)
{
    if (o->legacy) return a->scale < 1 ? ceilf(x) : floorf(x); /* as runtimes do */
    if (strcmp(o->rounding, "floor") == 0) return floorf(x);
    if (strcmp(o->rounding, "ceil") == 0) return ceilf(x);
    if (strcmp(o->rounding, "round_prefer_ceil") == 0) return floorf(x + 0.5F);
    return ceilf(x - 0.5F); /* round_prefer_floor */
}

/* The filter at a distance from the tap. */
static double filter(const options *o, double distance)
{
    const double d = fabs(distance), a = o->cubic_a;
    if (o->mode == LINEAR) return d < 1 ? 1 - d : 0;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* The filter is stretched by 1 / `stretch`, which makes its sum differ from 1. */
static void weigh(const options *o, const axis *a, double x, double stretch, int64_t *index,
                  double *weight)
{
    const int64_t left = (int64_t)ceil(x) - 1, first = left + 1 - a->taps / 2;
    double sum = 0;
    for (int64_t i = 0; i < a->taps; i++) {
        const int64_t at = first + i;
        const bool outside = at < 0 || at >= a->in;
        weight[i] = outside && o->exclude_outside ? 0 : filter(o, ((double)at - x) * stretch);
        index[i] = at < 0 ? 0 : at >= a->in ? a->in - 1 : at;
        sum += weight[i];
    }
    const bool scaled = sum != 0 && (stretch < 1 || o->exclude_outside);
    for (int64_t i = 0; scaled && i < a->taps; i++) weight[i] /= sum;
}

static ep_status make_taps(const ep__call *call, const options *o, axis *a, ep_error *err)
{
    const double stretch = o->antialias && a->scale < 1 ? a->scale : 1;
    const double reach = floor((o->mode == CUBIC ? 2 : 1) / -stretch);
    EP_FAIL_IF(!(reach > -1e9), err, EP_BAD_SHAPE, "a scale of %g is too small", a->scale);
    a->taps = o->mode == NEAREST ? 1 : -2 * (int64_t)reach;
    uint64_t count;
    EP_FAIL_IF(ep_mul_overflows((uint64_t)a->out, (uint64_t)a->taps, &count), err, EP_NO_MEMORY,
               "an axis of %lld has too many taps", (long long)a->out);
    a->index = EP_NEW(call->scratch, int64_t, count);
    a->weight = EP_NEW(call->scratch, double, count);
    a->outside = EP_NEW(call->scratch, bool, (uint64_t)a->out);
    if (!a->index || !a->weight || !a->outside) return ep_fail_memory(err);
    const double last = (double)(a->in - 1), far = last + 4 + (double)a->taps;
    for (int64_t k = 0; k < a->out; k++) {
        double x = (double)coordinate(o, a, k);
        a->outside[k] = o->crop && !(x >= 0 && x <= last);
        x = x > -far ? x < 2 * far ? x : 2 * far : -far; /* beyond, all taps are the last element */
        if (o->mode == NEAREST) {
            const double nearest = (double)round_nearest(o, a, (float)x);
            a->index[k] = nearest < 0 ? 0 : nearest > last ? a->in - 1 : (int64_t)nearest;
        } else {
            weigh(o, a, x, stretch, a->index + k * a->taps, a->weight + k * a->taps);
        }
    }
    return EP_OK;
}

/* ---- copying ------------------------------------------------------------------------------- */

typedef struct copying {
    const ep_array *in, *out;
    const axis *axes;
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

static ep_status copy_nearest(const ep__call *call, const axis *axes, ep_error *err)
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
    const axis *axis;
    int64_t inner;
    const void *from;
    void *to;
} pass;

/* Rows of `inner` elements; or, where these are single, of the output's axis. */
#define PASS(id, T)                                                                                \
    static void pass_##id(uint64_t begin, uint64_t end, void *context)                             \
    {                                                                                              \
        const pass *p = context;                                                                   \
        const axis *a = p->axis;                                                                   \
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
        const axis *a = p->axis;                                                                   \
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
static int order_axes(const axis *axes, int rank, const options *o, int order[EP_MAX_RANK])
{
    int count = 0;
    for (int i = 0; i < rank; i++) {
        const bool whole = !o->crop || (axes[i].start == 0 && axes[i].end == 1);
        if (axes[i].in == axes[i].out && axes[i].scale == 1 && whole) continue;
        const double growth = (double)axes[i].out / (double)axes[i].in;
        int k = count++;
        for (; k > 0; k--) {
            const axis *before = &axes[order[k - 1]];
            if ((double)before->out / (double)before->in <= growth) break;
            order[k] = order[k - 1];
        }
        order[k] = i;
    }
    return count;
}

/* Resamples `from`, elements of `dtype` (FLOAT or DOUBLE), axis by axis; `*out` is in scratch, or
 * `from`. */
static ep_status resample(const ep__call *call, const options *o, const axis *axes, ep_dtype dtype,
                          const void *from, const void **out, ep_error *err)
{
    int order[EP_MAX_RANK];
    ep_shape shape = ep__in(call, 0)->shape;
    const int count = order_axes(axes, shape.rank, o, order);
    for (int i = 0; i < count; i++) {
        const axis *a = &axes[order[i]];
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
static ep_status interpolate(const ep__call *call, const options *o, const axis *axes,
                             ep_error *err)
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
static ep_status extrapolate(const ep__call *call, const options *o, const axis *axes,
                             ep_error *err)
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

static ep_status read_options(const ep__call *call, options *o, ep_error *err)
{
    const ep_node *node = call->node;
    const char *name = ep_attr_string(node, "mode", "nearest");
    *o = (options){.coordinates =
                       ep_attr_string(node, "coordinate_transformation_mode", "half_pixel"),
                   .rounding = ep_attr_string(node, "nearest_mode", "round_prefer_floor"),
                   .legacy = node->opset < 11 || strcmp(node->op_type, "Upsample") == 0,
                   .antialias = ep_attr_int(node, "antialias", 0) != 0,
                   .exclude_outside = ep_attr_int(node, "exclude_outside", 0) != 0,
                   .cubic_a = (double)ep_attr_float(node, "cubic_coeff_a", -0.75F),
                   .extrapolated = (double)ep_attr_float(node, "extrapolation_value", 0)};
    EP_FAIL_IF(!known_coordinates(o->coordinates), err, EP_UNSUPPORTED,
               "coordinate_transformation_mode '%s'", o->coordinates);
    o->crop = !o->legacy && strcmp(o->coordinates, "tf_crop_and_resize") == 0;
    o->mode = strcmp(name, "cubic") == 0 ? CUBIC : NEAREST;
    if (strcmp(name, "linear") == 0 || strcmp(name, "bilinear") == 0) o->mode = LINEAR;
    EP_FAIL_IF(o->mode == NEAREST && strcmp(name, "nearest") != 0, err, EP_UNSUPPORTED, "mode '%s'",
               name);
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
static ep_status read_scales(const ep__call *call, const options *o, uint32_t count,
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
                       axis *axes)
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

static ep_status read_axes(const ep__call *call, const options *o, axis *axes, ep_error *err)
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
        axes[i] = (axis){.in = in->shape.dims[i], .out = out->shape.dims[i], .end = 1};
        axes[i].scale = (double)axes[i].out / (double)axes[i].in;
        axes[i].length = (double)axes[i].out;
    }
    for (uint32_t i = 0; i < count; i++) {
        EP_TRY(ep__front_axis(some ? attr->ints[i] : i, in->shape.rank, &named[i], err));
        axis *a = &axes[named[i]];
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
    options o;
    axis axes[EP_MAX_RANK];
    EP_TRY(read_options(call, &o, err));
    if (in->dtype != out->dtype || in->shape.rank != out->shape.rank) {
        return ep__bad_out_shape(out, err);
    }
    if (out->n == 0) return EP_OK;
    EP_FAIL_IF(in->n == 0 || in->shape.rank == 0, err, EP_BAD_SHAPE, "there is nothing to resize");
    EP_TRY(read_axes(call, &o, axes, err));
    for (int i = 0; i < in->shape.rank; i++) EP_TRY(make_taps(call, &o, &axes[i], err));
    if (o.mode == NEAREST) {
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
