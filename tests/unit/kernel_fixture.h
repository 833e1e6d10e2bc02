/* What the tests of kernels on random shapes share: numbers, and one node run with several numbers
 * of threads, which must give the same bits. */
#ifndef KERNEL_FIXTURE_H
#define KERNEL_FIXTURE_H

#include <math.h>

#include "tests/unit/session_fixture.h"

/* ---- numbers ------------------------------------------------------------------------------- */

/* A generator of our own: the same cases everywhere. */
typedef struct dice {
    uint64_t state;
} dice;

static inline uint32_t roll(dice *d)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->state >> 33);
}

/* low .. high */
static inline int64_t pick(dice *d, int64_t low, int64_t high)
{
    return low + (int64_t)(roll(d) % (uint64_t)(high - low + 1));
}

/* ---- arrays -------------------------------------------------------------------------------- */

static inline void *allocated(uint64_t count, size_t size)
{
    void *p = calloc((size_t)count + 1, size);
    if (!p) abort();
    return p;
}

static inline ep_array new_array(ep_dtype dtype, int rank, const int64_t *dims)
{
    ep_array array = {.dtype = dtype, .shape.rank = rank, .n = 1};
    for (int i = 0; i < rank; i++) {
        array.shape.dims[i] = dims[i];
        array.n *= (uint64_t)dims[i];
    }
    array.data = allocated(array.n, 8);
    return array;
}
#define NEW_ARRAY(dtype, ...)                                                                      \
    new_array((dtype), (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),            \
              (const int64_t[]){__VA_ARGS__})

static inline double element(const ep_array *array, int64_t i)
{
    switch (array->dtype) {
    case EP_DTYPE_FLOAT: return (double)((const float *)array->data)[i];
    case EP_DTYPE_DOUBLE: return ((const double *)array->data)[i];
    case EP_DTYPE_INT8: return ((const int8_t *)array->data)[i];
    case EP_DTYPE_UINT8: return ((const uint8_t *)array->data)[i];
    case EP_DTYPE_INT32: return ((const int32_t *)array->data)[i];
    default: return (double)((const int64_t *)array->data)[i];
    }
}

static inline void set_element(ep_array *array, int64_t i, double value)
{
    switch (array->dtype) {
    case EP_DTYPE_FLOAT: ((float *)array->data)[i] = (float)value; break;
    case EP_DTYPE_DOUBLE: ((double *)array->data)[i] = value; break;
    case EP_DTYPE_INT8: ((int8_t *)array->data)[i] = (int8_t)value; break;
    case EP_DTYPE_UINT8: ((uint8_t *)array->data)[i] = (uint8_t)value; break;
    case EP_DTYPE_INT32: ((int32_t *)array->data)[i] = (int32_t)value; break;
    default: ((int64_t *)array->data)[i] = (int64_t)value; break;
    }
}

/* Multiples of 1/64 in [-1, 1], or integers of which the type has all. */
static inline ep_array random_array(dice *d, ep_dtype dtype, int rank, const int64_t *dims)
{
    ep_array array = new_array(dtype, rank, dims);
    const int64_t low = dtype == EP_DTYPE_UINT8 ? 0 : -100;
    for (int64_t i = 0; i < (int64_t)array.n; i++) {
        const bool real = dtype == EP_DTYPE_FLOAT || dtype == EP_DTYPE_DOUBLE;
        set_element(&array, i, real ? (double)pick(d, -64, 64) / 64 : (double)pick(d, low, 100));
    }
    return array;
}
#define RANDOM_ARRAY(d, dtype, ...)                                                                \
    random_array((d), (dtype), (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),    \
                 (const int64_t[]){__VA_ARGS__})

/* ---- one node ------------------------------------------------------------------------------ */

enum { MOST_INPUTS = 9 };

typedef struct one_node {
    const char *text; /* its inputs are "a", "b", ... its outputs "y", "z" */
    int opset;        /* 0: 17 */
    uint32_t n_inputs, n_outputs;
    ep_array inputs[MOST_INPUTS];
} one_node;

static inline void begin_node(fixture *f, const one_node *node, uint32_t threads)
{
    *f = (fixture){.m.opset = node->opset, .options.threads = threads};
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        const char name[2] = {(char)('a' + i), '\0'};
        char shape[EP_SHAPE_TEXT];
        const ep_array *in = &node->inputs[i];
        ep_shape_text(&in->shape, shape);
        onnx_input(&f->m, name, in->dtype, in->shape.rank ? shape : "");
    }
    onnx_node(&f->m, "%s", node->text);
    onnx_output(&f->m, "y", EP_DTYPE_UNDEFINED, NULL);
    if (node->n_outputs > 1) onnx_output(&f->m, "z", EP_DTYPE_UNDEFINED, NULL);
    start(f);
}

/* Runs on one thread, and checks that three give the same bits. `f` is torn down by the caller. */
static inline void run_node(fixture *f, const one_node *node)
{
    fixture several;
    begin_node(f, node, 1);
    run(f, node->inputs);
    begin_node(&several, node, 3);
    run(&several, node->inputs);
    for (uint32_t i = 0; i < f->network->n_outputs; i++) {
        assert_output(&several, i, *ep_session_output(f->session, i));
    }
    teardown(&several);
}

static inline void free_inputs(one_node *node)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) free(node->inputs[i].data);
}

/* Output `i` is `expected` within `tolerance` of what its terms sum up to, which is at least 1. */
static inline void assert_close(const fixture *f, const char *what, uint32_t i,
                                const ep_array *expected, double tolerance)
{
    const ep_array *got = ep_session_output(f->session, i);
    char a[EP_SHAPE_TEXT], b[EP_SHAPE_TEXT];
    if (!ep_shape_equal(&got->shape, &expected->shape) || got->dtype != expected->dtype) {
        fail_msg("%s: %s %s instead of %s %s", what, ep_dtype_name(got->dtype),
                 ep_shape_text(&got->shape, a), ep_dtype_name(expected->dtype),
                 ep_shape_text(&expected->shape, b));
    }
    for (int64_t k = 0; k < (int64_t)got->n; k++) {
        const double due = element(expected, k), is = element(got, k);
        if (due == is || fabs(due - is) <= tolerance * fmax(1, fabs(due))) continue;
        fail_msg("%s: output %u, element %lld is %.9g instead of %.9g", what, i, (long long)k, is,
                 due);
    }
}

/* Runs the node and compares its first output, freeing everything. */
static inline void check_node(one_node *node, ep_array expected, double tolerance)
{
    fixture f;
    run_node(&f, node);
    assert_close(&f, node->text, 0, &expected, tolerance);
    teardown(&f);
    free_inputs(node);
    free(expected.data);
}

#endif
