/* A plan at shares of the clocks of its mode. Memory keeps its clock: neither the thermal clamp nor
 * a cap on power touches it. */
#include "sim/sim_internal.h"

#define STEP 0.05

ep_status ep_sim_levels(const ep_plan *plan, const ep_cost *costs, const ep_machine *machine,
                        const ep_mode *mode, const ep_run_options *options, ep_arena *arena,
                        const ep_clock_level **out, ep_error *err)
{
    ep_clock_level *levels = EP_NEW(arena, ep_clock_level, EP_LEVELS);
    if (!levels) return ep_fail_memory(err);
    for (uint32_t i = 0; i < EP_LEVELS; i++) {
        ep_clock_level *level = &levels[i];
        level->share = 1 - i * STEP;
        level->mode = *mode;
        level->mode.gpu_mhz *= level->share;
        level->mode.dla_mhz *= level->share;
        level->point = ep_point_of(machine, &level->mode);
        EP_TRY(ep_sim_run(plan, costs, &level->point, options, arena, &level->run, err));
    }
    *out = levels;
    return EP_OK;
}

uint32_t ep_sim_level_within(const ep_clock_level *levels, double budget_w)
{
    uint32_t i = 0;
    while (budget_w > 0 && i < EP_LEVELS - 1 && levels[i].run.power_w > budget_w) i++;
    return i;
}
