#include "cli/workload.h"

#include <string.h>

#include "cli/workload_job.h"

/* MLPerf's Offline keeps the next batch ready; an application does one frame after the other. */
enum { STREAM_IN_FLIGHT = 2 };

/* ---- options ------------------------------------------------------------------------------- */

ep_status ep__workload_check(const ep__workload_request *r, ep_error *err)
{
    uint32_t scenario = EP_SCENARIO_OFFLINE;
    if (r->scenario) {
        EP_TRY(ep__parse_choice("--scenario", r->scenario, ep_scenario_name, &scenario, err));
    }
    EP_FAIL_IF(r->models.n && (r->streams || r->scenario), err, EP_BAD_USAGE,
               "--model is about several networks, --streams and --scenario are about one");
    EP_FAIL_IF(r->models.n && r->model, err, EP_BAD_USAGE,
               "'%s' is too much: --model names the networks", r->model);
    EP_FAIL_IF(!r->models.n && !r->model, err, EP_BAD_USAGE,
               "MODEL.onnx is missing; 'plan --help' says how");
    EP_FAIL_IF(r->models.n > EP__MOST_SPECS, err, EP_BAD_USAGE, "more than %d times --model",
               (int)EP__MOST_SPECS);
    EP_TRY(ep__together_check(r, err));
    const bool server = scenario == EP_SCENARIO_SERVER;
    EP_FAIL_IF((r->rate || r->latency_ms) && !server, err, EP_BAD_USAGE,
               "--rate and --latency-ms are for --scenario Server");
    EP_FAIL_IF(server && !r->rate && !r->latency_ms, err, EP_BAD_USAGE,
               "--scenario Server needs --latency-ms, the bound of the 99th percentile, or --rate");
    return EP_OK;
}

/* Numbers of the workload. */
static ep_status read_numbers(ep__workload_job *j, ep_error *err)
{
    const ep__workload_request *r = j->request;
    ep_workload *w = &j->workload;
    double latency_ms = 0;
    if (r->rate) EP_TRY(ep__parse_number("--rate", r->rate, 1e-3, 1e7, &w->rate, err));
    if (r->latency_ms) {
        EP_TRY(ep__parse_number("--latency-ms", r->latency_ms, 1e-3, 1e7, &latency_ms, err));
    }
    if (r->cpu_gbps) {
        EP_TRY(ep__parse_number("--cpu-gbps", r->cpu_gbps, 0, 1e5, &w->cpu_gbps, err));
    }
    w->bound_ns = latency_ms * 1e6;
    w->copies = r->copies;
    return EP_OK;
}

static ep_status read_specs(ep__workload_job *j, ep_error *err)
{
    const ep__workload_request *r = j->request;
    const bool networks = r->models.n > 0;
    for (uint32_t i = 0; i < EP__MOST_SPECS; i++) {
        j->specs[i] = (ep__lane_spec){.path = r->model,
                                      .batch = r->model_options.batch,
                                      .precision = r->plan_options.precision,
                                      .count = 1,
                                      .in_flight = networks ? 1 : STREAM_IN_FLIGHT};
    }
    if (networks) {
        j->workload.scenario = EP_SCENARIO_NETWORKS;
        j->n_specs = r->models.n;
        for (uint32_t i = 0; i < j->n_specs; i++) {
            EP_TRY(ep__lane_parse(r->models.at[i], j->arena, &j->specs[i], err));
            j->chooses |= !j->specs[i].has_device;
        }
        j->chooses |= r->objective != NULL;
        return EP_OK;
    }
    j->chooses = ep__together_is_auto(r);
    if (j->chooses) return EP_OK;
    uint32_t scenario = EP_SCENARIO_OFFLINE;
    if (r->scenario) {
        EP_TRY(ep__parse_choice("--scenario", r->scenario, ep_scenario_name, &scenario, err));
    }
    j->workload.scenario = (ep_scenario)scenario;
    return ep__streams_parse(r->streams ? r->streams : "gpu", r->model_options.batch, j->arena,
                             j->specs, &j->n_specs, err);
}

/* ---- plans --------------------------------------------------------------------------------- */

/* Networks load in the order in which they are named: loadables of one are not there for the next.
 */
static ep_status plan_spec(ep__workload_job *j, uint32_t i, uint32_t loadables[2], ep_error *err)
{
    const ep__lane_spec *spec = &j->specs[i];
    const ep__workload_request *r = j->request;
    ep__model_options model_options = r->model_options;
    model_options.batch = spec->batch;
    EP_TRY(ep__model_load(spec->path, &model_options, &j->models[i], err));
    ep_plan_options options = r->plan_options;
    options.precision = spec->precision;
    if (!spec->has_device) {
        return ep_ways_make(j->models[i].layers, r->machine, &options, true, &j->ways[i], err);
    }
    EP_TRY(ep_lane_plan(j->models[i].layers, r->machine, spec->device, &options, loadables,
                        &j->planned[i], err));
    loadables[spec->device == EP_DLA1] += j->planned[i]->plan.n_subgraphs * (uint32_t)spec->count;
    return EP_OK;
}

/* "yolov8s", or "yolov8s 2" of several. */
static const char *lane_name(ep__workload_job *j, uint32_t i, int64_t copy)
{
    const char *name = j->models[i].network->name;
    if (j->specs[i].count == 1) return name;
    return ep_arena_printf(j->arena, "%s %lld", name, (long long)copy + 1);
}

static ep_status add_lanes(ep__workload_job *j, uint32_t i, ep_error *err)
{
    const ep__lane_spec *spec = &j->specs[i];
    for (int64_t copy = 0; copy < spec->count; copy++) {
        EP_FAIL_IF(j->workload.n_lanes == EP__MOST_LANES, err, EP_BAD_USAGE,
                   "more than %d networks at once", (int)EP__MOST_LANES);
        const char *name = lane_name(j, i, copy);
        if (!name) return ep_fail_memory(err);
        const double deadline_ms = spec->deadline_ms > 0 ? spec->deadline_ms
                                   : spec->fps > 0       ? 1e3 / spec->fps
                                                         : 0;
        j->lanes[j->workload.n_lanes++] = (ep_lane){.name = name,
                                                    .planned = j->planned[i],
                                                    .precision = spec->precision,
                                                    .batch = j->models[i].network->batch_to,
                                                    .device = spec->device,
                                                    .in_flight = (uint32_t)spec->in_flight,
                                                    .fps = spec->fps,
                                                    .deadline_ns = deadline_ms * 1e6,
                                                    .offset_ns = spec->offset_ms * 1e6};
    }
    return EP_OK;
}

static ep_status make_lanes(ep__workload_job *j, ep_error *err)
{
    uint32_t loadables[2] = {0};
    j->workload.lanes = j->lanes;
    for (uint32_t i = 0; i < j->n_specs; i++) {
        EP_TRY(plan_spec(j, i, loadables, err));
        EP_TRY(add_lanes(j, i, err));
    }
    return j->chooses ? ep__together_prepare(j, err) : EP_OK;
}

/* ---- what is written ----------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static ep_status write_trace(const ep_recording *recording, const char *path, ep_error *err)
{
    ep_text text = {0};
    ep_status status = ends_with(path, ".svg") ? ep_report_timeline(recording, &text, err)
                                               : ep_report_trace(recording, &text, err);
    if (status == EP_OK) status = ep_file_write(path, ep_text_cstr(&text), text.length, err);
    ep_text_free(&text);
    return status;
}

/* Once to see how long it takes and what repeats, once to watch a part of it. */
static ep_status record(const ep_workload *workload, const ep_point *point, ep_arena *arena,
                        ep_recording *recording, ep_error *err)
{
    ep_workload_run run;
    EP_TRY(ep_workload_simulate(workload, point, NULL, arena, &run, err));
    recording->workload = workload;
    recording->point = point;
    ep_recording_window(workload, &run, &recording->from_ns, &recording->to_ns);
    const ep_observer observer = ep_recording_observer(recording);
    EP_TRY(ep_workload_simulate(workload, point, &observer, arena, &run, err));
    recording->tasks = run.tasks;
    return EP_OK;
}

ep_status ep__workload_show(const ep__workload_request *request, const ep_workload *workload,
                            const ep_mode *mode, ep_text *out, ep_error *err)
{
    const ep_point point = ep_point_of(request->machine, mode);
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_recording recording = {0};
    ep_status status = record(workload, &point, arena, &recording, err);
    if (status == EP_OK && request->trace) status = write_trace(&recording, request->trace, err);
    if (status == EP_OK && request->gantt) {
        ep_text_printf(out, "\n");
        status = ep_report_gantt(&recording, request->width, out, err);
    }
    ep_recording_free(&recording);
    ep_arena_free(arena);
    return status;
}

static ep_report_workload report_of(const ep__workload_job *j)
{
    const ep__workload_request *r = j->request;
    return (ep_report_workload){.machine = r->machine,
                                .n_modes = r->n_modes,
                                .modes = r->modes,
                                .workloads = j->workloads,
                                .runs = j->runs,
                                .cannot_run = j->cannot_run,
                                .wanted = j->chooses ? &j->wanted : NULL,
                                .found = j->found};
}

static ep_status write_report(const ep__workload_job *j, ep_text *out, ep_error *err)
{
    const ep__workload_request *r = j->request;
    const ep_report_workload report = report_of(j);
    if (r->json) return ep_report_workload_json(&report, out, err);
    if (r->csv) return ep_report_workload_csv(&report, out, err);
    return ep_report_workload_table(&report, r->width, out, err);
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status make_room(ep__workload_job *j, ep_error *err)
{
    const uint32_t n = j->request->n_modes;
    j->points = EP_NEW(j->arena, ep_point, n);
    j->workloads = EP_NEW(j->arena, ep_workload, n);
    j->runs = EP_NEW(j->arena, ep_workload_run, n);
    j->cannot_run = EP_NEW(j->arena, const char *, n);
    if (j->chooses) j->found = EP_NEW(j->arena, ep_together, n);
    const bool complete = j->points && j->workloads && j->runs && j->cannot_run;
    return complete && (!j->chooses || j->found) ? EP_OK : ep_fail_memory(err);
}

static ep_status simulate(ep__workload_job *j, uint32_t m, ep_error *err)
{
    j->workloads[m] = j->workload;
    if (!j->chooses) {
        return ep_workload_simulate(&j->workload, &j->points[m], NULL, j->arena, &j->runs[m], err);
    }
    EP_TRY(ep_together_find(&j->wanted, &j->points[m], j->arena, &j->found[m], err));
    j->workloads[m] = j->found[m].workload;
    j->runs[m] = j->found[m].run;
    return EP_OK;
}

static ep_status do_job(ep__workload_job *j, ep_text *out, ep_error *err)
{
    const ep__workload_request *r = j->request;
    j->arena = ep_arena_new();
    if (!j->arena) return ep_fail_memory(err);
    EP_TRY(read_numbers(j, err));
    EP_TRY(read_specs(j, err));
    EP_TRY(ep__together_is_auto(r) ? ep__together_prepare_streams(j, err) : make_lanes(j, err));
    EP_TRY(make_room(j, err));
    uint32_t shown = r->n_modes; /* the first that it runs in */
    for (uint32_t m = 0; m < r->n_modes; m++) {
        j->points[m] = ep_point_of(r->machine, r->modes[m]);
        const ep_status status = simulate(j, m, err);
        if (status != EP_OK && status != EP_INFEASIBLE) return status;
        if (status == EP_OK && shown == r->n_modes) shown = m;
        if (status == EP_OK) continue;
        j->cannot_run[m] = ep_arena_string(j->arena, err->text, strlen(err->text));
        if (!j->cannot_run[m]) return ep_fail_memory(err);
    }
    if (shown == r->n_modes) return EP_INFEASIBLE; /* `err` says why the last one cannot */
    EP_TRY(write_report(j, out, err));
    if (r->trace || r->gantt) {
        EP_TRY(ep__workload_show(r, &j->workloads[shown], r->modes[shown], out, err));
    }
    const ep_report_workload report = report_of(j);
    return j->chooses ? ep__together_verdict(&report, err) : EP_OK;
}

ep_status ep__workload_report(const ep__workload_request *request, ep_text *out, ep_error *err)
{
    ep__workload_job j = {.request = request};
    const ep_status status = do_job(&j, out, err);
    for (uint32_t i = 0; i < j.n_specs; i++) {
        ep_ways_free(&j.ways[i]);
        ep_planned_free(j.planned[i]);
        ep__model_free(&j.models[i]);
    }
    ep_arena_free(j.arena);
    return status;
}
