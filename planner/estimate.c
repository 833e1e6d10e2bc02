/* Costs of a placement, from plans that were run.
 *
 * A layer's cost on a side is its share of the kernel that it was fused into there, when a plan had
 * it there; another plan may fuse it otherwise, so what the solver makes of these numbers is built
 * and run again (best.c). Crossings are the plan's own reformat kernels, costed one by one. */
#include "planner/estimate.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- crossings ----------------------------------------------------------------------------- */

/* A plan of nothing but reformats, with all layers on one side. */
typedef struct crossings {
    ep_plan plan;
    ep_kernel *kernels;
    ep__amount **into; /* per kernel: where its cost goes */
    uint32_t n;
} crossings;

static ep_precision usual_precision(const ep__basis *b, uint32_t layer, int side)
{
    return side == EP_SIDE_DLA && b->verdicts[layer].accepted ? b->verdicts[layer].precision
                                                              : b->gpu_precision[layer];
}

/* In which the first reader on that side wants it; EP_PRECISION_COUNT: there is none. */
static ep_precision wanted_precision(const ep__basis *b, const ep_carry *carry, int side)
{
    for (uint32_t u = 0; u < carry->n_users; u++) {
        const uint32_t l = carry->users[u];
        if (side == EP_SIDE_GPU || b->verdicts[l].accepted) return usual_precision(b, l, side);
    }
    return EP_PRECISION_COUNT;
}

static void add_crossing(crossings *c, const uint32_t *tensor, ep_precision from, ep_precision to,
                         bool crosses, ep__amount *into)
{
    c->into[c->n] = into;
    c->kernels[c->n++] = ep__reformat_of(tensor, from, to, crosses);
}

/* What comes from outside to `side` in its own type, or from the other side. */
static void add_carry(const ep__estimates *e, crossings *c, const uint32_t *tensor, uint32_t index,
                      int side, ep__amount *into)
{
    const ep_layers *layers = e->basis->layers;
    const ep_carry *carry = &e->carries[index];
    const ep_precision to = wanted_precision(e->basis, carry, side);
    if (to == EP_PRECISION_COUNT) return;
    if (carry->producer != EP_NO_INDEX) {
        const ep_precision from = usual_precision(e->basis, carry->producer, !side);
        add_crossing(c, tensor, from, to, true, into);
        return;
    }
    const ep_precision from = ep__io_precision(layers, *tensor);
    const bool as_it_is = ep_precision_bytes(from) == ep_precision_bytes(to) ||
                          !ep_dtype_is_float(layers->network->tensors[*tensor].dtype);
    if (ep__io(e->basis) != EP_IO_LINEAR || (side == EP_SIDE_GPU && as_it_is)) return;
    add_crossing(c, tensor, from, to, side == EP_SIDE_DLA, into);
}

static void add_output(const ep__estimates *e, crossings *c, uint32_t output, int side, int way)
{
    const ep_layers *layers = e->basis->layers;
    const uint32_t *tensor = &layers->root[layers->network->outputs[output]];
    const uint32_t producer = layers->producer[*tensor];
    if (producer == EP_NO_INDEX || ep__io(e->basis) != EP_IO_LINEAR) return;
    const ep_precision from = usual_precision(e->basis, producer, side);
    const ep_precision to = ep__io_precision(layers, *tensor);
    const bool as_it_is = ep_precision_bytes(from) == ep_precision_bytes(to) ||
                          !ep_dtype_is_float(layers->network->tensors[*tensor].dtype);
    if (side == EP_SIDE_GPU && as_it_is) return;
    add_crossing(c, tensor, from, to, side == EP_SIDE_DLA,
                 &e->through[way].leaving[producer][side]);
}

static ep_status run_crossings(const ep__estimates *e, crossings *c, ep_arena *arena, ep_error *err)
{
    ep_run run;
    const ep_run_options options = {.batch = 1, .dla_cores = 1};
    ep_cost *costs = EP_NEW(arena, ep_cost, c->n);
    if (!costs) return ep_fail_memory(err);
    c->plan.kernels = c->kernels;
    c->plan.n_kernels = c->n;
    for (uint32_t k = 0; k < c->n; k++) {
        costs[k] =
            ep_sim_cost(e->basis->machine, &c->plan, &c->kernels[k], 0, &e->basis->options->search);
    }
    EP_TRY(ep_sim_run(&c->plan, costs, e->point, &options, arena, &run, err));
    for (uint32_t k = 0; k < c->n; k++) {
        c->into[k]->ns += run.kernel_ns[k];
        c->into[k]->nj += run.kernel_nj[k];
    }
    return EP_OK;
}

/* All that goes to the GPU (DLA) comes from layers on the DLA (GPU). */
static ep_status cost_crossings(ep__estimates *e, const uint32_t *tensors, int to, int way,
                                ep_arena *arena, ep_error *err)
{
    const ep_layers *layers = e->basis->layers;
    const uint64_t room = (uint64_t)e->n_carries + layers->network->n_outputs;
    ep_device *device = EP_NEW(arena, ep_device, layers->n_layers);
    ep_precision *precision = EP_NEW(arena, ep_precision, layers->n_layers);
    crossings c = {.kernels = EP_NEW(arena, ep_kernel, room),
                   .into = EP_NEW(arena, ep__amount *, room)};
    if (!device || !precision || !c.kernels || !c.into) return ep_fail_memory(err);
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        device[l] = to == EP_SIDE_GPU ? EP_DLA0 : EP_GPU;
        precision[l] = usual_precision(e->basis, l, !to);
    }
    c.plan = (ep_plan){.layers = layers,
                       .device = device,
                       .precision = precision,
                       .crossing_bytes = way == EP__L2}; /* a byte fits, none is not known */
    for (uint32_t i = 0; i < e->n_carries; i++) {
        add_carry(e, &c, &tensors[i], i, to, &e->through[way].carry[i][to]);
    }
    for (uint32_t o = 0; o < layers->network->n_outputs; o++) add_output(e, &c, o, !to, way);
    return run_crossings(e, &c, arena, err);
}

/* A carry for each tensor that is computed, or comes in, and is read. */
static ep_status list_carries(ep__estimates *e, ep_arena *arena, uint32_t **tensors, ep_error *err)
{
    const ep_layers *layers = e->basis->layers;
    const uint32_t n = layers->network->n_tensors;
    *tensors = EP_NEW(arena, uint32_t, n);
    e->carries = EP_NEW(arena, ep_carry, n);
    if (!*tensors || !e->carries) return ep_fail_memory(err);
    for (uint32_t t = 0; t < n; t++) {
        const uint32_t begin = layers->users_begin[t], end = layers->users_begin[t + 1];
        if (begin == end) continue;
        (*tensors)[e->n_carries] = t;
        e->carries[e->n_carries++] = (ep_carry){.producer = layers->producer[t],
                                                .n_users = end - begin,
                                                .users = &layers->users[begin]};
    }
    return EP_OK;
}

ep_status ep__estimates_new(const ep__basis *basis, const ep_point *point, ep_arena *arena,
                            ep__estimates *out, ep_error *err)
{
    assert(basis->verdicts);
    const uint32_t n = basis->layers->n_layers;
    ep__estimates *e = out;
    *e = (ep__estimates){.basis = basis, .point = point};
    uint32_t *tensors;
    EP_TRY(list_carries(e, arena, &tensors, err));
    e->last = ep_arena_take(arena, n, sizeof *e->last);
    e->least = ep_arena_take(arena, n, sizeof *e->least);
    e->batch = EP_NEW(arena, uint32_t, n);
    if (!e->last || !e->least || !e->batch) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) {
        for (int s = 0; s < EP_SIDES; s++) {
            for (int i = 0; i < EP_PRECISION_COUNT; i++) e->last[l][s][i].ns = -1;
        }
        memcpy(e->least[l], e->last[l], sizeof e->last[l]);
    }
    for (int way = 0; way < EP__WAYS; way++) {
        e->through[way].carry = ep_arena_take(arena, e->n_carries, sizeof *e->through[way].carry);
        e->through[way].leaving = ep_arena_take(arena, n, sizeof *e->through[way].leaving);
        if (!e->through[way].carry || !e->through[way].leaving) return ep_fail_memory(err);
        for (int to = 0; to < EP_SIDES; to++) {
            EP_TRY(cost_crossings(e, tensors, to, way, arena, err));
        }
    }
    return ep__number_batches(basis->layers, arena, e->batch, err);
}

/* ---- learning ------------------------------------------------------------------------------ */

static void take_least(ep__amount *least, const ep__amount *seen)
{
    const bool first = least->ns < 0;
    if (first || seen->ns < least->ns) least->ns = seen->ns;
    if (first || seen->nj < least->nj) least->nj = seen->nj;
}

void ep__estimates_learn(ep__estimates *e, const ep_plan *plan, const ep_run *run)
{
    for (uint32_t l = 0; l < plan->layers->n_layers; l++) {
        const int side = ep_device_is_dla(plan->device[l]) ? EP_SIDE_DLA : EP_SIDE_GPU;
        const ep__amount seen = {.ns = run->layer_ns[l], .nj = run->layer_nj[l]};
        e->last[l][side][plan->precision[l]] = seen;
        take_least(&e->least[l][side][plan->precision[l]], &seen);
    }
    const uint32_t n = plan->n_subgraphs;
    if (n > 0) e->loadable = (ep__amount){run->submit_ns / n, run->submit_nj / n};
}

/* ---- numbers ------------------------------------------------------------------------------- */

static double value_of(const ep__amount *amount, const ep__worth *worth, int side)
{
    return amount->ns * worth->ns[side] + amount->nj * worth->nj;
}

/* INFINITY: it has not been seen there, in that. */
static double layer_value(const ep__estimates *e, const ep__worth *worth, const ep__view *view,
                          uint32_t l, int side, ep_precision precision)
{
    const ep__amount *seen =
        view->least ? &e->least[l][side][precision] : &e->last[l][side][precision];
    if (seen->ns < 0) return INFINITY;
    if (view->usual && precision != usual_precision(e->basis, l, side)) return INFINITY;
    return value_of(seen, worth, side) +
           value_of(&e->through[view->way].leaving[l][side], worth, EP_SIDE_GPU);
}

ep_status ep__estimates_costs(const ep__estimates *e, const ep__worth *worth, const ep__view *view,
                              uint32_t max_loadables, ep_arena *arena, ep_costs *out, ep_error *err)
{
    const uint32_t n = e->basis->layers->n_layers;
    double(*layer)[EP_SIDES][EP_PRECISION_COUNT] = ep_arena_take(arena, n, sizeof *layer);
    ep_carry *carries = ep_arena_copy(arena, e->carries, e->n_carries * sizeof *carries);
    if (!layer || !carries) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) {
        for (int s = 0; s < EP_SIDES; s++) {
            for (int i = 0; i < EP_PRECISION_COUNT; i++) {
                layer[l][s][i] = layer_value(e, worth, view, l, s, (ep_precision)i);
            }
        }
    }
    for (uint32_t c = 0; c < e->n_carries; c++) { /* reformats run on the GPU */
        const ep__amount *by = e->through[view->way].carry[c];
        carries[c].to_dla = value_of(&by[EP_SIDE_DLA], worth, EP_SIDE_GPU);
        carries[c].to_gpu = value_of(&by[EP_SIDE_GPU], worth, EP_SIDE_GPU);
    }
    *out = (ep_costs){.n_layers = n,
                      .layer = (const double(*)[EP_SIDES][EP_PRECISION_COUNT])layer,
                      .n_carries = e->n_carries,
                      .carries = carries,
                      .batch = e->batch,
                      .loadable = value_of(&e->loadable, worth, EP_SIDE_DLA),
                      .max_loadables = max_loadables};
    return EP_OK;
}
