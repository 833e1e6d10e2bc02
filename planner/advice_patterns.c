/* Blocks of several layers that the DLA takes in part: squeeze-excite, transformer. */
#include <stdio.h>
#include <string.h>

#include "planner/advice.h"

/* ---- squeeze-excite ------------------------------------------------------------------------ */

/* The longest way from pooling to product: HardSigmoid taken apart, batch norms, reshapes. */
#define BLOCK_LAYERS_MAX 16

typedef struct block {
    uint32_t n;
    uint32_t layers[BLOCK_LAYERS_MAX];
    uint32_t products; /* 1x1 convolutions, fully connected layers */
    bool gate, closed; /* has a sigmoid or what stands for one; ends with the map's product */
} block;

/* Each channel of a map becomes its mean. */
static bool is_global_mean(const ep__advisor *a, const ep_layer *layer)
{
    if (layer->n_inputs != 1 || layer->n_outputs != 1) return false;
    const ep_shape *in = &ep__tensor(a, layer->inputs[0])->shape;
    if (in->rank != 4 || in->dims[2] * in->dims[3] <= 1) return false;
    if (layer->type == EP_LAYER_REDUCE) {
        return layer->function == EP_FN_REDUCE_MEAN && layer->axes == (1U << 2 | 1U << 3);
    }
    const ep_shape *out = &ep__tensor(a, layer->outputs[0])->shape;
    return layer->type == EP_LAYER_POOLING && layer->function == EP_FN_AVERAGE_POOL &&
           out->rank == 4 && out->dims[2] * out->dims[3] == 1;
}

/* A product with the map. */
static bool scales_map(const ep__advisor *a, const ep_layer *layer, uint32_t map)
{
    if (layer->type != EP_LAYER_ELEMENTWISE || layer->function != EP_FN_PROD) return false;
    if (layer->n_inputs != 2) return false;
    return a->layers->root[layer->inputs[0]] == map || a->layers->root[layer->inputs[1]] == map;
}

/* Adds a layer that reads the block; false when it is no squeeze-excite's. */
static bool add_to_block(const ep__advisor *a, block *b, uint32_t l, uint32_t map)
{
    const ep_layer *layer = ep__layer(a, l);
    if (ep__contains(b->layers, b->n, l)) return true;
    if (b->n == BLOCK_LAYERS_MAX) return false;
    const bool closes = scales_map(a, layer, map);
    b->closed |= closes;
    b->products += layer->macs > 0;
    b->gate |= layer->function == EP_FN_SIGMOID || layer->function == EP_FN_HARD_SIGMOID ||
               layer->function == EP_FN_CLIP;
    b->layers[b->n++] = l;
    return closes || layer->elements <= ep__layer(a, b->layers[0])->elements;
}

/* Does the layer, a global mean, begin a block? Everything that follows it up to the product with
 * what it pooled belongs to it, so a block is found in bounded time. */
static bool find_block(const ep__advisor *a, uint32_t pool, block *b)
{
    const ep_layers *layers = a->layers;
    const uint32_t map = layers->root[ep__layer(a, pool)->inputs[0]];
    *b = (block){.n = 1, .layers = {pool}};
    for (uint32_t i = 0; i < b->n; i++) {
        const ep_layer *layer = ep__layer(a, b->layers[i]);
        if (scales_map(a, layer, map)) continue; /* the product closes the block */
        for (uint32_t o = 0; o < layer->n_outputs; o++) {
            const uint32_t t = layer->outputs[o];
            for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
                if (!add_to_block(a, b, layers->users[u], map)) return false;
            }
        }
    }
    return b->closed && b->gate && b->products >= 2;
}

/* What the DLA refuses in blocks. */
typedef struct refused {
    uint32_t means, hard_sigmoids, others;
    ep__names names;      /* of the others */
    uint32_t first_mean;  /* EP_NO_INDEX: none */
    bool all_in_steps;    /* every mean can be pooled in steps */
    bool all_as_products; /* or is a convolution with one weight, no larger than a kernel may be */
} refused;

/* Writes "8x8 then 7x7" for a map of that size: windows, none above `max`, whose product it is.
 * False when there are none. */
static bool pooling_steps(const ep_shape *map, int64_t max, ep_text *out)
{
    int64_t h = map->dims[2], w = map->dims[3];
    for (bool first = true; h > 1 || w > 1; first = false) {
        int64_t kh = max < h ? max : h, kw = max < w ? max : w;
        while (kh > 1 && h % kh != 0) kh--;
        while (kw > 1 && w % kw != 0) kw--;
        if ((h > 1 && kh <= 1) || (w > 1 && kw <= 1)) return false;
        h /= kh;
        w /= kw;
        if (out) {
            ep_text_printf(out, "%s%lldx%lld", first ? "" : " then ", (long long)kh, (long long)kw);
        }
    }
    return true;
}

static void note_refused(const ep__advisor *a, uint32_t l, refused *r)
{
    const ep_layer *layer = ep__layer(a, l);
    const ep_dla_limits *limits = &a->machine->dla.limits;
    const char *rule = a->planned->verdicts[l].refusals[0].rule->id;
    const bool of_its_kind = strncmp(rule, "general.", 8) != 0;
    if (of_its_kind && is_global_mean(a, layer)) {
        const ep_shape *map = &ep__tensor(a, layer->inputs[0])->shape;
        r->all_in_steps &= pooling_steps(map, limits->pool_window.max, NULL);
        r->all_as_products &=
            map->dims[2] <= limits->conv_kernel.max && map->dims[3] <= limits->conv_kernel.max;
        if (r->first_mean == EP_NO_INDEX) r->first_mean = l;
        r->means++;
    } else if (of_its_kind && layer->function == EP_FN_HARD_SIGMOID) {
        r->hard_sigmoids++;
    } else {
        r->others++;
        ep__names_add(&r->names, layer->name, 0, -1);
    }
}

static void hint_means(const ep__advisor *a, const refused *r, ep_text *hint)
{
    const ep_layer *layer = ep__layer(a, r->first_mean);
    ep_text_printf(hint, "Pool in steps: ");
    ep__append_name(hint, layer->name);
    const ep_shape *map = &ep__tensor(a, layer->inputs[0])->shape;
    const int64_t max = a->machine->dla.limits.pool_window.max;
    if (pooling_steps(map, max, NULL)) {
        ep_text_printf(hint, " as AveragePool ");
        (void)pooling_steps(map, max, hint);
    } else {
        ep_text_printf(hint, " as a depthwise convolution with %lldx%lld equal weights",
                       (long long)map->dims[2], (long long)map->dims[3]);
    }
    ep_text_printf(hint, ". ");
}

static void hint_squeeze_excite(const ep__advisor *a, const refused *r, ep__finding *f)
{
    f->change = EP_CHANGE_EXACT;
    if (r->means > 0) {
        hint_means(a, r, &f->hint);
        if (!r->all_in_steps && !r->all_as_products) f->change = EP_CHANGE_RETRAIN;
    }
    if (r->hard_sigmoids > 0) {
        ep_text_printf(&f->hint, "HardSigmoid as Mul, Add and Clip to 0..1 (the same), or Sigmoid "
                                 "(approximate). ");
    }
    if (r->others > 0) {
        f->change = EP_CHANGE_RETRAIN;
        ep_text_printf(&f->hint, "For ");
        ep__append_names(&f->hint, &r->names);
        ep_text_printf(&f->hint, " see the rules that refuse them. ");
    }
    ep_text_printf(&f->hint, "Or drop the blocks and train again.");
}

ep_status ep__find_squeeze_excite(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    refused r = {.first_mean = EP_NO_INDEX, .all_in_steps = true, .all_as_products = true};
    uint32_t n_blocks = 0, n_refused = 0, hold, touch;
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        block b;
        if (!is_global_mean(a, ep__layer(a, l)) || !find_block(a, l, &b)) continue;
        n_blocks++;
        for (uint32_t i = 0; i < b.n; i++) {
            if (f->member[b.layers[i]]) continue;
            ep__take(a, f, b.layers[i]);
            if (!ep__is_refused(a, b.layers[i])) continue;
            n_refused++;
            note_refused(a, b.layers[i], &r);
        }
    }
    if (n_refused == 0) return EP_OK;
    EP_TRY(ep__count_subgraphs(a, f, &hold, &touch, err));
    ep__append_count(&f->text, n_blocks, "squeeze-excite block");
    ep_text_printf(&f->text, ": the DLA refuses %u of their %u layers (", n_refused, f->n);
    if (r.means > 0) ep__append_count(&f->text, r.means, "global mean");
    if (r.hard_sigmoids > 0) {
        ep_text_printf(&f->text, "%s", r.means > 0 ? ", " : "");
        ep__append_count(&f->text, r.hard_sigmoids, "HardSigmoid");
    }
    if (r.others > 0) {
        ep_text_printf(&f->text, "%s%u other%s", r.means + r.hard_sigmoids > 0 ? ", " : "",
                       r.others, r.others == 1 ? "" : "s");
    }
    ep_text_printf(&f->text, "), and %u of ", touch);
    ep__append_count(&f->text, a->plan->n_subgraphs, "subgraph");
    ep_text_printf(&f->text, " begin or end at them");
    hint_squeeze_excite(a, &r, f);
    return EP_OK;
}

/* ---- transformers -------------------------------------------------------------------------- */

/* Between a matrix product and the softmax of an attention: scaling, masks, reshapes. */
#define ATTENTION_STEPS_MAX 8

static bool passes_scores(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_SHUFFLE:
    case EP_LAYER_SLICE:
    case EP_LAYER_SELECT:
    case EP_LAYER_CAST: return true;
    default: return ep__is_pointwise(layer);
    }
}

/* The layers on a way, its ends included. */
typedef struct way {
    uint32_t n;
    uint32_t layers[ATTENTION_STEPS_MAX + 2];
} way;

/* The operand that scores come through: the first that is as large as the result; a mask that is
 * broadcast is not. */
static uint32_t scores_of(const ep__advisor *a, const ep_layer *layer)
{
    const uint32_t n =
        layer->n_inputs < ATTENTION_STEPS_MAX ? layer->n_inputs : ATTENTION_STEPS_MAX;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t writer = ep__writer(a, layer->inputs[i]);
        if (writer == EP_NO_INDEX) continue;
        if (ep_tensor_elements(ep__tensor(a, layer->inputs[i])) >= layer->elements) return writer;
    }
    return EP_NO_INDEX;
}

/* From a softmax back to the product of queries and keys. */
static bool find_scores(const ep__advisor *a, uint32_t softmax, way *w)
{
    *w = (way){.n = 1, .layers = {softmax}};
    for (uint32_t l = softmax; w->n <= ATTENTION_STEPS_MAX + 1;) {
        l = scores_of(a, ep__layer(a, l));
        if (l == EP_NO_INDEX) return false;
        w->layers[w->n++] = l;
        if (ep__layer(a, l)->type == EP_LAYER_MATRIX_MULTIPLY) return true;
        if (!passes_scores(ep__layer(a, l))) return false;
    }
    return false;
}

/* The reader of layer `l` that leads on: the product if there is one, else what passes scores. */
static uint32_t next_of(const ep__advisor *a, uint32_t l)
{
    const uint32_t t = ep__layer(a, l)->outputs[0];
    const uint32_t begin = a->layers->users_begin[t], end = a->layers->users_begin[t + 1];
    uint32_t next = EP_NO_INDEX;
    for (uint32_t u = begin; u < end && u - begin < ATTENTION_STEPS_MAX; u++) {
        const ep_layer *user = ep__layer(a, a->layers->users[u]);
        if (user->type == EP_LAYER_MATRIX_MULTIPLY) return a->layers->users[u];
        if (passes_scores(user)) next = a->layers->users[u];
    }
    return next;
}

/* From a softmax on to the product with the values. */
static bool find_values(const ep__advisor *a, uint32_t softmax, way *w)
{
    *w = (way){.n = 1, .layers = {softmax}};
    for (uint32_t l = softmax; w->n <= ATTENTION_STEPS_MAX + 1;) {
        l = next_of(a, l);
        if (l == EP_NO_INDEX) return false;
        w->layers[w->n++] = l;
        if (ep__layer(a, l)->type == EP_LAYER_MATRIX_MULTIPLY) return true;
    }
    return false;
}

static void take_way(const ep__advisor *a, ep__finding *f, const way *w)
{
    for (uint32_t i = 0; i < w->n; i++) ep__take(a, f, w->layers[i]);
}

static uint32_t first_member(const ep__advisor *a, const ep__finding *f)
{
    uint32_t l = 0;
    while (l + 1 < a->layers->n_layers && !f->member[l]) l++;
    return l;
}

static uint32_t last_member(const ep__advisor *a, const ep__finding *f)
{
    uint32_t l = a->layers->n_layers - 1;
    while (l > 0 && !f->member[l]) l--;
    return l;
}

/* Below this share of all MACs before or behind the blocks, a DLA is not worth a cut. */
#define WORTH_A_CUT 0.05

/* Where they begin and what is around decides. */
static void hint_transformer(const ep__advisor *a, ep__finding *f)
{
    const uint32_t begin = first_member(a, f), end = last_member(a, f);
    double before = 0, behind = 0;
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        if (!ep__on_dla(a, l) || f->member[l]) continue;
        if (l < begin) before += (double)ep__layer(a, l)->macs;
        if (l > begin) behind += (double)ep__layer(a, l)->macs;
    }
    const double worth = WORTH_A_CUT * (double)a->macs;
    const uint32_t root = a->layers->root[ep__layer(a, begin)->inputs[0]];
    const char *first = ep__tensor(a, root)->name;
    f->change = EP_CHANGE_NONE;
    if (before <= worth && behind <= worth) {
        ep_text_printf(&f->hint, "Leave the network on the GPU: the DLA takes ");
        ep__append_share(&f->hint, before + behind, (double)a->macs);
        ep_text_printf(&f->hint, " of its MACs beside the blocks, in ");
        ep__append_count(&f->hint, a->plan->n_subgraphs, "subgraph");
        ep_text_printf(&f->hint, ".");
    } else if (behind <= worth || before > 4 * behind) {
        f->change = EP_CHANGE_SETTING;
        ep_text_printf(&f->hint, "Leave the blocks on the GPU: cut the network at ");
        ep__append_name(&f->hint, first);
        ep_text_printf(&f->hint, ", where they begin; the DLA runs what comes before, ");
        ep__append_share(&f->hint, before, (double)a->macs);
        ep_text_printf(&f->hint, " of all MACs.");
    } else {
        ep_text_printf(&f->hint, "Leave the blocks on the GPU, from ");
        ep__append_name(&f->hint, first);
        ep_text_printf(&f->hint, " to ");
        ep__append_name(&f->hint, ep__tensor(a, ep__layer(a, end)->outputs[0])->name);
        ep_text_printf(&f->hint, "; convolutions in their place would keep the DLA's part whole.");
    }
}

ep_status ep__find_transformer(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    uint32_t n_attention = 0, n_norms = 0, n_refused = 0;
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        const ep_layer *layer = ep__layer(a, l);
        way scores, values;
        if (layer->type == EP_LAYER_SOFTMAX && find_scores(a, l, &scores) &&
            find_values(a, l, &values)) {
            n_attention++;
            take_way(a, f, &scores);
            take_way(a, f, &values);
        }
        if (layer->type == EP_LAYER_NORMALIZATION && strcmp(layer->op, "LayerNormalization") == 0) {
            n_norms++;
            ep__take(a, f, l);
        }
    }
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        n_refused += f->member[l] && ep__is_refused(a, l);
    }
    if (n_refused == 0) return EP_OK;
    if (n_attention > 0) {
        ep__append_count(&f->text, n_attention, "attention");
        ep_text_printf(&f->text, " (MatMul, Softmax, MatMul)%s", n_norms > 0 ? " and " : "");
    }
    if (n_norms > 0) ep__append_count(&f->text, n_norms, "LayerNormalization");
    ep_text_printf(&f->text, ": the DLA refuses %u of their %u layers, which take ", n_refused,
                   f->n);
    ep__append_share(&f->text, f->ns, a->ns);
    ep_text_printf(&f->text, " of the time of all layers; %u transitions lead to them",
                   ep__transitions_into(a, f));
    hint_transformer(a, f);
    return EP_OK;
}
