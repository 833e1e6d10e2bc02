#include "planner/rules/rules.h"

static bool axis(const ep__rule_context *c, ep_refusal *refusal)
{
    const uint8_t axes = (uint8_t)(1u << c->layer->axis);
    if (ep__nchw_axes(c->out_shape->rank, axes) == EP__AXIS_C) return true;
    char text[EP_SHAPE_TEXT];
    ep__value(refusal, "axis %d of %s", c->layer->axis, ep_shape_text(c->out_shape, text));
    ep__bound(refusal, "channels");
    const int rank = c->out_shape->rank;
    if (rank == 4 && c->layer->axis > 1) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Transpose its inputs so that axis %d becomes the channels, and the result back.",
                 c->layer->axis);
    } else if (rank == 3) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Cut the network before the tensors lose a dimension, and join behind it; or keep "
                 "four dimensions and join along the channels.");
    }
    return false;
}

static bool inputs(const ep__rule_context *c, ep_refusal *refusal)
{
    const uint32_t n = c->layer->n_inputs + c->layer->n_consts;
    if (n >= 2) return true;
    ep__value(refusal, "%u input", n);
    ep__bound(refusal, "2 or more");
    return false;
}

static const ep__rule rows[] = {
    {{"concat.axis", "Tensors are joined along the channels, the third dimension from last.",
      "Cut the network before it, and join behind the network.", EP_CHANGE_EXACT, EP__HEADER,
      EP_HEADER},
     EP__TYPE(CONCATENATION),
     axis},
    {{"concat.inputs", "At least two tensors are joined.", "Remove the Concat.", EP_CHANGE_EXACT,
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONCATENATION),
     inputs},
};

const ep__rule_family ep__concat_rules = EP__RULE_FAMILY(rows);
