/* Private to planner/: what the files that read and write plan files share. */
#ifndef EP_PLANNER_PLAN_FILE_H
#define EP_PLANNER_PLAN_FILE_H

#include "planner/planner.h"

/* Hashes a layer by what plans depend on: name, operator, operands, shapes, attributes; not by the
 * values of its weights. `text` is scratch. */
void ep__layer_hash(const ep_layers *layers, uint32_t layer, ep_text *text,
                    char hash[EP_LAYER_HASH_TEXT]);
/* Of `n` such hashes, in the order of the layers. */
ep_status ep__network_sha256(const char *const *hashes, uint32_t n, char sha256[EP_SHA256_TEXT],
                             ep_error *err);
/* Per layer, in `arena`. */
ep_status ep__layer_hashes(const ep_layers *layers, ep_arena *arena, const char *const **out,
                           ep_error *err);

ep_status ep__settings_sha256(const ep_setting *settings, uint32_t n, char sha256[EP_SHA256_TEXT],
                              ep_error *err);

/* A name as a plan file has it: bytes that are no UTF-8 become '?', in `arena`. NULL: no memory. */
const char *ep__plan_file_name(const char *name, ep_arena *arena);

/* The end of a plan file, with 64 digits between: the digest of all that stands before. */
#define EP__DIGEST_BEFORE "\"digest\": \""
#define EP__DIGEST_AFTER "\"\n}\n"

#endif
