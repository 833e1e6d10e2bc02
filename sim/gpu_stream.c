/* Kernels that read and write every element once: pointwise chains, pooling, softmax, norms,
 * concatenations, slices, reformats. Memory bounds them when they are large, the latency of a block
 * when they are small, and issue when a function is expensive. */
#include <math.h>
#include <string.h>

#include "sim/gpu.h"

/* A block: 256 threads that each move a few vectors of 16 bytes. */
#define THREADS 256.0
#define REGISTERS 32.0
#define BYTES_PER_BLOCK 16384.0

/* Issue slots of an FP32 lane, and of the special-function unit, an output element: rough counts of
 * instructions. What sigmoid (an exponential, a reciprocal, corrections) and erff take is seen in
 * the rows of h200-memory that memory does not bound; conversions are in all. */
typedef struct effort {
    double slots, special;
} effort;

static effort of_layer(const ep_layer *layer)
{
    switch (layer->function) {
    case EP_FN_SIGMOID:
    case EP_FN_TANH: return (effort){8, 4};
    case EP_FN_ERF:
    case EP_FN_GELU: return (effort){40, 1};
    case EP_FN_SQRT:
    case EP_FN_SIN:
    case EP_FN_COS:
    case EP_FN_POW: return (effort){8, 2};
    case EP_FN_DIV: return (effort){8, 1};
    case EP_FN_HARD_SWISH:
    case EP_FN_HARD_SIGMOID:
    case EP_FN_CLIP:
    case EP_FN_LEAKY_RELU: return (effort){4, 0};
    default: break;
    }
    switch (layer->type) {
    case EP_LAYER_SOFTMAX: return (effort){12, 4};
    case EP_LAYER_NORMALIZATION: return (effort){16, 0};
    case EP_LAYER_LRN: return (effort){16, 2};
    default: return (effort){2, 0};
    }
}

/* Cycles of one SM for all elements. */
static double issue_cycles(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel)
{
    double slots = 0, special = 0, macs = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
        double work = (double)layer->elements;
        if (layer->type == EP_LAYER_POOLING && !layer->global) {
            for (int d = 0; d < layer->window.rank; d++) work *= (double)layer->window.kernel[d];
        }
        const effort e = of_layer(layer);
        slots += work * e.slots;
        special += work * e.special;
        macs += (double)layer->macs; /* recurrent layers */
    }
    return fmax(slots / gpu->fp32_fma, special / gpu->sfu) + macs / gpu->fp16_fma;
}

void ep__gpu_add_stream(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                        ep__movement m, ep_cost *cost)
{
    const double bytes = m.in_bytes + m.out_bytes;
    const double blocks = fmax(1, ceil(bytes / BYTES_PER_BLOCK));
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = blocks,
                          .resident = ep__resident_blocks(gpu, THREADS, REGISTERS, 0),
                          .cuda_tile_cycles = issue_cycles(gpu, plan, kernel) / blocks,
                          .start_cycles = gpu->kernels.stream_cycles,
                          .l2_bytes = bytes,
                          .dram_bytes = m.dram_bytes};
    (void)strcpy(phases->tactic, "stream");
}
