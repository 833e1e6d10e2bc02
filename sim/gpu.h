/* Private to sim/gpu*.c: one file a mechanism. */
#ifndef EP_SIM_GPU_H
#define EP_SIM_GPU_H

#include "sim/sim_internal.h"

/* Of numbers, so without the care for NaN that keeps fmin and fmax from being inlined: searches
 * spend their time here. */
static inline double ep__least(double a, double b)
{
    return a < b ? a : b;
}

static inline double ep__most(double a, double b)
{
    return a > b ? a : b;
}

/* ---- gpu_bytes.c: what a kernel moves, and from where -------------------------------------- */

typedef struct ep__movement {
    double in_bytes, out_bytes; /* through L2: operands and weights, results */
    double weight_bytes;        /* in in_bytes */
    double dram_bytes;          /* of all of them, from and to DRAM */
} ep__movement;

ep__movement ep__gpu_movement(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                              double frame_bytes);

/* ---- gpu_product.c, gpu_tactics.c: matrix products ----------------------------------------- */

bool ep__is_product(const ep_layer *layer);
ep_product ep__gpu_product(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                           ep__movement movement);

uint32_t ep__n_product_tactics(void);
/* The phases of one tactic; false when it does not suit the product, or when a search of that level
 * leaves it out. */
bool ep__product_phases(const ep_gpu *gpu, const ep_cost *cost, uint32_t tactic, ep_phases *phases);
void ep__product_tactic_name(ep_precision precision, uint32_t tactic, char name[EP_TACTIC_TEXT]);
/* False when there is no tactic of that name. */
bool ep__product_tactic_find(ep_precision precision, const char *name, uint32_t *tactic);

/* ---- gpu_direct.c: convolutions of groups, without tensor cores ----------------------------- */

void ep__gpu_add_direct(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                        ep__movement movement, ep_cost *cost);

/* ---- gpu_stream.c: kernels that memory bounds ---------------------------------------------- */

void ep__gpu_add_stream(const ep_gpu *gpu, const ep_plan *plan, const ep_kernel *kernel,
                        ep__movement movement, ep_cost *cost);

/* ---- gpu_occupancy.c ----------------------------------------------------------------------- */

/* Blocks of that many threads, registers a thread and bytes of shared memory that fit on an SM at
 * once; at least 1. */
double ep__resident_blocks(const ep_gpu *gpu, double threads, double registers,
                           double shared_bytes);

/* ---- timings.c ----------------------------------------------------------------------------- */

/* The tactic that was found for this product at this point; false: none was. */
bool ep__timings_find(const ep_cost *cost, const ep_point *point, uint32_t *tactic);
void ep__timings_add(const ep_cost *cost, const ep_point *point, uint32_t tactic);

/* ---- gpu_time.c: phases at an operating point ----------------------------------------------- */

ep__breakdown ep__evaluate_gpu(const ep_phases *phases, const ep_point *point);
void ep__gpu_add_parts(const ep_phases *p, const ep_point *point, ep_parts *parts);

#endif
