/* Chrome's trace format ("Trace Event Format", JSON object form), as Perfetto and chrome://tracing
 * read it: complete events, counters, and metadata that names the tracks. Times are microseconds.
 */
#include "report/json.h"
#include "report/recording.h"

/* Submissions of different networks overlap: each use has a track for them. */
enum { PROCESS = 1, FIRST_SUBMIT_TRACK = 16 };

static uint32_t track_of(const ep_span *span)
{
    return span->unit == EP_UNIT_HOST ? FIRST_SUBMIT_TRACK + span->use : (uint32_t)span->unit;
}

static void microseconds(ep_text *out, const char *key, double ns)
{
    ep_text_printf(out, ",\"%s\":%.3f", key, ns * 1e-3); /* six digits are too few for a time */
}

static void begin_event(ep_text *out, const char *name, const char *phase, uint32_t track)
{
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "name", name);
    ep__json_text(out, "ph", phase);
    ep__json_integer(out, "pid", PROCESS);
    ep__json_integer(out, "tid", track);
}

/* Events are on lines of their own, so the comma must be written by hand. */
static void next_event(ep_text *out, bool *is_first)
{
    if (!*is_first) ep_text_append(out, ",\n", 2);
    *is_first = false;
}

static void name_track(ep_text *out, bool *is_first, const char *what, uint32_t track,
                       const char *prefix, const char *name)
{
    ep_text whole = {0};
    ep_text_printf(&whole, "%s%s", prefix, name);
    next_event(out, is_first);
    begin_event(out, what, "M", track);
    ep__json_open(out, "args", '{');
    ep__json_text(out, "name", ep_text_cstr(&whole));
    ep__json_close(out, '}');
    ep__json_close(out, '}');
    ep_text_free(&whole);
}

static void name_tracks(const ep_recording *r, ep_text *out, bool *is_first)
{
    name_track(out, is_first, "process_name", 0, "", r->point->machine->title);
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        if (!ep__unit_is_used(r, (ep_unit)u)) continue;
        name_track(out, is_first, "thread_name", (uint32_t)u, "", ep_unit_name((ep_unit)u));
    }
    for (uint32_t l = 0; l < r->workload->n_lanes; l++) {
        if (!ep_device_is_dla(r->workload->lanes[l].device)) continue;
        name_track(out, is_first, "thread_name", FIRST_SUBMIT_TRACK + l, "submissions of ",
                   r->workload->lanes[l].name);
    }
}

static void write_span(const ep_recording *r, const ep_span *span, ep_text *out, bool *is_first)
{
    const ep_step *step = &r->tasks[span->use].steps[span->step];
    next_event(out, is_first);
    begin_event(out, ep__step_name(r, span), "X", track_of(span));
    ep__json_text(out, "cat", ep__step_kind(r, span));
    microseconds(out, "ts", span->start_ns - r->from_ns);
    microseconds(out, "dur", span->end_ns - span->start_ns);
    ep__json_open(out, "args", '{');
    ep__json_text(out, "network", r->workload->lanes[span->use].name);
    ep__json_integer(out, "frame", span->frame);
    ep__json_number(out, "alone_us", step->ns / 1e3);
    ep__json_number(out, "dram_bytes", step->dram_bytes);
    ep__json_close(out, '}');
    ep__json_close(out, '}');
}

static void write_counter(const ep_recording *r, const ep_level *level, ep_text *out,
                          bool *is_first)
{
    next_event(out, is_first);
    begin_event(out, "DRAM GB/s", "C", 0);
    microseconds(out, "ts", level->now_ns - r->from_ns);
    ep__json_open(out, "args", '{');
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        ep__json_number(out, ep_unit_name((ep_unit)u), level->used_gbps[u]);
    }
    if (r->workload->cpu_gbps > 0) ep__json_number(out, "cpu", level->cpu_gbps);
    ep__json_close(out, '}');
    ep__json_close(out, '}');
    next_event(out, is_first);
    begin_event(out, "power W", "C", 0);
    microseconds(out, "ts", level->now_ns - r->from_ns);
    ep__json_open(out, "args", '{');
    ep__json_number(out, "module", ep__level_w(r, level));
    ep__json_close(out, '}');
    ep__json_close(out, '}');
}

ep_status ep_report_trace(const ep_recording *recording, ep_text *out, ep_error *err)
{
    if (recording->failed) return ep_fail_memory(err);
    bool is_first = true;
    ep_text_printf(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    name_tracks(recording, out, &is_first);
    for (uint32_t i = 0; i < recording->n_spans; i++) {
        write_span(recording, &recording->spans[i], out, &is_first);
    }
    for (uint32_t i = 0; i < recording->n_levels; i++) {
        write_counter(recording, &recording->levels[i], out, &is_first);
    }
    ep_text_printf(out, "\n]}\n");
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
