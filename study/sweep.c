/* A sweep: the cross product of settings, in a fixed order.
 *
 * For one network on one machine all plans are made, each when the first of its points is asked
 * for; points go through in chunks: their names, then their figures on all threads, then the rows
 * in order. So memory depends on plans and the chunk alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "study/sweep_internal.h"

enum { CHUNK = 256, GRAIN = 4 };

/* One way of planning: made when it is needed. */
typedef struct way {
    ep_precision_choice precision;
    ep_dla_choice dla;
    const char *strategy;
    bool is_needed, is_made;
    ep_planned *planned; /* NULL once made: it cannot be, and `why` says so */
    ep_status status;
    ep_error why;
} way;

typedef struct sweep {
    const ep_sweep_options *options;
    const ep_sweep_sink *sink;
    ep_arena *arena; /* of names */
    ep__sweep_axes axes;
    uint64_t done, all;
    bool all_are_new; /* the known points are behind us */
    /* of the network and machine at work */
    const ep_layers *layers;
    const ep_machine *machine;
    const char *model, *hardware;
    uint32_t model_index;
    int64_t batch;
    uint32_t n_ways, n_modes;
    way *ways;             /* most_ways() */
    const ep_mode **modes; /* per mode */
    const char **mode_names;
    /* the chunk at work */
    uint64_t first;
    ep_sweep_point *points; /* CHUNK */
    ep_mode *point_modes;   /* CHUNK */
    ep_status *statuses;    /* CHUNK */
    bool known[CHUNK];
} sweep;

/* Names are few, however many points there are. */
static const char *keep(sweep *s, const char *text, ep_error *err)
{
    const char *kept = ep_arena_string(s->arena, text, strlen(text));
    if (!kept) (void)ep_fail_memory(err);
    return kept;
}

/* ---- which ways and modes ------------------------------------------------------------------ */

static uint32_t add_ways(const ep_sweep_options *o, bool has_dla, ep_precision_choice precision,
                         way *ways, uint32_t n)
{
    const ep_dla_choice usual = has_dla ? EP_DLA_FIRST : EP_DLA_NONE;
    bool has_gpu = false;
    for (uint32_t d = 0; d < (o->n_dlas ? o->n_dlas : 1); d++) {
        const ep_dla_choice dla = o->n_dlas ? o->dlas[d] : usual;
        for (uint32_t i = 0;; i++) {
            const bool builders = o->n_strategies == 0;
            const char *strategy = i == (builders ? EP_BUILDER_STRATEGIES : o->n_strategies) ? NULL
                                   : builders ? ep_strategy_name(i)
                                              : o->strategies[i];
            if (!strategy) break;
            /* the first strategy is the GPU alone, as every strategy is without a DLA */
            const bool is_gpu = dla == EP_DLA_NONE || strcmp(strategy, ep_strategy_name(0)) == 0;
            if (is_gpu && has_gpu) continue;
            has_gpu |= is_gpu;
            ways[n++] = (way){.precision = precision, .dla = dla, .strategy = strategy};
        }
    }
    return n;
}

/* As many as there are if none is left out. */
static uint64_t most_ways(const ep_sweep_options *o)
{
    const uint32_t strategies = o->n_strategies ? o->n_strategies : EP_BUILDER_STRATEGIES;
    return (uint64_t)o->n_precisions * (o->n_dlas ? o->n_dlas : 1) * strategies;
}

static uint32_t list_ways(const ep_sweep_options *o, const ep_machine *machine, way *ways)
{
    uint32_t n = 0;
    for (uint32_t p = 0; p < o->n_precisions; p++) {
        n = add_ways(o, machine->dla.cores > 0, o->precisions[p], ways, n);
    }
    return n;
}

/* Modes of the machine, named in the arena of the sweep. */
static ep_status list_modes(sweep *s, ep_arena *arena, ep_error *err)
{
    const ep_sweep_options *o = s->options;
    s->n_modes = o->n_modes ? o->n_modes : s->machine->n_modes;
    s->modes = EP_NEW(arena, const ep_mode *, s->n_modes);
    s->mode_names = EP_NEW(arena, const char *, s->n_modes);
    if (!s->modes || !s->mode_names) return ep_fail_memory(err);
    for (uint32_t m = 0; m < s->n_modes; m++) {
        s->modes[m] = &s->machine->modes[m];
        if (o->n_modes) EP_TRY(ep_machine_mode(s->machine, o->modes[m], &s->modes[m], err));
        s->mode_names[m] = keep(s, s->modes[m]->name, err);
        if (!s->mode_names[m]) return EP_NO_MEMORY;
    }
    return EP_OK;
}

/* ---- a chunk ------------------------------------------------------------------------------- */

static way *way_of(const sweep *s, uint64_t index)
{
    return &s->ways[index / (s->axes.clock_points * s->n_modes)];
}

/* Everything about point `i` of the chunk but its figures. */
static void name_point(sweep *s, uint32_t i)
{
    const uint64_t index = s->first + i;
    const uint32_t m = (uint32_t)(index % s->n_modes);
    const way *w = way_of(s, index);
    ep_sweep_point *p = &s->points[i];
    *p = (ep_sweep_point){.hardware = s->hardware,
                          .model = s->model,
                          .model_index = s->model_index,
                          .mode = s->mode_names[m],
                          .strategy = w->strategy,
                          .batch = s->batch,
                          .precision = w->precision,
                          .dla = w->dla};
    (void)snprintf(p->set, sizeof p->set, "%s", s->machine->overrides ? s->machine->overrides : "");
    s->point_modes[i] = *s->modes[m];
    ep__sweep_set_mode(&s->axes, index / s->n_modes % s->axes.clock_points, &s->point_modes[i],
                       p->set, sizeof p->set);
    p->budget_w = s->point_modes[i].budget_w;
}

/* As many digits as files have. */
static double rounded(double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.6g", value);
    return strtod(text, NULL);
}

/* Is its plan another at each point? */
static bool searches(const way *w)
{
    return strcmp(w->strategy, "best") == 0;
}

static ep_status make_plan(const sweep *s, const way *w, const ep_mode *mode, ep_planned **out,
                           ep_error *err)
{
    const ep_plan_options options = {.precision = w->precision, .dla = w->dla, .mode = mode};
    return ep_plan_make(s->layers, s->machine, w->strategy, &options, out, err);
}

static ep_status evaluate(sweep *s, uint32_t i, ep_arena *arena)
{
    ep_sweep_point *p = &s->points[i];
    const way *w = way_of(s, s->first + i);
    ep_planned *own = NULL;
    const ep_point at = ep_point_of(s->machine, &s->point_modes[i]);
    const ep_run_options options = {.batch = s->batch,
                                    .dla_cores = w->dla == EP_DLA_BOTH && at.dla_cores > 1 ? 2 : 1};
    ep_error why = w->why;
    ep_status status = w->status;
    ep_run run;
    if (searches(w)) status = make_plan(s, w, &s->point_modes[i], &own, &why);
    if (status == EP_OK) {
        const ep_planned *planned = own ? own : w->planned;
        status = ep_sim_run(&planned->plan, planned->costs, &at, &options, arena, &run, &why);
    }
    ep_planned_free(own);
    if (status == EP_INFEASIBLE) {
        (void)snprintf(p->cannot_run, sizeof p->cannot_run, "%.159s", why.text);
        return EP_OK;
    }
    if (status != EP_OK) return status;
    (void)snprintf(p->bound, sizeof p->bound, "%s", run.bound);
    p->latency_ms = rounded(run.latency_ns / 1e6);
    p->throughput_ips = rounded(run.throughput_ips);
    p->power_w = rounded(run.power_w);
    p->energy_mj = rounded(run.energy_mj);
    p->over_budget = run.over_budget;
    return EP_OK;
}

static void evaluate_piece(uint64_t begin, uint64_t end, void *context)
{
    sweep *s = context;
    ep_arena *arena = ep_arena_new();
    for (uint64_t i = begin; i < end; i++) {
        if (s->known[i]) continue;
        s->statuses[i] = arena ? evaluate(s, (uint32_t)i, arena) : EP_NO_MEMORY;
    }
    ep_arena_free(arena);
}

static void make_plans(uint64_t begin, uint64_t end, void *context)
{
    sweep *s = context;
    for (uint64_t i = begin; i < end; i++) {
        way *w = &s->ways[i];
        if (!w->is_needed || w->is_made) continue;
        if (!searches(w)) w->status = make_plan(s, w, NULL, &w->planned, &w->why);
        w->is_made = true;
    }
}

static ep_status name_chunk(sweep *s, uint32_t n, ep_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        name_point(s, i);
        EP_FAIL_IF(strlen(s->points[i].set) + 1 == sizeof s->points[i].set, err, EP_BAD_USAGE,
                   "--set: all that is set takes more than %zu characters",
                   sizeof s->points[i].set - 2);
        s->statuses[i] = EP_OK;
        s->known[i] = false;
        if (s->sink->known && !s->all_are_new) {
            EP_TRY(s->sink->known(s->sink->context, &s->points[i], &s->known[i], err));
            s->all_are_new = !s->known[i];
        }
        if (!s->known[i]) way_of(s, s->first + i)->is_needed = true;
    }
    return EP_OK;
}

static ep_status do_chunk(sweep *s, uint32_t n, ep_error *err)
{
    EP_TRY(name_chunk(s, n, err));
    ep_parallel(s->options->threads, s->n_ways, 1, make_plans, s);
    ep_parallel(s->options->threads, n, GRAIN, evaluate_piece, s);
    for (uint32_t i = 0; i < n; i++) {
        const ep_error *why = &way_of(s, s->first + i)->why;
        EP_FAIL_IF(s->statuses[i] != EP_OK, err, s->statuses[i], "%s",
                   why->text[0] ? why->text : ep_status_text(s->statuses[i]));
        s->done++;
        EP_TRY(s->sink->row(s->sink->context, &s->points[i], s->known[i], s->done, s->all, err));
    }
    return EP_OK;
}

/* ---- a network on a machine ---------------------------------------------------------------- */

static ep_status do_points(sweep *s, ep_arena *arena, ep_error *err)
{
    EP_TRY(list_modes(s, arena, err));
    s->n_ways = list_ways(s->options, s->machine, s->ways);
    const uint64_t n = s->n_ways * s->axes.clock_points * s->n_modes;
    ep_status status = EP_OK;
    for (s->first = 0; s->first < n && status == EP_OK; s->first += CHUNK) {
        status = do_chunk(s, (uint32_t)ep_min_u64(n - s->first, CHUNK), err);
    }
    for (uint32_t w = 0; w < s->n_ways; w++) ep_planned_free(s->ways[w].planned);
    return status;
}

static ep_status do_machine(sweep *s, const char *name, uint64_t part, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_machine *machine = NULL;
    ep_status status = ep__sweep_machine(s->options, &s->axes, name, part, arena, &machine, err);
    if (status == EP_OK) {
        s->machine = machine;
        s->hardware = keep(s, machine->name, err);
        status = s->hardware ? do_points(s, arena, err) : EP_NO_MEMORY;
    }
    ep_machine_free(machine);
    ep_arena_free(arena);
    return status;
}

static ep_status do_layers(sweep *s, const ep_layers *layers, ep_error *err)
{
    s->layers = layers;
    s->batch = layers->network->batch_to;
    s->model = keep(s, layers->network->name, err);
    if (!s->model) return EP_NO_MEMORY;
    for (uint32_t h = 0; h < s->options->n_machines; h++) {
        for (uint64_t part = 0; part < s->axes.part_points; part++) {
            EP_TRY(do_machine(s, s->options->machines[h], part, err));
        }
    }
    return EP_OK;
}

static ep_status do_model(sweep *s, const char *path, int64_t batch, ep_error *err)
{
    ep_network *imported = NULL, *network = NULL;
    ep_layers *layers = NULL;
    const ep_specialize_options options = {.batch = batch};
    EP_TRY(ep_network_load(path, &imported, err));
    ep_status status = ep_specialize(imported, &options, &network, err);
    if (status == EP_OK) status = ep_layers_build(network, &layers, err);
    if (status != EP_OK && status != EP_NO_MEMORY) ep_fail_context(err, "%s: ", path);
    if (status == EP_OK) status = do_layers(s, layers, err);
    ep_layers_free(layers);
    ep_network_free(network);
    ep_network_free(imported);
    return status;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* Checks what can be checked before the work begins, and counts the points. */
static ep_status count_points(sweep *s, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_status status = EP_OK;
    for (uint32_t h = 0; h < s->options->n_machines && status == EP_OK; h++) {
        const char *name = s->options->machines[h];
        ep_machine *machine = NULL;
        status = ep__sweep_check(s->options, &s->axes, name, arena, err);
        if (status == EP_OK) {
            status = ep__sweep_machine(s->options, &s->axes, name, 0, arena, &machine, err);
        }
        if (status == EP_OK) {
            s->machine = machine;
            status = list_modes(s, arena, err);
            s->all += list_ways(s->options, machine, s->ways) * s->axes.part_points *
                      s->axes.clock_points * s->n_modes;
        }
        ep_machine_free(machine);
    }
    s->all *= (uint64_t)s->options->n_models * s->options->n_batches;
    ep_arena_free(arena);
    return status;
}

ep_status ep_sweep_run(const ep_sweep_options *options, const ep_sweep_sink *sink, ep_arena *arena,
                       ep_error *err)
{
    sweep s = {.options = options, .sink = sink, .arena = arena};
    EP_TRY(ep__sweep_axes_of(options, &s.axes, err));
    s.ways = EP_NEW(arena, way, most_ways(options));
    s.points = EP_NEW(arena, ep_sweep_point, CHUNK);
    s.point_modes = EP_NEW(arena, ep_mode, CHUNK);
    s.statuses = EP_NEW(arena, ep_status, CHUNK);
    if (!s.ways || !s.points || !s.point_modes || !s.statuses) return ep_fail_memory(err);
    EP_TRY(count_points(&s, err));
    for (uint32_t m = 0; m < options->n_models; m++) {
        s.model_index = m;
        for (uint32_t b = 0; b < options->n_batches; b++) {
            EP_TRY(do_model(&s, options->models[m], options->batches[b], err));
        }
    }
    return EP_OK;
}
