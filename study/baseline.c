/* Is a network placed worse than it was? Two documents of `plan check --json`. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "study/study.h"

#define SCHEMA 1
#define MACS_SLACK_POINTS 0.05
#define LATENCY_SLACK_PCT 0.5
#define MOST_LINES 20 /* of one list in the diff */

typedef enum fate { SAME, LEFT, NEW_OFF, CAME, NEW_ON, GONE, N_FATES } fate;

typedef struct item {
    const char *name, *op;
    bool dla;
    const json_t *refused; /* NULL or an array of objects */
    fate fate;
} item;

typedef enum figure { SUBGRAPHS, TRANSITIONS, MACS, LATENCY, N_FIGURES } figure;

static const struct figure_row {
    const char *key, *label, *unit;
} figure_rows[N_FIGURES] = {
    [SUBGRAPHS] = {"subgraphs", "subgraphs", ""},
    [TRANSITIONS] = {"transitions", "transitions", ""},
    [MACS] = {"macs_dla_pct", "MACs on the DLA", " %"},
    [LATENCY] = {"latency_ms", "latency", " ms"},
};

typedef struct document {
    const char *path;
    json_t *root;
    uint32_t n;
    item *items;
    double figures[N_FIGURES]; /* NAN: it has none */
} document;

/* ---- reading ------------------------------------------------------------------------------- */

static size_t at_least_1(int place)
{
    return place > 0 ? (size_t)place : 1;
}

static ep_status parse(document *doc, const char *text, size_t size, ep_error *err)
{
    json_error_t why;
    doc->root = json_loadb(text ? text : "", size, 0, &why);
    if (doc->root) return EP_OK;
    if (json_error_code(&why) == json_error_out_of_memory) return ep_fail_memory(err);
    return ep_fail_at(err, EP_BAD_FILE, doc->path, at_least_1(why.line), at_least_1(why.column),
                      "not JSON: %s", why.text);
}

static ep_status check_kind(const document *doc, ep_error *err)
{
    const json_t *schema = json_object_get(doc->root, "schema");
    const json_t *layers = json_object_get(doc->root, "layers");
    EP_FAIL_IF(!json_is_integer(schema), err, EP_BAD_FILE,
               "%s: no integer \"schema\"; wants what `plan check --json` writes", doc->path);
    EP_FAIL_IF(json_integer_value(schema) != SCHEMA, err, EP_BAD_FILE,
               "%s: schema %" JSON_INTEGER_FORMAT ", allowed %d; write the baseline anew",
               doc->path, json_integer_value(schema), SCHEMA);
    EP_FAIL_IF(!json_is_array(layers) || !json_is_object(json_object_get(doc->root, "placement")),
               err, EP_BAD_FILE,
               "%s: no \"placement\" and \"layers\"; wants what `plan check --json` writes for one "
               "model",
               doc->path);
    EP_FAIL_IF(json_array_size(layers) >= EP_NO_INDEX, err, EP_BAD_FILE, "%s: %zu layers",
               doc->path, json_array_size(layers));
    return EP_OK;
}

static ep_status read_item(const document *doc, size_t index, item *out, ep_error *err)
{
    const json_t *entry = json_array_get(json_object_get(doc->root, "layers"), index);
    const json_t *name = json_object_get(entry, "name");
    const json_t *op = json_object_get(entry, "op");
    const json_t *dla = json_object_get(entry, "dla");
    const json_t *refused = json_object_get(entry, "refused");
    EP_FAIL_IF(!json_is_string(name), err, EP_BAD_FILE, "%s: layer %zu: no text \"name\"",
               doc->path, index + 1);
    EP_FAIL_IF(!json_is_boolean(dla), err, EP_BAD_FILE, "%s: layer %zu: no \"dla\", true or false",
               doc->path, index + 1);
    EP_FAIL_IF(refused && !json_is_array(refused), err, EP_BAD_FILE,
               "%s: layer %zu: \"refused\" is not an array", doc->path, index + 1);
    *out = (item){.name = json_string_value(name),
                  .op = json_is_string(op) ? json_string_value(op) : "",
                  .dla = json_is_true(dla),
                  .refused = refused};
    return EP_OK;
}

static ep_status read_figure(const document *doc, const char *key, double *out, ep_error *err)
{
    const json_t *number = json_object_get(json_object_get(doc->root, "placement"), key);
    if (!number) number = json_object_get(json_object_get(doc->root, "verdict"), key);
    *out = NAN;
    if (!number || json_is_null(number)) return EP_OK;
    EP_FAIL_IF(!json_is_number(number) || json_number_value(number) < 0, err, EP_BAD_FILE,
               "%s: \"%s\" is not a number of 0 or more", doc->path, key);
    *out = json_number_value(number);
    return EP_OK;
}

static ep_status read_document(document *doc, const char *text, size_t size, ep_arena *arena,
                               ep_error *err)
{
    EP_TRY(parse(doc, text, size, err));
    EP_TRY(check_kind(doc, err));
    doc->n = (uint32_t)json_array_size(json_object_get(doc->root, "layers"));
    doc->items = EP_NEW(arena, item, doc->n);
    if (!doc->items) return ep_fail_memory(err);
    for (uint32_t i = 0; i < doc->n; i++) EP_TRY(read_item(doc, i, &doc->items[i], err));
    for (unsigned f = 0; f < N_FIGURES; f++) {
        EP_TRY(read_figure(doc, figure_rows[f].key, &doc->figures[f], err));
    }
    return EP_OK;
}

/* How a check was asked for: only checks of the same settings compare. */
static ep_status compare_setting(const document *was, const document *now, const char *key,
                                 bool needed, ep_error *err)
{
    const document *const docs[] = {was, now};
    const char *values[2];
    for (unsigned d = 0; d < 2; d++) {
        const json_t *value = json_object_get(docs[d]->root, key);
        EP_FAIL_IF(value ? !json_is_string(value) : needed, err, EP_BAD_FILE, "%s: no text \"%s\"",
                   docs[d]->path, key);
        values[d] = value ? json_string_value(value) : "";
    }
    EP_FAIL_IF(
        strcmp(values[0], values[1]) != 0, err, EP_BAD_USAGE,
        "--baseline %s: its %s is '%s', this check's is '%s'; check with the same or write the "
        "baseline anew",
        was->path, key, values[0], values[1]);
    return EP_OK;
}

/* ---- comparing ----------------------------------------------------------------------------- */

/* Layers of one name pair up in their order. `next[i]` is the next layer of was with the name of
 * layer i; was->n ends a chain. */
static ep_status pair_up(document *was, document *now, ep_names *first, uint32_t *next,
                         ep_error *err)
{
    for (uint32_t i = was->n; i-- > 0;) {
        item *old = &was->items[i];
        old->fate = GONE;
        const uint32_t later = ep_names_get(first, old->name);
        next[i] = later == EP_NO_INDEX ? was->n : later;
        EP_TRY(ep_names_put(first, old->name, i, err));
    }
    for (uint32_t i = 0; i < now->n; i++) {
        item *new = &now->items[i];
        const uint32_t found = ep_names_get(first, new->name);
        if (found >= was->n) {
            new->fate = new->dla ? NEW_ON : NEW_OFF;
            continue;
        }
        item *old = &was->items[found];
        old->fate = SAME;
        new->fate = old->dla == new->dla ? SAME : new->dla ? CAME : LEFT;
        EP_TRY(ep_names_put(first, old->name, next[found], err));
    }
    return EP_OK;
}

static ep_status compare_layers(document *was, document *now, ep_arena *arena, ep_error *err)
{
    ep_names *first = ep_names_new();
    uint32_t *next = EP_NEW(arena, uint32_t, was->n);
    const ep_status status =
        first && next ? pair_up(was, now, first, next, err) : ep_fail_memory(err);
    ep_names_free(first);
    return status;
}

static uint32_t count(const document *doc, fate asked)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < doc->n; i++) n += doc->items[i].fate == asked;
    return n;
}

/* False when one of them has no such figure. */
static bool has_changed(figure f, double was, double now)
{
    switch (f) {
    case LATENCY: return fabs(now - was) > was * LATENCY_SLACK_PCT / 100;
    case MACS: return fabs(now - was) > MACS_SLACK_POINTS;
    default: return fabs(now - was) > 0;
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

/* A name from a file, without what would steer a terminal. */
static void write_name(ep_text *out, const char *name)
{
    while (*name) {
        size_t plain = 0;
        while ((unsigned char)name[plain] >= 0x20 && name[plain] != 0x7f) plain++;
        ep_text_append(out, name, plain);
        name += plain;
        if (!*name) break;
        ep_text_append(out, "?", 1);
        name++;
    }
}

/* ": conv.kernel: kernel 33x33, allowed 1..32; ..." */
static void write_refusals(ep_text *out, const json_t *refused)
{
    static const char *const keys[] = {"rule", "value", "bound"};
    static const char *const before[] = {NULL, ": ", ", allowed "};
    const char *separator = ": ";
    for (size_t r = 0; r < json_array_size(refused); r++) {
        const json_t *refusal = json_array_get(refused, r);
        const char *rule = json_string_value(json_object_get(refusal, keys[0]));
        if (!rule) continue;
        ep_text_printf(out, "%s", separator);
        write_name(out, rule);
        for (unsigned k = 1; k < 3; k++) {
            const char *text = json_string_value(json_object_get(refusal, keys[k]));
            if (!text || !*text) continue;
            ep_text_printf(out, "%s", before[k]);
            write_name(out, text);
        }
        separator = "; ";
    }
}

static void write_layer(ep_text *out, const item *layer)
{
    ep_text_printf(out, "  ");
    write_name(out, layer->name);
    if (layer->op[0]) {
        ep_text_printf(out, " (");
        write_name(out, layer->op);
        ep_text_printf(out, ")");
    }
    if (layer->fate != GONE && !layer->dla) write_refusals(out, layer->refused);
    ep_text_printf(out, "\n");
}

static void write_layers(ep_text *out, const document *doc, fate asked, const char *title)
{
    const uint32_t n = count(doc, asked);
    if (n == 0) return;
    ep_text_printf(out, "%s: %" PRIu32 " layer%s\n", title, n, n == 1 ? "" : "s");
    uint32_t written = 0;
    for (uint32_t i = 0; i < doc->n && written < MOST_LINES; i++) {
        if (doc->items[i].fate != asked) continue;
        write_layer(out, &doc->items[i]);
        written++;
    }
    if (n > written) ep_text_printf(out, "  and %" PRIu32 " more\n", n - written);
}

static void write_figure(ep_text *out, figure f, double was, double now)
{
    const char *unit = figure_rows[f].unit;
    const int digits = *unit ? 4 : 15; /* counts are whole */
    ep_text_printf(out, "%.*g%s -> %.*g%s", digits, was, unit, digits, now, unit);
}

static void write_text_change(ep_text *out, const char *label, const char *key, const document *was,
                              const document *now)
{
    const char *old = json_string_value(json_object_get(was->root, key));
    const char *new = json_string_value(json_object_get(now->root, key));
    if (!old || !new || strcmp(old, new) == 0) return;
    ep_text_printf(out, "%s: ", label);
    write_name(out, old);
    ep_text_printf(out, " -> ");
    write_name(out, new);
    ep_text_printf(out, "\n");
}

/* What else may be why layers moved. */
static void write_subject(ep_text *out, const document *was, const document *now)
{
    write_text_change(out, "model", "model", was, now);
    write_text_change(out, "DLA software", "dla_software", was, now);
    const json_t *a = json_object_get(was->root, "batch");
    const json_t *b = json_object_get(now->root, "batch");
    if (!json_is_integer(a) || !json_is_integer(b) || json_equal(a, b)) return;
    ep_text_printf(out, "batch: %" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT "\n",
                   json_integer_value(a), json_integer_value(b));
}

static void write_diff(ep_text *out, const document *was, const document *now)
{
    const size_t before = out->length;
    write_subject(out, was, now);
    write_layers(out, now, LEFT, "left the DLA");
    write_layers(out, now, NEW_OFF, "new and not on the DLA");
    write_layers(out, now, CAME, "came to the DLA");
    write_layers(out, now, NEW_ON, "new and on the DLA");
    write_layers(out, was, GONE, "gone");
    for (unsigned f = 0; f < N_FIGURES; f++) {
        const double a = was->figures[f], b = now->figures[f];
        if (!has_changed((figure)f, a, b)) continue;
        ep_text_printf(out, "%s: ", figure_rows[f].label);
        write_figure(out, (figure)f, a, b);
        if (f == LATENCY && a > 0) ep_text_printf(out, " (%+.1f %%)", 100 * (b - a) / a);
        ep_text_printf(out, "\n");
    }
    if (out->length == before) ep_text_printf(out, "no change\n");
}

/* Appends one reason why the placement is worse; `n` layers are one. */
static void write_reason(ep_text *out, uint32_t n, const char *one, const char *many)
{
    if (n > 0)
        ep_text_printf(out, "%s%" PRIu32 " %s", out->length ? ", " : "", n, n == 1 ? one : many);
}

static void write_reasons(ep_text *out, const document *was, const document *now)
{
    write_reason(out, count(now, LEFT), "layer left the DLA", "layers left the DLA");
    write_reason(out, count(now, NEW_OFF), "new layer is not on the DLA",
                 "new layers are not on the DLA");
    for (unsigned f = 0; f < LATENCY; f++) {
        const double a = was->figures[f], b = now->figures[f];
        const bool worse = f == MACS ? b < a : b > a;
        if (!worse || !has_changed((figure)f, a, b)) continue;
        ep_text_printf(out, "%s%s ", out->length ? ", " : "", figure_rows[f].label);
        write_figure(out, (figure)f, a, b);
    }
}

static ep_status judge(const document *was, const document *now, ep_error *err)
{
    ep_text reasons = {0};
    write_reasons(&reasons, was, now);
    ep_status status = EP_OK;
    if (reasons.failed) {
        status = ep_fail_memory(err);
    } else if (reasons.length > 0) {
        status = ep_fail(err, EP_GATE_FAILED, "--baseline %s: worse: %s", was->path,
                         ep_text_cstr(&reasons));
    }
    ep_text_free(&reasons);
    return status;
}

/* ---- all of it ----------------------------------------------------------------------------- */

static ep_status compare(document *was, document *now, ep_arena *arena, ep_text *diff,
                         ep_error *err)
{
    EP_TRY(compare_setting(was, now, "hardware", true, err));
    EP_TRY(compare_setting(was, now, "set", false, err));
    EP_TRY(compare_setting(was, now, "mode", true, err));
    EP_TRY(compare_setting(was, now, "precision", true, err));
    EP_TRY(compare_setting(was, now, "dla", false, err));
    EP_TRY(compare_layers(was, now, arena, err));
    write_diff(diff, was, now);
    if (diff->failed) return ep_fail_memory(err);
    return judge(was, now, err);
}

ep_status ep_baseline_compare_text(const char *was, size_t was_size, const char *path,
                                   const char *now, size_t size, ep_text *diff, ep_error *err)
{
    document old = {.path = path}, new = {.path = "this check"};
    ep_arena *arena = ep_arena_new();
    ep_status status = arena ? EP_OK : ep_fail_memory(err);
    if (status == EP_OK) status = read_document(&old, was, was_size, arena, err);
    if (status == EP_OK) status = read_document(&new, now, size, arena, err);
    if (status == EP_OK) status = compare(&old, &new, arena, diff, err);
    json_decref(old.root);
    json_decref(new.root);
    ep_arena_free(arena);
    return status;
}

ep_status ep_baseline_compare(const char *path, const char *now, size_t size, ep_text *diff,
                              ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status =
        ep_baseline_compare_text((const char *)map.data, map.size, path, now, size, diff, err);
    ep_map_close(&map);
    return status;
}
