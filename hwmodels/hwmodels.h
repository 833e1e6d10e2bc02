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

/* What the kernels of a library make of the hardware. */
typedef struct ep_gpu_kernels {
    /* share of the peak that the inner loops of matrix kernels reach */
    double sustained_fp16, sustained_tf32, sustained_int8, sustained_fp32;
    double shared_passes;    /* of an operand through shared memory: written, read by its warps */
    int64_t pipeline_stages; /* slices of operands that a matrix kernel has in shared memory */
    double step_cycles;      /* the least between two slices along k: barrier and latencies */
    double block_cycles;     /* of a block of a matrix kernel: first operands, writing the result */
    double split_cycles;     /* of bringing together the parts of a product that is split along k */
    double stream_cycles;    /* of a block of a memory-bound kernel: latency of its first load */
    double tap_cycles;       /* direct convolution: of each tap of its window, once a kernel */
    double direct_output_slots, direct_tap_slots; /* its issue slots an output, and a tap of it */
    double window_setup_us; /* of a convolution with a window: what its library does before */
} ep_gpu_kernels;

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
    double l2_bytes_per_sm_clock;   /* nor from L2 */
    double l2_bytes_per_clock;      /* L2 delivers to all SMs together, at the GPU's clock */
    double l2_kept_share;          /* of L2: a working set that large is evicted before its reuse */
    double shared_bytes_per_clock; /* an SM and cycle, from and to shared memory */
    /* of every kernel in a CUDA graph, launch, start and drain: what the front end of the GPU does
     * at its clock, and what it waits for whatever the clock */
    double launch_cycles, kernel_floor_us;
    ep_gpu_kernels kernels;
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
    bool deconv_stride_is_kernel; /* early versions */
    /* TensorRT turns square deconvolution kernels and strides in this range off */
    ep_range deconv_square_refused;
    ep_range pool_window, pool_padding, pool_stride;
    bool pool_inclusive_padding_only; /* Xavier */
    ep_range clip_max;                /* Clipped ReLU: min is 0 and max lies in here */
    ep_range resize_nearest_scale, resize_linear_scale;
    bool resize_nearest_only;        /* early versions: nearest, asymmetric, rounded down */
    bool softmax;                    /* false on Xavier */
    int64_t softmax_axis_max;        /* when another non-batch dimension exceeds 1 */
    int64_t softmax_axis_max_single; /* when none does */
    bool no_slice;                   /* early versions */
    bool slice_int8;                 /* Slice in INT8 as well as FP16 */
    bool normalize;                  /* Layer- and InstanceNormalization */
    bool reduce_max;
    bool div, pow, comparison, trigonometric; /* which later element-wise and unary functions */
    uint64_t sram_bytes_default, local_dram_bytes, global_dram_bytes; /* pools of one loadable */
} ep_dla_limits;

#define EP_MAX_PIPES 4

typedef struct ep_dla {
    const char *version; /* "v2" */
    int64_t cores;       /* 0: none; then nothing below is set */
    double clock_mhz_max;
    double int8_macs, fp16_macs; /* dense multiply-accumulates a core and cycle; fp16 empirical */
    int64_t pipes;               /* INT8 convolution pipes a core, all of them in int8_macs */
    int64_t atomic_c, atomic_k;  /* INT8: channels in and out that a pipe covers in a cycle */
    int64_t fp16_atomic_c, fp16_atomic_k; /* the same of FP16, a core */
    int64_t stripe_pixels;                /* of a row at a time, short ones take as long; 0: any */
    double sparse_speedup;                /* peak rate of 2:4 sparse weights over dense; 1: none */
    double sparse_rate;                   /* what convolutions reach of it; 0: all */
    int64_t cbuf_banks;
    uint64_t cbuf_bank_bytes;
    uint64_t sram_bytes;       /* a core */
    double pointwise_elements; /* a core and cycle, post-processor, INT8 */
    int64_t pool_line_pixels;  /* line buffer of a pooling behind a convolution; 0: any number */
    double dram_gbps;          /* the most a core pulls, at dram.clock_mhz_max */
    double pipe_gbps;          /* the most one of its units pulls; 0: as much as the core */
    uint64_t rubik_line_bytes; /* 0: FP16 convolution runs on the pipes, and Rubik has none */
    double rubik_gbps;         /* the most Rubik pulls; 0: as much as a pipe */
    double overlap; /* 0: compute and data movement add; 1: the longer one hides the other */
    double layer_gap_us, fill_cycles;    /* between two kernels; before the first result of a
                                            convolution on the pipes */
    double submit_us, submit_cpu_cycles; /* a loadable, there and back: beside the CPU, and on it */
    double reformat_us;                  /* hand-over of a tensor between GPU and DLA */
    double reformat_efficiency; /* share of the DRAM bandwidth that its change of layout reaches; 0:
                                   all of it */
    ep_dla_limits limits;
} ep_dla;

typedef struct ep_dram {
    const char *type; /* "LPDDR5" */
    uint64_t bytes;
    int64_t bus_bits;
    double clock_mhz_max;
    int64_t transfers_per_clock;
    double efficiency;  /* share of the peak that streams reach */
    double switch_loss; /* share of that lost if every access came from another unit than the one
                           before */
    bool uncontended;   /* a what-if: units never slow each other, as if each had it for itself */
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
    bool is_hidden; /* in the total, but the monitor does not show it */
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
    double gpu_cycle_nj;    /* the GPU while it runs anything, per cycle: clock tree, front end */
    double gpu_sm_cycle_nj; /* an SM that has work, per cycle */
    double gpu_mac_fp32_pj, gpu_mac_fp16_pj, gpu_mac_int8_pj;
    double gpu_l2_byte_pj;
    double dla_cycle_nj; /* a core that has work, per cycle */
    double dla_mac_fp16_pj, dla_mac_int8_pj;
    double dla_sram_byte_pj;
    double dram_byte_pj;
    double cpu_cycle_nj;       /* a CPU core at work, per cycle */
    double enqueue_cpu_cycles; /* of the CPU core that launches a kernel of the GPU */
    ep_voltage_curve gpu_voltage, dla_voltage, cpu_voltage;
    /* which rail feeds what: index into rails */
    uint32_t gpu_rail, dla_rail, dram_rail, cpu_rail;
} ep_energy;

/* From the mains to the module. */
typedef struct ep_supply {
    double carrier_w;  /* of the carrier board, in no rail */
    double efficiency; /* of the adapter; 0: not known, and nothing is said about the mains */
} ep_supply;

/* A place whose temperature is watched: heated by its rail, cooled by the heat sink. */
typedef struct ep_zone {
    const char *name; /* "GPU" */
    uint32_t rail;    /* index into rails */
    double k_per_w;   /* to the heat sink */
    double j_per_k;
} ep_zone;

typedef struct ep_heatsink {
    const char *name; /* "kit" */
    double k_per_w;   /* to ambient air */
    double j_per_k;
} ep_heatsink;

#define EP_MAX_ZONES 8

typedef struct ep_thermal {
    bool unverified;                /* constants without a source are among them */
    double throttle_c, shutdown_c;  /* trips of any zone; 0: nothing is known about heat */
    double hysteresis_k;            /* below throttle_c by this clocks rise again */
    double poll_s;                  /* how often that is looked at: a step of the clocks each */
    double leakage_w;               /* of the first zone at reference_c, part of its idle */
    double reference_c, doubling_k; /* it doubles every so many K; 0: it stays */
    uint32_t n_zones;
    const ep_zone *zones;
    uint32_t n_heatsinks;
    const ep_heatsink *heatsinks; /* the first is the usual one */
} ep_thermal;

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

/* Figures that a maker prints, and the clocks for which they hold. */
typedef struct ep_advertised {
    const char *mode; /* with its clocks and units; NULL: all units at their highest clocks */
    double gpu_clock_mhz, dla_clock_mhz, dram_clock_mhz; /* 0: that of the mode */
    /* 1e12 operations a second, 1e9 bytes a second; 0: not advertised */
    double gpu_int8_dense_tops, gpu_int8_sparse_tops, gpu_fp16_dense_tflops, gpu_fp32_tflops;
    double dla_int8_dense_tops, dla_int8_sparse_tops; /* of all cores */
    double int8_sparse_tops;                          /* GPU and DLA */
    double dram_gbps;
} ep_advertised;

typedef struct ep_machine {
    ep_arena *arena;
    const char *path;  /* of the file */
    const char *name;  /* file name without folder and ".yaml" */
    const char *title; /* "Jetson AGX Orin 64GB" */
    ep_gpu gpu;
    ep_dla dla;
    const char *dla_software; /* "trt-8.6": whose limits hold; NULL without a DLA */
    uint32_t n_dla_softwares;
    const char *const *dla_softwares; /* all whose limits the file has, in its order */
    ep_dram dram;
    ep_cpu cpu;
    uint32_t n_rails;
    const ep_rail *rails;
    const char *rails_total; /* what the board's monitor calls their sum, "VDD_IN"; or NULL */
    ep_energy energy;
    ep_supply supply;
    ep_thermal thermal;
    uint32_t n_modes;
    const ep_mode *modes; /* as in the file */
    uint32_t n_advertised;
    const ep_advertised *advertised;
    const char *overrides; /* what was set, "gpu.clock_mhz=900, dla.count=1"; NULL: nothing */
} ep_machine;

/* Where models are looked for by name, and what is changed about them. Zero-initialise. */
typedef struct ep_machine_options {
    const char *search_path, *installed; /* colon-separated folders, or NULL */
    uint32_t n_sets;
    const char *const *sets; /* "KEY=VALUE": keys of the schema ("gpu.sms=8", of a list item
                                "modes.30W.gpu_mhz=500", "rails.VDD_CPU_CV.idle_w=0.5"), or, for all
                                modes not so set, those of the operating point:
                                "gpu.clock_mhz=900" */
    const char *mode_file;   /* adds the power modes of this file, or replaces those of the same
                                names; its default, if it has one, holds. NULL: none */
} ep_machine_options;

/* Loads `name` and what it inherits. With a slash it is a path; otherwise it is looked up, with and
 * without ".yaml", in the folders of `search_path`, then of `installed`. Errors: EP_BAD_FILE (with
 * where it was looked for), EP_BAD_HARDWARE with `file:line:column: key: ...` naming the value and
 * the allowed range, EP_BAD_USAGE for a set that is wrong. `*out` is the caller's. */
ep_status ep_machine_load(const char *name, const ep_machine_options *options, ep_machine **out,
                          ep_error *err);
/* The same from text in memory, which cannot inherit; `path` is for messages. For tests and
 * fuzzers. */
ep_status ep_machine_parse(const char *text, size_t size, const char *path, ep_machine **out,
                           ep_error *err);

/* A file in memory; it is found by its path, which messages name too. */
typedef struct ep_machine_text {
    const char *path, *text;
    size_t size;
} ep_machine_text;

/* As ep_machine_load, but reads no file: `texts` are the model and, behind it, what it may inherit
 * and the mode file. `n` > 0. For tests and fuzzers. */
ep_status ep_machine_parse_texts(const ep_machine_text *texts, uint32_t n,
                                 const ep_machine_options *options, ep_machine **out,
                                 ep_error *err);
void ep_machine_free(ep_machine *machine); /* accepts NULL */

/* The mode of that name, with or without MODE_, upper or lower case; NULL: the default mode.
 * EP_BAD_USAGE lists the modes there are. */
ep_status ep_machine_mode(const ep_machine *machine, const char *name, const ep_mode **out,
                          ep_error *err);

/* Appends the value of a key of the schema as people read it: "dla.limits.conv_kernel" is "1..32",
 * "dla.cbuf_bank_bytes" "32 KiB", a truth "yes" or "no". False, and nothing appended, when there is
 * no such key, when it is a block or a list, or when the machine leaves it out. */
bool ep_machine_value(const ep_machine *machine, const char *key, ep_text *out);

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
    /* (V(f) / the last voltage of the curve)^2 */
    double gpu_energy_scale, dla_energy_scale, cpu_energy_scale;
    double budget_w;
} ep_point;

ep_point ep_point_of(const ep_machine *machine, const ep_mode *mode);

/* ---- derived figures ----------------------------------------------------------------------- */

typedef enum ep_math { EP_MATH_INT8, EP_MATH_FP16, EP_MATH_TF32, EP_MATH_FP32 } ep_math;
enum { EP_MATH_COUNT = EP_MATH_FP32 + 1 };

const char *ep_math_name(uint32_t math); /* "int8"; NULL past the last */

/* What a device computes at most, 1e12 operations a second; a multiply-accumulate is two. */
typedef struct ep_peak {
    double dense;  /* 0: it has no such math */
    double sparse; /* with 2:4 sparse weights; as dense where those gain nothing */
    double ridge;  /* operations a byte of DRAM: below, memory limits dense math first */
} ep_peak;

typedef struct ep_figures {
    ep_peak gpu[EP_MATH_COUNT];      /* INT8, FP16, TF32 on tensor cores where there are some */
    ep_peak dla_core[EP_MATH_COUNT]; /* of one core, alone; zero without a DLA */
    ep_peak dla[EP_MATH_COUNT];      /* of all powered cores at once */
    double dram_peak_gbps;           /* what streams reach of it: ep_point.dram_gbps */
} ep_figures;

ep_figures ep_figures_of(const ep_point *point);

/* All units at their highest clocks; no mode of the machine, and without a name. */
ep_mode ep_machine_highest(const ep_machine *machine);

/* An advertised figure beside the derived one. */
typedef struct ep_claim {
    const char *figure; /* its key: "gpu_int8_sparse_tops" */
    const char *mode;   /* NULL: the machine's highest clocks */
    double advertised, derived;
    double error_pct; /* of the derived one */
} ep_claim;

/* Derived and advertised differ by 5 % at most. */
bool ep_claim_holds(const ep_claim *claim);

/* All figures that the machine's file says are advertised, in its order, taken from `arena`.
 * EP_BAD_HARDWARE when one is of a mode that there is not. */
ep_status ep_machine_claims(const ep_machine *machine, ep_arena *arena, const ep_claim **out,
                            uint32_t *n, ep_error *err);

/* ---- many machines ------------------------------------------------------------------------- */

typedef struct ep_catalog_entry {
    const char *name;    /* as --hw takes it */
    const char *path;    /* where it was found */
    const char *same_as; /* the file has nothing of its own but that it inherits this; or NULL */
    ep_machine *machine; /* NULL: cannot be loaded */
    const char *error;   /* the line that says why; NULL when it can */
} ep_catalog_entry;

/* The machines that can be given by name. Opaque but for what it lists. */
typedef struct ep_catalog {
    ep_arena *arena;
    uint32_t n;
    ep_catalog_entry *entries; /* by name */
} ep_catalog;

/* Loads every NAME.yaml in the folders of the options; one that an earlier folder hides is not
 * listed, nor is what stands in folders of folders (parts). `*out` is the caller's. */
ep_status ep_catalog_load(const ep_machine_options *options, ep_catalog **out, ep_error *err);
void ep_catalog_free(ep_catalog *catalog); /* accepts NULL */

/* A key whose value differs. */
typedef struct ep_difference {
    const char *key;   /* "gpu.sms", "modes.30W.gpu_mhz"; "modes.40W": the whole item */
    const char *a, *b; /* values as the file has them; NULL: not there */
} ep_difference;

/* What differs between two machines, names of files and prose aside, in the order of the schema;
 * rails and modes are matched by name. Taken from `arena`. */
ep_status ep_machine_diff(const ep_machine *a, const ep_machine *b, ep_arena *arena,
                          const ep_difference **out, uint32_t *n, ep_error *err);

/* A key of the schema and its value as a file has it. */
typedef struct ep_setting {
    const char *key, *value;
} ep_setting;

/* All that the machine says but prose, in the order of the schema, taken from `arena`: two machines
 * for which it is the same predict the same. */
ep_status ep_machine_settings(const ep_machine *machine, ep_arena *arena, const ep_setting **out,
                              uint32_t *n, ep_error *err);

/* ---- files --------------------------------------------------------------------------------- */

/* The schema, one line a key ("gpu.sms  integer 1..256  streaming multiprocessors"), for the docs.
 * `*text` is the caller's, to be freed with ep_text_free. */
void ep_machine_schema(ep_text *text);
/* The same as JSON Schema, for editors. A file with `inherit`, and a part, which has no `title`,
 * may lack what others must have. */
void ep_machine_json_schema(ep_text *text);

/* Reads the power modes of an nvpmodel.conf and appends them as the `modes:` of a hardware model.
 * Clocks that the file leaves open (-1, 0 or no line) are the highest of `machine`; a note says
 * which. `path` is for messages and the source. Errors: EP_BAD_HARDWARE with
 * `file:line:column: ...`. */
ep_status ep_nvpmodel_modes(const char *text, size_t size, const char *path,
                            const ep_machine *machine, ep_text *out, ep_error *err);

#endif
