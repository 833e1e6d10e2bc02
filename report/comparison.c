/* `plan compare`, for people and for programs. */
#include <math.h>

#include "report/columns.h"
#include "report/execution.h"
#include "report/format.h"
#include "report/json.h"

/* ---- for people ---------------------------------------------------------------------------- */

/* Columns that are only there when some row has something to say in them. */
typedef struct extras {
    bool nonfinite, over, differ;
} extras;

static extras extras_of(const ep_comparison *c, const ep_comparison_row *rows, uint32_t n)
{
    extras x = {.over = c->has_tolerance};
    for (uint32_t i = 0; i < n; i++) {
        const ep_deviation *d = &rows[i].deviation;
        x.nonfinite |= d->nan_a || d->nan_b || d->inf_a || d->inf_b;
        x.differ |= rows[i].differ != NULL;
    }
    return x;
}

static void count_cell(ep__columns *table, bool is_known, uint64_t count)
{
    if (is_known) {
        ep__cell(table, "%llu", (unsigned long long)count);
    } else {
        ep__cell(table, "-");
    }
}

static void figure_cells(ep__columns *table, const ep_comparison_row *row)
{
    const ep_deviation *d = &row->deviation;
    const double figures[] = {d->max_abs, d->max_rel, d->mean_abs, d->rms};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        ep__cell(table, "%s", ep__general(row->differ ? (double)NAN : figures[i]).text);
    }
    const bool known = !row->differ && !isnan(d->cosine);
    if (known) {
        ep__cell(table, "%.7f", d->cosine);
    } else {
        ep__cell(table, "-");
    }
    if (!row->differ && d->unequal == 0) {
        ep__cell(table, "equal");
    } else if (known) {
        ep__cell(table, "%.1f", d->sqnr_db);
    } else {
        ep__cell(table, "-");
    }
}

static void row_cells(ep__columns *table, const ep_comparison_row *row, bool with_op, extras x)
{
    const ep_deviation *d = &row->deviation;
    const bool known = !row->differ;
    char shape[EP_SHAPE_TEXT];
    ep__cell(table, "%s", row->name);
    if (with_op) ep__cell(table, "%s", row->op ? row->op : "");
    ep__cell(table, "%s", known ? ep_shape_text(&row->shape, shape) : "-");
    figure_cells(table, row);
    if (x.nonfinite) {
        count_cell(table, known, d->nan_a);
        count_cell(table, known, d->nan_b);
        count_cell(table, known, d->inf_a);
        count_cell(table, known, d->inf_b);
    }
    if (x.over) count_cell(table, known, d->over);
    if (x.differ) ep__cell(table, "%s", row->differ ? row->differ : "");
}

/* Titles and alignments of a table, column by column. */
typedef struct head {
    uint32_t n;
    const char *titles[15];
    ep__align align[15];
} head;

static void add_column(head *h, const char *title, ep__align align)
{
    h->titles[h->n] = title;
    h->align[h->n++] = align;
}

static void append_rows(const ep_comparison *c, const char *title, bool with_op,
                        const ep_comparison_row *rows, uint32_t n, unsigned width, ep_text *out)
{
    static const char *const figures[] = {"max abs", "max rel", "mean abs",
                                          "RMS",     "cosine",  "SQNR dB"};
    static const char *const nonfinite[] = {"NaN A", "NaN B", "Inf A", "Inf B"};
    const extras x = extras_of(c, rows, n);
    head h = {0};
    add_column(&h, title, EP__NAME);
    if (with_op) add_column(&h, "operator", EP__NAME);
    add_column(&h, "shape", EP__LEFT);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        add_column(&h, figures[i], EP__RIGHT);
    }
    for (size_t i = 0; x.nonfinite && i < sizeof nonfinite / sizeof *nonfinite; i++) {
        add_column(&h, nonfinite[i], EP__RIGHT);
    }
    if (x.over) add_column(&h, "over", EP__RIGHT);
    if (x.differ) add_column(&h, "not compared", EP__LEFT);
    ep__columns table = {.n = h.n, .align = h.align};
    for (uint32_t i = 0; i < h.n; i++) ep__cell(&table, "%s", h.titles[i]);
    for (uint32_t i = 0; i < n; i++) row_cells(&table, &rows[i], with_op, x);
    ep_text_printf(out, "\n");
    ep__columns_end(&table, width, out);
}

/* ---- kernels of a plan --------------------------------------------------------------------- */

static void db_cell(ep__columns *table, double db)
{
    if (isnan(db)) {
        ep__cell(table, "-");
    } else if (isinf(db) && db > 0) {
        ep__cell(table, "equal");
    } else {
        ep__cell(table, "%.1f", db);
    }
}

/* Those that lose most; all of them with the layers. */
static void append_kernels(const ep_comparison *c, unsigned width, ep_text *out)
{
    enum { SHOWN = 20 };
    static const char *const titles[] = {"kernels by what they lose",
                                         "device",
                                         "precision",
                                         "own SQNR dB",
                                         "so far",
                                         "Inf",
                                         "saturated"};
    static const ep__align align[] = {EP__NAME,  EP__LEFT,  EP__LEFT, EP__RIGHT,
                                      EP__RIGHT, EP__RIGHT, EP__RIGHT};
    ep__columns table = {.n = sizeof titles / sizeof *titles, .align = align};
    const uint32_t shown = c->n_layers || c->n_kernels < SHOWN ? c->n_kernels : SHOWN;
    for (uint32_t i = 0; i < table.n; i++) ep__cell(&table, "%s", titles[i]);
    for (uint32_t i = 0; i < shown; i++) {
        const ep_kernel_row *row = &c->kernels[i];
        ep__cell(&table, "%s", row->kernel->name);
        ep__cell(&table, "%s", ep_device_name(row->kernel->device));
        ep__cell(&table, "%s", ep_precision_name(row->kernel->precision));
        db_cell(&table, row->own_db);
        db_cell(&table, row->so_far_db);
        ep__loss_cells(&table, &row->loss);
    }
    ep_text_printf(out, "\n");
    ep__columns_end(&table, width, out);
    if (shown == c->n_kernels) return;
    ep_text line = {0};
    ep_text_printf(&line, "and %u more, --layers shows them", (unsigned)(c->n_kernels - shown));
    ep__append_line(out, width, 2, &line);
}

static void append_side(const char *label, const char *path, const ep_execution *execution,
                        unsigned width, ep_text *out)
{
    ep_text line = {0};
    ep_text_printf(&line, "%s: %s%s", label, path, execution ? "" : " (saved)");
    ep__append_line(out, width, 2, &line);
}

static void append_verdict(const ep_comparison *c, unsigned width, ep_text *out)
{
    const ep_comparison_row *first = c->first_over;
    ep_text line = {0};
    ep_text_printf(&line, "over %.12g + %.12g |a|: %u of %u tensors", c->atol, c->rtol,
                   (unsigned)c->n_over, (unsigned)(c->n_outputs + c->n_layers));
    if (first) {
        ep_text_printf(&line, ", the first is %s", first->name);
        if (first->node) ep_text_printf(&line, " of %s (%s)", first->node, first->op);
    }
    ep_text_printf(out, "\n");
    ep__append_line(out, width, 2, &line);
}

ep_status ep_report_comparison(const ep_comparison *comparison, unsigned width, ep_text *out,
                               ep_error *err)
{
    const ep_comparison *c = comparison;
    const ep_execution *execution = c->execution_a ? c->execution_a : c->execution_b;
    append_side("A", c->a, c->execution_a, width, out);
    append_side("B", c->b, c->execution_b, width, out);
    if (execution) ep__append_inputs(execution, width, out);
    append_rows(c, "output", false, c->outputs, c->n_outputs, width, out);
    if (c->n_kernels) append_kernels(c, width, out);
    if (c->n_layers) append_rows(c, "tensor", true, c->layers, c->n_layers, width, out);
    if (c->has_tolerance) append_verdict(c, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- for programs -------------------------------------------------------------------------- */

static void json_text_or_null(ep_text *out, const char *key, const char *text)
{
    if (text) {
        ep__json_text(out, key, text);
    } else {
        ep__json_null(out, key);
    }
}

static void write_row(const ep_comparison *c, const ep_comparison_row *row, ep_text *out)
{
    const ep_deviation *d = &row->deviation;
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "name", row->name);
    json_text_or_null(out, "node", row->node);
    json_text_or_null(out, "op", row->op);
    json_text_or_null(out, "differ", row->differ);
    if (!row->differ) {
        ep__json_type(row->dtype, &row->shape, out);
        ep__json_number(out, "max_abs", d->max_abs);
        ep__json_number(out, "max_rel", d->max_rel);
        ep__json_number(out, "mean_abs", d->mean_abs);
        ep__json_number(out, "rms", d->rms);
        ep__json_number(out, "cosine", d->cosine);
        ep__json_number(out, "sqnr_db", d->sqnr_db);
        ep__json_integer(out, "unequal", d->unequal);
        ep__json_integer(out, "nan_a", d->nan_a);
        ep__json_integer(out, "nan_b", d->nan_b);
        ep__json_integer(out, "inf_a", d->inf_a);
        ep__json_integer(out, "inf_b", d->inf_b);
        if (c->has_tolerance) ep__json_integer(out, "over", d->over);
    }
    ep__json_close(out, '}');
}

static void write_rows(const ep_comparison *c, const char *key, const ep_comparison_row *rows,
                       uint32_t n, ep_text *out)
{
    ep__json_open(out, key, '[');
    for (uint32_t i = 0; i < n; i++) write_row(c, &rows[i], out);
    ep__json_close(out, ']');
}

static void write_kernels(const ep_comparison *c, ep_text *out)
{
    ep__json_open(out, "kernels", '[');
    for (uint32_t i = 0; i < c->n_kernels; i++) {
        const ep_kernel_row *row = &c->kernels[i];
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "name", row->kernel->name);
        ep__json_text(out, "tensor", row->tensor);
        ep__json_text(out, "device", ep_device_name(row->kernel->device));
        ep__json_text(out, "precision", ep_precision_name(row->kernel->precision));
        ep__json_number(out, "own_sqnr_db", row->own_db);
        ep__json_number(out, "sqnr_db", row->so_far_db);
        ep__json_integer(out, "rounded", row->loss.n);
        ep__json_integer(out, "overflowed", row->loss.overflowed);
        ep__json_integer(out, "saturated", row->loss.saturated);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
}

ep_status ep_report_comparison_json(const ep_comparison *comparison, ep_text *out, ep_error *err)
{
    const ep_comparison *c = comparison;
    const ep_execution *execution = c->execution_a ? c->execution_a : c->execution_b;
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "a", c->a);
    ep__json_text(out, "b", c->b);
    if (execution) ep__json_inputs(execution, out);
    write_rows(c, "outputs", c->outputs, c->n_outputs, out);
    write_rows(c, "layers", c->layers, c->n_layers, out);
    if (c->kernels) write_kernels(c, out);
    if (c->has_tolerance) {
        ep__json_number(out, "atol", c->atol);
        ep__json_number(out, "rtol", c->rtol);
        ep__json_integer(out, "tensors_over", c->n_over);
        json_text_or_null(out, "first_over", c->first_over ? c->first_over->name : NULL);
    }
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
