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
#include "tests/unit/digits_fixture.h"

enum { CALIBRATION = 100, BATCH = 100 };

typedef struct fixture {
    ep_arena *arena;
    ep_machine *machine;
    ep_precision_choice precision;
    ep_array images, labels;
    char folder[32], calibration[64];
} fixture;

static void check(ep_status status, const ep_error *err)
{
    if (status != EP_OK) fail_msg("%s", err->text);
}

static void setup(fixture *f)
{
    ep_error err = {0};
    *f = (fixture){
        .arena = ep_arena_new(), .folder = "/tmp/edgeplan_XXXXXX", .precision = EP_CHOOSE_INT8};
    const ep_machine_options options = {.installed = EP_SOURCE_DIR "/hwmodels"};
    check(ep_machine_load("orin-agx", &options, &f->machine, &err), &err);
    f->images = digits_images("val_images_u8.npy", IMAGES, f->arena);
    f->labels = digits_array("val_labels.npy", f->arena);
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->calibration, sizeof f->calibration, "%s/calib.npy", f->folder);
    const ep_array calibration = digits_images("calib_images_u8.npy", CALIBRATION, f->arena);
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
        .options = {.precision = f->precision, .no_tf32 = true},
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
    const ep_array expected = digits_array("digits_mobilenet_int8_val_logits.npy", f.arena);
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
    for (uint32_t threads = 1; threads <= 6; threads++) {
        f.precision = threads <= 3 ? EP_CHOOSE_INT8 : EP_CHOOSE_FP16;
        ep_execution *execution = start(&f, "digits_mobilenet", "greedy", threads, f.calibration);
        const float *logits = run_batch(&f, execution, 0);
        if (threads == 1 || threads == 4) memcpy(expected, logits, sizeof expected);
        assert_memory_equal(logits, expected, sizeof expected);
        ep_execution_free(execution);
    }
    teardown(&f);
}

/* The power of what a plan on the GPU loses against `exact`, or computes. */
static double power(const fixture *f, ep_precision_choice precision, const float *exact, float *out)
{
    fixture wanted = *f;
    wanted.precision = precision;
    ep_execution *execution = start(&wanted, "digits_resnet", "gpu", 1, NULL);
    const float *logits = run_batch(&wanted, execution, 0);
    double sum = 0;
    for (int i = 0; i < BATCH * CLASSES; i++) {
        const double difference = (double)logits[i] - (exact ? (double)exact[i] : 0);
        sum += difference * difference;
        if (out) out[i] = logits[i];
    }
    ep_execution_free(execution);
    return sum;
}

/* FP16 sums, Orin's, are between those of FP32 and nonsense. */
static void sums_are_as_the_machine_has_them(void **state)
{
    (void)state;
    static float exact[BATCH * CLASSES];
    fixture f;
    setup(&f);
    const double signal = power(&f, EP_CHOOSE_FP32, NULL, exact);
    const double halves = power(&f, EP_CHOOSE_FP16, exact, NULL);
    f.machine->gpu.kernels.fp32_sums = 1;
    const double floats = power(&f, EP_CHOOSE_FP16, exact, NULL);
    assert_true(floats > 0 && halves > 2 * floats && signal > 1e4 * halves);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_residual_network_stays_as_good),
        cmocka_unit_test(the_mobile_network_stays_as_good),
        cmocka_unit_test(scales_of_the_file_give_what_others_compute),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(sums_are_as_the_machine_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
