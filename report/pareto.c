/* `plan --pareto`: what no other setting beats, and which to choose. */
#include <inttypes.h>
#include <stdlib.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/summary.h"
#include "report/sweep.h"

/* Index of the point to choose in the front; EP_NO_INDEX: none is. The best in limits takes the
 * least energy of those or is the fastest of them: another one as good in that may cover it. */
static uint32_t chosen_of(const ep_sweep_summary *s)
{
    const ep_sweep_point *choice = ep_report_sweep_choice(s);
    for (uint32_t i = 0; choice && i < s->n_front; i++) {
        const ep_sweep_point *p = &s->front[i];
        if (p->latency_ms <= choice->latency_ms && p->energy_mj <= choice->energy_mj &&
            p->power_w <= choice->power_w && p->throughput_ips >= choice->throughput_ips) {
            return i;
        }
    }
    return EP_NO_INDEX;
}

/* ---- the table ----------------------------------------------------------------------------- */

static void add_tag(ep_text *out, bool holds, const char *word)
{
    if (holds) ep_text_printf(out, "%s%s", out->length ? ", " : "", word);
}

/* What makes a point stand out: "choose, fastest". */
static void append_tags(const ep_sweep_summary *s, uint32_t i, uint32_t chosen, ep_text *out)
{
    const ep_sweep_point *p = &s->front[i];
    add_tag(out, i == chosen, "choose");
    add_tag(out, p->latency_ms == s->least_latency_ms, "fastest");
    add_tag(out, p->throughput_ips == s->most_fps, "most images/s");
    add_tag(out, p->energy_mj == s->frugal.energy_mj, "most frugal");
    add_tag(out, p->power_w == s->least_power_w, "least power");
}

/* As good in everything, or worse by less than people care. */
static bool is_like(const ep_sweep_point *a, const ep_sweep_point *b)
{
    static const double more = 1.05;
    return a->latency_ms <= more * b->latency_ms && a->energy_mj <= more * b->energy_mj &&
           a->power_w <= more * b->power_w && more * a->throughput_ips >= b->throughput_ips;
}

/* Marks those that stand out, and of the others each that is not like one before. */
static uint32_t mark_shown(const ep_sweep_summary *s, uint32_t chosen, bool *shown)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_front; i++) {
        ep_text tags = {0};
        append_tags(s, i, chosen, &tags);
        shown[i] = tags.length;
        n += shown[i];
        ep_text_free(&tags);
    }
    for (uint32_t i = 0; i < s->n_front; i++) {
        uint32_t k = 0;
        while (k < s->n_front && !(shown[k] && is_like(&s->front[k], &s->front[i]))) k++;
        if (k < s->n_front) continue;
        shown[i] = true;
        n++;
    }
    return n;
}

static void add_row(ep__columns *table, const ep_sweep_summary *s, uint32_t i, uint32_t chosen)
{
    const ep_sweep_point *p = &s->front[i];
    ep_text placement = {0}, tags = {0};
    ep__sweep_placement(p, &placement);
    append_tags(s, i, chosen, &tags);
    ep__cell(table, "%s", p->mode);
    ep__cell(table, "%s", ep_precision_choice_name(p->precision));
    ep__cell(table, "%" PRId64, p->batch);
    ep__cell(table, "%s", ep_text_cstr(&placement));
    ep__cell(table, "%s", ep__round3(p->latency_ms).text);
    ep__cell(table, "%s", ep__round3(p->throughput_ips).text);
    ep__cell(table, "%s", ep__round3(p->power_w).text);
    ep__cell(table, "%s", ep__round3(p->energy_mj).text);
    ep__cell(table, "%s", ep_text_cstr(&tags));
    ep_text_free(&placement);
    ep_text_free(&tags);
}

static void table_of(const ep_sweep_summary *s, const bool *shown, uint32_t chosen, unsigned width,
                     ep_text *out)
{
    static const char *const titles[] = {
        "mode", "precision", "batch", "placement", "latency ms", "images/s", "W", "mJ/image", ""};
    static const ep__align align[] = {EP__LEFT,  EP__LEFT,  EP__RIGHT, EP__LEFT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__LEFT};
    enum { N_COLUMNS = sizeof titles / sizeof *titles };
    ep__columns table = {.n = N_COLUMNS, .align = align};
    for (uint32_t c = 0; c < N_COLUMNS; c++) ep__cell(&table, "%s", titles[c]);
    for (uint32_t i = 0; i < s->n_front; i++) {
        if (shown[i]) add_row(&table, s, i, chosen);
    }
    ep__columns_end(&table, width, out);
}

ep_status ep_report_pareto_table(const ep_sweep_summary *s, const char *model, unsigned width,
                                 ep_text *out, ep_error *err)
{
    bool *shown = calloc(s->n_front + 1, sizeof *shown);
    if (!shown) return ep_fail_memory(err);
    const uint32_t chosen = chosen_of(s), n = mark_shown(s, chosen, shown);
    ep_text line = {0};
    ep_text_printf(&line, "%s%s%s: %" PRIu64 " points, %u on the front of latency, throughput, ",
                   model, s->n_front ? " on " : "", s->n_front ? s->front[0].hardware : "", s->n,
                   (unsigned)s->n_front);
    ep_text_printf(&line, "energy and power; %u differ by more than 5 %%", (unsigned)n);
    ep__append_line(out, width, 2, &line);
    if (n > 0) table_of(s, shown, chosen, width, out);
    ep__sweep_advise(s, true, width, out);
    free(shown);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- for programs -------------------------------------------------------------------------- */

ep_status ep_report_pareto_json(const ep_sweep_summary *s, ep_text *out, ep_error *err)
{
    const uint32_t chosen = chosen_of(s);
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_integer(out, "points", s->n);
    ep__json_open(out, "front", '[');
    for (uint32_t i = 0; i < s->n_front; i++) ep__sweep_json(&s->front[i], out);
    ep__json_close(out, ']');
    if (chosen == EP_NO_INDEX) {
        ep__json_null(out, "choice");
    } else {
        ep__json_integer(out, "choice", chosen);
    }
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

ep_status ep_report_pareto_csv(const ep_sweep_summary *s, ep_text *out, ep_error *err)
{
    const uint32_t chosen = chosen_of(s);
    ep_text_printf(out, "choice,");
    ep_report_sweep_titles(out);
    for (uint32_t i = 0; i < s->n_front; i++) {
        ep_text_printf(out, "%s,", i == chosen ? "true" : "false");
        ep_report_sweep_csv(&s->front[i], out);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
