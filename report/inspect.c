#include <string.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/summary.h"
#include "report/table.h"

/* Of one layer, or of all. */
typedef struct totals {
    uint64_t macs, params, elements;
} totals;

static totals totals_of(const ep_layers *layers)
{
    totals sum = {0};
    for (uint32_t i = 0; i < layers->n_layers; i++) {
        const ep_layer *layer = &layers->layers[i];
        sum.macs = ep__add(sum.macs, layer->macs);
        sum.params = ep__add(sum.params, layer->params);
        sum.elements = ep__add(sum.elements, layer->elements);
    }
    return sum;
}

/* ---- for people ---------------------------------------------------------------------------- */

/* "2 of 1x64x56x56, 1x32x56x56, ...": equal neighbours once, at most three. */
static void shapes_cell(ep__columns *table, const ep_network *network, const uint32_t *tensors,
                        uint32_t n)
{
    char text[EP_SHAPE_TEXT];
    uint32_t shown = 0;
    for (uint32_t i = 0, next; i < n; i = next) {
        const ep_shape *shape = &network->tensors[tensors[i]].shape;
        for (next = i + 1; next < n; next++) {
            if (!ep_shape_equal(shape, &network->tensors[tensors[next]].shape)) break;
        }
        if (i) ep_text_printf(&table->cells, ", ");
        if (shown++ == 3) {
            ep_text_printf(&table->cells, "...");
            break;
        }
        if (next - i > 1) ep_text_printf(&table->cells, "%u of ", (unsigned)(next - i));
        ep_text_printf(&table->cells, "%s", ep_shape_text(shape, text));
    }
    ep__cell(table, "%s", "");
}

/* "input data: float32 1x3x224x224" */
static void append_ends(const ep_network *network, const char *kind, const uint32_t *tensors,
                        uint32_t n, unsigned width, ep_text *out)
{
    char text[EP_SHAPE_TEXT];
    for (uint32_t i = 0; i < n; i++) {
        const ep_tensor *tensor = &network->tensors[tensors[i]];
        ep_text line = {0};
        ep_text_printf(&line, "%s %s: %s %s", kind, tensor->name, ep_dtype_name(tensor->dtype),
                       ep_shape_text(&tensor->shape, text));
        ep__append_line(out, width, 2, &line);
    }
}

static void append_layers(const ep_layers *layers, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"layer", "type",       "input",   "output",
                                         "MACs",  "parameters", "elements"};
    static const ep__align align[] = {EP__NAME,  EP__NAME,  EP__NAME, EP__NAME,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT};
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    for (uint32_t c = 0; c < table.n; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < layers->n_layers; i++) {
        const ep_layer *layer = &layers->layers[i];
        ep__cell(&table, "%s", layer->name);
        ep__type_cell(&table, layer);
        shapes_cell(&table, layers->network, layer->inputs, layer->n_inputs);
        shapes_cell(&table, layers->network, layer->outputs, layer->n_outputs);
        ep__cell(&table, "%s", ep__count(layer->macs, "").text);
        ep__cell(&table, "%s", ep__count(layer->params, "").text);
        ep__cell(&table, "%s", ep__count(layer->elements, "").text);
    }
    ep__columns_end(&table, width, out);
}

ep_status ep_report_inspect(const ep_layers *layers, unsigned width, ep_text *out, ep_error *err)
{
    const ep_network *network = layers->network;
    const totals sum = totals_of(layers);
    ep_text line = {0};
    ep_text_printf(&line, "%s: opset %d, batch %lld", network->name, network->opset,
                   (long long)network->batch_to);
    ep__append_line(out, width, 2, &line);
    append_ends(network, "input", network->inputs, network->n_inputs, width, out);
    append_ends(network, "output", network->outputs, network->n_outputs, width, out);
    ep_text_printf(out, "\n");
    append_layers(layers, width, out);
    ep_text_printf(&line, "%u layers, %s, %s parameters, %s elements", (unsigned)layers->n_layers,
                   ep__count(sum.macs, "MACs").text, ep__count(sum.params, "").text,
                   ep__count(sum.elements, "").text);
    ep__append_line(out, width, 2, &line);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- for programs -------------------------------------------------------------------------- */

static void write_shape(ep_text *out, const char *key, const ep_shape *shape)
{
    ep__json_open(out, key, '[');
    for (int i = 0; i < shape->rank; i++) {
        ep__json_integer(out, NULL, (uint64_t)shape->dims[i]);
    }
    ep__json_close(out, ']');
}

static void write_shapes(ep_text *out, const char *key, const ep_network *network,
                         const uint32_t *tensors, uint32_t n)
{
    ep__json_open(out, key, '[');
    for (uint32_t i = 0; i < n; i++) write_shape(out, NULL, &network->tensors[tensors[i]].shape);
    ep__json_close(out, ']');
}

static void write_ends(ep_text *out, const char *key, const ep_network *network,
                       const uint32_t *tensors, uint32_t n)
{
    ep__json_open(out, key, '[');
    for (uint32_t i = 0; i < n; i++) {
        const ep_tensor *tensor = &network->tensors[tensors[i]];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", tensor->name);
        ep__json_text(out, "type", ep_dtype_name(tensor->dtype));
        write_shape(out, "shape", &tensor->shape);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

static void write_counts(ep_text *out, const totals *counts)
{
    ep__json_integer(out, "macs", counts->macs);
    ep__json_integer(out, "params", counts->params);
    ep__json_integer(out, "elements", counts->elements);
}

static void write_layer(ep_text *out, const ep_network *network, const ep_layer *layer)
{
    const totals counts = {layer->macs, layer->params, layer->elements};
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "name", layer->name);
    ep__json_text(out, "op", layer->op);
    ep__json_text(out, "type", ep_layer_type_name(layer->type));
    ep__json_text(out, "function", ep_function_name(layer->function));
    write_shapes(out, "inputs", network, layer->inputs, layer->n_inputs);
    write_shapes(out, "outputs", network, layer->outputs, layer->n_outputs);
    write_counts(out, &counts);
    ep__json_close(out, '}');
}

ep_status ep_report_inspect_json(const ep_layers *layers, ep_text *out, ep_error *err)
{
    const ep_network *network = layers->network;
    const totals sum = totals_of(layers);
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "model", network->name);
    ep__json_integer(out, "opset", (uint64_t)network->opset);
    ep__json_integer(out, "batch", (uint64_t)network->batch_to);
    write_ends(out, "inputs", network, network->inputs, network->n_inputs);
    write_ends(out, "outputs", network, network->outputs, network->n_outputs);
    ep__json_open(out, "layers", '[');
    for (uint32_t i = 0; i < layers->n_layers; i++) write_layer(out, network, &layers->layers[i]);
    ep__json_close(out, ']');
    ep__json_open(out, "total", '{');
    write_counts(out, &sum);
    ep__json_close(out, '}');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
