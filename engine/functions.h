/* Private to engine: exp and what is made of it, of floats, without branches and calls, so that
 * compilers make vector code of loops over them. Within 3 units in the last place of the exact
 * values; infinities, NaN and -0 come out as they must. Polynomials are least-maximum fits to the
 * functions in double. */
#ifndef EP_ENGINE_FUNCTIONS_H
#define EP_ENGINE_FUNCTIONS_H

#include <stdint.h>

typedef union ep__float_bits {
    float f;
    int32_t i;
    uint32_t u;
} ep__float_bits;

static inline float ep__absolute(float x)
{
    ep__float_bits b = {.f = x};
    b.u &= 0x7fffffffu;
    return b.f;
}

/* The magnitude of `x` with the sign of `sign`. */
static inline float ep__signed(float x, float sign)
{
    const ep__float_bits s = {.f = sign};
    ep__float_bits b = {.f = x};
    b.u |= s.u & 0x80000000u;
    return b.f;
}

/* 2^n for n in -126 .. 127, and anything for others */
static inline float ep__power_of_2(int32_t n)
{
    const ep__float_bits b = {.u = ((uint32_t)n + 127u) << 23};
    return b.f;
}

static inline float ep__exp(float x)
{
    /* beyond these exp is infinite and 0 */
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    /* x = n ln 2 + r; adding 1.5 * 2^23 leaves n in the last bits */
    const ep__float_bits shift = {.f = 12582912.0f};
    const ep__float_bits shifted = {.f = x * 1.44269504f + shift.f};
    const float n = shifted.f - shift.f;
    /* ln 2 in two parts, of which the first has so few bits that its multiples are exact */
    const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.39506003e-3f;
    p = p * r + 8.36895371e-3f;
    p = p * r + 4.16662042e-2f;
    p = p * r + 0.166665183f;
    p = p * r + 0.50000001f;
    p = p * r * r + r + 1.0f;
    /* in two steps: n alone may be beyond the exponents of floats */
    const int32_t whole = (int32_t)(shifted.u - shift.u), half = whole / 2;
    return p * ep__power_of_2(half) * ep__power_of_2(whole - half);
}

static inline float ep__sigmoid(float x)
{
    const float e = ep__exp(-ep__absolute(x)); /* never infinite */
    const float positive = 1.0f / (1.0f + e);
    return x < 0.0f ? e * positive : positive;
}

static inline float ep__tanh(float x)
{
    const float t = ep__absolute(x), s = x * x;
    const float large = 1.0f - 2.0f / (ep__exp(2.0f * t) + 1.0f);
    float p = -5.67238935e-3f;
    p = p * s + 2.06031156e-2f;
    p = p * s - 5.37252209e-2f;
    p = p * s + 0.133311856f;
    p = p * s - 0.333332634f;
    const float small = t + t * s * p;
    return ep__signed(t < 0.625f ? small : large, x);
}

static inline float ep__erf(float x)
{
    /* erf(4) is 1 in floats; the second polynomial is -log(1 - erf) up to there */
    const float t = ep__absolute(x), s = x * x, u = t > 4.0f ? 4.0f : t;
    float p = -6.01339329e-4f;
    p = p * s + 4.99800064e-3f;
    p = p * s - 2.67702314e-2f;
    p = p * s + 0.112819272f;
    p = p * s - 0.376125057f;
    p = p * s + 0.12837915f;
    float q = -1.9572173e-4f;
    q = q * u + 3.04110262e-3f;
    q = q * u - 2.2218487e-2f;
    q = q * u + 0.103914095f;
    q = q * u + 0.637202198f;
    q = q * u + 1.12766377f;
    q = q * u + 1.98545594e-4f;
    const float small = t + t * p, large = 1.0f - ep__exp(-q);
    return ep__signed(t < 0.921875f ? small : large, x);
}

#endif
