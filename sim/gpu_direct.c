/* Convolutions whose groups are too narrow for a tile of the tensor cores: a thread computes
 * outputs one tap after the other on the CUDA cores. Measured times (h200-depthwise) grow with the
 * taps of the window once a kernel, however many blocks it has, and with the instructions of an
 * output and of its taps in every block. */
#include <math.h>
#include <string.h>

#include "sim/gpu.h"

/* A block: a thread an output. */
#define THREADS 256.0
#define REGISTERS 40.0

static double taps_of(const ep_layer *layer)
{
    double taps = 1;
    for (int i = 0; i < layer->window.rank; i++) taps *= (double)layer->window.kernel[i];
    return taps;
}

void ep__gpu_add_direct(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                        ep__movement m, ep_cost *cost)
{
    const ep_layer *layer = ep__main_layer(plan, kernel);
    const double outputs = (double)layer->elements;
    const double taps = taps_of(layer);
    const double blocks = fmax(1, ceil(outputs / THREADS));
    const double macs = (double)layer->macs / outputs; /* an output: taps x channels of its group */
    const double slots = gpu->kernels.direct_output_slots + macs * gpu->kernels.direct_tap_slots;
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = blocks,
                          .resident = ep__resident_blocks(gpu, THREADS, REGISTERS, 0),
                          .cuda_tile_cycles = THREADS * slots / gpu->fp32_fma,
                          .serial_cycles = taps * gpu->kernels.tap_cycles,
                          .start_cycles = gpu->kernels.stream_cycles,
                          .setup_ns = taps > 1 ? gpu->kernels.window_setup_us * 1e3 : 0,
                          .l2_bytes = m.in_bytes,
                          .store_bytes = m.out_bytes,
                          .dram_bytes = m.dram_bytes,
                          .macs = (double)layer->macs};
    (void)strcpy(phases->tactic, "direct");
}
