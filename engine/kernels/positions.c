/* What goes with attention: RotaryEmbedding, TensorScatter. */
#include <string.h>

#include "engine/kernels.h"

/* ---- RotaryEmbedding ----------------------------------------------------------------------- */

/* Each head of each step is turned by the angles of its step: `pairs` of its elements, that lie
 * side by side or half a turned part apart; the rest stays. */
typedef struct rotary {
    const float *in, *cosines, *sines;
    float *out;
    const int64_t *positions; /* rows of the tables, or NULL: row batch * steps + step */
    int64_t steps, heads, size, pairs;
    bool interleaved;
    bool heads_first; /* batch x heads x steps x size; else batch x steps x heads x size */
} rotary;

static void turn(const rotary *r, const float *x, const float *c, const float *s, float *y)
{
    const int64_t stride = r->interleaved ? 2 : 1, apart = r->interleaved ? 1 : r->pairs;
    for (int64_t i = 0; i < r->pairs; i++) {
        const float a = x[i * stride], b = x[i * stride + apart];
        y[i * stride] = c[i] * a - s[i] * b;
        y[i * stride + apart] = s[i] * a + c[i] * b;
    }
    const int64_t turned = 2 * r->pairs;
    if (r->size > turned) memcpy(y + turned, x + turned, (size_t)(r->size - turned) * sizeof *x);
}

/* Rows of `size` elements. */
static void turn_rows(uint64_t begin, uint64_t end, void *context)
{
    const rotary *r = context;
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        const int64_t batch = row / (r->heads * r->steps);
        const int64_t step = r->heads_first ? row % r->steps : row / r->heads % r->steps;
        const int64_t at = batch * r->steps + step;
        const int64_t angle = (r->positions ? r->positions[at] : at) * r->pairs;
        turn(r, r->in + row * r->size, r->cosines + angle, r->sines + angle,
             r->out + row * r->size);
    }
}

/* The tables: a row a position, or a step of the batch. */
static ep_status read_tables(const ep__call *call, int64_t batch, rotary *r, ep_error *err)
{
    const ep_array *cosines = ep__in(call, 1), *sines = ep__in(call, 2);
    const ep_array *positions = ep__in(call, 3);
    const uint64_t steps = (uint64_t)(batch * r->steps);
    EP_FAIL_IF(cosines->dtype != EP_DTYPE_FLOAT || sines->dtype != EP_DTYPE_FLOAT ||
                   cosines->n != sines->n || cosines->shape.rank < 1 ||
                   cosines->shape.dims[cosines->shape.rank - 1] != r->pairs,
               err, EP_BAD_SHAPE, "its tables must have rows of %lld floats", (long long)r->pairs);
    const uint64_t rows = r->pairs > 0 ? cosines->n / (uint64_t)r->pairs : 0;
    EP_FAIL_IF(!positions && rows != steps, err, EP_BAD_SHAPE,
               "its tables have %llu rows for %llu steps", (unsigned long long)rows,
               (unsigned long long)steps);
    r->cosines = cosines->data;
    r->sines = sines->data;
    if (!positions) return EP_OK;
    EP_FAIL_IF(positions->n != steps, err, EP_BAD_SHAPE, "%llu positions for %llu steps",
               (unsigned long long)positions->n, (unsigned long long)steps);
    EP_TRY(ep__int_values(call, positions, &r->positions, err));
    for (uint64_t i = 0; i < steps; i++) {
        EP_FAIL_IF(r->positions[i] < 0 || (uint64_t)r->positions[i] >= rows, err, EP_BAD_MODEL,
                   "position %lld; its tables have %llu rows", (long long)r->positions[i],
                   (unsigned long long)rows);
    }
    return EP_OK;
}

ep_status ep__kernel_RotaryEmbedding(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int64_t *d = in->shape.dims;
    const bool heads_first = in->shape.rank == 4;
    if (in->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(in, err);
    EP_FAIL_IF(in->shape.rank != 3 && !heads_first, err, EP_BAD_SHAPE,
               "its input must have rank 3 or 4, not %d", in->shape.rank);
    if (out->n != in->n) return ep__bad_out_shape(out, err);
    if (in->n == 0) return EP_OK;
    const int64_t heads = heads_first ? d[1] : ep_attr_int(call->node, "num_heads", 0);
    EP_FAIL_IF(heads < 1 || (!heads_first && d[2] % heads != 0), err, EP_BAD_SHAPE,
               "'num_heads' %lld does not divide its features", (long long)heads);
    rotary r = {.in = in->data,
                .out = out->data,
                .steps = d[heads_first ? 2 : 1],
                .heads = heads,
                .size = heads_first ? d[3] : d[2] / heads,
                .interleaved = ep_attr_int(call->node, "interleaved", 0) != 0,
                .heads_first = heads_first};
    int64_t turned = ep_attr_int(call->node, "rotary_embedding_dim", 0);
    if (turned == 0) turned = r.size;
    EP_FAIL_IF(turned < 0 || turned > r.size || turned % 2 != 0, err, EP_BAD_SHAPE,
               "%lld of a head's %lld elements cannot be turned in pairs", (long long)turned,
               (long long)r.size);
    r.pairs = turned / 2;
    EP_TRY(read_tables(call, d[0], &r, err));
    ep_parallel(call->threads, in->n / (uint64_t)r.size, ep__rows_a_piece(r.size), turn_rows, &r);
    return EP_OK;
}

/* ---- TensorScatter ------------------------------------------------------------------------- */

/* Writes each sequence's update where its index says, along `axis`; "circular" goes on at the
 * front. */
ep_status ep__kernel_TensorScatter(ep__call *call, ep_error *err)
{
    const ep_array *cache = ep__in(call, 0), *update = ep__in(call, 1), *indices = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    const bool circular = strcmp(ep_attr_string(call->node, "mode", "linear"), "circular") == 0;
    const int64_t *index = NULL;
    size_t size;
    int axis;
    EP_TRY(ep__element_size(cache->dtype, &size, err));
    EP_TRY(ep__front_axis(ep_attr_int(call->node, "axis", -2), cache->shape.rank, &axis, err));
    EP_FAIL_IF(axis == 0, err, EP_BAD_MODEL, "axis 0 is the batch");
    ep_shape expected = cache->shape;
    if (update->shape.rank == expected.rank) expected.dims[axis] = update->shape.dims[axis];
    EP_FAIL_IF(!ep_shape_equal(&expected, &update->shape) || update->dtype != cache->dtype, err,
               EP_BAD_SHAPE, "the update does not fit the cache");
    if (out->n != cache->n || out->dtype != cache->dtype) return ep__bad_out_shape(out, err);
    const int64_t batch = cache->shape.dims[0], steps = cache->shape.dims[axis];
    if (indices) {
        EP_TRY(ep__int_values(call, indices, &index, err));
        EP_FAIL_IF((int64_t)indices->n != batch, err, EP_BAD_SHAPE,
                   "%llu indices for a batch of %lld", (unsigned long long)indices->n,
                   (long long)batch);
    }
    const int64_t middle = ep__product(&cache->shape, 1, axis), count = expected.dims[axis];
    const size_t run = (size_t)ep__product(&cache->shape, axis + 1, cache->shape.rank) * size;
    memcpy(out->data, cache->data, (size_t)cache->n * size);
    for (int64_t i = 0; i < batch * middle && count > 0; i++) {
        const int64_t first = index ? index[i / middle] : 0;
        EP_FAIL_IF(first < 0 || first >= steps || count > steps ||
                       (!circular && first > steps - count),
                   err, EP_BAD_MODEL, "%lld steps at %lld do not fit a cache of %lld",
                   (long long)count, (long long)first, (long long)steps);
        for (int64_t k = 0; k < count; k++) {
            memcpy((char *)out->data + (size_t)(i * steps + (first + k) % steps) * run,
                   (const char *)update->data + (size_t)(i * count + k) * run, run);
        }
    }
    return EP_OK;
}
