#include "cli/commands.h"
#include "report/report.h"

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    ep_plan_file *file;
    EP_TRY(ep_plan_file_load(args->operands.at[0], &file, err));
    const ep_status status = ep_report_plan_file(file, args->width, out, err);
    ep_plan_file_free(file);
    return status;
}

const ep__command ep__cmd_show = {
    .name = "show",
    .summary = "Shows a plan that 'plan --save' wrote: what it is of, its figures, its kernels.",
    .operand = "PLAN.json",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
