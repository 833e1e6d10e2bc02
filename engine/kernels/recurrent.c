/* RNN, GRU, LSTM. The products with the input are one matrix product for all steps; what remains a
 * step is the product with the state and the gates. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "engine/kernels/recurrent.h"

/* ---- a direction --------------------------------------------------------------------------- */

/* Step `k` of sequence `b` in the input, -1 past its end: a reverse direction begins at the end of
 * each. */
static int64_t place(const ep__direction *d, int64_t b, int64_t k)
{
    const int64_t length = d->lengths ? d->lengths[b] : d->steps;
    return k >= length ? -1 : d->reverse ? length - 1 - k : k;
}

/* W's products of all steps, with the biases that may be added at once. `x` is steps x batch x
 * features. */
static void project(const ep__direction *d, const float *x)
{
    const int64_t width = d->cell->gates * d->hidden, rows = d->steps * d->batch;
    const bool is_gru = d->cell->gates == 3; /* R's bias of the hidden gate comes later */
    float *to = d->projected;
    for (int64_t i = 0; i < width; i++) {
        to[i] = d->input_bias ? d->input_bias[i] : 0;
        if (d->bias && !(is_gru && i >= 2 * d->hidden)) to[i] += d->bias[i];
    }
    for (int64_t row = 1; row < rows; row++) {
        memcpy(to + row * width, to, (size_t)width * sizeof(float));
    }
    ep__add_product(rows, width, d->features, x, d->w, to, width);
}

/* Runs all steps. Y gets its rows at y + (step * y_step + b * y_batch); NULL: nobody wants it. */
static void run_direction(const ep__direction *d, const float *x, float *y, int64_t y_step,
                          int64_t y_batch, float *saved)
{
    const int64_t width = d->cell->gates * d->hidden;
    const size_t row = (size_t)d->hidden * sizeof(float), state = (size_t)d->batch * row;
    if (d->steps > 0) project(d, x);
    for (int64_t k = 0; k < d->steps; k++) {
        for (int64_t b = 0; b < d->batch; b++) {
            const int64_t t = place(d, b, k) < 0 ? 0 : place(d, b, k);
            memcpy(d->gates + b * width, d->projected + (t * d->batch + b) * width,
                   (size_t)width * sizeof(float));
        }
        memcpy(saved, d->h, state);
        if (d->c) memcpy(saved + d->batch * d->hidden, d->c, state);
        d->cell->step(d);
        for (int64_t b = 0; b < d->batch; b++) {
            const int64_t t = place(d, b, k), at = b * d->hidden;
            if (t >= 0 && y) {
                memcpy(y + t * y_step + b * y_batch, d->h + at, row);
            } else if (t < 0) { /* a sequence that is over keeps its state */
                memcpy(d->h + at, saved + at, row);
                if (d->c) memcpy(d->c + at, saved + d->batch * d->hidden + at, row);
            }
        }
    }
}

/* ---- a call -------------------------------------------------------------------------------- */

static ep_status check_operand(const ep__call *call, uint32_t input, int rank, int64_t a, int64_t b,
                               int64_t c, ep_error *err)
{
    const ep_array *array = ep__in(call, input);
    const int64_t dims[3] = {a, b, c};
    char text[EP_SHAPE_TEXT];
    if (!array) return EP_OK;
    bool fits = array->shape.rank == rank;
    for (int i = 0; fits && i < rank; i++) fits = array->shape.dims[i] == dims[i];
    EP_FAIL_IF(!fits, err, EP_BAD_SHAPE, "input %u is %s, must be %lldx%lld%s%.0lld", input,
               ep_shape_text(&array->shape, text), (long long)a, (long long)b, rank > 2 ? "x" : "",
               (long long)c);
    return input != 4 && array->dtype != EP_DTYPE_FLOAT ? ep__bad_dtype(array, err) : EP_OK;
}

typedef struct layout {
    bool batch_first;
    int64_t directions, steps, batch, features, hidden;
} layout;

/* What matrix products can count. */
static ep_status check_sizes(const layout *l, int64_t gates, ep_error *err)
{
    uint64_t rows, width;
    const bool fits =
        l->features <= INT_MAX && l->hidden <= INT_MAX / 4 &&
        !ep_mul_overflows((uint64_t)l->steps, (uint64_t)l->batch, &rows) &&
        !ep_mul_overflows((uint64_t)(gates * l->hidden), (uint64_t)l->batch, &width) &&
        rows <= INT_MAX && width <= INT_MAX;
    EP_FAIL_IF(!fits, err, EP_UNSUPPORTED, "steps x batch or gates x batch pass 2^31 - 1");
    return EP_OK;
}

static ep_status read_layout(const ep__call *call, const ep__cell *cell, layout *l, ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *r = ep__in(call, 2);
    EP_FAIL_IF(x->shape.rank != 3 || r->shape.rank != 3, err, EP_BAD_SHAPE,
               "its input and weights must have rank 3");
    const bool batch_first = ep_attr_int(call->node, "layout", 0) != 0;
    *l = (layout){.batch_first = batch_first,
                  .directions = r->shape.dims[0],
                  .steps = x->shape.dims[batch_first],
                  .batch = x->shape.dims[!batch_first],
                  .features = x->shape.dims[2],
                  .hidden = r->shape.dims[2]};
    const int64_t d = l->directions, batch = l->batch;
    const bool both =
        strcmp(ep_attr_string(call->node, "direction", "forward"), "bidirectional") == 0;
    EP_FAIL_IF(d != (both ? 2 : 1), err, EP_BAD_SHAPE, "weights for %lld directions", (long long)d);
    EP_TRY(check_sizes(l, cell->gates, err));
    const int64_t width = cell->gates * l->hidden;
    if (x->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(x, err);
    EP_TRY(check_operand(call, 1, 3, d, width, l->features, err));
    EP_TRY(check_operand(call, 2, 3, d, width, l->hidden, err));
    EP_TRY(check_operand(call, 3, 2, d, 2 * width, 0, err));
    EP_TRY(check_operand(call, 4, 1, batch, 0, 0, err));
    for (uint32_t i = 5; i < 7; i++) {
        EP_TRY(check_operand(call, i, 3, batch_first ? batch : d, batch_first ? d : batch,
                             l->hidden, err));
    }
    EP_TRY(check_operand(call, 7, 2, d, 3 * l->hidden, 0, err));
    const int64_t last = d * batch * l->hidden;
    for (uint32_t i = 0; i < call->n_outputs; i++) {
        const ep_array *out = ep__out(call, i);
        if (!out) continue;
        if ((int64_t)out->n != (i == 0 ? l->steps * last : last))
            return ep__bad_out_shape(out, err);
    }
    return EP_OK;
}

/* Exchanges the first two of three dimensions: a x b x n to b x a x n. */
static void exchange(int64_t a, int64_t b, int64_t n, const float *in, float *out)
{
    for (int64_t i = 0; i < a; i++) {
        for (int64_t k = 0; k < b; k++) {
            memcpy(out + (k * a + i) * n, in + (i * b + k) * n, (size_t)n * sizeof(float));
        }
    }
}

/* Copies the state of direction `k` between its place among all and `state`, batch x hidden. */
static void move_state(const layout *l, int64_t k, float *all, float *state, bool out)
{
    for (int64_t b = 0; b < l->batch; b++) {
        const int64_t at = l->batch_first ? b * l->directions + k : k * l->batch + b;
        float *one = all + at * l->hidden, *other = state + b * l->hidden;
        memcpy(out ? one : other, out ? other : one, (size_t)l->hidden * sizeof(float));
    }
}

static ep_status read_lengths(const ep__call *call, const layout *l, const int64_t **lengths,
                              ep_error *err)
{
    *lengths = NULL;
    const ep_array *array = ep__in(call, 4);
    if (!array) return EP_OK;
    EP_TRY(ep__int_values(call, array, lengths, err));
    for (int64_t b = 0; b < l->batch; b++) {
        EP_FAIL_IF((*lengths)[b] < 0 || (*lengths)[b] > l->steps, err, EP_BAD_MODEL,
                   "sequence length %lld is outside [0, %lld]", (long long)(*lengths)[b],
                   (long long)l->steps);
    }
    return EP_OK;
}

/* `width` elements a direction. */
static const float *part(const ep__call *call, uint32_t input, int64_t k, int64_t width)
{
    const ep_array *array = ep__in(call, input);
    return array ? (const float *)array->data + k * width : NULL;
}

static ep_status take_buffers(const ep__call *call, ep__direction *d, float **saved, ep_error *err)
{
    const uint64_t state = (uint64_t)(d->batch * d->hidden);
    const uint64_t gates = state * (uint64_t)d->cell->gates;
    d->h = EP_NEW(call->scratch, float, state);
    d->c = EP_NEW(call->scratch, float, state);
    d->gates = EP_NEW(call->scratch, float, gates);
    d->work = EP_NEW(call->scratch, float, gates);
    *saved = EP_NEW(call->scratch, float, 2 * state);
    uint64_t all;
    EP_FAIL_IF(ep_mul_overflows(gates, (uint64_t)d->steps, &all), err, EP_NO_MEMORY, "too large");
    d->projected = EP_NEW(call->scratch, float, all);
    const bool taken = d->h && d->c && d->gates && d->work && *saved && d->projected;
    return taken ? EP_OK : ep_fail_memory(err);
}

/* The weights and the first state of direction `k`. */
static void choose_direction(const ep__call *call, const layout *l, int64_t k,
                             const ep__activation *f, ep__direction *d)
{
    const char *which = ep_attr_string(call->node, "direction", "forward");
    const int64_t width = d->cell->gates * l->hidden;
    d->reverse = k == 1 || strcmp(which, "reverse") == 0;
    d->w = part(call, 1, k, width * l->features);
    d->r = part(call, 2, k, width * l->hidden);
    d->input_bias = part(call, 3, k, 2 * width);
    d->bias = d->input_bias ? d->input_bias + width : NULL;
    d->peepholes = part(call, 7, k, 3 * l->hidden);
    d->f = f + k * d->cell->functions;
    for (uint32_t i = 0; i < 2; i++) {
        float *state = i == 0 ? d->h : d->c;
        const ep_array *initial = ep__in(call, 5 + i);
        memset(state, 0, (size_t)(l->batch * l->hidden) * sizeof(float));
        if (initial) move_state(l, k, initial->data, state, false);
    }
}

static ep_status run(ep__call *call, const ep__cell *cell, ep_error *err)
{
    ep__activation f[6];
    layout l = {0};
    float *saved;
    EP_TRY(read_layout(call, cell, &l, err));
    const uint32_t functions = cell->functions * (uint32_t)l.directions;
    EP_TRY(ep__read_activations(call->node, cell, functions, f, err));
    const int64_t row = l.directions * l.hidden; /* of Y, batch first */
    const float limit = ep_attr_float(call->node, "clip", INFINITY);
    ep__direction d = {.cell = cell,
                       .steps = l.steps,
                       .batch = l.batch,
                       .features = l.features,
                       .hidden = l.hidden,
                       .clip = limit > 0 ? limit : INFINITY,
                       .option = ep_attr_int(call->node, cell->option, 0) != 0};
    EP_TRY(read_lengths(call, &l, &d.lengths, err));
    EP_TRY(take_buffers(call, &d, &saved, err));
    const float *x = ep__in(call, 0)->data;
    if (l.batch_first) {
        float *copy = EP_NEW(call->scratch, float, ep__in(call, 0)->n);
        if (!copy) return ep_fail_memory(err);
        exchange(l.batch, l.steps, l.features, x, copy);
        x = copy;
    }
    ep_array *y = ep__out(call, 0);
    if (y && d.lengths) memset(y->data, 0, (size_t)y->n * sizeof(float));
    for (int64_t k = 0; k < l.directions; k++) {
        choose_direction(call, &l, k, f, &d);
        float *to = y ? (float *)y->data + k * l.hidden * (l.batch_first ? 1 : l.batch) : NULL;
        run_direction(&d, x, to, l.batch_first ? row : row * l.batch,
                      l.batch_first ? row * l.steps : l.hidden, saved);
        if (ep__out(call, 1)) move_state(&l, k, ep__out(call, 1)->data, d.h, true);
        if (ep__out(call, 2)) move_state(&l, k, ep__out(call, 2)->data, d.c, true);
    }
    return EP_OK;
}

ep_status ep__kernel_RNN(ep__call *call, ep_error *err)
{
    return run(call, &ep__rnn, err);
}

ep_status ep__kernel_GRU(ep__call *call, ep_error *err)
{
    return run(call, &ep__gru, err);
}

ep_status ep__kernel_LSTM(ep__call *call, ep_error *err)
{
    return run(call, &ep__lstm, err);
}
