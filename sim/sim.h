/* sim: how long and how many joules?
 *
 * The cost of a kernel is not a time but counts that do not depend on clocks (ep_phases): cycles on
 * the units that work, bytes from each memory level, multiply-accumulates. A kernel can be run in
 * several ways, its tactics, each with its own phases. An operating point (hwmodels) turns phases
 * into nanoseconds and nanojoules; the builder of an engine times every tactic on the board and
 * keeps the fastest, so the time of a kernel is the minimum over its tactics at that point.
 *
 * ep_sim_costs does the counting once for a plan; ep_sim_run evaluates it at a point, in
 * microseconds of our own time. ep_sim_timeline runs plans at the same time: units take their
 * kernels in turn, and memory is shared among those that work.
 */
#ifndef EP_SIM_H
#define EP_SIM_H

#include "base/base.h"
#include "graph/graph.h"
#include "hwmodels/hwmodels.h"

/* ---- the cost of a kernel ------------------------------------------------------------------ */

/* What one way of running a kernel asks of the hardware. On the GPU the work is `tiles` equal
 * thread blocks; an SM works on up to `resident` of them at a time. On the DLA the cycles are those
 * of one core. */
typedef struct ep_phases {
    char tactic[32];           /* "direct", "stream"; "" on the DLA and for products */
    double tiles;              /* GPU: >= 1 */
    double resident;           /* GPU: blocks that fit on an SM at once; less than 1 counts as 1 */
    double tensor_tile_cycles; /* GPU: of one SM for one tile, on the tensor cores */
    double cuda_tile_cycles;   /* GPU: the same, on the CUDA cores and special-function units */
    double shared_tile_cycles; /* GPU: the same, moving operands through shared memory */
    double wait_cycles;        /* GPU: the least that the steps of a tile take, one after another */
    double lockstep_cycles;    /* GPU: the same where blocks of an SM wait at the same time, so
                                  that none works while another waits */
    double start_cycles;       /* GPU: of a tile before and after its steps; nothing hides it but
                                  other tiles on the SM */
    double serial_cycles;      /* GPU: before the first tile or after the last */
    double setup_ns;           /* GPU: the same, whatever the clock */
    double l2_bytes;           /* GPU: between the SMs and L2, all tiles, in their steps */
    double store_bytes;        /* GPU: the same, after their steps */
    double cpipe_cycles;       /* DLA: convolution pipes */
    double pipes;              /* DLA: how many of them work, pointwise and pooling included */
    double sdp_cycles;         /* DLA: their post-processors (pointwise, pooling) */
    double rubik_cycles;       /* DLA: FP16 convolution and layout work */
    double bdma_cycles;        /* DLA: copies */
    double dram_bytes;         /* read and written */
    double dram_share; /* DLA, reformats: of the bandwidth of a core, of the GPU, that the units at
                          work can draw */
    double overlap;    /* DLA: how much of the shorter of compute and data movement is hidden */
    double starts;     /* DLA: how often the hardware is started: once an image */
    double fills;      /* DLA: how often the pipeline of a convolution on the pipes is filled */
    double floor_us;   /* reformat that crosses: hand-over between the devices */
    double sram_bytes; /* DLA: read from and written to the core's SRAM */
    double macs;
} ep_phases;

#define EP_MAX_TACTICS 8

/* A matrix product on the GPU, C[m,n] = A[m,k] B[k,n], `repeat` times: what its tactics have in
 * common. Their phases follow from it when they are asked for. */
typedef struct ep_product {
    double repeat; /* groups x batches; 0: the kernel is no product */
    double m, n, k;
    double b_share;        /* of B that is stored: less than 1 when it is sparse weights */
    double speedup;        /* of the tensor cores over dense */
    double chain;          /* products one after the other on a tile: 2 in attention */
    double exponentials;   /* per element of C, on its tile */
    double epilogue_bytes; /* of results, and of what is added to them */
    double dram_bytes, macs;
    double setup_ns;
    double cluster;     /* blocks that share what they load from L2; more than 1: warp groups */
    double is_ragged;   /* its n allows no small tile; 0 or 1, for there is no padding to hash */
    double warp_passes; /* of operands through shared memory, while the tensor cores wait */
} ep_product;

/* What is remembered of searches for the fastest tactic; opaque. */
typedef struct ep_timings ep_timings;

/* How the builder of an engine searches. Zero-initialise for its defaults. */
typedef struct ep_search {
    int level;           /* of optimization, as TensorRT's, relative to its default of 3: -3..2 */
    ep_timings *timings; /* what was found before is not searched again; NULL: all is searched */
} ep_search;

#define EP_SEARCH_LEVEL_DEFAULT 3
#define EP_SEARCH_LEVEL_MAX 5

typedef struct ep_cost {
    ep_device device;
    ep_precision precision;
    bool is_view; /* nothing moves: no time, no energy */
    uint32_t n_tactics;
    ep_phases tactics[EP_MAX_TACTICS];
    ep_product product; /* its tactics are numbered from n_tactics on */
    ep_search search;
} ep_cost;

/* Bytes that one run of the network touches: what it reads again in the next run, weights above
 * all, is in a cache only if that holds them all. Kernels where the plan has them, else layers. */
double ep_sim_frame_bytes(const ep_plan *plan);

/* Counts kernel `k` of a plan that is complete but for its costs; `frame_bytes` as above. The
 * timings of `search` must outlive the cost. Never fails on a valid plan. */
ep_cost ep_sim_cost(const ep_machine *machine, const ep_plan *plan, const ep_kernel *kernel,
                    double frame_bytes, const ep_search *search);

/* Tactics are numbered below this, those that do not suit the kernel among them. */
uint32_t ep_cost_n_tactics(const ep_cost *cost);
/* What one tactic asks of the machine; false when it does not suit the kernel. */
bool ep_cost_phases(const ep_cost *cost, const ep_machine *machine, uint32_t tactic,
                    ep_phases *phases);

/* In which precision tensor `t` (a root) lies in memory: as its producer's layer writes it; a
 * network input as `reader` wants it. */
ep_precision ep_sim_tensor_precision(const ep_plan *plan, uint32_t t, ep_precision reader);

/* Bytes of tensor `t`, an input or output of the network, as the host has it: in its own type, or,
 * where ends are native, in the precision of the layer that reads or writes it. */
double ep_sim_host_bytes(const ep_plan *plan, uint32_t t);

/* Evaluates the fastest tactic at a point, with all of the memory bandwidth for itself (zero load).
 * Returns its time; `tactic` (may be NULL) gets its index. */
double ep_cost_ns(const ep_cost *cost, const ep_point *point, uint32_t *tactic);

/* What people call a tactic: "tile 128x64x64 split 2", "direct", "stream"; "" on the DLA and for
 * views. `tactic` as ep_cost_ns gives it. Returns `name`. */
#define EP_TACTIC_TEXT 32
const char *ep_cost_tactic_name(const ep_cost *cost, uint32_t tactic, char name[EP_TACTIC_TEXT]);

/* What keeps a kernel busy, each by itself: launch, units, memories. They overlap in part, so its
 * time is at least the longest of them and at most their sum. */
#define EP_MAX_PARTS 12
typedef struct ep_parts {
    double blocks, rounds; /* GPU: thread blocks, and how many an SM runs one after the other; else
                              0 */
    uint32_t n;
    struct {
        const char *name; /* "launch", "tensor cores", "L2 to SM", ... (docs/cost-model.md) */
        double ns;        /* > 0 */
    } part[EP_MAX_PARTS]; /* the longest first */
} ep_parts;

/* `tactic` as ep_cost_ns gives it; the cost must be that of no view. */
void ep_cost_parts(const ep_cost *cost, const ep_point *point, uint32_t tactic, ep_parts *parts);

/* What every kernel of the GPU takes at least. */
double ep_launch_ns(const ep_point *point);

/* ---- timings ------------------------------------------------------------------------------- */

/* Reads what an earlier run saved to `path`, JSON; nothing when there is no such file. Entries are
 * keyed by the kernel's shape, the machine's numbers, its clocks and the level of the search, so
 * that one file serves many machines. EP_BAD_FILE: it is not what ep_timings_save writes. */
ep_status ep_timings_load(const char *path, ep_timings **out, ep_error *err);
/* Writes it back if anything was added. */
ep_status ep_timings_save(const ep_timings *timings, ep_error *err);
void ep_timings_free(ep_timings *timings); /* accepts NULL */
/* Searches so far that were answered from the timings, and that were not. */
void ep_timings_count(const ep_timings *timings, uint64_t *known, uint64_t *searched);

/* ---- DLA buffer arithmetic ----------------------------------------------------------------- */

/* Convolution-buffer need of one convolution, in banks, as TensorRT's check before it calls the DLA
 * compiler counts (dla_rules: developer guide 8.x). The rule `general.cbuf` calls this. */
typedef struct ep_cbuf_need {
    uint64_t weight_banks_kernel; /* of one kernel (one output channel) */
    uint64_t weight_banks_group;  /* of one kernel group (32 in INT8, 16 in FP16): what the
                                     hardware loads at once */
    uint64_t data_banks;          /* of the input rows that one output row needs */
} ep_cbuf_need;

/* `input_nchw` and the window of a 2-D convolution; int8 or FP16. */
ep_cbuf_need ep_sim_cbuf(const ep_dla *dla, const int64_t input_nchw[4], const ep_window *window,
                         int64_t groups, ep_precision precision);

/* A convolution of one image as the DLA runs it. */
typedef struct ep_dla_conv {
    int64_t c, h, w;         /* input */
    int64_t k, out_h, out_w; /* output */
    int64_t taps_h, taps_w;
    int64_t stride, dilation, pad; /* down the rows */
    int64_t groups;
    int64_t element_bytes; /* 1: INT8, 2: FP16 */
    double weight_share;   /* of the dense weights that are stored: 1, or less when sparse */
    bool is_image;         /* read as kDLA_HWC4 */
} ep_dla_conv;

typedef enum ep_cbuf_mode {
    EP_CBUF_ALL,             /* data and weights fit */
    EP_CBUF_PING_PONG,       /* data and two kernel groups: one loads while the other works */
    EP_CBUF_ONE_GROUP,       /* data and one kernel group */
    EP_CBUF_BANDS,           /* bands of rows, all weights stay */
    EP_CBUF_BANDS_OF_GROUPS, /* bands of rows, and for each the weights again, group by group */
    EP_CBUF_KERNEL_PARTS,    /* parts of the kernels, and for each the data again */
} ep_cbuf_mode;

/* How it is cut, and what all its pipes together read for one image. */
typedef struct ep_cbuf_split {
    ep_cbuf_mode mode;
    bool pipes_share_kernels;   /* each pipe has its kernels and all rows, else its rows and all
                                   kernels */
    double bands, kernel_parts; /* of one pipe */
    double data_bytes, weight_bytes;
} ep_cbuf_split;

/* The split that reads least; `data_is_near`: the input is in SRAM and costs nothing. */
ep_cbuf_split ep_sim_cbuf_split(const ep_dla *dla, const ep_dla_conv *conv, bool data_is_near);

/* ---- DLA memory ---------------------------------------------------------------------------- */

/* Which tensors stay in the SRAM of their core, at most the pool of a loadable
 * (dla.limits.sram_bytes_default), and which concatenations are made by placement; for a plan that
 * has its kernels. `*places` is per tensor and lives in `arena`. O(kernels + edges). */
ep_status ep_sim_dla_places(const ep_machine *machine, const ep_plan *plan, ep_arena *arena,
                            const ep_dla_place **places, ep_error *err);

/* What a plan moves between GPU and DLA in one inference, in the layouts of both. */
double ep_sim_crossing_bytes(const ep_plan *plan);

/* Submitting a loadable and noticing its end: the CPU's part goes with its clock. */
double ep_sim_submit_ns(const ep_point *point);

/* ---- structured sparsity ------------------------------------------------------------------- */

/* Which condition keeps a DLA that has structured sparsity from skipping zeros of this layer in
 * this precision, be its weights 2:4 sparse or not ("it is grouped"); NULL: none. */
const char *ep_sim_dla_not_sparse(const ep_layers *layers, const ep_layer *layer,
                                  ep_precision precision);

/* The constant of a layer that is its weights, of rank 2 at least; EP_NO_INDEX: none. */
uint32_t ep_sim_weights(const ep_layers *layers, const ep_layer *layer);

/* ---- a plan at an operating point ---------------------------------------------------------- */

typedef struct ep_unit_busy {
    const char *name; /* "gpu", "gpu.tensor", "dla0", "dla0.cpipe0", "dla0.rubik", "dram", ... */
    double busy_ns;   /* of one batch */
    double busy_pct;  /* of the time between batches at the steady rate */
} ep_unit_busy;

#define EP_MAX_UNITS 20

typedef struct ep_run {
    double latency_ns;     /* of one batch; less than the sum of its kernels if plan->concurrent */
    double throughput_ips; /* images a second at the steady rate */
    double period_ns;      /* between batches at that rate */
    double power_w;        /* module: the rails summed, idle included, back to back */
    double idle_w;         /* in power_w: the rails when nothing runs */
    double wall_w;         /* the same with carrier board and adapter; 0: not known */
    double energy_mj;      /* power / throughput: of one image */
    double gpu_ns, dla_ns; /* of one batch, in latency_ns: kernels on the GPU, reformats included,
                              and on the DLA core; submissions are in neither */
    double submit_ns;      /* of one batch, in latency_ns: submitting its loadables */
    double gpu_w, dla_w;   /* in power_w: what the GPU and the DLA cores add to their rails' idle */
    double dram_w, cpu_w;  /* power, DRAM for both, and the CPU that serves them, on average at the
                              steady rate */
    double submit_nj;      /* CPU energy of submit_ns */
    const char *bound;     /* "compute", "memory", "launch", "transitions": what takes most of the
                              latency */
    uint32_t n_units;
    ep_unit_busy units[EP_MAX_UNITS];
    uint32_t n_rails;
    const double *rail_w;    /* per rail of the machine */
    const double *kernel_ns; /* per kernel of the plan */
    const double *kernel_nj; /* per kernel: what it adds to idle, on all rails */
    const uint32_t *tactic;  /* per kernel: the one chosen at this point */
    const double *layer_ns;  /* per layer: its share of its kernel, by work; reformats, gaps and
                                submissions are in no layer */
    const double *layer_nj;  /* per layer: the same share of its kernel's energy */
    bool over_budget;        /* power_w passes the mode's budget */
} ep_run;

typedef struct ep_run_options {
    int64_t batch;     /* images in a batch: for images a second */
    int64_t dla_cores; /* how many cores work on successive batches in turn: 1, or 2 with
                          --dla both; a plan that uses both itself, or runs
                          branches at once, counts as 1 */
} ep_run_options;

/* `costs` has one entry a kernel. Arrays in `out` live in `arena`. EP_INFEASIBLE: the mode does not
 * power the DLA core of the plan. */
ep_status ep_sim_run(const ep_plan *plan, const ep_cost *costs, const ep_point *point,
                     const ep_run_options *options, ep_arena *arena, ep_run *out, ep_error *err);

/* ---- power --------------------------------------------------------------------------------- */

/* What the mains give when the module draws `module_w`: carrier board and adapter added. 0: the
 * machine says nothing about them. */
double ep_sim_wall_w(const ep_machine *machine, double module_w);

/* ---- clocks below those of a mode ---------------------------------------------------------- */

/* A plan at a share of the clocks of its mode, GPU and DLA alike: how a governor or a throttle
 * lowers them. */
typedef struct ep_clock_level {
    double share;
    ep_mode mode;   /* with the lowered clocks */
    ep_point point; /* of it */
    ep_run run;
} ep_clock_level;

#define EP_LEVELS 17 /* 100 % to 20 %, every 5 %: a step is about that of the GPU's clocks */

/* All levels, the clocks of `mode` first; EP_LEVELS of them in `arena`. Errors: as ep_sim_run. */
ep_status ep_sim_levels(const ep_plan *plan, const ep_cost *costs, const ep_machine *machine,
                        const ep_mode *mode, const ep_run_options *options, ep_arena *arena,
                        const ep_clock_level **out, ep_error *err);

/* The highest level that stays within `budget_w` (0: the first); the lowest when none does. */
uint32_t ep_sim_level_within(const ep_clock_level *levels, double budget_w);

/* ---- heat ---------------------------------------------------------------------------------- */

typedef struct ep_heat_options {
    double ambient_c;
    ep_heatsink heatsink;
    double duration_s;
} ep_heat_options;

#define EP_HEAT_DURATION_MAX_S 86400

/* After each second. */
typedef struct ep_heat_sample {
    uint32_t level;
    double power_w; /* with leakage */
    double zone_c[EP_MAX_ZONES];
} ep_heat_sample;

/* From ambient temperature on, inferences back to back. */
typedef struct ep_heat {
    double burst_ips, burst_w;         /* cold, at the first level */
    double sustained_ips, sustained_w; /* on average over the last quarter */
    double gpu_mhz, dla_mhz;           /* the same */
    double throttle_s, shutdown_s;     /* when first; negative: never */
    double sink_c;                     /* at the end */
    double max_c;                      /* the highest of any zone, in which */
    const char *hottest;
    uint32_t n_samples; /* fewer than seconds after a shutdown */
    const ep_heat_sample *samples;
} ep_heat;

/* Levels as ep_sim_levels has them, `start` the highest that may be used. The machine must have
 * `thermal`. */
ep_status ep_sim_heat(const ep_machine *machine, const ep_clock_level *levels, uint32_t start,
                      const ep_heat_options *options, ep_arena *arena, ep_heat *out, ep_error *err);

/* ---- everything at once -------------------------------------------------------------------- */

/* What works on one step at a time. Copies between host and device run on an engine of their own;
 * submitting a loadable keeps its frame waiting and nobody else (EP_UNIT_HOST is never full). */
typedef enum ep_unit {
    EP_UNIT_GPU,
    EP_UNIT_DLA0,
    EP_UNIT_DLA1,
    EP_UNIT_COPY,
    EP_UNIT_HOST,
    EP_UNIT_COUNT
} ep_unit;
const char *ep_unit_name(ep_unit unit); /* "gpu", "dla0", "dla1", "copy", "host" */

/* What units add to the idle power of their rails. */
typedef struct ep_watts {
    double gpu, dla, dram, cpu;
} ep_watts;

/* A kernel, a copy or a submission: it occupies one unit, and its time depends on how much of the
 * memory bandwidth it gets. */
typedef struct ep_step {
    ep_unit unit;
    uint32_t kernel;         /* of the plan; EP_NO_INDEX: a submission or a copy */
    const ep_cost *cost;     /* of the kernel; NULL: none */
    const ep_phases *phases; /* of the tactic chosen at zero load: an engine is built before it has
                                company */
    bool keeps_unit;         /* the next step is of the same loadable: nobody comes between */
    double fixed_ns;         /* without a kernel: the part that needs no memory */
    double dram_bytes;
    double ns;      /* at zero load */
    ep_watts watts; /* meanwhile, at zero load */
} ep_step;

/* A network as a chain of steps at an operating point: a builder's engine runs its kernels one
 * after the other, whichever device they are on. Of a concurrent plan, too: ep_sim_run alone runs
 * branches at once. */
typedef struct ep_task {
    const char *name;    /* of the network */
    const ep_plan *plan; /* of the kernels; must outlive this */
    const ep_point *point;
    int64_t batch;
    uint32_t n_steps; /* at least 1 */
    const ep_step *steps;
    double ns; /* of all steps at zero load, > 0 */
    double unit_ns[EP_UNIT_COUNT];
} ep_task;

typedef struct ep_task_options {
    const char *name;
    int64_t batch;
    int64_t dla_core;    /* 0 or 1: the core that the subgraphs run on, unless they use both */
    bool copies;         /* input from the host, output to it; else memory is shared, and free */
    bool dla_only;       /* what runs on the GPU is left out */
    bool no_reformats;   /* reformats are left out */
    bool no_submissions; /* submissions are left out */
} ep_task_options;

/* Steps live in `arena`; `point` and `costs` must outlive them. EP_INFEASIBLE: the mode does not
 * power that core; EP_UNSUPPORTED: there is nothing to run. */
ep_status ep_task_make(const ep_plan *plan, const ep_cost *costs, const ep_point *point,
                       const ep_task_options *options, ep_arena *arena, ep_task *out,
                       ep_error *err);

/* Who asks for images, and when. A query is `images` of them, asked for at once and answered when
 * the last is done. */
typedef struct ep_source {
    const char *name;
    enum {
        EP_ALWAYS,   /* there is always another image: a query is what an engine takes at once */
        EP_CLOSED,   /* a query when the last one has been answered */
        EP_PERIODIC, /* a query every `period_ns`, the first at `offset_ns` */
        EP_AT        /* queries at `at_ns`, ascending */
    } arrival;
    int64_t images; /* a query, >= 1; not of EP_ALWAYS */
    double period_ns, offset_ns;
    uint32_t n_at;
    const double *at_ns;
    double deadline_ns; /* a query is late when it takes longer; 0: never */
} ep_source;

/* An engine that serves a source. It takes at most task->batch images at once, and takes as long
 * for fewer. */
typedef struct ep_engine_use {
    uint32_t source;
    const ep_task *task;
    uint32_t in_flight; /* batches that it has begun and not ended, at most; >= 1 */
} ep_engine_use;

/* A step that has ended. */
typedef struct ep_span {
    uint32_t use;   /* index into the uses */
    uint64_t frame; /* number of the batch among those of its use */
    uint32_t step;
    ep_unit unit;
    double start_ns, end_ns;
} ep_span;

/* What holds from `now_ns` until the next one. */
typedef struct ep_level {
    double now_ns;
    double capacity_gbps;             /* of DRAM, with these units at it */
    double used_gbps[EP_UNIT_COUNT];  /* 0: idle */
    double alone_gbps[EP_UNIT_COUNT]; /* what it would use without the others */
    double cpu_gbps;
    ep_watts watts;
} ep_level;

/* Watches a timeline; either function may be NULL. */
typedef struct ep_observer {
    void *context;
    void (*span)(void *context, const ep_span *span);
    void (*level)(void *context, const ep_level *level);
} ep_observer;

typedef struct ep_timeline_options {
    const ep_point *point; /* that of the tasks */
    uint32_t n_sources;
    const ep_source *sources;
    uint32_t n_uses;
    const ep_engine_use *uses;
    double cpu_gbps; /* what the CPU reads and writes all the time, if it gets it */
    double warm_ns;  /* figures are of what happens from here */
    double end_ns;   /* to here; INFINITY: until all is done, for sources that end (EP_AT) */
    const ep_observer *observer; /* NULL: none */
} ep_timeline_options;

/* Of queries that arrived in the window. */
typedef struct ep_source_result {
    uint32_t n_asked;
    uint32_t n_answered;
    const double *latency_ns; /* of those answered, ascending */
    uint32_t n_late;          /* after the deadline, or not at all where it lies in the window */
} ep_source_result;

/* Of batches that ended in the window. */
typedef struct ep_use_result {
    uint32_t n_batches;
    double images_per_s; /* of EP_ALWAYS and EP_CLOSED between the first end and the last; else, and
                            with fewer than two, of the window */
    double latency_ns;   /* mean, of a batch from its first step */
} ep_use_result;

typedef struct ep_timeline {
    double start_ns, end_ns; /* the window */
    double busy_ns[EP_UNIT_COUNT];
    double dram_bytes;      /* the CPU's among them */
    double dram_limited_ns; /* how long units got less bandwidth than they asked for */
    ep_watts watts;         /* on average */
    uint64_t n_events;
    const ep_source_result *sources;
    const ep_use_result *uses;
} ep_timeline;

/* Runs the uses at the same time, from 0. Units take steps in the order in which they became
 * ready, batches of one use in their own order, a DLA core a loadable at a time; memory is shared
 * anew whenever a step begins or ends. Nothing depends on the order of sources and uses. Arrays in
 * `out` live in `arena`; after them nothing is allocated. `end_ns` must be finite unless all
 * sources are EP_AT. */
ep_status ep_sim_timeline(const ep_timeline_options *options, ep_arena *arena, ep_timeline *out,
                          ep_error *err);

/* The value that a share of `n` ascending ones does not pass (nearest rank); NAN when n is 0. */
double ep_percentile(const double *ascending, uint32_t n, double percent);

/* ---- footprint ------------------------------------------------------------------------------ */

typedef struct ep_footprint {
    uint64_t weights_bytes;     /* in the precision of the layers that use them */
    uint64_t activations_bytes; /* the most that is alive at once, in execution order */
} ep_footprint;

ep_status ep_sim_footprint(const ep_plan *plan, ep_arena *arena, ep_footprint *out, ep_error *err);

#endif
