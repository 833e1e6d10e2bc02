/* base: what any C program needs.
 *
 * Everything here is small and has no notion of networks or machines:
 *
 *   status   one X-macro table of outcomes; every fallible function returns an
 *            ep_status and writes the context, one line, into the caller's ep_error
 *   arena    memory for what lives as long as a network or a plan
 *   text     a string that grows
 *   names    a map from strings to indices
 *   hashes   SHA-256
 *   file     read-only mappings, and writes that cannot harm what is on disk
 *   sizes    overflow-checked arithmetic
 *
 * No globals, no logging, no threads. User input never aborts the program.
 */
#ifndef EP_BASE_H
#define EP_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/builtins.h"

/* ---- status -------------------------------------------------------------------------------- */

/* name, exit code of the program, what it means */
#define EP_STATUS_MAP(X)                                                                           \
    X(OK, 0, "done")                                                                               \
    X(GATE_FAILED, 1, "a gate failed")                                                             \
    X(BAD_USAGE, 2, "bad usage")                                                                   \
    X(BAD_FILE, 3, "a file cannot be read or written")                                             \
    X(BAD_MODEL, 3, "unusable ONNX model")                                                         \
    X(BAD_SHAPE, 3, "shapes do not fit")                                                           \
    X(BAD_HARDWARE, 3, "unusable hardware model")                                                  \
    X(UNSUPPORTED, 3, "not supported")                                                             \
    X(NO_MEMORY, 3, "out of memory")                                                               \
    X(INFEASIBLE, 4, "infeasible")

typedef enum ep_status {
#define X(name, exit_code, meaning) EP_##name,
    EP_STATUS_MAP(X)
#undef X
} ep_status;

/* The process exit code that stands for `status`. */
int ep_status_exit_code(ep_status status);

/* What `status` means, a static string in lower case without a full stop. */
const char *ep_status_text(ep_status status);

/* What went wrong: one line without a newline, always terminated. Plain data, zero-initialised by
 * the caller; a function that returns EP_OK leaves it alone. */
typedef struct ep_error {
    ep_status status;
    char text[1000];
} ep_error;

/* Writes the line and returns `status`. Bytes that are not printable (a name from a hostile file)
 * become '?', an overlong line is cut. `err` may be NULL. */
ep_status ep_fail(ep_error *err, ep_status status, const char *format, ...) EP_PRINTF(3, 4);

/* As ep_fail, the line beginning with `file:line:column: ` (1-based, as editors count). */
ep_status ep_fail_at(ep_error *err, ep_status status, const char *file, size_t line, size_t column,
                     const char *format, ...) EP_PRINTF(6, 7);

/* Puts context before a line that is already there: "node 'conv1' (Conv): " + text.
 * Returns the status it had. */
ep_status ep_fail_context(ep_error *err, const char *format, ...) EP_PRINTF(2, 3);

ep_status ep_fail_memory(ep_error *err);

/* Forwards a failure to the caller. */
#define EP_TRY(expression)                                                                         \
    do {                                                                                           \
        const ep_status try_status_ = (expression);                                                \
        if (EP_UNLIKELY(try_status_ != EP_OK)) return try_status_;                                 \
    } while (0)

/* Fails with `status` and a message when `condition` holds. */
#define EP_FAIL_IF(condition, err, status, ...)                                                    \
    do {                                                                                           \
        if (EP_UNLIKELY(condition)) return ep_fail((err), (status), __VA_ARGS__);                  \
    } while (0)

/* ---- sizes --------------------------------------------------------------------------------- */

/* True when the result does not fit; then `*out` is unspecified. */
static inline bool ep_mul_overflows(uint64_t a, uint64_t b, uint64_t *out)
{
    return EP_MUL_OVERFLOW(a, b, out);
}
static inline bool ep_add_overflows(uint64_t a, uint64_t b, uint64_t *out)
{
    return EP_ADD_OVERFLOW(a, b, out);
}
/* a / b rounded up; b > 0. */
static inline uint64_t ep_div_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}
/* a rounded up to a multiple of b; b > 0, and the result must fit. */
static inline uint64_t ep_round_up(uint64_t a, uint64_t b)
{
    return ep_div_up(a, b) * b;
}
static inline uint64_t ep_min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}
static inline uint64_t ep_max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- arena --------------------------------------------------------------------------------- */

/* A bump allocator: everything taken from it is freed at once. Opaque. */
typedef struct ep_arena ep_arena;

/* NULL when out of memory. */
ep_arena *ep_arena_new(void);
void ep_arena_free(ep_arena *arena); /* accepts NULL */

/* `count` zeroed elements of `size` bytes, aligned for any type; NULL when out of memory or when
 * the product overflows. A count of 0 gives a pointer that must not be read. */
void *ep_arena_take(ep_arena *arena, uint64_t count, size_t size);
#define EP_NEW(arena, type, count) ((type *)ep_arena_take((arena), (count), sizeof(type)))
/* The same, not zeroed: for large buffers that are written before they are read. */
void *ep_arena_take_raw(ep_arena *arena, uint64_t count, size_t size);
#define EP_NEW_RAW(arena, type, count) ((type *)ep_arena_take_raw((arena), (count), sizeof(type)))

/* Copies; NULL when out of memory. */
void *ep_arena_copy(ep_arena *arena, const void *bytes, size_t size);
char *ep_arena_string(ep_arena *arena, const char *bytes, size_t length); /* adds the 0 */
char *ep_arena_printf(ep_arena *arena, const char *format, ...) EP_PRINTF(2, 3);

/* Bytes taken so far, chunk slack included. */
size_t ep_arena_bytes(const ep_arena *arena);
/* Forgets what was taken. Of its memory it keeps what the same again would need, if that is at most
 * `keep` bytes: a loop that takes as much each time allocates once. */
void ep_arena_reset(ep_arena *arena, size_t keep);
/* From now on there is no more memory where ep_arena_bytes would pass `bytes`; SIZE_MAX: any. */
void ep_arena_limit(ep_arena *arena, size_t bytes);

/* Makes room in a malloc'ed array for `needed` elements by doubling, so that appending n elements
 * costs O(n). On success `*array` may have moved and `*capacity` >= needed; on failure both are
 * unchanged. The caller frees `*array`. */
ep_status ep_grow(void **array, uint32_t *capacity, uint64_t needed, size_t size, ep_error *err);

/* ---- text ---------------------------------------------------------------------------------- */

/* A growing string; zero-initialise. Out of memory is remembered in `failed` and the text stays
 * empty from then on, so that a writer checks once, at the end. */
typedef struct ep_text {
    char *data; /* NULL or terminated */
    size_t length;
    size_t capacity;
    bool failed;
} ep_text;

void ep_text_printf(ep_text *text, const char *format, ...) EP_PRINTF(2, 3);
void ep_text_vprintf(ep_text *text, const char *format, va_list args) EP_PRINTF(2, 0);
void ep_text_append(ep_text *text, const char *bytes, size_t length);
void ep_text_free(ep_text *text); /* leaves it empty */
/* The text, never NULL. */
const char *ep_text_cstr(const ep_text *text);

/* Reads -?digits[.digits][e[+-]digits] and nothing else: no hex, no infinity, no blanks, no leading
 * zero. False when `text` is something else; what is too large gives infinity. */
bool ep_number_parse(const char *text, double *out);

/* Number of single-character edits between two words, at most `limit` + 1: for "did you mean". */
unsigned ep_edit_distance(const char *a, const char *b, unsigned limit);

/* ---- names --------------------------------------------------------------------------------- */

/* Strings to uint32_t values. Keys are referenced, not copied: they must outlive the map. */
typedef struct ep_names ep_names;

#define EP_NO_INDEX UINT32_MAX

ep_names *ep_names_new(void);
void ep_names_free(ep_names *names); /* accepts NULL */
/* Sets or replaces. */
ep_status ep_names_put(ep_names *names, const char *key, uint32_t value, ep_error *err);
/* EP_NO_INDEX when absent. */
uint32_t ep_names_get(const ep_names *names, const char *key);

/* ---- hashes -------------------------------------------------------------------------------- */

#define EP_SHA256_TEXT 65

/* SHA-256 (FIPS 180-4) as 64 hexadecimal digits, as sha256sum prints it. */
void ep_sha256(const void *bytes, size_t size, char text[EP_SHA256_TEXT]);
/* The same of a file. EP_BAD_FILE: as ep_map_open. */
ep_status ep_file_sha256(const char *path, char text[EP_SHA256_TEXT], ep_error *err);

/* ---- threads ------------------------------------------------------------------------------- */

/* Works on pieces begin .. end - 1. Must not call ep_parallel. */
typedef void (*ep_parallel_body)(uint64_t begin, uint64_t end, void *context);

/* Calls `body` for all of 0 .. n - 1, in pieces of `grain` (the last may be shorter) that do not
 * depend on the number of threads, so that a body whose pieces write different things gives the
 * same results with any. `threads` 0 or 1: on the caller's thread. */
void ep_parallel(uint32_t threads, uint64_t n, uint64_t grain, ep_parallel_body body,
                 void *context);
/* Cores that this process may use; at least 1. */
uint32_t ep_cores(void);

/* ---- files --------------------------------------------------------------------------------- */

/* A read-only mapping of a regular file. Plain data. `data` is NULL for an empty file. */
typedef struct ep_map {
    const uint8_t *data;
    size_t size;
} ep_map;

/* Maps `path`. Missing, unreadable or not a regular file: EP_BAD_FILE. */
ep_status ep_map_open(const char *path, ep_map *out, ep_error *err);
void ep_map_close(ep_map *map); /* accepts an empty one, leaves it empty */
/* Lets go of the memory that reading `map` took; what is read again comes from the file again.
 * Systems map up to megabytes around each byte that is read. */
void ep_map_forget(const ep_map *map);

/* Replaces `path` by `data`: written to a temporary file beside it, fsync, rename. On failure what
 * was there stays as it was. */
ep_status ep_file_write(const char *path, const void *data, size_t size, ep_error *err);

/* The same in pieces, for what is too large to be in memory at once. Opaque. */
typedef struct ep_writer ep_writer;

/* EP_BAD_FILE when the file system has not `size` bytes left, which is what will be written. */
ep_status ep_writer_open(const char *path, uint64_t size, ep_writer **out, ep_error *err);
ep_status ep_writer_write(ep_writer *writer, const void *data, size_t size, ep_error *err);
/* Puts the file in its place. */
ep_status ep_writer_commit(ep_writer *writer, ep_error *err);
/* Removes what was written unless it was committed; accepts NULL. */
void ep_writer_free(ep_writer *writer);

#endif
