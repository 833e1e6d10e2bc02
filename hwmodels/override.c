/* What is set from outside. Keys of the schema are put into the tree, before the schema reads it;
 * keys of the operating point go into the modes, after. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hwmodels/reader.h"

/* A clock may pass the highest that the module allows, within the schema: a what-if (DRIVE Orin
 * runs its memory at 3200 MHz, AGX Orin at 3199). A count may not pass what is there. */
static const ep__point_key point_keys[] = {
    {"gpu.clock_mhz", "gpu_mhz"}, {"gpu.tpcs", "gpu_tpcs"},       {"dla.clock_mhz", "dla_mhz"},
    {"dla.count", "dla_cores"},   {"dram.clock_mhz", "dram_mhz"}, {"cpu.clock_mhz", "cpu_mhz"},
    {"cpu.online", "cpu_online"}, {"budget_w", "budget_w"},
};
enum { N_POINT_KEYS = sizeof point_keys / sizeof *point_keys };

static const ep__point_key *find_point_key(const char *key)
{
    for (size_t i = 0; i < N_POINT_KEYS; i++) {
        if (strcmp(point_keys[i].key, key) == 0) return &point_keys[i];
    }
    return NULL;
}

bool ep_mode_has(const char *key, bool *is_count)
{
    const ep__point_key *point = find_point_key(key);
    if (point) *is_count = ep__mode_field(point->mode_key)->kind == EP__INTEGER;
    return point;
}

void ep_mode_set(ep_mode *mode, const char *key, double value)
{
    const ep__field *field = ep__mode_field(find_point_key(key)->mode_key);
    void *at = (char *)mode + field->offset;
    if (field->kind == EP__INTEGER) {
        *(int64_t *)at = (int64_t)value;
    } else {
        *(double *)at = value;
    }
}

static ep_status parse_set(const char *text, ep_arena *arena, ep__set *set, ep_error *err)
{
    set->label = ep_arena_printf(arena, "--set %.200s", text);
    if (!set->label) return ep_fail_memory(err);
    const char *equals = strchr(text, '=');
    EP_FAIL_IF(!equals || equals == text, err, EP_BAD_USAGE, "%s: wants KEY=VALUE", set->label);
    EP_FAIL_IF(!equals[1], err, EP_BAD_USAGE, "%s: wants a value behind the '='", set->label);
    set->key = ep_arena_string(arena, text, (size_t)(equals - text));
    if (!set->key) return ep_fail_memory(err);
    set->point = find_point_key(set->key);
    return ep__yaml_parse_set(equals + 1, set->label, arena, &set->value, err);
}

ep_status ep__sets_parse(const ep_machine_options *options, ep_arena *arena, ep__sets *out,
                         ep_error *err)
{
    out->n = options->n_sets;
    out->items = EP_NEW(arena, ep__set, options->n_sets);
    if (!out->items) return ep_fail_memory(err);
    for (uint32_t i = 0; i < out->n; i++) {
        EP_TRY(parse_set(options->sets[i], arena, &out->items[i], err));
    }
    return EP_OK;
}

/* ---- keys of the schema -------------------------------------------------------------------- */

/* On the way along a key, from the root of the schema and of the tree at once. */
typedef struct walk {
    const ep__reader *reader;
    const ep__set *set;
    const char *rest; /* of the key */
    const ep__block *block;
    ep__yaml *map; /* NULL: the tree has something else there */
} walk;

static ep_status fail(const walk *at, const char *what, const ep_text *more)
{
    return ep__fail_at(at->reader->err, at->set->label, 0, 0, "%s%s", what, ep_text_cstr(more));
}

/* The length of the part of the key that led here, "gpu."; no key of ours is as long as 80. */
static int done(const walk *at)
{
    const ptrdiff_t length = at->rest - at->set->key;
    return length < 80 ? (int)length : 80;
}

/* Every key that could follow, of the operating point too. */
static void list_keys(const walk *at, ep_text *out)
{
    const char *comma = "";
    for (uint32_t i = 0; i < at->block->n_fields; i++) {
        if (at->block->fields[i].kind == EP__PARENTS) continue;
        ep_text_printf(out, "%s%s", comma, at->block->fields[i].key);
        comma = ", ";
    }
    const size_t length = (size_t)(at->rest - at->set->key);
    for (size_t i = 0; i < N_POINT_KEYS; i++) {
        if (strncmp(point_keys[i].key, at->set->key, length) != 0) continue;
        const char *key = point_keys[i].key + length;
        key += length > 0 && *key == '.';
        if (!strchr(key, '.')) ep_text_printf(out, ", %s", key);
    }
}

/* The whole key that was meant, "" when none is near. */
static ep__path suggest(const walk *at, size_t length)
{
    const char *key = at->set->key;
    const size_t until = (size_t)(at->rest - key) + length;
    ep__path best_key = {""}, given;
    if (until >= sizeof given.text) return best_key;
    memcpy(given.text, key, until);
    given.text[until] = '\0';
    unsigned best = length / 2 < 4 ? (unsigned)(length / 2) : 4;
    for (uint32_t i = 0; i < at->block->n_fields; i++) {
        const ep__field *field = &at->block->fields[i];
        ep__path candidate;
        (void)snprintf(candidate.text, sizeof candidate.text, "%.*s%.40s", done(at), key,
                       field->key);
        const unsigned distance = ep_edit_distance(given.text, candidate.text, best);
        if (field->kind == EP__PARENTS || distance > best ||
            (best_key.text[0] && distance == best)) {
            continue;
        }
        best = distance;
        (void)snprintf(best_key.text, sizeof best_key.text, "%.*s%.40s%.40s", done(at), key,
                       field->key, key + until);
    }
    for (size_t i = 0; i < N_POINT_KEYS; i++) {
        const unsigned distance = ep_edit_distance(key, point_keys[i].key, best);
        if (distance > best || (best_key.text[0] && distance == best && key[until] == '\0')) {
            continue;
        }
        best = distance;
        (void)snprintf(best_key.text, sizeof best_key.text, "%s", point_keys[i].key);
    }
    return best_key;
}

static ep_status fail_unknown(const walk *at, size_t length)
{
    const ep__path meant = suggest(at, length);
    ep_text more = {0};
    if (meant.text[0]) {
        ep_text_printf(&more, "did you mean '%s'?", meant.text);
    } else {
        ep_text_printf(&more, "allowed: ");
        list_keys(at, &more);
    }
    const ep_status status = fail(at, "unknown key; ", &more);
    ep_text_free(&more);
    return status;
}

/* The key ends at a block, or at an item of a list. */
static ep_status fail_block(const walk *at)
{
    ep_text keys = {0};
    list_keys(at, &keys);
    const ep_status status = fail(at, "a block; set one of its keys: ", &keys);
    ep_text_free(&keys);
    return status;
}

static const char *item_name(const ep__yaml *item)
{
    const ep__yaml *name = item->kind == EP__YAML_MAP ? ep__yaml_get(item, "name") : NULL;
    return name && name->text ? name->text : NULL;
}

/* The rest of the key names no item of the list; NULL: there is no list. */
static ep_status fail_item(const walk *at, const ep__field *field, const ep__yaml *list)
{
    ep_text more = {0};
    const char *separator = " ";
    for (const ep__yaml *item = list ? list->first : NULL; item; item = item->next) {
        if (!item_name(item)) continue;
        ep_text_printf(&more, "%s%.64s", separator, item_name(item));
        separator = ", ";
    }
    char what[128];
    const size_t length = strcspn(at->rest, ".");
    if (!more.length) {
        (void)snprintf(what, sizeof what, "there is nothing with a name in %s", field->key);
    } else if (length > 0) {
        (void)snprintf(what, sizeof what, "no '%.*s' in %s; there are",
                       (int)(length < 64 ? length : 64), at->rest, field->key);
    } else {
        (void)snprintf(what, sizeof what, "a list; set a key of an item, %s.NAME.KEY; there are",
                       field->key);
    }
    const ep_status status = fail(at, what, &more);
    ep_text_free(&more);
    return status;
}

/* How much of the key names the item; names are compared as those of modes. 0: none. */
static size_t names_item(const char *key, const ep__yaml *item)
{
    if (!item_name(item)) return 0;
    const char *name = ep__bare_mode(item_name(item)), *bare = ep__bare_mode(key);
    const size_t length = strlen(name);
    if (length == 0 || strncasecmp(bare, name, length) != 0) return 0;
    return bare[length] == '.' || !bare[length] ? (size_t)(bare + length - key) : 0;
}

static ep_status new_value(const walk *at, const char *key, ep__yaml_kind kind, ep__yaml **out)
{
    ep__yaml *value = EP_NEW(at->reader->machine->arena, ep__yaml, 1);
    if (!value) return ep_fail_memory(at->reader->err);
    value->kind = kind;
    value->file = at->set->label;
    value->key = key;
    ep__yaml **end = &at->map->first;
    while (*end) end = &(*end)->next;
    *end = value;
    at->map->n++;
    *out = value;
    return EP_OK;
}

static ep_status enter_block(walk *at, const ep__field *field)
{
    at->block = field->block;
    if (!at->map) return EP_OK;
    ep__yaml *map = ep__yaml_find(at->map, field->key);
    if (!map) EP_TRY(new_value(at, field->key, EP__YAML_MAP, &map));
    at->map = map->kind == EP__YAML_MAP ? map : NULL;
    return EP_OK;
}

/* The longest name wins, since one may go on where another ends: "15W" and "15W.b". */
static ep_status enter_item(walk *at, const ep__field *field, bool *skip)
{
    ep__yaml *list = at->map ? ep__yaml_find(at->map, field->key) : NULL;
    *skip = !at->map || (list && list->kind != EP__YAML_LIST);
    if (*skip) return EP_OK;
    size_t length = 0;
    for (ep__yaml *item = list ? list->first : NULL; item; item = item->next) {
        const size_t n = names_item(at->rest, item);
        if (n <= length) continue;
        length = n;
        at->map = item;
    }
    if (length == 0) return fail_item(at, field, list);
    at->rest += length;
    at->block = field->block;
    return EP_OK;
}

static ep_status put_value(const walk *at, const ep__field *field)
{
    if (!at->map) return EP_OK;
    ep__yaml *value = ep__yaml_find(at->map, field->key);
    if (!value) {
        EP_TRY(new_value(at, field->key, EP__YAML_SCALAR, &value));
    } else if (value->line == 0) {
        return ep__fail_at(at->reader->err, at->set->label, 0, 0, "set twice, first by %s",
                           value->file);
    }
    const ep__yaml place = *value;
    *value = *at->set->value;
    value->key = place.key;
    value->key_line = place.key_line;
    value->key_column = place.key_column;
    value->next = place.next;
    return EP_OK;
}

/* The depth of the schema bounds the steps. */
static ep_status put_set(walk *at)
{
    for (;;) {
        const size_t length = strcspn(at->rest, ".");
        const ep__field *field = ep__find_field(at->block, at->rest, length);
        if (!field) return fail_unknown(at, length);
        if (field->kind == EP__PARENTS) return fail(at, "cannot be set", &(ep_text){0});
        const bool is_leaf = field->kind != EP__BLOCK && field->kind != EP__LIST;
        if (is_leaf && at->rest[length]) return fail(at, "there are no keys in it", &(ep_text){0});
        if (is_leaf) return put_value(at, field);
        at->rest += length + (at->rest[length] == '.');
        if (field->kind == EP__BLOCK) {
            EP_TRY(enter_block(at, field));
        } else {
            bool skip;
            EP_TRY(enter_item(at, field, &skip));
            if (skip) return EP_OK;
            at->rest += *at->rest == '.';
        }
        if (!*at->rest) return fail_block(at);
    }
}

ep_status ep__sets_put(const ep__reader *reader, const ep__sets *sets, ep__set_part part,
                       ep__yaml *root)
{
    static const char limits[] = "dla.limits.";
    for (uint32_t i = 0; i < sets->n; i++) {
        const ep__set *set = &sets->items[i];
        const bool is_limit = strncmp(set->key, limits, sizeof limits - 1) == 0;
        if (set->point || is_limit != (part == EP__LIMITS)) continue;
        walk at = {.reader = reader,
                   .set = set,
                   .rest = set->key,
                   .block = ep__machine_block(),
                   .map = root->kind == EP__YAML_MAP ? root : NULL};
        EP_TRY(put_set(&at));
    }
    return EP_OK;
}

/* ---- keys of the operating point ----------------------------------------------------------- */

static ep_status check_point(const ep__reader *reader, const ep__set *set, const ep__field *field,
                             int64_t count)
{
    const ep_machine *machine = reader->machine;
    if (field->kind != EP__INTEGER) {
        if (machine->dla.cores > 0 || strcmp(set->key, "dla.clock_mhz") != 0) return EP_OK;
        return ep__fail_at(reader->err, set->label, 0, 0, "%s has no DLA", machine->name);
    }
    ep__mode_bound bounds[EP__MODE_BOUNDS];
    ep__mode_bounds(machine, bounds);
    const ep__mode_bound *bound = bounds;
    while (strcmp(bound->key, field->key) != 0) bound++;
    if ((double)count <= bound->max) return EP_OK;
    return ep__fail_at(reader->err, set->label, 0, 0, "%s: allowed up to %.12g (%s), is %lld",
                       set->key, bound->max, bound->from, (long long)count);
}

static ep_status apply_point(const ep__reader *reader, const ep__set *set, const ep__yaml *root)
{
    const ep__field *field = ep__mode_field(set->point->mode_key);
    union {
        int64_t integer;
        double number;
    } value;
    ep__path path;
    (void)snprintf(path.text, sizeof path.text, "%s", set->key);
    EP_TRY(ep__read_value(reader, &path, field, set->value, &value));
    EP_TRY(check_point(reader, set, field, value.integer));
    ep_mode *mode = (ep_mode *)reader->machine->modes; /* in the arena */
    const ep__yaml *item = ep__yaml_get(root, "modes")->first;
    for (; item; item = item->next, mode++) {
        const ep__yaml *own = ep__yaml_get(item, field->key);
        if (own && own->line == 0) continue;
        memcpy((char *)mode + field->offset, &value, sizeof value);
    }
    return EP_OK;
}

static ep_status check_dla_clocks(const ep__reader *reader, const char *label)
{
    const ep_machine *machine = reader->machine;
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        const ep_mode *mode = &machine->modes[i];
        if (mode->dla_cores == 0 || mode->dla_mhz > 0) continue;
        return ep__fail_at(reader->err, label, 0, 0,
                           "mode '%s' has DLA cores with a clock of 0; set dla.clock_mhz above 0",
                           mode->name);
    }
    return EP_OK;
}

ep_status ep__sets_apply_point(const ep__reader *reader, const ep__sets *sets, const ep__yaml *root)
{
    const char *dla_label = NULL;
    for (uint32_t i = 0; i < sets->n; i++) {
        const ep__set *set = &sets->items[i];
        if (!set->point) continue;
        for (uint32_t k = 0; k < i; k++) {
            if (sets->items[k].point != set->point) continue;
            return ep__fail_at(reader->err, set->label, 0, 0, "set twice, first by %s",
                               sets->items[k].label);
        }
        EP_TRY(apply_point(reader, set, root));
        if (strncmp(set->key, "dla.", 4) == 0) dla_label = set->label;
    }
    return dla_label ? check_dla_clocks(reader, dla_label) : EP_OK;
}
