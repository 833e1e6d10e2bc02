/* Sessions that fuse nodes and choose layouts against the same networks run kernel by kernel
 * (keep_all), which share no code with them but the operators' definitions; and against themselves
 * on other numbers of threads. Without oneDNN nothing is fused, and both sides are the same. */
#include <math.h>

#include "tests/unit/session_fixture.h"

enum { MOST_OUTPUTS = 4, MOST_ELEMENTS = 1 << 16 };

/* Numbers in [-1, 1) that depend on the seed (xorshift32). */
static void fill(float *values, size_t n, uint32_t seed)
{
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        values[i] = (float)(x >> 8) / (float)(1 << 23) - 1;
    }
}

static size_t count(const char *shape)
{
    int64_t dims[EP_MAX_RANK];
    int rank;
    return (size_t)onnx_dims(shape, dims, &rank);
}

static void weight(onnx_model *m, const char *name, const char *shape)
{
    static float values[MOST_ELEMENTS];
    const size_t n = count(shape);
    assert_true(n <= MOST_ELEMENTS);
    fill(values, n, (uint32_t)name[0] * 31 + (uint32_t)n);
    onnx_floats(m, name, shape, values);
}

/* Runs the model; the bytes of all outputs. */
static ep_text run_with(fixture *f, const ep_session_options *options, const char *shape)
{
    static float x[MOST_ELEMENTS];
    ep_text bytes = {0};
    f->options = *options;
    start(f);
    fill(x, count(shape), 7);
    RUN(f, array_of(EP_DTYPE_FLOAT, shape, x));
    RUN(f, array_of(EP_DTYPE_FLOAT, shape, x)); /* what the first left behind changes nothing */
    for (uint32_t i = 0; i < f->ready->n_outputs; i++) {
        const ep_array *array = ep_session_output(f->session, i);
        ep_text_append(&bytes, array->data, (size_t)ep_dtype_bytes(array->dtype, array->n));
    }
    assert_false(bytes.failed);
    return bytes;
}

/* Relative to the largest magnitude of all outputs: sums in another order, exponentials by another
 * polynomial. */
static void assert_close(const ep_text *a, const ep_text *b)
{
    const float *x = (const float *)(const void *)a->data,
                *y = (const float *)(const void *)b->data;
    const size_t n = a->length / sizeof *x;
    float scale = 0;
    assert_int_equal(a->length, b->length);
    for (size_t i = 0; i < n; i++) scale = fmaxf(scale, fabsf(x[i]));
    assert_true(scale > 0);
    for (size_t i = 0; i < n; i++) {
        if (fabsf(x[i] - y[i]) > 2e-5F * scale) {
            fail_msg("element %zu: %g kernel by kernel, %g fused", i, (double)x[i], (double)y[i]);
        }
    }
}

/* The model's input is "x" of `shape`. */
static void check(fixture *f, const char *shape)
{
    ep_text kernels = run_with(f, &(ep_session_options){.threads = 1, .keep_all = true}, shape);
    ep_text fused = run_with(f, &(ep_session_options){.threads = 1}, shape);
    assert_close(&kernels, &fused);
    for (uint32_t threads = 2; threads <= 4; threads++) {
        ep_text other = run_with(f, &(ep_session_options){.threads = threads}, shape);
        assert_int_equal(other.length, fused.length);
        assert_memory_equal(other.data, fused.data, fused.length);
        ep_text_free(&other);
    }
    ep_text_free(&kernels);
    ep_text_free(&fused);
    teardown(f);
}

/* ---- convolutions -------------------------------------------------------------------------- */

static void begin(fixture *f, const char *shape)
{
    *f = (fixture){0};
    onnx_input(&f->m, "x", EP_DTYPE_FLOAT, shape);
}

static void output(fixture *f, const char *name)
{
    onnx_output(&f->m, name, EP_DTYPE_FLOAT, NULL);
}

/* Kernels, strides, paddings, dilations, groups, channels that no vector divides. */
static void convolutions(void **state)
{
    (void)state;
    static const struct {
        const char *x, *w, *attributes;
    } rows[] = {
        {"1x3x17x19", "8x3x3x3", "strides=[2,2] pads=[1,1,1,1]"},
        {"2x16x9x9", "16x16x1x1", ""},
        {"1x5x8x7", "7x5x3x2", "pads=[2,0,1,1]"},
        {"1x24x10x10", "24x1x3x3", "group=24 pads=[1,1,1,1]"},
        {"1x12x10x11", "18x4x3x3", "group=3 dilations=[2,1]"},
        {"1x4x33", "6x4x5", "strides=[2] pads=[2,2]"},
        {"1x2x5x6x7", "3x2x3x3x3", "pads=[1,1,1,1,1,1]"},
        {"1x40x6x6", "33x40x3x3", "auto_pad='SAME_UPPER' strides=[2,2]"},
        {"1x8x1x1", "5x8x1x1", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f;
        begin(&f, rows[i].x);
        weight(&f.m, "w", rows[i].w);
        onnx_node(&f.m, "y = Conv(x, w) %s", rows[i].attributes);
        output(&f, "y");
        check(&f, rows[i].x);
    }
}

/* What may follow a convolution of 6 channels, from c to y. */
static void epilogues(void **state)
{
    (void)state;
    static const char *const chains[][7] = {
        {"y = Relu(c)"},
        {"y = LeakyRelu(c) alpha=0.3"},
        {"y = Clip(c, low, high)"},
        {"y = HardSwish(c)"},
        {"s = Sigmoid(c)", "y = Mul(c, s)"},
        {"s = HardSigmoid(c) alpha=0.16666667 beta=0.5", "y = Mul(s, c)"},
        {"s = HardSigmoid(c)", "y = Mul(s, c)"},
        {"n = BatchNormalization(c, g, b, m, v)", "y = Relu(n)"},
        {"y = BatchNormalization(c, g, b, m, v)"},
        {"d = Div(c, root)", "e = Erf(d)", "o = Add(e, one)", "p = Mul(c, o)", "y = Mul(p, half)"},
        {"a = Add(c, x)", "y = Relu(a)"},
        {"r = Tanh(c)", "a = Add(x, r)", "y = Elu(a) alpha=0.5"},
        {"a = Sub(c, half)", "b1 = Sub(one, a)", "y = Mul(b1, channels)"},
        {"l = LeakyRelu(c) alpha=0.3", "a = Add(l, x)", "y = LeakyRelu(a) alpha=0.1"},
        {"r = Relu(c)", "a = Add(r, x)", "y = Relu(a)"},
        {"y = Add(c, c)"},
        {"r = Relu(c)", "s = Sigmoid(c)", "y = Add(r, s)"},
        {"e = Conv(c, w) pads=[1,1,1,1]", "y = Add(e, c)"},
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        fixture f;
        begin(&f, "1x6x7x9");
        weight(&f.m, "w", "6x6x3x3");
        weight(&f.m, "bias", "6");
        const char *const vectors[] = {"g", "b", "m", "v"};
        for (int k = 0; k < 4; k++) {
            onnx_floats(&f.m, vectors[k], "6", (const float[]){0.5, 2, 1, 3, 0.1F, 1.5});
        }
        weight(&f.m, "channels", "6x1x1");
        onnx_floats(&f.m, "low", "", (const float[]){-0.5});
        onnx_floats(&f.m, "high", "", (const float[]){1});
        onnx_floats(&f.m, "root", "", (const float[]){1.41421356F});
        onnx_floats(&f.m, "one", "", (const float[]){1});
        onnx_floats(&f.m, "half", "", (const float[]){0.5});
        onnx_node(&f.m, "c = Conv(x, w, bias) pads=[1,1,1,1]");
        for (int k = 0; chains[i][k]; k++) onnx_node(&f.m, "%s", chains[i][k]);
        output(&f, "y");
        check(&f, "1x6x7x9");
    }
}

/* ---- who else reads ------------------------------------------------------------------------ */

/* The sum may be written over the addend only when nobody reads that later: here a node after the
 * sum, a view, a convolution that waits for its own sum, an output. */
static void addends_that_are_read_again(void **state)
{
    (void)state;
    static const char *const tails[][7] = {
        {"s = Add(c, a)", "t = Mul(a, s)", "y = Relu(t)"},
        {"f = Flatten(a)", "s = Add(c, a)", "g = Flatten(s)", "y = Add(f, g)"},
        {"d = Conv(a, w) pads=[1,1,1,1]", "s = Add(c, a)", "e = Conv(s, w) pads=[1,1,1,1]",
         "y = Add(d, e)"},
        {"t = Transpose(a) perm=[0,1,3,2]", "s = Add(c, a)", "u = Transpose(s) perm=[0,1,3,2]",
         "y = Mul(t, u)"},
        {"y = Add(c, a)"},
    };
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        fixture f;
        begin(&f, "1x16x6x6");
        weight(&f.m, "w", "16x16x3x3");
        onnx_node(&f.m, "a = Conv(x, w) pads=[1,1,1,1]");
        onnx_node(&f.m, "b = Relu(a)");
        onnx_node(&f.m, "c = Conv(b, w) pads=[1,1,1,1]");
        for (int k = 0; tails[i][k]; k++) onnx_node(&f.m, "%s", tails[i][k]);
        output(&f, "y");
        if (i == 4) output(&f, "a");
        check(&f, "1x16x6x6");
    }
}

/* Outputs in the middle of what could be one action. */
static void outputs_within(void **state)
{
    (void)state;
    fixture f;
    begin(&f, "1x8x5x5");
    weight(&f.m, "w", "8x8x3x3");
    onnx_node(&f.m, "c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.m, "r = Relu(c)");
    onnx_node(&f.m, "d = Conv(r, w) pads=[1,1,1,1]");
    onnx_node(&f.m, "s = Add(d, c)");
    onnx_node(&f.m, "y = Sigmoid(s)");
    output(&f, "y");
    output(&f, "c");
    output(&f, "s");
    check(&f, "1x8x5x5");
}

/* ---- layouts ------------------------------------------------------------------------------- */

/* Poolings, Concat, sums and products of tensors that lie channels last, kernels between them. */
static void layouts(void **state)
{
    (void)state;
    fixture f;
    begin(&f, "2x3x16x16");
    weight(&f.m, "w", "12x3x3x3");
    weight(&f.m, "v", "5x12x1x1");
    const char *const vectors[] = {"g", "b", "m", "u"};
    for (int k = 0; k < 4; k++) {
        float values[17];
        for (int i = 0; i < 17; i++) values[i] = 0.5F + (float)(i * (k + 1) % 7) / 4;
        onnx_floats(&f.m, vectors[k], "17", values);
    }
    onnx_node(&f.m, "c = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.m, "p = MaxPool(c) kernel_shape=[3,3] strides=[2,2] ceil_mode=1");
    onnx_node(&f.m, "a = AveragePool(c) kernel_shape=[2,2] strides=[2,2]");
    onnx_node(&f.m, "q = AveragePool(p) kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1");
    onnx_node(&f.m, "s = Add(a, q)");
    onnx_node(&f.m, "d = Conv(s, v)");
    onnx_node(&f.m, "k = Concat(d, s) axis=1");
    onnx_node(&f.m, "n = BatchNormalization(k, g, b, m, u)");
    onnx_node(&f.m, "r = Relu(n)");
    onnx_node(&f.m, "z = GlobalAveragePool(r)");
    onnx_node(&f.m, "e = Sigmoid(z)");
    onnx_node(&f.m, "h = Mul(r, e)");
    onnx_node(&f.m, "i = InstanceNormalization(h, g, b)");
    onnx_node(&f.m, "t = Transpose(h) perm=[0,2,3,1]");
    onnx_node(&f.m, "y = Softmax(t)");
    output(&f, "y");
    output(&f, "i");
    output(&f, "h");
    output(&f, "p");
    check(&f, "2x3x16x16");
}

/* ---- products ------------------------------------------------------------------------------ */

/* Constant matrices with what follows, few rows and many, and an attention. */
static void products(void **state)
{
    (void)state;
    fixture f;
    begin(&f, "2x9x24");
    weight(&f.m, "w", "24x24");
    weight(&f.m, "bias", "24");
    weight(&f.m, "place", "9x24");
    onnx_floats(&f.m, "scale", "", (const float[]){0.25});
    ONNX_INTS(&f.m, "heads", 2, 9, 3, 8);
    ONNX_INTS(&f.m, "rows", 2, 9, 24);
    ONNX_INTS(&f.m, "flat", 2, -1);
    weight(&f.m, "l", "10x216");
    weight(&f.m, "o", "10");
    onnx_node(&f.m, "q0 = MatMul(x, w)");
    onnx_node(&f.m, "q1 = Add(bias, q0)");
    onnx_node(&f.m, "q2 = Reshape(q1, heads)");
    onnx_node(&f.m, "q = Transpose(q2) perm=[0,2,1,3]");
    onnx_node(&f.m, "k0 = MatMul(x, w)");
    onnx_node(&f.m, "k1 = Reshape(k0, heads)");
    onnx_node(&f.m, "k = Transpose(k1) perm=[0,2,3,1]");
    onnx_node(&f.m, "s0 = MatMul(q, k)");
    onnx_node(&f.m, "s1 = Mul(s0, scale)");
    onnx_node(&f.m, "s = Softmax(s1) axis=3");
    onnx_node(&f.m, "a0 = MatMul(s, q)");
    onnx_node(&f.m, "a1 = Transpose(a0) perm=[0,2,1,3]");
    onnx_node(&f.m, "a2 = Reshape(a1, rows)");
    onnx_node(&f.m, "a3 = MatMul(a2, w)");
    onnx_node(&f.m, "a4 = Add(a3, bias)");
    onnx_node(&f.m, "a5 = Add(a4, x)");
    onnx_node(&f.m, "a6 = Add(a5, place)");
    onnx_node(&f.m, "a = Gelu(a6)");
    onnx_node(&f.m, "v = Reshape(a, flat)");
    onnx_node(&f.m, "g0 = Gemm(v, l, o) transB=1");
    onnx_node(&f.m, "y = Relu(g0)");
    f.m.opset = 20;
    output(&f, "y");
    output(&f, "a");
    check(&f, "2x9x24");
}

/* Weights that stay in the file until they are packed, at every alignment there. */
static void large_weights(void **state)
{
    (void)state;
    static const char *const names[] = {"w", "w2", "w34", "w567"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture f;
        begin(&f, "1x160x3x3");
        weight(&f.m, names[i], "160x160");
        weight(&f.m, "filters", "160x160x1x1");
        ONNX_INTS(&f.m, "rows", 9, 160);
        ONNX_INTS(&f.m, "row", 1, 160);
        onnx_node(&f.m, "c = Conv(x, filters)");
        onnx_node(&f.m, "r = Reshape(c, rows)");
        onnx_node(&f.m, "p = MatMul(r, %s)", names[i]);
        onnx_node(&f.m, "m = ReduceMean(p) axes=[0]");
        onnx_node(&f.m, "o = Reshape(m, row)");
        onnx_node(&f.m, "g = Gemm(o, %s) transB=1", names[i]);
        onnx_node(&f.m, "y = MatMul(g, %s)", names[i]);
        output(&f, "y");
        output(&f, "p");
        check(&f, "1x160x3x3");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(epilogues),
        cmocka_unit_test(addends_that_are_read_again),
        cmocka_unit_test(outputs_within),
        cmocka_unit_test(layouts),
        cmocka_unit_test(products),
        cmocka_unit_test(large_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
