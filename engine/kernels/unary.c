/* Element-wise operators of one array. */
#include <float.h>
#include <string.h>
#include <tgmath.h>

#include "engine/functions.h"
#include "engine/kernels.h"

typedef void (*unary_loop)(size_t n, const void *in, void *out, double alpha, double beta);

#define LOOP(op, id, T, R, expression)                                                             \
    static void op##_##id(size_t n, const void *in, void *out, double alpha, double beta)          \
    {                                                                                              \
        const T *from = in;                                                                        \
        R *to = out;                                                                               \
        const T a = (T)alpha, b = (T)beta;                                                         \
        (void)a, (void)b;                                                                          \
        for (size_t i = 0; i < n; i++) {                                                           \
            const T x = from[i];                                                                   \
            to[i] = (R)(expression);                                                               \
        }                                                                                          \
    }

typedef struct work {
    unary_loop loop;
    const char *in;
    char *out;
    size_t in_size, out_size; /* of an element */
    double alpha, beta;
} work;

static void run_piece(uint64_t begin, uint64_t end, void *context)
{
    const work *w = context;
    w->loop((size_t)(end - begin), w->in + begin * w->in_size, w->out + begin * w->out_size,
            w->alpha, w->beta);
}

static ep_status run(ep__call *call, const unary_loop loops[EP__DTYPES], double alpha, double beta,
                     ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    if (!loops[in->dtype]) return ep__bad_dtype(in, err);
    if (in->n != out->n) return ep__bad_out_shape(out, err);
    work w = {.loop = loops[in->dtype],
              .in = in->data,
              .out = out->data,
              .in_size = ep_dtype_bits(in->dtype) / 8,
              .out_size = ep_dtype_bits(out->dtype) / 8,
              .alpha = alpha,
              .beta = beta};
    ep_parallel(call->threads, in->n, EP__PIECE, run_piece, &w);
    return EP_OK;
}

static double attr(const ep__call *call, const char *name, double otherwise)
{
    return (double)ep_attr_float(call->node, name, (float)otherwise);
}

/* ---- floats -------------------------------------------------------------------------------- */

#define SQRT_HALF 0.70710678118654752440
#define SQRT_2_OVER_PI 0.79788456080286535588
/* the constants of the operator's definition */
#define SELU_ALPHA 1.67326319217681884765625
#define SELU_GAMMA 1.05070102214813232421875

/* operator, value of alpha, value of beta, f(x, a, b) */
#define FLOAT_OPERATORS(X)                                                                         \
    X(Acos, 0, 0, acos(x))                                                                         \
    X(Acosh, 0, 0, acosh(x))                                                                       \
    X(Asin, 0, 0, asin(x))                                                                         \
    X(Asinh, 0, 0, asinh(x))                                                                       \
    X(Atan, 0, 0, atan(x))                                                                         \
    X(Atanh, 0, 0, atanh(x))                                                                       \
    X(Ceil, 0, 0, ceil(x))                                                                         \
    X(Celu, attr(call, "alpha", 1), 0, x > 0 ? x : a * expm1(x / a))                               \
    X(Cos, 0, 0, cos(x))                                                                           \
    X(Cosh, 0, 0, cosh(x))                                                                         \
    X(Elu, attr(call, "alpha", 1), 0, x > 0 ? x : a * expm1(x))                                    \
    X(Floor, 0, 0, floor(x))                                                                       \
    X(HardSigmoid, attr(call, "alpha", 0.2), attr(call, "beta", 0.5), fmin(fmax(a *x + b, 0), 1))  \
    X(HardSwish, 1.0 / 6.0, 0.5, x * fmin(fmax(a * x + b, 0), 1))                                  \
    X(LeakyRelu, attr(call, "alpha", 0.01), 0, x < 0 ? a * x : x)                                  \
    X(Log, 0, 0, log(x))                                                                           \
    X(Mish, 0, 0, x *tanh(fmax(x, 0) + log1p(exp(-fabs(x)))))                                      \
    X(Reciprocal, 0, 0, 1 / x)                                                                     \
    X(Round, 0, 0, rint(x))                                                                        \
    X(Selu, attr(call, "alpha", SELU_ALPHA), attr(call, "gamma", SELU_GAMMA),                      \
      b *(x > 0 ? x : a * expm1(x)))                                                               \
    X(Sin, 0, 0, sin(x))                                                                           \
    X(Sinh, 0, 0, sinh(x))                                                                         \
    X(Softplus, 0, 0, fmax(x, 0) + log1p(exp(-fabs(x))))                                           \
    X(Softsign, 0, 0, x / (1 + fabs(x)))                                                           \
    X(Sqrt, 0, 0, sqrt(x))                                                                         \
    X(Tan, 0, 0, tan(x))                                                                           \
    X(ThresholdedRelu, attr(call, "alpha", 1), 0, x > a ? x : 0)

#define FLOAT_OPERATOR(op, alpha, beta, expression)                                                \
    LOOP(op, FLOAT, float, float, expression)                                                      \
    LOOP(op, DOUBLE, double, double, expression)                                                   \
    ep_status ep__kernel_##op(ep__call *call, ep_error *err)                                       \
    {                                                                                              \
        static const unary_loop loops[EP__DTYPES] = {                                              \
            [EP_DTYPE_FLOAT] = op##_FLOAT,                                                         \
            [EP_DTYPE_DOUBLE] = op##_DOUBLE,                                                       \
        };                                                                                         \
        return run(call, loops, (alpha), (beta), err);                                             \
    }
FLOAT_OPERATORS(FLOAT_OPERATOR)

/* operator, value of alpha, f(x, a) of floats, of doubles */
#define SMOOTH_OPERATORS(X)                                                                        \
    X(Erf, 0, ep__erf(x), erf(x))                                                                  \
    X(Exp, 0, ep__exp(x), exp(x))                                                                  \
    X(Sigmoid, 0, ep__sigmoid(x), x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)))              \
    X(Swish, attr(call, "alpha", 1), x *ep__sigmoid(a *x), x / (1 + exp(-a * x)))                  \
    X(Tanh, 0, ep__tanh(x), tanh(x))

#define SMOOTH_OPERATOR(op, alpha, of_float, of_double)                                            \
    LOOP(op, FLOAT, float, float, of_float)                                                        \
    LOOP(op, DOUBLE, double, double, of_double)                                                    \
    ep_status ep__kernel_##op(ep__call *call, ep_error *err)                                       \
    {                                                                                              \
        static const unary_loop loops[EP__DTYPES] = {                                              \
            [EP_DTYPE_FLOAT] = op##_FLOAT,                                                         \
            [EP_DTYPE_DOUBLE] = op##_DOUBLE,                                                       \
        };                                                                                         \
        return run(call, loops, (alpha), 0, err);                                                  \
    }
SMOOTH_OPERATORS(SMOOTH_OPERATOR)

/* b: the coefficient within tanh */
#define GELU_TANH(T, f) x *(T)0.5 * (1 + f(b * (x + (T)0.044715 * x * x * x)))
LOOP(gelu, FLOAT, float, float, x *(float)0.5 * (1 + ep__erf(x * a)))
LOOP(gelu, DOUBLE, double, double, x * 0.5 * (1 + erf(x * a)))
LOOP(gelu_tanh, FLOAT, float, float, GELU_TANH(float, ep__tanh))
LOOP(gelu_tanh, DOUBLE, double, double, GELU_TANH(double, tanh))

ep_status ep__kernel_Gelu(ep__call *call, ep_error *err)
{
    static const unary_loop loops[2][EP__DTYPES] = {
        {[EP_DTYPE_FLOAT] = gelu_FLOAT, [EP_DTYPE_DOUBLE] = gelu_DOUBLE},
        {[EP_DTYPE_FLOAT] = gelu_tanh_FLOAT, [EP_DTYPE_DOUBLE] = gelu_tanh_DOUBLE},
    };
    const bool by_tanh = strcmp(ep_attr_string(call->node, "approximate", "none"), "tanh") == 0;
    return run(call, loops[by_tanh], SQRT_HALF, SQRT_2_OVER_PI, err);
}

/* a: detect_negative, b: detect_positive */
#define IS_INF(id, T) LOOP(isinf, id, T, uint8_t, isinf(x) && (x < 0 ? a : b) != 0)
#define IS_NAN(id, T) LOOP(isnan, id, T, uint8_t, isnan(x))
EP__FLOAT_TYPES(IS_INF)
EP__FLOAT_TYPES(IS_NAN)

ep_status ep__kernel_IsInf(ep__call *call, ep_error *err)
{
    static const unary_loop loops[EP__DTYPES] = {
        [EP_DTYPE_FLOAT] = isinf_FLOAT, [EP_DTYPE_DOUBLE] = isinf_DOUBLE};
    return run(call, loops, (double)ep_attr_int(call->node, "detect_negative", 1),
               (double)ep_attr_int(call->node, "detect_positive", 1), err);
}

ep_status ep__kernel_IsNaN(ep__call *call, ep_error *err)
{
    static const unary_loop loops[EP__DTYPES] = {
        [EP_DTYPE_FLOAT] = isnan_FLOAT, [EP_DTYPE_DOUBLE] = isnan_DOUBLE};
    return run(call, loops, 0, 0, err);
}

/* ---- any number ---------------------------------------------------------------------------- */

/* integers wrap: arithmetic in uint64_t */
#define ABS_SIGNED(id, T) LOOP(abs, id, T, T, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
#define ABS_UNSIGNED(id, T) LOOP(abs, id, T, T, x)
#define ABS_FLOAT(id, T) LOOP(abs, id, T, T, fabs(x))
EP__SIGNED_TYPES(ABS_SIGNED)
EP__UNSIGNED_TYPES(ABS_UNSIGNED)
EP__FLOAT_TYPES(ABS_FLOAT)

#define NEG_SIGNED(id, T) LOOP(neg, id, T, T, 0 - (uint64_t)x)
#define NEG_FLOAT(id, T) LOOP(neg, id, T, T, -x)
EP__SIGNED_TYPES(NEG_SIGNED)
EP__FLOAT_TYPES(NEG_FLOAT)

#define SIGN_SIGNED(id, T) LOOP(sign, id, T, T, (x > 0) - (x < 0))
#define SIGN_UNSIGNED(id, T) LOOP(sign, id, T, T, x != 0)
#define SIGN_FLOAT(id, T) LOOP(sign, id, T, T, isnan(x) ? x : (T)((x > 0) - (x < 0)))
EP__SIGNED_TYPES(SIGN_SIGNED)
EP__UNSIGNED_TYPES(SIGN_UNSIGNED)
EP__FLOAT_TYPES(SIGN_FLOAT)

#define RELU(id, T) LOOP(relu, id, T, T, x < 0 ? 0 : x)
EP__SIGNED_TYPES(RELU)
EP__FLOAT_TYPES(RELU)

/* a: lambd, b: bias */
#define SHRINK_LOOP(id, T) LOOP(shrink, id, T, T, x<-a ? x + b : x> a ? x - b : 0)
EP__FLOAT_TYPES(SHRINK_LOOP)

#define BITWISE_NOT(id, T) LOOP(bitwise_not, id, T, T, ~(uint64_t)x)
EP__INT_TYPES(BITWISE_NOT)
LOOP(not, BOOL, uint8_t, uint8_t, x == 0)

#define ENTRY(op, id) [EP_DTYPE_##id] = op##_##id
#define FLOAT_ENTRIES(op) ENTRY(op, FLOAT), ENTRY(op, DOUBLE)
#define SIGNED_ENTRIES(op) ENTRY(op, INT8), ENTRY(op, INT16), ENTRY(op, INT32), ENTRY(op, INT64)
#define UNSIGNED_ENTRIES(op)                                                                       \
    ENTRY(op, UINT8), ENTRY(op, UINT16), ENTRY(op, UINT32), ENTRY(op, UINT64)

#define NUMBER_OPERATOR(op, ...)                                                                   \
    ep_status ep__kernel_##op(ep__call *call, ep_error *err)                                       \
    {                                                                                              \
        static const unary_loop loops[EP__DTYPES] = {__VA_ARGS__};                                 \
        return run(call, loops, 0, 0, err);                                                        \
    }
NUMBER_OPERATOR(Abs, FLOAT_ENTRIES(abs), SIGNED_ENTRIES(abs), UNSIGNED_ENTRIES(abs))
NUMBER_OPERATOR(Neg, FLOAT_ENTRIES(neg), SIGNED_ENTRIES(neg))
NUMBER_OPERATOR(Sign, FLOAT_ENTRIES(sign), SIGNED_ENTRIES(sign), UNSIGNED_ENTRIES(sign))
NUMBER_OPERATOR(Relu, FLOAT_ENTRIES(relu), SIGNED_ENTRIES(relu))
NUMBER_OPERATOR(BitwiseNot, SIGNED_ENTRIES(bitwise_not), UNSIGNED_ENTRIES(bitwise_not))
NUMBER_OPERATOR(Not, ENTRY(not, BOOL))

ep_status ep__kernel_Shrink(ep__call *call, ep_error *err)
{
    static const unary_loop loops[EP__DTYPES] = {FLOAT_ENTRIES(shrink)};
    return run(call, loops, attr(call, "lambd", 0.5), attr(call, "bias", 0), err);
}

/* ---- Clip ---------------------------------------------------------------------------------- */

/* Bounds in the type itself: int64 does not fit in a double. NaN passes. */
#define CLIP(id, T)                                                                                \
    static void clip_##id(size_t n, const void *in, void *out, const void *low, const void *high)  \
    {                                                                                              \
        const T *from = in;                                                                        \
        T *to = out;                                                                               \
        const bool has_low = low, has_high = high;                                                 \
        const T least = has_low ? *(const T *)low : 0, most = has_high ? *(const T *)high : 0;     \
        for (size_t i = 0; i < n; i++) {                                                           \
            T x = from[i];                                                                         \
            if (has_low && x < least) x = least;                                                   \
            if (has_high && x > most) x = most;                                                    \
            to[i] = x;                                                                             \
        }                                                                                          \
    }
EP__FLOAT_TYPES(CLIP)
EP__INT_TYPES(CLIP)

typedef void (*clip_loop)(size_t n, const void *in, void *out, const void *low, const void *high);

typedef struct clip {
    clip_loop loop;
    const ep_array *in, *out;
    const void *low, *high;
} clip;

static void clip_piece(uint64_t begin, uint64_t end, void *context)
{
    const clip *c = context;
    const size_t at = (size_t)begin * (ep_dtype_bits(c->in->dtype) / 8);
    c->loop((size_t)(end - begin), (const char *)c->in->data + at, (char *)c->out->data + at,
            c->low, c->high);
}

/* A bound as input (opset 11) or attribute (before); `*bound` stays NULL without either. */
static ep_status clip_bound(const ep__call *call, uint32_t input, const char *name, float *storage,
                            const void **bound, ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *given = ep__in(call, input);
    *bound = NULL;
    if (given) {
        EP_FAIL_IF(given->dtype != x->dtype || given->n != 1, err, EP_BAD_MODEL,
                   "'%s' must be one %s", name, ep_dtype_name(x->dtype));
        *bound = given->data;
    } else if (x->dtype == EP_DTYPE_FLOAT && ep_attr_find(call->node, name)) {
        *storage = ep_attr_float(call->node, name, 0);
        *bound = storage;
    }
    return EP_OK;
}

ep_status ep__kernel_Clip(ep__call *call, ep_error *err)
{
    static const clip_loop loops[EP__DTYPES] = {FLOAT_ENTRIES(clip), SIGNED_ENTRIES(clip),
                                                UNSIGNED_ENTRIES(clip)};
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    float low_storage, high_storage;
    clip c = {.loop = loops[in->dtype], .in = in, .out = out};
    if (!loops[in->dtype]) return ep__bad_dtype(in, err);
    if (in->n != out->n) return ep__bad_out_shape(out, err);
    EP_TRY(clip_bound(call, 1, "min", &low_storage, &c.low, err));
    EP_TRY(clip_bound(call, 2, "max", &high_storage, &c.high, err));
    ep_parallel(call->threads, in->n, EP__PIECE, clip_piece, &c);
    return EP_OK;
}
