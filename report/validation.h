/* Private to report/: what the reports of a validation share. */
#ifndef EP_REPORT_VALIDATION_H
#define EP_REPORT_VALIDATION_H

#include "report/format.h"
#include "report/report.h"

/* Appends "orin-agx 30W"; nothing where the row names no machine. */
void ep__append_machine(ep_text *out, const ep_measurement *row);

/* "12.3"; with its sign "+12.3", "-4.0", "0.0". "-" when not finite or as long as a sentence. */
ep__number ep__fixed1(double percent);
ep__number ep__signed1(double percent);

/* What a table of groups says about each after its name. */
enum { EP__GROUP_FIGURES = 6 };
const char *ep__group_title(uint32_t figure);
void ep__group_figures(const ep_validation_group *group, ep__number figures[EP__GROUP_FIGURES]);

/* Rows that are not predicted for one reason, as in the file. */
typedef struct ep__reason {
    const char *text;
    uint32_t n_rows;
    const uint32_t *rows;
} ep__reason;

typedef struct ep__reasons {
    uint32_t n;
    ep__reason *items; /* most rows first, then as in the file */
    uint32_t *rows;    /* those of the items */
} ep__reasons;

/* Why rows of a group are not predicted. To be freed after a failure too. */
ep_status ep__reasons_of(const ep_validation *validation, uint32_t group, ep__reasons *out,
                         ep_error *err);
void ep__reasons_free(ep__reasons *reasons);

#endif
