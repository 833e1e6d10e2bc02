/* The points of a sweep as rows of files, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "report/csv.h"
#include "report/json.h"
#include "report/report.h"
#include "report/sweep.h"

void ep_report_sweep_titles(ep_text *out)
{
    ep_text_printf(
        out,
        "hardware,model,batch,precision,dla,strategy,objective,streams,options,set,mode,latency_ms,"
        "throughput_ips,power_w,wall_w,energy_mj,bound,over_budget,cannot_run\n");
}

void ep_report_sweep_csv(const ep_sweep_point *p, ep_text *out)
{
    const bool runs = !p->cannot_run[0];
    ep__csv_text(out, p->hardware);
    ep__csv_text(out, p->model);
    ep__csv_integer(out, (uint64_t)p->batch);
    ep__csv_text(out, ep_precision_choice_name(p->precision));
    ep__csv_text(out, ep_dla_choice_name(p->dla));
    ep__csv_text(out, p->strategy);
    ep__csv_text(out, p->objective ? p->objective : "");
    ep__csv_text(out, p->streams ? p->streams : "");
    ep__csv_text(out, p->others ? p->others : "");
    ep__csv_text(out, p->set);
    ep__csv_text(out, p->mode);
    const double figures[] = {p->latency_ms, p->throughput_ips, p->power_w,
                              p->wall_w > 0 ? p->wall_w : NAN, p->energy_mj};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        ep__csv_number(out, runs ? figures[i] : NAN);
    }
    ep__csv_text(out, p->bound);
    ep__csv_text(out, !runs ? "" : p->over_budget ? "true" : "false");
    ep__csv_text(out, p->cannot_run);
    ep__csv_end_row(out);
}

void ep_report_sweep_json(const ep_sweep_point *p, ep_text *out)
{
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "hardware", p->hardware);
    ep__json_text(out, "model", p->model);
    ep__json_integer(out, "batch", (uint64_t)p->batch);
    ep__json_text(out, "precision", ep_precision_choice_name(p->precision));
    ep__json_text(out, "dla", ep_dla_choice_name(p->dla));
    ep__json_text(out, "strategy", p->strategy);
    if (p->objective) ep__json_text(out, "objective", p->objective);
    if (p->streams) ep__json_text(out, "streams", p->streams);
    if (p->others && p->others[0]) ep__json_text(out, "options", p->others);
    ep__json_text(out, "set", p->set);
    ep__json_text(out, "mode", p->mode);
    if (p->cannot_run[0]) {
        ep__json_text(out, "cannot_run", p->cannot_run);
    } else {
        ep__json_number(out, "latency_ms", p->latency_ms);
        ep__json_number(out, "throughput_ips", p->throughput_ips);
        ep__json_number(out, "power_w", p->power_w);
        if (p->wall_w > 0) ep__json_number(out, "wall_w", p->wall_w);
        ep__json_number(out, "energy_mj", p->energy_mj);
        ep__json_text(out, "bound", p->bound);
        ep__json_bool(out, "over_budget", p->over_budget);
    }
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
}

void ep__sweep_json(const ep_sweep_point *p, ep_text *out)
{
    ep_report_sweep_json(p, out);
    if (!out->failed) out->data[--out->length] = '\0';
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Unquotes the field that `*at` points to, which then points behind its comma. */
static void next_field(const char **at, char *field, size_t size)
{
    const char *p = *at;
    const bool quoted = *p == '"';
    size_t n = 0;
    for (p += quoted; *p && *p != '\n'; p++) {
        if (quoted && *p == '"' && *++p != '"') break;
        if (!quoted && *p == ',') break;
        if (n + 1 < size) field[n++] = *p;
    }
    field[n] = '\0';
    *at = p + (*p == ',');
}

static void read_csv(const char *line, ep_sweep_point *p)
{
    enum { N_NAMES = 11, N_FIGURES = 5 };
    char field[sizeof p->set];
    for (int i = 0; i < N_NAMES; i++) next_field(&line, field, sizeof field);
    double *const figures[N_FIGURES] = {&p->latency_ms, &p->throughput_ips, &p->power_w, &p->wall_w,
                                        &p->energy_mj};
    for (int i = 0; i < N_FIGURES; i++) {
        next_field(&line, field, sizeof field);
        *figures[i] = strtod(field, NULL);
    }
    next_field(&line, p->bound, sizeof p->bound);
    next_field(&line, field, sizeof field);
    p->over_budget = strcmp(field, "true") == 0;
    next_field(&line, p->cannot_run, sizeof p->cannot_run);
}

static void copy_text(const json_t *row, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(row, key));
    const size_t length = text ? strlen(text) : 0;
    if (length >= size) return;
    if (length) memcpy(out, text, length);
    out[length] = '\0';
}

static void read_json(const char *line, ep_sweep_point *p)
{
    json_t *row = json_loads(line, 0, NULL);
    p->latency_ms = json_number_value(json_object_get(row, "latency_ms"));
    p->throughput_ips = json_number_value(json_object_get(row, "throughput_ips"));
    p->power_w = json_number_value(json_object_get(row, "power_w"));
    p->wall_w = json_number_value(json_object_get(row, "wall_w"));
    p->energy_mj = json_number_value(json_object_get(row, "energy_mj"));
    p->over_budget = json_is_true(json_object_get(row, "over_budget"));
    copy_text(row, "bound", p->bound, sizeof p->bound);
    copy_text(row, "cannot_run", p->cannot_run, sizeof p->cannot_run);
    json_decref(row);
}

bool ep_report_sweep_read(const char *line, bool json, ep_sweep_point *point)
{
    if (json) read_json(line, point);
    if (!json) read_csv(line, point);
    /* only what would be written is what was written: that covers the names too */
    ep_text again = {0};
    if (json) ep_report_sweep_json(point, &again);
    if (!json) ep_report_sweep_csv(point, &again);
    const bool same = strcmp(ep_text_cstr(&again), line) == 0;
    ep_text_free(&again);
    return same;
}
