/* Shapes of what reduces, ranks or selects along axes, and of losses. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* `x` without the axes in `bits`, or with 1 in their place. */
static ep__result reduced(const ep_tensor *x, unsigned bits, bool keep)
{
    ep__result result = {.shape.rank = 0};
    for (int i = 0; i < x->shape.rank; i++) {
        if (!(bits >> i & 1u)) {
            ep__push_dims(&result, x, i, i + 1);
        } else if (keep) {
            ep__push(&result, 1, false);
        }
    }
    return result;
}

ep_status ep__shape_reduce(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints axes;
    unsigned bits;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints(network, node, 1, "axes", &axes, err));
    EP_TRY(ep__axis_bits(&axes, x->shape.rank, &bits, err));
    if (axes.count == 0 && ep_attr_int(node, "noop_with_empty_axes", 0) == 0) {
        bits = (1u << x->shape.rank) - 1;
    }
    const ep__result result = reduced(x, bits, ep_attr_int(node, "keepdims", 1) != 0);
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_arg_reduce(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    int axis;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__axis_attr(node, "axis", 0, x->shape.rank, &axis, err));
    const ep__result result = reduced(x, 1u << axis, ep_attr_int(node, "keepdims", 1) != 0);
    return ep__set_output(network, node, 0, EP_DTYPE_INT64, &result, err);
}

/* k is an attribute before opset 10. */
ep_status ep__shape_topk(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    int axis;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__axis_attr(node, "axis", -1, x->shape.rank, &axis, err));
    const ep_tensor *count = ep_node_input(network, node, 1);
    int64_t k = ep_attr_int(node, "k", -1);
    if (count) EP_TRY(ep__read_int(count, &k, err));
    EP_FAIL_IF(k < 0 || k > x->shape.dims[axis], err, EP_BAD_SHAPE,
               "k is %" PRId64 "; axis %d has %" PRId64 " elements", k, axis, x->shape.dims[axis]);
    ep__result result = ep__like(x);
    result.shape.dims[axis] = k;
    EP_TRY(ep__set_output(network, node, 0, x->dtype, &result, err));
    return ep__set_output(network, node, 1, EP_DTYPE_INT64, &result, err);
}

/* NonZero, Compress, Unique, NonMaxSuppression: how much comes out is not known before the run. */
ep_status ep__shape_data_dependent(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    const ep_tensor *last = ep_node_input(network, node, 1);
    return ep__depends_on(strcmp(node->op_type, "Compress") == 0 && last ? last : x, err);
}

/* If, Loop, Scan: which shapes their bodies give may depend on data, so only what the file states
 * is known. */
ep_status ep__shape_subgraph(ep_network *network, const ep_node *node, ep_error *err)
{
    (void)network;
    (void)node;
    return ep_fail(err, EP_UNSUPPORTED,
                   "its output shape is that of a body, which only a run computes; state it in the "
                   "file (value_info)");
}

/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: scores N x C x ..., target N x ...; the
 * latter's second output is like the scores. */
ep_status ep__shape_loss(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__check_rank(in[0], 2, EP_MAX_RANK, err));
    const bool whole = strcmp(ep_attr_string(node, "reduction", "mean"), "none") != 0;
    const ep__result scalar = {.shape.rank = 0}, each = ep__like(in[1]);
    EP_TRY(ep__set_output(network, node, 0, in[0]->dtype, whole ? &scalar : &each, err));
    if (strcmp(node->op_type, "SoftmaxCrossEntropyLoss") != 0) return EP_OK;
    return ep__set_like(network, node, 1, in[0]->dtype, in[0], err);
}
