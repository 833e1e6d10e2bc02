/* One layer as a workload: what is expected follows from the ONNX operators' definitions. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "planner/planner.h"
#include "study/study.h"

static ep_layer_workload make(const char *text, int64_t batch)
{
    ep_layer_workload workload;
    ep_error err = {0};
    if (ep_layer_workload_make(text, batch, &workload, &err) != EP_OK) fail_msg("%s", err.text);
    return workload;
}

static ep_layers *layers_of(const ep_layer_workload *workload)
{
    ep_layers *layers;
    ep_error err = {0};
    if (ep_layers_build(workload->network, &layers, &err) != EP_OK) fail_msg("%s", err.text);
    return layers;
}

static ep_machine *orin(void)
{
    ep_machine *machine;
    ep_error err = {0};
    const ep_machine_options options = {0};
    if (ep_machine_load(EP_SOURCE_DIR "/hwmodels/orin-agx.yaml", &options, &machine, &err) !=
        EP_OK) {
        fail_msg("%s", err.text);
    }
    return machine;
}

static ep_planned *plan(const ep_layers *layers, const ep_machine *machine, const char *strategy)
{
    ep_planned *planned;
    ep_error err = {0};
    const ep_plan_options options = {.precision = EP_CHOOSE_FP16};
    if (ep_plan_make(layers, machine, strategy, &options, &planned, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return planned;
}

/* ---- shapes and work ----------------------------------------------------------------------- */

/* The layers' operators joined by '+', the inputs and the output, and sums over the layers. */
typedef struct expected {
    const char *text;
    int64_t batch;
    const char *ops, *inputs, *output;
    uint64_t macs, params, elements;
} expected;

static const expected cases[] = {
    /* (56 + 2 - 3) / 2 + 1 = 28 */
    {"layer:conv c=64 h=56 w=56 k=128 r=3 s=3 stride=2,2 pad=1,1 dilation=1 groups=1 act=relu", 2,
     "Conv+Relu", "2x64x56x56", "2x128x28x28", 2ULL * 128 * 28 * 28 * 64 * 9, 128 * 64 * 9 + 128,
     2ULL * 2 * 128 * 28 * 28},
    /* height: (10 + 2 - (1 + 2 * 2)) / 2 + 1 = 4; width: (9 + 0 - 1) / 1 + 1 = 9 */
    {"layer:conv c=4 h=10 w=9 k=6 r=3 s=1 stride=2,1 pad=1,0 dilation=2", 1, "Conv", "1x4x10x9",
     "1x6x4x9", 6 * 4 * 9 * 4 * 3, 6 * 4 * 3 + 6, 6 * 4 * 9},
    {"layer:conv c=32 h=8 w=8 k=32 r=3 s=3 stride=1 pad=1 groups=32 act=none", 1, "Conv",
     "1x32x8x8", "1x32x8x8", 32 * 64 * 9, 32 * 9 + 32, 32 * 64},
    {"layer:conv c=8 h=5 w=5 k=4 r=1 s=1 act=relu residual=1", 3, "Conv+Add+Relu",
     "3x8x5x5 3x4x5x5", "3x4x5x5", 3 * 4 * 25 * 8, 4 * 8 + 4, 3ULL * 3 * 4 * 25},
    /* every input element times every output channel and tap; (62 - 1) * 4 + 4 = 248 */
    {"layer:convtranspose c=256 h=62 w=54 k=128 r=4 s=4 stride=4,4 pad=0,0 dilation=1 groups=1 "
     "act=none",
     1, "ConvTranspose", "1x256x62x54", "1x128x248x216", 256ULL * 62 * 54 * 128 * 16,
     256 * 128 * 16 + 128, 128ULL * 248 * 216},
    {"layer:gemm m=4 n=5 k=6 bias=1", 3, "Gemm", "12x6", "12x5", 12 * 5 * 6, 6 * 5 + 5, 12 * 5},
    {"layer:gemm m=4 n=5 k=6", 1, "Gemm", "4x6", "4x5", 4 * 5 * 6, 6 * 5 + 5, 4 * 5},
    {"layer:gemm m=4 n=5 k=6 bias=0", 1, "Gemm", "4x6", "4x5", 4 * 5 * 6, 6 * 5, 4 * 5},
    {"layer:matmul m=197 n=64 k=32", 12, "MatMul", "12x197x32 12x32x64", "12x197x64",
     12ULL * 197 * 64 * 32, 0, 12 * 197 * 64},
    {"layer:maxpool r=3 s=3 stride=2,2 pad=1,1 c=64 h=112 w=112", 1, "MaxPool", "1x64x112x112",
     "1x64x56x56", 0, 0, 64 * 56 * 56},
    {"layer:averagepool r=2 s=3 stride=2,3 c=7 h=8 w=9", 2, "AveragePool", "2x7x8x9", "2x7x4x3", 0,
     0, 2 * 7 * 4 * 3},
    {"layer:globalaveragepool c=64 h=7 w=5", 2, "GlobalAveragePool", "2x64x7x5", "2x64x1x1", 0, 0,
     2 * 64},
    {"layer:relu c=2 h=3 w=4", 1, "Relu", "1x2x3x4", "1x2x3x4", 0, 0, 24},
    {"layer:sigmoid c=2 h=3 w=4", 1, "Sigmoid", "1x2x3x4", "1x2x3x4", 0, 0, 24},
    {"layer:silu c=2 h=3 w=4", 2, "Sigmoid+Mul", "2x2x3x4", "2x2x3x4", 0, 0, 2 * 48},
    {"layer:hardswish c=2 h=3 w=4", 1, "HardSwish", "1x2x3x4", "1x2x3x4", 0, 0, 24},
    {"layer:gelu c=2 h=3 w=4", 1, "Gelu", "1x2x3x4", "1x2x3x4", 0, 0, 24},
    {"layer:add c=2 h=3 w=4", 1, "Add", "1x2x3x4 1x2x3x4", "1x2x3x4", 0, 0, 24},
    {"layer:mul c=2 h=3 w=4", 1, "Mul", "1x2x3x4 1x2x3x4", "1x2x3x4", 0, 0, 24},
    {"layer:concat n=3 c=2 h=3 w=4", 2, "Concat", "2x2x3x4 2x2x3x4 2x2x3x4", "2x6x3x4", 0, 0, 144},
    {"layer:resize scale=2 mode=nearest c=2 h=3 w=4", 1, "Resize", "1x2x3x4", "1x2x6x8", 0, 0, 96},
    {"layer:resize mode=linear scale=3 c=1 h=3 w=4", 1, "Resize", "1x1x3x4", "1x1x9x12", 0, 0, 108},
    {"layer:layernormalization m=384 n=1024", 2, "LayerNormalization", "768x1024", "768x1024", 0,
     2 * 1024, 768 * 1024},
    {"layer:softmax m=10 n=20", 2, "Softmax", "20x20", "20x20", 0, 0, 400},
};

static void expect_shapes(const ep_network *network, const uint32_t *tensors, uint32_t n,
                          const char *shapes)
{
    ep_text text = {0};
    char shape[EP_SHAPE_TEXT];
    for (uint32_t i = 0; i < n; i++) {
        ep_text_printf(&text, "%s%s", i ? " " : "",
                       ep_shape_text(&network->tensors[tensors[i]].shape, shape));
    }
    assert_string_equal(ep_text_cstr(&text), shapes);
    ep_text_free(&text);
}

static void layers_are_what_the_text_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const expected *c = &cases[i];
        ep_layer_workload workload = make(c->text, c->batch);
        ep_layers *layers = layers_of(&workload);
        const ep_network *network = workload.network;
        ep_text ops = {0};
        uint64_t macs = 0, params = 0, elements = 0;
        for (uint32_t l = 0; l < layers->n_layers; l++) {
            ep_text_printf(&ops, "%s%s", l ? "+" : "", layers->layers[l].op);
            macs += layers->layers[l].macs;
            params += layers->layers[l].params;
            elements += layers->layers[l].elements;
        }
        assert_int_equal(workload.kind, EP_WORKLOAD_NETWORK);
        assert_string_equal(network->name, c->text);
        assert_string_equal(ep_text_cstr(&ops), c->ops);
        expect_shapes(network, network->inputs, network->n_inputs, c->inputs);
        expect_shapes(network, network->outputs, network->n_outputs, c->output);
        assert_int_equal(macs, c->macs);
        assert_int_equal(params, c->params);
        assert_int_equal(elements, c->elements);
        assert_int_equal(network->batch_to, c->batch);
        ep_text_free(&ops);
        ep_layers_free(layers);
        ep_layer_workload_free(&workload);
    }
}

static void moves_have_an_input_and_no_layer(void **state)
{
    static const struct {
        const char *text;
        ep_workload_kind kind;
        bool to_dla;
        const char *input;
    } moves[] = {
        {"layer:identity c=2 h=3 w=4", EP_WORKLOAD_REFORMAT, false, "5x2x3x4"},
        {"layer:reformat from=nchw to=nhwc c=2 h=3 w=4", EP_WORKLOAD_REFORMAT, false, "5x2x3x4"},
        {"layer:reformat c=2 h=3 w=4 from=nchw to=dla", EP_WORKLOAD_REFORMAT, true, "5x2x3x4"},
        {"layer:devicecopy bytes=4294967296", EP_WORKLOAD_COPY, false, "5x4294967296"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        ep_layer_workload workload = make(moves[i].text, 5);
        ep_layers *layers = layers_of(&workload);
        assert_int_equal(layers->n_layers, 0);
        assert_int_equal(workload.kind, moves[i].kind);
        assert_int_equal(workload.to_dla, moves[i].to_dla);
        expect_shapes(workload.network, workload.network->inputs, workload.network->n_inputs,
                      moves[i].input);
        ep_layers_free(layers);
        ep_layer_workload_free(&workload);
    }
    ep_layer_workload empty = make("layer:empty", 1);
    assert_int_equal(empty.kind, EP_WORKLOAD_EMPTY);
    assert_null(empty.network);
    ep_layer_workload_free(&empty);
}

/* ---- plans --------------------------------------------------------------------------------- */

/* What a builder fuses on the GPU is one kernel. */
static void a_layer_is_one_kernel(void **state)
{
    (void)state;
    ep_machine *machine = orin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ep_layer_workload workload = make(cases[i].text, cases[i].batch);
        ep_layers *layers = layers_of(&workload);
        ep_planned *planned = plan(layers, machine, "gpu");
        uint32_t kernels = 0;
        for (uint32_t k = 0; k < planned->plan.n_kernels; k++) {
            kernels += planned->plan.kernels[k].kind == EP_KERNEL_LAYERS;
        }
        assert_int_equal(kernels, 1);
        ep_planned_free(planned);
        ep_layers_free(layers);
        ep_layer_workload_free(&workload);
    }
    ep_machine_free(machine);
}

static void plan_row(const ep_measurement *row, const ep_machine *machine, uint32_t *on_dla)
{
    ep_layer_workload workload = make(row->workload, row->gpu_batch);
    if (!workload.network) return;
    ep_layers *layers = layers_of(&workload);
    ep_planned_free(plan(layers, machine, "gpu"));
    if (strncmp(row->workload, "layer:conv ", 11) == 0) {
        ep_planned *planned = plan(layers, machine, "greedy");
        const bool accepted = ep_device_is_dla(planned->plan.device[0]);
        if (row->engine == EP_ENGINE_DLA) assert_true(accepted);
        *on_dla += accepted;
        ep_planned_free(planned);
    }
    ep_layers_free(layers);
    ep_layer_workload_free(&workload);
}

static void all_that_was_measured_can_be_planned(void **state)
{
    static const char *const files[] = {EP_SOURCE_DIR "/tests/validation/h200.csv",
                                        EP_SOURCE_DIR "/tests/validation/orin.csv"};
    (void)state;
    ep_machine *machine = orin();
    uint32_t rows = 0, on_dla = 0;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        ep_arena *arena = ep_arena_new();
        ep_measurements measurements;
        ep_error err = {0};
        if (ep_measurements_read(files[i], arena, &measurements, &err) != EP_OK) {
            fail_msg("%s", err.text);
        }
        for (uint32_t r = 0; r < measurements.n; r++) {
            if (strncmp(measurements.rows[r].workload, "layer:", 6) != 0) continue;
            plan_row(&measurements.rows[r], machine, &on_dla);
            rows++;
        }
        ep_arena_free(arena);
    }
    assert_true(rows > 900);
    assert_true(on_dla > 500); /* the files have 550 convolutions, few of them beyond its limits */
    ep_machine_free(machine);
}

/* ---- errors -------------------------------------------------------------------------------- */

static void mistakes_are_named(void **state)
{
    static const struct {
        const char *text;
        int64_t batch;
        const char *message;
    } mistakes[] = {
        {"layer:cnov c=1", 1, "layer: no operator 'cnov'; did you mean 'conv'?"},
        {"layer:", 1,
         "layer: no operator ''; there are conv, convtranspose, gemm, matmul, maxpool, "
         "averagepool, globalaveragepool, relu, sigmoid, silu, hardswish, gelu, add, mul, "
         "identity, concat, resize, reformat, layernormalization, softmax, empty, devicecopy"},
        {"conv c=1", 1, "'conv c=1': wants layer:OPERATOR KEY=VALUE ..."},
        {"layer:maxpool c=1 h=4 w=4 r=2 s=2 strid=2", 1,
         "maxpool: no key 'strid'; did you mean 'stride'?"},
        {"layer:softmax m=1 x=2", 1, "softmax: no key 'x'; there are m, n"},
        {"layer:empty c=1", 1, "empty: no key 'c'; there are none"},
        {"layer:softmax m=1 =2", 1, "softmax: no key ''; there are m, n"},
        {"layer:softmax m=1", 1, "softmax: key 'n' is missing"},
        {"layer:softmax m=1 n=2 m=1", 1, "softmax: key 'm' is given twice"},
        {"layer:softmax m=1 n", 1, "softmax: 'n': wants KEY=VALUE"},
        {"layer:softmax m=0 n=1", 1, "softmax: m=0: allowed 1..1048576"},
        {"layer:softmax m=1048577 n=1", 1, "softmax: m=1048577: allowed 1..1048576"},
        {"layer:softmax m=99999999999999999999 n=1", 1,
         "softmax: m=99999999999999999999: allowed 1..1048576"},
        {"layer:softmax m=-1 n=1", 1, "softmax: m=-1: allowed 1..1048576"},
        {"layer:softmax m=1.5 n=1", 1, "softmax: m=1.5: allowed 1..1048576"},
        {"layer:softmax m= n=1", 1, "softmax: m=: allowed 1..1048576"},
        {"layer:maxpool c=1 h=4 w=4 r=2 s=2 stride=2,", 1,
         "maxpool: stride=2,: allowed 1..1024, as Y,X or one number for both"},
        {"layer:maxpool c=1 h=4 w=4 r=2 s=2 pad=1,2,3", 1,
         "maxpool: pad=1,2,3: allowed 0..1024, as Y,X or one number for both"},
        {"layer:maxpool c=1,1 h=4 w=4 r=2 s=2", 1, "maxpool: c=1,1: allowed 1..1048576"},
        {"layer:resize scale=2 mode=cubic c=1 h=4 w=4", 1,
         "resize: mode=cubic: allowed nearest|linear"},
        {"layer:reformat c=1 h=4 w=4 from=dla to=nchw", 1, "reformat: from=dla: allowed nchw|nhwc"},
        {"layer:concat n=65 c=1 h=1 w=1", 1, "concat: n=65: allowed 1..64"},
        {"layer:conv c=6 h=4 w=4 k=4 r=1 s=1 groups=4", 1,
         "conv: groups=4: must divide c=6 and k=4"},
        {"layer:conv c=1 h=2 w=2 k=1 r=3 s=3", 1,
         "conv: node 'Conv' (Conv): nothing is left of axis 2: 2 elements padded by 0 and 0, "
         "kernel 3, dilation 1, stride 1 give 0; at least 1 is needed"},
        {"layer:relu c=1048576 h=1024 w=2", 1,
         "relu: makes a tensor of 1x1048576x1024x2 elements, allowed up to 1073741824"},
        {"layer:relu c=1048576 h=1048576 w=1048576", 1048576,
         "relu: makes a tensor of 1048576x1048576x1048576x1048576 elements, allowed up to "
         "1073741824"},
        {"layer:relu c=1 h=1 w=1", 0, "batch 0: allowed 1..1048576"},
        {"layer:devicecopy bytes=1099511627776", 2,
         "devicecopy: makes a tensor of 2x1099511627776 elements, allowed up to 1099511627776"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        ep_layer_workload workload;
        ep_error err = {0};
        assert_int_equal(
            ep_layer_workload_make(mistakes[i].text, mistakes[i].batch, &workload, &err),
            EP_BAD_FILE);
        assert_string_equal(err.text, mistakes[i].message);
    }
}

/* The largest that is allowed still has counts that fit. */
static void the_largest_fits(void **state)
{
    (void)state;
    ep_layer_workload workload = make("layer:gemm m=32768 n=32768 k=32768", 1);
    ep_layers *layers = layers_of(&workload);
    assert_int_equal(layers->layers[0].macs, (uint64_t)1 << 45);
    ep_layers_free(layers);
    ep_layer_workload_free(&workload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_what_the_text_says),
        cmocka_unit_test(moves_have_an_input_and_no_layer),
        cmocka_unit_test(a_layer_is_one_kernel),
        cmocka_unit_test(all_that_was_measured_can_be_planned),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_largest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
