/* A kernel of a DLA core: which units work on it, for how many cycles, and what they move. INT8
 * convolution runs on the pipes; what follows it in its kernel passes their post-processors on the
 * fly. Pointwise layers alone take the post-processors of all pipes, a pooling those of one. Rubik
 * has FP16 convolution and changes of layout, BDMA copies. */
#include <math.h>

#include "sim/dla_parts.h"

typedef struct counter {
    const ep_machine *machine;
    const ep_plan *plan;
    const ep_kernel *kernel;
    ep_phases *phases;
} counter;

/* ---- tensors ------------------------------------------------------------------------------- */

static void add_bytes(const counter *c, uint32_t t, double bytes)
{
    const ep_dla_place *places = c->plan->dla_places;
    const bool near = places && places[t] == EP_IN_SRAM;
    *(near ? &c->phases->sram_bytes : &c->phases->dram_bytes) += bytes;
}

static void add_part(void *context, uint32_t t)
{
    const counter *c = context;
    const ep_precision precision = ep_sim_tensor_precision(c->plan, t, c->kernel->precision);
    add_bytes(c, t, ep__dla_tensor_bytes(c->plan, t, precision));
}

static void add_tensor(counter *c, uint32_t t)
{
    ep__dla_parts_of(c->plan->layers, c->plan->dla_places, t, add_part, c);
}

/* Of tensors that lie in parts: the first decides. */
static void note_place(void *context, uint32_t t)
{
    uint32_t *first = context;
    if (*first == EP_NO_INDEX) *first = t;
}

/* ---- convolution --------------------------------------------------------------------------- */

static double share_of_units(const ep_dla *dla, double n)
{
    return dla->pipe_gbps > 0 ? fmin(1, n * dla->pipe_gbps / dla->dram_gbps) : 1;
}

static void use_rubik(const ep_dla *dla, ep_phases *phases)
{
    phases->dram_share =
        dla->rubik_gbps > 0 ? fmin(1, dla->rubik_gbps / dla->dram_gbps) : share_of_units(dla, 1);
}

/* On Rubik the weights come again and again; its MACs, if they were the longer, would hide them. */
static void convolve_on_rubik(counter *c, const ep_dla_conv *conv, double images)
{
    const ep_dla *dla = &c->machine->dla;
    const ep__dla_rubik rubik = ep__dla_rubik_conv(dla, conv);
    c->phases->rubik_cycles += rubik.cycles * images;
    c->phases->dram_bytes += rubik.weight_bytes * images;
    c->phases->overlap = 1;
    use_rubik(dla, c->phases);
}

/* The input is counted once with the kernel's tensors: here what the split reads beyond that. */
static void convolve_on_pipes(counter *c, const ep_layer *layer, ep_dla_conv *conv, double images)
{
    const ep_dla *dla = &c->machine->dla;
    const bool sparse = ep__is_sparse(c->plan, c->kernel, layer);
    conv->weight_share = sparse ? ep__sparse_share(c->kernel->precision) : 1;
    uint32_t input = EP_NO_INDEX;
    ep__dla_parts_of(c->plan->layers, c->plan->dla_places, c->plan->layers->root[layer->inputs[0]],
                     note_place, &input);
    const bool near = c->plan->dla_places && c->plan->dla_places[input] == EP_IN_SRAM;
    const ep_cbuf_split split = ep_sim_cbuf_split(dla, conv, near);
    const double once = (double)conv->h * (double)conv->w *
                        ceil((double)(conv->c * conv->element_bytes) / EP__ATOM_BYTES) *
                        EP__ATOM_BYTES;
    const double rate =
        dla->sparse_rate > 0 ? fmin(dla->sparse_rate, dla->sparse_speedup) : dla->sparse_speedup;
    const double cycles = ep__dla_conv_cycles(dla, conv) / (sparse ? rate : 1);
    c->phases->cpipe_cycles += cycles * images;
    c->phases->dram_bytes += split.weight_bytes * images;
    if (!conv->is_image) add_bytes(c, input, fmax(0, split.data_bytes - once) * images);
    c->phases->pipes = (double)ep__dla_conv_pipes(dla, conv);
    c->phases->dram_share = share_of_units(dla, c->phases->pipes);
    c->phases->overlap = dla->overlap;
    c->phases->fills = images;
}

/* Stride-1 convolutions leave the result in pieces; Rubik reads and writes it once more (NVDLA:
 * contract). */
static void contract(counter *c, const ep_layer *layer)
{
    if (layer->window.stride[0] == 1 && layer->window.stride[1] == 1) return;
    const uint32_t t = c->plan->layers->root[layer->outputs[0]];
    c->phases->dram_bytes += 2 * ep__dla_tensor_bytes(c->plan, t, c->kernel->precision);
    c->phases->rubik_cycles += (double)layer->elements / c->machine->dla.pointwise_elements;
}

static bool convolve(counter *c, const ep_layer *layer)
{
    ep_dla_conv conv;
    double images;
    if (!ep__dla_conv_of(c->plan, layer, c->kernel->precision, &conv, &images)) return false;
    if (ep__dla_on_rubik(&c->machine->dla, c->kernel->precision)) {
        convolve_on_rubik(c, &conv, images);
    } else {
        convolve_on_pipes(c, layer, &conv, images);
    }
    if (layer->type == EP_LAYER_DECONVOLUTION) contract(c, layer);
    c->phases->starts = images;
    return true;
}

/* ---- other layers -------------------------------------------------------------------------- */

static void count_layer(counter *c, const ep_layer *layer)
{
    const ep_dla *dla = &c->machine->dla;
    ep_phases *phases = c->phases;
    const double pass = (double)layer->elements / dla->pointwise_elements;
    switch (layer->type) {
    case EP_LAYER_SHUFFLE:
    case EP_LAYER_RESIZE:
        phases->rubik_cycles += pass;
        use_rubik(dla, phases);
        break;
    case EP_LAYER_CONCATENATION:
    case EP_LAYER_SLICE:
        phases->bdma_cycles += pass;
        phases->dram_share = share_of_units(dla, 1);
        break;
    case EP_LAYER_POOLING: /* a window is gathered line by line, on the pipes at work */
        phases->sdp_cycles = fmax(phases->sdp_cycles, pass * (double)layer->window.kernel[0] *
                                                          (double)dla->pipes / phases->pipes);
        break;
    default: /* stages of the post-processor work at the same time */
        phases->sdp_cycles = fmax(phases->sdp_cycles, pass);
    }
}

/* Without a convolution: what the first layer takes. */
static void set_units(counter *c, const ep_layer *first)
{
    const ep_dla *dla = &c->machine->dla;
    c->phases->pipes = first->type == EP_LAYER_POOLING ? 1 : (double)dla->pipes;
    c->phases->dram_share = share_of_units(dla, c->phases->pipes);
    c->phases->overlap = 1;
}

/* Constants other than the weights of convolutions, which are counted as they are split. */
static double other_constants(const counter *c)
{
    double bytes = ep__weight_bytes(c->plan, c->kernel);
    for (uint32_t i = 0; i < c->kernel->n_layers; i++) {
        const ep_layer *layer = &c->plan->layers->layers[c->kernel->layers[i]];
        ep_dla_conv conv;
        double images;
        if (!ep__dla_conv_of(c->plan, layer, c->kernel->precision, &conv, &images)) continue;
        const uint32_t weights = ep_sim_weights(c->plan->layers, layer);
        if (weights != EP_NO_INDEX) bytes -= ep__const_bytes(c->plan, c->kernel, layer, weights);
    }
    return fmax(0, bytes);
}

static double images_of(const counter *c)
{
    int64_t nchw[4];
    const ep_layer *layer = ep__main_layer(c->plan, c->kernel);
    const ep_tensor *out = &c->plan->layers->network->tensors[layer->outputs[0]];
    return ep_nchw(&out->shape, nchw) ? (double)nchw[0] : 1;
}

/* A layer whose result leaves in FP16 runs in FP16. */
static ep_precision precision_of(const ep_plan *plan, const ep_kernel *kernel)
{
    for (uint32_t i = 0; i < kernel->n_outputs; i++) {
        const uint32_t t = kernel->outputs[i];
        if (ep_sim_tensor_precision(plan, t, kernel->precision) == EP_FP16) return EP_FP16;
    }
    return kernel->precision;
}

/* What streams reads and writes at the same time, each at the pace of its unit. */
static void stream(counter *c, double read_bytes)
{
    ep_phases *phases = c->phases;
    const double longer = fmax(read_bytes, phases->dram_bytes - read_bytes);
    if (longer > 0) {
        phases->dram_share = fmin(1, phases->dram_share * phases->dram_bytes / longer);
    }
}

void ep__dla_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                  ep_cost *cost)
{
    const uint32_t result = kernel->outputs[0];
    ep_kernel run = *kernel;
    run.precision = cost->precision = precision_of(plan, kernel);
    cost->is_view = plan->dla_places && plan->dla_places[result] == EP_IN_PARTS;
    if (cost->is_view) return;
    ep_phases *phases = &cost->tactics[cost->n_tactics++];
    counter c = {.machine = machine, .plan = plan, .kernel = &run, .phases = phases};
    *phases = (ep_phases){.starts = images_of(&c)};
    phases->dram_bytes = other_constants(&c);
    set_units(&c, &plan->layers->layers[kernel->layers[0]]);
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
        phases->macs += (double)layer->macs;
        if (convolve(&c, layer)) {
            phases->sdp_cycles =
                fmax(phases->sdp_cycles, (double)layer->elements / machine->dla.pointwise_elements);
        } else {
            count_layer(&c, layer);
        }
    }
    for (uint32_t i = 0; i < kernel->n_inputs; i++) add_tensor(&c, kernel->inputs[i]);
    const double read_bytes = phases->dram_bytes;
    for (uint32_t i = 0; i < kernel->n_outputs; i++) add_tensor(&c, kernel->outputs[i]);
    if (phases->fills == 0) stream(&c, read_bytes);
}
