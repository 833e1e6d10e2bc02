/* The cheapest placement of ep_costs: minimum cuts, local search, branch and bound.
 *
 * Where loadables cost nothing and nothing limits them a minimum cut is the optimum (cut.c). Else
 * it is a bound, and where the search begins: cuts that charge each tensor that enters a loadable
 * with some share of its cost, local search from each, the best of all. Branch and bound then fixes
 * layers one by one, and gives up a branch when its cut, and the loadables that the fixed layers
 * make by themselves, cost no less than what is known. */
#include "planner/solve.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Costs that differ by less are alike: sums in another order. */
#define TOLERANCE 1e-9

typedef struct solver {
    const ep__problem *p;
    ep_arena *arena;
    uint32_t passes; /* of local search */
    bool *best, *tried;
    ep__score best_score; /* cost INFINITY: nothing found yet */
    int8_t *fixed;
    uint32_t *turns; /* per layer */
    uint32_t nodes;  /* left */
    double open;     /* the least bound of what was not looked into */
} solver;

/* ---- a problem made ready ------------------------------------------------------------------ */

static ep_status find_sides(ep__problem *p, ep_arena *arena, ep_error *err)
{
    const ep_costs *costs = p->costs;
    p->side = ep_arena_take(arena, costs->n_layers, sizeof *p->side);
    p->precision = ep_arena_take(arena, costs->n_layers, sizeof *p->precision);
    if (!p->side || !p->precision) return ep_fail_memory(err);
    for (uint32_t l = 0; l < costs->n_layers; l++) {
        for (int s = 0; s < EP_SIDES; s++) {
            p->side[l][s] = INFINITY;
            for (int i = 0; i < EP_PRECISION_COUNT; i++) {
                assert(costs->layer[l][s][i] >= 0);
                if (costs->layer[l][s][i] >= p->side[l][s]) continue;
                p->side[l][s] = costs->layer[l][s][i];
                p->precision[l][s] = (ep_precision)i;
            }
        }
    }
    return EP_OK;
}

/* Turns counts per layer, at [l + 1], into where each layer's list begins. */
static uint32_t begin_lists(uint32_t *begin, uint32_t n)
{
    for (uint32_t l = 0; l < n; l++) begin[l + 1] += begin[l];
    return begin[n];
}

static ep_status list_carries(ep__problem *p, ep_arena *arena, ep_error *err)
{
    const ep_costs *costs = p->costs;
    const uint32_t n = costs->n_layers;
    uint32_t *begin[3], *list[3], *at[3]; /* carries read, carries written, readers */
    for (int i = 0; i < 3; i++) {
        begin[i] = EP_NEW(arena, uint32_t, (uint64_t)n + 1);
        at[i] = EP_NEW(arena, uint32_t, n);
        if (!begin[i] || !at[i]) return ep_fail_memory(err);
    }
    for (uint32_t c = 0; c < costs->n_carries; c++) {
        const ep_carry *carry = &costs->carries[c];
        for (uint32_t u = 0; u < carry->n_users; u++) begin[0][carry->users[u] + 1]++;
        if (carry->producer == EP_NO_INDEX) continue;
        begin[1][carry->producer + 1]++;
        begin[2][carry->producer + 1] += carry->n_users;
    }
    for (int i = 0; i < 3; i++) {
        list[i] = EP_NEW_RAW(arena, uint32_t, begin_lists(begin[i], n));
        if (!list[i]) return ep_fail_memory(err);
        memcpy(at[i], begin[i], n * sizeof **at);
    }
    for (uint32_t c = 0; c < costs->n_carries; c++) {
        const ep_carry *carry = &costs->carries[c];
        for (uint32_t u = 0; u < carry->n_users; u++) {
            list[0][at[0][carry->users[u]]++] = c;
            if (carry->producer == EP_NO_INDEX) continue;
            list[2][at[2][carry->producer]++] = carry->users[u];
        }
        if (carry->producer != EP_NO_INDEX) list[1][at[1][carry->producer]++] = c;
    }
    p->reads_begin = begin[0], p->reads = list[0];
    p->writes_begin = begin[1], p->writes = list[1];
    p->dag = (ep__dag){.n = n, .begin = begin[2], .users = list[2]};
    return EP_OK;
}

static ep_status prepare(ep__problem *p, const ep_costs *costs, ep_arena *arena, ep_error *err)
{
    p->costs = costs;
    p->n_batches = 1;
    for (uint32_t l = 0; costs->batch && l < costs->n_layers; l++) {
        if (costs->batch[l] >= p->n_batches) p->n_batches = costs->batch[l] + 1;
    }
    EP_TRY(find_sides(p, arena, err));
    return list_carries(p, arena, err);
}

/* ---- candidates ---------------------------------------------------------------------------- */

/* What `tried` holds, made to fit and improved. */
static ep_status take_up(solver *s, uint32_t passes, ep_error *err)
{
    ep__score score;
    EP_TRY(ep__score_of(s->p, s->tried, &score, NULL, err));
    if (!score.fits) EP_TRY(ep__repair(s->p, s->tried, &score, s->arena, err));
    if (!score.fits || !isfinite(score.cost)) return EP_OK;
    if (passes > 0) EP_TRY(ep__improve(s->p, passes, s->tried, &score, s->arena, err));
    if (score.cost >= s->best_score.cost) return EP_OK;
    s->best_score = score;
    memcpy(s->best, s->tried, s->p->costs->n_layers * sizeof *s->best);
    return EP_OK;
}

static ep_status take_up_cuts(solver *s, ep_error *err)
{
    /* shares of a loadable's cost that an entering tensor is charged with: none, when loadables
     * have many; all, when they have one; more, where there are too many */
    static const double shares[] = {0, 0.5, 1, 2, 4, 16};
    const double cost = s->p->costs->loadable;
    const uint32_t n = cost > 0 ? sizeof shares / sizeof *shares : 1;
    for (uint32_t i = 0; i < n; i++) {
        bool possible;
        EP_TRY(ep__cut(s->p, NULL, shares[i] * cost, s->tried, &possible, err));
        if (!possible) return EP_OK;
        EP_TRY(take_up(s, s->passes, err));
    }
    return EP_OK;
}

/* All on one side, where the rules let it. */
static ep_status take_up_sides(solver *s, ep_error *err)
{
    for (int side = 0; side < EP_SIDES; side++) {
        for (uint32_t l = 0; l < s->p->costs->n_layers; l++) {
            s->tried[l] = isinf(s->p->side[l][side]) ? !side : side;
        }
        EP_TRY(take_up(s, s->passes, err));
    }
    return EP_OK;
}

/* ---- branch and bound ---------------------------------------------------------------------- */

/* No placement with these layers fixed has fewer loadables: a path that goes to the DLA, off it and
 * to it again cannot be in one, as subgraphs are convex. */
static uint32_t least_loadables(const solver *s)
{
    const ep__dag *dag = &s->p->dag;
    uint32_t most = 0;
    /* 2 x loadables before, + 1: in one */
    for (uint32_t l = 0; l < dag->n; l++) s->turns[l] = 0;
    for (uint32_t l = 0; l < dag->n; l++) {
        uint32_t *turns = &s->turns[l];
        if (s->fixed[l] == EP_SIDE_DLA) *turns |= 1;
        if (s->fixed[l] == EP_SIDE_GPU) *turns += *turns & 1;
        if (*turns > most) most = *turns;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            uint32_t *user = &s->turns[dag->users[e]];
            if (*turns > *user) *user = *turns;
        }
    }
    return (most + 1) / 2;
}

/* The layer to fix next: at a border of the cut the one that would cost most elsewhere, else the
 * first that is free; EP_NO_INDEX: all are fixed. */
static uint32_t choose_layer(const solver *s, const bool *cut)
{
    const ep__dag *dag = &s->p->dag;
    uint32_t chosen = EP_NO_INDEX, first = EP_NO_INDEX;
    double most = -1;
    for (uint32_t l = dag->n; l-- > 0;) {
        bool border = false;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            border |= cut[dag->users[e]] != cut[l];
        }
        if (s->fixed[l] != EP__FREE) continue;
        first = l;
        const double gap = fabs(s->p->side[l][EP_SIDE_GPU] - s->p->side[l][EP_SIDE_DLA]);
        if (!border || gap <= most) continue;
        most = gap;
        chosen = l;
    }
    return chosen != EP_NO_INDEX ? chosen : first;
}

/* The bound of what is fixed, with the cut that it comes from; INFINITY: it cannot be. */
static ep_status bound_of(solver *s, bool *cut, double *bound, ep_error *err)
{
    bool possible;
    *bound = INFINITY;
    const uint32_t least = least_loadables(s);
    if (least > s->p->costs->max_loadables) return EP_OK;
    EP_TRY(ep__cut(s->p, s->fixed, 0, cut, &possible, err));
    if (!possible) return EP_OK;
    bool on_dla = false, all_gpu = least == 0;
    for (uint32_t l = 0; l < s->p->costs->n_layers; l++) on_dla |= cut[l];
    const double base = ep__base_cost(s->p, cut);
    const double with_one = base + s->p->costs->loadable * (least ? least : 1);
    *bound = on_dla || least ? with_one : base;
    if (!on_dla || !all_gpu) return EP_OK;
    /* the cut uses a loadable; nothing on the DLA at all uses none */
    memset(s->tried, 0, s->p->costs->n_layers * sizeof *s->tried);
    const double gpu = ep__base_cost(s->p, s->tried);
    if (gpu < *bound) *bound = gpu;
    return EP_OK;
}

static ep_status branch(solver *s, ep_error *err)
{
    const size_t size = s->p->costs->n_layers * sizeof(bool);
    bool *cut = EP_NEW_RAW(s->arena, bool, s->p->costs->n_layers);
    if (!cut) return ep_fail_memory(err);
    double bound;
    EP_TRY(bound_of(s, cut, &bound, err));
    if (bound >= s->best_score.cost * (1 - TOLERANCE)) return EP_OK;
    if (s->nodes == 0) {
        s->open = fmin(s->open, bound);
        return EP_OK;
    }
    s->nodes--;
    memcpy(s->tried, cut, size);
    EP_TRY(take_up(s, 0, err));
    if (bound >= s->best_score.cost * (1 - TOLERANCE)) return EP_OK;
    const uint32_t l = choose_layer(s, cut);
    if (l == EP_NO_INDEX) return EP_OK;
    for (int i = 0; i < EP_SIDES; i++) {
        s->fixed[l] = (int8_t)(i == 0 ? cut[l] : !cut[l]);
        EP_TRY(branch(s, err));
    }
    s->fixed[l] = EP__FREE;
    return EP_OK;
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status solve(solver *s, uint32_t nodes, ep_error *err)
{
    for (uint32_t l = 0; l < s->p->costs->n_layers; l++) s->fixed[l] = EP__FREE;
    EP_TRY(take_up_cuts(s, err));
    EP_TRY(take_up_sides(s, err));
    s->nodes = nodes;
    EP_TRY(branch(s, err));
    EP_FAIL_IF(!isfinite(s->best_score.cost), err, EP_INFEASIBLE,
               "no placement found that fits %u loadables", s->p->costs->max_loadables);
    return EP_OK;
}

static ep_status hand_out(const solver *s, ep_arena *arena, ep_solution *out, ep_error *err)
{
    const uint32_t n = s->p->costs->n_layers;
    ep_precision *precision = EP_NEW_RAW(arena, ep_precision, n);
    bool *on_dla = ep_arena_copy(arena, s->best, n * sizeof *on_dla);
    if (!precision || !on_dla) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) precision[l] = s->p->precision[l][on_dla[l]];
    *out = (ep_solution){.on_dla = on_dla,
                         .precision = precision,
                         .cost = s->best_score.cost,
                         .bound = fmin(s->open, s->best_score.cost),
                         .n_loadables = s->best_score.n_loadables};
    return EP_OK;
}

ep_status ep_costs_solve(const ep_costs *costs, uint32_t nodes, ep_arena *arena, ep_solution *out,
                         ep_error *err)
{
    enum { FEW_LAYERS = 400, PASSES_MANY = 2, PASSES_FEW = 8 };
    const uint32_t n = costs->n_layers;
    ep__problem p = {.scratch = ep_arena_new()};
    solver s = {.p = &p,
                .arena = ep_arena_new(),
                .passes = n > FEW_LAYERS ? PASSES_MANY : PASSES_FEW,
                .best_score.cost = INFINITY,
                .open = INFINITY};
    ep_status status = EP_OK;
    if (s.arena) {
        s.best = EP_NEW(s.arena, bool, n);
        s.tried = EP_NEW(s.arena, bool, n);
        s.fixed = EP_NEW(s.arena, int8_t, n);
        s.turns = EP_NEW(s.arena, uint32_t, n);
    }
    if (!p.scratch || !s.best || !s.tried || !s.fixed || !s.turns) status = ep_fail_memory(err);
    if (status == EP_OK) status = prepare(&p, costs, s.arena, err);
    if (status == EP_OK) status = solve(&s, nodes, err);
    if (status == EP_OK) status = hand_out(&s, arena, out, err);
    ep_arena_free(s.arena);
    ep_arena_free(p.scratch);
    return status;
}
