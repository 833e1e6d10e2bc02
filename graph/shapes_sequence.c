/* Shapes of recurrent networks and attention. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* RNN, GRU, LSTM. X: steps x batch x features, with layout 1 batch first, then in the outputs too:
 * Y (all steps), Y_h and LSTM's Y_c (the last). */
ep_status ep__shape_recurrent(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* X, W, R */
    EP_TRY(ep__inputs(network, node, 3, in, err));
    for (int i = 0; i < 3; i++) EP_TRY(ep__check_rank(in[i], 3, 3, err));
    const bool batch_first = ep_attr_int(node, "layout", 0) != 0;
    const int64_t directions = in[2]->shape.dims[0], hidden = in[2]->shape.dims[2];
    const int64_t stated = ep_attr_int(node, "hidden_size", hidden);
    EP_FAIL_IF(stated != hidden, err, EP_BAD_SHAPE,
               "hidden_size is %" PRId64 ", but weight '%s' is for %" PRId64, stated, in[2]->name,
               hidden);
    EP_FAIL_IF(in[1]->shape.dims[2] != in[0]->shape.dims[2], err, EP_BAD_SHAPE,
               "its input has %" PRId64 " features, weight '%s' is for %" PRId64,
               in[0]->shape.dims[2], in[1]->name, in[1]->shape.dims[2]);
    ep__result all = {.shape.rank = 0}, last = {.shape.rank = 0};
    if (batch_first) {
        ep__push_dims(&all, in[0], 0, 2);
        ep__push(&all, directions, false);
        ep__push_dims(&last, in[0], 0, 1);
        ep__push(&last, directions, false);
    } else {
        ep__push_dims(&all, in[0], 0, 1);
        ep__push(&all, directions, false);
        ep__push_dims(&all, in[0], 1, 2);
        ep__push(&last, directions, false);
        ep__push_dims(&last, in[0], 1, 2);
    }
    ep__push(&all, hidden, false);
    ep__push(&last, hidden, false);
    EP_TRY(ep__set_output(network, node, 0, in[0]->dtype, &all, err));
    EP_TRY(ep__set_output(network, node, 1, in[0]->dtype, &last, err));
    if (strcmp(node->op_type, "LSTM") != 0) return EP_OK;
    return ep__set_output(network, node, 2, in[0]->dtype, &last, err);
}

/* Q, K or V as batch x heads x steps x size: that already, or batch x steps x (heads * size). */
typedef struct heads {
    int64_t heads, steps, size;
} heads;

static ep_status split_heads(const ep_node *node, const ep_tensor *x, const char *count_attr,
                             heads *out, ep_error *err)
{
    EP_TRY(ep__check_rank(x, 3, 4, err));
    const int64_t *dims = x->shape.dims;
    if (x->shape.rank == 4) {
        *out = (heads){.heads = dims[1], .steps = dims[2], .size = dims[3]};
        return EP_OK;
    }
    const int64_t count = ep_attr_int(node, count_attr, 0);
    EP_FAIL_IF(count < 1 || dims[2] % count != 0, err, EP_BAD_SHAPE,
               "%s %" PRId64 " does not divide the %" PRId64 " features of input '%s'", count_attr,
               count, dims[2], x->name);
    *out = (heads){.heads = count, .steps = dims[1], .size = dims[2] / count};
    return EP_OK;
}

/* Batch x heads x steps x size, as the cache and the scores are. */
static ep__result per_head(const ep_tensor *q, int64_t count, int64_t steps, int64_t size)
{
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, q, 0, 1);
    ep__push(&result, count, false);
    ep__push(&result, steps, false);
    ep__push(&result, size, false);
    return result;
}

/* Outputs: Y, present key, present value, scores. */
ep_status ep__shape_attention(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* Q, K, V; then mask, past key, past value */
    heads q, k, v;
    EP_TRY(ep__inputs(network, node, 3, in, err));
    EP_TRY(split_heads(node, in[0], "q_num_heads", &q, err));
    EP_TRY(split_heads(node, in[1], "kv_num_heads", &k, err));
    EP_TRY(split_heads(node, in[2], "kv_num_heads", &v, err));
    int64_t steps = k.steps;
    const ep_tensor *past = ep_node_input(network, node, 4);
    if (past) {
        EP_TRY(ep__check_rank(past, 4, 4, err));
        steps = ep__dim_add(steps, past->shape.dims[2]);
    }
    ep__result y = ep__like(in[0]);
    y.shape.dims[y.shape.rank - 1] = in[0]->shape.rank == 4 ? v.size : ep__dim_mul(q.heads, v.size);
    const ep__result key = per_head(in[0], k.heads, steps, k.size);
    const ep__result value = per_head(in[0], v.heads, steps, v.size);
    const ep__result scores = per_head(in[0], q.heads, q.steps, steps);
    EP_TRY(ep__set_output(network, node, 0, in[0]->dtype, &y, err));
    EP_TRY(ep__set_output(network, node, 1, in[1]->dtype, &key, err));
    EP_TRY(ep__set_output(network, node, 2, in[2]->dtype, &value, err));
    return ep__set_output(network, node, 3, in[0]->dtype, &scores, err);
}
