#include <math.h>
#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/workload.h"

/* ---- figures ------------------------------------------------------------------------------- */

bool ep__is_shared(const ep_workload *workload)
{
    return workload->scenario != EP_SCENARIO_NETWORKS && workload->scenario != EP_SCENARIO_ONCE;
}

const char *ep__workload_kind(const ep_workload *workload)
{
    return ep__is_shared(workload) ? ep_scenario_name(workload->scenario) : "networks";
}

ep__lane_figures ep__lane_figures_of(const ep_workload *workload, const ep_workload_run *run,
                                     uint32_t l)
{
    const ep_timeline *t = &run->timeline;
    const bool is_all = l == workload->n_lanes;
    ep__lane_figures f = {.images_per_s = is_all ? run->images_per_s : t->uses[l].images_per_s,
                          .batch_ms = NAN,
                          .p50_ms = NAN,
                          .p90_ms = NAN,
                          .p99_ms = NAN,
                          .max_ms = NAN,
                          .late_pct = NAN};
    if (!is_all && t->uses[l].n_batches) f.batch_ms = t->uses[l].latency_ns / 1e6;
    if (ep__is_shared(workload) != is_all || workload->scenario == EP_SCENARIO_OFFLINE) return f;
    const ep_source_result *s = &t->sources[is_all ? 0 : l];
    f.p50_ms = ep_percentile(s->latency_ns, s->n_answered, 50) / 1e6;
    f.p90_ms = ep_percentile(s->latency_ns, s->n_answered, 90) / 1e6;
    f.p99_ms = ep_percentile(s->latency_ns, s->n_answered, 99) / 1e6;
    f.max_ms = ep_percentile(s->latency_ns, s->n_answered, 100) / 1e6;
    const double deadline_ns = is_all ? workload->bound_ns : workload->lanes[l].deadline_ns;
    if (deadline_ns > 0 && s->n_asked) f.late_pct = 100.0 * s->n_late / s->n_asked;
    return f;
}

const char *ep__lane_engine(const ep_lane *lane)
{
    return lane->way ? lane->way : ep_device_name(lane->device);
}

const ep_workload *ep__first_workload(const ep_report_workload *report)
{
    uint32_t m = 0;
    while (report->cannot_run[m]) m++;
    return &report->workloads[m];
}

/* ---- networks ------------------------------------------------------------------------------ */

static void networks_section(const ep_report_workload *report, unsigned width, ep_text *out)
{
    static const ep__align align[] = {EP__LEFT,  EP__NAME,  EP__NAME,  EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT};
    static const char *const titles[] = {"mode",   "network",  "device", "asked fps",
                                         "fps",    "p50 ms",   "p90 ms", "p99 ms",
                                         "max ms", "limit ms", "late %"};
    enum { COLUMNS = sizeof titles / sizeof *titles };
    ep__columns table = {.n = COLUMNS, .align = align};
    for (int c = 0; c < COLUMNS; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        const ep_workload *w = &report->workloads[m];
        for (uint32_t l = 0; !report->cannot_run[m] && l < w->n_lanes; l++) {
            const ep_lane *lane = &w->lanes[l];
            const ep__lane_figures f = ep__lane_figures_of(w, &report->runs[m], l);
            ep__cell(&table, "%s", report->modes[m]->name);
            ep__cell(&table, "%s", lane->name);
            ep__cell(&table, "%s", ep__lane_engine(lane));
            ep__cell(&table, "%s", lane->fps > 0 ? ep__round3(lane->fps).text : "-");
            const bool once = w->scenario == EP_SCENARIO_ONCE;
            ep__cell(&table, "%s",
                     ep__round3(once ? NAN : f.images_per_s / (double)lane->batch).text);
            ep__cell(&table, "%s", ep__round3(f.p50_ms).text);
            ep__cell(&table, "%s", ep__round3(f.p90_ms).text);
            ep__cell(&table, "%s", ep__round3(f.p99_ms).text);
            ep__cell(&table, "%s", ep__round3(f.max_ms).text);
            ep__cell(&table, "%s",
                     ep__round3(lane->deadline_ns > 0 ? lane->deadline_ns / 1e6 : NAN).text);
            ep__cell(&table, "%s", isnan(f.late_pct) ? "-" : ep__percent(f.late_pct, 100).text);
        }
    }
    ep__columns_end(&table, width, out);
}

/* ---- engines ------------------------------------------------------------------------------- */

static void engine_row(ep__columns *table, const char *mode, const char *engine, int64_t batch,
                       double alone_ns, const ep__lane_figures *f)
{
    ep__cell(table, "%s", mode);
    ep__cell(table, "%s", engine);
    if (batch) {
        ep__cell(table, "%lld", (long long)batch);
    } else {
        ep__cell(table, "%s", "");
    }
    ep__cell(table, "%s", batch ? ep__round3(alone_ns / 1e6).text : "");
    ep__cell(table, "%s", ep__round3(f->images_per_s).text);
    ep__cell(table, "%s", batch ? ep__round3(f->batch_ms).text : "");
    ep__cell(table, "%s", batch ? "" : ep__round3(f->p50_ms).text);
    ep__cell(table, "%s", batch ? "" : ep__round3(f->p90_ms).text);
    ep__cell(table, "%s", batch ? "" : ep__round3(f->p99_ms).text);
}

static void engines_section(const ep_report_workload *report, unsigned width, ep_text *out)
{
    static const ep__align align[] = {EP__LEFT,  EP__NAME,  EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT};
    static const char *const titles[] = {"mode",     "engine", "batch",  "alone ms", "images/s",
                                         "batch ms", "p50 ms", "p90 ms", "p99 ms"};
    enum { COLUMNS = sizeof titles / sizeof *titles };
    ep__columns table = {.n = COLUMNS, .align = align};
    for (int c = 0; c < COLUMNS; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (report->cannot_run[m]) continue;
        const ep_workload *w = &report->workloads[m];
        const char *mode = report->modes[m]->name;
        for (uint32_t l = 0; l < w->n_lanes; l++) {
            const ep__lane_figures f = ep__lane_figures_of(w, &report->runs[m], l);
            engine_row(&table, mode, ep__lane_engine(&w->lanes[l]), w->lanes[l].batch,
                       report->runs[m].tasks[l].ns, &f);
        }
        const ep__lane_figures all = ep__lane_figures_of(w, &report->runs[m], w->n_lanes);
        engine_row(&table, mode, "all", 0, 0, &all);
    }
    ep__columns_end(&table, width, out);
}

/* What the scenario is about. */
static void scenario_lines(const ep_report_workload *report, unsigned width, ep_text *out)
{
    ep_text line = {0};
    for (uint32_t m = 0; m < report->n_modes; m++) {
        const ep_workload *w = &report->workloads[m];
        const ep_workload_run *run = &report->runs[m];
        if (report->cannot_run[m] || !ep__is_shared(w)) continue;
        const ep__lane_figures f = ep__lane_figures_of(w, run, w->n_lanes);
        ep_text_printf(&line, "%s: ", report->modes[m]->name);
        switch (w->scenario) {
        case EP_SCENARIO_SINGLE_STREAM:
            ep_text_printf(&line, "90 %% of images take at most %s ms", ep__round3(f.p90_ms).text);
            break;
        case EP_SCENARIO_MULTI_STREAM:
            ep_text_printf(&line, "99 %% of queries of 8 images take at most %s ms",
                           ep__round3(f.p99_ms).text);
            break;
        case EP_SCENARIO_SERVER:
            ep_text_printf(&line, "%s images/s asked for at random", ep__round3(run->rate).text);
            if (w->bound_ns > 0) {
                ep_text_printf(&line, ", 99 %% within %s ms", ep__round3(w->bound_ns / 1e6).text);
            }
            if (run->rate <= 0) ep_text_printf(&line, ": not at any rate");
            break;
        default: ep_text_printf(&line, "%s images/s", ep__round3(f.images_per_s).text); break;
        }
        ep__append_line(out, width, 2, &line);
    }
}

/* ---- units --------------------------------------------------------------------------------- */

static bool is_used(const ep_report_workload *report, int unit)
{
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (!report->cannot_run[m] && report->runs[m].unit_pct[unit] > 0) return true;
    }
    return false;
}

static void percent_cell(ep__columns *table, bool is_there, double pct)
{
    if (is_there) {
        ep__cell(table, "%.0f", pct);
    } else {
        ep__cell(table, "-");
    }
}

static void units_section(const ep_report_workload *report, unsigned width, ep_text *out)
{
    int units[EP_UNIT_COUNT], n = 0;
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        if (is_used(report, u)) units[n++] = u;
    }
    ep__align align[EP_UNIT_COUNT + 5];
    for (int c = 0; c < n + 5; c++) align[c] = c == 0 || c == n + 4 ? EP__LEFT : EP__RIGHT;
    ep__columns table = {.n = (uint32_t)n + 5, .align = align};
    ep__cell(&table, "mode");
    for (int u = 0; u < n; u++) ep__cell(&table, "%s %%", ep_unit_name((ep_unit)units[u]));
    ep__cell(&table, "dram %%");
    ep__cell(&table, "short %%");
    ep__cell(&table, "W");
    ep__cell(&table, "bottleneck");
    bool any_over = false;
    for (uint32_t m = 0; m < report->n_modes; m++) {
        const ep_workload_run *run = &report->runs[m];
        ep__cell(&table, "%s", report->modes[m]->name);
        const bool runs = !report->cannot_run[m];
        for (int u = 0; u < n; u++) percent_cell(&table, runs, run->unit_pct[units[u]]);
        percent_cell(&table, runs, run->dram_pct);
        percent_cell(&table, runs, run->dram_limited_pct);
        ep__cell(&table, "%s%s", runs ? ep__round3(run->power_w).text : "-",
                 runs && run->over_budget ? "!" : "");
        ep__cell(&table, "%s", runs ? run->bottleneck : report->cannot_run[m]);
        any_over |= runs && run->over_budget;
    }
    ep__columns_end(&table, width, out);
    if (any_over) ep_text_printf(out, "! over the power budget of the mode\n");
}

/* ---- all together -------------------------------------------------------------------------- */

static const char *precision_of(const ep_workload *workload)
{
    const ep_precision_choice first = workload->lanes[0].precision;
    for (uint32_t l = 1; l < workload->n_lanes; l++) {
        if (workload->lanes[l].precision != first) return "several precisions";
    }
    return ep_precision_choice_name(first);
}

static void title(const ep_report_workload *report, unsigned width, ep_text *out)
{
    const ep_workload *w = ep__first_workload(report);
    const char *overrides = report->machine->overrides;
    ep_text line = {0};
    if (ep__is_shared(w)) {
        ep_text_printf(&line, "%s", w->lanes[0].name);
    } else {
        ep__append_plural(&line, w->n_lanes, "network");
    }
    ep_text_printf(&line, " on %s%s%s, %s", report->machine->title, overrides ? " with " : "",
                   overrides ? overrides : "", precision_of(w));
    if (ep__is_shared(w)) ep_text_printf(&line, ", %s", ep_scenario_name(w->scenario));
    if (report->found) {
        static const char *const goals[] = {[EP_GOAL_ENERGY] = "the least power",
                                            [EP_GOAL_LATENCY] = "the earliest end",
                                            [EP_GOAL_THROUGHPUT] = "the most images"};
        ep_text_printf(&line, ", placed for %s", goals[report->wanted->goal]);
    }
    if (w->cpu_gbps > 0) {
        ep_text_printf(&line, ", the CPU at %s GB/s", ep__round3(w->cpu_gbps).text);
    }
    ep__append_line(out, width, 2, &line);
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (report->cannot_run[m] || !report->runs[m].hyper_is_cut) continue;
        const ep_timeline *t = &report->runs[m].timeline;
        ep_text_printf(&line, "periods repeat after %s s only: figures are of %s s",
                       ep__round3(report->runs[m].hyper_ns / 1e9).text,
                       ep__round3((t->end_ns - t->start_ns) / 1e9).text);
        ep__append_line(out, width, 2, &line);
        break;
    }
    ep_text_printf(out, "\n");
}

ep_status ep_report_workload_table(const ep_report_workload *report, unsigned width, ep_text *out,
                                   ep_error *err)
{
    title(report, width, out);
    scenario_lines(report, width, out);
    if (ep__is_shared(ep__first_workload(report))) {
        ep_text_printf(out, "\n");
        engines_section(report, width, out);
    } else {
        networks_section(report, width, out);
    }
    ep_text_printf(out, "\n");
    units_section(report, width, out);
    if (report->found) ep__together_section(report, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
