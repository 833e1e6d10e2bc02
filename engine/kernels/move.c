/* Operators that put elements elsewhere, in a pattern that does not depend on values: each is a
 * walk over strides. */
#include <string.h>

#include "engine/kernels.h"

/* ---- Transpose, Expand, Tile --------------------------------------------------------------- */

ep_status ep__kernel_Transpose(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int rank = in->shape.rank;
    const ep_attr *perm = ep_attr_find(call->node, "perm");
    if (perm && perm->type != EP_ATTR_INTS) perm = NULL;
    EP_FAIL_IF(perm && perm->count != (uint32_t)rank, err, EP_BAD_MODEL,
               "'perm' has %u entries, the input %d dimensions", perm->count, rank);
    if (out->shape.rank != rank) return ep__bad_out_shape(out, err);
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    ep__walk walk = ep__walk_over(&out->shape);
    (void)ep__walk_add(&walk, &out->shape);
    int64_t strides[EP_MAX_RANK];
    ep__strides(&in->shape, strides);
    for (int i = 0; i < rank; i++) {
        int from;
        EP_TRY(ep__front_axis(perm ? perm->ints[i] : rank - 1 - i, rank, &from, err));
        if (in->shape.dims[from] != out->shape.dims[i]) return ep__bad_out_shape(out, err);
        walk.strides[1][i] = strides[from];
    }
    walk.arrays = 2;
    ep__copy(call->threads, &walk, size, out->data, in->data);
    return EP_OK;
}

ep_status ep__kernel_Expand(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    ep__walk walk = ep__walk_over(&out->shape);
    (void)ep__walk_add(&walk, &out->shape);
    if (!ep__walk_add(&walk, &in->shape)) return ep__bad_out_shape(out, err);
    ep__copy(call->threads, &walk, size, out->data, in->data);
    return EP_OK;
}

/* Each dimension d repeated r times is a pair of dimensions, r steps of 0 and d of the stride. */
ep_status ep__kernel_Tile(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    if (out->shape.rank != in->shape.rank) return ep__bad_out_shape(out, err);
    int64_t to[EP_MAX_RANK], from[EP_MAX_RANK];
    ep__strides(&out->shape, to);
    ep__strides(&in->shape, from);
    ep__walk walk = {.rank = 2 * in->shape.rank, .arrays = 2};
    for (int i = 0; i < in->shape.rank; i++) {
        const int64_t dim = in->shape.dims[i], result = out->shape.dims[i];
        if (dim == 0 ? result != 0 : result % dim != 0) return ep__bad_out_shape(out, err);
        walk.dims[2 * i] = dim == 0 ? 0 : result / dim;
        walk.dims[2 * i + 1] = dim;
        walk.strides[0][2 * i] = to[i] * dim;
        walk.strides[0][2 * i + 1] = to[i];
        walk.strides[1][2 * i + 1] = from[i];
    }
    ep__copy(call->threads, &walk, size, out->data, in->data);
    return EP_OK;
}

/* ---- Slice --------------------------------------------------------------------------------- */

/* Where a slice of `dim` begins: negative counts from the end, then clamped to what exists. */
static int64_t slice_begin(int64_t start, int64_t step, int64_t dim)
{
    const int64_t least = 0, most = step < 0 ? dim - 1 : dim;
    if (start < 0) start = start < -dim ? -1 : start + dim;
    return start < least ? least : start > most ? most : start;
}

ep_status ep__kernel_Slice(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int rank = in->shape.rank;
    const int64_t *starts, *axes, *steps;
    uint32_t n, n_axes, n_steps;
    size_t size;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    EP_TRY(ep__ints_or_attr(call, 1, "starts", &starts, &n, err));
    EP_TRY(ep__ints_or_attr(call, 3, "axes", &axes, &n_axes, err));
    EP_TRY(ep__ints_or_attr(call, 4, "", &steps, &n_steps, err));
    EP_FAIL_IF((axes && n_axes != n) || (steps && n_steps != n) || (!axes && n > (uint32_t)rank),
               err, EP_BAD_MODEL, "%u starts, %u axes, %u steps for %d dimensions", n, n_axes,
               n_steps, rank);
    if (out->shape.rank != rank) return ep__bad_out_shape(out, err);
    ep__walk walk = ep__walk_over(&out->shape);
    (void)ep__walk_add(&walk, &out->shape);
    ep__strides(&in->shape, walk.strides[1]);
    walk.arrays = 2;
    int64_t begin[EP_MAX_RANK] = {0}, step[EP_MAX_RANK];
    for (int i = 0; i < rank; i++) step[i] = 1;
    for (uint32_t i = 0; i < n; i++) {
        int axis;
        EP_TRY(ep__front_axis(axes ? axes[i] : (int64_t)i, rank, &axis, err));
        step[axis] = steps ? steps[i] : 1;
        EP_FAIL_IF(step[axis] == 0, err, EP_BAD_MODEL, "step 0 on axis %d", axis);
        begin[axis] = slice_begin(starts[i], step[axis], in->shape.dims[axis]);
    }
    if (out->n == 0) return EP_OK;
    for (int i = 0; i < rank; i++) {
        const int64_t dim = in->shape.dims[i], count = out->shape.dims[i];
        int64_t reach = 0; /* from the first element to the last */
        if (count > 1 && EP_MUL_OVERFLOW(count - 1, step[i], &reach)) reach = INT64_MAX;
        if (count == 1) step[i] = 1;
        const int64_t room = reach < 0 ? begin[i] : dim - 1 - begin[i];
        if (begin[i] >= dim || (reach < 0 ? -reach : reach) > room) {
            return ep__bad_out_shape(out, err);
        }
        walk.at[1] += begin[i] * walk.strides[1][i];
        walk.strides[1][i] *= step[i];
    }
    ep__copy(call->threads, &walk, size, out->data, in->data);
    return EP_OK;
}

/* ---- Concat, Split ------------------------------------------------------------------------- */

/* Copies `part` from or to the place in `whole` that begins at `offset` along `axis`. False when
 * it does not fit in there. */
static bool copy_part(const ep__call *call, const ep_array *whole, const ep_array *part, int axis,
                      int64_t offset, size_t size, bool into_whole)
{
    if (part->shape.rank != whole->shape.rank) return false;
    for (int i = 0; i < whole->shape.rank; i++) {
        const int64_t room = whole->shape.dims[i] - (i == axis ? offset : 0);
        if (i == axis ? part->shape.dims[i] > room : part->shape.dims[i] != room) return false;
    }
    const int in_whole = into_whole ? 0 : 1, in_part = 1 - in_whole;
    ep__walk walk = ep__walk_over(&part->shape);
    walk.arrays = 2;
    ep__strides(&whole->shape, walk.strides[in_whole]);
    ep__strides(&part->shape, walk.strides[in_part]);
    walk.at[in_whole] = offset * walk.strides[in_whole][axis];
    ep__copy(call->threads, &walk, size, into_whole ? whole->data : part->data,
             into_whole ? part->data : whole->data);
    return true;
}

ep_status ep__kernel_Concat(ep__call *call, ep_error *err)
{
    const ep_array *out = ep__out(call, 0);
    size_t size;
    int axis;
    EP_TRY(ep__element_size(out->dtype, &size, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), out->shape.rank, &axis, err));
    int64_t offset = 0;
    for (uint32_t i = 0; i < call->n_inputs; i++) {
        const ep_array *in = ep__in(call, i);
        if (!in) continue;
        EP_FAIL_IF(in->dtype != out->dtype, err, EP_BAD_MODEL, "input %u is %s, the output %s", i,
                   ep_dtype_name(in->dtype), ep_dtype_name(out->dtype));
        if (!copy_part(call, out, in, axis, offset, size, true)) return ep__bad_out_shape(out, err);
        offset += in->shape.dims[axis];
    }
    return EP_OK;
}

ep_status ep__kernel_Split(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    size_t size;
    int axis;
    EP_TRY(ep__element_size(in->dtype, &size, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", 0), in->shape.rank, &axis, err));
    int64_t offset = 0;
    for (uint32_t i = 0; i < call->n_outputs; i++) {
        const ep_array *out = &call->outputs[i];
        EP_FAIL_IF(!out->data, err, EP_UNSUPPORTED, "leaves output %u out", i);
        if (!copy_part(call, in, out, axis, offset, size, false)) {
            return ep__bad_out_shape(out, err);
        }
        offset += out->shape.dims[axis];
    }
    return EP_OK;
}

/* ---- DepthToSpace, SpaceToDepth ------------------------------------------------------------ */

/* Both are a transposition of N x C x H x W seen as six dimensions: `in` in the order of the input,
 * order[i] which of them comes i-th in the output. */
static ep_status permute6(ep__call *call, const int64_t in[6], const int order[6], ep_error *err)
{
    size_t size;
    EP_TRY(ep__element_size(ep__in(call, 0)->dtype, &size, err));
    int64_t from[6], to = 1, stride = 1;
    for (int i = 5; i >= 0; i--) {
        from[i] = stride;
        stride *= in[i];
    }
    ep__walk walk = {.rank = 6, .arrays = 2};
    for (int i = 5; i >= 0; i--) {
        walk.dims[i] = in[order[i]];
        walk.strides[0][i] = to;
        walk.strides[1][i] = from[order[i]];
        to *= walk.dims[i];
    }
    ep__copy(call->threads, &walk, size, ep__out(call, 0)->data, ep__in(call, 0)->data);
    return EP_OK;
}

/* The block size, after checking that the arrays are N x C x H x W and equally large. */
static ep_status block_size(const ep__call *call, int64_t *block, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *out = ep__out(call, 0);
    *block = ep_attr_int(call->node, "blocksize", 0);
    EP_FAIL_IF(in->shape.rank != 4, err, EP_BAD_MODEL, "needs 4 dimensions, got %d",
               in->shape.rank);
    EP_FAIL_IF(*block < 1 || *block > INT16_MAX, err, EP_BAD_MODEL,
               "'blocksize' %lld is outside [1, %d]", (long long)*block, INT16_MAX);
    return in->n == out->n ? EP_OK : ep__bad_out_shape(out, err);
}

ep_status ep__kernel_DepthToSpace(ep__call *call, ep_error *err)
{
    static const int depth_first[6] = {0, 3, 4, 1, 5, 2}, column_first[6] = {0, 1, 4, 2, 5, 3};
    int64_t block;
    EP_TRY(block_size(call, &block, err));
    const int64_t *d = ep__in(call, 0)->shape.dims;
    EP_FAIL_IF(d[1] % (block * block), err, EP_BAD_MODEL,
               "%lld channels do not divide by 'blocksize' %lld squared", (long long)d[1],
               (long long)block);
    const int64_t c = d[1] / (block * block);
    if (strcmp(ep_attr_string(call->node, "mode", "DCR"), "CRD") == 0) {
        return permute6(call, (int64_t[6]){d[0], c, block, block, d[2], d[3]}, column_first, err);
    }
    return permute6(call, (int64_t[6]){d[0], block, block, c, d[2], d[3]}, depth_first, err);
}

ep_status ep__kernel_SpaceToDepth(ep__call *call, ep_error *err)
{
    static const int order[6] = {0, 3, 5, 1, 2, 4};
    int64_t block;
    EP_TRY(block_size(call, &block, err));
    const int64_t *d = ep__in(call, 0)->shape.dims;
    EP_FAIL_IF(d[2] % block || d[3] % block, err, EP_BAD_MODEL,
               "%lld x %lld does not divide by 'blocksize' %lld", (long long)d[2], (long long)d[3],
               (long long)block);
    return permute6(call, (int64_t[6]){d[0], d[1], d[2] / block, block, d[3] / block, block}, order,
                    err);
}
