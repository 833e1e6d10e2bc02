/* Plans at the same time, event by event.
 *
 * A batch sits in a slot of its engine and goes through the steps of its task. A step waits until
 * its unit is free and nobody who became ready earlier wants it; while it runs, its end moves
 * whenever the memory is shared anew. An event is the end of a step or of a submission, a query
 * that is asked, or the begin of the window.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/queue.h"
#include "sim/sim_internal.h"

/* A batch on its way. */
typedef struct slot {
    enum { SLOT_FREE, SLOT_READY, SLOT_RUNNING, SLOT_SUBMITTING } state;
    uint32_t order; /* index into the uses in order */
    uint32_t step;
    uint64_t frame;
    double begin_ns; /* of the batch */
    double since_ns; /* ready or running since */
    bool keeps_unit; /* ready, and in the middle of a loadable */
    double end_ns;   /* of a submission */
    uint64_t first_image;
    int64_t n_images;
} slot;

typedef struct running {
    slot *slot; /* NULL: idle */
    const ep_step *step;
    double ns; /* the whole step takes at its share */
    double end_ns;
    double used_gbps, alone_gbps;
    ep_watts watts;
} running;

typedef struct use_state {
    const ep_engine_use *use;
    const ep_source *source;
    uint32_t index; /* as the caller numbers it */
    slot *slots;    /* in_flight of them */
    uint64_t n_begun;
    /* of batches that ended in the window */
    uint32_t n_batches;
    int64_t images, first_images;
    double first_end_ns, last_end_ns, latency_ns;
} use_state;

typedef struct timeline {
    const ep_timeline_options *options;
    const ep_point *point;
    double now_ns;
    uint32_t n_slots;
    slot *slots; /* by order of their uses */
    use_state *uses;
    ep__queue *queues; /* per source */
    running units[EP_UNIT_COUNT];
    double cpu_gbps; /* what the CPU gets */
    double capacity_gbps;
    bool is_limited; /* some unit gets less bandwidth than it asks for */
    bool is_stale;   /* a unit began or ended a step since memory was shared */
    ep_timeline *out;
} timeline;

/* ---- order --------------------------------------------------------------------------------- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* Among equals in time, who comes first: by what they are, not by how the caller numbers them. */
static int by_content(const void *a, const void *b)
{
    const use_state *x = a, *y = b;
    const ep_task *p = x->use->task, *q = y->use->task;
    const double keys[][2] = {
        {p->ns, q->ns},
        {p->n_steps, q->n_steps},
        {(double)p->batch, (double)q->batch},
        {p->unit_ns[EP_UNIT_GPU], q->unit_ns[EP_UNIT_GPU]},
        {p->unit_ns[EP_UNIT_DLA0], q->unit_ns[EP_UNIT_DLA0]},
        {p->unit_ns[EP_UNIT_DLA1], q->unit_ns[EP_UNIT_DLA1]},
        {x->source->arrival, y->source->arrival},
        {x->source->period_ns, y->source->period_ns},
        {x->source->offset_ns, y->source->offset_ns},
        {x->source->deadline_ns, y->source->deadline_ns},
        {(double)x->source->images, (double)y->source->images},
        {x->source->n_at, y->source->n_at},
        {x->use->in_flight, y->use->in_flight},
    };
    int order = 0;
    for (size_t k = 0; k < sizeof keys / sizeof *keys && order == 0; k++) {
        order = compare(keys[k][0], keys[k][1]);
    }
    if (order == 0) order = strcmp(p->name, q->name);
    if (order == 0) order = strcmp(x->source->name, y->source->name);
    return order ? order : compare(x->index, y->index);
}

/* ---- memory -------------------------------------------------------------------------------- */

static void set_share(timeline *t, running *unit, const ep__client *client)
{
    unit->used_gbps = client->used_gbps;
    if (client->ns != unit->ns) {
        unit->end_ns = t->now_ns + (unit->end_ns - t->now_ns) / unit->ns * client->ns;
        unit->ns = client->ns;
    }
    unit->watts = unit->ns == unit->step->ns ? unit->step->watts
                                             : ep__step_watts(unit->step, t->point, unit->ns);
}

static void share_memory(timeline *t)
{
    ep__client clients[EP_UNIT_COUNT + 1];
    running *units[EP_UNIT_COUNT];
    uint32_t n = 0;
    double alone = 0, used = 0;
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        running *unit = &t->units[u];
        if (!unit->slot) continue;
        units[n] = unit;
        clients[n++] = (ep__client){.step = unit->step,
                                    .reach_gbps = ep__reach_gbps(unit->step, t->point),
                                    .alone_gbps = unit->alone_gbps};
    }
    const uint32_t n_units = n;
    if (t->options->cpu_gbps > 0) {
        clients[n++] =
            (ep__client){.reach_gbps = t->point->dram_gbps, .alone_gbps = t->options->cpu_gbps};
    }
    t->capacity_gbps = ep__share_dram(t->point, clients, n);
    for (uint32_t i = 0; i < n; i++) {
        if (i < n_units) set_share(t, units[i], &clients[i]);
        alone += clients[i].alone_gbps;
        used += clients[i].used_gbps;
    }
    t->cpu_gbps = n > n_units ? clients[n_units].used_gbps : 0;
    t->is_limited = used < alone * (1 - 1e-9);
}

static void show_level(const timeline *t)
{
    const ep_observer *observer = t->options->observer;
    if (!observer || !observer->level) return;
    ep_level level = {
        .now_ns = t->now_ns, .capacity_gbps = t->capacity_gbps, .cpu_gbps = t->cpu_gbps};
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        const running *unit = &t->units[u];
        if (!unit->slot) continue;
        level.used_gbps[u] = unit->used_gbps;
        level.alone_gbps[u] = unit->alone_gbps;
        level.watts.gpu += unit->watts.gpu;
        level.watts.dla += unit->watts.dla;
        level.watts.dram += unit->watts.dram;
    }
    observer->level(observer->context, &level);
}

/* ---- steps --------------------------------------------------------------------------------- */

static const ep_step *step_of(const timeline *t, const slot *s)
{
    return &t->uses[s->order].use->task->steps[s->step];
}

/* The slot is at a step that it may begin. */
static void make_ready(timeline *t, slot *s)
{
    const ep_step *step = step_of(t, s);
    s->since_ns = t->now_ns;
    s->state = step->unit == EP_UNIT_HOST ? SLOT_SUBMITTING : SLOT_READY;
    s->end_ns = t->now_ns + step->ns;
}

static void begin_batches(timeline *t)
{
    for (uint32_t i = 0; i < t->n_slots; i++) {
        slot *s = &t->slots[i];
        if (s->state != SLOT_FREE) continue;
        use_state *use = &t->uses[s->order];
        ep__queue *queue = &t->queues[use->use->source];
        s->n_images = ep__queue_take(queue, use->use->task->batch, t->now_ns, &s->first_image);
        if (s->n_images == 0) continue;
        s->frame = use->n_begun++;
        s->step = 0;
        s->begin_ns = t->now_ns;
        make_ready(t, s);
    }
}

/* Does `a` go before `b` on a unit that both want? */
static bool is_before(const slot *a, const slot *b)
{
    if (a->keeps_unit != b->keeps_unit) return a->keeps_unit;
    if (a->since_ns != b->since_ns) return a->since_ns < b->since_ns;
    return a->order != b->order ? a->order < b->order : a->frame < b->frame;
}

/* Batches of one use go in their order: does an older one want that unit too? */
static bool lets_older_go_first(const timeline *t, const slot *s, ep_unit unit)
{
    const use_state *use = &t->uses[s->order];
    for (uint32_t i = 0; i < use->use->in_flight && !s->keeps_unit; i++) {
        const slot *other = &use->slots[i];
        if (other->state == SLOT_READY && other->frame < s->frame &&
            step_of(t, other)->unit == unit) {
            return true;
        }
    }
    return false;
}

/* Idle units take the step that has been ready for longest. */
static void begin_steps(timeline *t)
{
    slot *first[EP_UNIT_COUNT] = {NULL};
    for (uint32_t i = 0; i < t->n_slots; i++) {
        slot *s = &t->slots[i];
        if (s->state != SLOT_READY) continue;
        const ep_unit u = step_of(t, s)->unit;
        if (t->units[u].slot || lets_older_go_first(t, s, u)) continue;
        if (!first[u] || is_before(s, first[u])) first[u] = s;
    }
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        slot *s = first[u];
        if (!s) continue;
        const ep_step *step = step_of(t, s);
        t->units[u] = (running){.slot = s,
                                .step = step,
                                .ns = step->ns,
                                .end_ns = t->now_ns + step->ns,
                                .alone_gbps = step->ns > 0 ? step->dram_bytes / step->ns : 0};
        s->state = SLOT_RUNNING;
        s->since_ns = t->now_ns;
        t->is_stale = true;
    }
}

static void end_batch(timeline *t, slot *s)
{
    use_state *use = &t->uses[s->order];
    s->state = SLOT_FREE;
    ep__queue *queue = &t->queues[use->use->source];
    ep__queue_done(queue, s->first_image, s->n_images, t->now_ns);
    if (t->now_ns < t->options->warm_ns) return;
    const int64_t images = use->source->arrival == EP_ALWAYS ? use->use->task->batch : s->n_images;
    if (use->n_batches++ == 0) {
        use->first_end_ns = t->now_ns;
        use->first_images = images;
    }
    use->images += images;
    use->last_end_ns = t->now_ns;
    use->latency_ns += t->now_ns - s->begin_ns;
}

static void end_step(timeline *t, slot *s, ep_unit unit)
{
    const use_state *use = &t->uses[s->order];
    const ep_observer *observer = t->options->observer;
    if (observer && observer->span) {
        const ep_span span = {.use = use->index,
                              .frame = s->frame,
                              .step = s->step,
                              .unit = unit,
                              .start_ns = s->since_ns,
                              .end_ns = t->now_ns};
        observer->span(observer->context, &span);
    }
    s->keeps_unit = step_of(t, s)->keeps_unit;
    if (++s->step < use->use->task->n_steps) {
        make_ready(t, s);
    } else {
        end_batch(t, s);
    }
}

static void end_steps(timeline *t)
{
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        running *unit = &t->units[u];
        if (!unit->slot || unit->end_ns > t->now_ns) continue;
        slot *s = unit->slot;
        *unit = (running){0};
        t->is_stale = true;
        end_step(t, s, (ep_unit)u);
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        slot *s = &t->slots[i];
        if (s->state == SLOT_SUBMITTING && s->end_ns <= t->now_ns) end_step(t, s, EP_UNIT_HOST);
    }
}

/* ---- time ---------------------------------------------------------------------------------- */

static double next_event(const timeline *t)
{
    double next = INFINITY;
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        if (t->units[u].slot) next = fmin(next, t->units[u].end_ns);
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (t->slots[i].state == SLOT_SUBMITTING) next = fmin(next, t->slots[i].end_ns);
    }
    for (uint32_t q = 0; q < t->options->n_sources; q++) {
        next = fmin(next, ep__queue_next_ns(&t->queues[q]));
    }
    if (isinf(next)) return next; /* all is done */
    if (t->now_ns < t->options->warm_ns) next = fmin(next, t->options->warm_ns);
    return next;
}

/* Adds up what the units did since the last event. */
static void advance(timeline *t, double to_ns)
{
    const double ns = to_ns - t->now_ns;
    assert(ns >= 0);
    if (t->now_ns >= t->options->warm_ns) {
        ep_timeline *out = t->out;
        for (int u = 0; u < EP_UNIT_COUNT; u++) {
            const running *unit = &t->units[u];
            if (!unit->slot) continue;
            out->busy_ns[u] += ns;
            out->dram_bytes += unit->used_gbps * ns;
            out->watts.gpu += unit->watts.gpu * ns; /* nJ, until the end */
            out->watts.dla += unit->watts.dla * ns;
            out->watts.dram += unit->watts.dram * ns;
        }
        const double dram_pj = t->point->machine->energy.dram_byte_pj;
        out->dram_bytes += t->cpu_gbps * ns;
        out->watts.dram += t->cpu_gbps * ns * dram_pj * 1e-3;
        if (t->is_limited) out->dram_limited_ns += ns;
    }
    t->now_ns = to_ns;
}

static void run_events(timeline *t)
{
    const double end_ns = t->options->end_ns;
    for (;; t->out->n_events++) {
        for (uint32_t q = 0; q < t->options->n_sources; q++) {
            ep__queue_ask(&t->queues[q], t->now_ns);
        }
        begin_batches(t);
        begin_steps(t);
        if (t->is_stale) {
            share_memory(t);
            show_level(t);
            t->is_stale = false;
        }
        const double next = next_event(t);
        if (next >= end_ns) {
            if (isfinite(end_ns)) advance(t, end_ns);
            return;
        }
        advance(t, next);
        end_steps(t);
    }
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status make_room(timeline *t, ep_arena *arena, ep_error *err)
{
    const ep_timeline_options *o = t->options;
    uint64_t n_slots = 0;
    for (uint32_t u = 0; u < o->n_uses; u++) {
        assert(o->uses[u].in_flight >= 1 && o->uses[u].task->point == o->point);
        n_slots += o->uses[u].in_flight;
    }
    EP_FAIL_IF(n_slots > 1 << 20, err, EP_UNSUPPORTED, "more than a million batches in flight");
    t->uses = EP_NEW(arena, use_state, o->n_uses);
    t->queues = EP_NEW(arena, ep__queue, o->n_sources);
    t->slots = EP_NEW(arena, slot, n_slots);
    if (!t->uses || !t->queues || !t->slots) return ep_fail_memory(err);
    for (uint32_t u = 0; u < o->n_uses; u++) {
        t->uses[u] =
            (use_state){.use = &o->uses[u], .source = &o->sources[o->uses[u].source], .index = u};
    }
    qsort(t->uses, o->n_uses, sizeof *t->uses, by_content);
    for (uint32_t u = 0; u < o->n_uses; u++) {
        t->uses[u].slots = &t->slots[t->n_slots];
        for (uint32_t i = 0; i < t->uses[u].use->in_flight; i++) t->slots[t->n_slots++].order = u;
    }
    for (uint32_t q = 0; q < o->n_sources; q++) {
        EP_TRY(ep__queue_make(o, q, arena, &t->queues[q], err));
    }
    return EP_OK;
}

static ep_use_result result_of(const use_state *use, double window_ns)
{
    ep_use_result result = {.n_batches = use->n_batches};
    if (use->n_batches == 0) return result;
    result.latency_ns = use->latency_ns / use->n_batches;
    const double between_ns = use->last_end_ns - use->first_end_ns;
    result.images_per_s = use->n_batches > 1 && between_ns > 0
                              ? (double)(use->images - use->first_images) * 1e9 / between_ns
                              : (double)use->images * 1e9 / window_ns;
    return result;
}

ep_status ep_sim_timeline(const ep_timeline_options *options, ep_arena *arena, ep_timeline *out,
                          ep_error *err)
{
    timeline t = {.options = options, .point = options->point, .out = out, .is_stale = true};
    *out = (ep_timeline){0};
    EP_TRY(make_room(&t, arena, err));
    ep_source_result *sources = EP_NEW(arena, ep_source_result, options->n_sources);
    ep_use_result *uses = EP_NEW(arena, ep_use_result, options->n_uses);
    if (!sources || !uses) return ep_fail_memory(err);
    run_events(&t);
    out->start_ns = fmin(options->warm_ns, t.now_ns);
    out->end_ns = t.now_ns;
    const double window_ns = out->end_ns - out->start_ns;
    if (window_ns > 0) {
        out->watts.gpu /= window_ns;
        out->watts.dla /= window_ns;
        out->watts.dram /= window_ns;
    }
    for (uint32_t q = 0; q < options->n_sources; q++) {
        sources[q] = ep__queue_result(&t.queues[q], out->end_ns);
    }
    for (uint32_t u = 0; u < options->n_uses; u++) {
        uses[t.uses[u].index] = result_of(&t.uses[u], window_ns);
    }
    out->sources = sources;
    out->uses = uses;
    return EP_OK;
}
