#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static bool reserve(ep_text *text, size_t more)
{
    if (text->failed) return false;
    const size_t needed = text->length + more + 1;
    if (needed <= text->capacity) return true;
    size_t capacity = text->capacity ? text->capacity * 2 : 256;
    if (capacity < needed) capacity = needed;
    char *data = realloc(text->data, capacity);
    if (!data) {
        ep_text_free(text);
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void ep_text_append(ep_text *text, const char *bytes, size_t length)
{
    if (!reserve(text, length)) return;
    if (length) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void ep_text_vprintf(ep_text *text, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    if (length >= 0 && reserve(text, (size_t)length)) {
        (void)vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void ep_text_printf(ep_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ep_text_vprintf(text, format, args);
    va_end(args);
}

void ep_text_free(ep_text *text)
{
    free(text->data);
    *text = (ep_text){0};
}

const char *ep_text_cstr(const ep_text *text)
{
    return text->data ? text->data : "";
}

/* The end of the digits at `text`; NULL when there are none. */
static const char *skip_digits(const char *text)
{
    const size_t n = strspn(text, "0123456789");
    return n > 0 ? text + n : NULL;
}

bool ep_number_parse(const char *text, double *out)
{
    const char *digits = text + (*text == '-');
    const char *at = skip_digits(digits);
    if (!at || (at > digits + 1 && *digits == '0')) return false;
    if (*at == '.') at = skip_digits(at + 1);
    if (at && (*at == 'e' || *at == 'E')) {
        at++;
        at = skip_digits(at + (*at == '+' || *at == '-'));
    }
    if (!at || *at) return false;
    *out = strtod(text, NULL); /* the program stays in the C locale */
    return true;
}

unsigned ep_edit_distance(const char *a, const char *b, unsigned limit)
{
    enum { LONGEST = 63 };
    const size_t na = strlen(a), nb = strlen(b);
    if (na > LONGEST || nb > LONGEST) return limit + 1;
    unsigned row[LONGEST + 1];
    for (unsigned j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            const unsigned replace = diagonal + (a[i - 1] != b[j - 1]);
            const unsigned gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = replace < gap ? replace : gap;
        }
    }
    return row[nb] > limit ? limit + 1 : row[nb];
}
