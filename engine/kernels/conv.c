/* Conv: filters times the matrix of what the window shows, or directly where each channel has
 * filters of its own. */
#include <string.h>

#include "engine/convolve.h"
#include "engine/product.h"

/* ---- the shape of the work ----------------------------------------------------------------- */

ep_status ep__convolution_of(const ep__call *call, const ep_array *x, const ep_array *weights,
                             bool transposed, ep__convolution *out, ep_error *err)
{
    const ep_array *y = ep__out(call, 0);
    *out = (ep__convolution){.groups = ep_attr_int(call->node, "group", 1)};
    EP_TRY(transposed ? ep__window_of(call, y, x, weights, &out->window, err)
                      : ep__window_of(call, x, y, weights, &out->window, err));
    out->batch = x->shape.dims[0];
    out->channels = x->shape.dims[1];
    out->filters = y->shape.dims[1];
    const int64_t groups = out->groups, w0 = weights->shape.dims[0], w1 = weights->shape.dims[1];
    EP_FAIL_IF(groups < 1 || out->channels % groups || out->filters % groups, err, EP_BAD_SHAPE,
               "%lld channels and %lld filters do not divide into %lld groups",
               (long long)out->channels, (long long)out->filters, (long long)groups);
    const bool fits = transposed ? w0 == out->channels && w1 == out->filters / groups
                                 : w0 == out->filters && w1 == out->channels / groups;
    return fits ? EP_OK : ep__bad_out_shape(y, err);
}

int64_t ep__columns_at_once(int64_t rows, int64_t stops)
{
    enum { ELEMENTS = 1 << 20, LEAST = 64 };
    int64_t count = rows > 0 ? ELEMENTS / rows : stops;
    count = count / LEAST * LEAST;
    if (count < LEAST) count = LEAST;
    return count < stops ? count : stops;
}

static size_t size_of(const ep__convolution *c)
{
    return c->dtype == EP_DTYPE_FLOAT ? sizeof(float) : sizeof(double);
}

/* Element `index` of an array of the convolution's type. */
static char *element(const ep__convolution *c, const void *base, int64_t index)
{
    return (char *)(uintptr_t)base + index * (int64_t)size_of(c);
}

/* ---- by a product -------------------------------------------------------------------------- */

/* One matrix product a group, or a group of each item of the batch. */
typedef struct step {
    const ep__convolution *c;
    const void *matrix; /* NULL: x itself */
    ep__columns columns;
    int64_t item; /* of the batch, that product 0 belongs to */
} step;

static ep__operands operands_of(const void *context, uint64_t i)
{
    const step *s = context;
    const ep__convolution *c = s->c;
    const int64_t item = s->item + (int64_t)i / c->groups, group = (int64_t)i % c->groups;
    const int64_t filters = c->filters / c->groups, filter = group * filters;
    const int64_t rows = c->channels / c->groups * c->window.kernel_size;
    const int64_t out = (item * c->filters + filter) * c->window.stops_size + s->columns.first;
    ep__operands o = {.a = element(c, c->weights, filter * rows), .c = element(c, c->out, out)};
    o.b = s->matrix ? element(c, s->matrix, group * rows * s->columns.count)
                    : element(c, c->x, (item * c->groups + group) * rows * c->window.image_size);
    if (c->bias) o.row_bias = element(c, c->bias, filter);
    return o;
}

static ep__gemm product_of(const ep__convolution *c, int64_t columns)
{
    const int64_t rows = c->channels / c->groups * c->window.kernel_size;
    return (ep__gemm){.dtype = c->dtype,
                      .m = c->filters / c->groups,
                      .n = columns,
                      .k = rows,
                      .lda = rows,
                      .ldb = columns,
                      .ldc = c->window.stops_size,
                      .alpha = 1,
                      .half_sums = c->half_sums,
                      .taps = c->window.kernel_size};
}

static void fill_rows(uint64_t begin, uint64_t end, void *context)
{
    const step *s = context;
    const ep__convolution *c = s->c;
    void *to = element(c, s->matrix, (int64_t)begin * s->columns.count);
    if (c->writer) {
        c->writer(c, s->item, &s->columns, (int64_t)begin, (int64_t)end, to);
        return;
    }
    const void *image = element(c, c->x, s->item * c->channels * c->window.image_size);
    ep__columns_fill(&s->columns, image, (int64_t)begin, (int64_t)end, to);
}

static ep_status by_product(ep__call *call, const ep__convolution *c, ep_error *err)
{
    enum { PIECE = 1 << 14 };
    const int64_t rows = c->channels * c->window.kernel_size, stops = c->window.stops_size;
    const int64_t at_once = ep__columns_at_once(rows, stops);
    void *matrix = ep_arena_take_raw(call->scratch, (uint64_t)(rows * at_once), size_of(c));
    if (!matrix) return ep_fail_memory(err);
    step s = {.c = c, .matrix = matrix, .columns = {.window = &c->window, .size = size_of(c)}};
    for (s.item = 0; s.item < c->batch; s.item++) {
        for (int64_t first = 0; first < stops; first += at_once) {
            s.columns.first = first;
            s.columns.count = stops - first < at_once ? stops - first : at_once;
            const ep__gemm p = product_of(c, s.columns.count);
            ep_parallel(call->threads, (uint64_t)rows, PIECE / (uint64_t)s.columns.count + 1,
                        fill_rows, &s);
            EP_TRY(ep__multiply(call->threads, &p, (uint64_t)c->groups, operands_of, &s, err));
        }
    }
    return EP_OK;
}

/* True when the matrix is the image itself. */
static bool is_pointwise(const ep__convolution *c)
{
    const ep__window *w = &c->window;
    for (int i = 0; i < 3; i++) {
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->pad[i] || w->image[i] != w->stops[i]) {
            return false;
        }
    }
    return !c->writer;
}

static ep_status pointwise(ep__call *call, const ep__convolution *c, ep_error *err)
{
    const step s = {.c = c};
    const ep__gemm p = product_of(c, c->window.stops_size);
    return ep__multiply(call->threads, &p, (uint64_t)(c->batch * c->groups), operands_of, &s, err);
}

/* ---- directly ------------------------------------------------------------------------------ */

/* row[x] += weight * image[x * stride], for one line of stops and one kernel element */
#define LINE(T)                                                                                    \
    static void line_##T(int64_t n, T weight, const T *image, int64_t stride, T *row)              \
    {                                                                                              \
        if (stride == 1) {                                                                         \
            for (int64_t i = 0; i < n; i++) row[i] += weight * image[i];                           \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) row[i] += weight * image[i * stride];                  \
        }                                                                                          \
    }
LINE(float)
LINE(double)

/* One channel's image under one filter: the plane of stops, kernel element by kernel element. */
#define PLANE(T)                                                                                   \
    static void plane_##T(const ep__window *w, const T *image, const T *weights, T bias, T *out)   \
    {                                                                                              \
        for (int64_t i = 0; i < w->stops_size; i++) out[i] = bias;                                 \
        int64_t first[3], last[3], offset[3];                                                      \
        for (int64_t k = 0; k < w->kernel_size; k++) {                                             \
            int64_t rest = k;                                                                      \
            for (int i = 2; i >= 0; rest /= w->kernel[i--]) {                                      \
                ep__window_reach(w, i, rest % w->kernel[i], &first[i], &last[i], &offset[i]);      \
            }                                                                                      \
            for (int64_t z = first[0]; z < last[0]; z++) {                                         \
                const int64_t plane = (z * w->stride[0] + offset[0]) * w->image[1];                \
                for (int64_t y = first[1]; y < last[1]; y++) {                                     \
                    const int64_t line = (plane + y * w->stride[1] + offset[1]) * w->image[2];     \
                    line_##T(last[2] - first[2], weights[k],                                       \
                             image + line + first[2] * w->stride[2] + offset[2], w->stride[2],     \
                             out + (z * w->stops[1] + y) * w->stops[2] + first[2]);                \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
PLANE(float)
PLANE(double)

static void planes(uint64_t begin, uint64_t end, void *context)
{
    const ep__convolution *c = context;
    const ep__window *w = &c->window;
    const int64_t multiplier = c->filters / c->groups;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t filter = i % c->filters;
        const int64_t channel = i / c->filters * c->channels + filter / multiplier;
        const void *image = element(c, c->x, channel * w->image_size);
        const void *weights = element(c, c->weights, filter * w->kernel_size);
        void *out = element(c, c->out, i * w->stops_size);
        const void *bias = c->bias ? element(c, c->bias, filter) : NULL;
        if (c->dtype == EP_DTYPE_FLOAT) {
            plane_float(w, image, weights, bias ? *(const float *)bias : 0, out);
        } else {
            plane_double(w, image, weights, bias ? *(const double *)bias : 0, out);
        }
    }
}

/* True when each group has one channel and few filters: a product would have a matrix a channel, of
 * which it would multiply a few rows. */
static bool is_depthwise(const ep__convolution *c)
{
    return !c->writer && !c->half_sums && c->channels == c->groups && c->filters <= 4 * c->groups &&
           c->groups > 1;
}

ep_status ep__convolve(ep__call *call, const ep__convolution *c, ep_error *err)
{
    enum { PIECE = 1 << 15 };
    if (c->batch == 0 || c->filters == 0 || c->window.stops_size == 0) return EP_OK;
    if (is_depthwise(c)) {
        const uint64_t macs = (uint64_t)(c->window.stops_size * c->window.kernel_size);
        ep_parallel(call->threads, (uint64_t)(c->batch * c->filters), PIECE / macs + 1, planes,
                    (void *)(uintptr_t)c);
        return EP_OK;
    }
    return is_pointwise(c) ? pointwise(call, c, err) : by_product(call, c, err);
}

/* ---- Conv ---------------------------------------------------------------------------------- */

ep_status ep__float_convolution_of(ep__call *call, bool transposed, ep__convolution *out,
                                   ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *weights = ep__in(call, 1), *bias = ep__in(call, 2);
    ep_array *y = ep__out(call, 0);
    if (x->dtype != EP_DTYPE_FLOAT && x->dtype != EP_DTYPE_DOUBLE) return ep__bad_dtype(x, err);
    EP_FAIL_IF(weights->dtype != x->dtype || (bias && bias->dtype != x->dtype), err, EP_BAD_MODEL,
               "weights and bias must be %s, as the input is", ep_dtype_name(x->dtype));
    EP_TRY(ep__convolution_of(call, x, weights, transposed, out, err));
    if (bias && (int64_t)bias->n != out->filters) return ep__bad_out_shape(y, err);
    out->dtype = x->dtype;
    out->x = x->data;
    out->weights = weights->data;
    out->bias = bias ? bias->data : NULL;
    out->out = y->data;
    return EP_OK;
}

ep_status ep__kernel_Conv(ep__call *call, ep_error *err)
{
    ep__convolution c;
    EP_TRY(ep__float_convolution_of(call, false, &c, err));
    c.half_sums = c.dtype == EP_DTYPE_FLOAT ? call->half_sums : NULL;
    return ep__convolve(call, &c, err);
}
