/* A timeline from its options to its figures. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim_internal.h"
#include "sim/timeline.h"

/* ---- order --------------------------------------------------------------------------------- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* Among equals in time, who comes first: by what they are, not by how the caller numbers them. */
static int by_content(const void *a, const void *b)
{
    const ep__use *x = a, *y = b;
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

/* ---- all together -------------------------------------------------------------------------- */

static ep_status make_room(ep__timeline *t, ep_arena *arena, ep_error *err)
{
    const ep_timeline_options *o = t->options;
    uint64_t n_slots = 0;
    for (uint32_t u = 0; u < o->n_uses; u++) {
        assert(o->uses[u].in_flight >= 1 && o->uses[u].task->point == o->point);
        n_slots += o->uses[u].in_flight;
    }
    EP_FAIL_IF(n_slots > 1 << 20, err, EP_UNSUPPORTED, "more than a million batches in flight");
    t->uses = EP_NEW(arena, ep__use, o->n_uses);
    t->queues = EP_NEW(arena, ep__queue, o->n_sources);
    t->slots = EP_NEW(arena, ep__slot, n_slots);
    if (!t->uses || !t->queues || !t->slots) return ep_fail_memory(err);
    for (uint32_t u = 0; u < o->n_uses; u++) {
        t->uses[u] =
            (ep__use){.use = &o->uses[u], .source = &o->sources[o->uses[u].source], .index = u};
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

static ep_use_result result_of(const ep__use *use, double window_ns)
{
    ep_use_result result = {.n_batches = use->n_batches};
    if (use->n_batches == 0) return result;
    result.latency_ns = use->latency_ns / use->n_batches;
    const double between_ns = use->last_end_ns - use->first_end_ns;
    const bool endless = use->source->arrival == EP_ALWAYS || use->source->arrival == EP_CLOSED;
    result.images_per_s = endless && use->n_batches > 1 && between_ns > 0
                              ? (double)(use->images - use->first_images) * 1e9 / between_ns
                              : (double)use->images * 1e9 / window_ns;
    return result;
}

ep_status ep_sim_timeline(const ep_timeline_options *options, ep_arena *arena, ep_timeline *out,
                          ep_error *err)
{
    ep__timeline t = {.options = options, .point = options->point, .out = out, .is_stale = true};
    *out = (ep_timeline){0};
    EP_TRY(make_room(&t, arena, err));
    ep_source_result *sources = EP_NEW(arena, ep_source_result, options->n_sources);
    ep_use_result *uses = EP_NEW(arena, ep_use_result, options->n_uses);
    if (!sources || !uses) return ep_fail_memory(err);
    ep__timeline_events(&t);
    out->start_ns = fmin(options->warm_ns, t.now_ns);
    out->end_ns = t.now_ns;
    const double window_ns = out->end_ns - out->start_ns;
    if (window_ns > 0) {
        const ep_watts nj = out->watts;
        out->watts = (ep_watts){0};
        ep__add_watts(&out->watts, &nj, 1 / window_ns);
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
