/* Networks run and compared. Each is so small that its results are plain; random inputs are those
 * of an independent splitmix64 in Python. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "study/study.h"
#include "tests/unit/onnx_builder.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

typedef struct fixture {
    char folder[32];
    char path[8][80];
    uint32_t n_paths;
    ep_execution *execution;
    ep_comparison *comparison;
    ep_error err;
} fixture;

static int setup(void **state)
{
    static fixture f;
    f = (fixture){.folder = "/tmp/execution-XXXXXX"};
    *state = &f;
    return mkdtemp(f.folder) ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    ep_execution_free(f->execution);
    ep_comparison_free(f->comparison);
    for (uint32_t i = f->n_paths; i-- > 0;) (void)remove(f->path[i]);
    return rmdir(f->folder);
}

/* A path in the folder of the test, removed after it. */
static const char *in_folder(fixture *f, const char *name)
{
    assert_true(f->n_paths < COUNT(f->path));
    char path[sizeof *f->path];
    (void)snprintf(path, sizeof path, "%s/%s", f->folder, name);
    return memcpy(f->path[f->n_paths++], path, sizeof path);
}

/* One node from `x`, of a type and shape, to `y`. */
static const char *write_network(fixture *f, const char *name, ep_dtype dtype, const char *shape,
                                 const char *node)
{
    onnx_model m = {0};
    onnx_input(&m, "x", dtype, shape);
    onnx_node(&m, "%s", node);
    onnx_output(&m, "y", dtype, NULL);
    const char *path = in_folder(f, name);
    onnx_write(&m, path);
    onnx_free(&m);
    return path;
}

static const char *write_floats(fixture *f, const char *name, const ep_shape *shape,
                                const float *values)
{
    ep_array array = {EP_DTYPE_FLOAT, *shape, 0, (void *)(uintptr_t)values};
    assert_int_equal(ep_shape_elements(shape, &array.n, NULL), EP_OK);
    const char *path = in_folder(f, name);
    assert_int_equal(ep_array_write(path, "x", &array, &f->err), EP_OK);
    return path;
}

static ep_status load(fixture *f, const char *path, const char *input)
{
    const ep_execution_options options = {.n_inputs = input ? 1 : 0, .inputs = &input};
    ep_execution_free(f->execution);
    f->execution = NULL;
    f->err = (ep_error){0};
    return ep_execution_new(path, &options, &f->execution, &f->err);
}

static const void *run(fixture *f)
{
    ep_timing timing;
    assert_int_equal(ep_execution_run(f->execution, 0, &timing, &f->err), EP_OK);
    return ep_session_output(f->execution->session, 0)->data;
}

/* ---- inputs -------------------------------------------------------------------------------- */

static void random_inputs(void **state)
{
    fixture *f = *state;
    static const struct {
        ep_dtype dtype;
        const char *input;
        double values[4];
    } rows[] = {
        {EP_DTYPE_FLOAT, NULL, {0.13312304, 0.49156344, 0.9420054, -0.11128163}},
        {EP_DTYPE_FLOAT, "x=random:7", {-0.22034061, -0.9664235, 0.8015213, 0.16586053}},
        {EP_DTYPE_INT64, NULL, {1, 1, 1, 0}},
        {EP_DTYPE_BOOL, "x=random:1", {1, 1, 1, 0}},
        {EP_DTYPE_UINT8, NULL, {145, 190, 248, 113}},
        {EP_DTYPE_INT8, NULL, {17, 62, 120, -15}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *path = write_network(f, "net.onnx", rows[i].dtype, "4", "y = Identity(x)");
        assert_int_equal(load(f, path, rows[i].input), EP_OK);
        assert_string_equal(f->execution->sources[0], i == 1 ? "random:7" : "random:1");
        double values[4];
        ep_array_get(&f->execution->inputs[0], 0, 4, values);
        for (size_t k = 0; k < 4; k++) assert_true(fabs(values[k] - rows[i].values[k]) < 1e-7);
    }
}

/* The second input has numbers of its own. */
static void random_by_position(void **state)
{
    fixture *f = *state;
    onnx_model m = {0};
    onnx_input(&m, "a", EP_DTYPE_FLOAT, "2");
    onnx_input(&m, "b", EP_DTYPE_FLOAT, "2");
    onnx_node(&m, "y = Add(a, b)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    const char *path = in_folder(f, "net.onnx");
    onnx_write(&m, path);
    onnx_free(&m);
    assert_int_equal(load(f, path, NULL), EP_OK);
    const float *b = f->execution->inputs[1].data;
    assert_true(fabsf(b[0] + 0.74793804F) < 1e-7F && fabsf(b[1] + 0.6100222F) < 1e-7F);
    assert_true(fabsf(((const float *)run(f))[0] - (0.13312304F - 0.74793804F)) < 1e-6F);
}

/* A file gives the shape that the model leaves open, or the leading dimension. */
static void shape_from_file(void **state)
{
    fixture *f = *state;
    const float values[] = {-1, 2, -3, 4, -5, 6};
    const char *array = write_floats(f, "x.npy", &(ep_shape){.rank = 2, .dims = {3, 2}}, values);
    const char *shapes[] = {"NxW", "1x2"};
    char input[128];
    (void)snprintf(input, sizeof input, "x=%s", array);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const char *path = write_network(f, "net.onnx", EP_DTYPE_FLOAT, shapes[i], "y = Neg(x)");
        assert_int_equal(load(f, path, input), EP_OK);
        const float *y = run(f);
        for (size_t k = 0; k < COUNT(values); k++) assert_true(y[k] == -values[k]);
    }
    /* floats go to the float type of the input */
    const char *half = write_network(f, "half.onnx", EP_DTYPE_FLOAT16, "3x2", "y = Neg(x)");
    assert_int_equal(load(f, half, input), EP_OK);
    assert_int_equal(*(const uint16_t *)run(f), 0x3c00);
}

static void bad_inputs(void **state)
{
    fixture *f = *state;
    const float values[] = {1, 2};
    const char *array = write_floats(f, "x.npy", &(ep_shape){.rank = 1, .dims = {2}}, values);
    const char *path = write_network(f, "net.onnx", EP_DTYPE_INT32, "2", "y = Neg(x)");
    static const struct {
        const char *input;
        ep_status status;
        const char *text;
    } rows[] = {
        {"z=random:1", EP_BAD_USAGE, "which has 'x'"},
        {"x", EP_BAD_USAGE, "wants NAME=FILE.npy"},
        {"x=", EP_BAD_USAGE, "wants NAME=FILE.npy"},
        {"x=random:", EP_BAD_USAGE, "the seed is not a number"},
        {"x=random:99999999999999999999", EP_BAD_USAGE, "the seed is not a number"},
        {"x=y.png", EP_BAD_USAGE, "ends with .npy or .pb"},
        {"x=/nowhere.npy", EP_BAD_FILE, "No such file"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(load(f, path, rows[i].input), rows[i].status);
        assert_non_null(strstr(f->err.text, rows[i].text));
    }
    char input[128];
    (void)snprintf(input, sizeof input, "x=%s", array);
    assert_int_equal(load(f, path, input), EP_BAD_USAGE);
    assert_non_null(strstr(f->err.text, "is int32 2, "));
    const char *twice[] = {"x=random:1", "x=random:2"};
    const ep_execution_options options = {.n_inputs = 2, .inputs = twice};
    assert_int_equal(ep_execution_new(path, &options, &f->execution, &f->err), EP_BAD_USAGE);
    assert_non_null(strstr(f->err.text, "given twice"));
}

/* ---- runs ---------------------------------------------------------------------------------- */

static void timing(void **state)
{
    fixture *f = *state;
    ep_timing t;
    ep_profile profile;
    const char *path = write_network(f, "net.onnx", EP_DTYPE_FLOAT, "4", "y = Exp(x)");
    assert_int_equal(load(f, path, NULL), EP_OK);
    assert_int_equal(ep_execution_run(f->execution, 4, &t, &f->err), EP_OK);
    assert_true(t.warm && t.runs == 4 && t.node_ns[0] >= 0);
    assert_true(t.least_ns <= t.median_ns && t.median_ns <= t.most_ns && t.least_ns > 0);
    assert_int_equal(ep_profile_make(f->execution, &t, &profile, &f->err), EP_OK);
    assert_true(profile.n_ops == 1 && profile.ops[0].nodes == 1 && profile.nodes[0] == 0);
    assert_string_equal(profile.ops[0].op, "Exp");
    assert_true(profile.total_ns == t.node_ns[0]);
}

static void saved_names(void **state)
{
    (void)state;
    ep_text name = {0};
    ep_saved_name("/a b/c-1_2.~%\xc3\xa9", &name);
    assert_string_equal(ep_text_cstr(&name), "%2Fa%20b%2Fc-1_2.~%25%C3%A9");
    ep_text_free(&name);
}

/* ---- comparisons --------------------------------------------------------------------------- */

static ep_status compare(fixture *f, const char *a, const char *b, ep_compare_options options)
{
    ep_comparison_free(f->comparison);
    f->comparison = NULL;
    f->err = (ep_error){0};
    return ep_compare(a, b, &options, &f->comparison, &f->err);
}

/* x -> t -> y, with `first` between x and t; the second node doubles. */
static const char *write_pair(fixture *f, const char *name, const char *input, const char *first,
                              const char *output)
{
    onnx_model m = {0};
    onnx_input(&m, input, EP_DTYPE_FLOAT, "4");
    onnx_node(&m, "n1: t = %s(%s)", first, input);
    onnx_node(&m, "n2: %s = Add(t, t)", output);
    onnx_output(&m, output, EP_DTYPE_FLOAT, NULL);
    const char *path = in_folder(f, name);
    onnx_write(&m, path);
    onnx_free(&m);
    return path;
}

static void networks(void **state)
{
    fixture *f = *state;
    const char *a = write_pair(f, "a.onnx", "x", "Neg", "y");
    const char *b = write_pair(f, "b.onnx", "x", "Abs", "y");
    const ep_compare_options options = {.layers = true, .has_tolerance = true, .atol = 1e-6};
    assert_int_equal(compare(f, a, a, options), EP_OK);
    assert_true(f->comparison->n_over == 0 && !f->comparison->first_over);
    assert_int_equal(ep_comparison_gate(f->comparison, &f->err), EP_OK);

    /* of random:1 the fourth number is negative: there -x is |x| */
    assert_int_equal(compare(f, a, b, options), EP_OK);
    const ep_comparison *c = f->comparison;
    assert_true(c->n_outputs == 1 && c->n_layers == 1 && c->n_over == 2);
    assert_string_equal(c->layers[0].name, "t");
    assert_string_equal(c->layers[0].op, "Neg");
    assert_ptr_equal(c->first_over, &c->layers[0]);
    assert_int_equal(c->layers[0].deviation.over, 3);
    assert_true(fabs(c->layers[0].deviation.max_rel - 2) < 1e-6);
    assert_true(fabs(c->outputs[0].deviation.max_abs - 4 * 0.9420054) < 1e-6);
    assert_int_equal(ep_comparison_gate(c, &f->err), EP_GATE_FAILED);
    assert_non_null(strstr(f->err.text, "2 of 2 tensors"));
    assert_non_null(strstr(f->err.text, "the first is 't' (Neg): 3 of 4 numbers"));
}

/* Where no name is the same, position counts. */
static void other_names(void **state)
{
    fixture *f = *state;
    const char *a = write_pair(f, "a.onnx", "x", "Neg", "y");
    const char *b = write_pair(f, "b.onnx", "data", "Neg", "z");
    assert_int_equal(compare(f, a, b, (ep_compare_options){0}), EP_OK);
    assert_int_equal(f->comparison->n_outputs, 1);
    assert_null(f->comparison->outputs[0].differ);
    assert_int_equal(f->comparison->outputs[0].deviation.unequal, 0);
}

static void saved(void **state)
{
    fixture *f = *state;
    const char *a = write_pair(f, "a.onnx", "x", "Neg", "/y");
    const char *folder = in_folder(f, "saved");
    (void)in_folder(f, "saved/%2Fy.npy");
    assert_int_equal(load(f, a, NULL), EP_OK);
    (void)run(f);
    assert_int_equal(ep_execution_save(f->execution, folder, &f->err), EP_OK);

    const ep_compare_options options = {.has_tolerance = true, .layers = true};
    const char *sides[][2] = {{a, folder}, {folder, a}, {folder, folder}};
    for (size_t i = 0; i < COUNT(sides); i++) {
        assert_int_equal(compare(f, sides[i][0], sides[i][1], options), EP_OK);
        const ep_comparison *c = f->comparison;
        assert_true(c->n_outputs == 1 && c->n_layers == 0 && c->n_over == 0);
        assert_string_equal(c->outputs[0].name, "/y");
        assert_null(c->outputs[0].differ);
        assert_int_equal(c->outputs[0].deviation.n, 4);
    }
    const char *input = "x=random:2";
    const ep_compare_options given = {.run = {.n_inputs = 1, .inputs = &input}};
    assert_int_equal(compare(f, folder, folder, given), EP_BAD_USAGE);
}

static void not_comparable(void **state)
{
    fixture *f = *state;
    const char *a = write_pair(f, "a.onnx", "x", "Neg", "y");
    const char *folder = in_folder(f, "saved");
    const char *array = in_folder(f, "saved/y.npy");
    assert_int_equal(load(f, a, NULL), EP_OK);
    (void)run(f);
    assert_int_equal(ep_execution_save(f->execution, folder, &f->err), EP_OK);
    const float two[] = {1, 2};
    const ep_array other = {EP_DTYPE_FLOAT, {.rank = 1, .dims = {2}}, 2, (void *)(uintptr_t)two};
    assert_int_equal(ep_array_write(array, "y", &other, &f->err), EP_OK);
    const ep_compare_options options = {.has_tolerance = true, .atol = 1e9};
    assert_int_equal(compare(f, a, folder, options), EP_OK);
    assert_string_equal(f->comparison->outputs[0].differ, "float32 4 in A, float32 2 in B");
    assert_int_equal(ep_comparison_gate(f->comparison, &f->err), EP_GATE_FAILED);
    assert_int_equal(unlink(array), 0);
    assert_int_equal(compare(f, a, folder, options), EP_OK);
    assert_string_equal(f->comparison->outputs[0].differ, "only in A");
    assert_true(f->comparison->outputs[0].over);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(random_inputs),   TEST(random_by_position),
        TEST(shape_from_file), TEST(bad_inputs),
        TEST(timing),          cmocka_unit_test(saved_names),
        TEST(networks),        TEST(other_names),
        TEST(saved),           TEST(not_comparable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
