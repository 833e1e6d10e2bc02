/* The ends of a network: what precedes and what follows the part that a DLA is for. */
#include "planner/advice.h"

static bool *new_flags(const ep__advisor *a, ep_error *err)
{
    bool *flags = EP_NEW(a->arena, bool, (uint64_t)a->layers->n_layers + 1);
    if (!flags) (void)ep_fail_memory(err);
    return flags;
}

/* ---- detection heads ----------------------------------------------------------------------- */

/* A tail is cut off for this many layers that the DLA refuses, and not for more than this share of
 * all MACs. */
#define TAIL_REFUSED_MIN 3
#define TAIL_MACS_SHARE 0.01

/* A layer is worth keeping a network together for above so many MACs: one in a thousand, or a
 * quarter of the mean where there are many. The DLA's convolution in a decoder is not. */
static double heavy_macs(const ep__advisor *a)
{
    uint32_t n = 0;
    for (uint32_t l = 0; l < a->layers->n_layers; l++) n += ep__layer(a, l)->macs > 0;
    const double all = (double)a->macs, share = 4 * (double)n;
    return all / (share > 1000 ? share : 1000);
}

/* Takes the layers from which no heavy layer of the DLA can be reached. */
static ep_status take_tail(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    bool *leads_on = new_flags(a, err);
    if (!leads_on) return EP_NO_MEMORY;
    const double heavy = heavy_macs(a);
    for (uint32_t l = a->layers->n_layers; l-- > 0;) {
        const ep_layer *layer = ep__layer(a, l);
        leads_on[l] |= layer->macs > 0 && (double)layer->macs >= heavy && !ep__is_refused(a, l);
        for (uint32_t i = 0; leads_on[l] && i < layer->n_inputs; i++) {
            const uint32_t p = ep__writer(a, layer->inputs[i]);
            if (p != EP_NO_INDEX) leads_on[p] = true;
        }
    }
    /* what the DLA takes right behind its part stays with it */
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        if (leads_on[l]) continue;
        const ep_layer *layer = ep__layer(a, l);
        bool follows =
            layer->n_inputs > 0 && layer->type != EP_LAYER_SHUFFLE && !ep__is_refused(a, l);
        for (uint32_t i = 0; follows && i < layer->n_inputs; i++) {
            const uint32_t p = ep__writer(a, layer->inputs[i]);
            follows = p != EP_NO_INDEX && !f->member[p] && !ep__is_refused(a, p);
        }
        if (!follows) ep__take(a, f, l);
    }
    return EP_OK;
}

/* The tensors at which the tail begins. */
static ep__names cut_tensors(const ep__advisor *a, const ep__finding *f)
{
    const ep_layers *layers = a->layers;
    ep__names names = {0};
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t p = layers->producer[t];
        if (p == EP_NO_INDEX || f->member[p]) continue;
        bool enters = false;
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            enters |= f->member[layers->users[u]];
        }
        if (enters) ep__names_add(&names, ep__tensor(a, t)->name, 0, -1);
    }
    return names;
}

/* Makes boxes of maps, or picks among them: what a classifier does not do. */
static bool is_decoding(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_CONCATENATION:
    case EP_LAYER_SLICE:
    case EP_LAYER_TOPK:
    case EP_LAYER_GATHER:
    case EP_LAYER_SCATTER:
    case EP_LAYER_PLUGIN: return true;
    default: return false;
    }
}

ep_status ep__find_detection_head(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    EP_TRY(take_tail(a, f, err));
    uint32_t n_refused = 0, hold, touch;
    bool decodes = false;
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        if (!f->member[l]) continue;
        n_refused += ep__is_refused(a, l);
        decodes |= is_decoding(ep__layer(a, l));
        if (ep__layer(a, l)->type == EP_LAYER_NORMALIZATION) return EP_OK; /* a block's end */
    }
    const ep__names cuts = cut_tensors(a, f);
    if (n_refused < TAIL_REFUSED_MIN || !decodes || cuts.n == 0) return EP_OK;
    if ((double)f->macs > TAIL_MACS_SHARE * (double)a->macs) return EP_OK;
    EP_TRY(ep__count_subgraphs(a, f, &hold, &touch, err));
    ep_text_printf(&f->text, "the network ends in ");
    ep__append_count(&f->text, f->n, "layer");
    ep_text_printf(&f->text, " with ");
    ep__append_share(&f->text, (double)f->macs, (double)a->macs);
    ep_text_printf(&f->text, " of the MACs and ");
    ep__append_share(&f->text, f->ns, a->ns);
    ep_text_printf(&f->text, " of the time of all layers; the DLA refuses %u of them, and ",
                   n_refused);
    ep__append_count(&f->text, ep__transitions_into(a, f), "transition");
    if (hold > 0) {
        ep_text_printf(&f->text, " and ");
        ep__append_count(&f->text, hold, "subgraph");
    }
    ep_text_printf(&f->text, " would go with them");
    ep_text_printf(&f->hint, "End the network at ");
    ep__append_names(&f->hint, &cuts);
    ep_text_printf(&f->hint, ", and run the rest (decoding, NMS) behind it on the GPU or the CPU.");
    f->change = EP_CHANGE_SETTING;
    return EP_OK;
}

/* ---- preprocessing ------------------------------------------------------------------------- */

static bool is_preparation(const ep_layer *layer)
{
    switch (layer->type) {
    case EP_LAYER_SCALE:
    case EP_LAYER_SHUFFLE:
    case EP_LAYER_SLICE:
    case EP_LAYER_CAST:
    case EP_LAYER_RESIZE:
    case EP_LAYER_CONCATENATION:
    case EP_LAYER_QUANTIZE:
    case EP_LAYER_DEQUANTIZE: return true;
    default: return ep__is_pointwise(layer);
    }
}

/* Layers that nothing but such layers precedes, the first of them reading a network input. */
static void mark_preparation(const ep__advisor *a, bool *prepares)
{
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        const ep_layer *layer = ep__layer(a, l);
        bool all = layer->n_inputs > 0 && is_preparation(layer) && ep__is_refused(a, l);
        for (uint32_t i = 0; all && i < layer->n_inputs; i++) {
            const uint32_t p = ep__writer(a, layer->inputs[i]);
            all = p == EP_NO_INDEX || prepares[p];
        }
        prepares[l] = all;
    }
}

/* Takes those that lead to the DLA. */
static void take_preparation(const ep__advisor *a, const bool *prepares, ep__finding *f)
{
    const ep_layers *layers = a->layers;
    for (uint32_t l = layers->n_layers; l-- > 0;) {
        if (!prepares[l]) continue;
        bool leads_to_dla = false;
        for (uint32_t o = 0; o < ep__layer(a, l)->n_outputs; o++) {
            const uint32_t t = ep__layer(a, l)->outputs[o];
            for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
                const uint32_t user = layers->users[u];
                leads_to_dla |= f->member[user] || ep__on_dla(a, user);
            }
        }
        if (leads_to_dla) ep__take(a, f, l);
    }
}

/* Tensors with which the network would begin without them. */
static ep__names first_tensors(const ep__advisor *a, const ep__finding *f)
{
    const ep_layers *layers = a->layers;
    ep__names names = {0};
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t p = layers->producer[t];
        if (p == EP_NO_INDEX || !f->member[p]) continue;
        bool leaves = layers->is_output[t];
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            leaves |= !f->member[layers->users[u]];
        }
        if (leaves) ep__names_add(&names, ep__tensor(a, t)->name, 0, -1);
    }
    return names;
}

ep_status ep__find_preprocessing(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    bool *prepares = new_flags(a, err);
    if (!prepares) return EP_NO_MEMORY;
    mark_preparation(a, prepares);
    take_preparation(a, prepares, f);
    if (f->n == 0) return EP_OK;
    ep__names names = {0};
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        if (f->member[l]) ep__names_add(&names, ep__layer(a, l)->name, 0, -1);
    }
    ep__append_count(&f->text, f->n, "layer");
    ep_text_printf(&f->text, " between the inputs and the DLA run on the GPU (");
    ep__append_names(&f->text, &names);
    ep_text_printf(&f->text, ") and take ");
    ep__append_share(&f->text, f->ns, a->ns);
    ep_text_printf(&f->text, " of the time of all layers");
    const ep__names first = first_tensors(a, f);
    ep_text_printf(&f->hint, "Prepare the input outside the network, which then begins with ");
    ep__append_names(&f->hint, &first);
    ep_text_printf(&f->hint, ", as N x C x H x W.");
    f->change = EP_CHANGE_EXACT;
    return EP_OK;
}

/* ---- the format of the first tensor -------------------------------------------------------- */

/* kDLA_HWC4: images of 1, 3 or 4 channels, read by convolutions of the input's precision. They may
 * have 4 groups, and cannot have more with so few channels. */
static bool is_image(const ep_shape *shape)
{
    return shape->rank == 4 && (shape->dims[1] == 1 || shape->dims[1] == 3 || shape->dims[1] == 4);
}

/* Layers on the DLA that read an input. */
typedef struct readers {
    uint32_t n_int8, n_fp16;
    uint32_t n_other; /* no convolutions */
} readers;

static readers readers_of(const ep__advisor *a, uint32_t tensor)
{
    const ep_layers *layers = a->layers;
    readers r = {0};
    for (uint32_t u = layers->users_begin[tensor]; u < layers->users_begin[tensor + 1]; u++) {
        const uint32_t l = layers->users[u];
        if (!ep__on_dla(a, l)) continue;
        *(a->plan->precision[l] == EP_INT8 ? &r.n_int8 : &r.n_fp16) += 1;
        r.n_other += ep__layer(a, l)->type != EP_LAYER_CONVOLUTION;
    }
    return r;
}

static void take_readers(const ep__advisor *a, ep__finding *f, uint32_t tensor)
{
    const ep_layers *layers = a->layers;
    for (uint32_t u = layers->users_begin[tensor]; u < layers->users_begin[tensor + 1]; u++) {
        if (ep__on_dla(a, layers->users[u])) ep__take(a, f, layers->users[u]);
    }
}

ep_status ep__find_first_format(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    const ep_network *net = a->layers->network;
    ep__names inputs = {0};
    uint32_t n_other = 0, n_mixed = 0;
    for (uint32_t i = 0; i < net->n_inputs; i++) {
        const uint32_t t = net->inputs[i];
        if (!is_image(&net->tensors[t].shape)) continue;
        const readers r = readers_of(a, t);
        const bool mixed = r.n_int8 > 0 && r.n_fp16 > 0;
        if (!mixed && r.n_other == 0) continue;
        take_readers(a, f, t);
        ep__names_add(&inputs, net->tensors[t].name, 0, -1);
        n_other += r.n_other;
        n_mixed += mixed;
    }
    if (inputs.n == 0) return EP_OK;
    ep_text_printf(&f->text, "%s ", inputs.n == 1 ? "input" : "inputs");
    ep__append_names(&f->text, &inputs);
    ep_text_printf(&f->text, " cannot be kDLA_HWC4: ");
    if (n_other > 0) {
        ep__append_count(&f->text, n_other, "reader");
        ep_text_printf(&f->text, " on the DLA %s no convolution", n_other == 1 ? "is" : "are");
        ep_text_printf(&f->hint, "Move what comes before the first convolution out of the network, "
                                 "or into its weights. ");
    }
    if (n_mixed > 0) {
        ep_text_printf(&f->text, "%sone is read in INT8 and in FP16", n_other > 0 ? ", " : "");
        ep_text_printf(&f->hint, "Give all that read an input one precision. ");
    }
    ep_text_printf(&f->text, "; feature formats pad its channels to 32 bytes a pixel");
    ep_text_printf(&f->hint, "Otherwise use kDLA_LINEAR.");
    f->change = n_other > 0 ? EP_CHANGE_EXACT : EP_CHANGE_SETTING;
    return EP_OK;
}
