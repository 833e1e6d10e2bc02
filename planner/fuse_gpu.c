/* What TensorRT fuses on the GPU (fusion types of its developer guide). */
#include <assert.h>

#include "planner/planner_internal.h"

bool ep__is_pointwise(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_ACTIVATION:
    case EP_LAYER_PARAMETRIC_RELU:
    case EP_LAYER_UNARY:
    case EP_LAYER_ELEMENTWISE:
    case EP_LAYER_COMPARISON:
    case EP_LAYER_SCALE:
    case EP_LAYER_SELECT:
    case EP_LAYER_CAST: return true;
    default: return false;
    }
}

static const ep_layer *layer_at(const ep_plan *plan, uint32_t l)
{
    return &plan->layers->layers[l];
}

static bool is_convolution(const ep_layer *layer)
{
    return layer->type == EP_LAYER_CONVOLUTION || layer->type == EP_LAYER_DECONVOLUTION;
}

/* Both forms of Gelu written out: with an error function, with a hyperbolic tangent. */
static bool is_gelu(const ep_plan *plan, const uint32_t *added, uint32_t n_added)
{
    for (uint32_t i = 0; i < n_added; i++) {
        const ep_function function = layer_at(plan, added[i])->function;
        if (function == EP_FN_ERF || function == EP_FN_TANH) return true;
    }
    return false;
}

/* The added layers read nothing but the region and each other: x * sigmoid(x), both forms of Gelu,
 * x * hardsigmoid(x). A function of one argument, whatever its parts. */
static bool is_composite_activation(const ep_plan *plan, const ep__region *region,
                                    const uint32_t *added, uint32_t n_added)
{
    const uint32_t tail = region->members[region->n - 1];
    for (uint32_t i = 0; i < n_added; i++) {
        const ep_layer *l = layer_at(plan, added[i]);
        if (!ep__is_pointwise(l)) return false;
        for (uint32_t j = 0; j < l->n_inputs; j++) {
            const uint32_t p = plan->layers->producer[plan->layers->root[l->inputs[j]]];
            if (p != tail && !ep__contains(added, n_added, p)) return false;
        }
    }
    return true;
}

/* What TensorRT documents behind a convolution is ReLU, Clip and GELU; other functions run as a
 * pointwise kernel of their own. A matrix product is compiled as a whole, with any. */
static bool is_fusable_activation(const ep_layer *product, const ep_layer *layer)
{
    if (layer->type != EP_LAYER_ACTIVATION && layer->type != EP_LAYER_PARAMETRIC_RELU) return false;
    switch (layer->function) {
    case EP_FN_RELU:
    case EP_FN_CLIP:
    case EP_FN_GELU: return true;
    default: return !is_convolution(product);
    }
}

/* A shift or scale that is one value, or one a channel of the product before it. */
static bool is_channel_scale(const ep_plan *plan, const ep_layer *layer, const ep_layer *product)
{
    if (layer->type != EP_LAYER_SCALE) return false;
    const int rank = plan->layers->network->tensors[layer->outputs[0]].shape.rank;
    const bool columns =
        product->type == EP_LAYER_FULLY_CONNECTED || product->type == EP_LAYER_MATRIX_MULTIPLY;
    const uint8_t channel = (uint8_t)(1U << (columns ? rank - 1 : 1));
    return (layer->axes & (uint8_t)~channel) == 0;
}

/* Sum of two computed tensors of one shape. */
static bool is_residual_sum(const ep_plan *plan, const ep_layer *layer)
{
    if (layer->function != EP_FN_SUM || layer->n_inputs != 2) return false;
    const ep_tensor *tensors = plan->layers->network->tensors;
    return ep_shape_equal(&tensors[layer->inputs[0]].shape, &tensors[layer->inputs[1]].shape);
}

static ep__answer answer(bool joins)
{
    return joins ? EP__JOINED : EP__REFUSED;
}

static ep__answer after_product(const ep_plan *plan, const ep__region *region,
                                const uint32_t *added, uint32_t n_added)
{
    const ep_layer *product = layer_at(plan, region->members[0]);
    if (n_added > 1) {
        const bool documented = !is_convolution(product) || is_gelu(plan, added, n_added);
        return answer(documented && is_composite_activation(plan, region, added, n_added));
    }
    const ep_layer *l = layer_at(plan, added[0]);
    if (is_residual_sum(plan, l)) {
        for (uint32_t i = 0; i < region->n; i++) {
            if (is_residual_sum(plan, layer_at(plan, region->members[i]))) return EP__REFUSED;
        }
        return EP__JOINED;
    }
    return answer(is_fusable_activation(product, l) || is_channel_scale(plan, l, product));
}

static ep__answer in_pointwise(const ep_plan *plan, const ep__region *region, const uint32_t *added,
                               uint32_t n_added)
{
    const ep_layer *tail = layer_at(plan, region->members[region->n - 1]);
    for (uint32_t i = 0; i < n_added; i++) {
        const ep_layer *l = layer_at(plan, added[i]);
        if (!ep__is_pointwise(l) || l->elements != tail->elements) return EP__REFUSED;
    }
    return EP__JOINED;
}

/* Mean, difference, square, mean, root, quotient, scale, shift: a LayerNormalization (or RMSNorm)
 * as exporters before opset 17 write it; a softmax written out likewise. */
static ep__answer in_normalization(const ep_plan *plan, const ep__region *region,
                                   const uint32_t *added, uint32_t n_added)
{
    (void)region;
    for (uint32_t i = 0; i < n_added; i++) {
        const ep_layer *l = layer_at(plan, added[i]);
        if (!ep__is_pointwise(l) && l->type != EP_LAYER_REDUCE && !l->is_view) {
            return EP__REFUSED;
        }
    }
    return EP__JOINED;
}

static bool holds(const ep_plan *plan, const uint32_t *list, uint32_t n, ep_layer_type type)
{
    for (uint32_t i = 0; i < n; i++) {
        if (layer_at(plan, list[i])->type == type) return true;
    }
    return false;
}

/* MatMul, scale, mask, SoftMax, MatMul: one attention kernel, in FP16. Before the second MatMul is
 * reached it is none, so what lies between is pending. */
static ep__answer in_attention(const ep_plan *plan, const ep__region *region, const uint32_t *added,
                               uint32_t n_added)
{
    const ep__answer alone = after_product(plan, region, added, n_added);
    const bool softmax = holds(plan, region->members, region->n, EP_LAYER_SOFTMAX);
    const bool complete = holds(plan, region->members + 1, region->n - 1, EP_LAYER_MATRIX_MULTIPLY);
    if (complete || plan->precision[region->members[0]] != EP_FP16) return alone;
    if (!softmax && alone == EP__JOINED) return EP__JOINED;
    if (softmax && holds(plan, added, n_added, EP_LAYER_MATRIX_MULTIPLY))
        return answer(n_added == 1);
    for (uint32_t i = 0; i < n_added; i++) {
        const ep_layer *l = layer_at(plan, added[i]);
        const bool mask = ep__is_pointwise(l) || l->is_view;
        if (!mask && (softmax || l->type != EP_LAYER_SOFTMAX)) return EP__REFUSED;
    }
    return EP__PENDING;
}

ep__accepts ep__gpu_fusion(const ep_layer *anchor)
{
    switch (anchor->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_FULLY_CONNECTED: return after_product;
    case EP_LAYER_MATRIX_MULTIPLY: return in_attention;
    case EP_LAYER_REDUCE:
    case EP_LAYER_NORMALIZATION: return in_normalization;
    default: return ep__is_pointwise(anchor) ? in_pointwise : NULL;
    }
}
