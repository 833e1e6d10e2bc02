/* Local search on a placement that fits its limits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "planner/solve.h"

typedef struct climber {
    const ep__problem *p;
    bool *on_dla;
    ep__score *score;
    uint32_t *parent;       /* per layer: union-find, then its group; EP_NO_INDEX: none */
    uint32_t n_groups;      /* of layers that move together */
    uint32_t *begin, *list; /* per group g: list[begin[g] .. begin[g + 1]) */
    uint32_t *stamp;        /* per carry: the last sum that it was in */
    uint32_t n_sums;
    uint32_t *loadable; /* per layer, as it is now; EP_NO_INDEX: on the GPU */
    uint32_t *size;     /* per loadable: its layers */
    uint32_t *counted;  /* per loadable: the last count that it was in */
    uint32_t n_counts;
    bool moved;
} climber;

/* ---- what a move changes ------------------------------------------------------------------- */

static void flip(climber *c, const uint32_t *members, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) c->on_dla[members[i]] = !c->on_dla[members[i]];
}

static double carries_around(climber *c, const uint32_t *list, uint32_t begin, uint32_t end)
{
    double sum = 0;
    for (uint32_t i = begin; i < end; i++) {
        if (c->stamp[list[i]] == c->n_sums) continue;
        c->stamp[list[i]] = c->n_sums;
        sum += ep__carry_cost(&c->p->costs->carries[list[i]], c->on_dla);
    }
    return sum;
}

/* Of layers and all that they read and write. */
static double cost_around(climber *c, const uint32_t *members, uint32_t n)
{
    const ep__problem *p = c->p;
    double sum = 0;
    c->n_sums++;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t l = members[i];
        sum += p->side[l][c->on_dla[l]];
        sum += carries_around(c, p->reads, p->reads_begin[l], p->reads_begin[l + 1]);
        sum += carries_around(c, p->writes, p->writes_begin[l], p->writes_begin[l + 1]);
    }
    return sum;
}

/* Loadables as they are. */
static ep_status note_loadables(climber *c, ep_error *err)
{
    const uint32_t n = c->p->costs->n_layers;
    ep__score score;
    ep__partition partition;
    EP_TRY(ep__score_of(c->p, c->on_dla, &score, &partition, err));
    memcpy(c->loadable, partition.subgraph, n * sizeof *c->loadable);
    memset(c->size, 0, n * sizeof *c->size);
    for (uint32_t l = 0; l < n; l++) {
        if (c->loadable[l] != EP_NO_INDEX) c->size[c->loadable[l]]++;
    }
    return EP_OK;
}

static uint32_t count_loadable(climber *c, uint32_t l)
{
    const uint32_t loadable = c->loadable[l];
    if (loadable == EP_NO_INDEX || c->counted[loadable] == c->n_counts) return 0;
    c->counted[loadable] = c->n_counts;
    return 1;
}

/* Loadables around these layers, which are not on the DLA, each once. */
static uint32_t count_around(climber *c, const uint32_t *members, uint32_t n)
{
    const ep__problem *p = c->p;
    uint32_t around = 0;
    c->n_counts++;
    for (uint32_t m = 0; m < n; m++) {
        const uint32_t l = members[m];
        for (uint32_t i = p->reads_begin[l]; i < p->reads_begin[l + 1]; i++) {
            const uint32_t producer = p->costs->carries[p->reads[i]].producer;
            if (producer != EP_NO_INDEX) around += count_loadable(c, producer);
        }
        for (uint32_t e = p->dag.begin[l]; e < p->dag.begin[l + 1]; e++) {
            around += count_loadable(c, p->dag.users[e]);
        }
    }
    return around;
}

/* How many loadables fewer there may be: a whole one leaves, or all around become one. */
static uint32_t count_saved(climber *c, const uint32_t *members, uint32_t n)
{
    const uint32_t first = c->loadable[members[0]];
    if (first != EP_NO_INDEX) return n == c->size[first];
    const uint32_t around = count_around(c, members, n);
    return around > 0 ? around - 1 : 0;
}

/* Moves layers of one side to the other if that is cheaper. Loadables are formed anew, which takes
 * time, only when it may be. */
static ep_status try_move(climber *c, const uint32_t *members, uint32_t n, ep_error *err)
{
    const double saved = count_saved(c, members, n) * c->p->costs->loadable;
    const double before = cost_around(c, members, n);
    flip(c, members, n);
    const double change = cost_around(c, members, n) - before;
    if (change < saved) {
        ep__score score;
        EP_TRY(ep__score_of(c->p, c->on_dla, &score, NULL, err));
        if (score.fits && score.cost < c->score->cost * (1 - 1e-12)) {
            *c->score = score;
            c->moved = true;
            return note_loadables(c, err);
        }
    }
    flip(c, members, n);
    return EP_OK;
}

static ep_status move_layers(climber *c, ep_error *err)
{
    for (uint32_t l = 0; l < c->p->costs->n_layers; l++) {
        if (!isinf(c->p->side[l][!c->on_dla[l]])) EP_TRY(try_move(c, &l, 1, err));
    }
    return EP_OK;
}

/* ---- groups of layers ---------------------------------------------------------------------- */

static bool in_gap(const climber *c, uint32_t l)
{
    return !c->on_dla[l] && !isinf(c->p->side[l][EP_SIDE_DLA]);
}

/* Lists the members of groups, which `parent` has per layer. */
static void list_groups(climber *c)
{
    const uint32_t n = c->p->costs->n_layers;
    memset(c->begin, 0, ((size_t)c->n_groups + 2) * sizeof *c->begin);
    for (uint32_t l = 0; l < n; l++) {
        if (c->parent[l] != EP_NO_INDEX) c->begin[c->parent[l] + 2]++;
    }
    for (uint32_t g = 0; g < c->n_groups; g++) c->begin[g + 2] += c->begin[g + 1];
    for (uint32_t l = 0; l < n; l++) {
        if (c->parent[l] != EP_NO_INDEX) c->list[c->begin[c->parent[l] + 1]++] = l;
    }
}

/* The connected parts of the GPU's layers that the DLA would take. */
static void group_gaps(climber *c)
{
    const ep__dag *dag = &c->p->dag;
    uint32_t *parent = c->parent, *number = c->list;
    ep__joined_reset(parent, dag->n);
    for (uint32_t l = 0; l < dag->n; l++) {
        for (uint32_t e = dag->begin[l]; in_gap(c, l) && e < dag->begin[l + 1]; e++) {
            if (in_gap(c, dag->users[e])) ep__joined_unite(parent, l, dag->users[e]);
        }
    }
    c->n_groups = 0;
    for (uint32_t l = 0; l < dag->n; l++) { /* the first of a part is its representative */
        const uint32_t root = ep__joined_find(parent, l);
        number[l] = !in_gap(c, l) ? EP_NO_INDEX : root == l ? c->n_groups++ : number[root];
    }
    memcpy(parent, number, dag->n * sizeof *parent);
    list_groups(c);
}

static void group_loadables(climber *c)
{
    c->n_groups = 0;
    for (uint32_t l = 0; l < c->p->costs->n_layers; l++) {
        const uint32_t s = c->loadable[l];
        c->parent[l] = s == EP_NO_INDEX || isinf(c->p->side[l][EP_SIDE_GPU]) ? EP_NO_INDEX : s;
        if (s != EP_NO_INDEX && s >= c->n_groups) c->n_groups = s + 1;
    }
    list_groups(c);
}

static ep_status move_groups(climber *c, ep_error *err)
{
    for (uint32_t g = 0; g < c->n_groups; g++) {
        const uint32_t n = c->begin[g + 1] - c->begin[g];
        if (n > 0) EP_TRY(try_move(c, c->list + c->begin[g], n, err));
    }
    return EP_OK;
}

static ep_status start(climber *c, const ep__problem *p, bool *on_dla, ep__score *score,
                       ep_arena *arena, ep_error *err)
{
    const uint32_t n = p->costs->n_layers;
    *c = (climber){.p = p,
                   .on_dla = on_dla,
                   .score = score,
                   .parent = EP_NEW_RAW(arena, uint32_t, n),
                   .begin = EP_NEW_RAW(arena, uint32_t, (uint64_t)n + 2),
                   .list = EP_NEW_RAW(arena, uint32_t, n),
                   .stamp = EP_NEW(arena, uint32_t, p->costs->n_carries),
                   .loadable = EP_NEW_RAW(arena, uint32_t, n),
                   .size = EP_NEW_RAW(arena, uint32_t, n),
                   .counted = EP_NEW(arena, uint32_t, n)};
    const bool complete =
        c->parent && c->begin && c->list && c->stamp && c->loadable && c->size && c->counted;
    return complete ? note_loadables(c, err) : ep_fail_memory(err);
}

ep_status ep__improve(const ep__problem *p, uint32_t passes, bool *on_dla, ep__score *score,
                      ep_arena *arena, ep_error *err)
{
    climber c;
    EP_TRY(start(&c, p, on_dla, score, arena, err));
    c.moved = true;
    for (uint32_t i = 0; i < passes && c.moved; i++) {
        c.moved = false;
        group_loadables(&c);
        EP_TRY(move_groups(&c, err));
        group_gaps(&c);
        EP_TRY(move_groups(&c, err));
        EP_TRY(move_layers(&c, err));
    }
    return EP_OK;
}

/* ---- repair -------------------------------------------------------------------------------- */

typedef struct gain {
    double cost; /* more, without this loadable */
    uint32_t group;
} gain;

static int by_cost(const void *a, const void *b)
{
    const gain *x = a, *y = b;
    if (x->cost != y->cost) return x->cost < y->cost ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* Takes off as many loadables as are too many, at least one, those that bring least. False: none
 * can be taken off. */
static bool take_off(climber *c, gain *gains)
{
    const uint32_t most = c->p->costs->max_loadables;
    const uint32_t too_many = c->score->n_loadables > most ? c->score->n_loadables - most : 1;
    uint32_t n = 0;
    for (uint32_t g = 0; g < c->n_groups; g++) {
        const uint32_t *members = c->list + c->begin[g], size = c->begin[g + 1] - c->begin[g];
        if (size == 0) continue;
        const double before = cost_around(c, members, size);
        flip(c, members, size);
        gains[n++] = (gain){cost_around(c, members, size) - before, g};
        flip(c, members, size);
    }
    qsort(gains, n, sizeof *gains, by_cost);
    for (uint32_t i = 0; i < n && i < too_many; i++) {
        const uint32_t g = gains[i].group;
        flip(c, c->list + c->begin[g], c->begin[g + 1] - c->begin[g]);
    }
    return n > 0;
}

ep_status ep__repair(const ep__problem *p, bool *on_dla, ep__score *score, ep_arena *arena,
                     ep_error *err)
{
    climber c;
    EP_TRY(start(&c, p, on_dla, score, arena, err));
    gain *gains = EP_NEW_RAW(arena, gain, p->costs->n_layers);
    if (!gains) return ep_fail_memory(err);
    while (!score->fits && score->n_loadables > 0) {
        EP_TRY(note_loadables(&c, err));
        group_loadables(&c);
        if (!take_off(&c, gains)) return EP_OK;
        EP_TRY(ep__score_of(p, on_dla, score, NULL, err));
    }
    return EP_OK;
}
