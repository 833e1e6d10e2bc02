/* One DLA core. INT8 convolution runs on the pipes, in blocks of atomic_c channels in by atomic_k
 * channels out, one block, tap and output point a cycle and pipe; FP16 convolution on Rubik. What
 * follows a convolution in its kernel passes the post-processor on the fly. */
#include <math.h>

#include "sim/sim_internal.h"

static double blocks(double channels, int64_t atomic)
{
    return ceil(channels / (double)atomic);
}

/* Cycles of one unit for channels c -> k in `groups`, `points` output points times taps. Groups too
 * small for a block share one: their weights stand on its diagonal. */
static double block_cycles(double c, double k, double groups, double points_taps, int64_t atomic_c,
                           int64_t atomic_k)
{
    const double per_group_c = c / groups, per_group_k = k / groups;
    const double fit = floor(fmin((double)atomic_c / per_group_c, (double)atomic_k / per_group_k));
    const double shared = fmax(1, fmin(groups, fit));
    return ceil(groups / shared) * blocks(per_group_c * shared, atomic_c) *
           blocks(per_group_k * shared, atomic_k) * points_taps;
}

/* An image (kDLA_HWC4) is no feature map: its taps are laid out along the channels, so that a block
 * is filled by the window (NVDLA: channel post-extension). */
#define IMAGE_CHANNELS_MAX 4

static double convolution_cycles(const ep_dla *dla, const ep_plan *plan, const ep_layer *layer,
                                 ep_precision precision)
{
    const ep_tensor *tensors = plan->layers->network->tensors;
    int64_t in[4], out[4];
    if (!ep_nchw(&tensors[layer->inputs[0]].shape, in)) return 0;
    if (!ep_nchw(&tensors[layer->outputs[0]].shape, out)) return 0;
    double c = (double)in[1], k = (double)out[1];
    double points = (double)out[0] * (double)out[2] * (double)out[3];
    if (layer->type == EP_LAYER_FULLY_CONNECTED) {
        c = (double)layer->gemm.k;
        points = (double)layer->gemm.m;
    }
    if (layer->type == EP_LAYER_DECONVOLUTION) {
        points = (double)in[0] * (double)in[2] * (double)in[3];
    }
    double taps = 1;
    for (int i = 0; i < layer->window.rank; i++) taps *= (double)layer->window.kernel[i];
    if (c <= IMAGE_CHANNELS_MAX && layer->groups == 1) {
        c *= taps;
    } else {
        points *= taps;
    }
    const double groups = (double)layer->groups;
    if (precision == EP_INT8) {
        return block_cycles(c, k, groups, points, dla->atomic_c, dla->atomic_k) /
               (double)dla->pipes;
    }
    return block_cycles(c, k, groups, points, dla->fp16_atomic_c, dla->fp16_atomic_k);
}

/* Passes of the post-processor over `layer`'s output; a pooling window is gathered line by line. */
static double sdp_elements(const ep_layer *layer)
{
    double work = (double)layer->elements;
    if (layer->type == EP_LAYER_POOLING) work *= (double)layer->window.kernel[0];
    return work;
}

/* An intermediate result of at most half the core's SRAM stays there until its reader has run. */
static bool stays_in_sram(const ep_dla *dla, const ep_plan *plan, uint32_t tensor, double bytes)
{
    if (plan->layers->producer[tensor] == EP_NO_INDEX || plan->leaves[tensor]) return false;
    return bytes <= (double)dla->sram_bytes / 2;
}

static void add_tensor(const ep_dla *dla, const ep_plan *plan, const ep_kernel *kernel,
                       uint32_t tensor, ep_phases *phases)
{
    const ep_precision precision = ep_sim_tensor_precision(plan, tensor, kernel->precision);
    const double bytes = ep__tensor_bytes(plan, tensor, precision, true);
    if (stays_in_sram(dla, plan, tensor, bytes)) {
        phases->sram_bytes += bytes;
    } else {
        phases->dram_bytes += bytes;
    }
}

void ep__dla_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                  ep_cost *cost)
{
    const ep_dla *dla = &machine->dla;
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.dram_bytes = ep__weight_bytes(plan, kernel)};
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        add_tensor(dla, plan, kernel, kernel->inputs[i], phases);
    }
    for (uint32_t i = 0; i < kernel->n_outputs; i++) {
        add_tensor(dla, plan, kernel, kernel->outputs[i], phases);
    }
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
        const double elements = (double)layer->elements;
        phases->macs += (double)layer->macs;
        switch (layer->type) {
        case EP_LAYER_CONVOLUTION:
        case EP_LAYER_DECONVOLUTION:
        case EP_LAYER_FULLY_CONNECTED: {
            double cycles = convolution_cycles(dla, plan, layer, kernel->precision);
            if (ep__is_sparse(plan, kernel, layer)) cycles /= dla->sparse_speedup;
            *(kernel->precision == EP_INT8 ? &phases->cpipe_cycles : &phases->rubik_cycles) +=
                cycles;
            phases->sdp_cycles = fmax(phases->sdp_cycles, elements / dla->pointwise_elements);
            break;
        }
        case EP_LAYER_SHUFFLE:
        case EP_LAYER_RESIZE: phases->rubik_cycles += elements / dla->pointwise_elements; break;
        case EP_LAYER_CONCATENATION:
        case EP_LAYER_SLICE: phases->bdma_cycles += elements / dla->pointwise_elements; break;
        default: /* stages of the post-processor work at the same time */
            phases->sdp_cycles =
                fmax(phases->sdp_cycles, sdp_elements(layer) / dla->pointwise_elements);
        }
    }
}
