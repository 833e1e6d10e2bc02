#include "cli/commands.h"
#include "cli/machine.h"
#include "report/report.h"

/* Appends the line of one model. `*off` says whether a figure is. */
static ep_status check(const char *hw, ep_text *out, bool *off, ep_error *err)
{
    const ep_machine_options where = ep__machine_options((ep__values){0}, NULL);
    ep_machine *machine;
    EP_TRY(ep__machine_load(hw, &where, &machine, err));
    ep_arena *arena = ep_arena_new();
    const ep_claim *claims = NULL;
    uint32_t n = 0;
    ep_status status =
        arena ? ep_machine_claims(machine, arena, &claims, &n, err) : ep_fail_memory(err);
    if (status == EP_OK) status = ep_report_hw_check(machine, claims, n, out, err);
    for (uint32_t i = 0; i < n; i++) *off |= !ep_claim_holds(&claims[i]);
    ep_arena_free(arena);
    ep_machine_free(machine);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    const uint32_t n = args->operands.n;
    uint32_t bad = 0, wrong = 0;
    ep_status worst = EP_OK;
    for (uint32_t i = 0; i < n; i++) {
        bool off = false;
        ep_error why = {0};
        const ep_status status = check(args->operands.at[i], out, &off, &why);
        wrong += off;
        if (status == EP_OK) continue;
        bad++;
        worst = status;
        if (n == 1) *err = why;
        if (n > 1) ep_text_printf(out, "%s\n", why.text);
    }
    if (bad > 0) {
        if (n == 1) return worst;
        return ep_fail(err, worst, "%u of %u hardware models cannot be loaded", (unsigned)bad,
                       (unsigned)n);
    }
    EP_FAIL_IF(wrong > 0, err, EP_GATE_FAILED,
               "figures of %u of %u hardware models are off by more than 5 %%", (unsigned)wrong,
               (unsigned)n);
    return EP_OK;
}

const ep__command ep__cmd_hw_check = {
    .name = "hw check",
    .summary =
        "Checks hardware models.\n"
        "They must load, and what follows from them be within 5 % of what they say is advertised.",
    .operand = "NAME...",
    .min_operands = 1,
    .max_operands = UINT32_MAX,
    .shows_failures = true,
    .run = run,
};
