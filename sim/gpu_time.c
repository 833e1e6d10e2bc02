/* How long the blocks of a kernel take on the SMs of an operating point. */
#include <math.h>

#include "sim/gpu.h"

/* Cycles until the SM with the most blocks is done. As many as fit are at work at a time, and when
 * one ends the next begins: all of them share the units of the SM, which are busy once the first
 * has its operands; and as each takes its own time from start to end, however free the units are,
 * so do its successors in the same place. */
static double busiest_sm(const ep_gpu *gpu, const ep_phases *p, double sms)
{
    const double load = p->l2_bytes / p->tiles / gpu->l2_bytes_per_sm_clock;
    const double store = p->store_bytes / p->tiles / gpu->l2_bytes_per_sm_clock;
    const double busy = ep__most(ep__most(p->tensor_tile_cycles, p->cuda_tile_cycles),
                                 ep__most(p->shared_tile_cycles, load));
    const double blocks = ceil(p->tiles / sms);
    const double rounds = ceil(blocks / ep__most(1, p->resident));
    return ep__most(p->start_cycles + blocks * (busy + store),
                    rounds * (p->start_cycles + ep__most(busy, p->wait_cycles) + store));
}

double ep_launch_ns(const ep_point *point)
{
    const ep_gpu *gpu = &point->machine->gpu;
    return gpu->kernel_floor_us * 1e3 + gpu->launch_cycles * 1e3 / point->gpu_mhz;
}

ep__breakdown ep__evaluate_gpu(const ep_phases *p, const ep_point *point)
{
    const ep_gpu *gpu = &point->machine->gpu;
    const double sms = (double)point->gpu_sms;
    const double ns_per_cycle = 1e3 / point->gpu_mhz;
    const double active = ep__least(p->tiles, sms);
    const double l2 = (p->l2_bytes + p->store_bytes) / gpu->l2_bytes_per_clock;
    const double sm_dram = p->dram_bytes / (gpu->dram_bytes_per_sm_clock * active);
    const double dram = ep__most(p->dram_bytes / point->dram_gbps, sm_dram * ns_per_cycle);
    const double fill = p->start_cycles * ns_per_cycle;
    ep__breakdown b = {.compute_ns = busiest_sm(gpu, p, sms) * ns_per_cycle,
                       .memory_ns = fill + ep__most(l2 * ns_per_cycle, dram),
                       .floor_ns = ep_launch_ns(point) + p->setup_ns};
    b.total_ns = b.floor_ns + ep__most(b.compute_ns, b.memory_ns) + p->serial_cycles * ns_per_cycle;
    return b;
}
