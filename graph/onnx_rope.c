/* A file to be, as a list of pieces. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_rewrite.h"
#include "graph/tensor_internal.h"

enum { WIRE_VARINT = 0, WIRE_LENGTH = 2, CHUNK_ELEMENTS = 1 << 15, MAX_ALIGNMENT = 64 };

void ep__rope_free(ep__rope *rope)
{
    free(rope->pieces);
    rope->pieces = NULL;
    rope->n = rope->capacity = 0;
    rope->size = 0;
}

/* ---- pieces -------------------------------------------------------------------------------- */

static ep_status add(ep__rope *rope, ep__piece piece)
{
    void *pieces = rope->pieces;
    EP_TRY(ep_grow(&pieces, &rope->capacity, (uint64_t)rope->n + 1, sizeof piece, rope->err));
    rope->pieces = pieces;
    rope->pieces[rope->n++] = piece;
    EP_FAIL_IF(ep_add_overflows(rope->size, piece.size, &rope->size), rope->err, EP_BAD_SHAPE,
               "the weights take more than 2^64 bytes");
    return EP_OK;
}

ep_status ep__rope_add(ep__rope *rope, const void *bytes, uint64_t size)
{
    if (size == 0) return EP_OK;
    ep__piece *last = rope->n ? &rope->pieces[rope->n - 1] : NULL;
    if (last && last->bytes && (const uint8_t *)last->bytes + last->size == bytes) {
        last->size += size;
        rope->size += size;
        return EP_OK;
    }
    return add(rope, (ep__piece){.size = size, .bytes = bytes});
}

ep_status ep__rope_values(ep__rope *rope, const ep__values *values)
{
    const uint64_t size = ep_dtype_bytes(values->dtype, values->n);
    return size ? add(rope, (ep__piece){.size = size, .values = values}) : EP_OK;
}

ep_status ep__rope_align(ep__rope *rope, uint64_t alignment)
{
    static const uint8_t zeros[MAX_ALIGNMENT];
    assert(alignment <= MAX_ALIGNMENT);
    return ep__rope_add(rope, zeros, (alignment - rope->size % alignment) % alignment);
}

static ep_status add_copy(ep__rope *rope, const void *bytes, size_t size)
{
    const void *copy = ep_arena_copy(rope->arena, bytes, size);
    return copy ? ep__rope_add(rope, copy, size) : ep_fail_memory(rope->err);
}

/* ---- protobuf ------------------------------------------------------------------------------ */

static size_t encode_varint(uint64_t value, uint8_t *out)
{
    size_t n = 0;
    for (; value > 0x7f; value >>= 7) out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}

/* A tag and the number behind it: a value, or a length. */
static size_t encode_head(uint32_t field, unsigned wire_type, uint64_t number,
                          uint8_t out[2 * EP__MAX_VARINT_BYTES])
{
    const size_t n = encode_varint((uint64_t)field << 3 | wire_type, out);
    return n + encode_varint(number, out + n);
}

ep_status ep__rope_int(ep__rope *rope, uint32_t field, int64_t value)
{
    uint8_t bytes[2 * EP__MAX_VARINT_BYTES];
    return add_copy(rope, bytes, encode_head(field, WIRE_VARINT, (uint64_t)value, bytes));
}

ep_status ep__rope_varint(ep__rope *rope, uint64_t value)
{
    uint8_t bytes[EP__MAX_VARINT_BYTES];
    return add_copy(rope, bytes, encode_varint(value, bytes));
}

ep_status ep__rope_bytes(ep__rope *rope, uint32_t field, const void *bytes, size_t size)
{
    uint8_t head[2 * EP__MAX_VARINT_BYTES];
    EP_TRY(add_copy(rope, head, encode_head(field, WIRE_LENGTH, size, head)));
    return add_copy(rope, bytes, size);
}

ep_status ep__rope_string(ep__rope *rope, uint32_t field, const char *text)
{
    return ep__rope_bytes(rope, field, text, strlen(text));
}

ep_status ep__rope_open(ep__rope *rope, uint32_t number, ep__rope_field *field)
{
    /* a piece of no size, for the head to come */
    *field = (ep__rope_field){.number = number, .piece = rope->n, .begin = rope->size};
    return add(rope, (ep__piece){0});
}

ep_status ep__rope_close(ep__rope *rope, const ep__rope_field *field)
{
    uint8_t head[2 * EP__MAX_VARINT_BYTES];
    const uint64_t length = rope->size - field->begin;
    const size_t size = encode_head(field->number, WIRE_LENGTH, length, head);
    ep__piece *piece = &rope->pieces[field->piece];
    assert(!piece->bytes && piece->size == 0);
    piece->bytes = ep_arena_copy(rope->arena, head, size);
    if (!piece->bytes) return ep_fail_memory(rope->err);
    piece->size = size;
    rope->size += size;
    return EP_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

static ep_status write_values(const ep__values *values, double *buffer, ep_writer *writer,
                              ep_error *err)
{
    for (uint64_t begin = 0; begin < values->n; begin += CHUNK_ELEMENTS) {
        const uint64_t end = ep_min_u64(begin + CHUNK_ELEMENTS, values->n);
        ep__values_make(values, begin, end, buffer);
        const size_t size = (size_t)ep_dtype_bytes(values->dtype, end - begin);
        EP_TRY(ep_writer_write(writer, buffer, size, err));
    }
    return EP_OK;
}

ep_status ep__rope_write(const ep__rope *rope, const char *path, ep_writer **out, ep_error *err)
{
    double *buffer = malloc(CHUNK_ELEMENTS * sizeof *buffer); /* the widest type of a weight */
    if (!buffer) return ep_fail_memory(err);
    ep_status status = ep_writer_open(path, rope->size, out, err);
    for (uint32_t i = 0; i < rope->n && status == EP_OK; i++) {
        const ep__piece *piece = &rope->pieces[i];
        status = piece->values ? write_values(piece->values, buffer, *out, err)
                               : ep_writer_write(*out, piece->bytes, (size_t)piece->size, err);
    }
    free(buffer);
    return status;
}
