#include <string.h>

#include "cli/commands.h"
#include "cli/machine.h"
#include "report/report.h"

enum { HW, SET, DLA_SOFTWARE, MARKDOWN, N_OPTIONS };

static const ep__option options[N_OPTIONS] = {
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [DLA_SOFTWARE] = {"--dla-software", "NAME",
                      "as --set dla_software=NAME: trt-8.6, trt-10.x, ..."},
    [MARKDOWN] = {"--markdown", NULL,
                  "docs/dla-rules.md: the rules of all DLAs and software versions"},
};

/* ---- one machine --------------------------------------------------------------------------- */

/* `software` in place of the machine's own; NULL: that. */
static ep_status load(const char *hw, ep__values sets, const char *software, ep_arena *arena,
                      ep_machine **out, ep_error *err)
{
    const char **all = EP_NEW(arena, const char *, (uint64_t)sets.n + 1);
    if (!all) return ep_fail_memory(err);
    for (uint32_t i = 0; i < sets.n; i++) all[i] = sets.at[i];
    if (software) {
        all[sets.n] = ep_arena_printf(arena, "dla_software=%s", software);
        if (!all[sets.n]) return ep_fail_memory(err);
        sets.n++;
    }
    sets.at = all;
    const ep_machine_options machine_options = ep__machine_options(sets, NULL);
    return ep__machine_load(hw, &machine_options, out, err);
}

static ep_status print(const ep__args *args, ep_arena *arena, ep_text *out, ep_error *err)
{
    ep_machine *machine;
    EP_TRY(load(args->given[HW], args->all[SET], args->given[DLA_SOFTWARE], arena, &machine, err));
    const ep_status status = ep_report_rules(machine, args->width, out, err);
    ep_machine_free(machine);
    return status;
}

/* ---- all of them --------------------------------------------------------------------------- */

/* A machine of each DLA; the first has the numbers of the page. */
static const char *const of_each_dla[] = {"orin-agx-64gb", "xavier-agx"};
enum { N_DLAS = sizeof of_each_dla / sizeof *of_each_dla, MAX_MACHINES = 64 };

typedef struct machines {
    ep_machine *at[MAX_MACHINES];
    uint32_t n;
} machines;

static ep_status add(const char *hw, const char *software, ep_arena *arena, machines *all,
                     ep_error *err)
{
    EP_FAIL_IF(all->n == MAX_MACHINES, err, EP_UNSUPPORTED, "%s: more than %d software versions",
               hw, (int)MAX_MACHINES);
    EP_TRY(load(hw, (ep__values){0}, software, arena, &all->at[all->n], err));
    all->n++;
    return EP_OK;
}

/* The machine with its own software, then with every other that its file has. */
static ep_status add_all_versions(const char *hw, ep_arena *arena, machines *all, ep_error *err)
{
    EP_TRY(add(hw, NULL, arena, all, err));
    const ep_machine *own = all->at[all->n - 1];
    for (uint32_t i = 0; i < own->n_dla_softwares; i++) {
        if (strcmp(own->dla_softwares[i], own->dla_software) == 0) continue;
        EP_TRY(add(hw, own->dla_softwares[i], arena, all, err));
    }
    return EP_OK;
}

static ep_status print_markdown(ep_arena *arena, ep_text *out, ep_error *err)
{
    machines all = {.n = 0};
    ep_status status = EP_OK;
    for (int i = 0; i < N_DLAS && status == EP_OK; i++) {
        status = add_all_versions(of_each_dla[i], arena, &all, err);
    }
    if (status == EP_OK) {
        status = ep_report_rules_markdown((const ep_machine *const *)all.at, all.n, out, err);
    }
    for (uint32_t i = 0; i < all.n; i++) ep_machine_free(all.at[i]);
    return status;
}

static ep_status run(const ep__args *args, ep_text *out, ep_error *err)
{
    for (int o = HW; args->given[MARKDOWN] && o < MARKDOWN; o++) {
        EP_FAIL_IF(args->given[o], err, EP_BAD_USAGE, "--markdown is about all machines: no %s",
                   options[o].name);
    }
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    const ep_status status =
        args->given[MARKDOWN] ? print_markdown(arena, out, err) : print(args, arena, out, err);
    ep_arena_free(arena);
    return status;
}

const ep__command ep__cmd_rules = {
    .name = "rules",
    .summary = "Prints the DLA rules with the numbers of a machine.",
    .n_options = N_OPTIONS,
    .options = options,
    .run = run,
};
