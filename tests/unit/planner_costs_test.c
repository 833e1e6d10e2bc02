/* Placement by numbers, against all placements there are. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planner/planner.h"

enum { MAX_LAYERS = 16, MAX_CARRIES = MAX_LAYERS + 2, MANY = 1 << 20 };

/* A made-up problem. */
typedef struct problem {
    ep_costs costs;
    double layer[MAX_LAYERS][EP_SIDES][EP_PRECISION_COUNT];
    ep_carry carries[MAX_CARRIES];
    uint32_t users[MAX_CARRIES][MAX_LAYERS];
    uint32_t batch[MAX_LAYERS];
    double pool[MAX_LAYERS];
} problem;

/* ---- what a placement costs, by the words of the header ------------------------------------- */

/* Loadables as a builder makes them: in turns it takes all that is ready, now of the GPU, now of
 * the DLA of one batch, whichever became ready first; layers of a turn that exchange a tensor are
 * one loadable. Nodes of the graph are few: everything is looked at again and again. */
typedef struct machine {
    const problem *p;
    uint32_t placement;                              /* a bit a layer: on the DLA */
    uint32_t done;                                   /* the same */
    uint32_t waiting[2 * MAX_LAYERS + 2], n_waiting; /* kinds with something ready, in order */
    uint32_t loadable[MAX_LAYERS];
    uint32_t n_loadables;
} machine;

static uint32_t kind_of(const machine *m, uint32_t l)
{
    return m->placement >> l & 1 ? 1 + m->p->batch[l] : 0;
}

static bool reads(const problem *p, uint32_t l, uint32_t producer)
{
    for (uint32_t c = 0; c < p->costs.n_carries; c++) {
        if (p->carries[c].producer != producer) continue;
        for (uint32_t u = 0; u < p->carries[c].n_users; u++) {
            if (p->carries[c].users[u] == l) return true;
        }
    }
    return false;
}

static bool is_ready(const machine *m, uint32_t l)
{
    if (m->done >> l & 1) return false;
    for (uint32_t k = 0; k < l; k++) {
        if (reads(m->p, l, k) && !(m->done >> k & 1)) return false;
    }
    return true;
}

static void wait_for_turn(machine *m, uint32_t kind, uint32_t running)
{
    for (uint32_t i = 0; i < m->n_waiting; i++) {
        if (m->waiting[i] == kind) return;
    }
    if (kind != running) m->waiting[m->n_waiting++] = kind;
}

/* Layers become ready in the order in which what they wait for is done. */
static uint32_t take_turn(machine *m, uint32_t kind)
{
    uint32_t turn = 0, queue[MAX_LAYERS], n = 0, seen = m->done;
    for (uint32_t l = 0; l < m->p->costs.n_layers; l++) {
        if (!is_ready(m, l)) continue;
        seen |= 1U << l;
        if (kind_of(m, l) == kind) queue[n++] = l;
    }
    for (uint32_t i = 0; i < n; i++) {
        m->done |= 1U << queue[i];
        turn |= 1U << queue[i];
        for (uint32_t l = 0; l < m->p->costs.n_layers; l++) {
            if ((seen >> l & 1) || !is_ready(m, l)) continue;
            seen |= 1U << l;
            if (kind_of(m, l) == kind) {
                queue[n++] = l;
            } else {
                wait_for_turn(m, kind_of(m, l), kind);
            }
        }
    }
    return turn;
}

static void join_turn(machine *m, uint32_t turn)
{
    const uint32_t n = m->p->costs.n_layers;
    uint32_t group[MAX_LAYERS];
    for (uint32_t l = 0; l < n; l++) group[l] = l;
    for (uint32_t again = 0; again < n; again++) {
        for (uint32_t l = 0; l < n; l++) {
            for (uint32_t k = 0; k < l; k++) {
                if (!(turn >> l & 1) || !(turn >> k & 1) || !reads(m->p, l, k)) continue;
                group[l] = group[k] = group[l] < group[k] ? group[l] : group[k];
            }
        }
    }
    for (uint32_t l = 0; l < n; l++) {
        if (!(turn >> l & 1)) continue;
        m->loadable[l] = group[l] == l ? m->n_loadables++ : m->loadable[group[l]];
    }
}

static void form_loadables(machine *m)
{
    const uint32_t n = m->p->costs.n_layers, all = (1U << n) - 1;
    for (uint32_t l = 0; l < n; l++) {
        if (is_ready(m, l)) wait_for_turn(m, kind_of(m, l), 0);
    }
    for (uint32_t running = 0; m->done != all;) {
        const uint32_t turn = take_turn(m, running);
        if (running > 0) join_turn(m, turn);
        if (m->done == all) break;
        assert_true(m->n_waiting > 0);
        running = m->waiting[0];
        memmove(m->waiting, m->waiting + 1, --m->n_waiting * sizeof *m->waiting);
    }
}

static double carries_cost(const problem *p, uint32_t placement)
{
    double sum = 0;
    for (uint32_t c = 0; c < p->costs.n_carries; c++) {
        const ep_carry *carry = &p->carries[c];
        uint32_t readers = 0;
        for (uint32_t u = 0; u < carry->n_users; u++) readers |= 1U << carry->users[u];
        const bool on_dla = readers & placement, on_gpu = readers & ~placement;
        const bool outside = carry->producer == EP_NO_INDEX;
        const bool made_on_dla = !outside && (placement >> carry->producer & 1);
        if (on_dla && !made_on_dla) sum += carry->to_dla;
        if (on_gpu && (outside || made_on_dla)) sum += carry->to_gpu;
    }
    return sum;
}

/* INFINITY: it breaks a rule or a limit. */
static double cost_of(const problem *p, uint32_t placement)
{
    double sum = carries_cost(p, placement), pool[MAX_LAYERS] = {0};
    for (uint32_t l = 0; l < p->costs.n_layers; l++) {
        const double *of = p->layer[l][placement >> l & 1];
        double least = INFINITY;
        for (int i = 0; i < EP_PRECISION_COUNT; i++) least = fmin(least, of[i]);
        sum += least;
    }
    if (isinf(sum)) return sum;
    machine m = {.p = p, .placement = placement};
    form_loadables(&m);
    if (m.n_loadables > p->costs.max_loadables) return INFINITY;
    for (uint32_t l = 0; l < p->costs.n_layers; l++) {
        if (!(placement >> l & 1)) continue;
        pool[m.loadable[l]] += p->pool[l];
        if (p->costs.pool && pool[m.loadable[l]] > p->costs.pool_limit) return INFINITY;
    }
    return sum + p->costs.loadable * m.n_loadables;
}

/* ---- random problems ----------------------------------------------------------------------- */

/* xorshift64 */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static uint32_t below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(next_random(state) >> 33) % n;
}

/* Up to `most`, in steps that floating point adds without an error. */
static double some(uint64_t *state, uint32_t most)
{
    return below(state, most * 8 + 1) / 8.0;
}

static void draw_layer(problem *p, uint32_t l, uint64_t *state)
{
    for (int s = 0; s < EP_SIDES; s++) {
        for (int i = 0; i < EP_PRECISION_COUNT; i++) {
            p->layer[l][s][i] = below(state, 3) ? some(state, 40) : INFINITY;
        }
    }
    p->layer[l][EP_SIDE_GPU][EP_FP32] = some(state, 40); /* there is always this */
    if (below(state, 5) == 0) {
        for (int i = 0; i < EP_PRECISION_COUNT; i++) p->layer[l][EP_SIDE_DLA][i] = INFINITY;
    }
    p->batch[l] = below(state, 8) == 0;
    p->pool[l] = some(state, 10);
}

static void draw_carry(problem *p, uint32_t producer, uint32_t first, uint64_t *state)
{
    const uint32_t n = p->costs.n_layers;
    ep_carry *carry = &p->carries[p->costs.n_carries];
    uint32_t *users = p->users[p->costs.n_carries++];
    *carry = (ep_carry){.producer = producer, .users = users};
    for (uint32_t l = first; l < n; l++) {
        const bool next = l == first && below(state, 4);
        if (next || below(state, n) < 2) users[carry->n_users++] = l;
    }
    carry->to_dla = some(state, 12);
    carry->to_gpu = some(state, 12);
}

static problem *draw(uint32_t most, uint64_t *state)
{
    problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->costs = (ep_costs){.n_layers = 1 + below(state, most),
                          .layer = (const double(*)[EP_SIDES][EP_PRECISION_COUNT])p->layer,
                          .carries = p->carries,
                          .loadable = below(state, 4) ? some(state, 30) : 0,
                          .max_loadables = below(state, 3) ? below(state, 4) : MANY,
                          .batch = p->batch,
                          .pool = below(state, 2) ? p->pool : NULL,
                          .pool_limit = some(state, 60)};
    for (uint32_t l = 0; l < p->costs.n_layers; l++) draw_layer(p, l, state);
    draw_carry(p, EP_NO_INDEX, 0, state);
    draw_carry(p, EP_NO_INDEX, 0, state);
    for (uint32_t l = 0; l < p->costs.n_layers; l++) draw_carry(p, l, l + 1, state);
    return p;
}

static uint32_t bits_of(const problem *p, const ep_solution *found)
{
    uint32_t placement = 0;
    for (uint32_t l = 0; l < p->costs.n_layers; l++) {
        placement |= (uint32_t)found->on_dla[l] << l;
        const double(*of)[EP_PRECISION_COUNT] = p->layer[l];
        const double cost = of[found->on_dla[l]][found->precision[l]];
        for (int i = 0; i < EP_PRECISION_COUNT; i++) {
            assert_true(cost <= of[found->on_dla[l]][i]);
        }
    }
    return placement;
}

static double exhaustive(const problem *p)
{
    double least = INFINITY;
    for (uint32_t i = 0; i < 1U << p->costs.n_layers; i++) least = fmin(least, cost_of(p, i));
    return least;
}

static void assert_optimal(const problem *p, uint32_t nodes)
{
    ep_arena *arena = ep_arena_new();
    ep_solution found;
    assert_int_equal(ep_costs_solve(&p->costs, nodes, arena, &found, NULL), EP_OK);
    const double optimum = exhaustive(p);
    assert_true(cost_of(p, bits_of(p, &found)) == found.cost); /* steps of 1/8: exact */
    assert_true(found.cost == optimum);
    assert_true(found.bound <= optimum && found.bound >= optimum * (1 - 1e-8));
    ep_arena_free(arena);
}

enum { PROBLEMS = 2000, LARGE_EVERY = 50 };

/* Most have up to 9 layers; exhausting those of 16 takes its time. */
static void it_is_the_optimum(void **state)
{
    (void)state;
    uint64_t random = 42;
    for (uint32_t i = 0; i < PROBLEMS; i++) {
        problem *p = draw(i % LARGE_EVERY == 0 ? MAX_LAYERS : 9, &random);
        assert_optimal(p, MANY);
        free(p);
    }
}

/* The minimum cut by itself, without a single branch. */
static void the_cut_is_the_optimum_where_loadables_are_free(void **state)
{
    (void)state;
    uint64_t random = 43;
    for (uint32_t i = 0; i < PROBLEMS; i++) {
        problem *p = draw(10, &random);
        p->costs.loadable = 0;
        p->costs.max_loadables = MANY;
        p->costs.pool = NULL;
        assert_optimal(p, 0);
        free(p);
    }
}

/* What it finds without branching fits, and lies between bound and what is all on the GPU. */
static void search_alone_is_never_worse_than_the_gpu(void **state)
{
    (void)state;
    uint64_t random = 44;
    for (uint32_t i = 0; i < PROBLEMS; i++) {
        problem *p = draw(12, &random);
        ep_arena *arena = ep_arena_new();
        ep_solution found;
        assert_int_equal(ep_costs_solve(&p->costs, 0, arena, &found, NULL), EP_OK);
        assert_true(cost_of(p, bits_of(p, &found)) == found.cost);
        assert_true(found.cost <= cost_of(p, 0));
        assert_true(found.bound <= exhaustive(p));
        ep_arena_free(arena);
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_optimum),
        cmocka_unit_test(the_cut_is_the_optimum_where_loadables_are_free),
        cmocka_unit_test(search_alone_is_never_worse_than_the_gpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
