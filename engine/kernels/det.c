/* Det: determinants, by elimination with partial pivoting, in double. */
#include <math.h>

#include "engine/kernels.h"

static void swap_rows(double *a, double *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double x = a[i];
        a[i] = b[i];
        b[i] = x;
    }
}

/* Destroys the n x n matrix. */
static double determinant(double *m, int64_t n)
{
    double product = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++) {
            if (fabs(m[i * n + k]) > fabs(m[pivot * n + k])) pivot = i;
        }
        if (m[pivot * n + k] == 0) return 0;
        if (pivot != k) {
            swap_rows(m + k * n, m + pivot * n, n);
            product = -product;
        }
        product *= m[k * n + k];
        for (int64_t i = k + 1; i < n; i++) {
            const double factor = m[i * n + k] / m[k * n + k];
            for (int64_t j = k; j < n; j++) m[i * n + j] -= factor * m[k * n + j];
        }
    }
    return product;
}

ep_status ep__kernel_Det(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int rank = in->shape.rank;
    if (ep__wide(in->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    EP_FAIL_IF(rank < 2 || in->shape.dims[rank - 1] != in->shape.dims[rank - 2], err, EP_BAD_SHAPE,
               "its input has no square matrices");
    const int64_t n = in->shape.dims[rank - 1];
    if (out->n != (uint64_t)ep__product(&in->shape, 0, rank - 2))
        return ep__bad_out_shape(out, err);
    double *copy = EP_NEW(call->scratch, double, in->n);
    double *results = EP_NEW(call->scratch, double, out->n);
    if (!copy || !results) return ep_fail_memory(err);
    ep__convert(EP_DTYPE_DOUBLE, copy, in->dtype, in->data, in->n, false);
    for (uint64_t i = 0; i < out->n; i++) results[i] = determinant(copy + (int64_t)i * n * n, n);
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, results, out->n, false);
    return EP_OK;
}
