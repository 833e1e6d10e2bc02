/* From a decision, who runs what, to a plan: subgraphs, kernels, reformats, costs. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "planner/planner_internal.h"

typedef struct builder {
    const ep__basis *basis;
    const ep_assignment *wanted;
    ep_planned *planned;
    ep_arena *arena;
    ep_verdict *verdicts; /* per layer; NULL when no DLA is used */
    ep_device *device;
    ep_precision *precision;
} builder;

/* ---- what all plans have in common --------------------------------------------------------- */

void ep__set_sparse(const ep__basis *b, ep_plan *plan)
{
    const bool dla = b->options->sparse && b->machine->dla.sparse_speedup > 1;
    plan->sparse[EP_GPU] = b->options->sparse && b->machine->gpu.sparse_speedup > 1;
    plan->sparse[EP_DLA0] = plan->sparse[EP_DLA1] = dla;
}

static ep_status check_cores(const ep__basis *b, ep_error *err)
{
    const int64_t cores = b->machine->dla.cores;
    const int64_t wanted = b->options->dla == EP_DLA_FIRST ? 1 : 2;
    EP_FAIL_IF(wanted > cores, err, EP_INFEASIBLE,
               "--dla: %s has %lld DLA core%s; use --dla none%s", b->machine->name,
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

ep_status ep__basis_make(const ep_layers *layers, const ep_machine *machine,
                         const ep_plan_options *options, bool uses_dla, ep_arena *arena,
                         ep__basis *out, ep_error *err)
{
    ep_precision *gpu_precision = EP_NEW(arena, ep_precision, layers->n_layers);
    if (!gpu_precision) return ep_fail_memory(err);
    *out = (ep__basis){
        .layers = layers, .machine = machine, .options = options, .gpu_precision = gpu_precision};
    EP_TRY(ep__gpu_precisions(out, arena, gpu_precision, err));
    if (!uses_dla) return EP_OK;
    EP_TRY(check_cores(out, err));
    const ep_precision asked = asked_of_dla(options->precision);
    EP_TRY(ep_dla_check(layers, machine, asked, arena, &out->verdicts, err));
    EP_TRY(ep__pins_ask(layers, machine, options, asked, arena, out->verdicts, err));
    out->verdicts_fp16 = out->verdicts;
    if (asked != EP_INT8) return EP_OK;
    return ep_dla_check(layers, machine, EP_FP16, arena, &out->verdicts_fp16, err);
}

bool ep__takes(const ep__basis *b, uint32_t layer, ep_device device, ep_precision precision)
{
    const ep_pin pin = ep__pin_of(b->options, layer);
    if (!ep_pin_allows_precision(pin, precision)) return false;
    if (b->verdicts && !ep_pin_allows_device(pin, device)) return false;
    if (device == EP_GPU) return ep__gpu_takes(b->layers, &b->layers->layers[layer], precision);
    if (!ep_device_is_dla(device) || !b->verdicts) return false;
    const ep_verdict *verdict = &b->verdicts[layer];
    if (verdict->accepted && verdict->precision == precision) return true;
    return precision == EP_FP16 && b->verdicts_fp16[layer].accepted;
}

/* ---- the decision -------------------------------------------------------------------------- */

static ep_status refuse_device(const builder *b, uint32_t l, ep_device device, ep_error *err)
{
    const ep__basis *basis = b->basis;
    const char *name = basis->layers->layers[l].name, *where = ep_device_name(device);
    EP_FAIL_IF(device >= EP_CPU, err, EP_INFEASIBLE, "'%s': layers run on gpu, dla0 or dla1", name);
    EP_FAIL_IF(!basis->verdicts, err, EP_INFEASIBLE, "'%s' cannot run on %s: no DLA is used", name,
               where);
    EP_FAIL_IF(device - EP_DLA0 >= basis->machine->dla.cores, err, EP_INFEASIBLE,
               "'%s' cannot run on %s: %s has %lld DLA core%s", name, where, basis->machine->name,
               (long long)basis->machine->dla.cores, basis->machine->dla.cores == 1 ? "" : "s");
    const ep_verdict *verdict = &basis->verdicts[l];
    if (verdict->accepted) return EP_OK;
    const ep_refusal *why = &verdict->refusals[0];
    return ep_fail(err, EP_INFEASIBLE, "'%s' cannot run on %s (%s: %s, allowed %s)", name, where,
                   why->rule->id, why->value, why->bound);
}

static ep_status refuse_precision(const builder *b, uint32_t l, ep_device device,
                                  ep_precision precision, ep_error *err)
{
    ep_precision allowed[EP_PRECISION_COUNT];
    const uint32_t n = ep__precisions(b->basis, allowed);
    /* TF32 in place of FP32 where a pin asks for that, or did when the earlier plan was made */
    const bool pinned = ep__pin_of(b->basis->options, l).precisions || b->wanted->order;
    bool listed = pinned && precision == EP_TF32 && ep__tf32(b->basis);
    for (uint32_t i = 0; i < n; i++) listed |= allowed[i] == precision;
    const char *name = b->basis->layers->layers[l].name, *what = ep_precision_name(precision);
    EP_FAIL_IF(!listed, err, EP_INFEASIBLE, "'%s' cannot run in %s: --precision does not allow it",
               name, what);
    EP_FAIL_IF(!ep__takes(b->basis, l, device, precision), err, EP_INFEASIBLE,
               "'%s' cannot run in %s: %s has no such kernel for it", name, what,
               ep_device_name(device));
    return EP_OK;
}

static ep_status decide(builder *b, ep_error *err)
{
    const ep__basis *basis = b->basis;
    for (uint32_t l = 0; l < basis->layers->n_layers; l++) {
        const ep_device device = b->wanted->device[l];
        const ep_precision precision =
            b->wanted->precision ? b->wanted->precision[l] : EP_PRECISION_COUNT;
        if (device != EP_GPU) EP_TRY(refuse_device(b, l, device, err));
        if (precision != EP_PRECISION_COUNT) {
            EP_TRY(refuse_precision(b, l, device, precision, err));
            b->precision[l] = precision;
        } else {
            b->precision[l] = device == EP_GPU ? basis->gpu_precision[l] : b->verdicts[l].precision;
        }
        b->device[l] = device;
    }
    return ep__pins_check(basis->layers, basis->options, b->device, b->precision, b->verdicts, err);
}

/* ---- placing ------------------------------------------------------------------------------- */

static ep_status list_subgraphs(builder *b, const ep__partition *partition, ep_error *err)
{
    ep_plan *plan = &b->planned->plan;
    const uint32_t n = plan->layers->n_layers;
    ep_subgraph *subgraphs = EP_NEW(b->arena, ep_subgraph, partition->n_subgraphs);
    uint32_t *members = EP_NEW(b->arena, uint32_t, n);
    uint32_t *next = EP_NEW(b->arena, uint32_t, (uint64_t)partition->n_subgraphs + 1);
    if (!subgraphs || !members || !next) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) {
        if (partition->subgraph[l] != EP_NO_INDEX) next[partition->subgraph[l] + 1]++;
    }
    for (uint32_t s = 0; s < partition->n_subgraphs; s++) {
        next[s + 1] += next[s];
        subgraphs[s] = (ep_subgraph){.layers = members + next[s]};
    }
    for (uint32_t l = 0; l < n; l++) {
        const uint32_t s = partition->subgraph[l];
        if (s == EP_NO_INDEX) continue;
        members[next[s]++] = l;
        subgraphs[s].device = b->device[l];
        subgraphs[s].n_layers++;
        subgraphs[s].macs += plan->layers->layers[l].macs;
    }
    plan->subgraphs = subgraphs;
    plan->n_subgraphs = partition->n_subgraphs;
    return EP_OK;
}

static ep_status find_leaving(builder *b, const uint32_t *subgraph, const bool **out, ep_error *err)
{
    const ep_layers *layers = b->basis->layers;
    bool *leaves = EP_NEW(b->arena, bool, layers->network->n_tensors);
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

static ep_status place_and_fuse(builder *b, const ep__partition *partition, ep_error *err)
{
    ep_plan *plan = &b->planned->plan;
    plan->device = b->device;
    plan->precision = b->precision;
    plan->subgraph = partition->subgraph;
    plan->order = partition->order;
    plan->transitions = plan->io_reformats = 0;
    EP_TRY(find_leaving(b, partition->subgraph, &plan->leaves, err));
    EP_TRY(list_subgraphs(b, partition, err));
    return ep__fuse(partition, ep__io(b->basis), b->arena, plan, err);
}

/* ---- limits of loadables ------------------------------------------------------------------- */

/* `partition` has lost subgraphs. Their layers go to the GPU, or that is an error. */
static ep_status take_off(builder *b, const ep__partition *partition, ep_error *err)
{
    for (uint32_t l = 0; l < b->basis->layers->n_layers; l++) {
        if (b->device[l] == EP_GPU || partition->subgraph[l] != EP_NO_INDEX) continue;
        const ep_refusal *why = &b->verdicts[l].refusals[0];
        EP_FAIL_IF(!b->wanted->sheds, err, EP_INFEASIBLE, "'%s' cannot run on %s (%s: %s, DLA: %s)",
                   b->basis->layers->layers[l].name, ep_device_name(b->device[l]), why->rule->id,
                   why->value, why->bound);
        b->device[l] = EP_GPU;
        b->precision[l] = b->basis->gpu_precision[l];
    }
    return ep__pins_check(b->basis->layers, b->basis->options, b->device, b->precision, b->verdicts,
                          err);
}

static ep_status partition_and_fuse(builder *b, ep_error *err)
{
    const ep__basis *basis = b->basis;
    ep__partition partition;
    if (b->wanted->order) {
        EP_TRY(ep__partition_given(basis->layers, b->device, b->wanted->order, b->wanted->subgraph,
                                   b->arena, &partition, err));
    } else {
        EP_TRY(ep__partition_make(basis->layers, b->device, b->wanted->part, b->arena, &partition,
                                  err));
    }
    EP_TRY(place_and_fuse(b, &partition, err));
    const uint32_t n_subgraphs = partition.n_subgraphs;
    if (n_subgraphs == 0 || basis->no_limits) return EP_OK;
    EP_TRY(ep__drop_subgraphs(&b->planned->plan, basis->machine, basis->options, b->verdicts,
                              &partition, b->arena, err));
    if (partition.n_subgraphs == n_subgraphs) return EP_OK;
    EP_TRY(take_off(b, &partition, err));
    return place_and_fuse(b, &partition, err);
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status cost_kernels(builder *b, ep_error *err)
{
    const ep_machine *machine = b->basis->machine;
    ep_planned *planned = b->planned;
    ep_plan *plan = &planned->plan;
    planned->costs = EP_NEW(b->arena, ep_cost, plan->n_kernels);
    if (!planned->costs) return ep_fail_memory(err);
    if (plan->n_subgraphs > 0) {
        plan->crossing_bytes = ep_sim_crossing_bytes(plan);
        EP_TRY(ep_sim_dla_places(machine, plan, b->arena, &plan->dla_places, err));
    }
    const double frame_bytes = ep_sim_frame_bytes(plan);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        planned->costs[k] =
            ep_sim_cost(machine, plan, &plan->kernels[k], frame_bytes, &b->basis->options->search);
    }
    return EP_OK;
}

ep_io ep__io(const ep__basis *b)
{
    const bool standalone = b->verdicts && b->options->standalone;
    return standalone && b->options->io == EP_IO_LINEAR ? EP_IO_NATIVE : b->options->io;
}

ep_status ep__build(const ep__basis *basis, const char *strategy, const ep_assignment *wanted,
                    ep_arena *arena, ep_planned *out, ep_error *err)
{
    const uint32_t n = basis->layers->n_layers;
    builder b = {.basis = basis,
                 .wanted = wanted,
                 .planned = out,
                 .arena = arena,
                 .device = EP_NEW(arena, ep_device, n),
                 .precision = EP_NEW(arena, ep_precision, n)};
    if (!b.device || !b.precision) return ep_fail_memory(err);
    if (basis->verdicts) {
        b.verdicts = ep_arena_copy(arena, basis->verdicts, n * sizeof *b.verdicts);
        if (!b.verdicts) return ep_fail_memory(err);
    }
    out->arena = arena;
    out->verdicts = b.verdicts;
    out->plan = (ep_plan){.layers = basis->layers,
                          .strategy = strategy,
                          .concurrent = wanted->concurrent,
                          .native_io = ep__io(basis) != EP_IO_LINEAR,
                          .dla_pool_pixels = basis->machine->dla.pool_line_pixels,
                          .dla_outputs_fp16 = basis->options->io == EP_IO_NATIVE_FP16_OUT};
    ep__set_sparse(basis, &out->plan);
    EP_TRY(decide(&b, err));
    EP_TRY(partition_and_fuse(&b, err));
    return cost_kernels(&b, err);
}

ep_status ep_plan_build(const ep_layers *layers, const ep_machine *machine, const char *strategy,
                        const ep_assignment *wanted, const ep_plan_options *options,
                        ep_planned **out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_planned *planned = arena ? EP_NEW(arena, ep_planned, 1) : NULL;
    ep__basis *basis = planned ? EP_NEW(arena, ep__basis, 1) : NULL;
    const char *name = basis ? ep_arena_string(arena, strategy, strlen(strategy)) : NULL;
    ep_status status = name ? ep__basis_make(layers, machine, options, options->dla != EP_DLA_NONE,
                                             arena, basis, err)
                            : ep_fail_memory(err);
    if (status == EP_OK) status = ep__build(basis, name, wanted, arena, planned, err);
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
