/* Formats at the ends of subgraphs (NvInferRuntime.h, TensorFormat), and 2:4 sparse weights (FAQ of
 * Deep-Learning-Accelerator-SW). */
#include "tests/unit/plan_fixture.h"

static void assert_boundary(const ep_boundary *b, bool enters, const char *format,
                            const char *other, bool reformat, uint64_t bytes)
{
    assert_int_equal(b->enters, enters);
    assert_string_equal(b->format, format);
    assert_string_equal(b->other, other);
    assert_int_equal(b->reformat, reformat);
    assert_int_equal(b->bytes, bytes);
}

/* x 1x3x4x30, of which `node` makes y; its channels are `k`. */
static void assert_ends(const char *node, ep_io io, ep_precision_choice precision,
                        const char *format, const char *other, uint64_t bytes, uint64_t out_bytes)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x3x4x30");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "40x3x1x1");
    onnx_node(&f.model, "%s", node);
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    const ep_plan_options options = {.precision = precision, .io = io};
    assert_int_equal(try_plan(&f, "greedy", &options, &(ep_error){0}), EP_OK);
    ep_arena *arena = ep_arena_new();
    const ep_boundary *b;
    uint32_t n;
    assert_int_equal(ep_plan_boundaries(f.plan, arena, &b, &n, &(ep_error){0}), EP_OK);
    assert_int_equal(n, 2);
    const bool reformat = io == EP_IO_LINEAR;
    const char *out = precision == EP_CHOOSE_INT8 ? "kCHW32" : "kCHW16";
    assert_boundary(&b[0], true, format, other, reformat, bytes);
    assert_boundary(&b[1], false, out, reformat ? "kLINEAR" : out, reformat, out_bytes);
    ep_arena_free(arena);
    fixture_free(&f);
}

static void inputs_have_their_formats(void **state)
{
    (void)state;
    /* 30 pixels of 4 bytes: 120, rows of 128; 40 channels are 64 in INT8 and 48 in FP16 */
    assert_ends("y = Conv(x, w)", EP_IO_LINEAR, EP_CHOOSE_INT8, "kDLA_HWC4", "kLINEAR", 4 * 128,
                64 * 4 * 30);
    assert_ends("y = Conv(x, w)", EP_IO_NATIVE, EP_CHOOSE_INT8, "kDLA_HWC4", "kDLA_HWC4", 4 * 128,
                64 * 4 * 30);
    assert_ends("y = Conv(x, w)", EP_IO_LINEAR, EP_CHOOSE_FP16, "kDLA_HWC4", "kLINEAR", 4 * 256,
                48 * 4 * 30 * 2);
    /* no convolution: three planes with rows of 64 */
    assert_ends("y = Relu(x)", EP_IO_LINEAR, EP_CHOOSE_INT8, "kDLA_LINEAR", "kLINEAR", 3 * 4 * 64,
                32 * 4 * 30);
}

/* 128 channels to 64; of each four along C `nonzero` differ from zero. */
static ep_sparsity sparsity_of(int nonzero, ep_precision_choice precision)
{
    static float w[64 * 128];
    for (int i = 0; i < 64 * 128; i++) w[i] = i % 4 < nonzero ? 1.0F : -0.0F;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x128x4x4");
    if (nonzero < 0)
        onnx_stripped(&f.model, "w", EP_DTYPE_FLOAT, "64x128x1x1");
    else
        onnx_floats(&f.model, "w", "64x128x1x1", w);
    onnx_node(&f.model, "y = Conv(x, w)");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "greedy", precision);
    const ep_sparsity sparsity = ep_sparsity_of(f.plan, f.machine, layer_index(&f, "y"));
    fixture_free(&f);
    return sparsity;
}

static void weights_are_looked_into(void **state)
{
    (void)state;
    assert_int_equal(sparsity_of(-1, EP_CHOOSE_INT8).state, EP_SPARSE_UNKNOWN); /* stripped */
    assert_int_equal(sparsity_of(2, EP_CHOOSE_INT8).state, EP_SPARSE_YES);
    assert_int_equal(sparsity_of(3, EP_CHOOSE_INT8).state, EP_SPARSE_DENSE);
    assert_int_equal(sparsity_of(2, EP_CHOOSE_FP16).state, EP_SPARSE_NO);
    assert_string_equal(sparsity_of(2, EP_CHOOSE_FP16).why, "it does not run in INT8");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inputs_have_their_formats),
        cmocka_unit_test(weights_are_looked_into),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
