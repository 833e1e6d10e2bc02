/* Which mechanism counts a kernel of the GPU. */
#include "sim/gpu.h"

static bool is_free(const ep_plan *plan, const ep_kernel *kernel, ep__movement m)
{
    /* a concatenation all of whose inputs lie in place */
    if (m.in_bytes + m.out_bytes == 0) return true;
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
