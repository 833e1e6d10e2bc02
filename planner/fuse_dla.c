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

static ep__answer after_convolution(const ep_plan *plan, const ep__region *region,
                                    const uint32_t *added, uint32_t n_added)
{
    const ep_layer *layers = plan->layers->layers;
    if (n_added != 1 || layers[region->members[region->n - 1]].type == EP_LAYER_POOLING) {
        return EP__REFUSED;
    }
    if (layers[added[0]].type == EP_LAYER_POOLING) return EP__JOINED;
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
