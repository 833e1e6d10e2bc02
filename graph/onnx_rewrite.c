/* Walks the file and the unpacked message side by side: one has the bytes, the other says what they
 * mean. Only what leads to an exchanged initializer or to external data is opened. Unpacking has
 * checked the bytes, and that no message comes in several parts, which protobuf would merge. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "graph/onnx_rewrite.h"
#include "graph/tensor_internal.h"

/* Numbers of fields, by message. */
enum { MODEL_GRAPH = 7, MODEL_FUNCTION = 25, FUNCTION_NODE = 7 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11 };
enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_OP_TYPE, NODE_ATTRIBUTE, NODE_DOC_STRING };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_TENSOR = 5, ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS = 11 };
enum { ATTRIBUTE_TYPE = 20 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE, TENSOR_NAME = 8, TENSOR_EXTERNAL = 13, TENSOR_LOCATION };
enum { VALUE_NAME = 1, VALUE_TYPE, TYPE_TENSOR = 1, TYPE_ELEMENT = 1, TYPE_SHAPE };
enum { SHAPE_DIM = 1, DIM_VALUE = 1, ENTRY_KEY = 1, ENTRY_VALUE };

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };
enum { DATA_ALIGNMENT = 64 };

/* ---- reading ------------------------------------------------------------------------------- */

/* One field as it lies in the file. */
typedef struct field {
    uint32_t number;
    const uint8_t *begin, *payload, *end;
} field;

/* Reads the field at `*at` and steps over it; false at `end`. */
static bool next_field(const uint8_t **at, const uint8_t *end, field *f)
{
    if (*at == end) return false;
    f->begin = *at;
    const uint64_t tag = ep__varint_next(at);
    f->number = (uint32_t)(tag >> 3);
    f->payload = *at;
    switch (tag & 7) {
    case WIRE_VARINT: (void)ep__varint_next(at); break;
    case WIRE_64: *at += 8; break;
    case WIRE_32: *at += 4; break;
    default: {
        const uint64_t length = ep__varint_next(at);
        f->payload = *at;
        *at += length;
    }
    }
    f->end = *at;
    assert(f->end <= end);
    return true;
}

static ep_status copy(ep__rewrite *rw, const field *f)
{
    return ep__rope_add(&rw->rope, f->begin, (uint64_t)(f->end - f->begin));
}

bool ep__is_stripped(const EpOnnx__NodeProto *node)
{
    return strncmp(ep__text(node->name), EP__STRIPPED_NODE, sizeof EP__STRIPPED_NODE - 1) == 0 &&
           strcmp(ep__text(node->op_type), "ConstantOfShape") == 0 && !*ep__domain(node->domain) &&
           node->n_input == 1 && node->n_output == 1;
}

/* ---- tensors ------------------------------------------------------------------------------- */

static ep_status write_entry(ep__rope *rope, const char *key, const char *value)
{
    ep__rope_field entry;
    EP_TRY(ep__rope_open(rope, TENSOR_EXTERNAL, &entry));
    EP_TRY(ep__rope_string(rope, ENTRY_KEY, key));
    EP_TRY(ep__rope_string(rope, ENTRY_VALUE, value));
    return ep__rope_close(rope, &entry);
}

/* Fields of a TensorProto whose data comes next in rw->data. */
static ep_status write_external(ep__rewrite *rw, uint64_t length)
{
    char number[24];
    EP_TRY(ep__rope_align(&rw->data, DATA_ALIGNMENT));
    EP_TRY(write_entry(&rw->rope, "location", rw->data_location));
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)rw->data.size);
    EP_TRY(write_entry(&rw->rope, "offset", number));
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)length);
    EP_TRY(write_entry(&rw->rope, "length", number));
    return ep__rope_int(&rw->rope, TENSOR_LOCATION, EP__ONNX_EXTERNAL);
}

/* A tensor that stays. External data is copied; into the file itself when it is small. */
static ep_status rewrite_tensor(ep__rewrite *rw, const field *f, const EpOnnx__TensorProto *proto)
{
    if (proto->data_location != EP__ONNX_EXTERNAL) return copy(rw, f);
    ep_tensor tensor = {0};
    EP_TRY(ep__read_tensor(&rw->im, proto, ep__text(proto->name), &tensor));
    ep__rope_field open;
    EP_TRY(ep__rope_open(&rw->rope, f->number, &open));
    const uint8_t *at = f->payload;
    for (field part; next_field(&at, f->end, &part);) {
        const bool where = part.number == TENSOR_EXTERNAL || part.number == TENSOR_LOCATION;
        if (!where && part.number != EP__ONNX_RAW_DATA) EP_TRY(copy(rw, &part));
    }
    if (ep_tensor_elements(&tensor) >= EP__WEIGHT_ELEMENTS) {
        EP_TRY(write_external(rw, tensor.data_bytes));
        EP_TRY(ep__rope_add(&rw->data, tensor.data, tensor.data_bytes));
    } else {
        EP_TRY(
            ep__rope_bytes(&rw->rope, EP__ONNX_RAW_DATA, tensor.data, (size_t)tensor.data_bytes));
    }
    return ep__rope_close(&rw->rope, &open);
}

static ep_status write_dims(ep__rope *rope, const ep_shape *shape)
{
    for (int i = 0; i < shape->rank; i++) EP_TRY(ep__rope_int(rope, TENSOR_DIMS, shape->dims[i]));
    return EP_OK;
}

static ep_status write_weight(ep__rewrite *rw, const ep__exchange *x)
{
    ep__rope *rope = &rw->rope;
    ep__rope_field tensor, data;
    EP_TRY(ep__rope_open(rope, GRAPH_INITIALIZER, &tensor));
    EP_TRY(write_dims(rope, &x->shape));
    EP_TRY(ep__rope_int(rope, TENSOR_TYPE, x->values->dtype));
    EP_TRY(ep__rope_string(rope, TENSOR_NAME, x->new_name));
    if (rw->to_external) {
        EP_TRY(write_external(rw, ep_dtype_bytes(x->values->dtype, x->values->n)));
        EP_TRY(ep__rope_values(&rw->data, x->values));
    } else {
        EP_TRY(ep__rope_open(rope, EP__ONNX_RAW_DATA, &data));
        EP_TRY(ep__rope_values(rope, x->values));
        EP_TRY(ep__rope_close(rope, &data));
    }
    return ep__rope_close(rope, &tensor);
}

static ep_status write_shape(ep__rewrite *rw, const ep__exchange *x)
{
    ep__rope *rope = &rw->rope;
    ep__rope_field tensor;
    EP_TRY(ep__rope_open(rope, GRAPH_INITIALIZER, &tensor));
    EP_TRY(ep__rope_int(rope, TENSOR_DIMS, x->shape.rank));
    EP_TRY(ep__rope_int(rope, TENSOR_TYPE, EP_DTYPE_INT64));
    EP_TRY(ep__rope_string(rope, TENSOR_NAME, x->new_name));
    const size_t size = (size_t)x->shape.rank * sizeof *x->shape.dims;
    EP_TRY(ep__rope_bytes(rope, EP__ONNX_RAW_DATA, x->shape.dims, size));
    return ep__rope_close(rope, &tensor);
}

/* ---- the node of a stripped weight --------------------------------------------------------- */

/* A tensor of one element, in a typed field, as onnx.helper.make_tensor writes it. */
static ep_status write_value(ep__rope *rope, ep_dtype dtype, double value)
{
    uint64_t bits = 0;
    ep__rope_field tensor, data;
    ep__encode_float(dtype, value, &bits);
    const size_t size = (size_t)ep_dtype_bytes(dtype, 1);
    EP_TRY(ep__rope_open(rope, ATTRIBUTE_TENSOR, &tensor));
    EP_TRY(ep__rope_int(rope, TENSOR_DIMS, 1));
    EP_TRY(ep__rope_int(rope, TENSOR_TYPE, dtype));
    if (dtype == EP_DTYPE_FLOAT) EP_TRY(ep__rope_bytes(rope, EP__ONNX_FLOAT_DATA, &bits, size));
    if (size == 2) {
        EP_TRY(ep__rope_open(rope, EP__ONNX_INT32_DATA, &data));
        EP_TRY(ep__rope_varint(rope, bits));
        EP_TRY(ep__rope_close(rope, &data));
    }
    EP_TRY(ep__rope_string(rope, TENSOR_NAME, "v"));
    if (dtype == EP_DTYPE_DOUBLE) EP_TRY(ep__rope_bytes(rope, EP__ONNX_DOUBLE_DATA, &bits, size));
    return ep__rope_close(rope, &tensor);
}

static ep_status write_node(ep__rewrite *rw, const ep__exchange *x)
{
    ep__rope *rope = &rw->rope;
    ep__rope_field node, attribute;
    const char *name = ep_arena_printf(rw->im.scratch, "%s%s", EP__STRIPPED_NODE, x->old_name);
    if (!name) return ep_fail_memory(rw->im.err);
    EP_TRY(ep__rope_open(rope, GRAPH_NODE, &node));
    EP_TRY(ep__rope_string(rope, NODE_INPUT, x->new_name));
    EP_TRY(ep__rope_string(rope, NODE_OUTPUT, x->old_name));
    EP_TRY(ep__rope_string(rope, NODE_NAME, name));
    EP_TRY(ep__rope_string(rope, NODE_OP_TYPE, "ConstantOfShape"));
    EP_TRY(ep__rope_open(rope, NODE_ATTRIBUTE, &attribute));
    EP_TRY(ep__rope_string(rope, ATTRIBUTE_NAME, "value"));
    EP_TRY(write_value(rope, x->dtype, x->value));
    EP_TRY(ep__rope_int(rope, ATTRIBUTE_TYPE, EP__ONNX_ATTR_TENSOR));
    EP_TRY(ep__rope_close(rope, &attribute));
    EP_TRY(ep__rope_string(rope, NODE_DOC_STRING, "")); /* as examples/models have it */
    return ep__rope_close(rope, &node);
}

/* ---- graphs -------------------------------------------------------------------------------- */

static ep_status rewrite_graph(ep__rewrite *rw, const field *f, const EpOnnx__GraphProto *graph);

static bool leads_somewhere(const EpOnnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const EpOnnx__AttributeProto *a = node->attribute[i];
        if (a->g || a->n_graphs) return true;
        if (a->t && a->t->data_location == EP__ONNX_EXTERNAL) return true;
    }
    return false;
}

static ep_status rewrite_attribute(ep__rewrite *rw, const field *f, const EpOnnx__AttributeProto *a)
{
    size_t graphs = 0;
    ep__rope_field open;
    EP_TRY(ep__rope_open(&rw->rope, f->number, &open));
    const uint8_t *at = f->payload;
    for (field part; next_field(&at, f->end, &part);) {
        if (part.number == ATTRIBUTE_TENSOR) {
            EP_TRY(rewrite_tensor(rw, &part, a->t));
        } else if (part.number == ATTRIBUTE_GRAPH) {
            EP_TRY(rewrite_graph(rw, &part, a->g));
        } else if (part.number == ATTRIBUTE_GRAPHS) {
            EP_TRY(rewrite_graph(rw, &part, a->graphs[graphs++]));
        } else {
            EP_TRY(copy(rw, &part));
        }
    }
    return ep__rope_close(&rw->rope, &open);
}

static ep_status rewrite_node(ep__rewrite *rw, const field *f, const EpOnnx__NodeProto *node)
{
    if (rw->drop_stripped && ep__is_stripped(node)) return EP_OK;
    if (!leads_somewhere(node)) return copy(rw, f);
    size_t attributes = 0;
    ep__rope_field open;
    EP_TRY(ep__rope_open(&rw->rope, f->number, &open));
    const uint8_t *at = f->payload;
    for (field part; next_field(&at, f->end, &part);) {
        if (part.number == NODE_ATTRIBUTE) {
            EP_TRY(rewrite_attribute(rw, &part, node->attribute[attributes++]));
        } else {
            EP_TRY(copy(rw, &part));
        }
    }
    return ep__rope_close(&rw->rope, &open);
}

/* The input that lists the initializer, too, as exporters did before IR version 4. */
static ep_status write_input(ep__rewrite *rw, const ep__exchange *x)
{
    const bool fill = x->values != NULL;
    const ep_shape dims = {.rank = 1, .dims = {x->shape.rank}};
    const ep_shape *shape = fill ? &x->shape : &dims;
    ep__rope *rope = &rw->rope;
    ep__rope_field value, type, tensor, list, dim;
    EP_TRY(ep__rope_open(rope, GRAPH_INPUT, &value));
    EP_TRY(ep__rope_string(rope, VALUE_NAME, x->new_name));
    EP_TRY(ep__rope_open(rope, VALUE_TYPE, &type));
    EP_TRY(ep__rope_open(rope, TYPE_TENSOR, &tensor));
    EP_TRY(ep__rope_int(rope, TYPE_ELEMENT, fill ? x->values->dtype : EP_DTYPE_INT64));
    EP_TRY(ep__rope_open(rope, TYPE_SHAPE, &list));
    for (int i = 0; i < shape->rank; i++) {
        EP_TRY(ep__rope_open(rope, SHAPE_DIM, &dim));
        EP_TRY(ep__rope_int(rope, DIM_VALUE, shape->dims[i]));
        EP_TRY(ep__rope_close(rope, &dim));
    }
    EP_TRY(ep__rope_close(rope, &list));
    EP_TRY(ep__rope_close(rope, &tensor));
    EP_TRY(ep__rope_close(rope, &type));
    return ep__rope_close(rope, &value);
}

/* A graph while it is written. */
typedef struct graph_state {
    const EpOnnx__GraphProto *proto;
    const ep__exchange **exchanges; /* per initializer */
    ep_names *names;                /* initializer -> its index */
    size_t nodes, initializers, inputs;
} graph_state;

static ep_status rewrite_part(ep__rewrite *rw, graph_state *g, const field *part)
{
    if (part->number == GRAPH_NODE) return rewrite_node(rw, part, g->proto->node[g->nodes++]);
    if (part->number == GRAPH_INITIALIZER) {
        const size_t i = g->initializers++;
        const ep__exchange *x = g->exchanges[i];
        if (!x) return rewrite_tensor(rw, part, g->proto->initializer[i]);
        return x->values ? write_weight(rw, x) : write_shape(rw, x);
    }
    if (part->number == GRAPH_INPUT) {
        const char *name = ep__text(g->proto->input[g->inputs++]->name);
        const uint32_t i = ep_names_get(g->names, name);
        if (i != EP_NO_INDEX && g->exchanges[i]) return write_input(rw, g->exchanges[i]);
    }
    return copy(rw, part);
}

static ep_status rewrite_parts(ep__rewrite *rw, const field *f, graph_state *g)
{
    for (uint32_t i = 0; i < g->proto->n_initializer; i++) {
        const char *name = ep__text(g->proto->initializer[i]->name);
        EP_TRY(ep_names_put(g->names, name, i, rw->im.err));
    }
    EP_TRY(rw->choose(rw, g->proto, g->names, g->exchanges));
    ep__rope_field open;
    EP_TRY(ep__rope_open(&rw->rope, f->number, &open));
    for (size_t i = 0; i < g->proto->n_initializer; i++) {
        const ep__exchange *x = g->exchanges[i];
        if (!x) continue;
        rw->weights++;
        rw->elements += x->elements;
        if (!x->values) EP_TRY(write_node(rw, x));
    }
    const uint8_t *at = f->payload;
    for (field part; next_field(&at, f->end, &part);) EP_TRY(rewrite_part(rw, g, &part));
    assert(g->nodes == g->proto->n_node && g->inputs == g->proto->n_input &&
           g->initializers == g->proto->n_initializer);
    return ep__rope_close(&rw->rope, &open);
}

static ep_status rewrite_graph(ep__rewrite *rw, const field *f, const EpOnnx__GraphProto *graph)
{
    graph_state g = {.proto = graph,
                     .exchanges =
                         EP_NEW(rw->im.scratch, const ep__exchange *, graph->n_initializer),
                     .names = ep_names_new()};
    const ep_status status =
        g.exchanges && g.names ? rewrite_parts(rw, f, &g) : ep_fail_memory(rw->im.err);
    ep_names_free(g.names);
    return status;
}

/* ---- the model ----------------------------------------------------------------------------- */

static ep_status rewrite_function(ep__rewrite *rw, const field *f,
                                  const EpOnnx__FunctionProto *function)
{
    size_t nodes = 0;
    ep__rope_field open;
    EP_TRY(ep__rope_open(&rw->rope, f->number, &open));
    const uint8_t *at = f->payload;
    for (field part; next_field(&at, f->end, &part);) {
        if (part.number == FUNCTION_NODE) {
            EP_TRY(rewrite_node(rw, &part, function->node[nodes++]));
        } else {
            EP_TRY(copy(rw, &part));
        }
    }
    return ep__rope_close(&rw->rope, &open);
}

ep_status ep__rewrite_model(ep__rewrite *rw)
{
    EP_FAIL_IF(!rw->model->graph, rw->im.err, EP_BAD_MODEL,
               "%s: not an ONNX model: it has no graph", rw->im.path);
    size_t functions = 0;
    const uint8_t *at = rw->im.model.data, *end = at + rw->im.model.size;
    for (field part; next_field(&at, end, &part);) {
        if (part.number == MODEL_GRAPH) {
            EP_TRY(rewrite_graph(rw, &part, rw->model->graph));
        } else if (part.number == MODEL_FUNCTION) {
            EP_TRY(rewrite_function(rw, &part, rw->model->functions[functions++]));
        } else {
            EP_TRY(copy(rw, &part));
        }
    }
    return EP_OK;
}
