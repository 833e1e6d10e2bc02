#include <math.h>

#include "report/csv.h"
#include "report/workload.h"

static void lane_row(const ep_report_workload *report, uint32_t m, uint32_t l, ep_text *out)
{
    const ep_workload *w = &report->workloads[m];
    const ep_workload_run *run = &report->runs[m];
    const ep_lane *lane = l < w->n_lanes ? &w->lanes[l] : NULL;
    const ep__lane_figures f = ep__lane_figures_of(w, run, l);
    ep__csv_text(out, report->machine->name);
    ep__csv_text(out, ep__workload_kind(w));
    ep__csv_text(out, report->modes[m]->name);
    ep__csv_text(out, lane ? lane->name : w->lanes[0].name);
    ep__csv_text(out, lane ? ep_device_name(lane->device) : "all");
    ep__csv_text(out, ep_precision_choice_name((lane ? lane : w->lanes)->precision));
    ep__csv_number(out, lane ? (double)lane->batch : NAN);
    ep__csv_number(out, lane && lane->fps > 0 ? lane->fps : NAN);
    const double limit_ns = lane ? lane->deadline_ns : w->bound_ns;
    const double figures[] = {f.images_per_s,
                              f.batch_ms,
                              f.p50_ms,
                              f.p90_ms,
                              f.p99_ms,
                              f.max_ms,
                              limit_ns > 0 ? limit_ns / 1e6 : NAN,
                              f.late_pct};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) ep__csv_number(out, figures[i]);
    for (int u = 0; u < EP_UNIT_HOST; u++) ep__csv_number(out, run->unit_pct[u]);
    ep__csv_number(out, run->dram_pct);
    ep__csv_number(out, run->power_w);
    ep__csv_text(out, run->over_budget ? "true" : "false");
    ep__csv_text(out, run->bottleneck);
    ep__csv_text(out, report->machine->overrides ? report->machine->overrides : "");
    ep__csv_text(out, lane ? ep__lane_engine(lane) : "all");
    ep__csv_end_row(out);
}

ep_status ep_report_workload_csv(const ep_report_workload *report, ep_text *out, ep_error *err)
{
    ep_text_printf(out,
                   "hardware,scenario,mode,network,device,precision,batch,asked_fps,throughput_ips,"
                   "batch_ms,p50_ms,p90_ms,p99_ms,max_ms,limit_ms,late_pct,");
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        ep_text_printf(out, "%s_busy_pct,", ep_unit_name((ep_unit)u));
    }
    ep_text_printf(out, "dram_pct,power_w,over_budget,bottleneck,set,way\n");
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (report->cannot_run[m]) continue;
        const ep_workload *w = &report->workloads[m];
        const uint32_t rows = w->n_lanes + ep__is_shared(w);
        for (uint32_t l = 0; l < rows; l++) lane_row(report, m, l, out);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
