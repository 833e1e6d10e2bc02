#include "cli/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool ep__is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static bool is_model(const char *name)
{
    const size_t length = strlen(name);
    return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".onnx") == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

ep_status ep__list_models(ep_arena *arena, const char *folder, const char ***paths, uint32_t *n,
                          ep_error *err)
{
    DIR *dir = opendir(folder);
    EP_FAIL_IF(!dir, err, EP_BAD_FILE, "%s: %s", folder, strerror(errno));
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    uint32_t capacity = 0;
    ep_status status = EP_OK;
    for (const struct dirent *entry; status == EP_OK && (entry = readdir(dir));) {
        if (!is_model(entry->d_name)) continue;
        const char *path = ep_arena_printf(arena, "%s%s%s", folder, slash, entry->d_name);
        status = path ? ep_grow((void **)paths, &capacity, (uint64_t)*n + 1, sizeof **paths, err)
                      : ep_fail_memory(err);
        if (status == EP_OK) (*paths)[(*n)++] = path;
    }
    (void)closedir(dir);
    EP_TRY(status);
    EP_FAIL_IF(*n == 0, err, EP_BAD_FILE, "%s: no *.onnx in this folder", folder);
    qsort((void *)*paths, *n, sizeof **paths, by_text);
    return EP_OK;
}

/* Appends to the malloc'ed list what `path` stands for. */
static ep_status append(ep_arena *arena, const char *path, const char ***models, uint32_t *n,
                        uint32_t *capacity, ep_error *err)
{
    const char **in_folder = NULL;
    uint32_t added = 0;
    const bool is_folder = ep__is_folder(path);
    ep_status status = EP_OK;
    if (is_folder) status = ep__list_models(arena, path, &in_folder, &added, err);
    if (!is_folder) added = 1;
    if (status == EP_OK) {
        status = ep_grow((void **)models, capacity, (uint64_t)*n + added, sizeof **models, err);
    }
    for (uint32_t i = 0; status == EP_OK && i < added; i++) {
        (*models)[(*n)++] = is_folder ? in_folder[i] : path;
    }
    free((void *)in_folder);
    return status;
}

ep_status ep__expand_models(ep_arena *arena, ep__values paths, const char *const **models,
                            uint32_t *n, ep_error *err)
{
    const char **list = NULL;
    uint32_t capacity = 0;
    ep_status status = EP_OK;
    *n = 0;
    for (uint32_t i = 0; i < paths.n && status == EP_OK; i++) {
        status = append(arena, paths.at[i], &list, n, &capacity, err);
    }
    if (status == EP_OK) {
        *models = ep_arena_copy(arena, list, *n * sizeof *list);
        if (!*models) status = ep_fail_memory(err);
    }
    free((void *)list);
    return status;
}
