/* Structured sparsity on the DLA: which layers may have it, and whether their weights do. */
#include <string.h>

#include "planner/planner.h"

/* Reads elements one after the other. */
typedef struct reader {
    const uint8_t *at, *end;
    unsigned bytes; /* of an element; 0: varints */
    uint64_t mask;  /* less the sign, where -0 is 0 */
} reader;

/* Whether the next element differs from zero; false past the end too. */
static bool next_is_nonzero(reader *r)
{
    uint64_t value = 0;
    if (r->bytes == 0) { /* seven bits a byte, the top one says that more follow */
        uint8_t byte = 0x80;
        for (unsigned shift = 0; byte & 0x80 && shift < 64 && r->at < r->end; shift += 7) {
            byte = *r->at++;
            value |= (uint64_t)(byte & 0x7f) << shift;
        }
    } else if ((size_t)(r->end - r->at) >= r->bytes) {
        memcpy(&value, r->at, r->bytes);
        r->at += r->bytes;
    }
    return (value & r->mask) != 0;
}

/* Every kernel position of the DLA's largest kernel. */
enum { MAX_TAPS = 32 * 32 };

/* Weights K, C, R, S: of four channels in a row at most two differ from zero, at each tap of each
 * kernel. Reads them once, in their order. */
static bool is_2_4_sparse(reader *r, const int64_t *dims, uint64_t taps)
{
    uint8_t nonzero[MAX_TAPS];
    for (int64_t k = 0; k < dims[0]; k++) {
        for (int64_t c = 0; c < dims[1]; c++) {
            if (c % 4 == 0) memset(nonzero, 0, taps);
            for (uint64_t t = 0; t < taps; t++) {
                nonzero[t] = (uint8_t)(nonzero[t] + next_is_nonzero(r));
                if (nonzero[t] > 2) return false;
            }
        }
    }
    return true;
}

static ep_sparsity judge(const ep_tensor *weights)
{
    const ep_sparsity unknown = {EP_SPARSE_UNKNOWN, "its weights are not in the file"};
    const ep_sparsity dense = {EP_SPARSE_DENSE, "its weights are not 2:4 sparse"};
    const ep_sparsity sparse = {EP_SPARSE_YES, NULL};
    if (weights->constness != EP_CONST_DATA && weights->constness != EP_CONST_SPLAT) return unknown;
    reader r = {.at = weights->data,
                .end = (const uint8_t *)weights->data + weights->data_bytes,
                .bytes = weights->varint ? 0 : ep_dtype_bits(weights->dtype) / 8};
    switch (weights->dtype) {
    case EP_DTYPE_FLOAT: r.mask = 0x7fffffff; break;
    case EP_DTYPE_FLOAT16: r.mask = 0x7fff; break;
    case EP_DTYPE_INT8: r.mask = 0xff; break;
    default: return (ep_sparsity){EP_SPARSE_UNKNOWN, "its weights are of a type not looked into"};
    }
    if (weights->constness == EP_CONST_SPLAT) return next_is_nonzero(&r) ? dense : sparse;
    uint64_t taps = 1;
    for (int i = 2; i < weights->shape.rank; i++) taps *= (uint64_t)weights->shape.dims[i];
    if (taps > MAX_TAPS) return unknown;
    return is_2_4_sparse(&r, weights->shape.dims, taps) ? sparse : dense;
}

ep_sparsity ep_sparsity_of(const ep_plan *plan, const ep_machine *machine, uint32_t layer)
{
    const ep_layer *l = &plan->layers->layers[layer];
    ep_sparsity no = {EP_SPARSE_NO, NULL};
    if (machine->dla.cores == 0) {
        no.why = "the module has no DLA";
    } else if (!(machine->dla.sparse_speedup > 1)) {
        no.why = "the DLA has no structured sparsity";
    } else if (!ep_device_is_dla(plan->device[layer])) {
        no.why = "it does not run on the DLA";
    } else {
        no.why = ep_sim_dla_not_sparse(plan->layers, l, plan->precision[layer]);
    }
    if (no.why) return no;
    return judge(&plan->layers->network->tensors[ep_sim_weights(plan->layers, l)]);
}
