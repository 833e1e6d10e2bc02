/* The strategy "best": a placement that is searched for.
 *
 * The judge is the simulator: a decision is built as any plan is, fused, and run. What a layer cost
 * in the plans that were run is what the solver of ep_costs works on, so that it proposes, the
 * judge disposes, and what is learned goes into the next proposal. What the builder does by itself,
 * "gpu" and "greedy", is judged first: the best is never worse. */
#include "planner/best.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const char *ep_objective_name(uint32_t index)
{
    static const char *const names[] = {
        [EP_LATENCY] = "latency",
        [EP_ENERGY] = "energy",
        [EP_THROUGHPUT] = "throughput",
        [EP_EDP] = "edp",
    };
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

/* ---- the judge ----------------------------------------------------------------------------- */

static double over(double value, double bound)
{
    return bound > 0 && value > bound ? value / bound - 1 : 0;
}

static ep__judgement judgement_of(const ep__search *s, const ep_plan *plan, const ep_run *run)
{
    const ep_plan_options *o = s->basis->options;
    ep__judgement j = {.latency_ns = run->latency_ns,
                       .power_w = run->power_w,
                       .energy_nj = run->power_w * run->period_ns,
                       .n_subgraphs = plan->n_subgraphs};
    switch (o->objective) {
    case EP_LATENCY: j.value = j.latency_ns; break;
    case EP_ENERGY: j.value = j.energy_nj; break;
    case EP_THROUGHPUT: j.value = run->period_ns; break;
    case EP_EDP: j.value = j.energy_nj * j.latency_ns; break;
    }
    j.excess = over(j.latency_ns, o->deadline_ns) + over(j.power_w, o->max_power_w) +
               over(plan->n_subgraphs, o->max_subgraphs);
    return j;
}

bool ep__is_better(const ep__judgement *a, const ep__judgement *b)
{
    if (a->excess != b->excess) return a->excess < b->excess;
    return a->value < b->value;
}

/* FNV-1a, of a byte a layer. */
static uint64_t hash_of(const ep__search *s, bool sheds)
{
    uint64_t hash = 14695981039346656037U ^ (uint64_t)(sheds | s->wants_concurrent << 1);
    for (uint32_t l = 0; l < s->basis->layers->n_layers; l++) {
        hash ^= (uint64_t)s->wanted_device[l] << 4 | (uint64_t)s->wanted_precision[l];
        hash *= 1099511628211U;
    }
    return hash;
}

static bool is_known(ep__search *s, bool sheds)
{
    const uint64_t hash = hash_of(s, sheds);
    for (uint32_t i = 0; i < s->n_judged; i++) {
        if (s->seen[i] == hash) return true;
    }
    s->seen[s->n_judged] = hash;
    return false;
}

static void keep(ep__search *s, const ep__judgement *j, const ep_plan *plan, bool sheds)
{
    const uint32_t n = plan->layers->n_layers;
    s->best = *j;
    s->has_best = true;
    s->sheds = sheds;
    s->concurrent = plan->concurrent;
    memcpy(s->asked_device, s->wanted_device, n * sizeof *s->device);
    memcpy(s->asked_precision, s->wanted_precision, n * sizeof *s->precision);
    memcpy(s->device, plan->device, n * sizeof *s->device);
    memcpy(s->precision, plan->precision, n * sizeof *s->precision);
}

/* Running branches at once takes more engines and events between them: not for nothing. */
static bool wins(const ep__search *s, const ep__judgement *j)
{
    const double least_gain = 1e-3;
    const bool same = s->wants_concurrent == s->concurrent || j->excess != s->best.excess;
    return ep__is_better(j, &s->best) && (same || j->value < s->best.value * (1 - least_gain));
}

/* A decision takes pinned layers along to where they are pinned, if they can be there. */
static void keep_pins(ep__search *s)
{
    const ep__basis *b = s->basis;
    for (uint32_t l = 0; b->verdicts && b->options->pins && l < b->layers->n_layers; l++) {
        const ep_pin pin = b->options->pins[l];
        if (ep_pin_allows_device(pin, s->wanted_device[l]) &&
            ep_pin_allows_precision(pin, s->wanted_precision[l])) {
            continue;
        }
        const bool gpu =
            ep_pin_allows_device(pin, EP_GPU) && ep_pin_allows_precision(pin, b->gpu_precision[l]);
        const bool dla = ep_pin_allows_device(pin, s->core) && b->verdicts[l].accepted;
        const bool on_dla = dla && (!gpu || s->wanted_device[l] != EP_GPU);
        s->wanted_device[l] = on_dla ? s->core : EP_GPU;
        s->wanted_precision[l] = on_dla ? b->verdicts[l].precision : b->gpu_precision[l];
    }
}

ep_status ep__judge(ep__search *s, bool sheds, ep_error *err)
{
    keep_pins(s);
    s->has_last = false;
    if (s->n_judged == s->most || is_known(s, sheds)) return EP_OK;
    s->n_judged++;
    ep_arena_reset(s->scratch, SIZE_MAX);
    const ep_assignment wanted = {.device = s->wanted_device,
                                  .precision = s->wanted_precision,
                                  .concurrent = s->wants_concurrent,
                                  .sheds = sheds};
    ep_planned planned = {0};
    ep_run run;
    ep_status status = ep__build(s->basis, "best", &wanted, s->scratch, &planned, &s->why);
    if (status == EP_OK) {
        status = ep_sim_run(&planned.plan, planned.costs, &s->point, &s->run_options, s->scratch,
                            &run, &s->why);
    }
    if (status == EP_INFEASIBLE) return EP_OK; /* past a limit, or on a core without power */
    if (status != EP_OK) return ep_fail(err, status, "%s", s->why.text);
    if (s->estimates.basis) ep__estimates_learn(&s->estimates, &planned.plan, &run);
    const ep__judgement j = judgement_of(s, &planned.plan, &run);
    s->last = j;
    s->has_last = true;
    if (s->n_judged == 1) s->gpu = j;
    if (s->n_judged == 1 || (!s->basis->no_limits && wins(s, &j))) {
        keep(s, &j, &planned.plan, sheds);
    }
    return EP_OK;
}

/* A plan that shed subgraphs keeps the execution order it had before, so that what it shed has to
 * be asked for again. */
ep_status ep__build_best(const ep__search *s, ep_arena *arena, ep_planned *out, ep_error *err)
{
    const ep_assignment wanted = {.device = s->asked_device,
                                  .precision = s->asked_precision,
                                  .concurrent = s->concurrent,
                                  .sheds = s->sheds};
    return ep__build(s->basis, "best", &wanted, arena, out, err);
}

/* ---- where it begins ----------------------------------------------------------------------- */

/* All that it takes on one side, in the options' precision or FP16. */
static void want_side(ep__search *s, int side, bool fp16)
{
    const ep__basis *b = s->basis;
    for (uint32_t l = 0; l < b->layers->n_layers; l++) {
        const bool on_dla = side == EP_SIDE_DLA && b->verdicts && b->verdicts[l].accepted;
        s->wanted_device[l] = on_dla ? s->core : EP_GPU;
        s->wanted_precision[l] = on_dla ? b->verdicts[l].precision : b->gpu_precision[l];
        const bool lower = s->wanted_precision[l] == EP_INT8;
        if (fp16 && lower && ep__takes(b, l, s->wanted_device[l], EP_FP16)) {
            s->wanted_precision[l] = EP_FP16;
        }
    }
}

/* What the builder would make, and what layers cost that it cannot have on the DLA for a limit. */
static ep_status try_builders(ep__search *s, ep_error *err)
{
    ep__basis without_limits = *s->basis;
    const ep__basis *basis = s->basis;
    without_limits.no_limits = true;
    want_side(s, EP_SIDE_DLA, false);
    s->basis = &without_limits;
    ep_status status = ep__judge(s, false, err);
    s->basis = basis;
    if (status == EP_OK) status = ep__judge(s, true, err);
    if (basis->options->precision == EP_CHOOSE_FP16) return status;
    for (int side = 0; status == EP_OK && side < EP_SIDES; side++) {
        want_side(s, side, true);
        status = ep__judge(s, true, err);
    }
    return status;
}

/* Plans that may be judged: the more layers the fewer, so that thousands take seconds. */
static uint32_t most_plans(uint32_t n_layers)
{
    enum { LEAST = 8, MOST = 64, LAYERS = 16000 };
    const uint32_t n = LAYERS / (n_layers + 1);
    return n < LEAST ? LEAST : n > MOST ? MOST : n;
}

static ep_point point_of(const ep__basis *b)
{
    const ep_mode *mode = b->options->mode ? b->options->mode : ep__fastest_mode(b->machine);
    return ep_point_of(b->machine, mode);
}

static ep_status start(ep__search *s, const ep__basis *basis, ep_error *err)
{
    const uint32_t n = basis->layers->n_layers;
    s->basis = basis;
    s->point = point_of(basis);
    s->core = basis->options->dla == EP_DLA_SECOND ? EP_DLA1 : EP_DLA0;
    const bool both = basis->options->dla == EP_DLA_BOTH && s->point.dla_cores > 1;
    s->run_options = (ep_run_options){.batch = 1, .dla_cores = both ? 2 : 1};
    s->most = most_plans(n);
    const uint32_t rounds = 1 + (basis->options->branches ? EP__BRANCH_ROUNDS : 0);
    s->device = EP_NEW(s->arena, ep_device, n);
    s->precision = EP_NEW(s->arena, ep_precision, n);
    s->asked_device = EP_NEW(s->arena, ep_device, n);
    s->asked_precision = EP_NEW(s->arena, ep_precision, n);
    s->wanted_device = EP_NEW(s->arena, ep_device, n);
    s->wanted_precision = EP_NEW(s->arena, ep_precision, n);
    s->group = EP_NEW(s->arena, uint32_t, n);
    s->seen = EP_NEW(s->arena, uint64_t, (uint64_t)s->most * rounds);
    const bool complete = s->device && s->precision && s->asked_device && s->asked_precision &&
                          s->wanted_device && s->wanted_precision && s->group && s->seen;
    return complete ? EP_OK : ep_fail_memory(err);
}

static bool dla_takes_any(const ep__basis *b)
{
    for (uint32_t l = 0; b->verdicts && l < b->layers->n_layers; l++) {
        if (b->verdicts[l].accepted) return true;
    }
    return false;
}

static ep_status search(ep__search *s, double *bound, ep_error *err)
{
    const bool has_choice = dla_takes_any(s->basis);
    if (has_choice) {
        EP_TRY(ep__estimates_new(s->basis, &s->point, s->arena, &s->estimates, err));
    }
    want_side(s, EP_SIDE_GPU, false);
    EP_TRY(ep__judge(s, true, err));
    EP_FAIL_IF(!s->has_best, err, EP_INFEASIBLE, "%s", s->why.text); /* pins do not fit a limit */
    *bound = s->best.value;
    if (!has_choice) return EP_OK;
    EP_TRY(try_builders(s, err));
    EP_TRY(ep__try_cuts(s, err));
    EP_TRY(ep__try_moves(s, err));
    if (s->basis->options->branches) EP_TRY(ep__try_branches(s, err));
    if (s->concurrent) {
        *bound = 0;
        return EP_OK;
    }
    return ep__least_value(s, s->basis->options->objective, bound, err);
}

/* ---- what cannot be ------------------------------------------------------------------------ */

/* The nearest plan, the builder's on the GPU alone, and what no plan gets below. */
static ep_status refuse(ep__search *s, ep_error *err)
{
    const ep_plan_options *o = s->basis->options;
    const ep__judgement *best = &s->best;
    const char *mode = s->point.mode->name;
    if (best->excess == 0) return EP_OK;
    if (over(best->latency_ns, o->deadline_ns) > 0) {
        double least = best->latency_ns;
        if (s->estimates.basis) EP_TRY(ep__least_value(s, EP_LATENCY, &least, err));
        if (o->branches) least /= o->dla == EP_DLA_BOTH ? 3 : 2; /* units that share it at best */
        return ep_fail(err, EP_INFEASIBLE,
                       "--deadline-ms %.6g: the nearest plan in %s takes %.3g ms (all on the GPU: "
                       "%.3g ms), and no placement less than %.3g ms",
                       o->deadline_ns / 1e6, mode, best->latency_ns / 1e6, s->gpu.latency_ns / 1e6,
                       fmin(least, best->latency_ns) / 1e6);
    }
    return ep_fail(err, EP_INFEASIBLE,
                   "--max-power-w %.6g: the nearest plan in %s draws %.3g W, %.3g of it idle, and "
                   "takes %.3g ms (all on the GPU: %.3g W, %.3g ms)",
                   o->max_power_w, mode, best->power_w, ep__idle_w(s->basis->machine),
                   best->latency_ns / 1e6, s->gpu.power_w, s->gpu.latency_ns / 1e6);
}

/* Each by itself. */
static ep_status check_pins(ep__search *s, ep_error *err)
{
    const ep__basis *b = s->basis;
    want_side(s, EP_SIDE_GPU, false);
    keep_pins(s);
    return ep__pins_check(b->layers, b->options, s->wanted_device, s->wanted_precision, b->verdicts,
                          err);
}

static ep_status place(ep__search *s, const ep__basis *basis, ep_arena *arena, ep_planned *out,
                       ep_error *err)
{
    double bound = 0;
    EP_TRY(start(s, basis, err));
    EP_TRY(check_pins(s, err));
    EP_TRY(search(s, &bound, err));
    EP_TRY(refuse(s, err));
    EP_TRY(ep__build_best(s, arena, out, err));
    out->found = (ep_search_result){.n_judged = s->n_judged,
                                    .objective = basis->options->objective,
                                    .value = s->best.value,
                                    .bound = fmin(bound, s->best.value)};
    return EP_OK;
}

ep_status ep__place_best(const ep__basis *basis, ep_arena *arena, ep_planned *out, ep_error *err)
{
    ep__search s = {.arena = ep_arena_new(), .scratch = ep_arena_new()};
    const ep_status status =
        s.arena && s.scratch ? place(&s, basis, arena, out, err) : ep_fail_memory(err);
    ep_arena_free(s.arena);
    ep_arena_free(s.scratch);
    return status;
}
