/* What the DLA compiler fuses: the pipe's post-processor takes what follows a convolution on the
 * fly, pooling last; without a convolution it runs a few pointwise layers in one pass. */
#include "planner/planner_internal.h"

/* The post-processor has three stages (NVDLA: SDP X1, X2, Y). */
#define SDP_STAGES 3

static bool is_sdp(const ep_plan *plan, const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_SCALE:
    case EP_LAYER_ACTIVATION:
    case EP_LAYER_PARAMETRIC_RELU: return true;
    case EP_LAYER_ELEMENTWISE: {
        const ep_tensor *t = plan->layers->network->tensors;
        return layer->n_inputs == 2 &&
               ep_shape_equal(&t[layer->inputs[0]].shape, &t[layer->inputs[1]].shape);
    }
    default: return false;
    }
}

/* Stages that a region takes so far. Scales right behind its convolution take none: the builder
 * multiplies them into weights and bias. */
static uint32_t stages(const ep_layer *layers, const ep__region *region)
{
    uint32_t folded = 1;
    while (folded < region->n && layers[region->members[folded]].type == EP_LAYER_SCALE) folded++;
    return region->n - folded;
}

/* Lines that a pooling window keeps open at once, by ceil(window / stride) (NVDLA compiler,
 * PDPNode); each is as wide as the result. */
static bool pools_on_the_fly(const ep_plan *plan, const ep_layer *layer)
{
    static const int64_t lines[] = {1, 1, 2, 4, 4, 8, 8, 8, 8};
    const int64_t n =
        (layer->window.kernel[0] + layer->window.stride[0] - 1) / layer->window.stride[0];
    const ep_shape *out = &plan->layers->network->tensors[layer->outputs[0]].shape;
    if (plan->dla_pool_pixels == 0) return true;
    if (n < 0 || n >= (int64_t)(sizeof lines / sizeof lines[0])) return false;
    return lines[n] * out->dims[out->rank - 1] <= plan->dla_pool_pixels;
}

static ep__answer after_convolution(const ep_plan *plan, const ep__region *region,
                                    const uint32_t *added, uint32_t n_added)
{
    const ep_layer *layers = plan->layers->layers;
    if (n_added != 1 || layers[region->members[region->n - 1]].type == EP_LAYER_POOLING) {
        return EP__REFUSED;
    }
    if (layers[added[0]].type == EP_LAYER_POOLING) {
        return pools_on_the_fly(plan, &layers[added[0]]) ? EP__JOINED : EP__REFUSED;
    }
    const bool room = stages(layers, region) < SDP_STAGES;
    return room && is_sdp(plan, &layers[added[0]]) ? EP__JOINED : EP__REFUSED;
}

static ep__answer in_sdp(const ep_plan *plan, const ep__region *region, const uint32_t *added,
                         uint32_t n_added)
{
    const bool room = n_added == 1 && region->n < SDP_STAGES;
    return room && is_sdp(plan, &plan->layers->layers[added[0]]) ? EP__JOINED : EP__REFUSED;
}

ep__accepts ep__dla_fusion(const ep_layer *anchor)
{
    switch (anchor->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_FULLY_CONNECTED: return after_convolution;
    case EP_LAYER_SCALE:
    case EP_LAYER_ACTIVATION:
    case EP_LAYER_PARAMETRIC_RELU:
    case EP_LAYER_ELEMENTWISE: return in_sdp;
    default: return NULL;
    }
}
