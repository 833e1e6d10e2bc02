/* What is printed of a rule. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "planner/rules/rules.h"

const char *ep_confidence_name(ep_confidence confidence)
{
    static const char *const names[] = {
        [EP_DOCUMENTED] = "documented", [EP_HEADER] = "header", [EP_INFERRED] = "inferred"};
    return names[confidence];
}

const char *ep_change_name(ep_change change)
{
    static const char *const names[] = {[EP_CHANGE_EXACT] = "exact",
                                        [EP_CHANGE_APPROXIMATE] = "approximate",
                                        [EP_CHANGE_RETRAIN] = "retrain",
                                        [EP_CHANGE_SETTING] = "setting",
                                        [EP_CHANGE_NONE] = "none"};
    return names[change];
}

/* Appends the value of a key; false when the machine has none. */
static bool append_value(const ep_machine *machine, const char *key, size_t length, ep_text *out)
{
    enum { LONGEST = 64 };
    const char *prefix = memchr(key, '.', length) ? "" : "dla.limits.";
    char path[LONGEST];
    const int used = snprintf(path, sizeof path, "%s%.*s", prefix, (int)length, key);
    assert(used > 0 && used < LONGEST);
    (void)used;
    return ep_machine_value(machine, path, out);
}

static bool is_true(const ep_machine *machine, const char *key, size_t length)
{
    ep_text value = {0};
    const bool found = append_value(machine, key, length, &value);
    const bool truth = found && strcmp(ep_text_cstr(&value), "no") != 0;
    ep_text_free(&value);
    return truth;
}

void ep_rule_text(const ep_rule *rule, const ep_machine *machine, ep_text *out)
{
    const char *at = rule->text;
    for (;;) {
        const size_t plain = strcspn(at, "{");
        ep_text_append(out, at, plain);
        at += plain;
        if (*at == '\0') return;
        const char *key = at + 1;
        const size_t length = strcspn(key, "?!}");
        const char *words = key + length + 1;
        switch (key[length]) {
        case '}':
            if (!append_value(machine, key, length, out)) ep_text_printf(out, "none");
            at = words;
            continue;
        case '?':
        case '!':
            if (is_true(machine, key, length) == (key[length] == '?')) {
                ep_text_append(out, words, strcspn(words, "}"));
            }
            at = strchr(words, '}') + 1;
            continue;
        default: assert(false); return; /* the brace does not close */
        }
    }
}
