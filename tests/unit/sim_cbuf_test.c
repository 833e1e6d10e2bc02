/* Convolution-buffer needs against the formula of TensorRT's developer guide, done by hand:
 *
 *   kernel banks = ceil(roundUp(C Kh Kw bytes, 128) / 32768), of 32 (INT8) or 16 (FP16) kernels
 *                  for the group
 *   data banks   = ceil(ceil(ceil(C bytes / 32) W / 4) ((Kh - 1) dilation + 1) / 256)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim/sim.h"

static const ep_dla orin = {.cores = 2, .cbuf_banks = 16, .cbuf_bank_bytes = 32 * 1024};

typedef struct shape {
    int64_t c, h, w, kernel, dilation, groups;
} shape;

static void check(shape s, ep_precision precision, uint64_t kernel, uint64_t group, uint64_t data)
{
    const int64_t nchw[4] = {1, s.c, s.h, s.w};
    const ep_window window = {.rank = 2,
                              .kernel = {s.kernel, s.kernel},
                              .stride = {1, 1},
                              .dilation = {s.dilation, s.dilation}};
    const ep_cbuf_need need = ep_sim_cbuf(&orin, nchw, &window, s.groups, precision);
    assert_int_equal(need.weight_banks_kernel, kernel);
    assert_int_equal(need.weight_banks_group, group);
    assert_int_equal(need.data_banks, data);
}

/* NVIDIA/TensorRT#3499: 512 x 80 x 160, 3x3. One kernel has 512 x 9 = 4608 elements.
 * FP16: 9216 bytes: 1 bank; 16 of them 147456: 4.5 banks. 32 atoms x 160 / 4 = 1280 entries a row,
 * three rows 3840: exactly 15 banks. INT8: 32 x 4608 is the same group; 16 atoms, 640 entries,
 * 1920: 7.5 banks. */
static void test_issue_3499(void **state)
{
    (void)state;
    const shape s = {512, 80, 160, 3, 1, 1};
    check(s, EP_FP16, 1, 5, 15);
    check(s, EP_INT8, 1, 5, 8);
}

/* ResNet's first layer: 147 bytes a kernel round up to 256; 32 x 147 = 4704 bytes. One atom a
 * pixel: 224 / 4 = 56 entries, 7 rows: 392, 1.53 banks. */
static void test_first_layer(void **state)
{
    (void)state;
    check((shape){3, 224, 224, 7, 1, 1}, EP_INT8, 1, 1, 2);
}

/* The entry of a row is not full: 15 / 4 rounds up to 4 entries; 64 rows: 256, exactly a bank. One
 * row more needs another. A kernel of 64 x 64 elements, twice 4096 bytes; 16 kernels 4 banks. */
static void test_exact_bank(void **state)
{
    (void)state;
    check((shape){1, 100, 15, 64, 1, 1}, EP_FP16, 1, 4, 1);
    check((shape){1, 100, 15, 65, 1, 1}, EP_FP16, 1, 5, 2);
}

/* DeepLab's widest dilation: 2048 channels, 3x3, dilation 36: a kernel 18432 bytes, 32 of them 18
 * banks; 64 atoms x 64 / 4 = 1024 entries x 73 rows = 74752: 292 banks. */
static void test_dilation_stretches_rows(void **state)
{
    (void)state;
    check((shape){2048, 64, 64, 3, 36, 1}, EP_INT8, 1, 18, 292);
    check((shape){2048, 64, 64, 3, 1, 1}, EP_INT8, 1, 18, 12);
}

/* Depthwise: a group has one channel, one atom: 112 / 4 = 28 entries x 3 rows = 84. */
static void test_groups_take_turns(void **state)
{
    (void)state;
    check((shape){512, 112, 112, 3, 1, 512}, EP_FP16, 1, 1, 1);
    /* 4 groups of 128 channels: 8 atoms x 112 / 4 = 224 entries x 3 = 672, 2.6 banks; 128 x 9 x 2
     * x 16 = 36864 bytes */
    check((shape){512, 112, 112, 3, 1, 4}, EP_FP16, 1, 2, 3);
}

/* Sizes from a hostile file end up far above the buffer, not wrapped around below it. */
static void test_absurd_sizes(void **state)
{
    (void)state;
    const int64_t nchw[4] = {1, INT64_MAX, 1, INT64_MAX};
    const ep_window window = {.rank = 2,
                              .kernel = {INT64_MAX, INT64_MAX},
                              .stride = {1, 1},
                              .dilation = {INT64_MAX, INT64_MAX}};
    const ep_cbuf_need need = ep_sim_cbuf(&orin, nchw, &window, 1, EP_FP16);
    assert_true(need.weight_banks_kernel > 1000000000);
    assert_true(need.weight_banks_group > 1000000000);
    assert_true(need.data_banks > 1000000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issue_3499),        cmocka_unit_test(test_first_layer),
        cmocka_unit_test(test_exact_bank),        cmocka_unit_test(test_dilation_stretches_rows),
        cmocka_unit_test(test_groups_take_turns), cmocka_unit_test(test_absurd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
