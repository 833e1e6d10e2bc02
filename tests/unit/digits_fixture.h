/* The trained networks and images of tests/digits. */
#ifndef EP_TESTS_DIGITS_FIXTURE_H
#define EP_TESTS_DIGITS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/engine.h"

#define DIGITS EP_SOURCE_DIR "/tests/digits/"

enum { IMAGES = 597, CHANNELS = 3, PIXELS = 32 * 32, CLASSES = 10 };

static inline ep_array digits_array(const char *name, ep_arena *arena)
{
    char path[256];
    ep_array array;
    ep_error err = {0};
    if (snprintf(path, sizeof path, DIGITS "%s", name) >= (int)sizeof path) abort();
    if (ep_array_read(path, EP_DTYPE_UNDEFINED, arena, &array, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return array;
}

/* `count` images as the networks take them. */
static inline ep_array digits_images(const char *name, size_t count, ep_arena *arena)
{
    const ep_array bytes = digits_array(name, arena);
    assert_int_equal(bytes.n, count * PIXELS);
    ep_array images = {.dtype = EP_DTYPE_FLOAT,
                       .shape = {.rank = 4, .dims = {(int64_t)count, CHANNELS, 32, 32}},
                       .n = count * CHANNELS * PIXELS};
    float *to = EP_NEW(arena, float, images.n);
    assert_non_null(to);
    images.data = to;
    for (size_t i = 0; i < images.n; i++) {
        const size_t image = i / (CHANNELS * PIXELS), pixel = i % PIXELS;
        to[i] = (float)((const uint8_t *)bytes.data)[image * PIXELS + pixel] / 255;
    }
    return images;
}

#endif
