#include <inttypes.h>

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

static bool normalization(const ep__rule_context *c, ep_refusal *refusal)
{
    ep__value(refusal, "%s", c->layer->op);
    ep__bound(refusal, "BatchNormalization");
    return false;
}

static const ep__rule rows[] = {
    {{"lrn.window", "The window of LRN is odd and limited.", "Choose a window that the DLA has.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(LRN),
     lrn_window},
    {{"normalization.function", "Statistics are constants, not computed from the data.",
      "Train with BatchNormalization, which disappears into the convolution before it.",
      EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(NORMALIZATION),
     normalization},
};

const ep__rule_family ep__normalization_rules = EP__RULE_FAMILY(rows);
