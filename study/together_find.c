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

/* Work of all simulations, and networks of all bounds, at most: a second or two. What was found
 * by then is the answer. */
static const uint64_t most_work = 16000000;

/* Whole networks are compared one by one up to so many; and so many sets of devices there are. */
enum { MOST_ROWS = 8 };

typedef struct finder {
    ep_together_options options; /* with the networks in the order of `space` */
    ep__space space;
    ep__judge judge;
    ep_arena *arena;
    uint32_t *best;      /* per network; valid when found */
    ep_score best_score; /* of a simulation that is not brief */
    ep_together_row *rows;
    uint64_t n_bounded; /* networks of all bounds while step by step */
    bool found, gave_up;
    ep_together *out;
} finder;

static bool gives_up(finder *f)
{
    f->gave_up |= f->judge.work + f->n_bounded > most_work;
    return f->gave_up;
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
    memcpy(f->best, way, f->space.n * sizeof *way);
    return EP_OK;
}

/* ---- all that can be listed ---------------------------------------------------------------- */

static ep_status try_all(finder *f, const ep__listed *all, uint32_t n, ep_error *err)
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
    const uint64_t n =
        i == k ? f->space.n_ways[i] : (uint64_t)f->space.n_ways[i] * f->space.n_ways[k];
    for (uint64_t p = 0; p < n && !gives_up(f); p++) {
        memcpy(way, f->best, f->space.n * sizeof *way);
        way[i] = (uint32_t)(p % f->space.n_ways[i]);
        if (i != k) way[k] = (uint32_t)(p / f->space.n_ways[i]);
        const ep_score bound = ep__judge_bound(&f->judge, way);
        f->n_bounded += f->space.n;
        if (isinf(bound.overload) || ep__score_compare(&bound, &f->best_score) >= 0) continue;
        ep_score brief;
        EP_TRY(try_placement(f, way, &brief, err));
    }
    return EP_OK;
}

static ep_status improve(finder *f, ep_error *err)
{
    uint32_t *way = EP_NEW(f->arena, uint32_t, f->space.n);
    if (!way) return ep_fail_memory(err);
    for (bool better = true; better && !gives_up(f);) {
        const ep_score before = f->best_score;
        for (uint32_t i = 0; i < f->space.n; i++) EP_TRY(improve_pair(f, i, i, way, err));
        better = ep__score_compare(&f->best_score, &before) < 0;
        for (uint32_t i = 0; i < f->space.n && !better; i++) {
            for (uint32_t k = i + 1; k < f->space.n && !better; k++) {
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
    uint32_t *way = EP_NEW(f->arena, uint32_t, f->space.n);
    if (!way) return ep_fail_memory(err);
    for (uint32_t i = 0; i < f->space.n; i++) {
        ep_score least = {.overload = INFINITY};
        uint32_t choice = 0;
        for (way[i] = 0; way[i] < f->space.n_ways[i]; way[i]++) {
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

/* ---- whole and in parts -------------------------------------------------------------------- */

/* Bits of the devices that a placement is on. */
static unsigned devices_of(const finder *f, const uint32_t *way)
{
    unsigned devices = 0;
    for (uint32_t i = 0; i < f->space.n; i++) {
        const ep_way *w = &f->options.networks[i].ways[way[i]];
        if (w->planned) devices |= 1u << w->device;
    }
    return devices;
}

/* Rows of the whole networks on one set of devices: of all placements if there are few, else of the
 * best among the likeliest. */
static ep_status compare(finder *f, const ep__listed *all, uint32_t n, unsigned devices,
                         ep_error *err)
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

static ep_status compare_whole(finder *f, const ep__listed *all, uint32_t n, ep_error *err)
{
    const unsigned all_devices = 1u << EP_GPU | 1u << EP_DLA0 | 1u << EP_DLA1;
    f->rows = EP_NEW(f->arena, ep_together_row, MOST_ROWS + 2);
    if (!f->rows) return ep_fail_memory(err);
    f->out->rows = f->rows;
    for (unsigned devices = 1; devices <= all_devices; devices++) {
        EP_TRY(compare(f, all, n, devices, err));
    }
    return measure_rows(f, err);
}

static ep_status place_whole(finder *f, ep_error *err)
{
    ep__listed *all;
    uint32_t n;
    ep__space_take(&f->space, true);
    EP_TRY(ep__space_list(&f->space, &f->judge, &all, &n, err));
    if (!all) return place_in_turn(f, err);
    EP_TRY(compare_whole(f, all, n, err));
    return try_all(f, all, n, err);
}

static bool has_kind(const finder *f, const uint32_t *way, ep_way_kind kind)
{
    bool any = false;
    for (uint32_t i = 0; i < f->space.n; i++) {
        any |= f->options.networks[i].ways[way[i]].kind == kind;
    }
    return any;
}

/* What cutting gives, in one order of DLA and GPU: one batch of each is simulated in no time. */
static ep_status compare_cut(finder *f, const ep__listed *all, uint32_t n, ep_way_kind kind,
                             ep_error *err)
{
    ep_together_row row = {0};
    for (uint32_t i = 0; i < n && !gives_up(f); i++) {
        if (!has_kind(f, all[i].way, kind)) continue;
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
    ep__listed *all;
    uint32_t n;
    ep__space_take(&f->space, false);
    EP_TRY(ep__space_list(&f->space, &f->judge, &all, &n, err));
    if (!all) return f->found ? improve(f, err) : EP_OK;
    f->out->n_placements = n;
    EP_TRY(try_all(f, all, n, err));
    f->out->is_exhaustive = !f->gave_up;
    if (f->options.goal != EP_GOAL_LATENCY || !f->rows) return EP_OK;
    EP_TRY(compare_cut(f, all, n, EP_WAY_TO, err));
    return compare_cut(f, all, n, EP_WAY_FROM, err);
}

static const uint32_t *as_the_caller_numbers(const finder *f, const uint32_t *way)
{
    uint32_t *out = EP_NEW(f->arena, uint32_t, f->space.n);
    for (uint32_t i = 0; out && i < f->space.n; i++) out[f->space.order[i]] = way[i];
    return out;
}

static ep_status simulate_best(finder *f, ep_error *err)
{
    ep_together *out = f->out;
    ep_lane *lanes = EP_NEW(f->arena, ep_lane, f->space.n);
    uint32_t *position = EP_NEW(f->arena, uint32_t, f->space.n);
    if (!lanes || !position) return ep_fail_memory(err);
    for (uint32_t i = 0; i < f->space.n; i++) position[f->space.order[i]] = i;
    uint32_t n = 0;
    for (uint32_t k = 0; k < f->space.n; k++) {
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

/* ---- all together -------------------------------------------------------------------------- */

static ep_status find(finder *f, ep_error *err)
{
    f->best = EP_NEW(f->arena, uint32_t, f->space.n);
    if (!f->best) return ep_fail_memory(err);
    EP_TRY(ep__judge_make(&f->judge, f->arena, err));
    EP_TRY(place_whole(f, err));
    EP_TRY(place_parts(f, err));
    EP_FAIL_IF(!f->found, err, EP_INFEASIBLE,
               "%s: the networks cannot run together: no room for their loadables, no memory, "
               "or a DLA core that the mode does not power",
               f->judge.point->mode->name);
    return simulate_best(f, err);
}

ep_status ep_together_find(const ep_together_options *options, const ep_point *point,
                           ep_arena *arena, ep_together *out, ep_error *err)
{
    assert(options->n_networks >= 1);
    *out = (ep_together){0};
    finder f = {.options = *options, .arena = arena, .out = out};
    EP_TRY(ep__space_make(options, point->dla_cores, arena, &f.space, err));
    f.options.networks = f.space.networks;
    f.judge = (ep__judge){.options = &f.options, .point = point, .scratch = ep_arena_new()};
    if (!f.judge.scratch) return ep_fail_memory(err);
    const ep_status status = find(&f, err);
    ep_arena_free(f.judge.scratch);
    return status;
}
