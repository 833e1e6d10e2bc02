/* Placements of several networks: what was compared, and what does not hold. */
#include <math.h>
#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/workload.h"

/* "4 x gpu + dla0": the ways of the networks in their order; those that do not run are left out. */
static void append_placement(ep_text *out, const ep_together_options *wanted, const uint32_t *way)
{
    const ep_placed_network *networks = wanted->networks;
    bool any = false;
    for (uint32_t i = 0; i < wanted->n_networks;) {
        const char *name = networks[i].ways[way[i]].name;
        const int64_t batch = networks[i].ways[way[i]].batch;
        uint32_t n = 1;
        while (i + n < wanted->n_networks && networks[i + n].ways == networks[i].ways &&
               way[i + n] == way[i]) {
            n++;
        }
        const bool runs = networks[i].ways[way[i]].planned;
        i += n;
        if (!runs) continue;
        if (any) ep_text_printf(out, " + ");
        if (n > 1) ep_text_printf(out, "%u x ", (unsigned)n);
        ep_text_printf(out, "%s", name);
        if (wanted->goal == EP_GOAL_THROUGHPUT) ep_text_printf(out, " by %lld", (long long)batch);
        any = true;
    }
}

/* What a goal is about, of a score. */
static double figure_of(ep_goal goal, const ep_score *score)
{
    switch (goal) {
    case EP_GOAL_LATENCY: return score->pace / 1e6;
    case EP_GOAL_THROUGHPUT: return -score->pace;
    default: return 100 * score->excess;
    }
}

static void row(ep__columns *table, const ep_report_workload *report, uint32_t m,
                const char *remark, const uint32_t *way, const ep_score *score)
{
    ep_text placement = {0};
    append_placement(&placement, report->wanted, way);
    ep__cell(table, "%s", report->modes[m]->name);
    ep__cell(table, "%s%s", remark, ep_text_cstr(&placement));
    const double figure = figure_of(report->wanted->goal, score);
    const bool is_share = report->wanted->goal == EP_GOAL_ENERGY;
    ep__cell(table, "%s",
             score->overload > 0       ? "ever more"
             : is_share && figure <= 0 ? "-"
                                       : ep__round3(figure).text);
    ep__cell(table, "%s", ep__round3(score->power_w).text);
    ep_text_free(&placement);
}

static void compared(const ep_report_workload *report, unsigned width, ep_text *out)
{
    static const ep__align align[] = {EP__LEFT, EP__NAME, EP__RIGHT, EP__RIGHT};
    static const char *const figures[] = {[EP_GOAL_ENERGY] = "too late by %",
                                          [EP_GOAL_LATENCY] = "all done ms",
                                          [EP_GOAL_THROUGHPUT] = "images/s"};
    ep__columns table = {.n = sizeof align / sizeof *align, .align = align};
    ep__cell(&table, "mode");
    ep__cell(&table, "placement");
    ep__cell(&table, "%s", figures[report->wanted->goal]);
    ep__cell(&table, "W");
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (report->cannot_run[m]) continue;
        const ep_together *found = &report->found[m];
        for (uint32_t r = 0; r < found->n_rows; r++) {
            row(&table, report, m, "", found->rows[r].way, &found->rows[r].score);
        }
        row(&table, report, m, "best: ", found->way, &found->score);
    }
    ep__columns_end(&table, width, out);
}

/* "gpu is asked for 111 % of its time, so queues grow" */
static bool append_overload(const ep_together *found, ep_text *out)
{
    bool any = false;
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        if (found->load_pct[u] <= 100) continue;
        ep_text_printf(out, any ? ", %s for %.0f %%" : "%s is asked for %.0f %% of its time",
                       ep_unit_name((ep_unit)u), found->load_pct[u]);
        any = true;
    }
    if (any) ep_text_printf(out, ", so queues grow");
    return any;
}

/* "yolov8s 2 takes up to 38.2 ms of 33.3 ms" */
void ep_report_misses(const ep_report_workload *report, uint32_t m, ep_text *out)
{
    const ep_workload *w = &report->workloads[m];
    if (append_overload(&report->found[m], out)) return;
    bool any = false;
    for (uint32_t l = 0; l < w->n_lanes; l++) {
        const ep__lane_figures f = ep__lane_figures_of(w, &report->runs[m], l);
        if (!(f.late_pct > 0)) continue;
        ep_text_printf(out, "%s%s takes up to %s ms of %s ms", any ? ", " : "", w->lanes[l].name,
                       ep__round3(f.max_ms).text, ep__round3(w->lanes[l].deadline_ns / 1e6).text);
        any = true;
    }
}

void ep__together_section(const ep_report_workload *report, unsigned width, ep_text *out)
{
    ep_text line = {0};
    ep_text_printf(out, "\n");
    compared(report, width, out);
    ep_text_printf(out, "\n");
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (report->cannot_run[m]) continue;
        const ep_together *found = &report->found[m];
        const char *mode = report->modes[m]->name;
        if (!ep_score_holds(&found->score)) {
            ep_text_printf(&line, "%s: no placement was found that holds; in the best ", mode);
            ep_report_misses(report, m, &line);
        } else if (found->is_exhaustive) {
            ep_text_printf(&line, "%s: the best of %llu placements", mode,
                           (unsigned long long)found->n_placements);
        } else {
            ep_text_printf(&line, "%s: the best of the %llu placements that were simulated", mode,
                           (unsigned long long)found->n_simulated);
        }
        ep__append_line(out, width, 2, &line);
    }
}

/* ---- for programs -------------------------------------------------------------------------- */

static void score(ep_text *out, ep_goal goal, const ep_score *s)
{
    static const char *const names[] = {[EP_GOAL_ENERGY] = "excess_pct",
                                        [EP_GOAL_LATENCY] = "end_ms",
                                        [EP_GOAL_THROUGHPUT] = "throughput_ips"};
    if (goal == EP_GOAL_ENERGY) ep__json_number(out, "overload_pct", 100 * s->overload);
    ep__json_number(out, names[goal], figure_of(goal, s));
    ep__json_number(out, "power_w", s->power_w);
}

static void placement(ep_text *out, const ep_together_options *wanted, const uint32_t *way)
{
    ep__json_open(out, "ways", '[');
    for (uint32_t i = 0; i < wanted->n_networks; i++) {
        const ep_way *w = &wanted->networks[i].ways[way[i]];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "way", w->planned ? w->name : "none");
        ep__json_integer(out, "batch", (uint64_t)w->batch);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

void ep__together_json(ep_text *out, const ep_report_workload *report, uint32_t m)
{
    const ep_together *found = &report->found[m];
    const ep_goal goal = report->wanted->goal;
    ep__json_open(out, "placement", '{');
    ep__json_bool(out, "holds", ep_score_holds(&found->score));
    ep__json_bool(out, "exhaustive", found->is_exhaustive);
    ep__json_integer(out, "simulated", found->n_simulated);
    placement(out, report->wanted, found->way);
    score(out, goal, &found->score);
    ep__json_open(out, "compared", '[');
    for (uint32_t r = 0; r < found->n_rows; r++) {
        ep__json_open(out, NULL, '{');
        placement(out, report->wanted, found->rows[r].way);
        score(out, goal, &found->rows[r].score);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
}
