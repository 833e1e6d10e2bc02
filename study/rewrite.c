/* Nodes are copied in their order, steps put in the place of those that are replaced; what nothing
 * needs any more goes. A step is a node of opset 10, whose attributes need no constants. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "study/study.h"

typedef struct rewriter {
    const ep_network *from;
    const ep_changes *changes;
    ep_network *to;
    uint32_t node; /* of `from`, at work */
    uint32_t step;
    ep_error *err;
} rewriter;

ep_status ep_changes_new(const ep_network *network, ep_arena *arena, ep_changes *out, ep_error *err)
{
    *out = (ep_changes){.instead = EP_NEW(arena, const char *, network->n_nodes),
                        .cut = EP_NEW(arena, bool, network->n_nodes)};
    return out->instead && out->cut ? EP_OK : ep_fail_memory(err);
}

/* ---- room ---------------------------------------------------------------------------------- */

static uint32_t count_steps(const char *instead)
{
    uint32_t n = 2; /* "" is one too, and one may be added */
    for (const char *p = instead; *p; p++) n += *p == ';';
    return n;
}

/* A copy with room for every step: a node, its output and a constant. */
static ep_status start(rewriter *r)
{
    uint64_t steps = 0;
    for (uint32_t n = 0; n < r->from->n_nodes; n++) {
        if (r->changes->instead[n]) steps += count_steps(r->changes->instead[n]);
    }
    ep_arena *arena = ep_arena_new();
    ep_network *to = arena ? EP_NEW(arena, ep_network, 1) : NULL;
    if (!to) {
        ep_arena_free(arena);
        return ep_fail_memory(r->err);
    }
    *to = *r->from;
    to->arena = arena;
    to->n_maps = 0;
    to->maps = NULL;
    to->n_nodes = 0;
    to->tensors = EP_NEW(arena, ep_tensor, r->from->n_tensors + 2 * steps);
    to->nodes = EP_NEW(arena, ep_node, r->from->n_nodes + steps);
    to->outputs = EP_NEW(arena, uint32_t, r->from->n_tensors);
    r->to = to;
    if (!to->tensors || !to->nodes || !to->outputs) return ep_fail_memory(r->err);
    memcpy(to->tensors, r->from->tensors, r->from->n_tensors * sizeof *to->tensors);
    return EP_OK;
}

/* ---- steps --------------------------------------------------------------------------------- */

static ep_status add_tensor(rewriter *r, const char *what, const ep_tensor *like, uint32_t *out)
{
    ep_tensor *tensor = &r->to->tensors[r->to->n_tensors];
    *tensor = *like;
    tensor->name = ep_arena_printf(r->to->arena, "%s/%s_%u", r->from->nodes[r->node].name, what,
                                   (unsigned)r->step);
    *out = r->to->n_tensors++;
    return tensor->name ? EP_OK : ep_fail_memory(r->err);
}

/* A number of the type of `like`; of a type that is not at hand, any number. */
static ep_status add_number(rewriter *r, double value, const ep_tensor *like, uint32_t *out)
{
    float *data = EP_NEW(r->to->arena, float, 1);
    if (!data) return ep_fail_memory(r->err);
    *data = (float)value;
    const bool is_float = like->dtype == EP_DTYPE_FLOAT;
    const ep_tensor number = {.dtype = like->dtype,
                              .has_shape = true,
                              .constness = is_float ? EP_CONST_SPLAT : EP_CONST_UNKNOWN,
                              .data = data,
                              .data_bytes = sizeof *data,
                              .producer = EP_NO_INDEX};
    return add_tensor(r, "number", &number, out);
}

/* The attributes of a Clip or a pooling of windows side by side; none of other steps. */
static ep_status attributes(rewriter *r, ep_node *node, const double args[2])
{
    ep_attr *attrs = EP_NEW(r->to->arena, ep_attr, 2);
    int64_t *window = EP_NEW(r->to->arena, int64_t, 2);
    if (!attrs || !window) return ep_fail_memory(r->err);
    for (int i = 0; i < 2; i++) window[i] = (int64_t)args[i];
    node->attrs = attrs;
    if (strcmp(node->op_type, "Clip") == 0) {
        attrs[0] = (ep_attr){.name = "min", .type = EP_ATTR_FLOAT, .f = (float)args[0]};
        attrs[1] = (ep_attr){.name = "max", .type = EP_ATTR_FLOAT, .f = (float)args[1]};
        node->n_attrs = 2;
    } else if (strstr(node->op_type, "Pool")) {
        attrs[0] =
            (ep_attr){.name = "kernel_shape", .type = EP_ATTR_INTS, .count = 2, .ints = window};
        attrs[1] = attrs[0];
        attrs[1].name = "strides";
        node->n_attrs = 2;
    }
    return EP_OK;
}

/* "Add 3", "Mul x", "Clip 0 6", "AveragePool 7 7", "Relu": up to the ';' or the end. */
typedef struct step {
    char op[24];
    bool with_x; /* the second operand is the layer's */
    int n_args;
    double args[2];
} step;

static step parse_step(const char *text)
{
    step s = {.n_args = 0};
    char words[64];
    const size_t length = strcspn(text, ";");
    assert(length < sizeof words);
    memcpy(words, text, length);
    words[length] = '\0';
    char *save = NULL;
    for (char *word = strtok_r(words, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (!s.op[0]) {
            assert(strlen(word) < sizeof s.op);
            strcpy(s.op, word);
        } else if (strcmp(word, "x") == 0) {
            s.with_x = true;
        } else {
            const bool good = s.n_args < 2 && ep_number_parse(word, &s.args[s.n_args++]);
            assert(good), (void)good;
        }
    }
    if (!s.op[0]) strcpy(s.op, "Identity");
    return s;
}

static ep_status add_node(rewriter *r, const step *s, const uint32_t inputs[2], uint32_t n_inputs,
                          uint32_t output)
{
    ep_arena *arena = r->to->arena;
    ep_node *node = &r->to->nodes[r->to->n_nodes];
    uint32_t *out = EP_NEW(arena, uint32_t, 1);
    *node = (ep_node){.name = ep_arena_printf(arena, "%s/%s_%u", r->from->nodes[r->node].name,
                                              s->op, (unsigned)r->step),
                      .op_type = ep_arena_string(arena, s->op, strlen(s->op)),
                      .domain = "",
                      .op = ep_op_find("", s->op),
                      .opset = 10,
                      .n_inputs = n_inputs,
                      .inputs = ep_arena_copy(arena, inputs, n_inputs * sizeof *inputs),
                      .n_outputs = 1,
                      .outputs = out};
    if (!out || !node->name || !node->op_type || !node->inputs) return ep_fail_memory(r->err);
    assert(node->op);
    *out = output;
    EP_TRY(attributes(r, node, s->args));
    r->to->n_nodes++;
    return ep_infer_shapes(r->to, node, r->err);
}

/* `from` and `to`: what the step reads and writes. */
static ep_status add_step(rewriter *r, const step *s, uint32_t x, uint32_t from, uint32_t to)
{
    uint32_t inputs[2] = {from, x};
    const bool is_number = strcmp(s->op, "Add") == 0 || strcmp(s->op, "Mul") == 0;
    if (is_number && !s->with_x) {
        EP_TRY(add_number(r, s->args[0], &r->to->tensors[x], &inputs[1]));
    }
    return add_node(r, s, inputs, is_number ? 2 : 1, to);
}

/* The last step writes what the node wrote. */
static ep_status replace(rewriter *r, const char *instead)
{
    const ep_node *node = &r->from->nodes[r->node];
    EP_FAIL_IF(node->n_outputs != 1 || node->n_inputs == 0 || node->inputs[0] == EP_NO_INDEX,
               r->err, EP_UNSUPPORTED, "%s is not of one operand and one result", node->name);
    const uint32_t x = node->inputs[0], last = node->outputs[0];
    const ep_shape shape = r->to->tensors[last].shape;
    /* a reduction that drops its dimensions: one more step does */
    const bool flatten = shape.rank == 2 && r->to->tensors[x].shape.rank > 2;
    uint32_t from = x;
    r->step = 0;
    for (const char *at = instead;; at++) {
        const step s = parse_step(at);
        at += strcspn(at, ";");
        uint32_t to = last;
        if (*at || flatten) EP_TRY(add_tensor(r, s.op, &r->from->tensors[last], &to));
        EP_TRY(add_step(r, &s, x, from, to));
        from = to;
        r->step++;
        if (!*at) break;
    }
    if (flatten) EP_TRY(add_step(r, &(step){.op = "Flatten"}, x, from, last));
    EP_FAIL_IF(!ep_shape_equal(&shape, &r->to->tensors[last].shape), r->err, EP_UNSUPPORTED,
               "%s would have another shape", node->name);
    return EP_OK;
}

/* ---- cuts ---------------------------------------------------------------------------------- */

static bool reads_cut(const rewriter *r, const ep_node *node, const bool *gone)
{
    for (uint32_t i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] != EP_NO_INDEX && gone[node->inputs[i]]) return true;
    }
    return r->changes->cut[node - r->from->nodes];
}

/* What is computed before the cut and read behind it becomes an output. `gone`, per tensor of
 * `from`, is filled in; `is_output` marks the outputs. */
static void find_cut(rewriter *r, bool *gone, bool *is_output)
{
    const ep_network *from = r->from;
    for (uint32_t i = 0; i < from->n_outputs; i++) is_output[from->outputs[i]] = true;
    for (uint32_t n = 0; n < from->n_nodes; n++) {
        const ep_node *node = &from->nodes[n];
        if (!reads_cut(r, node, gone)) continue;
        for (uint32_t i = 0; i < node->n_outputs; i++) {
            if (node->outputs[i] != EP_NO_INDEX) gone[node->outputs[i]] = true;
        }
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            const uint32_t t = node->inputs[i];
            if (t != EP_NO_INDEX && from->tensors[t].producer != EP_NO_INDEX) is_output[t] = true;
        }
    }
    uint32_t *outputs = (uint32_t *)r->to->outputs; /* in the arena */
    r->to->n_outputs = 0;
    for (uint32_t t = 0; t < from->n_tensors; t++) {
        if (is_output[t] && !gone[t]) outputs[r->to->n_outputs++] = t;
    }
}

/* ---- all together -------------------------------------------------------------------------- */

static bool makes(const ep_node *node, const bool *needed)
{
    for (uint32_t i = 0; i < node->n_outputs; i++) {
        if (node->outputs[i] != EP_NO_INDEX && needed[node->outputs[i]]) return true;
    }
    return false;
}

/* Keeps the nodes that outputs depend on, and says anew who produces what. `needed` is per tensor
 * of `to`, all false. */
static void tidy(ep_network *to, bool *needed)
{
    for (uint32_t i = 0; i < to->n_outputs; i++) needed[to->outputs[i]] = true;
    for (uint32_t n = to->n_nodes; n-- > 0;) {
        const ep_node *node = &to->nodes[n];
        if (!makes(node, needed)) continue;
        for (uint32_t i = 0; i < node->n_inputs; i++) {
            if (node->inputs[i] != EP_NO_INDEX) needed[node->inputs[i]] = true;
        }
    }
    uint32_t kept = 0;
    for (uint32_t t = 0; t < to->n_tensors; t++) to->tensors[t].producer = EP_NO_INDEX;
    for (uint32_t n = 0; n < to->n_nodes; n++) {
        const ep_node node = to->nodes[n];
        if (!makes(&node, needed)) continue;
        for (uint32_t i = 0; i < node.n_outputs; i++) {
            if (node.outputs[i] != EP_NO_INDEX) to->tensors[node.outputs[i]].producer = kept;
        }
        to->nodes[kept++] = node;
    }
    to->n_nodes = kept;
}

static ep_status rewrite(rewriter *r, ep_arena *scratch)
{
    const ep_network *from = r->from;
    EP_TRY(start(r));
    bool *gone = EP_NEW(scratch, bool, from->n_tensors);
    bool *is_output = EP_NEW(scratch, bool, from->n_tensors);
    if (!gone || !is_output) return ep_fail_memory(r->err);
    find_cut(r, gone, is_output);
    for (r->node = 0; r->node < from->n_nodes; r->node++) {
        const char *instead = r->changes->instead[r->node];
        if (instead) {
            EP_TRY(replace(r, instead));
        } else {
            r->to->nodes[r->to->n_nodes++] = from->nodes[r->node];
        }
    }
    bool *needed = EP_NEW(scratch, bool, r->to->n_tensors);
    if (!needed) return ep_fail_memory(r->err);
    tidy(r->to, needed);
    EP_FAIL_IF(r->to->n_nodes == 0, r->err, EP_UNSUPPORTED, "nothing is left");
    return EP_OK;
}

ep_status ep_rewrite(const ep_network *network, const ep_changes *changes, ep_network **out,
                     ep_error *err)
{
    rewriter r = {.from = network, .changes = changes, .err = err};
    ep_arena *scratch = ep_arena_new();
    const ep_status status = scratch ? rewrite(&r, scratch) : ep_fail_memory(err);
    ep_arena_free(scratch);
    if (status == EP_OK) {
        *out = r.to;
    } else {
        ep_network_free(r.to);
    }
    return status;
}
