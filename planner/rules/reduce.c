#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_REDUCE_MAX};
    return ep__function_among(c, allowed, c->limits->reduce_max ? 1 : 0, refusal);
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__input_is_4d(c, refusal);
}

static bool axes(const ep__rule_context *c, ep_refusal *refusal)
{
    if (!(ep__nchw_axes(c->in_shape->rank, c->layer->axes) & EP__AXIS_N)) return true;
    ep__value(refusal, "%s over the batch", c->layer->op);
    ep__bound(refusal, "C, H, W");
    return false;
}

static const ep__rule rows[] = {
    {{"reduce.function", "The DLA has the reduction.",
      "Replace ReduceMean over height and width by AveragePool (several, if the map is large), "
      "ReduceSum over channels by a 1x1 convolution.",
      EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(REDUCE),
     function},
    {{"reduce.rank", "A reduction works on four dimensions.", "Keep the tensor four-dimensional.",
      EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(REDUCE),
     rank},
    {{"reduce.axes", "A reduction runs over C, H, W.", "Reduce the batch behind the network.",
      EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(REDUCE),
     axes},
};

const ep__rule_family ep__reduce_rules = EP__RULE_FAMILY(rows);
