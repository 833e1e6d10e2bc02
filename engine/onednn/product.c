/* MatMul and Gemm. */
#include <stdlib.h>
#include <string.h>

#include "engine/onednn/program.h"

/* A product of one row reads the weights once, where they lie: packing them would not pay. */
enum { LEAST_ROWS = 2 };

typedef struct product {
    const ep_node *node;
    uint32_t a, b, bias, y; /* tensors; bias: EP_NO_INDEX: none */
    bool constant, trans_b;
    dnnl_memory_desc_t a_md, b_md, bias_md, y_md;
} product;

static bool matrix_md(int64_t rows, int64_t columns, bool transposed, dnnl_memory_desc_t *out)
{
    const dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_init_by_tag(out, 2, dims, dnnl_f32, transposed ? dnnl_ba : dnnl_ab) ==
           dnnl_success;
}

/* The terms that Gemm adds to MatMul. */
static bool read_gemm(const ep__compiler *c, product *p)
{
    const ep_node *node = p->node;
    p->trans_b = ep_attr_int(node, "transB", 0) != 0;
    if (ep_attr_int(node, "transA", 0) != 0 || ep_attr_float(node, "alpha", 1) != 1) return false;
    if (node->n_inputs < 3 || node->inputs[2] == EP_NO_INDEX) return true;
    p->bias = node->inputs[2];
    const ep_tensor *y = &c->network->tensors[p->y];
    const ep_array *array = &c->frame->cells[p->bias].array;
    return ep_attr_float(node, "beta", 1) == 1 && ep__constant_floats(c, p->bias) &&
           (int64_t)array->n == y->shape.dims[1] &&
           array->shape.dims[array->shape.rank - 1] == y->shape.dims[1];
}

/* All rows of `a` times one constant matrix. */
static bool describe_constant(const ep__compiler *c, product *p)
{
    const ep_shape *b = &c->frame->cells[p->b].array.shape;
    const ep_tensor *a = &c->network->tensors[p->a], *y = &c->network->tensors[p->y];
    if (b->rank != 2 || a->shape.rank < 1 || y->shape.rank != a->shape.rank) return false;
    const int64_t k = b->dims[p->trans_b ? 1 : 0], n = b->dims[p->trans_b ? 0 : 1];
    if (k < 1 || n < 1 || a->shape.dims[a->shape.rank - 1] != k) return false;
    const int64_t rows = (int64_t)ep_tensor_elements(a) / k;
    if ((int64_t)ep_tensor_elements(y) != rows * n) return false;
    if (rows < LEAST_ROWS) return false;
    return matrix_md(rows, k, false, &p->a_md) && matrix_md(k, n, p->trans_b, &p->b_md) &&
           matrix_md(rows, n, false, &p->y_md) && matrix_md(1, n, false, &p->bias_md);
}

/* A stack of products of the same rank. */
static bool describe_stack(const ep__compiler *c, product *p)
{
    ep__form a, b;
    const ep_tensor *y = &c->network->tensors[p->y];
    if (!ep__form_of(c, p->a, &a) || !ep__form_of(c, p->b, &b)) return false;
    if (a.md.ndims != y->shape.rank || b.md.ndims != y->shape.rank || y->shape.rank < 2) {
        return false;
    }
    p->a_md = a.md;
    p->b_md = b.md;
    return ep__dense_md(y, &p->y_md);
}

static bool read_product(const ep__compiler *c, uint32_t index, product *p)
{
    const ep_node *node = &c->network->nodes[index];
    *p = (product){.node = node, .bias = EP_NO_INDEX};
    if (node->n_inputs < 2 || node->n_outputs != 1) return false;
    p->a = node->inputs[0];
    p->b = node->inputs[1];
    p->y = node->outputs[0];
    if (p->a == EP_NO_INDEX || p->b == EP_NO_INDEX) return false;
    const ep_network *network = c->network;
    if (network->tensors[p->a].dtype != EP_DTYPE_FLOAT) return false;
    if (network->tensors[p->b].dtype != EP_DTYPE_FLOAT) return false;
    if (network->tensors[p->y].dtype != EP_DTYPE_FLOAT) return false;
    p->constant = ep__constant_floats(c, p->b) != NULL;
    const bool gemm = strcmp(node->op_type, "Gemm") == 0;
    if (gemm && (!p->constant || !read_gemm(c, p))) return false;
    return p->constant ? describe_constant(c, p) : describe_stack(c, p);
}

/* A vector that is added to every row is the primitive's bias. */
static void take_bias(const ep__compiler *c, product *p, ep__chain *chain)
{
    const ep__post *first = &chain->posts[0];
    if (!p->constant || p->bias != EP_NO_INDEX || chain->n_posts == 0) return;
    if (first->kind != EP__POST_BINARY || first->alg != dnnl_binary_add) return;
    const ep_array *array = &c->frame->cells[first->operand].array;
    const ep_shape *y = &c->network->tensors[p->y].shape;
    if ((int64_t)array->n != y->dims[y->rank - 1] || array->shape.rank != 1) return;
    p->bias = first->operand;
}

static dnnl_primitive_desc_t make_pd(const ep__compiler *c, const void *context,
                                     const_dnnl_primitive_attr_t attr)
{
    const product *p = context;
    dnnl_memory_desc_t b = p->b_md;
    dnnl_matmul_desc_t desc;
    if (p->constant) ep__any_layout(&b);
    if (dnnl_matmul_desc_init(&desc, &p->a_md, &b, p->bias == EP_NO_INDEX ? NULL : &p->bias_md,
                              &p->y_md) != dnnl_success) {
        return NULL;
    }
    return ep__make_pd(c, &desc, attr);
}

/* The operands. */
static ep_status add_forms(ep__compiler *c, const product *p, ep__pending *pending, ep_error *err)
{
    ep__form *a = &pending->forms[0], *b = &pending->forms[1];
    pending->ids[0] = DNNL_ARG_SRC;
    pending->ids[1] = DNNL_ARG_WEIGHTS;
    pending->n_args = 2;
    if (p->constant) {
        dnnl_memory_desc_t dense;
        if (!ep__dense_md(&c->network->tensors[p->a], &dense)) return ep_fail_memory(err);
        EP_TRY(ep__form_as(c, p->a, &dense, a, err));
        a->md = p->a_md;
        const dnnl_memory_desc_t *md =
            dnnl_primitive_desc_query_md(pending->pd, dnnl_query_weights_md, 0);
        float *copy;
        const float *values = ep__weights(c, p->b, &copy);
        const ep_status status = ep__pack(c, values, &p->b_md, md, b, err);
        free(copy);
        EP_TRY(status);
    } else {
        (void)ep__form_of(c, p->a, a);
        (void)ep__form_of(c, p->b, b);
    }
    if (p->bias == EP_NO_INDEX) return EP_OK;
    pending->ids[2] = DNNL_ARG_BIAS;
    const dnnl_memory_desc_t *md =
        dnnl_primitive_desc_query_md(pending->pd, dnnl_query_weights_md, 1);
    pending->forms[2] = (ep__form){.md = *md, .where = EP__IN_CELL, .index = p->bias};
    pending->n_args = 3;
    return EP_OK;
}

ep_status ep__convert_product(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    product p;
    ep__chain chain;
    ep__pending *pending;
    uint32_t n, last = node, out;
    if (!read_product(c, node, &p)) return EP_OK;
    out = p.y;
    ep__find_chain(c, out, p.constant, &chain);
    const uint32_t bias = p.bias;
    take_bias(c, &p, &chain);
    if (p.bias != bias) {
        last = chain.posts[0].node;
        out = chain.posts[0].out;
        ep__find_chain(c, out, p.constant, &chain);
    }
    EP_TRY(ep__new_pending(c, &chain, make_pd, &p, 0, &pending, &n, err));
    if (!pending) return EP_OK;
    *taken = true;
    pending->anchor = node;
    pending->last = last;
    pending->out = out;
    pending->dst = p.y_md;
    EP_TRY(add_forms(c, &p, pending, err));
    return ep__schedule(c, pending, &chain, n, err);
}
