/* Private to report/: what the writers of `plan check` share. */
#ifndef EP_REPORT_CHECK_H
#define EP_REPORT_CHECK_H

#include "report/report.h"

/* "no", "unknown", "dense", "yes" */
const char *ep__sparsity_name(const ep_sparsity *sparsity);

/* The layer was asked onto the DLA and runs on the GPU. */
bool ep__is_fallback(const ep_planned *planned, uint32_t layer);

/* Time of each subgraph's kernels. NULL when out of memory; the caller's. */
double *ep__subgraph_ns(const ep_plan *plan, const ep_run *run);

/* The figures of a row that has no error, as fields of the object that is open. */
void ep__json_check_figures(ep_text *out, const ep_report_check_row *row);

/* What hints would win; nothing where they were not ranked. */
void ep__ranking_section(const ep_report_check *check, unsigned width, ep_text *out);
void ep__json_ranking(ep_text *out, const ep_ranking *ranking);

#endif
