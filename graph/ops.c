/* The operator table, and shape inference for one node. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph/shapes.h"

static const ep_op table[] = {
#define EP_OP(name, since, until, function, layer)                                                 \
    {#name, since, until, function, EP_LAYER_##layer},
#include "graph/ops.def"
#undef EP_OP
};
#define TABLE_ROWS (sizeof table / sizeof table[0])

static int compare_name(const void *name, const void *row)
{
    return strcmp(name, ((const ep_op *)row)->name);
}

const ep_op *ep_op_find(const char *domain, const char *op_type)
{
    if (domain[0] != '\0' && strcmp(domain, "ai.onnx") != 0) return NULL;
    return bsearch(op_type, table, TABLE_ROWS, sizeof table[0], compare_name);
}

const ep_op *ep_op_row(uint32_t index)
{
    return index < TABLE_ROWS ? &table[index] : NULL;
}

const char *ep_layer_type_name(ep_layer_type type)
{
    static const char *const names[] = {
#define X(id, name) [EP_LAYER_##id] = (name),
        EP_LAYER_TYPE_MAP(X)
#undef X
    };
    return names[type];
}

const char *ep_function_name(ep_function function)
{
    static const char *const names[] = {
#define X(id, name) [EP_FN_##id] = (name),
        EP_FUNCTION_MAP(X)
#undef X
    };
    return names[function];
}

/* ---- inference ----------------------------------------------------------------------------- */

static bool has_concrete_shape(const ep_tensor *tensor)
{
    if (!tensor->has_shape) return false;
    for (int i = 0; i < tensor->shape.rank; i++) {
        if (tensor->shape.dims[i] < 0) return false;
    }
    return true;
}

static ep_status check_inputs(const ep_network *network, const ep_node *node, ep_error *err)
{
    for (uint32_t i = 0; i < ep__input_count(node); i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        EP_FAIL_IF(input && !has_concrete_shape(input), err, EP_UNSUPPORTED,
                   "the shape of its input '%s' is not known; state it in the file", input->name);
    }
    return EP_OK;
}

static ep_status check_outputs(ep_network *network, const ep_node *node, ep_error *err)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const ep_tensor *output = ep_node_output(network, node, i);
        EP_FAIL_IF(output && !has_concrete_shape(output), err, EP_BAD_MODEL,
                   "output %" PRIu32 " ('%s') is none of this operator's", i, output->name);
    }
    return EP_OK;
}

static ep_status infer(ep_network *network, const ep_node *node, ep_error *err)
{
    if (!node->op) {
        return ep_fail(err, EP_UNSUPPORTED,
                       "not an operator edgeplan knows, and the file does not state the shape of "
                       "every output of it; state them (value_info)");
    }
    EP_TRY(check_inputs(network, node, err));
    EP_TRY(node->op->shape(network, node, err));
    return check_outputs(network, node, err);
}

/* True when a run-time input has the new batch as its leading dimension. */
static bool reads_batch(const ep_network *network, const ep_node *node)
{
    for (uint32_t i = 0; i < ep__input_count(node); i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        if (input && !ep_tensor_is_const(input) && input->has_shape && input->shape.rank > 0 &&
            input->shape.dims[0] == network->batch_to) {
            return true;
        }
    }
    return false;
}

/* What cannot be inferred has the shape that the file states, if it states all of it. The file
 * speaks of its own batch, so at another one a leading dimension that is the batch follows it. */
static bool keep_stated_shapes(ep_network *network, const ep_node *node)
{
    const bool follow = ep__rebatched(network) && reads_batch(network, node);
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        ep_tensor *output = ep_node_output(network, node, i);
        uint64_t elements;
        if (!output) continue;
        if (!output->has_shape) return false;
        ep_shape *shape = &output->shape;
        if (follow && shape->rank > 0 && shape->dims[0] == network->batch_from) {
            shape->dims[0] = network->batch_to;
        }
        if (ep_shape_elements(shape, &elements, NULL) != EP_OK) return false;
    }
    return true;
}

ep_status ep_infer_shapes(ep_network *network, const ep_node *node, ep_error *err)
{
    ep_error why = {.status = EP_OK}; /* the caller's stays as it was when the file helps out */
    const ep_status status = infer(network, node, &why);
    if (status == EP_OK) return EP_OK;
    if (status == EP_UNSUPPORTED && keep_stated_shapes(network, node)) return EP_OK;
    if (!err) return status;
    *err = why;
    if (ep__rebatched(network)) {
        (void)ep_fail_context(err, "at batch %" PRId64 " (the file is made for %" PRId64 "): ",
                              network->batch_to, network->batch_from);
    }
    return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
}
