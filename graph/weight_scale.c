/* How large the values of stripped weights should be, so that what the network computes neither
 * fades nor overflows, however deep it is: each product (convolution, matrix product) gets an
 * output of variance 1.
 *
 * So we walk the nodes and carry along, for each tensor, how its elements are spread: as SAMPLES
 * numbers of equal probability. An element-wise operator maps each; two operands that are functions
 * of the same tensor (x and Sigmoid(x)) are combined sample by sample, independent ones by their
 * means and variances. This is an estimate, and good enough: what it is wrong by stays a factor
 * near one for each layer.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_rewrite.h"

enum { SAMPLES = 16 };
#define LARGEST 1e6
#define LEAST_SQUARE 1e-4
#define SCALE_BITS 10

/* The means of the upper eight sixteenths of the normal distribution, over their RMS: samples of
 * mean 0 and variance 1. */
static const double normal_samples[SAMPLES / 2] = {0.0794, 0.2401, 0.4073, 0.5865,
                                                   0.7867, 1.0243, 1.3409, 1.9900};

typedef struct signal {
    double at[SAMPLES];
    uint32_t origin; /* the tensor that this is a function of; 0: none, a constant */
    uint32_t weight; /* a stripped weight, perhaps transposed; else EP_NO_INDEX */
    bool is_swapped; /* its last two dimensions are */
    bool is_unknown; /* another constant, of unknown value */
} signal;

typedef struct state {
    ep__rewrite *rw;
    ep__weights *weights;
    uint64_t seed;
    signal *signals;
    uint32_t n_signals, capacity;
    ep_names *names; /* tensor -> signal */
    uint32_t origins;
} state;

/* ---- signals ------------------------------------------------------------------------------- */

static void moments(const signal *s, double *mean, double *square)
{
    *mean = *square = 0;
    for (int i = 0; i < SAMPLES; i++) {
        *mean += s->at[i] / SAMPLES;
        *square += s->at[i] * s->at[i] / SAMPLES;
    }
}

static double bounded(double value)
{
    if (isnan(value)) return 0;
    return fmin(fmax(value, -LARGEST), LARGEST);
}

static signal constant(double value)
{
    signal s = {.weight = EP_NO_INDEX};
    for (int i = 0; i < SAMPLES; i++) s.at[i] = bounded(value);
    return s;
}

static signal normal(state *st, double mean, double variance)
{
    signal s = {.origin = ++st->origins, .weight = EP_NO_INDEX};
    const double deviation = sqrt(fmax(variance, 0));
    for (int i = 0; i < SAMPLES / 2; i++) {
        s.at[2 * i] = bounded(mean + deviation * normal_samples[i]);
        s.at[2 * i + 1] = bounded(mean - deviation * normal_samples[i]);
    }
    return s;
}

/* ---- element-wise operators ---------------------------------------------------------------- */

static double relu(double x)
{
    return fmax(x, 0);
}
static double leaky(double x)
{
    return x > 0 ? x : x / 10;
}
static double elu(double x)
{
    return x > 0 ? x : expm1(x);
}
static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double hard_sigmoid(double x)
{
    return fmin(fmax(x / 6 + 0.5, 0), 1);
}
static double hard_swish(double x)
{
    return x * hard_sigmoid(x);
}
static double swish(double x)
{
    return x * sigmoid(x);
}
static double gelu(double x)
{
    return x * (1 + erf(x * 0.70710678118654752)) / 2;
}
static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}
static double square_root(double x)
{
    return sqrt(fabs(x));
}
static double negative(double x)
{
    return -x;
}
static double reciprocal(double x)
{
    return 1 / x;
}

static const struct {
    const char *op;
    double (*function)(double x);
} unary_operators[] = {
    {"Abs", fabs},
    {"Celu", elu},
    {"Cos", cos},
    {"Elu", elu},
    {"Erf", erf},
    {"Exp", exp},
    {"Gelu", gelu},
    {"HardSigmoid", hard_sigmoid},
    {"HardSwish", hard_swish},
    {"LeakyRelu", leaky},
    {"Log", log},
    {"Mish", swish},
    {"Neg", negative},
    {"PRelu", leaky},
    {"Reciprocal", reciprocal},
    {"Relu", relu},
    {"Selu", elu},
    {"Sigmoid", sigmoid},
    {"Sin", sin},
    {"Softplus", softplus},
    {"Sqrt", square_root},
    {"Swish", swish},
    {"Tanh", tanh},
};

static double add(double a, double b)
{
    return a + b;
}
static double sub(double a, double b)
{
    return a - b;
}
static double mul(double a, double b)
{
    return a * b;
}
static double quotient(double a, double b)
{
    return a / b;
}

static const struct {
    const char *op;
    double (*function)(double a, double b);
} binary_operators[] = {
    {"Add", add}, {"Div", quotient}, {"Max", fmax}, {"Min", fmin},
    {"Mul", mul}, {"Pow", pow},      {"Sub", sub},
};

static signal binary(state *st, double (*function)(double, double), const signal *a,
                     const signal *b)
{
    const bool related = a->origin == b->origin || !a->origin || !b->origin;
    if (!related && (function == add || function == sub || function == mul)) {
        double mean_a, mean_b, square_a, square_b;
        moments(a, &mean_a, &square_a);
        moments(b, &mean_b, &square_b);
        const double mean = function(mean_a, mean_b);
        if (function == mul) return normal(st, mean, square_a * square_b - mean * mean);
        return normal(st, mean, square_a - mean_a * mean_a + square_b - mean_b * mean_b);
    }
    signal out = {.origin = a->origin ? a->origin : b->origin, .weight = EP_NO_INDEX};
    for (int i = 0; i < SAMPLES; i++) out.at[i] = bounded(function(a->at[i], b->at[i]));
    return out;
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

/* Input `i`; a tensor that we know nothing about has variance 1. */
static signal input(state *st, const EpOnnx__NodeProto *node, size_t i)
{
    uint32_t known = EP_NO_INDEX;
    if (i < node->n_input) known = ep_names_get(st->names, node->input[i]);
    return known == EP_NO_INDEX ? normal(st, 0, 1) : st->signals[known];
}

static bool has_input(const EpOnnx__NodeProto *node, size_t i)
{
    return i < node->n_input && *node->input[i];
}

static ep_status define(state *st, const char *name, const signal *s)
{
    if (!*name) return EP_OK;
    void *signals = st->signals;
    EP_TRY(
        ep_grow(&signals, &st->capacity, (uint64_t)st->n_signals + 1, sizeof *s, st->rw->im.err));
    st->signals = signals;
    st->signals[st->n_signals] = *s;
    return ep_names_put(st->names, name, st->n_signals++, st->rw->im.err);
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

/* Decides on the weight that is this operand, unless an earlier node did. Returns the variance that
 * the product of it and `data` has. */
static double scale_weight(state *st, const EpOnnx__NodeProto *node, size_t operand,
                           const signal *weight, const signal *data)
{
    double mean, square;
    moments(data, &mean, &square);
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
        /* few bits: the last ones depend on the mathematical library */
        int exponent;
        const double fraction = frexp(1 / (fan * square), &exponent);
        w->values.variance = ldexp(rint(ldexp(fraction, SCALE_BITS)), exponent - SCALE_BITS);
        w->is_decided = true;
    }
    return w->values.variance * fan * square;
}

static signal product(state *st, const EpOnnx__NodeProto *node)
{
    const signal a = input(st, node, 0), b = input(st, node, 1);
    const bool first = a.weight != EP_NO_INDEX && b.weight == EP_NO_INDEX;
    if (a.origin && b.origin && a.weight == EP_NO_INDEX && b.weight == EP_NO_INDEX) {
        return normal(st, 0, 1);
    }
    return normal(st, 0,
                  first ? scale_weight(st, node, 0, &a, &b) : scale_weight(st, node, 1, &b, &a));
}

static signal recurrent(state *st, const EpOnnx__NodeProto *node)
{
    for (size_t i = 1; i <= 2; i++) {
        const signal data = input(st, node, i == 1 ? 0 : SIZE_MAX), weight = input(st, node, i);
        (void)scale_weight(st, node, i, &weight, &data);
    }
    return normal(st, 0, 0.25); /* between two tanh */
}

/* ---- other operators ----------------------------------------------------------------------- */

static bool is_one_of(const char *op, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(op, *list) == 0) return true;
    }
    return false;
}

static const char *const product_operators[] = {"Conv", "ConvTranspose", "DeformConv", "Einsum",
                                                "Gemm", "MatMul",        NULL};
static const char *const recurrent_operators[] = {"GRU", "LSTM", "RNN", NULL};
static const char *const norm_operators[] = {"GroupNormalization",
                                             "InstanceNormalization",
                                             "LayerNormalization",
                                             "LpNormalization",
                                             "MeanVarianceNormalization",
                                             "RMSNormalization",
                                             NULL};
/* The weight goes through them. */
static const char *const view_operators[] = {"Cast",      "DequantizeLinear", "Dropout", "Flatten",
                                             "Identity",  "QuantizeLinear",   "Reshape", "Squeeze",
                                             "Transpose", "Unsqueeze",        NULL};
/* How they gather or place what they are given. */
static const char *const table_operators[] = {
    "Concat",    "Expand", "Gather", "GatherElements", "GatherND", "Pad", "Resize",
    "ScatterND", "Slice",  "Split",  "Tile",           "Where",    NULL};

static bool swaps_last_two(const EpOnnx__NodeProto *node, const ep_shape *shape)
{
    const EpOnnx__AttributeProto *perm = attribute(node, "perm");
    if (shape->rank < 2) return false;
    if (!perm || perm->n_ints < 2) return true;
    return perm->ints[perm->n_ints - 1] < perm->ints[perm->n_ints - 2];
}

static signal view(const state *st, const EpOnnx__NodeProto *node, const signal *in)
{
    signal out = *in;
    if (in->weight == EP_NO_INDEX || strcmp(node->op_type, "Transpose") != 0) return out;
    if (swaps_last_two(node, &st->weights->at[in->weight].shape)) out.is_swapped = !in->is_swapped;
    return out;
}

/* A mean over many elements: less spread. `fewer` says by how much. */
static signal averaged(state *st, const signal *in, double fewer)
{
    double mean, square;
    if (!in->origin) return *in;
    moments(in, &mean, &square);
    return normal(st, mean, (square - mean * mean) / fewer);
}

static signal concat(state *st, const EpOnnx__NodeProto *node)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < node->n_input; i++) {
        const signal in = input(st, node, i);
        double m, s;
        moments(&in, &m, &s);
        mean += m / (double)node->n_input;
        square += s / (double)node->n_input;
    }
    return normal(st, mean, square - mean * mean);
}

/* Its parameters keep the numbers that they have: a variance must not become negative. */
static signal batch_norm(state *st, const EpOnnx__NodeProto *node)
{
    enum { DATA, SCALE, SHIFT, MEAN, VARIANCE, INPUTS };
    signal in[INPUTS];
    for (size_t i = 0; i < INPUTS; i++) {
        in[i] = input(st, node, i);
        if (i == DATA || in[i].weight == EP_NO_INDEX) continue;
        ep__weight *w = &st->weights->at[in[i].weight];
        w->values.spread = EP__CONSTANT;
        w->is_decided = true;
    }
    if (in[SCALE].is_unknown || in[VARIANCE].is_unknown) return normal(st, 0, 1);
    for (int i = 0; i < SAMPLES; i++) {
        const double deviation = sqrt(fmax(in[VARIANCE].at[0], LEAST_SQUARE));
        const double unit = (in[DATA].at[i] - in[MEAN].at[0]) / deviation;
        in[DATA].at[i] = bounded(unit * in[SCALE].at[0] + in[SHIFT].at[0]);
    }
    return in[DATA];
}

static signal clip(state *st, const EpOnnx__NodeProto *node)
{
    signal out = input(st, node, 0);
    const bool old = node->n_input == 1; /* bounds in attributes, and usually these */
    const double low = old ? 0 : has_input(node, 1) ? input(st, node, 1).at[0] : -LARGEST;
    const double high = old ? 6 : has_input(node, 2) ? input(st, node, 2).at[0] : LARGEST;
    for (int i = 0; i < SAMPLES; i++) out.at[i] = fmin(fmax(out.at[i], low), high);
    return out;
}

/* Operators of their own kind; false for others. */
static bool special(state *st, const EpOnnx__NodeProto *node, signal *out)
{
    const char *op = node->op_type;
    const signal in = input(st, node, 0);
    if (strcmp(op, "BatchNormalization") == 0) {
        *out = batch_norm(st, node);
    } else if (is_one_of(op, norm_operators)) {
        *out = normal(st, 0, 1);
    } else if (strcmp(op, "Clip") == 0) {
        *out = clip(st, node);
    } else if (strcmp(op, "Concat") == 0) {
        *out = concat(st, node);
    } else if (strcmp(op, "GlobalAveragePool") == 0 || strcmp(op, "ReduceMean") == 0) {
        *out = averaged(st, &in, 32);
    } else if (strcmp(op, "AveragePool") == 0) {
        *out = averaged(st, &in, 2);
    } else if (strcmp(op, "Softmax") == 0) {
        *out = normal(st, 0.1, 0.01);
    } else if (strcmp(op, "Where") == 0) {
        const signal yes = input(st, node, 1), no = input(st, node, 2);
        *out = yes.origin ? yes : no;
    } else {
        return false;
    }
    return true;
}

static bool element_wise(state *st, const EpOnnx__NodeProto *node, signal *out)
{
    const char *op = node->op_type;
    const signal a = input(st, node, 0), b = input(st, node, 1);
    for (size_t i = 0; i < sizeof binary_operators / sizeof *binary_operators; i++) {
        if (strcmp(op, binary_operators[i].op) != 0 || node->n_input < 2) continue;
        *out = a.is_unknown   ? b
               : b.is_unknown ? a
                              : binary(st, binary_operators[i].function, &a, &b);
        return true;
    }
    for (size_t i = 0; i < sizeof unary_operators / sizeof *unary_operators; i++) {
        if (strcmp(op, unary_operators[i].op) != 0) continue;
        *out = a;
        out->weight = EP_NO_INDEX;
        for (int k = 0; k < SAMPLES; k++) {
            out->at[k] = bounded(unary_operators[i].function(a.at[k]));
        }
        return true;
    }
    return false;
}

/* A table keeps variance 1; an operator that we do not know is taken for a product. */
static void decide_others(state *st, const EpOnnx__NodeProto *node, bool is_known)
{
    const signal data = normal(st, 0, 1);
    for (size_t i = 0; i < node->n_input; i++) {
        const signal in = input(st, node, i);
        if (in.weight == EP_NO_INDEX) continue;
        if (!is_known) (void)scale_weight(st, node, i, &in, &data);
        st->weights->at[in.weight].is_decided = true;
    }
}

static signal output(state *st, const EpOnnx__NodeProto *node)
{
    const char *op = node->op_type;
    const bool ours = !*ep__domain(node->domain);
    const signal in = input(st, node, 0);
    if (ours && is_one_of(op, view_operators)) return view(st, node, &in);
    if (ours && is_one_of(op, product_operators)) return product(st, node);
    if (ours && is_one_of(op, recurrent_operators)) return recurrent(st, node);
    signal out = in;
    const bool is_known = ours && (special(st, node, &out) || element_wise(st, node, &out) ||
                                   is_one_of(op, table_operators));
    decide_others(st, node, is_known);
    out.weight = EP_NO_INDEX;
    return out;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* A small constant is as large as its mean. */
static ep_status read_constant(state *st, const EpOnnx__TensorProto *proto, signal *out)
{
    ep_tensor tensor = {0};
    double mean;
    *out = constant(0);
    out->is_unknown = true;
    EP_TRY(ep__read_tensor(&st->rw->im, proto, ep__text(proto->name), &tensor));
    if (ep_tensor_elements(&tensor) >= EP__WEIGHT_ELEMENTS || !ep__mean(&tensor, &mean))
        return EP_OK;
    *out = constant(mean);
    return EP_OK;
}

static ep_status define_weight(state *st, const EpOnnx__GraphProto *graph,
                               const ep_names *initializers, const EpOnnx__NodeProto *node)
{
    ep__weight w = {0};
    EP_TRY(ep__read_stripped(st->rw, graph, initializers, node, &w));
    w.values.seed = ep__values_seed(st->seed, w.name);
    w.values.variance = 1;
    w.values.spread = w.shape.rank < 2 ? EP__AROUND_MEAN : EP__UNIFORM;
    signal s = w.shape.rank < 2 ? constant(w.values.center) : normal(st, 0, 1);
    ep__weights *weights = st->weights;
    void *at = weights->at;
    EP_TRY(ep_grow(&at, &weights->capacity, (uint64_t)weights->n + 1, sizeof w, st->rw->im.err));
    weights->at = at;
    s.weight = weights->n;
    EP_TRY(ep_names_put(weights->by_name, w.name, weights->n, st->rw->im.err));
    weights->at[weights->n++] = w;
    return define(st, w.name, &s);
}

static ep_status visit_graph(state *st, const EpOnnx__GraphProto *graph);

static ep_status visit_node(state *st, const EpOnnx__NodeProto *node)
{
    for (size_t i = 0; i < node->n_attribute; i++) {
        const EpOnnx__AttributeProto *a = node->attribute[i];
        if (a->g) EP_TRY(visit_graph(st, a->g));
        for (size_t k = 0; k < a->n_graphs; k++) EP_TRY(visit_graph(st, a->graphs[k]));
    }
    const EpOnnx__AttributeProto *value = attribute(node, "value");
    signal out;
    if (strcmp(node->op_type, "Constant") == 0 && value && value->t) {
        EP_TRY(read_constant(st, value->t, &out));
    } else {
        out = output(st, node);
    }
    for (size_t i = 0; i < node->n_output; i++) EP_TRY(define(st, node->output[i], &out));
    return EP_OK;
}

static ep_status visit_parts(state *st, const EpOnnx__GraphProto *graph, ep_names *initializers)
{
    for (uint32_t i = 0; i < graph->n_initializer; i++) {
        const EpOnnx__TensorProto *proto = graph->initializer[i];
        signal s;
        EP_TRY(ep_names_put(initializers, ep__text(proto->name), i, st->rw->im.err));
        EP_TRY(read_constant(st, proto, &s));
        EP_TRY(define(st, ep__text(proto->name), &s));
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
    state st = {.rw = rw, .weights = weights, .seed = seed, .names = ep_names_new()};
    ep_status status = st.names ? EP_OK : ep_fail_memory(rw->im.err);
    if (status == EP_OK && rw->model->graph) status = visit_graph(&st, rw->model->graph);
    free(st.signals);
    ep_names_free(st.names);
    return status;
}
