/* In which precision the GPU runs a layer: the first that it takes in the order of the choice, or
 * the fastest. */
#include <assert.h>
#include <string.h>

#include "planner/planner_internal.h"

uint32_t ep__precisions(const ep_plan_options *options, ep_precision list[EP_PRECISION_COUNT])
{
    const ep_precision_choice choice = options->precision;
    const bool tf32 = !options->no_tf32;
    uint32_t n = 0;
    if (choice == EP_CHOOSE_INT8 || choice == EP_CHOOSE_BEST) list[n++] = EP_INT8;
    if (choice != EP_CHOOSE_FP32) list[n++] = EP_FP16;
    if (tf32 && (choice == EP_CHOOSE_FP32 || choice == EP_CHOOSE_BEST)) list[n++] = EP_TF32;
    list[n++] = EP_FP32;
    return n;
}

const ep_mode *ep__fastest_mode(const ep_machine *machine)
{
    assert(machine->n_modes > 0);
    const ep_mode *best = &machine->modes[0];
    for (uint32_t i = 1; i < machine->n_modes; i++) {
        if (machine->modes[i].gpu_mhz > best->gpu_mhz) best = &machine->modes[i];
    }
    return best;
}

/* Time of each layer alone on the GPU in `precision`, all tensors likewise. */
static ep_status time_alone(const ep__basis *b, ep_arena *arena, ep_precision precision, double *ns,
                            ep_error *err)
{
    const uint32_t n = b->layers->n_layers;
    const ep_point point = ep_point_of(b->machine, ep__fastest_mode(b->machine));
    ep_precision *uniform = EP_NEW(arena, ep_precision, n);
    ep_device *device = EP_NEW(arena, ep_device, n); /* zeroed: EP_GPU */
    if (!uniform || !device) return ep_fail_memory(err);
    for (uint32_t l = 0; l < n; l++) uniform[l] = precision;
    ep_plan plan = {.layers = b->layers, .precision = uniform, .device = device};
    ep__set_sparse(b, &plan);
    const double frame_bytes = ep_sim_frame_bytes(&plan);
    for (uint32_t l = 0; l < n; l++) {
        const ep_layer *layer = &b->layers->layers[l];
        const ep_kernel kernel = {.precision = precision,
                                  .subgraph = EP_NO_INDEX,
                                  .n_layers = 1,
                                  .layers = &l,
                                  .n_inputs = layer->n_inputs,
                                  .inputs = layer->inputs,
                                  .n_outputs = layer->n_outputs,
                                  .outputs = layer->outputs};
        const ep_cost cost =
            ep_sim_cost(b->machine, &plan, &kernel, frame_bytes, &b->options->search);
        ns[l] = ep_cost_ns(&cost, &point, NULL);
    }
    return EP_OK;
}

/* Has the GPU this layer in this precision, and its pin too? */
static bool may(const ep__basis *b, uint32_t l, ep_precision precision)
{
    return ep_pin_allows_precision(ep__pin_of(b->options, l), precision) &&
           ep__gpu_takes(b->layers, &b->layers->layers[l], precision);
}

static ep_status choose_fastest(const ep__basis *b, ep_arena *arena, const ep_precision *list,
                                uint32_t n_list, ep_precision *chosen, ep_error *err)
{
    const uint32_t n = b->layers->n_layers;
    double *best = EP_NEW(arena, double, n);
    double *ns = EP_NEW(arena, double, n);
    if (!best || !ns) return ep_fail_memory(err);
    for (uint32_t c = 0; c < n_list; c++) {
        EP_TRY(time_alone(b, arena, list[c], ns, err));
        for (uint32_t l = 0; l < n; l++) {
            if (!may(b, l, list[c])) continue;
            if (best[l] > 0 && ns[l] >= best[l]) continue;
            best[l] = ns[l];
            chosen[l] = list[c];
        }
    }
    return EP_OK;
}

/* The first of the list; TF32, a way to compute in FP32, where a pin asks for that. */
static ep_precision choose_first(const ep__basis *b, uint32_t l, const ep_precision *list,
                                 uint32_t n)
{
    for (uint32_t c = 0; c < n; c++) {
        const bool tf32 = list[c] == EP_FP32 && !b->options->no_tf32 && may(b, l, EP_TF32) &&
                          ep__pin_of(b->options, l).precisions;
        if (tf32) return EP_TF32;
        if (may(b, l, list[c])) return list[c];
    }
    return EP_PRECISION_COUNT;
}

ep_status ep__gpu_precisions(const ep__basis *b, ep_arena *arena, ep_precision *chosen,
                             ep_error *err)
{
    ep_precision list[EP_PRECISION_COUNT];
    const uint32_t n = ep__precisions(b->options, list);
    for (uint32_t l = 0; l < b->layers->n_layers; l++) chosen[l] = choose_first(b, l, list, n);
    if (b->options->precision == EP_CHOOSE_BEST) {
        return choose_fastest(b, arena, list, n, chosen, err);
    }
    return EP_OK;
}
