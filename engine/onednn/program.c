/* Actions: made, placed, run. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onednn/program.h"

ep_status ep__dnnl(dnnl_status_t status, ep_error *err)
{
    if (status == dnnl_success) return EP_OK;
    if (status == dnnl_out_of_memory) return ep_fail_memory(err);
    return ep_fail(err, EP_UNSUPPORTED, "oneDNN fails with status %d", (int)status);
}

/* ---- making -------------------------------------------------------------------------------- */

/* Of implementations through a product of matrices ("gemm:jit", "x64:gemm:jit") some split sums
 * among the threads: of floats the result then depends on their number. */
static bool splits_sums(const_dnnl_primitive_desc_t pd, const char *name)
{
    const char *gemm = strstr(name, "gemm:");
    if (!gemm || (gemm > name && gemm[-1] != ':')) return false; /* "brgemm:" does not */
    const dnnl_memory_desc_t *src = dnnl_primitive_desc_query_md(pd, dnnl_query_src_md, 0);
    return src && src->data_type == dnnl_f32;
}

dnnl_primitive_desc_t ep__make_pd(const ep__compiler *c, const void *op_desc,
                                  const_dnnl_primitive_attr_t attr)
{
    dnnl_primitive_desc_t pd;
    const char *name = "";
    if (dnnl_primitive_desc_create(&pd, op_desc, attr, c->fused->engine, NULL) != dnnl_success) {
        return NULL;
    }
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name);
    if (strncmp(name, "ref", 3) != 0 && !splits_sums(pd, name)) return pd;
    dnnl_primitive_desc_destroy(pd);
    return NULL;
}

/* Keeps what the argument shows until now, and makes oneDNN's name for it. */
static ep_status add_argument(ep__compiler *c, ep__action *action, int id, const ep__form *form,
                              ep_error *err)
{
    const uint32_t k = action->n_args;
    if (form->where == EP__IN_PIECE) {
        ep__piece *piece = &c->frame->pieces[form->index];
        if (piece->last < c->at) piece->last = c->at;
    } else if (form->where == EP__IN_CELL) {
        uint32_t *last = &c->frame->last_reader[form->index];
        if (*last < c->at) *last = c->at;
    }
    action->args[k] = (dnnl_exec_arg_t){.arg = id};
    action->places[k] = (ep__place){.where = form->where, .index = form->index};
    EP_TRY(ep__dnnl(
        dnnl_memory_create(&action->args[k].memory, &form->md, c->fused->engine, DNNL_MEMORY_NONE),
        err));
    action->n_args++;
    return EP_OK;
}

static ep_status new_action(ep__compiler *c, uint32_t n_args, ep__action **out, ep_error *err)
{
    ep__fused *fused = c->fused;
    void *array = fused->actions;
    EP_TRY(ep_grow(&array, &fused->action_room, (uint64_t)fused->n_actions + 1,
                   sizeof *fused->actions, err));
    fused->actions = array;
    ep__action *action = &fused->actions[fused->n_actions];
    *action = (ep__action){.shows = EP_NO_INDEX,
                           .args = EP_NEW(fused->arena, dnnl_exec_arg_t, n_args),
                           .places = EP_NEW(fused->arena, ep__place, n_args)};
    if (!action->args || !action->places) return ep_fail_memory(err);
    ep__fused_step *step = &fused->steps[c->at];
    if (step->count++ == 0) step->first = fused->n_actions;
    fused->n_actions++;
    *out = action;
    return EP_OK;
}

/* The result's array is in place when it is dense. */
static ep_status show(ep__compiler *c, ep__action *action, uint32_t out, const ep__form *form,
                      ep_error *err)
{
    const bool dense = form->where == EP__IN_PIECE && ep__is_dense(&form->md);
    if (dense) {
        action->shows = out;
        c->dense_piece[out] = form->index;
    }
    ep__form shown = *form;
    const ep_tensor *tensor = &c->network->tensors[out];
    if (form->md.ndims != tensor->shape.rank && !ep__dense_md(tensor, &shown.md)) {
        return ep_fail_memory(err); /* computed as a matrix */
    }
    EP_TRY(ep__remember(c, out, &shown, err));
    c->has_array[out] = dense;
    return c->is_output[out] ? ep__need_array(c, out, err) : EP_OK;
}

static ep_status add_scratchpad(ep__compiler *c, ep__action *action, const_dnnl_primitive_desc_t pd,
                                ep_error *err)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    if (!md || dnnl_memory_desc_get_size(md) == 0) return EP_OK;
    ep__form scratchpad;
    EP_TRY(ep__new_piece(c, md, &scratchpad, err));
    return add_argument(c, action, DNNL_ARG_SCRATCHPAD, &scratchpad, err);
}

static ep_status emit(ep__compiler *c, dnnl_primitive_desc_t pd, uint32_t n_args, const int *ids,
                      const ep__form *forms, uint32_t out, ep_error *err)
{
    ep__action *action;
    EP_TRY(new_action(c, n_args + 1, &action, err));
    EP_TRY(ep__dnnl(dnnl_primitive_create(&action->primitive, pd), err));
    EP_TRY(add_scratchpad(c, action, pd, err));
    for (uint32_t i = 0; i < n_args; i++) EP_TRY(add_argument(c, action, ids[i], &forms[i], err));
    return out == EP_NO_INDEX ? EP_OK : show(c, action, out, &forms[n_args - 1], err);
}

ep_status ep__emit(ep__compiler *c, dnnl_primitive_desc_t pd, uint32_t n_args, const int *ids,
                   const ep__form *forms, uint32_t out, ep_error *err)
{
    const ep_status status = emit(c, pd, n_args, ids, forms, out, err);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

ep_status ep__emit_function(ep__compiler *c, ep__action_function function, void *context,
                            uint32_t n_args, const ep__form *forms, uint32_t out, ep_error *err)
{
    ep__action *action;
    EP_TRY(new_action(c, n_args, &action, err));
    action->function = function;
    action->context = context;
    for (uint32_t i = 0; i < n_args; i++) EP_TRY(add_argument(c, action, 0, &forms[i], err));
    return out == EP_NO_INDEX ? EP_OK : show(c, action, out, &forms[n_args - 1], err);
}

ep_status ep__emit_reorder(ep__compiler *c, const ep__form *from, const ep__form *to, ep_error *err)
{
    dnnl_primitive_attr_t attr;
    dnnl_primitive_desc_t pd;
    EP_TRY(ep__dnnl(dnnl_primitive_attr_create(&attr), err));
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    const dnnl_engine_t engine = c->fused->engine;
    const dnnl_status_t status =
        dnnl_reorder_primitive_desc_create(&pd, &from->md, engine, &to->md, engine, attr);
    dnnl_primitive_attr_destroy(attr);
    EP_TRY(ep__dnnl(status, err));
    const int ids[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    const ep__form forms[] = {*from, *to};
    return ep__emit(c, pd, 2, ids, forms, EP_NO_INDEX, err);
}

/* ---- placing ------------------------------------------------------------------------------- */

static void *place_of(const ep__frame *frame, const ep__place *place)
{
    switch (place->where) {
    case EP__IN_PIECE: return frame->pieces[place->index].data;
    case EP__IN_CONSTANT: return frame->fused->constants[place->index].data;
    default: return frame->cells[place->index].array.data;
    }
}

ep_status ep__fused_place(ep__frame *frame, ep_error *err)
{
    const ep__fused *fused = frame->fused;
    for (uint32_t i = 0; fused && i < fused->n_actions; i++) {
        const ep__action *action = &fused->actions[i];
        for (uint32_t k = 0; k < action->n_args; k++) {
            if (action->places[k].where == EP__IN_CELL) continue;
            EP_TRY(ep__dnnl(dnnl_memory_set_data_handle(action->args[k].memory,
                                                        place_of(frame, &action->places[k])),
                            err));
        }
    }
    return EP_OK;
}

void ep__fused_free(ep__fused *fused)
{
    if (!fused) return;
    for (uint32_t i = 0; i < fused->n_actions; i++) {
        const ep__action *action = &fused->actions[i];
        for (uint32_t k = 0; k < action->n_args; k++) dnnl_memory_destroy(action->args[k].memory);
        if (action->primitive) dnnl_primitive_destroy(action->primitive);
    }
    for (uint32_t i = 0; i < fused->n_constants; i++) {
        ep__memory_give(&fused->frame->context->copies, fused->constants[i].bytes);
        free(fused->constants[i].data);
    }
    if (fused->stream) dnnl_stream_destroy(fused->stream);
    if (fused->engine) dnnl_engine_destroy(fused->engine);
    free(fused->actions);
    free(fused->constants);
    free(fused->steps);
    ep_arena_free(fused->arena);
    free(fused);
}

/* ---- running ------------------------------------------------------------------------------- */

static ep_status run_action(ep__frame *frame, const ep__action *action, ep_error *err)
{
    enum { MOST = 64 };
    void *data[MOST];
    if (action->function) {
        for (uint32_t k = 0; k < action->n_args; k++) {
            data[k] = place_of(frame, &action->places[k]);
        }
        action->function(action, data, frame->context->threads);
        return EP_OK;
    }
    for (uint32_t k = 0; k < action->n_args; k++) {
        if (action->places[k].where != EP__IN_CELL) continue;
        EP_TRY(ep__dnnl(dnnl_memory_set_data_handle(action->args[k].memory,
                                                    place_of(frame, &action->places[k])),
                        err));
    }
    return ep__dnnl(dnnl_primitive_execute(action->primitive, frame->fused->stream,
                                           (int)action->n_args, action->args),
                    err);
}

static void show_array(ep__frame *frame, const ep__action *action)
{
    const ep_tensor *tensor = &frame->network->tensors[action->shows];
    frame->cells[action->shows].array =
        (ep_array){.dtype = tensor->dtype,
                   .shape = tensor->shape,
                   .n = ep_tensor_elements(tensor),
                   .data = place_of(frame, &action->places[action->n_args - 1])};
}

bool ep__is_fused(const ep__fused *fused, uint32_t node)
{
    return fused->steps[node].fused;
}

uint32_t ep__fused_anchor(const ep__fused *fused, uint32_t node)
{
    return fused->steps[node].anchor;
}

void ep__fused_mark_read(const ep__fused *fused, bool *read)
{
    for (uint32_t i = 0; i < fused->n_actions; i++) {
        const ep__action *action = &fused->actions[i];
        for (uint32_t k = 0; k < action->n_args; k++) {
            if (action->places[k].where == EP__IN_CELL) read[action->places[k].index] = true;
        }
    }
}

uint32_t ep__set_threads(uint32_t threads)
{
    const uint32_t before = (uint32_t)omp_get_max_threads();
    omp_set_num_threads((int)threads);
    return before;
}

static ep_status run_actions(ep__frame *frame, const ep__fused_step *step, ep_error *err)
{
    for (uint32_t i = 0; i < step->count; i++) {
        const ep__action *action = &frame->fused->actions[step->first + i];
        EP_TRY(run_action(frame, action, err));
        if (action->shows != EP_NO_INDEX) show_array(frame, action);
    }
    return EP_OK;
}

ep_status ep__fused_run(ep__frame *frame, uint32_t node, ep_error *err)
{
    const ep__fused_step *step = &frame->fused->steps[node];
    EP_TRY(ep__spend_work(frame->context, step->work, err));
    if (step->count == 0) return EP_OK;
    /* only for oneDNN: OpenBLAS, too, would split its work among so many */
    const uint32_t threads = ep__set_threads(frame->context->threads);
    const ep_status status = run_actions(frame, step, err);
    (void)ep__set_threads(threads);
    return status;
}
