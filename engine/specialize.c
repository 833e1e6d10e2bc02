#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/fold.h"
#include "engine/inputs.h"

/* The same network, in an arena of its own, to be changed. */
static ep_network *copy_network(const ep_network *network)
{
    ep_arena *arena = ep_arena_new();
    ep_network *copy = arena ? EP_NEW(arena, ep_network, 1) : NULL;
    if (!copy) {
        ep_arena_free(arena);
        return NULL;
    }
    *copy = *network;
    copy->arena = arena;
    copy->n_maps = 0;
    copy->maps = NULL;
    copy->source = network;
    copy->tensors = EP_NEW(arena, ep_tensor, network->n_tensors);
    copy->nodes = EP_NEW(arena, ep_node, network->n_nodes);
    if (!copy->tensors || !copy->nodes) {
        ep_arena_free(arena);
        return NULL;
    }
    if (network->n_tensors) {
        memcpy(copy->tensors, network->tensors, network->n_tensors * sizeof *copy->tensors);
    }
    if (network->n_nodes) {
        memcpy(copy->nodes, network->nodes, network->n_nodes * sizeof *copy->nodes);
    }
    return copy;
}

/* Of the nodes with `node_needed[i]`, keeps those that an output depends on; `tensor_needed` says
 * what they read, and the outputs. */
static void find_needed(const ep_network *network, bool *node_needed, bool *tensor_needed)
{
    memset(tensor_needed, 0, network->n_tensors * sizeof *tensor_needed);
    for (uint32_t i = 0; i < network->n_outputs; i++) tensor_needed[network->outputs[i]] = true;
    for (uint32_t i = network->n_nodes; i-- > 0;) {
        const ep_node *node = &network->nodes[i];
        bool needed = false;
        for (uint32_t k = 0; k < node->n_outputs && !needed; k++) {
            needed = node->outputs[k] != EP_NO_INDEX && tensor_needed[node->outputs[k]];
        }
        node_needed[i] = node_needed[i] && needed;
        for (uint32_t k = 0; node_needed[i] && k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) tensor_needed[node->inputs[k]] = true;
        }
    }
}

/* The walk: folds a node or infers its shapes; clears `node_needed` of what is folded. */
static ep_status walk(ep_network *network, ep__folder *folder, bool *node_needed, ep_error *err)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        if (!node_needed[i]) continue;
        if (ep__is_constant(network, node)) {
            EP_TRY(ep__fold(folder, node, err));
            node_needed[i] = false;
        } else {
            EP_TRY(ep_infer_shapes(network, node, err));
        }
    }
    return EP_OK;
}

/* ---- to be executed ------------------------------------------------------------------------ */

/* What the file states of tensors that nodes compute is a hint for plans; here it would have to be
 * true. */
static void forget_stated(ep_network *network)
{
    for (uint32_t i = 0; i < network->n_tensors; i++) {
        ep_tensor *tensor = &network->tensors[i];
        if (tensor->producer != EP_NO_INDEX) tensor->has_shape = false;
    }
}

/* Infers the node's shapes; they stay unknown where an input's is, or where they depend on
 * values. */
static ep_status infer_known(ep_network *network, const ep_node *node, ep_error *err)
{
    ep_error why = {.status = EP_OK};
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *input = ep_node_input(network, node, i);
        if (input && !input->has_shape) return EP_OK;
    }
    const ep_status status = ep_infer_shapes(network, node, &why);
    if (status == EP_OK) return EP_OK;
    if (status != EP_UNSUPPORTED) return ep_fail(err, status, "%s", why.text);
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        ep_tensor *output = ep_node_output(network, node, i);
        if (output) output->has_shape = false;
    }
    return EP_OK;
}

/* Weights in codes are computed with as such (integer.h): their DequantizeLinear stays. */
static bool may_fold(const ep_network *network, const ep_node *node)
{
    const bool dequantizes = node->op && strcmp(node->op_type, "DequantizeLinear") == 0;
    return !dequantizes && ep__is_constant(network, node);
}

/* The walk: what cannot be folded into a value remains. */
static ep_status walk_to_run(ep_network *network, ep__folder *folder, bool *node_needed,
                             ep_error *err)
{
    forget_stated(network);
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        if (!node_needed[i]) continue;
        bool folded = false;
        if (may_fold(network, node)) EP_TRY(ep__try_fold(folder, node, &folded, err));
        if (!folded) EP_TRY(infer_known(network, node, err));
        node_needed[i] = !folded;
    }
    return EP_OK;
}

/* Drops nodes that are not needed and says anew who produces what. */
static void remove_nodes(ep_network *network, const bool *node_needed)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < network->n_tensors; i++) network->tensors[i].producer = EP_NO_INDEX;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        if (!node_needed[i]) continue;
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            if (node->outputs[k] == EP_NO_INDEX) continue;
            network->tensors[node->outputs[k]].producer = kept;
        }
        if (kept != i) network->nodes[kept] = *node;
        kept++;
    }
    network->n_nodes = kept;
}

static ep_status specialize(ep_network *network, const ep_specialize_options *options,
                            bool smallest, ep__folder *folder, bool *node_needed,
                            bool *tensor_needed, ep_error *err)
{
    EP_TRY(ep__set_inputs(network, options, smallest, err));
    memset(node_needed, 1, network->n_nodes * sizeof *node_needed);
    find_needed(network, node_needed, tensor_needed);
    EP_TRY(ep__folder_init(folder, network, node_needed, err));
    EP_TRY((options->to_run ? walk_to_run : walk)(network, folder, node_needed, err));
    find_needed(network, node_needed, tensor_needed); /* what fed only folded nodes goes too */
    EP_TRY(ep__folder_finish(folder, tensor_needed, err));
    remove_nodes(network, node_needed);
    return EP_OK;
}

/* The static network at the largest shapes of the range that the options may give, or at the
 * smallest. */
static ep_status specialize_at(const ep_network *network, const ep_specialize_options *options,
                               bool smallest, ep_network **out, ep_error *err)
{
    ep_network *copy = copy_network(network);
    if (!copy) return ep_fail_memory(err);
    ep__folder folder = {.network = copy};
    /* one more: calloc(0) may give NULL */
    bool *node_needed = calloc((size_t)network->n_nodes + 1, sizeof *node_needed);
    bool *tensor_needed = calloc((size_t)network->n_tensors + 1, sizeof *tensor_needed);
    const ep_status status =
        node_needed && tensor_needed
            ? specialize(copy, options, smallest, &folder, node_needed, tensor_needed, err)
            : ep_fail_memory(err);
    ep__folder_free(&folder);
    free(node_needed);
    free(tensor_needed);
    if (status == EP_OK) {
        *out = copy;
    } else {
        ep_network_free(copy);
    }
    return status;
}

/* Says which dimensions vary: those that differ. What follows from a symbolic dimension need not,
 * such as the 1x1 of a global pool, and what went through values (Shape, then Resize or Expand) has
 * no other mark. */
static void mark_varying(ep_network *largest, const ep_network *smallest)
{
    assert(largest->n_tensors == smallest->n_tensors);
    for (uint32_t t = 0; t < largest->n_tensors; t++) {
        ep_tensor *tensor = &largest->tensors[t];
        const ep_shape *a = &tensor->shape, *b = &smallest->tensors[t].shape;
        tensor->was_symbolic = a->rank == b->rank ? 0 : UINT8_MAX;
        for (int i = 0; i < a->rank && a->rank == b->rank; i++) {
            if (a->dims[i] != b->dims[i]) tensor->was_symbolic |= (uint8_t)(1u << i);
        }
    }
}

ep_status ep_specialize(const ep_network *network, const ep_specialize_options *options,
                        ep_network **out, ep_error *err)
{
    *out = NULL;
    ep_network *largest = NULL, *smallest = NULL;
    EP_TRY(specialize_at(network, options, false, &largest, err));
    if (options->n_max_shapes > 0 &&
        specialize_at(network, options, true, &smallest, err) != EP_OK) {
        ep_network_free(largest);
        return ep_fail_context(err, "at the smallest shapes: ");
    }
    mark_varying(largest, smallest ? smallest : largest);
    ep_network_free(smallest);
    *out = largest;
    return EP_OK;
}
