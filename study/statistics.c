#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "study/study_internal.h"

/* A row of a group and what it is sorted by. */
typedef struct item {
    double key;
    uint32_t row;
} item;

/* Room for the largest group. */
typedef struct scratch {
    item *items;
    double *predicted_rank, *measured_rank; /* per row of the validation; of predicted rows */
} scratch;

static ep_status scratch_new(uint32_t n_rows, scratch *out, ep_error *err)
{
    const size_t n = (size_t)n_rows + 1; /* calloc may answer NULL to a size of 0 */
    *out = (scratch){
        .items = calloc(n, sizeof *out->items),
        .predicted_rank = calloc(n, sizeof *out->predicted_rank),
        .measured_rank = calloc(n, sizeof *out->measured_rank),
    };
    const bool complete = out->items && out->predicted_rank && out->measured_rank;
    return complete ? EP_OK : ep_fail_memory(err);
}

static void scratch_free(scratch *room)
{
    free(room->items);
    free(room->predicted_rank);
    free(room->measured_rank);
}

/* By key, equal ones as in the file. */
static int ascending(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static int descending(const void *left, const void *right)
{
    const item *a = left, *b = right;
    if (a->key != b->key) return a->key > b->key ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* ---- errors -------------------------------------------------------------------------------- */

/* Of |errors|, the largest first; n > 0. */
static double median(const item *items, uint32_t n)
{
    const double upper = items[(n - 1) / 2].key, lower = items[n / 2].key;
    return n % 2 ? upper : lower + (upper - lower) / 2;
}

static double percentile_90(const item *items, uint32_t n)
{
    const uint64_t rank = ep_div_up(9 * (uint64_t)n, 10); /* 1: the smallest */
    return items[n - rank].key;
}

/* Takes predicted rows in the order of the file and leaves them with the worst first. */
static void summarise_errors(const ep_prediction *predictions, item *items,
                             ep_validation_group *group)
{
    const uint32_t n = group->predicted;
    double sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double error = predictions[items[i].row].error_pct;
        assert(!isnan(error));
        sum += error;
        items[i].key = fabs(error);
    }
    qsort(items, n, sizeof *items, descending);
    group->median_abs_pct = median(items, n);
    group->p90_abs_pct = percentile_90(items, n);
    group->bias_pct = sum / n;
}

/* ---- rank correlation ---------------------------------------------------------------------- */

/* Writes the rank of each item's row, 1 for the smallest key; equal keys share their mean rank. */
static void rank(item *items, uint32_t n, double *rank_of_row)
{
    qsort(items, n, sizeof *items, ascending);
    for (uint32_t first = 0, next; first < n; first = next) {
        for (next = first + 1; next < n && items[next].key == items[first].key;) next++;
        const double shared = ((double)first + 1 + next) / 2;
        for (uint32_t i = first; i < next; i++) rank_of_row[items[i].row] = shared;
    }
}

/* Pearson's correlation of the ranks. The formula of squared differences holds without ties only.
 */
static double spearman(const ep_validation *validation, const scratch *room, uint32_t n)
{
    if (n < 3) return NAN;
    item *items = room->items;
    for (uint32_t i = 0; i < n; i++) items[i].key = validation->predictions[items[i].row].value;
    rank(items, n, room->predicted_rank);
    for (uint32_t i = 0; i < n; i++) items[i].key = validation->rows[items[i].row].value;
    rank(items, n, room->measured_rank);

    const double mean = ((double)n + 1) / 2;
    double both = 0, predicted = 0, measured = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double p = room->predicted_rank[items[i].row] - mean;
        const double m = room->measured_rank[items[i].row] - mean;
        both += p * m;
        predicted += p * p;
        measured += m * m;
    }
    if (predicted == 0 || measured == 0) return NAN;
    return both / sqrt(predicted * measured);
}

/* ---- groups -------------------------------------------------------------------------------- */

/* Writes the group of each row; groups are numbered in the order of their first rows. */
static ep_status number_groups(const ep_validation *validation, uint32_t *group_of, uint32_t *n,
                               ep_error *err)
{
    ep_names *numbers = ep_names_new();
    ep_status status = numbers ? EP_OK : ep_fail_memory(err);
    *n = 0;
    for (uint32_t r = 0; status == EP_OK && r < validation->n_rows; r++) {
        const char *name = validation->rows[r].group;
        group_of[r] = ep_names_get(numbers, name);
        if (group_of[r] != EP_NO_INDEX) continue;
        group_of[r] = (*n)++;
        status = ep_names_put(numbers, name, group_of[r], err);
    }
    ep_names_free(numbers);
    return status;
}

/* Names, counts and members. */
static ep_status fill_groups(const ep_validation *validation, const uint32_t *group_of,
                             ep_validation_group *groups, uint32_t n_groups, ep_error *err)
{
    const uint32_t n_rows = validation->n_rows;
    uint32_t *members = EP_NEW(validation->arena, uint32_t, n_rows);
    uint32_t *ends = EP_NEW(validation->arena, uint32_t, n_groups);
    if (!members || !ends) return ep_fail_memory(err);
    for (uint32_t r = 0; r < n_rows; r++) {
        ep_validation_group *group = &groups[group_of[r]];
        group->name = validation->rows[r].group;
        group->rows++;
        group->predicted += !validation->predictions[r].skipped;
    }
    for (uint32_t g = 0, start = 0; g < n_groups; g++) {
        groups[g].members = members + start;
        ends[g] = start;
        start += groups[g].rows;
    }
    for (uint32_t r = 0; r < n_rows; r++) members[ends[group_of[r]]++] = r;
    return EP_OK;
}

static ep_status summarise_group(const ep_validation *validation, ep_validation_group *group,
                                 const scratch *room, ep_error *err)
{
    group->median_abs_pct = group->p90_abs_pct = group->bias_pct = group->spearman = NAN;
    uint32_t *worst = EP_NEW(validation->arena, uint32_t, group->predicted);
    if (!worst) return ep_fail_memory(err);
    group->worst = worst;
    if (group->predicted == 0) return EP_OK;
    uint32_t n = 0;
    for (uint32_t m = 0; m < group->rows; m++) {
        const uint32_t row = group->members[m];
        if (!validation->predictions[row].skipped) room->items[n++].row = row;
    }
    assert(n == group->predicted);
    summarise_errors(validation->predictions, room->items, group);
    for (uint32_t i = 0; i < n; i++) worst[i] = room->items[i].row;
    group->spearman = spearman(validation, room, n);
    return EP_OK;
}

ep_status ep_validation_summarise(ep_validation *validation, ep_error *err)
{
    uint32_t *group_of = EP_NEW(validation->arena, uint32_t, validation->n_rows);
    if (!group_of) return ep_fail_memory(err);
    uint32_t n_groups;
    EP_TRY(number_groups(validation, group_of, &n_groups, err));
    ep_validation_group *groups = EP_NEW(validation->arena, ep_validation_group, n_groups);
    if (!groups) return ep_fail_memory(err);
    EP_TRY(fill_groups(validation, group_of, groups, n_groups, err));

    scratch room;
    ep_status status = scratch_new(validation->n_rows, &room, err);
    for (uint32_t g = 0; status == EP_OK && g < n_groups; g++) {
        status = summarise_group(validation, &groups[g], &room, err);
    }
    scratch_free(&room);
    validation->n_groups = n_groups;
    validation->groups = groups;
    return status;
}
