/* Tensor data in other files. A model names them, so it is trusted with nothing: the file must be
 * a regular one inside the model's folder, also after symbolic links. */
#define _XOPEN_SOURCE 700 /* realpath */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph/onnx_internal.h"

/* Small tensors are read at once. After so many, pages are forgotten. */
#define EXTERNAL_READS 8

typedef struct external {
    const char *location;
    uint64_t offset, length;
    bool has_length;
} external;

static bool read_number(const char *text, uint64_t *out)
{
    if (*text < '0' || *text > '9') return false; /* strtoull takes signs and blanks */
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static ep_status read_entries(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                              external *out)
{
    *out = (external){.location = ""};
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = ep__text(proto->external_data[i]->key);
        const char *value = ep__text(proto->external_data[i]->value);
        bool good = true;
        if (strcmp(key, "location") == 0) {
            out->location = value;
        } else if (strcmp(key, "offset") == 0) {
            good = read_number(value, &out->offset);
        } else if (strcmp(key, "length") == 0) {
            good = read_number(value, &out->length);
            out->has_length = true;
        }
        EP_FAIL_IF(!good, im->err, EP_BAD_MODEL,
                   "%s: tensor '%.200s': %s of its external data is not a number: '%.50s'",
                   im->path, name, key, value);
    }
    return EP_OK;
}

/* True for a relative path without ".." that names something. */
static bool location_is_safe(const char *location)
{
    if (!*location || *location == '/') return false;
    for (const char *part = location; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t length = strcspn(part, "/");
        if (length == 2 && memcmp(part, "..", 2) == 0) return false;
    }
    return true;
}

/* `folder` and `path` are real paths. */
static bool is_inside(const char *folder, const char *path)
{
    const size_t length = strlen(folder);
    if (strcmp(folder, "/") == 0) return true;
    return strncmp(folder, path, length) == 0 && path[length] == '/';
}

/* Maps `real`, which lies inside the folder, unless it is mapped already. `real` is copied. */
static ep_status map_real(ep__importer *im, const char *name, const char *real, uint32_t *out)
{
    *out = ep_names_get(im->map_index, real);
    if (*out != EP_NO_INDEX) return EP_OK;
    void *maps = im->maps;
    EP_TRY(ep_grow(&maps, &im->maps_capacity, (uint64_t)im->n_maps + 1, sizeof *im->maps, im->err));
    im->maps = maps;
    char *key = ep_arena_string(im->scratch, real, strlen(real));
    if (!key) return ep_fail_memory(im->err);
    EP_TRY(ep_names_put(im->map_index, key, im->n_maps, im->err));
    if (ep_map_open(real, &im->maps[im->n_maps], im->err) != EP_OK) {
        return ep_fail_context(im->err, "%.200s: external data of tensor '%.100s': ", im->path,
                               name);
    }
    *out = im->n_maps++;
    return EP_OK;
}

static ep_status open_location(ep__importer *im, const char *name, const char *location,
                               uint32_t *out)
{
    EP_FAIL_IF(!im->folder, im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s': its data is in '%.200s', but a model without a folder cannot "
               "have external data",
               im->path, name, location);
    EP_FAIL_IF(!location_is_safe(location), im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s': external data '%.200s' is not a path inside the model's "
               "folder",
               im->path, name, location);
    char *path = ep_arena_printf(im->scratch, "%s/%s", im->folder, location);
    if (!path) return ep_fail_memory(im->err);
    char *folder = realpath(im->folder, NULL);
    char *real = realpath(path, NULL);
    ep_status status;
    if (!folder || !real) {
        status = ep_fail(im->err, EP_BAD_FILE, "%s: tensor '%.200s': external data '%.200s': %s",
                         im->path, name, location, strerror(errno));
    } else if (!is_inside(folder, real)) {
        status = ep_fail(im->err, EP_BAD_MODEL,
                         "%s: tensor '%.200s': external data '%.200s' leads out of the model's "
                         "folder, to '%.200s'",
                         im->path, name, location, real);
    } else {
        status = map_real(im, name, real, out);
    }
    free(folder);
    free(real);
    EP_TRY(status);
    return ep_names_put(im->map_index, location, *out, im->err);
}

ep_status ep__find_external(ep__importer *im, const EpOnnx__TensorProto *proto, const char *name,
                            uint64_t needed, const uint8_t **out)
{
    external e;
    EP_TRY(read_entries(im, proto, name, &e));
    uint32_t map = ep_names_get(im->map_index, e.location);
    if (map == EP_NO_INDEX) EP_TRY(open_location(im, name, e.location, &map));
    EP_FAIL_IF(e.has_length && e.length != needed, im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s': its dims need %llu bytes, its external data in '%.200s' has "
               "length %llu",
               im->path, name, (unsigned long long)needed, e.location,
               (unsigned long long)e.length);
    const ep_map *file = &im->maps[map];
    EP_FAIL_IF(e.offset > file->size || needed > file->size - e.offset, im->err, EP_BAD_MODEL,
               "%s: tensor '%.200s': its dims need %llu bytes from offset %llu of external data "
               "'%.200s', which has %zu bytes",
               im->path, name, (unsigned long long)needed, (unsigned long long)e.offset, e.location,
               file->size);
    *out = file->data ? file->data + e.offset : NULL;
    if (needed <= EP__INLINE_BYTES && ++im->external_reads % EXTERNAL_READS == 0) {
        ep_map_forget(file);
    }
    return EP_OK;
}
