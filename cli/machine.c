#include "cli/machine.h"

#include <stdlib.h>
#include <string.h>

ep_machine_options ep__machine_options(ep__values sets, const char *mode_file)
{
    return (ep_machine_options){.search_path = getenv("PLAN_HW_PATH"),
                                .installed = EP_HW_DIR,
                                .n_sets = sets.n,
                                .sets = sets.at,
                                .mode_file = mode_file};
}

ep_status ep__machine_load(const char *hw, const ep_machine_options *options, ep_machine **out,
                           ep_error *err)
{
    return ep_machine_load(hw ? hw : EP__DEFAULT_HW, options, out, err);
}

ep_status ep__modes_choose(const ep_machine *machine, const char *name, ep_arena *arena,
                           const ep_mode ***modes, uint32_t *n, ep_error *err)
{
    const bool all = !name || strcmp(name, "all") == 0;
    *n = all ? machine->n_modes : 1;
    *modes = EP_NEW(arena, const ep_mode *, *n);
    if (!*modes) return ep_fail_memory(err);
    for (uint32_t m = 0; all && m < *n; m++) (*modes)[m] = &machine->modes[m];
    return all ? EP_OK : ep_machine_mode(machine, name, *modes, err);
}
