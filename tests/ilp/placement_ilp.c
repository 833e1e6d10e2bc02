/* Placement of graphs as long as networks against an integer program, solved by GLPK.
 *
 * The program has a variable a layer, on the DLA or not; one a tensor and side, carried or not; and
 * the rank of a layer, how many loadables at least a way to it goes through: one more wherever it
 * enters the DLA. The highest rank is what is paid and limited. Loadables beside each other are one
 * to it, so that its optimum is a bound, and near where networks are chains of blocks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <glpk.h>

#include "planner/planner.h"

enum { MAX_LAYERS = 300, MAX_USERS = 8, MANY = 1 << 20 };

typedef struct problem {
    ep_costs costs;
    double layer[MAX_LAYERS][EP_SIDES][EP_PRECISION_COUNT];
    ep_carry carries[MAX_LAYERS + 1];
    uint32_t users[MAX_LAYERS + 1][MAX_USERS];
} problem;

/* ---- random networks ----------------------------------------------------------------------- */

/* xorshift64 */
static uint32_t below(uint64_t *state, uint32_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 33) % n;
}

static void reads(problem *p, uint32_t layer, uint32_t carry)
{
    ep_carry *c = &p->carries[carry];
    assert_true(c->n_users < MAX_USERS);
    p->users[carry][c->n_users++] = layer;
}

/* A chain of layers with residual connections around blocks of two to five; carry 0 is the input,
 * carry l + 1 what layer l writes. Every tenth layer is refused by the DLA. */
static problem *draw(uint32_t n, uint64_t *state)
{
    problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->costs = (ep_costs){.n_layers = n,
                          .layer = (const double(*)[EP_SIDES][EP_PRECISION_COUNT])p->layer,
                          .n_carries = n + 1,
                          .carries = p->carries,
                          .loadable = below(state, 30),
                          .max_loadables = below(state, 2) ? 1 + below(state, 6) : MANY};
    for (uint32_t c = 0; c <= n; c++) {
        p->carries[c] = (ep_carry){.producer = c == 0 ? EP_NO_INDEX : c - 1,
                                   .users = p->users[c],
                                   .to_dla = 1 + below(state, 40),
                                   .to_gpu = 1 + below(state, 40)};
    }
    uint32_t next = 2 + below(state, 4), from = 0;
    for (uint32_t l = 0; l < n; l++) {
        for (int i = 0; i < EP_PRECISION_COUNT; i++) {
            p->layer[l][EP_SIDE_GPU][i] = p->layer[l][EP_SIDE_DLA][i] = INFINITY;
        }
        p->layer[l][EP_SIDE_GPU][EP_FP16] = 1 + below(state, 60);
        if (below(state, 10)) p->layer[l][EP_SIDE_DLA][EP_INT8] = 1 + below(state, 60);
        reads(p, l, l);
        if (l != next) continue;
        if (from != l) reads(p, l, from);
        from = l + 1;
        next = l + 2 + below(state, 4);
    }
    return p;
}

/* ---- the integer program ------------------------------------------------------------------- */

typedef struct program {
    glp_prob *lp;
    uint32_t n_layers, n_carries;
} program;

/* Columns, from 1. */
static int on_dla(uint32_t l)
{
    return (int)l + 1;
}
static int rank(const program *g, uint32_t l)
{
    return (int)(g->n_layers + l) + 1;
}
static int carried(const program *g, uint32_t c, int side)
{
    return (int)(2 * g->n_layers + 2 * c) + side + 1;
}
static int highest(const program *g)
{
    return (int)(2 * g->n_layers + 2 * g->n_carries) + 1;
}

/* One row: the sum of coefficients x columns is at least `least`. */
static void row(const program *g, int n, const int *columns, const double *coefficients,
                double least)
{
    enum { MOST = 4 };
    int from_1[MOST + 1] = {0}; /* as GLPK counts */
    double values[MOST + 1] = {0};
    const int i = glp_add_rows(g->lp, 1);
    for (int c = 0; c < n && c < MOST; c++) {
        from_1[c + 1] = columns[c];
        values[c + 1] = coefficients[c];
    }
    glp_set_row_bnds(g->lp, i, GLP_LO, least, 0);
    glp_set_mat_row(g->lp, i, n, from_1, values);
}

static void column(const program *g, int c, double cost, double most)
{
    glp_set_obj_coef(g->lp, c, cost);
    if (most > 0) glp_set_col_bnds(g->lp, c, GLP_DB, 0, most);
    if (most == 0) glp_set_col_bnds(g->lp, c, GLP_FX, 0, 0);
}

static void add_layer(const program *g, const problem *p, uint32_t l)
{
    const double gpu = p->layer[l][EP_SIDE_GPU][EP_FP16], dla = p->layer[l][EP_SIDE_DLA][EP_INT8];
    column(g, on_dla(l), isinf(dla) ? 0 : dla - gpu, isinf(dla) ? 0 : 1);
    glp_set_col_kind(g->lp, on_dla(l), GLP_BV);
    if (isinf(dla)) glp_set_col_bnds(g->lp, on_dla(l), GLP_FX, 0, 0);
    column(g, rank(g, l), 0, MAX_LAYERS);
    row(g, 2, (int[]){rank(g, l), on_dla(l)}, (double[]){1, -1}, 0);
    row(g, 2, (int[]){highest(g), rank(g, l)}, (double[]){1, -1}, 0);
}

static void add_carry(const program *g, const problem *p, uint32_t c)
{
    const ep_carry *carry = &p->carries[c];
    const int to_dla = carried(g, c, EP_SIDE_DLA), to_gpu = carried(g, c, EP_SIDE_GPU);
    column(g, to_dla, carry->to_dla, 1);
    column(g, to_gpu, carry->to_gpu, 1);
    for (uint32_t u = 0; u < carry->n_users; u++) {
        const int user = on_dla(carry->users[u]);
        if (carry->producer == EP_NO_INDEX) {
            row(g, 2, (int[]){to_dla, user}, (double[]){1, -1}, 0);
            row(g, 2, (int[]){to_gpu, user}, (double[]){1, 1}, 1);
            continue;
        }
        const int producer = on_dla(carry->producer);
        row(g, 3, (int[]){to_dla, user, producer}, (double[]){1, -1, 1}, 0);
        row(g, 3, (int[]){to_gpu, user, producer}, (double[]){1, 1, -1}, 0);
        const int before = rank(g, carry->producer), after = rank(g, carry->users[u]);
        row(g, 2, (int[]){after, before}, (double[]){1, -1}, 0);
        row(g, 4, (int[]){after, before, user, producer}, (double[]){1, -1, -1, 1}, 0);
    }
}

/* The optimum; when time is up, the bound of linear programming. */
static double solve(const problem *p, bool *is_optimum)
{
    enum { SECONDS = 5 };
    program g = {glp_create_prob(), p->costs.n_layers, p->costs.n_carries};
    double gpu = 0;
    glp_set_obj_dir(g.lp, GLP_MIN);
    glp_add_cols(g.lp, highest(&g));
    column(&g, highest(&g), p->costs.loadable,
           p->costs.max_loadables == MANY ? MAX_LAYERS : p->costs.max_loadables);
    for (uint32_t l = 0; l < g.n_layers; l++) {
        add_layer(&g, p, l);
        gpu += p->layer[l][EP_SIDE_GPU][EP_FP16];
    }
    for (uint32_t c = 0; c < g.n_carries; c++) add_carry(&g, p, c);
    glp_set_obj_coef(g.lp, 0, gpu);
    glp_smcp simplex;
    glp_init_smcp(&simplex);
    simplex.msg_lev = GLP_MSG_OFF;
    assert_int_equal(glp_simplex(g.lp, &simplex), 0);
    double value = glp_get_obj_val(g.lp);
    glp_iocp integer;
    glp_init_iocp(&integer);
    integer.msg_lev = GLP_MSG_OFF;
    integer.tm_lim = SECONDS * 1000;
    *is_optimum = glp_intopt(g.lp, &integer) == 0 && glp_mip_status(g.lp) == GLP_OPT;
    if (*is_optimum) value = glp_mip_obj_val(g.lp);
    glp_delete_prob(g.lp);
    return value;
}

static void it_is_within_two_percent(void **state)
{
    (void)state;
    enum { GRAPHS = 40, NODES = 64 };
    uint64_t random = 7;
    uint32_t optima = 0, met = 0;
    double most = 0;
    for (uint32_t i = 0; i < GRAPHS; i++) {
        problem *p = draw(50 + below(&random, 251), &random);
        ep_arena *arena = ep_arena_new();
        ep_solution found;
        bool is_optimum;
        assert_int_equal(ep_costs_solve(&p->costs, NODES, arena, &found, NULL), EP_OK);
        const double value = solve(p, &is_optimum);
        const double gap = found.cost / value - 1;
        optima += is_optimum;
        met += is_optimum && gap < 1e-6;
        if (gap > most) most = gap;
        if (gap > 0.02) {
            print_message(
                "graph %u: %u layers, %u of %u loadables, %.6g, %s %.6g, own bound %.6g\n", i,
                p->costs.n_layers, found.n_loadables, p->costs.max_loadables, found.cost,
                is_optimum ? "optimum" : "bound", value, found.bound);
        }
        assert_true(found.bound <= found.cost);
        ep_arena_free(arena);
        free(p);
    }
    print_message("%u graphs: GLPK ended %u, %u of those met exactly; at most %.2f %% above\n",
                  (unsigned)GRAPHS, optima, met, 100 * most);
    assert_true(most <= 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_is_within_two_percent)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
