/* Attention (opsets 23 and 24): softmax(softcap(scale Q K' + mask)) V, a block of Q's rows at a
 * time. */
#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "engine/functions.h"
#include "engine/kernels.h"

/* Q, K, V or Y as batch x heads x steps x size, wherever these lie. Pitches in elements. */
typedef struct view {
    float *data;
    int64_t batch, heads, steps, size;
    int64_t batch_pitch, head_pitch, step_pitch;
} view;

/* Rows of Q that go through together, and buffers for their scores. Blocks are dealt out to the
 * buffers in turn, so that memory follows neither the blocks nor the threads. */
enum { BLOCK = 64, BUFFERS = 16 };

typedef struct attention {
    view q, k, v, y;
    float scale, softcap; /* softcap 0: none */
    bool causal;
    int64_t past;           /* keys before the first of this call */
    const int64_t *lengths; /* keys that count, per batch; NULL: all */
    const float *mask;      /* added; NULL: none */
    int64_t mask_pitch[4];  /* 0 where it repeats */
    int64_t mask_length;    /* keys beyond are masked */
    float *scores;          /* output: batch x heads x q.steps x k.steps, or NULL */
    int64_t mode;           /* after which operation `scores` are taken */
    uint64_t blocks;
    float *buffers; /* BUFFERS of BLOCK rows of scores */
} attention;

enum { AFTER_PRODUCT, AFTER_MASK, AFTER_SOFTCAP, AFTER_SOFTMAX };

/* ---- operands ------------------------------------------------------------------------------ */

/* A rank 4 array lies as it is seen; in one of rank 3 a step holds all heads. */
static ep_status view_of(const ep__call *call, const ep_array *array, const char *heads, view *out,
                         ep_error *err)
{
    const int64_t *d = array->shape.dims;
    if (array->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(array, err);
    EP_FAIL_IF(array->shape.rank != 3 && array->shape.rank != 4, err, EP_BAD_SHAPE,
               "operands must have rank 3 or 4, not %d", array->shape.rank);
    *out = (view){.data = array->data, .batch = d[0]};
    if (array->shape.rank == 4) {
        out->heads = d[1];
        out->steps = d[2];
        out->size = d[3];
        out->step_pitch = out->size;
        out->head_pitch = out->steps * out->step_pitch;
    } else {
        out->heads = ep_attr_int(call->node, heads, 0);
        EP_FAIL_IF(out->heads < 1 || d[2] % out->heads != 0, err, EP_BAD_SHAPE,
                   "'%s' %lld does not divide %lld features", heads, (long long)out->heads,
                   (long long)d[2]);
        out->steps = d[1];
        out->size = d[2] / out->heads;
        out->step_pitch = d[2];
        out->head_pitch = out->size;
    }
    if (array->n > 0) out->batch_pitch = out->steps * out->size * out->heads;
    EP_FAIL_IF(out->steps > INT_MAX || out->step_pitch > INT_MAX, err, EP_UNSUPPORTED,
               "more than 2^31 - 1 steps or features");
    return EP_OK;
}

static void copy_steps(const view *from, view *to, int64_t at)
{
    for (int64_t b = 0; b < from->batch; b++) {
        for (int64_t h = 0; h < from->heads; h++) {
            const float *source = from->data + b * from->batch_pitch + h * from->head_pitch;
            float *target = to->data + b * to->batch_pitch + h * to->head_pitch;
            for (int64_t s = 0; s < from->steps; s++) {
                memcpy(target + (at + s) * to->step_pitch, source + s * from->step_pitch,
                       (size_t)from->size * sizeof(float));
            }
        }
    }
}

/* Puts what came before in front of `now` (K or V), in output `output` when it is wanted. */
static ep_status extend(ep__call *call, uint32_t past_input, uint32_t output, view *now,
                        ep_error *err)
{
    const ep_array *past = ep__in(call, past_input);
    ep_array *out = ep__out(call, output);
    if (!past && !out) return EP_OK;
    view before = {.data = NULL};
    if (past) {
        EP_TRY(view_of(call, past, "", &before, err));
        EP_FAIL_IF(before.batch != now->batch || before.heads != now->heads ||
                       before.size != now->size,
                   err, EP_BAD_SHAPE, "input %u does not continue keys or values", past_input);
    }
    const int64_t steps = before.steps + now->steps;
    const ep_shape shape = {.rank = 4, .dims = {now->batch, now->heads, steps, now->size}};
    ep_array all = {.dtype = EP_DTYPE_FLOAT, .shape = shape};
    view whole;
    EP_TRY(ep_shape_elements(&shape, &all.n, err));
    if (out && (out->n != all.n || out->dtype != EP_DTYPE_FLOAT)) {
        return ep__bad_out_shape(out, err);
    }
    all.data = out ? out->data : EP_NEW(call->scratch, float, all.n);
    if (!all.data) return ep_fail_memory(err);
    EP_TRY(view_of(call, &all, "", &whole, err));
    copy_steps(&before, &whole, 0);
    copy_steps(now, &whole, before.steps);
    *now = whole;
    return EP_OK;
}

/* A mask says what takes part (bool) or is added; it broadcasts to the scores, except that it may
 * have fewer keys. */
static ep_status read_mask(const ep__call *call, attention *a, ep_error *err)
{
    const ep_array *mask = ep__in(call, 3);
    if (!mask) return EP_OK;
    const int64_t wanted[4] = {a->q.batch, a->q.heads, a->q.steps, a->k.steps};
    const int lead = 4 - mask->shape.rank;
    int64_t pitch = 1;
    a->mask_length = a->k.steps;
    EP_FAIL_IF(lead < 0 || lead > 3, err, EP_BAD_SHAPE, "the mask has rank %d", mask->shape.rank);
    for (int i = mask->shape.rank - 1; i >= 0; i--) {
        const int64_t dim = mask->shape.dims[i], full = wanted[lead + i];
        const bool is_keys = lead + i == 3;
        EP_FAIL_IF(dim != 1 && (is_keys ? dim > full : dim != full), err, EP_BAD_SHAPE,
                   "dimension %d of the mask is %lld, the scores have %lld", i, (long long)dim,
                   (long long)full);
        a->mask_pitch[lead + i] = dim == 1 ? 0 : pitch;
        if (is_keys && dim != 1) a->mask_length = dim;
        pitch *= dim;
    }
    a->mask = mask->data;
    if (mask->dtype == EP_DTYPE_FLOAT) return EP_OK;
    if (mask->dtype != EP_DTYPE_BOOL) return ep__bad_dtype(mask, err);
    float *added = EP_NEW(call->scratch, float, mask->n);
    if (!added) return ep_fail_memory(err);
    for (uint64_t i = 0; i < mask->n; i++) {
        added[i] = ((const uint8_t *)mask->data)[i] ? 0 : -INFINITY;
    }
    a->mask = added;
    return EP_OK;
}

/* ---- computing ----------------------------------------------------------------------------- */

/* Masks row `step` of the scores of (batch b, head h). */
static void mask_row(const attention *a, int64_t b, int64_t h, int64_t step, float *row)
{
    const int64_t keys = a->k.steps;
    int64_t end = keys; /* keys from here on do not count */
    if (a->causal && a->past + step + 1 < end) end = a->past + step + 1;
    if (a->lengths && a->lengths[b] < end) end = a->lengths[b] < 0 ? 0 : a->lengths[b];
    if (a->mask) {
        const float *m = a->mask + b * a->mask_pitch[0] + h * a->mask_pitch[1];
        m += step * a->mask_pitch[2];
        if (a->mask_length < end) end = a->mask_length;
        for (int64_t j = 0; j < end; j++) row[j] += m[j * a->mask_pitch[3]];
    }
    for (int64_t j = end; j < keys; j++) row[j] = -INFINITY;
}

/* In place; a row that is masked wholly becomes 0. */
static void softmax(int64_t n, float *row)
{
    int64_t masked = 0;
    while (masked < n && row[masked] == -INFINITY) masked++;
    if (masked < n) {
        ep__softmax_row(n, row);
    } else {
        memset(row, 0, (size_t)n * sizeof *row);
    }
}

/* Writes down row `row` of all scores when that is asked for now. */
static void note(const attention *a, int64_t now, int64_t row, const float *scores)
{
    if (!a->scores || a->mode != now) return;
    memcpy(a->scores + row * a->k.steps, scores, (size_t)a->k.steps * sizeof(float));
}

static void finish_row(const attention *a, int64_t b, int64_t h, int64_t step, float *row)
{
    const int64_t n = a->k.steps, at = (b * a->q.heads + h) * a->q.steps + step;
    note(a, AFTER_PRODUCT, at, row);
    mask_row(a, b, h, step, row);
    note(a, AFTER_MASK, at, row);
    for (int64_t j = 0; j < n && a->softcap > 0; j++) {
        row[j] = a->softcap * ep__tanh(row[j] / a->softcap);
    }
    note(a, AFTER_SOFTCAP, at, row);
    softmax(n, row);
    note(a, AFTER_SOFTMAX, at, row);
}

/* `scores` has room for BLOCK rows. Queries share the keys and values of their group of heads. */
static void run_block(const attention *a, uint64_t block, float *scores)
{
    const int64_t per_head = (int64_t)ep_div_up((uint64_t)a->q.steps, BLOCK);
    const int64_t first = (int64_t)block % per_head * BLOCK, pair = (int64_t)block / per_head;
    const int64_t b = pair / a->q.heads, h = pair % a->q.heads;
    const int64_t shared = h / (a->q.heads / a->k.heads), keys = a->k.steps;
    const int64_t rows = a->q.steps - first < BLOCK ? a->q.steps - first : BLOCK;
    const float *q = a->q.data + b * a->q.batch_pitch + h * a->q.head_pitch;
    const float *k = a->k.data + b * a->k.batch_pitch + shared * a->k.head_pitch;
    const float *v = a->v.data + b * a->v.batch_pitch + shared * a->v.head_pitch;
    float *y = a->y.data + b * a->y.batch_pitch + h * a->y.head_pitch;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)keys,
                (blasint)a->q.size, a->scale, q + first * a->q.step_pitch, (blasint)a->q.step_pitch,
                k, (blasint)a->k.step_pitch, 0, scores, (blasint)keys);
    for (int64_t i = 0; i < rows; i++) finish_row(a, b, h, first + i, scores + i * keys);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)a->v.size,
                (blasint)keys, 1, scores, (blasint)keys, v, (blasint)a->v.step_pitch, 0,
                y + first * a->y.step_pitch, (blasint)a->y.step_pitch);
}

static void run_blocks(uint64_t begin, uint64_t end, void *context)
{
    const attention *a = context;
    for (uint64_t i = begin; i < end; i++) {
        float *scores = a->buffers + i * BLOCK * (uint64_t)a->k.steps;
        for (uint64_t block = i; block < a->blocks; block += BUFFERS) run_block(a, block, scores);
    }
}

/* ---- a call -------------------------------------------------------------------------------- */

static ep_status read_operands(ep__call *call, attention *a, ep_error *err)
{
    ep_array *out = ep__out(call, 0), *scores = ep__out(call, 3);
    EP_TRY(view_of(call, ep__in(call, 0), "q_num_heads", &a->q, err));
    EP_TRY(view_of(call, ep__in(call, 1), "kv_num_heads", &a->k, err));
    EP_TRY(view_of(call, ep__in(call, 2), "kv_num_heads", &a->v, err));
    EP_TRY(view_of(call, out, "q_num_heads", &a->y, err));
    EP_TRY(extend(call, 4, 1, &a->k, err));
    EP_TRY(extend(call, 5, 2, &a->v, err));
    const view *q = &a->q, *k = &a->k, *v = &a->v, *y = &a->y;
    EP_FAIL_IF(q->size < 1 || v->size < 1, err, EP_BAD_SHAPE, "heads without features");
    EP_FAIL_IF(k->batch != q->batch || v->batch != q->batch || k->size != q->size ||
                   v->steps != k->steps || v->heads != k->heads || k->heads < 1 ||
                   q->heads % k->heads != 0,
               err, EP_BAD_SHAPE, "queries, keys and values do not fit");
    if (y->batch != q->batch || y->heads != q->heads || y->steps != q->steps ||
        y->size != v->size) {
        return ep__bad_out_shape(out, err);
    }
    const uint64_t rows = out->n / (uint64_t)v->size;
    if (scores && (scores->dtype != EP_DTYPE_FLOAT || scores->n != rows * (uint64_t)k->steps)) {
        return ep__bad_out_shape(scores, err);
    }
    a->scores = scores ? scores->data : NULL;
    return out->n > 0 ? read_mask(call, a, err) : EP_OK;
}

static ep_status read_lengths(const ep__call *call, attention *a, ep_error *err)
{
    const ep_array *lengths = ep__in(call, 6);
    if (!lengths) return EP_OK;
    EP_FAIL_IF((int64_t)lengths->n != a->q.batch, err, EP_BAD_SHAPE,
               "%llu lengths for a batch of %lld", (unsigned long long)lengths->n,
               (long long)a->q.batch);
    return ep__int_values(call, lengths, &a->lengths, err);
}

/* Softmax's precision is as wide as any that can be asked for. */
ep_status ep__kernel_Attention(ep__call *call, ep_error *err)
{
    attention a = {.causal = ep_attr_int(call->node, "is_causal", 0) != 0,
                   .softcap = ep_attr_float(call->node, "softcap", 0),
                   .mode = ep_attr_int(call->node, "qk_matmul_output_mode", 0)};
    EP_TRY(read_operands(call, &a, err));
    EP_TRY(read_lengths(call, &a, err));
    const ep_array *past = ep__in(call, 4);
    a.past = past ? past->shape.dims[2] : 0;
    a.scale = ep_attr_float(call->node, "scale", (float)(1 / sqrt((double)a.q.size)));
    EP_FAIL_IF(a.mode < AFTER_PRODUCT || a.mode > AFTER_SOFTMAX, err, EP_BAD_MODEL,
               "'qk_matmul_output_mode' is %lld, must be 0 to 3", (long long)a.mode);
    if (ep__out(call, 0)->n == 0) return EP_OK;
    if (a.k.steps == 0) { /* nothing to attend to */
        memset(a.y.data, 0, (size_t)ep__out(call, 0)->n * sizeof(float));
        return EP_OK;
    }
    a.blocks = (uint64_t)(a.q.batch * a.q.heads) * ep_div_up((uint64_t)a.q.steps, BLOCK);
    const uint64_t buffers = ep_min_u64(a.blocks, BUFFERS);
    a.buffers = EP_NEW(call->scratch, float, buffers *BLOCK *(uint64_t)a.k.steps);
    if (!a.buffers) return ep_fail_memory(err);
    ep_parallel(call->threads, buffers, 1, run_blocks, &a);
    return EP_OK;
}
