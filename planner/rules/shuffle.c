#include <inttypes.h>

#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_RESHAPE, EP_FN_TRANSPOSE};
    return ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal);
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_shape *in = c->in_shape, *out = c->out_shape;
    if (in->rank == 4 && out->rank == 4) return true;
    ep__value(refusal, "rank %d to %d", in->rank, out->rank);
    ep__bound(refusal, "4 to 4");
    return false;
}

static bool batch(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_shape *in = c->in_shape, *out = c->out_shape;
    if (in->rank != 4 || out->rank != 4) return true;
    const bool permuted = c->layer->function == EP_FN_TRANSPOSE && (c->layer->axes & 1u);
    if (in->dims[0] == out->dims[0] && !permuted) return true;
    ep__value(refusal, "%s of batch %" PRId64 " to %" PRId64, c->layer->op, in->dims[0],
              out->dims[0]);
    ep__bound(refusal, "the batch stays");
    return false;
}

static const ep__rule rows[] = {
    {{"shuffle.function", "A shuffle is a Reshape or a Transpose.",
      "Replace DepthToSpace by a ConvTranspose and SpaceToDepth by a convolution with constant "
      "weights, stride and kernel as large as the block.",
      EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(SHUFFLE),
     function},
    {{"shuffle.rank", "Reshape and Transpose go from four dimensions to four.",
      "Reshape behind the network, or keep four dimensions (a channel shuffle as a 1x1 "
      "convolution).",
      EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(SHUFFLE),
     rank},
    {{"shuffle.batch", "Reshape and Transpose leave the batch alone.",
      "Keep the batch as first dimension.", EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(SHUFFLE),
     batch},
};

const ep__rule_family ep__shuffle_rules = EP__RULE_FAMILY(rows);
