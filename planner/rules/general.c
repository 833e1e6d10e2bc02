#include <inttypes.h>

#include "planner/rules/rules.h"

static const char *const axis_names[4] = {"batch", "channels", "height", "width"};

/* The computed operands of a layer: inputs, then outputs. */
static uint32_t n_operands(const ep_layer *layer)
{
    return layer->n_inputs + layer->n_outputs;
}

static const ep_tensor *operand(const ep__rule_context *c, uint32_t i)
{
    const ep_layer *layer = c->layer;
    const uint32_t index =
        i < layer->n_inputs ? layer->inputs[i] : layer->outputs[i - layer->n_inputs];
    return &c->layers->network->tensors[index];
}

static bool no_dla(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->dla->cores > 0) return true;
    ep__value(refusal, "no DLA");
    ep__bound(refusal, "a module with a DLA");
    return false;
}

static void unsupported_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    switch (c->layer->type) {
    case EP_LAYER_GATHER:
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "With constant indices along C, H or W, write it as Slices and a Concat.");
        return;
    case EP_LAYER_SELECT:
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "With a constant condition of 0 and 1, write it as c * x + (1 - c) * y.");
        return;
    case EP_LAYER_RECURRENT:
        ep__hint(c, refusal, EP_CHANGE_EXACT,
                 "Unroll it into 1x1 Convs, Sigmoid, Tanh, Mul and Add.");
        return;
    case EP_LAYER_TOPK:
    case EP_LAYER_SCATTER:
        ep__hint(c, refusal, EP_CHANGE_NONE, "Cut the network before it, as post-processing.");
        return;
    default: return;
    }
}

static bool unsupported(const ep__rule_context *c, ep_refusal *refusal)
{
    ep__value(refusal, "%s", c->layer->op);
    ep__bound(refusal, "an operator of the DLA");
    unsupported_hint(c, refusal);
    return false;
}

static bool precision(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->asked == EP_FP16 || c->asked == EP_INT8) return true;
    ep__value(refusal, "%s", ep_precision_name(c->asked));
    ep__bound(refusal, "%s, %s", ep_precision_name(EP_FP16), ep_precision_name(EP_INT8));
    return false;
}

static bool element_type(const ep__rule_context *c, ep_refusal *refusal)
{
    /* A comparison's result is a truth value; comparison.cast says who may read it. */
    const uint32_t n =
        c->layer->type == EP_LAYER_COMPARISON ? c->layer->n_inputs : n_operands(c->layer);
    for (uint32_t i = 0; i < n; i++) {
        const ep_dtype dtype = operand(c, i)->dtype;
        if (dtype == EP_DTYPE_UNDEFINED || ep_dtype_is_float(dtype)) continue;
        ep__value(refusal, "%s", ep_dtype_name(dtype));
        ep__bound(refusal, "real numbers");
        return false;
    }
    return true;
}

static bool rank(const ep__rule_context *c, ep_refusal *refusal)
{
    for (uint32_t i = 0; i < n_operands(c->layer); i++) {
        const ep_shape *shape = &operand(c, i)->shape;
        int64_t nchw[4];
        if (ep_nchw(shape, nchw)) continue;
        char text[EP_SHAPE_TEXT];
        ep__value(refusal, "rank %d: %s", shape->rank, ep_shape_text(shape, text));
        ep__bound(refusal, "2, or 4 and more");
        return false;
    }
    return true;
}

/* Whether dimensions `from` to `to` of every operand as NCHW lie in 1..max. */
static bool dimensions_within(const ep__rule_context *c, int from, int to, int64_t max,
                              ep_refusal *refusal)
{
    for (uint32_t i = 0; i < n_operands(c->layer); i++) {
        int64_t nchw[4];
        if (!ep_nchw(&operand(c, i)->shape, nchw)) continue;
        for (int a = from; a <= to; a++) {
            if (nchw[a] >= 1 && nchw[a] <= max) continue;
            ep__value(refusal, "%s %" PRId64, axis_names[a], nchw[a]);
            ep__bound_range(refusal, (ep_range){1, max});
            return false;
        }
    }
    return true;
}

static bool batch(const ep__rule_context *c, ep_refusal *refusal)
{
    return dimensions_within(c, 0, 0, c->limits->batch_max, refusal);
}

static bool dimension(const ep__rule_context *c, ep_refusal *refusal)
{
    if (dimensions_within(c, 1, 3, c->limits->dim_max, refusal)) return true;
    const ep_shape *map = ep__flattened(c);
    if (map) ep__flatten_hint(c, map, refusal);
    return false;
}

static bool dynamic_shape(const ep__rule_context *c, ep_refusal *refusal)
{
    for (uint32_t i = 0; i < n_operands(c->layer); i++) {
        const ep_tensor *tensor = operand(c, i);
        for (int a = 0; a < tensor->shape.rank; a++) {
            if (!(tensor->was_symbolic >> a & 1u)) continue;
            ep__value(refusal, "varying dimension %d of %s", a, tensor->name);
            ep__bound(refusal, "min = opt = max");
            return false;
        }
    }
    return true;
}

/* What a 2-D convolution needs of the convolution buffer; false for any other, which conv.dims,
 * conv.groups or general.rank refuses. */
static bool buffer_need(const ep__rule_context *c, ep_cbuf_need *need)
{
    if (!c->has_nchw || c->layer->window.rank != 2 || c->layer->groups < 1) return false;
    *need = ep_sim_cbuf(c->dla, c->in, &c->layer->window, c->layer->groups, c->precision);
    return true;
}

static bool fits_buffer(const ep__rule_context *c, uint64_t weights, uint64_t data,
                        ep_refusal *refusal)
{
    const uint64_t banks = (uint64_t)c->dla->cbuf_banks;
    if (weights + data <= banks) return true;
    ep__value(refusal, "%" PRIu64 " weight + %" PRIu64 " input banks", weights, data);
    ep__bound(refusal, "%" PRIu64 " banks", banks);
    if (c->precision != EP_INT8) {
        const ep_cbuf_need int8 =
            ep_sim_cbuf(c->dla, c->in, &c->layer->window, c->layer->groups, EP_INT8);
        if (int8.weight_banks_group + int8.data_banks <= banks) {
            ep__hint(c, refusal, EP_CHANGE_SETTING,
                     "Use INT8: %" PRIu64 " weight + %" PRIu64 " input banks.",
                     int8.weight_banks_group, int8.data_banks);
        }
    }
    return false;
}

static bool cbuf(const ep__rule_context *c, ep_refusal *refusal)
{
    ep_cbuf_need need;
    return !buffer_need(c, &need) ||
           fits_buffer(c, need.weight_banks_kernel, need.data_banks, refusal);
}

static bool cbuf_group(const ep__rule_context *c, ep_refusal *refusal)
{
    /* Where not even one kernel fits, general.cbuf has said so. */
    ep_refusal of_one_kernel;
    ep_cbuf_need need;
    return !cbuf(c, &of_one_kernel) || !buffer_need(c, &need) ||
           fits_buffer(c, need.weight_banks_group, need.data_banks, refusal);
}

#define CBUF_HINT                                                                                  \
    "Cut the input into strips of its width that overlap by the kernel, or split its channels "    \
    "and "                                                                                         \
    "add the results."

static const ep__rule rows[] = {
    {{"general.no-dla", "The module has a DLA.", "Choose a module with a DLA.", EP_CHANGE_SETTING,
      "NVIDIA Deep-Learning-Accelerator-SW, FAQ", EP_DOCUMENTED},
     EP__ALL_TYPES,
     no_dla},
    {{"general.precision", "The DLA computes in FP16 and INT8 only.",
      "Plan with --precision int8 or fp16.", EP_CHANGE_SETTING, EP__GUIDE, EP_DOCUMENTED},
     EP__ALL_TYPES,
     precision},
    {{"general.unsupported", "The DLA has the operator.",
      "Rewrite it with operators that the DLA has, or cut the network there.", EP_CHANGE_NONE,
      EP__OPERATORS, EP_DOCUMENTED},
     EP__ALL_TYPES & ~(EP__DLA_TYPES | EP__TYPE(MATRIX_MULTIPLY) | EP__TYPE(NORMALIZATION)),
     unsupported},
    {{"general.type", "Tensors hold real numbers.",
      "Keep index arithmetic out of the network, or fold it into constants.", EP_CHANGE_EXACT,
      EP__GUIDE, EP_DOCUMENTED},
     EP__DLA_TYPES,
     element_type},
    {{"general.rank",
      "Tensors are N x C x H x W; N x C counts, and further leading dimensions count as batch.",
      "Keep the tensor four-dimensional: with H = 1 instead of N x C x W.", EP_CHANGE_EXACT,
      EP__GUIDE, EP_DOCUMENTED},
     EP__DLA_TYPES,
     rank},
    {{"general.batch",
      "The batch, all dimensions but C, H and W multiplied, is at most {batch_max}.",
      "Plan with a smaller --batch.", EP_CHANGE_SETTING, EP__GUIDE, EP_DOCUMENTED},
     EP__DLA_TYPES | EP__TYPE(NORMALIZATION),
     batch},
    {{"general.dimension", "C, H and W of every tensor are at most {dim_max} each.",
      "Split the tensor along that dimension.", EP_CHANGE_EXACT, EP__GUIDE_10, EP_DOCUMENTED},
     EP__DLA_TYPES | EP__TYPE(NORMALIZATION),
     dimension},
    {{"general.dynamic-shape", "Shapes are fixed when the engine is built: min = opt = max.",
      "Export the network with fixed shapes.", EP_CHANGE_SETTING, EP__GUIDE, EP_DOCUMENTED},
     EP__DLA_TYPES | EP__TYPE(NORMALIZATION),
     dynamic_shape},
    {{"general.cbuf",
      "One kernel and the input rows of one output row fit the {dla.cbuf_banks} banks of "
      "{dla.cbuf_bank_bytes} of the convolution buffer.",
      CBUF_HINT, EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(CONVOLUTION),
     cbuf},
    {{"general.cbuf-group",
      "The kernels that are loaded at once and the input rows of one output row fit the "
      "{dla.cbuf_banks} banks of {dla.cbuf_bank_bytes} of the convolution buffer.",
      CBUF_HINT, EP_CHANGE_EXACT, "NVIDIA/TensorRT#3499; " EP__NVDLA, EP_INFERRED},
     EP__TYPE(CONVOLUTION),
     cbuf_group},
    {{"general.loadables",
      "At most {loadables_per_core} subgraphs are loaded on a DLA core and {loadables_total} on "
      "all; each is a loadable.",
      "Remove the cause of other fallbacks, so that fewer and larger subgraphs remain.",
      EP_CHANGE_EXACT, EP__GUIDE, EP_DOCUMENTED},
     EP__DLA_TYPES,
     NULL},
    {{"general.loadable-batch", "Layers of one loadable have the same batch; others are cut apart.",
      "Keep the batch the same throughout: no Reshape that moves it into other dimensions.",
      EP_CHANGE_EXACT, EP__GUIDE_10, EP_DOCUMENTED},
     EP__DLA_TYPES,
     NULL},
    {{"general.local-dram",
      "The intermediate tensors of a loadable take at most {local_dram_bytes}.",
      "Plan with a smaller --batch or input, or make the local pool larger.", EP_CHANGE_SETTING,
      EP__HEADER, EP_HEADER},
     EP__DLA_TYPES,
     NULL},
    {{"general.global-dram", "The weights of a loadable take at most {global_dram_bytes}.",
      "Use INT8, or make the global pool larger.", EP_CHANGE_SETTING, EP__HEADER, EP_HEADER},
     EP__DLA_TYPES,
     NULL},
};

const ep__rule_family ep__general_rules = EP__RULE_FAMILY(rows);
