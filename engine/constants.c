/* Constants as kernels read them. */
#include <stdlib.h>

#include "engine/session.h"

/* True when the array can be read where it is. */
static bool in_place(const ep_tensor *tensor)
{
    if (tensor->constness != EP_CONST_DATA || tensor->varint) return false;
    const uintptr_t size = ep_dtype_bits(tensor->dtype) / 8;
    const uintptr_t alignment = size == 0 ? 1 : size > 8 ? 8 : size;
    return (uintptr_t)tensor->data % alignment == 0;
}

static ep_status load(ep__frame *frame, uint32_t index, ep_error *err)
{
    const ep_tensor *tensor = &frame->network->tensors[index];
    ep__cell *cell = &frame->cells[index];
    frame->lasting[index] = true;
    if (in_place(tensor)) {
        cell->array = (ep_array){.dtype = tensor->dtype,
                                 .shape = tensor->shape,
                                 .n = ep_tensor_elements(tensor),
                                 .data = (void *)(uintptr_t)tensor->data};
        return EP_OK;
    }
    /* a copy of what is in the file is no value of the run */
    ep__memory *memory =
        tensor->constness == EP_CONST_DATA ? &frame->context->copies : &frame->context->memory;
    if (ep__cell_new(memory, tensor->dtype, &tensor->shape, cell, err) != EP_OK) {
        return ep_fail_context(err, "constant '%s': ", tensor->name);
    }
    ep_tensor_copy(tensor, cell->array.data);
    return EP_OK;
}

/* Marks the constants that the run reads. */
static void find_read(const ep_network *network, bool *read)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            if (node->inputs[k] != EP_NO_INDEX) read[node->inputs[k]] = true;
        }
    }
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
    return EP_OK;
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
