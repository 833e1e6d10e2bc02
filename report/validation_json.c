#include "report/json.h"
#include "report/report.h"

static void write_group(ep_text *out, const ep_validation_group *group)
{
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "group", group->name);
    ep__json_integer(out, "rows", group->rows);
    ep__json_integer(out, "predicted", group->predicted);
    ep__json_number(out, "median_abs_pct", group->median_abs_pct);
    ep__json_number(out, "p90_abs_pct", group->p90_abs_pct);
    ep__json_number(out, "bias_pct", group->bias_pct);
    ep__json_number(out, "spearman", group->spearman);
    ep__json_close(out, '}');
}

static void write_row(ep_text *out, const ep_measurement *row, const ep_prediction *prediction)
{
    ep__json_open(out, NULL, '{');
    ep__json_text(out, "id", row->id);
    if (prediction->skipped) {
        ep__json_null(out, "predicted");
        ep__json_number(out, "measured", row->value);
        ep__json_null(out, "error_pct");
        ep__json_text(out, "skipped", prediction->skipped);
    } else {
        ep__json_number(out, "predicted", prediction->value);
        ep__json_number(out, "measured", row->value);
        ep__json_number(out, "error_pct", prediction->error_pct);
        ep__json_null(out, "skipped");
    }
    ep__json_close(out, '}');
}

ep_status ep_report_validation_json(const ep_validation *validation, ep_text *out, ep_error *err)
{
    ep__json_open(out, NULL, '{');
    ep__json_integer(out, "schema", 1);
    ep__json_open(out, "groups", '[');
    for (uint32_t g = 0; g < validation->n_groups; g++) write_group(out, &validation->groups[g]);
    ep__json_close(out, ']');
    ep__json_open(out, "rows", '[');
    for (uint32_t r = 0; r < validation->n_rows; r++) {
        write_row(out, &validation->rows[r], &validation->predictions[r]);
    }
    ep__json_close(out, ']');
    ep__json_close(out, '}');
    ep_text_append(out, "\n", 1);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
