/* Private to engine/integer: steps, and what their codes go through. */
#ifndef EP_ENGINE_INTEGER_INTEGER_H
#define EP_ENGINE_INTEGER_INTEGER_H

#include "engine/int8.h"
#include "engine/integer.h"

/* Which number a code stands for: (code - zero) * scale. */
typedef struct ep__coding {
    ep_dtype dtype; /* INT8 or UINT8 */
    float scale;    /* finite, > 0 */
    int32_t zero;
} ep__coding;

/* Numbers to codes: clamped to low .. high, divided by the scale, rounded to even. */
typedef struct ep__recoding {
    ep__coding from[2], to;
    float low, high; /* of the numbers; infinite: none */
} ep__recoding;

typedef enum ep__integer_kind {
    EP__STEP_MULTIPLY, /* Conv, Gemm, MatMul; input 1, if there is one, is added */
    EP__STEP_RECODE,   /* one or the sum of two; Relu and Clip are its low and high */
    EP__STEP_RESHAPE,
    EP__STEP_MAX_POOL,
    EP__STEP_AVERAGE_POOL,
    EP__STEP_CONCAT, /* of channels */
} ep__integer_kind;

typedef struct ep__integer_step {
    ep__integer_kind kind;
    uint32_t node;      /* where it stands */
    uint32_t core;      /* the Conv, the pooling; EP_NO_INDEX: none */
    uint32_t out;       /* tensor */
    uint32_t n_inputs;  /* activations */
    uint32_t n_reads;   /* those, then weights and bias */
    uint32_t *reads;    /* tensors */
    ep__coding *coding; /* per input */
    ep__coding to;      /* dtype FLOAT: there is no Q, and the result is in numbers */
    float low, high;
    /* MULTIPLY */
    uint32_t weights, w_scale, bias, b_scale; /* tensors; EP_NO_INDEX: none */
    bool slides;                              /* Conv */
    bool columns;                             /* weights are channels x filters */
    ep__int8_form form;                       /* without weights and bias, until built */
    ep__int8 *op;
    ep__window window; /* of poolings */
    bool counts_pads;  /* AVERAGE_POOL */
} ep__integer_step;

struct ep__integer {
    ep_arena *arena;
    ep__integer_step **steps; /* per node; NULL: none */
    bool *hidden;             /* per node */
    bool *last;               /* per tensor: its channels are innermost */
    uint32_t n_ops;
    ep__int8 **ops; /* of all steps, to be freed */
};

/* ---- finding ------------------------------------------------------------------------------- */

typedef struct ep__finder {
    const ep__frame *frame;
    const ep_network *network;
    ep__integer *integer;
    uint32_t *readers; /* per tensor: how many; network outputs count */
} ep__finder;

/* The node that computes `t` when nobody else reads it; NULL otherwise. */
const ep_node *ep__sole_producer(const ep__finder *f, uint32_t t, uint32_t *index);
/* The coding of a QuantizeLinear or DequantizeLinear node. False: not a constant one for all. */
bool ep__read_coding(const ep__finder *f, const ep_node *node, ep__coding *out);
/* True when `t` is DequantizeLinear of codes; `*codes` is their tensor. */
bool ep__is_dequantised(const ep__finder *f, uint32_t t, uint32_t *codes, ep__coding *out);
bool ep__is_op(const ep_node *node, const char *op);
/* The values of a FLOAT constant; NULL when `t` is none. */
const ep_array *ep__constant_array(const ep__finder *f, uint32_t t);

/* Completes a step (out, to, low, high and node are set) from the tensor `t` that its Q, or its
 * activation, reads; hides the nodes in it. False when it is none. */
bool ep__match_step(const ep__finder *f, ep__integer_step *step, uint32_t t);
/* The same from a Conv, Gemm or MatMul node. */
bool ep__match_multiply(const ep__finder *f, ep__integer_step *step, uint32_t index);

/* Bias codes in units of x scale * weight scale; `out` may be NULL. False when one passes 2^30. */
bool ep__bias_codes(const ep__frame *frame, const ep__integer_step *step, int64_t filters,
                    int32_t *out);
/* Scale of filter `i`'s weights. */
float ep__weight_scale(const ep__frame *frame, const ep__integer_step *step, int64_t i);

/* ---- codes --------------------------------------------------------------------------------- */

/* `from`'s first, or both added; `b` NULL or n codes. `out` may be `a`. */
void ep__recode(uint32_t threads, const ep__recoding *r, const void *a, const void *b, uint64_t n,
                void *out);
/* True when it changes nothing. */
bool ep__recodes_nothing(const ep__recoding *r);

/* The code of a number, as QuantizeLinear gives it. */
int32_t ep__code_of(const ep__coding *coding, float number);

/* Batch x image x channels to batch x stops x channels. */
typedef struct ep__code_pool {
    ep__window window;
    int64_t batch, channels;
    ep__coding from, to;
    float low, high;  /* of averages */
    bool counts_pads; /* the kernel's elements beside the image count in an average */
} ep__code_pool;

void ep__max_codes(uint32_t threads, const ep__code_pool *p, const void *x, void *out);
void ep__average_codes(uint32_t threads, const ep__code_pool *p, const void *x, void *out);

/* Batch x channels x positions to batch x positions x channels; elements of 1 or 4 bytes. */
void ep__channels_last(uint32_t threads, int64_t batch, int64_t channels, int64_t positions,
                       size_t size, const void *in, void *out);

#endif
