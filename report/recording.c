#include "report/recording.h"

#include <math.h>
#include <stdlib.h>

static void keep_span(void *context, const ep_span *span)
{
    ep_recording *r = context;
    if (r->failed || span->end_ns <= r->from_ns || span->start_ns >= r->to_ns) return;
    if (ep_grow((void **)&r->spans, &r->room_spans, (uint64_t)r->n_spans + 1, sizeof *r->spans,
                NULL) != EP_OK) {
        r->failed = true;
        return;
    }
    r->spans[r->n_spans++] = *span;
}

static void keep_level(void *context, const ep_level *level)
{
    ep_recording *r = context;
    if (r->failed || level->now_ns >= r->to_ns) return;
    /* of those up to the begin, only the last holds then */
    if (level->now_ns <= r->from_ns) r->n_levels = 0;
    if (ep_grow((void **)&r->levels, &r->room_levels, (uint64_t)r->n_levels + 1, sizeof *r->levels,
                NULL) != EP_OK) {
        r->failed = true;
        return;
    }
    r->levels[r->n_levels] = *level;
    r->levels[r->n_levels].now_ns = fmax(level->now_ns, r->from_ns);
    r->n_levels++;
}

ep_observer ep_recording_observer(ep_recording *recording)
{
    return (ep_observer){.context = recording, .span = keep_span, .level = keep_level};
}

void ep_recording_free(ep_recording *recording)
{
    free(recording->spans);
    free(recording->levels);
    *recording = (ep_recording){0};
}

void ep_recording_window(const ep_workload *workload, const ep_workload_run *run, double *from_ns,
                         double *to_ns)
{
    static const double longest_hyper_ns = 0.2e9;
    double slowest_ns = 0;
    for (uint32_t i = 0; i < workload->n_lanes; i++) {
        slowest_ns = fmax(slowest_ns, run->tasks[i].ns);
    }
    double length_ns = 2 * slowest_ns;
    if (run->hyper_ns > 0 && run->hyper_ns <= longest_hyper_ns) length_ns = run->hyper_ns;
    if (workload->scenario == EP_SCENARIO_ONCE) length_ns = INFINITY;
    *from_ns = run->timeline.start_ns;
    *to_ns = fmin(run->timeline.end_ns, *from_ns + length_ns);
}

const char *ep__step_name(const ep_recording *recording, const ep_span *span)
{
    const ep_task *task = &recording->tasks[span->use];
    const ep_step *step = &task->steps[span->step];
    if (step->kernel != EP_NO_INDEX) return task->plan->kernels[step->kernel].name;
    return step->unit == EP_UNIT_COPY ? "copy" : "submit";
}

const char *ep__step_kind(const ep_recording *recording, const ep_span *span)
{
    const ep_task *task = &recording->tasks[span->use];
    const ep_step *step = &task->steps[span->step];
    if (step->kernel == EP_NO_INDEX) return step->unit == EP_UNIT_COPY ? "copy" : "submission";
    const bool reformat = task->plan->kernels[step->kernel].kind == EP_KERNEL_REFORMAT;
    return reformat ? "reformat" : "kernel";
}

bool ep__unit_is_used(const ep_recording *recording, ep_unit unit)
{
    uint32_t i = 0;
    while (i < recording->n_spans && recording->spans[i].unit != unit) i++;
    return i < recording->n_spans;
}

double ep__level_gbps(const ep_level *level)
{
    double gbps = level->cpu_gbps;
    for (int u = 0; u < EP_UNIT_COUNT; u++) gbps += level->used_gbps[u];
    return gbps;
}

double ep__level_w(const ep_recording *recording, const ep_level *level)
{
    const ep_machine *machine = recording->point->machine;
    double w = level->watts.gpu + level->watts.dla + level->watts.dram + level->watts.cpu;
    w += level->cpu_gbps * machine->energy.dram_byte_pj * 1e-3;
    for (uint32_t r = 0; r < machine->n_rails; r++) w += machine->rails[r].idle_w;
    return w;
}
