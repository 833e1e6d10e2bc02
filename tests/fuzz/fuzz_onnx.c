/* Whatever the bytes are, a network is imported whole, or refused in one line. */
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static void check_network(const ep_network *network);

static void check_bodies(const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_attrs; i++) {
        const ep_attr *attr = &node->attrs[i];
        if (attr->type != EP_ATTR_GRAPH || !attr->graph) continue;
        const ep_network *body = attr->graph;
        check_network(body);
        for (uint32_t k = 0; k < body->n_captures; k++) {
            check(body->captures[k].tensor < body->n_tensors);
            check(body->captures[k].node_input < node->n_inputs);
            check(node->inputs[body->captures[k].node_input] != EP_NO_INDEX);
        }
    }
}

/* What everybody who reads a network relies on. */
static void check_node(const ep_network *network, uint32_t index)
{
    const ep_node *node = &network->nodes[index];
    check(node->name && node->op_type && node->domain && node->n_captures <= node->n_inputs);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const ep_tensor *tensor = ep_node_input(network, node, i);
        check(!tensor || tensor->producer == EP_NO_INDEX || tensor->producer < index);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        check(network->tensors[node->outputs[i]].producer == index);
    }
    check_bodies(node);
}

static void check_tensor(const ep_tensor *tensor)
{
    check(tensor->name && tensor->name[0]);
    if (tensor->constness != EP_CONST_DATA) return;
    const uint64_t bytes = ep_dtype_bytes(tensor->dtype, ep_tensor_elements(tensor));
    check(tensor->varint || tensor->data_bytes == bytes);
    volatile uint8_t last = 0;
    if (tensor->data_bytes) last = ((const uint8_t *)tensor->data)[tensor->data_bytes - 1];
    (void)last;
}

static void check_network(const ep_network *network)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) check_node(network, i);
    for (uint32_t i = 0; i < network->n_tensors; i++) check_tensor(&network->tensors[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ep_network *network;
    ep_error err = {0};
    if (ep_network_parse(data, size, "fuzz.onnx", NULL, &network, &err) != EP_OK) {
        check(!network && err.status != EP_OK && err.text[0] && !strchr(err.text, '\n'));
        return 0;
    }
    check_network(network);
    ep_network_free(network);
    return 0;
}
