#include "cli/commands.h"
#include "report/report.h"

enum { FAIL_ON_CHANGE, JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [FAIL_ON_CHANGE] = {"--fail-on-change", NULL, "exit code 1 when a layer differs"},
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
};

static ep_status compare(const ep__args *args, ep_plan_file *const files[2], ep_arena *arena,
                         ep_text *out, ep_error *err)
{
    const ep_plan_file *a = files[0], *b = files[1];
    ep_plan_file_diff diff;
    EP_TRY(ep_plan_file_compare(a, b, arena, &diff, err));
    EP_TRY(args->given[JSON] ? ep_report_plan_diff_json(a, b, &diff, out, err)
                             : ep_report_plan_diff(a, b, &diff, args->width, out, err));
    EP_FAIL_IF(args->given[FAIL_ON_CHANGE] && diff.n_layers > 0, err, EP_GATE_FAILED,
               "--fail-on-change: %u layers differ", diff.n_layers);
    return EP_OK;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    ep_plan_file *files[2] = {NULL, NULL};
    ep_arena *arena = ep_arena_new();
    ep_status status = arena ? EP_OK : ep_fail_memory(err);
    for (int i = 0; i < 2 && status == EP_OK; i++) {
        status = ep_plan_file_load(args->operands.at[i], &files[i], err);
    }
    if (status == EP_OK) status = compare(args, files, arena, out, err);
    for (int i = 0; i < 2; i++) ep_plan_file_free(files[i]);
    ep_arena_free(arena);
    return status;
}

const ep__command ep__cmd_diff = {
    .name = "diff",
    .summary = "Compares two plans that 'plan --save' wrote, layer by layer.",
    .operand = "A.json B.json",
    .min_operands = 2,
    .max_operands = 2,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
