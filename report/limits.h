/* Private to report/: clocks that a budget or heat lowered. */
#ifndef EP_REPORT_LIMITS_H
#define EP_REPORT_LIMITS_H

#include "report/report.h"

/* A line a run whose clocks were lowered for its budget, and to what. */
void ep__governor_section(const ep_report *report, unsigned width, ep_text *out);
/* A blank line and a table: burst, sustained, when it throttles. Nothing when it was not asked. */
void ep__heat_section(const ep_report *report, unsigned width, ep_text *out);
/* "governor" and "heat" of a plan in a mode, what of it was asked. */
void ep__json_limited(ep_text *out, const ep_report *report, uint32_t p, uint32_t m);

#endif
