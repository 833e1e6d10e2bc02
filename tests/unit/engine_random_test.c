/* Random numbers. Expected values are those of NumPy's legacy generator (numpy.random.seed and
 * random_sample), which is what ONNX's own tests of Dropout expect. */
#include "tests/unit/session_fixture.h"
#include "tests/unit/value_rows.h"

static const float *floats_of(const fixture *f, uint32_t output)
{
    return ep_session_output(f->session, output)->data;
}

static void seeded(void **state)
{
    (void)state;
    fixture f = {0};
    f.m.opset = 22;
    onnx_node(&f.m, "u = RandomUniform() shape=[4] seed=7.0");
    onnx_node(&f.m, "s = RandomUniform() shape=[2] seed=7.0 low=-1.0 high=3.0");
    /* Box and Muller's transform of the same */
    onnx_node(&f.m, "n = RandomNormal() shape=[2] seed=7.0");
    onnx_node(&f.m, "m = RandomNormalLike(u) seed=7.0 mean=10.0 scale=2.0");
    for (const char *name = "u\0s\0n\0m\0"; *name; name += 2) {
        onnx_output(&f.m, name, EP_DTYPE_FLOAT, NULL);
    }
    start(&f);
    run(&f, NULL);
    assert_output(&f, 0, FLOATS("4", 0.07630829F, 0.77991879F, 0.43840923F, 0.72346518F));
    assert_output(&f, 1, FLOATS("2", -0.69476684F, 2.11967516F));
    assert_output(&f, 2, FLOATS("2", 0.074460357F, -0.17827F));
    assert_float_equal(floats_of(&f, 3)[1], 10 - 2 * 0.17827F, 1e-5);
    teardown(&f);
}

/* Without a seed: the same in every run, something else in every node. */
static void unseeded(void **state)
{
    (void)state;
    fixture f = {0};
    float first[8];
    onnx_node(&f.m, "one: a = RandomUniform() shape=[8]");
    onnx_node(&f.m, "two: b = RandomUniform() shape=[8]");
    onnx_output(&f.m, "a", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "b", EP_DTYPE_FLOAT, NULL);
    start(&f);
    run(&f, NULL);
    memcpy(first, floats_of(&f, 0), sizeof first);
    assert_memory_not_equal(first, floats_of(&f, 1), sizeof first);
    run(&f, NULL);
    assert_memory_equal(first, floats_of(&f, 0), sizeof first);
    teardown(&f);
}

/* Means of 10,000 draws, within five standard errors. */
static void distributions(void **state)
{
    (void)state;
    enum { DRAWS = 10000 };
    fixture f = {0};
    double sum = 0, squares = 0, ones = 0, last = 0;
    onnx_floats(&f.m, "p", "1", (const float[]){0.25F});
    ONNX_INTS(&f.m, "many", DRAWS);
    onnx_node(&f.m, "many_p = Expand(p, many)");
    onnx_floats(&f.m, "logs", "1x3", (const float[]){0, 0, 0.69314718F}); /* 1 : 1 : 2 */
    onnx_node(&f.m, "n = RandomNormal() shape=[10000] mean=1.0 scale=2.0");
    onnx_node(&f.m, "b = Bernoulli(many_p)");
    onnx_node(&f.m, "c = Multinomial(logs) sample_size=10000");
    for (const char *name = "n\0b\0c\0"; *name; name += 2) {
        onnx_output(&f.m, name, EP_DTYPE_FLOAT, NULL);
    }
    start(&f);
    run(&f, NULL);
    const int32_t *classes = ep_session_output(f.session, 2)->data;
    for (int i = 0; i < DRAWS; i++) {
        const double x = (double)floats_of(&f, 0)[i];
        sum += x;
        squares += (x - 1) * (x - 1);
        ones += (double)floats_of(&f, 1)[i];
        assert_true(classes[i] >= 0 && classes[i] < 3);
        last += classes[i] == 2;
    }
    assert_true(fabs(sum / DRAWS - 1) < 5 * 2 / sqrt(DRAWS));
    assert_true(fabs(squares / DRAWS - 4) < 5 * 4 * sqrt(2.0 / DRAWS));
    assert_true(fabs(ones / DRAWS - 0.25) < 5 * sqrt(0.25 * 0.75 / DRAWS));
    assert_true(fabs(last / DRAWS - 0.5) < 5 * 0.5 / sqrt(DRAWS));
    teardown(&f);
}

static void dropout(void **state)
{
    (void)state;
    static const row rows[] = {
        {13, "x 4 = 1 2 3 4; r = 0.25; t:bool = 1", "y, m = Dropout(x, r, t) seed=7",
         "4 = 0 2.6666667 4 5.3333333;bool 4 = 0 1 1 1"},
        {13, "x 4 = 1 2 3 4; r = 0.25; t:bool = 0", "y, m = Dropout(x, r, t)",
         "4 = 1 2 3 4;bool 4 = 1 1 1 1"},
        {13, "x 4 = 1 2 3 4; r = 0; t:bool = 1", "y, m = Dropout(x, r, t)",
         "4 = 1 2 3 4;bool 4 = 1 1 1 1"},
        {13, "x:int32 2 = 1 2", "y = Dropout(x)", "int32 2 = 1 2"},
        {7, "x 2 = 1 2", "y, m = Dropout(x) ratio=0.5", "2 = 1 2;2 = 1 1"},
        {13, "x 2 = 1 2; r = 1; t:bool = 1", "y = Dropout(x, r, t)", "!ratio 1 is outside [0, 1)"},
    };
    CHECK_ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeded),
        cmocka_unit_test(unseeded),
        cmocka_unit_test(distributions),
        cmocka_unit_test(dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
