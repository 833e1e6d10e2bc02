/* Layers that could ever share a loadable.
 *
 * A loadable is connected and convex. So where a tensor leads from one of its layers to another
 * there is no way round through a layer that the DLA does not take; and a group of layers connected
 * by such tensors holds every loadable that it touches. As many loadables as there are groups with
 * a layer on the DLA are then the least: what a minimum cut can charge (cut.c). */
#include <math.h>

#include "planner/solve.h"

typedef struct grouper {
    const ep__problem *p;
    const int8_t *fixed;
    uint32_t *level;   /* per layer: most layers off the DLA on a way to it, itself included */
    uint32_t *seen;    /* per layer: the last walk that came by, off the DLA before or not */
    uint32_t *seen_on; /* the same, only on layers that the DLA takes */
    uint32_t *stack;
    uint32_t *parent;
    uint32_t walk;
    uint64_t left; /* steps that walks may still take: what is not looked at is joined */
} grouper;

static bool may_be_on_dla(const grouper *g, uint32_t l)
{
    if (isinf(g->p->side[l][EP_SIDE_DLA])) return false;
    return !g->fixed || g->fixed[l] != EP_SIDE_GPU;
}

static void find_levels(grouper *g)
{
    const ep__dag *dag = &g->p->dag;
    for (uint32_t l = 0; l < dag->n; l++) g->level[l] = 0;
    for (uint32_t l = 0; l < dag->n; l++) {
        g->level[l] += !may_be_on_dla(g, l);
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            uint32_t *user = &g->level[dag->users[e]];
            if (g->level[l] > *user) *user = g->level[l];
        }
    }
}

/* Is there a way from `from` to `to` past a layer off the DLA? Only layers between them in
 * topological order can be on it, and only of a level no higher. */
static bool has_way_round(grouper *g, uint32_t from, uint32_t to)
{
    const ep__dag *dag = &g->p->dag;
    uint32_t n = 0;
    if (g->level[to] == g->level[from]) return false;
    g->walk++;
    g->stack[n++] = from;
    /* a layer is entered at most twice: first with nothing off the DLA behind, then with something
     */
    while (n > 0) {
        const uint32_t l = g->stack[--n];
        const bool off = g->seen[l] == g->walk;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            const uint32_t user = dag->users[e];
            const bool off_there = off || !may_be_on_dla(g, user);
            if (user == to && off) return true;
            if (user >= to || g->seen[user] == g->walk) continue;
            if (!off_there && g->seen_on[user] == g->walk) continue;
            if (g->left == 0) return false;
            g->left--;
            if (off_there) g->seen[user] = g->walk;
            if (!off_there) g->seen_on[user] = g->walk;
            g->stack[n++] = user;
        }
    }
    return false;
}

static void join(grouper *g, uint32_t a, uint32_t b)
{
    const uint32_t *batch = g->p->costs->batch;
    if (!may_be_on_dla(g, b) || (batch && batch[a] != batch[b])) return;
    if (!has_way_round(g, a, b)) ep__joined_unite(g->parent, a, b);
}

ep_status ep__group(const ep__problem *p, const int8_t *fixed, uint32_t *group, uint32_t *n_groups,
                    ep_error *err)
{
    enum { STEPS_PER_LAYER = 64 };
    const uint32_t n = p->costs->n_layers;
    grouper g = {.p = p,
                 .fixed = fixed,
                 .level = EP_NEW_RAW(p->scratch, uint32_t, n),
                 .seen = EP_NEW(p->scratch, uint32_t, n),
                 .seen_on = EP_NEW(p->scratch, uint32_t, n),
                 .stack = EP_NEW_RAW(p->scratch, uint32_t, 2 * (uint64_t)n + 1),
                 .parent = ep__joined_new(n, p->scratch),
                 .left = (uint64_t)n * STEPS_PER_LAYER};
    if (!g.level || !g.seen || !g.seen_on || !g.stack || !g.parent) return ep_fail_memory(err);
    find_levels(&g);
    for (uint32_t l = 0; l < n; l++) {
        if (!may_be_on_dla(&g, l)) continue;
        for (uint32_t e = p->dag.begin[l]; e < p->dag.begin[l + 1]; e++) {
            join(&g, l, p->dag.users[e]);
        }
    }
    *n_groups = 0;
    for (uint32_t l = 0; l < n; l++) { /* the first of a group is its representative */
        const uint32_t root = ep__joined_find(g.parent, l);
        group[l] = !may_be_on_dla(&g, l) ? EP_NO_INDEX : root == l ? (*n_groups)++ : group[root];
    }
    return EP_OK;
}
