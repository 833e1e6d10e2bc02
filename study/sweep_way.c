/* A way to run a network in a sweep: how it is planned, and its figures at a point. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "study/sweep_internal.h"

/* ---- which there are ----------------------------------------------------------------------- */

/* The first strategy is the GPU alone. */
static bool is_gpu(const char *strategy)
{
    return strcmp(strategy, ep_strategy_name(0)) == 0;
}

/* Strategy `i` of a sweep; NULL past the last. When nothing else is asked for, those that search
 * are not among them: a search at each of many points takes long. */
static const char *strategy_of(const ep_sweep_options *o, uint32_t i)
{
    if (o->n_strategies) return i < o->n_strategies ? o->strategies[i] : NULL;
    const char *name = ep_strategy_name(i);
    return name && !ep_strategy_searches(name) ? name : NULL;
}

static uint32_t add_searches(const ep_sweep_options *o, const ep__way *like, ep__way *ways,
                             uint32_t n)
{
    for (uint32_t i = 0; i < (o->n_objectives ? o->n_objectives : 1); i++) {
        ways[n] = *like;
        ways[n].searches = true;
        ways[n++].objective = o->n_objectives ? o->objectives[i] : EP_LATENCY;
    }
    return n;
}

static uint32_t add_strategies(const ep_sweep_options *o, const ep_machine *machine,
                               ep_precision_choice precision, ep__way *ways, uint32_t n)
{
    const ep_dla_choice usual = machine->dla.cores > 0 ? EP_DLA_FIRST : EP_DLA_NONE;
    bool has_gpu = false;
    for (uint32_t d = 0; d < (o->n_dlas ? o->n_dlas : 1); d++) {
        const ep_dla_choice dla = o->n_dlas ? o->dlas[d] : usual;
        const char *strategy;
        for (uint32_t i = 0; (strategy = strategy_of(o, i)); i++) {
            /* without a DLA every strategy is the GPU alone */
            const bool on_gpu = dla == EP_DLA_NONE || is_gpu(strategy);
            const ep__way way = {.precision = precision, .dla = dla, .strategy = strategy};
            if (on_gpu && has_gpu) continue;
            has_gpu |= on_gpu;
            if (on_gpu || !ep_strategy_searches(strategy)) {
                ways[n++] = way;
            } else {
                n = add_searches(o, &way, ways, n);
            }
        }
    }
    return n;
}

static const struct {
    ep_dla_choice dla;
    uint32_t n;
    ep_device devices[EP__MAX_LANES];
} engines[EP_ENGINE_COUNT] = {
    [EP_ENGINE_GPU] = {EP_DLA_NONE, 1, {EP_GPU}},
    [EP_ENGINE_DLA] = {EP_DLA_FIRST, 1, {EP_DLA0}},
    [EP_ENGINE_2DLA] = {EP_DLA_BOTH, 2, {EP_DLA0, EP_DLA1}},
    [EP_ENGINE_GPU_DLA] = {EP_DLA_FIRST, 2, {EP_GPU, EP_DLA0}},
    [EP_ENGINE_GPU_2DLA] = {EP_DLA_BOTH, 3, {EP_GPU, EP_DLA0, EP_DLA1}},
};

static ep__way way_of_streams(ep_precision_choice precision, ep_engine streams)
{
    const bool on_gpu = streams == EP_ENGINE_GPU;
    return (ep__way){.precision = precision,
                     .dla = engines[streams].dla,
                     .strategy = ep_strategy_name(on_gpu ? 0 : 1),
                     .has_streams = true,
                     .streams = streams};
}

uint64_t ep__most_ways(const ep_sweep_options *o)
{
    uint64_t strategies = o->n_objectives;
    while (strategy_of(o, (uint32_t)strategies - o->n_objectives)) strategies++;
    const uint64_t placements = (o->n_dlas ? o->n_dlas : 1) * strategies;
    return o->n_precisions * (o->n_streams ? o->n_streams : placements);
}

uint32_t ep__list_ways(const ep_sweep_options *o, const ep_machine *machine, ep__way *ways)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < o->n_precisions; p++) {
        for (uint32_t i = 0; i < o->n_streams; i++) {
            ways[n++] = way_of_streams(o->precisions[p], o->streams[i]);
        }
        if (o->n_streams == 0) n = add_strategies(o, machine, o->precisions[p], ways, n);
    }
    return n;
}

/* ---- plans --------------------------------------------------------------------------------- */

static ep_status plan_streams(ep__way *w, const ep_plan_options *options, const ep_layers *layers,
                              const ep_machine *machine)
{
    enum { IN_FLIGHT = 2 }; /* as MLPerf's Offline: the next batch is ready when one is done */
    uint32_t loadables[2] = {0};
    for (uint32_t i = 0; i < engines[w->streams].n; i++) {
        const ep_device device = engines[w->streams].devices[i];
        EP_TRY(ep_lane_plan(layers, machine, device, options, loadables, &w->planned[i], &w->why));
        loadables[device == EP_DLA1] += w->planned[i]->plan.n_subgraphs;
        w->lanes[w->n_lanes++] = (ep_lane){.name = layers->network->name,
                                           .planned = w->planned[i],
                                           .precision = w->precision,
                                           .batch = layers->network->batch_to,
                                           .device = device,
                                           .in_flight = IN_FLIGHT};
    }
    return EP_OK;
}

static ep_plan_options options_of(const ep__way *w, const ep_plan_options *options)
{
    ep_plan_options own = *options;
    own.precision = w->precision;
    own.dla = w->dla;
    own.objective = w->objective;
    return own;
}

void ep__way_plan(ep__way *w, const ep_plan_options *options, const ep_layers *layers,
                  const ep_machine *machine)
{
    const ep_plan_options own = options_of(w, options);
    w->is_made = true;
    if (w->searches) return;
    w->status = w->has_streams
                    ? plan_streams(w, &own, layers, machine)
                    : ep_plan_make(layers, machine, w->strategy, &own, &w->planned[0], &w->why);
}

void ep__way_free(ep__way *w)
{
    for (uint32_t i = 0; i < EP__MAX_LANES; i++) ep_planned_free(w->planned[i]);
}

/* ---- figures ------------------------------------------------------------------------------- */

static ep_status run_streams(const ep__way *w, const ep_point *at, ep_arena *arena,
                             ep_sweep_point *p, ep_error *err)
{
    const ep_workload workload = {
        .scenario = EP_SCENARIO_OFFLINE, .n_lanes = w->n_lanes, .lanes = w->lanes};
    ep_workload_run run;
    EP_TRY(ep_workload_simulate(&workload, at, NULL, arena, &run, err));
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        p->latency_ms = fmax(p->latency_ms, run.timeline.uses[i].latency_ns / 1e6);
    }
    p->throughput_ips = run.images_per_s;
    p->power_w = run.power_w;
    p->energy_mj = run.power_w * 1e3 / run.images_per_s;
    p->over_budget = run.over_budget;
    (void)snprintf(p->bound, sizeof p->bound, "%s", run.bottleneck);
    return EP_OK;
}

static ep_status run_plan(const ep__way *w, const ep_planned *planned, const ep_point *at,
                          ep_arena *arena, ep_sweep_point *p, ep_error *err)
{
    const bool both = w->dla == EP_DLA_BOTH && at->dla_cores > 1;
    const ep_run_options options = {.batch = p->batch, .dla_cores = both ? 2 : 1};
    ep_run run;
    EP_TRY(ep_sim_run(&planned->plan, planned->costs, at, &options, arena, &run, err));
    p->latency_ms = run.latency_ns / 1e6;
    p->throughput_ips = run.throughput_ips;
    p->power_w = run.power_w;
    p->energy_mj = run.energy_mj;
    p->over_budget = run.over_budget;
    (void)snprintf(p->bound, sizeof p->bound, "%s", run.bound);
    return EP_OK;
}

/* As many digits as files have. */
static double rounded(double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.6g", value);
    return strtod(text, NULL);
}

/* A plan for this point alone. */
static ep_status run_search(const ep__way *w, const ep_plan_options *options,
                            const ep_layers *layers, const ep_point *at, ep_arena *arena,
                            ep_sweep_point *p, ep_error *err)
{
    ep_plan_options own = options_of(w, options);
    ep_planned *planned = NULL;
    own.mode = at->mode;
    EP_TRY(ep_plan_make(layers, at->machine, w->strategy, &own, &planned, err));
    const ep_status status = run_plan(w, planned, at, arena, p, err);
    ep_planned_free(planned);
    return status;
}

ep_status ep__way_run(const ep__way *w, const ep_plan_options *options, const ep_layers *layers,
                      const ep_point *at, ep_arena *arena, ep_sweep_point *out)
{
    ep_error why = w->why;
    ep_status status = w->status;
    if (status != EP_OK) { /* it cannot be planned */
    } else if (w->searches) {
        status = run_search(w, options, layers, at, arena, out, &why);
    } else if (w->has_streams) {
        status = run_streams(w, at, arena, out, &why);
    } else {
        status = run_plan(w, w->planned[0], at, arena, out, &why);
    }
    if (status == EP_INFEASIBLE) {
        (void)snprintf(out->cannot_run, sizeof out->cannot_run, "%.159s", why.text);
        return EP_OK;
    }
    if (status != EP_OK) return status;
    out->wall_w = rounded(ep_sim_wall_w(at->machine, out->power_w));
    out->latency_ms = rounded(out->latency_ms);
    out->throughput_ips = rounded(out->throughput_ips);
    out->power_w = rounded(out->power_w);
    out->energy_mj = rounded(out->energy_mj);
    return EP_OK;
}
