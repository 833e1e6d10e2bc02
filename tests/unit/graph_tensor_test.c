/* Element types, shapes, and reading small constants. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

static void dtypes_are_those_of_onnx(void **state)
{
    (void)state;
    /* number and width in onnx.proto's TensorProto.DataType */
    static const struct {
        int number;
        unsigned bits;
        const char *name;
    } expected[] = {{1, 32, "float32"},    {2, 8, "uint8"},           {3, 8, "int8"},
                    {4, 16, "uint16"},     {5, 16, "int16"},          {6, 32, "int32"},
                    {7, 64, "int64"},      {8, 0, "string"},          {9, 8, "bool"},
                    {10, 16, "float16"},   {11, 64, "float64"},       {12, 32, "uint32"},
                    {13, 64, "uint64"},    {14, 64, "complex64"},     {15, 128, "complex128"},
                    {16, 16, "bfloat16"},  {17, 8, "float8e4m3fn"},   {18, 8, "float8e4m3fnuz"},
                    {19, 8, "float8e5m2"}, {20, 8, "float8e5m2fnuz"}, {21, 4, "uint4"},
                    {22, 4, "int4"},       {23, 4, "float4e2m1"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const ep_dtype dtype = (ep_dtype)expected[i].number;
        assert_true(ep_dtype_valid(dtype));
        assert_string_equal(ep_dtype_name(dtype), expected[i].name);
        assert_int_equal(ep_dtype_bits(dtype), expected[i].bits);
    }
    assert_false(ep_dtype_valid(0));
    assert_false(ep_dtype_valid(24));
    assert_false(ep_dtype_valid(-1));
    assert_false(ep_dtype_valid(INT64_MAX));
    assert_true(ep_dtype_is_float(EP_DTYPE_BFLOAT16));
    assert_true(ep_dtype_is_float(EP_DTYPE_FLOAT4E2M1));
    assert_false(ep_dtype_is_float(EP_DTYPE_INT8));
    assert_false(ep_dtype_is_float(EP_DTYPE_COMPLEX64));
}

static void bytes_are_packed(void **state)
{
    (void)state;
    assert_int_equal(ep_dtype_bytes(EP_DTYPE_FLOAT, 3), 12);
    assert_int_equal(ep_dtype_bytes(EP_DTYPE_COMPLEX128, 3), 48);
    assert_int_equal(ep_dtype_bytes(EP_DTYPE_INT4, 0), 0);
    assert_int_equal(ep_dtype_bytes(EP_DTYPE_INT4, 3), 2);
    assert_int_equal(ep_dtype_bytes(EP_DTYPE_INT4, 4), 2);
    assert_int_equal(ep_dtype_bytes(EP_DTYPE_STRING, 4), 0);
    /* what no file can hold stays what no file can hold */
    assert_true(ep_dtype_bytes(EP_DTYPE_DOUBLE, (uint64_t)1 << 62) == UINT64_MAX);
}

static void elements_are_checked(void **state)
{
    (void)state;
    uint64_t elements = 9;
    ep_error err = {0};
    assert_int_equal(ep_shape_elements(&(ep_shape){.rank = 0}, &elements, &err), EP_OK);
    assert_int_equal(elements, 1);
    const ep_shape image = {.rank = 4, .dims = {1, 3, 224, 224}};
    assert_int_equal(ep_shape_elements(&image, &elements, &err), EP_OK);
    assert_int_equal(elements, 150528);
    const ep_shape limit = {.rank = 2, .dims = {(int64_t)1 << 31, (int64_t)1 << 31}};
    assert_int_equal(ep_shape_elements(&limit, &elements, &err), EP_OK);
    assert_true(elements == (uint64_t)1 << 62);
    const ep_shape over = {.rank = 3, .dims = {(int64_t)1 << 31, (int64_t)1 << 31, 2}};
    assert_int_equal(ep_shape_elements(&over, &elements, &err), EP_BAD_SHAPE);
    assert_string_equal(err.text, "shape 2147483648x2147483648x2 has more than 2^62 elements");
    const ep_shape empty = {.rank = 3, .dims = {INT64_MAX, INT64_MAX, 0}};
    assert_int_equal(ep_shape_elements(&empty, &elements, &err), EP_OK);
    assert_int_equal(elements, 0);
    const ep_shape unknown = {.rank = 2, .dims = {0, EP_DIM_UNKNOWN}};
    assert_int_equal(ep_shape_elements(&unknown, &elements, &err), EP_BAD_SHAPE);
    assert_string_equal(err.text, "dimension 1 of 0x? is unknown or negative");
    assert_int_equal(ep_shape_elements(&unknown, &elements, NULL), EP_BAD_SHAPE);
}

static void shapes_have_text(void **state)
{
    (void)state;
    char text[EP_SHAPE_TEXT];
    assert_string_equal(ep_shape_text(&(ep_shape){.rank = 0}, text), "scalar");
    assert_string_equal(ep_shape_text(&(ep_shape){.rank = 3, .dims = {1, -1, 0}}, text), "1x?x0");
    ep_shape widest = {.rank = EP_MAX_RANK};
    for (int i = 0; i < EP_MAX_RANK; i++) widest.dims[i] = INT64_MIN;
    assert_int_equal(strlen(ep_shape_text(&widest, text)), 8 * 20 + 7);
}

static void shapes_compare(void **state)
{
    (void)state;
    const ep_shape a = {.rank = 2, .dims = {1, 2}}, b = {.rank = 2, .dims = {1, 3}};
    const ep_shape c = {.rank = 3, .dims = {1, 2, 0}}, d = {.rank = 2, .dims = {1, 2, 7}};
    assert_true(ep_shape_equal(&a, &a));
    assert_true(ep_shape_equal(&a, &d)); /* what is behind the rank does not count */
    assert_false(ep_shape_equal(&a, &b));
    assert_false(ep_shape_equal(&a, &c));
}

static ep_tensor constant(ep_dtype dtype, int64_t elements, const void *data)
{
    return (ep_tensor){.name = "t",
                       .dtype = dtype,
                       .has_shape = true,
                       .shape = {.rank = 1, .dims = {elements}},
                       .constness = EP_CONST_DATA,
                       .data = data,
                       .data_bytes = ep_dtype_bytes(dtype, (uint64_t)elements)};
}

static void ints_are_read(void **state)
{
    (void)state;
    int64_t values[3];
    uint32_t count = 0;
    const char wide[] = "?\x01\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff"; /* unaligned */
    ep_tensor t = constant(EP_DTYPE_INT64, 2, wide + 1);
    assert_true(ep_tensor_ints(&t, values, 2, &count));
    assert_int_equal(count, 2);
    assert_true(values[0] == 1 && values[1] == -2);
    assert_false(ep_tensor_ints(&t, values, 1, &count));
    t = constant(EP_DTYPE_INT32, 2, "\xff\xff\xff\xff\0\0\0\x80");
    assert_true(ep_tensor_ints(&t, values, 3, &count));
    assert_true(count == 2 && values[0] == -1 && values[1] == INT32_MIN);
    t.constness = EP_CONST_SPLAT;
    t.shape.dims[0] = 3;
    assert_true(ep_tensor_ints(&t, values, 3, &count));
    assert_true(count == 3 && values[0] == -1 && values[2] == -1);
    t = constant(EP_DTYPE_INT32, 2, "\x96\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    t.varint = true; /* 150 is the example of protobuf's documentation */
    assert_true(ep_tensor_ints(&t, values, 3, &count));
    assert_true(count == 2 && values[0] == 150 && values[1] == -1);
    t = constant(EP_DTYPE_INT64, 0, "");
    assert_true(ep_tensor_ints(&t, values, 3, &count));
    assert_int_equal(count, 0);

    t = constant(EP_DTYPE_FLOAT, 1, "\0\0\0\0");
    assert_false(ep_tensor_ints(&t, values, 3, &count));
    t = constant(EP_DTYPE_INT64, 2, wide + 1);
    t.constness = EP_CONST_UNKNOWN;
    assert_false(ep_tensor_ints(&t, values, 3, &count));
    t.constness = EP_VARIABLE;
    assert_false(ep_tensor_ints(&t, values, 3, &count));
}

static double scalar(ep_dtype dtype, const char *bytes)
{
    ep_tensor t = constant(dtype, 1, bytes);
    double value = 0;
    assert_true(ep_tensor_scalar(&t, &value));
    return value;
}

static void scalars_are_read(void **state)
{
    (void)state;
    assert_true(scalar(EP_DTYPE_FLOAT, "\0\0\xc0\xbf") == -1.5);
    assert_true(scalar(EP_DTYPE_DOUBLE, "\0\0\0\0\0\0\xf8\x3f") == 1.5);
    assert_true(scalar(EP_DTYPE_INT8, "\x80") == -128);
    assert_true(scalar(EP_DTYPE_UINT8, "\x80") == 128);
    assert_true(scalar(EP_DTYPE_INT16, "\xff\xff") == -1);
    assert_true(scalar(EP_DTYPE_UINT16, "\xff\xff") == 65535);
    assert_true(scalar(EP_DTYPE_INT32, "\xfe\xff\xff\xff") == -2);
    assert_true(scalar(EP_DTYPE_UINT32, "\xfe\xff\xff\xff") == 4294967294.0);
    assert_true(scalar(EP_DTYPE_INT64, "\xff\xff\xff\xff\xff\xff\xff\xff") == -1);
    assert_true(scalar(EP_DTYPE_UINT64, "\0\0\0\0\0\0\0\x80") == 9223372036854775808.0);
    assert_true(scalar(EP_DTYPE_BOOL, "\x01") == 1);
    assert_true(scalar(EP_DTYPE_INT4, "\x78") == -8); /* the first of a pair is the low half */
    assert_true(scalar(EP_DTYPE_UINT4, "\x78") == 8);
    ep_tensor t = constant(EP_DTYPE_FLOAT, 2, "\0\0\0\0\0\0\0\0");
    double value;
    assert_false(ep_tensor_scalar(&t, &value));
    t.constness = EP_CONST_SPLAT;
    assert_true(ep_tensor_scalar(&t, &value));
    t = constant(EP_DTYPE_COMPLEX64, 1, "\0\0\0\0\0\0\0\0");
    assert_false(ep_tensor_scalar(&t, &value));
}

/* Values from IEEE 754 and from the tables of the OCP 8-bit and 4-bit floating-point papers. */
static void narrow_floats_are_read(void **state)
{
    (void)state;
    assert_true(scalar(EP_DTYPE_FLOAT16, "\x55\x35") == 0.333251953125);
    assert_true(scalar(EP_DTYPE_FLOAT16, "\xff\x7b") == 65504);
    assert_true(scalar(EP_DTYPE_FLOAT16, "\x01\x80") == -ldexp(1, -24));
    assert_true(scalar(EP_DTYPE_FLOAT16, "\x00\xfc") == -INFINITY);
    assert_true(isnan(scalar(EP_DTYPE_FLOAT16, "\x01\x7c")));
    assert_true(scalar(EP_DTYPE_BFLOAT16, "\x49\x40") == 3.140625);
    assert_true(scalar(EP_DTYPE_BFLOAT16, "\x80\x7f") == INFINITY);
    assert_true(scalar(EP_DTYPE_FLOAT8E4M3FN, "\x7e") == 448);
    assert_true(scalar(EP_DTYPE_FLOAT8E4M3FN, "\x01") == ldexp(1, -9));
    assert_true(isnan(scalar(EP_DTYPE_FLOAT8E4M3FN, "\xff")));
    assert_true(scalar(EP_DTYPE_FLOAT8E4M3FNUZ, "\x7f") == 240);
    assert_true(isnan(scalar(EP_DTYPE_FLOAT8E4M3FNUZ, "\x80")));
    assert_true(scalar(EP_DTYPE_FLOAT8E5M2, "\x7b") == 57344);
    assert_true(scalar(EP_DTYPE_FLOAT8E5M2, "\x7c") == INFINITY);
    assert_true(isnan(scalar(EP_DTYPE_FLOAT8E5M2, "\x7d")));
    assert_true(scalar(EP_DTYPE_FLOAT8E5M2FNUZ, "\x7f") == 57344);
    assert_true(isnan(scalar(EP_DTYPE_FLOAT8E5M2FNUZ, "\x80")));
    assert_true(scalar(EP_DTYPE_FLOAT4E2M1, "\x07") == 6);
    assert_true(scalar(EP_DTYPE_FLOAT4E2M1, "\x09") == -0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dtypes_are_those_of_onnx), cmocka_unit_test(bytes_are_packed),
        cmocka_unit_test(elements_are_checked),     cmocka_unit_test(shapes_have_text),
        cmocka_unit_test(shapes_compare),           cmocka_unit_test(ints_are_read),
        cmocka_unit_test(scalars_are_read),         cmocka_unit_test(narrow_floats_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
