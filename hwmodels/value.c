#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hwmodels/reader.h"

/* The precisions only bound the result: keys come from our tables and are shorter. */
ep__path ep__path_key(const ep__path *prefix, const char *key)
{
    ep__path path;
    (void)snprintf(path.text, sizeof path.text, "%.80s%s%.40s", prefix->text,
                   prefix->text[0] ? "." : "", key);
    return path;
}

ep__path ep__path_item(const ep__path *prefix, uint32_t index)
{
    ep__path path;
    (void)snprintf(path.text, sizeof path.text, "%.100s[%u]", prefix->text, index);
    return path;
}

ep_status ep__fail_value(const ep__reader *reader, const ep__path *path, const ep__yaml *value,
                         const char *format, ...)
{
    char what[900];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return ep__fail_at(reader->err, value->file, value->line, value->column, "%s%s%s", path->text,
                       path->text[0] ? ": " : "", what);
}

ep__words ep__value_words(const ep__yaml *value)
{
    ep__words words;
    if (value->kind == EP__YAML_LIST) {
        (void)snprintf(words.text, sizeof words.text, "a list of %u", value->n);
    } else if (value->kind == EP__YAML_MAP) {
        (void)snprintf(words.text, sizeof words.text, "a mapping");
    } else if (value->text[0] == '\0' && !value->quoted) {
        (void)snprintf(words.text, sizeof words.text, "empty");
    } else {
        (void)snprintf(words.text, sizeof words.text, "%s'%.40s'", value->quoted ? "the text " : "",
                       value->text);
    }
    return words;
}

static ep_status fail_kind(const ep__reader *reader, const ep__path *path, const ep__field *field,
                           const ep__yaml *value)
{
    const ep__words bounds = ep__bounds_words(field), is = ep__value_words(value);
    return ep__fail_value(reader, path, value, "wants %s%s%s, is %s", ep__kind_words(field->kind),
                          bounds.text[0] ? " " : "", bounds.text, is.text);
}

static ep_status fail_bounds(const ep__reader *reader, const ep__path *path, const ep__field *field,
                             const ep__yaml *value)
{
    const ep__words bounds = ep__bounds_words(field);
    return ep__fail_value(reader, path, value, "allowed %s, is %.40s", bounds.text, value->text);
}

/* ---- scalars ------------------------------------------------------------------------------- */

/* The end of the decimal digits at `text`; NULL when there are none, or a leading zero that YAML
 * 1.1 would take for octal. */
static const char *skip_digits(const char *text)
{
    const size_t n = strspn(text, "0123456789");
    return n == 0 || (n > 1 && text[0] == '0') ? NULL : text + n;
}

static bool is_plain(const ep__yaml *value)
{
    return value->kind == EP__YAML_SCALAR && !value->quoted;
}

static ep_status read_number(const ep__reader *reader, const ep__path *path, const ep__field *field,
                             const ep__yaml *value, double *out)
{
    double number;
    if (!is_plain(value) || !ep_number_parse(value->text, &number)) {
        return fail_kind(reader, path, field, value);
    }
    if (!(number >= field->min && number <= field->max)) { /* infinity too */
        return fail_bounds(reader, path, field, value);
    }
    *out = number;
    return EP_OK;
}

static ep_status read_integer(const ep__reader *reader, const ep__path *path,
                              const ep__field *field, const ep__yaml *value, int64_t *out)
{
    const char *end = is_plain(value) ? skip_digits(value->text + (value->text[0] == '-')) : NULL;
    if (!end || *end) return fail_kind(reader, path, field, value);
    errno = 0;
    const long long number = strtoll(value->text, NULL, 10);
    if (errno || (double)number < field->min || (double)number > field->max) {
        return fail_bounds(reader, path, field, value);
    }
    *out = number;
    return EP_OK;
}

static ep_status read_bytes(const ep__reader *reader, const ep__path *path, const ep__field *field,
                            const ep__yaml *value, uint64_t *out)
{
    static const struct {
        const char *suffix;
        uint64_t bytes;
    } units[] = {{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
    const char *end = is_plain(value) ? skip_digits(value->text) : NULL;
    if (!end) return fail_kind(reader, path, field, value);
    end += *end == ' ';
    uint64_t unit = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].suffix) == 0) unit = units[i].bytes;
    }
    if (unit == 0) return fail_kind(reader, path, field, value);
    errno = 0;
    uint64_t bytes;
    if (ep_mul_overflows(strtoull(value->text, NULL, 10), unit, &bytes) || errno ||
        (double)bytes < field->min || (double)bytes > field->max) {
        return fail_bounds(reader, path, field, value);
    }
    *out = bytes;
    return EP_OK;
}

static ep_status read_bool(const ep__reader *reader, const ep__path *path, const ep__field *field,
                           const ep__yaml *value, bool *out)
{
    const bool is_true = is_plain(value) && strcmp(value->text, "true") == 0;
    if (!is_true && !(is_plain(value) && strcmp(value->text, "false") == 0)) {
        return fail_kind(reader, path, field, value);
    }
    *out = is_true;
    return EP_OK;
}

static ep_status read_prose(const ep__reader *reader, const ep__path *path, const ep__field *field,
                            const ep__yaml *value)
{
    const bool said = value->kind == EP__YAML_SCALAR && value->text[strspn(value->text, " \n")];
    return said ? EP_OK : fail_kind(reader, path, field, value);
}

static ep_status read_text(const ep__reader *reader, const ep__path *path, const ep__field *field,
                           const ep__yaml *value, const char **out)
{
    EP_TRY(read_prose(reader, path, field, value));
    const size_t length = strlen(value->text);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)value->text[i];
        if (c < 0x20 || c == 0x7f) return fail_kind(reader, path, field, value);
    }
    if ((double)length > field->max) return fail_bounds(reader, path, field, value);
    *out = value->text; /* the tree lives in the machine's arena */
    return EP_OK;
}

static ep_status read_rail(const ep__reader *reader, const ep__path *path, const ep__field *field,
                           const ep__yaml *value, uint32_t *out)
{
    EP_TRY(read_prose(reader, path, field, value));
    const ep_machine *machine = reader->machine;
    ep_text names = {0};
    for (uint32_t i = 0; i < machine->n_rails; i++) {
        if (strcmp(machine->rails[i].name, value->text) == 0) {
            *out = i;
            ep_text_free(&names);
            return EP_OK;
        }
        ep_text_printf(&names, "%s%s", i ? ", " : "", machine->rails[i].name);
    }
    const ep_status status = ep__fail_value(reader, path, value, "no rail '%.64s'; rails has %s",
                                            value->text, ep_text_cstr(&names));
    ep_text_free(&names);
    return status;
}

/* ---- pairs --------------------------------------------------------------------------------- */

static ep_status read_range(const ep__reader *reader, const ep__path *path, const ep__field *field,
                            const ep__yaml *value, ep_range *out)
{
    if (value->kind != EP__YAML_LIST || value->n != 2) return fail_kind(reader, path, field, value);
    ep_range range;
    EP_TRY(read_integer(reader, path, field, value->first, &range.min));
    EP_TRY(read_integer(reader, path, field, value->first->next, &range.max));
    if (range.min > range.max) {
        return ep__fail_value(reader, path, value, "[%lld, %lld]: the minimum exceeds the maximum",
                              (long long)range.min, (long long)range.max);
    }
    *out = range;
    return EP_OK;
}

static ep_status read_voltage_point(const ep__reader *reader, const ep__path *path,
                                    const ep__field *field, const ep__yaml *pair,
                                    ep_voltage_point *out)
{
    static const ep__field clock = {.kind = EP__NUMBER, .min = 1, .max = 20000};
    if (pair->kind != EP__YAML_LIST || pair->n != 2) return fail_kind(reader, path, field, pair);
    const ep__field volt = {.kind = EP__NUMBER, .min = field->min, .max = field->max};
    EP_TRY(read_number(reader, path, &clock, pair->first, &out->clock_mhz));
    return read_number(reader, path, &volt, pair->first->next, &out->volt);
}

static ep_status read_curve(const ep__reader *reader, const ep__path *path, const ep__field *field,
                            const ep__yaml *value, ep_voltage_curve *out)
{
    enum { POINTS_MAX = 64 };
    if (value->kind != EP__YAML_LIST || value->n == 0) return fail_kind(reader, path, field, value);
    if (value->n > POINTS_MAX) {
        return ep__fail_value(reader, path, value, "allowed 1..%d points, is %u", POINTS_MAX,
                              value->n);
    }
    ep_voltage_point *points = EP_NEW(reader->machine->arena, ep_voltage_point, value->n);
    if (!points) return ep_fail_memory(reader->err);
    uint32_t i = 0;
    for (const ep__yaml *pair = value->first; pair; pair = pair->next, i++) {
        const ep__path item = ep__path_item(path, i);
        EP_TRY(read_voltage_point(reader, &item, field, pair, &points[i]));
        if (i > 0 && (points[i].clock_mhz <= points[i - 1].clock_mhz ||
                      points[i].volt < points[i - 1].volt)) {
            return ep__fail_value(reader, &item, pair,
                                  "clocks must ascend and volts not fall: [%.12g, %.12g] follows "
                                  "[%.12g, %.12g]",
                                  points[i].clock_mhz, points[i].volt, points[i - 1].clock_mhz,
                                  points[i - 1].volt);
        }
    }
    *out = (ep_voltage_curve){.n = value->n, .points = points};
    return EP_OK;
}

ep_status ep__read_value(const ep__reader *reader, const ep__path *path, const ep__field *field,
                         const ep__yaml *value, void *out)
{
    switch (field->kind) {
    case EP__INTEGER: return read_integer(reader, path, field, value, out);
    case EP__NUMBER: return read_number(reader, path, field, value, out);
    case EP__BYTES: return read_bytes(reader, path, field, value, out);
    case EP__BOOL: return read_bool(reader, path, field, value, out);
    case EP__TEXT: return read_text(reader, path, field, value, out);
    case EP__PROSE: return read_prose(reader, path, field, value);
    case EP__RANGE: return read_range(reader, path, field, value, out);
    case EP__CURVE: return read_curve(reader, path, field, value, out);
    case EP__RAIL: return read_rail(reader, path, field, value, out);
    case EP__PARENTS: return EP_OK; /* are merged already */
    case EP__BLOCK:
    case EP__LIST: break;
    }
    assert(false); /* the caller takes those apart */
    return EP_BAD_HARDWARE;
}
