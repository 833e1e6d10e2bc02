/* Two plan files side by side: what they were made of, and layer by layer. */
#include <stdlib.h>
#include <string.h>

#include "planner/plan_file.h"

typedef struct comparison {
    const ep_plan_file *file[2]; /* a, b */
    ep_arena *arena;
    ep_plan_file_change *settings;
    uint32_t n_settings, settings_capacity;
    ep_plan_file_pair *layers;
    uint32_t n_layers, layers_capacity;
    ep_error *err;
} comparison;

/* ---- what they were made of ---------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static ep_status compare_texts(comparison *c, const char *key, const char *a, const char *b)
{
    if (same_text(a, b)) return EP_OK;
    EP_TRY(ep_grow((void **)&c->settings, &c->settings_capacity, (uint64_t)c->n_settings + 1,
                   sizeof *c->settings, c->err));
    c->settings[c->n_settings++] = (ep_plan_file_change){.key = key, .a = a, .b = b};
    return EP_OK;
}

/* A limit of 0 is none. */
static ep_status compare_limits(comparison *c, const char *key, double a, double b)
{
    if (a == b) return EP_OK;
    char *text[2] = {ep_arena_printf(c->arena, "%.10g", a), ep_arena_printf(c->arena, "%.10g", b)};
    if (!text[0] || !text[1]) return ep_fail_memory(c->err);
    return compare_texts(c, key, a > 0 ? text[0] : NULL, b > 0 ? text[1] : NULL);
}

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static const char *level_text(const ep_plan_file *file)
{
    return ep_search_level_name((uint32_t)(file->options.search.level + EP_SEARCH_LEVEL_DEFAULT));
}

static ep_status compare_options(comparison *c)
{
    const ep_plan_file *a = c->file[0], *b = c->file[1];
    const ep_plan_options *p = &a->options, *q = &b->options;
    EP_TRY(compare_texts(c, "model", a->model, b->model));
    EP_TRY(compare_texts(c, "network_sha256", a->network_sha256, b->network_sha256));
    EP_TRY(compare_texts(c, "machine", a->machine, b->machine));
    EP_TRY(compare_texts(c, "set", a->machine_set, b->machine_set));
    EP_TRY(compare_texts(c, "mode", a->mode, b->mode));
    EP_TRY(compare_texts(c, "strategy", a->strategy, b->strategy));
    EP_TRY(compare_texts(c, "objective", ep_objective_name(p->objective),
                         ep_objective_name(q->objective)));
    EP_TRY(compare_limits(c, "deadline_ms", p->deadline_ns / 1e6, q->deadline_ns / 1e6));
    EP_TRY(compare_limits(c, "max_power_w", p->max_power_w, q->max_power_w));
    EP_TRY(compare_limits(c, "max_subgraphs", p->max_subgraphs, q->max_subgraphs));
    EP_TRY(compare_texts(c, "precision", ep_precision_choice_name(p->precision),
                         ep_precision_choice_name(q->precision)));
    EP_TRY(compare_texts(c, "dla", ep_dla_choice_name(p->dla), ep_dla_choice_name(q->dla)));
    EP_TRY(compare_texts(c, "io", ep_io_name(p->io), ep_io_name(q->io)));
    EP_TRY(compare_texts(c, "no_fallback", truth(p->no_fallback), truth(q->no_fallback)));
    EP_TRY(compare_texts(c, "standalone", truth(p->standalone), truth(q->standalone)));
    EP_TRY(compare_texts(c, "no_tf32", truth(p->no_tf32), truth(q->no_tf32)));
    EP_TRY(compare_texts(c, "sparse", truth(p->sparse), truth(q->sparse)));
    EP_TRY(compare_texts(c, "builder_optimization_level", level_text(a), level_text(b)));
#define X(name) EP_TRY(compare_texts(c, #name, a->texts.name, b->texts.name));
    EP_PLAN_FILE_TEXT_MAP(X)
#undef X
    return EP_OK;
}

/* Settings of the machines, in the order of A, then those of B alone. */
static ep_status compare_machines(comparison *c)
{
    for (int side = 0; side < 2; side++) {
        const ep_plan_file *one = c->file[side], *other = c->file[!side];
        ep_names *names = ep_names_new();
        ep_status status = names ? EP_OK : ep_fail_memory(c->err);
        for (uint32_t i = 0; i < other->n_settings && status == EP_OK; i++) {
            status = ep_names_put(names, other->settings[i].key, i, c->err);
        }
        for (uint32_t i = 0; i < one->n_settings && status == EP_OK; i++) {
            const ep_setting *s = &one->settings[i];
            const uint32_t found = ep_names_get(names, s->key);
            const char *value = found == EP_NO_INDEX ? NULL : other->settings[found].value;
            if (side == 1 && value) continue;
            status = compare_texts(c, s->key, side ? NULL : s->value, side ? s->value : value);
        }
        ep_names_free(names);
        EP_TRY(status);
    }
    return EP_OK;
}

/* ---- layers -------------------------------------------------------------------------------- */

static const ep_plan_file_kernel *kernel_of(const ep_plan_file *file,
                                            const ep_plan_file_layer *layer)
{
    return layer->kernel == EP_NO_INDEX ? NULL : &file->kernels[layer->kernel];
}

/* `b` may be EP_NO_INDEX; so may `a`. */
static ep_status compare_layer(comparison *c, uint32_t a, uint32_t b)
{
    ep_plan_file_pair pair = {.layer = {a, b}};
    if (a != EP_NO_INDEX && b != EP_NO_INDEX) {
        const ep_plan_file_layer *p = &c->file[0]->layers[a], *q = &c->file[1]->layers[b];
        const ep_plan_file_kernel *k = kernel_of(c->file[0], p), *l = kernel_of(c->file[1], q);
        pair.device = p->device != q->device;
        pair.precision = p->precision != q->precision;
        pair.subgraph = p->subgraph != q->subgraph;
        pair.kernel = !same_text(k ? k->name : NULL, l ? l->name : NULL);
        pair.tactic = !same_text(k ? k->tactic : "", l ? l->tactic : "");
        const bool differ =
            pair.device || pair.precision || pair.subgraph || pair.kernel || pair.tactic;
        if (!differ) return EP_OK;
    }
    EP_TRY(ep_grow((void **)&c->layers, &c->layers_capacity, (uint64_t)c->n_layers + 1,
                   sizeof *c->layers, c->err));
    c->layers[c->n_layers++] = pair;
    return EP_OK;
}

static ep_status compare_all_layers(comparison *c)
{
    for (int side = 0; side < 2; side++) {
        const ep_plan_file *one = c->file[side], *other = c->file[!side];
        ep_names *names = ep_names_new();
        ep_status status = names ? EP_OK : ep_fail_memory(c->err);
        for (uint32_t i = 0; i < other->n_layers && status == EP_OK; i++) {
            status = ep_names_put(names, other->layers[i].name, i, c->err);
        }
        for (uint32_t i = 0; i < one->n_layers && status == EP_OK; i++) {
            const uint32_t found = ep_names_get(names, one->layers[i].name);
            if (side == 1 && found != EP_NO_INDEX) continue;
            status = side ? compare_layer(c, EP_NO_INDEX, i) : compare_layer(c, i, found);
        }
        ep_names_free(names);
        EP_TRY(status);
    }
    return EP_OK;
}

/* ---- both ---------------------------------------------------------------------------------- */

static ep_status compare(comparison *c, ep_plan_file_diff *out)
{
    EP_TRY(compare_options(c));
    EP_TRY(compare_machines(c));
    EP_TRY(compare_all_layers(c));
    *out = (ep_plan_file_diff){
        .n_settings = c->n_settings,
        .settings = ep_arena_copy(c->arena, c->settings ? (const void *)c->settings : "",
                                  c->n_settings * sizeof *c->settings),
        .n_layers = c->n_layers,
        .layers = ep_arena_copy(c->arena, c->layers ? (const void *)c->layers : "",
                                c->n_layers * sizeof *c->layers)};
    return out->settings && out->layers ? EP_OK : ep_fail_memory(c->err);
}

ep_status ep_plan_file_compare(const ep_plan_file *a, const ep_plan_file *b, ep_arena *arena,
                               ep_plan_file_diff *out, ep_error *err)
{
    comparison c = {.file = {a, b}, .arena = arena, .err = err};
    const ep_status status = compare(&c, out);
    free(c.settings);
    free(c.layers);
    return status;
}
