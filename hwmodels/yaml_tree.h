/* yaml_tree: a YAML document as a small tree in which every value knows where it stands.
 *
 * Of YAML it takes what a table of numbers needs: mappings, lists, scalars, one document. Anchors,
 * aliases and tags are refused; depth and number of values are bounded.
 */
#ifndef EP_HWMODELS_YAML_TREE_H
#define EP_HWMODELS_YAML_TREE_H

#include "base/base.h"

typedef enum ep__yaml_kind {
    EP__YAML_SCALAR,
    EP__YAML_LIST,
    EP__YAML_MAP,
} ep__yaml_kind;

typedef struct ep__yaml {
    ep__yaml_kind kind;
    const char *file;    /* it stands in, its key too; or who set it: "--set gpu.sms=8" */
    size_t line, column; /* of the value, 1-based; 0: it was set and stands in no file */
    const char *key;     /* NULL for a list item and for the root */
    size_t key_line, key_column;
    const char *text; /* scalar: without zero bytes inside; else NULL */
    bool quoted;      /* scalar */
    uint32_t n;       /* list, map: values */
    struct ep__yaml *first;
    struct ep__yaml *next; /* in the list or map this stands in */
} ep__yaml;

/* Parses UTF-8 text; `file`, for messages, must live as long as the tree, which lives in `arena`.
 * Keys of a map may repeat: the reader of the map decides. Errors: EP_BAD_HARDWARE with file, line
 * and column. */
ep_status ep__yaml_parse(const char *text, size_t size, const char *file, ep_arena *arena,
                         ep__yaml **out, ep_error *err);

/* The same for the value of a set, `file` saying whose; lines are 0. Errors: EP_BAD_USAGE. */
ep_status ep__yaml_parse_set(const char *text, const char *file, ep_arena *arena, ep__yaml **out,
                             ep_error *err);

/* As ep_fail_at with EP_BAD_HARDWARE; at line 0 without a place and with EP_BAD_USAGE. */
ep_status ep__fail_at(ep_error *err, const char *file, size_t line, size_t column,
                      const char *format, ...) EP_PRINTF(5, 6);

/* NULL when absent. */
ep__yaml *ep__yaml_find(ep__yaml *map, const char *key);
const ep__yaml *ep__yaml_get(const ep__yaml *map, const char *key);
/* index < list->n */
const ep__yaml *ep__yaml_item(const ep__yaml *list, uint32_t index);

#endif
