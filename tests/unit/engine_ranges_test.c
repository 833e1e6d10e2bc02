/* ep_specialize with a range of input shapes: made for the largest, and which dimensions vary. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/engine.h"
#include "tests/unit/onnx_builder.h"

/* A model, its network and the static one. */
typedef struct fixture {
    onnx_model m;
    ep_arena *arena;
    ep_network *network, *result;
    ep_error err;
} fixture;

static void setup(fixture *f, int opset)
{
    *f = (fixture){.m.opset = opset, .arena = ep_arena_new()};
}

static void teardown(fixture *f)
{
    ep_network_free(f->result);
    ep_network_free(f->network);
    onnx_free(&f->m);
    ep_arena_free(f->arena);
}

static const ep_tensor *tensor(const fixture *f, const char *name)
{
    for (uint32_t i = 0; i < f->result->n_tensors; i++) {
        if (strcmp(f->result->tensors[i].name, name) == 0) return &f->result->tensors[i];
    }
    fail_msg("no tensor '%s'", name);
    return NULL;
}

static const ep_input_shape *shapes_of(fixture *f, const char *text, uint32_t *n)
{
    const ep_input_shape *shapes = NULL;
    *n = 0;
    if (text) assert_int_equal(ep_shapes_parse(text, f->arena, &shapes, n, &f->err), EP_OK);
    return shapes;
}

static ep_status run_range(fixture *f, const char *min, const char *opt, const char *max)
{
    ep_specialize_options options = {0};
    options.min_shapes = shapes_of(f, min, &options.n_min_shapes);
    options.shapes = shapes_of(f, opt, &options.n_shapes);
    options.max_shapes = shapes_of(f, max, &options.n_max_shapes);
    if (!f->network && onnx_parse(&f->m, &f->network, &f->err) != EP_OK)
        fail_msg("%s", f->err.text);
    ep_network_free(f->result);
    return ep_specialize(f->network, &options, &f->result, &f->err);
}

/* The marks of a tensor: its dimensions at the largest shapes, those that vary with a +. */
static void assert_range(const fixture *f, const char *name, const char *expected)
{
    const ep_tensor *t = tensor(f, name);
    char text[128] = "";
    size_t used = 0;
    for (int i = 0; i < t->shape.rank; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld%s", i ? "x" : "",
                                 (long long)t->shape.dims[i], t->was_symbolic >> i & 1 ? "+" : "");
    }
    assert_string_equal(text, expected);
}

static void range_of_sizes(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "Nx3xhxw");
    onnx_input(&f.m, "z", EP_DTYPE_FLOAT, "Nx8");
    onnx_weight(&f.m, "w", EP_DTYPE_FLOAT, "16x3x3x3");
    onnx_node(&f.m, "conv: c = Conv(x, w) strides=[2,2] pads=[1,1,1,1]");
    onnx_node(&f.m, "pool: g = GlobalAveragePool(c)");
    /* an exporter's F.interpolate(g, x.shape[2:]), x.flatten(2): sizes that went through values */
    ONNX_INTS(&f.m, "two", 2);
    ONNX_INTS(&f.m, "four", 4);
    ONNX_INTS(&f.m, "n_c", 1, 16);
    ONNX_INTS(&f.m, "rows", 1, 16, -1);
    onnx_node(&f.m, "shape: s = Shape(x)");
    onnx_node(&f.m, "slice: hw = Slice(s, two, four)");
    onnx_node(&f.m, "concat: sizes = Concat(n_c, hw) axis=0");
    onnx_node(&f.m, "resize: r = Resize(g, , , sizes) mode='linear'");
    onnx_node(&f.m, "flat: t = Reshape(r, rows)");
    onnx_node(&f.m, "relu: q = Relu(z)");
    onnx_output(&f.m, "t", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "q", EP_DTYPE_FLOAT, NULL);

    assert_int_equal(run_range(&f, "x:1x3x64x48", NULL, "x:1x3x128x48"), EP_OK);
    assert_range(&f, "x", "1x3x128+x48");
    assert_range(&f, "c", "1x16x64+x24");
    assert_range(&f, "g", "1x16x1x1");
    assert_range(&f, "r", "1x16x128+x48");
    assert_range(&f, "t", "1x16x6144+");
    assert_range(&f, "q", "1x8"); /* not in the range: the batch of the file, 1 */
    assert_int_equal(f.result->n_nodes, 5);

    assert_int_equal(run_range(&f, "x:1x3x64x48", "x:1x3x64x48,z:4x8", "x:1x3x64x48"), EP_OK);
    assert_range(&f, "c", "1x16x32x24"); /* min = max */
    assert_range(&f, "q", "4x8");

    assert_int_equal(run_range(&f, "*:1x8,x:1x3x64x48", "x:1x3x64x48", "*:4x8,x:1x3x64x48"), EP_OK);
    assert_range(&f, "z", "4+x8");
    assert_range(&f, "q", "4+x8");
    teardown(&f);
}

static void range_fails(fixture *f, const char *min, const char *opt, const char *max,
                        const char *text)
{
    assert_int_equal(run_range(f, min, opt, max), EP_BAD_USAGE);
    assert_null(f->result);
    assert_string_equal(f->err.text, text);
}

static void bad_ranges(void **state)
{
    (void)state;
    fixture f;
    setup(&f, 17);
    onnx_input(&f.m, "x", EP_DTYPE_FLOAT, "Nxh");
    onnx_input(&f.m, "any", EP_DTYPE_FLOAT, NULL);
    onnx_weight(&f.m, "w", EP_DTYPE_FLOAT, "4x5");
    onnx_node(&f.m, "y = Relu(x)");
    onnx_node(&f.m, "mul: z = MatMul(any, w)");
    onnx_output(&f.m, "y", EP_DTYPE_FLOAT, NULL);
    onnx_output(&f.m, "z", EP_DTYPE_FLOAT, NULL);
    range_fails(&f, "x:2x3", NULL, NULL,
                "shapes: input 'x' is in --min-shapes; --max-shapes must name it too");
    range_fails(&f, NULL, NULL, "x:2x3",
                "shapes: input 'x' is in --max-shapes; --min-shapes must name it too");
    range_fails(&f, "x:2x3,b:1", NULL, "x:2x3",
                "shapes: no input 'b'; the network's are 'x', 'any'");
    range_fails(&f, "x:2x3", NULL, "x:2x3,b:1",
                "shapes: no input 'b'; the network's are 'x', 'any'");
    range_fails(&f, "x:1x4", NULL, "x:8x3",
                "shapes: input 'x': 1x4 in --min-shapes is above 8x3 in --max-shapes");
    range_fails(&f, "x:2x4", "x:1x4", "x:8x4",
                "shapes: input 'x': 2x4 in --min-shapes is above 1x4 in --shapes");
    range_fails(&f, "x:2x4", "x:9x4", "x:8x4",
                "shapes: input 'x': 9x4 in --shapes is above 8x4 in --max-shapes");
    range_fails(&f, "x:1x2x3", NULL, "x:1x2x3",
                "shapes: input 'x' is ?x? in the file, which has 2 dimensions; 1x2x3 has 3");
    range_fails(&f, "x:1x2,any:1x4", NULL, "x:1x2,any:2x2x4",
                "shapes: input 'any': 1x4 in --min-shapes differs in rank from 2x2x4 in "
                "--max-shapes");
    /* what fits at one end need not fit at the other */
    assert_int_equal(run_range(&f, "x:1x2,any:1x3", NULL, "x:1x2,any:1x4"), EP_BAD_SHAPE);
    assert_null(f.result);
    assert_memory_equal(f.err.text, "at the smallest shapes: node 'mul' (MatMul): ", 45);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_of_sizes),
        cmocka_unit_test(bad_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
