/* Private to cli/: the subcommands, one file each. */
#ifndef EP_CLI_COMMANDS_H
#define EP_CLI_COMMANDS_H

#include "cli/options.h"

extern const ep__command ep__cmd_plan;
extern const ep__command ep__cmd_inspect;

#endif
