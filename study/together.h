/* Private to study/: what a search for the best placement asks about one. */
#ifndef EP_STUDY_TOGETHER_H
#define EP_STUDY_TOGETHER_H

#include "study/study.h"

/* A way at the operating point. */
typedef struct ep__way_figures {
    bool can_run; /* the mode powers its core */
    ep_task task; /* no steps: the network does not run */
    double nj;    /* of a batch at zero load, beyond idle */
    double dram_bytes;
    uint32_t n_loadables[2]; /* per core */
} ep__way_figures;

typedef struct ep__judge {
    const ep_together_options *options;
    const ep_point *point;
    ep_arena *scratch;         /* of one simulation */
    ep_lane *lanes;            /* room for all */
    ep__way_figures **figures; /* per network and way */
    double *need; /* room for a figure a network */
    double idle_w;
    uint64_t n_simulated, n_events;
} ep__judge;

/* Works out the figures of all ways; `judge->options` and `point` are set, `scratch` is the
 * caller's to free. The rest lives in `arena`. */
ep_status ep__judge_make(ep__judge *judge, ep_arena *arena, ep_error *err);

/* No simulation of placement `way` (per network) gives less. INFINITY as overload: it cannot run. */
ep_score ep__judge_bound(const ep__judge *judge, const uint32_t *way);

/* Network `i` as a lane; false: it does not run. */
bool ep__judge_lane(const ep__judge *judge, uint32_t i, uint32_t way, ep_lane *out);

/* Simulates a placement that can run; briefly, or as a user would. */
ep_status ep__judge_measure(ep__judge *judge, const uint32_t *way, bool brief, ep_score *out,
                            ep_error *err);

ep_workload ep__judge_workload(const ep__judge *judge, const ep_lane *lanes, uint32_t n);
ep_score ep__judge_score(const ep__judge *judge, const uint32_t *way, const ep_workload *workload,
                         const ep_workload_run *run);
/* Shares of their time that the rates ask of units at zero load; returns the largest. */
double ep__judge_load(const ep__judge *judge, const uint32_t *way, double load[EP_UNIT_COUNT]);

/* < 0: `a` is better. */
int ep__score_compare(const ep_score *a, const ep_score *b);

#endif
