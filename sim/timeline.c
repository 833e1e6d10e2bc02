/* Plans at the same time, event by event.
 *
 * A batch sits in a slot of its engine and goes through the steps of its task. A step waits until
 * its unit is free and nobody who became ready earlier wants it; while it runs, its end moves
 * whenever the memory is shared anew. An event is the end of a step or of a submission, a query
 * that is asked, or the begin of the window.
 */
#include <assert.h>
#include <math.h>

#include "sim/sim_internal.h"
#include "sim/timeline.h"

/* ---- memory -------------------------------------------------------------------------------- */

static void set_share(ep__timeline *t, ep__running *unit, const ep__client *client)
{
    unit->used_gbps = client->used_gbps;
    if (client->ns != unit->ns) {
        unit->end_ns = t->now_ns + (unit->end_ns - t->now_ns) / unit->ns * client->ns;
        unit->ns = client->ns;
    }
    unit->watts = unit->ns == unit->step->ns ? unit->step->watts
                                             : ep__step_watts(unit->step, t->point, unit->ns);
}

static void share_memory(ep__timeline *t)
{
    ep__client clients[EP_UNIT_COUNT + 1];
    ep__running *units[EP_UNIT_COUNT];
    uint32_t n = 0;
    double alone = 0, used = 0;
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        ep__running *unit = &t->units[u];
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

static void show_level(const ep__timeline *t)
{
    const ep_observer *observer = t->options->observer;
    if (!observer || !observer->level) return;
    ep_level level = {
        .now_ns = t->now_ns, .capacity_gbps = t->capacity_gbps, .cpu_gbps = t->cpu_gbps};
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        const ep__running *unit = &t->units[u];
        if (!unit->slot) continue;
        level.used_gbps[u] = unit->used_gbps;
        level.alone_gbps[u] = unit->alone_gbps;
        ep__add_watts(&level.watts, &unit->watts, 1);
    }
    observer->level(observer->context, &level);
}

/* ---- steps --------------------------------------------------------------------------------- */

static const ep_step *step_of(const ep__timeline *t, const ep__slot *s)
{
    return &t->uses[s->order].use->task->steps[s->step];
}

/* The slot is at a step that it may begin. */
static void make_ready(ep__timeline *t, ep__slot *s)
{
    const ep_step *step = step_of(t, s);
    s->since_ns = t->now_ns;
    s->state = step->unit == EP_UNIT_HOST ? EP__SLOT_SUBMITTING : EP__SLOT_READY;
    s->end_ns = t->now_ns + step->ns;
}

static bool begin_batch(ep__timeline *t, ep__use *use)
{
    ep__slot *s = use->slots;
    while (s->state != EP__SLOT_FREE) s++;
    ep__queue *queue = &t->queues[use->use->source];
    s->n_images = ep__queue_take(queue, use->use->task->batch, t->now_ns, &s->first_image);
    if (s->n_images == 0) return false;
    s->frame = use->n_begun++;
    s->step = 0;
    s->begin_ns = t->now_ns;
    use->n_in_flight++;
    make_ready(t, s);
    return true;
}

/* Of engines that serve the same source, who has least to do takes first; then who comes first in
 * the order of uses. */
static void begin_batches(ep__timeline *t)
{
    uint32_t waiting = 0; /* uses that may take more */
    for (uint32_t depth = 0; depth == 0 || waiting > 0; depth++) {
        waiting = 0;
        for (uint32_t u = 0; u < t->options->n_uses; u++) {
            ep__use *use = &t->uses[u];
            if (use->n_in_flight == use->use->in_flight) continue;
            if (use->n_in_flight <= depth && !begin_batch(t, use)) continue;
            waiting += use->n_in_flight < use->use->in_flight;
        }
    }
}

/* Does `a` go before `b` on a unit that both want? */
static bool is_before(const ep__slot *a, const ep__slot *b)
{
    if (a->keeps_unit != b->keeps_unit) return a->keeps_unit;
    if (a->since_ns != b->since_ns) return a->since_ns < b->since_ns;
    return a->order != b->order ? a->order < b->order : a->frame < b->frame;
}

/* Batches of one use go in their order: does an older one want that unit too? */
static bool lets_older_go_first(const ep__timeline *t, const ep__slot *s, ep_unit unit)
{
    const ep__use *use = &t->uses[s->order];
    for (uint32_t i = 0; i < use->use->in_flight && !s->keeps_unit; i++) {
        const ep__slot *other = &use->slots[i];
        if (other->state == EP__SLOT_READY && other->frame < s->frame &&
            step_of(t, other)->unit == unit) {
            return true;
        }
    }
    return false;
}

/* Idle units take the step that has been ready for longest. */
static void begin_steps(ep__timeline *t)
{
    ep__slot *first[EP_UNIT_COUNT] = {NULL};
    for (uint32_t i = 0; i < t->n_slots; i++) {
        ep__slot *s = &t->slots[i];
        if (s->state != EP__SLOT_READY) continue;
        const ep_unit u = step_of(t, s)->unit;
        if (t->units[u].slot || lets_older_go_first(t, s, u)) continue;
        if (!first[u] || is_before(s, first[u])) first[u] = s;
    }
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        ep__slot *s = first[u];
        if (!s) continue;
        const ep_step *step = step_of(t, s);
        t->units[u] = (ep__running){.slot = s,
                                    .step = step,
                                    .ns = step->ns,
                                    .end_ns = t->now_ns + step->ns,
                                    .alone_gbps = step->ns > 0 ? step->dram_bytes / step->ns : 0};
        s->state = EP__SLOT_RUNNING;
        s->since_ns = t->now_ns;
        t->is_stale = true;
    }
}

static void end_batch(ep__timeline *t, ep__slot *s)
{
    ep__use *use = &t->uses[s->order];
    s->state = EP__SLOT_FREE;
    use->n_in_flight--;
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

static void end_step(ep__timeline *t, ep__slot *s, ep_unit unit)
{
    const ep__use *use = &t->uses[s->order];
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

static void end_steps(ep__timeline *t)
{
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        ep__running *unit = &t->units[u];
        if (!unit->slot || unit->end_ns > t->now_ns) continue;
        ep__slot *s = unit->slot;
        *unit = (ep__running){0};
        t->is_stale = true;
        end_step(t, s, (ep_unit)u);
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        ep__slot *s = &t->slots[i];
        if (s->state == EP__SLOT_SUBMITTING && s->end_ns <= t->now_ns) end_step(t, s, EP_UNIT_HOST);
    }
}

/* ---- time ---------------------------------------------------------------------------------- */

static double next_event(const ep__timeline *t)
{
    double next = INFINITY;
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        if (t->units[u].slot) next = fmin(next, t->units[u].end_ns);
    }
    for (uint32_t i = 0; i < t->n_slots; i++) {
        if (t->slots[i].state == EP__SLOT_SUBMITTING) next = fmin(next, t->slots[i].end_ns);
    }
    for (uint32_t q = 0; q < t->options->n_sources; q++) {
        next = fmin(next, ep__queue_next_ns(&t->queues[q]));
    }
    if (isinf(next)) return next; /* all is done */
    if (t->now_ns < t->options->warm_ns) next = fmin(next, t->options->warm_ns);
    return next;
}

/* Adds up what the units did since the last event. */
static void advance(ep__timeline *t, double to_ns)
{
    const double ns = to_ns - t->now_ns;
    assert(ns >= 0);
    if (t->now_ns >= t->options->warm_ns) {
        ep_timeline *out = t->out;
        for (int u = 0; u < EP_UNIT_COUNT; u++) {
            const ep__running *unit = &t->units[u];
            if (!unit->slot) continue;
            out->busy_ns[u] += ns;
            out->dram_bytes += unit->used_gbps * ns;
            ep__add_watts(&out->watts, &unit->watts, ns); /* nJ, until the end */
        }
        const double dram_pj = t->point->machine->energy.dram_byte_pj;
        out->dram_bytes += t->cpu_gbps * ns;
        out->watts.dram += t->cpu_gbps * ns * dram_pj * 1e-3;
        if (t->is_limited) out->dram_limited_ns += ns;
    }
    t->now_ns = to_ns;
}

void ep__timeline_events(ep__timeline *t)
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
