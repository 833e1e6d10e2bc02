/* All placements of several networks: those that are worth a look, in the order of their bounds. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/together.h"

/* Placements that are counted, and of these, without symmetric ones, that are listed, at most. */
static const double most_counted = 2e6;
enum { MOST_LISTED = 300000 };

/* ---- order --------------------------------------------------------------------------------- */

static int by_content(const void *a, const void *b)
{
    const ep_placed_network *x = *(const ep_placed_network *const *)a;
    const ep_placed_network *y = *(const ep_placed_network *const *)b;
    const double keys[][2] = {{x->lane.fps, y->lane.fps},
                              {x->lane.deadline_ns, y->lane.deadline_ns},
                              {x->lane.offset_ns, y->lane.offset_ns},
                              {x->lane.in_flight, y->lane.in_flight},
                              {x->n_ways, y->n_ways},
                              {(double)x->ways[0].batch, (double)y->ways[0].batch}};
    int order = strcmp(x->lane.name, y->lane.name);
    for (size_t k = 0; k < sizeof keys / sizeof *keys && order == 0; k++) {
        order = (keys[k][0] > keys[k][1]) - (keys[k][0] < keys[k][1]);
    }
    return order ? order : (x > y) - (x < y);
}

/* Of equally good placements the first found is the answer: it must not depend on who is named
 * first. */
static ep_status put_in_order(ep__space *s, const ep_together_options *options, ep_error *err)
{
    ep_placed_network *networks = EP_NEW(s->arena, ep_placed_network, s->n);
    const ep_placed_network **pointers = EP_NEW(s->arena, const ep_placed_network *, s->n);
    s->order = EP_NEW(s->arena, uint32_t, s->n);
    if (!networks || !pointers || !s->order) return ep_fail_memory(err);
    for (uint32_t i = 0; i < s->n; i++) pointers[i] = &options->networks[i];
    qsort(pointers, s->n, sizeof(const ep_placed_network *), by_content);
    for (uint32_t i = 0; i < s->n; i++) {
        networks[i] = *pointers[i];
        s->order[i] = (uint32_t)(pointers[i] - options->networks);
    }
    s->networks = networks;
    return EP_OK;
}

/* ---- symmetry ------------------------------------------------------------------------------ */

static bool is_alike(const ep_placed_network *a, const ep_placed_network *b)
{
    const ep_lane *x = &a->lane, *y = &b->lane;
    return a->ways == b->ways && x->in_flight == y->in_flight && x->fps == y->fps &&
           x->deadline_ns == y->deadline_ns && x->offset_ns == y->offset_ns;
}

static ep_status find_partners(ep__space *s, uint32_t i, ep_error *err)
{
    const ep_placed_network *network = &s->networks[i];
    s->partner[i] = EP_NEW(s->arena, uint32_t, network->n_ways);
    if (!s->partner[i]) return ep_fail_memory(err);
    for (uint32_t w = 0; w < network->n_ways; w++) {
        const ep_way *way = &network->ways[w];
        s->partner[i][w] = w;
        if (!ep_device_is_dla(way->device)) continue;
        for (uint32_t v = 0; v < network->n_ways; v++) {
            const ep_way *other = &network->ways[v];
            if (v != w && other->planned == way->planned && other->batch == way->batch) {
                s->partner[i][w] = v;
            }
        }
        s->mirrors &= s->partner[i][w] != w;
    }
    return EP_OK;
}

/* Puts the ways of networks that are alike, who are neighbours, in ascending order. */
static void sort_alike(const ep__space *s, uint32_t *way)
{
    const ep_placed_network *networks = s->networks;
    for (uint32_t i = 1; i < s->n; i++) {
        for (uint32_t k = i; k > 0 && way[k] < way[k - 1]; k--) {
            if (!is_alike(&networks[k], &networks[k - 1])) break;
            const uint32_t w = way[k];
            way[k] = way[k - 1];
            way[k - 1] = w;
        }
    }
}

/* Of placements that differ in which of equal networks, or which of the two cores, does what, one
 * is enough: the first in the order of their ways. */
static bool is_canonical(const ep__space *s, const uint32_t *way)
{
    const ep_placed_network *networks = s->networks;
    for (uint32_t i = 1; i < s->n; i++) {
        if (way[i] < way[i - 1] && is_alike(&networks[i], &networks[i - 1])) return false;
    }
    if (!s->mirrors) return true;
    for (uint32_t i = 0; i < s->n; i++) s->mirrored[i] = s->partner[i][way[i]];
    sort_alike(s, s->mirrored);
    for (uint32_t i = 0; i < s->n; i++) {
        if (way[i] != s->mirrored[i]) return way[i] < s->mirrored[i];
    }
    return true;
}

/* ---- all that can be listed ---------------------------------------------------------------- */

static double count_placements(const ep__space *s)
{
    double n = 1;
    for (uint32_t i = 0; i < s->n; i++) n *= s->n_ways[i];
    return n;
}

/* The next in the order of an odometer; false: that was the last. */
static bool advance(const ep__space *s, uint32_t *way)
{
    for (uint32_t i = s->n; i-- > 0;) {
        if (++way[i] < s->n_ways[i]) return true;
        way[i] = 0;
    }
    return false;
}

static int by_bound(const void *a, const void *b)
{
    const ep__listed *x = a, *y = b;
    const int order = ep__score_compare(&x->bound, &y->bound);
    return order ? order : (x->way > y->way) - (x->way < y->way); /* in the order of listing */
}

ep_status ep__space_list(ep__space *s, const ep__judge *judge, ep__listed **out, uint32_t *n,
                         ep_error *err)
{
    *out = NULL;
    *n = 0;
    uint32_t *way = EP_NEW(s->arena, uint32_t, s->n);
    if (!way) return ep_fail_memory(err);
    if (count_placements(s) > most_counted) return EP_OK;
    uint64_t room = 0;
    do {
        room += is_canonical(s, way);
    } while (advance(s, way));
    if (room > MOST_LISTED) return EP_OK;
    uint32_t *ways = EP_NEW(s->arena, uint32_t, room * s->n);
    *out = EP_NEW(s->arena, ep__listed, room);
    if (!ways || !*out) return ep_fail_memory(err);
    do {
        if (!is_canonical(s, way)) continue;
        const ep_score bound = ep__judge_bound(judge, way);
        if (isinf(bound.overload)) continue;
        uint32_t *kept = ways + (uint64_t)*n * s->n;
        memcpy(kept, way, s->n * sizeof *way);
        (*out)[(*n)++] = (ep__listed){bound, kept};
    } while (advance(s, way));
    qsort(*out, *n, sizeof **out, by_bound);
    return EP_OK;
}

void ep__space_take(ep__space *s, bool whole)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const ep_placed_network *network = &s->networks[i];
        uint32_t n = 1;
        while (n < network->n_ways && (!whole || network->ways[n].kind == EP_WAY_WHOLE)) n++;
        s->n_ways[i] = n;
    }
}

ep_status ep__space_make(const ep_together_options *options, int64_t dla_cores, ep_arena *arena,
                         ep__space *s, ep_error *err)
{
    *s = (ep__space){.arena = arena, .n = options->n_networks, .mirrors = dla_cores > 1};
    EP_TRY(put_in_order(s, options, err));
    s->n_ways = EP_NEW(arena, uint32_t, s->n);
    s->mirrored = EP_NEW(arena, uint32_t, s->n);
    s->partner = EP_NEW(arena, uint32_t *, s->n);
    if (!s->n_ways || !s->partner || !s->mirrored) return ep_fail_memory(err);
    for (uint32_t i = 0; i < s->n; i++) EP_TRY(find_partners(s, i, err));
    return EP_OK;
}
