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

/* Where models are looked for by name: colon-separated folders; either may be NULL. */
typedef struct ep__folders {
    const char *search_path, *installed;
} ep__folders;

/* Merges what the file of `root` inherits into it; the values keep their own files and lines.
 * `folders`: NULL when `root` is no file, which then cannot inherit. */
ep_status ep__inherit(ep__yaml *root, const ep__folders *folders, ep_arena *arena, ep_error *err);

/* Adds to `map`, which is at `path`, what only `parent` has, `inherit` excepted. The values of
 * `parent` move. */
ep_status ep__merge(const ep__path *path, ep__yaml *map, const ep__yaml *parent, ep_error *err);

/* Leaves of dla.limits the set that dla_software names, completed by the set it is like. */
ep_status ep__select_limits(ep__yaml *root, ep_error *err);

/* The file of a name that `file` inherits: beside `file`, then in the folders. False when it is
 * nowhere; `looked` then lists where. */
bool ep__find_parent(const char *name, const char *file, const ep__folders *folders, ep_text *path,
                     ep_text *looked);

/* As ep_machine_parse; with folders, the text is that of the file `path`. */
ep_status ep__machine_read(const char *text, size_t size, const char *path,
                           const ep__folders *folders, ep_machine **out, ep_error *err);

/* True when both name the same mode: MODE_ and case do not count. */
bool ep__same_mode(const char *a, const char *b);

#endif
