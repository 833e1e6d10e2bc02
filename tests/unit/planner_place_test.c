/* Placement: what the DLA accepts goes there within its loadables; precisions; what crosses from
 * one device to the other. The DLA refuses Elu (developer guide 8.6, "Activation layer"). */
#include "tests/unit/plan_fixture.h"

/* x is 1x8x4x4; outputs named by their letters. */
static fixture network(const char *const *nodes, const char *outputs)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    for (; *nodes; nodes++) onnx_node(&f.model, "%s", *nodes);
    for (; *outputs; outputs++) {
        onnx_output(&f.model, (char[]){*outputs, '\0'}, EP_DTYPE_FLOAT, NULL);
    }
    build_layers(&f);
    return f;
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static ep_plan_options options_of(ep_dla_choice dla)
{
    return (ep_plan_options){.precision = EP_CHOOSE_INT8, .dla = dla};
}

/* ---- devices ------------------------------------------------------------------------------- */

static void greedy_uses_the_dla_where_it_can(void **state)
{
    (void)state;
    fixture f = network(LIST("a = Conv(x, w)", "b = Elu(a)", "y = Conv(b, w)"), "y");
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_kernels(&f, "[Conv] | Elu | [Conv]");
    assert_int_equal(f.plan->device[layer_index(&f, "a")], EP_DLA0);
    assert_true(f.planned->verdicts[layer_index(&f, "a")].accepted);
    const ep_verdict *elu = &f.planned->verdicts[layer_index(&f, "b")];
    assert_false(elu->accepted);
    assert_string_equal(elu->refusals[0].rule->id, "activation.function");
    make_plan(&f, "gpu", EP_CHOOSE_INT8);
    assert_null(f.planned->verdicts);
    assert_int_equal(f.plan->n_subgraphs, 0);
    for (uint32_t l = 0; l < 3; l++) assert_int_equal(f.plan->device[l], EP_GPU);
    fixture_free(&f);
}

static void the_dla_can_be_chosen(void **state)
{
    (void)state;
    const struct {
        ep_dla_choice choice;
        ep_device device;
    } cases[] = {{EP_DLA_FIRST, EP_DLA0},
                 {EP_DLA_SECOND, EP_DLA1},
                 {EP_DLA_BOTH, EP_DLA0}, /* the plan of one core, run on both in turn */
                 {EP_DLA_NONE, EP_GPU}};
    fixture f = network(LIST("y = Relu(x)"), "y");
    for (int i = 0; i < 4; i++) {
        const ep_plan_options options = options_of(cases[i].choice);
        ep_error err = {0};
        assert_int_equal(try_plan(&f, "greedy", &options, &err), EP_OK);
        assert_int_equal(f.plan->device[0], cases[i].device);
        assert_int_equal(f.plan->n_subgraphs, cases[i].choice != EP_DLA_NONE);
    }
    fixture_free(&f);
}

static void a_dla_that_is_not_there_is_infeasible(void **state)
{
    (void)state;
    const struct {
        int64_t cores;
        ep_dla_choice choice;
        ep_status status;
    } cases[] = {
        {1, EP_DLA_FIRST, EP_OK},          {1, EP_DLA_SECOND, EP_INFEASIBLE},
        {1, EP_DLA_BOTH, EP_INFEASIBLE},   {0, EP_DLA_FIRST, EP_INFEASIBLE},
        {0, EP_DLA_SECOND, EP_INFEASIBLE}, {0, EP_DLA_NONE, EP_OK},
    };
    fixture f = network(LIST("y = Relu(x)"), "y");
    f.machine = load_machine();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        f.machine->dla.cores = cases[i].cores;
        const ep_plan_options options = options_of(cases[i].choice);
        ep_error err = {0};
        assert_int_equal(try_plan(&f, "greedy", &options, &err), cases[i].status);
        assert_int_equal(err.status, cases[i].status);
    }
    /* no strategy that uses none of them needs one */
    const ep_plan_options options = options_of(EP_DLA_FIRST);
    assert_int_equal(try_plan(&f, "gpu", &options, &(ep_error){0}), EP_OK);
    fixture_free(&f);
}

static void without_a_dla_everything_is_refused(void **state)
{
    (void)state;
    fixture f = network(LIST("a = Relu(x)", "y = Conv(a, w)"), "y");
    f.machine = load_machine();
    f.machine->dla.cores = 0;
    ep_arena *arena = ep_arena_new();
    ep_verdict *verdicts;
    ep_error err = {0};
    assert_int_equal(ep_dla_check(f.layers, f.machine, EP_INT8, arena, &verdicts, &err), EP_OK);
    for (uint32_t l = 0; l < 2; l++) {
        assert_false(verdicts[l].accepted);
        assert_string_equal(verdicts[l].refusals[0].rule->id, "general.no-dla");
    }
    ep_arena_free(arena);
    fixture_free(&f);
}

static void an_unknown_strategy_is_bad_usage(void **state)
{
    (void)state;
    fixture f = network(LIST("y = Relu(x)"), "y");
    const ep_plan_options options = options_of(EP_DLA_FIRST);
    assert_int_equal(try_plan(&f, "hope", &options, &(ep_error){0}), EP_BAD_USAGE);
    fixture_free(&f);
}

/* ---- limits -------------------------------------------------------------------------------- */

enum { STAGES = 20 };

/* Conv, Elu, Conv, Elu, ...: each Conv a subgraph of its own. */
static fixture staged(void)
{
    fixture f = {0};
    onnx_input(&f.model, "e0", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    for (int i = 0; i < STAGES; i++) {
        onnx_node(&f.model, "c%d = Conv(e%d, w)", i, i);
        onnx_node(&f.model, "e%d = Elu(c%d)", i + 1, i);
    }
    onnx_output(&f.model, "e20", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    return f;
}

/* The first `n` convolutions are on the DLA, the others were pushed out. */
static void assert_pushed_out(const fixture *f, uint32_t n)
{
    assert_int_equal(f->plan->n_subgraphs, n);
    for (uint32_t i = 0; i < STAGES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%u", i);
        const uint32_t l = layer_index(f, name);
        const ep_verdict *verdict = &f->planned->verdicts[l];
        assert_int_equal(f->plan->device[l], i < n ? EP_DLA0 : EP_GPU);
        assert_int_equal(verdict->accepted, i < n);
        if (i < n) continue;
        assert_int_equal(verdict->n_refusals, 1);
        assert_ptr_equal(verdict->refusals[0].rule, ep_rule_find("general.loadables"));
        assert_string_equal(verdict->refusals[0].rule->id, "general.loadables");
    }
    assert_valid(f->plan);
}

/* "There can be at most 16 DLA loadables per core" (developer guide). */
static void loadables_are_limited(void **state)
{
    (void)state;
    fixture f = staged();
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    assert_pushed_out(&f, 16);
    fixture_free(&f);
}

/* Both cores hold all subgraphs: of 20 loadables in total each gets 10. */
static void two_cores_share_the_total(void **state)
{
    (void)state;
    fixture f = staged();
    f.machine = load_machine();
    f.machine->dla.limits.loadables_total = 20;
    const ep_plan_options options = options_of(EP_DLA_BOTH);
    assert_int_equal(try_plan(&f, "greedy", &options, &(ep_error){0}), EP_OK);
    assert_pushed_out(&f, 10);
    fixture_free(&f);
}

static void no_fallback_names_the_first_refused(void **state)
{
    (void)state;
    fixture f = network(LIST("a = Conv(x, w)", "elu1: b = Elu(a)", "y = Elu(b)"), "y");
    ep_plan_options options = options_of(EP_DLA_FIRST);
    options.no_fallback = true;
    ep_error err = {0};
    assert_int_equal(try_plan(&f, "greedy", &options, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, "2 of 3 layers"));
    assert_non_null(strstr(err.text, "elu1"));
    assert_non_null(strstr(err.text, "activation.function"));
    fixture_free(&f);
    f = network(LIST("a = Conv(x, w)", "y = Relu(a)"), "y");
    assert_int_equal(try_plan(&f, "greedy", &options, &err), EP_OK);
    fixture_free(&f);
    f = staged(); /* being pushed out is being refused */
    err = (ep_error){0};
    assert_int_equal(try_plan(&f, "greedy", &options, &err), EP_INFEASIBLE);
    fixture_free(&f);
}

/* ---- precision ----------------------------------------------------------------------------- */

static ep_precision precision_of(const fixture *f, const char *tensor)
{
    return f->plan->precision[layer_index(f, tensor)];
}

static void precisions_follow_the_choice(void **state)
{
    (void)state;
    fixture f = network(
        LIST("a = Conv(x, w)", "b = Relu(a)", "s = Softmax(b) axis=1", "y = ArgMax(s) axis=1"),
        "y");
    make_plan(&f, "gpu", EP_CHOOSE_INT8);
    assert_int_equal(precision_of(&f, "a"), EP_INT8);
    assert_int_equal(precision_of(&f, "b"), EP_INT8);
    assert_int_equal(precision_of(&f, "s"), EP_FP16); /* TensorRT has no INT8 SoftMax */
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    assert_int_equal(precision_of(&f, "a"), EP_FP16);
    assert_int_equal(precision_of(&f, "s"), EP_FP16);
    make_plan(&f, "gpu", EP_CHOOSE_FP32);
    assert_int_equal(precision_of(&f, "a"), EP_TF32); /* tensor math of FP32 */
    assert_int_equal(precision_of(&f, "b"), EP_FP32);
    assert_int_equal(precision_of(&f, "s"), EP_FP32);
    /* the DLA has INT8 and FP16 only */
    make_plan(&f, "greedy", EP_CHOOSE_FP32);
    assert_int_equal(f.plan->n_subgraphs, 0);
    assert_string_equal(f.planned->verdicts[0].refusals[0].rule->id, "general.precision");
    make_plan(&f, "greedy", EP_CHOOSE_FP16);
    assert_int_equal(f.plan->device[layer_index(&f, "a")], EP_DLA0);
    assert_int_equal(precision_of(&f, "a"), EP_FP16);
    fixture_free(&f);
}

/* trtexec --noTF32: FP32 on CUDA cores. */
static void tf32_can_be_refused(void **state)
{
    (void)state;
    fixture f = network(LIST("a = Conv(x, w)", "y = Relu(a)"), "y");
    ep_plan_options options = {.precision = EP_CHOOSE_FP32, .no_tf32 = true};
    assert_int_equal(try_plan(&f, "gpu", &options, NULL), EP_OK);
    assert_int_equal(precision_of(&f, "a"), EP_FP32);
    options.precision = EP_CHOOSE_BEST;
    assert_int_equal(try_plan(&f, "gpu", &options, NULL), EP_OK);
    assert_int_not_equal(precision_of(&f, "a"), EP_TF32);
    options = (ep_plan_options){.precision = EP_CHOOSE_FP32};
    assert_int_equal(try_plan(&f, "gpu", &options, NULL), EP_OK);
    assert_int_equal(precision_of(&f, "a"), EP_TF32);
    fixture_free(&f);
}

/* Explicit quantization: what has no scale is not INT8. */
static void quantized_networks_are_int8_where_they_say(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_floats(&f.model, "half", "", &(float){0.5F});
    onnx_weight(&f.model, "zero", EP_DTYPE_INT8, "");
    onnx_node(&f.model, "q = QuantizeLinear(x, half, zero)");
    onnx_node(&f.model, "d = DequantizeLinear(q, half, zero)");
    onnx_node(&f.model, "a = Conv(d, w)");
    onnx_node(&f.model, "y = Conv(a, w)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_INT8);
    assert_int_equal(precision_of(&f, "a"), EP_INT8);
    assert_int_equal(precision_of(&f, "y"), EP_FP16);
    fixture_free(&f);
}

/* ---- reformats ----------------------------------------------------------------------------- */

static void assert_reformats(const char *const *nodes, const char *strategy,
                             ep_precision_choice precision, uint32_t transitions,
                             uint32_t io_reformats)
{
    fixture f = network(nodes, "y");
    make_plan(&f, strategy, precision);
    assert_int_equal(f.plan->transitions, transitions);
    assert_int_equal(f.plan->io_reformats, io_reformats);
    assert_valid(f.plan);
    fixture_free(&f);
}

static void reformats_are_counted(void **state)
{
    (void)state;
    /* x in, a to the GPU, b to the DLA, y out */
    assert_reformats(LIST("a = Conv(x, w)", "b = Elu(a)", "y = Conv(b, w)"), "greedy",
                     EP_CHOOSE_INT8, 2, 2);
    /* a goes to the GPU once for both readers; b and c go to the DLA */
    assert_reformats(LIST("a = Conv(x, w)", "b = Elu(a)", "c = Softplus(a)", "y = Add(b, c)"),
                     "greedy", EP_CHOOSE_INT8, 3, 2);
    /* the Relu stays on the DLA for the next loadable: only a and b cross */
    assert_reformats(LIST("a = Conv(x, w)", "b = Elu(a)", "c = Relu(a)", "y = Add(b, c)"), "greedy",
                     EP_CHOOSE_INT8, 2, 2);
    /* x goes to both sides; the first Elu's result to the DLA */
    assert_reformats(LIST("a = Elu(x)", "b = Relu(x)", "y = Add(a, b)"), "greedy", EP_CHOOSE_INT8,
                     1, 3);
    /* GPU alone: in and out, unless it computes in FP32 */
    assert_reformats(LIST("a = Conv(x, w)", "y = Relu(a)"), "gpu", EP_CHOOSE_FP16, 0, 2);
    assert_reformats(LIST("a = Conv(x, w)", "y = Relu(a)"), "gpu", EP_CHOOSE_FP32, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_uses_the_dla_where_it_can),
        cmocka_unit_test(the_dla_can_be_chosen),
        cmocka_unit_test(a_dla_that_is_not_there_is_infeasible),
        cmocka_unit_test(without_a_dla_everything_is_refused),
        cmocka_unit_test(an_unknown_strategy_is_bad_usage),
        cmocka_unit_test(loadables_are_limited),
        cmocka_unit_test(two_cores_share_the_total),
        cmocka_unit_test(no_fallback_names_the_first_refused),
        cmocka_unit_test(precisions_follow_the_choice),
        cmocka_unit_test(tf32_can_be_refused),
        cmocka_unit_test(quantized_networks_are_int8_where_they_say),
        cmocka_unit_test(reformats_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
