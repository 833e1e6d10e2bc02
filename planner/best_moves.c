/* Proposals of the strategy "best": minimum cuts of what was learned, moves around the best plan.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "planner/best.h"

/* ---- cuts ---------------------------------------------------------------------------------- */

/* Steps of branch and bound: networks are long, and cuts with a search around them near enough. */
enum { NODES = 32, ROUNDS = 3 };

double ep__idle_w(const ep_machine *machine)
{
    double sum = 0;
    for (uint32_t i = 0; i < machine->n_rails; i++) sum += machine->rails[i].idle_w;
    return sum;
}

static uint32_t max_loadables(const ep__search *s)
{
    const ep_dla_limits *limits = &s->basis->machine->dla.limits;
    const ep_plan_options *o = s->basis->options;
    const int64_t cores = o->dla == EP_DLA_BOTH ? 2 : 1;
    int64_t room = limits->loadables_per_core - o->loadables_used;
    const int64_t total = (limits->loadables_total - o->loadables_used_total) / cores;
    if (total < room) room = total;
    if (o->max_subgraphs > 0 && o->max_subgraphs < room) room = o->max_subgraphs;
    return room > 0 ? (uint32_t)room : 0;
}

static ep_status solve(const ep__search *s, const ep__worth *worth, bool least, int way,
                       uint32_t nodes, ep_arena *arena, ep_solution *out, ep_error *err)
{
    ep_costs costs;
    EP_TRY(ep__estimates_costs(&s->estimates, worth, least, way, max_loadables(s), arena, &costs,
                               err));
    return ep_costs_solve(&costs, nodes, arena, out, err);
}

/* Solves, builds, learns, until nothing new comes of it. */
static ep_status try_worth(ep__search *s, const ep__worth *worth, ep_error *err)
{
    for (int i = 0; i < ROUNDS * EP__WAYS; i++) {
        ep_solution solution;
        ep_arena_reset(s->scratch, SIZE_MAX);
        EP_TRY(solve(s, worth, false, i % EP__WAYS, NODES, s->scratch, &solution, err));
        for (uint32_t l = 0; l < s->basis->layers->n_layers; l++) {
            s->wanted_device[l] = solution.on_dla[l] ? s->core : EP_GPU;
            s->wanted_precision[l] = solution.precision[l];
        }
        EP_TRY(ep__judge(s, false, err));
    }
    return EP_OK;
}

/* Between time alone (0) and energy alone (1), each as a share of what the GPU takes. */
static ep__worth mix(const ep__search *s, double energy)
{
    const double per_nj = energy / s->gpu.energy_nj;
    const double ns = (1 - energy) / s->gpu.latency_ns + per_nj * ep__idle_w(s->basis->machine);
    return (ep__worth){.ns = {ns, ns}, .nj = per_nj};
}

ep_status ep__try_cuts(ep__search *s, ep_error *err)
{
    const ep_plan_options *o = s->basis->options;
    const bool bounded = o->deadline_ns > 0 || o->max_power_w > 0;
    const double step = o->objective == EP_EDP || bounded ? 0.25 : 1;
    const bool begins_with_time = o->objective != EP_ENERGY || bounded;
    const bool ends_with_energy = o->objective == EP_ENERGY || step < 1;
    for (double e = begins_with_time ? 0 : 1; e <= (ends_with_energy ? 1 : 0); e += step) {
        const ep__worth worth = mix(s, e);
        EP_TRY(try_worth(s, &worth, err));
    }
    if (s->run_options.dla_cores == 1) return EP_OK;
    /* batches in turn on two cores: each sees every second, the GPU all of them */
    const ep__worth in_turn = {.ns = {[EP_SIDE_GPU] = 1, [EP_SIDE_DLA] = 0.5}};
    return try_worth(s, &in_turn, err);
}

/* ---- bound --------------------------------------------------------------------------------- */

static ep_status bound_of(ep__search *s, const ep__worth *worth, double *bound, ep_error *err)
{
    ep_solution solution;
    ep_arena_reset(s->scratch, SIZE_MAX);
    EP_TRY(solve(s, worth, true, EP__L2, NODES, s->scratch, &solution, err));
    *bound = solution.bound;
    return EP_OK;
}

ep_status ep__least_value(ep__search *s, double *bound, ep_error *err)
{
    /* between batches in turn on two cores passes half a latency at least */
    const double share = 1.0 / (double)s->run_options.dla_cores;
    const double idle = share * ep__idle_w(s->basis->machine);
    const ep__worth time = {.ns = {1, 1}}, energy = {.ns = {idle, idle}, .nj = 1};
    double ns, nj;
    EP_TRY(bound_of(s, &time, &ns, err));
    EP_TRY(bound_of(s, &energy, &nj, err));
    switch (s->basis->options->objective) {
    case EP_LATENCY: *bound = ns; break;
    case EP_ENERGY: *bound = nj; break;
    case EP_THROUGHPUT: *bound = ns * share; break;
    case EP_EDP: *bound = ns * nj; break;
    }
    return EP_OK;
}

/* ---- moves --------------------------------------------------------------------------------- */

static void want_best(ep__search *s)
{
    const uint32_t n = s->basis->layers->n_layers;
    memcpy(s->wanted_device, s->device, n * sizeof *s->device);
    memcpy(s->wanted_precision, s->precision, n * sizeof *s->precision);
}

/* Moves the layers of a group that would go to the other side; false: none would. */
static bool want_moved(ep__search *s, uint32_t group)
{
    const ep__basis *b = s->basis;
    bool moved = false;
    for (uint32_t l = 0; l < b->layers->n_layers; l++) {
        if (s->group[l] != group) continue;
        const bool to_dla = s->device[l] == EP_GPU;
        if (to_dla && !b->verdicts[l].accepted) continue;
        s->wanted_device[l] = to_dla ? s->core : EP_GPU;
        s->wanted_precision[l] = to_dla ? b->verdicts[l].precision : b->gpu_precision[l];
        moved = true;
    }
    return moved;
}

static ep_status move_groups(ep__search *s, uint32_t n_groups, ep_error *err)
{
    for (uint32_t g = 0; g < n_groups; g++) {
        want_best(s);
        if (want_moved(s, g)) EP_TRY(ep__judge(s, false, err));
    }
    return EP_OK;
}

/* The best plan once more, for its subgraphs and kernels. */
static ep_status rebuild(ep__search *s, ep_planned *out, ep_error *err)
{
    const ep_assignment wanted = {.device = s->device, .precision = s->precision};
    ep_arena_reset(s->scratch, SIZE_MAX);
    return ep__build(s->basis, "best", &wanted, s->scratch, out, err);
}

static ep_status move_subgraphs(ep__search *s, ep_error *err)
{
    ep_planned planned;
    EP_TRY(rebuild(s, &planned, err));
    memcpy(s->group, planned.plan.subgraph, s->basis->layers->n_layers * sizeof *s->group);
    return move_groups(s, planned.plan.n_subgraphs, err);
}

/* Reads from the other side, or is read there. */
static bool is_at_border(const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layers *layers = plan->layers;
    const bool on_dla = ep_device_is_dla(kernel->device);
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        const uint32_t p = layers->producer[kernel->inputs[i]];
        if (p != EP_NO_INDEX && ep_device_is_dla(plan->device[p]) != on_dla) return true;
    }
    for (uint32_t o = 0; o < kernel->n_outputs; o++) {
        const uint32_t t = kernel->outputs[o];
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            if (ep_device_is_dla(plan->device[layers->users[u]]) != on_dla) return true;
        }
    }
    return false;
}

static ep_status move_kernels(ep__search *s, ep_error *err)
{
    ep_planned planned;
    EP_TRY(rebuild(s, &planned, err));
    for (uint32_t l = 0; l < s->basis->layers->n_layers; l++) s->group[l] = EP_NO_INDEX;
    uint32_t n = 0;
    for (uint32_t k = 0; k < planned.plan.n_kernels; k++) {
        const ep_kernel *kernel = &planned.plan.kernels[k];
        if (kernel->kind == EP_KERNEL_REFORMAT || !is_at_border(&planned.plan, kernel)) continue;
        for (uint32_t i = 0; i < kernel->n_layers; i++) s->group[kernel->layers[i]] = n;
        n++;
    }
    return move_groups(s, n, err);
}

ep_status ep__try_moves(ep__search *s, ep_error *err)
{
    for (double before = INFINITY; s->best.value < before && s->n_judged < s->most;) {
        before = s->best.value;
        EP_TRY(move_subgraphs(s, err));
        EP_TRY(move_kernels(s, err));
    }
    return EP_OK;
}
