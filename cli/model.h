/* Private to cli/: from a file to layers, for every subcommand that takes a model. */
#ifndef EP_CLI_MODEL_H
#define EP_CLI_MODEL_H

#include "cli/options.h"
#include "engine/engine.h"
#include "graph/graph.h"

/* clang-format off */
#define EP__OPTION_BATCH \
    {"--batch", "N", "images in a batch (default: as in the file, 1 where that is open)"}
#define EP__OPTION_SHAPES \
    {"--shapes", "SPEC", "input shapes: name:1x3x224x224,other:1x80"}
/* clang-format on */

/* Zero-initialise. */
typedef struct ep__model {
    ep_arena *arena; /* of the shapes given */
    ep_network *imported;
    ep_network *network; /* static */
    ep_layers *layers;
} ep__model;

/* `batch` and `shapes` as given, or NULL. To be freed also when it fails. */
ep_status ep__model_load(const char *path, const char *batch, const char *shapes, ep__model *out,
                         ep_error *err);
void ep__model_free(ep__model *model);

#endif
