/* Constants as kernels read them. */
#include <stdlib.h>

#include "engine/session.h"

/* Larger constants stay in the file until it is known who reads them. */
enum { SMALL_BYTES = 1 << 16 };

static bool is_aligned(const void *data, ep_dtype dtype)
{
    const uintptr_t size = ep_dtype_bits(dtype) / 8;
    const uintptr_t alignment = size == 0 ? 1 : size > 8 ? 8 : size;
    return (uintptr_t)data % alignment == 0;
}

/* True when the array can be shown where it is. */
static bool in_place(const ep_tensor *tensor)
{
    if (tensor->constness != EP_CONST_DATA || tensor->varint) return false;
    return tensor->data_bytes > SMALL_BYTES || is_aligned(tensor->data, tensor->dtype);
}

void ep__has_read(ep__frame *frame, uint64_t bytes)
{
    enum { LET_GO_BYTES = 16 << 20 };
    ep__context *context = frame->context;
    context->read += bytes;
    if (context->read < LET_GO_BYTES) return;
    context->read = 0;
    ep_network_forget(frame->network);
}

static ep_status copy(ep__frame *frame, const ep_tensor *tensor, ep__cell *cell, ep_error *err)
{
    /* a copy of what is in the file is no value of the run */
    ep__memory *memory =
        tensor->constness == EP_CONST_DATA ? &frame->context->copies : &frame->context->memory;
    if (ep__cell_new(memory, tensor->dtype, &tensor->shape, cell, err) != EP_OK) {
        return ep_fail_context(err, "constant '%s': ", tensor->name);
    }
    ep_tensor_copy(tensor, cell->array.data);
    return EP_OK;
}

static ep_status load(ep__frame *frame, uint32_t index, ep_error *err)
{
    const ep_tensor *tensor = &frame->network->tensors[index];
    ep__cell *cell = &frame->cells[index];
    frame->lasting[index] = true;
    if (!in_place(tensor)) return copy(frame, tensor, cell, err);
    cell->array = (ep_array){.dtype = tensor->dtype,
                             .shape = tensor->shape,
                             .n = ep_tensor_elements(tensor),
                             .data = (void *)(uintptr_t)tensor->data};
    return EP_OK;
}

ep_status ep__settle_constants(ep__frame *frame, const bool *read, ep_error *err)
{
    for (uint32_t t = 0; t < frame->network->n_tensors; t++) {
        const ep_array *array = &frame->cells[t].array;
        if (!read[t] || array->dtype == EP_DTYPE_UNDEFINED) continue;
        if (is_aligned(array->data, array->dtype)) continue;
        const ep_tensor *tensor = &frame->network->tensors[t];
        EP_TRY(copy(frame, tensor, &frame->cells[t], err));
        ep__has_read(frame, tensor->data_bytes);
    }
    return EP_OK;
}

void ep__mark_read(const ep_node *node, bool *read)
{
    for (uint32_t k = 0; k < node->n_inputs; k++) {
        if (node->inputs[k] != EP_NO_INDEX) read[node->inputs[k]] = true;
    }
}

/* Marks the constants that the run reads. */
static void find_read(const ep_network *network, bool *read)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) ep__mark_read(&network->nodes[i], read);
    for (uint32_t i = 0; i < network->n_outputs; i++) read[network->outputs[i]] = true;
}

static ep_status load_read(ep__frame *frame, const bool *read, ep_error *err)
{
    const ep_network *network = frame->network;
    uint32_t unknown = 0, first = EP_NO_INDEX;
    for (uint32_t i = 0; i < network->n_tensors; i++) {
        if (!read[i] || network->tensors[i].constness != EP_CONST_UNKNOWN) continue;
        if (unknown++ == 0) first = i;
    }
    EP_FAIL_IF(unknown > 0, err, EP_UNSUPPORTED,
               "%u constants have no value in the file, the first is '%s'", unknown,
               network->tensors[first].name);
    for (uint32_t i = 0; i < network->n_tensors; i++) {
        if (read[i] && ep_tensor_is_const(&network->tensors[i])) EP_TRY(load(frame, i, err));
    }
    /* of a network of its own it turns out later */
    return frame->is_body ? ep__settle_constants(frame, read, err) : EP_OK;
}

ep_status ep__load_constants(ep__frame *frame, ep_error *err)
{
    bool *read = calloc((size_t)frame->network->n_tensors + 1, sizeof *read);
    if (!read) return ep_fail_memory(err);
    find_read(frame->network, read);
    const ep_status status = load_read(frame, read, err);
    free(read);
    return status;
}
