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
    double bytes;            /* weights, and activations of all batches in flight */
} ep__way_figures;

typedef struct ep__judge {
    const ep_together_options *options;
    const ep_point *point;
    ep_arena *scratch;         /* of one simulation */
    ep_lane *lanes;            /* room for all */
    ep__way_figures **figures; /* per network and way */
    double *need;              /* room for a figure a network */
    double idle_w;
    uint64_t n_simulated;
    uint64_t work; /* of all simulations: events, as those of a few networks */
} ep__judge;

/* Works out the figures of all ways; `judge->options` and `point` are set, `scratch` is the
 * caller's to free. The rest lives in `arena`. */
ep_status ep__judge_make(ep__judge *judge, ep_arena *arena, ep_error *err);

/* No simulation of placement `way` (per network) gives less. INFINITY as overload: it cannot run.
 */
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

/* ---- together_space.c ---------------------------------------------------------------------- */

/* All placements. Networks are in an order that does not depend on the caller's: of equally good
 * placements the first is the answer. */
typedef struct ep__space {
    ep_arena *arena;
    uint32_t n;
    const ep_placed_network *networks; /* in that order */
    uint32_t *order;                   /* per network: as the caller numbers it */
    uint32_t *n_ways;                  /* per network: ways that are looked at */
    uint32_t **partner;                /* per network and way: the same plan on the other core */
    bool mirrors;                      /* all of them have one */
    uint32_t *mirrored;                /* room for a placement */
} ep__space;

typedef struct ep__listed {
    ep_score bound;
    const uint32_t *way; /* per network */
} ep__listed;

/* Lives in `arena`. */
ep_status ep__space_make(const ep_together_options *options, int64_t dla_cores, ep_arena *arena,
                         ep__space *out, ep_error *err);
/* Looks at whole networks only, or at all ways. */
void ep__space_take(ep__space *space, bool whole);
/* Placements that can run, without symmetric ones, the best bound first. `*out` stays NULL when
 * there are too many. */
ep_status ep__space_list(ep__space *space, const ep__judge *judge, ep__listed **out, uint32_t *n,
                         ep_error *err);

#endif
