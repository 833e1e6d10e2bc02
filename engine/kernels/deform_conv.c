/* DeformConv: a convolution whose kernel elements are displaced, stop by stop, by `offset`, and
 * read between pixels. */
#include <math.h>

#include "engine/convolve.h"

typedef struct deformation {
    const void *offset, *mask; /* mask: NULL, or a factor a kernel element and stop */
    int64_t offset_groups;
} deformation;

/* One channel read at (y, x) between its pixels; beside it there are zeros. */
#define SAMPLE(T)                                                                                  \
    static T sample_##T(const T *image, int64_t height, int64_t width, T y, T x)                   \
    {                                                                                              \
        if (!(y > -1 && y < (T)height && x > -1 && x < (T)width)) return 0;                        \
        const int64_t top = (int64_t)floor((double)y), left = (int64_t)floor((double)x);           \
        const T down = y - (T)top, right = x - (T)left;                                            \
        T sum = 0;                                                                                 \
        for (int corner = 0; corner < 4; corner++) {                                               \
            const int64_t row = top + corner / 2, column = left + corner % 2;                      \
            if (row < 0 || row >= height || column < 0 || column >= width) continue;               \
            sum += image[row * width + column] * (corner / 2 ? down : 1 - down) *                  \
                   (corner % 2 ? right : 1 - right);                                               \
        }                                                                                          \
        return sum;                                                                                \
    }
SAMPLE(float)
SAMPLE(double)

/* One row of the matrix: a channel and a kernel element. */
#define ROW(T)                                                                                     \
    static void row_##T(const ep__convolution *c, int64_t item, const ep__columns *columns,        \
                        int64_t row, T *out)                                                       \
    {                                                                                              \
        const ep__window *w = &c->window;                                                          \
        const deformation *d = c->context;                                                         \
        const int64_t channel = row / w->kernel_size, k = row % w->kernel_size;                    \
        const int64_t group = channel / (c->channels / d->offset_groups);                          \
        const int64_t element = (item * d->offset_groups + group) * w->kernel_size + k;            \
        const T *image = (const T *)c->x + (item * c->channels + channel) * w->image_size;         \
        const T *down = (const T *)d->offset + 2 * element * w->stops_size;                        \
        const T *right = down + w->stops_size;                                                     \
        const T *mask = d->mask ? (const T *)d->mask + element * w->stops_size : NULL;             \
        const int64_t ky = k / w->kernel[2] * w->dilation[1] - w->pad[1];                          \
        const int64_t kx = k % w->kernel[2] * w->dilation[2] - w->pad[2];                          \
        for (int64_t i = 0; i < columns->count; i++) {                                             \
            const int64_t stop = columns->first + i;                                               \
            const T y = (T)(stop / w->stops[2] * w->stride[1] + ky) + down[stop];                  \
            const T x = (T)(stop % w->stops[2] * w->stride[2] + kx) + right[stop];                 \
            const T value = sample_##T(image, w->image[1], w->image[2], y, x);                     \
            out[i] = mask ? value * mask[stop] : value;                                            \
        }                                                                                          \
    }
ROW(float)
ROW(double)

static void write_columns(const ep__convolution *c, int64_t item, const ep__columns *columns,
                          int64_t begin, int64_t end, void *out)
{
    for (int64_t row = begin; row < end; row++) {
        const int64_t at = (row - begin) * columns->count;
        if (c->dtype == EP_DTYPE_FLOAT) {
            row_float(c, item, columns, row, (float *)out + at);
        } else {
            row_double(c, item, columns, row, (double *)out + at);
        }
    }
}

/* True when `array` has `each` elements for each stop of each item, in the type of x. */
static bool fits(const ep_array *array, const ep__convolution *c, int64_t each)
{
    const int64_t *dims = array->shape.dims;
    return array->dtype == c->dtype && array->shape.rank == 4 && dims[0] == c->batch &&
           dims[1] == each && dims[2] == c->window.stops[1] && dims[3] == c->window.stops[2];
}

ep_status ep__kernel_DeformConv(ep__call *call, ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *weights = ep__in(call, 1), *offset = ep__in(call, 2);
    const ep_array *bias = ep__in(call, 3), *mask = ep__in(call, 4), *out = ep__out(call, 0);
    ep__convolution c;
    if (x->dtype != EP_DTYPE_FLOAT && x->dtype != EP_DTYPE_DOUBLE) return ep__bad_dtype(x, err);
    EP_FAIL_IF(x->shape.rank != 4, err, EP_UNSUPPORTED, "only 2-D images, not %d-D ones",
               x->shape.rank - 2);
    EP_TRY(ep__convolution_of(call, x, weights, false, &c, err));
    deformation d = {.offset = offset->data, .mask = mask ? mask->data : NULL};
    d.offset_groups = ep_attr_int(call->node, "offset_group", 1);
    EP_FAIL_IF(d.offset_groups < 1 || c.channels % d.offset_groups || c.channels == 0, err,
               EP_BAD_SHAPE, "%lld channels do not divide into %lld offset groups",
               (long long)c.channels, (long long)d.offset_groups);
    c.dtype = x->dtype;
    const int64_t elements = d.offset_groups * c.window.kernel_size;
    if (weights->dtype != x->dtype || !fits(offset, &c, 2 * elements) ||
        (mask && !fits(mask, &c, elements)) ||
        (bias && (bias->dtype != x->dtype || (int64_t)bias->n != c.filters))) {
        return ep__bad_out_shape(out, err);
    }
    c.x = x->data;
    c.weights = weights->data;
    c.bias = bias ? bias->data : NULL;
    c.out = out->data;
    c.writer = write_columns;
    c.context = &d;
    return ep__convolve(call, &c, err);
}
