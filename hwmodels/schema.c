#include "hwmodels/schema.h"

#include <assert.h>
#include <stdio.h>

/* Offset of a member, refused by the compiler when the member has another type. */
#define AT(T, m, type) _Generic(((T *)0)->m, type : offsetof(T, m))

#define ROW(T, m, id, type, when, low, high, text)                                                 \
    {                                                                                              \
        .key = #m, .kind = EP__##id, .presence = EP__##when, .min = (low), .max = (high),          \
        .offset = AT(T, m, type), .doc = (text)                                                    \
    }
#define INTEGER(T, m, when, low, high, text) ROW(T, m, INTEGER, int64_t, when, low, high, text)
#define NUMBER(T, m, when, low, high, text) ROW(T, m, NUMBER, double, when, low, high, text)
#define BYTES(T, m, when, low, high, text) ROW(T, m, BYTES, uint64_t, when, low, high, text)
#define BOOL(T, m, when, text) ROW(T, m, BOOL, bool, when, 0, 1, text)
#define TEXT(T, m, when, text) ROW(T, m, TEXT, const char *, when, 1, 64, text)
#define RANGE(T, m, when, low, high, text) ROW(T, m, RANGE, ep_range, when, low, high, text)
#define CURVE(T, m, when, text) ROW(T, m, CURVE, ep_voltage_curve, when, 0.2, 2, text)
#define RAIL(T, m, when, text) ROW(T, m, RAIL, uint32_t, when, 0, 0, text)
#define BLOCK(T, m, type, when, rows, text)                                                        \
    {                                                                                              \
        .key = #m, .kind = EP__BLOCK, .presence = EP__##when, .offset = AT(T, m, type),            \
        .block = (rows), .doc = (text)                                                             \
    }
#define LIST(T, m, count, type, when, high, rows, text)                                            \
    {                                                                                              \
        .key = #m, .kind = EP__LIST, .presence = EP__##when, .max = (high),                        \
        .min = EP__##when == EP__REQUIRED, .offset = AT(T, m, const type *),                       \
        .count_offset = AT(T, count, uint32_t), .block = (rows), .doc = (text)                     \
    }
#define SOURCE(when)                                                                               \
    {                                                                                              \
        .key = "source", .kind = EP__PROSE, .presence = EP__##when,                                \
        .doc = "where the block's numbers come from: datasheet, published, nvpmodel, measured, "   \
               "fitted, derived, unverified"                                                       \
    }
#define NOTE                                                                                       \
    {                                                                                              \
        .key = "note", .kind = EP__PROSE, .presence = EP__OPTIONAL, .doc = "remarks"               \
    }

#define TABLE(name, T, rows)                                                                       \
    _Static_assert(sizeof(rows) / sizeof *(rows) <= EP__MAX_FIELDS, "raise EP__MAX_FIELDS");       \
    static const ep__block name = {sizeof(T), sizeof(rows) / sizeof *(rows), rows}

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)
#define MHZ_MAX 20000

static const ep__field kernels_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    NUMBER(ep_gpu_kernels, sustained_fp16, REQUIRED, 0.01, 1,
           "share of tensor_fp16 that inner loops of matrix kernels reach"),
    NUMBER(ep_gpu_kernels, sustained_tf32, REQUIRED, 0.01, 1, "the same of tensor_tf32"),
    NUMBER(ep_gpu_kernels, sustained_int8, REQUIRED, 0.01, 1, "the same of tensor_int8"),
    NUMBER(ep_gpu_kernels, sustained_fp32, REQUIRED, 0.01, 1, "the same of fp32_fma"),
    NUMBER(
        ep_gpu_kernels, shared_passes, REQUIRED, 0, 64,
        "of an operand of a matrix kernel through shared memory: written once, read by its warps"),
    INTEGER(ep_gpu_kernels, pipeline_stages, REQUIRED, 1, 16,
            "slices of its operands that a matrix kernel holds in shared memory"),
    NUMBER(ep_gpu_kernels, step_cycles, REQUIRED, 0, 1e6,
           "the least between two slices along k of a matrix kernel: barrier and latencies"),
    NUMBER(
        ep_gpu_kernels, block_cycles, REQUIRED, 0, 1e6,
        "of a block of a matrix kernel: until its first operands are there, to write its result"),
    NUMBER(ep_gpu_kernels, split_cycles, REQUIRED, 0, 1e6,
           "to bring together the parts of a product that is split along k"),
    NUMBER(ep_gpu_kernels, stream_cycles, REQUIRED, 0, 1e6,
           "of a block of a memory-bound kernel: until its first operands are there"),
    NUMBER(ep_gpu_kernels, tap_cycles, REQUIRED, 0, 1e6,
           "direct convolution: of each tap of its window, once a kernel"),
    NUMBER(ep_gpu_kernels, direct_output_slots, REQUIRED, 0, 1e6,
           "direct convolution: issue slots of an FP32 lane an output, addresses and bounds"),
    NUMBER(ep_gpu_kernels, direct_tap_slots, REQUIRED, 0.01, 1e6,
           "the same of each tap of its window"),
    NUMBER(ep_gpu_kernels, window_setup_us, REQUIRED, 0, 1000,
           "what a library does before a convolution with a window: tables of offsets"),
    INTEGER(ep_gpu_kernels, fp32_sums, OPTIONAL, 0, 1,
            "1: FP16 kernels add up in FP32, at fp32_accumulate_ratio; 0: in FP16"),
    NUMBER(ep_gpu_kernels, cluster_blocks, OPTIONAL, 1, 16,
           "FP16 products that are no convolutions: blocks that load together, of warp groups with "
           "tiles of finer sizes; 1: no such kernels"),
    INTEGER(ep_gpu_kernels, int8_columns, OPTIONAL, 0, 1024,
            "INT8 products that are no convolutions: small tiles need multiples of as many "
            "columns; 0: of any"),
    NUMBER(ep_gpu_kernels, int8_warp_passes, OPTIONAL, 0, 64,
           "INT8 products that are no convolutions: shared_passes of kernels whose warps read "
           "operands and multiply in turn; 0: they do both at a time"),
};
TABLE(kernels_block, ep_gpu_kernels, kernels_rows);

static const ep__field gpu_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_gpu, arch, REQUIRED, "architecture, as compilers name it"),
    INTEGER(ep_gpu, sms, REQUIRED, 1, 256, "streaming multiprocessors"),
    INTEGER(ep_gpu, sms_per_tpc, REQUIRED, 1, 16, "SMs that are powered together"),
    NUMBER(ep_gpu, clock_mhz_max, REQUIRED, 1, MHZ_MAX, "highest clock"),
    BYTES(ep_gpu, l2_bytes, REQUIRED, KIB, GIB, "L2 cache"),
    BYTES(ep_gpu, shared_bytes_per_sm, REQUIRED, KIB, 16 * MIB, "shared memory of an SM"),
    INTEGER(ep_gpu, registers_per_sm, REQUIRED, 1024, 1 << 24, "32-bit registers of an SM"),
    INTEGER(ep_gpu, threads_per_sm, REQUIRED, 32, 65536, "resident threads of an SM"),
    INTEGER(ep_gpu, blocks_per_sm, REQUIRED, 1, 1024, "resident thread blocks of an SM"),
    NUMBER(ep_gpu, fp32_fma, REQUIRED, 1, 1e6, "FP32 multiply-adds an SM and cycle"),
    NUMBER(ep_gpu, fp16_fma, REQUIRED, 1, 1e6,
           "FP16 multiply-adds an SM and cycle, no tensor core"),
    NUMBER(ep_gpu, tensor_tf32, REQUIRED, 0, 1e6,
           "dense TF32 tensor MACs an SM and cycle; 0: none"),
    NUMBER(ep_gpu, tensor_fp16, REQUIRED, 0, 1e6,
           "dense FP16 tensor MACs an SM and cycle, FP16 accumulation; 0: none"),
    NUMBER(ep_gpu, tensor_int8, REQUIRED, 0, 1e6,
           "dense INT8 tensor MACs an SM and cycle; 0: none"),
    NUMBER(ep_gpu, sfu, REQUIRED, 1, 1e6, "special functions (exp, rsqrt) an SM and cycle"),
    NUMBER(ep_gpu, fp32_accumulate_ratio, REQUIRED, 0.01, 1,
           "rate of FP16 and TF32 tensor math that accumulates in FP32, as a share of the above"),
    NUMBER(ep_gpu, sparse_speedup, REQUIRED, 1, 4, "of 2:4 sparse weights; 1: none"),
    NUMBER(ep_gpu, dram_bytes_per_sm_clock, REQUIRED, 0.1, 1e5,
           "the most an SM pulls from memory a cycle"),
    NUMBER(ep_gpu, l2_bytes_per_sm_clock, REQUIRED, 0.1, 1e5,
           "the most an SM pulls from L2 a cycle"),
    NUMBER(ep_gpu, l2_bytes_per_clock, REQUIRED, 0.1, 1e6,
           "the most all SMs together pull from L2 a cycle of the GPU"),
    NUMBER(ep_gpu, l2_kept_share, REQUIRED, 0, 1,
           "of L2: the working set of which nothing is left when it is read again"),
    NUMBER(ep_gpu, shared_bytes_per_clock, REQUIRED, 1, 1e5, "shared-memory bytes an SM and cycle"),
    NUMBER(ep_gpu, launch_cycles, REQUIRED, 0, 1e6,
           "of every kernel in a CUDA graph: launch, start and drain, at the GPU's clock"),
    NUMBER(ep_gpu, kernel_floor_us, REQUIRED, 0, 1000,
           "of every kernel, beside its launch_cycles: what takes as long at any clock"),
    BLOCK(ep_gpu, kernels, ep_gpu_kernels, REQUIRED, &kernels_block,
          "what the kernels of a library make of it"),
};
TABLE(gpu_block, ep_gpu, gpu_rows);

static const ep__field limits_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    INTEGER(ep_dla_limits, batch_max, REQUIRED, 1, 1 << 20,
            "product of all dimensions but C, H, W"),
    INTEGER(ep_dla_limits, dim_max, REQUIRED, 1, 1 << 20, "each of C, H, W"),
    INTEGER(ep_dla_limits, loadables_per_core, REQUIRED, 1, 1024, "loaded at once on a core"),
    INTEGER(ep_dla_limits, loadables_total, REQUIRED, 1, 1024, "loaded at once on all cores"),
    RANGE(ep_dla_limits, conv_kernel, REQUIRED, 1, 1 << 20, "convolution: kernel height, width"),
    RANGE(ep_dla_limits, conv_padding, REQUIRED, 0, 1 << 20, "convolution: padding"),
    RANGE(ep_dla_limits, conv_stride, REQUIRED, 1, 1 << 20, "convolution: stride"),
    RANGE(ep_dla_limits, conv_dilation, REQUIRED, 1, 1 << 20, "convolution: dilation"),
    RANGE(ep_dla_limits, conv_groups, REQUIRED, 1, 1 << 20, "convolution: groups"),
    RANGE(ep_dla_limits, conv_channels, REQUIRED, 1, 1 << 20, "convolution: channels in, out"),
    RANGE(ep_dla_limits, deconv_kernel, REQUIRED, 1, 1 << 20, "deconvolution: kernel"),
    RANGE(ep_dla_limits, deconv_stride, REQUIRED, 1, 1 << 20, "deconvolution: stride"),
    RANGE(ep_dla_limits, deconv_channels, REQUIRED, 1, 1 << 20, "deconvolution: channels in, out"),
    INTEGER(ep_dla_limits, deconv_padding_max, REQUIRED, 0, 1 << 20, "deconvolution: padding"),
    INTEGER(ep_dla_limits, deconv_groups_max, REQUIRED, 1, 1 << 20, "deconvolution: groups"),
    INTEGER(ep_dla_limits, deconv_dilation_max, REQUIRED, 1, 1 << 20, "deconvolution: dilation"),
    BOOL(ep_dla_limits, deconv_stride_is_kernel, OPTIONAL,
         "deconvolution: the stride must be the kernel"),
    RANGE(ep_dla_limits, deconv_square_refused, OPTIONAL, 1, 1 << 20,
          "deconvolution: square kernels and strides that the builder turns off"),
    RANGE(ep_dla_limits, pool_window, REQUIRED, 1, 1 << 20, "pooling: window height, width"),
    RANGE(ep_dla_limits, pool_padding, REQUIRED, 0, 1 << 20, "pooling: padding"),
    RANGE(ep_dla_limits, pool_stride, REQUIRED, 1, 1 << 20, "pooling: stride"),
    BOOL(ep_dla_limits, pool_inclusive_padding_only, OPTIONAL,
         "average pooling must count its padding"),
    RANGE(ep_dla_limits, clip_max, REQUIRED, 1, 1 << 20, "Clipped ReLU: upper bound"),
    RANGE(ep_dla_limits, resize_nearest_scale, REQUIRED, 1, 1 << 20, "Resize, nearest: scale"),
    RANGE(ep_dla_limits, resize_linear_scale, REQUIRED, 1, 1 << 20, "Resize, bilinear: scale"),
    BOOL(ep_dla_limits, resize_nearest_only, OPTIONAL,
         "Resize must be nearest, asymmetric, rounded down"),
    BOOL(ep_dla_limits, softmax, REQUIRED, "Softmax runs on the DLA"),
    INTEGER(ep_dla_limits, softmax_axis_max, REQUIRED, 0, 1 << 20,
            "Softmax: axis when another non-batch dimension exceeds 1"),
    INTEGER(ep_dla_limits, softmax_axis_max_single, REQUIRED, 0, 1 << 20,
            "Softmax: axis when no other non-batch dimension exceeds 1"),
    BOOL(ep_dla_limits, no_slice, OPTIONAL, "Slice and Split do not run on the DLA"),
    BOOL(ep_dla_limits, slice_int8, REQUIRED, "Slice in INT8 as well as FP16"),
    BOOL(ep_dla_limits, normalize, OPTIONAL, "Layer- and InstanceNormalization"),
    BOOL(ep_dla_limits, reduce_max, REQUIRED, "ReduceMax, GlobalMaxPool"),
    BOOL(ep_dla_limits, div, REQUIRED, "element-wise Div"),
    BOOL(ep_dla_limits, pow, REQUIRED, "element-wise Pow"),
    BOOL(ep_dla_limits, comparison, REQUIRED, "Equal, Greater, Less"),
    BOOL(ep_dla_limits, trigonometric, REQUIRED, "Sin, Cos, Atan"),
    BYTES(ep_dla_limits, sram_bytes_default, REQUIRED, 0, GIB, "managed SRAM of one loadable"),
    BYTES(ep_dla_limits, local_dram_bytes, REQUIRED, 4 * KIB, 1024 * GIB,
          "intermediate tensors of one loadable"),
    BYTES(ep_dla_limits, global_dram_bytes, REQUIRED, 4 * KIB, 1024 * GIB,
          "weights of one loadable"),
};
TABLE(limits_block, ep_dla_limits, limits_rows);

static const ep__field dla_rows[] = {
    INTEGER(ep_dla, cores, REQUIRED, 0, 2, "DLA cores; 0: none, and nothing else is needed"),
    SOURCE(WITH_DLA),
    NOTE,
    TEXT(ep_dla, version, WITH_DLA, "v1 (Xavier) or v2 (Orin)"),
    NUMBER(ep_dla, clock_mhz_max, WITH_DLA, 1, MHZ_MAX, "highest clock"),
    NUMBER(ep_dla, int8_macs, WITH_DLA, 1, 1e6, "dense INT8 MACs a core and cycle"),
    NUMBER(ep_dla, fp16_macs, WITH_DLA, 1, 1e6, "dense FP16 MACs a core and cycle"),
    INTEGER(ep_dla, pipes, WITH_DLA, 1, EP_MAX_PIPES, "INT8 convolution pipes a core"),
    INTEGER(ep_dla, atomic_c, WITH_DLA, 1, 4096, "INT8: input channels a pipe and cycle"),
    INTEGER(ep_dla, atomic_k, WITH_DLA, 1, 4096, "INT8: output channels a pipe and cycle"),
    INTEGER(ep_dla, fp16_atomic_c, WITH_DLA, 1, 4096, "FP16: input channels a core and cycle"),
    INTEGER(ep_dla, fp16_atomic_k, WITH_DLA, 1, 4096, "FP16: output channels a core and cycle"),
    INTEGER(ep_dla, stripe_pixels, DLA_OPTIONAL, 0, 4096,
            "pixels of a row that a pipe takes at a time; fewer take as long; 0: any number"),
    NUMBER(ep_dla, sparse_speedup, WITH_DLA, 1, 4, "of 2:4 sparse weights; 1: none"),
    NUMBER(ep_dla, sparse_rate, DLA_OPTIONAL, 0, 4,
           "what convolutions reach of sparse_speedup; 0: all of it"),
    INTEGER(ep_dla, cbuf_banks, WITH_DLA, 2, 1024, "banks of the convolution buffer"),
    BYTES(ep_dla, cbuf_bank_bytes, WITH_DLA, 256, 16 * MIB, "one bank"),
    BYTES(ep_dla, sram_bytes, WITH_DLA, 0, GIB, "SRAM of a core"),
    NUMBER(ep_dla, pointwise_elements, WITH_DLA, 0.1, 1e6,
           "INT8 elements that a core's post-processors take a cycle"),
    INTEGER(ep_dla, pool_line_pixels, DLA_OPTIONAL, 0, 1 << 20,
            "of the lines that a pooling on the fly keeps open; 0: any number"),
    NUMBER(ep_dla, dram_gbps, WITH_DLA, 0.01, 1e5,
           "GB/s, the most a core pulls at dram.clock_mhz_max"),
    NUMBER(ep_dla, pipe_gbps, DLA_OPTIONAL, 0, 1e5,
           "GB/s, the most one of its units pulls; 0: as much as the core"),
    BYTES(ep_dla, rubik_line_bytes, DLA_OPTIONAL, 0, 64 * KIB,
          "of a row for which FP16 convolution reads all weights, on Rubik; 0: on the pipes"),
    NUMBER(ep_dla, rubik_gbps, DLA_OPTIONAL, 0, 1e5, "GB/s that Rubik pulls; 0: as a pipe"),
    NUMBER(ep_dla, overlap, WITH_DLA, 0, 1,
           "0: compute and data movement add; 1: the longer hides the other"),
    NUMBER(ep_dla, layer_gap_us, WITH_DLA, 0, 1000, "between two layers"),
    NUMBER(ep_dla, fill_cycles, DLA_OPTIONAL, 0, 1e7,
           "cycles before the first result of a convolution on the pipes"),
    NUMBER(ep_dla, submit_us, WITH_DLA, 0, 1e5,
           "submission of a loadable and notice of its end, beside the CPU's part"),
    NUMBER(ep_dla, submit_cpu_cycles, DLA_OPTIONAL, 0, 1e9, "CPU cycles of the same"),
    NUMBER(ep_dla, reformat_us, DLA_OPTIONAL, 0, 1e5, "hand-over of a tensor between GPU and DLA"),
    NUMBER(ep_dla, reformat_efficiency, DLA_OPTIONAL, 0, 1,
           "share of the DRAM bandwidth that its change of layout reaches; 0: all of it"),
    BLOCK(ep_dla, limits, ep_dla_limits, WITH_DLA, &limits_block,
          "bounds that the DLA rules print: a mapping of software names to sets of these; `like: "
          "NAME` in "
          "a set starts from another"),
};
TABLE(dla_block, ep_dla, dla_rows);

static const ep__field dram_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_dram, type, REQUIRED, "LPDDR5, HBM3e, ..."),
    BYTES(ep_dram, bytes, REQUIRED, MIB, 4096 * GIB, "capacity"),
    INTEGER(ep_dram, bus_bits, REQUIRED, 8, 65536, "width of the bus"),
    NUMBER(ep_dram, clock_mhz_max, REQUIRED, 1, MHZ_MAX, "highest clock"),
    INTEGER(ep_dram, transfers_per_clock, REQUIRED, 1, 16, "2: double data rate"),
    NUMBER(ep_dram, efficiency, REQUIRED, 0.01, 1, "share of the peak that streams reach"),
    NUMBER(ep_dram, switch_loss, OPTIONAL, 0, 0.9,
           "share of it lost if every access came from another unit than the one before; 0 if left "
           "out"),
    BOOL(ep_dram, uncontended, OPTIONAL,
         "a what-if: units never slow each other, as if each had the memory for itself"),
};
TABLE(dram_block, ep_dram, dram_rows);

static const ep__field cpu_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_cpu, cores_name, REQUIRED, "kind of core"),
    INTEGER(ep_cpu, cores, REQUIRED, 1, 1024, "cores"),
    NUMBER(ep_cpu, clock_mhz_max, REQUIRED, 1, MHZ_MAX, "highest clock"),
};
TABLE(cpu_block, ep_cpu, cpu_rows);

static const ep__field rail_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_rail, name, REQUIRED, "as the board's monitor shows it"),
    NUMBER(ep_rail, idle_w, REQUIRED, 0, 1e4, "W, nothing running"),
    {.key = "hidden",
     .kind = EP__BOOL,
     .presence = EP__OPTIONAL,
     .max = 1,
     .offset = AT(ep_rail, is_hidden, bool),
     .doc = "in rails_total, but the board's monitor has no line for it"},
};
TABLE(rail_block, ep_rail, rail_rows);

#define PJ_MAX 1e6
static const ep__field energy_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    NUMBER(ep_energy, gpu_cycle_nj, OPTIONAL, 0, 1e6,
           "nJ, the GPU while it runs anything, per cycle: clock tree, front end, L2"),
    NUMBER(ep_energy, gpu_sm_cycle_nj, REQUIRED, 0, 1e6, "nJ, an SM with work, per cycle"),
    NUMBER(ep_energy, gpu_mac_fp32_pj, REQUIRED, 0, PJ_MAX, "pJ, FP32 or TF32 MAC on the GPU"),
    NUMBER(ep_energy, gpu_mac_fp16_pj, REQUIRED, 0, PJ_MAX, "pJ, FP16 MAC on the GPU"),
    NUMBER(ep_energy, gpu_mac_int8_pj, REQUIRED, 0, PJ_MAX, "pJ, INT8 MAC on the GPU"),
    NUMBER(ep_energy, gpu_l2_byte_pj, REQUIRED, 0, PJ_MAX, "pJ, byte between L2 and an SM"),
    NUMBER(ep_energy, dla_cycle_nj, WITH_DLA, 0, 1e6, "nJ, a DLA core with work, per cycle"),
    NUMBER(ep_energy, dla_mac_fp16_pj, WITH_DLA, 0, PJ_MAX, "pJ, FP16 MAC on the DLA"),
    NUMBER(ep_energy, dla_mac_int8_pj, WITH_DLA, 0, PJ_MAX, "pJ, INT8 MAC on the DLA"),
    NUMBER(ep_energy, dla_sram_byte_pj, WITH_DLA, 0, PJ_MAX, "pJ, byte to or from DLA SRAM"),
    NUMBER(ep_energy, dram_byte_pj, REQUIRED, 0, PJ_MAX, "pJ, byte to or from memory"),
    NUMBER(ep_energy, cpu_cycle_nj, OPTIONAL, 0, 1e6, "nJ, a CPU core at work, per cycle"),
    NUMBER(ep_energy, enqueue_cpu_cycles, OPTIONAL, 0, 1e9,
           "CPU cycles to launch a kernel of the GPU, on one core"),
    CURVE(ep_energy, gpu_voltage, REQUIRED, "GPU: linear between points, flat outside"),
    CURVE(ep_energy, dla_voltage, WITH_DLA, "DLA: the same"),
    CURVE(ep_energy, cpu_voltage, OPTIONAL, "CPU: the same"),
    RAIL(ep_energy, gpu_rail, REQUIRED, "that feeds the GPU"),
    RAIL(ep_energy, dla_rail, WITH_DLA, "that feeds the DLA"),
    RAIL(ep_energy, dram_rail, REQUIRED, "on which memory traffic shows"),
    RAIL(ep_energy, cpu_rail, OPTIONAL, "that feeds the CPU; the first when left out"),
};
TABLE(energy_block, ep_energy, energy_rows);

static const ep__field supply_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    NUMBER(ep_supply, carrier_w, REQUIRED, 0, 1e4, "W of the carrier board that no rail shows"),
    NUMBER(ep_supply, efficiency, REQUIRED, 0.1, 1, "of the adapter"),
};
TABLE(supply_block, ep_supply, supply_rows);

static const ep__field zone_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_zone, name, REQUIRED, "as the board's monitor calls it"),
    RAIL(ep_zone, rail, REQUIRED, "that heats it"),
    NUMBER(ep_zone, k_per_w, REQUIRED, 0.001, 1000, "K a W, to the heat sink"),
    NUMBER(ep_zone, j_per_k, REQUIRED, 0.001, 1e6, "J to warm it by a K"),
};
TABLE(zone_block, ep_zone, zone_rows);

static const ep__field heatsink_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_heatsink, name, REQUIRED, "as --heatsink takes it"),
    NUMBER(ep_heatsink, k_per_w, REQUIRED, 0.001, 1000, "K a W, to the air"),
    NUMBER(ep_heatsink, j_per_k, REQUIRED, 0.001, 1e6, "J to warm it by a K"),
};
TABLE(heatsink_block, ep_heatsink, heatsink_rows);

static const ep__field thermal_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    BOOL(ep_thermal, unverified, OPTIONAL, "some of it has no source: what is printed says so"),
    NUMBER(ep_thermal, throttle_c, REQUIRED, 30, 200, "C of a zone: clocks go down"),
    NUMBER(ep_thermal, shutdown_c, REQUIRED, 30, 200, "C of a zone: the module goes off"),
    NUMBER(ep_thermal, hysteresis_k, REQUIRED, 0, 50, "K below throttle_c: clocks go up again"),
    NUMBER(ep_thermal, poll_s, REQUIRED, 0.1, 60, "s between two looks, a step of the clocks each"),
    NUMBER(ep_thermal, leakage_w, OPTIONAL, 0, 1000,
           "W of leakage in the idle of the first zone, at reference_c"),
    NUMBER(ep_thermal, reference_c, OPTIONAL, -50, 150, "C at which idle was measured"),
    NUMBER(ep_thermal, doubling_k, OPTIONAL, 0, 1000, "K by which leakage doubles; 0: it stays"),
    LIST(ep_thermal, zones, n_zones, ep_zone, REQUIRED, EP_MAX_ZONES, &zone_block,
         "where temperature is watched"),
    LIST(ep_thermal, heatsinks, n_heatsinks, ep_heatsink, REQUIRED, 16, &heatsink_block,
         "what --heatsink offers, the usual one first"),
};
TABLE(thermal_block, ep_thermal, thermal_rows);

static const ep__field mode_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_mode, name, REQUIRED, "as nvpmodel has it, without MODE_"),
    NUMBER(ep_mode, budget_w, REQUIRED, 0, 1e5, "W; 0: none"),
    {.key = "default",
     .kind = EP__BOOL,
     .presence = EP__OPTIONAL,
     .max = 1,
     .offset = AT(ep_mode, is_default, bool),
     .doc = "the mode after flashing; exactly one has it"},
    INTEGER(ep_mode, cpu_online, REQUIRED, 1, 1024, "CPU cores online, at most cpu.cores"),
    NUMBER(ep_mode, cpu_mhz, REQUIRED, 1, MHZ_MAX, "at most cpu.clock_mhz_max"),
    INTEGER(ep_mode, gpu_tpcs, REQUIRED, 1, 256, "TPCs powered, at most gpu.sms / gpu.sms_per_tpc"),
    NUMBER(ep_mode, gpu_mhz, REQUIRED, 1, MHZ_MAX, "at most gpu.clock_mhz_max"),
    INTEGER(ep_mode, dla_cores, WITH_DLA, 0, 2, "DLA cores powered, at most dla.cores"),
    NUMBER(ep_mode, dla_mhz, WITH_DLA, 0, MHZ_MAX, "at most dla.clock_mhz_max"),
    NUMBER(ep_mode, dram_mhz, REQUIRED, 1, MHZ_MAX, "at most dram.clock_mhz_max"),
};
TABLE(mode_block, ep_mode, mode_rows);

static const ep__field advertised_rows[] = {
    SOURCE(REQUIRED),
    NOTE,
    TEXT(ep_advertised, mode, OPTIONAL,
         "the mode in which they hold; without: all units at their highest clocks"),
    NUMBER(ep_advertised, gpu_clock_mhz, OPTIONAL, 1, MHZ_MAX, "for which they hold"),
    NUMBER(ep_advertised, dla_clock_mhz, OPTIONAL, 1, MHZ_MAX, "for which they hold"),
    NUMBER(ep_advertised, dram_clock_mhz, OPTIONAL, 1, MHZ_MAX, "for which they hold"),
#define X(m, derived, text) NUMBER(ep_advertised, m, OPTIONAL, 1e-3, 1e9, text),
    EP__ADVERTISED_MAP(X)
#undef X
};
TABLE(advertised_block, ep_advertised, advertised_rows);

static const ep__field machine_rows[] = {
    {.key = "inherit",
     .kind = EP__PARENTS,
     .presence = EP__OPTIONAL,
     .doc = "models and parts to start from, sought beside this file, then as models are; mappings "
            "merge, of other values the later parent's and then this file's hold"},
    NOTE,
    TEXT(ep_machine, title, REQUIRED, "name of the module, for people"),
    BLOCK(ep_machine, gpu, ep_gpu, REQUIRED, &gpu_block, "the GPU"),
    BLOCK(ep_machine, dla, ep_dla, OPTIONAL, &dla_block, "the DLA cores"),
    TEXT(ep_machine, dla_software, WITH_DLA,
         "software that runs the DLA: names the set of dla.limits that holds"),
    BLOCK(ep_machine, dram, ep_dram, REQUIRED, &dram_block, "the memory that all share"),
    BLOCK(ep_machine, cpu, ep_cpu, REQUIRED, &cpu_block, "the CPU"),
    LIST(ep_machine, rails, n_rails, ep_rail, REQUIRED, 16, &rail_block,
         "power rails; their sum is the module"),
    TEXT(ep_machine, rails_total, OPTIONAL, "what the board's monitor calls the sum of the rails"),
    BLOCK(ep_machine, energy, ep_energy, REQUIRED, &energy_block,
          "switching energy, at the last voltage of the curves"),
    BLOCK(ep_machine, supply, ep_supply, OPTIONAL, &supply_block, "from the mains to the module"),
    BLOCK(ep_machine, thermal, ep_thermal, OPTIONAL, &thermal_block, "how it warms and throttles"),
    LIST(ep_machine, modes, n_modes, ep_mode, REQUIRED, 32, &mode_block, "power modes"),
    LIST(ep_machine, advertised, n_advertised, ep_advertised, OPTIONAL, 16, &advertised_block,
         "figures that the maker prints, to check the others against: 'plan hw check'"),
};
TABLE(machine_block, ep_machine, machine_rows);

const ep__block *ep__machine_block(void)
{
    return &machine_block;
}

const char *ep__kind_words(ep__kind kind)
{
    static const char *const words[] = {
        [EP__INTEGER] = "integer",       [EP__NUMBER] = "number",
        [EP__BYTES] = "bytes",           [EP__BOOL] = "true or false",
        [EP__TEXT] = "text of one line", [EP__PROSE] = "text",
        [EP__RANGE] = "[min, max]",      [EP__CURVE] = "list of [MHz, volt]",
        [EP__RAIL] = "name of a rail",   [EP__PARENTS] = "list of file names",
        [EP__BLOCK] = "mapping",         [EP__LIST] = "list",
    };
    return words[kind];
}

ep__words ep__bytes_words(uint64_t bytes)
{
    static const char *const units[] = {"", " KiB", " MiB", " GiB"};
    unsigned unit = 0;
    for (; unit < 3 && bytes > 0 && bytes % 1024 == 0; unit++) bytes /= 1024;
    ep__words words;
    (void)snprintf(words.text, sizeof words.text, "%llu%s", (unsigned long long)bytes, units[unit]);
    return words;
}

ep__words ep__bounds_words(const ep__field *field)
{
    ep__words words = {""};
    switch (field->kind) {
    case EP__INTEGER:
    case EP__NUMBER:
    case EP__RANGE:
        (void)snprintf(words.text, sizeof words.text, "%.12g..%.12g", field->min, field->max);
        break;
    case EP__CURVE:
        (void)snprintf(words.text, sizeof words.text, "%.12g..%.12g V", field->min, field->max);
        break;
    case EP__BYTES:
        (void)snprintf(words.text, sizeof words.text, "%.30s..%.30s",
                       ep__bytes_words((uint64_t)field->min).text,
                       ep__bytes_words((uint64_t)field->max).text);
        break;
    case EP__TEXT:
        (void)snprintf(words.text, sizeof words.text, "%.12g..%.12g bytes", field->min, field->max);
        break;
    case EP__LIST:
        (void)snprintf(words.text, sizeof words.text, "%.12g..%.12g items", field->min, field->max);
        break;
    default: break;
    }
    return words;
}

static const char *presence_words(ep__presence presence)
{
    switch (presence) {
    case EP__OPTIONAL: return ", optional";
    case EP__DLA_OPTIONAL: return ", optional with a DLA";
    case EP__WITH_DLA: return ", with a DLA";
    case EP__REQUIRED: break;
    }
    return "";
}

static void print_field(ep_text *text, const char *prefix, const ep__field *field)
{
    const ep__words bounds = ep__bounds_words(field);
    ep_text_printf(text, "%s%s  %s%s%s%s  %s\n", prefix, field->key, ep__kind_words(field->kind),
                   bounds.text[0] ? " " : "", bounds.text, presence_words(field->presence),
                   field->doc);
}

static void print_block(ep_text *text, const char *prefix, const ep__block *block)
{
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const ep__field *field = &block->fields[i];
        print_field(text, prefix, field);
        if (!field->block) continue;
        char inner[64];
        const int length = snprintf(inner, sizeof inner, "%s%s%s.", prefix, field->key,
                                    field->kind == EP__LIST ? "[]" : "");
        assert(length > 0 && (size_t)length < sizeof inner);
        (void)length;
        print_block(text, inner, field->block);
    }
}

void ep_machine_schema(ep_text *text)
{
    print_block(text, "", &machine_block);
}
