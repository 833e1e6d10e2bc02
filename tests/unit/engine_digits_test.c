/* Trained networks compute what ONNX Runtime computes, and classify as well. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/digits_fixture.h"

typedef struct runner {
    ep_network *loaded, *network;
    ep_session *session;
} runner;

static runner start(const char *name, int64_t batch, uint32_t threads)
{
    runner r = {0};
    char path[256];
    ep_error err = {0};
    const ep_specialize_options specialize = {.batch = batch, .to_run = true};
    const ep_session_options options = {.threads = threads};
    if (snprintf(path, sizeof path, DIGITS "%s.onnx", name) >= (int)sizeof path) abort();
    if (ep_network_load(path, &r.loaded, &err) != EP_OK ||
        ep_specialize(r.loaded, &specialize, &r.network, &err) != EP_OK ||
        ep_session_new(r.network, &options, &r.session, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    return r;
}

static void stop(runner *r)
{
    ep_session_free(r->session);
    ep_network_free(r->network);
    ep_network_free(r->loaded);
}

/* Runs the first `count` images in batches and gathers the logits. */
static void classify(const char *name, uint32_t count, uint32_t batch, uint32_t threads,
                     const ep_array *images, float *logits)
{
    ep_error err = {0};
    runner r = start(name, batch, threads);
    for (uint32_t begin = 0; begin + batch <= count; begin += batch) {
        ep_array part = *images;
        part.shape.dims[0] = batch;
        part.n = (uint64_t)batch * CHANNELS * PIXELS;
        part.data = (float *)images->data + (size_t)begin * CHANNELS * PIXELS;
        if (ep_session_run(r.session, &part, &err) != EP_OK) fail_msg("%s", err.text);
        const ep_array *out = ep_session_output(r.session, 0);
        assert_int_equal(out->dtype, EP_DTYPE_FLOAT);
        assert_int_equal(out->n, batch * CLASSES);
        memcpy(logits + (size_t)begin * CLASSES, out->data, (size_t)out->n * sizeof *logits);
    }
    stop(&r);
}

static uint32_t count_right(const float *logits, const int64_t *labels)
{
    uint32_t right = 0;
    for (size_t i = 0; i < IMAGES; i++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++) {
            if (logits[i * CLASSES + (size_t)c] > logits[i * CLASSES + (size_t)best]) best = c;
        }
        right += best == labels[i];
    }
    return right;
}

static void assert_near(const float *logits, const float *expected, size_t count)
{
    double worst = 0, largest = 0;
    for (size_t i = 0; i < count * CLASSES; i++) {
        worst = fmax(worst, fabs((double)logits[i] - (double)expected[i]));
        largest = fmax(largest, fabs((double)expected[i]));
    }
    if (!(worst <= 1e-5 * largest)) fail_msg("off by %g of %g", worst, largest);
}

static void check(const char *name, uint32_t right)
{
    enum { FEW = 30 };
    static float logits[IMAGES * CLASSES], few[FEW * CLASSES], threaded[FEW * CLASSES];
    ep_arena *arena = ep_arena_new();
    char file[64];
    const ep_array images = digits_images("val_images_u8.npy", IMAGES, arena),
                   labels = digits_array("val_labels.npy", arena);
    (void)snprintf(file, sizeof file, "%s_val_logits.npy", name);
    const ep_array expected = digits_array(file, arena);
    classify(name, IMAGES, IMAGES, 0, &images, logits);
    assert_near(logits, expected.data, IMAGES);
    assert_int_equal(count_right(logits, labels.data), right);
    classify(name, FEW, 1, 1, &images, few);
    assert_near(few, expected.data, FEW);
    classify(name, FEW, 1, 2, &images, threaded);
    assert_memory_equal(few, threaded, sizeof few);
    ep_arena_free(arena);
}

static void the_residual_network_is_as_good_as_stated(void **state)
{
    (void)state;
    check("digits_resnet", 587);
}

static void the_mobile_network_is_as_good_as_stated(void **state)
{
    (void)state;
    check("digits_mobilenet", 588);
}

/* In integers, where ONNX Runtime rounds floats on the way: a logit in a hundred may lie one step
 * of its quantisation beside, as it does between ONNX Runtime's own two ways. */
static void the_quantised_network_is_as_good_as_stated(void **state)
{
    (void)state;
    static float logits[IMAGES * CLASSES];
    ep_arena *arena = ep_arena_new();
    const ep_array images = digits_images("val_images_u8.npy", IMAGES, arena),
                   labels = digits_array("val_labels.npy", arena);
    const ep_array expected = digits_array("digits_mobilenet_int8_val_logits.npy", arena);
    const float *due = expected.data;
    classify("digits_mobilenet_int8", IMAGES, IMAGES, 0, &images, logits);
    float step = INFINITY;
    for (size_t i = 1; i < IMAGES * CLASSES; i++) {
        const float apart = fabsf(due[i] - due[0]);
        if (apart > 0 && apart < step) step = apart;
    }
    uint32_t beside = 0;
    for (size_t i = 0; i < IMAGES * CLASSES; i++) {
        const float off = fabsf(logits[i] - due[i]);
        if (off > 1.001f * step)
            fail_msg("logit %zu is off by %g of %g", i, (double)off, (double)step);
        beside += off > 0;
    }
    if (beside > IMAGES * CLASSES / 100) fail_msg("%u logits lie beside", beside);
    assert_int_equal(count_right(logits, labels.data), 587);
    ep_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_residual_network_is_as_good_as_stated),
        cmocka_unit_test(the_mobile_network_is_as_good_as_stated),
        cmocka_unit_test(the_quantised_network_is_as_good_as_stated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
