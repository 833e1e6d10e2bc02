/* What rows of a file share: a machine and a model are each made once. */
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "study/study_internal.h"

typedef struct machine_entry {
    ep_machine *machine; /* NULL: it cannot be loaded, and */
    const char *why;     /* this says why */
} machine_entry;

typedef struct model_entry {
    ep_network *imported, *network;
    ep_layers *layers; /* NULL: cannot be made, and */
    const char *why;
} model_entry;

struct ep__cache {
    ep_arena *arena;
    const ep_machine_options *hardware;
    const char *folder;
    ep_names *names; /* keys of both lists */
    uint32_t n_machines, n_models, room_machines, room_models;
    machine_entry *machines;
    model_entry *models;
};

ep_status ep__cache_new(const char *folder, const ep_machine_options *hardware, ep__cache **out,
                        ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep__cache *cache = arena ? EP_NEW(arena, ep__cache, 1) : NULL;
    ep_names *names = cache ? ep_names_new() : NULL;
    if (!names) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    *cache = (ep__cache){.arena = arena, .hardware = hardware, .folder = folder, .names = names};
    *out = cache;
    return EP_OK;
}

void ep__cache_free(ep__cache *cache)
{
    if (!cache) return;
    for (uint32_t i = 0; i < cache->n_machines; i++) ep_machine_free(cache->machines[i].machine);
    for (uint32_t i = 0; i < cache->n_models; i++) {
        ep_layers_free(cache->models[i].layers);
        ep_network_free(cache->models[i].network);
        ep_network_free(cache->models[i].imported);
    }
    free(cache->machines);
    free(cache->models);
    ep_names_free(cache->names);
    ep_arena_free(cache->arena);
}

/* Keeps what went wrong; without memory nothing goes on. */
static ep_status keep_reason(ep__cache *cache, ep_status status, const ep_error *why,
                             const char **reason, ep_error *err)
{
    if (status == EP_OK) return EP_OK;
    if (status == EP_NO_MEMORY) return ep_fail_memory(err);
    *reason = ep_arena_string(cache->arena, why->text, strlen(why->text));
    return *reason ? EP_OK : ep_fail_memory(err);
}

/* ---- machines ------------------------------------------------------------------------------ */

static const char *machine_key(ep__cache *cache, const ep_measurement *row)
{
    ep_text key = {0};
    ep_text_printf(&key, "machine %s", row->hw);
    for (uint32_t i = 0; i < row->n_sets; i++) ep_text_printf(&key, "\n%s", row->sets[i]);
    const char *kept =
        key.failed ? NULL : ep_arena_string(cache->arena, ep_text_cstr(&key), key.length);
    ep_text_free(&key);
    return kept;
}

static bool sets_key_of(const ep_measurement *row, const char *set)
{
    const size_t length = strcspn(set, "=");
    for (uint32_t i = 0; i < row->n_sets; i++) {
        if (strncmp(row->sets[i], set, length) == 0 && row->sets[i][length] == '=') return true;
    }
    return false;
}

static ep_status load_machine(ep__cache *cache, const ep_measurement *row, machine_entry *entry,
                              ep_error *err)
{
    ep_machine_options options = *cache->hardware;
    const uint32_t n_given = options.n_sets;
    const char **sets = EP_NEW(cache->arena, const char *, (uint64_t)n_given + row->n_sets);
    if (!sets) return ep_fail_memory(err);
    options.n_sets = 0;
    for (uint32_t i = 0; i < n_given; i++) {
        if (!sets_key_of(row, options.sets[i])) sets[options.n_sets++] = options.sets[i];
    }
    for (uint32_t i = 0; i < row->n_sets; i++) sets[options.n_sets++] = row->sets[i];
    options.sets = sets;
    ep_error why = {0};
    const ep_status status = ep_machine_load(row->hw, &options, &entry->machine, &why);
    return keep_reason(cache, status, &why, &entry->why, err);
}

ep_status ep__cache_machine(ep__cache *cache, const ep_measurement *row, const ep_machine **out,
                            ep_error *err)
{
    const char *key = machine_key(cache, row);
    if (!key) return ep_fail_memory(err);
    uint32_t i = ep_names_get(cache->names, key);
    if (i == EP_NO_INDEX) {
        i = cache->n_machines;
        EP_TRY(ep_grow((void **)&cache->machines, &cache->room_machines, (uint64_t)i + 1,
                       sizeof *cache->machines, err));
        EP_TRY(ep_names_put(cache->names, key, i, err));
        cache->machines[cache->n_machines++] = (machine_entry){0};
        EP_TRY(load_machine(cache, row, &cache->machines[i], err));
    }
    const machine_entry *entry = &cache->machines[i];
    EP_FAIL_IF(!entry->machine, err, EP_BAD_HARDWARE, "%s", entry->why);
    *out = entry->machine;
    return EP_OK;
}

/* ---- models -------------------------------------------------------------------------------- */

static ep_status load_model(const char *path, int64_t batch, model_entry *entry, ep_error *err)
{
    const ep_specialize_options options = {.batch = batch};
    EP_TRY(ep_network_load(path, &entry->imported, err));
    ep_status status = ep_specialize(entry->imported, &options, &entry->network, err);
    if (status == EP_OK) status = ep_layers_build(entry->network, &entry->layers, err);
    return status == EP_OK ? EP_OK : ep_fail_context(err, "%s: ", path);
}

ep_status ep__cache_layers(ep__cache *cache, const char *model, int64_t batch,
                           const ep_layers **out, ep_error *err)
{
    const char *key = ep_arena_printf(cache->arena, "model %s\n%lld", model, (long long)batch);
    const char *path =
        model[0] == '/' ? model : ep_arena_printf(cache->arena, "%s/%s", cache->folder, model);
    if (!key || !path) return ep_fail_memory(err);
    uint32_t i = ep_names_get(cache->names, key);
    if (i == EP_NO_INDEX) {
        i = cache->n_models;
        EP_TRY(ep_grow((void **)&cache->models, &cache->room_models, (uint64_t)i + 1,
                       sizeof *cache->models, err));
        EP_TRY(ep_names_put(cache->names, key, i, err));
        cache->models[cache->n_models++] = (model_entry){0};
        ep_error reason = {0};
        const ep_status status = load_model(path, batch, &cache->models[i], &reason);
        EP_TRY(keep_reason(cache, status, &reason, &cache->models[i].why, err));
    }
    const model_entry *entry = &cache->models[i];
    EP_FAIL_IF(!entry->layers, err, EP_BAD_MODEL, "%s", entry->why);
    *out = entry->layers;
    return EP_OK;
}
