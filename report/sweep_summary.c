/* What a sweep found, for people. */
#include <inttypes.h>
#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/report.h"
#include "report/sweep.h"

static const char *const titles[] = {"",           "mode",     "precision", "batch",    "strategy",
                                     "latency ms", "images/s", "W",         "mJ/image", "on"};
static const ep__align align[] = {EP__LEFT,  EP__LEFT,  EP__LEFT,  EP__RIGHT, EP__LEFT,
                                  EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__NAME};
enum { N_COLUMNS = sizeof titles / sizeof *titles };

static void append_placement(const ep_sweep_point *p, const char *comma, const char *end,
                             ep_text *out)
{
    const bool on_dla = strcmp(p->strategy, ep_strategy_name(0)) != 0 && p->dla != EP_DLA_NONE;
    ep_text_printf(out, "%s", p->streams ? p->streams : p->strategy);
    if (p->objective && strcmp(p->objective, ep_objective_name(EP_LATENCY)) != 0) {
        ep_text_printf(out, " for %s", p->objective);
    }
    if (on_dla && !p->streams) {
        ep_text_printf(out, "%sDLA %s%s", comma, ep_dla_choice_name(p->dla), end);
    }
}

void ep__sweep_placement(const ep_sweep_point *p, ep_text *out)
{
    append_placement(p, ", ", "", out);
}

void ep__sweep_name(const ep_sweep_point *p, ep_text *out)
{
    append_placement(p, " (", ")", out);
    ep_text_printf(out, " in %s", p->mode);
}

static void add_row(ep__columns *table, const char *name, const ep_sweep_point *p)
{
    ep_text placement = {0};
    ep__sweep_placement(p, &placement);
    ep__cell(table, "%s", name);
    ep__cell(table, "%s", p->mode);
    ep__cell(table, "%s", ep_precision_choice_name(p->precision));
    ep__cell(table, "%" PRId64, p->batch);
    ep__cell(table, "%s", ep_text_cstr(&placement));
    ep_text_free(&placement);
    ep__cell(table, "%s", ep__round3(p->latency_ms).text);
    ep__cell(table, "%s", ep__round3(p->throughput_ips).text);
    ep__cell(table, "%s", ep__round3(p->power_w).text);
    ep__cell(table, "%s", ep__round3(p->energy_mj).text);
    ep__cell(table, "%s%s%s", p->hardware, p->set[0] ? ": " : "", p->set);
}

static void count_line(const ep_sweep_summary *s, const char *model, unsigned width, ep_text *out)
{
    ep_text line = {0};
    ep_text_printf(&line, "%s: %" PRIu64 " point%s", model, s->n, s->n == 1 ? "" : "s");
    if (s->n_cannot_run) ep_text_printf(&line, ", %" PRIu64 " cannot run", s->n_cannot_run);
    if (s->n_over_budget) {
        ep_text_printf(&line, ", %" PRIu64 " pass the power budget of their mode and are left out",
                       s->n_over_budget);
    }
    ep__append_line(out, width, 2, &line);
}

static bool has_limits(const ep_sweep_limits *limits)
{
    return limits->max_power_w > 0 || limits->deadline_ms > 0 || limits->min_fps > 0;
}

ep_status ep_report_sweep(const ep_sweep_summary *s, const char *model, unsigned width,
                          ep_text *out, ep_error *err)
{
    enum { MOST_ROWS = 24 };
    count_line(s, model, width, out);
    if (s->n_front == 0) return out->failed ? ep_fail_memory(err) : EP_OK;
    ep__columns table = {.n = N_COLUMNS, .align = align};
    for (uint32_t c = 0; c < N_COLUMNS; c++) ep__cell(&table, "%s", titles[c]);
    const uint32_t knee = ep_sweep_summary_knee(s);
    add_row(&table, "fastest", &s->fastest);
    if (knee != EP_NO_INDEX) add_row(&table, "knee", &s->front[knee]);
    add_row(&table, "most frugal", &s->frugal);
    if (has_limits(&s->limits)) {
        add_row(&table, s->n_within ? "best in limits" : "nearest",
                s->n_within ? &s->best : &s->nearest);
    }
    for (uint32_t i = 0; i < s->n_front && i < MOST_ROWS; i++) {
        add_row(&table, i ? "" : "front", &s->front[i]);
    }
    ep__columns_end(&table, width, out);
    if (s->n_front > MOST_ROWS) {
        ep_text_printf(out, "and %u more on the Pareto front of latency, energy and power\n",
                       (unsigned)(s->n_front - MOST_ROWS));
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- what stands in the way ---------------------------------------------------------------- */

/* "24.1 ms passes --deadline-ms 20 by 21 % (no point has less than 12.3)" */
static void obstacle(double value, double limit, bool is_least, const char *unit,
                     const char *option, double reached, ep_text *out)
{
    const double excess = ep_sweep_excess(value, limit, is_least);
    if (excess <= 0) return;
    ep_text_printf(out, "%s%s %s %s %s %s by %s %%", out->length ? ", " : "",
                   ep__round3(value).text, unit, is_least ? "misses" : "passes", option,
                   ep__round3(limit).text,
                   ep__round3(is_least ? 100 * (1 - value / limit) : 100 * excess).text);
    if (ep_sweep_excess(reached, limit, is_least) > 0) {
        ep_text_printf(out, " (no point has %s than %s)", is_least ? "more" : "less",
                       ep__round3(reached).text);
    }
}

ep_status ep_report_sweep_feasible(const ep_sweep_summary *s, const char *model, ep_error *err)
{
    if (s->n_within > 0) return EP_OK;
    EP_FAIL_IF(s->n_front == 0, err, EP_INFEASIBLE, "%s: no point runs%s", model,
               s->n_over_budget ? " within the power budget of its mode" : "");
    const ep_sweep_point *p = &s->nearest;
    const ep_sweep_limits *limits = &s->limits;
    ep_text name = {0}, why = {0};
    ep__sweep_name(p, &name);
    obstacle(p->latency_ms, limits->deadline_ms, false, "ms", "--deadline-ms", s->least_latency_ms,
             &why);
    obstacle(p->throughput_ips, limits->min_fps, true, "images/s", "--min-fps", s->most_fps, &why);
    obstacle(p->power_w, limits->max_power_w, false, "W", "--max-power-w", s->least_power_w, &why);
    const ep_status status =
        ep_fail(err, EP_INFEASIBLE, "%s: no point keeps the limits; the nearest is %s%s%s: %s",
                model, ep_text_cstr(&name), p->set[0] ? ", " : "", p->set, ep_text_cstr(&why));
    ep_text_free(&name);
    ep_text_free(&why);
    return status;
}
