/* numerics_fixture: a plan of a small model, run as its devices compute, and a soft-float for
 * halves.
 *
 *     planned p = {0};
 *     onnx_input(&p.f.model, ..); ..
 *     plan(&p, "gpu", EP_CHOOSE_FP16);
 *     set_scale(&p, "x", 0.1F);             // of INT8
 *     p.half_sums = true;                   // the GPU adds up in FP16
 *     const float *y = run(&p, x)->data;
 *     stop(&p);
 */
#ifndef NUMERICS_FIXTURE_H
#define NUMERICS_FIXTURE_H

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "tests/unit/plan_fixture.h"

typedef struct planned {
    fixture f;
    ep_network *ready;
    ep_session *session;
    ep_precision *stored;
    float *scales;
    bool half_sums;   /* of the GPU */
    uint32_t threads; /* 0: 2 */
} planned;

static inline void plan(planned *p, const char *strategy, ep_precision_choice precision)
{
    build_layers(&p->f);
    make_plan(&p->f, strategy, precision);
    const uint32_t n = p->f.network->n_tensors;
    p->stored = calloc(n, sizeof *p->stored);
    p->scales = calloc(n, sizeof *p->scales);
    assert_true(p->stored && p->scales);
    for (uint32_t t = 0; t < n; t++) {
        p->stored[t] = ep_sim_tensor_precision(p->f.plan, p->f.layers->root[t], EP_FP32);
    }
}

static inline void set_scale(planned *p, const char *tensor, float scale)
{
    p->scales[tensor_index(&p->f, tensor)] = scale;
}

static inline ep_status try_start(planned *p, ep_error *err)
{
    const ep_numerics numerics = {.imported = p->f.imported,
                                  .plan = p->f.plan,
                                  .stored = p->stored,
                                  .scales = p->scales,
                                  .half_sums = {[EP_GPU] = p->half_sums}};
    const ep_session_options options = {
        .keep_all = true, .threads = p->threads ? p->threads : 2, .numerics = &numerics};
    const ep_specialize_options to_run = {.to_run = true};
    if (ep_specialize(p->f.imported, &to_run, &p->ready, err) != EP_OK) fail_msg("%s", err->text);
    return ep_session_new(p->ready, &options, &p->session, err);
}

/* Runs it on one input; the result is the session's. */
static inline const ep_array *run(planned *p, const float *x)
{
    ep_error err = {0};
    if (!p->session && try_start(p, &err) != EP_OK) fail_msg("%s", err.text);
    const ep_tensor *input = &p->ready->tensors[p->ready->inputs[0]];
    const ep_array array = {.dtype = EP_DTYPE_FLOAT,
                            .shape = input->shape,
                            .n = ep_tensor_elements(input),
                            .data = (void *)(uintptr_t)x};
    if (ep_session_run(p->session, &array, &err) != EP_OK) fail_msg("%s", err.text);
    return ep_session_output(p->session, 0);
}

static inline ep_loss loss_of(const planned *p, const char *tensor)
{
    return ep_session_losses(p->session)[tensor_index(&p->f, tensor)];
}

static inline void stop(planned *p)
{
    ep_session_free(p->session);
    ep_network_free(p->ready);
    free(p->stored);
    free(p->scales);
    fixture_free(&p->f);
}

/* The same numbers on every run: -1 .. 1, multiples of 2^-11 so that their products are exact. */
static inline float number(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (float)((int32_t)(*state >> 20) - 2048) / 2048;
}

static inline float *numbers(size_t n, uint32_t seed)
{
    float *list = malloc((n ? n : 1) * sizeof *list);
    assert_non_null(list);
    for (size_t i = 0; i < n; i++) list[i] = number(&seed);
    return list;
}

/* Half number `code`, 0 to 0x7c00, by the definition of binary16. */
static inline double half(unsigned code)
{
    const unsigned exponent = code >> 10, mantissa = code & 0x3ff;
    if (exponent == 31) return INFINITY;
    return exponent ? ldexp(1024 + mantissa, (int)exponent - 25) : ldexp(mantissa, -24);
}

/* The nearest half, ties to the even code; halfway from the last to 2^16 is infinite. */
static inline double soft_half(double x)
{
    const double size = fabs(x);
    if (isnan(x)) return x;
    unsigned low = 0, high = 0x7c00; /* half(low) <= size */
    while (high - low > 1) {
        const unsigned middle = (low + high) / 2;
        *(half(middle) <= size ? &low : &high) = middle;
    }
    const double above = high == 0x7c00 ? 65536 : half(high);
    const double middle = (half(low) + above) / 2;
    const bool up = size > middle || (!(size < middle) && low % 2 == 1);
    return copysign(up ? half(high) : half(low), x);
}

#endif
