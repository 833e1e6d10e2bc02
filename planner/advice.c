#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "planner/advice.h"

/* ---- helpers of the finders ---------------------------------------------------------------- */

void ep__take(const ep__advisor *a, ep__finding *f, uint32_t layer)
{
    if (f->member[layer]) return;
    f->member[layer] = true;
    f->n++;
    f->macs += ep__layer(a, layer)->macs;
    f->ns += a->layer_ns[layer];
}

bool ep__is_refused(const ep__advisor *a, uint32_t l)
{
    const ep_verdict *v = &a->planned->verdicts[l];
    return v->n_refusals > 0 && !ep_rule_is_about_combinations(v->refusals[0].rule);
}

void ep__names_add(ep__names *names, const char *name, double weight, double share)
{
    uint32_t i = names->n < EP__LISTED ? names->n : EP__LISTED;
    names->n++;
    for (; i > 0 && weight > names->listed[i - 1].weight; i--) {
        if (i < EP__LISTED) names->listed[i] = names->listed[i - 1];
    }
    if (i == EP__LISTED) return;
    names->listed[i].name = name;
    names->listed[i].weight = weight;
    names->listed[i].share = share;
}

#define NAME_BYTES_MAX 48

/* Exporters write paths, which differ at their ends. */
void ep__append_name(ep_text *out, const char *name)
{
    const size_t length = strlen(name);
    if (length <= NAME_BYTES_MAX) {
        ep_text_printf(out, "'%s'", name);
        return;
    }
    const char *end = name + length - (NAME_BYTES_MAX - 3);
    while (((unsigned char)*end & 0xc0) == 0x80) end++; /* whole UTF-8 characters */
    ep_text_printf(out, "'...%s'", end);
}

void ep__append_names(ep_text *out, const ep__names *names)
{
    const uint32_t shown = names->n < EP__LISTED ? names->n : EP__LISTED;
    for (uint32_t i = 0; i < shown; i++) {
        const bool last = i > 0 && i + 1 == names->n;
        ep_text_printf(out, "%s", i == 0 ? "" : last ? " and " : ", ");
        ep__append_name(out, names->listed[i].name);
        if (names->listed[i].share < 0) continue;
        ep_text_printf(out, " ");
        ep__append_share(out, names->listed[i].share, 1);
    }
    if (names->n > shown) ep_text_printf(out, " and %u more", names->n - shown);
}

void ep__append_share(ep_text *out, double part, double whole)
{
    const double pct = whole > 0 ? 100 * part / whole : 0;
    if (pct > 0 && pct < 0.1) {
        ep_text_printf(out, "<0.1 %%");
    } else {
        ep_text_printf(out, pct >= 10 || pct <= 0 ? "%.0f %%" : "%.1f %%", pct);
    }
}

void ep__append_count(ep_text *out, uint64_t n, const char *what)
{
    ep_text_printf(out, "%llu %s%s", (unsigned long long)n, what, n == 1 ? "" : "s");
}

uint32_t ep__transitions_into(const ep__advisor *a, const ep__finding *f)
{
    const ep_layers *layers = a->layers;
    uint32_t n = 0;
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t from = layers->producer[t];
        if (from == EP_NO_INDEX) continue;
        bool reaches[EP_DEVICE_COUNT] = {false};
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            const uint32_t user = layers->users[u];
            reaches[a->plan->device[user]] |= f->member[user];
        }
        for (uint32_t d = 0; d < EP_DEVICE_COUNT; d++)
            n += reaches[d] && d != a->plan->device[from];
    }
    return n;
}

/* Marks the subgraphs that exchange a tensor with layer `l`. */
static void mark_touching(const ep__advisor *a, uint32_t l, bool *touched)
{
    const ep_layer *layer = ep__layer(a, l);
    const uint32_t *subgraph = a->plan->subgraph;
    for (uint32_t i = 0; i < layer->n_inputs; i++) {
        const uint32_t p = ep__writer(a, layer->inputs[i]);
        if (p != EP_NO_INDEX && subgraph[p] != EP_NO_INDEX) touched[subgraph[p]] = true;
    }
    for (uint32_t o = 0; o < layer->n_outputs; o++) {
        const uint32_t t = layer->outputs[o];
        for (uint32_t u = a->layers->users_begin[t]; u < a->layers->users_begin[t + 1]; u++) {
            const uint32_t s = subgraph[a->layers->users[u]];
            if (s != EP_NO_INDEX) touched[s] = true;
        }
    }
}

ep_status ep__count_subgraphs(const ep__advisor *a, const ep__finding *f, uint32_t *hold,
                              uint32_t *touch, ep_error *err)
{
    const uint32_t n = a->plan->n_subgraphs;
    bool *held = EP_NEW(a->arena, bool, n);
    bool *touched = EP_NEW(a->arena, bool, n);
    if (!held || !touched) return ep_fail_memory(err);
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        if (!f->member[l]) continue;
        if (a->plan->subgraph[l] == EP_NO_INDEX) {
            mark_touching(a, l, touched);
        } else {
            held[a->plan->subgraph[l]] = true;
        }
    }
    *hold = *touch = 0;
    for (uint32_t s = 0; s < n; s++) {
        *hold += held[s];
        *touch += held[s] || touched[s];
    }
    return EP_OK;
}

/* ---- all finders --------------------------------------------------------------------------- */

static const struct {
    const char *id;
    ep__finder find;
} finders[] = {
    {"advice.detection-head", ep__find_detection_head},
    {"advice.first-format", ep__find_first_format},
    {"advice.fp16-convolution", ep__find_fp16_convolution},
    {"advice.int8-scales", ep__find_missing_scales},
    {"advice.islands", ep__find_islands},
    {"advice.mac-waste", ep__find_mac_waste},
    {"advice.preprocessing-head", ep__find_preprocessing},
    {"advice.shared-range", ep__find_shared_range},
    {"advice.squeeze-excite", ep__find_squeeze_excite},
    {"advice.transformer-block", ep__find_transformer},
};
enum { N_FINDERS = sizeof finders / sizeof finders[0] };

static ep_status record(const ep__advisor *a, const ep__finding *f, ep_advice *advice,
                        ep_error *err)
{
    if (f->text.failed || f->hint.failed) return ep_fail_memory(err);
    uint32_t *layers = EP_NEW(a->arena, uint32_t, f->n);
    advice->text = ep_arena_string(a->arena, f->text.data, f->text.length);
    advice->hint = ep_arena_string(a->arena, ep_text_cstr(&f->hint), f->hint.length);
    if (!layers || !advice->text || !advice->hint) return ep_fail_memory(err);
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        if (f->member[l]) layers[advice->n_layers++] = l;
    }
    assert(advice->n_layers == f->n);
    advice->layers = layers;
    advice->change = f->change;
    advice->ns = f->ns;
    return EP_OK;
}

/* Asks one finder; `*n` grows if it has found something. */
static ep_status ask(const ep__advisor *a, uint32_t finder, bool *member, ep_advice *list,
                     uint32_t *n, ep_error *err)
{
    ep__finding f = {.member = member};
    memset(member, 0, a->layers->n_layers * sizeof *member);
    ep_status status = finders[finder].find(a, &f, err);
    if (status == EP_OK && (f.text.length > 0 || f.text.failed)) {
        list[*n] = (ep_advice){.id = finders[finder].id};
        status = record(a, &f, &list[(*n)++], err);
    }
    ep_text_free(&f.text);
    ep_text_free(&f.hint);
    return status;
}

static int heaviest_first(const void *left, const void *right)
{
    const ep_advice *a = left, *b = right;
    if (a->ns > b->ns || a->ns < b->ns) return a->ns > b->ns ? -1 : 1;
    return strcmp(a->id, b->id);
}

ep_status ep_plan_advise(const ep_planned *planned, const ep_machine *machine,
                         const double *layer_ns, ep_arena *arena, const ep_advice **out,
                         uint32_t *n, ep_error *err)
{
    const ep_layers *layers = planned->plan.layers;
    ep_advice *list = EP_NEW(arena, ep_advice, N_FINDERS);
    bool *member = EP_NEW(arena, bool, (uint64_t)layers->n_layers + 1);
    if (!list || !member) return ep_fail_memory(err);
    *out = list;
    *n = 0;
    if (!planned->verdicts || planned->plan.n_subgraphs == 0) return EP_OK;
    ep__advisor a = {.planned = planned,
                     .plan = &planned->plan,
                     .layers = layers,
                     .machine = machine,
                     .layer_ns = layer_ns,
                     .arena = arena};
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        a.macs += layers->layers[l].macs;
        a.ns += layer_ns[l];
    }
    for (uint32_t i = 0; i < N_FINDERS; i++) EP_TRY(ask(&a, i, member, list, n, err));
    qsort(list, *n, sizeof *list, heaviest_first);
    return EP_OK;
}
