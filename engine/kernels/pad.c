/* Pad, CenterCropPad and Trilu. */
#include <string.h>

#include "engine/kernels.h"

typedef enum pad_mode { CONSTANT, EDGE, REFLECT, WRAP } pad_mode;

/* Which element of `dim` position `i` shows, the mode not being CONSTANT. dim > 0. */
static int64_t source_of(pad_mode mode, int64_t i, int64_t dim)
{
    if (i >= 0 && i < dim) return i;
    if (mode == EDGE) return i < 0 ? 0 : dim - 1;
    const int64_t period = mode == WRAP ? dim : dim > 1 ? 2 * (dim - 1) : 1;
    int64_t at = i % period;
    if (at < 0) at += period;
    return at < dim ? at : period - at;
}

static ep_status read_mode(const ep__call *call, pad_mode *mode, ep_error *err)
{
    static const char *const names[] = {
        [CONSTANT] = "constant", [EDGE] = "edge", [REFLECT] = "reflect", [WRAP] = "wrap"};
    const char *name = ep_attr_string(call->node, "mode", "constant");
    for (*mode = CONSTANT; *mode <= WRAP; ++*mode) {
        if (strcmp(name, names[*mode]) == 0) return EP_OK;
    }
    return ep_fail(err, EP_BAD_MODEL, "'mode' is constant, edge, reflect or wrap, not '%s'", name);
}

/* pads[axis]: how many elements come before the first one; negative cuts off. */
static ep_status read_pads(const ep__call *call, int64_t pads[EP_MAX_RANK], ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    const int64_t *values, *axes;
    uint32_t n, n_axes;
    const int rank = in->shape.rank;
    EP_TRY(ep__ints_or_attr(call, 1, "pads", &values, &n, err));
    EP_TRY(ep__ints_or_attr(call, 3, "", &axes, &n_axes, err));
    if (!axes) n_axes = (uint32_t)rank;
    EP_FAIL_IF(n_axes > (uint32_t)rank || n != 2 * n_axes, err, EP_BAD_MODEL,
               "%u pads for %u axes of %d dimensions", n, n_axes, rank);
    if (out->shape.rank != rank) return ep__bad_out_shape(out, err);
    memset(pads, 0, EP_MAX_RANK * sizeof *pads);
    for (uint32_t i = 0; i < n_axes; i++) {
        int axis;
        EP_TRY(ep__front_axis(axes ? axes[i] : (int64_t)i, rank, &axis, err));
        const int64_t bound = (int64_t)1 << 40;
        EP_FAIL_IF(values[i] < -bound || values[i] > bound, err, EP_BAD_SHAPE,
                   "a pad of %lld is outside [-2^40, 2^40]", (long long)values[i]);
        pads[axis] = values[i];
    }
    return EP_OK;
}

/* Per axis of the output and position: offset in the input in elements. */
static ep_status make_tables(const ep__call *call, pad_mode mode, const int64_t pads[EP_MAX_RANK],
                             int64_t *tables[EP_MAX_RANK], ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    int64_t strides[EP_MAX_RANK];
    ep__strides(&in->shape, strides);
    for (int axis = 0; axis < in->shape.rank; axis++) {
        const int64_t dim = in->shape.dims[axis], result = out->shape.dims[axis];
        EP_FAIL_IF(dim == 0 && result > 0, err, EP_BAD_SHAPE,
                   "axis %d is empty: there is nothing to pad it with", axis);
        tables[axis] = EP_NEW(call->scratch, int64_t, (uint64_t)result);
        if (!tables[axis]) return ep_fail_memory(err);
        for (int64_t i = 0; i < result; i++) {
            tables[axis][i] = source_of(mode, i - pads[axis], dim) * strides[axis];
        }
    }
    return EP_OK;
}

static ep_status read_fill(const ep__call *call, size_t size, unsigned char fill[16], ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *value = ep__in(call, 2);
    memset(fill, 0, 16);
    if (value) {
        EP_FAIL_IF(value->n != 1 || value->dtype != in->dtype, err, EP_BAD_MODEL,
                   "the padding value must be one %s", ep_dtype_name(in->dtype));
        memcpy(fill, value->data, size);
    } else if (ep__is_narrow(in->dtype) || ep_dtype_is_float(in->dtype)) {
        const double number = (double)ep_attr_float(call->node, "value", 0);
        ep__convert(in->dtype, fill, EP_DTYPE_DOUBLE, &number, 1, false);
    }
    return EP_OK;
}

static ep_status pad_by_tables(const ep__call *call, pad_mode mode, const int64_t pads[EP_MAX_RANK],
                               size_t size, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    int64_t *tables[EP_MAX_RANK], position[EP_MAX_RANK] = {0};
    EP_TRY(make_tables(call, mode, pads, tables, err));
    char *to = out->data;
    for (uint64_t i = 0; i < out->n; i++, to += size) {
        int64_t at = 0;
        for (int axis = 0; axis < out->shape.rank; axis++) at += tables[axis][position[axis]];
        memcpy(to, (const char *)in->data + (size_t)at * size, size);
        for (int axis = out->shape.rank - 1; axis >= 0; axis--) {
            if (++position[axis] < out->shape.dims[axis]) break;
            position[axis] = 0;
        }
    }
    return EP_OK;
}

/* Copies what input and output have in common, the rest of which is `fill`. */
static void place(uint32_t threads, const ep_array *in, ep_array *out,
                  const int64_t pads[EP_MAX_RANK], size_t size, const unsigned char fill[16])
{
    ep__walk walk = {.rank = out->shape.rank, .arrays = 2};
    ep__strides(&out->shape, walk.strides[0]);
    ep__strides(&in->shape, walk.strides[1]);
    for (int i = 0; i < walk.rank; i++) {
        const int64_t to = pads[i] > 0 ? pads[i] : 0, from = pads[i] < 0 ? -pads[i] : 0;
        const int64_t room = out->shape.dims[i] - to, there = in->shape.dims[i] - from;
        const int64_t common = room < there ? room : there;
        walk.dims[i] = common > 0 ? common : 0;
        walk.at[0] += to * walk.strides[0][i];
        walk.at[1] += from * walk.strides[1][i];
    }
    ep__fill(out->data, out->n, fill, size);
    ep__copy(threads, &walk, size, out->data, in->data);
}

ep_status ep__kernel_Pad(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    unsigned char fill[16];
    int64_t pads[EP_MAX_RANK];
    pad_mode mode;
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    EP_TRY(read_mode(call, &mode, err));
    EP_TRY(read_pads(call, pads, err));
    if (mode != CONSTANT) return pad_by_tables(call, mode, pads, size, err);
    EP_TRY(read_fill(call, size, fill, err));
    place(call->threads, in, ep__out(call, 0), pads, size, fill);
    return EP_OK;
}

/* The shape function gave the output the size asked for; an odd element comes or goes behind. */
ep_status ep__kernel_CenterCropPad(ep__call *call, ep_error *err)
{
    static const unsigned char zeros[16];
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    int64_t pads[EP_MAX_RANK];
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    if (in->dtype != out->dtype || in->shape.rank != out->shape.rank) {
        return ep__bad_out_shape(out, err);
    }
    for (int i = 0; i < in->shape.rank; i++) {
        pads[i] = (out->shape.dims[i] - in->shape.dims[i]) / 2;
    }
    place(call->threads, in, out, pads, size, zeros);
    return EP_OK;
}

ep_status ep__kernel_Trilu(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *k = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const bool upper = ep_attr_int(call->node, "upper", 1) != 0;
    const int rank = in->shape.rank;
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    EP_FAIL_IF(rank < 2, err, EP_BAD_MODEL, "needs at least 2 dimensions, got %d", rank);
    EP_FAIL_IF(k && (k->n != 1 || k->dtype != EP_DTYPE_INT64), err, EP_BAD_MODEL,
               "the diagonal must be one int64");
    if (out->n != in->n) return ep__bad_out_shape(out, err);
    const int64_t rows = in->shape.dims[rank - 2], columns = in->shape.dims[rank - 1];
    int64_t diagonal = k ? *(const int64_t *)k->data : 0;
    if (diagonal > columns) diagonal = columns;
    if (diagonal < -rows) diagonal = -rows;
    const int64_t matrices = ep__product(&in->shape, 0, rank - 2);
    memset(out->data, 0, (size_t)out->n * size);
    for (int64_t i = 0; i < matrices * rows; i++) {
        /* column at which this row crosses the diagonal; the lower part includes it */
        int64_t cross = i % rows + diagonal + (upper ? 0 : 1);
        cross = cross < 0 ? 0 : cross > columns ? columns : cross;
        const int64_t begin = upper ? cross : 0, end = upper ? columns : cross;
        const size_t at = (size_t)(i * columns + begin) * size;
        memcpy((char *)out->data + at, (const char *)in->data + at, (size_t)(end - begin) * size);
    }
    return EP_OK;
}
