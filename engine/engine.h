/* engine: what does a network compute?
 *
 * It is made concrete first, and what depends on constants alone is computed: ep_specialize walks
 * the nodes once, in topological order, with concrete input shapes. A node whose inputs are all
 * constants with values at hand, and small, is executed by its kernel and replaced by its value; a
 * node whose inputs are all constants but large or unknown becomes a constant of unknown value (in
 * a network to be run it stays); for any other node its shape function runs. Shape -> Gather ->
 * Concat -> Reshape chains, Range, Where and ScatterND index arithmetic vanish without special
 * code.
 *
 * Then a session computes its outputs from inputs, node by node. Values of known shape have planned
 * places in one piece of memory; where a shape depends on values, the shape function runs in the
 * middle of the run, with the values at hand. Bodies of If, Loop and Scan run the same way. A
 * kernel computes one operator on dense arrays, in folding and in a session alike;
 * engine/kernels.def lists them.
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
    /* To be executed, not planned: constants too large to fold stay nodes, and a shape that depends
     * on values is unknown (has_shape false, or EP_DIM_UNKNOWN) instead of an error. */
    bool to_run;
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

/* ---- execution ----------------------------------------------------------------------------- */

/* Dense, row-major, little endian; at least 64-byte aligned where the engine makes it. */
typedef struct ep_array {
    ep_dtype dtype; /* UNDEFINED: an optional input or output that is left out */
    ep_shape shape;
    uint64_t n; /* elements */
    void *data; /* an input's is not written to */
} ep_array;

/* A network made ready to run: memory planned, constants at hand and prepared once. */
typedef struct ep_session ep_session;

/* How the devices of a plan compute. Given to a session, every node computes as the kernel of the
 * plan does that it belongs to:
 *   - FP16: what a kernel reads and what it writes is rounded to half, beyond 65504 to infinity
 *   - INT8: what it reads and writes is rounded to multiples of the tensor's scale, half to even,
 *     from -128 to 127 of them; filters and matrices have a scale for each output channel, sums of
 *     products and biases are 32-bit integers
 *   - TF32: operands of products are rounded to 10 bits of mantissa
 * and inside a kernel values are FP32. Only FLOAT tensors are rounded; nodes of other types, and
 * the bodies of If, Loop and Scan, compute as the file has them. */
typedef struct ep_numerics {
    const ep_network *imported; /* of which the session's network was made, and the plan's: its Q/DQ
                                   pairs have the scales of weights */
    const ep_plan *plan;
    const ep_precision *stored; /* per tensor, at roots: as it lies in memory. All of these: the
                                   indices of tensors are the same */
    const float *scales;        /* per tensor: of INT8; 0: none. What only moves elements takes that
                                   of its input */
    const ep_session *reference; /* NULL, or a session of the same network that keeps all: kernels
                                    read what its last run computed, not what came before them, so
                                    that each shows the error of its own */
} ep_numerics;

/* What rounding did to a tensor: to each of its elements that was rounded. */
typedef struct ep_loss {
    uint64_t n;
    uint64_t overflowed; /* FP16: finite, became infinite */
    uint64_t saturated;  /* INT8: beyond -128 or 127 of its scale */
} ep_loss;

typedef struct ep_session_options {
    uint32_t threads;    /* 0: one a core. The results are the same bits for any number */
    uint64_t max_memory; /* bytes of all values alive at once, without the file's weights; 0: any */
    uint64_t max_work; /* steps that one run may take: of a node at least one, about one an element,
                          about a product for what computes products; 0: any. For networks that
                          nobody trusts: a Loop may be endless */
    bool plain;        /* without oneDNN, also where it is there: slower */
    bool keep_all;     /* every tensor stays readable until the next run (ep_session_tensor): nodes
                          are run one by one, where else FP32 is fused and may differ in the last
                          digits */
    const ep_numerics *numerics; /* NULL: as the network has it. What it points to must outlive the
                                    session */
} ep_session_options;

/* `network` comes from ep_specialize with `to_run` and must outlive the session. Errors:
 * EP_UNSUPPORTED (an operator without a kernel; stripped weights: how many, the first by name),
 * EP_NO_MEMORY (max_memory: what is needed and by which node), EP_BAD_USAGE (INT8 is planned for
 * tensors without a scale: how many, the first by name). */
ep_status ep_session_new(const ep_network *network, const ep_session_options *options,
                         ep_session **out, ep_error *err);
void ep_session_free(ep_session *session); /* accepts NULL */

/* Computes the outputs of one set of inputs: network->n_inputs arrays in that order, in the
 * network's types and shapes. Errors name the node. After one the session can run again. */
ep_status ep_session_run(ep_session *session, const ep_array *inputs, ep_error *err);

/* Output `index` of the last run; the session's, until its next run. */
const ep_array *ep_session_output(const ep_session *session, uint32_t index);
/* A tensor of the last run, NULL when it was not kept or computed. */
const ep_array *ep_session_tensor(const ep_session *session, uint32_t tensor);
/* Of the last run: nanoseconds per node of the network; of fused ones with the first. */
const double *ep_session_node_ns(const ep_session *session);
/* Of the last run: per tensor; NULL without numerics. */
const ep_loss *ep_session_losses(const ep_session *session);
/* The most bytes of values that were alive at once so far, scratch included. */
uint64_t ep_session_peak_bytes(const ep_session *session);

/* ---- INT8 scales --------------------------------------------------------------------------- */

typedef struct ep_scale {
    const char *name; /* of a tensor */
    float scale;      /* the real value of 1; at least 0, where 0 is none */
} ep_scale;

/* A calibration cache of TensorRT. */
typedef struct ep_scales {
    const char *header; /* "TRT-8502-EntropyCalibration2": version and calibrator */
    uint32_t n;
    const ep_scale *at;
} ep_scales;

/* Reads the text form; `*out` lives in `arena`. EP_BAD_FILE with the place. */
ep_status ep_scales_read(const char *path, ep_arena *arena, ep_scales *out, ep_error *err);
/* The same from memory; `path` is for messages. */
ep_status ep_scales_parse(const void *bytes, size_t size, const char *path, ep_arena *arena,
                          ep_scales *out, ep_error *err);
/* Replaces `path`, or leaves it as it was. */
ep_status ep_scales_write(const char *path, const ep_scales *scales, ep_error *err);
/* Sets out[t] of the tensors named, of one that is twice to the last. EP_BAD_FILE, with `path`:
 * none is of this network. */
ep_status ep_scales_find(const ep_scales *scales, const char *path, const ep_network *network,
                         float *out, ep_error *err);

/* ---- arrays -------------------------------------------------------------------------------- */

/* Reads the array of a file: NumPy's .npy (versions 1 to 3, little endian, either order) or ONNX's
 * TensorProto .pb, as the ending says. The elements live in `arena`. NumPy lacks some of our types:
 * elements of type V1 or V2 are `expected` where that has this size and NumPy lacks it.
 * EP_BAD_FILE, EP_UNSUPPORTED, EP_BAD_USAGE (another ending). */
ep_status ep_array_read(const char *path, ep_dtype expected, ep_arena *arena, ep_array *out,
                        ep_error *err);
/* The same from memory; `path` is for messages. */
ep_status ep_npy_parse(const void *bytes, size_t size, const char *path, ep_dtype expected,
                       ep_arena *arena, ep_array *out, ep_error *err);

/* Writes a .npy, or a .pb with the name in it, as the ending of `path` says, over what was there or
 * not at all. EP_UNSUPPORTED: a .npy of a type that NumPy lacks. */
ep_status ep_array_write(const char *path, const char *name, const ep_array *array, ep_error *err);
bool ep_array_fits_npy(const ep_array *array); /* NumPy has the type */

/* Numbers in an array: its elements; of complex ones the real and the imaginary parts; of strings
 * none. */
uint64_t ep_array_numbers(const ep_array *array);
/* Numbers begin .. begin + n - 1 from, or to, doubles; `begin` is even where two elements share a
 * byte. Integers above 2^53 are rounded on the way. To narrower types values are rounded to nearest
 * even and saturated. */
void ep_array_get(const ep_array *array, uint64_t begin, uint64_t n, double *out);
void ep_array_set(const ep_array *array, uint64_t begin, uint64_t n, const double *in);

#endif
