/* Shapes of what leaves the elements as they are, or in another order. */
#include <inttypes.h>
#include <string.h>

#include "graph/shapes.h"

/* ---- Reshape ------------------------------------------------------------------------------- */

/* Reshape's target with its zeros replaced by what they copy. */
typedef struct target {
    ep_shape shape;
    int wildcard;  /* the dimension that is -1; -1: none */
    unsigned kept; /* bit i: dimension i is copied from the input */
} target;

static ep_status read_target(const ep__ints *list, bool allow_zero, const ep_shape *input,
                             target *out, ep_error *err)
{
    *out = (target){.wildcard = -1};
    EP_FAIL_IF(list->count > EP_MAX_RANK, err, EP_BAD_SHAPE,
               "its target has %" PRIu32 " dimensions; at most %d are supported", list->count,
               EP_MAX_RANK);
    out->shape.rank = (int)list->count;
    for (int i = 0; i < out->shape.rank; i++) {
        int64_t dim = list->values[i];
        if (dim == 0 && !allow_zero) {
            EP_FAIL_IF(i >= input->rank, err, EP_BAD_SHAPE,
                       "dimension %d of its target is 0 (copy), but its input has only %d", i,
                       input->rank);
            dim = input->dims[i];
            out->kept |= 1u << i;
        } else if (dim == -1) {
            EP_FAIL_IF(out->wildcard >= 0, err, EP_BAD_SHAPE, "its target has -1 twice");
            out->wildcard = i;
        }
        EP_FAIL_IF(dim < -1, err, EP_BAD_SHAPE,
                   "dimension %d of its target is %" PRId64 "; at least -1 is allowed", i, dim);
        out->shape.dims[i] = dim;
    }
    return EP_OK;
}

/* Fills in the -1. False when the target cannot hold `elements`. */
static bool resolve(const target *t, uint64_t elements, ep_shape *out)
{
    *out = t->shape;
    if (t->wildcard >= 0) out->dims[t->wildcard] = 1;
    uint64_t product;
    if (ep_shape_elements(out, &product, NULL) != EP_OK) return false;
    if (t->wildcard < 0) return product == elements;
    if (product == 0 || elements % product != 0) return false;
    out->dims[t->wildcard] = (int64_t)(elements / product);
    return true;
}

/* True when a product of leading dimensions of `shape` is `count`. */
static bool is_prefix(const ep_shape *shape, int64_t count)
{
    for (int i = 0; i <= shape->rank; i++) {
        if (ep__dim_product(shape, 0, i) == count) return true;
    }
    return false;
}

/* The dimension of the target that holds the batch, when the batch is a factor of dimension `from`
 * of the input; -1: none does. It is where the elements before it are as many as in the input: of
 * the dimensions that come into question, one that is the file's batch literally, else one that
 * begins at the batch (batch * heads), else one that ends with it (steps * batch). The last
 * dimension comes last: features are not mixed with the batch. */
static int place_in_target(const ep_network *network, const ep_shape *input, const target *t,
                           int from)
{
    const int64_t before = ep__dim_product(input, 0, from);
    const int64_t beside = input->dims[from] / network->batch_to;
    const int end = t->wildcard >= 0 ? t->wildcard : t->shape.rank;
    int begins = -1, ends = -1;
    for (int i = 0; i < end && t->shape.dims[i] > 0; i++) {
        const int64_t dim = t->shape.dims[i], outer = ep__dim_product(&t->shape, 0, i);
        const int64_t inner = ep__dim_mul(outer, dim);
        if (dim % network->batch_from != 0) continue;
        const bool here = outer % before == 0 && beside % (outer / before) == 0;
        const bool next = inner % before == 0 && beside % (inner / before) == 0;
        if (here && dim == network->batch_from) return i;
        if (here && begins < 0) begins = i;
        if (next && ends < 0) ends = i;
    }
    return begins >= 0 && (begins + 1 < t->shape.rank || ends < 0) ? begins : ends;
}

/* The same for whatever dimension of the input has the batch: the first that is the batch, else the
 * first that is a multiple of it. Trailing dimensions that the target keeps are not the batch, and
 * nor are leading ones if it has no -1 (with one, they may be the new batch already), unless there
 * is no other place. */
static int find_batch(const ep_network *network, const ep_shape *input, const target *t)
{
    const ep_shape *to = &t->shape;
    int first = 0, last = input->rank;
    for (int i = to->rank; i > 0 && last > 0 && to->dims[i - 1] == input->dims[last - 1]; i--) {
        last--;
    }
    while (t->wildcard < 0 && first < last && first < to->rank &&
           to->dims[first] == input->dims[first]) {
        first++;
    }
    int at = -1;
    for (int pass = 0; pass < 4 && at < 0; pass++) {
        if (pass == 2) {
            first = 0;
            last = input->rank;
        }
        for (int i = first; i < last && at < 0; i++) {
            const int64_t dim = input->dims[i];
            const bool holds =
                pass % 2 == 0 ? dim == network->batch_to : dim % network->batch_to == 0;
            if (holds) at = place_in_target(network, input, t, i);
        }
    }
    return at < 0 && t->wildcard < 0 ? 0 : at;
}

/* The batch rule. An exporter writes the batch it was run with into targets: [1, 1000],
 * [1 * heads, -1, 64], [steps, 1 * heads, 64]. To run such a file at another batch, the dimension
 * that holds it is scaled. This is inference, not execution: only dimensions tell where the batch
 * is in the input.
 *
 * A target without -1 is scaled only when it does not fit as it stands. With -1 nearly everything
 * fits, [1, -1] takes the batch for features, and so it is scaled when the file's batch stands
 * where the batch belongs, or when only then its leading dimensions are some of the input's; but
 * not in a file with symbolic batch (there, targets are computed from shapes), and not for
 * constants. Returns true, with the result in `out`, when the rule applies. */
static bool reshape_to_batch(const ep_network *network, const ep_tensor *data, const target *t,
                             uint64_t elements, ep_shape *out)
{
    const ep_shape *input = &data->shape;
    if (!ep__rebatched(network) || network->batch_to < 1 || elements == 0) return false;
    if (t->wildcard >= 0) {
        const bool dynamic =
            network->n_inputs > 0 && ep__symbolic(&network->tensors[network->inputs[0]], 0);
        if (dynamic || ep_tensor_is_const(data)) return false;
    }
    const int at = find_batch(network, input, t);
    if (at < 0 || at >= t->shape.rank || (t->kept >> at & 1u)) return false;
    const int64_t was = t->shape.dims[at];
    if (was < 1 || was % network->batch_from != 0) return false;
    target scaled = *t;
    scaled.shape.dims[at] = ep__dim_mul(was / network->batch_from, network->batch_to);
    if (t->wildcard >= 0 && was != network->batch_from) {
        if (is_prefix(input, ep__dim_product(&t->shape, 0, at + 1))) return false;
        if (!is_prefix(input, ep__dim_product(&scaled.shape, 0, at + 1))) return false;
    }
    return resolve(&scaled, elements, out);
}

/* Leading dimensions that stay what they are keep their mark; the first one's goes with the batch
 * wherever it is merged. */
static unsigned symbolic_after_reshape(const ep_tensor *data, const ep_shape *shape)
{
    unsigned symbolic = data->was_symbolic & 1u;
    if (shape->rank == 0) return 0;
    for (int i = 0; i < shape->rank && i < data->shape.rank; i++) {
        if (shape->dims[i] != data->shape.dims[i]) break;
        if (ep__symbolic(data, i)) symbolic |= 1u << i;
    }
    return symbolic;
}

ep_status ep__shape_reshape(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *in[2];
    ep__ints list;
    target t;
    uint64_t elements;
    EP_TRY(ep__inputs(network, node, 2, in, err));
    EP_TRY(ep__read_ints(network, node, 1, NULL, &list, err));
    const bool allow_zero = ep_attr_int(node, "allowzero", 0) != 0;
    EP_TRY(read_target(&list, allow_zero, &in[0]->shape, &t, err));
    EP_TRY(ep_shape_elements(&in[0]->shape, &elements, err));
    ep__result result = {.shape.rank = 0};
    const bool fits = resolve(&t, elements, &result.shape);
    if (!fits || t.wildcard >= 0) {
        ep_shape scaled;
        if (reshape_to_batch(network, in[0], &t, elements, &scaled)) {
            result.shape = scaled;
        } else if (!fits) {
            char from[EP_SHAPE_TEXT], to[EP_SHAPE_TEXT];
            return ep_fail(err, EP_BAD_SHAPE, "cannot reshape %s (%" PRIu64 " elements) to %s%s",
                           ep_shape_text(&in[0]->shape, from), elements,
                           ep_shape_text(&t.shape, to), t.wildcard >= 0 ? " (? is -1)" : "");
        }
    }
    result.symbolic = symbolic_after_reshape(in[0], &result.shape);
    return ep__set_output(network, node, 0, in[0]->dtype, &result, err);
}

/* ---- other views --------------------------------------------------------------------------- */

ep_status ep__shape_flatten(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    const int rank = x->shape.rank;
    int64_t axis = ep_attr_int(node, "axis", 1);
    EP_FAIL_IF(axis < -rank || axis > rank, err, EP_BAD_SHAPE, "axis %" PRId64 " is outside %d..%d",
               axis, -rank, rank);
    if (axis < 0) axis += rank;
    ep__result result = {.shape.rank = 0};
    ep__push(&result, ep__dim_product(&x->shape, 0, (int)axis), axis > 0 && ep__symbolic(x, 0));
    ep__push(&result, ep__dim_product(&x->shape, (int)axis, rank), false);
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_squeeze(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints axes;
    unsigned bits;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints(network, node, 1, "axes", &axes, err));
    EP_TRY(ep__axis_bits(&axes, x->shape.rank, &bits, err));
    ep__result result = {.shape.rank = 0};
    for (int i = 0; i < x->shape.rank; i++) {
        const int64_t dim = x->shape.dims[i];
        const bool named = bits >> i & 1u;
        EP_FAIL_IF(named && dim != 1, err, EP_BAD_SHAPE, "axis %d is %" PRId64 "; only 1 can go", i,
                   dim);
        if (!named && (axes.given || dim != 1)) ep__push_dims(&result, x, i, i + 1);
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_unsqueeze(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints axes;
    unsigned bits;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints(network, node, 1, "axes", &axes, err));
    EP_FAIL_IF(!axes.given, err, EP_BAD_MODEL, "axes are missing");
    const int rank = x->shape.rank + (int)axes.count;
    EP_FAIL_IF(rank > EP_MAX_RANK, err, EP_BAD_SHAPE,
               "its output has %d dimensions; at most %d are supported", rank, EP_MAX_RANK);
    EP_TRY(ep__axis_bits(&axes, rank, &bits, err));
    ep__result result = {.shape.rank = 0};
    for (int i = 0, from = 0; i < rank; i++) {
        if (bits >> i & 1u) {
            ep__push(&result, 1, false);
        } else {
            ep__push_dims(&result, x, from, from + 1);
            from++;
        }
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_transpose(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    ep__ints perm;
    unsigned seen = 0;
    EP_TRY(ep__inputs(network, node, 1, &x, err));
    EP_TRY(ep__read_ints_attr(node, "perm", &perm, err));
    const int rank = x->shape.rank;
    EP_FAIL_IF(perm.given && perm.count != (uint32_t)rank, err, EP_BAD_SHAPE,
               "perm has %" PRIu32 " axes, its input %d", perm.count, rank);
    ep__result result = {.shape.rank = 0};
    for (int i = 0; i < rank; i++) {
        int axis = rank - 1 - i;
        if (perm.given) EP_TRY(ep__axis(perm.values[i], rank, &axis, err));
        EP_FAIL_IF(seen >> axis & 1u, err, EP_BAD_SHAPE, "perm has axis %d twice", axis);
        seen |= 1u << axis;
        ep__push_dims(&result, x, axis, axis + 1);
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

/* ---- channels and pixels ------------------------------------------------------------------- */

static ep_status block_input(const ep_network *network, const ep_node *node, const ep_tensor **x,
                             int64_t *block, ep_error *err)
{
    EP_TRY(ep__inputs(network, node, 1, x, err));
    EP_TRY(ep__check_rank(*x, 4, 4, err));
    *block = ep_attr_int(node, "blocksize", 0);
    EP_FAIL_IF(*block < 1 || *block > INT32_MAX, err, EP_BAD_SHAPE,
               "blocksize is %" PRId64 "; 1..2^31-1 is allowed", *block);
    return EP_OK;
}

ep_status ep__shape_depth_to_space(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    int64_t block;
    EP_TRY(block_input(network, node, &x, &block, err));
    const int64_t c = x->shape.dims[1];
    EP_FAIL_IF(c % (block * block) != 0, err, EP_BAD_SHAPE,
               "blocksize %" PRId64 " squared does not divide its %" PRId64 " channels", block, c);
    ep__result result = ep__like(x);
    result.shape.dims[1] = c / (block * block);
    for (int i = 2; i < 4; i++) result.shape.dims[i] = ep__dim_mul(x->shape.dims[i], block);
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}

ep_status ep__shape_space_to_depth(ep_network *network, const ep_node *node, ep_error *err)
{
    const ep_tensor *x;
    int64_t block;
    EP_TRY(block_input(network, node, &x, &block, err));
    ep__result result = ep__like(x);
    result.shape.dims[1] = ep__dim_mul(x->shape.dims[1], block * block);
    for (int i = 2; i < 4; i++) {
        EP_FAIL_IF(x->shape.dims[i] % block != 0, err, EP_BAD_SHAPE,
                   "blocksize %" PRId64 " does not divide axis %d, which is %" PRId64, block, i,
                   x->shape.dims[i]);
        result.shape.dims[i] = x->shape.dims[i] / block;
    }
    return ep__set_output(network, node, 0, x->dtype, &result, err);
}
