#include <string.h>

#include "engine/engine.h"

/* One entry after the other; `at` is where we are in `text`. */
typedef struct parser {
    const char *text, *at;
    ep_arena *arena;
    ep_error *err;
} parser;

static ep_status expected(const parser *p, const char *what)
{
    const size_t column = (size_t)(p->at - p->text) + 1;
    if (!*p->at) {
        return ep_fail(p->err, EP_BAD_USAGE, "shapes, column %zu: expected %s, got the end", column,
                       what);
    }
    return ep_fail(p->err, EP_BAD_USAGE, "shapes, column %zu: expected %s, got '%.20s'", column,
                   what, p->at);
}

/* `name` or `'name'`: quoted, a name may hold colons and commas. */
static ep_status parse_name(parser *p, const char **name)
{
    const char *begin = p->at;
    size_t length;
    if (*begin == '\'') {
        begin = ++p->at;
        length = strcspn(begin, "'");
        p->at += length;
        if (*p->at != '\'') return expected(p, "a closing '");
        p->at++;
    } else {
        length = strcspn(begin, ":,'");
        p->at += length;
    }
    if (length == 0) {
        p->at = begin;
        return expected(p, "the name of an input");
    }
    const char *star = memchr(begin, '*', length);
    const char *second = star ? memchr(star + 1, '*', (size_t)(begin + length - star - 1)) : NULL;
    if (second) {
        p->at = second;
        return expected(p, "at most one * in a name");
    }
    *name = ep_arena_string(p->arena, begin, length);
    return *name ? EP_OK : ep_fail_memory(p->err);
}

/* A dimension, 1 to INT32_MAX: what a builder takes. */
static ep_status parse_dim(parser *p, int64_t *dim)
{
    const char *begin = p->at;
    *dim = 0;
    while (*p->at >= '0' && *p->at <= '9' && *dim <= INT32_MAX) *dim = *dim * 10 + (*p->at++ - '0');
    if (*dim >= 1 && *dim <= INT32_MAX) return EP_OK;
    p->at = begin;
    return expected(p, "a dimension from 1 to 2147483647");
}

/* `1x3x224x224` or `scalar` */
static ep_status parse_dims(parser *p, ep_shape *shape)
{
    static const char scalar[] = "scalar";
    *shape = (ep_shape){0};
    if (strncmp(p->at, scalar, sizeof scalar - 1) == 0) {
        p->at += sizeof scalar - 1;
        return EP_OK;
    }
    for (;;) {
        if (shape->rank == EP_MAX_RANK) return expected(p, "at most 8 dimensions");
        EP_TRY(parse_dim(p, &shape->dims[shape->rank]));
        shape->rank++;
        if (*p->at != 'x') return EP_OK;
        p->at++;
    }
}

static ep_status check_new(const parser *p, const ep_input_shape *shapes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        EP_FAIL_IF(strcmp(shapes[i].name, shapes[n].name) == 0, p->err, EP_BAD_USAGE,
                   "shapes: '%s' is given twice", shapes[n].name);
    }
    return EP_OK;
}

ep_status ep_shapes_parse(const char *text, ep_arena *arena, const ep_input_shape **shapes,
                          uint32_t *n_shapes, ep_error *err)
{
    parser p = {.text = text, .at = text, .arena = arena, .err = err};
    uint64_t most = 1;
    for (const char *c = text; *c; c++) most += *c == ',';
    ep_input_shape *list = EP_NEW(arena, ep_input_shape, most);
    if (!list) return ep_fail_memory(err);
    uint32_t n = 0;
    for (;; p.at++) {
        EP_TRY(parse_name(&p, &list[n].name));
        if (*p.at != ':') return expected(&p, "':' and a shape");
        p.at++;
        EP_TRY(parse_dims(&p, &list[n].shape));
        EP_TRY(check_new(&p, list, n));
        n++;
        if (!*p.at) break;
        if (*p.at != ',') return expected(&p, "'x', ',' or the end");
    }
    *shapes = list;
    *n_shapes = n;
    return EP_OK;
}
