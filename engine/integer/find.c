/* Finds the steps of a network. */
#include <math.h>
#include <stdlib.h>

#include "engine/integer/integer.h"

/* ---- steps --------------------------------------------------------------------------------- */

static ep__integer_step *new_step(const ep__finder *f, uint32_t node)
{
    enum { OPERANDS = 4 }; /* two activations, weights, bias; Concat takes its own */
    ep_arena *arena = f->integer->arena;
    ep__integer_step *step = EP_NEW(arena, ep__integer_step, 1);
    if (!step) return NULL;
    step->node = node;
    step->out = f->network->nodes[node].outputs[0];
    step->reads = EP_NEW(arena, uint32_t, OPERANDS);
    step->coding = EP_NEW(arena, ep__coding, OPERANDS);
    return step->reads && step->coding ? step : NULL;
}

/* Steps that end in a QuantizeLinear. */
static ep_status find_quantised(const ep__finder *f, ep_error *err)
{
    for (uint32_t i = 0; i < f->network->n_nodes; i++) {
        const ep_node *node = &f->network->nodes[i];
        ep__coding to;
        if (!ep__is_op(node, "QuantizeLinear") || !ep__read_coding(f, node, &to)) continue;
        if (!ep__outputs_known(f->network, node)) continue;
        ep__integer_step *step = new_step(f, i);
        if (!step) return ep_fail_memory(err);
        step->to = to;
        if (ep__match_step(f, step, node->inputs[0])) f->integer->steps[i] = step;
    }
    return EP_OK;
}

/* Products whose results stay numbers. */
static ep_status find_products(const ep__finder *f, ep_error *err)
{
    for (uint32_t i = 0; i < f->network->n_nodes; i++) {
        const ep_node *node = &f->network->nodes[i];
        const bool multiplies =
            ep__is_op(node, "Conv") || ep__is_op(node, "Gemm") || ep__is_op(node, "MatMul");
        if (!multiplies || f->integer->hidden[i] || !ep__outputs_known(f->network, node)) continue;
        if (node->n_outputs != 1 || node->outputs[0] == EP_NO_INDEX) continue;
        ep__integer_step *step = new_step(f, i);
        if (!step) return ep_fail_memory(err);
        step->to = (ep__coding){.dtype = EP_DTYPE_FLOAT, .scale = 1};
        step->low = -INFINITY;
        step->high = INFINITY;
        if (ep__match_multiply(f, step, i)) f->integer->steps[i] = step;
    }
    return EP_OK;
}

/* ---- what is hidden ------------------------------------------------------------------------ */

/* Hides each DequantizeLinear that no node reads but those of steps. */
static ep_status hide_dequantised(const ep__finder *f, ep_error *err)
{
    const ep_network *network = f->network;
    uint32_t *left = calloc((size_t)network->n_tensors + 1, sizeof *left);
    if (!left) return ep_fail_memory(err);
    for (uint32_t t = 0; t < network->n_tensors; t++) left[t] = f->readers[t];
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        if (!f->integer->hidden[i] && !f->integer->steps[i]) continue;
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) left[node->inputs[k]]--;
        }
    }
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        if (!ep__is_op(node, "DequantizeLinear") || node->n_outputs != 1) continue;
        if (f->readers[node->outputs[0]] > 0 && left[node->outputs[0]] == 0) {
            f->integer->hidden[i] = true;
        }
    }
    free(left);
    return EP_OK;
}

/* ---- layouts ------------------------------------------------------------------------------- */

static bool has_channels(const ep__finder *f, const ep__integer_step *step)
{
    switch (step->kind) {
    case EP__STEP_MULTIPLY: return step->slides;
    case EP__STEP_MAX_POOL:
    case EP__STEP_AVERAGE_POOL:
    case EP__STEP_CONCAT: return true;
    case EP__STEP_RESHAPE: return false;
    case EP__STEP_RECODE: break;
    }
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        if (!f->integer->last[step->reads[i]]) return false;
    }
    return true;
}

/* Results of steps about channels have them innermost, if steps alone read them. */
static void find_layouts(const ep__finder *f)
{
    const ep_network *network = f->network;
    bool *last = f->integer->last;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep__integer_step *step = f->integer->steps[i];
        if (!step || step->to.dtype == EP_DTYPE_FLOAT) continue;
        last[step->out] = network->tensors[step->out].shape.rank >= 3 && has_channels(f, step);
    }
}

/* Takes back what others than steps read. */
static void forget_foreign(const ep__finder *f)
{
    const ep_network *network = f->network;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        if (f->integer->hidden[i] || f->integer->steps[i]) continue;
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) f->integer->last[node->inputs[k]] = false;
        }
    }
    for (uint32_t i = 0; i < network->n_outputs; i++) f->integer->last[network->outputs[i]] = false;
}

/* ---- all ----------------------------------------------------------------------------------- */

static void count_readers(ep__finder *f)
{
    const ep_network *network = f->network;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) f->readers[node->inputs[k]]++;
        }
    }
    for (uint32_t i = 0; i < network->n_outputs; i++) f->readers[network->outputs[i]]++;
}

static ep_status find(ep__finder *f, ep_error *err)
{
    count_readers(f);
    EP_TRY(find_quantised(f, err));
    EP_TRY(find_products(f, err));
    EP_TRY(hide_dequantised(f, err));
    find_layouts(f);
    forget_foreign(f);
    return EP_OK;
}

/* True when there is anything to look for: most networks have no codes. */
static bool has_codes(const ep_network *network)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        if (ep__is_op(&network->nodes[i], "DequantizeLinear")) return true;
    }
    return false;
}

ep_status ep__integer_find(ep__frame *frame, ep_error *err)
{
    const ep_network *network = frame->network;
    if (!has_codes(network)) return EP_OK;
    ep_arena *arena = ep_arena_new();
    ep__integer *integer = arena ? EP_NEW(arena, ep__integer, 1) : NULL;
    if (!integer) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    frame->integer = integer;
    integer->arena = arena;
    integer->steps = EP_NEW(arena, ep__integer_step *, network->n_nodes);
    integer->hidden = EP_NEW(arena, bool, network->n_nodes);
    integer->last = EP_NEW(arena, bool, network->n_tensors);
    integer->ops = EP_NEW(arena, ep__int8 *, network->n_nodes);
    ep__finder f = {.frame = frame, .network = network, .integer = integer};
    f.readers = EP_NEW(arena, uint32_t, network->n_tensors);
    if (!integer->steps || !integer->hidden || !integer->last || !integer->ops || !f.readers) {
        return ep_fail_memory(err);
    }
    return find(&f, err);
}

void ep__integer_free(ep__integer *integer)
{
    if (!integer) return;
    for (uint32_t i = 0; i < integer->n_ops; i++) ep__int8_free(integer->ops[i]);
    ep_arena_free(integer->arena);
}

bool ep__integer_hides(const ep__integer *integer, uint32_t node)
{
    return integer && integer->hidden[node];
}

bool ep__integer_has(const ep__integer *integer, uint32_t node)
{
    return integer && integer->steps[node];
}

uint32_t ep__integer_anchor(const ep__integer *integer, uint32_t node)
{
    const ep__integer_step *step = integer->steps[node];
    return step->core == EP_NO_INDEX ? node : step->core;
}

void ep__node_reads(const ep__frame *frame, uint32_t node, const uint32_t **tensors,
                    uint32_t *count)
{
    const ep__integer *integer = frame->integer;
    *tensors = frame->network->nodes[node].inputs;
    *count = frame->network->nodes[node].n_inputs;
    if (ep__integer_hides(integer, node)) {
        *count = 0;
    } else if (ep__integer_has(integer, node)) {
        *tensors = integer->steps[node]->reads;
        *count = integer->steps[node]->n_reads;
    }
}

void ep__integer_mark_read(const ep__integer *integer, uint32_t node, bool *read)
{
    const ep__integer_step *step = integer->steps[node];
    for (uint32_t i = 0; i < step->n_inputs; i++) read[step->reads[i]] = true;
}
