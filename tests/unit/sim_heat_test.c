/* Budgets and heat: what lowers clocks, and that energy goes where it must. */
#include <math.h>

#include "tests/unit/plan_fixture.h"

static void assert_within(double actual, double expected, double room)
{
    if (fabs(actual - expected) > room) fail_msg("%.9g, expected %.9g", actual, expected);
}

typedef struct bench {
    fixture f;
    ep_arena *arena;
    const ep_clock_level *levels;
} bench;

static void bench_init(bench *b, const char *mode_name)
{
    load_example(&b->f, "resnet50.onnx");
    make_plan(&b->f, "gpu", EP_CHOOSE_INT8);
    b->arena = ep_arena_new();
    const ep_mode *mode;
    ep_error err = {0};
    assert_int_equal(ep_machine_mode(b->f.machine, mode_name, &mode, &err), EP_OK);
    assert_int_equal(ep_sim_levels(b->f.plan, b->f.planned->costs, b->f.machine, mode,
                                   &(ep_run_options){1, 1}, b->arena, &b->levels, &err),
                     EP_OK);
}

static void bench_free(bench *b)
{
    ep_arena_free(b->arena);
    fixture_free(&b->f);
}

static ep_heat heat_of(const bench *b, double ambient_c, double k_per_w, double duration_s)
{
    const ep_heat_options options = {
        .ambient_c = ambient_c, .heatsink = {"test", k_per_w, 300}, .duration_s = duration_s};
    ep_heat heat;
    ep_error err = {0};
    assert_int_equal(ep_sim_heat(b->f.machine, b->levels, 0, &options, b->arena, &heat, &err),
                     EP_OK);
    return heat;
}

static void levels_fall(void **state)
{
    (void)state;
    bench b = {0};
    bench_init(&b, "MAXN");
    assert_true(b.levels[0].share == 1);
    for (uint32_t i = 1; i < EP_LEVELS; i++) {
        assert_true(b.levels[i].mode.gpu_mhz < b.levels[i - 1].mode.gpu_mhz);
        assert_true(b.levels[i].run.power_w < b.levels[i - 1].run.power_w);
        assert_true(b.levels[i].run.throughput_ips < b.levels[i - 1].run.throughput_ips);
    }
    bench_free(&b);
}

static void the_governor_lowers_no_more_than_it_must(void **state)
{
    (void)state;
    bench b = {0};
    bench_init(&b, "MAXN");
    const double wanted_w = b.levels[0].run.power_w;
    assert_int_equal(ep_sim_level_within(b.levels, 0), 0);
    assert_int_equal(ep_sim_level_within(b.levels, wanted_w + 1), 0);
    assert_int_equal(ep_sim_level_within(b.levels, 0.1), EP_LEVELS - 1);
    const uint32_t level = ep_sim_level_within(b.levels, wanted_w * 0.75);
    assert_true(level > 0 && b.levels[level].run.power_w <= wanted_w * 0.75);
    assert_true(b.levels[level - 1].run.power_w > wanted_w * 0.75);
    bench_free(&b);
}

/* In the end the sink is P x R above the air, and a zone its rail's P x R above the sink. */
static void it_settles_at_power_times_resistance(void **state)
{
    (void)state;
    bench b = {0};
    bench_init(&b, "15W");
    const double k_per_w = 1.5;
    const ep_heat heat = heat_of(&b, 25, k_per_w, 7200);
    assert_true(heat.throttle_s < 0 && heat.shutdown_s < 0);
    const ep_heat_sample *last = &heat.samples[heat.n_samples - 1];
    assert_int_equal(heat.n_samples, 7200);
    assert_within(heat.sink_c, 25 + last->power_w * k_per_w, 0.05);
    const ep_machine *machine = b.f.machine;
    for (uint32_t z = 0; z < machine->thermal.n_zones; z++) {
        const ep_zone *zone = &machine->thermal.zones[z];
        const ep_run *run = &b.levels[0].run;
        const double leakage_w = z == 0 ? last->power_w - run->power_w : 0;
        const double w = run->rail_w[zone->rail] + leakage_w;
        assert_within(last->zone_c[z], heat.sink_c + w * zone->k_per_w, 0.05);
    }
    assert_within(heat.sustained_ips, heat.burst_ips, 1e-6 * heat.burst_ips);
    bench_free(&b);
}

static void it_throttles_below_the_trip(void **state)
{
    (void)state;
    bench b = {0};
    bench_init(&b, "MAXN");
    const ep_heat heat = heat_of(&b, 45, 2.5, 7200);
    const ep_thermal *thermal = &b.f.machine->thermal;
    assert_true(heat.throttle_s > 0 && heat.shutdown_s < 0);
    assert_true(heat.sustained_ips < heat.burst_ips && heat.sustained_w < heat.burst_w);
    assert_true(heat.gpu_mhz < b.levels[0].mode.gpu_mhz);
    assert_true(heat.max_c >= thermal->throttle_c && heat.max_c < thermal->shutdown_c);
    /* hotter air: sooner, and less is left */
    const ep_heat hotter = heat_of(&b, 55, 2.5, 7200);
    assert_true(hotter.throttle_s < heat.throttle_s);
    assert_true(hotter.sustained_ips < heat.sustained_ips);
    bench_free(&b);
}

static void without_cooling_it_goes_off(void **state)
{
    (void)state;
    bench b = {0};
    bench_init(&b, "MAXN");
    const ep_heat heat = heat_of(&b, 60, 50, 7200);
    assert_true(heat.shutdown_s > 0 && heat.sustained_ips == 0);
    assert_int_equal(heat.n_samples, (uint32_t)ceil(heat.shutdown_s));
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_fall),
        cmocka_unit_test(the_governor_lowers_no_more_than_it_must),
        cmocka_unit_test(it_settles_at_power_times_resistance),
        cmocka_unit_test(it_throttles_below_the_trip),
        cmocka_unit_test(without_cooling_it_goes_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
