/* The machines that come with the program: what their makers advertise follows from what was
 * loaded. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

#define FOLDER EP_SOURCE_DIR "/hwmodels"

static const ep_machine_options installed = {.installed = FOLDER};

static const char *const names[] = {
    "orin-agx",
    "orin-agx-64gb",
    "orin-agx-32gb",
    "orin-nx-16gb",
    "orin-nx-8gb",
    "orin-nx-16gb-super",
    "orin-nx-8gb-super",
    "orin-nano-8gb",
    "orin-nano-4gb",
    "orin-nano-8gb-super",
    "orin-nano-4gb-super",
    "xavier-agx",
    "xavier-nx",
    "h200-sxm",
};
enum { N_NAMES = sizeof names / sizeof *names };

static ep_machine *load(const char *name)
{
    ep_machine *machine;
    ep_error err = {0};
    if (ep_machine_load(name, &installed, &machine, &err) != EP_OK) fail_msg("%s", err.text);
    return machine;
}

static const ep_mode *mode_of(const ep_machine *machine, const char *name)
{
    const ep_mode *mode;
    ep_error err = {0};
    if (ep_machine_mode(machine, name, &mode, &err) != EP_OK) fail_msg("%s", err.text);
    return mode;
}

static void within(const char *what, double value, double advertised, double percent)
{
    const double error = 100 * (value / advertised - 1);
    if (fabs(error) > percent) fail_msg("%s: %g, advertised %g", what, value, advertised);
}

static ep_figures figures_in(const ep_machine *machine, const char *mode)
{
    const ep_point point = ep_point_of(machine, mode_of(machine, mode));
    return ep_figures_of(&point);
}

static void test_advertised_tops(void **state)
{
    (void)state;
    /* 0: not advertised, or another configuration than the board's. In 15W NVIDIA's table says 14
     * for the GPU, which is 4 SMs at 420.75 MHz; the shipped mode has 6 at 408. */
    static const struct {
        const char *machine, *mode;
        double gpu, dla, total;
    } rows[] = {
        {"orin-agx-64gb", "MAXN", 170, 105, 275},
        {"orin-agx-64gb", "50W", 109, 92, 0},
        {"orin-agx-64gb", "30W", 41, 90, 0},
        {"orin-agx-64gb", "15W", 0, 40, 0},
        {"orin-agx", "MAXN", 170, 105, 275},
        {"orin-agx-32gb", "MAXN", 0, 0, 200},
        {"orin-nx-16gb", "MAXN", 60, 40, 100},
        {"orin-nx-8gb", "MAXN", 50, 20, 70},
        {"orin-nx-16gb-super", "MAXN_SUPER", 0, 0, 157},
        {"orin-nx-8gb-super", "MAXN_SUPER", 0, 0, 117},
        {"orin-nano-8gb", "15W", 40, 0, 40},
        {"orin-nano-4gb", "10W", 20, 0, 20},
        {"orin-nano-8gb-super", "MAXN_SUPER", 67, 0, 67},
        {"orin-nano-4gb-super", "MAXN_SUPER", 34, 0, 34},
        {"xavier-agx", "MAXN", 22, 11.4, 32}, /* dense; the sum of its parts is 33.4 */
        {"xavier-nx", "20W_6CORE", 0, 0, 21},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ep_machine *m = load(rows[i].machine);
        const ep_figures figures = figures_in(m, rows[i].mode);
        const double gpu = figures.gpu[EP_MATH_INT8].sparse;
        const double dla = figures.dla[EP_MATH_INT8].sparse;
        if (rows[i].gpu > 0) within(rows[i].machine, gpu, rows[i].gpu, 5);
        if (rows[i].dla > 0) within(rows[i].machine, dla, rows[i].dla, 3);
        if (rows[i].total > 0) {
            within(rows[i].machine, gpu + dla, rows[i].total, rows[i].machine[0] == 'x' ? 10 : 3);
        }
        ep_machine_free(m);
    }
}

static void test_bandwidth(void **state)
{
    (void)state;
    static const struct {
        const char *machine, *mode;
        double gbps;
    } rows[] = {
        {"orin-agx-64gb", "MAXN", 204.8}, {"orin-agx-32gb", "MAXN", 204.8},
        {"orin-nx-16gb", "MAXN", 102.4},  {"orin-nx-8gb", "MAXN", 102.4},
        {"orin-nano-8gb", "15W", 68.3},   {"orin-nano-8gb-super", "25W", 102.4},
        {"orin-nano-4gb", "10W", 34.1},   {"orin-nano-4gb-super", "25W", 51.2},
        {"xavier-agx", "MAXN", 136.5},    {"xavier-nx", "20W_2CORE", 59.7},
        {"h200-sxm", NULL, 4800},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ep_machine *m = load(rows[i].machine);
        within(rows[i].machine, figures_in(m, rows[i].mode).dram_peak_gbps, rows[i].gbps, 0.2);
        ep_machine_free(m);
    }
}

/* What the files themselves say is advertised. */
static void test_claims(void **state)
{
    (void)state;
    ep_arena *arena = ep_arena_new();
    for (size_t i = 0; i < N_NAMES; i++) {
        ep_machine *m = load(names[i]);
        const ep_claim *claims;
        uint32_t n;
        ep_error err = {0};
        assert_int_equal(ep_machine_claims(m, arena, &claims, &n, &err), EP_OK);
        assert_true(n > 0);
        for (uint32_t c = 0; c < n; c++) {
            if (!ep_claim_holds(&claims[c])) fail_msg("%s: %s", names[i], claims[c].figure);
        }
        ep_machine_free(m);
    }
    ep_arena_free(arena);
}

/* At 1830 MHz, the clock of the advertisement. */
static void test_h200(void **state)
{
    (void)state;
    ep_machine *m = load("h200-sxm");
    ep_mode mode = ep_machine_highest(m);
    mode.gpu_mhz = 1830;
    const ep_point point = ep_point_of(m, &mode);
    const ep_figures figures = ep_figures_of(&point);
    within("FP16 TFLOPS", figures.gpu[EP_MATH_FP16].dense, 989, 3);
    within("INT8 TOPS", figures.gpu[EP_MATH_INT8].dense, 1979, 3);
    within("sparse INT8 TOPS", figures.gpu[EP_MATH_INT8].sparse, 3958, 3);
    within("FP32 TFLOPS", figures_in(m, NULL).gpu[EP_MATH_FP32].dense, 67, 3);
    assert_int_equal(m->dla.cores, 0);
    assert_int_equal(m->n_modes, 1);
    assert_string_equal(m->rails[m->energy.gpu_rail].name, "board");
    ep_machine_free(m);
}

/* cores and clocks that the boards' configurations name */
static void test_modes(void **state)
{
    (void)state;
    static const struct {
        const char *machine, *by_default;
        uint32_t modes;
        int64_t cpus, dlas;
    } rows[] = {
        {"orin-agx-64gb", "30W", 4, 12, 2},      {"orin-agx-32gb", "30W", 4, 8, 2},
        {"orin-nx-16gb", "15W", 4, 8, 2},        {"orin-nx-8gb", "15W", 4, 6, 1},
        {"orin-nx-16gb-super", "40W", 5, 8, 2},  {"orin-nx-8gb-super", "40W", 5, 6, 1},
        {"orin-nano-8gb", "15W", 2, 6, 0},       {"orin-nano-4gb", "10W", 3, 6, 0},
        {"orin-nano-8gb-super", "25W", 3, 6, 0}, {"orin-nano-4gb-super", "25W", 3, 6, 0},
        {"xavier-agx", "15W_DESKTOP", 8, 8, 2},  {"xavier-nx", "10W_DESKTOP", 9, 6, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ep_machine *m = load(rows[i].machine);
        assert_string_equal(mode_of(m, NULL)->name, rows[i].by_default);
        assert_int_equal(m->n_modes, rows[i].modes);
        assert_int_equal(m->cpu.cores, rows[i].cpus);
        assert_int_equal(m->dla.cores, rows[i].dlas);
        ep_machine_free(m);
    }
}

static void test_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        ep_machine *m = load(names[i]);
        for (uint32_t k = 0; k < m->n_modes; k++) {
            const ep_point p = ep_point_of(m, &m->modes[k]);
            assert_true(p.gpu_dram_gbps > 0 && p.gpu_dram_gbps <= p.dram_gbps);
            assert_true(p.gpu_energy_scale > 0.3 && p.gpu_energy_scale <= 1);
            assert_true(m->dla.cores == 0 || (p.dla_energy_scale > 0.3 && p.dla_energy_scale <= 1));
        }
        ep_machine_free(m);
    }
}

/* the alias has the numbers of what it stands for */
static void test_alias(void **state)
{
    (void)state;
    ep_machine *a = load("orin-agx"), *b = load("orin-agx-64gb");
    assert_string_equal(a->name, "orin-agx");
    assert_string_equal(a->title, b->title);
    for (uint32_t i = 0; i < a->n_modes; i++) {
        const ep_point p = ep_point_of(a, &a->modes[i]), q = ep_point_of(b, &b->modes[i]);
        assert_true(p.dram_gbps == q.dram_gbps && p.gpu_energy_scale == q.gpu_energy_scale);
    }
    ep_machine_free(a);
    ep_machine_free(b);
}

/* A file in /tmp that inherits `machine` and names another software; the caller frees. */
static ep_status load_with(const char *machine, const char *rest, ep_machine **out, ep_error *err)
{
    char path[] = "/tmp/ep_software_XXXXXX";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "inherit: [%s]\n%s\n", machine, rest) > 0);
    assert_int_equal(fclose(file), 0);
    *err = (ep_error){0};
    const ep_status status = ep_machine_load(path, &installed, out, err);
    (void)unlink(path);
    return status;
}

static void test_dla_software(void **state)
{
    (void)state;
    static const struct {
        const char *machine, *software;
        int64_t per_core, total;
        bool div, softmax, inclusive_only;
    } rows[] = {
        {"orin-agx", "trt-8.4", 4, 8, false, true, false},
        {"orin-agx", "trt-8.5", 16, 32, false, true, false},
        {"orin-agx", "trt-8.6", 16, 32, false, true, false},
        {"orin-agx", "trt-8.6.12", 16, 32, true, true, false},
        {"orin-nx-8gb", "trt-10.x", 16, 20, true, true, false},
        {"xavier-agx", "trt-8.4", 4, 8, false, false, true},
        {"xavier-agx", "trt-8.5", 16, 32, false, false, true},
        {"xavier-nx", "trt-8.6", 16, 32, false, false, true},
    };
    ep_machine *m;
    ep_error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char rest[64];
        (void)snprintf(rest, sizeof rest, "dla_software: %s", rows[i].software);
        if (load_with(rows[i].machine, rest, &m, &err) != EP_OK) fail_msg("%s", err.text);
        const ep_dla_limits *limits = &m->dla.limits;
        assert_string_equal(m->dla_software, rows[i].software);
        assert_int_equal(limits->loadables_per_core, rows[i].per_core);
        assert_int_equal(limits->loadables_total, rows[i].total);
        assert_int_equal(limits->div, rows[i].div);
        assert_int_equal(limits->softmax, rows[i].softmax);
        assert_int_equal(limits->pool_inclusive_padding_only, rows[i].inclusive_only);
        assert_int_equal(limits->conv_kernel.max, 32);
        ep_machine_free(m);
    }
    m = load("orin-agx");
    assert_string_equal(m->dla_software, "trt-8.6");
    ep_machine_free(m);
    m = load("orin-nano-8gb");
    assert_null(m->dla_software);
    ep_machine_free(m);
}

static void test_wrong_software(void **state)
{
    (void)state;
    static const struct {
        const char *rest, *message; /* from behind the path */
    } cases[] = {
        {"dla_software: trt-9",
         ":2:15: dla_software: no limits for 'trt-9'; there are trt-8.6, trt-8.5, trt-8.4"},
        {"dla_software: [trt-8.6]",
         ":2:15: dla_software: no limits for a list of 1; there are trt-8.6, trt-8.5, trt-8.4"},
        {"dla: {limits: {trt-8.6: 5}}",
         ":2:25: dla.limits.trt-8.6: wants mapping (key: value), is '5'"},
        {"dla: {limits: {trt-8.6: {like: none}}}",
         ":2:32: dla.limits: like: no limits for 'none'; there are trt-8.6, trt-8.5, trt-8.4"},
        {"dla: {limits: {trt-8.6: {like: trt-8.5}}}", /* which is like trt-8.6 */
         ": dla.limits: like: a set refers to itself, or too far"},
        {"dla: {limits: {trt-8.6: {conv_kernal: [1, 2]}}}",
         ":2:26: dla.limits.conv_kernal: unknown key; did you mean 'conv_kernel'?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ep_machine *m;
        ep_error err;
        assert_int_equal(load_with("xavier-nx", cases[i].rest, &m, &err), EP_BAD_HARDWARE);
        assert_null(m);
        if (!strstr(err.text, cases[i].message)) fail_msg("%s", err.text);
    }
}

/* Every machine's file is in the list above. */
static void test_all_listed(void **state)
{
    (void)state;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        const size_t length = strlen(entry->d_name);
        if (length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0) n++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_int_equal(n, N_NAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_advertised_tops), cmocka_unit_test(test_bandwidth),
        cmocka_unit_test(test_claims),          cmocka_unit_test(test_h200),
        cmocka_unit_test(test_modes),           cmocka_unit_test(test_points),
        cmocka_unit_test(test_alias),           cmocka_unit_test(test_all_listed),
        cmocka_unit_test(test_dla_software),    cmocka_unit_test(test_wrong_software),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
