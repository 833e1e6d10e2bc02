/* What follows a result and can be computed while it is at hand. */
#include <math.h>
#include <string.h>

#include "engine/onednn/program.h"

static bool is_op(const ep_node *node, const char *op)
{
    return node->op && strcmp(node->op_type, op) == 0;
}

static uint32_t count_readers(const ep__compiler *c, uint32_t t)
{
    return c->reader_at[t + 1] - c->reader_at[t];
}

static uint32_t reader(const ep__compiler *c, uint32_t t, uint32_t i)
{
    return c->readers[c->reader_at[t] + i];
}

/* The value of a constant of one element. */
static bool scalar(const ep__compiler *c, uint32_t t, float *out)
{
    const float *values = ep__constant_floats(c, t);
    if (!values || c->frame->cells[t].array.n != 1) return false;
    *out = values[0];
    return true;
}

/* True when the node's result can take the place of `t`: floats of the same shape. */
static bool keeps_shape(const ep__compiler *c, uint32_t t, const ep_node *node)
{
    const ep_tensor *from = &c->network->tensors[t];
    if (node->n_outputs != 1 || node->outputs[0] == EP_NO_INDEX) return false;
    const ep_tensor *to = &c->network->tensors[node->outputs[0]];
    return to->dtype == EP_DTYPE_FLOAT && to->has_shape && ep_shape_equal(&from->shape, &to->shape);
}

/* ---- one node ------------------------------------------------------------------------------ */

/* Sets low and high of a Clip; opsets before 11 had attributes. */
static bool clip_bounds(const ep__compiler *c, const ep_node *node, float *low, float *high)
{
    *low = ep_attr_float(node, "min", -INFINITY);
    *high = ep_attr_float(node, "max", INFINITY);
    float *bounds[] = {low, high};
    for (uint32_t i = 1; i < node->n_inputs && i < 3; i++) {
        if (node->inputs[i] != EP_NO_INDEX && !scalar(c, node->inputs[i], bounds[i - 1])) {
            return false;
        }
    }
    return *low <= *high;
}

bool ep__activation_of(const ep__compiler *c, const ep_node *node, ep__post *out)
{
    static const struct {
        const char *op;
        dnnl_alg_kind_t alg;
        const char *alpha;
        float otherwise;
    } rows[] = {{"Relu", dnnl_eltwise_relu, NULL, 0},
                {"LeakyRelu", dnnl_eltwise_relu, "alpha", 0.01F},
                {"Sigmoid", dnnl_eltwise_logistic, NULL, 0},
                {"Tanh", dnnl_eltwise_tanh, NULL, 0},
                {"Elu", dnnl_eltwise_elu, "alpha", 1},
                {"HardSwish", dnnl_eltwise_hardswish, NULL, 0}};
    *out = (ep__post){.kind = EP__POST_ELTWISE};
    for (size_t i = 0; node->op && i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(node->op_type, rows[i].op) != 0) continue;
        out->alg = rows[i].alg;
        if (rows[i].alpha) out->alpha = ep_attr_float(node, rows[i].alpha, rows[i].otherwise);
        return true;
    }
    if (is_op(node, "Gelu")) {
        const bool exact = strcmp(ep_attr_string(node, "approximate", "none"), "none") == 0;
        out->alg = exact ? dnnl_eltwise_gelu_erf : dnnl_eltwise_gelu_tanh;
        return true;
    }
    out->alg = dnnl_eltwise_clip_v2;
    return is_op(node, "Clip") && clip_bounds(c, node, &out->alpha, &out->beta);
}

/* t + constant, and its relatives, with a constant of one element. */
static bool linear_of(const ep__compiler *c, uint32_t t, const ep_node *node, ep__post *out)
{
    float value;
    const bool first = node->inputs[0] == t;
    if (!scalar(c, node->inputs[first ? 1 : 0], &value)) return false;
    *out = (ep__post){.kind = EP__POST_ELTWISE, .alg = dnnl_eltwise_linear, .alpha = 1};
    if (is_op(node, "Add")) {
        out->beta = value;
    } else if (is_op(node, "Sub")) {
        out->alpha = first ? 1 : -1;
        out->beta = first ? -value : value;
    } else if (is_op(node, "Mul")) {
        out->alpha = value;
    } else if (is_op(node, "Div") && first && value != 0) {
        out->alpha = 1 / value;
    } else {
        return false;
    }
    return true;
}

/* The other side is a constant that repeats, or a tensor like `t` to be added. */
static bool binary_of(const ep__compiler *c, uint32_t t, const ep_node *node, ep__post *out)
{
    const uint32_t other = node->inputs[node->inputs[0] == t ? 1 : 0];
    const ep_tensor *tensor = &c->network->tensors[other];
    const bool add = is_op(node, "Add");
    if (other == t || tensor->dtype != EP_DTYPE_FLOAT || !tensor->has_shape) return false;
    if (ep__constant_floats(c, other)) {
        *out = (ep__post){.kind = EP__POST_BINARY,
                          .alg = add ? dnnl_binary_add : dnnl_binary_mul,
                          .operand = other};
        return add || is_op(node, "Mul");
    }
    *out = (ep__post){.kind = EP__POST_SUM, .operand = other};
    return add && ep_shape_equal(&tensor->shape, &c->network->tensors[t].shape);
}

static bool one_node(const ep__compiler *c, uint32_t t, const ep_node *node, ep__post *out)
{
    if (!node->op || node->n_captures > 0 || !keeps_shape(c, t, node)) return false;
    if (node->inputs[0] == t && ep__activation_of(c, node, out)) return true;
    if (node->n_inputs != 2 || node->inputs[0] == EP_NO_INDEX || node->inputs[1] == EP_NO_INDEX) {
        return false;
    }
    return linear_of(c, t, node, out) || binary_of(c, t, node, out);
}

/* ---- several nodes ------------------------------------------------------------------------- */

/* The only reader of the node's only output; NULL when there is another, or it is an output. */
static const ep_node *only_reader(const ep__compiler *c, const ep_node *node, uint32_t *index)
{
    if (node->n_outputs != 1 || node->outputs[0] == EP_NO_INDEX) return NULL;
    const uint32_t t = node->outputs[0];
    if (c->is_output[t] || count_readers(c, t) != 1) return NULL;
    *index = reader(c, t, 0);
    return &c->network->nodes[*index];
}

static bool reads(const ep_node *node, uint32_t t)
{
    return node->n_inputs == 2 && (node->inputs[0] == t || node->inputs[1] == t);
}

/* t * Sigmoid(t), t * HardSigmoid(t) as networks write Swish and HardSwish. */
static bool gate(const ep__compiler *c, uint32_t t, uint32_t first, uint32_t second, ep__post *out,
                 uint32_t *nodes)
{
    const ep_node *node = &c->network->nodes[first];
    const bool sigmoid = is_op(node, "Sigmoid");
    const bool hard = is_op(node, "HardSigmoid") &&
                      fabsf(ep_attr_float(node, "alpha", 0.2F) - 1.0F / 6) < 1e-6F &&
                      ep_attr_float(node, "beta", 0.5F) == 0.5F;
    uint32_t next;
    const ep_node *mul = sigmoid || hard ? only_reader(c, node, &next) : NULL;
    if (!mul || next != second || !is_op(mul, "Mul") || !reads(mul, t)) return false;
    if (!keeps_shape(c, t, mul)) return false;
    *out = (ep__post){.kind = EP__POST_ELTWISE,
                      .alg = sigmoid ? dnnl_eltwise_swish : dnnl_eltwise_hardswish,
                      .alpha = 1};
    nodes[0] = first;
    nodes[1] = second;
    return true;
}

static bool is_linear(const ep__compiler *c, const ep_node *node, uint32_t t, float alpha,
                      float beta)
{
    ep__post post;
    if (node->n_inputs != 2 || node->inputs[0] == EP_NO_INDEX || node->inputs[1] == EP_NO_INDEX ||
        !reads(node, t) || !linear_of(c, t, node, &post)) {
        return false;
    }
    return fabsf(post.alpha - alpha) < 1e-6F && fabsf(post.beta - beta) < 1e-6F;
}

/* 0.5 * t * (1 + Erf(t / sqrt(2))) as exporters write it: Div, Erf, Add, Mul by t, Mul by 0.5. */
static bool gelu(const ep__compiler *c, uint32_t t, uint32_t first, uint32_t fourth, ep__post *out,
                 uint32_t *nodes)
{
    static const float ROOT_HALF = 0.70710678F;
    const ep_node *node = &c->network->nodes[first];
    if (!is_linear(c, node, t, ROOT_HALF, 0)) return false;
    nodes[0] = first;
    node = only_reader(c, node, &nodes[1]);
    if (!node || !is_op(node, "Erf")) return false;
    const uint32_t erf = node->outputs[0];
    node = only_reader(c, node, &nodes[2]);
    if (!node || !is_linear(c, node, erf, 1, 1)) return false;
    node = only_reader(c, node, &nodes[3]);
    if (!node || nodes[3] != fourth || !is_op(node, "Mul") || !reads(node, t)) return false;
    const uint32_t product = node->outputs[0];
    node = only_reader(c, node, &nodes[4]);
    if (!node || !is_linear(c, node, product, 0.5F, 0) || !keeps_shape(c, t, node)) return false;
    *out = (ep__post){.kind = EP__POST_ELTWISE, .alg = dnnl_eltwise_gelu_erf};
    return true;
}

/* How many nodes make the next post; 0: none does. */
static uint32_t next_post(const ep__compiler *c, uint32_t t, ep__post *out, uint32_t *nodes)
{
    const uint32_t n = count_readers(c, t);
    if (c->is_output[t] || n < 1 || n > 2) return 0;
    nodes[0] = reader(c, t, 0);
    /* the sum of two results is the epilogue of the first */
    if (c->absorbed[nodes[0]]) return 0;
    if (n == 1) return one_node(c, t, &c->network->nodes[nodes[0]], out) ? 1 : 0;
    const uint32_t a = reader(c, t, 0), b = reader(c, t, 1);
    if (a == b) return 0;
    if (gate(c, t, a, b, out, nodes)) return 2;
    return gelu(c, t, a, b, out, nodes) ? 5 : 0;
}

/* False for a second sum, and for an activation that oneDNN 2.6 would compute with the constants of
 * an earlier one: its injectors are found by algorithm alone. */
static bool goes_with(const ep__chain *chain, const ep__post *post)
{
    for (uint32_t i = 0; i < chain->n_posts; i++) {
        const ep__post *other = &chain->posts[i];
        if (other->kind != post->kind || post->kind == EP__POST_BINARY) continue;
        if (post->kind == EP__POST_SUM) return false;
        const bool same = other->alpha == post->alpha && other->beta == post->beta;
        if (other->alg == post->alg && !same) return false;
    }
    return true;
}

void ep__find_chain(const ep__compiler *c, uint32_t t, bool as_matrix, ep__chain *out)
{
    *out = (ep__chain){.as_matrix = as_matrix};
    while (out->n_posts < EP__MOST_POSTS) {
        ep__post *post = &out->posts[out->n_posts];
        const uint32_t n = next_post(c, t, post, out->nodes + out->n_nodes);
        if (n == 0 || !goes_with(out, post)) return;
        out->n_nodes += n;
        out->n_posts++;
        post->n_nodes = out->n_nodes;
        post->node = out->nodes[out->n_nodes - 1];
        post->out = t = c->network->nodes[post->node].outputs[0];
    }
}

/* ---- as oneDNN has it ---------------------------------------------------------------------- */

bool ep__operand_md(const ep__compiler *c, const ep__chain *chain, const ep__post *post,
                    dnnl_memory_desc_t *out)
{
    if (post->form) {
        *out = post->form->md;
        return true;
    }
    ep_shape from = c->network->tensors[post->operand].shape;
    ep_shape to = c->network->tensors[post->out].shape;
    const ep_tensor whole = {.dtype = EP_DTYPE_FLOAT, .has_shape = true, .shape = from};
    if (chain->as_matrix) {
        const int64_t columns = to.dims[to.rank - 1];
        const int64_t elements = (int64_t)ep_tensor_elements(&whole);
        const bool row = from.rank > 0 && from.dims[from.rank - 1] == elements;
        if (!row && !ep_shape_equal(&from, &to)) return false;
        from = (ep_shape){.rank = 2, .dims = {elements / columns, columns}};
        if (elements % columns != 0) return false;
        to.rank = 2;
    }
    if (from.rank > to.rank) return false;
    ep_tensor tensor = {.dtype = EP_DTYPE_FLOAT, .has_shape = true, .shape = to};
    for (int i = to.rank - 1, k = from.rank - 1; i >= 0; i--, k--) {
        tensor.shape.dims[i] = k >= 0 ? from.dims[k] : 1;
    }
    return ep__dense_md(&tensor, out);
}

static bool append(const ep__compiler *c, const ep__chain *chain, const ep__post *post,
                   dnnl_post_ops_t posts)
{
    dnnl_memory_desc_t md;
    switch (post->kind) {
    case EP__POST_SUM: return dnnl_post_ops_append_sum(posts, 1) == dnnl_success;
    case EP__POST_BINARY:
        return ep__operand_md(c, chain, post, &md) &&
               dnnl_post_ops_append_binary(posts, post->alg, &md) == dnnl_success;
    default:
        return dnnl_post_ops_append_eltwise(posts, 1, post->alg, post->alpha, post->beta) ==
               dnnl_success;
    }
}

dnnl_primitive_attr_t ep__attributes(const ep__compiler *c, const ep__chain *chain, uint32_t n)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t posts = NULL;
    bool done =
        dnnl_primitive_attr_create(&attr) == dnnl_success &&
        dnnl_post_ops_create(&posts) == dnnl_success &&
        dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success;
    for (uint32_t i = 0; i < n && done; i++) done = append(c, chain, &chain->posts[i], posts);
    done = done && dnnl_primitive_attr_set_post_ops(attr, posts) == dnnl_success;
    if (posts) dnnl_post_ops_destroy(posts);
    if (done) return attr;
    if (attr) dnnl_primitive_attr_destroy(attr);
    return NULL;
}
