/* schema: what a hardware model may say, as tables.
 *
 * One row a key: its kind, the bounds of its value, where it goes in the struct of hwmodels.h, and
 * a line for the reader. Parsing, range checks, suggestions for misspelt keys and the documentation
 * all walk these tables; a new constant is one row and one member.
 */
#ifndef EP_HWMODELS_SCHEMA_H
#define EP_HWMODELS_SCHEMA_H

#include "hwmodels/hwmodels.h"

typedef enum ep__kind {
    EP__INTEGER, /* int64_t */
    EP__NUMBER,  /* double */
    EP__BYTES,   /* uint64_t: a whole number, alone or with KiB, MiB, GiB */
    EP__BOOL,    /* bool */
    EP__TEXT,    /* const char *: one line */
    EP__PROSE,   /* checked, not kept: source, note */
    EP__RANGE,   /* ep_range: [min, max] */
    EP__CURVE,   /* ep_voltage_curve: a list of [MHz, volt] */
    EP__RAIL,    /* uint32_t: the name of a rail; rails come first in the table */
    EP__PARENTS, /* files to inherit, merged before the schema sees the tree */
    EP__BLOCK,   /* a struct in place */
    EP__LIST,    /* uint32_t and a pointer to so many structs */
} ep__kind;

typedef enum ep__presence {
    EP__REQUIRED,
    EP__OPTIONAL,     /* zero when absent */
    EP__DLA_OPTIONAL, /* zero when absent; says nothing without a DLA */
    EP__WITH_DLA,     /* required when dla.cores > 0; `dla` comes first in the table */
} ep__presence;

typedef struct ep__field {
    const char *key;
    ep__kind kind;
    ep__presence presence;
    /* Inclusive: of the value, of both ends of a range, of the volts of a curve, of the length of
     * a text, of the number of items of a list. */
    double min, max;
    size_t offset;                 /* into the struct of the block that has this field */
    size_t count_offset;           /* list: of the uint32_t */
    const struct ep__block *block; /* block, list: of what */
    const char *doc;
} ep__field;

typedef struct ep__block {
    size_t size; /* of its struct */
    uint32_t n_fields;
    const ep__field *fields; /* in the order in which they are read */
} ep__block;

#define EP__MAX_FIELDS 48

/* Advertised figures: key, the derived one (of ep_figures `f`), a line for the reader. */
/* clang-format off */
#define EP__ADVERTISED_MAP(X)                                                                      \
    X(gpu_int8_dense_tops, f->gpu[EP_MATH_INT8].dense, "GPU, INT8, 10^12 operations a second")     \
    X(gpu_int8_sparse_tops, f->gpu[EP_MATH_INT8].sparse, "the same with 2:4 sparse weights")       \
    X(gpu_fp16_dense_tflops, f->gpu[EP_MATH_FP16].dense, "GPU, FP16")                              \
    X(gpu_fp32_tflops, f->gpu[EP_MATH_FP32].dense, "GPU, FP32, no tensor core")                    \
    X(dla_int8_dense_tops, f->dla[EP_MATH_INT8].dense, "all DLA cores, INT8")                      \
    X(dla_int8_sparse_tops, f->dla[EP_MATH_INT8].sparse, "the same with 2:4 sparse weights")       \
    X(int8_sparse_tops, f->gpu[EP_MATH_INT8].sparse + f->dla[EP_MATH_INT8].sparse,                 \
      "GPU and DLA together, 2:4 sparse weights")                                                  \
    X(dram_gbps, f->dram_peak_gbps, "peak of the memory, GB/s")
/* clang-format on */

/* The whole file: an ep_machine. */
const ep__block *ep__machine_block(void);

/* What a value of this kind is ("integer"), and its bounds ("1..256", "" when there are none). */
typedef struct ep__words {
    char text[64];
} ep__words;
const char *ep__kind_words(ep__kind kind);
ep__words ep__bounds_words(const ep__field *field);
/* A number of bytes in the largest unit that divides it: "4 MiB". */
ep__words ep__bytes_words(uint64_t bytes);

#endif
