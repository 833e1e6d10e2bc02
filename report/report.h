/* report: how does a person or a program see it?
 *
 * Everything a report shows is in one ep_report, gathered by the caller; the writers only format.
 * They append to an ep_text; nothing is printed here. Names come from files: writers for people
 * replace what is not printable by '?', writers for programs what is not UTF-8 by U+FFFD.
 */
#ifndef EP_REPORT_H
#define EP_REPORT_H

#include "base/base.h"
#include "graph/graph.h"
#include "hwmodels/hwmodels.h"
#include "planner/planner.h"
#include "sim/sim.h"
#include "study/study.h"

/* What a budget or heat made of a run. */
typedef struct ep_report_limited {
    const ep_clock_level *levels;
    uint32_t level;  /* at which it runs; 0: the clocks of the mode */
    double wanted_w; /* at level 0 */
    bool has_heat;
    ep_heat heat;
} ep_report_limited;

/* One strategy: its plan, and its runs in every mode shown. */
typedef struct ep_report_plan {
    const ep_planned *planned;
    const ep_run *runs;            /* per mode of the report */
    const char *const *cannot_run; /* per mode: NULL, or why the plan cannot run in it; its run is
                                      not read then. NULL: it runs in every mode */
    const ep_report_limited *limited; /* per mode, as its run; NULL: no limit was asked for */
    ep_footprint footprint;
    /* per mode, where each has a plan of its own (NULL: none could be made); NULL: all have the one
       above. That is then the plan of the first mode that it runs in */
    const ep_planned *const *planned_in;
    const ep_footprint *footprint_in;
} ep_report_plan;

/* Where a plan comes from that was not made now. */
typedef struct ep_report_loaded {
    const ep_plan_file *file;
    bool retuned;       /* its tactics were searched anew */
    bool other_weights; /* the network is the file's, the ONNX file is not */
} ep_report_loaded;

typedef struct ep_report {
    const ep_machine *machine;
    const ep_layers *layers;
    int64_t batch;
    ep_precision_choice precision;
    ep_dla_choice dla;
    uint32_t n_modes;
    const ep_mode *const *modes;
    uint32_t n_plans;
    const ep_report_plan *plans; /* the headline last: the table's rows are in this order */
    bool show_layers, show_kernels;
    bool governor;                       /* runs are at clocks within the budget of their mode */
    const ep_heat_options *heat_options; /* NULL: not asked for */
    const ep_report_loaded *loaded;      /* NULL: the plans were made now */
} ep_report;

/* For people, at most `width` columns where names can be cut (0: no terminal, as wide as needed):
 * a title, a placement line, the refusals grouped by rule, a table of modes and strategies, memory;
 * with show_layers a table of layers, with show_kernels one of kernels. Placement, refusals, memory
 * and layers are those of the headline plan, times those of the first mode that it runs in. */
ep_status ep_report_table(const ep_report *report, unsigned width, ep_text *out, ep_error *err);
/* For programs: docs/json.md. */
ep_status ep_report_json(const ep_report *report, ep_text *out, ep_error *err);
/* One row a mode and strategy, a header first. */
ep_status ep_report_csv(const ep_report *report, ep_text *out, ep_error *err);

/* A line a second of the headline plan, in the first mode that it runs in, as the board's
 * tegrastats prints them. With heat_options only. */
ep_status ep_report_tegrastats(const ep_report *report, ep_text *out, ep_error *err);

/* `plan --explain`: what a layer costs elsewhere in mode `m`, and what that makes of the headline
 * plan. */
ep_status ep_report_alternatives(const ep_report *report, uint32_t m, uint32_t layer,
                                 const ep_alternative *alternatives, uint32_t n, unsigned width,
                                 ep_text *out, ep_error *err);

/* `plan inspect`: layers with type, shapes, MACs, parameters, elements, and the totals. */
ep_status ep_report_inspect(const ep_layers *layers, unsigned width, ep_text *out, ep_error *err);
ep_status ep_report_inspect_json(const ep_layers *layers, ep_text *out, ep_error *err);

/* `plan hw list`: a row a machine, below them why some cannot be loaded. */
ep_status ep_report_hw_list(const ep_catalog *catalog, unsigned width, ep_text *out, ep_error *err);
ep_status ep_report_hw_list_json(const ep_catalog *catalog, ep_text *out, ep_error *err);

/* `plan hw show`: the machine, and for each of `n` modes units, clocks and derived figures. */
ep_status ep_report_hw_show(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                            unsigned width, ep_text *out, ep_error *err);
ep_status ep_report_hw_show_json(const ep_machine *machine, const ep_mode *const *modes, uint32_t n,
                                 ep_text *out, ep_error *err);

/* `plan hw check`: a line that says ok, or names the claims that do not hold. */
ep_status ep_report_hw_check(const ep_machine *machine, const ep_claim *claims, uint32_t n,
                             ep_text *out, ep_error *err);

/* `plan show`: what a plan file is of, its figures, a table of kernels. */
ep_status ep_report_plan_file(const ep_plan_file *file, unsigned width, ep_text *out,
                              ep_error *err);
/* `plan diff`: what the plans were made of where that differs, all figures, layers that differ. */
ep_status ep_report_plan_diff(const ep_plan_file *a, const ep_plan_file *b,
                              const ep_plan_file_diff *diff, unsigned width, ep_text *out,
                              ep_error *err);
ep_status ep_report_plan_diff_json(const ep_plan_file *a, const ep_plan_file *b,
                                   const ep_plan_file_diff *diff, ep_text *out, ep_error *err);

/* ---- `plan check` -------------------------------------------------------------------------- */

/* One model on one machine in one mode. */
typedef struct ep_report_check {
    const ep_machine *machine;
    const ep_mode *mode;
    const ep_layers *layers;
    int64_t batch;
    ep_precision_choice precision;
    ep_dla_choice dla;
    const ep_planned *planned; /* greedy; gpu on a machine without DLA */
    const ep_run *run;         /* of it */
    const ep_run *gpu_run;     /* everything on the GPU */
    uint32_t n_advice;
    const ep_advice *advice;
    uint32_t n_boundaries;
    const ep_boundary *boundaries;
    const ep_sparsity *sparsity; /* per layer */
    const ep_ranking *ranking;   /* of hints; NULL: they were not ranked */
    bool full;                   /* for people: all names, not the first few */
} ep_report_check;

/* For people: verdict, refusals, advice, formats at the boundaries. */
ep_status ep_report_check_table(const ep_report_check *check, unsigned width, ep_text *out,
                                ep_error *err);
/* For programs: docs/json.md. */
ep_status ep_report_check_json(const ep_report_check *check, ep_text *out, ep_error *err);
/* A header and a row a layer. */
ep_status ep_report_check_csv(const ep_report_check *check, ep_text *out, ep_error *err);
/* Of several models, a row each: model, layers, share on the DLA, subgraphs, fallbacks, times. */
typedef struct ep_report_check_row {
    const char *model;
    const char *error; /* why there is no check; NULL: there is */
    uint32_t layers, layers_dla, subgraphs, fallbacks, transitions;
    double macs_dla_pct, time_dla_pct, latency_ms, gpu_latency_ms;
    double fallback_ms;        /* GPU time of the fallbacks, and of the reformats of transitions */
    const char *first_refusal; /* id of the rule that refuses most MACs; NULL: none */
} ep_report_check_row;
/* What the verdict is made of, for rows and gates. */
ep_report_check_row ep_report_check_row_of(const ep_report_check *check);
ep_status ep_report_check_rows(const ep_report_check_row *rows, uint32_t n, unsigned width,
                               ep_text *out, ep_error *err);
ep_status ep_report_check_rows_json(const ep_report_check_row *rows, uint32_t n, ep_text *out,
                                    ep_error *err);
ep_status ep_report_check_rows_csv(const ep_report_check_row *rows, uint32_t n, ep_text *out,
                                   ep_error *err);
/* `plan check --explain`: one layer, every rule in order with its verdict, then what combinations
 * did to it. */
ep_status ep_report_explain(const ep_report_check *check, uint32_t layer, const ep_trial *trials,
                            uint32_t n, unsigned width, ep_text *out, ep_error *err);
/* `plan rules`: all rules with the numbers of a machine. */
ep_status ep_report_rules(const ep_machine *machine, unsigned width, ep_text *out, ep_error *err);
/* docs/dla-rules.md: all rules, and what differs between `machines`, one a DLA software version. */
ep_status ep_report_rules_markdown(const ep_machine *const *machines, uint32_t n, ep_text *out,
                                   ep_error *err);

/* ---- everything at once -------------------------------------------------------------------- */

/* A workload in every mode shown. */
typedef struct ep_report_workload {
    const ep_machine *machine;
    uint32_t n_modes;
    const ep_mode *const *modes;
    const ep_workload *workloads;      /* per mode; of a mode that cannot run it is not read */
    const ep_workload_run *runs;       /* per mode */
    const char *const *cannot_run;     /* per mode: NULL, or why; at least one mode runs */
    const ep_together_options *wanted; /* NULL: nothing was chosen */
    const ep_together *found;          /* per mode: what was */
} ep_report_workload;

/* For people: a row a network or engine in each mode, then a row a mode with its units. */
ep_status ep_report_workload_table(const ep_report_workload *report, unsigned width, ep_text *out,
                                   ep_error *err);
/* For programs: docs/json.md. */
ep_status ep_report_workload_json(const ep_report_workload *report, ep_text *out, ep_error *err);
/* A header and a row a network or engine in each mode. */
ep_status ep_report_workload_csv(const ep_report_workload *report, ep_text *out, ep_error *err);

/* Appends which networks and units cannot hold what was asked for in mode `m`, and by how much; one
 * line, without a newline; nothing when all hold. */
void ep_report_misses(const ep_report_workload *report, uint32_t m, ep_text *out);

/* What happened in a part of a run, from `from_ns` to `to_ns`. Zero-initialise, set these three
 * and `workload`, let `ep_recording_observer` watch, then set `tasks`. */
typedef struct ep_recording {
    const ep_workload *workload;
    const ep_point *point;
    double from_ns, to_ns;
    const ep_task *tasks; /* per lane */
    uint32_t n_spans, n_levels, room_spans, room_levels;
    ep_span *spans;   /* by their ends */
    ep_level *levels; /* the first holds at `from_ns` or begins later */
    bool failed;      /* out of memory: incomplete */
} ep_recording;

ep_observer ep_recording_observer(ep_recording *recording);
void ep_recording_free(ep_recording *recording); /* leaves it empty */

/* A part worth showing: one hyper-period where it is short, else two batches of the slowest. */
void ep_recording_window(const ep_workload *workload, const ep_workload_run *run, double *from_ns,
                         double *to_ns);

/* Chrome's trace format, as Perfetto and chrome://tracing open it: a track a unit, and counters of
 * DRAM bandwidth and power. */
ep_status ep_report_trace(const ep_recording *recording, ep_text *out, ep_error *err);
/* For a terminal of `width` columns (0: 100): a row a unit, a column a moment. */
ep_status ep_report_gantt(const ep_recording *recording, unsigned width, ep_text *out,
                          ep_error *err);
/* The same as SVG. */
ep_status ep_report_timeline(const ep_recording *recording, ep_text *out, ep_error *err);

/* `plan hw diff` */
ep_status ep_report_hw_diff(const ep_machine *a, const ep_machine *b,
                            const ep_difference *differences, uint32_t n, unsigned width,
                            ep_text *out, ep_error *err);
ep_status ep_report_hw_diff_json(const ep_machine *a, const ep_machine *b,
                                 const ep_difference *differences, uint32_t n, ep_text *out,
                                 ep_error *err);

/* ---- `plan sweep`, `plan modes` ---------------------------------------------------------------
 */

/* A point as a row, as CSV below the titles or as one line of JSON. */
void ep_report_sweep_titles(ep_text *out);
void ep_report_sweep_csv(const ep_sweep_point *point, ep_text *out);
void ep_report_sweep_json(const ep_sweep_point *point, ep_text *out);
/* Fills in the figures of a named point from the row, its newline included, that was written of it;
 * false when it is not that. */
bool ep_report_sweep_read(const char *line, bool json, ep_sweep_point *point);

/* For people: what stands out among the points of a model, and its front. */
ep_status ep_report_sweep(const ep_sweep_summary *summary, const char *model, unsigned width,
                          ep_text *out, ep_error *err);
/* EP_INFEASIBLE when no point keeps the limits: the nearest, and what stands in the way. */
ep_status ep_report_sweep_feasible(const ep_sweep_summary *summary, const char *model,
                                   ep_error *err);

/* The point to choose: the best within the limits (NULL: none is), without limits the knee, or the
 * fastest where there is none. */
const ep_sweep_point *ep_report_sweep_choice(const ep_sweep_summary *summary);

/* One model on one machine. */
typedef struct ep_report_modes {
    uint32_t n_modes, n_points;   /* of each mode as many */
    const ep_sweep_point *points; /* strategy by strategy, each in all modes */
    const ep_sweep_summary *summary;
} ep_report_modes;

ep_status ep_report_modes_table(const ep_report_modes *report, unsigned width, ep_text *out,
                                ep_error *err);
ep_status ep_report_modes_json(const ep_report_modes *report, ep_text *out, ep_error *err);

/* The front of one model on one machine and the point to choose. */
ep_status ep_report_pareto_table(const ep_sweep_summary *summary, const char *model, unsigned width,
                                 ep_text *out, ep_error *err);
ep_status ep_report_pareto_json(const ep_sweep_summary *summary, ep_text *out, ep_error *err);
ep_status ep_report_pareto_csv(const ep_sweep_summary *summary, ep_text *out, ep_error *err);

/* `plan validate`. For people: per group its rows (`worst` > 0: as many, largest |error| first) and
 * what is not predicted, by reason (`worst` 0: which rows); a table of groups; the total. */
ep_status ep_report_validation(const ep_validation *validation, uint32_t worst, unsigned width,
                               ep_text *out, ep_error *err);
ep_status ep_report_validation_json(const ep_validation *validation, ep_text *out, ep_error *err);
/* A group as SVG, predictions over measurements on logarithmic axes; where units are mixed, each
 * dot is in its own. Without anything to draw only the title is there. */
ep_status ep_report_scatter(const ep_validation *validation, uint32_t group, ep_text *out,
                            ep_error *err);

/* ---- `plan run`, `plan compare` ------------------------------------------------------------ */

/* Of the last run: inputs, outputs with their figures, time, memory; with a profile (NULL: none)
 * operators and the slowest nodes. */
ep_status ep_report_execution(const ep_execution *execution, const ep_timing *timing,
                              const ep_profile *profile, unsigned width, ep_text *out,
                              ep_error *err);
/* With every node in the profile. docs/json.md */
ep_status ep_report_execution_json(const ep_execution *execution, const ep_timing *timing,
                                   const ep_profile *profile, ep_text *out, ep_error *err);

ep_status ep_report_comparison(const ep_comparison *comparison, unsigned width, ep_text *out,
                               ep_error *err);
ep_status ep_report_comparison_json(const ep_comparison *comparison, ep_text *out, ep_error *err);

#endif
