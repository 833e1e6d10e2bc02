/* Shapes of normalizations: as the input, with per-channel parameters that must fit it. */
#include <inttypes.h>

#include "graph/shapes.h"

static int64_t channels(const ep_tensor *x)
{
    return x->shape.rank > 1 ? x->shape.dims[1] : 1;
}

/* A vector with one element a channel. */
static ep_status check_parameter(const ep_tensor *parameter, int64_t count, const char *of,
                                 ep_error *err)
{
    EP_TRY(ep__check_rank(parameter, 1, 1, err));
    EP_FAIL_IF(parameter->shape.dims[0] != count, err, EP_BAD_SHAPE,
               "input '%s' has %" PRId64 " elements for %" PRId64 " %s", parameter->name,
               parameter->shape.dims[0], count, of);
    return EP_OK;
}

/* In training mode it also puts out statistics, one a channel; in opset 7, `spatial` 0 has
 * parameters for every element of an image. */
ep_status ep__shape_batch_norm(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[5]; /* X, scale, B, mean, variance */
    EP_TRY(ep__inputs(network, node, 5, in, err));
    for (int i = 1; i < 5 && ep_attr_int(node, "spatial", 1) != 0; i++) {
        EP_TRY(check_parameter(in[i], channels(in[0]), "channels", err));
    }
    EP_TRY(ep__set_like(network, node, 0, in[0]->dtype, in[0], err));
    for (uint32_t i = 1; i < node->n_outputs && i < 5; i++) {
        EP_TRY(ep__set_like(network, node, i, in[3]->dtype, in[3], err));
    }
    return EP_OK;
}

ep_status ep__shape_instance_norm(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* X, scale, B */
    EP_TRY(ep__inputs(network, node, 3, in, err));
    for (int i = 1; i < 3; i++) {
        EP_TRY(check_parameter(in[i], channels(in[0]), "channels", err));
    }
    return ep__set_like(network, node, 0, in[0]->dtype, in[0], err);
}

/* Opset 18 had a scale a group, opset 21 has one a channel. */
ep_status ep__shape_group_norm(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* X, scale, bias */
    EP_TRY(ep__inputs(network, node, 3, in, err));
    const int64_t groups = ep_attr_int(node, "num_groups", 0), count = channels(in[0]);
    EP_FAIL_IF(groups < 1 || count % groups != 0, err, EP_BAD_SHAPE,
               "num_groups %" PRId64 " does not divide its %" PRId64 " channels", groups, count);
    const bool per_group = node->opset < 21;
    for (int i = 1; i < 3; i++) {
        EP_TRY(check_parameter(in[i], per_group ? groups : count, per_group ? "groups" : "channels",
                               err));
    }
    return ep__set_like(network, node, 0, in[0]->dtype, in[0], err);
}

/* The scale must broadcast to the dimensions that are normalized: axis and what follows it. */
static ep_status check_tail(const ep_tensor *x, const ep_tensor *scale, int axis, ep_error *err)
{
    ep__result tail = {.shape.rank = 0};
    ep__push_dims(&tail, x, axis, x->shape.rank);
    const ep_shape normalized = tail.shape;
    EP_TRY(ep__broadcast(&tail, scale, err));
    if (scale->shape.rank <= normalized.rank && ep_shape_equal(&tail.shape, &normalized)) {
        return EP_OK;
    }
    char text_s[EP_SHAPE_TEXT], text_n[EP_SHAPE_TEXT];
    return ep_fail(err, EP_BAD_SHAPE, "input '%s' (%s) does not broadcast to the normalized %s",
                   scale->name, ep_shape_text(&scale->shape, text_s),
                   ep_shape_text(&normalized, text_n));
}

ep_status ep__shape_layer_norm(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* X, scale; the bias may be missing */
    int axis;
    ep_dtype stash;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__axis_attr(node, "axis", -1, in[0]->shape.rank, &axis, err));
    EP_TRY(ep__dtype_attr(node, "stash_type", EP_DTYPE_FLOAT, &stash, err));
    EP_TRY(check_tail(in[0], in[1], axis, err));
    ep__result statistics = ep__like(in[0]); /* mean and inverse deviation */
    for (int i = axis; i < statistics.shape.rank; i++) statistics.shape.dims[i] = 1;
    EP_TRY(ep__set_like(network, node, 0, in[0]->dtype, in[0], err));
    EP_TRY(ep__set_output(network, node, 1, stash, &statistics, err));
    return ep__set_output(network, node, 2, stash, &statistics, err);
}

ep_status ep__shape_rms_norm(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* X, scale */
    int axis;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__axis_attr(node, "axis", -1, in[0]->shape.rank, &axis, err));
    EP_TRY(check_tail(in[0], in[1], axis, err));
    return ep__set_like(network, node, 0, in[1]->dtype, in[0], err);
}
