/* Private to report/: the sections of the report for people. */
#ifndef EP_REPORT_TABLE_H
#define EP_REPORT_TABLE_H

#include "report/columns.h"
#include "report/report.h"

/* "resnet50 on Jetson AGX Orin 64GB, batch 1, int8 (...)", and a line when there is no DLA. */
void ep__title_section(const ep_report *report, unsigned width, ep_text *out);

/* What the DLA refuses, grouped by rule, the rule that costs most MACs first; `full`: all layers,
 * values and hints. Nothing when the plan asked no DLA. Without a run (NULL) there are no times. */
ep_status ep__refusals_section(const ep_planned *planned, const ep_run *run, bool full,
                               unsigned width, ep_text *out, ep_error *err);

/* Operators that nobody models, after an empty line; nothing when there is none. */
void ep__plugins_section(const ep_layers *layers, unsigned width, ep_text *out);

/* One row a layer of the headline plan. */
ep_status ep__layers_section(const ep_report *report, unsigned width, ep_text *out, ep_error *err);

/* One row a kernel of the headline plan, with where its time goes; nothing when it runs in no mode.
 */
void ep__kernels_section(const ep_report *report, unsigned width, ep_text *out);

/* Adds "Pooling Max": type and function, or type and operator where the function has no name. */
void ep__type_cell(ep__columns *table, const ep_layer *layer);

#endif
