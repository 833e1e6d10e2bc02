/* The ways to run a network that a placement of several chooses from. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/study_internal.h"

/* A network is cut after each of so many equal shares of its time, but for the last. */
enum { SHARES = 8 };

/* All on the GPU, as greedy, its 1, 2 and 4 heaviest subgraphs, as best for latency and for energy,
 * and both parts of each cut. */
enum { MOST_PLANS = 2 + 3 + 2 + 2 * (SHARES - 1) };

/* Larger networks stay whole: 20 plans of theirs would take minutes. */
enum { MOST_LAYERS = 5000 };

typedef struct maker {
    const ep_layers *layers;
    const ep_machine *machine;
    ep_plan_options options;
    bool parts;
    ep_ways *out;
    const ep_planned *greedy;
    ep_device *device; /* per layer: of the plan being made */
    const char *names[MOST_PLANS];
    ep_way_kind kinds[MOST_PLANS];
} maker;

static bool is_there(const maker *m, const ep_planned *planned)
{
    const size_t size = m->layers->n_layers * sizeof *planned->plan.device;
    for (uint32_t i = 0; i + 1 < m->out->n_planned; i++) {
        const ep_plan *other = &m->out->planned[i]->plan;
        if (memcmp(other->device, planned->plan.device, size) == 0) return true;
    }
    return false;
}

/* Keeps the last plan, unless an earlier one places all layers alike. */
static ep_status keep(maker *m, ep_way_kind kind, const char *name, ep_error *err)
{
    if (!name) return ep_fail_memory(err);
    ep_ways *out = m->out;
    if (!is_there(m, out->planned[out->n_planned - 1])) {
        m->names[out->n_planned - 1] = name;
        m->kinds[out->n_planned - 1] = kind;
        return EP_OK;
    }
    ep_planned_free(out->planned[--out->n_planned]);
    return EP_OK;
}

static ep_status add_strategy(maker *m, const char *strategy, ep_way_kind kind, const char *name,
                              ep_error *err)
{
    EP_TRY(ep_plan_make(m->layers, m->machine, strategy, &m->options,
                        &m->out->planned[m->out->n_planned], err));
    m->out->n_planned++;
    return keep(m, kind, name, err);
}

/* As m->device says. */
static ep_status add_placement(maker *m, ep_way_kind kind, const char *name, ep_error *err)
{
    const ep_assignment wanted = {.device = m->device, .sheds = true};
    EP_TRY(ep_plan_build(m->layers, m->machine, "part", &wanted, &m->options,
                         &m->out->planned[m->out->n_planned], err));
    m->out->n_planned++;
    return keep(m, kind, name, err);
}

/* ---- heaviest subgraphs -------------------------------------------------------------------- */

static int heaviest_first(const void *a, const void *b)
{
    const ep_subgraph *x = *(const ep_subgraph *const *)a, *y = *(const ep_subgraph *const *)b;
    if (x->macs != y->macs) return x->macs < y->macs ? 1 : -1;
    return x->layers[0] < y->layers[0] ? -1 : 1;
}

static ep_status add_heaviest(maker *m, ep_error *err)
{
    const ep_plan *greedy = &m->greedy->plan;
    const uint32_t n = greedy->n_subgraphs;
    const ep_subgraph **order = EP_NEW(m->out->arena, const ep_subgraph *, n);
    if (!order) return ep_fail_memory(err);
    for (uint32_t s = 0; s < n; s++) order[s] = &greedy->subgraphs[s];
    qsort(order, n, sizeof *order, heaviest_first);
    for (uint32_t most = 1; most <= 4 && most < n; most *= 2) {
        for (uint32_t l = 0; l < m->layers->n_layers; l++) m->device[l] = EP_GPU;
        for (uint32_t s = 0; s < most; s++) {
            for (uint32_t i = 0; i < order[s]->n_layers; i++) {
                m->device[order[s]->layers[i]] = EP_DLA0;
            }
        }
        EP_TRY(add_placement(
            m, EP_WAY_CHOSEN,
            ep_arena_printf(m->out->arena, ", %u heaviest subgraph%s", most, most == 1 ? "" : "s"),
            err));
    }
    return EP_OK;
}

/* ---- cuts ---------------------------------------------------------------------------------- */

/* Elements that cross from the layers before each of `crossing` to those from it on. */
static void count_crossing(const ep_layers *layers, double *crossing)
{
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t begin = layers->users_begin[t], end = layers->users_begin[t + 1];
        if (layers->producer[t] == EP_NO_INDEX || begin == end) continue;
        const double elements = (double)ep_tensor_elements(&layers->network->tensors[t]);
        crossing[layers->producer[t] + 1] += elements;
        crossing[layers->users[end - 1] + 1] -= elements; /* users ascend */
    }
    for (uint32_t l = 1; l <= layers->n_layers; l++) crossing[l] += crossing[l - 1];
}

static ep_status add_parts(maker *m, uint32_t cut, ep_error *err)
{
    const ep_layers *layers = m->layers;
    for (int second = 0; second < 2; second++) {
        bool any = false;
        for (uint32_t l = 0; l < layers->n_layers; l++) {
            const bool inside = (l >= cut) == (second == 1);
            m->device[l] = inside ? m->greedy->plan.device[l] : EP_GPU;
            any |= m->device[l] != EP_GPU;
        }
        if (!any) continue;
        const char *name = layers->layers[second ? cut : cut - 1].name;
        EP_TRY(add_placement(
            m, second ? EP_WAY_FROM : EP_WAY_TO,
            ep_arena_printf(m->out->arena, second ? " from '%s'" : " to '%s'", name), err));
    }
    return EP_OK;
}

/* After each eighth of the time that the network takes on the GPU, where the fewest elements cross;
 * of equals the last, behind what fuses. */
static ep_status add_cuts(maker *m, const double *layer_ns, ep_error *err)
{
    const uint32_t n = m->layers->n_layers;
    double *crossing = EP_NEW(m->out->arena, double, (uint64_t)n + 1);
    if (!crossing) return ep_fail_memory(err);
    count_crossing(m->layers, crossing);
    double total_ns = 0, ns = 0;
    for (uint32_t l = 0; l < n; l++) total_ns += layer_ns[l];
    uint32_t best = 0;
    int share = 1;
    for (uint32_t l = 1; l < n && share < SHARES; l++) {
        ns += layer_ns[l - 1];
        for (; share < SHARES && ns > (share + 0.5) / SHARES * total_ns; share++, best = 0) {
            if (best) EP_TRY(add_parts(m, best, err));
        }
        const bool near = ns >= (share - 0.5) / SHARES * total_ns;
        if (near && (!best || crossing[l] <= crossing[best])) best = l;
    }
    return best && share < SHARES ? add_parts(m, best, err) : EP_OK;
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status make_plans(maker *m, ep_error *err)
{
    ep_ways *out = m->out;
    m->options.dla = EP_DLA_NONE;
    EP_TRY(add_strategy(m, "gpu", EP_WAY_WHOLE, "", err));
    if (m->machine->dla.cores == 0) return EP_OK;
    m->options.dla = EP_DLA_FIRST;
    const ep_status status = add_strategy(m, "greedy", EP_WAY_WHOLE, "", err);
    if (status == EP_INFEASIBLE) return EP_OK; /* no_fallback */
    EP_TRY(status);
    const bool parts = m->parts && !m->options.no_fallback && m->layers->n_layers <= MOST_LAYERS;
    if (out->n_planned == 1 || !parts) return EP_OK;
    m->greedy = out->planned[1];
    m->options.objective = EP_LATENCY;
    EP_TRY(add_strategy(m, "best", EP_WAY_CHOSEN, ", best for latency", err));
    m->options.objective = EP_ENERGY;
    EP_TRY(add_strategy(m, "best", EP_WAY_CHOSEN, ", best for energy", err));
    EP_TRY(add_heaviest(m, err));
    const ep_planned *gpu = out->planned[0];
    const ep_point point = ep_point_of(m->machine, &m->machine->modes[0]);
    ep_run run;
    EP_TRY(
        ep_sim_run(&gpu->plan, gpu->costs, &point, &(ep_run_options){1, 1}, out->arena, &run, err));
    return add_cuts(m, run.layer_ns, err);
}

/* Each plan on each core. */
static ep_status list_ways(maker *m, ep_error *err)
{
    ep_ways *out = m->out;
    const int64_t batch = m->layers->network->batch_to;
    out->ways = EP_NEW(out->arena, ep_way, 2 * (uint64_t)out->n_planned);
    if (!out->ways) return ep_fail_memory(err);
    out->ways[out->n++] = (ep_way){"gpu", out->planned[0], EP_GPU, batch, EP_WAY_WHOLE};
    for (uint32_t p = 1; p < out->n_planned; p++) {
        for (int64_t core = 0; core < 2 && core < m->machine->dla.cores; core++) {
            const ep_device device = core ? EP_DLA1 : EP_DLA0;
            const char *name =
                ep_arena_printf(out->arena, "%s%s", ep_device_name(device), m->names[p]);
            if (!name) return ep_fail_memory(err);
            out->ways[out->n++] = (ep_way){name, out->planned[p], device, batch, m->kinds[p]};
        }
    }
    return EP_OK;
}

ep_status ep_ways_make(const ep_layers *layers, const ep_machine *machine,
                       const ep_plan_options *options, bool parts, ep_ways *out, ep_error *err)
{
    *out = (ep_ways){.arena = ep_arena_new()};
    if (!out->arena) return ep_fail_memory(err);
    maker m = {
        .layers = layers, .machine = machine, .options = *options, .parts = parts, .out = out};
    m.device = EP_NEW(out->arena, ep_device, layers->n_layers);
    out->planned = EP_NEW(out->arena, ep_planned *, MOST_PLANS);
    ep_status status = m.device && out->planned ? EP_OK : ep_fail_memory(err);
    if (status == EP_OK) status = make_plans(&m, err);
    if (status == EP_OK) status = list_ways(&m, err);
    if (status != EP_OK) ep_ways_free(out);
    return status;
}

/* Those of one batch, on the GPU or not, whole or not. */
static void take(const ep_ways *from, bool gpu, bool whole, ep_way *ways, uint32_t *n)
{
    for (uint32_t w = 0; w < from->n; w++) {
        const bool is_whole = from->ways[w].kind == EP_WAY_WHOLE;
        const bool on_gpu = from->ways[w].device == EP_GPU;
        if (on_gpu == gpu && is_whole == whole) ways[(*n)++] = from->ways[w];
    }
}

ep_status ep_ways_join(const ep_ways *batches, uint32_t n_batches, const bool *on_gpu,
                       const bool *on_dla, ep_arena *arena, const ep_way **out, uint32_t *n,
                       ep_error *err)
{
    uint64_t room = 1;
    for (uint32_t b = 0; b < n_batches; b++) room += batches[b].n;
    ep_way *ways = EP_NEW(arena, ep_way, room);
    if (!ways) return ep_fail_memory(err);
    ways[0] = (ep_way){.name = "none", .device = EP_GPU, .batch = 1, .kind = EP_WAY_WHOLE};
    *n = 1;
    for (int pass = 0; pass < 3; pass++) { /* whole ones first */
        const bool gpu = pass == 0, whole = pass < 2;
        for (uint32_t b = 0; b < n_batches; b++) {
            if (gpu ? on_gpu[b] : on_dla[b]) take(&batches[b], gpu, whole, ways, n);
        }
    }
    *out = ways;
    return EP_OK;
}

void ep_ways_free(ep_ways *ways)
{
    for (uint32_t i = 0; i < ways->n_planned; i++) ep_planned_free(ways->planned[i]);
    ep_arena_free(ways->arena);
    *ways = (ep_ways){0};
}
