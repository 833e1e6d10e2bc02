/* Convolutions and matrix products on the GPU.
 *
 * All are one product C[m,n] = A[m,k] B[k,n], repeated for groups and batches, cut into tiles of
 * C. A tile runs on one SM; each step along k issues tensor-core work and moves operands through
 * shared memory, whichever takes longer, since they overlap in the pipeline. Filling the pipeline
 * and writing the result out cost a fixed number of cycles a tile. Small tiles feed more SMs but
 * move more bytes a MAC: the list of tactics has both, and the point decides. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/sim_internal.h"

typedef struct tile {
    int m, n;
} tile;

/* CUTLASS and TensorRT tile sizes, large to small. */
static const tile tiles[EP_MAX_TACTICS] = {
    {256, 128}, {128, 256}, {128, 128}, {128, 64}, {64, 128}, {64, 64}, {64, 32}, {32, 32},
};

/* Warps of a block, two by two over its tile: what each reads from shared memory follows. */
#define WARPS_M 2
#define WARPS_N 2

typedef struct product {
    double repeat; /* groups x batches */
    double m, n, k;
    double a_reuse; /* im2col: how often a loaded element of A is used from L1 */
    double b_share; /* of B that is stored: less than 1 when it is sparse weights */
    double speedup; /* of the tensor cores over dense */
} product;

static product of_convolution(const ep_plan *plan, const ep_layer *layer)
{
    const ep_tensor *tensors = plan->layers->network->tensors;
    const ep_shape *in = &tensors[layer->inputs[0]].shape;
    const ep_shape *out = &tensors[layer->outputs[0]].shape;
    const double groups = (double)layer->groups;
    double taps = 1, reuse = 1;
    for (int i = 0; i < layer->window.rank; i++) {
        taps *= (double)layer->window.kernel[i];
        reuse *= fmax(1, (double)layer->window.kernel[i] / (double)layer->window.stride[i]);
    }
    const bool transposed = layer->type == EP_LAYER_DECONVOLUTION;
    const ep_shape *points = transposed ? in : out;
    product p = {.repeat = groups, .m = (double)points->dims[0], .a_reuse = transposed ? 1 : reuse};
    for (int i = 0; i < layer->window.rank; i++) p.m *= (double)points->dims[2 + i];
    p.n = (double)out->dims[1] / groups * (transposed ? taps : 1);
    p.k = (double)in->dims[1] / groups * (transposed ? 1 : taps);
    return p;
}

static product of_gemm(const ep_gemm *g)
{
    return (product){.repeat = (double)g->batch,
                     .m = (double)g->m,
                     .n = (double)g->n,
                     .k = (double)g->k,
                     .a_reuse = 1};
}

static product of_kernel(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layer *layer = ep__main_layer(plan, kernel);
    const bool convolution =
        layer->type == EP_LAYER_CONVOLUTION || layer->type == EP_LAYER_DECONVOLUTION;
    const bool sparse = ep__is_sparse(plan, kernel, layer);
    product p = convolution ? of_convolution(plan, layer) : of_gemm(&layer->gemm);
    p.b_share = sparse ? ep__sparse_share(kernel->precision) : 1;
    p.speedup = sparse ? gpu->sparse_speedup : 1;
    return p;
}

/* Dense multiply-accumulates an SM and cycle. TF32 accumulates in FP32, and so does FP16, as long
 * as nobody vouches for the narrow sum. */
static double rate(const ep_gpu *gpu, ep_precision precision)
{
    switch (precision) {
    case EP_INT8: return gpu->tensor_int8;
    case EP_FP16: return gpu->tensor_fp16 * gpu->fp32_accumulate_ratio;
    case EP_TF32: return gpu->tensor_tf32 * gpu->fp32_accumulate_ratio;
    default: return gpu->fp32_fma;
    }
}

/* Tensor-core operands come in whole vectors (TensorRT best practices: channels padded to 32 in
 * INT8, 8 in FP16, 4 in TF32). */
static double alignment(ep_precision precision)
{
    switch (precision) {
    case EP_INT8: return 32;
    case EP_FP16: return 8;
    case EP_TF32: return 4;
    default: return 1;
    }
}

static double aligned(double value, double to)
{
    return ceil(value / to) * to;
}

static void add_tactic(const ep_gpu *gpu, const product *p, ep_precision precision, tile t,
                       double macs, double dram_bytes, ep_cost *cost)
{
    const double bytes = (double)ep_precision_bytes(precision);
    const double m = t.m, n = t.n, stored_n = n * p->b_share;
    const double k = aligned(p->k, alignment(precision));
    const double math = m * n / (rate(gpu, precision) * p->speedup);
    const double fragments = WARPS_M * WARPS_N * (m / WARPS_M + stored_n / WARPS_N);
    const double shared = (m + stored_n + fragments) * bytes / gpu->shared_bytes_per_clock;
    const double count = p->repeat * ceil(p->m / m) * ceil(p->n / n);
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = fmax(1, count),
                          .tensor_tile_cycles = k * fmax(math, shared) + gpu->tile_overhead_cycles,
                          .l2_bytes = count * k * (m / p->a_reuse + stored_n) * bytes,
                          .dram_bytes = dram_bytes,
                          .macs = macs};
    (void)snprintf(phases->tactic, sizeof phases->tactic, "tile %dx%d", t.m, t.n);
}

/* Groups of few channels fill no tile: CUDA cores can do better. */
static void add_depthwise(const ep_gpu *gpu, ep_precision precision, double macs, double elements,
                          double dram_bytes, ep_cost *cost)
{
    enum { OUTPUTS_PER_BLOCK = 1024 };
    const double fma = precision == EP_FP16 || precision == EP_INT8 ? gpu->fp16_fma : gpu->fp32_fma;
    const double count = fmax(1, ceil(elements / OUTPUTS_PER_BLOCK));
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = count,
                          .cuda_tile_cycles = macs / count / fma + gpu->tile_overhead_cycles,
                          .l2_bytes = dram_bytes,
                          .dram_bytes = dram_bytes,
                          .macs = macs};
    (void)strcpy(phases->tactic, "depthwise");
}

void ep__gpu_product(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                     double dram_bytes, ep_cost *cost)
{
    const ep_layer *layer = ep__main_layer(plan, kernel);
    const product p = of_kernel(gpu, plan, kernel);
    double macs = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        macs += (double)plan->layers->layers[kernel->layers[i]].macs;
    }
    if (layer->groups > 1) {
        add_depthwise(gpu, kernel->precision, macs, (double)layer->elements, dram_bytes, cost);
    }
    for (int i = 0; cost->n_tactics < EP_MAX_TACTICS; i++) {
        add_tactic(gpu, &p, kernel->precision, tiles[i], macs, dram_bytes, cost);
    }
    /* attention holds a second product of the same size */
    const double both = layer->macs > 0 ? macs / (double)layer->macs : 1;
    for (uint32_t i = 0; i < cost->n_tactics; i++) cost->tactics[i].tensor_tile_cycles *= both;
}
