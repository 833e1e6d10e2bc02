/* Tensors that cross between GPU and DLA. A kernel on the GPU changes the layout, at a share of the
 * bandwidth only, since one side of it is scattered; before or after it the devices wait for each
 * other. A tensor of other than four dimensions passes a Shuffle on the GPU too, which waits once
 * more. */
#include <math.h>
#include <string.h>

#include "sim/dla_parts.h"

void ep__dla_reformat(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                      ep_cost *cost)
{
    enum { BYTES_PER_BLOCK = 8192 };
    const ep_dla *dla = &machine->dla;
    const uint32_t t = kernel->inputs[0];
    const bool to_dla = plan->layers->producer[t] == EP_NO_INDEX ||
                        !ep_device_is_dla(plan->device[plan->layers->producer[t]]);
    const ep_precision inside = to_dla ? kernel->precision : kernel->from;
    const ep_precision outside = to_dla ? kernel->from : kernel->precision;
    const double bytes =
        ep__dla_tensor_bytes(plan, t, inside) + ep__tensor_bytes(plan, t, outside, false);
    const bool shuffled = plan->layers->network->tensors[t].shape.rank != 4;
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = fmax(1, ceil(bytes / BYTES_PER_BLOCK)),
                          .l2_bytes = bytes,
                          .dram_bytes = bytes,
                          .dram_share = dla->reformat_efficiency > 0 ? dla->reformat_efficiency : 1,
                          .floor_us = fmax(dla->reformat_us, machine->gpu.kernel_floor_us) *
                                      (shuffled ? 2 : 1)};
    (void)strcpy(phases->tactic, "reformat");
}
