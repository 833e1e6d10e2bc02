/* One layer elsewhere: the same as a plan built with it there. */
#include "study/study.h"
#include "tests/unit/plan_fixture.h"

/* The DLA refuses Elu (its layers, developer guide 8.6). */
static fixture planned(const char *strategy, const ep_plan_options *options)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x64x28x28");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_node(&f.model, "a = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "b = Elu(a)");
    onnx_node(&f.model, "y = Conv(b, w) pads=[1,1,1,1]");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_int_equal(try_plan(&f, strategy, options, NULL), EP_OK);
    return f;
}

static double latency_of(const fixture *f, const ep_plan_options *options, const ep_device *device,
                         const ep_precision *precision, const ep_point *point)
{
    ep_planned *other = NULL;
    ep_arena *arena = ep_arena_new();
    ep_run run;
    const ep_assignment wanted = {.device = device, .precision = precision};
    assert_int_equal(ep_plan_build(f->layers, f->machine, "other", &wanted, options, &other, NULL),
                     EP_OK);
    assert_int_equal(ep_sim_run(&other->plan, other->costs, point,
                                &(ep_run_options){.batch = 1, .dla_cores = 1}, arena, &run, NULL),
                     EP_OK);
    const double ns = run.latency_ns;
    ep_planned_free(other);
    ep_arena_free(arena);
    return ns;
}

static void alternatives_are_plans_with_the_layer_there(void **state)
{
    (void)state;
    const ep_plan_options options = {.precision = EP_CHOOSE_FP16};
    fixture f = planned("greedy", &options);
    const ep_point point = ep_point_of(f.machine, &f.machine->modes[0]);
    ep_arena *arena = ep_arena_new();
    const ep_alternative *rows;
    uint32_t n;
    const uint32_t layer = layer_index(&f, "y");
    assert_int_equal(ep_alternatives(f.plan, f.machine, &options, &point,
                                     &(ep_run_options){.batch = 1, .dla_cores = 1}, layer, arena,
                                     &rows, &n, NULL),
                     EP_OK);
    assert_int_equal(n, 3); /* fp16 and fp32 on the GPU, fp16 on the DLA */
    uint32_t n_planned = 0;
    for (uint32_t i = 0; i < n; i++) {
        ep_device device[3];
        ep_precision precision[3];
        memcpy(device, f.plan->device, sizeof device);
        memcpy(precision, f.plan->precision, sizeof precision);
        device[layer] = rows[i].device;
        precision[layer] = rows[i].precision;
        assert_string_equal(rows[i].refused, "");
        assert_true(rows[i].run.latency_ns == latency_of(&f, &options, device, precision, &point));
        assert_int_equal(rows[i].n_subgraphs, rows[i].device == EP_GPU ? 1 : 2);
        n_planned += rows[i].is_planned;
        assert_int_equal(rows[i].is_planned, rows[i].device == EP_DLA0);
    }
    assert_int_equal(n_planned, 1);
    ep_arena_free(arena);
    fixture_free(&f);
}

static void what_the_dla_refuses_has_its_reason(void **state)
{
    (void)state;
    const ep_plan_options options = {.precision = EP_CHOOSE_INT8};
    fixture f = planned("greedy", &options);
    const ep_point point = ep_point_of(f.machine, &f.machine->modes[0]);
    ep_arena *arena = ep_arena_new();
    const ep_alternative *rows;
    uint32_t n;
    assert_int_equal(ep_alternatives(f.plan, f.machine, &options, &point,
                                     &(ep_run_options){.batch = 1, .dla_cores = 1},
                                     layer_index(&f, "b"), arena, &rows, &n, NULL),
                     EP_OK);
    assert_true(n >= 2);
    assert_int_equal(rows[n - 1].device, EP_DLA0);
    assert_non_null(strstr(rows[n - 1].refused, "activation.function"));
    for (uint32_t i = 0; i + 1 < n; i++) assert_int_equal(rows[i].device, EP_GPU);
    ep_arena_free(arena);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alternatives_are_plans_with_the_layer_there),
        cmocka_unit_test(what_the_dla_refuses_has_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
