/* Private to report/: the sections of the report for people. */
#ifndef EP_REPORT_TABLE_H
#define EP_REPORT_TABLE_H

#include "report/columns.h"
#include "report/report.h"

/* What the DLA refuses, grouped by rule, the rule that costs most MACs first. Nothing when the
 * plan asked no DLA. */
ep_status ep__refusals_section(const ep_planned *planned, unsigned width, ep_text *out,
                               ep_error *err);

/* One row a layer of the headline plan. */
ep_status ep__layers_section(const ep_report *report, unsigned width, ep_text *out, ep_error *err);

/* Adds "Pooling Max": type and function, or type and operator where the function has no name. */
void ep__type_cell(ep__columns *table, const ep_layer *layer);

#endif
