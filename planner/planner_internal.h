/* Private to planner/: the steps between verdicts and a plan. */
#ifndef EP_PLANNER_INTERNAL_H
#define EP_PLANNER_INTERNAL_H

#include "planner/planner.h"

/* ---- partition ----------------------------------------------------------------------------- */

/* Layers in execution order, those on the DLA grouped into subgraphs. */
typedef struct ep__partition {
    uint32_t *order;      /* layers in execution order; a subgraph's are contiguous */
    uint32_t *position;   /* per layer: its place in `order` */
    uint32_t *subgraph;   /* per layer; EP_NO_INDEX on the GPU */
    uint32_t n_subgraphs; /* numbered in execution order */
} ep__partition;

/* Who reads what a layer writes. */
typedef struct ep__dag {
    uint32_t n;            /* layers, in topological order */
    const uint32_t *begin; /* per layer l: users[begin[l] .. begin[l + 1]), an entry for each tensor
                              and reader */
    const uint32_t *users;
} ep__dag;

ep_status ep__dag_of(const ep_layers *layers, ep_arena *arena, ep__dag *out, ep_error *err);

/* Groups the layers of each kind but 0, which is the GPU's, into connected convex subgraphs: the
 * execution order takes turns between all that is ready of one kind, and a subgraph is a connected
 * part of one turn. Nothing outside can lie between two layers of one turn, hence convex.
 * O(layers + edges). */
ep_status ep__partition_of(const ep__dag *dag, const uint32_t *kind, uint32_t n_kinds,
                           ep_arena *arena, ep__partition *out, ep_error *err);

/* The same where layers of one core, one batch (general.loadable-batch) and one part (NULL: all are
 * of one) are a kind. O(layers log layers + edges). */
ep_status ep__partition_make(const ep_layers *layers, const ep_device *device, const uint32_t *part,
                             ep_arena *arena, ep__partition *out, ep_error *err);

/* What an earlier plan had, which is copied. EP_INFEASIBLE: it is no order of execution, or its
 * subgraphs are not connected, convex, and each of one core and batch. */
ep_status ep__partition_given(const ep_layers *layers, const ep_device *device,
                              const uint32_t *order, const uint32_t *subgraph, ep_arena *arena,
                              ep__partition *out, ep_error *err);

/* Numbers the batches that layers work on, from 0, ascending; `number` is per layer. */
ep_status ep__number_batches(const ep_layers *layers, ep_arena *arena, uint32_t *number,
                             ep_error *err);

/* ---- parts that are joined ----------------------------------------------------------------- */

/* Of 0 to n - 1, each by itself at first; NULL: out of memory. The least of a part represents it,
 * in whichever order parts were united. */
uint32_t *ep__joined_new(uint32_t n, ep_arena *arena);
void ep__joined_reset(uint32_t *parent, uint32_t n);
uint32_t ep__joined_find(uint32_t *parent, uint32_t i);
bool ep__joined_unite(uint32_t *parent, uint32_t a, uint32_t b); /* were they two parts? */

/* ---- combinations -------------------------------------------------------------------------- */

/* Takes subgraphs off the DLA, wholly, that pass the pools of a loadable, or come after the last
 * loadable that there is room for, and says why in `verdicts`. `plan` has kernels and is not
 * touched (but for the partition's `subgraph`, which it may share): if n_subgraphs of the partition
 * shrinks, it is to be made again. What remains keeps its layers and is numbered anew; the
 * execution order stays. O(layers + edges). */
ep_status ep__drop_subgraphs(const ep_plan *plan, const ep_machine *machine,
                             const ep_plan_options *options, ep_verdict *verdicts,
                             ep__partition *partition, ep_arena *arena, ep_error *err);

/* Bytes of a feature map on the DLA (kCHW32 in INT8, kCHW16 in FP16): channels padded to whole
 * atoms of 32 bytes. UINT64_MAX when they pass it. */
uint64_t ep__feature_bytes(const ep_shape *shape, ep_precision precision);

/* ---- precision ----------------------------------------------------------------------------- */

/* Do the Q/DQ pairs of a quantized network leave this layer in INT8? */
bool ep__is_scaled(const ep_layers *layers, const ep_layer *layer);

/* Has the DLA INT8 for this layer, of what it takes at all? */
bool ep__has_int8(const ep_layer *layer, const ep_dla_limits *limits);

/* Has the GPU a kernel for this layer in this precision? FP32 it always has. */
bool ep__gpu_takes(const ep_layers *layers, const ep_layer *layer, ep_precision precision);

/* ---- plans --------------------------------------------------------------------------------- */

/* What all plans of a network, a machine and options have in common. */
typedef struct ep__basis {
    const ep_layers *layers;
    const ep_machine *machine;
    const ep_plan_options *options;
    const ep_precision *gpu_precision; /* per layer: as the options choose it on the GPU */
    ep_verdict *verdicts;              /* per layer; NULL: no DLA is used */
    ep_verdict *verdicts_fp16;         /* the same, asked for FP16 */
    bool no_limits;                    /* of loadables and pools, to see what would be */
} ep__basis;

/* Has the machine TF32, and do the options allow it? */
bool ep__tf32(const ep__basis *b);

/* The precisions that the options allow a layer that is not pinned, in the order in which they
 * prefer them; returns how many. FP32 is the last. A pinned layer may be in TF32, too. */
uint32_t ep__precisions(const ep__basis *b, ep_precision list[EP_PRECISION_COUNT]);

/* What it points to lives in `arena`. EP_INFEASIBLE: the options want a core that is not there. */
ep_status ep__basis_make(const ep_layers *layers, const ep_machine *machine,
                         const ep_plan_options *options, bool uses_dla, ep_arena *arena,
                         ep__basis *out, ep_error *err);

/* The options' choice for each layer on the GPU; what it needs meanwhile is taken from `arena`. */
ep_status ep__gpu_precisions(const ep__basis *basis, ep_arena *arena, ep_precision *chosen,
                             ep_error *err);
/* In which "fastest" is judged when a plan serves all modes: that of the highest GPU clock. */
const ep_mode *ep__fastest_mode(const ep_machine *machine);
void ep__set_sparse(const ep__basis *basis, ep_plan *plan);
ep_io ep__io(const ep__basis *basis);

/* May this layer run there, in that? */
bool ep__takes(const ep__basis *basis, uint32_t layer, ep_device device, ep_precision precision);

/* As ep_plan_build; `out`, its plan and all they point to but the refusals live in `arena`. */
ep_status ep__build(const ep__basis *basis, const char *strategy, const ep_assignment *wanted,
                    ep_arena *arena, ep_planned *out, ep_error *err);

/* The strategy "best" (best.c): a decision that is judged by its run. `out` is filled in `arena`,
 * the decision among it. */
ep_status ep__place_best(const ep__basis *basis, ep_arena *arena, ep_planned *out, ep_error *err);

/* ---- pins ---------------------------------------------------------------------------------- */

/* Of one layer; without pins it allows everything. */
ep_pin ep__pin_of(const ep_plan_options *options, uint32_t layer);

/* Asks the DLA anew about layers that are pinned to precisions without `asked`, which `verdicts`
 * are of. */
ep_status ep__pins_ask(const ep_layers *layers, const ep_machine *machine,
                       const ep_plan_options *options, ep_precision asked, ep_arena *arena,
                       ep_verdict *verdicts, ep_error *err);

/* Does this placement keep the pins? `device` and `precision` are per layer. EP_INFEASIBLE names
 * the first layer that is elsewhere, with the DLA's rule where `verdicts` have it. NULL: strategy
 * "gpu", where pinned devices say nothing unless there is no DLA to use at all. */
ep_status ep__pins_check(const ep_layers *layers, const ep_plan_options *options,
                         const ep_device *device, const ep_precision *precision,
                         const ep_verdict *verdicts, ep_error *err);

/* ---- fusion -------------------------------------------------------------------------------- */

/* The longest kernel: what TensorRT's pointwise fusion takes is of this order. */
#define EP__MAX_KERNEL_LAYERS 24

/* Layers being gathered into one kernel. */
typedef struct ep__region {
    uint32_t n;
    uint32_t members[EP__MAX_KERNEL_LAYERS]; /* in order; the last one's output leaves the kernel */
} ep__region;

typedef enum ep__answer {
    EP__REFUSED,
    EP__JOINED,
    EP__PENDING, /* only if what comes later completes the pattern: else it is given up again */
} ep__answer;

/* May layers `added` (which close the region again) join it? Says so from what the device fuses. */
typedef ep__answer (*ep__accepts)(const ep_plan *plan, const ep__region *region,
                                  const uint32_t *added, uint32_t n_added);

/* The fusion rules of a device: for a region that begins with layer `anchor`, what may join it;
 * NULL when it stays alone. */
ep__accepts ep__gpu_fusion(const ep_layer *anchor);
ep__accepts ep__dla_fusion(const ep_layer *anchor);

/* Joins the layers of a placed plan (device, precision and subgraph set) into kernels and inserts
 * the reformats; sets kernels, transitions, io_reformats. */
ep_status ep__fuse(const ep__partition *partition, ep_io io, ep_arena *arena, ep_plan *plan,
                   ep_error *err);

/* A reformat of a tensor, without a name; `tensor` has to outlive it. */
ep_kernel ep__reformat_of(const uint32_t *tensor, ep_precision from, ep_precision to, bool crosses);

/* In which precision a network input or output crosses the border: its own type, linear layout. */
ep_precision ep__io_precision(const ep_layers *layers, uint32_t tensor);

bool ep__contains(const uint32_t *list, uint32_t n, uint32_t value);

/* Any of the element-by-element types. */
bool ep__is_pointwise(const ep_layer *layer);

#endif
