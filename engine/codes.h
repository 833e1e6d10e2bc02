/* Private to engine: numbers to codes, in loops that any compiler makes vector code of. */
#ifndef EP_ENGINE_CODES_H
#define EP_ENGINE_CODES_H

#include "engine/engine.h"

/* Rounds to even what lies within +-2^22: added to 1.5 * 2^23 its integer stands in the low bits,
 * rounded as the processor does, which is to even. Of rintf few compilers make vector code. */
static inline int32_t ep__round_even(float v)
{
    union {
        float f;
        int32_t i;
    } sum = {.f = v + 0x1.8p23f};
    return sum.i - 0x4B400000;
}

/* NaN gives `low`. */
static inline float ep__clampf(float v, float low, float high)
{
    v = v > low ? v : low;
    return v < high ? v : high;
}

/* The least code of INT8 or UINT8. */
static inline int32_t ep__least_code(ep_dtype dtype)
{
    return dtype == EP_DTYPE_INT8 ? INT8_MIN : 0;
}

#endif
