/* Private to cli/: a subcommand, its options, and how they are read. */
#ifndef EP_CLI_OPTIONS_H
#define EP_CLI_OPTIONS_H

#include "base/base.h"

typedef struct ep__option {
    const char *name;  /* "--hw" */
    const char *value; /* what help calls its value: "FILE"; NULL: it has none */
    const char *help;  /* lines, separated by newlines */
} ep__option;

typedef struct ep__command {
    const char *name;    /* "inspect"; NULL: what runs when no subcommand is named */
    const char *summary; /* what it does, for help */
    uint32_t n_options;
    const ep__option *options;
    /* `given` has one entry an option: its value, "" for one that has none; NULL: not given.
     * Appends what goes to standard output, `width` columns wide (0: not a terminal). */
    ep_status (*run)(const char *const *given, const char *model, unsigned width, ep_text *out,
                     ep_error *err);
} ep__command;

#define EP__MAX_OPTIONS 16

/* Reads `--option value`, `--option=value` and the model, in any order; after `--` only the model.
 * `argv` begins after the subcommand. EP_BAD_USAGE for what is unknown, repeated or missing. */
ep_status ep__options_parse(const ep__command *command, int argc, char *const *argv,
                            const char *given[EP__MAX_OPTIONS], const char **model, ep_error *err);

/* `--help` or `-h` is among them. */
bool ep__options_help(int argc, char *const *argv);

/* Appends usage, summary and options. */
void ep__options_describe(const ep__command *command, ep_text *out);

/* A decimal number of digits alone, `min` to `max`. */
ep_status ep__parse_integer(const char *option, const char *text, int64_t min, int64_t max,
                            int64_t *out, ep_error *err);

/* The index for which `name` gives `text`; `name` gives NULL past the last. */
ep_status ep__parse_choice(const char *option, const char *text, const char *(*name)(uint32_t),
                           uint32_t *out, ep_error *err);

#endif
