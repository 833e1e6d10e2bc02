#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_ABS, EP_FN_SIN, EP_FN_COS, EP_FN_ATAN};
    const size_t n = c->limits->trigonometric ? sizeof allowed / sizeof allowed[0] : 1;
    return ep__function_among(c, allowed, n, refusal);
}

static bool precision(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_function f = c->layer->function;
    const bool trigonometric = f == EP_FN_SIN || f == EP_FN_COS || f == EP_FN_ATAN;
    if (!trigonometric || !c->limits->trigonometric || c->precision == EP_INT8) return true;
    ep__value(refusal, "%s in %s", c->layer->op, ep_precision_name(c->precision));
    ep__bound(refusal, "%s", ep_precision_name(EP_INT8));
    return false;
}

static const ep__rule rows[] = {
    {{"unary.function", "The DLA has the function.",
      "Rewrite it with element-wise functions that the DLA has, or move it behind the network.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(UNARY),
     function},
    {{"unary.precision", "Sin, Cos and Atan run in INT8 only.", "Use INT8.", EP__GUIDE_10,
      EP_DOCUMENTED},
     EP__TYPE(UNARY),
     precision},
};

const ep__rule_family ep__unary_rules = EP__RULE_FAMILY(rows);
