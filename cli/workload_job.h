/* Private to cli/: a workload from its options to its figures. */
#ifndef EP_CLI_WORKLOAD_JOB_H
#define EP_CLI_WORKLOAD_JOB_H

#include "cli/lanes.h"
#include "cli/workload.h"

enum { EP__MOST_SPECS = 64, EP__MOST_LANES = 256 };

/* Zero-initialise but for the request. */
typedef struct ep__workload_job {
    const ep__workload_request *request;
    ep_arena *arena;
    bool chooses; /* somebody may run anywhere */
    uint32_t n_specs;
    ep__lane_spec specs[EP__MOST_SPECS];
    ep__model models[EP__MOST_SPECS];
    ep_planned *planned[EP__MOST_SPECS]; /* of specs whose device is given */
    ep_lane lanes[EP__MOST_LANES];
    ep_workload workload; /* without choice: of all modes */
    /* with choice: */
    ep_ways ways[EP__MOST_SPECS]; /* of the other specs */
    ep_placed_network networks[EP__MOST_LANES];
    ep_together_options wanted;
    /* per mode */
    ep_point *points;
    ep_workload *workloads;
    ep_workload_run *runs;
    ep_together *found;
    const char **cannot_run;
} ep__workload_job;

/* What --objective and `--streams auto` mean. */
ep_status ep__together_check(const ep__workload_request *request, ep_error *err);
bool ep__together_is_auto(const ep__workload_request *request);

/* Loads the networks of the specs and makes their ways; fills `networks` and `wanted`. The lanes
 * are there. */
ep_status ep__together_prepare(ep__workload_job *job, ep_error *err);
/* Loads one network at each batch that may suit it: `--streams auto`. */
ep_status ep__together_prepare_streams(ep__workload_job *job, ep_error *err);
/* EP_INFEASIBLE when nothing holds in any mode; the error says what is missing in the first. */
ep_status ep__together_verdict(const ep_report_workload *report, ep_error *err);

#endif
