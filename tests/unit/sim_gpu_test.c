/* The mechanisms of the GPU: what must hold for every kernel of every example, whatever the
 * constants, and counts by hand of the mechanisms one by one. */
#include <math.h>
#include <unistd.h>

#include "tests/unit/plan_fixture.h"

#define EXACT 1e-9

static void assert_close(double actual, double expected)
{
    if (fabs(actual - expected) <= EXACT * fabs(expected)) return;
    fail_msg("%.12g, expected %.12g", actual, expected);
}

static void assert_at_most(const char *what, const char *kernel, double actual, double most)
{
    if (actual <= most * (1 + EXACT)) return;
    fail_msg("%s of %s: %.12g, at most %.12g", what, kernel, actual, most);
}

static const ep_precision_choice precisions[] = {EP_CHOOSE_INT8, EP_CHOOSE_FP16, EP_CHOOSE_FP32};
enum { N_PRECISIONS = sizeof precisions / sizeof *precisions };

/* Calls `check` for each kernel of the GPU with work, in each precision and mode. */
static void for_each_kernel(fixture *f, void (*check)(const fixture *f, const ep_kernel *kernel,
                                                      const ep_cost *cost, const ep_point *point))
{
    for (uint32_t p = 0; p < N_PRECISIONS; p++) {
        make_plan(f, "gpu", precisions[p]);
        for (uint32_t m = 0; m < f->machine->n_modes; m++) {
            const ep_point point = ep_point_of(f->machine, &f->machine->modes[m]);
            for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
                const ep_cost *cost = &f->planned->costs[k];
                if (!cost->is_view) check(f, &f->plan->kernels[k], cost, &point);
            }
        }
    }
}

/* One of each architecture. */
static const char *const machines[] = {"orin-agx.yaml", "xavier-agx.yaml", "h200-sxm.yaml"};
enum { N_MACHINES = sizeof machines / sizeof *machines };

static void on_all_machines(void (*visit)(fixture *f))
{
    for (size_t i = 0; i < N_MACHINES; i++) {
        ep_machine *machine = load_machine_of(machines[i]);
        for_each_example(machine, visit);
        ep_machine_free(machine);
    }
}

/* ---- bounds -------------------------------------------------------------------------------- */

static ep_math math_of(ep_precision precision)
{
    switch (precision) {
    case EP_INT8: return EP_MATH_INT8;
    case EP_FP16: return EP_MATH_FP16;
    case EP_TF32: return EP_MATH_TF32;
    default: return EP_MATH_FP32;
    }
}

static void within_bounds(const fixture *f, const ep_kernel *kernel, const ep_cost *cost,
                          const ep_point *point)
{
    uint32_t tactic;
    ep_phases phases;
    const double ns = ep_cost_ns(cost, point, &tactic);
    assert_true(isfinite(ns));
    assert_true(ep_cost_phases(cost, f->machine, tactic, &phases));
    const ep_figures figures = ep_figures_of(point);
    const double peak = figures.gpu[math_of(cost->precision)].dense; /* 1e12 operations a second */
    assert_at_most("launch", kernel->name, ep_launch_ns(point), ns);
    assert_at_most("math", kernel->name, 2 * phases.macs / (peak * 1e3), ns);
    assert_at_most("memory", kernel->name, phases.dram_bytes / point->gpu_dram_gbps, ns);
}

static void visit_bounds(fixture *f)
{
    for_each_kernel(f, within_bounds);
}

static void no_kernel_beats_the_roofline(void **state)
{
    (void)state;
    on_all_machines(visit_bounds);
}

/* ---- more hardware, less time -------------------------------------------------------------- */

static void never_slower(const fixture *f, const ep_kernel *kernel, const ep_cost *cost,
                         const ep_point *point)
{
    (void)f;
    const double ns = ep_cost_ns(cost, point, NULL);
    ep_point more = *point;
    more.gpu_mhz *= 1.1;
    assert_at_most("time at a higher clock", kernel->name, ep_cost_ns(cost, &more, NULL), ns);
    more = *point;
    more.gpu_sms += 1;
    assert_at_most("time on more SMs", kernel->name, ep_cost_ns(cost, &more, NULL), ns);
    more = *point;
    more.dram_gbps *= 1.1;
    assert_at_most("time with more bandwidth", kernel->name, ep_cost_ns(cost, &more, NULL), ns);
}

static void visit_never_slower(fixture *f)
{
    for_each_kernel(f, never_slower);
}

static void more_hardware_is_never_slower(void **state)
{
    (void)state;
    on_all_machines(visit_never_slower);
}

/* ---- search -------------------------------------------------------------------------------- */

static void visit_levels(fixture *f)
{
    for (uint32_t p = 0; p < N_PRECISIONS; p++) {
        make_plan(f, "gpu", precisions[p]);
        const ep_point point = ep_point_of(f->machine, &f->machine->modes[0]);
        for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
            ep_cost cost = f->planned->costs[k];
            double before = INFINITY;
            for (int level = 0; level <= EP_SEARCH_LEVEL_MAX; level++) {
                cost.search.level = level - EP_SEARCH_LEVEL_DEFAULT;
                const double ns = ep_cost_ns(&cost, &point, NULL);
                assert_at_most("time with more tactics", f->plan->kernels[k].name, ns, before);
                before = ns;
            }
        }
    }
}

static void more_tactics_are_never_slower(void **state)
{
    (void)state;
    on_all_machines(visit_levels);
}

/* Time of all kernels, with timings read from and written to `path`. */
static double plan_with_timings(fixture *f, const char *path, uint64_t *known, uint64_t *searched)
{
    ep_error err = {0};
    ep_timings *timings;
    if (ep_timings_load(path, &timings, &err) != EP_OK) fail_msg("%s", err.text);
    const ep_plan_options options = {.precision = EP_CHOOSE_FP16, .search.timings = timings};
    assert_int_equal(try_plan(f, "gpu", &options, NULL), EP_OK);
    double ns = 0;
    for (uint32_t m = 0; m < f->machine->n_modes; m++) {
        const ep_point point = ep_point_of(f->machine, &f->machine->modes[m]);
        for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
            ns += ep_cost_ns(&f->planned->costs[k], &point, NULL);
        }
    }
    ep_timings_count(timings, known, searched);
    assert_int_equal(ep_timings_save(timings, &err), EP_OK);
    ep_timings_free(timings);
    return ns;
}

static void a_timing_cache_spares_the_search(void **state)
{
    (void)state;
    char folder[] = "/tmp/ep_timings_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/cache.json", folder);
    fixture f = {0};
    uint64_t known, searched;
    load_example(&f, "resnet50.onnx");
    const double first = plan_with_timings(&f, path, &known, &searched);
    assert_true(searched > 0);
    const double second = plan_with_timings(&f, path, &known, &searched);
    assert_true(first == second);
    assert_int_equal(searched, 0);
    assert_true(known > 0);
    f.machine->gpu.kernels.step_cycles *= 2; /* another machine: nothing is known of it */
    (void)plan_with_timings(&f, path, &known, &searched);
    assert_true(searched > 0);
    fixture_free(&f);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void a_broken_timing_cache_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message; /* behind the path */
    } cases[] = {
        {"{", "not JSON"},
        {"[]", "no \"schema\" and \"tactics\""},
        {"{\"schema\": 1}", "no \"schema\" and \"tactics\""},
        {"{\"schema\": 2, \"tactics\": {}}", "schema 2, allowed 1"},
        {"{\"schema\": 1, \"tactics\": {\"x\": 3}}", "\"x\" is not the name of a tactic"},
    };
    char path[] = "/tmp/ep_timings_XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ep_error err = {0};
        ep_timings *timings = NULL;
        assert_int_equal(ep_file_write(path, cases[i].text, strlen(cases[i].text), &err), EP_OK);
        assert_int_equal(ep_timings_load(path, &timings, &err), EP_BAD_FILE);
        assert_non_null(strstr(err.text, cases[i].message));
    }
    (void)unlink(path);
}

/* ---- batches ------------------------------------------------------------------------------- */

static double latency_of(fixture *f, int64_t batch, ep_precision_choice precision)
{
    fixture g = {.machine = f->machine};
    ep_error err = {0};
    const ep_specialize_options options = {.batch = batch};
    if (ep_specialize(f->imported, &options, &g.network, &err) != EP_OK ||
        ep_layers_build(g.network, &g.layers, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    make_plan(&g, "gpu", precision);
    const ep_point point = ep_point_of(g.machine, &g.machine->modes[0]);
    double ns = 0;
    for (uint32_t k = 0; k < g.plan->n_kernels; k++) {
        ns += ep_cost_ns(&g.planned->costs[k], &point, NULL);
    }
    g.machine = NULL;
    fixture_free(&g);
    return ns;
}

/* Twice the batch takes longer, and hardly more than twice as long. */
static void visit_batches(fixture *f)
{
    for (uint32_t p = 0; p < N_PRECISIONS; p++) {
        double before = latency_of(f, 1, precisions[p]);
        for (int64_t batch = 2; batch <= 8; batch *= 2) {
            const double ns = latency_of(f, batch, precisions[p]);
            assert_at_most("a batch", f->network->name, before, ns);
            assert_at_most("twice a batch", f->network->name, ns, 2.3 * before);
            before = ns;
        }
    }
}

static void twice_the_batch_is_at_most_a_little_more_than_twice(void **state)
{
    (void)state;
    static const char *const examples[] = {
        "resnet50.onnx",      "mobilenet_v3_large.onnx", "yolov8n.onnx", "swin_t.onnx",
        "squeezenet1_1.onnx", "vit_b_16_dynamo.onnx",    "alexnet.onnx", "densenet121.onnx"};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        for (size_t m = 0; m < N_MACHINES; m++) {
            fixture f = {0};
            load_example(&f, examples[i]);
            f.machine = load_machine_of(machines[m]);
            visit_batches(&f);
            fixture_free(&f);
        }
    }
}

/* ---- blocks on SMs ------------------------------------------------------------------------- */

static double blocks_ns(ep_machine *machine, const ep_phases *phases)
{
    machine->gpu.kernel_floor_us = machine->gpu.launch_cycles = 0;
    ep_cost cost = {.device = EP_GPU, .precision = EP_FP16, .n_tactics = 1, .tactics = {*phases}};
    ep_point point = ep_point_of(machine, &machine->modes[0]);
    point.gpu_mhz = 1000;
    point.gpu_sms = 16;
    return ep_cost_ns(&cost, &point, NULL);
}

/* Units are shared: 64 blocks of 500 cycles on 16 SMs take 2000 whether one fits at a time or four;
 * what blocks wait for is not: 4 x 500 of waiting, or 500. What comes before and after the steps of
 * a block is hidden by the others, but for the first. */
static void blocks_on_an_sm_hide_each_others_waits(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    ep_phases p = {.tiles = 64, .resident = 1, .tensor_tile_cycles = 500};
    assert_close(blocks_ns(machine, &p), 4 * 500);
    p.resident = 4;
    assert_close(blocks_ns(machine, &p), 4 * 500);
    p.start_cycles = 100;
    assert_close(blocks_ns(machine, &p), 100 + 4 * 500);
    p.resident = 1;
    assert_close(blocks_ns(machine, &p), 4 * 600);
    p = (ep_phases){.tiles = 64, .resident = 1, .tensor_tile_cycles = 10, .wait_cycles = 500};
    assert_close(blocks_ns(machine, &p), 4 * 500);
    p.resident = 4;
    assert_close(blocks_ns(machine, &p), 500);
    p.tiles = 65; /* a tail: one SM has five blocks */
    assert_close(blocks_ns(machine, &p), 2 * 500);
    p.serial_cycles = 70;
    assert_close(blocks_ns(machine, &p), 2 * 500 + 70);
    /* In step, nobody works while the others wait: five blocks in rounds of four and one. */
    p = (ep_phases){.tiles = 65, .resident = 4, .tensor_tile_cycles = 300, .lockstep_cycles = 200};
    assert_close(blocks_ns(machine, &p), 2 * 200 + 5 * 300);
    ep_machine_free(machine);
}

/* The slowest of tensor cores, CUDA cores, shared memory and L2 decides. 16 blocks of 64,000 bytes
 * at 64 a cycle and SM, or all together at 1024 a cycle. */
static void the_slowest_unit_decides(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    machine->gpu.l2_bytes_per_sm_clock = 64;
    machine->gpu.l2_bytes_per_clock = 4096;
    ep_phases p = {.tiles = 16,
                   .tensor_tile_cycles = 900,
                   .cuda_tile_cycles = 800,
                   .shared_tile_cycles = 950,
                   .l2_bytes = 16 * 64000.0};
    assert_close(blocks_ns(machine, &p), 1000);
    machine->gpu.l2_bytes_per_sm_clock = 1e5;
    assert_close(blocks_ns(machine, &p), 950);
    machine->gpu.l2_bytes_per_clock = 512;
    assert_close(blocks_ns(machine, &p), 2000);
    ep_machine_free(machine);
}

/* ---- views --------------------------------------------------------------------------------- */

/* A transposition that only a product of computed operands reads, or that follows one, is part of
 * it; any other moves bytes. */
static void products_absorb_transpositions(void **state)
{
    (void)state;
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x16x4x32");
    onnx_input(&f.model, "z", EP_DTYPE_FLOAT, "1x4x32x16");
    onnx_node(&f.model, "a = Transpose(x) perm=[0,2,1,3]");
    onnx_node(&f.model, "c = MatMul(a, z)");
    onnx_node(&f.model, "y = Transpose(c) perm=[0,2,1,3]");
    onnx_node(&f.model, "w = Transpose(x) perm=[0,3,2,1]");
    onnx_output(&f.model, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "w", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    make_plan(&f, "gpu", EP_CHOOSE_FP16);
    uint32_t views = 0, n = 0;
    for (uint32_t k = 0; k < f.plan->n_kernels; k++) {
        if (f.plan->kernels[k].kind == EP_KERNEL_REFORMAT) continue;
        views += f.planned->costs[k].is_view;
        n++;
    }
    assert_int_equal(n, 4);
    assert_int_equal(views, 2);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_kernel_beats_the_roofline),
        cmocka_unit_test(more_hardware_is_never_slower),
        cmocka_unit_test(more_tactics_are_never_slower),
        cmocka_unit_test(a_timing_cache_spares_the_search),
        cmocka_unit_test(a_broken_timing_cache_is_refused),
        cmocka_unit_test(twice_the_batch_is_at_most_a_little_more_than_twice),
        cmocka_unit_test(blocks_on_an_sm_hide_each_others_waits),
        cmocka_unit_test(the_slowest_unit_decides),
        cmocka_unit_test(products_absorb_transpositions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
