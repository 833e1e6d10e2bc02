/* Private to graph/: how a node becomes a layer. */
#ifndef EP_LAYERS_INTERNAL_H
#define EP_LAYERS_INTERNAL_H

#include "graph/graph.h"

/* Fills in everything of `layer` that follows from its node alone: type, function, operands and
 * parameters, MACs, elements. `arena` owns its lists. */
ep_status ep__layer_describe(const ep_network *network, uint32_t node, ep_arena *arena,
                             ep_layer *layer, ep_error *err);

/* True when the two shapes differ in dimensions of one element only: the same bytes in the same
 * order, and the same axes but for names. */
bool ep__shapes_squeeze_alike(const ep_shape *a, const ep_shape *b);

/* True for a Transpose that moves no axis of more than one element past another. */
bool ep__transpose_is_view(const ep_shape *input, const ep_node *node);

#endif
