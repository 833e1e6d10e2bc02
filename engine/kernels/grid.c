/* AffineGrid and GridSample: points in planes and volumes, coordinates from -1 to 1, x first. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

/* ---- AffineGrid ---------------------------------------------------------------------------- */

/* Coordinate `k` of `n`: the outermost are the ends of the axis, or half a step within. */
static double position(int64_t k, int64_t n, bool align_corners)
{
    if (!align_corners) return (double)(2 * k + 1) / (double)n - 1;
    return n > 1 ? (double)(2 * k) / (double)(n - 1) - 1 : 0;
}

ep_status ep__kernel_AffineGrid(ep__call *call, ep_error *err)
{
    const ep_array *theta = ep__in(call, 0);
    ep_array *out = ep__out(call, 0);
    const bool align = ep_attr_int(call->node, "align_corners", 0) != 0;
    const int spatial = out->shape.rank - 2;
    const int64_t *dims = out->shape.dims;
    const void *wide;
    EP_FAIL_IF(spatial < 2 || spatial > 3 || dims[spatial + 1] != spatial ||
                   theta->n != (uint64_t)dims[0] * (uint64_t)(spatial * (spatial + 1)),
               err, EP_BAD_SHAPE, "its matrices do not fit the grid");
    if (ep__wide(theta->dtype) != EP_DTYPE_DOUBLE) return ep__bad_dtype(theta, err);
    EP_TRY(ep__widened(call, theta, &wide, err));
    double *points = EP_NEW(call->scratch, double, out->n), *to = points;
    if (!points) return ep_fail_memory(err);
    const int64_t per_image = ep__product(&out->shape, 1, spatial + 1);
    for (int64_t i = 0; out->n > 0 && i < dims[0] * per_image; i++) {
        double x[4];
        int64_t rest = i % per_image;
        for (int k = 0; k < spatial; k++) {
            const int64_t n = dims[spatial - k];
            x[k] = position(rest % n, n, align);
            rest /= n;
        }
        x[spatial] = 1;
        const double *m = (const double *)wide + i / per_image * spatial * (spatial + 1);
        for (int row = 0; row < spatial; row++) {
            double sum = 0;
            for (int k = 0; k <= spatial; k++) sum += *m++ * x[k];
            *to++ = sum;
        }
    }
    ep__convert(out->dtype, out->data, EP_DTYPE_DOUBLE, points, out->n, false);
    return EP_OK;
}

/* ---- GridSample ---------------------------------------------------------------------------- */

enum { MAX_SPATIAL = 3, MAX_TAPS = 64 /* cubic in a volume */ };

typedef enum mode { NEAREST, LINEAR, CUBIC } mode;
typedef enum padding { ZEROS, BORDER, REFLECTION } padding;

typedef struct sampling {
    const float *in, *grid;
    float *out;
    int spatial;
    int64_t channels, dims[MAX_SPATIAL]; /* of the input */
    int64_t plane, points;               /* elements of an input, an output channel */
    mode mode;
    padding padding;
    bool align_corners;
} sampling;

/* Where an output point comes from: elements of a channel and their weights. */
typedef struct taps {
    int count;
    int64_t at[MAX_TAPS];
    double weight[MAX_TAPS];
} taps;

/* x mirrored at both ends until it lies between. */
static double reflect(double x, double low, double high)
{
    const double range = high - low;
    if (!(range > 0)) return low;
    const double rest = fmod(fabs(x - low), 2 * range);
    return rest <= range ? low + rest : high - (rest - range);
}

/* A coordinate of the grid as one of the input's axis of `n` elements. */
static double locate(const sampling *s, double x, int64_t n)
{
    const double last = (double)(n - 1), far = (double)n + 4;
    const double low = s->align_corners ? 0 : -0.5, high = s->align_corners ? last : last + 0.5;
    double at = s->align_corners ? (x + 1) / 2 * last : ((x + 1) * (double)n - 1) / 2;
    if (!isfinite(at)) return -far; /* outside */
    if (s->mode != CUBIC && s->padding == BORDER) at = fmin(fmax(at, 0), last);
    if (s->mode != CUBIC && s->padding == REFLECTION) at = reflect(at, low, high);
    /* so far out that no tap lies inside: where exactly makes no difference, except to mirrors */
    return s->padding == REFLECTION ? fmin(fmax(at, -0x1p52), 0x1p52) : fmin(fmax(at, -far), far);
}

/* Element `k` of an axis; -1: a zero. */
static int64_t pad(const sampling *s, int64_t k, int64_t n)
{
    if (k >= 0 && k < n) return k;
    if (s->padding == ZEROS) return -1;
    if (s->padding == BORDER) return k < 0 ? 0 : n - 1;
    const double low = s->align_corners ? 0 : -0.5, high = (double)(n - 1) - low;
    const int64_t mirrored = (int64_t)reflect((double)k, low, high);
    return mirrored < n ? mirrored : n - 1;
}

static double cubic(double distance)
{
    const double a = -0.75, d = fabs(distance);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* Taps along one axis of `n` elements. */
static void axis_taps(const sampling *s, double x, int64_t n, taps *t)
{
    const double left = s->mode == NEAREST ? rint(x) : floor(x);
    const int64_t first = (int64_t)left - (s->mode == CUBIC);
    t->count = s->mode == NEAREST ? 1 : s->mode == LINEAR ? 2 : 4;
    for (int i = 0; i < t->count; i++) {
        const double d = fabs((double)(first + i) - x);
        t->at[i] = pad(s, first + i, n);
        t->weight[i] = s->mode == NEAREST ? 1 : s->mode == LINEAR ? 1 - d : cubic(d);
    }
}

/* All combinations of the taps along the axes, without those that are zeros. */
static void point_taps(const sampling *s, const float *coordinates, taps *all)
{
    all->count = 1;
    all->at[0] = 0;
    all->weight[0] = 1;
    for (int i = 0; i < s->spatial; i++) {
        taps axis, before;
        before.count = all->count;
        memcpy(before.at, all->at, (size_t)all->count * sizeof *all->at);
        memcpy(before.weight, all->weight, (size_t)all->count * sizeof *all->weight);
        axis_taps(s, locate(s, (double)coordinates[s->spatial - 1 - i], s->dims[i]), s->dims[i],
                  &axis);
        all->count = 0;
        for (int k = 0; k < before.count; k++) {
            for (int j = 0; j < axis.count; j++) {
                if (axis.at[j] < 0) continue;
                all->at[all->count] = before.at[k] * s->dims[i] + axis.at[j];
                all->weight[all->count++] = before.weight[k] * axis.weight[j];
            }
        }
    }
}

static void sample_points(uint64_t begin, uint64_t end, void *context)
{
    const sampling *s = context;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t image = i / s->points * s->channels;
        const float *in = s->in + image * s->plane;
        float *out = s->out + image * s->points + i % s->points;
        taps t;
        point_taps(s, s->grid + i * s->spatial, &t);
        for (int64_t c = 0; c < s->channels; c++) {
            double sum = 0;
            for (int k = 0; k < t.count; k++) sum += t.weight[k] * (double)in[t.at[k]];
            *out = (float)sum;
            in += s->plane;
            out += s->points;
        }
    }
}

static ep_status read_modes(const ep_node *node, sampling *s, ep_error *err)
{
    const char *how = ep_attr_string(node, "mode", "linear");
    const char *around = ep_attr_string(node, "padding_mode", "zeros");
    const bool linear = strcmp(how, "linear") == 0 || strcmp(how, "bilinear") == 0;
    const bool cubic_mode = strcmp(how, "cubic") == 0 || strcmp(how, "bicubic") == 0;
    EP_FAIL_IF(!linear && !cubic_mode && strcmp(how, "nearest") != 0, err, EP_BAD_MODEL,
               "mode '%s' is none of linear, nearest, cubic", how);
    s->mode = linear ? LINEAR : cubic_mode ? CUBIC : NEAREST;
    s->padding = strcmp(around, "border") == 0       ? BORDER
                 : strcmp(around, "reflection") == 0 ? REFLECTION
                                                     : ZEROS;
    EP_FAIL_IF(s->padding == ZEROS && strcmp(around, "zeros") != 0, err, EP_BAD_MODEL,
               "padding_mode '%s' is none of zeros, border, reflection", around);
    s->align_corners = ep_attr_int(node, "align_corners", 0) != 0;
    return EP_OK;
}

ep_status ep__kernel_GridSample(ep__call *call, ep_error *err)
{
    const ep_array *in = ep__in(call, 0), *grid = ep__in(call, 1);
    ep_array *out = ep__out(call, 0);
    const int rank = in->shape.rank, spatial = rank - 2;
    sampling s = {.in = in->data, .grid = grid->data, .out = out->data, .spatial = spatial};
    EP_TRY(read_modes(call->node, &s, err));
    if (in->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(in, err);
    if (grid->dtype != EP_DTYPE_FLOAT) return ep__bad_dtype(grid, err);
    EP_FAIL_IF(spatial < 1 || spatial > MAX_SPATIAL, err, EP_UNSUPPORTED,
               "%d spatial dimensions; 1 to 3 are supported", spatial);
    EP_FAIL_IF(grid->shape.rank != rank || grid->shape.dims[rank - 1] != spatial ||
                   grid->shape.dims[0] != in->shape.dims[0],
               err, EP_BAD_SHAPE, "the grid does not fit its input");
    s.channels = in->shape.dims[1];
    s.plane = ep__product(&in->shape, 2, rank);
    s.points = ep__product(&grid->shape, 1, rank - 1);
    if (out->dtype != EP_DTYPE_FLOAT ||
        out->n != (uint64_t)(in->shape.dims[0] * s.channels) * (uint64_t)s.points) {
        return ep__bad_out_shape(out, err);
    }
    if (out->n == 0) return EP_OK;
    EP_FAIL_IF(in->n == 0, err, EP_BAD_SHAPE, "there is nothing to sample");
    memcpy(s.dims, in->shape.dims + 2, (size_t)spatial * sizeof *s.dims);
    const uint64_t points = (uint64_t)in->shape.dims[0] * (uint64_t)s.points;
    ep_parallel(call->threads, points, ep__rows_a_piece(s.channels * 16), sample_points, &s);
    return EP_OK;
}
