/* NonMaxSuppression: of each class, the boxes with the best scores that do not overlap. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"

typedef struct candidate {
    float score;
    int64_t box;
} candidate;

typedef struct suppression {
    const float *boxes, *scores;
    int64_t classes, count; /* boxes an image */
    int64_t most;           /* boxes to select a class */
    double overlap;
    float threshold; /* scores above it count */
    bool centred;
    candidate *candidates; /* per image and class, `count` of them; the selected ones first */
    int64_t *selected;     /* per image and class */
} suppression;

/* best first; of equals the first */
static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->box > y->box) - (x->box < y->box);
}

/* Its least and greatest coordinates, whichever corners are given. */
static void corners(const float *box, bool centred, double low[2], double high[2])
{
    for (int i = 0; i < 2; i++) {
        const double a = (double)box[i], b = (double)box[2 + i];
        low[i] = centred ? a - b / 2 : fmin(a, b);
        high[i] = centred ? a + b / 2 : fmax(a, b);
    }
}

/* True when the common part is more than `limit` of what both cover. */
static bool overlap(const float *a, const float *b, bool centred, double limit)
{
    double low_a[2], high_a[2], low_b[2], high_b[2], common = 1, area_a = 1, area_b = 1;
    corners(a, centred, low_a, high_a);
    corners(b, centred, low_b, high_b);
    for (int i = 0; i < 2; i++) {
        common *= fmax(fmin(high_a[i], high_b[i]) - fmax(low_a[i], low_b[i]), 0);
        area_a *= high_a[i] - low_a[i];
        area_b *= high_b[i] - low_b[i];
    }
    const double both = area_a + area_b - common;
    return common > 0 && both > 0 && common / both > limit;
}

/* (image, class) pairs. */
static void suppress(uint64_t begin, uint64_t end, void *context)
{
    const suppression *s = context;
    for (uint64_t pair = begin; pair < end; pair++) {
        const float *boxes = s->boxes + (int64_t)(pair / (uint64_t)s->classes) * s->count * 4;
        const float *scores = s->scores + (int64_t)pair * s->count;
        candidate *c = s->candidates + (int64_t)pair * s->count;
        int64_t n = 0, kept = 0;
        for (int64_t i = 0; i < s->count; i++) {
            if (scores[i] > s->threshold) c[n++] = (candidate){scores[i], i};
        }
        if (n > 0) qsort(c, (size_t)n, sizeof *c, compare);
        for (int64_t i = 0; i < n && kept < s->most; i++) {
            bool free = true;
            for (int64_t k = 0; k < kept && free; k++) {
                free = !overlap(boxes + c[i].box * 4, boxes + c[k].box * 4, s->centred, s->overlap);
            }
            if (free) c[kept++] = c[i];
        }
        s->selected[pair] = kept;
    }
}

/* A limit that may be left out. */
static double optional(const ep__call *call, uint32_t input, double otherwise)
{
    const ep_array *array = ep__in(call, input);
    const bool there = array && array->n > 0 && ep__wide(array->dtype) != EP_DTYPE_UNDEFINED;
    return there ? ep__first(array) : otherwise;
}

static ep_status store(ep__call *call, const suppression *s, uint64_t pairs, ep_error *err)
{
    ep_shape shape = {.rank = 2, .dims = {0, 3}};
    for (uint64_t i = 0; i < pairs; i++) shape.dims[0] += s->selected[i];
    EP_TRY(ep__make_out(call, 0, EP_DTYPE_INT64, &shape, err));
    int64_t *to = call->outputs[0].data;
    for (uint64_t i = 0; i < pairs; i++) {
        for (int64_t k = 0; k < s->selected[i]; k++) {
            *to++ = (int64_t)i / s->classes;
            *to++ = (int64_t)i % s->classes;
            *to++ = s->candidates[(int64_t)i * s->count + k].box;
        }
    }
    return EP_OK;
}

ep_status ep__kernel_NonMaxSuppression(ep__call *call, ep_error *err)
{
    const ep_array *boxes = ep__in(call, 0), *scores = ep__in(call, 1);
    const int64_t *b = boxes->shape.dims, *c = scores->shape.dims;
    if (boxes->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(boxes, err);
    if (scores->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(scores, err);
    EP_FAIL_IF(boxes->shape.rank != 3 || scores->shape.rank != 3 || b[2] != 4 || b[0] != c[0] ||
                   b[1] != c[2],
               err, EP_BAD_SHAPE,
               "boxes must be images x boxes x 4, scores images x classes x "
               "boxes");
    const double most = optional(call, 2, 0);
    suppression s = {.boxes = boxes->data,
                     .scores = scores->data,
                     .classes = c[1],
                     .count = b[1],
                     .most = most < (double)b[1] ? (int64_t)fmax(most, 0) : b[1],
                     .overlap = optional(call, 3, 0),
                     .threshold = (float)optional(call, 4, -INFINITY),
                     .centred = ep_attr_int(call->node, "center_point_box", 0) != 0};
    const uint64_t pairs = scores->n > 0 ? (uint64_t)(c[0] * c[1]) : 0;
    s.candidates = EP_NEW(call->scratch, candidate, scores->n);
    s.selected = EP_NEW(call->scratch, int64_t, pairs);
    if (!s.candidates || !s.selected) return ep_fail_memory(err);
    ep_parallel(call->threads, pairs, 1, suppress, &s);
    return store(call, &s, pairs, err);
}
