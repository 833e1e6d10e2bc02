#include <float.h>
#include <inttypes.h>
#include <stdio.h>

#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_RELU, EP_FN_CLIP, EP_FN_SIGMOID, EP_FN_TANH,
                                          EP_FN_LEAKY_RELU};
    return ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal);
}

enum { BOUND_TEXT = 32 };

/* A bound that the node leaves out is the largest float. */
static const char *bound_text(double bound, char text[BOUND_TEXT])
{
    const bool absent = bound <= -(double)FLT_MAX || bound >= (double)FLT_MAX;
    (void)snprintf(text, BOUND_TEXT, absent ? "none" : "%g", bound);
    return text;
}

static bool clip(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_layer *layer = c->layer;
    if (layer->function != EP_FN_CLIP) return true;
    const double min = (double)layer->alpha, max = (double)layer->beta;
    const ep_range range = c->limits->clip_max;
    if (min == 0 && max >= (double)range.min && max <= (double)range.max)
        return ep__operands_constant(c, "bounds", refusal);
    char min_text[BOUND_TEXT], max_text[BOUND_TEXT];
    ep__value(refusal, "min %s, max %s", bound_text(min, min_text), bound_text(max, max_text));
    ep__bound(refusal, "min 0, max %" PRId64 "..%" PRId64, range.min, range.max);
    return false;
}

static bool slope(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__operands_constant(c, "slopes", refusal);
}

static const ep__rule rows[] = {
    {{"activation.function", "The DLA has the activation function.",
      "Replace it by one that the DLA has (HardSwish and Gelu by Relu, HardSigmoid by Sigmoid) and "
      "retrain.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(ACTIVATION),
     function},
    {{"activation.clip", "Clip has constant bounds: minimum 0 and a limited maximum.",
      "Clip from 0; without a maximum it is a Relu.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(ACTIVATION),
     clip},
    {{"prelu.slope", "The slopes of PRelu are constants.", "Store the slopes in the model.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(PARAMETRIC_RELU),
     slope},
};

const ep__rule_family ep__activation_rules = EP__RULE_FAMILY(rows);
