#include "cli/commands.h"
#include "hwmodels/hwmodels.h"

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    (void)args;
    ep_machine_json_schema(out);
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

const ep__command ep__cmd_hw_schema = {
    .name = "hw schema",
    .summary = "Prints the JSON Schema of hardware models, for editors.",
    .run = run,
};
