/* Shapes of what picks elements by index or puts them by index. */
#include <inttypes.h>

#include "graph/shapes.h"

/* The batch rule: constant indices that took every element of a flattened batch (what exporters
 * make of as_strided, and of masks that are looked up by batch and position) do so at the new
 * batch. */
static bool takes_whole_batch(const ep_network *network, const ep_tensor *data,
                              const ep_tensor *indices, int axis)
{
    const int rank = indices->shape.rank;
    if (axis != 0 || rank < 2 || ep_tensor_is_const(data)) return false;
    if (!ep__stands_for_batch(network, indices, network->batch_to)) return false;
    const int64_t each = ep__dim_product(&indices->shape, 1, rank);
    return data->shape.dims[0] == ep__dim_mul(each, network->batch_to);
}

ep_status ep__shape_gather(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* data, indices */
    int axis;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__axis_attr(node, "axis", 0, in[0]->shape.rank, &axis, err));
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], 0, axis);
    ep__push_dims(&result, in[1], 0, in[1]->shape.rank);
    ep__push_dims(&result, in[0], axis + 1, in[0]->shape.rank);
    if (takes_whole_batch(network, in[0], in[1], axis)) result.shape.dims[0] = network->batch_to;
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

ep_status ep__shape_gather_elements(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* data, indices */
    int axis;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__axis_attr(node, "axis", 0, in[0]->shape.rank, &axis, err));
    EP_TRY(ep__check_rank(in[1], in[0]->shape.rank, in[0]->shape.rank, err));
    return ep__set_like(network, node, 0, in[0]->dtype, in[1], err);
}

/* The last dimension of the indices is a coordinate in data, behind `batch_dims` shared ones. */
ep_status ep__shape_gather_nd(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* data, indices */
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__check_rank(in[1], 1, EP_MAX_RANK, err));
    const int rank = in[0]->shape.rank, rank_i = in[1]->shape.rank;
    const int64_t batch_dims = ep_attr_int(node, "batch_dims", 0);
    const int64_t length = in[1]->shape.dims[rank_i - 1];
    EP_FAIL_IF(batch_dims < 0 || batch_dims >= rank_i || length < 0 || batch_dims > rank ||
                   length > rank - batch_dims,
               err, EP_BAD_SHAPE,
               "batch_dims %" PRId64 " and index length %" PRId64 " do not fit %d dimensions of "
               "data and %d of indices",
               batch_dims, length, rank, rank_i);
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[1], 0, rank_i - 1);
    ep__push_dims(&result, in[0], (int)(batch_dims + length), rank);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* Scatter*, TensorScatter: as the data that updates are put into. */
ep_status ep__shape_scatter(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* data, indices (TensorScatter: update) */
    EP_TRY(ep__inputs(network, node, 2, in, err));
    return ep__set_like(network, node, 0, in[0]->dtype, in[0], err);
}

ep_status ep__shape_one_hot(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* indices, depth, values */
    int64_t depth;
    int axis;
    EP_TRY(ep__inputs(network, node, 3, in, err));
    EP_TRY(ep__axis_attr(node, "axis", -1, in[0]->shape.rank + 1, &axis, err));
    EP_TRY(ep__read_int(in[1], &depth, err));
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], 0, axis);
    ep__push(&result, depth, false);
    ep__push_dims(&result, in[0], axis, in[0]->shape.rank);
    return ep__set_output(network, node, 0, in[2]->dtype, &result, err);
}
