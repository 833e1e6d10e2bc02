/* What goes with spectra: windows and MelWeightMatrix; in double. */
#include <math.h>

#include "engine/kernels.h"

#define PI 3.14159265358979323846

/* ---- windows ------------------------------------------------------------------------------- */

/* a0 - a1 cos(x) + a2 cos(2 x), x from 0 to 2 pi, which is the last element's or, of a periodic
 * window, that of the next after it. */
static ep_status cosine_window(ep__call *call, double a0, double a1, double a2, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    const bool periodic = ep_attr_int(call->node, "periodic", 1) != 0;
    int64_t n;
    EP_TRY(ep__int_value(call, 0, 0, &n, err));
    if ((int64_t)out->n != n) return ep__bad_out_shape(out, err);
    if (ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(out, err);
    double *values = EP_NEW(call->scratch, double, out->n);
    if (!values) return ep_fail_memory(err);
    const double period = periodic || n == 1 ? (double)n : (double)(n - 1);
    for (int64_t k = 0; k < n; k++) {
        const double x = 2 * PI * (double)k / period;
        values[k] = a0 - a1 * cos(x) + a2 * cos(2 * x);
    }
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, values, out->n, false);
    return EP_OK;
}

ep_status ep__kernel_HannWindow(ep__call *call, ep_error *err)
{
    return cosine_window(call, 0.5, 0.5, 0, err);
}

ep_status ep__kernel_HammingWindow(ep__call *call, ep_error *err)
{
    return cosine_window(call, 25.0 / 46, 21.0 / 46, 0, err);
}

ep_status ep__kernel_BlackmanWindow(ep__call *call, ep_error *err)
{
    return cosine_window(call, 0.42, 0.5, 0.08, err);
}

/* ---- MelWeightMatrix ----------------------------------------------------------------------- */

static double mel_of(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

/* The bin of the spectrum at edge `i` of the triangles, which are evenly spaced in mel; -1 when
 * there is none. */
static int64_t mel_edge(double low, double step, int64_t i, int64_t length, int64_t rate,
                        int64_t spectrum)
{
    const double hertz = 700 * (pow(10, (low + (double)i * step) / 2595) - 1);
    const double bin = floor((double)(length + 1) * hertz / (double)rate);
    return bin >= 0 && bin < (double)spectrum ? (int64_t)bin : -1;
}

/* Column i rises from edge i to edge i + 1 and falls to edge i + 2. */
ep_status ep__kernel_MelWeightMatrix(ep__call *call, ep_error *err)
{
    ep_array *out = ep__out(call, 0);
    int64_t bins, length, rate;
    EP_TRY(ep__int_value(call, 0, 0, &bins, err));
    EP_TRY(ep__int_value(call, 1, 0, &length, err));
    EP_TRY(ep__int_value(call, 2, 0, &rate, err));
    for (uint32_t i = 3; i < 5; i++) {
        const ep_array *edge = ep__in(call, i);
        EP_FAIL_IF(edge->n != 1 || ep__wide(edge->dtype) != EP_DTYPE_DOUBLE, err, EP_BAD_MODEL,
                   "input %u must be one number", i);
    }
    EP_FAIL_IF(rate < 1 || length < 0 || length > INT64_MAX / 2 || bins < 0, err, EP_BAD_MODEL,
               "a sample rate of %lld, %lld samples, %lld bins", (long long)rate, (long long)length,
               (long long)bins);
    const int64_t spectrum = length / 2 + 1;
    if (out->shape.rank != 2 || out->shape.dims[0] != spectrum || out->shape.dims[1] != bins ||
        ep__wide(out->dtype) == EP_DTYPE_UNDEFINED) {
        return ep__bad_out_shape(out, err);
    }
    double *weights = EP_NEW(call->scratch, double, out->n);
    if (!weights) return ep_fail_memory(err);
    const double low = mel_of(ep__first(ep__in(call, 3)));
    const double step = (mel_of(ep__first(ep__in(call, 4))) - low) / (double)(bins + 2);
    for (int64_t i = 0; i < bins; i++) {
        int64_t edge[3];
        for (int k = 0; k < 3; k++) {
            edge[k] = mel_edge(low, step, i + k, length, rate, spectrum);
            EP_FAIL_IF(edge[k] < 0, err, EP_BAD_MODEL,
                       "edge %lld lies outside of the spectrum's %lld bins", (long long)(i + k),
                       (long long)spectrum);
        }
        const double rise = (double)(edge[1] - edge[0]), fall = (double)(edge[2] - edge[1]);
        for (int64_t j = edge[0]; j <= edge[1]; j++) {
            weights[j * bins + i] = rise > 0 ? (double)(j - edge[0]) / rise : 1;
        }
        for (int64_t j = edge[1]; j < edge[2]; j++) {
            weights[j * bins + i] = (double)(edge[2] - j) / fall;
        }
    }
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, weights, out->n, false);
    return EP_OK;
}
