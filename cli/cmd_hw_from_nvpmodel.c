#include "cli/commands.h"
#include "cli/machine.h"

enum { HW, SET, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
};

static ep_status convert(const char *path, const ep_machine *machine, ep_text *out, ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status =
        ep_nvpmodel_modes((const char *)map.data, map.size, path, machine, out, err);
    ep_map_close(&map);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    const ep_machine_options machine_options = ep__machine_options(args->all[SET], NULL);
    ep_machine *machine;
    EP_TRY(ep__machine_load(args->given[HW], &machine_options, &machine, err));
    const ep_status status = convert(args->operands.at[0], machine, out, err);
    ep_machine_free(machine);
    return status;
}

const ep__command ep__cmd_hw_from_nvpmodel = {
    .name = "hw from-nvpmodel",
    .summary = "Turns a board's nvpmodel.conf into power modes.\n"
               "They are YAML, for --mode-file or for a hardware model.",
    .operand = "FILE",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
