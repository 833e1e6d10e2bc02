/* Fusion: layers to kernels, the same mechanism for every device.
 *
 * A kernel grows from an anchor by closures: add the earliest layer that reads a tensor of the
 * region, again and again, until nothing outside reads any tensor of the region but the last one.
 * One more layer closes it after a Relu; a SiLU (Sigmoid, Mul) takes two, a Gelu five. The device
 * then says whether what was added may join. So every kernel has one exit, its last layer, and
 * kernels in the order of their last layers are in a valid execution order. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "planner/planner_internal.h"

typedef struct fuser {
    const ep__partition *partition;
    ep_arena *arena;
    ep_plan *plan;
    uint32_t *read_by;  /* per tensor: exit of the last kernel found to read it */
    bool *taken;        /* per layer: in a kernel already */
    ep_kernel *by_exit; /* per layer: the kernel whose last layer it is; n_layers 0: none */
} fuser;

static bool in_region(const ep__region *region, uint32_t layer)
{
    return ep__contains(region->members, region->n, layer);
}

/* Could `layer` be in one kernel with `anchor` at all? */
static bool reachable(const fuser *f, uint32_t anchor, uint32_t layer)
{
    const ep_plan *plan = f->plan;
    return !f->taken[layer] && plan->device[layer] == plan->device[anchor] &&
           plan->subgraph[layer] == plan->subgraph[anchor] &&
           plan->layers->layers[layer].n_outputs == 1;
}

/* The earliest layer outside that reads a tensor of the region; EP_NO_INDEX when there is none.
 * `*closed`: only the last layer's output is read outside, and it alone may be a network output. */
static uint32_t next_reader(const fuser *f, const ep__region *region, bool *closed)
{
    const ep_layers *layers = f->plan->layers;
    uint32_t next = EP_NO_INDEX;
    *closed = true;
    for (uint32_t m = 0; m < region->n; m++) {
        const uint32_t t = layers->layers[region->members[m]].outputs[0];
        const bool last = m + 1 == region->n;
        if (layers->is_output[t] && !last) *closed = false;
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            const uint32_t user = layers->users[u];
            if (in_region(region, user)) continue;
            if (!last) *closed = false;
            if (next == EP_NO_INDEX ||
                f->partition->position[user] < f->partition->position[next]) {
                next = user;
            }
            if (u - layers->users_begin[t] > EP__MAX_KERNEL_LAYERS) return next;
        }
    }
    return next;
}

/* One closure. A refusal leaves the region as it was. */
static ep__answer grow(const fuser *f, ep__region *region, ep__accepts accepts)
{
    const ep_layers *layers = f->plan->layers;
    const uint32_t before = region->n;
    bool closed;
    uint32_t next = next_reader(f, region, &closed);
    assert(closed);
    if (layers->is_output[layers->layers[region->members[before - 1]].outputs[0]]) {
        return EP__REFUSED;
    }
    do {
        if (next == EP_NO_INDEX || region->n == EP__MAX_KERNEL_LAYERS ||
            !reachable(f, region->members[0], next)) {
            region->n = before;
            return EP__REFUSED;
        }
        region->members[region->n++] = next;
        next = next_reader(f, region, &closed);
    } while (!closed);
    ep__region base = *region;
    base.n = before;
    const ep__answer answer = accepts(f->plan, &base, region->members + before, region->n - before);
    if (answer == EP__REFUSED) region->n = before;
    return answer;
}

/* ---- kernels ------------------------------------------------------------------------------- */

bool ep__contains(const uint32_t *list, uint32_t n, uint32_t value)
{
    for (uint32_t i = 0; i < n; i++) {
        if (list[i] == value) return true;
    }
    return false;
}

/* What the kernel reads from outside, each tensor once. */
static ep_status set_inputs(fuser *f, ep_kernel *kernel, const ep__region *region, ep_error *err)
{
    const ep_layers *layers = f->plan->layers;
    const uint32_t exit = region->members[region->n - 1];
    uint64_t room = 0;
    for (uint32_t m = 0; m < region->n; m++) room += layers->layers[region->members[m]].n_inputs;
    uint32_t *inputs = EP_NEW(f->arena, uint32_t, room);
    if (!inputs) return ep_fail_memory(err);
    for (uint32_t m = 0; m < region->n; m++) {
        const ep_layer *l = &layers->layers[region->members[m]];
        for (uint32_t i = 0; i < l->n_inputs; i++) {
            const uint32_t t = layers->root[l->inputs[i]];
            const uint32_t p = layers->producer[t];
            if (f->read_by[t] == exit || (p != EP_NO_INDEX && in_region(region, p))) continue;
            f->read_by[t] = exit;
            inputs[kernel->n_inputs++] = t;
        }
    }
    kernel->inputs = inputs;
    return EP_OK;
}

static ep_status set_name(fuser *f, ep_kernel *kernel, ep_error *err)
{
    size_t length = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        length += strlen(f->plan->layers->layers[kernel->layers[i]].name) + 3;
    }
    char *name = EP_NEW(f->arena, char, length + 1);
    if (!name) return ep_fail_memory(err);
    char *p = name;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const char *layer = f->plan->layers->layers[kernel->layers[i]].name;
        if (i > 0) p = (char *)memcpy(p, " + ", 3) + 3;
        const size_t n = strlen(layer);
        p = (char *)memcpy(p, layer, n) + n;
    }
    kernel->name = name;
    return EP_OK;
}

static ep_status make_kernel(fuser *f, const ep__region *region, ep_error *err)
{
    const ep_plan *plan = f->plan;
    const uint32_t exit = region->members[region->n - 1];
    ep_kernel *kernel = &f->by_exit[exit];
    *kernel = (ep_kernel){.kind = EP_KERNEL_LAYERS,
                          .device = plan->device[exit],
                          .subgraph = plan->subgraph[exit],
                          .n_layers = region->n};
    kernel->layers = ep_arena_copy(f->arena, region->members, region->n * sizeof(uint32_t));
    if (!kernel->layers) return ep_fail_memory(err);
    const ep_layers *layers = plan->layers;
    for (uint32_t i = 0; i < region->n; i++) {
        f->taken[region->members[i]] = true;
        const ep_layer *main = &layers->layers[region->members[kernel->main]];
        if (layers->layers[region->members[i]].macs > main->macs) kernel->main = i;
    }
    kernel->precision = plan->precision[region->members[kernel->main]];
    kernel->n_outputs = layers->layers[exit].n_outputs;
    kernel->outputs = layers->layers[exit].outputs;
    EP_TRY(set_inputs(f, kernel, region, err));
    return set_name(f, kernel, err);
}

static ep_status fuse_from(fuser *f, uint32_t anchor, ep_error *err)
{
    const ep_layer *layer = &f->plan->layers->layers[anchor];
    ep__region region = {.n = 1, .members = {anchor}};
    const ep__accepts accepts =
        ep_device_is_dla(f->plan->device[anchor]) ? ep__dla_fusion(layer) : ep__gpu_fusion(layer);
    if (accepts && layer->n_outputs == 1) {
        uint32_t complete = region.n;
        for (ep__answer answer; (answer = grow(f, &region, accepts)) != EP__REFUSED;) {
            if (answer == EP__JOINED) complete = region.n;
        }
        region.n = complete;
    }
    return make_kernel(f, &region, err);
}

/* ---- reformats ----------------------------------------------------------------------------- */

typedef struct emitter {
    fuser *f;
    ep_kernel *kernels;
    uint32_t n;
    uint8_t *formats;    /* per tensor: those in which it is at hand, bits of format_of */
    ep_precision *given; /* per network input that is at hand: as it comes from outside */
} emitter;

/* Sets of formats: a bit for each size of element, FP32 (and TF32), FP16, INT8, on each side. */
enum { ON_GPU = 0x07, ON_DLA = 0x70 };

static uint8_t side_of(ep_device device)
{
    return ep_device_is_dla(device) ? ON_DLA : ON_GPU;
}

static uint8_t format_of(ep_device device, ep_precision precision)
{
    const uint8_t size = precision == EP_INT8 ? 0x11 : precision == EP_FP16 ? 0x22 : 0x44;
    return size & side_of(device);
}

ep_kernel ep__reformat_of(const uint32_t *tensor, ep_precision from, ep_precision to, bool crosses)
{
    return (ep_kernel){.kind = EP_KERNEL_REFORMAT,
                       .device = EP_GPU,
                       .precision = to,
                       .from = from,
                       .crosses = crosses,
                       .subgraph = EP_NO_INDEX,
                       .n_inputs = 1,
                       .n_outputs = 1,
                       .inputs = tensor,
                       .outputs = tensor};
}

static ep_status add_reformat(emitter *e, uint32_t tensor, ep_precision from, ep_precision to,
                              bool crosses, const char *where, ep_error *err)
{
    ep_kernel *kernel = &e->kernels[e->n++];
    uint32_t *operand = ep_arena_copy(e->f->arena, &tensor, sizeof tensor);
    *kernel = ep__reformat_of(operand, from, to, crosses);
    kernel->name = ep_arena_printf(e->f->arena, "reformat %s %s",
                                   e->f->plan->layers->network->tensors[tensor].name, where);
    return operand && kernel->name ? EP_OK : ep_fail_memory(err);
}

ep_precision ep__io_precision(const ep_layers *layers, uint32_t tensor)
{
    return layers->network->tensors[tensor].dtype == EP_DTYPE_FLOAT16 ? EP_FP16 : EP_FP32;
}

/* The formats in which GPU kernels read and write a tensor as it crosses the border. */
static uint8_t io_formats(const ep_layers *layers, uint32_t tensor)
{
    if (!ep_dtype_is_float(layers->network->tensors[tensor].dtype)) return ON_GPU;
    return format_of(EP_GPU, ep__io_precision(layers, tensor));
}

static const char *towards(const ep_kernel *kernel)
{
    return ep_device_is_dla(kernel->device) ? "to the DLA" : "to the GPU";
}

/* Makes network input `t` readable by `kernel`. What comes in is one format, which no kernel of
 * another precision or device reads: that takes a reformat, one for all that want the same. Asked
 * for natively, it comes in as its first reader likes it, and only readers that differ from that
 * one need a reformat still. */
static ep_status bring_in(emitter *e, uint32_t t, const ep_kernel *kernel, ep_error *err)
{
    const ep_dtype dtype = e->f->plan->layers->network->tensors[t].dtype;
    const uint8_t format = ep_dtype_is_float(dtype) ? format_of(kernel->device, kernel->precision)
                                                    : side_of(kernel->device);
    const bool first = e->formats[t] == 0;
    if (e->formats[t] & format) return EP_OK;
    e->formats[t] |= format;
    if (first) {
        e->given[t] = kernel->precision;
        return EP_OK;
    }
    e->f->plan->io_reformats++;
    return add_reformat(e, t, e->given[t], kernel->precision, ep_device_is_dla(kernel->device),
                        towards(kernel), err);
}

/* Makes tensor `t`, which a layer computes, readable by `kernel`. Between kernels of one device
 * precision changes as a kernel loads its operands; so it does after a crossing. That is one copy
 * for the device, then, in the precision of its first reader there, and one transition. */
static ep_status carry(emitter *e, uint32_t t, const ep_kernel *kernel, ep_error *err)
{
    ep_plan *plan = e->f->plan;
    const uint8_t side = side_of(kernel->device);
    if (e->formats[t] & side) return EP_OK;
    e->formats[t] |= side;
    plan->transitions++;
    const ep_precision from = ep_sim_tensor_precision(plan, t, kernel->precision);
    return add_reformat(e, t, from, kernel->precision, true, towards(kernel), err);
}

static void emit(emitter *e, const ep_kernel *kernel)
{
    for (uint32_t i = 0; i < kernel->n_outputs; i++) {
        e->formats[kernel->outputs[i]] |= side_of(kernel->device);
    }
    e->kernels[e->n++] = *kernel;
}

/* Kernels of order[begin .. end), which one subgraph or a single GPU layer takes up, after the
 * reformats that they need: a loadable starts only when all its inputs are there. */
static ep_status emit_range(emitter *e, uint32_t begin, uint32_t end, ep_error *err)
{
    const fuser *f = e->f;
    const ep_layers *layers = f->plan->layers;
    for (uint32_t i = begin; i < end; i++) {
        const ep_kernel *kernel = &f->by_exit[f->partition->order[i]];
        for (uint32_t j = 0; kernel->n_layers && j < kernel->n_inputs; j++) {
            const uint32_t t = kernel->inputs[j];
            const uint32_t p = layers->producer[t];
            const bool inside = p != EP_NO_INDEX && kernel->subgraph != EP_NO_INDEX &&
                                f->plan->subgraph[p] == kernel->subgraph;
            if (inside) continue;
            EP_TRY(p == EP_NO_INDEX ? bring_in(e, t, kernel, err) : carry(e, t, kernel, err));
        }
    }
    for (uint32_t i = begin; i < end; i++) {
        const ep_kernel *kernel = &f->by_exit[f->partition->order[i]];
        if (kernel->n_layers) emit(e, kernel);
    }
    return EP_OK;
}

/* Results leave in linear layout and their own type. */
static ep_status emit_outputs(emitter *e, ep_error *err)
{
    ep_plan *plan = e->f->plan;
    const ep_layers *layers = plan->layers;
    for (uint32_t i = 0; i < layers->network->n_outputs; i++) {
        const uint32_t t = layers->root[layers->network->outputs[i]];
        const uint32_t p = layers->producer[t];
        if (p == EP_NO_INDEX) continue;
        if (io_formats(layers, t) & format_of(plan->device[p], plan->precision[p])) continue;
        plan->io_reformats++;
        EP_TRY(add_reformat(e, t, plan->precision[p], ep__io_precision(layers, t),
                            ep_device_is_dla(plan->device[p]), "to the output", err));
    }
    return EP_OK;
}

/* Network inputs arrive in linear layout and their own type. */
static void take_inputs(emitter *e)
{
    const ep_layers *layers = e->f->plan->layers;
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        if (layers->producer[t] != EP_NO_INDEX) continue;
        e->formats[t] = io_formats(layers, t);
        e->given[t] = ep__io_precision(layers, t);
    }
}

static ep_status emit_all(fuser *f, ep_io io, ep_error *err)
{
    const ep_layers *layers = f->plan->layers;
    const uint32_t n = layers->n_layers;
    /* kernels, and at most a reformat for each of their inputs and the network's outputs */
    uint64_t room = (uint64_t)n + layers->network->n_outputs;
    for (uint32_t l = 0; l < n; l++) room += f->by_exit[l].n_inputs;
    emitter e = {.f = f,
                 .kernels = EP_NEW(f->arena, ep_kernel, room),
                 .formats = EP_NEW(f->arena, uint8_t, layers->network->n_tensors),
                 .given = EP_NEW(f->arena, ep_precision, layers->network->n_tensors)};
    if (!e.kernels || !e.formats || !e.given) return ep_fail_memory(err);
    if (io == EP_IO_LINEAR) take_inputs(&e);
    const uint32_t *order = f->partition->order;
    for (uint32_t begin = 0, end; begin < n; begin = end) {
        const uint32_t subgraph = f->plan->subgraph[order[begin]];
        end = begin + 1;
        while (subgraph != EP_NO_INDEX && end < n && f->plan->subgraph[order[end]] == subgraph)
            end++;
        EP_TRY(emit_range(&e, begin, end, err));
    }
    if (io == EP_IO_LINEAR) EP_TRY(emit_outputs(&e, err));
    f->plan->kernels = e.kernels;
    f->plan->n_kernels = e.n;
    return EP_OK;
}

ep_status ep__fuse(const ep__partition *partition, ep_io io, ep_arena *arena, ep_plan *plan,
                   ep_error *err)
{
    const uint32_t n = plan->layers->n_layers;
    fuser f = {.partition = partition,
               .arena = arena,
               .plan = plan,
               .read_by = EP_NEW(arena, uint32_t, plan->layers->network->n_tensors),
               .taken = EP_NEW(arena, bool, n),
               .by_exit = EP_NEW(arena, ep_kernel, n)};
    if (!f.read_by || !f.taken || !f.by_exit) return ep_fail_memory(err);
    for (uint32_t t = 0; t < plan->layers->network->n_tensors; t++) f.read_by[t] = EP_NO_INDEX;
    for (uint32_t i = 0; i < n; i++) {
        if (!f.taken[partition->order[i]]) EP_TRY(fuse_from(&f, partition->order[i], err));
    }
    return emit_all(&f, io, err);
}
