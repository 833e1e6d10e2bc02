/* The inputs of an execution: from files, from another execution, or random. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "study/study_internal.h"

static const ep_tensor *input_of(const ep_network *network, uint32_t i)
{
    return &network->tensors[network->inputs[i]];
}

/* ---- what is given ------------------------------------------------------------------------- */

static ep_status no_such_input(const ep_network *network, const char *text, ep_error *err)
{
    enum { LISTED = 8 };
    ep_text list = {0};
    for (uint32_t i = 0; i < network->n_inputs && i < LISTED; i++) {
        ep_text_printf(&list, "%s'%s'", i ? ", " : "", input_of(network, i)->name);
    }
    if (network->n_inputs > LISTED) ep_text_printf(&list, ", ...");
    const ep_status status =
        ep_fail(err, EP_BAD_USAGE,
                "--input %s: wants NAME=FILE.npy, NAME=FILE.pb or NAME=random:SEED with an input "
                "of %s, which has %s",
                text, network->path, network->n_inputs ? ep_text_cstr(&list) : "none");
    ep_text_free(&list);
    return status;
}

/* The input that "NAME=..." begins with; names may hold a '=' too. */
static ep_status find_input(const ep_network *network, const char *text, uint32_t *out,
                            ep_error *err)
{
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const char *name = input_of(network, i)->name;
        const size_t length = strlen(name);
        *out = i;
        if (strncmp(text, name, length) == 0 && text[length] == '=' && text[length + 1]) {
            return EP_OK;
        }
    }
    return no_such_input(network, text, err);
}

static bool read_seed(const char *text, uint64_t *out)
{
    *out = 0;
    const char *c = text;
    for (; *c >= '0' && *c <= '9'; c++) {
        if (ep_mul_overflows(*out, 10, out) || ep_add_overflows(*out, (uint64_t)(*c - '0'), out)) {
            return false;
        }
    }
    return c > text && !*c;
}

static ep_status read_given(ep_execution *e, const char *text, ep__given *given, ep_error *err)
{
    static const char random[] = "random:";
    uint32_t i = 0;
    EP_TRY(find_input(e->imported, text, &i, err));
    const ep_tensor *input = input_of(e->imported, i);
    EP_FAIL_IF(given[i].source, err, EP_BAD_USAGE, "--input %s: '%s' is given twice", text,
               input->name);
    const char *source = text + strlen(input->name) + 1;
    given[i].source = source;
    if (strncmp(source, random, sizeof random - 1) == 0) {
        EP_FAIL_IF(!read_seed(source + sizeof random - 1, &given[i].seed), err, EP_BAD_USAGE,
                   "--input %s: the seed is not a number from 0 to 2^64 - 1", text);
        return EP_OK;
    }
    given[i].is_array = true;
    return ep_array_read(source, input->dtype, e->arena, &given[i].array, err);
}

/* Takes over the inputs of `like`. */
static ep_status take_given(const ep_execution *e, const ep_execution *like, ep__given *given,
                            ep_error *err)
{
    const ep_network *network = e->imported, *other = like->network;
    uint32_t found = 0;
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        for (uint32_t k = 0; k < other->n_inputs && !given[i].is_array; k++) {
            if (strcmp(input_of(network, i)->name, input_of(other, k)->name) != 0) continue;
            given[i] = (ep__given){like->sources[k], true, like->inputs[k], 0};
            found++;
        }
    }
    for (uint32_t i = 0; found == 0 && i < network->n_inputs && i < other->n_inputs; i++) {
        given[i] = (ep__given){like->sources[i], true, like->inputs[i], 0};
    }
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        EP_FAIL_IF(!given[i].is_array, err, EP_BAD_MODEL, "%s: %s has no input '%s'", network->path,
                   other->path, input_of(network, i)->name);
    }
    return EP_OK;
}

ep_status ep__inputs_given(ep_execution *e, const ep_execution_options *options, ep__given **out,
                           ep_error *err)
{
    ep__given *given = EP_NEW(e->arena, ep__given, e->imported->n_inputs);
    *out = given;
    if (!given) return ep_fail_memory(err);
    if (options->like) return take_given(e, options->like, given, err);
    for (uint32_t i = 0; i < options->n_inputs; i++) {
        EP_TRY(read_given(e, options->inputs[i], given, err));
    }
    for (uint32_t i = 0; i < e->imported->n_inputs; i++) {
        if (!given[i].source) given[i] = (ep__given){.source = "random:1", .seed = 1};
    }
    return EP_OK;
}

/* ---- shapes -------------------------------------------------------------------------------- */

/* Can the input have that shape? The leading dimension can change. */
static bool can_have(const ep_tensor *input, const ep_shape *shape)
{
    if (!input->has_shape) return true;
    if (input->shape.rank != shape->rank) return false;
    for (int i = 1; i < shape->rank; i++) {
        const int64_t stated = input->shape.dims[i];
        if (stated != EP_DIM_UNKNOWN && stated != shape->dims[i]) return false;
    }
    return true;
}

ep_status ep__inputs_shapes(const ep_execution *e, const ep_execution_options *options,
                            const ep__given *given, ep_specialize_options *out, ep_error *err)
{
    const uint64_t room = (uint64_t)options->n_shapes + e->imported->n_inputs;
    ep_input_shape *shapes = EP_NEW(e->arena, ep_input_shape, room);
    if (!shapes) return ep_fail_memory(err);
    uint32_t n = 0;
    for (uint32_t i = 0; i < options->n_shapes; i++) shapes[n++] = options->shapes[i];
    for (uint32_t i = 0; i < e->imported->n_inputs; i++) {
        const ep_tensor *input = input_of(e->imported, i);
        if (!given[i].is_array || !can_have(input, &given[i].array.shape)) continue;
        shapes[n++] = (ep_input_shape){.name = input->name, .shape = given[i].array.shape};
    }
    *out = (ep_specialize_options){
        .batch = options->batch, .shapes = shapes, .n_shapes = n, .to_run = true};
    return EP_OK;
}

/* ---- values -------------------------------------------------------------------------------- */

enum { BLOCK = 512 }; /* even, for elements that share a byte */

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static double random_value(ep_dtype dtype, uint64_t z)
{
    switch (dtype) {
    case EP_DTYPE_UINT8: return (double)(z >> 56);
    case EP_DTYPE_INT8: return (double)(z >> 56) - 128;
    case EP_DTYPE_UINT4: return (double)(z >> 60);
    case EP_DTYPE_INT4: return (double)(z >> 60) - 8;
    case EP_DTYPE_COMPLEX64:
    case EP_DTYPE_COMPLEX128: break;
    default:
        if (!ep_dtype_is_float(dtype)) return (double)(z >> 63);
    }
    return (double)(z >> 40) / (1 << 23) - 1;
}

static void fill_random(const ep_array *array, uint64_t state)
{
    double block[BLOCK];
    const uint64_t all = ep_array_numbers(array);
    for (uint64_t at = 0; at < all; at += BLOCK) {
        const uint64_t n = ep_min_u64(BLOCK, all - at);
        for (uint64_t k = 0; k < n; k++) block[k] = random_value(array->dtype, splitmix64(&state));
        ep_array_set(array, at, n, block);
    }
}

void ep__inputs_random(const ep_array *array, uint32_t i, uint64_t seed)
{
    fill_random(array, seed + ((uint64_t)i << 32));
}

ep_status ep__inputs_convert(const ep_array *from, ep_dtype dtype, ep_arena *arena, ep_array *out,
                             ep_error *err)
{
    double block[BLOCK];
    *out = (ep_array){.dtype = dtype, .shape = from->shape, .n = from->n};
    out->data = ep_arena_take(arena, ep_dtype_bytes(dtype, out->n), 1);
    if (!out->data) return ep_fail_memory(err);
    for (uint64_t at = 0; at < out->n; at += BLOCK) {
        const uint64_t n = ep_min_u64(BLOCK, out->n - at);
        ep_array_get(from, at, n, block);
        ep_array_set(out, at, n, block);
    }
    return EP_OK;
}

static ep_status mismatch(const ep_network *network, const ep_tensor *input, const ep__given *given,
                          ep_error *err)
{
    char has[EP_SHAPE_TEXT], wants[EP_SHAPE_TEXT];
    return ep_fail(err, EP_BAD_USAGE, "%s: input '%s' is %s %s, %s is %s %s", network->path,
                   input->name, ep_dtype_name(input->dtype), ep_shape_text(&input->shape, wants),
                   given->source, ep_dtype_name(given->array.dtype),
                   ep_shape_text(&given->array.shape, has));
}

static ep_status make_input(ep_execution *e, uint32_t i, const ep__given *given, ep_error *err)
{
    const ep_tensor *input = input_of(e->network, i);
    ep_array *array = &e->inputs[i];
    e->sources[i] = given->source;
    if (given->is_array) {
        const bool both_float =
            ep_dtype_is_float(input->dtype) && ep_dtype_is_float(given->array.dtype);
        const bool fits = ep_shape_equal(&input->shape, &given->array.shape);
        if (!fits || (input->dtype != given->array.dtype && !both_float)) {
            return mismatch(e->network, input, given, err);
        }
        *array = given->array;
        if (input->dtype == given->array.dtype) return EP_OK;
        return ep__inputs_convert(&given->array, input->dtype, e->arena, array, err);
    }
    *array =
        (ep_array){.dtype = input->dtype, .shape = input->shape, .n = ep_tensor_elements(input)};
    EP_FAIL_IF(array->n > 0 && ep_array_numbers(array) == 0, err, EP_UNSUPPORTED,
               "%s: input '%s' is of type %s", e->network->path, input->name,
               ep_dtype_name(input->dtype));
    array->data = ep_arena_take(e->arena, ep_dtype_bytes(array->dtype, array->n), 1);
    if (!array->data) return ep_fail_memory(err);
    ep__inputs_random(array, i, given->seed);
    return EP_OK;
}

ep_status ep__inputs_make(ep_execution *e, const ep__given *given, ep_error *err)
{
    const uint32_t n = e->network->n_inputs;
    assert(n == e->imported->n_inputs);
    e->inputs = EP_NEW(e->arena, ep_array, n);
    e->sources = EP_NEW(e->arena, const char *, n);
    if (!e->inputs || !e->sources) return ep_fail_memory(err);
    for (uint32_t i = 0; i < n; i++) EP_TRY(make_input(e, i, &given[i], err));
    return EP_OK;
}
