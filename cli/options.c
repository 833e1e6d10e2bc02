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

/* "--layer-precisions", also as trtexec spells it: "--layerPrecisions"; "--noTF32". */
static bool has_name(const ep__option *option, const char *word)
{
    const char *name = option->name;
    while (*name && *word && *word != '=') {
        const bool capital = *word >= 'A' && *word <= 'Z';
        if (capital && *name == '-') name++;
        if (*name++ != (capital ? *word - 'A' + 'a' : *word)) return false;
        word++;
    }
    return !*name && (!*word || *word == '=');
}

static bool repeats(const ep__option *option)
{
    const size_t length = option->value ? strlen(option->value) : 0;
    return length > 3 && strcmp(option->value + length - 3, "...") == 0;
}

/* Appends to a list that has room for every word of the command line. */
static ep_status append(ep__values *list, const char *value, int room, ep_arena *arena,
                        ep_error *err)
{
    if (!list->at) list->at = EP_NEW(arena, const char *, (uint64_t)room);
    if (!list->at) return ep_fail_memory(err);
    ((const char **)list->at)[list->n++] = value;
    return EP_OK;
}

typedef struct parser {
    const ep__command *command;
    int argc;
    char *const *argv;
    int i; /* of the word being read */
    ep_arena *arena;
    ep__args *args;
} parser;

/* Reads the option at argv[i], and moves on to its value if that is the next argument. */
static ep_status parse_option(parser *p, ep_error *err)
{
    const ep__command *command = p->command;
    const char *const word = p->argv[p->i];
    uint32_t o = 0;
    while (o < command->n_options && !has_name(&command->options[o], word)) o++;
    if (o == command->n_options) return unknown_option(command, word, err);

    const ep__option *option = &command->options[o];
    EP_FAIL_IF(p->args->given[o] && !repeats(option), err, EP_BAD_USAGE, "%s is given twice",
               option->name);
    const char *value = strchr(word, '=');
    if (!option->value) {
        EP_FAIL_IF(value, err, EP_BAD_USAGE, "%s takes no value", option->name);
        p->args->given[o] = "";
        return EP_OK;
    }
    if (value) {
        value++;
    } else if (p->i + 1 < p->argc && strncmp(p->argv[p->i + 1], "--", 2) != 0) {
        value = p->argv[++p->i];
    }
    EP_FAIL_IF(!value || !*value, err, EP_BAD_USAGE, "%s needs a value: %s %s", option->name,
               option->name, option->value);
    p->args->given[o] = value;
    return repeats(option) ? append(&p->args->all[o], value, p->argc, p->arena, err) : EP_OK;
}

static ep_status check_operands(const ep__command *command, const ep__values *operands,
                                ep_error *err)
{
    const char *help = command->name ? command->name : "";
    const char *space = command->name ? " " : "";
    EP_FAIL_IF(operands->n < command->min_operands, err, EP_BAD_USAGE,
               "%s is missing; 'plan %s%s--help' says how", command->operand, help, space);
    if (operands->n <= command->max_operands) return EP_OK;
    const char *extra = operands->at[command->max_operands];
    EP_FAIL_IF(command->max_operands == 0, err, EP_BAD_USAGE,
               "'%s' is too much: 'plan %s' takes options only", extra, help);
    return ep_fail(err, EP_BAD_USAGE, "'%s' is too much: %s %s", extra, command->operand,
                   command->max_operands == 1 ? "is one at a time" : "is all there can be");
}

ep_status ep__options_parse(const ep__command *command, int argc, char *const *argv,
                            ep_arena *arena, ep__args *args, ep_error *err)
{
    assert(command->n_options <= EP__MAX_OPTIONS);
    parser p = {.command = command, .argc = argc, .argv = argv, .arena = arena, .args = args};
    bool options_ended = false;
    for (; p.i < argc; p.i++) {
        const char *const word = argv[p.i];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && word[0] == '-' && word[1]) {
            EP_TRY(parse_option(&p, err));
        } else {
            EP_TRY(append(&args->operands, word, argc, arena, err));
        }
    }
    return check_operands(command, &args->operands, err);
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
    if (column + 1 > HELP_COLUMN) { /* no room for a blank: help begins below */
        ep_text_printf(out, "\n");
        column = 0;
    }
    for (const char *line = option->help; *line; column = 0) {
        const size_t length = strcspn(line, "\n");
        ep_text_printf(out, "%*s%.*s\n", (int)(HELP_COLUMN - column), "", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

void ep__options_describe(const ep__command *command, ep_text *out)
{
    ep_text_printf(out, "usage: plan %s%s%s%s%s\n\n%s\n", command->name ? command->name : "",
                   command->name ? " " : "", command->n_options ? "[OPTIONS]" : "",
                   command->n_options && command->max_operands ? " " : "",
                   command->max_operands ? command->operand : "", command->summary);
    if (command->n_options) ep_text_printf(out, "\noptions:\n");
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

ep_status ep__parse_number(const char *option, const char *text, double min, double max,
                           double *out, ep_error *err)
{
    double value;
    EP_FAIL_IF(!ep_number_parse(text, &value) || !(value >= min && value <= max), err, EP_BAD_USAGE,
               "%s is '%s', not a number from %.12g to %.12g", option, text, min, max);
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

ep_status ep__run_in_arena(ep__arena_body body, const ep__args *args, ep_text *out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    const ep_status status = body(arena, args, out, err);
    ep_arena_free(arena);
    return status;
}
