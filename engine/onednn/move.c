/* What moves elements only: Concat, Transpose. */
#include <string.h>

#include "engine/onednn/program.h"

/* ---- Transpose ----------------------------------------------------------------------------- */

ep_status ep__convert_transpose(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    const ep_node *n = &c->network->nodes[node];
    const ep_attr *perm = ep_attr_find(n, "perm");
    if (n->n_inputs != 1 || n->n_outputs != 1) return EP_OK;
    ep__form x;
    if (n->inputs[0] == EP_NO_INDEX || !ep__form_of(c, n->inputs[0], &x)) return EP_OK;
    const int rank = x.md.ndims;
    if (x.md.format_kind != dnnl_blocked || x.md.format_desc.blocking.inner_nblks > 0) return EP_OK;
    if (perm && (perm->type != EP_ATTR_INTS || (int)perm->count != rank)) return EP_OK;
    int to[DNNL_MAX_NDIMS]; /* where dimension i goes */
    for (int i = 0; i < rank; i++) {
        const int64_t from = perm ? perm->ints[i] : rank - 1 - i;
        if (from < 0 || from >= rank) return EP_OK;
        to[from] = i;
    }
    ep__form y = {.where = x.where, .index = x.index};
    if (dnnl_memory_desc_permute_axes(&y.md, &x.md, to) != dnnl_success) return EP_OK;
    *taken = true;
    return ep__set_alias(c, n->outputs[0], n->inputs[0], &y, err);
}

/* ---- Concat -------------------------------------------------------------------------------- */

/* Rows of several arrays, put one after the other. */
typedef struct rows {
    uint64_t count;
    uint32_t n_parts;
    uint64_t *bytes; /* of a row, per part */
    uint64_t total;
} rows;

typedef struct rows_call {
    const rows *r;
    void *const *data; /* the parts, then the result */
} rows_call;

static void copy_rows(uint64_t begin, uint64_t end, void *context)
{
    const rows_call *call = context;
    const rows *r = call->r;
    for (uint64_t row = begin; row < end; row++) {
        char *to = (char *)call->data[r->n_parts] + row * r->total;
        for (uint32_t i = 0; i < r->n_parts; i++) {
            const uint64_t bytes = r->bytes[i];
            memcpy(to, (const char *)call->data[i] + row * bytes, (size_t)bytes);
            to += bytes;
        }
    }
}

static void run_rows(const ep__action *action, void *const *data, uint32_t threads)
{
    enum { PIECE = 1 << 16 };
    const rows *r = action->context;
    rows_call call = {.r = r, .data = data};
    ep_parallel(threads, r->count, PIECE / r->total + 1, copy_rows, &call);
}

/* Channels last, dense. */
static bool channels_last(const ep_tensor *tensor, dnnl_memory_desc_t *out)
{
    static const dnnl_format_tag_t tags[] = {dnnl_acb, dnnl_acdb, dnnl_acdeb};
    dnnl_memory_desc_t md;
    if (!ep__dense_md(tensor, &md) || md.ndims < 3 || md.ndims > 5) return false;
    return dnnl_memory_desc_init_by_tag(out, md.ndims, md.dims, md.data_type, tags[md.ndims - 3]) ==
           dnnl_success;
}

static bool is_channels_last(const ep__compiler *c, uint32_t t)
{
    ep__form form;
    dnnl_memory_desc_t md;
    return channels_last(&c->network->tensors[t], &md) && ep__form_of(c, t, &form) &&
           dnnl_memory_desc_equal(&form.md, &md);
}

/* A Concat of channels of which some lie channels last. */
static bool reads_channels_last(const ep__compiler *c, const ep_node *node)
{
    enum { MOST = 63 };
    const int64_t axis = ep_attr_int(node, "axis", 1);
    const ep_tensor *y = &c->network->tensors[node->outputs[0]];
    bool any = false;
    if (node->n_inputs < 1 || node->n_inputs > MOST) return false;
    if (y->shape.rank < 3 || (axis != 1 && axis != 1 - y->shape.rank)) return false;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == EP_NO_INDEX) return false;
        const ep_tensor *x = &c->network->tensors[node->inputs[i]];
        dnnl_memory_desc_t md;
        if (x->dtype != y->dtype || !channels_last(x, &md)) return false;
        any = any || is_channels_last(c, node->inputs[i]);
    }
    return any;
}

ep_status ep__convert_concat(ep__compiler *c, uint32_t node, bool *taken, ep_error *err)
{
    const ep_node *n = &c->network->nodes[node];
    const ep_tensor *y = &c->network->tensors[n->outputs[0]];
    dnnl_memory_desc_t md;
    if (!reads_channels_last(c, n) || !channels_last(y, &md)) return EP_OK;
    rows *r = EP_NEW(c->fused->arena, rows, 1);
    ep__form *forms = EP_NEW(c->arena, ep__form, (uint64_t)n->n_inputs + 1);
    if (!r || !forms) return ep_fail_memory(err);
    *r = (rows){.n_parts = n->n_inputs, .bytes = EP_NEW(c->fused->arena, uint64_t, n->n_inputs)};
    if (!r->bytes) return ep_fail_memory(err);
    r->count = ep_tensor_elements(y) / (uint64_t)y->shape.dims[1];
    for (uint32_t i = 0; i < n->n_inputs; i++) {
        const ep_tensor *x = &c->network->tensors[n->inputs[i]];
        dnnl_memory_desc_t part;
        (void)channels_last(x, &part);
        EP_TRY(ep__form_as(c, n->inputs[i], &part, &forms[i], err));
        r->bytes[i] = ep_dtype_bytes(x->dtype, (uint64_t)x->shape.dims[1]);
        r->total += r->bytes[i];
    }
    EP_TRY(ep__new_piece(c, &md, &forms[n->n_inputs], err));
    *taken = true;
    return ep__emit_function(c, run_rows, r, n->n_inputs + 1, forms, n->outputs[0], err);
}
