/* Whatever the bytes are, an array is read whole, or refused in one line. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return 0;
    ep_array array;
    ep_error err = {0};
    if (ep_npy_parse(data, size, "fuzz.npy", EP_DTYPE_BFLOAT16, arena, &array, &err) == EP_OK) {
        uint64_t elements;
        check(ep_shape_elements(&array.shape, &elements, NULL) == EP_OK && elements == array.n);
        check(ep_dtype_bytes(array.dtype, array.n) <= size);
        double last = 0;
        const uint64_t n = ep_array_numbers(&array);
        if (n) ep_array_get(&array, n - 1, 1, &last);
    } else {
        check(err.status != EP_OK && !array.data && !strchr(err.text, '\n'));
        check(strncmp(err.text, "fuzz.npy", 8) == 0 || err.status == EP_NO_MEMORY);
    }
    ep_arena_free(arena);
    return 0;
}
