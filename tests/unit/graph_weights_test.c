/* Weights of a file, filled and stripped. */
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/graph_import.h"

#define EXAMPLES EP_SOURCE_DIR "/examples/models/"

/* ---- files --------------------------------------------------------------------------------- */

enum { NAMES = 8 };

typedef struct folder {
    char path[32];
    char names[NAMES][64];
    int n;
} folder;

/* The path of `name` in the test's folder. */
static const char *in(folder *f, const char *name)
{
    char *path = f->names[f->n++ % NAMES], text[64];
    if (snprintf(text, sizeof text, "%s/%s", f->path, name) >= (int)sizeof text) abort();
    return strcpy(path, text);
}

static int setup(void **state)
{
    folder *f = calloc(1, sizeof *f);
    if (!f) return -1;
    strcpy(f->path, "/tmp/ep_weights_XXXXXX");
    *state = f;
    return mkdtemp(f->path) ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];
    folder *f = *state;
    (void)snprintf(command, sizeof command, "rm -rf %s", f->path);
    free(f);
    return system(command);
}

static ep_weights_summary filled(const char *from, uint64_t seed, const char *to)
{
    ep_weights_summary summary;
    ep_error err = {0};
    if (ep_weights_fill(from, seed, to, &summary, &err) != EP_OK) fail_msg("%s", err.text);
    return summary;
}

static ep_weights_summary stripped(const char *from, const char *to)
{
    ep_weights_summary summary;
    ep_error err = {0};
    if (ep_weights_strip(from, to, &summary, &err) != EP_OK) fail_msg("%s", err.text);
    return summary;
}

static ep_map mapped(const char *path)
{
    ep_map map;
    ep_error err = {0};
    if (ep_map_open(path, &map, &err) != EP_OK) fail_msg("%s", err.text);
    return map;
}

static void assert_same_file(const char *a, const char *b)
{
    ep_map left = mapped(a), right = mapped(b);
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.data, right.data, left.size);
    ep_map_close(&left);
    ep_map_close(&right);
}

static ep_network *loaded(const char *path)
{
    ep_network *network;
    ep_error err = {0};
    if (ep_network_load(path, &network, &err) != EP_OK) fail_msg("%s", err.text);
    return network;
}

/* ---- values -------------------------------------------------------------------------------- */

typedef struct statistics {
    uint64_t n;
    double sum, mean, variance, least, most;
} statistics;

static statistics statistics_of(const ep_network *network, const char *name)
{
    const ep_tensor *t = tensor_of(network, name);
    assert_int_equal(t->constness, EP_CONST_DATA);
    statistics s = {.n = ep_tensor_elements(t), .least = INFINITY, .most = -INFINITY};
    const size_t width = (size_t)ep_dtype_bytes(t->dtype, 1);
    double squares = 0;
    for (uint64_t i = 0; i < s.n; i++) {
        double value;
        const ep_tensor one = {.dtype = t->dtype,
                               .has_shape = true,
                               .constness = EP_CONST_DATA,
                               .data = (const uint8_t *)t->data + i * width};
        assert_true(ep_tensor_scalar(&one, &value));
        s.sum += value;
        squares += value * value;
        s.least = fmin(s.least, value);
        s.most = fmax(s.most, value);
    }
    s.mean = s.sum / (double)s.n;
    s.variance = squares / (double)s.n - s.mean * s.mean;
    return s;
}

static void assert_variance(const ep_network *network, const char *name, double expected)
{
    const statistics s = statistics_of(network, name);
    if (fabs(s.variance / expected - 1) > 0.05) {
        fail_msg("%s: variance %g, expected %g", name, s.variance, expected);
    }
    assert_true(fabs(s.mean) < 0.05 * sqrt(expected));
}

/* A stripped weight whose elements all have this value in the file. */
static void add_stripped(onnx_model *m, const char *name, const char *shape, float value)
{
    int64_t dims[ONNX_DIMS_MAX];
    int rank;
    char dims_name[64];
    onnx_dims(shape, dims, &rank);
    (void)snprintf(dims_name, sizeof dims_name, "%s__dims", name);
    onnx_int_list(m, dims_name, dims, (size_t)rank);
    pb node = onnx_node_message("stripped:%s: %s = ConstantOfShape(%s)", name, name, dims_name);
    pb tensor = onnx_tensor(NULL, EP_DTYPE_FLOAT, "1");
    pb_bytes(&tensor, 9, &value, sizeof value);
    onnx_attribute_tensor(&node, "value", &tensor);
    pb_message(&m->graph, 1, &node);
}

static void write_model(onnx_model *m, const char *path)
{
    onnx_write(m, path);
    onnx_free(m);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void an_example_comes_back_byte_for_byte(void **state)
{
    static const char *const examples[] = {"squeezenet1_1", "mobilenet_v3_small"};
    const char *full = in(*state, "full.onnx"), *back = in(*state, "back.onnx");
    for (size_t i = 0; i < 2; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, EXAMPLES "%s.onnx", examples[i]);
        const ep_weights_summary there = filled(path, 1, full), here = stripped(full, back);
        assert_int_equal(there.weights, here.weights);
        assert_int_equal(there.elements, here.elements);
        assert_true(there.model_bytes > 4 * there.elements);
        assert_same_file(path, back);
    }
}

/* What the parts of a product have is known in closed form: half of a normal distribution is left
 * of its square after Relu; a depthwise filter adds up one channel alone. */
static void a_product_has_variance_one(void **state)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x32x20x20");
    add_stripped(&m, "w1", "64x32x3x3", 0);
    add_stripped(&m, "w2", "128x64x3x3", 0);
    add_stripped(&m, "w3", "128x1x3x3", 0);
    add_stripped(&m, "w4", "128x64x4x4", 0);
    add_stripped(&m, "w5", "20x300", 0);
    add_stripped(&m, "w6", "200x300", 0);
    onnx_node(&m, "a = Conv(x, w1)");
    onnx_node(&m, "b = Relu(a)");
    onnx_node(&m, "c = Conv(b, w2)");
    onnx_node(&m, "d = Conv(c, w3) group=128");
    onnx_node(&m, "e = ConvTranspose(d, w4) strides=[2,2]");
    onnx_node(&m, "f = MatMul(e, w5)");
    onnx_node(&m, "t = Transpose(w6) perm=[1,0]");
    onnx_node(&m, "y = MatMul(f, t)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    const char *path = in(*state, "m.onnx"), *full = in(*state, "full.onnx");
    write_model(&m, path);
    assert_int_equal(filled(path, 1, full).weights, 6);
    ep_network *n = loaded(full);
    assert_variance(n, "w1", 1.0 / (32 * 9));
    assert_variance(n, "w2", 2.0 / (64 * 9));
    assert_variance(n, "w3", 1.0 / 9);
    assert_variance(n, "w4", 1.0 / (128 * 16 / 4));
    assert_variance(n, "w5", 1.0 / 20);
    assert_variance(n, "w6", 1.0 / 300);
    ep_network_free(n);
}

/* A sum of two has twice the variance, so has its difference; what a Sigmoid gates depends on what
 * it gates; a table is looked up in. */
static void the_walk_knows_sums_gates_and_tables(void **state)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "4x100");
    onnx_input(&m, "ids", EP_DTYPE_INT64, "4");
    add_stripped(&m, "table", "1000x100", 0);
    add_stripped(&m, "w1", "100x200", 0);
    add_stripped(&m, "w2", "200x200", 0);
    onnx_node(&m, "rows = Gather(table, ids)");
    onnx_node(&m, "sum = Add(x, rows)");
    onnx_node(&m, "a = Gemm(sum, w1)");
    onnx_node(&m, "gate = Sigmoid(a)");
    onnx_node(&m, "swish = Mul(a, gate)");
    onnx_node(&m, "y = Gemm(swish, w2) transB=1");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    const char *path = in(*state, "m.onnx"), *full = in(*state, "full.onnx");
    write_model(&m, path);
    filled(path, 1, full);
    ep_network *n = loaded(full);
    assert_variance(n, "table", 1);
    assert_variance(n, "w1", 4.0 / 200);         /* it goes into a gate */
    assert_variance(n, "w2", 1 / (200 * 1.758)); /* E[(x sigmoid(x))^2], x normal of variance 4 */
    ep_network_free(n);
}

static void vectors_keep_their_mean(void **state)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x301");
    add_stripped(&m, "a", "301", 0.3f);
    add_stripped(&m, "b", "301", -1.0f);
    add_stripped(&m, "zero", "301", 0);
    add_stripped(&m, "scale", "301", 1.5f);
    add_stripped(&m, "variance", "301", 0.7f);
    onnx_node(&m, "x1 = Add(x, a)");
    onnx_node(&m, "x2 = Add(x1, b)");
    onnx_node(&m, "x3 = Add(x2, zero)");
    onnx_node(&m, "y = BatchNormalization(x3, scale, zero, zero, variance)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    const char *path = in(*state, "m.onnx"), *full = in(*state, "full.onnx");
    write_model(&m, path);
    filled(path, 3, full);
    ep_network *n = loaded(full);
    const statistics a = statistics_of(n, "a"), b = statistics_of(n, "b");
    assert_true(a.sum == 301 * (double)0.3f && a.variance > 1e-3);
    assert_true(a.least >= 0.15 && a.most <= 0.45);
    assert_true(b.sum == -301 && b.least >= -1.5 && b.most <= -0.5 && b.variance > 1e-2);
    const statistics scale = statistics_of(n, "scale"), variance = statistics_of(n, "variance");
    assert_true(scale.least == 1.5 && scale.most == 1.5);
    assert_true(variance.least == (double)0.7f && variance.most == (double)0.7f);
    assert_true(statistics_of(n, "zero").most == 0);
    ep_network_free(n);
}

static void values_follow_from_seed_and_name(void **state)
{
    const char *one = in(*state, "one.onnx"), *two = in(*state, "two.onnx");
    for (int order = 0; order < 2; order++) {
        onnx_model m = {0};
        onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x20");
        add_stripped(&m, order ? "v" : "w", "20x20", 0);
        add_stripped(&m, order ? "w" : "v", "20x20", 0);
        onnx_node(&m, "a = MatMul(x, w)");
        onnx_node(&m, "y = MatMul(a, v)");
        onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
        write_model(&m, order ? two : one);
    }
    const char *path = in(*state, "filled.onnx");
    float w[3][400], v[400];
    for (uint64_t i = 0; i < 3; i++) {
        filled(i == 1 ? two : one, i < 2 ? 7 : 8, path);
        ep_network *n = loaded(path);
        memcpy(w[i], tensor_of(n, "w")->data, sizeof w[i]);
        memcpy(v, tensor_of(n, "v")->data, sizeof v);
        ep_network_free(n);
    }
    assert_memory_equal(w[0], w[1], sizeof v);
    assert_memory_not_equal(w[0], w[2], sizeof v);
    assert_memory_not_equal(w[2], v, sizeof v);
}

static void halves_stay_halves(void **state)
{
    static const ep_dtype dtypes[] = {EP_DTYPE_FLOAT16, EP_DTYPE_BFLOAT16, EP_DTYPE_DOUBLE};
    const char *path = in(*state, "m.onnx"), *full = in(*state, "full.onnx");
    const char *back = in(*state, "back.onnx"), *again = in(*state, "again.onnx");
    for (size_t i = 0; i < 3; i++) {
        onnx_model m = {0};
        onnx_input(&m, "x", dtypes[i], "1x64");
        onnx_stripped(&m, "w", dtypes[i], "64x300");
        onnx_stripped(&m, "b", dtypes[i], "300");
        onnx_node(&m, "a = MatMul(x, w)");
        onnx_node(&m, "y = Add(a, b)");
        onnx_output(&m, "y", dtypes[i], NULL);
        write_model(&m, path);
        filled(path, 1, full);
        ep_network *n = loaded(full);
        assert_int_equal(tensor_of(n, "w")->dtype, dtypes[i]);
        assert_variance(n, "w", 1.0 / 64);
        assert_true(statistics_of(n, "b").sum == 0);
        ep_network_free(n);
        stripped(full, back);
        n = loaded(back);
        assert_int_equal(tensor_of(n, "w")->constness, EP_CONST_UNKNOWN);
        assert_int_equal(tensor_of(n, "w")->dtype, dtypes[i]);
        ep_network_free(n);
        filled(back, 1, again);
        assert_same_file(full, again);
    }
}

static void bodies_are_filled_and_stripped(void **state)
{
    onnx_model m = {0}, body = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x50");
    onnx_input(&m, "flag", EP_DTYPE_BOOL, "");
    add_stripped(&body, "w", "50x50", 0);
    onnx_node(&body, "y_then = MatMul(x, w)");
    onnx_output(&body, "y_then", EP_DTYPE_FLOAT, NULL);
    pb_string(&body.graph, 2, "body");
    pb other = {0}, node = onnx_node_message("if: y = If(flag)");
    pb_raw(&other, body.graph.data, body.graph.size);
    onnx_attribute_graph(&node, "then_branch", &body.graph);
    onnx_attribute_graph(&node, "else_branch", &other);
    pb_message(&m.graph, 1, &node);
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    const char *path = in(*state, "m.onnx"), *full = in(*state, "full.onnx");
    const char *back = in(*state, "back.onnx"), *again = in(*state, "again.onnx");
    write_model(&m, path);
    const ep_weights_summary there = filled(path, 1, full);
    assert_int_equal(there.weights, 2);
    assert_true(there.model_bytes > 2 * sizeof(float[50][50]));
    assert_int_equal(stripped(full, back).weights, 2);
    filled(back, 1, again);
    assert_same_file(full, again);
}

static bool contains(const char *path, const char *text)
{
    ep_map map = mapped(path);
    bool found = false;
    const size_t length = strlen(text);
    for (size_t i = 0; i + length <= map.size && !found; i++) {
        found = memcmp(map.data + i, text, length) == 0;
    }
    ep_map_close(&map);
    return found;
}

/* An input that lists an initializer, as IR version 3 demands, goes on listing it. */
static void what_is_not_a_weight_stays(void **state)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x40");
    onnx_input(&m, "w", EP_DTYPE_FLOAT, "40x40");
    onnx_weight(&m, "w", EP_DTYPE_FLOAT, "40x40");
    onnx_weight(&m, "small", EP_DTYPE_FLOAT, "255");
    onnx_weight(&m, "indices", EP_DTYPE_INT64, "400");
    onnx_node(&m, "named: y = MatMul(x, w)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    pb_string(&m.graph, 900, "unknown field of the graph");
    pb_string(&m.model, 901, "unknown field of the model");
    const char *path = in(*state, "m.onnx"), *thin = in(*state, "thin.onnx");
    const char *full = in(*state, "full.onnx"), *again = in(*state, "again.onnx");
    write_model(&m, path);
    const ep_weights_summary s = stripped(path, thin);
    assert_int_equal(s.weights, 1);
    assert_int_equal(s.elements, 1600);
    assert_true(contains(thin, "unknown field of the graph"));
    assert_true(contains(thin, "unknown field of the model"));
    ep_network *n = loaded(thin);
    assert_int_equal(n->n_inputs, 1);
    assert_int_equal(tensor_of(n, "w")->constness, EP_CONST_UNKNOWN);
    assert_int_equal(tensor_of(n, "small")->constness, EP_CONST_DATA);
    assert_int_equal(tensor_of(n, "indices")->constness, EP_CONST_DATA);
    ep_network_free(n);
    filled(thin, 1, full);
    stripped(full, again);
    assert_same_file(thin, again);
}

static void external_data_comes_along(void **state)
{
    const char *full = in(*state, "full.onnx"), *thin = in(*state, "thin.onnx");
    const ep_weights_summary there = filled(EXAMPLES "external_cnn.onnx", 1, full);
    assert_int_equal(there.weights, 0);
    assert_true(there.data_bytes > 0);
    ep_network *a = loaded(EXAMPLES "external_cnn.onnx"), *b = loaded(full);
    assert_int_equal(a->n_tensors, b->n_tensors);
    for (uint32_t i = 0; i < a->n_tensors; i++) {
        assert_int_equal(a->tensors[i].data_bytes, b->tensors[i].data_bytes);
        if (!a->tensors[i].data_bytes) continue;
        assert_memory_equal(a->tensors[i].data, b->tensors[i].data,
                            (size_t)a->tensors[i].data_bytes);
    }
    ep_network_free(a);
    ep_network_free(b);
    assert_int_equal(stripped(full, thin).data_bytes, 0);
    ep_network_free(loaded(thin));
}

static void a_model_may_replace_itself(void **state)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x40");
    onnx_weight(&m, "w", EP_DTYPE_FLOAT, "40x40");
    onnx_node(&m, "y = MatMul(x, w)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, NULL);
    const char *path = in(*state, "m.onnx"), *thin = in(*state, "thin.onnx");
    write_model(&m, path);
    stripped(path, thin);
    stripped(path, path);
    assert_same_file(path, thin);
}

/* The one line of an error, after the path of the model. */
static void fails(folder *f, onnx_model *m, bool fill, ep_status status, const char *line)
{
    const char *path = in(f, "m.onnx"), *out = in(f, "out.onnx");
    ep_weights_summary summary;
    ep_error err = {0};
    write_model(m, path);
    const ep_status actual = fill ? ep_weights_fill(path, 1, out, &summary, &err)
                                  : ep_weights_strip(path, out, &summary, &err);
    const char *shown = strstr(err.text, line);
    if (!shown) fail_msg("'%s' does not say '%s'", err.text, line);
    assert_int_equal(actual, status);
    assert_int_not_equal(access(out, F_OK), 0);
}

static onnx_model small(void)
{
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "1x3");
    onnx_node(&m, "y = Relu(x)");
    onnx_output(&m, "y", EP_DTYPE_FLOAT, "1x3");
    return m;
}

static void bad_models_are_refused(void **state)
{
    onnx_model m = small();
    onnx_node(&m, "stripped:w: w = ConstantOfShape(nowhere)");
    fails(*state, &m, true, EP_BAD_MODEL,
          "m.onnx: stripped weight 'w': 'nowhere' is no initializer of its graph");
    m = small();
    onnx_weight(&m, "shape", EP_DTYPE_FLOAT, "2");
    onnx_node(&m, "stripped:w: w = ConstantOfShape(shape)");
    fails(*state, &m, true, EP_BAD_MODEL, "'shape' is not a shape of at most 8 dimensions");
    m = small();
    ONNX_INTS(&m, "dims", 20, 20);
    onnx_node(&m, "stripped:v: v = ConstantOfShape(dims)");
    onnx_node(&m, "stripped:w: w = ConstantOfShape(dims)");
    fails(*state, &m, true, EP_UNSUPPORTED, "'dims' is the shape of two stripped weights");
    m = small();
    onnx_stripped(&m, "w", EP_DTYPE_INT8, "20x20");
    fails(*state, &m, true, EP_UNSUPPORTED, "is of int8, must be a float of at least 16 bits");
    m = small();
    add_stripped(&m, "w", "1000000x1000000x1000", 0);
    fails(*state, &m, true, EP_BAD_FILE, "cannot write: it takes 4000000000000000 bytes");
    m = small();
    add_stripped(&m, "v", "4611686018427387904", 0);
    add_stripped(&m, "w", "4611686018427387904", 0);
    fails(*state, &m, true, EP_BAD_SHAPE, "the weights take more than 2^64 bytes");
    m = small();
    onnx_weight(&m, "w", EP_DTYPE_FLOAT, "300");
    ONNX_INTS(&m, "w__dims", 1);
    fails(*state, &m, false, EP_UNSUPPORTED, "the model has a tensor 'w__dims' already");
}

static void a_failure_leaves_what_was_there(void **state)
{
    ep_weights_summary summary;
    ep_error err = {0};
    onnx_model m = small();
    const char *out = in(*state, "nowhere/out.onnx"), *path = in(*state, "m.onnx");
    write_model(&m, path);
    assert_int_equal(ep_weights_strip(path, out, &summary, &err), EP_BAD_FILE);
    assert_int_equal(ep_weights_strip(in(*state, "none.onnx"), path, &summary, &err), EP_BAD_FILE);
    ep_network_free(loaded(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_example_comes_back_byte_for_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(a_product_has_variance_one, setup, teardown),
        cmocka_unit_test_setup_teardown(the_walk_knows_sums_gates_and_tables, setup, teardown),
        cmocka_unit_test_setup_teardown(vectors_keep_their_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(values_follow_from_seed_and_name, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_stay_halves, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_filled_and_stripped, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_a_weight_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(external_data_comes_along, setup, teardown),
        cmocka_unit_test_setup_teardown(a_model_may_replace_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_models_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_leaves_what_was_there, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
