/* The figures of a group, of predictions made up by hand. Expected values were worked out on paper
 * and agree with SciPy: median, percentile(..., method="inverted_cdf"), spearmanr. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "study/study.h"

enum { MOST_ROWS = 32 };

typedef struct fixture {
    ep_measurement rows[MOST_ROWS];
    ep_prediction predictions[MOST_ROWS];
    ep_validation validation;
    ep_error err;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    f->validation.rows = f->rows;
    f->validation.predictions = f->predictions;
    f->validation.arena = ep_arena_new();
    *state = f;
    return f->validation.arena ? 0 : -1;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    ep_arena_free(f->validation.arena);
    free(f);
    return 0;
}

static void add_row(fixture *f, const char *group, double predicted, double measured)
{
    assert_true(f->validation.n_rows < MOST_ROWS);
    const uint32_t r = f->validation.n_rows++;
    f->rows[r] = (ep_measurement){.group = group, .value = measured};
    f->predictions[r].value = predicted;
    f->predictions[r].error_pct = 100 * (predicted - measured) / measured;
}

/* Its prediction is `error_pct` off. */
static void add_error(fixture *f, const char *group, double error_pct)
{
    add_row(f, group, 100 + error_pct, 100);
}

static void add_skipped(fixture *f, const char *group)
{
    add_row(f, group, 0, 1);
    f->predictions[f->validation.n_rows - 1] = (ep_prediction){.skipped = "why"};
}

static const ep_validation_group *summary_of(fixture *f, uint32_t n_groups)
{
    if (ep_validation_summarise(&f->validation, &f->err) != EP_OK) fail_msg("%s", f->err.text);
    assert_int_equal(f->validation.n_groups, n_groups);
    return f->validation.groups;
}

static void assert_near(double actual, double expected)
{
    if (!(fabs(actual - expected) <= 1e-9)) fail_msg("%.12g, not %.12g", actual, expected);
}

static void assert_rows(const uint32_t *actual, uint32_t n, const char *expected)
{
    char text[256] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < n; i++) {
        const int more = snprintf(text + length, sizeof text - length, " %u", (unsigned)actual[i]);
        assert_true(more > 0 && (size_t)more < sizeof text - length);
        length += (size_t)more;
    }
    assert_string_equal(text, expected);
}

static void test_groups_are_in_the_order_of_their_first_rows(void **state)
{
    fixture *f = *state;
    add_error(f, "z", 10);
    add_skipped(f, "a");
    add_error(f, "z", -40);
    add_error(f, "m", 1);
    add_skipped(f, "z");
    add_error(f, "z", 30);
    add_error(f, "z", -20);
    const ep_validation_group *groups = summary_of(f, 3);
    assert_string_equal(groups[0].name, "z");
    assert_string_equal(groups[1].name, "a");
    assert_string_equal(groups[2].name, "m");
    assert_int_equal(groups[0].rows, 5);
    assert_int_equal(groups[0].predicted, 4);
    assert_rows(groups[0].members, 5, " 0 2 4 5 6");
    assert_rows(groups[0].worst, 4, " 2 5 6 0");
    assert_near(groups[0].median_abs_pct, 25); /* of 10, 20, 30, 40 */
    assert_near(groups[0].p90_abs_pct, 40);
    assert_near(groups[0].bias_pct, -5); /* (10 - 40 + 30 - 20) / 4 */
    assert_rows(groups[1].members, 1, " 1");
    assert_rows(groups[2].worst, 1, " 3");
}

static void test_a_group_without_predictions_has_no_figures(void **state)
{
    fixture *f = *state;
    add_skipped(f, "a");
    const ep_validation_group *group = summary_of(f, 1);
    assert_int_equal(group->rows, 1);
    assert_int_equal(group->predicted, 0);
    assert_true(isnan(group->median_abs_pct) && isnan(group->p90_abs_pct));
    assert_true(isnan(group->bias_pct) && isnan(group->spearman));
}

static void test_no_rows(void **state)
{
    (void)summary_of(*state, 0);
}

static void test_one_row_is_its_own_median(void **state)
{
    fixture *f = *state;
    add_error(f, "a", -7);
    const ep_validation_group *group = summary_of(f, 1);
    assert_near(group->median_abs_pct, 7);
    assert_near(group->p90_abs_pct, 7);
    assert_near(group->bias_pct, -7);
}

static void test_percentile_is_the_nearest_rank(void **state)
{
    fixture *f = *state;
    /* 1, -2, 3, ... 10 and 1, -2, 3, ... 11 */
    for (int i = 1; i <= 10; i++) add_error(f, "ten", i % 2 ? i : -i);
    for (int i = 1; i <= 11; i++) add_error(f, "eleven", i % 2 ? i : -i);
    const ep_validation_group *groups = summary_of(f, 2);
    assert_near(groups[0].median_abs_pct, 5.5);
    assert_near(groups[0].p90_abs_pct, 9); /* rank 9 */
    assert_near(groups[0].bias_pct, -0.5);
    assert_near(groups[1].median_abs_pct, 6);
    assert_near(groups[1].p90_abs_pct, 10); /* rank ceil(9.9) */
    assert_near(groups[1].bias_pct, 6.0 / 11);
}

static void test_equal_errors_stay_as_in_the_file(void **state)
{
    fixture *f = *state;
    static const double errors[] = {5, -5, 8, 5, -8};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) add_error(f, "a", errors[i]);
    assert_rows(summary_of(f, 1)->worst, 5, " 2 4 0 1 3");
}

static void test_equal_values_share_their_mean_rank(void **state)
{
    fixture *f = *state;
    /* ranks 1 2.5 2.5 4 and 1 3 2 4: 4.5 / sqrt(4.5 * 5) */
    static const double predicted[] = {1, 2, 2, 4}, measured[] = {10, 30, 20, 40};
    for (int i = 0; i < 4; i++) add_row(f, "a", predicted[i], measured[i]);
    assert_near(summary_of(f, 1)->spearman, 0.9486832980505138);
}

static void test_correlation_is_of_ranks_and_has_a_sign(void **state)
{
    fixture *f = *state;
    static const double measured[] = {3, 1000, 0.001, 20}; /* ranks 2 4 1 3 */
    for (int i = 0; i < 4; i++) add_row(f, "same", measured[i] * measured[i], measured[i]);
    for (int i = 0; i < 4; i++) add_row(f, "opposite", 1 / measured[i], measured[i]);
    /* ranks 1 2 3 4: 1 - 6 (1 + 4 + 4 + 1) / (4 (16 - 1)) */
    for (int i = 0; i < 4; i++) add_row(f, "none", i + 1, measured[i]);
    const ep_validation_group *groups = summary_of(f, 3);
    assert_near(groups[0].spearman, 1);
    assert_near(groups[1].spearman, -1);
    assert_near(groups[2].spearman, 0);
}

static void test_no_correlation_of_few_or_equal_rows(void **state)
{
    fixture *f = *state;
    for (int i = 1; i <= 2; i++) add_row(f, "two", i, i);
    for (int i = 1; i <= 4; i++) add_row(f, "equal predictions", 7, i);
    for (int i = 1; i <= 4; i++) add_row(f, "equal measurements", i, 7);
    const ep_validation_group *groups = summary_of(f, 3);
    for (int g = 0; g < 3; g++) assert_true(isnan(groups[g].spearman));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_groups_are_in_the_order_of_their_first_rows),
        TEST(test_a_group_without_predictions_has_no_figures),
        TEST(test_no_rows),
        TEST(test_one_row_is_its_own_median),
        TEST(test_percentile_is_the_nearest_rank),
        TEST(test_equal_errors_stay_as_in_the_file),
        TEST(test_equal_values_share_their_mean_rank),
        TEST(test_correlation_is_of_ranks_and_has_a_sign),
        TEST(test_no_correlation_of_few_or_equal_rows),
    };
    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
