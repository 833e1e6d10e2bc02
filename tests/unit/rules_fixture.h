/* rules_fixture: a layer to ask the DLA rules about, for tests.
 *
 *     fixture f = given(EP_LAYER_UNARY, EP_FN_ABS, "Abs", "1x8x4x4", "1x8x4x4");
 *     accepts(&f);
 *     refuses(&f, "id: value [bound]");   // all refusals in order, one a line
 *
 * Bounds are those of TensorRT 8.6 on Orin (developer guide, NvInfer.h), written down here
 * independently of the machine's file; a test may change them in `f.machine.dla`.
 */
#ifndef RULES_FIXTURE_H
#define RULES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "planner/planner.h"

/* ---- a layer and its surroundings ---------------------------------------------------------- */

enum { MAX_TENSORS = 8, MAX_LAYERS = 2 };

/* Layer 0 is the one asked about. Tensors: its inputs, constants and outputs, as they are added. */
typedef struct fixture {
    ep_machine machine;
    ep_layers layers;
    ep_layer layer[MAX_LAYERS];
    ep_network network;
    ep_node node;
    ep_attr attr;
    ep_tensor tensor[MAX_TENSORS];
    uint32_t n_tensors;
    uint32_t inputs[MAX_TENSORS], consts[MAX_TENSORS], outputs[MAX_TENSORS];
    uint32_t root[MAX_TENSORS], users_begin[MAX_TENSORS + 1], users[MAX_TENSORS];
    uint32_t producer[MAX_TENSORS];
    bool is_output[MAX_TENSORS];
    float scale[MAX_TENSORS];
    bool is_quantized[MAX_TENSORS];
} fixture;

static const ep_dla orin_dla = {
    .version = "v2",
    .cores = 2,
    .cbuf_banks = 16,
    .cbuf_bank_bytes = 32 * 1024,
    .limits = {.batch_max = 4096,
               .dim_max = 8192,
               .conv_kernel = {1, 32},
               .conv_padding = {0, 31},
               .conv_stride = {1, 8},
               .conv_dilation = {1, 32},
               .conv_groups = {1, 8192},
               .conv_channels = {1, 8192},
               .deconv_kernel = {1, 32},
               .deconv_stride = {1, 32},
               .deconv_channels = {1, 8192},
               .deconv_padding_max = 0,
               .deconv_groups_max = 1,
               .deconv_dilation_max = 1,
               .deconv_square_refused = {23, 32},
               .pool_window = {1, 8},
               .pool_padding = {0, 7},
               .pool_stride = {1, 16},
               .clip_max = {1, 127},
               .resize_nearest_scale = {1, 32},
               .resize_linear_scale = {1, 4},
               .softmax = true,
               .softmax_axis_max = 1024,
               .softmax_axis_max_single = 8192},
};

/* "1x3x224x224"; "" is a scalar. */
static inline ep_shape shape_of(const char *text)
{
    ep_shape shape = {0};
    while (*text) {
        char *end;
        shape.dims[shape.rank++] = strtoll(text, &end, 10);
        text = *end == 'x' ? end + 1 : end;
    }
    return shape;
}

static inline uint32_t add_tensor(fixture *f, const char *shape, ep_constness constness)
{
    const uint32_t t = f->n_tensors++;
    assert_true(f->n_tensors <= MAX_TENSORS);
    f->tensor[t] = (ep_tensor){.name = "map",
                               .dtype = EP_DTYPE_FLOAT,
                               .has_shape = true,
                               .shape = shape_of(shape),
                               .constness = constness};
    f->root[t] = t;
    f->producer[t] = EP_NO_INDEX;
    return t;
}

static inline void add_input(fixture *f, const char *shape)
{
    f->inputs[f->layer[0].n_inputs++] = add_tensor(f, shape, EP_VARIABLE);
}

static inline void add_const(fixture *f, const char *shape)
{
    f->consts[f->layer[0].n_consts++] = add_tensor(f, shape, EP_CONST_UNKNOWN);
}

static inline void add_output(fixture *f, const char *shape)
{
    f->outputs[f->layer[0].n_outputs++] = add_tensor(f, shape, EP_VARIABLE);
}

/* A layer of one input and one output, Orin's DLA. */
static inline fixture given(ep_layer_type type, ep_function function, const char *op,
                            const char *in, const char *out)
{
    fixture f = {.machine.dla = orin_dla, .layers.n_layers = 1};
    f.layer[0] = (ep_layer){
        .type = type, .function = function, .name = "it", .op = op, .groups = 1, .step = 1};
    add_input(&f, in);
    add_output(&f, out);
    return f;
}

static inline fixture given_relu(const char *shape)
{
    return given(EP_LAYER_ACTIVATION, EP_FN_RELU, "Relu", shape, shape);
}

static inline fixture given_window(ep_layer_type type, ep_function function, const char *op,
                                   const char *in, const char *out, int64_t kernel)
{
    fixture f = given(type, function, op, in, out);
    f.layer[0].window =
        (ep_window){.rank = 2, .kernel = {kernel, kernel}, .stride = {1, 1}, .dilation = {1, 1}};
    return f;
}

static inline fixture given_conv(const char *in, const char *out, int64_t kernel)
{
    return given_window(EP_LAYER_CONVOLUTION, EP_FN_NONE, "Conv", in, out, kernel);
}

static inline void set2(int64_t values[EP_MAX_SPATIAL], int64_t height, int64_t width)
{
    values[0] = height;
    values[1] = width;
}

/* ---- asking -------------------------------------------------------------------------------- */

/* Lets the layers point at what the fixture holds: it may have moved since it was made. */
static inline void connect(fixture *f)
{
    f->network.tensors = f->tensor;
    f->network.n_tensors = f->n_tensors;
    f->network.nodes = &f->node;
    f->network.n_nodes = 1;
    f->node.attrs = &f->attr;
    f->layer[0].inputs = f->inputs;
    f->layer[0].consts = f->consts;
    f->layer[0].outputs = f->outputs;
    f->layers.network = &f->network;
    f->layers.layers = f->layer;
    f->layers.root = f->root;
    f->layers.users_begin = f->users_begin;
    f->layers.users = f->users;
    f->layers.is_output = f->is_output;
    f->layers.scale = f->scale;
    f->layers.is_quantized = f->is_quantized;
    f->layers.producer = f->producer;
}

/* All refusals of layer 0 as "id: value [bound]", one a line. */
static inline void ask(fixture *f, ep_precision asked, char *text, size_t size,
                       ep_precision *precision)
{
    connect(f);
    ep_arena *arena = ep_arena_new();
    ep_verdict *verdicts = NULL;
    ep_error err = {0};
    assert_non_null(arena);
    assert_int_equal(ep_dla_check(&f->layers, &f->machine, asked, arena, &verdicts, &err), EP_OK);
    assert_int_equal(verdicts[0].accepted, verdicts[0].n_refusals == 0);
    *precision = verdicts[0].precision;
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < verdicts[0].n_refusals; i++) {
        const ep_refusal *r = &verdicts[0].refusals[i];
        used += (size_t)snprintf(text + used, size - used, "%s%s: %s [%s]", i ? "\n" : "",
                                 r->rule->id, r->value, r->bound);
        assert_true(used < size);
    }
    ep_arena_free(arena);
}

static inline void refuses_in(fixture *f, ep_precision asked, const char *expected)
{
    char text[1000];
    ep_precision precision;
    ask(f, asked, text, sizeof text, &precision);
    assert_string_equal(text, expected);
}

static inline void refuses(fixture *f, const char *expected)
{
    refuses_in(f, EP_INT8, expected);
}

static inline void accepts_as(fixture *f, ep_precision asked, ep_precision expected)
{
    char text[1000];
    ep_precision precision;
    ask(f, asked, text, sizeof text, &precision);
    assert_string_equal(text, "");
    assert_int_equal(precision, expected);
}

static inline void accepts(fixture *f)
{
    accepts_as(f, EP_INT8, EP_INT8);
}

#endif
