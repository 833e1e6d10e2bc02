/* TfIdfVectorizer: counts n-grams of a pool in sequences of integers. */
#include <stdlib.h>
#include <string.h>

#include "engine/kernels.h"

/* One n-gram of the pool, or of a sequence. */
typedef struct gram {
    int64_t length;
    const int64_t *items;
    int64_t step; /* from item to item */
    int64_t column;
} gram;

/* shorter first */
static int compare(const void *a, const void *b)
{
    const gram *x = a, *y = b;
    if (x->length != y->length) return x->length < y->length ? -1 : 1;
    for (int64_t i = 0; i < x->length; i++) {
        const int64_t p = x->items[i * x->step], q = y->items[i * y->step];
        if (p != q) return p < q ? -1 : 1;
    }
    return 0;
}

typedef enum mode { TF, IDF, TFIDF } mode;

typedef struct vectorizer {
    mode mode;
    int64_t least, most, skips; /* lengths of n-grams, items left out between two */
    gram *pool;                 /* sorted */
    uint64_t n_pool;
    const float *weights; /* a column, or NULL */
    int64_t columns;
} vectorizer;

static ep_status read_mode(const ep_node *node, mode *out, ep_error *err)
{
    static const char *const names[] = {[TF] = "TF", [IDF] = "IDF", [TFIDF] = "TFIDF"};
    const char *name = ep_attr_string(node, "mode", "");
    for (*out = TF; *out <= TFIDF; ++*out) {
        if (strcmp(name, names[*out]) == 0) return EP_OK;
    }
    return ep_fail(err, EP_BAD_MODEL, "'mode' is TF, IDF or TFIDF, not '%s'", name);
}

static const ep_attr *ints(const ep_node *node, const char *name)
{
    const ep_attr *attr = ep_attr_find(node, name);
    return attr && attr->type == EP_ATTR_INTS ? attr : NULL;
}

/* The pool holds all 1-grams, then all 2-grams and so on; `counts` says where each begin. */
static ep_status read_pool(const ep__call *call, vectorizer *v, ep_error *err)
{
    const ep_attr *counts = ints(call->node, "ngram_counts");
    const ep_attr *columns = ints(call->node, "ngram_indexes");
    const ep_attr *pool = ints(call->node, "pool_int64s");
    EP_FAIL_IF(!pool && ep_attr_find(call->node, "pool_strings"), err, EP_UNSUPPORTED,
               "a pool of strings");
    EP_FAIL_IF(!counts || !columns || !pool, err, EP_BAD_MODEL,
               "ngram_counts, ngram_indexes and pool_int64s must be there");
    v->pool = EP_NEW(call->scratch, gram, columns->count);
    if (!v->pool) return ep_fail_memory(err);
    for (uint32_t i = 0; i < counts->count; i++) {
        const int64_t length = (int64_t)i + 1, begin = counts->ints[i];
        const int64_t end = i + 1 < counts->count ? counts->ints[i + 1] : pool->count;
        EP_FAIL_IF(begin < 0 || end < begin || end > pool->count || (end - begin) % length != 0,
                   err, EP_BAD_MODEL, "ngram_counts puts %lld-grams at %lld to %lld of %u items",
                   (long long)length, (long long)begin, (long long)end, pool->count);
        for (int64_t at = begin; at < end; at += length) {
            EP_FAIL_IF(v->n_pool == columns->count, err, EP_BAD_MODEL,
                       "ngram_indexes has %u values, fewer than the pool n-grams", columns->count);
            const int64_t column = columns->ints[v->n_pool];
            EP_FAIL_IF(column < 0 || column >= v->columns, err, EP_BAD_MODEL,
                       "n-gram %llu has column %lld of %lld", (unsigned long long)v->n_pool,
                       (long long)column, (long long)v->columns);
            v->pool[v->n_pool++] = (gram){length, pool->ints + at, 1, column};
        }
    }
    if (v->n_pool > 0) qsort(v->pool, v->n_pool, sizeof *v->pool, compare);
    return EP_OK;
}

static ep_status read_vectorizer(const ep__call *call, vectorizer *v, ep_error *err)
{
    const ep_node *node = call->node;
    const ep_shape *out = &ep__out(call, 0)->shape;
    const ep_attr *weights = ep_attr_find(node, "weights");
    EP_FAIL_IF(out->rank < 1, err, EP_BAD_SHAPE, "its output must be rows of columns");
    *v = (vectorizer){.least = ep_attr_int(node, "min_gram_length", 1),
                      .most = ep_attr_int(node, "max_gram_length", 1),
                      .skips = ep_attr_int(node, "max_skip_count", 0),
                      .columns = out->dims[out->rank - 1]};
    EP_TRY(read_mode(node, &v->mode, err));
    EP_FAIL_IF(v->least < 1 || v->most < v->least || v->skips < 0, err, EP_BAD_MODEL,
               "n-grams of %lld to %lld items, %lld of them skipped", (long long)v->least,
               (long long)v->most, (long long)v->skips);
    if (weights && weights->type == EP_ATTR_FLOATS) {
        EP_FAIL_IF(weights->count < v->columns, err, EP_BAD_MODEL, "%u weights for %lld columns",
                   weights->count, (long long)v->columns);
        v->weights = weights->floats;
    }
    return read_pool(call, v, err);
}

/* Adds what a sequence of `n` items holds. Skips make no difference to single items. */
static void count_grams(const vectorizer *v, int64_t n, const int64_t *items, float *counts)
{
    for (int64_t length = v->least; length <= v->most && length <= n; length++) {
        const int64_t farthest = length > 1 ? (n - 1) / (length - 1) : 1;
        for (int64_t step = 1; step <= farthest && step - 1 <= (length > 1 ? v->skips : 0);
             step++) {
            for (int64_t at = 0; at + (length - 1) * step < n; at++) {
                const gram key = {length, items + at, step, 0};
                const gram *found = bsearch(&key, v->pool, v->n_pool, sizeof key, compare);
                if (found) counts[found->column]++;
            }
        }
    }
}

ep_status ep__kernel_TfIdfVectorizer(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int64_t *items;
    vectorizer v = {0};
    EP_FAIL_IF(in->shape.rank > 2, err, EP_BAD_SHAPE,
               "its input has rank %d, at most 2 is possible", in->shape.rank);
    if (in->dtype == EP_DTYPE_STRING) return ep__bad_dtype(in, err);
    EP_TRY(ep__int_values(call, in, &items, err));
    EP_TRY(read_vectorizer(call, &v, err));
    const int64_t rows = in->shape.rank == 2 ? in->shape.dims[0] : 1;
    const int64_t length = in->shape.rank == 0 ? 1 : in->shape.dims[in->shape.rank - 1];
    if (out->dtype != EP_DTYPE_FLOAT || out->n != (uint64_t)rows * (uint64_t)v.columns) {
        return ep__bad_out_shape(out, err);
    }
    float *counts = out->data;
    memset(counts, 0, (size_t)out->n * sizeof *counts);
    for (int64_t row = 0; in->n > 0 && v.n_pool > 0 && row < rows; row++) {
        count_grams(&v, length, items + row * length, counts + row * v.columns);
    }
    for (uint64_t i = 0; i < out->n && v.mode != TF; i++) {
        const float weight = v.weights ? v.weights[i % (uint64_t)v.columns] : 1;
        if (v.mode == IDF && counts[i] > 0) counts[i] = 1;
        counts[i] *= weight;
    }
    return EP_OK;
}
