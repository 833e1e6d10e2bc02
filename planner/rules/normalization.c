#include <inttypes.h>
#include <string.h>

#include "planner/rules/rules.h"

/* Of every version of the DLA. */
static const ep_range lrn_sizes = {3, 9};

static bool lrn_window(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_node *node = &c->layers->network->nodes[c->layer->node];
    const int64_t size = ep_attr_int(node, "size", 0);
    if (ep__within(lrn_sizes, size) && size % 2 == 1) return true;
    ep__value(refusal, "window %" PRId64, size);
    ep__bound(refusal, "odd, %" PRId64 "..%" PRId64, lrn_sizes.min, lrn_sizes.max);
    return false;
}

/* Of a tensor's own statistics. */
static bool is_normalized(const ep__rule_context *c)
{
    return c->limits->normalize && (strcmp(c->layer->op, "LayerNormalization") == 0 ||
                                    strcmp(c->layer->op, "InstanceNormalization") == 0);
}

static bool normalization(const ep__rule_context *c, ep_refusal *refusal)
{
    if (is_normalized(c)) return true;
    ep__value(refusal, "%s", c->layer->op);
    ep__bound(refusal, "BatchNormalization");
    ep__instead(c, refusal, "Mul 1; Add 0"); /* it is such a Scale, of whatever constants */
    return false;
}

static bool normalization_rank(const ep__rule_context *c, ep_refusal *refusal)
{
    return !is_normalized(c) ||
           (ep__input_is_4d(c, refusal) && ep__operands_constant(c, "parameters", refusal));
}

static const ep__rule rows[] = {
    {{"lrn.window", "The window of LRN is 3, 5, 7 or 9, across channels; in INT8 it runs in FP16.",
      "Choose a window that the DLA has.", EP_CHANGE_RETRAIN, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(LRN),
     lrn_window},
    {{"normalization.function",
      "{normalize?LayerNormalization and InstanceNormalization run on the DLA, GroupNormalization "
      "does not}{normalize!Statistics are constants, not computed from the data}.",
      "Train with BatchNormalization, which disappears into the convolution before it.",
      EP_CHANGE_RETRAIN, EP__OPERATORS "; " EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(NORMALIZATION),
     normalization},
    {{"normalization.rank",
      "A normalization works on N x C x H x W, its parameters stored in the model.",
      "Keep the tensor four-dimensional.", EP_CHANGE_EXACT, EP__GUIDE_10, EP_INFERRED},
     EP__TYPE(NORMALIZATION),
     normalization_rank},
};

const ep__rule_family ep__normalization_rules = EP__RULE_FAMILY(rows);
