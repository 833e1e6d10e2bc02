/* If and Loop: bodies run as frames of their own. */
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

/* ---- what If, Loop and Scan share ---------------------------------------------------------- */

void ep__bind_captures(ep__frame *body, const ep__frame *outer, const ep_node *node)
{
    for (uint32_t i = 0; i < body->network->n_captures; i++) {
        const ep_capture *capture = &body->network->captures[i];
        const ep__cell *from = &outer->cells[node->inputs[capture->node_input]];
        body->cells[capture->tensor] = ep__cell_share(from);
    }
}

ep_status ep__stack_push(ep__stack *stack, ep__memory *memory, const ep_array *row, ep_error *err)
{
    ep_shape shape = {.rank = row->shape.rank + 1};
    if (stack->count == 0) {
        stack->row = row->shape;
        stack->row_bytes = ep_dtype_bytes(row->dtype, row->n);
    }
    char text[EP_SHAPE_TEXT], first[EP_SHAPE_TEXT];
    EP_FAIL_IF(shape.rank > EP_MAX_RANK, err, EP_UNSUPPORTED,
               "stacks arrays of %d dimensions; at most %d are supported", row->shape.rank,
               EP_MAX_RANK - 1);
    EP_FAIL_IF(ep_dtype_bits(row->dtype) < 8, err, EP_UNSUPPORTED, "stacks arrays of %s",
               ep_dtype_name(row->dtype));
    const bool same = stack->count == 0 || (row->dtype == stack->cell.array.dtype &&
                                            ep_shape_equal(&row->shape, &stack->row));
    EP_FAIL_IF(!same, err, EP_BAD_SHAPE, "stacks %s of %s on %s of %s",
               ep_shape_text(&row->shape, text), ep_dtype_name(row->dtype),
               ep_shape_text(&stack->row, first), ep_dtype_name(stack->cell.array.dtype));
    const uint64_t room = stack->count ? (uint64_t)stack->cell.array.shape.dims[0] : 0;
    if (stack->count == room) {
        ep__cell grown;
        shape.dims[0] = room ? (int64_t)room * 2 : 1;
        memcpy(&shape.dims[1], row->shape.dims, (size_t)row->shape.rank * sizeof *shape.dims);
        EP_TRY(ep__cell_new(memory, row->dtype, &shape, &grown, err));
        const uint64_t bytes = stack->count * stack->row_bytes;
        if (bytes > 0) memcpy(grown.array.data, stack->cell.array.data, (size_t)bytes);
        ep__cell_clear(&stack->cell);
        stack->cell = grown;
    }
    if (stack->row_bytes > 0) {
        memcpy((char *)stack->cell.array.data + stack->count * stack->row_bytes, row->data,
               (size_t)stack->row_bytes);
    }
    stack->count++;
    return EP_OK;
}

/* Hands output `from` of a body that ran to output `to` of its node. */
static ep_status hand_over(ep__frame *frame, const ep_node *node, uint32_t to, const ep__cell *from,
                           ep_error *err)
{
    EP_FAIL_IF(from->array.dtype == EP_DTYPE_UNDEFINED, err, EP_BAD_MODEL,
               "its body computes no output %u", to);
    if (to >= node->n_outputs || node->outputs[to] == EP_NO_INDEX) return EP_OK;
    ep__cell *cell = &frame->cells[node->outputs[to]];
    *cell = ep__cell_share(from);
    return ep__cell_own(&frame->context->memory, cell, err);
}

static ep_status read_bool(const ep__cell *cell, const char *what, bool *out, ep_error *err)
{
    const ep_array *array = &cell->array;
    char text[EP_SHAPE_TEXT];
    EP_FAIL_IF(array->dtype != EP_DTYPE_BOOL || array->n != 1, err, EP_BAD_MODEL,
               "%s is %s of %s; it must be one bool", what, ep_shape_text(&array->shape, text),
               ep_dtype_name(array->dtype));
    *out = *(const uint8_t *)array->data != 0;
    return EP_OK;
}

static const ep__cell *input_cell(const ep__frame *frame, const ep_node *node, uint32_t i)
{
    const bool there = i < node->n_inputs - node->n_captures && node->inputs[i] != EP_NO_INDEX;
    return there ? &frame->cells[node->inputs[i]] : NULL;
}

/* ---- If ------------------------------------------------------------------------------------ */

static ep_status run_branch(ep__frame *frame, const ep_node *node, ep__frame *branch, ep_error *err)
{
    const ep_network *network = branch->network;
    EP_FAIL_IF(network->n_inputs > 0 || network->n_outputs < node->n_outputs, err, EP_BAD_MODEL,
               "a branch has %u inputs and %u outputs; it must have 0 and %u", network->n_inputs,
               network->n_outputs, node->n_outputs);
    ep__bind_captures(branch, frame, node);
    EP_TRY(ep__frame_run(branch, err));
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        EP_TRY(hand_over(frame, node, i, &branch->cells[network->outputs[i]], err));
    }
    return EP_OK;
}

ep_status ep__run_if(ep__frame *frame, const ep_node *node, ep__frame *bodies, ep_error *err)
{
    const ep__cell *cell = input_cell(frame, node, 0);
    bool condition = false;
    EP_FAIL_IF(!cell, err, EP_BAD_MODEL, "its condition is missing");
    EP_TRY(read_bool(cell, "its condition", &condition, err));
    ep__frame *branch = &bodies[condition ? 0 : 1];
    const ep_status status = run_branch(frame, node, branch, err);
    ep__frame_clear(branch);
    return status;
}

/* ---- Loop ---------------------------------------------------------------------------------- */

/* Inputs of the node: trip count, condition, what is carried. Of the body: iteration number,
 * condition, what is carried. Its outputs: condition, what is carried, what is stacked. */
typedef struct loop {
    ep__frame *frame, *body;
    const ep_node *node;
    uint32_t carried, stacked;
    ep__cell *state;   /* of what is carried */
    ep__stack *stacks; /* of what is stacked */
} loop;

/* A scalar for the body; of one dimension where it says so. */
static ep_status set_scalar(loop *l, uint32_t input, ep_dtype dtype, int64_t value, ep_error *err)
{
    const uint32_t t = l->body->network->inputs[input];
    const ep_tensor *stated = &l->body->network->tensors[t];
    ep_shape shape = {.rank = stated->has_shape && stated->shape.rank == 1, .dims = {1}};
    ep__cell *cell = &l->body->cells[t];
    EP_TRY(ep__cell_new(&l->frame->context->memory, dtype, &shape, cell, err));
    if (dtype == EP_DTYPE_BOOL) {
        *(uint8_t *)cell->array.data = value != 0;
    } else {
        memcpy(cell->array.data, &value, sizeof value);
    }
    return EP_OK;
}

static ep_status run_iteration(loop *l, int64_t i, bool *condition, ep_error *err)
{
    const ep_network *network = l->body->network;
    EP_TRY(set_scalar(l, 0, EP_DTYPE_INT64, i, err));
    EP_TRY(set_scalar(l, 1, EP_DTYPE_BOOL, *condition, err));
    for (uint32_t k = 0; k < l->carried; k++) {
        l->body->cells[network->inputs[2 + k]] = l->state[k];
        l->state[k] = (ep__cell){0};
    }
    ep__bind_captures(l->body, l->frame, l->node);
    EP_TRY(ep__frame_run(l->body, err));
    EP_TRY(read_bool(&l->body->cells[network->outputs[0]], "the condition that its body computes",
                     condition, err));
    for (uint32_t k = 0; k < l->carried; k++) {
        const ep__cell *cell = &l->body->cells[network->outputs[1 + k]];
        EP_FAIL_IF(cell->array.dtype == EP_DTYPE_UNDEFINED, err, EP_BAD_MODEL,
                   "its body computes no output %u", 1 + k);
        l->state[k] = ep__cell_share(cell);
    }
    for (uint32_t k = 0; k < l->stacked; k++) {
        const ep__cell *cell = &l->body->cells[network->outputs[1 + l->carried + k]];
        EP_TRY(ep__stack_push(&l->stacks[k], &l->frame->context->memory, &cell->array, err));
        EP_TRY(ep__spend_work(l->frame->context, cell->array.n, err));
    }
    return EP_OK;
}

static ep_status iterate(loop *l, int64_t trips, bool condition, ep_error *err)
{
    for (int64_t i = 0; i < trips && condition; i++) {
        ep_status status = ep__spend_work(l->frame->context, 1, err);
        if (status == EP_OK) status = run_iteration(l, i, &condition, err);
        ep__frame_clear(l->body);
        if (status != EP_OK) return ep_fail_context(err, "iteration %lld: ", (long long)i);
    }
    return EP_OK;
}

/* What no iteration has stacked is empty, of the type and rank that the body states. */
static ep_status make_empty(loop *l, uint32_t k, ep_error *err)
{
    const ep_network *network = l->body->network;
    const ep_tensor *stated = &network->tensors[network->outputs[1 + l->carried + k]];
    ep_shape shape = {.rank = 1};
    EP_FAIL_IF(stated->dtype == EP_DTYPE_UNDEFINED, err, EP_UNSUPPORTED,
               "does not iterate, and its body does not state the type of output %u",
               1 + l->carried + k);
    for (int i = 0; stated->has_shape && i < stated->shape.rank && i + 1 < EP_MAX_RANK; i++) {
        shape.dims[shape.rank++] = stated->shape.dims[i] > 0 ? stated->shape.dims[i] : 0;
    }
    return ep__cell_new(&l->frame->context->memory, stated->dtype, &shape, &l->stacks[k].cell, err);
}

static ep_status finish_loop(loop *l, ep_error *err)
{
    for (uint32_t k = 0; k < l->carried; k++) {
        EP_TRY(hand_over(l->frame, l->node, k, &l->state[k], err));
    }
    for (uint32_t k = 0; k < l->stacked; k++) {
        ep__stack *stack = &l->stacks[k];
        if (stack->count == 0) EP_TRY(make_empty(l, k, err));
        ep_array *array = &stack->cell.array;
        array->shape.dims[0] = (int64_t)stack->count;
        EP_TRY(ep_shape_elements(&array->shape, &array->n, err));
        EP_TRY(hand_over(l->frame, l->node, l->carried + k, &stack->cell, err));
    }
    return EP_OK;
}

static ep_status run_loop(loop *l, ep_error *err)
{
    const ep__cell *count = input_cell(l->frame, l->node, 0);
    const ep__cell *first = input_cell(l->frame, l->node, 1);
    int64_t trips = INT64_MAX;
    bool condition = true;
    if (count) {
        EP_FAIL_IF(count->array.dtype != EP_DTYPE_INT64 || count->array.n != 1, err, EP_BAD_MODEL,
                   "its trip count is no int64 scalar");
        memcpy(&trips, count->array.data, sizeof trips);
    }
    if (first) EP_TRY(read_bool(first, "its condition", &condition, err));
    for (uint32_t k = 0; k < l->carried; k++) {
        const ep__cell *cell = input_cell(l->frame, l->node, 2 + k);
        EP_FAIL_IF(!cell, err, EP_BAD_MODEL, "input %u is missing", 2 + k);
        l->state[k] = ep__cell_share(cell);
    }
    EP_TRY(iterate(l, trips, condition, err));
    return finish_loop(l, err);
}

ep_status ep__run_loop(ep__frame *frame, const ep_node *node, ep__frame *bodies, ep_error *err)
{
    const ep_network *network = bodies[0].network;
    const uint32_t formal = node->n_inputs - node->n_captures;
    loop l = {.frame = frame, .body = &bodies[0], .node = node};
    const bool fits = formal == network->n_inputs || (formal < 2 && network->n_inputs == 2);
    EP_FAIL_IF(network->n_inputs < 2 || !fits, err, EP_BAD_MODEL,
               "has %u inputs and its body %u; both have two besides what is carried", formal,
               network->n_inputs);
    l.carried = network->n_inputs - 2;
    EP_FAIL_IF(network->n_outputs < 1 + l.carried || network->n_outputs - 1 < node->n_outputs, err,
               EP_BAD_MODEL, "its body has %u outputs, for %u carried and %u of the node",
               network->n_outputs, l.carried, node->n_outputs);
    l.stacked = network->n_outputs - 1 - l.carried;
    l.state = calloc((size_t)l.carried + 1, sizeof *l.state);
    l.stacks = calloc((size_t)l.stacked + 1, sizeof *l.stacks);
    const ep_status status = l.state && l.stacks ? run_loop(&l, err) : ep_fail_memory(err);
    for (uint32_t k = 0; l.state && k < l.carried; k++) ep__cell_clear(&l.state[k]);
    for (uint32_t k = 0; l.stacks && k < l.stacked; k++) ep__cell_clear(&l.stacks[k].cell);
    free(l.state);
    free(l.stacks);
    return status;
}
