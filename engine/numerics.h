/* Private to engine: a network computed as the devices of a plan compute it.
 *
 * Arrays stay FLOAT; what makes the difference is that their elements are rounded, where a kernel
 * of the plan reads and writes memory, to what the format there can hold. Sums of 8-bit integers
 * are computed by the operator's own kernel on floats, or doubles, that hold integers: as long as
 * no partial sum passes 2^24, or 2^53, that is exact in any order. */
#ifndef EP_ENGINE_NUMERICS_H
#define EP_ENGINE_NUMERICS_H

#include "engine/session.h"

/* ---- rounding ------------------------------------------------------------------------------ */

typedef struct ep__rounding {
    ep_precision precision; /* FP32: none */
    float scale;            /* of INT8 */
} ep__rounding;

/* `out` may be `in`. Adds to `loss` what became infinite or saturated. */
void ep__round(uint32_t threads, ep__rounding rounding, uint64_t n, const float *in, float *out,
               ep_loss *loss);

/* To the nearest integer from -128 to 127, half to even. NaN gives 0. */
static inline float ep__to_int8(float x)
{
    x = x > 127.0F ? 127.0F : x;
    x = x < -128.0F ? -128.0F : x;
    x = x == x ? x : 0.0F;
    return (x + 12582912.0F) - 12582912.0F; /* 1.5 * 2^23: there floats are integers */
}

/* in / scale, to such integers. */
void ep__quantize(uint32_t threads, float scale, uint64_t n, const float *in, float *out);

/* The size of the largest finite one; 0 when there is none. */
float ep__largest(uint64_t n, const float *values);

/* ---- products of integers ------------------------------------------------------------------ */

/* A product of activations with constant weights. Element i of its result, and of the weights,
 * belongs to channel i / inner % channels; in groups, whose weights come one after the other,
 * channels are counted on. */
typedef struct ep__integer_product {
    float scale; /* of the activations */
    uint32_t channels, groups;
    uint64_t weight_inner, out_inner;
    float alpha, beta; /* Gemm's factors of product and bias */
    ep_dtype dtype;    /* in which the sums are exact: FLOAT or DOUBLE */
    ep__cell weights;  /* integers, in that type */
    float *multiplier; /* per channel: from sums to values */
    int32_t *bias;     /* per channel; NULL: none */
} ep__integer_product;

/* Makes `*out` of a node whose operand 1 is constant, with what else it reads; `scales`: of its
 * weights, `n_scales` of them, 0: from the largest weight of each channel. False: it cannot be one
 * of the forms that are computed with integers. */
ep_status ep__integer_product_make(ep__memory *memory, const ep_network *network,
                                   const ep_node *node, const ep_array *weights,
                                   const ep_array *bias, float scale, const float *scales,
                                   uint64_t n_scales, ep__integer_product **out, ep_error *err);
void ep__integer_product_free(ep__integer_product *product); /* accepts NULL */

/* Runs `kernel`, the node's, on integers. */
ep_status ep__integer_product_run(const ep__integer_product *product, const ep__kernel *kernel,
                                  ep__call *call, ep_error *err);

/* ---- nodes --------------------------------------------------------------------------------- */

/* How a node computes. */
typedef struct ep__node_numerics {
    bool in_kernel;                /* of the plan; else the node is as it is */
    ep__rounding *inputs;          /* per input */
    bool *outside;                 /* per input: computed, by another kernel */
    ep__rounding output;           /* of all outputs */
    ep__cell weights;              /* operand 1, rounded; nothing: it is as it is */
    ep__integer_product *integers; /* NULL: none */
    bool half_sums;                /* products are added up in FP16 */
} ep__node_numerics;

struct ep__numerics {
    const ep_session *reference; /* as ep_numerics has it */
    uint32_t n_nodes;
    ep__node_numerics *nodes; /* per node */
    ep_loss *losses;          /* per tensor */
    ep_arena *arena;          /* of all that has no cell */
};

/* Sets `frame->numerics`, also when it fails. The frame is prepared: constants have values. */
ep_status ep__numerics_init(ep__frame *frame, const ep_numerics *given, ep_error *err);
void ep__numerics_free(ep__numerics *numerics); /* accepts NULL */

/* Forgets the losses of the last run. */
void ep__numerics_begin(ep__frame *frame);
/* Runs the kernel of a node of the frame's network: rounds the operands, which lie in
 * `frame->operands`, and the results. */
ep_status ep__numerics_run(ep__frame *frame, const ep__kernel *kernel, ep__call *call,
                           ep_error *err);

#endif
