/* The best placement of several networks.
 *
 * A placement takes a way for each network. Each has a bound from below that costs nothing: what it
 * takes at zero load. Placements are simulated in the order of their bounds, until no bound is
 * better than the best that was simulated: so the answer is that of simulating them all. Where
 * there are too many to list, whole networks are placed so, and the answer is improved step by
 * step: one network after the other, and pairs, take another way while that is better.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/together.h"

/* Placements that are counted, and of these, without symmetric ones, that are listed, at most. */
static const double most_counted = 2e6;
enum { MOST_LISTED = 300000 };

/* Events of all simulations, at most: a second or two. What was found by then is the answer. */
static const uint64_t most_events = 16000000;

/* Whole networks are compared one by one up to so many; and so many sets of devices there are. */
enum { MOST_ROWS = 8 };

typedef struct finder {
    ep_together_options options; /* with the networks in an order that is not the caller's */
    uint32_t *order;             /* per network: as the caller numbers it */
    ep__judge judge;
    ep_arena *arena;
    uint32_t n;         /* networks */
    uint32_t *n_ways;   /* per network: ways that are looked at */
    uint32_t **partner; /* per network and way: the same plan on the other core */
    bool mirrors;       /* all of them have one */
    uint32_t *mirrored; /* room for a placement */
    uint32_t *best;     /* per network; valid when found */
    ep_together_row *rows;
    ep_score best_score; /* of a simulation that is not brief */
    bool found, gave_up;
    ep_together *out;
} finder;

typedef struct listed {
    ep_score bound;
    const uint32_t *way;
} listed;

static bool gives_up(finder *f)
{
    f->gave_up |= f->judge.n_events > most_events;
    return f->gave_up;
}

/* ---- symmetry ------------------------------------------------------------------------------ */

static bool is_alike(const ep_placed_network *a, const ep_placed_network *b)
{
    const ep_lane *x = &a->lane, *y = &b->lane;
    return a->ways == b->ways && x->in_flight == y->in_flight && x->fps == y->fps &&
           x->deadline_ns == y->deadline_ns && x->offset_ns == y->offset_ns;
}

static ep_status find_partners(finder *f, uint32_t i, ep_error *err)
{
    const ep_placed_network *network = &f->options.networks[i];
    f->partner[i] = EP_NEW(f->arena, uint32_t, network->n_ways);
    if (!f->partner[i]) return ep_fail_memory(err);
    for (uint32_t w = 0; w < network->n_ways; w++) {
        const ep_way *way = &network->ways[w];
        f->partner[i][w] = w;
        if (!ep_device_is_dla(way->device)) continue;
        for (uint32_t v = 0; v < network->n_ways; v++) {
            const ep_way *other = &network->ways[v];
            if (v != w && other->planned == way->planned && other->batch == way->batch) {
                f->partner[i][w] = v;
            }
        }
        f->mirrors &= f->partner[i][w] != w;
    }
    return EP_OK;
}

/* Puts the ways of networks that are alike, who are neighbours, in ascending order. */
static void sort_alike(const finder *f, uint32_t *way)
{
    const ep_placed_network *networks = f->options.networks;
    for (uint32_t i = 1; i < f->n; i++) {
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
static bool is_canonical(const finder *f, const uint32_t *way)
{
    const ep_placed_network *networks = f->options.networks;
    for (uint32_t i = 1; i < f->n; i++) {
        if (way[i] < way[i - 1] && is_alike(&networks[i], &networks[i - 1])) return false;
    }
    if (!f->mirrors) return true;
    for (uint32_t i = 0; i < f->n; i++) f->mirrored[i] = f->partner[i][way[i]];
    sort_alike(f, f->mirrored);
    for (uint32_t i = 0; i < f->n; i++) {
        if (way[i] != f->mirrored[i]) return way[i] < f->mirrored[i];
    }
    return true;
}

/* ---- one placement ------------------------------------------------------------------------- */

/* Simulates it; briefly, and when that is better than the best so far, at length. */
static ep_status try_placement(finder *f, const uint32_t *way, ep_score *brief, ep_error *err)
{
    EP_TRY(ep__judge_measure(&f->judge, way, true, brief, err));
    if (f->found && ep__score_compare(brief, &f->best_score) >= 0) return EP_OK;
    ep_score score = *brief;
    if (f->options.goal != EP_GOAL_LATENCY) {
        EP_TRY(ep__judge_measure(&f->judge, way, false, &score, err));
    }
    if (f->found && ep__score_compare(&score, &f->best_score) >= 0) return EP_OK;
    f->found = true;
    f->best_score = score;
    memcpy(f->best, way, f->n * sizeof *way);
    return EP_OK;
}

/* ---- all that can be listed ---------------------------------------------------------------- */

static double count_placements(const finder *f)
{
    double n = 1;
    for (uint32_t i = 0; i < f->n; i++) n *= f->n_ways[i];
    return n;
}

/* The next in the order of an odometer; false: that was the last. */
static bool advance(const finder *f, uint32_t *way)
{
    for (uint32_t i = f->n; i-- > 0;) {
        if (++way[i] < f->n_ways[i]) return true;
        way[i] = 0;
    }
    return false;
}

static int by_bound(const void *a, const void *b)
{
    const listed *x = a, *y = b;
    const int order = ep__score_compare(&x->bound, &y->bound);
    return order ? order : (x->way > y->way) - (x->way < y->way); /* in the order of listing */
}

/* Placements that can run, the best bound first. `*out` stays NULL when there are too many. */
static ep_status list(finder *f, listed **out, uint32_t *n, ep_error *err)
{
    *out = NULL;
    *n = 0;
    uint32_t *way = EP_NEW(f->arena, uint32_t, f->n);
    if (!way) return ep_fail_memory(err);
    if (count_placements(f) > most_counted) return EP_OK;
    uint64_t room = 0;
    do {
        room += is_canonical(f, way);
    } while (advance(f, way));
    if (room > MOST_LISTED) return EP_OK;
    uint32_t *ways = EP_NEW(f->arena, uint32_t, room * f->n);
    *out = EP_NEW(f->arena, listed, room);
    if (!ways || !*out) return ep_fail_memory(err);
    do {
        if (!is_canonical(f, way)) continue;
        const ep_score bound = ep__judge_bound(&f->judge, way);
        if (isinf(bound.overload)) continue;
        uint32_t *kept = ways + (uint64_t)*n * f->n;
        memcpy(kept, way, f->n * sizeof *way);
        (*out)[(*n)++] = (listed){bound, kept};
    } while (advance(f, way));
    qsort(*out, *n, sizeof **out, by_bound);
    return EP_OK;
}

static ep_status try_all(finder *f, const listed *all, uint32_t n, ep_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        if (f->found && ep__score_compare(&all[i].bound, &f->best_score) >= 0) return EP_OK;
        if (f->found && gives_up(f)) return EP_OK;
        ep_score brief;
        EP_TRY(try_placement(f, all[i].way, &brief, err));
    }
    return EP_OK;
}

/* ---- step by step -------------------------------------------------------------------------- */

/* Tries the best with other ways for networks i and k (which may be the same). */
static ep_status improve_pair(finder *f, uint32_t i, uint32_t k, uint32_t *way, ep_error *err)
{
    const uint64_t n = i == k ? f->n_ways[i] : (uint64_t)f->n_ways[i] * f->n_ways[k];
    for (uint64_t p = 0; p < n && !gives_up(f); p++) {
        memcpy(way, f->best, f->n * sizeof *way);
        way[i] = (uint32_t)(p % f->n_ways[i]);
        if (i != k) way[k] = (uint32_t)(p / f->n_ways[i]);
        const ep_score bound = ep__judge_bound(&f->judge, way);
        if (isinf(bound.overload) || ep__score_compare(&bound, &f->best_score) >= 0) continue;
        ep_score brief;
        EP_TRY(try_placement(f, way, &brief, err));
    }
    return EP_OK;
}

static ep_status improve(finder *f, ep_error *err)
{
    uint32_t *way = EP_NEW(f->arena, uint32_t, f->n);
    if (!way) return ep_fail_memory(err);
    for (bool better = true; better && !gives_up(f);) {
        const ep_score before = f->best_score;
        for (uint32_t i = 0; i < f->n; i++) EP_TRY(improve_pair(f, i, i, way, err));
        better = ep__score_compare(&f->best_score, &before) < 0;
        for (uint32_t i = 0; i < f->n && !better; i++) {
            for (uint32_t k = i + 1; k < f->n && !better; k++) {
                EP_TRY(improve_pair(f, i, k, way, err));
                better = ep__score_compare(&f->best_score, &before) < 0;
            }
        }
    }
    return EP_OK;
}

/* Networks take, one after the other, the whole way whose bound is best with those before; the
 * others still all on their first way. */
static ep_status place_in_turn(finder *f, ep_error *err)
{
    uint32_t *way = EP_NEW(f->arena, uint32_t, f->n);
    if (!way) return ep_fail_memory(err);
    for (uint32_t i = 0; i < f->n; i++) {
        ep_score least = {.overload = INFINITY};
        uint32_t choice = 0;
        for (way[i] = 0; way[i] < f->n_ways[i]; way[i]++) {
            const ep_score bound = ep__judge_bound(&f->judge, way);
            if (ep__score_compare(&bound, &least) >= 0) continue;
            least = bound;
            choice = way[i];
        }
        way[i] = choice;
    }
    if (isinf(ep__judge_bound(&f->judge, way).overload)) return EP_OK;
    ep_score brief;
    return try_placement(f, way, &brief, err);
}

/* ---- whole and in parts --------------------------------------------------------------------- */

static void take_ways(finder *f, bool whole)
{
    for (uint32_t i = 0; i < f->n; i++) {
        const ep_placed_network *network = &f->options.networks[i];
        uint32_t n = 1;
        while (n < network->n_ways && (!whole || network->ways[n].is_whole)) n++;
        f->n_ways[i] = n;
    }
}

/* Bits of the devices that a placement is on. */
static unsigned devices_of(const finder *f, const uint32_t *way)
{
    unsigned devices = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        const ep_way *w = &f->options.networks[i].ways[way[i]];
        if (w->planned) devices |= 1u << w->device;
    }
    return devices;
}

/* Rows of the whole networks on one set of devices: of all placements if there are few, else of the
 * best among the likeliest. */
static ep_status compare(finder *f, const listed *all, uint32_t n, unsigned devices, ep_error *err)
{
    enum { LIKELIEST = 12 };
    const bool few = n <= MOST_ROWS;
    ep_together_row *row = NULL;
    uint32_t tried = 0;
    for (uint32_t i = 0; i < n && (few || tried < LIKELIEST); i++) {
        if (devices_of(f, all[i].way) != devices) continue;
        if (!few && row && ep__score_compare(&all[i].bound, &row->score) >= 0) break;
        ep_score score;
        EP_TRY(try_placement(f, all[i].way, &score, err));
        tried++;
        if (!few && row && ep__score_compare(&score, &row->score) >= 0) continue;
        if (few || !row) row = &f->rows[f->out->n_rows++];
        *row = (ep_together_row){all[i].way, score};
    }
    return EP_OK;
}

/* As the best will be simulated, so that they compare. */
static ep_status measure_rows(finder *f, ep_error *err)
{
    for (uint32_t r = 0; r < f->out->n_rows; r++) {
        EP_TRY(ep__judge_measure(&f->judge, f->rows[r].way, false, &f->rows[r].score, err));
    }
    return EP_OK;
}

static ep_status compare_whole(finder *f, const listed *all, uint32_t n, ep_error *err)
{
    const unsigned all_devices = 1u << EP_GPU | 1u << EP_DLA0 | 1u << EP_DLA1;
    f->rows = EP_NEW(f->arena, ep_together_row, MOST_ROWS + 1);
    if (!f->rows) return ep_fail_memory(err);
    f->out->rows = f->rows;
    for (unsigned devices = 1; devices <= all_devices; devices++) {
        EP_TRY(compare(f, all, n, devices, err));
    }
    return measure_rows(f, err);
}

static ep_status place_whole(finder *f, ep_error *err)
{
    listed *all;
    uint32_t n;
    take_ways(f, true);
    EP_TRY(list(f, &all, &n, err));
    if (!all) return place_in_turn(f, err);
    EP_TRY(compare_whole(f, all, n, err));
    return try_all(f, all, n, err);
}

/* What cutting gives: one batch of each is simulated in no time. */
static ep_status compare_cut(finder *f, const listed *all, uint32_t n, ep_error *err)
{
    ep_together_row row = {0};
    for (uint32_t i = 0; i < n && !gives_up(f); i++) {
        if (all[i].bound.n_cut == 0) continue;
        if (row.way && ep__score_compare(&all[i].bound, &row.score) >= 0) break;
        ep_score score;
        EP_TRY(ep__judge_measure(&f->judge, all[i].way, true, &score, err));
        if (row.way && ep__score_compare(&score, &row.score) >= 0) continue;
        row = (ep_together_row){all[i].way, score};
    }
    if (row.way) f->rows[f->out->n_rows++] = row;
    return EP_OK;
}

static ep_status place_parts(finder *f, ep_error *err)
{
    listed *all;
    uint32_t n;
    take_ways(f, false);
    EP_TRY(list(f, &all, &n, err));
    if (!all) return f->found ? improve(f, err) : EP_OK;
    f->out->n_placements = n;
    EP_TRY(try_all(f, all, n, err));
    f->out->is_exhaustive = !f->gave_up;
    return f->options.goal == EP_GOAL_LATENCY && f->rows ? compare_cut(f, all, n, err) : EP_OK;
}

static const uint32_t *as_the_caller_numbers(const finder *f, const uint32_t *way)
{
    uint32_t *out = EP_NEW(f->arena, uint32_t, f->n);
    for (uint32_t i = 0; out && i < f->n; i++) out[f->order[i]] = way[i];
    return out;
}

static ep_status simulate_best(finder *f, ep_error *err)
{
    ep_together *out = f->out;
    ep_lane *lanes = EP_NEW(f->arena, ep_lane, f->n);
    uint32_t *position = EP_NEW(f->arena, uint32_t, f->n);
    if (!lanes || !position) return ep_fail_memory(err);
    for (uint32_t i = 0; i < f->n; i++) position[f->order[i]] = i;
    uint32_t n = 0;
    for (uint32_t k = 0; k < f->n; k++) {
        const uint32_t i = position[k];
        n += ep__judge_lane(&f->judge, i, f->best[i], &lanes[n]);
    }
    out->workload = ep__judge_workload(&f->judge, lanes, n);
    EP_TRY(ep_workload_simulate(&out->workload, f->judge.point, NULL, f->arena, &out->run, err));
    out->score = ep__judge_score(&f->judge, f->best, &out->workload, &out->run);
    (void)ep__judge_load(&f->judge, f->best, out->load_pct);
    for (int u = 0; u < EP_UNIT_COUNT; u++) out->load_pct[u] *= 100;
    out->n_simulated = f->judge.n_simulated;
    out->way = as_the_caller_numbers(f, f->best);
    bool complete = out->way;
    for (uint32_t r = 0; r < out->n_rows; r++) {
        f->rows[r].way = as_the_caller_numbers(f, f->rows[r].way);
        complete &= f->rows[r].way != NULL;
    }
    return complete ? EP_OK : ep_fail_memory(err);
}

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
static ep_status put_in_order(finder *f, const ep_together_options *options, ep_error *err)
{
    ep_placed_network *networks = EP_NEW(f->arena, ep_placed_network, f->n);
    const ep_placed_network **pointers = EP_NEW(f->arena, const ep_placed_network *, f->n);
    f->order = EP_NEW(f->arena, uint32_t, f->n);
    if (!networks || !pointers || !f->order) return ep_fail_memory(err);
    for (uint32_t i = 0; i < f->n; i++) pointers[i] = &options->networks[i];
    qsort(pointers, f->n, sizeof(const ep_placed_network *), by_content);
    for (uint32_t i = 0; i < f->n; i++) {
        networks[i] = *pointers[i];
        f->order[i] = (uint32_t)(pointers[i] - options->networks);
    }
    f->options.networks = networks;
    return EP_OK;
}

/* ---- all together -------------------------------------------------------------------------- */

static ep_status find(finder *f, const ep_together_options *options, ep_error *err)
{
    EP_TRY(put_in_order(f, options, err));
    f->n_ways = EP_NEW(f->arena, uint32_t, f->n);
    f->best = EP_NEW(f->arena, uint32_t, f->n);
    f->partner = EP_NEW(f->arena, uint32_t *, f->n);
    f->mirrored = EP_NEW(f->arena, uint32_t, f->n);
    if (!f->n_ways || !f->best || !f->partner || !f->mirrored) return ep_fail_memory(err);
    EP_TRY(ep__judge_make(&f->judge, f->arena, err));
    f->mirrors = f->judge.point->dla_cores > 1;
    for (uint32_t i = 0; i < f->n; i++) EP_TRY(find_partners(f, i, err));
    EP_TRY(place_whole(f, err));
    EP_TRY(place_parts(f, err));
    EP_FAIL_IF(!f->found, err, EP_INFEASIBLE,
               "%s: the networks cannot run together: no room for their loadables, or a DLA core "
               "that the mode does not power",
               f->judge.point->mode->name);
    return simulate_best(f, err);
}

ep_status ep_together_find(const ep_together_options *options, const ep_point *point,
                           ep_arena *arena, ep_together *out, ep_error *err)
{
    assert(options->n_networks >= 1);
    *out = (ep_together){0};
    finder f = {.options = *options, .arena = arena, .n = options->n_networks, .out = out};
    f.judge = (ep__judge){.options = &f.options, .point = point, .scratch = ep_arena_new()};
    if (!f.judge.scratch) return ep_fail_memory(err);
    const ep_status status = find(&f, options, err);
    ep_arena_free(f.judge.scratch);
    return status;
}
