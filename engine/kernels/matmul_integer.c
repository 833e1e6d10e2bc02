/* MatMulInteger and QLinearMatMul: zero points off, then a product in double, which is exact. */
#include "engine/matrix.h"
#include "engine/quantized.h"

/* How many zero points or scales `array` may have: one a row of the matrices, of one or of all. */
static int64_t rows_allowed(const ep_array *array, const ep_array *x, int64_t m, int64_t k)
{
    const int64_t all = k > 0 ? (int64_t)x->n / k : 0;
    return array && (int64_t)array->n == all ? all : m;
}

static int64_t rows_of(const ep_array *x)
{
    return x->shape.rank > 1 ? x->shape.dims[x->shape.rank - 2] : 1;
}

/* The products of inputs `a` and `b`, zero points taken off. */
static ep_status multiply(ep__call *call, uint32_t a, uint32_t b, uint32_t a_zero, uint32_t b_zero,
                          ep__stack *s, double **sums, ep_error *err)
{
    const ep_array *left = ep__in(call, a), *right = ep__in(call, b);
    const ep_array *zero = ep__in(call, a_zero);
    const double *x, *y;
    EP_TRY(ep__stack_of(call, left, right, s, err));
    const int64_t rows = rows_allowed(zero, left, rows_of(left), s->k);
    EP_TRY(ep__less_zero(call, left, zero, rows, s->k, &x, err));
    EP_TRY(ep__less_zero(call, right, ep__in(call, b_zero), s->n, 1, &y, err));
    *sums = EP_NEW_RAW(call->scratch, double, ep__out(call, 0)->n);
    if (!*sums) return ep_fail_memory(err);
    if (ep__out(call, 0)->n == 0) return EP_OK;
    return ep__stack_multiply(call, s, EP_DTYPE_DOUBLE, x, y, *sums, err);
}

ep_status ep__kernel_MatMulInteger(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    ep__stack s;
    double *sums = NULL;
    EP_TRY(multiply(call, 0, 1, 2, 3, &s, &sums, err));
    if (out->dtype != EP_DTYPE_INT32) return ep__bad_dtype(out, err);
    ep__wrap_int32(sums, out->n, out->data);
    return EP_OK;
}

ep_status ep__kernel_QLinearMatMul(ep__call *call, ep_error *err)
{
    const ep_array *a = ep__in(call, 0), *a_scale = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    ep__stack s;
    double *sums = NULL;
    EP_TRY(multiply(call, 0, 3, 2, 5, &s, &sums, err));
    const ep__requantize r = {.x_scale = a_scale,
                              .w_scale = ep__in(call, 4),
                              .y_scale = ep__in(call, 6),
                              .y_zero = ep__in(call, 7),
                              .x_scales = rows_allowed(a_scale, a, rows_of(a), s.k),
                              .x_inner = s.n,
                              .w_scales = s.n,
                              .w_inner = 1};
    return ep__requantize_run(call, &r, sums, out, err);
}
