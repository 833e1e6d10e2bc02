#include "report/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Decimals that leave three significant digits of a value that is rounded to them. */
static int decimals_for(double value)
{
    const double size = fabs(value);
    double below = 99.95; /* from here on, "%.1f" gives four digits */
    int decimals = 0;
    while (size < below && decimals < 6) {
        below /= 10;
        decimals++;
    }
    return decimals;
}

ep__number ep__round3(double value)
{
    ep__number number = {"-"};
    if (value == 0) return (ep__number){"0"};
    if (!isfinite(value) || fabs(value) >= 1e18) return number;
    (void)snprintf(number.text, sizeof number.text, "%.*f", decimals_for(value), value);
    return number;
}

ep__number ep__general(double value)
{
    ep__number number = {"-"};
    if (!isnan(value)) (void)snprintf(number.text, sizeof number.text, "%.4g", value);
    return number;
}

/* `value` in the largest of the `n` prefixes (each `step` times the one before) that leaves at
 * least one. */
static ep__number scaled(uint64_t value, double step, const char *const *prefixes, size_t n,
                         const char *unit)
{
    double shown = (double)value;
    size_t i = 0;
    while (shown >= step * 0.9995 && i + 1 < n) {
        shown /= step;
        i++;
    }
    ep__number number;
    (void)snprintf(number.text, sizeof number.text, "%.*f%s%s%s", i ? decimals_for(shown) : 0,
                   shown, *prefixes[i] || *unit ? " " : "", prefixes[i], unit);
    return number;
}

ep__number ep__count(uint64_t value, const char *unit)
{
    static const char *const prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
    return scaled(value, 1000, prefixes, sizeof prefixes / sizeof *prefixes, unit);
}

ep__number ep__bytes(uint64_t value)
{
    static const char *const prefixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
    return scaled(value, 1024, prefixes, sizeof prefixes / sizeof *prefixes, "B");
}

ep__number ep__percent(double part, double whole)
{
    const double percent = whole > 0 ? 100 * part / whole : 0;
    if (percent <= 0) return (ep__number){"0"};
    if (percent >= 100) return (ep__number){"100"};
    if (percent < 0.1) return (ep__number){"<0.1"};
    if (percent > 99.9) return (ep__number){">99.9"};
    ep__number number;
    (void)snprintf(number.text, sizeof number.text, "%.1f", percent);
    return number;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of the UTF-8 sequence at `s`, of at most `length`, and its code point; 0 when there is
 * none. */
static size_t sequence(const char *s, size_t length, uint32_t *code)
{
    static const uint32_t shortest[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
    const unsigned char lead = (unsigned char)s[0];
    *code = lead;
    if (lead < 0x80) return 1;
    const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || size > length) return 0;
    *code = lead & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (!is_continuation(s[i])) return 0;
        *code = *code << 6 | ((unsigned char)s[i] & 0x3Fu);
    }
    const bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < shortest[size] || *code > 0x10FFFF || surrogate ? 0 : size;
}

/* C0, DEL and C1: a terminal obeys some of them. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

void ep__clean(char *text, size_t length)
{
    for (size_t i = 0; i < length;) {
        uint32_t code;
        size_t size = sequence(text + i, length - i, &code);
        const bool good = text[i] == '\0' || (size > 0 && !is_control(code));
        if (size == 0) size = 1;
        if (!good) memset(text + i, '?', size);
        i += size;
    }
}

void ep__append_utf8(ep_text *out, const char *text, size_t length)
{
    size_t start = 0; /* of what is good and not yet appended */
    for (size_t i = 0; i < length;) {
        uint32_t code;
        const size_t size = sequence(text + i, length - i, &code);
        if (size == 0) {
            ep_text_append(out, text + start, i - start);
            ep_text_append(out, "\xEF\xBF\xBD", 3); /* U+FFFD, the replacement character */
            start = i + 1;
        }
        i += size ? size : 1;
    }
    ep_text_append(out, text + start, length - start);
}

size_t ep__width(const char *text)
{
    size_t width = 0;
    for (; *text; text++) width += !is_continuation(*text);
    return width;
}

/* The byte at which column `column` of clean text begins. */
static size_t byte_of(const char *text, size_t column)
{
    size_t i = 0;
    while (text[i] && (is_continuation(text[i]) || column-- > 0)) i++;
    return i;
}

size_t ep__append_cut(ep_text *out, const char *text, size_t width)
{
    const size_t length = strlen(text), needed = ep__width(text);
    if (needed <= width || width < 2) {
        ep_text_append(out, text, length);
        return needed;
    }
    const size_t head = (width - 1) / 2, tail = width - 1 - head;
    const size_t tail_byte = byte_of(text, needed - tail);
    ep_text_append(out, text, byte_of(text, head));
    ep_text_append(out, "\xE2\x80\xA6", 3); /* the ellipsis, one column */
    ep_text_append(out, text + tail_byte, length - tail_byte);
    return width;
}

void ep__append_plural(ep_text *out, uint32_t n, const char *noun)
{
    ep_text_printf(out, "%u %s%s", (unsigned)n, noun, n == 1 ? "" : "s");
}

/* Appends printable text, broken at spaces. */
static void append_wrapped(ep_text *out, size_t width, size_t indent, const char *text)
{
    const size_t lead = strspn(text, " ");
    ep_text_append(out, text, lead);
    size_t column = lead;
    const char *word = text + lead;
    for (bool first = true; *word; first = false) {
        const size_t length = strcspn(word, " ");
        size_t columns = 0;
        for (size_t i = 0; i < length; i++) columns += !is_continuation(word[i]);
        if (!first && width > 0 && column + 1 + columns > width) {
            column = lead + indent;
            ep_text_printf(out, "\n%*s", (int)column, "");
        } else if (!first) {
            ep_text_append(out, " ", 1);
            column++;
        }
        ep_text_append(out, word, length);
        column += columns;
        word += length + (word[length] == ' ');
    }
    ep_text_append(out, "\n", 1);
}

void ep__append_line(ep_text *out, unsigned width, unsigned indent, ep_text *line)
{
    if (line->failed) {
        ep_text_free(out);
        out->failed = true;
    } else if (line->length) {
        ep__clean(line->data, line->length);
        append_wrapped(out, width, indent, line->data);
    }
    ep_text_free(line);
}
