/* What the tests of sessions share: a model, the session that runs it, its inputs by the way. */
#ifndef SESSION_FIXTURE_H
#define SESSION_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/onnx_builder.h"

typedef struct fixture {
    onnx_model m;
    ep_session_options options;
    ep_network *network, *ready;
    ep_session *session;
    ep_error err;
} fixture;

static inline void teardown(fixture *f)
{
    ep_session_free(f->session);
    ep_network_free(f->ready);
    ep_network_free(f->network);
    onnx_free(&f->m);
    *f = (fixture){0};
}

/* A new session of the model. */
static inline ep_status try_start(fixture *f)
{
    const ep_specialize_options options = {.to_run = true};
    ep_session_free(f->session);
    ep_network_free(f->ready);
    f->session = NULL;
    f->ready = NULL;
    if (!f->network && onnx_parse(&f->m, &f->network, &f->err) != EP_OK)
        fail_msg("%s", f->err.text);
    if (ep_specialize(f->network, &options, &f->ready, &f->err) != EP_OK) {
        fail_msg("%s", f->err.text);
    }
    return ep_session_new(f->ready, &f->options, &f->session, &f->err);
}

static inline void start(fixture *f)
{
    if (try_start(f) != EP_OK) fail_msg("%s", f->err.text);
}

static inline void start_fails(fixture *f, ep_status status, const char *text)
{
    assert_int_equal(try_start(f), status);
    assert_null(f->session);
    assert_string_equal(f->err.text, text);
}

/* An array over the caller's values. */
static inline ep_array array_of(ep_dtype dtype, const char *shape, const void *values)
{
    ep_array array = {.dtype = dtype, .data = (void *)(uintptr_t)values};
    array.n = onnx_dims(shape, array.shape.dims, &array.shape.rank);
    return array;
}
#define FLOATS(shape, ...) array_of(EP_DTYPE_FLOAT, shape, (const float[]){__VA_ARGS__})
#define INTS(shape, ...) array_of(EP_DTYPE_INT64, shape, (const int64_t[]){__VA_ARGS__})
#define BOOLS(shape, ...) array_of(EP_DTYPE_BOOL, shape, (const uint8_t[]){__VA_ARGS__})

#define RUN(f, ...) run((f), (const ep_array[]){__VA_ARGS__})
static inline void run(fixture *f, const ep_array *inputs)
{
    if (ep_session_run(f->session, inputs, &f->err) != EP_OK) fail_msg("%s", f->err.text);
}

#define RUN_FAILS(f, status, text, ...)                                                            \
    run_fails((f), (status), (text), (const ep_array[]){__VA_ARGS__})
static inline void run_fails(fixture *f, ep_status status, const char *text, const ep_array *inputs)
{
    assert_int_equal(ep_session_run(f->session, inputs, &f->err), status);
    assert_string_equal(f->err.text, text);
}

/* Output `i` is this array, bit for bit. */
static inline void assert_output(const fixture *f, uint32_t i, ep_array expected)
{
    char got[EP_SHAPE_TEXT], due[EP_SHAPE_TEXT];
    const ep_array *array = ep_session_output(f->session, i);
    assert_int_equal(array->dtype, expected.dtype);
    assert_string_equal(ep_shape_text(&array->shape, got), ep_shape_text(&expected.shape, due));
    assert_int_equal(array->n, expected.n);
    const uint64_t bytes = ep_dtype_bytes(expected.dtype, expected.n);
    if (bytes > 0) assert_memory_equal(array->data, expected.data, (size_t)bytes);
}

#endif
