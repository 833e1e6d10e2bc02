/* Placements of several networks: as good as the best of all that are simulated one by one, within
 * the limits, whoever is named first. */
#include <math.h>
#include <stdlib.h>

#include "study/study.h"
#include "tests/unit/plan_fixture.h"

enum { MOST = 12 };

typedef struct party {
    ep_machine *machine;
    uint32_t n_models, n;
    fixture models[3];
    ep_ways ways[3];
    ep_placed_network networks[MOST];
} party;

static ep_point point_of(const ep_machine *machine, const char *name)
{
    const ep_mode *mode = NULL;
    assert_int_equal(ep_machine_mode(machine, name, &mode, NULL), EP_OK);
    return ep_point_of(machine, mode);
}

static party make_party(void)
{
    return (party){.machine = load_machine()};
}

/* A network `count` times. */
static void add(party *p, const char *model, bool parts, int count, double fps)
{
    fixture *f = &p->models[p->n_models];
    ep_ways *ways = &p->ways[p->n_models++];
    ep_error err = {0};
    load_example(f, model);
    const ep_plan_options options = {0};
    if (ep_ways_make(f->layers, p->machine, &options, parts, ways, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    for (int i = 0; i < count; i++) {
        p->networks[p->n++] = (ep_placed_network){.lane = {.name = f->network->name,
                                                           .in_flight = 1,
                                                           .fps = fps,
                                                           .deadline_ns = fps > 0 ? 1e9 / fps : 0},
                                                  .n_ways = ways->n,
                                                  .ways = ways->ways};
    }
}

static void free_party(party *p)
{
    for (uint32_t i = 0; i < p->n_models; i++) {
        ep_ways_free(&p->ways[i]);
        fixture_free(&p->models[i]);
    }
    ep_machine_free(p->machine);
}

static ep_together find(const party *p, ep_goal goal, const ep_point *point, ep_arena *arena)
{
    const ep_together_options options = {.goal = goal, .n_networks = p->n, .networks = p->networks};
    ep_together out;
    ep_error err = {0};
    if (ep_together_find(&options, point, arena, &out, &err) != EP_OK) fail_msg("%s", err.text);
    return out;
}

/* ---- one by one ---------------------------------------------------------------------------- */

/* Loadables on each core are within its limit, and all together. */
static bool has_room(const party *p, const uint32_t *way)
{
    const ep_dla_limits *limits = &p->machine->dla.limits;
    int64_t n[2] = {0};
    for (uint32_t i = 0; i < p->n; i++) {
        const ep_way *w = &p->networks[i].ways[way[i]];
        n[w->device == EP_DLA1] += w->planned->plan.n_subgraphs;
    }
    return n[0] <= limits->loadables_per_core && n[1] <= limits->loadables_per_core &&
           n[0] + n[1] <= limits->loadables_total;
}

static ep_workload_run simulate(const party *p, const uint32_t *way, ep_scenario scenario,
                                const ep_point *point, ep_arena *arena)
{
    ep_lane lanes[MOST];
    for (uint32_t i = 0; i < p->n; i++) {
        const ep_way *w = &p->networks[i].ways[way[i]];
        lanes[i] = p->networks[i].lane;
        lanes[i].planned = w->planned;
        lanes[i].device = w->device;
        lanes[i].batch = w->batch;
    }
    const ep_workload workload = {.scenario = scenario, .n_lanes = p->n, .lanes = lanes};
    ep_workload_run run;
    ep_error err = {0};
    if (ep_workload_simulate(&workload, point, NULL, arena, &run, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return run;
}

/* Calls `visit` with every placement that there is room for. */
static void for_each_placement(const party *p,
                               void (*visit)(const party *p, const uint32_t *way, void *context),
                               void *context)
{
    uint32_t way[MOST] = {0};
    for (;;) {
        if (has_room(p, way)) visit(p, way, context);
        uint32_t i = p->n;
        while (i-- > 0 && ++way[i] == p->networks[i].n_ways) way[i] = 0;
        if (i == UINT32_MAX) return;
    }
}

typedef struct best {
    const ep_point *point;
    uint32_t n;
    double end_ns;
    double power_w; /* of those in which nobody is late */
} best;

static void earliest_end(const party *p, const uint32_t *way, void *context)
{
    best *b = context;
    ep_arena *arena = ep_arena_new();
    b->n++;
    b->end_ns =
        fmin(b->end_ns, simulate(p, way, EP_SCENARIO_ONCE, b->point, arena).timeline.end_ns);
    ep_arena_free(arena);
}

static void least_power(const party *p, const uint32_t *way, void *context)
{
    best *b = context;
    ep_arena *arena = ep_arena_new();
    const ep_workload_run run = simulate(p, way, EP_SCENARIO_NETWORKS, b->point, arena);
    bool is_late = false;
    for (uint32_t i = 0; i < p->n; i++) is_late |= run.timeline.sources[i].n_late > 0;
    b->n++;
    if (!is_late) b->power_w = fmin(b->power_w, run.power_w);
    ep_arena_free(arena);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void the_earliest_end_is_that_of_all_placements(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"googlenet.onnx", "resnet18.onnx"},
                                           {"mobilenet_v2.onnx", "squeezenet1_1.onnx"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        party p = make_party();
        add(&p, pairs[i][0], true, 1, 0);
        add(&p, pairs[i][1], true, 1, 0);
        const ep_point point = point_of(p.machine, i ? "30W" : "MAXN");
        ep_arena *arena = ep_arena_new();
        const ep_together out = find(&p, EP_GOAL_LATENCY, &point, arena);
        best b = {.point = &point, .end_ns = INFINITY};
        for_each_placement(&p, earliest_end, &b);
        assert_true(out.is_exhaustive && out.n_placements <= b.n);
        assert_true(out.n_simulated < b.n); /* bounds spare most of them */
        assert_true(fabs(out.run.timeline.end_ns - b.end_ns) <= 1e-9 * b.end_ns);
        ep_arena_free(arena);
        free_party(&p);
    }
}

static void the_least_power_is_that_of_all_placements(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        double fps[3];
    } cases[] = {{"MAXN", {30, 60, 20}}, {"30W", {200, 100, 300}}, {"15W", {10, 200, 100}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        party p = make_party();
        add(&p, "resnet50.onnx", false, 1, cases[i].fps[0]);
        add(&p, "mobilenet_v2.onnx", false, 1, cases[i].fps[1]);
        add(&p, "resnet18.onnx", false, 1, cases[i].fps[2]);
        const ep_point point = point_of(p.machine, cases[i].mode);
        ep_arena *arena = ep_arena_new();
        const ep_together out = find(&p, EP_GOAL_ENERGY, &point, arena);
        best b = {.point = &point, .power_w = INFINITY};
        for_each_placement(&p, least_power, &b);
        assert_int_equal(b.n, 27); /* each on the GPU or a core */
        assert_true(ep_score_holds(&out.score) == isfinite(b.power_w));
        if (isfinite(b.power_w)) assert_true(out.run.power_w <= b.power_w + 0.1); /* a tenth */
        ep_arena_free(arena);
        free_party(&p);
    }
}

static void loadables_stay_within_the_limits(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "yolov8n.onnx", true, 2, 30);
    const ep_point point = point_of(p.machine, "MAXN");
    for (int64_t most = 16; most >= 0; most -= 4) {
        p.machine->dla.limits.loadables_per_core = most;
        p.machine->dla.limits.loadables_total = most;
        ep_arena *arena = ep_arena_new();
        const ep_together out = find(&p, EP_GOAL_ENERGY, &point, arena);
        assert_true(has_room(&p, out.way));
        assert_true(ep_score_holds(&out.score));
        for (uint32_t i = 0; i < p.n && most == 0; i++) {
            assert_int_equal(p.networks[i].ways[out.way[i]].device, EP_GPU);
        }
        ep_arena_free(arena);
    }
    free_party(&p);
}

/* Two networks of 12 million parameters in INT8, and their activations. */
static void memory_is_a_limit(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "resnet18.onnx", false, 2, 30);
    const ep_point point = point_of(p.machine, "MAXN");
    const ep_together_options options = {.n_networks = 2, .networks = p.networks};
    static const struct {
        uint64_t bytes;
        ep_status status;
    } cases[] = {{40000000, EP_OK}, {20000000, EP_INFEASIBLE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p.machine->dram.bytes = cases[i].bytes;
        ep_arena *arena = ep_arena_new();
        ep_together out;
        ep_error err = {0};
        assert_int_equal(ep_together_find(&options, &point, arena, &out, &err), cases[i].status);
        ep_arena_free(arena);
    }
    free_party(&p);
}

static void who_is_named_first_does_not_matter(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "googlenet.onnx", true, 1, 50);
    add(&p, "resnet18.onnx", true, 1, 100);
    add(&p, "squeezenet1_1.onnx", true, 1, 0);
    const ep_point point = point_of(p.machine, "50W");
    ep_arena *arena = ep_arena_new();
    const ep_together forth = find(&p, EP_GOAL_ENERGY, &point, arena);
    const ep_placed_network first = p.networks[0];
    p.networks[0] = p.networks[2];
    p.networks[2] = first;
    const ep_together back = find(&p, EP_GOAL_ENERGY, &point, arena);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(forth.way[i], back.way[2 - i]);
    assert_true(forth.run.power_w == back.run.power_w);
    ep_arena_free(arena);
    free_party(&p);
}

/* More than can be listed: no single network could do better elsewhere. */
static void no_network_of_many_is_better_off_elsewhere(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "resnet18.onnx", true, 5, 100);
    add(&p, "googlenet.onnx", true, 4, 50);
    add(&p, "squeezenet1_1.onnx", true, 3, 200);
    const ep_point point = point_of(p.machine, "MAXN");
    ep_arena *arena = ep_arena_new();
    const ep_together out = find(&p, EP_GOAL_ENERGY, &point, arena);
    assert_false(out.is_exhaustive);
    assert_true(ep_score_holds(&out.score));
    uint32_t way[MOST];
    for (uint32_t i = 0; i < p.n; i++) way[i] = out.way[i];
    for (uint32_t i = 0; i < p.n; i += 3) {
        for (way[i] = 0; way[i] < 3; way[i]++) { /* whole */
            if (!has_room(&p, way)) continue;
            best b = {.point = &point, .power_w = INFINITY};
            least_power(&p, way, &b);
            assert_true(b.power_w >= out.run.power_w - 0.1);
        }
        way[i] = out.way[i];
    }
    ep_arena_free(arena);
    free_party(&p);
}

/* 100 GPUs would not be enough. */
static void what_cannot_hold_is_said(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "vgg16.onnx", false, 2, 20000);
    const ep_point point = point_of(p.machine, "15W");
    ep_arena *arena = ep_arena_new();
    const ep_together out = find(&p, EP_GOAL_ENERGY, &point, arena);
    assert_true(out.score.overload > 10);
    assert_true(out.load_pct[EP_UNIT_GPU] > 1000 || out.load_pct[EP_UNIT_DLA0] > 1000);
    ep_arena_free(arena);
    free_party(&p);
}

/* All engines together: at least what each set of them does with whole networks. */
static void streams_are_at_least_as_fast_as_whole_copies(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "resnet50.onnx", true, 1, 0);
    ep_way ways[64] = {{.name = "none", .batch = 1, .kind = EP_WAY_WHOLE}};
    assert_true(p.ways[0].n < 64);
    memcpy(ways + 1, p.ways[0].ways, p.ways[0].n * sizeof *ways);
    p.n = 3;
    for (uint32_t i = 0; i < 3; i++) {
        p.networks[i].lane = p.networks[0].lane;
        p.networks[i].lane.in_flight = 2;
        p.networks[i].n_ways = p.ways[0].n + 1;
        p.networks[i].ways = ways;
    }
    for (uint32_t m = 0; m < p.machine->n_modes; m++) {
        const ep_point point = ep_point_of(p.machine, &p.machine->modes[m]);
        ep_arena *arena = ep_arena_new();
        const ep_together out = find(&p, EP_GOAL_THROUGHPUT, &point, arena);
        static const uint32_t whole[] = {1, 2, 3}; /* gpu, dla0, dla1 */
        const double rate = simulate(&p, whole, EP_SCENARIO_OFFLINE, &point, arena).images_per_s;
        assert_true(out.run.images_per_s >= rate * (1 - 1e-9));
        assert_true(out.workload.n_lanes <= 3);
        ep_arena_free(arena);
    }
    free_party(&p);
}

/* What a cut leaves to the GPU on one side is what it gives the DLA on the other. */
static void both_sides_of_a_cut_are_all_that_the_dla_takes(void **state)
{
    (void)state;
    party p = make_party();
    add(&p, "yolov8s.onnx", true, 1, 0);
    const ep_ways *ways = &p.ways[0];
    const uint32_t n_layers = p.models[0].layers->n_layers;
    assert_true(ways->n > 20 && ways->n % 2 == 1);
    assert_string_equal(ways->ways[0].name, "gpu");
    assert_string_equal(ways->ways[1].name, "dla0");
    assert_string_equal(ways->ways[2].name, "dla1");
    const ep_device *greedy = ways->ways[1].planned->plan.device;
    uint32_t cuts = 0;
    for (uint32_t w = 3; w + 2 < ways->n; w += 2) {
        if (!strstr(ways->ways[w].name, " to '") || !strstr(ways->ways[w + 2].name, " from '")) {
            continue;
        }
        const ep_device *a = ways->ways[w].planned->plan.device;
        const ep_device *b = ways->ways[w + 2].planned->plan.device;
        for (uint32_t l = 0; l < n_layers; l++) {
            assert_true((a[l] != EP_GPU) + (b[l] != EP_GPU) <= (greedy[l] != EP_GPU));
        }
        cuts++;
    }
    assert_true(cuts >= 5);
    free_party(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_end_is_that_of_all_placements),
        cmocka_unit_test(the_least_power_is_that_of_all_placements),
        cmocka_unit_test(loadables_stay_within_the_limits),
        cmocka_unit_test(memory_is_a_limit),
        cmocka_unit_test(who_is_named_first_does_not_matter),
        cmocka_unit_test(no_network_of_many_is_better_off_elsewhere),
        cmocka_unit_test(what_cannot_hold_is_said),
        cmocka_unit_test(streams_are_at_least_as_fast_as_whole_copies),
        cmocka_unit_test(both_sides_of_a_cut_are_all_that_the_dla_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
