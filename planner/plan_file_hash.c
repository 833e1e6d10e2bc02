#include <inttypes.h>
#include <string.h>

#include "planner/plan_file.h"

/* ---- a layer as text ----------------------------------------------------------------------- */

static void add_tensor(const ep_layers *layers, uint32_t t, ep_text *text)
{
    const ep_tensor *tensor = &layers->network->tensors[t];
    char shape[EP_SHAPE_TEXT];
    ep_text_printf(text, " %s:%s%s", ep_dtype_name(tensor->dtype),
                   ep_shape_text(&tensor->shape, shape), layers->scale[t] > 0 ? ":q" : "");
}

static void add_tensors(const ep_layers *layers, const char *what, const uint32_t *tensors,
                        uint32_t n, ep_text *text)
{
    ep_text_printf(text, " %s", what);
    for (uint32_t i = 0; i < n; i++) add_tensor(layers, tensors[i], text);
}

/* Who writes the operands: a layer, or nobody, then it is a network input. */
static void add_producers(const ep_layers *layers, const ep_layer *layer, ep_text *text)
{
    ep_text_printf(text, " of");
    for (uint32_t i = 0; i < layer->n_inputs; i++) {
        const uint32_t root = layers->root[layer->inputs[i]];
        const uint32_t producer = layers->producer[root];
        if (producer == EP_NO_INDEX) {
            ep_text_printf(text, " '%s'", layers->network->tensors[root].name);
        } else {
            ep_text_printf(text, " %" PRIu32, producer);
        }
    }
}

static void add_outputs(const ep_layers *layers, const ep_layer *layer, ep_text *text)
{
    add_tensors(layers, "out", layer->outputs, layer->n_outputs, text);
    for (uint32_t i = 0; i < layer->n_outputs; i++) {
        const uint32_t root = layers->root[layer->outputs[i]];
        ep_text_printf(text, " %d%d", layers->is_output[root], layers->is_quantized[root]);
    }
}

static void add_window(const ep_window *w, ep_text *text)
{
    for (int i = 0; i < w->rank; i++) {
        ep_text_printf(
            text, " window %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
            w->kernel[i], w->stride[i], w->dilation[i], w->pad_begin[i], w->pad_end[i],
            w->output_pad[i]);
    }
}

static void add_attributes(const ep_layer *l, ep_text *text)
{
    ep_text_printf(text, " groups %" PRId64 " %d%d%d axis %d axes %u step %" PRId64, l->groups,
                   l->count_include_pad, l->global, l->is_view, l->axis, (unsigned)l->axes,
                   l->step);
    ep_text_printf(text, " %.9g %.9g", (double)l->alpha, (double)l->beta);
    if (l->resize_coordinates) ep_text_printf(text, " %s", l->resize_coordinates);
    if (l->resize_rounding) ep_text_printf(text, " %s", l->resize_rounding);
    for (int i = 0; i < EP_MAX_RANK; i++) {
        if (l->resize_scales[i] != 0) ep_text_printf(text, " %d:%.9g", i, l->resize_scales[i]);
    }
    ep_text_printf(text, " macs %" PRIu64 " params %" PRIu64, l->macs, l->params);
}

/* ---- hashes -------------------------------------------------------------------------------- */

void ep__layer_hash(const ep_layers *layers, uint32_t layer, ep_text *text,
                    char hash[EP_LAYER_HASH_TEXT])
{
    const ep_layer *l = &layers->layers[layer];
    text->length = 0;
    ep_text_printf(text, "%s '%s' %s %s", ep_layer_type_name(l->type), l->name, l->op,
                   ep_function_name(l->function));
    add_producers(layers, l, text);
    add_tensors(layers, "in", l->inputs, l->n_inputs, text);
    add_tensors(layers, "const", l->consts, l->n_consts, text);
    add_outputs(layers, l, text);
    add_window(&l->window, text);
    add_attributes(l, text);
    char sha256[EP_SHA256_TEXT];
    ep_sha256(ep_text_cstr(text), text->length, sha256);
    memcpy(hash, sha256, EP_LAYER_HASH_TEXT - 1);
    hash[EP_LAYER_HASH_TEXT - 1] = '\0';
}

ep_status ep__layer_hashes(const ep_layers *layers, ep_arena *arena, const char *const **out,
                           ep_error *err)
{
    const char **hashes = EP_NEW(arena, const char *, layers->n_layers);
    char *room = EP_NEW(arena, char, (uint64_t)layers->n_layers *EP_LAYER_HASH_TEXT);
    if (!hashes || !room) return ep_fail_memory(err);
    ep_text text = {0};
    for (uint32_t l = 0; l < layers->n_layers; l++, room += EP_LAYER_HASH_TEXT) {
        ep__layer_hash(layers, l, &text, room);
        hashes[l] = room;
    }
    const bool complete = !text.failed;
    ep_text_free(&text);
    *out = hashes;
    return complete ? EP_OK : ep_fail_memory(err);
}

static ep_status finish(ep_text *text, char sha256[EP_SHA256_TEXT], ep_error *err)
{
    const bool complete = !text->failed;
    ep_sha256(text->data, text->length, sha256);
    ep_text_free(text);
    return complete ? EP_OK : ep_fail_memory(err);
}

ep_status ep__network_sha256(const char *const *hashes, uint32_t n, char sha256[EP_SHA256_TEXT],
                             ep_error *err)
{
    ep_text text = {0};
    for (uint32_t l = 0; l < n; l++) ep_text_append(&text, hashes[l], EP_LAYER_HASH_TEXT - 1);
    return finish(&text, sha256, err);
}

ep_status ep__settings_sha256(const ep_setting *settings, uint32_t n, char sha256[EP_SHA256_TEXT],
                              ep_error *err)
{
    ep_text text = {0};
    for (uint32_t i = 0; i < n; i++) {
        ep_text_printf(&text, "%s=%s\n", settings[i].key, settings[i].value);
    }
    return finish(&text, sha256, err);
}
