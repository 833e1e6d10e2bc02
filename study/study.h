/* study: what if? So far six questions: how far are the predictions from measurements, what do
 * networks do to each other, which of many settings is the best, what would changes of the network
 * win, is it good enough, or no worse than it was, and what does it compute, the same as another?
 *
 * A measurements file is CSV, one measured figure a row (docs/accuracy.md describes the columns).
 * Each row names a machine, a mode, a workload (a model, one layer, two models at once, or idle),
 * how it was run and what was measured. A validation predicts every row; what cannot be predicted
 * stays in it with the reason. Rows that belong to one statement about accuracy share a group.
 *
 * A workload is several engines or networks at the same time, and who asks them for images.
 *
 * A gate is a condition that makes `plan check` fail: a bound on one figure, or a baseline, what an
 * earlier check printed.
 *
 * An execution is a network that the engine runs on this computer, with its inputs. A comparison
 * holds two of them, or what one of them saved, against each other, tensor by tensor.
 *
 * Plain data, owned by the arena of the validation, execution or comparison.
 */
#ifndef EP_STUDY_H
#define EP_STUDY_H

#include "base/base.h"
#include "engine/engine.h"
#include "graph/graph.h"
#include "hwmodels/hwmodels.h"
#include "planner/planner.h"

/* ---- measurements -------------------------------------------------------------------------- */

/* id, as the column has it */
#define EP_ENGINE_MAP(X)                                                                           \
    X(GPU, "gpu")                                                                                  \
    X(DLA, "dla")           /* one core */                                                         \
    X(2DLA, "2dla")         /* both, frames in turn */                                             \
    X(GPU_DLA, "gpu+dla")   /* one DLA core with GPU fallback, or a network each */                \
    X(GPU_2DLA, "gpu+2dla") /* all at once, frames on each */                                      \
    X(IDLE, "idle")

#define EP_METRIC_MAP(X)                                                                           \
    X(LATENCY_MS, "latency_ms")                     /* one batch */                                \
    X(THROUGHPUT_IPS, "throughput_ips")             /* images a second, all engines */             \
    X(MAKESPAN_MS, "makespan_ms")                   /* from the first start to the last end */     \
    X(POWER_W, "power_w")                           /* of the board */                             \
    X(RAIL_W, "rail_w")                             /* written rail_w:NAME */                      \
    X(PERF_PER_WATT_VS_GPU, "perf_per_watt_vs_gpu") /* of the accelerator alone */

typedef enum ep_engine {
#define X(id, name) EP_ENGINE_##id,
    EP_ENGINE_MAP(X)
#undef X
        EP_ENGINE_COUNT
} ep_engine;

typedef enum ep_metric {
#define X(id, name) EP_METRIC_##id,
    EP_METRIC_MAP(X)
#undef X
        EP_METRIC_COUNT
} ep_metric;

const char *ep_engine_name(uint32_t engine); /* NULL past the last */
const char *ep_metric_name(uint32_t metric); /* NULL past the last */

/* What a time covers; bits. */
enum {
    EP_COVERS_KERNEL = 1,  /* the layers on the hardware alone */
    EP_COVERS_COMPUTE = 2, /* that, reformats and submission */
    EP_COVERS_COPIES = 4,  /* host to device and back */
    EP_COVERS_NMS = 8,     /* non-maximum suppression that the model does not hold */
    EP_COVERS_HOST = 16,   /* Python, synchronisation */
};

typedef struct ep_measurement {
    size_t line; /* in the file, 1-based */
    const char *id;
    const char *hw;          /* as --hw takes it */
    const char *mode;        /* as --mode takes it */
    uint32_t n_sets;         /* column `set`, split at ';' */
    const char *const *sets; /* each as --set takes it */
    const char *workload;    /* "models/NAME.onnx", "layer:OP key=value ...", "A & B", "idle" */
    int64_t gpu_batch, dla_batch; /* "256+2"; one number is both */
    const char *precision;        /* as the column has it, one that ep_measurement_options takes */
    ep_precision_choice choice;   /* what that asks of the planner */
    bool no_tf32, sparse;         /* the same: fp32 is without TF32; int8-sparse */
    ep_engine engine;
    ep_io io;
    unsigned covers; /* EP_COVERS_... */
    ep_metric metric;
    const char *rail; /* of metric rail_w; else NULL */
    double value;     /* > 0 and finite */
    const char *group, *source, *notes;
} ep_measurement;

typedef struct ep_measurements {
    const char *path;
    uint32_t n;
    const ep_measurement *rows;
} ep_measurements;

/* Reads a measurements file; rows live in `arena`. Columns are found by the names in the first
 * line; `source` and `notes` may be missing, unknown ones are an error. Errors: EP_BAD_FILE with
 * `file:line: column: ...`, the value and what is allowed. */
ep_status ep_measurements_read(const char *path, ep_arena *arena, ep_measurements *out,
                               ep_error *err);
/* The same from text in memory; `path` is for messages. */
ep_status ep_measurements_parse(const char *text, size_t size, const char *path, ep_arena *arena,
                                ep_measurements *out, ep_error *err);

/* ---- one layer as a workload --------------------------------------------------------------- */

typedef enum ep_workload_kind {
    EP_WORKLOAD_NETWORK,  /* a network that holds the layer */
    EP_WORKLOAD_REFORMAT, /* moves the only input of the network: reformat, identity */
    EP_WORKLOAD_COPY,     /* moves as many bytes as that input has elements: devicecopy */
    EP_WORKLOAD_EMPTY,    /* a launch; no network */
} ep_workload_kind;

typedef struct ep_layer_workload {
    ep_workload_kind kind;
    bool to_dla;         /* reformat ... to=dla: from FP32 rows to the DLA's layout */
    ep_network *network; /* static, the caller's; NULL when empty */
} ep_layer_workload;

/* Reads "layer:OP key=value ..." and makes its network for a batch: that many images, or times the
 * rows of gemm, layernormalization and softmax (weights are shared), or products of matmul.
 * EP_BAD_FILE names the operator or key, the value and what is allowed (no place: the caller knows
 * the row). */
ep_status ep_layer_workload_make(const char *text, int64_t batch, ep_layer_workload *out,
                                 ep_error *err);
void ep_layer_workload_free(ep_layer_workload *workload); /* leaves it empty */

/* ---- validation ---------------------------------------------------------------------------- */

typedef struct ep_prediction {
    const char *skipped; /* why there is none; NULL: there is one */
    double value;        /* in the unit of the measurement */
    double error_pct;    /* 100 (predicted - measured) / measured */
} ep_prediction;

typedef struct ep_validation_group {
    const char *name;
    uint32_t rows, predicted;
    /* of the predicted rows; NAN when there is none */
    double median_abs_pct; /* of |error|; of an even count the mean of the two in the middle */
    double p90_abs_pct;    /* of |error|; nearest rank: of n the ceil(0.9 n)-th smallest */
    double bias_pct;       /* mean signed error */
    double spearman; /* rank correlation of predicted and measured, ties share their mean rank; NAN
                        below three rows or when all of one side are equal */
    const uint32_t *members; /* `rows` indices of rows, as in the file */
    const uint32_t *worst;   /* `predicted` indices of rows, largest |error| first, ties as in the
                                file */
} ep_validation_group;

typedef struct ep_validation {
    ep_arena *arena;
    const char *path;
    uint32_t n_rows;
    const ep_measurement *rows;
    const ep_prediction *predictions; /* per row */
    uint32_t n_groups;
    const ep_validation_group *groups; /* in the order of their first rows */
} ep_validation;

typedef struct ep_validate_options {
    const char *models; /* folder that workloads are relative to; NULL: the one above the file's */
    const char *group;  /* only rows of this group; NULL: all. EP_BAD_USAGE lists those there are */
    /* of every row; of a key that a row sets itself, the row's value holds */
    const ep_machine_options *hardware;
} ep_validate_options;

/* Predicts every row of a measurements file. A model, machine or mode that cannot be had is the
 * reason why a row has no prediction. `*out` is the caller's. */
ep_status ep_validate(const char *path, const ep_validate_options *options, ep_validation **out,
                      ep_error *err);

/* The same for what a user measured with trtexec: `profile` is what --exportProfile wrote, or
 * --exportTimes, and `run` that plan of the same network on the same board. The first row, alone in
 * group "total", is the sum of the entries, or the median of the times, against the latency. Then
 * an entry a row, in a group called like the file, against the layers or the reformat that its name
 * stands for; a layer is in one row at most. Rows have id, metric, value, group, notes (names that
 * the network does not have) and are else as good as empty. EP_BAD_FILE with the place or entry.
 * `*out` is the caller's. */
ep_status ep_validate_profile(const char *profile, const ep_layers *layers, const ep_plan *plan,
                              const ep_run *run, ep_validation **out, ep_error *err);

/* Fills the groups of a validation whose rows and predictions are there. */
ep_status ep_validation_summarise(ep_validation *validation, ep_error *err);
void ep_validation_free(ep_validation *validation); /* accepts NULL */

/* ---- everything at once -------------------------------------------------------------------- */

/* How images come to the engines of one network; the first four as MLPerf Inference defines them.
 */
#define EP_SCENARIO_MAP(X)                                                                         \
    X(OFFLINE, "Offline")            /* all are there: the steady rate */                          \
    X(SINGLE_STREAM, "SingleStream") /* one, the next when it is done: p90 of the latency */       \
    X(MULTI_STREAM, "MultiStream")   /* eight, the next when all are done: p99 */                  \
    X(SERVER, "Server")              /* at random (Poisson): the highest rate within a bound */

typedef enum ep_scenario {
#define X(id, name) EP_SCENARIO_##id,
    EP_SCENARIO_MAP(X)
#undef X
        EP_SCENARIO_ONCE, /* one batch on each engine */
    EP_SCENARIO_NETWORKS  /* every lane has images of its own */
} ep_scenario;
enum { EP_SCENARIO_COUNT = EP_SCENARIO_ONCE };   /* of those that a user names */
const char *ep_scenario_name(uint32_t scenario); /* NULL past the last */

/* A network on an engine. */
typedef struct ep_lane {
    const char *name; /* of the network */
    const ep_planned *planned;
    ep_precision_choice precision; /* of the plan */
    int64_t batch;
    ep_device device; /* EP_GPU, or the DLA core that its subgraphs run on */
    uint32_t in_flight;
    const char *way;     /* how it runs, where it was chosen (ep_way); NULL: `device` says all */
    const ep_task *task; /* of `planned`, at the point, or it is made again; NULL */
    /* EP_SCENARIO_NETWORKS: */
    double fps;         /* batches asked for a second; 0: the next when one is done */
    double deadline_ns; /* of a batch; 0: none */
    double offset_ns;   /* of the first */
} ep_lane;

/* Plans a network for a device, as strategy `gpu` or `greedy` does; networks that are there already
 * have `loadables` on each DLA core. Errors: as ep_plan_make. */
ep_status ep_lane_plan(const ep_layers *layers, const ep_machine *machine, ep_device device,
                       const ep_plan_options *options, const uint32_t loadables[2],
                       ep_planned **out, ep_error *err);

typedef struct ep_workload {
    ep_scenario scenario;
    uint32_t n_lanes;
    const ep_lane *lanes;
    bool copies;     /* input from the host, output to it */
    double cpu_gbps; /* what the CPU moves all the time */
    bool brief;      /* simulate as little as shows the steady state: for searches */
    /* Server: */
    double bound_ns; /* of the 99th percentile; 0: none, and `rate` is given */
    double rate;     /* images a second; 0: the highest within the bound */
} ep_workload;

typedef struct ep_workload_run {
    const ep_task *tasks; /* per lane */
    ep_timeline timeline; /* a use a lane; a source a lane, or one for all */
    double images_per_s;  /* of all lanes */
    double rate;          /* Server: asked for; 0: even the slowest passes the bound */
    double power_w;       /* module: rails summed, idle included */
    const double *rail_w; /* per rail of the machine */
    bool over_budget;
    double unit_pct[EP_UNIT_COUNT]; /* busy, of the window */
    double dram_pct;                /* of the bandwidth that streams reach */
    double dram_limited_pct;        /* of the window: somebody gets less than it asks for */
    const char *bottleneck; /* units that are never idle, and "dram" if it holds them up half of the
                               time: "gpu+dla0, dram"; "-": none */
    double hyper_ns;        /* after which periods repeat; 0: there are none */
    bool hyper_is_cut;      /* it is longer than what was simulated */
} ep_workload_run;

/* Runs a workload at a point. `observer` (may be NULL) watches it, from its begin. Arrays in `out`
 * live in `arena`. EP_INFEASIBLE: the mode does not power a DLA core of it. */
ep_status ep_workload_simulate(const ep_workload *workload, const ep_point *point,
                               const ep_observer *observer, ep_arena *arena, ep_workload_run *out,
                               ep_error *err);

/* ---- networks placed together -------------------------------------------------------------- */

/* What of a network a DLA core has. */
typedef enum ep_way_kind {
    EP_WAY_WHOLE,  /* nothing, or all that it takes; or the network does not run */
    EP_WAY_CHOSEN, /* some subgraphs */
    EP_WAY_TO,     /* the layers to one */
    EP_WAY_FROM    /* the layers from one */
} ep_way_kind;

/* A way to run a network. */
typedef struct ep_way {
    const char *name;          /* "gpu", "dla0", "dla1 to 'conv5'", "dla0 from 'conv5'", ... */
    const ep_planned *planned; /* NULL: not at all */
    ep_device device;          /* EP_GPU, or the DLA core of its subgraphs */
    int64_t batch;
    ep_way_kind kind;
} ep_way;

/* All that are considered of one network, whole ones first. Opaque memory. */
typedef struct ep_ways {
    ep_arena *arena;
    uint32_t n;
    ep_way *ways;
    uint32_t n_planned;
    ep_planned **planned; /* a way on dla1 is that on dla0 on the other core */
} ep_ways;

/* On the GPU, and as "greedy" places it on each DLA core of the machine. With `parts`, unless
 * options->no_fallback or it is of more than 5,000 layers, also as "best" for latency and for
 * energy, its heaviest subgraphs alone, and cut in two, either part on the DLA: after each eighth
 * of its time on the GPU, where least crosses. `layers` must outlive them. Of `options`, `dla` is
 * not looked at. */
ep_status ep_ways_make(const ep_layers *layers, const ep_machine *machine,
                       const ep_plan_options *options, bool parts, ep_ways *out, ep_error *err);
/* The ways of one network at several batches as one list, with that not to run: on the GPU those of
 * the batches `on_gpu`, on the DLA those of `on_dla`. It lives in `arena`; the plans stay where
 * they are. */
ep_status ep_ways_join(const ep_ways *batches, uint32_t n_batches, const bool *on_gpu,
                       const bool *on_dla, ep_arena *arena, const ep_way **out, uint32_t *n,
                       ep_error *err);
void ep_ways_free(ep_ways *ways); /* accepts an empty one, leaves it empty */

/* What is wanted of a placement. */
typedef enum ep_goal {
    EP_GOAL_ENERGY,    /* all rates and deadlines hold; then networks without a rate run as often as
                          they can, by the product of their rates; then the least power */
    EP_GOAL_LATENCY,   /* one batch of each at once: the earliest end of the last */
    EP_GOAL_THROUGHPUT /* all are the same network: the most images a second together */
} ep_goal;

/* One of the networks, with what its lane says but for `planned`, `batch`, `device` and `way`. */
typedef struct ep_placed_network {
    ep_lane lane;
    uint32_t n_ways;
    const ep_way *ways; /* networks with the same ones are interchangeable if their lanes are */
} ep_placed_network;

typedef struct ep_together_options {
    ep_goal goal;
    uint32_t n_networks;
    const ep_placed_network *networks;
    bool copies;
    double cpu_gbps;
} ep_together_options;

/* How good a placement is: less is better, the first figure that differs decides. */
typedef struct ep_score {
    double overload; /* ENERGY: what the rates ask of the busiest unit beyond all of its time, at
                        zero load: queues grow without end */
    double excess;   /* ENERGY, without that: by which share of its limit the latest is late */
    double pace; /* LATENCY: ns until the last is done; THROUGHPUT: -images/s; ENERGY: -sum of the
                    logarithms of the rates of networks that have none */
    double power_w; /* equal to a tenth */
    uint32_t n_cut; /* networks that are not whole: each has to be worth 1 % of power */
    double busiest; /* share of its time that the busiest unit works */
} ep_score;

/* One placement. */
typedef struct ep_together_row {
    const uint32_t *way; /* per network */
    ep_score score;
} ep_together_row;

typedef struct ep_together {
    const uint32_t *way;  /* per network: the best */
    ep_workload workload; /* lanes of the networks that run, in their order */
    ep_workload_run run;
    ep_score score;
    double load_pct[EP_UNIT_COUNT]; /* ENERGY: of its time that the rates ask for at zero load */
    uint64_t n_placements, n_simulated;
    bool is_exhaustive; /* no other placement of these ways is better */
    uint32_t n_rows;    /* for comparison: whole networks; of many placements the best on each set
                           of devices; LATENCY: and the best with a cut, in either order */
    const ep_together_row *rows;
} ep_together;

/* Does all that was asked for hold? */
bool ep_score_holds(const ep_score *score);

/* Finds the best placement at a point; the timeline is the judge. The same input gives the same
 * answer. Arrays live in `arena`. EP_INFEASIBLE: none can run, of loadables or of cores that the
 * mode does not power. A placement that holds nothing is none: the caller looks at `score`. */
ep_status ep_together_find(const ep_together_options *options, const ep_point *point,
                           ep_arena *arena, ep_together *out, ep_error *err);

/* ---- sweeps -------------------------------------------------------------------------------- */

/* A number of the machine that takes `n` values: "gpu.clock_mhz=306:1300:102" is 306, 408, ... up
 * to 1300, as far as whole steps go. */
typedef struct ep_axis {
    const char *key;
    double begin, step;
    uint32_t n; /* > 0 */
} ep_axis;

/* Does `text` ("KEY=VALUE") have a range for a value? */
bool ep_axis_is_range(const char *text);
/* EP_BAD_USAGE says what is wrong with it. `out->key` lives in `arena`. */
ep_status ep_axis_parse(const char *text, ep_arena *arena, ep_axis *out, ep_error *err);
double ep_axis_value(const ep_axis *axis, uint32_t index); /* index < n */

/* The points of a sweep are the cross product of these, the last varying fastest: models, batches,
 * machines, axes that change the hardware, precisions, DLAs, strategies, axes of clocks and powered
 * units, modes. What does not depend on the DLA is there once. Streams take the place of DLAs and
 * strategies: each is a set of engines that take batches of the network at the same time. */
typedef struct ep_sweep_options {
    uint32_t n_models, n_batches, n_machines, n_axes, n_modes;
    uint32_t n_precisions, n_dlas, n_strategies, n_objectives, n_streams;
    const char *const *models;          /* paths */
    const int64_t *batches;             /* 0: as in the file */
    const char *const *machines;        /* as --hw takes them */
    const ep_machine_options *hardware; /* of every machine */
    const ep_axis *axes;                /* of different keys */
    const char *const *modes;           /* n_modes 0: all */
    const ep_precision_choice *precisions;
    const ep_dla_choice *dlas;      /* n_dlas 0: the first core where there is one */
    const char *const *strategies;  /* n_strategies 0: a builder's; unless there are streams */
    const ep_objective *objectives; /* of "best"; n_objectives 0: latency */
    const ep_engine *streams;       /* not EP_ENGINE_IDLE */
    ep_plan_options plan;           /* of every plan, but for precision and DLA */
    ep_specialize_options network;  /* of every network, but for the batch */
    const char *others;             /* these two in words, for every point: "--no-tf32"; or "" */
    uint32_t threads;               /* 1 when the plans share timings */
} ep_sweep_options;

/* Static strings, and such as live in the arena of the sweep. Figures are rounded to the six digits
 * that files have, so that a summary is the same whether they were computed or read. */
typedef struct ep_sweep_point {
    const char *hardware, *model, *mode, *strategy;
    const char *objective; /* of "best"; NULL: another strategy */
    const char *streams;   /* the engines, as ep_engine_name has them; NULL: one plan by itself */
    uint32_t model_index;  /* of the options: two files may have the same name */
    int64_t batch;
    ep_precision_choice precision;
    ep_dla_choice dla;
    const char *others;   /* as the options have it */
    char set[200];        /* "gpu.clock_mhz=306, dram.clock_mhz=2133"; "": nothing */
    char cannot_run[160]; /* "": it runs, and has figures */
    char bound[32];       /* what takes most of the latency; of streams the bottleneck */
    double latency_ms;    /* of a batch; of streams that of the slowest */
    double throughput_ips, power_w, energy_mj;
    double wall_w;   /* 0: not known */
    double budget_w; /* of the mode; 0: none */
    bool over_budget;
} ep_sweep_point;

/* Where the points go, in their order. */
typedef struct ep_sweep_sink {
    void *context;
    /* Fills in the figures of a point that is known from an earlier run; false: it is not known,
     * nor is any after it. NULL: none is. */
    ep_status (*known)(void *context, ep_sweep_point *point, bool *is_known, ep_error *err);
    /* `all` points there are, this one among `done`. */
    ep_status (*row)(void *context, const ep_sweep_point *point, bool was_known, uint64_t done,
                     uint64_t all, ep_error *err);
} ep_sweep_sink;

/* Plans each network once a machine, precision, DLA and strategy, as an engine is built once, and
 * evaluates that at all points, on `threads` threads. "best" is planned for each point. A point
 * that cannot run says why; everything else that goes wrong ends the sweep. Names live in `arena`;
 * memory does not grow with points. */
ep_status ep_sweep_run(const ep_sweep_options *options, const ep_sweep_sink *sink, ep_arena *arena,
                       ep_error *err);

/* 0: no limit. */
typedef struct ep_sweep_limits {
    double max_power_w, deadline_ms, min_fps;
} ep_sweep_limits;

/* What stands out among points; zero-initialise but for the first two. Points that cannot run, or
 * that pass the power budget of their mode, are counted and else left out. */
typedef struct ep_sweep_summary {
    ep_sweep_limits limits;
    bool by_throughput;                                /* images a second count for the front too */
    uint64_t n, n_cannot_run, n_over_budget, n_within; /* of all; within the limits */
    uint32_t n_front, front_capacity;
    ep_sweep_point *front; /* Pareto: none is as good in latency, energy and power and better in
                              one; of equal ones the first */
    ep_sweep_point fastest, frugal;
    ep_sweep_point best;    /* within the limits; the least energy, or where power alone is limited
                               the fastest */
    ep_sweep_point nearest; /* while none is: the least sum of what it passes limits by */
    double nearest_excess;
    double least_latency_ms, least_power_w, most_fps;
} ep_sweep_summary;

ep_status ep_sweep_summary_add(ep_sweep_summary *summary, const ep_sweep_point *point,
                               ep_error *err);
/* Sorts the front, the fastest first. */
void ep_sweep_summary_end(ep_sweep_summary *summary);
/* After that: where less latency begins to cost more energy than it did: of the points on the front
 * of latency and energy, both scaled to 0..1 between its ends, the one farthest below the line
 * between the ends. EP_NO_INDEX: there is none below. */
uint32_t ep_sweep_summary_knee(const ep_sweep_summary *summary);
/* By how much of a limit a point passes it; 0: it keeps it, or there is none. */
double ep_sweep_excess(double value, double limit, bool is_least);
void ep_sweep_summary_free(ep_sweep_summary *summary);

/* ---- a network written otherwise ----------------------------------------------------------- */

/* What to change in a static network. */
typedef struct ep_changes {
    const char **instead; /* per node: steps as ep_refusal.instead has them; NULL: as it is */
    bool *cut;            /* per node: goes, and all behind it; what it read is an output then */
} ep_changes;

/* None. They live in `arena`. */
ep_status ep_changes_new(const ep_network *network, ep_arena *arena, ep_changes *out,
                         ep_error *err);

/* `*out` is static too, the caller's, and must go before `network`. EP_UNSUPPORTED: steps do not
 * give the shape of what they stand for, or nothing is left. */
ep_status ep_rewrite(const ep_network *network, const ep_changes *changes, ep_network **out,
                     ep_error *err);

/* ---- what hints would win ------------------------------------------------------------------ */

/* Of a plan. */
typedef struct ep_hint_figures {
    double latency_ns;                          /* as a builder places layers */
    double best_ns;                             /* as the strategy "best" does; 0: not asked for */
    uint32_t fallbacks, transitions, subgraphs; /* a fallback is a layer that is not on the DLA */
} ep_hint_figures;

/* A change that a refusal or an advice suggests, to all layers that it is suggested for. */
typedef struct ep_hint {
    const char *id;    /* of the rule or the advice */
    const char *value; /* what the first of the layers has: "HardSwish"; "" of an advice */
    const char *hint;
    ep_change change;
    uint32_t n_layers;
    const char *cannot; /* why there are no figures; NULL: there are */
    ep_hint_figures after;
} ep_hint;

typedef struct ep_ranking {
    ep_hint_figures now;
    uint32_t n, n_estimated;
    const ep_hint *hints; /* those estimated first, by latency, then by fallbacks */
    uint32_t
        pair[2]; /* which two together come to the least latency; EP_NO_INDEX: there are none */
    ep_hint_figures both;
    bool has_all; /* more than two can be followed at once */
    ep_hint_figures all;
} ep_ranking;

typedef struct ep_rank_options {
    const ep_machine *machine;
    const ep_mode *mode;
    ep_plan_options plan; /* as the plan was made, with a DLA */
    uint32_t n_advice;
    const ep_advice *advice; /* about the plan */
    bool searches;           /* best_ns too: much slower */
    uint32_t threads;
} ep_rank_options;

/* Plans the network anew with each change made: refused layers are written as the hint has them,
 * a detection head is cut off, islands stay on the GPU. `planned` has verdicts. Takes a plan for
 * each hint and each two of the best. Arrays
 * live in `arena`. */
ep_status ep_rank_hints(const ep_planned *planned, const ep_rank_options *options, ep_arena *arena,
                        ep_ranking *out, ep_error *err);

/* ---- gates --------------------------------------------------------------------------------- */

/* What `plan check` found, as far as gates ask for it. */
typedef struct ep_gate_facts {
    uint32_t layers, layers_dla, fallbacks, subgraphs, transitions;
    double macs_dla_pct, time_dla_pct;
    double latency_ms, gpu_latency_ms; /* of the check, and of everything on the GPU */
} ep_gate_facts;

/* Is this a condition of --fail-on? `fallback` (a layer is not on the DLA), `slower-than-gpu`, or a
 * name, `>`, `>=`, `<` or `<=`, and a number. Names: subgraphs, fallbacks, transitions; dla-macs,
 * dla-time, dla-layers in percent; latency-ms. EP_BAD_USAGE says what is wrong and what is allowed.
 */
ep_status ep_gate_valid(const char *condition, ep_error *err);

/* EP_OK when the condition does not hold; EP_GATE_FAILED, with the actual value, when it does, or
 * when its figure is not finite. EP_BAD_USAGE as ep_gate_valid. */
ep_status ep_gate_check(const char *condition, const ep_gate_facts *facts, const char *model,
                        ep_error *err);

/* Compares two documents of `plan check --json`, layers by name: the file `path`, what was, and
 * `now`, of `size` bytes. Appends to `diff` what differs, lines for people, or "no change".
 * EP_GATE_FAILED when it became worse: a layer left the DLA or a new one is not on it, subgraphs or
 * transitions grew, or the share of MACs on the DLA fell by more than 0.05 points; latency is only
 * reported. EP_BAD_FILE with the place: not such a document. EP_BAD_USAGE: of another hardware,
 * mode or precision. Another model is a line of `diff`. */
ep_status ep_baseline_compare(const char *path, const char *now, size_t size, ep_text *diff,
                              ep_error *err);
/* The same with what was in memory; `path` is for messages. */
ep_status ep_baseline_compare_text(const char *was, size_t was_size, const char *path,
                                   const char *now, size_t size, ep_text *diff, ep_error *err);

/* ---- execution ----------------------------------------------------------------------------- */

typedef struct ep_execution ep_execution;

/* Where INT8 scales come from: Q/DQ nodes where the network has them, else one of these. */
typedef struct ep_calibration {
    const char *cache; /* of TensorRT; NULL: none */
    uint32_t n;        /* else images that pass through the network in FP32: scales are such that
                          the largest value of a tensor is 127 */
    const char *const *sources; /* NAME=FILE.npy or NAME=random:SEED, any number of batches */
    const char *save;           /* writes the scales to this cache; NULL: no */
} ep_calibration;

/* In which precisions an execution computes: those of a plan. */
typedef struct ep_execution_plan {
    const ep_machine *machine;
    const ep_plan_file *file; /* the plan; NULL: made as strategy and options say */
    const char *strategy;
    ep_plan_options options;
    ep_calibration calibration;
} ep_execution_plan;

/* Zero-initialise. */
typedef struct ep_execution_options {
    int64_t batch; /* this and the shapes: as in ep_specialize_options */
    uint32_t n_shapes;
    const ep_input_shape *shapes;
    uint32_t n_inputs;
    const char *const *inputs; /* NAME=FILE.npy, NAME=FILE.pb or NAME=random:SEED; of an input that
                                  `shapes` does not name, the file's array gives the shape. One that
                                  is not named is random:1 */
    const ep_execution *like;  /* instead of all these: gets the inputs of that one, by name; by
                                  position when no name is the same. NULL: none */
    const ep_execution_plan *plan; /* NULL: computes as the file has it */
    bool fp32; /* tensors that the file has in FP16 are FP32, as they are with a plan, whose kernels
                  round them. Not where an If, Loop or Scan has a body */
    ep_session_options session;
} ep_execution_options;

/* A network and its inputs, ready to run. */
struct ep_execution {
    ep_arena *arena;
    ep_network *imported, *network; /* the second as ep_specialize made it to run */
    ep_array *inputs;               /* per input of the network */
    const char **sources;           /* per input: "random:1", or the file, as the options have it */
    uint32_t threads;
    ep_session *session;
    bool keeps_all;        /* as the options of the session have it */
    const bool *is_output; /* per tensor of the network */
    /* with a plan, else NULL: what was planned, and how it computes */
    ep_network *static_network;
    ep_layers *layers;
    ep_planned *planned;
    ep_numerics numerics;
};

/* Loads the network, makes its inputs and a session. A file's floats are converted to the float
 * type of the input. Random numbers: splitmix64, its state beginning at SEED + 2^32 x the position
 * of the input. Of each number floats take the top 24 bits, as one of [-1, 1); integers of 8 and 4
 * bits take as many; others the top bit, 0 or 1, which as an index is good anywhere. EP_BAD_USAGE:
 * an input that is none, or a file that does not fit it. `*out` is the caller's. */
ep_status ep_execution_new(const char *path, const ep_execution_options *options,
                           ep_execution **out, ep_error *err);
void ep_execution_free(ep_execution *execution); /* accepts NULL */

typedef struct ep_timing {
    uint32_t runs;                       /* that were timed */
    bool warm;                           /* one that was not came before them */
    double median_ns, least_ns, most_ns; /* of an even number of runs the mean of the middle two */
    const double *node_ns; /* per node of the network: the mean of all runs; in the arena of the
                              execution */
} ep_timing;

/* Runs `repeat` times after once to warm up; 0: once, cold. The outputs are those of the last. */
ep_status ep_execution_run(ep_execution *execution, uint32_t repeat, ep_timing *out, ep_error *err);

/* Of the last run, what node `node` wrote as its output `k`; NULL when that is an output of the
 * network, or left out, not kept or not computed. */
const ep_array *ep_execution_layer(const ep_execution *execution, uint32_t node, uint32_t k);

/* Writes each output, and each layer where they are kept, to FOLDER/NAME.npy, or .pb where NumPy
 * lacks the type, with NAME as ep_saved_name gives it. The folder is made if it is not there. */
ep_status ep_execution_save(const ep_execution *execution, const char *folder, ep_error *err);

/* Appends the name of a tensor as one of a file: what is not a letter, digit or one of _.-~ is %XX,
 * as Python's urllib.parse.quote(name, safe="") has it. */
void ep_saved_name(const char *tensor, ep_text *out);

typedef struct ep_array_summary {
    double min, max, mean; /* of the finite numbers; NAN when there are none */
    uint64_t nans, infs;
} ep_array_summary;
void ep_summarise(const ep_array *array, ep_array_summary *out);

/* Where the time went: in the nodes of one operator, and in each node. */
typedef struct ep_profile_op {
    const char *op;
    uint32_t nodes;
    double ns;
    uint64_t macs; /* 0: not known, or none */
} ep_profile_op;

typedef struct ep_profile {
    double total_ns; /* of all nodes */
    uint32_t n_ops;
    const ep_profile_op *ops;  /* slowest first */
    const uint32_t *nodes;     /* of the network, slowest first */
    const double *node_ns;     /* per node of the network */
    const uint64_t *node_macs; /* per node of the network; 0: not known, or none */
} ep_profile;

/* `*out` lives in the arena of the execution. */
ep_status ep_profile_make(const ep_execution *execution, const ep_timing *timing, ep_profile *out,
                          ep_error *err);

/* ---- comparison ---------------------------------------------------------------------------- */

/* How far array B is from A, the reference. Pairs of numbers of which one is not finite are only
 * counted; they agree when both are NaN or the same infinity. */
typedef struct ep_deviation {
    uint64_t n; /* numbers */
    /* of the finite pairs; NAN when there is none */
    double max_abs;  /* max |b - a| */
    double max_rel;  /* max |b - a| / |a| where a is not 0; NAN when it always is */
    double mean_abs; /* mean |b - a| */
    double rms;      /* root of the mean (b - a)^2 */
    double cosine;   /* sum ab / sqrt(sum a^2 sum b^2); 1 when all are 0, 0 when all of one are */
    double sqnr_db;  /* 10 log10(sum a^2 / sum (b - a)^2); infinite when they are equal */
    uint64_t nan_a, nan_b, inf_a, inf_b;
    uint64_t unequal; /* pairs that are not the same */
    uint64_t over; /* pairs with |b - a| > atol + rtol |a|, and those that do not agree in what is
                      not finite */
} ep_deviation;

/* Both have as many numbers. */
void ep_deviation_of(const ep_array *a, const ep_array *b, double atol, double rtol,
                     ep_deviation *out);

typedef struct ep_comparison_row {
    const char *name;   /* of the tensor in A, or in B when it is only there */
    const char *node;   /* what computes it; NULL: not known, saved arrays have no nodes */
    const char *op;     /* of the node */
    uint32_t order;     /* index of the node, or EP_NO_INDEX */
    const char *differ; /* why the arrays cannot be compared; NULL: they can */
    ep_dtype dtype;     /* in A */
    ep_shape shape;     /* in A */
    ep_deviation deviation;
    bool over; /* there is a tolerance, and this is over it or cannot be compared */
} ep_comparison_row;

/* A kernel of the plan of B, by the first tensor that it writes. */
typedef struct ep_kernel_row {
    uint32_t index; /* in the plan */
    const ep_kernel *kernel;
    const char *tensor;
    double own_db;    /* SQNR against A, the kernel reading what A computed: what it loses itself.
                         Infinite: nothing; NAN: nothing finite is left */
    double so_far_db; /* and reading what the kernels of B before it computed */
    ep_loss loss;     /* of that, or of a product in it whose sums overflowed more */
} ep_kernel_row;

typedef struct ep_comparison {
    ep_arena *arena;
    const char *a, *b;                       /* the paths, and what they are computed in */
    ep_execution *execution_a, *execution_b; /* NULL: saved */
    bool has_tolerance;
    double atol, rtol;
    uint32_t n_outputs;
    const ep_comparison_row *outputs; /* as in A; then those that only B has */
    uint32_t n_layers;
    const ep_comparison_row *layers; /* other tensors that both have, in topological order; of two
                                        folders none */
    uint32_t n_kernels; /* B a plan of the network of A: its kernels, those that lose most first */
    const ep_kernel_row *kernels;
    uint32_t n_over;                     /* rows of both */
    const ep_comparison_row *first_over; /* in topological order; NULL: none */
} ep_comparison;

typedef struct ep_compare_options {
    ep_execution_options run;                 /* of A; B gets the same inputs */
    const ep_execution_plan *plan_a, *plan_b; /* NULL: as the file has it */
    bool fp32_a, fp32_b;                      /* ep_execution_options.fp32 */
    const char *label_a, *label_b;            /* for reports; NULL: the paths */
    bool layers;
    bool has_tolerance; /* else the two are not read */
    double atol, rtol;
} ep_compare_options;

/* Compares what A and B compute, each an ONNX file or a folder of saved outputs. Outputs are
 * matched by name; when two networks have as many and share no name, by position. EP_BAD_USAGE:
 * inputs for two folders. `*out` is the caller's. */
ep_status ep_compare(const char *a, const char *b, const ep_compare_options *options,
                     ep_comparison **out, ep_error *err);
void ep_comparison_free(ep_comparison *comparison); /* accepts NULL */

/* EP_GATE_FAILED, naming the first tensor, when something is over the tolerance. */
ep_status ep_comparison_gate(const ep_comparison *comparison, ep_error *err);

/* ---- one layer elsewhere ------------------------------------------------------------------- */

/* A plan in which one layer runs somewhere else, or in another precision, and all others as they
 * do: built and run anew. */
typedef struct ep_alternative {
    ep_device device;
    ep_precision precision;
    bool is_planned;   /* as the plan has it */
    char refused[160]; /* why it cannot be; "": it can, and the rest holds */
    double layer_ns, layer_nj;
    ep_run run; /* of the whole */
    uint32_t n_subgraphs, transitions;
} ep_alternative;

/* All that devices of the plan's options take for `layer`; a device that does not take it has one,
 * with the reason. In `arena`. `options` are those of the plan. */
ep_status ep_alternatives(const ep_plan *plan, const ep_machine *machine,
                          const ep_plan_options *options, const ep_point *point,
                          const ep_run_options *run_options, uint32_t layer, ep_arena *arena,
                          const ep_alternative **out, uint32_t *n, ep_error *err);

#endif
