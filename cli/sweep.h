/* Private to cli/: what `plan sweep` and `plan modes` share. */
#ifndef EP_CLI_SWEEP_H
#define EP_CLI_SWEEP_H

#include "cli/model.h"
#include "cli/options.h"
#include "study/study.h"

/* clang-format off */
#define EP__OPTION_MAX_POWER \
    {"--max-power-w", "W", "the most that the module may draw"}
#define EP__OPTION_DEADLINE \
    {"--deadline-ms", "MS", "the most that a batch may take"}
#define EP__OPTION_MIN_FPS \
    {"--min-fps", "N", "the least images a second"}
/* clang-format on */

/* Of the three options, each as given or NULL. */
ep_status ep__sweep_limits(const char *max_power, const char *deadline, const char *min_fps,
                           ep_sweep_limits *out, ep_error *err);

/* Splits "a,b,c"; EP_BAD_USAGE names the option when an item is empty or there twice. The list
 * lives in `arena`. */
ep_status ep__split(const char *option, const char *text, ep_arena *arena, ep__values *out,
                    ep_error *err);

/* A list of choices as indices, in `arena`; none of NULL, every one of "all". */
ep_status ep__choices(const char *option, const char *text, const char *(*name)(uint32_t),
                      ep_arena *arena, uint32_t **list, uint32_t *n, ep_error *err);
/* The strategies that --strategy names, the same way. */
ep_status ep__strategies(const char *text, ep_arena *arena, const char *const **names, uint32_t *n,
                         ep_error *err);
/* The batches that --batch names, in `arena`. */
ep_status ep__batches(const char *text, ep_arena *arena, const int64_t **list, uint32_t *n,
                      ep_error *err);
/* A bar on standard error, which is a terminal, when it has grown; gone when all is done. */
void ep__progress(uint64_t done, uint64_t all);

#endif
