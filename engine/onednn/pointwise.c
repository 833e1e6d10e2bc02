/* Activations, sums and products of what does not lie as a kernel reads it; BatchNormalization as a
 * product and a sum. */
#include <math.h>
#include <string.h>

#include "engine/onednn/program.h"

typedef struct pointwise {
    uint32_t y;
    dnnl_memory_desc_t x, other, out;
    dnnl_alg_kind_t alg;
    bool eltwise;
    float alpha, beta;
    uint32_t least_posts;
} pointwise;

static dnnl_primitive_desc_t make_pd(const ep__compiler *c, const void *context,
                                     const_dnnl_primitive_attr_t attr)
{
    const pointwise *p = context;
    dnnl_eltwise_desc_t eltwise;
    dnnl_binary_desc_t binary;
    const dnnl_status_t status =
        p->eltwise ? dnnl_eltwise_forward_desc_init(&eltwise, dnnl_forward_inference, p->alg, &p->x,
                                                    p->alpha, p->beta)
                   : dnnl_binary_desc_init(&binary, p->alg, &p->x, &p->other, &p->out);
    if (status != dnnl_success) return NULL;
    return ep__make_pd(c, p->eltwise ? (const void *)&eltwise : &binary, attr);
}

/* Schedules it with what follows. */
static ep_status schedule(ep__compiler *c, uint32_t node, pointwise *p, const ep__form *x,
                          const ep__form *other, const ep__chain *chain, bool *taken, ep_error *err)
{
    ep__pending *pending;
    uint32_t n;
    p->x = p->out = x->md;
    if (other) p->other = other->md;
    EP_TRY(ep__new_pending(c, chain, make_pd, p, p->least_posts, &pending, &n, err));
    if (!pending) return EP_OK;
    *taken = true;
    pending->anchor = pending->last = node;
    pending->out = p->y;
    pending->dst = p->out;
    pending->ids[0] = p->eltwise ? DNNL_ARG_SRC : DNNL_ARG_SRC_0;
    pending->forms[0] = *x;
    pending->ids[1] = DNNL_ARG_SRC_1;
    if (other) pending->forms[1] = *other;
    pending->n_args = other ? 2 : 1;
    return ep__schedule(c, pending, chain, n, err);
}

static ep_status convert_activation(ep__compiler *c, uint32_t node, const ep__post *post,
                                    bool *taken, ep_error *err)
{
    const ep_node *n = &c->network->nodes[node];
    ep__form x;
    ep__chain chain;
    pointwise p = {.y = n->outputs[0],
                   .alg = post->alg,
                   .eltwise = true,
                   .alpha = post->alpha,
                   .beta = post->beta};
    if (!ep__form_of(c, n->inputs[0], &x) || ep__is_dense(&x.md)) return EP_OK;
    ep__find_chain(c, p.y, false, &chain);
    return schedule(c, node, &p, &x, NULL, &chain, taken, err);
}

static bool repeats_over(const ep_shape *other, const ep_shape *x)
{
    if (other->rank != x->rank) return false;
    for (int i = 0; i < x->rank; i++) {
        if (other->dims[i] != x->dims[i] && other->dims[i] != 1) return false;
    }
    return true;
}

/* A node of two operands: x of the result's shape, and `other`, which may repeat over it. */
static bool read_binary(const ep__compiler *c, const ep_node *node, uint32_t *x, uint32_t *other)
{
    if (node->n_inputs != 2 || node->n_outputs != 1) return false;
    const ep_tensor *tensors = c->network->tensors, *y = &tensors[node->outputs[0]];
    for (int k = 0; k < 2; k++) {
        *x = node->inputs[k];
        *other = node->inputs[1 - k];
        if (*x == EP_NO_INDEX || *other == EP_NO_INDEX) return false;
        if (tensors[*x].dtype != EP_DTYPE_FLOAT || tensors[*other].dtype != EP_DTYPE_FLOAT) {
            return false;
        }
        ep__form form;
        const bool fits = ep_shape_equal(&tensors[*x].shape, &y->shape) &&
                          repeats_over(&tensors[*other].shape, &y->shape);
        if (fits && ep__form_of(c, *x, &form) && !ep__is_dense(&form.md)) return true;
    }
    return false;
}

static ep_status convert_binary(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    const ep_node *n = &c->network->nodes[node];
    uint32_t x, other;
    ep__form forms[2];
    ep__chain chain;
    pointwise p = {.y = n->outputs[0],
                   .alg = strcmp(n->op_type, "Add") == 0 ? dnnl_binary_add : dnnl_binary_mul};
    if (!read_binary(c, n, &x, &other)) return EP_OK;
    if (!ep__form_of(c, x, &forms[0]) || !ep__form_of(c, other, &forms[1])) return EP_OK;
    if (ep_shape_equal(&c->network->tensors[x].shape, &c->network->tensors[other].shape)) {
        const dnnl_memory_desc_t md = forms[0].md;
        EP_TRY(ep__form_as(c, other, &md, &forms[1], err));
    }
    ep__find_chain(c, p.y, false, &chain);
    return schedule(c, node, &p, &forms[0], &forms[1], &chain, taken, err);
}

ep_status ep__convert_pointwise(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    const ep_node *n = &c->network->nodes[node];
    ep__post post;
    if (n->n_inputs < 1 || n->inputs[0] == EP_NO_INDEX || n->outputs[0] == EP_NO_INDEX) {
        return EP_OK;
    }
    if (c->network->tensors[n->inputs[0]].dtype != EP_DTYPE_FLOAT) return EP_OK;
    if (ep__activation_of(c, n, &post)) return convert_activation(c, node, &post, taken, err);
    const bool binary = strcmp(n->op_type, "Add") == 0 || strcmp(n->op_type, "Mul") == 0;
    return binary ? convert_binary(c, node, taken, err) : EP_OK;
}

/* ---- BatchNormalization -------------------------------------------------------------------- */

bool ep__is_inference_norm(const ep__compiler *c, const ep_node *node)
{
    if (!node->op || strcmp(node->op_type, "BatchNormalization") != 0) return false;
    if (node->n_inputs != 5 || node->inputs[0] == EP_NO_INDEX || node->outputs[0] == EP_NO_INDEX) {
        return false;
    }
    const ep_tensor *x = &c->network->tensors[node->inputs[0]];
    if (x->dtype != EP_DTYPE_FLOAT || x->shape.rank < 2) return false;
    if (ep_attr_int(node, "training_mode", 0) != 0 || ep_attr_int(node, "spatial", 1) == 0) {
        return false;
    }
    for (uint32_t i = 1; i < node->n_outputs; i++) {
        if (node->outputs[i] != EP_NO_INDEX) return false;
    }
    for (uint32_t i = 1; i < 5; i++) {
        if (!ep__constant_floats(c, node->inputs[i])) return false;
        if ((int64_t)c->frame->cells[node->inputs[i]].array.n != x->shape.dims[1]) return false;
    }
    return true;
}

void ep__norm_factors(const ep__compiler *c, const ep_node *node, uint64_t i, float *scale,
                      float *shift)
{
    const double s = (double)ep__constant_floats(c, node->inputs[1])[i];
    const double b = (double)ep__constant_floats(c, node->inputs[2])[i];
    const double mean = (double)ep__constant_floats(c, node->inputs[3])[i];
    const double variance = (double)ep__constant_floats(c, node->inputs[4])[i];
    const double factor = s / sqrt(variance + (double)ep_attr_float(node, "epsilon", 1e-5F));
    *scale = (float)factor;
    *shift = (float)(b - mean * factor);
}

/* Factor and shift of each channel, as tensors that repeat over the image. */
static ep_status make_factors(ep__compiler *c, const ep_node *node, ep__form forms[2],
                              ep_error *err)
{
    void *values[2];
    const ep_shape *x = &c->network->tensors[node->inputs[0]].shape;
    ep_tensor tensor = {.dtype = EP_DTYPE_FLOAT, .has_shape = true, .shape = *x};
    for (int i = 0; i < x->rank; i++) {
        if (i != 1) tensor.shape.dims[i] = 1;
    }
    for (int k = 0; k < 2; k++) {
        dnnl_memory_desc_t md;
        if (!ep__dense_md(&tensor, &md)) return ep_fail_memory(err);
        EP_TRY(ep__new_constant(c, &md, &forms[k], &values[k], err));
    }
    for (int64_t i = 0; i < x->dims[1]; i++) {
        ep__norm_factors(c, node, (uint64_t)i, (float *)values[0] + i, (float *)values[1] + i);
    }
    return EP_OK;
}

ep_status ep__convert_norm(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    const ep_node *n = &c->network->nodes[node];
    ep__form x, factors[2];
    if (!ep__is_inference_norm(c, n)) return EP_OK;
    if (!ep__form_of(c, n->inputs[0], &x) || ep__is_dense(&x.md)) return EP_OK;
    EP_TRY(make_factors(c, n, factors, err));
    /* the shift comes first in the epilogue */
    ep__chain chain, rest;
    ep__find_chain(c, n->outputs[0], false, &rest);
    chain = (ep__chain){.n_posts = 1};
    chain.posts[0] = (ep__post){.kind = EP__POST_BINARY,
                                .alg = dnnl_binary_add,
                                .form = &factors[1],
                                .out = n->outputs[0],
                                .node = node};
    memcpy(chain.nodes, rest.nodes, sizeof rest.nodes);
    for (uint32_t i = 0; i < rest.n_posts && chain.n_posts < EP__MOST_POSTS; i++) {
        chain.posts[chain.n_posts++] = rest.posts[i];
    }
    pointwise p = {.y = n->outputs[0], .alg = dnnl_binary_mul, .least_posts = 1};
    return schedule(c, node, &p, &x, &factors[0], &chain, taken, err);
}
