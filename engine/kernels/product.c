/* Products of matrices: OpenBLAS on one thread a tile, or plain loops for integers. */
#include "engine/product.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>

/* A tile is large enough that packing its operands costs little beside multiplying them, and small
 * enough that a layer of a usual network gives work to many threads. */
enum { TILE_M = 128, TILE_N = 256, PIECE_MACS = 1 << 19 };

typedef struct job {
    const ep__gemm *p;
    ep__operands_of operands;
    const void *context;
    int64_t tile_m, tile_n;
    uint64_t tiles_m, tiles_n;
} job;

#define FILL_ROWS(id, T)                                                                           \
    static void fill_rows_##id(int64_t rows, int64_t columns, int64_t ld, const void *bias,        \
                               void *c)                                                            \
    {                                                                                              \
        for (int64_t i = 0; i < rows; i++) {                                                       \
            T *row = (T *)c + i * ld;                                                              \
            for (int64_t j = 0; j < columns; j++) row[j] = ((const T *)bias)[i];                   \
        }                                                                                          \
    }
FILL_ROWS(FLOAT, float)
FILL_ROWS(DOUBLE, double)

/* One tile of integers, whose operands begin at a and b. */
static void multiply_integers(const ep__gemm *p, int64_t m, int64_t n, const uint64_t *a,
                              const uint64_t *b, uint64_t *c)
{
    const int64_t a_row = p->trans_a ? 1 : p->lda, a_column = p->trans_a ? p->lda : 1;
    const int64_t b_row = p->trans_b ? 1 : p->ldb, b_column = p->trans_b ? p->ldb : 1;
    for (int64_t i = 0; i < m; i++) {
        uint64_t *row = c + i * p->ldc;
        for (int64_t j = 0; j < n && !p->adds; j++) row[j] = 0;
        for (int64_t k = 0; k < p->k; k++) {
            const uint64_t x = a[i * a_row + k * a_column];
            const uint64_t *y = b + k * b_row;
            for (int64_t j = 0; j < n; j++) row[j] += x * y[j * b_column];
        }
    }
}

/* Elements to bytes. */
static const void *at(const ep__gemm *p, const void *base, int64_t index)
{
    return (const char *)base + index * (p->dtype == EP_DTYPE_FLOAT ? 4 : 8);
}

/* One row of floats: the matrix is read once, and OpenBLAS's product of matrices would first copy
 * it. */
static void multiply_row(const ep__gemm *p, int64_t n, const void *a, const void *b, bool adds,
                         void *c)
{
    const int64_t rows = p->trans_b ? n : p->k, columns = p->trans_b ? p->k : n;
    cblas_sgemv(CblasRowMajor, p->trans_b ? CblasNoTrans : CblasTrans, (blasint)rows,
                (blasint)columns, p->alpha, b, (blasint)p->ldb, a, p->trans_a ? (blasint)p->lda : 1,
                adds ? 1.0f : 0.0f, c, 1);
}

static void multiply_tile(const job *j, const ep__operands *o, int64_t row, int64_t column)
{
    const ep__gemm *p = j->p;
    const int64_t m = p->m - row < j->tile_m ? p->m - row : j->tile_m;
    const int64_t n = p->n - column < j->tile_n ? p->n - column : j->tile_n;
    const void *a = at(p, o->a, p->trans_a ? row : row * p->lda);
    const void *b = at(p, o->b, p->trans_b ? column * p->ldb : column);
    void *c = (void *)(uintptr_t)at(p, o->c, row * p->ldc + column);
    const CBLAS_TRANSPOSE ta = p->trans_a ? CblasTrans : CblasNoTrans;
    const CBLAS_TRANSPOSE tb = p->trans_b ? CblasTrans : CblasNoTrans;
    const bool adds = p->adds || o->row_bias;
    if (p->dtype == EP_DTYPE_FLOAT) {
        if (o->row_bias) fill_rows_FLOAT(m, n, p->ldc, at(p, o->row_bias, row), c);
        if (p->m == 1 && p->k > 0) {
            multiply_row(p, n, a, b, adds, c);
            return;
        }
        cblas_sgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)p->k, p->alpha, a,
                    (blasint)p->lda, b, (blasint)p->ldb, adds ? 1.0f : 0.0f, c, (blasint)p->ldc);
    } else if (p->dtype == EP_DTYPE_UINT64) {
        multiply_integers(p, m, n, a, b, c);
    } else {
        if (o->row_bias) fill_rows_DOUBLE(m, n, p->ldc, at(p, o->row_bias, row), c);
        cblas_dgemm(CblasRowMajor, ta, tb, (blasint)m, (blasint)n, (blasint)p->k, (double)p->alpha,
                    a, (blasint)p->lda, b, (blasint)p->ldb, adds ? 1.0 : 0.0, c, (blasint)p->ldc);
    }
}

static void multiply_tiles(uint64_t begin, uint64_t end, void *context)
{
    const job *j = context;
    for (uint64_t i = begin; i < end; i++) {
        const uint64_t tiles = j->tiles_m * j->tiles_n, tile = i % tiles;
        const ep__operands o = j->operands(j->context, i / tiles);
        multiply_tile(j, &o, (int64_t)(tile / j->tiles_n) * j->tile_m,
                      (int64_t)(tile % j->tiles_n) * j->tile_n);
    }
}

static ep_status check_width(const ep__gemm *p, ep_error *err)
{
    const int64_t widths[] = {p->k, p->lda, p->ldb, p->ldc};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        EP_FAIL_IF(widths[i] > INT_MAX, err, EP_UNSUPPORTED,
                   "a matrix has %lld columns; products of at most 2^31-1 are supported",
                   (long long)widths[i]);
    }
    return EP_OK;
}

ep_status ep__multiply(uint32_t threads, const ep__gemm *product, uint64_t count,
                       ep__operands_of operands, const void *context, ep_error *err)
{
    ep__gemm p = *product;
    assert(p.dtype == EP_DTYPE_FLOAT || p.dtype == EP_DTYPE_DOUBLE || p.dtype == EP_DTYPE_UINT64);
    assert(p.m >= 0 && p.n >= 0 && p.k >= 0);
    if (p.m == 0 || p.n == 0 || count == 0) return EP_OK;
    EP_TRY(check_width(&p, err));
    /* OpenBLAS asks for this even of empty matrices */
    if (p.lda < 1) p.lda = 1;
    if (p.ldb < 1) p.ldb = 1;
    job j = {.p = &p, .operands = operands, .context = context};
    j.tile_m = p.m < TILE_M ? p.m : TILE_M;
    j.tile_n = p.n < TILE_N ? p.n : TILE_N;
    j.tiles_m = ep_div_up((uint64_t)p.m, (uint64_t)j.tile_m);
    j.tiles_n = ep_div_up((uint64_t)p.n, (uint64_t)j.tile_n);
    const uint64_t macs = (uint64_t)(j.tile_m * j.tile_n) * (uint64_t)(p.k + 1);
    openblas_set_num_threads(1); /* which it forgets when OpenMP is told another number */
    ep_parallel(threads, count * j.tiles_m * j.tiles_n, PIECE_MACS / (macs + 1) + 1, multiply_tiles,
                &j);
    return EP_OK;
}
