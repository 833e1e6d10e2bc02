/* The shape of Einsum: numpy's notation, "bij,bjk->bik" with "..." and an implied output. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

#define LETTERS 52 /* A..Z, a..z: the order in which an implied output has them */

typedef struct label {
    int64_t dim;
    bool symbolic;
    unsigned uses;
} label;

typedef struct equation {
    label labels[LETTERS];
    ep__result ellipsis; /* what stands for "...", broadcast over the terms */
} equation;

/* -1: not a letter. */
static int letter_index(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    return -1;
}

/* One term, from `text` up to a ',', a "->" or the end: letter indices, -1 for "...". */
typedef struct term {
    int items[EP_MAX_RANK + 1];
    int count;
    bool has_ellipsis;
} term;

/* Returns the end of the term, NULL when it is malformed. */
static const char *parse_term(const char *text, term *out)
{
    *out = (term){.count = 0};
    while (*text && *text != ',' && *text != '-') {
        if (*text == ' ') {
            text++;
            continue;
        }
        int item = letter_index(*text);
        if (strncmp(text, "...", 3) == 0 && !out->has_ellipsis) {
            out->has_ellipsis = true;
            text += 3;
        } else if (item >= 0) {
            text++;
        } else {
            return NULL;
        }
        if (out->count == (int)(sizeof out->items / sizeof out->items[0])) return NULL;
        out->items[out->count++] = item;
    }
    return text;
}

static ep_status bind_label(label *l, const ep_tensor *x, int axis, ep_error *err)
{
    const int64_t dim = x->shape.dims[axis];
    if (l->uses++ == 0) l->dim = 1;
    EP_FAIL_IF(l->dim != dim && l->dim != 1 && dim != 1, err, EP_BAD_SHAPE,
               "axis %d of input '%s' is %" PRId64 ", but its letter stands for %" PRId64, axis,
               x->name, dim, l->dim);
    if (dim != 1) l->dim = dim;
    l->symbolic |= ep__symbolic(x, axis);
    return EP_OK;
}

static ep_status bind_term(equation *eq, const term *t, const ep_tensor *x, ep_error *err)
{
    const int extra = x->shape.rank - (t->count - t->has_ellipsis);
    EP_FAIL_IF(extra < 0 || (extra > 0 && !t->has_ellipsis), err, EP_BAD_SHAPE,
               "input '%s' has %d dimensions; its term in the equation names %d", x->name,
               x->shape.rank, t->count - t->has_ellipsis);
    int axis = 0;
    for (int i = 0; i < t->count; i++) {
        if (t->items[i] >= 0) {
            EP_TRY(bind_label(&eq->labels[t->items[i]], x, axis++, err));
            continue;
        }
        ep_tensor middle = *x;
        middle.shape.rank = extra;
        for (int j = 0; j < extra; j++) middle.shape.dims[j] = x->shape.dims[axis + j];
        middle.was_symbolic = (uint8_t)(x->was_symbolic >> axis);
        EP_TRY(ep__broadcast(&eq->ellipsis, &middle, err));
        axis += extra;
    }
    return EP_OK;
}

static void push_ellipsis(ep__result *result, const equation *eq)
{
    for (int i = 0; i < eq->ellipsis.shape.rank; i++) {
        ep__push(result, eq->ellipsis.shape.dims[i], eq->ellipsis.symbolic >> i & 1u);
    }
}

static ep_status stated_output(const equation *eq, const term *t, ep__result *result, ep_error *err)
{
    for (int i = 0; i < t->count; i++) {
        if (t->items[i] < 0) {
            push_ellipsis(result, eq);
            continue;
        }
        const label *l = &eq->labels[t->items[i]];
        EP_FAIL_IF(l->uses == 0, err, EP_BAD_MODEL,
                   "the equation's output has a letter that no input has");
        ep__push(result, l->dim, l->symbolic);
    }
    return EP_OK;
}

/* The letters used once, in order, after what "..." stands for. */
static void implied_output(const equation *eq, ep__result *result)
{
    push_ellipsis(result, eq);
    for (int i = 0; i < LETTERS; i++) {
        if (eq->labels[i].uses == 1) ep__push(result, eq->labels[i].dim, eq->labels[i].symbolic);
    }
}

ep_status ep__shape_einsum(ep_network *network, const ep_node *node, ep_error *err)
{
    const char *text = ep_attr_string(node, "equation", "");
    equation eq = {.ellipsis.shape.rank = 0};
    ep__result result = {.shape.rank = 0};
    const ep_tensor *first;
    term t;
    EP_TRY(ep__inputs(network, node, 1, &first, err));
    const char *rest = text;
    for (uint32_t i = 0; i < ep__input_count(node); i++) {
        const ep_tensor *x = ep_node_input(network, node, i);
        rest = parse_term(rest, &t);
        EP_FAIL_IF(!rest || !x, err, EP_BAD_MODEL, "bad equation '%s' or missing input", text);
        EP_TRY(bind_term(&eq, &t, x, err));
        const bool last = i + 1 == ep__input_count(node);
        EP_FAIL_IF((*rest == ',') == last, err, EP_BAD_MODEL,
                   "equation '%s' has not one term for each of its %" PRIu32 " inputs", text,
                   ep__input_count(node));
        if (!last) rest++;
    }
    if (*rest == '\0') {
        implied_output(&eq, &result);
    } else {
        rest = strncmp(rest, "->", 2) == 0 ? parse_term(rest + 2, &t) : NULL;
        EP_FAIL_IF(!rest || *rest, err, EP_BAD_MODEL, "bad equation '%s'", text);
        EP_TRY(stated_output(&eq, &t, &result, err));
    }
    return ep__set_output(network, node, 0, first->dtype, &result, err);
}
