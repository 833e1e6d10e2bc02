/* Element-wise operators of two or more arrays, broadcast. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

/* in each of the ways that compilers make something of */
#define STEPS(T, R, a_at, b_at, expression)                                                        \
    for (size_t i = 0; i < n; i++) {                                                               \
        const T x = pa[a_at], y = pb[b_at];                                                        \
        to[i] = (R)(expression);                                                                   \
    }

#define LOOP(op, id, T, R, expression)                                                             \
    static void op##_##id(size_t n, const void *a, int64_t a_step, const void *b, int64_t b_step,  \
                          void *out)                                                               \
    {                                                                                              \
        const T *pa = a, *pb = b;                                                                  \
        R *to = out;                                                                               \
        if (a_step == 1 && b_step == 1) {                                                          \
            STEPS(T, R, i, i, expression)                                                          \
        } else if (a_step == 1 && b_step == 0) {                                                   \
            STEPS(T, R, i, 0, expression)                                                          \
        } else if (a_step == 0 && b_step == 1) {                                                   \
            STEPS(T, R, 0, i, expression)                                                          \
        } else {                                                                                   \
            STEPS(T, R, (int64_t)i *a_step, (int64_t)i *b_step, expression)                        \
        }                                                                                          \
    }

#define ENTRY(op, id) [EP_DTYPE_##id] = op##_##id
#define FLOAT_ENTRIES(op) ENTRY(op, FLOAT), ENTRY(op, DOUBLE)
#define INT_ENTRIES(op)                                                                            \
    ENTRY(op, INT8), ENTRY(op, INT16), ENTRY(op, INT32), ENTRY(op, INT64), ENTRY(op, UINT8),       \
        ENTRY(op, UINT16), ENTRY(op, UINT32), ENTRY(op, UINT64)

/* ---- running ------------------------------------------------------------------------------- */

typedef struct broadcasting {
    ep__binary_loop loop;
    const char *a, *b;
    char *out;
    int64_t in_size, out_size; /* of an element */
} broadcasting;

static void run_rows(ep__walk *piece, const void *context)
{
    const broadcasting *o = context;
    do {
        o->loop((size_t)piece->row, o->a + piece->at[1] * o->in_size, piece->step[1],
                o->b + piece->at[2] * o->in_size, piece->step[2],
                o->out + piece->at[0] * o->out_size);
    } while (ep__walk_next(piece));
}

static ep_status broadcast(const ep__call *call, const ep_array *a, const ep_array *b,
                           ep_array *out, ep__binary_loop loop, ep_error *err)
{
    ep__walk walk = ep__walk_over(&out->shape);
    if (!ep__walk_add(&walk, &out->shape) || !ep__walk_add(&walk, &a->shape) ||
        !ep__walk_add(&walk, &b->shape)) {
        return ep__bad_out_shape(out, err);
    }
    const broadcasting o = {.loop = loop,
                            .a = a->data,
                            .b = b->data,
                            .out = out->data,
                            .in_size = ep_dtype_bits(a->dtype) / 8,
                            .out_size = ep_dtype_bits(out->dtype) / 8};
    ep__walk_pieces(call->threads, &walk, run_rows, &o);
    return EP_OK;
}

static ep_status same_dtype(const ep_array *a, const ep_array *b, ep_error *err)
{
    EP_FAIL_IF(a->dtype != b->dtype, err, EP_BAD_MODEL, "operands are %s and %s",
               ep_dtype_name(a->dtype), ep_dtype_name(b->dtype));
    return EP_OK;
}

static ep_status run(ep__call *call, const ep__binary_loop loops[EP__DTYPES], ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1);
    EP_TRY(same_dtype(a, b, err));
    if (!loops[a->dtype]) return ep__bad_dtype(a, err);
    return broadcast(call, a, b, ep__out(call, 0), loops[a->dtype], err);
}

/* One input after the other onto the output. */
static ep_status run_variadic(ep__call *call, const ep__binary_loop loops[EP__DTYPES],
                              ep_error *err)
{
    const ep_array *first = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    if (!loops[first->dtype]) return ep__bad_dtype(first, err);
    ep__walk walk = ep__walk_over(&out->shape);
    if (!ep__walk_add(&walk, &out->shape) || !ep__walk_add(&walk, &first->shape)) {
        return ep__bad_out_shape(out, err);
    }
    ep__copy(call->threads, &walk, ep_dtype_bits(first->dtype) / 8, out->data, first->data);
    for (uint32_t i = 1; i < call->n_inputs; i++) {
        const ep_array *next = ep__in(call, i);
        if (!next) continue;
        EP_TRY(same_dtype(first, next, err));
        EP_TRY(broadcast(call, out, next, out, loops[first->dtype], err));
    }
    return EP_OK;
}

#define OPERATOR(op, how, ...)                                                                     \
    ep_status ep__kernel_##op(ep__call *call, ep_error *err)                                       \
    {                                                                                              \
        static const ep__binary_loop loops[EP__DTYPES] = {__VA_ARGS__};                            \
        return how(call, loops, err);                                                              \
    }

/* ---- arithmetic ---------------------------------------------------------------------------- */

/* integers wrap: arithmetic in uint64_t */
#define ADD_INT(id, T) LOOP(add, id, T, T, (uint64_t)x + (uint64_t)y)
#define SUB_INT(id, T) LOOP(sub, id, T, T, (uint64_t)x - (uint64_t)y)
#define MUL_INT(id, T) LOOP(mul, id, T, T, (uint64_t)x *(uint64_t)y)
#define ADD_FLOAT(id, T) LOOP(add, id, T, T, x + y)
#define SUB_FLOAT(id, T) LOOP(sub, id, T, T, x - y)
#define MUL_FLOAT(id, T) LOOP(mul, id, T, T, x *y)
#define MAX_INT(id, T) LOOP(max, id, T, T, x > y ? x : y)
#define MIN_INT(id, T) LOOP(min, id, T, T, x < y ? x : y)
#define MAX_FLOAT(id, T) LOOP(max, id, T, T, x > y || isnan(x) ? x : y)
#define MIN_FLOAT(id, T) LOOP(min, id, T, T, x < y || isnan(x) ? x : y)
EP__INT_TYPES(ADD_INT)
EP__INT_TYPES(SUB_INT)
EP__INT_TYPES(MUL_INT)
EP__INT_TYPES(MAX_INT)
EP__INT_TYPES(MIN_INT)
EP__FLOAT_TYPES(ADD_FLOAT)
EP__FLOAT_TYPES(SUB_FLOAT)
EP__FLOAT_TYPES(MUL_FLOAT)
EP__FLOAT_TYPES(MAX_FLOAT)
EP__FLOAT_TYPES(MIN_FLOAT)

OPERATOR(Add, run, FLOAT_ENTRIES(add), INT_ENTRIES(add))
OPERATOR(Sub, run, FLOAT_ENTRIES(sub), INT_ENTRIES(sub))
OPERATOR(Mul, run, FLOAT_ENTRIES(mul), INT_ENTRIES(mul))
OPERATOR(Max, run_variadic, FLOAT_ENTRIES(max), INT_ENTRIES(max))
OPERATOR(Min, run_variadic, FLOAT_ENTRIES(min), INT_ENTRIES(min))
OPERATOR(Sum, run_variadic, FLOAT_ENTRIES(add))

ep_status ep__kernel_Mean(ep__call *call, ep_error *err)
{
    EP_TRY(ep__kernel_Sum(call, err));
    const ep_array *out = ep__out(call, 0);
    const double count = call->n_inputs;
    const float float_count = (float)call->n_inputs;
    if (out->dtype == EP_DTYPE_DOUBLE) {
        for (uint64_t i = 0; i < out->n; i++) ((double *)out->data)[i] /= count;
    } else {
        for (uint64_t i = 0; i < out->n; i++) ((float *)out->data)[i] /= float_count;
    }
    return EP_OK;
}

ep__binary_loop ep__reduction_loop(ep__reduction reduction, ep_dtype dtype)
{
    static const ep__binary_loop loops[][EP__DTYPES] = {
        [EP__ADD] = {FLOAT_ENTRIES(add), INT_ENTRIES(add)},
        [EP__MUL] = {FLOAT_ENTRIES(mul), INT_ENTRIES(mul)},
        [EP__MAX] = {FLOAT_ENTRIES(max), INT_ENTRIES(max)},
        [EP__MIN] = {FLOAT_ENTRIES(min), INT_ENTRIES(min)},
    };
    return loops[reduction][dtype];
}

/* ---- division ------------------------------------------------------------------------------ */

/* the least integer divided by -1 wraps; divisors are not 0 */
#define DIV_SIGNED(id, T) LOOP(div, id, T, T, y == -1 ? 0 - (uint64_t)x : (uint64_t)(x / y))
#define DIV_OTHER(id, T) LOOP(div, id, T, T, x / y)
EP__SIGNED_TYPES(DIV_SIGNED)
EP__UNSIGNED_TYPES(DIV_OTHER)
EP__FLOAT_TYPES(DIV_OTHER)

/* mod has the sign of the divisor, fmod that of the dividend */
#define MOD_SIGNED(id, T)                                                                          \
    LOOP(mod, id, T, T, y == -1 ? 0 : x % y + (x % y != 0 && (x < 0) != (y < 0) ? y : 0))
#define MOD_UNSIGNED(id, T) LOOP(mod, id, T, T, x % y)
#define FMOD_SIGNED(id, T) LOOP(fmod, id, T, T, y == -1 ? 0 : x % y)
#define FMOD_UNSIGNED(id, T) LOOP(fmod, id, T, T, x % y)
LOOP(fmod, FLOAT, float, float, fmodf(x, y))
LOOP(fmod, DOUBLE, double, double, fmod(x, y))
EP__SIGNED_TYPES(MOD_SIGNED)
EP__UNSIGNED_TYPES(MOD_UNSIGNED)
EP__SIGNED_TYPES(FMOD_SIGNED)
EP__UNSIGNED_TYPES(FMOD_UNSIGNED)

static ep_status no_zero_divisor(const ep__call *call, ep_error *err)
{
    const ep_array *b = ep__in(call, 1);
    if (ep_dtype_is_float(b->dtype)) return EP_OK;
    const char *bytes = b->data;
    const size_t size = ep_dtype_bits(b->dtype) / 8;
    static const char zeros[16] = {0};
    for (uint64_t i = 0; i < b->n; i++) {
        EP_FAIL_IF(memcmp(bytes + i * size, zeros, size) == 0, err, EP_BAD_MODEL,
                   "integer division by zero: element %llu of the divisor", (unsigned long long)i);
    }
    return EP_OK;
}

ep_status ep__kernel_Div(ep__call *call, ep_error *err)
{
    static const ep__binary_loop loops[EP__DTYPES] = {FLOAT_ENTRIES(div), INT_ENTRIES(div)};
    EP_TRY(no_zero_divisor(call, err));
    return run(call, loops, err);
}

ep_status ep__kernel_Mod(ep__call *call, ep_error *err)
{
    static const ep__binary_loop mod[EP__DTYPES] = {INT_ENTRIES(mod)};
    static const ep__binary_loop fmods[EP__DTYPES] = {FLOAT_ENTRIES(fmod), INT_ENTRIES(fmod)};
    EP_TRY(no_zero_divisor(call, err));
    return run(call, ep_attr_int(call->node, "fmod", 0) ? fmods : mod, err);
}

/* ---- powers -------------------------------------------------------------------------------- */

static int64_t int_power(int64_t base, int64_t exponent)
{
    if (exponent < 0) {
        return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    }
    uint64_t result = 1, factor = (uint64_t)base;
    for (uint64_t e = (uint64_t)exponent; e; e >>= 1) {
        if (e & 1) result *= factor;
        factor *= factor;
    }
    return (int64_t)result;
}

LOOP(pow, INT64, int64_t, int64_t, int_power(x, y))
LOOP(pow, DOUBLE, double, double, pow(x, y))

/* Base and exponent may differ in type: both go through int64 or double, the result has the base's
 * type. */
ep_status ep__kernel_Pow(ep__call *call, ep_error *err)
{
    const ep_array *in[2] = {ep__in(call, 0), ep__in(call, 1)};
    ep_array *out = ep__out(call, 0), operands[2], result = *out;
    const bool ints = !ep_dtype_is_float(in[0]->dtype) && !ep_dtype_is_float(in[1]->dtype);
    const ep_dtype common = ints ? EP_DTYPE_INT64 : EP_DTYPE_DOUBLE;
    for (int i = 0; i < 2; i++) {
        if (ep__wide(in[i]->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(in[i], err);
        operands[i] = *in[i];
        operands[i].dtype = common;
        operands[i].data = EP_NEW(call->scratch, uint64_t, in[i]->n);
        if (!operands[i].data) return ep_fail_memory(err);
        ep__convert(common, operands[i].data, in[i]->dtype, in[i]->data, in[i]->n, false);
    }
    result.dtype = common;
    result.data = EP_NEW(call->scratch, uint64_t, out->n);
    if (!result.data) return ep_fail_memory(err);
    EP_TRY(
        broadcast(call, &operands[0], &operands[1], &result, ints ? pow_INT64 : pow_DOUBLE, err));
    ep__convert(out->dtype, out->data, common, result.data, out->n, false);
    return EP_OK;
}

/* ---- comparison and logic ------------------------------------------------------------------ */

#define EQUAL(id, T) LOOP(equal, id, T, uint8_t, x == y)
#define GREATER(id, T) LOOP(greater, id, T, uint8_t, x > y)
#define GREATER_OR_EQUAL(id, T) LOOP(greater_or_equal, id, T, uint8_t, x >= y)
#define LESS(id, T) LOOP(less, id, T, uint8_t, x < y)
#define LESS_OR_EQUAL(id, T) LOOP(less_or_equal, id, T, uint8_t, x <= y)
#define NUMBER_TYPES(X) EP__FLOAT_TYPES(X) EP__INT_TYPES(X)
NUMBER_TYPES(EQUAL)
NUMBER_TYPES(GREATER)
NUMBER_TYPES(GREATER_OR_EQUAL)
NUMBER_TYPES(LESS)
NUMBER_TYPES(LESS_OR_EQUAL)
LOOP(equal, BOOL, uint8_t, uint8_t, (x != 0) == (y != 0))
LOOP(and, BOOL, uint8_t, uint8_t, x &&y)
LOOP(or, BOOL, uint8_t, uint8_t, x || y)
LOOP(xor, BOOL, uint8_t, uint8_t, !x != !y)

OPERATOR(Equal, run, FLOAT_ENTRIES(equal), INT_ENTRIES(equal), ENTRY(equal, BOOL))
OPERATOR(Greater, run, FLOAT_ENTRIES(greater), INT_ENTRIES(greater))
OPERATOR(GreaterOrEqual, run, FLOAT_ENTRIES(greater_or_equal), INT_ENTRIES(greater_or_equal))
OPERATOR(Less, run, FLOAT_ENTRIES(less), INT_ENTRIES(less))
OPERATOR(LessOrEqual, run, FLOAT_ENTRIES(less_or_equal), INT_ENTRIES(less_or_equal))
OPERATOR(And, run, ENTRY(and, BOOL))
OPERATOR(Or, run, ENTRY(or, BOOL))
OPERATOR(Xor, run, ENTRY(xor, BOOL))

/* ---- bits ---------------------------------------------------------------------------------- */

#define BIT_AND(id, T) LOOP(bit_and, id, T, T, x &y)
#define BIT_OR(id, T) LOOP(bit_or, id, T, T, x | y)
#define BIT_XOR(id, T) LOOP(bit_xor, id, T, T, x ^ y)
#define SHIFT_LEFT(id, T) LOOP(shift_left, id, T, T, y < 8 * sizeof x ? (uint64_t)x << y : 0)
#define SHIFT_RIGHT(id, T) LOOP(shift_right, id, T, T, y < 8 * sizeof x ? x >> y : 0)
EP__INT_TYPES(BIT_AND)
EP__INT_TYPES(BIT_OR)
EP__INT_TYPES(BIT_XOR)
EP__UNSIGNED_TYPES(SHIFT_LEFT)
EP__UNSIGNED_TYPES(SHIFT_RIGHT)

OPERATOR(BitwiseAnd, run, INT_ENTRIES(bit_and))
OPERATOR(BitwiseOr, run, INT_ENTRIES(bit_or))
OPERATOR(BitwiseXor, run, INT_ENTRIES(bit_xor))

#define UNSIGNED_ENTRIES(op)                                                                       \
    ENTRY(op, UINT8), ENTRY(op, UINT16), ENTRY(op, UINT32), ENTRY(op, UINT64)

ep_status ep__kernel_BitShift(ep__call *call, ep_error *err)
{
    static const ep__binary_loop left[EP__DTYPES] = {UNSIGNED_ENTRIES(shift_left)};
    static const ep__binary_loop right[EP__DTYPES] = {UNSIGNED_ENTRIES(shift_right)};
    const char *direction = ep_attr_string(call->node, "direction", "");
    const bool is_left = strcmp(direction, "LEFT") == 0;
    EP_FAIL_IF(!is_left && strcmp(direction, "RIGHT") != 0, err, EP_BAD_MODEL,
               "'direction' is LEFT or RIGHT, not '%s'", direction);
    return run(call, is_left ? left : right, err);
}

/* ---- PRelu --------------------------------------------------------------------------------- */

#define PRELU_INT(id, T) LOOP(prelu, id, T, T, x < 0 ? (uint64_t)x * (uint64_t)y : (uint64_t)x)
#define PRELU_FLOAT(id, T) LOOP(prelu, id, T, T, x < 0 ? x * y : x)
EP__SIGNED_TYPES(PRELU_INT)
EP__FLOAT_TYPES(PRELU_FLOAT)
OPERATOR(PRelu, run, FLOAT_ENTRIES(prelu), ENTRY(prelu, INT8), ENTRY(prelu, INT16),
         ENTRY(prelu, INT32), ENTRY(prelu, INT64))
