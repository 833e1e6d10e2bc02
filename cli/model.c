#include "cli/model.h"

/* Import names the file in its errors; what comes after it does not know the name. */
static ep_status named(ep_status status, const char *path, ep_error *err)
{
    if (status == EP_OK || status == EP_BAD_USAGE || status == EP_NO_MEMORY) return status;
    return ep_fail_context(err, "%s: ", path);
}

ep_status ep__model_load(const char *path, const char *batch, const char *shapes, ep__model *out,
                         ep_error *err)
{
    enum { BATCH_MAX = 65536 };
    ep_specialize_options options = {0};
    if (batch) EP_TRY(ep__parse_integer("--batch", batch, 1, BATCH_MAX, &options.batch, err));
    if (shapes) {
        out->arena = ep_arena_new();
        if (!out->arena) return ep_fail_memory(err);
        EP_TRY(ep_shapes_parse(shapes, out->arena, &options.shapes, &options.n_shapes, err));
    }
    EP_TRY(ep_network_load(path, &out->imported, err));
    EP_TRY(named(ep_specialize(out->imported, &options, &out->network, err), path, err));
    return named(ep_layers_build(out->network, &out->layers, err), path, err);
}

void ep__model_free(ep__model *model)
{
    ep_layers_free(model->layers);
    ep_network_free(model->network);
    ep_network_free(model->imported);
    ep_arena_free(model->arena);
    *model = (ep__model){0};
}
