/* Structured sparsity: of every four weights along the input channels at least two are zero. The
 * matrix units skip those, and only the other two are stored, each with two bits that say where it
 * was (NVIDIA Ampere architecture white paper). */
#include "sim/sim_internal.h"

/* On the GPU, what fills at least one sparse instruction along the input channels: 32 of them in
 * FP16, 64 in INT8 (PTX ISA, mma.sp: m16n8k32 and m16n8k64). */
static bool gpu_gains(const ep_layer *layer, ep_precision precision, uint64_t c)
{
    const bool product =
        layer->type == EP_LAYER_CONVOLUTION || layer->type == EP_LAYER_FULLY_CONNECTED;
    return product && ((precision == EP_FP16 && c >= 32) || (precision == EP_INT8 && c >= 64));
}

uint32_t ep_sim_weights(const ep_layers *layers, const ep_layer *layer)
{
    for (uint32_t i = 0; i < layer->n_consts; i++) {
        if (layers->network->tensors[layer->consts[i]].shape.rank >= 2) return layer->consts[i];
    }
    return EP_NO_INDEX;
}

/* On the DLA, INT8 convolutions in one group, of more than 64 channels in and of so many out that
 * K mod 64 is 0 or a power of two (developer guide of TensorRT, "Structured Sparsity" of the DLA;
 * FAQ of Deep-Learning-Accelerator-SW). The guide also wants at most 256 K of weights, which cannot
 * mean a layer: 22 % of the MACs of a ResNet-34 trunk would be left, for at most 1.13 times the
 * speed, and NVIDIA publishes 1.35. */
const char *ep_sim_dla_not_sparse(const ep_layers *layers, const ep_layer *layer,
                                  ep_precision precision)
{
    if (layer->type != EP_LAYER_CONVOLUTION) return "it is no convolution";
    const uint32_t weights = ep_sim_weights(layers, layer);
    if (weights == EP_NO_INDEX) return "its weights are computed";
    if (precision != EP_INT8) return "it does not run in INT8";
    if (layer->groups > 1) return "it is grouped";
    const int64_t *dims = layers->network->tensors[weights].shape.dims; /* K, C, R, S */
    const uint64_t rest = (uint64_t)dims[0] % 64;
    if (dims[1] <= 64) return "it has no more than 64 input channels";
    if ((rest & (rest - 1)) != 0) return "its output channels mod 64 are not 0 or a power of two";
    return NULL;
}

bool ep__is_sparse(const ep_plan *plan, const ep_kernel *kernel, const ep_layer *layer)
{
    if (!plan->sparse[kernel->device]) return false;
    if (ep_device_is_dla(kernel->device)) {
        return !ep_sim_dla_not_sparse(plan->layers, layer, kernel->precision);
    }
    const uint32_t weights = ep_sim_weights(plan->layers, layer);
    if (weights == EP_NO_INDEX || layer->groups > 1) return false;
    const bool flat = layer->type == EP_LAYER_FULLY_CONNECTED;
    const int64_t *dims = plan->layers->network->tensors[weights].shape.dims; /* K, C, ... */
    return gpu_gains(layer, kernel->precision, flat ? layer->gemm.k : (uint64_t)dims[1]);
}

double ep__sparse_share(ep_precision precision)
{
    const double position_bytes = 2.0 / 8;
    return (1 + position_bytes / (double)ep_precision_bytes(precision)) / 2;
}
