#include "cli/commands.h"
#include "cli/execution.h"
#include "cli/machine.h"
#include "cli/model.h"
#include "cli/precisions.h"
#include "report/report.h"

enum {
    INPUT,
    OUTPUT,
    LAYERS,
    REPEAT,
    PROFILE,
    PLAN,
    PRECISION,
    STRATEGY,
    DLA,
    NO_TF32,
    HW,
    SET,
    CALIB,
    SAVE_CALIB,
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
    [PLAN] = {"--plan", "PLAN.json", "computes as the plan does that plan --save wrote"},
    [PRECISION] = {"--precision", "NAME",
                   "computes as a plan in int8, fp16, fp32 or best does (default: as the file has\n"
                   "it)"},
    [STRATEGY] = {"--strategy", "NAME", "of that plan (default: gpu)"},
    [DLA] = {"--dla", "0|1|both|none", "of that plan (default: 0 where there is one)"},
    [NO_TF32] = {"--no-tf32", NULL, "of that plan: FP32 math without TF32"},
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [CALIB] = EP__OPTION_CALIB,
    [SAVE_CALIB] = EP__OPTION_SAVE_CALIB,
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

/* Options that say nothing by themselves. */
static ep_status check_options(const ep__args *args, ep_error *err)
{
    static const int of_both[] = {HW, SET, CALIB, SAVE_CALIB};
    static const int of_new_plans[] = {STRATEGY, DLA, NO_TF32};
    const char *const *given = args->given;
    EP_FAIL_IF(given[PLAN] && given[PRECISION], err, EP_BAD_USAGE,
               "--plan and --precision exclude each other: the plan has its precisions");
    for (size_t i = 0; i < sizeof of_new_plans / sizeof *of_new_plans; i++) {
        EP_FAIL_IF(given[of_new_plans[i]] && !given[PRECISION], err, EP_BAD_USAGE,
                   "%s is about a new plan: give --precision", options[of_new_plans[i]].name);
    }
    for (size_t i = 0; i < sizeof of_both / sizeof *of_both; i++) {
        EP_FAIL_IF(given[of_both[i]] && !given[PRECISION] && !given[PLAN], err, EP_BAD_USAGE,
                   "%s is about a plan: give --precision or --plan", options[of_both[i]].name);
    }
    return EP_OK;
}

/* The plan to compute by, if options ask for one. */
static ep_status plan_of(const ep__args *args, ep__precisions *precisions, ep_plan_file **file,
                         ep_error *err)
{
    const char *const *given = args->given;
    const ep__precisions_given plan_given = {.hw = given[HW],
                                             .strategy = given[STRATEGY],
                                             .dla = given[DLA],
                                             .save_calib = given[SAVE_CALIB],
                                             .no_tf32 = given[NO_TF32],
                                             .sets = args->all[SET],
                                             .calib = args->all[CALIB]};
    uint32_t precision = EP_CHOOSE_INT8;
    if (given[PRECISION]) {
        EP_TRY(ep__parse_choice("--precision", given[PRECISION], ep_precision_choice_name,
                                &precision, err));
    }
    EP_TRY(ep__precisions_load(&plan_given, precisions, err));
    precisions->plan.options.precision = (ep_precision_choice)precision;
    if (!given[PLAN]) return EP_OK;
    EP_TRY(ep_plan_file_load(given[PLAN], file, err));
    precisions->plan.file = *file;
    return EP_OK;
}

static ep_status run_planned(ep_arena *arena, const ep__args *args, ep__precisions *precisions,
                             ep_plan_file **file, ep_text *out, ep_error *err)
{
    enum { REPEAT_MAX = 1000000 };
    const char *const *given = args->given;
    const bool is_planned = given[PRECISION] || given[PLAN];
    ep_execution_options execution_options;
    int64_t repeat = 0;
    if (given[REPEAT]) {
        EP_TRY(ep__parse_integer("--repeat", given[REPEAT], 1, REPEAT_MAX, &repeat, err));
    }
    EP_TRY(check_options(args, err));
    if (is_planned) EP_TRY(plan_of(args, precisions, file, err));
    const ep__execution_given execution_given = {.file = *file,
                                                 .batch = given[BATCH],
                                                 .shapes = given[SHAPES],
                                                 .threads = given[THREADS],
                                                 .max_memory = given[MAX_MEMORY],
                                                 .inputs = args->all[INPUT]};
    EP_TRY(ep__execution_options(&execution_given, arena, &execution_options, err));
    execution_options.session.keep_all = given[LAYERS] != NULL;
    if (is_planned) execution_options.plan = &precisions->plan;
    ep_execution *execution;
    EP_TRY(ep_execution_new(args->operands.at[0], &execution_options, &execution, err));
    const ep_status status = execute(args, execution, (uint32_t)repeat, out, err);
    ep_execution_free(execution);
    return status;
}

static ep_status run_in(ep_arena *arena, const ep__args *args, ep_text *out, ep_error *err)
{
    ep__precisions precisions = {0};
    ep_plan_file *file = NULL;
    const ep_status status = run_planned(arena, args, &precisions, &file, out, err);
    ep_plan_file_free(file);
    ep__precisions_free(&precisions);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    return ep__run_in_arena(run_in, args, out, err);
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
