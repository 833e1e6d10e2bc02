/* ModelProto -> network: the graph of the file, in the order in which names get their meaning. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_internal.h"

/* ---- stated types -------------------------------------------------------------------------- */

/* What a type that is not a tensor is. */
static const char *kind_of(const EpOnnx__TypeProto *type)
{
    if (type && type->sequence_type) return "a sequence";
    if (type && type->map_type) return "a map";
    if (type && type->optional_type) return "an optional";
    if (type && type->sparse_tensor_type) return "a sparse tensor";
    if (type && type->opaque_type) return "opaque";
    return "of no type";
}

/* Sets shape and symbols. A negative dimension is unknown: some exporters write -1. */
static ep_status read_shape(ep__importer *im, const EpOnnx__TensorShapeProto *proto,
                            ep_tensor *tensor)
{
    EP_FAIL_IF(proto->n_dim > EP_MAX_RANK, im->err, EP_UNSUPPORTED,
               "%s: tensor '%.200s' has %zu dimensions, at most %d are supported", im->path,
               tensor->name, proto->n_dim, EP_MAX_RANK);
    tensor->has_shape = true;
    tensor->shape = (ep_shape){.rank = (int)proto->n_dim};
    const char **names = NULL;
    for (size_t i = 0; i < proto->n_dim; i++) {
        const EpOnnx__TensorShapeProto__Dimension *dim = proto->dim[i];
        const bool known = dim->has_dim_value && dim->dim_value >= 0;
        tensor->shape.dims[i] = known ? dim->dim_value : EP_DIM_UNKNOWN;
        if (known || !*ep__text(dim->dim_param)) continue;
        if (!names) names = EP_NEW(im->arena, const char *, proto->n_dim);
        if (!names) return ep_fail_memory(im->err);
        names[i] = ep_arena_string(im->arena, dim->dim_param, strlen(dim->dim_param));
        if (!names[i]) return ep_fail_memory(im->err);
    }
    tensor->dim_names = names;
    return EP_OK;
}

/* A graph input must be a tensor with an element type and without negative dimensions; a body need
 * not say what it is. */
static ep_status read_input_type(ep__importer *im, const ep__scope *scope,
                                 const EpOnnx__ValueInfoProto *proto, ep_tensor *tensor)
{
    const EpOnnx__TypeProto *type = proto->type;
    if (!type && scope->level > 0) return EP_OK;
    EP_FAIL_IF(!type || !type->tensor_type, im->err, EP_UNSUPPORTED,
               "%s: input '%.200s' is %s, only tensors are supported", im->path, tensor->name,
               kind_of(type));
    const EpOnnx__TypeProto__Tensor *stated = type->tensor_type;
    EP_FAIL_IF(!ep_dtype_valid(stated->elem_type), im->err, EP_BAD_MODEL,
               "%s: input '%.200s' has the unknown element type %d", im->path, tensor->name,
               stated->elem_type);
    tensor->dtype = (ep_dtype)stated->elem_type;
    if (!stated->shape) return EP_OK;
    EP_TRY(read_shape(im, stated->shape, tensor));
    for (int i = 0; i < tensor->shape.rank; i++) {
        const EpOnnx__TensorShapeProto__Dimension *dim = stated->shape->dim[i];
        EP_FAIL_IF(dim->has_dim_value && dim->dim_value < 0, im->err, EP_BAD_MODEL,
                   "%s: input '%.200s': dimension %d is %lld, must not be negative", im->path,
                   tensor->name, i, (long long)dim->dim_value);
        if (tensor->shape.dims[i] == EP_DIM_UNKNOWN) tensor->was_symbolic |= (uint8_t)(1u << i);
    }
    return EP_OK;
}

/* What the file says about tensors that nodes compute; others are known already. */
static ep_status read_stated(ep__importer *im, const ep__scope *scope,
                             EpOnnx__ValueInfoProto *const *protos, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const EpOnnx__TypeProto *type = protos[i]->type;
        const uint32_t index = ep_names_get(scope->tensors, ep__text(protos[i]->name));
        if (index == EP_NO_INDEX || !type || !type->tensor_type) continue;
        ep_tensor *tensor = &im->graph.slots[index].tensor;
        if (tensor->producer == EP_NO_INDEX) continue;
        const EpOnnx__TypeProto__Tensor *stated = type->tensor_type;
        if (ep_dtype_valid(stated->elem_type)) tensor->dtype = (ep_dtype)stated->elem_type;
        if (stated->shape) EP_TRY(read_shape(im, stated->shape, tensor));
    }
    return EP_OK;
}

/* ---- the graph ----------------------------------------------------------------------------- */

static ep_status import_initializers(ep__importer *im, const ep__scope *scope,
                                     const EpOnnx__GraphProto *graph)
{
    EP_FAIL_IF(graph->n_sparse_initializer > 0, im->err, EP_UNSUPPORTED,
               "%s: %zu sparse initializers, only dense ones are supported", im->path,
               graph->n_sparse_initializer);
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const EpOnnx__TensorProto *proto = graph->initializer[i];
        EP_FAIL_IF(!*ep__text(proto->name), im->err, EP_BAD_MODEL,
                   "%s: initializer %zu has no name", im->path, i);
        uint32_t index;
        EP_TRY(ep__define(im, scope, proto->name, &index));
        ep_tensor *tensor = &im->graph.slots[index].tensor;
        EP_TRY(ep__read_tensor(im, proto, tensor->name, tensor));
    }
    return EP_OK;
}

static ep_status import_inputs(ep__importer *im, const ep__scope *scope,
                               const EpOnnx__GraphProto *graph, ep_network *network)
{
    uint32_t *inputs = EP_NEW(im->arena, uint32_t, graph->n_input);
    if (!inputs) return ep_fail_memory(im->err);
    network->inputs = inputs;
    for (size_t i = 0; i < graph->n_input; i++) {
        const EpOnnx__ValueInfoProto *proto = graph->input[i];
        EP_FAIL_IF(!*ep__text(proto->name), im->err, EP_BAD_MODEL, "%s: input %zu has no name",
                   im->path, i);
        uint32_t index;
        EP_TRY(ep__use(im, scope, proto->name, &index));
        if (ep_tensor_is_const(&im->graph.slots[index].tensor)) continue;
        EP_TRY(ep__define(im, scope, proto->name, &index));
        EP_TRY(read_input_type(im, scope, proto, &im->graph.slots[index].tensor));
        inputs[network->n_inputs++] = index;
    }
    return EP_OK;
}

/* Claims the names that the nodes themselves use before functions make up theirs. */
static ep_status claim_names(ep__importer *im, const ep__scope *scope,
                             const EpOnnx__GraphProto *graph)
{
    uint32_t index;
    for (size_t i = 0; i < graph->n_node; i++) {
        const EpOnnx__NodeProto *node = graph->node[i];
        for (size_t k = 0; k < node->n_output; k++) {
            EP_TRY(ep__use(im, scope, node->output[k], &index));
        }
    }
    return EP_OK;
}

static ep_status import_outputs(ep__importer *im, const ep__scope *scope,
                                const EpOnnx__GraphProto *graph, ep_network *network)
{
    EP_FAIL_IF(graph->n_output == 0, im->err, EP_BAD_MODEL, "%s: the graph has no outputs",
               im->path);
    uint32_t *outputs = EP_NEW(im->arena, uint32_t, graph->n_output);
    if (!outputs) return ep_fail_memory(im->err);
    for (size_t i = 0; i < graph->n_output; i++) {
        const char *name = ep__text(graph->output[i]->name);
        uint32_t index;
        EP_TRY(ep__use(im, scope, name, &index));
        EP_FAIL_IF(index == EP_NO_INDEX || !im->graph.slots[index].defined, im->err, EP_BAD_MODEL,
                   "%s: output '%.200s' is made by no node", im->path, name);
        outputs[i] = index;
    }
    network->outputs = outputs;
    network->n_outputs = (uint32_t)graph->n_output;
    return EP_OK;
}

static ep_status check_inputs_defined(const ep__importer *im)
{
    for (uint32_t i = 0; i < im->graph.n_nodes; i++) {
        const ep_node *node = &im->graph.nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            const uint32_t tensor = node->inputs[k];
            if (tensor == EP_NO_INDEX || im->graph.slots[tensor].defined) continue;
            return ep_fail(im->err, EP_BAD_MODEL,
                           "%s: node '%.200s' (%.100s): input '%.200s' is made by no node and is "
                           "no input or initializer of the graph",
                           im->path, node->name, node->op_type,
                           im->graph.slots[tensor].tensor.name);
        }
    }
    return EP_OK;
}

/* What the graph has besides nodes, and the names of what they make. */
static ep_status define_names(ep__importer *im, const ep__scope *scope,
                              const EpOnnx__GraphProto *graph, ep_network *network)
{
    EP_TRY(import_initializers(im, scope, graph));
    EP_TRY(import_inputs(im, scope, graph, network));
    return claim_names(im, scope, graph);
}

static ep_status read_graph(ep__importer *im, ep__scope *scope, const EpOnnx__GraphProto *graph,
                            ep_network *network)
{
    ep__body *body = scope->body;
    scope->body = NULL; /* what is defined here is no capture, whatever its name is outside */
    const ep_status status = define_names(im, scope, graph, network);
    scope->body = body;
    EP_TRY(status);
    EP_TRY(ep__import_nodes(im, scope, graph->node, graph->n_node));
    EP_TRY(read_stated(im, scope, graph->value_info, graph->n_value_info));
    EP_TRY(read_stated(im, scope, graph->output, graph->n_output));
    EP_TRY(import_outputs(im, scope, graph, network));
    EP_TRY(check_inputs_defined(im));
    return ep__sort_nodes(im);
}

/* ---- the network --------------------------------------------------------------------------- */

ep_status ep__graph_init(ep__graph *graph, int level, ep_error *err)
{
    *graph =
        (ep__graph){.level = level, .tensor_names = ep_names_new(), .node_names = ep_names_new()};
    if (!graph->tensor_names || !graph->node_names) return ep_fail_memory(err);
    void *list = NULL; /* so that there is one also for a node without operands */
    EP_TRY(ep_grow(&list, &graph->list_capacity, 1, sizeof *graph->list, err));
    graph->list = list;
    return EP_OK;
}

void ep__graph_free(ep__graph *graph)
{
    ep_names_free(graph->tensor_names);
    ep_names_free(graph->node_names);
    free(graph->list);
    free(graph->nodes);
    free(graph->slots);
    *graph = (ep__graph){0};
}

static ep_status keep(ep__importer *im, const ep__scope *scope, ep_network *network)
{
    const ep__graph *graph = &im->graph;
    uint32_t opset = ep_names_get(scope->opsets, "");
    if (opset == EP_NO_INDEX) opset = ep_names_get(im->opsets, "");
    network->opset = (int)opset;
    network->n_nodes = graph->n_nodes;
    network->nodes = ep_arena_copy(im->arena, graph->nodes, graph->n_nodes * sizeof *graph->nodes);
    network->n_tensors = graph->n_slots;
    network->tensors = EP_NEW(im->arena, ep_tensor, graph->n_slots);
    if (!network->nodes || !network->tensors) return ep_fail_memory(im->err);
    for (uint32_t i = 0; i < graph->n_slots; i++) network->tensors[i] = graph->slots[i].tensor;
    return EP_OK;
}

ep_status ep__import_graph(ep__importer *im, ep__scope *scope, const EpOnnx__GraphProto *graph,
                           ep_network *network)
{
    scope->tensors = ep_names_new();
    const ep_status status =
        scope->tensors ? read_graph(im, scope, graph, network) : ep_fail_memory(im->err);
    ep_names_free(scope->tensors);
    scope->tensors = NULL;
    EP_TRY(status);
    return keep(im, scope, network);
}

ep_status ep__onnx_import(ep__importer *im, const EpOnnx__ModelProto *model, ep_network *network)
{
    EP_FAIL_IF(!model->graph, im->err, EP_BAD_MODEL, "%s: not an ONNX model: it has no graph",
               im->path);
    EP_TRY(
        ep__read_opsets(im, model->opset_import, model->n_opset_import, "the model", &im->opsets));
    EP_FAIL_IF(ep_names_get(im->opsets, "") == EP_NO_INDEX, im->err, EP_UNSUPPORTED,
               "%s: the model imports no opset of ONNX", im->path);
    EP_FAIL_IF(model->graph->n_node == 0, im->err, EP_BAD_MODEL, "%s: the graph has no nodes",
               im->path);
    EP_TRY(ep__register_functions(im, model));
    ep__scope scope = {.prefix = "", .opsets = im->opsets};
    return ep__import_graph(im, &scope, model->graph, network);
}
