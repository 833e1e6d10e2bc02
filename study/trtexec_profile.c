/* Reads what trtexec --exportProfile and --exportTimes write. */
#include <math.h>
#include <stdlib.h>

#include <jansson.h>

#include "study/study_internal.h"

#define MAX_MS 1e9

/* One number of an entry; NAN when it is missing. */
static ep_status read_ms(const json_t *entry, const char *key, const char *path, size_t index,
                         double *out, ep_error *err)
{
    const json_t *number = json_object_get(entry, key);
    *out = NAN;
    if (!number) return EP_OK;
    EP_FAIL_IF(!json_is_number(number), err, EP_BAD_FILE, "%s: entry %zu: \"%s\" is not a number",
               path, index, key);
    const double ms = json_number_value(number);
    EP_FAIL_IF(!(ms >= 0 && ms <= MAX_MS), err, EP_BAD_FILE,
               "%s: entry %zu: \"%s\" is %g, allowed 0..%g", path, index, key, ms, MAX_MS);
    *out = ms;
    return EP_OK;
}

static ep_status need_ms(const json_t *entry, const char *key, const char *path, size_t index,
                         double *out, ep_error *err)
{
    EP_TRY(read_ms(entry, key, path, index, out, err));
    EP_FAIL_IF(isnan(*out), err, EP_BAD_FILE, "%s: entry %zu: no \"%s\"", path, index, key);
    return EP_OK;
}

static ep_status read_profile(const json_t *root, const char *path, ep_arena *arena,
                              ep__trtexec_file *out, ep_error *err)
{
    const size_t size = json_array_size(root);
    ep__trtexec_entry *entries = EP_NEW(arena, ep__trtexec_entry, size);
    if (!entries) return ep_fail_memory(err);
    for (size_t i = 0; i < size; i++) {
        const json_t *item = json_array_get(root, i);
        const json_t *name = json_object_get(item, "name");
        if (!name && json_object_get(item, "count")) continue; /* the iterations, in front */
        EP_FAIL_IF(!json_is_string(name), err, EP_BAD_FILE,
                   "%s: entry %zu: no \"name\"; wants what trtexec --exportProfile or "
                   "--exportTimes writes",
                   path, i + 1);
        ep__trtexec_entry *entry = &entries[out->n++];
        entry->name = ep_arena_string(arena, json_string_value(name), json_string_length(name));
        if (!entry->name) return ep_fail_memory(err);
        EP_TRY(need_ms(item, "averageMs", path, i + 1, &entry->average_ms, err));
        EP_TRY(read_ms(item, "medianMs", path, i + 1, &entry->median_ms, err));
    }
    out->entries = entries;
    return EP_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static ep_status read_times(const json_t *root, const char *path, ep_arena *arena,
                            ep__trtexec_file *out, ep_error *err)
{
    const size_t n = json_array_size(root);
    double *ms = EP_NEW(arena, double, n);
    if (!ms) return ep_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        EP_TRY(need_ms(json_array_get(root, i), "computeMs", path, i + 1, &ms[i], err));
    }
    qsort(ms, n, sizeof *ms, by_value);
    out->compute_ms = (ms[(n - 1) / 2] + ms[n / 2]) / 2;
    return EP_OK;
}

static ep_status read_root(const json_t *root, const char *path, ep_arena *arena,
                           ep__trtexec_file *out, ep_error *err)
{
    EP_FAIL_IF(!json_is_array(root) || json_array_size(root) == 0, err, EP_BAD_FILE,
               "%s: not an array of entries; wants what trtexec --exportProfile or --exportTimes "
               "writes",
               path);
    for (size_t i = 0; i < json_array_size(root); i++) {
        EP_FAIL_IF(!json_is_object(json_array_get(root, i)), err, EP_BAD_FILE,
                   "%s: entry %zu: not an object", path, i + 1);
    }
    if (json_object_get(json_array_get(root, 0), "computeMs")) {
        return read_times(root, path, arena, out, err);
    }
    return read_profile(root, path, arena, out, err);
}

static size_t at_least_1(int place)
{
    return place > 0 ? (size_t)place : 1;
}

ep_status ep__trtexec_read(const char *path, ep_arena *arena, ep__trtexec_file *out, ep_error *err)
{
    *out = (ep__trtexec_file){.compute_ms = NAN};
    ep_map map;
    json_error_t why;
    EP_TRY(ep_map_open(path, &map, err));
    json_t *root = json_loadb(map.data ? (const char *)map.data : "", map.size, 0, &why);
    ep_map_close(&map);
    if (!root && json_error_code(&why) == json_error_out_of_memory) return ep_fail_memory(err);
    if (!root) {
        /* trtexec itself writes names as they are */
        const bool escape = json_error_code(&why) == json_error_invalid_syntax;
        return ep_fail_at(err, EP_BAD_FILE, path, at_least_1(why.line), at_least_1(why.column),
                          "not JSON: %s%s", why.text,
                          escape ? "; in names, \" and \\ must have a \\ before them" : "");
    }
    const ep_status status = read_root(root, path, arena, out, err);
    json_decref(root);
    return status;
}
