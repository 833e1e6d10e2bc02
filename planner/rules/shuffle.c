#include <inttypes.h>
#include <string.h>

#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_RESHAPE, EP_FN_TRANSPOSE};
    if (ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal)) return true;
    const ep_node *node = &c->layers->network->nodes[c->layer->node];
    const int64_t block = ep_attr_int(node, "blocksize", 0);
    if (strcmp(c->layer->op, "DepthToSpace") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Use a ConvTranspose, kernel and stride %" PRId64 "x%" PRId64
                 ", whose weights are 0 and 1.",
                 block, block);
    } else if (strcmp(c->layer->op, "SpaceToDepth") == 0) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Use a Conv, kernel and stride %" PRId64 "x%" PRId64
                 ", whose weights are 0 and 1; or join it with the Conv behind it.",
                 block, block);
    }
    return false;
}

static void rank_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_layer *reader = ep__only_reader(c);
    if (c->layer->function == EP_FN_TRANSPOSE || c->in_shape->rank != 4 ||
        c->out_shape->rank != 2 || c->in_shape->dims[0] != c->out_shape->dims[0])
        return;
    if (reader && reader->type == EP_LAYER_FULLY_CONNECTED) {
        ep__flatten_hint(c, c->in_shape, refusal);
    } else if (!reader) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Leave the Flatten out: the bytes are the same without it.");
    }
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_shape *in = c->in_shape, *out = c->out_shape;
    if (in->rank == 4 && out->rank == 4) return true;
    ep__value(refusal, "rank %d to %d", in->rank, out->rank);
    ep__bound(refusal, "4 to 4");
    rank_hint(c, refusal);
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
      "Keep to Reshape and Transpose, four dimensions to four.", EP_CHANGE_NONE, EP__OPERATORS,
      EP_DOCUMENTED},
     EP__TYPE(SHUFFLE),
     function},
    {{"shuffle.rank", "Reshape and Transpose go from four dimensions to four.",
      "Reshape behind the network, or keep four dimensions (a channel shuffle as a 1x1 "
      "convolution).",
      EP_CHANGE_EXACT, EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(SHUFFLE),
     rank},
    {{"shuffle.batch", "Reshape and Transpose leave the batch alone.",
      "Keep the batch as first dimension.", EP_CHANGE_EXACT, EP__GUIDE_10, EP_DOCUMENTED},
     EP__TYPE(SHUFFLE),
     batch},
};

const ep__rule_family ep__shuffle_rules = EP__RULE_FAMILY(rows);
