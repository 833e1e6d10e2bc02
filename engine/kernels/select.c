/* Where and the conversions. */
#include <string.h>

#include "engine/kernels.h"

#define WHERE(T)                                                                                   \
    static void where_##T(const ep__walk *w, const uint8_t *condition, const void *yes,            \
                          const void *no, void *out)                                               \
    {                                                                                              \
        const T *x = (const T *)yes + w->at[2], *y = (const T *)no + w->at[3];                     \
        T *to = (T *)out + w->at[0];                                                               \
        for (int64_t i = 0; i < w->row; i++) {                                                     \
            to[i] = condition[i * w->step[1]] ? x[i * w->step[2]] : y[i * w->step[3]];             \
        }                                                                                          \
    }
WHERE(uint8_t)
WHERE(uint16_t)
WHERE(uint32_t)
WHERE(uint64_t)

typedef void (*where_loop)(const ep__walk *w, const uint8_t *condition, const void *yes,
                           const void *no, void *out);

typedef struct choice {
    where_loop loop;
    const ep_array *condition, *yes, *no;
    ep_array *out;
} choice;

static void choose(ep__walk *piece, const void *context)
{
    const choice *c = context;
    do {
        const uint8_t *row = (const uint8_t *)c->condition->data + piece->at[1];
        c->loop(piece, row, c->yes->data, c->no->data, c->out->data);
    } while (ep__walk_next(piece));
}

ep_status ep__kernel_Where(ep__call *call, ep_error *err)
{
    static const where_loop loops[9] = {
        [1] = where_uint8_t, [2] = where_uint16_t, [4] = where_uint32_t, [8] = where_uint64_t};
    const ep_array *condition = ep__in(call, 0), *yes = ep__in(call, 1), *no = ep__in(call, 2);
    ep_array *out = ep__out(call, 0);
    EP_FAIL_IF(condition->dtype != EP_DTYPE_BOOL, err, EP_BAD_MODEL, "the condition is %s",
               ep_dtype_name(condition->dtype));
    EP_FAIL_IF(yes->dtype != no->dtype, err, EP_BAD_MODEL, "operands are %s and %s",
               ep_dtype_name(yes->dtype), ep_dtype_name(no->dtype));
    const unsigned size = ep_dtype_bits(yes->dtype) / 8;
    if (size > 8 || !loops[size]) return ep__bad_dtype(yes, err);
    ep__walk walk = ep__walk_over(&out->shape);
    if (!ep__walk_add(&walk, &out->shape) || !ep__walk_add(&walk, &condition->shape) ||
        !ep__walk_add(&walk, &yes->shape) || !ep__walk_add(&walk, &no->shape)) {
        return ep__bad_out_shape(out, err);
    }
    const choice c = {
        .loop = loops[size], .condition = condition, .yes = yes, .no = no, .out = out};
    ep__walk_pieces(call->threads, &walk, choose, &c);
    return EP_OK;
}

/* The type that the shape function gave the output is the one asked for. */
static ep_status convert(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    if (in->n != out->n) return ep__bad_out_shape(out, err);
    if (ep__wide(in->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(in, err);
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    const bool saturate = ep_attr_int(call->node, "saturate", 1) != 0;
    ep__convert_pieces(call->threads, out->dtype, out->data, in->dtype, in->data, in->n, saturate);
    return EP_OK;
}

ep_status ep__kernel_Cast(ep__call *call, ep_error *err)
{
    return convert(call, err);
}

ep_status ep__kernel_CastLike(ep__call *call, ep_error *err)
{
    return convert(call, err);
}
