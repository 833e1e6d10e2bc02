/* From the bytes of a file to an unpacked ModelProto, without its weights.
 *
 * protobuf-c copies every field it unpacks. So we first walk the wire format ourselves, guided by
 * protobuf-c's own message descriptors, and write a skeleton: the same message without the fields
 * we do not read, in which the large data fields of tensors are replaced by a Chunk (where they
 * are in the file). The walk touches a tag and a length of each field but never the weights, and
 * checks what protobuf-c would believe: nesting, lengths, wire types. */
#include <assert.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "graph/onnx_internal.h"
#include "graph/tensor_internal.h"

/* A model nests some ten messages; each subgraph level adds three. */
#define MAX_DEPTH 64

/* Everything but the weights, unpacked. Real files stay under a hundredth of it. */
#define MAX_UNPACKED_BYTES ((size_t)1 << 30)

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5 };
enum { LENGTH_BYTES = 5 };

typedef struct walker {
    const ep__importer *im;
    const uint8_t *bytes;
    const char *path;
    ep_error *err;
    ep_text skeleton;
    uint64_t skipped; /* bytes of data walked over since pages were forgotten */
} walker;

/* One field as it lies in the file. */
typedef struct field {
    uint32_t number;
    unsigned wire_type;
    size_t begin, tag_end, payload, end; /* offsets: tag, behind it, value, behind it */
} field;

static ep_status malformed(const walker *w, size_t at, const char *what)
{
    return ep_fail(w->err, EP_BAD_MODEL, "%s: not an ONNX model: byte %zu: %s", w->path, at, what);
}

static ep_status read_varint(const walker *w, size_t *at, size_t end, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < EP__MAX_VARINT_BYTES; i++) {
        if (*at == end) return malformed(w, *at, "a number is cut short");
        const uint8_t byte = w->bytes[(*at)++];
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) return EP_OK;
    }
    return malformed(w, *at, "a number is longer than 10 bytes");
}

static ep_status read_field(const walker *w, size_t at, size_t end, field *f)
{
    uint64_t tag, length = 0;
    *f = (field){.begin = at};
    EP_TRY(read_varint(w, &at, end, &tag));
    if (tag > UINT32_MAX || tag >> 3 == 0) return malformed(w, f->begin, "no such field number");
    f->number = (uint32_t)(tag >> 3);
    f->wire_type = (unsigned)(tag & 7);
    f->tag_end = f->payload = at;
    switch (f->wire_type) {
    case WIRE_VARINT: EP_TRY(read_varint(w, &at, end, &length)); break;
    case WIRE_64: length = 8; break;
    case WIRE_32: length = 4; break;
    case WIRE_LENGTH:
        EP_TRY(read_varint(w, &at, end, &length));
        f->payload = at;
        break;
    default: return malformed(w, f->begin, "no such wire type");
    }
    if (f->wire_type != WIRE_VARINT) {
        EP_FAIL_IF(length > end - at, w->err, EP_BAD_MODEL,
                   "%s: not an ONNX model, or cut short: byte %zu: field %u needs %llu bytes where "
                   "%zu are left",
                   w->path, f->begin, f->number, (unsigned long long)length, end - at);
        at += (size_t)length;
    }
    f->end = at;
    return EP_OK;
}

static unsigned wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT: return WIRE_32;
    case PROTOBUF_C_TYPE_DOUBLE: return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE: return WIRE_LENGTH;
    default: return WIRE_VARINT; /* onnx.proto has no fixed-width integers */
    }
}

static bool wire_type_fits(const ProtobufCFieldDescriptor *known, const field *f)
{
    const unsigned wire_type = wire_type_of(known->type);
    if (f->wire_type == wire_type) return true;
    if (known->label != PROTOBUF_C_LABEL_REPEATED || f->wire_type != WIRE_LENGTH) return false;
    const size_t width = wire_type == WIRE_32 ? 4 : wire_type == WIRE_64 ? 8 : 1;
    return (f->end - f->payload) % width == 0; /* packed */
}

/* True for a field of data that stays in the file. */
static bool is_large_data(const ProtobufCMessageDescriptor *type, const field *f)
{
    if (type != &ep_onnx__tensor_proto__descriptor) return false;
    if (f->wire_type != WIRE_LENGTH || f->end - f->payload <= EP__INLINE_BYTES) return false;
    switch (f->number) {
    case EP__ONNX_RAW_DATA:
    case EP__ONNX_FLOAT_DATA:
    case EP__ONNX_DOUBLE_DATA:
    case EP__ONNX_INT32_DATA:
    case EP__ONNX_INT64_DATA:
    case EP__ONNX_UINT64_DATA: return true;
    default: return false;
    }
}

static void append(walker *w, const void *bytes, size_t size)
{
    ep_text_append(&w->skeleton, bytes, size);
}

/* A varint of exactly LENGTH_BYTES, so that a length can be written before it is known. */
static void encode_length(uint64_t length, uint8_t out[LENGTH_BYTES])
{
    assert(length < (uint64_t)1 << 7 * LENGTH_BYTES);
    for (int i = 0; i < LENGTH_BYTES; i++) {
        out[i] = (uint8_t)((length >> (7 * i) & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
    }
}

static void append_chunk(walker *w, const field *f)
{
    EpOnnx__TensorProto__Chunk chunk = EP_ONNX__TENSOR_PROTO__CHUNK__INIT;
    chunk.has_field = chunk.has_offset = chunk.has_length = true;
    chunk.field = f->number;
    chunk.offset = f->payload;
    chunk.length = f->end - f->payload;
    EpOnnx__TensorProto__Chunk *list[] = {&chunk};
    EpOnnx__TensorProto tensor = EP_ONNX__TENSOR_PROTO__INIT;
    tensor.n_chunk = 1;
    tensor.chunk = list;
    uint8_t packed[64];
    assert(ep_onnx__tensor_proto__get_packed_size(&tensor) <= sizeof packed);
    append(w, packed, ep_onnx__tensor_proto__pack(&tensor, packed));
}

static ep_status walk_message(walker *w, const ProtobufCMessageDescriptor *type, size_t begin,
                              size_t end, int depth);

static ep_status walk_child(walker *w, const ProtobufCFieldDescriptor *known, const field *f,
                            int depth)
{
    uint8_t length[LENGTH_BYTES] = {0};
    append(w, w->bytes + f->begin, f->tag_end - f->begin);
    const size_t length_at = w->skeleton.length;
    append(w, length, sizeof length);
    const size_t body_at = w->skeleton.length;
    EP_TRY(walk_message(w, known->descriptor, f->payload, f->end, depth + 1));
    if (w->skeleton.failed) return ep_fail_memory(w->err);
    encode_length(w->skeleton.length - body_at, length);
    memcpy(w->skeleton.data + length_at, length, sizeof length);
    return EP_OK;
}

/* Copies the fields of the message in [begin, end) that `type` has. */
static ep_status walk_message(walker *w, const ProtobufCMessageDescriptor *type, size_t begin,
                              size_t end, int depth)
{
    EP_FAIL_IF(depth > MAX_DEPTH, w->err, EP_BAD_MODEL,
               "%s: byte %zu: messages nested deeper than %d", w->path, begin, MAX_DEPTH);
    assert(type->n_fields <= 64);
    uint64_t seen = 0; /* singular messages, by index of their descriptor */
    field f;
    for (size_t at = begin; at < end; at = f.end) {
        EP_TRY(read_field(w, at, end, &f));
        if (f.number >= EP__ONNX_FIRST_PRIVATE) continue;
        const ProtobufCFieldDescriptor *known =
            protobuf_c_message_descriptor_get_field(type, f.number);
        if (!known) continue;
        EP_FAIL_IF(!wire_type_fits(known, &f), w->err, EP_BAD_MODEL,
                   "%s: not an ONNX model: byte %zu: %s.%s has wire type %u", w->path, f.begin,
                   type->short_name, known->name, f.wire_type);
        if (is_large_data(type, &f)) {
            append_chunk(w, &f);
            w->skipped += f.end - f.payload;
            if (w->skipped >= EP__FORGET_BYTES) {
                ep__forget_model(w->im);
                w->skipped = 0;
            }
        } else if (known->type == PROTOBUF_C_TYPE_MESSAGE) {
            const uint64_t bit = (uint64_t)1 << (known - type->fields);
            const bool again = known->label != PROTOBUF_C_LABEL_REPEATED && (seen & bit);
            EP_FAIL_IF(again, w->err, EP_BAD_MODEL,
                       "%s: not an ONNX model: byte %zu: a second %s.%s in one message", w->path,
                       f.begin, type->short_name, known->name);
            seen |= bit;
            EP_TRY(walk_child(w, known, &f, depth));
        } else {
            append(w, w->bytes + f.begin, f.end - f.begin);
        }
    }
    return EP_OK;
}

/* protobuf-c's allocator over an arena: unpacking is one bump a field, freeing is nothing. */
typedef struct scratch {
    ep_arena *arena;
    bool too_much, no_memory;
} scratch;

static void *scratch_alloc(void *data, size_t size)
{
    scratch *s = data;
    const size_t used = ep_arena_bytes(s->arena);
    if (used > MAX_UNPACKED_BYTES || size > MAX_UNPACKED_BYTES - used) {
        s->too_much = true;
        return NULL;
    }
    void *pointer = ep_arena_take(s->arena, size, 1);
    if (!pointer) s->no_memory = true;
    return pointer;
}

static void scratch_free(void *data, void *pointer)
{
    (void)data;
    (void)pointer;
}

static ep_status unpack(const walker *w, const ProtobufCMessageDescriptor *type,
                        const ProtobufCMessage **out)
{
    scratch s = {.arena = w->im->scratch};
    ProtobufCAllocator allocator = {
        .alloc = scratch_alloc, .free = scratch_free, .allocator_data = &s};
    *out = protobuf_c_message_unpack(type, &allocator, w->skeleton.length,
                                     (const uint8_t *)ep_text_cstr(&w->skeleton));
    if (s.no_memory) return ep_fail_memory(w->err);
    EP_FAIL_IF(s.too_much, w->err, EP_UNSUPPORTED,
               "%s: more than %zu MiB besides weights, unpacked", w->path,
               MAX_UNPACKED_BYTES >> 20);
    EP_FAIL_IF(!*out, w->err, EP_BAD_MODEL, "%s: not an ONNX model: fields do not unpack", w->path);
    return EP_OK;
}

static ep_status unpack_file(const ep__importer *im, const ProtobufCMessageDescriptor *type,
                             const ProtobufCMessage **out)
{
    walker w = {.im = im, .bytes = im->model.data, .path = im->path, .err = im->err};
    ep_status status = walk_message(&w, type, 0, im->model.size, 1);
    if (status == EP_OK && w.skeleton.failed) status = ep_fail_memory(im->err);
    if (status == EP_OK) status = unpack(&w, type, out);
    ep_text_free(&w.skeleton);
    ep__forget_model(im);
    return status;
}

ep_status ep__onnx_unpack(const ep__importer *im, const EpOnnx__ModelProto **out)
{
    const ProtobufCMessage *message;
    EP_TRY(unpack_file(im, &ep_onnx__model_proto__descriptor, &message));
    *out = (const EpOnnx__ModelProto *)message;
    return EP_OK;
}

ep_status ep__onnx_unpack_tensor(const ep__importer *im, const EpOnnx__TensorProto **out)
{
    const ProtobufCMessage *message;
    EP_TRY(unpack_file(im, &ep_onnx__tensor_proto__descriptor, &message));
    *out = (const EpOnnx__TensorProto *)message;
    return EP_OK;
}
