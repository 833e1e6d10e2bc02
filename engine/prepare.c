/* What can be done before inputs are there. */
#include <stdlib.h>
#include <string.h>

#include "engine/fold.h"
#include "engine/fused.h"
#include "engine/integer.h"

/* Marks the nodes that depend on constants alone, and which of their outputs a run reads. */
static void find_once(ep__frame *frame, bool *constant)
{
    const ep_network *network = frame->network;
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        constant[t] = ep_tensor_is_const(&network->tensors[t]);
    }
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        bool once = !ep__is_random(node) && !ep__integer_hides(frame->integer, i) &&
                    !ep__integer_has(frame->integer, i);
        for (uint32_t k = 0; k < node->n_inputs && once; k++) {
            once = node->inputs[k] == EP_NO_INDEX || constant[node->inputs[k]];
        }
        frame->steps[i].once = once;
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            if (node->outputs[k] != EP_NO_INDEX) constant[node->outputs[k]] = once;
        }
        const uint32_t *reads;
        uint32_t count;
        ep__node_reads(frame, i, &reads, &count);
        for (uint32_t k = 0; k < count && !once; k++) {
            const uint32_t t = reads[k];
            if (t != EP_NO_INDEX && constant[t]) frame->lasting[t] = true;
        }
    }
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        if (constant[t] && frame->last_reader[t] == EP_NO_INDEX) frame->lasting[t] = true;
    }
}

/* Per tensor: whose bytes it shows. */
static void find_roots(const ep__frame *frame, uint32_t *root)
{
    const ep_network *network = frame->network;
    for (uint32_t t = 0; t < network->n_tensors; t++) root[t] = t;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        const ep__kernel *kernel = frame->steps[i].kernel;
        if (!kernel || !(kernel->flags & EP__VIEW)) continue;
        if (!ep_node_input(network, node, 0) || node->n_outputs == 0) continue;
        if (node->outputs[0] != EP_NO_INDEX) root[node->outputs[0]] = root[node->inputs[0]];
    }
}

/* Marks the inputs whose bytes are seen after the run: the caller's may be gone by then. */
static void find_kept_inputs(ep__frame *frame, const uint32_t *root)
{
    const ep_network *network = frame->network;
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        frame->kept[network->inputs[i]] = frame->context->keep_all;
    }
    for (uint32_t i = 0; i < network->n_outputs; i++) frame->kept[root[network->outputs[i]]] = true;
}

/* Settles the constants that are read by nodes that run once, or else by kernels when the rest
 * runs. */
static ep_status settle(ep__frame *frame, bool once, bool *read, ep_error *err)
{
    const ep_network *network = frame->network;
    memset(read, 0, network->n_tensors * sizeof *read);
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const bool fused = frame->fused && ep__is_fused(frame->fused, i);
        if (frame->steps[i].once != once || fused || ep__integer_hides(frame->integer, i)) continue;
        if (ep__integer_has(frame->integer, i)) {
            ep__integer_mark_read(frame->integer, i, read);
        } else {
            ep__mark_read(&network->nodes[i], read);
        }
    }
    if (once) return ep__settle_constants(frame, read, err);
    for (uint32_t i = 0; i < network->n_outputs; i++) read[network->outputs[i]] = true;
    if (frame->fused) ep__fused_mark_read(frame->fused, read);
    return ep__settle_constants(frame, read, err);
}

/* Lets go of constants that have been packed: nobody reads them any more. */
static void drop_constants(ep__frame *frame, const bool *read)
{
    for (uint32_t t = 0; t < frame->network->n_tensors; t++) {
        if (frame->lasting[t] && !read[t]) ep__cell_clear(&frame->cells[t]);
    }
    ep_network_forget(frame->network);
}

/* `flags` and `root`: room for one a tensor. */
static ep_status prepare(ep__frame *frame, bool *flags, uint32_t *root, ep_error *err)
{
    if (!frame->context->by_node) EP_TRY(ep__integer_find(frame, err));
    ep__find_last_readers(frame);
    find_once(frame, flags);
    EP_TRY(settle(frame, true, flags, err));
    EP_TRY(ep__frame_run_once(frame, err));
    EP_TRY(ep__integer_build(frame, err));
    find_roots(frame, root);
    find_kept_inputs(frame, root);
#ifdef EP_ONEDNN
    /* what is fused has no tensors between its nodes */
    const ep__context *context = frame->context;
    if (!context->by_node && !context->plain) EP_TRY(ep__fused_make(frame, root, err));
#endif
    EP_TRY(settle(frame, false, flags, err));
    if (frame->fused || frame->integer) drop_constants(frame, flags);
    EP_TRY(ep__plan_memory(frame, root, err));
    return ep__fused_place(frame, err);
}

ep_status ep__frame_prepare(ep__frame *frame, ep_error *err)
{
    const size_t tensors = (size_t)frame->network->n_tensors + 1; /* calloc(0) may give NULL */
    bool *flags = calloc(tensors, sizeof *flags);
    uint32_t *root = calloc(tensors, sizeof *root);
    const ep_status status = flags && root ? prepare(frame, flags, root, err) : ep_fail_memory(err);
    free(flags);
    free(root);
    return status;
}
