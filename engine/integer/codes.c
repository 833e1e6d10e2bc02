/* What codes go through besides products. */
#include <math.h>
#include <string.h>

#include "engine/codes.h"
#include "engine/integer/integer.h"

enum { PIECE = 1 << 15 };

/* ---- recoding ------------------------------------------------------------------------------ */

int32_t ep__code_of(const ep__coding *coding, float number)
{
    const int32_t low = ep__least_code(coding->dtype), high = low + 255;
    const float scaled = rintf(number / coding->scale) + (float)coding->zero;
    return scaled > (float)low ? scaled < (float)high ? (int32_t)scaled : high : low;
}

typedef struct recoding {
    const ep__recoding *r;
    const uint8_t *a, *b;
    uint8_t *out;
} recoding;

/* The nodes' formulas in their order, each rounded to float. */
#define RECODE(name, A, B, two)                                                                    \
    EP_CLONES static void recode_##name(uint64_t begin, uint64_t end, const recoding *k)           \
    {                                                                                              \
        const ep__recoding *r = k->r;                                                              \
        const A *a = (const A *)k->a;                                                              \
        const B *b = (const B *)k->b;                                                              \
        uint8_t *out = k->out;                                                                     \
        const int32_t a_zero = r->from[0].zero, b_zero = r->from[1].zero, zero = r->to.zero;       \
        const float a_scale = r->from[0].scale, b_scale = r->from[1].scale, scale = r->to.scale;   \
        const float low = r->low, high = r->high;                                                  \
        const float first = (float)(ep__least_code(r->to.dtype) - zero), last = first + 255;       \
        (void)b, (void)b_zero, (void)b_scale;                                                      \
        for (uint64_t i = begin; i < end; i++) {                                                   \
            float v = (float)(a[i] - a_zero) * a_scale;                                            \
            if (two) {                                                                             \
                const float other = (float)(b[i] - b_zero) * b_scale;                              \
                v = v + other;                                                                     \
            }                                                                                      \
            v = ep__clampf(v, low, high) / scale;                                                  \
            out[i] = (uint8_t)(ep__round_even(ep__clampf(v, first, last)) + zero);                 \
        }                                                                                          \
    }
RECODE(s, int8_t, int8_t, false)
RECODE(u, uint8_t, uint8_t, false)
RECODE(ss, int8_t, int8_t, true)
RECODE(su, int8_t, uint8_t, true)
RECODE(us, uint8_t, int8_t, true)
RECODE(uu, uint8_t, uint8_t, true)

static void recode_piece(uint64_t begin, uint64_t end, void *context)
{
    const recoding *k = context;
    const bool a_signed = k->r->from[0].dtype == EP_DTYPE_INT8;
    const bool b_signed = k->r->from[1].dtype == EP_DTYPE_INT8;
    if (!k->b) {
        a_signed ? recode_s(begin, end, k) : recode_u(begin, end, k);
    } else if (a_signed) {
        b_signed ? recode_ss(begin, end, k) : recode_su(begin, end, k);
    } else {
        b_signed ? recode_us(begin, end, k) : recode_uu(begin, end, k);
    }
}

void ep__recode(uint32_t threads, const ep__recoding *r, const void *a, const void *b, uint64_t n,
                void *out)
{
    recoding k = {.r = r, .a = a, .b = b, .out = out};
    ep_parallel(threads, n, PIECE, recode_piece, &k);
}

bool ep__recodes_nothing(const ep__recoding *r)
{
    const ep__coding *from = &r->from[0], *to = &r->to;
    const bool same =
        from->dtype == to->dtype && from->zero == to->zero && from->scale == to->scale;
    const int32_t low = ep__least_code(to->dtype);
    return same && ep__code_of(to, r->low) <= low && ep__code_of(to, r->high) >= low + 255;
}

/* ---- poolings ------------------------------------------------------------------------------ */

typedef struct pooling {
    const ep__code_pool *p;
    const uint8_t *x;
    uint8_t *out;
} pooling;

/* The codes of the image under kernel element `k` at a stop; NULL beside it. */
static const uint8_t *under(const pooling *q, int64_t item, int64_t stop, int64_t k)
{
    const ep__window *w = &q->p->window;
    int64_t at[3];
    for (int i = 2; i >= 0; i--) {
        at[i] = stop % w->stops[i] * w->stride[i] + k % w->kernel[i] * w->dilation[i] - w->pad[i];
        if (at[i] < 0 || at[i] >= w->image[i]) return NULL;
        stop /= w->stops[i];
        k /= w->kernel[i];
    }
    const int64_t element = (at[0] * w->image[1] + at[1]) * w->image[2] + at[2];
    return q->x + (item * w->image_size + element) * q->p->channels;
}

#define MAX(T)                                                                                     \
    EP_CLONES static void max_##T(int64_t n, const uint8_t *x, uint8_t *out)                       \
    {                                                                                              \
        const T *from = (const T *)x;                                                              \
        T *to = (T *)out;                                                                          \
        for (int64_t i = 0; i < n; i++) to[i] = from[i] > to[i] ? from[i] : to[i];                 \
    }
MAX(int8_t)
MAX(uint8_t)

static void max_stops(uint64_t begin, uint64_t end, void *context)
{
    const pooling *q = context;
    const ep__code_pool *p = q->p;
    const bool is_signed = p->from.dtype == EP_DTYPE_INT8;
    for (uint64_t i = begin; i < end; i++) {
        const int64_t item = (int64_t)i / p->window.stops_size;
        const int64_t stop = (int64_t)i % p->window.stops_size;
        uint8_t *out = q->out + (int64_t)i * p->channels;
        memset(out, is_signed ? 0x80 : 0, (size_t)p->channels);
        for (int64_t k = 0; k < p->window.kernel_size; k++) {
            const uint8_t *x = under(q, item, stop, k);
            if (x) is_signed ? max_int8_t(p->channels, x, out) : max_uint8_t(p->channels, x, out);
        }
    }
}

#define SUM(T)                                                                                     \
    EP_CLONES static void sum_##T(int64_t n, const uint8_t *x, int32_t zero, int32_t *sums)        \
    {                                                                                              \
        const T *from = (const T *)x;                                                              \
        for (int64_t i = 0; i < n; i++) sums[i] += from[i] - zero;                                 \
    }
SUM(int8_t)
SUM(uint8_t)

static void average(const ep__code_pool *p, const int32_t *sums, int64_t n, int64_t count,
                    uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        const double mean = count > 0 ? (double)sums[i] / (double)count : 0;
        const float number = ep__clampf((float)(mean * (double)p->from.scale), p->low, p->high);
        out[i] = (uint8_t)ep__code_of(&p->to, number);
    }
}

static void average_stop(const pooling *q, int64_t item, int64_t stop, uint8_t *out)
{
    enum { CHANNELS = 256 };
    const ep__code_pool *p = q->p;
    const bool is_signed = p->from.dtype == EP_DTYPE_INT8;
    for (int64_t c = 0; c < p->channels; c += CHANNELS) {
        int32_t sums[CHANNELS] = {0};
        const int64_t n = p->channels - c < CHANNELS ? p->channels - c : CHANNELS;
        int64_t count = p->counts_pads ? p->window.kernel_size : 0;
        for (int64_t k = 0; k < p->window.kernel_size; k++) {
            const uint8_t *x = under(q, item, stop, k);
            if (!x) continue;
            if (!p->counts_pads) count++;
            is_signed ? sum_int8_t(n, x + c, p->from.zero, sums)
                      : sum_uint8_t(n, x + c, p->from.zero, sums);
        }
        average(p, sums, n, count, out + c);
    }
}

static void average_stops(uint64_t begin, uint64_t end, void *context)
{
    const pooling *q = context;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t stops = q->p->window.stops_size;
        average_stop(q, i / stops, i % stops, q->out + i * q->p->channels);
    }
}

static void pool(uint32_t threads, const ep__code_pool *p, const void *x, void *out,
                 ep_parallel_body body)
{
    pooling q = {.p = p, .x = x, .out = out};
    const uint64_t work = (uint64_t)(p->window.kernel_size * p->channels);
    ep_parallel(threads, (uint64_t)(p->batch * p->window.stops_size), PIECE / (work + 1) + 1, body,
                &q);
}

void ep__max_codes(uint32_t threads, const ep__code_pool *p, const void *x, void *out)
{
    pool(threads, p, x, out, max_stops);
}

void ep__average_codes(uint32_t threads, const ep__code_pool *p, const void *x, void *out)
{
    pool(threads, p, x, out, average_stops);
}

/* ---- layouts ------------------------------------------------------------------------------- */

typedef struct turn {
    int64_t channels, positions;
    size_t size;
    const char *in;
    char *out;
} turn;

/* Tiles of one item: POSITIONS positions of all channels. */
enum { POSITIONS = 64 };

#define TURN(T)                                                                                    \
    static void turn_##T(const turn *t, int64_t item, int64_t first, int64_t last)                 \
    {                                                                                              \
        const T *in = (const T *)t->in + item * t->channels * t->positions;                        \
        T *out = (T *)t->out + item * t->channels * t->positions;                                  \
        for (int64_t p = first; p < last; p++) {                                                   \
            for (int64_t c = 0; c < t->channels; c++) {                                            \
                out[p * t->channels + c] = in[c * t->positions + p];                               \
            }                                                                                      \
        }                                                                                          \
    }
TURN(uint8_t)
TURN(float)

static void turn_tiles(uint64_t begin, uint64_t end, void *context)
{
    const turn *t = context;
    const int64_t tiles = (t->positions - 1) / POSITIONS + 1;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const int64_t first = i % tiles * POSITIONS, end_at = first + POSITIONS;
        const int64_t last = end_at < t->positions ? end_at : t->positions;
        t->size == 1 ? turn_uint8_t(t, i / tiles, first, last)
                     : turn_float(t, i / tiles, first, last);
    }
}

void ep__channels_last(uint32_t threads, int64_t batch, int64_t channels, int64_t positions,
                       size_t size, const void *in, void *out)
{
    if (batch == 0 || channels == 0 || positions == 0) return;
    turn t = {.channels = channels, .positions = positions, .size = size, .in = in, .out = out};
    const int64_t tiles = (positions - 1) / POSITIONS + 1;
    const uint64_t each = (uint64_t)(POSITIONS * channels);
    ep_parallel(threads, (uint64_t)(batch * tiles), PIECE / each + 1, turn_tiles, &t);
}
