#include <string.h>

#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/machine.h"
#include "cli/model.h"
#include "cli/pareto.h"
#include "cli/plan_file.h"
#include "cli/plans.h"
#include "cli/workload.h"
#include "planner/planner.h"
#include "report/report.h"
#include "sim/sim.h"

enum {
    HW,
    SET,
    MODE_FILE,
    MODE,
    MODEL,
    STREAMS,
    SCENARIO,
    RATE,
    LATENCY_MS,
    COPIES,
    CPU_GBPS,
    PRECISION,
    CALIB,
    NO_TF32,
    STRATEGY,
    OBJECTIVE,
    DEADLINE_MS,
    MAX_POWER_W,
    MAX_SUBGRAPHS,
    BRANCHES,
    DLA,
    NO_FALLBACK,
    LAYER_DEVICES,
    LAYER_PRECISIONS,
    SAVE,
    LOAD,
    RETUNE,
    IO,
    BATCH,
    SHAPES,
    MIN_SHAPES,
    MAX_SHAPES,
    LEVEL,
    TIMINGS,
    PARETO,
    GOVERNOR,
    AMBIENT,
    HEATSINK,
    DURATION,
    TEGRASTATS,
    JSON,
    CSV,
    LAYERS,
    KERNELS,
    EXPLAIN,
    TRACE,
    GANTT,
    N_OPTIONS
};
_Static_assert(N_OPTIONS <= EP__MAX_OPTIONS, "room for every option");

static const ep__option options[N_OPTIONS] = {
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [MODE] = {"--mode", "NAME|all", "power mode (default: all)"},
    [MODEL] = {"--model", "SPEC...",
               "a network among several at once: MODEL.onnx[:fps=30][:device=gpu|dla0|dla1]\n"
               "[:deadline_ms=50][:batch=N][:count=N] ... (docs/timeline.md)"},
    [STREAMS] = {"--streams", "SET",
                 "batches on several engines at once: gpu+2dla, 2dla, gpu+dla0, ...;\n"
                 "--batch 256+2 for the GPU and each DLA core; auto: the set, the batches and\n"
                 "the placement with the highest rate"},
    [SCENARIO] = {"--scenario", "NAME",
                  "Offline (the default of --streams), SingleStream, MultiStream or Server"},
    [RATE] = {"--rate", "N", "Server: images a second (default: the highest within the bound)"},
    [LATENCY_MS] = {"--latency-ms", "MS", "Server: bound of the 99th percentile"},
    [COPIES] = {"--copies", NULL, "inputs come from the host and outputs go there, copied"},
    [CPU_GBPS] = {"--cpu-gbps", "N", "what the CPU reads and writes meanwhile (default: 0)"},
    [PRECISION] = {"--precision", "NAME", "int8 (the default; FP16 allowed), fp16, fp32 or best"},
    [CALIB] = EP__OPTION_CALIB_CACHE,
    [NO_TF32] = EP__OPTION_NO_TF32,
    [STRATEGY] = {"--strategy", "NAME|all", "gpu, greedy, best (default: all; docs/placement.md)"},
    [OBJECTIVE] = {"--objective", "NAME",
                   "what best improves: latency (the default), energy, throughput or edp; of\n"
                   "networks that may run anywhere: energy (the default) or latency"},
    [DEADLINE_MS] = {"--deadline-ms", "MS", "best: a batch takes no longer"},
    [MAX_POWER_W] = {"--max-power-w", "W", "best: the module draws no more"},
    [MAX_SUBGRAPHS] = {"--max-subgraphs", "N", "best: no more on the DLA"},
    [BRANCHES] = {"--branches", NULL,
                  "best: branches may run at once on GPU and DLA, as several engines"},
    [DLA] = {"--dla", "0|1|both|none",
             "DLA core to plan for (default: 0 where there is one);\n"
             "both: batches go to the cores in turn"},
    [NO_FALLBACK] = {"--no-fallback", NULL, "a layer that the DLA refuses is an error"},
    [LAYER_DEVICES] = {"--layer-device-types", "SPEC",
                       "pins layers to devices: conv1:DLA,fc*:GPU (docs/cli.md)"},
    [LAYER_PRECISIONS] = {"--layer-precisions", "SPEC", "the same to precisions: conv1:fp16"},
    [SAVE] = {"--save", "PLAN.json",
              "writes the last plan, as it is in the first mode (docs/plan-file.md)"},
    [LOAD] = {"--load", "PLAN.json",
              "the plan that --save wrote, with its machine, mode and options of planning"},
    [RETUNE] = {"--retune", NULL, "searches the tactics of the plan anew"},
    [IO] = {"--io", "linear|native",
            "formats of inputs and outputs (default: linear, with reformats)"},
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
    [MIN_SHAPES] = EP__OPTION_MIN_SHAPES,
    [MAX_SHAPES] = EP__OPTION_MAX_SHAPES,
    [LEVEL] = {"--builder-optimization-level", "0..5",
               "how many tactics of the GPU the builder tries (default: 3)"},
    [TIMINGS] = EP__OPTION_TIMINGS,
    [PARETO] = {"--pareto", NULL,
                "what no other placement, precision, mode and batch beats in latency, throughput,\n"
                "energy and power, and which to choose; --batch then is N,M (default: 1,2,4,8,16)"},
    [GOVERNOR] = {"--governor", NULL,
                  "lowers clocks until a mode's budget holds, and says to what"},
    [AMBIENT] = {"--ambient", "C", "heat: temperature of the air (default: 25)"},
    [HEATSINK] = {"--heatsink", "NAME|K/W", "heat: what cools the module (default: the kit's)"},
    [DURATION] = {"--duration", "TIME", "heat: how long it runs, 600s, 10min, 1h (default: 600s)"},
    [TEGRASTATS] = {"--tegrastats", "FILE",
                    "writes what the board's tool would print of the last plan, in the first\n"
                    "mode that it runs in"},
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
    [CSV] = {"--csv", NULL, "CSV instead of tables, one row a mode and strategy"},
    [LAYERS] = {"--layers", NULL, "a table of layers too (JSON always has them)"},
    [KERNELS] = {"--kernels", NULL, "a table of kernels too: tactics, and where their time goes"},
    [EXPLAIN] = {"--explain", "LAYER",
                 "instead of the tables, what one layer costs elsewhere, and what moving it\n"
                 "does to the whole (of the last strategy)"},
    [TRACE] = {"--trace", "FILE",
               "writes a timeline of the first mode: for Perfetto, or a picture, FILE.svg"},
    [GANTT] = {"--gantt", NULL, "a timeline of the first mode as text"},
};

/* Zero-initialise but for `given`. What is not freed by name lives in the arena. */
typedef struct planning {
    const ep__args *args;
    const char *const *given; /* of args */
    ep_plan_options plan_options;
    ep_arena *arena;
    ep_timings *timings; /* NULL: none are kept */
    ep_plan_file *file;  /* --load; NULL: plans are made */
    ep_report_loaded loaded;
    ep_machine *machine;
    ep__model model;
    uint32_t n_modes;
    const ep_mode **modes;
    ep__limits limits;
    ep__plans plans;
} planning;

static bool is_all(const char *text)
{
    return !text || strcmp(text, "all") == 0;
}

static const char *level_name(uint32_t level)
{
    static const char *const names[] = {"0", "1", "2", "3", "4", "5"};
    _Static_assert(sizeof names / sizeof *names == EP_SEARCH_LEVEL_MAX + 1, "a name a level");
    return level <= EP_SEARCH_LEVEL_MAX ? names[level] : NULL;
}

static const char *io_name(uint32_t io)
{
    static const char *const names[] = {[EP_IO_LINEAR] = "linear", [EP_IO_NATIVE] = "native"};
    return io < sizeof names / sizeof *names ? names[io] : NULL;
}

/* Several networks or engines at once. */
static bool is_workload(const planning *job)
{
    return job->given[MODEL] || job->given[STREAMS] || job->given[SCENARIO];
}

/* As given, or as the plan file has it. */
static ep_plan_file_texts texts_of(const planning *job)
{
    const char *const *given = job->given;
    if (job->file) return job->file->texts;
    return (ep_plan_file_texts){.batch = given[BATCH],
                                .shapes = given[SHAPES],
                                .min_shapes = given[MIN_SHAPES],
                                .max_shapes = given[MAX_SHAPES],
                                .layer_device_types = given[LAYER_DEVICES],
                                .layer_precisions = given[LAYER_PRECISIONS]};
}

static ep__workload_request workload_request(const planning *job)
{
    const char *const *given = job->given;
    const ep_plan_file_texts texts = texts_of(job);
    return (ep__workload_request){.machine = job->machine,
                                  .n_modes = job->n_modes,
                                  .modes = job->modes,
                                  .plan_options = job->plan_options,
                                  .model = job->args->operands.n ? job->args->operands.at[0] : NULL,
                                  .models = job->args->all[MODEL],
                                  .model_options = {.batch = texts.batch,
                                                    .shapes = texts.shapes,
                                                    .min_shapes = texts.min_shapes,
                                                    .max_shapes = texts.max_shapes,
                                                    .calib = given[CALIB]},
                                  .streams = given[STREAMS],
                                  .scenario = given[SCENARIO],
                                  .objective = given[OBJECTIVE],
                                  .rate = given[RATE],
                                  .latency_ms = given[LATENCY_MS],
                                  .cpu_gbps = given[CPU_GBPS],
                                  .copies = given[COPIES],
                                  .json = given[JSON],
                                  .csv = given[CSV],
                                  .gantt = given[GANTT],
                                  .trace = given[TRACE],
                                  .width = job->args->width};
}

/* A plan file has options of its own, and no clocks but those of its mode. */
static ep_status check_plan_files(const char *const *given, ep_error *err)
{
    static const int of_plan[] = {
        PRECISION,  NO_TF32, STRATEGY, DLA,           NO_FALLBACK,      IO,
        BATCH,      SHAPES,  LEVEL,    LAYER_DEVICES, LAYER_PRECISIONS, MIN_SHAPES,
        MAX_SHAPES, TIMINGS, BRANCHES};
    static const int of_clocks[] = {GOVERNOR, AMBIENT, HEATSINK, DURATION};
    for (size_t i = 0; given[LOAD] && i < sizeof of_plan / sizeof *of_plan; i++) {
        EP_FAIL_IF(given[of_plan[i]], err, EP_BAD_USAGE, "%s: the plan of --load has its own",
                   options[of_plan[i]].name);
    }
    for (size_t i = 0; given[SAVE] && i < sizeof of_clocks / sizeof *of_clocks; i++) {
        EP_FAIL_IF(given[of_clocks[i]], err, EP_BAD_USAGE,
                   "%s: a plan is saved at the clocks of its mode", options[of_clocks[i]].name);
    }
    EP_FAIL_IF(given[RETUNE] && !given[LOAD], err, EP_BAD_USAGE, "--retune goes with --load");
    return EP_OK;
}

static ep__pareto_request pareto_request(const planning *job)
{
    const char *const *given = job->given;
    return (ep__pareto_request){.model = job->args->operands.n ? job->args->operands.at[0] : NULL,
                                .hw = given[HW] ? given[HW] : EP__DEFAULT_HW,
                                .mode_file = given[MODE_FILE],
                                .mode = given[MODE],
                                .strategy = given[STRATEGY],
                                .precision = given[PRECISION],
                                .dla = given[DLA],
                                .batch = given[BATCH],
                                .sets = job->args->all[SET],
                                .shapes = {.shapes = given[SHAPES],
                                           .min_shapes = given[MIN_SHAPES],
                                           .max_shapes = given[MAX_SHAPES]},
                                .plan_options = job->plan_options,
                                .has_objective = given[OBJECTIVE],
                                .limits = {.max_power_w = job->plan_options.max_power_w,
                                           .deadline_ms = job->plan_options.deadline_ns / 1e6},
                                .json = given[JSON],
                                .csv = given[CSV],
                                .width = job->args->width};
}

/* Options that are about one kind of run. */
static ep_status check_kinds(const planning *job, ep_error *err)
{
    static const int of_one_plan[] = {
        STRATEGY,         DEADLINE_MS, MAX_POWER_W, MAX_SUBGRAPHS, DLA,     LAYERS,  LAYER_DEVICES,
        LAYER_PRECISIONS, SAVE,        LOAD,        KERNELS,       EXPLAIN, BRANCHES};
    static const int of_workloads[] = {RATE, LATENCY_MS, COPIES, CPU_GBPS};
    static const int not_of_pareto[] = {
        MODEL,    STREAMS,       SCENARIO,         GOVERNOR, AMBIENT, HEATSINK,
        DURATION, TEGRASTATS,    LAYERS,           KERNELS,  TRACE,   GANTT,
        EXPLAIN,  LAYER_DEVICES, LAYER_PRECISIONS, SAVE,     LOAD,    BRANCHES};
    const char *const *given = job->given;
    for (size_t i = 0; i < sizeof of_one_plan / sizeof *of_one_plan; i++) {
        EP_FAIL_IF(is_workload(job) && given[of_one_plan[i]], err, EP_BAD_USAGE,
                   "%s is for one network by itself", options[of_one_plan[i]].name);
    }
    for (size_t i = 0; i < sizeof of_workloads / sizeof *of_workloads; i++) {
        EP_FAIL_IF(!is_workload(job) && given[of_workloads[i]], err, EP_BAD_USAGE,
                   "%s goes with --streams, --scenario or --model", options[of_workloads[i]].name);
    }
    EP_TRY(check_plan_files(given, err));
    for (size_t i = 0; i < sizeof not_of_pareto / sizeof *not_of_pareto; i++) {
        EP_FAIL_IF(given[PARETO] && given[not_of_pareto[i]], err, EP_BAD_USAGE,
                   "%s is for one setting: not with --pareto", options[not_of_pareto[i]].name);
    }
    EP_FAIL_IF(given[GANTT] && (given[JSON] || given[CSV]), err, EP_BAD_USAGE,
               "--gantt is for people: not with --json or --csv");
    EP_FAIL_IF(given[EXPLAIN] && (given[JSON] || given[CSV]), err, EP_BAD_USAGE,
               "--explain is for people: leave %s out", given[JSON] ? "--json" : "--csv");
    const ep__workload_request request = workload_request(job);
    if (is_workload(job)) return ep__workload_check(&request, err);
    EP_FAIL_IF(!request.model, err, EP_BAD_USAGE, "MODEL.onnx is missing; 'plan --help' says how");
    return EP_OK;
}

/* What can be said about the options before any file is read. */
static ep_status check_options(planning *job, ep_error *err)
{
    const char *const *given = job->given;
    EP_TRY(check_kinds(job, err));
    EP_FAIL_IF(given[JSON] && given[CSV], err, EP_BAD_USAGE, "--json and --csv exclude each other");
    EP_FAIL_IF(given[CSV] && given[LAYERS], err, EP_BAD_USAGE,
               "--csv has no layers: leave --layers out, or give --json");
    EP_FAIL_IF(given[CSV] && given[KERNELS], err, EP_BAD_USAGE,
               "--csv has no kernels: leave --kernels out, or give --json");
    uint32_t precision = EP_CHOOSE_INT8, dla = EP_DLA_FIRST, strategy;
    uint32_t level = EP_SEARCH_LEVEL_DEFAULT;
    if (given[PRECISION]) {
        EP_TRY(ep__parse_choice("--precision", given[PRECISION], ep_report_precision_name,
                                &precision, err));
    }
    if (given[DLA]) EP_TRY(ep__parse_choice("--dla", given[DLA], ep_report_dla_name, &dla, err));
    if (given[LEVEL]) {
        EP_TRY(ep__parse_choice("--builder-optimization-level", given[LEVEL], level_name, &level,
                                err));
    }
    uint32_t io = EP_IO_LINEAR;
    if (given[IO]) EP_TRY(ep__parse_choice("--io", given[IO], io_name, &io, err));
    if (!is_all(given[STRATEGY])) {
        EP_TRY(ep__parse_choice("--strategy", given[STRATEGY], ep_strategy_name, &strategy, err));
    }
    job->plan_options = (ep_plan_options){.precision = (ep_precision_choice)precision,
                                          .dla = (ep_dla_choice)dla,
                                          .no_fallback = given[NO_FALLBACK],
                                          .no_tf32 = given[NO_TF32],
                                          .search.level = (int)level - EP_SEARCH_LEVEL_DEFAULT,
                                          .io = (ep_io)io};
    const ep__goal_texts goal = {.objective = is_workload(job) ? NULL : given[OBJECTIVE],
                                 .deadline_ms = given[DEADLINE_MS],
                                 .max_power_w = given[MAX_POWER_W],
                                 .max_subgraphs = given[MAX_SUBGRAPHS],
                                 .branches = given[BRANCHES]};
    return ep__goal_parse(&goal, is_all(given[STRATEGY]) ? NULL : given[STRATEGY],
                          &job->plan_options, err);
}

static ep_status load_plan_file(planning *job, ep_error *err)
{
    if (!job->given[LOAD]) return EP_OK;
    EP_TRY(ep_plan_file_load(job->given[LOAD], &job->file, err));
    job->plan_options = job->file->options;
    job->loaded.file = job->file;
    job->loaded.retuned = job->given[RETUNE];
    return EP_OK;
}

static ep_status load_machine(planning *job, ep_error *err)
{
    const char *hw = job->given[HW], *mode = job->given[MODE];
    if (job->file && !hw) hw = job->file->machine;
    if (job->file && !mode) mode = job->file->mode;
    const ep_machine_options machine_options =
        ep__machine_options(job->args->all[SET], job->given[MODE_FILE]);
    EP_TRY(ep__machine_load(hw, &machine_options, &job->machine, err));
    if (!job->file && !job->given[DLA] && job->machine->dla.cores == 0)
        job->plan_options.dla = EP_DLA_NONE;
    return ep__modes_choose(job->machine, mode, job->arena, &job->modes, &job->n_modes, err);
}

static ep_status read_pins(planning *job, ep_error *err)
{
    const char *const *given = job->given;
    if (job->file || (!given[LAYER_DEVICES] && !given[LAYER_PRECISIONS])) return EP_OK;
    EP_FAIL_IF(given[LAYER_DEVICES] && given[STRATEGY] && strcmp(given[STRATEGY], "gpu") == 0, err,
               EP_BAD_USAGE, "--layer-device-types: strategy gpu leaves nothing to pin");
    return ep_pins_parse(job->model.layers, given[LAYER_DEVICES], given[LAYER_PRECISIONS],
                         job->arena, &job->plan_options.pins, err);
}

static ep_status write_tegrastats(const ep_report *report, const char *path, ep_error *err)
{
    ep_text lines = {0};
    ep_status status = ep_report_tegrastats(report, &lines, err);
    if (status == EP_OK) status = ep_file_write(path, ep_text_cstr(&lines), lines.length, err);
    ep_text_free(&lines);
    return status;
}

static ep_status write_report(const planning *job, ep_text *out, ep_error *err)
{
    const ep_report report = {.machine = job->machine,
                              .layers = job->model.layers,
                              .batch = job->model.network->batch_to,
                              .precision = job->plan_options.precision,
                              .dla = job->plan_options.dla,
                              .n_modes = job->n_modes,
                              .modes = job->modes,
                              .n_plans = job->plans.n_plans,
                              .plans = job->plans.plans,
                              .show_layers = job->given[LAYERS],
                              .show_kernels = job->given[KERNELS],
                              .governor = job->limits.governor,
                              .heat_options = job->limits.heat ? &job->limits.heat_options : NULL,
                              .loaded = job->file ? &job->loaded : NULL};
    if (job->given[SAVE]) {
        const ep_plan_file_texts texts = texts_of(job);
        EP_TRY(ep__plan_save(job->given[SAVE], &report, &job->plan_options, &texts,
                             job->args->operands.at[0], err));
    }
    if (job->given[TEGRASTATS]) EP_TRY(write_tegrastats(&report, job->given[TEGRASTATS], err));
    if (job->given[EXPLAIN]) {
        return ep__plans_explain(&job->plans, &report, job->given[EXPLAIN], job->args->width, out,
                                 err);
    }
    if (job->given[JSON]) return ep_report_json(&report, out, err);
    if (job->given[CSV]) return ep_report_csv(&report, out, err);
    return ep_report_table(&report, job->args->width, out, err);
}

/* One batch of the last strategy, in the first mode that it runs in. */
static ep_status show_timeline(const planning *job, const ep__workload_request *request,
                               ep_text *out, ep_error *err)
{
    const ep_report_plan *plan = &job->plans.plans[job->plans.n_plans - 1];
    const ep_planned *planned = plan->planned;
    EP_FAIL_IF(planned->plan.concurrent, err, EP_BAD_USAGE,
               "--%s shows kernels one after the other, and this plan runs branches at once",
               job->given[GANTT] ? "gantt" : "trace");
    const bool on_dla = planned->plan.n_subgraphs > 0;
    const ep_lane lane = {.name = job->model.network->name,
                          .planned = planned,
                          .batch = job->model.network->batch_to,
                          .device = on_dla ? planned->plan.subgraphs[0].device : EP_GPU,
                          .in_flight = 1};
    const ep_workload workload = {.scenario = EP_SCENARIO_ONCE, .n_lanes = 1, .lanes = &lane};
    uint32_t m = 0;
    while (m < job->n_modes && plan->cannot_run[m]) m++;
    EP_FAIL_IF(m == job->n_modes, err, EP_INFEASIBLE, "--trace, --gantt: %s", plan->cannot_run[0]);
    return ep__workload_show(request, &workload, job->modes[m], out, err);
}

static ep_status plan_one(planning *job, const ep__workload_request *request, ep_text *out,
                          ep_error *err)
{
    EP_TRY(ep__model_load(request->model, &request->model_options, &job->model, err));
    const char *strategy = job->file ? job->file->strategy : job->given[STRATEGY];
    EP_TRY(read_pins(job, err));
    job->plans = (ep__plans){.machine = job->machine,
                             .layers = job->model.layers,
                             .batch = job->model.network->batch_to,
                             .n_modes = job->n_modes,
                             .modes = job->modes,
                             .options = &job->plan_options,
                             .strategy = job->file || !is_all(strategy) ? strategy : NULL,
                             .loaded = job->file ? &job->loaded : NULL,
                             .model = request->model,
                             .limits = &job->limits,
                             .arena = job->arena};
    EP_TRY(ep__plans_make(&job->plans, err));
    EP_TRY(write_report(job, out, err));
    return request->trace || request->gantt ? show_timeline(job, request, out, err) : EP_OK;
}

static ep_status run_kind(planning *job, ep_text *out, ep_error *err)
{
    const ep__workload_request workload = workload_request(job);
    const ep__pareto_request pareto = pareto_request(job);
    if (job->given[PARETO]) return ep__pareto_report(&pareto, out, err);
    if (is_workload(job)) return ep__workload_report(&workload, out, err);
    return plan_one(job, &workload, out, err);
}

static ep_status do_job(planning *job, ep_text *out, ep_error *err)
{
    EP_TRY(check_options(job, err));
    job->arena = ep_arena_new();
    if (!job->arena) return ep_fail_memory(err);
    EP_TRY(load_plan_file(job, err));
    EP_TRY(load_machine(job, err));
    const ep__limit_texts limits = {.governor = job->given[GOVERNOR],
                                    .ambient = job->given[AMBIENT],
                                    .heatsink = job->given[HEATSINK],
                                    .duration = job->given[DURATION],
                                    .tegrastats = job->given[TEGRASTATS]};
    EP_TRY(ep__limits_parse(&limits, job->machine, &job->limits, err));
    if (job->given[TIMINGS]) {
        EP_TRY(ep_timings_load(job->given[TIMINGS], &job->timings, err));
        job->plan_options.search.timings = job->timings;
    }
    EP_TRY(run_kind(job, out, err));
    return job->timings ? ep_timings_save(job->timings, err) : EP_OK;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    planning job = {.args = args, .given = args->given};
    const ep_status status = do_job(&job, out, err);
    if (status != EP_OK && !job.given[PARETO]) ep_text_free(out); /* half a report */
    ep__plans_free(&job.plans);
    ep__model_free(&job.model);
    ep_machine_free(job.machine);
    ep_timings_free(job.timings);
    ep_plan_file_free(job.file);
    ep_arena_free(job.arena);
    return status;
}

const ep__command ep__cmd_plan = {
    .summary =
        "Predicts where the layers of a model run on a module, which ones the DLA refuses and\n"
        "why, and its latency, throughput, power and memory in each power mode.",
    .operand = "MODEL.onnx",
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .shows_failures = true, /* the front, when nothing on it keeps the limits */
    .run = run,
};
