/* The ways of running a matrix product on the GPU.
 *
 * C is cut into tiles, one thread block each; a block steps along k, a slice of both operands at a
 * time, with several slices in flight in shared memory. A step takes what its slowest resource
 * takes (math, shared memory, L2), but not less than its barrier and latencies; other blocks on the
 * SM fill the gaps. Before and after its steps a block waits for its first operands and writes its
 * result. Small tiles feed more SMs and move more bytes a MAC; splitting k feeds more SMs still,
 * and the parts must be added up. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/gpu.h"

typedef enum engine { TENSOR, WARPGROUP, CUDA, VECTOR } engine;

typedef struct tile {
    engine engine;
    int m, n;
    int level;         /* of the builder's optimization from which on it is tried */
    int threads;       /* of a block */
    int rows, columns; /* of C that a thread computes, where its operands come from shared memory on
                          CUDA cores; else 0 */
} tile;

/* TensorRT's and CUTLASS' tiles on tensor cores, and some of those between them that cuBLAS has
 * where a warp group computes them (nvjet, with a side of any multiple of 8: these do as well). On
 * CUDA cores those of cuBLAS, which names its kernels by them, and for up to 16 rows blocks that
 * read rows of B (a GEMV). */
static const tile tiles[] = {
    {TENSOR, 128, 128, 0, 256, 0, 0},    {TENSOR, 64, 64, 0, 128, 0, 0},
    {TENSOR, 128, 64, 1, 128, 0, 0},     {TENSOR, 64, 128, 1, 128, 0, 0},
    {TENSOR, 256, 128, 2, 256, 0, 0},    {TENSOR, 128, 256, 2, 256, 0, 0},
    {TENSOR, 64, 32, 2, 128, 0, 0},      {TENSOR, 128, 32, 3, 128, 0, 0},
    {TENSOR, 256, 64, 4, 256, 0, 0},     {TENSOR, 64, 256, 4, 256, 0, 0},
    {TENSOR, 32, 64, 5, 128, 0, 0},      {TENSOR, 32, 32, 5, 128, 0, 0},
    {WARPGROUP, 16, 64, 0, 128, 0, 0},   {WARPGROUP, 64, 16, 0, 128, 0, 0},
    {WARPGROUP, 16, 128, 2, 128, 0, 0},  {WARPGROUP, 128, 16, 2, 128, 0, 0},
    {WARPGROUP, 48, 64, 1, 128, 0, 0},   {WARPGROUP, 64, 48, 1, 128, 0, 0},
    {WARPGROUP, 48, 128, 2, 128, 0, 0},  {WARPGROUP, 128, 48, 2, 128, 0, 0},
    {WARPGROUP, 96, 64, 1, 128, 0, 0},   {WARPGROUP, 64, 96, 1, 128, 0, 0},
    {WARPGROUP, 96, 128, 2, 256, 0, 0},  {WARPGROUP, 128, 96, 2, 256, 0, 0},
    {WARPGROUP, 192, 64, 3, 256, 0, 0},  {WARPGROUP, 64, 192, 3, 256, 0, 0},
    {WARPGROUP, 192, 128, 3, 256, 0, 0}, {WARPGROUP, 128, 192, 3, 256, 0, 0},
    {CUDA, 128, 128, 0, 128, 16, 8},     {CUDA, 64, 64, 0, 128, 8, 4},
    {CUDA, 128, 64, 1, 128, 8, 8},       {CUDA, 32, 32, 1, 64, 4, 4},
    {CUDA, 64, 128, 2, 128, 8, 8},       {CUDA, 64, 32, 2, 64, 8, 4},
    {CUDA, 128, 32, 3, 128, 8, 4},       {CUDA, 256, 128, 3, 256, 16, 8},
    {VECTOR, 1, 32, 0, 256, 0, 0},       {VECTOR, 1, 8, 2, 256, 0, 0},
    {VECTOR, 8, 8, 0, 128, 8, 1},        {VECTOR, 16, 8, 1, 128, 8, 1},
};
#define N_TILES (sizeof tiles / sizeof tiles[0])

static const struct split {
    int parts;
    int level;
} splits[] = {{1, 0}, {2, 2}, {4, 2}, {8, 3}, {16, 3}, {32, 5}};
#define N_SPLITS (sizeof splits / sizeof splits[0])

static const char *const engine_names[] = {
    [TENSOR] = "tile", [WARPGROUP] = "tile", [CUDA] = "cuda", [VECTOR] = "gemv"};

uint32_t ep__n_product_tactics(void)
{
    return N_TILES * N_SPLITS;
}

static bool on_tensor_cores(const tile *t)
{
    return t->engine == TENSOR || t->engine == WARPGROUP;
}

/* Elements along k of a slice: 64 on tensor cores, 32 of the larger TF32; 8 of FP32; a GEMV reads
 * 512 bytes of each row at once, of several rows 256. */
static double slice_of(const tile *t, ep_precision precision)
{
    switch (t->engine) {
    case TENSOR:
    case WARPGROUP: return precision == EP_TF32 ? 32 : 64;
    case CUDA: return 8;
    default: return (t->m > 1 ? 256.0 : 512.0) / (double)ep_precision_bytes(precision);
    }
}

void ep__product_tactic_name(ep_precision precision, uint32_t tactic, char name[EP_TACTIC_TEXT])
{
    const tile *t = &tiles[tactic / N_SPLITS];
    const int parts = splits[tactic % N_SPLITS].parts;
    const int n = snprintf(name, EP_TACTIC_TEXT, "%s %dx%dx%.0f", engine_names[t->engine], t->m,
                           t->n, slice_of(t, precision));
    if (parts > 1) (void)snprintf(name + n, EP_TACTIC_TEXT - (size_t)n, " split %d", parts);
}

bool ep__product_tactic_find(ep_precision precision, const char *name, uint32_t *tactic)
{
    for (uint32_t t = 0; t < ep__n_product_tactics(); t++) {
        char own[EP_TACTIC_TEXT];
        ep__product_tactic_name(precision, t, own);
        if (strcmp(own, name) != 0) continue;
        *tactic = t;
        return true;
    }
    return false;
}

/* TF32 is a way of computing in FP32: its builder tries both. In FP16 and INT8 few rows are a tile
 * like any other (in h200-gemm one row takes as long as eight). On CUDA cores k stays whole: cuBLAS
 * splits it for 3 of 77 shapes. */
static bool suits(const tile *t, const ep_product *p, ep_precision precision, int split)
{
    const bool fp32 = precision == EP_FP32 || precision == EP_TF32;
    const bool takes_any_n = t->m == 256 && t->n == 128; /* in INT8: int8_columns */
    switch (t->engine) {
    case TENSOR: return precision != EP_FP32 && (p->is_ragged == 0 || takes_any_n);
    case WARPGROUP: return p->cluster > 1;
    case CUDA: return fp32 && split == 1;
    default: return fp32 && p->m <= t->m && p->repeat == 1 && split == 1;
    }
}

/* Multiply-accumulates an SM and cycle. TF32 is added up in FP32. */
static double rate(const ep_gpu *gpu, const tile *t, ep_precision precision)
{
    const ep_gpu_kernels *k = &gpu->kernels;
    if (!on_tensor_cores(t)) return gpu->fp32_fma * k->sustained_fp32;
    switch (precision) {
    case EP_INT8: return gpu->tensor_int8 * k->sustained_int8;
    case EP_FP16:
        return gpu->tensor_fp16 * (k->fp32_sums ? gpu->fp32_accumulate_ratio : 1) *
               k->sustained_fp16;
    default: return gpu->tensor_tf32 * gpu->fp32_accumulate_ratio * k->sustained_tf32;
    }
}

/* A thread's sums are in registers, beside addresses and fragments: on CUDA cores fragments of two
 * slices, which is what the registers of cuBLAS' kernels come to (80 for 16 sums, 255 for 128). */
static double registers_of(const tile *t)
{
    const double sums = (double)t->m * t->n / t->threads;
    return on_tensor_cores(t) ? sums + 64 : ep__least(255, 2 * sums + 48);
}

static double resident(const ep_gpu *gpu, const tile *t, double slice_bytes, double steps)
{
    const double stages = on_tensor_cores(t) ? (double)gpu->kernels.pipeline_stages : 2;
    return ep__resident_blocks(
        gpu, t->threads, registers_of(t),
        t->engine == VECTOR ? 0 : ep__least(stages, ep__most(2, steps)) * slice_bytes);
}

/* Bytes through shared memory a step. On CUDA cores rows of A and columns of B are read for each
 * piece of C that a thread computes, so that small pieces read more than they compute. */
static double shared_bytes(const ep_gpu *gpu, const tile *t, double slice, double slice_bytes)
{
    if (on_tensor_cores(t)) return gpu->kernels.shared_passes * slice_bytes;
    if (t->rows == 0) return 0;
    const double pieces = t->m * t->n / (t->rows * t->columns);
    return slice_bytes + pieces * (t->rows + t->columns) * slice * 4;
}

/* What the steps wait for. On CUDA cores operands go through registers into shared memory between
 * two barriers, which the blocks of an SM reach together (measured: a step of n blocks of 64x64
 * takes 320 + 335 n cycles); few rows wait for A and for B. Tensor cores are fed asynchronously. */
static void add_waits(const ep_gpu *gpu, const tile *t, double steps, ep_phases *phases)
{
    const double wait = steps * gpu->kernels.step_cycles;
    if (t->rows == 0) {
        phases->wait_cycles = wait;
    } else {
        phases->lockstep_cycles = t->engine == VECTOR ? 2 * wait : wait;
    }
}

static void add_steps(const ep_gpu *gpu, const ep_product *p, ep_precision precision, const tile *t,
                      double steps, ep_phases *phases)
{
    const double bytes = (double)ep_precision_bytes(precision);
    const double slice = slice_of(t, precision);
    const bool tensor = on_tensor_cores(t);
    const double stored_n = t->n * (tensor ? p->b_share : 1);
    const double speedup = tensor ? p->speedup : 1;
    const double slice_bytes = (t->m + stored_n) * slice * bytes;
    const double math = t->m * t->n * slice / (rate(gpu, t, precision) * speedup);
    const double all_steps = p->chain * steps;
    const double reading = p->warp_passes * slice_bytes / gpu->shared_bytes_per_clock;
    if (tensor) phases->tensor_tile_cycles = all_steps * (math + reading);
    phases->cuda_tile_cycles = p->exponentials * t->m * t->n / gpu->sfu;
    if (!tensor) phases->cuda_tile_cycles += all_steps * math;
    phases->shared_tile_cycles =
        all_steps * shared_bytes(gpu, t, slice, slice_bytes) / gpu->shared_bytes_per_clock;
    add_waits(gpu, t, all_steps, phases);
    phases->l2_bytes = phases->tiles * all_steps * slice_bytes / p->cluster;
    phases->resident = resident(gpu, t, slice_bytes, steps);
}

bool ep__product_phases(const ep_gpu *gpu, const ep_cost *cost, uint32_t tactic, ep_phases *phases)
{
    const tile *t = &tiles[tactic / N_SPLITS];
    const struct split *split = &splits[tactic % N_SPLITS];
    const ep_product *p = &cost->product;
    const int level = EP_SEARCH_LEVEL_DEFAULT + cost->search.level;
    if ((t->level > level && p->is_ragged == 0) || split->level > level) return false;
    if (!suits(t, p, cost->precision, split->parts)) return false;
    const double parts = split->parts;
    const double steps = ceil(p->k / (slice_of(t, cost->precision) * parts));
    if (parts > 1 && steps < 2) return false;
    *phases = (ep_phases){.tiles = p->repeat * ceil(p->m / t->m) * ceil(p->n / t->n) * parts,
                          .start_cycles = gpu->kernels.block_cycles,
                          .setup_ns = p->setup_ns,
                          .store_bytes = p->epilogue_bytes,
                          .dram_bytes = p->dram_bytes,
                          .macs = p->macs};
    add_steps(gpu, p, cost->precision, t, steps, phases);
    if (parts > 1) { /* sums in FP32, written by each part, read to be added up */
        const double sums = p->repeat * p->m * p->n * 4;
        phases->store_bytes += parts * sums;
        phases->serial_cycles =
            gpu->kernels.split_cycles + (parts + 1) * sums / gpu->l2_bytes_per_clock;
    }
    return true;
}
