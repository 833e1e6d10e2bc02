/* A file that holds one TensorProto. */
#include "graph/onnx_internal.h"

static ep_status read_file(ep__importer *im, ep_tensor *out)
{
    const EpOnnx__TensorProto *proto = NULL;
    EP_TRY(ep__onnx_unpack_tensor(im, &proto));
    const char *name = ep_arena_printf(im->arena, "%s", ep__text(proto->name));
    if (!name) return ep_fail_memory(im->err);
    EP_FAIL_IF(proto->data_location == 1, im->err, EP_UNSUPPORTED,
               "%s: its data is in another file", im->path);
    ep_tensor tensor = {.name = name, .producer = EP_NO_INDEX};
    EP_TRY(ep__read_tensor(im, proto, name, &tensor));
    EP_FAIL_IF(tensor.constness != EP_CONST_DATA, im->err, EP_UNSUPPORTED,
               "%s: a tensor of type %s", im->path, ep_dtype_name(tensor.dtype));
    const uint64_t bytes = ep_dtype_bytes(tensor.dtype, ep_tensor_elements(&tensor));
    void *data = ep_arena_take(im->arena, bytes, 1);
    if (!data) return ep_fail_memory(im->err);
    ep_tensor_copy(&tensor, data);
    *out = tensor;
    out->varint = false;
    out->data = data;
    out->data_bytes = bytes;
    return EP_OK;
}

ep_status ep_tensor_file_read(const char *path, ep_arena *arena, ep_tensor *out, ep_error *err)
{
    ep__importer im = {
        .arena = arena, .scratch = ep_arena_new(), .path = path, .mapped = true, .err = err};
    if (!im.scratch) return ep_fail_memory(err);
    ep_status status = ep_map_open(path, &im.model, err);
    if (status == EP_OK) {
        status = read_file(&im, out);
        ep_map_close(&im.model);
    }
    ep_arena_free(im.scratch);
    return status;
}
