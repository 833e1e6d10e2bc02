/* The ONNX importer: initializers and constants, in the file and beside it. */
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/graph_import.h"

/* A model that needs an initializer to be a model. */
static onnx_model small(void)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x3");
    onnx_node(&m, "y = Relu(x)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, "1x3");
    return m;
}

static void assert_data(const ep_tensor *t, const void *bytes, size_t size)
{
    assert_int_equal(t->constness, EP_CONST_DATA);
    assert_false(t->varint);
    assert_int_equal(t->data_bytes, size);
    assert_memory_equal(t->data, bytes, size);
}

/* The int32_data, int64_data or uint64_data field: packed varints, or one tag an element. */
static void add_varints(pb *tensor, uint32_t field, const int64_t *values, size_t count,
                        bool packed)
{
    pb data = {0};
    for (size_t i = 0; i < count; i++) {
        if (packed) pb_raw_varint(&data, (uint64_t)values[i]);
        if (!packed) pb_int(tensor, field, values[i]);
    }
    if (packed) pb_message(tensor, field, &data);
}

/* Each type, its typed field (onnx.proto), and three values there as they lie in memory. */
static void typed_data_is_read(void **state)
{
    (void)state;
    static const struct {
        ep_dtype dtype;
        uint32_t field;
        int64_t values[3];
        const char *bytes;
    } rows[] = {
        {EP_DTYPE_INT32, 5, {-2, 3, 70000}, "\xfe\xff\xff\xff\x03\0\0\0\x70\x11\x01\0"},
        {EP_DTYPE_INT16, 5, {-2, 3, 256}, "\xfe\xff\x03\0\0\x01"},
        {EP_DTYPE_INT8, 5, {-2, 3, 127}, "\xfe\x03\x7f"},
        {EP_DTYPE_UINT16, 5, {65535, 3, 256}, "\xff\xff\x03\0\0\x01"},
        {EP_DTYPE_UINT8, 5, {255, 3, 0}, "\xff\x03\0"},
        {EP_DTYPE_BOOL, 5, {1, 0, 1}, "\x01\0\x01"},
        {EP_DTYPE_FLOAT16, 5, {0x3c00, 0xfbff, 1}, "\0\x3c\xff\xfb\x01\0"},
        {EP_DTYPE_BFLOAT16, 5, {0x3f80, 0x4049, 1}, "\x80\x3f\x49\x40\x01\0"},
        {EP_DTYPE_FLOAT8E4M3FN, 5, {0x7e, 0xff, 1}, "\x7e\xff\x01"},
        {EP_DTYPE_INT64,
         7,
         {-2, 3, 1},
         "\xfe\xff\xff\xff\xff\xff\xff\xff\x03\0\0\0\0\0\0\0\x01\0\0"
         "\0\0\0\0"},
        {EP_DTYPE_UINT64,
         11,
         {-2, 3, 1},
         "\xfe\xff\xff\xff\xff\xff\xff\xff\x03\0\0\0\0\0\0\0\x01\0"
         "\0\0\0\0\0"},
        {EP_DTYPE_UINT32, 11, {0xffffffff, 3, 1}, "\xff\xff\xff\xff\x03\0\0\0\x01\0\0\0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int packed = 0; packed < 2; packed++) {
            onnx_model m = small();
            pb tensor = onnx_tensor("w", rows[i].dtype, "3");
            add_varints(&tensor, rows[i].field, rows[i].values, 3, packed);
            pb_message(&m.graph, 5, &tensor);
            ep_network *n = imported(&m);
            const ep_tensor *w = tensor_of(n, "w");
            assert_int_equal(w->dtype, rows[i].dtype);
            assert_data(w, rows[i].bytes, (size_t)ep_dtype_bytes(w->dtype, 3));
            finish(&m, n);
        }
    }
}

static void typed_floats_are_read(void **state)
{
    (void)state;
    const float floats[] = {1.5f, -2, 0, 3};
    const double doubles[] = {1.5, -2};
    const int64_t pairs[] = {0x21, 0x03};
    onnx_model m = small();
    pb tensor = onnx_tensor("f", EP_DTYPE_FLOAT, "2x2");
    pb_bytes(&tensor, 4, floats, sizeof floats);
    pb_message(&m.graph, 5, &tensor);
    tensor = onnx_tensor("f1", EP_DTYPE_FLOAT, "2");
    pb_float(&tensor, 4, 1.5f);
    pb_float(&tensor, 4, -2);
    pb_message(&m.graph, 5, &tensor);
    tensor = onnx_tensor("c", EP_DTYPE_COMPLEX64, "2");
    pb_bytes(&tensor, 4, floats, sizeof floats);
    pb_message(&m.graph, 5, &tensor);
    tensor = onnx_tensor("d", EP_DTYPE_DOUBLE, "2");
    pb_bytes(&tensor, 10, doubles, sizeof doubles);
    pb_message(&m.graph, 5, &tensor);
    tensor = onnx_tensor("nibbles", EP_DTYPE_UINT4, "3"); /* two a value, the first is low */
    add_varints(&tensor, 5, pairs, 2, true);
    pb_message(&m.graph, 5, &tensor);
    ep_network *n = imported(&m);
    assert_data(tensor_of(n, "f"), floats, sizeof floats);
    assert_data(tensor_of(n, "f1"), floats, 8);
    assert_data(tensor_of(n, "c"), floats, sizeof floats);
    assert_data(tensor_of(n, "d"), doubles, sizeof doubles);
    assert_data(tensor_of(n, "nibbles"), "\x21\x03", 2);
    finish(&m, n);
}

static void assert_within(const onnx_model *m, const ep_tensor *t, bool within)
{
    const uint8_t *data = t->data;
    assert_int_equal(data >= m->model.data && data < m->model.data + m->model.size, within);
}

static void large_data_stays_in_the_file(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    float values[COUNT];
    for (int i = 0; i < COUNT; i++) values[i] = (float)i;
    onnx_model m = small();
    onnx_floats(&m, "raw", "300", values);
    onnx_floats(&m, "few", "2", values);
    pb tensor = onnx_tensor("typed", EP_DTYPE_FLOAT, "300");
    pb_bytes(&tensor, 4, values, sizeof values);
    pb_message(&m.graph, 5, &tensor);
    ep_network *n = imported(&m);
    assert_data(tensor_of(n, "raw"), values, sizeof values);
    assert_within(&m, tensor_of(n, "raw"), true);
    assert_data(tensor_of(n, "typed"), values, sizeof values);
    assert_within(&m, tensor_of(n, "typed"), true);
    assert_data(tensor_of(n, "few"), values, 8);
    assert_within(&m, tensor_of(n, "few"), false);
    finish(&m, n);
}

/* FP16 weights as varints, as protobuf's own writers store them: decoded up to 1 MiB. */
static void varints_are_decoded_or_left(void **state)
{
    (void)state;
    enum { FEW = 2000, MANY = 600000 };
    int64_t *values = malloc(MANY * sizeof *values);
    assert_non_null(values);
    for (int i = 0; i < MANY; i++) values[i] = i % 65536;
    onnx_model m = small();
    pb tensor = onnx_tensor("few", EP_DTYPE_FLOAT16, "2000");
    add_varints(&tensor, 5, values, FEW, true);
    pb_message(&m.graph, 5, &tensor);
    tensor = onnx_tensor("many", EP_DTYPE_FLOAT16, "600000");
    add_varints(&tensor, 5, values, MANY, true);
    pb_message(&m.graph, 5, &tensor);
    ep_network *n = imported(&m);
    const ep_tensor *few = tensor_of(n, "few"), *many = tensor_of(n, "many");
    assert_int_equal(few->data_bytes, 2 * FEW);
    assert_false(few->varint);
    for (int i = 0; i < FEW; i++) {
        uint16_t value;
        memcpy(&value, (const uint8_t *)few->data + 2 * i, 2);
        assert_int_equal(value, values[i]);
    }
    assert_int_equal(many->constness, EP_CONST_DATA);
    assert_true(many->varint);
    assert_within(&m, many, true);
    assert_memory_equal(many->data, "\x00\x01\x02", 3);
    free(values);
    finish(&m, n);
}

static void constant_nodes_vanish(void **state)
{
    (void)state;
    onnx_model m = small();
    onnx_node(&m, "i = Constant() value_int=-5");
    onnx_node(&m, "is = Constant() value_ints=[1,2]");
    onnx_node(&m, "f = Constant() value_float=0.5");
    onnx_node(&m, "fs = Constant() value_floats=[0.5,2]");
    onnx_node(&m, "s = Constant() value_string='text'");
    pb node = onnx_node_message("t = Constant()");
    pb tensor = onnx_tensor(NULL, EP_DTYPE_INT8, "1x2");
    pb_bytes(&tensor, 9, "\x01\xff", 2);
    onnx_attribute_tensor(&node, "value", &tensor);
    pb_message(&m.graph, 1, &node);
    onnx_output(&m, "t", EP_DTYPE_INT8, NULL);
    ep_network *n = imported(&m);
    assert_int_equal(n->n_nodes, 1);
    double value = 0;
    assert_true(ep_tensor_scalar(tensor_of(n, "i"), &value) && value == -5);
    assert_int_equal(tensor_of(n, "i")->shape.rank, 0);
    assert_int_equal(tensor_of(n, "i")->dtype, EP_DTYPE_INT64);
    assert_data(tensor_of(n, "is"), (int64_t[]){1, 2}, 16);
    assert_int_equal(tensor_of(n, "is")->shape.rank, 1);
    assert_true(ep_tensor_scalar(tensor_of(n, "f"), &value) && value == 0.5);
    assert_int_equal(tensor_of(n, "f")->dtype, EP_DTYPE_FLOAT);
    assert_data(tensor_of(n, "fs"), (float[]){0.5f, 2}, 8);
    assert_int_equal(tensor_of(n, "s")->dtype, EP_DTYPE_STRING);
    assert_int_equal(tensor_of(n, "s")->constness, EP_CONST_UNKNOWN);
    assert_data(tensor_of(n, "t"), "\x01\xff", 2);
    assert_int_equal(tensor_of(n, "t")->producer, EP_NO_INDEX);
    finish(&m, n);

    m = small();
    onnx_node(&m, "c = Constant() other=1");
    refused(&m, EP_BAD_MODEL, "constant 'c' has no value");
    m = small();
    onnx_node(&m, "broken: a, b = Constant() value_int=1");
    refused(&m, EP_BAD_MODEL, "node 'broken' (Constant) has 2 outputs, must have one");
}

static void stripped_weights_are_constants(void **state)
{
    (void)state;
    onnx_model m = small();
    onnx_stripped(&m, "w", EP_DTYPE_FLOAT16, "64x3x7x7");
    ONNX_INTS(&m, "dims", 2, 2);
    onnx_node(&m, "ordinary: o = ConstantOfShape(dims)");
    ep_network *n = imported(&m);
    const ep_tensor *w = tensor_of(n, "w");
    char text[EP_SHAPE_TEXT];
    assert_int_equal(w->constness, EP_CONST_UNKNOWN);
    assert_int_equal(w->dtype, EP_DTYPE_FLOAT16);
    assert_string_equal(ep_shape_text(&w->shape, text), "64x3x7x7");
    assert_int_equal(w->producer, EP_NO_INDEX);
    assert_int_equal(n->n_nodes, 2);
    assert_node(n, 1, "ordinary", "ConstantOfShape(dims) -> o");
    finish(&m, n);

    m = small();
    ONNX_INTS(&m, "dims", 2, -2);
    onnx_node(&m, "stripped:w: w = ConstantOfShape(dims)");
    refused(&m, EP_BAD_MODEL,
            "stripped weight 'stripped:w': 'dims' is not a shape of at most 8 dimensions");
}

static void wrong_sizes_are_refused(void **state)
{
    (void)state;
    onnx_model m = small();
    onnx_raw(&m, "w", EP_DTYPE_FLOAT, "2x3", "12345678", 8);
    refused(&m, EP_BAD_MODEL, "tensor 'w': dims 2x3 of float32 need 24 bytes, its data has 8");
    m = small();
    pb tensor = onnx_tensor("w", EP_DTYPE_INT8, "3");
    add_varints(&tensor, 5, (int64_t[]){1, 2, 3, 4}, 4, true);
    pb_message(&m.graph, 5, &tensor);
    refused(&m, EP_BAD_MODEL, "tensor 'w': dims 3 of int8 need 3 bytes, its data has 4");
    m = small();
    tensor = onnx_tensor("w", EP_DTYPE_INT8, "3"); /* data in a field for another type */
    pb_float(&tensor, 4, 1);
    pb_message(&m.graph, 5, &tensor);
    refused(&m, EP_BAD_MODEL, "tensor 'w': dims 3 of int8 need 3 bytes, its data has 0");
    m = small();
    char many[1200] = {0};
    onnx_raw(&m, "w", EP_DTYPE_FLOAT, "299", many, sizeof many);
    refused(&m, EP_BAD_MODEL, "tensor 'w': dims 299 of float32 need 1196 bytes, its data has 1200");
    m = small();
    tensor = onnx_tensor("w", EP_DTYPE_INT64, "300");
    pb_bytes(&tensor, 4, many, sizeof many);
    pb_message(&m.graph, 5, &tensor);
    refused(&m, EP_BAD_MODEL,
            "tensor 'w': data of int64 is in field 4 of TensorProto instead of 7");
    m = small();
    tensor = onnx_tensor("w", EP_DTYPE_FLOAT, "600");
    pb_bytes(&tensor, 4, many, sizeof many);
    pb_bytes(&tensor, 4, many, sizeof many);
    pb_message(&m.graph, 5, &tensor);
    refused(&m, EP_UNSUPPORTED, "tensor 'w': its data is split over several fields");
    m = small();
    memset(many, 0x81, sizeof many);
    tensor = onnx_tensor("w", EP_DTYPE_INT64, "1200");
    pb_bytes(&tensor, 7, many, sizeof many);
    pb_message(&m.graph, 5, &tensor);
    refused(&m, EP_BAD_MODEL, "tensor 'w': a number is longer than 10 bytes");
}

/* The importer marks data that stays in the file with a field of its own; a file cannot. */
static void forged_chunks_are_ignored(void **state)
{
    (void)state;
    onnx_model m = small();
    pb tensor = onnx_tensor("w", EP_DTYPE_FLOAT, "1000"), chunk = {0};
    pb_int(&chunk, 1, 9);
    pb_int(&chunk, 2, (int64_t)1 << 40);
    pb_int(&chunk, 3, 4000);
    pb_message(&tensor, 10000, &chunk);
    pb_message(&m.graph, 5, &tensor);
    refused(&m, EP_BAD_MODEL, "tensor 'w': dims 1000 of float32 need 4000 bytes, its data has 0");
}

static void bad_dims_are_refused(void **state)
{
    (void)state;
    onnx_model m = small();
    onnx_raw(&m, "w", EP_DTYPE_FLOAT, "2x-3", "", 0);
    refused(&m, EP_BAD_MODEL, "tensor 'w': dimension 1 is -3, must not be negative");
    m = small();
    onnx_raw(&m, "w", EP_DTYPE_FLOAT, "4294967296x4294967296", "", 0);
    refused(&m, EP_BAD_MODEL,
            "tensor 'w': dims 4294967296x4294967296 have more than 2^62 elements");
    m = small();
    onnx_raw(&m, "w", EP_DTYPE_FLOAT, "1x1x1x1x1x1x1x1x1", "1234", 4);
    refused(&m, EP_UNSUPPORTED, "tensor 'w' has 9 dimensions, at most 8 are supported");
    m = small();
    onnx_raw(&m, "w", (ep_dtype)0, "1", "1", 1);
    refused(&m, EP_BAD_MODEL, "tensor 'w' has the unknown element type 0");
    m = small();
    onnx_raw(&m, "empty", EP_DTYPE_FLOAT, "0x9223372036854775807", "", 0);
    ep_network *n = imported(&m);
    assert_int_equal(tensor_of(n, "empty")->data_bytes, 0);
    finish(&m, n);
}

/* ---- external data ------------------------------------------------------------------------- */

typedef struct place {
    char folder[64], model[96], path[128];
} place;

static int make_place(void **state)
{
    place *p = calloc(1, sizeof *p);
    if (!p) return -1;
    (void)snprintf(p->folder, sizeof p->folder, "/tmp/graph_data_test.XXXXXX");
    if (!mkdtemp(p->folder)) return -1;
    (void)snprintf(p->model, sizeof p->model, "%s/m.onnx", p->folder);
    *state = p;
    return 0;
}

static const char *in_place(place *p, const char *name)
{
    (void)snprintf(p->path, sizeof p->path, "%s/%s", p->folder, name);
    return p->path;
}

static int drop_place(void **state)
{
    place *p = *state;
    static const char *const names[] = {"m.onnx", "w.bin",     "inside", "outside",
                                        "fifo",   "sub/v.bin", "sub"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)remove(in_place(p, names[i]));
    }
    const int result = rmdir(p->folder);
    free(p);
    return result;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* An initializer whose data is elsewhere; NULL entries are left out. */
static void add_external(onnx_model *m, const char *name, ep_dtype dtype, const char *shape,
                         const char *location, const char *offset, const char *length)
{
    const char *entries[][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    pb tensor = onnx_tensor(name, dtype, shape);
    pb_int(&tensor, 14, 1);
    for (int i = 0; i < 3; i++) {
        pb entry = {0};
        if (!entries[i][1]) continue;
        pb_string(&entry, 1, entries[i][0]);
        pb_string(&entry, 2, entries[i][1]);
        pb_message(&tensor, 13, &entry);
    }
    pb_message(&m->graph, 5, &tensor);
}

static void external_data_is_mapped(void **state)
{
    place *p = *state;
    uint8_t bytes[3000];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7);
    write_file(in_place(p, "w.bin"), bytes, sizeof bytes);
    assert_int_equal(mkdir(in_place(p, "sub"), 0700), 0);
    write_file(in_place(p, "sub/v.bin"), bytes, 4);
    assert_int_equal(symlink("w.bin", in_place(p, "inside")), 0);
    onnx_model m = small();
    add_external(&m, "few", EP_DTYPE_FLOAT, "2", "w.bin", "4", "8");
    add_external(&m, "many", EP_DTYPE_UINT8, "2000", "w.bin", "1000", NULL);
    add_external(&m, "head", EP_DTYPE_UINT8, "2000", "./w.bin", NULL, NULL);
    add_external(&m, "link", EP_DTYPE_UINT8, "3000", "inside", NULL, NULL);
    add_external(&m, "v", EP_DTYPE_FLOAT, "", "sub/v.bin", NULL, "4");
    onnx_write(&m, p->model);
    ep_network *n;
    ep_error err = {0};
    if (ep_network_load(p->model, &n, &err) != EP_OK) fail_msg("%s", err.text);
    assert_data(tensor_of(n, "few"), bytes + 4, 8);
    assert_data(tensor_of(n, "many"), bytes + 1000, 2000);
    assert_data(tensor_of(n, "head"), bytes, 2000);
    assert_data(tensor_of(n, "link"), bytes, 3000);
    assert_data(tensor_of(n, "v"), bytes, 4);
    assert_ptr_equal(tensor_of(n, "link")->data, tensor_of(n, "head")->data); /* one map a file */
    assert_int_equal(n->n_maps, 3);
    assert_string_equal(n->name, "m");
    finish(&m, n);
}

/* Loads a model with this tensor; the error must end with `line` after the tensor's name. */
static void refuse_external(place *p, const char *location, const char *offset, const char *length,
                            ep_status status, const char *line)
{
    onnx_model m = small();
    add_external(&m, "w", EP_DTYPE_FLOAT, "100", location, offset, length);
    onnx_write(&m, p->model);
    onnx_free(&m);
    ep_network *n;
    ep_error err = {0};
    char expected[1000];
    (void)snprintf(expected, sizeof expected, "%s: %s", p->model, line);
    assert_int_equal(ep_network_load(p->model, &n, &err), status);
    assert_null(n);
    assert_string_equal(err.text, expected);
}

static void bad_external_data_is_refused(void **state)
{
    place *p = *state;
    char bytes[450] = {0}, line[400];
    write_file(in_place(p, "w.bin"), bytes, sizeof bytes);
    assert_int_equal(symlink("/etc/passwd", in_place(p, "outside")), 0);
    assert_int_equal(mkfifo(in_place(p, "fifo"), 0600), 0);
    refuse_external(p, "none.bin", NULL, NULL, EP_BAD_FILE,
                    "tensor 'w': external data 'none.bin': No such file or directory");
    static const char *const unsafe[] = {"/etc/passwd", "../w.bin", "sub/../w.bin", "sub/..", ""};
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++) {
        (void)snprintf(line, sizeof line,
                       "tensor 'w': external data '%s' is not a path inside the model's folder",
                       unsafe[i]);
        refuse_external(p, unsafe[i], NULL, NULL, EP_BAD_MODEL, line);
    }
    refuse_external(p, "outside", NULL, NULL, EP_BAD_MODEL,
                    "tensor 'w': external data 'outside' leads out of the model's folder, to "
                    "'/etc/passwd'");
    (void)snprintf(line, sizeof line, "external data of tensor 'w': %s: not a regular file",
                   in_place(p, "fifo"));
    refuse_external(p, "fifo", NULL, NULL, EP_BAD_FILE, line);
    refuse_external(p, "w.bin", "51", NULL, EP_BAD_MODEL,
                    "tensor 'w': its dims need 400 bytes from offset 51 of external data 'w.bin', "
                    "which has 450 bytes");
    refuse_external(p, "w.bin", "18446744073709551615", NULL, EP_BAD_MODEL,
                    "tensor 'w': its dims need 400 bytes from offset 18446744073709551615 of "
                    "external data 'w.bin', which has 450 bytes");
    refuse_external(p, "w.bin", NULL, "404", EP_BAD_MODEL,
                    "tensor 'w': its dims need 400 bytes, its external data in 'w.bin' has length "
                    "404");
    refuse_external(p, "w.bin", "-1", NULL, EP_BAD_MODEL,
                    "tensor 'w': offset of its external data is not a number: '-1'");
    refuse_external(p, "w.bin", NULL, "99999999999999999999", EP_BAD_MODEL,
                    "tensor 'w': length of its external data is not a number: "
                    "'99999999999999999999'");
}

static void memory_has_no_external_data(void **state)
{
    (void)state;
    onnx_model m = small();
    add_external(&m, "w", EP_DTYPE_FLOAT, "1", "w.bin", NULL, NULL);
    refused(&m, EP_BAD_MODEL,
            "tensor 'w': its data is in 'w.bin', but a model without a folder cannot have external "
            "data");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed_data_is_read),
        cmocka_unit_test(typed_floats_are_read),
        cmocka_unit_test(large_data_stays_in_the_file),
        cmocka_unit_test(varints_are_decoded_or_left),
        cmocka_unit_test(constant_nodes_vanish),
        cmocka_unit_test(stripped_weights_are_constants),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(forged_chunks_are_ignored),
        cmocka_unit_test(bad_dims_are_refused),
        cmocka_unit_test_setup_teardown(external_data_is_mapped, make_place, drop_place),
        cmocka_unit_test_setup_teardown(bad_external_data_is_refused, make_place, drop_place),
        cmocka_unit_test(memory_has_no_external_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
