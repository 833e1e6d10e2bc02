#include "planner/rules/rules.h"

/* Along which dimensions larger than 1 the constants differ decides: none (uniform), the channels,
 * or all of an image (element-wise). */
static bool mode(const ep__rule_context *c, ep_refusal *refusal)
{
    if (!c->has_nchw) return true;
    unsigned large = 0;
    for (unsigned a = 0; a < 4; a++) large |= (unsigned)(c->out[a] > 1) << a;
    const unsigned axes = ep__nchw_axes(c->out_shape->rank, c->layer->axes) & large;
    if (axes == 0 || axes == EP__AXIS_C || axes == (large & ~EP__AXIS_N)) return true;
    ep__value(refusal, "constant differs along %s%s%s%s", axes & EP__AXIS_N ? "N" : "",
              axes & EP__AXIS_C ? "C" : "", axes & EP__AXIS_H ? "H" : "",
              axes & EP__AXIS_W ? "W" : "");
    ep__bound(refusal, "uniform, along C, or along CHW");
    return false;
}

static const ep__rule rows[] = {
    {{"scale.mode", "The constants are one value, one per channel, or one per element of an image.",
      "Store the constant expanded to C x H x W.", EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(SCALE),
     mode},
};

const ep__rule_family ep__scale_rules = EP__RULE_FAMILY(rows);
