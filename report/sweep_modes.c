/* `plan modes`: the modes of a machine side by side, and which to choose. */
#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/report.h"
#include "report/sweep.h"

/* The figures of one strategy in one mode. */
static void figure_cells(ep__columns *table, const ep_sweep_point *p)
{
    if (!p || p->cannot_run[0]) {
        for (int i = 0; i < 4; i++) ep__cell(table, "-");
        return;
    }
    ep__cell(table, "%s", ep__round3(p->latency_ms).text);
    ep__cell(table, "%s", ep__round3(p->throughput_ips).text);
    ep__cell(table, "%s%s", ep__round3(p->power_w).text, p->over_budget ? "!" : "");
    ep__cell(table, "%s", ep__round3(p->energy_mj).text);
}

static const ep_sweep_point *find(const ep_report_modes *r, uint32_t mode, uint32_t strategy)
{
    const uint32_t at = strategy * r->n_modes + mode;
    return at < r->n_points ? &r->points[at] : NULL;
}

static void table_of(const ep_report_modes *r, unsigned width, ep_text *out)
{
    enum { MOST_STRATEGIES = 8 };
    ep__align align[2 + 4 * MOST_STRATEGIES] = {EP__LEFT};
    const uint32_t n_strategies = (uint32_t)ep_min_u64(r->n_points / r->n_modes, MOST_STRATEGIES);
    for (uint32_t c = 1; c < 2 + 4 * n_strategies; c++) align[c] = EP__RIGHT;
    ep__columns table = {.n = 2 + 4 * n_strategies, .align = align};
    ep__cell(&table, "mode");
    ep__cell(&table, "budget W");
    for (uint32_t s = 0; s < n_strategies; s++) {
        ep__cell(&table, "%s ms", find(r, 0, s)->strategy);
        ep__cell(&table, "images/s");
        ep__cell(&table, "W");
        ep__cell(&table, "mJ/image");
    }
    for (uint32_t m = 0; m < r->n_modes; m++) {
        const ep_sweep_point *p = find(r, m, 0);
        ep__cell(&table, "%s", p->mode);
        ep__cell(&table, "%s", p->budget_w > 0 ? ep__round3(p->budget_w).text : "-");
        for (uint32_t s = 0; s < n_strategies; s++) figure_cells(&table, find(r, m, s));
    }
    ep__columns_end(&table, width, out);
    if (r->summary->n_over_budget > 0) {
        ep_text_printf(out, "! passes the budget of the mode: the module would throttle\n");
    }
}

ep_status ep_report_modes_table(const ep_report_modes *r, unsigned width, ep_text *out,
                                ep_error *err)
{
    const ep_sweep_point *first = &r->points[0];
    ep_text line = {0};
    ep_text_printf(&line, "%s on %s, batch %lld, %s%s%s", first->model, first->hardware,
                   (long long)first->batch, ep_precision_choice_name(first->precision),
                   first->set[0] ? ", " : "", first->set);
    ep__append_line(out, width, 2, &line);
    table_of(r, width, out);
    ep__sweep_advise(r->summary, false, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

ep_status ep_report_modes_json(const ep_report_modes *r, ep_text *out, ep_error *err)
{
    const ep_sweep_point *choice = ep_report_sweep_choice(r->summary);
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_open(out, "points", '[');
    for (uint32_t i = 0; i < r->n_points; i++) ep__sweep_json(&r->points[i], out);
    ep__json_close(out, ']');
    if (choice) {
        ep__json_open(out, "choice", '{');
        ep__json_text(out, "mode", choice->mode);
        ep__json_text(out, "strategy", choice->strategy);
        ep__json_close(out, '}');
    } else {
        ep__json_null(out, "choice");
    }
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
