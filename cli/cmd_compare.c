#include <string.h>

#include "cli/commands.h"
#include "cli/execution.h"
#include "cli/machine.h"
#include "cli/model.h"
#include "cli/precisions.h"
#include "report/report.h"

enum {
    INPUT,
    LAYERS,
    ATOL,
    RTOL,
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
    [LAYERS] = {"--layers", NULL, "also every other tensor that both have"},
    [ATOL] = {"--atol", "X",
              "exit code 1 when a |b - a| is above atol + rtol |a|, or something cannot\n"
              "be compared; names the first tensor (default: 0 with --rtol)"},
    [RTOL] = {"--rtol", "X", "the same (default: 0 with --atol)"},
    [STRATEGY] = {"--strategy", "NAME", "of planned sides (default: gpu)"},
    [DLA] = {"--dla", "0|1|both|none", "of planned sides (default: 0 where there is one)"},
    [NO_TF32] = {"--no-tf32", NULL, "of planned sides: FP32 math without TF32"},
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

/* ---- the two sides ------------------------------------------------------------------------- */

/* A side that is no file: a precision to plan the model in. Plain FP32 is no plan. */
typedef struct side {
    const char *path, *label; /* NULL: the path */
    bool is_planned;
    ep_execution_plan plan;
    ep_plan_file *file;
} side;

/* The words that stand for a precision; tf32 is what a plan in FP32 has. */
static bool find_word(const char *text, bool *is_planned, ep_precision_choice *out)
{
    static const struct {
        const char *word;
        bool is_planned;
        ep_precision_choice precision;
    } rows[] = {{"fp32", false, EP_CHOOSE_FP32},
                {"tf32", true, EP_CHOOSE_FP32},
                {"fp16", true, EP_CHOOSE_FP16},
                {"int8", true, EP_CHOOSE_INT8},
                {"best", true, EP_CHOOSE_BEST}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(text, rows[i].word) != 0) continue;
        *is_planned = rows[i].is_planned;
        *out = rows[i].precision;
        return true;
    }
    return false;
}

static ep_status read_side(const char *text, const char *model, const ep_execution_plan *plan,
                           ep_arena *arena, side *out, ep_error *err)
{
    ep_precision_choice precision = EP_CHOOSE_INT8;
    const bool is_file = ep__is_plan_file(text);
    out->path = text;
    if (!is_file && !find_word(text, &out->is_planned, &precision)) return EP_OK;
    EP_FAIL_IF(!model, err, EP_BAD_USAGE, "%s of which network? plan compare MODEL.onnx %s B", text,
               text);
    out->path = model;
    out->plan = *plan;
    out->plan.options.precision = precision;
    if (is_file) {
        EP_TRY(ep_plan_file_load(text, &out->file, err));
        out->plan.file = out->file;
        out->is_planned = true;
    }
    const char *as = out->is_planned ? ep__precisions_text(&out->plan, arena) : text;
    if (as) out->label = ep_arena_printf(arena, "%s in %s", model, as);
    return out->label ? EP_OK : ep_fail_memory(err);
}

/* MODEL A B, A B, or MODEL B, where A is the model as it is. */
static ep_status read_sides(const ep__args *args, const ep_execution_plan *plan, ep_arena *arena,
                            side sides[2], ep_error *err)
{
    const char *const *at = args->operands.at;
    const bool three = args->operands.n == 3;
    const char *a = three ? at[1] : at[0], *b = three ? at[2] : at[1];
    EP_TRY(read_side(a, three ? at[0] : NULL, plan, arena, &sides[0], err));
    EP_TRY(read_side(b, at[0], plan, arena, &sides[1], err));
    EP_FAIL_IF(three && (!sides[0].label || !sides[1].label), err, EP_BAD_USAGE,
               "%s: with MODEL.onnx first, A and B are each fp32, tf32, fp16, int8, best or "
               "PLAN.json",
               sides[0].label ? b : a);
    return EP_OK;
}

static ep_status read_options(const ep__args *args, const side sides[2], ep_arena *arena,
                              ep_compare_options *out, ep_error *err)
{
    const double most = 1e300;
    const char *const *given = args->given;
    const ep_plan_file *file = sides[0].file ? sides[0].file : sides[1].file;
    const ep__execution_given execution_given = {.file = file,
                                                 .batch = given[BATCH],
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

static ep_status compare(ep_arena *arena, const ep__args *args, const ep_execution_plan *plan,
                         side sides[2], ep_text *out, ep_error *err)
{
    static const int of_plans[] = {STRATEGY, DLA, NO_TF32, HW, SET, CALIB, SAVE_CALIB};
    ep_compare_options compare_options;
    EP_TRY(read_sides(args, plan, arena, sides, err));
    for (size_t i = 0; i < sizeof of_plans / sizeof *of_plans; i++) {
        EP_FAIL_IF(args->given[of_plans[i]] && !sides[0].is_planned && !sides[1].is_planned, err,
                   EP_BAD_USAGE, "%s is about a plan: neither %s nor %s is one",
                   options[of_plans[i]].name, sides[0].path, sides[1].path);
    }
    EP_TRY(read_options(args, sides, arena, &compare_options, err));
    compare_options.label_a = sides[0].label;
    compare_options.label_b = sides[1].label;
    compare_options.fp32_a = sides[0].label && !sides[0].is_planned;
    compare_options.fp32_b = sides[1].label && !sides[1].is_planned;
    if (sides[0].is_planned) compare_options.plan_a = &sides[0].plan;
    if (sides[1].is_planned) compare_options.plan_b = &sides[1].plan;
    ep_comparison *comparison;
    EP_TRY(ep_compare(sides[0].path, sides[1].path, &compare_options, &comparison, err));
    ep_status status = args->given[JSON] ? ep_report_comparison_json(comparison, out, err)
                                         : ep_report_comparison(comparison, args->width, out, err);
    if (status == EP_OK) status = ep_comparison_gate(comparison, err);
    ep_comparison_free(comparison);
    return status;
}

static ep_status run_in(ep_arena *arena, const ep__args *args, ep_text *out, ep_error *err)
{
    const char *const *given = args->given;
    const ep__precisions_given plan_given = {.hw = given[HW],
                                             .strategy = given[STRATEGY],
                                             .dla = given[DLA],
                                             .save_calib = given[SAVE_CALIB],
                                             .no_tf32 = given[NO_TF32],
                                             .sets = args->all[SET],
                                             .calib = args->all[CALIB]};
    ep__precisions precisions;
    side sides[2] = {{0}, {0}};
    ep_status status = ep__precisions_load(&plan_given, &precisions, err);
    if (status == EP_OK) status = compare(arena, args, &precisions.plan, sides, out, err);
    ep_plan_file_free(sides[0].file);
    ep_plan_file_free(sides[1].file);
    ep__precisions_free(&precisions);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    return ep__run_in_arena(run_in, args, out, err);
}

const ep__command ep__cmd_compare = {
    .name = "compare",
    .summary = "Compares what two networks compute from the same input (docs/execution.md).\n"
               "A and B are each MODEL.onnx or a folder that plan run --output wrote; A is the "
               "reference.\n"
               "After MODEL.onnx they are fp32, tf32, fp16, int8 or best, the model planned in "
               "that, or a\nPLAN.json that plan --save wrote (docs/precision.md).",
    .operand = "[MODEL.onnx] A B",
    .min_operands = 2,
    .max_operands = 3,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
