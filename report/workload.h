/* Private to report/: the figures of a workload, one row a network or engine. */
#ifndef EP_REPORT_WORKLOAD_H
#define EP_REPORT_WORKLOAD_H

#include "report/report.h"

/* NAN: there is none. */
typedef struct ep__lane_figures {
    double images_per_s;
    double batch_ms; /* mean, of a batch from its first step */
    double p50_ms, p90_ms, p99_ms, max_ms;
    double late_pct; /* of what was asked for */
} ep__lane_figures;

/* Of lane `l`; `l` = n_lanes: of the one source that all lanes serve. */
ep__lane_figures ep__lane_figures_of(const ep_workload *workload, const ep_workload_run *run,
                                     uint32_t l);

/* Do all lanes serve one source? */
bool ep__is_shared(const ep_workload *workload);
/* What a lane runs on: its way, where one was chosen, else its device. */
const char *ep__lane_engine(const ep_lane *lane);
/* Of the first mode that runs: what does not depend on the mode. */
const ep_workload *ep__first_workload(const ep_report_workload *report);
/* "networks", or the name of the scenario. */
const char *ep__workload_kind(const ep_workload *workload);

/* ---- together.c ---------------------------------------------------------------------------- */

/* What was compared, and who cannot hold what was asked for; adds to the text or the object of a
 * mode. */
void ep__together_section(const ep_report_workload *report, unsigned width, ep_text *out);
void ep__together_json(ep_text *out, const ep_report_workload *report, uint32_t m);

#endif
