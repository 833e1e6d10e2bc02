#include <assert.h>
#include <math.h>
#include <string.h>

#include "report/svg.h"
#include "report/validation.h"

/* In pixels: the plot is a square whose corner is at LEFT, TOP. */
enum { SIZE = 480, LEFT = 64, TOP = 44, PLOT = 392, RADIUS = 3, LINE = 15 };

/* So many precisions or machines have a colour; the others share the ink. */
enum { N_COLOURS = EP__COLOURS };

/* Names take no more characters than this. */
enum { NAME_WIDTH = 48 };

typedef struct plot {
    const ep_validation *validation;
    const ep_validation_group *group;
    uint32_t n_dots;
    unsigned units;            /* of the dots; bits */
    int first_step, last_step; /* of both axes, see log_of_step */
    double from, to;           /* their logarithms */
    bool by_machine;           /* a colour is a machine in a mode, not a precision */
    uint32_t n_colours;
    uint32_t row_of_colour[N_COLOURS]; /* one that has it */
    bool has_others;
    bool mostly_above; /* more dots are above the diagonal than below */
} plot;

/* ---- what is drawn ------------------------------------------------------------------------- */

typedef enum unit { UNIT_MS, UNIT_IPS, UNIT_W, UNIT_RATIO, UNIT_COUNT } unit;

static const char *unit_name(unit of)
{
    static const char *const names[UNIT_COUNT] = {
        [UNIT_MS] = "ms", [UNIT_IPS] = "images/s", [UNIT_W] = "W", [UNIT_RATIO] = "x GPU"};
    return names[of];
}

static unit unit_of(const ep_measurement *row)
{
    switch (row->metric) {
    case EP_METRIC_LATENCY_MS:
    case EP_METRIC_MAKESPAN_MS: return UNIT_MS;
    case EP_METRIC_THROUGHPUT_IPS: return UNIT_IPS;
    case EP_METRIC_POWER_W:
    case EP_METRIC_RAIL_W: return UNIT_W;
    case EP_METRIC_PERF_PER_WATT_VS_GPU:
    case EP_METRIC_COUNT: break;
    }
    return UNIT_RATIO;
}

/* A logarithmic axis has no place for a prediction of nothing. */
static bool is_drawn(const ep_validation *validation, uint32_t row)
{
    const ep_prediction *prediction = &validation->predictions[row];
    return !prediction->skipped && prediction->value > 0 && isfinite(prediction->value);
}

/* Steps of an axis: 1, 2, 5, 10, ... are 0, 1, 2, 3, ... */
static double log_of_step(int step)
{
    static const double mantissa[] = {0, 0.30102999566398120, 0.69897000433601880};
    const int decade = step >= 0 ? step / 3 : -((2 - step) / 3);
    return decade + mantissa[step - 3 * decade];
}

/* Fits the axes to logarithms of values from `low` to `high`. */
static void fit_axes(plot *p, double low, double high)
{
    const double margin = 0.02; /* so that no dot is on the frame */
    p->first_step = 3 * (int)floor(low - margin) + 2;
    while (log_of_step(p->first_step) > low - margin) p->first_step--;
    p->last_step = 3 * (int)floor(high + margin);
    while (log_of_step(p->last_step) < high + margin) p->last_step++;
    p->from = log_of_step(p->first_step);
    p->to = log_of_step(p->last_step);
}

static bool same_machine(const ep_measurement *a, const ep_measurement *b)
{
    return strcmp(a->hw, b->hw) == 0 && strcmp(a->mode, b->mode) == 0;
}

/* N_COLOURS: it is one of the others. */
static uint32_t colour_of(const plot *p, uint32_t row)
{
    const ep_measurement *rows = p->validation->rows;
    uint32_t c = 0;
    for (; c < p->n_colours; c++) {
        const ep_measurement *known = &rows[p->row_of_colour[c]];
        if (p->by_machine ? same_machine(known, &rows[row])
                          : strcmp(known->precision, rows[row].precision) == 0) {
            return c;
        }
    }
    return N_COLOURS;
}

static void choose_colours(plot *p)
{
    for (uint32_t m = 0; m < p->group->rows; m++) {
        const uint32_t row = p->group->members[m];
        if (!is_drawn(p->validation, row) || colour_of(p, row) < N_COLOURS) continue;
        if (p->n_colours < N_COLOURS) {
            p->row_of_colour[p->n_colours++] = row;
        } else {
            p->has_others = true;
        }
    }
}

static plot plot_of(const ep_validation *validation, const ep_validation_group *group)
{
    plot p = {.validation = validation, .group = group, .by_machine = true};
    const char *precision = NULL;
    double low = INFINITY, high = -INFINITY;
    uint32_t n_above = 0, n_below = 0;
    for (uint32_t m = 0; m < group->rows; m++) {
        const uint32_t r = group->members[m];
        if (!is_drawn(validation, r)) continue;
        const ep_measurement *row = &validation->rows[r];
        const double predicted = validation->predictions[r].value;
        p.n_dots++;
        p.units |= 1u << unit_of(row);
        if (!precision) precision = row->precision;
        if (strcmp(precision, row->precision) != 0) p.by_machine = false;
        low = fmin(low, log10(fmin(predicted, row->value)));
        high = fmax(high, log10(fmax(predicted, row->value)));
        n_above += predicted > row->value;
        n_below += predicted < row->value;
    }
    if (p.n_dots == 0) return p;
    p.mostly_above = n_above > n_below;
    fit_axes(&p, low, high);
    choose_colours(&p);
    return p;
}

/* ---- pieces -------------------------------------------------------------------------------- */

static double along(const plot *p, double logarithm)
{
    return PLOT * (logarithm - p->from) / (p->to - p->from);
}

/* The root element, the name of the group and a line about it. */
static void begin(const plot *p, int height, ep_text *out)
{
    const ep_validation_group *group = p->group;
    ep_text_printf(out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\" "
                   "fill=\"" EP__INK "\">\n<text x=\"%d\" y=\"17\" font-size=\"14\" "
                   "font-weight=\"bold\">",
                   SIZE, height, SIZE, height, LEFT);
    ep_text name = {0}, whole = {0};
    ep_text_printf(&whole, "%s", group->name);
    if (whole.data) ep__clean(whole.data, whole.length);
    (void)ep__append_cut(&name, ep_text_cstr(&whole), NAME_WIDTH);
    name.failed |= whole.failed;
    ep_text_free(&whole);
    ep__append_xml(out, &name);
    ep_text_printf(out, "</text>\n<text x=\"%d\" y=\"34\">", LEFT);
    if (group->predicted == 0) {
        ep_text_printf(out, "none of ");
        ep__append_plural(out, group->rows, "row");
        ep_text_printf(out, " predicted");
    } else {
        ep_text_printf(out, "n = %u", (unsigned)group->predicted);
        if (group->predicted < group->rows) ep_text_printf(out, " of %u", (unsigned)group->rows);
        ep_text_printf(out, ", median |error| %s %%", ep__fixed1(group->median_abs_pct).text);
    }
    if (p->n_dots < group->predicted) {
        ep_text_printf(out, ", %u not above 0", (unsigned)(group->predicted - p->n_dots));
    }
    ep_text_printf(out, "</text>\n");
}

/* "ms or images/s" */
static void append_units(const plot *p, ep_text *out)
{
    const char *before = ", ";
    for (uint32_t u = 0; u < UNIT_COUNT; u++) {
        if (!(p->units & 1u << u)) continue;
        ep_text_printf(out, "%s%s", before, unit_name((unit)u));
        before = " or ";
    }
}

static void append_axis_titles(const plot *p, ep_text *out)
{
    const int x = LEFT + PLOT / 2, y = TOP + PLOT / 2;
    ep_text_printf(out, "<text text-anchor=\"middle\" x=\"%d\" y=\"%d\">measured", x, SIZE - 8);
    append_units(p, out);
    ep_text_printf(out,
                   "</text>\n<text text-anchor=\"middle\" x=\"14\" y=\"%d\" "
                   "transform=\"rotate(-90 14 %d)\">predicted",
                   y, y);
    append_units(p, out);
    ep_text_printf(out, "</text>\n");
}

/* All steps where there are few, decades where there are many. */
static int tick_stride(const plot *p)
{
    enum { MOST_TICKS = 10 };
    const int n = p->last_step - p->first_step;
    return n < MOST_TICKS ? 1 : 3 * ((n + 3 * MOST_TICKS - 1) / (3 * MOST_TICKS));
}

static void append_ticks(const plot *p, ep_text *out)
{
    const int stride = tick_stride(p);
    for (int step = p->first_step; step <= p->last_step; step++) {
        if (step % stride) continue;
        const double at = along(p, log_of_step(step));
        const double value = pow(10, log_of_step(step));
        ep_text_printf(out,
                       "<path d=\"M%.1f %dv%dM%d %.1fh%d\" stroke=\"" EP__INK
                       "\" stroke-opacity=\"0.3\"/>"
                       "<text text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%g</text>"
                       "<text text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%g</text>\n",
                       LEFT + at, TOP, PLOT, LEFT, TOP + PLOT - at, PLOT, LEFT + at,
                       TOP + PLOT + LINE, value, LEFT - 6, TOP + PLOT - at + 4, value);
    }
}

/* The diagonal, and between its parallels what is off by no more than 20 %. The inner <svg> cuts
 * off what leaves the plot. */
static void append_band(const plot *p, ep_text *out)
{
    const double up = along(p, p->from + log10(1.2)), down = along(p, p->from - log10(0.8));
    ep_text_printf(out,
                   "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\">"
                   "<path d=\"M0 %.1fL%d %.1fV%.1fL0 %.1fz\" fill-opacity=\"0.2\"/>"
                   "<path d=\"M0 %dL%d 0\" stroke=\"" EP__INK "\"/></svg>\n",
                   LEFT, TOP, PLOT, PLOT, PLOT - up, PLOT, -up, down, PLOT + down, PLOT, PLOT);
    ep_text_printf(out,
                   "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                   "stroke=\"" EP__INK "\"/>\n",
                   LEFT, TOP, PLOT, PLOT);
}

/* A precision looks the same in every plot. */
static const char *paint_of(const plot *p, uint32_t colour)
{
    static const char *const precisions[N_COLOURS] = {"int8", "fp16",        "tf32",
                                                      "fp32", "int8-sparse", "fp16+int8"};
    if (p->by_machine || colour == N_COLOURS) return ep__colour(colour);
    const char *precision = p->validation->rows[p->row_of_colour[colour]].precision;
    uint32_t c = 0;
    while (c < N_COLOURS && strcmp(precisions[c], precision) != 0) c++;
    return ep__colour(c);
}

static void append_circle(const plot *p, double x, double y, uint32_t colour, ep_text *out)
{
    ep_text_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" fill=\"%s\"", x, y, RADIUS,
                   paint_of(p, colour));
}

/* "ID: predicted 1.23 ms, measured 1.10 ms, +11.8 %" */
static void append_dot(const plot *p, uint32_t r, ep_text *out)
{
    const ep_measurement *row = &p->validation->rows[r];
    const ep_prediction *prediction = &p->validation->predictions[r];
    const char *of = unit_name(unit_of(row));
    append_circle(p, LEFT + along(p, log10(row->value)),
                  TOP + PLOT - along(p, log10(prediction->value)), colour_of(p, r), out);
    ep_text_printf(out, " fill-opacity=\"0.75\"><title>");
    ep_text title = {0};
    ep_text_printf(&title, "%s: predicted %s %s, measured %s %s, %s %%", row->id,
                   ep__round3(prediction->value).text, of, ep__round3(row->value).text, of,
                   ep__signed1(prediction->error_pct).text);
    ep__append_xml(out, &title);
    ep_text_printf(out, "</title></circle>\n");
}

/* In the corner that has fewer dots. */
static void append_legend(const plot *p, ep_text *out)
{
    const uint32_t n = p->n_colours + p->has_others;
    if (n < 2) return;
    const bool right = p->mostly_above;
    const int x = right ? LEFT + PLOT - 12 : LEFT + 12;
    const int bottom = TOP + PLOT - 12, top = TOP + 14;
    for (uint32_t i = 0; i < n; i++) {
        const bool others = i == p->n_colours;
        const int y = right ? bottom - LINE * (int)(n - 1 - i) : top + LINE * (int)i;
        append_circle(p, x, y, others ? N_COLOURS : i, out);
        ep_text_printf(out, "/><text%s x=\"%d\" y=\"%d\">", right ? " text-anchor=\"end\"" : "",
                       right ? x - 8 : x + 8, y + 4);
        ep_text name = {0};
        const ep_measurement *row = others ? NULL : &p->validation->rows[p->row_of_colour[i]];
        if (others) {
            ep_text_printf(&name, "others");
        } else if (p->by_machine) {
            ep__append_machine(&name, row);
        } else {
            ep_text_printf(&name, "%s", row->precision);
        }
        ep__append_xml(out, &name);
        ep_text_printf(out, "</text>\n");
    }
}

ep_status ep_report_scatter(const ep_validation *validation, uint32_t group, ep_text *out,
                            ep_error *err)
{
    assert(group < validation->n_groups);
    const plot p = plot_of(validation, &validation->groups[group]);
    begin(&p, p.n_dots ? SIZE : TOP, out);
    if (p.n_dots) {
        append_band(&p, out);
        append_ticks(&p, out);
        append_axis_titles(&p, out);
        for (uint32_t m = 0; m < p.group->rows; m++) {
            const uint32_t row = p.group->members[m];
            if (is_drawn(validation, row)) append_dot(&p, row, out);
        }
        append_legend(&p, out);
    }
    ep_text_printf(out, "</svg>\n");
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
