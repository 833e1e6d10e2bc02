/* Private to engine: convolutions and matrix products of 8-bit integers.
 *
 * The sums of products are exact INT32, and what becomes of a sum is one formula in float, the one
 * that TensorRT, ONNX Runtime and the DLA's output converter share:
 *
 *     v   = (float)(sum + bias) * scale[filter]   [+ (float)(residual - its zero) * its scale]
 *     out = clamp(v rounded to nearest, ties to even, + zero, low, high)
 *
 * The result is the same bits for any back end and any number of threads. Activations lie with
 * their channels innermost (NHWC): a matrix is an image of one row, its columns the channels.
 */
#ifndef EP_ENGINE_INT8_H
#define EP_ENGINE_INT8_H

#include "engine/window.h"

/* What is convolved. Weights have no zero point. */
typedef struct ep__int8_form {
    ep__window window;
    int64_t batch, groups;
    int64_t channels, filters; /* of all groups */
    ep_dtype x_dtype;          /* INT8 or UINT8 */
    int32_t x_zero;            /* the code of 0.0; beside the image too */
    bool x_positive;           /* no code is negative, as after a Relu: makes INT8 faster */
    const int8_t *weights;     /* filters x channels / groups x kernel, as in ONNX */
    const int32_t *bias;       /* NULL, or one a filter */
} ep__int8_form;

/* What becomes of the sums. */
typedef struct ep__int8_result {
    ep_dtype dtype;          /* INT8 or UINT8: `out`; FLOAT: `v`, without a residual */
    const float *scale;      /* one a filter */
    int32_t zero, low, high; /* low and high within the type */
    ep_dtype residual;       /* UNDEFINED (none), INT8 or UINT8; of the result's shape */
    int32_t residual_zero;
    float residual_scale; /* in units of the result */
} ep__int8_result;

/* A window that shows `rows` rows of a matrix, one by one. */
ep__window ep__int8_rows(int64_t rows);

typedef struct ep__int8 ep__int8;

/* Packs the weights; keeps nothing of what `form` and `result` point to. `plain`: C alone, also
 * where oneDNN is there and exact. EP_UNSUPPORTED when sums may pass INT32. */
ep_status ep__int8_new(const ep__int8_form *form, const ep__int8_result *result, bool plain,
                       uint32_t threads, ep__int8 **out, ep_error *err);
void ep__int8_free(ep__int8 *op); /* accepts NULL */

/* x: batch x image x channels; residual and out: batch x stops x filters. For one
 * caller at a time. */
ep_status ep__int8_run(const ep__int8 *op, uint32_t threads, const void *x, const void *residual,
                       void *out, ep_arena *scratch, ep_error *err);

#endif
