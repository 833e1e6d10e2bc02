/* Whatever the bytes are, a calibration cache is read whole, or refused in one line. */
#include <math.h>
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
    ep_scales scales;
    ep_error err = {0};
    if (ep_scales_parse(data, size, "fuzz.cache", arena, &scales, &err) == EP_OK) {
        check(strncmp(scales.header, "TRT-", 4) == 0 && scales.n <= size);
        for (uint32_t i = 0; i < scales.n; i++) {
            check(isfinite(scales.at[i].scale) && scales.at[i].scale >= 0);
            check(strlen(scales.at[i].name) > 0 && !strchr(scales.at[i].name, '\n'));
        }
    } else {
        check(err.status != EP_OK && !strchr(err.text, '\n'));
        check(strncmp(err.text, "fuzz.cache", 10) == 0 || err.status == EP_NO_MEMORY);
    }
    ep_arena_free(arena);
    return 0;
}
