/* Private to cli/: options of the subcommands that compute networks. */
#ifndef EP_CLI_EXECUTION_H
#define EP_CLI_EXECUTION_H

#include "cli/options.h"
#include "study/study.h"

/* clang-format off */
#define EP__OPTION_INPUT \
    {"--input", "NAME=SRC...", "SRC: FILE.npy, FILE.pb or random:SEED (default: random:1)"}
#define EP__OPTION_THREADS \
    {"--threads", "N", "(default: one a core); results do not depend on it"}
#define EP__OPTION_MAX_MEMORY \
    {"--max-memory", "N[KMG]", "most bytes of values at once, a binary prefix (default: any)"}
/* clang-format on */

/* What the options above, --batch and --shapes were given, or NULL. */
typedef struct ep__execution_given {
    const ep_plan_file *file; /* NULL: none; says --batch and --shapes where they are not given */
    const char *batch, *shapes, *threads, *max_memory;
    ep__values inputs;
} ep__execution_given;

/* What is read lives in `arena`. */
ep_status ep__execution_options(const ep__execution_given *given, ep_arena *arena,
                                ep_execution_options *out, ep_error *err);

#endif
