/* What a kernel moves through L2, and how much of it comes from or goes to DRAM. */
#include <math.h>

#include "sim/gpu.h"

/* Which share of what was touched is gone when as much as `working_set` was touched since. L2 holds
 * all of it up to half of the kept share, nothing beyond: a cache of several slices and ways loses
 * its oldest lines little by little (fitted: parts/hopper-sm90.yaml). */
static double evicted(const ep_gpu *gpu, double working_set)
{
    const double capacity = gpu->l2_kept_share * (double)gpu->l2_bytes;
    if (!(capacity > 0)) return 1;
    return fmin(1, fmax(0, 2 * working_set / capacity - 1));
}

/* A concatenation costs nothing for inputs that their producers can write in place: computed by a
 * GPU layer for nobody else's concatenation. */
static bool written_in_place(const ep_plan *plan, uint32_t tensor)
{
    const ep_layers *layers = plan->layers;
    const uint32_t producer = layers->producer[tensor];
    if (producer == EP_NO_INDEX || ep_device_is_dla(plan->device[producer])) return false;
    const ep_layer_type type = layers->layers[producer].type;
    if (type == EP_LAYER_SHUFFLE || type == EP_LAYER_SLICE) return false;
    uint32_t concatenations = 0;
    const uint32_t end = layers->users_begin[tensor + 1];
    for (uint32_t u = layers->users_begin[tensor]; u < end && concatenations < 2; u++) {
        concatenations += layers->layers[layers->users[u]].type == EP_LAYER_CONCATENATION;
    }
    return concatenations == 1;
}

static ep__movement of_concatenation(const ep_plan *plan, const ep_kernel *kernel)
{
    ep__movement m = {0};
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        const uint32_t t = kernel->inputs[i];
        if (written_in_place(plan, t)) continue;
        const ep_precision precision = ep_sim_tensor_precision(plan, t, kernel->precision);
        const double bytes = ep__tensor_bytes(plan, t, precision, false);
        m.in_bytes += bytes;
        m.out_bytes += bytes;
    }
    return m;
}

/* A slice or gather reads what it writes, not all of its input. */
static bool reads_part(const ep_layer *layer)
{
    return layer->type == EP_LAYER_SLICE || layer->type == EP_LAYER_GATHER;
}

/* Which share of its input a window reads: where it is shorter than its stride it skips rows, as
 * that of a downsampling 1x1 does. Not columns: their pixels lie in the same lines. */
static double rows_read(const ep_layer *layer)
{
    const bool windowed = layer->type == EP_LAYER_CONVOLUTION || layer->type == EP_LAYER_POOLING;
    if (!windowed || layer->window.rank < 2) return 1;
    return fmin(1, (double)layer->window.kernel[0] / (double)layer->window.stride[0]);
}

static ep__movement of_layers(const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layer *main = ep__main_layer(plan, kernel);
    if (main->type == EP_LAYER_CONCATENATION) return of_concatenation(plan, kernel);
    ep__movement m = {0};
    for (uint32_t i = 0; i < kernel->n_outputs; i++) {
        m.out_bytes += ep__tensor_bytes(plan, kernel->outputs[i], kernel->precision, false);
    }
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        const uint32_t t = kernel->inputs[i];
        const ep_precision precision = ep_sim_tensor_precision(plan, t, kernel->precision);
        const double bytes = ep__tensor_bytes(plan, t, precision, false);
        const bool is_main = t == plan->layers->root[main->inputs[0]];
        const double share = is_main ? rows_read(main) : 1;
        m.in_bytes += reads_part(main) ? fmin(bytes, m.out_bytes) : bytes * share;
    }
    m.weight_bytes = ep__weight_bytes(plan, kernel);
    return m;
}

static ep__movement of_reformat(const ep_plan *plan, const ep_kernel *kernel)
{
    return (ep__movement){
        .in_bytes = ep__tensor_bytes(plan, kernel->inputs[0], kernel->from, false),
        .out_bytes = ep__tensor_bytes(plan, kernel->inputs[0], kernel->precision, true)};
}

ep__movement ep__gpu_movement(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                              double frame_bytes)
{
    const bool reformat = kernel->kind == EP_KERNEL_REFORMAT;
    ep__movement m = reformat ? of_reformat(plan, kernel) : of_layers(plan, kernel);
    const double activations = m.in_bytes + m.out_bytes;
    const double all = activations + m.weight_bytes;
    m.in_bytes += m.weight_bytes;
    m.dram_bytes = activations * evicted(gpu, all);
    m.dram_bytes += m.weight_bytes * evicted(gpu, fmax(all, frame_bytes));
    return m;
}

double ep_sim_frame_bytes(const ep_plan *plan)
{
    const ep_layers *layers = plan->layers;
    double bytes = 0;
    for (uint32_t i = 0; i < layers->network->n_inputs; i++) {
        bytes += ep__tensor_bytes(plan, layers->network->inputs[i], EP_FP16, false);
    }
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_kernel *kernel = &plan->kernels[k];
        if (kernel->kind == EP_KERNEL_REFORMAT) continue;
        bytes += ep__weight_bytes(plan, kernel);
        for (uint32_t i = 0; i < kernel->n_outputs; i++) {
            bytes += ep__tensor_bytes(plan, kernel->outputs[i], kernel->precision, false);
        }
    }
    for (uint32_t l = 0; plan->n_kernels == 0 && l < layers->n_layers; l++) {
        const double elements = (double)(layers->layers[l].params + layers->layers[l].elements);
        bytes += elements * (double)ep_precision_bytes(plan->precision[l]);
    }
    return bytes;
}
