/* Private to planner/: the search of the strategy "best". */
#ifndef EP_PLANNER_BEST_H
#define EP_PLANNER_BEST_H

#include "planner/estimate.h"

/* Branches are moved in as many rounds, each of as many plans as the search before. */
enum { EP__BRANCH_ROUNDS = 3 };

/* What a plan came to. */
typedef struct ep__judgement {
    double value;                          /* of the objective */
    double excess;                         /* over the constraints, relative, summed; 0: all hold */
    double latency_ns, power_w, energy_nj; /* of one batch */
    uint32_t n_subgraphs;
} ep__judgement;

typedef struct ep__search {
    const ep__basis *basis;
    ep_point point;
    ep_run_options run_options;
    ep__estimates estimates;
    ep_arena *arena, *scratch; /* the latter is reset for each plan */
    ep_device core;            /* the DLA that is planned for */
    ep__judgement gpu;         /* all on the GPU */
    ep__judgement best;
    ep_device *device; /* of the best, per layer: as its plan has it */
    ep_precision *precision;
    ep_device *asked_device; /* the decision that it was built of: before it shed anything */
    ep_precision *asked_precision;
    bool sheds, concurrent;
    uint32_t *group;          /* per layer: its subgraph, or its kernel: what moves together */
    ep_device *wanted_device; /* room for the next decision */
    ep_precision *wanted_precision;
    bool wants_concurrent; /* the next decision runs branches at once */
    ep__judgement last;    /* of the last decision, if it was judged now */
    bool has_last, has_best;
    ep_error why;   /* of the last plan that could not be */
    uint64_t *seen; /* hashes of decisions that were judged */
    uint32_t n_judged, most;
} ep__search;

/* Builds what `wanted_device` and `wanted_precision` say, runs it, learns from it and keeps it when
 * it is the best. Not twice the same, nor more than `most`. `sheds` as in an ep_assignment. */
ep_status ep__judge(ep__search *s, bool sheds, ep_error *err);

/* The best decision, built again. */
ep_status ep__build_best(const ep__search *s, ep_arena *arena, ep_planned *out, ep_error *err);

/* Takes the cheapest placements of the estimates, for several worths of time and energy. */
ep_status ep__try_cuts(ep__search *s, ep_error *err);
/* Moves subgraphs, gaps between them and kernels at their borders, while that helps. */
ep_status ep__try_moves(ep__search *s, ep_error *err);
/* Moves branches between GPU and DLA cores, all at work at once, from the best plan and from the
 * GPU alone, while that helps. */
ep_status ep__try_branches(ep__search *s, ep_error *err);
/* What the module draws when nothing runs. */
double ep__idle_w(const ep_machine *machine);
/* A bound of that objective's value, constraints or not. */
ep_status ep__least_value(ep__search *s, ep_objective objective, double *bound, ep_error *err);
/* A better one has no more excess, or as little and a smaller value. */
bool ep__is_better(const ep__judgement *a, const ep__judgement *b);

#endif
