#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/machine.h"
#include "cli/model.h"
#include "report/report.h"
#include "study/study.h"

enum {
    MODELS,
    GROUP,
    WORST,
    JSON,
    SVG,
    FAIL_OVER,
    FROM_TRTEXEC,
    HW,
    SET,
    MODE_FILE,
    MODE,
    PRECISION,
    DLA,
    BATCH,
    SHAPES,
    N_OPTIONS
};

static const ep__option options[N_OPTIONS] = {
    [MODELS] = {"--models", "DIR",
                "folder that the models of the file are relative to\n"
                "(default: the one above the file's)"},
    [GROUP] = {"--group", "NAME", "only the rows of this group"},
    [WORST] = {"--worst", "N", "of each group only the N rows that are furthest off"},
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
    [SVG] = {"--svg", "DIR", "draws DIR/GROUP.svg, predicted over measured, for each group"},
    [FAIL_OVER] = {"--fail-over", "PCT",
                   "exit code 1 when the median error of a group is larger, or\n"
                   "nothing in it could be predicted"},
    [FROM_TRTEXEC] = {"--from-trtexec", "FILE",
                      "what trtexec --exportProfile or --exportTimes wrote for MODEL.onnx,\n"
                      "instead of a file of measurements; the options below say how it ran"},
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [MODE] = {"--mode", "NAME", "power mode (default: the one after flashing)"},
    [PRECISION] = {"--precision", "NAME", "int8 (the default; FP16 allowed), fp16, fp32 or best"},
    [DLA] = {"--dla", "0|1|none", "DLA core that the engine was built for (default: none)"},
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
};

/* ---- what is written ----------------------------------------------------------------------- */

/* A group as the name of a file. */
static char *file_name(const char *folder, const char *group)
{
    ep_text path = {0};
    ep_text_printf(&path, "%s/", folder);
    for (const char *c = group; *c; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                           (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' ||
                           (*c == '.' && c > group);
        ep_text_append(&path, plain ? c : "_", 1);
    }
    ep_text_append(&path, ".svg", 4);
    if (path.failed) ep_text_free(&path);
    return path.data;
}

static ep_status draw_group(const ep_validation *v, uint32_t group, const char *folder,
                            ep_error *err)
{
    char *path = file_name(folder, v->groups[group].name);
    ep_text svg = {0};
    ep_status status = path ? ep_report_scatter(v, group, &svg, err) : ep_fail_memory(err);
    if (status == EP_OK && svg.failed) status = ep_fail_memory(err);
    if (status == EP_OK) status = ep_file_write(path, ep_text_cstr(&svg), svg.length, err);
    ep_text_free(&svg);
    free(path);
    return status;
}

/* After the report: what is wrong is in there too. */
static ep_status check_gate(const ep_validation *v, double percent, ep_error *err)
{
    for (uint32_t g = 0; g < v->n_groups; g++) {
        const ep_validation_group *group = &v->groups[g];
        EP_FAIL_IF(group->predicted == 0, err, EP_GATE_FAILED,
                   "--fail-over: nothing of group '%s' could be predicted", group->name);
        EP_FAIL_IF(group->median_abs_pct > percent, err, EP_GATE_FAILED,
                   "--fail-over: the median error of group '%s' is %.1f %%, allowed %.12g %%",
                   group->name, group->median_abs_pct, percent);
    }
    return EP_OK;
}

typedef struct wishes {
    int64_t worst;  /* 0: all rows */
    double percent; /* NAN: no gate */
} wishes;

static ep_status parse_wishes(const char *const *given, wishes *out, ep_error *err)
{
    enum { WORST_MAX = 1000000 };
    *out = (wishes){.percent = NAN};
    if (given[WORST]) {
        EP_TRY(ep__parse_integer("--worst", given[WORST], 1, WORST_MAX, &out->worst, err));
    }
    if (given[FAIL_OVER]) {
        EP_TRY(ep__parse_number("--fail-over", given[FAIL_OVER], 0, 1e6, &out->percent, err));
    }
    return EP_OK;
}

/* Report, drawings, gate. */
static ep_status write_validation(const ep__args *args, const ep_validation *v, const wishes *w,
                                  ep_text *out, ep_error *err)
{
    const char *const *given = args->given;
    if (given[JSON]) {
        EP_TRY(ep_report_validation_json(v, out, err));
    } else {
        EP_TRY(ep_report_validation(v, (uint32_t)w->worst, args->width, out, err));
    }
    for (uint32_t g = 0; given[SVG] && g < v->n_groups; g++) {
        EP_TRY(draw_group(v, g, given[SVG], err));
    }
    return isnan(w->percent) ? EP_OK : check_gate(v, w->percent, err);
}

/* ---- a file of measurements ---------------------------------------------------------------- */

static ep_status validate_file(const ep__args *args, ep_validation **out, ep_error *err)
{
    static const int others[] = {HW, MODE, PRECISION, DLA, BATCH, SHAPES};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        EP_FAIL_IF(args->given[others[i]], err, EP_BAD_USAGE,
                   "%s goes with --from-trtexec; the rows of a file say it themselves",
                   options[others[i]].name);
    }
    const ep_machine_options hardware = ep__machine_options(args->all[SET], args->given[MODE_FILE]);
    const ep_validate_options validate = {
        .models = args->given[MODELS], .group = args->given[GROUP], .hardware = &hardware};
    return ep_validate(args->operands.at[0], &validate, out, err);
}

/* ---- a profile of trtexec ------------------------------------------------------------------ */

/* Zero-initialise. */
typedef struct profiled {
    ep_machine *machine;
    ep__model model;
    ep_planned *planned;
    ep_arena *arena; /* of the run */
    ep_run run;
} profiled;

static ep_status run_as_profiled(const ep__args *args, profiled *p, ep_error *err)
{
    const char *const *given = args->given;
    uint32_t precision = EP_CHOOSE_INT8, dla = EP_DLA_NONE;
    if (given[PRECISION]) {
        EP_TRY(ep__parse_choice("--precision", given[PRECISION], ep_precision_choice_name,
                                &precision, err));
    }
    if (given[DLA]) EP_TRY(ep__parse_choice("--dla", given[DLA], ep_dla_choice_name, &dla, err));
    EP_FAIL_IF(dla == EP_DLA_BOTH, err, EP_BAD_USAGE, "--dla: an engine is built for one core");
    const ep_machine_options hardware = ep__machine_options(args->all[SET], given[MODE_FILE]);
    EP_TRY(ep__machine_load(given[HW], &hardware, &p->machine, err));
    const ep_mode *mode;
    EP_TRY(ep_machine_mode(p->machine, given[MODE], &mode, err));
    const ep__model_options model_options = {.batch = given[BATCH], .shapes = given[SHAPES]};
    EP_TRY(ep__model_load(args->operands.at[0], &model_options, &p->model, err));
    const ep_plan_options plan_options = {.precision = (ep_precision_choice)precision,
                                          .dla = (ep_dla_choice)dla};
    EP_TRY(ep_plan_make(p->model.layers, p->machine, dla == EP_DLA_NONE ? "gpu" : "greedy",
                        &plan_options, &p->planned, err));
    p->arena = ep_arena_new();
    if (!p->arena) return ep_fail_memory(err);
    const ep_point point = ep_point_of(p->machine, mode);
    const ep_run_options run_options = {.batch = p->model.network->batch_to, .dla_cores = 1};
    return ep_sim_run(&p->planned->plan, p->planned->costs, &point, &run_options, p->arena, &p->run,
                      err);
}

static ep_status validate_profile(const ep__args *args, ep_validation **out, ep_error *err)
{
    EP_FAIL_IF(args->given[MODELS] || args->given[GROUP], err, EP_BAD_USAGE,
               "--models and --group go with a file of measurements, not with --from-trtexec");
    profiled p = {0};
    ep_status status = run_as_profiled(args, &p, err);
    if (status == EP_OK) {
        status = ep_validate_profile(args->given[FROM_TRTEXEC], p.model.layers, &p.planned->plan,
                                     &p.run, out, err);
    }
    ep_arena_free(p.arena);
    ep_planned_free(p.planned);
    ep__model_free(&p.model);
    ep_machine_free(p.machine);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    wishes w;
    EP_TRY(parse_wishes(args->given, &w, err)); /* before the work */
    ep_validation *v = NULL;
    ep_status status =
        args->given[FROM_TRTEXEC] ? validate_profile(args, &v, err) : validate_file(args, &v, err);
    if (status == EP_OK) status = write_validation(args, v, &w, out, err);
    ep_validation_free(v);
    return status;
}

const ep__command ep__cmd_validate = {
    .name = "validate",
    .summary = "Predicts measured figures and prints the error (docs/accuracy.md).",
    .operand = "FILE.csv|MODEL.onnx",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
