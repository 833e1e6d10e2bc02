#include <inttypes.h>
#include <stdio.h>

#include "planner/rules/rules.h"

enum { SPATIAL_TEXT = EP_MAX_SPATIAL * 21 };

/* "3x3" */
static const char *spatial_text(const ep_window *window, const int64_t *values,
                                char text[SPATIAL_TEXT])
{
    int used = 0;
    text[0] = '\0';
    for (int i = 0; i < window->rank; i++) {
        used += snprintf(text + used, (size_t)(SPATIAL_TEXT - used), "%s%" PRId64, i ? "x" : "",
                         values[i]);
    }
    return text;
}

bool ep__window_is_2d(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->layer->window.rank == 2) return true;
    ep__value(refusal, "%d-D", c->layer->window.rank);
    ep__bound(refusal, "2-D");
    return false;
}

bool ep__window_within(const ep_window *window, const char *what, const int64_t *values,
                       ep_range range, ep_refusal *refusal)
{
    for (int i = 0; i < window->rank; i++) {
        if (ep__within(range, values[i])) continue;
        char text[SPATIAL_TEXT];
        ep__value(refusal, "%s %s", what, spatial_text(window, values, text));
        ep__bound_range(refusal, range);
        return false;
    }
    return true;
}

static void padding_value(const ep_window *window, ep_refusal *refusal)
{
    char begin[SPATIAL_TEXT], end[SPATIAL_TEXT];
    ep__value(refusal, "padding %s before, %s after",
              spatial_text(window, window->pad_begin, begin),
              spatial_text(window, window->pad_end, end));
}

bool ep__padding_within(const ep_window *window, ep_range range, ep_refusal *refusal)
{
    for (int i = 0; i < window->rank; i++) {
        if (ep__within(range, window->pad_begin[i]) && ep__within(range, window->pad_end[i]))
            continue;
        padding_value(window, refusal);
        ep__bound_range(refusal, range);
        return false;
    }
    return true;
}

bool ep__padding_below_kernel(const ep_window *window, ep_refusal *refusal)
{
    for (int i = 0; i < window->rank; i++) {
        if (window->pad_begin[i] < window->kernel[i] && window->pad_end[i] < window->kernel[i])
            continue;
        char text[SPATIAL_TEXT];
        padding_value(window, refusal);
        ep__bound(refusal, "below the window, %s", spatial_text(window, window->kernel, text));
        return false;
    }
    return true;
}

bool ep__channels_within(const ep__rule_context *c, ep_range range, ep_refusal *refusal)
{
    if (!c->has_nchw || c->layer->window.rank != 2) return true;
    if (ep__within(range, c->in[1]) && ep__within(range, c->out[1])) return true;
    ep__value(refusal, "channels %" PRId64 " in, %" PRId64 " out", c->in[1], c->out[1]);
    ep__bound_range(refusal, range);
    return false;
}
