#include <assert.h>
#include <string.h>

#include "hwmodels/reader.h"

static ep_status fail_missing(const ep__reader *reader, const ep__path *prefix,
                              const ep__field *field, const ep__yaml *map)
{
    const ep__path path = ep__path_key(prefix, field->key);
    const ep__words bounds = ep__bounds_words(field);
    /* where the block begins: its key, when it has one */
    const size_t line = map->key ? map->key_line : map->line;
    const size_t column = map->key ? map->key_column : map->column;
    return ep__fail_at(reader->err, map->file, line, column, "%s: missing; wants %s%s%s", path.text,
                       ep__kind_words(field->kind), bounds.text[0] ? " " : "", bounds.text);
}

/* The key of the block that a misspelt one was meant to be, or NULL. */
static const char *suggest(const ep__block *block, const char *key)
{
    const size_t length = strlen(key);
    unsigned best = length / 2 < 4 ? (unsigned)(length / 2) : 4;
    const char *suggestion = NULL;
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const unsigned distance = ep_edit_distance(key, block->fields[i].key, best);
        if (distance > best || (suggestion && distance == best)) continue;
        best = distance;
        suggestion = block->fields[i].key;
    }
    return suggestion;
}

static ep_status fail_unknown(const ep__reader *reader, const ep__path *prefix,
                              const ep__block *block, const ep__yaml *value)
{
    const char *dot = prefix->text[0] ? "." : "";
    const char *suggestion = suggest(block, value->key);
    if (suggestion) {
        return ep__fail_at(reader->err, value->file, value->key_line, value->key_column,
                           "%s%s%.40s: unknown key; did you mean '%s'?", prefix->text, dot,
                           value->key, suggestion);
    }
    ep_text keys = {0};
    for (uint32_t i = 0; i < block->n_fields; i++) {
        ep_text_printf(&keys, "%s%s", i ? ", " : "", block->fields[i].key);
    }
    const ep_status status = ep__fail_at(reader->err, value->file, value->key_line,
                                         value->key_column, "%s%s%.40s: unknown key; allowed: %s",
                                         prefix->text, dot, value->key, ep_text_cstr(&keys));
    ep_text_free(&keys);
    return status;
}

const ep__field *ep__find_field(const ep__block *block, const char *key, size_t length)
{
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const char *other = block->fields[i].key;
        if (strncmp(other, key, length) == 0 && other[length] == '\0') return &block->fields[i];
    }
    return NULL;
}

/* Sorts the values of a map by the block's fields. Every key must be known and new, so a map of any
 * size costs no more than the block has fields. */
static ep_status match_keys(const ep__reader *reader, const ep__path *prefix,
                            const ep__block *block, const ep__yaml *map, const ep__yaml **values)
{
    for (const ep__yaml *value = map->first; value; value = value->next) {
        const ep__field *field = ep__find_field(block, value->key, strlen(value->key));
        if (!field) return fail_unknown(reader, prefix, block, value);
        const ptrdiff_t i = field - block->fields;
        if (values[i]) {
            const ep__path path = ep__path_key(prefix, value->key);
            return ep__fail_at(reader->err, value->file, value->key_line, value->key_column,
                               "%s: given twice, first in line %zu", path.text,
                               values[i]->key_line);
        }
        values[i] = value;
    }
    return EP_OK;
}

static ep_status read_list(const ep__reader *reader, const ep__path *path, const ep__field *field,
                           const ep__yaml *list, void *base)
{
    if (list->kind != EP__YAML_LIST || list->n < field->min || list->n > field->max) {
        return ep__fail_value(reader, path, list, "wants list %s, is %s",
                              ep__bounds_words(field).text, ep__value_words(list).text);
    }
    const ep__block *block = field->block;
    char *items = ep_arena_take(reader->machine->arena, list->n, block->size);
    if (!items) return ep_fail_memory(reader->err);
    uint32_t i = 0;
    for (const ep__yaml *item = list->first; item; item = item->next, i++) {
        const ep__path item_path = ep__path_item(path, i);
        EP_TRY(ep__read_block(reader, &item_path, block, item, items + i * block->size));
    }
    memcpy((char *)base + field->count_offset, &list->n, sizeof list->n);
    memcpy((char *)base + field->offset, &items, sizeof items);
    return EP_OK;
}

static ep_status read_field(const ep__reader *reader, const ep__path *prefix,
                            const ep__field *field, const ep__yaml *value, void *base)
{
    const ep__path path = ep__path_key(prefix, field->key);
    void *out = (char *)base + field->offset;
    switch (field->kind) {
    case EP__BLOCK: return ep__read_block(reader, &path, field->block, value, out);
    case EP__LIST: return read_list(reader, &path, field, value, base);
    default: return ep__read_value(reader, &path, field, value, out);
    }
}

ep_status ep__read_block(const ep__reader *reader, const ep__path *path, const ep__block *block,
                         const ep__yaml *map, void *base)
{
    if (map->kind != EP__YAML_MAP) {
        return ep__fail_value(reader, path, map, "wants mapping (key: value), is %s",
                              ep__value_words(map).text);
    }
    const ep__yaml *values[EP__MAX_FIELDS] = {0};
    EP_TRY(match_keys(reader, path, block, map, values));
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const ep__field *field = &block->fields[i];
        if (values[i]) {
            EP_TRY(read_field(reader, path, field, values[i], base));
        } else if (field->presence == EP__REQUIRED ||
                   (field->presence == EP__WITH_DLA && reader->machine->dla.cores > 0)) {
            return fail_missing(reader, path, field, map);
        }
    }
    return EP_OK;
}

/* "models/orin-agx.yaml" -> "orin-agx" */
static char *name_of(const char *path, ep_arena *arena)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    if (length > 5 && strcmp(name + length - 5, ".yaml") == 0) length -= 5;
    return ep_arena_string(arena, name, length);
}

/* What the files say and what is set, in one tree. */
static ep_status read_tree(const ep__reader *reader, const ep__files *files,
                           const ep_machine_options *options, const ep__sets *sets, ep__yaml **root)
{
    const ep_machine *machine = reader->machine;
    EP_TRY(ep__files_read(files, machine->path, machine->arena, root, reader->err));
    EP_TRY(ep__inherit(*root, files, machine->arena, reader->err));
    if (options->mode_file) EP_TRY(ep__add_modes(reader, *root, files, options->mode_file));
    EP_TRY(ep__sets_put(reader, sets, EP__ALL_BUT_LIMITS, *root));
    EP_TRY(ep__select_limits(reader, *root));
    return ep__sets_put(reader, sets, EP__LIMITS, *root);
}

/* The sets as given, joined. */
static ep_status join_sets(const ep_machine_options *options, ep_arena *arena, const char **out,
                           ep_error *err)
{
    ep_text text = {0};
    for (uint32_t i = 0; i < options->n_sets; i++) {
        ep_text_printf(&text, "%s%s", i ? ", " : "", options->sets[i]);
    }
    if (text.data) *out = ep_arena_string(arena, text.data, text.length);
    const bool failed = text.failed || (options->n_sets > 0 && !*out);
    ep_text_free(&text);
    return failed ? ep_fail_memory(err) : EP_OK;
}

static ep_status read_machine(const ep__reader *reader, const char *path, const ep__files *files,
                              const ep_machine_options *options)
{
    ep_machine *machine = reader->machine;
    machine->path = ep_arena_string(machine->arena, path, strlen(path));
    machine->name = name_of(path, machine->arena);
    if (!machine->path || !machine->name) return ep_fail_memory(reader->err);
    ep__sets sets;
    EP_TRY(ep__sets_parse(options, machine->arena, &sets, reader->err));
    EP_TRY(join_sets(options, machine->arena, &machine->overrides, reader->err));
    ep__yaml *root;
    EP_TRY(read_tree(reader, files, options, &sets, &root));
    EP_TRY(ep__read_block(reader, &(ep__path){""}, ep__machine_block(), root, machine));
    if (machine->dla.cores == 0) {
        machine->dla = (ep_dla){0};
        machine->dla_software = NULL;
        machine->n_dla_softwares = 0;
    }
    ep__clamp_modes(machine, root);
    EP_TRY(ep__check_machine(reader, root));
    return ep__sets_apply_point(reader, &sets, root);
}

static ep_status new_machine(const char *path, const ep__files *files,
                             const ep_machine_options *options, ep_machine **out, ep_error *err)
{
    *out = NULL;
    ep_arena *arena = ep_arena_new();
    ep_machine *machine = arena ? EP_NEW(arena, ep_machine, 1) : NULL;
    if (!machine) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    machine->arena = arena;
    const ep__reader reader = {.machine = machine, .err = err};
    const ep_status status = read_machine(&reader, path, files, options);
    if (status != EP_OK) {
        ep_machine_free(machine);
        return status;
    }
    *out = machine;
    return EP_OK;
}

ep_status ep__machine_read(const char *path, const ep__files *files,
                           const ep_machine_options *options, ep_machine **out, ep_error *err)
{
    ep_error what = {0};
    ep_status status = new_machine(path, files, options, out, &what);
    if (status == EP_BAD_HARDWARE && options->n_sets > 0) {
        /* When the file is fine by itself, a value in it contradicts one that was set. */
        ep_machine_options alone = *options;
        alone.n_sets = 0;
        ep_machine *machine;
        if (new_machine(path, files, &alone, &machine, NULL) == EP_OK) {
            what.status = EP_BAD_USAGE;
            status = ep_fail_context(&what, "--set %.200s%s: ", options->sets[0],
                                     options->n_sets > 1 ? " and others" : "");
            ep_machine_free(machine);
        }
    }
    if (status != EP_OK && err) *err = what;
    return status;
}

ep_status ep_machine_parse_texts(const ep_machine_text *texts, uint32_t n,
                                 const ep_machine_options *options, ep_machine **out, ep_error *err)
{
    assert(n > 0);
    const ep__files files = {.n_texts = n, .texts = texts};
    return ep__machine_read(texts[0].path, &files, options, out, err);
}

ep_status ep_machine_parse(const char *text, size_t size, const char *path, ep_machine **out,
                           ep_error *err)
{
    const ep_machine_text model = {.path = path, .text = text, .size = size};
    return ep_machine_parse_texts(&model, 1, &(ep_machine_options){0}, out, err);
}

void ep_machine_free(ep_machine *machine)
{
    if (machine) ep_arena_free(machine->arena); /* the machine is in there too */
}
