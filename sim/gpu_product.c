/* Convolutions and matrix products on the GPU: what they are as a product C[m,n] = A[m,k] B[k,n],
 * repeated for groups and batches. How it is run: gpu_tactics.c. */
#include <math.h>

#include "sim/gpu.h"

bool ep__is_product(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_FULLY_CONNECTED:
    case EP_LAYER_MATRIX_MULTIPLY: return true;
    default: return false;
    }
}

/* Tensor-core operands come in whole vectors (TensorRT best practices: channels padded to 32 in
 * INT8, 8 in FP16, 4 in TF32). */
static double aligned(double channels, ep_precision precision)
{
    const double to = precision == EP_INT8   ? 32
                      : precision == EP_FP16 ? 8
                      : precision == EP_TF32 ? 4
                                             : 1;
    return ceil(channels / to) * to;
}

/* INT8 images of up to four channels have kernels of their own, which read a row of the window at a
 * time (TensorRT's kCHW4): four channels a tap. */
#define IMAGE_CHANNELS_MAX 4

static double depth(double channels, double taps, ep_precision precision)
{
    if (precision != EP_INT8 || channels > IMAGE_CHANNELS_MAX) {
        return aligned(channels, precision) * taps;
    }
    return aligned(IMAGE_CHANNELS_MAX * taps, precision);
}

static ep_product of_convolution(const ep_gpu *gpu, const ep_plan *plan, const ep_layer *layer,
                                 ep_precision precision)
{
    const ep_tensor *tensors = plan->layers->network->tensors;
    const ep_shape *in = &tensors[layer->inputs[0]].shape;
    const ep_shape *out = &tensors[layer->outputs[0]].shape;
    const double groups = (double)layer->groups;
    double taps = 1;
    for (int i = 0; i < layer->window.rank; i++) taps *= (double)layer->window.kernel[i];
    const bool transposed = layer->type == EP_LAYER_DECONVOLUTION;
    const ep_shape *points = transposed ? in : out;
    ep_product p = {.repeat = groups, .m = (double)points->dims[0]};
    for (int i = 0; i < layer->window.rank; i++) p.m *= (double)points->dims[2 + i];
    p.n = (double)out->dims[1] / groups * (transposed ? taps : 1);
    p.k = depth((double)in->dims[1] / groups, transposed ? 1 : taps, precision);
    p.setup_ns = taps > 1 ? gpu->kernels.window_setup_us * 1e3 : 0;
    return p;
}

static ep_product of_gemm(const ep_gemm *g, ep_precision precision)
{
    return (ep_product){.repeat = (double)g->batch,
                        .m = (double)g->m,
                        .n = (double)g->n,
                        .k = aligned((double)g->k, precision)};
}

/* Attention holds a second product, over tiles of the first, and the softmax between them. */
static void add_attention(const ep_plan *plan, const ep_kernel *kernel, ep_product *p)
{
    const ep_layer *main = ep__main_layer(plan, kernel);
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
        p->macs += (double)layer->macs;
        p->exponentials += layer->type == EP_LAYER_SOFTMAX;
    }
    p->chain = main->macs > 0 ? p->macs / (double)main->macs : 1;
}

/* What the library of matrix products has that the one of convolutions has not. */
static void add_library(const ep_gpu *gpu, ep_precision precision, ep_product *p)
{
    const ep_gpu_kernels *kernels = &gpu->kernels;
    if (precision == EP_FP16 && kernels->cluster_blocks > 1) p->cluster = kernels->cluster_blocks;
    p->is_ragged = precision == EP_INT8 && kernels->int8_columns > 0 &&
                   fmod(p->n, (double)kernels->int8_columns) > 0;
    if (precision == EP_INT8 && p->is_ragged == 0) p->warp_passes = kernels->int8_warp_passes;
}

ep_product ep__gpu_product(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                           ep__movement m)
{
    const ep_layer *layer = ep__main_layer(plan, kernel);
    const bool convolution =
        layer->type == EP_LAYER_CONVOLUTION || layer->type == EP_LAYER_DECONVOLUTION;
    const bool sparse = ep__is_sparse(plan, kernel, layer);
    ep_product p = convolution ? of_convolution(gpu, plan, layer, kernel->precision)
                               : of_gemm(&layer->gemm, kernel->precision);
    p.cluster = 1;
    if (!convolution) add_library(gpu, kernel->precision, &p);
    p.b_share = sparse ? ep__sparse_share(kernel->precision) : 1;
    p.speedup = sparse ? gpu->sparse_speedup : 1;
    p.dram_bytes = m.dram_bytes;
    p.epilogue_bytes = m.out_bytes;
    for (uint32_t i = 1; convolution && i < kernel->n_inputs; i++) { /* a residual */
        const uint32_t t = kernel->inputs[i];
        const ep_precision precision = ep_sim_tensor_precision(plan, t, kernel->precision);
        p.epilogue_bytes += ep__tensor_bytes(plan, t, precision, false);
    }
    add_attention(plan, kernel, &p);
    return p;
}
