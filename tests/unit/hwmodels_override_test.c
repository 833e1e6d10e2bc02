/* What is set from outside, and mode files: what they change, and the line they answer to errors.
 */
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

/* 4 TPCs of 2 SMs, 2 DLA cores, 64 GB/s; MAXN and, the default, 15W. */
static const char model[] = /* line */
    "title: A machine\n"    /* 1 */
    "gpu: {source: x, arch: sm87, sms: 8, sms_per_tpc: 2, clock_mhz_max: 1000, l2_bytes: 2 MiB,\n"
    "  shared_bytes_per_sm: 164 KiB, registers_per_sm: 65536, threads_per_sm: 1536,\n"
    "  blocks_per_sm: 16, fp32_fma: 128, fp16_fma: 256, tensor_tf32: 512, tensor_fp16: 1024,\n"
    "  tensor_int8: 2048, sfu: 16, fp32_accumulate_ratio: 0.5, sparse_speedup: 2,\n" /* 5 */
    "  dram_bytes_per_sm_clock: 26, l2_bytes_per_sm_clock: 64, shared_bytes_per_clock: 128,\n"
    "  l2_bytes_per_clock: 1024, l2_kept_share: 0.5, launch_cycles: 1000, kernels: {source: x, "
    "  sustained_fp16: 0.9, sustained_tf32: 0.9, sustained_int8: 0.7, sustained_fp32: 0.8, "
    "  shared_passes: 3, pipeline_stages: 3, step_cycles: 200, block_cycles: 3000, "
    "  split_cycles: 3000, stream_cycles: 400, tap_cycles: 300, direct_output_slots: 30, "
    "  direct_tap_slots: 3, window_setup_us: 0}, kernel_floor_us: 3}\n"
    "dla: {cores: 2, source: x, version: v2, clock_mhz_max: 800, int8_macs: 8192, fp16_macs: 256,\n"
    "  pipes: 2, atomic_c: 64, atomic_k: 64, fp16_atomic_c: 16, fp16_atomic_k: 16,\n"
    "  sparse_speedup: 2, cbuf_banks: 16, cbuf_bank_bytes: 32 KiB, sram_bytes: 1 MiB,\n" /* 10 */
    "  pointwise_elements: 32, dram_gbps: 30, overlap: 0.3, layer_gap_us: 0.7, submit_us: 100,\n"
    "  limits: {old: {source: x, batch_max: 4096, dim_max: 8192, loadables_per_core: 4,\n"
    "  loadables_total: 8, conv_kernel: [1, 32], conv_padding: [0, 31], conv_stride: [1, 8],\n"
    "  conv_dilation: [1, 32], conv_groups: [1, 8192], conv_channels: [1, 8192],\n"
    "  deconv_kernel: [1, 32], deconv_stride: [1, 32], deconv_channels: [1, 8192],\n" /* 15 */
    "  deconv_padding_max: 0, deconv_groups_max: 1, deconv_dilation_max: 1, pool_window: [1, 8],\n"
    "  pool_padding: [0, 7], pool_stride: [1, 16], clip_max: [1, 127], softmax: true,\n"
    "  resize_nearest_scale: [1, 32], resize_linear_scale: [1, 4], softmax_axis_max: 1024,\n"
    "  softmax_axis_max_single: 8192, slice_int8: false, reduce_max: false, div: false,\n"
    "  pow: false, comparison: false, trigonometric: false, sram_bytes_default: 1 MiB,\n" /* 20 */
    "  local_dram_bytes: 1 GiB, global_dram_bytes: 512 MiB},\n"
    "  new: {like: old, loadables_per_core: 16, loadables_total: 32}}}\n"
    "dla_software: old\n"
    "dram: {source: x, type: LPDDR5, bytes: 8 GiB, bus_bits: 128, clock_mhz_max: 2000,\n"
    "  transfers_per_clock: 2, efficiency: 0.9}\n" /* 25 */
    "cpu: {source: x, cores_name: A78, cores: 6, clock_mhz_max: 1500}\n"
    "rails:\n"
    "  - {source: x, name: VDD_IN, idle_w: 4.5}\n"
    "  - {source: x, name: VDD_SOC, idle_w: 1}\n"
    "energy: {source: x, gpu_sm_cycle_nj: 1, gpu_mac_fp32_pj: 6, gpu_mac_fp16_pj: 0.6,\n" /* 30 */
    "  gpu_mac_int8_pj: 0.25, gpu_l2_byte_pj: 8, dla_cycle_nj: 0.7, dla_mac_fp16_pj: 0.6,\n"
    "  dla_mac_int8_pj: 0.18, dla_sram_byte_pj: 2, dram_byte_pj: 50, gpu_rail: VDD_SOC,\n"
    "  dla_rail: VDD_SOC, dram_rail: VDD_IN, gpu_voltage: [[500, 0.7], [1000, 1]],\n"
    "  dla_voltage: [[400, 0.8], [800, 1]]}\n"
    "modes:\n" /* 35 */
    "  - {source: x, name: MAXN, budget_w: 0, cpu_online: 6, cpu_mhz: 1500, gpu_tpcs: 4,\n"
    "     gpu_mhz: 1000, dla_cores: 2, dla_mhz: 800, dram_mhz: 2000}\n"
    "  - {source: x, name: MODE_15W, budget_w: 15, cpu_online: 4, cpu_mhz: 900, gpu_tpcs: 2,\n"
    "     gpu_mhz: 500, dla_cores: 1, dla_mhz: 400, dram_mhz: 1000, default: true}\n";

/* A mode of a mode file; a name is to be filled in, and further keys. */
#define MODE(name, more)                                                                           \
    "  - {source: x, name: " name ", budget_w: 9, cpu_online: 2, cpu_mhz: 700, gpu_tpcs: 1,\n"     \
    "     gpu_mhz: 300, dla_cores: 0, dla_mhz: 0, dram_mhz: 800" more "}\n"

enum { MAX_SETS = 8 };
typedef const char *sets[MAX_SETS]; /* as many as are not NULL */

static ep_status load(const char *text, const char *mode_file, const sets given, ep_machine **out,
                      ep_error *err)
{
    const ep_machine_text texts[] = {{"m.yaml", text, strlen(text)},
                                     {"my.yaml", mode_file, mode_file ? strlen(mode_file) : 0}};
    ep_machine_options options = {.sets = given, .mode_file = mode_file ? "my.yaml" : NULL};
    while (options.n_sets < MAX_SETS && given[options.n_sets]) options.n_sets++;
    *err = (ep_error){0};
    return ep_machine_parse_texts(texts, mode_file ? 2 : 1, &options, out, err);
}

static ep_machine *accept(const char *mode_file, const sets given)
{
    ep_machine *machine;
    ep_error err;
    if (load(model, mode_file, given, &machine, &err) != EP_OK) fail_msg("%s", err.text);
    return machine;
}

static void refuse(const char *mode_file, const sets given, ep_status expected, const char *message)
{
    ep_machine *machine;
    ep_error err;
    const ep_status status = load(model, mode_file, given, &machine, &err);
    assert_null(machine);
    assert_string_equal(err.text, message);
    assert_int_equal(status, expected);
    assert_int_equal(err.status, expected);
}

static const ep_mode *mode_of(const ep_machine *machine, const char *name)
{
    const ep_mode *mode;
    ep_error err = {0};
    if (ep_machine_mode(machine, name, &mode, &err) != EP_OK) fail_msg("%s", err.text);
    return mode;
}

static void assert_near(double actual, double expected)
{
    if (fabs(actual - expected) > 1e-9 * expected) fail_msg("%.12g is not %.12g", actual, expected);
}

/* ---- keys of the schema -------------------------------------------------------------------- */

static void test_schema_keys(void **state)
{
    (void)state;
    ep_machine *m = accept(NULL, (sets){"gpu.sms=10", "dram.bytes=64 GiB", "title='Any: other'",
                                        "energy.gpu_voltage=[[100, 0.5], [200, 1]]"});
    assert_int_equal(m->gpu.sms, 10);
    assert_true(m->dram.bytes == (uint64_t)64 << 30);
    assert_string_equal(m->title, "Any: other");
    assert_int_equal(m->energy.gpu_voltage.n, 2);
    assert_true(m->energy.gpu_voltage.points[0].clock_mhz == 100);
    assert_string_equal(m->overrides, "gpu.sms=10, dram.bytes=64 GiB, title='Any: other', "
                                      "energy.gpu_voltage=[[100, 0.5], [200, 1]]");
    assert_int_equal(m->modes[0].gpu_tpcs, 4); /* a raised bound raises nothing */
    ep_machine_free(m);
    m = accept(NULL, (sets){"note=not in the file"});
    ep_machine_free(m);
    m = accept(NULL, (sets){NULL});
    assert_null(m->overrides);
    ep_machine_free(m);
}

static void test_items(void **state)
{
    (void)state;
    ep_machine *m = accept(NULL, (sets){"modes.maxn.gpu_mhz=700", "modes.15W.budget_w=20",
                                        "modes.Mode_15w.dla_cores=2", "rails.VDD_SOC.idle_w=0.5"});
    assert_true(m->modes[0].gpu_mhz == 700 && m->modes[1].gpu_mhz == 500);
    assert_true(m->modes[0].budget_w == 0 && m->modes[1].budget_w == 20);
    assert_int_equal(m->modes[1].dla_cores, 2);
    assert_true(m->rails[0].idle_w == 4.5 && m->rails[1].idle_w == 0.5);
    ep_machine_free(m);
    /* of two names that begin alike, the longer one */
    m = accept("modes:\n" MODE("15W.b", ""), (sets){"modes.15W.b.gpu_mhz=200"});
    assert_true(m->modes[1].gpu_mhz == 500 && m->modes[2].gpu_mhz == 200);
    ep_machine_free(m);
}

static void test_software(void **state)
{
    (void)state;
    ep_machine *m = accept(NULL, (sets){"dla.limits.conv_kernel=[1, 16]"});
    assert_string_equal(m->dla_software, "old");
    assert_int_equal(m->dla.limits.loadables_total, 8);
    assert_int_equal(m->dla.limits.conv_kernel.max, 16);
    ep_machine_free(m);
    /* in whatever order they are given */
    m = accept(NULL, (sets){"dla.limits.loadables_total=20", "dla_software=new"});
    assert_string_equal(m->dla_software, "new");
    assert_int_equal(m->dla.limits.loadables_per_core, 16);
    assert_int_equal(m->dla.limits.loadables_total, 20);
    assert_int_equal(m->dla.limits.conv_kernel.max, 32);
    ep_machine_free(m);
    refuse(NULL, (sets){"dla_software=newer"}, EP_BAD_USAGE,
           "--set dla_software=newer: dla_software: no limits for 'newer'; there are old, new");
}

/* A lowered maximum takes the modes along. */
static void test_lowered(void **state)
{
    (void)state;
    ep_machine *m = accept(NULL, (sets){"gpu.sms=2", "gpu.clock_mhz_max=600", "dla.cores=1",
                                        "dla.clock_mhz_max=300", "dram.clock_mhz_max=1500",
                                        "cpu.cores=5", "cpu.clock_mhz_max=1000"});
    const ep_mode *maxn = mode_of(m, "MAXN"), *low = mode_of(m, "15W");
    assert_true(maxn->gpu_tpcs == 1 && low->gpu_tpcs == 1);
    assert_true(maxn->gpu_mhz == 600 && low->gpu_mhz == 500);
    assert_true(maxn->dla_cores == 1 && low->dla_cores == 1);
    assert_true(maxn->dla_mhz == 300 && low->dla_mhz == 300);
    assert_true(maxn->dram_mhz == 1500 && low->dram_mhz == 1000);
    assert_true(maxn->cpu_online == 5 && low->cpu_online == 4);
    assert_true(maxn->cpu_mhz == 1000 && low->cpu_mhz == 900);
    ep_machine_free(m);

    m = accept(NULL, (sets){"gpu.sms_per_tpc=4"}); /* two TPCs of four SMs */
    assert_int_equal(m->modes[0].gpu_tpcs, 2);
    ep_machine_free(m);
    m = accept(NULL, (sets){"dla.cores=0"});
    assert_int_equal(m->dla.cores, 0);
    assert_null(m->dla_software);
    assert_true(m->modes[0].dla_cores == 0 && m->modes[0].dla_mhz == 0);
    assert_true(ep_point_of(m, &m->modes[0]).dla_energy_scale == 0);
    ep_machine_free(m);

    /* what was asked for by name is not lowered, nor is what another maximum bounds */
    refuse(NULL, (sets){"gpu.clock_mhz_max=600", "modes.MAXN.gpu_mhz=700"}, EP_BAD_USAGE,
           "--set modes.MAXN.gpu_mhz=700: modes[0].gpu_mhz: allowed up to 600 "
           "(gpu.clock_mhz_max), is 700");
    refuse("modes:\n" MODE("X", ""), (sets){"modes.X.dla_cores=1"}, EP_BAD_USAGE,
           "--set modes.X.dla_cores=1: my.yaml:3:43: modes[2].dla_mhz: allowed above 0 when "
           "dla_cores is 1, is 0");
}

/* ---- keys of the operating point ----------------------------------------------------------- */

static void test_point_keys(void **state)
{
    (void)state;
    ep_machine *m = accept(NULL, (sets){"gpu.clock_mhz=750", "gpu.tpcs=1", "dla.clock_mhz=600",
                                        "dla.count=2", "dram.clock_mhz=2200", "cpu.clock_mhz=1800",
                                        "cpu.online=3", "budget_w=12.5"});
    assert_int_equal(m->n_modes, 2);
    for (uint32_t i = 0; i < m->n_modes; i++) {
        const ep_point p = ep_point_of(m, &m->modes[i]);
        assert_int_equal(p.gpu_sms, 2);
        assert_int_equal(p.dla_cores, 2);
        assert_int_equal(p.mode->cpu_online, 3);
        assert_true(p.gpu_mhz == 750 && p.dla_mhz == 600 && p.dram_mhz == 2200);
        assert_true(p.cpu_mhz == 1800 && p.budget_w == 12.5);
        /* 128 bit / 8 x 2 x 2200 MHz x 0.9; above the module's 2000, and the DLA's share with it */
        assert_near(p.dram_gbps, 63.36);
        assert_near(p.dla_dram_gbps, 33);
        assert_near(p.gpu_dram_gbps, 39); /* 26 bytes x 2 SMs x 750 MHz */
        assert_near(p.gpu_energy_scale, 0.85 * 0.85);
        assert_near(p.dla_energy_scale, 0.9 * 0.9);
    }
    assert_true(m->gpu.clock_mhz_max == 1000 && m->dram.clock_mhz_max == 2000);
    ep_machine_free(m);
}

static void test_point_and_schema(void **state)
{
    (void)state;
    ep_machine *m = accept(NULL, (sets){"dla.count=0"});
    assert_int_equal(m->dla.cores, 2);
    assert_int_equal(m->modes[0].dla_cores, 0);
    ep_machine_free(m);
    /* of a mode by name before of all modes; a clock, not a count, above what is highest */
    m = accept(NULL, (sets){"gpu.clock_mhz=900", "modes.15W.gpu_mhz=300", "gpu.clock_mhz_max=600",
                            "gpu.sms=12", "gpu.tpcs=6"});
    assert_true(m->modes[0].gpu_mhz == 900 && m->modes[1].gpu_mhz == 300);
    assert_true(m->modes[0].gpu_tpcs == 6 && m->modes[1].gpu_tpcs == 6);
    ep_machine_free(m);
    /* a mode without DLA clock gets one */
    m = accept("modes:\n" MODE("X", ""), (sets){"dla.count=1", "dla.clock_mhz=100"});
    assert_true(m->modes[2].dla_cores == 1 && m->modes[2].dla_mhz == 100);
    ep_machine_free(m);
    refuse("modes:\n" MODE("X", ""), (sets){"dla.count=1"}, EP_BAD_USAGE,
           "--set dla.count=1: mode 'X' has DLA cores with a clock of 0; set dla.clock_mhz above "
           "0");
    refuse(NULL, (sets){"dla.cores=0", "dla.clock_mhz=100"}, EP_BAD_USAGE,
           "--set dla.clock_mhz=100: m has no DLA");
}

/* ---- errors -------------------------------------------------------------------------------- */

#define GPU_KEYS                                                                                   \
    "source, note, arch, sms, sms_per_tpc, clock_mhz_max, l2_bytes, shared_bytes_per_sm, "         \
    "registers_per_sm, threads_per_sm, blocks_per_sm, fp32_fma, fp16_fma, tensor_tf32, "           \
    "tensor_fp16, tensor_int8, sfu, fp32_accumulate_ratio, sparse_speedup, "                       \
    "dram_bytes_per_sm_clock, l2_bytes_per_sm_clock, l2_bytes_per_clock, l2_kept_share, "          \
    "shared_bytes_per_clock, launch_cycles, kernel_floor_us, kernels, clock_mhz, tpcs"
#define MODE_KEYS                                                                                  \
    "source, note, name, budget_w, default, cpu_online, cpu_mhz, gpu_tpcs, gpu_mhz, dla_cores, "   \
    "dla_mhz, dram_mhz"

static void test_wrong_sets(void **state)
{
    (void)state;
    static const struct {
        const char *set, *message; /* behind "--set SET: " */
    } cases[] = {
        {"gpu.sms=300", "gpu.sms: allowed 1..256, is 300"},
        {"gpu.sms=many", "gpu.sms: wants integer 1..256, is 'many'"},
        {"gpu.sms='8'", "gpu.sms: wants integer 1..256, is the text '8'"},
        {"gpu.sms=7", "gpu.sms: wants a multiple of gpu.sms_per_tpc (2), is 7"},
        {"dla.limits.conv_kernel=[4, 2]",
         "dla.limits.conv_kernel: [4, 2]: the minimum exceeds the maximum"},
        {"energy.dla_rail=VDD_X", "energy.dla_rail: no rail 'VDD_X'; rails has VDD_IN, VDD_SOC"},
        {"gpu.clock_mhz=0", "gpu.clock_mhz: allowed 1..20000, is 0"},
        {"gpu.clock_mhz=fast", "gpu.clock_mhz: wants number 1..20000, is 'fast'"},
        {"gpu.clock_mhz=[1]", "gpu.clock_mhz: wants number 1..20000, is a list of 1"},
        {"gpu.tpcs=5", "gpu.tpcs: allowed up to 4 (gpu.sms / gpu.sms_per_tpc), is 5"},
        {"cpu.online=7", "cpu.online: allowed up to 6 (cpu.cores), is 7"},
        {"cpu.online=1.5", "cpu.online: wants integer 1..1024, is '1.5'"},
        {"dla.count=3", "dla.count: allowed 0..2, is 3"},
        {"dla.clock_mhz=0",
         "mode 'MAXN' has DLA cores with a clock of 0; set dla.clock_mhz above 0"},
        /* keys */
        {"gpu.clok_mhz=900", "unknown key; did you mean 'gpu.clock_mhz'?"},
        {"gpu.clock_mhz_mx=900", "unknown key; did you mean 'gpu.clock_mhz_max'?"},
        {"clock_mhz=900", "unknown key; did you mean 'gpu.clock_mhz'?"},
        {"gpuu.sms=8", "unknown key; did you mean 'gpu.sms'?"},
        {"gpuu.tpcs=8", "unknown key; did you mean 'gpu.tpcs'?"},
        {"budget=15", "unknown key; did you mean 'budget_w'?"},
        {"modes.15W.gpu_mzh=8", "unknown key; did you mean 'modes.15W.gpu_mhz'?"},
        {"dla.limits.conv_kernal=[1, 2]", "unknown key; did you mean 'dla.limits.conv_kernel'?"},
        {"gpu.x=8", "unknown key; allowed: " GPU_KEYS},
        {"gpu..sms=8", "unknown key; allowed: " GPU_KEYS},
        {"gpu.sms.x=8", "there are no keys in it"},
        {"gpu=8", "a block; set one of its keys: " GPU_KEYS},
        {"modes.15W=8", "a block; set one of its keys: " MODE_KEYS},
        {"modes=8", "a list; set a key of an item, modes.NAME.KEY; there are MAXN, MODE_15W"},
        {"modes.20W.gpu_mhz=8", "no '20W' in modes; there are MAXN, MODE_15W"},
        {"rails.VDD.idle_w=8", "no 'VDD' in rails; there are VDD_IN, VDD_SOC"},
        {"advertised.a.dram_gbps=8", "there is nothing with a name in advertised"},
        {"inherit=[a]", "cannot be set"},
        /* form */
        {"gpu.sms", "wants KEY=VALUE"},
        {"", "wants KEY=VALUE"},
        {"=8", "wants KEY=VALUE"},
        {"gpu.sms=", "wants a value behind the '='"},
        {"gpu.sms= ", "no value"},
        {"gpu.sms=[8", "not YAML: did not find expected ',' or ']'"},
        {"gpu.sms=&a 8", "anchors (&) are not allowed; write the value out"},
        {"title=\xff", "not UTF-8 text: invalid leading UTF-8 octet"},
        /* values of the file that what is set contradicts */
        {"gpu.sms_per_tpc=3",
         "m.yaml:2:35: gpu.sms: wants a multiple of gpu.sms_per_tpc (3), is 8"},
        {"dla.pipes=1", "m.yaml:8:72: dla.int8_macs: allowed up to 4096 (dla.pipes x dla.atomic_c "
                        "x dla.atomic_k), is 8192"},
        {"modes.15W.default=false",
         "m.yaml:36:3: modes: no default mode; give one of them 'default: true'"},
        {"rails.VDD_IN.name=VDD_SOC",
         "m.yaml:33:33: energy.dram_rail: no rail 'VDD_IN'; rails has VDD_SOC, VDD_SOC"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[1100];
        (void)snprintf(message, sizeof message, "--set %s: %s", cases[i].set, cases[i].message);
        refuse(NULL, (sets){cases[i].set}, EP_BAD_USAGE, message);
    }
}

static void test_set_twice(void **state)
{
    (void)state;
    refuse(NULL, (sets){"gpu.sms=4", "gpu.sms=6"}, EP_BAD_USAGE,
           "--set gpu.sms=6: set twice, first by --set gpu.sms=4");
    refuse(NULL, (sets){"modes.15W.gpu_mhz=4", "modes.MODE_15w.gpu_mhz=4"}, EP_BAD_USAGE,
           "--set modes.MODE_15w.gpu_mhz=4: set twice, first by --set modes.15W.gpu_mhz=4");
    refuse(NULL, (sets){"budget_w=4", "dla.count=1", "budget_w=5"}, EP_BAD_USAGE,
           "--set budget_w=5: set twice, first by --set budget_w=4");
    refuse(NULL, (sets){"note=a", "note=b"}, EP_BAD_USAGE,
           "--set note=b: set twice, first by --set note=a");
    refuse(
        NULL, (sets){"dla.pipes=1", "budget_w=4"}, EP_BAD_USAGE,
        "--set dla.pipes=1 and others: m.yaml:8:72: dla.int8_macs: allowed up to 4096 (dla.pipes "
        "x dla.atomic_c x dla.atomic_k), is 8192");
}

/* A file that is wrong by itself is not the fault of a set; but a set may mend it. */
static void test_wrong_file(void **state)
{
    (void)state;
    char text[sizeof model];
    memcpy(text, model, sizeof model);
    char *rail = strstr(text, "name: VDD_SOC");
    assert_non_null(rail);
    rail[strlen("name: VDD_")] = 'X';
    ep_machine *m;
    ep_error err;
    assert_int_equal(load(text, NULL, (sets){"gpu.sms=4"}, &m, &err), EP_BAD_HARDWARE);
    assert_string_equal(err.text, "m.yaml:32:75: energy.gpu_rail: no rail 'VDD_SOC'; rails has "
                                  "VDD_IN, VDD_XOC");
    const sets mend = {"energy.gpu_rail=VDD_IN", "energy.dla_rail=VDD_IN"};
    assert_int_equal(load(text, NULL, mend, &m, &err), EP_OK);
    ep_machine_free(m);
    assert_int_equal(
        load("gpu: 5\nmodes: 6\n", NULL, (sets){"gpu.sms=4", "modes.a.gpu_mhz=1"}, &m, &err),
        EP_BAD_HARDWARE);
    assert_string_equal(err.text, "m.yaml:1:1: title: missing; wants text of one line 1..64 bytes");
    assert_int_equal(load("[]", NULL, (sets){"gpu.sms=4"}, &m, &err), EP_BAD_HARDWARE);
    assert_string_equal(err.text, "m.yaml:1:1: wants mapping (key: value), is a list of 0");
}

/* Blocks that the file lacks are begun by the set, which then lacks the rest. */
static void test_no_dla(void **state)
{
    (void)state;
    const char *dla = strstr(model, "dla: {"), *dram = strstr(model, "dram: {");
    char text[sizeof model];
    (void)snprintf(text, sizeof text, "%.*s%s", (int)(dla - model), model, dram);
    ep_machine *m;
    ep_error err;
    static const char *const lacks[] = {"dla.limits.div=true", "dla.clock_mhz_max=800"};
    for (size_t i = 0; i < 2; i++) {
        char message[128];
        (void)snprintf(message, sizeof message, "--set %s: dla.cores: missing; wants integer 0..2",
                       lacks[i]);
        assert_int_equal(load(text, NULL, (sets){lacks[i]}, &m, &err), EP_BAD_USAGE);
        assert_string_equal(err.text, message);
    }
}

/* ---- mode files ---------------------------------------------------------------------------- */

static void test_mode_file(void **state)
{
    (void)state;
    ep_machine *m = accept("note: ours\nmodes:\n" MODE("Mine", "") MODE("MODE_OTHER", ""),
                           (sets){"modes.mine.gpu_mhz=250"});
    assert_int_equal(m->n_modes, 4);
    assert_string_equal(m->modes[2].name, "Mine");
    assert_string_equal(m->overrides, "modes.mine.gpu_mhz=250");
    const ep_mode *mine = mode_of(m, "mine");
    assert_true(mine->gpu_mhz == 250 && mine->cpu_online == 2 && mine->budget_w == 9);
    assert_true(mode_of(m, "other")->gpu_mhz == 300);
    assert_ptr_equal(mode_of(m, NULL), &m->modes[1]);
    ep_machine_free(m);

    m = accept("modes:\n" MODE("X", "") MODE("Y", ", default: true"), (sets){NULL});
    assert_null(m->overrides);
    assert_string_equal(mode_of(m, NULL)->name, "Y");
    assert_false(m->modes[1].is_default);
    ep_machine_free(m);
}

/* A board's own file names modes as its module does; the default stays one. */
static void test_mode_file_replaces(void **state)
{
    (void)state;
    ep_machine *m = accept("modes:\n" MODE("mode_15w", ""), (sets){NULL});
    assert_int_equal(m->n_modes, 2);
    assert_string_equal(m->modes[1].name, "mode_15w");
    assert_true(mode_of(m, "15W")->gpu_mhz == 300);
    assert_ptr_equal(mode_of(m, NULL), &m->modes[1]);
    ep_machine_free(m);

    m = accept("modes:\n" MODE("15W", "") MODE("New", ", default: true"), (sets){NULL});
    assert_int_equal(m->n_modes, 3);
    assert_string_equal(mode_of(m, NULL)->name, "New");
    ep_machine_free(m);
}

static void test_wrong_mode_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"modes:\n" MODE("A", "") MODE("a", ""),
         "my.yaml:4:23: modes[3].name: mode 'a' is there already, at my.yaml:2:23"},
        {"modes:\n" MODE("A", ", default: true") MODE("B", ", default: true"),
         "my.yaml:5:70: modes[3].default: one mode is the default; 'A' is already"},
        {"modes:\n" MODE("A", ", gpu_mzh: 5"),
         "my.yaml:3:61: modes[0].gpu_mzh: unknown key; did you mean 'gpu_mhz'?"},
        {"modes:\n" MODE("A", ", gpu_mhz: 5"),
         "my.yaml:3:61: modes[0].gpu_mhz: given twice, first in line 3"},
        {"modes:\n  - {source: x, name: A}\n",
         "my.yaml:2:5: modes[0].budget_w: missing; wants number 0..100000"},
        {"modes:\n  - {source: x, name: A, budget_w: 0, cpu_online: 7, cpu_mhz: 1,\n"
         "    gpu_tpcs: 1, gpu_mhz: 1, dram_mhz: 1}\n",
         "my.yaml:2:5: modes[2].dla_cores: missing; wants integer 0..2"},
        {"modes:\n  - {source: x, name: A, budget_w: 0, cpu_online: 7, cpu_mhz: 1,\n"
         "    gpu_tpcs: 1, gpu_mhz: 1, dla_cores: 0, dla_mhz: 0, dram_mhz: 1}\n",
         "my.yaml:2:51: modes[2].cpu_online: allowed up to 6 (cpu.cores), is 7"},
        {"note: x\n", "my.yaml:1:1: modes: missing; wants list 1..32 items"},
        {"modes: 5\n", "my.yaml:1:8: modes: wants list 1..32 items, is '5'"},
        {"modes: []\n", "my.yaml:1:8: modes: wants list 1..32 items, is a list of 0"},
        {"modes: [5]\n", "my.yaml:1:9: modes[0]: wants mapping (key: value), is '5'"},
        {"mods: []\n", "my.yaml:1:1: mods: unknown key; did you mean 'modes'?"},
        {"gpu: {sms: 8}\n", "my.yaml:1:1: gpu: unknown key; allowed: note, modes"},
        {"inherit: [a]\n", "my.yaml:1:1: inherit: unknown key; allowed: note, modes"},
        {"- a\n", "my.yaml:1:1: wants mapping (key: value), is a list of 1"},
        {"a: [\n", "my.yaml:2:1: not YAML: did not find expected node content"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        refuse(cases[i].text, (sets){NULL}, EP_BAD_HARDWARE, cases[i].message);
        refuse(cases[i].text, (sets){"budget_w=4"}, EP_BAD_HARDWARE, cases[i].message);
    }
}

/* On disk, as the program reads them. */
static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/ep_modes_XXXXXX";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fputs("modes:\n" MODE("MINE", ""), file) >= 0);
    assert_int_equal(fclose(file), 0);
    const sets given = {"dla.count=1"};
    ep_machine_options options = {
        .installed = EP_SOURCE_DIR "/hwmodels", .n_sets = 1, .sets = given, .mode_file = path};
    ep_machine *m;
    ep_error err = {0};
    assert_int_equal(ep_machine_load("orin-agx", &options, &m, &err), EP_BAD_USAGE);
    assert_string_equal(err.text, "--set dla.count=1: mode 'MINE' has DLA cores with a clock of 0; "
                                  "set dla.clock_mhz above 0");
    options.n_sets = 0;
    if (ep_machine_load("orin-agx", &options, &m, &err) != EP_OK) fail_msg("%s", err.text);
    assert_true(mode_of(m, "mine")->gpu_mhz == 300);
    ep_machine_free(m);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ep_machine_load("orin-agx", &options, &m, &err), EP_BAD_FILE);
    assert_null(m);
    assert_non_null(strstr(err.text, ": No such file or directory"));
    assert_int_equal(ep_machine_load("orin-agx", &options, &m, NULL), EP_BAD_FILE);
}

/* Inheritance in memory: what the fuzzer reads is what files are. */
static void test_texts(void **state)
{
    (void)state;
    static const char heir[] = "inherit: [base]\ntitle: Heir\n", cycle[] = "inherit: [m.yaml]\n";
    ep_machine_text texts[] = {{"m.yaml", heir, sizeof heir - 1},
                               {"base.yaml", model, sizeof model - 1}};
    const sets given = {"gpu.sms=4"};
    const ep_machine_options options = {.n_sets = 1, .sets = given};
    ep_machine *m;
    ep_error err = {0};
    assert_int_equal(ep_machine_parse_texts(texts, 2, &options, &m, &err), EP_OK);
    assert_string_equal(m->title, "Heir");
    assert_int_equal(m->gpu.sms, 4);
    ep_machine_free(m);
    texts[1] = (ep_machine_text){"base.yaml", cycle, sizeof cycle - 1};
    assert_int_equal(ep_machine_parse_texts(texts, 2, &options, &m, &err), EP_BAD_HARDWARE);
    assert_string_equal(err.text, "base.yaml:1:11: inherit: 'm.yaml': a cycle, which begins at "
                                  "m.yaml:1:11; this file is inherited at m.yaml:1:11");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_keys),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_software),
        cmocka_unit_test(test_lowered),
        cmocka_unit_test(test_point_keys),
        cmocka_unit_test(test_point_and_schema),
        cmocka_unit_test(test_wrong_sets),
        cmocka_unit_test(test_set_twice),
        cmocka_unit_test(test_wrong_file),
        cmocka_unit_test(test_no_dla),
        cmocka_unit_test(test_mode_file),
        cmocka_unit_test(test_mode_file_replaces),
        cmocka_unit_test(test_wrong_mode_files),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
