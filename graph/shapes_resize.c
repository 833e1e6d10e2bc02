/* Shapes of what resamples images. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* No resized dimension may pass this; far beyond, float arithmetic is moot. */
#define MAX_SIZE ((int64_t)1 << 40)

/* What Resize and Upsample do to the axes they name. */
typedef struct resizing {
    int count; /* axes */
    int axes[EP_MAX_RANK];
} resizing;

static ep_status read_axes(const ep_node *node, int rank, resizing *r, ep_error *err)
{
    ep__ints axes;
    unsigned bits;
    EP_TRY(ep__read_ints_attr(node, "axes", &axes, err));
    EP_TRY(ep__axis_bits(&axes, rank, &bits, err));
    r->count = axes.given ? (int)axes.count : rank;
    for (int i = 0; i < r->count; i++) {
        EP_TRY(ep__axis(axes.given ? axes.values[i] : i, rank, &r->axes[i], err));
    }
    return EP_OK;
}

/* The region of interest of tf_crop_and_resize, which the specification multiplies in too, changes
 * no shape in onnxruntime and in onnx's own inference, and so not here. */
static ep_status apply_scales(const resizing *r, const double *scales, ep_shape *shape,
                              ep_error *err)
{
    for (int i = 0; i < r->count; i++) {
        int64_t *dim = &shape->dims[r->axes[i]];
        /* In float, as runtimes do: 14 / 10 as a float times 10 is 14 there, 13.99... in double. */
        const double size = (double)((float)*dim * (float)scales[i]);
        EP_FAIL_IF(!(scales[i] > 0) || !(size >= 0 && size <= (double)MAX_SIZE), err, EP_BAD_SHAPE,
                   "axis %d, which is %" PRId64 ", is scaled by %g; scales are above 0, results at "
                   "most 2^40",
                   r->axes[i], *dim, scales[i]);
        *dim = (int64_t)size;
    }
    return EP_OK;
}

/* With keep_aspect_ratio_policy the sizes are bounds: one scale for all axes, results rounded. */
static ep_status apply_sizes(const ep_node *node, const resizing *r, const int64_t *sizes,
                             ep_shape *shape, ep_error *err)
{
    const char *policy = ep_attr_string(node, "keep_aspect_ratio_policy", "stretch");
    const bool larger = strcmp(policy, "not_smaller") == 0;
    const bool smaller = strcmp(policy, "not_larger") == 0;
    double scale = 0;
    for (int i = 0; i < r->count; i++) {
        EP_FAIL_IF(sizes[i] < 0 || sizes[i] > MAX_SIZE, err, EP_BAD_SHAPE,
                   "axis %d is resized to %" PRId64 "; 0..2^40 is allowed", r->axes[i], sizes[i]);
        const double s = (double)sizes[i] / (double)shape->dims[r->axes[i]];
        if (i == 0 || (larger ? s > scale : s < scale)) scale = s;
    }
    for (int i = 0; i < r->count; i++) {
        int64_t *dim = &shape->dims[r->axes[i]];
        const double size = larger || smaller ? scale * (double)*dim + 0.5 : (double)sizes[i];
        EP_FAIL_IF(!(size >= 0 && size <= (double)MAX_SIZE), err, EP_BAD_SHAPE,
                   "axis %d, which is %" PRId64 ", cannot be resized (%s)", r->axes[i], *dim,
                   policy);
        *dim = (int64_t)size;
    }
    return EP_OK;
}

/* The scales: an attribute of Upsample 7, input 1 of Upsample 9 and Resize 10, input 2 since; none
 * (`count` 0) when sizes are given instead. */
static ep_status read_scales(const ep_node *node, const ep_tensor *input,
                             double scales[2 * EP_MAX_RANK], uint32_t *count, ep_error *err)
{
    *count = 0;
    if (input) return ep__read_reals(input, scales, count, err);
    const ep_attr *attr = ep_attr_find(node, "scales");
    if (!attr || attr->type != EP_ATTR_FLOATS || attr->count > EP_MAX_RANK) return EP_OK;
    for (uint32_t i = 0; i < attr->count; i++) scales[i] = attr->floats[i];
    *count = attr->count;
    return EP_OK;
}

/* The batch rule: nobody resizes from image to image, so a leading size that is the file's batch is
 * the new batch when the input has it. */
static void size_to_batch(const ep_network *network, const ep_tensor *x, const resizing *r,
                          ep__ints *sizes)
{
    if (!ep__rebatched(network) || r->count == 0 || r->axes[0] != 0) return;
    if (x->shape.dims[0] == network->batch_to && sizes->values[0] == network->batch_from) {
        sizes->values[0] = network->batch_to;
    }
}

ep_status ep__shape_resize(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    resizing r;
    double scales[2 * EP_MAX_RANK];
    uint32_t count;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(read_axes(node, x->shape.rank, &r, err));
    const bool early = node->opset < 11 || strcmp(node->op_type, "Upsample") == 0;
    const ep_tensor *input = ep_node_input(network, node, early ? 1 : 2);
    EP_TRY(read_scales(node, input, scales, &count, err));
    ep__result result = ep__like(x);
    if (count > 0) {
        EP_FAIL_IF(count != (uint32_t)r.count, err, EP_BAD_MODEL,
                   "has %" PRIu32 " scales for %d axes", count, r.count);
        EP_TRY(apply_scales(&r, scales, &result.shape, err));
    } else {
        ep__ints sizes;
        EP_FAIL_IF(early, err, EP_BAD_MODEL, "scales are missing");
        EP_TRY(ep__need_ints(network, node, 3, NULL, r.count, &sizes, err));
        size_to_batch(network, x, &r, &sizes);
        EP_TRY(apply_sizes(node, &r, sizes.values, &result.shape, err));
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

/* ---- grids --------------------------------------------------------------------------------- */

/* theta: N x 2 x 3 for planes, N x 3 x 4 for volumes; size: N, C and the spatial dimensions. */
ep_status ep__shape_affine_grid(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    ep__ints size;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__check_rank(in[0], 3, 3, err));
    const int64_t spatial = in[0]->shape.dims[1];
    EP_FAIL_IF(spatial < 2 || spatial > 3 || in[0]->shape.dims[2] != spatial + 1, err, EP_BAD_SHAPE,
               "theta's matrices are %" PRId64 " x %" PRId64 "; they must be 2 x 3 or 3 x 4",
               spatial, in[0]->shape.dims[2]);
    EP_TRY(ep__need_ints(network, node, 1, NULL, (int)spatial + 2, &size, err));
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], 0, 1);
    for (int i = 0; i < spatial; i++) ep__push(&result, size.values[2 + i], false);
    ep__push(&result, spatial, false);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* X: N x C x spatial dimensions; grid: N x output's spatial dimensions x coordinates. */
ep_status ep__shape_grid_sample(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    EP_TRY(ep__inputs(network, node, 2, in, err));
    const int rank = in[0]->shape.rank;
    EP_TRY(ep__check_rank(in[0], 3, EP_MAX_RANK, err));
    EP_TRY(ep__check_rank(in[1], rank, rank, err));
    const int64_t n = in[0]->shape.dims[0], coordinates = in[1]->shape.dims[rank - 1];
    EP_FAIL_IF(coordinates != rank - 2, err, EP_BAD_SHAPE,
               "its grid has %" PRId64 " coordinates a point for %d spatial dimensions",
               coordinates, rank - 2);
    EP_FAIL_IF(in[1]->shape.dims[0] != n && !ep__stands_for_batch(network, in[1], n), err,
               EP_BAD_SHAPE, "its grid is for %" PRId64 " images, its input has %" PRId64,
               in[1]->shape.dims[0], n);
    ep__result result = {.shape.rank = 0};
    ep__push_dims(&result, in[0], 0, 2);
    ep__push_dims(&result, in[1], 1, rank - 1);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}
