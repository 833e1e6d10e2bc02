/* Kernels of a plan and where their time goes, for people and for programs. */
#include "report/format.h"
#include "report/json.h"
#include "report/limits.h"
#include "report/plans_json.h"
#include "report/summary.h"
#include "report/table.h"

/* A part that takes less of a kernel's time is left out of the table. */
#define SHOWN_SHARE 0.05

/* Where the run of plan `p` in mode `m` happens: a governor may have lowered the clocks. */
static ep_point point_of(const ep_report *report, uint32_t p, uint32_t m)
{
    const ep_report_limited *limited = report->plans[p].limited;
    if (limited && report->governor) return limited[m].levels[limited[m].level].point;
    return ep_point_of(report->machine, report->modes[m]);
}

static void append_parts(ep__columns *table, const ep_parts *parts, double ns)
{
    for (uint32_t i = 0; i < parts->n; i++) {
        if (parts->part[i].ns < SHOWN_SHARE * ns) break;
        ep_text_printf(&table->cells, "%s%s %s", i ? ", " : "", parts->part[i].name,
                       ep__round3(parts->part[i].ns / 1e3).text);
    }
    ep__cell(table, "%s", "");
}

static void append_row(ep__columns *table, const ep_planned *planned, const ep_run *run,
                       const ep_point *point, uint32_t k)
{
    const ep_kernel *kernel = &planned->plan.kernels[k];
    const ep_cost *cost = &planned->costs[k];
    char tactic[EP_TACTIC_TEXT];
    ep_parts parts;
    ep_cost_parts(cost, point, run->tactic[k], &parts);
    ep__cell(table, "%u", (unsigned)k);
    ep__cell(table, "%s", kernel->name);
    ep__cell(table, "%s", ep_device_name(kernel->device));
    ep__cell(table, "%s", ep_precision_name(kernel->precision));
    ep__cell(table, "%s", ep_cost_tactic_name(cost, run->tactic[k], tactic));
    if (parts.blocks > 0) ep__cell(table, "%.0f", parts.blocks);
    if (parts.blocks > 0) ep__cell(table, "%.0f", parts.rounds);
    if (!(parts.blocks > 0)) ep__cell(table, "-");
    if (!(parts.blocks > 0)) ep__cell(table, "-");
    ep__cell(table, "%s", ep__round3(run->kernel_ns[k] / 1e3).text);
    append_parts(table, &parts, run->kernel_ns[k]);
}

void ep__kernels_section(const ep_report *report, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"kernel",    "layers", "device",
                                         "precision", "tactic", "blocks",
                                         "rounds",    "us",     "of it, overlapping, us"};
    static const ep__align align[] = {EP__RIGHT, EP__NAME,  EP__LEFT,  EP__LEFT, EP__LEFT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__LEFT};
    enum { N = sizeof titles / sizeof *titles };
    const uint32_t m = ep__headline_mode(report), p = report->n_plans - 1;
    if (m == EP_NO_INDEX) return;
    const ep_planned *planned = ep__planned_of(report, p, m);
    const ep_run *run = ep__run_of(report, p, m);
    const ep_point point = point_of(report, p, m);
    ep_text_printf(out, "\nkernels of %s in %s\n", planned->plan.strategy, report->modes[m]->name);
    ep__columns table = {.n = N, .align = align};
    for (uint32_t c = 0; c < N; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t k = 0; k < planned->plan.n_kernels; k++) {
        if (!planned->costs[k].is_view) append_row(&table, planned, run, &point, k);
    }
    ep__columns_end(&table, width, out);
}

static void write_kernel(ep_text *out, const ep_planned *planned, const ep_run *run,
                         const ep_point *point, uint32_t k)
{
    const ep_kernel *kernel = &planned->plan.kernels[k];
    ep_parts parts;
    ep_cost_parts(&planned->costs[k], point, run->tactic[k], &parts);
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "name", kernel->name);
    ep__json_text(out, "device", ep_device_name(kernel->device));
    ep__json_text(out, "precision", ep_precision_name(kernel->precision));
    ep__json_tactic(out, planned, run, k);
    ep__json_number(out, "time_ms", run->kernel_ns[k] / 1e6);
    ep__json_number(out, "energy_mj", run->kernel_nj[k] / 1e6);
    if (parts.blocks > 0) ep__json_number(out, "blocks", parts.blocks);
    if (parts.blocks > 0) ep__json_number(out, "rounds", parts.rounds);
    ep__json_open(out, "parts", '[');
    for (uint32_t i = 0; i < parts.n; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", parts.part[i].name);
        ep__json_number(out, "time_ms", parts.part[i].ns / 1e6);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
}

void ep__json_kernels(ep_text *out, const ep_report *report, uint32_t p, uint32_t m)
{
    const ep_planned *planned = ep__planned_of(report, p, m);
    const ep_point point = point_of(report, p, m);
    ep__json_open(out, "kernels", '[');
    for (uint32_t k = 0; k < planned->plan.n_kernels; k++) {
        if (!planned->costs[k].is_view) {
            write_kernel(out, planned, ep__run_of(report, p, m), &point, k);
        }
    }
    ep__json_close(out, ']');
}
