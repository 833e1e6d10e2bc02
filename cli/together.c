/* Networks that may run anywhere, for `plan`. */
#include <string.h>

#include "cli/workload_job.h"

static const char *goal_name(uint32_t goal)
{
    static const char *const names[] = {[EP_GOAL_ENERGY] = "energy",
                                        [EP_GOAL_LATENCY] = "latency",
                                        [EP_GOAL_THROUGHPUT] = "throughput"};
    return goal < sizeof names / sizeof *names ? names[goal] : NULL;
}

bool ep__together_is_auto(const ep__workload_request *r)
{
    return r->streams && strcmp(r->streams, "auto") == 0;
}

static ep_status goal_of(const ep__workload_request *r, ep_goal *out, ep_error *err)
{
    uint32_t goal = ep__together_is_auto(r) ? EP_GOAL_THROUGHPUT : EP_GOAL_ENERGY;
    if (r->objective) {
        EP_TRY(ep__parse_choice("--objective", r->objective, goal_name, &goal, err));
    }
    *out = (ep_goal)goal;
    return EP_OK;
}

ep_status ep__together_check(const ep__workload_request *r, ep_error *err)
{
    ep_goal goal;
    EP_TRY(goal_of(r, &goal, err));
    const bool is_auto = ep__together_is_auto(r);
    EP_FAIL_IF(is_auto && goal != EP_GOAL_THROUGHPUT, err, EP_BAD_USAGE,
               "--streams auto is about throughput, not --objective %s", goal_name(goal));
    EP_FAIL_IF(is_auto && r->scenario && strcmp(r->scenario, ep_scenario_name(0)) != 0, err,
               EP_BAD_USAGE, "--streams auto is about --scenario Offline");
    EP_FAIL_IF(!is_auto && goal == EP_GOAL_THROUGHPUT, err, EP_BAD_USAGE,
               "--objective throughput is about one network: --streams auto MODEL.onnx");
    EP_FAIL_IF(!r->models.n && !is_auto && r->objective, err, EP_BAD_USAGE,
               "--objective goes with --model or --streams auto");
    return EP_OK;
}

/* ---- several networks ---------------------------------------------------------------------- */

/* A network whose device is given has one way. */
static ep_status ways_of(ep__workload_job *j, uint32_t i, ep_placed_network *out, ep_error *err)
{
    const ep__lane_spec *spec = &j->specs[i];
    if (!spec->has_device) {
        out->n_ways = j->ways[i].n;
        out->ways = j->ways[i].ways;
        return EP_OK;
    }
    ep_way *way = EP_NEW(j->arena, ep_way, 1);
    if (!way) return ep_fail_memory(err);
    *way = (ep_way){.name = ep_device_name(spec->device),
                    .planned = j->planned[i],
                    .device = spec->device,
                    .batch = j->models[i].network->batch_to,
                    .kind = EP_WAY_WHOLE};
    out->n_ways = 1;
    out->ways = way;
    return EP_OK;
}

ep_status ep__together_prepare(ep__workload_job *j, ep_error *err)
{
    uint32_t n = 0;
    j->wanted = (ep_together_options){
        .networks = j->networks, .copies = j->workload.copies, .cpu_gbps = j->workload.cpu_gbps};
    EP_TRY(goal_of(j->request, &j->wanted.goal, err));
    for (uint32_t i = 0; i < j->n_specs; i++) {
        const ep__lane_spec *spec = &j->specs[i];
        const bool has_times = spec->fps > 0 || spec->deadline_ms > 0 || spec->offset_ms > 0;
        EP_FAIL_IF(j->wanted.goal == EP_GOAL_LATENCY && has_times, err, EP_BAD_USAGE,
                   "--objective latency is about one batch of each: fps, deadline_ms and offset_ms "
                   "do not go with it");
        ep_placed_network network;
        EP_TRY(ways_of(j, i, &network, err));
        for (int64_t copy = 0; copy < spec->count; copy++, n++) {
            j->networks[n] = network;
            j->networks[n].lane = j->lanes[n];
        }
    }
    j->wanted.n_networks = n;
    return EP_OK;
}

/* ---- one network on several engines -------------------------------------------------------- */

/* As --batch says, "8" or "8+2" with that of the DLA, else each of these. */
static const char *const batches[] = {"1", "2", "4", "8", "16", "32"};
enum { N_BATCHES = sizeof batches / sizeof *batches, LARGEST_OF_DLA = 3 };

static ep_status choose_batches(ep__workload_job *j, bool *on_gpu, bool *on_dla, ep_error *err)
{
    const char *given = j->request->model_options.batch;
    const char *plus = given ? strchr(given, '+') : NULL;
    if (!given) {
        for (uint32_t b = 0; b < N_BATCHES; b++) {
            j->specs[b].batch = b ? batches[b] : NULL; /* the first as in the file */
            on_gpu[b] = true;
            on_dla[b] = b <= LARGEST_OF_DLA;
        }
        j->n_specs = N_BATCHES;
        return EP_OK;
    }
    j->specs[0].batch =
        ep_arena_string(j->arena, given, plus ? (size_t)(plus - given) : strlen(given));
    if (!j->specs[0].batch) return ep_fail_memory(err);
    if (plus) j->specs[1].batch = plus + 1;
    on_gpu[0] = true;
    on_dla[plus ? 1 : 0] = true;
    j->n_specs = plus ? 2 : 1;
    return EP_OK;
}

/* A network may not scale to a batch that nobody asked for: then that is none of its ways. */
static ep_status load_batch(ep__workload_job *j, uint32_t b, bool must, bool parts, ep_error *err)
{
    const ep__workload_request *r = j->request;
    ep__model_options model_options = r->model_options;
    model_options.batch = j->specs[b].batch;
    const ep_status status = ep__model_load(r->model, &model_options, &j->models[b], err);
    if (status == EP_NO_MEMORY || (must && status != EP_OK)) return status;
    if (status != EP_OK) return EP_OK;
    return ep_ways_make(j->models[b].layers, r->machine, &r->plan_options, parts, &j->ways[b], err);
}

/* As many times the network as there are engines: none, or on the GPU or a DLA core, at a batch. */
ep_status ep__together_prepare_streams(ep__workload_job *j, ep_error *err)
{
    enum { IN_FLIGHT = 2, ENGINES = 3 };
    bool on_gpu[N_BATCHES + 1] = {false}, on_dla[N_BATCHES + 1] = {false};
    EP_TRY(choose_batches(j, on_gpu, on_dla, err));
    for (uint32_t b = 0; b < j->n_specs; b++) {
        /* of the smallest and the largest batch: to weigh all of them would take too long */
        const bool parts = on_dla[b] && (b == 0 || !on_dla[b + 1]);
        EP_TRY(load_batch(j, b, b == 0 || j->request->model_options.batch, parts, err));
    }
    const ep_way *ways;
    uint32_t n;
    EP_TRY(ep_ways_join(j->ways, j->n_specs, on_gpu, on_dla, j->arena, &ways, &n, err));
    for (uint32_t e = 0; e < ENGINES; e++) {
        j->networks[e] =
            (ep_placed_network){.lane = {.name = j->models[0].network->name,
                                         .precision = j->request->plan_options.precision,
                                         .in_flight = IN_FLIGHT},
                                .n_ways = n,
                                .ways = ways};
    }
    j->wanted = (ep_together_options){.goal = EP_GOAL_THROUGHPUT,
                                      .n_networks = ENGINES,
                                      .networks = j->networks,
                                      .copies = j->workload.copies,
                                      .cpu_gbps = j->workload.cpu_gbps};
    return EP_OK;
}

/* ---- verdict ------------------------------------------------------------------------------- */

ep_status ep__together_verdict(const ep_report_workload *report, ep_error *err)
{
    uint32_t first = EP_NO_INDEX;
    for (uint32_t m = 0; m < report->n_modes; m++) {
        if (report->cannot_run[m]) continue;
        if (ep_score_holds(&report->found[m].score)) return EP_OK;
        if (first == EP_NO_INDEX) first = m;
    }
    ep_text misses = {0};
    ep_report_misses(report, first, &misses);
    const ep_status status =
        ep_fail(err, EP_INFEASIBLE, "no placement was found that holds%s; in %s %s",
                report->n_modes > 1 ? " in any mode" : "", report->modes[first]->name,
                ep_text_cstr(&misses));
    ep_text_free(&misses);
    return status;
}
