/* rules.h: private to planner. What may the DLA run?
 *
 * A rule is one function in the file of its layer family and one row in the table at the end of
 * that file: the row is the text, the hint, the source and the layer types it is asked about; the
 * function decides and, when it refuses, says what the layer has and what the DLA takes. Bounds
 * come from the machine (ep_dla_limits).
 *
 * What braces in the text mean: ep_rule.
 *
 * A rule judges one thing only. What it needs but another rule refuses (a tensor that is no NCHW,
 * a window that is not two-dimensional) it lets pass: the other rule says it.
 */
#ifndef EP_RULES_H
#define EP_RULES_H

#include "planner/planner.h"

typedef struct ep__rule_context {
    const ep_layers *layers;
    const ep_layer *layer;
    const ep_dla *dla;
    const ep_dla_limits *limits;
    ep_precision asked;     /* by the user */
    ep_precision precision; /* in which the DLA would run the layer: EP_INT8 or EP_FP16 */
    const ep_shape *in_shape, *out_shape; /* first input and output; a scalar where there is none */
    bool has_nchw;                        /* both are N, C, H, W: `in`, `out` */
    int64_t in[4], out[4];
    ep_arena *arena; /* of hints */
} ep__rule_context;

/* Whether the layer passes; if not, `refusal` has its value and its bound, and the rule's hint
 * unless the function knows one that fits the layer better. */
typedef bool (*ep__rule_function)(const ep__rule_context *c, ep_refusal *refusal);

typedef struct ep__rule {
    ep_rule rule;
    uint64_t types;          /* of the layers it is asked about: EP__TYPE bits */
    ep__rule_function holds; /* NULL: placement decides, not a function */
} ep__rule;

typedef struct ep__rule_family {
    uint32_t n_rows;
    const ep__rule *rows;
} ep__rule_family;

#define EP__RULE_FAMILY(table)                                                                     \
    {                                                                                              \
        .n_rows = sizeof(table) / sizeof(table)[0], .rows = (table)                                \
    }

extern const ep__rule_family ep__general_rules, ep__convolution_rules, ep__deconvolution_rules,
    ep__pooling_rules, ep__activation_rules, ep__elementwise_rules, ep__scale_rules,
    ep__concat_rules, ep__resize_rules, ep__slice_rules, ep__softmax_rules, ep__reduce_rules,
    ep__shuffle_rules, ep__unary_rules, ep__normalization_rules;

#define EP__TYPE(name) (UINT64_C(1) << EP_LAYER_##name)
_Static_assert(EP_LAYER_TYPE_COUNT < 64, "a layer type is a bit of ep__rule.types");
#define EP__ALL_TYPES ((UINT64_C(1) << EP_LAYER_TYPE_COUNT) - 1)
/* Types of which the DLA runs at least some layers. */
#define EP__DLA_TYPES                                                                              \
    (EP__TYPE(CONVOLUTION) | EP__TYPE(DECONVOLUTION) | EP__TYPE(FULLY_CONNECTED) |                 \
     EP__TYPE(ACTIVATION) | EP__TYPE(PARAMETRIC_RELU) | EP__TYPE(UNARY) | EP__TYPE(ELEMENTWISE) |  \
     EP__TYPE(COMPARISON) | EP__TYPE(SCALE) | EP__TYPE(POOLING) | EP__TYPE(REDUCE) |               \
     EP__TYPE(SOFTMAX) | EP__TYPE(LRN) | EP__TYPE(SHUFFLE) | EP__TYPE(CONCATENATION) |             \
     EP__TYPE(SLICE) | EP__TYPE(RESIZE))

/* Sources of rules. */
#define EP__GUIDE "TensorRT developer guide 8.4 and 8.5, Working with DLA"
#define EP__GUIDE_10 "TensorRT documentation 10.x, DLA layer restrictions"
#define EP__HEADER "TensorRT 8.6, NvInfer.h"
#define EP__OPERATORS "NVIDIA Deep-Learning-Accelerator-SW, operators/README.md"
#define EP__NVDLA "NVDLA hardware documentation, unit description"

/* ---- helpers (check.c) --------------------------------------------------------------------- */

/* Fill in one half of a refusal. Text from a file is made printable and cut to fit. */
void ep__value(ep_refusal *refusal, const char *format, ...) EP_PRINTF(2, 3);
void ep__bound(ep_refusal *refusal, const char *format, ...) EP_PRINTF(2, 3);
void ep__bound_range(ep_refusal *refusal, ep_range range); /* "1..32" */

/* Replaces the rule's hint, and what following it takes, by one for this layer. */
void ep__hint(const ep__rule_context *c, ep_refusal *refusal, ep_change change, const char *format,
              ...) EP_PRINTF(4, 5);
/* After it: the same as steps (ep_refusal.instead). */
void ep__instead(const ep__rule_context *c, ep_refusal *refusal, const char *format, ...)
    EP_PRINTF(3, 4);

static inline bool ep__within(ep_range range, int64_t value)
{
    return value >= range.min && value <= range.max;
}

/* The axes of a tensor of `rank` as bits of N, C, H, W (bit 0 is N), the way ep_nchw reads it; of
 * rank 3 the axes are C, H, W. */
uint8_t ep__nchw_axes(int rank, uint8_t axes);
#define EP__AXIS_N 1u
#define EP__AXIS_C 2u
#define EP__AXIS_H 4u
#define EP__AXIS_W 8u

/* The layer that writes what this layer reads as input `i`; NULL: none does. */
const ep_layer *ep__producer(const ep__rule_context *c, uint32_t i);
/* The only layer that reads the first output, which is no output of the network; NULL: there is not
 * one such layer. */
const ep_layer *ep__only_reader(const ep__rule_context *c);

/* The shape N x C x H x W that a Flatten or Reshape in front of this fully connected layer
 * flattened; NULL: there is none. */
const ep_shape *ep__flattened(const ep__rule_context *c);
/* Hints at the Conv over the whole map that replaces Flatten and a fully connected layer. */
void ep__flatten_hint(const ep__rule_context *c, const ep_shape *map, ep_refusal *refusal);

/* The layer computes one of `allowed`; the refusal names its operator and lists them. */
bool ep__function_among(const ep__rule_context *c, const ep_function *allowed, size_t n,
                        ep_refusal *refusal);

/* The layer's first input has four dimensions. */
bool ep__input_is_4d(const ep__rule_context *c, ep_refusal *refusal);

/* No operand but the first is computed; `what` names the others. */
bool ep__operands_constant(const ep__rule_context *c, const char *what, ep_refusal *refusal);

/* Where the padding of a Pad can go instead (pad.c). */
void ep__pad_hint(const ep__rule_context *c, ep_refusal *refusal);

/* ---- windows (window.c) -------------------------------------------------------------------- */

/* The window slides over height and width: not over one dimension, not over three. */
bool ep__window_is_2d(const ep__rule_context *c, ep_refusal *refusal);
/* All `values` of the window (its kernel, stride or dilation) are in the range; `what` names them
 * in the refusal: "kernel 33x3". */
bool ep__window_within(const ep_window *window, const char *what, const int64_t *values,
                       ep_range range, ep_refusal *refusal);
bool ep__padding_within(const ep_window *window, ep_range range, ep_refusal *refusal);
bool ep__padding_below_kernel(const ep_window *window, ep_refusal *refusal);
/* Hints at a smaller stride, at most `max`, and a 1x1 MaxPool behind it that skips the rest. */
void ep__stride_hint(const ep__rule_context *c, const char *what, int64_t max, ep_refusal *refusal);
/* Hints how to take `what` ("AveragePool") over all of height x width without a window beyond the
 * DLA's, and what then is left to do (""). */
void ep__whole_map_hint(const ep__rule_context *c, const char *what, int64_t height, int64_t width,
                        const char *then, ep_refusal *refusal);
bool ep__channels_within(const ep__rule_context *c, ep_range range, ep_refusal *refusal);

#endif
