/* Resize: where output elements lie on the input, and what they take there. */
#include <math.h>
#include <string.h>

#include "engine/kernels/resize.h"

/* ---- coordinates --------------------------------------------------------------------------- */

/* Where output element `k` lies on the input's axis. In float, as runtimes do: rounding decides
 * ties. */
static float coordinate(const ep__resize_options *o, const ep__resize_axis *a, int64_t k)
{
    const float x = (float)k, scale = (float)a->scale, in = (float)a->in;
    const float length = (float)a->length, half_pixel = (x + 0.5F) / scale - 0.5F;
    if (o->legacy || strcmp(o->coordinates, "asymmetric") == 0) return x / scale;
    if (strcmp(o->coordinates, "half_pixel") == 0) return half_pixel;
    if (strcmp(o->coordinates, "pytorch_half_pixel") == 0) return a->out > 1 ? half_pixel : 0;
    if (strcmp(o->coordinates, "tf_half_pixel_for_nn") == 0) return (x + 0.5F) / scale;
    if (strcmp(o->coordinates, "align_corners") == 0) {
        return length > 1 ? x * (in - 1) / (length - 1) : 0;
    }
    if (strcmp(o->coordinates, "half_pixel_symmetric") == 0) {
        return in / 2 * (1 - (float)a->out / length) + half_pixel;
    }
    const float start = (float)a->start, end = (float)a->end; /* tf_crop_and_resize */
    if (a->out <= 1) return (start + end) / 2 * (in - 1);
    return start * (in - 1) + x * (end - start) * (in - 1) / ((float)a->out - 1);
}

bool ep__resize_knows(const char *name)
{
    static const char *const names[] = {
        "asymmetric",    "half_pixel",           "pytorch_half_pixel", "tf_half_pixel_for_nn",
        "align_corners", "half_pixel_symmetric", "tf_crop_and_resize"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) return true;
    }
    return false;
}

/* ---- taps ---------------------------------------------------------------------------------- */

static float round_nearest(const ep__resize_options *o, const ep__resize_axis *a, float x)
{
    if (o->legacy) return a->scale < 1 ? ceilf(x) : floorf(x); /* as runtimes do */
    if (strcmp(o->rounding, "floor") == 0) return floorf(x);
    if (strcmp(o->rounding, "ceil") == 0) return ceilf(x);
    if (strcmp(o->rounding, "round_prefer_ceil") == 0) return floorf(x + 0.5F);
    return ceilf(x - 0.5F); /* round_prefer_floor */
}

/* The filter at a distance from the tap. */
static double filter(const ep__resize_options *o, double distance)
{
    const double d = fabs(distance), a = o->cubic_a;
    if (o->mode == EP__LINEAR) return d < 1 ? 1 - d : 0;
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* The filter is stretched by 1 / `stretch`, which makes its sum differ from 1. */
static void weigh(const ep__resize_options *o, const ep__resize_axis *a, double x, double stretch,
                  int64_t *index, double *weight)
{
    const int64_t left = (int64_t)ceil(x) - 1, first = left + 1 - a->taps / 2;
    double sum = 0;
    for (int64_t i = 0; i < a->taps; i++) {
        const int64_t at = first + i;
        const bool outside = at < 0 || at >= a->in;
        weight[i] = outside && o->exclude_outside ? 0 : filter(o, ((double)at - x) * stretch);
        index[i] = at < 0 ? 0 : at >= a->in ? a->in - 1 : at;
        sum += weight[i];
    }
    const bool scaled = sum != 0 && (stretch < 1 || o->exclude_outside);
    for (int64_t i = 0; scaled && i < a->taps; i++) weight[i] /= sum;
}

ep_status ep__resize_taps(const ep__call *call, const ep__resize_options *o, ep__resize_axis *a,
                          ep_error *err)
{
    const double stretch = o->antialias && a->scale < 1 ? a->scale : 1;
    const double reach = floor((o->mode == EP__CUBIC ? 2 : 1) / -stretch);
    EP_FAIL_IF(!(reach > -1e9), err, EP_BAD_SHAPE, "a scale of %g is too small", a->scale);
    a->taps = o->mode == EP__NEAREST ? 1 : -2 * (int64_t)reach;
    uint64_t count;
    EP_FAIL_IF(ep_mul_overflows((uint64_t)a->out, (uint64_t)a->taps, &count), err, EP_NO_MEMORY,
               "an axis of %lld has too many taps", (long long)a->out);
    a->index = EP_NEW(call->scratch, int64_t, count);
    a->weight = EP_NEW(call->scratch, double, count);
    a->outside = EP_NEW(call->scratch, bool, (uint64_t)a->out);
    if (!a->index || !a->weight || !a->outside) return ep_fail_memory(err);
    const double last = (double)(a->in - 1), far = last + 4 + (double)a->taps;
    for (int64_t k = 0; k < a->out; k++) {
        double x = (double)coordinate(o, a, k);
        a->outside[k] = o->crop && !(x >= 0 && x <= last);
        x = x > -far ? x < 2 * far ? x : 2 * far : -far; /* beyond, all taps are the last element */
        if (o->mode == EP__NEAREST) {
            const double nearest = (double)round_nearest(o, a, (float)x);
            a->index[k] = nearest < 0 ? 0 : nearest > last ? a->in - 1 : (int64_t)nearest;
        } else {
            weigh(o, a, x, stretch, a->index + k * a->taps, a->weight + k * a->taps);
        }
    }
    return EP_OK;
}
