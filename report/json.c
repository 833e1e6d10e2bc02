#include "report/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/format.h"

/* What precedes a value: a comma unless it is the first of its array or object, and its key. Keys
 * are our own words: nothing in them needs an escape. */
static void begin_value(ep_text *out, const char *key)
{
    const char last = out->length ? out->data[out->length - 1] : '\n';
    if (!strchr("{[\n", last)) ep_text_append(out, ",", 1);
    if (!key) return;
    ep_text_append(out, "\"", 1);
    ep_text_append(out, key, strlen(key));
    ep_text_append(out, "\":", 2);
}

void ep__json_open(ep_text *out, const char *key, char bracket)
{
    begin_value(out, key);
    ep_text_append(out, &bracket, 1);
}

void ep__json_close(ep_text *out, char bracket)
{
    ep_text_append(out, &bracket, 1);
}

/* Bytes at `text` that need no escape. */
static size_t plain_length(const char *text)
{
    size_t n = 0;
    while ((unsigned char)text[n] >= 0x20 && text[n] != '"' && text[n] != '\\') n++;
    return n;
}

void ep__json_text(ep_text *out, const char *key, const char *text)
{
    begin_value(out, key);
    ep_text_append(out, "\"", 1);
    for (;;) {
        const size_t plain = plain_length(text);
        ep__append_utf8(out, text, plain);
        text += plain;
        if (!*text) break;
        const unsigned char c = (unsigned char)*text++;
        ep_text_printf(out, c < 0x20 ? "\\u%04x" : "\\%c", c);
    }
    ep_text_append(out, "\"", 1);
}

void ep__json_number(ep_text *out, const char *key, double value)
{
    if (!isfinite(value)) {
        ep__json_null(out, key);
        return;
    }
    begin_value(out, key);
    /* no prediction is better, and so few digits are the same wherever it was computed */
    ep_text_printf(out, "%.6g", value);
}

void ep__json_integer(ep_text *out, const char *key, uint64_t value)
{
    begin_value(out, key);
    ep_text_printf(out, "%" PRIu64, value);
}

void ep__json_bool(ep_text *out, const char *key, bool value)
{
    begin_value(out, key);
    ep_text_printf(out, "%s", value ? "true" : "false");
}

void ep__json_null(ep_text *out, const char *key)
{
    begin_value(out, key);
    ep_text_append(out, "null", 4);
}
