/* A Pad whose padding another layer can do. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "planner/rules/rules.h"

/* Rows and columns that a Pad adds: above, left, below, right. False when it adds anything else
 * than zeros to height and width, or when nobody knows. */
static bool zeros_around(const ep__rule_context *c, int64_t around[4])
{
    const ep_network *network = c->layers->network;
    const ep_node *node = &network->nodes[c->layer->node];
    int64_t pads[2 * EP_MAX_RANK];
    uint32_t n = 0;
    double value = (double)ep_attr_float(node, "value", 0);
    const ep_attr *attr = ep_attr_find(node, "pads");
    const ep_tensor *operand = ep_node_input(network, node, 1);
    const ep_tensor *constant = ep_node_input(network, node, 2);
    if (strcmp(ep_attr_string(node, "mode", "constant"), "constant") != 0) return false;
    if (attr && attr->type == EP_ATTR_INTS && attr->count == 8) {
        memcpy(pads, attr->ints, 8 * sizeof *pads);
        n = 8;
    } else if (!operand || !ep_tensor_ints(operand, pads, 2 * EP_MAX_RANK, &n)) {
        return false;
    }
    if (constant && !ep_tensor_scalar(constant, &value)) return false;
    /* with axes, pads are of those alone */
    if (n != 8 || value != 0 || ep_node_input(network, node, 3)) return false;
    if (pads[0] != 0 || pads[1] != 0 || pads[4] != 0 || pads[5] != 0) return false;
    memcpy(around, (int64_t[]){pads[2], pads[3], pads[6], pads[7]}, 4 * sizeof *around);
    return true;
}

/* What the layer reads is never negative: zeros do not change a maximum. */
static bool never_negative(const ep__rule_context *c)
{
    const ep_layer *before = ep__producer(c, 0);
    if (!before || before->type != EP_LAYER_ACTIVATION) return false;
    return before->function == EP_FN_RELU || before->function == EP_FN_SIGMOID ||
           (before->function == EP_FN_CLIP && before->alpha >= 0);
}

static void average_hint(const ep__rule_context *c, const ep_layer *reader, const char *pads,
                         ep_refusal *refusal)
{
    ep_refusal padded;
    const bool unpadded = ep__padding_within(&reader->window, (ep_range){0, 0}, &padded);
    const bool exact = reader->count_include_pad || unpadded;
    ep__hint(c, refusal, exact ? EP_CHANGE_EXACT : EP_CHANGE_APPROXIMATE,
             "Move it into %s: pads %s, count_include_pad 1.", reader->name, pads);
}

static void reader_hint(const ep__rule_context *c, const ep_layer *reader, const int64_t around[4],
                        ep_refusal *refusal)
{
    ep_window w = reader->window;
    const bool conv = reader->type == EP_LAYER_CONVOLUTION;
    for (int i = 0; i < 2; i++) {
        if (EP_ADD_OVERFLOW(w.pad_begin[i], around[i], &w.pad_begin[i]) ||
            EP_ADD_OVERFLOW(w.pad_end[i], around[i + 2], &w.pad_end[i]))
            return;
    }
    ep_refusal no_room;
    const ep_range range = conv ? c->limits->conv_padding : c->limits->pool_padding;
    if (!ep__padding_within(&w, range, &no_room) || !ep__padding_below_kernel(&w, &no_room)) {
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "Pad less: %s has no room for all of it (%s, the DLA takes %s).", reader->name,
                 no_room.value, no_room.bound);
        return;
    }
    char pads[96];
    (void)snprintf(pads, sizeof pads, "%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64,
                   w.pad_begin[0], w.pad_begin[1], w.pad_end[0], w.pad_end[1]);
    if (reader->function == EP_FN_AVERAGE_POOL) {
        average_hint(c, reader, pads, refusal);
    } else {
        const bool exact = conv || never_negative(c);
        ep__hint(c, refusal, exact ? EP_CHANGE_EXACT : EP_CHANGE_APPROXIMATE,
                 "Move it into %s: pads %s%s.", reader->name, pads,
                 exact ? "" : " (a maximum then never is the padding's 0)");
    }
}

void ep__pad_hint(const ep__rule_context *c, ep_refusal *refusal)
{
    const ep_layer *reader = ep__only_reader(c);
    int64_t around[4];
    const bool takes = reader && reader->window.rank == 2 &&
                       (reader->type == EP_LAYER_CONVOLUTION || reader->type == EP_LAYER_POOLING);
    if (takes && zeros_around(c, around)) {
        reader_hint(c, reader, around, refusal);
    } else if (takes) {
        ep__hint(c, refusal, EP_CHANGE_APPROXIMATE,
                 "Let %s pad with zeros instead, as far as it has room.", reader->name);
    } else {
        ep__hint(c, refusal, EP_CHANGE_NONE,
                 "No single Conv or pooling layer reads it that could pad instead.");
    }
}
