#include <inttypes.h>

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

/* A window that is the whole map splits into steps; a maximum also into overlapping ones. */
static void window_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const bool max_pool = c->layer->function == EP_FN_MAX_POOL;
    if (w->rank != 2 || !c->has_nchw) return;
    if (w->kernel[0] == c->in[2] && w->kernel[1] == c->in[3] && c->out[2] == 1 && c->out[3] == 1) {
        ep__whole_map_hint(c, max_pool ? "MaxPool" : "AveragePool", w->kernel[0], w->kernel[1], "",
                           refusal);
    } else if (max_pool) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Use several MaxPools, all but the last of stride 1: each window k adds k - 1 to "
                 "what they span together, %" PRId64 "x%" PRId64
                 "; share the padding out likewise.",
                 w->kernel[0], w->kernel[1]);
    } else if (w->kernel[0] <= c->limits->conv_kernel.max &&
               w->kernel[1] <= c->limits->conv_kernel.max && c->layer->count_include_pad) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Use a depthwise Conv %" PRId64 "x%" PRId64 " whose weights are 1/%" PRId64 ".",
                 w->kernel[0], w->kernel[1], w->kernel[0] * w->kernel[1]);
    }
}

static bool window(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    if (is_reduction(c) ||
        ep__window_within(w, "window", w->kernel, c->limits->pool_window, refusal))
        return true;
    window_hint(c, refusal);
    return false;
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
    if (ep__window_within(w, "stride", w->stride, c->limits->pool_stride, refusal)) return true;
    if (w->rank == 2) ep__stride_hint(c, c->layer->op, c->limits->pool_stride.max, refusal);
    return false;
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
      EP_CHANGE_RETRAIN, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     function},
    {{"pool.dims", "Pooling is two-dimensional.", "Write 1-D pooling as 2-D with height 1.",
      EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     dims},
    {{"pool.window",
      "Window height and width lie in {pool_window}; the window of global pooling is the whole "
      "map{reduce_max?, but a global maximum is a reduction}.",
      "Pool in several steps, AveragePool after AveragePool or MaxPool after MaxPool.",
      EP_CHANGE_APPROXIMATE, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     window},
    {{"pool.padding", "Padding lies in {pool_padding}.", "Pad less, or pool in two steps.",
      EP_CHANGE_APPROXIMATE, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(POOLING),
     padding},
    {{"pool.padding-window", "Padding is smaller than the window.",
      "Pad less: such a window sees nothing but padding.", EP_CHANGE_APPROXIMATE, EP__NVDLA,
      EP_INFERRED},
     EP__TYPE(POOLING),
     padding_window},
    {{"pool.stride", "Strides lie in {pool_stride}.",
      "Use a smaller stride, then a 1x1 MaxPool that skips the rest.", EP_CHANGE_EXACT, EP__GUIDE,
      EP_DOCUMENTED},
     EP__TYPE(POOLING),
     stride},
    {{"pool.dilation", "A pooling window is not dilated.",
      "Use a window without dilation, or several MaxPools.", EP_CHANGE_RETRAIN, EP__HEADER,
      EP_INFERRED},
     EP__TYPE(POOLING),
     dilation},
    {{"pool.inclusive-padding",
      "An average {pool_inclusive_padding_only?counts}{pool_inclusive_padding_only!counts or "
      "leaves out} its padding.",
      "Export with count_include_pad = 1, or without padding.", EP_CHANGE_APPROXIMATE, EP__HEADER,
      EP_HEADER},
     EP__TYPE(POOLING),
     inclusive_padding},
};

const ep__rule_family ep__pooling_rules = EP__RULE_FAMILY(rows);
