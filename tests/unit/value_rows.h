/* value_rows: tests of kernels as tables; a row is a network of one node whose inputs are
 * constants, specialized. */
#ifndef VALUE_ROWS_H
#define VALUE_ROWS_H

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/onnx_builder.h"

/* `operands`, separated by ";": "NAME[:TYPE] [SHAPE] = VALUES", float32 and a scalar when not said:
 * "x 2x3 = 1 2 3 4 5 6; i:int64 2 = 0 -1; k:int64 = 3".
 * `outputs`, separated by ";": "[TYPE ]SHAPE = VALUES", with "scalar" for a scalar; or "!" and a
 * part of the error that is expected; or "?" when the value stays unknown. Values of types below 32
 * bits that C has not are their codes, 4-bit ones a byte for two. */
typedef struct row {
    int opset;
    const char *operands, *node, *outputs;
} row;

typedef struct values {
    ep_dtype dtype;
    char name[64], shape[64];
    size_t count; /* of list */
    union {
        double d[128];
        int64_t i[128];
    } list;
    unsigned char bytes[1024];
    size_t size;
} values;

static inline ep_dtype dtype_of(const char *name)
{
    for (int64_t number = 1; ep_dtype_valid(number); number++) {
        if (strcmp(ep_dtype_name((ep_dtype)number), name) == 0) return (ep_dtype)number;
    }
    fail_msg("no type '%s'", name);
    return EP_DTYPE_UNDEFINED;
}

static inline bool is_real(ep_dtype dtype)
{
    return dtype == EP_DTYPE_FLOAT || dtype == EP_DTYPE_DOUBLE;
}

/* Appends one element, as the type stores it. */
static inline void add_value(values *v, const char *word)
{
    const unsigned bits = ep_dtype_bits(v->dtype);
    const size_t size = bits < 8 ? 1 : bits / 8;
    const size_t k = v->count++;
    assert_true(k < sizeof v->list / sizeof v->list.d[0] && v->size + size <= sizeof v->bytes);
    if (is_real(v->dtype)) {
        const double wide = strtod(word, NULL);
        const float narrow = (float)wide;
        v->list.d[k] = wide;
        memcpy(v->bytes + v->size, v->dtype == EP_DTYPE_FLOAT ? (const void *)&narrow : &wide,
               size);
    } else {
        const int64_t wide =
            *word == '-' ? strtoll(word, NULL, 0) : (int64_t)strtoull(word, NULL, 0);
        v->list.i[k] = wide;
        memcpy(v->bytes + v->size, &wide, size); /* little endian, as the formats are */
    }
    v->size += size;
}

/* "NAME[:TYPE] [SHAPE] = VALUES" of an operand, "[TYPE ]SHAPE = VALUES" of an output. */
static inline values read_values(char *text, bool operand)
{
    values v = {.dtype = EP_DTYPE_FLOAT};
    char *equals = strchr(text, '='), *save;
    assert_non_null(equals);
    *equals = '\0';
    char *first = strtok_r(text, " ", &save), *second = strtok_r(NULL, " ", &save);
    if (operand) {
        char *type = strchr(first, ':');
        if (type) *type++ = '\0';
        if (type) v.dtype = dtype_of(type);
        (void)snprintf(v.name, sizeof v.name, "%s", first);
        (void)snprintf(v.shape, sizeof v.shape, "%s", second ? second : "");
    } else {
        if (second) v.dtype = dtype_of(first);
        (void)snprintf(v.shape, sizeof v.shape, "%s", second ? second : first);
    }
    for (char *w = strtok_r(equals + 1, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        add_value(&v, w);
    }
    return v;
}

/* The names before " = " in the node's text become outputs of the graph. */
static inline void add_outputs(onnx_model *m, const char *node)
{
    char names[128], *save;
    (void)snprintf(names, sizeof names, "%.*s", (int)(strstr(node, " = ") - node), node);
    for (char *n = strtok_r(names, ", ", &save); n; n = strtok_r(NULL, ", ", &save)) {
        onnx_output(m, n, EP_DTYPE_FLOAT, NULL);
    }
}

static inline void check_output(const row *r, const ep_tensor *tensor, const values *expected)
{
    char shape[EP_SHAPE_TEXT];
    ep_shape_text(&tensor->shape, shape);
    const bool splat = tensor->constness == EP_CONST_SPLAT;
    if (!splat && tensor->constness != EP_CONST_DATA) fail_msg("%s: not folded", r->node);
    if (tensor->dtype != expected->dtype || strcmp(shape, expected->shape) != 0) {
        fail_msg("opset %d, %s, %s: %s %s instead of %s %s", r->opset, r->operands, r->node,
                 ep_dtype_name(tensor->dtype), shape, ep_dtype_name(expected->dtype),
                 expected->shape);
    }
    const size_t size = ep_dtype_bits(tensor->dtype) < 8 ? 1 : ep_dtype_bits(tensor->dtype) / 8;
    for (size_t k = 0; k < expected->count; k++) {
        const char *at = (const char *)tensor->data + (splat ? 0 : k * size);
        assert_true(splat || (k + 1) * size <= tensor->data_bytes);
        if (!is_real(tensor->dtype)) {
            if (memcmp(at, expected->bytes + k * size, size) == 0) continue;
            int64_t got = 0;
            memcpy(&got, at, size);
            fail_msg("opset %d, %s, %s: element %zu is %" PRId64 " (0x%" PRIx64
                     "), expected %" PRId64,
                     r->opset, r->operands, r->node, k, got, (uint64_t)got, expected->list.i[k]);
        }
        float narrow;
        double got;
        memcpy(&narrow, at, sizeof narrow);
        if (size == sizeof got) memcpy(&got, at, sizeof got);
        if (size == sizeof narrow) got = (double)narrow;
        const double want = expected->list.d[k];
        if (isnan(want) ? isnan(got) : got == want || fabs(got - want) <= 4e-6 * fabs(want)) {
            continue;
        }
        fail_msg("opset %d, %s, %s: element %zu is %.9g, expected %.9g", r->opset, r->operands,
                 r->node, k, got, want);
    }
    if (!splat)
        assert_int_equal(ep_dtype_bytes(tensor->dtype, ep_tensor_elements(tensor)), expected->size);
}

static inline void check_outputs(const row *r, const ep_network *network)
{
    char expected[2048], *save;
    uint32_t i = 0;
    assert_int_equal(network->n_nodes, 0);
    assert_true(snprintf(expected, sizeof expected, "%s", r->outputs) < (int)sizeof expected);
    for (char *o = strtok_r(expected, ";", &save); o; o = strtok_r(NULL, ";", &save), i++) {
        assert_true(i < network->n_outputs);
        const ep_tensor *tensor = &network->tensors[network->outputs[i]];
        if (*o == '?') {
            if (tensor->constness != EP_CONST_UNKNOWN) fail_msg("%s: is folded", r->node);
            continue;
        }
        const values v = read_values(o, false);
        check_output(r, tensor, &v);
    }
    assert_int_equal(i, network->n_outputs);
}

static inline void check_row(const row *r)
{
    onnx_model m = {.opset = r->opset};
    ep_error err = {0};
    ep_network *network, *folded = NULL;
    char operands[2048], *save;
    assert_true(snprintf(operands, sizeof operands, "%s", r->operands) < (int)sizeof operands);
    for (char *o = strtok_r(operands, ";", &save); o; o = strtok_r(NULL, ";", &save)) {
        const values v = read_values(o, true);
        onnx_raw(&m, v.name, v.dtype, v.shape, v.bytes, v.size);
    }
    onnx_node(&m, "%s", r->node);
    add_outputs(&m, r->node);
    if (onnx_parse(&m, &network, &err) != EP_OK) fail_msg("%s: %s", r->node, err.text);
    const ep_status status =
        ep_specialize(network, &(ep_specialize_options){.batch = 0}, &folded, &err);
    if (r->outputs[0] == '!') {
        if (status == EP_OK) fail_msg("%s: no error with '%s'", r->node, r->outputs + 1);
        if (!strstr(err.text, r->outputs + 1)) fail_msg("%s: error '%s'", r->node, err.text);
        assert_memory_equal(err.text, "node '", 6);
        assert_null(folded);
    } else {
        if (status != EP_OK) fail_msg("%s: %s", r->node, err.text);
        check_outputs(r, folded);
    }
    ep_network_free(folded);
    ep_network_free(network);
    onnx_free(&m);
}

#define CHECK_ROWS(rows)                                                                           \
    for (size_t i_ = 0; i_ < sizeof(rows) / sizeof(rows)[0]; i_++) check_row(&(rows)[i_])

#endif
