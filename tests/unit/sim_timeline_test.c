/* Timelines: memory and work are conserved, whoever is named first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/plan_fixture.h"

/* ---- made-up workloads --------------------------------------------------------------------- */

enum { MOST_USES = 6, MOST_STEPS = 12 };

typedef struct workload {
    ep_point point;
    uint32_t n;
    ep_step steps[MOST_USES][MOST_STEPS];
    ep_task tasks[MOST_USES];
    ep_source sources[MOST_USES];
    ep_engine_use uses[MOST_USES];
    double at_ns[4];
    double cpu_gbps;
} workload;

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static double between(uint64_t *state, double low, double high)
{
    return low + (high - low) * (double)next_random(state) / (double)(1u << 31);
}

static void random_step(workload *w, uint64_t *state, ep_step *step)
{
    *step = (ep_step){.unit = (ep_unit)(next_random(state) % EP_UNIT_COUNT),
                      .kernel = EP_NO_INDEX,
                      .fixed_ns = between(state, 1, 1000)};
    if (step->unit != EP_UNIT_HOST && next_random(state) % 4) {
        step->dram_bytes = between(state, 0, 400e3);
    }
    const bool dla = step->unit == EP_UNIT_DLA0 || step->unit == EP_UNIT_DLA1;
    const double reach = dla                         ? w->point.dla_dram_gbps
                         : step->unit == EP_UNIT_GPU ? w->point.gpu_dram_gbps
                                                     : w->point.dram_gbps;
    step->ns = step->fixed_ns + step->dram_bytes / reach;
}

static void random_task(workload *w, uint64_t *state, uint32_t i)
{
    ep_task *task = &w->tasks[i];
    *task = (ep_task){.name = "made up",
                      .point = &w->point,
                      .batch = 1 + (int64_t)(next_random(state) % 3),
                      .n_steps = 1 + (uint32_t)(next_random(state) % MOST_STEPS),
                      .steps = w->steps[i]};
    for (uint32_t s = 0; s < task->n_steps; s++) {
        random_step(w, state, &w->steps[i][s]);
        task->ns += w->steps[i][s].ns;
        task->unit_ns[w->steps[i][s].unit] += w->steps[i][s].ns;
    }
}

/* `finite`: sources that end. */
static void random_workload(workload *w, const ep_point *point, uint64_t seed, bool finite)
{
    uint64_t state = seed * 7919 + 17;
    *w = (workload){.point = *point, .at_ns = {0, 0, 900, 15000}};
    w->n = 1 + (uint32_t)(next_random(&state) % MOST_USES);
    if (next_random(&state) % 3 == 0) w->cpu_gbps = between(&state, 1, 80);
    for (uint32_t i = 0; i < w->n; i++) {
        random_task(w, &state, i);
        ep_source *source = &w->sources[i];
        *source = (ep_source){.name = "made up",
                              .arrival = finite ? EP_AT : next_random(&state) % 3,
                              .images = 1 + (int64_t)(next_random(&state) % 4),
                              .period_ns = w->tasks[i].ns * between(&state, 0.3, 3),
                              .offset_ns = next_random(&state) % 2 ? between(&state, 0, 5e3) : 0,
                              .n_at = 1 + (uint32_t)(next_random(&state) % 4),
                              .at_ns = w->at_ns,
                              .deadline_ns = w->tasks[i].ns * 1.5};
        w->uses[i] = (ep_engine_use){.source = i ? (uint32_t)(next_random(&state) % i) : 0,
                                     .task = &w->tasks[i],
                                     .in_flight = 1 + (uint32_t)(next_random(&state) % 3)};
        if (next_random(&state) % 2) w->uses[i].source = i;
    }
    for (uint32_t i = 0; i < w->n; i++) w->uses[i].source %= w->n;
}

/* ---- what is watched ----------------------------------------------------------------------- */

typedef struct watch {
    const workload *w;
    uint64_t spans;
    double dram_bytes; /* of the spans' steps */
    double last_end_ns;
    double busy_ns[EP_UNIT_COUNT]; /* at zero load */
    double last_ns[EP_UNIT_COUNT]; /* end of the last span of each */
} watch;

static void watch_span(void *context, const ep_span *span)
{
    watch *seen = context;
    const ep_step *step = &seen->w->uses[span->use].task->steps[span->step];
    assert_int_equal(step->unit, span->unit);
    assert_true(span->end_ns - span->start_ns >= step->ns * (1 - 1e-9) - 1e-6);
    if (span->unit != EP_UNIT_HOST) { /* one at a time */
        assert_true(span->start_ns >= seen->last_ns[span->unit]);
        seen->last_ns[span->unit] = span->end_ns;
    }
    seen->spans++;
    seen->dram_bytes += step->dram_bytes;
    seen->busy_ns[span->unit] += step->ns;
    seen->last_end_ns = span->end_ns;
}

static void watch_level(void *context, const ep_level *level)
{
    const watch *seen = context;
    double used = level->cpu_gbps, alone = seen->w->cpu_gbps;
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        assert_true(level->used_gbps[u] >= 0);
        assert_true(level->used_gbps[u] <= level->alone_gbps[u] * (1 + 1e-9));
        used += level->used_gbps[u];
        alone += level->alone_gbps[u];
    }
    assert_true(used <= level->capacity_gbps * (1 + 1e-6));
    /* nothing is left lying while somebody waits for it */
    assert_true(used >= fmin(alone, level->capacity_gbps) * (1 - 1e-5));
}

static ep_timeline run(const workload *w, double warm_ns, double end_ns, watch *seen,
                       ep_arena *arena)
{
    *seen = (watch){.w = w};
    const ep_observer observer = {.context = seen, .span = watch_span, .level = watch_level};
    const ep_timeline_options options = {.point = &w->point,
                                         .n_sources = w->n,
                                         .sources = w->sources,
                                         .n_uses = w->n,
                                         .uses = w->uses,
                                         .cpu_gbps = w->cpu_gbps,
                                         .warm_ns = warm_ns,
                                         .end_ns = end_ns,
                                         .observer = &observer};
    ep_timeline out;
    ep_error err = {0};
    if (ep_sim_timeline(&options, arena, &out, &err) != EP_OK) fail_msg("%s", err.text);
    return out;
}

static ep_point point_of(const ep_machine *machine, const char *mode_name)
{
    const ep_mode *mode;
    assert_int_equal(ep_machine_mode(machine, mode_name, &mode, NULL), EP_OK);
    return ep_point_of(machine, mode);
}

/* ---- random workloads ---------------------------------------------------------------------- */

/* Queries of a source that some use serves are answered, each once. */
static void assert_all_answered(const workload *w, const ep_timeline *out)
{
    for (uint32_t q = 0; q < w->n; q++) {
        bool served = false;
        for (uint32_t u = 0; u < w->n; u++) served |= w->uses[u].source == q;
        assert_int_equal(out->sources[q].n_asked, w->sources[q].n_at);
        assert_int_equal(out->sources[q].n_answered, served ? w->sources[q].n_at : 0);
    }
}

static void all_that_is_asked_gets_done(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    const ep_point point = point_of(machine, "MAXN");
    const double loss = machine->dram.switch_loss;
    for (uint64_t seed = 0; seed < 5000; seed++) {
        workload w;
        watch seen;
        random_workload(&w, &point, seed, true);
        ep_arena *arena = ep_arena_new();
        const ep_timeline out = run(&w, 0, INFINITY, &seen, arena);
        assert_all_answered(&w, &out);
        double busiest = 0, serial = w.at_ns[3];
        for (int u = 0; u < EP_UNIT_COUNT; u++) {
            if (u != EP_UNIT_HOST) busiest = fmax(busiest, seen.busy_ns[u]);
            serial += seen.busy_ns[u];
        }
        assert_true(out.end_ns >= busiest * (1 - 1e-9));
        if (w.cpu_gbps == 0) {
            assert_true(out.end_ns <= serial / (1 - loss) * (1 + 1e-9));
            assert_true(fabs(out.dram_bytes - seen.dram_bytes) <= 1e-6 * seen.dram_bytes + 1e-3);
        }
        assert_true(out.end_ns >= seen.last_end_ns); /* a query may come that nobody serves */
        ep_arena_free(arena);
    }
    ep_machine_free(machine);
}

static void endless_workloads_never_stall(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    const ep_point point = point_of(machine, "30W");
    for (uint64_t seed = 0; seed < 5000; seed++) {
        workload w;
        watch seen;
        random_workload(&w, &point, seed, false);
        ep_arena *arena = ep_arena_new();
        const ep_timeline out = run(&w, 20e3, 120e3, &seen, arena);
        assert_true(out.end_ns == 120e3 && out.start_ns == 20e3);
        assert_true(seen.spans > 0);
        for (int u = 0; u < EP_UNIT_COUNT; u++) {
            assert_true(out.busy_ns[u] >= 0 && out.busy_ns[u] <= 100e3 * (1 + 1e-9));
        }
        for (uint32_t q = 0; q < w.n; q++) {
            const ep_source_result *r = &out.sources[q];
            assert_true(r->n_answered <= r->n_asked && r->n_late <= r->n_asked);
            for (uint32_t i = 1; i < r->n_answered; i++) {
                assert_true(r->latency_ns[i - 1] <= r->latency_ns[i]);
            }
        }
        ep_arena_free(arena);
    }
    ep_machine_free(machine);
}

/* Names in the opposite order. */
static void reverse(const workload *w, workload *out)
{
    *out = *w;
    for (uint32_t i = 0; i < w->n; i++) {
        const uint32_t j = w->n - 1 - i;
        out->sources[j] = w->sources[i];
        out->sources[j].at_ns = out->at_ns;
        out->tasks[j] = w->tasks[i];
        out->tasks[j].point = &out->point;
        out->uses[j] = w->uses[i];
        out->uses[j].task = &out->tasks[j];
        out->uses[j].source = w->n - 1 - w->uses[i].source;
    }
}

static void who_is_named_first_does_not_matter(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    const ep_point point = point_of(machine, "MAXN");
    for (uint64_t seed = 0; seed < 1000; seed++) {
        workload forth, back;
        watch seen_forth, seen_back;
        random_workload(&forth, &point, seed, seed % 2);
        reverse(&forth, &back);
        ep_arena *arena = ep_arena_new();
        const double end_ns = seed % 2 ? INFINITY : 80e3;
        const ep_timeline a = run(&forth, 0, end_ns, &seen_forth, arena);
        const ep_timeline b = run(&back, 0, end_ns, &seen_back, arena);
        assert_true(a.end_ns == b.end_ns && a.n_events == b.n_events);
        assert_true(a.dram_bytes == b.dram_bytes);
        for (uint32_t q = 0; q < forth.n; q++) {
            const ep_source_result *x = &a.sources[q], *y = &b.sources[forth.n - 1 - q];
            assert_int_equal(x->n_answered, y->n_answered);
            assert_int_equal(x->n_late, y->n_late);
            assert_memory_equal(x->latency_ns, y->latency_ns, x->n_answered * sizeof(double));
        }
        ep_arena_free(arena);
    }
    ep_machine_free(machine);
}

/* ---- memory, by hand ----------------------------------------------------------------------- */

typedef struct shares {
    double gpu, dla, cpu, capacity;
} shares;

static void first_level(void *context, const ep_level *level)
{
    shares *seen = context;
    if (seen->capacity > 0) return;
    *seen = (shares){level->used_gbps[EP_UNIT_GPU], level->used_gbps[EP_UNIT_DLA0], level->cpu_gbps,
                     level->capacity_gbps};
}

/* What a GPU that could use 160 GB/s, a DLA core that could use 50 and a CPU get of 180. */
static shares share(const ep_machine *machine, double cpu_gbps)
{
    ep_point point = point_of(machine, "MAXN");
    point.dram_gbps = 180;
    point.gpu_dram_gbps = 160;
    point.dla_dram_gbps = 50;
    const ep_step steps[2] = {
        {.unit = EP_UNIT_GPU, .kernel = EP_NO_INDEX, .dram_bytes = 160e3, .ns = 1e3},
        {.unit = EP_UNIT_DLA0, .kernel = EP_NO_INDEX, .dram_bytes = 50e3, .ns = 1e3}};
    ep_task tasks[2];
    ep_source sources[2];
    ep_engine_use uses[2];
    const double at_ns[] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        tasks[i] = (ep_task){.name = "made up",
                             .point = &point,
                             .batch = 1,
                             .n_steps = 1,
                             .steps = &steps[i],
                             .ns = 1e3};
        sources[i] = (ep_source){
            .name = "made up", .arrival = EP_AT, .images = 1, .n_at = 1, .at_ns = at_ns};
        uses[i] = (ep_engine_use){.source = i, .task = &tasks[i], .in_flight = 1};
    }
    shares seen = {0};
    const ep_observer observer = {.context = &seen, .level = first_level};
    const ep_timeline_options options = {.point = &point,
                                         .n_sources = 2,
                                         .sources = sources,
                                         .n_uses = 2,
                                         .uses = uses,
                                         .cpu_gbps = cpu_gbps,
                                         .end_ns = INFINITY,
                                         .observer = &observer};
    ep_timeline out;
    ep_arena *arena = ep_arena_new();
    assert_int_equal(ep_sim_timeline(&options, arena, &out, NULL), EP_OK);
    ep_arena_free(arena);
    return seen;
}

static void assert_shares(shares actual, shares expected)
{
    assert_true(fabs(actual.gpu - expected.gpu) < 1e-3);
    assert_true(fabs(actual.dla - expected.dla) < 1e-3);
    assert_true(fabs(actual.cpu - expected.cpu) < 1e-3);
    assert_true(fabs(actual.capacity - expected.capacity) < 1e-3);
}

static void memory_is_shared_max_min_fairly(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    machine->dram.switch_loss = 0;
    assert_shares(share(machine, 0), (shares){130, 50, 0, 180});
    /* 50 is less than a third, 65 are left for each of the others */
    assert_shares(share(machine, 100), (shares){65, 50, 65, 180});
    assert_shares(share(machine, 20), (shares){110, 50, 20, 180});
    /* half of 1 - (160/210)^2 - (50/210)^2 = 0.3628 is lost */
    machine->dram.switch_loss = 0.5;
    assert_shares(share(machine, 0), (shares){97.347, 50, 0, 147.347});
    machine->dram.uncontended = true;
    assert_shares(share(machine, 100), (shares){160, 50, 100, 310});
    ep_machine_free(machine);
}

/* ---- networks ------------------------------------------------------------------------------ */

static ep_task task_of(const fixture *f, const ep_point *point, int64_t dla_core, ep_arena *arena)
{
    const ep_task_options options = {
        .name = f->network->name, .batch = f->network->batch_to, .dla_core = dla_core};
    ep_task task;
    ep_error err = {0};
    if (ep_task_make(f->plan, f->planned->costs, point, &options, arena, &task, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return task;
}

/* One query of each task at 0, to the end. */
static ep_timeline race(const ep_task *const *tasks, uint32_t n, ep_arena *arena)
{
    static const workload no_cpu;
    watch seen = {.w = &no_cpu};
    const ep_observer observer = {.context = &seen, .level = watch_level};
    static const double at_ns[] = {0};
    ep_source *sources = EP_NEW(arena, ep_source, n);
    ep_engine_use *uses = EP_NEW(arena, ep_engine_use, n);
    for (uint32_t i = 0; i < n; i++) {
        sources[i] = (ep_source){
            .name = tasks[i]->name, .arrival = EP_AT, .images = 1, .n_at = 1, .at_ns = at_ns};
        uses[i] = (ep_engine_use){.source = i, .task = tasks[i], .in_flight = 1};
    }
    const ep_timeline_options options = {.point = tasks[0]->point,
                                         .n_sources = n,
                                         .sources = sources,
                                         .n_uses = n,
                                         .uses = uses,
                                         .end_ns = INFINITY,
                                         .observer = &observer};
    ep_timeline out;
    ep_error err = {0};
    if (ep_sim_timeline(&options, arena, &out, &err) != EP_OK) fail_msg("%s", err.text);
    return out;
}

static void visit(fixture *f)
{
    for (const char *const *s = (const char *const[]){"gpu", "greedy", NULL}; *s; s++) {
        make_plan(f, *s, EP_CHOOSE_INT8);
        for (uint32_t m = 0; m < f->machine->n_modes; m++) {
            const ep_point point = ep_point_of(f->machine, &f->machine->modes[m]);
            ep_arena *arena = ep_arena_new();
            ep_run alone;
            assert_int_equal(ep_sim_run(f->plan, f->planned->costs, &point, &(ep_run_options){1, 1},
                                        arena, &alone, NULL),
                             EP_OK);
            const ep_task task = task_of(f, &point, 0, arena);
            const ep_timeline out = race((const ep_task *const[]){&task}, 1, arena);
            assert_true(fabs(task.ns - alone.latency_ns) <= 1e-9 * task.ns);
            assert_true(fabs(out.end_ns - alone.latency_ns) <= 1e-6 * out.end_ns);
            assert_true(out.dram_limited_ns == 0);
            ep_arena_free(arena);
        }
    }
}

static void a_lone_network_is_the_sum_of_its_kernels(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    for_each_example(machine, visit);
    ep_machine_free(machine);
}

static void two_dla_cores_do_not_slow_each_other(void **state)
{
    (void)state;
    fixture f = {0};
    load_example(&f, "resnet50.onnx");
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    for (uint32_t m = 0; m < f.machine->n_modes; m++) {
        const ep_point point = ep_point_of(f.machine, &f.machine->modes[m]);
        ep_arena *arena = ep_arena_new();
        const ep_task first = task_of(&f, &point, 0, arena), second = task_of(&f, &point, 1, arena);
        const ep_timeline one = race((const ep_task *const[]){&first}, 1, arena);
        const ep_timeline both = race((const ep_task *const[]){&first, &second}, 2, arena);
        double reformats = first.unit_ns[EP_UNIT_GPU]; /* one waits for the other's */
        assert_true(both.end_ns <= one.end_ns + reformats + 1);
        assert_true(both.dram_limited_ns == 0);
        ep_arena_free(arena);
    }
    fixture_free(&f);
}

static void two_networks_on_one_engine_take_turns(void **state)
{
    (void)state;
    fixture f = {0};
    load_example(&f, "resnet18.onnx");
    make_plan(&f, "gpu", EP_CHOOSE_INT8);
    const ep_point point = point_of(f.machine, "MAXN");
    ep_arena *arena = ep_arena_new();
    const ep_task a = task_of(&f, &point, 0, arena), b = task_of(&f, &point, 0, arena);
    const ep_timeline both = race((const ep_task *const[]){&a, &b}, 2, arena);
    assert_true(fabs(both.end_ns - 2 * a.ns) <= 1e-6 * both.end_ns);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* Kernels that want more than there is: at least the busiest unit's time, at most all in turn. */
static void networks_that_share_memory_stay_between_the_bounds(void **state)
{
    (void)state;
    fixture f[2] = {0};
    load_example(&f[0], "vgg16.onnx");
    make_plan(&f[0], "gpu", EP_CHOOSE_FP16);
    load_example(&f[1], "resnet50.onnx");
    make_plan(&f[1], "greedy", EP_CHOOSE_INT8);
    double limited_ns = 0;
    for (uint32_t m = 0; m < f[0].machine->n_modes; m++) {
        const ep_point point = ep_point_of(f[0].machine, &f[0].machine->modes[m]);
        ep_arena *arena = ep_arena_new();
        const ep_task tasks[3] = {task_of(&f[0], &point, 0, arena),
                                  task_of(&f[1], &point, 0, arena),
                                  task_of(&f[1], &point, 1, arena)};
        const ep_timeline out =
            race((const ep_task *const[]){&tasks[0], &tasks[1], &tasks[2]}, 3, arena);
        double serial = 0, busiest = 0;
        for (int u = 0; u < EP_UNIT_COUNT; u++) {
            double busy = 0;
            for (int i = 0; i < 3; i++) busy += tasks[i].unit_ns[u];
            serial += busy;
            if (u != EP_UNIT_HOST) busiest = fmax(busiest, busy);
        }
        assert_true(out.end_ns >= busiest * (1 - 1e-9));
        assert_true(out.end_ns <= serial * (1 + 1e-9));
        limited_ns += out.dram_limited_ns;
        ep_arena_free(arena);
    }
    assert_true(limited_ns > 0);
    fixture_free(&f[0]);
    fixture_free(&f[1]);
}

/* Read and written: an image in FP32 or, where ends are native, in INT8; 1000 classes likewise. */
static void copies_move_what_the_network_takes(void **state)
{
    (void)state;
    static const double element_bytes[] = {[EP_IO_LINEAR] = 4, [EP_IO_NATIVE] = 1};
    fixture f = {0};
    load_example(&f, "resnet50.onnx");
    for (ep_io io = EP_IO_LINEAR; io <= EP_IO_NATIVE; io++) {
        const ep_plan_options options = {.precision = EP_CHOOSE_INT8, .io = io};
        assert_int_equal(try_plan(&f, "gpu", &options, NULL), EP_OK);
        const ep_point point = point_of(f.machine, "MAXN");
        ep_arena *arena = ep_arena_new();
        const ep_task_options copied = {.name = "x", .batch = 1, .copies = true};
        ep_task task;
        assert_int_equal(
            ep_task_make(f.plan, f.planned->costs, &point, &copied, arena, &task, NULL), EP_OK);
        const ep_step *first = &task.steps[0], *last = &task.steps[task.n_steps - 1];
        assert_int_equal(first->unit, EP_UNIT_COPY);
        assert_int_equal(last->unit, EP_UNIT_COPY);
        assert_true(first->dram_bytes == 2 * 3 * 224 * 224 * element_bytes[io]);
        assert_true(last->dram_bytes == 2 * 1000 * element_bytes[io]);
        ep_arena_free(arena);
    }
    fixture_free(&f);
}

static void a_mode_without_the_core_cannot_run_it(void **state)
{
    (void)state;
    fixture f = {0};
    load_example(&f, "resnet18.onnx");
    make_plan(&f, "greedy", EP_CHOOSE_INT8);
    ep_mode mode = f.machine->modes[0];
    mode.dla_cores = 1;
    const ep_point point = ep_point_of(f.machine, &mode);
    const ep_task_options options = {.name = "x", .batch = 1, .dla_core = 1};
    ep_arena *arena = ep_arena_new();
    ep_task task;
    assert_int_equal(
        ep_task_make(f.plan, f.planned->costs, &point, &options, arena, &task, &(ep_error){0}),
        EP_INFEASIBLE);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- percentiles --------------------------------------------------------------------------- */

static void percentiles_are_of_the_nearest_rank(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    assert_true(ep_percentile(values, 10, 50) == 5);
    assert_true(ep_percentile(values, 10, 90) == 9);
    assert_true(ep_percentile(values, 10, 99) == 10);
    assert_true(ep_percentile(values, 10, 0) == 1);
    assert_true(ep_percentile(values, 1, 99) == 1);
    assert_true(isnan(ep_percentile(values, 0, 50)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_asked_gets_done),
        cmocka_unit_test(endless_workloads_never_stall),
        cmocka_unit_test(who_is_named_first_does_not_matter),
        cmocka_unit_test(memory_is_shared_max_min_fairly),
        cmocka_unit_test(a_lone_network_is_the_sum_of_its_kernels),
        cmocka_unit_test(two_dla_cores_do_not_slow_each_other),
        cmocka_unit_test(two_networks_on_one_engine_take_turns),
        cmocka_unit_test(networks_that_share_memory_stay_between_the_bounds),
        cmocka_unit_test(copies_move_what_the_network_takes),
        cmocka_unit_test(a_mode_without_the_core_cannot_run_it),
        cmocka_unit_test(percentiles_are_of_the_nearest_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
