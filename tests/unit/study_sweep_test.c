/* The grammar of ranges, and Pareto fronts, knees and limits worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "study/study.h"

/* ---- ranges -------------------------------------------------------------------------------- */

static void takes_ranges(void **state)
{
    static const struct {
        const char *text, *key;
        uint32_t n;
        double first, last;
    } rows[] = {
        {"gpu.clock_mhz=306:1300:102", "gpu.clock_mhz", 10, 306, 1224},
        {"gpu.tpcs=1:8:1", "gpu.tpcs", 8, 1, 8},
        {"a=5:5:1", "a", 1, 5, 5},
        {"a=0:1:0.1", "a", 11, 0, 1}, /* 10 x 0.1 is not 1 in binary */
        {"a=0:1:3", "a", 1, 0, 0},
        {"a=-2:2:2", "a", 3, -2, 2},
    };
    ep_arena *arena = ep_arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ep_axis axis;
        assert_true(ep_axis_is_range(rows[i].text));
        assert_int_equal(ep_axis_parse(rows[i].text, arena, &axis, NULL), EP_OK);
        assert_string_equal(axis.key, rows[i].key);
        assert_int_equal(axis.n, rows[i].n);
        assert_true(ep_axis_value(&axis, 0) == rows[i].first);
        assert_true(ep_axis_value(&axis, axis.n - 1) - rows[i].last < 1e-9);
        assert_true(rows[i].last - ep_axis_value(&axis, axis.n - 1) < 1e-9);
    }
    ep_arena_free(arena);
    (void)state;
}

static void refuses_what_is_no_range(void **state)
{
    static const char *const bad[] = {
        "a=1:2",    "a=1:2:3:4", "a=:2:1", "a=1::1",   "a=1:2:",    "a=x:2:1",    "a=1:2:0",
        "a=1:2:-1", "a=2:1:1",   "=1:2:1", "a=1:2:1 ", "a=1:inf:1", "a=0:1:1e-9", "a=1e999:1e999:1",
    };
    ep_arena *arena = ep_arena_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ep_axis axis;
        ep_error err = {0};
        assert_int_equal(ep_axis_parse(bad[i], arena, &axis, &err), EP_BAD_USAGE);
        assert_non_null(strstr(err.text, "--set"));
    }
    assert_false(ep_axis_is_range("gpu.sms=8"));
    assert_false(ep_axis_is_range("a:b"));
    ep_arena_free(arena);
    (void)state;
}

/* ---- what stands out ----------------------------------------------------------------------- */

static ep_sweep_point point(const char *mode, double ms, double mj, double w)
{
    return (ep_sweep_point){
        .mode = mode, .latency_ms = ms, .energy_mj = mj, .power_w = w, .throughput_ips = 1000 / ms};
}

static void add(ep_sweep_summary *s, const char *mode, double ms, double mj, double w)
{
    const ep_sweep_point p = point(mode, ms, mj, w);
    assert_int_equal(ep_sweep_summary_add(s, &p, NULL), EP_OK);
}

static void front_leaves_out_what_is_covered(void **state)
{
    ep_sweep_summary s = {0};
    add(&s, "worse", 5, 50, 30);
    add(&s, "fast", 1, 40, 40);
    add(&s, "middle", 4, 20, 20); /* covers "worse" */
    add(&s, "equal", 4, 20, 20);  /* the first of equals stays */
    add(&s, "slow", 10, 10, 5);
    add(&s, "covered", 10, 11, 5);
    add(&s, "cool", 20, 30, 4); /* on the front for its power alone */
    ep_sweep_summary_end(&s);
    assert_int_equal(s.n, 7);
    assert_int_equal(s.n_front, 4);
    static const char *const names[] = {"fast", "middle", "slow", "cool"};
    for (int i = 0; i < 4; i++) assert_string_equal(s.front[i].mode, names[i]);
    assert_string_equal(s.fastest.mode, "fast");
    assert_string_equal(s.frugal.mode, "slow");
    ep_sweep_summary_free(&s);
    (void)state;
}

/* Slower, hotter and hungrier, but more images: batches of many. */
static void throughput_counts_where_asked(void **state)
{
    ep_sweep_point one = point("one", 1, 10, 10), batch = point("batch", 8, 10, 12);
    batch.throughput_ips = 2000;
    for (int by_throughput = 0; by_throughput < 2; by_throughput++) {
        ep_sweep_summary s = {.by_throughput = by_throughput};
        assert_int_equal(ep_sweep_summary_add(&s, &batch, NULL), EP_OK);
        assert_int_equal(ep_sweep_summary_add(&s, &one, NULL), EP_OK);
        assert_int_equal(s.n_front, by_throughput ? 2 : 1);
        ep_sweep_summary_free(&s);
    }
    (void)state;
}

/* From (1, 40) to (9, 0) in (ms, mJ): (3, 10) lies 1 - 1/4 - 1/4 = 1/2 below the line, (5, 8) lies
 * 1 - 1/2 - 1/5 = 3/10 below, (8, 6) above it. (30, 40) has the least power and does not move the
 * ends. */
static void knee_is_farthest_below_the_line(void **state)
{
    ep_sweep_summary s = {0};
    add(&s, "8", 8, 6, 12);
    add(&s, "1", 1, 40, 50);
    add(&s, "5", 5, 8, 13);
    add(&s, "9", 9, 0, 10);
    add(&s, "3", 3, 10, 20);
    add(&s, "30", 30, 40, 1);
    ep_sweep_summary_end(&s);
    const uint32_t knee = ep_sweep_summary_knee(&s);
    assert_int_not_equal(knee, EP_NO_INDEX);
    assert_string_equal(s.front[knee].mode, "3");
    ep_sweep_summary_free(&s);
    (void)state;
}

static void there_may_be_no_knee(void **state)
{
    ep_sweep_summary s = {0};
    ep_sweep_summary_end(&s);
    assert_int_equal(ep_sweep_summary_knee(&s), EP_NO_INDEX);
    add(&s, "a", 1, 40, 50);
    add(&s, "b", 9, 0, 10);
    ep_sweep_summary_end(&s);
    assert_int_equal(ep_sweep_summary_knee(&s), EP_NO_INDEX);
    add(&s, "on the line", 5, 20, 30);
    add(&s, "above", 8, 10, 20);
    ep_sweep_summary_end(&s);
    assert_int_equal(ep_sweep_summary_knee(&s), EP_NO_INDEX);
    ep_sweep_summary_free(&s);
    (void)state;
}

static void limits_choose(void **state)
{
    ep_sweep_summary s = {.limits = {.deadline_ms = 5, .max_power_w = 25}};
    add(&s, "hot", 1, 15, 40);
    add(&s, "good", 4, 20, 20);
    add(&s, "frugal", 5, 12, 24); /* limits are kept where they are met exactly */
    add(&s, "late", 6, 10, 10);
    assert_int_equal(s.n_within, 2);
    assert_string_equal(s.best.mode, "frugal");
    ep_sweep_summary_free(&s);

    /* without a limit of time the fastest is the best */
    s = (ep_sweep_summary){.limits = {.max_power_w = 25}};
    add(&s, "hot", 1, 15, 40);
    add(&s, "good", 4, 20, 20);
    add(&s, "frugal", 5, 12, 24);
    assert_string_equal(s.best.mode, "good");
    ep_sweep_summary_free(&s);
    (void)state;
}

/* Of 10 ms and 10 W: (12, 10) passes by 0.2, (10, 11) by 0.1, (11, 11) by 0.2. */
static void nearest_passes_limits_the_least(void **state)
{
    ep_sweep_summary s = {.limits = {.deadline_ms = 10, .max_power_w = 10}};
    ep_sweep_point over = point("over budget", 1, 1, 1), cannot = point("cannot", 1, 1, 1);
    over.over_budget = true;
    (void)snprintf(cannot.cannot_run, sizeof cannot.cannot_run, "no");
    assert_int_equal(ep_sweep_summary_add(&s, &over, NULL), EP_OK);
    assert_int_equal(ep_sweep_summary_add(&s, &cannot, NULL), EP_OK);
    add(&s, "a", 12, 1, 10);
    add(&s, "b", 10, 1, 11);
    add(&s, "c", 11, 1, 11);
    assert_int_equal(s.n_within, 0);
    assert_int_equal(s.n_over_budget, 1);
    assert_int_equal(s.n_cannot_run, 1);
    assert_string_equal(s.nearest.mode, "b");
    assert_true(s.least_latency_ms == 10 && s.least_power_w == 10);
    ep_sweep_summary_free(&s);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_ranges),
        cmocka_unit_test(refuses_what_is_no_range),
        cmocka_unit_test(front_leaves_out_what_is_covered),
        cmocka_unit_test(throughput_counts_where_asked),
        cmocka_unit_test(knee_is_farthest_below_the_line),
        cmocka_unit_test(there_may_be_no_knee),
        cmocka_unit_test(limits_choose),
        cmocka_unit_test(nearest_passes_limits_the_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
