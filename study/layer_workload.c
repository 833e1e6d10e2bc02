/* "layer:conv c=64 h=56 w=56 k=64 r=3 s=3": the operator and what its keys say. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "study/layer_workload.h"

typedef struct key_row {
    const char *name;
    ep__layer_key_kind kind;
    int64_t least, most;
    const char *words; /* separated by '|' */
} key_row;

static const key_row keys[EP__LAYER_KEYS] = {
#define X(id, name, kind, least, most, words) {name, EP__KEY_##kind, least, most, words},
    EP__LAYER_KEY_MAP(X)
#undef X
};

/* What is known of a key of the operator. */
typedef enum state { FOREIGN, REQUIRED, DEFAULTED, GIVEN } state;

typedef struct reader {
    ep__layer_maker *m;
    ep_arena *arena;
    state states[EP__LAYER_KEYS];
} reader;

/* ---- values -------------------------------------------------------------------------------- */

/* Digits and nothing else, within the bounds of the key. */
static bool read_number(const key_row *key, const char *text, size_t length, int64_t *out)
{
    enum { LONGEST = 18 }; /* so long a number fits in 64 bits */
    if (length == 0 || length > LONGEST || strspn(text, "0123456789") < length) return false;
    *out = strtoll(text, NULL, 10);
    return *out >= key->least && *out <= key->most;
}

static bool read_word(const key_row *key, const char *text, int64_t *out)
{
    const size_t length = strlen(text);
    int64_t index = 0;
    for (const char *word = key->words;; word++, index++) {
        const size_t n = strcspn(word, "|");
        if (n == length && strncmp(word, text, n) == 0) {
            *out = index;
            return true;
        }
        word += n;
        if (!*word) return false;
    }
}

static bool read_value(const key_row *key, const char *text, int64_t out[2])
{
    if (key->kind == EP__KEY_WORD) return read_word(key, text, &out[0]);
    const char *comma = key->kind == EP__KEY_PAIR ? strchr(text, ',') : NULL;
    const size_t length = comma ? (size_t)(comma - text) : strlen(text);
    if (!read_number(key, text, length, &out[0])) return false;
    out[1] = out[0];
    return !comma || read_number(key, comma + 1, strlen(comma + 1), &out[1]);
}

static ep_status bad_value(const reader *r, const key_row *key, const char *text)
{
    const char *op = r->m->op->name;
    if (key->kind == EP__KEY_WORD) {
        return ep_fail(r->m->err, EP_BAD_FILE, "%s: %s=%.40s: allowed %s", op, key->name, text,
                       key->words);
    }
    return ep_fail(r->m->err, EP_BAD_FILE, "%s: %s=%.40s: allowed %" PRId64 "..%" PRId64 "%s", op,
                   key->name, text, key->least, key->most,
                   key->kind == EP__KEY_PAIR ? ", as Y,X or one number for both" : "");
}

/* ---- names --------------------------------------------------------------------------------- */

/* Names the nearest of those there are, or all of them. */
static ep_status unknown(const char *where, const char *what, const char *word,
                         const char *const *names, uint32_t n, ep_error *err)
{
    enum { NEAR = 3 };
    const size_t half = strlen(word) / 2;
    const unsigned limit = half < NEAR ? (unsigned)half : NEAR;
    unsigned fewest = limit + 1;
    const char *meant = NULL;
    ep_text all = {0};
    for (uint32_t i = 0; i < n; i++) {
        const unsigned edits = ep_edit_distance(word, names[i], limit);
        ep_text_printf(&all, "%s%s", i ? ", " : "", names[i]);
        if (edits >= fewest) continue;
        fewest = edits;
        meant = names[i];
    }
    if (meant) {
        (void)ep_fail(err, EP_BAD_FILE, "%s: no %s '%.40s'; did you mean '%s'?", where, what, word,
                      meant);
    } else {
        (void)ep_fail(err, EP_BAD_FILE, "%s: no %s '%.40s'; there are %s", where, what, word,
                      n ? ep_text_cstr(&all) : "none");
    }
    ep_text_free(&all);
    return EP_BAD_FILE;
}

static ep_status find_operator(const char *name, const ep__layer_operator **out, ep_error *err)
{
    enum { MOST = 64 };
    const char *names[MOST];
    uint32_t n = 0;
    for (const ep__layer_operator *op; (op = ep__layer_operator_row(n)); n++) {
        assert(n < MOST);
        names[n] = op->name;
        if (strcmp(op->name, name) != 0) continue;
        *out = op;
        return EP_OK;
    }
    return unknown("layer", "operator", name, names, n, err);
}

/* EP__LAYER_KEYS when the operator has no such key. */
static uint32_t find_key(const reader *r, const char *name, bool any)
{
    uint32_t k = 0;
    while (k < EP__LAYER_KEYS &&
           ((!any && r->states[k] == FOREIGN) || strcmp(keys[k].name, name) != 0)) {
        k++;
    }
    return k;
}

static ep_status unknown_key(const reader *r, const char *name)
{
    const char *names[EP__LAYER_KEYS];
    uint32_t n = 0;
    for (uint32_t k = 0; k < EP__LAYER_KEYS; k++) {
        if (r->states[k] != FOREIGN) names[n++] = keys[k].name;
    }
    return unknown(r->m->op->name, "key", name, names, n, r->m->err);
}

/* ---- texts --------------------------------------------------------------------------------- */

/* The keys of the operator, and their defaults. */
static ep_status read_row(reader *r)
{
    char *rest = NULL, *row = ep_arena_string(r->arena, r->m->op->keys, strlen(r->m->op->keys));
    if (!row) return ep_fail_memory(r->m->err);
    for (char *word = row; (word = strtok_r(word, " ", &rest)); word = NULL) {
        char *equals = strchr(word, '=');
        if (equals) *equals = '\0';
        const uint32_t k = find_key(r, word, true);
        assert(k < EP__LAYER_KEYS);
        r->states[k] = equals ? DEFAULTED : REQUIRED;
        const bool good = !equals || read_value(&keys[k], equals + 1, r->m->values[k]);
        assert(good);
        (void)good;
    }
    return EP_OK;
}

/* "key=value", which is cut at the '='. */
static ep_status read_key(reader *r, char *word)
{
    const char *op = r->m->op->name;
    char *equals = strchr(word, '=');
    EP_FAIL_IF(!equals, r->m->err, EP_BAD_FILE, "%s: '%.40s': wants KEY=VALUE", op, word);
    *equals = '\0';
    const uint32_t k = find_key(r, word, false);
    if (k == EP__LAYER_KEYS) return unknown_key(r, word);
    EP_FAIL_IF(r->states[k] == GIVEN, r->m->err, EP_BAD_FILE, "%s: key '%s' is given twice", op,
               word);
    r->states[k] = GIVEN;
    if (!read_value(&keys[k], equals + 1, r->m->values[k])) {
        return bad_value(r, &keys[k], equals + 1);
    }
    return EP_OK;
}

/* "OP key=value ...", which is cut into words. */
static ep_status read_text(reader *r, char *text)
{
    char *rest = NULL, *word = strtok_r(text, " ", &rest);
    EP_TRY(find_operator(word ? word : "", &r->m->op, r->m->err));
    EP_TRY(read_row(r));
    while ((word = strtok_r(NULL, " ", &rest))) EP_TRY(read_key(r, word));
    for (uint32_t k = 0; k < EP__LAYER_KEYS; k++) {
        EP_FAIL_IF(r->states[k] == REQUIRED, r->m->err, EP_BAD_FILE, "%s: key '%s' is missing",
                   r->m->op->name, keys[k].name);
    }
    return EP_OK;
}

static ep_status make(ep__layer_maker *m, ep_arena *arena, const char *text)
{
    static const char prefix[] = "layer:";
    const size_t skip = sizeof prefix - 1;
    EP_FAIL_IF(strncmp(text, prefix, skip) != 0, m->err, EP_BAD_FILE,
               "'%.40s': wants layer:OPERATOR KEY=VALUE ...", text);
    EP_FAIL_IF(m->batch < 1 || m->batch > EP__LAYER_MAX_COUNT, m->err, EP_BAD_FILE,
               "batch %" PRId64 ": allowed 1..%d", m->batch, EP__LAYER_MAX_COUNT);
    const char *name = ep_arena_string(arena, text, strlen(text));
    char *words = ep_arena_string(arena, text + skip, strlen(text + skip));
    if (!name || !words) return ep_fail_memory(m->err);
    EP_TRY(read_text(&(reader){.m = m, .arena = arena}, words));
    return m->op->make ? ep__layer_make_network(m, arena, name) : EP_OK;
}

ep_status ep_layer_workload_make(const char *text, int64_t batch, ep_layer_workload *out,
                                 ep_error *err)
{
    *out = (ep_layer_workload){0};
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep__layer_maker m = {.batch = batch, .err = err};
    const ep_status status = make(&m, arena, text);
    if (status != EP_OK || !m.network) ep_arena_free(arena);
    if (status != EP_OK) return status;
    out->kind = m.op->kind;
    out->network = m.network;
    out->to_dla = m.values[EP__KEY_TO][0] == EP__TO_DLA; /* 0 for what has no such key */
    return EP_OK;
}

void ep_layer_workload_free(ep_layer_workload *workload)
{
    ep_network_free(workload->network);
    *workload = (ep_layer_workload){0};
}
