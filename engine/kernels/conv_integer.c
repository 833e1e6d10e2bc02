/* ConvInteger and QLinearConv. Zero points are taken off first; the rest is a convolution in
 * double, which is exact: products of 9-bit integers pass 2^53 only after 2^36 additions. */
#include <math.h>
#include <string.h>

#include "engine/convolve.h"
#include "engine/quantized.h"

/* The convolution of input `x` by input `w`, zero points taken off, into `*sums`. */
static ep_status convolve(ep__call *call, uint32_t x, uint32_t w, uint32_t x_zero, uint32_t w_zero,
                          const ep_array *bias, ep__convolution *c, double **sums, ep_error *err)
{
    const ep_array *in = ep__in(call, x), *weights = ep__in(call, w);
    const double *values, *filters;
    EP_TRY(ep__convolution_of(call, in, weights, false, c, err));
    const int64_t each = c->filters > 0 ? (int64_t)weights->n / c->filters : 0;
    EP_TRY(ep__less_zero(call, in, ep__in(call, x_zero), 1, (int64_t)in->n, &values, err));
    EP_TRY(ep__less_zero(call, weights, ep__in(call, w_zero), c->filters, each, &filters, err));
    c->dtype = EP_DTYPE_DOUBLE;
    c->x = values;
    c->weights = filters;
    if (bias) {
        if ((int64_t)bias->n != c->filters) return ep__bad_out_shape(ep__out(call, 0), err);
        EP_TRY(ep__doubles(call, bias, &values, err));
        c->bias = values;
    }
    *sums = EP_NEW_RAW(call->scratch, double, ep__out(call, 0)->n);
    if (!*sums) return ep_fail_memory(err);
    c->out = *sums;
    return ep__convolve(call, c, err);
}

ep_status ep__kernel_ConvInteger(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    ep__convolution c;
    double *sums = NULL;
    EP_TRY(convolve(call, 0, 1, 2, 3, NULL, &c, &sums, err));
    if (out->dtype != EP_DTYPE_INT32) return ep__bad_dtype(out, err);
    ep__wrap_int32(sums, out->n, out->data);
    return EP_OK;
}

ep_status ep__kernel_QLinearConv(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    ep__convolution c;
    double *sums = NULL;
    EP_TRY(convolve(call, 0, 3, 2, 5, ep__in(call, 8), &c, &sums, err));
    const ep__requantize r = {.x_scale = ep__in(call, 1),
                              .w_scale = ep__in(call, 4),
                              .y_scale = ep__in(call, 6),
                              .y_zero = ep__in(call, 7),
                              .x_scales = 1,
                              .x_inner = 1,
                              .w_scales = c.filters,
                              .w_inner = c.window.stops_size};
    return ep__requantize_run(call, &r, sums, out, err);
}
