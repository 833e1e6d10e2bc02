/* The strategy "best" against all placements of small networks, and against the builders' own on
 * the examples. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

static const ep_mode *mode_named(const ep_machine *machine, const char *name)
{
    const ep_mode *mode = NULL;
    assert_int_equal(ep_machine_mode(machine, name, &mode, NULL), EP_OK);
    return mode;
}

/* Of an objective; INFINITY where it cannot run. */
static double value_of(const ep_planned *planned, const ep_machine *machine,
                       const ep_plan_options *options)
{
    const ep_point point = ep_point_of(machine, options->mode);
    const ep_run_options run_options = {.batch = 1,
                                        .dla_cores = options->dla == EP_DLA_BOTH ? 2 : 1};
    ep_arena *arena = ep_arena_new();
    ep_run run;
    double value = INFINITY;
    if (ep_sim_run(&planned->plan, planned->costs, &point, &run_options, arena, &run, NULL) ==
        EP_OK) {
        const double energy = run.energy_mj * 1e6;
        value = options->objective == EP_LATENCY  ? run.latency_ns
                : options->objective == EP_ENERGY ? energy
                : options->objective == EP_EDP    ? energy * run.latency_ns
                                                  : 1e9 / run.throughput_ips;
    }
    ep_arena_free(arena);
    return value;
}

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) <= 1e-9 * expected);
}

/* ---- all placements ------------------------------------------------------------------------ */

/* Two convolutions, a part that the DLA refuses (Elu), two branches of which one is refused, and a
 * sum: loadables have to be won back. */
static fixture branched(void)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x64x56x56");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_weight(&f.model, "v", EP_DTYPE_FLOAT, "256x64x3x3");
    onnx_weight(&f.model, "u", EP_DTYPE_FLOAT, "256x256x3x3");
    onnx_node(&f.model, "a = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "b = Relu(a)");
    onnx_node(&f.model, "c = Conv(b, v) pads=[1,1,1,1] strides=[2,2]");
    onnx_node(&f.model, "d = Elu(c)");
    onnx_node(&f.model, "e = Conv(d, u) pads=[1,1,1,1]");
    onnx_node(&f.model, "g = Relu(e)");
    onnx_node(&f.model, "h = Conv(g, u) pads=[1,1,1,1]");
    onnx_node(&f.model, "i = Elu(g)");
    onnx_node(&f.model, "j = Add(h, i)");
    onnx_node(&f.model, "k = Conv(j, u) pads=[1,1,1,1]");
    onnx_node(&f.model, "y = Relu(k)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    return f;
}

/* The least of all placements, devices alone. */
static double exhaustive(const fixture *f, const ep_plan_options *options)
{
    enum { MOST = 16 };
    const uint32_t n = f->layers->n_layers;
    ep_device device[MOST];
    double least = INFINITY;
    assert_true(n <= MOST);
    for (uint32_t placement = 0; placement < 1U << n; placement++) {
        ep_planned *planned = NULL;
        for (uint32_t l = 0; l < n; l++) device[l] = placement >> l & 1 ? EP_DLA0 : EP_GPU;
        const ep_assignment wanted = {.device = device};
        if (ep_plan_build(f->layers, f->machine, "one", &wanted, options, &planned, NULL) != EP_OK)
            continue;
        least = fmin(least, value_of(planned, f->machine, options));
        ep_planned_free(planned);
    }
    return least;
}

static void no_placement_of_a_small_network_is_better(void **state)
{
    (void)state;
    static const char *const modes[] = {"MAXN", "30W", "15W"};
    fixture f = branched();
    for (size_t m = 0; m < sizeof modes / sizeof *modes; m++) {
        for (uint32_t o = 0; ep_objective_name(o); o++) {
            const ep_plan_options options = {.precision = EP_CHOOSE_FP16,
                                             .objective = (ep_objective)o,
                                             .mode = mode_named(f.machine, modes[m])};
            assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
            assert_valid(f.plan);
            const double found = value_of(f.planned, f.machine, &options);
            const double least = exhaustive(&f, &options);
            assert_near(found, least);
            assert_true(f.planned->found.bound <= least * (1 + 1e-9));
        }
    }
    fixture_free(&f);
}

/* ---- the examples -------------------------------------------------------------------------- */

static void assert_never_worse(fixture *f)
{
    const ep_plan_options options = {.precision = EP_CHOOSE_INT8,
                                     .mode = mode_named(f->machine, "30W")};
    double least = INFINITY;
    for (uint32_t s = 0; s < EP_BUILDER_STRATEGIES; s++) {
        assert_int_equal(try_plan(f, ep_strategy_name(s), &options, NULL), EP_OK);
        least = fmin(least, value_of(f->planned, f->machine, &options));
    }
    assert_int_equal(try_plan(f, "best", &options, NULL), EP_OK);
    assert_valid(f->plan);
    const ep_search_result *found = &f->planned->found;
    const double value = value_of(f->planned, f->machine, &options);
    assert_true(value <= least);
    assert_near(found->value, value);
    assert_true(found->bound > 0 && found->bound <= value);
}

static void it_is_never_worse_than_a_builder(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    for_each_example(machine, assert_never_worse);
    ep_machine_free(machine);
}

/* ---- what it is told ----------------------------------------------------------------------- */

static void objectives_do_not_cost_what_they_are_for(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    load_example(&f, "resnet50.onnx");
    double value[4][4];
    ep_plan_options options = {.mode = mode_named(f.machine, "MAXN")};
    for (uint32_t o = 0; ep_objective_name(o); o++) {
        options.objective = (ep_objective)o;
        assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
        for (uint32_t of = 0; of < 4; of++) {
            ep_plan_options seen = options;
            seen.objective = (ep_objective)of;
            value[o][of] = value_of(f.planned, f.machine, &seen);
        }
    }
    for (uint32_t o = 0; o < 4; o++) {
        for (uint32_t of = 0; of < 4; of++) assert_true(value[of][of] <= value[o][of]);
    }
    /* in MAXN the GPU is the faster, the DLA takes less energy */
    assert_true(value[EP_LATENCY][EP_LATENCY] < value[EP_ENERGY][EP_LATENCY]);
    fixture_free(&f);
}

static void bounds_hold_or_are_named(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    ep_error err = {0};
    load_example(&f, "resnet50.onnx");
    ep_plan_options options = {.mode = mode_named(f.machine, "MAXN"), .objective = EP_ENERGY};
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    const double free_energy = value_of(f.planned, f.machine, &options);
    options.deadline_ns = 0.9e6; /* all on the GPU takes 0.73 ms, greedy 1.16 */
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    const ep_plan_options latency = {.mode = options.mode};
    assert_true(value_of(f.planned, f.machine, &latency) <= options.deadline_ns);
    assert_true(value_of(f.planned, f.machine, &options) >= free_energy);
    options.deadline_ns = 1e3;
    assert_int_equal(try_plan(&f, "best", &options, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, "--deadline-ms 0.001: the nearest plan in MAXN takes"));
    options.deadline_ns = 0;
    options.max_power_w = 1;
    assert_int_equal(try_plan(&f, "best", &options, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, "--max-power-w 1: the nearest plan in MAXN draws"));
    fixture_free(&f);
}

static void subgraphs_can_be_limited(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    load_example(&f, "yolo11n.onnx"); /* best takes two */
    ep_plan_options options = {.mode = mode_named(f.machine, "15W")};
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    assert_true(f.plan->n_subgraphs > 1);
    options.max_subgraphs = 1;
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    assert_int_equal(f.plan->n_subgraphs, 1);
    fixture_free(&f);
}

static void it_does_without_a_dla(void **state)
{
    (void)state;
    fixture f = branched();
    const ep_plan_options options = {.dla = EP_DLA_NONE};
    assert_int_equal(try_plan(&f, "best", &options, NULL), EP_OK);
    assert_int_equal(f.plan->n_subgraphs, 0);
    assert_valid(f.plan);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_placement_of_a_small_network_is_better),
        cmocka_unit_test(it_is_never_worse_than_a_builder),
        cmocka_unit_test(objectives_do_not_cost_what_they_are_for),
        cmocka_unit_test(bounds_hold_or_are_named),
        cmocka_unit_test(subgraphs_can_be_limited),
        cmocka_unit_test(it_does_without_a_dla),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
