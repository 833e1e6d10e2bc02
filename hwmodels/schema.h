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
    EP__OPTIONAL, /* zero when absent */
    EP__WITH_DLA, /* required when dla.cores > 0; `dla` comes first in the table */
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

#define EP__MAX_FIELDS 40

/* The whole file: an ep_machine. */
const ep__block *ep__machine_block(void);

/* What a value of this kind is ("integer"), and its bounds ("1..256", "" when there are none). */
typedef struct ep__words {
    char text[64];
} ep__words;
const char *ep__kind_words(ep__kind kind);
ep__words ep__bounds_words(const ep__field *field);

#endif
