/* The walk over the nodes. */
#include <stdlib.h>
#include <string.h>

#include "engine/integer.h"
#include "engine/onednn/program.h"

/* In strcmp order. */
static const struct {
    const char *op;
    ep__converter convert;
} converters[] = {
    {"Add", ep__convert_pointwise},
    {"AveragePool", ep__convert_pool},
    {"BatchNormalization", ep__convert_norm},
    {"Clip", ep__convert_pointwise},
    {"Concat", ep__convert_concat},
    {"Conv", ep__convert_conv},
    {"Gemm", ep__convert_product},
    {"GlobalAveragePool", ep__convert_pool},
    {"GlobalMaxPool", ep__convert_pool},
    {"HardSwish", ep__convert_pointwise},
    {"MatMul", ep__convert_product},
    {"MaxPool", ep__convert_pool},
    {"Mul", ep__convert_pointwise},
    {"Relu", ep__convert_pointwise},
    {"Sigmoid", ep__convert_pointwise},
    {"Transpose", ep__convert_transpose},
};

static int compare_op(const void *key, const void *row)
{
    return strcmp(key, *(const char *const *)row);
}

static ep__converter find_converter(const ep_node *node)
{
    if (!node->op) return NULL;
    const void *row = bsearch(node->op_type, converters, sizeof converters / sizeof *converters,
                              sizeof *converters, compare_op);
    const size_t index = row ? (size_t)((const char *)row - (const char *)converters) : 0;
    return row ? converters[index / sizeof *converters].convert : NULL;
}

/* ---- before -------------------------------------------------------------------------------- */

static ep_status find_readers(ep__compiler *c, ep_error *err)
{
    const ep_network *network = c->network;
    uint64_t all = 0;
    for (uint32_t i = 0; i < network->n_nodes; i++) all += network->nodes[i].n_inputs;
    c->reader_at = EP_NEW(c->arena, uint32_t, (uint64_t)network->n_tensors + 2);
    c->readers = EP_NEW(c->arena, uint32_t, all);
    if (!c->reader_at || !c->readers || all > UINT32_MAX) return ep_fail_memory(err);
    uint32_t *end = c->reader_at + 1; /* end[t]: where those of t begin, then where they end */
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) end[node->inputs[k] + 1]++;
        }
    }
    for (uint32_t t = 0; t < network->n_tensors; t++) end[t + 1] += end[t];
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) c->readers[end[node->inputs[k]]++] = i;
        }
    }
    return EP_OK;
}

static void find_uses(ep__compiler *c)
{
    for (uint32_t t = 0; t < c->network->n_tensors; t++) {
        c->has_array[t] = true;
        c->dense_piece[t] = EP_NO_INDEX;
        c->owner[t] = c->root[t];
        uint32_t *last = &c->last_use[c->root[t]];
        if (*last < c->frame->last_reader[t]) *last = c->frame->last_reader[t];
    }
    for (uint32_t i = 0; i < c->network->n_outputs; i++)
        c->is_output[c->network->outputs[i]] = true;
}

static ep_status init(ep__compiler *c, ep_error *err)
{
    const uint64_t tensors = c->network->n_tensors, nodes = c->network->n_nodes;
    c->owner = EP_NEW(c->arena, uint32_t, tensors);
    c->last_use = EP_NEW(c->arena, uint32_t, tensors);
    c->is_output = EP_NEW(c->arena, bool, tensors);
    c->forms = EP_NEW(c->arena, ep__form *, tensors);
    c->dense_piece = EP_NEW(c->arena, uint32_t, tensors);
    c->has_array = EP_NEW(c->arena, bool, tensors);
    c->pending = EP_NEW(c->arena, ep__pending *, nodes);
    c->absorbed = EP_NEW(c->arena, bool, nodes);
    const bool complete = c->owner && c->last_use && c->is_output && c->forms && c->dense_piece &&
                          c->has_array && c->pending && c->absorbed;
    if (!complete) return ep_fail_memory(err);
    find_uses(c);
    return find_readers(c, err);
}

/* ---- nodes --------------------------------------------------------------------------------- */

static bool inputs_known(const ep__compiler *c, const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == EP_NO_INDEX) continue;
        const ep_tensor *tensor = &c->network->tensors[node->inputs[i]];
        uint64_t elements;
        if (!tensor->has_shape) return false;
        if (ep_shape_elements(&tensor->shape, &elements, NULL) != EP_OK) return false;
    }
    return true;
}

static uint64_t work_of(const ep__compiler *c, uint32_t index)
{
    const ep_node *node = &c->network->nodes[index];
    uint64_t inputs = 0, outputs = 0;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *tensor = ep_node_input(c->network, node, i);
        if (tensor) inputs = ep_max_u64(inputs, ep_tensor_elements(tensor));
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        outputs += ep_tensor_elements(&c->network->tensors[node->outputs[i]]);
    }
    return ep__kernel_work(c->frame->steps[index].kernel, inputs, outputs);
}

static ep_status convert(ep__compiler *c, uint32_t index, bool *taken, ep_error *err)
{
    const ep_node *node = &c->network->nodes[index];
    *taken = false;
    const ep__converter converter = find_converter(node);
    if (!converter || !inputs_known(c, node) || !ep__outputs_known(c->network, node)) return EP_OK;
    return converter(c, index, taken, err);
}

static ep_status visit(ep__compiler *c, uint32_t index, ep_error *err)
{
    ep__fused_step *step = &c->fused->steps[index];
    bool taken = true;
    c->at = index;
    step->anchor = c->pending[index] ? c->pending[index]->anchor : index;
    if (c->frame->steps[index].once) return EP_OK;
    if (ep__integer_hides(c->frame->integer, index)) return EP_OK;
    if (ep__integer_has(c->frame->integer, index)) {
        taken = false;
    } else if (c->pending[index]) {
        EP_TRY(ep__emit_pending(c, err));
    } else if (!c->absorbed[index]) {
        EP_TRY(convert(c, index, &taken, err));
    }
    step->fused = taken;
    if (taken) {
        step->work = work_of(c, index);
        return EP_OK;
    }
    const uint32_t *reads;
    uint32_t count;
    ep__node_reads(c->frame, index, &reads, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (reads[i] != EP_NO_INDEX) EP_TRY(ep__need_array(c, reads[i], err));
    }
    return EP_OK;
}

static ep_status compile(ep__compiler *c, ep_error *err)
{
    EP_TRY(init(c, err));
    for (uint32_t i = 0; i < c->network->n_nodes; i++) {
        if (visit(c, i, err) != EP_OK) {
            const ep_node *node = &c->network->nodes[i];
            return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
        }
    }
    return EP_OK;
}

static ep_status fuse(ep__frame *frame, ep__compiler *c, ep_error *err)
{
    ep__fused *fused = frame->fused;
    fused->frame = frame;
    fused->arena = ep_arena_new();
    fused->steps = calloc((size_t)frame->network->n_nodes + 1, sizeof *fused->steps);
    if (!fused->arena || !fused->steps) return ep_fail_memory(err);
    EP_TRY(ep__dnnl(dnnl_engine_create(&fused->engine, dnnl_cpu, 0), err));
    EP_TRY(ep__dnnl(dnnl_stream_create(&fused->stream, fused->engine, dnnl_stream_default_flags),
                    err));
    return compile(c, err);
}

ep_status ep__fused_make(ep__frame *frame, const uint32_t *root, ep_error *err)
{
    ep__compiler c = {.frame = frame, .network = frame->network, .root = root};
    c.fused = frame->fused = calloc(1, sizeof *frame->fused);
    c.arena = ep_arena_new();
    if (!c.fused || !c.arena) {
        ep_arena_free(c.arena);
        return ep_fail_memory(err);
    }
    const uint32_t threads = ep__set_threads(frame->context->threads);
    const ep_status status = fuse(frame, &c, err);
    (void)ep__set_threads(threads);
    for (const ep__pending *p = c.all_pending; p; p = p->next) {
        if (p->pd) dnnl_primitive_desc_destroy(p->pd);
    }
    ep_arena_free(c.arena);
    return status;
}
