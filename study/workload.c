/* Several engines or networks at the same time. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "study/study_internal.h"

const char *ep_scenario_name(uint32_t scenario)
{
    static const char *const names[] = {
#define X(id, name) name,
        EP_SCENARIO_MAP(X)
#undef X
    };
    return scenario < EP_SCENARIO_COUNT ? names[scenario] : NULL;
}

ep_status ep_lane_plan(const ep_layers *layers, const ep_machine *machine, ep_device device,
                       const ep_plan_options *options, const uint32_t loadables[2],
                       ep_planned **out, ep_error *err)
{
    const bool on_dla = ep_device_is_dla(device);
    EP_FAIL_IF(on_dla && machine->dla.cores == 0, err, EP_INFEASIBLE, "%s has no DLA",
               machine->name);
    ep_plan_options own = *options;
    own.dla = on_dla ? EP_DLA_FIRST : EP_DLA_NONE;
    own.no_fallback &= on_dla;
    own.loadables_used = loadables[device == EP_DLA1];
    own.loadables_used_total = loadables[0] + loadables[1];
    return ep_plan_make(layers, machine, on_dla ? "greedy" : "gpu", &own, out, err);
}

typedef struct setup {
    const ep_workload *workload;
    ep_arena *arena;
    ep_task *tasks;
    ep_source *sources;
    ep_engine_use *uses;
    double slowest_ns; /* task, at zero load */
    double *gaps;      /* Server: between queries, of mean 1 */
    double *at_ns;     /* Server: the queries */
    ep_timeline_options options;
    ep_workload_run *out;
} setup;

/* ---- tasks --------------------------------------------------------------------------------- */

static ep_status make_tasks(setup *s, const ep_point *point, ep_error *err)
{
    const ep_workload *w = s->workload;
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        const ep_lane *lane = &w->lanes[i];
        if (lane->task && lane->task->point == point) {
            s->tasks[i] = *lane->task;
            s->slowest_ns = fmax(s->slowest_ns, lane->task->ns);
            continue;
        }
        const ep_task_options options = {.name = lane->name,
                                         .batch = lane->batch,
                                         .dla_core = lane->device == EP_DLA1,
                                         .copies = w->copies};
        EP_TRY(ep_task_make(&lane->planned->plan, lane->planned->costs, point, &options, s->arena,
                            &s->tasks[i], err));
        s->slowest_ns = fmax(s->slowest_ns, s->tasks[i].ns);
    }
    return EP_OK;
}

/* ---- periods ------------------------------------------------------------------------------- */

/* Rates are told apart to a thousandth of a frame a second. */
static uint64_t millihertz(double fps)
{
    return (uint64_t)llround(fps * 1e3);
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* 0 without periods. */
static double hyper_period_ns(const ep_workload *w)
{
    uint64_t common = 0;
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        if (w->lanes[i].fps > 0) {
            common = greatest_common_divisor(common, millihertz(w->lanes[i].fps));
        }
    }
    return common ? 1e12 / (double)common : 0;
}

/* Whole hyper-periods of at least a second, after one to settle; up to a limit. */
static void choose_window(setup *s)
{
    static const struct {
        double least_ns, most_ns;
        int warm_batches, batches;
    } sizes[] = {[false] = {1e9, 20e9, 4, 32}, [true] = {0, 1e9, 3, 12}};
    const bool brief = s->workload->brief;
    const double hyper_ns = hyper_period_ns(s->workload);
    double warm_ns = hyper_ns, window_ns = hyper_ns;
    if (hyper_ns > 0) {
        window_ns = hyper_ns * fmax(1, ceil(sizes[brief].least_ns / hyper_ns - 1e-9));
        s->out->hyper_is_cut = window_ns > sizes[brief].most_ns;
        if (s->out->hyper_is_cut) warm_ns = window_ns = sizes[brief].most_ns;
    }
    s->options.warm_ns = fmax(warm_ns, sizes[brief].warm_batches * s->slowest_ns);
    s->options.end_ns = s->options.warm_ns + fmax(window_ns, sizes[brief].batches * s->slowest_ns);
    s->out->hyper_ns = hyper_ns;
    if (hyper_ns > 0 && !s->out->hyper_is_cut) { /* whole ones again */
        s->options.warm_ns = hyper_ns * ceil(s->options.warm_ns / hyper_ns - 1e-9);
        s->options.end_ns = hyper_ns * ceil(s->options.end_ns / hyper_ns - 1e-9);
    }
}

/* ---- who asks ------------------------------------------------------------------------------ */

static const double once_ns[] = {0};

static void ask_each_lane(setup *s)
{
    const bool once = s->workload->scenario == EP_SCENARIO_ONCE;
    for (uint32_t i = 0; i < s->workload->n_lanes; i++) {
        const ep_lane *lane = &s->workload->lanes[i];
        ep_source *source = &s->sources[i];
        *source = (ep_source){.name = lane->name,
                              .arrival = once            ? EP_AT
                                         : lane->fps > 0 ? EP_PERIODIC
                                                         : EP_ALWAYS,
                              .images = lane->batch,
                              .offset_ns = lane->offset_ns,
                              .n_at = 1,
                              .at_ns = once_ns,
                              .deadline_ns = lane->deadline_ns};
        if (lane->fps > 0) source->period_ns = 1e12 / (double)millihertz(lane->fps);
        s->uses[i].source = i;
    }
    s->options.n_sources = s->workload->n_lanes;
}

static void ask_all_lanes(setup *s)
{
    static const int64_t images[] = {[EP_SCENARIO_OFFLINE] = 1,
                                     [EP_SCENARIO_SINGLE_STREAM] = 1,
                                     [EP_SCENARIO_MULTI_STREAM] = 8,
                                     [EP_SCENARIO_SERVER] = 1};
    const ep_scenario scenario = s->workload->scenario;
    s->sources[0] = (ep_source){.name = s->workload->lanes[0].name,
                                .arrival = scenario == EP_SCENARIO_OFFLINE  ? EP_ALWAYS
                                           : scenario == EP_SCENARIO_SERVER ? EP_AT
                                                                            : EP_CLOSED,
                                .images = images[scenario],
                                .deadline_ns = s->workload->bound_ns};
    s->options.n_sources = 1;
}

/* ---- server -------------------------------------------------------------------------------- */

enum { QUERIES = 3000 };

/* Exponential gaps of mean 1, the same for every rate, machine and run: SplitMix64. */
static ep_status make_gaps(setup *s, ep_error *err)
{
    s->gaps = EP_NEW(s->arena, double, QUERIES);
    s->at_ns = EP_NEW(s->arena, double, QUERIES);
    if (!s->gaps || !s->at_ns) return ep_fail_memory(err);
    uint64_t state = 0;
    for (int i = 0; i < QUERIES; i++) {
        state += 0x9E3779B97F4A7C15u;
        uint64_t z = state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        s->gaps[i] = -log(((double)(z >> 11) + 0.5) / 9007199254740992.0);
    }
    return EP_OK;
}

static void ask_at_rate(setup *s, double rate)
{
    double now_ns = 0;
    for (int i = 0; i < QUERIES; i++) {
        now_ns += s->gaps[i] * 1e9 / rate;
        s->at_ns[i] = now_ns;
    }
    s->sources[0].n_at = QUERIES;
    s->sources[0].at_ns = s->at_ns;
    s->options.warm_ns = 0;
    s->options.end_ns = INFINITY;
    s->out->rate = rate;
}

/* In an arena of its own: a search runs many. */
static ep_status p99_at(setup *s, double rate, double *p99_ns, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ask_at_rate(s, rate);
    ep_timeline timeline;
    const ep_status status = ep_sim_timeline(&s->options, arena, &timeline, err);
    if (status == EP_OK) {
        *p99_ns = ep_percentile(timeline.sources[0].latency_ns, timeline.sources[0].n_answered, 99);
    }
    ep_arena_free(arena);
    return status;
}

/* What the engines do when there is always more: no higher rate can last. */
static ep_status offline_rate(setup *s, double *rate, ep_error *err)
{
    const ep_source server = s->sources[0];
    s->sources[0].arrival = EP_ALWAYS;
    ep_timeline timeline;
    EP_TRY(ep_sim_timeline(&s->options, s->arena, &timeline, err));
    *rate = 0;
    for (uint32_t i = 0; i < s->workload->n_lanes; i++) *rate += timeline.uses[i].images_per_s;
    s->sources[0] = server;
    return EP_OK;
}

static ep_status find_rate(setup *s, ep_error *err)
{
    enum { HALVINGS = 11 };
    const double bound_ns = s->workload->bound_ns;
    double low = 0, high, p99_ns;
    EP_TRY(offline_rate(s, &high, err));
    /* rarely asked, an engine takes its zero-load time */
    EP_TRY(p99_at(s, high / 1000, &p99_ns, err));
    if (p99_ns > bound_ns) {
        ask_at_rate(s, high / 1000);
        s->out->rate = 0;
        return EP_OK;
    }
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = (low + high) / 2;
        EP_TRY(p99_at(s, middle, &p99_ns, err));
        if (p99_ns > bound_ns) {
            high = middle;
        } else {
            low = middle;
        }
    }
    ask_at_rate(s, low > 0 ? low : high / 1000);
    return EP_OK;
}

/* ---- figures ------------------------------------------------------------------------------- */

/* "gpu+dla0, dram": the units that are never idle, and DRAM when it holds them up half the time. */
static ep_status name_bottleneck(ep_arena *arena, ep_workload_run *run, ep_error *err)
{
    static const double never_idle_pct = 97, held_up_pct = 50;
    ep_text text = {0};
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        if (run->unit_pct[u] < never_idle_pct) continue;
        ep_text_printf(&text, "%s%s", text.length ? "+" : "", ep_unit_name((ep_unit)u));
    }
    if (run->dram_limited_pct >= held_up_pct || run->dram_pct >= never_idle_pct) {
        ep_text_printf(&text, "%sdram", text.length ? ", " : "");
    }
    if (text.length == 0) ep_text_printf(&text, "-");
    run->bottleneck = ep_arena_string(arena, ep_text_cstr(&text), text.length);
    const bool complete = run->bottleneck && !text.failed;
    ep_text_free(&text);
    return complete ? EP_OK : ep_fail_memory(err);
}

static ep_status add_up(const setup *s, ep_error *err)
{
    ep_workload_run *out = s->out;
    const ep_timeline *t = &out->timeline;
    const ep_point *point = s->options.point;
    const ep_machine *machine = point->machine;
    const double window_ns = t->end_ns - t->start_ns;
    double *w = EP_NEW(s->arena, double, machine->n_rails);
    if (!w) return ep_fail_memory(err);
    for (uint32_t r = 0; r < machine->n_rails; r++) w[r] = machine->rails[r].idle_w;
    w[machine->energy.gpu_rail] += t->watts.gpu;
    w[machine->energy.dla_rail] += t->watts.dla;
    w[machine->energy.dram_rail] += t->watts.dram;
    w[machine->energy.cpu_rail] += t->watts.cpu;
    for (uint32_t r = 0; r < machine->n_rails; r++) out->power_w += w[r];
    out->rail_w = w;
    out->over_budget = point->budget_w > 0 && out->power_w > point->budget_w;
    for (uint32_t i = 0; i < s->workload->n_lanes; i++) {
        out->images_per_s += t->uses[i].images_per_s;
    }
    for (int u = 0; u < EP_UNIT_COUNT && window_ns > 0; u++) {
        out->unit_pct[u] = 100 * t->busy_ns[u] / window_ns;
    }
    if (window_ns > 0) {
        out->dram_pct = 100 * t->dram_bytes / window_ns / point->dram_gbps;
        out->dram_limited_pct = 100 * t->dram_limited_ns / window_ns;
    }
    return name_bottleneck(s->arena, out, err);
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status ask(setup *s, ep_error *err)
{
    const ep_workload *w = s->workload;
    const bool each = w->scenario == EP_SCENARIO_ONCE || w->scenario == EP_SCENARIO_NETWORKS;
    for (uint32_t i = 0; i < w->n_lanes; i++) {
        s->uses[i] = (ep_engine_use){.task = &s->tasks[i], .in_flight = w->lanes[i].in_flight};
    }
    if (each) {
        ask_each_lane(s);
    } else {
        ask_all_lanes(s);
    }
    choose_window(s);
    if (w->scenario == EP_SCENARIO_ONCE) {
        s->options.warm_ns = 0;
        s->options.end_ns = INFINITY;
    }
    if (w->scenario != EP_SCENARIO_SERVER) return EP_OK;
    EP_TRY(make_gaps(s, err));
    if (w->rate <= 0) return find_rate(s, err);
    ask_at_rate(s, w->rate);
    return EP_OK;
}

ep_status ep_workload_simulate(const ep_workload *workload, const ep_point *point,
                               const ep_observer *observer, ep_arena *arena, ep_workload_run *out,
                               ep_error *err)
{
    assert(workload->n_lanes >= 1);
    *out = (ep_workload_run){0};
    setup s = {.workload = workload,
               .arena = arena,
               .tasks = EP_NEW(arena, ep_task, workload->n_lanes),
               .sources = EP_NEW(arena, ep_source, workload->n_lanes),
               .uses = EP_NEW(arena, ep_engine_use, workload->n_lanes),
               .out = out};
    if (!s.tasks || !s.sources || !s.uses) return ep_fail_memory(err);
    EP_TRY(make_tasks(&s, point, err));
    s.options = (ep_timeline_options){.point = point,
                                      .sources = s.sources,
                                      .n_uses = workload->n_lanes,
                                      .uses = s.uses,
                                      .cpu_gbps = workload->cpu_gbps};
    EP_TRY(ask(&s, err));
    s.options.observer = observer;
    EP_TRY(ep_sim_timeline(&s.options, arena, &out->timeline, err));
    out->tasks = s.tasks;
    return add_up(&s, err);
}
