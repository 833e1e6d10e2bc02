/* Private to cli/: what keeps a run below its clocks, a budget or heat. */
#ifndef EP_CLI_LIMITS_H
#define EP_CLI_LIMITS_H

#include "report/report.h"
#include "sim/sim.h"

/* As given; NULL: not given. */
typedef struct ep__limit_texts {
    const char *governor, *ambient, *heatsink, *duration, *tegrastats;
} ep__limit_texts;

typedef struct ep__limits {
    bool governor, heat;
    ep_heat_options heat_options; /* with `heat` */
} ep__limits;

ep_status ep__limits_parse(const ep__limit_texts *texts, const ep_machine *machine, ep__limits *out,
                           ep_error *err);

/* Adds to `run`, of `plan` in `mode`, what the limits make of it: replaces it by that of lower
 * clocks, and fills `out`, which lives in `arena`. */
ep_status ep__limits_apply(const ep__limits *limits, const ep_machine *machine,
                           const ep_planned *planned, const ep_mode *mode,
                           const ep_run_options *options, ep_arena *arena, ep_run *run,
                           ep_report_limited *out, ep_error *err);

#endif
