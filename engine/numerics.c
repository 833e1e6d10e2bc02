/* What a plan says of each node, found once. */
#include "engine/numerics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/product.h"

typedef struct maker {
    ep__frame *frame;
    const ep_numerics *given;
    const ep_plan *plan;
    ep__numerics *numerics;
    uint32_t *kernel_of; /* per layer of the plan */
    ep__rounding *state; /* per tensor: what was done to it */
    uint32_t n_missing;  /* tensors of INT8 that have no scale */
    const char *missing; /* the first */
} maker;

/* ---- tensors ------------------------------------------------------------------------------- */

static const ep_tensor *tensor_of(const maker *m, uint32_t t)
{
    return &m->frame->network->tensors[t];
}

/* Constants of the plan may be nodes here, which ran once. */
static bool is_const(const maker *m, uint32_t t)
{
    return ep_tensor_is_const(tensor_of(m, t)) ||
           ep_tensor_is_const(&m->plan->layers->network->tensors[t]);
}

/* The kernel that computes a tensor; EP_NO_INDEX: none. */
static uint32_t writer_of(const maker *m, uint32_t t)
{
    const uint32_t layer = m->plan->layers->producer[m->plan->layers->root[t]];
    return layer == EP_NO_INDEX ? EP_NO_INDEX : m->kernel_of[layer];
}

static float scale_of(const maker *m, uint32_t t)
{
    const float scale = m->given->scales[t];
    return scale > 0 ? scale : m->given->scales[m->plan->layers->root[t]];
}

/* Rounding of tensor `t` to a precision; INT8 takes its scale, else that of `inherited`. */
static ep__rounding rounding_of(maker *m, uint32_t t, ep_precision precision,
                                ep__rounding inherited)
{
    if (tensor_of(m, t)->dtype != EP_DTYPE_FLOAT) return (ep__rounding){0};
    if (precision != EP_INT8) return (ep__rounding){.precision = precision};
    float scale = scale_of(m, t);
    if (!(scale > 0) && inherited.precision == EP_INT8) scale = inherited.scale;
    if (!(scale > 0) && m->n_missing++ == 0) m->missing = tensor_of(m, t)->name;
    return (ep__rounding){.precision = EP_INT8, .scale = scale};
}

static bool same(ep__rounding a, ep__rounding b)
{
    return a.precision == b.precision && !(a.scale < b.scale) && !(a.scale > b.scale);
}

/* ---- weights ------------------------------------------------------------------------------- */

/* The scales of a constant in the file's DequantizeLinear; `*n` is 0 when there is none. */
static ep_status stated_scales(const maker *m, uint32_t t, const float **scales, uint64_t *n,
                               ep_error *err)
{
    const ep_network *imported = m->given->imported;
    const uint32_t producer = imported->tensors[t].producer;
    *n = 0;
    *scales = NULL;
    if (producer == EP_NO_INDEX) return EP_OK;
    const ep_node *node = &imported->nodes[producer];
    const ep_tensor *scale = ep_node_input(imported, node, 1);
    const bool stated = strcmp(node->op_type, "DequantizeLinear") == 0 && scale &&
                        scale->has_shape && scale->dtype == EP_DTYPE_FLOAT &&
                        (scale->constness == EP_CONST_DATA || scale->constness == EP_CONST_SPLAT);
    if (!stated) return EP_OK;
    EP_TRY(ep_shape_elements(&scale->shape, n, err));
    float *values = EP_NEW(m->numerics->arena, float, *n);
    if (!values) return ep_fail_memory(err);
    ep_tensor_copy(scale, values);
    *scales = values;
    return EP_OK;
}

static ep_status make_integers(const maker *m, const ep_node *node, ep__node_numerics *n,
                               const ep_array *weights, ep_error *err)
{
    const uint32_t bias = node->n_inputs > 2 ? node->inputs[2] : EP_NO_INDEX;
    const float *scales;
    uint64_t n_scales;
    if (bias != EP_NO_INDEX && !is_const(m, bias)) return EP_OK;
    EP_TRY(stated_scales(m, node->inputs[1], &scales, &n_scales, err));
    return ep__integer_product_make(&m->frame->context->copies, m->frame->network, node, weights,
                                    bias == EP_NO_INDEX ? NULL : &m->frame->cells[bias].array,
                                    n->inputs[0].scale, scales, n_scales, &n->integers, err);
}

/* Rounds the constant operand 1 of a product. */
static ep_status make_weights(maker *m, const ep_node *node, ep__node_numerics *n, ep_precision p,
                              ep_error *err)
{
    const uint32_t t = node->inputs[1], threads = m->frame->context->threads;
    const ep_array *array = &m->frame->cells[t].array;
    ep__rounding rounding = {.precision = p};
    if (array->dtype != EP_DTYPE_FLOAT) return EP_OK;
    if (p == EP_INT8) {
        if (n->inputs[0].scale > 0) EP_TRY(make_integers(m, node, n, array, err));
        if (n->integers) return EP_OK;
        /* multiplied in FP32, with one scale */
        rounding.scale = ep__largest(array->n, array->data) / 127;
        if (!(rounding.scale > 0)) return EP_OK;
    }
    EP_TRY(
        ep__cell_new(&m->frame->context->copies, EP_DTYPE_FLOAT, &array->shape, &n->weights, err));
    m->numerics->losses[t] = (ep_loss){0}; /* others may read it, too */
    ep__round(threads, rounding, array->n, array->data, n->weights.array.data,
              &m->numerics->losses[t]);
    return EP_OK;
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* How many of a layer's operands are multiplied with each other. */
static uint32_t n_factors(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_FULLY_CONNECTED:
    case EP_LAYER_MATRIX_MULTIPLY: return 2;
    default: return 0;
    }
}

static bool only_moves(const ep__kernel *kernel, const ep_layer *layer)
{
    return (kernel->flags & EP__MOVES) || layer->function == EP_FN_MAX_POOL ||
           layer->type == EP_LAYER_CONCATENATION;
}

static ep_status plan_inputs(maker *m, const ep_node *node, const ep_layer *layer,
                             const ep_kernel *kernel, ep__node_numerics *n, ep_error *err)
{
    n->inputs = EP_NEW(m->numerics->arena, ep__rounding, node->n_inputs);
    n->outside = EP_NEW(m->numerics->arena, bool, node->n_inputs);
    if (!n->inputs || !n->outside) return ep_fail_memory(err);
    const ep_precision p = kernel->precision;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const uint32_t t = node->inputs[i];
        if (t == EP_NO_INDEX || is_const(m, t)) continue;
        const uint32_t writer = writer_of(m, t);
        const bool factor = i < n_factors(layer);
        n->outside[i] = writer == EP_NO_INDEX || &m->plan->kernels[writer] != kernel;
        if (!factor && (!n->outside[i] || p == EP_TF32)) continue;
        n->inputs[i] = rounding_of(m, t, p, m->state[t]);
    }
    const bool weights = n_factors(layer) > 1 && node->n_inputs > 1 && p != EP_FP32 &&
                         node->inputs[1] != EP_NO_INDEX && is_const(m, node->inputs[1]);
    return weights ? make_weights(m, node, n, p, err) : EP_OK;
}

static void plan_outputs(maker *m, const ep_node *node, const ep_layer *layer,
                         const ep__kernel *kernel, ep__node_numerics *n)
{
    const bool moves = only_moves(kernel, layer) && node->n_inputs > 0;
    const ep__rounding inherited = moves ? n->inputs[0] : (ep__rounding){0};
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t t = node->outputs[i];
        if (t == EP_NO_INDEX) continue;
        n->output = rounding_of(m, t, m->given->stored[t], inherited);
        if (n->output.precision == EP_TF32) n->output.precision = EP_FP32;
        m->state[t] = n->output;
    }
}

static ep_status plan_node(maker *m, uint32_t index, ep_error *err)
{
    const ep_node *node = &m->frame->network->nodes[index];
    const ep__step *step = &m->frame->steps[index];
    ep__node_numerics *n = &m->numerics->nodes[index];
    if (step->once || !step->kernel || node->n_outputs == 0 || node->outputs[0] == EP_NO_INDEX) {
        return EP_OK;
    }
    if (step->kernel->flags & EP__VIEW) {
        m->state[node->outputs[0]] = m->state[node->inputs[0]];
        return EP_OK;
    }
    const ep_layers *layers = m->plan->layers;
    const uint32_t layer = layers->producer[node->outputs[0]];
    if (layer == EP_NO_INDEX || m->kernel_of[layer] == EP_NO_INDEX) return EP_OK;
    const ep_kernel *kernel = &m->plan->kernels[m->kernel_of[layer]];
    n->in_kernel = true;
    n->half_sums = kernel->precision == EP_FP16 && m->given->half_sums[kernel->device];
    EP_TRY(plan_inputs(m, node, &layers->layers[layer], kernel, n, err));
    if (kernel->layers[kernel->n_layers - 1] == layer) {
        plan_outputs(m, node, &layers->layers[layer], step->kernel, n);
    }
    for (uint32_t i = 0; i < node->n_inputs && !m->given->reference; i++) {
        const uint32_t t = node->inputs[i];
        if (t != EP_NO_INDEX && same(m->state[t], n->inputs[i])) n->inputs[i] = (ep__rounding){0};
    }
    return EP_OK;
}

static ep_status make(maker *m, ep_error *err)
{
    ep__numerics *numerics = m->numerics;
    const ep_network *network = m->frame->network;
    const ep_layers *layers = m->plan->layers;
    assert(network->n_tensors == layers->network->n_tensors);
    numerics->reference = m->given->reference;
    numerics->n_nodes = network->n_nodes;
    numerics->nodes = EP_NEW(numerics->arena, ep__node_numerics, network->n_nodes);
    numerics->losses = EP_NEW(numerics->arena, ep_loss, network->n_tensors);
    m->state = EP_NEW(numerics->arena, ep__rounding, network->n_tensors);
    m->kernel_of = EP_NEW(numerics->arena, uint32_t, layers->n_layers);
    if (!numerics->nodes || !numerics->losses || !m->state || !m->kernel_of) {
        return ep_fail_memory(err);
    }
    for (uint32_t l = 0; l < layers->n_layers; l++) m->kernel_of[l] = EP_NO_INDEX;
    for (uint32_t k = 0; k < m->plan->n_kernels; k++) {
        const ep_kernel *kernel = &m->plan->kernels[k];
        for (uint32_t i = 0; i < kernel->n_layers; i++) m->kernel_of[kernel->layers[i]] = k;
    }
    for (uint32_t i = 0; i < network->n_nodes; i++) EP_TRY(plan_node(m, i, err));
    EP_FAIL_IF(m->n_missing > 0, err, EP_BAD_USAGE,
               "tensors of INT8 kernels without a scale: %u, the first is '%s'; scales come from "
               "--calib or Q/DQ nodes",
               (unsigned)m->n_missing, m->missing);
    return EP_OK;
}

ep_status ep__numerics_init(ep__frame *frame, const ep_numerics *given, ep_error *err)
{
    ep__numerics *numerics = calloc(1, sizeof *numerics);
    if (!numerics) return ep_fail_memory(err);
    frame->numerics = numerics;
    numerics->arena = ep_arena_new();
    if (!numerics->arena) return ep_fail_memory(err);
    maker m = {.frame = frame, .given = given, .plan = given->plan, .numerics = numerics};
    return make(&m, err);
}

void ep__numerics_free(ep__numerics *numerics)
{
    if (!numerics) return;
    for (uint32_t i = 0; numerics->nodes && i < numerics->n_nodes; i++) {
        ep__cell_clear(&numerics->nodes[i].weights);
        ep__integer_product_free(numerics->nodes[i].integers);
    }
    ep_arena_free(numerics->arena);
    free(numerics);
}

/* ---- running ------------------------------------------------------------------------------- */

void ep__numerics_begin(ep__frame *frame)
{
    const ep_network *network = frame->network;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs && !frame->steps[i].once; k++) {
            if (node->outputs[k] != EP_NO_INDEX) {
                frame->numerics->losses[node->outputs[k]] = (ep_loss){0};
            }
        }
    }
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        frame->numerics->losses[network->inputs[i]] = (ep_loss){0};
    }
}

/* Replaces operands by what the kernel reads of them. */
static ep_status read_inputs(ep__frame *frame, const ep__node_numerics *n, const ep__call *call,
                             ep_error *err)
{
    const ep__numerics *numerics = frame->numerics;
    for (uint32_t i = 0; i < call->n_inputs; i++) {
        ep_array *array = &frame->operands[i];
        const uint32_t t = call->node->inputs[i];
        if (n->outside[i] && numerics->reference) {
            const ep_array *computed = ep_session_tensor(numerics->reference, t);
            if (computed) *array = *computed;
        }
        const bool integers = i == 0 && n->integers;
        if (n->inputs[i].precision == EP_FP32 || array->dtype != EP_DTYPE_FLOAT) continue;
        if (integers && n->inputs[i].scale == n->integers->scale) continue; /* it rounds itself */
        float *rounded = EP_NEW_RAW(call->scratch, float, array->n);
        if (!rounded) return ep_fail_memory(err);
        ep__round(call->threads, n->inputs[i], array->n, array->data, rounded,
                  &numerics->losses[t]);
        array->data = rounded;
    }
    if (n->weights.array.data) frame->operands[1] = n->weights.array;
    return EP_OK;
}

ep_status ep__numerics_run(ep__frame *frame, const ep__kernel *kernel, ep__call *call,
                           ep_error *err)
{
    const ep__node_numerics *n = &frame->numerics->nodes[call->node - frame->network->nodes];
    if (!n->in_kernel) return ep__kernel_run(kernel, call, err);
    EP_TRY(read_inputs(frame, n, call, err));
    ep__half_sums sums = {0};
    if (n->half_sums) call->half_sums = &sums;
    EP_TRY(n->integers ? ep__integer_product_run(n->integers, kernel, call, err)
                       : ep__kernel_run(kernel, call, err));
    if (sums.overflowed) {
        ep_loss *loss = &frame->numerics->losses[call->node->outputs[0]];
        loss->overflowed += sums.overflowed;
        if (n->output.precision == EP_FP32) loss->n += call->outputs[0].n; /* else counted below */
    }
    for (uint32_t i = 0; i < call->n_outputs && n->output.precision != EP_FP32; i++) {
        const ep_array *out = &call->outputs[i];
        if (out->dtype != EP_DTYPE_FLOAT) continue;
        ep__round(call->threads, n->output, out->n, out->data, out->data,
                  &frame->numerics->losses[call->node->outputs[i]]);
    }
    return EP_OK;
}
