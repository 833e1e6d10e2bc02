/* Loading, making concrete and running a network while every allocation fails in turn: an error, no
 * crash, nothing lost; and a planned network allocates nothing while it runs. */
#include <unistd.h>

#include "engine/engine.h"
#include "tests/unit/failing_heap.h"
#include "tests/unit/onnx_builder.h"

/* ---- the model ----------------------------------------------------------------------------- */

/* A product, a local function, values folded and not, shapes that depend on values, a Loop in an
 * If; x is of one dimension. */
static void make_model(onnx_model *m)
{
    onnx_model loop = {0}, yes = {0}, no = {0};
    static const float weights[6] = {1, 2, 3, 4, 5, 6};
    pb opset = onnx_opset("mine", 1);
    pb_message(&m->model, 8, &opset);
    pb function = onnx_function("mine", "Twice", "a", "b", "");
    onnx_function_node(&function, "b = Add(a, a)");
    pb_message(&m->model, 25, &function);

    onnx_input(&loop, "i", EP_DTYPE_INT64, "");
    onnx_input(&loop, "go", EP_DTYPE_BOOL, "");
    onnx_input(&loop, "v", EP_DTYPE_FLOAT, NULL);
    onnx_node(&loop, "w = Add(v, p)");
    onnx_output(&loop, "go", EP_DTYPE_BOOL, NULL);
    onnx_output(&loop, "w", EP_DTYPE_FLOAT, NULL);
    onnx_output(&loop, "w", EP_DTYPE_FLOAT, NULL);
    pb node = onnx_node_message("last, all = Loop(three, , p)");
    onnx_attribute_graph(&node, "body", &loop.graph);
    onnx_int_scalar(&yes, "three", 3);
    pb_message(&yes.graph, 1, &node);
    onnx_output(&yes, "all", EP_DTYPE_FLOAT, NULL);
    onnx_output(&no, "p", EP_DTYPE_FLOAT, NULL);

    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x2");
    onnx_input(m, "c", EP_DTYPE_BOOL, "");
    onnx_floats(m, "w", "2x3", weights);
    onnx_node(m, "shape = Shape(x)");
    onnx_node(m, "ones = ConstantOfShape(shape)");
    onnx_node(m, "twice = mine.Twice(x)");
    onnx_node(m, "sum = Add(twice, ones)");
    onnx_node(m, "p = MatMul(sum, w)");
    node = onnx_node_message("r = If(c)");
    onnx_attribute_graph(&node, "then_branch", &yes.graph);
    onnx_attribute_graph(&node, "else_branch", &no.graph);
    pb_message(&m->graph, 1, &node);
    onnx_node(m, "places = NonZero(r)");
    onnx_output(m, "r", EP_DTYPE_FLOAT, NULL);
    onnx_output(m, "places", EP_DTYPE_INT64, NULL);
}

/* Everything from the file to the outputs. */
static ep_status run_file(void *path, ep_error *err)
{
    const float x[2] = {1, 0.5f};
    const uint8_t c = 1;
    const ep_array inputs[] = {{.dtype = EP_DTYPE_FLOAT,
                                .shape = {.rank = 2, .dims = {1, 2}},
                                .n = 2,
                                .data = (void *)(uintptr_t)x},
                               {.dtype = EP_DTYPE_BOOL, .n = 1, .data = (void *)(uintptr_t)&c}};
    const ep_specialize_options to_run = {.to_run = true};
    const ep_session_options options = {.threads = 1};
    ep_network *network = NULL, *ready = NULL;
    ep_session *session = NULL;
    ep_status status = ep_network_load(path, &network, err);
    if (status == EP_OK) status = ep_specialize(network, &to_run, &ready, err);
    if (status == EP_OK) status = ep_session_new(ready, &options, &session, err);
    if (status == EP_OK) status = ep_session_run(session, inputs, err);
    if (status == EP_OK) {
        assert_int_equal(ep_session_output(session, 0)->n, 9);
        assert_int_equal(ep_session_output(session, 1)->n, 27);
    }
    ep_session_free(session);
    ep_network_free(ready);
    ep_network_free(network);
    return status;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void every_allocation_fails(void **state)
{
    (void)state;
    char path[] = "/tmp/engine_allocation_XXXXXX";
    onnx_model m = {0};
    assert_true(mkstemp(path) >= 0);
    make_model(&m);
    onnx_write(&m, path);
    assert_true(each_allocation_fails(run_file, path) > 200);
    assert_int_equal(unlink(path), 0);
    onnx_free(&m);
}

static void planned_runs_allocate_nothing(void **state)
{
    (void)state;
    onnx_model m = {0};
    onnx_input(&m, "x", EP_DTYPE_FLOAT, "4x8");
    onnx_weight(&m, "w", EP_DTYPE_FLOAT, "8x16");
    ONNX_INTS(&m, "flat", -1);
    onnx_node(&m, "p = MatMul(x, w)");
    onnx_node(&m, "s = Softmax(p)");
    onnx_node(&m, "t = Transpose(s)");
    onnx_node(&m, "a = Add(t, t)");
    onnx_node(&m, "v = Reshape(a, flat)");
    onnx_node(&m, "r = ReduceMean(v)");
    onnx_output(&m, "v", EP_DTYPE_FLOAT, NULL);
    onnx_output(&m, "r", EP_DTYPE_FLOAT, NULL);
    const ep_specialize_options to_run = {.to_run = true};
    const ep_session_options options = {.threads = 1};
    ep_network *network, *ready;
    ep_session *session;
    static float x[32];
    const ep_array input = {
        .dtype = EP_DTYPE_FLOAT, .shape = {.rank = 2, .dims = {4, 8}}, .n = 32, .data = x};
    assert_int_equal(onnx_parse(&m, &network, NULL), EP_OK);
    assert_int_equal(ep_specialize(network, &to_run, &ready, NULL), EP_OK);
    assert_int_equal(ep_session_new(ready, &options, &session, NULL), EP_OK);
    /* temporary memory settles in the first run */
    assert_int_equal(ep_session_run(session, &input, NULL), EP_OK);
    heap.fails_at = heap.calls = 0;
    heap.active = true;
    assert_int_equal(ep_session_run(session, &input, NULL), EP_OK);
    heap.active = false;
    assert_int_equal(heap.calls, 0);
    ep_session_free(session);
    ep_network_free(ready);
    ep_network_free(network);
    onnx_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_fails),
        cmocka_unit_test(planned_runs_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
