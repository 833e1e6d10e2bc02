/* MaxUnpool and Col2Im: what poolings and convolutions took apart, put together again. */
#include <math.h>
#include <string.h>

#include "engine/window.h"

/* ---- MaxUnpool ----------------------------------------------------------------------------- */

/* The shape that the indices count in: what the pooling's input was, or output_shape may be larger
 * and then holds it in its corner. */
static ep_status pooled_from(const ep__call *call, ep_shape *shape, ep_error *err)
{
    const int spatial = shape->rank - 2;
    const char *const names[] = {"kernel_shape", "strides", "pads"};
    const ep_attr *attrs[3];
    for (int i = 0; i < 3; i++) {
        attrs[i] = ep_attr_find(call->node, names[i]);
        const uint32_t count = (uint32_t)(i == 2 ? 2 * spatial : spatial);
        const bool fits = attrs[i] && attrs[i]->type == EP_ATTR_INTS && attrs[i]->count == count;
        EP_FAIL_IF(!fits && (attrs[i] || i == 0), err, EP_BAD_MODEL, "'%s' must be %u integers",
                   names[i], count);
    }
    for (int i = 0; i < spatial; i++) {
        const int64_t stride = attrs[1] ? attrs[1]->ints[i] : 1, kernel = attrs[0]->ints[i];
        int64_t *dim = &shape->dims[2 + i], pads = 0, size;
        const bool overflow =
            (attrs[2] && EP_ADD_OVERFLOW(attrs[2]->ints[i], attrs[2]->ints[spatial + i], &pads)) ||
            EP_MUL_OVERFLOW(*dim - 1, stride, &size) || EP_ADD_OVERFLOW(size, kernel, &size) ||
            EP_SUB_OVERFLOW(size, pads, &size);
        EP_FAIL_IF(overflow || size < 0, err, EP_BAD_SHAPE,
                   "kernel, stride and pads of axis %d give no size", i + 2);
        *dim = size;
    }
    return EP_OK;
}

ep_status ep__kernel_MaxUnpool(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *indices = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const int64_t *at;
    size_t size;
    int64_t strides[EP_MAX_RANK];
    ep_shape from = in->shape;
    uint64_t elements;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    EP_TRY(ep__int_values(call, indices, &at, err));
    if (indices->n != in->n || from.rank < 3 || out->shape.rank != from.rank) {
        return ep__bad_out_shape(out, err);
    }
    EP_TRY(pooled_from(call, &from, err));
    EP_TRY(ep_shape_elements(&from, &elements, err));
    for (int i = 0; i < from.rank; i++) {
        if (from.dims[i] > out->shape.dims[i]) return ep__bad_out_shape(out, err);
    }
    ep__strides(&out->shape, strides);
    memset(out->data, 0, (size_t)out->n * size);
    for (uint64_t i = 0; i < in->n; i++) {
        EP_FAIL_IF(at[i] < 0 || (uint64_t)at[i] >= elements, err, EP_BAD_MODEL,
                   "index %lld is outside [0, %llu]", (long long)at[i],
                   (unsigned long long)elements - 1);
        int64_t to = 0, rest = at[i];
        for (int k = from.rank - 1; k >= 0; rest /= from.dims[k--]) {
            to += rest % from.dims[k] * strides[k];
        }
        memcpy((char *)out->data + (size_t)to * size, (const char *)in->data + i * size, size);
    }
    return EP_OK;
}

/* ---- Col2Im -------------------------------------------------------------------------------- */

/* Attribute `name` as up to three integers, the last ones of `out`. */
static ep_status read_attr(const ep__call *call, const char *name, uint32_t count, int64_t least,
                           int64_t *out, ep_error *err)
{
    const ep_attr *attr = ep_attr_find(call->node, name);
    if (!attr) return EP_OK;
    EP_FAIL_IF(attr->type != EP_ATTR_INTS || attr->count != count, err, EP_BAD_MODEL,
               "'%s' must be %u integers", name, count);
    for (uint32_t i = 0; i < count; i++) {
        EP_FAIL_IF(attr->ints[i] < least || attr->ints[i] > INT32_MAX, err, EP_BAD_MODEL,
                   "'%s' has the value %lld; %lld..2^31-1 is allowed", name,
                   (long long)attr->ints[i], (long long)least);
        out[i] = attr->ints[i];
    }
    return EP_OK;
}

static ep_status read_sizes(const ep__call *call, uint32_t input, int rank, int64_t *out,
                            ep_error *err)
{
    const ep_array *sizes = ep__in(call, input);
    const int64_t *values;
    EP_TRY(ep__int_values(call, sizes, &values, err));
    if ((int)sizes->n != rank) return ep__bad_out_shape(ep__out(call, 0), err);
    for (int i = 0; i < rank; i++) {
        EP_FAIL_IF(values[i] < 1 || values[i] > INT32_MAX, err, EP_BAD_SHAPE,
                   "input %u has the value %lld; 1..2^31-1 is allowed", input,
                   (long long)values[i]);
        out[i] = values[i];
    }
    return EP_OK;
}

static ep_status col2im_window(const ep__call *call, ep__window *w, ep_error *err)
{
    const int rank = ep__out(call, 0)->shape.rank - 2, lead = 3 - rank;
    int64_t pads[2 * EP_MAX_SPATIAL] = {0};
    *w = (ep__window){.image = {1, 1, 1}};
    for (int i = 0; i < 3; i++) w->kernel[i] = w->stride[i] = w->dilation[i] = w->stops[i] = 1;
    EP_TRY(read_sizes(call, 1, rank, w->image + lead, err));
    EP_TRY(read_sizes(call, 2, rank, w->kernel + lead, err));
    EP_TRY(read_attr(call, "strides", (uint32_t)rank, 1, w->stride + lead, err));
    EP_TRY(read_attr(call, "dilations", (uint32_t)rank, 1, w->dilation + lead, err));
    EP_TRY(read_attr(call, "pads", 2 * (uint32_t)rank, 0, pads, err));
    for (int i = lead; i < 3; i++) {
        w->pad[i] = pads[i - lead];
        const int64_t room = w->image[i] + w->pad[i] + pads[i - lead + rank] - 1 -
                             (w->kernel[i] - 1) * w->dilation[i];
        EP_FAIL_IF(room < 0, err, EP_BAD_SHAPE, "the block does not fit dimension %d of the image",
                   i - lead);
        w->stops[i] = room / w->stride[i] + 1;
    }
    return ep__window_sizes(w, err);
}

typedef struct col2im {
    ep__columns columns;
    const char *in;
    char *out;
} col2im;

static void add_planes(uint64_t begin, uint64_t end, void *context)
{
    const col2im *c = context;
    const ep__window *w = c->columns.window;
    for (uint64_t i = begin; i < end; i++) {
        const int64_t rows = (int64_t)i * w->kernel_size * w->stops_size;
        ep__columns_add(&c->columns, c->in + (size_t)rows * c->columns.size, w->stops_size,
                        c->out + i * (uint64_t)w->image_size * c->columns.size);
    }
}

ep_status ep__kernel_Col2Im(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    ep__window w;
    if (in->dtype != EP_DTYPE_FLOAT && in->dtype != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    if (in->shape.rank != 3 || out->dtype != in->dtype) return ep__bad_out_shape(out, err);
    EP_FAIL_IF(out->shape.rank < 3 || out->shape.rank > 2 + EP_MAX_SPATIAL, err, EP_UNSUPPORTED,
               "images have 1 to 3 dimensions here, not %d", out->shape.rank - 2);
    EP_TRY(col2im_window(call, &w, err));
    const int64_t *dims = out->shape.dims;
    if (dims[0] != in->shape.dims[0] || dims[1] * w.kernel_size != in->shape.dims[1] ||
        w.stops_size != in->shape.dims[2] ||
        ep__product(&out->shape, 2, out->shape.rank) != w.image_size) {
        return ep__bad_out_shape(out, err);
    }
    const size_t size = ep_dtype_bits(in->dtype) / 8;
    col2im c = {.columns = {.window = &w, .size = size, .count = w.stops_size},
                .in = in->data,
                .out = out->data};
    memset(out->data, 0, (size_t)out->n * size);
    ep_parallel(call->threads, (uint64_t)(dims[0] * dims[1]), 1, add_planes, &c);
    return EP_OK;
}
