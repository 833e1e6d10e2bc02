/* Switching energy of a kernel, C x V^2 for all that toggles: cycles of what is at work, MACs,
 * bytes of each memory level. Constants are those of the machine's `energy:`, at the last voltage
 * of a domain's curve; the point scales them by V(f)^2. Memory has one voltage. */
#include <math.h>

#include "sim/sim_internal.h"

static double mac_pj(const ep_energy *e, const ep_cost *cost)
{
    const bool dla = ep_device_is_dla(cost->device);
    switch (cost->precision) {
    case EP_INT8: return dla ? e->dla_mac_int8_pj : e->gpu_mac_int8_pj;
    case EP_FP16: return dla ? e->dla_mac_fp16_pj : e->gpu_mac_fp16_pj;
    default: return e->gpu_mac_fp32_pj;
    }
}

static double cpu_nj(const ep_point *point, double cycles)
{
    return cycles * point->machine->energy.cpu_cycle_nj * point->cpu_energy_scale;
}

/* SMs have work but for the time of the launch. */
static double gpu_nj(const ep_cost *cost, const ep_phases *p, const ep_point *point,
                     const ep__breakdown *b)
{
    const ep_energy *e = &point->machine->energy;
    const double cycles = b->total_ns * point->gpu_mhz * 1e-3;
    const double work_cycles = (b->total_ns - b->floor_ns) * point->gpu_mhz * 1e-3;
    const double sms = fmin(p->tiles, (double)point->gpu_sms);
    const double dynamic_nj =
        (p->macs * mac_pj(e, cost) + (p->l2_bytes + p->store_bytes) * e->gpu_l2_byte_pj) * 1e-3;
    return (cycles * e->gpu_cycle_nj + work_cycles * sms * e->gpu_sm_cycle_nj + dynamic_nj) *
           point->gpu_energy_scale;
}

static double dla_nj(const ep_cost *cost, const ep_phases *p, const ep_point *point,
                     const ep__breakdown *b)
{
    const ep_energy *e = &point->machine->energy;
    const double cycles = b->total_ns * point->dla_mhz * 1e-3;
    const double dynamic_nj =
        (p->macs * mac_pj(e, cost) + p->sram_bytes * e->dla_sram_byte_pj) * 1e-3;
    return (cycles * e->dla_cycle_nj + dynamic_nj) * point->dla_energy_scale;
}

ep__energy ep__energy_of(const ep_cost *cost, const ep_phases *phases, const ep_point *point,
                         const ep__breakdown *b)
{
    const ep_energy *e = &point->machine->energy;
    ep__energy out = {.dram_nj = phases->dram_bytes * e->dram_byte_pj * 1e-3};
    if (ep_device_is_dla(cost->device)) {
        out.dla_nj = dla_nj(cost, phases, point, b);
    } else {
        out.gpu_nj = gpu_nj(cost, phases, point, b);
        out.cpu_nj = cpu_nj(point, e->enqueue_cpu_cycles);
    }
    return out;
}

double ep__submit_nj(const ep_point *point)
{
    return cpu_nj(point, point->machine->dla.submit_cpu_cycles);
}

double ep_sim_wall_w(const ep_machine *machine, double module_w)
{
    const ep_supply *supply = &machine->supply;
    return supply->efficiency > 0 ? (module_w + supply->carrier_w) / supply->efficiency : 0;
}
