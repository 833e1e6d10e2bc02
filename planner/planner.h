/* planner: what runs where?
 *
 *   ep_dla_check   asks every rule about every layer: what may run on the DLA, and why not
 *   ep_plan_make   places layers on devices by a strategy
 *   ep_plan_build  makes a plan of a placement: forms subgraphs, fuses layers into kernels as each
 *                  device does, inserts reformats
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
    ep_search search; /* of the GPU's tactics; its timings must outlive the plan */
    /* of the strategy "best" alone */
    ep_objective objective;
    const ep_mode *mode;    /* in which plans are judged; NULL: that of the highest GPU clock */
    double deadline_ns;     /* latency at most; 0: any */
    double max_power_w;     /* power at most; 0: any */
    uint32_t max_subgraphs; /* at most; 0: as many as there is room for */
} ep_plan_options;

/* The strategies there are, in the order in which they are shown; NULL past the last. */
const char *ep_strategy_name(uint32_t index);
/* So many of them, the first, are what builders do by themselves: one plan for all modes. */
#define EP_BUILDER_STRATEGIES 2
/* How the strategy "best" came to its plan. */
typedef struct ep_search_result {
    uint32_t n_judged; /* plans built and run; 0: another strategy */
    ep_objective objective;
    double value; /* ns, nJ, ns between batches, nJ x ns */
    double bound; /* no placement has less, if layers cost no less than in any plan judged */
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

#endif
