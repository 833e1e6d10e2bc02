#include "cli/pareto.h"

#include <string.h>
#include <unistd.h>

#include "cli/machine.h"
#include "cli/sweep.h"
#include "report/report.h"

static const ep_precision_choice precisions[] = {EP_CHOOSE_INT8, EP_CHOOSE_FP16};
static const int64_t batches[] = {1, 2, 4, 8, 16};
static const ep_objective objectives[] = {EP_LATENCY, EP_ENERGY};
enum { N_OBJECTIVES = sizeof objectives / sizeof *objectives };
/* Beside the placements of one plan. By the number of DLA cores that a machine needs. */
static const ep_engine streams[] = {EP_ENGINE_GPU_DLA, EP_ENGINE_2DLA, EP_ENGINE_GPU_2DLA};
static const uint32_t n_streams[] = {0, 1, sizeof streams / sizeof *streams};

/* Zero-initialise but for the request. */
typedef struct job {
    const ep__pareto_request *request;
    ep_arena *arena;
    ep_machine_options hardware;
    ep_sweep_options sweep;
    ep_precision_choice precision;
    ep_dla_choice dla;
    ep_sweep_summary summary;
    const char *model; /* its name */
} job;

static bool is_all(const char *text)
{
    return !text || strcmp(text, "all") == 0;
}

static ep_status take_point(void *context, const ep_sweep_point *point, bool was_known,
                            uint64_t done, uint64_t all, ep_error *err)
{
    job *j = context;
    (void)was_known;
    if (isatty(STDERR_FILENO)) ep__progress(done, all);
    j->model = point->model;
    return ep_sweep_summary_add(&j->summary, point, err);
}

static ep_status read_batches(job *j, ep_error *err)
{
    j->sweep.batches = batches;
    j->sweep.n_batches = sizeof batches / sizeof *batches;
    if (!j->request->batch) return EP_OK;
    return ep__batches(j->request->batch, j->arena, &j->sweep.batches, &j->sweep.n_batches, err);
}

/* One value where one was given, else all there are. */
static ep_status read_request(job *j, ep_error *err)
{
    const ep__pareto_request *r = j->request;
    j->hardware = ep__machine_options(r->sets, r->mode_file);
    j->precision = r->plan_options.precision;
    j->dla = r->plan_options.dla;
    j->sweep =
        (ep_sweep_options){.n_models = 1,
                           .models = &r->model,
                           .n_machines = 1,
                           .machines = &r->hw,
                           .hardware = &j->hardware,
                           .n_modes = !is_all(r->mode),
                           .modes = &r->mode,
                           .n_precisions = sizeof precisions / sizeof *precisions,
                           .precisions = precisions,
                           .n_dlas = r->dla != NULL,
                           .dlas = &j->dla,
                           .n_objectives = r->has_objective ? 1 : N_OBJECTIVES,
                           .objectives = r->has_objective ? &r->plan_options.objective : objectives,
                           .plan = r->plan_options,
                           .threads = r->plan_options.search.timings ? 1 : ep_cores()};
    if (r->precision) {
        j->sweep.n_precisions = 1;
        j->sweep.precisions = &j->precision;
    }
    /* the limits are those of points, not of plans */
    j->sweep.plan.deadline_ns = j->sweep.plan.max_power_w = 0;
    EP_TRY(ep__strategies(r->strategy ? r->strategy : "all", j->arena, &j->sweep.strategies,
                          &j->sweep.n_strategies, err));
    EP_TRY(read_batches(j, err));
    return ep__model_shapes(&r->shapes, j->arena, &j->sweep.network, err);
}

/* Streams too, unless what runs where was given. */
static ep_status count_streams(const job *j, uint32_t *n, ep_error *err)
{
    const ep__pareto_request *r = j->request;
    *n = 0;
    if (r->strategy || r->dla) return EP_OK;
    ep_machine *machine;
    EP_TRY(ep__machine_load(r->hw, &j->hardware, &machine, err));
    *n = n_streams[ep_min_u64((uint64_t)machine->dla.cores, 2)];
    ep_machine_free(machine);
    return EP_OK;
}

static ep_status search(job *j, ep_error *err)
{
    const ep_sweep_sink sink = {.context = j, .row = take_point};
    uint32_t n;
    EP_TRY(read_request(j, err));
    EP_TRY(count_streams(j, &n, err));
    EP_TRY(ep_sweep_run(&j->sweep, &sink, j->arena, err));
    if (n == 0) return EP_OK;
    j->sweep.n_streams = n;
    j->sweep.streams = streams;
    return ep_sweep_run(&j->sweep, &sink, j->arena, err);
}

static ep_status write_report(const job *j, ep_text *out, ep_error *err)
{
    const ep__pareto_request *r = j->request;
    if (r->json) return ep_report_pareto_json(&j->summary, out, err);
    if (r->csv) return ep_report_pareto_csv(&j->summary, out, err);
    return ep_report_pareto_table(&j->summary, j->model, r->width, out, err);
}

ep_status ep__pareto_report(const ep__pareto_request *request, ep_text *out, ep_error *err)
{
    job j = {.request = request,
             .summary = {.limits = request->limits, .by_throughput = true},
             .arena = ep_arena_new()};
    ep_status status = j.arena ? search(&j, err) : ep_fail_memory(err);
    if (status == EP_OK) {
        ep_sweep_summary_end(&j.summary);
        status = write_report(&j, out, err);
    }
    if (status == EP_OK) status = ep_report_sweep_feasible(&j.summary, j.model, err);
    ep_sweep_summary_free(&j.summary);
    ep_arena_free(j.arena);
    return status;
}
