#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "planner/planner_internal.h"

typedef struct placer {
    const ep_layers *layers;
    const ep_machine *machine;
    const ep_plan_options *options;
    ep_planned *planned;
    ep_arena *arena;
    ep_verdict *verdicts; /* per layer; NULL when no DLA is used */
    bool *on_dla;
    ep_io io;
    ep_precision *gpu_precision;
} placer;

/* ---- precision on the GPU ------------------------------------------------------------------ */

/* The order in which a choice prefers precisions. */
static uint32_t candidates(const ep_machine *machine, const ep_plan_options *options,
                           ep_precision list[EP_PRECISION_COUNT])
{
    const ep_precision_choice choice = options->precision;
    const bool tf32 = !options->no_tf32 && machine->gpu.tensor_tf32 > 0;
    uint32_t n = 0;
    if (choice == EP_CHOOSE_INT8 || choice == EP_CHOOSE_BEST) list[n++] = EP_INT8;
    if (choice != EP_CHOOSE_FP32) list[n++] = EP_FP16;
    if (tf32 && (choice == EP_CHOOSE_FP32 || choice == EP_CHOOSE_BEST)) list[n++] = EP_TF32;
    list[n++] = EP_FP32;
    return n;
}

/* The point at which "fastest" is judged when a plan serves all modes: the highest GPU clock. */
static ep_point fastest_point(const ep_machine *machine)
{
    assert(machine->n_modes > 0);
    const ep_mode *best = &machine->modes[0];
    for (uint32_t i = 1; i < machine->n_modes; i++) {
        if (machine->modes[i].gpu_mhz > best->gpu_mhz) best = &machine->modes[i];
    }
    return ep_point_of(machine, best);
}

/* Time of each layer alone on the GPU in `precision`, all tensors likewise. */
static ep_status time_alone(placer *p, ep_precision precision, double *ns, ep_error *err)
{
    const uint32_t n = p->layers->n_layers;
    const ep_point point = fastest_point(p->machine);
    ep_precision *uniform = EP_NEW(p->arena, ep_precision, n);
    ep_device *device = EP_NEW(p->arena, ep_device, n); /* zeroed: EP_GPU */
    if (!uniform || !device) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) uniform[l] = precision;
    ep_plan plan = {.layers = p->layers, .precision = uniform, .device = device};
    memcpy(plan.sparse, p->planned->plan.sparse, sizeof plan.sparse);
    const double frame_bytes = ep_sim_frame_bytes(&plan);
    for (uint32_t l = 0; l < n; l++) {
        const ep_layer *layer = &p->layers->layers[l];
        const ep_kernel kernel = {.precision = precision,
                                  .subgraph = EP_NO_INDEX,
                                  .n_layers = 1,
                                  .layers = &l,
                                  .n_inputs = layer->n_inputs,
                                  .inputs = layer->inputs,
                                  .n_outputs = layer->n_outputs,
                                  .outputs = layer->outputs};
        const ep_cost cost =
            ep_sim_cost(p->machine, &plan, &kernel, frame_bytes, &p->options->search);
        ns[l] = ep_cost_ns(&cost, &point, NULL);
    }
    return EP_OK;
}

static ep_status choose_fastest(placer *p, const ep_precision *list, uint32_t n_list, ep_error *err)
{
    const uint32_t n = p->layers->n_layers;
    double *best = EP_NEW(p->arena, double, n);
    double *ns = EP_NEW(p->arena, double, n);
    if (!best || !ns) return ep_fail_memory(err);
    for (uint32_t c = 0; c < n_list; c++) {
        EP_TRY(time_alone(p, list[c], ns, err));
        for (uint32_t l = 0; l < n; l++) {
            if (!ep__gpu_takes(p->layers, &p->layers->layers[l], list[c])) continue;
            if (best[l] > 0 && ns[l] >= best[l]) continue;
            best[l] = ns[l];
            p->gpu_precision[l] = list[c];
        }
    }
    return EP_OK;
}

static ep_status choose_gpu_precision(placer *p, ep_error *err)
{
    ep_precision list[EP_PRECISION_COUNT];
    const uint32_t n = candidates(p->machine, p->options, list);
    if (p->options->precision == EP_CHOOSE_BEST) return choose_fastest(p, list, n, err);
    for (uint32_t l = 0; l < p->layers->n_layers; l++) {
        uint32_t c = 0;
        while (!ep__gpu_takes(p->layers, &p->layers->layers[l], list[c])) c++;
        p->gpu_precision[l] = list[c]; /* FP32, the last, is always taken */
    }
    return EP_OK;
}

/* ---- placement ----------------------------------------------------------------------------- */

static ep_status check_dla(const placer *p, ep_error *err)
{
    const int64_t cores = p->machine->dla.cores;
    const int64_t wanted = p->options->dla == EP_DLA_NONE    ? 0
                           : p->options->dla == EP_DLA_FIRST ? 1
                                                             : 2;
    EP_FAIL_IF(wanted > cores, err, EP_INFEASIBLE,
               "--dla: %s has %lld DLA core%s; use --dla none%s", p->machine->name,
               (long long)cores, cores == 1 ? "" : "s", cores > 0 ? " or --dla 0" : "");
    return EP_OK;
}

static ep_precision asked_of_dla(ep_precision_choice choice)
{
    switch (choice) {
    case EP_CHOOSE_FP16: return EP_FP16;
    case EP_CHOOSE_FP32: return EP_FP32;
    default: return EP_INT8;
    }
}

static ep_status refuse_fallback(const placer *p, ep_error *err)
{
    uint32_t n = 0, first = 0;
    for (uint32_t l = p->layers->n_layers; l-- > 0;) {
        if (p->on_dla[l]) continue;
        n++;
        first = l;
    }
    if (n == 0) return EP_OK;
    const ep_refusal *why = &p->verdicts[first].refusals[0];
    return ep_fail(
        err, EP_INFEASIBLE, "%s: the DLA refuses %u of %u layers, first '%s' (%s: %s, allowed %s)",
        p->options->standalone ? "--standalone" : "--no-fallback", n, p->layers->n_layers,
        p->layers->layers[first].name, why->rule->id, why->value, why->bound);
}

/* ---- standalone ---------------------------------------------------------------------------- */

/* One loadable, and native formats at both ends: then only what is read in two of them still takes
 * a reformat. */
static ep_status refuse_reformats(const placer *p, ep_error *err)
{
    const ep_plan *plan = &p->planned->plan;
    EP_FAIL_IF(
        plan->n_subgraphs > 1, err, EP_INFEASIBLE,
        "--standalone: one loadable has to hold the network, and it is %u subgraphs; '%s' is "
        "not connected with the first, or of another batch",
        plan->n_subgraphs, p->layers->layers[plan->subgraphs[1].layers[0]].name);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        EP_FAIL_IF(kernel->kind == EP_KERNEL_REFORMAT, err, EP_INFEASIBLE,
                   "--standalone: '%s' is read in %s and in %s, which takes a reformat; plan with "
                   "--precision fp16",
                   p->layers->network->tensors[kernel->inputs[0]].name,
                   ep_precision_name(kernel->from), ep_precision_name(kernel->precision));
    }
    return EP_OK;
}

static ep_status list_subgraphs(placer *p, const ep__partition *partition, ep_device core,
                                ep_error *err)
{
    ep_plan *plan = &p->planned->plan;
    const uint32_t n = p->layers->n_layers;
    ep_subgraph *subgraphs = EP_NEW(p->arena, ep_subgraph, partition->n_subgraphs);
    uint32_t *members = EP_NEW(p->arena, uint32_t, n);
    uint32_t *next = EP_NEW(p->arena, uint32_t, (uint64_t)partition->n_subgraphs + 1);
    if (!subgraphs || !members || !next) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) {
        if (partition->subgraph[l] != EP_NO_INDEX) next[partition->subgraph[l] + 1]++;
    }
    for (uint32_t s = 0; s < partition->n_subgraphs; s++) {
        next[s + 1] += next[s];
        subgraphs[s] = (ep_subgraph){.device = core, .layers = members + next[s]};
    }
    for (uint32_t l = 0; l < n; l++) {
        const uint32_t s = partition->subgraph[l];
        if (s == EP_NO_INDEX) continue;
        members[next[s]++] = l;
        subgraphs[s].n_layers++;
        subgraphs[s].macs += p->layers->layers[l].macs;
    }
    plan->subgraphs = subgraphs;
    plan->n_subgraphs = partition->n_subgraphs;
    return EP_OK;
}

static ep_status find_leaving(placer *p, const uint32_t *subgraph, const bool **out, ep_error *err)
{
    const ep_layers *layers = p->layers;
    bool *leaves = EP_NEW(p->arena, bool, layers->network->n_tensors);
    if (!leaves) return ep_fail_memory(err);
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t producer = layers->producer[t];
        leaves[t] = layers->is_output[t];
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            if (producer == EP_NO_INDEX) break;
            leaves[t] |= subgraph[layers->users[u]] != subgraph[producer];
        }
    }
    *out = leaves;
    return EP_OK;
}

static ep_status place(placer *p, const ep__partition *partition, ep_error *err)
{
    const uint32_t n = p->layers->n_layers;
    ep_device *device = EP_NEW(p->arena, ep_device, n);
    ep_precision *precision = EP_NEW(p->arena, ep_precision, n);
    if (!device || !precision) return ep_fail_memory(err);
    const ep_device core = p->options->dla == EP_DLA_SECOND ? EP_DLA1 : EP_DLA0;
    for (uint32_t l = 0; l < n; l++) {
        device[l] = p->on_dla[l] ? core : EP_GPU;
        precision[l] = p->on_dla[l] ? p->verdicts[l].precision : p->gpu_precision[l];
    }
    ep_plan *plan = &p->planned->plan;
    plan->device = device;
    plan->precision = precision;
    plan->subgraph = partition->subgraph;
    EP_TRY(find_leaving(p, partition->subgraph, &plan->leaves, err));
    return list_subgraphs(p, partition, core, err);
}

static ep_status cost_kernels(placer *p, ep_error *err)
{
    ep_planned *planned = p->planned;
    planned->costs = EP_NEW(p->arena, ep_cost, planned->plan.n_kernels);
    if (!planned->costs) return ep_fail_memory(err);
    if (planned->plan.n_subgraphs > 0) {
        planned->plan.crossing_bytes = ep_sim_crossing_bytes(&planned->plan);
        EP_TRY(ep_sim_dla_places(p->machine, &planned->plan, p->arena, &planned->plan.dla_places,
                                 err));
    }
    const double frame_bytes = ep_sim_frame_bytes(&planned->plan);
    for (uint32_t k = 0; k < planned->plan.n_kernels; k++) {
        planned->costs[k] = ep_sim_cost(p->machine, &planned->plan, &planned->plan.kernels[k],
                                        frame_bytes, &p->options->search);
    }
    return EP_OK;
}

static ep_status ask_dla(placer *p, ep_error *err)
{
    EP_TRY(check_dla(p, err));
    EP_TRY(ep_dla_check(p->layers, p->machine, asked_of_dla(p->options->precision), p->arena,
                        &p->verdicts, err));
    for (uint32_t l = 0; l < p->layers->n_layers; l++) p->on_dla[l] = p->verdicts[l].accepted;
    p->planned->verdicts = p->verdicts;
    return EP_OK;
}

static ep_status place_and_fuse(placer *p, const ep__partition *partition, ep_error *err)
{
    ep_plan *plan = &p->planned->plan;
    EP_TRY(place(p, partition, err));
    plan->transitions = plan->io_reformats = 0;
    return ep__fuse(partition, p->io, p->arena, plan, err);
}

/* Greedy: what the DLA accepts goes there, but for combinations that it cannot run. */
static ep_status place_greedily(placer *p, ep_error *err)
{
    ep__partition partition;
    EP_TRY(ep__partition_make(p->layers, p->on_dla, p->arena, &partition, err));
    EP_TRY(place_and_fuse(p, &partition, err));
    if (!p->verdicts) return EP_OK;
    const uint32_t n_subgraphs = partition.n_subgraphs;
    EP_TRY(ep__drop_subgraphs(&p->planned->plan, p->machine, p->options, p->verdicts, &partition,
                              p->arena, err));
    if (partition.n_subgraphs == n_subgraphs) return EP_OK;
    for (uint32_t l = 0; l < p->layers->n_layers; l++) {
        p->on_dla[l] = partition.subgraph[l] != EP_NO_INDEX;
    }
    return place_and_fuse(p, &partition, err);
}

static ep_status make(placer *p, bool use_dla, ep_error *err)
{
    const uint32_t n = p->layers->n_layers;
    const bool standalone = use_dla && p->options->standalone;
    p->io = standalone && p->options->io == EP_IO_LINEAR ? EP_IO_NATIVE : p->options->io;
    p->planned->plan.native_io = p->io != EP_IO_LINEAR;
    p->on_dla = EP_NEW(p->arena, bool, n);
    p->gpu_precision = EP_NEW(p->arena, ep_precision, n);
    if (!p->on_dla || !p->gpu_precision) return ep_fail_memory(err);
    EP_TRY(choose_gpu_precision(p, err));
    if (use_dla) EP_TRY(ask_dla(p, err));
    EP_TRY(place_greedily(p, err));
    if (use_dla && (p->options->no_fallback || standalone)) EP_TRY(refuse_fallback(p, err));
    if (standalone) EP_TRY(refuse_reformats(p, err));
    return cost_kernels(p, err);
}

/* ---- strategies ---------------------------------------------------------------------------- */

typedef struct strategy {
    const char *name;
    bool uses_dla;
} strategy;

static const strategy strategies[] = {
    {"gpu", false},
    {"greedy", true},
};

enum { N_STRATEGIES = sizeof strategies / sizeof strategies[0] };

const char *ep_strategy_name(uint32_t index)
{
    return index < N_STRATEGIES ? strategies[index].name : NULL;
}

static const strategy *find_strategy(const char *name)
{
    for (uint32_t i = 0; i < N_STRATEGIES; i++) {
        if (strcmp(strategies[i].name, name) == 0) return &strategies[i];
    }
    return NULL;
}

ep_status ep_plan_make(const ep_layers *layers, const ep_machine *machine,
                       const char *strategy_name, const ep_plan_options *options, ep_planned **out,
                       ep_error *err)
{
    const strategy *s = find_strategy(strategy_name);
    EP_FAIL_IF(!s, err, EP_BAD_USAGE, "strategy '%s': there are gpu and greedy", strategy_name);
    EP_FAIL_IF(s->uses_dla && options->standalone && options->dla == EP_DLA_NONE, err, EP_BAD_USAGE,
               "--standalone: --dla none leaves no device");
    ep_arena *arena = ep_arena_new();
    ep_planned *planned = arena ? EP_NEW(arena, ep_planned, 1) : NULL;
    if (!planned) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    planned->arena = arena;
    planned->plan = (ep_plan){
        .layers = layers,
        .strategy = s->name,
        .dla_pool_pixels = machine->dla.pool_line_pixels,
        .dla_outputs_fp16 = options->io == EP_IO_NATIVE_FP16_OUT,
        .sparse = {[EP_GPU] = options->sparse && machine->gpu.sparse_speedup > 1,
                   [EP_DLA0] = options->sparse && machine->dla.sparse_speedup > 1,
                   [EP_DLA1] = options->sparse && machine->dla.sparse_speedup > 1},
    };
    placer p = {.layers = layers,
                .machine = machine,
                .options = options,
                .planned = planned,
                .arena = arena};
    const ep_status status = make(&p, s->uses_dla && options->dla != EP_DLA_NONE, err);
    if (status != EP_OK) {
        ep_arena_free(arena);
        return status;
    }
    *out = planned;
    return EP_OK;
}

void ep_planned_free(ep_planned *planned)
{
    if (planned) ep_arena_free(planned->arena);
}
