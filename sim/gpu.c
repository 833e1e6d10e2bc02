#include <math.h>
#include <string.h>

#include "sim/sim_internal.h"

static bool is_product(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_FULLY_CONNECTED:
    case EP_LAYER_MATRIX_MULTIPLY: return true;
    default: return false;
    }
}

/* Results and operands of up to half of L2 are still there when the next kernel reads them; the
 * other half is what streams through. Weights are not: by the next frame they are gone. */
static double dram_share(const ep_gpu *gpu, double bytes)
{
    return bytes <= (double)gpu->l2_bytes / 2 ? 0 : bytes;
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

/* What a kernel moves: all of it through L2, some of it from and to DRAM. */
typedef struct movement {
    double all_bytes, dram_bytes;
} movement;

static void add_tensor(const ep_gpu *gpu, movement *m, double bytes)
{
    m->all_bytes += bytes;
    m->dram_bytes += dram_share(gpu, bytes);
}

static movement of_concatenation(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel)
{
    movement m = {0};
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        const uint32_t t = kernel->inputs[i];
        if (written_in_place(plan, t)) continue;
        const ep_precision precision = ep_sim_tensor_precision(plan, t, kernel->precision);
        const double bytes = ep__tensor_bytes(plan, t, precision, false);
        add_tensor(gpu, &m, bytes);
        add_tensor(gpu, &m, bytes);
    }
    return m;
}

/* A slice or gather reads what it writes, not all of its input. */
static bool reads_part(const ep_layer *layer)
{
    return layer->type == EP_LAYER_SLICE || layer->type == EP_LAYER_GATHER;
}

static movement of_kernel(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layer *main = ep__main_layer(plan, kernel);
    if (main->type == EP_LAYER_CONCATENATION) return of_concatenation(gpu, plan, kernel);
    movement m = {0};
    double out = 0;
    for (uint32_t i = 0; i < kernel->n_outputs; i++) {
        const double bytes = ep__tensor_bytes(plan, kernel->outputs[i], kernel->precision, false);
        out += bytes;
        add_tensor(gpu, &m, bytes);
    }
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        const uint32_t t = kernel->inputs[i];
        const ep_precision precision = ep_sim_tensor_precision(plan, t, kernel->precision);
        const double bytes = ep__tensor_bytes(plan, t, precision, false);
        add_tensor(gpu, &m, reads_part(main) ? fmin(bytes, out) : bytes);
    }
    const double weights = ep__weight_bytes(plan, kernel);
    m.all_bytes += weights;
    m.dram_bytes += weights;
    return m;
}

static movement of_reformat(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel)
{
    movement m = {0};
    add_tensor(gpu, &m, ep__tensor_bytes(plan, kernel->inputs[0], kernel->from, false));
    add_tensor(gpu, &m, ep__tensor_bytes(plan, kernel->inputs[0], kernel->precision, true));
    return m;
}

/* Operations of an element-by-element kernel: one a layer and output, special functions through
 * the slower unit. */
static double stream_cycles(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel)
{
    double cycles = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
        double work = (double)layer->elements;
        if (layer->type == EP_LAYER_POOLING && !layer->global) {
            for (int d = 0; d < layer->window.rank; d++) work *= (double)layer->window.kernel[d];
        }
        const bool special = layer->type == EP_LAYER_SOFTMAX || layer->function == EP_FN_SIGMOID ||
                             layer->function == EP_FN_TANH || layer->function == EP_FN_ERF ||
                             layer->function == EP_FN_GELU || layer->function == EP_FN_SQRT;
        cycles += work / (special ? gpu->sfu : gpu->fp32_fma);
        cycles += (double)layer->macs / gpu->fp16_fma; /* recurrent layers */
    }
    return cycles;
}

static void add_stream(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel, movement m,
                       ep_cost *cost)
{
    enum { BYTES_PER_BLOCK = 8192 };
    const double blocks = fmax(1, ceil(m.all_bytes / BYTES_PER_BLOCK));
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    *phases = (ep_phases){.tiles = blocks,
                          .cuda_tile_cycles = stream_cycles(gpu, plan, kernel) / blocks,
                          .l2_bytes = m.all_bytes,
                          .dram_bytes = m.dram_bytes};
    (void)strcpy(phases->tactic, "stream");
}

static bool is_free(const ep_plan *plan, const ep_kernel *kernel, movement m)
{
    if (m.all_bytes == 0) return true; /* a concatenation all of whose inputs lie in place */
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        if (!plan->layers->layers[kernel->layers[i]].is_view) return false;
    }
    return kernel->n_layers > 0;
}

void ep__gpu_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                  ep_cost *cost)
{
    const ep_gpu *gpu = &machine->gpu;
    if (kernel->kind == EP_KERNEL_REFORMAT) {
        add_stream(gpu, plan, kernel, of_reformat(gpu, plan, kernel), cost);
        return;
    }
    const movement m = of_kernel(gpu, plan, kernel);
    cost->is_view = is_free(plan, kernel, m);
    if (cost->is_view) return;
    if (is_product(ep__main_layer(plan, kernel))) {
        ep__gpu_product(gpu, plan, kernel, m.dram_bytes, cost);
    } else {
        add_stream(gpu, plan, kernel, m, cost);
    }
}
