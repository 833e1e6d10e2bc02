/* Part of study.h: what networks compute.
 *
 * An execution is a network that the engine runs on this computer, with its inputs. A comparison
 * holds two of them, or what one of them saved, against each other, tensor by tensor.
 */
#ifndef EP_STUDY_EXECUTION_H
#define EP_STUDY_EXECUTION_H

#include "base/base.h"
#include "engine/engine.h"
#include "graph/graph.h"
#include "hwmodels/hwmodels.h"
#include "planner/planner.h"

/* ---- execution ----------------------------------------------------------------------------- */

typedef struct ep_execution ep_execution;

/* Where INT8 scales come from: Q/DQ nodes where the network has them, else one of these. */
typedef struct ep_calibration {
    const char *cache; /* of TensorRT; NULL: none */
    uint32_t n;        /* else images that pass through the network in FP32: scales are such that
                          the largest value of a tensor is 127 */
    const char *const *sources; /* NAME=FILE.npy or NAME=random:SEED, any number of batches */
    const char *save;           /* writes the scales to this cache; NULL: no */
} ep_calibration;

/* In which precisions an execution computes: those of a plan. */
typedef struct ep_execution_plan {
    const ep_machine *machine;
    const ep_plan_file *file; /* the plan; NULL: made as strategy and options say */
    const char *strategy;
    ep_plan_options options;
    ep_calibration calibration;
} ep_execution_plan;

/* Zero-initialise. */
typedef struct ep_execution_options {
    int64_t batch; /* this and the shapes: as in ep_specialize_options */
    uint32_t n_shapes;
    const ep_input_shape *shapes;
    uint32_t n_inputs;
    const char *const *inputs; /* NAME=FILE.npy, NAME=FILE.pb or NAME=random:SEED; of an input that
                                  `shapes` does not name, the file's array gives the shape. One that
                                  is not named is random:1 */
    const ep_execution *like;  /* instead of all these: gets the inputs of that one, by name; by
                                  position when no name is the same. NULL: none */
    const ep_execution_plan *plan; /* NULL: computes as the file has it */
    bool fp32; /* tensors that the file has in FP16 are FP32, as they are with a plan, whose kernels
                  round them. Not where an If, Loop or Scan has a body */
    ep_session_options session;
} ep_execution_options;

/* A network and its inputs, ready to run. */
struct ep_execution {
    ep_arena *arena;
    ep_network *imported, *network; /* the second as ep_specialize made it to run */
    ep_array *inputs;               /* per input of the network */
    const char **sources;           /* per input: "random:1", or the file, as the options have it */
    uint32_t threads;
    ep_session *session;
    bool keeps_all;        /* as the options of the session have it */
    const bool *is_output; /* per tensor of the network */
    /* with a plan, else NULL: what was planned, and how it computes */
    ep_network *static_network;
    ep_layers *layers;
    ep_planned *planned;
    ep_numerics numerics;
};

/* Loads the network, makes its inputs and a session. A file's floats are converted to the float
 * type of the input. Random numbers: splitmix64, its state beginning at SEED + 2^32 x the position
 * of the input. Of each number floats take the top 24 bits, as one of [-1, 1); integers of 8 and 4
 * bits take as many; others the top bit, 0 or 1, which as an index is good anywhere. EP_BAD_USAGE:
 * an input that is none, or a file that does not fit it. `*out` is the caller's. */
ep_status ep_execution_new(const char *path, const ep_execution_options *options,
                           ep_execution **out, ep_error *err);
void ep_execution_free(ep_execution *execution); /* accepts NULL */

typedef struct ep_timing {
    uint32_t runs;                       /* that were timed */
    bool warm;                           /* one that was not came before them */
    double median_ns, least_ns, most_ns; /* of an even number of runs the mean of the middle two */
    const double *node_ns; /* per node of the network: the mean of all runs; in the arena of the
                              execution */
} ep_timing;

/* Runs `repeat` times after once to warm up; 0: once, cold. The outputs are those of the last. */
ep_status ep_execution_run(ep_execution *execution, uint32_t repeat, ep_timing *out, ep_error *err);

/* Of the last run, what node `node` wrote as its output `k`; NULL when that is an output of the
 * network, or left out, not kept or not computed. */
const ep_array *ep_execution_layer(const ep_execution *execution, uint32_t node, uint32_t k);

/* Writes each output, and each layer where they are kept, to FOLDER/NAME.npy, or .pb where NumPy
 * lacks the type, with NAME as ep_saved_name gives it. The folder is made if it is not there. */
ep_status ep_execution_save(const ep_execution *execution, const char *folder, ep_error *err);

/* Appends the name of a tensor as one of a file: what is not a letter, digit or one of _.-~ is %XX,
 * as Python's urllib.parse.quote(name, safe="") has it. */
void ep_saved_name(const char *tensor, ep_text *out);

typedef struct ep_array_summary {
    double min, max, mean; /* of the finite numbers; NAN when there are none */
    uint64_t nans, infs;
} ep_array_summary;
void ep_summarise(const ep_array *array, ep_array_summary *out);

/* Where the time went: in the nodes of one operator, and in each node. */
typedef struct ep_profile_op {
    const char *op;
    uint32_t nodes;
    double ns;
    uint64_t macs; /* 0: not known, or none */
} ep_profile_op;

typedef struct ep_profile {
    double total_ns; /* of all nodes */
    uint32_t n_ops;
    const ep_profile_op *ops;  /* slowest first */
    const uint32_t *nodes;     /* of the network, slowest first */
    const double *node_ns;     /* per node of the network */
    const uint64_t *node_macs; /* per node of the network; 0: not known, or none */
} ep_profile;

/* `*out` lives in the arena of the execution. */
ep_status ep_profile_make(const ep_execution *execution, const ep_timing *timing, ep_profile *out,
                          ep_error *err);

/* ---- comparison ---------------------------------------------------------------------------- */

/* How far array B is from A, the reference. Pairs of numbers of which one is not finite are only
 * counted; they agree when both are NaN or the same infinity. */
typedef struct ep_deviation {
    uint64_t n; /* numbers */
    /* of the finite pairs; NAN when there is none */
    double max_abs;  /* max |b - a| */
    double max_rel;  /* max |b - a| / |a| where a is not 0; NAN when it always is */
    double mean_abs; /* mean |b - a| */
    double rms;      /* root of the mean (b - a)^2 */
    double cosine;   /* sum ab / sqrt(sum a^2 sum b^2); 1 when all are 0, 0 when all of one are */
    double sqnr_db;  /* 10 log10(sum a^2 / sum (b - a)^2); infinite when they are equal */
    uint64_t nan_a, nan_b, inf_a, inf_b;
    uint64_t unequal; /* pairs that are not the same */
    uint64_t over; /* pairs with |b - a| > atol + rtol |a|, and those that do not agree in what is
                      not finite */
} ep_deviation;

/* Both have as many numbers. */
void ep_deviation_of(const ep_array *a, const ep_array *b, double atol, double rtol,
                     ep_deviation *out);

typedef struct ep_comparison_row {
    const char *name;   /* of the tensor in A, or in B when it is only there */
    const char *node;   /* what computes it; NULL: not known, saved arrays have no nodes */
    const char *op;     /* of the node */
    uint32_t order;     /* index of the node, or EP_NO_INDEX */
    const char *differ; /* why the arrays cannot be compared; NULL: they can */
    ep_dtype dtype;     /* in A */
    ep_shape shape;     /* in A */
    ep_deviation deviation;
    bool over; /* there is a tolerance, and this is over it or cannot be compared */
} ep_comparison_row;

/* A kernel of the plan of B, by the first tensor that it writes. */
typedef struct ep_kernel_row {
    uint32_t index; /* in the plan */
    const ep_kernel *kernel;
    const char *tensor;
    double own_db;    /* SQNR against A, the kernel reading what A computed: what it loses itself.
                         Infinite: nothing; NAN: nothing finite is left */
    double so_far_db; /* and reading what the kernels of B before it computed */
    ep_loss loss;     /* of that, or of a product in it whose sums overflowed more */
} ep_kernel_row;

typedef struct ep_comparison {
    ep_arena *arena;
    const char *a, *b;                       /* the paths, and what they are computed in */
    ep_execution *execution_a, *execution_b; /* NULL: saved */
    bool has_tolerance;
    double atol, rtol;
    uint32_t n_outputs;
    const ep_comparison_row *outputs; /* as in A; then those that only B has */
    uint32_t n_layers;
    const ep_comparison_row *layers; /* other tensors that both have, in topological order; of two
                                        folders none */
    uint32_t n_kernels; /* B a plan of the network of A: its kernels, those that lose most first */
    const ep_kernel_row *kernels;
    uint32_t n_over;                     /* rows of both */
    const ep_comparison_row *first_over; /* in topological order; NULL: none */
} ep_comparison;

typedef struct ep_compare_options {
    ep_execution_options run;                 /* of A; B gets the same inputs */
    const ep_execution_plan *plan_a, *plan_b; /* NULL: as the file has it */
    bool fp32_a, fp32_b;                      /* ep_execution_options.fp32 */
    const char *label_a, *label_b;            /* for reports; NULL: the paths */
    bool layers;
    bool has_tolerance; /* else the two are not read */
    double atol, rtol;
} ep_compare_options;

/* Compares what A and B compute, each an ONNX file or a folder of saved outputs. Outputs are
 * matched by name; when two networks have as many and share no name, by position. EP_BAD_USAGE:
 * inputs for two folders. `*out` is the caller's. */
ep_status ep_compare(const char *a, const char *b, const ep_compare_options *options,
                     ep_comparison **out, ep_error *err);
void ep_comparison_free(ep_comparison *comparison); /* accepts NULL */

/* EP_GATE_FAILED, naming the first tensor, when something is over the tolerance. */
ep_status ep_comparison_gate(const ep_comparison *comparison, ep_error *err);

#endif
