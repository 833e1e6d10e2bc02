/* Figures of made-up machines, worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

static const ep_voltage_point volts[] = {{500, 0.8}};

/* 10 SMs, 2 DLA cores, 64 bits of memory at 1000 MHz twice a clock: 16 GB/s, half of it reached. */
static ep_machine made_up(void)
{
    return (ep_machine){
        .path = "made-up.yaml",
        .gpu = {.sms = 10,
                .sms_per_tpc = 2,
                .clock_mhz_max = 1000,
                .fp32_fma = 10,
                .fp16_fma = 20,
                .tensor_tf32 = 40,
                .tensor_fp16 = 80,
                .tensor_int8 = 100,
                .fp32_accumulate_ratio = 0.5,
                .sparse_speedup = 2,
                .dram_bytes_per_sm_clock = 1},
        .dla = {.cores = 2,
                .clock_mhz_max = 800,
                .int8_macs = 50,
                .fp16_macs = 5,
                .sparse_speedup = 2,
                .dram_gbps = 6},
        .dram = {.bus_bits = 64,
                 .clock_mhz_max = 1000,
                 .transfers_per_clock = 2,
                 .efficiency = 0.5},
        .energy = {.gpu_voltage = {1, volts}, .dla_voltage = {1, volts}},
    };
}

/* 8 SMs at 500 MHz, which pull 4 GB/s; 2 DLA cores at 400 MHz, which pull 6 GB/s each, 8 both. */
static const ep_mode half = {.name = "half",
                             .gpu_tpcs = 4,
                             .gpu_mhz = 500,
                             .dla_cores = 2,
                             .dla_mhz = 400,
                             .dram_mhz = 1000};

static void assert_near(double actual, double expected)
{
    if (fabs(actual - expected) > 1e-9 * fabs(expected)) fail_msg("%g, not %g", actual, expected);
}

static void assert_peak(ep_peak peak, double dense, double sparse, double ridge)
{
    assert_near(peak.dense, dense);
    assert_near(peak.sparse, sparse);
    assert_near(peak.ridge, ridge);
}

static ep_figures figures_of(const ep_machine *machine, const ep_mode *mode)
{
    const ep_point point = ep_point_of(machine, mode);
    return ep_figures_of(&point);
}

static void test_gpu(void **state)
{
    (void)state;
    ep_machine machine = made_up();
    ep_figures f = figures_of(&machine, &half);
    /* 2 x 100 MACs x 8 SMs x 500 MHz = 0.8e12; over 4 GB/s = 200 operations a byte */
    assert_peak(f.gpu[EP_MATH_INT8], 0.8, 1.6, 200);
    assert_peak(f.gpu[EP_MATH_FP16], 0.64, 1.28, 160);
    assert_peak(f.gpu[EP_MATH_TF32], 0.16, 0.32, 40); /* accumulates in FP32: half the rate */
    assert_peak(f.gpu[EP_MATH_FP32], 0.08, 0.08, 20);
    assert_near(f.dram_peak_gbps, 16);
    /* all SMs at 1000 MHz could pull 10 GB/s; memory gives 8 */
    const ep_mode highest = ep_machine_highest(&machine);
    f = figures_of(&machine, &highest);
    assert_peak(f.gpu[EP_MATH_INT8], 2, 4, 250);
    /* without tensor cores */
    machine.gpu.tensor_int8 = machine.gpu.tensor_fp16 = machine.gpu.tensor_tf32 = 0;
    f = figures_of(&machine, &half);
    assert_peak(f.gpu[EP_MATH_INT8], 0, 0, 0);
    assert_peak(f.gpu[EP_MATH_FP16], 0.16, 0.16, 40);
    assert_peak(f.gpu[EP_MATH_TF32], 0, 0, 0);
}

static void test_dla(void **state)
{
    (void)state;
    ep_machine machine = made_up();
    ep_figures f = figures_of(&machine, &half);
    assert_peak(f.dla_core[EP_MATH_INT8], 0.04, 0.08, 0.04e3 / 6);
    assert_peak(f.dla_core[EP_MATH_FP16], 0.004, 0.004, 0.004e3 / 6); /* no sparse FP16 */
    assert_peak(f.dla[EP_MATH_INT8], 0.08, 0.16, 10);
    assert_peak(f.dla[EP_MATH_FP16], 0.008, 0.008, 1);
    assert_peak(f.dla[EP_MATH_TF32], 0, 0, 0);
    assert_peak(f.dla[EP_MATH_FP32], 0, 0, 0);
    ep_mode off = half;
    off.dla_cores = 0;
    f = figures_of(&machine, &off);
    assert_peak(f.dla[EP_MATH_INT8], 0, 0, 0);
    assert_peak(f.dla_core[EP_MATH_INT8], 0, 0, 0);
}

static void test_math_names(void **state)
{
    (void)state;
    static const char *const names[EP_MATH_COUNT] = {"int8", "fp16", "tf32", "fp32"};
    for (uint32_t m = 0; m < EP_MATH_COUNT; m++) assert_string_equal(ep_math_name(m), names[m]);
    assert_null(ep_math_name(EP_MATH_COUNT));
}

static void test_claims(void **state)
{
    (void)state;
    const ep_advertised advertised[] = {
        {.gpu_int8_dense_tops = 2,
         .gpu_int8_sparse_tops = 4.2,
         .dla_int8_sparse_tops = 0.32,
         .int8_sparse_tops = 4.32,
         .dram_gbps = 16},
        {.mode = "MODE_half", .gpu_fp16_dense_tflops = 0.64, .gpu_fp32_tflops = 0.04},
        {.gpu_clock_mhz = 100,
         .dla_clock_mhz = 400,
         .dram_clock_mhz = 250, /* own clocks */
         .gpu_int8_dense_tops = 0.2,
         .dla_int8_dense_tops = 0.08,
         .dram_gbps = 4},
    };
    static const struct {
        const char *figure, *mode;
        double derived, error_pct;
    } expected[] = {
        {"gpu_int8_dense_tops", NULL, 2, 0},
        {"gpu_int8_sparse_tops", NULL, 4, 100 * (4 / 4.2 - 1)},
        {"dla_int8_sparse_tops", NULL, 0.32, 0},
        {"int8_sparse_tops", NULL, 4.32, 0},
        {"dram_gbps", NULL, 16, 0},
        {"gpu_fp16_dense_tflops", "MODE_half", 0.64, 0},
        {"gpu_fp32_tflops", "MODE_half", 0.08, 100},
        {"gpu_int8_dense_tops", NULL, 0.2, 0},
        {"dla_int8_dense_tops", NULL, 0.08, 0},
        {"dram_gbps", NULL, 4, 0},
    };
    ep_machine machine = made_up();
    machine.n_modes = 1;
    machine.modes = &half;
    machine.n_advertised = sizeof advertised / sizeof *advertised;
    machine.advertised = advertised;
    ep_arena *arena = ep_arena_new();
    const ep_claim *claims;
    uint32_t n;
    ep_error err = {0};
    assert_int_equal(ep_machine_claims(&machine, arena, &claims, &n, &err), EP_OK);
    assert_int_equal(n, sizeof expected / sizeof *expected);
    for (uint32_t i = 0; i < n; i++) {
        assert_string_equal(claims[i].figure, expected[i].figure);
        assert_int_equal(!claims[i].mode, !expected[i].mode);
        assert_near(claims[i].derived, expected[i].derived);
        assert_true(fabs(claims[i].error_pct - expected[i].error_pct) < 1e-9);
        assert_int_equal(ep_claim_holds(&claims[i]), expected[i].error_pct < 5);
    }
    ep_arena_free(arena);
}

static void test_tolerance(void **state)
{
    (void)state;
    assert_true(ep_claim_holds(&(ep_claim){.error_pct = 5}));
    assert_true(ep_claim_holds(&(ep_claim){.error_pct = -5}));
    assert_false(ep_claim_holds(&(ep_claim){.error_pct = 5.01}));
    assert_false(ep_claim_holds(&(ep_claim){.error_pct = -5.01}));
}

static void test_no_such_mode(void **state)
{
    (void)state;
    const ep_advertised advertised[] = {{.gpu_fp32_tflops = 1}, {.mode = "full", .dram_gbps = 16}};
    ep_machine machine = made_up();
    machine.n_modes = 1;
    machine.modes = &half;
    machine.n_advertised = 2;
    machine.advertised = advertised;
    ep_arena *arena = ep_arena_new();
    const ep_claim *claims;
    uint32_t n;
    ep_error err = {0};
    assert_int_equal(ep_machine_claims(&machine, arena, &claims, &n, &err), EP_BAD_HARDWARE);
    assert_string_equal(err.text, "made-up.yaml: advertised[1].mode: there is no mode 'full'");
    ep_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpu),        cmocka_unit_test(test_dla),
        cmocka_unit_test(test_math_names), cmocka_unit_test(test_claims),
        cmocka_unit_test(test_tolerance),  cmocka_unit_test(test_no_such_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
