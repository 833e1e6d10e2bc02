#include <inttypes.h>

#include "planner/rules/rules.h"

/* ---- convolution --------------------------------------------------------------------------- */

static bool dims(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__window_is_2d(c, refusal);
}

static bool weights(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__operands_constant(c, "weights", refusal);
}

static bool kernel(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range range = c->limits->conv_kernel;
    if (ep__window_within(w, "kernel", w->kernel, range, refusal)) return true;
    if (w->rank == 2 && w->kernel[0] >= range.min && w->kernel[1] >= range.min) {
        const uint64_t parts = ep_div_up((uint64_t)w->kernel[0], (uint64_t)range.max) *
                               ep_div_up((uint64_t)w->kernel[1], (uint64_t)range.max);
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Split the kernel into %" PRIu64 " of at most %" PRId64 "x%" PRId64
                 " over shifted inputs and add their results.",
                 parts, range.max, range.max);
    }
    return false;
}

static bool padding(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return ep__padding_within(w, c->limits->conv_padding, refusal) &&
           ep__padding_below_kernel(w, refusal);
}

static bool stride(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    if (ep__window_within(w, "stride", w->stride, c->limits->conv_stride, refusal)) return true;
    if (w->rank == 2 && w->stride[0] == w->kernel[0] && w->stride[1] == w->kernel[1]) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Fold blocks of %" PRId64 "x%" PRId64
                 " into the channels before the network; the layer is then a 1x1 Conv.",
                 w->kernel[0], w->kernel[1]);
    } else if (w->rank == 2) {
        ep__stride_hint(c, "Conv", c->limits->conv_stride.max, refusal);
    }
    return false;
}

static bool dilation(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    if (ep__window_within(w, "dilation", w->dilation, c->limits->conv_dilation, refusal))
        return true;
    bool counts = false; /* somewhere the kernel has two elements that a dilation sets apart */
    for (int i = 0; i < w->rank; i++) {
        counts |= !ep__within(c->limits->conv_dilation, w->dilation[i]) && w->kernel[i] > 1;
    }
    if (!counts) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write dilation 1: the kernel is 1 there.");
    }
    return false;
}

static bool groups(const ep__rule_context *c, ep_refusal *refusal)
{
    if (ep__within(c->limits->conv_groups, c->layer->groups)) return true;
    ep__value(refusal, "%" PRId64 " groups", c->layer->groups);
    ep__bound_range(refusal, c->limits->conv_groups);
    return false;
}

static bool channels(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__channels_within(c, c->limits->conv_channels, refusal);
}

/* ---- matrix products ----------------------------------------------------------------------- */

const ep_shape *ep__flattened(const ep__rule_context *c)
{
    const ep_layer *before = ep__producer(c, 0);
    if (c->layer->type != EP_LAYER_FULLY_CONNECTED || !before || c->in_shape->rank != 2 ||
        before->type != EP_LAYER_SHUFFLE || before->function == EP_FN_TRANSPOSE ||
        before->n_inputs != 1)
        return NULL;
    const ep_shape *map = &c->layers->network->tensors[before->inputs[0]].shape;
    return map->rank == 4 && map->dims[0] == c->in_shape->dims[0] ? map : NULL;
}

void ep__flatten_hint(const ep__rule_context *c, const ep_shape *map, ep_refusal *refusal)
{
    const ep_range kernel = c->limits->conv_kernel;
    const bool fits = ep__within(kernel, map->dims[2]) && ep__within(kernel, map->dims[3]);
    ep__hint(c, refusal, EP_CHANGE_EXACT,
             "Replace Flatten and Gemm by a Conv with the kernel %" PRId64 "x%" PRId64
             ", its weights reshaped%s.",
             map->dims[2], map->dims[3], fits ? "" : ", split into kernels that the DLA has");
}

/* A product over the channels of N x C is a 1x1 convolution; over the last of more dimensions, or
 * over the first, it is none. */
static bool fc_operand(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_node *node = &c->layers->network->nodes[c->layer->node];
    const bool transposed = ep_attr_int(node, "transA", 0) != 0;
    if (!c->has_nchw || (c->in_shape->rank == 2 && !transposed)) return true;
    char text[EP_SHAPE_TEXT];
    ep__value(refusal, "%s%s", ep_shape_text(c->in_shape, text), transposed ? " transposed" : "");
    ep__bound(refusal, "N x C");
    return false;
}

static bool fc_channels(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_gemm *gemm = &c->layer->gemm;
    const ep_range range = c->limits->conv_channels;
    if (ep__within(range, (int64_t)gemm->k) && ep__within(range, (int64_t)gemm->n)) return true;
    ep__value(refusal, "channels %" PRIu64 " in, %" PRIu64 " out", gemm->k, gemm->n);
    ep__bound_range(refusal, range);
    const ep_shape *map = ep__flattened(c);
    if (map) ep__flatten_hint(c, map, refusal);
    return false;
}

static bool matmul_operand(const ep__rule_context *c, ep_refusal *refusal)
{
    ep__value(refusal, "%s%s", c->layer->op, c->layer->n_inputs > 1 ? " of computed operands" : "");
    ep__bound(refusal, "a constant matrix as second operand");
    return false;
}

static const ep__rule rows[] = {
    {{"conv.dims", "A convolution is two-dimensional.",
      "Write a 1-D convolution as 2-D with height 1.", EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     dims},
    {{"conv.weights", "Weights and bias of a convolution are constants.",
      "Store weights and bias in the model.", EP_CHANGE_EXACT, EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     weights},
    {{"conv.kernel", "Kernel height and width lie in {conv_kernel}.",
      "Split the kernel into smaller ones over shifted inputs and add their results.",
      EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     kernel},
    {{"conv.padding", "Padding lies in {conv_padding} and is smaller than the kernel.",
      "Pad the input of the network instead, or spread the padding over several layers.",
      EP_CHANGE_APPROXIMATE, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     padding},
    {{"conv.stride", "Strides lie in {conv_stride}.",
      "Use a smaller stride, then a 1x1 MaxPool that skips the rest.", EP_CHANGE_EXACT, EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     stride},
    {{"conv.dilation", "Dilation lies in {conv_dilation}.", "Use a smaller dilation, and retrain.",
      EP_CHANGE_RETRAIN, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     dilation},
    {{"conv.groups",
      "The number of groups lies in {conv_groups}; where the input is in format kDLA_HWC4, in "
      "1..4.",
      "Split the layer into several with fewer groups.", EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     groups},
    {{"conv.channels", "Input and output channels lie in {conv_channels}.",
      "Split the layer along its channels: parts of the output are concatenated, of the input "
      "added.",
      EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     channels},
    {{"fc.operand", "A fully connected layer works on the channels of N x C.",
      "Write it as a 1x1 convolution, with the channels as second of four dimensions.",
      EP_CHANGE_EXACT, EP__OPERATORS, EP_INFERRED},
     EP__TYPE(FULLY_CONNECTED),
     fc_operand},
    {{"fc.channels", "Inputs and outputs of a fully connected layer lie in {conv_channels}.",
      "Split it: parts of the output are concatenated, of the input added.", EP_CHANGE_EXACT,
      EP__HEADER, EP_HEADER},
     EP__TYPE(FULLY_CONNECTED),
     fc_channels},
    {{"matmul.operand", "The second operand of a matrix product is a constant matrix.",
      "Leave it to the GPU: attention has no form that the DLA takes.", EP_CHANGE_NONE,
      EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(MATRIX_MULTIPLY),
     matmul_operand},
};

const ep__rule_family ep__convolution_rules = EP__RULE_FAMILY(rows);
