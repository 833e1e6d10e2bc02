/* engine: what does a network compute?
 *
 * So far the engine executes what depends on constants alone: ep_specialize walks the nodes once,
 * in topological order, with concrete input shapes. A node whose inputs are all constants with
 * values at hand, and small, is executed by its kernel and replaced by its value; a node whose
 * inputs are all constants but large or unknown becomes a constant of unknown value; for any other
 * node its shape function runs. Shape -> Gather -> Concat -> Reshape chains, Range, Where and
 * ScatterND index arithmetic vanish without special code.
 *
 * A kernel computes one operator on small dense tensors; engine/kernels.def lists them.
 */
#ifndef EP_ENGINE_H
#define EP_ENGINE_H

#include "base/base.h"
#include "graph/graph.h"

/* Constants of at most this many elements are folded; larger results stay unexecuted. Large enough
 * for the attention masks that exporters compute in the graph (64 x 49 x 49 elements in Swin). */
#define EP_FOLD_MAX_ELEMENTS ((uint64_t)1 << 18)

/* One input shape of a --shapes specification. */
typedef struct ep_input_shape {
    const char *name; /* may hold one '*' that stands for any characters */
    ep_shape shape;
} ep_input_shape;

/* What to make concrete. Zero-initialised: leading dimensions as in the file (1 when symbolic). */
typedef struct ep_specialize_options {
    int64_t batch; /* 0: as in the file. Else the leading dimension of every input of rank >= 1,
                      except those that `shapes` names; Reshape and Expand targets whose literal
                      leading dimension follows the old batch are scaled with it */
    const ep_input_shape *shapes;
    uint32_t n_shapes;
    /* None, or the smallest and largest shapes of the same inputs: the network is made for the
     * largest, `shapes` need only lie in between, and was_symbolic says which dimensions vary. */
    const ep_input_shape *min_shapes, *max_shapes;
    uint32_t n_min_shapes, n_max_shapes;
} ep_specialize_options;

/* Parses trtexec's grammar: `name:1x3x224x224,'other:name':8x128,scalar_input:scalar`; names may be
 * single-quoted and hold one `*`. The result lives in `arena`. EP_BAD_USAGE with the place. */
ep_status ep_shapes_parse(const char *text, ep_arena *arena, const ep_input_shape **shapes,
                          uint32_t *n_shapes, ep_error *err);

/* Makes the static network. A dimension is symbolic in it when it differs between the smallest and
 * the largest shapes: one given by `shapes` alone, or left to the batch, has one value only, as in
 * a profile with min = opt = max. `network` is left as it was and must outlive `*out` (weights and
 * names are shared). Tensor indices are the same in both; `*out` has only the nodes that compute
 * something at run time and are needed for an output.
 * Errors: EP_BAD_USAGE (a shape for no input, rank or a fixed dimension that disagrees: a
 * fixed dimension other than the leading one cannot be overridden; a range that is none),
 * EP_BAD_SHAPE (a symbolic dimension without a value: names input, dimension and symbol and says to
 * give --shapes; shapes that do not fit, with the node), EP_UNSUPPORTED, EP_NO_MEMORY. */
ep_status ep_specialize(const ep_network *network, const ep_specialize_options *options,
                        ep_network **out, ep_error *err);

#endif
