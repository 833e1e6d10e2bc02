/* Which mechanism counts a kernel of the GPU. */
#include "sim/gpu.h"

/* Views between a transposition and the product. */
#define VIEWS_MAX 4

/* Do only products of computed operands read this tensor, perhaps through views? */
static bool products_read(const ep_plan *plan, uint32_t tensor, int views)
{
    const ep_layers *layers = plan->layers;
    const uint32_t begin = layers->users_begin[tensor], end = layers->users_begin[tensor + 1];
    if (begin == end || layers->is_output[tensor]) return false;
    for (uint32_t u = begin; u < end; u++) {
        const ep_layer *user = &layers->layers[layers->users[u]];
        if (user->type == EP_LAYER_MATRIX_MULTIPLY) continue;
        const bool view = user->is_view && views > 0;
        if (!view || !products_read(plan, layers->root[user->outputs[0]], views - 1)) return false;
    }
    return true;
}

/* Does such a product write this tensor, perhaps through views? */
static bool product_writes(const ep_plan *plan, uint32_t tensor)
{
    const ep_layers *layers = plan->layers;
    for (int views = 0; views <= VIEWS_MAX; views++) {
        const uint32_t producer = layers->producer[layers->root[tensor]];
        if (producer == EP_NO_INDEX) return false;
        const ep_layer *layer = &layers->layers[producer];
        if (layer->type == EP_LAYER_MATRIX_MULTIPLY) return true;
        if (!layer->is_view || layer->n_inputs == 0) return false;
        tensor = layer->inputs[0];
    }
    return false;
}

/* A product of computed operands takes them, and writes its result, in any order of dimensions:
 * TensorRT's attention and batched products have strides for each (fusion of multi-head attention).
 */
static bool is_absorbed(const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layer *layer = ep__main_layer(plan, kernel);
    if (kernel->n_layers != 1 || layer->function != EP_FN_TRANSPOSE) return false;
    return products_read(plan, plan->layers->root[layer->outputs[0]], VIEWS_MAX) ||
           product_writes(plan, layer->inputs[0]);
}

static bool is_free(const ep_plan *plan, const ep_kernel *kernel, ep__movement m)
{
    /* a concatenation all of whose inputs lie in place */
    if (m.in_bytes + m.out_bytes == 0) return true;
    if (is_absorbed(plan, kernel)) return true;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        if (!plan->layers->layers[kernel->layers[i]].is_view) return false;
    }
    return kernel->n_layers > 0;
}

void ep__gpu_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                  double frame_bytes, ep_cost *cost)
{
    const ep_gpu *gpu = &machine->gpu;
    const ep__movement m = ep__gpu_movement(gpu, plan, kernel, frame_bytes);
    if (kernel->kind == EP_KERNEL_REFORMAT) {
        ep__gpu_add_stream(gpu, plan, kernel, m, cost);
        return;
    }
    cost->is_view = is_free(plan, kernel, m);
    if (cost->is_view) return;
    const ep_layer *main = ep__main_layer(plan, kernel);
    if (!ep__is_product(main)) {
        ep__gpu_add_stream(gpu, plan, kernel, m, cost);
        return;
    }
    if (main->groups > 1) ep__gpu_add_direct(gpu, plan, kernel, m, cost);
    cost->product = ep__gpu_product(gpu, plan, kernel, m);
}
