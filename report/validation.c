#include "report/validation.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ep__append_machine(ep_text *out, const ep_measurement *row)
{
    static const char suffix[] = ".yaml";
    const char *slash = strrchr(row->hw, '/');
    const char *name = slash ? slash + 1 : row->hw;
    size_t length = strlen(name);
    if (length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0) {
        length -= sizeof suffix - 1;
    }
    ep_text_append(out, name, length);
    ep_text_printf(out, "%s%s", *name && *row->mode ? " " : "", row->mode);
}

/* ---- figures ------------------------------------------------------------------------------- */

/* With so many decimals, and a sign if asked for; "-" for what is no figure to read. */
static ep__number fixed(double value, int decimals, bool sign)
{
    ep__number number = {"-"};
    if (!isfinite(value) || fabs(value) >= 1e18) return number;
    const bool zero = fabs(value) < 0.5 * pow(10, -decimals); /* never "-0.0" */
    (void)snprintf(number.text, sizeof number.text, sign && !zero ? "%+.*f" : "%.*f", decimals,
                   zero ? 0.0 : value);
    return number;
}

ep__number ep__fixed1(double percent)
{
    return fixed(percent, 1, false);
}

ep__number ep__signed1(double percent)
{
    return fixed(percent, 1, true);
}

const char *ep__group_title(uint32_t figure)
{
    static const char *const titles[EP__GROUP_FIGURES] = {"rows",  "predicted", "median |error| %",
                                                          "p90 %", "bias %",    "Spearman"};
    assert(figure < EP__GROUP_FIGURES);
    return titles[figure];
}

void ep__group_figures(const ep_validation_group *group, ep__number figures[EP__GROUP_FIGURES])
{
    figures[0] = fixed(group->rows, 0, false);
    figures[1] = fixed(group->predicted, 0, false);
    figures[2] = ep__fixed1(group->median_abs_pct);
    figures[3] = ep__fixed1(group->p90_abs_pct);
    figures[4] = ep__signed1(group->bias_pct);
    figures[5] = fixed(group->spearman, 3, false);
}

/* ---- reasons ------------------------------------------------------------------------------- */

typedef struct skipped_row {
    const char *reason;
    uint32_t row;
} skipped_row;

static int by_reason(const void *left, const void *right)
{
    const skipped_row *a = left, *b = right;
    const int order = strcmp(a->reason, b->reason);
    return order ? order : (a->row > b->row) - (a->row < b->row);
}

static int by_rows(const void *left, const void *right)
{
    const ep__reason *a = left, *b = right;
    if (a->n_rows != b->n_rows) return a->n_rows < b->n_rows ? 1 : -1;
    return (a->rows[0] > b->rows[0]) - (a->rows[0] < b->rows[0]);
}

/* Splits sorted rows where the reason changes. */
static void split(const skipped_row *skipped, uint32_t n, ep__reasons *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(skipped[i - 1].reason, skipped[i].reason) != 0) {
            out->items[out->n++] = (ep__reason){.text = skipped[i].reason, .rows = out->rows + i};
        }
        out->rows[i] = skipped[i].row;
        out->items[out->n - 1].n_rows++;
    }
    if (out->n) qsort(out->items, out->n, sizeof *out->items, by_rows);
}

ep_status ep__reasons_of(const ep_validation *validation, uint32_t group, ep__reasons *out,
                         ep_error *err)
{
    const ep_validation_group *of = &validation->groups[group];
    const size_t room = (size_t)of->rows + 1; /* calloc may answer NULL to a size of 0 */
    *out = (ep__reasons){.items = calloc(room, sizeof *out->items),
                         .rows = calloc(room, sizeof *out->rows)};
    skipped_row *skipped = calloc(room, sizeof *skipped);
    if (!skipped || !out->items || !out->rows) {
        free(skipped);
        return ep_fail_memory(err);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < of->rows; i++) {
        const uint32_t row = of->members[i];
        const char *reason = validation->predictions[row].skipped;
        if (reason) skipped[n++] = (skipped_row){.reason = reason, .row = row};
    }
    if (n) qsort(skipped, n, sizeof *skipped, by_reason);
    split(skipped, n, out);
    free(skipped);
    return EP_OK;
}

void ep__reasons_free(ep__reasons *reasons)
{
    free(reasons->items);
    free(reasons->rows);
    *reasons = (ep__reasons){0};
}
