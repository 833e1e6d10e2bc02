/* planner: what runs where?
 *
 *   ep_dla_check   asks every rule about every layer: what may run on the DLA, and why not
 *   ep_plan_make   places layers on devices by a strategy
 *   ep_plan_build  makes a plan of a placement: forms subgraphs, fuses layers into kernels as each
 *                  device does, inserts reformats
 *   ep_plan_file   a plan on disk, that makes the same plan again
 *
 * A rule (planner/rules/) is one function: its text is the rule, its return decides, and it fills
 * in the refusal with the actual value and the bound.
 */
#ifndef EP_PLANNER_H
#define EP_PLANNER_H

#include "base/base.h"
#include "graph/graph.h"
#include "hwmodels/hwmodels.h"
#include "sim/sim.h"

/* ---- DLA rules ----------------------------------------------------------------------------- */

/* How well a rule is known. */
typedef enum ep_confidence {
    EP_DOCUMENTED, /* NVIDIA's developer guide or DLA repository */
    EP_HEADER,     /* comments of the TensorRT headers */
    EP_INFERRED,   /* reported by users, or follows from the hardware */
} ep_confidence;

const char *ep_confidence_name(ep_confidence confidence); /* "documented", "header", "inferred" */

/* What it takes to follow a hint. */
typedef enum ep_change {
    EP_CHANGE_EXACT,       /* the same results, written otherwise */
    EP_CHANGE_APPROXIMATE, /* results differ a little; weights stay */
    EP_CHANGE_RETRAIN,     /* another function: train again */
    EP_CHANGE_SETTING,     /* no change of the network: precision, batch, shapes, module */
    EP_CHANGE_NONE,        /* there is no way: it stays on the GPU */
} ep_change;
const char *
ep_change_name(ep_change change); /* "exact", "approximate", "retrain", "setting", "none" */

typedef struct ep_rule {
    const char *id;     /* stable: "conv.kernel" */
    const char *text;   /* the rule as one sentence; "{conv_kernel}" stands for that key of
                           dla.limits, "{dla.cbuf_banks}" for one of the machine, "{key?words}" for
                           words that hold only where the value is true, "{key!words}" where it is
                           not: ep_rule_text */
    const char *hint;   /* what change to the network would satisfy it */
    ep_change change;   /* what the hint takes */
    const char *source; /* where it was read */
    ep_confidence confidence;
} ep_rule;

/* Appends the rule's text with the numbers of the machine. */
void ep_rule_text(const ep_rule *rule, const ep_machine *machine, ep_text *out);

#define EP_REFUSAL_TEXT 64

/* Why a layer may not run on the DLA. */
typedef struct ep_refusal {
    const ep_rule *rule;
    char value[EP_REFUSAL_TEXT]; /* what the layer has: "kernel 33x33" */
    char bound[EP_REFUSAL_TEXT]; /* what the DLA takes: "1..32" */
    const char *hint;            /* of this layer: the rule's, or one that fits it better */
    ep_change change;            /* what that takes */
    /* The hint as steps, each of what the one before made and the first of the layer's operand:
     * "Add 3; Clip 0 6; Mul x" (x: that operand again); "": the layer goes. NULL: it is not as
     * simple as that. ep_rewrite takes them. */
    const char *instead;
} ep_refusal;

/* Of one layer. */
typedef struct ep_verdict {
    bool accepted;
    ep_precision precision; /* if accepted: EP_INT8, or EP_FP16 where the DLA has no INT8 for it */
    uint32_t n_refusals;
    const ep_refusal *refusals;
} ep_verdict;

/* Row `index` of all rules, in the order in which they are asked and documented; NULL past the
 * last. */
const ep_rule *ep_rule_row(uint32_t index);
/* The rule of that id; NULL when there is none. */
const ep_rule *ep_rule_find(const char *id);
/* A rule about combinations of layers: placement decides it, no function. */
bool ep_rule_is_about_combinations(const ep_rule *rule);

/* Asks every rule about every layer. `asked` is what the user wants: EP_INT8 allows FP16 where
 * INT8 does not exist; EP_FP32 and EP_TF32 are refused. A machine without DLA refuses everything
 * by `general.no-dla`. `*verdicts` has one entry a layer and lives in `arena`. */
ep_status ep_dla_check(const ep_layers *layers, const ep_machine *machine, ep_precision asked,
                       ep_arena *arena, ep_verdict **verdicts, ep_error *err);

/* One rule asked about one layer. */
typedef struct ep_trial {
    bool holds;
    ep_refusal refusal; /* its rule; value, bound and hint when it does not hold */
} ep_trial;

/* Every rule that is asked about a layer, in order, with what it says; rules about combinations are
 * not. `*trials` lives in `arena`. */
ep_status ep_dla_explain(const ep_layers *layers, const ep_machine *machine, ep_precision asked,
                         uint32_t layer, ep_arena *arena, ep_trial **trials, uint32_t *n,
                         ep_error *err);

/* ---- plans --------------------------------------------------------------------------------- */

typedef enum ep_precision_choice {
    EP_CHOOSE_INT8, /* INT8 with FP16 allowed, FP32 where neither exists */
    EP_CHOOSE_FP16, /* FP16, FP32 where it does not exist */
    EP_CHOOSE_FP32, /* TF32 tensor math included */
    EP_CHOOSE_BEST, /* the fastest per layer of all */
} ep_precision_choice;

typedef enum ep_dla_choice { EP_DLA_FIRST, EP_DLA_SECOND, EP_DLA_BOTH, EP_DLA_NONE } ep_dla_choice;

/* In which format tensors enter and leave the network. */
typedef enum ep_io {
    EP_IO_LINEAR,          /* rows of their own type: reformats at both ends */
    EP_IO_NATIVE,          /* as the first and last kernels like them: no reformat */
    EP_IO_NATIVE_FP16_OUT, /* the same, but what leaves a DLA is FP16 */
} ep_io;

/* What options and plan files call them; NULL past the last. */
const char *ep_precision_choice_name(uint32_t choice);
const char *ep_dla_choice_name(uint32_t choice);
const char *ep_io_name(uint32_t io);
const char *ep_search_level_name(uint32_t level); /* 0 to EP_SEARCH_LEVEL_MAX */

/* What the user allows a layer: bit d of `devices` for ep_device d, bit p of `precisions` for
 * ep_precision p; 0 allows all. Strategy "gpu" is what the others are compared with, and heeds
 * precisions alone. */
typedef struct ep_pin {
    uint8_t devices, precisions;
} ep_pin;

static inline bool ep_pin_allows_device(ep_pin pin, ep_device device)
{
    return pin.devices == 0 || (pin.devices >> device & 1);
}
static inline bool ep_pin_allows_precision(ep_pin pin, ep_precision precision)
{
    return pin.precisions == 0 || (pin.precisions >> precision & 1);
}

/* What the strategy "best" makes as small (throughput: as large) as it can. */
typedef enum ep_objective {
    EP_LATENCY,
    EP_ENERGY, /* of an image */
    EP_THROUGHPUT,
    EP_EDP, /* energy of an image x latency */
} ep_objective;
const char *ep_objective_name(uint32_t index); /* "latency", ...; NULL past the last */

typedef struct ep_plan_options {
    ep_precision_choice precision;
    ep_dla_choice dla;
    bool no_fallback; /* a refused layer makes the plan infeasible */
    bool standalone;  /* no_fallback, and no reformat: native formats at both ends */
    /* loadables that other networks have loaded already: on this core, and on all */
    uint32_t loadables_used, loadables_used_total;
    bool no_tf32; /* FP32 math stays FP32 on tensor cores too */
    bool sparse;  /* weights are 2:4 sparse wherever hardware gains from it */
    ep_io io;
    ep_search search;   /* of the GPU's tactics; its timings must outlive the plan */
    const ep_pin *pins; /* per layer; NULL: none */
    /* of the strategy "best" alone */
    ep_objective objective;
    const ep_mode *mode;    /* in which plans are judged; NULL: that of the highest GPU clock */
    double deadline_ns;     /* latency at most; 0: any */
    double max_power_w;     /* power at most; 0: any */
    uint32_t max_subgraphs; /* at most; 0: as many as there is room for */
    bool branches;          /* may run branches at once on GPU and DLA cores, as several engines */
} ep_plan_options;

/* Reads pins in the grammar of trtexec's --layerDeviceTypes ("conv1:DLA,fc*:GPU"; also DLA0, DLA1)
 * and --layerPrecisions ("conv1:int8,*:fp16"); either may be NULL. `*pins` is per layer, in
 * `arena`. A name counts for more than a pattern, else the later entry for more than the earlier.
 * EP_BAD_USAGE: what is wrong and where; a name that no layer has, with the nearest there is. */
ep_status ep_pins_parse(const ep_layers *layers, const char *device_types, const char *precisions,
                        ep_arena *arena, const ep_pin **pins, ep_error *err);

/* The strategies there are, in the order in which they are shown; NULL past the last. */
const char *ep_strategy_name(uint32_t index);
/* Does it search for a plan, another in each mode? Those come behind the builders' own. */
bool ep_strategy_searches(const char *name);
/* How the strategy "best" came to its plan. */
typedef struct ep_search_result {
    uint32_t n_judged; /* plans built and run; 0: another strategy */
    ep_objective objective;
    double value; /* ns, nJ, ns between batches, nJ x ns */
    double bound; /* no placement has less, if layers cost no less than in any plan judged; 0: of a
                     plan that runs branches at once there is none */
} ep_search_result;

/* A plan with the costs of its kernels. Opaque memory: everything lives in `arena`. */
typedef struct ep_planned {
    ep_arena *arena;
    ep_plan plan;
    ep_cost *costs; /* per kernel */
    const ep_verdict
        *verdicts; /* per layer; those of a plan that uses a DLA include the layers that
                      the limit of loadables pushed out. NULL for strategy "gpu" */
    ep_search_result found;
} ep_planned;

/* Makes the plan of a strategy. EP_BAD_USAGE: no such strategy; EP_INFEASIBLE: no_fallback and a
 * refused layer (the first is named, with its rule), or a DLA is asked for that the machine does
 * not have. */
ep_status ep_plan_make(const ep_layers *layers, const ep_machine *machine, const char *strategy,
                       const ep_plan_options *options, ep_planned **out, ep_error *err);
void ep_planned_free(ep_planned *planned); /* accepts NULL */

/* Who runs what: a decision, per layer. */
typedef struct ep_assignment {
    const ep_device *device;       /* EP_GPU, EP_DLA0, EP_DLA1 */
    const ep_precision *precision; /* EP_PRECISION_COUNT: as the options choose; NULL: all so */
    const uint32_t *part; /* on a DLA: layers of different parts share no loadable; NULL: they are
                             all of one */
    /* execution order, and the subgraph of each layer, as a plan had them; NULL: formed anew */
    const uint32_t *order, *subgraph;
    bool concurrent; /* branches run at once */
    bool sheds; /* what passes the limits of loadables and pools runs on the GPU instead, as the
                   strategy "greedy" has it; else that is EP_INFEASIBLE */
} ep_assignment;

/* Makes the plan of a decision; `strategy` is the name it is shown by. EP_INFEASIBLE: a layer
 * cannot run where, or in what, it is to run; the error names it and the rule. Whether its options
 * use a DLA at all decides if verdicts are there; no_fallback and standalone are not looked at. */
ep_status ep_plan_build(const ep_layers *layers, const ep_machine *machine, const char *strategy,
                        const ep_assignment *wanted, const ep_plan_options *options,
                        ep_planned **out, ep_error *err);

/* ---- placement by numbers ------------------------------------------------------------------ */

/* What is handed on to layers, or comes into the network: read on the other side it is carried
 * there once, whoever reads it. */
typedef struct ep_carry {
    uint32_t producer; /* EP_NO_INDEX: it comes from outside, and is carried to either side */
    uint32_t n_users;
    const uint32_t *users;
    double to_dla, to_gpu; /* cost, >= 0 */
} ep_carry;

enum { EP_SIDE_GPU, EP_SIDE_DLA, EP_SIDES };

/* A placement problem: which layers of a graph run on the DLA. Costs are in one unit, whatever it
 * is, and >= 0. What changes precision costs nothing of its own (kernels do it as they load their
 * operands), so a layer takes the cheapest that its side has. Layers on the DLA form loadables as
 * those of a plan do. */
typedef struct ep_costs {
    uint32_t n_layers; /* in topological order */
    /* per layer, side and precision; INFINITY: a rule forbids it */
    const double (*layer)[EP_SIDES][EP_PRECISION_COUNT];
    uint32_t n_carries;
    const ep_carry *carries;
    const uint32_t *batch; /* per layer: those of different ones share no loadable; NULL: one */
    double loadable;       /* cost of each */
    uint32_t max_loadables;
    const double *pool; /* per layer: what it takes of the pool of its loadable; NULL: nothing */
    double pool_limit;
} ep_costs;

typedef struct ep_solution {
    const bool *on_dla;            /* per layer */
    const ep_precision *precision; /* per layer */
    double cost;
    double bound; /* no placement costs less; `cost` where it is the optimum */
    uint32_t n_loadables;
} ep_solution;

/* The cheapest placement that `nodes` steps of branch and bound find, each of which takes a byte a
 * layer; 0: the minimum cut and local search alone. Without limits and costs of loadables that is
 * the optimum. Arrays in `out` live in `arena`. EP_INFEASIBLE: it found none within the limits. */
ep_status ep_costs_solve(const ep_costs *costs, uint32_t nodes, ep_arena *arena, ep_solution *out,
                         ep_error *err);

/* ---- what a plan says beside placement ------------------------------------------------------- */

/* A tensor that enters or leaves a subgraph. */
typedef struct ep_boundary {
    uint32_t subgraph, tensor;
    bool enters;
    const char *format; /* the DLA's: "kDLA_HWC4", "kCHW16", "kCHW32", "kDLA_LINEAR" */
    const char *other;  /* what it is on the other side: "kLINEAR", "kCHW16", ... */
    bool reformat;      /* the plan has a kernel for it */
    uint64_t bytes;     /* in the DLA's format */
} ep_boundary;

/* All of them, by subgraph, what enters first. */
ep_status ep_plan_boundaries(const ep_plan *plan, ep_arena *arena, const ep_boundary **out,
                             uint32_t *n, ep_error *err);

/* Would 2:4 sparse weights speed this layer up on the DLA? */
typedef struct ep_sparsity {
    enum { EP_SPARSE_NO, EP_SPARSE_UNKNOWN, EP_SPARSE_DENSE, EP_SPARSE_YES } state;
    /* NO: `why` says which condition fails. The layer is eligible in all others; UNKNOWN: its
     * weights are stripped; DENSE: they are not 2:4 sparse; YES: they are */
    const char *why;
} ep_sparsity;
ep_sparsity ep_sparsity_of(const ep_plan *plan, const ep_machine *machine, uint32_t layer);

/* What an engineer who knows the DLA would say of a network, beyond refusals: patterns of several
 * layers, and what it costs to leave them. */
typedef struct ep_advice {
    const char *id;   /* stable: "advice.squeeze-excite" */
    const char *text; /* what there is, with numbers; one sentence */
    const char *hint;
    ep_change change;
    uint32_t n_layers;
    const uint32_t *layers; /* ascending */
    double ns;              /* of these layers now, 0: not known */
} ep_advice;

/* `layer_ns` as ep_run has it. The heaviest first. */
ep_status ep_plan_advise(const ep_planned *planned, const ep_machine *machine,
                         const double *layer_ns, ep_arena *arena, const ep_advice **out,
                         uint32_t *n, ep_error *err);

/* ---- plan files ----------------------------------------------------------------------------- */

/* A plan as a file keeps it, docs/plan-file.md: names and numbers, which hold without the network
 * and the machine. Plain data, in `arena`. */

#define EP_PLAN_FILE_SCHEMA 1

/* What the user gave the planner as text; NULL: not given. */
#define EP_PLAN_FILE_TEXT_MAP(X)                                                                   \
    X(batch)                                                                                       \
    X(shapes)                                                                                      \
    X(min_shapes)                                                                                  \
    X(max_shapes)                                                                                  \
    X(layer_device_types)                                                                          \
    X(layer_precisions)

typedef struct ep_plan_file_texts {
#define X(name) const char *name;
    EP_PLAN_FILE_TEXT_MAP(X)
#undef X
} ep_plan_file_texts;

typedef struct ep_plan_file_layer {
    const char *name;
    const char *hash; /* of all that matters of the layer but its weights' values */
    uint32_t index;   /* in the network's layers */
    ep_device device;
    ep_precision precision;
    uint32_t subgraph; /* EP_NO_INDEX on the GPU */
    uint32_t kernel;   /* EP_NO_INDEX: none, nothing to do */
} ep_plan_file_layer;

typedef struct ep_plan_file_kernel {
    const char *name;
    bool is_reformat;
    ep_device device;
    ep_precision precision;
    const char *tactic; /* "": the device has no choice */
    double us;          /* predicted */
} ep_plan_file_kernel;

/* Figures of one plan at its operating point, as docs/json.md has them. */
#define EP_PLAN_FILE_FIGURE_MAP(X)                                                                 \
    X(latency_ms)                                                                                  \
    X(throughput_ips)                                                                              \
    X(power_w)                                                                                     \
    X(energy_mj)                                                                                   \
    X(subgraphs)                                                                                   \
    X(transitions)                                                                                 \
    X(io_reformats)

typedef struct ep_plan_file_figures {
#define X(name) double name;
    EP_PLAN_FILE_FIGURE_MAP(X)
#undef X
} ep_plan_file_figures;

typedef struct ep_plan_file {
    ep_arena *arena;
    const char *path;           /* for messages */
    const char *digest;         /* SHA-256 of the file before its last line */
    const char *version;        /* of edgeplan, that wrote it */
    const char *model;          /* name of the network */
    const char *model_sha256;   /* of the ONNX file, without external data */
    const char *network_sha256; /* of all layers: other weights do not change it */
    const char *machine;        /* name */
    const char *machine_sha256; /* of its settings */
    const char *machine_set;    /* ep_machine.overrides */
    uint32_t n_settings;
    const ep_setting *settings;
    const char *strategy;
    bool concurrent;         /* as ep_plan has it */
    ep_plan_options options; /* without what it points to, and loadables in use */
    ep_plan_file_texts texts;
    const char *mode; /* of the operating point, with its clocks */
    double gpu_mhz, dla_mhz, dram_mhz, cpu_mhz;
    ep_plan_file_figures figures;
    uint32_t n_layers;
    const ep_plan_file_layer *layers; /* in execution order */
    uint32_t n_kernels;
    const ep_plan_file_kernel *kernels; /* in execution order */
} ep_plan_file;

/* What a file is made of. */
typedef struct ep_plan_file_source {
    const ep_planned *planned;
    const ep_machine *machine;
    const ep_plan_options *options;
    const ep_mode *mode;
    const ep_run *run;        /* of the plan in that mode: the tactics are its */
    const char *model_sha256; /* ep_file_sha256 */
    ep_plan_file_texts texts;
} ep_plan_file_source;

/* Texts are referenced: what `source` points to must outlive `*out`, which is the caller's. */
ep_status ep_plan_file_of(const ep_plan_file_source *source, ep_plan_file **out, ep_error *err);
void ep_plan_file_free(ep_plan_file *file); /* accepts NULL */

/* Appends the file: the same plan gives the same bytes. */
ep_status ep_plan_file_write(const ep_plan_file *file, ep_text *out, ep_error *err);
/* Writes it to `path`, wholly or not at all. */
ep_status ep_plan_file_save(const ep_plan_file *file, const char *path, ep_error *err);

/* Reads a file. EP_BAD_FILE: it is damaged (its digest is of other bytes), of another schema or of
 * a version that plans otherwise, or not a plan. `*out` is the caller's. */
ep_status ep_plan_file_load(const char *path, ep_plan_file **out, ep_error *err);
/* The same from memory, which need not outlive the call; `path` is for messages. */
ep_status ep_plan_file_parse(const void *bytes, size_t size, const char *path, ep_plan_file **out,
                             ep_error *err);

/* Is it a plan for these layers? EP_BAD_FILE names the first that differs. */
ep_status ep_plan_file_check_network(const ep_plan_file *file, const ep_layers *layers,
                                     ep_error *err);
/* Is it a plan for this machine? EP_BAD_FILE names the first setting that differs. */
ep_status ep_plan_file_check_machine(const ep_plan_file *file, const ep_machine *machine,
                                     ep_error *err);

/* Makes the plan of the file again, for layers and a machine that are the file's: the same devices,
 * precisions, subgraphs, kernels in the same order. Each kernel has but the tactic of the file;
 * with `retune` all tactics, as a plan just made. EP_BAD_FILE: another network or machine, or it
 * does not give that plan here. */
ep_status ep_plan_file_apply(const ep_plan_file *file, const ep_layers *layers,
                             const ep_machine *machine, bool retune, ep_planned **out,
                             ep_error *err);

/* Something that the plans were made of and that differs: "mode", "precision", "gpu.sms". A side is
 * NULL where its plan has no such thing. */
typedef struct ep_plan_file_change {
    const char *key, *a, *b;
} ep_plan_file_change;

/* A layer that differs. */
typedef struct ep_plan_file_pair {
    uint32_t layer[2]; /* index into the layers of A and of B; EP_NO_INDEX: not there */
    bool device, precision, subgraph, kernel, tactic; /* which differ */
} ep_plan_file_pair;

typedef struct ep_plan_file_diff {
    uint32_t n_settings;
    const ep_plan_file_change *settings;
    uint32_t n_layers;
    const ep_plan_file_pair *layers; /* in the order of A, then those of B alone */
} ep_plan_file_diff;

/* Layers are matched by name. What `out` points to lives in `arena`, and in A and B. */
ep_status ep_plan_file_compare(const ep_plan_file *a, const ep_plan_file *b, ep_arena *arena,
                               ep_plan_file_diff *out, ep_error *err);

#endif
