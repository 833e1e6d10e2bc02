/* Operators that pick elements by indices. */
#include <string.h>

#include "engine/kernels.h"

/* `index` counted from the front of `bound` elements, -1 when it is out of range. */
static inline int64_t from_front(int64_t index, int64_t bound)
{
    return index < -bound || index >= bound ? -1 : index < 0 ? index + bound : index;
}

static ep_status out_of_range(int64_t index, int64_t bound, ep_error *err)
{
    return ep_fail(err, EP_BAD_MODEL, "index %lld is outside [%lld, %lld]", (long long)index,
                   -(long long)bound, (long long)bound - 1);
}

ep_status ep__kernel_Gather(ep__call *call, ep_error *err)
{
    const ep_array *data = ep__in(call, 0), *indices = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const int64_t *index;
    size_t size;
    int axis;
    EP_TRY(ep__element_size(data->dtype, &size, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), data->shape.rank, &axis, err));
    EP_TRY(ep__int_values(call, indices, &index, err));
    const int64_t outer = ep__product(&data->shape, 0, axis), bound = data->shape.dims[axis];
    const int64_t inner = ep__product(&data->shape, axis + 1, data->shape.rank);
    if ((uint64_t)(outer * inner) * indices->n != out->n) return ep__bad_out_shape(out, err);
    const size_t run = (size_t)inner * size;
    char *to = out->data;
    for (int64_t o = 0; o < outer; o++) {
        const char *from = (const char *)data->data + (size_t)(o * bound) * run;
        for (uint64_t i = 0; i < indices->n; i++, to += run) {
            const int64_t at = from_front(index[i], bound);
            if (at < 0) return out_of_range(index[i], bound, err);
            memcpy(to, from + (size_t)at * run, run);
        }
    }
    return EP_OK;
}

/* ---- along an axis ------------------------------------------------------------------------- */

/* GatherElements, ScatterElements: walks `indices` (array 0) and `data` (array 1) in step, the
 * index replacing the coordinate on `axis`. */
static ep_status element_walk(const ep_array *indices, const ep_array *data, int axis,
                              ep__walk *walk, ep_error *err)
{
    *walk = ep__walk_over(&indices->shape);
    (void)ep__walk_add(walk, &indices->shape);
    ep__strides(&data->shape, walk->strides[1]);
    walk->strides[1][axis] = 0;
    walk->arrays = 2;
    for (int i = 0; i < data->shape.rank; i++) {
        EP_FAIL_IF(i != axis && indices->shape.dims[i] > data->shape.dims[i], err, EP_BAD_SHAPE,
                   "dimension %d of the indices is %lld, more than the data's %lld", i,
                   (long long)indices->shape.dims[i], (long long)data->shape.dims[i]);
    }
    return EP_OK;
}

ep_status ep__kernel_GatherElements(ep__call *call, ep_error *err)
{
    const ep_array *data = ep__in(call, 0), *indices = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const int64_t *index;
    ep__walk walk;
    size_t size;
    int axis;
    EP_TRY(ep__element_size(data->dtype, &size, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), data->shape.rank, &axis, err));
    EP_TRY(ep__int_values(call, indices, &index, err));
    if (indices->shape.rank != data->shape.rank || out->n != indices->n) {
        return ep__bad_out_shape(out, err);
    }
    EP_TRY(element_walk(indices, data, axis, &walk, err));
    const int64_t bound = data->shape.dims[axis];
    const int64_t stride = ep__product(&data->shape, axis + 1, data->shape.rank);
    const char *from = data->data;
    char *to = out->data;
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        for (int64_t i = 0; i < walk.row; i++, to += size) {
            const int64_t picked = from_front(index[walk.at[0] + i], bound);
            if (picked < 0) return out_of_range(index[walk.at[0] + i], bound, err);
            const int64_t at = picked * stride + walk.at[1] + i * walk.step[1];
            memcpy(to, from + (size_t)at * size, size);
        }
    }
    return EP_OK;
}

static ep_status read_reduction(const ep__call *call, ep_dtype dtype, ep__binary_loop *loop,
                                ep_error *err)
{
    static const char *const names[] = {
        [EP__SET] = "none", [EP__ADD] = "add", [EP__MUL] = "mul",
        [EP__MAX] = "max",  [EP__MIN] = "min",
    };
    const char *name = ep_attr_string(call->node, "reduction", "none");
    *loop = NULL;
    for (ep__reduction r = EP__SET; r <= EP__MIN; r++) {
        if (strcmp(name, names[r]) != 0) continue;
        if (r == EP__SET) return EP_OK;
        *loop = ep__reduction_loop(r, dtype);
        return *loop ? EP_OK : ep__bad_dtype(ep__in(call, 0), err);
    }
    return ep_fail(err, EP_BAD_MODEL, "'reduction' is none, add, mul, max or min, not '%s'", name);
}

/* Puts `n` elements of `size` bytes, or reduces them with those that are there. */
static void put(ep__binary_loop loop, size_t n, size_t size, void *to, const void *from)
{
    if (loop) {
        loop(n, to, 1, from, 1, to);
    } else {
        memcpy(to, from, n * size);
    }
}

ep_status ep__kernel_ScatterElements(ep__call *call, ep_error *err)
{
    const ep_array *data = ep__in(call, 0), *indices = ep__in(call, 1), *updates = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    const int64_t *index;
    ep__binary_loop loop;
    ep__walk walk;
    size_t size;
    int axis;
    EP_TRY(ep__element_size(data->dtype, &size, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), data->shape.rank, &axis, err));
    EP_TRY(ep__int_values(call, indices, &index, err));
    EP_TRY(read_reduction(call, data->dtype, &loop, err));
    if (indices->shape.rank != data->shape.rank || updates->dtype != data->dtype ||
        updates->n != indices->n || out->n != data->n) {
        return ep__bad_out_shape(out, err);
    }
    EP_TRY(element_walk(indices, data, axis, &walk, err));
    memcpy(out->data, data->data, (size_t)data->n * size);
    const int64_t bound = data->shape.dims[axis];
    const int64_t stride = ep__product(&data->shape, axis + 1, data->shape.rank);
    const char *from = updates->data;
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        for (int64_t i = 0; i < walk.row; i++, from += size) {
            const int64_t picked = from_front(index[walk.at[0] + i], bound);
            if (picked < 0) return out_of_range(index[walk.at[0] + i], bound, err);
            const int64_t at = picked * stride + walk.at[1] + i * walk.step[1];
            put(loop, 1, size, (char *)out->data + (size_t)at * size, from);
        }
    }
    return EP_OK;
}

ep_status ep__kernel_Scatter(ep__call *call, ep_error *err)
{
    return ep__kernel_ScatterElements(call, err);
}

/* ---- by coordinates ------------------------------------------------------------------------ */

/* How GatherND and ScatterND read `indices`: `batches` times `tuples` tuples of `depth`
 * coordinates, each the place of `run` elements. */
typedef struct tuples {
    int64_t batches, tuples, run;
    int64_t batch_size; /* elements of `data` that a batch covers */
    int depth;
    int64_t bounds[EP_MAX_RANK], strides[EP_MAX_RANK]; /* per coordinate; strides in elements */
    const int64_t *index;
} tuples;

static ep_status read_tuples(const ep__call *call, int64_t batch_dims, tuples *t, ep_error *err)
{
    const ep_array *data = ep__in(call, 0), *indices = ep__in(call, 1);
    const int rank = data->shape.rank, last = indices->shape.rank - 1;
    EP_FAIL_IF(last < 0 || rank < 1, err, EP_BAD_MODEL, "data and indices cannot be scalars");
    EP_FAIL_IF(batch_dims < 0 || batch_dims > last || batch_dims >= rank, err, EP_BAD_MODEL,
               "'batch_dims' %lld is outside [0, %d]", (long long)batch_dims,
               last < rank ? last : rank - 1);
    const int batch = (int)batch_dims;
    const int64_t depth = indices->shape.dims[last];
    EP_FAIL_IF(depth < 1 || depth > rank - batch, err, EP_BAD_SHAPE,
               "tuples of %lld indices; 1 to %d are possible", (long long)depth, rank - batch);
    for (int i = 0; i < batch; i++) {
        EP_FAIL_IF(data->shape.dims[i] != indices->shape.dims[i], err, EP_BAD_SHAPE,
                   "batch dimension %d is %lld in the data, %lld in the indices", i,
                   (long long)data->shape.dims[i], (long long)indices->shape.dims[i]);
    }
    *t = (tuples){.batches = ep__product(&indices->shape, 0, batch),
                  .tuples = ep__product(&indices->shape, batch, last),
                  .run = ep__product(&data->shape, batch + (int)depth, rank),
                  .batch_size = ep__product(&data->shape, batch, rank),
                  .depth = (int)depth};
    for (int i = 0; i < t->depth; i++) {
        t->bounds[i] = data->shape.dims[batch + i];
        t->strides[i] = ep__product(&data->shape, batch + i + 1, rank);
    }
    return ep__int_values(call, indices, &t->index, err);
}

/* The element where tuple `i` of all batches' begins. */
static ep_status place(const tuples *t, int64_t i, int64_t *out, ep_error *err)
{
    *out = i / t->tuples * t->batch_size;
    for (int k = 0; k < t->depth; k++) {
        const int64_t index = t->index[i * t->depth + k], at = from_front(index, t->bounds[k]);
        if (at < 0) return out_of_range(index, t->bounds[k], err);
        *out += at * t->strides[k];
    }
    return EP_OK;
}

ep_status ep__kernel_GatherND(ep__call *call, ep_error *err)
{
    const ep_array *data = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    tuples t;
    size_t size;
    EP_TRY(ep__element_size(data->dtype, &size, err));
    EP_TRY(read_tuples(call, ep_attr_int(call->node, "batch_dims", 0), &t, err));
    const int64_t count = t.batches * t.tuples;
    if ((uint64_t)(count * t.run) != out->n) return ep__bad_out_shape(out, err);
    const size_t run = (size_t)t.run * size;
    char *to = out->data;
    for (int64_t i = 0; i < count; i++, to += run) {
        int64_t at;
        EP_TRY(place(&t, i, &at, err));
        memcpy(to, (const char *)data->data + (size_t)at * size, run);
    }
    return EP_OK;
}

ep_status ep__kernel_ScatterND(ep__call *call, ep_error *err)
{
    const ep_array *data = ep__in(call, 0), *updates = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    ep__binary_loop loop;
    tuples t;
    size_t size;
    EP_TRY(ep__element_size(data->dtype, &size, err));
    EP_TRY(read_tuples(call, 0, &t, err));
    EP_TRY(read_reduction(call, data->dtype, &loop, err));
    if ((uint64_t)(t.tuples * t.run) != updates->n || updates->dtype != data->dtype ||
        out->n != data->n) {
        return ep__bad_out_shape(out, err);
    }
    memcpy(out->data, data->data, (size_t)data->n * size);
    const char *from = updates->data;
    for (int64_t i = 0; i < t.tuples; i++, from += (size_t)t.run * size) {
        int64_t at;
        EP_TRY(place(&t, i, &at, err));
        put(loop, (size_t)t.run, size, (char *)out->data + (size_t)at * size, from);
    }
    return EP_OK;
}

/* ---- selection ----------------------------------------------------------------------------- */

ep_status ep__kernel_Compress(ep__call *call, ep_error *err)
{
    const ep_array *data = ep__in(call, 0), *condition = ep__in(call, 1);
    const bool flat = !ep_attr_find(call->node, "axis");
    const uint8_t *keep = condition->data;
    size_t size;
    int axis = 0;
    EP_TRY(ep__element_size(data->dtype, &size, err));
    EP_FAIL_IF(condition->dtype != EP_DTYPE_BOOL, err, EP_BAD_MODEL, "the condition is %s",
               ep_dtype_name(condition->dtype));
    ep_shape shape = data->shape; /* without an axis: of the flattened data */
    if (flat) {
        shape = (ep_shape){.rank = 1, .dims = {(int64_t)data->n}};
    } else {
        EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), shape.rank, &axis, err));
    }
    const int64_t outer = ep__product(&shape, 0, axis), bound = shape.dims[axis];
    const size_t run = (size_t)ep__product(&shape, axis + 1, shape.rank) * size;
    EP_FAIL_IF(condition->n > (uint64_t)bound, err, EP_BAD_SHAPE,
               "a condition of %llu elements for %lld", (unsigned long long)condition->n,
               (long long)bound);
    shape.dims[axis] = 0;
    for (uint64_t i = 0; i < condition->n; i++) shape.dims[axis] += keep[i] != 0;
    EP_TRY(ep__make_out(call, 0, data->dtype, &shape, err));
    char *to = call->outputs[0].data;
    for (int64_t o = 0; o < outer; o++) {
        const char *from = (const char *)data->data + (size_t)(o * bound) * run;
        for (uint64_t i = 0; i < condition->n; i++) {
            if (!keep[i]) continue;
            memcpy(to, from + i * run, run);
            to += run;
        }
    }
    return EP_OK;
}

ep_status ep__kernel_NonZero(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    uint8_t *nonzero = EP_NEW(call->scratch, uint8_t, in->n);
    if (!nonzero) return ep_fail_memory(err);
    if (ep__wide(in->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(in, err);
    ep__convert(EP_DTYPE_BOOL, nonzero, in->dtype, in->data, in->n, false);
    /* a scalar counts as one element of rank 1 */
    ep_shape dims = in->shape;
    if (dims.rank == 0) dims = (ep_shape){.rank = 1, .dims = {1}};
    ep_shape shape = {.rank = 2, .dims = {dims.rank, 0}};
    for (uint64_t i = 0; i < in->n; i++) shape.dims[1] += nonzero[i] != 0;
    EP_TRY(ep__make_out(call, 0, EP_DTYPE_INT64, &shape, err));
    int64_t *to = call->outputs[0].data, found = 0;
    for (uint64_t i = 0; i < in->n; i++) {
        if (!nonzero[i]) continue;
        uint64_t rest = i;
        for (int axis = dims.rank - 1; axis >= 0; axis--) {
            to[axis * shape.dims[1] + found] = (int64_t)(rest % (uint64_t)dims.dims[axis]);
            rest /= (uint64_t)dims.dims[axis];
        }
        found++;
    }
    return EP_OK;
}

/* ---- ReverseSequence ----------------------------------------------------------------------- */

ep_status ep__kernel_ReverseSequence(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *lengths = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const int64_t time_axis = ep_attr_int(call->node, "time_axis", 0);
    const int64_t batch_axis = ep_attr_int(call->node, "batch_axis", 1);
    const int64_t *length;
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    EP_TRY(ep__int_values(call, lengths, &length, err));
    EP_FAIL_IF(in->shape.rank < 2 || time_axis + batch_axis != 1 || time_axis * batch_axis != 0,
               err, EP_BAD_MODEL, "time and batch must be axes 0 and 1");
    const int64_t *d = in->shape.dims, batches = d[batch_axis], steps = d[time_axis];
    if (lengths->n != (uint64_t)batches || out->n != in->n) return ep__bad_out_shape(out, err);
    const size_t run = (size_t)ep__product(&in->shape, 2, in->shape.rank) * size;
    const size_t time_pitch = time_axis == 0 ? (size_t)d[1] * run : run;
    const size_t batch_pitch = time_axis == 0 ? run : (size_t)d[1] * run;
    for (int64_t b = 0; b < batches; b++) {
        EP_FAIL_IF(length[b] < 0 || length[b] > steps, err, EP_BAD_MODEL,
                   "sequence length %lld is outside [0, %lld]", (long long)length[b],
                   (long long)steps);
        for (int64_t t = 0; t < steps; t++) {
            const int64_t source = t < length[b] ? length[b] - 1 - t : t;
            const size_t base = (size_t)b * batch_pitch;
            memcpy((char *)out->data + base + (size_t)t * time_pitch,
                   (const char *)in->data + base + (size_t)source * time_pitch, run);
        }
    }
    return EP_OK;
}
