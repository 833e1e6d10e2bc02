/* A validation: every row of a file predicted. */
#include <string.h>

#include "study/study_internal.h"

/* "tests/validation/orin.csv" -> "tests": models lie beside the folder of the file. */
static const char *folder_above(const char *path, ep_arena *arena)
{
    const char *slash = strrchr(path, '/');
    if (!slash) return "..";
    return ep_arena_printf(arena, "%.*s/..", (int)(slash - path), path);
}

/* Lists the groups there are. */
static ep_status fail_group(const ep_measurements *all, const char *group, ep_error *err)
{
    ep_names *seen = ep_names_new();
    ep_text names = {0};
    ep_status status = seen ? EP_OK : ep_fail_memory(err);
    for (uint32_t i = 0; i < all->n && status == EP_OK; i++) {
        const char *name = all->rows[i].group;
        if (ep_names_get(seen, name) != EP_NO_INDEX) continue;
        ep_text_printf(&names, "%s%s", names.length ? ", " : "", name);
        status = ep_names_put(seen, name, i, err);
    }
    if (status == EP_OK) {
        status = ep_fail(err, EP_BAD_USAGE, "--group '%s': %s has %s", group, all->path,
                         ep_text_cstr(&names));
    }
    ep_text_free(&names);
    ep_names_free(seen);
    return status;
}

/* Leaves the rows of the group asked for. */
static ep_status select_rows(const ep_measurements *all, const char *group, ep_validation *v,
                             ep_error *err)
{
    ep_measurement *rows = EP_NEW(v->arena, ep_measurement, all->n);
    if (!rows) return ep_fail_memory(err);
    for (uint32_t i = 0; i < all->n; i++) {
        if (!group || strcmp(all->rows[i].group, group) == 0) rows[v->n_rows++] = all->rows[i];
    }
    v->rows = rows;
    return v->n_rows > 0 || !group ? EP_OK : fail_group(all, group, err);
}

static ep_status predict_rows(ep_validation *v, ep__cache *cache, ep_error *err)
{
    ep_prediction *predictions = EP_NEW(v->arena, ep_prediction, v->n_rows);
    if (!predictions) return ep_fail_memory(err);
    for (uint32_t i = 0; i < v->n_rows; i++) {
        ep_prediction *p = &predictions[i];
        const double measured = v->rows[i].value;
        EP_TRY(ep__predict(cache, &v->rows[i], v->arena, p, err));
        if (!p->skipped) p->error_pct = 100 * (p->value - measured) / measured;
    }
    v->predictions = predictions;
    return EP_OK;
}

static ep_status validate(const char *path, const ep_validate_options *options, ep_validation *v,
                          ep_error *err)
{
    static const ep_machine_options none;
    ep_measurements all;
    EP_TRY(ep_measurements_read(path, v->arena, &all, err));
    v->path = all.path;
    EP_TRY(select_rows(&all, options->group, v, err));
    const char *folder = options->models ? options->models : folder_above(path, v->arena);
    if (!folder) return ep_fail_memory(err);
    ep__cache *cache;
    EP_TRY(ep__cache_new(folder, options->hardware ? options->hardware : &none, &cache, err));
    const ep_status status = predict_rows(v, cache, err);
    ep__cache_free(cache);
    return status == EP_OK ? ep_validation_summarise(v, err) : status;
}

ep_status ep_validate(const char *path, const ep_validate_options *options, ep_validation **out,
                      ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_validation *v = arena ? EP_NEW(arena, ep_validation, 1) : NULL;
    if (!v) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    v->arena = arena;
    const ep_status status = validate(path, options, v, err);
    if (status != EP_OK) {
        ep_arena_free(arena);
        return status;
    }
    *out = v;
    return EP_OK;
}

void ep_validation_free(ep_validation *validation)
{
    if (validation) ep_arena_free(validation->arena); /* the validation is in there too */
}
