#include "cli/commands.h"
#include "cli/model.h"
#include "report/report.h"

enum { BATCH, SHAPES, JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
    [JSON] = {"--json", NULL, "JSON instead of the table"},
};

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    const char *const *given = args->given;
    ep__model model = {0};
    const ep__model_options model_options = {.batch = given[BATCH], .shapes = given[SHAPES]};
    ep_status status = ep__model_load(args->operands.at[0], &model_options, &model, err);
    if (status == EP_OK && given[JSON]) status = ep_report_inspect_json(model.layers, out, err);
    if (status == EP_OK && !given[JSON]) {
        status = ep_report_inspect(model.layers, args->width, out, err);
    }
    ep__model_free(&model);
    return status;
}

const ep__command ep__cmd_inspect = {
    .name = "inspect",
    .summary = "Lists the layers of a model with their shapes and sizes.",
    .operand = "MODEL.onnx",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
