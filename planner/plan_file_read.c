/* Nothing of a plan file is believed before its digest holds; then it is still somebody's. */
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "planner/plan_file.h"

typedef struct reader {
    ep_plan_file *file;
    const char *where; /* "layers" */
    size_t item;       /* of the list that `where` is; SIZE_MAX: it is none */
    ep_error *err;
} reader;

static ep_status bad(const reader *r, const char *what)
{
    if (r->item == SIZE_MAX) {
        return ep_fail(r->err, EP_BAD_FILE, "%s: %s: %s", r->file->path, r->where, what);
    }
    return ep_fail(r->err, EP_BAD_FILE, "%s: %s[%zu]: %s", r->file->path, r->where, r->item, what);
}

/* ---- values -------------------------------------------------------------------------------- */

/* Copies a string of the tree into the file's arena. NULL stays NULL where that is allowed. */
static ep_status keep(const reader *r, const char *text, const char **out)
{
    *out = text ? ep_arena_string(r->file->arena, text, strlen(text)) : NULL;
    return text && !*out ? ep_fail_memory(r->err) : EP_OK;
}

/* A member that must be a string. */
static ep_status get_text(const reader *r, const json_t *object, const char *key, const char **out)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (text) return keep(r, text, out);
    char what[80];
    (void)snprintf(what, sizeof what, "no string \"%s\"", key);
    return bad(r, what);
}

/* The same, or null. */
static ep_status get_text_or_null(const reader *r, const json_t *object, const char *key,
                                  const char **out)
{
    *out = NULL;
    return json_is_null(json_object_get(object, key)) ? EP_OK : get_text(r, object, key, out);
}

/* The index of the name that a member has among those that `name` gives. */
static ep_status get_choice(const reader *r, const json_t *object, const char *key,
                            const char *(*name)(uint32_t), uint32_t *out)
{
    const char *text = json_string_value(json_object_get(object, key));
    const char *other;
    *out = 0;
    for (uint32_t i = 0; text && (other = name(i)); i++) {
        *out = i;
        if (strcmp(text, other) == 0) return EP_OK;
    }
    char what[80];
    (void)snprintf(what, sizeof what, "\"%s\" is not one that there is", key);
    return bad(r, what);
}

static const char *device_name(uint32_t device)
{
    return device < EP_CPU ? ep_device_name((ep_device)device) : NULL;
}

static const char *precision_name(uint32_t precision)
{
    return precision < EP_PRECISION_COUNT ? ep_precision_name((ep_precision)precision) : NULL;
}

/* A whole number below `end`; null gives EP_NO_INDEX. */
static ep_status get_index(const reader *r, const json_t *object, const char *key, uint64_t end,
                           uint32_t *out)
{
    const json_t *value = json_object_get(object, key);
    *out = EP_NO_INDEX;
    if (json_is_null(value)) return EP_OK;
    const json_int_t index = json_integer_value(value);
    if (json_is_integer(value) && index >= 0 && (uint64_t)index < end) {
        *out = (uint32_t)index;
        return EP_OK;
    }
    char what[80];
    (void)snprintf(what, sizeof what, "\"%s\" is no index below %llu", key,
                   (unsigned long long)end);
    return bad(r, what);
}

static ep_status get_number(const reader *r, const json_t *object, const char *key, double *out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_number_value(value);
    if (json_is_number(value) && *out >= 0) return EP_OK;
    char what[80];
    (void)snprintf(what, sizeof what, "no number \"%s\"", key);
    return bad(r, what);
}

static ep_status get_bool(const reader *r, const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_is_true(value);
    if (json_is_boolean(value)) return EP_OK;
    char what[80];
    (void)snprintf(what, sizeof what, "no truth \"%s\"", key);
    return bad(r, what);
}

/* ---- members ------------------------------------------------------------------------------- */

static ep_status read_model(reader *r, const json_t *root)
{
    ep_plan_file *f = r->file;
    r->where = "model";
    const json_t *model = json_object_get(root, r->where);
    EP_TRY(get_text(r, model, "name", &f->model));
    EP_TRY(get_text(r, model, "sha256", &f->model_sha256));
    EP_TRY(get_text(r, model, "network_sha256", &f->network_sha256));
    r->where = "machine";
    const json_t *machine = json_object_get(root, r->where);
    EP_TRY(get_text(r, machine, "name", &f->machine));
    if (strchr(f->machine, '/')) return bad(r, "\"name\" is a path");
    EP_TRY(get_text(r, machine, "sha256", &f->machine_sha256));
    return get_text_or_null(r, machine, "set", &f->machine_set);
}

static ep_status read_goal(const reader *r, const json_t *options)
{
    ep_plan_options *out = &r->file->options;
    uint32_t objective = 0;
    double deadline_ms = 0;
    EP_TRY(get_choice(r, options, "objective", ep_objective_name, &objective));
    EP_TRY(get_number(r, options, "deadline_ms", &deadline_ms));
    EP_TRY(get_number(r, options, "max_power_w", &out->max_power_w));
    EP_TRY(get_index(r, options, "max_subgraphs", INT_MAX, &out->max_subgraphs));
    if (out->max_subgraphs == EP_NO_INDEX) return bad(r, "no \"max_subgraphs\"");
    out->objective = (ep_objective)objective;
    out->deadline_ns = deadline_ms * 1e6;
    return EP_OK;
}

static ep_status read_options(reader *r, const json_t *root)
{
    ep_plan_file *f = r->file;
    r->where = "options";
    const json_t *options = json_object_get(root, r->where);
    uint32_t precision = 0, dla = 0, io = 0, level = 0;
    EP_TRY(get_text(r, options, "strategy", &f->strategy));
    EP_TRY(read_goal(r, options));
    EP_TRY(get_choice(r, options, "precision", ep_precision_choice_name, &precision));
    EP_TRY(get_choice(r, options, "dla", ep_dla_choice_name, &dla));
    EP_TRY(get_choice(r, options, "io", ep_io_name, &io));
    EP_TRY(get_bool(r, options, "no_fallback", &f->options.no_fallback));
    EP_TRY(get_bool(r, options, "standalone", &f->options.standalone));
    EP_TRY(get_bool(r, options, "no_tf32", &f->options.no_tf32));
    EP_TRY(get_bool(r, options, "sparse", &f->options.sparse));
    EP_TRY(get_index(r, options, "builder_optimization_level", EP_SEARCH_LEVEL_MAX + 1, &level));
    if (json_object_get(options, "branches_at_once")) {
        EP_TRY(get_bool(r, options, "branches_at_once", &f->concurrent));
    }
    if (level == EP_NO_INDEX) return bad(r, "no \"builder_optimization_level\"");
    f->options.precision = (ep_precision_choice)precision;
    f->options.dla = (ep_dla_choice)dla;
    f->options.io = (ep_io)io;
    f->options.search.level = (int)level - EP_SEARCH_LEVEL_DEFAULT;
#define X(name) EP_TRY(get_text_or_null(r, options, #name, &f->texts.name));
    EP_PLAN_FILE_TEXT_MAP(X)
#undef X
    return EP_OK;
}

static ep_status read_figures(reader *r, const json_t *root)
{
    ep_plan_file *f = r->file;
    r->where = "point";
    const json_t *point = json_object_get(root, r->where);
    EP_TRY(get_text(r, point, "mode", &f->mode));
    EP_TRY(get_number(r, point, "gpu_mhz", &f->gpu_mhz));
    EP_TRY(get_number(r, point, "dla_mhz", &f->dla_mhz));
    EP_TRY(get_number(r, point, "dram_mhz", &f->dram_mhz));
    EP_TRY(get_number(r, point, "cpu_mhz", &f->cpu_mhz));
    r->where = "predicted";
    const json_t *figures = json_object_get(root, r->where);
#define X(name) EP_TRY(get_number(r, figures, #name, &f->figures.name));
    EP_PLAN_FILE_FIGURE_MAP(X)
#undef X
    return EP_OK;
}

/* ---- lists --------------------------------------------------------------------------------- */

/* The list of that name, which the following is about; `*items` has room for `size` bytes of each.
 */
static ep_status open_list(reader *r, const json_t *root, const char *name, size_t size,
                           const json_t **list, uint32_t *n, void **items)
{
    r->where = name;
    *list = json_object_get(root, name);
    if (!json_is_array(*list) || json_array_size(*list) > INT_MAX) return bad(r, "no list");
    *n = (uint32_t)json_array_size(*list);
    *items = ep_arena_take(r->file->arena, *n, size);
    return *items ? EP_OK : ep_fail_memory(r->err);
}

static ep_status read_layer(const reader *r, const json_t *object, ep_plan_file_layer *layer,
                            bool *taken)
{
    const ep_plan_file *f = r->file;
    uint32_t device = 0, precision = 0;
    EP_TRY(get_text(r, object, "name", &layer->name));
    EP_TRY(get_text(r, object, "hash", &layer->hash));
    EP_TRY(get_index(r, object, "index", f->n_layers, &layer->index));
    EP_TRY(get_choice(r, object, "device", device_name, &device));
    EP_TRY(get_choice(r, object, "precision", precision_name, &precision));
    EP_TRY(get_index(r, object, "subgraph", f->n_layers, &layer->subgraph));
    EP_TRY(get_index(r, object, "kernel", f->n_kernels, &layer->kernel));
    layer->device = (ep_device)device;
    layer->precision = (ep_precision)precision;
    if (strlen(layer->hash) != EP__LAYER_HASH_TEXT - 1) return bad(r, "\"hash\" is none");
    if (layer->index == EP_NO_INDEX || taken[layer->index]) return bad(r, "\"index\" is not new");
    taken[layer->index] = true;
    return EP_OK;
}

static ep_status read_layers(reader *r, const json_t *root)
{
    const json_t *list;
    void *items = NULL;
    EP_TRY(open_list(r, root, "layers", sizeof(ep_plan_file_layer), &list, &r->file->n_layers,
                     &items));
    ep_plan_file_layer *const layers = items;
    bool *taken = EP_NEW(r->file->arena, bool, r->file->n_layers);
    if (!taken) return ep_fail_memory(r->err);
    for (r->item = 0; r->item < r->file->n_layers; r->item++) {
        EP_TRY(read_layer(r, json_array_get(list, r->item), &layers[r->item], taken));
    }
    r->item = SIZE_MAX;
    r->file->layers = layers;
    return EP_OK;
}

static ep_status read_kernel(const reader *r, const json_t *object, ep_plan_file_kernel *kernel)
{
    uint32_t device = 0, precision = 0;
    EP_TRY(get_text(r, object, "name", &kernel->name));
    EP_TRY(get_bool(r, object, "reformat", &kernel->is_reformat));
    EP_TRY(get_choice(r, object, "device", device_name, &device));
    EP_TRY(get_choice(r, object, "precision", precision_name, &precision));
    EP_TRY(get_text(r, object, "tactic", &kernel->tactic));
    kernel->device = (ep_device)device;
    kernel->precision = (ep_precision)precision;
    return get_number(r, object, "us", &kernel->us);
}

static ep_status read_kernels(reader *r, const json_t *root)
{
    const json_t *list;
    void *items = NULL;
    EP_TRY(open_list(r, root, "kernels", sizeof(ep_plan_file_kernel), &list, &r->file->n_kernels,
                     &items));
    ep_plan_file_kernel *const kernels = items;
    for (r->item = 0; r->item < r->file->n_kernels; r->item++) {
        EP_TRY(read_kernel(r, json_array_get(list, r->item), &kernels[r->item]));
    }
    r->item = SIZE_MAX;
    r->file->kernels = kernels;
    return EP_OK;
}

static ep_status read_settings(reader *r, const json_t *root)
{
    const json_t *list;
    void *items = NULL;
    EP_TRY(open_list(r, root, "settings", sizeof(ep_setting), &list, &r->file->n_settings, &items));
    ep_setting *const settings = items;
    for (r->item = 0; r->item < r->file->n_settings; r->item++) {
        const json_t *pair = json_array_get(list, r->item);
        const char *key = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        if (!key || !value) return bad(r, "not a key and a value");
        EP_TRY(keep(r, key, &settings[r->item].key));
        EP_TRY(keep(r, value, &settings[r->item].value));
    }
    r->item = SIZE_MAX;
    r->file->settings = settings;
    return EP_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Versions that differ in more than the last number plan differently. */
static bool same_release(const char *a, const char *b)
{
    const char *dot = strrchr(a, '.');
    const size_t length = dot ? (size_t)(dot - a) + 1 : strlen(a);
    return strncmp(a, b, length) == 0;
}

static ep_status read_version(reader *r, const json_t *root)
{
    ep_plan_file *f = r->file;
    const json_t *schema = json_object_get(root, "schema");
    EP_FAIL_IF(!json_is_integer(schema), r->err, EP_BAD_FILE,
               "%s: no plan file: it has no \"schema\"", f->path);
    EP_FAIL_IF(json_integer_value(schema) != EP_PLAN_FILE_SCHEMA, r->err, EP_BAD_FILE,
               "%s: schema %" JSON_INTEGER_FORMAT ", and this edgeplan reads %d; plan again",
               f->path, json_integer_value(schema), EP_PLAN_FILE_SCHEMA);
    r->where = "edgeplan";
    EP_TRY(get_text(r, root, r->where, &f->version));
    EP_FAIL_IF(!same_release(EP_VERSION, f->version), r->err, EP_BAD_FILE,
               "%s: written by edgeplan %s, and this is %s, which may plan otherwise; plan again",
               f->path, f->version, EP_VERSION);
    return EP_OK;
}

static ep_status read_all(reader *r, const json_t *root)
{
    EP_TRY(read_version(r, root));
    EP_TRY(read_model(r, root));
    EP_TRY(read_options(r, root));
    EP_TRY(read_figures(r, root));
    EP_TRY(read_kernels(r, root));
    EP_TRY(read_layers(r, root));
    return read_settings(r, root);
}

static ep_status check_digest(const reader *r, const char *bytes, size_t size)
{
    enum {
        BEFORE = sizeof EP__DIGEST_BEFORE - 1,
        DIGITS = EP_SHA256_TEXT - 1,
        AFTER = sizeof EP__DIGEST_AFTER - 1,
        TAIL = BEFORE + DIGITS + AFTER
    };
    const char *tail = size >= TAIL ? bytes + size - TAIL : NULL;
    EP_FAIL_IF(!tail || memcmp(tail, EP__DIGEST_BEFORE, BEFORE) != 0 ||
                   memcmp(tail + BEFORE + DIGITS, EP__DIGEST_AFTER, AFTER) != 0,
               r->err, EP_BAD_FILE, "%s: no whole plan file: its last line is no digest",
               r->file->path);
    char *digest = ep_arena_take(r->file->arena, EP_SHA256_TEXT, 1);
    if (!digest) return ep_fail_memory(r->err);
    ep_sha256(bytes, size - TAIL, digest);
    EP_FAIL_IF(memcmp(digest, tail + BEFORE, DIGITS) != 0, r->err, EP_BAD_FILE,
               "%s: changed since it was written: its digest is of other bytes", r->file->path);
    r->file->digest = digest;
    return EP_OK;
}

static ep_status parse(reader *r, const char *bytes, size_t size)
{
    EP_TRY(check_digest(r, bytes, size));
    json_error_t why;
    json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        if (json_error_code(&why) == json_error_out_of_memory) return ep_fail_memory(r->err);
        return ep_fail(r->err, EP_BAD_FILE, "%s:%d:%d: not JSON: %s", r->file->path, why.line,
                       why.column, why.text);
    }
    const ep_status status = read_all(r, root);
    json_decref(root);
    return status;
}

ep_status ep_plan_file_parse(const void *bytes, size_t size, const char *path, ep_plan_file **out,
                             ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_plan_file *file = arena ? EP_NEW(arena, ep_plan_file, 1) : NULL;
    if (!file) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    file->arena = arena;
    file->path = ep_arena_string(arena, path, strlen(path));
    reader r = {.file = file, .item = SIZE_MAX, .err = err};
    const ep_status status = file->path ? parse(&r, bytes ? bytes : "", size) : ep_fail_memory(err);
    if (status != EP_OK) {
        ep_plan_file_free(file);
        return status;
    }
    *out = file;
    return EP_OK;
}

ep_status ep_plan_file_load(const char *path, ep_plan_file **out, ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status = ep_plan_file_parse(map.data, map.size, path, out, err);
    ep_map_close(&map);
    return status;
}
