/* graph: what is the network?
 *
 * A network goes through three forms, each made from the one before, none modified afterwards:
 *
 *   ep_network          the ONNX graph as imported (ep_network_load): tensors and nodes in
 *                       topological order, local functions inlined, shapes known for inputs and
 *                       initializers only. Weights stay in the file, mapped.
 *   static ep_network   the same struct after engine's ep_specialize: every shape concrete, every
 *                       node that depends on constants alone gone, dead nodes gone.
 *   ep_layers           what an inference builder sees: one layer a node after no-ops are gone.
 *                       Rules and placement work on layers.
 *
 * A plan (ep_plan) says which layer runs where, in which precision, in which kernel.
 * All structs here are plain data, owned by the arena of the network or the layers that made them.
 * Tensors, nodes and layers are named by their index (uint32_t); EP_NO_INDEX is "none".
 */
#ifndef EP_GRAPH_H
#define EP_GRAPH_H

#include "base/base.h"

/* ---- element types ------------------------------------------------------------------------- */

/* name in our output, ONNX number (onnx.proto TensorProto.DataType), bits of one element
 * (0: not a fixed size) */
#define EP_DTYPE_MAP(X)                                                                            \
    X(UNDEFINED, "undefined", 0, 0)                                                                \
    X(FLOAT, "float32", 1, 32)                                                                     \
    X(UINT8, "uint8", 2, 8)                                                                        \
    X(INT8, "int8", 3, 8)                                                                          \
    X(UINT16, "uint16", 4, 16)                                                                     \
    X(INT16, "int16", 5, 16)                                                                       \
    X(INT32, "int32", 6, 32)                                                                       \
    X(INT64, "int64", 7, 64)                                                                       \
    X(STRING, "string", 8, 0)                                                                      \
    X(BOOL, "bool", 9, 8)                                                                          \
    X(FLOAT16, "float16", 10, 16)                                                                  \
    X(DOUBLE, "float64", 11, 64)                                                                   \
    X(UINT32, "uint32", 12, 32)                                                                    \
    X(UINT64, "uint64", 13, 64)                                                                    \
    X(COMPLEX64, "complex64", 14, 64)                                                              \
    X(COMPLEX128, "complex128", 15, 128)                                                           \
    X(BFLOAT16, "bfloat16", 16, 16)                                                                \
    X(FLOAT8E4M3FN, "float8e4m3fn", 17, 8)                                                         \
    X(FLOAT8E4M3FNUZ, "float8e4m3fnuz", 18, 8)                                                     \
    X(FLOAT8E5M2, "float8e5m2", 19, 8)                                                             \
    X(FLOAT8E5M2FNUZ, "float8e5m2fnuz", 20, 8)                                                     \
    X(UINT4, "uint4", 21, 4)                                                                       \
    X(INT4, "int4", 22, 4)                                                                         \
    X(FLOAT4E2M1, "float4e2m1", 23, 4)

typedef enum ep_dtype {
#define X(id, name, number, bits) EP_DTYPE_##id = (number),
    EP_DTYPE_MAP(X)
#undef X
} ep_dtype;

bool ep_dtype_valid(int64_t number); /* UNDEFINED is not */
const char *ep_dtype_name(ep_dtype dtype);
unsigned ep_dtype_bits(ep_dtype dtype);
bool ep_dtype_is_float(
    ep_dtype dtype); /* FLOAT, DOUBLE, FLOAT16, BFLOAT16 and the 8/4-bit floats */

/* ---- shapes -------------------------------------------------------------------------------- */

/* TensorRT's own limit, nvinfer1::Dims::MAX_DIMS. */
#define EP_MAX_RANK 8

/* An unknown dimension, only in networks as imported. */
#define EP_DIM_UNKNOWN (-1)

typedef struct ep_shape {
    int rank; /* 0: a scalar */
    int64_t dims[EP_MAX_RANK];
} ep_shape;

/* Product of the dimensions; EP_BAD_SHAPE when one is unknown or negative or the product passes
 * 2^62. A scalar has one element, a zero dimension gives zero. */
ep_status ep_shape_elements(const ep_shape *shape, uint64_t *out, ep_error *err);
/* Bytes of `elements` of this type, packed (4-bit types: two a byte, rounded up). */
uint64_t ep_dtype_bytes(ep_dtype dtype, uint64_t elements);
bool ep_shape_equal(const ep_shape *a, const ep_shape *b);
/* "1x3x224x224", "scalar"; unknown dimensions are "?". Always terminated; returns `buffer`. */
#define EP_SHAPE_TEXT 184
const char *ep_shape_text(const ep_shape *shape, char buffer[EP_SHAPE_TEXT]);

/* ---- tensors ------------------------------------------------------------------------------- */

typedef enum ep_constness {
    EP_VARIABLE,      /* computed at run time */
    EP_CONST_DATA,    /* every element is at `data` (or `varint`-encoded there) */
    EP_CONST_SPLAT,   /* one element at `data`, shared by all */
    EP_CONST_UNKNOWN, /* constant, but its value is not at hand: a stripped weight, or something
                         computed from constants too large to fold */
} ep_constness;

typedef struct ep_tensor {
    const char *name; /* unique in the network, never NULL */
    ep_dtype dtype;   /* UNDEFINED until known */
    bool has_shape;   /* `shape` holds something: all dims in a static network, some of them
                         perhaps EP_DIM_UNKNOWN in an imported one */
    ep_shape shape;
    uint8_t was_symbolic; /* bit i: dimension i is symbolic or unknown in the file, or follows from
                             one that is; after ep_specialize: it varies at run time */
    const char *const *dim_names; /* NULL, or per dimension NULL or its symbol in the file */
    ep_constness constness;
    bool varint;      /* `data` is `data_bytes` of protobuf varints, not an array: a large typed
                         integer or FP16 initializer, left in the file */
    const void *data; /* little endian, perhaps unaligned: read with memcpy. Lives as long as the
                         imported network. */
    uint64_t data_bytes;
    uint32_t producer; /* node, or EP_NO_INDEX for inputs and initializers */
} ep_tensor;

static inline bool ep_tensor_is_const(const ep_tensor *tensor)
{
    return tensor->constness != EP_VARIABLE;
}

/* Elements of a tensor of a static network (its shape was checked when it was made). */
uint64_t ep_tensor_elements(const ep_tensor *tensor);

/* Reads an INT64 or INT32 constant (EP_CONST_DATA or EP_CONST_SPLAT) of at most `capacity`
 * elements as int64. False when it is not one: not constant, value unknown, other type, longer. */
bool ep_tensor_ints(const ep_tensor *tensor, int64_t *values, uint32_t capacity, uint32_t *count);
/* Reads element 0 of a one-element (or splat) constant of any real type as double. */
bool ep_tensor_scalar(const ep_tensor *tensor, double *value);
/* Writes every element of a constant (EP_CONST_DATA or EP_CONST_SPLAT, not of strings) to `out`, a
 * dense array of ep_dtype_bytes(dtype, elements) bytes: varints decoded, splats spread. */
void ep_tensor_copy(const ep_tensor *tensor, void *out);

/* Reads a file that holds one TensorProto, as ONNX's test data does. `*out` is a constant with
 * EP_CONST_DATA, dense and aligned for any type, in `arena`. Errors: EP_BAD_FILE, EP_BAD_MODEL,
 * EP_UNSUPPORTED (strings, external data), EP_NO_MEMORY. */
ep_status ep_tensor_file_read(const char *path, ep_arena *arena, ep_tensor *out, ep_error *err);

/* ---- nodes --------------------------------------------------------------------------------- */

typedef struct ep_op ep_op; /* a row of the operator table, below */
typedef struct ep_network ep_network;

typedef enum ep_attr_type {
    EP_ATTR_FLOAT,
    EP_ATTR_INT,
    EP_ATTR_STRING,
    EP_ATTR_TENSOR, /* `tensor`: a constant tensor of the network */
    EP_ATTR_GRAPH,  /* `graph`: the body of an If, Loop or Scan; NULL when it is none that can be
                       executed, then `string` says why */
    EP_ATTR_FLOATS,
    EP_ATTR_INTS,
    EP_ATTR_STRINGS,
    EP_ATTR_OTHER, /* a kind that no operator we know uses */
} ep_attr_type;

typedef struct ep_attr {
    const char *name;
    ep_attr_type type;
    float f;
    int64_t i;
    uint32_t tensor;
    uint32_t count;     /* of floats, ints, strings; length of `string` */
    const char *string; /* terminated; may hold zeros before `count` */
    const float *floats;
    const int64_t *ints;
    const char *const *strings; /* each terminated */
    const ep_network *graph;
} ep_attr;

/* What a body reads from outside: its tensor, and which input of the node brings it. */
typedef struct ep_capture {
    uint32_t tensor, node_input;
} ep_capture;

typedef struct ep_node {
    const char *name;       /* unique; "OPTYPE_INDEX" where the file has none */
    const char *op_type;    /* as in the file */
    const char *domain;     /* "" is ONNX's own (also written "ai.onnx") */
    const ep_op *op;        /* NULL: an operator nobody models */
    int opset;              /* version of its domain that the file (or the function) imports */
    uint32_t n_inputs;      /* formal inputs, then what its subgraphs capture from outside */
    uint32_t n_captures;    /* how many of `n_inputs` are such captures */
    const uint32_t *inputs; /* EP_NO_INDEX: an optional input left out */
    uint32_t n_outputs;
    const uint32_t *outputs; /* EP_NO_INDEX: an optional output left out */
    uint32_t n_attrs;
    const ep_attr *attrs;
} ep_node;

struct ep_network {
    ep_arena *arena;
    const char *path; /* of the file, for messages */
    const char *name; /* file name without folder and ".onnx" */
    int opset;        /* of ONNX's own domain */
    uint32_t n_tensors;
    ep_tensor *tensors;
    uint32_t n_nodes;
    ep_node *nodes; /* in topological order */
    uint32_t n_inputs;
    const uint32_t
        *inputs; /* run-time inputs: initializers that are also listed as inputs are not */
    uint32_t n_outputs;
    const uint32_t *outputs;
    uint32_t n_captures; /* of a body; a network has none */
    const ep_capture *captures;
    int64_t batch_from, batch_to; /* static network: leading dimension of the first input in the
                                     file (1 when symbolic) and now; 0, 0 as imported */
    uint32_t n_maps;
    ep_map *maps;             /* the model and its external data; owned */
    const ep_network *source; /* static network: the imported one, whose weights it shares */
};

/* Imports an ONNX file: opsets 7 to 24 of ONNX's own domain, older ones if their operators are
 * those of opset 7, other domains as they come. Raw, typed and external data; external data only
 * from regular files inside the model's folder. Message nesting, counts and sizes are checked
 * before anything is believed. Errors: EP_BAD_FILE, EP_BAD_MODEL (one line: file, node or tensor,
 * bound, value), EP_NO_MEMORY. `*out` is the caller's, to be freed with ep_network_free. */
ep_status ep_network_load(const char *path, ep_network **out, ep_error *err);
/* The same from memory: `folder` is where external data may lie (NULL: none allowed), `path` is
 * for messages. The bytes must outlive the network. For tests and fuzzers. */
ep_status ep_network_parse(const void *bytes, size_t size, const char *path, const char *folder,
                           ep_network **out, ep_error *err);
/* Frees either form; accepts NULL. A static network must go before the one it was made from. */
void ep_network_free(ep_network *network);
/* Lets go of the memory that reading the files of a network (of either form) took: what is read
 * again comes from the files again. */
void ep_network_forget(const ep_network *network);

/* ---- weights of a file --------------------------------------------------------------------- */

/* A network of an ONNX file keeps its shapes, and thereby its plan, without its weights. A stripped
 * weight NAME is a ConstantOfShape node `stripped:NAME` whose input is the initializer
 * `NAME__dims`. */
typedef struct ep_weights_summary {
    uint64_t weights, elements; /* that were stripped or filled */
    uint64_t model_bytes;
    uint64_t data_bytes; /* of the external data beside the model; 0: there is none */
} ep_weights_summary;

/* Writes the model with values for its stripped weights, which depend on `seed` and on the name of
 * each alone and let the activations of the network keep their size:
 *   - the weight of a convolution, matrix product or recurrent layer is uniform, of mean 0 and such
 *     variance that the output has about variance 1 (4 where a Sigmoid gates it) if the network's
 *     inputs have variance 1;
 *   - other tables (embeddings, positions) are uniform with variance 1;
 *   - vectors (biases, scales) lie around the value that they have in the file, at most by half of
 *     it, and around 0 by 1/32, and have exactly that mean;
 *   - the parameters of a BatchNormalization keep the value that they have.
 * Bodies of If, Loop and Scan are filled, too; whatever else is in the file stays as it is, byte
 * for byte. External data, and weights that make the file larger than 2 GiB, go to `out_path`.data.
 * Both files are complete before they replace what was there. */
ep_status ep_weights_fill(const char *path, uint64_t seed, const char *out_path,
                          ep_weights_summary *summary, ep_error *err);

/* The inverse: strips initializers of 256 floats or more (of 16 bits or more). Their elements all
 * get the mean of a vector, or one over the fan-in of anything else. */
ep_status ep_weights_strip(const char *path, const char *out_path, ep_weights_summary *summary,
                           ep_error *err);

/* ---- operators ----------------------------------------------------------------------------- */

/* The class of work decides how a node becomes a layer; names are TensorRT's layer types where it
 * has one. */
#define EP_LAYER_TYPE_MAP(X)                                                                       \
    X(CONVOLUTION, "Convolution")                                                                  \
    X(DECONVOLUTION, "Deconvolution")                                                              \
    X(FULLY_CONNECTED, "FullyConnected") /* Gemm or MatMul with a constant second operand */       \
    X(MATRIX_MULTIPLY, "MatrixMultiply") /* both operands computed; Einsum */                      \
    X(ACTIVATION, "Activation")                                                                    \
    X(PARAMETRIC_RELU, "ParametricReLU")                                                           \
    X(UNARY, "Unary")                                                                              \
    X(ELEMENTWISE, "ElementWise")                                                                  \
    X(COMPARISON, "Comparison")                                                                    \
    X(SCALE, "Scale") /* BatchNormalization; Add, Sub, Mul, Div with a constant */                 \
    X(POOLING, "Pooling")                                                                          \
    X(REDUCE, "Reduce")                                                                            \
    X(SOFTMAX, "SoftMax")                                                                          \
    X(NORMALIZATION, "Normalization") /* Layer-, Group-, InstanceNormalization */                  \
    X(LRN, "LRN")                                                                                  \
    X(SHUFFLE, "Shuffle") /* Reshape, Transpose, Flatten, DepthToSpace, ... */                     \
    X(CONCATENATION, "Concatenation")                                                              \
    X(SLICE, "Slice") /* Slice, Split, Pad, Expand, Tile */                                        \
    X(RESIZE, "Resize")                                                                            \
    X(GATHER, "Gather")                                                                            \
    X(SCATTER, "Scatter")                                                                          \
    X(SELECT, "Select")                                                                            \
    X(CAST, "Cast")                                                                                \
    X(TOPK, "TopK") /* TopK, ArgMax, NonMaxSuppression, ... */                                     \
    X(RECURRENT, "Recurrent")                                                                      \
    X(QUANTIZE, "Quantize")                                                                        \
    X(DEQUANTIZE, "Dequantize")                                                                    \
    X(CONSTANT, "Constant")                                                                        \
    X(PLUGIN, "Plugin") /* what nobody models */

typedef enum ep_layer_type {
#define X(id, name) EP_LAYER_##id,
    EP_LAYER_TYPE_MAP(X)
#undef X
        EP_LAYER_TYPE_COUNT
} ep_layer_type;

const char *ep_layer_type_name(ep_layer_type type);

/* Sets dtype and shape of the node's outputs in `network->tensors` from its inputs there, whose
 * shapes are concrete. May read constant values. Never executes anything. */
typedef ep_status (*ep_shape_function)(ep_network *network, const ep_node *node, ep_error *err);

/* One operator of ONNX's own domain: a line of graph/ops.def. */
struct ep_op {
    const char *name;
    int since, until; /* opsets in which it exists (until 0: still) and, before 7, means the same
                         as in 7 */
    ep_shape_function shape;
    ep_layer_type layer;
};

/* The row for (domain, op_type), NULL when there is none. */
const ep_op *ep_op_find(const char *domain, const char *op_type);
/* Row `index` of the table, NULL past its end. */
const ep_op *ep_op_row(uint32_t index);

/* Runs the node's shape function, with the node's name put before any error. For a node without a
 * row (op NULL): the outputs keep the shape that the file states for them; where it states none or
 * an unknown dimension, EP_UNSUPPORTED. */
ep_status ep_infer_shapes(ep_network *network, const ep_node *node, ep_error *err);

/* Attributes, NULL or the default when the node has none of that name and type. */
const ep_attr *ep_attr_find(const ep_node *node, const char *name);
int64_t ep_attr_int(const ep_node *node, const char *name, int64_t otherwise);
float ep_attr_float(const ep_node *node, const char *name, float otherwise);
const char *ep_attr_string(const ep_node *node, const char *name, const char *otherwise);

/* Input or output `i` of a node, NULL when left out or past the end. */
const ep_tensor *ep_node_input(const ep_network *network, const ep_node *node, uint32_t i);
ep_tensor *ep_node_output(ep_network *network, const ep_node *node, uint32_t i);

/* A sliding window over up to three spatial dimensions, auto_pad resolved. For convolutions,
 * deconvolutions and poolings. */
#define EP_MAX_SPATIAL 3
typedef struct ep_window {
    int rank; /* spatial dimensions: 1 to 3 */
    int64_t kernel[EP_MAX_SPATIAL], stride[EP_MAX_SPATIAL], dilation[EP_MAX_SPATIAL];
    int64_t pad_begin[EP_MAX_SPATIAL], pad_end[EP_MAX_SPATIAL], output_pad[EP_MAX_SPATIAL];
} ep_window;

/* The window of a Conv, ConvTranspose, *Pool node (input shapes known) and its output's spatial
 * dimensions. Values from a file are range-checked: kernel, stride, dilation >= 1, output >= 1. */
ep_status ep_node_window(const ep_network *network, const ep_node *node, ep_window *window,
                         int64_t out_dims[EP_MAX_SPATIAL], ep_error *err);

/* ---- layers -------------------------------------------------------------------------------- */

/* What an activation, element-wise, pooling, unary, reduction layer computes. */
#define EP_FUNCTION_MAP(X)                                                                         \
    X(NONE, "")                                                                                    \
    X(RELU, "Relu")                                                                                \
    X(CLIP, "Clip")                                                                                \
    X(SIGMOID, "Sigmoid")                                                                          \
    X(TANH, "Tanh")                                                                                \
    X(LEAKY_RELU, "LeakyRelu")                                                                     \
    X(HARD_SIGMOID, "HardSigmoid")                                                                 \
    X(HARD_SWISH, "HardSwish")                                                                     \
    X(GELU, "Gelu")                                                                                \
    X(OTHER_ACTIVATION, "other")                                                                   \
    X(SUM, "Sum")                                                                                  \
    X(SUB, "Sub")                                                                                  \
    X(PROD, "Prod")                                                                                \
    X(DIV, "Div")                                                                                  \
    X(MAX, "Max")                                                                                  \
    X(MIN, "Min")                                                                                  \
    X(POW, "Pow")                                                                                  \
    X(EQUAL, "Equal")                                                                              \
    X(GREATER, "Greater")                                                                          \
    X(LESS, "Less")                                                                                \
    X(OTHER_BINARY, "other")                                                                       \
    X(MAX_POOL, "Max")                                                                             \
    X(AVERAGE_POOL, "Average")                                                                     \
    X(OTHER_POOL, "other")                                                                         \
    X(REDUCE_MAX, "Max")                                                                           \
    X(REDUCE_MEAN, "Mean")                                                                         \
    X(REDUCE_SUM, "Sum")                                                                           \
    X(OTHER_REDUCE, "other")                                                                       \
    X(ABS, "Abs")                                                                                  \
    X(SIN, "Sin")                                                                                  \
    X(COS, "Cos")                                                                                  \
    X(ATAN, "Atan")                                                                                \
    X(ERF, "Erf")                                                                                  \
    X(SQRT, "Sqrt")                                                                                \
    X(OTHER_UNARY, "other")                                                                        \
    X(RESHAPE, "Reshape")                                                                          \
    X(TRANSPOSE, "Transpose")                                                                      \
    X(OTHER_SHUFFLE, "other")                                                                      \
    X(SLICE, "Slice")                                                                              \
    X(SPLIT, "Split")                                                                              \
    X(PAD, "Pad")                                                                                  \
    X(OTHER_SLICE, "other")                                                                        \
    X(NEAREST, "Nearest")                                                                          \
    X(LINEAR, "Linear")                                                                            \
    X(CUBIC, "Cubic")

typedef enum ep_function {
#define X(id, name) EP_FN_##id,
    EP_FUNCTION_MAP(X)
#undef X
} ep_function;

const char *ep_function_name(ep_function function);

/* Matrix product C[m,n] = A[m,k] B[k,n], `batch` times. */
typedef struct ep_gemm {
    uint64_t batch, m, n, k;
} ep_gemm;

typedef struct ep_layer {
    ep_layer_type type;
    ep_function function;
    const char *name;       /* of the node */
    const char *op;         /* ONNX operator */
    uint32_t node;          /* in the static network */
    uint32_t n_inputs;      /* computed operands only; at least 1 except for layers without any */
    const uint32_t *inputs; /* tensors as this layer sees them: a view is another tensor than its
                               source, see ep_layers.root */
    uint32_t n_consts;      /* constant operands: weights, bias, scale, shift, tables */
    const uint32_t *consts;
    uint32_t n_outputs;
    const uint32_t *outputs;

    ep_window window;       /* convolution, deconvolution, pooling */
    int64_t groups;         /* convolution, deconvolution; else 1 */
    ep_gemm gemm;           /* fully connected, matrix multiply */
    bool count_include_pad; /* average pooling */
    bool global;            /* pooling written as GlobalXPool: the window is the whole map */
    float alpha, beta;      /* activation: slope, or Clip's min and max */
    int axis;               /* softmax, concatenation, slice of one axis, gather; >= 0 */
    uint8_t axes;           /* bit a: axis a is reduced, sliced, permuted or scaled */
    const char *resize_coordinates;    /* coordinate_transformation_mode */
    const char *resize_rounding;       /* nearest_mode */
    double resize_scales[EP_MAX_RANK]; /* output / input per axis */
    int64_t step;                      /* slice: 1, or the first step that is not */
    bool is_view; /* shuffle that leaves every byte where it is: no work on the GPU */

    uint64_t macs;     /* multiply-accumulates; 0 for what has none */
    uint64_t params;   /* elements of `consts` that this layer is the first to use */
    uint64_t elements; /* of its outputs */
} ep_layer;

/* The network as layers. `root[t]` is the tensor that holds the bytes of tensor t: t itself, or
 * what a chain of vanished no-ops (Identity, Dropout, Cast to the same type, squeeze-like views,
 * Q/DQ pairs) started from. Data flow between layers is by root. */
typedef struct ep_layers {
    const ep_network *network; /* static; must outlive this */
    ep_arena *arena;
    uint32_t n_layers;
    ep_layer *layers;            /* in topological order */
    const uint32_t *root;        /* per tensor */
    const uint32_t *producer;    /* per tensor: the layer that writes it, EP_NO_INDEX for inputs and
                                    constants; meaningful at roots */
    const uint32_t *users_begin; /* per tensor t (at roots): users[users_begin[t] ..
                                    users_begin[t + 1]) are the layers that read it, ascending */
    const uint32_t *users;
    const bool *is_output;    /* per tensor (at roots): bytes of a network output */
    const float *scale;       /* per tensor as a layer sees it: the symmetric INT8 scale of the Q/DQ
                                 pair that it comes through; 0: none */
    const bool *is_quantized; /* per tensor (at roots): such a pair reads it, so that its producer
                                 may write INT8 */
    bool quantized;           /* the network has Q/DQ nodes, or a calibration: INT8 only where
                                 tensors have scales */
    bool calibrated;          /* ep_layers_set_scales */
    uint32_t n_plugins;       /* layers of type PLUGIN */
} ep_layers;

/* Errors: EP_BAD_MODEL, EP_NO_MEMORY. */
ep_status ep_layers_build(const ep_network *static_network, ep_layers **out, ep_error *err);
void ep_layers_free(ep_layers *layers); /* accepts NULL */
/* Adds the INT8 scales of a calibration, per tensor, 0: none: from then on INT8 is only where
 * tensors have scales. Those of Q/DQ pairs stay. */
ep_status ep_layers_set_scales(ep_layers *layers, const float *scales, ep_error *err);

/* Dimensions as N, C, H, W: rank 4 as it is, rank 2 [N, C] as N x C x 1 x 1 (a free view), rank
 * above 4 with the leading dimensions multiplied into N. False for ranks 0, 1 and 3. */
bool ep_nchw(const ep_shape *shape, int64_t nchw[4]);

/* ---- the plan ------------------------------------------------------------------------------ */

typedef enum ep_device { EP_GPU, EP_DLA0, EP_DLA1, EP_CPU, EP_DEVICE_COUNT } ep_device;
const char *ep_device_name(ep_device device); /* "gpu", "dla0", ... */
static inline bool ep_device_is_dla(ep_device device)
{
    return device == EP_DLA0 || device == EP_DLA1;
}

typedef enum ep_precision { EP_FP32, EP_TF32, EP_FP16, EP_INT8, EP_PRECISION_COUNT } ep_precision;
const char *ep_precision_name(ep_precision precision); /* "fp32", ... */
/* Bytes of one stored element. */
static inline uint64_t ep_precision_bytes(ep_precision precision)
{
    return precision == EP_INT8 ? 1 : precision == EP_FP16 ? 2 : 4;
}

typedef enum ep_kernel_kind {
    EP_KERNEL_LAYERS,   /* computes its layers */
    EP_KERNEL_REFORMAT, /* changes layout or precision of one tensor; runs on the GPU */
} ep_kernel_kind;

/* What a device runs in one go. */
typedef struct ep_kernel {
    ep_kernel_kind kind;
    ep_device device;
    ep_precision precision;
    uint32_t subgraph;      /* EP_NO_INDEX on the GPU */
    const char *name;       /* its layers joined by " + ", or what a reformat is for */
    uint32_t n_layers;      /* 0 for a reformat */
    const uint32_t *layers; /* in order; `layers[main]` does the heavy work */
    uint32_t main;          /* index into `layers` */
    uint32_t n_inputs;      /* tensors read from outside the kernel, by root, each once */
    const uint32_t *inputs;
    uint32_t n_outputs; /* tensors that somebody outside needs, by root, each once */
    const uint32_t *outputs;
    ep_precision from; /* reformat: precision of the source, `precision` that of the result */
    bool crosses;      /* reformat: from or to a format of the DLA */
} ep_kernel;

/* Where a tensor lies that a DLA kernel writes for others of its loadable. */
typedef enum ep_dla_place {
    EP_IN_DRAM,
    EP_IN_SRAM,  /* of its core */
    EP_IN_PARTS, /* a concatenation whose inputs are written side by side: wherever those lie */
} ep_dla_place;

/* A connected and convex set of layers on one DLA core: one loadable. */
typedef struct ep_subgraph {
    ep_device device;
    uint32_t n_layers;
    const uint32_t *layers; /* ascending */
    uint64_t macs;
} ep_subgraph;

typedef struct ep_plan {
    const ep_layers *layers;
    const char *strategy;          /* "gpu", "greedy" */
    const ep_device *device;       /* per layer */
    const ep_precision *precision; /* per layer */
    const uint32_t *subgraph;      /* per layer; EP_NO_INDEX on the GPU */
    const uint32_t *order;         /* layers in execution order; those of a subgraph are in a row */
    const bool *leaves;            /* per tensor (at roots): a network output, or read outside the
                                      subgraph, or the GPU, that writes it */
    bool concurrent; /* branches run at once on GPU and DLA cores; else kernels one after another */
    uint32_t n_subgraphs;
    const ep_subgraph *subgraphs;
    uint32_t n_kernels;
    const ep_kernel *kernels;       /* in execution order */
    const ep_dla_place *dla_places; /* per tensor; NULL: all in DRAM */
    double crossing_bytes;          /* what its reformats move between GPU and DLA; 0: not known */
    uint32_t transitions;           /* (tensor, destination) pairs that cross between GPU and DLA */
    uint32_t io_reformats;          /* reformats of network inputs and outputs */
    bool native_io;          /* network inputs come as their first kernels like them, and outputs
                                leave as their producers write them; else in linear layout */
    bool dla_outputs_fp16;   /* a network output that a DLA writes is FP16, whatever its layer's
                                precision */
    int64_t dla_pool_pixels; /* what a pooling behind a convolution can keep of its open lines; 0:
 any number */
    bool sparse[EP_DEVICE_COUNT]; /* weights are 2:4 sparse wherever that device gains from it */
} ep_plan;

/* The last device of a DLA that the plan uses, EP_GPU: none; does it use both? */
ep_device ep_plan_last_core(const ep_plan *plan);
bool ep_plan_uses_both_cores(const ep_plan *plan);

#endif
