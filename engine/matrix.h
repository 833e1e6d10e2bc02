/* Private to engine: stacks of matrices, as MatMul and its quantised relatives multiply them. */
#ifndef EP_ENGINE_MATRIX_H
#define EP_ENGINE_MATRIX_H

#include "engine/kernels.h"

/* `count` products of m x k by k x n, the results one after the other. */
typedef struct ep__stack {
    int64_t m, n, k;
    uint64_t count;
    const int64_t *at[2]; /* per product: the first elements of its operands; NULL without output */
} ep__stack;

/* numpy's matmul of two operands; EP_BAD_SHAPE unless it gives output 0's elements. */
ep_status ep__stack_of(const ep__call *call, const ep_array *a, const ep_array *b, ep__stack *out,
                       ep_error *err);

/* Multiplies operands of FLOAT or DOUBLE. */
ep_status ep__stack_multiply(const ep__call *call, const ep__stack *stack, ep_dtype dtype,
                             const void *a, const void *b, void *c, ep_error *err);

#endif
