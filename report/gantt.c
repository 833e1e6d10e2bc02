/* A timeline in text: a row a unit, a column a moment, a letter a network. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/format.h"
#include "report/recording.h"

enum { DEFAULT_WIDTH = 100, LEAST_COLUMNS = 10, LABEL = 6 };

static char letter_of(uint32_t lane)
{
    return lane < 26 ? (char)('A' + lane) : '#';
}

/* How much of `column` lies in from..to, both in columns. */
static double overlap(double from, double to, unsigned column)
{
    return fmax(0, fmin(to, column + 1.0) - fmax(from, column));
}

typedef struct chart {
    const ep_recording *recording;
    unsigned columns;
    double ns_per_column;
    double *busy; /* [lane][column] of one unit: share of the column */
    ep_text *out;
} chart;

static void add_span(chart *c, const ep_span *span)
{
    const ep_recording *r = c->recording;
    const double from = fmax(0, (span->start_ns - r->from_ns) / c->ns_per_column);
    const double to = fmin(c->columns, (span->end_ns - r->from_ns) / c->ns_per_column);
    double *busy = &c->busy[(size_t)span->use * c->columns];
    for (unsigned i = (unsigned)from; i < c->columns && i < to; i++) {
        busy[i] += overlap(from, to, i);
    }
}

/* The network that has most of the column; in lower case when the unit is idle for most of it. */
static char cell_of(const chart *c, unsigned column)
{
    double all = 0, most = 0;
    uint32_t lane = 0;
    for (uint32_t l = 0; l < c->recording->workload->n_lanes; l++) {
        const double busy = c->busy[(size_t)l * c->columns + column];
        all += busy;
        if (busy <= most) continue;
        most = busy;
        lane = l;
    }
    if (all <= 0.02) return '.';
    const char letter = letter_of(lane);
    return all < 0.5 && letter != '#' ? (char)(letter - 'A' + 'a') : letter;
}

static void unit_row(chart *c, ep_unit unit)
{
    const ep_recording *r = c->recording;
    if (!ep__unit_is_used(r, unit)) return;
    memset(c->busy, 0, sizeof *c->busy * r->workload->n_lanes * c->columns);
    for (uint32_t i = 0; i < r->n_spans; i++) {
        if (r->spans[i].unit == unit) add_span(c, &r->spans[i]);
    }
    ep_text_printf(c->out, "%-*s", LABEL, ep_unit_name(unit));
    for (unsigned i = 0; i < c->columns; i++) {
        const char cell = cell_of(c, i);
        ep_text_append(c->out, &cell, 1);
    }
    ep_text_printf(c->out, "\n");
}

/* Tenths of the bandwidth that streams reach, rounded up: 9 is also all of it. */
static void dram_row(chart *c)
{
    const ep_recording *r = c->recording;
    memset(c->busy, 0, sizeof *c->busy * c->columns);
    for (uint32_t i = 0; i < r->n_levels; i++) {
        const double end_ns = i + 1 < r->n_levels ? r->levels[i + 1].now_ns : r->to_ns;
        const double from = (r->levels[i].now_ns - r->from_ns) / c->ns_per_column;
        const double to = fmin(c->columns, (end_ns - r->from_ns) / c->ns_per_column);
        const double share = ep__level_gbps(&r->levels[i]) / r->point->dram_gbps;
        for (unsigned k = (unsigned)from; k < c->columns && k < to; k++) {
            c->busy[k] += share * overlap(from, to, k);
        }
    }
    ep_text_printf(c->out, "%-*s", LABEL, "dram");
    for (unsigned i = 0; i < c->columns; i++) {
        const double tenths = fmin(9, ceil(10 * c->busy[i] - 0.005));
        const char cell = tenths <= 0 ? '.' : (char)('0' + (int)tenths);
        ep_text_append(c->out, &cell, 1);
    }
    ep_text_printf(c->out, "\n");
}

static void legend(const chart *c, unsigned width)
{
    const ep_workload *w = c->recording->workload;
    ep_text line = {0};
    for (uint32_t l = 0; l < w->n_lanes; l++) {
        ep_text_printf(&line, "%s%c %s on %s", l ? ", " : "", letter_of(l), w->lanes[l].name,
                       ep_device_name(w->lanes[l].device));
    }
    ep_text_printf(&line, "; lower case: idle for most of the column; dram: tenths of %s GB/s",
                   ep__round3(c->recording->point->dram_gbps).text);
    ep__append_line(c->out, width, 2, &line);
}

ep_status ep_report_gantt(const ep_recording *recording, unsigned width, ep_text *out,
                          ep_error *err)
{
    if (recording->failed) return ep_fail_memory(err);
    const unsigned wide = width ? width : DEFAULT_WIDTH;
    chart c = {.recording = recording,
               .columns = wide > LABEL + LEAST_COLUMNS ? wide - LABEL : LEAST_COLUMNS,
               .out = out};
    const double length_ns = recording->to_ns - recording->from_ns;
    c.ns_per_column = length_ns / c.columns;
    c.busy = calloc((size_t)recording->workload->n_lanes * c.columns, sizeof *c.busy);
    if (!c.busy) return ep_fail_memory(err);
    ep_text_printf(out, "%s in %s: %s ms, a column is %s ms\n", recording->point->machine->name,
                   recording->point->mode->name, ep__round3(length_ns / 1e6).text,
                   ep__round3(c.ns_per_column / 1e6).text);
    for (int u = 0; u < EP_UNIT_HOST; u++) unit_row(&c, (ep_unit)u);
    dram_row(&c);
    legend(&c, width);
    free(c.busy);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
