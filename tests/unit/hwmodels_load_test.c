/* The loader: what it accepts, and the exact line it answers to everything else. */
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

#define FOLDER EP_SOURCE_DIR "/hwmodels"

/* A small machine without a DLA. */
static const char small[] = /* line */
    "title: A machine\n"    /* 1 */
    "gpu:\n"
    "  source: unverified\n"
    "  arch: sm87\n"
    "  sms: 8\n" /* 5 */
    "  sms_per_tpc: 2\n"
    "  clock_mhz_max: 1000\n"
    "  l2_bytes: 2 MiB\n"
    "  shared_bytes_per_sm: 167936\n"
    "  registers_per_sm: 65536\n" /* 10 */
    "  threads_per_sm: 1536\n"
    "  blocks_per_sm: 16\n"
    "  fp32_fma: 128\n"
    "  fp16_fma: 256\n"
    "  tensor_tf32: 512\n" /* 15 */
    "  tensor_fp16: 1024\n"
    "  tensor_int8: 2.048e3\n"
    "  sfu: 16\n"
    "  fp32_accumulate_ratio: 0.5\n"
    "  sparse_speedup: 2\n" /* 20 */
    "  dram_bytes_per_sm_clock: 26\n"
    "  l2_bytes_per_sm_clock: 64\n"
    "  kernel_floor_us: 3\n"
    "  shared_bytes_per_clock: 128\n"
    "  l2_bytes_per_clock: 1024\n" /* 25 */
    "  l2_kept_share: 0.5\n"
    "  launch_cycles: 1000\n"
    "  kernels: {source: unverified, sustained_fp16: 0.9, sustained_tf32: 0.9, "
    "sustained_int8: 0.7, sustained_fp32: 0.8, shared_passes: 3, pipeline_stages: 3, "
    "step_cycles: 200, block_cycles: 3000, split_cycles: 3000, stream_cycles: 400, "
    "tap_cycles: 300, direct_output_slots: 30, direct_tap_slots: 3, window_setup_us: 0}\n"
    "dram: {source: unverified, type: LPDDR5, bytes: 8GiB, bus_bits: 128, clock_mhz_max: 2000,\n"
    "  transfers_per_clock: 2, efficiency: 0.9}\n" /* 30 */
    "cpu: {source: unverified, cores_name: A78, cores: 6, clock_mhz_max: 1500}\n"
    "rails:\n"
    "  - {source: measured, name: VDD_IN, idle_w: 4.5}\n"
    "  - {source: measured, name: VDD_SOC, idle_w: 1}\n"
    "energy:\n" /* 35 */
    "  source: >\n"
    "    unverified,\n"
    "    all of it\n"
    "  gpu_sm_cycle_nj: 1\n"
    "  gpu_mac_fp32_pj: 6\n" /* 40 */
    "  gpu_mac_fp16_pj: 0.6\n"
    "  gpu_mac_int8_pj: 0.25\n"
    "  gpu_l2_byte_pj: 8\n"
    "  dram_byte_pj: 50\n"
    "  gpu_voltage: [[500, 0.7], [1000, 1]]\n" /* 45 */
    "  gpu_rail: VDD_SOC\n"
    "  dram_rail: VDD_IN\n"
    "modes:\n"
    "  - source: nvpmodel\n"
    "    name: 15W\n" /* 50 */
    "    budget_w: 15\n"
    "    default: true\n"
    "    cpu_online: 6\n"
    "    cpu_mhz: 1500\n"
    "    gpu_tpcs: 4\n" /* 55 */
    "    gpu_mhz: 1000\n"
    "    dram_mhz: 2000\n"
    "  - source: nvpmodel\n"
    "    name: MODE_7W\n"
    "    budget_w: 7\n" /* 60 */
    "    cpu_online: 4\n"
    "    cpu_mhz: 900\n"
    "    gpu_tpcs: 2\n"
    "    gpu_mhz: 400\n"
    "    dram_mhz: 1000\n"; /* 63 */

static ep_status parse(const char *text, size_t size, ep_machine **machine, ep_error *err)
{
    *err = (ep_error){0};
    /* exactly as long as the text, so that a sanitizer sees a read past it */
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const ep_status status = ep_machine_parse(copy, size, "m.yaml", machine, err);
    free(copy);
    return status;
}

/* The text must be refused with exactly this line. */
static void refuse(const char *text, size_t size, const char *message)
{
    ep_machine *machine;
    ep_error err;
    assert_int_equal(parse(text, size, &machine, &err), EP_BAD_HARDWARE);
    assert_null(machine);
    assert_int_equal(err.status, EP_BAD_HARDWARE);
    assert_string_equal(err.text, message);
}

/* `text` with `old`, which is there once, replaced. The caller frees it. */
static char *replaced(const char *text, const char *old, const char *new)
{
    const char *at = strstr(text, old);
    assert_non_null(at);
    assert_null(strstr(at + 1, old));
    ep_text out = {0};
    ep_text_append(&out, text, (size_t)(at - text));
    ep_text_printf(&out, "%s%s", new, at + strlen(old));
    assert_false(out.failed);
    return out.data;
}

static void refuse_change(const char *old, const char *new, const char *message)
{
    char *text = replaced(small, old, new);
    refuse(text, strlen(text), message);
    free(text);
}

static ep_machine *accept(const char *text)
{
    ep_machine *machine;
    ep_error err;
    const ep_status status = parse(text, strlen(text), &machine, &err);
    if (status != EP_OK) fail_msg("%s", err.text);
    return machine;
}

static void test_small_machine(void **state)
{
    (void)state;
    ep_machine *m = accept(small);
    assert_string_equal(m->path, "m.yaml");
    assert_string_equal(m->name, "m");
    assert_string_equal(m->title, "A machine");
    assert_string_equal(m->gpu.arch, "sm87");
    assert_int_equal(m->gpu.sms, 8);
    assert_int_equal(m->gpu.l2_bytes, 2 << 20);
    assert_int_equal(m->gpu.shared_bytes_per_sm, 164 << 10);
    assert_true(m->gpu.tensor_int8 == 2048);
    assert_int_equal(m->dla.cores, 0);
    assert_null(m->dla.version);
    assert_true(m->dram.bytes == (uint64_t)8 << 30);
    assert_int_equal(m->n_rails, 2);
    assert_string_equal(m->rails[1].name, "VDD_SOC");
    assert_true(m->rails[0].idle_w == 4.5);
    assert_int_equal(m->energy.gpu_rail, 1);
    assert_int_equal(m->energy.dram_rail, 0);
    assert_int_equal(m->energy.gpu_voltage.n, 2);
    assert_true(m->energy.gpu_voltage.points[0].volt == 0.7);
    assert_int_equal(m->n_modes, 2);
    assert_true(m->modes[0].is_default);
    assert_false(m->modes[1].is_default);
    assert_int_equal(m->modes[1].dla_cores, 0);
    ep_machine_free(m);
    ep_machine_free(NULL);
}

static void test_no_dla_needs_nothing_of_it(void **state)
{
    (void)state;
    char *text = replaced(small, "dram: {", "dla: {cores: 0, atomic_c: 64}\ndram: {");
    ep_machine *m = accept(text);
    free(text);
    assert_int_equal(m->dla.cores, 0);
    assert_int_equal(m->dla.atomic_c, 0);
    ep_machine_free(m);

    refuse_change("dram: {", "dla: {cores: 2}\ndram: {",
                  "m.yaml:29:1: dla.source: missing; wants text");
    refuse_change("    gpu_tpcs: 4\n", "    gpu_tpcs: 4\n    dla_cores: 1\n    dla_mhz: 600\n",
                  "m.yaml:56:16: modes[0].dla_cores: allowed up to 0 (dla.cores), is 1");
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new, *message;
    } cases[] = {
        {"sms: 8", "sms: 0", "m.yaml:5:8: gpu.sms: allowed 1..256, is 0"},
        {"sms: 8", "sms: 257", "m.yaml:5:8: gpu.sms: allowed 1..256, is 257"},
        {"sms: 8", "sms: -8", "m.yaml:5:8: gpu.sms: allowed 1..256, is -8"},
        {"sms: 8", "sms: 99999999999999999999",
         "m.yaml:5:8: gpu.sms: allowed 1..256, is 99999999999999999999"},
        {"sms: 8", "sms: eight", "m.yaml:5:8: gpu.sms: wants integer 1..256, is 'eight'"},
        {"sms: 8", "sms: '8'", "m.yaml:5:8: gpu.sms: wants integer 1..256, is the text '8'"},
        {"sms: 8", "sms: 8.0", "m.yaml:5:8: gpu.sms: wants integer 1..256, is '8.0'"},
        {"sms: 8", "sms: 010", "m.yaml:5:8: gpu.sms: wants integer 1..256, is '010'"},
        {"sms: 8", "sms: 0x8", "m.yaml:5:8: gpu.sms: wants integer 1..256, is '0x8'"},
        {"sms: 8", "sms: 8 SMs", "m.yaml:5:8: gpu.sms: wants integer 1..256, is '8 SMs'"},
        {"sms: 8", "sms: ", "m.yaml:5:7: gpu.sms: wants integer 1..256, is empty"},
        {"sms: 8", "sms: [8]", "m.yaml:5:8: gpu.sms: wants integer 1..256, is a list of 1"},
        {"sms: 8", "sms: {a: 8}", "m.yaml:5:8: gpu.sms: wants integer 1..256, is a mapping"},
        {"sms: 8", "sms: 7", "m.yaml:5:8: gpu.sms: wants a multiple of gpu.sms_per_tpc (2), is 7"},
        {"clock_mhz_max: 1000", "clock_mhz_max: fast",
         "m.yaml:7:18: gpu.clock_mhz_max: wants number 1..20000, is 'fast'"},
        {"clock_mhz_max: 1000", "clock_mhz_max: nan",
         "m.yaml:7:18: gpu.clock_mhz_max: wants number 1..20000, is 'nan'"},
        {"clock_mhz_max: 1000", "clock_mhz_max: .inf",
         "m.yaml:7:18: gpu.clock_mhz_max: wants number 1..20000, is '.inf'"},
        {"clock_mhz_max: 1000", "clock_mhz_max: 1e999",
         "m.yaml:7:18: gpu.clock_mhz_max: allowed 1..20000, is 1e999"},
        {"clock_mhz_max: 1000", "clock_mhz_max: 1.",
         "m.yaml:7:18: gpu.clock_mhz_max: wants number 1..20000, is '1.'"},
        {"clock_mhz_max: 1000", "clock_mhz_max: 1e",
         "m.yaml:7:18: gpu.clock_mhz_max: wants number 1..20000, is '1e'"},
        {"ratio: 0.5", "ratio: 1.5",
         "m.yaml:19:26: gpu.fp32_accumulate_ratio: allowed 0.01..1, is 1.5"},
        {"2 MiB", "2 MB", "m.yaml:8:13: gpu.l2_bytes: wants bytes 1 KiB..1 GiB, is '2 MB'"},
        {"2 MiB", "2.5 MiB", "m.yaml:8:13: gpu.l2_bytes: wants bytes 1 KiB..1 GiB, is '2.5 MiB'"},
        {"2 MiB", "2 GiB", "m.yaml:8:13: gpu.l2_bytes: allowed 1 KiB..1 GiB, is 2 GiB"},
        {"2 MiB", "99999999999999999999 GiB",
         "m.yaml:8:13: gpu.l2_bytes: allowed 1 KiB..1 GiB, is 99999999999999999999 GiB"},
        {"default: true", "default: yes",
         "m.yaml:52:14: modes[0].default: wants true or false, is 'yes'"},
        {"default: true", "default: 'true'",
         "m.yaml:52:14: modes[0].default: wants true or false, is the text 'true'"},
        {"arch: sm87",
         "arch: ", "m.yaml:4:8: gpu.arch: wants text of one line 1..64 bytes, is empty"},
        {"arch: sm87", "arch: \"a\\nb\"",
         "m.yaml:4:9: gpu.arch: wants text of one line 1..64 bytes, is the text 'a?b'"},
        {"arch: sm87", "arch: \"a\\0b\"", "m.yaml:4:9: a zero byte in a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse_change(cases[i].old, cases[i].new, cases[i].message);
    }
}

static void test_keys(void **state)
{
    (void)state;
    refuse_change("  sms: 8\n", "  sm: 8\n",
                  "m.yaml:5:3: gpu.sm: unknown key; did you mean 'sms'?");
    refuse_change("  clock_mhz_max: 1000\n", "  clock_mhz: 1000\n",
                  "m.yaml:7:3: gpu.clock_mhz: unknown key; did you mean 'clock_mhz_max'?");
    refuse_change("title:", "tittle:", "m.yaml:1:1: tittle: unknown key; did you mean 'title'?");
    refuse_change(
        "cores_name: A78", "colour: red, cores_name: A78",
        "m.yaml:31:27: cpu.colour: unknown key; allowed: source, note, cores_name, cores, "
        "clock_mhz_max");
    refuse_change("  sms: 8\n", "", "m.yaml:2:1: gpu.sms: missing; wants integer 1..256");
    refuse_change("title: A machine\n", "",
                  "m.yaml:1:1: title: missing; wants text of one line 1..64 bytes");
    refuse_change("measured, name: VDD_IN", "name: VDD_IN",
                  "m.yaml:33:18: not YAML: did not find expected ',' or '}'");
    refuse_change("{source: measured, name: VDD_IN", "{name: VDD_IN",
                  "m.yaml:33:5: rails[0].source: missing; wants text");
    refuse_change("  source: unverified\n", "  source: \n",
                  "m.yaml:3:10: gpu.source: wants text, is empty");
    refuse_change("  sms: 8\n", "  sms: 8\n  arch: sm90\n",
                  "m.yaml:6:3: gpu.arch: given twice, first in line 4");
    refuse_change("  sms: 8\n", "  sms: 8\n  [a]: sm90\n",
                  "m.yaml:6:3: a key must be a plain word");
}

static void test_blocks(void **state)
{
    (void)state;
    refuse_change("cpu: {source: unverified, cores_name: A78, cores: 6, clock_mhz_max: 1500}",
                  "cpu: [6]", "m.yaml:31:6: cpu: wants mapping (key: value), is a list of 1");
    refuse_change("cpu: {source: unverified, cores_name: A78, cores: 6, clock_mhz_max: 1500}",
                  "cpu: 6", "m.yaml:31:6: cpu: wants mapping (key: value), is '6'");
    refuse_change("  - {source: measured, name: VDD_IN, idle_w: 4.5}\n"
                  "  - {source: measured, name: VDD_SOC, idle_w: 1}\n",
                  "  {source: measured, name: VDD_IN, idle_w: 4.5}\n",
                  "m.yaml:33:3: rails: wants list 1..16 items, is a mapping");
    refuse_change("rails:\n"
                  "  - {source: measured, name: VDD_IN, idle_w: 4.5}\n"
                  "  - {source: measured, name: VDD_SOC, idle_w: 1}\n",
                  "rails: []\n", "m.yaml:32:8: rails: wants list 1..16 items, is a list of 0");
    refuse("- a\n", 4, "m.yaml:1:1: wants mapping (key: value), is a list of 1");
    refuse("hello\n", 6, "m.yaml:1:1: wants mapping (key: value), is 'hello'");
    refuse("---\n", 4, "m.yaml:2:1: wants mapping (key: value), is empty");
    refuse("{}", 2, "m.yaml:1:1: title: missing; wants text of one line 1..64 bytes");
}

static void test_cross_checks(void **state)
{
    (void)state;
    static const struct {
        const char *old, *new, *message;
    } cases[] = {
        {"gpu_tpcs: 4", "gpu_tpcs: 5",
         "m.yaml:55:15: modes[0].gpu_tpcs: allowed up to 4 (gpu.sms / gpu.sms_per_tpc), is 5"},
        {"cpu_online: 6", "cpu_online: 8",
         "m.yaml:53:17: modes[0].cpu_online: allowed up to 6 (cpu.cores), is 8"},
        {"cpu_mhz: 900", "cpu_mhz: 1500.1",
         "m.yaml:62:14: modes[1].cpu_mhz: allowed up to 1500 (cpu.clock_mhz_max), is 1500.1"},
        {"gpu_mhz: 400", "gpu_mhz: 1001",
         "m.yaml:64:14: modes[1].gpu_mhz: allowed up to 1000 (gpu.clock_mhz_max), is 1001"},
        {"dram_mhz: 1000", "dram_mhz: 3199",
         "m.yaml:65:15: modes[1].dram_mhz: allowed up to 2000 (dram.clock_mhz_max), is 3199"},
        {"MODE_7W", "mode_15w",
         "m.yaml:59:11: modes[1].name: mode 'mode_15w' is there already, at m.yaml:50:11"},
        {"budget_w: 7\n", "budget_w: 7\n    default: true\n",
         "m.yaml:61:14: modes[1].default: one mode is the default; '15W' is already"},
        {"default: true", "default: false",
         "m.yaml:49:3: modes: no default mode; give one of them 'default: true'"},
        {"name: VDD_SOC", "name: VDD_IN",
         "m.yaml:46:13: energy.gpu_rail: no rail 'VDD_SOC'; rails has VDD_IN, VDD_IN"},
        {"idle_w: 1}", "idle_w: 1}\n  - {source: measured, name: VDD_IN, idle_w: 1}",
         "m.yaml:35:30: rails[2].name: rail 'VDD_IN' is there already, at m.yaml:33:30"},
        {"[[500, 0.7], [1000, 1]]", "[[1000, 0.7], [500, 1]]",
         "m.yaml:45:30: energy.gpu_voltage[1]: clocks must ascend and volts not fall: [500, 1] "
         "follows [1000, 0.7]"},
        {"[1000, 1]]", "[1000, 0.6]]",
         "m.yaml:45:29: energy.gpu_voltage[1]: clocks must ascend and volts not fall: [1000, 0.6] "
         "follows [500, 0.7]"},
        {"[1000, 1]]", "[1000, 12]]", "m.yaml:45:36: energy.gpu_voltage[1]: allowed 0.2..2, is 12"},
        {"[1000, 1]]", "[1000]]",
         "m.yaml:45:29: energy.gpu_voltage[1]: wants list of [MHz, volt] 0.2..2 V, is a list of 1"},
        {"[[500, 0.7], [1000, 1]]", "[]",
         "m.yaml:45:16: energy.gpu_voltage: wants list of [MHz, volt] 0.2..2 V, is a list of 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse_change(cases[i].old, cases[i].new, cases[i].message);
    }
    static const char heir[] = "inherit: [orin-agx]\n";
    refuse(heir, sizeof heir - 1,
           "m.yaml:1:11: inherit: 'orin-agx': no such file; looked in memory");
}

static void test_not_yaml(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        size_t size;
    } cases[] = {
#define TEXT(text, message) {text, message, sizeof text - 1}
        TEXT("", "m.yaml:1:1: empty: no hardware model"),
        TEXT("# nothing\n", "m.yaml:2:1: empty: no hardware model"),
        TEXT("gpu:\n\tsms: 8\n", "m.yaml:2:1: not YAML: a tab in the indentation; use spaces"),
        TEXT("gpu: {sms: 8\n", "m.yaml:2:1: not YAML: did not find expected ',' or '}'"),
        TEXT("a: b: c\n", "m.yaml:1:5: not YAML: mapping values are not allowed in this context"),
        TEXT("title: x\n---\ntitle: y\n", "m.yaml:2:1: a second document; a hardware model is one"),
        TEXT("title: &a x\n", "m.yaml:1:8: anchors (&) are not allowed; write the value out"),
        TEXT("a: *b\n", "m.yaml:1:4: aliases (*) are not allowed; write the value out"),
        TEXT("a: !!int 5\n", "m.yaml:1:4: tags (!) are not allowed"),
        TEXT("a: [[[[[[[[[[1]]]]]]]]]]\n", "m.yaml:1:12: nested too deeply for a hardware model"),
        TEXT("a: x\nb: \xff\n", "m.yaml:2:4: not UTF-8 text: invalid leading UTF-8 octet"),
        TEXT("\xc3\xa9: \xc3", "m.yaml:1:4: not UTF-8 text: incomplete UTF-8 octet sequence"),
        TEXT("a: \x01", "m.yaml:1:4: not UTF-8 text: control characters are not allowed"),
        TEXT("t\0i\0t\0l\0e\0", "m.yaml:1:2: not UTF-8 text: control characters are not allowed"),
#undef TEXT
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse(cases[i].text, cases[i].size, cases[i].message);
    }
}

static void test_bombs(void **state)
{
    (void)state;
    const size_t size = ((size_t)1 << 20) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    memset(text, ' ', size);
    refuse(text, size, "m.yaml: 1048577 bytes; a hardware model has at most 1048576");
    for (size_t i = 0; i < size; i++) text[i] = i % 2 ? 'a' : ',';
    text[0] = '[';
    refuse(text, size - 1, "m.yaml:1:40000: too many values for a hardware model");
    memset(text, '[', size);
    refuse(text, size - 1, "m.yaml:1:10: nested too deeply for a hardware model");
    free(text);
}

/* ---- files --------------------------------------------------------------------------------- */

static ep_machine *load(const char *name, const char *search_path, const char *installed)
{
    ep_machine *machine;
    ep_error err = {0};
    const ep_machine_options options = {.search_path = search_path, .installed = installed};
    if (ep_machine_load(name, &options, &machine, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return machine;
}

static void test_lookup(void **state)
{
    (void)state;
    static const struct {
        const char *name, *search_path, *installed;
    } found[] = {
        {"orin-agx", NULL, FOLDER},
        {"orin-agx.yaml", NULL, FOLDER},
        {"orin-agx", FOLDER, NULL},
        {"orin-agx", ":/nowhere::" FOLDER ":", "/nowhere/too"},
        {FOLDER "/orin-agx.yaml", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        ep_machine *m = load(found[i].name, found[i].search_path, found[i].installed);
        assert_string_equal(m->name, "orin-agx");
        assert_string_equal(m->path, FOLDER "/orin-agx.yaml");
        ep_machine_free(m);
    }
}

static void test_not_found(void **state)
{
    (void)state;
    static const struct {
        const char *name, *search_path, *installed, *message;
    } cases[] = {
        {"toaster", "/a:/b", "/usr/c",
         "hardware model 'toaster': looked in /a, /b, /usr/c; give a path with a slash (./toaster) "
         "or set PLAN_HW_PATH"},
        {"toaster", NULL, NULL,
         "hardware model 'toaster': looked in no folder; give a path with a slash (./toaster) or "
         "set PLAN_HW_PATH"},
        {"orin-agy", FOLDER, NULL,
         "hardware model 'orin-agy': looked in " FOLDER "; did you mean orin-agx? give a path with "
         "a slash (./orin-agy) or set PLAN_HW_PATH"},
        {"xavier", FOLDER, NULL,
         "hardware model 'xavier': looked in " FOLDER "; did you mean xavier-agx, xavier-nx? give "
         "a path with a slash (./xavier) or set PLAN_HW_PATH"},
        {"", NULL, NULL, "hardware model: the name is empty"},
        {"..", FOLDER, NULL,
         "hardware model '..': looked in " FOLDER "; give a path with a slash (./..) or set "
         "PLAN_HW_PATH"},
        {"/nowhere/a.yaml", FOLDER, NULL, "/nowhere/a.yaml: No such file or directory"},
        {FOLDER "/", NULL, NULL, FOLDER "/: not a regular file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ep_machine *machine;
        ep_error err = {0};
        const ep_machine_options options = {.search_path = cases[i].search_path,
                                            .installed = cases[i].installed};
        assert_int_equal(ep_machine_load(cases[i].name, &options, &machine, &err), EP_BAD_FILE);
        assert_null(machine);
        assert_string_equal(err.text, cases[i].message);
    }
}

static void test_modes(void **state)
{
    (void)state;
    ep_machine *m = load("orin-agx", NULL, FOLDER);
    const ep_mode *mode;
    ep_error err = {0};
    static const char *const names[] = {"15W", "15w", "MODE_15W", "mode_15w"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(ep_machine_mode(m, names[i], &mode, &err), EP_OK);
        assert_string_equal(mode->name, "15W");
    }
    assert_int_equal(ep_machine_mode(m, NULL, &mode, &err), EP_OK);
    assert_string_equal(mode->name, "30W");
    assert_int_equal(ep_machine_mode(m, "20W", &mode, &err), EP_BAD_USAGE);
    assert_string_equal(err.text, "mode '20W': orin-agx has MAXN, 50W, 30W, 15W");
    assert_int_equal(ep_machine_mode(m, "", &mode, &err), EP_BAD_USAGE);
    ep_machine_free(m);
}

/* A text cut off anywhere before its second mode is refused; nothing leaks. */
static void test_truncated(void **state)
{
    (void)state;
    ep_error err = {0};
    for (size_t size = 0; size + 200 < sizeof small; size += 7) {
        ep_machine *machine;
        assert_int_equal(parse(small, size, &machine, &err), EP_BAD_HARDWARE);
        assert_null(machine);
    }
}

static void test_schema_text(void **state)
{
    (void)state;
    ep_text text = {0};
    ep_machine_schema(&text);
    assert_false(text.failed);
    const char *schema = ep_text_cstr(&text);
    assert_non_null(strstr(schema, "\ngpu.sms  integer 1..256  streaming multiprocessors\n"));
    assert_non_null(strstr(schema, "\ndla.limits.conv_kernel  [min, max] 1.."));
    assert_non_null(strstr(schema, "\nmodes[].default  true or false, optional  "));
    assert_non_null(strstr(schema, "\ndram.bytes  bytes 1 MiB..4096 GiB  capacity\n"));
    ep_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_machine), cmocka_unit_test(test_no_dla_needs_nothing_of_it),
        cmocka_unit_test(test_values),        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_blocks),        cmocka_unit_test(test_cross_checks),
        cmocka_unit_test(test_not_yaml),      cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_lookup),        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_modes),         cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_schema_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
