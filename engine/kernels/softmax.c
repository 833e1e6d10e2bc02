/* Softmax, LogSoftmax, Hardmax. */
#include <tgmath.h>

#include "engine/functions.h"
#include "engine/kernels.h"

/* ---- loops --------------------------------------------------------------------------------- */

/* Lanes that lie side by side go through together, `width` of them, for the sake of the cache. */
enum { WIDTH = 16 };

/* A lane that is a row of memory is done in WIDTH parts, interleaved, so that it is vector code
 * too. */
#define SOFTMAX(id, T, EXP)                                                                        \
    static void row_exponentials_##id(int64_t n, const T *x, T *y, T *max, double *sum)            \
    {                                                                                              \
        T most[WIDTH];                                                                             \
        double sums[WIDTH] = {0};                                                                  \
        const int64_t whole = n / WIDTH * WIDTH;                                                   \
        for (int64_t j = 0; j < WIDTH; j++) most[j] = x[0];                                        \
        for (int64_t k = 0; k < whole; k += WIDTH) {                                               \
            for (int64_t j = 0; j < WIDTH; j++) most[j] = x[k + j] > most[j] ? x[k + j] : most[j]; \
        }                                                                                          \
        for (int64_t k = whole; k < n; k++) most[0] = x[k] > most[0] ? x[k] : most[0];             \
        for (int64_t j = 1; j < WIDTH; j++) most[0] = most[j] > most[0] ? most[j] : most[0];       \
        for (int64_t k = 0; k < n; k++) y[k] = EXP(x[k] - most[0]);                                \
        for (int64_t k = 0; k < whole; k += WIDTH) {                                               \
            for (int64_t j = 0; j < WIDTH; j++) sums[j] += (double)y[k + j];                       \
        }                                                                                          \
        for (int64_t k = whole; k < n; k++) sums[0] += (double)y[k];                               \
        for (int64_t j = 1; j < WIDTH; j++) sums[0] += sums[j];                                    \
        *max = most[0];                                                                            \
        *sum = sums[0];                                                                            \
    }                                                                                              \
    static void exponentials_##id(int64_t n, int64_t pitch, int64_t width, const T *x, T *y,       \
                                  T max[WIDTH], double sum[WIDTH])                                 \
    {                                                                                              \
        if (pitch == 1) {                                                                          \
            row_exponentials_##id(n, x, y, max, sum);                                              \
            return;                                                                                \
        }                                                                                          \
        for (int64_t j = 0; j < width; j++) max[j] = x[j], sum[j] = 0;                             \
        for (int64_t k = 1; k < n; k++) {                                                          \
            const T *row = x + k * pitch;                                                          \
            for (int64_t j = 0; j < width; j++) max[j] = row[j] > max[j] ? row[j] : max[j];        \
        }                                                                                          \
        for (int64_t k = 0; k < n; k++) {                                                          \
            for (int64_t j = 0; j < width; j++) {                                                  \
                const T e = EXP(x[k * pitch + j] - max[j]);                                        \
                y[k * pitch + j] = e;                                                              \
                sum[j] += (double)e;                                                               \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void softmax_##id(int64_t n, int64_t pitch, int64_t width, const void *in, void *out)   \
    {                                                                                              \
        T max[WIDTH], *y = out;                                                                    \
        double sum[WIDTH];                                                                         \
        exponentials_##id(n, pitch, width, in, y, max, sum);                                       \
        for (int64_t j = 0; j < width; j++) sum[j] = 1 / sum[j];                                   \
        for (int64_t k = 0; k < n; k++) {                                                          \
            for (int64_t j = 0; j < width; j++) y[k * pitch + j] *= (T)sum[j];                     \
        }                                                                                          \
    }                                                                                              \
    static void log_softmax_##id(int64_t n, int64_t pitch, int64_t width, const void *in,          \
                                 void *out)                                                        \
    {                                                                                              \
        const T *x = in;                                                                           \
        T max[WIDTH], *y = out;                                                                    \
        double sum[WIDTH];                                                                         \
        exponentials_##id(n, pitch, width, x, y, max, sum);                                        \
        for (int64_t j = 0; j < width; j++) sum[j] = log(sum[j]);                                  \
        for (int64_t k = 0; k < n; k++) {                                                          \
            for (int64_t j = 0; j < width; j++) {                                                  \
                y[k * pitch + j] = x[k * pitch + j] - max[j] - (T)sum[j];                          \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    /* 1 at the first maximum */                                                                   \
    static void hardmax_##id(int64_t n, int64_t pitch, int64_t width, const void *in, void *out)   \
    {                                                                                              \
        const T *x = in;                                                                           \
        T *y = out;                                                                                \
        for (int64_t j = 0; j < width; j++) {                                                      \
            int64_t best = 0;                                                                      \
            for (int64_t k = 0; k < n; k++) {                                                      \
                if (x[k * pitch + j] > x[best * pitch + j]) best = k;                              \
                y[k * pitch + j] = 0;                                                              \
            }                                                                                      \
            y[best * pitch + j] = 1;                                                               \
        }                                                                                          \
    }
SOFTMAX(FLOAT, float, ep__exp)
SOFTMAX(DOUBLE, double, exp)

void ep__softmax_row(int64_t n, float *row)
{
    softmax_FLOAT(n, 1, 1, row, row);
}

/* ---- operators ----------------------------------------------------------------------------- */

typedef void (*lane_loop)(int64_t n, int64_t pitch, int64_t width, const void *in, void *out);

/* outer x n x inner; a lane is n elements, `inner` apart. */
typedef struct work {
    lane_loop loop;
    const char *in;
    char *out;
    size_t size;
    int64_t n, inner;
} work;

static void run_lanes(uint64_t begin, uint64_t end, void *context)
{
    const work *w = context;
    for (int64_t lane = (int64_t)begin; lane < (int64_t)end;) {
        const int64_t within = lane % w->inner;
        int64_t width = w->inner - within;
        if (width > WIDTH) width = WIDTH;
        if (width > (int64_t)end - lane) width = (int64_t)end - lane;
        const size_t at = (size_t)(lane / w->inner * w->n * w->inner + within) * w->size;
        w->loop(w->n, w->inner, width, w->in + at, w->out + at);
        lane += width;
    }
}

/* Before opset 13 all axes from `axis` on are one. */
static ep_status run(ep__call *call, const lane_loop loops[EP__DTYPES], ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const bool flatten = call->node->opset < 13;
    const int rank = in->shape.rank;
    int axis;
    if (!loops[in->dtype]) return ep__bad_dtype(in, err);
    if (out->n != in->n || out->dtype != in->dtype) return ep__bad_out_shape(out, err);
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", flatten ? 1 : -1), rank, &axis, err));
    work w = {.loop = loops[in->dtype],
              .in = in->data,
              .out = out->data,
              .size = ep_dtype_bits(in->dtype) / 8,
              .n = ep__product(&in->shape, axis, flatten ? rank : axis + 1),
              .inner = flatten ? 1 : ep__product(&in->shape, axis + 1, rank)};
    if (in->n == 0) return EP_OK;
    const uint64_t grain = ep_round_up(ep__rows_a_piece(w.n), WIDTH);
    ep_parallel(call->threads, in->n / (uint64_t)w.n, grain, run_lanes, &w);
    return EP_OK;
}

#define OPERATOR(name, loop)                                                                       \
    ep_status ep__kernel_##name(ep__call *call, ep_error *err)                                     \
    {                                                                                              \
        static const lane_loop loops[EP__DTYPES] = {                                               \
            [EP_DTYPE_FLOAT] = loop##_FLOAT, [EP_DTYPE_DOUBLE] = loop##_DOUBLE};                   \
        return run(call, loops, err);                                                              \
    }
OPERATOR(Softmax, softmax)
OPERATOR(LogSoftmax, log_softmax)
OPERATOR(Hardmax, hardmax)
