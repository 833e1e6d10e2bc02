/* Tensors that cross between GPU and DLA. A kernel on the GPU changes the layout, at a share of the
 * bandwidth only, since one side of it is scattered; before or after it the devices wait for each
 * other. A tensor of other than four dimensions passes a Shuffle on the GPU too, which waits once
 * more. When all that crosses in an inference is small it stays in the GPU's L2 from one inference
 * to the next, and only the waiting takes time. */
#include <math.h>
#include <string.h>

#include "sim/dla_parts.h"

/* L2 that is left for what crosses; the rest streams through. */
#define L2_SHARE 0.75

/* In both layouts. */
static double bytes_of(const ep_plan *plan, const ep_kernel *kernel)
{
    const uint32_t t = kernel->inputs[0], producer = plan->layers->producer[t];
    const bool to_dla = producer == EP_NO_INDEX || !ep_device_is_dla(plan->device[producer]);
    const ep_precision inside = to_dla ? kernel->precision : kernel->from;
    const ep_precision outside = to_dla ? kernel->from : kernel->precision;
    return ep__dla_tensor_bytes(plan, t, inside) + ep__tensor_bytes(plan, t, outside, false);
}

double ep_sim_crossing_bytes(const ep_plan *plan)
{
    double bytes = 0;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        if (plan->kernels[k].crosses) bytes += bytes_of(plan, &plan->kernels[k]);
    }
    return bytes;
}

void ep__dla_reformat(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                      ep_cost *cost)
{
    enum { BYTES_PER_BLOCK = 8192 };
    const ep_dla *dla = &machine->dla;
    const double bytes = bytes_of(plan, kernel);
    const double l2_bytes = L2_SHARE * (double)machine->gpu.l2_bytes;
    const bool stays = plan->crossing_bytes > 0 && plan->crossing_bytes <= l2_bytes;
    const bool shuffled = plan->layers->network->tensors[kernel->inputs[0]].shape.rank != 4;
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = fmax(1, ceil(bytes / BYTES_PER_BLOCK)),
                          .l2_bytes = bytes,
                          .dram_bytes = stays ? 0 : bytes,
                          .dram_share = dla->reformat_efficiency > 0 ? dla->reformat_efficiency : 1,
                          .floor_us = fmax(dla->reformat_us, machine->gpu.kernel_floor_us) *
                                      (shuffled ? 2 : 1)};
    (void)strcpy(phases->tactic, "reformat");
}
