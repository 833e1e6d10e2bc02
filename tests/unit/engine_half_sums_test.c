/* FP16 products added up in FP16, against a soft-float that takes one product after the other. */
#include "tests/unit/numerics_fixture.h"

enum { STEP = 16 }; /* the depth of mma.m16n8k16 */

/* A sum that is being made: `sum` is a half, `step` what this instruction has added up so far. */
typedef struct adder {
    double sum;
    float step;
    int n;
} adder;

static void end_step(adder *a)
{
    a->sum = soft_half((double)(float)(a->sum + (double)a->step));
    a->step = 0;
    a->n = 0;
}

/* All operands here are halves; their products have 22 bits and are exact. */
static void add(adder *a, float x, float w)
{
    a->step = (float)((double)a->step + (double)x * (double)w);
    if (++a->n == STEP) end_step(a);
}

/* ---- convolutions -------------------------------------------------------------------------- */

typedef struct conv {
    int channels, filters, groups, size, kernel, stride, pad;
} conv;

/* Result `at`: in steps of 16 channels at one place of the window. */
static float conv_result(const conv *c, const float *x, const float *w, const float *b, int at)
{
    const int side = (c->size + 2 * c->pad - c->kernel) / c->stride + 1, area = side * side;
    const int per_group = c->channels / c->groups, taps = c->kernel * c->kernel;
    const int m = at / area, first = m / (c->filters / c->groups) * per_group;
    const int row = at / side % side * c->stride - c->pad, column = at % side * c->stride - c->pad;
    adder sum = {0};
    for (int from = 0; from < per_group; from += STEP) {
        for (int k = 0; k < taps; k++) {
            for (int i = from; i < per_group && i < from + STEP; i++) {
                const int y = row + k / c->kernel, z = column + k % c->kernel;
                const bool inside = y >= 0 && z >= 0 && y < c->size && z < c->size;
                const int element = ((first + i) * c->size + y) * c->size + z;
                add(&sum, inside ? x[element] : 0, w[(m * per_group + i) * taps + k]);
            }
            end_step(&sum);
        }
    }
    return (float)sum.sum + b[m];
}

static void check_conv(const conv *c, uint32_t seed)
{
    const size_t n_x = (size_t)(c->channels * c->size * c->size);
    const int each = c->channels / c->groups * c->kernel * c->kernel;
    float *x = numbers(n_x, seed), *w = numbers((size_t)(c->filters * each), seed + 1);
    float *b = numbers((size_t)c->filters, seed + 2);
    planned p = {.half_sums = true, .threads = 1 + seed % 3};
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
    plan(&p, "gpu", EP_CHOOSE_FP16);
    const ep_array *y = run(&p, x);
    for (int i = 0; i < (int)y->n; i++) {
        const double expected = soft_half(fmax((double)conv_result(c, x, w, b, i), 0));
        if ((double)((const float *)y->data)[i] != expected) {
            fail_msg("seed %u: element %d is %a, not %a", (unsigned)seed, i,
                     (double)((const float *)y->data)[i], expected);
        }
    }
    stop(&p);
    free(x);
    free(w);
    free(b);
}

static void convolutions(void **state)
{
    (void)state;
    static const conv rows[] = {
        {3, 8, 1, 9, 3, 2, 1},   {16, 16, 16, 7, 3, 1, 1}, {8, 12, 4, 6, 1, 1, 0},
        {70, 40, 1, 7, 1, 1, 0}, {64, 36, 2, 5, 3, 1, 1},  {4, 8, 4, 8, 2, 2, 0},
    };
    for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) check_conv(&rows[i], 10 * i);
    uint32_t random = 7;
    for (uint32_t i = 0; i < 40; i++) {
        conv c = {.groups = 1 + (int)(fabsf(number(&random)) * 3)};
        c.kernel = 1 + (int)(fabsf(number(&random)) * 4);
        c.size = c.kernel + (int)(fabsf(number(&random)) * 9);
        c.channels = c.groups * (1 + (int)(fabsf(number(&random)) * 40));
        c.filters = c.groups * (1 + (int)(fabsf(number(&random)) * 20));
        c.stride = 1 + (int)(fabsf(number(&random)) * 3);
        c.pad = (int)(fabsf(number(&random)) * (float)c.kernel);
        check_conv(&c, 1000 + 10 * i);
    }
}

/* ---- matrices ------------------------------------------------------------------------------ */

static void check_gemm(int m, int k, int n, bool turned, uint32_t seed)
{
    float *x = numbers((size_t)(m * k), seed), *w = numbers((size_t)(k * n), seed + 1);
    float *b = numbers((size_t)n, seed + 2);
    planned p = {.half_sums = true};
    char shape[64];
    (void)snprintf(shape, sizeof shape, "%dx%d", m, k);
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, shape);
    (void)snprintf(shape, sizeof shape, "%dx%d", turned ? n : k, turned ? k : n);
    onnx_floats(&p.f.model, "w", shape, w);
    (void)snprintf(shape, sizeof shape, "%d", n);
    onnx_floats(&p.f.model, "b", shape, b);
    onnx_node(&p.f.model, "y = Gemm(x, w, b) transB=%d alpha=2.0 beta=0.5", turned);
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_FP16);
    const float *y = run(&p, x)->data;
    for (int i = 0; i < m * n; i++) {
        adder sum = {0};
        const int column = i % n;
        for (int e = 0; e < k; e++) {
            add(&sum, x[i / n * k + e], w[turned ? column * k + e : e * n + column]);
        }
        end_step(&sum);
        const float expected = 0.5F * b[column] + 2 * (float)sum.sum;
        assert_true((double)y[i] == soft_half((double)expected));
    }
    stop(&p);
    free(x);
    free(w);
    free(b);
}

static void matrices(void **state)
{
    (void)state;
    uint32_t random = 3;
    for (uint32_t i = 0; i < 30; i++) {
        const int m = 1 + (int)(fabsf(number(&random)) * 40);
        const int k = 1 + (int)(fabsf(number(&random)) * 300);
        const int n = 1 + (int)(fabsf(number(&random)) * 70);
        check_gemm(m, k, n, i % 2 == 1, 10 * i);
    }
}

/* Row 0: 16 ones a step are kept beside 2048, where halves are 2 apart; row 1: a single one a step
 * is lost beside 4096; row 2: passes 65504 on its way. */
static void what_halves_cannot_hold(void **state)
{
    (void)state;
    enum { K = 64, ROWS = 3 };
    for (int halves = 0; halves < 2; halves++) {
        float x[ROWS * K] = {0}, w[K];
        for (int i = 0; i < K; i++) w[i] = 1;
        for (int i = 16; i < K; i++) x[i] = 1;
        x[0] = 2048;
        x[K] = 4096;
        for (int i = 16; i < K; i += 16) x[K + i] = 1;
        x[2 * K] = 60000;
        x[2 * K + 16] = 40000;
        x[2 * K + 32] = -48000;
        planned p = {.half_sums = halves == 1};
        onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "3x64");
        onnx_floats(&p.f.model, "w", "64x1", w);
        onnx_node(&p.f.model, "y = MatMul(x, w)");
        onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
        plan(&p, "gpu", EP_CHOOSE_FP16);
        const float *y = run(&p, x)->data;
        assert_true(y[0] == 2048 + 48);
        assert_true(y[1] == (halves ? 4096 : 4100)); /* 4099, half to even */
        assert_true(halves ? isinf(y[2]) : y[2] == 52000);
        assert_int_equal(loss_of(&p, "y").overflowed, halves);
        assert_int_equal(loss_of(&p, "y").n, ROWS);
        stop(&p);
    }
}

/* The Relu's kernel hides nothing: the sum of -70000 is infinite, what is written is 0. */
static void sums_that_are_not_written_count(void **state)
{
    (void)state;
    float x[8 * 4] = {0}, w[8 * 8];
    for (int i = 0; i < 8 * 8; i++) w[i] = i / 8 == 3 ? -1 : 0;
    for (int c = 0; c < 2; c++) x[4 * c + 1] = 35000;
    planned p = {.half_sums = true};
    onnx_input(&p.f.model, "x", EP_DTYPE_FLOAT, "1x8x2x2");
    onnx_floats(&p.f.model, "w", "8x8x1x1", w);
    onnx_node(&p.f.model, "c = Conv(x, w)");
    onnx_node(&p.f.model, "y = Relu(c)");
    onnx_output(&p.f.model, "y", EP_DTYPE_FLOAT, NULL);
    plan(&p, "gpu", EP_CHOOSE_FP16);
    assert_kernels(&p.f, "Conv+Relu");
    const float *y = run(&p, x)->data;
    for (int i = 0; i < 32; i++) assert_true(y[i] == 0);
    assert_int_equal(loss_of(&p, "c").overflowed, 1);
    assert_int_equal(loss_of(&p, "c").n, 32);
    assert_int_equal(loss_of(&p, "y").overflowed, 0);
    stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(matrices),
        cmocka_unit_test(what_halves_cannot_hold),
        cmocka_unit_test(sums_that_are_not_written_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
