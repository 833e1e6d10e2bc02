/* Layouts and places of tensors. */
#include <stdlib.h>
#include <string.h>

#include "engine/onednn/program.h"

/* ---- layouts ------------------------------------------------------------------------------- */

dnnl_data_type_t ep__dnnl_type(ep_dtype dtype)
{
    switch (dtype) {
    case EP_DTYPE_FLOAT: return dnnl_f32;
    case EP_DTYPE_INT8: return dnnl_s8;
    case EP_DTYPE_UINT8: return dnnl_u8;
    case EP_DTYPE_INT32: return dnnl_s32;
    default: return dnnl_data_type_undef;
    }
}

bool ep__dense_md(const ep_tensor *tensor, dnnl_memory_desc_t *out)
{
    const dnnl_data_type_t type = ep__dnnl_type(tensor->dtype);
    const int rank = tensor->has_shape ? tensor->shape.rank : 0;
    if (type == dnnl_data_type_undef || rank < 1) return false;
    uint64_t elements;
    if (ep_shape_elements(&tensor->shape, &elements, NULL) != EP_OK) return false;
    /* oneDNN counts with int in places */
    if (elements == 0 || elements > INT32_MAX) return false;
    dnnl_dims_t dims, strides;
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        dims[i] = tensor->shape.dims[i];
        strides[i] = stride;
        stride *= dims[i];
    }
    return dnnl_memory_desc_init_by_strides(out, rank, dims, type, strides) == dnnl_success;
}

bool ep__is_dense(const dnnl_memory_desc_t *md)
{
    if (md->format_kind != dnnl_blocked || md->format_desc.blocking.inner_nblks > 0 ||
        md->offset0 != 0) {
        return false;
    }
    int64_t stride = 1;
    for (int i = md->ndims - 1; i >= 0; i--) {
        if (md->dims[i] != 1 && md->format_desc.blocking.strides[i] != stride) return false;
        stride *= md->dims[i];
    }
    return true;
}

void ep__any_layout(dnnl_memory_desc_t *md)
{
    const dnnl_memory_desc_t old = *md;
    dnnl_memory_desc_init_by_tag(md, old.ndims, old.dims, old.data_type, dnnl_format_tag_any);
}

/* ---- places -------------------------------------------------------------------------------- */

bool ep__form_of(const ep__compiler *c, uint32_t t, ep__form *out)
{
    if (c->forms[t]) {
        *out = *c->forms[t];
        return true;
    }
    const uint32_t piece = c->dense_piece[c->root[t]];
    const bool placed = piece != EP_NO_INDEX;
    out->where = placed ? EP__IN_PIECE : EP__IN_CELL;
    out->index = placed ? piece : t;
    return ep__dense_md(&c->network->tensors[t], &out->md);
}

ep_status ep__form_as(ep__compiler *c, uint32_t t, const dnnl_memory_desc_t *md, ep__form *out,
                      ep_error *err)
{
    ep__form from;
    EP_FAIL_IF(!ep__form_of(c, t, &from), err, EP_UNSUPPORTED, "no layout for oneDNN");
    *out = from;
    if (dnnl_memory_desc_equal(&from.md, md)) return EP_OK;
    EP_TRY(ep__new_piece(c, md, out, err));
    EP_TRY(ep__emit_reorder(c, &from, out, err));
    /* the next that wants it so finds it */
    if (!c->is_output[t]) EP_TRY(ep__remember(c, t, out, err));
    return EP_OK;
}

ep_status ep__remember(ep__compiler *c, uint32_t t, const ep__form *form, ep_error *err)
{
    if (!c->forms[t]) c->forms[t] = EP_NEW(c->arena, ep__form, 1);
    if (!c->forms[t]) return ep_fail_memory(err);
    *c->forms[t] = *form;
    return EP_OK;
}

ep_status ep__new_piece(ep__compiler *c, const dnnl_memory_desc_t *md, ep__form *out, ep_error *err)
{
    const uint64_t bytes = dnnl_memory_desc_get_size(md);
    *out = (ep__form){.md = *md, .where = EP__IN_PIECE};
    return ep__add_piece(c->frame, bytes, c->at, &out->index, err);
}

/* Makes a dense array of a tensor whose form is another, or shows the one that there is. */
static ep_status make_array(ep__compiler *c, uint32_t t, ep_error *err)
{
    ep__form dense;
    const ep__form from = *c->forms[t];
    if (!ep__dense_md(&c->network->tensors[t], &dense.md)) return ep_fail_memory(err);
    c->has_array[t] = true;
    EP_TRY(ep__new_piece(c, &dense.md, &dense, err));
    EP_TRY(ep__emit_reorder(c, &from, &dense, err));
    c->fused->actions[c->fused->n_actions - 1].shows = t;
    c->dense_piece[t] = dense.index;
    return EP_OK;
}

ep_status ep__need_array(ep__compiler *c, uint32_t t, ep_error *err)
{
    const uint32_t root = c->root[t];
    if (c->forms[root] && !c->has_array[root]) EP_TRY(make_array(c, root, err));
    const uint32_t piece = c->dense_piece[root];
    if (piece != EP_NO_INDEX) {
        ep__piece *p = &c->frame->pieces[piece];
        p->last = p->last > c->last_use[root] ? p->last : c->last_use[root];
    }
    return EP_OK;
}

ep_status ep__set_alias(ep__compiler *c, uint32_t t, uint32_t of, const ep__form *form,
                        ep_error *err)
{
    const uint32_t owner = c->owner[of], last = c->last_use[c->owner[t]];
    if (c->last_use[owner] < last) c->last_use[owner] = last;
    c->owner[t] = owner;
    EP_TRY(ep__remember(c, t, form, err));
    c->has_array[t] = false;
    return c->is_output[t] ? ep__need_array(c, t, err) : EP_OK;
}

/* ---- constants ----------------------------------------------------------------------------- */

const float *ep__constant_floats(const ep__compiler *c, uint32_t t)
{
    if (t == EP_NO_INDEX || !c->frame->lasting[t]) return NULL;
    const ep_array *array = &c->frame->cells[t].array;
    return array->dtype == EP_DTYPE_FLOAT ? array->data : NULL;
}

ep_status ep__new_constant(ep__compiler *c, const dnnl_memory_desc_t *md, ep__form *out,
                           void **data, ep_error *err)
{
    ep__fused *fused = c->fused;
    const uint64_t bytes = ep_round_up(dnnl_memory_desc_get_size(md), EP__ALIGNMENT);
    void *array = fused->constants;
    EP_TRY(ep_grow(&array, &fused->constant_room, (uint64_t)fused->n_constants + 1,
                   sizeof *fused->constants, err));
    fused->constants = array;
    EP_TRY(ep__memory_take(&c->frame->context->copies, bytes, err));
    *data = aligned_alloc(EP__ALIGNMENT, (size_t)bytes);
    if (!*data) {
        ep__memory_give(&c->frame->context->copies, bytes);
        return ep_fail_memory(err);
    }
    *out = (ep__form){.md = *md, .where = EP__IN_CONSTANT, .index = fused->n_constants};
    fused->constants[fused->n_constants++] = (ep__constant){.data = *data, .bytes = bytes};
    return EP_OK;
}

/* Runs the reorder. */
static ep_status pack(ep__compiler *c, const void *values, const dnnl_memory_desc_t *from,
                      const dnnl_memory_desc_t *md, ep__form *out, ep_error *err)
{
    void *data;
    dnnl_primitive_desc_t pd;
    EP_TRY(ep__new_constant(c, md, out, &data, err));
    const dnnl_engine_t engine = c->fused->engine;
    EP_TRY(ep__dnnl(dnnl_reorder_primitive_desc_create(&pd, from, engine, md, engine, NULL), err));
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    ep_status status = ep__dnnl(dnnl_primitive_create(&primitive, pd), err);
    dnnl_primitive_desc_destroy(pd);
    if (status == EP_OK) {
        status =
            ep__dnnl(dnnl_memory_create(&source, from, engine, (void *)(uintptr_t)values), err);
    }
    if (status == EP_OK) status = ep__dnnl(dnnl_memory_create(&target, md, engine, data), err);
    if (status == EP_OK) {
        const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
        status = ep__dnnl(dnnl_primitive_execute(primitive, c->fused->stream, 2, args), err);
    }
    if (primitive) dnnl_primitive_destroy(primitive);
    if (source) dnnl_memory_destroy(source);
    if (target) dnnl_memory_destroy(target);
    return status;
}

const float *ep__weights(const ep__compiler *c, uint32_t t, float **copy)
{
    const ep_array *array = &c->frame->cells[t].array;
    *copy = NULL;
    if ((uintptr_t)array->data % sizeof(float) == 0) return array->data;
    *copy = malloc((size_t)array->n * sizeof(float));
    if (*copy) memcpy(*copy, array->data, (size_t)array->n * sizeof(float));
    return *copy;
}

ep_status ep__pack(ep__compiler *c, const float *values, const dnnl_memory_desc_t *from,
                   const dnnl_memory_desc_t *md, ep__form *out, ep_error *err)
{
    if (!values) return ep_fail_memory(err);
    EP_TRY(pack(c, values, from, md, out, err));
    ep__has_read(c->frame, dnnl_memory_desc_get_size(from));
    return EP_OK;
}
