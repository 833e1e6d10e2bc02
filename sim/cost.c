#include <assert.h>
#include <math.h>

#include "sim/dla_parts.h"

ep_cost ep_sim_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel)
{
    ep_cost cost = {.device = kernel->device, .precision = kernel->precision};
    if (ep_device_is_dla(kernel->device)) {
        ep__dla_cost(machine, plan, kernel, &cost);
    } else if (kernel->crosses) {
        ep__dla_reformat(machine, plan, kernel, &cost);
    } else {
        ep__gpu_cost(machine, plan, kernel, &cost);
    }
    assert(cost.is_view || cost.n_tactics > 0);
    return cost;
}

static ep__breakdown evaluate_gpu(const ep_phases *phases, const ep_point *point)
{
    const ep_gpu *gpu = &point->machine->gpu;
    const double sms = (double)point->gpu_sms;
    const double ns_per_cycle = 1e3 / point->gpu_mhz;
    const double rounds = ceil(phases->tiles / sms);
    const double tile = fmax(phases->tensor_tile_cycles, phases->cuda_tile_cycles);
    const double active = fmin(phases->tiles, sms);
    const double l2 = phases->l2_bytes / (gpu->l2_bytes_per_sm_clock * active);
    const double dram =
        fmax(phases->dram_bytes / point->dram_gbps,
             phases->dram_bytes / (gpu->dram_bytes_per_sm_clock * active) * ns_per_cycle);
    ep__breakdown b = {.compute_ns = rounds * tile * ns_per_cycle,
                       .memory_ns = fmax(l2 * ns_per_cycle, dram),
                       .floor_ns = gpu->kernel_floor_us * 1e3};
    b.total_ns = b.floor_ns + fmax(b.compute_ns, b.memory_ns);
    return b;
}

ep__breakdown ep__evaluate(const ep_cost *cost, const ep_phases *phases, const ep_point *point)
{
    if (ep_device_is_dla(cost->device)) return ep__dla_evaluate(phases, point);
    if (phases->floor_us > 0) return ep__dla_evaluate_reformat(phases, point);
    return evaluate_gpu(phases, point);
}

double ep_cost_ns(const ep_cost *cost, const ep_point *point, uint32_t *tactic)
{
    double best = 0;
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < cost->n_tactics; i++) {
        const double ns = ep__evaluate(cost, &cost->tactics[i], point).total_ns;
        if (i > 0 && ns >= best) continue;
        best = ns;
        chosen = i;
    }
    if (tactic) *tactic = chosen;
    return best;
}

static double mac_pj(const ep_energy *e, const ep_cost *cost)
{
    const bool dla = ep_device_is_dla(cost->device);
    switch (cost->precision) {
    case EP_INT8: return dla ? e->dla_mac_int8_pj : e->gpu_mac_int8_pj;
    case EP_FP16: return dla ? e->dla_mac_fp16_pj : e->gpu_mac_fp16_pj;
    default: return e->gpu_mac_fp32_pj;
    }
}

ep__energy ep__energy_of(const ep_cost *cost, const ep_phases *phases, const ep_point *point,
                         double ns)
{
    const ep_energy *e = &point->machine->energy;
    const double macs_nj = phases->macs * mac_pj(e, cost) * 1e-3;
    ep__energy out = {.dram_nj = phases->dram_bytes * e->dram_byte_pj * 1e-3};
    if (ep_device_is_dla(cost->device)) {
        const double cycles = ns * point->dla_mhz * 1e-3;
        const double sram_nj = phases->sram_bytes * e->dla_sram_byte_pj * 1e-3;
        out.dla_nj = (cycles * e->dla_cycle_nj + macs_nj + sram_nj) * point->dla_energy_scale;
    } else {
        const double sm_cycles =
            ns * point->gpu_mhz * 1e-3 * fmin(phases->tiles, (double)point->gpu_sms);
        const double l2_nj = phases->l2_bytes * e->gpu_l2_byte_pj * 1e-3;
        out.gpu_nj = (sm_cycles * e->gpu_sm_cycle_nj + macs_nj + l2_nj) * point->gpu_energy_scale;
    }
    return out;
}
