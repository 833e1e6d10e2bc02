/* What names mean: tensors, unique names, operator set versions. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "graph/onnx_internal.h"

/* Versions of ONNX's own domain that the importer knows; of older ones, what is as in the first. */
enum { MIN_OPSET = 7, MAX_OPSET = 24 };

/* What local functions may expand to: nodes, operands and attributes, and bytes. The largest
 * networks known to us stay under a tenth. */
#define MAX_EXPANDED 1000000
#define MAX_ARENA_BYTES ((size_t)512 << 20)

const char *ep__domain(const char *domain)
{
    const char *text = ep__text(domain);
    return strcmp(text, "ai.onnx") == 0 ? "" : text;
}

/* The value of a name in `taken` is the number after the last "_" that was given out for it, so
 * that n equal names cost n steps. */
ep_status ep__unique_name(ep__importer *im, ep_names *taken, const char *name, const char **out)
{
    char *unique;
    uint32_t number = ep_names_get(taken, name);
    if (number == EP_NO_INDEX) {
        unique = ep_arena_string(im->arena, name, strlen(name));
        if (!unique) return ep_fail_memory(im->err);
    } else {
        ep_text text = {0};
        do {
            text.length = 0;
            ep_text_printf(&text, "%s_%u", name, ++number);
        } while (!text.failed && ep_names_get(taken, ep_text_cstr(&text)) != EP_NO_INDEX);
        unique = text.failed ? NULL : ep_arena_string(im->arena, text.data, text.length);
        ep_text_free(&text);
        if (!unique) return ep_fail_memory(im->err);
        EP_TRY(ep_names_put(taken, name, number, im->err));
    }
    *out = unique;
    return ep_names_put(taken, unique, 1, im->err);
}

static ep_status add_slot(ep__importer *im, const char *name, uint32_t *out)
{
    void *slots = im->graph.slots;
    EP_TRY(ep_grow(&slots, &im->graph.slots_capacity, (uint64_t)im->graph.n_slots + 1,
                   sizeof *im->graph.slots, im->err));
    im->graph.slots = slots;
    ep__slot slot = {.tensor = {.producer = EP_NO_INDEX}};
    EP_TRY(ep__unique_name(im, im->graph.tensor_names, name, &slot.tensor.name));
    assert(im->graph.n_slots < EP__ABSENT);
    *out = im->graph.n_slots;
    im->graph.slots[im->graph.n_slots++] = slot;
    return EP_OK;
}

/* What `name`, which the body does not define, means around it: EP_NO_INDEX when nothing that the
 * body's node brings, EP__ABSENT for an optional operand that was left out. */
static uint32_t find_captured(const ep__body *body, const char *name)
{
    const uint32_t found = ep_names_get(body->outer->tensors, name);
    if (found == EP_NO_INDEX || found == EP__ABSENT) return found;
    return body->graph->slots[found].captured_by == body->node ? found : EP_NO_INDEX;
}

/* Makes tensor `slot` of the body stand for `captured` of the graph around it. */
static ep_status add_capture(ep__importer *im, ep__body *body, uint32_t slot, uint32_t captured)
{
    void *captures = body->captures;
    EP_TRY(ep_grow(&captures, &body->capacity, (uint64_t)body->n_captures + 1,
                   sizeof *body->captures, im->err));
    body->captures = captures;
    body->captures[body->n_captures++] =
        (ep_capture){.tensor = slot, .node_input = body->graph->slots[captured].captured_at};
    im->graph.slots[slot].defined = true;
    return EP_OK;
}

ep_status ep__use(ep__importer *im, const ep__scope *scope, const char *name, uint32_t *out)
{
    *out = EP_NO_INDEX;
    if (!*name) return EP_OK;
    const uint32_t known = ep_names_get(scope->tensors, name);
    if (known != EP_NO_INDEX) {
        if (known != EP__ABSENT) *out = known;
        return EP_OK;
    }
    const uint32_t captured = scope->body ? find_captured(scope->body, name) : EP_NO_INDEX;
    if (captured == EP__ABSENT) return EP_OK;
    const char *full = name;
    if (*scope->prefix) full = ep_arena_printf(im->scratch, "%s%s", scope->prefix, name);
    if (!full) return ep_fail_memory(im->err);
    EP_TRY(add_slot(im, full, out));
    if (captured != EP_NO_INDEX) EP_TRY(add_capture(im, scope->body, *out, captured));
    return ep_names_put(scope->tensors, name, *out, im->err);
}

ep_status ep__define(ep__importer *im, const ep__scope *scope, const char *name, uint32_t *out)
{
    EP_TRY(ep__use(im, scope, name, out));
    EP_FAIL_IF(*out == EP_NO_INDEX || im->graph.slots[*out].defined, im->err, EP_BAD_MODEL,
               "%s: tensor '%s%.200s' is defined twice", im->path, scope->prefix, name);
    im->graph.slots[*out].defined = true;
    return EP_OK;
}

ep_status ep__add_constant(ep__importer *im, const char *name, const EpOnnx__TensorProto *proto,
                           uint32_t *out)
{
    EP_TRY(add_slot(im, name, out));
    ep__slot *slot = &im->graph.slots[*out];
    slot->defined = true;
    return ep__read_tensor(im, proto, slot->tensor.name, &slot->tensor);
}

ep_status ep__read_opsets(ep__importer *im, EpOnnx__OperatorSetIdProto *const *protos, size_t count,
                          const char *where, ep_names **out)
{
    *out = ep_names_new();
    if (!*out) return ep_fail_memory(im->err);
    for (size_t i = 0; i < count; i++) {
        const char *domain = ep__domain(protos[i]->domain);
        const int64_t version = protos[i]->version;
        EP_FAIL_IF(!*domain && (version < 1 || version > MAX_OPSET), im->err, EP_UNSUPPORTED,
                   "%s: %s imports opset %lld of ONNX; supported are %d to %d", im->path, where,
                   (long long)version, MIN_OPSET, MAX_OPSET);
        EP_FAIL_IF(version < 0 || version > INT_MAX, im->err, EP_BAD_MODEL,
                   "%s: %s imports version %lld of domain '%.200s'", im->path, where,
                   (long long)version, domain);
        EP_TRY(ep_names_put(*out, domain, (uint32_t)version, im->err));
    }
    return EP_OK;
}

ep_status ep__check_opset(ep__importer *im, const ep_node *node)
{
    EP_FAIL_IF(node->op && node->opset > 0 && node->opset < MIN_OPSET &&
                   node->opset < node->op->since,
               im->err, EP_UNSUPPORTED,
               "%s: the model imports opset %d of ONNX, whose %s (node '%.200s') is not that of "
               "opset %d; supported are %d to %d",
               im->path, node->opset, node->op->name, node->name, MIN_OPSET, MIN_OPSET, MAX_OPSET);
    return EP_OK;
}

ep_status ep__spend(ep__importer *im, uint64_t amount)
{
    im->expanded += amount;
    EP_FAIL_IF(im->expanded > MAX_EXPANDED, im->err, EP_UNSUPPORTED,
               "%s: local functions expand to more than %d nodes, operands and attributes",
               im->path, MAX_EXPANDED);
    EP_FAIL_IF(ep_arena_bytes(im->arena) > MAX_ARENA_BYTES, im->err, EP_UNSUPPORTED,
               "%s: local functions expand to more than %zu MiB", im->path, MAX_ARENA_BYTES >> 20);
    return EP_OK;
}

ep_status ep__list_add(ep__importer *im, uint32_t tensor)
{
    void *list = im->graph.list;
    EP_TRY(ep_grow(&list, &im->graph.list_capacity, (uint64_t)im->graph.n_list + 1,
                   sizeof *im->graph.list, im->err));
    im->graph.list = list;
    im->graph.list[im->graph.n_list++] = tensor;
    return EP_OK;
}
