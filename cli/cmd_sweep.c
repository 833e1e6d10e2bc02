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
    NO_TF32,
    STRATEGY,
    OBJECTIVE,
    DLA,
    NO_FALLBACK,
    STREAMS,
    BATCH,
    SHAPES,
    TIMINGS,
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
    [NO_TF32] = EP__OPTION_NO_TF32,
    [STRATEGY] = {"--strategy", "A,B|all",
                  "gpu, greedy, best, which is planned for each point (default: gpu,greedy)"},
    [OBJECTIVE] = {"--objective", "A,B|all",
                   "of best: latency (the default), energy, throughput, edp"},
    [DLA] = {"--dla", "A,B", "0, 1, both, none (default: 0 where there is one)"},
    [NO_FALLBACK] = {"--no-fallback", NULL, "where the DLA refuses a layer, the point cannot run"},
    [STREAMS] = {"--streams", "A,B|all",
                 "batches on several engines at once: gpu, dla, 2dla, gpu+dla, gpu+2dla;\n"
                 "instead of --strategy and --dla"},
    [BATCH] = {"--batch", "N,M", "images in a batch (default: as in the file)"},
    [SHAPES] = EP__OPTION_SHAPES,
    [TIMINGS] = EP__OPTION_TIMINGS,
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
    ep_timings *timings; /* NULL: none are kept */
    ep_sweep_options sweep;
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

static ep_status choices(job *j, int option, const char *(*name)(uint32_t), uint32_t **list,
                         uint32_t *n, ep_error *err)
{
    return ep__choices(options[option].name, j->args->given[option], name, j->arena, list, n, err);
}

static ep_status read_precisions(job *j, ep_error *err)
{
    static const ep_precision_choice usual = EP_CHOOSE_INT8;
    uint32_t *list = NULL, n = 0;
    EP_TRY(choices(j, PRECISION, ep_precision_choice_name, &list, &n, err));
    j->sweep.precisions = &usual;
    j->sweep.n_precisions = 1;
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
    uint32_t *dlas = NULL, *objectives = NULL, n_dlas = 0, n_objectives = 0;
    EP_TRY(choices(j, DLA, ep_dla_choice_name, &dlas, &n_dlas, err));
    EP_TRY(choices(j, OBJECTIVE, ep_objective_name, &objectives, &n_objectives, err));
    EP_TRY(ep__strategies(j->args->given[STRATEGY], j->arena, &j->sweep.strategies,
                          &j->sweep.n_strategies, err));
    ep_dla_choice *chosen = EP_NEW(j->arena, ep_dla_choice, n_dlas);
    ep_objective *aims = EP_NEW(j->arena, ep_objective, n_objectives);
    if (!chosen || !aims) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n_dlas; i++) chosen[i] = (ep_dla_choice)dlas[i];
    for (uint32_t i = 0; i < n_objectives; i++) aims[i] = (ep_objective)objectives[i];
    j->sweep.objectives = aims;
    j->sweep.n_objectives = n_objectives;
    j->sweep.dlas = chosen;
    j->sweep.n_dlas = n_dlas;
    return EP_OK;
}

/* Those of an ep_engine that work. */
static const char *streams_name(uint32_t engine)
{
    return engine == EP_ENGINE_IDLE ? NULL : ep_engine_name(engine);
}

static ep_status read_streams(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    if (!given[STREAMS]) return EP_OK;
    EP_FAIL_IF(given[STRATEGY] || given[DLA], err, EP_BAD_USAGE,
               "--streams says what runs where: leave %s out", given[DLA] ? "--dla" : "--strategy");
    uint32_t *list = NULL, n = 0;
    EP_TRY(choices(j, STREAMS, streams_name, &list, &n, err));
    ep_engine *chosen = EP_NEW(j->arena, ep_engine, n);
    if (!chosen) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) chosen[i] = (ep_engine)list[i];
    j->sweep.streams = chosen;
    j->sweep.n_streams = n;
    return EP_OK;
}

/* "--no-tf32 --shapes x:1x3x320x320": options that no other field of a row says. */
static ep_status name_others(job *j, ep_error *err)
{
    static const int others[] = {NO_TF32, NO_FALLBACK, SHAPES, TIMINGS};
    const char *const *given = j->args->given;
    ep_text text = {0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const int o = others[i];
        if (!given[o]) continue;
        ep_text_printf(&text, "%s%s", text.length ? " " : "", options[o].name);
        if (options[o].value) ep_text_printf(&text, " %s", given[o]);
    }
    j->sweep.others = ep_arena_string(j->arena, ep_text_cstr(&text), text.length);
    const bool complete = j->sweep.others && !text.failed;
    ep_text_free(&text);
    return complete ? EP_OK : ep_fail_memory(err);
}

/* What holds for every network and plan. */
static ep_status read_plans(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    const ep__model_options model = {.shapes = given[SHAPES]};
    EP_TRY(ep__model_shapes(&model, j->arena, &j->sweep.network, err));
    j->sweep.plan.no_tf32 = given[NO_TF32];
    j->sweep.plan.no_fallback = given[NO_FALLBACK];
    if (!given[TIMINGS]) return EP_OK;
    EP_FAIL_IF(given[THREADS] && j->sweep.threads > 1, err, EP_BAD_USAGE,
               "--timing-cache works on one thread: leave --threads out");
    j->sweep.threads = 1;
    EP_TRY(ep_timings_load(given[TIMINGS], &j->timings, err));
    j->sweep.plan.search.timings = j->timings;
    return EP_OK;
}

static ep_status read_batches(job *j, ep_error *err)
{
    static const int64_t as_in_file = 0;
    j->sweep.batches = &as_in_file;
    j->sweep.n_batches = 1;
    const char *given = j->args->given[BATCH];
    if (!given) return EP_OK;
    return ep__batches(given, j->arena, &j->sweep.batches, &j->sweep.n_batches, err);
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
    EP_TRY(read_streams(j, err));
    EP_TRY(read_plans(j, err));
    EP_TRY(name_others(j, err));
    EP_TRY(read_batches(j, err));
    EP_TRY(read_sets(j, err));
    return read_machines(j, err);
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
    if (j->shows_progress) ep__progress(done, all);
    return ep_sweep_summary_add(&j->summary, point, err);
}

static ep_status do_job(job *j, ep_error *err)
{
    const char *const *given = j->args->given;
    j->arena = ep_arena_new();
    if (!j->arena) return ep_fail_memory(err);
    EP_TRY(read_options(j, err));
    EP_TRY(
        ep__expand_models(j->arena, j->args->operands, &j->sweep.models, &j->sweep.n_models, err));
    const char *path = given[RESUME] ? given[RESUME] : given[OUT];
    if (path || given[CSV] || given[JSON]) {
        EP_TRY(ep__sweep_file_open(path, given[JSON], given[RESUME], &j->file, err));
    }
    j->shows_progress = isatty(STDERR_FILENO) && (!j->file.file || j->file.path || !j->args->width);
    const ep_sweep_sink sink = {.context = j, .known = known, .row = take_row};
    EP_TRY(ep_sweep_run(&j->sweep, &sink, j->arena, err));
    EP_TRY(end_model(j, err));
    if (j->timings) EP_TRY(ep_timings_save(j->timings, err));
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
    ep_timings_free(j.timings);
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
