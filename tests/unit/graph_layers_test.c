/* Layers: which nodes vanish, what type the others get, what they compute. Expected numbers are
 * calculated by hand next to each test; those of whole networks are published. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

/* ---- types --------------------------------------------------------------------------------- */

static void bn_and_relu_are_layers(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x3x8x8");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "16x3x3x3");
    for (const char *const *s = (const char *const[]){"g", "b", "m", "v", NULL}; *s; s++) {
        onnx_weight(&f.model, *s, EP_DTYPE_FLOAT, "16");
    }
    onnx_node(&f.model, "c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "n = BatchNormalization(c, g, b, m, v)");
    onnx_node(&f.model, "y = Relu(n)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "Convolution Scale Activation");
    assert_int_equal(layer_of(&f, "c")->macs, 16 * 8 * 8 * 27);
    assert_int_equal(layer_of(&f, "c")->params, 16 * 27);
    assert_int_equal(layer_of(&f, "n")->params, 4 * 16);
    assert_int_equal(layer_of(&f, "n")->macs, 0);
    assert_int_equal(layer_of(&f, "n")->axes, 1 << 1);
    assert_int_equal(layer_of(&f, "y")->function, EP_FN_RELU);
    assert_int_equal(layer_of(&f, "y")->elements, 16 * 8 * 8);
    fixture_free(&f);
}

static void constants_make_a_scale(void **state)
{
    (void)state;
    const struct {
        const char *node, *constant;
        ep_layer_type type;
        uint8_t axes;
    } cases[] = {
        {"y = Add(x, c)", "8x1x1", EP_LAYER_SCALE, 1 << 1},
        {"y = Add(c, x)", "1x8x1x1", EP_LAYER_SCALE, 1 << 1},
        {"y = Mul(x, c)", "", EP_LAYER_SCALE, 0},
        {"y = Mul(x, c)", "1", EP_LAYER_SCALE, 0},
        {"y = Div(x, c)", "4x5", EP_LAYER_SCALE, 1 << 2 | 1 << 3},
        {"y = Sub(x, c)", "8x4x5", EP_LAYER_SCALE, 1 << 1 | 1 << 2 | 1 << 3},
        {"y = Div(c, x)", "", EP_LAYER_ELEMENTWISE, 0},        /* not a x + b */
        {"y = Max(x, c)", "", EP_LAYER_ELEMENTWISE, 0},        /* nor this */
        {"y = Pow(x, c)", "", EP_LAYER_ELEMENTWISE, 0},        /* nor this */
        {"y = Add(x, c)", "2x8x4x5", EP_LAYER_ELEMENTWISE, 0}, /* the result is wider than x */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = {0};
        onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x5");
        onnx_weight(&f.model, "c", EP_DTYPE_FLOAT, cases[i].constant);
        onnx_node(&f.model, "%s", cases[i].node);
        onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
        build_layers(&f);
        const ep_layer *y = layer_of(&f, "y");
        assert_int_equal(y->type, cases[i].type);
        assert_int_equal(y->axes, cases[i].axes);
        assert_int_equal(y->n_inputs, 1);
        assert_int_equal(y->n_consts, 1);
        fixture_free(&f);
    }
}

static void two_computed_operands_are_element_wise(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_input(&f.model, "z", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_node(&f.model, "y = Mul(x, z)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "ElementWise");
    assert_int_equal(layer_of(&f, "y")->function, EP_FN_PROD);
    assert_int_equal(layer_of(&f, "y")->n_inputs, 2);
    fixture_free(&f);
}

/* ---- no-ops -------------------------------------------------------------------------------- */

static void no_ops_vanish(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x1x4");
    ONNX_INTS(&f.model, "squeezed", 8, 4);
    ONNX_INTS(&f.model, "axes", 1);
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "b = Identity(a)");
    onnx_node(&f.model, "c = Dropout(b)");
    onnx_node(&f.model, "d = Cast(c) to=1");                /* FLOAT already */
    onnx_node(&f.model, "e = Transpose(d) perm=[0,2,1,3]"); /* moves a dimension of 1 */
    onnx_node(&f.model, "g = Reshape(e, squeezed)");
    onnx_node(&f.model, "h = Unsqueeze(g, axes)");
    onnx_node(&f.model, "y = Sigmoid(h)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "Activation Activation");
    const uint32_t a = tensor_index(&f, "a");
    for (const char *name = "abcdegh"; *name; name++) {
        assert_int_equal(f.layers->root[tensor_index(&f, (char[]){*name, '\0'})], a);
    }
    /* The second layer sees the view, and is listed where the bytes are. */
    assert_int_equal(layer_of(&f, "y")->inputs[0], tensor_index(&f, "h"));
    assert_int_equal(f.layers->users_begin[a + 1] - f.layers->users_begin[a], 1);
    assert_int_equal(f.layers->users[f.layers->users_begin[a]], 1);
    fixture_free(&f);
}

static void a_vanished_output_is_where_its_bytes_are(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8");
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "y = Identity(a)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "Activation");
    assert_true(f.layers->is_output[tensor_index(&f, "a")]);
    fixture_free(&f);
}

static void shuffles_that_move_or_reshape_stay(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    ONNX_INTS(&f.model, "shape", 1, 8, 16);
    onnx_node(&f.model, "a = Reshape(x, shape)");
    onnx_node(&f.model, "y = Transpose(a) perm=[0,2,1]");
    onnx_node(&f.model, "h = Cast(y) to=10");
    onnx_output(&f.model, "h", EP_DTYPE_FLOAT16, NULL);
    build_layers(&f);
    assert_layers(&f, "Shuffle Shuffle Cast");
    assert_int_equal(layer_of(&f, "a")->function, EP_FN_RESHAPE);
    assert_true(layer_of(&f, "a")->is_view);
    assert_int_equal(layer_of(&f, "y")->function, EP_FN_TRANSPOSE);
    assert_false(layer_of(&f, "y")->is_view);
    assert_int_equal(layer_of(&f, "y")->axes, 1 << 1 | 1 << 2);
    fixture_free(&f);
}

/* x -> Relu -> Flatten -> `reader`, and a second output when `other` is given. */
static fixture flattened(const char *reader, const char *other)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "2x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "128x10");
    onnx_weight(&f.model, "wt", EP_DTYPE_FLOAT, "10x128");
    onnx_weight(&f.model, "b", EP_DTYPE_FLOAT, "10");
    onnx_node(&f.model, "a = Relu(x)");
    onnx_node(&f.model, "flat = Flatten(a)");
    onnx_node(&f.model, "%s", reader);
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    if (other) {
        onnx_node(&f.model, "%s", other);
        onnx_output(&f.model, "z", EP_DTYPE_FLOAT, NULL);
    }
    build_layers(&f);
    return f;
}

static void flatten_before_gemm_vanishes(void **state)
{
    (void)state;
    const char *const readers[] = {"y = Gemm(flat, w, b)", "y = Gemm(flat, wt, b) transB=1",
                                   "y = MatMul(flat, w)"};
    for (int i = 0; i < 3; i++) {
        fixture f = flattened(readers[i], NULL);
        assert_layers(&f, "Activation FullyConnected");
        const ep_layer *y = layer_of(&f, "y");
        assert_int_equal(y->gemm.batch, 1);
        assert_int_equal(y->gemm.m, 2);
        assert_int_equal(y->gemm.n, 10);
        assert_int_equal(y->gemm.k, 128);
        assert_int_equal(y->macs, 2 * 10 * 128);
        assert_int_equal(y->params, i < 2 ? 1290 : 1280);
        fixture_free(&f);
    }
}

static void flatten_before_anything_else_stays(void **state)
{
    (void)state;
    fixture f = flattened("y = Sigmoid(flat)", NULL);
    assert_layers(&f, "Activation Shuffle Activation");
    fixture_free(&f);
    f = flattened("y = Gemm(flat, w, b)", "z = Sigmoid(flat)");
    assert_layers(&f, "Activation Shuffle FullyConnected Activation");
    fixture_free(&f);
}

/* ---- quantization -------------------------------------------------------------------------- */

static void quantized_operands(fixture *f)
{
    onnx_input(&f->model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_floats(&f->model, "half", "", &(float){0.5F});
    onnx_floats(&f->model, "quarter", "", &(float){0.25F});
    onnx_weight(&f->model, "zero", EP_DTYPE_INT8, "");
    onnx_weight(&f->model, "wq", EP_DTYPE_INT8, "8x8x1x1");
    onnx_node(&f->model, "w = DequantizeLinear(wq, half, zero)");
}

static void scale_pairs_vanish(void **state)
{
    (void)state;
    fixture f = {0};
    quantized_operands(&f);
    onnx_node(&f.model, "q = QuantizeLinear(x, half, zero)");
    onnx_node(&f.model, "d = DequantizeLinear(q, half, zero)");
    onnx_node(&f.model, "c = Conv(d, w)");
    onnx_node(&f.model, "r = Relu(c)");
    onnx_node(&f.model, "q2 = QuantizeLinear(r, quarter, zero)");
    onnx_node(&f.model, "y = DequantizeLinear(q2, quarter, zero)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "Convolution Activation");
    assert_true(f.layers->quantized);
    const float *scale = f.layers->scale;
    assert_float_equal(scale[layer_of(&f, "c")->inputs[0]], 0.5F, 0);
    assert_float_equal(scale[tensor_index(&f, "x")], 0, 0); /* itself it is not quantized */
    assert_float_equal(scale[tensor_index(&f, "c")], 0, 0);
    assert_true(f.layers->is_quantized[tensor_index(&f, "x")]);
    assert_true(f.layers->is_quantized[tensor_index(&f, "r")]);
    assert_false(f.layers->is_quantized[tensor_index(&f, "c")]);
    assert_int_equal(layer_of(&f, "c")->macs, 8 * 8 * 16);
    fixture_free(&f);
}

/* Exporters give each reader a DequantizeLinear of its own. */
static void a_pair_may_end_twice(void **state)
{
    (void)state;
    fixture f = {0};
    quantized_operands(&f);
    onnx_node(&f.model, "q = QuantizeLinear(x, half, zero)");
    onnx_node(&f.model, "d1 = DequantizeLinear(q, half, zero)");
    onnx_node(&f.model, "d2 = DequantizeLinear(q, half, zero)");
    onnx_node(&f.model, "c = Conv(d1, w)");
    onnx_node(&f.model, "y = Add(c, d2)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "Convolution ElementWise");
    fixture_free(&f);
}

static void a_lone_quantize_stays(void **state)
{
    (void)state;
    fixture f = {0};
    quantized_operands(&f);
    onnx_node(&f.model, "y = QuantizeLinear(x, half, zero)");
    onnx_output(&f.model, "y", EP_DTYPE_INT8, NULL);
    build_layers(&f);
    assert_layers(&f, "Quantize");
    fixture_free(&f);
}

/* ---- multiply-accumulates ------------------------------------------------------------------ */

/* `node` makes y from x, z (computed) and w (constant). */
static fixture product(const char *x, const char *z, const char *w, const char *node)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, x);
    if (z) onnx_input(&f.model, "z", EP_DTYPE_FLOAT, z);
    if (w) onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, w);
    onnx_node(&f.model, "%s", node);
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_int_equal(f.layers->n_layers, 1);
    return f;
}

static void work_is_counted(void **state)
{
    (void)state;
    const struct {
        const char *x, *z, *w, *node;
        ep_layer_type type;
        uint64_t macs, params;
    } cases[] = {
        /* 4 x 4 points out, 16 channels, 8 x 3 x 3 products each */
        {"1x8x10x10", NULL, "16x8x3x3", "y = Conv(x, w) strides=[2,2]", EP_LAYER_CONVOLUTION,
         16 * 16 * 72, 16 * 72},
        /* two groups: half the channels each */
        {"1x8x10x10", NULL, "16x4x3x3", "y = Conv(x, w) strides=[2,2] group=2",
         EP_LAYER_CONVOLUTION, 16 * 16 * 36, 16 * 36},
        /* depthwise, dilation 2: 6 x 6 points out */
        {"1x8x10x10", NULL, "8x1x3x3", "y = Conv(x, w) dilations=[2,2] group=8",
         EP_LAYER_CONVOLUTION, 8 * 36 * 9, 8 * 9},
        /* one dimension: 2 images, 8 points, 4 x 3 products */
        {"2x4x10", NULL, "6x4x3", "y = Conv(x, w)", EP_LAYER_CONVOLUTION, 2 * 6 * 8 * 12, 72},
        /* each of 8 x 25 values in meets 4 channels x 2 x 2 weights */
        {"1x8x5x5", NULL, "8x4x2x2", "y = ConvTranspose(x, w) strides=[2,2]",
         EP_LAYER_DECONVOLUTION, 200 * 16, 128},
        {"128x2", NULL, "128x10", "y = Gemm(x, w) transA=1", EP_LAYER_FULLY_CONNECTED, 2 * 10 * 128,
         1280},
        {"2x7x16", NULL, "16x32", "y = MatMul(x, w)", EP_LAYER_FULLY_CONNECTED, 14 * 32 * 16, 512},
        {"2x3x4x5", "2x3x5x6", NULL, "y = MatMul(x, z)", EP_LAYER_MATRIX_MULTIPLY, 6 * 4 * 6 * 5,
         0},
        {"2x3x4x5", "5x6", NULL, "y = MatMul(x, z)", EP_LAYER_MATRIX_MULTIPLY, 6 * 4 * 6 * 5, 0},
        {"2x3x4x5", "2x3x6x5", NULL, "y = Einsum(x, z) equation='bhid,bhjd->bhij'",
         EP_LAYER_MATRIX_MULTIPLY, 2 * 3 * 4 * 6 * 5, 0},
        /* the dimensions that the dots stand for come before i and j */
        {"2x3x4x5", "2x3x5x6", NULL, "y = Einsum(x, z) equation='...ij,...jk->...ik'",
         EP_LAYER_MATRIX_MULTIPLY, 6 * 4 * 5 * 6, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = product(cases[i].x, cases[i].z, cases[i].w, cases[i].node);
        const ep_layer *y = layer_of(&f, "y");
        if (y->macs != cases[i].macs || y->params != cases[i].params || y->type != cases[i].type) {
            fail_msg("%s: %s, %llu MACs, %llu parameters", cases[i].node,
                     ep_layer_type_name(y->type), (unsigned long long)y->macs,
                     (unsigned long long)y->params);
        }
        fixture_free(&f);
    }
}

static void batched_product_has_its_shape(void **state)
{
    (void)state;
    fixture f = product("2x3x4x5", "2x3x5x6", NULL, "y = MatMul(x, z)");
    const ep_gemm g = layer_of(&f, "y")->gemm;
    assert_true(g.batch == 6 && g.m == 4 && g.n == 6 && g.k == 5);
    fixture_free(&f);
}

/* 5 steps x 2 images x 4 gates x 4 units x (3 inputs + 4 units) = 1120; weights 4 x 4 x (3 + 4). */
static void lstm_counts_gates(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "5x2x3");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "1x16x3");
    onnx_weight(&f.model, "r", EP_DTYPE_FLOAT, "1x16x4");
    onnx_node(&f.model, "y = LSTM(x, w, r) hidden_size=4");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_layers(&f, "Recurrent");
    assert_int_equal(layer_of(&f, "y")->macs, 1120);
    assert_int_equal(layer_of(&f, "y")->params, 112);
    fixture_free(&f);
}

static void shared_weights_count_once(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x8x4x4");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_node(&f.model, "a = Conv(x, w)");
    onnx_node(&f.model, "y = Conv(a, w)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    assert_int_equal(layer_of(&f, "a")->params, 64);
    assert_int_equal(layer_of(&f, "y")->params, 0);
    fixture_free(&f);
}

/* ---- whole networks ------------------------------------------------------------------------ */

/* torchvision documents parameters with BatchNorm and GMACs to two digits. In the examples a
 * BatchNorm is folded: of its two parameters a channel one is left, the bias of the convolution.
 * ResNet-50 normalises 26,560 channels, MobileNetV2 17,056. */
static void networks_have_their_published_size(void **state)
{
    (void)state;
    const struct {
        const char *file;
        double gmacs;
        uint64_t params;
    } cases[] = {
        {"resnet50.onnx", 4.09, 25557032 - 26560},
        {"mobilenet_v2.onnx", 0.30, 3504872 - 17056},
        {"vgg16.onnx", 15.47, 138357544},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f = {0};
        load_example(&f, cases[i].file);
        uint64_t macs = 0, params = 0;
        for (uint32_t l = 0; l < f.layers->n_layers; l++) {
            macs += f.layers->layers[l].macs;
            params += f.layers->layers[l].params;
        }
        assert_true(fabs((double)macs * 1e-9 - cases[i].gmacs) <= 0.005);
        assert_int_equal(params, cases[i].params);
        fixture_free(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bn_and_relu_are_layers),
        cmocka_unit_test(constants_make_a_scale),
        cmocka_unit_test(two_computed_operands_are_element_wise),
        cmocka_unit_test(no_ops_vanish),
        cmocka_unit_test(a_vanished_output_is_where_its_bytes_are),
        cmocka_unit_test(shuffles_that_move_or_reshape_stay),
        cmocka_unit_test(flatten_before_gemm_vanishes),
        cmocka_unit_test(flatten_before_anything_else_stays),
        cmocka_unit_test(scale_pairs_vanish),
        cmocka_unit_test(a_pair_may_end_twice),
        cmocka_unit_test(a_lone_quantize_stays),
        cmocka_unit_test(work_is_counted),
        cmocka_unit_test(batched_product_has_its_shape),
        cmocka_unit_test(lstm_counts_gates),
        cmocka_unit_test(shared_weights_count_once),
        cmocka_unit_test(networks_have_their_published_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
