/* The conditions of `plan check --fail-on`. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "study/study.h"

typedef enum figure {
    FALLBACK,
    SLOWER_THAN_GPU,
    SUBGRAPHS, /* from here on compared with a number */
    FALLBACKS,
    TRANSITIONS,
    DLA_MACS,
    DLA_TIME,
    DLA_LAYERS,
    LATENCY_MS,
    N_FIGURES
} figure;

static const struct figure_row {
    const char *name;
    const char *unit;
    double most; /* of the operand; the least is 0 */
    bool whole;  /* the operand is an integer */
} figures[N_FIGURES] = {
    [FALLBACK] = {"fallback", "", 0, false},
    [SLOWER_THAN_GPU] = {"slower-than-gpu", "", 0, false},
    [SUBGRAPHS] = {"subgraphs", "", 1e9, true},
    [FALLBACKS] = {"fallbacks", "", 1e9, true},
    [TRANSITIONS] = {"transitions", "", 1e9, true},
    [DLA_MACS] = {"dla-macs", " %", 100, false},
    [DLA_TIME] = {"dla-time", " %", 100, false},
    [DLA_LAYERS] = {"dla-layers", " %", 100, false},
    [LATENCY_MS] = {"latency-ms", " ms", 1e9, false},
};

#define NAMES                                                                                      \
    "fallback, slower-than-gpu, or one of subgraphs, fallbacks, transitions, dla-macs, dla-time, " \
    "dla-layers, latency-ms with a comparison"

typedef struct gate {
    figure figure;
    bool above;    /* holds above the bound, else below */
    bool or_equal; /* and on it */
    double bound;
} gate;

#define LONGEST 63

static ep_status unknown_name(const char *condition, const char *name, ep_error *err)
{
    const unsigned near = 3;
    unsigned fewest = near + 1;
    const char *meant = NULL;
    for (unsigned i = 0; i < N_FIGURES; i++) {
        const unsigned edits = ep_edit_distance(name, figures[i].name, near);
        if (edits >= fewest) continue;
        fewest = edits;
        meant = figures[i].name;
    }
    EP_FAIL_IF(meant, err, EP_BAD_USAGE, "--fail-on %s: no '%s'; did you mean '%s'?", condition,
               name, meant);
    return ep_fail(err, EP_BAD_USAGE, "--fail-on %s: allowed " NAMES, condition);
}

/* `text` is what follows the name. */
static ep_status parse_comparison(const char *condition, const char *text, gate *out, ep_error *err)
{
    const struct figure_row *row = &figures[out->figure];
    /* a shell that saw > or < left nothing of it here */
    EP_FAIL_IF(*text != '>' && *text != '<', err, EP_BAD_USAGE,
               "--fail-on %s: wants >, >=, < or <= and a number after the name, in quotes: "
               "'%s%s'",
               condition, row->name, row->most == 100 ? "<95" : ">4");
    out->above = *text++ == '>';
    out->or_equal = *text == '=';
    text += out->or_equal;
    text += strspn(text, " ");
    EP_FAIL_IF(!ep_number_parse(text, &out->bound), err, EP_BAD_USAGE,
               "--fail-on %s: '%s' is not a number", condition, text);
    EP_FAIL_IF(!(out->bound >= 0 && out->bound <= row->most), err, EP_BAD_USAGE,
               "--fail-on %s: the number is %s, allowed 0..%.12g%s", condition, text, row->most,
               row->unit);
    EP_FAIL_IF(row->whole && out->bound != floor(out->bound), err, EP_BAD_USAGE,
               "--fail-on %s: the number is %s, allowed whole ones", condition, text);
    return EP_OK;
}

static ep_status parse(const char *condition, gate *out, ep_error *err)
{
    char text[LONGEST + 1], name[LONGEST + 1];
    const size_t length = strlen(condition);
    EP_FAIL_IF(length > LONGEST, err, EP_BAD_USAGE,
               "--fail-on %.20s...: a condition of %zu characters, allowed up to %d", condition,
               length, LONGEST);
    memcpy(text, condition, length + 1);
    const size_t name_length = strcspn(text, " <>=");
    memcpy(name, text, name_length);
    name[name_length] = '\0';
    const char *rest = text + name_length + strspn(text + name_length, " ");

    *out = (gate){.figure = N_FIGURES};
    for (unsigned i = 0; i < N_FIGURES; i++) {
        if (strcmp(name, figures[i].name) == 0) out->figure = (figure)i;
    }
    if (out->figure == N_FIGURES) return unknown_name(condition, name, err);
    if (out->figure >= SUBGRAPHS) return parse_comparison(condition, rest, out, err);
    EP_FAIL_IF(*rest, err, EP_BAD_USAGE, "--fail-on %s: '%s' takes no comparison%s", condition,
               name, out->figure == FALLBACK ? "; 'fallbacks' does" : "");
    return EP_OK;
}

static double value_of(figure asked, const ep_gate_facts *facts)
{
    switch (asked) {
    case SUBGRAPHS: return facts->subgraphs;
    case FALLBACKS: return facts->fallbacks;
    case TRANSITIONS: return facts->transitions;
    case DLA_MACS: return facts->macs_dla_pct;
    case DLA_TIME: return facts->time_dla_pct;
    case DLA_LAYERS: return facts->layers == 0 ? 100 : 100.0 * facts->layers_dla / facts->layers;
    default: assert(asked == LATENCY_MS); return facts->latency_ms;
    }
}

static bool holds(const gate *g, double value)
{
    if (value == g->bound) return g->or_equal;
    return g->above ? value > g->bound : value < g->bound;
}

ep_status ep_gate_valid(const char *condition, ep_error *err)
{
    gate ignored;
    return parse(condition, &ignored, err);
}

ep_status ep_gate_check(const char *condition, const ep_gate_facts *facts, const char *model,
                        ep_error *err)
{
    assert(facts->layers_dla <= facts->layers);
    gate asked;
    EP_TRY(parse(condition, &asked, err));
    if (asked.figure == FALLBACK) {
        const uint32_t off = facts->layers - facts->layers_dla;
        EP_FAIL_IF(off > 0, err, EP_GATE_FAILED,
                   "--fail-on %s: %s has %u of %u layers that are not on the DLA", condition, model,
                   off, facts->layers);
        return EP_OK;
    }
    if (asked.figure == SLOWER_THAN_GPU) {
        EP_FAIL_IF(!(facts->latency_ms <= facts->gpu_latency_ms), err, EP_GATE_FAILED,
                   "--fail-on %s: %s takes %.6g ms, on the GPU alone %.6g ms", condition, model,
                   facts->latency_ms, facts->gpu_latency_ms);
        return EP_OK;
    }
    const double value = value_of(asked.figure, facts);
    EP_FAIL_IF(!isfinite(value) || holds(&asked, value), err, EP_GATE_FAILED,
               "--fail-on %s: %s has %.6g%s", condition, model, value, figures[asked.figure].unit);
    return EP_OK;
}
