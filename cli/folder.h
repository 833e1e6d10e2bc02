/* Private to cli/: a folder of models where one model can stand. */
#ifndef EP_CLI_FOLDER_H
#define EP_CLI_FOLDER_H

#include "cli/options.h"

bool ep__is_folder(const char *path);

/* Paths of the models in a folder, sorted. `*paths` is malloc'ed, what it holds in the arena. */
ep_status ep__list_models(ep_arena *arena, const char *folder, const char ***paths, uint32_t *n,
                          ep_error *err);

/* Models, and those of folders, in the order given; the list lives in `arena`. */
ep_status ep__expand_models(ep_arena *arena, ep__values paths, const char *const **models,
                            uint32_t *n, ep_error *err);

#endif
