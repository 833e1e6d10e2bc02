/* Pins in trtexec's grammar ("trtexec --help" of TensorRT 10.3: "The specs are read left-to-right,
 * and later ones override earlier ones. Each layer name can contain at most one wildcard ('*')
 * character"), and what they make of a plan. The DLA takes Conv and refuses Elu; it has no INT8
 * for Sigmoid (developer guide 8.6). */
#include "tests/unit/plan_fixture.h"

enum { CONV1, CONV2, ELU, SIGMOID, SHAPE_CAST, N_LAYERS };

static fixture network(void)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_node(&f.model, "conv1: a = Conv(x, w)");
    onnx_node(&f.model, "conv2: b = Conv(a, w)");
    onnx_node(&f.model, "elu: c = Elu(b)");
    onnx_node(&f.model, "same: d = Identity(c)");
    onnx_node(&f.model, "sigmoid: y = Sigmoid(d)");
    onnx_node(&f.model, "to_int: z = Cast(y) to=7");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "z", EP_DTYPE_INT64, NULL);
    build_layers(&f);
    f.machine = load_machine();
    assert_int_equal(f.layers->n_layers, N_LAYERS);
    return f;
}

/* ---- grammar ------------------------------------------------------------------------------- */

/* What each layer is pinned to, in order: 'g' GPU, 'd' any DLA, '0', '1' one of them; 'f' FP32, 'h'
 * FP16, 'i' INT8; '.' nothing. */
static void describe(const ep_pin *pins, bool precisions, char text[N_LAYERS + 1])
{
    for (uint32_t l = 0; l < N_LAYERS; l++) {
        const unsigned mask = precisions ? pins[l].precisions : pins[l].devices;
        char c = '.';
        if (precisions && mask == (1 << EP_FP32 | 1 << EP_TF32)) c = 'f';
        if (precisions && mask == 1 << EP_FP16) c = 'h';
        if (precisions && mask == 1 << EP_INT8) c = 'i';
        if (!precisions && mask == 1 << EP_GPU) c = 'g';
        if (!precisions && mask == 1 << EP_DLA0) c = '0';
        if (!precisions && mask == 1 << EP_DLA1) c = '1';
        if (!precisions && mask == (1 << EP_DLA0 | 1 << EP_DLA1)) c = 'd';
        text[l] = c;
    }
    text[N_LAYERS] = '\0';
}

static void specs_pin_layers(void **state)
{
    (void)state;
    const struct {
        const char *spec;
        bool precisions;
        const char *pins;
    } cases[] = {
        {"conv1:DLA", false, "d...."},
        {"conv1:GPU,conv2:DLA", false, "gd..."},
        {"conv1:gpu,conv2:dla1,elu:DLA0", false, "g10.."},
        {"conv*:DLA", false, "dd..."},
        {"*1:GPU", false, "g...."},
        {"c*1:GPU", false, "g...."},
        {"*:GPU", false, "ggggg"},
        {"'conv1':GPU", false, "g...."},
        {"conv*:DLA,conv*:GPU", false, "gg..."}, /* later over earlier */
        {"conv1:GPU,conv1:DLA", false, "d...."},
        {"*:GPU,conv*:DLA", false, "ddggg"},
        {"conv1:DLA,*:GPU", false, "dgggg"}, /* a name over a pattern */
        {"conv1:fp32", true, "f...."},
        {"conv1:fp16,conv2:INT8", true, "hi..."},
        {"*:fp16,elu:fp32", true, "hhfh."}, /* a pattern leaves what is not real */
        {"to_int:fp32", true, "....f"},
    };
    fixture f = network();
    ep_arena *arena = ep_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *spec = cases[i].spec;
        const bool precisions = cases[i].precisions;
        const ep_pin *pins;
        ep_error err = {0};
        char text[N_LAYERS + 1];
        if (ep_pins_parse(f.layers, precisions ? NULL : spec, precisions ? spec : NULL, arena,
                          &pins, &err) != EP_OK) {
            fail_msg("%s: %s", spec, err.text);
        }
        describe(pins, precisions, text);
        if (strcmp(text, cases[i].pins) != 0) fail_msg("%s: %s", spec, text);
    }
    ep_arena_free(arena);
    fixture_free(&f);
}

static void what_is_no_spec_is_refused(void **state)
{
    (void)state;
    const struct {
        const char *spec;
        bool precisions;
        const char *message;
    } cases[] = {
        {"", false, "column 1: expected NAME:VALUE, got the end"},
        {"conv1", false, "column 1: expected NAME:VALUE, got 'conv1'"},
        {":GPU", false, "column 1: expected NAME:VALUE, got ':GPU'"},
        {"conv1:", false, "column 7: expected GPU, DLA, DLA0 or DLA1, got the end"},
        {"conv1:GPU,", false, "column 11: expected NAME:VALUE, got the end"},
        {"conv1:GPU:DLA", false, "no layer is called 'conv1:GPU'"},
        {"conv1:fp16", false, "column 7: expected GPU, DLA, DLA0 or DLA1, got 'fp16'"},
        {"conv1:bf16", true, "column 7: expected fp32, fp16 or int8, got 'bf16'"},
        {"c*v*:GPU", false, "column 4: expected at most one * in a name, got '*:GPU'"},
        {"'conv1:GPU", false, "column 11: expected a closing ', got the end"},
        {"'conv1'GPU", false, "expected NAME:VALUE"},
        {"conv3:GPU", false, "no layer is called 'conv3'; did you mean 'conv1'?"},
        {"transformer:GPU", false, "no layer is called 'transformer'; 'plan inspect' lists them"},
        {"t*z:GPU", false, "no layer is called 't*z'"},
        {"same:GPU", false, "node 'same' (Identity) is no layer: nothing runs for it"},
    };
    fixture f = network();
    ep_arena *arena = ep_arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *spec = cases[i].spec;
        const bool precisions = cases[i].precisions;
        const ep_pin *pins;
        ep_error err = {0};
        assert_int_equal(ep_pins_parse(f.layers, precisions ? NULL : spec, precisions ? spec : NULL,
                                       arena, &pins, &err),
                         EP_BAD_USAGE);
        if (!strstr(err.text, cases[i].message)) fail_msg("'%s': %s", spec, err.text);
    }
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- plans --------------------------------------------------------------------------------- */

static ep_status plan(fixture *f, const char *strategy, ep_plan_options options,
                      const char *devices, const char *precisions, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_status status = ep_pins_parse(f->layers, devices, precisions, arena, &options.pins, err);
    assert_int_equal(status, EP_OK);
    status = try_plan(f, strategy, &options, err);
    if (status == EP_OK) assert_valid(f->plan);
    ep_arena_free(arena);
    return status;
}

static const ep_plan_options int8 = {.precision = EP_CHOOSE_INT8};

static void plans_keep_them(void **state)
{
    (void)state;
    fixture f = network();
    ep_error err = {0};
    assert_int_equal(plan(&f, "greedy", int8, "conv2:GPU", NULL, &err), EP_OK);
    assert_int_equal(f.plan->device[CONV1], EP_DLA0);
    assert_int_equal(f.plan->device[CONV2], EP_GPU);
    assert_int_equal(plan(&f, "greedy", int8, NULL, "conv1:fp16,elu:fp32", &err), EP_OK);
    assert_int_equal(f.plan->device[CONV1], EP_DLA0);
    assert_int_equal(f.plan->precision[CONV1], EP_FP16);
    assert_int_equal(f.plan->precision[CONV2], EP_INT8);
    assert_int_equal(f.plan->precision[ELU], EP_FP32);
    /* the DLA has no FP32, and the GPU computes products of FP32 in TF32 unless told not to */
    assert_int_equal(plan(&f, "greedy", int8, NULL, "conv1:fp32", &err), EP_OK);
    assert_int_equal(f.plan->device[CONV1], EP_GPU);
    assert_int_equal(f.plan->precision[CONV1], EP_TF32);
    ep_plan_options no_tf32 = int8;
    no_tf32.no_tf32 = true;
    assert_int_equal(plan(&f, "greedy", no_tf32, NULL, "conv1:fp32", &err), EP_OK);
    assert_int_equal(f.plan->precision[CONV1], EP_FP32);
    /* the fastest of all, but for those pinned */
    const ep_plan_options best = {.precision = EP_CHOOSE_BEST};
    assert_int_equal(plan(&f, "gpu", best, NULL, "conv1:fp16,conv2:int8", &err), EP_OK);
    assert_int_equal(f.plan->precision[CONV1], EP_FP16);
    assert_int_equal(f.plan->precision[CONV2], EP_INT8);
    /* a search takes them along, wherever it goes */
    assert_int_equal(plan(&f, "best", int8, "conv2:DLA", "conv1:fp16", &err), EP_OK);
    assert_int_equal(f.plan->device[CONV2], EP_DLA0);
    assert_int_equal(f.plan->precision[CONV1], EP_FP16);
    /* the strategy that the others are compared with has no DLA */
    assert_int_equal(plan(&f, "gpu", int8, "conv1:DLA", NULL, &err), EP_OK);
    assert_int_equal(f.plan->device[CONV1], EP_GPU);
    fixture_free(&f);
}

static void what_cannot_be_is_infeasible(void **state)
{
    (void)state;
    const ep_plan_options fp16 = {.precision = EP_CHOOSE_FP16};
    const ep_plan_options second = {.precision = EP_CHOOSE_INT8, .dla = EP_DLA_SECOND};
    const ep_plan_options none = {.precision = EP_CHOOSE_INT8, .dla = EP_DLA_NONE};
    const ep_plan_options whole = {.precision = EP_CHOOSE_INT8, .no_fallback = true};
    const struct {
        ep_plan_options options;
        const char *devices, *precisions, *message;
    } cases[] = {
        {int8, "elu:DLA", NULL,
         "'elu' is pinned to the DLA, which refuses it (activation.function: Elu"},
        {int8, "conv1:DLA", "conv1:fp32",
         "'conv1' is pinned to the DLA, which refuses it (general.precision: fp32"},
        {int8, "sigmoid:DLA", "sigmoid:int8",
         "'sigmoid' is pinned to the DLA, which refuses it (general.precision"},
        {int8, NULL, "to_int:fp16", "'to_int' (Cast) is pinned to fp16; the GPU has it in fp32"},
        {fp16, NULL, "conv1:int8", "'conv1' (Convolution) is pinned to int8; the GPU has it in"},
        {int8, "conv1:DLA1", NULL, "'conv1' is pinned to dla1, and runs on gpu here (see --dla)"},
        {second, "conv1:DLA0", NULL, "'conv1' is pinned to dla0, and runs on gpu here (see --dla)"},
        {none, "conv1:DLA", NULL, "'conv1' is pinned to the DLA, and runs on gpu here (see --dla)"},
        {whole, "conv1:GPU", NULL, "--no-fallback: 'conv1' is pinned to another device"},
    };
    fixture f = network();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static const char *const strategies[] = {"greedy", "best"};
        for (int s = 0; s < 2; s++) {
            ep_error err = {0};
            assert_int_equal(plan(&f, strategies[s], cases[i].options, cases[i].devices,
                                  cases[i].precisions, &err),
                             EP_INFEASIBLE);
            if (!strstr(err.text, cases[i].message)) {
                fail_msg("%s %zu: %s", strategies[s], i, err.text);
            }
        }
    }
    fixture_free(&f);
}

static void a_limit_may_stand_against_a_pin(void **state)
{
    (void)state;
    fixture f = network();
    ep_error err = {0};
    ep_plan_options full = int8;
    full.loadables_used = (uint32_t)f.machine->dla.limits.loadables_per_core;
    assert_int_equal(plan(&f, "greedy", full, "conv1:DLA", NULL, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, "'conv1' is pinned to the DLA, which refuses it "
                                     "(general.loadables"));
    assert_int_equal(plan(&f, "best", full, "conv1:DLA", NULL, &err), EP_INFEASIBLE);
    assert_non_null(strstr(err.text, "(general.loadables"));
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs_pin_layers),
        cmocka_unit_test(what_is_no_spec_is_refused),
        cmocka_unit_test(plans_keep_them),
        cmocka_unit_test(what_cannot_be_is_infeasible),
        cmocka_unit_test(a_limit_may_stand_against_a_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
