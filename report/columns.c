#include "report/columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "report/format.h"

/* Between columns. */
enum { GAP = 2 };

/* Names are cut no further than to this; the table is too wide then. */
enum { SHORTEST_NAME = 16 };

/* A name in a file can be as long as the file, and its column is as wide in every row: so much is
 * shown without a terminal. */
enum { LONGEST_NAME = 120 };

void ep__cell(ep__columns *columns, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    ep_text_vprintf(&columns->cells, format, args);
    va_end(args);
    ep_text_append(&columns->cells, "", 1);
}

static uint32_t widest_name(const ep__columns *columns, const size_t *widths)
{
    uint32_t widest = EP_NO_INDEX;
    for (uint32_t c = 0; c < columns->n; c++) {
        if (columns->align[c] != EP__NAME || widths[c] <= SHORTEST_NAME) continue;
        if (widest == EP_NO_INDEX || widths[c] > widths[widest]) widest = c;
    }
    return widest;
}

/* Natural widths, then the widest name gives way until the table fits. */
static void measure(const ep__columns *columns, unsigned width, size_t *widths)
{
    const char *cell = columns->cells.data;
    const char *const end = cell + columns->cells.length;
    for (uint32_t c = 0; cell < end; c = (c + 1) % columns->n, cell += strlen(cell) + 1) {
        size_t w = ep__width(cell);
        if (columns->align[c] == EP__NAME && w > LONGEST_NAME) w = LONGEST_NAME;
        if (w > widths[c]) widths[c] = w;
    }
    if (width == 0) return;
    size_t total = (size_t)GAP * (columns->n - 1);
    for (uint32_t c = 0; c < columns->n; c++) total += widths[c];
    for (; total > width; total--) {
        const uint32_t c = widest_name(columns, widths);
        if (c == EP_NO_INDEX) return;
        widths[c]--;
    }
}

static void append_spaces(ep_text *out, size_t n)
{
    ep_text_printf(out, "%*s", (int)n, "");
}

static void render(const ep__columns *columns, const size_t *widths, ep_text *out)
{
    const char *cell = columns->cells.data;
    const char *const end = cell + columns->cells.length;
    size_t pending = 0; /* spaces that are written only if something follows them */
    for (uint32_t c = 0; cell < end; c = (c + 1) % columns->n, cell += strlen(cell) + 1) {
        const size_t natural = ep__width(cell);
        const size_t shown = natural < widths[c] ? natural : widths[c];
        const size_t padding = widths[c] - shown;
        if (columns->align[c] == EP__RIGHT) pending += padding;
        if (*cell) {
            append_spaces(out, pending);
            (void)ep__append_cut(out, cell, widths[c]);
            pending = 0;
        }
        if (columns->align[c] != EP__RIGHT) pending += padding;
        pending += GAP;
        if (c + 1 < columns->n) continue;
        ep_text_append(out, "\n", 1);
        pending = 0;
    }
}

void ep__columns_end(ep__columns *columns, unsigned width, ep_text *out)
{
    assert(columns->n > 0);
    size_t *widths = calloc(columns->n, sizeof *widths);
    if (!widths || columns->cells.failed) {
        ep_text_free(out);
        out->failed = true;
    } else if (columns->cells.length) {
        ep__clean(columns->cells.data, columns->cells.length);
        measure(columns, width, widths);
        render(columns, widths, out);
    }
    free(widths);
    ep_text_free(&columns->cells);
}
