/* Kernels on arrays that are worked on in several pieces, with pieces that end anywhere: the same
 * as element by element, on any number of threads. And halves, of which there are few enough to try
 * all. */
#include "tests/unit/kernel_fixture.h"

/* ---- element-wise -------------------------------------------------------------------------- */

static void broadcasts(void **state)
{
    (void)state;
    dice d = {1};
    /* which of the dimensions 7 x 129 x 101 each operand has */
    for (int mask = 0; mask < 64; mask++) {
        const int64_t full[3] = {7, 129, 101};
        int64_t dims[2][3];
        for (int i = 0; i < 6; i++) dims[i / 3][i % 3] = mask >> i & 1 ? full[i % 3] : 1;
        one_node node = {.text = "y = Sub(a, b)", .n_inputs = 2};
        ep_array *in = node.inputs;
        in[0] = random_array(&d, EP_DTYPE_FLOAT, 3, dims[0]);
        in[1] = random_array(&d, EP_DTYPE_FLOAT, 3, dims[1]);
        int64_t out[3], stride[2][3];
        for (int i = 0; i < 3; i++) out[i] = dims[0][i] == 1 ? dims[1][i] : dims[0][i];
        for (int k = 0; k < 2; k++) {
            int64_t step = 1;
            for (int i = 2; i >= 0; i--) {
                stride[k][i] = dims[k][i] == 1 ? 0 : step;
                step *= dims[k][i];
            }
        }
        ep_array y = new_array(EP_DTYPE_FLOAT, 3, out);
        for (int64_t i = 0; i < (int64_t)y.n; i++) {
            const int64_t at[3] = {i / out[2] / out[1], i / out[2] % out[1], i % out[2]};
            int64_t from[2] = {0, 0};
            for (int k = 0; k < 6; k++) from[k / 3] += at[k % 3] * stride[k / 3][k % 3];
            set_element(&y, i, element(&in[0], from[0]) - element(&in[1], from[1]));
        }
        check_node(&node, y, 0);
    }
}

static void functions_of_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"y = Relu(a)", "y = Exp(a)", "y = Clip(a, b, c)",
                                        "y = Where(b, a, c)"};
    for (int i = 0; i < 4; i++) {
        dice d = {2};
        one_node node = {.text = texts[i], .n_inputs = i < 2 ? 1 : 3};
        node.inputs[0] = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 3, 40001);
        node.inputs[2] = new_array(EP_DTYPE_FLOAT, 0, NULL);
        set_element(&node.inputs[2], 0, 0.25);
        node.inputs[1] =
            i == 3 ? NEW_ARRAY(EP_DTYPE_BOOL, 3, 1) : new_array(EP_DTYPE_FLOAT, 0, NULL);
        if (i == 3) ((uint8_t *)node.inputs[1].data)[1] = 1;
        ep_array y = NEW_ARRAY(EP_DTYPE_FLOAT, 3, 40001);
        for (int64_t k = 0; k < (int64_t)y.n; k++) {
            const double x = element(&node.inputs[0], k);
            const double values[] = {fmax(x, 0), exp(x), fmin(fmax(x, 0), 0.25),
                                     k / 40001 == 1 ? x : 0.25};
            set_element(&y, k, values[i]);
        }
        const uint32_t used = node.n_inputs;
        node.n_inputs = 3; /* all are freed */
        fixture f;
        one_node run_as = node;
        run_as.n_inputs = used;
        run_node(&f, &run_as);
        assert_close(&f, node.text, 0, &y, 1e-6);
        teardown(&f);
        free_inputs(&node);
        free(y.data);
    }
}

/* Units in the last place between a float and the exact value. */
static double units_off(float got, double exact)
{
    if (isnan(exact)) return isnan(got) ? 0 : INFINITY;
    const float near = (float)exact;
    if (isinf(near)) return got == near ? 0 : INFINITY;
    const double unit = (double)nextafterf(fabsf(near), INFINITY) - (double)fabsf(near);
    return fabs((double)got - exact) / unit;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double gelu(double x)
{
    return x / 2 * erfc(-x / sqrt(2));
}

/* Functions that are polynomials here, against those of the C library in double. */
static void smooth_functions(void **state)
{
    (void)state;
    enum { STEPS = 400000, SPECIALS = 8 };
    static const struct {
        const char *text;
        double (*exact)(double);
        double low, high, units;
    } functions[] = {
        {"y = Exp(a)", exp, -104, 90, 1.5}, {"y = Sigmoid(a)", sigmoid, -104, 20, 3},
        {"y = Tanh(a)", tanh, -10, 10, 2},  {"y = Tanh(a)", tanh, -1e-3, 1e-3, 1},
        {"y = Erf(a)", erf, -5, 5, 2},      {"y = Erf(a)", erf, -1e-3, 1e-3, 1},
        {"y = Gelu(a)", gelu, -0.5, 10, 4},
    };
    static const float specials[SPECIALS] = {INFINITY, -INFINITY, NAN,    0.0f,
                                             -0.0f,    1e-40f,    200.0f, -200.0f};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        const double low = functions[i].low, high = functions[i].high;
        one_node node = {.text = functions[i].text, .opset = 20, .n_inputs = 1};
        node.inputs[0] = NEW_ARRAY(EP_DTYPE_FLOAT, STEPS + SPECIALS);
        float *x = node.inputs[0].data;
        for (int k = 0; k < STEPS; k++) x[k] = (float)(low + (high - low) * k / STEPS);
        memcpy(x + STEPS, specials, sizeof specials);
        fixture f;
        run_node(&f, &node);
        const float *y = ep_session_output(f.session, 0)->data;
        const bool is_gelu = functions[i].exact == gelu; /* of -inf it is 0 times infinity */
        for (int k = 0; k < STEPS + SPECIALS * !is_gelu; k++) {
            const double off = units_off(y[k], functions[i].exact((double)x[k]));
            if (off > functions[i].units) {
                fail_msg("%s of %.9g is %.9g, %g units off", node.text, (double)x[k], (double)y[k],
                         off);
            }
        }
        teardown(&f);
        free_inputs(&node);
    }
}

/* ---- moving -------------------------------------------------------------------------------- */

static void transpositions(void **state)
{
    (void)state;
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT, EP_DTYPE_INT8, EP_DTYPE_DOUBLE};
    dice d = {3};
    for (int i = 0; i < 72; i++) {
        int perm[4] = {0, 1, 2, 3};
        for (int k = 3, rest = i % 24; k > 0; rest /= k + 1, k--) {
            const int other = rest % (k + 1), kept = perm[k];
            perm[k] = perm[other];
            perm[other] = kept;
        }
        int64_t dims[4], out[4], stride[4] = {0, 0, 0, 1};
        for (int k = 0; k < 4; k++) dims[k] = pick(&d, 1, k == i % 4 ? 150 : 20);
        for (int k = 2; k >= 0; k--) stride[k] = stride[k + 1] * dims[k + 1];
        for (int k = 0; k < 4; k++) out[k] = dims[perm[k]];
        char text[128];
        (void)snprintf(text, sizeof text, "y = Transpose(a) perm=[%d,%d,%d,%d]", perm[0], perm[1],
                       perm[2], perm[3]);
        one_node node = {.text = text, .n_inputs = 1};
        node.inputs[0] = random_array(&d, dtypes[i % 3], 4, dims);
        ep_array y = new_array(dtypes[i % 3], 4, out);
        for (int64_t k = 0; k < (int64_t)y.n; k++) {
            int64_t rest = k, from = 0;
            for (int a = 3; a >= 0; rest /= out[a--]) from += rest % out[a] * stride[perm[a]];
            set_element(&y, k, element(&node.inputs[0], from));
        }
        check_node(&node, y, 0);
    }
}

static void expansions(void **state)
{
    (void)state;
    dice d = {4};
    fixture f = {.options.threads = 3};
    ep_array x = RANDOM_ARRAY(&d, EP_DTYPE_FLOAT, 90, 1);
    ep_array y = NEW_ARRAY(EP_DTYPE_FLOAT, 5, 90, 200);
    for (int64_t i = 0; i < (int64_t)y.n; i++) set_element(&y, i, element(&x, i / 200 % 90));
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "90x1");
    ONNX_INTS(&f.m, "shape", 5, 90, 200);
    onnx_node(&f.m, "y = Expand(x, shape)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    start(&f);
    RUN(&f, x);
    assert_output(&f, 0, y);
    teardown(&f);
    free(x.data);
    free(y.data);
}

/* ---- reductions ---------------------------------------------------------------------------- */

static void reductions(void **state)
{
    (void)state;
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT, EP_DTYPE_DOUBLE, EP_DTYPE_INT32,
                                      EP_DTYPE_INT64};
    const int64_t dims[3] = {9, 70, 101};
    dice d = {5};
    for (int i = 0; i < 28; i++) {
        const int mask = i % 7 + 1;
        char text[128], axes[16] = "";
        int64_t out[3], n_axes = 0;
        for (int k = 0; k < 3; k++) {
            out[k] = mask >> k & 1 ? 1 : dims[k];
            if (mask >> k & 1) {
                (void)snprintf(axes + strlen(axes), 4, "%s%d", n_axes++ ? "," : "", k);
            }
        }
        const bool max = i % 2;
        (void)snprintf(text, sizeof text, "y = %s(a) axes=[%s]", max ? "ReduceMax" : "ReduceSum",
                       axes);
        one_node node = {.text = text, .opset = 11, .n_inputs = 1};
        node.inputs[0] = random_array(&d, dtypes[i / 7], 3, dims);
        ep_array y = new_array(dtypes[i / 7], 3, out);
        double *all = allocated(y.n, sizeof *all);
        for (int64_t k = 0; k < (int64_t)y.n; k++) all[k] = max ? -1000 : 0;
        for (int64_t k = 0; k < (int64_t)node.inputs[0].n; k++) {
            const int64_t at[3] = {k / dims[2] / dims[1], k / dims[2] % dims[1], k % dims[2]};
            int64_t to = 0;
            for (int a = 0; a < 3; a++) to = to * out[a] + (out[a] == 1 ? 0 : at[a]);
            const double x = element(&node.inputs[0], k);
            all[to] = max ? fmax(all[to], x) : all[to] + x;
        }
        for (int64_t k = 0; k < (int64_t)y.n; k++) set_element(&y, k, all[k]);
        free(all);
        check_node(&node, y, 1e-6);
    }
}

/* ---- quantisation -------------------------------------------------------------------------- */

/* A scale and zero point for each of the 5 elements of axis 1. */
static void quantised_axis(void **state)
{
    (void)state;
    for (int quantizes = 0; quantizes < 2; quantizes++) {
        dice d = {6};
        one_node node = {.n_inputs = 3};
        ep_array *in = node.inputs;
        const ep_dtype from = quantizes ? EP_DTYPE_FLOAT : EP_DTYPE_INT8;
        const ep_dtype to = quantizes ? EP_DTYPE_INT8 : EP_DTYPE_FLOAT;
        node.text = quantizes ? "y = QuantizeLinear(a, b, c)" : "y = DequantizeLinear(a, b, c)";
        in[0] = RANDOM_ARRAY(&d, from, 4, 5, 51, 53);
        in[1] = NEW_ARRAY(EP_DTYPE_FLOAT, 5);
        in[2] = RANDOM_ARRAY(&d, EP_DTYPE_INT8, 5);
        for (int64_t i = 0; i < 5; i++) set_element(&in[1], i, ldexp(1, (int)i - 8));
        ep_array y = NEW_ARRAY(to, 4, 5, 51, 53);
        for (int64_t i = 0; i < (int64_t)y.n; i++) {
            const int64_t s = i / 51 / 53 % 5;
            const double x = element(&in[0], i), scale = element(&in[1], s);
            const double zero = element(&in[2], s);
            const double code = fmin(fmax(rint(x / scale) + zero, -128), 127);
            set_element(&y, i, quantizes ? code : (x - zero) * scale);
        }
        check_node(&node, y, 0);
    }
}

/* ---- halves -------------------------------------------------------------------------------- */

/* The value of a half by the definition of its format. */
static float half_value(unsigned code, int mantissa_bits, int bias)
{
    const unsigned exponents = (1u << (15 - mantissa_bits)) - 1;
    const unsigned exponent = code >> mantissa_bits & exponents;
    const unsigned mantissa = code & ((1u << mantissa_bits) - 1);
    const float sign = code & 0x8000u ? -1.0f : 1.0f;
    if (exponent == exponents) return mantissa ? NAN : sign * INFINITY;
    const unsigned hidden = exponent ? 1u << mantissa_bits : 0;
    const int power = (exponent ? (int)exponent : 1) - bias - mantissa_bits;
    return sign * ldexpf((float)(mantissa + hidden), power);
}

static void run_cast(fixture *f, ep_dtype from, ep_dtype to, ep_array x)
{
    char shape[32];
    (void)snprintf(shape, sizeof shape, "%llu", (unsigned long long)x.n);
    onnx_input(&f->m, "x", from, shape);
    onnx_node(&f->m, "y = Cast(x) to=%d", (int)to);
    onnx_output(&f->m, "y", to, NULL);
    start(f);
    RUN(f, x);
}

static void halves_to_floats_and_back(void **state)
{
    (void)state;
    static const struct {
        ep_dtype dtype;
        int mantissa_bits, bias;
        unsigned nan;
    } formats[] = {{EP_DTYPE_FLOAT16, 10, 15, 0x7e00}, {EP_DTYPE_BFLOAT16, 7, 127, 0x7fc0}};
    for (int i = 0; i < 2; i++) {
        fixture up = {0}, down = {0};
        ep_array codes = NEW_ARRAY(formats[i].dtype, 65536);
        for (int k = 0; k < 65536; k++) ((uint16_t *)codes.data)[k] = (uint16_t)k;
        run_cast(&up, formats[i].dtype, EP_DTYPE_FLOAT, codes);
        const ep_array *floats = ep_session_output(up.session, 0);
        for (int k = 0; k < 65536; k++) {
            const float due = half_value((unsigned)k, formats[i].mantissa_bits, formats[i].bias);
            const float got = ((const float *)floats->data)[k];
            if (isnan(due) ? !isnan(got) : got != due) fail_msg("code %x is %g", k, (double)got);
        }
        run_cast(&down, EP_DTYPE_FLOAT, formats[i].dtype, *floats);
        const uint16_t *back = ep_session_output(down.session, 0)->data;
        for (int k = 0; k < 65536; k++) {
            const float x = ((const float *)floats->data)[k];
            if (back[k] != (isnan(x) ? formats[i].nan : (unsigned)k)) fail_msg("code %x", k);
        }
        teardown(&up);
        teardown(&down);
        free(codes.data);
    }
}

/* Between two halves lies what goes to the nearer one, and in the middle to the even one. */
static void floats_between_halves(void **state)
{
    (void)state;
    enum { CODES = 0x7bff }; /* the last is the greatest finite float16 */
    fixture f = {0};
    ep_array x = NEW_ARRAY(EP_DTYPE_FLOAT, 3 * CODES + 3);
    float *values = x.data;
    for (unsigned k = 0; k <= CODES; k++) {
        const float low = half_value(k, 10, 15);
        const float high = k < CODES ? half_value(k + 1, 10, 15) : 65536.0f;
        values[3 * k + 1] = (low + high) / 2;
        values[3 * k] = nextafterf(values[3 * k + 1], 0);
        values[3 * k + 2] = nextafterf(values[3 * k + 1], INFINITY);
    }
    run_cast(&f, EP_DTYPE_FLOAT, EP_DTYPE_FLOAT16, x);
    const uint16_t *codes = ep_session_output(f.session, 0)->data;
    for (unsigned k = 0; k <= CODES; k++) {
        assert_int_equal(codes[3 * k], k);
        assert_int_equal(codes[3 * k + 1], k + k % 2);
        assert_int_equal(codes[3 * k + 2], k + 1);
    }
    teardown(&f);
    free(x.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broadcasts),
        cmocka_unit_test(functions_of_one),
        cmocka_unit_test(smooth_functions),
        cmocka_unit_test(transpositions),
        cmocka_unit_test(expansions),
        cmocka_unit_test(reductions),
        cmocka_unit_test(quantised_axis),
        cmocka_unit_test(halves_to_floats_and_back),
        cmocka_unit_test(floats_between_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
