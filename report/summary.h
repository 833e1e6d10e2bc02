/* Private to report/: figures that several writers show. */
#ifndef EP_REPORT_SUMMARY_H
#define EP_REPORT_SUMMARY_H

#include "report/report.h"

/* What one kind of device does. */
typedef struct ep__share {
    uint32_t layers;
    uint64_t macs;
    double ns; /* of its kernels, reformats included, one after the other */
} ep__share;

typedef struct ep__placement {
    ep__share dla, gpu; /* of both cores; of everything else */
} ep__placement;

/* `run` may be NULL: then there are no times. */
ep__placement ep__placement_of(const ep_planned *planned, const ep_run *run);

/* Multiply-accumulates on the DLA, of all. */
double ep__dla_percent(const ep__placement *placement);

/* Sums; what passes 2^64 stays there. */
uint64_t ep__total_macs(const ep_layers *layers);
uint64_t ep__add(uint64_t a, uint64_t b);

/* The run of plan `p` in mode `m`; NULL where it cannot run. */
const ep_run *ep__run_of(const ep_report *report, uint32_t p, uint32_t m);

/* The plan of strategy `p` in mode `m`, and its memory; where there is none, its plan elsewhere. */
const ep_planned *ep__planned_of(const ep_report *report, uint32_t p, uint32_t m);
const ep_footprint *ep__footprint_of(const ep_report *report, uint32_t p, uint32_t m);

/* By how much a plan that was searched for may be worse than the best there is, in percent of the
 * bound; negative: it was not searched for. */
double ep__gap_percent(const ep_planned *planned);

/* The plan that the report is about, and the first mode that it runs in (EP_NO_INDEX: none). */
const ep_report_plan *ep__headline(const ep_report *report);
uint32_t ep__headline_mode(const ep_report *report);

/* Names of all units that any run mentions, in the order in which they appear; returns how many. */
#define EP__ALL_UNITS (2 * EP_MAX_UNITS)
uint32_t ep__unit_names(const ep_report *report, const char *names[EP__ALL_UNITS]);
/* Busy percent of a unit in a run; 0 when the run does not mention it. */
double ep__unit_busy(const ep_run *run, const char *name);

/* The network has no scales of its own, and the plan uses INT8. */
bool ep__scales_assumed(const ep_report *report);

/* The kernel of each layer, EP_NO_INDEX for one in none. NULL when out of memory; the caller's. */
uint32_t *ep__kernel_of_layers(const ep_plan *plan);

#endif
