/* What hints would win, the most first. */
#include <stdio.h>
#include <string.h>

#include "report/check.h"
#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"

static void figure_cells(ep__columns *table, const ep_hint_figures *now, const ep_hint_figures *f)
{
    ep__cell(table, "%s", ep__round3(f->latency_ns / 1e6).text);
    ep__cell(table, "%s", ep__round3((now->latency_ns - f->latency_ns) / 1e6).text);
    ep__cell(table, "%s", ep__round3(f->best_ns / 1e6).text);
    ep__cell(table, "%u", (unsigned)f->fallbacks);
    ep__cell(table, "%u", (unsigned)f->transitions);
    ep__cell(table, "%u", (unsigned)f->subgraphs);
}

static void row(ep__columns *table, const char *number, const ep_ranking *r,
                const ep_hint_figures *figures, const ep_hint *hint, const char *what)
{
    ep__cell(table, "%s", number);
    figure_cells(table, &r->now, figures);
    if (hint) {
        ep__cell(table, "%u", (unsigned)hint->n_layers);
        ep__cell(table, "%s", ep_change_name(hint->change));
        ep__cell(table, "%s%s%s", hint->id, hint->value[0] ? ": " : "", hint->value);
    } else {
        ep__cell(table, "%s", "");
        ep__cell(table, "%s", "");
        ep__cell(table, "%s", what);
    }
}

/* "not estimated: concat.axis (3 layers), slice.rank (3 layers): ..." by reason. */
static void append_others(const ep_ranking *r, unsigned width, ep_text *out)
{
    for (uint32_t i = r->n_estimated; i < r->n; i++) {
        const char *why = r->hints[i].cannot;
        bool is_new = true;
        for (uint32_t k = r->n_estimated; k < i; k++)
            is_new &= strcmp(r->hints[k].cannot, why) != 0;
        if (!is_new) continue;
        ep_text line = {0};
        ep_text_printf(&line, "  not estimated, %s: ", why);
        const char *comma = "";
        for (uint32_t k = i; k < r->n; k++) {
            if (strcmp(r->hints[k].cannot, why) != 0) continue;
            ep_text_printf(&line, "%s%s (", comma, r->hints[k].id);
            ep__append_plural(&line, r->hints[k].n_layers, "layer");
            ep_text_printf(&line, ")");
            comma = ", ";
        }
        ep__append_line(out, width, 2, &line);
    }
}

static void append_table(const ep_ranking *r, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"hint",      "latency ms",  "won ms",    "best ms",
                                         "fallbacks", "transitions", "subgraphs", "layers",
                                         "change",    "of"};
    static const ep__align align[] = {EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT, EP__LEFT,  EP__NAME};
    enum { N = sizeof titles / sizeof *titles };
    ep__columns table = {.n = N, .align = align};
    char number[32];
    for (uint32_t c = 0; c < N; c++) ep__cell(&table, "%s", titles[c]);
    row(&table, "now", r, &r->now, NULL, "");
    for (uint32_t i = 0; i < r->n_estimated; i++) {
        (void)snprintf(number, sizeof number, "%u", (unsigned)i + 1);
        row(&table, number, r, &r->hints[i].after, &r->hints[i], "");
    }
    if (r->pair[0] != EP_NO_INDEX) {
        (void)snprintf(number, sizeof number, "%u+%u", (unsigned)r->pair[0] + 1,
                       (unsigned)r->pair[1] + 1);
        row(&table, number, r, &r->both, NULL, "the best two together");
    }
    if (r->has_all) row(&table, "all", r, &r->all, NULL, "all but islands kept on the GPU");
    ep__columns_end(&table, width, out);
}

void ep__ranking_section(const ep_report_check *check, unsigned width, ep_text *out)
{
    const ep_ranking *r = check->ranking;
    if (!r) return;
    ep_text_printf(out, "\nwhat the hints would win (%s in %s)\n", check->planned->plan.strategy,
                   check->mode->name);
    if (r->n_estimated > 0) append_table(r, width, out);
    if (r->n == 0) ep_text_printf(out, "  nothing: there are none\n");
    append_others(r, width, out);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void write_figures(ep_text *out, const ep_hint_figures *f)
{
    ep__json_number(out, "latency_ms", f->latency_ns / 1e6);
    ep__json_number(out, "best_ms", f->best_ns / 1e6);
    ep__json_integer(out, "fallbacks", f->fallbacks);
    ep__json_integer(out, "transitions", f->transitions);
    ep__json_integer(out, "subgraphs", f->subgraphs);
}

static void write_hint(ep_text *out, const ep_hint *hint)
{
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "id", hint->id);
    ep__json_text(out, "value", hint->value);
    ep__json_text(out, "hint", hint->hint);
    ep__json_text(out, "change", ep_change_name(hint->change));
    ep__json_integer(out, "layers", hint->n_layers);
    if (hint->cannot) {
        ep__json_text(out, "not_estimated", hint->cannot);
    } else {
        write_figures(out, &hint->after);
    }
    ep__json_close(out, '}');
}

void ep__json_ranking(ep_text *out, const ep_ranking *r)
{
    if (!r) return;
    ep__json_open(out, "ranking", '{');
    ep__json_open(out, "hints", '[');
    for (uint32_t i = 0; i < r->n; i++) write_hint(out, &r->hints[i]);
    ep__json_close(out, ']');
    if (r->pair[0] != EP_NO_INDEX) {
        ep__json_open(out, "best_pair", '{');
        ep__json_open(out, "hints", '[');
        for (int i = 0; i < 2; i++) ep__json_integer(out, NULL, r->pair[i]);
        ep__json_close(out, ']');
        write_figures(out, &r->both);
        ep__json_close(out, '}');
    }
    if (r->has_all) {
        ep__json_open(out, "all", '{');
        write_figures(out, &r->all);
        ep__json_close(out, '}');
    }
    ep__json_close(out, '}');
}
