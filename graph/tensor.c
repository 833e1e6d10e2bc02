/* Element types, shapes, and reading small constants. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/tensor_internal.h"

/* ---- element types ------------------------------------------------------------------------- */

bool ep_dtype_valid(int64_t number)
{
    return number > EP_DTYPE_UNDEFINED && number <= EP_DTYPE_FLOAT4E2M1;
}

const char *ep_dtype_name(ep_dtype dtype)
{
    static const char *const names[] = {
#define X(id, name, number, bits) [number] = (name),
        EP_DTYPE_MAP(X)
#undef X
    };
    return names[dtype];
}

unsigned ep_dtype_bits(ep_dtype dtype)
{
    static const uint8_t bits_of[] = {
#define X(id, name, number, bits) [number] = (bits),
        EP_DTYPE_MAP(X)
#undef X
    };
    return bits_of[dtype];
}

bool ep_dtype_is_float(ep_dtype dtype)
{
    switch (dtype) {
    case EP_DTYPE_FLOAT:
    case EP_DTYPE_DOUBLE:
    case EP_DTYPE_FLOAT16:
    case EP_DTYPE_BFLOAT16:
    case EP_DTYPE_FLOAT8E4M3FN:
    case EP_DTYPE_FLOAT8E4M3FNUZ:
    case EP_DTYPE_FLOAT8E5M2:
    case EP_DTYPE_FLOAT8E5M2FNUZ:
    case EP_DTYPE_FLOAT4E2M1: return true;
    default: return false;
    }
}

uint64_t ep_dtype_bytes(ep_dtype dtype, uint64_t elements)
{
    uint64_t bytes;
    const unsigned bits = ep_dtype_bits(dtype);
    if (bits == 0) return 0;
    if (bits < 8) return ep_div_up(elements, 8 / bits);
    return ep_mul_overflows(elements, bits / 8, &bytes) ? UINT64_MAX : bytes;
}

/* ---- shapes -------------------------------------------------------------------------------- */

#define MAX_ELEMENTS ((uint64_t)1 << 62)

ep_status ep_shape_elements(const ep_shape *shape, uint64_t *out, ep_error *err)
{
    char text[EP_SHAPE_TEXT];
    uint64_t elements = 1;
    bool empty = false, overflow = false;
    assert(shape->rank >= 0 && shape->rank <= EP_MAX_RANK);
    for (int i = 0; i < shape->rank; i++) {
        EP_FAIL_IF(shape->dims[i] < 0, err, EP_BAD_SHAPE,
                   "dimension %d of %s is unknown or "
                   "negative",
                   i, ep_shape_text(shape, text));
        empty = empty || shape->dims[i] == 0;
        overflow = overflow || ep_mul_overflows(elements, (uint64_t)shape->dims[i], &elements) ||
                   elements > MAX_ELEMENTS;
    }
    EP_FAIL_IF(overflow && !empty, err, EP_BAD_SHAPE, "shape %s has more than 2^62 elements",
               ep_shape_text(shape, text));
    *out = empty ? 0 : elements;
    return EP_OK;
}

bool ep_shape_equal(const ep_shape *a, const ep_shape *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) return false;
    }
    return true;
}

const char *ep_shape_text(const ep_shape *shape, char buffer[EP_SHAPE_TEXT])
{
    size_t used = 0;
    (void)snprintf(buffer, EP_SHAPE_TEXT, "scalar");
    for (int i = 0; i < shape->rank; i++) {
        const char *times = i ? "x" : "";
        const int64_t dim = shape->dims[i];
        const int length =
            dim == EP_DIM_UNKNOWN
                ? snprintf(buffer + used, EP_SHAPE_TEXT - used, "%s?", times)
                : snprintf(buffer + used, EP_SHAPE_TEXT - used, "%s%lld", times, (long long)dim);
        assert(length > 0);
        used += (size_t)length;
    }
    assert(used < EP_SHAPE_TEXT);
    return buffer;
}

/* ---- values -------------------------------------------------------------------------------- */

uint64_t ep_tensor_elements(const ep_tensor *tensor)
{
    uint64_t elements = 0;
    const ep_status status = ep_shape_elements(&tensor->shape, &elements, NULL);
    assert(tensor->has_shape && status == EP_OK);
    (void)status;
    return elements;
}

bool ep_tensor_ints(const ep_tensor *tensor, int64_t *values, uint32_t capacity, uint32_t *count)
{
    uint64_t elements;
    const bool splat = tensor->constness == EP_CONST_SPLAT;
    if (!splat && tensor->constness != EP_CONST_DATA) return false;
    if (tensor->dtype != EP_DTYPE_INT64 && tensor->dtype != EP_DTYPE_INT32) return false;
    if (!tensor->has_shape || ep_shape_elements(&tensor->shape, &elements, NULL) != EP_OK) {
        return false;
    }
    if (elements > capacity) return false;
    const size_t width = tensor->dtype == EP_DTYPE_INT64 ? 8 : 4;
    const uint8_t *at = tensor->data;
    for (uint64_t i = 0; i < elements; i++) {
        int64_t wide;
        int32_t narrow;
        if (tensor->varint) {
            const uint64_t value = ep__varint_next(&at);
            memcpy(&wide, &value, 8);
        } else if (width == 8) {
            memcpy(&wide, at, 8);
        } else {
            memcpy(&narrow, at, 4);
            wide = narrow;
        }
        values[i] = wide;
        if (!tensor->varint && !splat) at += width;
    }
    *count = (uint32_t)elements;
    return true;
}

/* A binary floating-point format narrower than float. */
typedef struct format {
    int exponent_bits, mantissa_bits, bias;
    enum { IEEE, ONE_NAN, ONLY_MINUS_ZERO_NAN, FINITE } specials;
} format;

/* OCP 8-bit and 4-bit formats, their FNUZ variants, IEEE 754 half and its truncated cousin. */
static bool format_of(ep_dtype dtype, format *out)
{
    switch (dtype) {
    case EP_DTYPE_FLOAT16: *out = (format){5, 10, 15, IEEE}; return true;
    case EP_DTYPE_BFLOAT16: *out = (format){8, 7, 127, IEEE}; return true;
    case EP_DTYPE_FLOAT8E4M3FN: *out = (format){4, 3, 7, ONE_NAN}; return true;
    case EP_DTYPE_FLOAT8E4M3FNUZ: *out = (format){4, 3, 8, ONLY_MINUS_ZERO_NAN}; return true;
    case EP_DTYPE_FLOAT8E5M2: *out = (format){5, 2, 15, IEEE}; return true;
    case EP_DTYPE_FLOAT8E5M2FNUZ: *out = (format){5, 2, 16, ONLY_MINUS_ZERO_NAN}; return true;
    case EP_DTYPE_FLOAT4E2M1: *out = (format){2, 1, 1, FINITE}; return true;
    default: return false;
    }
}

static double decode(const format *f, uint32_t bits)
{
    const uint32_t mantissa = bits & ((1u << f->mantissa_bits) - 1);
    const int top = (1 << f->exponent_bits) - 1;
    const int exponent = (int)(bits >> f->mantissa_bits) & top;
    const bool negative = bits >> (f->mantissa_bits + f->exponent_bits) & 1;
    const double sign = negative ? -1 : 1;
    if (f->specials == IEEE && exponent == top) return mantissa ? NAN : sign * INFINITY;
    if (f->specials == ONE_NAN && exponent == top && mantissa == 7) return NAN;
    if (f->specials == ONLY_MINUS_ZERO_NAN && negative && !exponent && !mantissa) return NAN;
    if (exponent == 0) return sign * ldexp(mantissa, 1 - f->bias - f->mantissa_bits);
    const uint32_t significand = mantissa | 1u << f->mantissa_bits;
    return sign * ldexp(significand, exponent - f->bias - f->mantissa_bits);
}

/* Sign-extends the low `bits` of `value`. */
static int64_t sign_extend(uint64_t value, unsigned bits)
{
    const uint64_t sign = (uint64_t)1 << (bits - 1);
    return (int64_t)((value ^ sign) - sign);
}

bool ep_tensor_scalar(const ep_tensor *tensor, double *value)
{
    uint64_t elements;
    if (tensor->constness == EP_CONST_DATA) {
        if (!tensor->has_shape || tensor->varint) return false;
        if (ep_shape_elements(&tensor->shape, &elements, NULL) != EP_OK || elements != 1) {
            return false;
        }
    } else if (tensor->constness != EP_CONST_SPLAT) {
        return false;
    }
    const unsigned bits = ep_dtype_bits(tensor->dtype);
    if (bits == 0 || tensor->dtype == EP_DTYPE_COMPLEX64 || bits > 64) return false;
    uint64_t raw = 0;
    float single;
    format f;
    memcpy(&raw, tensor->data, (size_t)ep_dtype_bytes(tensor->dtype, 1));
    if (bits < 8) raw &= (1u << bits) - 1;
    switch (tensor->dtype) {
    case EP_DTYPE_DOUBLE: memcpy(value, &raw, 8); return true;
    case EP_DTYPE_FLOAT:
        memcpy(&single, &raw, 4);
        *value = (double)single;
        return true;
    case EP_DTYPE_INT4:
    case EP_DTYPE_INT8:
    case EP_DTYPE_INT16:
    case EP_DTYPE_INT32:
    case EP_DTYPE_INT64: *value = (double)sign_extend(raw, bits); return true;
    default: *value = format_of(tensor->dtype, &f) ? decode(&f, (uint32_t)raw) : (double)raw;
    }
    return true;
}

void ep__store_number(ep_dtype dtype, unsigned width, uint64_t value, uint8_t *to)
{
    if (dtype == EP_DTYPE_BOOL) value = value != 0;
    memcpy(to, &value, width);
}

void ep__decode_varints(ep_dtype dtype, const uint8_t *varints, uint64_t bytes, uint8_t *out)
{
    const unsigned bits = ep_dtype_bits(dtype), width = bits < 8 ? 1 : bits / 8;
    for (uint64_t i = 0; i < bytes; i += width) {
        ep__store_number(dtype, width, ep__varint_next(&varints), out + i);
    }
}

void ep_tensor_copy(const ep_tensor *tensor, void *out)
{
    const uint64_t elements = ep_tensor_elements(tensor);
    const uint64_t bytes = ep_dtype_bytes(tensor->dtype, elements);
    assert(tensor->constness == EP_CONST_DATA || tensor->constness == EP_CONST_SPLAT);
    if (tensor->varint) {
        ep__decode_varints(tensor->dtype, tensor->data, bytes, out);
    } else if (tensor->constness == EP_CONST_DATA) {
        if (bytes > 0) memcpy(out, tensor->data, (size_t)bytes);
    } else if (ep_dtype_bits(tensor->dtype) < 8) { /* the element is in the low half */
        const unsigned low = *(const uint8_t *)tensor->data & 0xf;
        memset(out, (int)(low | low << 4), (size_t)bytes);
    } else {
        const size_t size = (size_t)ep_dtype_bytes(tensor->dtype, 1);
        for (uint64_t i = 0; i < elements; i++) {
            memcpy((char *)out + i * size, tensor->data, size);
        }
    }
}
