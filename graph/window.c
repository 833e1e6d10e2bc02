/* The sliding window of convolutions, deconvolutions and poolings. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* No size from the file may pass this, so that products of two of them and their sums fit. */
#define MAX_SIZE INT32_MAX

typedef enum kind { CONVOLVES, DECONVOLVES, POOLS, POOLS_ALL } kind;

/* What an operator does, and the input that holds its weights (0: none). */
static kind kind_of(const char *op, uint32_t *weights)
{
    *weights = 1;
    if (strcmp(op, "ConvTranspose") == 0) return DECONVOLVES;
    if (strcmp(op, "QLinearConv") == 0) *weights = 3;
    if (!strstr(op, "Pool")) return CONVOLVES;
    *weights = 0;
    return strncmp(op, "Global", 6) == 0 ? POOLS_ALL : POOLS;
}

/* Reads an attribute of `count` values within least..MAX_SIZE; without one, all are `otherwise`. */
static ep_status read_sizes(const ep_node *node, const char *name, int count, int64_t least,
                            int64_t otherwise, int64_t *out, ep_error *err)
{
    ep__ints list;
    EP_TRY(ep__read_ints_attr(node, name, &list, err));
    EP_FAIL_IF(list.given && list.count != (uint32_t)count, err, EP_BAD_MODEL,
               "attribute '%s' has %" PRIu32 " values; it must have %d", name, list.count, count);
    for (int i = 0; i < count; i++) {
        out[i] = list.given ? list.values[i] : otherwise;
        EP_FAIL_IF(out[i] < least || out[i] > MAX_SIZE, err, EP_BAD_SHAPE,
                   "attribute '%s' has the value %" PRId64 "; %" PRId64 "..2^31-1 is allowed", name,
                   out[i], least);
    }
    return EP_OK;
}

/* The kernel is the spatial part of the weights, the attribute of a pooling, or the whole map. */
static ep_status read_kernel(const ep_node *node, kind what, const ep_tensor *x,
                             const ep_tensor *weights, ep_window *window, ep_error *err)
{
    const int rank = window->rank;
    EP_FAIL_IF(what == POOLS && !ep_attr_find(node, "kernel_shape"), err, EP_BAD_MODEL,
               "attribute 'kernel_shape' is missing");
    if (what == POOLS) return read_sizes(node, "kernel_shape", rank, 1, 1, window->kernel, err);
    const ep_tensor *shaped = what == POOLS_ALL ? x : weights;
    EP_TRY(ep__check_rank(shaped, rank + 2, rank + 2, err));
    int64_t stated[EP_MAX_SPATIAL];
    const bool is_stated = what != POOLS_ALL && ep_attr_find(node, "kernel_shape");
    if (is_stated) EP_TRY(read_sizes(node, "kernel_shape", rank, 1, 1, stated, err));
    for (int i = 0; i < rank; i++) {
        const int64_t k = shaped->shape.dims[2 + i];
        EP_FAIL_IF(k < 1 || k > MAX_SIZE, err, EP_BAD_SHAPE,
                   "its kernel's dimension %d is %" PRId64 "; 1..2^31-1 is allowed", i, k);
        EP_FAIL_IF(is_stated && stated[i] != k, err, EP_BAD_SHAPE,
                   "kernel_shape has %" PRId64 " where weight '%s' has %" PRId64, stated[i],
                   weights->name, k);
        window->kernel[i] = k;
    }
    return EP_OK;
}

typedef enum padding { EXPLICIT, SAME_UPPER, SAME_LOWER, VALID } padding;

static ep_status read_padding(const ep_node *node, padding *out, ep_error *err)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    const char *mode = ep_attr_string(node, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++) {
        if (strcmp(mode, names[i]) == 0 || (i == 0 && mode[0] == '\0')) {
            *out = (padding)i;
            return EP_OK;
        }
    }
    return ep_fail(err, EP_BAD_MODEL,
                   "auto_pad is '%s'; NOTSET, SAME_UPPER, SAME_LOWER and VALID are allowed", mode);
}

/* Halves `total` over both ends; the odd one goes to the end, or to the begin. */
static void spread(ep_window *window, int i, int64_t total, bool odd_to_begin)
{
    const int64_t half = total / 2, rest = total - half;
    window->pad_begin[i] = odd_to_begin ? rest : half;
    window->pad_end[i] = odd_to_begin ? half : rest;
}

/* Positions of dimension `i`'s window on an input of `in` elements. */
static int64_t slide(ep_window *window, int i, int64_t in, padding mode, bool ceil_mode)
{
    const int64_t stride = window->stride[i];
    const int64_t reach = (window->kernel[i] - 1) * window->dilation[i] + 1;
    if (mode == SAME_UPPER || mode == SAME_LOWER) {
        const int64_t out = (in + stride - 1) / stride;
        const int64_t total = (out - 1) * stride + reach - in;
        spread(window, i, total > 0 ? total : 0, mode == SAME_LOWER);
        return out;
    }
    const int64_t room = in + window->pad_begin[i] + window->pad_end[i] - reach;
    if (room < 0) return (room - stride + 1) / stride + 1;
    int64_t out = room / stride + 1;
    if (mode == EXPLICIT && ceil_mode && room % stride != 0 &&
        out * stride < in + window->pad_begin[i]) {
        out++; /* a last window that starts within the input or the padding before it */
    }
    return out;
}

/* The reverse: what a deconvolution of `in` elements makes; `wanted` is output_shape, 0 without. */
static int64_t unslide(ep_window *window, int i, int64_t in, padding mode, int64_t wanted)
{
    const int64_t full = (in - 1) * window->stride[i] + window->output_pad[i] +
                         (window->kernel[i] - 1) * window->dilation[i] + 1;
    const bool same = mode == SAME_UPPER || mode == SAME_LOWER;
    if (wanted == 0 && same) wanted = in * window->stride[i];
    if (wanted == 0) return full - window->pad_begin[i] - window->pad_end[i];
    const int64_t total = full - wanted;
    spread(window, i, total > 0 ? total : 0, mode != SAME_UPPER);
    if (total < 0) window->output_pad[i] -= total;
    return wanted;
}

static ep_status bad_output(const ep_window *window, int i, int64_t in, int64_t out, ep_error *err)
{
    return ep_fail(err, EP_BAD_SHAPE,
                   "nothing is left of axis %d: %" PRId64 " elements padded by %" PRId64
                   " and %" PRId64 ", kernel %" PRId64 ", dilation %" PRId64 ", stride %" PRId64
                   " give %" PRId64 "; at least 1 is needed",
                   i + 2, in, window->pad_begin[i], window->pad_end[i], window->kernel[i],
                   window->dilation[i], window->stride[i], out);
}

/* Strides, dilations and pads as the file has them. */
static ep_status read_window(const ep_node *node, kind what, padding mode, ep_window *window,
                             ep_error *err)
{
    const int rank = window->rank;
    int64_t pads[2 * EP_MAX_SPATIAL] = {0};
    if (what != POOLS_ALL) {
        EP_TRY(read_sizes(node, "strides", rank, 1, 1, window->stride, err));
        EP_TRY(read_sizes(node, "dilations", rank, 1, 1, window->dilation, err));
        if (mode == EXPLICIT) EP_TRY(read_sizes(node, "pads", 2 * rank, 0, 0, pads, err));
    }
    if (what == DECONVOLVES) {
        EP_TRY(read_sizes(node, "output_padding", rank, 0, 0, window->output_pad, err));
    }
    for (int i = 0; i < rank; i++) {
        if (what == POOLS_ALL) window->stride[i] = window->dilation[i] = 1;
        window->pad_begin[i] = pads[i];
        window->pad_end[i] = pads[rank + i];
    }
    return EP_OK;
}

ep_status ep_node_window(const ep_network *network, const ep_node *node, ep_window *window,
                         int64_t out_dims[EP_MAX_SPATIAL], ep_error *err)
{
    uint32_t weight_index;
    const kind what = kind_of(node->op_type, &weight_index);
    const ep_tensor *x = ep_node_input(network, node, 0);
    const ep_tensor *weights = ep_node_input(network, node, weight_index);
    EP_FAIL_IF(!x || !weights, err, EP_BAD_MODEL, "input %d is missing", x ? (int)weight_index : 0);
    EP_TRY(ep__check_rank(x, 3, 2 + EP_MAX_SPATIAL, err));
    *window = (ep_window){.rank = x->shape.rank - 2};
    padding mode = EXPLICIT;
    if (what != POOLS_ALL) EP_TRY(read_padding(node, &mode, err));
    EP_TRY(read_kernel(node, what, x, weights, window, err));
    EP_TRY(read_window(node, what, mode, window, err));
    int64_t wanted[EP_MAX_SPATIAL] = {0};
    if (what == DECONVOLVES) {
        EP_TRY(read_sizes(node, "output_shape", window->rank, 0, 0, wanted, err));
    }
    const bool ceil_mode = what == POOLS && ep_attr_int(node, "ceil_mode", 0) != 0;
    for (int i = 0; i < window->rank; i++) {
        const int64_t in = x->shape.dims[2 + i];
        EP_FAIL_IF(in > MAX_SIZE, err, EP_BAD_SHAPE,
                   "axis %d of its input is %" PRId64 "; at most 2^31-1 is allowed", i + 2, in);
        out_dims[i] = what == DECONVOLVES ? unslide(window, i, in, mode, wanted[i])
                                          : slide(window, i, in, mode, ceil_mode);
        if (out_dims[i] < 1) return bad_output(window, i, in, out_dims[i], err);
    }
    return EP_OK;
}
