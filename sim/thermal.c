/* Heat: an RC network. Each zone is warmed by its rail and cooled by the heat sink, which takes the
 * other rails' heat too and gives all of it to the air. The kernel looks at the zones every poll
 * (1 s on Jetson) and lowers the clocks by a step while one is at its trip. */
#include <assert.h>
#include <math.h>

#include "sim/sim_internal.h"

#define STEP_S 0.1
#define STEPS_A_SECOND 10
#define BOILING_C 200 /* leakage runs away before; no module gets there */

typedef struct network {
    const ep_machine *machine;
    const ep_heat_options *options;
    double zone_c[EP_MAX_ZONES], sink_c;
    double power_w; /* leakage beyond idle included */
} network;

/* W beyond what idle has of it, at reference_c; less than nothing when it is colder. */
static double more_leakage_w(const ep_thermal *thermal, double zone_c)
{
    if (!(thermal->doubling_k > 0)) return 0;
    const double warm_k = fmin(zone_c, BOILING_C) - thermal->reference_c;
    return thermal->leakage_w * (exp2(warm_k / thermal->doubling_k) - 1);
}

/* W into a zone; zones on the same rail have equal shares. */
static double zone_w(const network *net, const ep_run *run, uint32_t z)
{
    const ep_thermal *thermal = &net->machine->thermal;
    uint32_t sharing = 0;
    for (uint32_t i = 0; i < thermal->n_zones; i++) {
        sharing += thermal->zones[i].rail == thermal->zones[z].rail;
    }
    const double leakage_w = z == 0 ? more_leakage_w(thermal, net->zone_c[0]) : 0;
    return run->rail_w[thermal->zones[z].rail] / sharing + leakage_w;
}

/* Backward Euler, zone by zone and then the sink: stable however small a capacity is. */
static void advance(network *net, const ep_run *run)
{
    const ep_thermal *thermal = &net->machine->thermal;
    const ep_heatsink *sink = &net->options->heatsink;
    net->power_w = run->power_w + more_leakage_w(thermal, net->zone_c[0]);
    double to_sink_w = net->power_w; /* rails without a zone warm the sink directly */
    for (uint32_t z = 0; z < thermal->n_zones; z++) {
        const ep_zone *zone = &thermal->zones[z];
        const double w = zone_w(net, run, z), per_j = STEP_S / zone->j_per_k;
        const double sum = net->zone_c[z] + per_j * (w + net->sink_c / zone->k_per_w);
        net->zone_c[z] = sum / (1 + per_j / zone->k_per_w);
        to_sink_w += (net->zone_c[z] - net->sink_c) / zone->k_per_w - w;
    }
    const double per_j = STEP_S / sink->j_per_k;
    const double sum = net->sink_c + per_j * (to_sink_w + net->options->ambient_c / sink->k_per_w);
    net->sink_c = sum / (1 + per_j / sink->k_per_w);
}

static double hottest_of(const network *net, ep_heat *heat)
{
    double hottest_c = net->zone_c[0];
    for (uint32_t z = 0; z < net->machine->thermal.n_zones; z++) {
        const double c = net->zone_c[z];
        hottest_c = fmax(hottest_c, c);
        if (heat->hottest && c <= heat->max_c) continue;
        heat->max_c = c;
        heat->hottest = net->machine->thermal.zones[z].name;
    }
    return hottest_c;
}

/* The step-wise clamp of the kernel. */
static uint32_t next_level(const ep_thermal *thermal, double hottest_c, uint32_t level,
                           uint32_t start)
{
    if (hottest_c >= thermal->throttle_c) return level < EP_LEVELS - 1 ? level + 1 : level;
    if (hottest_c < thermal->throttle_c - thermal->hysteresis_k && level > start) return level - 1;
    return level;
}

/* Fills the samples; `*n`: how many until the end or a shutdown. */
static void simulate(network *net, const ep_clock_level *levels, uint32_t start, uint32_t seconds,
                     ep_heat_sample *samples, ep_heat *heat)
{
    const ep_thermal *thermal = &net->machine->thermal;
    uint32_t level = start;
    double since_poll_s = 0;
    while (heat->n_samples < seconds && heat->shutdown_s < 0) {
        for (int step = 0; step < STEPS_A_SECOND && heat->shutdown_s < 0; step++) {
            advance(net, &levels[level].run);
            const double now_s = heat->n_samples + (step + 1) * STEP_S;
            const double hottest_c = hottest_of(net, heat);
            if (hottest_c >= thermal->shutdown_c) heat->shutdown_s = now_s;
            since_poll_s += STEP_S;
            if (since_poll_s < thermal->poll_s - STEP_S / 2) continue;
            since_poll_s = 0;
            level = next_level(thermal, hottest_c, level, start);
            if (level > start && heat->throttle_s < 0) heat->throttle_s = now_s;
        }
        ep_heat_sample *sample = &samples[heat->n_samples++];
        *sample = (ep_heat_sample){.level = level, .power_w = net->power_w};
        for (uint32_t z = 0; z < thermal->n_zones; z++) sample->zone_c[z] = net->zone_c[z];
    }
    heat->sink_c = net->sink_c;
}

/* Nothing is sustained after a shutdown. */
static void average(const ep_clock_level *levels, ep_heat *heat)
{
    if (heat->shutdown_s >= 0) return;
    const uint32_t n = heat->n_samples, from = n - (n + 3) / 4;
    for (uint32_t i = from; i < n; i++) {
        const ep_clock_level *level = &levels[heat->samples[i].level];
        heat->sustained_ips += level->run.throughput_ips / (n - from);
        heat->sustained_w += heat->samples[i].power_w / (n - from);
        heat->gpu_mhz += level->mode.gpu_mhz / (n - from);
        heat->dla_mhz += level->mode.dla_mhz / (n - from);
    }
}

ep_status ep_sim_heat(const ep_machine *machine, const ep_clock_level *levels, uint32_t start,
                      const ep_heat_options *options, ep_arena *arena, ep_heat *out, ep_error *err)
{
    assert(machine->thermal.n_zones > 0 && start < EP_LEVELS);
    assert(options->duration_s >= 1 && options->duration_s <= EP_HEAT_DURATION_MAX_S);
    const uint32_t seconds = (uint32_t)options->duration_s;
    ep_heat_sample *samples = EP_NEW(arena, ep_heat_sample, seconds);
    if (!samples) return ep_fail_memory(err);
    network net = {.machine = machine, .options = options, .sink_c = options->ambient_c};
    for (uint32_t z = 0; z < EP_MAX_ZONES; z++) net.zone_c[z] = options->ambient_c;
    const ep_run *first = &levels[start].run;
    *out =
        (ep_heat){.burst_ips = first->throughput_ips,
                  .burst_w = first->power_w + more_leakage_w(&machine->thermal, options->ambient_c),
                  .throttle_s = -1,
                  .shutdown_s = -1,
                  .samples = samples};
    simulate(&net, levels, start, seconds, samples, out);
    average(levels, out);
    return EP_OK;
}
