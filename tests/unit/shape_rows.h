/* shape_rows: tests of shape inference as tables; a row is a network of one node, read by the
 * importer. */
#ifndef SHAPE_ROWS_H
#define SHAPE_ROWS_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/onnx_builder.h"

/* `operands`, separated by blanks:
 *     x=1x3x8x8       run-time input, float32; x:int64=1x3 of another type; x= a scalar
 *     w*4x3x3x3       constant of unknown value, float32; w:int8*4x3 of another type
 *     s[1,-1]         int64 constant; s{3} scalar; f(0.5,2) float32 constant
 *     y?1x4           what the file states for an output
 * `outputs`, separated by ", ": "1x4x3x3", or with the type "int64 1x4", "float32 scalar"; or "!"
 * and a part of the error that is expected. */
typedef struct row {
    int opset;
    const char *operands, *node, *outputs;
} row;

static inline ep_dtype dtype_of(const char *name)
{
    for (int64_t number = 1; ep_dtype_valid(number); number++) {
        if (strcmp(ep_dtype_name((ep_dtype)number), name) == 0) return (ep_dtype)number;
    }
    fail_msg("no type '%s'", name);
    return EP_DTYPE_UNDEFINED;
}

static inline void add_list(onnx_model *m, const char *name, char kind, char *values)
{
    int64_t ints[32];
    float floats[32];
    char shape[16];
    size_t count = 0;
    for (char *p = strtok(values, ",]})"); p; p = strtok(NULL, ",]})")) {
        ints[count] = strtoll(p, NULL, 10);
        floats[count++] = strtof(p, NULL);
    }
    (void)snprintf(shape, sizeof shape, "%zu", count);
    if (kind == '[') onnx_int_list(m, name, ints, count);
    if (kind == '{') onnx_int_scalar(m, name, ints[0]);
    if (kind == '(') onnx_floats(m, name, shape, floats);
}

/* `output` is the node's first, which is the graph's too. Returns true when the word states its
 * shape and so has added it. */
static inline bool add_operand(onnx_model *m, char *word, const char *output)
{
    const size_t length = strcspn(word, "=*[{(?");
    const char kind = word[length];
    char *rest = word + length + 1;
    word[length] = '\0';
    char *type = strchr(word, ':');
    if (type) *type++ = '\0';
    const ep_dtype dtype = dtype_of(type ? type : "float32");
    switch (kind) {
    case '=': onnx_input(m, word, dtype, rest); break;
    case '*': onnx_stripped(m, word, dtype, rest); break;
    case '?':
        if (strcmp(word, output) != 0) {
            onnx_value_info(m, word, dtype, rest);
            return false;
        }
        onnx_output(m, word, dtype, rest);
        return true;
    default: add_list(m, word, kind, rest); break;
    }
    return false;
}

static inline ep_network *network_of(const row *r, onnx_model *m)
{
    char operands[1024], output[64], *save;
    ep_network *network = NULL;
    ep_error err = {0};
    *m = (onnx_model){.opset = r->opset};
    assert_true(snprintf(operands, sizeof operands, "%s", r->operands) < (int)sizeof operands);
    const char *colon = strstr(r->node, ": "), *outputs = colon ? colon + 2 : r->node;
    (void)snprintf(output, sizeof output, "%.*s", (int)strcspn(outputs, ", "), outputs);
    bool stated = false;
    for (char *word = strtok_r(operands, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        stated = add_operand(m, word, output) || stated;
    }
    if (!stated) onnx_output(m, output, EP_DTYPE_FLOAT, NULL);
    onnx_node(m, "%s", r->node);
    if (onnx_parse(m, &network, &err) != EP_OK) fail_msg("%s: %s", r->node, err.text);
    assert_int_equal(network->n_nodes, 1);
    return network;
}

static inline void check_outputs(const row *r, ep_network *network)
{
    char expected[1024], *save, *item;
    uint32_t i = 0;
    (void)snprintf(expected, sizeof expected, "%s", r->outputs);
    for (item = strtok_r(expected, ",", &save); item; item = strtok_r(NULL, ",", &save), i++) {
        const ep_tensor *output = ep_node_output(network, network->nodes, i);
        char shape[EP_SHAPE_TEXT], actual[256];
        assert_non_null(output);
        item += strspn(item, " ");
        ep_shape_text(&output->shape, shape);
        (void)snprintf(actual, sizeof actual, "%s %s", ep_dtype_name(output->dtype), shape);
        if (strcmp(strchr(item, ' ') ? actual : shape, item) != 0) {
            fail_msg("opset %d, %s, %s: output %" PRIu32 " is %s, expected %s", r->opset,
                     r->operands, r->node, i, actual, item);
        }
    }
    assert_int_equal(i, network->nodes->n_outputs);
}

static inline void check_row(const row *r, int64_t batch_from, int64_t batch_to)
{
    onnx_model m;
    ep_error err = {0};
    ep_network *network = network_of(r, &m);
    network->batch_from = batch_from;
    network->batch_to = batch_to;
    const ep_status status = ep_infer_shapes(network, network->nodes, &err);
    if (r->outputs[0] == '!') {
        if (status == EP_OK) fail_msg("%s: no error with '%s'", r->node, r->outputs + 1);
        if (!strstr(err.text, r->outputs + 1)) fail_msg("%s: error '%s'", r->node, err.text);
        assert_memory_equal(err.text, "node '", 6);
    } else {
        if (status != EP_OK) fail_msg("%s: %s", r->node, err.text);
        check_outputs(r, network);
    }
    ep_network_free(network);
    onnx_free(&m);
}

#define CHECK_ROWS_AT(rows, from, to)                                                              \
    for (size_t i_ = 0; i_ < sizeof(rows) / sizeof(rows)[0]; i_++) check_row(&(rows)[i_], from, to)
#define CHECK_ROWS(rows) CHECK_ROWS_AT(rows, 0, 0)

#endif
