/* MatMul and Gemm. */
#include "engine/matrix.h"

#include "engine/product.h"

static ep_status same_dtype(const ep__call *call, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1), *out = ep__out(call, 0);
    EP_FAIL_IF(a->dtype != b->dtype || a->dtype != out->dtype, err, EP_BAD_MODEL,
               "operands are %s and %s, the output is %s", ep_dtype_name(a->dtype),
               ep_dtype_name(b->dtype), ep_dtype_name(out->dtype));
    return EP_OK;
}

static bool is_real(ep_dtype dtype)
{
    return dtype == EP_DTYPE_FLOAT || dtype == EP_DTYPE_DOUBLE;
}

/* ---- stacks of matrices -------------------------------------------------------------------- */

/* `shape` as a stack of matrices: a vector is one row or, on the right, one column. */
static ep_shape as_matrices(const ep_shape *shape, bool right)
{
    if (shape->rank > 1) return *shape;
    if (right) return (ep_shape){.rank = 2, .dims = {shape->dims[0], 1}};
    return (ep_shape){.rank = 2, .dims = {1, shape->dims[0]}};
}

/* A walk over the stack of products; array 0: a, array 1: b, strides in elements. */
static bool stack_walk(const ep_shape *a, const ep_shape *b, ep__walk *walk)
{
    ep_shape sa = *a, sb = *b;
    sa.rank -= 2;
    sb.rank -= 2;
    ep_shape stack = sa.rank >= sb.rank ? sa : sb;
    const ep_shape *shorter = sa.rank >= sb.rank ? &sb : &sa;
    for (int i = 1; i <= shorter->rank; i++) {
        int64_t *dim = &stack.dims[stack.rank - i];
        if (*dim == 1) *dim = shorter->dims[shorter->rank - i];
    }
    *walk = ep__walk_over(&stack);
    if (!ep__walk_add(walk, &sa) || !ep__walk_add(walk, &sb)) return false;
    for (int i = 0; i < stack.rank; i++) {
        walk->strides[0][i] *= a->dims[a->rank - 2] * a->dims[a->rank - 1];
        walk->strides[1][i] *= b->dims[b->rank - 2] * b->dims[b->rank - 1];
    }
    return true;
}

/* Where the operands of each product begin. */
static ep_status list_offsets(const ep__call *call, ep__walk *walk, ep__stack *s, ep_error *err)
{
    int64_t *at[2];
    for (int k = 0; k < 2; k++) {
        at[k] = EP_NEW_RAW(call->scratch, int64_t, s->count);
        if (!at[k]) return ep_fail_memory(err);
        s->at[k] = at[k];
    }
    uint64_t n = 0;
    for (bool more = ep__walk_begin(walk); more; more = ep__walk_next(walk)) {
        for (int64_t i = 0; i < walk->row; i++, n++) {
            for (int k = 0; k < 2; k++) at[k][n] = walk->at[k] + i * walk->step[k];
        }
    }
    return EP_OK;
}

ep_status ep__stack_of(const ep__call *call, const ep_array *a, const ep_array *b, ep__stack *out,
                       ep_error *err)
{
    const ep_array *y = ep__out(call, 0);
    EP_FAIL_IF(a->shape.rank == 0 || b->shape.rank == 0, err, EP_BAD_MODEL,
               "operands cannot be scalars");
    ep_shape sa = as_matrices(&a->shape, false);
    const ep_shape sb = as_matrices(&b->shape, true);
    const int64_t k = sa.dims[sa.rank - 1], n = sb.dims[sb.rank - 1];
    if (ep__product(&sb, 0, sb.rank - 2) == 1 && sb.rank <= sa.rank && k > 0) {
        /* all of `a` times one matrix */
        sa = (ep_shape){.rank = 2, .dims = {(int64_t)a->n / k, k}};
    }
    ep__walk walk;
    if (k != sb.dims[sb.rank - 2] || !stack_walk(&sa, &sb, &walk)) return ep__bad_out_shape(y, err);
    *out = (ep__stack){.m = sa.dims[sa.rank - 2], .n = n, .k = k, .count = 1};
    for (int i = 0; i < walk.rank; i++) out->count *= (uint64_t)walk.dims[i];
    if (y->n != out->count * (uint64_t)(out->m * n)) return ep__bad_out_shape(y, err);
    return y->n == 0 ? EP_OK : list_offsets(call, &walk, out, err);
}

typedef struct placed_stack {
    const ep__stack *s;
    int64_t size; /* of an element */
    const char *a, *b;
    char *c;
} placed_stack;

static ep__operands operands_of(const void *context, uint64_t i)
{
    const placed_stack *r = context;
    const ep__stack *s = r->s;
    return (ep__operands){.a = r->a + s->at[0][i] * r->size,
                          .b = r->b + s->at[1][i] * r->size,
                          .c = r->c + (int64_t)i * s->m * s->n * r->size};
}

ep_status ep__stack_multiply(const ep__call *call, const ep__stack *stack, ep_dtype dtype,
                             const void *a, const void *b, void *c, ep_error *err)
{
    const ep__gemm p = {.dtype = dtype,
                        .m = stack->m,
                        .n = stack->n,
                        .k = stack->k,
                        .lda = stack->k,
                        .ldb = stack->n,
                        .ldc = stack->n,
                        .alpha = 1,
                        .half_sums = dtype == EP_DTYPE_FLOAT ? call->half_sums : NULL};
    const int64_t size = ep_dtype_bits(dtype) / 8;
    const placed_stack r = {.s = stack, .size = size, .a = a, .b = b, .c = c};
    return ep__multiply(call->threads, &p, stack->count, operands_of, &r, err);
}

static ep_status multiply_integers(ep__call *call, const ep__stack *s, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const void *a, *b;
    EP_TRY(ep__widened(call, ep__in(call, 0), &a, err));
    EP_TRY(ep__widened(call, ep__in(call, 1), &b, err));
    uint64_t *sums = EP_NEW_RAW(call->scratch, uint64_t, out->n);
    if (!sums) return ep_fail_memory(err);
    EP_TRY(ep__stack_multiply(call, s, EP_DTYPE_UINT64, a, b, sums, err));
    ep__convert(out->dtype, out->data, ep__wide(out->dtype), sums, out->n, false);
    return EP_OK;
}

ep_status ep__kernel_MatMul(ep__call *call, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1), *out = ep__out(call, 0);
    ep__stack s;
    EP_TRY(same_dtype(call, err));
    if (!is_real(a->dtype) && ep_dtype_is_float(a->dtype)) return ep__bad_dtype(a, err);
    EP_TRY(ep__stack_of(call, a, b, &s, err));
    if (out->n == 0) return EP_OK;
    if (!is_real(a->dtype)) return multiply_integers(call, &s, err);
    return ep__stack_multiply(call, &s, a->dtype, a->data, b->data, out->data, err);
}

/* ---- Gemm ---------------------------------------------------------------------------------- */

/* out = beta * c, c broadcast; the same in every type that has a multiplication. */
#define SCALED(id, T)                                                                              \
    static void scaled_##id(const ep__walk *w, const void *c, float beta, void *out)               \
    {                                                                                              \
        const T *from = (const T *)c + w->at[1];                                                   \
        T *to = (T *)out + w->at[0];                                                               \
        for (int64_t i = 0; i < w->row; i++) to[i] = (T)beta * from[i * w->step[1]];               \
    }
EP__FLOAT_TYPES(SCALED)

static ep_status begin_with_c(const ep__call *call, const ep_array *c, float beta, ep_dtype dtype,
                              const void *values, void *out, ep_error *err)
{
    const ep_array *y = ep__out(call, 0);
    ep__walk walk = ep__walk_over(&y->shape);
    (void)ep__walk_add(&walk, &y->shape);
    if (!ep__walk_add(&walk, &c->shape)) return ep__bad_out_shape(y, err);
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        (dtype == EP_DTYPE_FLOAT ? scaled_FLOAT : scaled_DOUBLE)(&walk, values, beta, out);
    }
    return EP_OK;
}

typedef struct gemm {
    int64_t m, n, k;
    bool trans_a, trans_b;
    float alpha, beta;
} gemm;

static ep_status read_gemm(const ep__call *call, gemm *g, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1), *c = ep__in(call, 2);
    const ep_array *out = ep__out(call, 0);
    EP_TRY(same_dtype(call, err));
    EP_FAIL_IF(a->shape.rank != 2 || b->shape.rank != 2, err, EP_BAD_MODEL,
               "operands have %d and %d dimensions, not 2", a->shape.rank, b->shape.rank);
    EP_FAIL_IF(c && c->dtype != a->dtype, err, EP_BAD_MODEL, "operands are %s, C is %s",
               ep_dtype_name(a->dtype), c ? ep_dtype_name(c->dtype) : "");
    g->trans_a = ep_attr_int(call->node, "transA", 0) != 0;
    g->trans_b = ep_attr_int(call->node, "transB", 0) != 0;
    g->alpha = ep_attr_float(call->node, "alpha", 1);
    g->beta = ep_attr_float(call->node, "beta", 1);
    g->m = a->shape.dims[g->trans_a];
    g->k = a->shape.dims[!g->trans_a];
    g->n = b->shape.dims[!g->trans_b];
    const bool fits = g->k == b->shape.dims[g->trans_b] && out->shape.rank == 2 &&
                      out->shape.dims[0] == g->m && out->shape.dims[1] == g->n;
    return fits ? EP_OK : ep__bad_out_shape(out, err);
}

static ep__operands only_operands(const void *context, uint64_t i)
{
    (void)i;
    return *(const ep__operands *)context;
}

/* out = alpha a b, or += when it `adds`; of one wide type or FLOAT. */
static ep_status multiply(ep__call *call, const gemm *g, ep_dtype dtype, const ep__operands *o,
                          bool adds, ep_error *err)
{
    const ep__gemm p = {.dtype = dtype,
                        .m = g->m,
                        .n = g->n,
                        .k = g->k,
                        .lda = g->trans_a ? g->m : g->k,
                        .ldb = g->trans_b ? g->k : g->n,
                        .ldc = g->n,
                        .trans_a = g->trans_a,
                        .trans_b = g->trans_b,
                        .adds = adds,
                        .alpha = dtype == EP_DTYPE_UINT64 ? 1 : g->alpha,
                        .half_sums = dtype == EP_DTYPE_FLOAT ? call->half_sums : NULL};
    return ep__multiply(call->threads, &p, 1, only_operands, o, err);
}

static ep_status gemm_reals(ep__call *call, const gemm *g, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1), *c = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    const bool adds = c && g->beta != 0;
    if (adds) EP_TRY(begin_with_c(call, c, g->beta, a->dtype, c->data, out->data, err));
    const ep__operands o = {.a = a->data, .b = b->data, .c = out->data};
    return multiply(call, g, a->dtype, &o, adds, err);
}

/* Sums in integers, scaled in double. */
static ep_status gemm_integers(ep__call *call, const gemm *g, ep_error *err)
{
    const ep_array *c = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    uint64_t *sums = EP_NEW_RAW(call->scratch, uint64_t, out->n);
    double *scaled = EP_NEW(call->scratch, double, out->n);
    if (!sums || !scaled) return ep_fail_memory(err);
    ep__operands o = {.c = sums};
    EP_TRY(ep__widened(call, ep__in(call, 0), &o.a, err));
    EP_TRY(ep__widened(call, ep__in(call, 1), &o.b, err));
    EP_TRY(multiply(call, g, EP_DTYPE_UINT64, &o, false, err));
    if (c) {
        double *addend = EP_NEW_RAW(call->scratch, double, c->n);
        if (!addend) return ep_fail_memory(err);
        ep__convert(EP_DTYPE_DOUBLE, addend, c->dtype, c->data, c->n, false);
        EP_TRY(begin_with_c(call, c, g->beta, EP_DTYPE_DOUBLE, addend, scaled, err));
    }
    const bool is_signed = ep__wide(out->dtype) == EP_DTYPE_INT64;
    for (uint64_t i = 0; i < out->n; i++) {
        const double sum = is_signed ? (double)(int64_t)sums[i] : (double)sums[i];
        scaled[i] += (double)g->alpha * sum;
    }
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, scaled, out->n, false);
    return EP_OK;
}

ep_status ep__kernel_Gemm(ep__call *call, ep_error *err)
{
    const ep_array *a = ep__in(call, 0);
    gemm g = {.m = 0};
    EP_TRY(read_gemm(call, &g, err));
    if (is_real(a->dtype)) return gemm_reals(call, &g, err);
    return ep_dtype_is_float(a->dtype) ? ep__bad_dtype(a, err) : gemm_integers(call, &g, err);
}
