/* Which nodes make a step. Walks from a QuantizeLinear towards its inputs. */
#include <math.h>
#include <string.h>

#include "engine/convolve.h"
#include "engine/integer/integer.h"

bool ep__is_op(const ep_node *node, const char *op)
{
    return node && node->op && strcmp(node->op_type, op) == 0;
}

/* ---- constants ----------------------------------------------------------------------------- */

/* Large ones lie in the file as they come. */
static bool is_aligned(const ep_array *array)
{
    return (uintptr_t)array->data % sizeof(float) == 0;
}

const ep_array *ep__constant_array(const ep__finder *f, uint32_t t)
{
    if (t == EP_NO_INDEX || !ep_tensor_is_const(&f->network->tensors[t])) return NULL;
    const ep_array *array = &f->frame->cells[t].array;
    return array->dtype == EP_DTYPE_FLOAT && is_aligned(array) ? array : NULL;
}

static uint32_t input_of(const ep_node *node, uint32_t i)
{
    return i < node->n_inputs ? node->inputs[i] : EP_NO_INDEX;
}

/* Zero points, which must be one value. */
static bool read_zero(const ep__finder *f, uint32_t t, ep_dtype dtype, int32_t *zero)
{
    *zero = 0;
    if (t == EP_NO_INDEX) return true;
    if (!ep_tensor_is_const(&f->network->tensors[t])) return false;
    const ep_array *array = &f->frame->cells[t].array;
    if (array->dtype != dtype || array->n == 0 || !array->data) return false;
    const uint8_t *codes = array->data;
    for (uint64_t i = 1; i < array->n; i++) {
        if (codes[i] != codes[0]) return false;
    }
    *zero = dtype == EP_DTYPE_INT8 ? (int8_t)codes[0] : codes[0];
    return true;
}

static ep_dtype dtype_of(const ep__finder *f, uint32_t t)
{
    return t == EP_NO_INDEX ? EP_DTYPE_UNDEFINED : f->network->tensors[t].dtype;
}

static bool is_8_bit(ep_dtype dtype)
{
    return dtype == EP_DTYPE_INT8 || dtype == EP_DTYPE_UINT8;
}

bool ep__read_coding(const ep__finder *f, const ep_node *node, ep__coding *out)
{
    const bool quantizes = ep__is_op(node, "QuantizeLinear");
    if (node->n_inputs < 2 || node->n_outputs < 1 || node->inputs[0] == EP_NO_INDEX) return false;
    const uint32_t codes = quantizes ? node->outputs[0] : node->inputs[0];
    const uint32_t floats = quantizes ? node->inputs[0] : node->outputs[0];
    const ep_array *scale = ep__constant_array(f, node->inputs[1]);
    *out = (ep__coding){.dtype = dtype_of(f, codes)};
    if (!is_8_bit(out->dtype) || dtype_of(f, floats) != EP_DTYPE_FLOAT) return false;
    if (!scale || scale->n != 1) return false;
    out->scale = *(const float *)scale->data;
    if (!(out->scale > 0) || isinf(out->scale)) return false;
    return read_zero(f, input_of(node, 2), out->dtype, &out->zero);
}

/* ---- the graph ----------------------------------------------------------------------------- */

/* The node whose first output is `t`; NULL when there is none. */
static const ep_node *producer(const ep__finder *f, uint32_t t, uint32_t *index)
{
    *index = t == EP_NO_INDEX ? EP_NO_INDEX : f->network->tensors[t].producer;
    const ep_node *node = *index == EP_NO_INDEX ? NULL : &f->network->nodes[*index];
    return node && node->outputs[0] == t ? node : NULL;
}

const ep_node *ep__sole_producer(const ep__finder *f, uint32_t t, uint32_t *index)
{
    const ep_node *node = producer(f, t, index);
    if (!node || f->readers[t] != 1 || f->integer->hidden[*index]) return NULL;
    if (!ep__outputs_known(f->network, node)) return NULL;
    for (uint32_t i = 1; i < node->n_outputs; i++) {
        if (node->outputs[i] != EP_NO_INDEX) return NULL; /* MaxPool's indices */
    }
    return node;
}

static bool has_shape(const ep__finder *f, uint32_t t)
{
    uint64_t elements;
    const ep_tensor *tensor = &f->network->tensors[t];
    return tensor->has_shape && ep_shape_elements(&tensor->shape, &elements, NULL) == EP_OK &&
           elements > 0;
}

bool ep__is_dequantised(const ep__finder *f, uint32_t t, uint32_t *codes, ep__coding *out)
{
    uint32_t index;
    const ep_node *node = producer(f, t, &index);
    if (!ep__is_op(node, "DequantizeLinear") || !ep__read_coding(f, node, out)) return false;
    *codes = node->inputs[0];
    return has_shape(f, *codes);
}

/* A constant of the file, or what a QuantizeLinear makes of such. */
static bool is_constant(const ep__finder *f, uint32_t t)
{
    uint32_t index;
    if (ep_tensor_is_const(&f->network->tensors[t])) return true;
    const ep_node *node = producer(f, t, &index);
    if (!ep__is_op(node, "QuantizeLinear")) return false;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const uint32_t in = node->inputs[i];
        if (in != EP_NO_INDEX && !ep_tensor_is_const(&f->network->tensors[in])) return false;
    }
    return true;
}

static uint64_t elements_of(const ep__finder *f, uint32_t t)
{
    return ep_tensor_elements(&f->network->tensors[t]);
}

/* Shape functions do not compare what a Reshape is given with what it is to show. */
static bool sizes_fit(const ep__finder *f, const ep__integer_step *step)
{
    const uint64_t out = elements_of(f, step->out);
    const ep__int8_form *form = &step->form;
    if (step->kind == EP__STEP_RECODE || step->kind == EP__STEP_RESHAPE) {
        for (uint32_t i = 0; i < step->n_inputs; i++) {
            if (elements_of(f, step->reads[i]) != out) return false;
        }
    } else if (step->kind == EP__STEP_MULTIPLY) {
        const int64_t x = form->batch * form->channels * form->window.image_size;
        const int64_t y = form->batch * form->filters * form->window.stops_size;
        return elements_of(f, step->reads[0]) == (uint64_t)x && out == (uint64_t)y;
    }
    return true;
}

/* Adds the codes behind `t` to the step's inputs. */
static bool add_input(const ep__finder *f, ep__integer_step *step, uint32_t t)
{
    ep__coding coding;
    uint32_t codes;
    if (!ep__is_dequantised(f, t, &codes, &coding)) return false;
    step->coding[step->n_inputs] = coding;
    step->reads[step->n_inputs++] = codes;
    step->n_reads = step->n_inputs;
    return true;
}

/* ---- products ------------------------------------------------------------------------------ */

/* DQ of INT8 weights, scaled as a whole or by filter, which are on `axis`. */
static bool read_weights(const ep__finder *f, ep__integer_step *step, uint32_t t, int axis)
{
    uint32_t index;
    const ep_node *node = producer(f, t, &index);
    if (!ep__is_op(node, "DequantizeLinear") || node->n_inputs < 2) return false;
    const ep_array *scale = ep__constant_array(f, node->inputs[1]);
    const ep_shape *shape = &f->network->tensors[t].shape;
    int32_t zero;
    if (!scale || dtype_of(f, node->inputs[0]) != EP_DTYPE_INT8 || !has_shape(f, t)) return false;
    if (dtype_of(f, t) != EP_DTYPE_FLOAT || !is_constant(f, node->inputs[0])) return false;
    if (!read_zero(f, input_of(node, 2), EP_DTYPE_INT8, &zero) || zero != 0) return false;
    if (scale->n != 1) {
        int scaled;
        if (ep__front_axis(ep_attr_int(node, "axis", 1), shape->rank, &scaled, NULL) != EP_OK ||
            scaled != axis || scale->shape.rank != 1 || (int64_t)scale->n != shape->dims[axis]) {
            return false;
        }
    }
    for (uint64_t i = 0; i < scale->n; i++) {
        const float s = ((const float *)scale->data)[i];
        if (!(s > 0) || isinf(s)) return false;
    }
    step->weights = node->inputs[0];
    step->w_scale = node->inputs[1];
    return true;
}

/* What Identity nodes, by which exporters share constants, name once more. */
static uint32_t behind_identities(const ep__finder *f, uint32_t t)
{
    uint32_t index;
    const ep_node *node = producer(f, t, &index);
    while (ep__is_op(node, "Identity")) {
        t = node->inputs[0];
        node = producer(f, t, &index);
    }
    return t;
}

/* None, DQ of INT32 constants, or FLOAT constants. */
static bool read_bias(const ep__finder *f, ep__integer_step *step, uint32_t t, int64_t filters)
{
    uint32_t index;
    step->bias = step->b_scale = EP_NO_INDEX;
    if (t == EP_NO_INDEX) return true;
    t = behind_identities(f, t);
    const ep_node *node = producer(f, t, &index);
    step->bias = t;
    if (ep__is_op(node, "DequantizeLinear") && node->n_inputs >= 2) {
        const uint32_t zero = input_of(node, 2);
        const ep_array *scale = ep__constant_array(f, node->inputs[1]);
        step->bias = node->inputs[0];
        step->b_scale = node->inputs[1];
        if (!scale || (scale->n != 1 && (int64_t)scale->n != filters)) return false;
        if (dtype_of(f, step->bias) != EP_DTYPE_INT32) return false;
        const ep_array *zeros = zero == EP_NO_INDEX ? NULL : &f->frame->cells[zero].array;
        if (zeros && !ep_tensor_is_const(&f->network->tensors[zero])) return false;
        for (uint64_t i = 0; zeros && i < zeros->n; i++) {
            if (((const int32_t *)zeros->data)[i] != 0) return false;
        }
    } else if (dtype_of(f, t) != EP_DTYPE_FLOAT) {
        return false;
    }
    const ep_tensor *bias = &f->network->tensors[step->bias];
    return ep_tensor_is_const(bias) && bias->has_shape &&
           is_aligned(&f->frame->cells[step->bias].array) &&
           (int64_t)ep_tensor_elements(bias) == filters &&
           ep__bias_codes(f->frame, step, filters, NULL);
}

/* Below 2^31 whatever the codes are: 2^15 products of 255 by 128, and a bias. */
static bool sums_fit(const ep__int8_form *form)
{
    return form->groups > 0 &&
           form->channels / form->groups <= (1 << 15) / form->window.kernel_size;
}

static bool match_conv(const ep__finder *f, ep__integer_step *step, const ep_node *node)
{
    if (node->n_inputs < 2 || !read_weights(f, step, node->inputs[1], 0)) return false;
    const ep_tensor *x = &f->network->tensors[node->inputs[0]];
    const ep_tensor *y = &f->network->tensors[node->outputs[0]];
    ep_array arrays[2] = {{.dtype = EP_DTYPE_FLOAT, .shape = x->shape}};
    arrays[1] =
        (ep_array){.dtype = EP_DTYPE_FLOAT, .shape = f->network->tensors[node->inputs[1]].shape};
    ep_array out = {.dtype = EP_DTYPE_FLOAT, .shape = y->shape};
    const ep__call call = {.network = f->network,
                           .node = node,
                           .n_inputs = 2,
                           .n_outputs = 1,
                           .inputs = arrays,
                           .outputs = &out};
    ep__convolution c;
    if (ep__convolution_of(&call, &arrays[0], &arrays[1], false, &c, NULL) != EP_OK) return false;
    ep__int8_form *form = &step->form;
    form->window = c.window;
    form->batch = c.batch;
    form->groups = c.groups;
    form->channels = c.channels;
    form->filters = c.filters;
    return sums_fit(form) && read_bias(f, step, input_of(node, 2), form->filters);
}

/* Rows of x times constant weights. */
static bool match_product(const ep__finder *f, ep__integer_step *step, const ep_node *node)
{
    const bool gemm = ep__is_op(node, "Gemm");
    const bool transposed = gemm && ep_attr_int(node, "transB", 0) != 0;
    if (node->n_inputs < 2) return false;
    const ep_shape *x = &f->network->tensors[node->inputs[0]].shape;
    const ep_shape *w = &f->network->tensors[node->inputs[1]].shape;
    if (gemm && (ep_attr_int(node, "transA", 0) != 0 || ep_attr_float(node, "alpha", 1) != 1 ||
                 ep_attr_float(node, "beta", 1) != 1)) {
        return false;
    }
    if (w->rank != 2 || x->rank < 2 || !read_weights(f, step, node->inputs[1], !transposed)) {
        return false;
    }
    ep__int8_form *form = &step->form;
    form->batch = form->groups = 1;
    form->channels = w->dims[transposed ? 1 : 0];
    form->filters = w->dims[transposed ? 0 : 1];
    step->columns = !transposed;
    if (x->dims[x->rank - 1] != form->channels) return false;
    form->window = ep__int8_rows(ep__product(x, 0, x->rank - 1));
    return sums_fit(form) &&
           read_bias(f, step, gemm ? input_of(node, 2) : EP_NO_INDEX, form->filters);
}

bool ep__match_multiply(const ep__finder *f, ep__integer_step *step, uint32_t index)
{
    const ep_node *node = &f->network->nodes[index];
    const bool conv = ep__is_op(node, "Conv");
    const bool product = ep__is_op(node, "Gemm") || ep__is_op(node, "MatMul");
    if ((!conv && !product) || node->n_inputs < 2) return false;
    step->kind = EP__STEP_MULTIPLY;
    step->core = index;
    step->slides = conv;
    if (!add_input(f, step, node->inputs[0])) return false;
    if (!(conv ? match_conv(f, step, node) : match_product(f, step, node))) return false;
    step->form.x_dtype = step->coding[0].dtype;
    step->form.x_zero = step->coding[0].zero;
    step->reads[step->n_reads++] = step->weights;
    if (step->bias != EP_NO_INDEX) step->reads[step->n_reads++] = step->bias;
    return sizes_fit(f, step);
}

/* ---- others -------------------------------------------------------------------------------- */

static bool match_pool(const ep__finder *f, ep__integer_step *step, const ep_node *node)
{
    const ep_array in = {.dtype = EP_DTYPE_FLOAT,
                         .shape = f->network->tensors[node->inputs[0]].shape};
    ep_array out = {.dtype = EP_DTYPE_FLOAT, .shape = f->network->tensors[node->outputs[0]].shape};
    const ep__call call = {.network = f->network,
                           .node = node,
                           .n_inputs = 1,
                           .n_outputs = 1,
                           .inputs = &in,
                           .outputs = &out};
    step->kind = ep__is_op(node, "MaxPool") ? EP__STEP_MAX_POOL : EP__STEP_AVERAGE_POOL;
    step->counts_pads = ep_attr_int(node, "count_include_pad", 0) != 0;
    return ep__window_of(&call, &in, &out, NULL, &step->window, NULL) == EP_OK &&
           step->window.kernel_size <= (1 << 20) && add_input(f, step, node->inputs[0]);
}

static bool match_concat(const ep__finder *f, ep__integer_step *step, const ep_node *node)
{
    int axis;
    const int rank = f->network->tensors[node->outputs[0]].shape.rank;
    step->kind = EP__STEP_CONCAT;
    if (ep__front_axis(ep_attr_int(node, "axis", 0), rank, &axis, NULL) != EP_OK || axis != 1) {
        return false;
    }
    step->coding = EP_NEW(f->integer->arena, ep__coding, node->n_inputs);
    step->reads = EP_NEW(f->integer->arena, uint32_t, node->n_inputs);
    if (!step->coding || !step->reads) return false;
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] == EP_NO_INDEX || !add_input(f, step, node->inputs[i])) return false;
    }
    return true;
}

/* One DQ's result plus another's, or plus a product's. */
static bool match_sum(const ep__finder *f, ep__integer_step *step, const ep_node *node)
{
    const ep_shape *out = &f->network->tensors[node->outputs[0]].shape;
    for (uint32_t i = 0; i < 2; i++) {
        if (node->n_inputs != 2 || node->inputs[i] == EP_NO_INDEX) return false;
        const ep_tensor *in = &f->network->tensors[node->inputs[i]];
        if (!in->has_shape || !ep_shape_equal(&in->shape, out)) return false;
    }
    step->kind = EP__STEP_RECODE;
    if (add_input(f, step, node->inputs[0]) && add_input(f, step, node->inputs[1])) return true;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t core, other;
        ep__coding coding;
        step->n_inputs = step->n_reads = 0;
        if (!ep__is_dequantised(f, node->inputs[1 - i], &other, &coding)) continue;
        if (!ep__sole_producer(f, node->inputs[i], &core)) continue;
        if (!ep__match_multiply(f, step, core)) continue;
        memmove(step->reads + 2, step->reads + 1, (step->n_reads - 1) * sizeof *step->reads);
        step->reads[1] = other;
        step->coding[1] = coding;
        step->n_inputs = 2;
        step->n_reads++;
        return true;
    }
    return false;
}

static bool match_core(const ep__finder *f, ep__integer_step *step, uint32_t t)
{
    static const char *const reshapes[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze",
                                           "Identity"};
    uint32_t index;
    const ep_node *node = ep__sole_producer(f, t, &index);
    if (!node || node->n_inputs == 0 || node->inputs[0] == EP_NO_INDEX) return false;
    step->core = index;
    bool matches = false;
    if (ep__is_op(node, "Add")) {
        matches = match_sum(f, step, node);
    } else if (ep__is_op(node, "Concat")) {
        matches = match_concat(f, step, node);
    } else if (ep__is_op(node, "MaxPool") || ep__is_op(node, "AveragePool") ||
               ep__is_op(node, "GlobalAveragePool")) {
        matches = match_pool(f, step, node);
    } else {
        matches = ep__match_multiply(f, step, index);
    }
    for (size_t i = 0; !matches && i < sizeof reshapes / sizeof *reshapes; i++) {
        if (!ep__is_op(node, reshapes[i])) continue;
        step->kind = EP__STEP_RESHAPE;
        matches = add_input(f, step, node->inputs[0]);
    }
    return matches && sizes_fit(f, step);
}

/* The bounds of a Relu or Clip; false when it is another operator, or they are not constants. */
static bool read_bounds(const ep__finder *f, const ep_node *node, float *low, float *high)
{
    *low = ep__is_op(node, "Relu") ? 0 : -INFINITY;
    *high = INFINITY;
    if (ep__is_op(node, "Relu")) return true;
    if (!ep__is_op(node, "Clip")) return false;
    *low = ep_attr_float(node, "min", *low);
    *high = ep_attr_float(node, "max", *high);
    float *const bounds[] = {low, high};
    for (uint32_t i = 0; i < 2; i++) {
        if (input_of(node, 1 + i) == EP_NO_INDEX) continue;
        const ep_array *bound = ep__constant_array(f, node->inputs[1 + i]);
        if (!bound || bound->n != 1) return false;
        *bounds[i] = *(const float *)bound->data;
    }
    return *low <= *high; /* false of NaN, too */
}

bool ep__match_step(const ep__finder *f, ep__integer_step *step, uint32_t t)
{
    uint32_t activation;
    const ep_node *node = ep__sole_producer(f, t, &activation);
    if (node && read_bounds(f, node, &step->low, &step->high)) {
        t = node->inputs[0];
    } else {
        step->low = -INFINITY;
        step->high = INFINITY;
        activation = EP_NO_INDEX;
    }
    step->kind = EP__STEP_RECODE;
    step->core = EP_NO_INDEX;
    if (t == EP_NO_INDEX) return false;
    if (!add_input(f, step, t)) {
        if (!match_core(f, step, t)) return false;
        f->integer->hidden[f->network->tensors[t].producer] = true;
        f->integer->hidden[step->core] = true; /* the same, but for a product that is added to */
    }
    if (activation != EP_NO_INDEX) f->integer->hidden[activation] = true;
    return true;
}
