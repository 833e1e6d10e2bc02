#include <string.h>

#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_ABS, EP_FN_SIN, EP_FN_COS, EP_FN_ATAN};
    const size_t n = c->limits->trigonometric ? sizeof allowed / sizeof allowed[0] : 1;
    if (ep__function_among(c, allowed, n, refusal)) return true;
    const ep_function f = c->layer->function;
    if (f == EP_FN_ERF) {
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "As part of a Gelu, write that as x * Sigmoid(1.702 x): Scale, Sigmoid, Mul.");
    } else if (f == EP_FN_SIN || f == EP_FN_COS || f == EP_FN_ATAN) {
        ep__hint(c, refusal, EP_CHANGE_SETTING, "Use DLA software that has it: %s is in trt-10.x.",
                 c->layer->op);
    } else if (strcmp(c->layer->op, "Neg") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as Mul by -1.");
        ep__instead(c, refusal, "Mul -1");
    } else if (strcmp(c->layer->op, "Not") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as 1 - x of maps of 0 and 1.");
    }
    return false;
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
    {{"unary.function", "The function is Abs{trigonometric?, Sin, Cos or Atan}.",
      "Rewrite it with element-wise functions that the DLA has, or move it behind the network.",
      EP_CHANGE_NONE, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(UNARY),
     function},
    {{"unary.precision", "Sin, Cos and Atan run in INT8 only.", "Use INT8.", EP_CHANGE_SETTING,
      EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(UNARY),
     precision},
};

const ep__rule_family ep__unary_rules = EP__RULE_FAMILY(rows);
