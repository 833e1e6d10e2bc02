#include <assert.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/layers_internal.h"

typedef struct builder {
    const ep_network *network;
    ep_arena *arena;
    ep_layers *layers;
    uint32_t *root;
    uint32_t *producer;
    uint32_t *n_readers;    /* per tensor: nodes and network outputs that read it, unresolved */
    uint32_t *only_reader;  /* per tensor: its last reading node */
    uint32_t *n_dequantize; /* per tensor: how many of its readers are DequantizeLinear */
    float *scale;
    bool *is_quantized;
    uint32_t *users_begin, *users; /* as in ep_layers, while they are filled in */
    uint32_t *last_user;           /* per tensor: the last layer found to read it */
    bool *used;                    /* per constant: counted as a parameter already */
} builder;

static bool is_op(const ep_node *node, const char *name)
{
    return node->op && strcmp(node->op_type, name) == 0;
}

/* ---- no-ops -------------------------------------------------------------------------------- */

static bool is_reshape(const ep_node *node)
{
    return is_op(node, "Reshape") || is_op(node, "Flatten") || is_op(node, "Squeeze") ||
           is_op(node, "Unsqueeze");
}

/* Gemm, or MatMul of a matrix, with constant weights: it reads its input as rows whatever the shape
 * was, so a Flatten before it is nothing. */
static bool is_constant_gemm(const ep_network *network, const ep_node *node)
{
    if (!is_op(node, "Gemm") && !is_op(node, "MatMul")) return false;
    const ep_tensor *b = ep_node_input(network, node, 1);
    return b && ep_tensor_is_const(b) && b->shape.rank == 2;
}

static bool flattens_for_gemm(const builder *b, const ep_node *node)
{
    const uint32_t out = node->outputs[0];
    const ep_tensor *from = ep_node_input(b->network, node, 0);
    const ep_tensor *to = &b->network->tensors[out];
    if (to->shape.rank != 2 || from->shape.rank < 2) return false;
    if (from->shape.dims[0] != to->shape.dims[0]) return false;
    if (b->n_readers[out] != 1 || b->only_reader[out] == EP_NO_INDEX) return false;
    return is_constant_gemm(b->network, &b->network->nodes[b->only_reader[out]]);
}

/* A QuantizeLinear that only DequantizeLinear nodes read: together they state a scale. */
static bool starts_scale_pair(const builder *b, const ep_node *node)
{
    if (!is_op(node, "QuantizeLinear")) return false;
    const uint32_t out = node->outputs[0];
    return b->n_readers[out] > 0 && b->n_dequantize[out] == b->n_readers[out];
}

static bool ends_scale_pair(const builder *b, const ep_node *node)
{
    if (!is_op(node, "DequantizeLinear")) return false;
    const uint32_t producer = b->network->tensors[node->inputs[0]].producer;
    return producer != EP_NO_INDEX && starts_scale_pair(b, &b->network->nodes[producer]);
}

static bool is_noop(const builder *b, const ep_node *node)
{
    if (node->n_inputs == 0 || node->inputs[0] == EP_NO_INDEX || node->n_outputs == 0) return false;
    const ep_tensor *in = ep_node_input(b->network, node, 0);
    const ep_tensor *out = &b->network->tensors[node->outputs[0]];
    if (ep_tensor_is_const(in)) return false;
    if (is_op(node, "Identity") || is_op(node, "Dropout")) return true;
    if (is_op(node, "Cast") || is_op(node, "CastLike")) return in->dtype == out->dtype;
    if (is_op(node, "Transpose")) return ep__transpose_is_view(&in->shape, node);
    if (is_reshape(node)) {
        return ep__shapes_squeeze_alike(&in->shape, &out->shape) || flattens_for_gemm(b, node);
    }
    return starts_scale_pair(b, node) || ends_scale_pair(b, node);
}

static void vanish(builder *b, const ep_node *node)
{
    const uint32_t in = node->inputs[0], out = node->outputs[0];
    b->root[out] = b->root[in];
    b->scale[out] = b->scale[in];
    if (!is_op(node, "QuantizeLinear")) return;
    double value = 0;
    const ep_tensor *stated = ep_node_input(b->network, node, 1);
    if (stated) (void)ep_tensor_scalar(stated, &value);
    /* a per-axis or unknown scale still says that the tensor is quantised */
    b->scale[out] = value > 0 ? (float)value : 1.0F;
    b->is_quantized[b->root[in]] = true;
}

/* ---- layers -------------------------------------------------------------------------------- */

static void count_parameters(builder *b, ep_layer *layer)
{
    for (uint32_t i = 0; i < layer->n_consts; i++) {
        const uint32_t t = layer->consts[i];
        if (b->used[t]) continue;
        b->used[t] = true;
        layer->params += ep_tensor_elements(&b->network->tensors[t]);
    }
}

static ep_status add_layer(builder *b, uint32_t node, ep_error *err)
{
    ep_layers *layers = b->layers;
    ep_layer *layer = &layers->layers[layers->n_layers];
    EP_TRY(ep__layer_describe(b->network, node, b->arena, layer, err));
    count_parameters(b, layer);
    for (uint32_t i = 0; i < layer->n_outputs; i++) {
        b->producer[layer->outputs[i]] = layers->n_layers;
    }
    if (layer->type == EP_LAYER_PLUGIN) layers->n_plugins++;
    if (layer->type == EP_LAYER_QUANTIZE || layer->type == EP_LAYER_DEQUANTIZE) {
        layers->quantized = true;
    }
    layers->n_layers++;
    return EP_OK;
}

static void count_readers(builder *b)
{
    const ep_network *net = b->network;
    for (uint32_t n = 0; n < net->n_nodes; n++) {
        for (uint32_t i = 0; i < net->nodes[n].n_inputs; i++) {
            const uint32_t t = net->nodes[n].inputs[i];
            if (t == EP_NO_INDEX) continue;
            b->n_readers[t]++;
            b->only_reader[t] = n;
            b->n_dequantize[t] += is_op(&net->nodes[n], "DequantizeLinear");
        }
    }
    for (uint32_t i = 0; i < net->n_outputs; i++) {
        b->n_readers[net->outputs[i]]++;
        b->only_reader[net->outputs[i]] = EP_NO_INDEX;
    }
}

/* Calls `add` once for every (tensor, layer) pair in which the layer reads the tensor, by root. */
static void for_each_use(builder *b, void (*add)(builder *b, uint32_t tensor, uint32_t layer))
{
    const ep_layers *layers = b->layers;
    for (uint32_t t = 0; t < b->network->n_tensors; t++) b->last_user[t] = EP_NO_INDEX;
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        const ep_layer *layer = &layers->layers[l];
        for (uint32_t i = 0; i < layer->n_inputs; i++) {
            const uint32_t t = layers->root[layer->inputs[i]];
            if (b->last_user[t] == l) continue;
            b->last_user[t] = l;
            add(b, t, l);
        }
    }
}

static void count_use(builder *b, uint32_t tensor, uint32_t layer)
{
    (void)layer;
    b->users_begin[tensor + 2]++;
}

static void place_use(builder *b, uint32_t tensor, uint32_t layer)
{
    b->users[b->users_begin[tensor + 1]++] = layer;
}

/* users_begin and users: a counting sort of the uses by tensor. */
static ep_status connect(builder *b, ep_error *err)
{
    const uint32_t n = b->network->n_tensors;
    b->last_user = EP_NEW(b->arena, uint32_t, n);
    b->users_begin = EP_NEW(b->arena, uint32_t, (uint64_t)n + 2);
    if (!b->last_user || !b->users_begin) return ep_fail_memory(err);
    for_each_use(b, count_use);
    for (uint32_t t = 0; t < n; t++) b->users_begin[t + 2] += b->users_begin[t + 1];
    b->users = EP_NEW(b->arena, uint32_t, b->users_begin[n + 1]);
    if (!b->users) return ep_fail_memory(err);
    for_each_use(b, place_use);
    b->layers->users_begin = b->users_begin;
    b->layers->users = b->users;
    return EP_OK;
}

static ep_status allocate(builder *b, ep_error *err)
{
    const uint32_t n = b->network->n_tensors;
    ep_layers *layers = b->layers;
    layers->layers = EP_NEW(b->arena, ep_layer, b->network->n_nodes);
    b->root = EP_NEW(b->arena, uint32_t, n);
    b->producer = EP_NEW(b->arena, uint32_t, n);
    b->n_readers = EP_NEW(b->arena, uint32_t, n);
    b->only_reader = EP_NEW(b->arena, uint32_t, n);
    b->n_dequantize = EP_NEW(b->arena, uint32_t, n);
    b->used = EP_NEW(b->arena, bool, n);
    b->scale = EP_NEW(b->arena, float, n);
    b->is_quantized = EP_NEW(b->arena, bool, n);
    if (!layers->layers || !b->root || !b->producer || !b->n_readers || !b->only_reader ||
        !b->n_dequantize || !b->used || !b->scale || !b->is_quantized) {
        return ep_fail_memory(err);
    }
    for (uint32_t t = 0; t < n; t++) {
        b->root[t] = t;
        b->producer[t] = EP_NO_INDEX;
    }
    layers->root = b->root;
    layers->producer = b->producer;
    layers->scale = b->scale;
    layers->is_quantized = b->is_quantized;
    return EP_OK;
}

static ep_status build(builder *b, ep_error *err)
{
    const ep_network *net = b->network;
    EP_TRY(allocate(b, err));
    count_readers(b);
    for (uint32_t n = 0; n < net->n_nodes; n++) {
        const ep_node *node = &net->nodes[n];
        if (is_op(node, "QuantizeLinear") || is_op(node, "DequantizeLinear")) {
            b->layers->quantized = true;
        }
        if (is_noop(b, node)) {
            vanish(b, node);
        } else {
            EP_TRY(add_layer(b, n, err));
        }
    }
    bool *is_output = EP_NEW(b->arena, bool, net->n_tensors);
    if (!is_output) return ep_fail_memory(err);
    for (uint32_t i = 0; i < net->n_outputs; i++) is_output[b->root[net->outputs[i]]] = true;
    b->layers->is_output = is_output;
    return connect(b, err);
}

ep_status ep_layers_build(const ep_network *static_network, ep_layers **out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_layers *layers = arena ? EP_NEW(arena, ep_layers, 1) : NULL;
    if (!layers) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    layers->network = static_network;
    layers->arena = arena;
    builder b = {.network = static_network, .arena = arena, .layers = layers};
    const ep_status status = build(&b, err);
    if (status != EP_OK) {
        ep_arena_free(arena);
        return status;
    }
    *out = layers;
    return EP_OK;
}

ep_status ep_layers_set_scales(ep_layers *layers, const float *scales, ep_error *err)
{
    const uint32_t n = layers->network->n_tensors;
    float *all = EP_NEW(layers->arena, float, n);
    if (!all) return ep_fail_memory(err);
    for (uint32_t t = 0; t < n; t++) {
        const float found = scales[t] > 0 ? scales[t] : scales[layers->root[t]];
        all[t] = layers->scale[t] > 0 ? layers->scale[t] : found;
    }
    layers->scale = all;
    layers->quantized = layers->calibrated = true;
    return EP_OK;
}

void ep_layers_free(ep_layers *layers)
{
    if (layers) ep_arena_free(layers->arena);
}
