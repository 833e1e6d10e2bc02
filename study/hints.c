/* The hints that a plan has: refusals that say the same, and advice; and how each is followed. */
#include <stdlib.h>
#include <string.h>

#include "study/hints.h"

static const char names_nothing[] = "the hint names nothing that could stand there";

/* ---- refusals ------------------------------------------------------------------------------ */

typedef struct entry {
    const ep_refusal *refusal;
    uint32_t layer;
} entry;

static int by_rule_and_hint(const void *left, const void *right)
{
    const entry *a = left, *b = right;
    int order = strcmp(a->refusal->rule->id, b->refusal->rule->id);
    if (!order) order = strcmp(a->refusal->hint, b->refusal->hint);
    return order ? order : (a->layer > b->layer) - (a->layer < b->layer);
}

static bool same_hint(const entry *a, const entry *b)
{
    return a->refusal->rule == b->refusal->rule && strcmp(a->refusal->hint, b->refusal->hint) == 0;
}

/* Those of the DLA itself: what placement refuses follows from them. */
static ep_status collect(const ep__candidates *r, entry **entries, uint32_t *n, ep_error *err)
{
    uint32_t all = 0;
    for (uint32_t l = 0; l < r->planned->plan.layers->n_layers; l++)
        all += r->planned->verdicts[l].n_refusals;
    *entries = EP_NEW(r->arena, entry, all);
    if (!*entries) return ep_fail_memory(err);
    *n = 0;
    for (uint32_t l = 0; l < r->planned->plan.layers->n_layers; l++) {
        const ep_verdict *verdict = &r->planned->verdicts[l];
        for (uint32_t i = 0; i < verdict->n_refusals; i++) {
            if (ep_rule_is_about_combinations(verdict->refusals[i].rule)) continue;
            (*entries)[(*n)++] = (entry){.refusal = &verdict->refusals[i], .layer = l};
        }
    }
    if (*n) qsort(*entries, *n, sizeof **entries, by_rule_and_hint);
    return EP_OK;
}

static ep_status add_candidate(ep__candidates *r, const ep__candidate *c, ep_error *err)
{
    EP_TRY(ep_grow((void **)&r->at, &r->capacity, (uint64_t)r->n + 1, sizeof *r->at, err));
    r->at[r->n++] = *c;
    return EP_OK;
}

/* Entries of one hint; a layer may be refused by it for two values. */
static ep_status add_refusals(ep__candidates *r, const entry *entries, uint32_t n, ep_error *err)
{
    const ep_refusal *first = entries->refusal;
    uint32_t *layers = EP_NEW(r->arena, uint32_t, n);
    const char **instead = EP_NEW(r->arena, const char *, n);
    if (!layers || !instead) return ep_fail_memory(err);
    ep__candidate c = {.hint = {.id = first->rule->id,
                                .value = first->value,
                                .hint = first->hint,
                                .change = first->change},
                       .layers = layers,
                       .instead = instead};
    for (uint32_t i = 0; i < n; i++) {
        if (i && entries[i].layer == entries[i - 1].layer) continue;
        layers[c.n_layers] = entries[i].layer;
        instead[c.n_layers] = entries[i].refusal->instead;
        if (!instead[c.n_layers++]) c.hint.cannot = names_nothing;
    }
    c.hint.n_layers = c.n_layers;
    return add_candidate(r, &c, err);
}

/* ---- advice -------------------------------------------------------------------------------- */

/* What the rules refuse of a pattern, written as their hints have it. */
static ep_status write_members(ep__candidates *r, ep__candidate *c, ep_error *err)
{
    uint32_t *layers = EP_NEW(r->arena, uint32_t, c->n_layers);
    const char **instead = EP_NEW(r->arena, const char *, c->n_layers);
    if (!layers || !instead) return ep_fail_memory(err);
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_layers; i++) {
        const ep_verdict *verdict = &r->planned->verdicts[c->layers[i]];
        for (uint32_t k = 0; k < verdict->n_refusals && n < c->n_layers; k++) {
            if (!verdict->refusals[k].instead) continue;
            layers[n] = c->layers[i];
            instead[n++] = verdict->refusals[k].instead;
            break;
        }
    }
    if (n == 0) c->hint.cannot = names_nothing;
    c->n_layers = n;
    c->layers = layers;
    c->instead = instead;
    return EP_OK;
}

static ep_status add_advice(ep__candidates *r, const ep_advice *advice, ep_error *err)
{
    ep__candidate c = {.hint = {.id = advice->id,
                                .value = "",
                                .hint = advice->hint ? advice->hint : "",
                                .change = advice->change,
                                .n_layers = advice->n_layers},
                       .n_layers = advice->n_layers,
                       .layers = advice->layers};
    if (strcmp(advice->id, "advice.detection-head") == 0) {
        c.how = EP__CUT;
    } else if (strcmp(advice->id, "advice.islands") == 0) {
        c.how = EP__KEEP_ON_GPU;
    } else if (strcmp(advice->id, "advice.squeeze-excite") == 0) {
        EP_TRY(write_members(r, &c, err));
    } else {
        c.hint.cannot = names_nothing;
    }
    return add_candidate(r, &c, err);
}

ep_status ep__candidates_list(ep__candidates *r, const ep_advice *advice, uint32_t n_advice,
                              ep_error *err)
{
    entry *entries = NULL;
    uint32_t n = 0;
    EP_TRY(collect(r, &entries, &n, err));
    for (uint32_t begin = 0, end; begin < n; begin = end) {
        for (end = begin + 1; end < n && same_hint(&entries[begin], &entries[end]); end++) {
        }
        EP_TRY(add_refusals(r, &entries[begin], end - begin, err));
    }
    for (uint32_t i = 0; i < n_advice; i++) {
        EP_TRY(add_advice(r, &advice[i], err));
    }
    return EP_OK;
}
