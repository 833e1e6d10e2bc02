/* Activations of floats, within three units in the last place of the exact value. */
#include <float.h>
#include <math.h>

#include "engine/engine.h"
#include "tests/unit/graph_import.h"

enum { STEPS = 40000 };

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double units_off(float actual, double exact)
{
    int exponent;
    const float nearest = (float)exact;
    if (actual == nearest || (isnan(actual) && isnan(exact))) return 0;
    (void)frexp(exact, &exponent);
    return fabs((double)actual - exact) / ldexp(1, (exponent < -125 ? -125 : exponent) - 24);
}

typedef struct runner {
    onnx_model model;
    ep_network *loaded, *network;
    ep_session *session;
} runner;

static runner run(const char *op, const float *x)
{
    ep_error err = {0};
    runner r = {0};
    char shape[16];
    (void)snprintf(shape, sizeof shape, "%d", STEPS);
    onnx_input(&r.model, "x", EP_DTYPE_FLOAT, shape);
    onnx_node(&r.model, "y = %s(x)", op);
    onnx_output(&r.model, "y", EP_DTYPE_FLOAT, NULL);
    r.loaded = imported(&r.model);
    const ep_specialize_options specialize = {.to_run = true};
    const ep_session_options options = {.threads = 1};
    const ep_array in = {.dtype = EP_DTYPE_FLOAT,
                         .shape = {.rank = 1, .dims = {STEPS}},
                         .n = STEPS,
                         .data = (void *)(uintptr_t)x};
    if (ep_specialize(r.loaded, &specialize, &r.network, &err) != EP_OK ||
        ep_session_new(r.network, &options, &r.session, &err) != EP_OK ||
        ep_session_run(r.session, &in, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return r;
}

static void stop(runner *r)
{
    ep_session_free(r->session);
    ep_network_free(r->network);
    finish(&r->model, r->loaded);
}

static void activations_are_exact_to_three_units(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        double (*function)(double x);
    } rows[] = {{"Exp", exp}, {"Sigmoid", sigmoid}, {"Tanh", tanh}, {"Erf", erf}};
    static float x[STEPS];
    for (int i = 0; i < STEPS; i++) {
        const float t = (float)(i - STEPS / 2) / (STEPS / 2); /* dense around 0, and up to 110 */
        x[i] = 110 * t * t * t;
    }
    const float ends[] = {INFINITY, -INFINITY, NAN, 0, -0.0F, FLT_MAX, -FLT_MAX, FLT_MIN};
    memcpy(x, ends, sizeof ends);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        runner r = run(rows[i].op, x);
        const float *y = ep_session_output(r.session, 0)->data;
        for (int k = 0; k < STEPS; k++) {
            const double exact = rows[i].function((double)x[k]);
            if (!(units_off(y[k], exact) <= 3)) {
                fail_msg("%s(%.9g) is %.9g, expected %.9g", rows[i].op, (double)x[k], (double)y[k],
                         exact);
            }
        }
        stop(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(activations_are_exact_to_three_units)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
