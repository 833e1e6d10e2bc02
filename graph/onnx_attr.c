/* AttributeProto -> attribute. */
#include <string.h>

#include "graph/onnx_internal.h"

ep__binding ep__resolve(const ep__scope *scope, const EpOnnx__AttributeProto *attribute)
{
    const char *reference = ep__text(attribute->ref_attr_name);
    if (!*reference) return (ep__binding){.value = attribute, .scope = scope};
    if (!scope->attributes) return (ep__binding){0};
    const uint32_t found = ep_names_get(scope->attributes, reference);
    return found == EP_NO_INDEX ? (ep__binding){0} : scope->bindings[found];
}

int ep__attr_type(const EpOnnx__AttributeProto *attribute)
{
    if (attribute->type) return attribute->type;
    if (attribute->has_f) return EP__ONNX_ATTR_FLOAT;
    if (attribute->has_i) return EP__ONNX_ATTR_INT;
    if (attribute->has_s) return EP__ONNX_ATTR_STRING;
    if (attribute->t) return EP__ONNX_ATTR_TENSOR;
    if (attribute->g) return EP__ONNX_ATTR_GRAPH;
    if (attribute->n_floats) return EP__ONNX_ATTR_FLOATS;
    if (attribute->n_ints) return EP__ONNX_ATTR_INTS;
    if (attribute->n_strings) return EP__ONNX_ATTR_STRINGS;
    if (attribute->n_graphs) return EP__ONNX_ATTR_GRAPHS;
    return 0;
}

static bool copy_strings(ep__importer *im, const EpOnnx__AttributeProto *from, ep_attr *to)
{
    const char **strings = EP_NEW(im->arena, const char *, from->n_strings);
    for (size_t i = 0; strings && i < from->n_strings; i++) {
        const ProtobufCBinaryData *s = &from->strings[i];
        strings[i] = ep_arena_string(im->arena, (const char *)s->data, s->len);
        if (!strings[i]) return false;
    }
    to->strings = strings;
    return strings != NULL;
}

/* Sets the value of the kinds that hold plain data. */
static ep_status copy_value(ep__importer *im, const EpOnnx__AttributeProto *from, ep_attr *to)
{
    const size_t counts[] = {from->s.len, from->n_floats, from->n_ints, from->n_strings};
    for (int i = 0; i < 4; i++) {
        if (counts[i] > UINT32_MAX) return ep_fail_memory(im->err);
    }
    bool copied = true;
    switch (to->type) {
    case EP_ATTR_FLOAT: to->f = from->f; break;
    case EP_ATTR_INT: to->i = from->i; break;
    case EP_ATTR_STRING:
        to->count = (uint32_t)from->s.len;
        to->string = ep_arena_string(im->arena, (const char *)from->s.data, from->s.len);
        copied = to->string != NULL;
        break;
    case EP_ATTR_FLOATS:
        to->count = (uint32_t)from->n_floats;
        to->floats = ep_arena_copy(im->arena, from->floats, from->n_floats * sizeof *from->floats);
        copied = to->floats != NULL;
        break;
    case EP_ATTR_INTS:
        to->count = (uint32_t)from->n_ints;
        to->ints = ep_arena_copy(im->arena, from->ints, from->n_ints * sizeof *from->ints);
        copied = to->ints != NULL;
        break;
    case EP_ATTR_STRINGS:
        to->count = (uint32_t)from->n_strings;
        copied = copy_strings(im, from, to);
        break;
    case EP_ATTR_TENSOR:
    case EP_ATTR_GRAPH:
    case EP_ATTR_OTHER: break;
    }
    return copied ? EP_OK : ep_fail_memory(im->err);
}

static ep_attr_type public_type(int type)
{
    switch (type) {
    case EP__ONNX_ATTR_FLOAT: return EP_ATTR_FLOAT;
    case EP__ONNX_ATTR_INT: return EP_ATTR_INT;
    case EP__ONNX_ATTR_STRING: return EP_ATTR_STRING;
    case EP__ONNX_ATTR_TENSOR: return EP_ATTR_TENSOR;
    case EP__ONNX_ATTR_GRAPH: return EP_ATTR_GRAPH;
    case EP__ONNX_ATTR_FLOATS: return EP_ATTR_FLOATS;
    case EP__ONNX_ATTR_INTS: return EP_ATTR_INTS;
    case EP__ONNX_ATTR_STRINGS: return EP_ATTR_STRINGS;
    default: return EP_ATTR_OTHER;
    }
}

static ep_status import_attribute(ep__importer *im, const char *name, const ep__binding *bound,
                                  const ep_node *node, ep_attr *out)
{
    const EpOnnx__AttributeProto *value = bound->value;
    *out = (ep_attr){.type = public_type(ep__attr_type(value)), .tensor = EP_NO_INDEX};
    out->name = ep_arena_string(im->arena, name, strlen(name));
    if (!out->name) return ep_fail_memory(im->err);
    if (out->type == EP_ATTR_TENSOR) {
        EP_FAIL_IF(!value->t, im->err, EP_BAD_MODEL,
                   "%s: node '%.200s' (%.100s): attribute '%.100s' has no value", im->path,
                   node->name, node->op_type, name);
        const char *tensor_name = ep_arena_printf(im->scratch, "%s.%s", node->name, name);
        if (!tensor_name) return ep_fail_memory(im->err);
        return ep__add_constant(im, tensor_name, value->t, &out->tensor);
    }
    return copy_value(im, value, out);
}

ep_status ep__import_attributes(ep__importer *im, const ep__scope *scope,
                                const EpOnnx__NodeProto *proto, ep_node *node)
{
    EP_FAIL_IF(proto->n_attribute > UINT32_MAX, im->err, EP_BAD_MODEL,
               "%s: node '%.200s' has too many attributes", im->path, node->name);
    ep_attr *attrs = EP_NEW(im->arena, ep_attr, proto->n_attribute);
    if (!attrs) return ep_fail_memory(im->err);
    node->attrs = attrs;
    for (size_t i = 0; i < proto->n_attribute; i++) {
        const ep__binding bound = ep__resolve(scope, proto->attribute[i]);
        if (!bound.value) continue;
        EP_TRY(import_attribute(im, ep__text(proto->attribute[i]->name), &bound, node,
                                &attrs[node->n_attrs++]));
    }
    return EP_OK;
}
