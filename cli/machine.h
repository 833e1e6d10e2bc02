/* Private to cli/: the machine, for every subcommand that takes one. */
#ifndef EP_CLI_MACHINE_H
#define EP_CLI_MACHINE_H

#include "cli/options.h"
#include "hwmodels/hwmodels.h"

/* clang-format off */
#define EP__OPTION_HW \
    {"--hw", "FILE", "hardware model: a path with a slash, or a name that is looked for in\n" \
                     "PLAN_HW_PATH, then among the installed ones (default: orin-agx)"}
#define EP__OPTION_SET \
    {"--set", "KEY=VALUE...", "changes the machine: gpu.clock_mhz=900, dla.count=1, gpu.sms=8, ...\n" \
                           "(docs/hardware-models.md)"}
#define EP__OPTION_MODE_FILE \
    {"--mode-file", "FILE", "adds the power modes of a YAML file, or replaces those of their names"}
/* clang-format on */

#define EP__DEFAULT_HW "orin-agx"

/* Where machines are looked for, and `sets` and `mode_file` as given (or empty, NULL). Holds the
 * pointers given. */
ep_machine_options ep__machine_options(ep__values sets, const char *mode_file);

/* `hw` as given; NULL: the default machine. */
ep_status ep__machine_load(const char *hw, const ep_machine_options *options, ep_machine **out,
                           ep_error *err);

/* The mode named; NULL or "all": every one. `*modes` is taken from `arena`. */
ep_status ep__modes_choose(const ep_machine *machine, const char *name, ep_arena *arena,
                           const ep_mode ***modes, uint32_t *n, ep_error *err);

#endif
