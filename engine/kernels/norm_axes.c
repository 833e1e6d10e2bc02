/* Normalizations along axes: LRN, LpNormalization, MeanVarianceNormalization. */
#include <math.h>

#include "engine/kernels.h"

/* ---- LRN ----------------------------------------------------------------------------------- */

/* Images of `channels` planes of `n` elements. */
typedef struct lrn {
    const float *in;
    float *out;
    int64_t channels, n;
    int64_t before, after; /* neighbours */
    double alpha, beta, bias;
} lrn;

enum { LRN_BLOCK = 256 };

/* One channel of one image is a row; a row goes through in blocks that keep their sums at hand. */
static void normalize_channels(uint64_t begin, uint64_t end, void *context)
{
    const lrn *l = context;
    for (uint64_t row = begin; row < end; row++) {
        const int64_t c = (int64_t)(row % (uint64_t)l->channels);
        const int64_t first = c < l->before ? -c : -l->before;
        const int64_t last = c + l->after >= l->channels ? l->channels - 1 - c : l->after;
        const float *x = l->in + (int64_t)row * l->n;
        float *y = l->out + (int64_t)row * l->n;
        for (int64_t at = 0; at < l->n; at += LRN_BLOCK) {
            const int64_t n = l->n - at < LRN_BLOCK ? l->n - at : LRN_BLOCK;
            double sums[LRN_BLOCK] = {0};
            for (int64_t k = first; k <= last; k++) {
                const float *z = x + k * l->n + at;
                for (int64_t i = 0; i < n; i++) sums[i] += (double)z[i] * (double)z[i];
            }
            for (int64_t i = 0; i < n; i++) {
                y[at + i] = (float)((double)x[at + i] / pow(l->bias + l->alpha * sums[i], l->beta));
            }
        }
    }
}

ep_status ep__kernel_LRN(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int64_t size = ep_attr_int(call->node, "size", 0);
    if (in->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(in, err);
    if (in->n != out->n) return ep__bad_out_shape(out, err);
    EP_FAIL_IF(size < 1, err, EP_BAD_MODEL, "'size' is %lld, must be at least 1", (long long)size);
    EP_FAIL_IF(in->shape.rank < 2, err, EP_BAD_SHAPE, "needs images of channels, got rank %d",
               in->shape.rank);
    lrn l = {.in = in->data,
             .out = out->data,
             .channels = in->shape.dims[1],
             .n = ep__product(&in->shape, 2, in->shape.rank),
             .alpha = (double)ep_attr_float(call->node, "alpha", 1e-4F) / (double)size,
             .beta = (double)ep_attr_float(call->node, "beta", 0.75F),
             .bias = (double)ep_attr_float(call->node, "bias", 1)};
    /* an even window has its longer side behind; none needs to pass the channels */
    const int64_t reach = size < 2 * l.channels ? size : 2 * l.channels;
    l.before = (reach - 1) / 2;
    l.after = reach / 2;
    const uint64_t rows = (uint64_t)(in->shape.dims[0] * l.channels);
    ep_parallel(call->threads, rows, ep__rows_a_piece(l.n), normalize_channels, &l);
    return EP_OK;
}

/* ---- in double ----------------------------------------------------------------------------- */

static ep_status read_doubles(const ep__call *call, const double **x, double **y, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    const void *wide;
    if (ep__wide(in->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    if (in->n != out->n || in->dtype != out->dtype) return ep__bad_out_shape(out, err);
    EP_TRY(ep__widened(call, in, &wide, err));
    *x = wide;
    *y = EP_NEW(call->scratch, double, in->n);
    return *y ? EP_OK : ep_fail_memory(err);
}

static void store_doubles(const ep__call *call, const double *y)
{
    ep_array *out = ep__out(call, 0);
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, y, out->n, false);
}

/* What is all zero stays so. */
ep_status ep__kernel_LpNormalization(ep__call *call, ep_error *err)
{
    const ep_shape *shape = &ep__in(call, 0)->shape;
    const int64_t p = ep_attr_int(call->node, "p", 2);
    const double *x;
    double *y;
    int axis;
    EP_TRY(read_doubles(call, &x, &y, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", -1), shape->rank, &axis, err));
    EP_FAIL_IF(p != 1 && p != 2, err, EP_BAD_MODEL, "'p' is %lld, must be 1 or 2", (long long)p);
    const int64_t outer = ep__product(shape, 0, axis), n = shape->dims[axis];
    const int64_t inner = ep__product(shape, axis + 1, shape->rank);
    for (int64_t lane = 0; lane < outer * inner; lane++) {
        const int64_t first = lane / inner * n * inner + lane % inner;
        double norm = 0;
        for (int64_t k = 0; k < n; k++) {
            const double v = x[first + k * inner];
            norm += p == 1 ? fabs(v) : v * v;
        }
        if (p == 2) norm = sqrt(norm);
        for (int64_t k = 0; k < n; k++) {
            y[first + k * inner] = norm > 0 ? x[first + k * inner] / norm : 0;
        }
    }
    store_doubles(call, y);
    return EP_OK;
}

/* The mean of x or, with means given, of the squared distances to them, over the axes along which
 * the walk's array 1 repeats. */
static void average(ep__walk walk, const double *x, const double *means, double count,
                    uint64_t n_means, double *out)
{
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        for (int64_t i = 0; i < walk.row; i++) {
            const int64_t to = walk.at[1] + i * walk.step[1];
            const double d = x[walk.at[0] + i * walk.step[0]] - (means ? means[to] : 0);
            out[to] += means ? d * d : d;
        }
    }
    for (uint64_t i = 0; i < n_means; i++) out[i] /= count;
}

/* A walk over the data (array 0) and its means (array 1), as many as `*n_means`. */
static ep_status mean_walk(const ep__call *call, ep__walk *walk, uint64_t *n_means, ep_error *err)
{
    static const int64_t usual[] = {0, 2, 3};
    const ep_shape *shape = &ep__in(call, 0)->shape;
    const ep_attr *attr = ep_attr_find(call->node, "axes");
    const bool given = attr && attr->type == EP_ATTR_INTS;
    const uint32_t count = given ? attr->count : sizeof usual / sizeof *usual;
    ep_shape means = *shape;
    for (uint32_t i = 0; i < count; i++) {
        int axis;
        EP_TRY(ep__front_axis(given ? attr->ints[i] : usual[i], shape->rank, &axis, err));
        means.dims[axis] = 1;
    }
    *walk = ep__walk_over(shape);
    (void)ep__walk_add(walk, shape);
    (void)ep__walk_add(walk, &means);
    *n_means = (uint64_t)ep__product(&means, 0, means.rank);
    return EP_OK;
}

/* (x - mean) / (deviation + 1e-9), as the operator is defined */
ep_status ep__kernel_MeanVarianceNormalization(ep__call *call, ep_error *err)
{
    const double *x;
    double *y;
    uint64_t n;
    ep__walk walk;
    EP_TRY(read_doubles(call, &x, &y, err));
    EP_TRY(mean_walk(call, &walk, &n, err));
    if (ep__in(call, 0)->n == 0) return EP_OK;
    double *means = EP_NEW(call->scratch, double, n), *variances = EP_NEW(call->scratch, double, n);
    if (!means || !variances) return ep_fail_memory(err);
    const double count = (double)ep__in(call, 0)->n / (double)n;
    average(walk, x, NULL, count, n, means);
    average(walk, x, means, count, n, variances);
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        for (int64_t i = 0; i < walk.row; i++) {
            const int64_t at = walk.at[0] + i * walk.step[0];
            const int64_t k = walk.at[1] + i * walk.step[1];
            y[at] = (x[at] - means[k]) / (sqrt(variances[k]) + 1e-9);
        }
    }
    store_doubles(call, y);
    return EP_OK;
}
