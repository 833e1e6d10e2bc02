/* TensorProto -> constant. */
#include <string.h>

#include "graph/onnx_internal.h"
#include "graph/tensor_internal.h"

/* Typed data that the file holds as varints and that decodes to more than this stays as it is. */
#define MAX_DECODED_BYTES ((uint64_t)1 << 20)

/* The typed field that holds elements of `dtype`, and the bytes of one value in it: complex
 * numbers are two values, two 4-bit numbers one. */
static uint32_t typed_field(ep_dtype dtype, unsigned *width)
{
    const unsigned bits = ep_dtype_bits(dtype);
    *width = bits < 8 ? 1 : bits / 8;
    switch (dtype) {
    case EP_DTYPE_FLOAT: return EP__ONNX_FLOAT_DATA;
    case EP_DTYPE_COMPLEX64: *width = 4; return EP__ONNX_FLOAT_DATA;
    case EP_DTYPE_DOUBLE: return EP__ONNX_DOUBLE_DATA;
    case EP_DTYPE_COMPLEX128: *width = 8; return EP__ONNX_DOUBLE_DATA;
    case EP_DTYPE_INT64: return EP__ONNX_INT64_DATA;
    case EP_DTYPE_UINT32:
    case EP_DTYPE_UINT64: return EP__ONNX_UINT64_DATA;
    default: return EP__ONNX_INT32_DATA;
    }
}

static ep_status wrong_size(const ep__importer *im, const ep_tensor *tensor, const char *name,
                            uint64_t needed, uint64_t actual)
{
    char shape[EP_SHAPE_TEXT];
    return ep_fail(im->err, EP_BAD_MODEL,
                   "%s: tensor '%.200s': dims %s of %s need %llu bytes, its data has %llu",
                   im->path, name, ep_shape_text(&tensor->shape, shape),
                   ep_dtype_name(tensor->dtype), (unsigned long long)needed,
                   (unsigned long long)actual);
}

ep_status ep__set_data(ep__importer *im, ep_tensor *tensor, const void *bytes, uint64_t size)
{
    tensor->constness = EP_CONST_DATA;
    tensor->data = bytes;
    tensor->data_bytes = size;
    if (size > EP__INLINE_BYTES) return EP_OK;
    tensor->data = ep_arena_copy(im->arena, bytes, (size_t)size);
    return tensor->data ? EP_OK : ep_fail_memory(im->err);
}

/* Data in a typed field that protobuf-c unpacked. */
static ep_status set_typed(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                           uint64_t needed, ep_tensor *tensor)
{
    unsigned width;
    const void *values = NULL;
    size_t count = 0;
    const uint32_t field = typed_field(tensor->dtype, &width);
    switch (field) {
    case EP__ONNX_FLOAT_DATA: values = proto->float_data, count = proto->n_float_data; break;
    case EP__ONNX_DOUBLE_DATA: values = proto->double_data, count = proto->n_double_data; break;
    case EP__ONNX_INT64_DATA: values = proto->int64_data, count = proto->n_int64_data; break;
    case EP__ONNX_INT32_DATA: count = proto->n_int32_data; break;
    case EP__ONNX_UINT64_DATA: count = proto->n_uint64_data; break;
    }
    if (count != needed / width) {
        return wrong_size(im, tensor, name, needed, (uint64_t)count * width);
    }
    uint8_t *data = ep_arena_take(im->arena, needed, 1);
    if (!data) return ep_fail_memory(im->err);
    for (size_t i = 0; i < count && field == EP__ONNX_INT32_DATA; i++) {
        ep__store_number(tensor->dtype, width, (uint64_t)(int64_t)proto->int32_data[i],
                         data + i * width);
    }
    for (size_t i = 0; i < count && field == EP__ONNX_UINT64_DATA; i++) {
        ep__store_number(tensor->dtype, width, proto->uint64_data[i], data + i * width);
    }
    if (values) memcpy(data, values, (size_t)needed);
    tensor->constness = EP_CONST_DATA;
    tensor->data = data;
    tensor->data_bytes = needed;
    return EP_OK;
}

/* Varints in the file: decoded when that takes little memory, else checked for their number. */
static ep_status set_varints(ep__importer *im, const uint8_t *bytes, uint64_t size,
                             const char *name, uint64_t needed, unsigned width, ep_tensor *tensor)
{
    uint64_t count = 0;
    unsigned length = 0;
    for (uint64_t i = 0; i < size; i++) {
        const bool last = !(bytes[i] & 0x80);
        EP_FAIL_IF(++length > EP__MAX_VARINT_BYTES, im->err, EP_BAD_MODEL,
                   "%s: tensor '%.200s': a number is longer than %d bytes", im->path, name,
                   EP__MAX_VARINT_BYTES);
        count += last;
        if (last) length = 0;
        if (i % EP__FORGET_BYTES == EP__FORGET_BYTES - 1) ep__forget_model(im);
    }
    EP_FAIL_IF(length > 0, im->err, EP_BAD_MODEL, "%s: tensor '%.200s': its data is cut short",
               im->path, name);
    if (count != needed / width) return wrong_size(im, tensor, name, needed, count * width);
    tensor->constness = EP_CONST_DATA;
    if (needed > MAX_DECODED_BYTES) {
        tensor->varint = true;
        tensor->data = bytes;
        tensor->data_bytes = size;
        ep__forget_model(im);
        return EP_OK;
    }
    uint8_t *data = ep_arena_take(im->arena, needed, 1);
    if (!data) return ep_fail_memory(im->err);
    tensor->data = data;
    tensor->data_bytes = needed;
    ep__decode_varints(tensor->dtype, bytes, needed, data);
    return EP_OK;
}

/* Data that stayed in the file. */
static ep_status set_chunk(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                           uint64_t needed, ep_tensor *tensor)
{
    const EpOnnx__TensorProto__Chunk *chunk = proto->chunk[0];
    unsigned width;
    const uint32_t field = typed_field(tensor->dtype, &width);
    const bool split = proto->n_chunk > 1 || proto->has_raw_data || proto->n_float_data ||
                       proto->n_double_data || proto->n_int32_data || proto->n_int64_data ||
                       proto->n_uint64_data;
    EP_FAIL_IF(split, im->err, EP_UNSUPPORTED,
               "%s: tensor '%.200s': its data is split over several fields", im->path, name);
    EP_FAIL_IF(chunk->field != EP__ONNX_RAW_DATA && chunk->field != field, im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s': data of %s is in field %u of TensorProto instead of %u",
               im->path, name, ep_dtype_name(tensor->dtype), chunk->field, field);
    const uint8_t *bytes = im->model.data + chunk->offset;
    const bool is_array = chunk->field == EP__ONNX_RAW_DATA || field == EP__ONNX_FLOAT_DATA ||
                          field == EP__ONNX_DOUBLE_DATA;
    if (!is_array) return set_varints(im, bytes, chunk->length, name, needed, width, tensor);
    if (chunk->length != needed) return wrong_size(im, tensor, name, needed, chunk->length);
    return ep__set_data(im, tensor, bytes, needed);
}

static ep_status read_dims(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                           ep_tensor *tensor, uint64_t *elements)
{
    EP_FAIL_IF(proto->n_dims > EP_MAX_RANK, im->err, EP_UNSUPPORTED,
               "%s: tensor '%.200s' has %zu dimensions, at most %d are supported", im->path, name,
               proto->n_dims, EP_MAX_RANK);
    tensor->has_shape = true;
    tensor->shape = (ep_shape){.rank = (int)proto->n_dims};
    for (size_t i = 0; i < proto->n_dims; i++) {
        EP_FAIL_IF(proto->dims[i] < 0, im->err, EP_BAD_MODEL,
                   "%s: tensor '%.200s': dimension %zu is %lld, must not be negative", im->path,
                   name, i, (long long)proto->dims[i]);
        tensor->shape.dims[i] = proto->dims[i];
    }
    char shape[EP_SHAPE_TEXT];
    EP_FAIL_IF(ep_shape_elements(&tensor->shape, elements, NULL) != EP_OK, im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s': dims %s have more than 2^62 elements", im->path, name,
               ep_shape_text(&tensor->shape, shape));
    return EP_OK;
}

ep_status ep__read_tensor(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                          ep_tensor *tensor)
{
    uint64_t elements;
    EP_FAIL_IF(!ep_dtype_valid(proto->data_type), im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s' has the unknown element type %d", im->path, name,
               proto->data_type);
    tensor->dtype = (ep_dtype)proto->data_type;
    EP_TRY(read_dims(im, proto, name, tensor, &elements));
    if (tensor->dtype == EP_DTYPE_STRING) {
        tensor->constness = EP_CONST_UNKNOWN;
        return EP_OK;
    }
    EP_FAIL_IF(proto->segment, im->err, EP_UNSUPPORTED, "%s: tensor '%.200s' is cut into segments",
               im->path, name);
    const uint64_t needed = ep_dtype_bytes(tensor->dtype, elements);
    if (proto->data_location == EP__ONNX_EXTERNAL) {
        const uint8_t *bytes;
        EP_TRY(ep__find_external(im, proto, name, needed, &bytes));
        return ep__set_data(im, tensor, bytes, needed);
    }
    if (proto->n_chunk) return set_chunk(im, proto, name, needed, tensor);
    if (!proto->has_raw_data) return set_typed(im, proto, name, needed, tensor);
    if (proto->raw_data.len != needed) {
        return wrong_size(im, tensor, name, needed, proto->raw_data.len);
    }
    return ep__set_data(im, tensor, proto->raw_data.data, needed);
}
