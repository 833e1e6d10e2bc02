/* One batch of a plan whose branches run at once.
 *
 * What runs in one go is a block: a kernel of the GPU, or a loadable with its submission, which
 * begins when all its operands are there and hands on what it makes at its end. Of the blocks that
 * may begin a free unit takes the one with the longest way to the end of the network (highest level
 * first: Hu, "Parallel sequencing and assembly line problems", 1961). Memory is shared anew
 * whenever a step begins or ends, as the timeline shares it; a submission keeps its core and needs
 * none. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "sim/sim_internal.h"

/* A view is a block that takes no time and no unit (EP_UNIT_HOST). */
typedef struct block {
    ep_unit unit;
    uint32_t begin, end; /* steps of the task */
    uint32_t n_waits;    /* operands that are not there yet */
    uint32_t edges;      /* to those that read what it makes; EP_NO_INDEX ends a list */
    uint32_t number;     /* in the order of the plan */
    uint32_t place;      /* in that in which units take blocks */
    double way_ns;       /* from its begin to the end of the network, at zero load */
    bool begun;
} block;

typedef struct edge {
    uint32_t to, next;
} edge;

typedef struct running {
    const block *block; /* NULL: the unit is idle */
    uint32_t step;
    double ns, end_ns; /* of the step, at its share of the memory */
} running;

enum { N_UNITS = EP_UNIT_DLA1 + 1 };
_Static_assert(EP_UNIT_GPU == 0 && EP_UNIT_DLA0 == 1 && EP_UNIT_DLA1 == 2, "units come first");

typedef struct scheduler {
    const ep_task *task;
    uint32_t n_blocks, n_edges;
    block *blocks; /* in the order of the plan */
    edge *edges;
    block **order;                 /* blocks in the order in which units take them */
    uint32_t first[EP_UNIT_COUNT]; /* no block of the unit before this place may begin */
    running units[N_UNITS];
    double now_ns;
} scheduler;

/* ---- blocks -------------------------------------------------------------------------------- */

static ep_unit unit_of(ep_device device)
{
    if (!ep_device_is_dla(device)) return EP_UNIT_GPU;
    return device == EP_DLA0 ? EP_UNIT_DLA0 : EP_UNIT_DLA1;
}

/* Whoever reads a tensor waits for the last that wrote it: a reformat of it waits for its producer
 * in turn. */
static void add_waits(scheduler *s, const ep_kernel *kernel, const uint32_t *writer)
{
    const uint32_t to = s->n_blocks - 1;
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        const uint32_t from = writer[kernel->inputs[i]];
        if (from == EP_NO_INDEX || from == to) continue;
        s->edges[s->n_edges] = (edge){.to = to, .next = s->blocks[from].edges};
        s->blocks[from].edges = s->n_edges++;
        s->blocks[to].n_waits++;
    }
}

/* `writer` is per tensor. */
static void list_blocks(scheduler *s, const ep_plan *plan, uint32_t *writer)
{
    uint32_t loaded = EP_NO_INDEX, step = 0;
    for (uint32_t t = 0; t < plan->layers->network->n_tensors; t++) writer[t] = EP_NO_INDEX;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        if (kernel->subgraph == EP_NO_INDEX || kernel->subgraph != loaded) {
            s->blocks[s->n_blocks] = (block){.unit = unit_of(kernel->device),
                                             .begin = step,
                                             .end = step,
                                             .edges = EP_NO_INDEX,
                                             .number = s->n_blocks};
            s->n_blocks++;
        }
        loaded = kernel->subgraph;
        block *b = &s->blocks[s->n_blocks - 1];
        const ep_step *steps = s->task->steps;
        if (step < s->task->n_steps && steps[step].unit == EP_UNIT_HOST && b->end == b->begin &&
            kernel->subgraph != EP_NO_INDEX) {
            b->end = ++step;
        }
        if (step < s->task->n_steps && steps[step].kernel == k) b->end = ++step;
        add_waits(s, kernel, writer);
        for (uint32_t o = 0; o < kernel->n_outputs; o++) {
            writer[kernel->outputs[o]] = s->n_blocks - 1;
        }
    }
    assert(step == s->task->n_steps);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        if (s->blocks[i].begin == s->blocks[i].end) s->blocks[i].unit = EP_UNIT_HOST;
    }
}

static int by_way(const void *a, const void *b)
{
    const block *x = *(block *const *)a, *y = *(block *const *)b;
    if (x->way_ns != y->way_ns) return x->way_ns > y->way_ns ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void order_blocks(scheduler *s)
{
    for (uint32_t i = s->n_blocks; i-- > 0;) {
        block *b = s->order[i] = &s->blocks[i];
        for (uint32_t e = b->edges; e != EP_NO_INDEX; e = s->edges[e].next) {
            b->way_ns = fmax(b->way_ns, s->blocks[s->edges[e].to].way_ns);
        }
        for (uint32_t step = b->begin; step < b->end; step++) b->way_ns += s->task->steps[step].ns;
    }
    if (s->n_blocks > 0) qsort(s->order, s->n_blocks, sizeof(block *), by_way);
    for (uint32_t i = 0; i < s->n_blocks; i++) s->order[i]->place = i;
}

/* ---- time ---------------------------------------------------------------------------------- */

static void end_block(scheduler *s, const block *ended)
{
    for (uint32_t e = ended->edges; e != EP_NO_INDEX; e = s->edges[e].next) {
        block *to = &s->blocks[s->edges[e].to];
        uint32_t *first = &s->first[to->unit];
        if (--to->n_waits == 0 && to->place < *first) *first = to->place;
    }
}

/* The first block of the unit that may begin, which now has; NULL: none. */
static const block *take(scheduler *s, ep_unit unit)
{
    uint32_t i = s->first[unit];
    for (; i < s->n_blocks; i++) {
        const block *b = s->order[i];
        if (b->unit == unit && !b->begun && b->n_waits == 0) break;
    }
    s->first[unit] = i;
    if (i == s->n_blocks) return NULL;
    s->order[i]->begun = true;
    return s->order[i];
}

static void begin_step(scheduler *s, running *unit)
{
    unit->ns = s->task->steps[unit->step].ns;
    unit->end_ns = s->now_ns + unit->ns;
}

static void begin_blocks(scheduler *s)
{
    for (const block *view; (view = take(s, EP_UNIT_HOST));) end_block(s, view);
    for (int u = 0; u < N_UNITS; u++) {
        running *unit = &s->units[u];
        if (unit->block || !(unit->block = take(s, (ep_unit)u))) continue;
        unit->step = unit->block->begin;
        begin_step(s, unit);
    }
}

/* Moves the ends of the steps at work to where the memory they get has them. */
static void share_memory(scheduler *s)
{
    ep__client clients[N_UNITS];
    running *of[N_UNITS];
    uint32_t n = 0;
    for (int u = 0; u < N_UNITS; u++) {
        running *unit = &s->units[u];
        if (!unit->block) continue;
        const ep_step *step = &s->task->steps[unit->step];
        if (step->unit == EP_UNIT_HOST) continue;
        of[n] = unit;
        clients[n++] = (ep__client){.step = step,
                                    .reach_gbps = ep__reach_gbps(step, s->task->point),
                                    .alone_gbps = step->ns > 0 ? step->dram_bytes / step->ns : 0};
    }
    if (n == 0) return;
    (void)ep__share_dram(s->task->point, clients, n);
    for (uint32_t i = 0; i < n; i++) {
        if (clients[i].ns == of[i]->ns) continue;
        const double left = (of[i]->end_ns - s->now_ns) / of[i]->ns;
        of[i]->end_ns = s->now_ns + left * clients[i].ns;
        of[i]->ns = clients[i].ns;
    }
}

/* False: all is done. */
static bool advance(scheduler *s)
{
    double next = INFINITY;
    for (int u = 0; u < N_UNITS; u++) {
        if (s->units[u].block) next = fmin(next, s->units[u].end_ns);
    }
    if (isinf(next)) return false;
    s->now_ns = next;
    for (int u = 0; u < N_UNITS; u++) {
        running *unit = &s->units[u];
        if (!unit->block || unit->end_ns > next) continue;
        if (++unit->step < unit->block->end) {
            begin_step(s, unit);
        } else {
            end_block(s, unit->block);
            unit->block = NULL;
        }
    }
    return true;
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status schedule(const ep_task *task, ep_arena *arena, double *ns, ep_error *err)
{
    const ep_plan *plan = task->plan;
    uint64_t n_edges = 0;
    for (uint32_t k = 0; k < plan->n_kernels; k++) n_edges += plan->kernels[k].n_inputs;
    scheduler s = {.task = task,
                   .blocks = EP_NEW(arena, block, plan->n_kernels),
                   .edges = EP_NEW(arena, edge, n_edges),
                   .order = EP_NEW(arena, block *, plan->n_kernels)};
    uint32_t *writer = EP_NEW(arena, uint32_t, plan->layers->network->n_tensors);
    if (!s.blocks || !s.edges || !s.order || !writer) return ep_fail_memory(err);
    list_blocks(&s, plan, writer);
    order_blocks(&s);
    do {
        begin_blocks(&s);
        share_memory(&s);
    } while (advance(&s));
    *ns = s.now_ns;
    return EP_OK;
}

ep_status ep__branches_ns(const ep_plan *plan, const ep_cost *costs, const ep_point *point,
                          double *ns, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_task task;
    const bool second = ep_plan_last_core(plan) == EP_DLA1;
    const ep_task_options options = {
        .name = plan->layers->network->name, .batch = 1, .dla_core = second};
    ep_status status = ep_task_make(plan, costs, point, &options, arena, &task, err);
    if (status == EP_OK) status = schedule(&task, arena, ns, err);
    ep_arena_free(arena);
    return status;
}
