/* Shapes of what works element by element, with numpy's broadcasting where there are several
 * operands, and of what keeps its input's shape. */
#include "graph/shapes.h"

ep_status ep__shape_same(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    return ep__set_like(network, node, 0, x->dtype, x, err);
}

ep_status ep__shape_same_bool(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    return ep__set_like(network, node, 0, EP_DTYPE_BOOL, x, err);
}

/* All inputs, at least `least` of them, broadcast together; `dtype` UNDEFINED: as the first. */
static ep_status broadcast_all(ep_network *network, const ep_node *node, uint32_t least,
                               ep_dtype dtype, ep_error *err)
{
    const ep_tensor *required[2];
    EP_TRY(ep__inputs(network, node, least, required, err));
    ep__result result = ep__like(required[0]);
    for (uint32_t i = 1; i < ep__input_count(node); i++) {
        const ep_tensor *x = ep_node_input(network, node, i);
        if (x) EP_TRY(ep__broadcast(&result, x, err));
    }
    if (dtype == EP_DTYPE_UNDEFINED) dtype = required[0]->dtype;
    return ep__set_output(network, node, 0, dtype, &result, err);
}

ep_status ep__shape_binary(ep_network *network, const ep_node *node, ep_error *err)
{
    return broadcast_all(network, node, 2, EP_DTYPE_UNDEFINED, err);
}

ep_status ep__shape_compare(ep_network *network, const ep_node *node, ep_error *err)
{
    return broadcast_all(network, node, 2, EP_DTYPE_BOOL, err);
}

ep_status ep__shape_variadic(ep_network *network, const ep_node *node, ep_error *err)
{
    return broadcast_all(network, node, 1, EP_DTYPE_UNDEFINED, err);
}

ep_status ep__shape_where(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* condition, X, Y */
    EP_TRY(ep__inputs(network, node, 3, in, err));
    return broadcast_all(network, node, 2, in[1]->dtype, err);
}

/* The slope broadcasts to X, never the other way. */
ep_status ep__shape_prelu(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    ep__result result = ep__like(in[0]);
    EP_TRY(ep__broadcast(&result, in[1], err));
    if (!ep_shape_equal(&result.shape, &in[0]->shape)) {
        char x[EP_SHAPE_TEXT], slope[EP_SHAPE_TEXT];
        return ep_fail(err, EP_BAD_SHAPE, "slope '%s' (%s) does not broadcast to its input's %s",
                       in[1]->name, ep_shape_text(&in[1]->shape, slope),
                       ep_shape_text(&in[0]->shape, x));
    }
    return ep__set_like(network, node, 0, in[0]->dtype, in[0], err);
}

ep_status ep__shape_cast(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep_dtype to;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__dtype_attr(node, "to", EP_DTYPE_UNDEFINED, &to, err));
    EP_FAIL_IF(to == EP_DTYPE_UNDEFINED, err, EP_BAD_MODEL, "attribute 'to' is missing");
    return ep__set_like(network, node, 0, to, x, err);
}

ep_status ep__shape_cast_like(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    return ep__set_like(network, node, 0, in[1]->dtype, in[0], err);
}

ep_status ep__shape_dropout(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__set_like(network, node, 0, x->dtype, x, err));
    const ep_dtype mask = node->opset < 10 ? x->dtype : EP_DTYPE_BOOL;
    return ep__set_like(network, node, 1, mask, x, err);
}

/* Softmax and its kin: as the input; an axis that the file names must be one of its axes. (The
 * default depends on the opset, and rank 0 has none.) */
ep_status ep__shape_softmax(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    int axis;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    if (ep_attr_find(node, "axis")) {
        EP_TRY(ep__axis_attr(node, "axis", 0, x->shape.rank, &axis, err));
    }
    return ep__set_like(network, node, 0, x->dtype, x, err);
}

/* ---- quantization -------------------------------------------------------------------------- */

ep_status ep__shape_quantize(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    const ep_tensor *zero_point = ep_node_input(network, node, 2);
    ep_dtype dtype;
    EP_TRY(ep__dtype_attr(node, "output_dtype", EP_DTYPE_UNDEFINED, &dtype, err));
    if (dtype == EP_DTYPE_UNDEFINED) dtype = zero_point ? zero_point->dtype : EP_DTYPE_UINT8;
    return ep__set_like(network, node, 0, dtype, in[0], err);
}

ep_status ep__shape_dequantize(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    ep_dtype dtype;
    EP_TRY(ep__dtype_attr(node, "output_dtype", EP_DTYPE_UNDEFINED, &dtype, err));
    if (dtype == EP_DTYPE_UNDEFINED) dtype = in[1]->dtype;
    return ep__set_like(network, node, 0, dtype, in[0], err);
}

ep_status ep__shape_dynamic_quantize(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    const ep__result scalar = {.shape.rank = 0};
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__set_like(network, node, 0, EP_DTYPE_UINT8, x, err));
    EP_TRY(ep__set_output(network, node, 1, EP_DTYPE_FLOAT, &scalar, err));
    return ep__set_output(network, node, 2, EP_DTYPE_UINT8, &scalar, err);
}
