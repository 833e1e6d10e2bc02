/* Shapes of matrix products. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* `tensor` without its last two dimensions, for the broadcast of leading ones. */
static ep_tensor leading(const ep_tensor *tensor)
{
    ep_tensor lead = *tensor;
    lead.shape.rank = tensor->shape.rank > 2 ? tensor->shape.rank - 2 : 0;
    return lead;
}

/* numpy's matmul: the last two dimensions are matrices, the others broadcast; a vector is a row on
 * the left and a column on the right, and that dimension goes again. */
static ep_status multiply(ep_network *network, const ep_node *node, const ep_tensor *a,
                          const ep_tensor *b, ep_dtype dtype, ep_error *err)
{
    EP_TRY(ep__check_rank(a, 1, EP_MAX_RANK, err));
    EP_TRY(ep__check_rank(b, 1, EP_MAX_RANK, err));
    const int rank_a = a->shape.rank, rank_b = b->shape.rank;
    const int64_t k_a = a->shape.dims[rank_a - 1];
    const int64_t k_b = b->shape.dims[rank_b > 1 ? rank_b - 2 : 0];
    if (k_a != k_b) {
        char text_a[EP_SHAPE_TEXT], text_b[EP_SHAPE_TEXT];
        return ep_fail(
            err, EP_BAD_SHAPE,
            "cannot multiply %s by %s: the inner dimensions are %" PRId64 " and %" PRId64,
            ep_shape_text(&a->shape, text_a), ep_shape_text(&b->shape, text_b), k_a, k_b);
    }
    const ep_tensor lead_a = leading(a), lead_b = leading(b);
    ep__result result = {.shape.rank = 0};
    EP_TRY(ep__broadcast(&result, &lead_a, err));
    EP_TRY(ep__broadcast(&result, &lead_b, err));
    if (rank_a > 1) ep__push_dims(&result, a, rank_a - 2, rank_a - 1);
    if (rank_b > 1) ep__push_dims(&result, b, rank_b - 1, rank_b);
    return ep__set_output(network, node, 0, dtype, &result, err);
}

ep_status ep__shape_matmul(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[8];
    if (strcmp(node->op_type, "QLinearMatMul") == 0) {
        EP_TRY(ep__inputs(network, node, 8, in, err)); /* a, scale, zero; b, ..; y scale, zero */
        return multiply(network, node, in[0], in[3], in[7]->dtype, err);
    }
    EP_TRY(ep__inputs(network, node, 2, in, err));
    const bool integer = strcmp(node->op_type, "MatMulInteger") == 0;
    return multiply(network, node, in[0], in[1], integer ? EP_DTYPE_INT32 : in[0]->dtype, err);
}

ep_status ep__shape_gemm(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__check_rank(in[0], 2, 2, err));
    EP_TRY(ep__check_rank(in[1], 2, 2, err));
    const int trans_a = ep_attr_int(node, "transA", 0) != 0;
    const int trans_b = ep_attr_int(node, "transB", 0) != 0;
    const int64_t k_a = in[0]->shape.dims[1 - trans_a], k_b = in[1]->shape.dims[trans_b];
    if (k_a != k_b) {
        char a[EP_SHAPE_TEXT], b[EP_SHAPE_TEXT];
        return ep_fail(err, EP_BAD_SHAPE,
                       "cannot multiply %s%s by %s%s: the inner dimensions are %" PRId64
                       " and %" PRId64,
                       ep_shape_text(&in[0]->shape, a), trans_a ? " transposed" : "",
                       ep_shape_text(&in[1]->shape, b), trans_b ? " transposed" : "", k_a, k_b);
    }
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], trans_a, trans_a + 1);
    ep__push_dims(&result, in[1], 1 - trans_b, 2 - trans_b);
    const ep_tensor *c = ep_node_input(network, node, 2);
    if (c) {
        ep__result with_c = result;
        EP_TRY(ep__broadcast(&with_c, c, err));
        char text_c[EP_SHAPE_TEXT], text_y[EP_SHAPE_TEXT];
        EP_FAIL_IF(!ep_shape_equal(&with_c.shape, &result.shape), err, EP_BAD_SHAPE,
                   "input '%s' (%s) does not broadcast to the product's %s", c->name,
                   ep_shape_text(&c->shape, text_c), ep_shape_text(&result.shape, text_y));
    }
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* The determinant of each matrix. */
ep_status ep__shape_det(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__check_rank(x, 2, EP_MAX_RANK, err));
    const int rank = x->shape.rank;
    EP_FAIL_IF(x->shape.dims[rank - 1] != x->shape.dims[rank - 2], err, EP_BAD_SHAPE,
               "its matrices are %" PRId64 " x %" PRId64 "; they must be square",
               x->shape.dims[rank - 2], x->shape.dims[rank - 1]);
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, x, 0, rank - 2);
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}
