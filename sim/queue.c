#include "sim/queue.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* More would take minutes, and gigabytes. */
static const double most_queries = 2e7;

/* The most batches that an engine can begin: none is faster than at zero load. */
static double batches_of(const ep_engine_use *use, double end_ns)
{
    return use->in_flight * (end_ns / use->task->ns + 2);
}

static double room_of(const ep_timeline_options *options, uint32_t index)
{
    const ep_source *source = &options->sources[index];
    if (source->arrival == EP_AT) return source->n_at;
    if (source->arrival == EP_PERIODIC) {
        return floor(fmax(0, options->end_ns - source->offset_ns) / source->period_ns) + 1;
    }
    double batches = 1;
    for (uint32_t u = 0; u < options->n_uses; u++) {
        if (options->uses[u].source == index) {
            batches += batches_of(&options->uses[u], options->end_ns);
        }
    }
    return batches;
}

ep_status ep__queue_make(const ep_timeline_options *options, uint32_t index, ep_arena *arena,
                         ep__queue *out, ep_error *err)
{
    const ep_source *source = &options->sources[index];
    const double room = room_of(options, index);
    EP_FAIL_IF(!(room <= most_queries), err, EP_UNSUPPORTED,
               "%s: %.3g queries in %.3g s are more than %.3g", source->name, room,
               options->end_ns * 1e-9, most_queries);
    const bool always = source->arrival == EP_ALWAYS;
    *out = (ep__queue){.source = source,
                       .warm_ns = options->warm_ns,
                       .per = always ? 1 : source->images,
                       .room = (uint32_t)room};
    assert(out->per >= 1);
    out->asked_ns = EP_NEW(arena, double, out->room);
    out->left = EP_NEW(arena, int64_t, out->room);
    out->latency_ns = EP_NEW(arena, double, out->room);
    const bool complete = out->asked_ns && out->left && out->latency_ns;
    return complete ? EP_OK : ep_fail_memory(err);
}

double ep__queue_next_ns(const ep__queue *queue)
{
    const ep_source *source = queue->source;
    const uint32_t next = queue->n_asked;
    if (next == queue->room) return INFINITY;
    if (source->arrival == EP_AT) return source->at_ns[next];
    if (source->arrival == EP_PERIODIC) return source->offset_ns + next * source->period_ns;
    return INFINITY;
}

static void ask(ep__queue *queue, double at_ns)
{
    assert(queue->n_asked < queue->room);
    queue->asked_ns[queue->n_asked] = at_ns;
    queue->left[queue->n_asked] = queue->per;
    queue->n_asked++;
}

void ep__queue_ask(ep__queue *queue, double now_ns)
{
    while (ep__queue_next_ns(queue) <= now_ns) ask(queue, ep__queue_next_ns(queue));
    const bool closed = queue->source->arrival == EP_CLOSED;
    if (closed && queue->n_done == queue->n_asked && queue->n_asked < queue->room) {
        ask(queue, now_ns);
    }
}

int64_t ep__queue_take(ep__queue *queue, int64_t most, double now_ns, uint64_t *first)
{
    if (queue->source->arrival == EP_ALWAYS) {
        if (queue->n_asked == queue->room) return 0;
        ask(queue, now_ns);
        most = 1;
    }
    const uint64_t waiting = queue->n_asked * (uint64_t)queue->per - queue->taken;
    const uint64_t n = ep_min_u64(waiting, (uint64_t)most);
    *first = queue->taken;
    queue->taken += n;
    return (int64_t)n;
}

static void answer(ep__queue *queue, uint64_t query, double now_ns)
{
    queue->n_done++;
    const double asked_ns = queue->asked_ns[query], latency_ns = now_ns - asked_ns;
    const double deadline_ns = queue->source->deadline_ns;
    if (asked_ns < queue->warm_ns) return;
    queue->latency_ns[queue->n_latencies++] = latency_ns;
    queue->n_late += deadline_ns > 0 && latency_ns > deadline_ns;
}

void ep__queue_done(ep__queue *queue, uint64_t first, int64_t n, double now_ns)
{
    const uint64_t per = (uint64_t)queue->per, end = first + (uint64_t)n;
    while (first < end) {
        const uint64_t query = first / per;
        const uint64_t here = ep_min_u64(end, (query + 1) * per) - first;
        queue->left[query] -= (int64_t)here;
        assert(queue->left[query] >= 0);
        if (queue->left[query] == 0) answer(queue, query, now_ns);
        first += here;
    }
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

ep_source_result ep__queue_result(ep__queue *queue, double end_ns)
{
    const double deadline_ns = queue->source->deadline_ns;
    ep_source_result result = {
        .n_answered = queue->n_latencies, .latency_ns = queue->latency_ns, .n_late = queue->n_late};
    for (uint32_t q = 0; q < queue->n_asked; q++) {
        if (queue->asked_ns[q] < queue->warm_ns) continue;
        result.n_asked++;
        if (queue->left[q] == 0 || deadline_ns <= 0) continue;
        result.n_late += queue->asked_ns[q] + deadline_ns < end_ns;
    }
    qsort(queue->latency_ns, queue->n_latencies, sizeof *queue->latency_ns, ascending);
    return result;
}

double ep_percentile(const double *ascending_values, uint32_t n, double percent)
{
    if (n == 0) return NAN;
    const double rank = ceil(percent / 100 * n - 1e-9);
    return ascending_values[rank < 1 ? 0 : rank > n ? n - 1 : (uint32_t)rank - 1];
}
