/* MaxRoiPool and RoiAlign: regions of interest of an image, each pooled to the same size. */
#include <math.h>
#include <string.h>

#include "engine/kernels.h"

typedef struct regions {
    const void *x;
    int64_t batch, channels, height, width; /* of x */
    int64_t out_height, out_width;
    const double *rois;     /* rows of `roi_step` */
    const int64_t *batches; /* RoiAlign: the item of each region */
    double spatial_scale, shift;
    int64_t sampling_ratio;
    bool least_one; /* regions are at least one pixel large */
    bool takes_max;
    ep_dtype dtype;
    void *out;
} regions;

static ep_status read_regions(const ep__call *call, int64_t row, regions *r, ep_error *err)
{
    const ep_array *x = ep__in(call, 0), *rois = ep__in(call, 1), *out = ep__out(call, 0);
    if (x->dtype != EP_DTYPE_FLOAT && x->dtype != EP_DTYPE_DOUBLE) return ep__bad_dtype(x, err);
    if (x->shape.rank != 4 || rois->shape.rank != 2 || rois->shape.dims[1] != row ||
        out->shape.rank != 4 || out->shape.dims[0] != rois->shape.dims[0] ||
        out->shape.dims[1] != x->shape.dims[1] || out->dtype != x->dtype) {
        return ep__bad_out_shape(out, err);
    }
    const int64_t *dims = x->shape.dims;
    *r = (regions){.x = x->data,
                   .batch = dims[0],
                   .channels = dims[1],
                   .height = dims[2],
                   .width = dims[3],
                   .out_height = out->shape.dims[2],
                   .out_width = out->shape.dims[3],
                   .dtype = x->dtype,
                   .out = out->data};
    r->spatial_scale = (double)ep_attr_float(call->node, "spatial_scale", 1);
    double *copy = EP_NEW(call->scratch, double, rois->n);
    if (!copy) return ep_fail_memory(err);
    if (ep__wide(rois->dtype) == EP_DTYPE_UNDEFINED) return ep__bad_dtype(rois, err);
    ep__convert(EP_DTYPE_DOUBLE, copy, rois->dtype, rois->data, rois->n, false);
    r->rois = copy;
    EP_FAIL_IF(out->n > 0 && (r->height == 0 || r->width == 0), err, EP_BAD_SHAPE,
               "the image has no pixels");
    return EP_OK;
}

static double pixel(const regions *r, int64_t plane, int64_t y, int64_t x)
{
    const int64_t at = (plane * r->height + y) * r->width + x;
    return r->dtype == EP_DTYPE_FLOAT ? (double)((const float *)r->x)[at]
                                      : ((const double *)r->x)[at];
}

static void store(const regions *r, int64_t at, double value)
{
    if (r->dtype == EP_DTYPE_FLOAT) {
        ((float *)r->out)[at] = (float)value;
    } else {
        ((double *)r->out)[at] = value;
    }
}

/* ---- MaxRoiPool ---------------------------------------------------------------------------- */

static int64_t clamp_to(double value, int64_t most)
{
    return !(value > 0) ? 0 : value >= (double)most ? most : (int64_t)value;
}

/* Rows or columns *begin .. *end - 1 of the image are pooled to `i` of `pieces`. */
static void bounds(double start, double stop, int64_t i, int64_t pieces, int64_t most,
                   int64_t *begin, int64_t *end)
{
    const double length = fmax(stop - start + 1, 1) / (double)pieces;
    *begin = clamp_to(floor((double)i * length) + start, most);
    *end = clamp_to(ceil((double)(i + 1) * length) + start, most);
}

static double max_within(const regions *r, int64_t plane, const double *roi, int64_t y, int64_t x)
{
    int64_t top, bottom, left, right;
    bounds(round(roi[2] * r->spatial_scale), round(roi[4] * r->spatial_scale), y, r->out_height,
           r->height, &top, &bottom);
    bounds(round(roi[1] * r->spatial_scale), round(roi[3] * r->spatial_scale), x, r->out_width,
           r->width, &left, &right);
    if (bottom <= top || right <= left) return 0;
    double max = -(double)INFINITY;
    for (int64_t row = top; row < bottom; row++) {
        for (int64_t column = left; column < right; column++) {
            max = fmax(max, pixel(r, plane, row, column));
        }
    }
    return max;
}

/* An output plane (a channel of a region) is a piece of work. */
static void max_planes(uint64_t begin, uint64_t end, void *context)
{
    const regions *r = context;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const double *roi = r->rois + i / r->channels * 5;
        const int64_t plane = (int64_t)roi[0] * r->channels + i % r->channels;
        int64_t to = i * r->out_height * r->out_width;
        for (int64_t y = 0; y < r->out_height; y++) {
            for (int64_t x = 0; x < r->out_width; x++) {
                store(r, to++, max_within(r, plane, roi, y, x));
            }
        }
    }
}

static ep_status bad_item(double item, int64_t batch, ep_error *err)
{
    return ep_fail(err, EP_BAD_MODEL, "a region is of item %g of a batch of %lld", item,
                   (long long)batch);
}

ep_status ep__kernel_MaxRoiPool(ep__call *call, ep_error *err)
{
    regions r;
    EP_TRY(read_regions(call, 5, &r, err));
    const int64_t n = ep__out(call, 0)->shape.dims[0];
    for (int64_t i = 0; i < n; i++) {
        const double item = r.rois[i * 5];
        if (!(item >= 0 && item < (double)r.batch)) return bad_item(item, r.batch, err);
    }
    if (ep__out(call, 0)->n > 0) {
        ep_parallel(call->threads, (uint64_t)(n * r.channels), 1, max_planes, &r);
    }
    return EP_OK;
}

/* ---- RoiAlign ------------------------------------------------------------------------------ */

/* A point between two rows (or columns): both, and what is between them. */
typedef struct between {
    int64_t low, high;
    double part;
} between;

static between between_of(double at, int64_t size)
{
    if (at < 0) at = 0;
    between b = {.low = clamp_to(at, size - 1)};
    b.high = b.low < size - 1 ? b.low + 1 : b.low;
    b.part = b.low < size - 1 ? at - (double)b.low : 0;
    return b;
}

/* The image at (y, x): mode avg sums the four pixels around it by their nearness, mode max takes
 * the greatest of those products. */
static double sample(const regions *r, int64_t plane, double y, double x)
{
    if (!(y >= -1 && y <= (double)r->height && x >= -1 && x <= (double)r->width)) return 0;
    const between v = between_of(y, r->height), h = between_of(x, r->width);
    const double parts[4] = {
        (1 - v.part) * (1 - h.part) * pixel(r, plane, v.low, h.low),
        (1 - v.part) * h.part * pixel(r, plane, v.low, h.high),
        v.part * (1 - h.part) * pixel(r, plane, v.high, h.low),
        v.part * h.part * pixel(r, plane, v.high, h.high),
    };
    if (r->takes_max) return fmax(fmax(parts[0], parts[1]), fmax(parts[2], parts[3]));
    return parts[0] + parts[1] + parts[2] + parts[3];
}

/* The most points along a side of a cell: far more than pixels of any image in a cell, and corners
 * may be anything. */
enum { MAX_POINTS = 1 << 12 };

/* Where a region's cells are, and the points sampled in each. */
typedef struct cells {
    double top, left, height, width; /* of the region's corner; of a cell */
    int64_t rows, columns;           /* of points */
} cells;

static cells cells_of(const regions *r, const double *roi)
{
    cells c = {.top = roi[1] * r->spatial_scale - r->shift,
               .left = roi[0] * r->spatial_scale - r->shift};
    double height = roi[3] * r->spatial_scale - r->shift - c.top;
    double width = roi[2] * r->spatial_scale - r->shift - c.left;
    if (r->least_one) {
        height = fmax(height, 1);
        width = fmax(width, 1);
    }
    c.height = height / (double)r->out_height;
    c.width = width / (double)r->out_width;
    c.rows = r->sampling_ratio ? r->sampling_ratio : clamp_to(ceil(c.height), MAX_POINTS);
    c.columns = r->sampling_ratio ? r->sampling_ratio : clamp_to(ceil(c.width), MAX_POINTS);
    return c;
}

static double align(const regions *r, int64_t plane, const cells *c, int64_t row, int64_t column)
{
    double result = r->takes_max && c->rows * c->columns > 0 ? -(double)INFINITY : 0;
    for (int64_t i = 0; i < c->rows; i++) {
        const double y =
            c->top + (double)row * c->height + ((double)i + 0.5) * c->height / (double)c->rows;
        for (int64_t j = 0; j < c->columns; j++) {
            const double x = c->left + (double)column * c->width +
                             ((double)j + 0.5) * c->width / (double)c->columns;
            const double value = sample(r, plane, y, x);
            result = r->takes_max ? fmax(result, value) : result + value;
        }
    }
    const int64_t count = c->rows * c->columns;
    return r->takes_max || count == 0 ? result : result / (double)count;
}

static void align_planes(uint64_t begin, uint64_t end, void *context)
{
    const regions *r = context;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t region = i / r->channels;
        const cells c = cells_of(r, r->rois + region * 4);
        const int64_t plane = r->batches[region] * r->channels + i % r->channels;
        int64_t to = i * r->out_height * r->out_width;
        for (int64_t y = 0; y < r->out_height; y++) {
            for (int64_t x = 0; x < r->out_width; x++) store(r, to++, align(r, plane, &c, y, x));
        }
    }
}

ep_status ep__kernel_RoiAlign(ep__call *call, ep_error *err)
{
    const ep_array *batches = ep__in(call, 2);
    /* before opset 16 there is no such attribute, and regions are not shifted */
    const char *otherwise = call->node->opset < 16 ? "output_half_pixel" : "half_pixel";
    const char *mode = ep_attr_string(call->node, "coordinate_transformation_mode", otherwise);
    regions r;
    EP_TRY(read_regions(call, 4, &r, err));
    const bool half = strcmp(mode, "half_pixel") == 0;
    r.shift = half ? 0.5 : 0;
    r.least_one = !half;
    r.takes_max = strcmp(ep_attr_string(call->node, "mode", "avg"), "max") == 0;
    r.sampling_ratio = ep_attr_int(call->node, "sampling_ratio", 0);
    EP_FAIL_IF(r.sampling_ratio < 0 || r.sampling_ratio > MAX_POINTS, err, EP_BAD_MODEL,
               "'sampling_ratio' %lld is outside [0, %d]", (long long)r.sampling_ratio, MAX_POINTS);
    EP_TRY(ep__int_values(call, batches, &r.batches, err));
    const ep_array *out = ep__out(call, 0);
    if ((int64_t)batches->n != out->shape.dims[0]) return ep__bad_out_shape(out, err);
    for (uint64_t i = 0; i < batches->n; i++) {
        const bool exists = r.batches[i] >= 0 && r.batches[i] < r.batch;
        if (!exists) return bad_item((double)r.batches[i], r.batch, err);
    }
    if (out->n > 0) {
        ep_parallel(call->threads, batches->n * (uint64_t)r.channels, 1, align_planes, &r);
    }
    return EP_OK;
}
