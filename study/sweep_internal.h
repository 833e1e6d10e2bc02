/* Private to study/: the axes of a sweep, sorted by what they change, and its plans. */
#ifndef EP_STUDY_SWEEP_INTERNAL_H
#define EP_STUDY_SWEEP_INTERNAL_H

#include "study/study.h"

#define EP__MAX_AXES 8

/* The axes that change the hardware, and with it the plans, and those of the operating point. */
typedef struct ep__sweep_axes {
    uint32_t n_parts, n_clocks;
    const ep_axis *parts[EP__MAX_AXES], *clocks[EP__MAX_AXES];
    uint64_t part_points, clock_points; /* products of their values; 1 without any */
} ep__sweep_axes;

ep_status ep__sweep_axes_of(const ep_sweep_options *options, ep__sweep_axes *out, ep_error *err);

/* The machine of combination `part` of the first kind; `*out` is the caller's. */
ep_status ep__sweep_machine(const ep_sweep_options *options, const ep__sweep_axes *axes,
                            const char *name, uint64_t part, ep_arena *arena, ep_machine **out,
                            ep_error *err);
/* Loads it with every axis at its first value, then at its last: what both take, all between them
 * do. */
ep_status ep__sweep_check(const ep_sweep_options *options, const ep__sweep_axes *axes,
                          const char *name, ep_arena *arena, ep_error *err);
/* Puts combination `clock` of the second kind into a mode, and appends it to `set`. */
void ep__sweep_set_mode(const ep__sweep_axes *axes, uint64_t clock, ep_mode *mode, char *set,
                        size_t size);

/* ---- ways of planning ---------------------------------------------------------------------- */

#define EP__MAX_LANES 3

/* A network on a machine: one plan, or one for each engine of its streams. */
typedef struct ep__way {
    ep_precision_choice precision;
    ep_dla_choice dla;
    const char *strategy;
    bool searches; /* each point has a plan of its own: is_made, with none */
    ep_objective objective;
    bool has_streams;
    ep_engine streams;
    bool is_needed, is_made;
    uint32_t n_lanes;
    ep_lane lanes[EP__MAX_LANES];
    ep_planned *planned[EP__MAX_LANES]; /* per lane */
    ep_status status; /* once made: other than EP_OK when it cannot be, and `why` says why */
    ep_error why;
} ep__way;

/* As many as there are if none is left out. */
uint64_t ep__most_ways(const ep_sweep_options *options);
/* Those of a machine; their number. */
uint32_t ep__list_ways(const ep_sweep_options *options, const ep_machine *machine, ep__way *ways);
/* Makes its plans, unless it searches. */
void ep__way_plan(ep__way *way, const ep_plan_options *options, const ep_layers *layers,
                  const ep_machine *machine);
void ep__way_free(ep__way *way);
/* Fills in the figures of a point, or why it cannot run. Everything else that goes wrong is
 * returned. */
ep_status ep__way_run(const ep__way *way, const ep_plan_options *options, const ep_layers *layers,
                      const ep_point *at, ep_arena *arena, ep_sweep_point *out);

#endif
