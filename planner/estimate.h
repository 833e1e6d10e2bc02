/* Private to planner/: costs of a placement, from plans that were run. */
#ifndef EP_PLANNER_ESTIMATE_H
#define EP_PLANNER_ESTIMATE_H

#include "planner/planner_internal.h"

/* Time and the energy added to idle. */
typedef struct ep__amount {
    double ns, nj;
} ep__amount;

enum { EP__DRAM, EP__L2, EP__WAYS };

/* What layers and crossings take at an operating point, as far as it has been seen. */
typedef struct ep__estimates {
    const ep__basis *basis;
    const ep_point *point;
    /* per layer: as last seen, and the least ever seen; ns < 0: never */
    ep__amount (*last)[EP_SIDES][EP_PRECISION_COUNT];
    ep__amount (*least)[EP_SIDES][EP_PRECISION_COUNT];
    ep_carry *carries; /* one a tensor that somebody reads; costs are filled in when asked for */
    uint32_t n_carries;
    /* what crosses, through DRAM or, when it is little, the GPU's L2 */
    struct {
        ep__amount (*carry)[EP_SIDES];   /* per carry: to that side */
        ep__amount (*leaving)[EP_SIDES]; /* per layer: its network outputs, from that side */
    } through[EP__WAYS];
    ep__amount loadable;
    uint32_t *batch; /* per layer */
} ep__estimates;

/* What a nanosecond and a nanojoule are worth, by side. */
typedef struct ep__worth {
    double ns[EP_SIDES], nj;
} ep__worth;

/* Nothing seen yet but crossings. It lives in `arena`. */
ep_status ep__estimates_new(const ep__basis *basis, const ep_point *point, ep_arena *arena,
                            ep__estimates *out, ep_error *err);
/* Learns from a plan that was run at the point. */
void ep__estimates_learn(ep__estimates *e, const ep_plan *plan, const ep_run *run);
/* As numbers for the solver; in `arena`. `least`: layers as cheap as they were ever seen; `way`:
 * where what crosses goes. */
ep_status ep__estimates_costs(const ep__estimates *e, const ep__worth *worth, bool least, int way,
                              uint32_t max_loadables, ep_arena *arena, ep_costs *out,
                              ep_error *err);

#endif
