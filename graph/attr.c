/* Attributes and operands of nodes. */
#include <assert.h>
#include <string.h>

#include "graph/graph.h"

const ep_attr *ep_attr_find(const ep_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->n_attrs; i++) {
        if (strcmp(node->attrs[i].name, name) == 0) return &node->attrs[i];
    }
    return NULL;
}

static const ep_attr *find_typed(const ep_node *node, const char *name, ep_attr_type type)
{
    const ep_attr *attr = ep_attr_find(node, name);
    return attr && attr->type == type ? attr : NULL;
}

int64_t ep_attr_int(const ep_node *node, const char *name, int64_t otherwise)
{
    const ep_attr *attr = find_typed(node, name, EP_ATTR_INT);
    return attr ? attr->i : otherwise;
}

float ep_attr_float(const ep_node *node, const char *name, float otherwise)
{
    const ep_attr *attr = find_typed(node, name, EP_ATTR_FLOAT);
    return attr ? attr->f : otherwise;
}

const char *ep_attr_string(const ep_node *node, const char *name, const char *otherwise)
{
    const ep_attr *attr = find_typed(node, name, EP_ATTR_STRING);
    return attr ? attr->string : otherwise;
}

const ep_tensor *ep_node_input(const ep_network *network, const ep_node *node, uint32_t i)
{
    if (i >= node->n_inputs || node->inputs[i] == EP_NO_INDEX) return NULL;
    assert(node->inputs[i] < network->n_tensors);
    return &network->tensors[node->inputs[i]];
}

ep_tensor *ep_node_output(ep_network *network, const ep_node *node, uint32_t i)
{
    if (i >= node->n_outputs || node->outputs[i] == EP_NO_INDEX) return NULL;
    assert(node->outputs[i] < network->n_tensors);
    return &network->tensors[node->outputs[i]];
}
