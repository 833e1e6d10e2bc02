/* Pins, for trtexec's options --layerDeviceTypes and --layerPrecisions:
 *
 *     spec ::= entry ["," spec]      entry ::= name ":" value
 *
 * A name may be quoted with ' and hold one '*', as in trtexec's --shapes. What follows is our own
 * choice: the entry of a layer's own name holds before any pattern, and patterns of precisions pass
 * over layers that compute no real numbers. */
#include <string.h>

#include "planner/planner.h"

/* One of the two options. */
typedef struct grammar {
    const char *option;
    const char *values; /* for messages */
    const struct value {
        const char *name;
        uint8_t mask;
    } * list; /* ends with a NULL name */
    bool of_precisions;
} grammar;

enum { ANY_DLA = 1 << EP_DLA0 | 1 << EP_DLA1 };

static const grammar devices = {
    .option = "--layer-device-types",
    .values = "GPU, DLA, DLA0 or DLA1",
    .list = (const struct value[]){{"gpu", 1 << EP_GPU},
                                   {"dla", ANY_DLA},
                                   {"dla0", 1 << EP_DLA0},
                                   {"dla1", 1 << EP_DLA1},
                                   {NULL, 0}},
};
static const grammar precisions = {
    .option = "--layer-precisions",
    .values = "fp32, fp16 or int8",
    .list = (const struct value[]){{"fp32", 1 << EP_FP32 | 1 << EP_TF32},
                                   {"fp16", 1 << EP_FP16},
                                   {"int8", 1 << EP_INT8},
                                   {NULL, 0}},
    .of_precisions = true,
};

typedef struct parser {
    const grammar *grammar;
    const ep_layers *layers;
    const char *text, *at;
    bool *by_name; /* per layer: an entry of its own name was there */
    ep_pin *pins;
    ep_error *err;
} parser;

typedef struct entry {
    const char *name;
    size_t length;
    const char *star; /* in the name; NULL: it is one layer's */
    uint8_t mask;
} entry;

static ep_status expected(const parser *p, const char *what)
{
    return ep_fail(p->err, EP_BAD_USAGE, "%s, column %zu: expected %s, got %s%.40s%s",
                   p->grammar->option, (size_t)(p->at - p->text) + 1, what, *p->at ? "'" : "",
                   *p->at ? p->at : "the end", *p->at ? "'" : "");
}

/* ---- the text ------------------------------------------------------------------------------ */

/* Names of ONNX nodes hold colons: the last one of the entry ends the name, unless that is quoted.
 */
static ep_status parse_name(parser *p, entry *out)
{
    const bool quoted = *p->at == '\'';
    const char *const begin = p->at + quoted;
    const char *end = begin + strcspn(begin, quoted ? "'" : ",");
    if (quoted && !*end) {
        p->at = end;
        return expected(p, "a closing '");
    }
    const char *colon = end + quoted;
    if (!quoted) {
        const char *c = end;
        while (c > begin && *--c != ':') {
        }
        if (*c == ':') end = colon = c;
    }
    if (*colon != ':' || end == begin) return expected(p, "NAME:VALUE");
    *out = (entry){.name = begin, .length = (size_t)(end - begin)};
    out->star = memchr(begin, '*', out->length);
    const char *rest = out->star ? out->star + 1 : end;
    p->at = memchr(rest, '*', (size_t)(end - rest));
    if (p->at) return expected(p, "at most one * in a name");
    p->at = colon + 1;
    return EP_OK;
}

/* In either case. */
static bool same_word(const char *text, size_t length, const char *lower)
{
    for (size_t i = 0; i < length; i++) {
        const char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
        if (c != lower[i]) return false;
    }
    return lower[length] == '\0';
}

static ep_status parse_value(parser *p, uint8_t *mask)
{
    const size_t length = strcspn(p->at, ",");
    for (const struct value *v = p->grammar->list; v->name; v++) {
        if (!same_word(p->at, length, v->name)) continue;
        *mask = v->mask;
        p->at += length;
        return EP_OK;
    }
    return expected(p, p->grammar->values);
}

/* ---- the layers that it means -------------------------------------------------------------- */

static bool matches(const entry *e, const char *name)
{
    const size_t length = strlen(name);
    if (!e->star) return length == e->length && memcmp(name, e->name, length) == 0;
    const size_t before = (size_t)(e->star - e->name), after = e->length - before - 1;
    return length >= before + after && memcmp(name, e->name, before) == 0 &&
           memcmp(name + length - after, e->star + 1, after) == 0;
}

static bool is_real(const ep_layers *layers, const ep_layer *layer)
{
    return layer->n_outputs > 0 &&
           ep_dtype_is_float(layers->network->tensors[layer->outputs[0]].dtype);
}

/* A node that is there but vanished on the way to layers, or the layer of the nearest name. */
static ep_status no_layer(const parser *p, const entry *e)
{
    enum { NEAR = 3 };
    const ep_network *network = p->layers->network;
    const char *nearest = NULL;
    unsigned fewest = NEAR + 1;
    char name[256];
    const size_t length = ep_min_u64(e->length, sizeof name - 1);
    memcpy(name, e->name, length);
    name[length] = '\0';
    for (uint32_t n = 0; n < network->n_nodes && !e->star; n++) {
        EP_FAIL_IF(matches(e, network->nodes[n].name), p->err, EP_BAD_USAGE,
                   "%s: node '%s' (%s) is no layer: nothing runs for it", p->grammar->option, name,
                   network->nodes[n].op_type);
    }
    for (uint32_t l = 0; l < p->layers->n_layers && !e->star; l++) {
        const unsigned edits = ep_edit_distance(name, p->layers->layers[l].name, fewest - 1);
        if (edits >= fewest) continue;
        fewest = edits;
        nearest = p->layers->layers[l].name;
    }
    return ep_fail(p->err, EP_BAD_USAGE, "%s: no layer is called '%s'%s%s%s", p->grammar->option,
                   name, nearest ? "; did you mean '" : "; 'plan inspect' lists them",
                   nearest ? nearest : "", nearest ? "'?" : "");
}

static ep_status apply(parser *p, const entry *e)
{
    bool found = false;
    for (uint32_t l = 0; l < p->layers->n_layers; l++) {
        const ep_layer *layer = &p->layers->layers[l];
        if (!matches(e, layer->name)) continue;
        found = true;
        if (e->star && (p->by_name[l] || (p->grammar->of_precisions && !is_real(p->layers, layer))))
            continue;
        if (!e->star) p->by_name[l] = true;
        *(p->grammar->of_precisions ? &p->pins[l].precisions : &p->pins[l].devices) = e->mask;
        if (!e->star) return EP_OK; /* names are unique */
    }
    return found ? EP_OK : no_layer(p, e);
}

static ep_status parse(const grammar *of, const char *text, const ep_layers *layers,
                       ep_arena *arena, ep_pin *pins, ep_error *err)
{
    parser p = {.grammar = of,
                .layers = layers,
                .text = text,
                .at = text,
                .by_name = EP_NEW(arena, bool, layers->n_layers),
                .pins = pins,
                .err = err};
    if (!p.by_name) return ep_fail_memory(err);
    for (;; p.at++) {
        entry e = {0};
        EP_TRY(parse_name(&p, &e));
        EP_TRY(parse_value(&p, &e.mask));
        EP_TRY(apply(&p, &e));
        if (!*p.at) return EP_OK;
    }
}

ep_status ep_pins_parse(const ep_layers *layers, const char *device_types,
                        const char *layer_precisions, ep_arena *arena, const ep_pin **pins,
                        ep_error *err)
{
    ep_pin *list = EP_NEW(arena, ep_pin, layers->n_layers);
    if (!list) return ep_fail_memory(err);
    if (device_types) EP_TRY(parse(&devices, device_types, layers, arena, list, err));
    if (layer_precisions) EP_TRY(parse(&precisions, layer_precisions, layers, arena, list, err));
    *pins = list;
    return EP_OK;
}
