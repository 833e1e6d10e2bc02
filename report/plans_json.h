/* Private to report/: parts of a plan as JSON, for every writer that has them. */
#ifndef EP_REPORT_PLANS_JSON_H
#define EP_REPORT_PLANS_JSON_H

#include "report/report.h"

/* The field `placement`. */
void ep__json_placement(ep_text *out, const ep_planned *planned, const ep_run *run);

/* The field `refused` of a layer; `verdict` is NULL when the DLA was not asked. */
void ep__json_refused(ep_text *out, const ep_verdict *verdict);

/* The field `tactic` of kernel `k` (EP_NO_INDEX: none); null where there is no choice of one: on
 * the DLA, and for views. */
void ep__json_tactic(ep_text *out, const ep_planned *planned, const ep_run *run, uint32_t k);

/* The field `kernels` of plan `p`, which runs in mode `m`: each with where its time goes. */
void ep__json_kernels(ep_text *out, const ep_report *report, uint32_t p, uint32_t m);

#endif
