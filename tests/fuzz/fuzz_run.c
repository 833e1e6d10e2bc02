/* Whatever the bytes are, a network is imported, made concrete, and run on small inputs, or refused
 * in one line at any of these steps; and twice the same input gives the same bits. Memory and
 * elements are bounded, and so is what kernels make of them: there is no need for a clock. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_BYTES ((uint64_t)1 << 20)
#define MAX_WORK ((uint64_t)1 << 18)

static void check(bool holds)
{
    if (!holds) abort();
}

/* A failure is told in one line. */
static void check_error(ep_status status, const ep_error *err)
{
    check(status == err->status && err->text[0] && !strchr(err->text, '\n'));
}

/* Small numbers of the type, not all alike; an index here is valid there, and a sign negative. */
static void fill(ep_array *array)
{
    uint8_t *bytes = array->data;
    const uint64_t size = ep_dtype_bytes(array->dtype, array->n);
    for (uint64_t i = 0; i < size; i++) bytes[i] = array->dtype == EP_DTYPE_BOOL ? i % 2 : 0;
    for (uint64_t i = 0; i < array->n; i++) {
        const int64_t value = (int64_t)(i % 5) - 1;
        const float real = (float)value * 0.75f;
        if (array->dtype == EP_DTYPE_INT64) memcpy(bytes + i * 8, &value, 8);
        if (array->dtype == EP_DTYPE_INT32) memcpy(bytes + i * 4, &value, 4);
        if (array->dtype == EP_DTYPE_FLOAT) memcpy(bytes + i * 4, &real, 4);
    }
}

/* Inputs for the network, false when they are too large or of strings. */
static bool make_inputs(const ep_network *network, ep_arena *arena, ep_array **out)
{
    uint64_t total = 0;
    *out = EP_NEW(arena, ep_array, network->n_inputs);
    if (!*out) return false;
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const ep_tensor *tensor = &network->tensors[network->inputs[i]];
        ep_array *array = &(*out)[i];
        *array = (ep_array){
            .dtype = tensor->dtype, .shape = tensor->shape, .n = ep_tensor_elements(tensor)};
        const uint64_t bytes = ep_dtype_bytes(array->dtype, array->n);
        if (ep_dtype_bits(array->dtype) == 0 || array->n > MAX_WORK) return false;
        if (ep_add_overflows(total, bytes, &total) || total > MAX_BYTES) return false;
        array->data = ep_arena_take(arena, bytes, 1);
        if (!array->data) return false;
        fill(array);
    }
    return true;
}

/* All bytes of the outputs, to be compared. */
static void append_outputs(const ep_session *session, uint32_t count, ep_text *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const ep_array *array = ep_session_output(session, i);
        check(array->dtype != EP_DTYPE_UNDEFINED);
        ep_text_append(out, array->data, (size_t)ep_dtype_bytes(array->dtype, array->n));
    }
}

static void run_twice(ep_session *session, const ep_network *network, const ep_array *inputs)
{
    ep_text results[2] = {{0}, {0}};
    ep_status status[2];
    for (int i = 0; i < 2; i++) {
        ep_error err = {0};
        status[i] = ep_session_run(session, inputs, &err);
        if (status[i] != EP_OK) check_error(status[i], &err);
        if (status[i] == EP_OK) append_outputs(session, network->n_outputs, &results[i]);
    }
    check(ep_session_peak_bytes(session) <= MAX_BYTES);
    check(status[0] == status[1] && results[0].length == results[1].length);
    if (results[0].length > 0 && !results[0].failed && !results[1].failed) {
        check(memcmp(results[0].data, results[1].data, results[0].length) == 0);
    }
    ep_text_free(&results[0]);
    ep_text_free(&results[1]);
}

static void execute(const ep_network *network)
{
    const ep_session_options options = {
        .threads = 1, .max_memory = MAX_BYTES, .max_work = MAX_WORK};
    ep_session *session = NULL;
    ep_array *inputs;
    ep_error err = {0};
    ep_arena *arena = ep_arena_new();
    if (arena && make_inputs(network, arena, &inputs)) {
        const ep_status status = ep_session_new(network, &options, &session, &err);
        if (status != EP_OK) check_error(status, &err);
        if (status == EP_OK) run_twice(session, network, inputs);
    }
    ep_session_free(session);
    ep_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ep_specialize_options options = {.to_run = true};
    ep_network *network = NULL, *ready = NULL;
    ep_error err = {0};
    ep_status status = ep_network_parse(data, size, "fuzz.onnx", NULL, &network, &err);
    if (status == EP_OK) status = ep_specialize(network, &options, &ready, &err);
    if (status == EP_OK) {
        execute(ready);
    } else {
        check_error(status, &err);
    }
    ep_network_free(ready);
    ep_network_free(network);
    return 0;
}
