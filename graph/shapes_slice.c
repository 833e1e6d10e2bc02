/* Shapes of what takes parts of a tensor, repeats it or puts tensors together. */
#include <inttypes.h>

#include "graph/shapes.h"

/* ---- Slice and Split ----------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value > high ? high : value < low ? low : value;
}

/* How many elements of `dim` lie from `start` to before `end` in steps of `step`, which is not 0.
 */
static int64_t sliced(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    if (start < 0) start += dim;
    if (end < 0) end += dim;
    start = clamp(start, 0, step > 0 ? dim : dim - 1);
    end = step > 0 ? clamp(end, 0, dim) : clamp(end, -1, dim - 1);
    const int64_t span = step > 0 ? end - start : start - end;
    const uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    return span > 0 ? (int64_t)ep_div_up((uint64_t)span, stride) : 0;
}

/* Starts, ends, axes and steps are attributes before opset 10 (which had no steps). */
ep_status ep__shape_slice(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints starts, ends, axes, steps;
    unsigned bits;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints(network, node, 1, "starts", &starts, err));
    EP_TRY(ep__read_ints(network, node, 2, "ends", &ends, err));
    EP_TRY(ep__read_ints(network, node, 3, "axes", &axes, err));
    EP_TRY(ep__read_ints(network, node, 4, NULL, &steps, err));
    EP_FAIL_IF(!starts.given || !ends.given, err, EP_BAD_MODEL, "starts or ends are missing");
    if (!axes.given) {
        axes.count = starts.count;
        for (uint32_t i = 0; i < axes.count; i++) axes.values[i] = i;
    }
    EP_FAIL_IF(ends.count != starts.count || axes.count != starts.count ||
                   (steps.given && steps.count != starts.count),
               err, EP_BAD_MODEL,
               "starts, ends, axes and steps have %" PRIu32 ", %" PRIu32 ", %" PRIu32
               " and %" PRIu32 " values; they must have the same number",
               starts.count, ends.count, axes.count, steps.given ? steps.count : starts.count);
    EP_TRY(ep__axis_bits(&axes, x->shape.rank, &bits, err));
    ep__result result = ep__like(x);
    for (uint32_t i = 0; i < starts.count; i++) {
        const int64_t step = steps.given ? steps.values[i] : 1;
        int axis;
        EP_TRY(ep__axis(axes.values[i], x->shape.rank, &axis, err));
        EP_FAIL_IF(step == 0, err, EP_BAD_SHAPE, "the step of axis %d is 0", axis);
        result.shape.dims[axis] =
            sliced(x->shape.dims[axis], starts.values[i], ends.values[i], step);
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

/* The sizes of the parts: attribute `split`, input 1 since opset 13, may be more than ep__ints
 * holds. In the network's arena; NULL when the node has none. */
static ep_status read_parts(const ep_network *network, const ep_node *node, const int64_t **parts,
                            ep_error *err)
{
    const ep_tensor *input = ep_node_input(network, node, 1);
    const ep_attr *attr = ep_attr_find(node, "split");
    uint32_t count = 0;
    *parts = NULL;
    if (input) {
        if (!ep_tensor_is_const(input) || input->constness == EP_CONST_UNKNOWN) {
            return ep__depends_on(input, err);
        }
        int64_t *values = EP_NEW(network->arena, int64_t, node->n_outputs);
        if (!values) return ep_fail_memory(err);
        if (!ep_tensor_ints(input, values, node->n_outputs, &count)) count = 0;
        *parts = values;
    } else if (attr && attr->type == EP_ATTR_INTS) {
        count = attr->count;
        *parts = attr->ints;
    }
    EP_FAIL_IF(*parts && count != node->n_outputs, err, EP_BAD_MODEL,
               "split does not list %" PRIu32 " integers, one for each output", node->n_outputs);
    return EP_OK;
}

/* Parts without stated sizes are equal; since opset 18 the last may be smaller. */
static ep_status equal_part(const ep_node *node, int64_t dim, int64_t *part, ep_error *err)
{
    const int64_t count = node->n_outputs, stated = ep_attr_int(node, "num_outputs", count);
    EP_FAIL_IF(stated != count, err, EP_BAD_MODEL, "num_outputs is %" PRId64 ", it has %" PRId64,
               stated, count);
    *part = (int64_t)ep_div_up((uint64_t)dim, (uint64_t)count);
    const bool fits = node->opset < 18 ? dim % count == 0 : *part * (count - 1) <= dim;
    EP_FAIL_IF(!fits, err, EP_BAD_SHAPE, "cannot split %" PRId64 " into %" PRId64 " equal parts",
               dim, count);
    return EP_OK;
}

ep_status ep__shape_split(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    const int64_t *parts;
    int64_t part = 0;
    int axis;
    if (node->n_outputs == 0) return EP_OK;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__axis_attr(node, "axis", 0, x->shape.rank, &axis, err));
    EP_TRY(read_parts(network, node, &parts, err));
    const int64_t dim = x->shape.dims[axis];
    if (!parts) EP_TRY(equal_part(node, dim, &part, err));
    ep__result result = ep__like(x);
    int64_t used = 0;
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const int64_t left = dim - used, size = parts ? parts[i] : left < part ? left : part;
        EP_FAIL_IF(size < 0 || size > left, err, EP_BAD_SHAPE,
                   "part %" PRIu32 " is %" PRId64 "; %" PRId64 " of axis %d's %" PRId64 " are left",
                   i, size, left, axis, dim);
        result.shape.dims[axis] = size;
        EP_TRY(ep__set_output(network, node, i, x->dtype, &result, err));
        used += size;
    }
    EP_FAIL_IF(used != dim, err, EP_BAD_SHAPE,
               "its parts have %" PRId64 " elements of axis %d's %" PRId64, used, axis, dim);
    return EP_OK;
}

/* ---- Pad, Tile, Expand --------------------------------------------------------------------- */

/* Pads (begin of every axis, then end of every axis; negative: cropped) are an attribute before
 * opset 11; opset 18 can name axes. */
ep_status ep__shape_pad(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints pads, axes;
    unsigned bits;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints(network, node, 3, NULL, &axes, err));
    const int count = axes.given ? (int)axes.count : x->shape.rank;
    EP_TRY(ep__need_ints(network, node, 1, "pads", 2 * count, &pads, err));
    EP_TRY(ep__axis_bits(&axes, x->shape.rank, &bits, err));
    ep__result result = ep__like(x);
    for (int i = 0; i < count; i++) {
        const int64_t begin = pads.values[i], end = pads.values[count + i];
        int axis;
        EP_TRY(ep__axis(axes.given ? axes.values[i] : i, x->shape.rank, &axis, err));
        int64_t *dim = &result.shape.dims[axis];
        EP_FAIL_IF(begin < -INT32_MAX || begin > INT32_MAX || end < -INT32_MAX || end > INT32_MAX ||
                       *dim + begin + end < 0,
                   err, EP_BAD_SHAPE,
                   "axis %d, which is %" PRId64 ", is padded by %" PRId64 " and %" PRId64
                   "; that must be within 2^31-1 and leave no less than 0",
                   axis, *dim, begin, end);
        *dim += begin + end;
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_tile(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints repeats;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__need_ints(network, node, 1, NULL, x->shape.rank, &repeats, err));
    ep__result result = ep__like(x);
    for (int i = 0; i < x->shape.rank; i++) {
        EP_FAIL_IF(repeats.values[i] < 0, err, EP_BAD_SHAPE,
                   "axis %d is repeated %" PRId64 " times; at least 0 is allowed", i,
                   repeats.values[i]);
        result.shape.dims[i] = ep__dim_mul(x->shape.dims[i], repeats.values[i]);
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

/* The batch rule: what is expanded to the file's batch (a class token, a sampling grid, one for
 * all images) is expanded to the new one. Not so for a batch of 1, where every no-op Expand would
 * look like that: one copy then broadcasts wherever it is used, and Concat, which does not
 * broadcast, knows about it. */
ep_status ep__shape_expand(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    ep__ints target;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__read_ints(network, node, 1, NULL, &target, err));
    EP_FAIL_IF(target.count > EP_MAX_RANK, err, EP_BAD_SHAPE,
               "its target has %" PRIu32 " dimensions; at most %d are supported", target.count,
               EP_MAX_RANK);
    const int rank = (int)target.count;
    ep_tensor wanted = {.name = in[1]->name, .shape.rank = rank};
    for (int i = 0; i < rank; i++) wanted.shape.dims[i] = target.values[i];
    const bool one = in[0]->shape.rank < rank ||
                     (in[0]->shape.rank == rank && rank > 0 && in[0]->shape.dims[0] == 1);
    if (ep__rebatched(network) && network->batch_from > 1 && rank >= 2 && one &&
        target.values[0] == network->batch_from) {
        wanted.shape.dims[0] = network->batch_to;
    }
    ep__result result = ep__like(in[0]);
    EP_TRY(ep__broadcast(&result, &wanted, err));
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* ---- Concat, CenterCropPad ----------------------------------------------------------------- */

/* The first run-time input, else the first: it has the dimensions that the others must have. */
static const ep_tensor *concat_model(const ep_network *network, const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *x = ep_node_input(network, node, i);
        if (x && !ep_tensor_is_const(x)) return x;
    }
    return ep_node_input(network, node, 0);
}

/* The batch rule: a constant made for the file's batch, as a class token that an exporter has
 * expanded already, counts as one of the new batch. */
ep_status ep__shape_concat(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *model = concat_model(network, node);
    int axis;
    EP_FAIL_IF(!model, err, EP_BAD_MODEL, "input 0 is missing");
    EP_FAIL_IF(!ep_attr_find(node, "axis"), err, EP_BAD_MODEL, "attribute 'axis' is missing");
    EP_TRY(ep__axis_attr(node, "axis", 0, model->shape.rank, &axis, err));
    ep__result result = ep__like(model);
    result.shape.dims[axis] = 0;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *x = ep_node_input(network, node, i);
        EP_FAIL_IF(!x, err, EP_BAD_MODEL, "input %" PRIu32 " is missing", i);
        EP_TRY(ep__check_rank(x, model->shape.rank, model->shape.rank, err));
        for (int j = 0; j < x->shape.rank; j++) {
            const int64_t due = model->shape.dims[j];
            if (j == axis || x->shape.dims[j] == due) continue;
            if (j == 0 && ep__stands_for_batch(network, x, due)) continue;
            char text_x[EP_SHAPE_TEXT], text_m[EP_SHAPE_TEXT];
            return ep_fail(err, EP_BAD_SHAPE,
                           "inputs '%s' (%s) and '%s' (%s) differ in dimension %d; it joins along "
                           "%d",
                           model->name, ep_shape_text(&model->shape, text_m), x->name,
                           ep_shape_text(&x->shape, text_x), j, axis);
        }
        result.symbolic |= x->was_symbolic;
        result.shape.dims[axis] = ep__dim_add(result.shape.dims[axis], x->shape.dims[axis]);
    }
    return ep__set_output(network, node, 0, model->dtype, &result, err);
}

ep_status ep__shape_center_crop_pad(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints axes, sizes;
    unsigned bits;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints_attr(node, "axes", &axes, err));
    EP_TRY(ep__axis_bits(&axes, x->shape.rank, &bits, err));
    const int count = axes.given ? (int)axes.count : x->shape.rank;
    EP_TRY(ep__need_ints(network, node, 1, NULL, count, &sizes, err));
    ep__result result = ep__like(x);
    for (int i = 0; i < count; i++) {
        int axis;
        EP_TRY(ep__axis(axes.given ? axes.values[i] : i, x->shape.rank, &axis, err));
        result.shape.dims[axis] = sizes.values[i];
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}
