/* MatMul and Gemm, plainly: what is folded is small. */
#include <string.h>

#include "engine/kernels.h"

/* ---- products ------------------------------------------------------------------------------ */

/* c[m][n] += a[m][k] b[k][n]; strides in elements, c dense. Integers wrap. */
typedef struct product {
    int64_t m, n, k;
    int64_t a_row, a_column, b_row, b_column;
} product;

#define PRODUCT(id, T, W)                                                                          \
    static void product_##id(const product *p, const void *a, const void *b, void *c)              \
    {                                                                                              \
        for (int64_t i = 0; i < p->m; i++) {                                                       \
            T *row = (T *)c + i * p->n;                                                            \
            for (int64_t k = 0; k < p->k; k++) {                                                   \
                const W x = (W)((const T *)a)[i * p->a_row + k * p->a_column];                     \
                const T *y = (const T *)b + k * p->b_row;                                          \
                for (int64_t j = 0; j < p->n; j++) {                                               \
                    row[j] = (T)((W)row[j] + x * (W)y[j * p->b_column]);                           \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
PRODUCT(DOUBLE, double, double)
PRODUCT(UINT64, uint64_t, uint64_t) /* and int64 */

static void multiply(ep_dtype wide, const product *p, const void *a, const void *b, void *c)
{
    (wide == EP_DTYPE_DOUBLE ? product_DOUBLE : product_UINT64)(p, a, b, c);
}

/* `shape` as a stack of matrices: a vector is one row or, on the right, one column. */
static ep_shape as_matrices(const ep_shape *shape, bool right)
{
    ep_shape s = *shape;
    if (s.rank == 1) {
        s = (ep_shape){.rank = 2, .dims = {1, shape->dims[0]}};
        if (right) s = (ep_shape){.rank = 2, .dims = {shape->dims[0], 1}};
    }
    return s;
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

/* The operands in one wide type. */
static ep_status read_operands(const ep__call *call, ep_dtype *wide, const ep__number *values[2],
                               ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1);
    EP_FAIL_IF(a->dtype != b->dtype, err, EP_BAD_MODEL, "operands are %s and %s",
               ep_dtype_name(a->dtype), ep_dtype_name(b->dtype));
    const void *wide_a, *wide_b;
    EP_TRY(ep__widened(call, a, &wide_a, err));
    EP_TRY(ep__widened(call, b, &wide_b, err));
    *wide = ep__wide(a->dtype);
    values[0] = wide_a;
    values[1] = wide_b;
    return EP_OK;
}

ep_status ep__kernel_MatMul(ep__call *call, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    EP_FAIL_IF(a->shape.rank == 0 || b->shape.rank == 0, err, EP_BAD_MODEL,
               "operands cannot be scalars");
    const ep_shape sa = as_matrices(&a->shape, false), sb = as_matrices(&b->shape, true);
    const product p = {.m = sa.dims[sa.rank - 2],
                       .n = sb.dims[sb.rank - 1],
                       .k = sa.dims[sa.rank - 1],
                       .a_row = sa.dims[sa.rank - 1],
                       .a_column = 1,
                       .b_row = sb.dims[sb.rank - 1],
                       .b_column = 1};
    ep__walk walk;
    if (p.k != sb.dims[sb.rank - 2] || !stack_walk(&sa, &sb, &walk)) {
        return ep__bad_out_shape(out, err);
    }
    int64_t stack = 1;
    for (int i = 0; i < walk.rank; i++) stack *= walk.dims[i];
    if ((int64_t)out->n != stack * p.m * p.n) return ep__bad_out_shape(out, err);
    ep_dtype wide;
    const ep__number *values[2];
    EP_TRY(read_operands(call, &wide, values, err));
    ep__number *sums = EP_NEW(call->scratch, ep__number, out->n), *to = sums;
    if (!sums) return ep_fail_memory(err);
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        for (int64_t i = 0; i < walk.row; i++, to += p.m * p.n) {
            multiply(wide, &p, values[0] + walk.at[0] + i * walk.step[0],
                     values[1] + walk.at[1] + i * walk.step[1], to);
        }
    }
    ep__convert(out->dtype, out->data, wide, sums, out->n, false);
    return EP_OK;
}

/* alpha * sums + beta * c, c broadcast, all in double. */
static ep_status add_scaled(const ep__call *call, double *sums, ep_error *err)
{
    const double alpha = (double)ep_attr_float(call->node, "alpha", 1);
    const double beta = (double)ep_attr_float(call->node, "beta", 1);
    const ep_array *c = ep__in(call, 2), *out = ep__out(call, 0);
    for (uint64_t i = 0; i < out->n; i++) sums[i] *= alpha;
    if (!c) return EP_OK;
    if (ep__wide(c->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(c, err);
    double *addend = EP_NEW(call->scratch, double, c->n);
    if (!addend) return ep_fail_memory(err);
    ep__convert(EP_DTYPE_DOUBLE, addend, c->dtype, c->data, c->n, false);
    ep__walk walk = ep__walk_over(&out->shape);
    (void)ep__walk_add(&walk, &out->shape);
    if (!ep__walk_add(&walk, &c->shape)) return ep__bad_out_shape(out, err);
    for (bool more = ep__walk_begin(&walk); more; more = ep__walk_next(&walk)) {
        for (int64_t i = 0; i < walk.row; i++) {
            sums[walk.at[0] + i * walk.step[0]] += beta * addend[walk.at[1] + i * walk.step[1]];
        }
    }
    return EP_OK;
}

ep_status ep__kernel_Gemm(ep__call *call, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *b = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    EP_FAIL_IF(a->shape.rank != 2 || b->shape.rank != 2, err, EP_BAD_MODEL,
               "operands have %d and %d dimensions, not 2", a->shape.rank, b->shape.rank);
    const bool ta = ep_attr_int(call->node, "transA", 0) != 0;
    const bool tb = ep_attr_int(call->node, "transB", 0) != 0;
    const int64_t *da = a->shape.dims, *db = b->shape.dims;
    const product p = {.m = da[ta],
                       .n = db[!tb],
                       .k = da[!ta],
                       .a_row = ta ? 1 : da[1],
                       .a_column = ta ? da[1] : 1,
                       .b_row = tb ? 1 : db[1],
                       .b_column = tb ? db[1] : 1};
    if (p.k != db[tb] || (int64_t)out->n != p.m * p.n) return ep__bad_out_shape(out, err);
    ep_dtype wide;
    const ep__number *values[2];
    EP_TRY(read_operands(call, &wide, values, err));
    if (wide != EP_DTYPE_DOUBLE) return ep__bad_dtype(a, err);
    double *sums = EP_NEW(call->scratch, double, out->n);
    if (!sums) return ep_fail_memory(err);
    multiply(wide, &p, values[0], values[1], sums);
    EP_TRY(add_scaled(call, sums, err));
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, sums, out->n, false);
    return EP_OK;
}
