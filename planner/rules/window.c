#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* Appends factors of `size`, none above `max`; 0 when there are no such factors, else how many. */
static int factors(int64_t size, int64_t max, int64_t list[64])
{
    int n = 0;
    while (size > 1) {
        int64_t factor = size < max ? size : max;
        while (factor > 1 && size % factor != 0) factor--;
        if (factor <= 1) return 0;
        list[n++] = factor;
        size /= factor;
    }
    if (n == 0) list[n++] = 1;
    return n;
}

void ep__whole_map_hint(const ep__rule_context *c, const char *what, int64_t height, int64_t width,
                        const char *then, ep_refusal *refusal)
{
    int64_t high[64], wide[64];
    const int64_t max = c->limits->pool_window.max;
    if (height == 1 && width == 1) {
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Remove it: the map is one element.");
        ep__instead(c, refusal, "%s", "");
        return;
    }
    const int n_high = factors(height, max, high), n_wide = factors(width, max, wide);
    if (n_high > 0 && n_wide > 0) {
        ep_text steps = {0}, instead = {0};
        const int n = n_high > n_wide ? n_high : n_wide;
        for (int i = n; i-- > 0;) {
            const int64_t h = i < n_high ? high[i] : 1, w = i < n_wide ? wide[i] : 1;
            ep_text_printf(&steps, "%s%" PRId64 "x%" PRId64, i == n - 1 ? "" : " after ", h, w);
        }
        for (int i = 0; i < n; i++) {
            const int64_t h = i < n_high ? high[i] : 1, w = i < n_wide ? wide[i] : 1;
            ep_text_printf(&instead, "%s%s %" PRId64 " %" PRId64, i ? "; " : "", what, h, w);
        }
        ep__hint(c, refusal, EP_CHANGE_EXACT, "Use %s %s, strides as windows%s.", what,
                 ep_text_cstr(&steps), then);
        if (!then[0]) ep__instead(c, refusal, "%s", ep_text_cstr(&instead));
        if (steps.failed || instead.failed) refusal->hint = NULL;
        ep_text_free(&instead);
        ep_text_free(&steps);
        return;
    }
    const int64_t kernel = c->limits->conv_kernel.max;
    if (strcmp(what, "AveragePool") == 0 && height <= kernel && width <= kernel) {
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Use a depthwise Conv %" PRId64 "x%" PRId64 " whose weights are 1/%" PRId64 "%s.",
                 height, width, height * width, then);
    } else {
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "Use an input size for which the map, now %" PRId64 "x%" PRId64
                 ", splits into factors of at most %" PRId64 ", then %ss in steps%s.",
                 height, width, max, what, then);
    }
}

void ep__stride_hint(const ep__rule_context *c, const char *what, int64_t max, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    int64_t first[2], second[2];
    for (int i = 0; i < 2; i++) {
        first[i] = w->stride[i] < max ? w->stride[i] : max;
        while (w->stride[i] % first[i] != 0) first[i]--;
        second[i] = w->stride[i] / first[i];
        if (second[i] <= c->limits->pool_stride.max) continue;
        ep__hint(c, refusal, EP_CHANGE_RETRAIN, "Use a smaller stride.");
        return;
    }
    ep__hint(c, refusal, EP_CHANGE_EXACT,
             "Use %s with stride %" PRId64 "x%" PRId64 ", then a 1x1 MaxPool with stride %" PRId64
             "x%" PRId64 ".",
             what, first[0], first[1], second[0], second[1]);
}
