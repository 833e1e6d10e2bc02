/* How far one array is from another. */
#include <assert.h>
#include <math.h>

#include "study/study.h"

/* Over the finite pairs. */
typedef struct sums {
    uint64_t n;
    double abs, squares, aa, bb, ab;
} sums;

static bool agree(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b;
}

static void add_finite(double a, double b, double atol, double rtol, sums *sum, ep_deviation *out)
{
    const double difference = fabs(b - a);
    sum->n++;
    sum->abs += difference;
    sum->squares += difference * difference;
    sum->aa += a * a;
    sum->bb += b * b;
    sum->ab += a * b;
    out->max_abs = fmax(out->max_abs, difference); /* of NAN and a number: the number */
    if (a != 0) out->max_rel = fmax(out->max_rel, difference / fabs(a));
    out->unequal += difference != 0;
    out->over += difference > atol + rtol * fabs(a);
}

static void add_pairs(const double *a, const double *b, uint64_t n, double atol, double rtol,
                      sums *sum, ep_deviation *out)
{
    for (uint64_t k = 0; k < n; k++) {
        if (isfinite(a[k]) && isfinite(b[k])) {
            add_finite(a[k], b[k], atol, rtol, sum, out);
            continue;
        }
        out->nan_a += isnan(a[k]) != 0;
        out->nan_b += isnan(b[k]) != 0;
        out->inf_a += isinf(a[k]) != 0;
        out->inf_b += isinf(b[k]) != 0;
        const bool other = !agree(a[k], b[k]);
        out->unequal += other;
        out->over += other;
    }
}

static double cosine(const sums *sum)
{
    if (sum->aa == 0 && sum->bb == 0) return 1;
    if (sum->aa == 0 || sum->bb == 0) return 0;
    const double value = sum->ab / sqrt(sum->aa * sum->bb);
    return value > 1 ? 1 : value < -1 ? -1 : value; /* rounding may pass the ends */
}

void ep_deviation_of(const ep_array *a, const ep_array *b, double atol, double rtol,
                     ep_deviation *out)
{
    enum { BLOCK = 512 }; /* even, for elements that share a byte */
    double block_a[BLOCK], block_b[BLOCK];
    sums sum = {0};
    *out = (ep_deviation){.n = ep_array_numbers(a),
                          .max_abs = NAN,
                          .max_rel = NAN,
                          .mean_abs = NAN,
                          .rms = NAN,
                          .cosine = NAN,
                          .sqnr_db = NAN};
    assert(ep_array_numbers(b) == out->n);
    for (uint64_t at = 0; at < out->n; at += BLOCK) {
        const uint64_t n = ep_min_u64(BLOCK, out->n - at);
        ep_array_get(a, at, n, block_a);
        ep_array_get(b, at, n, block_b);
        add_pairs(block_a, block_b, n, atol, rtol, &sum, out);
    }
    if (sum.n == 0) return;
    out->mean_abs = sum.abs / (double)sum.n;
    out->rms = sqrt(sum.squares / (double)sum.n);
    out->cosine = cosine(&sum);
    out->sqnr_db = sum.squares == 0 ? (double)INFINITY : 10 * log10(sum.aa / sum.squares);
}
