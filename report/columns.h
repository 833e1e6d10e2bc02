/* Private to report/: a table of text in aligned columns. */
#ifndef EP_REPORT_COLUMNS_H
#define EP_REPORT_COLUMNS_H

#include "base/base.h"

typedef enum ep__align {
    EP__LEFT,
    EP__RIGHT,
    EP__NAME, /* left; cut in the middle where the table is too wide */
} ep__align;

/* Cells are added row by row, the first row being the titles. */
typedef struct ep__columns {
    uint32_t n;
    const ep__align *align; /* per column */
    ep_text cells;          /* each terminated */
} ep__columns;

void ep__cell(ep__columns *columns, const char *format, ...) EP_PRINTF(2, 3);

/* Appends the table, at most `width` columns wide if its names can be cut so far (0: as wide as
 * needed), and frees the cells. Running out of memory shows in `out->failed`. */
void ep__columns_end(ep__columns *columns, unsigned width, ep_text *out);

#endif
