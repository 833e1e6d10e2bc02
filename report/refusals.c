#include <stdlib.h>
#include <string.h>

#include "report/format.h"
#include "report/summary.h"
#include "report/table.h"

/* So many layers are named, and so many values and hints shown, before "and N more". */
enum { SHOWN = 3 };

/* A name takes no more than this, so that the names of a line can be told apart. */
enum { NAME_WIDTH = 48 };

/* One refusal of one layer. */
typedef struct entry {
    const ep_refusal *refusal;
    uint32_t layer;
    bool repeated; /* the rule refuses the layer for another value too, and was counted there */
} entry;

/* A run of entries: of one rule; in it of one hint; in that of one value and bound. */
typedef struct group {
    const entry *entries;
    uint32_t n_entries;
    uint32_t n_layers;
    uint64_t macs;
    double ns;
} group;

typedef struct groups {
    group *items;
    uint32_t n, capacity;
} groups;

static const char *hint_of(const entry *e)
{
    return e->refusal->hint ? e->refusal->hint : "";
}

static int by_value(const entry *a, const entry *b)
{
    const int value = strcmp(a->refusal->value, b->refusal->value);
    return value ? value : strcmp(a->refusal->bound, b->refusal->bound);
}

static int by_rule_hint_value_layer(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    int order = strcmp(a->refusal->rule->id, b->refusal->rule->id);
    if (!order) order = strcmp(hint_of(a), hint_of(b));
    if (!order) order = by_value(a, b);
    return order ? order : (a->layer > b->layer) - (a->layer < b->layer);
}

static bool same_rule(const entry *a, const entry *b)
{
    return strcmp(a->refusal->rule->id, b->refusal->rule->id) == 0;
}

static bool same_hint(const entry *a, const entry *b)
{
    return strcmp(hint_of(a), hint_of(b)) == 0;
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
    return by_rule_hint_value_layer(a->entries, b->entries);
}

/* What the lines of the section need. */
typedef struct section {
    const ep_layers *layers;
    const double *layer_ns; /* NULL: no times */
    double macs, ns;        /* of all layers; of all kernels */
    uint32_t shown;
    unsigned width;
    ep_text *out;
} section;

/* Splits sorted entries where `same` fails; the heaviest group comes first. */
static ep_status split(const section *to, const entry *entries, uint32_t n,
                       bool (*same)(const entry *, const entry *), groups *out, ep_error *err)
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
        last->macs = ep__add(last->macs, to->layers->layers[entries[i].layer].macs);
        if (to->layer_ns) last->ns += to->layer_ns[entries[i].layer];
    }
    if (out->n) qsort(out->items, out->n, sizeof *out->items, by_weight);
    return EP_OK;
}

/* ", 12.3 % of MACs, 4.5 % of time" */
static void append_shares(const section *to, ep_text *line, uint64_t macs, double ns)
{
    ep_text_printf(line, ", %s %% of MACs", ep__percent((double)macs, to->macs).text);
    if (to->layer_ns) ep_text_printf(line, ", %s %% of time", ep__percent(ns, to->ns).text);
}

/* Names of the layers, each once: equal ones are neighbours. */
static void append_names(const section *to, ep_text *line, const group *of)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < of->n_entries; i++) {
        if (i && of->entries[i].layer == of->entries[i - 1].layer) continue;
        if (n++ >= to->shown) continue;
        if (n > 1) ep_text_append(line, ", ", 2);
        (void)ep__append_cut(line, to->layers->layers[of->entries[i].layer].name, NAME_WIDTH);
    }
    if (n > to->shown) ep_text_printf(line, " and %u more", (unsigned)(n - to->shown));
}

/* "window 7x7 (DLA: 1..8): avgpool, pool2, pool3 and 2 more" */
static void append_value(const section *to, const group *value)
{
    const ep_refusal *refusal = value->entries->refusal;
    ep_text line = {0};
    ep_text_printf(&line, "    %s", refusal->value);
    if (refusal->bound[0]) ep_text_printf(&line, " (DLA: %s)", refusal->bound);
    ep_text_append(&line, ": ", 2);
    append_names(to, &line, value);
    ep__append_line(to->out, to->width, 2, &line);
}

/* "and 5 other values" */
static void append_others(const section *to, uint32_t n, const char *noun)
{
    if (n <= to->shown) return;
    ep_text line = {0};
    ep_text_printf(&line, "    and ");
    ep__append_plural(&line, n - to->shown, noun);
    ep__append_line(to->out, to->width, 2, &line);
}

/* Values of one rule for which the same can be done, and what. `values` is scratch. */
static ep_status append_hint(const section *to, const group *hint, groups *values, ep_error *err)
{
    EP_TRY(split(to, hint->entries, hint->n_entries, same_value, values, err));
    for (uint32_t v = 0; v < values->n && v < to->shown; v++) append_value(to, &values->items[v]);
    append_others(to, values->n, "other value");
    const ep_refusal *refusal = hint->entries->refusal;
    if (!*hint_of(hint->entries)) return EP_OK;
    ep_text line = {0};
    ep_text_printf(&line, "    hint [%s]: %s", ep_change_name(refusal->change), refusal->hint);
    ep__append_line(to->out, to->width, 2, &line);
    return EP_OK;
}

static void append_rule_line(const section *to, const group *rule)
{
    const ep_rule *r = rule->entries->refusal->rule;
    ep_text line = {0};
    ep_text_printf(&line, "  %s: ", r->id);
    ep__append_plural(&line, rule->n_layers, "layer");
    append_shares(to, &line, rule->macs, rule->ns);
    if (r->confidence != EP_DOCUMENTED) {
        ep_text_printf(&line, " (%s)", ep_confidence_name(r->confidence));
    }
    ep__append_line(to->out, to->width, 4, &line);
}

/* What the groupings of the section are put into. */
typedef struct levels {
    groups rules, hints, values;
} levels;

static ep_status append_rules(const section *to, const entry *entries, uint32_t n, levels *of,
                              ep_error *err)
{
    EP_TRY(split(to, entries, n, same_rule, &of->rules, err));
    for (uint32_t r = 0; r < of->rules.n; r++) {
        const group *rule = &of->rules.items[r];
        append_rule_line(to, rule);
        EP_TRY(split(to, rule->entries, rule->n_entries, same_hint, &of->hints, err));
        for (uint32_t h = 0; h < of->hints.n && h < to->shown; h++) {
            EP_TRY(append_hint(to, &of->hints.items[h], &of->values, err));
        }
        append_others(to, of->hints.n, "other hint");
    }
    return EP_OK;
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

/* "refused by the DLA: 24 of 175 layers, 3.1 % of MACs, 9.8 % of time" */
static void append_heading(const section *to, const ep_planned *planned)
{
    uint32_t n_layers = 0;
    uint64_t macs = 0;
    double ns = 0;
    for (uint32_t i = 0; i < to->layers->n_layers; i++) {
        if (planned->verdicts[i].n_refusals == 0) continue;
        n_layers++;
        macs = ep__add(macs, to->layers->layers[i].macs);
        if (to->layer_ns) ns += to->layer_ns[i];
    }
    ep_text line = {0};
    ep_text_printf(&line, "refused by the DLA: ");
    if (n_layers == 0) {
        ep_text_printf(&line, "nothing");
    } else {
        ep_text_printf(&line, "%u of %u layers", (unsigned)n_layers,
                       (unsigned)to->layers->n_layers);
        append_shares(to, &line, macs, ns);
    }
    ep__append_line(to->out, to->width, 4, &line);
}

ep_status ep__refusals_section(const ep_planned *planned, const ep_run *run, bool full,
                               unsigned width, ep_text *out, ep_error *err)
{
    if (!planned->verdicts) return EP_OK;
    const ep__placement placement = ep__placement_of(planned, run);
    const ep_layers *layers = planned->plan.layers;
    const section to = {.layers = layers,
                        .layer_ns = run ? run->layer_ns : NULL,
                        .macs = (double)ep__total_macs(layers),
                        .ns = placement.dla.ns + placement.gpu.ns,
                        .shown = full ? UINT32_MAX : SHOWN,
                        .width = width,
                        .out = out};
    append_heading(&to, planned);

    entry *entries = NULL;
    uint32_t n_entries = 0;
    levels all = {0};
    ep_status status = collect(planned, &entries, &n_entries, err);
    if (status == EP_OK) {
        if (n_entries) qsort(entries, n_entries, sizeof *entries, by_rule_hint_value_layer);
        status = append_rules(&to, entries, n_entries, &all, err);
    }
    free(all.values.items);
    free(all.hints.items);
    free(all.rules.items);
    free(entries);
    return status;
}
