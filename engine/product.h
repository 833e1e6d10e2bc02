/* Private to engine: products of matrices, of floats and doubles through OpenBLAS. */
#ifndef EP_ENGINE_PRODUCT_H
#define EP_ENGINE_PRODUCT_H

#include "engine/engine.h"

/* c = alpha a b, or c += alpha a b: a is m x k, b is k x n, c is m x n, row-major, rows `ld*`
 * elements apart. A transposed operand lies in memory as k x m or n x k. */
typedef struct ep__gemm {
    ep_dtype dtype; /* FLOAT, DOUBLE, or UINT64, which wraps and does for all integers */
    int64_t m, n, k;
    int64_t lda, ldb, ldc;
    bool trans_a, trans_b;
    bool adds;   /* c += */
    float alpha; /* 1 for integers */
} ep__gemm;

/* One of a stack of products that have the same form. `row_bias`: NULL, or m elements; row i of the
 * result gets row_bias[i] (where the product does not add). */
typedef struct ep__operands {
    const void *a, *b, *row_bias;
    void *c;
} ep__operands;

/* The operands of product `i`; called from several threads. */
typedef ep__operands (*ep__operands_of)(const void *context, uint64_t i);

/* Computes products 0 .. count - 1, which write different things, in tiles whose size does not
 * depend on `threads`: the results do not either. EP_UNSUPPORTED for matrices wider than OpenBLAS
 * counts. */
ep_status ep__multiply(uint32_t threads, const ep__gemm *product, uint64_t count,
                       ep__operands_of operands, const void *context, ep_error *err);

#endif
