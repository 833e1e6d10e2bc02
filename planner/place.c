/* Strategies: who decides which device runs a layer. */
#include <assert.h>
#include <string.h>

#include "planner/planner_internal.h"

static ep_status refuse_fallback(const ep__basis *b, const ep_planned *planned, ep_error *err)
{
    const ep_plan *plan = &planned->plan;
    uint32_t n = 0, first = 0;
    for (uint32_t l = plan->layers->n_layers; l-- > 0;) {
        if (ep_device_is_dla(plan->device[l])) continue;
        n++;
        first = l;
    }
    if (n == 0) return EP_OK;
    const char *option = b->options->standalone ? "--standalone" : "--no-fallback";
    EP_FAIL_IF(planned->verdicts[first].accepted, err, EP_INFEASIBLE,
               "%s: '%s' is pinned to another device", option, plan->layers->layers[first].name);
    const ep_refusal *why = &planned->verdicts[first].refusals[0];
    return ep_fail(err, EP_INFEASIBLE,
                   "%s: the DLA refuses %u of %u layers, first '%s' (%s: %s, allowed %s)", option,
                   n, plan->layers->n_layers, plan->layers->layers[first].name, why->rule->id,
                   why->value, why->bound);
}

/* One loadable, and native formats at both ends: then only what is read in two of them still takes
 * a reformat. */
static ep_status refuse_reformats(const ep_plan *plan, ep_error *err)
{
    const ep_layers *layers = plan->layers;
    EP_FAIL_IF(
        plan->n_subgraphs > 1, err, EP_INFEASIBLE,
        "--standalone: one loadable has to hold the network, and it is %u subgraphs; '%s' is "
        "not connected with the first, or of another batch",
        plan->n_subgraphs, layers->layers[plan->subgraphs[1].layers[0]].name);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        EP_FAIL_IF(kernel->kind == EP_KERNEL_REFORMAT, err, EP_INFEASIBLE,
                   "--standalone: '%s' is read in %s and in %s, which takes a reformat; plan with "
                   "--precision fp16",
                   layers->network->tensors[kernel->inputs[0]].name,
                   ep_precision_name(kernel->from), ep_precision_name(kernel->precision));
    }
    return EP_OK;
}

/* What the DLA accepts goes there, but for combinations that it cannot run; `device` is per layer.
 * Without verdicts all stays on the GPU. */
static void place_greedily(const ep__basis *b, ep_device *device)
{
    const ep_device core = b->options->dla == EP_DLA_SECOND ? EP_DLA1 : EP_DLA0;
    for (uint32_t l = 0; b->verdicts && l < b->layers->n_layers; l++) {
        const bool allowed = ep_pin_allows_device(ep__pin_of(b->options, l), core);
        device[l] = b->verdicts[l].accepted && allowed ? core : EP_GPU;
    }
}

static ep_status make(const ep__basis *b, const char *strategy, bool searches, ep_arena *arena,
                      ep_planned *planned, ep_error *err)
{
    const bool standalone = b->verdicts && b->options->standalone;
    const bool all_on_dla = standalone || (b->verdicts && b->options->no_fallback);
    if (searches && !all_on_dla) return ep__place_best(b, arena, planned, err);
    ep_device *device = EP_NEW(arena, ep_device, b->layers->n_layers); /* zeroed: EP_GPU */
    if (!device) return ep_fail_memory(err);
    place_greedily(b, device);
    const ep_assignment wanted = {.device = device, .sheds = true};
    EP_TRY(ep__build(b, strategy, &wanted, arena, planned, err));
    if (all_on_dla) EP_TRY(refuse_fallback(b, planned, err));
    return standalone ? refuse_reformats(&planned->plan, err) : EP_OK;
}

/* ---- strategies ---------------------------------------------------------------------------- */

typedef struct strategy {
    const char *name;
    bool uses_dla, searches;
} strategy;

static const strategy strategies[] = {
    {"gpu", false, false},
    {"greedy", true, false},
    {"best", true, true},
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
    EP_FAIL_IF(!s, err, EP_BAD_USAGE, "strategy '%s': there are gpu, greedy and best",
               strategy_name);
    EP_FAIL_IF(s->uses_dla && options->standalone && options->dla == EP_DLA_NONE, err, EP_BAD_USAGE,
               "--standalone: --dla none leaves no device");
    ep_arena *arena = ep_arena_new();
    ep_planned *planned = arena ? EP_NEW(arena, ep_planned, 1) : NULL;
    if (!planned) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    ep__basis basis;
    ep_status status = ep__basis_make(
        layers, machine, options, s->uses_dla && options->dla != EP_DLA_NONE, arena, &basis, err);
    if (status == EP_OK) status = make(&basis, s->name, s->searches, arena, planned, err);
    if (status != EP_OK) {
        ep_arena_free(arena);
        return status;
    }
    *out = planned;
    return EP_OK;
}
