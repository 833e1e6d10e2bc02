/* Two machines side by side, key by key of the schema. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "hwmodels/reader.h"

typedef struct comparison {
    const ep_machine *machine[2]; /* a, b */
    ep_arena *arena;
    ep_difference *found;
    uint32_t n, capacity;
    ep_error *err;
} comparison;

static ep_status add(comparison *c, const char *key, const char *a, const char *b)
{
    EP_TRY(ep_grow((void **)&c->found, &c->capacity, (uint64_t)c->n + 1, sizeof *c->found, c->err));
    const char *copy = ep_arena_string(c->arena, key, strlen(key));
    if (!copy) return ep_fail_memory(c->err);
    c->found[c->n++] = (ep_difference){.key = copy, .a = a, .b = b};
    return EP_OK;
}

/* ---- values -------------------------------------------------------------------------------- */

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

/* A value as a file would have it, in `arena`; NULL when out of memory. */
static const char *value_text(const ep__field *field, const void *value, const ep_machine *machine,
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

static ep_status compare_values(comparison *c, const char *key, const ep__field *field,
                                const void *const values[2])
{
    const char *text[2] = {NULL, NULL};
    for (int side = 0; side < 2; side++) {
        if (ep__is_absent(field, values[side])) continue;
        text[side] = value_text(field, values[side], c->machine[side], c->arena);
        if (!text[side]) return ep_fail_memory(c->err);
    }
    const bool same = text[0] && text[1] ? strcmp(text[0], text[1]) == 0 : text[0] == text[1];
    return same ? EP_OK : add(c, key, text[0], text[1]);
}

/* ---- blocks and lists ---------------------------------------------------------------------- */

static ep_status compare_blocks(comparison *c, const char *prefix, const ep__block *block,
                                const void *const bases[2]);

static uint32_t items_of(const ep__field *list, const void *base, const char **items)
{
    uint32_t n;
    memcpy(&n, (const char *)base + list->count_offset, sizeof n);
    memcpy(items, (const char *)base + list->offset, sizeof *items);
    return n;
}

/* What an item of a list is known by: its name, or the mode it is about; NULL when it has none. */
static const char *label_of(const ep__field *list, const char *item)
{
    for (uint32_t i = 0; i < list->block->n_fields; i++) {
        const ep__field *field = &list->block->fields[i];
        if (field->kind == EP__TEXT)
            return *(const char *const *)(const void *)(item + field->offset);
    }
    return NULL;
}

/* The item of that label, or, when it has none, the one at the same place if that has none. */
static const char *partner(const ep__field *list, const char *label, uint32_t index,
                           const char *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *item = items + i * list->block->size, *other = label_of(list, item);
        if (label && other ? ep__same_mode(label, other) : !label && !other && i == index) {
            return item;
        }
    }
    return NULL;
}

static ep_status compare_lists(comparison *c, const char *prefix, const ep__field *list,
                               const void *const bases[2])
{
    const char *items[2];
    uint32_t n[2];
    for (int side = 0; side < 2; side++) n[side] = items_of(list, bases[side], &items[side]);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < n[side]; i++) {
            const char *item = items[side] + i * list->block->size;
            const char *label = label_of(list, item);
            const char *other = partner(list, label, i, items[!side], n[!side]);
            const char *key = label ? ep_arena_printf(c->arena, "%s.%s", prefix, label)
                                    : ep_arena_printf(c->arena, "%s[%u]", prefix, (unsigned)i);
            if (!key) return ep_fail_memory(c->err);
            if (!other) {
                EP_TRY(add(c, key, side == 0 ? "present" : NULL, side == 1 ? "present" : NULL));
            } else if (side == 0) {
                EP_TRY(compare_blocks(c, key, list->block, (const void *[2]){item, other}));
            }
        }
    }
    return EP_OK;
}

static ep_status compare_blocks(comparison *c, const char *prefix, const ep__block *block,
                                const void *const bases[2])
{
    const bool dla = c->machine[0]->dla.cores > 0 && c->machine[1]->dla.cores > 0;
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const ep__field *field = &block->fields[i];
        /* without a DLA in both, dla.cores says all */
        const bool of_dla = field->presence == EP__WITH_DLA || field->presence == EP__DLA_OPTIONAL;
        if (of_dla && !dla) continue;
        if (field->kind == EP__PROSE || field->kind == EP__PARENTS) continue;
        const char *key =
            ep_arena_printf(c->arena, "%s%s%s", prefix, prefix[0] ? "." : "", field->key);
        if (!key) return ep_fail_memory(c->err);
        const void *const values[2] = {(const char *)bases[0] + field->offset,
                                       (const char *)bases[1] + field->offset};
        if (field->kind == EP__BLOCK) {
            EP_TRY(compare_blocks(c, key, field->block, values));
        } else if (field->kind == EP__LIST) {
            EP_TRY(compare_lists(c, key, field, bases));
        } else {
            EP_TRY(compare_values(c, key, field, values));
        }
    }
    return EP_OK;
}

ep_status ep_machine_diff(const ep_machine *a, const ep_machine *b, ep_arena *arena,
                          const ep_difference **out, uint32_t *n, ep_error *err)
{
    comparison c = {.machine = {a, b}, .arena = arena, .err = err};
    ep_status status = compare_blocks(&c, "", ep__machine_block(), (const void *[2]){a, b});
    if (status == EP_OK) {
        *n = c.n;
        *out = ep_arena_copy(arena, c.found ? (const void *)c.found : "", c.n * sizeof *c.found);
        if (!*out) status = ep_fail_memory(err);
    }
    free(c.found);
    return status;
}
