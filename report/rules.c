/* The DLA rules with the numbers of a machine: a table for people, docs/dla-rules.md. */
#include <string.h>

#include "report/format.h"
#include "report/report.h"

/* ---- for people ---------------------------------------------------------------------------- */

static void append_rule(const ep_rule *rule, const ep_machine *machine, unsigned width,
                        ep_text *out)
{
    ep_text line = {0};
    ep_text_printf(&line, "%s: ", rule->id);
    ep_rule_text(rule, machine, &line);
    ep__append_line(out, width, 4, &line);
    ep_text_printf(&line, "    hint, %s: %s", ep_change_name(rule->change), rule->hint);
    ep__append_line(out, width, 4, &line);
    ep_text_printf(&line, "    %s: %s%s", ep_confidence_name(rule->confidence), rule->source,
                   ep_rule_is_about_combinations(rule) ? "; about combinations of layers" : "");
    ep__append_line(out, width, 4, &line);
}

ep_status ep_report_rules(const ep_machine *machine, unsigned width, ep_text *out, ep_error *err)
{
    if (machine->dla.cores == 0) {
        ep_text_printf(out, "%s has no DLA: general.no-dla refuses every layer\n", machine->name);
        return out->failed ? ep_fail_memory(err) : EP_OK;
    }
    ep_text line = {0};
    ep_text_printf(&line, "DLA rules of %s: DLA %s, %s", machine->title, machine->dla.version,
                   machine->dla_software);
    ep__append_line(out, width, 4, &line);
    const ep_rule *rule;
    for (uint32_t i = 0; (rule = ep_rule_row(i)); i++) {
        ep_text_append(out, "\n", 1);
        append_rule(rule, machine, width, out);
    }
    return out->failed ? ep_fail_memory(err) : EP_OK;
}

/* ---- docs/dla-rules.md --------------------------------------------------------------------- */

/* The family of a rule is what precedes the dot of its id. */
static bool begins_family(uint32_t index)
{
    if (index == 0) return true;
    const char *id = ep_rule_row(index)->id, *before = ep_rule_row(index - 1)->id;
    const size_t length = strcspn(id, ".") + 1;
    return strncmp(id, before, length) != 0;
}

static void append_software(const ep_machine *machine, ep_text *out)
{
    ep_text_printf(out, "DLA %s with %s", machine->dla.version, machine->dla_software);
}

/* "- DLA v1 with trt-8.6, DLA v1 with trt-8.5: text", one line a text that differs from that of the
 * first machine. */
static ep_status append_differences(const ep_rule *rule, const ep_machine *const *machines,
                                    uint32_t n, ep_text *texts, ep_text *out, ep_error *err)
{
    for (uint32_t m = 0; m < n; m++) {
        ep_text_free(&texts[m]);
        ep_rule_text(rule, machines[m], &texts[m]);
        if (texts[m].failed) return ep_fail_memory(err);
    }
    for (uint32_t m = 1; m < n; m++) {
        const char *text = ep_text_cstr(&texts[m]);
        uint32_t first = 0; /* machine with this text */
        while (strcmp(ep_text_cstr(&texts[first]), text) != 0) first++;
        if (first < m) continue;
        ep_text_printf(out, "- differs in ");
        for (uint32_t same = m; same < n; same++) {
            if (strcmp(ep_text_cstr(&texts[same]), text) != 0) continue;
            if (same > m) ep_text_printf(out, ", ");
            append_software(machines[same], out);
        }
        ep_text_printf(out, ": %s\n", text);
    }
    return EP_OK;
}

static ep_status append_section(const ep_rule *rule, const ep_machine *const *machines, uint32_t n,
                                ep_text *texts, ep_text *out, ep_error *err)
{
    ep_text_printf(out, "\n### %s\n\n", rule->id);
    ep_rule_text(rule, machines[0], out);
    ep_text_printf(out, "\n\n- hint (%s): %s\n", ep_change_name(rule->change), rule->hint);
    ep_text_printf(out, "- %s: %s\n", ep_confidence_name(rule->confidence), rule->source);
    if (ep_rule_is_about_combinations(rule)) {
        ep_text_printf(out, "- about combinations of layers: placement decides\n");
    }
    return append_differences(rule, machines, n, texts, out, err);
}

static void append_introduction(const ep_machine *const *machines, uint32_t n, ep_text *out)
{
    ep_text_printf(out,
                   "# DLA rules\n\n"
                   "`plan rules --markdown` writes this page; `plan rules` prints the rules with "
                   "the numbers\nof one machine and DLA software, `plan check` what they say of a "
                   "network.\n\n"
                   "The numbers are those of ");
    append_software(machines[0], out);
    ep_text_printf(out, " unless a line says where they differ. There are\nalso ");
    for (uint32_t m = 1; m < n; m++) {
        if (m > 1) ep_text_printf(out, ", ");
        append_software(machines[m], out);
    }
    ep_text_printf(
        out,
        ".\n\n"
        "A hint says what would satisfy the rule, and what that takes: *exact* gives the same\n"
        "results, *approximate* slightly other ones with the same weights, *retrain* another\n"
        "function; *setting* leaves the network alone; *none* means that there is no way. `plan "
        "check`\nhas hints that fit the layer.\n\n"
        "How well a rule is known: *documented* by NVIDIA's developer guide or DLA repository, in\n"
        "comments of a *header* of TensorRT, or *inferred* from reports or the hardware.\n");
}

ep_status ep_report_rules_markdown(const ep_machine *const *machines, uint32_t n, ep_text *out,
                                   ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    ep_text *texts = arena ? EP_NEW(arena, ep_text, n) : NULL;
    ep_status status = texts ? EP_OK : ep_fail_memory(err);
    if (status == EP_OK) append_introduction(machines, n, out);
    const ep_rule *rule;
    for (uint32_t i = 0; status == EP_OK && (rule = ep_rule_row(i)); i++) {
        if (begins_family(i)) {
            ep_text_printf(out, "\n## %.*s\n", (int)strcspn(rule->id, "."), rule->id);
        }
        status = append_section(rule, machines, n, texts, out, err);
    }
    for (uint32_t m = 0; texts && m < n; m++) ep_text_free(&texts[m]);
    ep_arena_free(arena);
    if (status == EP_OK && out->failed) status = ep_fail_memory(err);
    return status;
}
