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
/* "networks", or the name of the scenario. */
const char *ep__workload_kind(const ep_workload *workload);

#endif
