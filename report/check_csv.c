#include "report/check.h"
#include "report/csv.h"

/* One of the texts of a refusal. */
typedef const char *(*text_of)(const ep_refusal *refusal);

static const char *rule_of(const ep_refusal *refusal)
{
    return refusal->rule->id;
}
static const char *value_of(const ep_refusal *refusal)
{
    return refusal->value;
}
static const char *bound_of(const ep_refusal *refusal)
{
    return refusal->bound;
}
static const char *hint_of(const ep_refusal *refusal)
{
    return refusal->hint ? refusal->hint : "";
}
static const char *change_of(const ep_refusal *refusal)
{
    return ep_change_name(refusal->change);
}
static const char *confidence_of(const ep_refusal *refusal)
{
    return ep_confidence_name(refusal->rule->confidence);
}

/* The text of every refusal, in one field. */
static void joined(ep_text *out, const ep_verdict *verdict, text_of text)
{
    ep_text field = {0};
    for (uint32_t r = 0; verdict && r < verdict->n_refusals; r++) {
        ep_text_printf(&field, "%s%s", r ? "; " : "", text(&verdict->refusals[r]));
    }
    ep__csv_text(out, ep_text_cstr(&field));
    if (field.failed) {
        ep_text_free(out);
        out->failed = true;
    }
    ep_text_free(&field);
}

static void layer_row(ep_text *out, const ep_report_check *check, uint32_t i)
{
    static const text_of columns[] = {rule_of, value_of,  bound_of,
                                      hint_of, change_of, confidence_of};
    const ep_plan *plan = &check->planned->plan;
    const ep_layer *layer = &check->layers->layers[i];
    const ep_verdict *verdict = check->planned->verdicts ? &check->planned->verdicts[i] : NULL;
    ep__csv_text(out, check->layers->network->name);
    ep__csv_text(out, layer->name);
    ep__csv_text(out, layer->op);
    ep__csv_text(out, ep_layer_type_name(layer->type));
    ep__csv_text(out, ep_device_is_dla(plan->device[i]) ? "true" : "false");
    ep__csv_text(out, ep_device_name(plan->device[i]));
    ep__csv_text(out, ep_precision_name(plan->precision[i]));
    ep__csv_number(out, check->run->layer_ns[i] / 1e6);
    ep__csv_integer(out, layer->macs);
    ep__csv_text(out, ep__sparsity_name(&check->sparsity[i]));
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) joined(out, verdict, columns[c]);
    ep__csv_end_row(out);
}

ep_status ep_report_check_csv(const ep_report_check *check, ep_text *out, ep_error *err)
{
    ep_text_printf(out, "model,layer,op,type,dla,device,precision,time_ms,macs,sparsity,refused,"
                        "value,bound,hint,change,confidence\n");
    for (uint32_t i = 0; i < check->layers->n_layers; i++) layer_row(out, check, i);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
