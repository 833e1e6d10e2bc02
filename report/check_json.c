#include <stdlib.h>

#include "report/check.h"
#include "report/json.h"
#include "report/plans_json.h"
#include "report/summary.h"

static void write_sparsity(ep_text *out, const ep_sparsity *sparsity)
{
    ep__json_open(out, "sparsity", '{');
    ep__json_text(out, "state", ep__sparsity_name(sparsity));
    if (sparsity->why) {
        ep__json_text(out, "why", sparsity->why);
    } else {
        ep__json_null(out, "why");
    }
    ep__json_close(out, '}');
}

static void write_layers(ep_text *out, const ep_report_check *check)
{
    const ep_plan *plan = &check->planned->plan;
    ep__json_open(out, "layers", '[');
    for (uint32_t i = 0; i < check->layers->n_layers; i++) {
        const ep_layer *layer = &check->layers->layers[i];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", layer->name);
        ep__json_text(out, "op", layer->op);
        ep__json_text(out, "type", ep_layer_type_name(layer->type));
        ep__json_bool(out, "dla", ep_device_is_dla(plan->device[i]));
        ep__json_text(out, "device", ep_device_name(plan->device[i]));
        ep__json_text(out, "precision", ep_precision_name(plan->precision[i]));
        ep__json_number(out, "time_ms", check->run->layer_ns[i] / 1e6);
        ep__json_integer(out, "macs", layer->macs);
        write_sparsity(out, &check->sparsity[i]);
        ep__json_refused(out, check->planned->verdicts ? &check->planned->verdicts[i] : NULL);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_subgraphs(ep_text *out, const ep_report_check *check, const double *ns)
{
    const ep_plan *plan = &check->planned->plan;
    const ep_layer *layers = check->layers->layers;
    ep__json_open(out, "subgraphs", '[');
    for (uint32_t s = 0; s < plan->n_subgraphs; s++) {
        const ep_subgraph *subgraph = &plan->subgraphs[s];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "device", ep_device_name(subgraph->device));
        ep__json_integer(out, "layers", subgraph->n_layers);
        ep__json_integer(out, "macs", subgraph->macs);
        ep__json_number(out, "time_ms", ns[s] / 1e6);
        ep__json_text(out, "first", layers[subgraph->layers[0]].name);
        ep__json_text(out, "last", layers[subgraph->layers[subgraph->n_layers - 1]].name);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_boundaries(ep_text *out, const ep_report_check *check)
{
    ep__json_open(out, "boundaries", '[');
    for (uint32_t i = 0; i < check->n_boundaries; i++) {
        const ep_boundary *b = &check->boundaries[i];
        ep__json_open(out, NULL, '{');
        ep__json_integer(out, "subgraph", b->subgraph);
        ep__json_text(out, "tensor", check->layers->network->tensors[b->tensor].name);
        ep__json_bool(out, "enters", b->enters);
        ep__json_text(out, "format", b->format);
        ep__json_text(out, "other", b->other);
        ep__json_bool(out, "reformat", b->reformat);
        ep__json_integer(out, "bytes", b->bytes);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_advice(ep_text *out, const ep_report_check *check)
{
    ep__json_open(out, "advice", '[');
    for (uint32_t i = 0; i < check->n_advice; i++) {
        const ep_advice *advice = &check->advice[i];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "id", advice->id);
        ep__json_text(out, "text", advice->text);
        ep__json_text(out, "hint", advice->hint ? advice->hint : "");
        ep__json_text(out, "change", ep_change_name(advice->change));
        ep__json_number(out, "time_ms", advice->ns / 1e6);
        ep__json_open(out, "layers", '[');
        for (uint32_t l = 0; l < advice->n_layers; l++) {
            ep__json_text(out, NULL, check->layers->layers[advice->layers[l]].name);
        }
        ep__json_close(out, ']');
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_verdict(ep_text *out, const ep_report_check *check)
{
    const ep_report_check_row row = ep_report_check_row_of(check);
    ep__json_open(out, "verdict", '{');
    ep__json_check_figures(out, &row);
    ep__json_close(out, '}');
}

/* What was asked. */
static void write_question(ep_text *out, const ep_report_check *check)
{
    const ep_machine *machine = check->machine;
    ep__json_text(out, "hardware", machine->name);
    if (machine->overrides) ep__json_text(out, "set", machine->overrides);
    if (machine->dla_software) {
        ep__json_text(out, "dla_software", machine->dla_software);
    } else {
        ep__json_null(out, "dla_software");
    }
    ep__json_text(out, "mode", check->mode->name);
    ep__json_text(out, "model", check->layers->network->name);
    ep__json_integer(out, "batch", (uint64_t)check->batch);
    ep__json_text(out, "precision", ep_precision_choice_name(check->precision));
    ep__json_text(out, "dla", ep_dla_choice_name(check->dla));
}

ep_status ep_report_check_json(const ep_report_check *check, ep_text *out, ep_error *err)
{
    double *ns = ep__subgraph_ns(&check->planned->plan, check->run);
    if (!ns) return ep_fail_memory(err);
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    write_question(out, check);
    write_verdict(out, check);
    ep__json_placement(out, check->planned, check->run);
    write_layers(out, check);
    write_subgraphs(out, check, ns);
    write_boundaries(out, check);
    write_advice(out, check);
    ep__json_ranking(out, check->ranking);
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    free(ns);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
