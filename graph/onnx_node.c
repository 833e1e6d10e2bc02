/* NodeProto -> node, or a constant. */
#include <string.h>

#include "graph/onnx_internal.h"

ep_status ep__node_name(ep__importer *im, const ep__scope *scope, const EpOnnx__NodeProto *proto,
                        size_t index, const char **out)
{
    const char *name = ep__text(proto->name);
    const char *full =
        *name ? ep_arena_printf(im->scratch, "%s%s", scope->prefix, name)
              : ep_arena_printf(im->scratch, "%s%s_%zu", scope->prefix, proto->op_type, index);
    if (!full) return ep_fail_memory(im->err);
    return ep__unique_name(im, im->graph.node_names, full, out);
}

ep_status ep__add_node(ep__importer *im, ep_node *node, const uint32_t *inputs,
                       const uint32_t *outputs)
{
    void *nodes = im->graph.nodes;
    EP_TRY(ep_grow(&nodes, &im->graph.nodes_capacity, (uint64_t)im->graph.n_nodes + 1,
                   sizeof *im->graph.nodes, im->err));
    im->graph.nodes = nodes;
    node->inputs = ep_arena_copy(im->arena, inputs, node->n_inputs * sizeof *inputs);
    node->outputs = ep_arena_copy(im->arena, outputs, node->n_outputs * sizeof *outputs);
    if (!node->inputs || !node->outputs) return ep_fail_memory(im->err);
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (outputs[i] != EP_NO_INDEX)
            im->graph.slots[outputs[i]].tensor.producer = im->graph.n_nodes;
    }
    im->graph.nodes[im->graph.n_nodes++] = *node;
    return EP_OK;
}

/* ---- constants ----------------------------------------------------------------------------- */

/* Defines the node's only output as a constant. */
static ep_status define_constant(ep__importer *im, const ep__scope *scope,
                                 const EpOnnx__NodeProto *proto, uint32_t *out)
{
    EP_FAIL_IF(proto->n_output != 1 || !*proto->output[0], im->err, EP_BAD_MODEL,
               "%s: node '%s%.200s' (%s) has %zu outputs, must have one", im->path, scope->prefix,
               ep__text(proto->name), proto->op_type, proto->n_output);
    return ep__define(im, scope, proto->output[0], out);
}

static ep_status set_array(ep__importer *im, ep_tensor *tensor, ep_dtype dtype, int rank,
                           const void *values, size_t count)
{
    tensor->dtype = dtype;
    tensor->has_shape = true;
    tensor->shape = (ep_shape){.rank = rank, .dims = {rank ? (int64_t)count : 0}};
    tensor->constness = EP_CONST_UNKNOWN;
    if (dtype == EP_DTYPE_STRING) return EP_OK;
    const uint64_t bytes = ep_dtype_bytes(dtype, count);
    const void *kept = ep_arena_copy(im->arena, values, (size_t)bytes);
    if (!kept) return ep_fail_memory(im->err);
    return ep__set_data(im, tensor, kept, bytes);
}

/* The value of a Constant node from one of its attributes; `*known` is false for a name that is no
 * such attribute. */
static ep_status set_constant(ep__importer *im, const char *name, const EpOnnx__AttributeProto *a,
                              ep_tensor *tensor, bool *known)
{
    *known = true;
    if (strcmp(name, "value") == 0 && a->t) return ep__read_tensor(im, a->t, tensor->name, tensor);
    if (strcmp(name, "value_float") == 0) {
        return set_array(im, tensor, EP_DTYPE_FLOAT, 0, &a->f, 1);
    }
    if (strcmp(name, "value_int") == 0) return set_array(im, tensor, EP_DTYPE_INT64, 0, &a->i, 1);
    if (strcmp(name, "value_floats") == 0) {
        return set_array(im, tensor, EP_DTYPE_FLOAT, 1, a->floats, a->n_floats);
    }
    if (strcmp(name, "value_ints") == 0) {
        return set_array(im, tensor, EP_DTYPE_INT64, 1, a->ints, a->n_ints);
    }
    if (strcmp(name, "value_string") == 0) {
        return set_array(im, tensor, EP_DTYPE_STRING, 0, NULL, 1);
    }
    if (strcmp(name, "value_strings") == 0) {
        return set_array(im, tensor, EP_DTYPE_STRING, 1, NULL, a->n_strings);
    }
    EP_FAIL_IF(strcmp(name, "sparse_value") == 0, im->err, EP_UNSUPPORTED,
               "%s: constant '%.200s' is a sparse tensor", im->path, tensor->name);
    *known = false;
    return EP_OK;
}

static ep_status import_constant(ep__importer *im, const ep__scope *scope,
                                 const EpOnnx__NodeProto *proto)
{
    uint32_t index;
    EP_TRY(define_constant(im, scope, proto, &index));
    bool known = false;
    for (size_t i = 0; i < proto->n_attribute && !known; i++) {
        const EpOnnx__AttributeProto *a = ep__resolve(scope, proto->attribute[i]).value;
        const char *name = ep__text(proto->attribute[i]->name);
        if (a) EP_TRY(set_constant(im, name, a, &im->graph.slots[index].tensor, &known));
    }
    EP_FAIL_IF(!known, im->err, EP_BAD_MODEL, "%s: constant '%.200s' has no value", im->path,
               im->graph.slots[index].tensor.name);
    return EP_OK;
}

/* A ConstantOfShape node of this name stands for a weight whose value was stripped from the file:
 * its output is a constant of known shape and unknown value. */
#define STRIPPED "stripped:"

/* The dims of a stripped weight; NULL when the node is not one. */
static const ep_tensor *stripped_dims(const ep__importer *im, const ep__scope *scope,
                                      const EpOnnx__NodeProto *proto)
{
    if (strcmp(proto->op_type, "ConstantOfShape") != 0) return NULL;
    if (strncmp(ep__text(proto->name), STRIPPED, sizeof STRIPPED - 1) != 0) return NULL;
    if (proto->n_input != 1) return NULL;
    const uint32_t index = ep_names_get(scope->tensors, proto->input[0]);
    if (index == EP_NO_INDEX || index == EP__ABSENT) return NULL;
    const ep_tensor *dims = &im->graph.slots[index].tensor;
    return dims->constness == EP_CONST_DATA && dims->dtype == EP_DTYPE_INT64 ? dims : NULL;
}

static ep_status import_stripped(ep__importer *im, const ep__scope *scope,
                                 const EpOnnx__NodeProto *proto, const ep_tensor *dims)
{
    ep_shape shape = {0};
    uint32_t rank = 0;
    uint64_t elements;
    const bool readable = ep_tensor_ints(dims, shape.dims, EP_MAX_RANK, &rank);
    shape.rank = (int)rank;
    EP_FAIL_IF(!readable || ep_shape_elements(&shape, &elements, NULL) != EP_OK, im->err,
               EP_BAD_MODEL,
               "%s: stripped weight '%.200s': '%.200s' is not a shape of at most %d dimensions",
               im->path, proto->name, dims->name, EP_MAX_RANK);
    uint32_t index;
    EP_TRY(define_constant(im, scope, proto, &index));
    ep_tensor *tensor = &im->graph.slots[index].tensor;
    tensor->dtype = EP_DTYPE_FLOAT;
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const EpOnnx__TensorProto *value = proto->attribute[i]->t;
        if (value && ep_dtype_valid(value->data_type)) tensor->dtype = (ep_dtype)value->data_type;
    }
    tensor->constness = EP_CONST_UNKNOWN;
    tensor->has_shape = true;
    tensor->shape = shape;
    return EP_OK;
}

/* ---- nodes --------------------------------------------------------------------------------- */

static ep_status import_captures(ep__importer *im, const ep__scope *scope,
                                 const EpOnnx__NodeProto *proto)
{
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const ep__binding bound = ep__resolve(scope, proto->attribute[i]);
        if (!bound.value) continue;
        const bool has_graph = bound.value->g || bound.value->n_graphs > 0;
        EP_FAIL_IF(has_graph && bound.scope->level != scope->level, im->err, EP_UNSUPPORTED,
                   "%s: node '%.200s': its body comes from outside the body that it is in",
                   im->path, ep__text(proto->name));
        if (bound.value->g) EP_TRY(ep__capture(im, bound.scope, bound.value->g));
        for (size_t k = 0; k < bound.value->n_graphs; k++) {
            EP_TRY(ep__capture(im, bound.scope, bound.value->graphs[k]));
        }
    }
    return EP_OK;
}

static ep_status list_inputs(ep__importer *im, const ep__scope *scope,
                             const EpOnnx__NodeProto *proto)
{
    for (size_t i = 0; i < proto->n_input; i++) {
        uint32_t tensor;
        EP_TRY(ep__use(im, scope, proto->input[i], &tensor));
        EP_TRY(ep__list_add(im, tensor));
    }
    return EP_OK;
}

static ep_status list_outputs(ep__importer *im, const ep__scope *scope,
                              const EpOnnx__NodeProto *proto)
{
    for (size_t i = 0; i < proto->n_output; i++) {
        uint32_t tensor = EP_NO_INDEX;
        if (*proto->output[i]) EP_TRY(ep__define(im, scope, proto->output[i], &tensor));
        EP_TRY(ep__list_add(im, tensor));
    }
    return EP_OK;
}

static int opset_of(const ep__importer *im, const ep__scope *scope, const char *domain)
{
    uint32_t version = ep_names_get(scope->opsets, domain);
    if (version == EP_NO_INDEX) version = ep_names_get(im->opsets, domain);
    return version == EP_NO_INDEX ? 0 : (int)version;
}

static ep_status import_operator(ep__importer *im, const ep__scope *scope,
                                 const EpOnnx__NodeProto *proto, const char *domain, size_t index)
{
    ep_node node = {.op_type = ep_arena_string(im->arena, proto->op_type, strlen(proto->op_type)),
                    .domain = ep_arena_string(im->arena, domain, strlen(domain)),
                    .op = ep_op_find(domain, proto->op_type),
                    .opset = opset_of(im, scope, domain)};
    if (!node.op_type || !node.domain) return ep_fail_memory(im->err);
    EP_TRY(ep__node_name(im, scope, proto, index, &node.name));
    EP_TRY(ep__check_opset(im, &node));
    EP_TRY(ep__import_attributes(im, scope, proto, &node));
    im->graph.n_list = 0;
    EP_TRY(list_inputs(im, scope, proto));
    const uint32_t n_formal = im->graph.n_list;
    EP_TRY(import_captures(im, scope, proto));
    node.n_inputs = im->graph.n_list;
    node.n_captures = node.n_inputs - n_formal;
    EP_TRY(list_outputs(im, scope, proto));
    node.n_outputs = im->graph.n_list - node.n_inputs;
    EP_TRY(ep__import_bodies(im, scope, proto, &node));
    return ep__add_node(im, &node, im->graph.list, im->graph.list + node.n_inputs);
}

static ep_status import_node(ep__importer *im, const ep__scope *scope,
                             const EpOnnx__NodeProto *proto, size_t index)
{
    if (im->call_depth) {
        EP_TRY(ep__spend(im, 1 + proto->n_input + proto->n_output + proto->n_attribute));
    }
    EP_FAIL_IF(!*ep__text(proto->op_type), im->err, EP_BAD_MODEL,
               "%s: node %zu ('%s%.200s') has no operator", im->path, index, scope->prefix,
               ep__text(proto->name));
    ep__function *function;
    EP_TRY(ep__find_function(im, proto, &function));
    if (function) return ep__call_function(im, scope, proto, index, function);
    const char *domain = ep__domain(proto->domain);
    if (!*domain && strcmp(proto->op_type, "Constant") == 0) {
        return import_constant(im, scope, proto);
    }
    const ep_tensor *dims = *domain ? NULL : stripped_dims(im, scope, proto);
    if (dims) return import_stripped(im, scope, proto, dims);
    return import_operator(im, scope, proto, domain, index);
}

ep_status ep__import_nodes(ep__importer *im, const ep__scope *scope,
                           EpOnnx__NodeProto *const *protos, size_t count)
{
    for (size_t i = 0; i < count; i++) EP_TRY(import_node(im, scope, protos[i], i));
    return EP_OK;
}
