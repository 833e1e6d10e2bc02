/* This file is private to graph/. */
#ifndef EP_TENSOR_INTERNAL_H
#define EP_TENSOR_INTERNAL_H

#include <stdint.h>

#include "graph/graph.h"

#define EP__MAX_VARINT_BYTES 10

/* Reads a protobuf varint at `*at`, which ends within EP__MAX_VARINT_BYTES, and steps over it. */
static inline uint64_t ep__varint_next(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t byte = *(*at)++;
        if (shift < 64) value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return value;
    }
}

/* Stores what a typed field or a varint holds for `width` bytes of an array, little endian: 4-bit
 * types come as pairs, other integers are cut to their width. */
void ep__store_number(ep_dtype dtype, unsigned width, uint64_t value, uint8_t *to);

/* Decodes the varints that stand for `bytes` bytes of an array. */
void ep__decode_varints(ep_dtype dtype, const uint8_t *varints, uint64_t bytes, uint8_t *out);

#endif
