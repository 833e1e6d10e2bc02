/* Products of matrices whose sums are halves. */
#include <string.h>

#include "base/base.h"
#include "engine/half.h"
#include "engine/product.h"

/* What is added up at a time: sums, operands and products stay within a first-level cache. */
enum { ROWS = 32, COLUMNS = 32 };

typedef struct tile {
    float a[ROWS][EP__HALF_STEP], b[EP__HALF_STEP][COLUMNS];
    float sums[ROWS][COLUMNS];
} tile;

/* Copies elements k, k + taps, .. of the operands, `count` of them; others are 0. */
static void fill(const ep__gemm *p, int64_t rows, int64_t columns, int64_t k, int64_t count,
                 const float *a, const float *b, tile *t)
{
    const int64_t taps = p->taps ? p->taps : 1;
    const int64_t a_row = p->trans_a ? 1 : p->lda, a_next = taps * (p->trans_a ? p->lda : 1);
    const int64_t b_column = p->trans_b ? p->ldb : 1, b_next = taps * (p->trans_b ? 1 : p->ldb);
    a += k * (p->trans_a ? p->lda : 1);
    b += k * (p->trans_b ? 1 : p->ldb);
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t s = 0; s < EP__HALF_STEP; s++) {
            t->a[i][s] = s < count ? a[i * a_row + s * a_next] : 0;
        }
    }
    for (int64_t s = 0; s < EP__HALF_STEP; s++) {
        for (int64_t j = 0; j < COLUMNS; j++) {
            t->b[s][j] = s < count && j < columns ? b[j * b_column + s * b_next] : 0;
        }
    }
}

/* Adds one step to the sums of `rows` rows. Returns how many became infinite. A product of halves
 * is exact in FP32: fused with its addition or not, the result is the same. */
EP_CLONES static uint32_t add_step(int64_t rows, tile *t)
{
    uint32_t lost = 0;
    for (int64_t i = 0; i < rows; i++) {
        float sum[COLUMNS] = {0};
        for (int64_t s = 0; s < EP__HALF_STEP; s++) {
            const float x = t->a[i][s];
            for (int64_t j = 0; j < COLUMNS; j++) sum[j] += x * t->b[s][j];
        }
        for (int64_t j = 0; j < COLUMNS; j++) {
            const float total = t->sums[i][j] + sum[j], half = ep__to_half(total);
            lost += ep__half_overflows(total, half) ? 1 : 0;
            t->sums[i][j] = half;
        }
    }
    return lost;
}

static uint64_t multiply(const ep__gemm *p, int64_t rows, int64_t columns, const float *a,
                         const float *b, tile *t)
{
    const int64_t taps = p->taps ? p->taps : 1, channels = p->k / taps;
    uint64_t lost = 0;
    memset(t->sums, 0, sizeof t->sums);
    for (int64_t c = 0; c < channels; c += EP__HALF_STEP) {
        const int64_t count = channels - c < EP__HALF_STEP ? channels - c : EP__HALF_STEP;
        for (int64_t tap = 0; tap < taps; tap++) {
            fill(p, rows, columns, c * taps + tap, count, a, b, t);
            lost += add_step(rows, t);
        }
    }
    return lost;
}

void ep__multiply_halves(const ep__gemm *p, int64_t m, int64_t n, const float *a, const float *b,
                         const float *row_bias, float *c)
{
    tile t;
    uint64_t lost = 0;
    for (int64_t row = 0; row < m; row += ROWS) {
        const int64_t rows = m - row < ROWS ? m - row : ROWS;
        const float *from_a = a + row * (p->trans_a ? 1 : p->lda);
        for (int64_t column = 0; column < n; column += COLUMNS) {
            const int64_t columns = n - column < COLUMNS ? n - column : COLUMNS;
            lost += multiply(p, rows, columns, from_a, b + column * (p->trans_b ? p->ldb : 1), &t);
            for (int64_t i = row; i < row + rows; i++) {
                float *to = c + i * p->ldc + column;
                const float bias = row_bias ? row_bias[i] : 0;
                for (int64_t j = 0; j < columns; j++) {
                    to[j] = (p->adds ? to[j] : bias) + p->alpha * t.sums[i - row][j];
                }
            }
        }
    }
    if (lost) atomic_fetch_add_explicit(&p->half_sums->overflowed, lost, memory_order_relaxed);
}
