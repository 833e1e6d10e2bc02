/* TensorRT's calibration caches: NVIDIA's example of MNIST, and what is none. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"

#define HEADER "TRT-8502-EntropyCalibration2"

static ep_status parse(const char *text, ep_arena *arena, ep_scales *out, ep_error *err)
{
    return ep_scales_parse(text, strlen(text), "cache", arena, out, err);
}

static void the_bits_of_floats(void **state)
{
    (void)state;
    ep_arena *arena = ep_arena_new();
    ep_scales scales;
    ep_error err = {0};
    const char *text = HEADER "\ndata: 3c000889\nconv1: 3c8954be\r\n\nname: of two: 3F800000\nz: 0";
    assert_int_equal(parse(text, arena, &scales, &err), EP_OK);
    assert_string_equal(scales.header, HEADER);
    assert_int_equal(scales.n, 4);
    assert_string_equal(scales.at[0].name, "data");
    /* 0x3c000889: exponent 120 - 127, mantissa 1 + 0x889 / 2^23 */
    assert_true((double)scales.at[0].scale == ldexp(1 + 0x889 / 8388608.0, -7));
    assert_string_equal(scales.at[1].name, "conv1");
    assert_string_equal(scales.at[2].name, "name: of two");
    assert_true(scales.at[2].scale == 1);
    assert_true(scales.at[3].scale == 0);
    ep_arena_free(arena);
}

static void refused(const char *text, const char *expected)
{
    ep_arena *arena = ep_arena_new();
    ep_scales scales;
    ep_error err = {0};
    assert_int_equal(parse(text, arena, &scales, &err), EP_BAD_FILE);
    assert_string_equal(err.text, expected);
    ep_arena_free(arena);
}

static void what_is_no_cache(void **state)
{
    (void)state;
    refused("", "cache:1:1: no calibration cache: it begins with TRT-VERSION-CALIBRATOR");
    refused("x: 3f800000\n",
            "cache:1:1: no calibration cache: it begins with TRT-VERSION-CALIBRATOR");
    const char *wants = "cache:2:1: wants 'TENSOR: ' and up to 8 hexadecimal digits";
    refused(HEADER "\nx 3f800000\n", wants);
    refused(HEADER "\nx: 3f8000000\n", wants);
    refused(HEADER "\nx: 3f80000g\n", wants);
    refused(HEADER "\nx: \n", wants);
    refused(HEADER "\n: 3f800000\n", wants);
    refused(HEADER "\nx: bf800000\n",
            "cache:2:4: bf800000 is -1 as a float; a scale is at least 0 and finite");
    refused(HEADER "\nx: 7f800000\n",
            "cache:2:4: 7f800000 is inf as a float; a scale is at least 0 and finite");
}

static void written_as_it_is_read(void **state)
{
    (void)state;
    static const ep_scale list[] = {{"a", 1}, {"b c: d", 0x1.00111p-7F}};
    const ep_scales scales = {.header = HEADER, .n = 2, .at = list};
    char path[] = "/tmp/edgeplan_XXXXXX", text[200] = "";
    const int made = mkstemp(path);
    assert_true(made >= 0);
    (void)close(made);
    ep_error err = {0};
    if (ep_scales_write(path, &scales, &err) != EP_OK) fail_msg("%s", err.text);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    (void)unlink(path);
    assert_string_equal(text, HEADER "\na: 3f800000\nb c: d: 3c000888\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bits_of_floats),
        cmocka_unit_test(what_is_no_cache),
        cmocka_unit_test(written_as_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
