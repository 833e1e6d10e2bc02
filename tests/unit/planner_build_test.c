/* Plans of a decision that is given. The DLA takes Relu, Sigmoid and Tanh and refuses Elu; it
 * has no INT8 for Sigmoid (its layers, developer guide 8.6). */
#include "tests/unit/plan_fixture.h"

enum { CHAIN = 4 };

/* a = Relu, b = Sigmoid, c = Elu, y = Tanh. */
static fixture chain(void)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "b = Sigmoid(a)");
    onnx_node(&f.model, "c = Elu(b)");
    onnx_node(&f.model, "y = Tanh(c)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    assert_int_equal(f.layers->n_layers, CHAIN);
    return f;
}

static ep_status build(fixture *f, const ep_assignment *wanted, const ep_plan_options *options,
                       ep_error *err)
{
    ep_planned_free(f->planned);
    f->planned = NULL;
    const ep_status status =
        ep_plan_build(f->layers, f->machine, "mine", wanted, options, &f->planned, err);
    f->plan = f->planned ? &f->planned->plan : NULL;
    return status;
}

static const ep_plan_options int8 = {.precision = EP_CHOOSE_INT8};

static void layers_go_where_the_decision_says(void **state)
{
    (void)state;
    fixture f = chain();
    const ep_device device[CHAIN] = {EP_DLA0, EP_DLA0, EP_GPU, EP_GPU};
    assert_int_equal(build(&f, &(ep_assignment){.device = device}, &int8, NULL), EP_OK);
    assert_valid(f.plan);
    assert_string_equal(f.plan->strategy, "mine");
    assert_kernels(&f, "[Relu+Sigmoid] | Elu+Tanh");
    assert_int_equal(f.plan->n_subgraphs, 1);
    assert_int_equal(f.plan->transitions, 1);
    fixture_free(&f);
}

static void each_core_has_its_own_loadables(void **state)
{
    (void)state;
    fixture f = chain();
    const ep_device device[CHAIN] = {EP_DLA0, EP_DLA1, EP_GPU, EP_DLA1};
    assert_int_equal(build(&f, &(ep_assignment){.device = device}, &int8, NULL), EP_OK);
    assert_valid(f.plan);
    assert_kernels(&f, "[Relu] | [Sigmoid] | Elu | [Tanh]");
    assert_int_equal(f.plan->n_subgraphs, 3);
    for (uint32_t s = 0; s < 3; s++) {
        assert_int_equal(f.plan->subgraphs[s].device, s == 0 ? EP_DLA0 : EP_DLA1);
    }
    fixture_free(&f);
}

static void parts_cut_a_loadable(void **state)
{
    (void)state;
    fixture f = chain();
    const ep_device device[CHAIN] = {EP_DLA0, EP_DLA0, EP_GPU, EP_GPU};
    const uint32_t part[CHAIN] = {7, 3, 0, 0};
    const ep_assignment wanted = {.device = device, .part = part};
    assert_int_equal(build(&f, &wanted, &int8, NULL), EP_OK);
    assert_valid(f.plan);
    assert_kernels(&f, "[Relu] | [Sigmoid] | Elu+Tanh");
    fixture_free(&f);
}

static void a_precision_may_be_given_or_left_to_the_options(void **state)
{
    (void)state;
    fixture f = chain();
    const ep_device device[CHAIN] = {EP_DLA0, EP_DLA0, EP_GPU, EP_GPU};
    const ep_precision precision[CHAIN] = {EP_FP16, EP_PRECISION_COUNT, EP_FP32,
                                           EP_PRECISION_COUNT};
    const ep_assignment wanted = {.device = device, .precision = precision};
    assert_int_equal(build(&f, &wanted, &int8, NULL), EP_OK);
    const ep_precision expected[CHAIN] = {EP_FP16, EP_FP16, EP_FP32, EP_INT8};
    assert_memory_equal(f.plan->precision, expected, sizeof expected);
    fixture_free(&f);
}

static void assert_refused(fixture *f, const ep_assignment *wanted, const ep_plan_options *options,
                           const char *reason)
{
    ep_error err = {0};
    assert_int_equal(build(f, wanted, options, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, reason));
}

static void what_cannot_be_names_layer_and_rule(void **state)
{
    (void)state;
    fixture f = chain();
    const ep_device refused[CHAIN] = {EP_GPU, EP_GPU, EP_DLA0, EP_GPU};
    const ep_assignment on_dla = {.device = refused};
    assert_refused(&f, &on_dla, &int8, "'Elu_2' cannot run on dla0 (activation.function: Elu");
    assert_refused(&f, &on_dla, &(ep_plan_options){.dla = EP_DLA_NONE}, "no DLA is used");
    const ep_device cpu[CHAIN] = {EP_CPU};
    assert_refused(&f, &(ep_assignment){.device = cpu}, &int8, "run on gpu, dla0 or dla1");
    const ep_device gpu[CHAIN] = {EP_GPU};
    const ep_precision in_int8[CHAIN] = {EP_INT8, EP_INT8, EP_INT8, EP_INT8};
    assert_refused(&f, &(ep_assignment){.device = gpu, .precision = in_int8},
                   &(ep_plan_options){.precision = EP_CHOOSE_FP16}, "cannot run in int8");
    fixture_free(&f);
}

/* Elu keeps the first Relu and the last Tanh apart: two loadables. */
static void limits_are_errors_unless_layers_are_shed(void **state)
{
    (void)state;
    fixture f = chain();
    const ep_device device[CHAIN] = {EP_DLA0, EP_DLA0, EP_GPU, EP_DLA0};
    f.machine->dla.limits.loadables_per_core = 1;
    assert_refused(&f, &(ep_assignment){.device = device}, &int8, "general.loadables");
    const ep_assignment sheds = {.device = device, .sheds = true};
    assert_int_equal(build(&f, &sheds, &int8, NULL), EP_OK);
    assert_kernels(&f, "[Relu+Sigmoid] | Elu+Tanh");
    /* a core each has room for both, unless two are too many in all */
    const ep_device both[CHAIN] = {EP_DLA0, EP_DLA0, EP_GPU, EP_DLA1};
    assert_int_equal(build(&f, &(ep_assignment){.device = both}, &int8, NULL), EP_OK);
    f.machine->dla.limits.loadables_total = 1;
    assert_refused(&f, &(ep_assignment){.device = both}, &int8, "general.loadables");
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_go_where_the_decision_says),
        cmocka_unit_test(each_core_has_its_own_loadables),
        cmocka_unit_test(parts_cut_a_loadable),
        cmocka_unit_test(a_precision_may_be_given_or_left_to_the_options),
        cmocka_unit_test(what_cannot_be_names_layer_and_rule),
        cmocka_unit_test(limits_are_errors_unless_layers_are_shed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
