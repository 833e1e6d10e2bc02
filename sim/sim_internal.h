/* Private to sim/: the parts that count. One file a part. */
#ifndef EP_SIM_INTERNAL_H
#define EP_SIM_INTERNAL_H

#include "sim/sim.h"

/* ---- traffic.c ----------------------------------------------------------------------------- */

/* Bytes of tensor `t` (any, not only a root) in that precision; integer and boolean tensors keep
 * their own type. On the DLA channels are padded to whole 32-byte atoms (`padded`). */
double ep__tensor_bytes(const ep_plan *plan, uint32_t t, ep_precision precision, bool padded);

/* One constant of a layer in the kernel's precision, without the zeros of sparse weights. */
double ep__const_bytes(const ep_plan *plan, const ep_kernel *kernel, const ep_layer *layer,
                       uint32_t constant);

/* Constants that a kernel reads. */
double ep__weight_bytes(const ep_plan *plan, const ep_kernel *kernel);

/* The layer that does the heavy work; the kernel must not be a reformat. */
const ep_layer *ep__main_layer(const ep_plan *plan, const ep_kernel *kernel);

/* ---- sparse.c ------------------------------------------------------------------------------ */

/* Does the kernel's device skip the zeros of this layer of it? */
bool ep__is_sparse(const ep_plan *plan, const ep_kernel *kernel, const ep_layer *layer);

/* Bytes of 2:4 sparse weights as a share of the dense ones. */
double ep__sparse_share(ep_precision precision);

/* ---- gpu.c, dla.c -------------------------------------------------------------------------- */

void ep__gpu_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                  double frame_bytes, ep_cost *cost);
void ep__dla_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                  ep_cost *cost);

/* ---- cost.c -------------------------------------------------------------------------------- */

/* Where the time of one tactic goes at a point. */
typedef struct ep__breakdown {
    double total_ns;
    double compute_ns; /* the busiest compute unit */
    double memory_ns;  /* L2 or DRAM, the slower */
    double floor_ns;   /* least time of a kernel (GPU), gap after a layer (DLA) */
} ep__breakdown;

ep__breakdown ep__evaluate(const ep_cost *cost, const ep_phases *phases, const ep_point *point);

/* Nothing when `ns` is 0. */
void ep__add_part(ep_parts *parts, const char *name, double ns);

/* ---- power.c ------------------------------------------------------------------------------- */

/* Switching energy by rail user, nanojoules: of the GPU, of a DLA core, of DRAM, of the CPU. */
typedef struct ep__energy {
    double gpu_nj, dla_nj, dram_nj, cpu_nj;
} ep__energy;

/* Of a kernel that took `b`. */
ep__energy ep__energy_of(const ep_cost *cost, const ep_phases *phases, const ep_point *point,
                         const ep__breakdown *b);
/* Of the CPU that submits a loadable. */
double ep__submit_nj(const ep_point *point);

/* ---- memory.c ------------------------------------------------------------------------------ */

/* A unit that reads and writes DRAM while it works on a step, or, without a step, the CPU. */
typedef struct ep__client {
    const ep_step *step;
    double reach_gbps; /* the most it can pull at a moment */
    double alone_gbps; /* what it uses on average without the others */
    double ns;         /* out: time of the whole step at the share it gets */
    double used_gbps;  /* out: what it uses on average */
} ep__client;

/* What the unit of a step can pull at a moment. */
double ep__reach_gbps(const ep_step *step, const ep_point *point);

/* Time of a step whose unit gets at most `gbps` at a moment. */
double ep__step_ns(const ep_step *step, const ep_point *point, double gbps);

/* Shares DRAM among `n` clients. Returns what it can carry with all of them at it; they use no
 * more. */
double ep__share_dram(const ep_point *point, ep__client *clients, uint32_t n);

/* ---- branches.c ---------------------------------------------------------------------------- */

/* Time of one batch when blocks of the plan run at once. Some kernel must take time. */
ep_status ep__branches_ns(const ep_plan *plan, const ep_cost *costs, const ep_point *point,
                          double *ns, ep_error *err);

/* ---- task.c -------------------------------------------------------------------------------- */

/* Power while a step takes `ns`. */
ep_watts ep__step_watts(const ep_step *step, const ep_point *point, double ns);
void ep__add_watts(ep_watts *sum, const ep_watts *watts, double times);

#endif
