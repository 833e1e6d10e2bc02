/* onnx_builder: ONNX files for tests, written byte by byte, so that what a test feeds to the
 * importer owes nothing to the importer's own reading of the format.
 *
 *     onnx_model m = {0};                                  // opset 17; m.opset = 11 for another
 *     onnx_input(&m, "x", EP_DTYPE_FLOAT, "Nx3x224x224");
 *     onnx_weight(&m, "w", EP_DTYPE_FLOAT, "64x3x7x7");    // zeros
 *     ONNX_INTS(&m, "shape", 0, -1);                       // int64 initializer, one dimension
 *     onnx_node(&m, "conv1: c = Conv(x, w) kernel_shape=[7,7] auto_pad='SAME_UPPER'");
 *     onnx_node(&m, "y = Reshape(c, shape)");
 *     onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
 *     ep_network *network;
 *     assert_int_equal(onnx_parse(&m, &network, &err), EP_OK);
 *     ...
 *     ep_network_free(network);
 *     onnx_free(&m);                                       // after the network: it owns the bytes
 *
 * Nodes are text: `[NAME: ] OUTPUTS = [DOMAIN.]OP(INPUTS) ATTRIBUTE=VALUE ...`, printf-formatted.
 * An optional operand is left out as in `Resize(x, , s)`. Values: `3` INT, `0.5` or `1e-3` FLOAT,
 * `'text'` STRING, `[1,2]` `[0.5,1]` `['a','b']` lists, `@name` a function's attribute.
 * Shapes are text: "1x3x?xW" (`?` unknown, a word is symbolic and has no x in it), "" a scalar,
 * NULL no shape at all.
 *
 * What these functions do not offer is built with the pb_ functions below and appended to
 * `m.graph` (GraphProto), `m.model` (ModelProto) or a node (NodeProto): protobuf does not care
 * about the order of fields. Running out of memory aborts the test.
 */
#ifndef ONNX_BUILDER_H
#define ONNX_BUILDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/graph.h"

/* ---- protobuf ------------------------------------------------------------------------------ */

/* A message being written; zero-initialise. */
typedef struct pb {
    uint8_t *data;
    size_t size, capacity;
} pb;

static inline void pb_raw(pb *to, const void *bytes, size_t size)
{
    if (to->capacity - to->size < size) {
        to->capacity = (to->size + size) * 2 + 64;
        to->data = realloc(to->data, to->capacity);
        if (!to->data) abort();
    }
    if (size) memcpy(to->data + to->size, bytes, size);
    to->size += size;
}

static inline void pb_free(pb *message)
{
    free(message->data);
    *message = (pb){0};
}

/* A bare varint, as inside a packed field. */
static inline void pb_raw_varint(pb *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) pb_raw(to, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    pb_raw(to, &(uint8_t){(uint8_t)value}, 1);
}

static inline void pb_tag(pb *to, uint32_t field, unsigned wire_type)
{
    pb_raw_varint(to, (uint64_t)field << 3 | wire_type);
}

static inline void pb_int(pb *to, uint32_t field, int64_t value)
{
    pb_tag(to, field, 0);
    pb_raw_varint(to, (uint64_t)value);
}

static inline void pb_float(pb *to, uint32_t field, float value)
{
    pb_tag(to, field, 5);
    pb_raw(to, &value, sizeof value);
}

static inline void pb_bytes(pb *to, uint32_t field, const void *bytes, size_t size)
{
    pb_tag(to, field, 2);
    pb_raw_varint(to, size);
    pb_raw(to, bytes, size);
}

static inline void pb_string(pb *to, uint32_t field, const char *text)
{
    pb_bytes(to, field, text, strlen(text));
}

/* Appends `message` as a field and frees it. */
static inline void pb_message(pb *to, uint32_t field, pb *message)
{
    pb_bytes(to, field, message->data, message->size);
    pb_free(message);
}

/* ---- shapes and tensors -------------------------------------------------------------------- */

/* The dimensions of "2x3"; returns their product. No symbols here. */
static inline uint64_t onnx_dims(const char *shape, int64_t *dims, int *rank)
{
    uint64_t elements = 1;
    *rank = 0;
    for (const char *p = shape; *p; p += *p == 'x') {
        char *end;
        dims[*rank] = strtoll(p, &end, 10);
        if (end == p) abort();
        elements *= (uint64_t)dims[(*rank)++];
        p = end;
    }
    return elements;
}

enum { ONNX_DIMS_MAX = 16 }; /* more than EP_MAX_RANK, for tests of that bound */

/* A TensorProto without data. */
static inline pb onnx_tensor(const char *name, ep_dtype dtype, const char *shape)
{
    pb tensor = {0};
    int64_t dims[ONNX_DIMS_MAX];
    int rank;
    onnx_dims(shape, dims, &rank);
    for (int i = 0; i < rank; i++) pb_int(&tensor, 1, dims[i]);
    pb_int(&tensor, 2, dtype);
    if (name) pb_string(&tensor, 8, name);
    return tensor;
}

/* A ValueInfoProto. */
static inline pb onnx_value(const char *name, ep_dtype dtype, const char *shape)
{
    pb dims = {0}, tensor_type = {0}, type = {0}, value = {0};
    for (const char *p = shape ? shape : ""; *p; p += *p == 'x') {
        const size_t length = strcspn(p, "x");
        pb dim = {0};
        if (strchr("-0123456789", *p)) {
            pb_int(&dim, 1, strtoll(p, NULL, 10));
        } else if (*p != '?') {
            pb_bytes(&dim, 2, p, length);
        }
        pb_message(&dims, 1, &dim);
        p += length;
    }
    pb_int(&tensor_type, 1, dtype);
    if (shape) pb_message(&tensor_type, 2, &dims);
    pb_message(&type, 1, &tensor_type);
    pb_string(&value, 1, name);
    pb_message(&value, 2, &type);
    return value;
}

/* ---- nodes --------------------------------------------------------------------------------- */

/* Cuts the next word off `*text`: up to one of `stops`, blanks at both ends dropped. Leaves
 * `*text` at the stop. */
static inline char *onnx_word(char **text, const char *stops, char word[512])
{
    *text += strspn(*text, " ");
    size_t length = strcspn(*text, stops);
    if (length >= 512) abort();
    memcpy(word, *text, length);
    *text += length;
    while (length && word[length - 1] == ' ') length--;
    word[length] = '\0';
    return word;
}

/* Comma-separated names up to `end`, which is eaten, each as string `field`. */
static inline void onnx_names(pb *to, uint32_t field, char **text, char end)
{
    char word[512], stops[] = {',', end, '\0'};
    for (int n = 0;; n++) {
        onnx_word(text, stops, word);
        const bool last = **text != ',';
        if (!(last && n == 0 && !word[0])) pb_string(to, field, word);
        if (**text) ++*text;
        if (last) return;
    }
}

static inline bool onnx_is_float(const char *text)
{
    return strpbrk(text, ".en") != NULL; /* 0.5, 1e-3, inf, nan */
}

/* The elements of "[...]", each into its field of AttributeProto; returns the attribute's type. */
static inline int onnx_list(pb *attribute, char *list)
{
    const bool strings = strchr(list, '\'') != NULL;
    const bool floats = !strings && onnx_is_float(list);
    for (char *p = strtok(list + 1, ",]"); p; p = strtok(NULL, ",]")) {
        if (strings) {
            pb_bytes(attribute, 9, strchr(p, '\'') + 1, strcspn(strchr(p, '\'') + 1, "'"));
        } else if (floats) {
            pb_float(attribute, 7, strtof(p, NULL));
        } else {
            pb_int(attribute, 8, strtoll(p, NULL, 10));
        }
    }
    return strings ? 8 : floats ? 6 : 7;
}

/* Reads one ATTRIBUTE=VALUE. */
static inline pb onnx_attribute(char **text)
{
    pb attribute = {0};
    char word[512], value[512];
    pb_string(&attribute, 1, onnx_word(text, "=", word));
    if (**text != '=') abort();
    ++*text;
    int type = 0; /* a reference has the type of what it refers to */
    if (**text == '\'') {
        ++*text;
        const size_t length = strcspn(*text, "'");
        pb_bytes(&attribute, 4, *text, length);
        *text += length + 1;
        type = 3;
    } else if (**text == '[') {
        onnx_word(text, "]", value);
        ++*text;
        type = onnx_list(&attribute, value);
    } else if (**text == '@') {
        pb_string(&attribute, 21, onnx_word(text, " ", value) + 1);
    } else if (onnx_is_float(onnx_word(text, " ", value))) {
        pb_float(&attribute, 2, strtof(value, NULL));
        type = 1;
    } else {
        pb_int(&attribute, 3, strtoll(value, NULL, 10));
        type = 2;
    }
    if (type) pb_int(&attribute, 20, type);
    return attribute;
}

/* A NodeProto from its text, without formatting. */
static inline pb onnx_node_from(char *text)
{
    pb node = {0};
    char word[512];
    const char *colon = strstr(text, ": ");
    if (colon && colon < text + strcspn(text, "=")) {
        pb_bytes(&node, 3, text, (size_t)(colon - text));
        text += colon + 2 - text;
    }
    onnx_names(&node, 2, &text, '=');
    char *op = onnx_word(&text, "(", word);
    char *dot = strrchr(op, '.');
    if (dot) pb_bytes(&node, 7, op, (size_t)(dot - op));
    pb_string(&node, 4, dot ? dot + 1 : op);
    if (*text++ != '(') abort();
    onnx_names(&node, 1, &text, ')');
    for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
        pb attribute = onnx_attribute(&text);
        pb_message(&node, 5, &attribute);
    }
    return node;
}

#define ONNX_FORMAT(text, format)                                                                  \
    char text[4096];                                                                               \
    do {                                                                                           \
        va_list args_;                                                                             \
        va_start(args_, format);                                                                   \
        if (vsnprintf(text, sizeof text, format, args_) >= (int)sizeof text) abort();              \
        va_end(args_);                                                                             \
    } while (0)

EP_PRINTF(1, 2) static inline pb onnx_node_message(const char *format, ...)
{
    ONNX_FORMAT(text, format);
    return onnx_node_from(text);
}

/* Gives a node a tensor attribute, or a subgraph (a GraphProto); frees the part. */
static inline void onnx_attribute_tensor(pb *node, const char *name, pb *tensor)
{
    pb attribute = {0};
    pb_string(&attribute, 1, name);
    pb_message(&attribute, 5, tensor);
    pb_int(&attribute, 20, 4);
    pb_message(node, 5, &attribute);
}

static inline void onnx_attribute_graph(pb *node, const char *name, pb *graph)
{
    pb attribute = {0};
    pb_string(&attribute, 1, name);
    pb_message(&attribute, 6, graph);
    pb_int(&attribute, 20, 5);
    pb_message(node, 5, &attribute);
}

/* ---- models -------------------------------------------------------------------------------- */

typedef struct onnx_model {
    pb model, graph; /* ModelProto, less what onnx_finish adds; GraphProto */
    int opset;       /* of ONNX's own domain; 0: 17, negative: none imported */
    bool finished;
} onnx_model;

static inline void onnx_input(onnx_model *m, const char *name, ep_dtype dtype, const char *shape)
{
    pb value = onnx_value(name, dtype, shape);
    pb_message(&m->graph, 11, &value);
}

static inline void onnx_output(onnx_model *m, const char *name, ep_dtype dtype, const char *shape)
{
    pb value = onnx_value(name, dtype, shape);
    pb_message(&m->graph, 12, &value);
}

/* States dtype and shape of a tensor in between. */
static inline void onnx_value_info(onnx_model *m, const char *name, ep_dtype dtype,
                                   const char *shape)
{
    pb value = onnx_value(name, dtype, shape);
    pb_message(&m->graph, 13, &value);
}

EP_PRINTF(2, 3) static inline void onnx_node(onnx_model *m, const char *format, ...)
{
    ONNX_FORMAT(text, format);
    pb node = onnx_node_from(text);
    pb_message(&m->graph, 1, &node);
}

/* An initializer with these bytes as raw_data. */
static inline void onnx_raw(onnx_model *m, const char *name, ep_dtype dtype, const char *shape,
                            const void *bytes, size_t size)
{
    pb tensor = onnx_tensor(name, dtype, shape);
    pb_bytes(&tensor, 9, bytes, size);
    pb_message(&m->graph, 5, &tensor);
}

/* An initializer of zeros. */
static inline void onnx_weight(onnx_model *m, const char *name, ep_dtype dtype, const char *shape)
{
    int64_t dims[ONNX_DIMS_MAX];
    int rank;
    const size_t size = (size_t)ep_dtype_bytes(dtype, onnx_dims(shape, dims, &rank));
    void *zeros = calloc(1, size + 1);
    if (!zeros) abort();
    onnx_raw(m, name, dtype, shape, zeros, size);
    free(zeros);
}

static inline void onnx_floats(onnx_model *m, const char *name, const char *shape,
                               const float *values)
{
    int64_t dims[ONNX_DIMS_MAX];
    int rank;
    const size_t elements = (size_t)onnx_dims(shape, dims, &rank);
    onnx_raw(m, name, EP_DTYPE_FLOAT, shape, values, elements * sizeof *values);
}

/* INT64 initializers: a list, and a scalar. */
static inline void onnx_int_list(onnx_model *m, const char *name, const int64_t *values,
                                 size_t count)
{
    char shape[32];
    (void)snprintf(shape, sizeof shape, "%zu", count);
    onnx_raw(m, name, EP_DTYPE_INT64, shape, values, count * sizeof *values);
}
#define ONNX_INTS(m, name, ...)                                                                    \
    onnx_int_list((m), (name), (const int64_t[]){__VA_ARGS__},                                     \
                  sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static inline void onnx_int_scalar(onnx_model *m, const char *name, int64_t value)
{
    onnx_raw(m, name, EP_DTYPE_INT64, "", &value, sizeof value);
}

/* A weight whose value was stripped from the file: constant, of unknown value. */
static inline void onnx_stripped(onnx_model *m, const char *name, ep_dtype dtype, const char *shape)
{
    char dims_name[512];
    (void)snprintf(dims_name, sizeof dims_name, "%s__dims", name);
    int64_t dims[ONNX_DIMS_MAX];
    int rank;
    onnx_dims(shape, dims, &rank);
    onnx_int_list(m, dims_name, dims, (size_t)rank);
    pb node = onnx_node_message("stripped:%s: %s = ConstantOfShape(%s)", name, name, dims_name);
    pb value = onnx_tensor(NULL, dtype, "1");
    pb_bytes(&value, 9, (const char[16]){0}, (size_t)ep_dtype_bytes(dtype, 1));
    onnx_attribute_tensor(&node, "value", &value);
    pb_message(&m->graph, 1, &node);
}

/* Imports a version of a domain other than ONNX's own. */
static inline pb onnx_opset(const char *domain, int version)
{
    pb opset = {0};
    pb_string(&opset, 1, domain);
    pb_int(&opset, 2, version);
    return opset;
}

/* A local function, to be appended with pb_message(&m.model, 25, &function) once it has nodes
 * (onnx_function_node). The lists are comma-separated. */
static inline pb onnx_function(const char *domain, const char *name, const char *inputs,
                               const char *outputs, const char *attributes)
{
    const char *lists[] = {inputs, outputs, attributes};
    pb function = {0}, opset = onnx_opset("", 17);
    pb_string(&function, 1, name);
    pb_string(&function, 10, domain);
    pb_message(&function, 9, &opset);
    for (uint32_t i = 0; i < 3; i++) {
        char text[1024], *p = text;
        if (snprintf(text, sizeof text, "%s", lists[i]) >= (int)sizeof text) abort();
        onnx_names(&function, 4 + i, &p, '\n');
    }
    return function;
}

EP_PRINTF(2, 3) static inline void onnx_function_node(pb *function, const char *format, ...)
{
    ONNX_FORMAT(text, format);
    pb node = onnx_node_from(text);
    pb_message(function, 7, &node);
}

/* Completes the ModelProto in `m->model`; once. */
static inline void onnx_finish(onnx_model *m)
{
    if (m->finished) return;
    m->finished = true;
    pb_int(&m->model, 1, 8);
    pb_string(&m->graph, 2, "test");
    pb_message(&m->model, 7, &m->graph);
    pb opset = onnx_opset("", m->opset ? m->opset : 17);
    if (m->opset >= 0) pb_message(&m->model, 8, &opset);
    pb_free(&opset);
}

/* Imports the model from memory, without external data. */
static inline ep_status onnx_parse(onnx_model *m, ep_network **out, ep_error *err)
{
    onnx_finish(m);
    return ep_network_parse(m->model.data, m->model.size, "test.onnx", NULL, out, err);
}

/* Writes the model; aborts when it cannot. */
static inline void onnx_write(onnx_model *m, const char *path)
{
    onnx_finish(m);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(m->model.data, 1, m->model.size, file) != m->model.size) abort();
    if (fclose(file) != 0) abort();
}

static inline void onnx_free(onnx_model *m)
{
    pb_free(&m->model);
    pb_free(&m->graph);
    *m = (onnx_model){0};
}

#endif
