/* Shapes of what makes tensors from attributes, constants or another tensor's shape. */
#include <inttypes.h>

#include "graph/shapes.h"

static ep_status set_vector(ep_network *network, const ep_node *node, ep_dtype dtype, int64_t count,
                            ep_error *err)
{
    ep__result result = {.shape.rank = 0};
    ep__push(&result, count, false);
    return ep__set_output(network, node, 0, dtype, &result, err);
}

ep_status ep__shape_constant_of_shape(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in;
    ep__ints dims;
    EP_TRY(ep__inputs(network, node, 1, &in, err));
    EP_TRY(ep__read_ints(network, node, 0, NULL, &dims, err));
    const ep_attr *value = ep_attr_find(node, "value");
    const bool typed = value && value->type == EP_ATTR_TENSOR;
    ep__result result = {.shape.rank = 0};
    for (uint32_t i = 0; i < dims.count; i++) ep__push(&result, dims.values[i], false);
    return ep__set_output(network, node, 0,
                          typed ? network->tensors[value->tensor].dtype : EP_DTYPE_FLOAT, &result,
                          err);
}

/* Since opset 15 a part of the dimensions, as Python slices. */
ep_status ep__shape_shape(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    const int rank = x->shape.rank;
    int64_t bounds[] = {ep_attr_int(node, "start", 0), ep_attr_int(node, "end", rank)};
    for (int i = 0; i < 2; i++) {
        if (bounds[i] < 0) bounds[i] += rank;
        if (bounds[i] < 0) bounds[i] = 0;
        if (bounds[i] > rank) bounds[i] = rank;
    }
    const int64_t count = bounds[1] > bounds[0] ? bounds[1] - bounds[0] : 0;
    return set_vector(network, node, EP_DTYPE_INT64, count, err);
}

ep_status ep__shape_size(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    const ep__result scalar = {.shape.rank = 0};
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    return ep__set_output(network, node, 0, EP_DTYPE_INT64, &scalar, err);
}

/* ceil((limit - start) / delta), none when that is negative. */
ep_status ep__shape_range(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* start, limit, delta */
    double value[3];
    EP_TRY(ep__inputs(network, node, 3, in, err));
    for (int i = 0; i < 3; i++) EP_TRY(ep__read_scalar(in[i], &value[i], err));
    const double steps = (value[1] - value[0]) / value[2];
    EP_FAIL_IF(!(steps < 0x1p52), err, EP_BAD_SHAPE,
               "from %g to %g in steps of %g is no range of less than 2^52 elements", value[0],
               value[1], value[2]);
    int64_t count = steps > 0 ? (int64_t)steps : 0;
    if ((double)count < steps) count++;
    return set_vector(network, node, in[0]->dtype, count, err);
}

/* Sequences to rows of as many columns as the n-grams name. */
ep_status ep__shape_tfidf(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    const ep_attr *columns = ep_attr_find(node, "ngram_indexes");
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__check_rank(x, 0, 2, err));
    EP_FAIL_IF(!columns || columns->type != EP_ATTR_INTS, err, EP_BAD_MODEL,
               "attribute 'ngram_indexes' is missing");
    int64_t last = -1;
    for (uint32_t i = 0; i < columns->count; i++) {
        if (columns->ints[i] > last) last = columns->ints[i];
    }
    ep__result result = {.shape.rank = 0};
    if (x->shape.rank == 2) ep__push_dims(&result, x, 0, 1);
    ep__push(&result, ep__dim_add(last, 1), false);
    return ep__set_output(network, node, 0, EP_DTYPE_FLOAT, &result, err);
}

/* ---- random -------------------------------------------------------------------------------- */

ep_status ep__shape_random(ep_network *network, const ep_node *node, ep_error *err)
{
    ep__ints dims;
    ep_dtype dtype;
    EP_TRY(ep__read_ints_attr(node, "shape", &dims, err));
    EP_FAIL_IF(!dims.given, err, EP_BAD_MODEL, "attribute 'shape' is missing");
    EP_TRY(ep__dtype_attr(node, "dtype", EP_DTYPE_FLOAT, &dtype, err));
    ep__result result = {.shape.rank = 0};
    for (uint32_t i = 0; i < dims.count; i++) ep__push(&result, dims.values[i], false);
    return ep__set_output(network, node, 0, dtype, &result, err);
}

/* Random*Like, Bernoulli, EyeLike: as the input, with a type of their own perhaps. */
ep_status ep__shape_random_like(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep_dtype dtype;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__dtype_attr(node, "dtype", x->dtype, &dtype, err));
    return ep__set_like(network, node, 0, dtype, x, err);
}

ep_status ep__shape_multinomial(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep_dtype dtype;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__check_rank(x, 2, 2, err));
    EP_TRY(ep__dtype_attr(node, "dtype", EP_DTYPE_INT32, &dtype, err));
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, x, 0, 1);
    ep__push(&result, ep_attr_int(node, "sample_size", 1), false);
    return ep__set_output(network, node, 0, dtype, &result, err);
}

/* ---- signals ------------------------------------------------------------------------------- */

/* HannWindow, HammingWindow, BlackmanWindow. */
ep_status ep__shape_signal_window(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *size;
    int64_t count;
    ep_dtype dtype;
    EP_TRY(ep__inputs(network, node, 1, &size, err));
    EP_TRY(ep__read_int(size, &count, err));
    EP_TRY(ep__dtype_attr(node, "output_datatype", EP_DTYPE_FLOAT, &dtype, err));
    return set_vector(network, node, dtype, count, err);
}

ep_status ep__shape_mel_weights(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[5]; /* bins, DFT length, sample rate, lower and upper edge */
    int64_t bins, length;
    ep_dtype dtype;
    EP_TRY(ep__inputs(network, node, 5, in, err));
    EP_TRY(ep__read_int(in[0], &bins, err));
    EP_TRY(ep__read_int(in[1], &length, err));
    EP_TRY(ep__dtype_attr(node, "output_datatype", EP_DTYPE_FLOAT, &dtype, err));
    EP_FAIL_IF(length < 0, err, EP_BAD_SHAPE, "the DFT length is %" PRId64, length);
    ep__result result = {.shape.rank = 0};
    ep__push(&result, length / 2 + 1, false);
    ep__push(&result, bins, false);
    return ep__set_output(network, node, 0, dtype, &result, err);
}

/* Input ... x signal x ... x (1: real, 2: complex); the axis is an input since opset 20. */
ep_status ep__shape_dft(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    int axis;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__check_rank(x, 2, EP_MAX_RANK, err));
    const ep_tensor *length = ep_node_input(network, node, 1);
    const ep_tensor *axis_input = ep_node_input(network, node, 2);
    int64_t wanted = node->opset < 20 ? ep_attr_int(node, "axis", 1) : -2;
    if (axis_input) EP_TRY(ep__read_int(axis_input, &wanted, err));
    EP_TRY(ep__axis(wanted, x->shape.rank, &axis, err));
    EP_FAIL_IF(axis == x->shape.rank - 1, err, EP_BAD_SHAPE,
               "axis %d holds real and imaginary part", axis);
    ep__result result = ep__like(x);
    int64_t *dim = &result.shape.dims[axis];
    if (length) EP_TRY(ep__read_int(length, dim, err));
    if (ep_attr_int(node, "onesided", 0) != 0) *dim = *dim / 2 + 1;
    result.shape.dims[x->shape.rank - 1] = 2;
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

/* Signal batch x length x (1 or 2) to batch x frames x bins x 2. */
ep_status ep__shape_stft(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* signal, step; then window and frame length, one of them at least */
    int64_t step, length;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__check_rank(in[0], 2, 3, err));
    EP_TRY(ep__read_int(in[1], &step, err));
    const ep_tensor *window = ep_node_input(network, node, 2);
    const ep_tensor *frame = ep_node_input(network, node, 3);
    EP_FAIL_IF(!frame && (!window || window->shape.rank != 1), err, EP_BAD_MODEL,
               "needs a window (input 2, a vector) or a frame length (input 3)");
    if (frame) {
        EP_TRY(ep__read_int(frame, &length, err));
    } else {
        length = window->shape.dims[0];
    }
    const int64_t samples = in[0]->shape.dims[1];
    EP_FAIL_IF(step < 1 || length < 1 || length > samples, err, EP_BAD_SHAPE,
               "frames of %" PRId64 " every %" PRId64 " do not fit %" PRId64 " samples", length,
               step, samples);
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], 0, 1);
    ep__push(&result, (samples - length) / step + 1, ep__symbolic(in[0], 1));
    ep__push(&result, ep_attr_int(node, "onesided", 1) != 0 ? length / 2 + 1 : length, false);
    ep__push(&result, 2, false);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}
