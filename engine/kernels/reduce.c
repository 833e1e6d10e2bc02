/* The Reduce operators. Elements are widened, a block at a time, and accumulated in double, int64
 * or uint64: a walk over the input along which the output repeats on the reduced axes. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

/* acc[i * step] = f(acc[i * step], in[i]); `shift` is per accumulator, in step with `acc` */
typedef void (*accumulate)(int64_t n, const void *in, void *acc, int64_t step, const double *shift);

#define ACCUMULATE(op, id, T, expression)                                                          \
    static void op##_##id(int64_t n, const void *in, void *acc, int64_t step, const double *shift) \
    {                                                                                              \
        const T *from = in;                                                                        \
        T *to = acc;                                                                               \
        (void)shift;                                                                               \
        if (step == 0) {                                                                           \
            const int64_t at = 0;                                                                  \
            T y = *to;                                                                             \
            (void)at;                                                                              \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T x = from[i];                                                               \
                y = (T)(expression);                                                               \
            }                                                                                      \
            *to = y;                                                                               \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const int64_t at = i * step;                                                       \
                const T x = from[i], y = to[at];                                                   \
                to[at] = (T)(expression);                                                          \
            }                                                                                      \
        }                                                                                          \
    }

/* integers wrap */
#define FOR_WIDE(op, of_double, of_int)                                                            \
    ACCUMULATE(op, DOUBLE, double, of_double)                                                      \
    ACCUMULATE(op, INT64, int64_t, of_int)                                                         \
    ACCUMULATE(op, UINT64, uint64_t, of_int)
FOR_WIDE(sum, y + x, (uint64_t)y + (uint64_t)x)
FOR_WIDE(prod, y *x, (uint64_t)y *(uint64_t)x)
FOR_WIDE(max, x > y || isnan(x) ? x : y, x > y ? x : y)
FOR_WIDE(min, x < y || isnan(x) ? x : y, x < y ? x : y)
FOR_WIDE(square, y + x * x, (uint64_t)y + (uint64_t)x * (uint64_t)x)
ACCUMULATE(l1, DOUBLE, double, y + fabs(x))
ACCUMULATE(l1, INT64, int64_t, (uint64_t)y + (x < 0 ? 0 - (uint64_t)x : (uint64_t)x))
ACCUMULATE(exp, DOUBLE, double, y + exp(x - shift[at]))

/* NULL for integers: they are accumulated in double */
typedef struct accumulators {
    accumulate of_double, of_int, of_uint;
} accumulators;

/* ---- what is asked for --------------------------------------------------------------------- */

typedef struct reduction {
    bool reduced[EP_MAX_RANK];
    bool copy;     /* no axes given, and that means none */
    double count;  /* elements a result comes from */
    ep_dtype wide; /* of the accumulators */
} reduction;

static ep_status read_axes(const ep__call *call, reduction *r, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    const int64_t *axes;
    uint32_t n;
    EP_TRY(ep__ints_or_attr(call, 1, "axes", &axes, &n, err));
    const bool all = n == 0;
    r->copy = all && ep_attr_int(call->node, "noop_with_empty_axes", 0) != 0;
    for (uint32_t i = 0; i < n; i++) {
        int axis;
        EP_TRY(ep__front_axis(axes[i], in->shape.rank, &axis, err));
        r->reduced[axis] = true;
    }
    r->count = 1;
    for (int i = 0; i < in->shape.rank; i++) {
        r->reduced[i] = all || r->reduced[i];
        if (r->reduced[i]) r->count *= (double)in->shape.dims[i];
    }
    return EP_OK;
}

/* `as_double`: the operator takes a root or a logarithm, also of integers. */
static ep_status start(const ep__call *call, bool as_double, reduction *r, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    *r = (reduction){.wide = ep__wide(in->dtype)};
    EP_TRY(read_axes(call, r, err));
    if (in->dtype != out->dtype) return ep__bad_out_shape(out, err);
    uint64_t expected = 1;
    for (int i = 0; i < in->shape.rank; i++) {
        if (r->copy || !r->reduced[i]) expected *= (uint64_t)in->shape.dims[i];
    }
    if (out->n != expected) return ep__bad_out_shape(out, err);
    if (r->wide == EP_DTYPE_UNDEFINED || ep_dtype_bits(in->dtype) < 8)
        return ep__bad_dtype(in, err);
    if (as_double) r->wide = EP_DTYPE_DOUBLE;
    return EP_OK;
}

/* One pass over the input. Its leading dimensions that are not reduced, taken together, are dealt
 * out to the threads. */
typedef struct pass {
    const reduction *r;
    const ep_array *in;
    accumulate loop;
    const double *shift;
    char *acc;                   /* ep__number each */
    int lead;                    /* how many such dimensions */
    int64_t in_inner, acc_inner; /* elements and accumulators of one piece */
} pass;

/* A walk over the input (array 1) and the accumulators (array 0) from `begin` to `end` - 1 of the
 * leading dimensions. */
static ep__walk walk_of(const pass *p, uint64_t begin, uint64_t end)
{
    const ep_shape *shape = &p->in->shape;
    ep__walk walk = {.rank = 1 + shape->rank - p->lead, .arrays = 2};
    int64_t acc_stride = 1, in_stride = 1;
    for (int i = shape->rank - 1; i >= p->lead; i--) {
        const int to = 1 + i - p->lead;
        walk.dims[to] = shape->dims[i];
        walk.strides[1][to] = in_stride;
        in_stride *= shape->dims[i];
        if (p->r->reduced[i]) continue;
        walk.strides[0][to] = acc_stride;
        acc_stride *= shape->dims[i];
    }
    walk.dims[0] = (int64_t)(end - begin);
    walk.strides[0][0] = p->acc_inner;
    walk.strides[1][0] = p->in_inner;
    walk.at[0] = (int64_t)begin * p->acc_inner;
    walk.at[1] = (int64_t)begin * p->in_inner;
    return walk;
}

static void reduce_row(const pass *p, const ep__walk *w)
{
    enum { BLOCK = 512 };
    const ep_dtype dtype = p->in->dtype, wide = p->r->wide;
    ep__number block[BLOCK];
    for (int64_t i = 0; i < w->row; i += BLOCK) {
        const int64_t n = w->row - i < BLOCK ? w->row - i : BLOCK, at = w->at[0] + i * w->step[0];
        const char *from =
            (const char *)p->in->data + (size_t)(w->at[1] + i) * (ep_dtype_bits(dtype) / 8);
        if (dtype != wide) ep__convert(wide, block, dtype, from, (uint64_t)n, false);
        p->loop(n, dtype == wide ? (const void *)from : block, p->acc + (size_t)at * sizeof *block,
                w->step[0], p->shift ? p->shift + at : NULL);
    }
}

static void reduce_piece(uint64_t begin, uint64_t end, void *context)
{
    const pass *p = context;
    ep__walk walk = walk_of(p, begin, end);
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        reduce_row(p, &walk);
    }
}

static ep_status reduce(const ep__call *call, const reduction *r, const accumulators *loops,
                        ep__number begin_with, const double *shift, ep__number **out, ep_error *err)
{
    const uint64_t n = ep__out(call, 0)->n;
    pass p = {.r = r, .in = ep__in(call, 0), .shift = shift};
    const ep_shape *shape = &p.in->shape;
    p.loop = r->wide == EP_DTYPE_DOUBLE  ? loops->of_double
             : r->wide == EP_DTYPE_INT64 ? loops->of_int
                                         : loops->of_uint;
    ep__number *acc = EP_NEW_RAW(call->scratch, ep__number, n);
    if (!acc) return ep_fail_memory(err);
    for (uint64_t i = 0; i < n; i++) acc[i] = begin_with;
    *out = acc;
    if (p.in->n == 0 || n == 0) return EP_OK;
    p.acc = (char *)acc;
    while (p.lead < shape->rank && !r->reduced[p.lead]) p.lead++;
    p.in_inner = ep__product(shape, p.lead, shape->rank);
    const int64_t pieces = ep__product(shape, 0, p.lead);
    p.acc_inner = (int64_t)n / pieces;
    ep_parallel(call->threads, (uint64_t)pieces, ep__rows_a_piece(p.in_inner), reduce_piece, &p);
    return EP_OK;
}

static void store(const ep__call *call, const reduction *r, const void *acc)
{
    ep_array *out = ep__out(call, 0);
    ep__convert(out->dtype, out->data, r->wide, acc, out->n, false);
}

static ep_status copy_input(const ep__call *call)
{
    const ep_array *in = ep__in(call, 0);
    memcpy(ep__out(call, 0)->data, in->data, (size_t)ep_dtype_bytes(in->dtype, in->n));
    return EP_OK;
}

/* ---- operators ----------------------------------------------------------------------------- */

typedef enum begin { ZERO, ONE, LEAST, GREATEST } begin;

static ep__number begin_value(begin from, ep_dtype dtype, ep_dtype wide)
{
    ep__number low, high;
    ep__limits(dtype, &low, &high);
    switch (from) {
    case ONE: return wide == EP_DTYPE_DOUBLE ? (ep__number){.d = 1} : (ep__number){.u = 1};
    case LEAST: return low;
    case GREATEST: return high;
    default: return (ep__number){.u = 0}; /* of every wide type */
    }
}

typedef void (*finisher)(const reduction *r, uint64_t n, ep__number *acc);

static void divide(const reduction *r, uint64_t n, ep__number *acc)
{
    const int64_t count = (int64_t)r->count;
    for (uint64_t i = 0; i < n; i++) {
        if (r->wide == EP_DTYPE_DOUBLE) {
            acc[i].d /= r->count;
        } else if (count > 0 && r->wide == EP_DTYPE_INT64) {
            acc[i].i /= count;
        } else if (count > 0) {
            acc[i].u /= (uint64_t)count;
        }
    }
}

/* of doubles */
static void root(const reduction *r, uint64_t n, ep__number *acc)
{
    (void)r;
    for (uint64_t i = 0; i < n; i++) acc[i].d = sqrt(acc[i].d);
}

static void logarithm(const reduction *r, uint64_t n, ep__number *acc)
{
    (void)r;
    for (uint64_t i = 0; i < n; i++) acc[i].d = log(acc[i].d);
}

/* One operator: `loops` without integer ones works in double, whatever the type. */
static ep_status run(ep__call *call, const accumulators *loops, begin from, finisher finish,
                     ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    reduction r;
    ep__number *acc;
    EP_TRY(start(call, !loops->of_int, &r, err));
    if (r.copy) return copy_input(call);
    const ep__number begin_with = begin_value(from, in->dtype, r.wide);
    EP_TRY(reduce(call, &r, loops, begin_with, NULL, &acc, err));
    if (finish) finish(&r, ep__out(call, 0)->n, acc);
    store(call, &r, acc);
    return EP_OK;
}

#define OPERATOR(name, from, finish, ...)                                                          \
    ep_status ep__kernel_##name(ep__call *call, ep_error *err)                                     \
    {                                                                                              \
        static const accumulators loops = {__VA_ARGS__};                                           \
        return run(call, &loops, from, finish, err);                                               \
    }
OPERATOR(ReduceSum, ZERO, NULL, sum_DOUBLE, sum_INT64, sum_UINT64)
OPERATOR(ReduceMean, ZERO, divide, sum_DOUBLE, sum_INT64, sum_UINT64)
OPERATOR(ReduceProd, ONE, NULL, prod_DOUBLE, prod_INT64, prod_UINT64)
OPERATOR(ReduceMax, LEAST, NULL, max_DOUBLE, max_INT64, max_UINT64)
OPERATOR(ReduceMin, GREATEST, NULL, min_DOUBLE, min_INT64, min_UINT64)
OPERATOR(ReduceSumSquare, ZERO, NULL, square_DOUBLE, square_INT64, square_UINT64)
OPERATOR(ReduceL1, ZERO, NULL, l1_DOUBLE, l1_INT64, sum_UINT64)
OPERATOR(ReduceL2, ZERO, root, square_DOUBLE, NULL, NULL)
OPERATOR(ReduceLogSum, ZERO, logarithm, sum_DOUBLE, NULL, NULL)

/* Shifted by the maximum, so that exp stays finite. */
ep_status ep__kernel_ReduceLogSumExp(ep__call *call, ep_error *err)
{
    static const accumulators max_loop = {max_DOUBLE, NULL, NULL},
                              exp_loop = {exp_DOUBLE, NULL, NULL};
    const uint64_t n = ep__out(call, 0)->n;
    reduction r;
    ep__number *max, *acc;
    EP_TRY(start(call, true, &r, err));
    if (r.copy) return copy_input(call);
    EP_TRY(reduce(call, &r, &max_loop, (ep__number){.d = -(double)INFINITY}, NULL, &max, err));
    double *shift = EP_NEW(call->scratch, double, n);
    if (!shift) return ep_fail_memory(err);
    for (uint64_t i = 0; i < n; i++) shift[i] = isfinite(max[i].d) ? max[i].d : 0;
    EP_TRY(reduce(call, &r, &exp_loop, (ep__number){.d = 0}, shift, &acc, err));
    for (uint64_t i = 0; i < n; i++) acc[i].d = log(acc[i].d) + shift[i];
    store(call, &r, acc);
    return EP_OK;
}
