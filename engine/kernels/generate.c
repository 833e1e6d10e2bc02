/* Operators that make arrays from shapes and scalars. */
#include <string.h>

#include "engine/kernels.h"

ep_status ep__kernel_ConstantOfShape(ep__call *call, ep_error *err)
{
    const ep_attr *attr = ep_attr_find(call->node, "value");
    ep_array *out = ep__out(call, 0);
    size_t size;
    EP_TRY(ep__element_size(out->dtype, &size, err));
    memset(out->data, 0, size);
    if (!attr || attr->type != EP_ATTR_TENSOR) return EP_OK; /* 0.0f */
    const ep_tensor *value = &call->network->tensors[attr->tensor];
    EP_FAIL_IF(value->varint || !value->data || value->dtype != out->dtype ||
                   value->data_bytes < size,
               err, EP_UNSUPPORTED, "its 'value' is not at hand");
    memcpy(out->data, value->data, size);
    return EP_OK;
}

ep_status ep__kernel_Shape(ep__call *call, ep_error *err)
{
    const ep_shape *shape = &ep__in(call, 0)->shape;
    ep_array *out = ep__out(call, 0);
    const int64_t rank = shape->rank;
    int64_t start = ep_attr_int(call->node, "start", 0), end = ep_attr_int(call->node, "end", rank);
    if (start < 0) start = start < -rank ? 0 : start + rank;
    if (end < 0) end = end < -rank ? 0 : end + rank;
    if (end > rank) end = rank;
    if (out->dtype != EP_DTYPE_INT64 || (int64_t)out->n != (end > start ? end - start : 0)) {
        return ep__bad_out_shape(out, err);
    }
    if (out->n > 0) memcpy(out->data, shape->dims + start, (size_t)out->n * sizeof(int64_t));
    return EP_OK;
}

ep_status ep__kernel_Size(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    if (out->dtype != EP_DTYPE_INT64 || out->n != 1) return ep__bad_out_shape(out, err);
    *(int64_t *)out->data = (int64_t)ep__in(call, 0)->n;
    return EP_OK;
}

/* start + i * delta, in the type of the operands */
#define RANGE(T, W)                                                                                \
    static void range_##T(uint64_t n, const void *start, const void *delta, void *out)             \
    {                                                                                              \
        const W first = (W) * (const T *)start, step = (W) * (const T *)delta;                     \
        for (uint64_t i = 0; i < n; i++) ((T *)out)[i] = (T)(first + (W)i * step);                 \
    }
RANGE(float, double)
RANGE(double, double)
RANGE(int16_t, uint64_t)
RANGE(int32_t, uint64_t)
RANGE(int64_t, uint64_t)

ep_status ep__kernel_Range(ep__call *call, ep_error *err)
{
    const ep_array *start = ep__in(call, 0), *delta = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    EP_FAIL_IF(start->n != 1 || delta->n != 1, err, EP_BAD_MODEL, "operands must be scalars");
    EP_FAIL_IF(start->dtype != delta->dtype || start->dtype != out->dtype, err, EP_BAD_MODEL,
               "operands are %s and %s", ep_dtype_name(start->dtype), ep_dtype_name(delta->dtype));
    switch (start->dtype) {
    case EP_DTYPE_FLOAT: range_float(out->n, start->data, delta->data, out->data); break;
    case EP_DTYPE_DOUBLE: range_double(out->n, start->data, delta->data, out->data); break;
    case EP_DTYPE_INT16: range_int16_t(out->n, start->data, delta->data, out->data); break;
    case EP_DTYPE_INT32: range_int32_t(out->n, start->data, delta->data, out->data); break;
    case EP_DTYPE_INT64: range_int64_t(out->n, start->data, delta->data, out->data); break;
    default: return ep__bad_dtype(start, err);
    }
    return EP_OK;
}

ep_status ep__kernel_EyeLike(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const int64_t k = ep_attr_int(call->node, "k", 0), one = 1;
    unsigned char bytes[16];
    size_t size;
    EP_TRY(ep__element_size(out->dtype, &size, err));
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    EP_FAIL_IF(out->shape.rank != 2, err, EP_BAD_MODEL, "needs 2 dimensions, got %d",
               out->shape.rank);
    ep__convert(out->dtype, bytes, EP_DTYPE_INT64, &one, 1, false);
    const int64_t rows = out->shape.dims[0], columns = out->shape.dims[1];
    memset(out->data, 0, (size_t)out->n * size);
    if (k >= columns || k <= -rows) return EP_OK;
    for (int64_t i = k < 0 ? -k : 0; i < rows && i + k < columns; i++) {
        memcpy((char *)out->data + (size_t)(i * columns + i + k) * size, bytes, size);
    }
    return EP_OK;
}

ep_status ep__kernel_OneHot(ep__call *call, ep_error *err)
{
    const ep_array *indices = ep__in(call, 0), *values = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    const void *wide;
    size_t size;
    int axis;
    EP_TRY(ep__element_size(values->dtype, &size, err));
    EP_TRY(ep__widened(call, indices, &wide, err));
    EP_TRY(
        ep__front_axis(ep_attr_int(call->node, "axis", -1), indices->shape.rank + 1, &axis, err));
    EP_FAIL_IF(values->n != 2, err, EP_BAD_MODEL, "needs an off and an on value, got %llu values",
               (unsigned long long)values->n);
    if (out->shape.rank != indices->shape.rank + 1) return ep__bad_out_shape(out, err);
    const int64_t depth = out->shape.dims[axis];
    const int64_t inner = ep__product(&indices->shape, axis, indices->shape.rank);
    if (out->n != indices->n * (uint64_t)depth) return ep__bad_out_shape(out, err);
    const char *off = values->data, *on = off + size;
    ep__fill(out->data, out->n, off, size);
    const bool is_float = ep_dtype_is_float(indices->dtype);
    for (uint64_t i = 0; i < indices->n; i++) {
        /* outside of [-depth, depth - 1] nothing is on */
        int64_t hot = depth;
        if (is_float) {
            const double v = ((const double *)wide)[i];
            if (v >= -(double)depth && v < (double)depth) hot = (int64_t)v;
        } else {
            hot = ((const int64_t *)wide)[i];
        }
        if (hot < 0 && hot >= -depth) hot += depth;
        if (hot < 0 || hot >= depth) continue;
        const int64_t o = (int64_t)i / inner, rest = (int64_t)i % inner;
        memcpy((char *)out->data + (size_t)((o * depth + hot) * inner + rest) * size, on, size);
    }
    return EP_OK;
}
