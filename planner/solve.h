/* Private to planner/: what the solver of ep_costs is made of. */
#ifndef EP_PLANNER_SOLVE_H
#define EP_PLANNER_SOLVE_H

#include "planner/planner_internal.h"

/* A problem made ready. */
typedef struct ep__problem {
    const ep_costs *costs;
    double (*side)[EP_SIDES];              /* per layer: its cheapest precision there */
    ep_precision (*precision)[EP_SIDES];   /* per layer: which that is */
    const uint32_t *reads_begin, *reads;   /* per layer: the carries that it reads */
    const uint32_t *writes_begin, *writes; /* per layer: those that it makes */
    ep__dag dag;
    uint32_t n_batches;
    ep_arena *scratch; /* reset at will */
} ep__problem;

/* What a placement comes to. */
typedef struct ep__score {
    double cost; /* loadables included */
    double base; /* without them */
    uint32_t n_loadables;
    bool fits; /* the limits */
} ep__score;

enum { EP__FREE = -1 };

/* The cheapest placement when loadables cost nothing but `entry` for each tensor that enters one,
 * and nothing limits them, as a minimum cut. `fixed` is per layer a side or EP__FREE; NULL: all are
 * free. O(cut) time; its result goes to `on_dla`. False: `fixed` and the rules contradict. */
ep_status ep__cut(const ep__problem *p, const int8_t *fixed, double entry, bool *on_dla,
                  bool *possible, ep_error *err);

/* The cost without loadables. */
double ep__base_cost(const ep__problem *p, const bool *on_dla);
/* How it changes when layer `l` changes sides. O(its neighbours). */
double ep__base_change(const ep__problem *p, bool *on_dla, uint32_t l);

/* `partition` (may be NULL) lives in the scratch arena until the next call. O(layers + edges). */
ep_status ep__score_of(const ep__problem *p, const bool *on_dla, ep__score *out,
                       ep__partition *partition, ep_error *err);

/* Moves of single layers, subgraphs and gaps between them, as long as they help; `on_dla` fits the
 * limits, before and after. At most `passes` over all. */
ep_status ep__improve(const ep__problem *p, uint32_t passes, bool *on_dla, ep__score *score,
                      ep_arena *arena, ep_error *err);
/* Takes loadables off the DLA until the limits hold. */
ep_status ep__repair(const ep__problem *p, bool *on_dla, ep__score *score, ep_arena *arena,
                     ep_error *err);

#endif
