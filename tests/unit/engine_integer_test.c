/* Q/DQ networks in integers give what their nodes give one by one, which a session that keeps every
 * tensor computes in floats: the same codes, or the next where a value is near the middle. */
#include "tests/unit/kernel_fixture.h"

/* ---- networks ------------------------------------------------------------------------------ */

static void scalar(onnx_model *m, const char *name, float value)
{
    onnx_raw(m, name, EP_DTYPE_FLOAT, "", &value, sizeof value);
}

static void zero_point(onnx_model *m, const char *name, ep_dtype dtype, int value)
{
    const uint8_t byte = (uint8_t)value;
    onnx_raw(m, name, dtype, "", &byte, 1);
}

/* Three codings, none a multiple of another. */
static void codings(onnx_model *m)
{
    scalar(m, "s1", 0.037f);
    scalar(m, "s2", 0.0511f);
    scalar(m, "s3", 0.073f);
    zero_point(m, "z1", EP_DTYPE_INT8, -7);
    zero_point(m, "z2", EP_DTYPE_UINT8, 93);
    zero_point(m, "z3", EP_DTYPE_INT8, 0);
}

/* Random INT8 weights NAME, by which NAMEf = DequantizeLinear, one scale for all. */
static void weights(onnx_model *m, dice *d, const char *name, const char *shape)
{
    int64_t dims[ONNX_DIMS_MAX];
    int rank;
    int8_t codes[4096];
    const size_t n = (size_t)onnx_dims(shape, dims, &rank);
    if (n > sizeof codes) abort();
    for (size_t i = 0; i < n; i++) codes[i] = (int8_t)pick(d, -127, 127);
    onnx_raw(m, name, EP_DTYPE_INT8, shape, codes, n);
    onnx_node(m, "%sf = DequantizeLinear(%s, sw)", name, name);
}

/* ---- comparing ----------------------------------------------------------------------------- */

/* Nodes of that operator, all if NULL, that take time: of a step one. */
static uint32_t count_run(const fixture *f, const char *op)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < f->ready->n_nodes; i++) {
        if (op && strcmp(f->ready->nodes[i].op_type, op) != 0) continue;
        count += ep_session_node_ns(f->session)[i] > 0;
    }
    return count;
}

/* Codes of the output that differ from those that the nodes give one by one; none by more than 1.
 * The same with any number of threads, with and without oneDNN, and in the second run. */
static uint64_t differing(fixture *f, const ep_array *inputs)
{
    f->options = (ep_session_options){.threads = 1, .keep_all = true};
    start(f);
    run(f, inputs);
    ep_array expected = *ep_session_output(f->session, 0);
    const size_t bytes = (size_t)ep_dtype_bytes(expected.dtype, expected.n);
    void *due = memcpy(allocated(bytes, 1), expected.data, bytes);
    void *first = allocated(bytes, 1);
    expected.data = due;
    uint64_t count = 0;
    for (int form = 0; form < 4; form++) {
        f->options = (ep_session_options){.threads = form & 1 ? 3 : 1, .plain = form & 2};
        start(f);
        run(f, inputs);
        run(f, inputs);
        const ep_array *got = ep_session_output(f->session, 0);
        assert_int_equal(got->n, expected.n);
        if (form == 0) memcpy(first, got->data, bytes);
        assert_memory_equal(got->data, first, bytes);
        count = 0;
        for (int64_t i = 0; i < (int64_t)expected.n; i++) {
            const double off = fabs(element(got, i) - element(&expected, i));
            if (off > 1) fail_msg("element %lld is off by %g", (long long)i, off);
            count += off > 0;
        }
    }
    free(due);
    free(first);
    return count;
}

static ep_array every_code(ep_dtype dtype, uint8_t codes[256])
{
    for (int i = 0; i < 256; i++) codes[i] = (uint8_t)i;
    return array_of(dtype, "256", codes);
}

/* ---- codes to codes: exactly the nodes' numbers -------------------------------------------- */

static void recodings(void **state)
{
    (void)state;
    static const char *const nodes[] = {
        "y = QuantizeLinear(a, s2, z2)",
        "b = Relu(a); y = QuantizeLinear(b, s2, z2)",
        "b = Clip(a, lo, hi); y = QuantizeLinear(b, s3, z3)",
        "b = Clip(a, , hi); y = QuantizeLinear(b, s1, z1)",
        "b = Reshape(a, halves); y = QuantizeLinear(b, s1, z1)",
    };
    uint8_t codes[256];
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        fixture f = {0};
        char text[200];
        codings(&f.m);
        scalar(&f.m, "lo", -0.5f);
        scalar(&f.m, "hi", 2.2f);
        ONNX_INTS(&f.m, "halves", 2, 128);
        onnx_input(&f.m, "x", EP_DTYPE_INT8, "256");
        onnx_node(&f.m, "a = DequantizeLinear(x, s1, z1)");
        (void)snprintf(text, sizeof text, "%s", nodes[i]);
        for (char *node = strtok(text, ";"); node; node = strtok(NULL, ";")) {
            onnx_node(&f.m, "%s", node + strspn(node, " "));
        }
        onnx_output(&f.m, "y", i == 0 || i == 1 ? EP_DTYPE_UINT8 : EP_DTYPE_INT8, NULL);
        const ep_array x = every_code(EP_DTYPE_INT8, codes);
        assert_int_equal(differing(&f, &x), 0);
        assert_int_equal(count_run(&f, NULL), 1);
        teardown(&f);
    }
}

static void sums(void **state)
{
    (void)state;
    dice d = {5};
    for (int i = 0; i < 4; i++) {
        fixture f = {0};
        codings(&f.m);
        const ep_dtype a = i & 1 ? EP_DTYPE_INT8 : EP_DTYPE_UINT8;
        const ep_dtype b = i & 2 ? EP_DTYPE_INT8 : EP_DTYPE_UINT8;
        onnx_input(&f.m, "a", a, "3x5x7x4");
        onnx_input(&f.m, "b", b, "3x5x7x4");
        onnx_node(&f.m, "af = DequantizeLinear(a, s1, %s)", i & 1 ? "z1" : "z2");
        onnx_node(&f.m, "bf = DequantizeLinear(b, s3, %s)", i & 2 ? "z1" : "z2");
        onnx_node(&f.m, "c = Add(af, bf)");
        if (i > 1) onnx_node(&f.m, "e = Relu(c)");
        onnx_node(&f.m, "y = QuantizeLinear(%s, s2, z2)", i > 1 ? "e" : "c");
        onnx_output(&f.m, "y", EP_DTYPE_UINT8, NULL);
        const ep_array inputs[] = {RANDOM_ARRAY(&d, a, 3, 5, 7, 4),
                                   RANDOM_ARRAY(&d, b, 3, 5, 7, 4)};
        assert_int_equal(differing(&f, inputs), 0);
        assert_int_equal(count_run(&f, NULL), 1);
        free(inputs[0].data);
        free(inputs[1].data);
        teardown(&f);
    }
}

static void maxima_and_concatenations(void **state)
{
    (void)state;
    dice d = {6};
    fixture f = {0};
    codings(&f.m);
    onnx_input(&f.m, "a", EP_DTYPE_INT8, "2x3x9x8");
    onnx_input(&f.m, "b", EP_DTYPE_UINT8, "2x70x5x4");
    onnx_node(&f.m, "af = DequantizeLinear(a, s1, z1)");
    onnx_node(&f.m, "p = MaxPool(af) kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]");
    onnx_node(&f.m, "pq = QuantizeLinear(p, s1, z1)");
    onnx_node(&f.m, "pf = DequantizeLinear(pq, s1, z1)");
    onnx_node(&f.m, "bf = DequantizeLinear(b, s2, z2)");
    onnx_node(&f.m, "c = Concat(pf, bf, pf) axis=1");
    onnx_node(&f.m, "y = QuantizeLinear(c, s3, z3)");
    onnx_output(&f.m, "y", EP_DTYPE_INT8, NULL);
    const ep_array inputs[] = {RANDOM_ARRAY(&d, EP_DTYPE_INT8, 2, 3, 9, 8),
                               RANDOM_ARRAY(&d, EP_DTYPE_UINT8, 2, 70, 5, 4)};
    assert_int_equal(differing(&f, inputs), 0);
    assert_int_equal(count_run(&f, NULL), 2);
    free(inputs[0].data);
    free(inputs[1].data);
    teardown(&f);
}

/* ---- sums of products ---------------------------------------------------------------------- */

/* A block whose tensors have several readers and layouts, with a number as its output, and a
 * pooling and a product at its end. */
static void a_network(void **state)
{
    (void)state;
    dice d = {7};
    fixture f = {0};
    codings(&f.m);
    scalar(&f.m, "sw", 0.004f);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "2x6x11x10");
    weights(&f.m, &d, "w1", "20x6x3x3");
    weights(&f.m, &d, "w2", "20x1x3x3");
    weights(&f.m, &d, "w3", "20x20x1x1");
    weights(&f.m, &d, "w4", "30x20");
    onnx_node(&f.m, "xq = QuantizeLinear(x, s1, z1)");
    onnx_node(&f.m, "xf = DequantizeLinear(xq, s1, z1)");
    onnx_node(&f.m, "c1 = Conv(xf, w1f) kernel_shape=[3,3] pads=[1,1,1,1]");
    onnx_node(&f.m, "r1 = Relu(c1)");
    onnx_node(&f.m, "q1 = QuantizeLinear(r1, s3, z3)");
    onnx_node(&f.m, "f1 = DequantizeLinear(q1, s3, z3)");
    onnx_node(&f.m, "c2 = Conv(f1, w2f) kernel_shape=[3,3] pads=[1,1,1,1] group=20");
    onnx_node(&f.m, "q2 = QuantizeLinear(c2, s2, z2)");
    onnx_node(&f.m, "f2 = DequantizeLinear(q2, s2, z2)");
    onnx_node(&f.m, "c3 = Conv(f2, w3f) kernel_shape=[1,1]");
    onnx_node(&f.m, "e = Add(f1, c3)");
    onnx_node(&f.m, "q3 = QuantizeLinear(e, s1, z1)");
    onnx_node(&f.m, "f3 = DequantizeLinear(q3, s1, z1)");
    onnx_node(&f.m, "g = GlobalAveragePool(f3)");
    onnx_node(&f.m, "q4 = QuantizeLinear(g, s1, z1)");
    onnx_node(&f.m, "f4 = DequantizeLinear(q4, s1, z1)");
    onnx_node(&f.m, "v = Flatten(f4)");
    onnx_node(&f.m, "q5 = QuantizeLinear(v, s1, z1)");
    onnx_node(&f.m, "f5 = DequantizeLinear(q5, s1, z1)");
    onnx_node(&f.m, "h = Gemm(f5, w4f) transB=1");
    onnx_node(&f.m, "y = QuantizeLinear(h, s1, z1)");
    onnx_output(&f.m, "y", EP_DTYPE_INT8, NULL);
    const ep_array x = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 2, 6, 11, 10);
    const uint64_t count = differing(&f, &x);
    if (count > 3) fail_msg("%llu of 60 codes differ", (unsigned long long)count);
    assert_int_equal(count_run(&f, "DequantizeLinear"), 0);
    assert_int_equal(count_run(&f, "QuantizeLinear"), 1); /* of x */
    free(x.data);
    teardown(&f);
}

/* Weights that the network itself quantises, by channel, and a bias in floats. */
static void weights_of_training(void **state)
{
    (void)state;
    dice d = {8};
    fixture f = {0};
    codings(&f.m);
    const ep_array w = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 8, 5, 3, 3);
    float scales[8], bias[8];
    for (int i = 0; i < 8; i++) scales[i] = 0.01f + (float)i / 900, bias[i] = (float)i / 3 - 1;
    onnx_floats(&f.m, "w", "8x5x3x3", w.data);
    onnx_floats(&f.m, "ws", "8", scales);
    onnx_floats(&f.m, "b", "8", bias);
    onnx_weight(&f.m, "wz", EP_DTYPE_INT8, "8");
    onnx_input(&f.m, "x", EP_DTYPE_INT8, "1x5x20x20");
    onnx_node(&f.m, "wq = QuantizeLinear(w, ws, wz) axis=0");
    onnx_node(&f.m, "wf = DequantizeLinear(wq, ws, wz) axis=0");
    onnx_node(&f.m, "xf = DequantizeLinear(x, s1, z1)");
    onnx_node(&f.m, "c = Conv(xf, wf, b) kernel_shape=[3,3]");
    onnx_node(&f.m, "y = QuantizeLinear(c, s2, z2)");
    onnx_output(&f.m, "y", EP_DTYPE_UINT8, NULL);
    const ep_array x = RANDOM_ARRAY(&d, EP_DTYPE_INT8, 1, 5, 20, 20);
    const uint64_t count = differing(&f, &x);
    if (count > 8) fail_msg("%llu of 2592 codes differ", (unsigned long long)count);
    assert_int_equal(count_run(&f, "QuantizeLinear"), 0);
    free(w.data);
    free(x.data);
    teardown(&f);
}

/* ---- what stays as it is ------------------------------------------------------------------- */

/* One Conv between Q and DQ; `x` says how its input is dequantised, `w` its weights. */
static void check_stays(const char *x, const char *w, const char *extra, const char *output)
{
    dice d = {9};
    fixture f = {0};
    codings(&f.m);
    scalar(&f.m, "sw", 0.004f);
    scalar(&f.m, "negative", -0.1f);
    zero_point(&f.m, "zw", EP_DTYPE_INT8, 3);
    onnx_floats(&f.m, "sx", "4", (const float[]){0.1f, 0.2f, 0.3f, 0.4f});
    onnx_input(&f.m, "x", EP_DTYPE_INT8, "1x4x6x6");
    onnx_input(&f.m, "dynamic", EP_DTYPE_FLOAT, "");
    weights(&f.m, &d, "w", "5x4x3x3");
    onnx_node(&f.m, "%s", x);
    onnx_node(&f.m, "%s", w);
    onnx_node(&f.m, "c = Conv(a, b) kernel_shape=[3,3]");
    onnx_node(&f.m, "y = QuantizeLinear(c, s2, z2)");
    if (extra) onnx_node(&f.m, "%s", extra);
    onnx_output(&f.m, "y", EP_DTYPE_UINT8, NULL);
    if (output) onnx_output(&f.m, output, EP_DTYPE_FLOAT, NULL);
    const float scale = 0.09f;
    const ep_array inputs[] = {RANDOM_ARRAY(&d, EP_DTYPE_INT8, 1, 4, 6, 6),
                               array_of(EP_DTYPE_FLOAT, "", &scale)};
    assert_true(differing(&f, inputs) < 4);
    assert_int_equal(count_run(&f, "QuantizeLinear"), 1);
    assert_int_equal(count_run(&f, "Conv"), 1);
    free(inputs[0].data);
    teardown(&f);
}

static void what_is_no_step_stays(void **state)
{
    (void)state;
    static const char x[] = "a = DequantizeLinear(x, s1, z1)", w[] = "b = DequantizeLinear(w, sw)";
    check_stays("a = DequantizeLinear(x, sx) axis=1", w, NULL, NULL); /* a scale a channel */
    check_stays("a = DequantizeLinear(x, dynamic)", w, NULL, NULL);
    check_stays("a = DequantizeLinear(x, negative)", w, NULL, NULL);
    check_stays(x, "b = DequantizeLinear(w, sw, zw)", NULL, NULL);    /* weights about 3 */
    check_stays(x, "b = DequantizeLinear(w, sx) axis=1", NULL, NULL); /* a scale an input channel */
    check_stays(x, w, NULL, "c");             /* the number is an output, too */
    check_stays(x, w, "v = Sigmoid(c)", "v"); /* or read by others */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recodings),
        cmocka_unit_test(sums),
        cmocka_unit_test(maxima_and_concatenations),
        cmocka_unit_test(a_network),
        cmocka_unit_test(weights_of_training),
        cmocka_unit_test(what_is_no_step_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
