/* Branches at once: proposals of the strategy "best" where GPU and DLA cores work on one batch
 * together.
 *
 * All ways from a layer that several read meet again in one layer, its immediate post-dominator, or
 * at the end of the network. What lies between and hangs together without these two is a branch: an
 * arm of an Inception module, a head of a detector, a tower of a network with several inputs.
 * Whole branches change devices, one at a time, judged by the time of all at once. */
#include <stdlib.h>
#include <string.h>

#include "planner/best.h"

typedef struct branch {
    uint64_t macs;
    uint32_t number; /* in the order in which they are found */
    uint32_t n;
    const uint32_t *layers;
} branch;

/* Layer `dag.n` stands for the end of the network; a fork of that number for its beginning. */
typedef struct finder {
    const ep_layers *layers;
    ep__dag dag;
    uint32_t *join, *depth; /* per layer: its immediate post-dominator, and how many follow */
    bool *has_producer;     /* per layer: it reads what another wrote */
    uint32_t *parent;       /* per layer: of a forest; the root of a branch is its own */
    uint32_t *seen;         /* per layer: 1 + the last fork that led to it */
    uint32_t *found;        /* layers of the fork at hand, in topological order */
    uint32_t n_found;
    branch *branches;
    uint32_t n, room;
    ep_arena *arena;
} finder;

/* ---- where they meet ----------------------------------------------------------------------- */

/* The first that lies behind both (Cooper, Harvey, Kennedy, "A simple, fast dominance algorithm",
 * 2001). EP_NO_INDEX: nothing known yet. */
static uint32_t meet(const finder *f, uint32_t a, uint32_t b)
{
    if (a == EP_NO_INDEX) return b;
    while (a != b) {
        if (f->depth[a] >= f->depth[b]) {
            a = f->join[a];
        } else {
            b = f->join[b];
        }
    }
    return a;
}

static bool leaves_network(const finder *f, uint32_t l)
{
    const ep_layer *layer = &f->layers->layers[l];
    for (uint32_t o = 0; o < layer->n_outputs; o++) {
        if (f->layers->is_output[layer->outputs[o]]) return true;
    }
    return f->dag.begin[l] == f->dag.begin[l + 1];
}

static void find_joins(finder *f)
{
    const ep__dag *dag = &f->dag;
    for (uint32_t l = dag->n; l-- > 0;) {
        uint32_t join = leaves_network(f, l) ? dag->n : EP_NO_INDEX;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            join = meet(f, join, dag->users[e]);
            f->has_producer[dag->users[e]] = true;
        }
        f->join[l] = join;
        f->depth[l] = f->depth[join] + 1;
    }
}

/* ---- branches ------------------------------------------------------------------------------ */

static uint32_t root_of(const finder *f, uint32_t l)
{
    while (f->parent[l] != l) l = f->parent[l] = f->parent[f->parent[l]];
    return l;
}

static void reach(finder *f, uint32_t fork, uint32_t l, uint32_t join)
{
    if (l == join || f->seen[l] == fork + 1) return;
    f->seen[l] = fork + 1;
    f->parent[l] = l;
}

/* Layers between, in topological order, joined to their branches; returns how many those are. */
static uint32_t walk(finder *f, uint32_t fork, uint32_t join)
{
    const ep__dag *dag = &f->dag;
    uint32_t n = 0;
    f->n_found = 0;
    for (uint32_t l = fork == dag->n ? 0 : fork + 1; l < join; l++) {
        if (fork == dag->n && !f->has_producer[l]) reach(f, fork, l, join);
        if (f->seen[l] != fork + 1) continue;
        f->found[f->n_found++] = l;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            const uint32_t user = dag->users[e];
            reach(f, fork, user, join);
            if (user != join) f->parent[root_of(f, l)] = root_of(f, user);
        }
    }
    for (uint32_t i = 0; i < f->n_found; i++) n += root_of(f, f->found[i]) == f->found[i];
    return n;
}

static ep_status add_branch(finder *f, uint32_t root, ep_error *err)
{
    uint32_t *layers = EP_NEW(f->arena, uint32_t, f->n_found);
    if (!layers) return ep_fail_memory(err);
    branch b = {.layers = layers, .number = f->n};
    for (uint32_t i = 0; i < f->n_found; i++) {
        if (root_of(f, f->found[i]) != root) continue;
        layers[b.n++] = f->found[i];
        b.macs += f->layers->layers[f->found[i]].macs;
    }
    f->branches[f->n++] = b;
    return EP_OK;
}

/* Those between a fork and where it meets again, if there are several. */
static ep_status add_branches(finder *f, uint32_t fork, uint32_t join, ep_error *err)
{
    if (walk(f, fork, join) < 2) return EP_OK;
    for (uint32_t i = 0; i < f->n_found && f->n < f->room; i++) {
        if (root_of(f, f->found[i]) == f->found[i]) EP_TRY(add_branch(f, f->found[i], err));
    }
    return EP_OK;
}

static int by_work(const void *a, const void *b)
{
    const branch *x = a, *y = b;
    if (x->macs != y->macs) return x->macs > y->macs ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* The most work first. O(forks x layers between fork and join). */
static ep_status find_branches(finder *f, ep_error *err)
{
    const ep__dag *dag = &f->dag;
    uint32_t join = EP_NO_INDEX;
    find_joins(f);
    for (uint32_t l = 0; l < dag->n; l++) {
        if (!f->has_producer[l]) join = meet(f, join, l);
    }
    if (join != EP_NO_INDEX) EP_TRY(add_branches(f, dag->n, join, err));
    for (uint32_t l = 0; l < dag->n; l++) {
        if (dag->begin[l + 1] - dag->begin[l] < 2) continue;
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            reach(f, l, dag->users[e], f->join[l]);
        }
        EP_TRY(add_branches(f, l, f->join[l], err));
    }
    if (f->n > 0) qsort(f->branches, f->n, sizeof *f->branches, by_work);
    return EP_OK;
}

static ep_status new_finder(const ep__search *s, finder *f, ep_error *err)
{
    const uint32_t n = s->basis->layers->n_layers;
    *f = (finder){.layers = s->basis->layers,
                  .arena = s->arena,
                  .room = s->most,
                  .join = EP_NEW(s->arena, uint32_t, (uint64_t)n + 1),
                  .depth = EP_NEW(s->arena, uint32_t, (uint64_t)n + 1),
                  .has_producer = EP_NEW(s->arena, bool, n),
                  .parent = EP_NEW(s->arena, uint32_t, n),
                  .seen = EP_NEW(s->arena, uint32_t, n),
                  .found = EP_NEW(s->arena, uint32_t, n),
                  .branches = EP_NEW(s->arena, branch, s->most)};
    const bool complete =
        f->join && f->depth && f->has_producer && f->parent && f->seen && f->found && f->branches;
    if (!complete) return ep_fail_memory(err);
    return ep__dag_of(s->basis->layers, s->arena, &f->dag, err);
}

/* ---- moves --------------------------------------------------------------------------------- */

/* What is held while branches are moved, which need not be the best of all. */
typedef struct state {
    ep_device *device; /* per layer */
    ep_precision *precision;
    ep__judgement judged;
} state;

/* Asks for what is held, with the branch on that device. False: it is there already. */
static bool want_branch(ep__search *s, const state *held, const branch *b, ep_device to)
{
    const ep__basis *basis = s->basis;
    const uint32_t n = basis->layers->n_layers;
    bool moves = false;
    memcpy(s->wanted_device, held->device, n * sizeof *held->device);
    memcpy(s->wanted_precision, held->precision, n * sizeof *held->precision);
    for (uint32_t i = 0; i < b->n; i++) {
        const uint32_t l = b->layers[i];
        if (held->device[l] == to || (to != EP_GPU && !basis->verdicts[l].accepted)) continue;
        s->wanted_device[l] = to;
        s->wanted_precision[l] =
            to == EP_GPU ? basis->gpu_precision[l] : basis->verdicts[l].precision;
        moves = true;
    }
    return moves;
}

static void hold(const ep__search *s, state *held)
{
    const uint32_t n = s->basis->layers->n_layers;
    memcpy(held->device, s->wanted_device, n * sizeof *held->device);
    memcpy(held->precision, s->wanted_precision, n * sizeof *held->precision);
    held->judged = s->last;
}

/* From the decision that is wanted, until no branch that moves makes it better. */
static ep_status improve(ep__search *s, const finder *f, state *held, ep_error *err)
{
    const bool both = s->basis->options->dla == EP_DLA_BOTH && s->point.dla_cores > 1;
    const ep_device to[] = {EP_GPU, s->core, EP_DLA1};
    EP_TRY(ep__judge(s, false, err));
    if (!s->has_last) return EP_OK;
    hold(s, held);
    for (bool better = true; better;) {
        better = false;
        for (uint32_t b = 0; b < f->n; b++) {
            for (int i = 0; i < (both ? 3 : 2); i++) {
                if (!want_branch(s, held, &f->branches[b], to[i])) continue;
                EP_TRY(ep__judge(s, false, err));
                if (!s->has_last || !ep__is_better(&s->last, &held->judged)) continue;
                hold(s, held);
                better = true;
            }
        }
    }
    return EP_OK;
}

static ep_status move_branches(ep__search *s, const finder *f, ep_error *err)
{
    const ep__basis *b = s->basis;
    const uint32_t n = b->layers->n_layers, more = s->most;
    state held = {.device = EP_NEW(s->arena, ep_device, n),
                  .precision = EP_NEW(s->arena, ep_precision, n)};
    if (!held.device || !held.precision) return ep_fail_memory(err);
    s->most += more;
    memcpy(s->wanted_device, s->device, n * sizeof *s->device);
    memcpy(s->wanted_precision, s->precision, n * sizeof *s->precision);
    EP_TRY(improve(s, f, &held, err));
    s->most += more;
    for (uint32_t l = 0; l < n; l++) {
        s->wanted_device[l] = EP_GPU;
        s->wanted_precision[l] = b->gpu_precision[l];
    }
    EP_TRY(improve(s, f, &held, err));
    s->most += more;
    return s->concurrent ? ep__try_moves(s, err) : EP_OK;
}

/* Longer networks have no branches moved: finding them takes a time that may grow with the square
 * of the layers, and each plan of so many takes long enough. */
enum { MOST_LAYERS = 4000 };

ep_status ep__try_branches(ep__search *s, ep_error *err)
{
    finder f;
    if (s->basis->layers->n_layers > MOST_LAYERS) return EP_OK;
    EP_TRY(new_finder(s, &f, err));
    EP_TRY(find_branches(&f, err));
    if (f.n == 0) return EP_OK;
    s->wants_concurrent = true;
    const ep_status status = move_branches(s, &f, err);
    s->wants_concurrent = false;
    return status;
}
