/* Private to report/: numbers, names and lines as people read them. */
#ifndef EP_REPORT_FORMAT_H
#define EP_REPORT_FORMAT_H

#include "base/base.h"

/* A short text returned by value: `ep__round3(x).text` lives as long as the expression it is in. */
typedef struct ep__number {
    char text[32];
} ep__number;

/* At least three significant digits, without an exponent: "0.00123", "12.3", "1641"; "-" when the
 * value is not finite. */
ep__number ep__round3(double value);
/* Four significant digits, with an exponent where that is shorter: "0.1234", "1.2e-07", "inf"; "-"
 * for NAN. */
ep__number ep__general(double value);
/* Exact below a thousand, else three significant digits and a prefix: "512", "4.09 GMACs". `unit`
 * may be "". */
ep__number ep__count(uint64_t value, const char *unit);
/* The same with binary prefixes: "25.6 MiB". */
ep__number ep__bytes(uint64_t value);
/* `part` of `whole` in percent: "0", "<0.1", "12.3", ">99.9", "100": never rounded to none or all.
 */
ep__number ep__percent(double part, double whole);

/* Makes text printable in place: control characters and bytes that are not UTF-8 become '?'. Zeros
 * stay, so the bytes may be several texts, each terminated. */
void ep__clean(char *text, size_t length);
/* Appends text, with U+FFFD for each byte that is not UTF-8. */
void ep__append_utf8(ep_text *out, const char *text, size_t length);
/* Columns that clean text takes: its code points. */
size_t ep__width(const char *text);
/* Appends clean text; where it takes more than `width` columns, its middle makes room for "...".
 * Returns the columns it took. */
size_t ep__append_cut(ep_text *out, const char *text, size_t width);

/* Appends "1 layer", "2 layers". */
void ep__append_plural(ep_text *out, uint32_t n, const char *noun);

/* Appends `line`, made printable, and a newline, and empties `line`. Lines longer than `width` (0:
 * none is) break at spaces; what follows a break is indented by `indent` columns more than the line
 * itself. */
void ep__append_line(ep_text *out, unsigned width, unsigned indent, ep_text *line);

#endif
