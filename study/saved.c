/* Arrays of tensors in a folder, a file each. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "study/study_internal.h"

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";

/* Endings that arrays are looked for with, in this order. */
static const char *const endings[] = {".npy", ".pb"};
enum { N_ENDINGS = sizeof endings / sizeof *endings };

void ep_saved_name(const char *tensor, ep_text *out)
{
    for (const char *c = tensor; *c; c++) {
        if (strchr(plain, *c)) {
            ep_text_append(out, c, 1);
        } else {
            ep_text_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
        }
    }
}

static void saved_path(const char *folder, const char *tensor, const char *ending, ep_text *out)
{
    ep_text_free(out);
    ep_text_printf(out, "%s/", folder);
    ep_saved_name(tensor, out);
    ep_text_printf(out, "%s", ending);
}

/* ---- writing ------------------------------------------------------------------------------- */

static ep_status save_array(const char *folder, const char *name, const ep_array *array,
                            ep_error *err)
{
    ep_text path = {0};
    saved_path(folder, name, endings[ep_array_fits_npy(array) ? 0 : 1], &path);
    const ep_status status =
        path.failed ? ep_fail_memory(err) : ep_array_write(ep_text_cstr(&path), name, array, err);
    ep_text_free(&path);
    return status;
}

ep_status ep_execution_save(const ep_execution *execution, const char *folder, ep_error *err)
{
    const ep_network *network = execution->network;
    EP_FAIL_IF(mkdir(folder, 0777) != 0 && errno != EEXIST, err, EP_BAD_FILE, "%s: %s", folder,
               strerror(errno));
    for (uint32_t i = 0; i < network->n_outputs; i++) {
        const char *name = network->tensors[network->outputs[i]].name;
        EP_TRY(save_array(folder, name, ep_session_output(execution->session, i), err));
    }
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        for (uint32_t k = 0; k < network->nodes[i].n_outputs; k++) {
            const ep_array *array = ep_execution_layer(execution, i, k);
            if (!array) continue;
            const char *name = network->tensors[network->nodes[i].outputs[k]].name;
            EP_TRY(save_array(folder, name, array, err));
        }
    }
    return EP_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

ep_status ep__saved_read(const char *folder, const char *tensor, ep_dtype expected, ep_arena *arena,
                         bool *found, ep_array *out, ep_error *err)
{
    ep_text path = {0};
    ep_status status = EP_OK;
    *found = false;
    for (int i = 0; i < N_ENDINGS && !*found && status == EP_OK; i++) {
        struct stat about;
        saved_path(folder, tensor, endings[i], &path);
        if (path.failed) {
            status = ep_fail_memory(err);
        } else if (stat(ep_text_cstr(&path), &about) == 0) {
            *found = true;
            status = ep_array_read(ep_text_cstr(&path), expected, arena, out, err);
        }
    }
    ep_text_free(&path);
    return status;
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The tensor that a file holds, NULL when it holds none. In the arena. */
static const char *tensor_of(const char *file, ep_arena *arena)
{
    size_t length = strlen(file);
    bool is_array = false;
    for (int i = 0; i < N_ENDINGS && !is_array; i++) {
        const size_t ending = strlen(endings[i]);
        is_array = length > ending && strcmp(file + length - ending, endings[i]) == 0;
        if (is_array) length -= ending;
    }
    char *name = is_array ? ep_arena_string(arena, file, length) : NULL;
    if (!name) return NULL;
    char *to = name;
    for (const char *from = name; *from; from++) {
        const int high = *from == '%' ? hex_digit(from[1]) : -1;
        const int low = high >= 0 ? hex_digit(from[2]) : -1;
        *to++ = low >= 0 ? (char)(16 * high + low) : *from;
        if (low >= 0) from += 2;
    }
    *to = '\0';
    return name;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

ep_status ep__saved_names(const char *folder, ep_arena *arena, const char ***names, uint32_t *n,
                          ep_error *err)
{
    *names = NULL;
    *n = 0;
    DIR *dir = opendir(folder);
    EP_FAIL_IF(!dir, err, EP_BAD_FILE, "%s: %s", folder, strerror(errno));
    const char **list = NULL;
    uint32_t capacity = 0;
    ep_status status = EP_OK;
    for (const struct dirent *entry; status == EP_OK && (entry = readdir(dir));) {
        const char *name = tensor_of(entry->d_name, arena);
        if (!name) continue;
        status = ep_grow((void **)&list, &capacity, (uint64_t)*n + 1, sizeof *list, err);
        if (status == EP_OK) list[(*n)++] = name;
    }
    (void)closedir(dir);
    if (status == EP_OK && *n == 0) {
        status = ep_fail(err, EP_BAD_FILE, "%s: no .npy or .pb in this folder", folder);
    }
    if (*n) qsort((void *)list, *n, sizeof *list, by_text);
    uint32_t kept = 0; /* a tensor may be in two files */
    for (uint32_t i = 0; i < *n; i++) {
        if (kept == 0 || strcmp(list[kept - 1], list[i]) != 0) list[kept++] = list[i];
    }
    *n = kept;
    if (status == EP_OK && kept) {
        *names = ep_arena_copy(arena, (const void *)list, kept * sizeof *list);
        if (!*names) status = ep_fail_memory(err);
    }
    free((void *)list);
    return status;
}
