/* In which formats tensors enter and leave the subgraphs (NvInferRuntime.h, TensorFormat; developer
 * guide 8.x, "I/O formats on DLA").
 *
 * The DLA's own formats are the feature maps kCHW32 (INT8) and kCHW16 (FP16): channels in atoms of
 * 32 bytes. An image of three channels would take eleven times its size, so a network input of few
 * channels comes otherwise. A convolution reads kDLA_HWC4, pixels of four channels: C is 1, 3 or 4,
 * at most four groups, the convolution in the input's precision. Any other layer reads planes,
 * kDLA_LINEAR: only rows are padded. Whatever leaves is a feature map, kDLA_HWC4 cannot.
 *
 * The GPU has kernels for kCHW32 and kCHW16 too. TensorRT does not choose the format on one side by
 * the other unless told to (FAQ of Deep-Learning-Accelerator-SW), so the reformat stays. */
#include <assert.h>

#include "planner/planner_internal.h"

enum { IMAGE_GROUPS_MAX = 4, PLANAR_CHANNELS_MAX = 4, ROW_BYTES = 64 };

enum side { ON_GPU, ON_DLA, N_SIDES };

/* What a row's tensor is to the layer that reads or writes it. */
typedef struct extent {
    ep_precision precision;
    int64_t nchw[4];
} extent;

typedef struct lister {
    const ep_plan *plan;
    const ep_kernel **first[N_SIDES]; /* per tensor: the first kernel that reads it there */
    uint32_t *row[2];                 /* per tensor, FP16 and INT8: the last row it entered by */
    ep_boundary *rows;
    extent *extents; /* per row */
    uint32_t n;
} lister;

/* What kernels read and write that have no reason for another. */
static const char *usual_format(ep_precision precision)
{
    return precision == EP_INT8 ? "kCHW32" : precision == EP_FP16 ? "kCHW16" : "kLINEAR";
}

static const char image_format[] = "kDLA_HWC4", planar_format[] = "kDLA_LINEAR";

static uint64_t bytes_of(const char *format, const extent *e)
{
    const int64_t *nchw = e->nchw;
    const bool image = format == image_format;
    if (!image && format != planar_format) {
        const ep_shape shape = {.rank = 4, .dims = {nchw[0], nchw[1], nchw[2], nchw[3]}};
        return ep__feature_bytes(&shape, e->precision);
    }
    const uint64_t pixel = image && nchw[1] > 1 ? PLANAR_CHANNELS_MAX : 1; /* elements */
    const uint64_t planes = image ? 1 : (uint64_t)nchw[1];
    const uint64_t width = (uint64_t)nchw[3] * pixel * ep_precision_bytes(e->precision);
    return (uint64_t)nchw[0] * planes * (uint64_t)nchw[2] * ep_round_up(width, ROW_BYTES);
}

/* `view` is the tensor as the layer sees it. A row without `other` is alike on both sides. */
static ep_boundary *add_row(lister *list, uint32_t subgraph, uint32_t view, bool enters,
                            ep_precision precision)
{
    const ep_layers *layers = list->plan->layers;
    extent *e = &list->extents[list->n];
    ep_boundary *row = &list->rows[list->n++];
    *row = (ep_boundary){.subgraph = subgraph,
                         .tensor = layers->root[view],
                         .enters = enters,
                         .format = usual_format(precision)};
    e->precision = precision;
    const bool known = ep_nchw(&layers->network->tensors[view].shape, e->nchw);
    assert(known); /* general.rank */
    (void)known;
    return row;
}

/* ---- what enters --------------------------------------------------------------------------- */

static bool reads_images(const ep_layer *layer, int64_t channels)
{
    return layer->type == EP_LAYER_CONVOLUTION && layer->groups <= IMAGE_GROUPS_MAX &&
           (channels == 1 || channels == 3 || channels == 4);
}

static const char *input_format(const ep_layer *layer, int64_t channels, ep_precision precision)
{
    if (reads_images(layer, channels)) return image_format;
    const bool planar = layer->type != EP_LAYER_CONVOLUTION && channels <= PLANAR_CHANNELS_MAX;
    return planar ? planar_format : usual_format(precision);
}

/* A network input comes in linear layout, or as the first kernel that reads it likes it. */
static void set_other_side(const lister *list, const ep_kernel *kernel, ep_boundary *row)
{
    const ep_kernel *gpu = list->first[ON_GPU][row->tensor];
    const ep_kernel *dla = list->first[ON_DLA][row->tensor];
    const ep_kernel *first = !gpu || dla < gpu ? dla : gpu;
    if (!list->plan->native_io) {
        row->reformat = true;
        row->other = "kLINEAR";
    } else if (first == gpu || first->precision != kernel->precision) {
        row->reformat = true;
        row->other = usual_format(first->precision);
    }
}

static void enter_input(lister *list, const ep_kernel *kernel, const ep_layer *layer, uint32_t view)
{
    const uint32_t t = list->plan->layers->root[view];
    uint32_t *at = &list->row[kernel->precision == EP_INT8][t];
    if (*at != EP_NO_INDEX && list->rows[*at].subgraph == kernel->subgraph) {
        const char **format = &list->rows[*at].format;
        const bool image = reads_images(layer, list->extents[*at].nchw[1]);
        if (*format == image_format && !image) *format = planar_format;
        return;
    }
    *at = list->n;
    ep_boundary *row = add_row(list, kernel->subgraph, view, true, kernel->precision);
    row->format = input_format(layer, list->extents[*at].nchw[1], kernel->precision);
    set_other_side(list, kernel, row);
}

/* From the GPU there is one copy for the DLA, in the precision of its first reader there; from
 * another loadable it is there. */
static void enter_computed(lister *list, const ep_kernel *kernel, uint32_t producer, uint32_t view)
{
    const ep_plan *plan = list->plan;
    const uint32_t t = plan->layers->root[view];
    uint32_t *at = &list->row[0][t];
    if (*at != EP_NO_INDEX && list->rows[*at].subgraph == kernel->subgraph) return;
    *at = list->n;
    const bool from_dla = ep_device_is_dla(plan->device[producer]);
    const ep_precision made = ep_sim_tensor_precision(plan, t, kernel->precision);
    const ep_precision precision = from_dla ? made : list->first[ON_DLA][t]->precision;
    ep_boundary *row = add_row(list, kernel->subgraph, view, true, precision);
    row->other = usual_format(made);
    row->reformat = !from_dla;
}

static void enter(lister *list, const ep_kernel *kernel)
{
    const ep_plan *plan = list->plan;
    for (uint32_t i = 0; i < kernel->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[kernel->layers[i]];
        for (uint32_t j = 0; j < layer->n_inputs; j++) {
            const uint32_t producer = plan->layers->producer[plan->layers->root[layer->inputs[j]]];
            if (producer == EP_NO_INDEX) {
                enter_input(list, kernel, layer, layer->inputs[j]);
            } else if (plan->subgraph[producer] != kernel->subgraph) {
                enter_computed(list, kernel, producer, layer->inputs[j]);
            }
        }
    }
}

/* ---- what leaves --------------------------------------------------------------------------- */

/* A row for each that it goes to: out of the network, the GPU, another loadable. */
static void leave(lister *list, uint32_t subgraph, uint32_t t)
{
    const ep_plan *plan = list->plan;
    const ep_layers *layers = plan->layers;
    const ep_precision precision = ep_sim_tensor_precision(plan, t, EP_FP16);
    const ep_kernel *gpu = list->first[ON_GPU][t];
    bool to_dla = false;
    for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
        const uint32_t s = plan->subgraph[layers->users[u]];
        to_dla |= s != EP_NO_INDEX && s != subgraph;
    }
    if (layers->is_output[t]) {
        ep_boundary *row = add_row(list, subgraph, t, false, precision);
        row->reformat = !plan->native_io;
        row->other = plan->native_io ? NULL : "kLINEAR";
    }
    if (gpu) {
        ep_boundary *row = add_row(list, subgraph, t, false, precision);
        row->reformat = true;
        row->other = usual_format(gpu->precision);
    }
    if (to_dla) add_row(list, subgraph, t, false, precision);
}

static void leave_all(lister *list, const ep_subgraph *subgraph, uint32_t index)
{
    const ep_plan *plan = list->plan;
    for (uint32_t i = 0; i < subgraph->n_layers; i++) {
        const ep_layer *layer = &plan->layers->layers[subgraph->layers[i]];
        for (uint32_t o = 0; o < layer->n_outputs; o++) {
            if (plan->leaves[layer->outputs[o]]) leave(list, index, layer->outputs[o]);
        }
    }
}

/* ---- all together -------------------------------------------------------------------------- */

/* No fewer than there will be rows. */
static uint64_t count_rows(const ep_plan *plan)
{
    uint64_t n = 0;
    for (uint32_t l = 0; l < plan->layers->n_layers; l++) {
        const ep_layer *layer = &plan->layers->layers[l];
        if (plan->subgraph[l] == EP_NO_INDEX) continue;
        for (uint32_t i = 0; i < layer->n_inputs; i++) {
            const uint32_t p = plan->layers->producer[plan->layers->root[layer->inputs[i]]];
            n += p == EP_NO_INDEX || plan->subgraph[p] != plan->subgraph[l];
        }
        for (uint32_t o = 0; o < layer->n_outputs; o++) {
            if (plan->leaves[layer->outputs[o]]) n += 3;
        }
    }
    return n;
}

static void find_first_readers(lister *list)
{
    const ep_plan *plan = list->plan;
    for (uint32_t k = plan->n_kernels; k-- > 0;) {
        const ep_kernel *kernel = &plan->kernels[k];
        if (kernel->kind == EP_KERNEL_REFORMAT) continue;
        const enum side side = ep_device_is_dla(kernel->device) ? ON_DLA : ON_GPU;
        for (uint32_t i = 0; i < kernel->n_inputs; i++) {
            list->first[side][kernel->inputs[i]] = kernel;
        }
    }
}

static void finish(lister *list)
{
    for (uint32_t i = 0; i < list->n; i++) {
        ep_boundary *row = &list->rows[i];
        if (!row->other) row->other = row->format;
        row->bytes = bytes_of(row->format, &list->extents[i]);
    }
}

ep_status ep_plan_boundaries(const ep_plan *plan, ep_arena *arena, const ep_boundary **out,
                             uint32_t *n, ep_error *err)
{
    const uint32_t n_tensors = plan->layers->network->n_tensors;
    const uint64_t room = count_rows(plan);
    lister list = {.plan = plan,
                   .rows = EP_NEW(arena, ep_boundary, room),
                   .extents = EP_NEW(arena, extent, room)};
    for (int i = 0; i < 2; i++) {
        list.row[i] = EP_NEW(arena, uint32_t, n_tensors);
        list.first[i] = EP_NEW(arena, const ep_kernel *, n_tensors);
        if (!list.row[i] || !list.first[i]) return ep_fail_memory(err);
        for (uint32_t t = 0; t < n_tensors; t++) list.row[i][t] = EP_NO_INDEX;
    }
    if (!list.rows || !list.extents) return ep_fail_memory(err);
    find_first_readers(&list);
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const uint32_t subgraph = plan->kernels[k].subgraph;
        if (subgraph == EP_NO_INDEX) continue;
        enter(&list, &plan->kernels[k]);
        const bool last = k + 1 == plan->n_kernels || plan->kernels[k + 1].subgraph != subgraph;
        if (last) leave_all(&list, &plan->subgraphs[subgraph], subgraph);
    }
    finish(&list);
    assert(list.n <= room);
    *out = list.rows;
    *n = list.n;
    return EP_OK;
}
