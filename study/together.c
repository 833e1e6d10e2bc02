/* Tasks at the same time, as measurements have them. */
#include <math.h>

#include "study/study_internal.h"

/* While an engine computes, its next batch is copied and submitted. */
enum { IN_FLIGHT = 2 };

/* Batches of the slowest task: until queues are full, and then for the figures. */
enum { WARM_BATCHES = 3, BATCHES = 12 };

static ep_status run(ep_timeline_options *options, const ep_source *source,
                     const ep_task *const *tasks, uint32_t n, ep_arena *arena, ep_timeline *out,
                     ep_error *err)
{
    ep_source *sources = EP_NEW(arena, ep_source, n);
    ep_engine_use *uses = EP_NEW(arena, ep_engine_use, n);
    if (!sources || !uses) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        sources[i] = *source;
        sources[i].name = tasks[i]->name;
        uses[i] = (ep_engine_use){.source = i, .task = tasks[i], .in_flight = IN_FLIGHT};
    }
    options->point = tasks[0]->point;
    options->n_sources = options->n_uses = n;
    options->sources = sources;
    options->uses = uses;
    return ep_sim_timeline(options, arena, out, err);
}

ep_status ep__steady(const ep_task *const *tasks, uint32_t n, ep_arena *arena, ep_timeline *out,
                     ep_error *err)
{
    double slowest_ns = 0;
    for (uint32_t i = 0; i < n; i++) slowest_ns = fmax(slowest_ns, tasks[i]->ns);
    const ep_source source = {.arrival = EP_ALWAYS};
    ep_timeline_options options = {.warm_ns = WARM_BATCHES * slowest_ns,
                                   .end_ns = (WARM_BATCHES + BATCHES) * slowest_ns};
    return run(&options, &source, tasks, n, arena, out, err);
}

ep_status ep__makespan(const ep_task *const *tasks, uint32_t n, ep_arena *arena, double *ns,
                       ep_error *err)
{
    static const double begin_ns[] = {0};
    const ep_source source = {.arrival = EP_AT, .images = 1, .n_at = 1, .at_ns = begin_ns};
    ep_timeline_options options = {.end_ns = INFINITY};
    ep_timeline out;
    EP_TRY(run(&options, &source, tasks, n, arena, &out, err));
    *ns = out.end_ns;
    return EP_OK;
}
