/* Hints as steps: the engine computes the same of a network before and after, and the DLA takes
 * what it refused. */
#include <math.h>

#include "planner/planner.h"
#include "study/study.h"
#include "tests/unit/session_fixture.h"

enum { MOST = 4096 };

static ep_machine *orin(void)
{
    ep_machine *machine = NULL;
    assert_int_equal(ep_machine_load(EP_SOURCE_DIR "/hwmodels/orin-agx.yaml",
                                     &(ep_machine_options){0}, &machine, NULL),
                     EP_OK);
    return machine;
}

/* Values of both signs and below and above any bound in here. */
static const float *ramp(uint64_t n)
{
    static float values[MOST];
    for (uint64_t i = 0; i < n; i++) values[i] = (float)(i % 97) / 8 - 6;
    return values;
}

static void run_network(const ep_network *network, const char *shape, float *out, uint64_t *n)
{
    ep_session *session;
    ep_error err = {0};
    ep_array x = array_of(EP_DTYPE_FLOAT, shape, NULL);
    x.data = (void *)(uintptr_t)ramp(x.n);
    if (ep_session_new(network, &(ep_session_options){0}, &session, &err) != EP_OK ||
        ep_session_run(session, &x, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    const ep_array *y = ep_session_output(session, 0);
    *n = y->n;
    assert_true(y->n <= MOST);
    memcpy(out, y->data, y->n * sizeof *out);
    ep_session_free(session);
}

/* What the DLA refuses, with all that has steps in `changes`. */
static uint32_t refused(const ep_network *network, const ep_machine *machine, ep_arena *arena,
                        ep_changes *changes)
{
    ep_layers *layers;
    ep_verdict *verdicts;
    uint32_t n = 0;
    assert_int_equal(ep_layers_build(network, &layers, NULL), EP_OK);
    assert_int_equal(ep_dla_check(layers, machine, EP_INT8, arena, &verdicts, NULL), EP_OK);
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        n += verdicts[l].n_refusals > 0;
        for (uint32_t i = 0; changes && i < verdicts[l].n_refusals; i++) {
            const char *instead = verdicts[l].refusals[i].instead;
            if (instead) changes->instead[layers->layers[l].node] = instead;
        }
    }
    ep_layers_free(layers);
    return n;
}

/* One node of `x`, refused for what its hint changes; `tolerance` of the largest value. */
static void check(const char *node, const char *shape, int opset, double tolerance)
{
    fixture f = {.m.opset = opset};
    ep_machine *machine = orin();
    ep_arena *arena = ep_arena_new();
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, shape);
    onnx_node(&f.m, "r = Relu(x)"); /* so that the node is not the first */
    onnx_node(&f.m, "s = Sub(x, r)");
    onnx_node(&f.m, "t = Add(s, r)"); /* x */
    onnx_node(&f.m, "%s", node);
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    assert_int_equal(onnx_parse(&f.m, &f.network, NULL), EP_OK);
    const ep_specialize_options options = {.to_run = true};
    assert_int_equal(ep_specialize(f.network, &options, &f.ready, NULL), EP_OK);

    ep_changes changes;
    ep_network *after;
    ep_error err = {0};
    assert_int_equal(ep_changes_new(f.ready, arena, &changes, NULL), EP_OK);
    assert_int_equal(refused(f.ready, machine, arena, &changes), 1);
    if (ep_rewrite(f.ready, &changes, &after, &err) != EP_OK) fail_msg("%s: %s", node, err.text);
    if (refused(after, machine, arena, NULL) != 0) fail_msg("%s: still refused", node);

    static float a[MOST], b[MOST];
    uint64_t n_a, n_b;
    run_network(f.ready, shape, a, &n_a);
    run_network(after, shape, b, &n_b);
    assert_int_equal(n_a, n_b);
    double largest = 0;
    for (uint64_t i = 0; i < n_a; i++) largest = fmax(largest, fabs((double)a[i]));
    for (uint64_t i = 0; i < n_a; i++) {
        if (fabs((double)a[i] - (double)b[i]) <= tolerance * largest) continue;
        fail_msg("%s: %g instead of %g", node, (double)b[i], (double)a[i]);
    }
    ep_network_free(after);
    ep_arena_free(arena);
    ep_machine_free(machine);
    teardown(&f);
}

static void exact_hints_compute_the_same(void **state)
{
    static const char *const map = "1x8x4x4";
    check("y = HardSwish(t)", map, 17, 1e-6);
    check("y = HardSigmoid(t) alpha=0.25 beta=0.75", map, 17, 1e-6);
    check("y = Clip(t) min=-1.0 max=2.0", map, 10, 1e-6);
    check("y = Clip(t) min=0.0 max=0.5", map, 10, 1e-6);
    check("y = Clip(t) min=1.0", map, 10, 1e-6);
    check("y = Clip(t) max=2.0", map, 10, 1e-6);
    check("y = Neg(t)", map, 17, 1e-6);
    check("y = HardSigmoid(t) alpha=1e-5 beta=0.5", map, 17, 1e-6);
    check("y = Gelu(t) approximate='tanh'", map, 20, 1e-5);
    check("y = GlobalAveragePool(t)", "1x2x28x28", 17, 1e-5);
    check("y = GlobalMaxPool(t)", "1x2x12x21", 17, 1e-5);
    check("y = ReduceMean(t) axes=[2,3]", "1x2x16x10", 17, 1e-5);
    check("y = ReduceMean(t) axes=[2,3] keepdims=0", "1x2x16x10", 17, 1e-5);
    (void)state;
}

/* x Sigmoid(1.702 x) is within 0.0204 of Gelu everywhere, as a table of both says. */
static void approximate_hints_are_close(void **state)
{
    check("y = Gelu(t)", "1x8x4x4", 20, 0.0204 / 6);
    (void)state;
}

/* What has no steps, though it has a hint: a number that is none, a power of two. */
static void some_have_no_steps(void **state)
{
    static const char *const nodes[] = {"y = HardSigmoid(x) alpha=1e39", "y = Pow(two, x)"};
    ep_machine *machine = orin();
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        fixture f = {0};
        ep_arena *arena = ep_arena_new();
        ep_layers *layers;
        ep_verdict *verdicts;
        onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "1x8x4x4");
        onnx_floats(&f.m, "two", "1", (const float[]){2});
        onnx_node(&f.m, "%s", nodes[i]);
        onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
        assert_int_equal(onnx_parse(&f.m, &f.network, NULL), EP_OK);
        assert_int_equal(ep_specialize(f.network, &(ep_specialize_options){0}, &f.ready, NULL),
                         EP_OK);
        assert_int_equal(ep_layers_build(f.ready, &layers, NULL), EP_OK);
        assert_int_equal(ep_dla_check(layers, machine, EP_INT8, arena, &verdicts, NULL), EP_OK);
        assert_true(verdicts[0].n_refusals > 0);
        for (uint32_t k = 0; k < verdicts[0].n_refusals; k++) {
            assert_non_null(verdicts[0].refusals[k].hint);
            assert_null(verdicts[0].refusals[k].instead);
        }
        ep_layers_free(layers);
        ep_arena_free(arena);
        teardown(&f);
    }
    ep_machine_free(machine);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_hints_compute_the_same),
        cmocka_unit_test(approximate_hints_are_close),
        cmocka_unit_test(some_have_no_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
