/* Packs the weights of steps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/integer/integer.h"

/* ---- weights and bias ---------------------------------------------------------------------- */

static float scale_at(const ep__frame *frame, uint32_t tensor, int64_t i)
{
    const ep_array *array = &frame->cells[tensor].array;
    return ((const float *)array->data)[array->n == 1 ? 0 : i];
}

float ep__weight_scale(const ep__frame *frame, const ep__integer_step *step, int64_t i)
{
    return scale_at(frame, step->w_scale, i);
}

bool ep__bias_codes(const ep__frame *frame, const ep__integer_step *step, int64_t filters,
                    int32_t *out)
{
    const ep_array *bias = &frame->cells[step->bias].array;
    for (int64_t i = 0; i < filters; i++) {
        const double unit =
            (double)step->coding[0].scale * (double)ep__weight_scale(frame, step, i);
        double number;
        if (step->b_scale == EP_NO_INDEX) {
            number = (double)((const float *)bias->data)[i];
        } else {
            number = ((const int32_t *)bias->data)[i] * (double)scale_at(frame, step->b_scale, i);
        }
        const double code = rint(number / unit);
        if (!(fabs(code) <= (double)(1 << 30))) return false;
        if (out) out[i] = (int32_t)code;
    }
    return true;
}

static const int8_t *filters_of(const ep__frame *frame, const ep__integer_step *step,
                                int8_t *turned)
{
    const int8_t *codes = frame->cells[step->weights].array.data;
    if (!step->columns) return codes;
    ep__channels_last(1, 1, step->form.channels, step->form.filters, 1, codes, turned);
    return turned;
}

/* What one unit of a sum is in the result. */
static void fill_scales(const ep__frame *frame, const ep__integer_step *step, float *out)
{
    for (int64_t i = 0; i < step->form.filters; i++) {
        const double unit =
            (double)step->coding[0].scale * (double)ep__weight_scale(frame, step, i);
        out[i] = (float)(unit / (double)step->to.scale);
    }
}

static ep__int8_result result_of(const ep__integer_step *step, const float *scales)
{
    ep__int8_result r = {.dtype = step->to.dtype, .scale = scales};
    if (r.dtype != EP_DTYPE_FLOAT) {
        r.zero = step->to.zero;
        r.low = ep__code_of(&step->to, step->low);
        r.high = ep__code_of(&step->to, step->high);
    }
    if (step->n_inputs < 2) return r;
    r.residual = step->coding[1].dtype;
    r.residual_zero = step->coding[1].zero;
    r.residual_scale = (float)((double)step->coding[1].scale / (double)step->to.scale);
    return r;
}

static ep_status pack(ep__frame *frame, ep__integer_step *step, ep_arena *arena, ep_error *err)
{
    const uint64_t filters = (uint64_t)step->form.filters;
    const uint64_t weights = frame->cells[step->weights].array.n;
    int32_t *bias = EP_NEW(arena, int32_t, filters);
    float *scales = EP_NEW(arena, float, filters);
    int8_t *turned = EP_NEW_RAW(arena, int8_t, step->columns ? weights : 0);
    if (!bias || !scales || !turned) return ep_fail_memory(err);
    ep__int8_form form = step->form;
    form.weights = filters_of(frame, step, turned);
    if (step->bias != EP_NO_INDEX && ep__bias_codes(frame, step, step->form.filters, bias)) {
        form.bias = bias;
    }
    fill_scales(frame, step, scales);
    const ep__int8_result result = result_of(step, scales);
    EP_TRY(ep__int8_new(&form, &result, frame->context->plain, frame->context->threads, &step->op,
                        err));
    ep__has_read(frame, weights);
    frame->integer->ops[frame->integer->n_ops++] = step->op;
    return EP_OK;
}

/* ---- signs --------------------------------------------------------------------------------- */

/* Every window shows some of the image. */
static bool sees_image(const ep__window *w)
{
    for (int i = 0; i < 3; i++) {
        const int64_t last = (w->stops[i] - 1) * w->stride[i] - w->pad[i];
        if (w->dilation[i] != 1 || w->pad[i] >= w->kernel[i] || last >= w->image[i]) return false;
    }
    return true;
}

/* No number of the step's result is negative. */
static bool is_positive(const ep__integer_step *step, const bool *positive)
{
    if (step->low >= 0) return true;
    if (step->kind == EP__STEP_MULTIPLY) return false;
    if (step->kind == EP__STEP_MAX_POOL && !sees_image(&step->window)) return false;
    for (uint32_t i = 0; i < step->n_inputs; i++) {
        if (!positive[step->reads[i]]) return false;
    }
    return true;
}

static ep_status build(ep__frame *frame, bool *positive, ep_arena *arena, ep_error *err)
{
    for (uint32_t i = 0; i < frame->network->n_nodes; i++) {
        ep__integer_step *step = frame->integer->steps[i];
        if (!step) continue;
        positive[step->out] = is_positive(step, positive);
        if (step->kind != EP__STEP_MULTIPLY) continue;
        step->form.x_positive = positive[step->reads[0]] && step->coding[0].zero >= 0;
        const ep_status status = pack(frame, step, arena, err);
        ep_arena_reset(arena, 0);
        if (status != EP_OK) {
            const ep_node *node = &frame->network->nodes[step->core];
            return ep_fail_context(err, "node '%s' (%s): ", node->name, node->op_type);
        }
    }
    return EP_OK;
}

ep_status ep__integer_build(ep__frame *frame, ep_error *err)
{
    if (!frame->integer) return EP_OK;
    bool *positive = calloc((size_t)frame->network->n_tensors + 1, sizeof *positive);
    ep_arena *arena = ep_arena_new();
    const ep_status status =
        positive && arena ? build(frame, positive, arena, err) : ep_fail_memory(err);
    free(positive);
    ep_arena_free(arena);
    return status;
}
