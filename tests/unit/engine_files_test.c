/* Arrays in files: headers as numpy.lib.format specifies and NumPy writes them, by hand. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/engine.h"

typedef struct fixture {
    ep_arena *arena;
    ep_array array;
    ep_error err;
} fixture;

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.arena = ep_arena_new()};
    *state = &f;
    return f.arena ? 0 : -1;
}

static int teardown(void **state)
{
    ep_arena_free(((fixture *)*state)->arena);
    return 0;
}

/* A version 1 file of that dict and those elements. */
static ep_status parse(fixture *f, const char *dict, const void *elements, size_t size,
                       ep_dtype expected)
{
    uint8_t bytes[512] = "\x93NUMPY\x01";
    const size_t length = strlen(dict);
    assert_true(10 + length + size <= sizeof bytes);
    bytes[8] = (uint8_t)length;
    memcpy(bytes + 10, dict, length);
    if (size) memcpy(bytes + 10 + length, elements, size);
    f->err = (ep_error){0};
    return ep_npy_parse(bytes, 10 + length + size, "x.npy", expected, f->arena, &f->array, &f->err);
}

static void row_major(void **state)
{
    fixture *f = *state;
    const float values[] = {1, 2, 3, 4, 5, 6};
    const char *dict = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";
    assert_int_equal(parse(f, dict, values, sizeof values, EP_DTYPE_UNDEFINED), EP_OK);
    assert_int_equal(f->array.dtype, EP_DTYPE_FLOAT);
    assert_int_equal(f->array.shape.rank, 2);
    assert_int_equal(f->array.shape.dims[1], 3);
    assert_int_equal(f->array.n, 6);
    assert_memory_equal(f->array.data, values, sizeof values);
}

/* Column after column in the file. */
static void column_major(void **state)
{
    fixture *f = *state;
    const int16_t values[] = {1, 2, 3, 4, 5, 6}, rows[] = {1, 3, 5, 2, 4, 6};
    const char *dict = "{\"shape\":(2,3),\"fortran_order\":True,\"descr\":\"<i2\"}";
    assert_int_equal(parse(f, dict, values, sizeof values, EP_DTYPE_UNDEFINED), EP_OK);
    assert_memory_equal(f->array.data, rows, sizeof rows);
}

static void scalars_and_bools(void **state)
{
    fixture *f = *state;
    const uint8_t bytes[] = {0, 2, 1};
    assert_int_equal(parse(f, "{'descr': '|b1', 'fortran_order': False, 'shape': (3L,)}", bytes, 3,
                           EP_DTYPE_UNDEFINED),
                     EP_OK);
    assert_memory_equal(f->array.data, "\0\1\1", 3);
    assert_int_equal(parse(f, "{'descr': '|u1', 'fortran_order': False, 'shape': ()}", bytes, 1,
                           EP_DTYPE_UNDEFINED),
                     EP_OK);
    assert_int_equal(f->array.shape.rank, 0);
    assert_int_equal(parse(f, "{'descr': '<f8', 'fortran_order': True, 'shape': (0, 7)}", NULL, 0,
                           EP_DTYPE_UNDEFINED),
                     EP_OK);
    assert_int_equal(f->array.n, 0);
}

/* As ml_dtypes writes what NumPy lacks. */
static void expected_types(void **state)
{
    fixture *f = *state;
    const char *two = "{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}";
    assert_int_equal(parse(f, two, "\x80\x3f", 2, EP_DTYPE_BFLOAT16), EP_OK);
    assert_int_equal(f->array.dtype, EP_DTYPE_BFLOAT16);
    double one;
    ep_array_get(&f->array, 0, 1, &one);
    assert_true(one == 1);
    assert_int_equal(parse(f, two, "ab", 2, EP_DTYPE_FLOAT16), EP_UNSUPPORTED);
    assert_string_equal(f->err.text, "x.npy: no element type for NumPy's '<V2'");
}

static void refused(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *dict;
        ep_status status;
        const char *text;
    } rows[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': ()}", EP_UNSUPPORTED,
         "x.npy: big endian ('>f4'); write it with astype('<f4')"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", EP_UNSUPPORTED,
         "x.npy: an array of records"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", EP_BAD_FILE,
         "x.npy: 2 of float32 needs 8 bytes, the file has 4 after its header"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", EP_BAD_FILE,
         "x.npy: not a .npy file: byte 61: a dimension is expected"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", EP_BAD_FILE,
         "x.npy: not a .npy file: byte 61: a dimension is above 2^63"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
         EP_BAD_SHAPE, "x.npy: shape 4611686018427387904x4 has more than 2^62 elements"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", EP_UNSUPPORTED,
         "x.npy: an array of more than 8 dimensions"},
        {"{'descr': '<f4', 'fortran_order': False}", EP_BAD_FILE,
         "x.npy: not a .npy file: byte 50: descr, fortran_order or shape is missing"},
        {"{'descr': '<f4', 'order': False}", EP_BAD_FILE,
         "x.npy: not a .npy file: byte 35: a key that is not descr, fortran_order or shape"},
        {"('descr', '<f4')", EP_BAD_FILE, "x.npy: not a .npy file: byte 10: the header is no dict"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(f, rows[i].dict, "abcd", 4, EP_DTYPE_UNDEFINED), rows[i].status);
        assert_string_equal(f->err.text, rows[i].text);
        assert_null(f->array.data);
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

static size_t read_file(const char *path, char *out, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t size = fread(out, 1, capacity, file);
    fclose(file);
    return size;
}

static void header_written(void **state)
{
    fixture *f = *state;
    char folder[] = "/tmp/arrays-XXXXXX", path[64], file[512];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/y.npy", folder);
    int64_t values[] = {-1, 7};
    const ep_array array = {EP_DTYPE_INT64, {.rank = 1, .dims = {2}}, 2, values};
    assert_int_equal(ep_array_write(path, "y", &array, &f->err), EP_OK);
    assert_int_equal(read_file(path, file, sizeof file), 128 + sizeof values);
    const char *dict = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }";
    assert_memory_equal(file, "\x93NUMPY\x01\x00\x76\x00", 10);
    assert_memory_equal(file + 10, dict, strlen(dict));
    for (size_t i = 10 + strlen(dict); i < 127; i++) assert_int_equal(file[i], ' ');
    assert_int_equal(file[127], '\n');
    assert_memory_equal(file + 128, values, sizeof values);
    unlink(path);
    rmdir(folder);
}

/* Every type comes back from the file that holds it. */
static void round_trip(void **state)
{
    fixture *f = *state;
    char folder[] = "/tmp/arrays-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    const uint8_t bytes[6 * 16] = {0, 1, 1, 0, 1, 1, 0x3f, 0x80, 0x41};
    for (int dtype = EP_DTYPE_FLOAT; ep_dtype_valid(dtype); dtype++) {
        const ep_array array = {
            (ep_dtype)dtype, {.rank = 2, .dims = {3, 2}}, 6, (void *)(uintptr_t)bytes};
        const bool fits = ep_array_fits_npy(&array);
        (void)snprintf(path, sizeof path, "%s/y.%s", folder, fits ? "npy" : "pb");
        const ep_status status = ep_array_write(path, "y", &array, &f->err);
        if (dtype == EP_DTYPE_STRING) {
            assert_int_equal(status, EP_UNSUPPORTED);
            continue;
        }
        assert_int_equal(status, EP_OK);
        assert_int_equal(ep_array_read(path, EP_DTYPE_UNDEFINED, f->arena, &f->array, &f->err),
                         EP_OK);
        assert_int_equal(f->array.dtype, dtype);
        assert_true(ep_shape_equal(&f->array.shape, &array.shape));
        assert_memory_equal(f->array.data, bytes, ep_dtype_bytes(array.dtype, array.n));
        unlink(path);
    }
    rmdir(folder);
}

static void other_files(void **state)
{
    fixture *f = *state;
    const ep_array array = {EP_DTYPE_BFLOAT16, {0}, 1, "ab"};
    assert_int_equal(ep_array_read("x.txt", EP_DTYPE_FLOAT, f->arena, &f->array, &f->err),
                     EP_BAD_USAGE);
    assert_string_equal(f->err.text, "x.txt: an array is in a file that ends with .npy or .pb");
    assert_int_equal(ep_array_read("/nowhere/x.npy", EP_DTYPE_FLOAT, f->arena, &f->array, &f->err),
                     EP_BAD_FILE);
    assert_int_equal(ep_array_write("y.npy", "y", &array, &f->err), EP_UNSUPPORTED);
    assert_string_equal(f->err.text, "y.npy: NumPy has no bfloat16; write a .pb");
}

static void numbers(void **state)
{
    (void)state;
    double out[4];
    const ep_array nibbles = {EP_DTYPE_INT4, {.rank = 1, .dims = {4}}, 4, (uint8_t[]){0x18, 0xf7}};
    ep_array_get(&nibbles, 2, 2, out);
    assert_true(out[0] == 7 && out[1] == -1);
    float parts[4];
    const ep_array pairs = {EP_DTYPE_COMPLEX64, {.rank = 1, .dims = {2}}, 2, parts};
    assert_int_equal(ep_array_numbers(&pairs), 4);
    ep_array_set(&pairs, 1, 3, (double[]){2, 3, 4});
    assert_true(parts[1] == 2 && parts[3] == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(row_major, setup, teardown),
        cmocka_unit_test_setup_teardown(column_major, setup, teardown),
        cmocka_unit_test_setup_teardown(scalars_and_bools, setup, teardown),
        cmocka_unit_test_setup_teardown(expected_types, setup, teardown),
        cmocka_unit_test_setup_teardown(refused, setup, teardown),
        cmocka_unit_test_setup_teardown(header_written, setup, teardown),
        cmocka_unit_test_setup_teardown(round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(other_files, setup, teardown),
        cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
