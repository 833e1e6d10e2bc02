/* A plan file is JSON, written in one way: members in this order, a line each; of lists a line an
 * item. The last line holds the digest of all before it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "planner/plan_file.h"

/* ---- values; NULL: out of memory ----------------------------------------------------------- */

const char *ep__plan_file_name(const char *name, ep_arena *arena)
{
    json_t *valid = json_string(name);
    if (valid) {
        json_decref(valid);
        return name;
    }
    char *copy = ep_arena_string(arena, name, strlen(name));
    for (char *c = copy; c && *c; c++) {
        if ((unsigned char)*c >= 0x80) *c = '?';
    }
    return copy;
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *index_or_null(uint32_t index)
{
    return index == EP_NO_INDEX ? json_null() : json_integer(index);
}

/* Finite, as figures are; more digits than any prediction is good for. */
enum { DIGITS = 9 };

static void append(ep_text *out, json_t *value, const char *after)
{
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(DIGITS)) : NULL;
    if (text) {
        ep_text_printf(out, "%s%s", text, after);
    } else {
        out->failed = true;
    }
    free(text);
    json_decref(value);
}

static void member(ep_text *out, const char *key, json_t *value)
{
    ep_text_printf(out, "\"%s\": ", key);
    append(out, value, ",\n");
}

/* ---- members ------------------------------------------------------------------------------- */

/* Counts are figures, too. */
static json_t *figure(double value)
{
    const bool whole = value == floor(value) && fabs(value) < 1e9;
    return whole ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *options_of(const ep_plan_file *file)
{
    const ep_plan_options *o = &file->options;
    json_t *options = json_pack(
        "{s:s, s:s, s:o, s:o, s:i, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:i}", "strategy",
        file->strategy, "objective", ep_objective_name(o->objective), "deadline_ms",
        figure(o->deadline_ns / 1e6), "max_power_w", figure(o->max_power_w), "max_subgraphs",
        (int)o->max_subgraphs, "precision", ep_precision_choice_name(o->precision), "dla",
        ep_dla_choice_name(o->dla), "io", ep_io_name(o->io), "no_fallback", o->no_fallback,
        "standalone", o->standalone, "no_tf32", o->no_tf32, "sparse", o->sparse,
        "builder_optimization_level", o->search.level + EP_SEARCH_LEVEL_DEFAULT);
    bool complete = options;
    if (file->concurrent) {
        complete = options && json_object_set_new(options, "branches_at_once", json_true()) == 0;
    }
#define X(name)                                                                                    \
    complete = complete && json_object_set_new(options, #name, text_or_null(file->texts.name)) == 0;
    EP_PLAN_FILE_TEXT_MAP(X)
#undef X
    if (complete) return options;
    json_decref(options);
    return NULL;
}

static json_t *figures_of(const ep_plan_file_figures *figures)
{
    json_t *object = json_object();
    bool complete = object;
#define X(name)                                                                                    \
    complete = complete && json_object_set_new(object, #name, figure(figures->name)) == 0;
    EP_PLAN_FILE_FIGURE_MAP(X)
#undef X
    if (complete) return object;
    json_decref(object);
    return NULL;
}

static json_t *layer_of(const ep_plan_file_layer *layer, ep_arena *arena)
{
    return json_pack("{s:s, s:s, s:i, s:s, s:s, s:o, s:o}", "name",
                     ep__plan_file_name(layer->name, arena), "hash", layer->hash, "index",
                     (int)layer->index, "device", ep_device_name(layer->device), "precision",
                     ep_precision_name(layer->precision), "subgraph",
                     index_or_null(layer->subgraph), "kernel", index_or_null(layer->kernel));
}

static json_t *kernel_of(const ep_plan_file_kernel *kernel, ep_arena *arena)
{
    return json_pack(
        "{s:s, s:b, s:s, s:s, s:s, s:f}", "name", ep__plan_file_name(kernel->name, arena),
        "reformat", kernel->is_reformat, "device", ep_device_name(kernel->device), "precision",
        ep_precision_name(kernel->precision), "tactic", kernel->tactic, "us", kernel->us);
}

static void write_head(const ep_plan_file *file, ep_text *out, ep_arena *arena)
{
    member(out, "schema", json_integer(EP_PLAN_FILE_SCHEMA));
    member(out, "edgeplan", json_string(file->version));
    member(out, "model",
           json_pack("{s:s, s:s, s:s}", "name", ep__plan_file_name(file->model, arena), "sha256",
                     file->model_sha256, "network_sha256", file->network_sha256));
    member(out, "machine",
           json_pack("{s:s, s:s, s:o}", "name", ep__plan_file_name(file->machine, arena), "sha256",
                     file->machine_sha256, "set", text_or_null(file->machine_set)));
    member(out, "options", options_of(file));
    member(out, "point",
           json_pack("{s:s, s:f, s:f, s:f, s:f}", "mode", file->mode, "gpu_mhz", file->gpu_mhz,
                     "dla_mhz", file->dla_mhz, "dram_mhz", file->dram_mhz, "cpu_mhz",
                     file->cpu_mhz));
    member(out, "predicted", figures_of(&file->figures));
}

static const char *after_item(uint32_t i, uint32_t n)
{
    return i + 1 < n ? ",\n" : "\n";
}

static void write_lists(const ep_plan_file *file, ep_text *out, ep_arena *arena)
{
    ep_text_printf(out, "\"layers\": [\n");
    for (uint32_t i = 0; i < file->n_layers; i++) {
        append(out, layer_of(&file->layers[i], arena), after_item(i, file->n_layers));
    }
    ep_text_printf(out, "],\n\"kernels\": [\n");
    for (uint32_t k = 0; k < file->n_kernels; k++) {
        append(out, kernel_of(&file->kernels[k], arena), after_item(k, file->n_kernels));
    }
    ep_text_printf(out, "],\n\"settings\": [\n");
    for (uint32_t i = 0; i < file->n_settings; i++) {
        const ep_setting *s = &file->settings[i];
        append(out, json_pack("[s, s]", s->key, s->value), after_item(i, file->n_settings));
    }
    ep_text_printf(out, "],\n");
}

ep_status ep_plan_file_write(const ep_plan_file *file, ep_text *out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    const size_t start = out->length;
    char digest[EP_SHA256_TEXT];
    ep_text_printf(out, "{\n");
    write_head(file, out, arena);
    write_lists(file, out, arena);
    ep_arena_free(arena);
    if (out->failed) return ep_fail_memory(err);
    ep_sha256(out->data + start, out->length - start, digest);
    ep_text_printf(out, EP__DIGEST_BEFORE "%s" EP__DIGEST_AFTER, digest);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

ep_status ep_plan_file_save(const ep_plan_file *file, const char *path, ep_error *err)
{
    ep_text text = {0};
    ep_status status = ep_plan_file_write(file, &text, err);
    if (status == EP_OK) status = ep_file_write(path, text.data, text.length, err);
    ep_text_free(&text);
    return status;
}
