/* Private to engine: products of matrices, of floats and doubles through OpenBLAS. */
#ifndef EP_ENGINE_PRODUCT_H
#define EP_ENGINE_PRODUCT_H

#include <stdatomic.h>

#include "engine/engine.h"

/* Products added up as tensor cores do that hold their sums in FP16: each instruction adds up
 * EP__HALF_STEP products, which are exact, in FP32, and rounds what that makes of the sum to half.
 * With a window the steps run over its taps for so many channels, then over the next channels: the
 * order of CUTLASS's implicit GEMM. 16 is the depth of mma.m16n8k16 (PTX ISA); that the sum is
 * rounded once an instruction is inferred from it. The hardware truncates addends that it has
 * shifted far (Fasi et al., Numerical behavior of NVIDIA tensor cores, 2021); that is left out. */
#define EP__HALF_STEP 16
typedef struct ep__half_sums {
    _Atomic uint64_t overflowed; /* sums that became infinite, of finite addends */
} ep__half_sums;

/* c = alpha a b, or c += alpha a b: a is m x k, b is k x n, c is m x n, row-major, rows `ld*`
 * elements apart. A transposed operand lies in memory as k x m or n x k. */
typedef struct ep__gemm {
    ep_dtype dtype; /* FLOAT, DOUBLE, or UINT64, which wraps and does for all integers */
    int64_t m, n, k;
    int64_t lda, ldb, ldc;
    bool trans_a, trans_b;
    bool adds;                /* c += */
    float alpha;              /* 1 for integers */
    ep__half_sums *half_sums; /* NULL, or of FLOAT: added up in halves */
    int64_t taps; /* with half_sums, 0 is 1: element c * taps + t of a sum is channel c at tap t */
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

/* A tile of a product with half_sums: m x n results, of which the operands begin at a, b and c.
 * `row_bias`: NULL, or m elements; these, alpha, and what it adds to stay FP32. */
void ep__multiply_halves(const ep__gemm *p, int64_t m, int64_t n, const float *a, const float *b,
                         const float *row_bias, float *c);

#endif
