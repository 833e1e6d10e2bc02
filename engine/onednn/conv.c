/* Conv, with a BatchNormalization after it folded into its weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onednn/program.h"

typedef struct conv {
    const ep_node *node;
    uint32_t x, w, b, y; /* tensors; y: after the BatchNormalization */
    int64_t filters, groups;
    ep_window window;
    const float *weights, *bias; /* bias: NULL, or as the file has it */
    const ep_node *norm;         /* NULL: none */
    uint32_t norm_index;
    dnnl_memory_desc_t weights_md; /* as they lie in the file, groups first where there are some */
} conv;

/* ---- reading ------------------------------------------------------------------------------- */

static bool read_window(const ep__compiler *c, conv *v)
{
    int64_t out[EP_MAX_SPATIAL];
    if (ep_node_window(c->network, v->node, &v->window, out, NULL) != EP_OK) return false;
    const ep_shape *x = &c->network->tensors[v->x].shape, *y = &c->network->tensors[v->y].shape;
    if (x->rank != v->window.rank + 2 || y->rank != x->rank) return false;
    for (int i = 0; i < v->window.rank; i++) {
        ep_window *w = &v->window;
        if (y->dims[2 + i] != out[i] || w->pad_begin[i] < 0 || w->pad_end[i] < 0) return false;
        /* oneDNN's kernels count with int */
        if (w->pad_begin[i] > INT16_MAX || w->pad_end[i] > INT16_MAX || w->stride[i] > INT16_MAX ||
            w->dilation[i] > INT16_MAX) {
            return false;
        }
    }
    return true;
}

static bool read_conv(const ep__compiler *c, uint32_t index, conv *v)
{
    const ep_node *node = &c->network->nodes[index];
    *v = (conv){.node = node, .b = EP_NO_INDEX, .groups = ep_attr_int(node, "group", 1)};
    if (node->n_inputs < 2 || node->n_outputs != 1) return false;
    v->x = node->inputs[0];
    v->w = node->inputs[1];
    v->y = node->outputs[0];
    if (node->n_inputs > 2) v->b = node->inputs[2];
    v->weights = ep__constant_floats(c, v->w);
    v->bias = ep__constant_floats(c, v->b);
    if (v->x == EP_NO_INDEX || !v->weights || (v->b != EP_NO_INDEX && !v->bias)) return false;
    const ep_tensor *x = &c->network->tensors[v->x], *y = &c->network->tensors[v->y];
    const ep_shape *w = &c->frame->cells[v->w].array.shape;
    if (x->dtype != EP_DTYPE_FLOAT || w->rank < 3 || w->rank != x->shape.rank) return false;
    v->filters = w->dims[0];
    if (v->bias && (int64_t)c->frame->cells[v->b].array.n != v->filters) return false;
    if (v->groups < 1 || v->filters < 1 || v->filters % v->groups != 0) return false;
    if (w->dims[1] < 1 || x->shape.dims[1] != w->dims[1] * v->groups) return false;
    return y->shape.rank == w->rank && y->shape.dims[1] == v->filters && read_window(c, v);
}

/* A BatchNormalization that is the only reader of the result, with constants of its own. */
static void read_norm(const ep__compiler *c, conv *v)
{
    const uint32_t *readers = c->readers + c->reader_at[v->y];
    if (c->is_output[v->y] || c->reader_at[v->y + 1] - c->reader_at[v->y] != 1) return;
    const ep_node *node = &c->network->nodes[readers[0]];
    if (!ep__is_inference_norm(c, node) || node->inputs[0] != v->y) return;
    v->norm = node;
    v->norm_index = readers[0];
    v->y = node->outputs[0];
}

/* ---- constants ----------------------------------------------------------------------------- */

/* Puts the BatchNormalization into weights and bias. */
static void fold_norm(const ep__compiler *c, const conv *v, float *bias, float *weights)
{
    const uint64_t row = c->frame->cells[v->w].array.n / (uint64_t)v->filters;
    for (int64_t f = 0; f < v->filters; f++) {
        float scale, shift;
        ep__norm_factors(c, v->norm, (uint64_t)f, &scale, &shift);
        bias[f] = (v->bias ? v->bias[f] : 0) * scale + shift;
        for (uint64_t i = (uint64_t)f * row; i < ((uint64_t)f + 1) * row; i++) {
            weights[i] *= scale;
        }
    }
}

static bool describe_weights(const ep__compiler *c, conv *v)
{
    const ep_array *array = &c->frame->cells[v->w].array;
    ep_tensor tensor = {.dtype = EP_DTYPE_FLOAT, .has_shape = true, .shape = array->shape};
    if (v->groups > 1) {
        if (array->shape.rank == EP_MAX_RANK) return false;
        memmove(&tensor.shape.dims[1], &tensor.shape.dims[0],
                (size_t)array->shape.rank * sizeof tensor.shape.dims[0]);
        tensor.shape.rank++;
        tensor.shape.dims[0] = v->groups;
        tensor.shape.dims[1] = v->filters / v->groups;
    }
    return ep__dense_md(&tensor, &v->weights_md);
}

/* Weights to be changed, in `*copy`. */
static const float *own_weights(const ep__compiler *c, const conv *v, float **copy)
{
    const float *values = ep__weights(c, v->w, copy);
    const size_t bytes = (size_t)c->frame->cells[v->w].array.n * sizeof(float);
    if (!values || *copy) return *copy;
    *copy = malloc(bytes);
    if (*copy) memcpy(*copy, values, bytes);
    return *copy;
}

static ep_status add_constants(ep__compiler *c, const conv *v, ep__pending *p, ep_error *err)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(p->pd, dnnl_query_weights_md, 0);
    const dnnl_memory_desc_t *bias_md =
        dnnl_primitive_desc_query_md(p->pd, dnnl_query_weights_md, 1);
    void *bias = NULL;
    float *copy;
    if (v->norm || v->bias) p->ids[p->n_args++] = DNNL_ARG_BIAS;
    if (v->norm) {
        EP_TRY(ep__new_constant(c, bias_md, &p->forms[p->n_args - 1], &bias, err));
    } else if (v->bias) {
        p->forms[p->n_args - 1] = (ep__form){.md = *bias_md, .where = EP__IN_CELL, .index = v->b};
    }
    const float *values = v->norm ? own_weights(c, v, &copy) : ep__weights(c, v->w, &copy);
    if (values && v->norm) fold_norm(c, v, bias, copy);
    p->ids[p->n_args] = DNNL_ARG_WEIGHTS;
    const ep_status status = ep__pack(c, values, &v->weights_md, md, &p->forms[p->n_args++], err);
    free(copy);
    return status;
}

/* ---- the primitive ------------------------------------------------------------------------- */

static dnnl_primitive_desc_t make_pd(const ep__compiler *c, const void *context,
                                     const_dnnl_primitive_attr_t attr)
{
    const conv *v = context;
    dnnl_memory_desc_t x, y, w = v->weights_md, b;
    dnnl_dims_t stride, dilation, begin, end, filters = {v->filters};
    for (int i = 0; i < v->window.rank; i++) {
        stride[i] = v->window.stride[i];
        dilation[i] = v->window.dilation[i] - 1;
        begin[i] = v->window.pad_begin[i];
        end[i] = v->window.pad_end[i];
    }
    if (!ep__dense_md(&c->network->tensors[v->x], &x)) return NULL;
    if (!ep__dense_md(&c->network->tensors[v->y], &y)) return NULL;
    ep__any_layout(&x);
    ep__any_layout(&y);
    ep__any_layout(&w);
    dnnl_memory_desc_init_by_tag(&b, 1, filters, dnnl_f32, dnnl_a);
    dnnl_convolution_desc_t desc;
    if (dnnl_dilated_convolution_forward_desc_init(
            &desc, dnnl_forward_inference, dnnl_convolution_direct, &x, &w,
            v->bias || v->norm ? &b : NULL, &y, stride, dilation, begin, end) != dnnl_success) {
        return NULL;
    }
    return ep__make_pd(c, &desc, attr);
}

/* `p->pd` is the pending action's from here on. */
static ep_status schedule(ep__compiler *c, const conv *v, ep__pending *p, const ep__chain *chain,
                          uint32_t n, ep_error *err)
{
    p->dst = *dnnl_primitive_desc_query_md(p->pd, dnnl_query_dst_md, 0);
    const dnnl_memory_desc_t src = *dnnl_primitive_desc_query_md(p->pd, dnnl_query_src_md, 0);
    p->ids[p->n_args] = DNNL_ARG_SRC;
    EP_TRY(ep__form_as(c, v->x, &src, &p->forms[p->n_args++], err));
    EP_TRY(add_constants(c, v, p, err));
    return ep__schedule(c, p, chain, n, err);
}

ep_status ep__convert_conv(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    conv v;
    ep__chain chain;
    if (!read_conv(c, node, &v) || !describe_weights(c, &v)) return EP_OK;
    read_norm(c, &v);
    ep__find_chain(c, v.y, false, &chain);
    ep__pending *p;
    uint32_t n;
    EP_TRY(ep__new_pending(c, &chain, make_pd, &v, 0, &p, &n, err));
    if (!p) return EP_OK;
    *taken = true;
    p->anchor = node;
    p->last = v.norm ? v.norm_index : node;
    p->out = v.y;
    return schedule(c, &v, p, &chain, n, err);
}
