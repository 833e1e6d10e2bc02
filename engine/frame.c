/* One network being executed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/session.h"

/* ---- making -------------------------------------------------------------------------------- */

static bool is_known(const ep_tensor *tensor)
{
    uint64_t elements;
    return tensor->has_shape && ep_shape_elements(&tensor->shape, &elements, NULL) == EP_OK;
}

static ep_status find_kernels(ep__frame *frame, ep_error *err)
{
    const ep_network *network = frame->network;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        frame->steps[i].kernel = node->op ? ep__kernel_find(node->op_type) : NULL;
        EP_FAIL_IF(!frame->steps[i].kernel, err, EP_UNSUPPORTED,
                   "node '%s': no kernel for operator %s%s%s", node->name, node->domain,
                   node->domain[0] ? "." : "", node->op_type);
    }
    return EP_OK;
}

static uint32_t most_operands(const ep_network *network)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const uint32_t operands = network->nodes[i].n_inputs + network->nodes[i].n_outputs;
        if (operands > most) most = operands;
    }
    return most;
}

/* Finds where tensors are read for the last time; what is never read goes after its producer. */
static void find_last_readers(ep__frame *frame)
{
    const ep_network *network = frame->network;
    memset(frame->last_reader, 0xff, network->n_tensors * sizeof *frame->last_reader);
    if (frame->context->keep_all) return;
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            if (node->outputs[k] != EP_NO_INDEX) frame->last_reader[node->outputs[k]] = i;
        }
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            const uint32_t t = node->inputs[k];
            if (t == EP_NO_INDEX || network->tensors[t].producer == EP_NO_INDEX) continue;
            frame->last_reader[t] = i;
        }
    }
    for (uint32_t i = 0; i < network->n_outputs; i++) {
        frame->last_reader[network->outputs[i]] = EP_NO_INDEX;
    }
}

ep_status ep__frame_init(ep__frame *frame, const ep_network *network, ep__context *context,
                         ep_error *err)
{
    const size_t tensors = (size_t)network->n_tensors + 1; /* calloc(0) may give NULL */
    const size_t nodes = (size_t)network->n_nodes + 1;
    *frame = (ep__frame){.context = context, .network = network, .shapes = *network};
    frame->shapes.tensors = malloc(tensors * sizeof *frame->shapes.tensors);
    frame->cells = calloc(tensors, sizeof *frame->cells);
    frame->last_reader = malloc(tensors * sizeof *frame->last_reader);
    frame->steps = calloc(nodes, sizeof *frame->steps);
    frame->node_ns = calloc(nodes, sizeof *frame->node_ns);
    frame->operands = calloc((size_t)most_operands(network) + 1, sizeof *frame->operands);
    if (!frame->shapes.tensors || !frame->cells || !frame->last_reader || !frame->steps ||
        !frame->node_ns || !frame->operands) {
        return ep_fail_memory(err);
    }
    if (network->n_tensors) {
        memcpy(frame->shapes.tensors, network->tensors,
               network->n_tensors * sizeof *network->tensors);
    }
    find_last_readers(frame);
    EP_TRY(find_kernels(frame, err));
    return ep__load_constants(frame, err);
}

void ep__frame_free(ep__frame *frame)
{
    for (uint32_t i = 0; frame->cells && i < frame->network->n_tensors; i++) {
        ep__cell_clear(&frame->cells[i]);
    }
    free(frame->shapes.tensors);
    free(frame->cells);
    free(frame->last_reader);
    free(frame->steps);
    free(frame->node_ns);
    free(frame->operands);
    *frame = (ep__frame){0};
}

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

static bool all_known(const ep_network *network, const ep_node *node)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        if (!is_known(&network->tensors[node->outputs[i]])) return false;
    }
    return true;
}

/* Where the types and shapes of the node's outputs stand. */
static ep_status describe(ep__frame *frame, const ep_node *node, const ep_network **out,
                          ep_error *err)
{
    *out = frame->network;
    if (all_known(frame->network, node)) return EP_OK;
    *out = &frame->shapes;
    return infer(frame, node, err);
}

/* ---- running ------------------------------------------------------------------------------- */

static ep_status run_view(ep__frame *frame, const ep_node *node, ep_error *err)
{
    const ep_network *described;
    EP_TRY(describe(frame, node, &described, err));
    const ep_tensor *shown = ep_node_output((ep_network *)(uintptr_t)described, node, 0);
    EP_FAIL_IF(!ep_node_input(frame->network, node, 0), err, EP_BAD_MODEL, "input 0 is missing");
    if (!shown) return EP_OK;
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

static ep_status make_outputs(ep__frame *frame, const ep_node *node, ep_array *outputs,
                              ep_error *err)
{
    const ep_network *described;
    EP_TRY(describe(frame, node, &described, err));
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] == EP_NO_INDEX) continue;
        const ep_tensor *tensor = &described->tensors[node->outputs[i]];
        ep__cell *cell = &frame->cells[node->outputs[i]];
        EP_TRY(ep__cell_new(&frame->context->memory, tensor->dtype, &tensor->shape, cell, err));
        outputs[i] = cell->array;
    }
    return EP_OK;
}

/* Repeats element 0. */
static void spread(const ep_array *array)
{
    const size_t size = ep_dtype_bits(array->dtype) / 8;
    char *data = array->data;
    for (uint64_t i = 1; i < array->n; i++) memcpy(data + i * size, data, size);
}

/* Takes over what a kernel made in the scratch arena. */
static ep_status adopt_outputs(ep__frame *frame, const ep_node *node, const ep_array *outputs,
                               ep_error *err)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const ep_array *from = &outputs[i];
        if (node->outputs[i] == EP_NO_INDEX || from->dtype == EP_DTYPE_UNDEFINED) continue;
        ep__cell *cell = &frame->cells[node->outputs[i]];
        EP_TRY(ep__cell_new(&frame->context->memory, from->dtype, &from->shape, cell, err));
        const uint64_t bytes = ep_dtype_bytes(from->dtype, from->n);
        if (bytes > 0) memcpy(cell->array.data, from->data, (size_t)bytes);
    }
    return EP_OK;
}

static ep_status run_kernel(ep__frame *frame, const ep_node *node, const ep__kernel *kernel,
                            ep_error *err)
{
    ep_array *inputs = frame->operands, *outputs = inputs + node->n_inputs;
    ep__call call = {.network = frame->network,
                     .node = node,
                     .n_inputs = node->n_inputs,
                     .n_outputs = node->n_outputs,
                     .inputs = inputs,
                     .outputs = outputs,
                     .scratch = frame->context->scratch,
                     .threads = frame->context->threads};
    const bool own_shape = (kernel->flags & EP__OWN_SHAPE) != 0;
    memset(inputs, 0, ((size_t)node->n_inputs + node->n_outputs) * sizeof *inputs);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != EP_NO_INDEX) inputs[i] = frame->cells[node->inputs[i]].array;
    }
    if (!own_shape) EP_TRY(make_outputs(frame, node, outputs, err));
    EP_TRY(ep__kernel_run(kernel, &call, err));
    if (kernel->flags & EP__ONE_VALUE) spread(&outputs[0]);
    return own_shape ? adopt_outputs(frame, node, outputs, err) : EP_OK;
}

static void clear_read(ep__frame *frame, uint32_t index)
{
    const ep_node *node = &frame->network->nodes[index];
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const uint32_t t = node->inputs[i];
        if (t != EP_NO_INDEX && frame->last_reader[t] == index) ep__cell_clear(&frame->cells[t]);
    }
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        const uint32_t t = node->outputs[i];
        if (t != EP_NO_INDEX && frame->last_reader[t] == index) ep__cell_clear(&frame->cells[t]);
    }
}

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static ep_status run_node(ep__frame *frame, uint32_t index, ep_error *err)
{
    const ep_node *node = &frame->network->nodes[index];
    const ep__kernel *kernel = frame->steps[index].kernel;
    const double begin = now_ns();
    const ep_status status = kernel->flags & EP__VIEW ? run_view(frame, node, err)
                                                      : run_kernel(frame, node, kernel, err);
    if (status != EP_OK) {
        return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
    }
    clear_read(frame, index);
    frame->node_ns[index] = now_ns() - begin;
    return EP_OK;
}

ep_status ep__frame_run(ep__frame *frame, ep_error *err)
{
    for (uint32_t i = 0; i < frame->network->n_nodes; i++) {
        ep_arena_free(frame->context->scratch);
        frame->context->scratch = ep_arena_new();
        if (!frame->context->scratch) return ep_fail_memory(err);
        EP_TRY(run_node(frame, i, err));
    }
    return EP_OK;
}

void ep__frame_clear(ep__frame *frame)
{
    for (uint32_t i = 0; i < frame->network->n_tensors; i++) {
        if (!ep_tensor_is_const(&frame->network->tensors[i])) ep__cell_clear(&frame->cells[i]);
    }
}
