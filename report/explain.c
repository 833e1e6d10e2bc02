#include "report/format.h"
#include "report/report.h"
#include "report/summary.h"

/* "/conv1/Conv: Convolution (Conv), 1x3x224x224 -> 1x64x112x112" */
static void append_layer(const ep_report_check *check, uint32_t index, ep_text *line)
{
    const ep_layer *layer = &check->layers->layers[index];
    const ep_tensor *tensors = check->layers->network->tensors;
    char text[EP_SHAPE_TEXT];
    ep_text_printf(line, "%s: %s (%s)", layer->name, ep_layer_type_name(layer->type), layer->op);
    for (uint32_t i = 0; i < layer->n_inputs; i++) {
        ep_text_printf(line, "%s%s", i ? ", " : " ",
                       ep_shape_text(&tensors[layer->inputs[i]].shape, text));
    }
    for (uint32_t o = 0; o < layer->n_outputs; o++) {
        ep_text_printf(line, "%s%s", o ? ", " : " -> ",
                       ep_shape_text(&tensors[layer->outputs[o]].shape, text));
    }
}

/* "on dla0 in subgraph 2, int8: 0.0123 ms, 1.2 % of time" */
static void append_place(const ep_report_check *check, uint32_t index, ep_text *line)
{
    const ep_plan *plan = &check->planned->plan;
    const ep__placement placement = ep__placement_of(check->planned, check->run);
    const double ns = check->run->layer_ns[index];
    ep_text_printf(line, "%s: on %s", check->mode->name, ep_device_name(plan->device[index]));
    if (plan->subgraph[index] != EP_NO_INDEX) {
        ep_text_printf(line, " in subgraph %u", (unsigned)plan->subgraph[index]);
    }
    ep_text_printf(
        line, ", %s, %s, %s ms, %s %% of time", ep_precision_name(plan->precision[index]),
        ep__count(check->layers->layers[index].macs, "MACs").text, ep__round3(ns / 1e6).text,
        ep__percent(ns, placement.dla.ns + placement.gpu.ns).text);
}

typedef struct page {
    const ep_machine *machine;
    unsigned width;
    ep_text *out;
} page;

/* A rule that says nothing against the layer, with its bounds. */
static void append_holds(const page *to, const ep_rule *rule)
{
    ep_text line = {0};
    ep_text_printf(&line, "  ok       %s: ", rule->id);
    ep_rule_text(rule, to->machine, &line);
    ep__append_line(to->out, to->width, 9, &line);
}

static void append_refusal(const page *to, const ep_refusal *refusal)
{
    const ep_rule *rule = refusal->rule;
    ep_text line = {0};
    ep_text_printf(&line, "  refused  %s: %s", rule->id, refusal->value);
    if (refusal->bound[0]) ep_text_printf(&line, " (DLA: %s)", refusal->bound);
    if (rule->confidence != EP_DOCUMENTED) {
        ep_text_printf(&line, " (%s)", ep_confidence_name(rule->confidence));
    }
    ep__append_line(to->out, to->width, 9, &line);
    ep_text_printf(&line, "           ");
    ep_rule_text(rule, to->machine, &line);
    ep__append_line(to->out, to->width, 0, &line);
    if (!refusal->hint || !*refusal->hint) return;
    ep_text_printf(&line, "           hint [%s]: %s", ep_change_name(refusal->change),
                   refusal->hint);
    ep__append_line(to->out, to->width, 2, &line);
}

/* What the rule has against the layer in the plan; NULL: nothing. */
static const ep_refusal *find_refusal(const ep_verdict *verdict, const ep_rule *rule)
{
    for (uint32_t r = 0; r < verdict->n_refusals; r++) {
        if (verdict->refusals[r].rule == rule) return &verdict->refusals[r];
    }
    return NULL;
}

/* They are about layers that nothing else is said against. */
static void append_combinations(const page *to, const ep_verdict *verdict)
{
    ep_text_printf(to->out, "\nrules about combinations\n");
    const ep_rule *rule;
    for (uint32_t r = 0; (rule = ep_rule_row(r)); r++) {
        if (!ep_rule_is_about_combinations(rule)) continue;
        const ep_refusal *refusal = find_refusal(verdict, rule);
        if (refusal) {
            append_refusal(to, refusal);
        } else {
            append_holds(to, rule);
        }
    }
}

ep_status ep_report_explain(const ep_report_check *check, uint32_t layer, const ep_trial *trials,
                            uint32_t n, unsigned width, ep_text *out, ep_error *err)
{
    const page to = {.machine = check->machine, .width = width, .out = out};
    ep_text line = {0};
    append_layer(check, layer, &line);
    ep__append_line(out, width, 2, &line);
    append_place(check, layer, &line);
    ep__append_line(out, width, 2, &line);

    ep_text_printf(out, "\nrules about the layer\n");
    bool accepted = check->planned->verdicts;
    for (uint32_t t = 0; t < n; t++) {
        accepted &= trials[t].holds;
        if (trials[t].holds) {
            append_holds(&to, trials[t].refusal.rule);
        } else {
            append_refusal(&to, &trials[t].refusal);
        }
    }
    if (accepted) append_combinations(&to, &check->planned->verdicts[layer]);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
