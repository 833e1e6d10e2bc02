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
    return ep_fail_at(reader->err, EP_BAD_HARDWARE, map->file, line, column,
                      "%s: missing; wants %s%s%s", path.text, ep__kind_words(field->kind),
                      bounds.text[0] ? " " : "", bounds.text);
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
        return ep_fail_at(reader->err, EP_BAD_HARDWARE, value->file, value->key_line,
                          value->key_column, "%s%s%.40s: unknown key; did you mean '%s'?",
                          prefix->text, dot, value->key, suggestion);
    }
    ep_text keys = {0};
    for (uint32_t i = 0; i < block->n_fields; i++) {
        ep_text_printf(&keys, "%s%s", i ? ", " : "", block->fields[i].key);
    }
    const ep_status status = ep_fail_at(reader->err, EP_BAD_HARDWARE, value->file, value->key_line,
                                        value->key_column, "%s%s%.40s: unknown key; allowed: %s",
                                        prefix->text, dot, value->key, ep_text_cstr(&keys));
    ep_text_free(&keys);
    return status;
}

/* Sorts the values of a map by the block's fields. Every key must be known and new, so a map of any
 * size costs no more than the block has fields. */
static ep_status match_keys(const ep__reader *reader, const ep__path *prefix,
                            const ep__block *block, const ep__yaml *map, const ep__yaml **values)
{
    for (const ep__yaml *value = map->first; value; value = value->next) {
        uint32_t i = 0;
        while (i < block->n_fields && strcmp(block->fields[i].key, value->key) != 0) i++;
        if (i == block->n_fields) return fail_unknown(reader, prefix, block, value);
        if (values[i]) {
            const ep__path path = ep__path_key(prefix, value->key);
            return ep_fail_at(reader->err, EP_BAD_HARDWARE, value->file, value->key_line,
                              value->key_column, "%s: given twice, first in line %zu", path.text,
                              values[i]->key_line);
        }
        values[i] = value;
    }
    return EP_OK;
}

static ep_status read_block(const ep__reader *reader, const ep__path *path, const ep__block *block,
                            const ep__yaml *map, void *base);

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
        EP_TRY(read_block(reader, &item_path, block, item, items + i * block->size));
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
    case EP__BLOCK: return read_block(reader, &path, field->block, value, out);
    case EP__LIST: return read_list(reader, &path, field, value, base);
    default: return ep__read_value(reader, &path, field, value, out);
    }
}

static ep_status read_block(const ep__reader *reader, const ep__path *path, const ep__block *block,
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

static ep_status parse_into(ep_machine *machine, const char *text, size_t size, const char *path,
                            const ep__folders *folders, ep_error *err)
{
    machine->path = ep_arena_string(machine->arena, path, strlen(path));
    machine->name = name_of(path, machine->arena);
    if (!machine->path || !machine->name) return ep_fail_memory(err);
    ep__yaml *root;
    EP_TRY(ep__yaml_parse(text, size, machine->path, machine->arena, &root, err));
    EP_TRY(ep__inherit(root, folders, machine->arena, err));
    EP_TRY(ep__select_limits(root, err));
    const ep__reader reader = {.machine = machine, .err = err};
    EP_TRY(read_block(&reader, &(ep__path){""}, ep__machine_block(), root, machine));
    if (machine->dla.cores == 0) {
        machine->dla = (ep_dla){0};
        machine->dla_software = NULL;
    }
    return ep__check_machine(&reader, root);
}

ep_status ep__machine_read(const char *text, size_t size, const char *path,
                           const ep__folders *folders, ep_machine **out, ep_error *err)
{
    *out = NULL;
    ep_arena *arena = ep_arena_new();
    ep_machine *machine = arena ? EP_NEW(arena, ep_machine, 1) : NULL;
    if (!machine) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    machine->arena = arena;
    const ep_status status = parse_into(machine, text, size, path, folders, err);
    if (status != EP_OK) {
        ep_machine_free(machine);
        return status;
    }
    *out = machine;
    return EP_OK;
}

ep_status ep_machine_parse(const char *text, size_t size, const char *path, ep_machine **out,
                           ep_error *err)
{
    return ep__machine_read(text, size, path, NULL, out, err);
}

void ep_machine_free(ep_machine *machine)
{
    if (machine) ep_arena_free(machine->arena); /* the machine is in there too */
}
