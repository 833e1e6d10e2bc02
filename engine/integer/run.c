/* Runs steps. */
#include <string.h>

#include "engine/integer/integer.h"

typedef struct call {
    ep__frame *frame;
    const ep__integer_step *step;
    ep_arena *scratch;
    uint32_t threads;
} call;

/* ---- layouts ------------------------------------------------------------------------------- */

/* An array as batch x channels x positions. */
typedef struct extent {
    int64_t batch, channels, positions;
} extent;

static extent extent_of(const ep_shape *shape)
{
    return (extent){.batch = shape->dims[0],
                    .channels = shape->dims[1],
                    .positions = ep__product(shape, 2, shape->rank)};
}

/* Moves the channels innermost, or back. */
static void turn(const call *c, const ep_shape *shape, bool to_last, size_t size, const void *in,
                 void *out)
{
    const extent e = extent_of(shape);
    if (to_last) {
        ep__channels_last(c->threads, e.batch, e.channels, e.positions, size, in, out);
    } else {
        ep__channels_last(c->threads, e.batch, e.positions, e.channels, size, in, out);
    }
}

/* The codes of input `i` with their channels innermost, or as the shape says. */
static ep_status codes_of(const call *c, uint32_t i, bool last, const void **out, ep_error *err)
{
    const uint32_t t = c->step->reads[i];
    const ep_array *array = &c->frame->cells[t].array;
    *out = array->data;
    if (array->shape.rank < 3 || c->frame->integer->last[t] == last) return EP_OK;
    void *copy = ep_arena_take_raw(c->scratch, array->n, 1);
    if (!copy) return ep_fail_memory(err);
    turn(c, &array->shape, last, 1, array->data, copy);
    *out = copy;
    return EP_OK;
}

/* ---- kinds --------------------------------------------------------------------------------- */

static ep__recoding recoding_of(const ep__integer_step *step, uint32_t input)
{
    return (ep__recoding){
        .from = {step->coding[input]}, .to = step->to, .low = step->low, .high = step->high};
}

/* Recodes in place. */
static void finish(const call *c, uint64_t n, void *out)
{
    const ep__recoding r = recoding_of(c->step, 0);
    if (!ep__recodes_nothing(&r)) ep__recode(c->threads, &r, out, NULL, n, out);
}

static ep_status multiply(const call *c, bool last, void *out, ep_error *err)
{
    const void *x, *residual = NULL;
    EP_TRY(codes_of(c, 0, last, &x, err));
    if (c->step->n_inputs > 1) EP_TRY(codes_of(c, 1, last, &residual, err));
    return ep__int8_run(c->step->op, c->threads, x, residual, out, c->scratch, err);
}

static ep_status recode(const call *c, bool last, uint64_t n, void *out, ep_error *err)
{
    const void *a, *b = NULL;
    ep__recoding r = recoding_of(c->step, 0);
    EP_TRY(codes_of(c, 0, last, &a, err));
    if (c->step->n_inputs > 1) {
        r.from[1] = c->step->coding[1];
        EP_TRY(codes_of(c, 1, last, &b, err));
    }
    ep__recode(c->threads, &r, a, b, n, out);
    return EP_OK;
}

static ep_status pool(const call *c, const ep_array *out_array, void *out, ep_error *err)
{
    const extent e = extent_of(&out_array->shape);
    const ep__code_pool p = {.window = c->step->window,
                             .batch = e.batch,
                             .channels = e.channels,
                             .from = c->step->coding[0],
                             .to = c->step->to,
                             .low = c->step->low,
                             .high = c->step->high,
                             .counts_pads = c->step->counts_pads};
    const void *x;
    EP_TRY(codes_of(c, 0, true, &x, err));
    if (c->step->kind == EP__STEP_AVERAGE_POOL) {
        ep__average_codes(c->threads, &p, x, out);
        return EP_OK;
    }
    ep__max_codes(c->threads, &p, x, out);
    finish(c, out_array->n, out);
    return EP_OK;
}

typedef struct part {
    const uint8_t *from;
    uint8_t *to;
    int64_t channels, of; /* bytes of a row there, here */
} part;

static void copy_rows(uint64_t begin, uint64_t end, void *context)
{
    const part *p = context;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        memcpy(p->to + i * p->of, p->from + i * p->channels, (size_t)p->channels);
    }
}

/* Each input's channels into their place in every row. */
static ep_status concatenate(const call *c, const ep_array *out_array, uint8_t *out, ep_error *err)
{
    enum { PIECE = 1 << 15 };
    const extent e = extent_of(&out_array->shape);
    int64_t at = 0;
    for (uint32_t i = 0; i < c->step->n_inputs; i++) {
        const ep_array *in = &c->frame->cells[c->step->reads[i]].array;
        const ep__recoding r = recoding_of(c->step, i);
        const void *codes;
        EP_TRY(codes_of(c, i, true, &codes, err));
        if (!ep__recodes_nothing(&r)) {
            void *recoded = ep_arena_take_raw(c->scratch, in->n, 1);
            if (!recoded) return ep_fail_memory(err);
            ep__recode(c->threads, &r, codes, NULL, in->n, recoded);
            codes = recoded;
        }
        part p = {.from = codes, .to = out + at, .channels = in->shape.dims[1], .of = e.channels};
        ep_parallel(c->threads, (uint64_t)(e.batch * e.positions), PIECE / (uint64_t)p.channels + 1,
                    copy_rows, &p);
        at += p.channels;
    }
    return EP_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

/* `last`: how the result shall lie. */
static ep_status run(const call *c, bool last, const ep_array *array, void *out, ep_error *err)
{
    switch (c->step->kind) {
    case EP__STEP_MULTIPLY: return multiply(c, last, out, err);
    case EP__STEP_RECODE:
    case EP__STEP_RESHAPE: return recode(c, last, array->n, out, err);
    case EP__STEP_MAX_POOL:
    case EP__STEP_AVERAGE_POOL: return pool(c, array, out, err);
    case EP__STEP_CONCAT: return concatenate(c, array, out, err);
    }
    return EP_OK;
}

/* How the step's own code leaves its result. */
static bool leaves_last(const ep__integer *integer, const ep__integer_step *step)
{
    switch (step->kind) {
    case EP__STEP_MULTIPLY: return step->slides;
    case EP__STEP_RECODE: return integer->last[step->out];
    case EP__STEP_RESHAPE: return false;
    default: return true;
    }
}

ep_status ep__integer_run(ep__frame *frame, uint32_t node, const ep_array *out, ep_error *err)
{
    const ep__integer_step *step = frame->integer->steps[node];
    const call c = {.frame = frame,
                    .step = step,
                    .scratch = frame->context->scratch,
                    .threads = frame->context->threads};
    const bool last = leaves_last(frame->integer, step);
    if (out->shape.rank < 3 || last == frame->integer->last[step->out]) {
        return run(&c, last, out, out->data, err);
    }
    const size_t size = step->to.dtype == EP_DTYPE_FLOAT ? sizeof(float) : 1;
    void *codes = ep_arena_take_raw(c.scratch, out->n, size);
    if (!codes) return ep_fail_memory(err);
    EP_TRY(run(&c, last, out, codes, err));
    turn(&c, &out->shape, !last, size, codes, out->data);
    return EP_OK;
}

uint64_t ep__integer_work(const ep__integer *integer, uint32_t node)
{
    const ep__integer_step *step = integer->steps[node];
    uint64_t work = 1;
    if (step->kind == EP__STEP_MULTIPLY) {
        const ep__int8_form *f = &step->form;
        work = (uint64_t)(f->channels / f->groups * f->window.kernel_size);
    } else if (step->kind == EP__STEP_MAX_POOL || step->kind == EP__STEP_AVERAGE_POOL) {
        work = (uint64_t)step->window.kernel_size;
    }
    return work;
}
