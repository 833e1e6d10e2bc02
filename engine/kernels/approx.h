/* Exponentials of floats without branches or calls, so that compilers make vector code of the loops
 * that use them: within three units in the last place, and with the same bits on
 * every processor. NaN stays NaN, what overflows is an infinity.
 *
 * The macros take float or double; a double goes to the library.
 */
#ifndef EP_ENGINE_APPROX_H
#define EP_ENGINE_APPROX_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float ep__float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t ep__bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* 2^k r, with the polynomial of Cephes (Moshier 1989) for exp(r), |r| <= log(2) / 2. */
static inline float ep__expf(float x)
{
    const float round = 0x1.8p23F; /* a sum with it has no fraction */
    const float log2_e = 1.44269504F, ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;
    const float least = -104, most = 89; /* beyond, the result is 0 or infinite */
    x = x < least ? least : x;
    x = x > most ? most : x;
    const float shifted = x * log2_e + round, k = shifted - round;
    const float r = x - k * ln2_high - k * ln2_low;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1;
    /* in two steps: 2^k itself may be outside the range of floats; for NaN any k will do */
    const int32_t n = (int32_t)(ep__bits_of_float(shifted) - ep__bits_of_float(round));
    const int32_t half = n >> 1;
    const float scale = ep__float_of_bits((uint32_t)(half + 127) << 23);
    const float rest = ep__float_of_bits((uint32_t)(n - half + 127) << 23);
    return p * scale * rest;
}

static inline float ep__sigmoidf(float x)
{
    const float e = ep__expf(-fabsf(x));
    return (x < 0 ? e : 1) / (1 + e);
}

/* Cephes, too. */
static inline float ep__tanhf(float x)
{
    const float a = fabsf(x), z = x * x;
    float p = -5.70498872745e-3F;
    p = p * z + 2.06390887954e-2F;
    p = p * z - 5.37397155531e-2F;
    p = p * z + 1.33314422036e-1F;
    p = p * z - 3.33332819422e-1F;
    const float large = copysignf(1 - 2 / (ep__expf(2 * a) + 1), x);
    return a < 0.625F ? p * z * x + x : large;
}

/* Minimax polynomials of N. Juffa (2015) for erf and log(1 - erf). */
static inline float ep__erff(float x)
{
    const float a = fabsf(x), z = x * x;
    float high = -1.72853470e-5F * a + 3.83197126e-4F;
    const float middle = -3.88396438e-3F * a + 2.42546219e-2F;
    high = high * z + middle;
    high = high * a - 1.06777877e-1F;
    high = high * a - 6.34846687e-1F;
    high = high * a - 1.28717512e-1F;
    high = high * a - a;
    const float large = copysignf(1 - ep__expf(high), x);
    float p = -5.96761703e-4F;
    p = p * z + 4.99119423e-3F;
    p = p * z - 2.67681349e-2F;
    p = p * z + 1.12819925e-1F;
    p = p * z - 3.76125336e-1F;
    p = p * z + 1.28379166e-1F;
    return a > 0.927734375F ? large : p * x + x;
}

static inline double ep__sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

#define EP__EXP(x) _Generic((x), float : ep__expf, double : exp)(x)
#define EP__TANH(x) _Generic((x), float : ep__tanhf, double : tanh)(x)
#define EP__ERF(x) _Generic((x), float : ep__erff, double : erf)(x)
#define EP__SIGMOID(x) _Generic((x), float : ep__sigmoidf, double : ep__sigmoid)(x)

#endif
