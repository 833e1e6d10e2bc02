/* The tables of schema.c as JSON Schema (draft 2020-12), for editors.
 *
 * A mapping merges with those of the files that its file inherits, so what it must have can be
 * said of a whole machine only: a file with a title that inherits nothing. What is inherited may
 * complete any other. Items of a list are never completed. */
#include <assert.h>
#include <string.h>

#include "hwmodels/schema.h"

typedef struct writer {
    ep_text *out;
    int depth;
    bool first; /* in the object or array that is open */
} writer;

/* Begins a value: what separates it from the one before, and its key, NULL in an array. Keys and
 * texts are our own: nothing in them needs an escape. */
static void begin(writer *w, const char *key)
{
    if (w->depth > 0) ep_text_printf(w->out, "%s\n%*s", w->first ? "" : ",", 2 * w->depth, "");
    if (key) ep_text_printf(w->out, "\"%s\": ", key);
    w->first = false;
}

static void open_value(writer *w, const char *key, const char *bracket)
{
    begin(w, key);
    ep_text_printf(w->out, "%s", bracket);
    w->depth++;
    w->first = true;
}

static void close_value(writer *w, const char *bracket)
{
    w->depth--;
    ep_text_printf(w->out, "\n%*s%s", 2 * w->depth, "", bracket);
    w->first = false;
}

static void text(writer *w, const char *key, const char *value)
{
    assert(!strpbrk(value, "\"\n"));
    begin(w, key);
    ep_text_printf(w->out, "\"%s\"", value);
}

static void number(writer *w, const char *key, double value)
{
    begin(w, key);
    ep_text_printf(w->out, "%.15g", value);
}

/* `value` is JSON already. */
static void raw(writer *w, const char *key, const char *value)
{
    begin(w, key);
    ep_text_printf(w->out, "%s", value);
}

static void bounds(writer *w, double min, double max)
{
    number(w, "minimum", min);
    number(w, "maximum", max);
}

/* ---- values -------------------------------------------------------------------------------- */

static void bytes_schema(writer *w, const ep__field *field)
{
    open_value(w, "anyOf", "[");
    open_value(w, NULL, "{");
    text(w, "type", "integer");
    bounds(w, field->min, field->max);
    close_value(w, "}");
    open_value(w, NULL, "{");
    text(w, "type", "string");
    text(w, "pattern", "^(0|[1-9][0-9]*) ?(KiB|MiB|GiB)$");
    close_value(w, "}");
    close_value(w, "]");
}

static void pair_schema(writer *w, const ep__field *field)
{
    text(w, "type", "array");
    open_value(w, "items", "{");
    text(w, "type", "integer");
    bounds(w, field->min, field->max);
    close_value(w, "}");
    raw(w, "minItems", "2");
    raw(w, "maxItems", "2");
}

static void curve_schema(writer *w, const ep__field *field)
{
    text(w, "type", "array");
    raw(w, "minItems", "1");
    raw(w, "maxItems", "64");
    open_value(w, "items", "{");
    text(w, "type", "array");
    raw(w, "minItems", "2");
    open_value(w, "prefixItems", "[");
    raw(w, NULL, "{\"type\": \"number\", \"minimum\": 1, \"maximum\": 20000}");
    open_value(w, NULL, "{");
    text(w, "type", "number");
    bounds(w, field->min, field->max);
    close_value(w, "}");
    close_value(w, "]");
    raw(w, "items", "false");
    close_value(w, "}");
}

static void parents_schema(writer *w)
{
    text(w, "type", "array");
    raw(w, "items", "{\"type\": \"string\", \"minLength\": 1}");
    raw(w, "maxItems", "64");
}

typedef enum usage { MAPPING, ITEM, SET } usage;
static void block_schema(writer *w, const ep__block *block, usage as);

/* The DLA's limits are sets of the block, by the name of a software. */
static bool is_sets(const ep__field *field)
{
    return field->kind == EP__BLOCK && strcmp(field->key, "limits") == 0;
}

static void sets_schema(writer *w, const ep__field *field)
{
    text(w, "type", "object");
    raw(w, "minProperties", "1");
    open_value(w, "additionalProperties", "{");
    block_schema(w, field->block, SET);
    close_value(w, "}");
}

static void list_schema(writer *w, const ep__field *field)
{
    text(w, "type", "array");
    number(w, "minItems", field->min);
    number(w, "maxItems", field->max);
    open_value(w, "items", "{");
    block_schema(w, field->block, ITEM);
    close_value(w, "}");
}

static void value_schema(writer *w, const ep__field *field)
{
    switch (field->kind) {
    case EP__INTEGER:
    case EP__NUMBER:
        text(w, "type", field->kind == EP__INTEGER ? "integer" : "number");
        bounds(w, field->min, field->max);
        break;
    case EP__BYTES: bytes_schema(w, field); break;
    case EP__BOOL: text(w, "type", "boolean"); break;
    case EP__TEXT:
        text(w, "type", "string");
        number(w, "minLength", field->min);
        number(w, "maxLength", field->max);
        break;
    case EP__PROSE:
        text(w, "type", "string");
        raw(w, "minLength", "1");
        break;
    case EP__RAIL: text(w, "type", "string"); break;
    case EP__RANGE: pair_schema(w, field); break;
    case EP__CURVE: curve_schema(w, field); break;
    case EP__PARENTS: parents_schema(w); break;
    case EP__LIST: list_schema(w, field); break;
    case EP__BLOCK:
        if (is_sets(field)) {
            sets_schema(w, field);
        } else {
            block_schema(w, field->block, MAPPING);
        }
        break;
    }
}

/* ---- mappings ------------------------------------------------------------------------------ */

static void required(writer *w, const ep__block *block, ep__presence presence)
{
    bool any = false;
    for (uint32_t i = 0; i < block->n_fields; i++) {
        if (block->fields[i].presence != presence) continue;
        if (!any) open_value(w, "required", "[");
        any = true;
        text(w, NULL, block->fields[i].key);
    }
    if (any) close_value(w, "]");
}

static void block_schema(writer *w, const ep__block *block, usage as)
{
    text(w, "type", "object");
    raw(w, "additionalProperties", "false");
    open_value(w, "properties", "{");
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const ep__field *field = &block->fields[i];
        open_value(w, field->key, "{");
        text(w, "description", field->doc);
        value_schema(w, field);
        close_value(w, "}");
    }
    if (as == SET) {
        raw(w, "like",
            "{\"description\": \"set from which this one starts\", \"type\": \"string\"}");
    }
    close_value(w, "}");
    if (as == ITEM) required(w, block, EP__REQUIRED);
}

static bool has_any(const ep__block *block, ep__presence presence)
{
    for (uint32_t i = 0; i < block->n_fields; i++) {
        const ep__field *field = &block->fields[i];
        if (field->presence == presence) return true;
        if (field->block && has_any(field->block, presence)) return true;
    }
    return false;
}

static void whole_block(writer *w, const ep__block *block, ep__presence presence);

/* Items of a list say themselves what they must have, but for what they need because of a DLA. */
static void whole_field(writer *w, const ep__field *field, ep__presence presence)
{
    const bool list = field->kind == EP__LIST;
    if (!field->block || !has_any(field->block, presence)) return;
    if (list && presence == EP__REQUIRED) return;
    open_value(w, field->key, "{");
    if (list) {
        open_value(w, "items", "{");
        required(w, field->block, presence);
        close_value(w, "}");
    } else if (is_sets(field)) {
        open_value(w, "additionalProperties", "{");
        raw(w, "if", "{\"not\": {\"required\": [\"like\"]}}");
        open_value(w, "then", "{");
        required(w, field->block, presence);
        close_value(w, "}");
        close_value(w, "}");
    } else {
        whole_block(w, field->block, presence);
    }
    close_value(w, "}");
}

/* Of a whole machine: what each of its mappings must have, always or only because of a DLA. */
static void whole_block(writer *w, const ep__block *block, ep__presence presence)
{
    required(w, block, presence);
    open_value(w, "properties", "{");
    for (uint32_t i = 0; i < block->n_fields; i++) whole_field(w, &block->fields[i], presence);
    close_value(w, "}");
}

void ep_machine_json_schema(ep_text *out)
{
    const ep__block *machine = ep__machine_block();
    writer w = {.out = out};
    open_value(&w, NULL, "{");
    text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    text(&w, "title", "edgeplan hardware model");
    text(&w, "description",
         "A module, or a part of one. A file with `inherit`, and a part, which has no `title`, may "
         "lack what others must have.");
    block_schema(&w, machine, MAPPING);
    raw(&w, "if", "{\"required\": [\"title\"], \"not\": {\"required\": [\"inherit\"]}}");
    open_value(&w, "then", "{");
    whole_block(&w, machine, EP__REQUIRED);
    raw(&w, "if",
        "{\"required\": [\"dla\"], \"properties\": {\"dla\": {\"required\": [\"cores\"], "
        "\"properties\": {\"cores\": {\"minimum\": 1}}}}}");
    open_value(&w, "then", "{");
    whole_block(&w, machine, EP__WITH_DLA);
    close_value(&w, "}");
    close_value(&w, "}");
    close_value(&w, "}");
    ep_text_printf(out, "\n");
}
