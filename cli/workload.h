/* Private to cli/: several networks or engines at the same time, for `plan`. */
#ifndef EP_CLI_WORKLOAD_H
#define EP_CLI_WORKLOAD_H

#include "cli/model.h"
#include "cli/options.h"
#include "report/report.h"

/* What was given, or NULL. */
typedef struct ep__workload_request {
    const ep_machine *machine;
    uint32_t n_modes;
    const ep_mode *const *modes;
    ep_plan_options plan_options;
    const char *model; /* the operand */
    ep__values models; /* --model */
    ep__model_options model_options;
    const char *streams, *scenario, *objective, *rate, *latency_ms, *cpu_gbps;
    bool copies, json, csv, gantt;
    const char *trace;
    unsigned width;
} ep__workload_request;

/* What can be said before any file is read. */
ep_status ep__workload_check(const ep__workload_request *request, ep_error *err);

/* Plans, simulates and reports. */
ep_status ep__workload_report(const ep__workload_request *request, ep_text *out, ep_error *err);

/* One run of a plan: writes `trace` (NULL: none) and appends the chart when `gantt`. */
ep_status ep__workload_show(const ep__workload_request *request, const ep_workload *workload,
                            const ep_mode *mode, ep_text *out, ep_error *err);

#endif
