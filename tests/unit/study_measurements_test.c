/* Measurements files: what a row says, the files that predictions are compared with, and the exact
 * line in answer to everything else. */
#include <stdio.h>

#include "tests/unit/measurements_fixture.h"

#define FOLDER EP_SOURCE_DIR "/tests/validation"

static ep_arena *read_file(const char *path, ep_measurements *out)
{
    ep_arena *arena = ep_arena_new();
    ep_error err = {0};
    if (ep_measurements_read(path, arena, out, &err) != EP_OK) fail_msg("%s", err.text);
    assert_string_equal(out->path, path);
    return arena;
}

/* A row as text, enumerations in words of ours; the caller frees it. */
static ep_text describe(const ep_measurement *m)
{
    static const char *const choices[] = {
        [EP_CHOOSE_INT8] = "INT8", [EP_CHOOSE_FP16] = "FP16", [EP_CHOOSE_FP32] = "FP32"};
    static const char *const ios[] = {[EP_IO_LINEAR] = "linear",
                                      [EP_IO_NATIVE] = "native",
                                      [EP_IO_NATIVE_FP16_OUT] = "native-fp16-out"};
    static const char *const covers[] = {"kernel", "compute", "copies", "nms", "host"};
    ep_text out = {0};
    ep_text_printf(&out, "%zu %s | %s %s", m->line, m->id, m->hw, m->mode);
    for (uint32_t i = 0; i < m->n_sets; i++) ep_text_printf(&out, " [%s]", m->sets[i]);
    ep_text_printf(&out, " | %s | %d+%d %s:", m->workload, (int)m->gpu_batch, (int)m->dla_batch,
                   m->precision);
    ep_text_printf(&out, " %s%s%s | %s %s", choices[m->choice], m->no_tf32 ? " no TF32" : "",
                   m->sparse ? " sparse" : "", ep_engine_name(m->engine), ios[m->io]);
    for (unsigned i = 0; i < sizeof covers / sizeof *covers; i++) {
        if (m->covers & 1u << i) ep_text_printf(&out, " %s", covers[i]);
    }
    ep_text_printf(&out, " | %s %s %.12g | %s | %s", ep_metric_name(m->metric),
                   m->rail ? m->rail : "-", m->value, m->group, m->source);
    return out;
}

typedef struct expected_row {
    const char *text;
    const char *notes; /* how they begin */
} expected_row;

static void expect_row(const ep_measurements *read, const expected_row *expected)
{
    const size_t line = strtoul(expected->text, NULL, 10);
    const ep_measurement *row = read->rows;
    while (row < read->rows + read->n && row->line != line) row++;
    assert_true(row < read->rows + read->n);
    ep_text text = describe(row);
    assert_string_equal(ep_text_cstr(&text), expected->text);
    ep_text_free(&text);
    assert_int_equal(strncmp(row->notes, expected->notes, strlen(expected->notes)), 0);
}

/* A row of each kind, as Python's csv module reads it. */
static const expected_row orin[] = {
    {"3 dlasw-002 | orin-agx.yaml 50W [dla.clock_mhz=1400] | "
     "models/retinanet_resnext50_800.onnx | 1+1 int8: INT8 | "
     "2dla native compute | throughput_ips - 72 | "
     "orin-dla-net | NVIDIA/Deep-Learning-Accelerator-SW README.md",
     "layers that the DLA refuses at the tail (reshape, concat, "},
    {"6 dlasw-005 | orin-agx.yaml MAXN | "
     "models/retinanet_resnext50_800.onnx | 1+1 int8-sparse: INT8 sparse | "
     "2dla native compute | throughput_ips - 102 | "
     "orin-dla-net-sparse | NVIDIA/Deep-Learning-Accelerator-SW README.md",
     "layers that the DLA refuses "},
    {"29 branes-001 | orin-agx.yaml MAXN | "
     "layer:conv c=3 h=224 w=224 k=64 r=3 s=3 stride=1,1 pad=1,1 dilation=1 groups=1 act=none | "
     "1+1 fp16: FP16 | "
     "dla linear compute | latency_ms - 2.34883 | "
     "orin-dla-layer | branes-ai/graphs "
     "hardware_registry/accelerator/nvidia_dla_orin/calibrations/dla{0,1}_fp16_maxn_*.json",
     "one-layer engine with GPU reformats at both ends; "},
    {"83 cudla-001 | orin-agx.yaml MAXN [gpu.clock_mhz=1275] [dla.clock_mhz=1331] "
     "[dram.clock_mhz=3200] | "
     "models/yolov5s_672.onnx | 1+1 int8: INT8 | "
     "dla native-fp16-out compute | latency_ms - 3.82 | "
     "orin-dla-net | NVIDIA-AI-IOT/cuDLA-samples README.md",
     "DRIVE Orin: AGX model at these clocks; "},
    {"92 hax-093 | orin-agx.yaml MAXN | "
     "layer:reformat c=3 h=224 w=224 from=nchw to=dla | 1+1 int8: INT8 | "
     "gpu linear kernel | latency_ms - 0.041 | "
     "orin-transition | ismetdagli/HaX-CoNN README.md",
     "trtexec per-layer profile, average of 4932 iterations; "},
    {"120 mlp-202 | orin-agx.yaml MAXN | "
     "models/retinanet_resnext50_800.onnx | 4+1 int8: INT8 | "
     "gpu+2dla native compute copies nms | throughput_ips - 92.4048 | "
     "orin-gpu-2dla | mlcommons/inference_results_v3.0: "
     "closed/NVIDIA/results/Orin_TRT/retinanet/Offline/performance/run_1/mlperf_log_summary.txt",
     "MLPerf Offline: steady-state samples/s incl. H2D copy, "},
    {"123 mlp-213 | orin-agx.yaml MAXN [gpu.clock_mhz=624.75] [dram.clock_mhz=2133] | "
     "models/resnet50.onnx | 8+8 int8: INT8 | "
     "gpu linear compute copies | power_w - 17.1978 | "
     "orin-wall-power | mlcommons/inference_results_v3.0: "
     "closed/NVIDIA/results/Orin_TRT_MaxQ/resnet50/MultiStream/performance/run_1/spl.txt",
     "AC wall; idle of the same kit 6.35 W; "},
    {"131 keyh-001 | orin-agx.yaml MAXN | "
     "idle | 1+1 na: INT8 | "
     "idle linear compute | rail_w VDD_GPU_SOC 2.6651 | "
     "orin-rail-power | kylefoxaustin/keyhole data/output/orin_power.json",
     "tegrastats VDD_GPU_SOC mean over 10 s idle"},
    {"134 aux-001 | orin-agx.yaml MAXN | "
     "models/retinanet_resnext50_800.onnx | 1+1 int8: INT8 | "
     "dla native compute | perf_per_watt_vs_gpu - 3.8 | "
     "orin-dla-perf-per-watt | NVIDIA/Deep-Learning-Accelerator-SW README.md",
     "accelerator power only; batch GPU+DLA"},
    {"150 hax-098 | orin-agx.yaml MAXN | "
     "models/googlenet.onnx & models/resnet101.onnx | 1+1 int8: INT8 | "
     "gpu linear compute | makespan_ms - 2.42 | "
     "orin-two-networks | ismetdagli/HaX-CoNN README.md / orin scripts",
     "makespan of both networks"},
    {"151 dlatut-001 | orin-agx.yaml MAXN | "
     "models/cifar_groupnorm.onnx | 32+32 int8: INT8 | "
     "gpu+dla linear compute | throughput_ips - 9789.63 | "
     "orin-fallback | NVIDIA-AI-IOT/jetson_dla_tutorial README.md",
     "one DLA with GPU fallback; the tutorial's network is of this form, "},
};

static const expected_row h200[] = {
    {"527 h200-gemm-14 | h200-sxm.yaml MAXN | "
     "layer:gemm m=1 n=1024 k=1024 bias=1 | 1+1 tf32: FP32 | "
     "gpu native kernel | latency_ms - 0.003111 | "
     "h200-gemm | own measurement, one H200 SXM, driver 580.159, CUDA 13.0, PyTorch 2.11, median "
     "of CUDA-graph replays",
     ""},
    {"572 h200-gemm-79 | h200-sxm.yaml MAXN | "
     "layer:gemm m=128 n=2304 k=768 bias=1 | 1+1 fp32: FP32 no TF32 | "
     "gpu native kernel | latency_ms - 0.030025 | "
     "h200-gemm | own measurement, one H200 SXM, driver 580.159, CUDA 13.0, PyTorch 2.11, median "
     "of CUDA-graph replays",
     ""},
    {"902 h200-power-yolov8n-b1 | h200-sxm.yaml MAXN | "
     "models/yolov8n.onnx | 1+1 fp16: FP16 | "
     "gpu native kernel | power_w - 201.5 | "
     "h200-power | own measurement, one H200 SXM, driver 580.159, CUDA 13.0, PyTorch 2.11, median "
     "of CUDA-graph replays",
     "board power, sustained back to back, SM clock 1980 MHz; idle 127 W at 1980 MHz"},
};

typedef struct group_count {
    const char *name;
    uint32_t rows;
} group_count;

/* Groups in the order of their first rows. */
static void expect_groups(const ep_measurements *read, const group_count *groups, size_t n)
{
    uint32_t total = 0;
    for (size_t g = 0; g < n; g++) {
        uint32_t rows = 0;
        for (uint32_t i = 0; i < read->n; i++) {
            rows += strcmp(read->rows[i].group, groups[g].name) == 0;
        }
        assert_int_equal(rows, groups[g].rows);
        total += rows;
    }
    assert_int_equal(read->n, total);
}

static double sum_of_values(const ep_measurements *read)
{
    double sum = 0;
    for (uint32_t i = 0; i < read->n; i++) sum += read->rows[i].value;
    return sum;
}

/* The counts and sums are Python's csv module's. */
static void test_orin(void **state)
{
    (void)state;
    static const group_count groups[] = {
        {"orin-dla-net", 24},       {"orin-dla-net-sparse", 8}, {"orin-dla-layer", 26},
        {"orin-dla-layer-50w", 26}, {"orin-dla-kernel", 2},     {"orin-gpu-net", 25},
        {"orin-transition", 1},     {"xavier-gpu-net", 8},      {"orin-gpu-2dla", 3},
        {"orin-wall-power", 3},     {"orin-rail-power", 6},     {"orin-dla-perf-per-watt", 16},
        {"orin-two-networks", 1},   {"orin-fallback", 1},
    };
    ep_measurements read;
    ep_arena *arena = read_file(FOLDER "/orin.csv", &read);
    assert_int_equal(read.n, 150);
    expect_groups(&read, groups, sizeof groups / sizeof *groups);
    assert_float_equal(sum_of_values(&read), 46755.191809, 1e-6);
    for (size_t i = 0; i < sizeof orin / sizeof *orin; i++) expect_row(&read, &orin[i]);
    ep_arena_free(arena);
}

static void test_h200(void **state)
{
    (void)state;
    static const group_count groups[] = {
        {"h200-conv", 448}, {"h200-depthwise", 69}, {"h200-gemm", 211}, {"h200-memory", 80},
        {"h200-eager", 61}, {"h200-floor", 2},      {"h200-net", 23},   {"h200-power", 23},
    };
    ep_measurements read;
    ep_arena *arena = read_file(FOLDER "/h200.csv", &read);
    assert_int_equal(read.n, 917);
    expect_groups(&read, groups, sizeof groups / sizeof *groups);
    assert_float_equal(sum_of_values(&read), 8114.85877, 1e-6);
    for (size_t i = 0; i < sizeof h200 / sizeof *h200; i++) expect_row(&read, &h200[i]);
    ep_arena_free(arena);
}

/* ---- what the two files do not have ---------------------------------------------------------- */

/* A file of one row, all fields quoted, with one of them changed. The caller frees it. */
static char *row_with(const char *column, const char *value)
{
    static const char *const columns[][2] = {
        {"id", "a"},
        {"hw", "orin-agx.yaml"},
        {"mode", "MAXN"},
        {"set", ""},
        {"workload", "models/a.onnx"},
        {"batch", "1"},
        {"precision", "int8"},
        {"engine", "gpu"},
        {"io", "native"},
        {"includes", "compute"},
        {"metric", "latency_ms"},
        {"value", "1.5"},
        {"group", "g"},
        {"notes", ""},
    };
    ep_text text = {0};
    bool found = false;
    ep_text_printf(&text, HEADER);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        const bool changed = strcmp(columns[i][0], column) == 0;
        ep_text_printf(&text, "%s\"%s\"", i ? "," : "", changed ? value : columns[i][1]);
        found = found || changed;
    }
    assert_true(found);
    assert_false(text.failed);
    return text.data;
}

static void refuse_value(const char *column, const char *value, const char *allowed)
{
    char message[1000];
    (void)snprintf(message, sizeof message, "m.csv:2: %s: '%s', allowed %s", column, value,
                   allowed);
    char *text = row_with(column, value);
    refuse(text, message);
    free(text);
}

/* The caller frees the arena. */
static ep_arena *accept_value(const char *column, const char *value, ep_measurements *out)
{
    char *text = row_with(column, value);
    ep_arena *arena = accept(text, out);
    free(text);
    assert_int_equal(out->n, 1);
    return arena;
}

static void test_columns(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena = accept("group,value,metric,includes,io,engine,precision,batch,workload,set,"
                             "mode,hw,id\n"
                             "g,2,power_w,kernel,linear,dla,fp16,3+4,w,,M,h,i\n",
                             &read);
    assert_string_equal(read.rows[0].id, "i");
    assert_string_equal(read.rows[0].group, "g");
    assert_string_equal(read.rows[0].source, "");
    assert_string_equal(read.rows[0].notes, "");
    assert_int_equal(read.rows[0].gpu_batch, 3);
    assert_int_equal(read.rows[0].dla_batch, 4);
    ep_arena_free(arena);

    refuse("id,hw,precison\n", "m.csv:1: unknown column 'precison'; did you mean 'precision'?");
    refuse("\n\nnote,id\n", "m.csv:3: unknown column 'note'; did you mean 'notes'?");
    refuse("id,temperature\n",
           "m.csv:1: unknown column 'temperature', allowed id, hw, mode, set, workload, batch, "
           "precision, engine, io, includes, metric, value, group, source, notes");
    refuse("id,hw,,mode\n",
           "m.csv:1: unknown column '', allowed id, hw, mode, set, workload, batch, "
           "precision, engine, io, includes, metric, value, group, source, notes");
    refuse("id,hw,id\n", "m.csv:1: column 'id' twice");
    refuse("id,hw,mode,set,workload,batch,precision,engine,io,includes,metric,group,notes\n",
           "m.csv:1: column 'value' is missing");
}

static void test_text(void **state)
{
    (void)state;
    static const char *const columns[] = {"id", "hw", "mode", "workload", "group"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        refuse_value(columns[i], "", "any text that is not empty");
    }
    refuse(HEADER ROW("a", "\"two\nlines\"") ROW("b", "") ROW("a", ""),
           "m.csv:5: id: 'a' is the id of line 2 too");
}

static void test_sets(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena = accept_value("set", " a=1 ; b.c=x y ;d=2", &read);
    assert_int_equal(read.rows[0].n_sets, 3);
    assert_string_equal(read.rows[0].sets[0], "a=1");
    assert_string_equal(read.rows[0].sets[1], "b.c=x y");
    assert_string_equal(read.rows[0].sets[2], "d=2");
    ep_arena_free(arena);
    static const char *const bad[] = {";", "a=1;", ";a=1", "a=1; ;b=2", " "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse_value("set", bad[i], "KEY=VALUE;KEY=VALUE without empty items");
    }
}

static void test_batch(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena = accept_value("batch", "65536+2", &read);
    assert_int_equal(read.rows[0].gpu_batch, 65536);
    assert_int_equal(read.rows[0].dla_batch, 2);
    ep_arena_free(arena);
    static const char *const bad[] = {"",      "0",   "65537", "18446744073709551617",
                                      "-1",    "1.5", "+",     "007",
                                      "1+",    "+1",  "1+0",   "1+2+3",
                                      "1 + 2", "x",   "1 ",    " 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse_value("batch", bad[i], "N, or N+M of GPU and DLA, each 1..65536");
    }
}

static void test_precision(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena = accept_value("precision", "fp16+int8", &read);
    assert_string_equal(read.rows[0].precision, "fp16+int8");
    assert_int_equal(read.rows[0].choice, EP_CHOOSE_INT8);
    assert_false(read.rows[0].no_tf32 || read.rows[0].sparse);
    ep_arena_free(arena);
    static const char allowed[] = "fp32, tf32, fp16, int8, int8-sparse, fp16+int8, na";
    refuse_value("precision", "", allowed);
    refuse_value("precision", "FP16", allowed);
    refuse_value("precision", "int", allowed);
    refuse_value("precision", "int8 ", allowed);
    refuse_value("precision", "best", allowed);
    refuse_value("precision", "na", "with engine idle only");
}

static void test_engine(void **state)
{
    (void)state;
    refuse_value("engine", "cpu", "gpu, dla, 2dla, gpu+dla, gpu+2dla, idle");
    refuse_value("engine", "dla+gpu", "gpu, dla, 2dla, gpu+dla, gpu+2dla, idle");
    refuse_value("engine", "idle", "with workload idle only");
    char *text = row_with("workload", "idle");
    refuse(text, "m.csv:2: engine: 'gpu', allowed idle: the workload is");
    free(text);
    assert_string_equal(ep_engine_name(EP_ENGINE_GPU_2DLA), "gpu+2dla");
    assert_string_equal(ep_engine_name(EP_ENGINE_IDLE), "idle");
    assert_null(ep_engine_name(EP_ENGINE_COUNT));
}

static void test_io(void **state)
{
    (void)state;
    refuse_value("io", "", "linear, native, native-fp16-out");
    refuse_value("io", "chw32", "linear, native, native-fp16-out");
}

static void test_includes(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena = accept_value("includes", "host+nms+copies+compute+kernel", &read);
    assert_int_equal(read.rows[0].covers, EP_COVERS_KERNEL | EP_COVERS_COMPUTE | EP_COVERS_COPIES |
                                              EP_COVERS_NMS | EP_COVERS_HOST);
    ep_arena_free(arena);
    static const char *const bad[] = {"",         "copies+nms",     "kernel+",     "+kernel",
                                      "kernel++", "kernel,nms",     "kernel+copy", "compute + nms",
                                      "computer", "compute+nms+nms"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse_value("includes", bad[i],
                     "kernel, compute, copies, nms, host joined by '+', each once, kernel or "
                     "compute among them");
    }
}

static void test_metric(void **state)
{
    (void)state;
    ep_measurements read;
    ep_arena *arena = accept_value("metric", "rail_w:VIN_SYS_5V0", &read);
    assert_int_equal(read.rows[0].metric, EP_METRIC_RAIL_W);
    assert_string_equal(read.rows[0].rail, "VIN_SYS_5V0");
    ep_arena_free(arena);
    static const char *const bad[] = {"", "latency_us", "rail_w", "rail_w:", "power_w:VDD_IN"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse_value("metric", bad[i],
                     "latency_ms, throughput_ips, makespan_ms, power_w, rail_w:NAME, "
                     "perf_per_watt_vs_gpu");
    }
    assert_string_equal(ep_metric_name(EP_METRIC_RAIL_W), "rail_w");
    assert_null(ep_metric_name(EP_METRIC_COUNT));
}

static void test_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1", 1}, {"0.001159", 0.001159}, {"1.25e1", 12.5}, {"2E-3", 0.002}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ep_measurements read;
        ep_arena *arena = accept_value("value", good[i].text, &read);
        assert_true(read.rows[0].value == good[i].value);
        ep_arena_free(arena);
    }
    static const char *const bad[] = {
        "",   "0",  "-1", "1e999", "1e-999", "nan", "inf", "0x10", " 1", "1 ", "1,5", "1.5ms",
        "e5", "1e", ".",  "1..2",  "1e2.5",  "--1", "+",   "007",  "+1", ".5", "5.",  "12 %"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        refuse_value("value", bad[i], "a number above 0, as 12.5 or 1.25e1");
    }
}

/* Values are shown as far as a line can take them, and on one line. */
static void test_hostile_values(void **state)
{
    (void)state;
    refuse(HEADER "a,h,M,,w,1,\"int8\n,fp16\",gpu,native,compute,power_w,1,g,\n",
           "m.csv:2: precision: 'int8?,fp16', allowed fp32, tf32, fp16, int8, int8-sparse, "
           "fp16+int8, na");
    char digits[101] = {0};
    memset(digits, '1', sizeof digits - 1);
    char *text = row_with("batch", digits);
    refuse(text, "m.csv:2: batch: '111111111111111111111111111111111111111111111111111111111111', "
                 "allowed N, or N+M of GPU and DLA, each 1..65536");
    free(text);
}

static void test_no_file(void **state)
{
    (void)state;
    ep_arena *arena = ep_arena_new();
    ep_measurements read;
    ep_error err = {0};
    static const char missing[] = FOLDER "/missing.csv";
    assert_int_equal(ep_measurements_read(missing, arena, &read, &err), EP_BAD_FILE);
    assert_string_equal(err.text, FOLDER "/missing.csv: No such file or directory");
    assert_int_equal(read.n, 0);
    assert_int_equal(ep_measurements_read(FOLDER, arena, &read, &err), EP_BAD_FILE);
    assert_string_equal(err.text, FOLDER ": not a regular file");
    assert_int_equal(ep_measurements_read("/dev/null", arena, &read, &err), EP_BAD_FILE);
    assert_string_equal(err.text, "/dev/null: not a regular file");
    ep_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orin),
        cmocka_unit_test(test_h200),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_engine),
        cmocka_unit_test(test_io),
        cmocka_unit_test(test_includes),
        cmocka_unit_test(test_metric),
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_hostile_values),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
