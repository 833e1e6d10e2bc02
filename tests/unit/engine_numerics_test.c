/* Sessions in the precisions of a plan, against soft-floats and plain integers. */
#include "tests/unit/numerics_fixture.h"

/* ---- FP16 ---------------------------------------------------------------------------------- */

static void every_half_and_what_lies_between(void **state)
{
    (void)state;
    enum { CODES = 0x7c00, KINDS = 5, N = 2 * KINDS * CODES };
    float *x = malloc(N * sizeof *x);
    assert_non_null(x);
    uint64_t infinite = 0;
    for (unsigned code = 0; code < CODES; code++) {
        const double above = code + 1 == CODES ? 65536 : half(code + 1);
        const float at = (float)half(code), middle = (float)((half(code) + above) / 2);
        const float kinds[KINDS] = {at, middle, nextafterf(middle, 0), nextafterf(middle, FLT_MAX),
                                    nextafterf(at, 0)};
        for (unsigned k = 0; k < KINDS; k++) {
            x[2 * (KINDS * code + k)] = kinds[k];
            x[2 * (KINDS * code + k) + 1] = -kinds[k];
            infinite += isinf(soft_half((double)kinds[k])) ? 2 : 0;
        }
    }
    planned p = {0};
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "31744x10");
    onnx_node(&p.f.model, "y = Neg(x)");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_FP16);
    const float *y = run(&p, x)->data;
    for (size_t i = 0; i < N; i++) {
        const float expected = (float)-soft_half((double)x[i]);
        if (memcmp(&y[i], &expected, sizeof expected) != 0) {
            fail_msg("%a gives %a, not %a", (double)x[i], (double)y[i], (double)expected);
        }
    }
    assert_true(infinite > 0);
    assert_int_equal(loss_of(&p, "x").overflowed, infinite);
    assert_int_equal(loss_of(&p, "x").n, N);
    assert_int_equal(loss_of(&p, "y").overflowed, 0); /* came in infinite */
    stop(&p);
    free(x);
}

/* 16 x 16 images of 8 channels under 3x3 filters: the result is what rounded operands give, rounded
 * once behind the Relu. */
static void halves_at_the_ends_of_a_kernel(void **state)
{
    (void)state;
    enum { C = 8, M = 4, S = 14 };
    planned p = {0};
    float *x = numbers(C * 16 * 16, 1), *w = numbers(M * C * 9, 2);
    for (size_t i = 0; i < (size_t)M * C * 9; i++) w[i] += 1.0F / 4096; /* not a half */
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "1x8x16x16");
    onnx_floats(&p.f.model, "w", "4x8x3x3", w);
    onnx_node(&p.f.model, "c = Conv(x, w)");
    onnx_node(&p.f.model, "y = Relu(c)");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_FP16);
    assert_kernels(&p.f, "Conv+Relu");
    const float *y = run(&p, x)->data;
    const float *c = ep_session_tensor(p.session, tensor_index(&p.f, "c"))->data;
    bool between = false;
    for (int i = 0; i < M * S * S; i++) {
        const int m = i / (S * S), row = i / S % S, column = i % S;
        double sum = 0;
        for (int k = 0; k < C * 9; k++) {
            const int at = k / 9 * 256 + (row + k / 3 % 3) * 16 + column + k % 3;
            sum += soft_half((double)x[at]) * soft_half((double)w[m * C * 9 + k]);
        }
        assert_true(fabs((double)c[i] - sum) <= 1e-5);
        between |= soft_half((double)c[i]) < (double)c[i];
        assert_true((double)y[i] == soft_half(fmax((double)c[i], 0)));
    }
    assert_true(between); /* inside the kernel nothing is rounded */
    stop(&p);
    free(x);
    free(w);
}

/* 10 bits of mantissa of the operands, ties away from zero; sums and results as they are. */
static void tf32_rounds_operands_of_products(void **state)
{
    (void)state;
    const float step = 0x1p-10F, x[4] = {1 + step / 2, 1 + step / 2 * 0.99F, -1 - step / 2, 3};
    const float w[4] = {1, 1, 1, 1 + step / 4};
    planned p = {0};
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "4x1");
    onnx_floats(&p.f.model, "w", "1x4", w);
    onnx_node(&p.f.model, "y = MatMul(x, w)");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_FP32);
    const float *y = run(&p, x)->data;
    const float expected[4] = {1 + step, 1, -1 - step, 3};
    for (int i = 0; i < 16; i++) assert_true(y[i] == expected[i / 4]);
    stop(&p);
}

/* ---- INT8 ---------------------------------------------------------------------------------- */

static int to_int8(float x)
{
    const double nearest = nearbyint((double)x); /* half to even, the mode at start */
    return (int)fmin(fmax(nearest, -128), 127);
}

typedef struct conv {
    int channels, filters, groups, size, kernel, stride, pad;
} conv;

static int out_size(const conv *c)
{
    return (c->size + 2 * c->pad - c->kernel) / c->stride + 1;
}

/* Element `at` of the sums of a convolution of 8-bit integers. */
static int64_t int8_sum(const conv *c, const int *x, const int *w, int at)
{
    const int side = out_size(c), m = at / (side * side), per_group = c->channels / c->groups;
    const int row = at / side % side * c->stride - c->pad, column = at % side * c->stride - c->pad;
    const int first = m / (c->filters / c->groups) * per_group;
    int64_t sum = 0;
    for (int i = 0; i < per_group; i++) {
        for (int k = 0; k < c->kernel * c->kernel; k++) {
            const int y = row + k / c->kernel, z = column + k % c->kernel;
            if (y < 0 || z < 0 || y >= c->size || z >= c->size) continue;
            sum += (int64_t)x[((first + i) * c->size + y) * c->size + z] *
                   w[(m * per_group + i) * c->kernel * c->kernel + k];
        }
    }
    return sum;
}

static void check_conv(const conv *c, uint32_t seed)
{
    const float x_scale = 1.0F / 100, y_scale = 1.0F / 16; /* both saturate now and then */
    const int side = out_size(c), row = c->channels / c->groups * c->kernel * c->kernel;
    const size_t n_x = (size_t)(c->channels * c->size * c->size);
    float *x = numbers(n_x, seed), *w = numbers((size_t)(c->filters * row), seed + 1);
    float *b = numbers((size_t)c->filters, seed + 2);
    for (size_t i = 0; i < n_x; i++) x[i] *= 1.5F;
    planned p = {0};
    char shape[64];
    (void)snprintf(shape, sizeof shape, "1x%dx%dx%d", c->channels, c->size, c->size);
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, shape);
    (void)snprintf(shape, sizeof shape, "%dx%dx%dx%d", c->filters, c->channels / c->groups,
                   c->kernel, c->kernel);
    onnx_floats(&p.f.model, "w", shape, w);
    (void)snprintf(shape, sizeof shape, "%d", c->filters);
    onnx_floats(&p.f.model, "b", shape, b);
    onnx_node(&p.f.model, "c = Conv(x, w, b) strides=[%d,%d] pads=[%d,%d,%d,%d] group=%d",
              c->stride, c->stride, c->pad, c->pad, c->pad, c->pad, c->groups);
    onnx_node(&p.f.model, "y = Relu(c)");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_INT8);
    set_scale(&p, "x", x_scale);
    set_scale(&p, "y", y_scale);
    const float *y = run(&p, x)->data;

    int *qx = malloc(n_x * sizeof *qx), *qw = malloc((size_t)(c->filters * row) * sizeof *qw);
    assert_true(qx && qw);
    for (size_t i = 0; i < n_x; i++) qx[i] = to_int8(x[i] / x_scale);
    uint64_t saturated = 0;
    for (int m = 0; m < c->filters; m++) {
        float scale = 0;
        for (int i = 0; i < row; i++) scale = fmaxf(scale, fabsf(w[m * row + i]) / 127);
        for (int i = 0; i < row; i++) qw[m * row + i] = to_int8(w[m * row + i] / scale);
        const float unit = scale * x_scale;
        const int64_t bias = (int64_t)nearbyint((double)b[m] / (double)unit);
        for (int i = m * side * side; i < (m + 1) * side * side; i++) {
            const float value = fmaxf((float)(int8_sum(c, qx, qw, i) + bias) * unit, 0);
            const float expected = (float)to_int8(value / y_scale) * y_scale;
            saturated += value / y_scale >= 127.5F;
            if (y[i] != expected) {
                fail_msg("seed %u: element %d is %a, not %a", (unsigned)seed, i, (double)y[i],
                         (double)expected);
            }
        }
    }
    assert_int_equal(loss_of(&p, "y").saturated, saturated);
    stop(&p);
    free(x);
    free(w);
    free(b);
    free(qx);
    free(qw);
}

static void convolutions_of_integers_are_exact(void **state)
{
    (void)state;
    static const conv rows[] = {
        {3, 8, 1, 9, 3, 2, 1},  {16, 16, 16, 7, 3, 1, 1},
        {8, 12, 4, 6, 1, 1, 0}, {1200, 2, 1, 3, 3, 1, 1}, /* whose sums pass 2^24 */
        {32, 5, 1, 5, 5, 1, 2}, {4, 8, 4, 8, 2, 2, 0},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) check_conv(&rows[i], 10 * i);
    uint32_t random = 99;
    for (uint32_t i = 0; i < 40; i++) {
        conv c = {.groups = 1};
        c.kernel = 1 + (int)(fabsf(number(&random)) * 4);
        c.size = c.kernel + (int)(fabsf(number(&random)) * 9);
        c.channels = 1 + (int)(fabsf(number(&random)) * 40);
        c.filters = 1 + (int)(fabsf(number(&random)) * 20);
        c.stride = 1 + (int)(fabsf(number(&random)) * 3);
        c.pad = (int)(fabsf(number(&random)) * (float)c.kernel);
        check_conv(&c, 1000 + 10 * i);
    }
}

/* 2 and 0.5 as Gemm's factors; row and column of the weights swapped. */
static void matrices_of_integers_are_exact(void **state)
{
    (void)state;
    enum { M = 5, K = 37, N = 11 };
    const float x_scale = 1.0F / 127, y_scale = 1.0F / 8;
    float *x = numbers(M * K, 1), *w = numbers(N * K, 2), *b = numbers(N, 3);
    planned p = {0};
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "5x37");
    onnx_floats(&p.f.model, "w", "11x37", w);
    onnx_floats(&p.f.model, "b", "11", b);
    onnx_node(&p.f.model, "y = Gemm(x, w, b) transB=1 alpha=2.0 beta=0.5");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_INT8);
    set_scale(&p, "x", x_scale);
    set_scale(&p, "y", y_scale);
    const float *y = run(&p, x)->data;
    for (int n = 0; n < N; n++) {
        float scale = 0;
        for (int k = 0; k < K; k++) scale = fmaxf(scale, fabsf(w[n * K + k]) / 127);
        const float unit = scale * (x_scale * 2);
        for (int m = 0; m < M; m++) {
            int64_t sum = (int64_t)nearbyint((double)(0.5F * b[n]) / (double)unit);
            for (int k = 0; k < K; k++) {
                sum += to_int8(x[m * K + k] / x_scale) * to_int8(w[n * K + k] / scale);
            }
            const float value = (float)sum * unit;
            assert_true(y[m * N + n] == (float)to_int8(value / y_scale) * y_scale);
        }
    }
    stop(&p);
    free(x);
    free(w);
    free(b);
}

/* What fuses on the DLA alone, the maximum behind a Relu, is one rounding there. */
static void devices_round_where_their_kernels_end(void **state)
{
    (void)state;
    float *x = numbers(8 * 8 * 8, 1), *w = numbers(8 * 8, 2);
    static const char *const strategies[] = {"gpu", "greedy"};
    static const char *const kernels[] = {"Conv+Relu | MaxPool", "[Conv+Relu+MaxPool]"};
    for (int s = 0; s < 2; s++) {
        planned p = {0};
        onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "1x8x8x8");
        onnx_floats(&p.f.model, "w", "8x8x1x1", w);
        onnx_node(&p.f.model, "c = Conv(x, w)");
        onnx_node(&p.f.model, "r = Relu(c)");
        onnx_node(&p.f.model, "y = MaxPool(r) kernel_shape=[2,2] strides=[2,2]");
        onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
        plan(&p, strategies[s], EP_CHOOSE_INT8);
        assert_kernels(&p.f, kernels[s]);
        set_scale(&p, "x", 1.0F / 127);
        set_scale(&p, "r", 1.0F / 32);
        set_scale(&p, "y", 1.0F / 32);
        (void)run(&p, x);
        const float *r = ep_session_tensor(p.session, tensor_index(&p.f, "r"))->data;
        bool rounded = true;
        for (int i = 0; i < 8 * 8 * 8; i++) rounded &= r[i] * 32 == floorf(r[i] * 32);
        assert_int_equal(rounded, s == 0);
        stop(&p);
    }
    free(x);
    free(w);
}

static void scales_must_be_there(void **state)
{
    (void)state;
    planned p = {0};
    ep_error err = {0};
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "1x8x8x8");
    onnx_weight(&p.f.model, "w", EP_DTYPE_FLOAT, "8x8x1x1");
    onnx_node(&p.f.model, "y = Conv(x, w)");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_INT8);
    set_scale(&p, "x", 1);
    assert_int_equal(try_start(&p, &err), EP_BAD_USAGE);
    assert_string_equal(err.text, "tensors of INT8 kernels without a scale: 1, the first is 'y'; "
                                  "scales come from --calib or Q/DQ nodes");
    stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_and_what_lies_between),
        cmocka_unit_test(halves_at_the_ends_of_a_kernel),
        cmocka_unit_test(tf32_rounds_operands_of_products),
        cmocka_unit_test(convolutions_of_integers_are_exact),
        cmocka_unit_test(matrices_of_integers_are_exact),
        cmocka_unit_test(devices_round_where_their_kernels_end),
        cmocka_unit_test(scales_must_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
