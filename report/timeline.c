/* A timeline as SVG: a row a unit, a colour a network, below them the bandwidth of DRAM. As the
 * other drawings it has no background, and colours that can be read on black and on white. */
#include <math.h>

#include "report/format.h"
#include "report/recording.h"
#include "report/svg.h"

/* In pixels. */
enum { WIDTH = 920, LEFT = 56, RIGHT = 12, TOP = 40, ROW = 30, BAR = 22, GRAPH = 84, LINE = 16 };
enum { PLOT = WIDTH - LEFT - RIGHT, NAME_WIDTH = 40 };

typedef struct picture {
    const ep_recording *recording;
    double pixels_per_ns;
    uint32_t n_rows;
    ep_unit rows[EP_UNIT_COUNT];
    ep_text *out;
} picture;

static double x_of(const picture *p, double ns)
{
    const double at = (ns - p->recording->from_ns) * p->pixels_per_ns;
    return LEFT + fmax(0, fmin(PLOT, at));
}

static int graph_top(const picture *p)
{
    return TOP + ROW * (int)p->n_rows + 12;
}

/* ---- bars ---------------------------------------------------------------------------------- */

/* Steps of one batch that follow one another on a unit. */
typedef struct bar {
    uint32_t lane;
    uint64_t frame;
    double start_ns, end_ns;
} bar;

static void append_bar(const picture *p, uint32_t row, const bar *b)
{
    static const double least_width = 0.4;
    const double x = x_of(p, b->start_ns);
    const double width = fmax(least_width, x_of(p, b->end_ns) - x);
    const int y = TOP + ROW * (int)row + (ROW - BAR) / 2;
    ep_text_printf(p->out,
                   "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\">"
                   "<title>",
                   x, y, width, BAR, ep__colour(b->lane));
    ep_text title = {0};
    const double from_ns = p->recording->from_ns;
    ep_text_printf(&title, "%s, batch %llu: %.3f to %.3f ms",
                   p->recording->workload->lanes[b->lane].name, (unsigned long long)b->frame,
                   (b->start_ns - from_ns) / 1e6, (b->end_ns - from_ns) / 1e6);
    ep__append_xml(p->out, &title);
    ep_text_printf(p->out, "</title></rect>\n");
}

static void append_row(const picture *p, uint32_t row)
{
    static const double gap_pixels = 0.3; /* not worth two bars */
    const ep_recording *r = p->recording;
    bar b = {.lane = EP_NO_INDEX};
    for (uint32_t i = 0; i < r->n_spans; i++) {
        const ep_span *s = &r->spans[i];
        if (s->unit != p->rows[row]) continue;
        const bool follows = b.lane == s->use && b.frame == s->frame &&
                             (s->start_ns - b.end_ns) * p->pixels_per_ns <= gap_pixels;
        if (!follows) {
            if (b.lane != EP_NO_INDEX) append_bar(p, row, &b);
            b = (bar){.lane = s->use, .frame = s->frame, .start_ns = s->start_ns};
        }
        b.end_ns = s->end_ns;
    }
    if (b.lane != EP_NO_INDEX) append_bar(p, row, &b);
    ep_text_printf(p->out, "<text text-anchor=\"end\" x=\"%d\" y=\"%d\">%s</text>\n", LEFT - 8,
                   TOP + ROW * (int)row + ROW / 2 + 4, ep_unit_name(p->rows[row]));
}

/* ---- memory -------------------------------------------------------------------------------- */

/* Bandwidth in steps of two pixels, as an area under a frame that is all that streams reach. */
static void append_memory(const picture *p)
{
    enum { STEP = 2, COLUMNS = PLOT / STEP };
    const ep_recording *r = p->recording;
    const double ns_per_column = STEP / p->pixels_per_ns;
    double gbps[COLUMNS + 1] = {0};
    for (uint32_t i = 0; i < r->n_levels; i++) {
        const double end_ns = i + 1 < r->n_levels ? r->levels[i + 1].now_ns : r->to_ns;
        const double from = (r->levels[i].now_ns - r->from_ns) / ns_per_column;
        const double to = fmin(COLUMNS, (end_ns - r->from_ns) / ns_per_column);
        for (int c = (int)from; c < COLUMNS && c < to; c++) {
            gbps[c] += ep__level_gbps(&r->levels[i]) * (fmin(to, c + 1) - fmax(from, c));
        }
    }
    const int bottom = graph_top(p) + GRAPH;
    ep_text_printf(p->out, "<path fill-opacity=\"0.45\" d=\"M%d %d", LEFT, bottom);
    for (int c = 0; c < COLUMNS; c++) {
        ep_text_printf(p->out, "V%.1fh%d", bottom - GRAPH * gbps[c] / r->point->dram_gbps, STEP);
    }
    ep_text_printf(p->out,
                   "V%dz\"/>\n<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                   "stroke=\"" EP__INK "\"/>\n"
                   "<text text-anchor=\"end\" x=\"%d\" y=\"%d\">dram</text>"
                   "<text text-anchor=\"end\" x=\"%d\" y=\"%d\">%s</text>"
                   "<text text-anchor=\"end\" x=\"%d\" y=\"%d\">GB/s</text>\n",
                   bottom, LEFT, graph_top(p), PLOT, GRAPH, LEFT - 8, bottom - GRAPH / 2 + 4,
                   LEFT - 8, bottom - GRAPH + 10, ep__round3(r->point->dram_gbps).text, LEFT - 8,
                   bottom - GRAPH + 10 + LINE);
}

/* ---- frame --------------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of ten, so that there are about ten. */
static double tick_ms(double length_ms)
{
    static const double steps[] = {1, 2, 5, 10};
    const double least = length_ms / 12, decade = pow(10, floor(log10(least)));
    int s = 0;
    while (s < 3 && steps[s] * decade < least) s++;
    return steps[s] * decade;
}

static void append_axis(const picture *p)
{
    const ep_recording *r = p->recording;
    const double length_ms = (r->to_ns - r->from_ns) / 1e6, step = tick_ms(length_ms);
    const int bottom = graph_top(p) + GRAPH;
    for (int i = 0; i * step <= length_ms * (1 + 1e-9); i++) {
        const double x = x_of(p, r->from_ns + i * step * 1e6);
        ep_text_printf(p->out,
                       "<path d=\"M%.1f %dV%d\" stroke=\"" EP__INK
                       "\" stroke-opacity=\"0.25\"/><text text-anchor=\"middle\" x=\"%.1f\" "
                       "y=\"%d\">%.6g%s</text>\n",
                       x, TOP, bottom + 4, x, bottom + LINE + 2, i * step, i ? "" : " ms");
    }
}

static void append_legend(const picture *p)
{
    const ep_workload *w = p->recording->workload;
    for (uint32_t l = 0; l < w->n_lanes; l++) {
        const int columns = 4, width = PLOT / columns;
        const int x = LEFT + width * ((int)l % columns);
        const int y = graph_top(p) + GRAPH + 2 * LINE + LINE * ((int)l / columns);
        ep_text_printf(p->out,
                       "<rect x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" fill=\"%s\"/>"
                       "<text x=\"%d\" y=\"%d\">",
                       x, y, ep__colour(l), x + 15, y + 9);
        ep_text name = {0};
        (void)ep__append_cut(&name, w->lanes[l].name, NAME_WIDTH);
        ep_text_printf(&name, " on %s", ep_device_name(w->lanes[l].device));
        ep__append_xml(p->out, &name);
        ep_text_printf(p->out, "</text>\n");
    }
}

static void begin(const picture *p)
{
    const ep_recording *r = p->recording;
    const int rows = (int)(r->workload->n_lanes + 3) / 4;
    const int height = graph_top(p) + GRAPH + 2 * LINE + LINE * rows + 4;
    ep_text_printf(p->out,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                   "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\" "
                   "fill=\"" EP__INK "\">\n<text x=\"%d\" y=\"17\" font-size=\"14\" "
                   "font-weight=\"bold\">",
                   WIDTH, height, WIDTH, height, LEFT);
    ep_text title = {0};
    ep_text_printf(&title, "%s in %s", r->point->machine->title, r->point->mode->name);
    ep__append_xml(p->out, &title);
    ep_text_printf(p->out, "</text>\n");
}

ep_status ep_report_timeline(const ep_recording *recording, ep_text *out, ep_error *err)
{
    if (recording->failed) return ep_fail_memory(err);
    picture p = {.recording = recording,
                 .pixels_per_ns = PLOT / (recording->to_ns - recording->from_ns),
                 .out = out};
    for (int u = 0; u < EP_UNIT_HOST; u++) {
        if (ep__unit_is_used(recording, (ep_unit)u)) p.rows[p.n_rows++] = (ep_unit)u;
    }
    begin(&p);
    append_axis(&p);
    for (uint32_t row = 0; row < p.n_rows; row++) append_row(&p, row);
    append_memory(&p);
    append_legend(&p);
    ep_text_printf(out, "</svg>\n");
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
