/* Normalizations by the mean and variance of what lies together in memory: LayerNormalization,
 * RMSNormalization, InstanceNormalization, GroupNormalization, BatchNormalization. Sums are in
 * double, in a fixed order. */
#include <math.h>

#include "engine/kernels.h"

/* ---- loops --------------------------------------------------------------------------------- */

typedef struct loops {
    double (*sum)(int64_t n, const void *in);
    double (*squares)(int64_t n, const void *in, double mean); /* of distances to the mean */
    void (*affine)(int64_t n, const void *in, double a, double b, void *out); /* a x + b */
    /* (x - mean) inverse scale[i] + bias[i]; bias may be NULL */
    void (*scaled)(int64_t n, const void *in, double mean, double inverse, const void *scale,
                   const void *bias, void *out);
} loops;

/* Additions do not wait for each other: */
enum { LANES = 8 };

#define SUM(name, id, T, expression)                                                               \
    static double name##_##id(int64_t n, const void *in, double mean)                              \
    {                                                                                              \
        const T *x = in;                                                                           \
        double lanes[LANES] = {0}, sum = 0;                                                        \
        int64_t i = 0;                                                                             \
        for (; i + LANES <= n; i += LANES) {                                                       \
            for (int k = 0; k < LANES; k++) {                                                      \
                const double d = (double)x[i + k] - mean;                                          \
                lanes[k] += (expression);                                                          \
            }                                                                                      \
        }                                                                                          \
        for (; i < n; i++) {                                                                       \
            const double d = (double)x[i] - mean;                                                  \
            sum += (expression);                                                                   \
        }                                                                                          \
        for (int k = 0; k < LANES; k++) sum += lanes[k];                                           \
        return sum;                                                                                \
    }

#define LOOPS(id, T)                                                                               \
    SUM(distances, id, T, d)                                                                       \
    SUM(squares, id, T, d *d)                                                                      \
    static double sum_##id(int64_t n, const void *in)                                              \
    {                                                                                              \
        return distances_##id(n, in, 0);                                                           \
    }                                                                                              \
    static void affine_##id(int64_t n, const void *in, double a, double b, void *out)              \
    {                                                                                              \
        const T *x = in, factor = (T)a, shift = (T)b;                                              \
        T *y = out;                                                                                \
        for (int64_t i = 0; i < n; i++) y[i] = x[i] * factor + shift;                              \
    }                                                                                              \
    static void scaled_##id(int64_t n, const void *in, double mean, double inverse,                \
                            const void *scale, const void *bias, void *out)                        \
    {                                                                                              \
        const T *x = in, *s = scale, *b = bias, m = (T)mean, f = (T)inverse;                       \
        T *y = out;                                                                                \
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - m) * f * s[i];                              \
        for (int64_t i = 0; b && i < n; i++) y[i] += b[i];                                         \
    }
EP__FLOAT_TYPES(LOOPS)

static const loops *loops_of(ep_dtype dtype)
{
    static const loops table[EP__DTYPES] = {
#define X(id, T) [EP_DTYPE_##id] = {sum_##id, squares_##id, affine_##id, scaled_##id},
        EP__FLOAT_TYPES(X)
#undef X
    };
    return table[dtype].sum ? &table[dtype] : NULL;
}

/* ---- parameters ---------------------------------------------------------------------------- */

/* A parameter of `count` elements as doubles. */
static ep_status read_parameter(const ep__call *call, uint32_t input, int64_t count,
                                const double **out, ep_error *err)
{
    const ep_array *array = ep__in(call, input);
    EP_FAIL_IF((int64_t)array->n != count, err, EP_BAD_SHAPE,
               "input %u has %llu elements, must have %lld", input, (unsigned long long)array->n,
               (long long)count);
    if (ep__wide(array->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(array, err);
    double *copy = EP_NEW(call->scratch, double, array->n);
    if (!copy) return ep_fail_memory(err);
    ep__convert(EP_DTYPE_DOUBLE, copy, array->dtype, array->data, array->n, false);
    *out = copy;
    return EP_OK;
}

static ep_status check_data(const ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    if (!loops_of(in->dtype)) return ep__bad_dtype(in, err);
    return in->n == out->n && in->dtype == out->dtype ? EP_OK : ep__bad_out_shape(out, err);
}

static double epsilon_of(const ep__call *call)
{
    return (double)ep_attr_float(call->node, "epsilon", 1e-5F);
}

/* ---- the last axes ------------------------------------------------------------------------- */

/* Rows of n elements, the scale of each its own. */
typedef struct rows {
    const loops *loops;
    const char *in;
    char *out;
    size_t size; /* of an element */
    int64_t n;
    double epsilon;
    bool centred;
    const void *scale, *bias; /* n elements; bias may be NULL */
    double *mean, *inverse;   /* a row; may be NULL */
} rows;

static void normalize_rows(uint64_t begin, uint64_t end, void *context)
{
    const rows *r = context;
    const double n = (double)r->n;
    for (uint64_t row = begin; row < end; row++) {
        const size_t at = (size_t)row * (size_t)r->n * r->size;
        const double mean = r->centred ? r->loops->sum(r->n, r->in + at) / n : 0;
        const double variance = r->loops->squares(r->n, r->in + at, mean) / n;
        const double inverse = 1 / sqrt(variance + r->epsilon);
        r->loops->scaled(r->n, r->in + at, mean, inverse, r->scale, r->bias, r->out + at);
        if (r->mean) r->mean[row] = mean;
        if (r->inverse) r->inverse[row] = inverse;
    }
}

/* A scale or bias, broadcast to the axes from `axis` on, in the data's type. */
static ep_status spread(const ep__call *call, uint32_t input, int axis, const void **out,
                        ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *given = ep__in(call, input);
    ep_shape tail = {.rank = x->shape.rank - axis};
    for (int i = 0; i < tail.rank; i++) tail.dims[i] = x->shape.dims[axis + i];
    const uint64_t n = (uint64_t)ep__product(&tail, 0, tail.rank);
    const size_t size = ep_dtype_bits(x->dtype) / 8;
    ep__walk walk = ep__walk_over(&tail);
    (void)ep__walk_add(&walk, &tail);
    EP_FAIL_IF(!ep__walk_add(&walk, &given->shape), err, EP_BAD_SHAPE,
               "input %u does not broadcast to the normalized axes", input);
    if (ep__wide(given->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(given, err);
    *out = given->data;
    if (given->dtype == x->dtype && given->n == n) return EP_OK;
    void *copy = ep_arena_take(call->scratch, given->n, size);
    void *all = ep_arena_take(call->scratch, n, size);
    if (!copy || !all) return ep_fail_memory(err);
    ep__convert(x->dtype, copy, given->dtype, given->data, given->n, false);
    ep__copy(call->threads, &walk, size, all, copy);
    *out = all;
    return EP_OK;
}

/* Takes room for the statistics that output `i` wants. */
static ep_status make_statistics(const ep__call *call, uint32_t i, uint64_t count, double **out,
                                 ep_error *err)
{
    *out = NULL;
    const ep_array *array = ep__out(call, i);
    if (!array) return EP_OK;
    if (array->n != count || ep__wide(array->dtype) != EP_DTYPE_DOUBLE) {
        return ep__bad_out_shape(array, err);
    }
    *out = EP_NEW(call->scratch, double, count);
    return *out ? EP_OK : ep_fail_memory(err);
}

static void store_statistics(const ep__call *call, uint32_t i, const double *values)
{
    ep_array *out = ep__out(call, i);
    if (out) ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, values, out->n, false);
}

static ep_status run_rows(ep__call *call, bool centred, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    int axis;
    EP_TRY(check_data(call, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", -1), in->shape.rank, &axis, err));
    const uint64_t count = (uint64_t)ep__product(&in->shape, 0, axis);
    rows r = {.loops = loops_of(in->dtype),
              .in = in->data,
              .out = ep__out(call, 0)->data,
              .size = ep_dtype_bits(in->dtype) / 8,
              .n = ep__product(&in->shape, axis, in->shape.rank),
              .epsilon = epsilon_of(call),
              .centred = centred};
    EP_TRY(spread(call, 1, axis, &r.scale, err));
    if (centred && ep__in(call, 2)) EP_TRY(spread(call, 2, axis, &r.bias, err));
    EP_TRY(make_statistics(call, 1, count, &r.mean, err));
    EP_TRY(make_statistics(call, 2, count, &r.inverse, err));
    ep_parallel(call->threads, count, ep__rows_a_piece(r.n), normalize_rows, &r);
    store_statistics(call, 1, r.mean);
    store_statistics(call, 2, r.inverse);
    return EP_OK;
}

ep_status ep__kernel_LayerNormalization(ep__call *call, ep_error *err)
{
    return run_rows(call, true, err);
}

ep_status ep__kernel_RMSNormalization(ep__call *call, ep_error *err)
{
    return run_rows(call, false, err);
}

/* ---- groups of channels -------------------------------------------------------------------- */

/* Each image has `groups` groups of `parts` runs of `n` elements, with a scale and a bias each. */
typedef struct group_rows {
    const loops *loops;
    const char *in;
    char *out;
    size_t size;
    int64_t groups, parts, n;
    double epsilon;
    const double *scale, *bias;
} group_rows;

static void normalize_groups(uint64_t begin, uint64_t end, void *context)
{
    const group_rows *g = context;
    const int64_t n = g->parts * g->n;
    for (uint64_t row = begin; row < end; row++) {
        const size_t start = (size_t)row * (size_t)n * g->size;
        const double mean = g->loops->sum(n, g->in + start) / (double)n;
        const double variance = g->loops->squares(n, g->in + start, mean) / (double)n;
        const double inverse = 1 / sqrt(variance + g->epsilon);
        const int64_t first = (int64_t)(row % (uint64_t)g->groups) * g->parts;
        for (int64_t k = 0; k < g->parts; k++) {
            const size_t at = start + (size_t)(k * g->n) * g->size;
            const double a = g->scale[first + k] * inverse;
            g->loops->affine(g->n, g->in + at, a, g->bias[first + k] - a * mean, g->out + at);
        }
    }
}

/* `groups` of all channels, `parts` parameters a group. */
static ep_status run_groups(ep__call *call, int64_t groups, int64_t parts, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    EP_TRY(check_data(call, err));
    const int64_t images = in->shape.dims[0], rows_in_all = images * groups;
    group_rows g = {.loops = loops_of(in->dtype),
                    .in = in->data,
                    .out = ep__out(call, 0)->data,
                    .size = ep_dtype_bits(in->dtype) / 8,
                    .groups = groups,
                    .parts = parts,
                    .epsilon = epsilon_of(call)};
    EP_TRY(read_parameter(call, 1, groups * parts, &g.scale, err));
    EP_TRY(read_parameter(call, 2, groups * parts, &g.bias, err));
    if (in->n == 0) return EP_OK;
    g.n = (int64_t)in->n / (rows_in_all * parts);
    ep_parallel(call->threads, (uint64_t)rows_in_all, ep__rows_a_piece(parts * g.n),
                normalize_groups, &g);
    return EP_OK;
}

/* Dimension 1; there must be a dimension 0 too. */
static ep_status channels_of(const ep__call *call, int64_t *out, ep_error *err)
{
    const ep_shape *shape = &ep__in(call, 0)->shape;
    EP_FAIL_IF(shape->rank < 2, err, EP_BAD_SHAPE, "needs images of channels, got rank %d",
               shape->rank);
    *out = shape->dims[1];
    return EP_OK;
}

ep_status ep__kernel_InstanceNormalization(ep__call *call, ep_error *err)
{
    int64_t channels = 0;
    EP_TRY(channels_of(call, &channels, err));
    return run_groups(call, channels, 1, err);
}

/* Opset 18 has a scale a group, opset 21 one a channel. */
ep_status ep__kernel_GroupNormalization(ep__call *call, ep_error *err)
{
    const int64_t groups = ep_attr_int(call->node, "num_groups", 0);
    int64_t channels = 0;
    EP_TRY(channels_of(call, &channels, err));
    EP_FAIL_IF(groups < 1 || channels % groups != 0, err, EP_BAD_SHAPE,
               "num_groups %lld does not divide its %lld channels", (long long)groups,
               (long long)channels);
    return run_groups(call, groups, call->node->opset < 21 ? 1 : channels / groups, err);
}

/* ---- BatchNormalization -------------------------------------------------------------------- */

/* images x channels x n */
typedef struct batch {
    const loops *loops;
    const char *in;
    char *out;
    size_t size;
    int64_t images, channels, n;
    double *factor, *shift; /* a channel */
    double *mean, *variance;
} batch;

static void apply_batch(uint64_t begin, uint64_t end, void *context)
{
    const batch *b = context;
    for (uint64_t row = begin; row < end; row++) {
        const size_t at = (size_t)row * (size_t)b->n * b->size;
        const uint64_t c = row % (uint64_t)b->channels;
        b->loops->affine(b->n, b->in + at, b->factor[c], b->shift[c], b->out + at);
    }
}

/* The statistics of channels begin .. end - 1 of the data at hand. */
static void measure_batch(uint64_t begin, uint64_t end, void *context)
{
    const batch *b = context;
    const size_t run = (size_t)b->n * b->size, image = (size_t)b->channels * run;
    const double count = (double)b->images * (double)b->n;
    for (uint64_t c = begin; c < end; c++) {
        const char *first = b->in + (size_t)c * run;
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < b->images; i++) {
            sum += b->loops->sum(b->n, first + (size_t)i * image);
        }
        b->mean[c] = sum / count;
        for (int64_t i = 0; i < b->images; i++) {
            squares += b->loops->squares(b->n, first + (size_t)i * image, b->mean[c]);
        }
        b->variance[c] = squares / count;
    }
}

/* Opset 14: the running statistics move towards those of the data, which then count. */
static ep_status train(ep__call *call, batch *b, const double **mean, const double **variance,
                       ep_error *err)
{
    const double momentum = (double)ep_attr_float(call->node, "momentum", 0.9F);
    const uint64_t count = (uint64_t)b->channels;
    double *running[2];
    b->mean = EP_NEW(call->scratch, double, count);
    b->variance = EP_NEW(call->scratch, double, count);
    if (!b->mean || !b->variance) return ep_fail_memory(err);
    ep_parallel(call->threads, count, ep__rows_a_piece(b->images * b->n), measure_batch, b);
    for (uint32_t i = 0; i < 2; i++) {
        const double *old = i == 0 ? *mean : *variance, *now = i == 0 ? b->mean : b->variance;
        EP_TRY(make_statistics(call, 1 + i, count, &running[i], err));
        for (uint64_t c = 0; running[i] && c < count; c++) {
            running[i][c] = old[c] * momentum + now[c] * (1 - momentum);
        }
        store_statistics(call, 1 + i, running[i]);
    }
    *mean = b->mean;
    *variance = b->variance;
    return EP_OK;
}

static ep_status read_batch(const ep__call *call, batch *b, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    EP_TRY(check_data(call, err));
    EP_FAIL_IF(in->shape.rank < 1, err, EP_BAD_SHAPE, "its input is a scalar");
    /* opset 7 may have parameters for every element of an image */
    const int64_t images = in->shape.dims[0], channels = (int64_t)ep__in(call, 1)->n;
    *b = (batch){.loops = loops_of(in->dtype),
                 .in = in->data,
                 .out = ep__out(call, 0)->data,
                 .size = ep_dtype_bits(in->dtype) / 8,
                 .images = images,
                 .channels = channels};
    const int64_t per_image = ep__product(&in->shape, 1, in->shape.rank);
    EP_FAIL_IF(channels < 1 || per_image % channels != 0, err, EP_BAD_SHAPE,
               "%lld parameters for images of %lld elements", (long long)channels,
               (long long)per_image);
    b->n = per_image / channels;
    b->factor = EP_NEW(call->scratch, double, (uint64_t)channels);
    b->shift = EP_NEW(call->scratch, double, (uint64_t)channels);
    return b->factor && b->shift ? EP_OK : ep_fail_memory(err);
}

ep_status ep__kernel_BatchNormalization(ep__call *call, ep_error *err)
{
    const bool training = ep_attr_int(call->node, "training_mode", 0) != 0;
    const double epsilon = epsilon_of(call);
    const double *scale, *bias, *mean, *variance;
    batch b;
    EP_TRY(read_batch(call, &b, err));
    EP_TRY(read_parameter(call, 1, b.channels, &scale, err));
    EP_TRY(read_parameter(call, 2, b.channels, &bias, err));
    EP_TRY(read_parameter(call, 3, b.channels, &mean, err));
    EP_TRY(read_parameter(call, 4, b.channels, &variance, err));
    for (uint32_t i = 1; i < call->n_outputs && !training; i++) {
        EP_FAIL_IF(ep__out(call, i), err, EP_UNSUPPORTED, "statistics outside of training mode");
    }
    if (training) EP_TRY(train(call, &b, &mean, &variance, err));
    for (int64_t c = 0; c < b.channels; c++) {
        b.factor[c] = scale[c] / sqrt(variance[c] + epsilon);
        b.shift[c] = bias[c] - mean[c] * b.factor[c];
    }
    ep_parallel(call->threads, (uint64_t)(b.images * b.channels), ep__rows_a_piece(b.n),
                apply_batch, &b);
    return EP_OK;
}
