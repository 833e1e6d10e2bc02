/* Trained networks as they are planned: as good in INT8 as in FP32. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "study/study.h"

#define DIGITS EP_SOURCE_DIR "/tests/digits/"

enum { IMAGES = 597, CALIBRATION = 100, CHANNELS = 3, PIXELS = 32 * 32, CLASSES = 10, BATCH = 100 };

typedef struct fixture {
    ep_arena *arena;
    ep_machine *machine;
    ep_array images, labels;
    char folder[32], calibration[64];
} fixture;

static void check(ep_status status, const ep_error *err)
{
    if (status != EP_OK) fail_msg("%s", err->text);
}

static ep_array read_array(const char *name, ep_arena *arena)
{
    char path[256];
    ep_array array;
    ep_error err = {0};
    if (snprintf(path, sizeof path, DIGITS "%s", name) >= (int)sizeof path) abort();
    check(ep_array_read(path, EP_DTYPE_UNDEFINED, arena, &array, &err), &err);
    return array;
}

/* Images as the networks take them. */
static ep_array read_images(const char *name, size_t count, ep_arena *arena)
{
    const ep_array bytes = read_array(name, arena);
    assert_int_equal(bytes.n, count * PIXELS);
    ep_array images = {.dtype = EP_DTYPE_FLOAT,
                       .shape = {.rank = 4, .dims = {(int64_t)count, CHANNELS, 32, 32}},
                       .n = count * CHANNELS * PIXELS};
    float *to = EP_NEW(arena, float, images.n);
    assert_non_null(to);
    images.data = to;
    for (size_t i = 0; i < images.n; i++) {
        const size_t image = i / (CHANNELS * PIXELS), pixel = i % PIXELS;
        to[i] = (float)((const uint8_t *)bytes.data)[image * PIXELS + pixel] / 255;
    }
    return images;
}

static void setup(fixture *f)
{
    ep_error err = {0};
    *f = (fixture){.arena = ep_arena_new(), .folder = "/tmp/edgeplan_XXXXXX"};
    const ep_machine_options options = {.installed = EP_SOURCE_DIR "/hwmodels"};
    check(ep_machine_load("orin-agx", &options, &f->machine, &err), &err);
    f->images = read_images("val_images_u8.npy", IMAGES, f->arena);
    f->labels = read_array("val_labels.npy", f->arena);
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->calibration, sizeof f->calibration, "%s/calib.npy", f->folder);
    const ep_array calibration = read_images("calib_images_u8.npy", CALIBRATION, f->arena);
    check(ep_array_write(f->calibration, "calib", &calibration, &err), &err);
}

static void teardown(fixture *f)
{
    (void)unlink(f->calibration);
    (void)rmdir(f->folder);
    ep_machine_free(f->machine);
    ep_arena_free(f->arena);
}

static ep_execution *start(const fixture *f, const char *model, const char *strategy,
                           uint32_t threads, const char *calibration)
{
    char path[256];
    ep_error err = {0};
    if (snprintf(path, sizeof path, DIGITS "%s.onnx", model) >= (int)sizeof path) abort();
    const ep_execution_plan plan = {
        .machine = f->machine,
        .strategy = strategy,
        .options = {.precision = EP_CHOOSE_INT8},
        .calibration = {.n = calibration ? 1 : 0, .sources = &calibration}};
    const ep_execution_options options = {
        .batch = BATCH, .plan = &plan, .session = {.threads = threads}};
    ep_execution *execution;
    check(ep_execution_new(path, &options, &execution, &err), &err);
    return execution;
}

/* The logits of image `first` and those that follow it. */
static const float *run_batch(const fixture *f, ep_execution *execution, size_t first)
{
    ep_error err = {0};
    ep_array part = f->images;
    part.shape.dims[0] = BATCH;
    part.n = (uint64_t)BATCH * CHANNELS * PIXELS;
    part.data = (float *)f->images.data + first * CHANNELS * PIXELS;
    check(ep_session_run(execution->session, &part, &err), &err);
    return ep_session_output(execution->session, 0)->data;
}

static uint32_t count_right(const fixture *f, ep_execution *execution)
{
    uint32_t right = 0;
    for (size_t begin = 0; begin < IMAGES; begin += BATCH) {
        const size_t first = begin + BATCH <= IMAGES ? begin : IMAGES - BATCH;
        const float *logits = run_batch(f, execution, first);
        for (size_t i = begin; i < first + BATCH; i++) {
            const float *row = logits + (i - first) * CLASSES;
            int best = 0;
            for (int c = 1; c < CLASSES; c++) {
                if (row[c] > row[best]) best = c;
            }
            right += best == ((const int64_t *)f->labels.data)[i];
        }
    }
    return right;
}

/* Within 1 % of the images of what FP32 gets right (tests/digits/README.md). */
static void check_network(const char *model, const char *strategy, uint32_t fp32_right)
{
    fixture f;
    setup(&f);
    ep_execution *execution = start(&f, model, strategy, 1, f.calibration);
    const uint32_t right = count_right(&f, execution);
    if (right + 5 < fp32_right) fail_msg("%u of %u right", right, IMAGES);
    ep_execution_free(execution);
    teardown(&f);
}

static void the_residual_network_stays_as_good(void **state)
{
    (void)state;
    check_network("digits_resnet", "greedy", 587);
}

static void the_mobile_network_stays_as_good(void **state)
{
    (void)state;
    check_network("digits_mobilenet", "gpu", 588);
}

/* Its Q/DQ nodes are where ONNX Runtime rounds: what the plan computes is 40 dB from its logits, in
 * a network that is 24 dB from FP32. */
static void scales_of_the_file_give_what_others_compute(void **state)
{
    (void)state;
    fixture f;
    setup(&f);
    const ep_array expected = read_array("digits_mobilenet_int8_val_logits.npy", f.arena);
    ep_execution *execution = start(&f, "digits_mobilenet_int8", "gpu", 1, NULL);
    const float *logits = run_batch(&f, execution, 0), *due = expected.data;
    double signal = 0, noise = 0;
    for (int i = 0; i < BATCH * CLASSES; i++) {
        const double difference = (double)logits[i] - (double)due[i];
        signal += (double)due[i] * (double)due[i];
        noise += difference * difference;
    }
    assert_true(noise * 1e4 < signal);
    ep_execution_free(execution);
    teardown(&f);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    static float expected[BATCH * CLASSES];
    fixture f;
    setup(&f);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        ep_execution *execution = start(&f, "digits_mobilenet", "greedy", threads, f.calibration);
        const float *logits = run_batch(&f, execution, 0);
        if (threads == 1) memcpy(expected, logits, sizeof expected);
        assert_memory_equal(logits, expected, sizeof expected);
        ep_execution_free(execution);
    }
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_residual_network_stays_as_good),
        cmocka_unit_test(the_mobile_network_stays_as_good),
        cmocka_unit_test(scales_of_the_file_give_what_others_compute),
        cmocka_unit_test(threads_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
