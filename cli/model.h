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
#define EP__OPTION_MIN_SHAPES \
    {"--min-shapes", "SPEC", "smallest input shapes: dimensions that vary are dynamic"}
#define EP__OPTION_MAX_SHAPES \
    {"--max-shapes", "SPEC", "largest input shapes: the network is planned for these"}
#define EP__OPTION_CALIB_CACHE \
    {"--calib", "FILE", \
     "INT8 scales of a TensorRT calibration cache; INT8 is then only where tensors\n" \
     "have one (default: scales are assumed, or those of Q/DQ nodes)"}
/* clang-format on */

/* Zero-initialise. */
typedef struct ep__model {
    ep_arena *arena; /* of the shapes given */
    ep_network *imported;
    ep_network *network; /* static */
    ep_layers *layers;
} ep__model;

/* What the options above were given, or NULL. */
typedef struct ep__model_options {
    const char *batch, *shapes, *min_shapes, *max_shapes, *calib;
} ep__model_options;

/* To be freed also when it fails. */
ep_status ep__model_load(const char *path, const ep__model_options *given, ep__model *out,
                         ep_error *err);
void ep__model_free(ep__model *model);

#endif
