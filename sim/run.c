/* A plan at an operating point: kernels one after the other, or branches at once, rails summed. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "sim/sim_internal.h"

/* What a batch spends, summed over its kernels. */
typedef struct core_totals {
    double total_ns, submit_ns;
    double cpipe_ns[EP_MAX_PIPES], rubik_ns, bdma_ns; /* units inside */
} core_totals;

typedef struct totals {
    double gpu_ns, dla_ns, submit_ns;
    double tensor_ns;
    core_totals cores[2];
    double dram_bytes;
    double compute_ns, memory_ns, launch_ns, transition_ns; /* by what bounds each kernel */
    ep__energy energy;
    uint32_t submissions;
} totals;

static double cycles_ns(double cycles, double mhz)
{
    return mhz > 0 ? cycles * 1e3 / mhz : 0;
}

/* A unit of the DLA is busy while it computes or waits for its data; the gap before the next kernel
 * and the filling of a pipeline are not its work. */
static void add_dla_units(const ep_phases *phases, const ep_point *point, double work_ns,
                          core_totals *t)
{
    const bool on_pipes = phases->cpipe_cycles > 0;
    if (!on_pipes && phases->rubik_cycles > 0) {
        t->rubik_ns += work_ns;
    } else if (!on_pipes && phases->bdma_cycles > 0) {
        t->bdma_ns += work_ns;
    } else {
        for (int i = 0; i < (int)phases->pipes; i++) t->cpipe_ns[i] += work_ns;
        t->rubik_ns += cycles_ns(phases->rubik_cycles, point->dla_mhz);
    }
}

static void add_units(const ep_cost *cost, const ep_phases *phases, const ep_point *point,
                      const ep__breakdown *b, totals *t)
{
    if (ep_device_is_dla(cost->device)) {
        core_totals *core = &t->cores[cost->device - EP_DLA0];
        t->dla_ns += b->total_ns;
        core->total_ns += b->total_ns;
        add_dla_units(phases, point, b->total_ns - b->floor_ns, core);
    } else {
        t->gpu_ns += b->total_ns;
        const double cycles = phases->tiles * phases->tensor_tile_cycles / (double)point->gpu_sms;
        t->tensor_ns += cycles_ns(cycles, point->gpu_mhz);
    }
    t->dram_bytes += phases->dram_bytes;
}

static void add_kernel(const ep_kernel *kernel, const ep_cost *cost, const ep_phases *phases,
                       const ep_point *point, const ep__breakdown *b, totals *t)
{
    add_units(cost, phases, point, b, t);
    if (kernel->kind == EP_KERNEL_REFORMAT) {
        t->transition_ns += b->total_ns;
    } else if (b->floor_ns > fmax(b->compute_ns, b->memory_ns)) {
        t->launch_ns += b->total_ns;
    } else if (b->memory_ns > b->compute_ns) {
        t->memory_ns += b->total_ns;
    } else {
        t->compute_ns += b->total_ns;
    }
}

static const char *bound_of(const totals *t)
{
    const char *bound = "compute";
    double most = t->compute_ns;
    if (t->memory_ns > most) bound = "memory", most = t->memory_ns;
    if (t->launch_ns > most) bound = "launch", most = t->launch_ns;
    if (t->transition_ns > most) bound = "transitions";
    return bound;
}

/* ---- units --------------------------------------------------------------------------------- */

static void add_unit(ep_run *run, const char *name, double busy_ns, double share, double period_ns)
{
    assert(run->n_units < EP_MAX_UNITS);
    ep_unit_busy *u = &run->units[run->n_units++];
    *u = (ep_unit_busy){.name = name, .busy_ns = busy_ns};
    if (period_ns > 0) u->busy_pct = 100 * busy_ns * share / period_ns;
}

static void list_core(const core_totals *t, const ep_dla *dla, int64_t core, double share,
                      double period_ns, ep_run *run)
{
    static const char *const names[2] = {"dla0", "dla1"};
    static const char *const pipes[2][EP_MAX_PIPES] = {
        {"dla0.cpipe0", "dla0.cpipe1", "dla0.cpipe2", "dla0.cpipe3"},
        {"dla1.cpipe0", "dla1.cpipe1", "dla1.cpipe2", "dla1.cpipe3"}};
    static const char *const rubik[2] = {"dla0.rubik", "dla1.rubik"};
    static const char *const bdma[2] = {"dla0.bdma", "dla1.bdma"};
    add_unit(run, names[core], t->total_ns + t->submit_ns, share, period_ns);
    for (int64_t i = 0; i < dla->pipes; i++) {
        add_unit(run, pipes[core][i], t->cpipe_ns[i], share, period_ns);
    }
    add_unit(run, rubik[core], t->rubik_ns, share, period_ns);
    add_unit(run, bdma[core], t->bdma_ns, share, period_ns);
}

/* With `cores` 2, batches in turn: each core does what the plan says of one, every second time. */
static void list_units(const totals *t, ep_device planned, const ep_point *point, int64_t cores,
                       double period_ns, ep_run *run)
{
    add_unit(run, "gpu", t->gpu_ns, 1, period_ns);
    add_unit(run, "gpu.tensor", t->tensor_ns, 1, period_ns);
    for (int64_t core = 0; core < point->dla_cores && core < 2; core++) {
        const core_totals *of = &t->cores[cores == 2 ? planned - EP_DLA0 : core];
        list_core(of, &point->machine->dla, core, 1.0 / (double)cores, period_ns, run);
    }
    add_unit(run, "dram", t->dram_bytes / point->dram_gbps, 1, period_ns);
}

/* ---- power --------------------------------------------------------------------------------- */

/* W of every rail at the steady rate, their sum, and what the mains see. */
static ep_status rails(const totals *t, const ep_point *point, double period_ns, ep_arena *arena,
                       ep_run *run, ep_error *err)
{
    const ep_machine *machine = point->machine;
    double *w = EP_NEW(arena, double, machine->n_rails);
    if (!w) return ep_fail_memory(err);
    for (uint32_t i = 0; i < machine->n_rails; i++) {
        w[i] = machine->rails[i].idle_w;
        run->idle_w += w[i];
    }
    if (period_ns > 0) {
        run->gpu_w = t->energy.gpu_nj / period_ns;
        run->dla_w = t->energy.dla_nj / period_ns;
        run->dram_w = t->energy.dram_nj / period_ns;
        run->cpu_w = t->energy.cpu_nj / period_ns;
    }
    w[machine->energy.gpu_rail] += run->gpu_w;
    w[machine->energy.dla_rail] += run->dla_w;
    w[machine->energy.dram_rail] += run->dram_w;
    w[machine->energy.cpu_rail] += run->cpu_w;
    for (uint32_t i = 0; i < machine->n_rails; i++) run->power_w += w[i];
    run->wall_w = ep_sim_wall_w(machine, run->power_w);
    run->rail_w = w;
    run->n_rails = machine->n_rails;
    return EP_OK;
}

/* ---- layers -------------------------------------------------------------------------------- */

/* A layer's share of its kernel's time and energy is its share of the work: MACs, and elements for
 * the rest. */
static void share_out(const ep_plan *plan, uint32_t k, const ep_run *run, double *layer_ns,
                      double *layer_nj)
{
    const ep_kernel *kernel = &plan->kernels[k];
    const ep_layer *layers = plan->layers->layers;
    double all = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        all += (double)layers[kernel->layers[i]].macs + (double)layers[kernel->layers[i]].elements;
    }
    for (uint32_t i = 0; i < kernel->n_layers && all > 0; i++) {
        const ep_layer *l = &layers[kernel->layers[i]];
        const double share = ((double)l->macs + (double)l->elements) / all;
        layer_ns[kernel->layers[i]] = run->kernel_ns[k] * share;
        layer_nj[kernel->layers[i]] = run->kernel_nj[k] * share;
    }
}

/* ---- all together -------------------------------------------------------------------------- */

static double add_energy(const ep__energy *e, totals *t)
{
    t->energy.gpu_nj += e->gpu_nj;
    t->energy.dla_nj += e->dla_nj;
    t->energy.dram_nj += e->dram_nj;
    t->energy.cpu_nj += e->cpu_nj;
    return e->gpu_nj + e->dla_nj + e->dram_nj + e->cpu_nj;
}

/* What is per kernel and layer, to be filled; an ep_run shows them. */
typedef struct arrays {
    double *kernel_ns, *kernel_nj, *layer_ns, *layer_nj;
    uint32_t *tactic;
} arrays;

static void walk(const ep_plan *plan, const ep_cost *costs, const ep_point *point, const arrays *a,
                 const ep_run *run, totals *t)
{
    uint32_t loaded = EP_NO_INDEX;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        if (kernel->subgraph != EP_NO_INDEX && kernel->subgraph != loaded) {
            t->submissions++;
            t->cores[kernel->device - EP_DLA0].submit_ns += ep_sim_submit_ns(point);
        }
        loaded = kernel->subgraph;
        if (costs[k].is_view) continue;
        a->kernel_ns[k] = ep_cost_ns(&costs[k], point, &a->tactic[k]);
        ep_phases phases;
        const bool suits = ep_cost_phases(&costs[k], point->machine, a->tactic[k], &phases);
        assert(suits), (void)suits;
        const ep__breakdown b = ep__evaluate(&costs[k], &phases, point);
        add_kernel(kernel, &costs[k], &phases, point, &b, t);
        const ep__energy e = ep__energy_of(&costs[k], &phases, point, &b);
        a->kernel_nj[k] = add_energy(&e, t);
        share_out(plan, k, run, a->layer_ns, a->layer_nj);
    }
    t->submit_ns = ep_sim_submit_ns(point) * t->submissions;
    t->transition_ns += t->submit_ns;
    t->energy.cpu_nj += ep__submit_nj(point) * t->submissions;
}

static double latency_of(const totals *t)
{
    return t->gpu_ns + (t->dla_ns + t->submit_ns);
}

/* Batches in turn on `cores` DLA cores; the GPU and DRAM serve them all. */
static double period_of(const totals *t, double latency_ns, const ep_point *point, int64_t cores)
{
    const double dram = t->dram_bytes / point->dram_gbps;
    return fmax(latency_ns / (double)cores, cores > 1 ? fmax(t->gpu_ns, dram) : 0);
}

static ep_status new_arrays(const ep_plan *plan, ep_arena *arena, arrays *a, ep_error *err)
{
    *a = (arrays){.kernel_ns = EP_NEW(arena, double, plan->n_kernels),
                  .kernel_nj = EP_NEW(arena, double, plan->n_kernels),
                  .layer_ns = EP_NEW(arena, double, plan->layers->n_layers),
                  .layer_nj = EP_NEW(arena, double, plan->layers->n_layers),
                  .tactic = EP_NEW(arena, uint32_t, plan->n_kernels)};
    const bool complete = a->kernel_ns && a->kernel_nj && a->layer_ns && a->layer_nj && a->tactic;
    return complete ? EP_OK : ep_fail_memory(err);
}

ep_status ep_sim_run(const ep_plan *plan, const ep_cost *costs, const ep_point *point,
                     const ep_run_options *options, ep_arena *arena, ep_run *out, ep_error *err)
{
    assert(options->batch >= 1 && options->dla_cores >= 1);
    const ep_device last = ep_plan_last_core(plan);
    EP_FAIL_IF(ep_device_is_dla(last) && last - EP_DLA0 >= point->dla_cores, err, EP_INFEASIBLE,
               "the plan needs %s, and %s powers %lld DLA cores", ep_device_name(last),
               point->mode->name, (long long)point->dla_cores);
    arrays a;
    EP_TRY(new_arrays(plan, arena, &a, err));
    *out = (ep_run){.kernel_ns = a.kernel_ns,
                    .kernel_nj = a.kernel_nj,
                    .tactic = a.tactic,
                    .layer_ns = a.layer_ns,
                    .layer_nj = a.layer_nj};
    totals t = {0};
    walk(plan, costs, point, &a, out, &t);
    const bool takes_turns =
        ep_device_is_dla(last) && !ep_plan_uses_both_cores(plan) && !plan->concurrent;
    const int64_t cores = takes_turns ? options->dla_cores : 1;
    out->latency_ns = latency_of(&t);
    if (plan->concurrent && out->latency_ns > 0) {
        EP_TRY(ep__branches_ns(plan, costs, point, &out->latency_ns, err));
    }
    const double period_ns = period_of(&t, out->latency_ns, point, cores);
    out->period_ns = period_ns;
    out->gpu_ns = t.gpu_ns;
    out->dla_ns = t.dla_ns;
    out->submit_ns = t.submit_ns;
    out->submit_nj = ep__submit_nj(point) * t.submissions;
    out->bound = bound_of(&t);
    if (period_ns > 0) out->throughput_ips = (double)options->batch * 1e9 / period_ns;
    list_units(&t, last, point, cores, period_ns, out);
    EP_TRY(rails(&t, point, period_ns, arena, out, err));
    if (period_ns > 0) out->energy_mj = out->power_w * 1e3 / out->throughput_ips;
    out->over_budget = point->budget_w > 0 && out->power_w > point->budget_w;
    return EP_OK;
}
