#include <math.h>

#include "report/json.h"
#include "report/workload.h"

static void figures(ep_text *out, const ep__lane_figures *f)
{
    ep__json_number(out, "throughput_ips", f->images_per_s);
    if (!isnan(f->batch_ms)) ep__json_number(out, "batch_ms", f->batch_ms);
    if (isnan(f->p50_ms)) return;
    ep__json_number(out, "p50_ms", f->p50_ms);
    ep__json_number(out, "p90_ms", f->p90_ms);
    ep__json_number(out, "p99_ms", f->p99_ms);
    ep__json_number(out, "max_ms", f->max_ms);
    ep__json_number(out, "late_pct", f->late_pct);
}

static void lane(ep_text *out, const ep_workload *w, const ep_workload_run *run, uint32_t l)
{
    const ep_lane *lane = &w->lanes[l];
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "network", lane->name);
    ep__json_text(out, "device", ep_device_name(lane->device));
    if (lane->way) ep__json_text(out, "way", lane->way);
    ep__json_text(out, "precision", ep_precision_choice_name(lane->precision));
    ep__json_integer(out, "batch", (uint64_t)lane->batch);
    ep__json_number(out, "alone_ms", run->tasks[l].ns / 1e6);
    if (w->scenario == EP_SCENARIO_NETWORKS) {
        ep__json_number(out, "asked_fps", lane->fps > 0 ? lane->fps : NAN);
        ep__json_number(out, "deadline_ms", lane->deadline_ns > 0 ? lane->deadline_ns / 1e6 : NAN);
    }
    const ep__lane_figures f = ep__lane_figures_of(w, run, l);
    figures(out, &f);
    ep__json_close(out, '}');
}

static void units(ep_text *out, const ep_workload_run *run)
{
    ep__json_open(out, "units", '[');
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", ep_unit_name((ep_unit)u));
        ep__json_number(out, "busy_pct", run->unit_pct[u]);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void mode(ep_text *out, const ep_report_workload *report, uint32_t m)
{
    const ep_workload *w = &report->workloads[m];
    const ep_workload_run *run = &report->runs[m];
    const ep_machine *machine = report->machine;
    ep__json_text(out, "mode", report->modes[m]->name);
    if (report->cannot_run[m]) {
        ep__json_text(out, "cannot_run", report->cannot_run[m]);
        return;
    }
    if (ep__is_shared(w)) {
        const ep__lane_figures all = ep__lane_figures_of(w, run, w->n_lanes);
        if (w->scenario == EP_SCENARIO_SERVER) ep__json_number(out, "asked_ips", run->rate);
        figures(out, &all);
    }
    ep__json_open(out, "networks", '[');
    for (uint32_t l = 0; l < w->n_lanes; l++) lane(out, w, run, l);
    ep__json_close(out, ']');
    units(out, run);
    ep__json_number(out, "dram_pct", run->dram_pct);
    ep__json_number(out, "dram_short_pct", run->dram_limited_pct);
    ep__json_text(out, "bottleneck", run->bottleneck);
    ep__json_number(out, "power_w", run->power_w);
    ep__json_bool(out, "over_budget", run->over_budget);
    ep__json_open(out, "rails", '[');
    for (uint32_t r = 0; r < machine->n_rails; r++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", machine->rails[r].name);
        ep__json_number(out, "power_w", run->rail_w[r]);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    if (report->found) ep__together_json(out, report, m);
    ep__json_number(out, "simulated_ms", (run->timeline.end_ns - run->timeline.start_ns) / 1e6);
    ep__json_number(out, "hyper_period_ms", run->hyper_ns > 0 ? run->hyper_ns / 1e6 : NAN);
}

ep_status ep_report_workload_json(const ep_report_workload *report, ep_text *out, ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "hardware", report->machine->name);
    if (report->machine->overrides) ep__json_text(out, "set", report->machine->overrides);
    ep__json_text(out, "scenario", ep__workload_kind(ep__first_workload(report)));
    ep__json_open(out, "modes", '[');
    for (uint32_t m = 0; m < report->n_modes; m++) {
        ep__json_open(out, NULL, '{');
        mode(out, report, m);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
