/* What keeps a kernel busy: the parts of its time. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

#define EXACT 1e-9

static double part_of(const ep_parts *parts, const char *name)
{
    for (uint32_t i = 0; i < parts->n; i++) {
        if (strcmp(parts->part[i].name, name) == 0) return parts->part[i].ns;
    }
    return 0;
}

/* They overlap, but nothing else takes time: the longest <= the time <= all of them. */
static void assert_bounds(const fixture *f, const ep_point *point)
{
    for (uint32_t k = 0; k < f->plan->n_kernels; k++) {
        const ep_cost *cost = &f->planned->costs[k];
        if (cost->is_view) continue;
        uint32_t tactic;
        ep_parts parts;
        const double ns = ep_cost_ns(cost, point, &tactic);
        ep_cost_parts(cost, point, tactic, &parts);
        double sum = 0, before = INFINITY;
        for (uint32_t i = 0; i < parts.n; i++) {
            assert_true(parts.part[i].ns > 0 && parts.part[i].ns <= before);
            before = parts.part[i].ns;
            sum += before;
        }
        assert_true(parts.n > 0);
        assert_true(parts.part[0].ns <= ns * (1 + EXACT));
        assert_true(ns <= sum * (1 + EXACT));
    }
}

static void visit(fixture *f)
{
    static const ep_precision_choice precisions[] = {EP_CHOOSE_INT8, EP_CHOOSE_FP32};
    for (size_t p = 0; p < sizeof precisions / sizeof *precisions; p++) {
        make_plan(f, "greedy", precisions[p]);
        for (uint32_t m = 0; m < f->machine->n_modes; m++) {
            const ep_point point = ep_point_of(f->machine, &f->machine->modes[m]);
            assert_bounds(f, &point);
        }
    }
}

static void parts_bound_the_time_of_every_kernel(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    for_each_example(machine, visit);
    ep_machine_free(machine);
}

/* 65 blocks on 16 SMs: one has five, which is three rounds of two at a time. */
static void parts_are_counted_on_the_sm_with_the_most_blocks(void **state)
{
    (void)state;
    ep_machine *machine = load_machine();
    machine->gpu.kernel_floor_us = 1;
    machine->gpu.launch_cycles = 500;
    machine->gpu.l2_bytes_per_sm_clock = 64;
    machine->gpu.l2_bytes_per_clock = 1000;
    machine->gpu.dram_bytes_per_sm_clock = 1e9;
    ep_cost cost = {.device = EP_GPU,
                    .precision = EP_FP16,
                    .n_tactics = 1,
                    .tactics = {{.tiles = 65,
                                 .resident = 2,
                                 .tensor_tile_cycles = 400,
                                 .shared_tile_cycles = 300,
                                 .wait_cycles = 350,
                                 .start_cycles = 100,
                                 .serial_cycles = 70,
                                 .setup_ns = 20,
                                 .l2_bytes = 65 * 6400.0,
                                 .store_bytes = 65 * 640.0,
                                 .dram_bytes = 30000}}};
    ep_point point = ep_point_of(machine, &machine->modes[0]);
    point.gpu_mhz = 1000;
    point.gpu_sms = 16;
    point.dram_gbps = 200;
    static const struct {
        const char *name;
        double ns;
    } expected[] = {
        {"launch", 1500},
        {"set-up", 20},
        {"start", 3 * 100},
        {"tensor cores", 2000},
        {"shared memory", 1500},
        {"L2 to SM", 5 * 100.0},
        {"steps", 3 * 350},
        {"store", 5 * 10},
        {"L2", 65 * 7.04},
        {"DRAM", 150},
        {"end", 70},
    };
    enum { N = sizeof expected / sizeof *expected };
    ep_parts parts;
    ep_cost_parts(&cost, &point, 0, &parts);
    assert_true(parts.blocks == 65 && parts.rounds == 3);
    assert_int_equal(parts.n, N);
    for (size_t i = 0; i < N; i++) {
        const double ns = part_of(&parts, expected[i].name);
        if (fabs(ns - expected[i].ns) > EXACT * expected[i].ns) {
            fail_msg("%s: %g ns, expected %g", expected[i].name, ns, expected[i].ns);
        }
    }
    assert_string_equal(parts.part[0].name, "tensor cores");
    ep_machine_free(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_bound_the_time_of_every_kernel),
        cmocka_unit_test(parts_are_counted_on_the_sm_with_the_most_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
