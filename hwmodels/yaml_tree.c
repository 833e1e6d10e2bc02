#include "hwmodels/yaml_tree.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* Far above what a machine needs; low enough that a hostile file costs nothing. */
#define MAX_BYTES ((size_t)1 << 20)
#define MAX_DEPTH 8u
#define MAX_VALUES 20000u

typedef struct parse {
    yaml_parser_t yaml;
    yaml_event_t event; /* the current one; zero when there is none */
    const char *text;
    size_t size;
    const char *file;
    bool is_set; /* it is no file: positions mean nothing */
    ep_arena *arena;
    uint32_t values;
    ep_error *err;
} parse;

ep_status ep__fail_at(ep_error *err, const char *file, size_t line, size_t column,
                      const char *format, ...)
{
    char what[900];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (line == 0) return ep_fail(err, EP_BAD_USAGE, "%s: %s", file, what);
    return ep_fail_at(err, EP_BAD_HARDWARE, file, line, column, "%s", what);
}

/* `line` and `column` are 0-based. */
static ep_status fail_in(const parse *p, size_t line, size_t column, const char *what,
                         const char *more)
{
    return ep__fail_at(p->err, p->file, p->is_set ? 0 : line + 1, column + 1, "%s%s", what, more);
}

static ep_status fail_here(parse *p, const char *what)
{
    const yaml_mark_t mark = p->event.start_mark;
    return fail_in(p, mark.line, mark.column, what, "");
}

/* True when the first thing on a line (0-based) that is not a space is a tab. */
static bool is_indented_by_tab(const parse *p, size_t line)
{
    const char *at = p->text, *end = p->text + p->size;
    for (; line > 0 && at < end; line--) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline ? newline + 1 : end;
    }
    while (at < end && *at == ' ') at++;
    return at < end && *at == '\t';
}

/* libyaml knows only the byte at which its reader stopped. */
static ep_status fail_in_reader(parse *p)
{
    size_t line = 0, column = 0;
    const size_t stop = p->yaml.problem_offset < p->size ? p->yaml.problem_offset : p->size;
    for (size_t i = 0; i < stop; i++) {
        const unsigned char c = (unsigned char)p->text[i];
        if (c == '\n') {
            line++;
            column = 0;
        } else if ((c & 0xc0) != 0x80) {
            column++;
        }
    }
    return fail_in(p, line, column, "not UTF-8 text: ", p->yaml.problem);
}

static ep_status fail_in_parser(parse *p)
{
    if (p->yaml.error == YAML_MEMORY_ERROR) return ep_fail_memory(p->err);
    if (p->yaml.error == YAML_READER_ERROR) return fail_in_reader(p);
    const yaml_mark_t mark = p->yaml.problem_mark;
    const char *problem =
        is_indented_by_tab(p, mark.line) ? "a tab in the indentation; use spaces" : p->yaml.problem;
    return fail_in(p, mark.line, mark.column, "not YAML: ", problem);
}

static ep_status advance(parse *p)
{
    yaml_event_delete(&p->event);
    if (!yaml_parser_parse(&p->yaml, &p->event)) {
        p->event = (yaml_event_t){0};
        return fail_in_parser(p);
    }
    return EP_OK;
}

static ep_status refuse_properties(parse *p, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor) return fail_here(p, "anchors (&) are not allowed; write the value out");
    if (tag) return fail_here(p, "tags (!) are not allowed");
    return EP_OK;
}

static ep_status new_value(parse *p, ep__yaml_kind kind, ep__yaml **out)
{
    if (++p->values > MAX_VALUES) return fail_here(p, "too many values for a hardware model");
    ep__yaml *value = EP_NEW(p->arena, ep__yaml, 1);
    if (!value) return ep_fail_memory(p->err);
    value->kind = kind;
    value->file = p->file;
    value->line = p->is_set ? 0 : p->event.start_mark.line + 1;
    value->column = p->is_set ? 0 : p->event.start_mark.column + 1;
    *out = value;
    return EP_OK;
}

static ep_status read_text(parse *p, const char **out)
{
    const char *bytes = (const char *)p->event.data.scalar.value;
    const size_t length = p->event.data.scalar.length;
    if (memchr(bytes, 0, length)) return fail_here(p, "a zero byte in a text");
    *out = ep_arena_string(p->arena, bytes, length);
    return *out ? EP_OK : ep_fail_memory(p->err);
}

static ep_status read_scalar(parse *p, ep__yaml **out)
{
    EP_TRY(refuse_properties(p, p->event.data.scalar.anchor, p->event.data.scalar.tag));
    EP_TRY(new_value(p, EP__YAML_SCALAR, out));
    (*out)->quoted = p->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return read_text(p, &(*out)->text);
}

static ep_status read_value(parse *p, unsigned depth, ep__yaml **out);

static ep_status read_list(parse *p, unsigned depth, ep__yaml **out)
{
    EP_TRY(refuse_properties(p, p->event.data.sequence_start.anchor,
                             p->event.data.sequence_start.tag));
    EP_TRY(new_value(p, EP__YAML_LIST, out));
    ep__yaml **link = &(*out)->first;
    for (;;) {
        EP_TRY(advance(p));
        if (p->event.type == YAML_SEQUENCE_END_EVENT) return EP_OK;
        EP_TRY(read_value(p, depth + 1, link));
        (*out)->n++;
        link = &(*link)->next;
    }
}

static ep_status read_map(parse *p, unsigned depth, ep__yaml **out)
{
    EP_TRY(
        refuse_properties(p, p->event.data.mapping_start.anchor, p->event.data.mapping_start.tag));
    EP_TRY(new_value(p, EP__YAML_MAP, out));
    ep__yaml **link = &(*out)->first;
    for (;;) {
        EP_TRY(advance(p));
        if (p->event.type == YAML_MAPPING_END_EVENT) return EP_OK;
        if (p->event.type != YAML_SCALAR_EVENT) return fail_here(p, "a key must be a plain word");
        ep__yaml *key;
        EP_TRY(read_scalar(p, &key));
        EP_TRY(advance(p));
        EP_TRY(read_value(p, depth + 1, link));
        (*link)->key = key->text;
        (*link)->key_line = key->line;
        (*link)->key_column = key->column;
        (*out)->n++;
        link = &(*link)->next;
    }
}

/* Reads the value that the current event begins; its last event is then the current one. */
static ep_status read_value(parse *p, unsigned depth, ep__yaml **out)
{
    if (depth > MAX_DEPTH) return fail_here(p, "nested too deeply for a hardware model");
    switch (p->event.type) {
    case YAML_SCALAR_EVENT: return read_scalar(p, out);
    case YAML_SEQUENCE_START_EVENT: return read_list(p, depth, out);
    case YAML_MAPPING_START_EVENT: return read_map(p, depth, out);
    default:
        assert(p->event.type == YAML_ALIAS_EVENT);
        return fail_here(p, "aliases (*) are not allowed; write the value out");
    }
}

static ep_status read_document(parse *p, ep__yaml **out)
{
    EP_TRY(advance(p)); /* stream start */
    EP_TRY(advance(p));
    if (p->event.type == YAML_STREAM_END_EVENT) {
        return fail_here(p, p->is_set ? "no value" : "empty: no hardware model");
    }
    EP_TRY(advance(p));
    EP_TRY(read_value(p, 0, out));
    EP_TRY(advance(p)); /* document end */
    EP_TRY(advance(p));
    if (p->event.type == YAML_STREAM_END_EVENT) return EP_OK;
    return fail_here(p, p->is_set ? "more than one value"
                                  : "a second document; a hardware model is one");
}

static ep_status parse_text(parse *p, ep__yaml **out)
{
    EP_FAIL_IF(p->size > MAX_BYTES, p->err, p->is_set ? EP_BAD_USAGE : EP_BAD_HARDWARE,
               "%s: %zu bytes; a hardware model has at most %zu", p->file, p->size, MAX_BYTES);
    if (!yaml_parser_initialize(&p->yaml)) return ep_fail_memory(p->err);
    yaml_parser_set_encoding(&p->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p->yaml, (const unsigned char *)(p->text ? p->text : ""),
                                 p->size);
    const ep_status status = read_document(p, out);
    yaml_event_delete(&p->event);
    yaml_parser_delete(&p->yaml);
    return status;
}

ep_status ep__yaml_parse(const char *text, size_t size, const char *file, ep_arena *arena,
                         ep__yaml **out, ep_error *err)
{
    parse p = {.text = text, .size = size, .file = file, .arena = arena, .err = err};
    return parse_text(&p, out);
}

ep_status ep__yaml_parse_set(const char *text, const char *file, ep_arena *arena, ep__yaml **out,
                             ep_error *err)
{
    parse p = {.text = text,
               .size = strlen(text),
               .file = file,
               .is_set = true,
               .arena = arena,
               .err = err};
    return parse_text(&p, out);
}

ep__yaml *ep__yaml_find(ep__yaml *map, const char *key)
{
    assert(map->kind == EP__YAML_MAP);
    ep__yaml *value = map->first;
    while (value && strcmp(value->key, key) != 0) value = value->next;
    return value;
}

const ep__yaml *ep__yaml_get(const ep__yaml *map, const char *key)
{
    return ep__yaml_find((ep__yaml *)map, key);
}

const ep__yaml *ep__yaml_item(const ep__yaml *list, uint32_t index)
{
    assert(list->kind == EP__YAML_LIST && index < list->n);
    const ep__yaml *item = list->first;
    for (; index > 0; index--) item = item->next;
    return item;
}
