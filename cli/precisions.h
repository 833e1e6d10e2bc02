/* Private to cli/: options of the subcommands that compute a network as it is planned. */
#ifndef EP_CLI_PRECISIONS_H
#define EP_CLI_PRECISIONS_H

#include "cli/options.h"
#include "study/study.h"

/* clang-format off */
#define EP__OPTION_CALIB \
    {"--calib", "SRC...", \
     "INT8 scales: a calibration cache of TensorRT, or images that pass through the\n" \
     "network: [NAME=]FILE.npy, [NAME=]random:SEED"}
#define EP__OPTION_SAVE_CALIB \
    {"--save-calib", "FILE", "writes the scales as such a cache"}
/* clang-format on */

/* What was given, or NULL. */
typedef struct ep__precisions_given {
    const char *hw, *strategy, *dla, *save_calib;
    const char *no_tf32;
    ep__values sets, calib;
} ep__precisions_given;

/* What plans share. Free with ep__precisions_free, also after errors. */
typedef struct ep__precisions {
    ep_machine *machine;
    ep_execution_plan plan; /* but for its precision */
} ep__precisions;

ep_status ep__precisions_load(const ep__precisions_given *given, ep__precisions *out,
                              ep_error *err);
void ep__precisions_free(ep__precisions *precisions);

/* "int8, strategy gpu on Jetson AGX Orin 64GB", in the arena; NULL when out of memory. */
const char *ep__precisions_text(const ep_execution_plan *plan, ep_arena *arena);

/* True for PLAN.json. */
bool ep__is_plan_file(const char *path);

#endif
