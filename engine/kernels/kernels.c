#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"

static const ep__kernel table[] = {
#define KERNEL(op, min_inputs, flags) {#op, (min_inputs), (flags), ep__kernel_##op},
#define VIEW(op) {#op, 1, EP__VIEW | EP__MOVES, NULL},
#include "engine/kernels.def"
#undef KERNEL
#undef VIEW
};

static int compare_op(const void *key, const void *row)
{
    return strcmp(key, ((const ep__kernel *)row)->op);
}

const ep__kernel *ep__kernel_find(const char *op)
{
    return bsearch(op, table, sizeof table / sizeof *table, sizeof *table, compare_op);
}

uint64_t ep__kernel_work(const ep__kernel *kernel, uint64_t input_elements,
                         uint64_t output_elements)
{
    uint64_t steps;
    const uint64_t each = kernel->flags & EP__SLOW ? ep_max_u64(input_elements, 1) : 1;
    return ep_mul_overflows(output_elements, each, &steps) ? UINT64_MAX : steps;
}

/* ---- running ------------------------------------------------------------------------------- */

static bool is_half(ep_dtype dtype)
{
    return dtype == EP_DTYPE_FLOAT16 || dtype == EP_DTYPE_BFLOAT16;
}

/* The same arrays, half-precision ones in `float` buffers. */
static ep_status as_floats(const ep__call *call, const ep_array *arrays, uint32_t n, bool convert,
                           ep_array **out, ep_error *err)
{
    *out = EP_NEW(call->scratch, ep_array, n);
    if (!*out) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        ep_array *copy = &(*out)[i];
        *copy = arrays[i];
        if (!is_half(copy->dtype)) continue;
        copy->dtype = EP_DTYPE_FLOAT;
        copy->data = EP_NEW_RAW(call->scratch, float, copy->n);
        if (!copy->data) return ep_fail_memory(err);
        if (convert) {
            ep__convert_pieces(call->threads, EP_DTYPE_FLOAT, copy->data, arrays[i].dtype,
                               arrays[i].data, copy->n, false);
        }
    }
    return EP_OK;
}

static ep_status run_via_float(const ep__kernel *kernel, ep__call *call, ep_error *err)
{
    ep__call inner = *call;
    ep_array *inputs, *outputs;
    EP_TRY(as_floats(call, call->inputs, call->n_inputs, true, &inputs, err));
    EP_TRY(as_floats(call, call->outputs, call->n_outputs, false, &outputs, err));
    inner.inputs = inputs;
    inner.outputs = outputs;
    EP_TRY(kernel->run(&inner, err));
    for (uint32_t i = 0; i < call->n_outputs; i++) {
        const ep_array *out = &call->outputs[i];
        if (is_half(out->dtype)) {
            ep__convert_pieces(call->threads, out->dtype, out->data, EP_DTYPE_FLOAT,
                               outputs[i].data, out->n, false);
        }
    }
    return EP_OK;
}

static bool has_half(const ep_array *arrays, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (is_half(arrays[i].dtype)) return true;
    }
    return false;
}

/* Kernels multiply dimensions, also those of an empty array, of which one zero makes any others
 * harmless elsewhere. */
static ep_status check_dims(const ep_array *arrays, uint32_t n, ep_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        ep_shape shape = arrays[i].shape;
        uint64_t elements;
        for (int d = 0; d < shape.rank; d++) {
            if (shape.dims[d] == 0) shape.dims[d] = 1;
        }
        EP_TRY(ep_shape_elements(&shape, &elements, err));
    }
    return EP_OK;
}

ep_status ep__kernel_run(const ep__kernel *kernel, ep__call *call, ep_error *err)
{
    assert(kernel->run);
    for (uint32_t i = 0; i < kernel->min_inputs; i++) {
        EP_FAIL_IF(!ep__in(call, i), err, EP_BAD_MODEL, "needs %u inputs, input %u is missing",
                   kernel->min_inputs, i);
    }
    EP_TRY(check_dims(call->inputs, call->n_inputs, err));
    EP_TRY(check_dims(call->outputs, call->n_outputs, err));
    const bool via_float =
        (kernel->flags & EP__VIA_FLOAT) &&
        (has_half(call->inputs, call->n_inputs) || has_half(call->outputs, call->n_outputs));
    return via_float ? run_via_float(kernel, call, err) : kernel->run(call, err);
}

/* ---- operands and attributes --------------------------------------------------------------- */

ep_status ep__make_out(ep__call *call, uint32_t i, ep_dtype dtype, const ep_shape *shape,
                       ep_error *err)
{
    ep_array *out = &call->outputs[i];
    *out = (ep_array){.dtype = dtype, .shape = *shape};
    EP_TRY(ep_shape_elements(shape, &out->n, err));
    out->data = ep_arena_take(call->scratch, ep_dtype_bytes(dtype, out->n), 1);
    return out->data ? EP_OK : ep_fail_memory(err);
}

ep_status ep__element_size(ep_dtype dtype, size_t *size, ep_error *err)
{
    *size = ep_dtype_bits(dtype) / 8;
    EP_FAIL_IF(*size == 0, err, EP_UNSUPPORTED, "no kernel for %s", ep_dtype_name(dtype));
    return EP_OK;
}

ep_status ep__front_axis(int64_t axis, int rank, int *out, ep_error *err)
{
    EP_FAIL_IF(axis < -rank || axis >= rank, err, EP_BAD_MODEL, "axis %lld is outside [%d, %d]",
               (long long)axis, -rank, rank - 1);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return EP_OK;
}

ep_status ep__int_values(const ep__call *call, const ep_array *array, const int64_t **values,
                         ep_error *err)
{
    if (array->dtype == EP_DTYPE_INT64) {
        *values = array->data;
        return EP_OK;
    }
    EP_FAIL_IF(array->dtype != EP_DTYPE_INT32, err, EP_BAD_MODEL, "expected int64 or int32, got %s",
               ep_dtype_name(array->dtype));
    int64_t *copy = EP_NEW(call->scratch, int64_t, array->n);
    if (!copy) return ep_fail_memory(err);
    ep__convert(EP_DTYPE_INT64, copy, array->dtype, array->data, array->n, false);
    *values = copy;
    return EP_OK;
}

ep_status ep__ints_or_attr(const ep__call *call, uint32_t i, const char *attr,
                           const int64_t **values, uint32_t *count, ep_error *err)
{
    *values = NULL;
    *count = 0;
    const ep_array *input = ep__in(call, i);
    if (input) {
        *count = (uint32_t)ep_min_u64(input->n, UINT32_MAX);
        return ep__int_values(call, input, values, err);
    }
    const ep_attr *a = ep_attr_find(call->node, attr);
    if (a && a->type == EP_ATTR_INTS) {
        *values = a->ints;
        *count = a->count;
    }
    return EP_OK;
}

ep_status ep__int_value(const ep__call *call, uint32_t i, int64_t otherwise, int64_t *out,
                        ep_error *err)
{
    const ep_array *array = ep__in(call, i);
    const int64_t *values = &otherwise;
    EP_FAIL_IF(array && array->n != 1, err, EP_BAD_MODEL, "input %u must be one number", i);
    if (array) EP_TRY(ep__int_values(call, array, &values, err));
    *out = *values;
    return EP_OK;
}

double ep__first(const ep_array *array)
{
    double value = 0;
    ep__convert(EP_DTYPE_DOUBLE, &value, array->dtype, array->data, array->n ? 1 : 0, false);
    return value;
}

ep_status ep__bad_dtype(const ep_array *array, ep_error *err)
{
    return ep_fail(err, EP_UNSUPPORTED, "no kernel for %s", ep_dtype_name(array->dtype));
}

ep_status ep__bad_out_shape(const ep_array *out, ep_error *err)
{
    char text[EP_SHAPE_TEXT];
    return ep_fail(err, EP_BAD_SHAPE, "the inputs do not give an output of %s",
                   ep_shape_text(&out->shape, text));
}

int64_t ep__product(const ep_shape *shape, int begin, int end)
{
    int64_t product = 1;
    for (int i = begin; i < end; i++) product *= shape->dims[i];
    return product;
}

void ep__strides(const ep_shape *shape, int64_t strides[EP_MAX_RANK])
{
    int64_t stride = 1;
    for (int i = shape->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape->dims[i];
    }
}
