#include <inttypes.h>
#include <string.h>

#include "planner/rules/rules.h"

static bool version(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->limits->softmax) return true;
    ep__value(refusal, "DLA %s", c->dla->version);
    ep__bound(refusal, "a DLA with Softmax");
    return false;
}

/* Hardmax and LogSoftmax are layers of the same type. */
static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    if (strcmp(c->layer->op, "Softmax") == 0) return true;
    ep__value(refusal, "%s", c->layer->op);
    ep__bound(refusal, "Softmax");
    return false;
}

static unsigned axis_bit(const ep__rule_context *c)
{
    return ep__nchw_axes(c->in_shape->rank, (uint8_t)(1u << c->layer->axis));
}

static bool axis(const ep__rule_context *c, ep_refusal *refusal)
{
    if (axis_bit(c) != EP__AXIS_N) return true;
    ep__value(refusal, "axis %d, the batch", c->layer->axis);
    ep__bound(refusal, "C, H, W");
    ep__hint(
        c, refusal, EP_CHANGE_EXACT,
        "Swap the batch with the channels outside of the network: take the Softmax behind it.");
    return false;
}

static bool size(const ep__rule_context *c, ep_refusal *refusal)
{
    const unsigned bit = axis_bit(c);
    if (!c->has_nchw || bit == EP__AXIS_N) return true;
    int64_t along = 1;
    bool single = true; /* no other dimension of an image exceeds 1 */
    for (unsigned a = 1; a < 4; a++) {
        if (bit == 1u << a)
            along = c->in[a];
        else if (c->in[a] > 1)
            single = false;
    }
    const int64_t max = single ? c->limits->softmax_axis_max_single : c->limits->softmax_axis_max;
    if (along <= max) return true;
    ep__value(refusal, "%" PRId64 " elements along axis %d", along, c->layer->axis);
    ep__bound_range(refusal, (ep_range){1, max});
    return false;
}

static const ep__rule rows[] = {
    {{"softmax.version",
      "{softmax?This generation of the DLA has Softmax, in FP16}{softmax!This generation of the "
      "DLA has no Softmax}.",
      "Move the Softmax behind the network.", EP_CHANGE_EXACT, EP__HEADER, EP_HEADER},
     EP__TYPE(SOFTMAX),
     version},
    {{"softmax.function", "The function is Softmax itself.",
      "Take the logarithm behind the network.", EP_CHANGE_EXACT, EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(SOFTMAX),
     function},
    {{"softmax.axis", "Softmax runs along C, H or W.", "Softmax along the channels.",
      EP_CHANGE_EXACT, EP__HEADER, EP_HEADER},
     EP__TYPE(SOFTMAX),
     axis},
    {{"softmax.size",
      "The axis of a Softmax has at most {softmax_axis_max} elements, {softmax_axis_max_single} "
      "where no other dimension of an image exceeds 1.",
      "Move the Softmax behind the network.", EP_CHANGE_EXACT, EP__HEADER, EP_HEADER},
     EP__TYPE(SOFTMAX),
     size},
};

const ep__rule_family ep__softmax_rules = EP__RULE_FAMILY(rows);
