#include <stdlib.h>
#include <string.h>

#include "engine/int8/core.h"

ep__window ep__int8_rows(int64_t rows)
{
    ep__window w = {.image_size = rows, .stops_size = rows, .kernel_size = 1};
    for (int i = 0; i < 3; i++) w.image[i] = w.stops[i] = w.kernel[i] = 1;
    for (int i = 0; i < 3; i++) w.stride[i] = w.dilation[i] = 1;
    w.image[2] = w.stops[2] = rows;
    return w;
}

int64_t ep__int8_weights_each(const ep__int8_form *form)
{
    return form->channels / form->groups * form->window.kernel_size;
}

uint64_t ep__int8_most(const ep__int8_form *form)
{
    const int64_t each = ep__int8_weights_each(form);
    uint64_t most = 0;
    for (int64_t f = 0; f < form->filters; f++) {
        const int8_t *w = form->weights + f * each;
        uint64_t sum = 0;
        for (int64_t k = 0; k < each; k++) sum += (uint64_t)abs(w[k]);
        most = ep_max_u64(most, sum);
    }
    return most;
}

/* A number can wrap on its way to a sum that does not; what counts is the sum. */
static ep_status check_sums(const ep__int8_form *form, ep_error *err)
{
    const int32_t low = form->x_dtype == EP_DTYPE_INT8 ? INT8_MIN : 0;
    const int32_t high = form->x_dtype == EP_DTYPE_INT8 ? INT8_MAX : UINT8_MAX;
    const int32_t below = form->x_zero - low, above = high - form->x_zero;
    uint64_t most = ep__int8_most(form) * (uint64_t)(below > above ? below : above), bias = 0;
    for (int64_t f = 0; form->bias && f < form->filters; f++) {
        bias = ep_max_u64(bias, (uint64_t)llabs((long long)form->bias[f]));
    }
    most += bias;
    EP_FAIL_IF(most > INT32_MAX, err, EP_UNSUPPORTED,
               "sums of products may reach %llu; INT32 ends at %d", (unsigned long long)most,
               INT32_MAX);
    return EP_OK;
}

bool ep__int8_is_depthwise(const ep__int8_form *form)
{
    return form->groups == form->channels && form->groups == form->filters;
}

/* From channels x kernel to kernel x channels: for each filter, or for all where each has one
 * channel. */
static void reorder(const ep__int8_form *form, int8_t *out)
{
    const int64_t filters = ep__int8_is_depthwise(form) ? 1 : form->filters;
    const int64_t channels =
        ep__int8_is_depthwise(form) ? form->filters : form->channels / form->groups;
    const int64_t kernel = form->window.kernel_size;
    for (int64_t f = 0; f < filters; f++) {
        const int8_t *from = form->weights + f * channels * kernel;
        int8_t *to = out + f * channels * kernel;
        for (int64_t c = 0; c < channels; c++) {
            for (int64_t k = 0; k < kernel; k++) to[k * channels + c] = from[c * kernel + k];
        }
    }
}

static ep_status fill(ep__int8 *op, const ep__int8_form *form, const ep__int8_result *result,
                      ep_error *err)
{
    const size_t filters = (size_t)form->filters;
    op->bias = calloc(filters + 1, sizeof *op->bias); /* calloc(0) may give NULL */
    op->scale = calloc(filters + 1, sizeof *op->scale);
    if (!op->bias || !op->scale) return ep_fail_memory(err);
    if (form->bias) memcpy(op->bias, form->bias, filters * sizeof *op->bias);
    memcpy(op->scale, result->scale, filters * sizeof *op->scale);
    op->form.bias = op->bias;
    op->result.scale = op->scale;
    return EP_OK;
}

static ep_status pack_plain(ep__int8 *op, const ep__int8_form *form, ep_error *err)
{
    op->weights = malloc((size_t)(form->filters * ep__int8_weights_each(form)) + 1);
    if (!op->weights) return ep_fail_memory(err);
    reorder(form, op->weights);
    return EP_OK;
}

static ep_status make(ep__int8 *op, const ep__int8_form *form, const ep__int8_result *result,
                      bool plain, uint32_t threads, ep_error *err)
{
    EP_TRY(check_sums(form, err));
    EP_TRY(fill(op, form, result, err));
    if (!plain) {
        ep_error why = {0};
        const ep_status status = ep__int8_dnnl_new(form, op, threads, &op->dnnl, &why);
        if (status == EP_OK) return EP_OK;
        if (status != EP_UNSUPPORTED) return ep_fail(err, status, "%s", why.text);
    }
    return pack_plain(op, form, err);
}

ep_status ep__int8_new(const ep__int8_form *form, const ep__int8_result *result, bool plain,
                       uint32_t threads, ep__int8 **out, ep_error *err)
{
    *out = NULL;
    ep__int8 *op = calloc(1, sizeof *op);
    if (!op) return ep_fail_memory(err);
    op->form = *form;
    op->form.weights = NULL;
    op->result = *result;
    const ep_status status = make(op, form, result, plain, threads, err);
    if (status == EP_OK) {
        *out = op;
    } else {
        ep__int8_free(op);
    }
    return status;
}

void ep__int8_free(ep__int8 *op)
{
    if (!op) return;
    ep__int8_dnnl_free(op->dnnl);
    free(op->bias);
    free(op->scale);
    free(op->weights);
    free(op);
}

ep_status ep__int8_run(const ep__int8 *op, uint32_t threads, const void *x, const void *residual,
                       void *out, ep_arena *scratch, ep_error *err)
{
    const ep__int8_form *f = &op->form;
    if (f->batch == 0 || f->filters == 0 || f->window.stops_size == 0) return EP_OK;
    if (op->dnnl) return ep__int8_dnnl_run(op, threads, x, residual, out, scratch, err);
    ep__int8_plain_run(op, threads, x, residual, out);
    return EP_OK;
}
