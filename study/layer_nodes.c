/* The network of one layer. Every shape is concrete from the start and there is nothing to fold, so
 * that inferring the shapes of each node as it is added gives a static network at once. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "study/layer_workload.h"

#define OPSET 20

/* Multiply-accumulates are at most the elements of a result times those of an operand: 2^60. */
#define MAX_ELEMENTS ((uint64_t)1 << 30)

enum { MAX_CONCAT = 64, MAX_NODES = 3, MAX_TENSORS = MAX_CONCAT + 8 };

typedef ep__layer_maker maker;

static int64_t value(const maker *m, ep__layer_key key)
{
    return m->values[key][0];
}

/* ---- tensors ------------------------------------------------------------------------------- */

#define NONE EP_NO_INDEX
#define SHAPE(...)                                                                                 \
    ((ep_shape){.rank = sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t), .dims = {__VA_ARGS__}})

static void check_size(maker *m, const ep_tensor *tensor)
{
    const bool copied = tensor->dtype == EP_DTYPE_UINT8;
    const uint64_t limit = copied ? (uint64_t)EP__LAYER_MAX_BYTES : MAX_ELEMENTS;
    uint64_t elements;
    char text[EP_SHAPE_TEXT];
    if (ep_shape_elements(&tensor->shape, &elements, NULL) == EP_OK && elements <= limit) return;
    m->status =
        ep_fail(m->err, EP_BAD_FILE, "%s: makes a tensor of %s elements, allowed up to %" PRIu64,
                m->op->name, ep_shape_text(&tensor->shape, text), limit);
}

/* Returns its index, which is also in its name after `letter`. */
static uint32_t add_tensor(maker *m, char letter, ep_tensor tensor)
{
    ep_network *network = m->network;
    if (m->status != EP_OK) return NONE;
    assert(network->n_tensors < MAX_TENSORS);
    const uint32_t t = network->n_tensors++;
    tensor.name = ep_arena_printf(network->arena, "%c%" PRIu32, letter, t);
    tensor.producer = NONE;
    network->tensors[t] = tensor;
    if (!tensor.name) m->status = ep_fail_memory(m->err);
    if (m->status == EP_OK && tensor.has_shape) check_size(m, &tensor);
    return t;
}

static uint32_t input(maker *m, ep_dtype dtype, ep_shape shape)
{
    const ep_tensor tensor = {.dtype = dtype, .has_shape = true, .shape = shape};
    const uint32_t t = add_tensor(m, 'x', tensor);
    if (m->status == EP_OK) m->inputs[m->network->n_inputs++] = t;
    return t;
}

static uint32_t map_input(maker *m)
{
    return input(m, EP_DTYPE_FLOAT,
                 SHAPE(m->batch, value(m, EP__KEY_C), value(m, EP__KEY_H), value(m, EP__KEY_W)));
}

/* Rows of as many elements; the batch is more rows. */
static uint32_t rows_input(maker *m, int64_t columns)
{
    return input(m, EP_DTYPE_FLOAT, SHAPE(m->batch * value(m, EP__KEY_M), columns));
}

static uint32_t weights(maker *m, ep_shape shape)
{
    const ep_tensor tensor = {
        .dtype = EP_DTYPE_FLOAT, .has_shape = true, .shape = shape, .constness = EP_CONST_UNKNOWN};
    return add_tensor(m, 'w', tensor);
}

static uint32_t float_values(maker *m, const float *values, int64_t count)
{
    const size_t bytes = (size_t)count * sizeof *values;
    const ep_tensor tensor = {.dtype = EP_DTYPE_FLOAT,
                              .has_shape = true,
                              .shape = SHAPE(count),
                              .constness = EP_CONST_DATA,
                              .data = ep_arena_copy(m->network->arena, values, bytes),
                              .data_bytes = bytes};
    if (!tensor.data) m->status = ep_fail_memory(m->err);
    return add_tensor(m, 'v', tensor);
}

/* ---- nodes --------------------------------------------------------------------------------- */

static ep_attr int_attr(const char *name, int64_t i)
{
    return (ep_attr){.name = name, .type = EP_ATTR_INT, .i = i};
}

static ep_attr ints_attr(const char *name, const int64_t *ints, uint32_t count)
{
    return (ep_attr){.name = name, .type = EP_ATTR_INTS, .count = count, .ints = ints};
}

static ep_attr string_attr(const char *name, const char *string)
{
    const uint32_t length = (uint32_t)strlen(string);
    return (ep_attr){.name = name, .type = EP_ATTR_STRING, .count = length, .string = string};
}

static const ep_attr *copy_attrs(ep_arena *arena, uint32_t n, const ep_attr *attrs)
{
    ep_attr *copy = EP_NEW(arena, ep_attr, n);
    for (uint32_t i = 0; copy && i < n; i++) {
        copy[i] = attrs[i];
        if (attrs[i].type != EP_ATTR_INTS) continue;
        copy[i].ints = ep_arena_copy(arena, attrs[i].ints, attrs[i].count * sizeof *attrs[i].ints);
        if (!copy[i].ints) return NULL;
    }
    return copy;
}

static void infer(maker *m, const ep_node *node)
{
    ep_error why = {0};
    const ep_status status = ep_infer_shapes(m->network, node, &why);
    if (status == EP_NO_MEMORY) {
        m->status = ep_fail_memory(m->err);
    } else if (status != EP_OK) {
        m->status = ep_fail(m->err, EP_BAD_FILE, "%s: %s", m->op->name, why.text);
    } else {
        check_size(m, &m->network->tensors[node->outputs[0]]);
    }
}

/* A node, named after its operator: no network of ours has one twice. Returns its output. */
static uint32_t add_node(maker *m, const char *op, uint32_t n_inputs, const uint32_t *inputs,
                         uint32_t n_attrs, const ep_attr *attrs)
{
    ep_network *network = m->network;
    ep_arena *arena = network->arena;
    const uint32_t out = add_tensor(m, 'y', (ep_tensor){.dtype = EP_DTYPE_UNDEFINED});
    if (m->status != EP_OK) return NONE;
    assert(network->n_nodes < MAX_NODES);
    network->tensors[out].producer = network->n_nodes;
    ep_node *node = &network->nodes[network->n_nodes++];
    *node = (ep_node){.name = op,
                      .op_type = op,
                      .domain = "",
                      .op = ep_op_find("", op),
                      .opset = OPSET,
                      .n_inputs = n_inputs,
                      .inputs = ep_arena_copy(arena, inputs, n_inputs * sizeof *inputs),
                      .n_outputs = 1,
                      .outputs = ep_arena_copy(arena, &out, sizeof out),
                      .n_attrs = n_attrs,
                      .attrs = copy_attrs(arena, n_attrs, attrs)};
    assert(node->op);
    if (node->inputs && node->outputs && node->attrs) {
        infer(m, node);
    } else {
        m->status = ep_fail_memory(m->err);
    }
    return out;
}

/* The same for up to three inputs; NONE: left out. */
static uint32_t node_of(maker *m, const char *op, uint32_t a, uint32_t b, uint32_t c,
                        uint32_t n_attrs, const ep_attr *attrs)
{
    const uint32_t inputs[] = {a, b, c};
    return add_node(m, op, c != NONE ? 3 : b != NONE ? 2 : 1, inputs, n_attrs, attrs);
}

static uint32_t plain_node(maker *m, const char *op, uint32_t a, uint32_t b, uint32_t c)
{
    return node_of(m, op, a, b, c, 0, NULL);
}

/* ---- convolution and pooling --------------------------------------------------------------- */

/* Attributes of a sliding window, and the lists that they point to. */
typedef struct window {
    int64_t kernel[2], pads[4];
    ep_attr attrs[5];
} window;

static void read_window(const maker *m, window *w)
{
    w->kernel[0] = value(m, EP__KEY_R);
    w->kernel[1] = value(m, EP__KEY_S);
    for (int i = 0; i < 2; i++) w->pads[i] = w->pads[i + 2] = m->values[EP__KEY_PAD][i];
    w->attrs[0] = ints_attr("kernel_shape", w->kernel, 2);
    w->attrs[1] = ints_attr("strides", m->values[EP__KEY_STRIDE], 2);
    w->attrs[2] = ints_attr("pads", w->pads, 4);
}

static uint32_t convolve(maker *m, bool transposed)
{
    const int64_t c = value(m, EP__KEY_C), k = value(m, EP__KEY_K);
    const int64_t groups = value(m, EP__KEY_GROUPS);
    if (c % groups != 0 || k % groups != 0) {
        m->status = ep_fail(m->err, EP_BAD_FILE,
                            "%s: groups=%" PRId64 ": must divide c=%" PRId64 " and k=%" PRId64,
                            m->op->name, groups, c, k);
        return NONE;
    }
    window w;
    read_window(m, &w);
    w.attrs[3] = ints_attr("dilations", m->values[EP__KEY_DILATION], 2);
    w.attrs[4] = int_attr("group", groups);
    const int64_t from = transposed ? c : k, to = (transposed ? k : c) / groups;
    const uint32_t x = map_input(m);
    const uint32_t filters = weights(m, SHAPE(from, to, w.kernel[0], w.kernel[1]));
    const uint32_t bias = weights(m, SHAPE(k));
    return node_of(m, transposed ? "ConvTranspose" : "Conv", x, filters, bias, 5, w.attrs);
}

static void activate(maker *m, uint32_t x)
{
    if (value(m, EP__KEY_ACT)) (void)plain_node(m, "Relu", x, NONE, NONE);
}

static void make_conv(maker *m)
{
    uint32_t y = convolve(m, false);
    if (m->status == EP_OK && value(m, EP__KEY_RESIDUAL)) {
        const uint32_t other = input(m, EP_DTYPE_FLOAT, m->network->tensors[y].shape);
        y = plain_node(m, "Add", y, other, NONE);
    }
    activate(m, y);
}

static void make_convtranspose(maker *m)
{
    activate(m, convolve(m, true));
}

static void make_maxpool(maker *m)
{
    window w;
    read_window(m, &w);
    (void)node_of(m, "MaxPool", map_input(m), NONE, NONE, 3, w.attrs);
}

/* The padding counts, as PyTorch has it. */
static void make_averagepool(maker *m)
{
    window w;
    read_window(m, &w);
    w.attrs[3] = int_attr("count_include_pad", 1);
    (void)node_of(m, "AveragePool", map_input(m), NONE, NONE, 4, w.attrs);
}

/* ---- matrices ------------------------------------------------------------------------------ */

static void make_gemm(maker *m)
{
    const int64_t n = value(m, EP__KEY_N), k = value(m, EP__KEY_K);
    const uint32_t a = rows_input(m, k);
    const uint32_t b = weights(m, SHAPE(k, n));
    const uint32_t bias = value(m, EP__KEY_BIAS) ? weights(m, SHAPE(n)) : NONE;
    (void)plain_node(m, "Gemm", a, b, bias);
}

static void make_matmul(maker *m)
{
    const int64_t k = value(m, EP__KEY_K);
    const uint32_t a = input(m, EP_DTYPE_FLOAT, SHAPE(m->batch, value(m, EP__KEY_M), k));
    const uint32_t b = input(m, EP_DTYPE_FLOAT, SHAPE(m->batch, k, value(m, EP__KEY_N)));
    (void)plain_node(m, "MatMul", a, b, NONE);
}

static void make_layernormalization(maker *m)
{
    const int64_t n = value(m, EP__KEY_N);
    const uint32_t x = rows_input(m, n);
    const uint32_t scale = weights(m, SHAPE(n));
    const uint32_t shift = weights(m, SHAPE(n));
    (void)plain_node(m, "LayerNormalization", x, scale, shift);
}

static void make_softmax(maker *m)
{
    (void)plain_node(m, "Softmax", rows_input(m, value(m, EP__KEY_N)), NONE, NONE);
}

/* ---- maps ---------------------------------------------------------------------------------- */

#define MAKE_UNARY(name, op)                                                                       \
    static void name(maker *m)                                                                     \
    {                                                                                              \
        (void)plain_node(m, op, map_input(m), NONE, NONE);                                         \
    }
MAKE_UNARY(make_globalaveragepool, "GlobalAveragePool")
MAKE_UNARY(make_relu, "Relu")
MAKE_UNARY(make_sigmoid, "Sigmoid")
MAKE_UNARY(make_hardswish, "HardSwish")
MAKE_UNARY(make_gelu, "Gelu")
MAKE_UNARY(make_identity, "Identity")

/* As exporters write it. */
static void make_silu(maker *m)
{
    const uint32_t x = map_input(m);
    (void)plain_node(m, "Mul", x, plain_node(m, "Sigmoid", x, NONE, NONE), NONE);
}

static void make_add(maker *m)
{
    const uint32_t a = map_input(m), b = map_input(m);
    (void)plain_node(m, "Add", a, b, NONE);
}

static void make_mul(maker *m)
{
    const uint32_t a = map_input(m), b = map_input(m);
    (void)plain_node(m, "Mul", a, b, NONE);
}

static void make_concat(maker *m)
{
    const int64_t n = value(m, EP__KEY_N);
    if (n > MAX_CONCAT) {
        m->status = ep_fail(m->err, EP_BAD_FILE, "concat: n=%" PRId64 ": allowed 1..%d", n,
                            (int)MAX_CONCAT);
        return;
    }
    uint32_t maps[MAX_CONCAT];
    for (int64_t i = 0; i < n; i++) maps[i] = map_input(m);
    const ep_attr axis = int_attr("axis", 1);
    (void)add_node(m, "Concat", (uint32_t)n, maps, 1, &axis);
}

/* With the coordinates that PyTorch's exporter writes for each mode. */
static void make_resize(maker *m)
{
    const bool linear = value(m, EP__KEY_MODE);
    const float scale = (float)value(m, EP__KEY_SCALE);
    const float scales[] = {1, 1, scale, scale};
    const ep_attr attrs[] = {
        string_attr("mode", linear ? "linear" : "nearest"),
        string_attr("coordinate_transformation_mode", linear ? "half_pixel" : "asymmetric"),
        string_attr("nearest_mode", "floor"),
    };
    const uint32_t x = map_input(m);
    (void)node_of(m, "Resize", x, NONE, float_values(m, scales, 4), 3, attrs);
}

static void make_devicecopy(maker *m)
{
    const uint32_t x = input(m, EP_DTYPE_UINT8, SHAPE(m->batch, value(m, EP__KEY_BYTES)));
    (void)plain_node(m, "Identity", x, NONE, NONE);
}

/* ---- the table ----------------------------------------------------------------------------- */

#define WINDOW "r s stride=1 pad=0"
#define CONVOLUTION "c h w k " WINDOW " dilation=1 groups=1 act=none"

static const ep__layer_operator operators[] = {
    {"conv", EP_WORKLOAD_NETWORK, make_conv, CONVOLUTION " residual=0"},
    {"convtranspose", EP_WORKLOAD_NETWORK, make_convtranspose, CONVOLUTION},
    {"gemm", EP_WORKLOAD_NETWORK, make_gemm, "m n k bias=1"},
    {"matmul", EP_WORKLOAD_NETWORK, make_matmul, "m n k"},
    {"maxpool", EP_WORKLOAD_NETWORK, make_maxpool, "c h w " WINDOW},
    {"averagepool", EP_WORKLOAD_NETWORK, make_averagepool, "c h w " WINDOW},
    {"globalaveragepool", EP_WORKLOAD_NETWORK, make_globalaveragepool, "c h w"},
    {"relu", EP_WORKLOAD_NETWORK, make_relu, "c h w"},
    {"sigmoid", EP_WORKLOAD_NETWORK, make_sigmoid, "c h w"},
    {"silu", EP_WORKLOAD_NETWORK, make_silu, "c h w"},
    {"hardswish", EP_WORKLOAD_NETWORK, make_hardswish, "c h w"},
    {"gelu", EP_WORKLOAD_NETWORK, make_gelu, "c h w"},
    {"add", EP_WORKLOAD_NETWORK, make_add, "c h w"},
    {"mul", EP_WORKLOAD_NETWORK, make_mul, "c h w"},
    {"identity", EP_WORKLOAD_REFORMAT, make_identity, "c h w"},
    {"concat", EP_WORKLOAD_NETWORK, make_concat, "n c h w"},
    {"resize", EP_WORKLOAD_NETWORK, make_resize, "scale mode=nearest c h w"},
    {"reformat", EP_WORKLOAD_REFORMAT, make_identity, "c h w from to"},
    {"layernormalization", EP_WORKLOAD_NETWORK, make_layernormalization, "m n"},
    {"softmax", EP_WORKLOAD_NETWORK, make_softmax, "m n"},
    {"empty", EP_WORKLOAD_EMPTY, NULL, ""},
    {"devicecopy", EP_WORKLOAD_COPY, make_devicecopy, "bytes"},
};

const ep__layer_operator *ep__layer_operator_row(uint32_t index)
{
    return index < sizeof operators / sizeof operators[0] ? &operators[index] : NULL;
}

ep_status ep__layer_make_network(maker *m, ep_arena *arena, const char *name)
{
    ep_network *network = EP_NEW(arena, ep_network, 1);
    if (!network) return ep_fail_memory(m->err);
    m->network = network;
    m->inputs = EP_NEW(arena, uint32_t, MAX_TENSORS);
    *network = (ep_network){.arena = arena,
                            .path = name,
                            .name = name,
                            .opset = OPSET,
                            .tensors = EP_NEW(arena, ep_tensor, MAX_TENSORS),
                            .nodes = EP_NEW(arena, ep_node, MAX_NODES),
                            .inputs = m->inputs,
                            .batch_from = m->batch,
                            .batch_to = m->batch};
    if (!network->tensors || !network->nodes || !m->inputs) return ep_fail_memory(m->err);
    m->op->make(m);
    EP_TRY(m->status);
    network->n_outputs = 1;
    network->outputs = network->nodes[network->n_nodes - 1].outputs;
    return EP_OK;
}
