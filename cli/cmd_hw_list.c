#include "cli/commands.h"
#include "cli/machine.h"
#include "report/report.h"

enum { JSON, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [JSON] = {"--json", NULL, "JSON instead of the table"},
};

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    const ep_machine_options where = ep__machine_options((ep__values){0}, NULL);
    ep_catalog *catalog;
    EP_TRY(ep_catalog_load(&where, &catalog, err));
    ep_status status = args->given[JSON] ? ep_report_hw_list_json(catalog, out, err)
                                         : ep_report_hw_list(catalog, args->width, out, err);
    uint32_t bad = 0;
    for (uint32_t i = 0; i < catalog->n; i++) bad += !catalog->entries[i].machine;
    if (status == EP_OK && bad > 0) {
        status = ep_fail(err, EP_BAD_HARDWARE, "%u of %u hardware models cannot be loaded",
                         (unsigned)bad, (unsigned)catalog->n);
    }
    ep_catalog_free(catalog);
    return status;
}

const ep__command ep__cmd_hw_list = {
    .name = "hw list",
    .summary = "Lists the hardware models in PLAN_HW_PATH and the installed ones.",
    .n_options = N_OPTIONS,
    .options = options,
    .shows_failures = true,
    .run = run,
};
