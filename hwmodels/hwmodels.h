/* hwmodels: what is the machine?
 *
 * An ep_machine is a YAML file, checked against a declared schema: GPU, DLA cores, DRAM, CPU, power
 * rails and power modes. Every block of numbers in the file has a `source:`.
 *
 * An ep_point, the operating point, is a machine in one power mode: the clocks, powered units and
 * budget that a prediction holds for. Cost models count cycles and bytes from the machine alone;
 * the point turns them into time and energy.
 *
 * All structs are plain data, owned by the machine.
 */
#ifndef EP_HWMODELS_H
#define EP_HWMODELS_H

#include "base/base.h"

typedef struct ep_gpu {
    const char *arch; /* "sm87" */
    int64_t sms;
    int64_t sms_per_tpc;
    double clock_mhz_max;
    uint64_t l2_bytes;
    uint64_t shared_bytes_per_sm;
    int64_t registers_per_sm, threads_per_sm, blocks_per_sm;
    /* dense multiply-accumulates (for `sfu`: operations) an SM and cycle */
    double fp32_fma, fp16_fma, tensor_tf32, tensor_fp16, tensor_int8, sfu;
    double
        fp32_accumulate_ratio; /* rate of FP16 tensor math with FP32 accumulation, of the above */
    double sparse_speedup;     /* 2:4 sparsity: 2, or 1 where there is none */
    double dram_bytes_per_sm_clock; /* an SM cannot pull more from memory than this a cycle */
    double l2_bytes_per_sm_clock;
    double shared_bytes_per_clock; /* an SM and cycle, from and to shared memory */
    double tile_overhead_cycles;   /* filling the pipeline of a tile and writing its result */
    double kernel_floor_us;        /* of every kernel in a CUDA graph: launch, start and drain */
} ep_gpu;

/* Bounds of the DLA's layers, as the rules print them. Ranges are inclusive. */
typedef struct ep_range {
    int64_t min, max;
} ep_range;

typedef struct ep_dla_limits {
    int64_t batch_max;
    int64_t dim_max; /* each of C, H, W */
    int64_t loadables_per_core, loadables_total;
    ep_range conv_kernel, conv_padding, conv_stride, conv_dilation, conv_groups, conv_channels;
    ep_range deconv_kernel, deconv_stride, deconv_channels;
    int64_t deconv_padding_max, deconv_groups_max, deconv_dilation_max;
    /* TensorRT turns square deconvolution kernels and strides in this range off */
    ep_range deconv_square_refused;
    ep_range pool_window, pool_padding, pool_stride;
    bool pool_inclusive_padding_only; /* Xavier */
    ep_range clip_max;                /* Clipped ReLU: min is 0 and max lies in here */
    ep_range resize_nearest_scale, resize_linear_scale;
    bool softmax;                    /* false on Xavier */
    int64_t softmax_axis_max;        /* when another non-batch dimension exceeds 1 */
    int64_t softmax_axis_max_single; /* when none does */
    bool slice_int8;                 /* Slice in INT8 as well as FP16 */
    bool reduce_max;
    bool div, pow, comparison, trigonometric; /* which later element-wise and unary functions */
    uint64_t sram_bytes_default, local_dram_bytes, global_dram_bytes; /* pools of one loadable */
} ep_dla_limits;

typedef struct ep_dla {
    const char *version; /* "v2" */
    int64_t cores;       /* 0: none; then nothing below is set */
    double clock_mhz_max;
    double int8_macs, fp16_macs; /* dense multiply-accumulates a core and cycle; fp16 empirical */
    int64_t pipes;               /* INT8 convolution pipes a core, all of them in int8_macs */
    int64_t atomic_c, atomic_k;  /* INT8: channels in and out that a pipe covers in a cycle */
    int64_t fp16_atomic_c, fp16_atomic_k; /* the same of FP16, a core */
    double sparse_speedup;
    int64_t cbuf_banks;
    uint64_t cbuf_bank_bytes;
    uint64_t sram_bytes;       /* a core */
    double pointwise_elements; /* a core and cycle, post-processor, INT8 */
    double dram_gbps;          /* the most a core pulls, at dram.clock_mhz_max */
    double overlap; /* 0: compute and data movement add; 1: the longer one hides the other */
    double layer_gap_us, submit_us;
    ep_dla_limits limits;
} ep_dla;

typedef struct ep_dram {
    const char *type; /* "LPDDR5" */
    uint64_t bytes;
    int64_t bus_bits;
    double clock_mhz_max;
    int64_t transfers_per_clock;
    double efficiency; /* share of the peak that streams reach */
} ep_dram;

typedef struct ep_cpu {
    const char *cores_name;
    int64_t cores;
    double clock_mhz_max;
} ep_cpu;

/* A rail as the board's monitor shows it. */
typedef struct ep_rail {
    const char *name; /* "VDD_GPU_SOC" */
    double idle_w;
} ep_rail;

/* Voltage of a clock domain: V(f) between two points, linear; below the first, flat. */
typedef struct ep_voltage_point {
    double clock_mhz, volt;
} ep_voltage_point;

typedef struct ep_voltage_curve {
    uint32_t n;
    const ep_voltage_point *points; /* ascending clocks */
} ep_voltage_curve;

/* Switching energy, at the last voltage of the domain's curve. Modules with the same chip share it,
 * whatever their highest clocks. */
typedef struct ep_energy {
    double gpu_sm_cycle_nj; /* an SM that has work, per cycle */
    double gpu_mac_fp32_pj, gpu_mac_fp16_pj, gpu_mac_int8_pj;
    double gpu_l2_byte_pj;
    double dla_cycle_nj; /* a core that has work, per cycle */
    double dla_mac_fp16_pj, dla_mac_int8_pj;
    double dla_sram_byte_pj;
    double dram_byte_pj;
    ep_voltage_curve gpu_voltage, dla_voltage;
    /* which rail feeds what: index into rails */
    uint32_t gpu_rail, dla_rail, dram_rail;
} ep_energy;

/* A power mode of nvpmodel. */
typedef struct ep_mode {
    const char *name; /* "MAXN", "15W": without MODE_ */
    double budget_w;  /* 0: none */
    bool is_default;
    int64_t cpu_online;
    double cpu_mhz;
    int64_t gpu_tpcs;
    double gpu_mhz;
    int64_t dla_cores;
    double dla_mhz;
    double dram_mhz;
} ep_mode;

typedef struct ep_machine {
    ep_arena *arena;
    const char *path;  /* of the file */
    const char *name;  /* file name without folder and ".yaml" */
    const char *title; /* "Jetson AGX Orin 64GB" */
    ep_gpu gpu;
    ep_dla dla;
    const char *dla_software; /* "trt-8.6": whose limits hold; NULL without a DLA */
    ep_dram dram;
    ep_cpu cpu;
    uint32_t n_rails;
    const ep_rail *rails;
    ep_energy energy;
    uint32_t n_modes;
    const ep_mode *modes; /* as in the file */
} ep_machine;

/* Loads `name` and what it inherits. With a slash it is a path; otherwise it is looked up, with and
 * without ".yaml", in the colon-separated folders of `search_path` (NULL: none), then in
 * `installed` (NULL: none). Errors: EP_BAD_FILE (with where it was looked for), EP_BAD_HARDWARE
 * with `file:line:column: key: ...` naming the value and the allowed range. `*out` is the caller's.
 */
ep_status ep_machine_load(const char *name, const char *search_path, const char *installed,
                          ep_machine **out, ep_error *err);
/* The same from text in memory, which cannot inherit; `path` is for messages. For tests and
 * fuzzers. */
ep_status ep_machine_parse(const char *text, size_t size, const char *path, ep_machine **out,
                           ep_error *err);
void ep_machine_free(ep_machine *machine); /* accepts NULL */

/* The mode of that name, with or without MODE_, upper or lower case; NULL: the default mode.
 * EP_BAD_USAGE lists the modes there are. */
ep_status ep_machine_mode(const ep_machine *machine, const char *name, const ep_mode **out,
                          ep_error *err);

/* An operating point. */
typedef struct ep_point {
    const ep_machine *machine;
    const ep_mode *mode;
    int64_t gpu_sms;
    double gpu_mhz;
    int64_t dla_cores;
    double dla_mhz;
    double dram_mhz;
    double cpu_mhz;
    double dram_gbps;     /* reachable by all together: peak x efficiency */
    double gpu_dram_gbps; /* by the GPU alone: its SMs and clock may limit first */
    double dla_dram_gbps; /* by one DLA core */
    double gpu_energy_scale, dla_energy_scale; /* (V(f) / the last voltage of the curve)^2 */
    double budget_w;
} ep_point;

ep_point ep_point_of(const ep_machine *machine, const ep_mode *mode);

/* The schema, one line a key ("gpu.sms  integer 1..256  streaming multiprocessors"), for the docs.
 * `*text` is the caller's, to be freed with ep_text_free. */
void ep_machine_schema(ep_text *text);

#endif
