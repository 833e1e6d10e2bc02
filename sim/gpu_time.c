/* How long the blocks of a kernel take on the SMs of an operating point. */
#include <math.h>

#include "sim/gpu.h"

/* The SM with the most blocks: cycles of one block on it, and how many it has. */
typedef struct sm_work {
    double load, busy, store; /* L2 to the SM, the busiest of its units, results */
    double blocks, rounds;    /* in turn, as many at a time as fit */
} sm_work;

static inline sm_work busiest_sm(const ep_gpu *gpu, const ep_phases *p, double sms)
{
    sm_work w = {.load = p->l2_bytes / p->tiles / gpu->l2_bytes_per_sm_clock,
                 .store = p->store_bytes / p->tiles / gpu->l2_bytes_per_sm_clock,
                 .blocks = ceil(p->tiles / sms)};
    w.busy = ep__most(ep__most(p->tensor_tile_cycles, p->cuda_tile_cycles),
                      ep__most(p->shared_tile_cycles, w.load));
    w.rounds = ceil(w.blocks / ep__most(1, p->resident));
    return w;
}

/* Cycles until it is done. As many blocks as fit are at work at a time, and when one ends the next
 * begins: all of them share the units of the SM, which are busy once the first has its operands;
 * and as each takes its own time from start to end, however free the units are, so do its
 * successors in the same place. */
static double sm_cycles(const ep_phases *p, const sm_work *w)
{
    return w->rounds * p->lockstep_cycles +
           ep__most(p->start_cycles + w->blocks * (w->busy + w->store),
                    w->rounds * (p->start_cycles + ep__most(w->busy, p->wait_cycles) + w->store));
}

/* Time of all bytes from and to DRAM. */
static double dram_ns(const ep_phases *p, const ep_point *point)
{
    const double active = ep__least(p->tiles, (double)point->gpu_sms);
    const double cycles = p->dram_bytes / (point->machine->gpu.dram_bytes_per_sm_clock * active);
    return ep__most(p->dram_bytes / point->dram_gbps, cycles * 1e3 / point->gpu_mhz);
}

double ep_launch_ns(const ep_point *point)
{
    const ep_gpu *gpu = &point->machine->gpu;
    return gpu->kernel_floor_us * 1e3 + gpu->launch_cycles * 1e3 / point->gpu_mhz;
}

ep__breakdown ep__evaluate_gpu(const ep_phases *p, const ep_point *point)
{
    const ep_gpu *gpu = &point->machine->gpu;
    const sm_work work = busiest_sm(gpu, p, (double)point->gpu_sms);
    const double ns_per_cycle = 1e3 / point->gpu_mhz;
    const double l2 = (p->l2_bytes + p->store_bytes) / gpu->l2_bytes_per_clock;
    const double fill = p->start_cycles * ns_per_cycle;
    ep__breakdown b = {.compute_ns = sm_cycles(p, &work) * ns_per_cycle,
                       .memory_ns = fill + ep__most(l2 * ns_per_cycle, dram_ns(p, point)),
                       .floor_ns = ep_launch_ns(point) + p->setup_ns};
    b.total_ns = b.floor_ns + ep__most(b.compute_ns, b.memory_ns) + p->serial_cycles * ns_per_cycle;
    return b;
}

void ep__gpu_add_parts(const ep_phases *p, const ep_point *point, ep_parts *parts)
{
    const ep_gpu *gpu = &point->machine->gpu;
    const sm_work w = busiest_sm(gpu, p, (double)point->gpu_sms);
    const double ns = 1e3 / point->gpu_mhz;
    parts->blocks = p->tiles;
    parts->rounds = w.rounds;
    ep__add_part(parts, "launch", ep_launch_ns(point));
    ep__add_part(parts, "set-up", p->setup_ns);
    ep__add_part(parts, "start", w.rounds * p->start_cycles * ns);
    ep__add_part(parts, "tensor cores", w.blocks * p->tensor_tile_cycles * ns);
    ep__add_part(parts, "CUDA cores", w.blocks * p->cuda_tile_cycles * ns);
    ep__add_part(parts, "shared memory", w.blocks * p->shared_tile_cycles * ns);
    ep__add_part(parts, "L2 to SM", w.blocks * w.load * ns);
    ep__add_part(parts, "steps", w.rounds * (p->wait_cycles + p->lockstep_cycles) * ns);
    ep__add_part(parts, "store", w.blocks * w.store * ns);
    ep__add_part(parts, "L2", (p->l2_bytes + p->store_bytes) / gpu->l2_bytes_per_clock * ns);
    ep__add_part(parts, "DRAM", dram_ns(p, point));
    ep__add_part(parts, "end", p->serial_cycles * ns);
}
