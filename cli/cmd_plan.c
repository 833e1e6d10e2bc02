#include <string.h>

#include "cli/commands.h"
#include "cli/limits.h"
#include "cli/machine.h"
#include "cli/model.h"
#include "cli/pareto.h"
#include "cli/plan_file.h"
#include "cli/plan_options.h"
#include "cli/plans.h"
#include "cli/workload.h"
#include "planner/planner.h"
#include "report/report.h"
#include "sim/sim.h"

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

/* What can be said before any file is read. */
static ep_status check(planning *job, ep_error *err)
{
    const bool is_workload = ep__plan_is_workload(job->given);
    EP_TRY(ep__plan_options_check(job->given, err));
    const ep__workload_request request = workload_request(job);
    if (is_workload) EP_TRY(ep__workload_check(&request, err));
    EP_FAIL_IF(!is_workload && !request.model, err, EP_BAD_USAGE,
               "MODEL.onnx is missing; 'plan --help' says how");
    return ep__plan_options_parse(job->given, &job->plan_options, err);
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
                             .strategy = job->file || !ep__plan_is_all(strategy) ? strategy : NULL,
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
    if (ep__plan_is_workload(job->given)) return ep__workload_report(&workload, out, err);
    return plan_one(job, &workload, out, err);
}

static ep_status do_job(planning *job, ep_text *out, ep_error *err)
{
    EP_TRY(check(job, err));
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
    /* of several settings or placements the nearest is shown; all else is half a report */
    const bool is_answer =
        status == EP_INFEASIBLE && (job.given[PARETO] || ep__plan_is_workload(job.given));
    if (status != EP_OK && !is_answer) ep_text_free(out);
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
    .options = ep__plan_options,
    .shows_failures = true, /* the front, or the best placement, when the limits do not hold */
    .run = run,
};
