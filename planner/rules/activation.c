#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "planner/rules/rules.h"

static void gelu_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_node *node = &c->layers->network->nodes[c->layer->node];
    if (strcmp(ep_attr_string(node, "approximate", "none"), "tanh") == 0) {
        ep__hint(
            c, refusal, EP_CHANGE_EXACT,
            "Write it as 0.5 x * (1 + Tanh(0.7979 x * (1 + 0.04472 x * x))): Scale, Mul, Tanh.");
        ep__instead(
            c, refusal,
            "Mul x; Mul 0.044715; Add 1; Mul x; Mul 0.7978846; Tanh; Add 1; Mul x; Mul 0.5");
    } else {
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "Write it as x * Sigmoid(1.702 x): Scale, Sigmoid, Mul.");
        ep__instead(c, refusal, "Mul 1.702; Sigmoid; Mul x");
    }
}

static void function_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_node *node = &c->layers->network->nodes[c->layer->node];
    switch (c->layer->function) {
    case EP_FN_HARD_SWISH:
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Write it as x * Clip(x + 3, 0, 6) / 6: Scale, Clip, Mul.");
        ep__instead(c, refusal, "Add 3; Clip 0 6; Mul 0.16666667; Mul x");
        return;
    case EP_FN_HARD_SIGMOID: {
        const double alpha = (double)ep_attr_float(node, "alpha", 0.2F);
        const double beta = (double)ep_attr_float(node, "beta", 0.5F);
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as Clip(%.6g x + %.6g, 0, 1): Scale, Clip.",
                 alpha, beta);
        ep__instead(c, refusal, "Mul %.9g; Add %.9g; Clip 0 1", alpha, beta);
        return;
    }
    case EP_FN_GELU: gelu_hint(c, refusal); return;
    default: break;
    }
    if (strcmp(c->layer->op, "Swish") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Write it as x * Sigmoid(%.4g x): Scale, Sigmoid, Mul.",
                 (double)ep_attr_float(node, "alpha", 1));
        ep__instead(c, refusal, "Mul %.9g; Sigmoid; Mul x",
                    (double)ep_attr_float(node, "alpha", 1));
    } else {
        ep__hint(c, refusal, EP_CHANGE_RETRAIN, "Replace %s by Relu and retrain.",
                 c->layer->function == EP_FN_OTHER_ACTIVATION ? c->layer->op : "it");
        ep__instead(c, refusal, "Relu");
    }
}

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_RELU, EP_FN_CLIP, EP_FN_SIGMOID, EP_FN_TANH,
                                          EP_FN_LEAKY_RELU};
    if (ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal)) return true;
    function_hint(c, refusal);
    return false;
}

enum { BOUND_TEXT = 32 };

/* A bound that the node leaves out is the largest float. */
static bool is_absent(double bound)
{
    return bound <= -(double)FLT_MAX || bound >= (double)FLT_MAX;
}

static const char *bound_text(double bound, char text[BOUND_TEXT])
{
    (void)snprintf(text, BOUND_TEXT, is_absent(bound) ? "none" : "%g", bound);
    return text;
}

/* " + 3", " - 3", nothing for 0. */
static const char *term(double value, char text[BOUND_TEXT])
{
    text[0] = '\0';
    if (value > 0) (void)snprintf(text, BOUND_TEXT, " + %.6g", value);
    if (value < 0) (void)snprintf(text, BOUND_TEXT, " - %.6g", -value);
    return text;
}

/* The same function of the forms that the DLA has, Relu and Clip from 0. */
static void clip_hint(const ep__rule_context *c, double min, double max, ep_refusal *refusal)
{
    const double width = max - min;
    const ep_range range = c->limits->clip_max;
    char down[BOUND_TEXT], up[BOUND_TEXT];
    if (c->layer->n_inputs > 1) return; /* the bounds are computed */
    if (is_absent(min) && is_absent(max)) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Remove it: it has no bounds.");
        ep__instead(c, refusal, "%s", "");
    } else if (is_absent(max) && min == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as Relu.");
        ep__instead(c, refusal, "Relu");
    } else if (is_absent(max)) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as Relu(x%s)%s: Scale, Relu, Scale.",
                 term(-min, down), term(min, up));
        ep__instead(c, refusal, "Add %.9g; Relu; Add %.9g", -min, min);
    } else if (is_absent(min)) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Write it as %.6g - Relu(%.6g - x): Scale, Relu, Scale.", max, max);
        ep__instead(c, refusal, "Mul -1; Add %.9g; Relu; Mul -1; Add %.9g", max, max);
    } else if (width >= (double)range.min && width <= (double)range.max) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Write it as Clip(x%s, 0, %.6g)%s: Scale, Clip, Scale.", term(-min, down), width,
                 term(min, up));
        ep__instead(c, refusal, "Add %.9g; Clip 0 %.9g; Add %.9g", -min, width, min);
    } else if (width > 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Write it as %.6g Clip((x%s) / %.6g, 0, 1)%s: Scale, Clip, Scale.", width,
                 term(-min, down), width, term(min, up));
        ep__instead(c, refusal, "Add %.9g; Mul %.9g; Clip 0 1; Mul %.9g; Add %.9g", -min, 1 / width,
                    width, min);
    }
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
    clip_hint(c, min, max, refusal);
    return false;
}

static bool slope(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__operands_constant(c, "slopes", refusal);
}

static const ep__rule rows[] = {
    {{"activation.function",
      "The activation is Relu, Clip, Sigmoid, Tanh or LeakyRelu; in INT8, Sigmoid and Tanh run in "
      "FP16.",
      "Replace it by one that the DLA has, and retrain.", EP_CHANGE_RETRAIN, EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(ACTIVATION),
     function},
    {{"activation.clip", "Clip has constant bounds: minimum 0 and a maximum in {clip_max}.",
      "Clip from 0; without a maximum it is a Relu.", EP_CHANGE_RETRAIN, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(ACTIVATION),
     clip},
    {{"prelu.slope", "The slopes of PRelu are constants.", "Store the slopes in the model.",
      EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(PARAMETRIC_RELU),
     slope},
};

const ep__rule_family ep__activation_rules = EP__RULE_FAMILY(rows);
