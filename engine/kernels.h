/* Private to engine: how a kernel is called, and what kernels share.
 *
 * A kernel computes one operator: dense row-major arrays in, dense row-major arrays out, allocated
 * by the caller in the shape that the operator's shape function found, holding anything. Which
 * operators there are, and what the caller may assume about each, stands in kernels.def.
 *
 * A kernel trusts that its arrays are as large as their shapes say, and nothing else: shapes,
 * attributes and values come from a file. It returns EP_BAD_MODEL or EP_BAD_SHAPE for what no
 * runtime could compute, EP_UNSUPPORTED for what it does not.
 */
#ifndef EP_ENGINE_KERNELS_H
#define EP_ENGINE_KERNELS_H

#include "engine/engine.h"

/* Enough rows for every number in EP_DTYPE_MAP. */
#define EP__DTYPES 24

/* The types that loops are written for, as X(dtype, C type); bool is stored as uint8_t, and the
 * narrow floats pass through float or double. */
#define EP__SIGNED_TYPES(X) X(INT8, int8_t) X(INT16, int16_t) X(INT32, int32_t) X(INT64, int64_t)
#define EP__UNSIGNED_TYPES(X)                                                                      \
    X(UINT8, uint8_t) X(UINT16, uint16_t) X(UINT32, uint32_t) X(UINT64, uint64_t)
#define EP__INT_TYPES(X) EP__SIGNED_TYPES(X) EP__UNSIGNED_TYPES(X)
#define EP__FLOAT_TYPES(X) X(FLOAT, float) X(DOUBLE, double)

/* ---- calls --------------------------------------------------------------------------------- */

typedef struct ep__call {
    const ep_network *network; /* for tensors in attributes */
    const ep_node *node;       /* for its attributes and opset */
    uint32_t n_inputs, n_outputs;
    const ep_array *inputs;
    ep_array *outputs;
    ep_arena *scratch;               /* lives until the caller has read the outputs */
    uint32_t threads;                /* for ep_parallel; results do not depend on it */
    struct ep__half_sums *half_sums; /* NULL, or: Conv, Gemm and MatMul add up FLOAT in halves, see
                                        product.h */
} ep__call;

typedef ep_status (*ep__kernel_function)(ep__call *call, ep_error *err);

enum {
    EP__ELEMENTWISE = 1, /* output element i depends on element i of the (broadcast) inputs only */
    EP__MOVES = 2,       /* every output element is an element of input 0 */
    EP__VIEW = 4,        /* output 0 is input 0 in another shape: there is nothing to run */
    EP__ONE_VALUE = 8,   /* all output elements are equal: the kernel writes one */
    EP__SHAPE_ONLY = 16, /* reads the shape and type of input 0, not its elements */
    EP__OWN_SHAPE = 32,  /* the output's shape depends on values: the kernel calls ep__make_out */
    EP__VIA_FLOAT = 64,  /* FLOAT16 and BFLOAT16 arrays are handed over as FLOAT */
    EP__SLOW = 128,      /* an output element may take as many steps as an input has elements */
};

typedef struct ep__kernel {
    const char *op;
    uint32_t min_inputs; /* that must not be left out; of several outputs any may be */
    unsigned flags;
    ep__kernel_function run; /* NULL for views */
} ep__kernel;

/* NULL when there is none for this operator of ONNX's own domain. */
const ep__kernel *ep__kernel_find(const char *op);

/* A bound of the steps that a call takes, with operands of these sizes. */
uint64_t ep__kernel_work(const ep__kernel *kernel, uint64_t input_elements,
                         uint64_t output_elements);

/* Runs it (not a view) after checking the counts. Half-precision arrays are converted as its flags
 * say. */
ep_status ep__kernel_run(const ep__kernel *kernel, ep__call *call, ep_error *err);

#define KERNEL(op, min_inputs, flags) ep_status ep__kernel_##op(ep__call *call, ep_error *err);
#define VIEW(op)
#include "engine/kernels.def"
#undef KERNEL
#undef VIEW

/* ---- operands and attributes --------------------------------------------------------------- */

/* NULL when left out or past the end. */
static inline const ep_array *ep__in(const ep__call *call, uint32_t i)
{
    const bool there = i < call->n_inputs && call->inputs[i].dtype != EP_DTYPE_UNDEFINED;
    return there ? &call->inputs[i] : NULL;
}
static inline ep_array *ep__out(const ep__call *call, uint32_t i)
{
    const bool there = i < call->n_outputs && call->outputs[i].dtype != EP_DTYPE_UNDEFINED;
    return there ? &call->outputs[i] : NULL;
}

/* Gives output `i` its type, shape and zeroed elements, from scratch. */
ep_status ep__make_out(ep__call *call, uint32_t i, ep_dtype dtype, const ep_shape *shape,
                       ep_error *err);

/* Bytes of one element; EP_UNSUPPORTED for strings and what is packed two to a byte. */
ep_status ep__element_size(ep_dtype dtype, size_t *size, ep_error *err);

/* The same rank counted from the front; EP_BAD_MODEL outside [-rank, rank - 1]. */
ep_status ep__front_axis(int64_t axis, int rank, int *out, ep_error *err);

/* The elements of an INT64 or INT32 array as int64, in scratch or in place. */
ep_status ep__int_values(const ep__call *call, const ep_array *array, const int64_t **values,
                         ep_error *err);

/* The integers of input `i`, or of the attribute of older opsets; `*values` is NULL when neither
 * is there. */
ep_status ep__ints_or_attr(const ep__call *call, uint32_t i, const char *attr,
                           const int64_t **values, uint32_t *count, ep_error *err);

/* The one integer of input `i`, `otherwise` when it is left out. */
ep_status ep__int_value(const ep__call *call, uint32_t i, int64_t otherwise, int64_t *out,
                        ep_error *err);

/* Element 0 of an array as double. */
double ep__first(const ep_array *array);

/* The failures that many kernels share. */
ep_status ep__bad_dtype(const ep_array *array, ep_error *err);
ep_status ep__bad_out_shape(const ep_array *out, ep_error *err);

/* Product of dims[begin .. end - 1]; the shape's elements are known to fit. */
int64_t ep__product(const ep_shape *shape, int begin, int end);

/* How many rows of `n` elements make a piece of ep_parallel that is worth a thread's while. */
static inline uint64_t ep__rows_a_piece(int64_t n)
{
    return n > 0 && n < 16384 ? 16384 / (uint64_t)n : 1;
}

/* Row-major strides in elements. */
void ep__strides(const ep_shape *shape, int64_t strides[EP_MAX_RANK]);

/* ---- types --------------------------------------------------------------------------------- */

/* DOUBLE, INT64 or UINT64: the type that holds every value of `dtype`; UNDEFINED for strings and
 * complex numbers. */
ep_dtype ep__wide(ep_dtype dtype);

/* Converts `n` elements by ONNX's rules for Cast: floats are rounded to nearest even, floats to
 * integers truncated (4-bit ones rounded) and saturated, NaN to 0, integers to integers wrapped.
 * `saturate` is for 8-bit floats. Neither type may be UNDEFINED in ep__wide. */
void ep__convert(ep_dtype to, void *out, ep_dtype from, const void *in, uint64_t n, bool saturate);
/* The same on up to `threads` threads. */
void ep__convert_pieces(uint32_t threads, ep_dtype to, void *out, ep_dtype from, const void *in,
                        uint64_t n, bool saturate);

/* The elements of `array` as ep__wide(array->dtype), in scratch or in place. */
ep_status ep__widened(const ep__call *call, const ep_array *array, const void **out, ep_error *err);

/* Least and greatest value of a type (for floats the infinities), in its wide type. */
typedef union ep__number {
    double d;
    int64_t i;
    uint64_t u;
} ep__number;
void ep__limits(ep_dtype dtype, ep__number *low, ep__number *high);

/* Floats of at most 16 bits, see narrow.c. */
bool ep__is_narrow(ep_dtype dtype);
double ep__narrow_decode(ep_dtype dtype, uint16_t code);
uint16_t ep__narrow_encode(ep_dtype dtype, double value, bool saturate);

/* ---- walking arrays in step ---------------------------------------------------------------- */

#define EP__WALK_ARRAYS 4
#define EP__WALK_RANK (2 * EP_MAX_RANK)

/* Visits the elements of several arrays in row-major order of common dimensions, a row at a time:
 *
 *     for (bool more = ep__walk_begin(&w); more; more = ep__walk_next(&w)) {
 *         // w.row elements, of array k from element w.at[k] in steps of w.step[k]
 *     }
 */
typedef struct ep__walk {
    int rank;
    int64_t dims[EP__WALK_RANK];
    int arrays;
    int64_t strides[EP__WALK_ARRAYS][EP__WALK_RANK]; /* in elements; 0 repeats, < 0 goes back */
    int64_t at[EP__WALK_ARRAYS];                     /* set to where each array begins */
    int64_t row;
    int64_t step[EP__WALK_ARRAYS];
    int64_t position[EP__WALK_RANK];
    int64_t skipped; /* elements of its row that lie before the first */
    uint64_t left;   /* elements after this row */
} ep__walk;

/* A walk over `shape` without arrays. */
ep__walk ep__walk_over(const ep_shape *shape);
/* Adds a dense array of that shape, broadcast to the walk's dimensions; false when it does not
 * broadcast. */
bool ep__walk_add(ep__walk *walk, const ep_shape *shape);
/* Merges dimensions that all arrays run through evenly, and starts. False: there is nothing. */
bool ep__walk_begin(ep__walk *walk);
bool ep__walk_next(ep__walk *walk);

/* Elements that a piece of a walk has, for work that is little more than reading and writing. */
#define EP__PIECE ((uint64_t)1 << 15)

/* Visits pieces of EP__PIECE elements on up to `threads` threads: `body` gets each as a walk that
 * has begun, to be followed by do { } while (ep__walk_next(piece)). Array 0 must not repeat. */
typedef void (*ep__walk_body)(ep__walk *piece, const void *context);
void ep__walk_pieces(uint32_t threads, const ep__walk *walk, ep__walk_body body,
                     const void *context);

/* Copies along a walk: array 0 is written, array 1 read. `size` is 1, 2, 4, 8 or 16 bytes. */
void ep__copy(uint32_t threads, const ep__walk *walk, size_t size, void *out, const void *in);

/* ---- loops that several files use ---------------------------------------------------------- */

/* out[i] = f(a[i * a_step], b[i * b_step]); `out` may be `a`. */
typedef void (*ep__binary_loop)(size_t n, const void *a, int64_t a_step, const void *b,
                                int64_t b_step, void *out);

/* In place; n >= 1. */
void ep__softmax_row(int64_t n, float *row);

/* Repeats the element `n` times. */
void ep__fill(void *out, uint64_t n, const void *element, size_t size);

typedef enum ep__reduction { EP__SET, EP__ADD, EP__MUL, EP__MAX, EP__MIN } ep__reduction;

/* The loop of a scatter's reduction (not SET), NULL when the type has none. */
ep__binary_loop ep__reduction_loop(ep__reduction reduction, ep_dtype dtype);

#endif
