/* How good a placement of several networks is: from below without, and by, the timeline. */
#include <assert.h>
#include <math.h>

#include "study/together.h"

/* To a tenth; a cut has to be worth one hundredth, which is less than predictions are good for. */
static double rounded_w(const ep_score *score)
{
    return round(10 * score->power_w * (1 + 0.01 * score->n_cut));
}

bool ep_score_holds(const ep_score *score)
{
    return score->overload <= 0 && score->excess <= 0;
}

int ep__score_compare(const ep_score *a, const ep_score *b)
{
    if (a->overload != b->overload) return a->overload < b->overload ? -1 : 1;
    if (a->excess != b->excess) return a->excess < b->excess ? -1 : 1;
    if (a->pace != b->pace) return a->pace < b->pace ? -1 : 1;
    const double x = rounded_w(a), y = rounded_w(b);
    if (x != y) return x < y ? -1 : 1;
    return (a->busiest > b->busiest) - (a->busiest < b->busiest);
}

/* ---- ways ---------------------------------------------------------------------------------- */

static ep_status figure_out(const ep__judge *j, const ep_placed_network *network, const ep_way *way,
                            ep_arena *arena, ep__way_figures *out, ep_error *err)
{
    *out = (ep__way_figures){.can_run = true};
    if (!way->planned) return EP_OK;
    const ep_plan *plan = &way->planned->plan;
    const int64_t core = way->device == EP_DLA1;
    out->n_loadables[core] = plan->n_subgraphs;
    out->can_run = plan->n_subgraphs == 0 || core < j->point->dla_cores;
    EP_FAIL_IF(!out->can_run && network->n_ways == 1, err, EP_INFEASIBLE,
               "%s is to run on %s, and %s powers %lld DLA core%s", network->lane.name,
               ep_device_name(way->device), j->point->mode->name, (long long)j->point->dla_cores,
               j->point->dla_cores == 1 ? "" : "s");
    if (!out->can_run) return EP_OK;
    ep_footprint footprint;
    EP_TRY(ep_sim_footprint(plan, arena, &footprint, err));
    out->bytes = (double)footprint.weights_bytes +
                 network->lane.in_flight * (double)footprint.activations_bytes;
    const ep_task_options options = {.name = network->lane.name,
                                     .batch = way->batch,
                                     .dla_core = core,
                                     .copies = j->options->copies};
    EP_TRY(ep_task_make(plan, way->planned->costs, j->point, &options, arena, &out->task, err));
    for (uint32_t s = 0; s < out->task.n_steps; s++) {
        const ep_step *step = &out->task.steps[s];
        const ep_watts *w = &step->watts;
        out->nj += (w->gpu + w->dla + w->dram + w->cpu) * step->ns;
        out->dram_bytes += step->dram_bytes;
    }
    return EP_OK;
}

/* Networks that share their ways share the figures. */
static ep_status figure_out_network(const ep__judge *j, uint32_t i, ep_arena *arena, ep_error *err)
{
    const ep_placed_network *networks = j->options->networks;
    for (uint32_t k = 0; k < i; k++) {
        if (networks[k].ways != networks[i].ways) continue;
        j->figures[i] = j->figures[k];
        return EP_OK;
    }
    j->figures[i] = EP_NEW(arena, ep__way_figures, networks[i].n_ways);
    if (!j->figures[i]) return ep_fail_memory(err);
    for (uint32_t w = 0; w < networks[i].n_ways; w++) {
        EP_TRY(figure_out(j, &networks[i], &networks[i].ways[w], arena, &j->figures[i][w], err));
    }
    return EP_OK;
}

ep_status ep__judge_make(ep__judge *j, ep_arena *arena, ep_error *err)
{
    const uint32_t n = j->options->n_networks;
    const ep_machine *machine = j->point->machine;
    j->lanes = EP_NEW(arena, ep_lane, n);
    j->figures = EP_NEW(arena, ep__way_figures *, n);
    j->need = EP_NEW(arena, double, n);
    if (!j->lanes || !j->figures || !j->need) return ep_fail_memory(err);
    for (uint32_t r = 0; r < machine->n_rails; r++) j->idle_w += machine->rails[r].idle_w;
    for (uint32_t i = 0; i < n; i++) EP_TRY(figure_out_network(j, i, arena, err));
    return EP_OK;
}

/* ---- from below ---------------------------------------------------------------------------- */

static bool has_room(const ep__judge *j, const uint32_t *way)
{
    const ep_dla_limits *limits = &j->point->machine->dla.limits;
    int64_t n[2] = {0};
    double bytes = 0;
    for (uint32_t i = 0; i < j->options->n_networks; i++) {
        const ep__way_figures *f = &j->figures[i][way[i]];
        if (!f->can_run) return false;
        for (int core = 0; core < 2; core++) n[core] += f->n_loadables[core];
        bytes += f->bytes;
    }
    return bytes <= (double)j->point->machine->dram.bytes && n[0] <= limits->loadables_per_core &&
           n[1] <= limits->loadables_per_core && n[0] + n[1] <= limits->loadables_total;
}

double ep__judge_load(const ep__judge *j, const uint32_t *way, double load[EP_UNIT_COUNT])
{
    double most = 0;
    for (int u = 0; u < EP_UNIT_COUNT; u++) {
        load[u] = 0;
        for (uint32_t i = 0; i < j->options->n_networks; i++) {
            const double fps = j->options->networks[i].lane.fps;
            load[u] += fps * j->figures[i][way[i]].task.unit_ns[u] * 1e-9;
        }
        if (u != EP_UNIT_HOST) most = fmax(most, load[u]);
    }
    return most;
}

/* Batches a nanosecond that a way can do by itself. */
static double most_batches(const ep__way_figures *f, uint32_t in_flight)
{
    double rate = in_flight / f->task.ns;
    for (int u = 0; u < EP_UNIT_HOST; u++) rate = fmin(rate, 1 / f->task.unit_ns[u]);
    return rate;
}

/* Images a nanosecond of all ways when they share something of which there is `capacity` a
 * nanosecond, and a batch of theirs takes `need`: who needs least for an image first. */
static double most_images(const ep__judge *j, const uint32_t *way, const double *need,
                          double capacity)
{
    const uint32_t n = j->options->n_networks;
    double images = 0, last = -1;
    for (uint32_t done = 0; done < n;) {
        double least = INFINITY;
        for (uint32_t i = 0; i < n; i++) {
            if (need[i] > last) least = fmin(least, need[i]);
        }
        for (uint32_t i = 0; i < n; i++) {
            if (need[i] != least) continue;
            done++;
            const ep__way_figures *f = &j->figures[i][way[i]];
            if (f->task.n_steps == 0) continue;
            double rate = most_batches(f, j->options->networks[i].lane.in_flight);
            rate *= (double)f->task.batch;
            if (least > 0) rate = fmin(rate, capacity / least);
            images += rate;
            capacity -= rate * least;
        }
        last = least;
    }
    return images;
}

static double bound_on_images_per_s(const ep__judge *j, const uint32_t *way)
{
    double images = INFINITY, *need = j->need;
    for (int u = 0; u <= EP_UNIT_COUNT; u++) {
        const bool is_dram = u == EP_UNIT_COUNT;
        if (u == EP_UNIT_HOST || (is_dram && j->point->machine->dram.uncontended)) continue;
        for (uint32_t i = 0; i < j->options->n_networks; i++) {
            const ep__way_figures *f = &j->figures[i][way[i]];
            need[i] = is_dram ? f->dram_bytes : f->task.unit_ns[u];
            if (f->task.n_steps) need[i] /= (double)f->task.batch;
        }
        images = fmin(images, most_images(j, way, need, is_dram ? j->point->dram_gbps : 1));
    }
    return images * 1e9;
}

static double bound_on_end_ns(const ep__judge *j, const uint32_t *way)
{
    double ns = 0, unit_ns[EP_UNIT_HOST] = {0};
    for (uint32_t i = 0; i < j->options->n_networks; i++) {
        const ep_task *task = &j->figures[i][way[i]].task;
        ns = fmax(ns, task->ns);
        for (int u = 0; u < EP_UNIT_HOST; u++) unit_ns[u] += task->unit_ns[u];
    }
    for (int u = 0; u < EP_UNIT_HOST; u++) ns = fmax(ns, unit_ns[u]);
    return ns;
}

static uint32_t count_cut(const ep__judge *j, const uint32_t *way)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->options->n_networks; i++) {
        n += j->options->networks[i].ways[way[i]].kind != EP_WAY_WHOLE;
    }
    return n;
}

/* Of rates: contention only makes all of it more. A window may hold a little less than its share.
 */
static ep_score bound_on_rates(const ep__judge *j, const uint32_t *way)
{
    static const double slack = 1e-3;
    double load[EP_UNIT_COUNT];
    const double busiest = ep__judge_load(j, way, load);
    ep_score score = {.overload = fmax(0, busiest - 1),
                      .power_w = j->idle_w,
                      .n_cut = count_cut(j, way),
                      .busiest = fmin(1, busiest) * (1 - slack)};
    for (uint32_t i = 0; i < j->options->n_networks; i++) {
        const ep_lane *lane = &j->options->networks[i].lane;
        const ep__way_figures *f = &j->figures[i][way[i]];
        score.power_w += lane->fps * f->nj * 1e-9 * (1 - slack);
        if (lane->deadline_ns > 0 && score.overload <= 0) {
            score.excess = fmax(score.excess, f->task.ns / lane->deadline_ns - 1);
        }
        if (lane->fps <= 0) score.pace -= log(most_batches(f, lane->in_flight) * 1e9) + slack;
    }
    return score;
}

/* Somebody runs and, where all are the same network, each device has one of them at most: it takes
 * the next batch while one is under way. */
static bool makes_sense(const ep__judge *j, const uint32_t *way)
{
    uint32_t n = 0, on[EP_DEVICE_COUNT] = {0};
    bool twice = false;
    for (uint32_t i = 0; i < j->options->n_networks; i++) {
        const ep_way *w = &j->options->networks[i].ways[way[i]];
        if (!w->planned) continue;
        n++;
        twice |= on[w->device]++ > 0;
    }
    return n > 0 && !(twice && j->options->goal == EP_GOAL_THROUGHPUT);
}

ep_score ep__judge_bound(const ep__judge *j, const uint32_t *way)
{
    static const double slack = 1e-6; /* rounding */
    if (!has_room(j, way) || !makes_sense(j, way)) return (ep_score){.overload = INFINITY};
    switch (j->options->goal) {
    case EP_GOAL_LATENCY:
        return (ep_score){.pace = bound_on_end_ns(j, way) * (1 - slack),
                          .n_cut = count_cut(j, way)};
    case EP_GOAL_THROUGHPUT:
        return (ep_score){.pace = -bound_on_images_per_s(j, way) * (1 + slack)};
    default: return bound_on_rates(j, way);
    }
}

/* ---- by the timeline ----------------------------------------------------------------------- */

bool ep__judge_lane(const ep__judge *j, uint32_t i, uint32_t way, ep_lane *out)
{
    const ep_placed_network *network = &j->options->networks[i];
    const ep_way *w = &network->ways[way];
    if (!w->planned) return false;
    *out = network->lane;
    out->planned = w->planned;
    out->device = w->device;
    out->batch = w->batch;
    out->way = w->name;
    out->task = &j->figures[i][way].task;
    return true;
}

ep_workload ep__judge_workload(const ep__judge *j, const ep_lane *lanes, uint32_t n)
{
    static const ep_scenario scenarios[] = {[EP_GOAL_ENERGY] = EP_SCENARIO_NETWORKS,
                                            [EP_GOAL_LATENCY] = EP_SCENARIO_ONCE,
                                            [EP_GOAL_THROUGHPUT] = EP_SCENARIO_OFFLINE};
    return (ep_workload){.scenario = scenarios[j->options->goal],
                         .n_lanes = n,
                         .lanes = lanes,
                         .copies = j->options->copies,
                         .cpu_gbps = j->options->cpu_gbps};
}

/* By which share of its limit a network is late. */
static double lateness(const ep_lane *lane, const ep_source_result *source)
{
    if (lane->deadline_ns <= 0 || source->n_late == 0) return 0;
    const double longest_ns = ep_percentile(source->latency_ns, source->n_answered, 100);
    const double excess = longest_ns / lane->deadline_ns - 1;
    return excess > 0 ? excess : 1; /* those that are late have not been answered at all */
}

ep_score ep__judge_score(const ep__judge *j, const uint32_t *way, const ep_workload *workload,
                         const ep_workload_run *run)
{
    const ep_timeline *t = &run->timeline;
    ep_score score = {.power_w = run->power_w, .n_cut = count_cut(j, way)};
    for (int u = 0; u < EP_UNIT_HOST; u++) score.busiest = fmax(score.busiest, run->unit_pct[u]);
    score.busiest /= 100;
    if (j->options->goal == EP_GOAL_LATENCY) {
        score.pace = t->end_ns;
        return score;
    }
    if (j->options->goal == EP_GOAL_THROUGHPUT) {
        score.pace = -run->images_per_s;
        return score;
    }
    double load[EP_UNIT_COUNT];
    score.overload = fmax(0, ep__judge_load(j, way, load) - 1);
    for (uint32_t i = 0; i < workload->n_lanes; i++) {
        const ep_lane *lane = &workload->lanes[i];
        if (score.overload <= 0) score.excess = fmax(score.excess, lateness(lane, &t->sources[i]));
        const double batches_per_s = t->uses[i].images_per_s / (double)lane->batch;
        if (lane->fps <= 0) score.pace -= log(fmax(batches_per_s, 1e-9));
    }
    return score;
}

ep_status ep__judge_measure(ep__judge *j, const uint32_t *way, bool brief, ep_score *out,
                            ep_error *err)
{
    static const size_t keep = 64 << 20;
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->options->n_networks; i++) {
        n += ep__judge_lane(j, i, way[i], &j->lanes[n]);
    }
    ep_workload workload = ep__judge_workload(j, j->lanes, n);
    workload.brief = brief;
    ep_workload_run run;
    ep_arena_reset(j->scratch, keep);
    EP_TRY(ep_workload_simulate(&workload, j->point, NULL, j->scratch, &run, err));
    *out = ep__judge_score(j, way, &workload, &run);
    j->n_simulated++;
    j->work += run.timeline.n_events * (1 + n / 16); /* an event looks at all */
    return EP_OK;
}
