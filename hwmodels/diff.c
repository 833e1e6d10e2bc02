/* Two machines side by side, key by key of the schema. */
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

static ep_status compare_values(comparison *c, const char *key, const ep__field *field,
                                const void *const values[2])
{
    const char *text[2] = {NULL, NULL};
    for (int side = 0; side < 2; side++) {
        if (ep__is_absent(field, values[side])) continue;
        text[side] = ep__value_text(field, values[side], c->machine[side], c->arena);
        if (!text[side]) return ep_fail_memory(c->err);
    }
    const bool same = text[0] && text[1] ? strcmp(text[0], text[1]) == 0 : text[0] == text[1];
    return same ? EP_OK : add(c, key, text[0], text[1]);
}

/* ---- blocks and lists ---------------------------------------------------------------------- */

static ep_status compare_blocks(comparison *c, const char *prefix, const ep__block *block,
                                const void *const bases[2]);

/* The item of that label, or, when it has none, the one at the same place if that has none. */
static const char *partner(const ep__field *list, const char *label, uint32_t index,
                           const char *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *item = items + i * list->block->size, *other = ep__item_label(list, item);
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
    for (int side = 0; side < 2; side++) n[side] = ep__list_items(list, bases[side], &items[side]);
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < n[side]; i++) {
            const char *item = items[side] + i * list->block->size;
            const char *label = ep__item_label(list, item);
            const char *other = partner(list, label, i, items[!side], n[!side]);
            const char *key = ep__item_key(prefix, label, i, c->arena);
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
        if (ep__has_no_value(field, dla)) continue;
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
