/* Plan files for people: one, and two side by side. */
#include <math.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/report.h"

/* ---- `plan show` --------------------------------------------------------------------------- */

static void append_title(const ep_plan_file *f, unsigned width, ep_text *out)
{
    ep_text line = {0};
    ep_text_printf(&line, "%s on %s%s%s in %s, %s, %s", f->model, f->machine,
                   f->machine_set ? " with " : "", f->machine_set ? f->machine_set : "", f->mode,
                   ep_precision_choice_name(f->options.precision), f->strategy);
    ep__append_line(out, width, 2, &line);
    ep_text_printf(&line, "written by edgeplan %s; model %.16s, network %.16s, machine %.16s",
                   f->version, f->model_sha256, f->network_sha256, f->machine_sha256);
    ep__append_line(out, width, 2, &line);
#define X(name)                                                                                    \
    if (f->texts.name) {                                                                           \
        ep_text_printf(&line, #name ": %s", f->texts.name);                                        \
        ep__append_line(out, width, 2, &line);                                                     \
    }
    EP_PLAN_FILE_TEXT_MAP(X)
#undef X
}

static void append_figures(const ep_plan_file *f, unsigned width, ep_text *out)
{
    const ep_plan_file_figures *p = &f->figures;
    uint32_t on_dla = 0;
    for (uint32_t l = 0; l < f->n_layers; l++) on_dla += f->layers[l].device != EP_GPU;
    ep_text line = {0};
    ep_text_printf(&line, "predicted: %s ms, %s frames/s, %s W, %s mJ/frame; ",
                   ep__round3(p->latency_ms).text, ep__round3(p->throughput_ips).text,
                   ep__round3(p->power_w).text, ep__round3(p->energy_mj).text);
    ep__append_plural(&line, f->n_layers, "layer");
    ep_text_printf(&line, ", %u on a DLA; ", (unsigned)on_dla);
    ep__append_plural(&line, (uint32_t)p->subgraphs, "subgraph");
    ep_text_printf(&line, ", ");
    ep__append_plural(&line, (uint32_t)p->transitions, "transition");
    ep_text_printf(&line, ", ");
    ep__append_plural(&line, (uint32_t)p->io_reformats, "I/O reformat");
    if (f->concurrent) ep_text_printf(&line, "; branches at once");
    ep_text_printf(out, "\n");
    ep__append_line(out, width, 2, &line);
}

ep_status ep_report_plan_file(const ep_plan_file *f, unsigned width, ep_text *out, ep_error *err)
{
    append_title(f, width, out);
    append_figures(f, width, out);
    ep_text_printf(out, "\n");
    static const ep__align align[] = {EP__NAME, EP__LEFT, EP__LEFT, EP__RIGHT, EP__RIGHT, EP__LEFT};
    ep__columns table = {.n = sizeof align / sizeof *align, .align = align};
    static const char *const titles[] = {"kernel", "device", "precision", "layers", "us", "tactic"};
    for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) ep__cell(&table, "%s", titles[i]);
    ep_arena *arena = ep_arena_new();
    uint32_t *layers = arena ? EP_NEW(arena, uint32_t, f->n_kernels) : NULL;
    for (uint32_t l = 0; layers && l < f->n_layers; l++) {
        if (f->layers[l].kernel != EP_NO_INDEX) layers[f->layers[l].kernel]++;
    }
    for (uint32_t k = 0; layers && k < f->n_kernels; k++) {
        const ep_plan_file_kernel *kernel = &f->kernels[k];
        ep__cell(&table, "%s", kernel->name);
        ep__cell(&table, "%s", ep_device_name(kernel->device));
        ep__cell(&table, "%s", ep_precision_name(kernel->precision));
        ep__cell(&table, "%u", (unsigned)layers[k]);
        ep__cell(&table, "%s", ep__round3(kernel->us).text);
        ep__cell(&table, "%s", kernel->tactic);
    }
    ep__columns_end(&table, width, out);
    const bool complete = layers && !out->failed;
    ep_arena_free(arena);
    return complete ? EP_OK : ep_fail_memory(err);
}

/* ---- `plan diff` --------------------------------------------------------------------------- */

typedef struct figure {
    const char *name;
    double a, b;
} figure;

enum { N_FIGURES = sizeof(ep_plan_file_figures) / sizeof(double) };

static void list_figures(const ep_plan_file *a, const ep_plan_file *b, figure list[N_FIGURES])
{
    uint32_t n = 0;
#define X(name) list[n++] = (figure){#name, a->figures.name, b->figures.name};
    EP_PLAN_FILE_FIGURE_MAP(X)
#undef X
}

static const ep_plan_file_layer *side_of(const ep_plan_file *file, uint32_t layer)
{
    return layer == EP_NO_INDEX ? NULL : &file->layers[layer];
}

static const ep_plan_file_kernel *kernel_of(const ep_plan_file *file,
                                            const ep_plan_file_layer *layer)
{
    return !layer || layer->kernel == EP_NO_INDEX ? NULL : &file->kernels[layer->kernel];
}

static void append_settings(const ep_plan_file_diff *diff, unsigned width, ep_text *out)
{
    if (diff->n_settings == 0) return;
    static const ep__align align[] = {EP__LEFT, EP__NAME, EP__NAME};
    ep__columns table = {.n = sizeof align / sizeof *align, .align = align};
    ep__cell(&table, "made of");
    ep__cell(&table, "A");
    ep__cell(&table, "B");
    for (uint32_t i = 0; i < diff->n_settings; i++) {
        ep__cell(&table, "%s", diff->settings[i].key);
        ep__cell(&table, "%s", diff->settings[i].a ? diff->settings[i].a : "-");
        ep__cell(&table, "%s", diff->settings[i].b ? diff->settings[i].b : "-");
    }
    ep__columns_end(&table, width, out);
    ep_text_printf(out, "\n");
}

static void append_totals(const ep_plan_file *a, const ep_plan_file *b, unsigned width,
                          ep_text *out)
{
    figure figures[N_FIGURES];
    list_figures(a, b, figures);
    static const ep__align align[] = {EP__LEFT, EP__RIGHT, EP__RIGHT, EP__RIGHT};
    ep__columns table = {.n = sizeof align / sizeof *align, .align = align};
    ep__cell(&table, "predicted");
    ep__cell(&table, "A");
    ep__cell(&table, "B");
    ep__cell(&table, "B to A");
    for (uint32_t i = 0; i < N_FIGURES; i++) {
        const figure *f = &figures[i];
        ep__cell(&table, "%s", f->name);
        const bool counts = f->a == floor(f->a) && f->b == floor(f->b);
        ep__cell(&table, "%s", counts ? ep__count((uint64_t)f->a, "").text : ep__round3(f->a).text);
        ep__cell(&table, "%s", counts ? ep__count((uint64_t)f->b, "").text : ep__round3(f->b).text);
        if (f->a > 0 && f->a != f->b) {
            ep__cell(&table, "%+.1f %%", 100 * (f->b - f->a) / f->a);
        } else {
            ep__cell(&table, "%s", f->a == f->b ? "=" : "-");
        }
    }
    ep__columns_end(&table, width, out);
}

/* "dla0 > gpu", or what both have. */
static void cell_of(ep__columns *table, bool differ, const char *a, const char *b)
{
    if (differ) {
        ep__cell(table, "%s > %s", *a ? a : "-", *b ? b : "-");
    } else {
        ep__cell(table, "%s", *a ? a : b);
    }
}

static void append_pair(ep__columns *table, const ep_plan_file *a, const ep_plan_file *b,
                        const ep_plan_file_pair *pair)
{
    const ep_plan_file_layer *p = side_of(a, pair->layer[0]), *q = side_of(b, pair->layer[1]);
    const ep_plan_file_kernel *k = kernel_of(a, p), *l = kernel_of(b, q);
    const bool both = p && q;
    ep__cell(table, "%s", p ? p->name : q->name);
    cell_of(table, !both || pair->device, p ? ep_device_name(p->device) : "",
            q ? ep_device_name(q->device) : "");
    cell_of(table, !both || pair->precision, p ? ep_precision_name(p->precision) : "",
            q ? ep_precision_name(q->precision) : "");
    cell_of(table, pair->tactic, k ? k->tactic : "", l ? l->tactic : "");
    ep__cell(table, "%s", !both ? "" : pair->kernel ? "fused otherwise" : "");
}

ep_status ep_report_plan_diff(const ep_plan_file *a, const ep_plan_file *b,
                              const ep_plan_file_diff *diff, unsigned width, ep_text *out,
                              ep_error *err)
{
    ep_text line = {0};
    ep_text_printf(&line, "A: %s", a->path);
    ep__append_line(out, width, 2, &line);
    ep_text_printf(&line, "B: %s", b->path);
    ep__append_line(out, width, 2, &line);
    ep_text_printf(out, "\n");
    append_settings(diff, width, out);
    append_totals(a, b, width, out);
    ep_text_printf(&line, "layers that differ: %u of %u", (unsigned)diff->n_layers,
                   (unsigned)a->n_layers);
    ep_text_printf(out, "\n");
    ep__append_line(out, width, 2, &line);
    if (diff->n_layers > 0) {
        static const ep__align align[] = {EP__NAME, EP__LEFT, EP__LEFT, EP__LEFT, EP__LEFT};
        static const char *const titles[] = {"layer", "device", "precision", "tactic", "kernel"};
        ep__columns table = {.n = sizeof align / sizeof *align, .align = align};
        for (size_t i = 0; i < table.n; i++) ep__cell(&table, "%s", titles[i]);
        for (uint32_t i = 0; i < diff->n_layers; i++) append_pair(&table, a, b, &diff->layers[i]);
        ep__columns_end(&table, width, out);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- the same as JSON ---------------------------------------------------------------------- */

static void write_text(ep_text *out, const char *key, const char *value)
{
    if (value) ep__json_text(out, key, value);
    if (!value) ep__json_null(out, key);
}

static void write_side(ep_text *out, const char *key, const ep_plan_file *file, uint32_t layer)
{
    const ep_plan_file_layer *l = side_of(file, layer);
    if (!l) {
        ep__json_null(out, key);
        return;
    }
    const ep_plan_file_kernel *kernel = kernel_of(file, l);
    ep__json_open(out, key, '{');
    ep__json_text(out, "device", ep_device_name(l->device));
    ep__json_text(out, "precision", ep_precision_name(l->precision));
    if (l->subgraph == EP_NO_INDEX) ep__json_null(out, "subgraph");
    if (l->subgraph != EP_NO_INDEX) ep__json_integer(out, "subgraph", l->subgraph);
    write_text(out, "kernel", kernel ? kernel->name : NULL);
    write_text(out, "tactic", kernel && *kernel->tactic ? kernel->tactic : NULL);
    ep__json_close(out, '}');
}

static void write_layers(ep_text *out, const ep_plan_file *a, const ep_plan_file *b,
                         const ep_plan_file_diff *diff)
{
    ep__json_open(out, "layers", '[');
    for (uint32_t i = 0; i < diff->n_layers; i++) {
        const ep_plan_file_pair *pair = &diff->layers[i];
        const ep_plan_file_layer *p = side_of(a, pair->layer[0]), *q = side_of(b, pair->layer[1]);
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", p ? p->name : q->name);
        write_side(out, "a", a, pair->layer[0]);
        write_side(out, "b", b, pair->layer[1]);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

ep_status ep_report_plan_diff_json(const ep_plan_file *a, const ep_plan_file *b,
                                   const ep_plan_file_diff *diff, ep_text *out, ep_error *err)
{
    figure figures[N_FIGURES];
    list_figures(a, b, figures);
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "a", a->path);
    ep__json_text(out, "b", b->path);
    ep__json_open(out, "settings", '[');
    for (uint32_t i = 0; i < diff->n_settings; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "key", diff->settings[i].key);
        write_text(out, "a", diff->settings[i].a);
        write_text(out, "b", diff->settings[i].b);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_open(out, "predicted", '{');
    for (uint32_t i = 0; i < N_FIGURES; i++) {
        ep__json_open(out, figures[i].name, '{');
        ep__json_number(out, "a", figures[i].a);
        ep__json_number(out, "b", figures[i].b);
        ep__json_close(out, '}');
    }
    ep__json_close(out, '}');
    write_layers(out, a, b, diff);
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
