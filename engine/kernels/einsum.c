/* Einsum. An operand is a view: data, and for each index of the equation the distance of its
 * elements. Two operands at a time become one by a stack of matrix products; an index that nothing
 * further on needs is summed over as soon as it can be. */
#include <string.h>

#include "engine/kernels.h"
#include "engine/product.h"

/* Indices: the letters, and the dimensions that "..." stands for, counted from the last. */
enum { LETTERS = 52, INDICES = LETTERS + EP_MAX_RANK };

typedef struct term {
    int count;
    int index[EP_MAX_RANK];
} term;

typedef struct view {
    const void *data;
    uint64_t has; /* bit i: it has index i, with more than one element */
    int64_t stride[INDICES];
} view;

typedef struct einsum {
    ep_dtype dtype; /* of all data: FLOAT, DOUBLE, or UINT64 for all integers */
    size_t size;
    int64_t dims[INDICES];
    int uses[INDICES];
    int ellipsis; /* the most dimensions that "..." stands for */
    term out;
    ep__call *call;
} einsum;

/* A list of indices, in the order of an array's dimensions. */
typedef struct list {
    int count;
    int index[INDICES];
} list;

static uint64_t bit(int index)
{
    return (uint64_t)1 << index;
}

/* ---- the equation -------------------------------------------------------------------------- */

static int letter_index(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    return -1;
}

/* Reads a term of `rank` dimensions (-1: "..." stands for `ellipsis` ones) up to a ',', "->" or the
 * end, which it returns; NULL when it does not fit. */
static const char *read_term(const char *text, int rank, int ellipsis, term *out)
{
    int letters = 0, dots = 0;
    for (const char *p = text; *p && *p != ',' && *p != '-'; p++) {
        letters += letter_index(*p) >= 0;
        dots += *p == '.';
    }
    const int extra = dots == 0 ? 0 : rank < 0 ? ellipsis : rank - letters;
    if ((dots != 0 && dots != 3) || extra < 0 || letters + extra > EP_MAX_RANK) return NULL;
    if (rank >= 0 && letters + extra != rank) return NULL;
    *out = (term){.count = 0};
    for (; *text && *text != ',' && *text != '-'; text++) {
        if (*text == ' ') continue;
        if (letter_index(*text) >= 0) {
            out->index[out->count++] = letter_index(*text);
        } else if (strncmp(text, "...", 3) == 0) {
            for (int i = 0; i < extra; i++) out->index[out->count++] = INDICES - extra + i;
            text += 2;
        } else {
            return NULL;
        }
    }
    return out->count == letters + extra ? text : NULL;
}

/* The indices that occur once, after those of "...". */
static bool implied_output(einsum *e)
{
    for (int i = LETTERS; i < INDICES; i++) {
        if (e->uses[i] > 0) e->out.index[e->out.count++] = i;
    }
    for (int i = 0; i < LETTERS; i++) {
        if (e->uses[i] != 1) continue;
        if (e->out.count == EP_MAX_RANK) return false;
        e->out.index[e->out.count++] = i;
    }
    return true;
}

static ep_status bind_term(einsum *e, const term *t, const ep_array *array, view *out,
                           ep_error *err)
{
    int64_t strides[EP_MAX_RANK];
    ep__strides(&array->shape, strides);
    for (int i = 0; i < t->count; i++) {
        const int index = t->index[i];
        const int64_t dim = array->shape.dims[i];
        if (e->uses[index]++ == 0) e->dims[index] = 1;
        EP_FAIL_IF(dim != 1 && e->dims[index] != 1 && e->dims[index] != dim, err, EP_BAD_SHAPE,
                   "an index of the equation has %lld elements and %lld", (long long)dim,
                   (long long)e->dims[index]);
        if (dim == 1) continue;
        e->dims[index] = dim;
        out->has |= bit(index);
        out->stride[index] += strides[i]; /* twice in a term: its diagonal */
    }
    return EP_OK;
}

static ep_status bad_equation(const einsum *e, ep_error *err)
{
    return ep_fail(err, EP_BAD_MODEL, "equation '%s' does not fit the operands",
                   ep_attr_string(e->call->node, "equation", ""));
}

static ep_status read_equation(einsum *e, view *views, ep_error *err)
{
    const ep__call *call = e->call;
    const char *text = ep_attr_string(call->node, "equation", "");
    for (uint32_t i = 0; i < call->n_inputs; i++) {
        const ep_array *in = ep__in(call, i);
        term t;
        if (!in || in->dtype != ep__in(call, 0)->dtype) return bad_equation(e, err);
        text = read_term(text, in->shape.rank, 0, &t);
        if (!text || (*text == ',') != (i + 1 < call->n_inputs)) return bad_equation(e, err);
        if (*text == ',') text++;
        EP_TRY(bind_term(e, &t, in, &views[i], err));
    }
    for (int i = LETTERS; i < INDICES; i++) e->ellipsis += e->uses[i] > 0;
    if (*text == '\0') return implied_output(e) ? EP_OK : bad_equation(e, err);
    text = strncmp(text, "->", 2) == 0 ? read_term(text + 2, -1, e->ellipsis, &e->out) : NULL;
    if (!text || *text) return bad_equation(e, err);
    for (int i = 0; i < e->out.count; i++) {
        if (e->uses[e->out.index[i]] == 0) return bad_equation(e, err);
    }
    return EP_OK;
}

/* ---- views to arrays ----------------------------------------------------------------------- */

#define ADD_ROW(id, T)                                                                             \
    static void add_row_##id(const ep__walk *w, const void *in, void *out)                         \
    {                                                                                              \
        const T *from = (const T *)in + w->at[1];                                                  \
        T *to = (T *)out + w->at[0];                                                               \
        const int64_t to_step = w->step[0], from_step = w->step[1];                                \
        if (to_step == 0) {                                                                        \
            T sum = *to;                                                                           \
            for (int64_t i = 0; i < w->row; i++) sum += from[i * from_step];                       \
            *to = sum;                                                                             \
        } else {                                                                                   \
            for (int64_t i = 0; i < w->row; i++) to[i * to_step] += from[i * from_step];           \
        }                                                                                          \
    }
ADD_ROW(FLOAT, float)
ADD_ROW(DOUBLE, double)
ADD_ROW(UINT64, uint64_t)

/* The indices of `has`, in order, at the end of `to`. */
static void append(list *to, uint64_t has)
{
    for (int i = 0; i < INDICES; i++) {
        if (has & bit(i)) to->index[to->count++] = i;
    }
}

static ep_status elements_of(const einsum *e, const list *indices, uint64_t *n, ep_error *err)
{
    *n = 1;
    for (int i = 0; i < indices->count; i++) {
        if (ep_mul_overflows(*n, (uint64_t)e->dims[indices->index[i]], n)) {
            return ep_fail_memory(err);
        }
    }
    return EP_OK;
}

/* Adds the view's elements to a dense array of the dimensions `order`: what it does not have
 * repeats, what `order` does not have is summed over. */
static ep_status add_view(const einsum *e, const view *v, const list *order, void *out,
                          ep_error *err)
{
    list all = *order;
    uint64_t in_order = 0;
    for (int i = 0; i < order->count; i++) in_order |= bit(order->index[i]);
    append(&all, v->has & ~in_order);
    EP_FAIL_IF(all.count > EP__WALK_RANK, err, EP_UNSUPPORTED,
               "%d indices at a time; at most %d are supported", all.count, EP__WALK_RANK);
    ep__walk walk = {.rank = all.count, .arrays = 2};
    int64_t stride = 1;
    for (int i = all.count - 1; i >= 0; i--) {
        const int index = all.index[i];
        walk.dims[i] = e->dims[index];
        walk.strides[1][i] = v->stride[index];
        if (i >= order->count) continue;
        walk.strides[0][i] = stride;
        stride *= e->dims[index];
    }
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        if (e->dtype == EP_DTYPE_FLOAT) {
            add_row_FLOAT(&walk, v->data, out);
        } else if (e->dtype == EP_DTYPE_DOUBLE) {
            add_row_DOUBLE(&walk, v->data, out);
        } else {
            add_row_UINT64(&walk, v->data, out);
        }
    }
    return EP_OK;
}

/* True when the view is a dense array of the dimensions `order`. */
static bool is_dense(const einsum *e, const view *v, const list *order)
{
    int64_t stride = 1;
    uint64_t in_order = 0;
    for (int i = order->count - 1; i >= 0; i--) {
        in_order |= bit(order->index[i]);
        if (v->stride[order->index[i]] != stride) return false;
        stride *= e->dims[order->index[i]];
    }
    return v->has == in_order;
}

/* The view as a stack of matrices, indices `stack`, `rows`, `columns`; `*transposed` when it lies
 * there as columns by rows already. */
static ep_status as_stack(const einsum *e, const view *v, uint64_t stack, uint64_t rows,
                          uint64_t columns, const void **out, bool *transposed, ep_error *err)
{
    list order = {.count = 0}, reverse = {.count = 0};
    append(&order, stack);
    append(&order, rows);
    append(&order, columns);
    append(&reverse, stack);
    append(&reverse, columns);
    append(&reverse, rows);
    *transposed = !is_dense(e, v, &order) && is_dense(e, v, &reverse);
    *out = v->data;
    if (*transposed || is_dense(e, v, &order)) return EP_OK;
    uint64_t n;
    EP_TRY(elements_of(e, &order, &n, err));
    void *copy = ep_arena_take(e->call->scratch, n, e->size);
    if (!copy) return ep_fail_memory(err);
    *out = copy;
    return add_view(e, v, &order, copy, err);
}

/* ---- products ------------------------------------------------------------------------------ */

static int64_t extent(const einsum *e, uint64_t has)
{
    int64_t n = 1;
    for (int i = 0; i < INDICES; i++) {
        if (has & bit(i)) n *= e->dims[i];
    }
    return n;
}

typedef struct stack {
    const char *a, *b;
    char *c;
    uint64_t a_bytes, b_bytes, c_bytes; /* of a matrix */
} stack;

static ep__operands operands_of(const void *context, uint64_t i)
{
    const stack *s = context;
    return (ep__operands){
        .a = s->a + i * s->a_bytes, .b = s->b + i * s->b_bytes, .c = s->c + i * s->c_bytes};
}

/* `a` times `b`, summed over all indices but those of `kept`, into `a`. */
static ep_status multiply(const einsum *e, view *a, const view *b, uint64_t kept, ep_error *err)
{
    const uint64_t common = a->has & b->has, batch = common & kept, inner = common & ~kept;
    const uint64_t rows = a->has & ~b->has & kept, columns = b->has & ~a->has & kept;
    list order = {.count = 0};
    append(&order, batch);
    append(&order, rows);
    append(&order, columns);
    uint64_t n;
    bool trans_a, trans_b;
    const void *left, *right;
    EP_TRY(elements_of(e, &order, &n, err));
    EP_TRY(as_stack(e, a, batch, rows, inner, &left, &trans_a, err));
    EP_TRY(as_stack(e, b, batch, inner, columns, &right, &trans_b, err));
    void *out = ep_arena_take_raw(e->call->scratch, n, e->size);
    if (!out) return ep_fail_memory(err);
    ep__gemm p = {.dtype = e->dtype, .trans_a = trans_a, .trans_b = trans_b, .alpha = 1};
    p.m = extent(e, rows);
    p.n = p.ldc = extent(e, columns);
    p.k = extent(e, inner);
    p.lda = trans_a ? p.m : p.k;
    p.ldb = trans_b ? p.k : p.n;
    const stack s = {.a = left,
                     .b = right,
                     .c = out,
                     .a_bytes = (uint64_t)(p.m * p.k) * e->size,
                     .b_bytes = (uint64_t)(p.k * p.n) * e->size,
                     .c_bytes = (uint64_t)(p.m * p.n) * e->size};
    const uint64_t count = (uint64_t)extent(e, batch);
    EP_TRY(ep__multiply(e->call->threads, &p, count, operands_of, &s, err));
    *a = (view){.data = out, .has = batch | rows | columns};
    int64_t stride = 1;
    for (int i = order.count - 1; i >= 0; i--) {
        a->stride[order.index[i]] = stride;
        stride *= e->dims[order.index[i]];
    }
    return EP_OK;
}

/* ---- Einsum -------------------------------------------------------------------------------- */

static ep_status start(einsum *e, view *views, ep_error *err)
{
    const ep_dtype dtype = ep__in(e->call, 0)->dtype;
    const bool real = dtype == EP_DTYPE_FLOAT || dtype == EP_DTYPE_DOUBLE;
    e->dtype = real ? dtype : EP_DTYPE_UINT64;
    e->size = ep_dtype_bits(e->dtype) / 8;
    if (!real && ep_dtype_is_float(dtype)) return ep__bad_dtype(ep__in(e->call, 0), err);
    EP_TRY(read_equation(e, views, err));
    for (uint32_t i = 0; i < e->call->n_inputs; i++) {
        views[i].data = ep__in(e->call, i)->data;
        if (!real) EP_TRY(ep__widened(e->call, ep__in(e->call, i), &views[i].data, err));
    }
    return EP_OK;
}

/* The result in the output's order and type. */
static ep_status finish(const einsum *e, const view *result, ep_error *err)
{
    ep_array *out = ep__out(e->call, 0);
    list order = {.count = e->out.count};
    uint64_t n;
    memcpy(order.index, e->out.index, sizeof e->out.index);
    EP_TRY(elements_of(e, &order, &n, err));
    const ep_dtype dtype = ep__in(e->call, 0)->dtype;
    if (out->n != n || out->dtype != dtype) return ep__bad_out_shape(out, err);
    if (e->dtype == dtype) {
        memset(out->data, 0, (size_t)n * e->size);
        return add_view(e, result, &order, out->data, err);
    }
    uint64_t *sums = EP_NEW(e->call->scratch, uint64_t, n);
    if (!sums) return ep_fail_memory(err);
    EP_TRY(add_view(e, result, &order, sums, err));
    ep__convert(dtype, out->data, ep__wide(dtype), sums, n, false);
    return EP_OK;
}

ep_status ep__kernel_Einsum(ep__call *call, ep_error *err)
{
    einsum e = {.call = call};
    view *views = EP_NEW(call->scratch, view, call->n_inputs);
    if (!views) return ep_fail_memory(err);
    EP_TRY(start(&e, views, err));
    uint64_t out = 0;
    for (int i = 0; i < e.out.count; i++) out |= bit(e.out.index[i]);
    for (uint32_t i = 1; i < call->n_inputs; i++) {
        uint64_t kept = out;
        for (uint32_t k = i + 1; k < call->n_inputs; k++) kept |= views[k].has;
        EP_TRY(multiply(&e, &views[0], &views[i], kept, err));
    }
    return finish(&e, &views[0], err);
}
