#include "cli/commands.h"
#include "cli/execution.h"
#include "cli/model.h"
#include "report/report.h"

enum { INPUT, LAYERS, ATOL, RTOL, THREADS, MAX_MEMORY, BATCH, SHAPES, JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [INPUT] = EP__OPTION_INPUT,
    [LAYERS] = {"--layers", NULL, "also every other tensor that both have"},
    [ATOL] = {"--atol", "X",
              "exit code 1 when a |b - a| is above atol + rtol |a|, or something cannot\n"
              "be compared; names the first tensor (default: 0 with --rtol)"},
    [RTOL] = {"--rtol", "X", "the same (default: 0 with --atol)"},
    [THREADS] = EP__OPTION_THREADS,
    [MAX_MEMORY] = EP__OPTION_MAX_MEMORY,
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
};

static ep_status read_options(const ep__args *args, ep_arena *arena, ep_compare_options *out,
                              ep_error *err)
{
    const double most = 1e300;
    const char *const *given = args->given;
    const ep__execution_given execution_given = {.batch = given[BATCH],
                                                 .shapes = given[SHAPES],
                                                 .threads = given[THREADS],
                                                 .max_memory = given[MAX_MEMORY],
                                                 .inputs = args->all[INPUT]};
    *out = (ep_compare_options){.layers = given[LAYERS] != NULL,
                                .has_tolerance = given[ATOL] || given[RTOL]};
    if (given[ATOL]) EP_TRY(ep__parse_number("--atol", given[ATOL], 0, most, &out->atol, err));
    if (given[RTOL]) EP_TRY(ep__parse_number("--rtol", given[RTOL], 0, most, &out->rtol, err));
    return ep__execution_options(&execution_given, arena, &out->run, err);
}

static ep_status run_in(ep_arena *arena, const ep__args *args, ep_text *out, ep_error *err)
{
    ep_compare_options compare_options;
    EP_TRY(read_options(args, arena, &compare_options, err));
    ep_comparison *comparison;
    EP_TRY(
        ep_compare(args->operands.at[0], args->operands.at[1], &compare_options, &comparison, err));
    ep_status status = args->given[JSON] ? ep_report_comparison_json(comparison, out, err)
                                         : ep_report_comparison(comparison, args->width, out, err);
    if (status == EP_OK) status = ep_comparison_gate(comparison, err);
    ep_comparison_free(comparison);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    const ep_status status = run_in(arena, args, out, err);
    ep_arena_free(arena);
    return status;
}

const ep__command ep__cmd_compare = {
    .name = "compare",
    .summary = "Compares what two networks compute from the same input (docs/execution.md).\n"
               "A and B are each MODEL.onnx or a folder that plan run --output wrote; A is the "
               "reference.",
    .operand = "A B",
    .min_operands = 2,
    .max_operands = 2,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
