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

/* One strategy: its plan, and its runs in every mode shown. */
typedef struct ep_report_plan {
    const ep_planned *planned;
    const ep_run *runs;            /* per mode of the report */
    const char *const *cannot_run; /* per mode: NULL, or why the plan cannot run in it; its run is
                                      not read then. NULL: it runs in every mode */
    ep_footprint footprint;
} ep_report_plan;

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
    bool show_layers;
} ep_report;

/* What --precision and --dla call a choice; NULL past the last. */
const char *ep_report_precision_name(uint32_t choice); /* an ep_precision_choice */
const char *ep_report_dla_name(uint32_t choice);       /* an ep_dla_choice */

/* For people, at most `width` columns where names can be cut (0: no terminal, as wide as needed):
 * a title, a placement line, the refusals grouped by rule, a table of modes and strategies, memory;
 * with show_layers a table of layers. Placement, refusals, memory and layers are those of the
 * headline plan, times those of the first mode that it runs in. */
ep_status ep_report_table(const ep_report *report, unsigned width, ep_text *out, ep_error *err);
/* For programs: docs/json.md. */
ep_status ep_report_json(const ep_report *report, ep_text *out, ep_error *err);
/* One row a mode and strategy, a header first. */
ep_status ep_report_csv(const ep_report *report, ep_text *out, ep_error *err);

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

/* `plan hw diff` */
ep_status ep_report_hw_diff(const ep_machine *a, const ep_machine *b,
                            const ep_difference *differences, uint32_t n, unsigned width,
                            ep_text *out, ep_error *err);
ep_status ep_report_hw_diff_json(const ep_machine *a, const ep_machine *b,
                                 const ep_difference *differences, uint32_t n, ep_text *out,
                                 ep_error *err);

/* `plan validate`. For people: per group its rows (`worst` > 0: as many, largest |error| first) and
 * what is not predicted, by reason (`worst` 0: which rows); a table of groups; the total. */
ep_status ep_report_validation(const ep_validation *validation, uint32_t worst, unsigned width,
                               ep_text *out, ep_error *err);
ep_status ep_report_validation_json(const ep_validation *validation, ep_text *out, ep_error *err);
/* A group as SVG, predictions over measurements on logarithmic axes; where units are mixed, each
 * dot is in its own. Without anything to draw only the title is there. */
ep_status ep_report_scatter(const ep_validation *validation, uint32_t group, ep_text *out,
                            ep_error *err);

#endif
