#include <math.h>
#include <string.h>

#include "report/columns.h"
#include "report/validation.h"

/* ---- one group ----------------------------------------------------------------------------- */

/* What all rows of a group share is said once, in its heading. */
typedef struct shared {
    bool workload, machine, metric;
} shared;

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static shared shared_by(const ep_validation *validation, const ep_validation_group *group)
{
    shared same = {true, true, true};
    const ep_measurement *first = &validation->rows[group->members[0]];
    for (uint32_t m = 1; m < group->rows; m++) {
        const ep_measurement *row = &validation->rows[group->members[m]];
        if (!same_text(row->workload, first->workload)) same.workload = false;
        if (!same_text(row->hw, first->hw) || !same_text(row->mode, first->mode)) {
            same.machine = false;
        }
        if (row->metric != first->metric || !same_text(row->rail, first->rail)) {
            same.metric = false;
        }
    }
    return same;
}

static void append_metric(ep_text *out, const ep_measurement *row)
{
    ep_text_printf(out, "%s", ep_metric_name(row->metric));
    if (row->rail) ep_text_printf(out, ":%s", row->rail);
}

/* "h200-conv, h200-sxm MAXN, latency_ms: 448 rows, the worst 5" */
static void append_heading(const ep_validation *validation, const ep_validation_group *group,
                           shared same, uint32_t worst, unsigned width, ep_text *out)
{
    const ep_measurement *first = &validation->rows[group->members[0]];
    ep_text line = {0};
    ep_text_printf(&line, "%s", group->name);
    if (same.workload) ep_text_printf(&line, ", %s", first->workload);
    if (same.machine && *first->hw) {
        ep_text_printf(&line, ", ");
        ep__append_machine(&line, first);
    }
    if (same.metric) {
        ep_text_printf(&line, ", ");
        append_metric(&line, first);
    }
    ep_text_printf(&line, ": ");
    ep__append_plural(&line, group->rows, "row");
    if (worst && worst < group->predicted) ep_text_printf(&line, ", the worst %u", (unsigned)worst);
    ep__append_line(out, width, 2, &line);
}

static void append_row(ep__columns *table, const ep_measurement *row,
                       const ep_prediction *prediction, shared same)
{
    ep__cell(table, "%s", row->id);
    if (!same.workload) ep__cell(table, "%s", row->workload);
    if (!same.machine) {
        ep__append_machine(&table->cells, row);
        ep__cell(table, "%s", "");
    }
    if (!same.metric) {
        append_metric(&table->cells, row);
        ep__cell(table, "%s", "");
    }
    ep__cell(table, "%s", ep__round3(prediction->value).text);
    ep__cell(table, "%s", ep__round3(row->value).text);
    ep__cell(table, "%s", ep__signed1(prediction->error_pct).text);
}

static void add_column(ep__columns *table, ep__align align[], ep__align of_column,
                       const char *title)
{
    align[table->n++] = of_column;
    ep__cell(table, "%s", title);
}

/* All that is predicted, as in the file, or the worst. */
static void append_rows(const ep_validation *validation, const ep_validation_group *group,
                        shared same, uint32_t worst, unsigned width, ep_text *out)
{
    if (group->predicted == 0) return;
    enum { MOST_COLUMNS = 7 };
    ep__align align[MOST_COLUMNS];
    ep__columns table = {.align = align};
    add_column(&table, align, EP__NAME, "id");
    if (!same.workload) add_column(&table, align, EP__NAME, "workload");
    if (!same.machine) add_column(&table, align, EP__NAME, "machine");
    if (!same.metric) add_column(&table, align, EP__NAME, "metric");
    add_column(&table, align, EP__RIGHT, "predicted");
    add_column(&table, align, EP__RIGHT, "measured");
    add_column(&table, align, EP__RIGHT, "error %");

    const uint32_t *rows = worst ? group->worst : group->members;
    const uint32_t n = !worst ? group->rows : worst < group->predicted ? worst : group->predicted;
    for (uint32_t i = 0; i < n; i++) {
        const ep_prediction *prediction = &validation->predictions[rows[i]];
        if (prediction->skipped) continue;
        append_row(&table, &validation->rows[rows[i]], prediction, same);
    }
    ep__columns_end(&table, width, out);
}

/* "3 rows not predicted: REASON", and with `list` which. */
static ep_status append_skipped(const ep_validation *validation, uint32_t group, bool list,
                                unsigned width, ep_text *out, ep_error *err)
{
    ep__reasons reasons;
    const ep_status status = ep__reasons_of(validation, group, &reasons, err);
    for (uint32_t i = 0; status == EP_OK && i < reasons.n; i++) {
        const ep__reason *reason = &reasons.items[i];
        ep_text line = {0};
        ep__append_plural(&line, reason->n_rows, "row");
        ep_text_printf(&line, " not predicted: %s", reason->text);
        ep__append_line(out, width, 2, &line);
        if (!list) continue;
        for (uint32_t r = 0; r < reason->n_rows; r++) {
            ep_text_printf(&line, "%s%s", r ? ", " : "  ", validation->rows[reason->rows[r]].id);
        }
        ep__append_line(out, width, 0, &line);
    }
    ep__reasons_free(&reasons);
    return status;
}

/* ---- all groups ---------------------------------------------------------------------------- */

static void append_groups(const ep_validation *validation, unsigned width, ep_text *out)
{
    static const ep__align align[1 + EP__GROUP_FIGURES] = {
        EP__NAME, EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT};
    ep__columns table = {.n = 1 + EP__GROUP_FIGURES, .align = align};
    ep__cell(&table, "group");
    for (uint32_t f = 0; f < EP__GROUP_FIGURES; f++) ep__cell(&table, "%s", ep__group_title(f));
    for (uint32_t g = 0; g < validation->n_groups; g++) {
        ep__number figures[EP__GROUP_FIGURES];
        ep__group_figures(&validation->groups[g], figures);
        ep__cell(&table, "%s", validation->groups[g].name);
        for (uint32_t f = 0; f < EP__GROUP_FIGURES; f++) ep__cell(&table, "%s", figures[f].text);
    }
    ep__columns_end(&table, width, out);
}

/* "1067 rows, 1050 predicted, 17 not; 512 within 20 % of the measurement" */
static void append_total(const ep_validation *validation, unsigned width, ep_text *out)
{
    uint32_t predicted = 0, within = 0;
    for (uint32_t r = 0; r < validation->n_rows; r++) {
        const ep_prediction *prediction = &validation->predictions[r];
        if (prediction->skipped) continue;
        predicted++;
        within += fabs(prediction->error_pct) <= 20;
    }
    ep_text line = {0};
    ep__append_plural(&line, validation->n_rows, "row");
    ep_text_printf(&line, ", %u predicted, %u not; %u within 20 %% of the measurement",
                   (unsigned)predicted, (unsigned)(validation->n_rows - predicted),
                   (unsigned)within);
    ep__append_line(out, width, 2, &line);
}

ep_status ep_report_validation(const ep_validation *validation, uint32_t worst, unsigned width,
                               ep_text *out, ep_error *err)
{
    for (uint32_t g = 0; g < validation->n_groups; g++) {
        const ep_validation_group *group = &validation->groups[g];
        const shared same = shared_by(validation, group);
        append_heading(validation, group, same, worst, width, out);
        append_rows(validation, group, same, worst, width, out);
        EP_TRY(append_skipped(validation, g, worst == 0, width, out, err));
        ep_text_printf(out, "\n");
    }
    if (validation->n_groups) {
        append_groups(validation, width, out);
        ep_text_printf(out, "\n");
    }
    append_total(validation, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
