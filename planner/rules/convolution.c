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
    return ep__window_within(w, "kernel", w->kernel, c->limits->conv_kernel, refusal);
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
    return ep__window_within(w, "stride", w->stride, c->limits->conv_stride, refusal);
}

static bool dilation(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return ep__window_within(w, "dilation", w->dilation, c->limits->conv_dilation, refusal);
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
      "Write a 1-D convolution as 2-D with height 1.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     dims},
    {{"conv.weights", "Weights and bias of a convolution are constants.",
      "Store weights and bias in the model.", EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     weights},
    {{"conv.kernel", "Kernel height and width are limited.",
      "Split the kernel into smaller ones and add their results.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     kernel},
    {{"conv.padding", "Padding is limited and smaller than the kernel.",
      "Pad the input of the network instead, or spread the padding over several layers.", EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     padding},
    {{"conv.stride", "Strides are limited.",
      "Use a smaller stride, then a 1x1 MaxPool that skips the rest.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     stride},
    {{"conv.dilation", "Dilation is limited.", "Use a smaller dilation, and retrain.", EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     dilation},
    {{"conv.groups", "The number of groups is limited.",
      "Split the layer into several with fewer groups.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     groups},
    {{"conv.channels", "Input and output channels are limited.",
      "Split the layer along its channels.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     channels},
    {{"fc.operand", "A fully connected layer works on the channels of N x C.",
      "Write it as a 1x1 convolution, with the channels as second of four dimensions.",
      EP__OPERATORS, EP_INFERRED},
     EP__TYPE(FULLY_CONNECTED),
     fc_operand},
    {{"fc.channels", "Inputs and outputs of a fully connected layer are limited.",
      "Pool before it, or split it.", EP__HEADER, EP_HEADER},
     EP__TYPE(FULLY_CONNECTED),
     fc_channels},
    {{"matmul.operand", "The second operand of a matrix product is a constant matrix.",
      "Leave it to the GPU: attention has no form that the DLA takes.", EP__OPERATORS,
      EP_DOCUMENTED},
     EP__TYPE(MATRIX_MULTIPLY),
     matmul_operand},
};

const ep__rule_family ep__convolution_rules = EP__RULE_FAMILY(rows);
