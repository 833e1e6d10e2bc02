/* Conversions between element types: from any type into a wide one (double, int64 or uint64), from
 * there into any type, a block at a time. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/kernels.h"

enum { BLOCK = 512 }; /* even: 4-bit elements lie two to a byte */

typedef union block {
    double d[BLOCK];
    int64_t i[BLOCK];
    uint64_t u[BLOCK];
} block;

ep_dtype ep__wide(ep_dtype dtype)
{
    switch (dtype) {
    case EP_DTYPE_UNDEFINED:
    case EP_DTYPE_STRING:
    case EP_DTYPE_COMPLEX64:
    case EP_DTYPE_COMPLEX128: return EP_DTYPE_UNDEFINED;
    case EP_DTYPE_UINT64: return EP_DTYPE_UINT64;
    default: return ep_dtype_is_float(dtype) ? EP_DTYPE_DOUBLE : EP_DTYPE_INT64;
    }
}

/* ---- halves and floats --------------------------------------------------------------------- */

/* What networks in half precision are made of goes the straight way, by the bits. The results are
 * those of ep__narrow_decode and ep__narrow_encode. */
typedef union float_bits {
    float f;
    uint32_t u;
} float_bits;

static float float16_to_float(uint16_t code)
{
    /* the exponent moves by a product, which brings subnormal numbers along */
    const float_bits move = {.u = (127u + 112u) << 23};
    float_bits value = {.u = (code & 0x7fffu) << 13};
    const bool finite = value.u < 0x7c00u << 13, number = value.u <= 0x7c00u << 13;
    value.f *= move.f;
    value.u = finite ? value.u : number ? 0x7f800000u : 0x7fc00000u;
    value.u |= number ? (code & 0x8000u) << 16 : 0;
    return value.f;
}

static uint16_t float_to_float16(float f)
{
    const float_bits in = {.f = f}, magic = {.u = 126u << 23}; /* 0.5: its last bit is 2^-24 */
    const uint32_t magnitude = in.u & 0x7fffffffu, sign = in.u >> 16 & 0x8000u;
    float_bits small = {.u = magnitude};
    small.f += magic.f;
    /* half of the last bit that stays, less one, plus that bit: ties go to even */
    const uint32_t rounded = magnitude - (112u << 23) + 0xfffu + (magnitude >> 13 & 1u);
    uint32_t code = magnitude < 113u << 23 ? small.u - magic.u : rounded >> 13;
    if (magnitude >= 143u << 23) code = 0x7c00u;
    return (uint16_t)(magnitude > 0x7f800000u ? 0x7e00u : code | sign);
}

static float bfloat16_to_float(uint16_t code)
{
    float_bits value = {.u = (uint32_t)code << 16};
    if ((value.u & 0x7fffffffu) > 0x7f800000u) value.u = 0x7fc00000u;
    return value.f;
}

static uint16_t float_to_bfloat16(float f)
{
    const float_bits in = {.f = f};
    const bool number = (in.u & 0x7fffffffu) <= 0x7f800000u;
    return (uint16_t)(number ? (in.u + 0x7fffu + (in.u >> 16 & 1u)) >> 16 : 0x7fc0u);
}

#define HALF(id, name)                                                                             \
    static void load_##id(size_t n, const void *in, size_t begin, block *out)                      \
    {                                                                                              \
        const uint16_t *from = (const uint16_t *)in + begin;                                       \
        for (size_t k = 0; k < n; k++) out->d[k] = (double)name##_to_float(from[k]);               \
    }                                                                                              \
    static void floats_of_##id(size_t n, const uint16_t *in, float *out)                           \
    {                                                                                              \
        for (size_t k = 0; k < n; k++) out[k] = name##_to_float(in[k]);                            \
    }                                                                                              \
    static void id##_of_floats(size_t n, const float *in, uint16_t *out)                           \
    {                                                                                              \
        for (size_t k = 0; k < n; k++) out[k] = float_to_##name(in[k]);                            \
    }
HALF(FLOAT16, float16)
HALF(BFLOAT16, bfloat16)

/* False when this is no conversion between half and float. */
static bool convert_halves(ep_dtype to, void *out, ep_dtype from, const void *in, size_t n)
{
    if (to == EP_DTYPE_FLOAT && from == EP_DTYPE_FLOAT16) {
        floats_of_FLOAT16(n, in, out);
    } else if (to == EP_DTYPE_FLOAT && from == EP_DTYPE_BFLOAT16) {
        floats_of_BFLOAT16(n, in, out);
    } else if (to == EP_DTYPE_FLOAT16 && from == EP_DTYPE_FLOAT) {
        FLOAT16_of_floats(n, in, out);
    } else if (to == EP_DTYPE_BFLOAT16 && from == EP_DTYPE_FLOAT) {
        BFLOAT16_of_floats(n, in, out);
    } else {
        return false;
    }
    return true;
}

/* ---- into the wide type -------------------------------------------------------------------- */

typedef void (*loader)(size_t n, const void *in, size_t begin, block *out);

#define LOADER(id, T, member, W)                                                                   \
    static void load_##id(size_t n, const void *in, size_t begin, block *out)                      \
    {                                                                                              \
        const T *from = (const T *)in + begin;                                                     \
        for (size_t k = 0; k < n; k++) out->member[k] = (W)from[k];                                \
    }
#define FLOAT_LOADER(id, T) LOADER(id, T, d, double)
#define INT_LOADER(id, T) LOADER(id, T, i, int64_t)
EP__FLOAT_TYPES(FLOAT_LOADER)
EP__SIGNED_TYPES(INT_LOADER)
INT_LOADER(UINT8, uint8_t)
INT_LOADER(UINT16, uint16_t)
INT_LOADER(UINT32, uint32_t)
LOADER(UINT64, uint64_t, u, uint64_t)

static void load_BOOL(size_t n, const void *in, size_t begin, block *out)
{
    const uint8_t *from = (const uint8_t *)in + begin;
    for (size_t k = 0; k < n; k++) out->i[k] = from[k] != 0;
}

static unsigned nibble(const void *in, size_t k)
{
    return (unsigned)((const uint8_t *)in)[k / 2] >> (k % 2 * 4) & 0xfu;
}

static void load_UINT4(size_t n, const void *in, size_t begin, block *out)
{
    for (size_t k = 0; k < n; k++) out->i[k] = nibble(in, begin + k);
}

static void load_INT4(size_t n, const void *in, size_t begin, block *out)
{
    for (size_t k = 0; k < n; k++) out->i[k] = (int64_t)(nibble(in, begin + k) ^ 8u) - 8;
}

static void load_narrow(ep_dtype dtype, size_t n, const void *in, size_t begin, block *out)
{
    const unsigned bits = ep_dtype_bits(dtype);
    for (size_t k = 0; k < n; k++) {
        const size_t at = begin + k;
        const unsigned code = bits == 8 ? ((const uint8_t *)in)[at] : nibble(in, at);
        out->d[k] = ep__narrow_decode(dtype, (uint16_t)code);
    }
}

static void load(ep_dtype dtype, size_t n, const void *in, size_t begin, block *out)
{
    static const loader loaders[EP__DTYPES] = {
#define X(id, T) [EP_DTYPE_##id] = load_##id,
        EP__FLOAT_TYPES(X) EP__INT_TYPES(X)
#undef X
            [EP_DTYPE_BOOL] = load_BOOL,
        [EP_DTYPE_UINT4] = load_UINT4,
        [EP_DTYPE_INT4] = load_INT4,
        [EP_DTYPE_FLOAT16] = load_FLOAT16,
        [EP_DTYPE_BFLOAT16] = load_BFLOAT16,
    };
    if (!loaders[dtype]) {
        load_narrow(dtype, n, in, begin, out);
    } else {
        loaders[dtype](n, in, begin, out);
    }
}

/* ---- out of the wide type ------------------------------------------------------------------ */

/* from: the wide type of `in` */
typedef void (*storer)(size_t n, const block *in, ep_dtype from, void *out, size_t begin);

#define SATURATED(T, low, high, v)                                                                 \
    ((v) != (v) ? (T)0 : (v) <= (double)(low) ? (low) : (v) >= (double)(high) ? (high) : (T)(v))

/* the loop that fits the wide type; `value` is the element */
#define STORE(T, from_double, from_int)                                                            \
    T *to = (T *)out + begin;                                                                      \
    if (from == EP_DTYPE_DOUBLE) {                                                                 \
        for (size_t k = 0; k < n; k++) to[k] = from_double(in->d[k]);                              \
    } else if (from == EP_DTYPE_INT64) {                                                           \
        for (size_t k = 0; k < n; k++) to[k] = from_int(in->i[k]);                                 \
    } else {                                                                                       \
        for (size_t k = 0; k < n; k++) to[k] = from_int(in->u[k]);                                 \
    }

#define INT_STORER(id, T, low, high)                                                               \
    static T double_to_##id(double v)                                                              \
    {                                                                                              \
        return SATURATED(T, low, high, v);                                                         \
    }                                                                                              \
    static void store_##id(size_t n, const block *in, ep_dtype from, void *out, size_t begin)      \
    {                                                                                              \
        STORE(T, double_to_##id, (T))                                                              \
    }
INT_STORER(INT8, int8_t, INT8_MIN, INT8_MAX)
INT_STORER(INT16, int16_t, INT16_MIN, INT16_MAX)
INT_STORER(INT32, int32_t, INT32_MIN, INT32_MAX)
INT_STORER(INT64, int64_t, INT64_MIN, INT64_MAX)
INT_STORER(UINT8, uint8_t, 0, UINT8_MAX)
INT_STORER(UINT16, uint16_t, 0, UINT16_MAX)
INT_STORER(UINT32, uint32_t, 0, UINT32_MAX)
INT_STORER(UINT64, uint64_t, 0, UINT64_MAX)

#define FLOAT_STORER(id, T)                                                                        \
    static void store_##id(size_t n, const block *in, ep_dtype from, void *out, size_t begin)      \
    {                                                                                              \
        STORE(T, (T), (T))                                                                         \
    }
EP__FLOAT_TYPES(FLOAT_STORER)

static void store_BOOL(size_t n, const block *in, ep_dtype from, void *out, size_t begin)
{
    STORE(uint8_t, 0 !=, 0 !=)
}

static void put_nibble(void *out, size_t k, unsigned code)
{
    uint8_t *byte = (uint8_t *)out + k / 2;
    *byte = (uint8_t)(k % 2 ? (*byte & 0x0fu) | code << 4 : code);
}

static double as_double(const block *in, ep_dtype from, size_t k)
{
    return from == EP_DTYPE_DOUBLE  ? in->d[k]
           : from == EP_DTYPE_INT64 ? (double)in->i[k]
                                    : (double)in->u[k];
}

static void store_nibbles(size_t n, const block *in, ep_dtype from, void *out, size_t begin,
                          double low, double high)
{
    for (size_t k = 0; k < n; k++) {
        uint64_t code = in->u[k];
        if (from == EP_DTYPE_DOUBLE) {
            const double v = rint(in->d[k]);
            code = (uint64_t)(int64_t)(v != v ? 0 : v < low ? low : v > high ? high : v);
        }
        put_nibble(out, begin + k, (unsigned)(code & 0xfu));
    }
}

static void store_UINT4(size_t n, const block *in, ep_dtype from, void *out, size_t begin)
{
    store_nibbles(n, in, from, out, begin, 0, 15);
}

static void store_INT4(size_t n, const block *in, ep_dtype from, void *out, size_t begin)
{
    store_nibbles(n, in, from, out, begin, -8, 7);
}

static void store_narrow(ep_dtype dtype, size_t n, const block *in, ep_dtype from, void *out,
                         size_t begin, bool saturate)
{
    const unsigned bits = ep_dtype_bits(dtype);
    for (size_t k = 0; k < n; k++) {
        const size_t at = begin + k;
        const uint16_t code =
            ep__narrow_encode(dtype, as_double(in, from, k), saturate && bits == 8);
        if (bits == 16) {
            ((uint16_t *)out)[at] = code;
        } else if (bits == 8) {
            ((uint8_t *)out)[at] = (uint8_t)code;
        } else {
            put_nibble(out, at, code);
        }
    }
}

static void store(ep_dtype dtype, size_t n, const block *in, ep_dtype from, void *out, size_t begin,
                  bool saturate)
{
    static const storer storers[EP__DTYPES] = {
#define X(id, T) [EP_DTYPE_##id] = store_##id,
        EP__FLOAT_TYPES(X) EP__INT_TYPES(X)
#undef X
            [EP_DTYPE_BOOL] = store_BOOL,
        [EP_DTYPE_UINT4] = store_UINT4,
        [EP_DTYPE_INT4] = store_INT4,
    };
    if (ep__is_narrow(dtype)) {
        store_narrow(dtype, n, in, from, out, begin, saturate);
    } else {
        storers[dtype](n, in, from, out, begin);
    }
}

/* ---- both ---------------------------------------------------------------------------------- */

void ep__convert(ep_dtype to, void *out, ep_dtype from, const void *in, uint64_t n, bool saturate)
{
    const ep_dtype wide = ep__wide(from);
    assert(wide != EP_DTYPE_UNDEFINED && ep__wide(to) != EP_DTYPE_UNDEFINED);
    if (to == from) {
        memcpy(out, in, (size_t)ep_dtype_bytes(to, n));
        return;
    }
    if (convert_halves(to, out, from, in, (size_t)n)) return;
    block values;
    for (uint64_t begin = 0; begin < n; begin += BLOCK) {
        const size_t count = (size_t)ep_min_u64(BLOCK, n - begin);
        load(from, count, in, (size_t)begin, &values);
        store(to, count, &values, wide, out, (size_t)begin, saturate);
    }
}

typedef struct conversion {
    ep_dtype to, from;
    char *out;
    const char *in;
    bool saturate;
} conversion;

static void convert_piece(uint64_t begin, uint64_t end, void *context)
{
    const conversion *c = context;
    ep__convert(c->to, c->out + ep_dtype_bytes(c->to, begin), c->from,
                c->in + ep_dtype_bytes(c->from, begin), end - begin, c->saturate);
}

void ep__convert_pieces(uint32_t threads, ep_dtype to, void *out, ep_dtype from, const void *in,
                        uint64_t n, bool saturate)
{
    conversion c = {.to = to, .from = from, .out = out, .in = in, .saturate = saturate};
    ep_parallel(threads, n, EP__PIECE, convert_piece, &c);
}

ep_status ep__widened(const ep__call *call, const ep_array *array, const void **out, ep_error *err)
{
    const ep_dtype wide = ep__wide(array->dtype);
    if (wide == EP_DTYPE_UNDEFINED) return ep__bad_dtype(array, err);
    *out = array->data;
    if (wide == array->dtype) return EP_OK;
    void *copy = ep_arena_take_raw(call->scratch, array->n, sizeof(uint64_t));
    if (!copy) return ep_fail_memory(err);
    ep__convert_pieces(call->threads, wide, copy, array->dtype, array->data, array->n, false);
    *out = copy;
    return EP_OK;
}

void ep__limits(ep_dtype dtype, ep__number *low, ep__number *high)
{
    const unsigned bits = ep_dtype_bits(dtype);
    switch (ep__wide(dtype)) {
    case EP_DTYPE_UINT64:
        low->u = 0;
        high->u = UINT64_MAX;
        break;
    case EP_DTYPE_INT64: {
        const bool is_signed = dtype == EP_DTYPE_INT4 || dtype == EP_DTYPE_INT8 ||
                               dtype == EP_DTYPE_INT16 || dtype == EP_DTYPE_INT32 ||
                               dtype == EP_DTYPE_INT64;
        high->i = dtype == EP_DTYPE_BOOL ? 1
                  : is_signed            ? (int64_t)(UINT64_MAX >> (65 - bits))
                                         : (int64_t)(UINT64_MAX >> (64 - bits));
        low->i = is_signed ? -high->i - 1 : 0;
        break;
    }
    default: high->d = (double)INFINITY; low->d = -(double)INFINITY;
    }
}
