#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "planner/rules/rules.h"

static bool same(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static bool mode(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_function f = c->layer->function;
    const bool linear = !c->limits->resize_nearest_only;
    if (f == EP_FN_NEAREST || (f == EP_FN_LINEAR && linear)) return true;
    ep__value(refusal, "mode %s", f == EP_FN_LINEAR ? "linear" : "cubic");
    ep__bound(refusal, linear ? "nearest, linear" : "nearest");
    if (linear) ep__hint(c, refusal, EP_CHANGE_APPROXIMATE, "Use mode linear, half_pixel.");
    return false;
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__input_is_4d(c, refusal);
}

/* The element that nearest takes for output `x` along an axis; < 0: a mode that nobody knows. */
static double picked(const char *place, const char *nearest, double x, double in, double out)
{
    const double scale = out / in;
    double at = -1;
    if (same(place, "asymmetric")) at = x / scale;
    if (same(place, "half_pixel")) at = (x + 0.5) / scale - 0.5;
    if (same(place, "pytorch_half_pixel")) at = out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    if (same(place, "align_corners")) at = out > 1 ? x * (in - 1) / (out - 1) : 0;
    double index = floor(at);
    if (same(nearest, "ceil")) index = ceil(at);
    if (same(nearest, "round_prefer_floor")) index = ceil(at - 0.5);
    if (same(nearest, "round_prefer_ceil")) index = floor(at + 0.5);
    return fmin(fmax(index, 0), in - 1);
}

static bool knows_place(const char *place)
{
    return same(place, "asymmetric") || same(place, "half_pixel") ||
           same(place, "pytorch_half_pixel") || same(place, "align_corners");
}

/* Asked of sizes that the DLA takes. */
static bool picks_as_asymmetric_floor(const ep__rule_context *c)
{
    const char *place = c->layer->resize_coordinates, *nearest = c->layer->resize_rounding;
    if (!c->has_nchw || !nearest || !knows_place(place)) return false;
    for (int a = 2; a < 4; a++) {
        if (c->out[a] > c->limits->dim_max || c->in[a] < 1) return false;
        const double in = (double)c->in[a], out = (double)c->out[a];
        for (int64_t x = 0; x < c->out[a]; x++) {
            if (picked(place, nearest, (double)x, in, out) !=
                picked("asymmetric", "floor", (double)x, in, out))
                return false;
        }
    }
    return true;
}

/* How a coordinate of the output finds its place in the input, and which neighbour is nearest. In
 * TensorRT pytorch_half_pixel is HALF_PIXEL with selector UPPER. */
static bool coordinates(const ep__rule_context *c, ep_refusal *refusal)
{
    const char *place = c->layer->resize_coordinates, *nearest = c->layer->resize_rounding;
    if (c->layer->function == EP_FN_LINEAR) {
        if (same(place, "half_pixel") || same(place, "pytorch_half_pixel")) return true;
        ep__value(refusal, "linear, %s", place ? place : "?");
        ep__bound(refusal, "half_pixel");
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "Export it as half_pixel (align_corners off): it samples up to half an element "
                 "elsewhere.");
        return false;
    }
    if (c->layer->function != EP_FN_NEAREST) return true;
    const bool rounds = same(nearest, "round_prefer_floor") || same(nearest, "round_prefer_ceil");
    if (same(place, "asymmetric") && same(nearest, "floor")) return true;
    if (same(place, "half_pixel") && rounds && !c->limits->resize_nearest_only) return true;
    ep__value(refusal, "nearest, %s, %s", place ? place : "?", nearest ? nearest : "?");
    ep__bound(refusal, "%s",
              c->limits->resize_nearest_only
                  ? "asymmetric with floor"
                  : "asymmetric with floor, half_pixel with round_prefer_*");
    const bool exact = picks_as_asymmetric_floor(c);
    ep__hint(c, refusal, exact ? EP_CHANGE_EXACT : EP_CHANGE_APPROXIMATE,
             "Export it as asymmetric with floor%s.",
             exact ? ": at these sizes it takes the same elements" : "");
    return false;
}

static bool channels(const ep__rule_context *c, ep_refusal *refusal)
{
    const double *scales = c->layer->resize_scales;
    if (c->in_shape->rank != 4) return true;
    if (scales[0] == 1 && scales[1] == 1) return true;
    ep__value(refusal, "batch x%g, channels x%g", scales[0], scales[1]);
    ep__bound(refusal, "x1");
    return false;
}

static bool is_integer_in(ep_range range, double scale)
{
    return scale >= (double)range.min && scale <= (double)range.max &&
           scale == (double)(int64_t)scale;
}

static bool divides(double scale, double *by)
{
    *by = scale > 0 && scale <= 1 ? 1 / scale : 0;
    return *by >= 1 && fabs(*by - round(*by)) < 1e-9;
}

static void scale_hint(const ep__rule_context *c, ep_range range, ep_refusal *refusal)
{
    const double high = c->layer->resize_scales[2], wide = c->layer->resize_scales[3];
    const bool linear = c->layer->function == EP_FN_LINEAR;
    double down[2];
    if (divides(high, &down[0]) && divides(wide, &down[1])) {
        const bool picks = !linear && same(c->layer->resize_coordinates, "asymmetric") &&
                           same(c->layer->resize_rounding, "floor");
        const bool halves = linear && down[0] == 2 && down[1] == 2 &&
                            same(c->layer->resize_coordinates, "half_pixel");
        if (picks) {
            ep__hint(c, refusal, EP_CHANGE_EXACT, "Use a 1x1 MaxPool with stride %gx%g.",
                     round(down[0]), round(down[1]));
        } else {
            ep__hint(c, refusal, halves ? EP_CHANGE_EXACT : EP_CHANGE_APPROXIMATE,
                     "Use AveragePool %gx%g, strides as windows.", round(down[0]), round(down[1]));
        }
    } else if (high == floor(high) && wide == floor(wide) && high >= 1 && wide >= 1) {
        ep__hint(c, refusal, linear ? EP_CHANGE_APPROXIMATE : EP_CHANGE_EXACT,
                 "Resize in steps of at most %" PRId64 ".", range.max);
    } else {
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "Choose sizes so that height grows by %g and width by %g.",
                 fmin(fmax(round(high), (double)range.min), (double)range.max),
                 fmin(fmax(round(wide), (double)range.min), (double)range.max));
    }
}

static bool scale(const ep__rule_context *c, ep_refusal *refusal)
{
    const double *scales = c->layer->resize_scales;
    const ep_range range = c->layer->function == EP_FN_LINEAR ? c->limits->resize_linear_scale
                                                              : c->limits->resize_nearest_scale;
    if (c->in_shape->rank != 4) return true;
    if (is_integer_in(range, scales[2]) && is_integer_in(range, scales[3])) return true;
    ep__value(refusal, "height x%g, width x%g", scales[2], scales[3]);
    ep__bound(refusal, "integers in %" PRId64 "..%" PRId64, range.min, range.max);
    scale_hint(c, range, refusal);
    return false;
}

static const ep__rule rows[] = {
    {{"resize.mode",
      "Resize takes the nearest element{resize_nearest_only!, or interpolates linearly}.",
      "Use mode nearest or linear.", EP_CHANGE_APPROXIMATE, EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     mode},
    {{"resize.rank", "Resize works on four dimensions.", "Keep the tensor four-dimensional.",
      EP_CHANGE_EXACT, EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     rank},
    {{"resize.coordinates",
      "Nearest is asymmetric with floor{resize_nearest_only!, or half_pixel with "
      "round_prefer_floor or round_prefer_ceil; linear is half_pixel}.",
      "Export nearest as asymmetric with floor, linear as half_pixel (align_corners off).",
      EP_CHANGE_APPROXIMATE, EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     coordinates},
    {{"resize.channels", "Batch and channels keep their size.", "Resize height and width only.",
      EP_CHANGE_EXACT, EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     channels},
    {{"resize.scale",
      "Height and width grow by an integer: nearest by {resize_nearest_scale}, linear by "
      "{resize_linear_scale}.",
      "Choose sizes that divide, use a ConvTranspose, or shrink with pooling.",
      EP_CHANGE_APPROXIMATE, EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     scale},
};

const ep__rule_family ep__resize_rules = EP__RULE_FAMILY(rows);
