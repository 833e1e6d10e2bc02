#include "engine/inputs.h"

#include <string.h>

/* True when `name` is `pattern`, in which one '*' stands for any characters. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    if (!star) return strcmp(pattern, name) == 0;
    const size_t head = (size_t)(star - pattern), tail = strlen(star + 1), length = strlen(name);
    return length >= head + tail && strncmp(pattern, name, head) == 0 &&
           strcmp(star + 1, name + length - tail) == 0;
}

/* The shape asked for: by the input's own name, else by the first pattern that fits; or NULL. */
static const ep_input_shape *shape_for(const ep_input_shape *shapes, uint32_t n, const char *name)
{
    const ep_input_shape *fits = NULL;
    for (uint32_t i = 0; i < n; i++) {
        const ep_input_shape *shape = &shapes[i];
        if (strcmp(shape->name, name) == 0) return shape;
        if (!fits && matches(shape->name, name)) fits = shape;
    }
    return fits;
}

/* Every name and pattern fits an input. */
static ep_status check_names(const ep_network *network, const ep_input_shape *shapes, uint32_t n,
                             ep_error *err)
{
    enum { LISTED = 8 };
    for (uint32_t i = 0; i < n; i++) {
        const char *name = shapes[i].name;
        bool found = false;
        for (uint32_t k = 0; k < network->n_inputs && !found; k++) {
            found = matches(name, network->tensors[network->inputs[k]].name);
        }
        if (found) continue;
        ep_text list = {0};
        for (uint32_t k = 0; k < network->n_inputs && k < LISTED; k++) {
            ep_text_printf(&list, "%s'%s'", k ? ", " : "",
                           network->tensors[network->inputs[k]].name);
        }
        if (network->n_inputs > LISTED) ep_text_printf(&list, ", ...");
        (void)ep_fail(err, EP_BAD_USAGE, "shapes: no input '%s'; the network's are %s", name,
                      network->n_inputs ? ep_text_cstr(&list) : "none");
        ep_text_free(&list);
        return EP_BAD_USAGE;
    }
    return EP_OK;
}

/* A given shape may fill in what is symbolic and change the leading dimension. */
static ep_status set_given(ep_tensor *input, const ep_shape *given, ep_error *err)
{
    char stated[EP_SHAPE_TEXT], wanted[EP_SHAPE_TEXT];
    if (!input->has_shape) {
        input->has_shape = true;
        input->was_symbolic = (uint8_t)((1u << given->rank) - 1u);
        input->shape = *given;
        return EP_OK;
    }
    const ep_shape *shape = &input->shape;
    EP_FAIL_IF(given->rank != shape->rank, err, EP_BAD_USAGE,
               "shapes: input '%s' is %s in the file, which has %d dimensions; %s has %d",
               input->name, ep_shape_text(shape, stated), shape->rank, ep_shape_text(given, wanted),
               given->rank);
    for (int i = 1; i < shape->rank; i++) {
        EP_FAIL_IF(shape->dims[i] != EP_DIM_UNKNOWN && shape->dims[i] != given->dims[i], err,
                   EP_BAD_USAGE,
                   "shapes: dimension %d of input '%s' is fixed to %lld in the file; %s has %lld",
                   i, input->name, (long long)shape->dims[i], ep_shape_text(given, wanted),
                   (long long)given->dims[i]);
    }
    input->shape = *given;
    return EP_OK;
}

static const char *symbol_of(const ep_tensor *tensor, int dim)
{
    return tensor->dim_names ? tensor->dim_names[dim] : NULL;
}

/* Says what to give: the dimensions that are known, and capitals for what is not. */
static ep_status fail_symbolic(const ep_tensor *input, int dim, ep_error *err)
{
    ep_text example = {0};
    const bool quote = strpbrk(input->name, ":,'*") != NULL;
    ep_text_printf(&example, quote ? "'%s':" : "%s:", input->name);
    for (int i = 0; i < input->shape.rank; i++) {
        if (i) ep_text_printf(&example, "x");
        if (input->shape.dims[i] != EP_DIM_UNKNOWN) {
            ep_text_printf(&example, "%lld", (long long)input->shape.dims[i]);
        } else if (input->shape.rank == 4) {
            ep_text_printf(&example, "%c", "NCHW"[i]);
        } else {
            ep_text_printf(&example, "D%d", i);
        }
    }
    const char *symbol = symbol_of(input, dim);
    (void)ep_fail(err, EP_BAD_SHAPE, "input '%s': dimension %d %s%s%s; give --shapes %s",
                  input->name, dim, symbol ? "('" : "is unknown", symbol ? symbol : "",
                  symbol ? "') is symbolic" : "", ep_text_cstr(&example));
    ep_text_free(&example);
    return EP_BAD_SHAPE;
}

/* Without a given shape: the batch goes into the leading dimension, the others must be there. */
static ep_status set_batch(ep_tensor *input, int64_t batch, ep_error *err)
{
    EP_FAIL_IF(!input->has_shape, err, EP_BAD_SHAPE,
               "input '%s' has no shape in the file; give --shapes %s:...", input->name,
               input->name);
    ep_shape *shape = &input->shape;
    if (shape->rank > 0) {
        if (shape->dims[0] == EP_DIM_UNKNOWN) shape->dims[0] = 1;
        if (batch > 0) shape->dims[0] = batch;
    }
    for (int i = 1; i < shape->rank; i++) {
        if (shape->dims[i] == EP_DIM_UNKNOWN) return fail_symbolic(input, i, err);
    }
    return EP_OK;
}

/* `low`, given to the option `low_name`, has the rank of `high` and is nowhere above it. */
static ep_status check_order(const char *input, const char *low_name, const ep_shape *low,
                             const char *high_name, const ep_shape *high, ep_error *err)
{
    char low_text[EP_SHAPE_TEXT], high_text[EP_SHAPE_TEXT];
    const bool same_rank = low->rank == high->rank;
    bool above = false;
    for (int i = 0; same_rank && i < low->rank; i++) above |= low->dims[i] > high->dims[i];
    if (same_rank && !above) return EP_OK;
    return ep_fail(err, EP_BAD_USAGE, "shapes: input '%s': %s in --%s %s %s in --%s", input,
                   ep_shape_text(low, low_text), low_name,
                   above ? "is above" : "differs in rank from", ep_shape_text(high, high_text),
                   high_name);
}

/* Both ends of the range fit the file, and `given`, which may be NULL, lies in it. */
static ep_status set_range(ep_tensor *input, const ep_input_shape *given,
                           const ep_input_shape *least, const ep_input_shape *most, bool smallest,
                           ep_error *err)
{
    EP_FAIL_IF(!least || !most, err, EP_BAD_USAGE,
               "shapes: input '%s' is in --%s-shapes; --%s-shapes must name it too", input->name,
               least ? "min" : "max", least ? "max" : "min");
    const char *name = input->name;
    const ep_shape *low = &least->shape, *high = &most->shape;
    EP_TRY(check_order(name, "min-shapes", low, "max-shapes", high, err));
    if (given) {
        EP_TRY(check_order(name, "min-shapes", low, "shapes", &given->shape, err));
        EP_TRY(check_order(name, "shapes", &given->shape, "max-shapes", high, err));
    }
    ep_tensor trial = *input;
    EP_TRY(set_given(&trial, smallest ? high : low, err));
    return set_given(input, smallest ? low : high, err);
}

static ep_status set_input(ep_tensor *input, const ep_specialize_options *options, bool smallest,
                           ep_error *err)
{
    const ep_input_shape *given = shape_for(options->shapes, options->n_shapes, input->name);
    const ep_input_shape *least =
        shape_for(options->min_shapes, options->n_min_shapes, input->name);
    const ep_input_shape *most = shape_for(options->max_shapes, options->n_max_shapes, input->name);
    uint64_t elements;
    if (least || most) {
        EP_TRY(set_range(input, given, least, most, smallest, err));
    } else if (given) {
        EP_TRY(set_given(input, &given->shape, err));
    } else {
        EP_TRY(set_batch(input, options->batch, err));
    }
    if (ep_shape_elements(&input->shape, &elements, err) == EP_OK) return EP_OK;
    return ep_fail_context(err, "input '%s': ", input->name);
}

static ep_status check_options(const ep_network *network, const ep_specialize_options *options,
                               ep_error *err)
{
    EP_FAIL_IF(options->batch < 0, err, EP_BAD_USAGE, "batch %lld; it must be at least 1",
               (long long)options->batch);
    EP_TRY(check_names(network, options->shapes, options->n_shapes, err));
    EP_TRY(check_names(network, options->min_shapes, options->n_min_shapes, err));
    return check_names(network, options->max_shapes, options->n_max_shapes, err);
}

ep_status ep__set_inputs(ep_network *network, const ep_specialize_options *options, bool smallest,
                         ep_error *err)
{
    EP_TRY(check_options(network, options, err));
    network->batch_from = network->batch_to = 0;
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        ep_tensor *input = &network->tensors[network->inputs[i]];
        const bool symbolic =
            !input->has_shape || input->shape.rank == 0 || input->shape.dims[0] == EP_DIM_UNKNOWN;
        const int64_t before = symbolic ? 1 : input->shape.dims[0];
        EP_TRY(set_input(input, options, smallest, err));
        if (network->batch_to == 0 && input->shape.rank > 0) {
            network->batch_from = before;
            network->batch_to = input->shape.dims[0];
        }
    }
    if (network->batch_to == 0) network->batch_from = network->batch_to = 1;
    return EP_OK;
}
