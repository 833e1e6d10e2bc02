#include <stdlib.h>
#include <string.h>

#include "report/check.h"
#include "report/columns.h"
#include "report/format.h"
#include "report/summary.h"
#include "report/table.h"

/* So many layers are named, and so many rows of a table shown, before "and N more". */
enum { NAMES_SHOWN = 3, ROWS_SHOWN = 24 };

/* A name in a sentence takes no more than this. */
enum { NAME_WIDTH = 48 };

/* ---- verdict ------------------------------------------------------------------------------- */

/* "51 of 54 layers, 99.2 % of MACs, 97.0 % of time on the DLA; 2 subgraphs; 3 fallbacks cost
 * 0.41 ms and 4 transitions" */
static void append_shares(const ep_report_check *check, const ep_report_check_row *row,
                          ep_text *line)
{
    const ep__placement placement = ep__placement_of(check->planned, check->run);
    const double macs = (double)placement.dla.macs, ns = placement.dla.ns;
    if (row->layers_dla == 0) {
        ep_text_printf(line, "none of ");
        ep__append_plural(line, row->layers, "layer");
        ep_text_printf(line, " on the DLA: everything runs on the GPU");
        return;
    }
    ep_text_printf(line, "%u of %u layers, %s %% of MACs, %s %% of time on the DLA; ",
                   (unsigned)row->layers_dla, (unsigned)row->layers,
                   ep__percent(macs, macs + (double)placement.gpu.macs).text,
                   ep__percent(ns, ns + placement.gpu.ns).text);
    ep__append_plural(line, row->subgraphs, "subgraph");
    if (row->fallbacks == 0) {
        ep_text_printf(line, "; no fallback");
        return;
    }
    ep_text_printf(line, "; ");
    ep__append_plural(line, row->fallbacks, "fallback");
    ep_text_printf(line, " cost%s %s ms and ", row->fallbacks == 1 ? "s" : "",
                   ep__round3(row->fallback_ms).text);
    ep__append_plural(line, row->transitions, "transition");
}

/* "MAXN: 2.80 ms with the DLA; the GPU alone takes 1.30 ms" */
static void append_verdict(const ep_report_check *check, unsigned width, ep_text *out)
{
    const ep_report_check_row row = ep_report_check_row_of(check);
    ep_text line = {0};
    if (check->planned->verdicts) append_shares(check, &row, &line);
    ep__append_line(out, width, 2, &line);
    ep_text_printf(&line, "%s: %s ms", check->mode->name, ep__round3(row.latency_ms).text);
    if (row.layers_dla) {
        ep_text_printf(&line, " with the DLA; the GPU alone takes %s ms",
                       ep__round3(row.gpu_latency_ms).text);
    } else {
        ep_text_printf(&line, " on the GPU");
    }
    ep__append_line(out, width, 2, &line);
}

/* ---- advice -------------------------------------------------------------------------------- */

static void append_layer_names(const ep_report_check *check, const ep_advice *advice, ep_text *line)
{
    const uint32_t shown = check->full ? UINT32_MAX : NAMES_SHOWN;
    for (uint32_t i = 0; i < advice->n_layers && i < shown; i++) {
        if (i) ep_text_append(line, ", ", 2);
        (void)ep__append_cut(line, check->layers->layers[advice->layers[i]].name, NAME_WIDTH);
    }
    if (advice->n_layers > shown) {
        ep_text_printf(line, " and %u more", (unsigned)(advice->n_layers - shown));
    }
}

static void append_advice(const ep_report_check *check, unsigned width, ep_text *out)
{
    if (check->n_advice == 0) return;
    ep_text_printf(out, "\nadvice\n");
    for (uint32_t i = 0; i < check->n_advice; i++) {
        const ep_advice *advice = &check->advice[i];
        ep_text line = {0};
        ep_text_printf(&line, "  %s: ", advice->id);
        ep__append_plural(&line, advice->n_layers, "layer");
        if (advice->ns > 0) ep_text_printf(&line, ", %s ms", ep__round3(advice->ns / 1e6).text);
        if (advice->n_layers) ep_text_printf(&line, ": ");
        append_layer_names(check, advice, &line);
        ep__append_line(out, width, 4, &line);
        ep_text_printf(&line, "    %s", advice->text);
        ep__append_line(out, width, 2, &line);
        if (!advice->hint || !*advice->hint) continue;
        ep_text_printf(&line, "    hint [%s]: %s", ep_change_name(advice->change), advice->hint);
        ep__append_line(out, width, 2, &line);
    }
}

/* ---- subgraphs and what crosses their edges ------------------------------------------------ */

static void append_more(uint32_t n, uint32_t shown, ep_text *out)
{
    if (n > shown) ep_text_printf(out, "and %u more (--full)\n", (unsigned)(n - shown));
}

static uint32_t rows_of(const ep_report_check *check, uint32_t n)
{
    return check->full || n < ROWS_SHOWN ? n : ROWS_SHOWN;
}

static ep_status append_subgraphs(const ep_report_check *check, unsigned width, ep_text *out,
                                  ep_error *err)
{
    static const char *const titles[] = {"subgraph", "layers", "MACs", "ms", "first", "last"};
    static const ep__align align[] = {EP__RIGHT, EP__RIGHT, EP__RIGHT,
                                      EP__RIGHT, EP__NAME,  EP__NAME};
    enum { N = sizeof titles / sizeof *titles };
    const ep_plan *plan = &check->planned->plan;
    if (plan->n_subgraphs == 0) return EP_OK;
    double *ns = ep__subgraph_ns(plan, check->run);
    if (!ns) return ep_fail_memory(err);
    ep__columns table = {.n = N, .align = align};
    for (uint32_t c = 0; c < N; c++) ep__cell(&table, "%s", titles[c]);
    const uint32_t shown = rows_of(check, plan->n_subgraphs);
    for (uint32_t s = 0; s < shown; s++) {
        const ep_subgraph *subgraph = &plan->subgraphs[s];
        const ep_layer *layers = plan->layers->layers;
        ep__cell(&table, "%u", (unsigned)s);
        ep__cell(&table, "%u", (unsigned)subgraph->n_layers);
        ep__cell(&table, "%s", ep__count(subgraph->macs, "").text);
        ep__cell(&table, "%s", ep__round3(ns[s] / 1e6).text);
        ep__cell(&table, "%s", layers[subgraph->layers[0]].name);
        ep__cell(&table, "%s", layers[subgraph->layers[subgraph->n_layers - 1]].name);
    }
    free(ns);
    ep_text_printf(out, "\n");
    ep__columns_end(&table, width, out);
    append_more(plan->n_subgraphs, shown, out);
    return EP_OK;
}

static void append_boundaries(const ep_report_check *check, unsigned width, ep_text *out)
{
    static const char *const titles[] = {"subgraph", "tensor",   "",    "DLA format",
                                         "outside",  "reformat", "size"};
    static const ep__align align[] = {EP__RIGHT, EP__NAME, EP__LEFT, EP__LEFT,
                                      EP__LEFT,  EP__LEFT, EP__RIGHT};
    enum { N = sizeof titles / sizeof *titles };
    if (check->n_boundaries == 0) return;
    ep__columns table = {.n = N, .align = align};
    for (uint32_t c = 0; c < N; c++) ep__cell(&table, "%s", titles[c]);
    const uint32_t shown = rows_of(check, check->n_boundaries);
    for (uint32_t i = 0; i < shown; i++) {
        const ep_boundary *b = &check->boundaries[i];
        ep__cell(&table, "%u", (unsigned)b->subgraph);
        ep__cell(&table, "%s", check->layers->network->tensors[b->tensor].name);
        ep__cell(&table, "%s", b->enters ? "in" : "out");
        ep__cell(&table, "%s", b->format);
        ep__cell(&table, "%s", b->other);
        ep__cell(&table, "%s", b->reformat ? "yes" : "no");
        ep__cell(&table, "%s", ep__bytes(b->bytes).text);
    }
    ep_text_printf(out, "\n");
    ep__columns_end(&table, width, out);
    append_more(check->n_boundaries, shown, out);
}

/* ---- 2:4 sparsity -------------------------------------------------------------------------- */

/* Convolutions in each state, and the MACs of those that are eligible. */
typedef struct eligibility {
    uint32_t convolutions, in_state[EP_SPARSE_YES + 1];
    uint64_t macs;
} eligibility;

static eligibility count_eligible(const ep_report_check *check)
{
    eligibility e = {0};
    for (uint32_t i = 0; i < check->layers->n_layers; i++) {
        const ep_layer *layer = &check->layers->layers[i];
        if (layer->type != EP_LAYER_CONVOLUTION) continue;
        e.convolutions++;
        e.in_state[check->sparsity[i].state]++;
        if (check->sparsity[i].state != EP_SPARSE_NO) e.macs = ep__add(e.macs, layer->macs);
    }
    return e;
}

/* What keeps most convolutions from it; NULL when none is kept. */
static const char *commonest_reason(const ep_report_check *check)
{
    enum { REASONS = 16 };
    const char *reason[REASONS];
    uint32_t count[REASONS], n = 0, most = 0;
    for (uint32_t i = 0; i < check->layers->n_layers; i++) {
        const ep_sparsity *s = &check->sparsity[i];
        if (check->layers->layers[i].type != EP_LAYER_CONVOLUTION) continue;
        if (s->state != EP_SPARSE_NO || !s->why) continue;
        uint32_t r = 0;
        while (r < n && strcmp(reason[r], s->why) != 0) r++;
        if (r == REASONS) continue;
        if (r == n) {
            reason[n] = s->why;
            count[n++] = 0;
        }
        count[r]++;
    }
    for (uint32_t r = 1; r < n; r++) {
        if (count[r] > count[most]) most = r;
    }
    return n ? reason[most] : NULL;
}

/* "2:4 sparsity: 30 of 53 convolutions are eligible (71.2 % of MACs); of 30 it is unknown whether
 * they are sparse, as the file has no weights" */
static void append_sparsity(const ep_report_check *check, unsigned width, ep_text *out)
{
    const eligibility e = count_eligible(check);
    if (e.convolutions == 0) return;
    const uint32_t eligible = e.convolutions - e.in_state[EP_SPARSE_NO];
    const uint32_t unknown = e.in_state[EP_SPARSE_UNKNOWN], dense = e.in_state[EP_SPARSE_DENSE];
    ep_text line = {0};
    ep_text_printf(&line, "2:4 sparsity: %u of ", (unsigned)eligible);
    ep__append_plural(&line, e.convolutions, "convolution");
    ep_text_printf(&line, " eligible (%s %% of MACs)",
                   ep__percent((double)e.macs, (double)ep__total_macs(check->layers)).text);
    if (e.in_state[EP_SPARSE_YES]) {
        ep_text_printf(&line, "; %u with sparse weights", (unsigned)e.in_state[EP_SPARSE_YES]);
    }
    if (dense) ep_text_printf(&line, "; %u with dense weights", (unsigned)dense);
    if (unknown) {
        ep_text_printf(&line, "; %u unknown: the file has no weights for %s", (unsigned)unknown,
                       unknown == 1 ? "it" : "them");
    }
    const char *reason = commonest_reason(check);
    if (reason) ep_text_printf(&line, "; the usual reason why not: %s", reason);
    ep_text_printf(out, "\n");
    ep__append_line(out, width, 2, &line);
}

/* -------------------------------------------------------------------------------------------- */

ep_status ep_report_check_table(const ep_report_check *check, unsigned width, ep_text *out,
                                ep_error *err)
{
    const ep_report report = {.machine = check->machine,
                              .layers = check->layers,
                              .batch = check->batch,
                              .precision = check->precision};
    ep__title_section(&report, width, out);
    ep_text_printf(out, "\n");
    append_verdict(check, width, out);
    if (check->planned->verdicts) {
        ep_text_printf(out, "\n");
        EP_TRY(ep__refusals_section(check->planned, check->run, check->full, width, out, err));
    }
    ep__plugins_section(check->layers, width, out);
    append_advice(check, width, out);
    ep__ranking_section(check, width, out);
    EP_TRY(append_subgraphs(check, width, out, err));
    append_boundaries(check, width, out);
    if (check->planned->plan.n_subgraphs) append_sparsity(check, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
