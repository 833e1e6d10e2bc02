#include <inttypes.h>
#include <stdio.h>

#include "planner/rules/rules.h"

/* Pooling and convolution reduce too. */
static void function_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_function f = c->layer->function;
    const ep_shape *in = c->in_shape;
    if (in->rank != 4) return;
    const unsigned axes = ep__nchw_axes(in->rank, c->layer->axes);
    if (axes == (EP__AXIS_H | EP__AXIS_W)) {
        char then[64] = "";
        if (f == EP_FN_REDUCE_SUM) {
            (void)snprintf(then, sizeof then, ", then multiply by %" PRId64,
                           in->dims[2] * in->dims[3]);
        }
        const char *pool = f == EP_FN_REDUCE_MEAN || f == EP_FN_REDUCE_SUM ? "AveragePool"
                           : f == EP_FN_REDUCE_MAX                         ? "MaxPool"
                                                                           : NULL;
        if (pool) ep__whole_map_hint(c, pool, in->dims[2], in->dims[3], then, refusal);
    } else if (axes == EP__AXIS_C && f == EP_FN_REDUCE_MEAN) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Use a 1x1 Conv to one channel whose weights are 1/%" PRId64 ".", in->dims[1]);
    } else if (axes == EP__AXIS_C && f == EP_FN_REDUCE_SUM) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Use a 1x1 Conv to one channel whose weights are 1.");
    }
}

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_REDUCE_MAX};
    if (ep__function_among(c, allowed, c->limits->reduce_max ? 1 : 0, refusal)) return true;
    function_hint(c, refusal);
    return false;
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
    {{"reduce.function",
      "{reduce_max?The reduction is ReduceMax}{reduce_max!The DLA reduces nothing but by pooling "
      "and convolution}.",
      "Move the reduction behind the network.", EP_CHANGE_NONE, EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(REDUCE),
     function},
    {{"reduce.rank", "A reduction works on four dimensions.", "Keep the tensor four-dimensional.",
      EP_CHANGE_EXACT, EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(REDUCE),
     rank},
    {{"reduce.axes", "A reduction runs over C, H, W.", "Reduce the batch behind the network.",
      EP_CHANGE_EXACT, EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(REDUCE),
     axes},
};

const ep__rule_family ep__reduce_rules = EP__RULE_FAMILY(rows);
