#include "engine/window.h"

#include <string.h>

/* ---- windows ------------------------------------------------------------------------------- */

static ep_status size_of(const int64_t dims[3], int64_t *size, ep_error *err)
{
    uint64_t elements;
    const ep_shape shape = {.rank = 3, .dims = {dims[0], dims[1], dims[2]}};
    EP_TRY(ep_shape_elements(&shape, &elements, err));
    *size = (int64_t)elements;
    return EP_OK;
}

ep_status ep__window_sizes(ep__window *window, ep_error *err)
{
    EP_TRY(size_of(window->image, &window->image_size, err));
    EP_TRY(size_of(window->stops, &window->stops_size, err));
    EP_TRY(size_of(window->kernel, &window->kernel_size, err));
    EP_FAIL_IF(window->kernel_size > INT32_MAX, err, EP_BAD_SHAPE,
               "a window of %lld elements; 2^31-1 are allowed", (long long)window->kernel_size);
    return EP_OK;
}

/* ep_node_window by the shapes of the arrays: those in the network need not be known. */
static ep_status node_window(const ep__call *call, ep_window *window,
                             int64_t out_dims[EP_MAX_SPATIAL], ep_error *err)
{
    enum { MOST = 4 }; /* QLinearConv's weights are input 3 */
    ep_tensor tensors[MOST];
    uint32_t inputs[MOST];
    ep_node node = *call->node;
    if (node.n_inputs > MOST) node.n_inputs = MOST;
    for (uint32_t i = 0; i < node.n_inputs; i++) {
        const ep_array *in = ep__in(call, i);
        const ep_tensor *tensor = ep_node_input(call->network, call->node, i);
        inputs[i] = in && tensor ? i : EP_NO_INDEX;
        if (!in || !tensor) continue;
        tensors[i] = *tensor;
        tensors[i].shape = in->shape;
    }
    node.inputs = inputs;
    const ep_network network = {.n_tensors = MOST, .tensors = tensors};
    return ep_node_window(&network, &node, window, out_dims, err);
}

ep_status ep__window_of(const ep__call *call, const ep_array *image, const ep_array *stops,
                        const ep_array *weights, ep__window *window, ep_error *err)
{
    ep_window w;
    int64_t out_dims[EP_MAX_SPATIAL];
    EP_TRY(node_window(call, &w, out_dims, err));
    const ep_array *out = ep__out(call, 0);
    const int rank = w.rank + 2;
    if (image->shape.rank != rank || stops->shape.rank != rank ||
        image->shape.dims[0] != stops->shape.dims[0] || (weights && weights->shape.rank != rank)) {
        return ep__bad_out_shape(out, err);
    }
    *window = (ep__window){.image = {1, 1, 1}};
    for (int i = 0; i < 3; i++) {
        window->stops[i] = window->kernel[i] = window->stride[i] = window->dilation[i] = 1;
    }
    for (int i = 0; i < w.rank; i++) {
        const int to = 3 - w.rank + i;
        window->image[to] = image->shape.dims[2 + i];
        window->stops[to] = stops->shape.dims[2 + i];
        window->kernel[to] = w.kernel[i];
        window->stride[to] = w.stride[i];
        window->dilation[to] = w.dilation[i];
        window->pad[to] = w.pad_begin[i];
        if (out->shape.dims[2 + i] != out_dims[i] ||
            (weights && weights->shape.dims[2 + i] != w.kernel[i])) {
            return ep__bad_out_shape(out, err);
        }
    }
    return ep__window_sizes(window, err);
}

/* The least s >= 0 with s * step >= value. */
static int64_t steps_to(int64_t value, int64_t step)
{
    return value <= 0 ? 0 : (value - 1) / step + 1;
}

void ep__window_reach(const ep__window *window, int i, int64_t k, int64_t *first, int64_t *last,
                      int64_t *offset)
{
    const int64_t stride = window->stride[i], stops = window->stops[i];
    *offset = k * window->dilation[i] - window->pad[i];
    *first = steps_to(-*offset, stride);
    *last = steps_to(window->image[i] - *offset, stride);
    if (*first > stops) *first = stops;
    if (*last > stops) *last = stops;
    if (*last < *first) *last = *first;
}

/* ---- columns ------------------------------------------------------------------------------- */

/* One row of the matrix as runs: the stops of one line of the image. */
typedef struct run {
    int64_t first, last;               /* columns, counted from the matrix's first */
    int64_t inside_first, inside_last; /* those within the image */
    int64_t image;                     /* element of the image under column inside_first */
} run;

/* What a row's kernel element reaches on each dimension. */
typedef struct reach {
    int64_t first[3], last[3], offset[3];
} reach;

static reach reach_of(const ep__window *w, int64_t kernel_element)
{
    reach r;
    for (int i = 2; i >= 0; i--) {
        ep__window_reach(w, i, kernel_element % w->kernel[i], &r.first[i], &r.last[i],
                         &r.offset[i]);
        kernel_element /= w->kernel[i];
    }
    return r;
}

static inline int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* The run that begins at column `at`. */
static run run_at(const ep__columns *c, const reach *r, int64_t at)
{
    const ep__window *w = c->window;
    const int64_t stop = c->first + at, x = stop % w->stops[2];
    const int64_t y = stop / w->stops[2] % w->stops[1], z = stop / w->stops[2] / w->stops[1];
    const int64_t left = w->stops[2] - x, room = c->count - at;
    run line = {.first = at, .last = at + (left < room ? left : room)};
    const bool inside = z >= r->first[0] && z < r->last[0] && y >= r->first[1] && y < r->last[1];
    line.inside_first = inside ? clamp(at + r->first[2] - x, at, line.last) : at;
    line.inside_last = inside ? clamp(at + r->last[2] - x, line.inside_first, line.last) : at;
    if (line.inside_first == line.inside_last) return line;
    const int64_t image_z = z * w->stride[0] + r->offset[0];
    const int64_t image_y = y * w->stride[1] + r->offset[1];
    const int64_t image_x = (x + line.inside_first - at) * w->stride[2] + r->offset[2];
    line.image = (image_z * w->image[1] + image_y) * w->image[2] + image_x;
    return line;
}

#define STRIDED(T)                                                                                 \
    static void gather_##T(int64_t n, const T *from, int64_t stride, T *to)                        \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) to[i] = from[i * stride];                                  \
    }                                                                                              \
    static void add_##T(int64_t n, const T *from, T *to, int64_t stride)                           \
    {                                                                                              \
        if (stride == 1) {                                                                         \
            for (int64_t i = 0; i < n; i++) to[i] += from[i];                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) to[i * stride] += from[i];                             \
        }                                                                                          \
    }
STRIDED(float)
STRIDED(double)

static void copy_run(const ep__columns *c, const run *line, const char *image, char *row)
{
    const size_t size = c->size;
    const int64_t n = line->inside_last - line->inside_first, stride = c->window->stride[2];
    const char *from = image + (size_t)line->image * size;
    char *to = row + (size_t)line->inside_first * size;
    memset(row + (size_t)line->first * size, 0, (size_t)(line->inside_first - line->first) * size);
    if (stride == 1) {
        memcpy(to, from, (size_t)n * size);
    } else if (size == sizeof(float)) {
        gather_float(n, (const void *)from, stride, (void *)to);
    } else {
        gather_double(n, (const void *)from, stride, (void *)to);
    }
    memset(row + (size_t)line->inside_last * size, 0,
           (size_t)(line->last - line->inside_last) * size);
}

void ep__columns_fill(const ep__columns *columns, const void *image, int64_t begin, int64_t end,
                      void *out)
{
    const ep__window *w = columns->window;
    char *row = out;
    for (int64_t i = begin; i < end; i++, row += (size_t)columns->count * columns->size) {
        const reach r = reach_of(w, i % w->kernel_size);
        const char *channel =
            (const char *)image + (size_t)(i / w->kernel_size * w->image_size) * columns->size;
        for (int64_t at = 0; at < columns->count;) {
            const run line = run_at(columns, &r, at);
            copy_run(columns, &line, channel, row);
            at = line.last;
        }
    }
}

void ep__columns_add(const ep__columns *columns, const void *rows, int64_t ld, void *image)
{
    const ep__window *w = columns->window;
    for (int64_t i = 0; i < w->kernel_size; i++) {
        const reach r = reach_of(w, i);
        for (int64_t at = 0; at < columns->count;) {
            const run line = run_at(columns, &r, at);
            const int64_t from = i * ld + line.inside_first;
            const int64_t n = line.inside_last - line.inside_first;
            if (columns->size == sizeof(float)) {
                add_float(n, (const float *)rows + from, (float *)image + line.image, w->stride[2]);
            } else {
                add_double(n, (const double *)rows + from, (double *)image + line.image,
                           w->stride[2]);
            }
            at = line.last;
        }
    }
}
