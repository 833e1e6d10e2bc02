/* ModelProto -> network: the graph of the file, in the order in which names get their meaning. */
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

/* A graph input must be a tensor with an element type and without negative dimensions. */
static ep_status read_input_type(ep__importer *im, const EpOnnx__ValueInfoProto *proto,
                                 ep_tensor *tensor)
{
    const EpOnnx__TypeProto *type = proto->type;
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
        ep_tensor *tensor = &im->slots[index].tensor;
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
        ep_tensor *tensor = &im->slots[index].tensor;
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
        if (ep_tensor_is_const(&im->slots[index].tensor)) continue;
        EP_TRY(ep__define(im, scope, proto->name, &index));
        EP_TRY(read_input_type(im, proto, &im->slots[index].tensor));
        inputs[network->n_inputs++] = index;
    }
    return EP_OK;
}

/* Claims the names that the graph itself uses before functions make up theirs. */
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
        const uint32_t index = ep_names_get(scope->tensors, name);
        EP_FAIL_IF(index == EP_NO_INDEX || !im->slots[index].defined, im->err, EP_BAD_MODEL,
                   "%s: output '%.200s' is made by no node", im->path, name);
        outputs[i] = index;
    }
    network->outputs = outputs;
    network->n_outputs = (uint32_t)graph->n_output;
    return EP_OK;
}

static ep_status check_inputs_defined(const ep__importer *im)
{
    for (uint32_t i = 0; i < im->n_nodes; i++) {
        const ep_node *node = &im->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            const uint32_t tensor = node->inputs[k];
            if (tensor == EP_NO_INDEX || im->slots[tensor].defined) continue;
            return ep_fail(im->err, EP_BAD_MODEL,
                           "%s: node '%.200s' (%.100s): input '%.200s' is made by no node and is "
                           "no input or initializer of the graph",
                           im->path, node->name, node->op_type, im->slots[tensor].tensor.name);
        }
    }
    return EP_OK;
}

static ep_status import_graph(ep__importer *im, const ep__scope *scope,
                              const EpOnnx__GraphProto *graph, ep_network *network)
{
    EP_FAIL_IF(graph->n_node == 0, im->err, EP_BAD_MODEL, "%s: the graph has no nodes", im->path);
    EP_TRY(import_initializers(im, scope, graph));
    EP_TRY(import_inputs(im, scope, graph, network));
    EP_TRY(claim_names(im, scope, graph));
    EP_TRY(ep__import_nodes(im, scope, graph->node, graph->n_node));
    EP_TRY(read_stated(im, scope, graph->value_info, graph->n_value_info));
    EP_TRY(read_stated(im, scope, graph->output, graph->n_output));
    EP_TRY(import_outputs(im, scope, graph, network));
    EP_TRY(check_inputs_defined(im));
    return ep__sort_nodes(im);
}

/* ---- the network --------------------------------------------------------------------------- */

static ep_status keep(ep__importer *im, ep_network *network)
{
    network->opset = (int)ep_names_get(im->opsets, "");
    network->n_nodes = im->n_nodes;
    network->nodes = ep_arena_copy(im->arena, im->nodes, im->n_nodes * sizeof *im->nodes);
    network->n_tensors = im->n_slots;
    network->tensors = EP_NEW(im->arena, ep_tensor, im->n_slots);
    if (!network->nodes || !network->tensors) return ep_fail_memory(im->err);
    for (uint32_t i = 0; i < im->n_slots; i++) network->tensors[i] = im->slots[i].tensor;
    return EP_OK;
}

ep_status ep__onnx_import(ep__importer *im, const EpOnnx__ModelProto *model, ep_network *network)
{
    EP_FAIL_IF(!model->graph, im->err, EP_BAD_MODEL, "%s: not an ONNX model: it has no graph",
               im->path);
    EP_TRY(
        ep__read_opsets(im, model->opset_import, model->n_opset_import, "the model", &im->opsets));
    EP_FAIL_IF(ep_names_get(im->opsets, "") == EP_NO_INDEX, im->err, EP_UNSUPPORTED,
               "%s: the model imports no opset of ONNX", im->path);
    EP_TRY(ep__register_functions(im, model));
    const ep__scope scope = {.prefix = "", .tensors = ep_names_new(), .opsets = im->opsets};
    const ep_status status =
        scope.tensors ? import_graph(im, &scope, model->graph, network) : ep_fail_memory(im->err);
    ep_names_free(scope.tensors);
    EP_TRY(status);
    return keep(im, network);
}
