/* Floats of at most 16 bits: one description a format, one way of coding. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

typedef struct format {
    int mantissa_bits;
    int exponent_bits;
    int bias;
    uint16_t max;       /* code of the greatest finite value */
    uint16_t infinity;  /* 0: the format has none */
    uint16_t nan;       /* one of its codes; 0: it has none */
    bool unsigned_zero; /* the code of -0 is NaN's */
} format;

/* IEEE 754 binary16; bfloat16; OCP 8-bit floats E4M3 and E5M2 and their FNUZ variants ("FP8
 * Formats for Deep Learning", and Graphcore's); OCP MX E2M1 */
static const format formats[EP__DTYPES] = {
    [EP_DTYPE_FLOAT16] = {10, 5, 15, 0x7bff, 0x7c00, 0x7e00, false},
    [EP_DTYPE_BFLOAT16] = {7, 8, 127, 0x7f7f, 0x7f80, 0x7fc0, false},
    [EP_DTYPE_FLOAT8E4M3FN] = {3, 4, 7, 0x7e, 0, 0x7f, false},
    [EP_DTYPE_FLOAT8E4M3FNUZ] = {3, 4, 8, 0x7f, 0, 0x80, true},
    [EP_DTYPE_FLOAT8E5M2] = {2, 5, 15, 0x7b, 0x7c, 0x7f, false},
    [EP_DTYPE_FLOAT8E5M2FNUZ] = {2, 5, 16, 0x7f, 0, 0x80, true},
    [EP_DTYPE_FLOAT4E2M1] = {1, 2, 1, 0x7, 0, 0, false},
};

/* IEEE 754 binary64 */
enum { DOUBLE_MANTISSA = 52, DOUBLE_BIAS = 1023 };

bool ep__is_narrow(ep_dtype dtype)
{
    return formats[dtype].mantissa_bits != 0;
}

static int sign_bit(const format *f)
{
    return f->mantissa_bits + f->exponent_bits;
}

double ep__narrow_decode(ep_dtype dtype, uint16_t code)
{
    const format *f = &formats[dtype];
    const unsigned sign = 1u << sign_bit(f), magnitude = code & (sign - 1u);
    if (f->unsigned_zero ? code == f->nan : magnitude > f->max && magnitude != f->infinity) {
        return (double)NAN;
    }
    const unsigned exponent = magnitude >> f->mantissa_bits;
    const uint64_t mantissa = magnitude & ((1u << f->mantissa_bits) - 1u);
    double value;
    if (f->infinity && magnitude == f->infinity) {
        value = (double)INFINITY;
    } else if (exponent == 0) {
        value = ldexp((double)mantissa, 1 - f->bias - f->mantissa_bits);
    } else {
        const uint64_t wide_exponent = (uint64_t)((int)exponent - f->bias + DOUBLE_BIAS);
        const uint64_t bits =
            wide_exponent << DOUBLE_MANTISSA | mantissa << (DOUBLE_MANTISSA - f->mantissa_bits);
        memcpy(&value, &bits, sizeof value);
    }
    return code & sign ? -value : value;
}

/* `value` >> `shift`, rounded to nearest, ties to even; 1 <= shift. */
static uint64_t shift_rounded(uint64_t value, int shift)
{
    if (shift > DOUBLE_MANTISSA + 2) return 0;
    const uint64_t half = (uint64_t)1 << (shift - 1);
    const uint64_t rest = value & (2 * half - 1), kept = value >> shift;
    return kept + (rest > half || (rest == half && (kept & 1)));
}

/* The code of |value|, finite. Codes ascend with values, and rounding up carries from the mantissa
 * into the exponent by itself. May be beyond the greatest code. */
static uint64_t encode_magnitude(const format *f, uint64_t double_bits)
{
    const uint64_t hidden = (uint64_t)1 << DOUBLE_MANTISSA;
    const int exponent = (int)(double_bits >> DOUBLE_MANTISSA) - DOUBLE_BIAS;
    if (exponent == -DOUBLE_BIAS) return 0; /* far below any of our formats */
    const int least = 1 - f->bias, below = exponent < least ? least - exponent : 0;
    const uint64_t mantissa = (double_bits & (hidden - 1)) | hidden;
    const uint64_t rounded = shift_rounded(mantissa, DOUBLE_MANTISSA - f->mantissa_bits + below);
    const int base = (below ? least : exponent) + f->bias - 1;
    return ((uint64_t)base << f->mantissa_bits) + rounded;
}

uint16_t ep__narrow_encode(ep_dtype dtype, double value, bool saturate)
{
    const format *f = &formats[dtype];
    assert(f->mantissa_bits);
    if (isnan(value)) return f->nan ? f->nan : f->max;
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint64_t double_sign = (uint64_t)1 << 63;
    const bool negative = bits & double_sign;
    uint64_t code = isinf(value) ? UINT16_MAX : encode_magnitude(f, bits & (double_sign - 1));
    if (code > f->max) {
        if (saturate || !f->nan) {
            code = f->max;
        } else if (f->infinity) {
            code = f->infinity;
        } else {
            code = f->nan;
        }
    }
    if (negative && (code > 0 || !f->unsigned_zero)) code |= (uint64_t)1 << sign_bit(f);
    return (uint16_t)code;
}
