#include "planner/rules/rules.h"

static bool function(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_MAX_POOL, EP_FN_AVERAGE_POOL};
    return ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal);
}

static bool dims(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__window_is_2d(c, refusal);
}

/* A global maximum of any size is a Reduce layer, where the DLA has that. */
static bool is_reduction(const ep__rule_context *c)
{
    return c->layer->global && c->layer->function == EP_FN_MAX_POOL && c->limits->reduce_max;
}

static bool window(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return is_reduction(c) ||
           ep__window_within(w, "window", w->kernel, c->limits->pool_window, refusal);
}

static bool padding(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__padding_within(&c->layer->window, c->limits->pool_padding, refusal);
}

static bool padding_window(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__padding_below_kernel(&c->layer->window, refusal);
}

static bool stride(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return ep__window_within(w, "stride", w->stride, c->limits->pool_stride, refusal);
}

static bool dilation(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return ep__window_within(w, "dilation", w->dilation, (ep_range){1, 1}, refusal);
}

static bool inclusive_padding(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    if (!c->limits->pool_inclusive_padding_only || c->layer->function != EP_FN_AVERAGE_POOL ||
        c->layer->count_include_pad)
        return true;
    ep_refusal padded;
    if (ep__padding_within(w, (ep_range){0, 0}, &padded)) return true;
    ep__value(refusal, "average without its padding");
    ep__bound(refusal, "count_include_pad = 1");
    return false;
}

static const ep__rule rows[] = {
    {{"pool.function", "Pooling takes the maximum or the average.", "Use MaxPool or AveragePool.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     function},
    {{"pool.dims", "Pooling is two-dimensional.", "Write 1-D pooling as 2-D with height 1.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     dims},
    {{"pool.window",
      "Window height and width are limited; that of global pooling is the whole map.",
      "Pool in several steps, AveragePool after AveragePool or MaxPool after MaxPool, whose "
      "windows multiply to this one.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     window},
    {{"pool.padding", "Padding is limited.", "Pad less, or pool in two steps.", EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(POOLING),
     padding},
    {{"pool.padding-window", "Padding is smaller than the window.",
      "Pad less: such a window sees nothing but padding.", EP__NVDLA, EP_INFERRED},
     EP__TYPE(POOLING),
     padding_window},
    {{"pool.stride", "Strides are limited.", "Pool in two steps.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     stride},
    {{"pool.dilation", "A pooling window is not dilated.",
      "Use a window without dilation, or several MaxPools.", EP__HEADER, EP_INFERRED},
     EP__TYPE(POOLING),
     dilation},
    {{"pool.inclusive-padding", "An average counts its padding.",
      "Export with count_include_pad = 1, or without padding.", EP__HEADER, EP_HEADER},
     EP__TYPE(POOLING),
     inclusive_padding},
};

const ep__rule_family ep__pooling_rules = EP__RULE_FAMILY(rows);
