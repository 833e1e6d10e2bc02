/* Rounding to what narrower formats hold. */
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/numerics.h"

enum { PIECE = 1 << 15 };

static inline uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* IEEE 754 binary16, half to even, with subnormals. */
static inline float to_half(float x)
{
    const uint32_t sign = bits_of(x) & 0x80000000U, size = bits_of(x) ^ sign;
    /* what is below 2^-14 is a multiple of 2^-24, as floats from 0.5 to 1 are */
    const float small = (float_of(size) + 0.5F) - 0.5F;
    uint32_t normal = (size + 0xfffU + (size >> 13 & 1)) & ~0x1fffU;
    normal = normal >= 0x47800000U ? 0x7f800000U : normal; /* 65520 and above */
    uint32_t result = size < 0x38800000U ? bits_of(small) : normal;
    result = size > 0x7f800000U ? size : result; /* NaN */
    return float_of(result | sign);
}

/* 10 bits of mantissa, ties away from zero: cvt.rna.tf32.f32 of PTX. */
static inline float to_tf32(float x)
{
    const uint32_t u = bits_of(x);
    const bool finite = (u & 0x7f800000U) != 0x7f800000U;
    return finite ? float_of((u + 0x1000U) & ~0x1fffU) : x;
}

typedef struct job {
    ep__rounding rounding;
    const float *in;
    float *out;
    _Atomic uint64_t lost;
} job;

static uint64_t round_half(uint64_t n, const float *in, float *out)
{
    uint32_t lost = 0;
    for (uint64_t i = 0; i < n; i++) {
        const float x = in[i], y = to_half(x);
        const bool infinite = (bits_of(y) & 0x7fffffffU) == 0x7f800000U;
        lost += infinite && bits_of(x) != bits_of(y) ? 1 : 0;
        out[i] = y;
    }
    return lost;
}

static uint64_t round_int8(float scale, uint64_t n, const float *in, float *out)
{
    uint32_t lost = 0;
    for (uint64_t i = 0; i < n; i++) {
        const float x = in[i] / scale;
        lost += x >= 127.5F || x < -128.5F ? 1 : 0;
        out[i] = ep__to_int8(x) * scale;
    }
    return lost;
}

static void round_piece(uint64_t begin, uint64_t end, void *context)
{
    job *j = context;
    const uint64_t n = end - begin;
    const float *in = j->in + begin;
    float *out = j->out + begin;
    uint64_t lost = 0;
    switch (j->rounding.precision) {
    case EP_FP16: lost = round_half(n, in, out); break;
    case EP_INT8: lost = round_int8(j->rounding.scale, n, in, out); break;
    case EP_TF32:
        for (uint64_t i = 0; i < n; i++) out[i] = to_tf32(in[i]);
        break;
    default: break;
    }
    if (lost) atomic_fetch_add_explicit(&j->lost, lost, memory_order_relaxed);
}

void ep__round(uint32_t threads, ep__rounding rounding, uint64_t n, const float *in, float *out,
               ep_loss *loss)
{
    job j = {.rounding = rounding, .in = in, .out = out};
    ep_parallel(threads, n, PIECE, round_piece, &j);
    loss->n += n;
    if (rounding.precision == EP_FP16) loss->overflowed += j.lost;
    if (rounding.precision == EP_INT8) loss->saturated += j.lost;
}

static void quantize_piece(uint64_t begin, uint64_t end, void *context)
{
    const job *j = context;
    const float scale = j->rounding.scale;
    for (uint64_t i = begin; i < end; i++) j->out[i] = ep__to_int8(j->in[i] / scale);
}

void ep__quantize(uint32_t threads, float scale, uint64_t n, const float *in, float *out)
{
    job j = {.rounding = {EP_INT8, scale}, .in = in, .out = out};
    ep_parallel(threads, n, PIECE, quantize_piece, &j);
}

float ep__largest(uint64_t n, const float *values)
{
    float most = 0;
    for (uint64_t i = 0; i < n; i++) {
        const float size = fabsf(values[i]);
        most = size > most && size < INFINITY ? size : most;
    }
    return most;
}
