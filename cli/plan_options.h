/* Private to `plan` itself: its options, and what can be said about them before any file is read.
 */
#ifndef EP_CLI_PLAN_OPTIONS_H
#define EP_CLI_PLAN_OPTIONS_H

#include "cli/options.h"
#include "planner/planner.h"

/* Index of an option in ep__plan_options and in ep__args. */
enum {
    HW,
    SET,
    MODE_FILE,
    MODE,
    MODEL,
    STREAMS,
    SCENARIO,
    RATE,
    LATENCY_MS,
    COPIES,
    CPU_GBPS,
    PRECISION,
    CALIB,
    NO_TF32,
    STRATEGY,
    OBJECTIVE,
    DEADLINE_MS,
    MAX_POWER_W,
    MAX_SUBGRAPHS,
    BRANCHES,
    DLA,
    NO_FALLBACK,
    LAYER_DEVICES,
    LAYER_PRECISIONS,
    SAVE,
    LOAD,
    RETUNE,
    IO,
    BATCH,
    SHAPES,
    MIN_SHAPES,
    MAX_SHAPES,
    LEVEL,
    TIMINGS,
    PARETO,
    GOVERNOR,
    AMBIENT,
    HEATSINK,
    DURATION,
    TEGRASTATS,
    JSON,
    CSV,
    LAYERS,
    KERNELS,
    EXPLAIN,
    TRACE,
    GANTT,
    N_OPTIONS
};
_Static_assert(N_OPTIONS <= EP__MAX_OPTIONS, "room for every option");

extern const ep__option ep__plan_options[N_OPTIONS];

/* Several networks or engines at once. */
bool ep__plan_is_workload(const char *const *given);

/* Every strategy is asked for, by name or by none. */
bool ep__plan_is_all(const char *strategy);

/* Do those that were given go together? EP_BAD_USAGE. `given` is that of ep__args. */
ep_status ep__plan_options_check(const char *const *given, ep_error *err);

/* Those of planning, but for pins and timings. */
ep_status ep__plan_options_parse(const char *const *given, ep_plan_options *out, ep_error *err);

#endif
