/* reader: what the files that turn a YAML tree into an ep_machine share. */
#ifndef EP_HWMODELS_READER_H
#define EP_HWMODELS_READER_H

#include "hwmodels/hwmodels.h"
#include "hwmodels/schema.h"
#include "hwmodels/yaml_tree.h"

/* A place in the file as messages name it: "gpu.sms", "modes[2].gpu_tpcs". */
typedef struct ep__path {
    char text[128];
} ep__path;

typedef struct ep__reader {
    ep_machine *machine; /* what has been read so far */
    ep_error *err;
} ep__reader;

/* "gpu" + "sms" -> "gpu.sms"; an empty prefix adds no dot. */
ep__path ep__path_key(const ep__path *prefix, const char *key);
ep__path ep__path_item(const ep__path *prefix, uint32_t index);

/* Fails at the value with "FILE:LINE:COLUMN: PATH: " before the message. */
ep_status ep__fail_value(const ep__reader *reader, const ep__path *path, const ep__yaml *value,
                         const char *format, ...) EP_PRINTF(4, 5);

/* Reads a value of any kind but block and list into `out`, which is as the field says. */
ep_status ep__read_value(const ep__reader *reader, const ep__path *path, const ep__field *field,
                         const ep__yaml *value, void *out);

/* What a value is, as a message says it: "'16'", "a list". */
ep__words ep__value_words(const ep__yaml *value);

/* Fails when the blocks contradict each other. `root` passed the schema. */
ep_status ep__check_machine(const ep__reader *reader, const ep__yaml *root);

/* The files there are: on disk, looked for by name in colon-separated folders, either of which may
 * be NULL; or, when there are texts, those and no other. */
typedef struct ep__files {
    const char *search_path, *installed;
    uint32_t n_texts;
    const ep_machine_text *texts;
} ep__files;

/* The tree of a file. `path` must live as long as the tree, which lives in `arena`. */
ep_status ep__files_read(const ep__files *files, const char *path, ep_arena *arena, ep__yaml **root,
                         ep_error *err);

/* Merges what the file of `root` inherits into it; the values keep their own files and lines. */
ep_status ep__inherit(ep__yaml *root, const ep__files *files, ep_arena *arena, ep_error *err);

/* Adds to `map`, which is at `path`, what only `parent` has, `inherit` excepted. The values of
 * `parent` move. */
ep_status ep__merge(const ep__path *path, ep__yaml *map, const ep__yaml *parent, ep_error *err);

/* Leaves of dla.limits the set that dla_software names, completed by the set it is like; the names
 * of all go to the machine. */
ep_status ep__select_limits(const ep__reader *reader, ep__yaml *root);

/* The file of a name that `file` inherits: beside `file`, then in the folders. False when it is
 * nowhere; `looked` then lists where. */
bool ep__find_parent(const char *name, const char *file, const ep__files *files, ep_text *path,
                     ep_text *looked);

/* Reads a map, which is at `path`, into the struct `base` of the block. */
ep_status ep__read_block(const ep__reader *reader, const ep__path *path, const ep__block *block,
                         const ep__yaml *map, void *base);

/* ---- values -------------------------------------------------------------------------------- */

/* The machine left this optional value out. */
bool ep__is_absent(const ep__field *field, const void *value);

/* Prose, or of a DLA that is not there. */
bool ep__has_no_value(const ep__field *field, bool dla);

/* A value as a file would have it, in `arena`; NULL when out of memory. */
const char *ep__value_text(const ep__field *field, const void *value, const ep_machine *machine,
                           ep_arena *arena);

/* Of the list in the struct `base`: how many items there are, and the first. */
uint32_t ep__list_items(const ep__field *list, const void *base, const char **items);

/* What an item of a list is known by: its name, or the mode it is about; NULL when it has none. */
const char *ep__item_label(const ep__field *list, const char *item);

/* "modes.30W", "advertised[0]"; NULL when out of memory. */
const char *ep__item_key(const char *prefix, const char *label, uint32_t index, ep_arena *arena);

/* ---- fields -------------------------------------------------------------------------------- */

/* NULL when the block has no such key. */
const ep__field *ep__find_field(const ep__block *block, const char *key, size_t length);

/* As ep_machine_load, from the file `path`. */
ep_status ep__machine_read(const char *path, const ep__files *files,
                           const ep_machine_options *options, ep_machine **out, ep_error *err);

/* Adds the modes of a mode file to those of `root`. When one of them is the default mode, none of
 * the others is. */
ep_status ep__add_modes(const ep__reader *reader, ep__yaml *root, const ep__files *files,
                        const char *mode_file);

/* ---- sets ---------------------------------------------------------------------------------- */

/* A key of the operating point, and the key of a mode that it stands for. */
typedef struct ep__point_key {
    const char *key, *mode_key;
} ep__point_key;

/* "KEY=VALUE", taken apart. */
typedef struct ep__set {
    const char *key;
    const char *label;          /* "--set KEY=VALUE", for messages */
    ep__yaml *value;            /* its file is the label */
    const ep__point_key *point; /* NULL: a key of the schema */
} ep__set;

typedef struct ep__sets {
    uint32_t n;
    ep__set *items; /* in the order given */
} ep__sets;

ep_status ep__sets_parse(const ep_machine_options *options, ep_arena *arena, ep__sets *out,
                         ep_error *err);

/* Puts the keys of the schema into the tree: those of dla.limits, of which there must be one set by
 * now, or all others. What the tree lacks is added; of what has the wrong kind, nothing is set,
 * since the schema refuses it. */
typedef enum ep__set_part { EP__ALL_BUT_LIMITS, EP__LIMITS } ep__set_part;
ep_status ep__sets_put(const ep__reader *reader, const ep__sets *sets, ep__set_part part,
                       ep__yaml *root);

/* Sets the keys of the operating point in all modes but those that have the value from a set. */
ep_status ep__sets_apply_point(const ep__reader *reader, const ep__sets *sets,
                               const ep__yaml *root);

/* ---- modes --------------------------------------------------------------------------------- */

/* True when both name the same mode: MODE_ and case do not count. */
bool ep__same_mode(const char *a, const char *b);
/* What follows MODE_, if that is there. */
const char *ep__bare_mode(const char *name);

/* The number, an integer or not, that a mode has under this key. */
const ep__field *ep__mode_field(const char *key);

/* The most that the module allows of a value of a mode. */
typedef struct ep__mode_bound {
    const char *key; /* of the mode */
    double max;
    const char *from;            /* as messages say it: "gpu.sms / gpu.sms_per_tpc" */
    const char *block, *keys[2]; /* the keys it comes from; the second may be NULL */
} ep__mode_bound;

#define EP__MODE_BOUNDS 7
void ep__mode_bounds(const ep_machine *machine, ep__mode_bound bounds[EP__MODE_BOUNDS]);

/* Lowers what is above a bound that was set, unless it was set itself. */
void ep__clamp_modes(const ep_machine *machine, const ep__yaml *root);

#endif
