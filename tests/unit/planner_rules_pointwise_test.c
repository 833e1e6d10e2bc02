/* DLA rules of the layers without a window, each rule at its bound and just past it. */
#include <float.h>

#include "tests/unit/rules_fixture.h"

/* ---- activation ---------------------------------------------------------------------------- */

static fixture given_activation(ep_function function, const char *op)
{
    return given(EP_LAYER_ACTIVATION, function, op, "1x8x4x4", "1x8x4x4");
}

static void test_activation(void **state)
{
    (void)state;
    fixture f = given_activation(EP_FN_RELU, "Relu");
    accepts_as(&f, EP_INT8, EP_INT8);
    f = given_activation(EP_FN_LEAKY_RELU, "LeakyRelu");
    f.layer[0].alpha = 0.1F;
    accepts_as(&f, EP_INT8, EP_INT8);
    f = given_activation(EP_FN_SIGMOID, "Sigmoid");
    accepts_as(&f, EP_INT8, EP_FP16);
    f = given_activation(EP_FN_TANH, "Tanh");
    accepts_as(&f, EP_INT8, EP_FP16);
    f = given_activation(EP_FN_HARD_SWISH, "HardSwish");
    refuses(&f, "activation.function: HardSwish [Relu, Clip, Sigmoid, Tanh, LeakyRelu]");
    f = given_activation(EP_FN_OTHER_ACTIVATION, "Mish");
    refuses(&f, "activation.function: Mish [Relu, Clip, Sigmoid, Tanh, LeakyRelu]");
}

static void test_clip(void **state)
{
    (void)state;
    fixture f = given_activation(EP_FN_CLIP, "Clip");
    f.layer[0].beta = 6;
    accepts(&f);
    f.layer[0].beta = 127;
    accepts(&f);
    f.layer[0].beta = 1;
    accepts(&f);
    f.layer[0].beta = 0.5F;
    refuses(&f, "activation.clip: min 0, max 0.5 [min 0, max 1..127]");
    f.layer[0].beta = 127.5F;
    refuses(&f, "activation.clip: min 0, max 127.5 [min 0, max 1..127]");
    f.layer[0].beta = FLT_MAX;
    refuses(&f, "activation.clip: min 0, max none [min 0, max 1..127]");
    f.layer[0].alpha = -1;
    f.layer[0].beta = 6;
    refuses(&f, "activation.clip: min -1, max 6 [min 0, max 1..127]");
    f.layer[0].alpha = 0;
    add_input(&f, "1x1x1x1");
    refuses(&f, "activation.clip: bounds computed at run time [constants]");
}

static void test_parametric_relu(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_PARAMETRIC_RELU, EP_FN_NONE, "PRelu", "1x8x4x4", "1x8x4x4");
    add_const(&f, "8x1x1");
    accepts(&f);
    add_input(&f, "1x8x1x1");
    refuses(&f, "prelu.slope: slopes computed at run time [constants]");
}

/* ---- element-wise -------------------------------------------------------------------------- */

static fixture given_pair(ep_function function, const char *op, const char *a, const char *b,
                          const char *out)
{
    fixture f = given(EP_LAYER_ELEMENTWISE, function, op, a, out);
    add_input(&f, b);
    return f;
}

static void test_elementwise_function(void **state)
{
    (void)state;
    static const struct {
        ep_function function;
        const char *op;
    } taken[] = {{EP_FN_SUM, "Add"},
                 {EP_FN_SUB, "Sub"},
                 {EP_FN_PROD, "Mul"},
                 {EP_FN_MAX, "Max"},
                 {EP_FN_MIN, "Min"}};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        fixture f = given_pair(taken[i].function, taken[i].op, "1x8x4x4", "1x8x4x4", "1x8x4x4");
        accepts(&f);
    }
    fixture f = given_pair(EP_FN_DIV, "Div", "1x8x4x4", "1x8x4x4", "1x8x4x4");
    refuses(&f, "elementwise.function: Div [Sum, Sub, Prod, Max, Min]");
    f.machine.dla.limits.div = true;
    accepts(&f);
    f.layer[0].function = EP_FN_POW;
    f.layer[0].op = "Pow";
    refuses(&f, "elementwise.function: Pow [Sum, Sub, Prod, Max, Min, Div]");
    f.machine.dla.limits.pow = true;
    accepts(&f);
    f.layer[0].function = EP_FN_OTHER_BINARY;
    f.layer[0].op = "Mod";
    refuses(&f, "elementwise.function: Mod [Sum, Sub, Prod, Max, Min, Div, Pow]");
}

static void test_elementwise_broadcast(void **state)
{
    (void)state;
    fixture f = given_pair(EP_FN_PROD, "Mul", "2x8x4x4", "2x8x1x1", "2x8x4x4");
    accepts(&f); /* squeeze and excite */
    f = given_pair(EP_FN_PROD, "Mul", "2x1x1x1", "2x8x4x4", "2x8x4x4");
    accepts(&f);
    f = given_pair(EP_FN_PROD, "Mul", "2x8x4x4", "1x8x1x1", "2x8x4x4");
    refuses(&f, "elementwise.broadcast: operand 1x8x1x1 [NxCxHxW, NxCx1x1 or Nx1x1x1]");
    f = given_pair(EP_FN_PROD, "Mul", "2x8x4x4", "2x1x4x4", "2x8x4x4");
    refuses(&f, "elementwise.broadcast: operand 2x1x4x4 [NxCxHxW, NxCx1x1 or Nx1x1x1]");
    f = given_pair(EP_FN_PROD, "Mul", "1x8x4x4", "8x4", "1x8x4x4"); /* along the width */
    f.tensor[f.inputs[1]].shape = shape_of("1x4");
    refuses(&f, "elementwise.broadcast: operand 1x4 [NxCxHxW, NxCx1x1 or Nx1x1x1]");
    f = given_pair(EP_FN_SUM, "Add", "8x10", "8x1", "8x10");
    accepts(&f);

    f = given(EP_LAYER_ELEMENTWISE, EP_FN_MAX, "Max", "2x8x4x4", "2x8x4x4");
    add_const(&f, "");
    accepts(&f);
    add_const(&f, "8x1x1");
    accepts(&f);
    add_const(&f, "8x4x4");
    accepts(&f);
    add_const(&f, "4");
    refuses(&f, "elementwise.broadcast: operand 4 [NxCxHxW, NxCx1x1 or Nx1x1x1]");
}

static void test_comparison(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_COMPARISON, EP_FN_GREATER, "Greater", "1x8x4x4", "1x8x4x4");
    f.tensor[f.outputs[0]].dtype = EP_DTYPE_BOOL;
    f.layer[1] = (ep_layer){.type = EP_LAYER_CAST, .op = "Cast"};
    f.layers.n_layers = 1;
    f.users[0] = 1;
    for (uint32_t t = f.outputs[0] + 1; t <= MAX_TENSORS; t++) f.users_begin[t] = 1;
    refuses(&f, "comparison.function: Greater [none]");
    f.machine.dla.limits.comparison = true;
    accepts(&f);
    refuses_in(&f, EP_FP16, "comparison.precision: fp16 [int8]");
    f.layer[1] = (ep_layer){.type = EP_LAYER_SELECT, .op = "Where"};
    refuses(&f, "comparison.cast: read by Where [Cast to float at once]");
    f.is_output[f.outputs[0]] = true;
    refuses(&f, "comparison.cast: an output of the network [Cast to float at once]");
    f.is_output[f.outputs[0]] = false;
    f.layer[1] = (ep_layer){.type = EP_LAYER_CAST, .op = "Cast"};
    f.layer[0].function = EP_FN_OTHER_BINARY;
    f.layer[0].op = "LessOrEqual";
    refuses(&f, "comparison.function: LessOrEqual [Equal, Greater, Less]");
}

static void test_scale(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_SCALE, EP_FN_SUM, "Add", "2x8x4x1", "2x8x4x1");
    accepts(&f); /* uniform */
    f.layer[0].axes = 1 << 1;
    accepts(&f); /* per channel */
    f.layer[0].axes = 1 << 1 | 1 << 2;
    accepts(&f); /* per element: there is one column only */
    f.layer[0].axes = 1 << 2;
    refuses(&f, "scale.mode: constant differs along H [uniform, along C, or along CHW]");
    f.layer[0].axes = 1 << 0 | 1 << 1 | 1 << 2;
    refuses(&f, "scale.mode: constant differs along NCH [uniform, along C, or along CHW]");
    f = given(EP_LAYER_SCALE, EP_FN_PROD, "Mul", "1x3x8x8", "1x3x8x8");
    f.layer[0].axes = 1 << 3;
    refuses(&f, "scale.mode: constant differs along W [uniform, along C, or along CHW]");
    f = given(EP_LAYER_SCALE, EP_FN_PROD, "Mul", "5x8", "5x8");
    f.layer[0].axes = 1 << 1;
    accepts(&f);
}

/* ---- concatenation, resize ----------------------------------------------------------------- */

static void test_concat(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_CONCATENATION, EP_FN_NONE, "Concat", "1x8x4x4", "1x16x4x4");
    f.layer[0].axis = 1;
    refuses(&f, "concat.inputs: 1 input [2 or more]");
    add_input(&f, "1x8x4x4");
    accepts(&f);
    f.layer[0].axis = 2;
    refuses(&f, "concat.axis: axis 2 of 1x16x4x4 [channels]");
    f = given(EP_LAYER_CONCATENATION, EP_FN_NONE, "Concat", "1x8", "1x16");
    add_input(&f, "1x8");
    f.layer[0].axis = 1;
    accepts(&f);
    /* YOLOv8's head */
    f = given(EP_LAYER_CONCATENATION, EP_FN_NONE, "Concat", "1x144x6400", "1x144x8400");
    add_input(&f, "1x144x2000");
    f.layer[0].axis = 2;
    refuses(&f, "general.rank: rank 3: 1x144x6400 [2, or 4 and more]\n"
                "concat.axis: axis 2 of 1x144x8400 [channels]");
    f = given(EP_LAYER_CONCATENATION, EP_FN_NONE, "Concat", "1x2x8x4x4", "1x2x16x4x4");
    add_input(&f, "1x2x8x4x4");
    f.layer[0].axis = 2;
    accepts(&f);
    f.layer[0].axis = 1;
    refuses(&f, "concat.axis: axis 1 of 1x2x16x4x4 [channels]");
}

static fixture given_resize(ep_function function, const char *coordinates, const char *rounding,
                            double height, double width)
{
    fixture f = given(EP_LAYER_RESIZE, function, "Resize", "1x8x4x4", "1x8x8x8");
    f.layer[0].resize_coordinates = coordinates;
    f.layer[0].resize_rounding = rounding;
    f.layer[0].resize_scales[0] = f.layer[0].resize_scales[1] = 1;
    f.layer[0].resize_scales[2] = height;
    f.layer[0].resize_scales[3] = width;
    return f;
}

static void test_resize_scale(void **state)
{
    (void)state;
    fixture f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 32, 1);
    accepts(&f);
    f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 33, 2);
    refuses(&f, "resize.scale: height x33, width x2 [integers in 1..32]");
    f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 2, 1.5);
    refuses(&f, "resize.scale: height x2, width x1.5 [integers in 1..32]");
    f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 0.5, 0.5);
    refuses(&f, "resize.scale: height x0.5, width x0.5 [integers in 1..32]");
    f = given_resize(EP_FN_LINEAR, "half_pixel", "floor", 4, 4);
    accepts(&f);
    f = given_resize(EP_FN_LINEAR, "half_pixel", "floor", 5, 4);
    refuses(&f, "resize.scale: height x5, width x4 [integers in 1..4]");
    f = given_resize(EP_FN_NEAREST, "asymmetric", "floor", 2, 2);
    f.layer[0].resize_scales[1] = 2;
    refuses(&f, "resize.channels: batch x1, channels x2 [x1]");
    f = given(EP_LAYER_RESIZE, EP_FN_NEAREST, "Resize", "1x2x8x4x4", "1x2x8x8x8");
    f.layer[0].resize_coordinates = "asymmetric";
    f.layer[0].resize_rounding = "floor";
    refuses(&f, "resize.rank: rank 5: 1x2x8x4x4 [4]");
}

static void test_resize_coordinates(void **state)
{
    (void)state;
    fixture f = given_resize(EP_FN_NEAREST, "half_pixel", "round_prefer_floor", 2, 2);
    accepts(&f);
    f = given_resize(EP_FN_NEAREST, "half_pixel", "round_prefer_ceil", 2, 2);
    accepts(&f);
    f = given_resize(EP_FN_NEAREST, "half_pixel", "floor", 2, 2);
    refuses(&f, "resize.coordinates: nearest, half_pixel, floor "
                "[asymmetric with floor, half_pixel with round_prefer_*]");
    f = given_resize(EP_FN_LINEAR, "pytorch_half_pixel", "floor", 2, 2);
    accepts(&f);
    f = given_resize(EP_FN_LINEAR, "align_corners", "floor", 2, 2);
    refuses(&f, "resize.coordinates: linear, align_corners [half_pixel]");
    f = given_resize(EP_FN_CUBIC, "half_pixel", "floor", 2, 2);
    refuses(&f, "resize.mode: mode cubic [nearest, linear]");
}

/* ---- slice, softmax ------------------------------------------------------------------------ */

static void test_slice(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_SLICE, EP_FN_SLICE, "Slice", "2x8x4x4", "2x4x4x4");
    f.layer[0].axes = 1 << 1;
    accepts_as(&f, EP_INT8, EP_FP16); /* DLA of 8.6 slices in FP16 */
    f.machine.dla.limits.slice_int8 = true;
    accepts_as(&f, EP_INT8, EP_INT8);
    f.layer[0].step = 2;
    refuses(&f, "slice.stride: stride 2 [1]");
    f.layer[0].step = 1;
    f.layer[0].axes = 1;
    refuses(&f, "slice.batch: Slice of the batch [C, H, W]");
    f.layer[0].axes = 1 << 1;
    add_input(&f, "1x2");
    refuses(&f, "slice.constant: bounds computed at run time [constants]");

    f = given(EP_LAYER_SLICE, EP_FN_SLICE, "Slice", "1x144x8400", "1x64x8400");
    f.layer[0].axes = 1 << 1;
    refuses(&f, "general.rank: rank 3: 1x144x8400 [2, or 4 and more]\n"
                "slice.rank: rank 3: 1x144x8400 [4]");
    f = given(EP_LAYER_SLICE, EP_FN_SPLIT, "Split", "1x8", "1x4");
    f.layer[0].axes = 1 << 1;
    refuses(&f, "slice.rank: rank 2: 1x8 [4]");
    f = given(EP_LAYER_SLICE, EP_FN_SPLIT, "Split", "2x8x4x4", "1x8x4x4");
    f.layer[0].axes = 1;
    refuses(&f, "slice.batch: Split of the batch [C, H, W]");
    f = given(EP_LAYER_SLICE, EP_FN_PAD, "Pad", "1x8x4x4", "1x8x6x6");
    refuses(&f, "pad.unsupported: Pad [padding of a Conv or pooling layer]");
    f = given(EP_LAYER_SLICE, EP_FN_OTHER_SLICE, "Tile", "1x8x4x4", "1x8x8x8");
    refuses(&f, "slice.function: Tile [Slice, Split]");
}

static fixture given_softmax(const char *shape, int axis)
{
    fixture f = given(EP_LAYER_SOFTMAX, EP_FN_NONE, "Softmax", shape, shape);
    f.layer[0].axis = axis;
    return f;
}

static void test_softmax(void **state)
{
    (void)state;
    fixture f = given_softmax("8x1000", 1);
    accepts_as(&f, EP_INT8, EP_FP16);
    f = given_softmax("1x1x8192x1", 2);
    accepts_as(&f, EP_INT8, EP_FP16);
    f.machine.dla.limits.softmax_axis_max_single = 8191;
    refuses(&f, "softmax.size: 8192 elements along axis 2 [1..8191]");
    f = given_softmax("1x1024x2x1", 1);
    accepts_as(&f, EP_FP16, EP_FP16);
    f = given_softmax("1x1025x2x1", 1);
    refuses(&f, "softmax.size: 1025 elements along axis 1 [1..1024]");
    f = given_softmax("4x8x2x2", 0);
    refuses(&f, "softmax.axis: axis 0, the batch [C, H, W]");
    f = given_softmax("1x8x2x2", 1);
    f.machine.dla.version = "v1";
    f.machine.dla.limits.softmax = false; /* Xavier */
    refuses(&f, "softmax.version: DLA v1 [a DLA with Softmax]");
    f = given_softmax("1x8x2x2", 1);
    f.layer[0].op = "LogSoftmax";
    refuses(&f, "softmax.function: LogSoftmax [Softmax]");
}

/* ---- reduce, shuffle, unary, normalization ------------------------------------------------- */

static void test_reduce(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_REDUCE, EP_FN_REDUCE_MEAN, "ReduceMean", "1x8x4x4", "1x8");
    f.layer[0].axes = 1 << 2 | 1 << 3;
    refuses(&f, "reduce.function: ReduceMean [none]");
    f.machine.dla.limits.reduce_max = true;
    refuses(&f, "reduce.function: ReduceMean [Max]");
    f.layer[0].function = EP_FN_REDUCE_MAX;
    f.layer[0].op = "ReduceMax";
    accepts(&f);
    f.layer[0].axes = 1 | 1 << 2;
    refuses(&f, "reduce.axes: ReduceMax over the batch [C, H, W]");
    f.tensor[f.inputs[0]].shape = shape_of("8x4");
    f.layer[0].axes = 1 << 1;
    refuses(&f, "reduce.rank: rank 2: 8x4 [4]");
}

static void test_shuffle(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_SHUFFLE, EP_FN_RESHAPE, "Reshape", "2x8x4x4", "2x16x2x4");
    accepts(&f);
    f.tensor[f.outputs[0]].shape = shape_of("4x16x2x2");
    refuses(&f, "shuffle.batch: Reshape of batch 2 to 4 [the batch stays]");
    f.tensor[f.outputs[0]].shape = shape_of("2x128");
    refuses(&f, "shuffle.rank: rank 4 to 2 [4 to 4]");
    f = given(EP_LAYER_SHUFFLE, EP_FN_TRANSPOSE, "Transpose", "1x8x4x4", "1x4x4x8");
    f.layer[0].axes = 1 << 1 | 1 << 2 | 1 << 3;
    accepts(&f);
    f = given(EP_LAYER_SHUFFLE, EP_FN_TRANSPOSE, "Transpose", "4x4x2x2", "4x4x2x2");
    f.layer[0].axes = 1 | 1 << 1;
    refuses(&f, "shuffle.batch: Transpose of batch 4 to 4 [the batch stays]");
    f = given(EP_LAYER_SHUFFLE, EP_FN_OTHER_SHUFFLE, "DepthToSpace", "1x8x4x4", "1x2x8x8");
    refuses(&f, "shuffle.function: DepthToSpace [Reshape, Transpose]");
}

static void test_unary(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_UNARY, EP_FN_ABS, "Abs", "1x8x4x4", "1x8x4x4");
    accepts(&f);
    f = given(EP_LAYER_UNARY, EP_FN_SIN, "Sin", "1x8x4x4", "1x8x4x4");
    refuses_in(&f, EP_FP16, "unary.function: Sin [Abs]");
    f.machine.dla.limits.trigonometric = true;
    accepts(&f);
    refuses_in(&f, EP_FP16, "unary.precision: Sin in fp16 [int8]");
    f = given(EP_LAYER_UNARY, EP_FN_SQRT, "Sqrt", "1x8x4x4", "1x8x4x4");
    f.machine.dla.limits.trigonometric = true;
    refuses(&f, "unary.function: Sqrt [Abs, Sin, Cos, Atan]");
}

static void test_normalization(void **state)
{
    (void)state;
    fixture f = given(EP_LAYER_LRN, EP_FN_NONE, "LRN", "1x64x56x56", "1x64x56x56");
    f.attr = (ep_attr){.name = "size", .type = EP_ATTR_INT, .i = 3};
    f.node.n_attrs = 1;
    for (f.attr.i = 3; f.attr.i <= 9; f.attr.i += 2) accepts_as(&f, EP_INT8, EP_FP16);
    refuses(&f, "lrn.window: window 11 [odd, 3..9]");
    f.attr.i = 4;
    refuses(&f, "lrn.window: window 4 [odd, 3..9]");
    f.attr.i = 1;
    refuses(&f, "lrn.window: window 1 [odd, 3..9]");
    f = given(EP_LAYER_NORMALIZATION, EP_FN_NONE, "GroupNormalization", "1x8x4x4", "1x8x4x4");
    refuses(&f, "normalization.function: GroupNormalization [BatchNormalization]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activation),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_parametric_relu),
        cmocka_unit_test(test_elementwise_function),
        cmocka_unit_test(test_elementwise_broadcast),
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_scale),
        cmocka_unit_test(test_concat),
        cmocka_unit_test(test_resize_scale),
        cmocka_unit_test(test_resize_coordinates),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_shuffle),
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_normalization),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
