/* Figures of one array against another; what is expected was computed with NumPy, or is plain. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "study/study.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Of rank 1; the array does not own the values. */
static ep_array array_of(ep_dtype dtype, const void *values, uint64_t n)
{
    return (ep_array){dtype, {.rank = 1, .dims = {(int64_t)n}}, n, (void *)(uintptr_t)values};
}

static ep_deviation deviation(const double *a, const double *b, uint64_t n, double atol,
                              double rtol)
{
    ep_deviation out;
    const ep_array left = array_of(EP_DTYPE_DOUBLE, a, n), right = array_of(EP_DTYPE_DOUBLE, b, n);
    ep_deviation_of(&left, &right, atol, rtol, &out);
    return out;
}

static void near(double actual, double expected)
{
    assert_true(fabs(actual - expected) <= 1e-12 * fabs(expected));
}

static void figures(void **state)
{
    (void)state;
    const double a[] = {1, -2, 0.5, 0, 4}, b[] = {1.5, -2, 0.25, 0.125, 3};
    const ep_deviation d = deviation(a, b, COUNT(a), 0.25, 0.125);
    assert_int_equal(d.n, 5);
    near(d.max_abs, 1);
    near(d.max_rel, 0.5);
    near(d.mean_abs, 0.375);
    near(d.rms, 0.5153882032022076);
    near(d.cosine, 0.9765739644497055);
    near(d.sqnr_db, 12.041199826559248);
    assert_int_equal(d.unequal, 4);
    assert_int_equal(d.over, 2); /* 0.5 > 0.375, 1 > 0.75; 0.25 < 0.3125, 0.125 < 0.25 */
}

/* On the bound is within it. */
static void bounds(void **state)
{
    (void)state;
    const double a[] = {8, -8}, b[] = {9, -9};
    assert_int_equal(deviation(a, b, 2, 0.5, 0.0625).over, 0);
    assert_int_equal(deviation(a, b, 2, 0.5, 0.0624).over, 2);
}

static void equal(void **state)
{
    (void)state;
    const double a[] = {1, 0, -3}, none[] = {0, 0, 0};
    ep_deviation d = deviation(a, a, 3, 0, 0);
    assert_true(d.max_abs == 0 && d.max_rel == 0 && d.cosine == 1 && isinf(d.sqnr_db));
    assert_true(d.unequal == 0 && d.over == 0);
    d = deviation(none, none, 3, 0, 0);
    assert_true(d.max_abs == 0 && isnan(d.max_rel) && d.cosine == 1 && d.sqnr_db > 0);
    d = deviation(a, none, 3, 0, 0);
    assert_true(d.cosine == 0 && d.sqnr_db == 0 && d.max_rel == 1);
    d = deviation(none, a, 3, 0, 0);
    assert_true(d.cosine == 0 && d.sqnr_db == -INFINITY && isnan(d.max_rel));
}

static void not_finite(void **state)
{
    (void)state;
    const double inf = INFINITY;
    const double a[] = {NAN, NAN, inf, inf, 1, 2}, b[] = {NAN, 1, inf, -inf, NAN, 2.5};
    const ep_deviation d = deviation(a, b, COUNT(a), 1, 0);
    assert_int_equal(d.nan_a, 2);
    assert_int_equal(d.nan_b, 2);
    assert_int_equal(d.inf_a, 2);
    assert_int_equal(d.inf_b, 2);
    assert_int_equal(d.over, 3);
    assert_int_equal(d.unequal, 4);
    near(d.max_abs, 0.5);
    near(d.mean_abs, 0.5);
    const ep_deviation none = deviation(a, b, 2, 0, 0);
    assert_true(isnan(none.max_abs) && isnan(none.cosine) && none.over == 1);
    assert_true(isnan(deviation(a, b, 0, 0, 0).rms));
}

/* Sums go on from block to block. */
static void many(void **state)
{
    (void)state;
    enum { N = 2000 };
    static double a[N], b[N];
    for (int i = 0; i < N; i++) {
        a[i] = 1;
        b[i] = i % 2 ? 1.25 : 0.75;
    }
    const ep_deviation d = deviation(a, b, N, 0, 0.125);
    assert_true(d.over == N && d.max_abs == 0.25 && d.mean_abs == 0.25 && d.rms == 0.25);
    near(d.sqnr_db, 12.041199826559248); /* 10 log10 16 */
}

static void types(void **state)
{
    (void)state;
    const uint16_t halves[] = {0x3c00, 0xc000}; /* 1, -2 */
    const float floats[] = {1.5F, -2};
    const ep_array a = array_of(EP_DTYPE_FLOAT16, halves, 2);
    const ep_array b = array_of(EP_DTYPE_FLOAT, floats, 2);
    ep_deviation d;
    ep_deviation_of(&a, &b, 0, 0, &d);
    assert_true(d.max_abs == 0.5 && d.over == 1);
}

static void summaries(void **state)
{
    (void)state;
    const double values[] = {NAN, 3, -1, INFINITY, 4, -INFINITY};
    const ep_array array = array_of(EP_DTYPE_DOUBLE, values, COUNT(values));
    const ep_array nothing = array_of(EP_DTYPE_DOUBLE, values, 0);
    ep_array_summary s;
    ep_summarise(&array, &s);
    assert_true(s.min == -1 && s.max == 4 && s.mean == 2 && s.nans == 1 && s.infs == 2);
    ep_summarise(&nothing, &s);
    assert_true(isnan(s.min) && isnan(s.max) && isnan(s.mean) && s.nans == 0 && s.infs == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures),    cmocka_unit_test(bounds), cmocka_unit_test(equal),
        cmocka_unit_test(not_finite), cmocka_unit_test(many),   cmocka_unit_test(types),
        cmocka_unit_test(summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
