/* Private to engine: networks with QuantizeLinear and DequantizeLinear (Q/DQ), run in integers.
 *
 * What such a file says of a convolution is "dequantise, convolve in float, quantise". A step does
 * all of it on the codes. It stands where its QuantizeLinear stands and hides the nodes before it:
 *
 *     DQ(x), DQ(w), DQ(bias) -> Conv | Gemm | MatMul [-> Add of a DQ] [-> Relu | Clip] [-> Q]
 *     DQ -> [Relu | Clip | Reshape and the like] -> Q      DQ, DQ -> Add [-> Relu | Clip] -> Q
 *     DQ -> MaxPool | AveragePool | GlobalAveragePool -> Q    DQ, DQ, ... -> Concat -> Q
 *
 * with scales and zero points that are constants, one for all of an activation. Anything else stays
 * as it is. Recodings, sums of two, concatenations and MaxPool give the very numbers of their
 * nodes, as their formulas are the nodes' own. Products are summed exactly where the nodes' floats
 * are rounded on the way, so that codes may differ by one where a value lies that close to the
 * middle between two codes; so does a bias that is no multiple of its products' scale, which is
 * rounded to one (by at most half of it). AveragePool likewise.
 *
 * Codes between steps lie with their channels innermost.
 */
#ifndef EP_ENGINE_INTEGER_H
#define EP_ENGINE_INTEGER_H

#include "engine/session.h"

typedef struct ep__integer ep__integer;

/* Finds the steps of a frame whose constants are loaded; sets frame->integer, to NULL when there
 * are none. */
ep_status ep__integer_find(ep__frame *frame, ep_error *err);
/* Packs weights, after what depends on constants alone has run. */
ep_status ep__integer_build(ep__frame *frame, ep_error *err);
void ep__integer_free(ep__integer *integer); /* accepts NULL */

/* True when the node is part of a step that stands elsewhere, or is read by steps alone that do
 * without it. `integer` may be NULL, here and below. */
bool ep__integer_hides(const ep__integer *integer, uint32_t node);
bool ep__integer_has(const ep__integer *integer, uint32_t node);
/* The node of the step whose time it is: the Conv, if there is one. */
uint32_t ep__integer_anchor(const ep__integer *integer, uint32_t node);

/* The tensors that are read where a node stands: its inputs, or those of its step, weights
 * included; of a hidden one none. May hold EP_NO_INDEX. */
void ep__node_reads(const ep__frame *frame, uint32_t node, const uint32_t **tensors,
                    uint32_t *count);

/* Marks the tensors that the step at a node reads each time it runs. */
void ep__integer_mark_read(const ep__integer *integer, uint32_t node, bool *read);

/* Steps of a session's work for an element of the result. */
uint64_t ep__integer_work(const ep__integer *integer, uint32_t node);
/* Runs the step at the node, whose output has its place. */
ep_status ep__integer_run(ep__frame *frame, uint32_t node, const ep_array *out, ep_error *err);

#endif
