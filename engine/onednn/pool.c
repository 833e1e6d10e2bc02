/* Poolings of what does not lie as a kernel reads it. */
#include <string.h>

#include "engine/onednn/program.h"

typedef struct pool {
    uint32_t x, y;
    int spatial;
    dnnl_alg_kind_t alg;
    dnnl_dims_t kernel, stride, dilation, begin, end;
    dnnl_memory_desc_t x_md;
} pool;

/* The window of a global pooling is the image. */
static void read_global(const ep_shape *x, pool *p)
{
    for (int i = 0; i < p->spatial; i++) {
        p->kernel[i] = x->dims[2 + i];
        p->stride[i] = 1;
        p->dilation[i] = p->begin[i] = p->end[i] = 0;
    }
}

/* False: a window that reaches beyond its padding, which ONNX and oneDNN divide by differently. */
static bool read_window(const ep__compiler *c, const ep_node *node, const ep_shape *x, pool *p)
{
    ep_window w;
    int64_t out[EP_MAX_SPATIAL];
    if (ep_node_window(c->network, node, &w, out, NULL) != EP_OK || w.rank != p->spatial) {
        return false;
    }
    for (int i = 0; i < w.rank; i++) {
        const int64_t extent = (w.kernel[i] - 1) * w.dilation[i] + 1;
        const int64_t reach = (out[i] - 1) * w.stride[i] + extent - x->dims[2 + i] - w.pad_begin[i];
        if (w.pad_begin[i] < 0 || w.pad_begin[i] >= extent || reach >= extent) return false;
        if (p->alg == dnnl_pooling_avg_include_padding && reach > w.pad_end[i]) return false;
        p->kernel[i] = w.kernel[i];
        p->stride[i] = w.stride[i];
        p->dilation[i] = w.dilation[i] - 1;
        p->begin[i] = w.pad_begin[i];
        p->end[i] = reach > 0 ? reach : 0;
    }
    return true;
}

static bool read_pool(const ep__compiler *c, const ep_node *node, pool *p)
{
    const bool global = strncmp(node->op_type, "Global", 6) == 0;
    if (node->n_inputs < 1 || node->inputs[0] == EP_NO_INDEX || node->n_outputs < 1) return false;
    if (node->n_outputs > 1 && node->outputs[1] != EP_NO_INDEX) return false;
    *p = (pool){.x = node->inputs[0], .y = node->outputs[0], .alg = dnnl_pooling_max};
    const ep_tensor *x = &c->network->tensors[p->x];
    p->spatial = x->shape.rank - 2;
    if (x->dtype != EP_DTYPE_FLOAT || p->spatial < 1 || p->spatial > EP_MAX_SPATIAL) return false;
    if (p->y == EP_NO_INDEX || ep_attr_int(node, "storage_order", 0) != 0) return false;
    if (strstr(node->op_type, "Average")) {
        const bool include = ep_attr_int(node, "count_include_pad", 0) != 0;
        p->alg = include ? dnnl_pooling_avg_include_padding : dnnl_pooling_avg_exclude_padding;
    }
    if (!global) return read_window(c, node, &x->shape, p);
    read_global(&x->shape, p);
    return true;
}

static dnnl_primitive_desc_t make_pd(const ep__compiler *c, const void *context,
                                     const_dnnl_primitive_attr_t attr)
{
    const pool *p = context;
    dnnl_memory_desc_t y;
    if (!ep__dense_md(&c->network->tensors[p->y], &y)) return NULL;
    ep__any_layout(&y);
    dnnl_pooling_v2_desc_t desc;
    if (dnnl_pooling_v2_forward_desc_init(&desc, dnnl_forward_inference, p->alg, &p->x_md, &y,
                                          p->stride, p->kernel, p->dilation, p->begin,
                                          p->end) != dnnl_success) {
        return NULL;
    }
    return ep__make_pd(c, &desc, attr);
}

ep_status ep__convert_pool(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    pool p;
    ep__form x;
    ep__pending *pending;
    uint32_t n;
    const ep__chain none = {.n_posts = 0};
    if (!read_pool(c, &c->network->nodes[node], &p)) return EP_OK;
    if (!ep__form_of(c, p.x, &x) || ep__is_dense(&x.md)) return EP_OK;
    p.x_md = x.md;
    EP_TRY(ep__new_pending(c, &none, make_pd, &p, 0, &pending, &n, err));
    if (!pending) return EP_OK;
    *taken = true;
    pending->anchor = pending->last = node;
    pending->out = p.y;
    pending->dst = *dnnl_primitive_desc_query_md(pending->pd, dnnl_query_dst_md, 0);
    pending->ids[pending->n_args] = DNNL_ARG_SRC;
    pending->forms[pending->n_args++] = x;
    return ep__schedule(c, pending, &none, 0, err);
}
