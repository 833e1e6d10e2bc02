/* Workloads: scenarios keep their definitions, networks feel each other as boards say they do. */
#include <math.h>

#include "study/study.h"
#include "tests/unit/plan_fixture.h"

static const ep_mode *mode_of(const ep_machine *machine, const char *name)
{
    const ep_mode *mode = NULL;
    assert_int_equal(ep_machine_mode(machine, name, &mode, NULL), EP_OK);
    return mode;
}

static void load(fixture *f, const char *model, int64_t batch, const char *strategy,
                 ep_precision_choice precision)
{
    char path[512];
    ep_error err = {0};
    (void)snprintf(path, sizeof path, EXAMPLES "/%s", model);
    const ep_specialize_options options = {.batch = batch};
    if (ep_network_load(path, &f->imported, &err) != EP_OK ||
        ep_specialize(f->imported, &options, &f->network, &err) != EP_OK ||
        ep_layers_build(f->network, &f->layers, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    const ep_plan_options plan = {.precision = precision};
    if (try_plan(f, strategy, &plan, &err) != EP_OK) fail_msg("%s", err.text);
}

static ep_lane lane_of(const fixture *f, ep_device device)
{
    return (ep_lane){.name = f->network->name,
                     .planned = f->planned,
                     .batch = f->network->batch_to,
                     .device = device,
                     .in_flight = 1};
}

static ep_workload_run simulate(const ep_workload *workload, const ep_point *point, ep_arena *arena)
{
    ep_workload_run run;
    ep_error err = {0};
    if (ep_workload_simulate(workload, point, NULL, arena, &run, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return run;
}

static void assert_near(double actual, double expected, double tolerance)
{
    if (fabs(actual - expected) <= tolerance * fabs(expected)) return;
    fail_msg("%.6g, expected %.6g", actual, expected);
}

/* ---- scenarios ----------------------------------------------------------------------------- */

static void one_stream_takes_the_zero_load_time(void **state)
{
    (void)state;
    fixture f = {0};
    load(&f, "resnet50.onnx", 1, "gpu", EP_CHOOSE_INT8);
    for (uint32_t m = 0; m < f.machine->n_modes; m++) {
        const ep_point point = ep_point_of(f.machine, &f.machine->modes[m]);
        const ep_lane lane = lane_of(&f, EP_GPU);
        ep_workload w = {.n_lanes = 1, .lanes = &lane, .scenario = EP_SCENARIO_SINGLE_STREAM};
        ep_arena *arena = ep_arena_new();
        const ep_workload_run single = simulate(&w, &point, arena);
        const ep_source_result *s = &single.timeline.sources[0];
        const double ns = single.tasks[0].ns;
        assert_near(ep_percentile(s->latency_ns, s->n_answered, 90), ns, 1e-3);
        assert_near(single.images_per_s, 1e9 / ns, 1e-3);
        w.scenario = EP_SCENARIO_OFFLINE;
        assert_near(simulate(&w, &point, arena).images_per_s, 1e9 / ns, 1e-3);
        w.scenario = EP_SCENARIO_MULTI_STREAM; /* eight at once, one after the other */
        const ep_workload_run multi = simulate(&w, &point, arena);
        const ep_source_result *q = &multi.timeline.sources[0];
        assert_near(ep_percentile(q->latency_ns, q->n_answered, 99), 8 * ns, 1e-3);
        ep_arena_free(arena);
    }
    fixture_free(&f);
}

static void a_server_keeps_its_bound(void **state)
{
    (void)state;
    fixture f = {0};
    load(&f, "resnet50.onnx", 1, "gpu", EP_CHOOSE_INT8);
    const ep_point point = ep_point_of(f.machine, mode_of(f.machine, "MAXN"));
    const ep_lane lane = lane_of(&f, EP_GPU);
    ep_workload w = {.n_lanes = 1, .lanes = &lane, .scenario = EP_SCENARIO_SERVER};
    double last = 0;
    ep_arena *arena = ep_arena_new();
    for (w.bound_ns = 2e6; w.bound_ns <= 32e6; w.bound_ns *= 4) {
        const ep_workload_run run = simulate(&w, &point, arena);
        const ep_source_result *s = &run.timeline.sources[0];
        assert_int_equal(s->n_answered, s->n_asked);
        assert_true(ep_percentile(s->latency_ns, s->n_answered, 99) <= w.bound_ns);
        assert_true(run.rate > last && run.rate < 1e9 / run.tasks[0].ns);
        last = run.rate;
    }
    w.bound_ns = 1e3;
    assert_true(simulate(&w, &point, arena).rate == 0);
    /* an M/D/1 queue at half its rate: the mean wait is rho / (2 (1 - rho)) of a service */
    const double ns = simulate(&w, &point, arena).tasks[0].ns;
    w.bound_ns = 0;
    w.rate = 0.5e9 / ns;
    const ep_workload_run half = simulate(&w, &point, arena);
    const ep_source_result *s = &half.timeline.sources[0];
    double sum = 0;
    for (uint32_t i = 0; i < s->n_answered; i++) sum += s->latency_ns[i];
    assert_near(sum / s->n_answered, 1.5 * ns, 0.05);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- networks ------------------------------------------------------------------------------ */

static void periods_repeat_after_the_hyper_period(void **state)
{
    (void)state;
    fixture f = {0};
    load(&f, "alexnet.onnx", 1, "gpu", EP_CHOOSE_INT8);
    const ep_point point = ep_point_of(f.machine, mode_of(f.machine, "MAXN"));
    ep_lane lanes[2] = {lane_of(&f, EP_GPU), lane_of(&f, EP_GPU)};
    lanes[0].fps = 30;
    lanes[1].fps = 25;
    lanes[0].deadline_ns = lanes[1].deadline_ns = 10e6;
    const ep_workload w = {.n_lanes = 2, .lanes = lanes, .scenario = EP_SCENARIO_NETWORKS};
    ep_arena *arena = ep_arena_new();
    const ep_workload_run run = simulate(&w, &point, arena);
    assert_near(run.hyper_ns, 200e6, 1e-12);
    assert_near(run.timeline.end_ns - run.timeline.start_ns, 1e9, 1e-9);
    for (int l = 0; l < 2; l++) {
        assert_near(run.timeline.uses[l].images_per_s, lanes[l].fps, 1e-9);
        assert_int_equal(run.timeline.sources[l].n_late, 0);
    }
    lanes[0].deadline_ns = run.tasks[0].ns * 0.5;
    const ep_workload_run late = simulate(&w, &point, arena);
    assert_int_equal(late.timeline.sources[0].n_late, late.timeline.sources[0].n_asked);
    ep_arena_free(arena);
    fixture_free(&f);
}

static void more_than_there_is_time_for_falls_behind(void **state)
{
    (void)state;
    fixture f = {0};
    load(&f, "alexnet.onnx", 1, "gpu", EP_CHOOSE_INT8);
    const ep_point point = ep_point_of(f.machine, mode_of(f.machine, "15W"));
    ep_lane lane = lane_of(&f, EP_GPU);
    ep_workload w = {.n_lanes = 1, .lanes = &lane, .scenario = EP_SCENARIO_NETWORKS};
    ep_arena *arena = ep_arena_new();
    const double most = simulate(&w, &point, arena).images_per_s;
    lane.fps = 2 * most;
    lane.deadline_ns = 1e9 / lane.fps;
    const ep_workload_run run = simulate(&w, &point, arena);
    assert_near(run.images_per_s, most, 0.01);
    assert_near(run.unit_pct[EP_UNIT_GPU], 100, 1e-3);
    assert_true(run.timeline.sources[0].n_late > 0.95 * run.timeline.sources[0].n_asked);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- what boards say ----------------------------------------------------------------------- */

/* Times of a GPU network and of one on each of `cores` DLA cores, all at once. */
static void run_beside(const fixture *gpu, const fixture *dla, uint32_t cores, ep_arena *arena,
                       double *gpu_ns, double *dla_ns)
{
    const ep_point point = ep_point_of(gpu->machine, mode_of(gpu->machine, "MAXN"));
    const ep_lane lanes[3] = {lane_of(gpu, EP_GPU), lane_of(dla, EP_DLA0), lane_of(dla, EP_DLA1)};
    const ep_workload w = {.n_lanes = 1 + cores, .lanes = lanes, .scenario = EP_SCENARIO_NETWORKS};
    const ep_workload_run run = simulate(&w, &point, arena);
    *gpu_ns = run.timeline.uses[0].latency_ns;
    *dla_ns = cores ? run.timeline.uses[1].latency_ns : 0;
}

/* NVIDIA/TensorRT#2745: a GPU network of 45 ms takes 51 beside one busy DLA core and 59 beside two;
 * theirs 20.8 and 21.8 instead of 17. Its networks are not known; these are detectors, the DLA's
 * with reformats and its last layers on the GPU, as it would be through TensorRT. */
static void a_gpu_network_beside_busy_dla_cores(void **state)
{
    (void)state;
    fixture gpu = {0}, dla = {0};
    load(&gpu, "yolov8l.onnx", 4, "gpu", EP_CHOOSE_FP16);
    load(&dla, "retinanet_resnext50_800.onnx", 1, "greedy", EP_CHOOSE_INT8);
    ep_arena *arena = ep_arena_new();
    double alone, one, two, ignored, dla_one, dla_two;
    run_beside(&gpu, &dla, 0, arena, &alone, &ignored);
    run_beside(&gpu, &dla, 1, arena, &one, &dla_one);
    run_beside(&gpu, &dla, 2, arena, &two, &dla_two);
    const ep_point point = ep_point_of(dla.machine, mode_of(dla.machine, "MAXN"));
    ep_run dla_alone;
    assert_int_equal(ep_sim_run(dla.plan, dla.planned->costs, &point, &(ep_run_options){1, 1},
                                arena, &dla_alone, NULL),
                     EP_OK);
    print_message("GPU x %.3f, x %.3f; DLA x %.3f, x %.3f\n", one / alone, two / alone,
                  dla_one / dla_alone.latency_ns, dla_two / dla_alone.latency_ns);
    assert_near(one / alone, 51.0 / 45, 0.15);
    assert_near(two / alone, 59.0 / 45, 0.15);
    assert_near(dla_one / dla_alone.latency_ns, 20.8 / 17, 0.15);
    assert_near(dla_two / dla_alone.latency_ns, 21.8 / 17, 0.15);
    ep_arena_free(arena);
    fixture_free(&gpu);
    fixture_free(&dla);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stream_takes_the_zero_load_time),
        cmocka_unit_test(a_server_keeps_its_bound),
        cmocka_unit_test(periods_repeat_after_the_hyper_period),
        cmocka_unit_test(more_than_there_is_time_for_falls_behind),
        cmocka_unit_test(a_gpu_network_beside_busy_dla_cores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
