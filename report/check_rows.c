#include <stdlib.h>

#include "report/check.h"
#include "report/columns.h"
#include "report/csv.h"
#include "report/format.h"
#include "report/json.h"
#include "report/summary.h"

const char *ep__sparsity_name(const ep_sparsity *sparsity)
{
    static const char *const names[] = {[EP_SPARSE_NO] = "no",
                                        [EP_SPARSE_UNKNOWN] = "unknown",
                                        [EP_SPARSE_DENSE] = "dense",
                                        [EP_SPARSE_YES] = "yes"};
    return names[sparsity->state];
}

bool ep__is_fallback(const ep_planned *planned, uint32_t layer)
{
    return planned->verdicts && !ep_device_is_dla(planned->plan.device[layer]);
}

double *ep__subgraph_ns(const ep_plan *plan, const ep_run *run)
{
    double *ns = calloc((size_t)plan->n_subgraphs + 1, sizeof *ns);
    for (uint32_t k = 0; ns && k < plan->n_kernels; k++) {
        const uint32_t s = plan->kernels[k].subgraph;
        if (s != EP_NO_INDEX) ns[s] += run->kernel_ns[k];
    }
    return ns;
}

/* ---- figures ------------------------------------------------------------------------------- */

/* Of the fallbacks, and of the reformats of transitions: of those that bring no network input
 * these are the first, as results leave the network last. */
static double fallback_ns(const ep_report_check *check)
{
    const ep_plan *plan = &check->planned->plan;
    double ns = 0;
    for (uint32_t i = 0; i < plan->layers->n_layers; i++) {
        if (ep__is_fallback(check->planned, i)) ns += check->run->layer_ns[i];
    }
    uint32_t left = plan->transitions;
    for (uint32_t k = 0; left > 0 && k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        if (kernel->kind != EP_KERNEL_REFORMAT) continue;
        if (plan->layers->producer[kernel->inputs[0]] == EP_NO_INDEX) continue;
        ns += check->run->kernel_ns[k];
        left--;
    }
    return ns;
}

/* What one rule refuses. */
typedef struct weight {
    uint64_t macs;
    uint32_t layers;
} weight;

static weight weight_of(const ep_rule *rule, const ep_planned *planned)
{
    const ep_layers *layers = planned->plan.layers;
    weight w = {0};
    for (uint32_t i = 0; i < layers->n_layers; i++) {
        const ep_verdict *verdict = &planned->verdicts[i];
        for (uint32_t r = 0; r < verdict->n_refusals; r++) {
            if (verdict->refusals[r].rule != rule) continue;
            w.macs = ep__add(w.macs, layers->layers[i].macs);
            w.layers++;
            break;
        }
    }
    return w;
}

static const char *first_refusal(const ep_planned *planned)
{
    const char *first = NULL;
    weight heaviest = {0};
    const ep_rule *rule;
    for (uint32_t r = 0; planned->verdicts && (rule = ep_rule_row(r)); r++) {
        const weight w = weight_of(rule, planned);
        const bool heavier =
            w.macs != heaviest.macs ? w.macs > heaviest.macs : w.layers > heaviest.layers;
        if (!heavier) continue;
        heaviest = w;
        first = rule->id;
    }
    return first;
}

ep_report_check_row ep_report_check_row_of(const ep_report_check *check)
{
    const ep__placement placement = ep__placement_of(check->planned, check->run);
    const ep_plan *plan = &check->planned->plan;
    const double ns = placement.dla.ns + placement.gpu.ns;
    return (ep_report_check_row){
        .model = check->layers->network->name,
        .layers = check->layers->n_layers,
        .layers_dla = placement.dla.layers,
        .subgraphs = plan->n_subgraphs,
        .fallbacks = check->planned->verdicts ? placement.gpu.layers : 0,
        .transitions = plan->transitions,
        .macs_dla_pct = ep__dla_percent(&placement),
        .time_dla_pct = ns > 0 ? 100 * placement.dla.ns / ns : 0,
        .latency_ms = check->run->latency_ns / 1e6,
        .gpu_latency_ms = check->gpu_run->latency_ns / 1e6,
        .fallback_ms = fallback_ns(check) / 1e6,
        .first_refusal = first_refusal(check->planned),
    };
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void add_row(ep__columns *table, const ep_report_check_row *row)
{
    ep__cell(table, "%s", row->model);
    if (row->error) {
        for (uint32_t c = 0; c < 9; c++) ep__cell(table, "-");
        ep__cell(table, "%s", row->error);
        return;
    }
    ep__cell(table, "%u", (unsigned)row->layers);
    ep__cell(table, "%u", (unsigned)row->layers_dla);
    ep__cell(table, "%s", ep__percent(row->macs_dla_pct, 100).text);
    ep__cell(table, "%s", ep__percent(row->time_dla_pct, 100).text);
    ep__cell(table, "%u", (unsigned)row->subgraphs);
    ep__cell(table, "%u", (unsigned)row->fallbacks);
    ep__cell(table, "%u", (unsigned)row->transitions);
    ep__cell(table, "%s", ep__round3(row->latency_ms).text);
    ep__cell(table, "%s", ep__round3(row->gpu_latency_ms).text);
    ep__cell(table, "%s", row->first_refusal ? row->first_refusal : "");
}

ep_status ep_report_check_rows(const ep_report_check_row *rows, uint32_t n, unsigned width,
                               ep_text *out, ep_error *err)
{
    static const char *const titles[] = {"model",      "layers",    "on DLA",         "MACs %",
                                         "time %",     "subgraphs", "fallbacks",      "transitions",
                                         "latency ms", "GPU ms",    "refused most by"};
    static const ep__align align[] = {EP__NAME,  EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__LEFT};
    enum { N = sizeof titles / sizeof *titles };
    ep__columns table = {.n = N, .align = align};
    for (uint32_t c = 0; c < N; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < n; i++) add_row(&table, &rows[i]);
    ep__columns_end(&table, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

void ep__json_check_figures(ep_text *out, const ep_report_check_row *row)
{
    ep__json_integer(out, "layers", row->layers);
    ep__json_integer(out, "layers_dla", row->layers_dla);
    ep__json_number(out, "macs_dla_pct", row->macs_dla_pct);
    ep__json_number(out, "time_dla_pct", row->time_dla_pct);
    ep__json_integer(out, "subgraphs", row->subgraphs);
    ep__json_integer(out, "fallbacks", row->fallbacks);
    ep__json_integer(out, "transitions", row->transitions);
    ep__json_number(out, "fallback_ms", row->fallback_ms);
    ep__json_number(out, "latency_ms", row->latency_ms);
    ep__json_number(out, "gpu_latency_ms", row->gpu_latency_ms);
    if (row->first_refusal) {
        ep__json_text(out, "first_refusal", row->first_refusal);
    } else {
        ep__json_null(out, "first_refusal");
    }
}

ep_status ep_report_check_rows_json(const ep_report_check_row *rows, uint32_t n, ep_text *out,
                                    ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_open(out, "models", '[');
    for (uint32_t i = 0; i < n; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "model", rows[i].model);
        if (rows[i].error) {
            ep__json_text(out, "error", rows[i].error);
        } else {
            ep__json_check_figures(out, &rows[i]);
        }
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

static void csv_figures(ep_text *out, const ep_report_check_row *row)
{
    ep__csv_integer(out, row->layers);
    ep__csv_integer(out, row->layers_dla);
    ep__csv_number(out, row->macs_dla_pct);
    ep__csv_number(out, row->time_dla_pct);
    ep__csv_integer(out, row->subgraphs);
    ep__csv_integer(out, row->fallbacks);
    ep__csv_integer(out, row->transitions);
    ep__csv_number(out, row->fallback_ms);
    ep__csv_number(out, row->latency_ms);
    ep__csv_number(out, row->gpu_latency_ms);
    ep__csv_text(out, row->first_refusal ? row->first_refusal : "");
}

ep_status ep_report_check_rows_csv(const ep_report_check_row *rows, uint32_t n, ep_text *out,
                                   ep_error *err)
{
    enum { FIGURES = 11 };
    ep_text_printf(out, "model,layers,layers_dla,macs_dla_pct,time_dla_pct,subgraphs,fallbacks,"
                        "transitions,fallback_ms,latency_ms,gpu_latency_ms,first_refusal,error\n");
    for (uint32_t i = 0; i < n; i++) {
        ep__csv_text(out, rows[i].model);
        if (rows[i].error) {
            for (uint32_t c = 0; c < FIGURES; c++) ep__csv_text(out, "");
        } else {
            csv_figures(out, &rows[i]);
        }
        ep__csv_text(out, rows[i].error ? rows[i].error : "");
        ep__csv_end_row(out);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
