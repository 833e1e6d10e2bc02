/* Local search on a placement that fits its limits. */
#include <math.h>
#include <string.h>

#include "planner/solve.h"

typedef struct climber {
    const ep__problem *p;
    bool *on_dla;
    bool *tried; /* room for a placement */
    ep__score *score;
    uint32_t *group;  /* per layer: that it is moved with; EP_NO_INDEX: none */
    uint32_t *parent; /* per layer: union-find */
    uint32_t n_groups;
    bool moved;
} climber;

static ep_status try_placement(climber *c, ep_error *err)
{
    ep__score score;
    EP_TRY(ep__score_of(c->p, c->tried, &score, NULL, err));
    if (!score.fits || score.cost >= c->score->cost * (1 - 1e-12)) return EP_OK;
    memcpy(c->on_dla, c->tried, c->p->costs->n_layers * sizeof *c->on_dla);
    *c->score = score;
    c->moved = true;
    return EP_OK;
}

/* ---- single layers ------------------------------------------------------------------------- */

static uint32_t count_dla_neighbours(const climber *c, uint32_t l)
{
    const ep__problem *p = c->p;
    uint32_t n = 0;
    for (uint32_t i = p->reads_begin[l]; i < p->reads_begin[l + 1]; i++) {
        const uint32_t producer = p->costs->carries[p->reads[i]].producer;
        n += producer != EP_NO_INDEX && c->on_dla[producer];
    }
    for (uint32_t e = p->dag.begin[l]; e < p->dag.begin[l + 1]; e++) {
        n += c->on_dla[p->dag.users[e]];
    }
    return n;
}

/* A layer that goes to the DLA joins at most all loadables around it to one; one that leaves
 * saves its own. */
static ep_status move_layers(climber *c, ep_error *err)
{
    const uint32_t n = c->p->costs->n_layers;
    for (uint32_t l = 0; l < n; l++) {
        if (isinf(c->p->side[l][!c->on_dla[l]])) continue;
        const double change = ep__base_change(c->p, c->on_dla, l);
        const uint32_t around = c->on_dla[l] ? 2 : count_dla_neighbours(c, l);
        const double saved = around > 0 ? (around - 1) * c->p->costs->loadable : 0;
        if (change >= saved) continue;
        memcpy(c->tried, c->on_dla, n * sizeof *c->tried);
        c->tried[l] = !c->tried[l];
        EP_TRY(try_placement(c, err));
    }
    return EP_OK;
}

/* ---- groups of layers ---------------------------------------------------------------------- */

static uint32_t find(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

/* Numbers the connected parts of the GPU's layers that the DLA would take. */
static void group_gaps(climber *c)
{
    const ep__dag *dag = &c->p->dag;
    uint32_t *parent = c->parent;
    for (uint32_t l = 0; l < dag->n; l++) parent[l] = l;
    for (uint32_t l = 0; l < dag->n; l++) {
        if (c->on_dla[l] || isinf(c->p->side[l][EP_SIDE_DLA])) continue;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            const uint32_t user = dag->users[e];
            if (c->on_dla[user] || isinf(c->p->side[user][EP_SIDE_DLA])) continue;
            const uint32_t a = find(parent, l), b = find(parent, user);
            if (a < b) parent[b] = a;
            if (b < a) parent[a] = b;
        }
    }
    c->n_groups = 0;
    for (uint32_t l = 0; l < dag->n; l++) { /* the first of a part is its representative */
        const bool moves = !c->on_dla[l] && !isinf(c->p->side[l][EP_SIDE_DLA]);
        const uint32_t root = find(parent, l);
        c->group[l] = !moves ? EP_NO_INDEX : root == l ? c->n_groups++ : c->group[root];
    }
}

static ep_status group_loadables(climber *c, ep_error *err)
{
    ep__score score;
    ep__partition partition;
    EP_TRY(ep__score_of(c->p, c->on_dla, &score, &partition, err));
    for (uint32_t l = 0; l < c->p->costs->n_layers; l++) {
        const uint32_t s = partition.subgraph[l];
        c->group[l] = s == EP_NO_INDEX || isinf(c->p->side[l][EP_SIDE_GPU]) ? EP_NO_INDEX : s;
    }
    c->n_groups = partition.n_subgraphs;
    return EP_OK;
}

static void flip_group(climber *c, uint32_t group)
{
    for (uint32_t l = 0; l < c->p->costs->n_layers; l++) {
        c->tried[l] = c->group[l] == group ? !c->on_dla[l] : c->on_dla[l];
    }
}

/* Once a group has moved the others are no longer what they were: they are tried all the same, in
 * the next pass again. */
static ep_status move_groups(climber *c, ep_error *err)
{
    for (uint32_t g = 0; g < c->n_groups; g++) {
        flip_group(c, g);
        EP_TRY(try_placement(c, err));
    }
    return EP_OK;
}

static ep_status start(climber *c, const ep__problem *p, bool *on_dla, ep__score *score,
                       ep_arena *arena, ep_error *err)
{
    *c = (climber){.p = p,
                   .on_dla = on_dla,
                   .score = score,
                   .tried = EP_NEW_RAW(arena, bool, p->costs->n_layers),
                   .group = EP_NEW_RAW(arena, uint32_t, p->costs->n_layers),
                   .parent = EP_NEW_RAW(arena, uint32_t, p->costs->n_layers)};
    return c->tried && c->group && c->parent ? EP_OK : ep_fail_memory(err);
}

ep_status ep__improve(const ep__problem *p, uint32_t passes, bool *on_dla, ep__score *score,
                      ep_arena *arena, ep_error *err)
{
    climber c;
    EP_TRY(start(&c, p, on_dla, score, arena, err));
    c.moved = true;
    for (uint32_t i = 0; i < passes && c.moved; i++) {
        c.moved = false;
        EP_TRY(group_loadables(&c, err));
        EP_TRY(move_groups(&c, err));
        group_gaps(&c);
        EP_TRY(move_groups(&c, err));
        EP_TRY(move_layers(&c, err));
    }
    return EP_OK;
}

ep_status ep__repair(const ep__problem *p, bool *on_dla, ep__score *score, ep_arena *arena,
                     ep_error *err)
{
    climber c;
    EP_TRY(start(&c, p, on_dla, score, arena, err));
    while (!score->fits && score->n_loadables > 0) {
        EP_TRY(group_loadables(&c, err));
        uint32_t worst = EP_NO_INDEX;
        double least = INFINITY;
        for (uint32_t g = 0; g < c.n_groups; g++) {
            flip_group(&c, g);
            const double cost = ep__base_cost(p, c.tried);
            if (cost >= least) continue;
            least = cost;
            worst = g;
        }
        if (worst == EP_NO_INDEX) return EP_OK;
        flip_group(&c, worst);
        if (memcmp(on_dla, c.tried, p->costs->n_layers * sizeof *on_dla) == 0) return EP_OK;
        memcpy(on_dla, c.tried, p->costs->n_layers * sizeof *on_dla);
        EP_TRY(ep__score_of(p, on_dla, score, NULL, err));
    }
    return EP_OK;
}
