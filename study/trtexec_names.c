/* Which layers of ours does TensorRT mean by the name of one of its own?
 *
 * It joins the names of ONNX nodes: "a + b", "PWN(a, b)" for pointwise chains,
 * "{ForeignNode[a...z]}" for all from a to z, and puts words around them for what it adds. Node
 * names may hold any of these characters themselves, so that at each place the longest name there
 * is wins. */
#include <stdlib.h>
#include <string.h>

#include "study/study_internal.h"

typedef struct name {
    const char *text;
    uint32_t index;
    bool is_tensor; /* else a node */
} name;

struct ep__trtexec_names {
    const ep_layers *layers;
    uint32_t n;
    const name *sorted; /* as strcmp does; of equal ones a node first */
    const uint32_t
        *first_at; /* per tensor: the node that writes it, else the first that reads it */
};

/* ---- the names there are ------------------------------------------------------------------- */

static int by_text(const void *a, const void *b)
{
    const name *x = a, *y = b;
    const int order = strcmp(x->text, y->text);
    return order ? order : (int)x->is_tensor - (int)y->is_tensor;
}

ep_status ep__trtexec_names_make(const ep_layers *layers, ep_arena *arena,
                                 const ep__trtexec_names **out, ep_error *err)
{
    const ep_network *network = layers->network;
    ep__trtexec_names *names = EP_NEW(arena, ep__trtexec_names, 1);
    name *sorted = EP_NEW(arena, name, (uint64_t)network->n_nodes + network->n_tensors);
    uint32_t *first_at = EP_NEW(arena, uint32_t, network->n_tensors);
    if (!names || !sorted || !first_at) return ep_fail_memory(err);
    uint32_t n = 0;
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        sorted[n++] = (name){network->tensors[t].name, t, true};
        first_at[t] = network->tensors[t].producer;
    }
    for (uint32_t i = 0; i < network->n_nodes; i++) {
        const ep_node *node = &network->nodes[i];
        sorted[n++] = (name){node->name, i, false};
        for (uint32_t k = 0; k < node->n_inputs; k++) {
            const uint32_t t = node->inputs[k];
            if (t != EP_NO_INDEX && first_at[t] == EP_NO_INDEX) first_at[t] = i;
        }
    }
    qsort(sorted, n, sizeof *sorted, by_text);
    *names = (ep__trtexec_names){layers, n, sorted, first_at};
    *out = names;
    return EP_OK;
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Where the name of a node may end. */
static bool is_end(const char *text)
{
    static const char *const ends[] = {" + ", " || ", ", ", ")", "]", "}", "...", " ["};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (starts(text, ends[i])) return true;
    }
    return *text == '\0';
}

/* The first of sorted[low .. high), which agree before `depth`, whose byte there is >= `byte`. */
static uint32_t lower(const name *sorted, uint32_t low, uint32_t high, size_t depth, int byte)
{
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((unsigned char)sorted[middle].text[depth] < byte) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The longest name that `text` begins with and that ends there; NULL when there is none. */
static const name *longest(const ep__trtexec_names *names, const char *text)
{
    const name *best = NULL;
    uint32_t low = 0, high = names->n;
    for (size_t depth = 0; low < high; depth++) {
        if (depth > 0 && !names->sorted[low].text[depth] && is_end(text + depth)) {
            best = &names->sorted[low];
        }
        if (!text[depth]) break;
        const int byte = (unsigned char)text[depth];
        low = lower(names->sorted, low, high, depth, byte);
        high = lower(names->sorted, low, high, depth, byte + 1);
    }
    return best;
}

/* ---- what an entry names ------------------------------------------------------------------- */

typedef struct matcher {
    const ep__trtexec_names *names;
    ep_arena *arena;
    uint32_t room_spans, room_unmatched;
    ep__layer_span *spans;
    const char **unmatched;
    ep__trtexec_match *out;
    ep_error *err;
} matcher;

static ep_status add_unmatched(matcher *m, const char *text, size_t length)
{
    EP_TRY(ep_grow((void **)&m->unmatched, &m->room_unmatched, (uint64_t)m->out->n_unmatched + 1,
                   sizeof *m->unmatched, m->err));
    const char *copy = ep_arena_string(m->arena, text, length);
    if (!copy) return ep_fail_memory(m->err);
    m->unmatched[m->out->n_unmatched++] = copy;
    return EP_OK;
}

/* The first layer that stands for node `node` or a later one. */
static uint32_t layer_from(const ep_layers *layers, uint32_t node)
{
    uint32_t low = 0, high = layers->n_layers;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (layers->layers[middle].node < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The layers of nodes first..last; no-ops among them are none. */
static ep_status add_nodes(matcher *m, uint32_t first, uint32_t last)
{
    const ep_layers *layers = m->names->layers;
    const ep__layer_span span = {layer_from(layers, first), layer_from(layers, last + 1)};
    m->out->names_node = true;
    if (span.begin == span.end) return EP_OK;
    EP_TRY(ep_grow((void **)&m->spans, &m->room_spans, (uint64_t)m->out->n_spans + 1,
                   sizeof *m->spans, m->err));
    m->spans[m->out->n_spans++] = span;
    return EP_OK;
}

static uint32_t node_at(const ep__trtexec_names *names, const name *n)
{
    return n->is_tensor ? names->first_at[n->index] : n->index;
}

/* "first...last]}" of a foreign node, or "only]}"; `*text` moves past it. */
static ep_status match_range(matcher *m, const char **text)
{
    static const char dots[] = "...";
    const char *const begin = *text, *close = strstr(begin, "]}");
    *text = close ? close + 2 : begin + strlen(begin);
    const name *first = longest(m->names, begin), *last = first;
    const char *last_at = begin;
    if (first && starts(begin + strlen(first->text), dots)) {
        last_at += strlen(first->text) + sizeof dots - 1;
        last = longest(m->names, last_at);
    }
    const uint32_t from = first ? node_at(m->names, first) : EP_NO_INDEX;
    const uint32_t to = last ? node_at(m->names, last) : EP_NO_INDEX;
    if (from == EP_NO_INDEX || to == EP_NO_INDEX) {
        return add_unmatched(m, begin, close ? (size_t)(close - begin) : strlen(begin));
    }
    *text = last_at + strlen(last->text);
    m->out->is_range = true;
    return from < to ? add_nodes(m, from, to) : add_nodes(m, to, from);
}

/* Length of a name that is none of ours. TensorRT's own "(Unnamed Layer* 7) [Shuffle]" holds what
 * would end others. */
static size_t foreign_length(const char *text, bool unnamed)
{
    size_t n = 1;
    while (text[n]) {
        const bool joint = starts(text + n, " + ") || starts(text + n, " || ");
        if (joint || starts(text + n, ", ") || (!unnamed && text[n] == ')')) break;
        n++;
    }
    return n;
}

/* One name, or what stands between names; `*text` moves past it. */
static ep_status match_next(matcher *m, const char **text)
{
    static const char *const openings[] = {"PWN(", "+ ", "|| "};
    static const char foreign[] = "{ForeignNode[", unnamed[] = "(Unnamed Layer*";
    static const char node_of[] = "node_of_"; /* a node without a name, by its first output */
    const name *found = longest(m->names, *text);
    if (found) {
        *text += strlen(found->text);
        return found->is_tensor ? EP_OK : add_nodes(m, found->index, found->index);
    }
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        if (!starts(*text, openings[i])) continue;
        *text += strlen(openings[i]);
        return EP_OK;
    }
    if (starts(*text, foreign)) {
        *text += sizeof foreign - 1;
        return match_range(m, text);
    }
    const bool is_unnamed = starts(*text, unnamed), is_type = **text == '[';
    if (strchr(" ,)]}", **text) || (**text == '(' && !is_unnamed)) {
        (*text)++;
        return EP_OK;
    }
    found = starts(*text, node_of) ? longest(m->names, *text + sizeof node_of - 1) : NULL;
    if (found && found->is_tensor && node_at(m->names, found) != EP_NO_INDEX) {
        const uint32_t node = node_at(m->names, found);
        *text += sizeof node_of - 1 + strlen(found->text);
        return add_nodes(m, node, node);
    }
    const char *const begin = *text;
    *text += foreign_length(begin, is_unnamed);
    return is_unnamed || is_type ? EP_OK : add_unmatched(m, begin, (size_t)(*text - begin));
}

/* ---- words around names -------------------------------------------------------------------- */

/* Cuts `suffix`, in which '#' stands for a number, off `text`. */
static bool cut(char *text, const char *suffix, uint32_t *number)
{
    size_t t = strlen(text), s = strlen(suffix);
    for (; s > 0 && t > 0; s--) {
        const size_t end = t;
        if (suffix[s - 1] != '#') {
            if (text[--t] != suffix[s - 1]) return false;
            continue;
        }
        while (t > 0 && strchr("0123456789", text[t - 1])) t--;
        if (t == end) return false;
        *number = (uint32_t)strtoul(text + t, NULL, 10);
    }
    if (s > 0) return false;
    text[t] = '\0';
    return true;
}

/* Words after names. */
static ep__trtexec_kind kind_by_end(char *text, uint32_t *operand)
{
    static const struct {
        const char *suffix;
        ep__trtexec_kind kind;
    } rows[] = {
        {" input reformatter #", EP__TRTEXEC_REFORMAT_INPUT}, /* before TensorRT 8 */
        {" output reformatter #", EP__TRTEXEC_REFORMAT_OUTPUT},
        {" to nvm", EP__TRTEXEC_REFORMAT_TENSOR}, /* Xavier */
        {" from nvm", EP__TRTEXEC_REFORMAT_TENSOR},
        {" finish", EP__TRTEXEC_OTHER},
        {" copy", EP__TRTEXEC_OTHER},
        {"[HostToDeviceCopy]", EP__TRTEXEC_OTHER},
        {"[DeviceToHostCopy]", EP__TRTEXEC_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (cut(text, rows[i].suffix, operand)) return rows[i].kind;
    }
    return EP__TRTEXEC_LAYERS;
}

/* Words before and after names; `*text` becomes the names. */
static ep__trtexec_kind kind_of(char **text, uint32_t *operand)
{
    static const char reformat[] = "Reformatting CopyNode for ";
    static const char *const words[] = {"Input Tensor ", "Output Tensor ", "Network Input ",
                                        "Network Output "};
    if (!starts(*text, reformat)) return kind_by_end(*text, operand);
    *text += sizeof reformat - 1;
    for (int i = 0; i < 4; i++) {
        if (!starts(*text, words[i])) continue;
        *text += strlen(words[i]);
        if (i >= 2) return EP__TRTEXEC_REFORMAT_TENSOR;
        *operand = (uint32_t)strtoul(*text, text, 10);
        if (!starts(*text, " to ")) break;
        *text += strlen(" to ");
        return i == 0 ? EP__TRTEXEC_REFORMAT_INPUT : EP__TRTEXEC_REFORMAT_OUTPUT;
    }
    return EP__TRTEXEC_OTHER;
}

/* ---- all together -------------------------------------------------------------------------- */

/* EP_NO_INDEX when no tensor is called so. */
static uint32_t find_tensor(const ep__trtexec_names *names, const char *text)
{
    const name *found = longest(names, text), *end = names->sorted + names->n;
    if (found && !found->is_tensor) found++; /* a tensor of the same name comes after the node */
    const bool same = found && found < end && found->is_tensor && strcmp(found->text, text) == 0;
    return same ? found->index : EP_NO_INDEX;
}

static ep_status match_text(matcher *m, char *text)
{
    ep__trtexec_match *out = m->out;
    uint32_t ignored;
    (void)cut(text, " [profile #]", &ignored);
    const name *all = longest(m->names, text);
    if (!all || text[strlen(all->text)]) out->kind = kind_of(&text, &out->operand);
    if (out->kind == EP__TRTEXEC_OTHER) return EP_OK;
    if (out->kind == EP__TRTEXEC_REFORMAT_TENSOR) {
        out->tensor = find_tensor(m->names, text);
        return out->tensor == EP_NO_INDEX ? add_unmatched(m, text, strlen(text)) : EP_OK;
    }
    for (const char *rest = text; *rest;) EP_TRY(match_next(m, &rest));
    return EP_OK;
}

static ep_status keep_lists(matcher *m)
{
    ep__trtexec_match *out = m->out;
    out->spans = ep_arena_copy(m->arena, m->spans, out->n_spans * sizeof *m->spans);
    out->unmatched = ep_arena_copy(m->arena, m->unmatched, out->n_unmatched * sizeof *m->unmatched);
    return out->spans && out->unmatched ? EP_OK : ep_fail_memory(m->err);
}

ep_status ep__trtexec_match_name(const ep__trtexec_names *names, const char *entry, ep_arena *arena,
                                 ep__trtexec_match *out, ep_error *err)
{
    *out = (ep__trtexec_match){.tensor = EP_NO_INDEX};
    matcher m = {.names = names, .arena = arena, .out = out, .err = err};
    char *text = ep_arena_string(arena, entry, strlen(entry));
    ep_status status = text ? match_text(&m, text) : ep_fail_memory(err);
    if (status == EP_OK) status = keep_lists(&m);
    free(m.spans);
    free((void *)m.unmatched);
    return status;
}
