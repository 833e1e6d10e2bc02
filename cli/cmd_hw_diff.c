#include "cli/commands.h"
#include "cli/machine.h"
#include "report/report.h"

enum { JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [JSON] = {"--json", NULL, "JSON instead of the table"},
};

static ep_status compare(const ep__args *args, ep_machine *const machines[2], ep_arena *arena,
                         ep_text *out, ep_error *err)
{
    const ep_machine *a = machines[0], *b = machines[1];
    const ep_difference *found;
    uint32_t n;
    EP_TRY(ep_machine_diff(a, b, arena, &found, &n, err));
    if (args->given[JSON]) return ep_report_hw_diff_json(a, b, found, n, out, err);
    return ep_report_hw_diff(a, b, found, n, args->width, out, err);
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    const ep_machine_options where = ep__machine_options((ep__values){0}, NULL);
    ep_machine *machines[2] = {NULL, NULL};
    ep_arena *arena = ep_arena_new();
    ep_status status = arena ? EP_OK : ep_fail_memory(err);
    for (int i = 0; i < 2 && status == EP_OK; i++) {
        status = ep__machine_load(args->operands.at[i], &where, &machines[i], err);
    }
    if (status == EP_OK) status = compare(args, machines, arena, out, err);
    for (int i = 0; i < 2; i++) ep_machine_free(machines[i]);
    ep_arena_free(arena);
    return status;
}

const ep__command ep__cmd_hw_diff = {
    .name = "hw diff",
    .summary = "Lists the keys in which two machines differ.",
    .operand = "NAME NAME",
    .min_operands = 2,
    .max_operands = 2,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
