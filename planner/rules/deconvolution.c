#include <inttypes.h>

#include "planner/rules/rules.h"

/* Beside its range, a kernel or a stride may be a line of one of these lengths (all versions). */
static const int64_t line_lengths[] = {64, 96, 128};

static bool is_line(const int64_t values[2])
{
    for (size_t i = 0; i < sizeof line_lengths / sizeof line_lengths[0]; i++) {
        if (values[0] == 1 && values[1] == line_lengths[i]) return true;
        if (values[1] == 1 && values[0] == line_lengths[i]) return true;
    }
    return false;
}

static bool dims(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__window_is_2d(c, refusal);
}

static bool weights(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__operands_constant(c, "weights", refusal);
}

static bool within_or_line(const ep_window *window, const char *what, const int64_t *values,
                           ep_range range, ep_refusal *refusal)
{
    if (window->rank == 2 && is_line(values)) return true;
    if (ep__window_within(window, what, values, range, refusal)) return true;
    ep__bound(refusal, "%" PRId64 "..%" PRId64 ", or 1 by 64, 96, 128", range.min, range.max);
    return false;
}

static bool kernel(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return within_or_line(w, "kernel", w->kernel, c->limits->deconv_kernel, refusal);
}

static bool stride(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    return within_or_line(w, "stride", w->stride, c->limits->deconv_stride, refusal);
}

static bool square(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range refused = c->limits->deconv_square_refused;
    if (w->rank != 2) return true;
    const bool large_kernel = w->kernel[0] == w->kernel[1] && ep__within(refused, w->kernel[0]);
    const bool large_stride = w->stride[0] == w->stride[1] && ep__within(refused, w->stride[0]);
    if (!large_kernel && !large_stride) return true;
    const int64_t side = large_kernel ? w->kernel[0] : w->stride[0];
    ep__value(refusal, "%s %" PRId64 "x%" PRId64, large_kernel ? "kernel" : "stride", side, side);
    ep__bound(refusal, "not square in %" PRId64 "..%" PRId64, refused.min, refused.max);
    return false;
}

static bool padding(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range range = {0, c->limits->deconv_padding_max};
    return ep__padding_within(w, range, refusal) &&
           ep__window_within(w, "output padding", w->output_pad, range, refusal);
}

static bool groups(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_range range = {1, c->limits->deconv_groups_max};
    if (ep__within(range, c->layer->groups)) return true;
    ep__value(refusal, "%" PRId64 " groups", c->layer->groups);
    ep__bound_range(refusal, range);
    return false;
}

static bool dilation(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_window *w = &c->layer->window;
    const ep_range range = {1, c->limits->deconv_dilation_max};
    return ep__window_within(w, "dilation", w->dilation, range, refusal);
}

static bool channels(const ep__rule_context *c, ep_refusal *refusal)
{
    return ep__channels_within(c, c->limits->deconv_channels, refusal);
}

static const ep__rule rows[] = {
    {{"deconv.dims", "A deconvolution is two-dimensional.",
      "Write a 1-D deconvolution as 2-D with height 1.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     dims},
    {{"deconv.weights", "Weights and bias of a deconvolution are constants.",
      "Store weights and bias in the model.", EP__OPERATORS, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     weights},
    {{"deconv.kernel", "Kernel height and width are limited, but for some long lines.",
      "Replace it by a Resize and a convolution.", EP__HEADER, EP_HEADER},
     EP__TYPE(DECONVOLUTION),
     kernel},
    {{"deconv.stride", "Strides are limited, but for some long lines.", "Upsample in two steps.",
      EP__HEADER, EP_HEADER},
     EP__TYPE(DECONVOLUTION),
     stride},
    {{"deconv.square",
      "TensorRT has turned large square kernels and strides off: they take too long to compile.",
      "Upsample in two steps.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     square},
    {{"deconv.padding", "Padding and output padding are limited.",
      "Deconvolve without padding and cut the border off with a Slice.",
      EP__GUIDE "; NVIDIA/TensorRT#3365", EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     padding},
    {{"deconv.groups", "The number of groups is limited.",
      "Use one group, its weights filled up with zeros.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     groups},
    {{"deconv.dilation", "Dilation is limited.", "Fill the kernel up with zeros instead.",
      EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     dilation},
    {{"deconv.channels", "Input and output channels are limited.",
      "Split the layer along its channels.", EP__GUIDE, EP_DOCUMENTED},
     EP__TYPE(DECONVOLUTION),
     channels},
};

const ep__rule_family ep__deconvolution_rules = EP__RULE_FAMILY(rows);
