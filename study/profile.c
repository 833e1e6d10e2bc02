/* Where the time of an execution went. */
#include <stdlib.h>

#include "study/study_internal.h"

/* A node or an operator, and its time. */
typedef struct item {
    double ns;
    uint32_t index;
} item;

static int slowest_first(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->ns != b->ns) return a->ns > b->ns ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Counts by the layers of the network as it would be planned at the same shapes, by the names of
 * their nodes. A network that cannot be planned, because shapes depend on values, has no counts. */
static ep_status count_macs(const ep_execution *e, uint64_t *macs, ep_error *err)
{
    const uint32_t n_inputs = e->network->n_inputs;
    ep_input_shape *shapes = EP_NEW(e->arena, ep_input_shape, n_inputs);
    ep_names *nodes = ep_names_new();
    ep_status status = shapes && nodes ? EP_OK : ep_fail_memory(err);
    for (uint32_t i = 0; status == EP_OK && i < n_inputs; i++) {
        const ep_tensor *input = &e->network->tensors[e->network->inputs[i]];
        shapes[i] = (ep_input_shape){.name = input->name, .shape = input->shape};
    }
    for (uint32_t i = 0; status == EP_OK && i < e->network->n_nodes; i++) {
        status = ep_names_put(nodes, e->network->nodes[i].name, i, err);
    }
    const ep_specialize_options options = {.shapes = shapes, .n_shapes = n_inputs};
    ep_network *planned = NULL;
    ep_layers *layers = NULL;
    if (status == EP_OK && ep_specialize(e->imported, &options, &planned, NULL) == EP_OK &&
        ep_layers_build(planned, &layers, NULL) == EP_OK) {
        for (uint32_t i = 0; i < layers->n_layers; i++) {
            const uint32_t node = ep_names_get(nodes, layers->layers[i].name);
            if (node != EP_NO_INDEX) macs[node] = layers->layers[i].macs;
        }
    }
    ep_layers_free(layers);
    ep_network_free(planned);
    ep_names_free(nodes);
    return status;
}

/* One row an operator, in the order of their first nodes. */
static ep_status add_up(const ep_execution *e, ep_profile *profile, ep_profile_op *ops,
                        ep_error *err)
{
    ep_names *index = ep_names_new();
    ep_status status = index ? EP_OK : ep_fail_memory(err);
    for (uint32_t i = 0; status == EP_OK && i < e->network->n_nodes; i++) {
        const char *op = e->network->nodes[i].op_type;
        uint32_t at = ep_names_get(index, op);
        if (at == EP_NO_INDEX) {
            at = profile->n_ops++;
            ops[at].op = op;
            status = ep_names_put(index, op, at, err);
        }
        ops[at].nodes++;
        ops[at].ns += profile->node_ns[i];
        profile->total_ns += profile->node_ns[i];
        if (ep_add_overflows(ops[at].macs, profile->node_macs[i], &ops[at].macs)) {
            ops[at].macs = UINT64_MAX;
        }
    }
    ep_names_free(index);
    return status;
}

ep_status ep_profile_make(const ep_execution *execution, const ep_timing *timing, ep_profile *out,
                          ep_error *err)
{
    ep_arena *arena = execution->arena;
    const uint32_t n = execution->network->n_nodes;
    uint64_t *macs = EP_NEW(arena, uint64_t, n);
    ep_profile_op *ops = EP_NEW(arena, ep_profile_op, n), *sorted = EP_NEW(arena, ep_profile_op, n);
    uint32_t *nodes = EP_NEW(arena, uint32_t, n);
    item *items = EP_NEW(arena, item, n);
    if (!macs || !ops || !sorted || !nodes || !items) return ep_fail_memory(err);
    *out = (ep_profile){.node_ns = timing->node_ns, .node_macs = macs, .nodes = nodes};
    EP_TRY(count_macs(execution, macs, err));
    EP_TRY(add_up(execution, out, ops, err));

    for (uint32_t i = 0; i < n; i++) items[i] = (item){timing->node_ns[i], i};
    qsort(items, n, sizeof *items, slowest_first);
    for (uint32_t i = 0; i < n; i++) nodes[i] = items[i].index;
    for (uint32_t i = 0; i < out->n_ops; i++) items[i] = (item){ops[i].ns, i};
    qsort(items, out->n_ops, sizeof *items, slowest_first);
    for (uint32_t i = 0; i < out->n_ops; i++) sorted[i] = ops[items[i].index];
    out->ops = sorted;
    return EP_OK;
}
