/* ConvTranspose: filters, transposed, times the input gives what each stop of the window adds to
 * the output. */
#include <string.h>

#include "engine/convolve.h"
#include "engine/product.h"

typedef struct step {
    const ep__convolution *c;
    int64_t item;
    ep__columns columns;
    char *matrix;
} step;

static ep__operands operands_of(const void *context, uint64_t group)
{
    const step *s = context;
    const ep__convolution *c = s->c;
    const int64_t size = (int64_t)s->columns.size, channels = c->channels / c->groups;
    const int64_t rows = c->filters / c->groups * c->window.kernel_size;
    const int64_t channel = (int64_t)group * channels;
    const int64_t x = (s->item * c->channels + channel) * c->window.stops_size + s->columns.first;
    return (ep__operands){.a = (const char *)c->weights + channel * rows * size,
                          .b = (const char *)c->x + x * size,
                          .c = s->matrix + (int64_t)group * rows * s->columns.count * size};
}

static void add_filters(uint64_t begin, uint64_t end, void *context)
{
    const step *s = context;
    const ep__window *w = &s->c->window;
    const int64_t size = (int64_t)s->columns.size;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const char *rows = s->matrix + i * w->kernel_size * s->columns.count * size;
        const int64_t plane = (s->item * s->c->filters + i) * w->image_size;
        ep__columns_add(&s->columns, rows, s->columns.count, (char *)s->c->out + plane * size);
    }
}

static void set_bias(const ep__convolution *c)
{
    for (int64_t i = 0; i < c->batch * c->filters; i++) {
        const int64_t filter = i % c->filters, n = c->window.image_size;
        for (int64_t k = 0; k < n; k++) {
            if (c->dtype == EP_DTYPE_FLOAT) {
                ((float *)c->out)[i * n + k] = c->bias ? ((const float *)c->bias)[filter] : 0;
            } else {
                ((double *)c->out)[i * n + k] = c->bias ? ((const double *)c->bias)[filter] : 0;
            }
        }
    }
}

static ep_status deconvolve(ep__call *call, const ep__convolution *c, ep_error *err)
{
    const ep__window *w = &c->window;
    const int64_t rows = c->filters * w->kernel_size, stops = w->stops_size;
    const int64_t at_once = ep__columns_at_once(rows, stops);
    const size_t size = c->dtype == EP_DTYPE_FLOAT ? sizeof(float) : sizeof(double);
    set_bias(c);
    if (c->batch == 0 || c->filters == 0 || c->channels == 0 || stops == 0) return EP_OK;
    step s = {.c = c, .columns = {.window = w, .size = size}};
    s.matrix = ep_arena_take_raw(call->scratch, (uint64_t)(rows * at_once), size);
    if (!s.matrix) return ep_fail_memory(err);
    for (s.item = 0; s.item < c->batch; s.item++) {
        for (int64_t first = 0; first < stops; first += at_once) {
            s.columns.first = first;
            s.columns.count = stops - first < at_once ? stops - first : at_once;
            const ep__gemm p = {.dtype = c->dtype,
                                .m = rows / c->groups,
                                .n = s.columns.count,
                                .k = c->channels / c->groups,
                                .lda = rows / c->groups,
                                .ldb = stops,
                                .ldc = s.columns.count,
                                .trans_a = true,
                                .alpha = 1};
            EP_TRY(ep__multiply(call->threads, &p, (uint64_t)c->groups, operands_of, &s, err));
            ep_parallel(call->threads, (uint64_t)c->filters, 1, add_filters, &s);
        }
    }
    return EP_OK;
}

ep_status ep__kernel_ConvTranspose(ep__call *call, ep_error *err)
{
    ep__convolution c;
    EP_TRY(ep__float_convolution_of(call, true, &c, err));
    return deconvolve(call, &c, err);
}
