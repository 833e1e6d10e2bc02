/* Private to report/: parts of a plan as JSON, for every writer that has them. */
#ifndef EP_REPORT_PLANS_JSON_H
#define EP_REPORT_PLANS_JSON_H

#include "report/report.h"

/* The field `placement`. */
void ep__json_placement(ep_text *out, const ep_planned *planned, const ep_run *run);

/* The field `refused` of a layer; `verdict` is NULL when the DLA was not asked. */
void ep__json_refused(ep_text *out, const ep_verdict *verdict);

#endif
