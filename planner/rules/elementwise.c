#include <inttypes.h>
#include <string.h>

#include "planner/rules/rules.h"

/* x to a constant power of 2 or 3; 0: another, or a computed one. */
static int whole_power(const ep__rule_context *c)
{
    double power;
    const ep_network *network = c->layers->network;
    const ep_tensor *exponent = ep_node_input(network, &network->nodes[c->layer->node], 1);
    if (!exponent || !ep_tensor_is_const(exponent) || !ep_tensor_scalar(exponent, &power)) return 0;
    return power == 2 ? 2 : power == 3 ? 3 : 0;
}

static void function_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const int power = c->layer->function == EP_FN_POW ? whole_power(c) : 0;
    if (power) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as x * x%s.", power == 3 ? " * x" : "");
        ep__instead(c, refusal, "Mul x%s", power == 3 ? "; Mul x" : "");
    } else if (c->layer->function == EP_FN_DIV || c->layer->function == EP_FN_POW) {
        ep__hint(c, refusal, EP_CHANGE_SETTING, "Use DLA software that has it: %s is in trt-10.x.",
                 c->layer->op);
    } else if (strcmp(c->layer->op, "Mean") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as a Sum and a Mul by a constant.");
    } else if (strcmp(c->layer->op, "And") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as the Mul of maps of 0 and 1.");
    } else if (strcmp(c->layer->op, "Or") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Write it as the Max of maps of 0 and 1.");
    }
}

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    ep_function allowed[7] = {EP_FN_SUM, EP_FN_SUB, EP_FN_PROD, EP_FN_MAX, EP_FN_MIN};
    size_t n = 5;
    if (c->limits->div) allowed[n++] = EP_FN_DIV;
    if (c->limits->pow) allowed[n++] = EP_FN_POW;
    if (ep__function_among(c, allowed, n, refusal)) return true;
    function_hint(c, refusal);
    return false;
}

/* An operand has the shape of the output, or is spread over it in one of the two ways the DLA has:
 * a value per channel (N x C x 1 x 1) or a value per image (N x 1 x 1 x 1). A constant is stored as
 * it is needed, so for it the batch may be 1. */
static bool spreads(const ep_tensor *operand, const ep_shape *out_shape, const int64_t out[4])
{
    ep_shape aligned = {.rank = out_shape->rank}; /* as ONNX broadcasts: by the last dimensions */
    const int missing = aligned.rank - operand->shape.rank;
    if (missing < 0) return false;
    for (int i = 0; i < aligned.rank; i++) {
        aligned.dims[i] = i < missing ? 1 : operand->shape.dims[i - missing];
    }
    int64_t own[4];
    if (!ep_nchw(&aligned, own)) return false;
    if (own[0] != out[0] && !(ep_tensor_is_const(operand) && own[0] == 1)) return false;
    if (own[1] == out[1] && own[2] == out[2] && own[3] == out[3]) return true;
    return (own[1] == out[1] || own[1] == 1) && own[2] == 1 && own[3] == 1;
}

static void broadcast_hint(const ep__rule_context *c, const ep_tensor *operand, ep_refusal *refusal)
{
    int64_t own[4];
    if (ep_tensor_is_const(operand)) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Store the constant expanded to the whole map.");
    } else if (ep_nchw(&operand->shape, own) && own[1] == 1 && own[0] == c->out[0] &&
               own[2] == c->out[2] && own[3] == c->out[3]) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Repeat the operand along C by a 1x1 Conv of %" PRId64 " kernels that are 1.",
                 c->out[1]);
    }
}

static bool broadcast(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_layer *layer = c->layer;
    if (!c->has_nchw) return true;
    for (uint32_t i = 0; i < layer->n_inputs + layer->n_consts; i++) {
        const uint32_t index =
            i < layer->n_inputs ? layer->inputs[i] : layer->consts[i - layer->n_inputs];
        const ep_tensor *operand = &c->layers->network->tensors[index];
        if (spreads(operand, c->out_shape, c->out)) continue;
        char text[EP_SHAPE_TEXT];
        ep__value(refusal, "operand %s", ep_shape_text(&operand->shape, text));
        ep__bound(refusal, "NxCxHxW, NxCx1x1 or Nx1x1x1");
        broadcast_hint(c, operand, refusal);
        return false;
    }
    return true;
}

/* ---- comparison ---------------------------------------------------------------------------- */

static bool comparison_function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_EQUAL, EP_FN_GREATER, EP_FN_LESS};
    const size_t n = c->limits->comparison ? sizeof allowed / sizeof allowed[0] : 0;
    return ep__function_among(c, allowed, n, refusal);
}

static bool comparison_precision(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->precision == EP_INT8) return true;
    ep__value(refusal, "%s", ep_precision_name(c->precision));
    ep__bound(refusal, "%s", ep_precision_name(EP_INT8));
    return false;
}

static bool comparison_cast(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_layers *layers = c->layers;
    if (c->layer->n_outputs == 0) return true;
    const uint32_t out = layers->root[c->layer->outputs[0]];
    ep__bound(refusal, "Cast to float at once");
    if (layers->is_output[out]) {
        ep__value(refusal, "an output of the network");
        return false;
    }
    for (uint32_t i = layers->users_begin[out]; i < layers->users_begin[out + 1]; i++) {
        const ep_layer *user = &layers->layers[layers->users[i]];
        if (user->type == EP_LAYER_CAST) continue;
        ep__value(refusal, "read by %s", user->op);
        return false;
    }
    return true;
}

static const ep__rule rows[] = {
    {{"elementwise.function", "The function is Sum, Sub, Prod, Max, Min{div?, Div}{pow?, Pow}.",
      "Rewrite it with sums and products, or move it behind the network.", EP_CHANGE_NONE,
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(ELEMENTWISE),
     function},
    {{"elementwise.broadcast",
      "An operand has the shape of the result, or one value per channel (N x C x 1 x 1), or one "
      "per image (N x 1 x 1 x 1).",
      "Expand the operand before the network, or swap its dimensions so that it varies along the "
      "channels.",
      EP_CHANGE_EXACT, EP__GUIDE_10, EP_INFERRED},
     EP__TYPE(ELEMENTWISE) | EP__TYPE(COMPARISON),
     broadcast},
    {{"comparison.function",
      "{comparison?The comparison is Equal, Greater or Less}{comparison!The DLA compares nothing}.",
      "Compare after the network, or on the GPU.", EP_CHANGE_NONE, EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(COMPARISON),
     comparison_function},
    {{"comparison.precision", "A comparison runs in INT8 only.",
      "Use INT8; in a quantized network, put Q/DQ in front of it.", EP_CHANGE_SETTING, EP__GUIDE_10,
      EP_DOCUMENTED},
     EP__TYPE(COMPARISON),
     comparison_precision},
    {{"comparison.cast", "The result of a comparison is cast at once.",
      "Cast the result to float before anything else reads it.", EP_CHANGE_EXACT, EP__GUIDE_10,
      EP_DOCUMENTED},
     EP__TYPE(COMPARISON),
     comparison_cast},
};

const ep__rule_family ep__elementwise_rules = EP__RULE_FAMILY(rows);
