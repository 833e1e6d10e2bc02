#include "cli/commands.h"
#include "cli/execution.h"
#include "cli/model.h"
#include "report/report.h"

enum {
    INPUT,
    OUTPUT,
    LAYERS,
    REPEAT,
    PROFILE,
    THREADS,
    MAX_MEMORY,
    BATCH,
    SHAPES,
    JSON,
    N_OPTIONS
};

static const ep__option options[N_OPTIONS] = {
    [INPUT] = EP__OPTION_INPUT,
    [OUTPUT] = {"--output", "DIR", "writes each output to DIR/NAME.npy"},
    [LAYERS] = {"--layers", NULL, "also every other tensor, in the report and in DIR"},
    [REPEAT] = {"--repeat", "N", "times N runs after one to warm up (default: one run, cold)"},
    [PROFILE] = {"--profile", NULL, "time by operator, and the slowest nodes"},
    [THREADS] = EP__OPTION_THREADS,
    [MAX_MEMORY] = EP__OPTION_MAX_MEMORY,
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
};

/* Runs, saves, reports. */
static ep_status execute(const ep__args *args, ep_execution *execution, uint32_t repeat,
                         ep_text *out, ep_error *err)
{
    const char *const *given = args->given;
    ep_timing timing;
    ep_profile profile;
    EP_TRY(ep_execution_run(execution, repeat, &timing, err));
    if (given[OUTPUT]) EP_TRY(ep_execution_save(execution, given[OUTPUT], err));
    if (given[PROFILE]) EP_TRY(ep_profile_make(execution, &timing, &profile, err));
    const ep_profile *shown = given[PROFILE] ? &profile : NULL;
    if (given[JSON]) return ep_report_execution_json(execution, &timing, shown, out, err);
    return ep_report_execution(execution, &timing, shown, args->width, out, err);
}

static ep_status run_in(ep_arena *arena, const ep__args *args, ep_text *out, ep_error *err)
{
    enum { REPEAT_MAX = 1000000 };
    const char *const *given = args->given;
    const ep__execution_given execution_given = {.batch = given[BATCH],
                                                 .shapes = given[SHAPES],
                                                 .threads = given[THREADS],
                                                 .max_memory = given[MAX_MEMORY],
                                                 .inputs = args->all[INPUT]};
    ep_execution_options execution_options;
    int64_t repeat = 0;
    if (given[REPEAT]) {
        EP_TRY(ep__parse_integer("--repeat", given[REPEAT], 1, REPEAT_MAX, &repeat, err));
    }
    EP_TRY(ep__execution_options(&execution_given, arena, &execution_options, err));
    execution_options.session.keep_all = given[LAYERS] != NULL;
    ep_execution *execution;
    EP_TRY(ep_execution_new(args->operands.at[0], &execution_options, &execution, err));
    const ep_status status = execute(args, execution, (uint32_t)repeat, out, err);
    ep_execution_free(execution);
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

const ep__command ep__cmd_run = {
    .name = "run",
    .summary = "Computes a network on this computer (docs/execution.md).",
    .operand = "MODEL.onnx",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
