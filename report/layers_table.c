#include <stdlib.h>
#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/summary.h"
#include "report/table.h"

void ep__type_cell(ep__columns *table, const ep_layer *layer)
{
    const char *function = ep_function_name(layer->function);
    const char *type = ep_layer_type_name(layer->type);
    if (strcmp(function, "other") == 0 || layer->type == EP_LAYER_PLUGIN) function = layer->op;
    if (strcmp(function, type) == 0) function = "";
    ep__cell(table, "%s%s%s", type, *function ? " " : "", function);
}

/* Rule ids, each once, joined by commas. */
static void refused_cell(ep__columns *table, const ep_verdict *verdict)
{
    for (uint32_t r = 0; r < verdict->n_refusals; r++) {
        const ep_rule *rule = verdict->refusals[r].rule;
        bool repeated = false;
        for (uint32_t before = 0; before < r; before++) {
            repeated |= verdict->refusals[before].rule == rule;
        }
        if (!repeated) ep_text_printf(&table->cells, "%s%s", r ? ", " : "", rule->id);
    }
    ep__cell(table, "%s", "");
}

/* Of the layer's kernel. */
static void tactic_cell(ep__columns *table, const ep_planned *planned, const ep_run *run,
                        uint32_t kernel)
{
    char name[EP_TACTIC_TEXT] = "";
    if (run && kernel != EP_NO_INDEX) {
        ep_cost_tactic_name(&planned->costs[kernel], run->tactic[kernel], name);
    }
    ep__cell(table, "%s", name);
}

static void append_rows(const ep_planned *planned, const ep_run *run, const uint32_t *kernel_of,
                        ep__columns *table)
{
    const ep_plan *plan = &planned->plan;
    for (uint32_t i = 0; i < plan->layers->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[i];
        ep__cell(table, "%s", layer->name);
        ep__type_cell(table, layer);
        ep__cell(table, "%s", ep_device_name(plan->device[i]));
        ep__cell(table, "%s", ep_precision_name(plan->precision[i]));
        ep__cell(table, "%s", ep__count(layer->macs, "").text);
        if (run) ep__cell(table, "%.4f", run->layer_ns[i] / 1e6);
        if (run) ep__cell(table, "%s", ep__round3(run->layer_nj[i] / 1e6).text);
        if (!run) ep__cell(table, "-");
        if (!run) ep__cell(table, "-");
        if (kernel_of[i] != EP_NO_INDEX) ep__cell(table, "%u", (unsigned)kernel_of[i]);
        if (kernel_of[i] == EP_NO_INDEX) ep__cell(table, "-");
        tactic_cell(table, planned, run, kernel_of[i]);
        if (planned->verdicts) refused_cell(table, &planned->verdicts[i]);
    }
}

/* What the rows do not hold. */
static void append_sum(const ep_plan *plan, const ep_run *run, ep_text *out)
{
    double layers_ns = 0, reformats_ns = 0, layers_nj = 0, reformats_nj = 0;
    for (uint32_t i = 0; i < plan->layers->n_layers; i++) {
        layers_ns += run->layer_ns[i];
        layers_nj += run->layer_nj[i];
    }
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        if (plan->kernels[k].kind != EP_KERNEL_REFORMAT) continue;
        reformats_ns += run->kernel_ns[k];
        reformats_nj += run->kernel_nj[k];
    }
    ep_text_printf(out, "layers %s ms, reformats %s ms; latency %s ms\n",
                   ep__round3(layers_ns / 1e6).text, ep__round3(reformats_ns / 1e6).text,
                   ep__round3(run->latency_ns / 1e6).text);
    ep_text_printf(out, "layers %s mJ, reformats and submissions %s mJ, idle %s mJ; batch %s mJ\n",
                   ep__round3(layers_nj / 1e6).text,
                   ep__round3((reformats_nj + run->submit_nj) / 1e6).text,
                   ep__round3(run->idle_w * run->period_ns / 1e6).text,
                   ep__round3(run->power_w * run->period_ns / 1e6).text);
}

ep_status ep__layers_section(const ep_report *report, unsigned width, ep_text *out, ep_error *err)
{
    static const char *const titles[] = {"layer", "type", "device", "precision", "MACs",
                                         "ms",    "mJ",   "kernel", "tactic",    "refused by"};
    static const ep__align align[] = {EP__NAME,  EP__NAME,  EP__LEFT,  EP__LEFT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__LEFT, EP__NAME};
    enum { N = sizeof titles / sizeof *titles };
    const ep_planned *planned = ep__headline(report)->planned;
    const uint32_t m = ep__headline_mode(report);
    const ep_run *run = m == EP_NO_INDEX ? NULL : ep__run_of(report, report->n_plans - 1, m);
    uint32_t *kernel_of = ep__kernel_of_layers(&planned->plan);
    if (!kernel_of) return ep_fail_memory(err);

    ep_text_printf(out, "layers of %s", planned->plan.strategy);
    if (run) ep_text_printf(out, " in %s", report->modes[m]->name);
    ep_text_printf(out, "\n");
    ep__columns table = {.n = planned->verdicts ? N : N - 1, .align = align};
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    append_rows(planned, run, kernel_of, &table);
    free(kernel_of);
    ep__columns_end(&table, width, out);
    if (run) append_sum(&planned->plan, run, out);
    return EP_OK;
}
