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
    ep__pad_hint(c, refusal);
    return false;
}

static bool version(const ep__rule_context *c, ep_refusal *refusal)
{
    if (!c->limits->no_slice || !is_slice(c)) return true;
    ep__value(refusal, "%s", c->layer->op);
    ep__bound(refusal, "later software");
    return false;
}

/* One value a channel, or one map, spread over a larger tensor. */
static void repeat_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const int64_t *in = c->in, *out = c->out;
    if (c->in_shape->rank != 4 || c->out_shape->rank != 4 || in[0] != out[0]) return;
    if (ep_shape_equal(c->in_shape, c->out_shape)) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Remove it: it repeats nothing.");
    } else if (in[1] == out[1] && in[2] == 1 && in[3] == 1 &&
               ep__within(c->limits->resize_nearest_scale, out[2]) &&
               ep__within(c->limits->resize_nearest_scale, out[3])) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Use Resize, nearest, x%" PRId64 " and x%" PRId64 ".",
                 out[2], out[3]);
    } else if (in[1] == 1 && in[2] == out[2] && in[3] == out[3]) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Use a 1x1 Conv of %" PRId64 " kernels that are 1.",
                 out[1]);
    }
}

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_SLICE, EP_FN_SPLIT};
    if (c->layer->function == EP_FN_PAD ||
        ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal))
        return true;
    repeat_hint(c, refusal);
    return false;
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
    if (c->layer->step < 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Reverse the order in the weights of the layer behind it, if it is of channels.");
    } else if (ep__within(c->limits->pool_stride, c->layer->step)) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Of height or width, pick with a 1x1 MaxPool of stride %" PRId64
                 "; of channels, with a 1x1 Conv.",
                 c->layer->step);
    }
    return false;
}

static const ep__rule rows[] = {
    {{"pad.unsupported", "Padding is part of a convolution or pooling layer.",
      "Move the padding into the Conv or pooling layer behind it.", EP_CHANGE_APPROXIMATE,
      EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     pad},
    {{"slice.version",
      "{no_slice?Slice and Split do not run on the DLA}{no_slice!Slice and Split run on the DLA, "
      "in FP16}{slice_int8? and INT8}.",
      "Use TensorRT 8.4 or later, or let the layers before it write the parts apart.",
      EP_CHANGE_SETTING, "TensorRT 8.2, NvInfer.h", EP_HEADER},
     EP__TYPE(SLICE),
     version},
    {{"slice.function", "A Slice or Split cuts parts out of a tensor; nothing repeats elements.",
      "Expand or tile before the network.", EP_CHANGE_EXACT, EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     function},
    {{"slice.rank", "Slice and Split work on four dimensions.",
      "Slice while the tensor is still N x C x H x W.", EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     rank},
    {{"slice.batch", "Slice and Split leave the batch whole.",
      "Cut the batch before the network, or put what is cut into the channels.", EP_CHANGE_EXACT,
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     batch},
    {{"slice.constant", "The bounds of a Slice are constants.", "Export with fixed shapes.",
      EP_CHANGE_SETTING, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     constant},
    {{"slice.stride", "A Slice takes every element between its bounds.",
      "Pick every n-th element with a strided 1x1 MaxPool or convolution.", EP_CHANGE_EXACT,
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SLICE),
     stride},
};

const ep__rule_family ep__slice_rules = EP__RULE_FAMILY(rows);
