#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "planner/planner_internal.h"
#include "planner/rules/rules.h"

/* In the order in which the rules are asked and documented. */
static const ep__rule_family *const families[] = {
    &ep__general_rules,    &ep__convolution_rules, &ep__deconvolution_rules, &ep__pooling_rules,
    &ep__activation_rules, &ep__elementwise_rules, &ep__scale_rules,         &ep__concat_rules,
    &ep__resize_rules,     &ep__slice_rules,       &ep__softmax_rules,       &ep__reduce_rules,
    &ep__shuffle_rules,    &ep__unary_rules,       &ep__normalization_rules,
};
enum { N_FAMILIES = sizeof families / sizeof families[0] };

/* ---- the table of rules -------------------------------------------------------------------- */

const ep_rule *ep_rule_row(uint32_t index)
{
    for (size_t f = 0; f < N_FAMILIES; f++) {
        if (index < families[f]->n_rows) return &families[f]->rows[index].rule;
        index -= families[f]->n_rows;
    }
    return NULL;
}

const ep_rule *ep_rule_find(const char *id)
{
    const ep_rule *rule;
    for (uint32_t i = 0; (rule = ep_rule_row(i)); i++) {
        if (strcmp(rule->id, id) == 0) return rule;
    }
    return NULL;
}

bool ep_rule_is_about_combinations(const ep_rule *rule)
{
    _Static_assert(offsetof(ep__rule, rule) == 0, "a rule is the head of its row");
    return !((const ep__rule *)(const void *)rule)->holds;
}

static uint32_t count_rules(void)
{
    uint32_t count = 0;
    for (size_t f = 0; f < N_FAMILIES; f++) count += families[f]->n_rows;
    return count;
}

/* ---- helpers of the rules ------------------------------------------------------------------ */

/* Cuts an overlong text to whole UTF-8 characters and says so. `length` is what it would have been.
 */
static void tidy(char text[EP_REFUSAL_TEXT], int length)
{
    if (length >= EP_REFUSAL_TEXT) {
        size_t end = EP_REFUSAL_TEXT - sizeof "...";
        while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80) end--;
        memcpy(text + end, "...", sizeof "...");
    }
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) *p = '?';
    }
}

void ep__value(ep_refusal *refusal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(refusal->value, sizeof refusal->value, format, args);
    va_end(args);
    tidy(refusal->value, length);
}

void ep__bound(ep_refusal *refusal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(refusal->bound, sizeof refusal->bound, format, args);
    va_end(args);
    tidy(refusal->bound, length);
}

void ep__hint(const ep__rule_context *c, ep_refusal *refusal, ep_change change, const char *format,
              ...)
{
    ep_text text = {0};
    va_list args;
    va_start(args, format);
    ep_text_vprintf(&text, format, args);
    va_end(args);
    refusal->hint = text.failed ? NULL : ep_arena_string(c->arena, text.data, text.length);
    refusal->change = change;
    ep_text_free(&text);
}

void ep__instead(const ep__rule_context *c, ep_refusal *refusal, const char *format, ...)
{
    ep_text text = {0};
    va_list args;
    va_start(args, format);
    ep_text_vprintf(&text, format, args);
    va_end(args);
    /* a file may state any number, and a step takes those that there are */
    const bool finite = !strstr(ep_text_cstr(&text), "nan") && !strstr(ep_text_cstr(&text), "inf");
    if (finite) refusal->instead = ep_arena_string(c->arena, ep_text_cstr(&text), text.length);
    if (text.failed || (finite && !refusal->instead)) refusal->hint = NULL; /* out of memory */
    ep_text_free(&text);
}

void ep__bound_range(ep_refusal *refusal, ep_range range)
{
    if (range.min == range.max) {
        ep__bound(refusal, "%" PRId64, range.min);
    } else {
        ep__bound(refusal, "%" PRId64 "..%" PRId64, range.min, range.max);
    }
}

const ep_layer *ep__producer(const ep__rule_context *c, uint32_t i)
{
    const ep_layers *layers = c->layers;
    if (i >= c->layer->n_inputs) return NULL;
    const uint32_t producer = layers->producer[layers->root[c->layer->inputs[i]]];
    return producer == EP_NO_INDEX ? NULL : &layers->layers[producer];
}

const ep_layer *ep__only_reader(const ep__rule_context *c)
{
    const ep_layers *layers = c->layers;
    if (c->layer->n_outputs != 1) return NULL;
    const uint32_t out = layers->root[c->layer->outputs[0]];
    const uint32_t first = layers->users_begin[out];
    if (layers->is_output[out] || layers->users_begin[out + 1] != first + 1) return NULL;
    return &layers->layers[layers->users[first]];
}

uint8_t ep__nchw_axes(int rank, uint8_t axes)
{
    const unsigned bits = axes;
    if (rank == 2) return bits & (EP__AXIS_N | EP__AXIS_C);
    if (rank < 4) return (uint8_t)(bits << (4 - rank));
    const unsigned leading = (unsigned)rank - 4; /* dimensions before N */
    const unsigned batch = bits & ((2u << leading) - 1) ? EP__AXIS_N : 0;
    return (uint8_t)((bits >> leading & (EP__AXIS_C | EP__AXIS_H | EP__AXIS_W)) | batch);
}

bool ep__function_among(const ep__rule_context *c, const ep_function *allowed, size_t n,
                        ep_refusal *refusal)
{
    for (size_t i = 0; i < n; i++) {
        if (c->layer->function == allowed[i]) return true;
    }
    ep__value(refusal, "%s", c->layer->op);
    char list[EP_REFUSAL_TEXT] = "none";
    size_t used = 0;
    for (size_t i = 0; i < n && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "",
                                 ep_function_name(allowed[i]));
    }
    ep__bound(refusal, "%s", list);
    return false;
}

bool ep__input_is_4d(const ep__rule_context *c, ep_refusal *refusal)
{
    if (c->in_shape->rank == 4) return true;
    char text[EP_SHAPE_TEXT];
    ep__value(refusal, "rank %d: %s", c->in_shape->rank, ep_shape_text(c->in_shape, text));
    ep__bound(refusal, "4");
    return false;
}

bool ep__operands_constant(const ep__rule_context *c, const char *what, ep_refusal *refusal)
{
    if (c->layer->n_inputs <= 1) return true;
    ep__value(refusal, "%s computed at run time", what);
    ep__bound(refusal, "constants");
    return false;
}

/* ---- asking -------------------------------------------------------------------------------- */

bool ep__has_int8(const ep_layer *layer, const ep_dla_limits *limits)
{
    switch (layer->type) {
    case EP_LAYER_SOFTMAX:
    case EP_LAYER_LRN: return false;
    case EP_LAYER_SLICE: return limits->slice_int8;
    case EP_LAYER_ACTIVATION:
        return layer->function != EP_FN_SIGMOID && layer->function != EP_FN_TANH;
    default: return true;
    }
}

/* What is asked in FP32 is refused for that; its other rules are asked as for FP16. */
static ep_precision precision_of(const ep_layers *layers, const ep_layer *layer,
                                 const ep_dla_limits *limits, ep_precision asked)
{
    if (asked != EP_INT8 || !ep__has_int8(layer, limits)) return EP_FP16;
    return layers->quantized && !ep__is_scaled(layers, layer) ? EP_FP16 : EP_INT8;
}

static const ep_shape scalar = {.rank = 0};

static const ep_shape *first_shape(const ep_layers *layers, const uint32_t *tensors, uint32_t n)
{
    return n > 0 ? &layers->network->tensors[tensors[0]].shape : &scalar;
}

static ep__rule_context context_of(const ep_layers *layers, const ep_layer *layer,
                                   const ep_dla *dla, ep_precision asked, ep_arena *arena)
{
    ep__rule_context c = {.layers = layers,
                          .layer = layer,
                          .dla = dla,
                          .limits = &dla->limits,
                          .asked = asked,
                          .precision = precision_of(layers, layer, &dla->limits, asked),
                          .in_shape = first_shape(layers, layer->inputs, layer->n_inputs),
                          .out_shape = first_shape(layers, layer->outputs, layer->n_outputs),
                          .arena = arena};
    c.has_nchw = ep_nchw(c.in_shape, c.in) && ep_nchw(c.out_shape, c.out);
    return c;
}

/* Asks all rules for the layer's type; `trials` has room for all of them. Without a DLA there are
 * no limits to ask about: the first refusal, which says so, is the last. */
static ep_status ask(const ep__rule_context *c, ep_trial *trials, uint32_t *n, ep_error *err)
{
    const uint64_t type = UINT64_C(1) << c->layer->type;
    *n = 0;
    for (size_t f = 0; f < N_FAMILIES; f++) {
        for (uint32_t i = 0; i < families[f]->n_rows; i++) {
            const ep__rule *row = &families[f]->rows[i];
            if (!(row->types & type) || !row->holds) continue;
            ep_refusal refusal = {
                .rule = &row->rule, .hint = row->rule.hint, .change = row->rule.change};
            const bool holds = row->holds(c, &refusal);
            if (!holds && !refusal.hint) return ep_fail_memory(err);
            trials[(*n)++] = (ep_trial){
                .holds = holds, .refusal = holds ? (ep_refusal){.rule = &row->rule} : refusal};
            if (!holds && c->dla->cores == 0) return EP_OK;
        }
    }
    return EP_OK;
}

ep_status ep_dla_check(const ep_layers *layers, const ep_machine *machine, ep_precision asked,
                       ep_arena *arena, ep_verdict **verdicts, ep_error *err)
{
    const uint32_t n_rules = count_rules();
    ep_verdict *all = EP_NEW(arena, ep_verdict, layers->n_layers);
    ep_trial *trials = EP_NEW(arena, ep_trial, n_rules);
    ep_refusal *found = EP_NEW(arena, ep_refusal, n_rules);
    if (!all || !trials || !found) return ep_fail_memory(err);
    for (uint32_t i = 0; i < layers->n_layers; i++) {
        const ep__rule_context c =
            context_of(layers, &layers->layers[i], &machine->dla, asked, arena);
        uint32_t n_trials, n = 0;
        EP_TRY(ask(&c, trials, &n_trials, err));
        for (uint32_t t = 0; t < n_trials; t++) {
            if (!trials[t].holds) found[n++] = trials[t].refusal;
        }
        all[i] = (ep_verdict){.accepted = n == 0, .precision = c.precision, .n_refusals = n};
        if (n == 0) continue;
        all[i].refusals = ep_arena_copy(arena, found, n * sizeof *found);
        if (!all[i].refusals) return ep_fail_memory(err);
    }
    *verdicts = all;
    return EP_OK;
}

ep_status ep_dla_explain(const ep_layers *layers, const ep_machine *machine, ep_precision asked,
                         uint32_t layer, ep_arena *arena, ep_trial **trials, uint32_t *n,
                         ep_error *err)
{
    assert(layer < layers->n_layers);
    const ep__rule_context c =
        context_of(layers, &layers->layers[layer], &machine->dla, asked, arena);
    *trials = EP_NEW(arena, ep_trial, count_rules());
    return *trials ? ask(&c, *trials, n, err) : ep_fail_memory(err);
}
