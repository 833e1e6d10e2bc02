#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/folder.h"
#include "cli/machine.h"
#include "cli/sweep.h"
#include "cli/sweep_file.h"
#include "report/report.h"

enum {
    HW,
    SET,
    MODE_FILE,
    MODE,
    PRECISION,
    STRATEGY,
    DLA,
    BATCH,
    MAX_POWER,
    DEADLINE,
    MIN_FPS,
    CSV,
    JSON,
    OUT,
    RESUME,
    THREADS,
    N_OPTIONS
};

static const ep__option options[N_OPTIONS] = {
    [HW] = {"--hw", "A,B", "hardware models (default: orin-agx)"},
    [SET] = {"--set", "KEY=VALUE...",
             "changes the machines; KEY=BEGIN:END:STEP takes each of these values:\n"
             "gpu.clock_mhz=306:1300:102"},
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [MODE] = {"--mode", "A,B|all", "power modes (default: all)"},
    [PRECISION] = {"--precision", "A,B|all", "int8 (the default), fp16, fp32, best"},
    [STRATEGY] = {"--strategy", "A,B|all", "gpu, greedy, best (default: gpu and greedy)"},
    [DLA] = {"--dla", "A,B", "0, 1, both, none (default: 0 where there is one)"},
    [BATCH] = {"--batch", "N,M", "images in a batch (default: as in the file)"},
    [MAX_POWER] = EP__OPTION_MAX_POWER,
    [DEADLINE] = EP__OPTION_DEADLINE,
    [MIN_FPS] = EP__OPTION_MIN_FPS,
    [CSV] = {"--csv", NULL, "a row a point as it is ready, instead of the summary"},
    [JSON] = {"--json", NULL, "the same as JSON, a line a point; of --out and --resume too"},
    [OUT] = {"--out", "FILE", "writes the rows to FILE, beside the summary"},
    [RESUME] = {"--resume", "FILE", "the same, and goes on where FILE ends"},
    [THREADS] = {"--threads", "N", "threads at work (default: one a core)"},
};

/* Zero-initialise but for `args`. What is not freed by name lives in the arena. */
typedef struct job {
    const ep__args *args;
    ep_arena *arena;
    ep_machine_options hardware;
    ep_sweep_options sweep;
    const char **models; /* malloc'ed */
    uint32_t models_capacity;
    ep__sweep_file file;
    ep_sweep_limits limits;
    ep_sweep_summary summary; /* of the model at work */
    const char *model;        /* NULL: none yet */
    uint32_t model_index;
    ep_text *out;
    bool shows_progress;
    bool infeasible; /* one of the models is, and `why` says so of the first */
    ep_error why;
} job;

/* ---- options ------------------------------------------------------------------------------- */

/* A list of choices as indices; "all" and nothing at all: none. */
static ep_status choices(job *j, int option, const char *(*name)(uint32_t), uint32_t **list,
                         uint32_t *n, ep_error *err)
{
    const char *text = j->args->given[option];
    if (!text || strcmp(text, "all") == 0) return EP_OK;
    ep__values items;
    EP_TRY(ep__split(options[option].name, text, j->arena, &items, err));
    *list = EP_NEW(j->arena, uint32_t, items.n);
    if (!*list) return ep_fail_memory(err);
    for (*n = 0; *n < items.n; ++*n) {
        EP_TRY(ep__parse_choice(options[option].name, items.at[*n], name, &(*list)[*n], err));
    }
    return EP_OK;
}

static ep_status read_precisions(job *j, ep_error *err)
{
    static const ep_precision_choice all[] = {EP_CHOOSE_INT8, EP_CHOOSE_FP16, EP_CHOOSE_FP32,
                                              EP_CHOOSE_BEST};
    uint32_t *list = NULL, n = 0;
    EP_TRY(choices(j, PRECISION, ep_report_precision_name, &list, &n, err));
    j->sweep.precisions = all;
    j->sweep.n_precisions = j->args->given[PRECISION] ? sizeof all / sizeof *all : 1;
    if (n == 0) return EP_OK;
    ep_precision_choice *chosen = EP_NEW(j->arena, ep_precision_choice, n);
    if (!chosen) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) chosen[i] = (ep_precision_choice)list[i];
    j->sweep.precisions = chosen;
    j->sweep.n_precisions = n;
    return EP_OK;
}

static ep_status read_placement(job *j, ep_error *err)
{
    uint32_t *dlas = NULL, *strategies = NULL, n_dlas = 0, n_strategies = 0;
    EP_TRY(choices(j, DLA, ep_report_dla_name, &dlas, &n_dlas, err));
    EP_TRY(choices(j, STRATEGY, ep_strategy_name, &strategies, &n_strategies, err));
    ep_dla_choice *chosen = EP_NEW(j->arena, ep_dla_choice, n_dlas);
    const char **names = EP_NEW(j->arena, const char *, n_strategies);
    if (!chosen || !names) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n_dlas; i++) chosen[i] = (ep_dla_choice)dlas[i];
    for (uint32_t i = 0; i < n_strategies; i++) names[i] = ep_strategy_name(strategies[i]);
    j->sweep.dlas = chosen;
    j->sweep.n_dlas = n_dlas;
    j->sweep.strategies = names;
    j->sweep.n_strategies = n_strategies;
    return EP_OK;
}

static ep_status read_batches(job *j, ep_error *err)
{
    static const int64_t as_in_file = 0;
    j->sweep.batches = &as_in_file;
    j->sweep.n_batches = 1;
    if (!j->args->given[BATCH]) return EP_OK;
    ep__values items;
    EP_TRY(ep__split("--batch", j->args->given[BATCH], j->arena, &items, err));
    int64_t *batches = EP_NEW(j->arena, int64_t, items.n);
    if (!batches) return ep_fail_memory(err);
    for (uint32_t i = 0; i < items.n; i++) {
        EP_TRY(ep__parse_integer("--batch", items.at[i], 1, EP__BATCH_MAX, &batches[i], err));
    }
    j->sweep.batches = batches;
    j->sweep.n_batches = items.n;
    return EP_OK;
}

/* Ranges become axes, what else is set holds for all points. */
static ep_status read_sets(job *j, ep_error *err)
{
    const ep__values sets = j->args->all[SET];
    ep_axis *axes = EP_NEW(j->arena, ep_axis, sets.n);
    const char **fixed = EP_NEW(j->arena, const char *, sets.n);
    if (!axes || !fixed) return ep_fail_memory(err);
    uint32_t n = 0;
    for (uint32_t i = 0; i < sets.n; i++) {
        if (ep_axis_is_range(sets.at[i])) {
            EP_TRY(ep_axis_parse(sets.at[i], j->arena, &axes[j->sweep.n_axes++], err));
        } else {
            fixed[n++] = sets.at[i];
        }
    }
    j->sweep.axes = axes;
    j->hardware = ep__machine_options((ep__values){.n = n, .at = fixed}, j->args->given[MODE_FILE]);
    j->sweep.hardware = &j->hardware;
    return EP_OK;
}

static ep_status read_machines(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    ep__values machines, modes = {0};
    EP_TRY(ep__split("--hw", given[HW] ? given[HW] : EP__DEFAULT_HW, j->arena, &machines, err));
    if (given[MODE] && strcmp(given[MODE], "all") != 0) {
        EP_TRY(ep__split("--mode", given[MODE], j->arena, &modes, err));
    }
    j->sweep.machines = machines.at;
    j->sweep.n_machines = machines.n;
    j->sweep.modes = modes.at;
    j->sweep.n_modes = modes.n;
    return EP_OK;
}

static ep_status read_options(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    EP_FAIL_IF(given[CSV] && given[JSON], err, EP_BAD_USAGE, "--csv and --json exclude each other");
    EP_FAIL_IF(given[OUT] && given[RESUME], err, EP_BAD_USAGE,
               "--out and --resume exclude each other: --resume FILE writes to FILE too");
    int64_t threads = ep_cores();
    if (given[THREADS]) {
        EP_TRY(ep__parse_integer("--threads", given[THREADS], 1, 1024, &threads, err));
    }
    j->sweep.threads = (uint32_t)threads;
    EP_TRY(ep__sweep_limits(given[MAX_POWER], given[DEADLINE], given[MIN_FPS], &j->limits, err));
    EP_TRY(read_precisions(j, err));
    EP_TRY(read_placement(j, err));
    EP_TRY(read_batches(j, err));
    EP_TRY(read_sets(j, err));
    return read_machines(j, err);
}

/* Models and folders of them, in the order given. */
static ep_status list_models(job *j, ep_error *err)
{
    const ep__values operands = j->args->operands;
    for (uint32_t i = 0; i < operands.n; i++) {
        const char **paths = (const char **)&operands.at[i];
        uint32_t n = 1;
        const bool is_folder = ep__is_folder(operands.at[i]);
        if (is_folder) {
            paths = NULL;
            n = 0;
        }
        ep_status status =
            is_folder ? ep__list_models(j->arena, operands.at[i], &paths, &n, err) : EP_OK;
        const uint32_t had = j->sweep.n_models;
        if (status == EP_OK) {
            status = ep_grow((void **)&j->models, &j->models_capacity, (uint64_t)had + n,
                             sizeof *j->models, err);
        }
        for (uint32_t k = 0; status == EP_OK && k < n; k++) {
            j->models[j->sweep.n_models++] = paths[k];
        }
        if (is_folder) free((void *)paths);
        EP_TRY(status);
    }
    j->sweep.models = j->models;
    return EP_OK;
}

/* ---- points -------------------------------------------------------------------------------- */

/* Models come one after the other: what was found about one is shown before the next. */
static ep_status end_model(job *j, ep_error *err)
{
    if (!j->model) return EP_OK;
    ep_sweep_summary_end(&j->summary);
    const bool rows_only = j->file.file && !j->file.path;
    if (!rows_only) {
        if (j->out->length) ep_text_append(j->out, "\n", 1);
        EP_TRY(ep_report_sweep(&j->summary, j->model, j->args->width, j->out, err));
    }
    ep_error why = {0};
    if (ep_report_sweep_feasible(&j->summary, j->model, &why) != EP_OK && !j->infeasible) {
        j->infeasible = true;
        j->why = why;
    }
    ep_sweep_summary_free(&j->summary);
    return EP_OK;
}

/* Of a terminal only. */
static void show_progress(const job *j, uint64_t done, uint64_t all)
{
    enum { CELLS = 40 };
    if (!j->shows_progress || (done % CELLS != 0 && done != all)) return;
    const int full = (int)(CELLS * done / all);
    fprintf(stderr, "\r[%.*s%*s] %llu of %llu%s", full, "########################################",
            CELLS - full, "", (unsigned long long)done, (unsigned long long)all,
            done == all ? "\r\033[K" : "");
}

static ep_status known(void *context, ep_sweep_point *point, bool *is_known, ep_error *err)
{
    return ep__sweep_file_known(&((job *)context)->file, point, is_known, err);
}

static ep_status take_row(void *context, const ep_sweep_point *point, bool was_known, uint64_t done,
                          uint64_t all, ep_error *err)
{
    job *j = context;
    if (!j->model || j->model_index != point->model_index) {
        EP_TRY(end_model(j, err));
        j->model = point->model;
        j->model_index = point->model_index;
        j->summary = (ep_sweep_summary){.limits = j->limits};
    }
    if (!was_known) EP_TRY(ep__sweep_file_write(&j->file, point, err));
    show_progress(j, done, all);
    return ep_sweep_summary_add(&j->summary, point, err);
}

static ep_status do_job(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    j->arena = ep_arena_new();
    if (!j->arena) return ep_fail_memory(err);
    EP_TRY(read_options(j, err));
    EP_TRY(list_models(j, err));
    const char *path = given[RESUME] ? given[RESUME] : given[OUT];
    if (path || given[CSV] || given[JSON]) {
        EP_TRY(ep__sweep_file_open(path, given[JSON], given[RESUME], &j->file, err));
    }
    j->shows_progress = isatty(STDERR_FILENO) && (!j->file.file || j->file.path || !j->args->width);
    const ep_sweep_sink sink = {.context = j, .known = known, .row = take_row};
    EP_TRY(ep_sweep_run(&j->sweep, &sink, j->arena, err));
    EP_TRY(end_model(j, err));
    EP_TRY(ep__sweep_file_close(&j->file, err));
    EP_FAIL_IF(j->infeasible, err, EP_INFEASIBLE, "%s", j->why.text);
    return EP_OK;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    job j = {.args = args, .out = out};
    const ep_status status = do_job(&j, err);
    ep_sweep_summary_free(&j.summary);
    ep__sweep_file_free(&j.file);
    free((void *)j.models);
    ep_arena_free(j.arena);
    return status;
}

const ep__command ep__cmd_sweep = {
    .name = "sweep",
    .summary = "Evaluates models at every combination of machines, modes, clocks, precisions, "
               "batches\nand placements, and says which stand out.",
    .operand = "MODEL.onnx|DIR...",
    .min_operands = 1,
    .max_operands = 4096,
    .n_options = N_OPTIONS,
    .options = options,
    .shows_failures = true, /* the summary, when no point keeps the limits */
    .run = run,
};
