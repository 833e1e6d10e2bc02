#include <assert.h>
#include <stdlib.h>

#include "planner/planner_internal.h"

typedef struct queue {
    uint32_t *items; /* as many as there are layers: nothing is queued twice */
    uint32_t begin, end;
} queue;

/* What the GPU runs, in one turn; any other kind is a DLA's. */
enum { GPU_KIND = 0 };

typedef struct scheduler {
    const ep__dag *dag;
    const uint32_t *kind; /* per layer */
    uint32_t n_kinds;
    uint32_t *waiting; /* per layer: operands not yet computed */
    queue *ready;      /* per kind */
    uint32_t *next;    /* ring of the kinds, but for the running one, that have something ready */
    uint32_t next_at;  /* the ring's first entry */
    uint32_t n_next;
    uint32_t running;
    uint32_t *parent; /* of layers joined in one DLA turn */
    uint32_t *turn;   /* per layer */
    uint32_t *sorted; /* room for the layers of a turn */
    uint32_t *start;  /* room for a number per group */
    ep__partition *out;
    uint32_t n_done;
} scheduler;

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
    const ep__dag *dag = s->dag;
    for (uint32_t e = dag->begin[layer]; e < dag->begin[layer + 1]; e++) {
        assert(s->waiting[dag->users[e]] > 0);
        if (--s->waiting[dag->users[e]] == 0) push(s, dag->users[e]);
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
    const ep__dag *dag = s->dag;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t l = members[i];
        for (uint32_t e = dag->begin[l]; e < dag->begin[l + 1]; e++) {
            if (s->turn[dag->users[e]] == s->turn[l]) ep__joined_unite(s->parent, l, dag->users[e]);
        }
    }
}

/* Numbers the groups of one turn by first appearance and makes each contiguous in `order`. */
static void group_turn(scheduler *s, uint32_t *members, uint32_t n)
{
    ep__partition *out = s->out;
    const uint32_t first_group = out->n_subgraphs;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t representative = ep__joined_find(s->parent, members[i]);
        if (out->subgraph[representative] == EP_NO_INDEX) {
            out->subgraph[representative] = out->n_subgraphs++;
        }
        out->subgraph[members[i]] = out->subgraph[representative];
    }
    const uint32_t n_groups = out->n_subgraphs - first_group;
    for (uint32_t g = 0; g <= n_groups; g++) s->start[g] = 0;
    for (uint32_t i = 0; i < n; i++) s->start[out->subgraph[members[i]] - first_group + 1]++;
    for (uint32_t g = 0; g < n_groups; g++) s->start[g + 1] += s->start[g];
    for (uint32_t i = 0; i < n; i++) {
        s->sorted[s->start[out->subgraph[members[i]] - first_group]++] = members[i];
    }
    for (uint32_t i = 0; i < n; i++) members[i] = s->sorted[i];
}

static void schedule(scheduler *s)
{
    const uint32_t n = s->dag->n;
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
            group_turn(s, members, s->n_done - begin);
        }
        if (s->n_next == 0) break;
        s->running = s->next[s->next_at];
        s->next_at = (s->next_at + 1) % s->n_kinds;
        s->n_next--;
    }
    assert(s->n_done == n);
    for (uint32_t i = 0; i < n; i++) s->out->position[s->out->order[i]] = i;
}

/* A queue for each kind, as long as it has layers; and who waits for how many operands. */
static void fill_queues(scheduler *s, uint32_t *items)
{
    const uint32_t n = s->dag->n;
    for (uint32_t l = 0; l < n; l++) s->ready[s->kind[l]].end++;
    for (uint32_t k = 0; k < s->n_kinds; k++) {
        s->ready[k].items = items;
        items += s->ready[k].end;
        s->ready[k].end = 0;
    }
    for (uint32_t e = 0; e < s->dag->begin[n]; e++) s->waiting[s->dag->users[e]]++;
}

ep_status ep__partition_of(const ep__dag *dag, const uint32_t *kind, uint32_t n_kinds,
                           ep_arena *arena, ep__partition *out, ep_error *err)
{
    const uint32_t n = dag->n;
    *out = (ep__partition){.order = EP_NEW_RAW(arena, uint32_t, n),
                           .position = EP_NEW_RAW(arena, uint32_t, n),
                           .subgraph = EP_NEW_RAW(arena, uint32_t, n)};
    scheduler s = {.dag = dag,
                   .kind = kind,
                   .n_kinds = n_kinds,
                   .waiting = EP_NEW(arena, uint32_t, n),
                   .ready = EP_NEW(arena, queue, n_kinds),
                   .next = EP_NEW_RAW(arena, uint32_t, n_kinds),
                   .parent = ep__joined_new(n, arena),
                   .turn = EP_NEW_RAW(arena, uint32_t, n),
                   .sorted = EP_NEW_RAW(arena, uint32_t, n),
                   .start = EP_NEW_RAW(arena, uint32_t, (uint64_t)n + 1),
                   .out = out};
    uint32_t *items = EP_NEW_RAW(arena, uint32_t, n);
    if (!out->order || !out->position || !out->subgraph || !s.waiting || !s.ready || !s.next ||
        !s.parent || !s.turn || !s.sorted || !s.start || !items) {
        return ep_fail_memory(err);
    }
    for (uint32_t l = 0; l < n; l++) out->subgraph[l] = s.turn[l] = EP_NO_INDEX;
    fill_queues(&s, items);
    schedule(&s);
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

/* A number for each kind, the GPU's first. O(n log n). */
static ep_status number_kinds(const ep_layers *layers, const ep_device *device,
                              const uint32_t *part, ep_arena *arena, uint32_t *kind,
                              uint32_t *n_kinds, ep_error *err)
{
    const uint32_t n = layers->n_layers;
    kind_key *dla = EP_NEW_RAW(arena, kind_key, n);
    if (!dla) return ep_fail_memory(err);
    uint32_t n_dla = 0;
    for (uint32_t l = 0; l < n; l++) {
        if (!ep_device_is_dla(device[l])) continue;
        dla[n_dla++] =
            (kind_key){device[l], part ? part[l] : 0, batch_of(layers, &layers->layers[l]), l};
    }
    qsort(dla, n_dla, sizeof *dla, by_kind);
    *n_kinds = 1;
    for (uint32_t i = 0; i < n_dla; i++) {
        *n_kinds += i == 0 || compare_kinds(&dla[i], &dla[i - 1]) != 0;
        kind[dla[i].layer] = *n_kinds - 1;
    }
    return EP_OK;
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

ep_status ep__number_batches(const ep_layers *layers, ep_arena *arena, uint32_t *number,
                             ep_error *err)
{
    const uint32_t n = layers->n_layers;
    int64_t *batches = EP_NEW_RAW(arena, int64_t, n);
    if (!batches) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) batches[l] = batch_of(layers, &layers->layers[l]);
    qsort(batches, n, sizeof *batches, by_number);
    uint32_t n_batches = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || batches[i] != batches[n_batches - 1]) batches[n_batches++] = batches[i];
    }
    for (uint32_t l = 0; l < n; l++) {
        const int64_t batch = batch_of(layers, &layers->layers[l]);
        const int64_t *at = bsearch(&batch, batches, n_batches, sizeof *batches, by_number);
        number[l] = (uint32_t)(at - batches);
    }
    return EP_OK;
}

ep_status ep__dag_of(const ep_layers *layers, ep_arena *arena, ep__dag *out, ep_error *err)
{
    const uint32_t n = layers->n_layers, n_tensors = layers->network->n_tensors;
    uint32_t *begin = EP_NEW_RAW(arena, uint32_t, (uint64_t)n + 1);
    uint32_t *users = EP_NEW_RAW(arena, uint32_t, layers->users_begin[n_tensors]);
    if (!begin || !users) return ep_fail_memory(err);
    uint32_t edges = 0;
    for (uint32_t l = 0; l < n; l++) {
        begin[l] = edges;
        for (uint32_t o = 0; o < layers->layers[l].n_outputs; o++) {
            const uint32_t t = layers->layers[l].outputs[o];
            for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
                users[edges++] = layers->users[u];
            }
        }
    }
    begin[n] = edges;
    *out = (ep__dag){.n = n, .begin = begin, .users = users};
    return EP_OK;
}

ep_status ep__partition_make(const ep_layers *layers, const ep_device *device, const uint32_t *part,
                             ep_arena *arena, ep__partition *out, ep_error *err)
{
    uint32_t n_kinds = 1;
    uint32_t *kind = EP_NEW(arena, uint32_t, layers->n_layers); /* zeroed: GPU_KIND */
    if (!kind) return ep_fail_memory(err);
    ep__dag dag;
    EP_TRY(ep__dag_of(layers, arena, &dag, err));
    EP_TRY(number_kinds(layers, device, part, arena, kind, &n_kinds, err));
    return ep__partition_of(&dag, kind, n_kinds, arena, out, err);
}
