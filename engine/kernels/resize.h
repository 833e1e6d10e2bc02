/* Private to the kernels: what Resize takes from where. */
#ifndef EP_ENGINE_KERNELS_RESIZE_H
#define EP_ENGINE_KERNELS_RESIZE_H

#include "engine/kernels.h"

typedef enum ep__resize_mode { EP__NEAREST, EP__LINEAR, EP__CUBIC } ep__resize_mode;

typedef struct ep__resize_options {
    ep__resize_mode mode;
    const char *coordinates, *rounding;
    bool legacy; /* Upsample, Resize 10: no attributes, a rounding of their own */
    bool antialias;
    bool exclude_outside;
    double cubic_a;
    double extrapolated; /* with tf_crop_and_resize, what lies outside */
    bool crop;
} ep__resize_options;

/* Every output element of an axis takes `taps` elements of the input's. */
typedef struct ep__resize_axis {
    int64_t in, out;
    double scale;
    double length;     /* output's, perhaps with a fraction */
    double start, end; /* region of interest, in parts of the axis */
    int64_t taps;
    int64_t *index; /* out x taps */
    double *weight; /* the same; not for nearest neighbours */
    bool *outside;  /* per output element: it lies outside of the input */
} ep__resize_axis;

bool ep__resize_knows(const char *coordinates);

/* Finds the taps, in scratch; the axis is said up to `end`, and not empty. */
ep_status ep__resize_taps(const ep__call *call, const ep__resize_options *o, ep__resize_axis *a,
                          ep_error *err);

#endif
