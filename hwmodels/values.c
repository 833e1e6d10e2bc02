/* What a machine says, as text: value by value of the schema. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hwmodels/reader.h"

static const char *curve_text(const ep_voltage_curve *curve, ep_arena *arena)
{
    ep_text text = {0};
    for (uint32_t i = 0; i < curve->n; i++) {
        ep_text_printf(&text, "%s[%.12g, %.12g]", i ? ", " : "[", curve->points[i].clock_mhz,
                       curve->points[i].volt);
    }
    ep_text_printf(&text, "]");
    const char *copy = text.failed ? NULL : ep_arena_string(arena, text.data, text.length);
    ep_text_free(&text);
    return copy;
}

/* An optional key that is not there leaves a zero, which its bounds do not allow; 0, 0 is never a
 * range of such a key. */
bool ep__is_absent(const ep__field *field, const void *value)
{
    if (field->presence != EP__OPTIONAL) return false;
    switch (field->kind) {
    case EP__NUMBER: return *(const double *)value < field->min;
    case EP__TEXT: return !*(const char *const *)value;
    case EP__RANGE: return ((const ep_range *)value)->max == 0;
    default: return false;
    }
}

const char *ep__value_text(const ep__field *field, const void *value, const ep_machine *machine,
                           ep_arena *arena)
{
    switch (field->kind) {
    case EP__INTEGER: return ep_arena_printf(arena, "%lld", (long long)*(const int64_t *)value);
    case EP__NUMBER: return ep_arena_printf(arena, "%.12g", *(const double *)value);
    case EP__BYTES:
        return ep_arena_printf(arena, "%s", ep__bytes_words(*(const uint64_t *)value).text);
    case EP__BOOL: return *(const bool *)value ? "true" : "false";
    case EP__TEXT: {
        const char *text = *(const char *const *)value;
        return ep_arena_string(arena, text, strlen(text));
    }
    case EP__RANGE: {
        const ep_range *range = value;
        return ep_arena_printf(arena, "[%lld, %lld]", (long long)range->min, (long long)range->max);
    }
    case EP__CURVE: return curve_text(value, arena);
    case EP__RAIL: {
        const char *name = machine->rails[*(const uint32_t *)value].name;
        return ep_arena_string(arena, name, strlen(name));
    }
    case EP__PROSE:
    case EP__PARENTS:
    case EP__BLOCK:
    case EP__LIST: break;
    }
    assert(false); /* have no value of their own */
    return NULL;
}

uint32_t ep__list_items(const ep__field *list, const void *base, const char **items)
{
    uint32_t n;
    memcpy(&n, (const char *)base + list->count_offset, sizeof n);
    memcpy(items, (const char *)base + list->offset, sizeof *items);
    return n;
}

const char *ep__item_label(const ep__field *list, const char *item)
{
    for (uint32_t i = 0; i < list->block->n_fields; i++) {
        const ep__field *field = &list->block->fields[i];
        if (field->kind == EP__TEXT)
            return *(const char *const *)(const void *)(item + field->offset);
    }
    return NULL;
}

const char *ep__item_key(const char *prefix, const char *label, uint32_t index, ep_arena *arena)
{
    return label ? ep_arena_printf(arena, "%s.%s", prefix, label)
                 : ep_arena_printf(arena, "%s[%u]", prefix, (unsigned)index);
}

bool ep__has_no_value(const ep__field *field, bool dla)
{
    const bool of_dla = field->presence == EP__WITH_DLA || field->presence == EP__DLA_OPTIONAL;
    return (of_dla && !dla) || field->kind == EP__PROSE || field->kind == EP__PARENTS;
}

/* ---- all of them --------------------------------------------------------------------------- */

typedef struct listing {
    const ep_machine *machine;
    ep_arena *arena;
    ep_setting *list;
    uint32_t n, capacity;
    ep_error *err;
} listing;

static ep_status list_block(listing *l, const char *prefix, const ep__block *block,
                            const void *base);

static ep_status list_items(listing *l, const char *prefix, const ep__field *list, const void *base)
{
    const char *items;
    const uint32_t n = ep__list_items(list, base, &items);
    for (uint32_t i = 0; i < n; i++) {
        const char *item = items + i * list->block->size;
        const char *key = ep__item_key(prefix, ep__item_label(list, item), i, l->arena);
        if (!key) return ep_fail_memory(l->err);
        EP_TRY(list_block(l, key, list->block, item));
    }
    return EP_OK;
}

static ep_status list_value(listing *l, const char *key, const ep__field *field, const void *value)
{
    if (ep__is_absent(field, value)) return EP_OK;
    const char *text = ep__value_text(field, value, l->machine, l->arena);
    if (!text) return ep_fail_memory(l->err);
    EP_TRY(ep_grow((void **)&l->list, &l->capacity, (uint64_t)l->n + 1, sizeof *l->list, l->err));
    l->list[l->n++] = (ep_setting){.key = key, .value = text};
    return EP_OK;
}

static ep_status list_block(listing *l, const char *prefix, const ep__block *block,
                            const void *base)
{
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const ep__field *field = &block->fields[i];
        const void *value = (const char *)base + field->offset;
        if (ep__has_no_value(field, l->machine->dla.cores > 0)) continue;
        const char *key =
            ep_arena_printf(l->arena, "%s%s%s", prefix, prefix[0] ? "." : "", field->key);
        if (!key) return ep_fail_memory(l->err);
        if (field->kind == EP__BLOCK) {
            EP_TRY(list_block(l, key, field->block, value));
        } else if (field->kind == EP__LIST) {
            EP_TRY(list_items(l, key, field, base));
        } else {
            EP_TRY(list_value(l, key, field, value));
        }
    }
    return EP_OK;
}

ep_status ep_machine_settings(const ep_machine *machine, ep_arena *arena, const ep_setting **out,
                              uint32_t *n, ep_error *err)
{
    listing l = {.machine = machine, .arena = arena, .err = err};
    ep_status status = list_block(&l, "", ep__machine_block(), machine);
    if (status == EP_OK) {
        *n = l.n;
        *out = ep_arena_copy(arena, l.list, l.n * sizeof *l.list);
        if (!*out) status = ep_fail_memory(err);
    }
    free(l.list);
    return status;
}
