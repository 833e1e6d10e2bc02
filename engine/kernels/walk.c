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

/* Elements of all dimensions; UINT64_MAX when they are more. */
static uint64_t elements_of(const ep__walk *walk)
{
    uint64_t n = 1;
    for (int i = 0; i < walk->rank; i++) {
        if (walk->dims[i] == 0) return 0;
        if (ep_mul_overflows(n, (uint64_t)walk->dims[i], &n)) n = UINT64_MAX;
    }
    return n;
}

static int64_t row_length(const ep__walk *walk)
{
    return walk->rank > 0 ? walk->dims[walk->rank - 1] : 1;
}

/* Stands on element `begin` of a merged walk, to go up to `end` - 1. */
static void stand(ep__walk *walk, uint64_t begin, uint64_t end)
{
    const int last = walk->rank - 1;
    const int64_t length = row_length(walk);
    uint64_t row = begin / (uint64_t)length;
    memset(walk->position, 0, sizeof walk->position);
    for (int i = last - 1; i >= 0 && row > 0; i--) {
        walk->position[i] = (int64_t)(row % (uint64_t)walk->dims[i]);
        row /= (uint64_t)walk->dims[i];
        for (int k = 0; k < walk->arrays; k++) {
            walk->at[k] += walk->strides[k][i] * walk->position[i];
        }
    }
    walk->skipped = (int64_t)(begin % (uint64_t)length);
    for (int k = 0; k < walk->arrays; k++) {
        walk->step[k] = last < 0 ? 0 : walk->strides[k][last];
        walk->at[k] += walk->skipped * walk->step[k];
    }
    walk->row = (int64_t)ep_min_u64((uint64_t)(length - walk->skipped), end - begin);
    walk->left = end - begin - (uint64_t)walk->row;
}

bool ep__walk_begin(ep__walk *walk)
{
    const uint64_t n = elements_of(walk);
    if (n == 0) return false;
    merge(walk);
    stand(walk, 0, n);
    return true;
}

bool ep__walk_next(ep__walk *walk)
{
    if (walk->left == 0) return false;
    for (int k = 0; k < walk->arrays && walk->skipped > 0; k++) {
        walk->at[k] -= walk->skipped * walk->step[k];
    }
    walk->skipped = 0;
    for (int i = walk->rank - 2; i >= 0; i--) {
        const bool carry = ++walk->position[i] == walk->dims[i];
        for (int k = 0; k < walk->arrays; k++) {
            walk->at[k] += walk->strides[k][i] * (carry ? 1 - walk->dims[i] : 1);
        }
        if (!carry) break;
        walk->position[i] = 0;
    }
    walk->row = (int64_t)ep_min_u64((uint64_t)row_length(walk), walk->left);
    walk->left -= (uint64_t)walk->row;
    return true;
}

typedef struct pieces {
    const ep__walk *walk; /* merged */
    ep__walk_body body;
    const void *context;
} pieces;

static void run_piece(uint64_t begin, uint64_t end, void *context)
{
    const pieces *p = context;
    ep__walk walk = *p->walk;
    stand(&walk, begin, end);
    p->body(&walk, p->context);
}

void ep__walk_pieces(uint32_t threads, const ep__walk *walk, ep__walk_body body,
                     const void *context)
{
    const uint64_t n = elements_of(walk);
    ep__walk merged = *walk;
    if (n == 0) return;
    merge(&merged);
    const pieces p = {.walk = &merged, .body = body, .context = context};
    ep_parallel(threads, n, EP__PIECE, run_piece, (void *)(uintptr_t)&p);
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

typedef struct copy {
    const ep__walk *walk;
    row_copier copier;
    size_t size;
    char *out;
    const char *in;
    int across; /* transposition: the dimension that `in` runs through evenly */
} copy;

static void copy_rows(ep__walk *piece, const void *context)
{
    const copy *c = context;
    do {
        char *to = c->out + piece->at[0] * (int64_t)c->size;
        const char *from = c->in + piece->at[1] * (int64_t)c->size;
        if (piece->step[0] == 1 && piece->step[1] == 1) {
            memcpy(to, from, (size_t)piece->row * c->size);
        } else {
            c->copier(piece->row, to, piece->step[0], from, piece->step[1]);
        }
    } while (ep__walk_next(piece));
}

/* ---- transposing --------------------------------------------------------------------------- */

/* Where rows of the output are columns of the input, tiles of both: each line of the cache that is
 * read is used up while it is there. */
enum { TILE = 32 };

/* The dimension that is to the input what the last is to the output; -1: there is none. */
static int dimension_across(const ep__walk *walk)
{
    const int last = walk->rank - 1;
    if (last < 1 || walk->strides[0][last] != 1 || walk->dims[last] < 4) return -1;
    if (walk->strides[1][last] == 1 || walk->strides[1][last] == 0) return -1;
    for (int i = 0; i < last; i++) {
        if (walk->strides[1][i] == 1 && walk->dims[i] >= 4) return i;
    }
    return -1;
}

/* Rows `begin` .. `end` - 1 of the dimension across, at one position of the others. */
static void transpose_rows(const copy *c, int64_t begin, int64_t end, char *out, const char *in)
{
    const ep__walk *w = c->walk;
    const int last = w->rank - 1;
    const int64_t size = (int64_t)c->size, columns = w->dims[last];
    const int64_t out_step = w->strides[0][c->across], in_step = w->strides[1][last];
    for (int64_t column = 0; column < columns; column += TILE) {
        const int64_t n = columns - column < TILE ? columns - column : TILE;
        for (int64_t row = begin; row < end; row++) {
            c->copier(n, out + (row * out_step + column) * size, 1,
                      in + (row + column * in_step) * size, in_step);
        }
    }
}

/* A piece: TILE rows of the dimension across, at one position of the others. */
static void transpose_pieces(uint64_t begin, uint64_t end, void *context)
{
    const copy *c = context;
    const ep__walk *w = c->walk;
    const int64_t rows = w->dims[c->across];
    const uint64_t tiles = ep_div_up((uint64_t)rows, TILE);
    for (uint64_t i = begin; i < end; i++) {
        const int64_t row = (int64_t)(i % tiles) * TILE;
        int64_t rest = (int64_t)(i / tiles), at[2] = {w->at[0], w->at[1]};
        for (int d = w->rank - 2; d >= 0; d--) {
            if (d == c->across) continue;
            for (int k = 0; k < 2; k++) at[k] += rest % w->dims[d] * w->strides[k][d];
            rest /= w->dims[d];
        }
        transpose_rows(c, row, rows - row < TILE ? rows : row + TILE,
                       c->out + at[0] * (int64_t)c->size, c->in + at[1] * (int64_t)c->size);
    }
}

void ep__copy(uint32_t threads, const ep__walk *walk, size_t size, void *out, const void *in)
{
    assert(walk->arrays == 2);
    ep__walk merged = *walk;
    if (elements_of(walk) == 0) return;
    merge(&merged);
    copy c = {.walk = &merged, .copier = copier_of(size), .size = size, .out = out, .in = in};
    c.across = dimension_across(&merged);
    if (c.across < 0) {
        ep__walk_pieces(threads, &merged, copy_rows, &c);
        return;
    }
    const uint64_t tile = TILE * (uint64_t)merged.dims[merged.rank - 1];
    uint64_t tiles = ep_div_up((uint64_t)merged.dims[c.across], TILE);
    for (int i = 0; i < merged.rank - 1; i++) {
        if (i != c.across) tiles *= (uint64_t)merged.dims[i];
    }
    ep_parallel(threads, tiles, EP__PIECE / tile + 1, transpose_pieces, &c);
}

void ep__fill(void *out, uint64_t n, const void *element, size_t size)
{
    const size_t all = (size_t)n * size;
    if (all == 0) return;
    memcpy(out, element, size);
    for (size_t done = size; done < all;) { /* what is there doubles */
        const size_t more = done < all - done ? done : all - done;
        memcpy((char *)out + done, out, more);
        done += more;
    }
}
