/* Scan: a body runs on the slices of sequences, with state from step to step. */
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

/* Inputs of the node: state, then sequences; opset 8 has the lengths of sequences before, and a
 * batch dimension in front of all. Inputs of the body: state, then slices. Outputs of both: state,
 * then what is stacked. */
typedef struct scan {
    ep__frame *frame, *body;
    const ep_node *node;
    uint32_t states, sequences, stacked;
    ep__cell *state;     /* one a state */
    ep__cell *sequence;  /* one a sequence */
    ep__stack *stacks;   /* one an output that is stacked */
    int *axes;           /* one a sequence: along which it is cut */
    const bool *reverse; /* one a sequence: from its end */
} scan;

static ep__memory *memory_of(const scan *s)
{
    return &s->frame->context->memory;
}

/* ---- slices -------------------------------------------------------------------------------- */

/* Element `i` of `array` along `axis`, which is in the shape. */
static ep_status slice(ep__memory *memory, const ep_array *array, int axis, int64_t i,
                       ep__cell *out, ep_error *err)
{
    ep_shape shape = array->shape;
    const uint64_t size = ep_dtype_bits(array->dtype) / 8;
    EP_FAIL_IF(size == 0, err, EP_UNSUPPORTED, "cuts arrays of %s", ep_dtype_name(array->dtype));
    memmove(&shape.dims[axis], &shape.dims[axis + 1],
            (size_t)(shape.rank - axis - 1) * sizeof *shape.dims);
    shape.rank--;
    EP_TRY(ep__cell_new(memory, array->dtype, &shape, out, err));
    if (out->array.n == 0) return EP_OK;
    const uint64_t outer = (uint64_t)ep__product(&array->shape, 0, axis);
    const uint64_t bytes = (uint64_t)ep__product(&array->shape, axis + 1, array->shape.rank) * size;
    const uint64_t step = (uint64_t)array->shape.dims[axis] * bytes;
    const char *from = (const char *)array->data + (uint64_t)i * bytes;
    char *to = out->array.data;
    for (uint64_t o = 0; o < outer; o++) memcpy(to + o * bytes, from + o * step, (size_t)bytes);
    return EP_OK;
}

/* The rows of a stack along dimension `axis` of the result, perhaps from the last to the first. */
static ep_status unstack(ep__memory *memory, const ep__stack *stack, int axis, bool reverse,
                         ep__cell *out, ep_error *err)
{
    ep_shape shape = {.rank = stack->row.rank + 1};
    for (int d = 0, from = 0; d < shape.rank; d++) {
        shape.dims[d] = d == axis ? (int64_t)stack->count : stack->row.dims[from++];
    }
    EP_TRY(ep__cell_new(memory, stack->cell.array.dtype, &shape, out, err));
    if (out->array.n == 0) return EP_OK;
    const uint64_t size = ep_dtype_bits(out->array.dtype) / 8;
    const uint64_t outer = (uint64_t)ep__product(&shape, 0, axis);
    const uint64_t bytes = (uint64_t)ep__product(&shape, axis + 1, shape.rank) * size;
    for (uint64_t t = 0; t < stack->count; t++) {
        const char *from = (const char *)stack->cell.array.data + t * stack->row_bytes;
        char *to = (char *)out->array.data + (reverse ? stack->count - 1 - t : t) * bytes;
        for (uint64_t o = 0; o < outer; o++) {
            memcpy(to + o * stack->count * bytes, from + o * bytes, (size_t)bytes);
        }
    }
    return EP_OK;
}

/* ---- steps --------------------------------------------------------------------------------- */

static ep_status run_step(scan *s, int64_t t, int64_t length, ep_error *err)
{
    const ep_network *network = s->body->network;
    EP_TRY(ep__spend_work(s->frame->context, 1, err));
    for (uint32_t k = 0; k < s->states; k++) {
        s->body->cells[network->inputs[k]] = s->state[k];
        s->state[k] = (ep__cell){0};
    }
    for (uint32_t k = 0; k < s->sequences; k++) {
        const int64_t at = s->reverse[k] ? length - 1 - t : t;
        EP_TRY(slice(memory_of(s), &s->sequence[k].array, s->axes[k], at,
                     &s->body->cells[network->inputs[s->states + k]], err));
    }
    ep__bind_captures(s->body, s->frame, s->node);
    EP_TRY(ep__frame_run(s->body, err));
    for (uint32_t k = 0; k < network->n_outputs; k++) {
        const ep__cell *cell = &s->body->cells[network->outputs[k]];
        EP_FAIL_IF(cell->array.dtype == EP_DTYPE_UNDEFINED, err, EP_BAD_MODEL,
                   "its body computes no output %u", k);
        if (k < s->states) {
            s->state[k] = ep__cell_share(cell);
            continue;
        }
        EP_TRY(ep__stack_push(&s->stacks[k - s->states], memory_of(s), &cell->array, err));
        EP_TRY(ep__spend_work(s->frame->context, cell->array.n, err));
    }
    return EP_OK;
}

static ep_status run_steps(scan *s, int64_t length, ep_error *err)
{
    for (int64_t t = 0; t < length; t++) {
        const ep_status status = run_step(s, t, length, err);
        ep__frame_clear(s->body);
        if (status != EP_OK) return ep_fail_context(err, "step %lld: ", (long long)t);
    }
    return EP_OK;
}

/* The length of all sequences along their axes. */
static ep_status find_length(const scan *s, int64_t *length, ep_error *err)
{
    *length = 0;
    for (uint32_t k = 0; k < s->sequences; k++) {
        const int64_t dim = s->sequence[k].array.shape.dims[s->axes[k]];
        EP_FAIL_IF(k > 0 && dim != *length, err, EP_BAD_SHAPE,
                   "its sequences are of different lengths, %lld and %lld", (long long)*length,
                   (long long)dim);
        *length = dim;
    }
    return EP_OK;
}

/* ---- attributes ---------------------------------------------------------------------------- */

/* Element `k` of a list, 0 when there is none. */
static ep_status list_element(const ep_node *node, const char *name, uint32_t count, uint32_t k,
                              int64_t *out, ep_error *err)
{
    const ep_attr *attr = ep_attr_find(node, name);
    *out = 0;
    if (!attr) return EP_OK;
    EP_FAIL_IF(attr->type != EP_ATTR_INTS || attr->count != count, err, EP_BAD_MODEL,
               "attribute '%s' is no list of %u integers", name, count);
    *out = attr->ints[k];
    return EP_OK;
}

static ep_status list_axis(const ep_node *node, const char *name, uint32_t count, uint32_t k,
                           int rank, int *out, ep_error *err)
{
    int64_t axis;
    EP_TRY(list_element(node, name, count, k, &axis, err));
    return ep__front_axis(axis, rank, out, err);
}

/* ---- opset 9 and later --------------------------------------------------------------------- */

static ep_status find_axes(scan *s, bool *reverse, ep_error *err)
{
    for (uint32_t k = 0; k < s->sequences; k++) {
        int64_t direction;
        const int rank = s->sequence[k].array.shape.rank;
        EP_TRY(list_axis(s->node, "scan_input_axes", s->sequences, k, rank, &s->axes[k], err));
        EP_TRY(list_element(s->node, "scan_input_directions", s->sequences, k, &direction, err));
        reverse[k] = direction != 0;
    }
    s->reverse = reverse;
    return EP_OK;
}

/* Hands over what is stacked, along the axes that the node wants. */
static ep_status give_stacks(scan *s, ep_error *err)
{
    for (uint32_t k = 0; k < s->stacked; k++) {
        const uint32_t out = s->states + k;
        int axis;
        int64_t direction;
        if (out >= s->node->n_outputs || s->node->outputs[out] == EP_NO_INDEX) continue;
        EP_FAIL_IF(s->stacks[k].count == 0, err, EP_UNSUPPORTED, "its sequences are empty");
        const int rank = s->stacks[k].row.rank + 1;
        EP_TRY(list_axis(s->node, "scan_output_axes", s->stacked, k, rank, &axis, err));
        EP_TRY(list_element(s->node, "scan_output_directions", s->stacked, k, &direction, err));
        EP_TRY(unstack(memory_of(s), &s->stacks[k], axis, direction != 0,
                       &s->frame->cells[s->node->outputs[out]], err));
    }
    return EP_OK;
}

static ep_status give_states(scan *s, ep_error *err)
{
    for (uint32_t k = 0; k < s->states && k < s->node->n_outputs; k++) {
        if (s->node->outputs[k] == EP_NO_INDEX) continue;
        ep__cell *cell = &s->frame->cells[s->node->outputs[k]];
        *cell = ep__cell_share(&s->state[k]);
        EP_TRY(ep__cell_own(memory_of(s), cell, err));
    }
    return EP_OK;
}

static ep_status run_whole(scan *s, bool *reverse, ep_error *err)
{
    int64_t length;
    for (uint32_t k = 0; k < s->states + s->sequences; k++) {
        const ep__cell *cell = &s->frame->cells[s->node->inputs[k]];
        *(k < s->states ? &s->state[k] : &s->sequence[k - s->states]) = ep__cell_share(cell);
    }
    EP_TRY(find_axes(s, reverse, err));
    EP_TRY(find_length(s, &length, err));
    EP_TRY(run_steps(s, length, err));
    EP_TRY(give_states(s, err));
    return give_stacks(s, err);
}

/* ---- opset 8 ------------------------------------------------------------------------------- */

static void clear_cells(scan *s)
{
    for (uint32_t k = 0; k < s->states; k++) ep__cell_clear(&s->state[k]);
    for (uint32_t k = 0; k < s->sequences; k++) ep__cell_clear(&s->sequence[k]);
    for (uint32_t k = 0; k < s->stacked; k++) {
        ep__cell_clear(&s->stacks[k].cell);
        s->stacks[k] = (ep__stack){0};
    }
}

/* Takes image `b` out of every input behind the first. */
static ep_status take_image(scan *s, int64_t b, ep_error *err)
{
    for (uint32_t k = 0; k < s->states + s->sequences; k++) {
        const ep_array *array = &s->frame->cells[s->node->inputs[1 + k]].array;
        ep__cell *cell = k < s->states ? &s->state[k] : &s->sequence[k - s->states];
        EP_TRY(slice(memory_of(s), array, 0, b, cell, err));
    }
    return EP_OK;
}

/* Steps that a shorter sequence does not have are zero in what is stacked. */
static ep_status pad_stack(scan *s, uint32_t k, int64_t length, ep_error *err)
{
    ep__stack *stack = &s->stacks[k];
    EP_FAIL_IF(stack->count == 0, err, EP_UNSUPPORTED, "a sequence is empty");
    ep__cell zero;
    EP_TRY(ep__cell_new(memory_of(s), stack->cell.array.dtype, &stack->row, &zero, err));
    memset(zero.array.data, 0, (size_t)stack->row_bytes);
    ep_status status = EP_OK;
    while (status == EP_OK && stack->count < (uint64_t)length) {
        status = ep__stack_push(stack, memory_of(s), &zero.array, err);
    }
    ep__cell_clear(&zero);
    return status;
}

/* Runs image `b` and puts its results on those of the images before. */
static ep_status run_image(scan *s, int64_t b, const int64_t *lengths, ep__stack *images,
                           ep_error *err)
{
    int64_t most, length;
    EP_TRY(take_image(s, b, err));
    EP_TRY(find_length(s, &most, err));
    length = lengths ? lengths[b] : most;
    EP_FAIL_IF(length < 0 || length > most, err, EP_BAD_SHAPE,
               "sequence %lld has length %lld of at most %lld", (long long)b, (long long)length,
               (long long)most);
    EP_TRY(run_steps(s, length, err));
    for (uint32_t k = 0; k < s->states; k++) {
        EP_TRY(ep__stack_push(&images[k], memory_of(s), &s->state[k].array, err));
    }
    for (uint32_t k = 0; k < s->stacked; k++) {
        ep__cell whole;
        EP_TRY(pad_stack(s, k, most, err));
        EP_TRY(unstack(memory_of(s), &s->stacks[k], 0, false, &whole, err));
        const ep_status status =
            ep__stack_push(&images[s->states + k], memory_of(s), &whole.array, err);
        ep__cell_clear(&whole);
        EP_TRY(status);
    }
    return EP_OK;
}

/* The number of images; all inputs have as many, and sequences a second dimension. */
static ep_status find_images(const scan *s, int64_t *images, ep_error *err)
{
    for (uint32_t k = 0; k < s->states + s->sequences; k++) {
        const ep_shape *shape = &s->frame->cells[s->node->inputs[1 + k]].array.shape;
        const int least = k < s->states ? 1 : 2;
        char text[EP_SHAPE_TEXT];
        EP_FAIL_IF(shape->rank < least, err, EP_BAD_SHAPE,
                   "input %u is %s; it must have at least %d dimensions", 1 + k,
                   ep_shape_text(shape, text), least);
        if (k == 0) *images = shape->dims[0];
        EP_FAIL_IF(shape->dims[0] != *images, err, EP_BAD_SHAPE,
                   "input %u is for %lld images, input 1 for %lld", 1 + k,
                   (long long)shape->dims[0], (long long)*images);
    }
    EP_FAIL_IF(*images == 0, err, EP_UNSUPPORTED, "its batch is empty");
    return EP_OK;
}

static ep_status run_images(scan *s, bool *reverse, ep__stack *images, ep_error *err)
{
    int64_t count = 0, direction;
    const int64_t *lengths = NULL;
    EP_TRY(find_images(s, &count, err));
    for (uint32_t k = 0; k < s->sequences; k++) {
        EP_TRY(list_element(s->node, "directions", s->sequences, k, &direction, err));
        reverse[k] = direction != 0;
    }
    s->reverse = reverse;
    if (s->node->inputs[0] != EP_NO_INDEX) {
        const ep_array *array = &s->frame->cells[s->node->inputs[0]].array;
        EP_FAIL_IF(array->dtype != EP_DTYPE_INT64 || array->n != (uint64_t)count, err, EP_BAD_SHAPE,
                   "its sequence lengths are no %lld int64", (long long)count);
        lengths = array->data;
    }
    for (int64_t b = 0; b < count; b++) {
        const ep_status status = run_image(s, b, lengths, images, err);
        clear_cells(s);
        if (status != EP_OK) return ep_fail_context(err, "image %lld: ", (long long)b);
    }
    for (uint32_t k = 0; k < s->states + s->stacked && k < s->node->n_outputs; k++) {
        if (s->node->outputs[k] == EP_NO_INDEX) continue;
        EP_TRY(unstack(memory_of(s), &images[k], 0, false, &s->frame->cells[s->node->outputs[k]],
                       err));
    }
    return EP_OK;
}

static ep_status run_batch(scan *s, bool *reverse, ep_error *err)
{
    const uint32_t outputs = s->states + s->stacked;
    ep__stack *images = calloc((size_t)outputs + 1, sizeof *images);
    const ep_status status = images ? run_images(s, reverse, images, err) : ep_fail_memory(err);
    for (uint32_t k = 0; images && k < outputs; k++) ep__cell_clear(&images[k].cell);
    free(images);
    return status;
}

/* ---- the node ------------------------------------------------------------------------------ */

/* Counts operands: `first` inputs come before the states. */
static ep_status count_operands(scan *s, uint32_t first, ep_error *err)
{
    const ep_node *node = s->node;
    const ep_network *network = s->body->network;
    const uint32_t formal = node->n_inputs - node->n_captures;
    const int64_t sequences = ep_attr_int(node, "num_scan_inputs", 0);
    EP_FAIL_IF(sequences < 1 || sequences > network->n_inputs || formal < first ||
                   formal - first != network->n_inputs,
               err, EP_BAD_MODEL, "has %u inputs, %lld of them sequences, and its body %u", formal,
               (long long)sequences, network->n_inputs);
    s->sequences = (uint32_t)sequences;
    s->states = network->n_inputs - s->sequences;
    EP_FAIL_IF(network->n_outputs < s->states || network->n_outputs < node->n_outputs, err,
               EP_BAD_MODEL, "its body has %u outputs, for %u states and %u outputs of the node",
               network->n_outputs, s->states, node->n_outputs);
    s->stacked = network->n_outputs - s->states;
    for (uint32_t i = first; i < formal; i++) {
        EP_FAIL_IF(node->inputs[i] == EP_NO_INDEX, err, EP_BAD_MODEL, "input %u is missing", i);
    }
    return EP_OK;
}

ep_status ep__run_scan(ep__frame *frame, const ep_node *node, ep__frame *bodies, ep_error *err)
{
    scan s = {.frame = frame, .body = &bodies[0], .node = node};
    const bool batched = node->opset < 9;
    EP_TRY(count_operands(&s, batched ? 1 : 0, err));
    bool *reverse = calloc(s.sequences, sizeof *reverse);
    s.state = calloc((size_t)s.states + 1, sizeof *s.state);
    s.sequence = calloc(s.sequences, sizeof *s.sequence);
    s.stacks = calloc((size_t)s.stacked + 1, sizeof *s.stacks);
    s.axes = calloc(s.sequences, sizeof *s.axes);
    ep_status status;
    if (reverse && s.state && s.sequence && s.stacks && s.axes) {
        status = (batched ? run_batch : run_whole)(&s, reverse, err);
        clear_cells(&s);
    } else {
        status = ep_fail_memory(err);
    }
    free(reverse);
    free(s.state);
    free(s.sequence);
    free(s.stacks);
    free(s.axes);
    return status;
}
