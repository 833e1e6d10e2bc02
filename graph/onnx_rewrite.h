/* This file is private to graph/: an ONNX file written anew with some initializers exchanged.
 *
 * What is not exchanged is copied byte for byte, unknown fields included. The new file is first a
 * list of pieces: bytes of the old one, new bytes, and values that are made up while they are
 * written, so that no weight is ever in memory as a whole.
 */
#ifndef EP_ONNX_REWRITE_H
#define EP_ONNX_REWRITE_H

#include "graph/onnx_internal.h"

/* A ConstantOfShape node of this name and the initializer of that name, its only input, stand for a
 * weight whose values were taken out of the file. */
#define EP__STRIPPED_NODE "stripped:"
#define EP__STRIPPED_DIMS "__dims"

/* Floating-point initializers of so many elements or more are weights: they are taken out, and may
 * lie in another file. */
enum { EP__WEIGHT_ELEMENTS = 256 };

/* ---- weight_values ------------------------------------------------------------------------- */

typedef enum ep__spread {
    EP__CONSTANT,    /* all are `center` */
    EP__AROUND_MEAN, /* their mean is exactly `center`; at most half as much above and below */
    EP__UNIFORM,     /* with mean 0 and variance `variance` */
} ep__spread;

/* Values that follow from a seed: floats of a type that ep__is_weight_type. */
typedef struct ep__values {
    ep_dtype dtype;
    uint64_t n;
    ep__spread spread;
    double center, variance;
    uint64_t seed;
} ep__values;

/* FLOAT, DOUBLE, FLOAT16, BFLOAT16 */
bool ep__is_weight_type(ep_dtype dtype);

/* A seed of its own for each name. */
uint64_t ep__values_seed(uint64_t seed, const char *name);

/* Elements begin .. end - 1; `begin` is even. */
void ep__values_make(const ep__values *values, uint64_t begin, uint64_t end, void *out);

/* One element of a weight's type, rounded to nearest. */
void ep__encode_float(ep_dtype dtype, double value, void *out);

/* ---- onnx_rope ----------------------------------------------------------------------------- */

typedef struct ep__piece {
    uint64_t size;
    const void *bytes;        /* NULL: */
    const ep__values *values; /* these */
} ep__piece;

/* A file to be, as a list of pieces; zero-initialise but for arena and err. */
typedef struct ep__rope {
    ep_arena *arena;
    ep_error *err;
    ep__piece *pieces;
    uint32_t n, capacity;
    uint64_t size;
} ep__rope;

void ep__rope_free(ep__rope *rope);
ep_status ep__rope_write(const ep__rope *rope, const char *path, ep_writer **out, ep_error *err);

/* Bytes and values must live as long as the rope. */
ep_status ep__rope_add(ep__rope *rope, const void *bytes, uint64_t size);
ep_status ep__rope_values(ep__rope *rope, const ep__values *values);
/* Zeros up to a multiple of `alignment`, at most 64. */
ep_status ep__rope_align(ep__rope *rope, uint64_t alignment);

/* Protobuf: an element of a packed field, and fields. What they hold is copied. */
ep_status ep__rope_varint(ep__rope *rope, uint64_t value);
ep_status ep__rope_int(ep__rope *rope, uint32_t field, int64_t value);
ep_status ep__rope_bytes(ep__rope *rope, uint32_t field, const void *bytes, size_t size);
ep_status ep__rope_string(ep__rope *rope, uint32_t field, const char *text);

/* A field that holds what is added until it is closed. */
typedef struct ep__rope_field {
    uint32_t number, piece;
    uint64_t begin;
} ep__rope_field;
ep_status ep__rope_open(ep__rope *rope, uint32_t number, ep__rope_field *field);
ep_status ep__rope_close(ep__rope *rope, const ep__rope_field *field);

/* ---- onnx_rewrite -------------------------------------------------------------------------- */

/* What takes the place of an initializer. */
typedef struct ep__exchange {
    const char *old_name, *new_name; /* of the initializer */
    const ep__values *values;        /* fill: it becomes these; NULL: it becomes `shape`, and a */
    ep_dtype dtype;                  /* node makes a weight of this type */
    double value;                    /* whose elements are all this number */
    ep_shape shape;                  /* of the weight, */
    uint64_t elements;               /* which has so many */
} ep__exchange;

typedef struct ep__rewrite ep__rewrite;

/* Sets, per initializer of the graph, what takes its place; NULL: it stays. `initializers` has
 * their indices by name. */
typedef ep_status (*ep__choose)(ep__rewrite *rw, const EpOnnx__GraphProto *graph,
                                const ep_names *initializers, const ep__exchange **exchanges);

struct ep__rewrite {
    ep__importer im; /* arena, scratch, path, folder, model, map_index, err */
    const EpOnnx__ModelProto *model;
    ep__choose choose;
    const void *context;        /* of `choose` */
    bool drop_stripped;         /* the nodes are replaced by initializers */
    const char *data_location;  /* where external data goes, relative to the new file */
    bool to_external;           /* new values go there, too */
    ep__rope rope, data;        /* the new file, and that of external data */
    uint64_t weights, elements; /* exchanged so far */
};

/* True for the node of a stripped weight. */
bool ep__is_stripped(const EpOnnx__NodeProto *node);

/* Writes the model into rw->rope and rw->data. */
ep_status ep__rewrite_model(ep__rewrite *rw);

/* ---- weights, weight_scale ----------------------------------------------------------------- */

/* A stripped weight. */
typedef struct ep__weight {
    const char *name;
    uint32_t initializer; /* that has its shape */
    ep_shape shape;
    ep__values values; /* to be */
    bool is_decided;   /* `values` is */
} ep__weight;

typedef struct ep__weights {
    ep__weight *at;
    uint32_t n, capacity;
    ep_names *by_name;
} ep__weights;

/* What the node and its shape say: name, shape, type, number of elements, and in `center` the value
 * that all elements have in the file. */
ep_status ep__read_stripped(ep__rewrite *rw, const EpOnnx__GraphProto *graph,
                            const ep_names *initializers, const EpOnnx__NodeProto *node,
                            ep__weight *out);

/* Of a real type of at least 8 bits; false when there are no elements, or none at hand. */
bool ep__mean(const ep_tensor *tensor, double *mean);

/* Decides how the values of each stripped weight are spread. The caller frees weights->at. */
ep_status ep__weights_plan(ep__rewrite *rw, uint64_t seed, ep__weights *weights);

#endif
