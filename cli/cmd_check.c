#include <stdlib.h>
#include <string.h>

#include "cli/check.h"
#include "cli/commands.h"
#include "cli/folder.h"
#include "cli/machine.h"
#include "study/study.h"

enum {
    HW,
    SET,
    MODE_FILE,
    MODE,
    PRECISION,
    CALIB,
    DLA,
    DLA_SOFTWARE,
    STANDALONE,
    BATCH,
    SHAPES,
    MIN_SHAPES,
    MAX_SHAPES,
    FULL,
    EXPLAIN,
    RANK,
    FAIL_ON,
    BASELINE,
    JSON,
    CSV,
    N_OPTIONS
};

static const ep__option options[N_OPTIONS] = {
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [MODE] = {"--mode", "NAME", "power mode (default: the first that powers the DLA)"},
    [PRECISION] = {"--precision", "NAME", "int8 (the default; FP16 allowed), fp16, fp32 or best"},
    [CALIB] = EP__OPTION_CALIB_CACHE,
    [DLA] = {"--dla", "0|1|both", "DLA core to plan for (default: 0)"},
    [DLA_SOFTWARE] = {"--dla-software", "V", "whose limits hold: short for --set dla_software=V"},
    [STANDALONE] = {"--standalone", NULL,
                    "for a loadable that runs without TensorRT: a layer that falls back, or\n"
                    "a reformat, is an error"},
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
    [MIN_SHAPES] = EP__OPTION_MIN_SHAPES,
    [MAX_SHAPES] = EP__OPTION_MAX_SHAPES,
    [FULL] = {"--full", NULL, "every name, value and hint instead of the first few"},
    [EXPLAIN] = {"--explain", "NAME", "instead of the report, every rule asked about one layer"},
    [RANK] = {"--rank", NULL,
              "plans the model anew with each hint followed, and each two of the best:\n"
              "what they win"},
    [FAIL_ON] = {"--fail-on", "COND...",
                 "exit code 1 when it holds: fallback, slower-than-gpu, 'subgraphs>2',\n"
                 "'dla-macs<95', ... (docs/cli.md)"},
    [BASELINE] = {"--baseline", "FILE",
                  "what --json printed before: says what changed, and exits with 1 when\n"
                  "it became worse"},
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
    [CSV] = {"--csv", NULL, "CSV instead of tables, one row a layer, or a model of a folder"},
};

/* Zero-initialise but for `args`. What is not freed by name lives in the arena. */
typedef struct job {
    const ep__args *args;
    ep_arena *arena;
    ep_machine *machine;
    ep__check_settings settings;
    ep_report_check_row *rows; /* of a folder; malloc'ed */
    uint32_t n_rows, row_capacity;
    ep_error gate; /* the first that failed */
    uint32_t gates_failed;
} job;

/* ---- before any model ---------------------------------------------------------------------- */

static ep_status check_options(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    EP_FAIL_IF(given[JSON] && given[CSV], err, EP_BAD_USAGE, "--json and --csv exclude each other");
    EP_FAIL_IF(given[EXPLAIN] && (given[JSON] || given[CSV]), err, EP_BAD_USAGE,
               "--explain is for people: leave %s out", given[JSON] ? "--json" : "--csv");
    EP_FAIL_IF(given[EXPLAIN] && (given[BASELINE] || given[RANK]), err, EP_BAD_USAGE,
               "--explain and %s exclude each other", given[RANK] ? "--rank" : "--baseline");
    EP_FAIL_IF(given[RANK] && given[CSV], err, EP_BAD_USAGE,
               "--csv has no hints: leave --rank out, or give --json");
    for (uint32_t i = 0; i < j->args->all[FAIL_ON].n; i++) {
        EP_TRY(ep_gate_valid(j->args->all[FAIL_ON].at[i], err));
    }
    uint32_t precision = EP_CHOOSE_INT8, dla = EP_DLA_FIRST;
    if (given[PRECISION]) {
        EP_TRY(ep__parse_choice("--precision", given[PRECISION], ep_precision_choice_name,
                                &precision, err));
    }
    if (given[DLA]) EP_TRY(ep__parse_choice("--dla", given[DLA], ep_dla_choice_name, &dla, err));
    EP_FAIL_IF(
        dla == EP_DLA_NONE, err, EP_BAD_USAGE,
        "--dla none: a check asks what the DLA takes; 'plan --dla none' plans the GPU alone");
    j->settings = (ep__check_settings){.plan = {.precision = (ep_precision_choice)precision,
                                                .dla = (ep_dla_choice)dla,
                                                .standalone = given[STANDALONE]},
                                       .model = {.batch = given[BATCH],
                                                 .shapes = given[SHAPES],
                                                 .min_shapes = given[MIN_SHAPES],
                                                 .max_shapes = given[MAX_SHAPES],
                                                 .calib = given[CALIB]},
                                       .full = given[FULL],
                                       .rank = given[RANK]};
    return EP_OK;
}

/* --set as given, and --dla-software after it. */
static ep_status all_sets(const job *j, ep__values *sets, ep_error *err)
{
    *sets = j->args->all[SET];
    const char *software = j->args->given[DLA_SOFTWARE];
    if (!software) return EP_OK;
    const char **at = EP_NEW(j->arena, const char *, (uint64_t)sets->n + 1);
    char *set = ep_arena_printf(j->arena, "dla_software=%s", software);
    if (!at || !set) return ep_fail_memory(err);
    for (uint32_t i = 0; i < sets->n; i++) at[i] = sets->at[i];
    at[sets->n] = set;
    *sets = (ep__values){.n = sets->n + 1, .at = at};
    return EP_OK;
}

static ep_status load_machine(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    ep__values sets;
    EP_TRY(all_sets(j, &sets, err));
    const ep_machine_options machine_options = ep__machine_options(sets, given[MODE_FILE]);
    EP_TRY(ep__machine_load(given[HW], &machine_options, &j->machine, err));
    j->settings.machine = j->machine;
    if (j->machine->dla.cores == 0) j->settings.plan.dla = EP_DLA_NONE;
    return ep__check_mode(j->machine, given[MODE], j->settings.plan.dla, &j->settings.mode, err);
}

/* ---- gates --------------------------------------------------------------------------------- */

/* Remembers a gate that failed; forwards what is none of its failures. */
static ep_status remember(job *j, ep_status status, const ep_error *why, ep_error *err)
{
    if (status == EP_OK) return EP_OK;
    if (status != EP_GATE_FAILED) {
        *err = *why;
        return status;
    }
    if (j->gates_failed++ == 0) j->gate = *why;
    return EP_OK;
}

static ep_status check_conditions(job *j, const ep_report_check_row *row, ep_error *err)
{
    const ep_gate_facts facts = {.layers = row->layers,
                                 .layers_dla = row->layers_dla,
                                 .fallbacks = row->fallbacks,
                                 .subgraphs = row->subgraphs,
                                 .transitions = row->transitions,
                                 .macs_dla_pct = row->macs_dla_pct,
                                 .time_dla_pct = row->time_dla_pct,
                                 .latency_ms = row->latency_ms,
                                 .gpu_latency_ms = row->gpu_latency_ms};
    for (uint32_t i = 0; i < j->args->all[FAIL_ON].n; i++) {
        ep_error why = {0};
        const ep_status status =
            ep_gate_check(j->args->all[FAIL_ON].at[i], &facts, row->model, &why);
        EP_TRY(remember(j, status, &why, err));
    }
    return EP_OK;
}

static ep_status gates_outcome(const job *j, ep_error *err)
{
    if (j->gates_failed == 0) return EP_OK;
    if (j->gates_failed == 1) return ep_fail(err, EP_GATE_FAILED, "%s", j->gate.text);
    return ep_fail(err, EP_GATE_FAILED, "%s; and %u other%s", j->gate.text,
                   (unsigned)(j->gates_failed - 1), j->gates_failed == 2 ? "" : "s");
}

/* What differs from the file goes below the report for people, and nowhere else. */
static ep_status check_baseline(job *j, const ep_report_check *report, ep_text *out, ep_error *err)
{
    const char *path = j->args->given[BASELINE];
    ep_text now = {0}, diff = {0};
    ep_error why = {0};
    ep_status status = ep_report_check_json(report, &now, &why);
    if (status == EP_OK) {
        status = ep_baseline_compare(path, ep_text_cstr(&now), now.length, &diff, &why);
    }
    if (status == EP_OK || status == EP_GATE_FAILED) {
        const bool for_people = !j->args->given[JSON] && !j->args->given[CSV];
        if (for_people) {
            ep_text_printf(out, "\ncompared with %s\n", path);
            ep_text_append(out, ep_text_cstr(&diff), diff.length);
        }
        if (diff.failed) status = ep_fail_memory(&why);
    }
    ep_text_free(&diff);
    ep_text_free(&now);
    return remember(j, status, &why, err);
}

/* ---- one model ----------------------------------------------------------------------------- */

static ep_status write_report(const job *j, const ep__check *check, ep_text *out, ep_error *err)
{
    const char *const *given = j->args->given;
    if (given[EXPLAIN]) return ep__check_explain(check, given[EXPLAIN], j->args->width, out, err);
    if (given[JSON]) return ep_report_check_json(&check->report, out, err);
    if (given[CSV]) return ep_report_check_csv(&check->report, out, err);
    return ep_report_check_table(&check->report, j->args->width, out, err);
}

static ep_status report_model(job *j, const ep__check *check, ep_text *out, ep_error *err)
{
    EP_TRY(write_report(j, check, out, err));
    const ep_report_check_row row = ep_report_check_row_of(&check->report);
    EP_TRY(check_conditions(j, &row, err));
    return j->args->given[BASELINE] ? check_baseline(j, &check->report, out, err) : EP_OK;
}

static ep_status check_one(job *j, const char *path, ep_text *out, ep_error *err)
{
    ep__check check = {0};
    ep_error why = {0};
    const ep_status feasible = ep__check_model(path, &j->settings, &check, &why);
    ep_status status = feasible;
    if (feasible == EP_OK || check.report.planned)
        status = report_model(j, &check, out, err);
    else
        *err = why;
    ep__check_free(&check);
    if (status != EP_OK) ep_text_free(out);
    if (status == EP_OK && feasible != EP_OK) return ep_fail(err, feasible, "%s", why.text);
    return status == EP_OK ? gates_outcome(j, err) : status;
}

/* ---- a folder ------------------------------------------------------------------------------ */

/* The name of a model as a network has it: its file without folder and ".onnx". */
static const char *model_name(ep_arena *arena, const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    return ep_arena_string(arena, name, strlen(name) - strlen(".onnx"));
}

/* Adds the row of one model; `*bad` counts those that cannot be checked, `*worst` is the status of
 * the first. Bad usage and want of memory end it all. */
static ep_status add_row(job *j, const char *path, uint32_t *bad, ep_status *worst, ep_error *err)
{
    EP_TRY(ep_grow((void **)&j->rows, &j->row_capacity, (uint64_t)j->n_rows + 1, sizeof *j->rows,
                   err));
    ep_report_check_row *row = &j->rows[j->n_rows++];
    ep__check check = {0};
    ep_error why = {0};
    const ep_status status = ep__check_model(path, &j->settings, &check, &why);
    *row = (ep_report_check_row){0};
    if (status == EP_OK) {
        *row = ep_report_check_row_of(&check.report);
    } else {
        row->error = ep_arena_string(j->arena, why.text, strlen(why.text));
        if ((*bad)++ == 0) *worst = status;
    }
    row->model = model_name(j->arena, path);
    ep__check_free(&check);
    if (status == EP_BAD_USAGE) return ep_fail(err, status, "%s", why.text);
    if (!row->model || (status != EP_OK && !row->error) || status == EP_NO_MEMORY) {
        return ep_fail_memory(err);
    }
    return status == EP_OK ? check_conditions(j, row, err) : EP_OK;
}

static ep_status check_folder(job *j, const char *const *paths, uint32_t n, ep_text *out,
                              ep_error *err)
{
    const char *const *given = j->args->given;
    uint32_t bad = 0;
    ep_status worst = EP_OK;
    for (uint32_t i = 0; i < n; i++) EP_TRY(add_row(j, paths[i], &bad, &worst, err));
    if (given[JSON]) {
        EP_TRY(ep_report_check_rows_json(j->rows, n, out, err));
    } else if (given[CSV]) {
        EP_TRY(ep_report_check_rows_csv(j->rows, n, out, err));
    } else {
        EP_TRY(ep_report_check_rows(j->rows, n, j->args->width, out, err));
    }
    const ep_status gates = gates_outcome(j, err);
    EP_FAIL_IF(bad > 0, err, worst, "%u of %u models cannot be checked%s%s", (unsigned)bad,
               (unsigned)n, gates == EP_OK ? "" : "; ", gates == EP_OK ? "" : j->gate.text);
    return gates;
}

static ep_status do_job(job *j, ep_text *out, ep_error *err)
{
    const char *const *given = j->args->given;
    const char *path = j->args->operands.at[0];
    EP_TRY(check_options(j, err));
    const bool folder = ep__is_folder(path);
    EP_FAIL_IF(folder && (given[EXPLAIN] || given[BASELINE] || given[RANK]), err, EP_BAD_USAGE,
               "%s is about one model, and %s is a folder",
               given[EXPLAIN]    ? "--explain"
               : given[BASELINE] ? "--baseline"
                                 : "--rank",
               path);
    j->arena = ep_arena_new();
    if (!j->arena) return ep_fail_memory(err);
    EP_TRY(load_machine(j, err));
    if (!folder) return check_one(j, path, out, err);
    const char **paths = NULL;
    uint32_t n = 0;
    ep_status status = ep__list_models(j->arena, path, &paths, &n, err);
    if (status == EP_OK) status = check_folder(j, paths, n, out, err);
    free((void *)paths);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    job j = {.args = args};
    const ep_status status = do_job(&j, out, err);
    free(j.rows);
    ep_machine_free(j.machine);
    ep_arena_free(j.arena);
    return status;
}

const ep__command ep__cmd_check = {
    .name = "check",
    .summary =
        "Says which layers of a model the DLA takes, why not the others, and what would help.",
    .operand = "MODEL.onnx|DIR",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .shows_failures = true, /* a folder with a bad file, and what cannot run standalone */
    .run = run,
};
