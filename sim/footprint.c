#include "sim/sim_internal.h"

/* Each constant once, in the precision of the kernel that reads it first. */
static double all_weights(const ep_plan *plan, bool *seen)
{
    double bytes = 0;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_layers; i++) {
            const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
            for (uint32_t c = 0; c < layer->n_consts; c++) {
                if (seen[layer->consts[c]]) continue;
                seen[layer->consts[c]] = true;
                bytes += ep__const_bytes(plan, kernel, layer, layer->consts[c]);
            }
        }
    }
    return bytes;
}

/* The last kernel that touches each tensor frees it; network inputs and outputs stay. */
static double peak_activations(const ep_plan *plan, uint32_t *last, bool *alive)
{
    const ep_network *net = plan->layers->network;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_inputs; i++) last[kernel->inputs[i]] = k;
        for (uint32_t i = 0; i < kernel->n_outputs; i++) last[kernel->outputs[i]] = k;
    }
    double now = 0, peak = 0;
    for (uint32_t i = 0; i < net->n_inputs; i++) {
        now += ep__tensor_bytes(plan, net->inputs[i], EP_FP32, false);
        alive[net->inputs[i]] = true;
    }
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_outputs; i++) {
            const uint32_t t = kernel->outputs[i];
            if (alive[t]) continue;
            alive[t] = true;
            now += ep__tensor_bytes(plan, t, ep_sim_tensor_precision(plan, t, EP_FP32), false);
        }
        if (now > peak) peak = now;
        for (uint32_t i = 0; i < kernel->n_inputs; i++) {
            const uint32_t t = kernel->inputs[i];
            const bool computed = plan->layers->producer[t] != EP_NO_INDEX;
            if (!computed || !alive[t] || last[t] != k || plan->layers->is_output[t]) continue;
            alive[t] = false;
            now -= ep__tensor_bytes(plan, t, ep_sim_tensor_precision(plan, t, EP_FP32), false);
        }
    }
    return peak;
}

ep_status ep_sim_footprint(const ep_plan *plan, ep_arena *arena, ep_footprint *out, ep_error *err)
{
    const uint32_t n = plan->layers->network->n_tensors;
    bool *seen = EP_NEW(arena, bool, n);
    bool *alive = EP_NEW(arena, bool, n);
    uint32_t *last = EP_NEW(arena, uint32_t, n);
    if (!seen || !alive || !last) return ep_fail_memory(err);
    *out = (ep_footprint){.weights_bytes = (uint64_t)all_weights(plan, seen),
                          .activations_bytes = (uint64_t)peak_activations(plan, last, alive)};
    return EP_OK;
}
