#include <stdlib.h>
#include <string.h>

#include "report/format.h"
#include "report/summary.h"
#include "report/table.h"

/* So many layers are named, and so many values shown, before "and N more". */
enum { NAMES_SHOWN = 3, VALUES_SHOWN = 3 };

/* A name takes no more than this, so that the names of a line can be told apart. */
enum { NAME_WIDTH = 48 };

/* One refusal of one layer. */
typedef struct entry {
    const ep_refusal *refusal;
    uint32_t layer;
    bool repeated; /* the rule refuses the layer for another value too, and was counted there */
} entry;

/* A run of entries: of one rule, or of one rule, value and bound. */
typedef struct group {
    const entry *entries;
    uint32_t n_entries;
    uint32_t n_layers;
    uint64_t macs;
} group;

typedef struct groups {
    group *items;
    uint32_t n, capacity;
} groups;

static int by_value(const entry *a, const entry *b)
{
    const int value = strcmp(a->refusal->value, b->refusal->value);
    return value ? value : strcmp(a->refusal->bound, b->refusal->bound);
}

static int by_rule_value_layer(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    int order = strcmp(a->refusal->rule->id, b->refusal->rule->id);
    if (!order) order = by_value(a, b);
    return order ? order : (a->layer > b->layer) - (a->layer < b->layer);
}

static bool same_rule(const entry *a, const entry *b)
{
    return strcmp(a->refusal->rule->id, b->refusal->rule->id) == 0;
}

static bool same_value(const entry *a, const entry *b)
{
    return by_value(a, b) == 0;
}

/* The largest first. */
static int by_weight(const void *left, const void *right)
{
    const group *a = left, *b = right;
    if (a->macs != b->macs) return a->macs < b->macs ? 1 : -1;
    if (a->n_layers != b->n_layers) return a->n_layers < b->n_layers ? 1 : -1;
    return by_rule_value_layer(a->entries, b->entries);
}

/* Splits sorted entries where `same` fails; the heaviest group comes first. */
static ep_status split(const entry *entries, uint32_t n, bool (*same)(const entry *, const entry *),
                       const ep_layers *layers, groups *out, ep_error *err)
{
    out->n = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || !same(&entries[i - 1], &entries[i])) {
            EP_TRY(ep_grow((void **)&out->items, &out->capacity, (uint64_t)out->n + 1,
                           sizeof *out->items, err));
            out->items[out->n++] = (group){.entries = &entries[i]};
        }
        group *last = &out->items[out->n - 1];
        last->n_entries++;
        if (entries[i].repeated) continue;
        last->n_layers++;
        last->macs = ep__add(last->macs, layers->layers[entries[i].layer].macs);
    }
    if (out->n) qsort(out->items, out->n, sizeof *out->items, by_weight);
    return EP_OK;
}

/* What the lines of the section need. */
typedef struct section {
    const ep_layers *layers;
    double macs; /* of all layers */
    unsigned width;
    ep_text *out;
} section;

/* "window 7x7 (DLA: 1..8): avgpool, pool2, pool3 and 2 more" */
static void append_value(const section *to, const group *value)
{
    const ep_refusal *refusal = value->entries->refusal;
    ep_text line = {0};
    ep_text_printf(&line, "    %s", refusal->value);
    if (refusal->bound[0]) ep_text_printf(&line, " (DLA: %s)", refusal->bound);
    for (uint32_t i = 0; i < value->n_entries && i < NAMES_SHOWN; i++) {
        ep_text_append(&line, i ? ", " : ": ", 2);
        (void)ep__append_cut(&line, to->layers->layers[value->entries[i].layer].name, NAME_WIDTH);
    }
    if (value->n_entries > NAMES_SHOWN) {
        ep_text_printf(&line, " and %u more", (unsigned)(value->n_entries - NAMES_SHOWN));
    }
    ep__append_line(to->out, to->width, 2, &line);
}

/* The rule, its values, and what to do about it. */
static void append_rule(const section *to, const group *rule, const groups *values)
{
    ep_text line = {0};
    ep_text_printf(&line, "  %s: ", rule->entries->refusal->rule->id);
    ep__append_plural(&line, rule->n_layers, "layer");
    ep_text_printf(&line, ", %s %% of MACs", ep__percent((double)rule->macs, to->macs).text);
    ep__append_line(to->out, to->width, 4, &line);
    for (uint32_t v = 0; v < values->n && v < VALUES_SHOWN; v++) {
        append_value(to, &values->items[v]);
    }
    if (values->n > VALUES_SHOWN) {
        ep_text_printf(&line, "    and ");
        ep__append_plural(&line, values->n - VALUES_SHOWN, "other value");
        ep__append_line(to->out, to->width, 2, &line);
    }
    const char *hint = rule->entries->refusal->rule->hint;
    if (!hint || !*hint) return;
    ep_text_printf(&line, "    hint: %s", hint);
    ep__append_line(to->out, to->width, 2, &line);
}

/* All refusals, unsorted. */
static ep_status collect(const ep_planned *planned, entry **entries, uint32_t *n_entries,
                         ep_error *err)
{
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < planned->plan.layers->n_layers; i++) {
        const ep_verdict *verdict = &planned->verdicts[i];
        EP_TRY(ep_grow((void **)entries, &capacity, (uint64_t)*n_entries + verdict->n_refusals,
                       sizeof **entries, err));
        for (uint32_t r = 0; r < verdict->n_refusals; r++) {
            entry new = {.refusal = &verdict->refusals[r], .layer = i};
            for (uint32_t before = 0; before < r; before++) {
                if (verdict->refusals[before].rule == new.refusal->rule) new.repeated = true;
            }
            (*entries)[(*n_entries)++] = new;
        }
    }
    return EP_OK;
}

/* "refused by the DLA: 24 of 175 layers, 3.1 % of MACs" */
static void append_heading(const section *to, const ep_planned *planned)
{
    uint32_t n_layers = 0;
    uint64_t macs = 0;
    for (uint32_t i = 0; i < to->layers->n_layers; i++) {
        if (planned->verdicts[i].n_refusals == 0) continue;
        n_layers++;
        macs = ep__add(macs, to->layers->layers[i].macs);
    }
    ep_text line = {0};
    ep_text_printf(&line, "refused by the DLA: ");
    if (n_layers == 0) {
        ep_text_printf(&line, "nothing");
    } else {
        ep_text_printf(&line, "%u of %u layers, %s %% of MACs", (unsigned)n_layers,
                       (unsigned)to->layers->n_layers, ep__percent((double)macs, to->macs).text);
    }
    ep__append_line(to->out, to->width, 4, &line);
}

ep_status ep__refusals_section(const ep_planned *planned, unsigned width, ep_text *out,
                               ep_error *err)
{
    if (!planned->verdicts) return EP_OK;
    const ep_layers *layers = planned->plan.layers;
    const section to = {
        .layers = layers, .macs = (double)ep__total_macs(layers), .width = width, .out = out};
    append_heading(&to, planned);

    entry *entries = NULL;
    uint32_t n_entries = 0;
    groups rules = {0}, values = {0};
    ep_status status = collect(planned, &entries, &n_entries, err);
    if (status == EP_OK) {
        if (n_entries) qsort(entries, n_entries, sizeof *entries, by_rule_value_layer);
        status = split(entries, n_entries, same_rule, layers, &rules, err);
    }
    for (uint32_t r = 0; status == EP_OK && r < rules.n; r++) {
        const group *rule = &rules.items[r];
        status = split(rule->entries, rule->n_entries, same_value, layers, &values, err);
        if (status == EP_OK) append_rule(&to, rule, &values);
    }
    free(values.items);
    free(rules.items);
    free(entries);
    return status;
}
