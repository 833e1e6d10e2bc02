/* Branches at once: schedules worked out by hand from the times of the kernels, and what no
 * schedule gets below, nor this one above. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

/* A letter a layer: g, 0 or 1 for the GPU and the DLA cores. */
static void build(fixture *f, const char *devices, bool concurrent)
{
    enum { MOST = 64 };
    ep_device device[MOST];
    ep_error err = {0};
    const uint32_t n = f->layers->n_layers;
    assert_true(n <= MOST && strlen(devices) == n);
    for (uint32_t l = 0; l < n; l++) {
        device[l] = devices[l] == 'g' ? EP_GPU : devices[l] == '0' ? EP_DLA0 : EP_DLA1;
    }
    const ep_assignment wanted = {.device = device, .concurrent = concurrent};
    const ep_plan_options options = {.precision = EP_CHOOSE_FP16, .dla = EP_DLA_BOTH};
    ep_planned_free(f->planned);
    f->planned = NULL;
    if (ep_plan_build(f->layers, f->machine, "test", &wanted, &options, &f->planned, &err) !=
        EP_OK) {
        fail_msg("%s", err.text);
    }
    f->plan = &f->planned->plan;
    assert_int_equal(f->plan->concurrent, concurrent);
}

static ep_point point_of(const fixture *f)
{
    const ep_mode *mode = NULL;
    assert_int_equal(ep_machine_mode(f->machine, "MAXN", &mode, NULL), EP_OK);
    return ep_point_of(f->machine, mode);
}

static ep_run run(const fixture *f, ep_arena *arena)
{
    ep_run out = {0};
    ep_error err = {0};
    const ep_point point = point_of(f);
    if (ep_sim_run(f->plan, f->planned->costs, &point, &(ep_run_options){1, 2}, arena, &out,
                   &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return out;
}

/* Time of the only kernel whose name begins so, without others. */
static double ns_of(const fixture *f, const ep_run *r, const char *name)
{
    double ns = 0;
    uint32_t n = 0;
    for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
        if (strncmp(f->plan->kernels[k].name, name, strlen(name)) != 0) continue;
        ns = r->kernel_ns[k];
        n++;
    }
    if (n != 1) fail_msg("%u kernels '%s'", n, name);
    return ns;
}

static void assert_close(double actual, double expected)
{
    if (fabs(actual - expected) <= 1e-9 * expected) return;
    fail_msg("%.12g, expected %.12g", actual, expected);
}

/* a; b on one side and c, d on the other; their concatenation. */
static fixture diamond(void)
{
    fixture f = {0};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x64x56x56");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_node(&f.model, "a: a = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "b: b = Conv(a, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "c: c = Conv(a, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "d: d = Conv(c, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "y: y = Concat(b, d) axis=1");
    onnx_node(&f.model, "z: z = Conv(y, v) pads=[1,1,1,1]");
    onnx_weight(&f.model, "v", EP_DTYPE_FLOAT, "64x128x3x3");
    onnx_output(&f.model, "z", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine = load_machine();
    f.machine->dram.uncontended = true; /* times are those of the kernels by themselves */
    return f;
}

static void a_diamond_is_as_by_hand(void **state)
{
    (void)state;
    fixture f = diamond();
    ep_arena *arena = ep_arena_new();
    const ep_point point = point_of(&f);
    const double submit = ep_sim_submit_ns(&point);
    build(&f, "g0gggg", true);
    const ep_run r = run(&f, arena);
    const double start =
        ns_of(&f, &r, "reformat x") + ns_of(&f, &r, "a") + ns_of(&f, &r, "reformat a to the DLA");
    const double gpu = ns_of(&f, &r, "c") + ns_of(&f, &r, "d");
    const double dla = submit + ns_of(&f, &r, "b");
    const double end = ns_of(&f, &r, "reformat b to the GPU") + ns_of(&f, &r, "y") +
                       ns_of(&f, &r, "z") + ns_of(&f, &r, "reformat z");
    assert_close(r.latency_ns, start + fmax(gpu, dla) + end);
    assert_close(r.throughput_ips, 1e9 / r.latency_ns);
    /* one after the other it is the sum */
    build(&f, "g0gggg", false);
    assert_close(run(&f, arena).latency_ns, start + gpu + dla + end);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* A loadable holds its core from its submission on, and hands on when all of it is done. */
static void two_cores_are_as_by_hand(void **state)
{
    (void)state;
    fixture f = diamond();
    ep_arena *arena = ep_arena_new();
    const ep_point point = point_of(&f);
    build(&f, "g011gg", true);
    const ep_run r = run(&f, arena);
    const double start =
        ns_of(&f, &r, "reformat x") + ns_of(&f, &r, "a") + ns_of(&f, &r, "reformat a to the DLA");
    const double submit = ep_sim_submit_ns(&point);
    const double first = submit + ns_of(&f, &r, "b");
    const double second = submit + ns_of(&f, &r, "c") + ns_of(&f, &r, "d");
    const double back_b = ns_of(&f, &r, "reformat b to the GPU");
    const double back_d = ns_of(&f, &r, "reformat d to the GPU");
    const double end = ns_of(&f, &r, "y") + ns_of(&f, &r, "z") + ns_of(&f, &r, "reformat z");
    assert_true(first < second);
    assert_close(r.latency_ns, start + fmax(second, first + back_b) + back_d + end);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* Two loadables of one core take turns. */
static void a_core_runs_a_loadable_at_a_time(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    onnx_input(&f.model, "p", EP_DTYPE_FLOAT, "1x64x56x56");
    onnx_input(&f.model, "q", EP_DTYPE_FLOAT, "1x64x56x56");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_node(&f.model, "a: a = Conv(p, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "b: b = Conv(q, w) pads=[1,1,1,1]");
    onnx_output(&f.model, "a", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "b", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    f.machine->dram.uncontended = true;
    ep_arena *arena = ep_arena_new();
    const ep_point point = point_of(&f);
    build(&f, "00", true);
    const ep_run r = run(&f, arena);
    const double a = ep_sim_submit_ns(&point) + ns_of(&f, &r, "a");
    const double b = ep_sim_submit_ns(&point) + ns_of(&f, &r, "b");
    assert_int_equal(f.plan->n_subgraphs, 2);
    assert_true(r.latency_ns >= a + b);
    build(&f, "01", true);
    assert_true(run(&f, arena).latency_ns < a + b);
    ep_arena_free(arena);
    fixture_free(&f);
}

/* ---- any placement ------------------------------------------------------------------------- */

/* The longest way through the kernels: whoever reads a tensor waits for all that wrote it before.
 */
static double longest_way(const fixture *f, const ep_run *r)
{
    const ep_plan *plan = f->plan;
    double end[256], longest = 0;
    assert_true(plan->n_kernels <= 256);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        double start = 0;
        for (uint32_t j = 0; j < k; j++) {
            for (uint32_t i = 0; i < plan->kernels[k].n_inputs; i++) {
                const uint32_t t = plan->kernels[k].inputs[i];
                for (uint32_t o = 0; o < plan->kernels[j].n_outputs; o++) {
                    if (plan->kernels[j].outputs[o] == t) start = fmax(start, end[j]);
                }
            }
        }
        end[k] = start + r->kernel_ns[k];
        longest = fmax(longest, end[k]);
    }
    return longest;
}

static void assert_within(const fixture *f, ep_arena *arena, const ep_run *serial)
{
    const ep_point point = point_of(f);
    const ep_run r = run(f, arena);
    double busy[3] = {0}, dram = 0;
    for (uint32_t i = 0; i < r.n_units; i++) {
        const ep_unit_busy *u = &r.units[i];
        if (strcmp(u->name, "gpu") == 0) busy[0] = u->busy_ns;
        if (strcmp(u->name, "dla0") == 0) busy[1] = u->busy_ns;
        if (strcmp(u->name, "dla1") == 0) busy[2] = u->busy_ns;
        if (strcmp(u->name, "dram") == 0) dram = u->busy_ns;
    }
    const double room = 1 - 1e-9;
    for (int u = 0; u < 3; u++) assert_true(r.latency_ns >= busy[u] * room);
    assert_true(r.latency_ns >= dram * room);
    assert_true(r.latency_ns >= longest_way(f, &r) * room);
    /* with memory for each, no unit waits unless another works; else it may be worse */
    if (point.machine->dram.uncontended) assert_true(r.latency_ns * room <= serial->latency_ns);
}

static void no_schedule_is_better_than_units_and_ways_allow(void **state)
{
    (void)state;
    fixture f = diamond();
    ep_arena *arena = ep_arena_new();
    for (uint32_t i = 0; i < 2 * 729; i++) { /* each of six layers on each device */
        char devices[7] = {0};
        for (uint32_t l = 0, rest = i / 2; l < 6; l++, rest /= 3) devices[l] = "g01"[rest % 3];
        f.machine->dram.uncontended = i % 2;
        build(&f, devices, false);
        const ep_run serial = run(&f, arena);
        build(&f, devices, true);
        assert_within(&f, arena, &serial);
    }
    ep_arena_free(arena);
    fixture_free(&f);
}

static void a_chain_is_no_faster(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    onnx_input(&f.model, "x", EP_DTYPE_FLOAT, "1x64x56x56");
    onnx_weight(&f.model, "w", EP_DTYPE_FLOAT, "64x64x3x3");
    onnx_node(&f.model, "a: a = Conv(x, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "b: b = Conv(a, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "c: c = Conv(b, w) pads=[1,1,1,1]");
    onnx_node(&f.model, "d: d = Conv(c, w) pads=[1,1,1,1]");
    onnx_output(&f.model, "d", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    ep_arena *arena = ep_arena_new();
    static const char *const all[] = {"gggg", "0000", "g00g", "0g1g", "01g0"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        build(&f, all[i], false);
        const double ns = run(&f, arena).latency_ns;
        build(&f, all[i], true);
        assert_close(run(&f, arena).latency_ns, ns);
    }
    ep_arena_free(arena);
    fixture_free(&f);
}

/* Two units that want more than the memory has are both late. */
static void memory_is_shared(void **state)
{
    (void)state;
    fixture f = {.machine = load_machine()};
    onnx_input(&f.model, "p", EP_DTYPE_FLOAT, "1x64x512x512");
    onnx_input(&f.model, "q", EP_DTYPE_FLOAT, "1x64x512x512");
    onnx_node(&f.model, "a: a = Relu(p)");
    onnx_node(&f.model, "b: b = Relu(q)");
    onnx_output(&f.model, "a", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.model, "b", EP_DTYPE_FLOAT, NULL);
    build_layers(&f);
    ep_arena *arena = ep_arena_new();
    build(&f, "g0", true);
    const double shared = run(&f, arena).latency_ns;
    f.machine->dram.uncontended = true;
    assert_true(shared > run(&f, arena).latency_ns * 1.01);
    ep_arena_free(arena);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_diamond_is_as_by_hand),
        cmocka_unit_test(two_cores_are_as_by_hand),
        cmocka_unit_test(a_core_runs_a_loadable_at_a_time),
        cmocka_unit_test(no_schedule_is_better_than_units_and_ways_allow),
        cmocka_unit_test(a_chain_is_no_faster),
        cmocka_unit_test(memory_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
