/* Private to engine: executing what depends on constants alone.
 *
 * A folded value lives in a block of its own and goes as soon as the last node that reads it has
 * been folded too, so that memory follows what is alive and not the number of nodes. What run-time
 * nodes read moves to the network's arena at the end. */
#ifndef EP_ENGINE_FOLD_H
#define EP_ENGINE_FOLD_H

#include "engine/engine.h"

typedef struct ep__value ep__value;

typedef struct ep__folder {
    ep_network *network;
    ep__value **values; /* per tensor: the block that holds its data; NULL: the file or nothing */
    uint32_t *uses;     /* per tensor: reads by nodes that are not folded, network outputs */
} ep__folder;

/* Counts the reads by nodes with `needed[node]`. Free with ep__folder_free, also after errors. */
ep_status ep__folder_init(ep__folder *folder, ep_network *network, const bool *needed,
                          ep_error *err);
void ep__folder_free(ep__folder *folder);

/* True when the node's outputs are constants: what it reads of its inputs is known before the run,
 * and it gives the same every time. */
bool ep__is_constant(const ep_network *network, const ep_node *node);

/* True when the node gives random numbers. */
bool ep__is_random(const ep_node *node);

/* Makes the outputs of such a node constants with shapes: with values when the inputs' are at hand
 * and all are small, of unknown value otherwise. The node is not needed any more. */
ep_status ep__fold(ep__folder *folder, const ep_node *node, ep_error *err);
/* The same if all outputs get values; else `*folded` is false and the outputs are not constants. */
ep_status ep__try_fold(ep__folder *folder, const ep_node *node, bool *folded, ep_error *err);

/* Moves the values of the tensors with `live[tensor]` into the network's arena, drops the others.
 */
ep_status ep__folder_finish(ep__folder *folder, const bool *live, ep_error *err);

#endif
