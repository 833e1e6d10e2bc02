/* What layers may not do together though each may run on the DLA. What TensorRT does: "if a
 * combination of layers cannot run, all layers of the combination go to the GPU" (developer guide
 * 8.x, Working with DLA). Nor does it try smaller ones; the other subgraphs stay as they are. */
#include <stdio.h>
#include <string.h>

#include "planner/planner_internal.h"

/* Sizes here are judged against a bound: what does not fit 64 bits passes every bound. */
static uint64_t times(uint64_t a, uint64_t b)
{
    uint64_t product;
    return ep_mul_overflows(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return ep_add_overflows(a, b, &sum) ? UINT64_MAX : sum;
}

uint64_t ep__feature_bytes(const ep_shape *shape, ep_precision precision)
{
    const uint64_t atom = 32;
    int64_t nchw[4];
    if (!ep_nchw(shape, nchw)) {
        nchw[0] = nchw[1] = nchw[2] = nchw[3] = 1;
        for (int i = 0; i < shape->rank; i++)
            nchw[3] = (int64_t)times((uint64_t)nchw[3], (uint64_t)shape->dims[i]);
    }
    const uint64_t atoms = ep_div_up(times((uint64_t)nchw[1], ep_precision_bytes(precision)), atom);
    const uint64_t map = times((uint64_t)nchw[2], (uint64_t)nchw[3]);
    return times(times(times(atoms, atom), map), (uint64_t)nchw[0]);
}

/* What a subgraph takes of its pools. */
typedef struct need {
    uint64_t local, global; /* intermediate tensors; weights */
} need;

typedef struct dropper {
    const ep_plan *plan;
    const ep_dla_limits *limits;
    const ep_plan_options *options;
    ep_verdict *verdicts;
    ep__partition *partition;
    ep_arena *arena;
    uint32_t *used_by;          /* per tensor: a constant's last subgraph found to use it */
    need *needs;                /* per subgraph */
    const ep_verdict **dropped; /* per subgraph: what its layers are told; NULL: it stays */
} dropper;

/* ---- pools --------------------------------------------------------------------------------- */

static uint64_t const_bytes(const ep_tensor *tensor, ep_precision precision)
{
    const uint64_t elements = ep_tensor_elements(tensor);
    if (!ep_dtype_is_float(tensor->dtype)) return ep_dtype_bytes(tensor->dtype, elements);
    return times(elements, ep_precision_bytes(precision));
}

/* What kernels hand on inside a subgraph counts, all of it and not only what is alive at once, and
 * so does every weight, once (NvInfer.h, ITensor and Weights: "cumulative"). What is fused away is
 * in no memory. */
static void add_kernel(dropper *d, const ep_kernel *kernel)
{
    const ep_layers *layers = d->plan->layers;
    const ep_tensor *tensors = layers->network->tensors;
    need *sum = &d->needs[kernel->subgraph];
    for (uint32_t o = 0; o < kernel->n_outputs; o++) {
        const uint32_t t = kernel->outputs[o];
        if (d->plan->leaves[t]) continue;
        const ep_precision precision = ep_sim_tensor_precision(d->plan, t, kernel->precision);
        sum->local = plus(sum->local, ep__feature_bytes(&tensors[t].shape, precision));
    }
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &layers->layers[kernel->layers[i]];
        for (uint32_t c = 0; c < layer->n_consts; c++) {
            const uint32_t t = layer->consts[c];
            if (d->used_by[t] == kernel->subgraph) continue;
            d->used_by[t] = kernel->subgraph;
            sum->global = plus(sum->global, const_bytes(&tensors[t], kernel->precision));
        }
    }
}

static void refuse_bytes(ep_refusal *why, const char *id, const char *what, uint64_t bytes,
                         uint64_t bound)
{
    const double mib = 1 << 20;
    const ep_rule *rule = ep_rule_find(id);
    *why = (ep_refusal){.rule = rule, .hint = rule->hint, .change = rule->change};
    (void)snprintf(why->value, sizeof why->value, "%.1f MiB of %s", (double)bytes / mib, what);
    (void)snprintf(why->bound, sizeof why->bound, "%.6g MiB a subgraph", (double)bound / mib);
}

static ep_status check_pools(dropper *d, uint32_t subgraph, ep_error *err)
{
    const ep_dla_limits *limits = d->limits;
    const need *sum = &d->needs[subgraph];
    const bool local = sum->local > limits->local_dram_bytes;
    const bool global = sum->global > limits->global_dram_bytes;
    if (!local && !global) return EP_OK;
    ep_refusal *why = EP_NEW(d->arena, ep_refusal, 2);
    ep_verdict *verdict = EP_NEW(d->arena, ep_verdict, 1);
    if (!why || !verdict) return ep_fail_memory(err);
    *verdict = (ep_verdict){.refusals = why};
    if (local) {
        refuse_bytes(&why[verdict->n_refusals++], "general.local-dram", "intermediate tensors",
                     sum->local, limits->local_dram_bytes);
    }
    if (global) {
        refuse_bytes(&why[verdict->n_refusals++], "general.global-dram", "weights", sum->global,
                     limits->global_dram_bytes);
    }
    d->dropped[subgraph] = verdict;
    return EP_OK;
}

static ep_status check_all_pools(dropper *d, ep_error *err)
{
    for (uint32_t k = 0; k < d->plan->n_kernels; k++) {
        if (d->plan->kernels[k].subgraph != EP_NO_INDEX) add_kernel(d, &d->plan->kernels[k]);
    }
    for (uint32_t s = 0; s < d->plan->n_subgraphs; s++) EP_TRY(check_pools(d, s, err));
    return EP_OK;
}

/* ---- loadables ----------------------------------------------------------------------------- */

/* How many subgraphs there is room for. */
typedef struct room {
    int64_t core, total;
    bool in_turn; /* both cores hold all subgraphs: `total` is what each has room for */
} room;

static int64_t at_least_0(int64_t value)
{
    return value > 0 ? value : 0;
}

/* Batches in turn on two cores need all subgraphs on both; a plan that uses both itself does not.
 */
static room room_of(const dropper *d)
{
    bool used[EP_DEVICE_COUNT] = {false};
    for (uint32_t s = 0; s < d->plan->n_subgraphs; s++) used[d->plan->subgraphs[s].device] = true;
    const bool in_turn = d->options->dla == EP_DLA_BOTH && !(used[EP_DLA0] && used[EP_DLA1]);
    const ep_dla_limits *limits = d->limits;
    return (room){.core = at_least_0(limits->loadables_per_core - d->options->loadables_used),
                  .total = at_least_0(limits->loadables_total - d->options->loadables_used_total) /
                           (in_turn ? 2 : 1),
                  .in_turn = in_turn};
}

/* What bounds the number of subgraphs. */
static void print_bound(const dropper *d, const room *r, bool by_total, ep_refusal *why)
{
    const uint32_t used = by_total ? d->options->loadables_used_total : d->options->loadables_used;
    if (used == 0) {
        (void)snprintf(why->bound, sizeof why->bound, "%lld %s",
                       (long long)(by_total ? r->total : r->core),
                       by_total && !r->in_turn ? "in all" : "a core");
    } else if (by_total) {
        (void)snprintf(why->bound, sizeof why->bound, "%lld in all, %u in use",
                       (long long)d->limits->loadables_total, used);
    } else {
        (void)snprintf(why->bound, sizeof why->bound, "%lld a core, %u in use",
                       (long long)d->limits->loadables_per_core, used);
    }
}

static const ep_verdict *out_of_room(dropper *d, const room *r, bool by_total, uint32_t number,
                                     uint32_t of)
{
    ep_refusal *why = EP_NEW(d->arena, ep_refusal, 1);
    ep_verdict *verdict = EP_NEW(d->arena, ep_verdict, 1);
    if (!why || !verdict) return NULL;
    const ep_rule *rule = ep_rule_find("general.loadables");
    *why = (ep_refusal){.rule = rule, .hint = rule->hint, .change = rule->change};
    print_bound(d, r, by_total, why);
    const uint32_t used = by_total ? d->options->loadables_used_total : d->options->loadables_used;
    if (used == 0) {
        (void)snprintf(why->value, sizeof why->value, "%u loadables", of);
    } else {
        (void)snprintf(why->value, sizeof why->value, "subgraph %u of %u", number, of);
    }
    *verdict = (ep_verdict){.n_refusals = 1, .refusals = why};
    return verdict;
}

/* Of the subgraphs that could run, the first in execution order stay. */
static ep_status check_loadables(dropper *d, ep_error *err)
{
    const room r = room_of(d);
    const uint32_t n = d->partition->n_subgraphs;
    int64_t on_core[EP_DEVICE_COUNT] = {0}, stay = 0;
    uint32_t of = 0, number = 0;
    for (uint32_t s = 0; s < n; s++) of += !d->dropped[s];
    for (uint32_t s = 0; s < n; s++) {
        if (d->dropped[s]) continue;
        number++;
        int64_t *core = &on_core[d->plan->subgraphs[s].device];
        if (*core < r.core && stay < r.total) {
            ++*core;
            stay++;
            continue;
        }
        d->dropped[s] = out_of_room(d, &r, *core < r.core, number, of);
        if (!d->dropped[s]) return ep_fail_memory(err);
    }
    return EP_OK;
}

/* ---- all together -------------------------------------------------------------------------- */

/* `number` is room for a new number per subgraph. */
static void take_off(dropper *d, uint32_t *number)
{
    ep__partition *p = d->partition;
    uint32_t left = 0;
    for (uint32_t s = 0; s < p->n_subgraphs; s++) number[s] = d->dropped[s] ? EP_NO_INDEX : left++;
    for (uint32_t l = 0; l < d->plan->layers->n_layers; l++) {
        const uint32_t s = p->subgraph[l];
        if (s == EP_NO_INDEX) continue;
        if (d->dropped[s]) d->verdicts[l] = *d->dropped[s];
        p->subgraph[l] = number[s];
    }
    p->n_subgraphs = left;
}

ep_status ep__drop_subgraphs(const ep_plan *plan, const ep_machine *machine,
                             const ep_plan_options *options, ep_verdict *verdicts,
                             ep__partition *partition, ep_arena *arena, ep_error *err)
{
    const uint32_t n_tensors = plan->layers->network->n_tensors, n = partition->n_subgraphs;
    dropper d = {.plan = plan,
                 .limits = &machine->dla.limits,
                 .options = options,
                 .verdicts = verdicts,
                 .partition = partition,
                 .arena = arena,
                 .used_by = EP_NEW(arena, uint32_t, n_tensors),
                 .needs = EP_NEW(arena, need, n),
                 .dropped = EP_NEW(arena, const ep_verdict *, n)};
    uint32_t *number = EP_NEW(arena, uint32_t, n);
    if (!d.used_by || !d.needs || !d.dropped || !number) return ep_fail_memory(err);
    for (uint32_t t = 0; t < n_tensors; t++) d.used_by[t] = EP_NO_INDEX;
    EP_TRY(check_all_pools(&d, err));
    EP_TRY(check_loadables(&d, err));
    take_off(&d, number);
    return EP_OK;
}
