/* Private to graph: the shape functions that ops.def names, and what they share.
 *
 * ep_infer_shapes calls them, and checks before that every input which is present has a concrete
 * shape, and after that every output has one. A shape function reports data that is not to be
 * known before the run by EP_UNSUPPORTED, before it sets any output: then what the file states
 * counts. It sets outputs by ep__set_output alone. */
#ifndef EP_SHAPES_H
#define EP_SHAPES_H

#include "graph/graph.h"

#define EP_OP(name, since, until, function, layer)                                                 \
    ep_status function(ep_network *network, const ep_node *node, ep_error *err);
#include "graph/ops.def"
#undef EP_OP

/* ---- inputs -------------------------------------------------------------------------------- */

/* The node's formal inputs: without what its subgraphs capture. */
static inline uint32_t ep__input_count(const ep_node *node)
{
    return node->n_inputs - node->n_captures;
}

/* The first `count` inputs, none of which may be left out. */
ep_status ep__inputs(const ep_network *network, const ep_node *node, uint32_t count,
                     const ep_tensor **inputs, ep_error *err);

ep_status ep__check_rank(const ep_tensor *tensor, int least, int most, ep_error *err);

/* `axis` counted from the front; error when it is outside -rank .. rank - 1. */
ep_status ep__axis(int64_t axis, int rank, int *out, ep_error *err);
/* The same for the attribute `name`. */
ep_status ep__axis_attr(const ep_node *node, const char *name, int64_t otherwise, int rank,
                        int *out, ep_error *err);

/* A short list of integers: an attribute, or a constant input. */
typedef struct ep__ints {
    bool given; /* false: the node has neither */
    uint32_t count;
    int64_t values[2 * EP_MAX_RANK];
} ep__ints;

/* Reads input `input`, or else the attribute `attr` (NULL: there is none): newer opsets made inputs
 * of attributes. EP_UNSUPPORTED when the input's value is not known. */
ep_status ep__read_ints(const ep_network *network, const ep_node *node, uint32_t input,
                        const char *attr, ep__ints *out, ep_error *err);
ep_status ep__read_ints_attr(const ep_node *node, const char *attr, ep__ints *out, ep_error *err);
/* As ep__read_ints, the list must be there and have `count` values. */
ep_status ep__need_ints(const ep_network *network, const ep_node *node, uint32_t input,
                        const char *attr, int count, ep__ints *out, ep_error *err);

/* Up to 2 * EP_MAX_RANK elements of a constant input of any real type. */
ep_status ep__read_reals(const ep_tensor *tensor, double values[2 * EP_MAX_RANK], uint32_t *count,
                         ep_error *err);
/* A constant input of one element. */
ep_status ep__read_scalar(const ep_tensor *tensor, double *value, ep_error *err);
ep_status ep__read_int(const ep_tensor *tensor, int64_t *value, ep_error *err);

/* EP_UNSUPPORTED: the output's shape depends on the value of `tensor`, which is not at hand. */
ep_status ep__depends_on(const ep_tensor *tensor, ep_error *err);

/* The axes that `list` names, as bits. An axis may be named once. */
ep_status ep__axis_bits(const ep__ints *list, int rank, unsigned *bits, ep_error *err);

/* ---- results ------------------------------------------------------------------------------- */

/* An output's shape while it is put together. `shape.rank` may pass EP_MAX_RANK: dimensions beyond
 * are counted, not kept, and ep__set_output refuses the result. */
typedef struct ep__result {
    ep_shape shape;
    unsigned symbolic; /* bit i: dimension i follows from a symbolic one */
} ep__result;

/* Appends a dimension. */
static inline void ep__push(ep__result *result, int64_t dim, bool symbolic)
{
    const int i = result->shape.rank++;
    if (i >= EP_MAX_RANK) return;
    result->shape.dims[i] = dim;
    if (symbolic) result->symbolic |= 1u << i;
}

static inline bool ep__symbolic(const ep_tensor *tensor, int axis)
{
    return tensor->was_symbolic >> axis & 1u;
}

/* Appends dimensions first .. last - 1 of `from`. */
static inline void ep__push_dims(ep__result *result, const ep_tensor *from, int first, int last)
{
    for (int i = first; i < last; i++) {
        ep__push(result, from->shape.dims[i], ep__symbolic(from, i));
    }
}

static inline ep__result ep__like(const ep_tensor *tensor)
{
    return (ep__result){.shape = tensor->shape, .symbolic = tensor->was_symbolic};
}

/* Products and sums of dimensions: INT64_MAX, which ep__set_output refuses, when they overflow. */
int64_t ep__dim_mul(int64_t a, int64_t b);
int64_t ep__dim_add(int64_t a, int64_t b);
/* Product of dimensions first .. last - 1. */
int64_t ep__dim_product(const ep_shape *shape, int first, int last);

/* Widens `result` to what it and `with` broadcast to, as numpy does. */
ep_status ep__broadcast(ep__result *result, const ep_tensor *with, ep_error *err);

/* Gives output `i` its type and shape; nothing to do when the node leaves it out. EP_BAD_SHAPE when
 * the rank passes EP_MAX_RANK, a dimension is negative or the number of elements passes 2^62. */
ep_status ep__set_output(ep_network *network, const ep_node *node, uint32_t i, ep_dtype dtype,
                         const ep__result *result, ep_error *err);
/* Output `i` is of this type and like `tensor`. */
ep_status ep__set_like(ep_network *network, const ep_node *node, uint32_t i, ep_dtype dtype,
                       const ep_tensor *tensor, ep_error *err);

/* The attribute `name` as an element type, `otherwise` when there is none. */
ep_status ep__dtype_attr(const ep_node *node, const char *name, ep_dtype otherwise, ep_dtype *out,
                         ep_error *err);

/* ---- the batch rule ------------------------------------------------------------------------ */

/* True when the static network runs at another batch than its file was made for. */
static inline bool ep__rebatched(const ep_network *network)
{
    return network->batch_to != network->batch_from && network->batch_from > 0;
}

/* True when `tensor` is a constant made for the file's batch (a class token, a sampling grid) that
 * stands where the new batch is due: a network at another batch has `batch_to` copies of it. */
static inline bool ep__stands_for_batch(const ep_network *network, const ep_tensor *tensor,
                                        int64_t due)
{
    return ep__rebatched(network) && ep_tensor_is_const(tensor) && tensor->shape.rank > 0 &&
           tensor->shape.dims[0] == network->batch_from && due == network->batch_to;
}

#endif
