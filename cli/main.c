/* cli: the program. One file a subcommand, one table here; no logic of its own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/commands.h"

/* The first runs when no subcommand is named. */
static const ep__command *const commands[] = {&ep__cmd_plan, &ep__cmd_inspect};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* The subcommand of that name; NULL when there is none. */
static const ep__command *find_command(const char *name)
{
    for (int i = 1; i < N_COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    }
    return NULL;
}

static void describe(const ep__command *command, ep_text *out)
{
    ep__options_describe(command, out);
    if (command != commands[0]) return;
    ep_text_printf(out, "\nsubcommands:\n");
    for (int i = 1; i < N_COMMANDS; i++) {
        ep_text_printf(out, "  %-20s  %s\n", commands[i]->name, commands[i]->summary);
    }
    ep_text_printf(out, "  %-20s  %s\n", "help SUBCOMMAND", "Describes a subcommand.");
    ep_text_printf(out, "\nexit codes: 0 done, 1 a gate failed, 2 bad usage, 3 unusable input, "
                        "4 infeasible\n");
}

static ep_status run_help(int argc, char *const *argv, ep_text *out, ep_error *err)
{
    const ep__command *command = argc > 0 ? find_command(argv[0]) : commands[0];
    EP_FAIL_IF(!command || argc > 1, err, EP_BAD_USAGE,
               "no help on '%s'; 'plan help' lists the "
               "subcommands",
               argv[argc - 1]);
    describe(command, out);
    return EP_OK;
}

/* Columns of the terminal that standard output is; 0 when it is none. */
static unsigned terminal_width(void)
{
    if (!isatty(STDOUT_FILENO)) return 0;
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

static ep_status run(int argc, char *const *argv, ep_text *out, ep_error *err)
{
    const char *const first = argc > 0 ? argv[0] : "";
    if (strcmp(first, "help") == 0) return run_help(argc - 1, argv + 1, out, err);
    if (strcmp(first, "--version") == 0) {
        ep_text_printf(out, "plan (edgeplan) %s\n", EP_VERSION);
        return EP_OK;
    }
    const ep__command *command = find_command(first);
    if (command) {
        argc--;
        argv++;
    } else {
        command = commands[0];
    }
    if (ep__options_help(argc, argv)) {
        describe(command, out);
        return EP_OK;
    }
    const char *given[EP__MAX_OPTIONS] = {0};
    const char *model;
    EP_TRY(ep__options_parse(command, argc, argv, given, &model, err));
    return command->run(given, model, terminal_width(), out, err);
}

static ep_status write_out(const ep_text *out, ep_error *err)
{
    if (out->failed) return ep_fail_memory(err);
    const size_t written = fwrite(ep_text_cstr(out), 1, out->length, stdout);
    EP_FAIL_IF(written != out->length || fflush(stdout) != 0, err, EP_BAD_FILE,
               "standard output: %s", strerror(errno));
    return EP_OK;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write like any other */
    ep_text out = {0};
    ep_error err = {0};
    ep_status status = run(argc > 0 ? argc - 1 : 0, argv + (argc > 0), &out, &err);
    if (status == EP_OK) status = write_out(&out, &err);
    if (status != EP_OK) fprintf(stderr, "plan: %s\n", err.text);
    ep_text_free(&out);
    return ep_status_exit_code(status);
}
