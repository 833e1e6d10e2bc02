/* Private to engine: what the quantised operators share. */
#ifndef EP_ENGINE_QUANTIZED_H
#define EP_ENGINE_QUANTIZED_H

#include "engine/kernels.h"

/* The elements as double, in scratch. */
ep_status ep__doubles(const ep__call *call, const ep_array *array, const double **out,
                      ep_error *err);

/* The elements of an 8-bit integer array less their zero point: `zero` is NULL, or has one element,
 * or one for each `of` runs of `inner` elements, over and over. */
ep_status ep__less_zero(const ep__call *call, const ep_array *array, const ep_array *zero,
                        int64_t of, int64_t inner, const double **out, ep_error *err);

/* Integers as INT32, which wraps. */
void ep__wrap_int32(const double *values, uint64_t n, int32_t *out);

/* Sums of products of quantised numbers as quantised numbers: times x_scale * w_scale / y_scale,
 * rounded to even, plus y_zero, saturated. A scale of x is for all or for each of `x_scales` runs
 * of `x_inner` elements, over and over; those of w likewise; those of y are for all. */
typedef struct ep__requantize {
    const ep_array *x_scale, *w_scale, *y_scale, *y_zero;
    int64_t x_scales, x_inner, w_scales, w_inner;
} ep__requantize;

ep_status ep__requantize_run(const ep__call *call, const ep__requantize *r, const double *sums,
                             ep_array *out, ep_error *err);

#endif
