/* A machine beside another, and beside what its maker prints. */
#include <math.h>

#include "report/columns.h"
#include "report/format.h"
#include "report/json.h"
#include "report/report.h"

/* "gpu_int8_sparse_tops in 50W is 107, advertised 109 (-1.88 %)" */
static void append_claim(ep_text *line, const ep_claim *claim)
{
    ep_text_printf(line, "%s%s%s is %s, advertised %s (%s%s %%)", claim->figure,
                   claim->mode ? " in " : "", claim->mode ? claim->mode : "",
                   ep__round3(claim->derived).text, ep__round3(claim->advertised).text,
                   claim->error_pct > 0 ? "+" : "", ep__round3(claim->error_pct).text);
}

ep_status ep_report_hw_check(const ep_machine *machine, const ep_claim *claims, uint32_t n,
                             ep_text *out, ep_error *err)
{
    ep_text line = {0};
    double worst = 0;
    uint32_t off = 0;
    ep_text_printf(&line, "%s: ", machine->name);
    for (uint32_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs(claims[i].error_pct));
        if (ep_claim_holds(&claims[i])) continue;
        ep_text_printf(&line, "%s", off++ ? "; " : "");
        append_claim(&line, &claims[i]);
    }
    if (n == 0) {
        ep_text_printf(&line, "ok, nothing is advertised");
    } else if (off == 0) {
        ep_text_printf(&line, "ok, ");
        ep__append_plural(&line, n, "advertised figure");
        ep_text_printf(&line, " within %.1f %%", worst);
    }
    ep__append_line(out, 0, 0, &line);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

ep_status ep_report_hw_diff(const ep_machine *a, const ep_machine *b,
                            const ep_difference *differences, uint32_t n, unsigned width,
                            ep_text *out, ep_error *err)
{
    if (n == 0) {
        ep_text line = {0};
        ep_text_printf(&line, "%s and %s do not differ", a->name, b->name);
        ep__append_line(out, width, 2, &line);
        return out->failed ? ep_fail_memory(err) : EP_OK;
    }
    static const ep__align align[] = {EP__LEFT, EP__NAME, EP__NAME};
    ep__columns table = {.n = sizeof align / sizeof *align, .align = align};
    ep__cell(&table, "key");
    ep__cell(&table, "%s", a->name);
    ep__cell(&table, "%s", b->name);
    for (uint32_t i = 0; i < n; i++) {
        ep__cell(&table, "%s", differences[i].key);
        ep__cell(&table, "%s", differences[i].a ? differences[i].a : "-");
        ep__cell(&table, "%s", differences[i].b ? differences[i].b : "-");
    }
    ep__columns_end(&table, width, out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

static void write_side(ep_text *out, const char *key, const char *value)
{
    if (value) ep__json_text(out, key, value);
    if (!value) ep__json_null(out, key);
}

ep_status ep_report_hw_diff_json(const ep_machine *a, const ep_machine *b,
                                 const ep_difference *differences, uint32_t n, ep_text *out,
                                 ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_text(out, "a", a->name);
    ep__json_text(out, "b", b->name);
    ep__json_open(out, "differences", '[');
    for (uint32_t i = 0; i < n; i++) {
        ep__json_open(out, NULL, '{');
        ep__json_text(out, "key", differences[i].key);
        write_side(out, "a", differences[i].a);
        write_side(out, "b", differences[i].b);
        ep__json_close(out, '}');
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
