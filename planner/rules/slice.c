#include <inttypes.h>

#include "planner/rules/rules.h"

/* Pad and the other operators of this layer type have rules of their own. */
static bool is_slice(const ep__rule_context *c)
{
    return c->layer->function == EP_FN_SLICE || c->layer->function == EP_FN_SPLIT;
}

static bool pad(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->layer->function != EP_FN_PAD) return true;
    ep__value(refusal, "%s", c->layer->op);
    ep__bound(refusal, "padding of a Conv or pooling layer");
    return false;
}

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_SLICE, EP_FN_SPLIT};
    return c->layer->function == EP_FN_PAD ||
           ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal);
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    return !is_slice(c) || ep__input_is_4d(c, refusal);
}

static bool batch(const ep__rule_context *c, ep_refusal *refusal)
{
    const uint8_t axes = ep__nchw_axes(c->in_shape->rank, c->layer->axes);
    if (!is_slice(c) || !(axes & EP__AXIS_N)) return true;
    ep__value(refusal, "%s of the batch", c->layer->op);
    ep__bound(refusal, "C, H, W");
    return false;
}

static bool constant(const ep__rule_context *c, ep_refusal *refusal)
{
    return !is_slice(c) || ep__operands_constant(c, "bounds", refusal);
}

static bool stride(const ep__rule_context *c, ep_refusal *refusal)
{
    if (!is_slice(c) || c->layer->step == 1) return true;
    ep__value(refusal, "stride %" PRId64, c->layer->step);
    ep__bound(refusal, "1");
    return false;
}

static const ep__rule rows[] = {
    {{"pad.unsupported", "Padding is part of a convolution or pooling layer.",
      "Move the padding into the Conv or pooling layer behind it.", EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     pad},
    {{"slice.function", "A Slice or Split cuts parts out of a tensor; nothing repeats elements.",
      "Expand or tile before the network.", EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     function},
    {{"slice.rank", "Slice and Split work on four dimensions.",
      "Slice while the tensor is still N x C x H x W.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     rank},
    {{"slice.batch", "Slice and Split leave the batch whole.", "Slice along C, H or W.", EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(SLICE),
     batch},
    {{"slice.constant", "The bounds of a Slice are constants.", "Export with fixed shapes.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     constant},
    {{"slice.stride", "A Slice takes every element between its bounds.",
      "Pick every n-th element with a strided 1x1 MaxPool or convolution.", EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(SLICE),
     stride},
};

const ep__rule_family ep__slice_rules = EP__RULE_FAMILY(rows);
