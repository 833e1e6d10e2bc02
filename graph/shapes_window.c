/* Shapes of convolutions, poolings and other work on windows and regions of an image. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* Batch and channels, then the spatial dimensions, which are symbolic where the input's are. */
static ep__result image(const ep_tensor *x, int64_t channels, const int64_t *spatial)
{
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, x, 0, 1);
    ep__push(&result, channels, false);
    for (int i = 2; i < x->shape.rank; i++) {
        ep__push(&result, spatial[i - 2], ep__symbolic(x, i));
    }
    return result;
}

/* Bias: one element an output channel. */
static ep_status check_bias(const ep_tensor *bias, int64_t channels, ep_error *err)
{
    if (!bias) return EP_OK;
    EP_FAIL_IF(bias->shape.rank != 1 || bias->shape.dims[0] != channels, err, EP_BAD_SHAPE,
               "bias '%s' does not have one element for each of %" PRId64 " output channels",
               bias->name, channels);
    return EP_OK;
}

/* Where Conv's relatives have their weights and bias, and the type of what they make. */
typedef struct conv_form {
    uint32_t weights, bias;
    ep_dtype dtype;
} conv_form;

static ep_status conv_form_of(const ep_network *network, const ep_node *node, conv_form *form,
                              ep_error *err)
{
    const ep_tensor *in[8];
    if (strcmp(node->op_type, "QLinearConv") == 0) {
        EP_TRY(ep__inputs(network, node, 8, in, err));
        *form = (conv_form){.weights = 3, .bias = 8, .dtype = in[7]->dtype};
        return EP_OK;
    }
    const bool deform = strcmp(node->op_type, "DeformConv") == 0;
    EP_TRY(ep__inputs(network, node, deform ? 3 : 2, in, err));
    *form = (conv_form){.weights = 1, .bias = deform ? 3 : 2, .dtype = in[0]->dtype};
    if (strcmp(node->op_type, "ConvInteger") == 0) {
        *form = (conv_form){.weights = 1, .bias = EP_NO_INDEX, .dtype = EP_DTYPE_INT32};
    }
    return EP_OK;
}

/* Weights: M x C / group x kernel. */
ep_status ep__shape_conv(ep_network *network, const ep_node *node, ep_error *err)
{
    conv_form form;
    ep_window window;
    int64_t spatial[EP_MAX_SPATIAL];
    EP_TRY(conv_form_of(network, node, &form, err));
    EP_TRY(ep_node_window(network, node, &window, spatial, err));
    const ep_tensor *x = ep_node_input(network, node, 0);
    const ep_tensor *w = ep_node_input(network, node, form.weights);
    const int64_t group = ep_attr_int(node, "group", 1);
    const int64_t in = x->shape.dims[1], out = w->shape.dims[0], each = w->shape.dims[1];
    EP_FAIL_IF(group < 1 || in % group != 0 || in / group != each || out % group != 0, err,
               EP_BAD_SHAPE,
               "%" PRId64 " input channels in %" PRId64
               " groups do not fit weight '%s' with %" PRId64 " outputs of %" PRId64 " channels",
               in, group, w->name, out, each);
    EP_TRY(check_bias(ep_node_input(network, node, form.bias), out, err));
    const ep__result result = image(x, out, spatial);
    return ep__set_output(network, node, 0, form.dtype, &result, err);
}

/* Weights: C x M / group x kernel. */
ep_status ep__shape_conv_transpose(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    ep_window window;
    int64_t spatial[EP_MAX_SPATIAL];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep_node_window(network, node, &window, spatial, err));
    const int64_t group = ep_attr_int(node, "group", 1), channels = in[0]->shape.dims[1];
    EP_FAIL_IF(group < 1 || channels % group != 0 || channels != in[1]->shape.dims[0], err,
               EP_BAD_SHAPE,
               "%" PRId64 " input channels in %" PRId64
               " groups do not fit weight '%s' with %" PRId64 " input channels",
               channels, group, in[1]->name, in[1]->shape.dims[0]);
    const int64_t out = ep__dim_mul(in[1]->shape.dims[1], group);
    EP_TRY(check_bias(ep_node_input(network, node, 2), out, err));
    const ep__result result = image(in[0], out, spatial);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* MaxPool can put out indices too. */
ep_status ep__shape_pool(ep_network *network, const ep_node *node, ep_error *err)
{
    ep_window window;
    int64_t spatial[EP_MAX_SPATIAL];
    EP_TRY(ep_node_window(network, node, &window, spatial, err));
    const ep_tensor *x = ep_node_input(network, node, 0);
    ep__result result = image(x, x->shape.dims[1], spatial);
    if (ep__symbolic(x, 1)) result.symbolic |= 2u;
    EP_TRY(ep__set_output(network, node, 0, x->dtype, &result, err));
    if (strcmp(node->op_type, "MaxPool") != 0) return EP_OK;
    return ep__set_output(network, node, 1, EP_DTYPE_INT64, &result, err);
}

/* The reverse of a MaxPool; its output_shape is all of the shape. */
ep_status ep__shape_max_unpool(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    ep__ints kernel, strides, pads, stated;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__check_rank(in[0], 3, EP_MAX_RANK, err));
    const int rank = in[0]->shape.rank, spatial = rank - 2;
    EP_TRY(ep__read_ints(network, node, 2, NULL, &stated, err));
    EP_TRY(ep__need_ints(network, node, EP_NO_INDEX, "kernel_shape", spatial, &kernel, err));
    EP_TRY(ep__read_ints_attr(node, "strides", &strides, err));
    EP_TRY(ep__read_ints_attr(node, "pads", &pads, err));
    EP_FAIL_IF((strides.given && strides.count != (uint32_t)spatial) ||
                   (pads.given && pads.count != 2 * (uint32_t)spatial) ||
                   (stated.given && stated.count != (uint32_t)rank),
               err, EP_BAD_MODEL, "strides, pads or output_shape do not fit %d dimensions", rank);
    ep__result result = ep__like(in[0]);
    for (int i = 0; i < rank && stated.given; i++) result.shape.dims[i] = stated.values[i];
    for (int i = 0; i < spatial && !stated.given; i++) {
        int64_t *dim = &result.shape.dims[2 + i];
        const int64_t step = strides.given ? strides.values[i] : 1;
        const int64_t padding =
            pads.given ? ep__dim_add(pads.values[i], pads.values[spatial + i]) : 0;
        EP_FAIL_IF(*dim < 1 || kernel.values[i] < 1 || step < 1 || padding < 0, err, EP_BAD_SHAPE,
                   "bad kernel, stride or pads for axis %d, which is %" PRId64, 2 + i, *dim);
        *dim = ep__dim_add(ep__dim_mul(*dim - 1, step), kernel.values[i]) - padding;
    }
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* Columns N x (C * block) x L back to an image N x C x image_shape. */
ep_status ep__shape_col2im(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3];
    ep__ints size, block;
    EP_TRY(ep__inputs(network, node, 3, in, err));
    EP_TRY(ep__check_rank(in[0], 3, 3, err));
    EP_TRY(ep__read_ints(network, node, 1, NULL, &size, err));
    EP_TRY(ep__need_ints(network, node, 2, NULL, (int)size.count, &block, err));
    int64_t window = 1;
    for (uint32_t i = 0; i < block.count; i++) {
        EP_FAIL_IF(block.values[i] < 1, err, EP_BAD_SHAPE,
                   "block dimension %" PRIu32 " is %" PRId64 "; at least 1 is allowed", i,
                   block.values[i]);
        window = ep__dim_mul(window, block.values[i]);
    }
    EP_FAIL_IF(in[0]->shape.dims[1] % window != 0, err, EP_BAD_SHAPE,
               "a block of %" PRId64 " does not divide axis 1, which is %" PRId64, window,
               in[0]->shape.dims[1]);
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], 0, 1);
    ep__push(&result, in[0]->shape.dims[1] / window, false);
    for (uint32_t i = 0; i < size.count; i++) ep__push(&result, size.values[i], false);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* ---- regions of interest ------------------------------------------------------------------- */

/* A pooled map of height x width for each row of `rois`. */
static ep_status pool_regions(ep_network *network, const ep_node *node, const ep_tensor *x,
                              const ep_tensor *rois, int64_t height, int64_t width, ep_error *err)
{
    EP_TRY(ep__check_rank(x, 4, 4, err));
    EP_TRY(ep__check_rank(rois, 2, 2, err));
    EP_FAIL_IF(height < 1 || width < 1, err, EP_BAD_SHAPE,
               "pools to %" PRId64 " x %" PRId64 "; at least 1 x 1 is allowed", height, width);
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, rois, 0, 1);
    ep__push_dims(&result, x, 1, 2);
    ep__push(&result, height, false);
    ep__push(&result, width, false);
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_roi_align(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[3]; /* X, rois, batch indices */
    EP_TRY(ep__inputs(network, node, 3, in, err));
    return pool_regions(network, node, in[0], in[1], ep_attr_int(node, "output_height", 1),
                        ep_attr_int(node, "output_width", 1), err);
}

ep_status ep__shape_max_roi_pool(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2]; /* X, rois */
    ep__ints pooled;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__need_ints(network, node, EP_NO_INDEX, "pooled_shape", 2, &pooled, err));
    return pool_regions(network, node, in[0], in[1], pooled.values[0], pooled.values[1], err);
}
