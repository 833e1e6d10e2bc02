#include "cli/model.h"

/* Import names the file in its errors; what comes after it does not know the name. */
static ep_status named(ep_status status, const char *path, ep_error *err)
{
    if (status == EP_OK || status == EP_BAD_USAGE || status == EP_NO_MEMORY) return status;
    return ep_fail_context(err, "%s: ", path);
}

/* `prefix` makes the option of the parser's "shapes, column ...". */
static ep_status read_shapes(const char *prefix, const char *text, ep__model *model,
                             const ep_input_shape **shapes, uint32_t *n, ep_error *err)
{
    if (!text) return EP_OK;
    if (!model->arena) model->arena = ep_arena_new();
    if (!model->arena) return ep_fail_memory(err);
    if (ep_shapes_parse(text, model->arena, shapes, n, err) == EP_OK) return EP_OK;
    return ep_fail_context(err, "%s", prefix);
}

static ep_status set_scales(ep__model *model, const char *path, ep_error *err)
{
    ep_scales scales;
    if (!model->arena) model->arena = ep_arena_new();
    if (!model->arena) return ep_fail_memory(err);
    float *values = EP_NEW(model->arena, float, model->network->n_tensors);
    if (!values) return ep_fail_memory(err);
    EP_FAIL_IF(model->layers->quantized, err, EP_BAD_USAGE,
               "--calib: %s has Q/DQ nodes, whose scales hold", model->network->path);
    EP_TRY(ep_scales_read(path, model->arena, &scales, err));
    EP_TRY(ep_scales_find(&scales, path, model->network, values, err));
    return ep_layers_set_scales(model->layers, values, err);
}

ep_status ep__model_load(const char *path, const ep__model_options *given, ep__model *out,
                         ep_error *err)
{
    enum { BATCH_MAX = 65536 };
    ep_specialize_options options = {0};
    if (given->batch) {
        EP_TRY(ep__parse_integer("--batch", given->batch, 1, BATCH_MAX, &options.batch, err));
    }
    EP_TRY(read_shapes("", given->shapes, out, &options.shapes, &options.n_shapes, err));
    EP_TRY(read_shapes("min-", given->min_shapes, out, &options.min_shapes, &options.n_min_shapes,
                       err));
    EP_TRY(read_shapes("max-", given->max_shapes, out, &options.max_shapes, &options.n_max_shapes,
                       err));
    EP_TRY(ep_network_load(path, &out->imported, err));
    EP_TRY(named(ep_specialize(out->imported, &options, &out->network, err), path, err));
    EP_TRY(named(ep_layers_build(out->network, &out->layers, err), path, err));
    return given->calib ? set_scales(out, given->calib, err) : EP_OK;
}

void ep__model_free(ep__model *model)
{
    ep_layers_free(model->layers);
    ep_network_free(model->network);
    ep_network_free(model->imported);
    ep_arena_free(model->arena);
    *model = (ep__model){0};
}
