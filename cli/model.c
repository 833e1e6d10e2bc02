#include "cli/model.h"

#include <string.h>

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

/* The name that was probably meant: one a few letters off, or the first that has the text in it. */
static const char *nearest_name(const ep_layers *layers, const char *name)
{
    enum { NEAR = 3 };
    const char *nearest = NULL, *holds = NULL;
    unsigned fewest = NEAR + 1;
    for (uint32_t i = 0; i < layers->n_layers; i++) {
        const char *other = layers->layers[i].name;
        const unsigned edits = ep_edit_distance(name, other, NEAR);
        if (edits < fewest) {
            fewest = edits;
            nearest = other;
        }
        if (!holds && strstr(other, name)) holds = other;
    }
    return nearest ? nearest : holds;
}

ep_status ep__find_layer(const ep_layers *layers, const char *name, uint32_t *index, ep_error *err)
{
    for (*index = 0; *index < layers->n_layers; ++*index) {
        if (strcmp(layers->layers[*index].name, name) == 0) return EP_OK;
    }
    const char *meant = nearest_name(layers, name);
    EP_FAIL_IF(meant, err, EP_BAD_USAGE, "--explain: no layer '%s'; did you mean '%s'?", name,
               meant);
    return ep_fail(err, EP_BAD_USAGE, "--explain: no layer '%s'; 'plan inspect' lists them", name);
}
