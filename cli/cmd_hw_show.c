#include "cli/commands.h"
#include "cli/machine.h"
#include "report/report.h"

enum { SET, MODE_FILE, MODE, JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [SET] = EP__OPTION_SET,
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [MODE] = {"--mode", "NAME|all", "power mode (default: all)"},
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
};

static ep_status show(const ep__args *args, const ep_machine *machine, ep_arena *arena,
                      ep_text *out, ep_error *err)
{
    const ep_mode **modes;
    uint32_t n;
    EP_TRY(ep__modes_choose(machine, args->given[MODE], arena, &modes, &n, err));
    if (args->given[JSON]) return ep_report_hw_show_json(machine, modes, n, out, err);
    return ep_report_hw_show(machine, modes, n, args->width, out, err);
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    const ep_machine_options machine_options =
        ep__machine_options(args->all[SET], args->given[MODE_FILE]);
    ep_machine *machine;
    EP_TRY(ep__machine_load(args->operands.at[0], &machine_options, &machine, err));
    ep_arena *arena = ep_arena_new();
    const ep_status status = arena ? show(args, machine, arena, out, err) : ep_fail_memory(err);
    ep_arena_free(arena);
    ep_machine_free(machine);
    return status;
}

const ep__command ep__cmd_hw_show = {
    .name = "hw show",
    .summary = "Shows a machine with peaks, bandwidth and ridge points in its modes.",
    .operand = "NAME",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
