/* Bytes of values, counted. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/session.h"

ep_status ep__memory_take(ep__memory *memory, uint64_t bytes, ep_error *err)
{
    uint64_t total;
    const bool overflows = ep_add_overflows(memory->now, bytes, &total);
    EP_FAIL_IF(overflows || total > memory->limit, err, EP_NO_MEMORY,
               "needs %llu bytes; of at most %llu are %llu in use", (unsigned long long)bytes,
               (unsigned long long)memory->limit, (unsigned long long)memory->now);
    memory->now = total;
    memory->peak = ep_max_u64(memory->peak, total);
    return EP_OK;
}

void ep__memory_give(ep__memory *memory, uint64_t bytes)
{
    assert(memory->now >= bytes);
    memory->now -= bytes;
}

/* The array stands behind the block, aligned. */
static void *bytes_of(ep__block *block)
{
    static_assert(sizeof *block <= EP__ALIGNMENT, "the array begins at the next alignment");
    return (char *)block + EP__ALIGNMENT;
}

static ep__block *block_new(uint64_t bytes)
{
    uint64_t size;
    if (ep_add_overflows(bytes, 2 * EP__ALIGNMENT - 1, &size) || size > SIZE_MAX / 2) return NULL;
    ep__block *block = aligned_alloc(EP__ALIGNMENT, (size_t)(size / EP__ALIGNMENT * EP__ALIGNMENT));
    if (block) *block = (ep__block){.bytes = bytes, .cells = 1};
    return block;
}

ep_status ep__cell_new(ep__memory *memory, ep_dtype dtype, const ep_shape *shape, ep__cell *out,
                       ep_error *err)
{
    ep_array array = {.dtype = dtype, .shape = *shape};
    *out = (ep__cell){0};
    EP_FAIL_IF(ep_dtype_bits(dtype) == 0, err, EP_UNSUPPORTED, "no arrays of %s",
               ep_dtype_name(dtype));
    EP_TRY(ep_shape_elements(shape, &array.n, err));
    const uint64_t bytes = ep_dtype_bytes(dtype, array.n);
    EP_TRY(ep__memory_take(memory, bytes, err));
    ep__block *block = block_new(bytes);
    if (!block) {
        ep__memory_give(memory, bytes);
        return ep_fail_memory(err);
    }
    block->memory = memory;
    array.data = bytes_of(block);
    *out = (ep__cell){.array = array, .block = block};
    return EP_OK;
}

ep__cell ep__cell_share(const ep__cell *cell)
{
    if (cell->block) cell->block->cells++;
    return *cell;
}

ep_status ep__cell_own(ep__memory *memory, ep__cell *cell, ep_error *err)
{
    const ep_array array = cell->array;
    if (cell->block || array.dtype == EP_DTYPE_UNDEFINED) return EP_OK;
    EP_TRY(ep__cell_new(memory, array.dtype, &array.shape, cell, err));
    const uint64_t bytes = ep_dtype_bytes(array.dtype, array.n);
    if (bytes > 0) memcpy(cell->array.data, array.data, (size_t)bytes);
    return EP_OK;
}

void ep__cell_clear(ep__cell *cell)
{
    ep__block *block = cell->block;
    *cell = (ep__cell){0};
    if (!block || --block->cells > 0) return;
    ep__memory_give(block->memory, block->bytes);
    free(block);
}
