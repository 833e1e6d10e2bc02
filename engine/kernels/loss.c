/* NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss, in double. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

/* images x classes x places; a target is the class of one place. */
typedef struct loss {
    int64_t images, classes, places;
    const int64_t *target;
    const double *weights; /* a class, or NULL */
    bool ignores;
    int64_t ignored; /* a target that does not count */
} loss;

static ep_status read_doubles(const ep__call *call, uint32_t input, const double **out,
                              ep_error *err)
{
    const ep_array *array = ep__in(call, input);
    const void *wide;
    if (ep__wide(array->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(array, err);
    EP_TRY(ep__widened(call, array, &wide, err));
    *out = wide;
    return EP_OK;
}

static ep_status read_loss(const ep__call *call, loss *l, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *target = ep__in(call, 1), *weights = ep__in(call, 2);
    EP_FAIL_IF(in->shape.rank < 2, err, EP_BAD_SHAPE, "needs images of classes, got rank %d",
               in->shape.rank);
    *l = (loss){.images = in->shape.dims[0],
                .classes = in->shape.dims[1],
                .places = ep__product(&in->shape, 2, in->shape.rank),
                .ignores = ep_attr_find(call->node, "ignore_index") != NULL,
                .ignored = ep_attr_int(call->node, "ignore_index", 0)};
    EP_FAIL_IF(target->n != (uint64_t)l->images * (uint64_t)l->places, err, EP_BAD_SHAPE,
               "%llu targets for %lld images of %lld places", (unsigned long long)target->n,
               (long long)l->images, (long long)l->places);
    EP_TRY(ep__int_values(call, target, &l->target, err));
    for (uint64_t i = 0; i < target->n; i++) {
        const int64_t t = l->target[i];
        EP_FAIL_IF((t < 0 || t >= l->classes) && !(l->ignores && t == l->ignored), err,
                   EP_BAD_MODEL, "target %lld is outside [0, %lld]", (long long)t,
                   (long long)l->classes - 1);
    }
    if (!weights) return EP_OK;
    EP_FAIL_IF((int64_t)weights->n != l->classes, err, EP_BAD_SHAPE,
               "%llu weights for %lld classes", (unsigned long long)weights->n,
               (long long)l->classes);
    return read_doubles(call, 2, &l->weights, err);
}

/* The loss of logarithms of probabilities, into output 0: every place's, their sum, or their mean
 * by weight. */
static ep_status store_loss(ep__call *call, const loss *l, const double *logs, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const char *reduction = ep_attr_string(call->node, "reduction", "mean");
    const bool none = strcmp(reduction, "none") == 0, mean = strcmp(reduction, "mean") == 0;
    EP_FAIL_IF(!none && !mean && strcmp(reduction, "sum") != 0, err, EP_BAD_MODEL,
               "reduction '%s' is none of none, sum, mean", reduction);
    if (!out) return EP_OK;
    const uint64_t n = (uint64_t)l->images * (uint64_t)l->places;
    if (out->n != (none ? n : 1)) return ep__bad_out_shape(out, err);
    double *losses = EP_NEW(call->scratch, double, n), sum = 0, weight_sum = 0;
    if (!losses) return ep_fail_memory(err);
    for (uint64_t i = 0; i < n; i++) {
        const int64_t t = l->target[i];
        if (l->ignores && t == l->ignored) continue; /* stays 0 */
        const double weight = l->weights ? l->weights[t] : 1;
        const int64_t image = (int64_t)i / l->places, place = (int64_t)i % l->places;
        losses[i] = -weight * logs[(image * l->classes + t) * l->places + place];
        sum += losses[i];
        weight_sum += weight;
    }
    if (mean) sum /= weight_sum;
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, none ? losses : &sum, out->n, false);
    return EP_OK;
}

ep_status ep__kernel_NegativeLogLikelihoodLoss(ep__call *call, ep_error *err)
{
    loss l;
    const double *logs = NULL;
    EP_TRY(read_loss(call, &l, err));
    EP_TRY(read_doubles(call, 0, &logs, err));
    return store_loss(call, &l, logs, err);
}

/* Over classes, `places` apart. */
static void log_softmax(const loss *l, const double *in, double *out)
{
    double max = -(double)INFINITY, sum = 0;
    for (int64_t k = 0; k < l->classes; k++) max = fmax(max, in[k * l->places]);
    for (int64_t k = 0; k < l->classes; k++) sum += exp(in[k * l->places] - max);
    const double shift = max + log(sum);
    for (int64_t k = 0; k < l->classes; k++) out[k * l->places] = in[k * l->places] - shift;
}

ep_status ep__kernel_SoftmaxCrossEntropyLoss(ep__call *call, ep_error *err)
{
    const uint64_t n = ep__in(call, 0)->n;
    ep_array *probabilities = ep__out(call, 1);
    loss l;
    const double *scores = NULL;
    EP_TRY(read_loss(call, &l, err));
    EP_TRY(read_doubles(call, 0, &scores, err));
    double *logs = EP_NEW(call->scratch, double, n);
    if (!logs) return ep_fail_memory(err);
    for (int64_t i = 0; n > 0 && i < l.images * l.places; i++) {
        const int64_t at = i / l.places * l.classes * l.places + i % l.places;
        log_softmax(&l, scores + at, logs + at);
    }
    if (probabilities) {
        if (probabilities->n != n) return ep__bad_out_shape(probabilities, err);
        ep__convert(probabilities->dtype, probabilities->data, EP_DTYPE_DOUBLE, logs, n, false);
    }
    return store_loss(call, &l, logs, err);
}
