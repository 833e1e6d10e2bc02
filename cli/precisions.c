#include "cli/precisions.h"

#include <string.h>

#include "cli/machine.h"
#include "report/report.h"

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), n = strlen(ending);
    return length >= n && strcmp(text + length - n, ending) == 0;
}

bool ep__is_plan_file(const char *path)
{
    return ends_with(path, ".json");
}

static bool is_images(const char *source)
{
    return ends_with(source, ".npy") || ends_with(source, ".pb") ||
           strncmp(source, "random:", 7) == 0 || strstr(source, "=random:");
}

static ep_status read_calibration(const ep__precisions_given *given, ep_calibration *out,
                                  ep_error *err)
{
    uint32_t caches = 0;
    for (uint32_t i = 0; i < given->calib.n; i++) caches += !is_images(given->calib.at[i]);
    EP_FAIL_IF(caches > 0 && given->calib.n > 1, err, EP_BAD_USAGE,
               "--calib: either one cache, or images for each input (.npy or random:SEED)");
    *out = (ep_calibration){.save = given->save_calib};
    if (caches > 0) {
        out->cache = given->calib.at[0];
    } else {
        out->n = given->calib.n;
        out->sources = given->calib.at;
    }
    return EP_OK;
}

ep_status ep__precisions_load(const ep__precisions_given *given, ep__precisions *out, ep_error *err)
{
    const ep_machine_options machine_options = ep__machine_options(given->sets, NULL);
    uint32_t strategy = 0, dla = EP_DLA_FIRST;
    *out = (ep__precisions){0};
    if (given->strategy) {
        EP_TRY(ep__parse_choice("--strategy", given->strategy, ep_strategy_name, &strategy, err));
    }
    if (given->dla) EP_TRY(ep__parse_choice("--dla", given->dla, ep_dla_choice_name, &dla, err));
    EP_TRY(read_calibration(given, &out->plan.calibration, err));
    EP_TRY(ep__machine_load(given->hw, &machine_options, &out->machine, err));
    if (!given->dla && out->machine->dla.cores == 0) dla = EP_DLA_NONE;
    out->plan.machine = out->machine;
    out->plan.strategy = ep_strategy_name(strategy);
    out->plan.options.dla = (ep_dla_choice)dla;
    out->plan.options.no_tf32 = given->no_tf32;
    return EP_OK;
}

void ep__precisions_free(ep__precisions *precisions)
{
    ep_machine_free(precisions->machine);
    *precisions = (ep__precisions){0};
}

const char *ep__precisions_text(const ep_execution_plan *plan, ep_arena *arena)
{
    if (plan->file) {
        return ep_arena_printf(arena, "%s, strategy %s on %s", plan->file->path,
                               plan->file->strategy, plan->machine->name);
    }
    return ep_arena_printf(arena, "%s, strategy %s on %s",
                           ep_precision_choice_name(plan->options.precision), plan->strategy,
                           plan->machine->name);
}
