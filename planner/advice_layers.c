/* Layers that the DLA runs worse than it could, and subgraphs too small to be worth it. */
#include <math.h>

#include "planner/advice.h"

/* ---- idle multipliers ---------------------------------------------------------------------- */

/* Convolutions below this use of the array are listed if together they take more than this share of
 * the time. */
#define WASTE_USE_MAX 0.5
#define WASTE_TIME_SHARE 0.05

/* The share of the array's multipliers that work while a convolution has it, as the cost model
 * counts its cycles: blocks of channels in by channels out, groups side by side, an image's taps
 * along its channels. 1 where the array is not what the kernel waits for. */
static double array_use(const ep__advisor *a, uint32_t k)
{
    const ep_dla *dla = &a->machine->dla;
    const ep_kernel *kernel = &a->plan->kernels[k];
    const ep_phases *phases = &a->planned->costs[k].tactics[0];
    const bool int8 = kernel->precision == EP_INT8;
    const double cycles = int8 ? phases->cpipe_cycles : phases->rubik_cycles;
    const double array = int8 ? (double)(dla->atomic_c * dla->atomic_k * dla->pipes)
                              : (double)(dla->fp16_atomic_c * dla->fp16_atomic_k);
    double ns = 0;
    for (uint32_t i = 0; i < kernel->n_layers; i++) ns += a->layer_ns[kernel->layers[i]];
    if (!(cycles > 0) || cycles * 1e3 / dla->clock_mhz_max < ns / 2) return 1;
    const double macs = (double)ep__layer(a, kernel->layers[kernel->main])->macs;
    return fmin(1, macs / (cycles * array));
}

ep_status ep__find_mac_waste(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    const ep_dla *dla = &a->machine->dla;
    ep__names names = {0};
    uint32_t n_grouped = 0;
    bool int8 = false;
    for (uint32_t k = 0; k < a->plan->n_kernels; k++) {
        const ep_kernel *kernel = &a->plan->kernels[k];
        if (kernel->kind != EP_KERNEL_LAYERS || !ep_device_is_dla(kernel->device)) continue;
        const uint32_t l = kernel->layers[kernel->main];
        const ep_layer *layer = ep__layer(a, l);
        if (layer->type != EP_LAYER_CONVOLUTION && layer->type != EP_LAYER_DECONVOLUTION) continue;
        const double use = array_use(a, k);
        if (use >= WASTE_USE_MAX) continue;
        ep__take(a, f, l);
        ep__names_add(&names, layer->name, a->layer_ns[l], use);
        n_grouped += layer->groups > 1;
        int8 |= kernel->precision == EP_INT8;
    }
    if (f->n == 0 || f->ns <= WASTE_TIME_SHARE * a->ns) return EP_OK;
    ep__append_count(&f->text, f->n, "convolution");
    ep_text_printf(&f->text, " with ");
    ep__append_share(&f->text, f->ns, a->ns);
    ep_text_printf(&f->text, " of the time of all layers and ");
    ep__append_share(&f->text, (double)f->macs, (double)a->macs);
    ep_text_printf(&f->text, " of the MACs use less than %.0f %% of the MAC array",
                   100 * WASTE_USE_MAX);
    if (n_grouped > 0) ep_text_printf(&f->text, ", %u of them grouped or depthwise", n_grouped);
    ep_text_printf(&f->text, ": ");
    ep__append_names(&f->text, &names);
    ep_text_printf(&f->hint,
                   "A convolution takes the array in blocks of %lld channels in and %lld out: use "
                   "fewer layers with multiples of those",
                   (long long)(int8 ? dla->atomic_c : dla->fp16_atomic_c),
                   (long long)(int8 ? dla->atomic_k : dla->fp16_atomic_k));
    if (n_grouped > 0) {
        ep_text_printf(&f->hint, "; up to one block, groups save nothing over a dense convolution");
    }
    ep_text_printf(&f->hint, ". Train again.");
    f->change = EP_CHANGE_RETRAIN;
    return EP_OK;
}

/* ---- precision ----------------------------------------------------------------------------- */

/* FP16 is said to be slow from this ratio of INT8 to FP16 multiply-accumulates. */
#define FP16_SLOW_RATIO 4

static bool is_product(const ep_layer *layer)
{
    return layer->type == EP_LAYER_CONVOLUTION || layer->type == EP_LAYER_DECONVOLUTION ||
           layer->type == EP_LAYER_FULLY_CONNECTED;
}

ep_status ep__find_fp16_convolution(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    const ep_dla *dla = &a->machine->dla;
    if (dla->int8_macs < FP16_SLOW_RATIO * dla->fp16_macs) return EP_OK;
    uint32_t n_unscaled = 0;
    ep__names names = {0};
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        const ep_layer *layer = ep__layer(a, l);
        if (!ep__on_dla(a, l) || a->plan->precision[l] != EP_FP16 || !is_product(layer)) continue;
        ep__take(a, f, l);
        ep__names_add(&names, layer->name, a->layer_ns[l], -1);
        n_unscaled += a->layers->quantized && !ep__is_scaled(a->layers, layer);
    }
    if (f->n == 0) return EP_OK;
    ep__append_count(&f->text, f->n, "convolution");
    ep_text_printf(&f->text, " on the DLA %s in FP16, at ", f->n == 1 ? "runs" : "run");
    ep_text_printf(&f->text, "1/%.0f of its INT8 rate, and %s ", dla->int8_macs / dla->fp16_macs,
                   f->n == 1 ? "takes" : "take");
    ep__append_share(&f->text, f->ns, a->ns);
    ep_text_printf(&f->text, " of the time of all layers: ");
    ep__append_names(&f->text, &names);
    ep_text_printf(&f->hint, n_unscaled > 0 && a->layers->calibrated
                                 ? "Calibrate again: the cache lacks scales of their inputs."
                             : n_unscaled > 0 ? "Put Q/DQ pairs at their inputs, and plan in INT8."
                                              : "Quantise: plan in INT8, with a calibration or "
                                                "with Q/DQ pairs.");
    f->change = EP_CHANGE_SETTING;
    return EP_OK;
}

/* Would the layer run in INT8 if it had scales? */
static bool wants_scales(const ep__advisor *a, uint32_t l)
{
    const ep_layer *layer = ep__layer(a, l);
    if (!ep__on_dla(a, l) || a->plan->precision[l] != EP_FP16) return false;
    return !ep__is_scaled(a->layers, layer) && ep__has_int8(layer, &a->machine->dla.limits);
}

ep_status ep__find_missing_scales(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    if (!a->layers->quantized) return EP_OK;
    bool int8 = false; /* was asked for */
    ep__names names = {0};
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        int8 |= a->plan->precision[l] == EP_INT8;
        if (!wants_scales(a, l)) continue;
        ep__take(a, f, l);
        ep__names_add(&names, ep__layer(a, l)->name, 0, -1);
    }
    if (f->n == 0 || !int8) return EP_OK;
    ep__append_count(&f->text, f->n, "layer");
    ep_text_printf(&f->text, " of a %s network %s no INT8 scale at an input and %s in FP16, ",
                   a->layers->calibrated ? "calibrated" : "quantised", f->n == 1 ? "has" : "have",
                   f->n == 1 ? "runs" : "run");
    ep__append_share(&f->text, f->ns, a->ns);
    ep_text_printf(&f->text, " of the time of all layers: ");
    ep__append_names(&f->text, &names);
    if (a->layers->calibrated) {
        ep_text_printf(&f->hint, "Calibrate again: the cache has no scale for an input of ");
    } else {
        ep_text_printf(&f->hint, "Put QuantizeLinear and DequantizeLinear before every input of ");
    }
    ep__append_names(&f->hint, &names);
    ep_text_printf(&f->hint, ".");
    f->change = EP_CHANGE_SETTING;
    return EP_OK;
}

/* Scales that differ by less are one. */
#define SCALE_RATIO_SAME 1.0001F

/* The largest of the layer's input scales over the smallest; 1 when any is missing. */
static float scale_ratio(const ep__advisor *a, const ep_layer *layer)
{
    float low = INFINITY, high = 0;
    for (uint32_t i = 0; i < layer->n_inputs; i++) {
        const float scale = a->layers->scale[layer->inputs[i]];
        if (!(scale > 0)) return 1;
        low = fminf(low, scale);
        high = fmaxf(high, scale);
    }
    return layer->n_inputs > 1 ? high / low : 1;
}

ep_status ep__find_shared_range(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    ep__names names = {0};
    float worst = 1;
    for (uint32_t l = 0; l < a->layers->n_layers; l++) {
        const ep_layer *layer = ep__layer(a, l);
        if (!ep__on_dla(a, l) || a->plan->precision[l] != EP_INT8) continue;
        if (layer->type != EP_LAYER_ELEMENTWISE && layer->type != EP_LAYER_CONCATENATION) continue;
        const float ratio = scale_ratio(a, layer);
        if (ratio < SCALE_RATIO_SAME) continue;
        ep__take(a, f, l);
        ep__names_add(&names, layer->name, (double)ratio, -1);
        worst = fmaxf(worst, ratio);
    }
    if (f->n == 0) return EP_OK;
    ep__append_count(&f->text, f->n, "layer");
    ep_text_printf(&f->text,
                   " on the DLA %s inputs of different INT8 scales, up to %.3g times apart, where "
                   "the DLA uses the largest for all: ",
                   f->n == 1 ? "reads" : "read", (double)worst);
    ep__append_names(&f->text, &names);
    ep_text_printf(&f->hint, "Tie the quantisers of the inputs of ");
    ep__append_names(&f->hint, &names);
    ep_text_printf(&f->hint, " to one scale; otherwise the input of the smaller range loses "
                             "precision.");
    f->change = EP_CHANGE_SETTING;
    return EP_OK;
}

/* ---- islands ------------------------------------------------------------------------------- */

#define ISLAND_LAYERS_MIN 3
#define ISLAND_MACS_SHARE 0.01

/* Does a tensor pass between the subgraph and the GPU? */
static bool meets_gpu(const ep__advisor *a, const ep_subgraph *s)
{
    for (uint32_t i = 0; i < s->n_layers; i++) {
        const ep_layer *layer = ep__layer(a, s->layers[i]);
        for (uint32_t j = 0; j < layer->n_inputs; j++) {
            const uint32_t p = ep__writer(a, layer->inputs[j]);
            if (p != EP_NO_INDEX && !ep__on_dla(a, p)) return true;
        }
        for (uint32_t o = 0; o < layer->n_outputs; o++) {
            const uint32_t t = layer->outputs[o];
            for (uint32_t u = a->layers->users_begin[t]; u < a->layers->users_begin[t + 1]; u++) {
                if (!ep__on_dla(a, a->layers->users[u])) return true;
            }
        }
    }
    return false;
}

/* Transitions that were not if the islands were on the GPU: tensors that enter or leave one. */
static uint32_t island_transitions(const ep__advisor *a, const ep__finding *f)
{
    const ep_layers *layers = a->layers;
    uint32_t n = ep__transitions_into(a, f);
    for (uint32_t t = 0; t < layers->network->n_tensors; t++) {
        const uint32_t p = layers->producer[t];
        if (p == EP_NO_INDEX || !f->member[p]) continue;
        bool leaves = false;
        for (uint32_t u = layers->users_begin[t]; u < layers->users_begin[t + 1]; u++) {
            leaves |= !ep__on_dla(a, layers->users[u]);
        }
        n += leaves;
    }
    return n;
}

ep_status ep__find_islands(const ep__advisor *a, ep__finding *f, ep_error *err)
{
    (void)err;
    const ep_dla *dla = &a->machine->dla;
    const double few_macs = ISLAND_MACS_SHARE * (double)a->macs;
    uint32_t n = 0;
    ep__names names = {0};
    for (uint32_t i = 0; i < a->plan->n_subgraphs; i++) {
        const ep_subgraph *s = &a->plan->subgraphs[i];
        const bool small = s->n_layers < ISLAND_LAYERS_MIN || (double)s->macs < few_macs;
        if (!small || !meets_gpu(a, s)) continue;
        n++;
        ep__names_add(&names, ep__layer(a, s->layers[0])->name, 0, -1);
        for (uint32_t j = 0; j < s->n_layers; j++) ep__take(a, f, s->layers[j]);
    }
    if (n == 0) return EP_OK;
    const ep_mode *mode;
    EP_TRY(ep_machine_mode(a->machine, NULL, &mode, err));
    const ep_point point = ep_point_of(a->machine, mode);
    const double submit_ms = ep_sim_submit_ns(&point) / 1e6;
    ep_text_printf(&f->text, "%u of ", n);
    ep__append_count(&f->text, a->plan->n_subgraphs, "subgraph");
    ep_text_printf(&f->text, " %s small, ", n == 1 ? "is" : "are");
    ep__append_count(&f->text, f->n, "layer");
    ep_text_printf(&f->text, " with ");
    ep__append_share(&f->text, (double)f->macs, (double)a->macs);
    ep_text_printf(&f->text, " of the MACs and %.3g ms: they take %u of %lld loadables, ",
                   f->ns / 1e6, n, (long long)dla->limits.loadables_per_core);
    ep__append_count(&f->text, island_transitions(a, f), "transition");
    ep_text_printf(&f->text, " and %.3g ms of submissions", n * submit_ms);
    ep_text_printf(&f->hint, "Keep them on the GPU (setDeviceType); they begin with ");
    ep__append_names(&f->hint, &names);
    ep_text_printf(&f->hint, ".");
    f->change = EP_CHANGE_SETTING;
    return EP_OK;
}
