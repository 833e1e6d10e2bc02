/* Arrays in files: .npy, and ONNX's TensorProto. */
#include <assert.h>
#include <string.h>

#include "engine/kernels.h"
#include "engine/npy.h"

static bool ends_with(const char *path, const char *ending)
{
    const size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static ep_status unknown_ending(const char *path, ep_error *err)
{
    return ep_fail(err, EP_BAD_USAGE, "%s: an array is in a file that ends with .npy or .pb", path);
}

static ep_status read_npy(const char *path, ep_dtype expected, ep_arena *arena, ep_array *out,
                          ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status = ep_npy_parse(map.data, map.size, path, expected, arena, out, err);
    ep_map_close(&map);
    return status;
}

static ep_status read_pb(const char *path, ep_arena *arena, ep_array *out, ep_error *err)
{
    ep_tensor tensor;
    EP_TRY(ep_tensor_file_read(path, arena, &tensor, err));
    *out = (ep_array){.dtype = tensor.dtype,
                      .shape = tensor.shape,
                      .n = ep_tensor_elements(&tensor),
                      .data = (void *)(uintptr_t)tensor.data};
    return EP_OK;
}

ep_status ep_array_read(const char *path, ep_dtype expected, ep_arena *arena, ep_array *out,
                        ep_error *err)
{
    *out = (ep_array){0};
    if (ends_with(path, ".npy")) return read_npy(path, expected, arena, out, err);
    if (ends_with(path, ".pb")) return read_pb(path, arena, out, err);
    return unknown_ending(path, err);
}

/* ---- TensorProto --------------------------------------------------------------------------- */

/* Fields, as tags: number and wire type. */
enum { DIMS = 1 << 3, DATA_TYPE = 2 << 3, NAME = 8 << 3 | 2, RAW_DATA = 9 << 3 | 2 };

static void append_varint(ep_text *out, uint64_t value)
{
    do {
        const char byte = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        ep_text_append(out, &byte, 1);
        value >>= 7;
    } while (value);
}

static void append_tensor(const ep_array *array, const char *name, ep_text *out)
{
    for (int i = 0; i < array->shape.rank; i++) {
        append_varint(out, DIMS);
        append_varint(out, (uint64_t)array->shape.dims[i]);
    }
    append_varint(out, DATA_TYPE);
    append_varint(out, (uint64_t)array->dtype);
    append_varint(out, NAME);
    append_varint(out, strlen(name));
    ep_text_append(out, name, strlen(name));
    append_varint(out, RAW_DATA);
    append_varint(out, ep_dtype_bytes(array->dtype, array->n));
}

/* ---- writing ------------------------------------------------------------------------------- */

bool ep_array_fits_npy(const ep_array *array)
{
    return ep__npy_has(array->dtype);
}

/* All that comes before the elements. */
static ep_status append_head(const char *path, const char *name, const ep_array *array,
                             ep_text *out, ep_error *err)
{
    if (ends_with(path, ".pb")) {
        EP_FAIL_IF(ep_dtype_bits(array->dtype) == 0, err, EP_UNSUPPORTED, "%s: an array of %s",
                   path, ep_dtype_name(array->dtype));
        append_tensor(array, name, out);
    } else if (ends_with(path, ".npy")) {
        EP_FAIL_IF(!ep__npy_has(array->dtype), err, EP_UNSUPPORTED,
                   "%s: NumPy has no %s; write a .pb", path, ep_dtype_name(array->dtype));
        ep__npy_header(array, out);
    } else {
        return unknown_ending(path, err);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

static ep_status write_file(const char *path, const ep_text *head, const ep_array *array,
                            ep_error *err)
{
    const uint64_t bytes = ep_dtype_bytes(array->dtype, array->n);
    ep_writer *writer;
    EP_TRY(ep_writer_open(path, head->length + bytes, &writer, err));
    ep_status status = ep_writer_write(writer, head->data, head->length, err);
    if (status == EP_OK) status = ep_writer_write(writer, array->data, (size_t)bytes, err);
    if (status == EP_OK) status = ep_writer_commit(writer, err);
    ep_writer_free(writer);
    return status;
}

ep_status ep_array_write(const char *path, const char *name, const ep_array *array, ep_error *err)
{
    ep_text head = {0};
    ep_status status = append_head(path, name, array, &head, err);
    if (status == EP_OK) status = write_file(path, &head, array, err);
    ep_text_free(&head);
    return status;
}

/* ---- values as double ---------------------------------------------------------------------- */

static ep_dtype part_type(ep_dtype dtype)
{
    return dtype == EP_DTYPE_COMPLEX64    ? EP_DTYPE_FLOAT
           : dtype == EP_DTYPE_COMPLEX128 ? EP_DTYPE_DOUBLE
                                          : dtype;
}

uint64_t ep_array_numbers(const ep_array *array)
{
    const bool is_complex = part_type(array->dtype) != array->dtype;
    return ep__wide(part_type(array->dtype)) == EP_DTYPE_UNDEFINED ? 0
           : is_complex                                            ? 2 * array->n
                                                                   : array->n;
}

void ep_array_get(const ep_array *array, uint64_t begin, uint64_t n, double *out)
{
    const ep_dtype dtype = part_type(array->dtype);
    const uint8_t *data = array->data;
    assert(ep_dtype_bits(dtype) >= 8 || begin % 2 == 0);
    assert(n <= ep_array_numbers(array) && begin <= ep_array_numbers(array) - n);
    if (n) ep__convert(EP_DTYPE_DOUBLE, out, dtype, data + ep_dtype_bytes(dtype, begin), n, false);
}

void ep_array_set(const ep_array *array, uint64_t begin, uint64_t n, const double *in)
{
    const ep_dtype dtype = part_type(array->dtype);
    uint8_t *data = array->data;
    assert(ep_dtype_bits(dtype) >= 8 || begin % 2 == 0);
    assert(n <= ep_array_numbers(array) && begin <= ep_array_numbers(array) - n);
    if (n) ep__convert(dtype, data + ep_dtype_bytes(dtype, begin), EP_DTYPE_DOUBLE, in, n, true);
}
