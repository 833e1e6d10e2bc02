#include <assert.h>
#include <stdlib.h>

#include "planner/planner_internal.h"

typedef struct queue {
    uint32_t *items; /* as many as there are layers: nothing is queued twice */
    uint32_t begin, end;
} queue;

/* What may run in one turn: all that the GPU runs, or what a DLA core runs of one batch and part.
 */
enum { GPU_KIND = 0 };

typedef struct scheduler {
    const ep_layers *layers;
    uint32_t *waiting; /* per layer: operands not yet computed */
    uint32_t *kind;    /* per layer */
    uint32_t n_kinds;
    queue *ready;     /* per kind */
    uint32_t *next;   /* ring of the kinds, but for the running one, that have something ready */
    uint32_t next_at; /* the ring's first entry */
    uint32_t n_next;
    uint32_t running;
    uint32_t *parent; /* union-find over the layers of one DLA turn */
    uint32_t *turn;   /* per layer */
    ep__partition *out;
    uint32_t n_done;
} scheduler;

static uint32_t find(uint32_t *parent, uint32_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* The smaller layer becomes the representative, so that numbering does not depend on the order of
 * unions. */
static void unite(uint32_t *parent, uint32_t a, uint32_t b)
{
    a = find(parent, a);
    b = find(parent, b);
    if (a < b) parent[b] = a;
    if (b < a) parent[a] = b;
}

static void push(scheduler *s, uint32_t layer)
{
    const uint32_t kind = s->kind[layer];
    queue *q = &s->ready[kind];
    if (q->begin == q->end && kind != s->running) {
        s->next[(s->next_at + s->n_next++) % s->n_kinds] = kind;
    }
    q->items[q->end++] = layer;
}

/* `layer` is done: what waited for nothing else is ready. */
static void release_users(scheduler *s, uint32_t layer)
{
    const ep_layers *layers = s->layers;
    const ep_layer *l = &layers->layers[layer];
    for (uint32_t o = 0; o < l->n_outputs; o++) {
        const uint32_t t = l->outputs[o];
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            const uint32_t user = layers->users[u];
            assert(s->waiting[user] > 0);
            if (--s->waiting[user] == 0) push(s, user);
        }
    }
}

static void run_turn(scheduler *s, uint32_t turn)
{
    queue *q = &s->ready[s->running];
    while (q->begin < q->end) {
        const uint32_t layer = q->items[q->begin++];
        s->turn[layer] = turn;
        s->out->order[s->n_done++] = layer;
        release_users(s, layer);
    }
}

/* Joins the DLA layers of one turn that exchange a tensor. */
static void join_turn(scheduler *s, const uint32_t *members, uint32_t n)
{
    const ep_layers *layers = s->layers;
    for (uint32_t i = 0; i < n; i++) {
        const ep_layer *l = &layers->layers[members[i]];
        for (uint32_t j = 0; j < l->n_inputs; j++) {
            const uint32_t p = layers->producer[layers->root[l->inputs[j]]];
            if (p != EP_NO_INDEX && s->turn[p] == s->turn[members[i]]) {
                unite(s->parent, p, members[i]);
            }
        }
    }
}

/* Numbers the groups of one turn by first appearance and makes each contiguous in `order`. */
static ep_status group_turn(scheduler *s, uint32_t *members, uint32_t n, ep_error *err)
{
    ep__partition *out = s->out;
    const uint32_t first_group = out->n_subgraphs;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t representative = find(s->parent, members[i]);
        if (out->subgraph[representative] == EP_NO_INDEX) {
            out->subgraph[representative] = out->n_subgraphs++;
        }
        out->subgraph[members[i]] = out->subgraph[representative];
    }
    const uint32_t n_groups = out->n_subgraphs - first_group;
    uint32_t *start = calloc((size_t)n_groups + 1, sizeof *start);
    uint32_t *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    if (!start || !sorted) {
        free(start);
        free(sorted);
        return ep_fail_memory(err);
    }
    for (uint32_t i = 0; i < n; i++) start[out->subgraph[members[i]] - first_group + 1]++;
    for (uint32_t g = 0; g < n_groups; g++) start[g + 1] += start[g];
    for (uint32_t i = 0; i < n; i++) {
        sorted[start[out->subgraph[members[i]] - first_group]++] = members[i];
    }
    for (uint32_t i = 0; i < n; i++) members[i] = sorted[i];
    free(start);
    free(sorted);
    return EP_OK;
}

static ep_status schedule(scheduler *s, ep_error *err)
{
    const uint32_t n = s->layers->n_layers;
    s->running = GPU_KIND;
    for (uint32_t l = 0; l < n; l++) {
        if (s->waiting[l] == 0) push(s, l);
    }
    for (uint32_t turn = 0; s->n_done < n; turn++) {
        const uint32_t begin = s->n_done;
        run_turn(s, turn);
        if (s->running != GPU_KIND) {
            uint32_t *members = s->out->order + begin;
            join_turn(s, members, s->n_done - begin);
            EP_TRY(group_turn(s, members, s->n_done - begin, err));
        }
        if (s->n_next == 0) break;
        s->running = s->next[s->next_at];
        s->next_at = (s->next_at + 1) % s->n_kinds;
        s->n_next--;
    }
    assert(s->n_done == n);
    for (uint32_t i = 0; i < n; i++) s->out->position[s->out->order[i]] = i;
    return EP_OK;
}

/* ---- kinds --------------------------------------------------------------------------------- */

/* What the layers of a turn on a DLA have in common. */
typedef struct kind_key {
    ep_device device;
    uint32_t part;
    int64_t batch;
    uint32_t layer;
} kind_key;

static int compare_kinds(const kind_key *x, const kind_key *y)
{
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->part != y->part) return x->part < y->part ? -1 : 1;
    return (x->batch > y->batch) - (x->batch < y->batch);
}

static int by_kind(const void *a, const void *b)
{
    return compare_kinds(a, b);
}

/* The batch that a layer works on: of its result, to which operands of batch 1 are broadcast. */
static int64_t batch_of(const ep_layers *layers, const ep_layer *layer)
{
    int64_t nchw[4];
    const bool known =
        layer->n_outputs > 0 && ep_nchw(&layers->network->tensors[layer->outputs[0]].shape, nchw);
    return known ? nchw[0] : 1;
}

/* Gives each layer its kind, and each kind a queue for all its layers. O(n log n). */
static ep_status sort_into_kinds(scheduler *s, const ep_device *device, const uint32_t *part,
                                 ep_arena *arena, ep_error *err)
{
    const uint32_t n = s->layers->n_layers;
    kind_key *dla = EP_NEW(arena, kind_key, n);
    uint32_t *items = EP_NEW(arena, uint32_t, n);
    if (!dla || !items) return ep_fail_memory(err);
    uint32_t n_dla = 0;
    for (uint32_t l = 0; l < n; l++) {
        if (!ep_device_is_dla(device[l])) continue;
        dla[n_dla++] = (kind_key){device[l], part ? part[l] : 0,
                                  batch_of(s->layers, &s->layers->layers[l]), l};
    }
    qsort(dla, n_dla, sizeof *dla, by_kind);
    s->n_kinds = 1;
    for (uint32_t i = 0; i < n_dla; i++) {
        s->n_kinds += i == 0 || compare_kinds(&dla[i], &dla[i - 1]) != 0;
    }
    s->ready = EP_NEW(arena, queue, s->n_kinds);
    s->next = EP_NEW(arena, uint32_t, s->n_kinds);
    if (!s->ready || !s->next) return ep_fail_memory(err);
    s->ready[GPU_KIND].items = items + n_dla;
    for (uint32_t i = 0, kind = GPU_KIND; i < n_dla; i++) {
        if (i == 0 || compare_kinds(&dla[i], &dla[i - 1]) != 0) s->ready[++kind].items = items + i;
        s->kind[dla[i].layer] = kind;
    }
    return EP_OK;
}

/* Layers on whose outputs each layer waits, a pair for each tensor. */
static void count_waiting(const ep_layers *layers, uint32_t *waiting)
{
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        if (layers->producer[t] == EP_NO_INDEX) continue;
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            waiting[layers->users[u]]++;
        }
    }
}

ep_status ep__partition_make(const ep_layers *layers, const ep_device *device, const uint32_t *part,
                             ep_arena *arena, ep__partition *out, ep_error *err)
{
    const uint32_t n = layers->n_layers;
    *out = (ep__partition){.order = EP_NEW(arena, uint32_t, n),
                           .position = EP_NEW(arena, uint32_t, n),
                           .subgraph = EP_NEW(arena, uint32_t, n)};
    scheduler s = {.layers = layers, .out = out};
    s.waiting = EP_NEW(arena, uint32_t, n);
    s.kind = EP_NEW(arena, uint32_t, n); /* zeroed: GPU_KIND */
    s.parent = EP_NEW(arena, uint32_t, n);
    s.turn = EP_NEW(arena, uint32_t, n);
    if (!out->order || !out->position || !out->subgraph || !s.waiting || !s.kind || !s.parent ||
        !s.turn) {
        return ep_fail_memory(err);
    }
    EP_TRY(sort_into_kinds(&s, device, part, arena, err));
    for (uint32_t l = 0; l < n; l++) {
        out->subgraph[l] = EP_NO_INDEX;
        s.parent[l] = l;
    }
    count_waiting(layers, s.waiting);
    return schedule(&s, err);
}
