/* An execution that computes as a plan has it. */
#include "study/study_internal.h"

/* ---- networks of FP16 ---------------------------------------------------------------------- */

static ep_status widen_constant(ep_tensor *tensor, ep_arena *arena, ep_error *err)
{
    enum { BLOCK = 512 };
    double block[BLOCK];
    ep_tensor one = *tensor;
    if (tensor->constness == EP_CONST_SPLAT) one.shape = (ep_shape){0};
    const uint64_t n = ep_tensor_elements(&one);
    const ep_array from = {.dtype = EP_DTYPE_FLOAT16, .n = n, .data = EP_NEW(arena, uint16_t, n)};
    const ep_array to = {.dtype = EP_DTYPE_FLOAT, .n = n, .data = EP_NEW(arena, float, n)};
    if (!from.data || !to.data) return ep_fail_memory(err);
    ep_tensor_copy(&one, from.data);
    for (uint64_t at = 0; at < n; at += BLOCK) {
        const uint64_t count = ep_min_u64(BLOCK, n - at);
        ep_array_get(&from, at, count, block);
        ep_array_set(&to, at, count, block);
    }
    tensor->varint = false;
    tensor->data = to.data;
    tensor->data_bytes = n * sizeof(float);
    return EP_OK;
}

ep_status ep__execution_widen(ep_network *network, ep_error *err)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        for (uint32_t k = 0; k < network->nodes[i].n_attrs; k++) {
            if (network->nodes[i].attrs[k].type == EP_ATTR_GRAPH) return EP_OK;
        }
    }
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        ep_tensor *tensor = &network->tensors[t];
        if (tensor->dtype != EP_DTYPE_FLOAT16) continue;
        if (tensor->constness == EP_CONST_DATA || tensor->constness == EP_CONST_SPLAT) {
            EP_TRY(widen_constant(tensor, network->arena, err));
        }
        tensor->dtype = EP_DTYPE_FLOAT;
    }
    return EP_OK;
}

/* ---- the plan ------------------------------------------------------------------------------ */

/* What lies in which precision. Behind the INT8 kernel of a network with Q/DQ nodes that no Q
 * follows there are no 8-bit integers: TensorRT has it write FP16. */
static ep_status find_stored(ep_execution *e, const float *scales, ep_error *err)
{
    const ep_plan *plan = &e->planned->plan;
    const uint32_t n = e->network->n_tensors;
    ep_precision *stored = EP_NEW(e->arena, ep_precision, n);
    if (!stored) return ep_fail_memory(err);
    for (uint32_t t = 0; t < n; t++) {
        const uint32_t root = plan->layers->root[t];
        stored[t] = ep_sim_tensor_precision(plan, root, EP_FP32);
        const bool unscaled = plan->layers->quantized && !(scales[root] > 0);
        if (stored[t] == EP_INT8 && unscaled) stored[t] = EP_FP16;
    }
    e->numerics.stored = stored;
    return EP_OK;
}

/* A plan that was saved with scales of a calibration is one for layers that have them. */
static ep_status apply_file(ep_execution *e, const ep_execution_plan *wanted, const float *scales,
                            ep_error *err)
{
    const bool fits = ep_plan_file_check_network(wanted->file, e->layers, NULL) == EP_OK;
    if (!fits && !e->layers->quantized) EP_TRY(ep_layers_set_scales(e->layers, scales, err));
    return ep_plan_file_apply(wanted->file, e->layers, wanted->machine, false, &e->planned, err);
}

static ep_status make_plan(ep_execution *e, const ep_execution_plan *wanted, const float *scales,
                           ep_error *err)
{
    if (wanted->file) return apply_file(e, wanted, scales, err);
    if (wanted->calibration.cache) EP_TRY(ep_layers_set_scales(e->layers, scales, err));
    return ep_plan_make(e->layers, wanted->machine, wanted->strategy, &wanted->options, &e->planned,
                        err);
}

ep_status ep__execution_plan(ep_execution *e, const ep_specialize_options *to_run,
                             const ep_execution_options *options, ep_error *err)
{
    const ep_execution_plan *wanted = options->plan;
    ep_specialize_options specialize = *to_run;
    specialize.to_run = false;
    EP_TRY(ep_specialize(e->imported, &specialize, &e->static_network, err));
    EP_TRY(ep_layers_build(e->static_network, &e->layers, err));
    float *scales = EP_NEW(e->arena, float, e->network->n_tensors);
    if (!scales) return ep_fail_memory(err);
    EP_TRY(ep__calibrate(e, options, scales, err));
    EP_TRY(make_plan(e, wanted, scales, err));
    EP_TRY(find_stored(e, scales, err));
    e->numerics.imported = e->imported;
    e->numerics.plan = &e->planned->plan;
    e->numerics.scales = scales;
    e->numerics.half_sums[EP_GPU] = !wanted->machine->gpu.kernels.fp32_sums;
    return EP_OK;
}
