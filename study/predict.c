/* One row: from what was run to the figure that was read.
 *
 * Every engine that takes part is planned and run by itself (`pace`); several are then run at the
 * same time. Rails add to what idles.
 */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "study/study_internal.h"

typedef struct job {
    ep__cache *cache;
    const ep_measurement *row;
    const ep_machine *machine;
    ep_point point;
    ep_arena *arena; /* of this row */
    uint32_t n_kept;
    ep_planned *kept[2]; /* what tasks refer to; no row has more engines or networks */
} job;

/* How one engine works on its batches. */
typedef struct pace {
    int64_t batch, cores;
    double latency_ns; /* what the row counts of one batch */
    double period_ns;  /* between batches on a core at the steady rate: the next submission overlaps
                          the current inference */
    bool has_tasks;    /* it is a network */
    ep_task tasks[2];  /* of the batch, on each of the cores */
    double gpu_nj, dla_nj, dram_nj, cpu_nj; /* a batch, above idle */
} pace;

/* ---- one network on one engine ------------------------------------------------------------- */

static ep_status make_plan(const job *j, const ep_layers *layers, bool on_dla, ep_planned **out,
                           ep_error *err)
{
    const ep_measurement *row = j->row;
    const ep_plan_options options = {.precision = row->choice,
                                     .dla = on_dla ? EP_DLA_FIRST : EP_DLA_NONE,
                                     .no_tf32 = row->no_tf32,
                                     .sparse = row->sparse,
                                     .io = row->io};
    return ep_plan_make(layers, j->machine, on_dla ? "greedy" : "gpu", &options, out, err);
}

/* With native formats a network on the DLA ends where the DLA refuses; nothing may come back. */
static ep_status check_tail(const ep_planned *planned, ep_error *err)
{
    const ep_plan *plan = &planned->plan;
    const ep_layers *layers = plan->layers;
    uint32_t fallback = 0;
    while (fallback < layers->n_layers && plan->device[fallback] != EP_GPU) fallback++;
    if (plan->n_subgraphs == 0) {
        const ep_refusal *why = &planned->verdicts[fallback].refusals[0];
        return ep_fail(err, EP_UNSUPPORTED, "the DLA refuses '%s': %s, %s, allowed %s",
                       layers->layers[fallback].name, why->rule->id, why->value, why->bound);
    }
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        const ep_layer *layer = &layers->layers[l];
        for (uint32_t i = 0; plan->device[l] != EP_GPU && i < layer->n_inputs; i++) {
            const uint32_t p = layers->producer[layers->root[layer->inputs[i]]];
            if (p == EP_NO_INDEX || plan->device[p] != EP_GPU) continue;
            return ep_fail(err, EP_UNSUPPORTED,
                           "'%s' falls back to the GPU in the middle of the network",
                           layers->layers[p].name);
        }
    }
    return EP_OK;
}

/* To the device and back: a copy reads and writes memory, and is launched like a kernel. */
static double copies_ns(const job *j, const ep_plan *plan)
{
    const ep_network *network = plan->layers->network;
    const uint32_t n = network->n_inputs + network->n_outputs;
    double bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        bytes += ep_sim_host_bytes(plan, i < network->n_inputs
                                             ? network->inputs[i]
                                             : network->outputs[i - network->n_inputs]);
    }
    return n * ep_launch_ns(&j->point) + 2 * bytes / j->point.dram_gbps;
}

/* Time of the kernels that the row counts. */
static double counted_ns(const job *j, const ep_plan *plan, const ep_run *run, bool tail_is_cut)
{
    double ns = 0;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        if (tail_is_cut && !ep_device_is_dla(kernel->device)) continue;
        if (kernel->kind == EP_KERNEL_REFORMAT && !(j->row->covers & EP_COVERS_COMPUTE)) continue;
        ns += run->kernel_ns[k];
    }
    return ns;
}

static ep_status pace_of_plan(const job *j, const ep_planned *planned, bool cut, pace *out,
                              ep_error *err)
{
    const ep_plan *plan = &planned->plan;
    if (cut) EP_TRY(check_tail(planned, err));
    const ep_run_options options = {.batch = out->batch, .dla_cores = 1};
    ep_run run;
    EP_TRY(ep_sim_run(plan, planned->costs, &j->point, &options, j->arena, &run, err));
    const double run_period_ns = (double)out->batch * 1e9 / run.throughput_ips;
    out->period_ns = counted_ns(j, plan, &run, cut);
    if (j->row->covers & EP_COVERS_COPIES) out->period_ns += copies_ns(j, plan);
    out->latency_ns = out->period_ns;
    if (j->row->covers & EP_COVERS_COMPUTE) out->latency_ns += run.submit_ns;
    out->gpu_nj = cut ? 0 : run.gpu_w * run_period_ns;
    out->dla_nj = run.dla_w * run_period_ns;
    out->dram_nj = run.dram_w * run_period_ns;
    out->cpu_nj = cut ? run.submit_nj : run.cpu_w * run_period_ns;
    return EP_OK;
}

/* At the steady rate submissions overlap: they are steps of the task, but nobody waits for them. */
static ep_status make_tasks(job *j, ep_planned *planned, const char *name, bool cut, pace *out,
                            ep_error *err)
{
    ep_task_options options = {.name = name,
                               .batch = out->batch,
                               .copies = j->row->covers & EP_COVERS_COPIES,
                               .dla_only = cut,
                               .no_reformats = !(j->row->covers & EP_COVERS_COMPUTE),
                               .no_submissions = !(j->row->covers & EP_COVERS_COMPUTE)};
    for (int64_t core = 0; core < out->cores; core++) {
        options.dla_core = core;
        EP_TRY(ep_task_make(&planned->plan, planned->costs, &j->point, &options, j->arena,
                            &out->tasks[core], err));
    }
    out->has_tasks = true;
    assert(j->n_kept < sizeof j->kept / sizeof *j->kept);
    j->kept[j->n_kept++] = planned;
    return EP_OK;
}

static ep_status pace_of_layers(job *j, const ep_layers *layers, bool on_dla, pace *out,
                                ep_error *err)
{
    const bool cut = on_dla && j->row->io != EP_IO_LINEAR;
    ep_planned *planned;
    EP_TRY(make_plan(j, layers, on_dla, &planned, err));
    ep_status status = pace_of_plan(j, planned, cut, out, err);
    if (status == EP_OK) status = make_tasks(j, planned, layers->network->name, cut, out, err);
    if (status != EP_OK) ep_planned_free(planned);
    return status;
}

/* ---- one layer ----------------------------------------------------------------------------- */

/* A kernel that moves the network's input. */
static double move_ns(const job *j, const ep_layer_workload *workload, const ep_layers *layers)
{
    static const ep_precision precisions[] = {[EP_CHOOSE_INT8] = EP_INT8,
                                              [EP_CHOOSE_FP16] = EP_FP16,
                                              [EP_CHOOSE_FP32] = EP_FP32,
                                              [EP_CHOOSE_BEST] = EP_FP16};
    const ep_precision to =
        workload->kind == EP_WORKLOAD_COPY ? EP_INT8 : precisions[j->row->choice];
    const uint32_t *tensor = layers->network->inputs;
    const ep_plan plan = {.layers = layers};
    const ep_kernel kernel = {.kind = EP_KERNEL_REFORMAT,
                              .precision = to,
                              .from = workload->to_dla ? EP_FP32 : to,
                              .crosses = workload->to_dla,
                              .subgraph = EP_NO_INDEX,
                              .n_inputs = 1,
                              .inputs = tensor,
                              .n_outputs = 1,
                              .outputs = tensor};
    const ep_cost cost = ep_sim_cost(j->machine, &plan, &kernel, 0, &(ep_search){0});
    return ep_cost_ns(&cost, &j->point, NULL);
}

/* A kernel of one block that has nothing to do. */
static double empty_ns(const job *j)
{
    const double cycles = j->machine->gpu.kernels.stream_cycles;
    return ep_launch_ns(&j->point) + cycles * 1e3 / j->point.gpu_mhz;
}

static ep_status pace_of_workload(job *j, const ep_layer_workload *workload, bool on_dla, pace *out,
                                  ep_error *err)
{
    if (workload->kind == EP_WORKLOAD_EMPTY) {
        out->latency_ns = out->period_ns = empty_ns(j);
        return EP_OK;
    }
    ep_layers *layers;
    EP_TRY(ep_layers_build(workload->network, &layers, err));
    ep_status status = EP_OK;
    if (workload->kind == EP_WORKLOAD_NETWORK) {
        status = pace_of_layers(j, layers, on_dla, out, err);
    } else {
        out->latency_ns = out->period_ns = move_ns(j, workload, layers);
    }
    ep_layers_free(layers);
    return status;
}

static ep_status pace_of_layer(job *j, bool on_dla, pace *out, ep_error *err)
{
    ep_layer_workload workload;
    EP_TRY(ep_layer_workload_make(j->row->workload, out->batch, &workload, err));
    const ep_status status = pace_of_workload(j, &workload, on_dla, out, err);
    ep_layer_workload_free(&workload);
    return status;
}

/* ---- engines together ---------------------------------------------------------------------- */

/* `model`: of the row, or one of its two. */
static ep_status pace_of(job *j, const char *model, bool on_dla, int64_t cores, pace *out,
                         ep_error *err)
{
    EP_FAIL_IF(on_dla && cores > j->point.dla_cores, err, EP_INFEASIBLE,
               "%s powers %lld DLA cores, the row wants %lld", j->point.mode->name,
               (long long)j->point.dla_cores, (long long)cores);
    *out = (pace){.batch = on_dla ? j->row->dla_batch : j->row->gpu_batch, .cores = cores};
    if (strncmp(model, "layer:", 6) == 0) return pace_of_layer(j, on_dla, out, err);
    const ep_layers *layers;
    EP_TRY(ep__cache_layers(j->cache, model, out->batch, &layers, err));
    return pace_of_layers(j, layers, on_dla, out, err);
}

#define MAX_PACES 2u

/* The engines of a row. */
static ep_status paces_of(job *j, pace paces[MAX_PACES], uint32_t *n, ep_error *err)
{
    const char *model = j->row->workload;
    *n = 0;
    switch (j->row->engine) {
    case EP_ENGINE_GPU: return pace_of(j, model, false, 1, &paces[(*n)++], err);
    case EP_ENGINE_DLA:
    case EP_ENGINE_GPU_DLA: return pace_of(j, model, true, 1, &paces[(*n)++], err);
    case EP_ENGINE_2DLA: return pace_of(j, model, true, 2, &paces[(*n)++], err);
    case EP_ENGINE_GPU_2DLA:
        EP_TRY(pace_of(j, model, false, 1, &paces[(*n)++], err));
        return pace_of(j, model, true, 2, &paces[(*n)++], err);
    case EP_ENGINE_IDLE:
    case EP_ENGINE_COUNT: break;
    }
    return EP_OK; /* nothing runs */
}

/* What the engines of a row do together. */
typedef struct outcome {
    double ips;
    ep_watts watts; /* above idle */
} outcome;

/* One engine: its own pace. `paces` may be none. */
static outcome outcome_alone(const pace *paces, uint32_t n)
{
    if (n == 0) return (outcome){0};
    const double rate = (double)paces->cores / paces->period_ns; /* nJ x batches / ns = W */
    return (outcome){.ips = rate * (double)paces->batch * 1e9,
                     .watts = {.gpu = paces->gpu_nj * rate,
                               .dla = paces->dla_nj * rate,
                               .dram = paces->dram_nj * rate,
                               .cpu = paces->cpu_nj * rate}};
}

static ep_status outcome_of(const job *j, const pace *paces, uint32_t n, outcome *out,
                            ep_error *err)
{
    const ep_task *tasks[2 * MAX_PACES];
    uint32_t n_tasks = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (int64_t c = 0; paces[i].has_tasks && c < paces[i].cores; c++) {
            tasks[n_tasks++] = &paces[i].tasks[c];
        }
    }
    *out = outcome_alone(paces, n);
    if (n_tasks < 2) return EP_OK;
    ep_timeline timeline;
    EP_TRY(ep__steady(tasks, n_tasks, j->arena, &timeline, err));
    *out = (outcome){.watts = timeline.watts};
    for (uint32_t i = 0; i < n_tasks; i++) out->ips += timeline.uses[i].images_per_s;
    return EP_OK;
}

/* W of one rail, or of all (`rail` EP_NO_INDEX). */
static double power_w(const job *j, const ep_watts *watts, uint32_t rail)
{
    const ep_machine *machine = j->machine;
    const ep_energy *energy = &machine->energy;
    double w = 0;
    for (uint32_t r = 0; r < machine->n_rails; r++) {
        if (rail == EP_NO_INDEX || rail == r) w += machine->rails[r].idle_w;
    }
    if (rail == EP_NO_INDEX || rail == energy->gpu_rail) w += watts->gpu;
    if (rail == EP_NO_INDEX || rail == energy->dla_rail) w += watts->dla;
    if (rail == EP_NO_INDEX || rail == energy->dram_rail) w += watts->dram;
    if (rail == EP_NO_INDEX || rail == energy->cpu_rail) w += watts->cpu;
    return w;
}

static ep_status rail_w(const job *j, const ep_watts *watts, double *out, ep_error *err)
{
    const ep_machine *machine = j->machine;
    uint32_t rail = 0;
    while (rail < machine->n_rails && strcmp(machine->rails[rail].name, j->row->rail) != 0) rail++;
    if (rail == machine->n_rails) {
        const bool is_total = machine->rails_total && !strcmp(machine->rails_total, j->row->rail);
        EP_FAIL_IF(!is_total, err, EP_UNSUPPORTED, "%s has no rail '%s'", machine->name,
                   j->row->rail);
        rail = EP_NO_INDEX;
    }
    *out = power_w(j, watts, rail);
    return EP_OK;
}

/* Images a joule of one DLA core, over those of the GPU; of each engine what it adds to its own
 * rail. */
static ep_status perf_per_watt_vs_gpu(job *j, double *out, ep_error *err)
{
    pace gpu, dla;
    EP_TRY(pace_of(j, j->row->workload, false, 1, &gpu, err));
    EP_TRY(pace_of(j, j->row->workload, true, 1, &dla, err));
    EP_FAIL_IF(dla.dla_nj <= 0, err, EP_UNSUPPORTED, "nothing runs on the DLA");
    *out = (double)dla.batch / dla.dla_nj / ((double)gpu.batch / gpu.gpu_nj);
    return EP_OK;
}

/* Two networks: on one engine they take turns; of two engines each has its own, in their order. */
static ep_status makespan_ms(job *j, const char *both, double *out, ep_error *err)
{
    const ep_engine engine = j->row->engine;
    const bool apart = engine == EP_ENGINE_GPU_DLA || engine == EP_ENGINE_2DLA;
    EP_FAIL_IF(engine == EP_ENGINE_GPU_2DLA || engine == EP_ENGINE_IDLE || (apart && !both), err,
               EP_UNSUPPORTED, "the makespan on %s: what runs where is not said",
               ep_engine_name(engine));
    const ep_task *tasks[MAX_PACES];
    pace paces[MAX_PACES];
    uint32_t n = 0;
    for (const char *at = j->row->workload; at; at = both ? both + 3 : NULL, both = NULL, n++) {
        const size_t length = both ? (size_t)(both - at) : strlen(at);
        const char *model = ep_arena_string(j->arena, at, length);
        if (!model) return ep_fail_memory(err);
        const bool on_dla = engine == EP_ENGINE_DLA || engine == EP_ENGINE_2DLA ||
                            (engine == EP_ENGINE_GPU_DLA && n == 1);
        const int64_t core = engine == EP_ENGINE_2DLA ? n : 0;
        EP_TRY(pace_of(j, model, on_dla, core + 1, &paces[n], err));
        EP_FAIL_IF(!paces[n].has_tasks, err, EP_UNSUPPORTED, "the makespan of '%s'", model);
        tasks[n] = &paces[n].tasks[core];
    }
    double ns;
    EP_TRY(ep__makespan(tasks, n, j->arena, &ns, err));
    *out = ns / 1e6;
    return EP_OK;
}

/* ---- the figure ---------------------------------------------------------------------------- */

static ep_status figure(job *j, double *out, ep_error *err)
{
    const ep_measurement *row = j->row;
    const char *both = strstr(row->workload, " & ");
    EP_FAIL_IF(row->covers & EP_COVERS_NMS, err, EP_UNSUPPORTED,
               "covers non-maximum suppression that the model does not hold");
    EP_FAIL_IF(row->covers & EP_COVERS_HOST, err, EP_UNSUPPORTED,
               "covers the host's time, which is not modelled");
    EP_FAIL_IF(both && row->metric != EP_METRIC_MAKESPAN_MS, err, EP_UNSUPPORTED,
               "of two networks only the makespan is predicted");
    if (row->metric == EP_METRIC_MAKESPAN_MS) return makespan_ms(j, both, out, err);
    if (row->metric == EP_METRIC_PERF_PER_WATT_VS_GPU) return perf_per_watt_vs_gpu(j, out, err);
    pace paces[MAX_PACES];
    uint32_t n;
    EP_TRY(paces_of(j, paces, &n, err));
    outcome together;
    EP_TRY(outcome_of(j, paces, n, &together, err));
    switch (row->metric) {
    case EP_METRIC_LATENCY_MS:
        EP_FAIL_IF(n != 1, err, EP_UNSUPPORTED, "latency on %s: of which engine is not said",
                   ep_engine_name(row->engine));
        *out = paces[0].latency_ns / 1e6;
        break;
    case EP_METRIC_THROUGHPUT_IPS: *out = together.ips; break;
    case EP_METRIC_POWER_W: *out = power_w(j, &together.watts, EP_NO_INDEX); break;
    default: return rail_w(j, &together.watts, out, err);
    }
    EP_FAIL_IF(!(*out > 0), err, EP_UNSUPPORTED, "nothing runs");
    return EP_OK;
}

static ep_status predict(job *j, double *out, ep_error *err)
{
    const ep_mode *mode;
    EP_TRY(ep__cache_machine(j->cache, j->row, &j->machine, err));
    EP_TRY(ep_machine_mode(j->machine, j->row->mode, &mode, err));
    j->point = ep_point_of(j->machine, mode);
    return figure(j, out, err);
}

ep_status ep__predict(ep__cache *cache, const ep_measurement *row, ep_arena *arena,
                      ep_prediction *out, ep_error *err)
{
    ep_arena *own = ep_arena_new();
    if (!own) return ep_fail_memory(err);
    job j = {.cache = cache, .row = row, .arena = own};
    ep_error why = {0};
    *out = (ep_prediction){0};
    const ep_status status = predict(&j, &out->value, &why);
    for (uint32_t i = 0; i < j.n_kept; i++) ep_planned_free(j.kept[i]);
    ep_arena_free(own);
    if (status == EP_OK) return EP_OK;
    if (status == EP_NO_MEMORY) return ep_fail_memory(err);
    out->value = 0;
    out->skipped = ep_arena_string(arena, why.text, strlen(why.text));
    return out->skipped ? EP_OK : ep_fail_memory(err);
}
