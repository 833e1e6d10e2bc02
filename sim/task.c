/* A plan as a chain of steps at an operating point. */
#include <assert.h>
#include <string.h>

#include "sim/sim_internal.h"

const char *ep_unit_name(ep_unit unit)
{
    static const char *const names[EP_UNIT_COUNT] = {[EP_UNIT_GPU] = "gpu",
                                                     [EP_UNIT_DLA0] = "dla0",
                                                     [EP_UNIT_DLA1] = "dla1",
                                                     [EP_UNIT_COPY] = "copy",
                                                     [EP_UNIT_HOST] = "host"};
    return names[unit];
}

ep_watts ep__step_watts(const ep_step *step, const ep_point *point, double ns)
{
    if (ns <= 0) return (ep_watts){0};
    if (!step->phases) {
        const double pj = step->dram_bytes * point->machine->energy.dram_byte_pj;
        const double cpu_nj = step->unit == EP_UNIT_HOST ? ep__submit_nj(point) : 0;
        return (ep_watts){.dram = pj * 1e-3 / ns, .cpu = cpu_nj / ns};
    }
    ep__breakdown b = ep__evaluate(step->cost, step->phases, point);
    b.total_ns = ns;
    const ep__energy e = ep__energy_of(step->cost, step->phases, point, &b);
    return (ep_watts){
        .gpu = e.gpu_nj / ns, .dla = e.dla_nj / ns, .dram = e.dram_nj / ns, .cpu = e.cpu_nj / ns};
}

void ep__add_watts(ep_watts *sum, const ep_watts *watts, double times)
{
    sum->gpu += watts->gpu * times;
    sum->dla += watts->dla * times;
    sum->dram += watts->dram * times;
    sum->cpu += watts->cpu * times;
}

typedef struct builder {
    const ep_plan *plan;
    const ep_point *point;
    const ep_task_options *options;
    ep_phases *phases; /* per kernel */
    ep_step *steps;
    uint32_t n;
    bool uses_both_cores;
} builder;

static void add_step(builder *b, ep_step step)
{
    if (step.phases) {
        step.ns = ep__step_ns(&step, b->point, b->point->dram_gbps);
        step.dram_bytes = step.phases->dram_bytes;
    } else {
        step.ns = ep__step_ns(&step, b->point, ep__reach_gbps(&step, b->point));
    }
    step.watts = ep__step_watts(&step, b->point, step.ns);
    b->steps[b->n++] = step;
}

/* A copy reads and writes memory, and is launched like a kernel. */
static void add_copies(builder *b, const uint32_t *tensors, uint32_t n)
{
    const ep_network *network = b->plan->layers->network;
    for (uint32_t i = 0; b->options->copies && i < n; i++) {
        const ep_tensor *t = &network->tensors[tensors[i]];
        add_step(b, (ep_step){.unit = EP_UNIT_COPY,
                              .kernel = EP_NO_INDEX,
                              .fixed_ns = ep_launch_ns(b->point),
                              .dram_bytes =
                                  2 * (double)ep_dtype_bytes(t->dtype, ep_tensor_elements(t))});
    }
}

static bool is_left_out(const ep_task_options *options, const ep_kernel *kernel)
{
    return (options->dla_only && !ep_device_is_dla(kernel->device)) ||
           (options->no_reformats && kernel->kind == EP_KERNEL_REFORMAT);
}

/* Does the last step continue the loadable of the one before? */
static bool is_same_loadable(const builder *b, const ep_step *before)
{
    const ep_kernel *kernels = b->plan->kernels;
    const uint32_t subgraph = kernels[b->steps[b->n - 1].kernel].subgraph;
    return subgraph != EP_NO_INDEX && before->kernel != EP_NO_INDEX &&
           kernels[before->kernel].subgraph == subgraph;
}

static ep_unit unit_of(const builder *b, ep_device device)
{
    if (!ep_device_is_dla(device)) return EP_UNIT_GPU;
    const bool second = b->uses_both_cores ? device == EP_DLA1 : b->options->dla_core == 1;
    return second ? EP_UNIT_DLA1 : EP_UNIT_DLA0;
}

static void add_kernels(builder *b, const ep_cost *costs)
{
    uint32_t loaded = EP_NO_INDEX;
    for (uint32_t k = 0; k < b->plan->n_kernels; k++) {
        const ep_kernel *kernel = &b->plan->kernels[k];
        const bool submits = kernel->subgraph != EP_NO_INDEX && kernel->subgraph != loaded;
        loaded = kernel->subgraph;
        if (submits && !b->options->no_submissions) {
            add_step(b, (ep_step){.unit = EP_UNIT_HOST,
                                  .kernel = EP_NO_INDEX,
                                  .fixed_ns = ep_sim_submit_ns(b->point)});
        }
        if (costs[k].is_view || is_left_out(b->options, kernel)) continue;
        uint32_t tactic;
        (void)ep_cost_ns(&costs[k], b->point, &tactic);
        if (!ep_cost_phases(&costs[k], b->point->machine, tactic, &b->phases[k])) continue;
        add_step(b, (ep_step){.unit = unit_of(b, kernel->device),
                              .kernel = k,
                              .cost = &costs[k],
                              .phases = &b->phases[k]});
        if (b->n > 1) b->steps[b->n - 2].keeps_unit = is_same_loadable(b, &b->steps[b->n - 2]);
    }
}

ep_status ep_task_make(const ep_plan *plan, const ep_cost *costs, const ep_point *point,
                       const ep_task_options *options, ep_arena *arena, ep_task *out, ep_error *err)
{
    assert(options->batch >= 1 && (options->dla_core == 0 || options->dla_core == 1));
    const bool both = ep_plan_uses_both_cores(plan);
    const int64_t last = both ? 1 : options->dla_core;
    EP_FAIL_IF(plan->n_subgraphs > 0 && last >= point->dla_cores, err, EP_INFEASIBLE,
               "the plan needs dla%lld, and %s powers %lld DLA cores", (long long)last,
               point->mode->name, (long long)point->dla_cores);
    const ep_network *network = plan->layers->network;
    const uint64_t most =
        2 * (uint64_t)plan->n_kernels + network->n_inputs + (uint64_t)network->n_outputs;
    builder b = {.plan = plan,
                 .point = point,
                 .options = options,
                 .uses_both_cores = both,
                 .phases = EP_NEW(arena, ep_phases, plan->n_kernels),
                 .steps = EP_NEW(arena, ep_step, most)};
    if (!b.phases || !b.steps) return ep_fail_memory(err);
    add_copies(&b, network->inputs, network->n_inputs);
    add_kernels(&b, costs);
    add_copies(&b, network->outputs, network->n_outputs);
    *out = (ep_task){.name = options->name,
                     .plan = plan,
                     .point = point,
                     .batch = options->batch,
                     .n_steps = b.n,
                     .steps = b.steps};
    for (uint32_t i = 0; i < b.n; i++) {
        out->ns += b.steps[i].ns;
        out->unit_ns[b.steps[i].unit] += b.steps[i].ns;
    }
    EP_FAIL_IF(!(out->ns > 0), err, EP_UNSUPPORTED, "%s: there is nothing to run", options->name);
    return EP_OK;
}
