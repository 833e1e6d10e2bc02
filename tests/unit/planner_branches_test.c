/* The strategy "best" with branches at once: against all placements of a small network of two
 * towers, and never worse than without. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

static const ep_mode *mode_named(const ep_machine *machine, const char *name)
{
    const ep_mode *mode = NULL;
    assert_int_equal(ep_machine_mode(machine, name, &mode, NULL), EP_OK);
    return mode;
}

/* INFINITY where it cannot run. */
static double latency_of(const ep_planned *planned, const ep_machine *machine, const ep_mode *mode)
{
    const ep_point point = ep_point_of(machine, mode);
    ep_arena *arena = ep_arena_new();
    ep_run run = {.latency_ns = INFINITY};
    (void)ep_sim_run(&planned->plan, planned->costs, &point, &(ep_run_options){1, 1}, arena, &run,
                     NULL);
    ep_arena_free(arena);
    return run.latency_ns;
}

/* Two cameras, a tower each, and one decision. */
static fixture towers(void)
{
    fixture f = {0};
    onnx_input(&f.model, "p", EP_DTYPE_FLOAT, "1x64x112x112");
    onnx_input(&f.model, "q", EP_DTYPE_FLOAT, "1x64x112x112");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "256x64x3x3");
    onnx_weight(&f.model, "v", EP_DTYPE_FLOAT, "256x256x3x3");
    onnx_weight(&f.model, "u", EP_DTYPE_FLOAT, "10x256x1x1");
    for (int i = 0; i < 2; i++) {
        const char c = "pq"[i];
        onnx_node(&f.model, "a%c = Conv(%c, w) pads=[1,1,1,1] strides=[2,2]", c, c);
        onnx_node(&f.model, "b%c = Relu(a%c)", c, c);
        onnx_node(&f.model, "c%c = Conv(b%c, v) pads=[1,1,1,1]", c, c);
        onnx_node(&f.model, "d%c = Conv(c%c, v) pads=[1,1,1,1] strides=[2,2]", c, c);
    }
    onnx_node(&f.model, "s = Add(dp, dq)");
    onnx_node(&f.model, "y = Conv(s, u)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    return f;
}

/* The least of all placements on the GPU and a core, one after the other or at once. */
static double exhaustive(const fixture *f, const ep_plan_options *options, bool concurrent)
{
    enum { MOST = 12 };
    const uint32_t n = f->layers->n_layers;
    ep_device device[MOST];
    double least = INFINITY;
    assert_true(n <= MOST);
    for (uint32_t placement = 0; placement < 1U << n; placement++) {
        ep_planned *planned = NULL;
        for (uint32_t l = 0; l < n; l++) device[l] = placement >> l & 1 ? EP_DLA0 : EP_GPU;
        const ep_assignment wanted = {.device = device, .concurrent = concurrent};
        if (ep_plan_build(f->layers, f->machine, "one", &wanted, options, &planned, NULL) != EP_OK)
            continue;
        least = fmin(least, latency_of(planned, f->machine, options->mode));
        ep_planned_free(planned);
    }
    return least;
}

static void two_towers_are_faster_at_once(void **state)
{
    (void)state;
    static const char *const modes[] = {"MAXN", "50W", "30W", "15W"};
    fixture f = towers();
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        ep_plan_options options = {.precision = EP_CHOOSE_INT8,
                                   .mode = mode_named(f.machine, modes[m])};
        const double serial = exhaustive(&f, &options, false);
        const double at_once = exhaustive(&f, &options, true);
        assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
        assert_false(f.plan->concurrent);
        options.branches = true;
        assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
        assert_valid(f.plan);
        const double found = latency_of(f.planned, f.machine, options.mode);
        assert_true(f.plan->concurrent == (at_once < 0.999 * serial));
        assert_true(f.planned->found.value == found);
        assert_true(found >= at_once * (1 - 1e-9) && found <= at_once * 1.01);
    }
    fixture_free(&f);
}

static void two_cores_share_a_frame(void **state)
{
    (void)state;
    fixture f = towers();
    ep_plan_options options = {
        .precision = EP_CHOOSE_INT8, .mode = mode_named(f.machine, "15W"), .branches = true};
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    const double one = latency_of(f.planned, f.machine, options.mode);
    options.dla = EP_DLA_BOTH;
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    assert_true(latency_of(f.planned, f.machine, options.mode) <= one);
    fixture_free(&f);
}

/* Pins are kept, and a branch that is pinned stays. */
static void pins_hold(void **state)
{
    (void)state;
    fixture f = towers();
    const ep_pin *pins;
    ep_arena *arena = ep_arena_new();
    assert_int_equal(ep_pins_parse(f.layers, "*:GPU", NULL, arena, &pins, NULL), EP_OK);
    const ep_plan_options options = {.precision = EP_CHOOSE_INT8, .pins = pins, .branches = true};
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    assert_int_equal(f.plan->n_subgraphs, 0);
    assert_false(f.plan->concurrent);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* The same plan as without, where there is nothing to run at once. */
static void a_chain_stays_as_it_is(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    load_example(&f, "vgg16.onnx");
    ep_plan_options options = {.mode = mode_named(f.machine, "30W")};
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    const ep_search_result found = f.planned->found;
    options.branches = true;
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    assert_false(f.plan->concurrent);
    assert_int_equal(f.planned->found.n_judged, found.n_judged);
    assert_true(f.planned->found.value == found.value && f.planned->found.bound == found.bound);
    fixture_free(&f);
}

static void it_is_never_worse(void **state)
{
    (void)state;
    static const char *const models[] = {"googlenet.onnx", "two_inputs.onnx", "yolov8n.onnx",
                                         "ssd_mobilenet_v1_300.onnx", "densenet121.onnx"};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        fixture f = {.machine = load_machine()};
        load_example(&f, models[i]);
        ep_plan_options options = {.mode = mode_named(f.machine, "30W"), .dla = EP_DLA_BOTH};
        for (uint32_t o = 0; ep_objective_name(o); o++) {
            options.objective = (ep_objective)o;
            options.branches = false;
            assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
            const double value = f.planned->found.value;
            options.branches = true;
            assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
            assert_valid(f.plan);
            assert_true(f.planned->found.value <= value);
            if (f.plan->concurrent) assert_true(f.planned->found.value < 0.999 * value);
        }
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_towers_are_faster_at_once),
        cmocka_unit_test(two_cores_share_a_frame),
        cmocka_unit_test(pins_hold),
        cmocka_unit_test(a_chain_stays_as_it_is),
        cmocka_unit_test(it_is_never_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
