/* A network being executed. */
#include <string.h>
#include <time.h>

#include "engine/fused.h"
#include "engine/integer.h"
#include "engine/numerics.h"

/* ---- shapes while running ------------------------------------------------------------------ */

/* Sets the shapes of the node's outputs in `frame->shapes`. All its inputs are at hand, and so are
 * their values to the shape function. */
static ep_status infer(ep__frame *frame, const ep_node *node, ep_error *err)
{
    ep_network *network = &frame->shapes;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == EP_NO_INDEX) continue;
        const ep_array *array = &frame->cells[node->inputs[i]].array;
        ep_tensor *tensor = &network->tensors[node->inputs[i]];
        tensor->dtype = array->dtype;
        tensor->has_shape = true;
        tensor->shape = array->shape;
        tensor->constness = EP_CONST_DATA;
        tensor->varint = false;
        tensor->data = array->data;
        tensor->data_bytes = ep_dtype_bytes(array->dtype, array->n);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        ep_tensor *tensor = ep_node_output(network, node, i);
        if (!tensor) continue;
        tensor->has_shape = false; /* what a file states counts for nothing here */
        tensor->constness = EP_VARIABLE;
    }
    return ep_infer_shapes(network, node, err);
}

/* The network in which the types and shapes of the node's outputs stand, if they are needed. A
 * body's are never known: its inputs' are not. */
static ep_status describe(ep__frame *frame, uint32_t index, const ep_network **out, ep_error *err)
{
    const ep_node *node = &frame->network->nodes[index];
    const ep__kernel *kernel = frame->steps[index].kernel;
    *out = frame->network;
    if (!kernel || (kernel->flags & EP__OWN_SHAPE)) return EP_OK;
    if (!frame->is_body && ep__outputs_known(frame->network, node)) return EP_OK;
    *out = &frame->shapes;
    return infer(frame, node, err);
}

/* ---- running ------------------------------------------------------------------------------- */

static ep_status run_view(ep__frame *frame, const ep_node *node, const ep_network *described,
                          ep_error *err)
{
    EP_FAIL_IF(!ep_node_input(frame->network, node, 0), err, EP_BAD_MODEL, "input 0 is missing");
    if (node->n_outputs == 0 || node->outputs[0] == EP_NO_INDEX) return EP_OK;
    const ep_tensor *shown = &described->tensors[node->outputs[0]];
    ep__cell cell = ep__cell_share(&frame->cells[node->inputs[0]]);
    const uint64_t elements = ep_tensor_elements(shown);
    if (elements != cell.array.n) {
        ep__cell_clear(&cell);
        return ep_fail(err, EP_BAD_SHAPE, "shows %llu elements as %llu",
                       (unsigned long long)cell.array.n, (unsigned long long)elements);
    }
    cell.array.shape = shown->shape;
    frame->cells[node->outputs[0]] = cell;
    return EP_OK;
}

static ep_status make_outputs(ep__frame *frame, const ep_node *node, const ep_network *described,
                              ep_array *outputs, ep_error *err)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        const uint32_t t = node->outputs[i];
        const ep_tensor *tensor = &described->tensors[t];
        ep__cell *cell = &frame->cells[t];
        if (frame->place[t]) {
            cell->array = (ep_array){.dtype = tensor->dtype,
                                     .shape = tensor->shape,
                                     .n = ep_tensor_elements(tensor),
                                     .data = frame->place[t]};
        } else {
            EP_TRY(ep__cell_new(&frame->context->memory, tensor->dtype, &tensor->shape, cell, err));
        }
        outputs[i] = cell->array;
    }
    return EP_OK;
}

/* Repeats element 0. */
static void spread(const ep_array *array)
{
    uint8_t first[16];
    memcpy(first, array->data, (size_t)ep_dtype_bytes(array->dtype, 1));
    const ep_tensor splat = {.dtype = array->dtype,
                             .has_shape = true,
                             .shape = array->shape,
                             .constness = EP_CONST_SPLAT,
                             .data = first};
    ep_tensor_copy(&splat, array->data);
}

/* Takes over what a kernel made in the scratch arena. */
static ep_status adopt_outputs(ep__frame *frame, const ep_node *node, const ep_array *outputs,
                               ep_error *err)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const ep_array *from = &outputs[i];
        if (node->outputs[i] == EP_NO_INDEX) continue;
        EP_FAIL_IF(from->dtype == EP_DTYPE_UNDEFINED, err, EP_BAD_MODEL,
                   "output %u is none of this operator's", i);
        ep__cell *cell = &frame->cells[node->outputs[i]];
        EP_TRY(ep__cell_new(&frame->context->memory, from->dtype, &from->shape, cell, err));
        const uint64_t bytes = ep_dtype_bytes(from->dtype, from->n);
        if (bytes > 0) memcpy(cell->array.data, from->data, (size_t)bytes);
    }
    return EP_OK;
}

ep_status ep__spend_work(ep__context *context, uint64_t steps, ep_error *err)
{
    EP_FAIL_IF(steps > context->max_work - context->work, err, EP_INFEASIBLE,
               "takes more than the %llu steps allowed", (unsigned long long)context->max_work);
    context->work += steps;
    return EP_OK;
}

/* What a kernel is about to do. Outputs of its own shape count as the inputs do. */
static ep_status spend(ep__context *context, const ep__kernel *kernel, const ep__call *call,
                       ep_error *err)
{
    uint64_t inputs = 0, outputs = 0;
    for (uint32_t i = 0; i < call->n_inputs; i++) inputs = ep_max_u64(inputs, call->inputs[i].n);
    for (uint32_t i = 0; i < call->n_outputs; i++) outputs += call->outputs[i].n;
    if (kernel->flags & EP__OWN_SHAPE) outputs = inputs;
    return ep__spend_work(context, ep__kernel_work(kernel, inputs, outputs), err);
}

/* Allows scratch what memory is left; returns how much that is. */
static uint64_t limit_scratch(ep__context *context)
{
    const uint64_t left = context->memory.limit - context->memory.now;
    ep_arena_limit(context->scratch, left < SIZE_MAX ? (size_t)left : SIZE_MAX);
    return left;
}

/* Counts the scratch of what ended with `status`, which had `left` bytes. */
static ep_status count_scratch(ep__context *context, uint64_t left, ep_status status, ep_error *err)
{
    ep__memory *memory = &context->memory;
    const bool limited = memory->limit != UINT64_MAX;
    memory->peak = ep_max_u64(memory->peak, memory->now + ep_arena_bytes(context->scratch));
    EP_FAIL_IF(limited && status == EP_NO_MEMORY, err, EP_NO_MEMORY,
               "needs more than %llu bytes of temporary memory; of at most %llu are %llu in use",
               (unsigned long long)left, (unsigned long long)memory->limit,
               (unsigned long long)memory->now);
    return status;
}

/* With a limit nothing is kept that the next node might need. */
static void reset_scratch(ep__context *context)
{
    ep_arena_reset(context->scratch, context->memory.limit == UINT64_MAX ? SIZE_MAX : 0);
}

static ep_status run_kernel(ep__frame *frame, const ep_node *node, const ep__kernel *kernel,
                            const ep_network *described, ep_error *err)
{
    ep__context *context = frame->context;
    ep_array *inputs = frame->operands, *outputs = inputs + node->n_inputs;
    ep__call call = {.network = frame->network,
                     .node = node,
                     .n_inputs = node->n_inputs,
                     .n_outputs = node->n_outputs,
                     .inputs = inputs,
                     .outputs = outputs,
                     .scratch = context->scratch,
                     .threads = context->threads};
    const bool own_shape = (kernel->flags & EP__OWN_SHAPE) != 0;
    memset(inputs, 0, ((size_t)node->n_inputs + node->n_outputs) * sizeof *inputs);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != EP_NO_INDEX) inputs[i] = frame->cells[node->inputs[i]].array;
    }
    if (!own_shape) EP_TRY(make_outputs(frame, node, described, outputs, err));
    EP_TRY(spend(context, kernel, &call, err));
    const bool one_value = (kernel->flags & EP__ONE_VALUE) != 0;
    if (one_value && outputs[0].n == 0) return EP_OK; /* there is no room for the one */
    const uint64_t left = limit_scratch(context);
    ep_status status = frame->numerics ? ep__numerics_run(frame, kernel, &call, err)
                                       : ep__kernel_run(kernel, &call, err);
    status = count_scratch(context, left, status, err);
    if (status == EP_OK && one_value) spread(&outputs[0]);
    if (status == EP_OK && own_shape) status = adopt_outputs(frame, node, outputs, err);
    reset_scratch(context);
    return status;
}

/* Runs the step in integers that stands at the node. */
static ep_status run_integers(ep__frame *frame, uint32_t index, ep_error *err)
{
    ep__context *context = frame->context;
    ep_array *out = frame->operands;
    EP_TRY(make_outputs(frame, &frame->network->nodes[index], frame->network, out, err));
    EP_TRY(ep__spend_work(context, out->n * ep__integer_work(frame->integer, index), err));
    const uint64_t left = limit_scratch(context);
    ep_status status = ep__integer_run(frame, index, out, err);
    status = count_scratch(context, left, status, err);
    reset_scratch(context);
    return status;
}

static void clear_read(ep__frame *frame, uint32_t index, const uint32_t *tensors, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t t = tensors[i];
        if (t == EP_NO_INDEX || frame->last_reader[t] != index || frame->lasting[t]) continue;
        ep__cell_clear(&frame->cells[t]);
    }
}

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static ep_status run_step(ep__frame *frame, const ep_node *node, const ep__step *step,
                          const ep_network *described, ep_error *err)
{
    EP_TRY(ep__spend_work(frame->context, 1, err));
    if (step->control) return step->control(frame, node, step->bodies, err);
    if (step->kernel->flags & EP__VIEW) return run_view(frame, node, described, err);
    return run_kernel(frame, node, step->kernel, described, err);
}

/* A body may hold what computes nothing. */
static bool has_outputs(const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != EP_NO_INDEX) return true;
    }
    return false;
}

/* In integers, by oneDNN, by the node's kernel, or by the latter two. */
static ep_status compute_node(ep__frame *frame, uint32_t index, const ep_network *described,
                              ep_error *err)
{
    if (frame->fused) {
        EP_TRY(ep__fused_run(frame, index, err));
        if (ep__is_fused(frame->fused, index)) return EP_OK;
    }
    if (ep__integer_has(frame->integer, index)) return run_integers(frame, index, err);
    return run_step(frame, &frame->network->nodes[index], &frame->steps[index], described, err);
}

/* The node whose time it is. */
static uint32_t anchor_of(const ep__frame *frame, uint32_t index)
{
    if (ep__integer_has(frame->integer, index)) return ep__integer_anchor(frame->integer, index);
    return frame->fused ? ep__fused_anchor(frame->fused, index) : index;
}

static ep_status run_node(ep__frame *frame, uint32_t index, ep_error *err)
{
    const ep_node *node = &frame->network->nodes[index];
    if (!has_outputs(node) || ep__integer_hides(frame->integer, index)) return EP_OK;
    const uint32_t *reads;
    uint32_t count;
    const double begin = now_ns();
    const ep_network *described;
    EP_TRY(describe(frame, index, &described, err));
    if (compute_node(frame, index, described, err) != EP_OK) {
        return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
    }
    ep__node_reads(frame, index, &reads, &count);
    clear_read(frame, index, reads, count);
    clear_read(frame, index, node->outputs, node->n_outputs);
    frame->node_ns[anchor_of(frame, index)] += now_ns() - begin;
    return EP_OK;
}

static ep_status run_nodes(ep__frame *frame, bool once, ep_error *err)
{
    for (uint32_t i = 0; i < frame->network->n_nodes; i++) {
        if (frame->steps[i].once == once) EP_TRY(run_node(frame, i, err));
    }
    return EP_OK;
}

ep_status ep__frame_run_once(ep__frame *frame, ep_error *err)
{
    EP_TRY(run_nodes(frame, true, err));
    memset(frame->node_ns, 0, frame->network->n_nodes * sizeof *frame->node_ns);
    return EP_OK;
}

ep_status ep__frame_run(ep__frame *frame, ep_error *err)
{
    memset(frame->node_ns, 0, frame->network->n_nodes * sizeof *frame->node_ns);
    return run_nodes(frame, false, err);
}

void ep__frame_clear(ep__frame *frame)
{
    for (uint32_t i = 0; i < frame->network->n_tensors; i++) {
        if (!frame->lasting[i]) ep__cell_clear(&frame->cells[i]);
    }
}
