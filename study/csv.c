/* Comma-separated values. Written by hand because the libraries that distributions have do not say
 * on which line a row begins, drop empty lines before one can count them, and report every mistake
 * as the same one: two thirds of this file would be work around them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "study/study_internal.h"

enum { ROWS_MAX = 1000000, FIELD_MAX = 64 << 10 };

typedef struct parser {
    const char *at, *end; /* what is left of the text */
    size_t line;          /* of `at` */
    char *out;            /* where the next byte of a field goes */
    const char **fields;  /* of the row being read */
    uint32_t n_fields, fields_capacity;
    ep__csv_row *rows; /* with the header */
    uint32_t n_rows, rows_capacity;
    const char *path;
    ep_arena *arena;
    ep_error *err;
} parser;

#define FAIL(p, line, format, ...)                                                                 \
    ep_fail((p)->err, EP_BAD_FILE, "%s:%zu: " format, (p)->path, (line), __VA_ARGS__)

static bool at_line_end(const parser *p)
{
    return p->at == p->end || *p->at == '\n' ||
           (*p->at == '\r' && p->end - p->at > 1 && p->at[1] == '\n');
}

static void skip_line_end(parser *p)
{
    assert(at_line_end(p));
    if (p->at == p->end) return;
    p->at += *p->at == '\r' ? 2 : 1;
    p->line++;
}

/* Moves text up to `end` into the field. */
static void take(parser *p, const char *end)
{
    for (; p->at < end; p->at++) {
        p->line += *p->at == '\n';
        *p->out++ = *p->at;
    }
}

static ep_status read_quoted(parser *p)
{
    const size_t began = p->line;
    const uint32_t number = p->n_fields + 1;
    p->at++;
    for (;;) {
        const char *quote = memchr(p->at, '"', (size_t)(p->end - p->at));
        if (!quote) return FAIL(p, began, "field %u: its quote is never closed", number);
        take(p, quote);
        p->at++;
        if (p->at == p->end || *p->at != '"') break;
        take(p, p->at + 1);
    }
    if (at_line_end(p) || *p->at == ',') return EP_OK;
    return FAIL(p, p->line,
                "field %u: text after the quote that closes the one of line %zu; within a field, "
                "write \"\" for a quote",
                number, began);
}

static ep_status read_plain(parser *p)
{
    const char *end = p->at;
    while (end < p->end && !memchr(",\"\r\n", *end, 4)) end++;
    take(p, end);
    if (at_line_end(p) || *p->at == ',') return EP_OK;
    if (*p->at == '\r') {
        return FAIL(p, p->line, "field %u: a carriage return without a line feed", p->n_fields + 1);
    }
    return FAIL(p, p->line,
                "field %u: a quote inside a field that does not begin with one; quote the whole "
                "field and write \"\" for it",
                p->n_fields + 1);
}

static ep_status read_field(parser *p)
{
    const size_t line = p->line;
    const char *field = p->out;
    EP_TRY(p->at < p->end && *p->at == '"' ? read_quoted(p) : read_plain(p));
    const size_t length = (size_t)(p->out - field);
    if (length > FIELD_MAX) {
        return FAIL(p, line, "field %u: %zu bytes, allowed up to %d", p->n_fields + 1, length,
                    FIELD_MAX);
    }
    *p->out++ = '\0';
    EP_TRY(ep_grow((void **)&p->fields, &p->fields_capacity, (uint64_t)p->n_fields + 1,
                   sizeof *p->fields, p->err));
    p->fields[p->n_fields++] = field;
    return EP_OK;
}

static ep_status read_row(parser *p)
{
    const size_t line = p->line;
    p->n_fields = 0;
    EP_TRY(read_field(p));
    while (!at_line_end(p)) {
        assert(*p->at == ',');
        p->at++;
        EP_TRY(read_field(p));
    }
    skip_line_end(p);
    if (p->n_rows > 0 && p->n_fields != p->rows[0].n) {
        return FAIL(p, line, "%u fields, the header has %u", p->n_fields, p->rows[0].n);
    }
    if (p->n_rows > ROWS_MAX) return FAIL(p, line, "more than %d rows", ROWS_MAX);
    EP_TRY(ep_grow((void **)&p->rows, &p->rows_capacity, (uint64_t)p->n_rows + 1, sizeof *p->rows,
                   p->err));
    const char *const *fields = ep_arena_copy(p->arena, p->fields, p->n_fields * sizeof *p->fields);
    if (!fields) return ep_fail_memory(p->err);
    p->rows[p->n_rows++] = (ep__csv_row){.line = line, .n = p->n_fields, .fields = fields};
    return EP_OK;
}

static ep_status read_rows(parser *p)
{
    static const char mark[] = "\xef\xbb\xbf";
    const size_t mark_size = sizeof mark - 1;
    const size_t size = (size_t)(p->end - p->at);
    if (size >= mark_size && memcmp(p->at, mark, mark_size) == 0) p->at += mark_size;

    /* A field and its 0 need no more than the field in the text and what ends it. */
    char *buffer = ep_arena_take(p->arena, (uint64_t)size + 1, 1);
    if (!buffer) return ep_fail_memory(p->err);
    p->out = buffer;
    while (p->at < p->end) {
        if (at_line_end(p))
            skip_line_end(p);
        else
            EP_TRY(read_row(p));
    }
    assert(p->out <= buffer + size + 1);
    if (p->n_rows == 0) return FAIL(p, p->line, "%s", "no header, which names the columns");
    return EP_OK;
}

static ep_status refuse_zeros(const parser *p)
{
    const char *zero = p->at < p->end ? memchr(p->at, 0, (size_t)(p->end - p->at)) : NULL;
    if (!zero) return EP_OK;
    size_t line = 1;
    for (const char *c = p->at; c < zero; c++) line += *c == '\n';
    return FAIL(p, line, "%s", "a zero byte; the file must be UTF-8 text");
}

ep_status ep__csv_parse(const char *text, size_t size, const char *path, ep_arena *arena,
                        uint32_t *n_rows, const ep__csv_row **rows, ep_error *err)
{
    if (size == 0) text = ""; /* of an empty file there is no mapping */
    parser p = {
        .at = text, .end = text + size, .line = 1, .path = path, .arena = arena, .err = err};
    ep_status status = refuse_zeros(&p);
    if (status == EP_OK) status = read_rows(&p);
    *n_rows = status == EP_OK ? p.n_rows : 0;
    *rows = status == EP_OK ? ep_arena_copy(arena, p.rows, p.n_rows * sizeof *p.rows) : NULL;
    if (status == EP_OK && !*rows) status = ep_fail_memory(err);
    free(p.fields);
    free(p.rows);
    return status;
}
