/* INT8 scales of an execution: from its Q/DQ nodes, a calibration cache, or the ranges that tensors
 * have when images pass through the network. */
#include <math.h>
#include <string.h>

#include "study/study_internal.h"

/* ---- Q/DQ nodes ---------------------------------------------------------------------------- */

static bool is_zero(const ep_tensor *zero)
{
    double value = 0;
    if (zero->constness == EP_CONST_DATA && ep_tensor_elements(zero) != 1) return false;
    return ep_tensor_scalar(zero, &value) && value == 0;
}

/* Devices quantise activations symmetrically, with one scale. */
static ep_status check_pairs(const ep_network *network, ep_error *err)
{
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        if (!node->op || strcmp(node->op_type, "QuantizeLinear") != 0) continue;
        const ep_tensor *scale = ep_node_input(network, node, 1);
        const ep_tensor *zero = ep_node_input(network, node, 2);
        const bool symmetric = zero && zero->dtype == EP_DTYPE_INT8 && is_zero(zero);
        EP_FAIL_IF(!symmetric || !scale || ep_tensor_elements(scale) != 1, err, EP_UNSUPPORTED,
                   "node '%s' (QuantizeLinear) is not int8 with one scale and zero point 0, as "
                   "TensorRT wants it",
                   node->name);
    }
    return EP_OK;
}

/* Readers have the scales of their pairs; writers that of the first. */
static void take_pairs(const ep_layers *layers, float *scales)
{
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const float scale = layers->scale[t];
        const uint32_t root = layers->root[t];
        if (!(scale > 0)) continue;
        scales[t] = scale;
        if (!(scales[root] > 0)) scales[root] = scale;
    }
}

/* ---- images -------------------------------------------------------------------------------- */

typedef struct calibration {
    ep_execution *e;
    ep_session *session;
    ep_array *images; /* per input: all of them, in its type */
    ep_array *inputs; /* per input: of one run */
    float *largest;   /* per tensor */
} calibration;

static ep_status make_array(const ep_tensor *like, ep_arena *arena, ep_array *out, ep_error *err)
{
    *out = (ep_array){.dtype = like->dtype, .shape = like->shape, .n = ep_tensor_elements(like)};
    out->data = ep_arena_take(arena, ep_dtype_bytes(out->dtype, out->n), 1);
    return out->data ? EP_OK : ep_fail_memory(err);
}

static ep_status check_images(const calibration *c, uint32_t i, const char *source, ep_error *err)
{
    const ep_tensor *input = &c->e->network->tensors[c->e->network->inputs[i]];
    const ep_shape *has = &c->images[i].shape;
    char found[EP_SHAPE_TEXT], wanted[EP_SHAPE_TEXT];
    bool fits = has->rank == input->shape.rank && has->rank > 0 &&
                ep_dtype_is_float(c->images[i].dtype) == ep_dtype_is_float(input->dtype);
    for (int d = 1; fits && d < has->rank; d++) fits = has->dims[d] == input->shape.dims[d];
    EP_FAIL_IF(!fits || has->dims[0] == 0, err, EP_BAD_USAGE,
               "--calib %s: %s of %s; input '%s' is %s of %s, and only the number of images may "
               "differ",
               source, ep_shape_text(has, found), ep_dtype_name(c->images[i].dtype), input->name,
               ep_shape_text(&input->shape, wanted), ep_dtype_name(input->dtype));
    return EP_OK;
}

/* A network with one input needs no name before '='. */
static ep_status name_sources(const calibration *c, const ep_calibration *given,
                              const char *const **out, ep_error *err)
{
    const ep_network *network = c->e->network;
    const char **named = EP_NEW(c->e->arena, const char *, given->n);
    if (!named) return ep_fail_memory(err);
    for (uint32_t i = 0; i < given->n; i++) {
        named[i] = given->sources[i];
        if (network->n_inputs != 1) continue;
        const char *name = network->tensors[network->inputs[0]].name;
        const size_t length = strlen(name);
        if (strncmp(named[i], name, length) == 0 && named[i][length] == '=') continue;
        named[i] = ep_arena_printf(c->e->arena, "%s=%s", name, named[i]);
        if (!named[i]) return ep_fail_memory(err);
    }
    *out = named;
    return EP_OK;
}

/* Reads the images of each input; one that nothing is given for is random. */
static ep_status read_images(calibration *c, const ep_calibration *given, ep_error *err)
{
    const ep_network *network = c->e->network;
    ep_execution_options options = {.n_inputs = given->n};
    ep__given *sources;
    EP_TRY(name_sources(c, given, &options.inputs, err));
    if (ep__inputs_given(c->e, &options, &sources, err) != EP_OK) {
        return ep_fail_context(err, "--calib: ");
    }
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const ep_tensor *input = &network->tensors[network->inputs[i]];
        EP_TRY(make_array(input, c->e->arena, &c->inputs[i], err));
        if (!sources[i].is_array) {
            EP_TRY(make_array(input, c->e->arena, &c->images[i], err));
            ep__inputs_random(&c->images[i], i, sources[i].seed);
            continue;
        }
        c->images[i] = sources[i].array;
        EP_TRY(check_images(c, i, sources[i].source, err));
        if (input->dtype == sources[i].array.dtype) continue;
        EP_TRY(
            ep__inputs_convert(&sources[i].array, input->dtype, c->e->arena, &c->images[i], err));
    }
    return EP_OK;
}

/* Of the leading dimension; what has none, or nothing, is one image. */
static uint64_t count_images(const ep_shape *shape)
{
    return shape->rank > 0 && shape->dims[0] > 0 ? (uint64_t)shape->dims[0] : 1;
}

static uint64_t count_batches(const calibration *c)
{
    const ep_network *network = c->e->network;
    uint64_t most = 1;
    for (uint32_t i = 0; i < network->n_inputs; i++) {
        const uint64_t batch = count_images(&network->tensors[network->inputs[i]].shape);
        most = ep_max_u64(most, ep_div_up(count_images(&c->images[i].shape), batch));
    }
    return most;
}

/* Where there are fewer images, they begin again. */
static void set_inputs(const calibration *c, uint64_t batch)
{
    for (uint32_t i = 0; i < c->e->network->n_inputs; i++) {
        const uint64_t n = count_images(&c->inputs[i].shape);
        const uint64_t all = count_images(&c->images[i].shape);
        const size_t size = (size_t)(ep_dtype_bytes(c->inputs[i].dtype, c->inputs[i].n) / n);
        for (uint64_t k = 0; k < n && size > 0; k++) {
            memcpy((char *)c->inputs[i].data + k * size,
                   (const char *)c->images[i].data + (batch * n + k) % all * size, size);
        }
    }
}

static void widen(const ep_array *array, float *largest)
{
    ep_array_summary summary;
    ep_summarise(array, &summary);
    if (isnan(summary.min)) return; /* nothing finite */
    *largest = fmaxf(*largest, (float)fmax(fabs(summary.min), fabs(summary.max)));
}

static ep_status run_batches(calibration *c, ep_error *err)
{
    const ep_network *network = c->e->network;
    const uint64_t batches = count_batches(c);
    for (uint64_t b = 0; b < batches; b++) {
        set_inputs(c, b);
        EP_TRY(ep_session_run(c->session, c->inputs, err));
        for (uint32_t t = 0; t < network->n_tensors; t++) {
            const ep_array *array = ep_session_tensor(c->session, t);
            if (!array || !ep_dtype_is_float(array->dtype)) continue;
            if (!ep_tensor_is_const(&network->tensors[t])) widen(array, &c->largest[t]);
        }
    }
    return EP_OK;
}

/* The largest value is 127; where all are 0 any scale does. */
static void take_ranges(const calibration *c, float *scales)
{
    const ep_network *network = c->e->network;
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        if (ep_tensor_is_const(&network->tensors[t])) continue;
        if (!ep_session_tensor(c->session, t)) continue;
        scales[t] = c->largest[t] / 127;
        if (!(scales[t] > 0)) scales[t] = 1;
    }
}

static ep_status calibrate(ep_execution *e, const ep_execution_options *options, float *scales,
                           ep_error *err)
{
    ep_session_options session_options = options->session;
    session_options.keep_all = true;
    calibration c = {.e = e,
                     .images = EP_NEW(e->arena, ep_array, e->network->n_inputs),
                     .inputs = EP_NEW(e->arena, ep_array, e->network->n_inputs),
                     .largest = EP_NEW(e->arena, float, e->network->n_tensors)};
    if (!c.images || !c.inputs || !c.largest) return ep_fail_memory(err);
    EP_TRY(read_images(&c, &options->plan->calibration, err));
    EP_TRY(ep_session_new(e->network, &session_options, &c.session, err));
    const ep_status status = run_batches(&c, err);
    if (status == EP_OK) take_ranges(&c, scales);
    ep_session_free(c.session);
    return status;
}

/* ---- the cache ----------------------------------------------------------------------------- */

/* trtexec reads caches of this calibrator; the version is that of JetPack 5.1. */
#define DEFAULT_HEADER "TRT-8502-EntropyCalibration2"

static ep_status save(const ep_execution *e, const char *header, const char *path,
                      const float *scales, ep_error *err)
{
    const ep_network *network = e->network;
    ep_scale *list = EP_NEW(e->arena, ep_scale, network->n_tensors);
    if (!list) return ep_fail_memory(err);
    ep_scales all = {.header = header ? header : DEFAULT_HEADER, .at = list};
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        const char *name = network->tensors[t].name;
        if (!(scales[t] > 0)) continue;
        EP_FAIL_IF(strchr(name, '\n'), err, EP_UNSUPPORTED,
                   "%s: tensor '%s' has a name of several lines", path, name);
        list[all.n++] = (ep_scale){.name = name, .scale = scales[t]};
    }
    return ep_scales_write(path, &all, err);
}

ep_status ep__calibrate(ep_execution *e, const ep_execution_options *options, float *scales,
                        ep_error *err)
{
    const ep_calibration *given = &options->plan->calibration;
    const ep_layers *layers = e->layers;
    ep_scales cache = {0};
    const bool has_any = given->cache || given->n > 0;
    EP_FAIL_IF(has_any && layers->quantized, err, EP_BAD_USAGE,
               "--calib: %s has Q/DQ nodes, whose scales hold", e->network->path);
    if (layers->quantized) {
        EP_TRY(check_pairs(layers->network, err));
        take_pairs(layers, scales);
    } else if (given->cache) {
        EP_TRY(ep_scales_read(given->cache, e->arena, &cache, err));
        EP_TRY(ep_scales_find(&cache, given->cache, e->network, scales, err));
    } else if (given->n > 0) {
        EP_TRY(calibrate(e, options, scales, err));
    }
    return given->save ? save(e, cache.header, given->save, scales, err) : EP_OK;
}
