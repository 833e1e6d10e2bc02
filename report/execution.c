/* `plan run` for people. */
#include "report/execution.h"

#include "report/columns.h"
#include "report/format.h"

void ep__append_inputs(const ep_execution *execution, unsigned width, ep_text *out)
{
    const ep_network *network = execution->network;
    char shape[EP_SHAPE_TEXT];
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const ep_tensor *input = &network->tensors[network->inputs[i]];
        ep_text line = {0};
        ep_text_printf(&line, "input %s: %s %s, %s", input->name, ep_dtype_name(input->dtype),
                       ep_shape_text(&input->shape, shape), execution->sources[i]);
        ep__append_line(out, width, 2, &line);
    }
}

enum { FIGURES = 7 };
static const char *const figure_titles[FIGURES] = {"type", "shape", "min", "max",
                                                   "mean", "NaN",   "Inf"};

static void figure_cells(ep__columns *table, const ep_array *array)
{
    char shape[EP_SHAPE_TEXT];
    ep_array_summary summary;
    ep_summarise(array, &summary);
    ep__cell(table, "%s", ep_dtype_name(array->dtype));
    ep__cell(table, "%s", ep_shape_text(&array->shape, shape));
    ep__cell(table, "%s", ep__general(summary.min).text);
    ep__cell(table, "%s", ep__general(summary.max).text);
    ep__cell(table, "%s", ep__general(summary.mean).text);
    ep__cell(table, "%llu", (unsigned long long)summary.nans);
    ep__cell(table, "%llu", (unsigned long long)summary.infs);
}

static void append_outputs(const ep_execution *execution, unsigned width, ep_text *out)
{
    static const ep__align align[1 + FIGURES] = {EP__NAME,  EP__LEFT,  EP__LEFT,  EP__RIGHT,
                                                 EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT};
    const ep_network *network = execution->network;
    ep__columns table = {.n = 1 + FIGURES, .align = align};
    ep__cell(&table, "output");
    for (uint32_t c = 0; c < FIGURES; c++) ep__cell(&table, "%s", figure_titles[c]);
    for (uint32_t i = 0; i < network->n_outputs; i++) {
        ep__cell(&table, "%s", network->tensors[network->outputs[i]].name);
        figure_cells(&table, ep_session_output(execution->session, i));
    }
    ep__columns_end(&table, width, out);
}

static void append_layers(const ep_execution *execution, unsigned width, ep_text *out)
{
    static const ep__align align[2 + FIGURES] = {EP__NAME,  EP__NAME,  EP__LEFT,
                                                 EP__LEFT,  EP__RIGHT, EP__RIGHT,
                                                 EP__RIGHT, EP__RIGHT, EP__RIGHT};
    const ep_network *network = execution->network;
    ep__columns table = {.n = 2 + FIGURES, .align = align};
    ep__cell(&table, "tensor");
    ep__cell(&table, "operator");
    for (uint32_t c = 0; c < FIGURES; c++) ep__cell(&table, "%s", figure_titles[c]);
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        for (uint32_t k = 0; k < network->nodes[i].n_outputs; k++) {
            const ep_array *array = ep_execution_layer(execution, i, k);
            if (!array) continue;
            ep__cell(&table, "%s", network->tensors[network->nodes[i].outputs[k]].name);
            ep__cell(&table, "%s", network->nodes[i].op_type);
            figure_cells(&table, array);
        }
    }
    ep_text_printf(out, "\n");
    ep__columns_end(&table, width, out);
}

/* ---- what rounding lost -------------------------------------------------------------------- */

void ep__loss_cells(ep__columns *table, const ep_loss *loss)
{
    ep__cell(table, "%s",
             loss->overflowed ? ep__percent((double)loss->overflowed, (double)loss->n).text : "");
    ep__cell(table, "%s",
             loss->saturated ? ep__percent((double)loss->saturated, (double)loss->n).text : "");
}

static bool has_lost(const ep_loss *loss)
{
    return loss->overflowed > 0 || loss->saturated > 0;
}

/* Tensors of a plan that became infinite in FP16 or saturated in INT8, in their order. */
static void append_losses(const ep_execution *execution, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"lost by rounding", "Inf %", "saturated %"};
    static const ep__align align[] = {EP__NAME, EP__RIGHT, EP__RIGHT};
    const ep_loss *losses = ep_session_losses(execution->session);
    const ep_network *network = execution->network;
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    bool any = false;
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t t = 0; losses && t < network->n_tensors; t++) {
        if (!has_lost(&losses[t])) continue;
        any = true;
        ep__cell(&table, "%s", network->tensors[t].name);
        ep__loss_cells(&table, &losses[t]);
    }
    ep_text shown = {0};
    ep__columns_end(&table, width, &shown);
    if (any) ep_text_printf(out, "\n%s", ep_text_cstr(&shown));
    ep_text_free(&shown);
}

static void append_timing(const ep_timing *timing, ep_text *out)
{
    ep_text_printf(out, "latency: %s ms", ep__round3(timing->median_ns / 1e6).text);
    if (timing->warm) {
        ep_text_printf(out, ", median of %u after one to warm up; least %s, most %s\n",
                       (unsigned)timing->runs, ep__round3(timing->least_ns / 1e6).text,
                       ep__round3(timing->most_ns / 1e6).text);
    } else {
        ep_text_printf(out, ", the first run\n");
    }
}

/* ---- profile ------------------------------------------------------------------------------- */

/* Adds milliseconds, share and rate. */
static void time_cells(ep__columns *table, double ns, double total_ns, uint64_t macs)
{
    ep__cell(table, "%s", ep__round3(ns / 1e6).text);
    ep__cell(table, "%s", ep__percent(ns, total_ns).text);
    ep__cell(table, "%s", macs && ns > 0 ? ep__round3(2 * (double)macs / ns).text : "");
}

static void append_ops(const ep_profile *profile, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"operator", "nodes", "ms", "%", "GFLOP/s"};
    static const ep__align align[] = {EP__NAME, EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT};
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < profile->n_ops; i++) {
        const ep_profile_op *op = &profile->ops[i];
        ep__cell(&table, "%s", op->op);
        ep__cell(&table, "%u", (unsigned)op->nodes);
        time_cells(&table, op->ns, profile->total_ns, op->macs);
    }
    ep__columns_end(&table, width, out);
}

static void append_slowest(const ep_execution *execution, const ep_profile *profile, unsigned width,
                           ep_text *out)
{
    enum { SHOWN = 10 };
    static const char *const titles[] = {"slowest nodes", "operator", "output", "ms", "%",
                                         "GFLOP/s"};
    static const ep__align align[] = {EP__NAME,  EP__NAME,  EP__LEFT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT};
    const ep_network *network = execution->network;
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < network->n_nodes && i < SHOWN; i++) {
        const uint32_t at = profile->nodes[i];
        const ep_node *node = &network->nodes[at];
        const uint32_t output = node->n_outputs ? node->outputs[0] : EP_NO_INDEX;
        const bool known = output != EP_NO_INDEX && network->tensors[output].has_shape;
        char shape[EP_SHAPE_TEXT];
        ep__cell(&table, "%s", node->name);
        ep__cell(&table, "%s", node->op_type);
        ep__cell(&table, "%s", known ? ep_shape_text(&network->tensors[output].shape, shape) : "?");
        time_cells(&table, profile->node_ns[at], profile->total_ns, profile->node_macs[at]);
    }
    ep__columns_end(&table, width, out);
}

/* ", kernels: 12 int8, 3 fp16" */
static void append_precisions(const ep_plan *plan, ep_text *line)
{
    uint32_t count[EP_PRECISION_COUNT] = {0};
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        if (plan->kernels[k].kind == EP_KERNEL_LAYERS) count[plan->kernels[k].precision]++;
    }
    const char *before = ", kernels:";
    for (int p = EP_PRECISION_COUNT - 1; p >= 0; p--) {
        if (count[p] == 0) continue;
        ep_text_printf(line, "%s %u %s", before, (unsigned)count[p],
                       ep_precision_name((ep_precision)p));
        before = ",";
    }
}

ep_status ep_report_execution(const ep_execution *execution, const ep_timing *timing,
                              const ep_profile *profile, unsigned width, ep_text *out,
                              ep_error *err)
{
    const ep_network *network = execution->network;
    ep_text line = {0};
    ep_text_printf(&line, "%s: opset %d, batch %lld, ", network->name, network->opset,
                   (long long)network->batch_to);
    ep__append_plural(&line, execution->threads, "thread");
    if (execution->planned) {
        ep_text_printf(&line, ", as planned: strategy %s", execution->planned->plan.strategy);
        append_precisions(&execution->planned->plan, &line);
    }
    ep__append_line(out, width, 2, &line);
    ep__append_inputs(execution, width, out);
    ep_text_printf(out, "\n");
    append_outputs(execution, width, out);
    if (execution->keeps_all) append_layers(execution, width, out);
    append_losses(execution, width, out);
    ep_text_printf(out, "\n");
    append_timing(timing, out);
    ep_text_printf(out, "memory: %s of values at once\n",
                   ep__bytes(ep_session_peak_bytes(execution->session)).text);
    if (profile && network->n_nodes) {
        ep_text_printf(out, "\n");
        append_ops(profile, width, out);
        ep_text_printf(out, "\n");
        append_slowest(execution, profile, width, out);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
