#include "sim/sim_internal.h"

ep_precision ep_sim_tensor_precision(const ep_plan *plan, uint32_t t, ep_precision reader)
{
    const uint32_t producer = plan->layers->producer[t];
    if (producer == EP_NO_INDEX) return reader;
    const bool fp16 = plan->dla_outputs_fp16 && plan->layers->is_output[t] &&
                      ep_device_is_dla(plan->device[producer]);
    return fp16 ? EP_FP16 : plan->precision[producer];
}

double ep__tensor_bytes(const ep_plan *plan, uint32_t t, ep_precision precision, bool padded)
{
    const ep_tensor *tensor = &plan->layers->network->tensors[t];
    uint64_t elements = ep_tensor_elements(tensor);
    if (!ep_dtype_is_float(tensor->dtype)) {
        return (double)ep_dtype_bytes(tensor->dtype, elements);
    }
    const uint64_t bytes = ep_precision_bytes(precision);
    int64_t nchw[4];
    if (padded && ep_nchw(&tensor->shape, nchw) && nchw[1] > 0) {
        /* kCHW32 in INT8, kCHW16 in FP16: atoms of 32 bytes */
        const uint64_t channels = (uint64_t)nchw[1];
        elements = elements / channels * ep_round_up(channels, 32 / bytes);
    }
    return (double)elements * (double)bytes;
}

double ep_sim_host_bytes(const ep_plan *plan, uint32_t t)
{
    const ep_layers *layers = plan->layers;
    const ep_tensor *tensor = &layers->network->tensors[t];
    const uint32_t root = layers->root[t];
    const uint32_t user = layers->users_begin[root];
    if (plan->native_io && layers->producer[root] != EP_NO_INDEX) {
        return ep__tensor_bytes(plan, t, ep_sim_tensor_precision(plan, root, EP_FP32), false);
    }
    if (plan->native_io && user < layers->users_begin[root + 1]) {
        return ep__tensor_bytes(plan, t, plan->precision[layers->users[user]], false);
    }
    return (double)ep_dtype_bytes(tensor->dtype, ep_tensor_elements(tensor));
}

double ep__const_bytes(const ep_plan *plan, const ep_kernel *kernel, const ep_layer *layer,
                       uint32_t constant)
{
    const double dense = ep__tensor_bytes(plan, constant, kernel->precision, false);
    const bool sparse =
        ep__is_sparse(plan, kernel, layer) && constant == ep_sim_weights(plan->layers, layer);
    return sparse ? dense * ep__sparse_share(kernel->precision) : dense;
}

double ep__weight_bytes(const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layers *layers = plan->layers;
    double bytes = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &layers->layers[kernel->layers[i]];
        if (layer->type == EP_LAYER_GATHER) {
            /* a table is not read as a whole, only the rows that go out */
            bytes += ep__tensor_bytes(plan, layer->outputs[0], kernel->precision, false);
            continue;
        }
        for (uint32_t c = 0; c < layer->n_consts; c++) {
            bytes += ep__const_bytes(plan, kernel, layer, layer->consts[c]);
        }
    }
    return bytes;
}

const ep_layer *ep__main_layer(const ep_plan *plan, const ep_kernel *kernel)
{
    return &plan->layers->layers[kernel->layers[kernel->main]];
}
