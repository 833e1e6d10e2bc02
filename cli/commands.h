/* Private to cli/: the subcommands, one file each. */
#ifndef EP_CLI_COMMANDS_H
#define EP_CLI_COMMANDS_H

#include "cli/options.h"

extern const ep__command ep__cmd_plan;
extern const ep__command ep__cmd_check;
extern const ep__command ep__cmd_inspect;
extern const ep__command ep__cmd_run;
extern const ep__command ep__cmd_compare;
extern const ep__command ep__cmd_show;
extern const ep__command ep__cmd_diff;
extern const ep__command ep__cmd_hw_list;
extern const ep__command ep__cmd_hw_show;
extern const ep__command ep__cmd_hw_check;
extern const ep__command ep__cmd_hw_diff;
extern const ep__command ep__cmd_hw_schema;
extern const ep__command ep__cmd_hw_from_nvpmodel;
extern const ep__command ep__cmd_validate;
extern const ep__command ep__cmd_rules;
extern const ep__command ep__cmd_modes;
extern const ep__command ep__cmd_sweep;
extern const ep__command ep__cmd_weights_fill;
extern const ep__command ep__cmd_weights_strip;

#endif
