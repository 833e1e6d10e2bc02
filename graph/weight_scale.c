/* How large the values of stripped weights should be, so that what the network computes neither
 * fades nor overflows, however deep it is: each product (convolution, matrix product) gets an
 * output of variance 1. We walk the nodes and carry along, for each tensor, how its elements are
 * spread. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_rewrite.h"
#include "graph/weight_signal.h"

#define LEAST_SQUARE 1e-4 /* of what is divided by */
#define SCALE_BITS 10
/* What goes into a gate is larger: the gate passes x / 2 where x is small and all of it where it is
 * large, and in between, about 1, what we are wrong by would grow from layer to layer. */
#define GATED_VARIANCE 4

/* A tensor. */
typedef struct value {
    ep__signal signal;
    uint32_t weight; /* a stripped weight, perhaps transposed; else EP_NO_INDEX */
    bool is_swapped; /* its last two dimensions are */
    bool is_unknown; /* another constant, of unknown value */
} value;

typedef struct state {
    ep__rewrite *rw;
    ep__weights *weights;
    uint64_t seed;
    value *values;
    uint32_t n_values, capacity;
    ep_names *names; /* tensor -> value */
    ep_names *gated; /* tensors that a gate (x times Sigmoid(x)) reads */
    uint32_t origins;
} state;

static value normal(state *st, double mean, double variance)
{
    return (value){.signal = ep__signal_normal(&st->origins, mean, variance),
                   .weight = EP_NO_INDEX};
}

/* ---- operands ------------------------------------------------------------------------------ */

static const EpOnnx__AttributeProto *attribute(const EpOnnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (strcmp(ep__text(node->attribute[i]->name), name) == 0) return node->attribute[i];
    }
    return NULL;
}

static int64_t int_attribute(const EpOnnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const EpOnnx__AttributeProto *a = attribute(node, name);
    return a && a->has_i ? a->i : otherwise;
}

static bool has_input(const EpOnnx__NodeProto *node, size_t i)
{
    return i < node->n_input && *node->input[i];
}

/* Input `i`; a tensor that we know nothing about has variance 1. */
static value input(state *st, const EpOnnx__NodeProto *node, size_t i)
{
    const uint32_t known =
        has_input(node, i) ? ep_names_get(st->names, node->input[i]) : EP_NO_INDEX;
    return known == EP_NO_INDEX ? normal(st, 0, 1) : st->values[known];
}

static ep_status define(state *st, const char *name, const value *v)
{
    if (!*name) return EP_OK;
    void *values = st->values;
    EP_TRY(ep_grow(&values, &st->capacity, (uint64_t)st->n_values + 1, sizeof *v, st->rw->im.err));
    st->values = values;
    st->values[st->n_values] = *v;
    return ep_names_put(st->names, name, st->n_values++, st->rw->im.err);
}

/* ---- products ------------------------------------------------------------------------------ */

static double dims_product(const ep_shape *shape, int begin)
{
    double product = 1;
    for (int i = begin; i < shape->rank; i++) product *= (double)shape->dims[i];
    return product;
}

/* How many products each element of the output is the sum of; `shape` has at least two dimensions.
 */
static double fan_in(const EpOnnx__NodeProto *node, size_t operand, const ep_shape *shape)
{
    const char *op = node->op_type;
    const int rank = shape->rank;
    if (strcmp(op, "MatMul") == 0) return (double)shape->dims[operand ? rank - 2 : rank - 1];
    if (strcmp(op, "Gemm") == 0) {
        const bool transposed = int_attribute(node, operand ? "transB" : "transA", 0) != 0;
        return (double)shape->dims[transposed == (operand == 1)];
    }
    if (strcmp(op, "ConvTranspose") == 0) {
        const EpOnnx__AttributeProto *strides = attribute(node, "strides");
        double fan = (double)shape->dims[0] * dims_product(shape, 2);
        for (size_t i = 0; strides && i < strides->n_ints; i++) fan /= (double)strides->ints[i];
        return fan / (double)int_attribute(node, "group", 1);
    }
    return dims_product(shape, 1);
}

/* Decides on the weight that is this operand, unless an earlier node did. Returns the variance of
 * its product with `data`; a weight that is in the file is taken to preserve it. */
static double scale_weight(state *st, const EpOnnx__NodeProto *node, size_t operand,
                           const value *weight, const value *data)
{
    double mean, square;
    ep__signal_moments(&data->signal, &mean, &square);
    square = fmax(square, LEAST_SQUARE);
    if (weight->weight == EP_NO_INDEX) return square;
    ep__weight *w = &st->weights->at[weight->weight];
    if (w->values.spread != EP__UNIFORM) return square;
    ep_shape shape = w->shape;
    if (weight->is_swapped) {
        shape.dims[shape.rank - 1] = w->shape.dims[shape.rank - 2];
        shape.dims[shape.rank - 2] = w->shape.dims[shape.rank - 1];
    }
    double fan = fan_in(node, operand, &shape);
    if (!(fan >= 1) || isinf(fan)) fan = 1; /* hostile strides and groups */
    if (!w->is_decided) {
        const bool gated =
            node->n_output && ep_names_get(st->gated, node->output[0]) != EP_NO_INDEX;
        const double aim = gated ? GATED_VARIANCE : 1;
        /* few bits: the last ones depend on the mathematical library */
        int exponent;
        const double fraction = frexp(aim / (fan * square), &exponent);
        w->values.variance = ldexp(rint(ldexp(fraction, SCALE_BITS)), exponent - SCALE_BITS);
        w->is_decided = true;
    }
    return w->values.variance * fan * square;
}

static value product(state *st, const EpOnnx__NodeProto *node)
{
    const value a = input(st, node, 0), b = input(st, node, 1);
    const bool is_weight_a = a.weight != EP_NO_INDEX, is_weight_b = b.weight != EP_NO_INDEX;
    const bool both_computed = a.signal.origin && b.signal.origin && !is_weight_a && !is_weight_b;
    if (both_computed) return normal(st, 0, 1);
    return normal(st, 0,
                  is_weight_a && !is_weight_b ? scale_weight(st, node, 0, &a, &b)
                                              : scale_weight(st, node, 1, &b, &a));
}

static value recurrent(state *st, const EpOnnx__NodeProto *node)
{
    const value data = input(st, node, 0), state_before = normal(st, 0, 1);
    const value weight = input(st, node, 1), recurrence = input(st, node, 2);
    (void)scale_weight(st, node, 1, &weight, &data);
    (void)scale_weight(st, node, 2, &recurrence, &state_before);
    return normal(st, 0, 0.25); /* a Tanh times a Sigmoid */
}

/* ---- other operators ----------------------------------------------------------------------- */

static bool is_one_of(const char *op, const char *const *list)
{
    while (*list && strcmp(op, *list) != 0) list++;
    return *list != NULL;
}

static const char *const product_operators[] = {"Conv", "ConvTranspose", "DeformConv", "Einsum",
                                                "Gemm", "MatMul",        NULL};
static const char *const gate_operators[] = {"HardSigmoid", "HardSwish", "Mish",
                                             "Sigmoid",     "Swish",     NULL};
static const char *const recurrent_operators[] = {"GRU", "LSTM", "RNN", NULL};
static const char *const norm_operators[] = {"GroupNormalization",
                                             "InstanceNormalization",
                                             "LayerNormalization",
                                             "LpNormalization",
                                             "MeanVarianceNormalization",
                                             "RMSNormalization",
                                             NULL};
/* A weight that goes through is the same weight still. */
static const char *const view_operators[] = {"Cast",      "DequantizeLinear", "Dropout", "Flatten",
                                             "Identity",  "QuantizeLinear",   "Reshape", "Squeeze",
                                             "Transpose", "Unsqueeze",        NULL};
/* They pick elements and put them elsewhere. */
static const char *const moving_operators[] = {
    "Expand",    "Gather", "GatherElements", "GatherND", "Pad", "Resize",
    "ScatterND", "Slice",  "Split",          "Tile",     NULL};

static bool swaps_last_two(const EpOnnx__NodeProto *node, const ep_shape *shape)
{
    const EpOnnx__AttributeProto *perm = attribute(node, "perm");
    if (shape->rank < 2) return false;
    if (!perm || perm->n_ints < 2) return true;
    return perm->ints[perm->n_ints - 1] < perm->ints[perm->n_ints - 2];
}

static value view(const state *st, const EpOnnx__NodeProto *node, const value *in)
{
    value out = *in;
    if (in->weight == EP_NO_INDEX || strcmp(node->op_type, "Transpose") != 0) return out;
    if (swaps_last_two(node, &st->weights->at[in->weight].shape)) out.is_swapped = !in->is_swapped;
    return out;
}

static value concat(state *st, const EpOnnx__NodeProto *node)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < node->n_input; i++) {
        const value in = input(st, node, i);
        double m, s;
        ep__signal_moments(&in.signal, &m, &s);
        mean += m / (double)node->n_input;
        square += s / (double)node->n_input;
    }
    return normal(st, mean, square - mean * mean);
}

/* Its parameters keep the numbers that they have: a variance must not become negative. */
static value batch_norm(state *st, const EpOnnx__NodeProto *node)
{
    enum { DATA, SCALE, SHIFT, MEAN, VARIANCE, INPUTS };
    value in[INPUTS];
    for (size_t i = 0; i < INPUTS; i++) {
        in[i] = input(st, node, i);
        if (i == DATA || in[i].weight == EP_NO_INDEX) continue;
        st->weights->at[in[i].weight].values.spread = EP__CONSTANT;
    }
    if (in[SCALE].is_unknown || in[VARIANCE].is_unknown) return normal(st, 0, 1);
    const double deviation = sqrt(fmax(in[VARIANCE].signal.at[0], LEAST_SQUARE));
    const ep__signal scale = ep__signal_constant(in[SCALE].signal.at[0] / deviation);
    const ep__signal mean = ep__signal_constant(in[MEAN].signal.at[0]);
    const ep__signal shift = ep__signal_constant(in[SHIFT].signal.at[0]);
    ep__signal *data = &in[DATA].signal;
    (void)ep__signal_binary(&st->origins, "Sub", data, &mean, data);
    (void)ep__signal_binary(&st->origins, "Mul", data, &scale, data);
    (void)ep__signal_binary(&st->origins, "Add", data, &shift, data);
    return in[DATA];
}

static value clip(state *st, const EpOnnx__NodeProto *node)
{
    const bool has_attributes = node->n_input == 1; /* of old opsets, and usually a ReLU6 */
    value out = input(st, node, 0);
    for (size_t i = 1; i <= 2; i++) {
        if (!has_attributes && !has_input(node, i)) continue;
        const double bound = has_attributes ? i == 1 ? 0 : 6 : input(st, node, i).signal.at[0];
        const ep__signal b = ep__signal_constant(bound);
        (void)ep__signal_binary(&st->origins, i == 1 ? "Max" : "Min", &out.signal, &b, &out.signal);
    }
    return out;
}

/* How much less spread means are. Those over a map keep what its channels differ by; one axis is
 * that of a normalization, which no elements share. */
static double averaging(const EpOnnx__NodeProto *node)
{
    const EpOnnx__AttributeProto *axes = attribute(node, "axes");
    return axes && axes->n_ints == 1 ? 32 : 3;
}

/* Operators of their own kind; false for others. */
static bool special(state *st, const EpOnnx__NodeProto *node, value *out)
{
    const char *op = node->op_type;
    const value in = input(st, node, 0);
    *out = in;
    if (strcmp(op, "BatchNormalization") == 0) {
        *out = batch_norm(st, node);
    } else if (is_one_of(op, norm_operators)) {
        *out = normal(st, 0, 1);
    } else if (strcmp(op, "Clip") == 0) {
        *out = clip(st, node);
    } else if (strcmp(op, "Concat") == 0) {
        *out = concat(st, node);
    } else if (strcmp(op, "GlobalAveragePool") == 0 || strcmp(op, "ReduceMean") == 0) {
        out->signal = ep__signal_averaged(&st->origins, &in.signal, averaging(node));
    } else if (strcmp(op, "AveragePool") == 0) {
        out->signal = ep__signal_averaged(&st->origins, &in.signal, 2);
    } else if (strcmp(op, "MaxPool") == 0) {
        const EpOnnx__AttributeProto *kernel = attribute(node, "kernel_shape");
        double window = 1;
        for (size_t i = 0; kernel && i < kernel->n_ints; i++) window *= (double)kernel->ints[i];
        out->signal = ep__signal_maximum(&st->origins, &in.signal, window);
    } else if (strcmp(op, "Softmax") == 0) {
        *out = normal(st, 0.1, 0.01);
    } else if (strcmp(op, "Where") == 0) {
        const value yes = input(st, node, 1), no = input(st, node, 2);
        *out = yes.signal.origin ? yes : no;
    } else {
        return is_one_of(op, moving_operators);
    }
    return true;
}

static bool element_wise(state *st, const EpOnnx__NodeProto *node, value *out)
{
    const value a = input(st, node, 0), b = input(st, node, 1);
    *out = a.is_unknown ? b : a;
    const bool is_binary =
        node->n_input >= 2 &&
        ep__signal_binary(&st->origins, node->op_type, &a.signal, &b.signal, &out->signal);
    if (!is_binary) return ep__signal_unary(node->op_type, &a.signal, &out->signal);
    if (a.is_unknown || b.is_unknown) *out = a.is_unknown ? b : a;
    return true;
}

/* A table keeps variance 1; an operator that we do not know is taken for a product. */
static void decide_others(state *st, const EpOnnx__NodeProto *node, bool is_known)
{
    const value data = normal(st, 0, 1);
    for (size_t i = 0; i < node->n_input; i++) {
        const value in = input(st, node, i);
        if (in.weight == EP_NO_INDEX) continue;
        if (!is_known) (void)scale_weight(st, node, i, &in, &data);
        st->weights->at[in.weight].is_decided = true;
    }
}

static value output(state *st, const EpOnnx__NodeProto *node)
{
    const char *op = node->op_type;
    const bool ours = !*ep__domain(node->domain);
    const value in = input(st, node, 0);
    if (ours && is_one_of(op, view_operators)) return view(st, node, &in);
    if (ours && is_one_of(op, product_operators)) return product(st, node);
    if (ours && is_one_of(op, recurrent_operators)) return recurrent(st, node);
    value out = in;
    const bool is_known = ours && (special(st, node, &out) || element_wise(st, node, &out));
    decide_others(st, node, is_known);
    out.weight = EP_NO_INDEX;
    return out;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* A small constant is as large as its mean. */
static ep_status read_constant(state *st, const EpOnnx__TensorProto *proto, value *out)
{
    ep_tensor tensor = {0};
    double mean = 0;
    EP_TRY(ep__read_tensor(&st->rw->im, proto, ep__text(proto->name), &tensor));
    const bool known =
        ep_tensor_elements(&tensor) < EP__WEIGHT_ELEMENTS && ep__mean(&tensor, &mean);
    *out =
        (value){.signal = ep__signal_constant(mean), .weight = EP_NO_INDEX, .is_unknown = !known};
    return EP_OK;
}

static ep_status define_weight(state *st, const EpOnnx__GraphProto *graph,
                               const ep_names *initializers, const EpOnnx__NodeProto *node)
{
    ep__weight w = {0};
    ep__weights *weights = st->weights;
    EP_TRY(ep__read_stripped(st->rw, graph, initializers, node, &w));
    const bool is_vector = w.shape.rank < 2;
    w.values.seed = ep__values_seed(st->seed, w.name);
    w.values.variance = 1;
    w.values.spread = is_vector ? EP__AROUND_MEAN : EP__UNIFORM;
    value v = normal(st, 0, 1);
    if (is_vector) v.signal = ep__signal_constant(w.values.center);
    v.weight = weights->n;
    void *at = weights->at;
    EP_TRY(ep_grow(&at, &weights->capacity, (uint64_t)weights->n + 1, sizeof w, st->rw->im.err));
    weights->at = at;
    EP_TRY(ep_names_put(weights->by_name, w.name, weights->n, st->rw->im.err));
    weights->at[weights->n++] = w;
    return define(st, w.name, &v);
}

static ep_status visit_graph(state *st, const EpOnnx__GraphProto *graph);

static ep_status visit_node(state *st, const EpOnnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const EpOnnx__AttributeProto *a = node->attribute[i];
        if (a->g) EP_TRY(visit_graph(st, a->g));
        for (size_t k = 0; k < a->n_graphs; k++) EP_TRY(visit_graph(st, a->graphs[k]));
    }
    const EpOnnx__AttributeProto *constant = attribute(node, "value");
    value out;
    if (strcmp(node->op_type, "Constant") == 0 && constant && constant->t) {
        EP_TRY(read_constant(st, constant->t, &out));
    } else {
        out = output(st, node);
    }
    for (size_t i = 0; i < node->n_output; i++) EP_TRY(define(st, node->output[i], &out));
    return EP_OK;
}

static ep_status find_gates(state *st, const EpOnnx__GraphProto *graph)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        const EpOnnx__NodeProto *node = graph->node[i];
        if (node->n_input == 0 || !is_one_of(ep__text(node->op_type), gate_operators)) continue;
        EP_TRY(ep_names_put(st->gated, node->input[0], 0, st->rw->im.err));
    }
    return EP_OK;
}

static ep_status visit_parts(state *st, const EpOnnx__GraphProto *graph, ep_names *initializers)
{
    EP_TRY(find_gates(st, graph));
    for (uint32_t i = 0; i < graph->n_initializer; i++) {
        const char *name = ep__text(graph->initializer[i]->name);
        value v;
        EP_TRY(ep_names_put(initializers, name, i, st->rw->im.err));
        EP_TRY(read_constant(st, graph->initializer[i], &v));
        EP_TRY(define(st, name, &v));
    }
    for (size_t i = 0; i < graph->n_node; i++) {
        const EpOnnx__NodeProto *node = graph->node[i];
        EP_FAIL_IF(!node->op_type, st->rw->im.err, EP_BAD_MODEL, "%s: node %zu has no operator",
                   st->rw->im.path, i);
        EP_TRY(ep__is_stripped(node) ? define_weight(st, graph, initializers, node)
                                     : visit_node(st, node));
    }
    return EP_OK;
}

static ep_status visit_graph(state *st, const EpOnnx__GraphProto *graph)
{
    ep_names *initializers = ep_names_new();
    const ep_status status =
        initializers ? visit_parts(st, graph, initializers) : ep_fail_memory(st->rw->im.err);
    ep_names_free(initializers);
    return status;
}

ep_status ep__weights_plan(ep__rewrite *rw, uint64_t seed, ep__weights *weights)
{
    state st = {.rw = rw,
                .weights = weights,
                .seed = seed,
                .names = ep_names_new(),
                .gated = ep_names_new()};
    ep_status status = st.names && st.gated ? EP_OK : ep_fail_memory(rw->im.err);
    if (status == EP_OK && rw->model->graph) status = visit_graph(&st, rw->model->graph);
    free(st.values);
    ep_names_free(st.gated);
    ep_names_free(st.names);
    return status;
}
