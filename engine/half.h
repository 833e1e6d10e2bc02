/* Private to engine: floats that hold what IEEE 754 binary16 can. */
#ifndef EP_ENGINE_HALF_H
#define EP_ENGINE_HALF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t ep__bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float ep__float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* The nearest half, to even, with subnormals; 65520 and above: infinity. */
static inline float ep__to_half(float x)
{
    const uint32_t sign = ep__bits_of(x) & 0x80000000U, size = ep__bits_of(x) ^ sign;
    /* what is below 2^-14 is a multiple of 2^-24, as floats from 0.5 to 1 are */
    const float small = (ep__float_of(size) + 0.5F) - 0.5F;
    uint32_t normal = (size + 0xfffU + (size >> 13 & 1)) & ~0x1fffU;
    normal = normal >= 0x47800000U ? 0x7f800000U : normal; /* 65520 and above */
    uint32_t result = size < 0x38800000U ? ep__bits_of(small) : normal;
    result = size > 0x7f800000U ? size : result; /* NaN */
    return ep__float_of(result | sign);
}

/* True when `x` was finite and its half is not. */
static inline bool ep__half_overflows(float x, float half)
{
    const bool infinite = (ep__bits_of(half) & 0x7fffffffU) == 0x7f800000U;
    return infinite && ep__bits_of(x) != ep__bits_of(half);
}

#endif
