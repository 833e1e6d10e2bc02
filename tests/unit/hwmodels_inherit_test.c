/* Inheritance: which file's value holds, and the places that errors name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

static const char base[] =
    "title: Base\n"
    "gpu: {source: unverified, arch: sm87, sms: 8, sms_per_tpc: 2,\n"
    "  clock_mhz_max: 1000, l2_bytes: 2 MiB, shared_bytes_per_sm: 164 KiB,\n"
    "  registers_per_sm: 65536, threads_per_sm: 1536, blocks_per_sm: 16,\n"
    "  fp32_fma: 128, fp16_fma: 256, tensor_tf32: 512, tensor_fp16: 1024,\n"
    "  tensor_int8: 2048, sfu: 16, fp32_accumulate_ratio: 0.5,\n"
    "  sparse_speedup: 2, dram_bytes_per_sm_clock: 26,\n"
    "  l2_bytes_per_sm_clock: 64, kernel_floor_us: 3,\n"
    "  shared_bytes_per_clock: 128, "
    "l2_bytes_per_clock: 1024, l2_kept_share: 0.5, launch_cycles: 1000, kernels: {source: x, "
    "  sustained_fp16: 0.9, sustained_tf32: 0.9, sustained_int8: 0.7, sustained_fp32: 0.8, "
    "  shared_passes: 3, pipeline_stages: 3, step_cycles: 200, block_cycles: 3000, "
    "  split_cycles: 3000, stream_cycles: 400, tap_cycles: 300, direct_output_slots: 30, "
    "  direct_tap_slots: 3, window_setup_us: 0}}\n"
    "dram: {source: unverified, type: LPDDR5, bytes: 8 GiB, bus_bits: 128,\n"
    "  clock_mhz_max: 2000, transfers_per_clock: 2, efficiency: 0.9}\n"
    "cpu: {source: unverified, cores_name: A, cores: 6, clock_mhz_max: 1500}\n"
    "rails: [{source: unverified, name: IN, idle_w: 4}]\n"
    "energy: {source: unverified, gpu_sm_cycle_nj: 1, gpu_mac_fp32_pj: 6,\n"
    "  gpu_mac_fp16_pj: 1, gpu_mac_int8_pj: 1, gpu_l2_byte_pj: 8,\n"
    "  dram_byte_pj: 50, gpu_voltage: [[500, 0.7], [1000, 1]],\n"
    "  gpu_rail: IN, dram_rail: IN}\n"
    "modes: [{source: unverified, name: 15W, budget_w: 15, default: true,\n"
    "  cpu_online: 6, cpu_mhz: 1500, gpu_tpcs: 4, gpu_mhz: 900,\n"
    "  dram_mhz: 2000}]\n";

static char folder[64];
static const ep_machine_options options = {.search_path = folder};

/* FOLDER/NAME; the caller's until the next call but three. */
static const char *path_of(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof *paths, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/ep_inherit_XXXXXX");
    if (!mkdtemp(folder) || mkdir(path_of("sub"), 0700) != 0) return -1;
    put("base.yaml", base);
    return 0;
}

static const char *const files[] = {"base.yaml", "a.yaml", "b.yaml", "c.yaml", "sub/p.yaml"};

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) (void)unlink(path_of(files[i]));
    for (unsigned i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "c%u.yaml", i);
        (void)unlink(path_of(name));
    }
    (void)rmdir(path_of("sub"));
    return rmdir(folder);
}

static ep_machine *load(const char *name)
{
    ep_machine *machine;
    ep_error err = {0};
    if (ep_machine_load(path_of(name), &options, &machine, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return machine;
}

/* Loading must fail with this line, in which every % stands for the folder. */
static void refuse(const char *name, const char *message)
{
    ep_text expected = {0};
    for (; *message; message++) {
        if (*message == '%') {
            ep_text_printf(&expected, "%s", folder);
        } else {
            ep_text_append(&expected, message, 1);
        }
    }
    ep_machine *machine;
    ep_error err = {0};
    assert_int_equal(ep_machine_load(path_of(name), &options, &machine, &err), EP_BAD_HARDWARE);
    assert_null(machine);
    assert_string_equal(err.text, ep_text_cstr(&expected));
    ep_text_free(&expected);
}

static void test_alias(void **state)
{
    (void)state;
    put("a.yaml", "inherit: [base.yaml]\n");
    ep_machine *m = load("a.yaml");
    assert_string_equal(m->name, "a");
    assert_string_equal(m->title, "Base");
    assert_int_equal(m->gpu.sms, 8);
    ep_machine_free(m);
}

static void test_order(void **state)
{
    (void)state;
    put("b.yaml", "gpu: {sms: 4, fp32_fma: 64}\ndram: {efficiency: 0.5}\n");
    put("c.yaml", "gpu: {sms: 6, sfu: 4}\nrails: [{source: x, name: IN, idle_w: 9}]\n");
    put("a.yaml", "title: A\ninherit: [base, b.yaml, c]\ngpu: {sfu: 8}\n"
                  "modes:\n  - {source: x, name: 7W, budget_w: 7, default: true, cpu_online: 1,\n"
                  "     cpu_mhz: 100, gpu_tpcs: 1, gpu_mhz: 300, dram_mhz: 1000}\n");
    ep_machine *m = load("a.yaml");
    assert_string_equal(m->title, "A");
    assert_int_equal(m->gpu.sms, 6);         /* the later parent */
    assert_true(m->gpu.fp32_fma == 64);      /* the only parent beside the base */
    assert_true(m->gpu.sfu == 8);            /* the file itself */
    assert_true(m->gpu.tensor_fp16 == 1024); /* the base */
    assert_true(m->dram.efficiency == 0.5);
    assert_int_equal(m->n_rails, 1);
    assert_true(m->rails[0].idle_w == 9);
    assert_int_equal(m->n_modes, 1); /* lists replace */
    assert_string_equal(m->modes[0].name, "7W");
    ep_machine_free(m);
}

/* A parent's own parents: relative to it first, then in the search folders. */
static void test_folders(void **state)
{
    (void)state;
    put("b.yaml", "gpu: {fp32_fma: 64}\n");
    put("sub/p.yaml", "inherit: [../base.yaml, b.yaml]\n");
    put("a.yaml", "inherit: [sub/p.yaml]\n");
    ep_machine *m = load("a.yaml");
    assert_true(m->gpu.fp32_fma == 64);
    ep_machine_free(m);
    char text[160];
    (void)snprintf(text, sizeof text, "inherit: [%s]\n", path_of("base.yaml"));
    put("a.yaml", text);
    ep_machine_free(load("a.yaml"));
}

/* Of a value: its own file, line and column, whoever inherits it. */
static void test_places(void **state)
{
    (void)state;
    put("a.yaml", "inherit: [base.yaml, b.yaml]\n");
    put("b.yaml", "gpu:\n  sms: 999\n");
    refuse("a.yaml", "%/b.yaml:2:8: gpu.sms: allowed 1..256, is 999");
    put("b.yaml", "gpu:\n  smx: 9\n");
    refuse("a.yaml", "%/b.yaml:2:3: gpu.smx: unknown key; did you mean 'sms'?");
    put("b.yaml", "gpu:\n  sms: 7\n");
    refuse("a.yaml", "%/b.yaml:2:8: gpu.sms: wants a multiple of gpu.sms_per_tpc (2), is 7");
    put("b.yaml", "gpu:\n  sms: 4\n");
    refuse("a.yaml", "%/base.yaml:19:43: modes[0].gpu_tpcs: allowed up to 2 (gpu.sms / "
                     "gpu.sms_per_tpc), is 4");
    put("b.yaml", "gpu:\n  sms: 4\n  sms: 6\n");
    refuse("a.yaml", "%/b.yaml:3:3: gpu.sms: given twice, first in line 2");
    put("b.yaml", "gpu:\n\tsms: 4\n");
    refuse("a.yaml", "%/b.yaml:2:1: not YAML: a tab in the indentation; use spaces");
    put("b.yaml", "- a list\n");
    refuse("a.yaml", "%/b.yaml:1:1: wants mapping (key: value), is a list of 1");
    put("b.yaml", "gpu: 5\n");
    refuse("a.yaml", "%/b.yaml:1:6: gpu: wants mapping (key: value), is '5'");
    put("a.yaml", "inherit: [b.yaml]\ntitle: A\n");
    put("b.yaml", "gpu: {}\n");
    refuse("a.yaml", "%/b.yaml:1:1: gpu.source: missing; wants text");
    put("b.yaml", "note: nothing\n");
    refuse("a.yaml", "%/a.yaml:1:1: gpu: missing; wants mapping");
}

static void test_missing(void **state)
{
    (void)state;
    put("a.yaml", "title: A\ninherit: [nowhere.yaml]\n");
    refuse("a.yaml", "%/a.yaml:2:11: inherit: 'nowhere.yaml': no such file; looked in %, %");
    put("a.yaml", "inherit: [base, sub/p.yaml]\n");
    put("sub/p.yaml", "inherit:\n  - nowhere\n");
    refuse("a.yaml", "%/sub/p.yaml:2:5: inherit: 'nowhere': no such file; looked in %/sub, %; this "
                     "file is inherited at %/a.yaml:1:17");
    put("a.yaml", "inherit: [/nowhere.yaml]\n");
    refuse("a.yaml", "%/a.yaml:1:11: inherit: '/nowhere.yaml': no such file");
}

static void test_cycles(void **state)
{
    (void)state;
    put("a.yaml", "inherit: [./a.yaml]\n");
    refuse("a.yaml", "%/a.yaml:1:11: inherit: './a.yaml': a cycle, which begins at %/a.yaml:1:11");
    put("a.yaml", "inherit: [b.yaml]\n");
    put("b.yaml", "inherit: [base, c]\n");
    put("c.yaml", "inherit: [sub/../b.yaml]\n");
    refuse("a.yaml", "%/c.yaml:1:11: inherit: 'sub/../b.yaml': a cycle, which begins at "
                     "%/b.yaml:1:17; this file is inherited at %/b.yaml:1:17");
}

static void test_same_parent_twice(void **state)
{
    (void)state;
    put("b.yaml", "inherit: [base]\ngpu: {sms: 4}\n");
    put("c.yaml", "inherit: [base]\n");
    put("a.yaml", "inherit: [c, b]\nmodes: [{source: x, name: 7W, budget_w: 7, default: true,\n"
                  "  cpu_online: 1, cpu_mhz: 100, gpu_tpcs: 1, gpu_mhz: 300, dram_mhz: 1000}]\n");
    ep_machine *m = load("a.yaml"); /* no cycle */
    assert_int_equal(m->gpu.sms, 4);
    ep_machine_free(m);
}

static void test_bounds(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        char name[16], text[32];
        (void)snprintf(name, sizeof name, "c%u.yaml", i);
        (void)snprintf(text, sizeof text, i < 9 ? "inherit: [c%u]\n" : "inherit: [base]\n", i + 1);
        put(name, text);
    }
    ep_machine_free(load("c2.yaml")); /* base.yaml is the 8th above it */
    refuse("c1.yaml", "%/c9.yaml:1:11: inherit: 'base': more than 8 files deep; this file is "
                      "inherited at %/c8.yaml:1:11");
    /* seven files that each name the next ten times are 10^7 */
    for (unsigned i = 1; i < 8; i++) {
        char name[16], text[128], item[16];
        (void)snprintf(name, sizeof name, "c%u.yaml", i);
        (void)snprintf(text, sizeof text, "inherit: [c%u", i + 1);
        (void)snprintf(item, sizeof item, ", c%u", i + 1);
        for (unsigned k = 0; k < 9; k++) strcat(text, item);
        strcat(text, "]\n");
        put(name, text);
    }
    put("c8.yaml", "title: x\n");
    ep_machine *machine;
    ep_error err = {0};
    assert_int_equal(ep_machine_load(path_of("c1.yaml"), &options, &machine, &err),
                     EP_BAD_HARDWARE);
    assert_non_null(strstr(err.text, "more than 64 files in all"));
}

static void test_wrong_kinds(void **state)
{
    (void)state;
    put("a.yaml", "inherit: base.yaml\n");
    refuse("a.yaml", "%/a.yaml:1:10: inherit: wants list of file names, is 'base.yaml'");
    put("a.yaml", "inherit: [base, [base]]\n");
    refuse("a.yaml", "%/a.yaml:1:17: inherit: wants list of file names, is a list of 1");
    put("a.yaml", "inherit: [base, '']\n");
    refuse("a.yaml", "%/a.yaml:1:17: inherit: wants list of file names, is the text ''");
    put("a.yaml", "inherit: {a: base}\n");
    refuse("a.yaml", "%/a.yaml:1:10: inherit: wants list of file names, is a mapping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alias),       cmocka_unit_test(test_order),
        cmocka_unit_test(test_folders),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_missing),     cmocka_unit_test(test_cycles),
        cmocka_unit_test(test_bounds),      cmocka_unit_test(test_same_parent_twice),
        cmocka_unit_test(test_wrong_kinds),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
