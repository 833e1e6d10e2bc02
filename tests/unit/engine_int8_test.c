/* Convolutions and products of 8-bit integers, against the sums written out and rounded by the C
 * library: the same bits from every back end, with any number of threads. */
#include <string.h>

#include "engine/int8.h"
#include "tests/unit/kernel_fixture.h"

/* ---- cases --------------------------------------------------------------------------------- */

typedef struct op_case {
    ep__int8_form form;
    ep__int8_result result;
    uint8_t *x, *residual;
    int8_t *weights;
    int32_t *bias;
    float *scale;
    uint64_t outs;
} op_case;

static int32_t code(ep_dtype dtype, const uint8_t *codes, int64_t i)
{
    return dtype == EP_DTYPE_INT8 ? (int8_t)codes[i] : codes[i];
}

static void roll_window(dice *d, ep__window *w, bool is_3d)
{
    *w = ep__int8_rows(1);
    for (int i = is_3d ? 0 : 1; i < 3; i++) {
        w->kernel[i] = pick(d, 1, 4);
        w->dilation[i] = pick(d, 1, 2);
        w->stride[i] = pick(d, 1, 3);
        w->pad[i] = pick(d, 0, w->kernel[i] - 1);
        const int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1;
        const int64_t after = pick(d, 0, w->kernel[i] - 1);
        w->image[i] = pick(d, reach, reach + 12);
        w->stops[i] = (w->image[i] + w->pad[i] + after - reach) / w->stride[i] + 1;
    }
    if (ep__window_sizes(w, NULL) != EP_OK) abort();
}

static void roll_form(dice *d, op_case *c, int kind)
{
    ep__int8_form *f = &c->form;
    f->batch = pick(d, 1, 3);
    f->groups = 1;
    f->channels = pick(d, 1, 70);
    f->filters = pick(d, 1, 90);
    roll_window(d, &f->window, kind == 3);
    if (kind == 1) { /* a channel a filter */
        f->groups = f->channels = f->filters = pick(d, 2, 80);
    } else if (kind == 2) {
        f->groups = pick(d, 2, 5);
        f->channels = f->groups * pick(d, 1, 12);
        f->filters = f->groups * pick(d, 1, 12);
    } else if (kind == 4) { /* a matrix, with sums that float does not hold */
        f->batch = 1;
        f->window = ep__int8_rows(pick(d, 1, 40));
        f->channels = pick(d, 500, 3000);
    }
}

static void roll_result(dice *d, op_case *c)
{
    static const ep_dtype dtypes[] = {EP_DTYPE_INT8,  EP_DTYPE_UINT8, EP_DTYPE_INT8,
                                      EP_DTYPE_UINT8, EP_DTYPE_FLOAT, EP_DTYPE_INT32};
    static const ep_dtype residuals[] = {EP_DTYPE_UNDEFINED, EP_DTYPE_UNDEFINED, EP_DTYPE_INT8,
                                         EP_DTYPE_UINT8};
    ep__int8_result *r = &c->result;
    r->dtype = dtypes[pick(d, 0, 5)];
    const int32_t least = r->dtype == EP_DTYPE_INT8 ? INT8_MIN : 0;
    r->low = least;
    r->high = least + 255;
    if (pick(d, 0, 1)) r->zero = (int32_t)pick(d, r->low, r->high);
    if (pick(d, 0, 1)) r->low = (int32_t)pick(d, r->low, r->zero); /* a Relu, a Clip */
    if (pick(d, 0, 2) == 0) r->high = (int32_t)pick(d, r->zero, r->high);
    if (r->dtype == EP_DTYPE_INT32) return;
    r->residual = residuals[pick(d, 0, 3)];
    r->residual_zero = (int32_t)pick(d, -3, 3);
    r->residual_scale = (float)pick(d, 1, 40) / 32; /* of which many lie between two codes */
}

static void roll_case(dice *d, op_case *c, int index)
{
    *c = (op_case){0};
    roll_form(d, c, index % 6);
    roll_result(d, c);
    ep__int8_form *f = &c->form;
    f->x_dtype = pick(d, 0, 1) ? EP_DTYPE_INT8 : EP_DTYPE_UINT8;
    const int32_t least = f->x_dtype == EP_DTYPE_INT8 ? INT8_MIN : 0;
    if (pick(d, 0, 1)) f->x_zero = least + (int32_t)pick(d, 0, 255);
    f->x_positive = f->x_dtype == EP_DTYPE_UINT8 || pick(d, 0, 1);
    const uint64_t xs = (uint64_t)(f->batch * f->window.image_size * f->channels);
    const uint64_t each = (uint64_t)(f->channels / f->groups * f->window.kernel_size);
    c->outs = (uint64_t)(f->batch * f->window.stops_size * f->filters);
    c->x = allocated(xs, 1);
    c->weights = allocated(each * (uint64_t)f->filters, 1);
    c->bias = allocated((uint64_t)f->filters, sizeof *c->bias);
    c->scale = allocated((uint64_t)f->filters, sizeof *c->scale);
    c->residual = allocated(c->outs, 1);
    const bool extreme = pick(d, 0, 3) == 0; /* what saturates where pairs are summed in INT16 */
    for (uint64_t i = 0; i < xs; i++) {
        c->x[i] = (uint8_t)(extreme ? (f->x_dtype == EP_DTYPE_INT8 ? 127 : 255) : roll(d));
        if (f->x_dtype == EP_DTYPE_INT8 && f->x_positive) c->x[i] &= 127;
    }
    for (uint64_t i = 0; i < each * (uint64_t)f->filters; i++) {
        c->weights[i] = (int8_t)(extreme ? 127 - (int)(roll(d) & 1) : (int)(roll(d) & 255) - 128);
    }
    for (uint64_t i = 0; i < c->outs; i++) c->residual[i] = (uint8_t)roll(d);
    for (int64_t i = 0; i < f->filters; i++) {
        c->bias[i] = (int32_t)pick(d, -30000, 30000);
        /* powers of two give ties */
        c->scale[i] = index % 2 ? ldexpf(1, -(int)pick(d, 6, 14)) : 1.0f / (float)pick(d, 50, 9999);
    }
    f->weights = c->weights;
    f->bias = pick(d, 0, 3) ? c->bias : NULL;
    c->result.scale = c->scale;
}

static void free_case(op_case *c)
{
    free(c->x);
    free(c->weights);
    free(c->bias);
    free(c->scale);
    free(c->residual);
}

/* ---- the reference ------------------------------------------------------------------------- */

static int64_t sum_of(const op_case *c, int64_t item, int64_t stop, int64_t filter)
{
    const ep__int8_form *f = &c->form;
    const ep__window *w = &f->window;
    const int64_t channels = f->channels / f->groups, group = filter / (f->filters / f->groups);
    const int64_t s[3] = {stop / w->stops[2] / w->stops[1], stop / w->stops[2] % w->stops[1],
                          stop % w->stops[2]};
    int64_t sum = f->bias ? f->bias[filter] : 0;
    for (int64_t k = 0; k < w->kernel_size; k++) {
        const int64_t e[3] = {k / w->kernel[2] / w->kernel[1], k / w->kernel[2] % w->kernel[1],
                              k % w->kernel[2]};
        int64_t at = 0;
        bool inside = true;
        for (int i = 0; i < 3; i++) {
            const int64_t p = s[i] * w->stride[i] - w->pad[i] + e[i] * w->dilation[i];
            inside &= p >= 0 && p < w->image[i];
            at = at * w->image[i] + p;
        }
        for (int64_t ch = 0; inside && ch < channels; ch++) {
            const int64_t x = (item * w->image_size + at) * f->channels + group * channels + ch;
            sum += (int64_t)(code(f->x_dtype, c->x, x) - f->x_zero) *
                   c->weights[(filter * channels + ch) * w->kernel_size + k];
        }
    }
    return sum;
}

/* One result, as bytes of its type. */
static void expect(const op_case *c, int64_t i, void *out)
{
    const ep__int8_form *f = &c->form;
    const ep__int8_result *r = &c->result;
    const int64_t filter = i % f->filters, stop = i / f->filters % f->window.stops_size;
    const int64_t sum = sum_of(c, i / f->filters / f->window.stops_size, stop, filter);
    if (r->dtype == EP_DTYPE_INT32) {
        *(int32_t *)out = (int32_t)sum;
        return;
    }
    volatile float v = (float)sum * c->scale[filter]; /* volatile: rounded to float each time */
    if (r->residual != EP_DTYPE_UNDEFINED) {
        const int32_t other = code(r->residual, c->residual, i) - r->residual_zero;
        volatile float scaled = (float)other * r->residual_scale;
        v = v + scaled;
    }
    if (r->dtype == EP_DTYPE_FLOAT) {
        *(float *)out = v;
        return;
    }
    const double rounded = (double)rintf(v) + r->zero;
    *(uint8_t *)out = (uint8_t)(int)fmin(fmax(rounded, r->low), r->high);
}

/* ---- tests --------------------------------------------------------------------------------- */

/* False where the back end is not there. */
static bool check(const op_case *c, ep__int8_backend backend, const uint8_t *expected, size_t size)
{
    ep_error err = {0};
    ep__int8 *op;
    const ep_status status = ep__int8_new(&c->form, &c->result, backend, 3, &op, &err);
    if (status == EP_UNSUPPORTED && backend == EP__INT8_ONEDNN) return false;
    if (status != EP_OK) fail_msg("%s", err.text);
    ep_arena *scratch = ep_arena_new();
    uint8_t *out = allocated(c->outs, size);
    for (uint32_t threads = 1; threads <= 3; threads += 2) {
        memset(out, 0x55, c->outs * size);
        if (ep__int8_run(op, threads, c->x, c->residual, out, scratch, &err) != EP_OK) {
            fail_msg("%s", err.text);
        }
        for (uint64_t i = 0; i < c->outs * size; i++) {
            if (out[i] == expected[i]) continue;
            fail_msg("back end %d, %u threads: byte %llu of element %llu is %d, not %d", backend,
                     threads, (unsigned long long)(i % size), (unsigned long long)(i / size),
                     out[i], expected[i]);
        }
    }
    free(out);
    ep_arena_free(scratch);
    ep__int8_free(op);
    return true;
}

static void random_shapes(void **state)
{
    (void)state;
    enum { CASES = 500 };
    dice d = {11};
    int through_onednn = 0;
    for (int i = 0; i < CASES; i++) {
        op_case c;
        roll_case(&d, &c, i);
        const size_t size = (size_t)ep_dtype_bytes(c.result.dtype, 1);
        uint8_t *expected = allocated(c.outs, size);
        for (uint64_t k = 0; k < c.outs; k++) expect(&c, (int64_t)k, expected + k * size);
        check(&c, EP__INT8_PLAIN, expected, size);
        through_onednn += check(&c, EP__INT8_ONEDNN, expected, size);
        free(expected);
        free_case(&c);
    }
    print_message("%d of %d through oneDNN\n", through_onednn, CASES);
}

/* 2.5 and -2.5 go to the even 2, 3.5 to 4; what passes the type stays at its end. */
static void ties_and_ends(void **state)
{
    (void)state;
    static const int8_t x[] = {5, -5, 7, 127, -128}, weight[] = {1};
    static const int8_t expected[] = {2, -2, 4, 64, -64};
    static const float half[] = {0.5f}, large[] = {3};
    ep__int8_form form = {.window = ep__int8_rows(5), .batch = 1, .groups = 1, .channels = 1};
    form.filters = 1;
    form.x_dtype = EP_DTYPE_INT8;
    form.weights = weight;
    ep__int8_result result = {.dtype = EP_DTYPE_INT8, .scale = half, .low = -128, .high = 127};
    op_case c = {.form = form, .result = result, .x = (uint8_t *)(uintptr_t)x, .outs = 5};
    check(&c, EP__INT8_PLAIN, (const uint8_t *)expected, 1);
    check(&c, EP__INT8_ONEDNN, (const uint8_t *)expected, 1);
    static const int8_t saturated[] = {15, -15, 21, 127, -128};
    c.result.scale = large;
    check(&c, EP__INT8_PLAIN, (const uint8_t *)saturated, 1);
    check(&c, EP__INT8_ONEDNN, (const uint8_t *)saturated, 1);
}

/* 132,105 products of -128 by -128 would pass INT32. */
static void refuses_what_overflows(void **state)
{
    (void)state;
    enum { CHANNELS = 132105 };
    static int8_t weights[CHANNELS];
    memset(weights, -128, sizeof weights);
    static const float scale[] = {1};
    ep__int8_form form = {.window = ep__int8_rows(1), .batch = 1, .groups = 1, .filters = 1};
    form.channels = CHANNELS;
    form.x_dtype = EP_DTYPE_INT8;
    form.weights = weights;
    const ep__int8_result result = {.dtype = EP_DTYPE_INT32, .scale = scale};
    ep_error err = {0};
    ep__int8 *op;
    assert_int_equal(ep__int8_new(&form, &result, EP__INT8_ANY, 1, &op, &err), EP_UNSUPPORTED);
    assert_null(op);
    assert_non_null(strstr(err.text, "INT32"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(ties_and_ends),
        cmocka_unit_test(refuses_what_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
