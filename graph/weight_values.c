/* Values for weights: a function of seed and index, so that they can be made in any order. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "graph/onnx_rewrite.h"

/* A binary floating-point format; bits of the significand count the hidden one. */
typedef struct format {
    int significand_bits, least_exponent; /* of the smallest normal number, as frexp counts */
} format;

static format format_of(ep_dtype dtype)
{
    switch (dtype) {
    case EP_DTYPE_FLOAT16: return (format){11, -13};
    case EP_DTYPE_BFLOAT16: return (format){8, -125};
    case EP_DTYPE_FLOAT: return (format){24, -125};
    default: assert(dtype == EP_DTYPE_DOUBLE); return (format){53, -1021};
    }
}

bool ep__is_weight_type(ep_dtype dtype)
{
    return dtype == EP_DTYPE_FLOAT || dtype == EP_DTYPE_DOUBLE || dtype == EP_DTYPE_FLOAT16 ||
           dtype == EP_DTYPE_BFLOAT16;
}

/* ---- coding -------------------------------------------------------------------------------- */

static uint16_t encode_16(ep_dtype dtype, double value)
{
    const format f = format_of(dtype);
    const unsigned hidden = 1u << (f.significand_bits - 1), infinity = 0x8000u - hidden;
    const unsigned sign = signbit(value) ? 0x8000u : 0;
    if (isnan(value)) return (uint16_t)(sign | infinity | hidden >> 1);
    if (isinf(value)) return (uint16_t)(sign | infinity);
    int exponent;
    (void)frexp(value, &exponent);
    if (exponent < f.least_exponent || value == 0) exponent = f.least_exponent;
    const unsigned biased = (unsigned)(exponent - f.least_exponent);
    if (biased > 0xff) return (uint16_t)(sign | infinity);
    /* with the hidden bit; rounding up carries into the exponent by itself */
    const double significand = rint(ldexp(fabs(value), f.significand_bits - exponent));
    const unsigned code = biased * hidden + (unsigned)significand;
    return (uint16_t)(sign | (code < infinity ? code : infinity));
}

void ep__encode_float(ep_dtype dtype, double value, void *out)
{
    if (dtype == EP_DTYPE_DOUBLE) {
        memcpy(out, &value, sizeof value);
    } else if (dtype == EP_DTYPE_FLOAT) {
        const float narrow = (float)value;
        memcpy(out, &narrow, sizeof narrow);
    } else {
        const uint16_t code = encode_16(dtype, value);
        memcpy(out, &code, sizeof code);
    }
}

/* ---- random numbers ------------------------------------------------------------------------ */

/* SplitMix64 (Steele, Lea, Flood 2014): its i-th number, which needs none before it. */
static uint64_t random_at(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t ep__values_seed(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return random_at(seed, hash);
}

/* Both halves of one number: odd multiples of 2^-32, between -1 and 1. */
static double low_half(uint64_t random)
{
    return ((double)(uint32_t)random + 0.5) * 0x1p-31 - 1;
}

static double high_half(uint64_t random)
{
    return low_half(random >> 32);
}

/* ---- spreads ------------------------------------------------------------------------------- */

/* Steps that may be taken from `center` up and down without leaving the numbers that the type
 * represents: sums of up to 2^29 FLOATs are exact then, and so is their mean. */
static uint32_t steps_around(const ep__values *v, double *step)
{
    enum { ZERO_EXPONENT = -5 }; /* around 0: up to 1/32 */
    const format f = format_of(v->dtype);
    const int bits = f.significand_bits < 24 ? f.significand_bits : 24;
    int exponent = ZERO_EXPONENT;
    const double center = fabs(v->center);
    *step = 0;
    if (!isfinite(center)) return 0;
    if (center > 0) (void)frexp(center, &exponent);
    if (exponent < f.least_exponent) return 0;
    *step = ldexp(1, exponent - bits);
    const double top = ldexp(1, exponent) - center, bottom = center > 0 ? center / 2 : top;
    return (uint32_t)(fmin(top, bottom) / *step);
}

/* Elements come in pairs, one as far above the center as the other is below; an odd last one is the
 * center. */
static void around_mean(const ep__values *v, uint64_t begin, uint64_t end, uint8_t *out,
                        size_t width)
{
    double step;
    const uint32_t steps = steps_around(v, &step);
    for (uint64_t i = begin; i < end; i += 2) {
        const uint64_t random = random_at(v->seed, i / 2);
        const double away = floor(high_half(random) * steps) * step;
        const bool pair = i + 1 < v->n;
        ep__encode_float(v->dtype, pair ? v->center + away : v->center, out);
        out += width;
        if (i + 1 == end) break;
        ep__encode_float(v->dtype, v->center - away, out);
        out += width;
    }
}

static void uniform(const ep__values *v, uint64_t begin, uint64_t end, uint8_t *out, size_t width)
{
    const double reach = sqrt(3 * v->variance);
    for (uint64_t i = begin; i < end; i += 2) {
        const uint64_t random = random_at(v->seed, i / 2);
        ep__encode_float(v->dtype, low_half(random) * reach, out);
        out += width;
        if (i + 1 == end) break;
        ep__encode_float(v->dtype, high_half(random) * reach, out);
        out += width;
    }
}

void ep__values_make(const ep__values *values, uint64_t begin, uint64_t end, void *out)
{
    const size_t width = (size_t)ep_dtype_bytes(values->dtype, 1);
    uint8_t *at = out;
    assert(begin % 2 == 0 && begin <= end && end <= values->n);
    switch (values->spread) {
    case EP__AROUND_MEAN: around_mean(values, begin, end, at, width); break;
    case EP__UNIFORM: uniform(values, begin, end, at, width); break;
    case EP__CONSTANT:
        for (uint64_t i = begin; i < end; i++, at += width) {
            ep__encode_float(values->dtype, values->center, at);
        }
    }
}
