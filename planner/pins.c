/* What the user allows a layer: asked of the rules, and held against a placement. */
#include <stdio.h>
#include <string.h>

#include "planner/planner_internal.h"

ep_pin ep__pin_of(const ep_plan_options *options, uint32_t layer)
{
    return options->pins ? options->pins[layer] : (ep_pin){0};
}

/* ---- asking -------------------------------------------------------------------------------- */

/* The DLA is asked for the best of what the plan and the pin allow; FP32 it refuses. */
static ep_precision asked_for(ep_pin pin, ep_precision asked)
{
    if (ep_pin_allows_precision(pin, asked)) return asked;
    if (asked == EP_INT8 && ep_pin_allows_precision(pin, EP_FP16)) return EP_FP16;
    return EP_FP32;
}

/* The DLA would run the layer, but not in the precision of its pin. */
static ep_status refuse_precision(ep_pin pin, ep_verdict *verdict, ep_arena *arena, ep_error *err)
{
    if (!verdict->accepted || ep_pin_allows_precision(pin, verdict->precision)) return EP_OK;
    ep_refusal *why = EP_NEW(arena, ep_refusal, 1);
    if (!why) return ep_fail_memory(err);
    *why = (ep_refusal){.rule = ep_rule_find("general.precision"),
                        .hint = "Leave the precision of this layer open.",
                        .change = EP_CHANGE_SETTING};
    (void)snprintf(why->value, sizeof why->value, "pinned to another precision");
    (void)snprintf(why->bound, sizeof why->bound, "%s", ep_precision_name(verdict->precision));
    *verdict = (ep_verdict){.n_refusals = 1, .refusals = why};
    return EP_OK;
}

/* Takes over what the DLA says of the layers that are to be asked for `now`. */
static ep_status ask_again(const ep_layers *layers, const ep_machine *machine,
                           const ep_plan_options *options, ep_precision asked, ep_precision now,
                           ep_arena *arena, ep_verdict *verdicts, ep_error *err)
{
    ep_verdict *again = NULL;
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        if (asked_for(options->pins[l], asked) != now) continue;
        if (!again) EP_TRY(ep_dla_check(layers, machine, now, arena, &again, err));
        verdicts[l] = again[l];
    }
    return EP_OK;
}

ep_status ep__pins_ask(const ep_layers *layers, const ep_machine *machine,
                       const ep_plan_options *options, ep_precision asked, ep_arena *arena,
                       ep_verdict *verdicts, ep_error *err)
{
    static const ep_precision others[] = {EP_FP16, EP_FP32};
    if (!options->pins) return EP_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (others[i] == asked) continue;
        EP_TRY(ask_again(layers, machine, options, asked, others[i], arena, verdicts, err));
    }
    for (uint32_t l = 0; l < layers->n_layers; l++) {
        EP_TRY(refuse_precision(options->pins[l], &verdicts[l], arena, err));
    }
    return EP_OK;
}

/* ---- holding ------------------------------------------------------------------------------- */

/* "gpu", "the DLA" */
static const char *pinned_device(ep_pin pin)
{
    if (pin.devices == (1 << EP_GPU)) return ep_device_name(EP_GPU);
    if (pin.devices == (1 << EP_DLA0)) return ep_device_name(EP_DLA0);
    return pin.devices == (1 << EP_DLA1) ? ep_device_name(EP_DLA1) : "the DLA";
}

/* `verdict` may be NULL. */
static ep_status wrong_device(const ep_layer *layer, ep_pin pin, ep_device device,
                              const ep_verdict *verdict, ep_error *err)
{
    const ep_refusal *why = verdict && verdict->n_refusals > 0 ? &verdict->refusals[0] : NULL;
    EP_FAIL_IF(why, err, EP_INFEASIBLE,
               "--layer-device-types: '%s' is pinned to %s, which refuses it (%s: %s, allowed %s)",
               layer->name, pinned_device(pin), why->rule->id, why->value, why->bound);
    return ep_fail(err, EP_INFEASIBLE,
                   "--layer-device-types: '%s' is pinned to %s, and runs on %s here (see --dla)",
                   layer->name, pinned_device(pin), ep_device_name(device));
}

/* "fp16, fp32" */
static void list_precisions(unsigned mask, ep_text *out)
{
    const size_t start = out->length;
    for (int p = EP_PRECISION_COUNT; p-- > 0;) {
        if (!(mask >> p & 1)) continue;
        ep_text_printf(out, "%s%s", out->length > start ? ", " : "",
                       ep_precision_name((ep_precision)p));
    }
}

static ep_status wrong_precision(const ep_layers *layers, const ep_layer *layer, ep_pin pin,
                                 ep_error *err)
{
    unsigned has = 0;
    for (int p = 0; p < EP_PRECISION_COUNT; p++) {
        if (ep__gpu_takes(layers, layer, (ep_precision)p)) has |= 1u << p;
    }
    ep_text text = {0};
    list_precisions(pin.precisions, &text);
    ep_text_printf(&text, "; the GPU has it in ");
    list_precisions(has, &text);
    const ep_status status = ep_fail(
        err, EP_INFEASIBLE,
        "--layer-precisions: '%s' (%s) is pinned to %s, of which --precision may allow less",
        layer->name, ep_layer_type_name(layer->type), ep_text_cstr(&text));
    ep_text_free(&text);
    return status;
}

ep_status ep__pins_check(const ep_layers *layers, const ep_plan_options *options,
                         const ep_device *device, const ep_precision *precision,
                         const ep_verdict *verdicts, ep_error *err)
{
    for (uint32_t l = 0; options->pins && l < layers->n_layers; l++) {
        const ep_layer *layer = &layers->layers[l];
        const ep_pin pin = options->pins[l];
        const bool on_gpu = !verdicts && options->dla != EP_DLA_NONE;
        if (!on_gpu && !ep_pin_allows_device(pin, device[l])) {
            return wrong_device(layer, pin, device[l], verdicts ? &verdicts[l] : NULL, err);
        }
        if (!ep_pin_allows_precision(pin, precision[l])) {
            return wrong_precision(layers, layer, pin, err);
        }
    }
    return EP_OK;
}
