/* measurements_fixture: small measurements files as text. */
#ifndef MEASUREMENTS_FIXTURE_H
#define MEASUREMENTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "study/study.h"

#define HEADER                                                                                     \
    "id,hw,mode,set,workload,batch,precision,engine,io,includes,metric,value,group,notes\n"
#define ROW(id, notes)                                                                             \
    id ",orin-agx.yaml,MAXN,,models/a.onnx,1,int8,gpu,native,compute,latency_ms,1.5,g," notes "\n"

static inline ep_status parse(const char *text, size_t size, ep_arena *arena, ep_measurements *out,
                              ep_error *err)
{
    *err = (ep_error){0};
    /* exactly as long as the text, so that a sanitizer sees a read past it; gone when rows are
     * looked at */
    char *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    const ep_status status = ep_measurements_parse(copy, size, "m.csv", arena, out, err);
    free(copy);
    return status;
}

/* The text must be refused with exactly this line. */
static inline void refuse_bytes(const char *text, size_t size, const char *message)
{
    ep_arena *arena = ep_arena_new();
    ep_measurements read;
    ep_error err;
    assert_int_equal(parse(text, size, arena, &read, &err), EP_BAD_FILE);
    assert_int_equal(err.status, EP_BAD_FILE);
    assert_string_equal(err.text, message);
    assert_int_equal(read.n, 0);
    ep_arena_free(arena);
}

static inline void refuse(const char *text, const char *message)
{
    refuse_bytes(text, strlen(text), message);
}

/* The caller frees the arena. */
static inline ep_arena *accept(const char *text, ep_measurements *out)
{
    ep_arena *arena = ep_arena_new();
    ep_error err;
    if (parse(text, strlen(text), arena, out, &err) != EP_OK) fail_msg("%s", err.text);
    return arena;
}

#endif
