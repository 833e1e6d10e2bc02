/* DFT and STFT, in double. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

#define PI 3.14159265358979323846

/* ---- transforms ---------------------------------------------------------------------------- */

typedef struct complex_number {
    double re, im;
} complex_number;

static complex_number multiply(complex_number a, complex_number b)
{
    return (complex_number){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* exp(-2 pi i k / n) */
static complex_number unit_root(int64_t k, int64_t n)
{
    const double angle = -2 * PI * (double)k / (double)n;
    return (complex_number){cos(angle), sin(angle)};
}

/* A transform of any length n: directly by powers of two, else as a convolution with a chirp
 * (Bluestein), which has a power of two. */
typedef struct transform {
    int64_t n, m;                   /* m: the power of two */
    complex_number *roots;          /* m / 2 roots of unity */
    complex_number *chirp, *filter; /* n and m of them; NULL when n is m */
    complex_number *work;           /* m */
} transform;

/* In place; n = 2^k elements. */
static void transform_power(const transform *t, complex_number *x)
{
    for (int64_t i = 1, j = 0; i < t->m; i++) { /* order of reversed bits */
        int64_t bit = t->m >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            const complex_number held = x[i];
            x[i] = x[j];
            x[j] = held;
        }
    }
    for (int64_t half = 1; half < t->m; half *= 2) {
        const int64_t step = t->m / (2 * half);
        for (int64_t begin = 0; begin < t->m; begin += 2 * half) {
            for (int64_t k = 0; k < half; k++) {
                complex_number *a = &x[begin + k], *b = a + half;
                const complex_number turned = multiply(*b, t->roots[k * step]);
                *b = (complex_number){a->re - turned.re, a->im - turned.im};
                *a = (complex_number){a->re + turned.re, a->im + turned.im};
            }
        }
    }
}

static ep_status make_transform(const ep__call *call, int64_t n, transform *t, ep_error *err)
{
    assert(n >= 1);
    EP_FAIL_IF(n > INT64_MAX / 8, err, EP_NO_MEMORY, "a transform of %lld", (long long)n);
    *t = (transform){.n = n, .m = 1};
    while (t->m < n) t->m *= 2;
    if (t->m != n) {
        while (t->m < 2 * n - 1) t->m *= 2;
    }
    t->roots = EP_NEW(call->scratch, complex_number, (uint64_t)t->m / 2);
    t->work = EP_NEW(call->scratch, complex_number, (uint64_t)t->m);
    if (!t->roots || !t->work) return ep_fail_memory(err);
    for (int64_t k = 0; k < t->m / 2; k++) t->roots[k] = unit_root(k, t->m);
    if (t->m == n) return EP_OK;
    t->chirp = EP_NEW(call->scratch, complex_number, (uint64_t)n);
    t->filter = EP_NEW(call->scratch, complex_number, (uint64_t)t->m);
    if (!t->chirp || !t->filter) return ep_fail_memory(err);
    int64_t square = 0; /* k * k modulo 2 n, after which the chirp repeats */
    for (int64_t k = 0; k < n; k++) {
        t->chirp[k] = unit_root(square, 2 * n);
        const complex_number conjugate = {t->chirp[k].re, -t->chirp[k].im};
        t->filter[k] = conjugate;
        if (k > 0) t->filter[t->m - k] = conjugate;
        square = (square + 2 * k + 1) % (2 * n);
    }
    transform_power(t, t->filter);
    return EP_OK;
}

static void run_chirp(const transform *t, complex_number *x)
{
    memset(t->work, 0, (size_t)t->m * sizeof *t->work);
    for (int64_t k = 0; k < t->n; k++) t->work[k] = multiply(x[k], t->chirp[k]);
    transform_power(t, t->work);
    /* back by a forward transform of conjugates */
    for (int64_t k = 0; k < t->m; k++) {
        const complex_number product = multiply(t->work[k], t->filter[k]);
        t->work[k] = (complex_number){product.re, -product.im};
    }
    transform_power(t, t->work);
    const double m = (double)t->m;
    for (int64_t k = 0; k < t->n; k++) {
        const complex_number sum = {t->work[k].re / m, -t->work[k].im / m};
        x[k] = multiply(sum, t->chirp[k]);
    }
}

/* In place. The inverse is that of conjugates, divided by n. */
static void run_transform(const transform *t, complex_number *x, bool inverse)
{
    for (int64_t k = 0; k < t->n && inverse; k++) x[k].im = -x[k].im;
    if (t->chirp) {
        run_chirp(t, x);
    } else {
        transform_power(t, x);
    }
    const double n = (double)t->n;
    for (int64_t k = 0; k < t->n && inverse; k++) {
        x[k] = (complex_number){x[k].re / n, -x[k].im / n};
    }
}

/* ---- DFT ----------------------------------------------------------------------------------- */

/* outer x length x inner elements of 1 or 2 parts. */
typedef struct lanes {
    int64_t outer, length, inner, parts;
    const double *data;
} lanes;

/* Elements of a signal, the last axis of which may hold real and imaginary part. */
static ep_status read_signal(const ep__call *call, const double **out, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    const void *wide;
    if (ep__wide(in->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(in, err);
    EP_TRY(ep__widened(call, in, &wide, err));
    *out = wide;
    return EP_OK;
}

static ep_status read_lanes(const ep__call *call, int *axis, lanes *l, ep_error *err)
{
    const ep_shape *shape = &ep__in(call, 0)->shape;
    const int last = shape->rank - 1;
    const bool early = call->node->opset < 20;
    int64_t wanted;
    EP_TRY(ep__int_value(call, 2, early ? ep_attr_int(call->node, "axis", 1) : -2, &wanted, err));
    EP_TRY(ep__front_axis(wanted, shape->rank, axis, err));
    EP_FAIL_IF(*axis == last || shape->dims[last] < 1 || shape->dims[last] > 2, err, EP_BAD_SHAPE,
               "its last axis must hold 1 or 2 parts, and not be transformed");
    *l = (lanes){.outer = ep__product(shape, 0, *axis),
                 .length = shape->dims[*axis],
                 .inner = ep__product(shape, *axis + 1, last),
                 .parts = shape->dims[last]};
    return read_signal(call, &l->data, err);
}

/* Signals are cut or filled with zeros to the length asked for. */
ep_status ep__kernel_DFT(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const bool inverse = ep_attr_int(call->node, "inverse", 0) != 0;
    const bool onesided = ep_attr_int(call->node, "onesided", 0) != 0;
    int axis;
    int64_t n;
    lanes l = {0};
    transform t;
    EP_TRY(read_lanes(call, &axis, &l, err));
    EP_TRY(ep__int_value(call, 1, l.length, &n, err));
    EP_FAIL_IF(inverse && onesided, err, EP_UNSUPPORTED, "an inverse transform of one side");
    const int64_t kept = onesided ? n / 2 + 1 : n;
    if (out->shape.rank != ep__in(call, 0)->shape.rank || out->shape.dims[axis] != kept ||
        (int64_t)out->n != l.outer * kept * l.inner * 2) {
        return ep__bad_out_shape(out, err);
    }
    if (out->n == 0) return EP_OK;
    EP_FAIL_IF(n < 1, err, EP_BAD_MODEL, "a transform of %lld", (long long)n);
    EP_TRY(make_transform(call, n, &t, err));
    complex_number *lane = EP_NEW(call->scratch, complex_number, (uint64_t)n);
    complex_number *results = EP_NEW(call->scratch, complex_number, out->n / 2);
    if (!lane || !results) return ep_fail_memory(err);
    for (int64_t i = 0; i < l.outer * l.inner; i++) {
        const int64_t o = i / l.inner, rest = i % l.inner;
        for (int64_t k = 0; k < n; k++) {
            const double *x = l.data + ((o * l.length + k) * l.inner + rest) * l.parts;
            const bool there = k < l.length;
            lane[k] = (complex_number){there ? x[0] : 0, there && l.parts == 2 ? x[1] : 0};
        }
        run_transform(&t, lane, inverse);
        for (int64_t k = 0; k < kept; k++) results[(o * kept + k) * l.inner + rest] = lane[k];
    }
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, results, out->n, false);
    return EP_OK;
}

/* ---- STFT ---------------------------------------------------------------------------------- */

/* The window as doubles, NULL when there is none, and the length of a frame. */
static ep_status read_frame(const ep__call *call, const double **window, int64_t *n, ep_error *err)
{
    const ep_array *given = ep__in(call, 2);
    *window = NULL;
    EP_TRY(ep__int_value(call, 3, given ? (int64_t)given->n : 0, n, err));
    EP_FAIL_IF(*n < 1, err, EP_BAD_MODEL, "a frame has %lld samples", (long long)*n);
    if (!given) return EP_OK;
    EP_FAIL_IF((int64_t)given->n != *n, err, EP_BAD_SHAPE,
               "a window of %llu samples for frames of %lld", (unsigned long long)given->n,
               (long long)*n);
    if (ep__wide(given->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(given, err);
    const void *wide;
    EP_TRY(ep__widened(call, given, &wide, err));
    *window = wide;
    return EP_OK;
}

ep_status ep__kernel_STFT(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const int64_t *d = in->shape.dims;
    const double *window, *signal = NULL;
    int64_t n, step;
    transform t;
    EP_FAIL_IF(in->shape.rank < 2 || in->shape.rank > 3, err, EP_BAD_SHAPE,
               "signals have rank %d, must have 2 or 3", in->shape.rank);
    const int64_t parts = in->shape.rank == 3 ? d[2] : 1;
    EP_FAIL_IF(parts < 1 || parts > 2, err, EP_BAD_SHAPE, "samples of %lld parts",
               (long long)parts);
    EP_TRY(read_signal(call, &signal, err));
    EP_TRY(ep__int_value(call, 1, 0, &step, err));
    EP_TRY(read_frame(call, &window, &n, err));
    EP_FAIL_IF(step < 1 || n > d[1], err, EP_BAD_MODEL,
               "frames of %lld every %lld do not fit %lld samples", (long long)n, (long long)step,
               (long long)d[1]);
    const int64_t frames = (d[1] - n) / step + 1;
    const int64_t kept = ep_attr_int(call->node, "onesided", 1) != 0 ? n / 2 + 1 : n;
    if ((int64_t)out->n != d[0] * frames * kept * 2) return ep__bad_out_shape(out, err);
    EP_TRY(make_transform(call, n, &t, err));
    complex_number *frame = EP_NEW(call->scratch, complex_number, (uint64_t)n);
    complex_number *results = EP_NEW(call->scratch, complex_number, out->n / 2), *to = results;
    if (!frame || !results) return ep_fail_memory(err);
    for (int64_t i = 0; i < d[0] * frames; i++, to += kept) {
        const double *x = signal + (i / frames * d[1] + i % frames * step) * parts;
        for (int64_t k = 0; k < n; k++) {
            const double w = window ? window[k] : 1;
            frame[k] = (complex_number){x[k * parts] * w, parts == 2 ? x[k * parts + 1] * w : 0};
        }
        run_transform(&t, frame, false);
        memcpy(to, frame, (size_t)kept * sizeof *to);
    }
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, results, out->n, false);
    return EP_OK;
}
