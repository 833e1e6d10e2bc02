/* Products of 8-bit integers, by kernels of floats. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/numerics.h"

/* Sums of floats that are integers are exact up to here. */
#define EXACT_IN_FLOAT ((double)(1 << 24))

/* ---- the form ------------------------------------------------------------------------------ */

/* Channels of the result, and to which of them elements belong; false: another operator, or one of
 * its rarer forms. */
static bool find_form(const ep_network *network, const ep_node *node, const ep_array *weights,
                      ep__integer_product *p)
{
    const ep_shape *w = &weights->shape;
    p->groups = 1;
    p->out_inner = 1;
    p->alpha = p->beta = 1;
    if (strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "ConvTranspose") == 0) {
        const bool transposed = node->op_type[4] != '\0';
        const ep_tensor *out = &network->tensors[node->outputs[0]];
        if (w->rank < 3 || out->shape.rank != w->rank) return false;
        if (transposed) p->groups = (uint32_t)ep_attr_int(node, "group", 1);
        p->channels = (uint32_t)(transposed ? w->dims[1] : w->dims[0]);
        p->weight_inner = (uint64_t)ep__product(w, transposed ? 2 : 1, w->rank);
        p->out_inner = (uint64_t)ep__product(&out->shape, 2, w->rank);
        return true;
    }
    if (w->rank != 2) return false;
    const bool gemm = strcmp(node->op_type, "Gemm") == 0;
    if (!gemm && strcmp(node->op_type, "MatMul") != 0) return false;
    const bool turned = gemm && ep_attr_int(node, "transB", 0) != 0;
    p->channels = (uint32_t)w->dims[turned ? 0 : 1];
    p->weight_inner = turned ? (uint64_t)w->dims[1] : 1;
    if (gemm) p->alpha = ep_attr_float(node, "alpha", 1);
    if (gemm) p->beta = ep_attr_float(node, "beta", 1);
    return p->alpha > 0; /* what divides the bias is positive */
}

static uint32_t all_channels(const ep__integer_product *p)
{
    return p->channels * p->groups;
}

/* The channel of the row that begins at weight `i` of `n`: groups come one after the other. */
static uint32_t channel_of_row(const ep__integer_product *p, uint64_t n, uint64_t i)
{
    const uint64_t group = i / (n / p->groups);
    return (uint32_t)(group * p->channels + i / p->weight_inner % p->channels);
}

/* ---- weights ------------------------------------------------------------------------------- */

/* The scale of each channel: as given, or such that its largest weight is 127, and its bias stays
 * within half of an int32. */
static void find_scales(const ep__integer_product *p, const ep_array *weights, const ep_array *bias,
                        const float *given, uint64_t n_given, float *scale)
{
    const float *w = weights->data, *b = bias ? bias->data : NULL;
    for (uint32_t c = 0; c < all_channels(p); c++) {
        scale[c] = n_given ? given[n_given == 1 ? 0 : c] : 0;
    }
    for (uint64_t i = 0; i < weights->n && !n_given; i += p->weight_inner) {
        const uint32_t c = channel_of_row(p, weights->n, i);
        scale[c] = fmaxf(scale[c], ep__largest(p->weight_inner, w + i) / 127);
    }
    for (uint32_t c = 0; c < all_channels(p) && !n_given; c++) {
        const float most = b ? fabsf(p->beta * b[c]) / (p->scale * p->alpha) : 0;
        if (most < INFINITY) scale[c] = fmaxf(scale[c], most * 0x1p-30F);
        if (!(scale[c] > 0)) scale[c] = 1; /* nothing but zeros */
    }
}

static ep_status set_weights(ep__integer_product *p, ep__memory *memory, const ep_array *weights,
                             const float *scale, ep_error *err)
{
    const float *w = weights->data;
    double *sums = calloc(all_channels(p), sizeof *sums);
    if (!sums) return ep_fail_memory(err);
    double most = 0;
    ep_status status = ep__cell_new(memory, EP_DTYPE_FLOAT, &weights->shape, &p->weights, err);
    for (uint64_t i = 0; status == EP_OK && i < weights->n; i += p->weight_inner) {
        const uint32_t c = channel_of_row(p, weights->n, i);
        float *q = (float *)p->weights.array.data + i;
        for (uint64_t k = 0; k < p->weight_inner; k++) {
            q[k] = ep__to_int8(w[i + k] / scale[c]);
            sums[c] += fabs((double)q[k]);
        }
        most = fmax(most, 128 * sums[c]);
    }
    free(sums);
    EP_TRY(status);
    p->dtype = most <= EXACT_IN_FLOAT ? EP_DTYPE_FLOAT : EP_DTYPE_DOUBLE;
    if (p->dtype == EP_DTYPE_FLOAT) return EP_OK;
    ep__cell narrow = p->weights;
    p->weights = (ep__cell){0};
    status = ep__cell_new(memory, EP_DTYPE_DOUBLE, &weights->shape, &p->weights, err);
    if (status == EP_OK) {
        ep__convert(EP_DTYPE_DOUBLE, p->weights.array.data, EP_DTYPE_FLOAT, narrow.array.data,
                    weights->n, false);
    }
    ep__cell_clear(&narrow);
    return status;
}

static int32_t quantized_bias(float bias, float unit)
{
    const double value = rint((double)bias / (double)unit);
    return (int32_t)fmin(fmax(isnan(value) ? 0 : value, INT32_MIN), INT32_MAX);
}

static ep_status make(ep__integer_product *p, ep__memory *memory, const ep_array *weights,
                      const ep_array *bias, const float *scales, uint64_t n_scales, ep_error *err)
{
    const uint32_t n = all_channels(p);
    p->multiplier = calloc(n, sizeof *p->multiplier);
    if (bias) p->bias = calloc(n, sizeof *p->bias);
    if (!p->multiplier || (bias && !p->bias)) return ep_fail_memory(err);
    find_scales(p, weights, bias, scales, n_scales, p->multiplier);
    EP_TRY(set_weights(p, memory, weights, p->multiplier, err));
    for (uint32_t c = 0; c < n; c++) {
        p->multiplier[c] *= p->scale * p->alpha;
        if (!bias) continue;
        const float value = p->beta * ((const float *)bias->data)[c];
        p->bias[c] = quantized_bias(value, p->multiplier[c]);
    }
    return EP_OK;
}

ep_status ep__integer_product_make(ep__memory *memory, const ep_network *network,
                                   const ep_node *node, const ep_array *weights,
                                   const ep_array *bias, float scale, const float *scales,
                                   uint64_t n_scales, ep__integer_product **out, ep_error *err)
{
    ep__integer_product form = {.scale = scale};
    *out = NULL;
    if (weights->n == 0 || !find_form(network, node, weights, &form)) return EP_OK;
    const uint32_t channels = all_channels(&form);
    if (bias && (bias->n != channels || bias->dtype != EP_DTYPE_FLOAT)) return EP_OK;
    if (n_scales > 1 && n_scales != channels) return EP_OK;
    *out = malloc(sizeof **out);
    if (!*out) return ep_fail_memory(err);
    **out = form;
    return make(*out, memory, weights, bias, scales, n_scales, err);
}

void ep__integer_product_free(ep__integer_product *product)
{
    if (!product) return;
    ep__cell_clear(&product->weights);
    free(product->multiplier);
    free(product->bias);
    free(product);
}

/* ---- running ------------------------------------------------------------------------------- */

typedef struct finish {
    const ep__integer_product *p;
    const void *sums;
    float *out;
} finish;

/* From sums to values, for rows of the elements of one channel. */
static void finish_rows(uint64_t begin, uint64_t end, void *context)
{
    const finish *f = context;
    const ep__integer_product *p = f->p;
    const uint64_t inner = p->out_inner;
    for (uint64_t row = begin; row < end; row++) {
        const uint64_t c = row % all_channels(p), first = row * inner;
        const int64_t bias = p->bias ? p->bias[c] : 0;
        const float *sums = (const float *)f->sums + first;
        const double *wide = (const double *)f->sums + first;
        for (uint64_t i = 0; i < inner; i++) {
            const int64_t sum =
                bias + (int64_t)(p->dtype == EP_DTYPE_FLOAT ? (double)sums[i] : wide[i]);
            f->out[first + i] = (float)sum * p->multiplier[c];
        }
    }
}

/* The node without Gemm's factors, which are in the multipliers. */
static ep_status without_factors(const ep__call *call, ep_node *out, ep_error *err)
{
    ep_attr *attrs = EP_NEW(call->scratch, ep_attr, call->node->n_attrs);
    if (!attrs) return ep_fail_memory(err);
    *out = *call->node;
    out->n_attrs = 0;
    out->attrs = attrs;
    for (uint32_t i = 0; i < call->node->n_attrs; i++) {
        const ep_attr *attr = &call->node->attrs[i];
        if (strcmp(attr->name, "alpha") == 0 || strcmp(attr->name, "beta") == 0) continue;
        attrs[out->n_attrs++] = *attr;
    }
    return EP_OK;
}

ep_status ep__integer_product_run(const ep__integer_product *product, const ep__kernel *kernel,
                                  ep__call *call, ep_error *err)
{
    const ep_array *x = &call->inputs[0], *out = &call->outputs[0];
    if (out->n == 0) return EP_OK;
    const bool is_float = product->dtype == EP_DTYPE_FLOAT;
    float *q = EP_NEW_RAW(call->scratch, float, x->n);
    double *wide = is_float ? NULL : EP_NEW_RAW(call->scratch, double, x->n);
    double *sums = is_float ? NULL : EP_NEW_RAW(call->scratch, double, out->n);
    if (!q || (!is_float && (!wide || !sums))) return ep_fail_memory(err);
    ep__quantize(call->threads, product->scale, x->n, x->data, q);
    ep_array inputs[2] = {*x, product->weights.array}, output = *out;
    inputs[0].data = q;
    if (!is_float) {
        ep__convert_pieces(call->threads, EP_DTYPE_DOUBLE, wide, EP_DTYPE_FLOAT, q, x->n, false);
        inputs[0].dtype = output.dtype = EP_DTYPE_DOUBLE;
        inputs[0].data = wide;
        output.data = sums;
    }
    ep__call inner = *call;
    ep_node node;
    EP_TRY(without_factors(call, &node, err));
    inner.node = &node;
    inner.n_inputs = 2;
    inner.inputs = inputs;
    inner.n_outputs = 1;
    inner.outputs = &output;
    EP_TRY(ep__kernel_run(kernel, &inner, err));
    const finish f = {.p = product, .sums = output.data, .out = out->data};
    const uint64_t grain = ep__rows_a_piece((int64_t)product->out_inner);
    ep_parallel(call->threads, out->n / product->out_inner, grain, finish_rows,
                (void *)(uintptr_t)&f);
    return EP_OK;
}
