/* Random numbers: RandomNormal, RandomUniform, their Like forms, Bernoulli, Multinomial, Dropout.
 *
 * The generator is MT19937 (Matsumoto and Nishimura, 1998), initialised from one 32-bit number by
 * its init_genrand, with 53 random bits a double, as numpy.random.seed and random_sample do. The
 * seed is the node's or, without one, a hash of its name: a network computes the same every time.
 */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

enum { STATE = 624, MIDDLE = 397 };

typedef struct generator {
    uint32_t state[STATE];
    int used;
} generator;

static void start(generator *g, uint32_t seed)
{
    g->used = STATE;
    for (uint32_t i = 0; i < STATE; i++) {
        g->state[i] = seed;
        seed = 1812433253U * (seed ^ seed >> 30) + i + 1;
    }
}

static void refill(generator *g)
{
    for (int i = 0; i < STATE; i++) {
        const uint32_t joined =
            (g->state[i] & 0x80000000U) | (g->state[(i + 1) % STATE] & 0x7fffffffU);
        g->state[i] = g->state[(i + MIDDLE) % STATE] ^ joined >> 1 ^ (joined & 1 ? 0x9908b0dfU : 0);
    }
    g->used = 0;
}

static uint32_t next_word(generator *g)
{
    if (g->used == STATE) refill(g);
    uint32_t word = g->state[g->used++];
    word ^= word >> 11;
    word ^= word << 7 & 0x9d2c5680U;
    word ^= word << 15 & 0xefc60000U;
    return word ^ word >> 18;
}

/* 0 <= x < 1 */
static double next_uniform(generator *g)
{
    const uint32_t high = next_word(g) >> 5, low = next_word(g) >> 6;
    return ((double)high * 67108864 + (double)low) / 9007199254740992;
}

/* Box and Muller's transform, of which one half is used. */
static double next_normal(generator *g)
{
    const double radius = sqrt(-2 * log(1 - next_uniform(g)));
    return radius * cos(2 * 3.14159265358979323846 * next_uniform(g));
}

/* FNV-1a */
static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261U;
    for (; *text; text++) h = (h ^ (uint8_t)*text) * 16777619U;
    return h;
}

/* Dropout's seed is an integer, all others' are floats, most of them whole. */
static void start_node(generator *g, const ep_node *node)
{
    const ep_attr *seed = ep_attr_find(node, "seed");
    if (seed && seed->type == EP_ATTR_INT) {
        start(g, (uint32_t)seed->i);
    } else if (seed && seed->type == EP_ATTR_FLOAT) {
        uint32_t bits;
        memcpy(&bits, &seed->f, sizeof bits);
        const bool whole = seed->f >= 0 && seed->f < 0x1p32F && floorf(seed->f) == seed->f;
        start(g, whole ? (uint32_t)seed->f : bits);
    } else {
        start(g, hash(node->name));
    }
}

/* ---- operators ----------------------------------------------------------------------------- */

static ep_status store(const ep__call *call, const double *values, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, values, out->n, true);
    return EP_OK;
}

/* `a` + `b` times what `draw` gives. */
static ep_status fill(ep__call *call, double (*draw)(generator *g), double a, double b,
                      ep_error *err)
{
    const uint64_t n = ep__out(call, 0)->n;
    generator g;
    double *values = EP_NEW(call->scratch, double, n);
    if (!values) return ep_fail_memory(err);
    start_node(&g, call->node);
    for (uint64_t i = 0; i < n; i++) values[i] = a + b * draw(&g);
    return store(call, values, err);
}

static double attr(const ep__call *call, const char *name, float otherwise)
{
    return (double)ep_attr_float(call->node, name, otherwise);
}

ep_status ep__kernel_RandomNormal(ep__call *call, ep_error *err)
{
    return fill(call, next_normal, attr(call, "mean", 0), attr(call, "scale", 1), err);
}

ep_status ep__kernel_RandomNormalLike(ep__call *call, ep_error *err)
{
    return ep__kernel_RandomNormal(call, err);
}

ep_status ep__kernel_RandomUniform(ep__call *call, ep_error *err)
{
    const double low = attr(call, "low", 0);
    return fill(call, next_uniform, low, attr(call, "high", 1) - low, err);
}

ep_status ep__kernel_RandomUniformLike(ep__call *call, ep_error *err)
{
    return ep__kernel_RandomUniform(call, err);
}

/* 1 with the probability that the input states. */
ep_status ep__kernel_Bernoulli(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    const void *wide;
    generator g;
    if (ep__wide(in->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    if (in->n != out->n) return ep__bad_out_shape(out, err);
    EP_TRY(ep__widened(call, in, &wide, err));
    double *values = EP_NEW(call->scratch, double, in->n);
    if (!values) return ep_fail_memory(err);
    start_node(&g, call->node);
    for (uint64_t i = 0; i < in->n; i++) {
        values[i] = next_uniform(&g) < ((const double *)wide)[i] ? 1 : 0;
    }
    return store(call, values, err);
}

/* Rows of logarithms of weights become their running sums, of which the last is returned. */
static double accumulate(int64_t n, const double *logs, double *sums)
{
    double max = -(double)INFINITY, sum = 0;
    for (int64_t k = 0; k < n; k++) max = fmax(max, logs[k]);
    for (int64_t k = 0; k < n; k++) {
        sum += exp(logs[k] - max);
        sums[k] = sum;
    }
    return sum;
}

ep_status ep__kernel_Multinomial(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    const void *wide;
    generator g;
    if (ep__wide(in->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    EP_FAIL_IF(in->shape.rank != 2 || out->shape.rank != 2 ||
                   in->shape.dims[0] != out->shape.dims[0] ||
                   (in->shape.dims[1] == 0 && out->n > 0),
               err, EP_BAD_SHAPE, "needs rows of classes");
    const int64_t rows = in->shape.dims[0], classes = in->shape.dims[1];
    const int64_t samples = out->shape.dims[1];
    EP_TRY(ep__widened(call, in, &wide, err));
    double *values = EP_NEW(call->scratch, double, out->n);
    double *sums = EP_NEW(call->scratch, double, (uint64_t)classes);
    if (!values || !sums) return ep_fail_memory(err);
    start_node(&g, call->node);
    for (int64_t row = 0; out->n > 0 && row < rows; row++) {
        const double sum = accumulate(classes, (const double *)wide + row * classes, sums);
        for (int64_t i = 0; i < samples; i++) {
            const double drawn = next_uniform(&g) * sum;
            int64_t k = 0;
            while (k < classes - 1 && !(drawn < sums[k])) k++;
            values[row * samples + i] = (double)k;
        }
    }
    return store(call, values, err);
}

/* ---- Dropout ------------------------------------------------------------------------------- */

/* What is dropped with probability `ratio`; the rest grows, so that sums are as before. */
static ep_status drop(const ep__call *call, double ratio, uint8_t *kept, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    const void *wide;
    generator g;
    EP_FAIL_IF(!(ratio >= 0 && ratio < 1), err, EP_BAD_MODEL, "ratio %g is outside [0, 1)", ratio);
    if (ep__wide(in->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    EP_TRY(ep__widened(call, in, &wide, err));
    double *values = EP_NEW(call->scratch, double, in->n);
    if (!values) return ep_fail_memory(err);
    start_node(&g, call->node);
    for (uint64_t i = 0; i < in->n; i++) {
        kept[i] = next_uniform(&g) >= ratio;
        values[i] = kept[i] ? ((const double *)wide)[i] / (1 - ratio) : 0;
    }
    return ep__out(call, 0) ? store(call, values, err) : EP_OK;
}

/* Drops only when it is told to train, which opset 12 made possible. */
ep_status ep__kernel_Dropout(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *ratio = ep__in(call, 1), *training = ep__in(call, 2);
    ep_array *out = ep__out(call, 0), *mask = ep__out(call, 1);
    EP_FAIL_IF((ratio && ep__wide(ratio->dtype) != EP_DTYPE_DOUBLE) ||
                   (training && training->dtype != EP_DTYPE_BOOL),
               err, EP_BAD_MODEL, "'ratio' must be a float, 'training_mode' a bool");
    const double p = ratio ? ep__first(ratio) : 0.5;
    if (out && (out->n != in->n || out->dtype != in->dtype)) return ep__bad_out_shape(out, err);
    if (mask && mask->n != in->n) return ep__bad_out_shape(mask, err);
    if (!mask && !training) {
        if (out) memcpy(out->data, in->data, (size_t)ep_dtype_bytes(in->dtype, in->n));
        return EP_OK;
    }
    uint8_t *kept = EP_NEW(call->scratch, uint8_t, in->n);
    if (!kept) return ep_fail_memory(err);
    if (training && ep__first(training) != 0 && p != 0) {
        EP_TRY(drop(call, p, kept, err));
    } else {
        memset(kept, 1, (size_t)in->n);
        if (out) memcpy(out->data, in->data, (size_t)ep_dtype_bytes(in->dtype, in->n));
    }
    if (!mask) return EP_OK;
    if (ep__wide(mask->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(mask, err);
    ep__convert(mask->dtype, mask->data, EP_DTYPE_BOOL, kept, in->n, false);
    return EP_OK;
}
