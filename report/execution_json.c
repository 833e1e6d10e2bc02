/* `plan run` for programs. */
#include "report/execution.h"
#include "report/json.h"

void ep__json_type(ep_dtype dtype, const ep_shape *shape, ep_text *out)
{
    ep__json_text(out, "type", ep_dtype_name(dtype));
    ep__json_open(out, "shape", '[');
    for (int i = 0; i < shape->rank; i++) {
        ep__json_integer(out, NULL, (uint64_t)shape->dims[i]);
    }
    ep__json_close(out, ']');
}

void ep__json_inputs(const ep_execution *execution, ep_text *out)
{
    const ep_network *network = execution->network;
    ep__json_open(out, "inputs", '[');
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const ep_tensor *input = &network->tensors[network->inputs[i]];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", input->name);
        ep__json_type(input->dtype, &input->shape, out);
        ep__json_text(out, "source", execution->sources[i]);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_figures(const ep_array *array, ep_text *out)
{
    ep_array_summary summary;
    ep_summarise(array, &summary);
    ep__json_type(array->dtype, &array->shape, out);
    ep__json_number(out, "min", summary.min);
    ep__json_number(out, "max", summary.max);
    ep__json_number(out, "mean", summary.mean);
    ep__json_integer(out, "nan", summary.nans);
    ep__json_integer(out, "inf", summary.infs);
}

static void write_outputs(const ep_execution *execution, ep_text *out)
{
    const ep_network *network = execution->network;
    ep__json_open(out, "outputs", '[');
    for (uint32_t i = 0; i < network->n_outputs; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", network->tensors[network->outputs[i]].name);
        write_figures(ep_session_output(execution->session, i), out);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_layers(const ep_execution *execution, ep_text *out)
{
    const ep_network *network = execution->network;
    ep__json_open(out, "layers", '[');
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        for (uint32_t k = 0; k < network->nodes[i].n_outputs; k++) {
            const ep_array *array = ep_execution_layer(execution, i, k);
            if (!array) continue;
            ep__json_open(out, NULL, '{');
            ep__json_text(out, "name", network->tensors[network->nodes[i].outputs[k]].name);
            ep__json_text(out, "node", network->nodes[i].name);
            ep__json_text(out, "op", network->nodes[i].op_type);
            write_figures(array, out);
            ep__json_close(out, '}');
        }
    }
    ep__json_close(out, ']');
}

static void write_cost(double ns, uint64_t macs, ep_text *out)
{
    ep__json_number(out, "time_ms", ns / 1e6);
    if (macs) {
        ep__json_integer(out, "macs", macs);
    } else {
        ep__json_null(out, "macs");
    }
}

static void write_profile(const ep_execution *execution, const ep_profile *profile, ep_text *out)
{
    ep__json_open(out, "operators", '[');
    for (uint32_t i = 0; i < profile->n_ops; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "op", profile->ops[i].op);
        ep__json_integer(out, "nodes", profile->ops[i].nodes);
        write_cost(profile->ops[i].ns, profile->ops[i].macs, out);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_open(out, "nodes", '[');
    for (uint32_t i = 0; i < execution->network->n_nodes; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", execution->network->nodes[i].name);
        ep__json_text(out, "op", execution->network->nodes[i].op_type);
        write_cost(profile->node_ns[i], profile->node_macs[i], out);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_losses(const ep_execution *execution, ep_text *out)
{
    const ep_loss *losses = ep_session_losses(execution->session);
    ep__json_text(out, "strategy", execution->planned->plan.strategy);
    ep__json_open(out, "losses", '[');
    for (uint32_t t = 0; t < execution->network->n_tensors; t++) {
        if (!losses[t].overflowed && !losses[t].saturated) continue;
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", execution->network->tensors[t].name);
        ep__json_integer(out, "rounded", losses[t].n);
        ep__json_integer(out, "overflowed", losses[t].overflowed);
        ep__json_integer(out, "saturated", losses[t].saturated);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

ep_status ep_report_execution_json(const ep_execution *execution, const ep_timing *timing,
                                   const ep_profile *profile, ep_text *out, ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "model", execution->network->name);
    ep__json_integer(out, "batch", (uint64_t)execution->network->batch_to);
    ep__json_integer(out, "threads", execution->threads);
    ep__json_inputs(execution, out);
    write_outputs(execution, out);
    if (execution->keeps_all) write_layers(execution, out);
    if (execution->planned) write_losses(execution, out);
    ep__json_integer(out, "runs", timing->runs);
    ep__json_bool(out, "warm", timing->warm);
    ep__json_number(out, "latency_ms", timing->median_ns / 1e6);
    ep__json_number(out, "latency_least_ms", timing->least_ns / 1e6);
    ep__json_number(out, "latency_most_ms", timing->most_ns / 1e6);
    ep__json_integer(out, "peak_bytes", ep_session_peak_bytes(execution->session));
    if (profile) write_profile(execution, profile, out);
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
