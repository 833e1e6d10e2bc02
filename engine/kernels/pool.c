/* Poolings. A plane (one channel of one item) is a piece of work; within it whole lines of the
 * output take in one kernel element after the other, so that the inner loops are plain. */
#include <math.h>
#include <string.h>

#include "engine/window.h"

typedef struct pool {
    ep__window window;
    const char *in;
    char *out;
    int64_t *indices;      /* MaxPool's second output; NULL: not asked for */
    bool column_major;     /* the indices count so */
    const int64_t *counts; /* per dimension, one after the other: kernel elements that count */
    double p;              /* LpPool */
} pool;

/* line[x] = f(line[x], image[x * stride]) */
typedef void (*line_loop)(int64_t n, const void *image, int64_t stride, double p, void *line);

#define LINE(op, id, T, expression)                                                                \
    static void op##_##id(int64_t n, const void *image, int64_t stride, double p, void *line)      \
    {                                                                                              \
        const T *from = image;                                                                     \
        T *to = line;                                                                              \
        (void)p;                                                                                   \
        if (stride == 1) {                                                                         \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T x = from[i], y = to[i];                                                    \
                to[i] = (T)(expression);                                                           \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T x = from[i * stride], y = to[i];                                           \
                to[i] = (T)(expression);                                                           \
            }                                                                                      \
        }                                                                                          \
    }

/* ---- lines of a plane ---------------------------------------------------------------------- */

/* Lets every kernel element fall on the plane of stops at `out`, which is set up. */
static void take_in(const pool *p, line_loop loop, size_t size, const char *image, char *out)
{
    const ep__window *w = &p->window;
    int64_t first[3], last[3], offset[3];
    for (int64_t k = 0; k < w->kernel_size; k++) {
        int64_t rest = k;
        for (int i = 2; i >= 0; rest /= w->kernel[i--]) {
            ep__window_reach(w, i, rest % w->kernel[i], &first[i], &last[i], &offset[i]);
        }
        const int64_t n = last[2] - first[2];
        if (n == 0) continue;
        for (int64_t z = first[0]; z < last[0]; z++) {
            const int64_t plane = (z * w->stride[0] + offset[0]) * w->image[1];
            for (int64_t y = first[1]; y < last[1]; y++) {
                const int64_t line = (plane + y * w->stride[1] + offset[1]) * w->image[2];
                const int64_t from = line + first[2] * w->stride[2] + offset[2];
                const int64_t to = (z * w->stops[1] + y) * w->stops[2] + first[2];
                loop(n, image + (size_t)from * size, w->stride[2], p->p, out + (size_t)to * size);
            }
        }
    }
}

/* The kernel covers the image, once. */
static bool is_global(const ep__window *w)
{
    for (int i = 0; i < 3; i++) {
        if (w->stops[i] != 1 || w->pad[i] || w->kernel[i] != w->image[i] || w->dilation[i] != 1) {
            return false;
        }
    }
    return true;
}

/* Runs `body` over all planes. */
static void run_planes(const ep__call *call, const pool *p, ep_parallel_body body)
{
    enum { PIECE = 1 << 15 };
    const ep_shape *shape = &ep__in(call, 0)->shape;
    const uint64_t work = (uint64_t)(p->window.stops_size * p->window.kernel_size);
    ep_parallel(call->threads, (uint64_t)(shape->dims[0] * shape->dims[1]), PIECE / (work + 1) + 1,
                body, (void *)(uintptr_t)p);
}

static ep_status start(const ep__call *call, pool *p, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    EP_FAIL_IF(!out, err, EP_UNSUPPORTED, "leaves output 0 out");
    *p = (pool){.in = in->data, .out = out->data};
    EP_TRY(ep__window_of(call, in, out, NULL, &p->window, err));
    if (in->dtype != out->dtype || in->shape.dims[1] != out->shape.dims[1]) {
        return ep__bad_out_shape(out, err);
    }
    return EP_OK;
}

/* ---- MaxPool ------------------------------------------------------------------------------- */

LINE(max, FLOAT, float, x > y || isnan(x) ? x : y)
LINE(max, DOUBLE, double, x > y || isnan(x) ? x : y)
LINE(max, INT8, int8_t, x > y ? x : y)
LINE(max, UINT8, uint8_t, x > y ? x : y)

/* A window that lies beside the image altogether has the least value. */
#define MAX_PLANES(id, T, least)                                                                   \
    static void max_planes_##id(uint64_t begin, uint64_t end, void *context)                       \
    {                                                                                              \
        const pool *p = context;                                                                   \
        const ep__window *w = &p->window;                                                          \
        for (uint64_t i = begin; i < end; i++) {                                                   \
            T *out = (T *)p->out + (int64_t)i * w->stops_size;                                     \
            for (int64_t k = 0; k < w->stops_size; k++) out[k] = (least);                          \
            take_in(p, max_##id, sizeof(T),                                                        \
                    p->in + (int64_t)i * w->image_size * (int64_t)sizeof(T), (char *)out);         \
        }                                                                                          \
    }
MAX_PLANES(FLOAT, float, -INFINITY)
MAX_PLANES(DOUBLE, double, -(double)INFINITY)
MAX_PLANES(INT8, int8_t, INT8_MIN)
MAX_PLANES(UINT8, uint8_t, 0)

/* The same stop by stop, with the place of the first maximum in the whole input. */
#define ARGMAX_STOP(id, T)                                                                         \
    static int64_t argmax_stop_##id(const ep__window *w, const void *plane, const int64_t stop[3]) \
    {                                                                                              \
        const T *image = plane;                                                                    \
        int64_t best = -1;                                                                         \
        for (int64_t k = 0; k < w->kernel_size; k++) {                                             \
            int64_t rest = k, at = 0, place[3];                                                    \
            for (int i = 2; i >= 0; rest /= w->kernel[i--]) {                                      \
                place[i] = stop[i] * w->stride[i] - w->pad[i];                                     \
                place[i] += rest % w->kernel[i] * w->dilation[i];                                  \
            }                                                                                      \
            for (int i = 0; i < 3 && at >= 0; i++) {                                               \
                const bool inside = place[i] >= 0 && place[i] < w->image[i];                       \
                at = inside ? at * w->image[i] + place[i] : -1;                                    \
            }                                                                                      \
            if (at < 0) continue;                                                                  \
            const T x = image[at];                                                                 \
            if (best < 0 || x > image[best] || (x != x && image[best] == image[best])) best = at;  \
        }                                                                                          \
        return best;                                                                               \
    }
ARGMAX_STOP(FLOAT, float)
ARGMAX_STOP(DOUBLE, double)
ARGMAX_STOP(INT8, int8_t)
ARGMAX_STOP(UINT8, uint8_t)

typedef int64_t (*argmax_stop)(const ep__window *w, const void *plane, const int64_t stop[3]);

static int64_t in_column_major(const ep__window *w, int64_t at)
{
    const int64_t x = at % w->image[2], y = at / w->image[2] % w->image[1];
    const int64_t z = at / w->image[2] / w->image[1];
    return (x * w->image[1] + y) * w->image[0] + z;
}

static void argmax_plane(const pool *p, argmax_stop argmax, size_t size, int64_t plane)
{
    const ep__window *w = &p->window;
    const char *image = p->in + (size_t)(plane * w->image_size) * size;
    int64_t to = plane * w->stops_size;
    for (int64_t z = 0; z < w->stops[0]; z++) {
        for (int64_t y = 0; y < w->stops[1]; y++) {
            for (int64_t x = 0; x < w->stops[2]; x++, to++) {
                const int64_t at = argmax(w, image, (int64_t[3]){z, y, x});
                const int64_t place = at < 0 ? 0 : p->column_major ? in_column_major(w, at) : at;
                p->indices[to] = plane * w->image_size + place;
            }
        }
    }
}

#define ARGMAX_PLANES(id, T)                                                                       \
    static void argmax_planes_##id(uint64_t begin, uint64_t end, void *context)                    \
    {                                                                                              \
        for (uint64_t i = begin; i < end; i++) {                                                   \
            argmax_plane(context, argmax_stop_##id, sizeof(T), (int64_t)i);                        \
        }                                                                                          \
    }
ARGMAX_PLANES(FLOAT, float)
ARGMAX_PLANES(DOUBLE, double)
ARGMAX_PLANES(INT8, int8_t)
ARGMAX_PLANES(UINT8, uint8_t)

static ep_status max_pool(ep__call *call, ep_error *err)
{
#define ENTRY(loop, id) [EP_DTYPE_##id] = loop##_##id
    static const ep_parallel_body values[EP__DTYPES] = {
        ENTRY(max_planes, FLOAT), ENTRY(max_planes, DOUBLE), ENTRY(max_planes, INT8),
        ENTRY(max_planes, UINT8)};
    static const ep_parallel_body places[EP__DTYPES] = {
        ENTRY(argmax_planes, FLOAT), ENTRY(argmax_planes, DOUBLE), ENTRY(argmax_planes, INT8),
        ENTRY(argmax_planes, UINT8)};
    const ep_array *in = ep__in(call, 0), *indices = ep__out(call, 1);
    pool p;
    if (!values[in->dtype]) return ep__bad_dtype(in, err);
    EP_TRY(start(call, &p, err));
    run_planes(call, &p, values[in->dtype]);
    if (!indices) return EP_OK;
    if (indices->dtype != EP_DTYPE_INT64 || indices->n != ep__out(call, 0)->n) {
        return ep__bad_out_shape(indices, err);
    }
    p.indices = indices->data;
    p.column_major = ep_attr_int(call->node, "storage_order", 0) != 0;
    run_planes(call, &p, places[in->dtype]);
    return EP_OK;
}

/* ---- AveragePool --------------------------------------------------------------------------- */

LINE(sum, FLOAT, float, y + x)
LINE(sum, DOUBLE, double, y + x)

/* Kernel elements at `stop` that lie within the image. */
static int64_t count_inside(const ep__window *w, int i, int64_t stop)
{
    const int64_t begin = stop * w->stride[i] - w->pad[i], step = w->dilation[i];
    const int64_t skipped = begin < 0 ? (-begin - 1) / step + 1 : 0;
    const int64_t room = w->image[i] - begin;
    const int64_t reached = room <= 0 ? 0 : (room - 1) / step + 1;
    const int64_t count = (reached < w->kernel[i] ? reached : w->kernel[i]) - skipped;
    return count > 0 ? count : 0;
}

/* For each dimension, how many kernel elements count at each stop: with count_include_pad all, also
 * those beyond the padding that ceil_mode lets in, as ONNX's own tests expect. */
static ep_status read_counts(const ep__call *call, pool *p, ep_error *err)
{
    const ep__window *w = &p->window;
    const bool pads = ep_attr_int(call->node, "count_include_pad", 0) != 0;
    int64_t *counts =
        EP_NEW(call->scratch, int64_t, (uint64_t)(w->stops[0] + w->stops[1] + w->stops[2]));
    if (!counts) return ep_fail_memory(err);
    p->counts = counts;
    for (int i = 0; i < 3; i++) {
        for (int64_t stop = 0; stop < w->stops[i]; stop++) {
            *counts++ = pads ? w->kernel[i] : count_inside(w, i, stop);
        }
    }
    return EP_OK;
}

#define AVERAGE_PLANES(id, T)                                                                      \
    static void divide_##id(const pool *p, T *out)                                                 \
    {                                                                                              \
        const int64_t *stops = p->window.stops, *cz = p->counts, *cy = cz + stops[0];              \
        const int64_t *cx = cy + stops[1];                                                         \
        for (int64_t z = 0; z < stops[0]; z++) {                                                   \
            for (int64_t y = 0; y < stops[1]; y++, out += stops[2]) {                              \
                const int64_t lines = cz[z] * cy[y];                                               \
                for (int64_t x = 0; x < stops[2]; x++) {                                           \
                    const int64_t count = lines * cx[x];                                           \
                    out[x] = count > 0 ? out[x] / (T)count : 0;                                    \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void average_planes_##id(uint64_t begin, uint64_t end, void *context)                   \
    {                                                                                              \
        const pool *p = context;                                                                   \
        const ep__window *w = &p->window;                                                          \
        for (uint64_t i = begin; i < end; i++) {                                                   \
            const T *image = (const T *)p->in + (int64_t)i * w->image_size;                        \
            T *out = (T *)p->out + (int64_t)i * w->stops_size;                                     \
            if (is_global(w)) {                                                                    \
                double sum = 0;                                                                    \
                for (int64_t k = 0; k < w->image_size; k++) sum += (double)image[k];               \
                *out = (T)(sum / (double)w->image_size);                                           \
                continue;                                                                          \
            }                                                                                      \
            memset(out, 0, (size_t)w->stops_size * sizeof(T));                                     \
            take_in(p, sum_##id, sizeof(T), (const char *)image, (char *)out);                     \
            divide_##id(p, out);                                                                   \
        }                                                                                          \
    }
AVERAGE_PLANES(FLOAT, float)
AVERAGE_PLANES(DOUBLE, double)

static ep_status average_pool(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    pool p;
    if (in->dtype != EP_DTYPE_FLOAT && in->dtype != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    EP_TRY(start(call, &p, err));
    EP_TRY(read_counts(call, &p, err));
    run_planes(call, &p,
               in->dtype == EP_DTYPE_FLOAT ? average_planes_FLOAT : average_planes_DOUBLE);
    return EP_OK;
}

/* ---- LpPool -------------------------------------------------------------------------------- */

LINE(lp, FLOAT, float, y + powf(fabsf(x), (float)p))
LINE(lp, DOUBLE, double, y + pow(fabs(x), p))
LINE(square, FLOAT, float, y + x * x)
LINE(square, DOUBLE, double, y + x * x)

#define LP_PLANES(id, T)                                                                           \
    static void lp_planes_##id(uint64_t begin, uint64_t end, void *context)                        \
    {                                                                                              \
        const pool *p = context;                                                                   \
        const ep__window *w = &p->window;                                                          \
        const bool squares = p->p == 2;                                                            \
        for (uint64_t i = begin; i < end; i++) {                                                   \
            const T *image = (const T *)p->in + (int64_t)i * w->image_size;                        \
            T *out = (T *)p->out + (int64_t)i * w->stops_size;                                     \
            memset(out, 0, (size_t)w->stops_size * sizeof(T));                                     \
            take_in(p, squares ? square_##id : lp_##id, sizeof(T), (const char *)image,            \
                    (char *)out);                                                                  \
            for (int64_t k = 0; k < w->stops_size; k++) {                                          \
                const double sum = (double)out[k];                                                 \
                out[k] = (T)(squares ? sqrt(sum) : pow(sum, 1 / p->p));                            \
            }                                                                                      \
        }                                                                                          \
    }
LP_PLANES(FLOAT, float)
LP_PLANES(DOUBLE, double)

static ep_status lp_pool(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    pool p;
    if (in->dtype != EP_DTYPE_FLOAT && in->dtype != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    EP_TRY(start(call, &p, err));
    const int64_t norm = ep_attr_int(call->node, "p", 2);
    EP_FAIL_IF(norm < 1, err, EP_BAD_MODEL, "'p' is %lld; at least 1 is allowed", (long long)norm);
    p.p = (double)norm;
    run_planes(call, &p, in->dtype == EP_DTYPE_FLOAT ? lp_planes_FLOAT : lp_planes_DOUBLE);
    return EP_OK;
}

/* ---- operators ----------------------------------------------------------------------------- */

#define OPERATOR(op, run)                                                                          \
    ep_status ep__kernel_##op(ep__call *call, ep_error *err)                                       \
    {                                                                                              \
        return run(call, err);                                                                     \
    }
OPERATOR(MaxPool, max_pool)
OPERATOR(GlobalMaxPool, max_pool)
OPERATOR(AveragePool, average_pool)
OPERATOR(GlobalAveragePool, average_pool)
OPERATOR(LpPool, lp_pool)
OPERATOR(GlobalLpPool, lp_pool)
