/* DLA rules: the hint of a layer, and what following it takes. */
#include <float.h>

#include "tests/unit/rules_fixture.h"

/* The first refusal of layer 0 by `id` has this hint and change. */
static void hints_in(fixture *f, ep_precision asked, const char *id, ep_change change,
                     const char *hint)
{
    connect(f);
    ep_arena *arena = ep_arena_new();
    ep_verdict *verdicts = NULL;
    ep_error err = {0};
    assert_int_equal(ep_dla_check(&f->layers, &f->machine, asked, arena, &verdicts, &err), EP_OK);
    const ep_refusal *found = NULL;
    for (uint32_t i = 0; i < verdicts[0].n_refusals && !found; i++) {
        const ep_refusal *refusal = &verdicts[0].refusals[i];
        if (strcmp(refusal->rule->id, id) == 0) found = refusal;
    }
    assert_non_null(found);
    assert_string_equal(found->hint, hint);
    assert_string_equal(ep_change_name(found->change), ep_change_name(change));
    ep_arena_free(arena);
}

static void hints(fixture *f, const char *id, ep_change change, const char *hint)
{
    hints_in(f, EP_INT8, id, change, hint);
}

static fixture given_activation(ep_function function, const char *op)
{
    return given(EP_LAYER_ACTIVATION, function, op, "1x8x4x4", "1x8x4x4");
}

static void test_activation(void **state)
{
    (void)state;
    const char *id = "activation.function";
    fixture f = given_activation(EP_FN_HARD_SWISH, "HardSwish");
    hints(&f, id, EP_CHANGE_EXACT, "Write it as x * Clip(x + 3, 0, 6) / 6: Scale, Clip, Mul.");
    f = given_activation(EP_FN_HARD_SIGMOID, "HardSigmoid");
    hints(&f, id, EP_CHANGE_EXACT, "Write it as Clip(0.2 x + 0.5, 0, 1): Scale, Clip.");
    f = given_activation(EP_FN_GELU, "Gelu");
    hints(&f, id, EP_CHANGE_APPROXIMATE, "Write it as x * Sigmoid(1.702 x): Scale, Sigmoid, Mul.");
    f = given_activation(EP_FN_OTHER_ACTIVATION, "Elu");
    hints(&f, id, EP_CHANGE_RETRAIN, "Replace Elu by Relu and retrain.");
    f = given(EP_LAYER_UNARY, EP_FN_ERF, "Erf", "1x8x4x4", "1x8x4x4");
    hints(&f, "unary.function", EP_CHANGE_APPROXIMATE,
          "As part of a Gelu, write that as x * Sigmoid(1.702 x): Scale, Sigmoid, Mul.");
}

static void test_clip(void **state)
{
    (void)state;
    static const struct {
        float min, max;
        const char *hint;
    } cases[] = {
        {0, FLT_MAX, "Write it as Relu."},
        {-1, 6, "Write it as Clip(x + 1, 0, 7) - 1: Scale, Clip, Scale."},
        {0, 0.5F, "Write it as 0.5 Clip((x) / 0.5, 0, 1): Scale, Clip, Scale."},
        {-FLT_MAX, 3, "Write it as 3 - Relu(3 - x): Scale, Relu, Scale."},
        {2, FLT_MAX, "Write it as Relu(x - 2) + 2: Scale, Relu, Scale."},
        {-FLT_MAX, FLT_MAX, "Remove it: it has no bounds."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f = given_activation(EP_FN_CLIP, "Clip");
        f.layer[0].alpha = cases[i].min;
        f.layer[0].beta = cases[i].max;
        hints(&f, "activation.clip", EP_CHANGE_EXACT, cases[i].hint);
    }
}

static fixture given_global(ep_function function, const char *in, int64_t height, int64_t width)
{
    fixture f = given_window(EP_LAYER_POOLING, function, "GlobalPool", in, "1x64x1x1", 1);
    f.layer[0].global = true;
    set2(f.layer[0].window.kernel, height, width);
    return f;
}

static void test_whole_map(void **state)
{
    (void)state;
    const char *id = "pool.window";
    fixture f = given_global(EP_FN_AVERAGE_POOL, "1x64x28x28", 28, 28);
    hints(&f, id, EP_CHANGE_EXACT, "Use AveragePool 4x4 after 7x7, strides as windows.");
    f = given_global(EP_FN_MAX_POOL, "1x64x12x1", 12, 1);
    hints(&f, id, EP_CHANGE_EXACT, "Use MaxPool 2x1 after 6x1, strides as windows.");
    f = given_global(EP_FN_AVERAGE_POOL, "1x64x13x13", 13, 13);
    hints(&f, id, EP_CHANGE_EXACT, "Use a depthwise Conv 13x13 whose weights are 1/169.");
    f = given_global(EP_FN_AVERAGE_POOL, "1x64x37x37", 37, 37);
    hints(&f, id, EP_CHANGE_APPROXIMATE,
          "Use an input size for which the map, now 37x37, splits into factors of at most 8, then "
          "AveragePools in steps.");
    f = given(EP_LAYER_REDUCE, EP_FN_REDUCE_MEAN, "ReduceMean", "1x8x7x7", "1x8x1x1");
    f.layer[0].axes = 0xc;
    hints(&f, "reduce.function", EP_CHANGE_EXACT, "Use AveragePool 7x7, strides as windows.");
    f.layer[0].axes = 0x2;
    hints(&f, "reduce.function", EP_CHANGE_EXACT,
          "Use a 1x1 Conv to one channel whose weights are 1/8.");
    f.layer[0].function = EP_FN_REDUCE_SUM;
    f.layer[0].axes = 0xc;
    hints(&f, "reduce.function", EP_CHANGE_EXACT,
          "Use AveragePool 7x7, strides as windows, then multiply by 49.");
}

static void test_windows(void **state)
{
    (void)state;
    fixture f = given_conv("1x3x224x224", "1x768x14x14", 16);
    set2(f.layer[0].window.stride, 16, 16);
    hints(&f, "conv.stride", EP_CHANGE_EXACT,
          "Fold blocks of 16x16 into the channels before the network; the layer is then a 1x1 "
          "Conv.");
    set2(f.layer[0].window.kernel, 17, 17);
    hints(&f, "conv.stride", EP_CHANGE_EXACT,
          "Use Conv with stride 8x8, then a 1x1 MaxPool with stride 2x2.");
    f = given_conv("1x4x64x64", "1x8x64x64", 40);
    hints(&f, "conv.kernel", EP_CHANGE_EXACT,
          "Split the kernel into 4 of at most 32x32 over shifted inputs and add their results.");
    f = given_conv("1x4x64x64", "1x8x64x64", 1);
    set2(f.layer[0].window.dilation, 40, 40);
    hints(&f, "conv.dilation", EP_CHANGE_EXACT, "Write dilation 1: the kernel is 1 there.");
    f.layer[0].window.kernel[0] = 3;
    hints(&f, "conv.dilation", EP_CHANGE_RETRAIN, "Use a smaller dilation, and retrain.");
    /* NVIDIA/TensorRT#3499 */
    f = given_conv("1x512x80x160", "1x256x80x160", 3);
    hints_in(&f, EP_FP16, "general.cbuf-group", EP_CHANGE_SETTING,
             "Use INT8: 5 weight + 8 input banks.");
}

static void test_deconvolution(void **state)
{
    (void)state;
    fixture f = given_window(EP_LAYER_DECONVOLUTION, EP_FN_NONE, "ConvTranspose", "1x16x8x8",
                             "1x16x16x16", 4);
    ep_window *w = &f.layer[0].window;
    set2(w->stride, 2, 2);
    set2(w->pad_begin, 1, 1);
    set2(w->pad_end, 1, 1);
    hints(&f, "deconv.padding", EP_CHANGE_EXACT,
          "Use padding 0 and a Slice behind it: rows 1 to 16, columns 1 to 16.");
    f.layer[0].groups = 16;
    hints(&f, "deconv.groups", EP_CHANGE_EXACT,
          "Use 16 deconvolutions of one group between a Split and a Concat, or one whose weights "
          "between groups are 0.");
}

/* A Pad, and the layer that reads it. */
static fixture given_pad(ep_layer_type type, ep_function function, int64_t kernel)
{
    static const int64_t pads[8] = {0, 0, 1, 1, 0, 0, 2, 2};
    fixture f = given(EP_LAYER_SLICE, EP_FN_PAD, "Pad", "1x8x10x10", "1x8x13x13");
    f.attr = (ep_attr){.name = "pads", .type = EP_ATTR_INTS, .count = 8, .ints = pads};
    f.node.n_attrs = 1;
    f.layers.n_layers = 2;
    f.layer[1] = (ep_layer){
        .type = type, .function = function, .name = "next", .op = "Conv", .groups = 1, .step = 1};
    f.layer[1].window =
        (ep_window){.rank = 2, .kernel = {kernel, kernel}, .stride = {1, 1}, .dilation = {1, 1}};
    for (uint32_t t = f.outputs[0] + 1; t <= MAX_TENSORS; t++) f.users_begin[t] = 1;
    f.users[0] = 1;
    return f;
}

static void test_pad(void **state)
{
    (void)state;
    const char *id = "pad.unsupported";
    fixture f = given_pad(EP_LAYER_CONVOLUTION, EP_FN_NONE, 3);
    hints(&f, id, EP_CHANGE_EXACT, "Move it into next: pads 1, 1, 2, 2.");
    f = given_pad(EP_LAYER_CONVOLUTION, EP_FN_NONE, 2);
    hints(&f, id, EP_CHANGE_APPROXIMATE,
          "Pad less: next has no room for all of it (padding 1x1 before, 2x2 after, the DLA takes "
          "below the window, 2x2).");
    f = given_pad(EP_LAYER_POOLING, EP_FN_AVERAGE_POOL, 3);
    hints(&f, id, EP_CHANGE_EXACT, "Move it into next: pads 1, 1, 2, 2, count_include_pad 1.");
    f = given_pad(EP_LAYER_POOLING, EP_FN_MAX_POOL, 3);
    hints(&f, id, EP_CHANGE_APPROXIMATE,
          "Move it into next: pads 1, 1, 2, 2 (a maximum then never is the padding's 0).");
    f.users_begin[f.outputs[0] + 1] = 0;
    hints(&f, id, EP_CHANGE_NONE,
          "No single Conv or pooling layer reads it that could pad instead.");
}

static fixture given_resize(ep_function function, const char *place, const char *nearest,
                            double scale, const char *out)
{
    fixture f = given(EP_LAYER_RESIZE, function, "Resize", "1x8x12x12", out);
    f.layer[0].resize_coordinates = place;
    f.layer[0].resize_rounding = nearest;
    const double scales[4] = {1, 1, scale, scale};
    memcpy(f.layer[0].resize_scales, scales, sizeof scales);
    return f;
}

static void test_resize(void **state)
{
    (void)state;
    fixture f = given_resize(EP_FN_NEAREST, "asymmetric", "round_prefer_floor", 2, "1x8x24x24");
    hints(&f, "resize.coordinates", EP_CHANGE_EXACT,
          "Export it as asymmetric with floor: at these sizes it takes the same elements.");
    f = given_resize(EP_FN_NEAREST, "asymmetric", "round_prefer_floor", 3, "1x8x36x36");
    hints(&f, "resize.coordinates", EP_CHANGE_APPROXIMATE, "Export it as asymmetric with floor.");
    f = given_resize(EP_FN_LINEAR, "align_corners", "floor", 2, "1x8x24x24");
    hints(
        &f, "resize.coordinates", EP_CHANGE_APPROXIMATE,
        "Export it as half_pixel (align_corners off): it samples up to half an element elsewhere.");
    f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 0.5, "1x8x6x6");
    hints(&f, "resize.scale", EP_CHANGE_EXACT, "Use a 1x1 MaxPool with stride 2x2.");
    f = given_resize(EP_FN_LINEAR, "half_pixel", "floor", 0.5, "1x8x6x6");
    hints(&f, "resize.scale", EP_CHANGE_EXACT, "Use AveragePool 2x2, strides as windows.");
    f = given_resize(EP_FN_LINEAR, "half_pixel", "floor", 8, "1x8x96x96");
    hints(&f, "resize.scale", EP_CHANGE_APPROXIMATE, "Resize in steps of at most 4.");
    f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 1.75, "1x8x21x21");
    hints(&f, "resize.scale", EP_CHANGE_APPROXIMATE,
          "Choose sizes so that height grows by 2 and width by 2.");
}

static void test_flatten(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_FULLY_CONNECTED, EP_FN_NONE, "Gemm", "1x25088", "1x4096");
    f.layer[0].gemm = (ep_gemm){.batch = 1, .m = 1, .n = 4096, .k = 25088};
    const uint32_t map = add_tensor(&f, "1x512x7x7", EP_VARIABLE);
    f.layers.n_layers = 2;
    f.layer[1] = (ep_layer){.type = EP_LAYER_SHUFFLE,
                            .function = EP_FN_RESHAPE,
                            .name = "flatten",
                            .op = "Flatten",
                            .groups = 1,
                            .step = 1,
                            .n_inputs = 1,
                            .inputs = &map};
    f.producer[f.inputs[0]] = 1;
    const char *hint = "Replace Flatten and Gemm by a Conv with the kernel 7x7, its weights "
                       "reshaped.";
    hints(&f, "fc.channels", EP_CHANGE_EXACT, hint);
    hints(&f, "general.dimension", EP_CHANGE_EXACT, hint);
}

static void test_others(void **state)
{
    (void)state;
    fixture f =
        given(EP_LAYER_NORMALIZATION, EP_FN_NONE, "GroupNormalization", "1x8x4x4", "1x8x4x4");
    hints(&f, "normalization.function", EP_CHANGE_RETRAIN,
          "Train with BatchNormalization, which disappears into the convolution before it.");
    f = given_conv("1x64x56x56", "1x64x56x56", 3);
    hints_in(&f, EP_FP32, "general.precision", EP_CHANGE_SETTING,
             "Plan with --precision int8 or fp16.");
    f = given_relu("1x3x8x8");
    f.tensor[f.outputs[0]].was_symbolic = 4;
    hints(&f, "general.dynamic-shape", EP_CHANGE_SETTING, "Export the network with fixed shapes.");
    f = given(EP_LAYER_CONCATENATION, EP_FN_NONE, "Concat", "1x8x4x4", "1x8x8x4");
    add_input(&f, "1x8x4x4");
    f.layer[0].axis = 2;
    hints(&f, "concat.axis", EP_CHANGE_EXACT,
          "Transpose its inputs so that axis 2 becomes the channels, and the result back.");
    f = given(EP_LAYER_ELEMENTWISE, EP_FN_PROD, "Mul", "1x8x4x4", "1x8x4x4");
    add_input(&f, "1x1x4x4");
    hints(&f, "elementwise.broadcast", EP_CHANGE_EXACT,
          "Repeat the operand along C by a 1x1 Conv of 8 kernels that are 1.");
}

/* What early and late software versions change. */
static void test_versions(void **state)
{
    (void)state;
    fixture f = given_window(EP_LAYER_DECONVOLUTION, EP_FN_NONE, "ConvTranspose", "1x16x8x8",
                             "1x16x18x18", 4);
    set2(f.layer[0].window.stride, 2, 2);
    accepts(&f);
    f.machine.dla.limits.deconv_stride_is_kernel = true;
    refuses(&f, "deconv.stride-kernel: stride 2x2, kernel 4x4 [the same]");
    f = given(EP_LAYER_SLICE, EP_FN_SLICE, "Slice", "1x8x4x4", "1x4x4x4");
    f.layer[0].axes = 2;
    accepts_as(&f, EP_FP16, EP_FP16);
    f.machine.dla.limits.no_slice = true;
    refuses(&f, "slice.version: Slice [later software]");
    f = given_resize(EP_FN_LINEAR, "half_pixel", "floor", 2, "1x8x24x24");
    accepts(&f);
    f.machine.dla.limits.resize_nearest_only = true;
    refuses(&f, "resize.mode: mode linear [nearest]");
    f = given(EP_LAYER_NORMALIZATION, EP_FN_NONE, "LayerNormalization", "1x8x4x4", "1x8x4x4");
    f.machine.dla.limits.normalize = true;
    accepts_as(&f, EP_FP16, EP_FP16);
    f.layer[0].op = "GroupNormalization";
    refuses(&f, "normalization.function: GroupNormalization [BatchNormalization]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation),    cmocka_unit_test(test_clip),
        cmocka_unit_test(test_whole_map),     cmocka_unit_test(test_windows),
        cmocka_unit_test(test_deconvolution), cmocka_unit_test(test_pad),
        cmocka_unit_test(test_resize),        cmocka_unit_test(test_flatten),
        cmocka_unit_test(test_others),        cmocka_unit_test(test_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
