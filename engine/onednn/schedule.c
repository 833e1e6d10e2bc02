/* Actions with an epilogue: made, given their place, emitted there. */
#include "engine/onednn/program.h"

ep_status ep__new_pending(ep__compiler *c, const ep__chain *chain, ep__pd_maker make,
                          const void *context, uint32_t least, ep__pending **out, uint32_t *n,
                          ep_error *err)
{
    *out = NULL;
    for (*n = chain->n_posts + 1; (*n)-- > least;) {
        const dnnl_primitive_attr_t attr = ep__attributes(c, chain, *n);
        const dnnl_primitive_desc_t pd = attr ? make(c, context, attr) : NULL;
        if (attr) dnnl_primitive_attr_destroy(attr);
        if (!pd) continue;
        *out = EP_NEW(c->arena, ep__pending, 1);
        if (!*out) {
            dnnl_primitive_desc_destroy(pd);
            return ep_fail_memory(err);
        }
        **out = (ep__pending){.pd = pd, .sum = EP_NO_INDEX, .next = c->all_pending};
        c->all_pending = *out;
        return EP_OK;
    }
    return EP_OK;
}

/* The epilogue's own operands. */
static ep_status add_operands(const ep__compiler *c, ep__pending *p, const ep__chain *chain,
                              uint32_t n, ep_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const ep__post *post = &chain->posts[i];
        if (post->kind == EP__POST_SUM) p->sum = post->operand;
        if (post->kind != EP__POST_BINARY) continue;
        ep__form *form = &p->forms[p->n_args];
        *form = post->form ? *post->form : (ep__form){.where = EP__IN_CELL, .index = post->operand};
        EP_FAIL_IF(!ep__operand_md(c, chain, post, &form->md), err, EP_UNSUPPORTED,
                   "no layout for oneDNN");
        p->ids[p->n_args++] = DNNL_ARG_ATTR_MULTIPLE_POST_OP((int)i) | DNNL_ARG_SRC_1;
    }
    return EP_OK;
}

/* The node is part of the action at `at`: what it reads is needed until then. */
static void absorb(ep__compiler *c, uint32_t index, uint32_t at)
{
    const ep_node *node = &c->network->nodes[index];
    c->absorbed[index] = true;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == EP_NO_INDEX) continue;
        uint32_t *last = &c->last_use[c->owner[node->inputs[i]]];
        if (*last < at) *last = at;
    }
}

ep_status ep__schedule(ep__compiler *c, ep__pending *p, const ep__chain *chain, uint32_t n,
                       ep_error *err)
{
    const ep__post *last = n ? &chain->posts[n - 1] : NULL;
    const uint32_t at = last ? last->node : p->last;
    if (last) p->out = last->out;
    EP_TRY(add_operands(c, p, chain, n, err));
    absorb(c, p->anchor, at);
    absorb(c, p->last, at);
    for (uint32_t i = 0; last && i < last->n_nodes; i++) absorb(c, chain->nodes[i], at);
    c->pending[at] = p;
    return at == c->at ? ep__emit_pending(c, err) : EP_OK;
}

/* True when the addend's bytes may become the result's: nobody reads them later, nor the action
 * itself but to add them. */
static bool can_be_written(const ep__compiler *c, const ep__pending *p, const ep__form *addend)
{
    if (addend->where != EP__IN_PIECE || c->last_use[c->owner[p->sum]] > c->at) return false;
    for (uint32_t i = 0; i < p->n_args; i++) {
        const ep__form *form = &p->forms[i];
        if (form->where == EP__IN_PIECE && form->index == addend->index) return false;
    }
    return true;
}

/* Puts what is added where the result is added to it: there already when nobody reads it later. */
static ep_status place_addend(ep__compiler *c, const ep__pending *p, ep__form *out, ep_error *err)
{
    ep__form addend, copy;
    const ep_tensor *tensor = &c->network->tensors[p->sum];
    EP_FAIL_IF(!ep__form_of(c, p->sum, &addend), err, EP_UNSUPPORTED, "no layout for oneDNN");
    /* a matrix of rows has other dimensions and the same bytes */
    dnnl_memory_desc_t md = p->dst;
    const bool as_matrix = md.ndims != tensor->shape.rank;
    if (as_matrix && !ep__dense_md(tensor, &md)) return ep_fail_memory(err);
    if (can_be_written(c, p, &addend) && dnnl_memory_desc_equal(&addend.md, &md)) {
        *out = (ep__form){.md = p->dst, .where = addend.where, .index = addend.index};
        return EP_OK;
    }
    EP_TRY(ep__new_piece(c, &p->dst, out, err));
    copy = (ep__form){.md = md, .where = out->where, .index = out->index};
    return ep__emit_reorder(c, &addend, &copy, err);
}

ep_status ep__emit_pending(ep__compiler *c, ep_error *err)
{
    ep__pending *p = c->pending[c->at];
    ep__form *out = &p->forms[p->n_args];
    EP_TRY(p->sum == EP_NO_INDEX ? ep__new_piece(c, &p->dst, out, err)
                                 : place_addend(c, p, out, err));
    p->ids[p->n_args++] = DNNL_ARG_DST;
    const dnnl_primitive_desc_t pd = p->pd;
    p->pd = NULL;
    return ep__emit(c, pd, p->n_args, p->ids, p->forms, p->out, err);
}
