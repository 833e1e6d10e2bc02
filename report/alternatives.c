#include "report/columns.h"
#include "report/format.h"
#include "report/report.h"
#include "report/summary.h"

static void append_row(ep__columns *table, const ep_alternative *row, const ep_run *planned)
{
    ep__cell(table, "%s", ep_device_name(row->device));
    ep__cell(table, "%s", ep_precision_name(row->precision));
    ep__cell(table, "%.4f", row->layer_ns / 1e6);
    ep__cell(table, "%s", ep__round3(row->layer_nj / 1e6).text);
    ep__cell(table, "%s", ep__round3(row->run.latency_ns / 1e6).text);
    ep__cell(table, "%s", ep__round3(row->run.energy_mj).text);
    ep__cell(table, "%u", (unsigned)row->n_subgraphs);
    ep__cell(table, "%u", (unsigned)row->transitions);
    if (row->is_planned) {
        ep__cell(table, "as planned");
    } else {
        ep__cell(table, "%+.1f %% latency, %+.1f %% energy",
                 100 * (row->run.latency_ns / planned->latency_ns - 1),
                 100 * (row->run.energy_mj / planned->energy_mj - 1));
    }
}

ep_status ep_report_alternatives(const ep_report *report, uint32_t m, uint32_t layer,
                                 const ep_alternative *alternatives, uint32_t n, unsigned width,
                                 ep_text *out, ep_error *err)
{
    static const char *const titles[] = {"device",    "precision",   "layer ms",
                                         "layer mJ",  "whole ms",    "mJ/frame",
                                         "subgraphs", "transitions", "change of the whole"};
    static const ep__align align[] = {EP__LEFT,  EP__LEFT,  EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__LEFT};
    enum { N = sizeof titles / sizeof *titles };
    const uint32_t p = report->n_plans - 1;
    const ep_run *run = ep__run_of(report, p, m);
    const ep_layer *l = &report->layers->layers[layer];
    ep_text_printf(out, "%s: %s (%s), %s in %s\n", l->name, ep_layer_type_name(l->type), l->op,
                   ep__planned_of(report, p, m)->plan.strategy, report->modes[m]->name);
    ep__columns table = {.n = N, .align = align};
    for (uint32_t c = 0; c < N; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < n; i++) {
        if (!alternatives[i].refused[0]) append_row(&table, &alternatives[i], run);
    }
    ep__columns_end(&table, width, out);
    for (uint32_t i = 0; i < n; i++) {
        if (!alternatives[i].refused[0]) continue;
        ep_text line = {0};
        ep_text_printf(&line, "%s", alternatives[i].refused);
        ep__append_line(out, width, 2, &line);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
