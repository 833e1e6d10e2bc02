/* Counts of the DLA's kernels, and of reformats around it, at an operating point. */
#include <math.h>

#include "sim/dla_parts.h"

/* Units of a core work side by side. Compute and data movement overlap in part: overlap 1 hides the
 * shorter wholly, 0 adds them. */
ep__breakdown ep__dla_evaluate(const ep_phases *phases, const ep_point *point)
{
    const ep_dla *dla = &point->machine->dla;
    const double pipes = fmax(phases->cpipe_cycles, phases->sdp_cycles);
    const double cycles = fmax(pipes, fmax(phases->rubik_cycles, phases->bdma_cycles));
    const double ns_per_cycle = 1e3 / point->dla_mhz;
    ep__breakdown b = {
        .compute_ns = cycles * ns_per_cycle,
        .memory_ns = phases->dram_bytes / (point->dla_dram_gbps * phases->dram_share),
        .floor_ns = phases->starts * dla->layer_gap_us * 1e3 +
                    phases->fills * dla->fill_cycles * ns_per_cycle,
    };
    const double longer = fmax(b.compute_ns, b.memory_ns);
    const double shorter = fmin(b.compute_ns, b.memory_ns);
    b.total_ns = longer + (1 - phases->overlap) * shorter + b.floor_ns;
    return b;
}

ep__breakdown ep__dla_evaluate_reformat(const ep_phases *phases, const ep_point *point)
{
    ep__breakdown b = {.memory_ns = phases->dram_bytes / (point->dram_gbps * phases->dram_share),
                       .floor_ns = phases->floor_us * 1e3};
    b.total_ns = b.floor_ns + b.memory_ns;
    return b;
}

void ep__dla_add_parts(const ep_phases *p, const ep_point *point, ep_parts *parts)
{
    const ep_dla *dla = &point->machine->dla;
    const double ns = 1e3 / point->dla_mhz;
    ep__add_part(parts, "pipes", p->cpipe_cycles * ns);
    ep__add_part(parts, "post-processor", p->sdp_cycles * ns);
    ep__add_part(parts, "Rubik", p->rubik_cycles * ns);
    ep__add_part(parts, "BDMA", p->bdma_cycles * ns);
    ep__add_part(parts, "DRAM", p->dram_bytes / (point->dla_dram_gbps * p->dram_share));
    ep__add_part(parts, "gap", p->starts * dla->layer_gap_us * 1e3);
    ep__add_part(parts, "fill", p->fills * dla->fill_cycles * ns);
}

void ep__dla_add_reformat_parts(const ep_phases *p, const ep_point *point, ep_parts *parts)
{
    ep__add_part(parts, "DRAM", p->dram_bytes / (point->dram_gbps * p->dram_share));
    ep__add_part(parts, "hand-over", p->floor_us * 1e3);
}

double ep_sim_submit_ns(const ep_point *point)
{
    const ep_dla *dla = &point->machine->dla;
    const double cpu_ns = point->cpu_mhz > 0 ? dla->submit_cpu_cycles * 1e3 / point->cpu_mhz : 0;
    return dla->submit_us * 1e3 + cpu_ns;
}
