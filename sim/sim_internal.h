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

#endif
