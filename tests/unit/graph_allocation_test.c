/* Filling and stripping weights while every allocation fails in turn. */
#include <stdio.h>
#include <unistd.h>

#include "graph/graph.h"
#include "tests/unit/failing_heap.h"
#include "tests/unit/onnx_builder.h"

typedef struct paths {
    char model[64], thin[64], full[64];
} paths;

static ep_status strip_and_fill(void *context, ep_error *err)
{
    const paths *p = context;
    ep_weights_summary summary;
    EP_TRY(ep_weights_strip(p->model, p->thin, &summary, err));
    EP_TRY(ep_weights_fill(p->thin, 1, p->full, &summary, err));
    assert_int_equal(summary.weights, 2);
    return EP_OK;
}

/* A weight in the graph and one in a body. */
static void make_model(onnx_model *m)
{
    onnx_model body = {0};
    onnx_weight(&body, "v", EP_DTYPE_FLOAT, "20x20");
    onnx_node(&body, "b = MatMul(a, v)");
    onnx_output(&body, "b", EP_DTYPE_FLOAT, NULL);
    pb node = onnx_node_message("y = If(c)");
    onnx_attribute_graph(&node, "then_branch", &body.graph);
    onnx_input(m, "x", EP_DTYPE_FLOAT, "1x20");
    onnx_input(m, "c", EP_DTYPE_BOOL, "");
    onnx_weight(m, "w", EP_DTYPE_FLOAT, "20x20");
    onnx_node(m, "a = MatMul(x, w)");
    pb_message(&m->graph, 1, &node);
    onnx_output(m, "y", EP_DTYPE_FLOAT, NULL);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    char folder[] = "/tmp/ep_allocation_XXXXXX";
    paths p;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(p.model, sizeof p.model, "%s/m.onnx", folder);
    (void)snprintf(p.thin, sizeof p.thin, "%s/thin.onnx", folder);
    (void)snprintf(p.full, sizeof p.full, "%s/full.onnx", folder);
    onnx_model m = {0};
    make_model(&m);
    onnx_write(&m, p.model);
    assert_true(each_allocation_fails(strip_and_fill, &p) > 50);
    (void)unlink(p.model);
    (void)unlink(p.thin);
    (void)unlink(p.full);
    assert_int_equal(rmdir(folder), 0); /* and no temporary file is left */
    onnx_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
