#include <inttypes.h>
#include <string.h>

#include "planner/rules/rules.h"

static bool same(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static bool mode(const ep__rule_context *c, ep_refusal *refusal)
{
    static const ep_function allowed[] = {EP_FN_NEAREST, EP_FN_LINEAR};
    if (c->layer->function != EP_FN_CUBIC)
        return ep__function_among(c, allowed, sizeof allowed / sizeof allowed[0], refusal);
    ep__value(refusal, "mode cubic");
    ep__bound(refusal, "nearest, linear");
    return false;
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__input_is_4d(c, refusal);
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
        return false;
    }
    if (c->layer->function != EP_FN_NEAREST) return true;
    const bool rounds = same(nearest, "round_prefer_floor") || same(nearest, "round_prefer_ceil");
    if (same(place, "asymmetric") && same(nearest, "floor")) return true;
    if (same(place, "half_pixel") && rounds) return true;
    ep__value(refusal, "nearest, %s, %s", place ? place : "?", nearest ? nearest : "?");
    ep__bound(refusal, "asymmetric with floor, half_pixel with round_prefer_*");
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

static bool scale(const ep__rule_context *c, ep_refusal *refusal)
{
    const double *scales = c->layer->resize_scales;
    const ep_range range = c->layer->function == EP_FN_LINEAR ? c->limits->resize_linear_scale
                                                              : c->limits->resize_nearest_scale;
    if (c->in_shape->rank != 4) return true;
    if (is_integer_in(range, scales[2]) && is_integer_in(range, scales[3])) return true;
    ep__value(refusal, "height x%g, width x%g", scales[2], scales[3]);
    ep__bound(refusal, "integers in %" PRId64 "..%" PRId64, range.min, range.max);
    return false;
}

static const ep__rule rows[] = {
    {{"resize.mode", "Resize takes the nearest element or interpolates linearly.",
      "Use mode nearest or linear.", EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     mode},
    {{"resize.rank", "Resize works on four dimensions.", "Keep the tensor four-dimensional.",
      EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     rank},
    {{"resize.coordinates", "The DLA has the mapping of coordinates and the rounding.",
      "Export nearest as asymmetric with floor, linear as half_pixel (align_corners off).",
      EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     coordinates},
    {{"resize.channels", "Batch and channels keep their size.", "Resize height and width only.",
      EP__HEADER, EP_HEADER},
     EP__TYPE(RESIZE),
     channels},
    {{"resize.scale", "Height and width grow by limited integers.",
      "Choose sizes that divide, use a ConvTranspose, or shrink with pooling.", EP__HEADER,
      EP_HEADER},
     EP__TYPE(RESIZE),
     scale},
};

const ep__rule_family ep__resize_rules = EP__RULE_FAMILY(rows);
