/* Where tensors lie between the kernels of a loadable. The core's SRAM takes them in the order in
 * which they are made, each as long as somebody will read it, while there is room; the rest goes to
 * DRAM. Images of a batch run one after the other (latencies of YOLOv5s grow with the batch by
 * 0.99 to 1.02 an image), so that one image's tensors count. */
#include <assert.h>
#include <math.h>

#include "sim/dla_parts.h"

static double round_up(double value, double unit)
{
    return ceil(value / unit) * unit;
}

double ep__dla_tensor_bytes(const ep_plan *plan, uint32_t t, ep_precision precision)
{
    const ep_layers *layers = plan->layers;
    int64_t nchw[4];
    const bool input = layers->producer[t] == EP_NO_INDEX;
    const bool known = ep_nchw(&layers->network->tensors[t].shape, nchw);
    if (!input || !known || nchw[1] > EP__IMAGE_CHANNELS || nchw[1] == 0) {
        return ep__tensor_bytes(plan, t, precision, true);
    }
    const double pixel = nchw[1] == 1 ? 1 : EP__IMAGE_CHANNELS;
    const double row =
        round_up((double)nchw[3] * pixel * (double)ep_precision_bytes(precision), EP__ROW_BYTES);
    return (double)nchw[0] * (double)nchw[2] * row;
}

/* ---- concatenation ------------------------------------------------------------------------- */

/* A part can be written in place if its own loadable computes it, nobody else's concatenation wants
 * it elsewhere, and it ends at a whole atom, so that the next one can begin. */
static bool can_be_placed(const ep_plan *plan, uint32_t t, uint32_t subgraph)
{
    const ep_layers *layers = plan->layers;
    const uint32_t producer = layers->producer[t];
    int64_t nchw[4];
    if (producer == EP_NO_INDEX || plan->subgraph[producer] != subgraph || plan->leaves[t] ||
        layers->layers[producer].type == EP_LAYER_CONCATENATION) {
        return false;
    }
    const int64_t atom = EP__ATOM_BYTES / (int64_t)ep_precision_bytes(plan->precision[producer]);
    if (!ep_nchw(&layers->network->tensors[t].shape, nchw) || nchw[1] % atom != 0) return false;
    uint32_t concatenations = 0;
    for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
        concatenations += layers->layers[layers->users[u]].type == EP_LAYER_CONCATENATION;
        if (concatenations > 1) return false;
    }
    return true;
}

/* Is a concatenation made by placement: its inputs are written side by side from the start? */
static bool is_placed(const ep_plan *plan, const ep_kernel *kernel)
{
    const ep_layer *layer = ep__main_layer(plan, kernel);
    if (layer->type != EP_LAYER_CONCATENATION || plan->leaves[layer->outputs[0]]) return false;
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        if (!can_be_placed(plan, kernel->inputs[i], kernel->subgraph)) return false;
    }
    return true;
}

void ep__dla_parts_of(const ep_layers *layers, const ep_dla_place *places, uint32_t t,
                      ep__dla_take take, void *context)
{
    if (!places || places[t] != EP_IN_PARTS) {
        take(context, t);
        return;
    }
    const ep_layer *concat = &layers->layers[layers->producer[t]];
    for (uint32_t i = 0; i < concat->n_inputs; i++) {
        take(context, layers->root[concat->inputs[i]]);
    }
}

/* ---- SRAM ---------------------------------------------------------------------------------- */

typedef struct allocator {
    const ep_plan *plan;
    uint32_t *last; /* per tensor: the last kernel that reads it */
    ep_dla_place *places;
    double *bytes; /* per tensor: taken in SRAM now */
    double free_bytes;
    uint32_t kernel;
} allocator;

static void read_by(void *context, uint32_t t)
{
    allocator *a = context;
    a->last[t] = a->kernel;
}

static void release(void *context, uint32_t t)
{
    allocator *a = context;
    if (a->last[t] != a->kernel) return;
    a->free_bytes += a->bytes[t];
    a->bytes[t] = 0;
}

static void find_last_readers(allocator *a)
{
    const ep_plan *plan = a->plan;
    for (a->kernel = 0; a->kernel < plan->n_kernels; a->kernel++) {
        const ep_kernel *kernel = &plan->kernels[a->kernel];
        if (kernel->subgraph == EP_NO_INDEX) continue;
        if (is_placed(plan, kernel)) a->places[kernel->outputs[0]] = EP_IN_PARTS;
        for (uint32_t i = 0; i < kernel->n_inputs; i++) {
            ep__dla_parts_of(plan->layers, a->places, kernel->inputs[i], read_by, a);
        }
    }
}

static void place(allocator *a, uint32_t t, ep_precision precision)
{
    int64_t nchw[4];
    const ep_tensor *tensor = &a->plan->layers->network->tensors[t];
    if (a->plan->leaves[t] || a->places[t] == EP_IN_PARTS) return;
    if (!ep_nchw(&tensor->shape, nchw) || nchw[0] == 0) return;
    const double bytes = ep__dla_tensor_bytes(a->plan, t, precision) / (double)nchw[0];
    if (bytes > a->free_bytes) return;
    a->places[t] = EP_IN_SRAM;
    a->bytes[t] = bytes;
    a->free_bytes -= bytes;
}

static void place_results(allocator *a, const ep_kernel *kernel)
{
    for (uint32_t o = 0; o < kernel->n_outputs; o++) {
        const uint32_t t = kernel->outputs[o];
        place(a, t, ep_sim_tensor_precision(a->plan, t, kernel->precision));
    }
    for (uint32_t i = 0; i < kernel->n_inputs; i++) {
        ep__dla_parts_of(a->plan->layers, a->places, kernel->inputs[i], release, a);
    }
}

ep_status ep_sim_dla_places(const ep_machine *machine, const ep_plan *plan, ep_arena *arena,
                            const ep_dla_place **places, ep_error *err)
{
    const uint32_t n = plan->layers->network->n_tensors;
    const ep_dla *dla = &machine->dla;
    allocator a = {.plan = plan,
                   .last = EP_NEW(arena, uint32_t, n),
                   .places = EP_NEW(arena, ep_dla_place, n),
                   .bytes = EP_NEW(arena, double, n)};
    if (!a.last || !a.places || !a.bytes) return ep_fail_memory(err);
    find_last_readers(&a);
    uint32_t loaded = EP_NO_INDEX;
    for (a.kernel = 0; a.kernel < plan->n_kernels; a.kernel++) {
        const ep_kernel *kernel = &plan->kernels[a.kernel];
        if (kernel->subgraph == EP_NO_INDEX) continue;
        if (kernel->subgraph != loaded) { /* nothing stays from one loadable to the next */
            a.free_bytes = (double)ep_min_u64(dla->sram_bytes, dla->limits.sram_bytes_default);
        }
        loaded = kernel->subgraph;
        place_results(&a, kernel);
    }
    *places = a.places;
    return EP_OK;
}
