/* What the tests of the ONNX importer share: import a model that must be accepted, or refused. */
#ifndef GRAPH_IMPORT_H
#define GRAPH_IMPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/onnx_builder.h"

static inline ep_network *imported(onnx_model *m)
{
    ep_network *network;
    ep_error err = {0};
    if (onnx_parse(m, &network, &err) != EP_OK) fail_msg("%s", err.text);
    return network;
}

static inline void finish(onnx_model *m, ep_network *network)
{
    ep_network_free(network);
    onnx_free(m);
}

/* The import fails with `status` and exactly this line after "test.onnx: "; frees the model. */
static inline void refused(onnx_model *m, ep_status status, const char *line)
{
    ep_network *network;
    ep_error err = {0};
    assert_int_equal(onnx_parse(m, &network, &err), status);
    assert_int_equal(err.status, status);
    assert_null(network);
    assert_memory_equal(err.text, "test.onnx: ", 11);
    assert_string_equal(err.text + 11, line);
    onnx_free(m);
}

static inline uint32_t index_of(const ep_network *network, const char *name)
{
    for (uint32_t i = 0; i < network->n_tensors; i++) {
        if (strcmp(network->tensors[i].name, name) == 0) return i;
    }
    fail_msg("no tensor '%s'", name);
    return EP_NO_INDEX;
}

static inline const ep_tensor *tensor_of(const ep_network *network, const char *name)
{
    return &network->tensors[index_of(network, name)];
}

/* "OP(a, b) -> c", operands by name, left-out ones as "-". */
static inline const char *node_text(const ep_network *network, uint32_t i, char text[512])
{
    const ep_node *node = &network->nodes[i];
    size_t at = (size_t)snprintf(text, 512, "%s(", node->op_type);
    for (uint32_t k = 0; k < node->n_inputs + node->n_outputs; k++) {
        const bool output = k >= node->n_inputs;
        const uint32_t t = output ? node->outputs[k - node->n_inputs] : node->inputs[k];
        const char *before = k == node->n_inputs ? ") -> " : k ? ", " : "";
        const char *name = t == EP_NO_INDEX ? "-" : network->tensors[t].name;
        at += (size_t)snprintf(text + at, 512 - at, "%s%s", before, name);
        assert_true(at < 512);
    }
    return text;
}

static inline void assert_node(const ep_network *network, uint32_t i, const char *name,
                               const char *expected)
{
    char text[512];
    assert_true(i < network->n_nodes);
    assert_string_equal(network->nodes[i].name, name);
    assert_string_equal(node_text(network, i, text), expected);
}

#endif
