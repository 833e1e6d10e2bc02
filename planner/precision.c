#include "planner/planner_internal.h"

bool ep__is_scaled(const ep_layers *layers, const ep_layer *layer)
{
    /* between a convolution and the Q that follows it: part of the INT8 kernel */
    if (ep__is_pointwise(layer) && layers->is_quantized[layer->outputs[0]]) return true;
    for (uint32_t i = 0; i < layer->n_inputs; i++) {
        if (!(layers->scale[layer->inputs[i]] > 0)) return false;
    }
    return layer->n_inputs > 0;
}

/* TensorRT has INT8 kernels for these, on image-like tensors: MatMul of activations and what else
 * makes up a transformer stays in FP16, as an implicitly quantised engine keeps it. */
static bool gpu_has_int8(const ep_layers *layers, const ep_layer *layer)
{
    const int rank = layers->network->tensors[layer->outputs[0]].shape.rank;
    if (layer->type == EP_LAYER_FULLY_CONNECTED) return rank == 2;
    if (rank < 4) return false;
    switch (layer->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_POOLING:
    case EP_LAYER_SCALE:
    case EP_LAYER_ELEMENTWISE:
    case EP_LAYER_CONCATENATION:
    case EP_LAYER_RESIZE:
    case EP_LAYER_SLICE:
    case EP_LAYER_SHUFFLE:
    case EP_LAYER_QUANTIZE:
    case EP_LAYER_DEQUANTIZE: return true;
    case EP_LAYER_ACTIVATION: return layer->function != EP_FN_GELU;
    default: return false;
    }
}

static bool is_product(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_FULLY_CONNECTED:
    case EP_LAYER_MATRIX_MULTIPLY:
    case EP_LAYER_RECURRENT: return true;
    default: return false;
    }
}

bool ep__gpu_takes(const ep_layers *layers, const ep_layer *layer, ep_precision precision)
{
    const bool is_float = layer->n_outputs > 0 &&
                          ep_dtype_is_float(layers->network->tensors[layer->outputs[0]].dtype);
    switch (precision) {
    case EP_INT8:
        if (layers->quantized && !ep__is_scaled(layers, layer)) return false;
        return is_float && gpu_has_int8(layers, layer);
    case EP_FP16: return is_float && layer->type != EP_LAYER_PLUGIN;
    case EP_TF32: return is_float && is_product(layer);
    default: return true;
    }
}
