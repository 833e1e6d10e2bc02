/* What hints would win: the network is changed as they say and planned anew. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "study/hints.h"

/* A plan to be made: of one candidate, of two, or of all that are written otherwise. */
typedef struct trial {
    uint32_t n;
    const uint32_t *of; /* candidates */
    ep_hint_figures figures;
    ep_status status;
    ep_error why;
} trial;

typedef struct ranker {
    const ep_planned *planned;
    const ep_layers *layers;
    const ep_rank_options *options;
    ep_arena *arena;
    uint32_t n;
    ep__candidate *candidates;
    uint32_t n_trials;
    trial *trials;
    bool searches; /* trials have the best plan too */
} ranker;

/* ---- plans --------------------------------------------------------------------------------- */

static ep_status latency_of(const ranker *r, const ep_planned *planned, ep_arena *arena, double *ns,
                            ep_error *err)
{
    const ep_rank_options *o = r->options;
    const ep_point point = ep_point_of(o->machine, o->mode);
    const bool both = o->plan.dla == EP_DLA_BOTH && point.dla_cores > 1;
    const ep_run_options options = {.batch = planned->plan.layers->network->batch_to,
                                    .dla_cores = both ? 2 : 1};
    ep_run run;
    EP_TRY(ep_sim_run(&planned->plan, planned->costs, &point, &options, arena, &run, err));
    *ns = run.latency_ns;
    return EP_OK;
}

static ep_status search(const ranker *r, const ep_layers *layers, ep_arena *arena, double *ns,
                        ep_error *err)
{
    ep_plan_options options = r->options->plan;
    ep_planned *best = NULL;
    options.mode = r->options->mode;
    EP_TRY(ep_plan_make(layers, r->options->machine, "best", &options, &best, err));
    const ep_status status = latency_of(r, best, arena, ns, err);
    ep_planned_free(best);
    return status;
}

static ep_status figures_of(const ranker *r, const ep_planned *planned, ep_arena *arena,
                            ep_hint_figures *out, ep_error *err)
{
    const ep_plan *plan = &planned->plan;
    *out = (ep_hint_figures){.transitions = plan->transitions, .subgraphs = plan->n_subgraphs};
    for (uint32_t l = 0; l < plan->layers->n_layers; l++) {
        out->fallbacks += !ep_device_is_dla(plan->device[l]);
    }
    EP_TRY(latency_of(r, planned, arena, &out->latency_ns, err));
    return r->searches ? search(r, plan->layers, arena, &out->best_ns, err) : EP_OK;
}

/* The DLA itself takes the layer. */
static bool is_taken(const ep_verdict *verdict)
{
    for (uint32_t i = 0; i < verdict->n_refusals; i++) {
        if (!ep_rule_is_about_combinations(verdict->refusals[i].rule)) return false;
    }
    return true;
}

/* As the builder places layers when those of the candidate are pinned to the GPU. */
static ep_status plan_kept(const ranker *r, const ep__candidate *c, ep_arena *arena,
                           ep_planned **out, ep_error *err)
{
    const uint32_t n = r->layers->n_layers;
    ep_device *device = EP_NEW(arena, ep_device, n);
    if (!device) return ep_fail_memory(err);
    const ep_device core = r->options->plan.dla == EP_DLA_SECOND ? EP_DLA1 : EP_DLA0;
    for (uint32_t l = 0; l < n; l++) {
        device[l] = is_taken(&r->planned->verdicts[l]) ? core : EP_GPU;
    }
    for (uint32_t i = 0; i < c->n_layers; i++) device[c->layers[i]] = EP_GPU;
    const ep_assignment wanted = {.device = device, .sheds = true};
    return ep_plan_build(r->layers, r->options->machine, r->planned->plan.strategy, &wanted,
                         &r->options->plan, out, err);
}

static void add_changes(const ranker *r, const ep__candidate *c, ep_changes *changes)
{
    for (uint32_t i = 0; i < c->n_layers; i++) {
        const uint32_t node = r->layers->layers[c->layers[i]].node;
        if (c->how == EP__CUT) changes->cut[node] = true;
        if (c->how == EP__WRITE) changes->instead[node] = c->instead[i];
    }
}

static ep_status plan_rewritten(const ranker *r, const trial *t, ep_arena *arena,
                                ep_hint_figures *out, ep_error *err)
{
    const ep_rank_options *o = r->options;
    ep_changes changes;
    ep_network *network = NULL;
    ep_layers *layers = NULL;
    ep_planned *planned = NULL;
    EP_TRY(ep_changes_new(r->layers->network, arena, &changes, err));
    for (uint32_t i = 0; i < t->n; i++) add_changes(r, &r->candidates[t->of[i]], &changes);
    EP_TRY(ep_rewrite(r->layers->network, &changes, &network, err));
    ep_status status = ep_layers_build(network, &layers, err);
    if (status == EP_OK) {
        status =
            ep_plan_make(layers, o->machine, r->planned->plan.strategy, &o->plan, &planned, err);
    }
    if (status == EP_OK) status = figures_of(r, planned, arena, out, err);
    ep_planned_free(planned);
    ep_layers_free(layers);
    ep_network_free(network);
    return status;
}

static ep_status try_one(const ranker *r, trial *t, ep_arena *arena)
{
    const ep__candidate *first = &r->candidates[t->of[0]];
    if (first->how != EP__KEEP_ON_GPU) return plan_rewritten(r, t, arena, &t->figures, &t->why);
    ep_planned *planned = NULL;
    EP_TRY(plan_kept(r, first, arena, &planned, &t->why));
    const ep_status status = figures_of(r, planned, arena, &t->figures, &t->why);
    ep_planned_free(planned);
    return status;
}

static void try_piece(uint64_t begin, uint64_t end, void *context)
{
    ranker *r = context;
    for (uint64_t i = begin; i < end; i++) {
        trial *t = &r->trials[i];
        ep_arena *arena = ep_arena_new();
        t->status = arena ? try_one(r, t, arena) : ep_fail_memory(&t->why);
        ep_arena_free(arena);
    }
}

/* A hint that cannot be followed says why; running out of memory ends it all. */
static ep_status run_trials(ranker *r, ep_error *err)
{
    ep_parallel(r->options->threads, r->n_trials, 1, try_piece, r);
    for (uint32_t i = 0; i < r->n_trials; i++) {
        if (r->trials[i].status == EP_NO_MEMORY) return ep_fail_memory(err);
    }
    return EP_OK;
}

static ep_status new_trials(ranker *r, uint32_t n, ep_error *err)
{
    r->n_trials = 0;
    r->trials = EP_NEW(r->arena, trial, n);
    return r->trials ? EP_OK : ep_fail_memory(err);
}

static ep_status add_trial(ranker *r, const uint32_t *of, uint32_t n, ep_error *err)
{
    const uint32_t *kept = ep_arena_copy(r->arena, of, n * sizeof *of);
    if (!kept) return ep_fail_memory(err);
    r->trials[r->n_trials++] = (trial){.n = n, .of = kept};
    return EP_OK;
}

/* ---- one by one ---------------------------------------------------------------------------- */

static int by_gain(const void *left, const void *right)
{
    const ep_hint *a = &((const ep__candidate *)left)->hint,
                  *b = &((const ep__candidate *)right)->hint;
    if (!a->cannot != !b->cannot) return a->cannot ? 1 : -1;
    if (!a->cannot && a->after.latency_ns != b->after.latency_ns) {
        return a->after.latency_ns < b->after.latency_ns ? -1 : 1;
    }
    if (!a->cannot && a->after.fallbacks != b->after.fallbacks) {
        return a->after.fallbacks < b->after.fallbacks ? -1 : 1;
    }
    if (a->n_layers != b->n_layers) return a->n_layers > b->n_layers ? -1 : 1;
    const int order = strcmp(a->id, b->id);
    return order ? order : strcmp(a->hint, b->hint);
}

static ep_status try_each(ranker *r, ep_error *err)
{
    EP_TRY(new_trials(r, r->n, err));
    for (uint32_t i = 0; i < r->n; i++) {
        if (!r->candidates[i].hint.cannot) EP_TRY(add_trial(r, &i, 1, err));
    }
    EP_TRY(run_trials(r, err));
    for (uint32_t i = 0; i < r->n_trials; i++) {
        const trial *t = &r->trials[i];
        ep_hint *hint = &r->candidates[t->of[0]].hint;
        hint->after = t->figures;
        if (t->status == EP_OK) continue;
        hint->cannot = ep_arena_string(r->arena, t->why.text, strlen(t->why.text));
        if (!hint->cannot) return ep_fail_memory(err);
    }
    if (r->n) qsort(r->candidates, r->n, sizeof *r->candidates, by_gain);
    return EP_OK;
}

/* ---- together ------------------------------------------------------------------------------ */

/* Those that win more than less does, with their best plans. */
static ep_status search_together(ranker *r, const trial *pair, const trial *all, ep_ranking *out,
                                 ep_error *err)
{
    EP_TRY(new_trials(r, 2, err));
    if (pair) EP_TRY(add_trial(r, pair->of, pair->n, err));
    if (all) EP_TRY(add_trial(r, all->of, all->n, err));
    r->searches = r->options->searches;
    EP_TRY(run_trials(r, err));
    out->has_all = all;
    if (pair) memcpy(out->pair, pair->of, sizeof out->pair);
    if (pair) out->both = r->trials[0].figures;
    if (all) out->all = r->trials[r->n_trials - 1].figures;
    return EP_OK;
}

/* The pairs of the best, and all, of those that change the network. */
static ep_status try_together(ranker *r, ep_ranking *out, ep_error *err)
{
    enum { BEST = 6 };
    uint32_t n = 0;
    uint32_t *able = EP_NEW(r->arena, uint32_t, r->n);
    if (!able) return ep_fail_memory(err);
    for (uint32_t i = 0; i < r->n; i++) {
        const ep__candidate *c = &r->candidates[i];
        if (!c->hint.cannot && c->how != EP__KEEP_ON_GPU) able[n++] = i;
    }
    EP_TRY(new_trials(r, BEST * BEST + 1, err));
    r->searches = false;
    for (uint32_t a = 0; a < n && a < BEST; a++) {
        for (uint32_t b = a + 1; b < n && b < BEST; b++) {
            EP_TRY(add_trial(r, (const uint32_t[]){able[a], able[b]}, 2, err));
        }
    }
    const uint32_t n_pairs = r->n_trials;
    if (n > 2) EP_TRY(add_trial(r, able, n, err));
    EP_TRY(run_trials(r, err));
    const trial *pair = NULL, *all = NULL;
    double least_ns = n ? r->candidates[able[0]].hint.after.latency_ns : 0;
    for (uint32_t i = 0; i < r->n_trials; i++) {
        const trial *t = &r->trials[i];
        if (t->status != EP_OK || t->figures.latency_ns >= least_ns) continue;
        least_ns = t->figures.latency_ns;
        *(i < n_pairs ? &pair : &all) = t;
    }
    return search_together(r, pair, all, out, err);
}

static ep_status rank(ranker *r, ep_ranking *out, ep_error *err)
{
    r->searches = r->options->searches;
    EP_TRY(figures_of(r, r->planned, r->arena, &out->now, err));
    EP_TRY(try_each(r, err));
    EP_TRY(try_together(r, out, err));
    ep_hint *hints = EP_NEW(r->arena, ep_hint, r->n);
    if (!hints) return ep_fail_memory(err);
    for (uint32_t i = 0; i < r->n; i++) {
        hints[i] = r->candidates[i].hint;
        out->n_estimated += !hints[i].cannot;
    }
    out->n = r->n;
    out->hints = hints;
    return EP_OK;
}

ep_status ep_rank_hints(const ep_planned *planned, const ep_rank_options *options, ep_arena *arena,
                        ep_ranking *out, ep_error *err)
{
    assert(planned->verdicts);
    ep__candidates list = {.planned = planned, .arena = arena};
    *out = (ep_ranking){.pair = {EP_NO_INDEX, EP_NO_INDEX}};
    ep_status status = ep__candidates_list(&list, options->advice, options->n_advice, err);
    ranker r = {.planned = planned,
                .layers = planned->plan.layers,
                .options = options,
                .arena = arena,
                .n = list.n,
                .candidates = list.at};
    if (status == EP_OK) status = rank(&r, out, err);
    free(list.at);
    return status;
}
