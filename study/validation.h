/* Part of study.h: measurements, and how far predictions are from them.
 *
 * A measurements file is CSV, one measured figure a row (docs/accuracy.md describes the columns).
 * Each row names a machine, a mode, a workload (a model, one layer, two models at once, or idle),
 * how it was run and what was measured. A validation predicts every row; what cannot be predicted
 * stays in it with the reason. Rows that belong to one statement about accuracy share a group.
 */
#ifndef EP_STUDY_VALIDATION_H
#define EP_STUDY_VALIDATION_H

#include "base/base.h"
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

#endif
