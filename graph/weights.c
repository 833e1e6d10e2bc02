/* The weights of a model taken out, and put in again. */
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_rewrite.h"
#include "graph/tensor_internal.h"

/* A protobuf message must be smaller. */
#define MAX_MODEL_BYTES INT32_MAX

/* ---- small constants ----------------------------------------------------------------------- */

bool ep__mean(const ep_tensor *tensor, double *mean)
{
    const uint64_t n = ep_tensor_elements(tensor);
    const size_t width = (size_t)ep_dtype_bytes(tensor->dtype, 1);
    const uint8_t *at = tensor->data;
    if (n == 0 || tensor->constness != EP_CONST_DATA || ep_dtype_bits(tensor->dtype) < 8) {
        return false;
    }
    double sum = 0;
    for (uint64_t i = 0; i < n; i++) {
        double value;
        uint64_t element;
        ep_tensor one = {.dtype = tensor->dtype,
                         .has_shape = true,
                         .constness = EP_CONST_DATA,
                         .data = tensor->varint ? (const void *)&element : at};
        if (tensor->varint) element = ep__varint_next(&at);
        if (!ep_tensor_scalar(&one, &value)) return false;
        if (!tensor->varint) at += width;
        sum += value;
    }
    *mean = sum / (double)n;
    return true;
}

/* ---- filling ------------------------------------------------------------------------------- */

ep_status ep__read_stripped(ep__rewrite *rw, const EpOnnx__GraphProto *graph,
                            const ep_names *initializers, const EpOnnx__NodeProto *node,
                            ep__weight *out)
{
    ep__importer *im = &rw->im;
    ep_tensor dims = {0}, value = {0};
    uint32_t rank = 0;
    const uint32_t index = ep_names_get(initializers, node->input[0]);
    EP_FAIL_IF(index == EP_NO_INDEX, im->err, EP_BAD_MODEL,
               "%s: stripped weight '%.200s': '%.200s' is no initializer of its graph", im->path,
               node->output[0], node->input[0]);
    EP_TRY(ep__read_tensor(im, graph->initializer[index], node->input[0], &dims));
    *out = (ep__weight){.name = node->output[0], .initializer = index};
    const bool readable = ep_tensor_ints(&dims, out->shape.dims, EP_MAX_RANK, &rank);
    out->shape.rank = (int)rank;
    EP_FAIL_IF(!readable || ep_shape_elements(&out->shape, &out->values.n, NULL) != EP_OK, im->err,
               EP_BAD_MODEL,
               "%s: stripped weight '%.200s': '%.200s' is not a shape of at most %d dimensions",
               im->path, out->name, node->input[0], EP_MAX_RANK);
    out->values.dtype = EP_DTYPE_FLOAT;
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (!node->attribute[i]->t) continue;
        EP_TRY(ep__read_tensor(im, node->attribute[i]->t, out->name, &value));
        out->values.dtype = value.dtype;
    }
    EP_FAIL_IF(!ep__is_weight_type(out->values.dtype), im->err, EP_UNSUPPORTED,
               "%s: stripped weight '%.200s' is of %s, must be a float of at least 16 bits",
               im->path, out->name, ep_dtype_name(out->values.dtype));
    EP_FAIL_IF(value.has_shape && !ep_tensor_scalar(&value, &out->values.center), im->err,
               EP_BAD_MODEL, "%s: stripped weight '%.200s' has no value", im->path, out->name);
    return EP_OK;
}

static ep_status fill_node(ep__rewrite *rw, const EpOnnx__GraphProto *graph,
                           const ep_names *initializers, const EpOnnx__NodeProto *node,
                           const ep__exchange **exchanges)
{
    const ep__weights *weights = rw->context;
    ep__weight w;
    EP_TRY(ep__read_stripped(rw, graph, initializers, node, &w));
    EP_FAIL_IF(exchanges[w.initializer], rw->im.err, EP_UNSUPPORTED,
               "%s: '%.200s' is the shape of two stripped weights", rw->im.path, node->input[0]);
    /* bodies may have weights of one name: how they are spread is one, shape and type are not */
    ep__values *values = EP_NEW(rw->im.scratch, ep__values, 1);
    ep__exchange *x = EP_NEW(rw->im.scratch, ep__exchange, 1);
    if (!values || !x) return ep_fail_memory(rw->im.err);
    *values = weights->at[ep_names_get(weights->by_name, w.name)].values;
    values->n = w.values.n;
    values->dtype = w.values.dtype;
    *x = (ep__exchange){.old_name = node->input[0],
                        .new_name = w.name,
                        .values = values,
                        .shape = w.shape,
                        .elements = w.values.n};
    exchanges[w.initializer] = x;
    return EP_OK;
}

static ep_status choose_fill(ep__rewrite *rw, const EpOnnx__GraphProto *graph,
                             const ep_names *initializers, const ep__exchange **exchanges)
{
    for (size_t i = 0; i < graph->n_node; i++) {
        if (!ep__is_stripped(graph->node[i])) continue;
        EP_TRY(fill_node(rw, graph, initializers, graph->node[i], exchanges));
    }
    return EP_OK;
}

/* ---- stripping ----------------------------------------------------------------------------- */

/* One number for all elements that keeps what is computed finite: a mean for vectors, so that a
 * variance stays positive, one over the fan-in for matrices and filters. */
static ep_status stripped_value(const ep__rewrite *rw, const ep_tensor *tensor, const char *name,
                                double *out)
{
    double fan_in = 1;
    if (tensor->shape.rank < 2) {
        EP_FAIL_IF(!ep__mean(tensor, out), rw->im.err, EP_BAD_MODEL,
                   "%s: tensor '%.200s' has no data", rw->im.path, name);
        return EP_OK;
    }
    for (int i = 1; i < tensor->shape.rank; i++) fan_in *= (double)tensor->shape.dims[i];
    *out = 1 / fan_in;
    return EP_OK;
}

static ep_status choose_strip(ep__rewrite *rw, const EpOnnx__GraphProto *graph,
                              const ep_names *initializers, const ep__exchange **exchanges)
{
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const EpOnnx__TensorProto *proto = graph->initializer[i];
        const char *name = ep__text(proto->name);
        ep_tensor tensor = {0};
        if (!ep__is_weight_type((ep_dtype)proto->data_type)) continue;
        EP_TRY(ep__read_tensor(&rw->im, proto, name, &tensor));
        const uint64_t elements = ep_tensor_elements(&tensor);
        if (elements < EP__WEIGHT_ELEMENTS) continue;
        ep__exchange *x = EP_NEW(rw->im.scratch, ep__exchange, 1);
        const char *dims = ep_arena_printf(rw->im.scratch, "%s%s", name, EP__STRIPPED_DIMS);
        if (!x || !dims) return ep_fail_memory(rw->im.err);
        EP_FAIL_IF(ep_names_get(initializers, dims) != EP_NO_INDEX, rw->im.err, EP_UNSUPPORTED,
                   "%s: the model has a tensor '%.200s' already", rw->im.path, dims);
        *x = (ep__exchange){.old_name = name,
                            .new_name = dims,
                            .dtype = tensor.dtype,
                            .shape = tensor.shape,
                            .elements = elements};
        EP_TRY(stripped_value(rw, &tensor, name, &x->value));
        exchanges[i] = x;
    }
    return EP_OK;
}

/* ---- files --------------------------------------------------------------------------------- */

static bool has_external(const EpOnnx__GraphProto *graph)
{
    for (size_t i = 0; graph && i < graph->n_initializer; i++) {
        if (graph->initializer[i]->data_location == EP__ONNX_EXTERNAL) return true;
    }
    return false;
}

/* Writes both files in full before either takes its place. */
static ep_status write_files(const ep__rewrite *rw, const char *path, const char *data_path,
                             ep_error *err)
{
    ep_writer *model = NULL, *data = NULL;
    ep_status status = EP_OK;
    if (rw->data.size) status = ep__rope_write(&rw->data, data_path, &data, err);
    if (status == EP_OK) status = ep__rope_write(&rw->rope, path, &model, err);
    if (status == EP_OK && data) status = ep_writer_commit(data, err);
    if (status == EP_OK) status = ep_writer_commit(model, err);
    ep_writer_free(model);
    ep_writer_free(data);
    return status;
}

/* Rewrites the model, its new weights in the file itself as long as they fit. */
static ep_status rewrite(ep__rewrite *rw)
{
    rw->to_external = has_external(rw->model->graph);
    EP_TRY(ep__rewrite_model(rw));
    if (rw->rope.size > MAX_MODEL_BYTES && !rw->to_external) {
        ep__rope_free(&rw->rope);
        ep__rope_free(&rw->data);
        rw->weights = rw->elements = 0;
        rw->to_external = true;
        EP_TRY(ep__rewrite_model(rw));
    }
    EP_FAIL_IF(rw->rope.size > MAX_MODEL_BYTES, rw->im.err, EP_UNSUPPORTED,
               "%s: it would take %llu bytes, ONNX files have at most %d", rw->im.path,
               (unsigned long long)rw->rope.size, MAX_MODEL_BYTES);
    return EP_OK;
}

static ep_status convert(ep__rewrite *rw, const uint64_t *seed, const char *out_path)
{
    ep__weights weights = {.by_name = ep_names_new()};
    const char *slash = strrchr(out_path, '/');
    const char *data_path = ep_arena_printf(rw->im.arena, "%s.data", out_path);
    if (!weights.by_name || !data_path) {
        ep_names_free(weights.by_name);
        return ep_fail_memory(rw->im.err);
    }
    rw->data_location = slash ? data_path + (slash + 1 - out_path) : data_path;
    rw->choose = seed ? choose_fill : choose_strip;
    rw->context = &weights;
    rw->drop_stripped = seed != NULL;
    ep_status status = ep__onnx_unpack(&rw->im, &rw->model);
    if (status == EP_OK && seed) status = ep__weights_plan(rw, *seed, &weights);
    if (status == EP_OK) status = rewrite(rw);
    if (status == EP_OK) status = write_files(rw, out_path, data_path, rw->im.err);
    free(weights.at);
    ep_names_free(weights.by_name);
    return status;
}

/* `seed` NULL: strips. */
static ep_status run(const char *path, const uint64_t *seed, const char *out_path,
                     ep_weights_summary *summary, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    char *folder = ep__folder_of(path);
    ep__rewrite rw = {.im = {.arena = arena,
                             .scratch = arena,
                             .path = path,
                             .folder = folder,
                             .mapped = true,
                             .map_index = ep_names_new(),
                             .err = err},
                      .rope = {.arena = arena, .err = err},
                      .data = {.arena = arena, .err = err}};
    ep_status status = arena && folder && rw.im.map_index ? EP_OK : ep_fail_memory(err);
    if (status == EP_OK) status = ep_map_open(path, &rw.im.model, err);
    if (status == EP_OK) status = convert(&rw, seed, out_path);
    *summary = (ep_weights_summary){.weights = rw.weights,
                                    .elements = rw.elements,
                                    .model_bytes = rw.rope.size,
                                    .data_bytes = rw.data.size};
    ep__rope_free(&rw.rope);
    ep__rope_free(&rw.data);
    for (uint32_t i = 0; i < rw.im.n_maps; i++) ep_map_close(&rw.im.maps[i]);
    free(rw.im.maps);
    ep_map_close(&rw.im.model);
    ep_names_free(rw.im.map_index);
    free(folder);
    ep_arena_free(arena);
    return status;
}

ep_status ep_weights_fill(const char *path, uint64_t seed, const char *out_path,
                          ep_weights_summary *summary, ep_error *err)
{
    return run(path, &seed, out_path, summary, err);
}

ep_status ep_weights_strip(const char *path, const char *out_path, ep_weights_summary *summary,
                           ep_error *err)
{
    return run(path, NULL, out_path, summary, err);
}
