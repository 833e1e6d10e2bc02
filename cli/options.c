#include "cli/options.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Names the option that was probably meant. */
static ep_status unknown_option(const ep__command *command, const char *word, ep_error *err)
{
    enum { NEAR = 2, LONGEST = 40 };
    char name[LONGEST];
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    const char *meant = NULL;
    unsigned fewest = NEAR + 1;
    for (uint32_t i = 0; i <= command->n_options; i++) {
        const char *option = i < command->n_options ? command->options[i].name : "--help";
        const unsigned edits = ep_edit_distance(name, option, NEAR);
        if (edits >= fewest) continue;
        fewest = edits;
        meant = option;
    }
    return ep_fail(err, EP_BAD_USAGE, "unknown option '%s'%s%s%s", word,
                   meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static bool has_name(const ep__option *option, const char *word)
{
    const size_t length = strlen(option->name);
    return strncmp(word, option->name, length) == 0 && (!word[length] || word[length] == '=');
}

/* Reads the option at argv[*i], and moves on to its value if that is the next argument. */
static ep_status parse_option(const ep__command *command, int argc, char *const *argv, int *i,
                              const char **given, ep_error *err)
{
    const char *const word = argv[*i];
    uint32_t o = 0;
    while (o < command->n_options && !has_name(&command->options[o], word)) o++;
    if (o == command->n_options) return unknown_option(command, word, err);

    const ep__option *option = &command->options[o];
    EP_FAIL_IF(given[o], err, EP_BAD_USAGE, "%s is given twice", option->name);
    const char *value = strchr(word, '=');
    if (!option->value) {
        EP_FAIL_IF(value, err, EP_BAD_USAGE, "%s takes no value", option->name);
        given[o] = "";
        return EP_OK;
    }
    if (value) {
        value++;
    } else if (*i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0) {
        value = argv[++*i];
    }
    EP_FAIL_IF(!value || !*value, err, EP_BAD_USAGE, "%s needs a value: %s %s", option->name,
               option->name, option->value);
    given[o] = value;
    return EP_OK;
}

ep_status ep__options_parse(const ep__command *command, int argc, char *const *argv,
                            const char *given[EP__MAX_OPTIONS], const char **model, ep_error *err)
{
    assert(command->n_options <= EP__MAX_OPTIONS);
    *model = NULL;
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        const char *const word = argv[i];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && word[0] == '-' && word[1]) {
            EP_TRY(parse_option(command, argc, argv, &i, given, err));
        } else {
            EP_FAIL_IF(*model, err, EP_BAD_USAGE, "one model at a time: there are '%s' and '%s'",
                       *model, word);
            *model = word;
        }
    }
    EP_FAIL_IF(!*model, err, EP_BAD_USAGE, "no model is given; 'plan --help' says how");
    return EP_OK;
}

bool ep__options_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    }
    return false;
}

/* One option, the lines of its help aligned. */
static void describe_option(const ep__option *option, ep_text *out)
{
    enum { HELP_COLUMN = 24 };
    const size_t start = out->length;
    ep_text_printf(out, "  %s%s%s", option->name, option->value ? " " : "",
                   option->value ? option->value : "");
    size_t column = out->length - start;
    for (const char *line = option->help; *line; column = 0) {
        const size_t length = strcspn(line, "\n");
        ep_text_printf(out, "%*s%.*s\n", (int)(HELP_COLUMN - column), "", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

void ep__options_describe(const ep__command *command, ep_text *out)
{
    ep_text_printf(out, "usage: plan %s%s[OPTIONS] MODEL.onnx\n\n%s\n\noptions:\n",
                   command->name ? command->name : "", command->name ? " " : "", command->summary);
    for (uint32_t i = 0; i < command->n_options; i++) {
        describe_option(&command->options[i], out);
    }
}

ep_status ep__parse_integer(const char *option, const char *text, int64_t min, int64_t max,
                            int64_t *out, ep_error *err)
{
    int64_t value = 0;
    bool good = *text != '\0';
    for (const char *p = text; *p && good; p++) {
        good = *p >= '0' && *p <= '9' && !EP_MUL_OVERFLOW(value, (int64_t)10, &value) &&
               !EP_ADD_OVERFLOW(value, (int64_t)(*p - '0'), &value);
    }
    EP_FAIL_IF(!good || value < min || value > max, err, EP_BAD_USAGE,
               "%s is '%s', not a number from %" PRId64 " to %" PRId64, option, text, min, max);
    *out = value;
    return EP_OK;
}

ep_status ep__parse_choice(const char *option, const char *text, const char *(*name)(uint32_t),
                           uint32_t *out, ep_error *err)
{
    ep_text choices = {0};
    const char *choice;
    for (uint32_t i = 0; (choice = name(i)); i++) {
        if (strcmp(choice, text) == 0) {
            *out = i;
            ep_text_free(&choices);
            return EP_OK;
        }
        ep_text_printf(&choices, "%s%s", i ? ", " : "", choice);
    }
    const ep_status status = ep_fail(err, EP_BAD_USAGE, "%s is '%s', not one of %s", option, text,
                                     ep_text_cstr(&choices));
    ep_text_free(&choices);
    return status;
}
