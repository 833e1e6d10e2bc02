/* Private to engine/int8: what the back ends share. */
#ifndef EP_ENGINE_INT8_CORE_H
#define EP_ENGINE_INT8_CORE_H

#include "engine/int8.h"

typedef struct ep__int8_dnnl ep__int8_dnnl;

struct ep__int8 {
    ep__int8_form form;     /* its pointers are those below */
    ep__int8_result result; /* likewise */
    int32_t *bias;          /* one a filter */
    float *scale;           /* one a filter */
    int8_t *weights;        /* plain: filters x kernel x channels / groups; depthwise: kernel x
                               filters */
    ep__int8_dnnl *dnnl;    /* NULL: plain */
};

/* The greatest sum of a filter's weights without their signs. */
uint64_t ep__int8_most(const ep__int8_form *form);
int64_t ep__int8_weights_each(const ep__int8_form *form); /* of a filter */
bool ep__int8_is_depthwise(const ep__int8_form *form);    /* one filter a channel */

/* ---- results ------------------------------------------------------------------------------- */

/* Rows of sums, of filters `first` .. `first` + n - 1. `bias`, `scale`: of filter `first`. */
typedef struct ep__int8_sums {
    const int32_t *sums;
    int64_t rows, n, ld; /* elements from row to row */
    const int32_t *bias;
    const float *scale;
    const uint8_t *residual; /* its element for the first sum; rows `out_ld` elements apart */
    void *out;               /* likewise */
    int64_t out_ld;
} ep__int8_sums;

void ep__int8_finish(const ep__int8_result *result, const ep__int8_sums *s);

/* ---- back ends ----------------------------------------------------------------------------- */

void ep__int8_plain_run(const ep__int8 *op, uint32_t threads, const void *x, const void *residual,
                        void *out);

/* EP_UNSUPPORTED where oneDNN cannot do it or not exactly. */
ep_status ep__int8_dnnl_new(const ep__int8_form *form, const ep__int8 *op, uint32_t threads,
                            ep__int8_dnnl **out, ep_error *err);
void ep__int8_dnnl_free(ep__int8_dnnl *dnnl); /* accepts NULL */
ep_status ep__int8_dnnl_run(const ep__int8 *op, uint32_t threads, const void *x,
                            const void *residual, void *out, ep_arena *scratch, ep_error *err);

#endif
