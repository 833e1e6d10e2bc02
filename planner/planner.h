/* planner: what runs where?
 *
 *   ep_dla_check   asks every rule about every layer: what may run on the DLA, and why not
 *   ep_plan_make   places layers on devices by a strategy, forms subgraphs, fuses layers into
 *                  kernels as each device does, inserts reformats
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

typedef struct ep_rule {
    const char *id;     /* stable: "conv.kernel" */
    const char *text;   /* the rule as one sentence, without its numbers: those are the machine's */
    const char *hint;   /* what change to the network would satisfy it */
    const char *source; /* where it was read */
    ep_confidence confidence;
} ep_rule;

#define EP_REFUSAL_TEXT 64

/* Why a layer may not run on the DLA. */
typedef struct ep_refusal {
    const ep_rule *rule;
    char value[EP_REFUSAL_TEXT]; /* what the layer has: "kernel 33x33" */
    char bound[EP_REFUSAL_TEXT]; /* what the DLA takes: "1..32" */
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
/* The rule for layers that the limit of loadables pushed out; no function decides it. */
const ep_rule *ep_rule_loadables(void);

/* Asks every rule about every layer. `asked` is what the user wants: EP_INT8 allows FP16 where
 * INT8 does not exist; EP_FP32 and EP_TF32 are refused. A machine without DLA refuses everything
 * by `general.no-dla`. `*verdicts` has one entry a layer and lives in `arena`. */
ep_status ep_dla_check(const ep_layers *layers, const ep_machine *machine, ep_precision asked,
                       ep_arena *arena, ep_verdict **verdicts, ep_error *err);

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

typedef struct ep_plan_options {
    ep_precision_choice precision;
    ep_dla_choice dla;
    bool no_fallback; /* a refused layer makes the plan infeasible */
    bool no_tf32;     /* FP32 math stays FP32 on tensor cores too */
    bool sparse;      /* weights are 2:4 sparse wherever hardware gains from it */
    ep_io io;
} ep_plan_options;

/* The strategies there are, in the order in which they are shown; NULL past the last. */
const char *ep_strategy_name(uint32_t index);
/* A plan with the costs of its kernels. Opaque memory: everything lives in `arena`. */
typedef struct ep_planned {
    ep_arena *arena;
    ep_plan plan;
    ep_cost *costs; /* per kernel */
    const ep_verdict
        *verdicts; /* per layer; those of a plan that uses a DLA include the layers that
                      the limit of loadables pushed out. NULL for strategy "gpu" */
} ep_planned;

/* Makes the plan of a strategy. EP_BAD_USAGE: no such strategy; EP_INFEASIBLE: no_fallback and a
 * refused layer (the first is named, with its rule), or a DLA is asked for that the machine does
 * not have. */
ep_status ep_plan_make(const ep_layers *layers, const ep_machine *machine, const char *strategy,
                       const ep_plan_options *options, ep_planned **out, ep_error *err);
void ep_planned_free(ep_planned *planned); /* accepts NULL */

#endif
