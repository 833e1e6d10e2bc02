/* The table of a front: what is shown of it, and what stands out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "report/report.h"

static void add(ep_sweep_summary *s, const char *mode, double ms, double ips, double w, double mj)
{
    const ep_sweep_point p = {.hardware = "board",
                              .model = "net",
                              .mode = mode,
                              .strategy = "gpu",
                              .batch = 1,
                              .latency_ms = ms,
                              .throughput_ips = ips,
                              .power_w = w,
                              .energy_mj = mj};
    assert_int_equal(ep_sweep_summary_add(s, &p, NULL), EP_OK);
}

/* "B" is 3 % behind "A" but for 2 % of power: people see one of them, programs both. "C" has a
 * fifth less power than "A", "D" covers "E". */
static ep_sweep_summary example(void)
{
    ep_sweep_summary s = {.by_throughput = true};
    add(&s, "A", 1.00, 1000, 20.0, 20.0);
    add(&s, "B", 1.03, 970, 19.6, 20.2);
    add(&s, "C", 1.10, 910, 16.0, 17.6);
    add(&s, "E", 6.00, 300, 6.0, 20.0);
    add(&s, "D", 5.00, 300, 5.0, 16.7);
    add(&s, "F", 9.00, 2000, 30.0, 15.0);
    ep_sweep_summary_end(&s);
    return s;
}

static void shows_what_differs(void **state)
{
    ep_sweep_summary s = example();
    ep_text out = {0};
    assert_int_equal(ep_report_pareto_table(&s, "net", 0, &out, NULL), EP_OK);
    static const char *const lines[] = {
        "net on board: 6 points, 5 on the front of latency, throughput, energy and power; 4 differ "
        "by more than 5 %\n",
        "A     int8           1  gpu              1.00      1000  20.0      20.0  fastest\n",
        "C     int8           1  gpu              1.10       910  16.0      17.6  choose\n",
        "D     int8           1  gpu              5.00       300  5.00      16.7  least power\n",
        "F     int8           1  gpu              9.00      2000  30.0      15.0  most images/s, "
        "most frugal\n",
        "Choose gpu in C, int8, batch 1: 1.10 ms at 16.0 W, 17.6 mJ an image; gpu in A, int8, "
        "batch 1 is 1.10 times as fast for 1.14 times the energy; gpu in F, int8, batch 1 saves "
        "14.8 % of the energy and takes 8.18 times as long.\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(ep_text_cstr(&out), lines[i])) fail_msg("%s is not in\n%s", lines[i], out.data);
    }
    ep_text_free(&out);
    ep_sweep_summary_free(&s);
    (void)state;
}

static void programs_get_all(void **state)
{
    ep_sweep_summary s = example();
    ep_text csv = {0}, json = {0};
    assert_int_equal(ep_report_pareto_csv(&s, &csv, NULL), EP_OK);
    assert_int_equal(ep_report_pareto_json(&s, &json, NULL), EP_OK);
    uint32_t rows = 0;
    for (const char *at = csv.data; (at = strchr(at, '\n')); at++) rows++;
    assert_int_equal(rows, 1 + 5);
    assert_non_null(strstr(csv.data, "true,board,net,1,int8,0,gpu,,,,,C,1.1,910,16,,17.6,"));
    assert_null(strstr(csv.data, ",E,"));
    assert_non_null(strstr(json.data, "{\"schema\":1,\"points\":6,\"front\":[{"));
    assert_non_null(strstr(json.data, "],\"choice\":2}\n"));
    ep_text_free(&csv);
    ep_text_free(&json);
    ep_sweep_summary_free(&s);
    (void)state;
}

/* Nothing runs, or limits that nothing keeps: no choice. */
static void there_may_be_no_choice(void **state)
{
    ep_sweep_summary none = {0}, slow = {.limits = {.deadline_ms = 0.5}};
    ep_text out = {0};
    ep_sweep_summary_end(&none);
    assert_int_equal(ep_report_pareto_table(&none, "net", 0, &out, NULL), EP_OK);
    assert_int_equal(ep_report_pareto_json(&none, &out, NULL), EP_OK);
    assert_non_null(strstr(out.data, "\"front\":[],\"choice\":null}"));
    add(&slow, "A", 1, 1000, 20, 20);
    ep_sweep_summary_end(&slow);
    out.length = 0;
    assert_int_equal(ep_report_pareto_table(&slow, "net", 0, &out, NULL), EP_OK);
    assert_null(strstr(out.data, "hoose"));
    ep_text_free(&out);
    ep_sweep_summary_free(&slow);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_what_differs),
        cmocka_unit_test(programs_get_all),
        cmocka_unit_test(there_may_be_no_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
