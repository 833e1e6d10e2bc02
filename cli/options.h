/* Private to cli/: a subcommand, its options, and how they are read. */
#ifndef EP_CLI_OPTIONS_H
#define EP_CLI_OPTIONS_H

#include "base/base.h"

typedef struct ep__option {
    const char *name;  /* "--hw" */
    const char *value; /* what help calls its value: "FILE", "KEY=VALUE..." when it may be given
                          more than once; NULL: it has none */
    const char *help;  /* lines, separated by newlines */
} ep__option;

#define EP__MAX_OPTIONS 48

typedef struct ep__values {
    uint32_t n;
    const char *const *at;
} ep__values;

/* A command line, taken apart. */
typedef struct ep__args {
    const char *given[EP__MAX_OPTIONS]; /* per option: its value, the last of several; "" for one
                                           that has none; NULL: not given */
    ep__values
        all[EP__MAX_OPTIONS]; /* per option that may be given more than once: its values in order */
    ep__values operands;
    unsigned width; /* columns of the terminal that standard output is; 0: it is none */
} ep__args;

typedef struct ep__command {
    const char *name;    /* "inspect", "hw list"; NULL: what runs when no subcommand is named */
    const char *summary; /* what it does, for help */
    const char *operand; /* what help calls its operands: "MODEL.onnx" */
    uint32_t min_operands, max_operands;
    uint32_t n_options;
    const ep__option *options;
    bool shows_failures; /* what it appends goes out whatever it returns */
    /* Appends what goes to standard output; EP_GATE_FAILED: that is complete all the same. */
    ep_status (*run)(const ep__args *args, ep_text *out, ep_error *err);
} ep__command;

/* Reads `--option value`, `--option=value` and the operands, in any order; after `--` only
 * operands. `argv` begins after the subcommand. EP_BAD_USAGE for what is unknown, repeated or
 * missing. The lists live in `arena`. */
ep_status ep__options_parse(const ep__command *command, int argc, char *const *argv,
                            ep_arena *arena, ep__args *args, ep_error *err);

/* What a command does with an arena of its own. */
typedef ep_status (*ep__arena_body)(ep_arena *arena, const ep__args *args, ep_text *out,
                                    ep_error *err);
ep_status ep__run_in_arena(ep__arena_body body, const ep__args *args, ep_text *out, ep_error *err);

/* `--help` or `-h` is among them. */
bool ep__options_help(int argc, char *const *argv);

/* Appends usage, summary and options. */
void ep__options_describe(const ep__command *command, ep_text *out);

/* A decimal number of digits alone, `min` to `max`. */
ep_status ep__parse_integer(const char *option, const char *text, int64_t min, int64_t max,
                            int64_t *out, ep_error *err);

/* A decimal number, `min` to `max`. */
ep_status ep__parse_number(const char *option, const char *text, double min, double max,
                           double *out, ep_error *err);

/* The index for which `name` gives `text`; `name` gives NULL past the last. */
ep_status ep__parse_choice(const char *option, const char *text, const char *(*name)(uint32_t),
                           uint32_t *out, ep_error *err);

#endif
