#include <assert.h>
#include <string.h>

#include "engine/kernels.h"

ep__walk ep__walk_over(const ep_shape *shape)
{
    ep__walk walk = {.rank = shape->rank};
    memcpy(walk.dims, shape->dims, (size_t)shape->rank * sizeof *walk.dims);
    return walk;
}

bool ep__walk_add(ep__walk *walk, const ep_shape *shape)
{
    assert(walk->arrays < EP__WALK_ARRAYS);
    const int lead = walk->rank - shape->rank;
    if (lead < 0) return false;
    int64_t *strides = walk->strides[walk->arrays++];
    int64_t dense[EP_MAX_RANK];
    ep__strides(shape, dense);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] != 1 && shape->dims[i] != walk->dims[lead + i]) return false;
        strides[lead + i] = shape->dims[i] == 1 ? 0 : dense[i];
    }
    return true;
}

static void move_dim(ep__walk *walk, int to, int from)
{
    walk->dims[to] = walk->dims[from];
    for (int k = 0; k < walk->arrays; k++) walk->strides[k][to] = walk->strides[k][from];
}

/* True when dimension `outer` steps over exactly one run of dimension `inner`, in every array. */
static bool evenly(const ep__walk *walk, int outer, int inner)
{
    for (int k = 0; k < walk->arrays; k++) {
        if (walk->strides[k][outer] != walk->strides[k][inner] * walk->dims[inner]) return false;
    }
    return true;
}

static void merge(ep__walk *walk)
{
    int kept = 0;
    for (int i = 0; i < walk->rank; i++) {
        if (walk->dims[i] == 1) continue;
        if (kept > 0 && evenly(walk, kept - 1, i)) {
            const int64_t outer = walk->dims[kept - 1];
            move_dim(walk, kept - 1, i);
            walk->dims[kept - 1] *= outer;
        } else {
            move_dim(walk, kept++, i);
        }
    }
    walk->rank = kept;
}

bool ep__walk_begin(ep__walk *walk)
{
    for (int i = 0; i < walk->rank; i++) {
        if (walk->dims[i] == 0) return false;
    }
    merge(walk);
    const int last = walk->rank - 1;
    walk->row = last < 0 ? 1 : walk->dims[last];
    for (int k = 0; k < walk->arrays; k++) walk->step[k] = last < 0 ? 0 : walk->strides[k][last];
    memset(walk->position, 0, sizeof walk->position);
    return true;
}

bool ep__walk_next(ep__walk *walk)
{
    for (int i = walk->rank - 2; i >= 0; i--) {
        const bool carry = ++walk->position[i] == walk->dims[i];
        for (int k = 0; k < walk->arrays; k++) {
            walk->at[k] += walk->strides[k][i] * (carry ? 1 - walk->dims[i] : 1);
        }
        if (!carry) return true;
        walk->position[i] = 0;
    }
    return false;
}

/* ---- copying ------------------------------------------------------------------------------- */

typedef struct bytes16 {
    uint64_t half[2];
} bytes16;

#define COPY_ROW(T)                                                                                \
    static void copy_row_##T(int64_t n, void *out, int64_t out_step, const void *in,               \
                             int64_t in_step)                                                      \
    {                                                                                              \
        T *to = out;                                                                               \
        const T *from = in;                                                                        \
        for (int64_t i = 0; i < n; i++) to[i * out_step] = from[i * in_step];                      \
    }
COPY_ROW(uint8_t)
COPY_ROW(uint16_t)
COPY_ROW(uint32_t)
COPY_ROW(uint64_t)
COPY_ROW(bytes16)

typedef void (*row_copier)(int64_t n, void *out, int64_t out_step, const void *in, int64_t in_step);

static row_copier copier_of(size_t size)
{
    switch (size) {
    case 1: return copy_row_uint8_t;
    case 2: return copy_row_uint16_t;
    case 4: return copy_row_uint32_t;
    case 8: return copy_row_uint64_t;
    default: assert(size == 16); return copy_row_bytes16;
    }
}

void ep__copy(ep__walk *walk, size_t size, void *out, const void *in)
{
    assert(walk->arrays == 2);
    const row_copier copy = copier_of(size);
    for (bool more = ep__walk_begin(walk); more; more = ep__walk_next(walk)) {
        char *to = (char *)out + walk->at[0] * (int64_t)size;
        const char *from = (const char *)in + walk->at[1] * (int64_t)size;
        if (walk->step[0] == 1 && walk->step[1] == 1) {
            memcpy(to, from, (size_t)walk->row * size);
        } else {
            copy(walk->row, to, walk->step[0], from, walk->step[1]);
        }
    }
}
