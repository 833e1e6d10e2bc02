#include <assert.h>
#include <string.h>

#include "graph/graph.h"
#include "graph/layers_internal.h"
#include "graph/shapes.h"

/* ---- what a node computes ------------------------------------------------------------------ */

typedef struct function_row {
    const char *op;
    ep_function function;
} function_row;

static const function_row functions[] = {
    {"Relu", EP_FN_RELU},
    {"Clip", EP_FN_CLIP},
    {"Sigmoid", EP_FN_SIGMOID},
    {"Tanh", EP_FN_TANH},
    {"LeakyRelu", EP_FN_LEAKY_RELU},
    {"HardSigmoid", EP_FN_HARD_SIGMOID},
    {"HardSwish", EP_FN_HARD_SWISH},
    {"Gelu", EP_FN_GELU},
    {"Add", EP_FN_SUM},
    {"Sum", EP_FN_SUM},
    {"Sub", EP_FN_SUB},
    {"Mul", EP_FN_PROD},
    {"Div", EP_FN_DIV},
    {"Max", EP_FN_MAX},
    {"Min", EP_FN_MIN},
    {"Pow", EP_FN_POW},
    {"Equal", EP_FN_EQUAL},
    {"Greater", EP_FN_GREATER},
    {"Less", EP_FN_LESS},
    {"MaxPool", EP_FN_MAX_POOL},
    {"GlobalMaxPool", EP_FN_MAX_POOL},
    {"AveragePool", EP_FN_AVERAGE_POOL},
    {"GlobalAveragePool", EP_FN_AVERAGE_POOL},
    {"ReduceMax", EP_FN_REDUCE_MAX},
    {"ReduceMean", EP_FN_REDUCE_MEAN},
    {"ReduceSum", EP_FN_REDUCE_SUM},
    {"Abs", EP_FN_ABS},
    {"Sin", EP_FN_SIN},
    {"Cos", EP_FN_COS},
    {"Atan", EP_FN_ATAN},
    {"Erf", EP_FN_ERF},
    {"Sqrt", EP_FN_SQRT},
    {"Reshape", EP_FN_RESHAPE},
    {"Flatten", EP_FN_RESHAPE},
    {"Squeeze", EP_FN_RESHAPE},
    {"Unsqueeze", EP_FN_RESHAPE},
    {"Identity", EP_FN_RESHAPE},
    {"Dropout", EP_FN_RESHAPE},
    {"Transpose", EP_FN_TRANSPOSE},
    {"Slice", EP_FN_SLICE},
    {"Split", EP_FN_SPLIT},
    {"Pad", EP_FN_PAD},
};

static ep_function function_of(const ep_node *node, ep_layer_type type)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (strcmp(functions[i].op, node->op_type) == 0) return functions[i].function;
    }
    switch (type) {
    case EP_LAYER_ACTIVATION: return EP_FN_OTHER_ACTIVATION;
    case EP_LAYER_UNARY: return EP_FN_OTHER_UNARY;
    case EP_LAYER_ELEMENTWISE:
    case EP_LAYER_COMPARISON: return EP_FN_OTHER_BINARY;
    case EP_LAYER_POOLING: return EP_FN_OTHER_POOL;
    case EP_LAYER_REDUCE: return EP_FN_OTHER_REDUCE;
    case EP_LAYER_SHUFFLE: return EP_FN_OTHER_SHUFFLE;
    case EP_LAYER_SLICE: return EP_FN_OTHER_SLICE;
    default: return EP_FN_NONE;
    }
}

/* ---- views --------------------------------------------------------------------------------- */

bool ep__shapes_squeeze_alike(const ep_shape *a, const ep_shape *b)
{
    int i = 0, j = 0;
    for (;;) {
        while (i < a->rank && a->dims[i] == 1) i++;
        while (j < b->rank && b->dims[j] == 1) j++;
        if (i == a->rank || j == b->rank) return i == a->rank && j == b->rank;
        if (a->dims[i++] != b->dims[j++]) return false;
    }
}

/* perm[i] of a Transpose; without the attribute the axes are reversed. False when it is none. */
static bool permutation(const ep_shape *input, const ep_node *node, int perm[EP_MAX_RANK])
{
    const ep_attr *attr = ep_attr_find(node, "perm");
    const bool given = attr && attr->type == EP_ATTR_INTS;
    if (given && attr->count != (uint32_t)input->rank) return false;
    for (int i = 0; i < input->rank; i++) {
        const int64_t p = given ? attr->ints[i] : input->rank - 1 - i;
        if (p < 0 || p >= input->rank) return false;
        perm[i] = (int)p;
    }
    return true;
}

bool ep__transpose_is_view(const ep_shape *input, const ep_node *node)
{
    int perm[EP_MAX_RANK];
    if (!permutation(input, node, perm)) return false;
    int last = -1;
    for (int i = 0; i < input->rank; i++) {
        if (input->dims[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

/* ---- operands ------------------------------------------------------------------------------ */

/* Operands after the first that say how, not with what: shapes, axes, bounds. */
static bool has_shape_operands(ep_layer_type type)
{
    switch (type) {
    case EP_LAYER_ACTIVATION:
    case EP_LAYER_REDUCE:
    case EP_LAYER_SHUFFLE:
    case EP_LAYER_SLICE:
    case EP_LAYER_RESIZE:
    case EP_LAYER_CAST:
    case EP_LAYER_TOPK: return true;
    default: return false;
    }
}

static ep_status split_operands(const ep_network *network, const ep_node *node, ep_arena *arena,
                                ep_layer *layer, ep_error *err)
{
    uint32_t *inputs = EP_NEW(arena, uint32_t, node->n_inputs);
    uint32_t *consts = EP_NEW(arena, uint32_t, node->n_inputs);
    uint32_t *outputs = EP_NEW(arena, uint32_t, node->n_outputs);
    if (!inputs || !consts || !outputs) return ep_fail_memory(err);
    const bool skip_consts = has_shape_operands(layer->type);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const uint32_t t = node->inputs[i];
        if (t == EP_NO_INDEX) continue;
        if (!ep_tensor_is_const(&network->tensors[t])) {
            inputs[layer->n_inputs++] = t;
        } else if (!skip_consts) {
            consts[layer->n_consts++] = t;
        }
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        outputs[layer->n_outputs++] = node->outputs[i];
        layer->elements += ep_tensor_elements(&network->tensors[node->outputs[i]]);
    }
    layer->inputs = inputs;
    layer->consts = consts;
    layer->outputs = outputs;
    return EP_OK;
}

/* ---- matrix products ----------------------------------------------------------------------- */

static uint64_t dim_from_end(const ep_shape *shape, int i)
{
    return shape->rank > i ? (uint64_t)shape->dims[shape->rank - 1 - i] : 1;
}

static ep_gemm gemm_of(const ep_network *network, const ep_node *node, const ep_layer *layer)
{
    const ep_tensor *a = ep_node_input(network, node, 0);
    const ep_tensor *out = &network->tensors[layer->outputs[0]];
    const uint64_t elements = ep_tensor_elements(out);
    ep_gemm g = {.batch = 1, .m = dim_from_end(&out->shape, 1), .n = dim_from_end(&out->shape, 0)};
    g.k = dim_from_end(&a->shape, ep_attr_int(node, "transA", 0) ? 1 : 0);
    if (g.m == 0 || g.n == 0) return g;
    if (layer->type == EP_LAYER_FULLY_CONNECTED) {
        g.m = elements / g.n; /* the weights are shared: every leading dimension is rows */
    } else {
        g.batch = elements / (g.m * g.n);
    }
    return g;
}

/* Letters of an Einsum term: up to the next ',' or the arrow. */
static int count_labels(const char *term)
{
    int n = 0;
    for (; *term && *term != ',' && *term != '-'; term++) n += *term != ' ' && *term != '.';
    return n;
}

/* Products a term-by-term Einsum does: the extents of all its labels multiplied. The axes that an
 * ellipsis stands for are labelled by their distance from its end, 1 to EP_MAX_RANK. */
static uint64_t einsum_macs(const ep_network *network, const ep_node *node)
{
    uint64_t extent[256] = {0}, macs = 1;
    uint32_t operand = 0;
    for (const char *p = ep_attr_string(node, "equation", ""); *p && *p != '-'; operand++) {
        const ep_tensor *t = ep_node_input(network, node, operand);
        if (!t) return 0;
        int hidden = t->shape.rank - count_labels(p);
        for (int axis = 0; *p && *p != ',' && *p != '-'; p++) {
            for (; *p == '.' && hidden > 0; hidden--, axis++) {
                uint64_t *e = &extent[hidden];
                *e = ep_max_u64(*e, (uint64_t)t->shape.dims[axis]);
            }
            if (*p == ' ' || *p == '.' || axis >= t->shape.rank) continue;
            extent[(unsigned char)*p] = (uint64_t)t->shape.dims[axis++];
        }
        if (*p == ',') p++;
    }
    for (int i = 0; i < 256; i++) {
        if (extent[i] && ep_mul_overflows(macs, extent[i], &macs)) return 0;
    }
    return macs;
}

static void describe_product(const ep_network *network, const ep_node *node, ep_layer *layer)
{
    const ep_tensor *b = ep_node_input(network, node, 1);
    const bool plain = strcmp(node->op_type, "Gemm") == 0 || strcmp(node->op_type, "MatMul") == 0;
    if (plain && layer->n_inputs == 1 && b && ep_tensor_is_const(b) && b->shape.rank == 2) {
        layer->type = EP_LAYER_FULLY_CONNECTED;
    }
    if (strcmp(node->op_type, "Einsum") == 0) {
        layer->macs = einsum_macs(network, node);
        const uint64_t outputs = layer->elements ? layer->elements : 1;
        layer->gemm = (ep_gemm){.batch = 1, .m = outputs, .n = 1, .k = layer->macs / outputs};
        return;
    }
    layer->gemm = gemm_of(network, node, layer);
    layer->macs = layer->elements * layer->gemm.k;
}

/* ---- windows ------------------------------------------------------------------------------- */

static ep_status describe_window(const ep_network *network, const ep_node *node, ep_layer *layer,
                                 ep_error *err)
{
    const ep_shape *in = &ep_node_input(network, node, 0)->shape;
    layer->global = strncmp(node->op_type, "Global", 6) == 0;
    if (layer->global) {
        layer->window.rank = in->rank - 2 < EP_MAX_SPATIAL ? in->rank - 2 : EP_MAX_SPATIAL;
        for (int i = 0; i < layer->window.rank; i++) {
            layer->window.kernel[i] = in->dims[i + 2];
            layer->window.stride[i] = layer->window.dilation[i] = 1;
        }
    } else {
        int64_t out_dims[EP_MAX_SPATIAL];
        EP_TRY(ep_node_window(network, node, &layer->window, out_dims, err));
    }
    layer->count_include_pad = ep_attr_int(node, "count_include_pad", 0) != 0;
    layer->groups = ep_attr_int(node, "group", 1);
    if (layer->type == EP_LAYER_POOLING) return EP_OK;

    const bool q = strcmp(node->op_type, "QLinearConv") == 0;
    const ep_shape *weights = &ep_node_input(network, node, q ? 3 : 1)->shape;
    uint64_t per_point = weights->rank > 1 ? (uint64_t)weights->dims[1] : 1;
    for (int i = 0; i < layer->window.rank; i++) per_point *= (uint64_t)layer->window.kernel[i];
    const bool transposed = layer->type == EP_LAYER_DECONVOLUTION;
    const uint64_t points =
        transposed ? ep_tensor_elements(ep_node_input(network, node, 0)) : layer->elements;
    EP_FAIL_IF(ep_mul_overflows(points, per_point, &layer->macs), err, EP_BAD_SHAPE,
               "node '%s' (%s): its multiply-accumulates do not fit in 64 bits", node->name,
               node->op_type);
    return EP_OK;
}

/* Gates x hidden x (input + hidden) a time step, direction and image (ONNX LSTM, GRU, RNN). */
static void describe_recurrent(const ep_network *network, const ep_node *node, ep_layer *layer)
{
    const ep_tensor *x = ep_node_input(network, node, 0);
    const ep_tensor *w = ep_node_input(network, node, 1);
    const ep_tensor *r = ep_node_input(network, node, 2);
    if (!x || !w || !r || x->shape.rank != 3 || w->shape.rank != 3 || r->shape.rank != 3) return;
    const uint64_t steps = (uint64_t)(x->shape.dims[0] * x->shape.dims[1]);
    layer->macs = steps * (ep_tensor_elements(w) + ep_tensor_elements(r));
}

/* ---- axes ---------------------------------------------------------------------------------- */

static int axis_of(const ep_node *node, int64_t otherwise, int rank)
{
    int64_t axis = ep_attr_int(node, "axis", otherwise);
    if (axis < 0) axis += rank;
    return axis >= 0 && axis < rank ? (int)axis : 0;
}

/* The axes along which two shapes of one rank differ; all, when the ranks do. */
static uint8_t axes_changed(const ep_shape *a, const ep_shape *b)
{
    uint8_t axes = 0;
    if (a->rank != b->rank) return 0xff;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) axes |= (uint8_t)(1U << i);
    }
    return axes;
}

static ep_status axes_reduced(const ep_network *network, const ep_node *node, int rank,
                              uint8_t *axes, ep_error *err)
{
    ep__ints list;
    unsigned bits;
    EP_TRY(ep__read_ints(network, node, 1, "axes", &list, err));
    EP_TRY(ep__axis_bits(&list, rank, &bits, err));
    *axes = (uint8_t)(list.count > 0 ? bits : (1U << rank) - 1);
    return EP_OK;
}

static uint8_t axes_permuted(const ep_shape *in, const ep_node *node)
{
    int perm[EP_MAX_RANK];
    uint8_t axes = 0;
    if (!permutation(in, node, perm)) return 0xff;
    for (int i = 0; i < in->rank; i++) {
        if (perm[i] != i) axes |= (uint8_t)(1U << i);
    }
    return axes;
}

/* Axes of the output along which a constant operand varies. */
static uint8_t axes_scaled(const ep_network *network, const ep_layer *layer, const ep_shape *out)
{
    uint8_t axes = 0;
    for (uint32_t i = 0; i < layer->n_consts; i++) {
        const ep_shape *c = &network->tensors[layer->consts[i]].shape;
        for (int j = 0; j < c->rank && j < out->rank; j++) {
            if (c->dims[c->rank - 1 - j] > 1) axes |= (uint8_t)(1U << (out->rank - 1 - j));
        }
    }
    return axes;
}

static int64_t slice_step(const ep_network *network, const ep_node *node)
{
    int64_t steps[EP_MAX_RANK];
    uint32_t count;
    const ep_tensor *operand = ep_node_input(network, node, 4);
    if (strcmp(node->op_type, "Slice") != 0 || !operand) return 1;
    if (!ep_tensor_ints(operand, steps, EP_MAX_RANK, &count)) return 1;
    for (uint32_t i = 0; i < count; i++) {
        if (steps[i] != 1) return steps[i];
    }
    return 1;
}

static void describe_resize(const ep_node *node, const ep_shape *in, const ep_shape *out,
                            ep_layer *layer)
{
    const char *mode = ep_attr_string(node, "mode", "nearest");
    layer->function = strcmp(mode, "nearest") == 0 ? EP_FN_NEAREST
                      : strcmp(mode, "cubic") == 0 ? EP_FN_CUBIC
                                                   : EP_FN_LINEAR;
    /* Resize 10 and Upsample had neither attribute: what they did is called asymmetric, floor */
    const bool old = node->opset < 11 || strcmp(node->op_type, "Upsample") == 0;
    layer->resize_coordinates =
        ep_attr_string(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
    layer->resize_rounding =
        ep_attr_string(node, "nearest_mode", old ? "floor" : "round_prefer_floor");
    for (int i = 0; i < in->rank && i < out->rank; i++) {
        if (in->dims[i] > 0) layer->resize_scales[i] = (double)out->dims[i] / (double)in->dims[i];
    }
    layer->axes = axes_changed(in, out);
}

/* ---- element-wise with a constant ---------------------------------------------------------- */

/* Add, Sub, Mul and Div of a tensor and a constant that does not widen it: shift and scale. */
static bool is_scale(const ep_network *network, const ep_node *node, const ep_layer *layer)
{
    if (layer->n_inputs != 1 || layer->n_consts != 1) return false;
    const ep_tensor *in = &network->tensors[layer->inputs[0]];
    const ep_tensor *out = &network->tensors[layer->outputs[0]];
    if (!ep_dtype_is_float(in->dtype) || !ep_shape_equal(&in->shape, &out->shape)) return false;
    switch (layer->function) {
    case EP_FN_SUM:
    case EP_FN_SUB:
    case EP_FN_PROD: return true;
    case EP_FN_DIV: return node->inputs[0] == layer->inputs[0]; /* not constant / x */
    default: return false;
    }
}

/* ---- activations --------------------------------------------------------------------------- */

static float bound_of(const ep_network *network, const ep_node *node, uint32_t operand,
                      const char *attribute, float otherwise)
{
    double value;
    const ep_tensor *t = ep_node_input(network, node, operand);
    if (t && ep_tensor_scalar(t, &value)) return (float)value;
    return ep_attr_float(node, attribute, otherwise);
}

static void describe_activation(const ep_network *network, const ep_node *node, ep_layer *layer)
{
    switch (layer->function) {
    case EP_FN_CLIP:
        layer->alpha = bound_of(network, node, 1, "min", -3.402823466e38F);
        layer->beta = bound_of(network, node, 2, "max", 3.402823466e38F);
        break;
    case EP_FN_LEAKY_RELU: layer->alpha = ep_attr_float(node, "alpha", 0.01F); break;
    case EP_FN_HARD_SIGMOID:
        layer->alpha = ep_attr_float(node, "alpha", 0.2F);
        layer->beta = ep_attr_float(node, "beta", 0.5F);
        break;
    default: break;
    }
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status describe_type(const ep_network *network, const ep_node *node, ep_layer *layer,
                               ep_error *err)
{
    const ep_tensor *first = ep_node_input(network, node, 0);
    if (!first || layer->n_outputs == 0) return EP_OK;
    const ep_shape *in = &first->shape;
    const ep_shape *out = &network->tensors[layer->outputs[0]].shape;
    switch (layer->type) {
    case EP_LAYER_CONVOLUTION:
    case EP_LAYER_DECONVOLUTION:
    case EP_LAYER_POOLING: return describe_window(network, node, layer, err);
    case EP_LAYER_MATRIX_MULTIPLY: describe_product(network, node, layer); break;
    case EP_LAYER_RECURRENT: describe_recurrent(network, node, layer); break;
    case EP_LAYER_ACTIVATION: describe_activation(network, node, layer); break;
    case EP_LAYER_ELEMENTWISE:
        if (!is_scale(network, node, layer)) break;
        layer->type = EP_LAYER_SCALE;
        layer->axes = axes_scaled(network, layer, out);
        break;
    case EP_LAYER_SCALE: layer->axes = 1U << 1; break; /* BatchNormalization: per channel */
    case EP_LAYER_REDUCE: return axes_reduced(network, node, in->rank, &layer->axes, err);
    case EP_LAYER_SOFTMAX: layer->axis = axis_of(node, node->opset < 13 ? 1 : -1, in->rank); break;
    case EP_LAYER_CONCATENATION: layer->axis = axis_of(node, 0, out->rank); break;
    case EP_LAYER_GATHER: layer->axis = axis_of(node, 0, in->rank); break;
    case EP_LAYER_RESIZE: describe_resize(node, in, out, layer); break;
    case EP_LAYER_SLICE:
        layer->axes = axes_changed(in, out);
        layer->step = slice_step(network, node);
        if (layer->function == EP_FN_SPLIT) layer->axis = axis_of(node, 0, in->rank);
        break;
    case EP_LAYER_SHUFFLE:
        layer->is_view = layer->function == EP_FN_RESHAPE;
        if (layer->function == EP_FN_TRANSPOSE) layer->axes = axes_permuted(in, node);
        break;
    default: break;
    }
    return EP_OK;
}

ep_status ep__layer_describe(const ep_network *network, uint32_t node, ep_arena *arena,
                             ep_layer *layer, ep_error *err)
{
    const ep_node *n = &network->nodes[node];
    *layer = (ep_layer){.name = n->name, .op = n->op_type, .node = node, .groups = 1, .step = 1};
    layer->type = n->op ? n->op->layer : EP_LAYER_PLUGIN;
    layer->function = function_of(n, layer->type);
    EP_TRY(split_operands(network, n, arena, layer, err));
    return describe_type(network, n, layer, err);
}
