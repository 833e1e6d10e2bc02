/* What shape functions share: reading inputs and attributes, putting results together. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* No dimension may pass this; also the bound of ep_shape_elements. */
#define MAX_DIM ((int64_t)1 << 62)

/* ---- inputs -------------------------------------------------------------------------------- */

ep_status ep__inputs(const ep_network *network, const ep_node *node, uint32_t count,
                     const ep_tensor **inputs, ep_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        inputs[i] = ep_node_input(network, node, i);
        EP_FAIL_IF(!inputs[i], err, EP_BAD_MODEL,
                   "needs %" PRIu32 " inputs, input %" PRIu32 " is missing", count, i);
    }
    return EP_OK;
}

ep_status ep__check_rank(const ep_tensor *tensor, int least, int most, ep_error *err)
{
    const int rank = tensor->shape.rank;
    if (rank >= least && rank <= most) return EP_OK;
    char text[EP_SHAPE_TEXT];
    ep_shape_text(&tensor->shape, text);
    if (least == most) {
        return ep_fail(err, EP_BAD_SHAPE, "input '%s' (%s) has %d dimensions; it must have %d",
                       tensor->name, text, rank, least);
    }
    return ep_fail(err, EP_BAD_SHAPE, "input '%s' (%s) has %d dimensions; it must have %d to %d",
                   tensor->name, text, rank, least, most);
}

ep_status ep__axis(int64_t axis, int rank, int *out, ep_error *err)
{
    EP_FAIL_IF(axis < -rank || axis >= rank, err, EP_BAD_SHAPE,
               "axis %" PRId64 " is outside %d..%d", axis, -rank, rank - 1);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return EP_OK;
}

ep_status ep__axis_attr(const ep_node *node, const char *name, int64_t otherwise, int rank,
                        int *out, ep_error *err)
{
    return ep__axis(ep_attr_int(node, name, otherwise), rank, out, err);
}

ep_status ep__depends_on(const ep_tensor *tensor, ep_error *err)
{
    if (tensor->constness == EP_CONST_UNKNOWN) {
        return ep_fail(err, EP_UNSUPPORTED,
                       "its output shape depends on the value of constant '%s', which is not in "
                       "the file or too large to compute; state the output's shape in the file",
                       tensor->name);
    }
    return ep_fail(err, EP_UNSUPPORTED,
                   "its output shape depends on data (input '%s'); state it in the file",
                   tensor->name);
}

static bool value_at_hand(const ep_tensor *tensor)
{
    return tensor->constness == EP_CONST_DATA || tensor->constness == EP_CONST_SPLAT;
}

/* Checks that a constant's value is there and that it has at most `capacity` elements. */
static ep_status check_value(const ep_tensor *tensor, uint64_t capacity, uint64_t *elements,
                             ep_error *err)
{
    EP_TRY(ep_shape_elements(&tensor->shape, elements, err));
    EP_FAIL_IF(*elements > capacity, err, EP_BAD_MODEL,
               "input '%s' has %" PRIu64 " elements; at most %" PRIu64 " are allowed", tensor->name,
               *elements, capacity);
    if (*elements > 0 && !value_at_hand(tensor)) return ep__depends_on(tensor, err);
    return EP_OK;
}

static ep_status read_ints_input(const ep_tensor *tensor, ep__ints *out, ep_error *err)
{
    const uint32_t capacity = sizeof out->values / sizeof out->values[0];
    uint64_t elements;
    EP_TRY(check_value(tensor, capacity, &elements, err));
    if (elements == 0) return EP_OK;
    EP_FAIL_IF(!ep_tensor_ints(tensor, out->values, capacity, &out->count), err, EP_BAD_MODEL,
               "input '%s' is of type %s; it must be int64", tensor->name,
               ep_dtype_name(tensor->dtype));
    return EP_OK;
}

ep_status ep__read_ints_attr(const ep_node *node, const char *attr, ep__ints *out, ep_error *err)
{
    const uint32_t capacity = sizeof out->values / sizeof out->values[0];
    const ep_attr *found = ep_attr_find(node, attr);
    *out = (ep__ints){.given = found != NULL};
    if (!found) return EP_OK;
    EP_FAIL_IF(found->type != EP_ATTR_INTS, err, EP_BAD_MODEL,
               "attribute '%s' is not a list of integers", attr);
    EP_FAIL_IF(found->count > capacity, err, EP_BAD_MODEL,
               "attribute '%s' has %" PRIu32 " values; at most %" PRIu32 " are allowed", attr,
               found->count, capacity);
    out->count = found->count;
    if (found->count > 0) memcpy(out->values, found->ints, found->count * sizeof out->values[0]);
    return EP_OK;
}

ep_status ep__read_ints(const ep_network *network, const ep_node *node, uint32_t input,
                        const char *attr, ep__ints *out, ep_error *err)
{
    const ep_tensor *tensor = ep_node_input(network, node, input);
    *out = (ep__ints){.given = tensor != NULL};
    if (tensor) return read_ints_input(tensor, out, err);
    return attr ? ep__read_ints_attr(node, attr, out, err) : EP_OK;
}

ep_status ep__need_ints(const ep_network *network, const ep_node *node, uint32_t input,
                        const char *attr, int count, ep__ints *out, ep_error *err)
{
    EP_TRY(ep__read_ints(network, node, input, attr, out, err));
    const ep_tensor *tensor = ep_node_input(network, node, input);
    const char *kind = tensor ? "input" : "attribute";
    const char *name = tensor ? tensor->name : attr ? attr : "";
    EP_FAIL_IF(!out->given && !attr, err, EP_BAD_MODEL, "input %" PRIu32 " is missing", input);
    EP_FAIL_IF(!out->given, err, EP_BAD_MODEL, "attribute '%s' is missing", name);
    EP_FAIL_IF(out->count != (uint32_t)count, err, EP_BAD_MODEL,
               "%s '%s' has %" PRIu32 " values; it must have %d", kind, name, out->count, count);
    return EP_OK;
}

ep_status ep__read_reals(const ep_tensor *tensor, double values[2 * EP_MAX_RANK], uint32_t *count,
                         ep_error *err)
{
    uint64_t elements;
    EP_TRY(check_value(tensor, 2 * EP_MAX_RANK, &elements, err));
    const bool addressable = ep_dtype_bits(tensor->dtype) >= 8 && !tensor->varint;
    for (uint64_t i = 0; i < elements; i++) {
        ep_tensor one = *tensor;
        one.shape.rank = 0;
        if (one.constness == EP_CONST_DATA && addressable) {
            one.data_bytes = ep_dtype_bytes(one.dtype, 1);
            one.data = (const uint8_t *)one.data + i * one.data_bytes;
        }
        EP_FAIL_IF((i > 0 && !addressable) || !ep_tensor_scalar(&one, &values[i]), err,
                   EP_BAD_MODEL, "input '%s' is of type %s, which cannot be read as numbers here",
                   tensor->name, ep_dtype_name(tensor->dtype));
    }
    *count = (uint32_t)elements;
    return EP_OK;
}

ep_status ep__read_scalar(const ep_tensor *tensor, double *value, ep_error *err)
{
    double values[2 * EP_MAX_RANK];
    uint32_t count;
    EP_TRY(ep__read_reals(tensor, values, &count, err));
    EP_FAIL_IF(count != 1, err, EP_BAD_MODEL, "input '%s' has %" PRIu32 " elements; it must have 1",
               tensor->name, count);
    *value = values[0];
    return EP_OK;
}

ep_status ep__read_int(const ep_tensor *tensor, int64_t *value, ep_error *err)
{
    double real = 0;
    EP_TRY(ep__read_scalar(tensor, &real, err));
    EP_FAIL_IF(!(real >= -(double)MAX_DIM && real <= (double)MAX_DIM), err, EP_BAD_SHAPE,
               "input '%s' is %g; at most 2^62 is allowed", tensor->name, real);
    *value = (int64_t)real;
    return EP_OK;
}

ep_status ep__axis_bits(const ep__ints *list, int rank, unsigned *bits, ep_error *err)
{
    *bits = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        int axis = 0;
        EP_TRY(ep__axis(list->values[i], rank, &axis, err));
        EP_FAIL_IF(*bits >> axis & 1u, err, EP_BAD_SHAPE, "axis %d is named twice", axis);
        *bits |= 1u << axis;
    }
    return EP_OK;
}

/* ---- results ------------------------------------------------------------------------------- */

int64_t ep__dim_mul(int64_t a, int64_t b)
{
    int64_t product;
    return EP_MUL_OVERFLOW(a, b, &product) ? INT64_MAX : product;
}

int64_t ep__dim_add(int64_t a, int64_t b)
{
    int64_t sum;
    return EP_ADD_OVERFLOW(a, b, &sum) ? INT64_MAX : sum;
}

int64_t ep__dim_product(const ep_shape *shape, int first, int last)
{
    int64_t product = 1;
    for (int i = first; i < last; i++) product = ep__dim_mul(product, shape->dims[i]);
    return product;
}

ep_status ep__broadcast(ep__result *result, const ep_tensor *with, ep_error *err)
{
    const ep_shape *a = &result->shape, *b = &with->shape;
    const int rank = a->rank > b->rank ? a->rank : b->rank;
    ep__result wide = {.shape.rank = 0};
    for (int i = 0; i < rank; i++) {
        const int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        const int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        if (da != db && da != 1 && db != 1) {
            char text_a[EP_SHAPE_TEXT], text_b[EP_SHAPE_TEXT];
            return ep_fail(err, EP_BAD_SHAPE,
                           "shapes %s and %s (input '%s') do not broadcast: %" PRId64
                           " against %" PRId64,
                           ep_shape_text(a, text_a), ep_shape_text(b, text_b), with->name, da, db);
        }
        const bool symbolic =
            (ia >= 0 && (result->symbolic >> ia & 1u)) || (ib >= 0 && ep__symbolic(with, ib));
        ep__push(&wide, da == 1 ? db : da, symbolic);
    }
    *result = wide;
    return EP_OK;
}

ep_status ep__set_output(ep_network *network, const ep_node *node, uint32_t i, ep_dtype dtype,
                         const ep__result *result, ep_error *err)
{
    const ep_shape *shape = &result->shape;
    EP_FAIL_IF(shape->rank > EP_MAX_RANK, err, EP_BAD_SHAPE,
               "its output has %d dimensions; at most %d are supported", shape->rank, EP_MAX_RANK);
    for (int axis = 0; axis < shape->rank; axis++) {
        const int64_t dim = shape->dims[axis];
        EP_FAIL_IF(dim < 0 || dim > MAX_DIM, err, EP_BAD_SHAPE,
                   "dimension %d of its output is %" PRId64 "; 0..2^62 is allowed", axis, dim);
    }
    uint64_t elements;
    EP_TRY(ep_shape_elements(shape, &elements, err));
    ep_tensor *output = ep_node_output(network, node, i);
    if (!output) return EP_OK;
    if (dtype != EP_DTYPE_UNDEFINED) output->dtype = dtype;
    output->has_shape = true;
    output->shape = *shape;
    output->was_symbolic = (uint8_t)result->symbolic;
    return EP_OK;
}

ep_status ep__set_like(ep_network *network, const ep_node *node, uint32_t i, ep_dtype dtype,
                       const ep_tensor *tensor, ep_error *err)
{
    const ep__result result = ep__like(tensor);
    return ep__set_output(network, node, i, dtype, &result, err);
}

ep_status ep__dtype_attr(const ep_node *node, const char *name, ep_dtype otherwise, ep_dtype *out,
                         ep_error *err)
{
    const int64_t number = ep_attr_int(node, name, (int64_t)otherwise);
    EP_FAIL_IF(number != (int64_t)otherwise && !ep_dtype_valid(number), err, EP_BAD_MODEL,
               "attribute '%s' is %" PRId64 ", which is no element type", name, number);
    *out = (ep_dtype)number;
    return EP_OK;
}
