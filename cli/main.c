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
static const ep__command *const commands[] = {
    &ep__cmd_plan,     &ep__cmd_check,        &ep__cmd_inspect,
    &ep__cmd_validate, &ep__cmd_modes,        &ep__cmd_sweep,
    &ep__cmd_run,      &ep__cmd_compare,      &ep__cmd_show,
    &ep__cmd_diff,     &ep__cmd_weights_fill, &ep__cmd_weights_strip,
    &ep__cmd_hw_list,  &ep__cmd_hw_show,      &ep__cmd_hw_check,
    &ep__cmd_hw_diff,  &ep__cmd_hw_schema,    &ep__cmd_hw_from_nvpmodel,
    &ep__cmd_rules,
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* How many words of argv the name of a subcommand takes: 0 when they begin with another. */
static int words_matched(const char *name, int argc, char *const *argv)
{
    int n = 0;
    while (*name) {
        const size_t length = strcspn(name, " ");
        if (n == argc || strlen(argv[n]) != length || strncmp(argv[n], name, length) != 0) return 0;
        n++;
        name += length + (name[length] == ' ');
    }
    return n;
}

/* The subcommand that argv begins with and the number of its words; NULL when there is none. */
static const ep__command *find_command(int argc, char *const *argv, int *words)
{
    for (int i = 1; i < N_COMMANDS; i++) {
        *words = words_matched(commands[i]->name, argc, argv);
        if (*words > 0) return commands[i];
    }
    *words = 0;
    return NULL;
}

/* "hw" alone, or "hw lsit": lists what follows the word. EP_OK when no subcommand begins with it.
 */
static ep_status check_family(int argc, char *const *argv, ep_error *err)
{
    ep_text family = {0};
    for (int i = 1; argc > 0 && i < N_COMMANDS; i++) {
        const char *name = commands[i]->name;
        const size_t length = strlen(argv[0]);
        if (length == 0 || strncmp(name, argv[0], length) != 0 || name[length] != ' ') continue;
        ep_text_printf(&family, "%s%s", family.length ? ", " : "", name + length + 1);
    }
    ep_status status = EP_OK;
    if (family.length) {
        status = ep_fail(err, EP_BAD_USAGE, "plan %s%s%s: there are %s", argv[0],
                         argc > 1 ? " " : "", argc > 1 ? argv[1] : "", ep_text_cstr(&family));
    }
    ep_text_free(&family);
    return status;
}

static void describe(const ep__command *command, ep_text *out)
{
    ep__options_describe(command, out);
    if (command != commands[0]) return;
    ep_text_printf(out, "\nsubcommands:\n");
    for (int i = 1; i < N_COMMANDS; i++) {
        ep_text_printf(out, "  %-20s  %.*s\n", commands[i]->name,
                       (int)strcspn(commands[i]->summary, "\n"), commands[i]->summary);
    }
    ep_text_printf(out, "  %-20s  %s\n", "help SUBCOMMAND", "Describes a subcommand.");
    ep_text_printf(out, "\nexit codes: 0 done, 1 a gate failed, 2 bad usage, 3 unusable input, "
                        "4 infeasible\n");
}

static ep_status run_help(int argc, char *const *argv, ep_text *out, ep_error *err)
{
    int words = 0;
    const ep__command *command = argc > 0 ? find_command(argc, argv, &words) : commands[0];
    if (!command) EP_TRY(check_family(argc, argv, err));
    EP_FAIL_IF(!command || argc > words, err, EP_BAD_USAGE,
               "no help on '%s'; 'plan help' lists the subcommands", argv[argc - 1]);
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

static ep_status run_command(const ep__command *command, int argc, char *const *argv, ep_text *out,
                             ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep__args args = {.width = terminal_width()};
    ep_status status = ep__options_parse(command, argc, argv, arena, &args, err);
    if (status == EP_OK) status = command->run(&args, out, err);
    if (status != EP_OK && status != EP_GATE_FAILED && !command->shows_failures) ep_text_free(out);
    ep_arena_free(arena);
    return status;
}

static ep_status run(int argc, char *const *argv, ep_text *out, ep_error *err)
{
    const char *const first = argc > 0 ? argv[0] : "";
    if (strcmp(first, "help") == 0) return run_help(argc - 1, argv + 1, out, err);
    if (strcmp(first, "--version") == 0) {
        ep_text_printf(out, "plan (edgeplan) %s\n", EP_VERSION);
        return EP_OK;
    }
    int words;
    const ep__command *command = find_command(argc, argv, &words);
    if (!command) {
        EP_TRY(check_family(argc, argv, err));
        command = commands[0];
    }
    if (ep__options_help(argc - words, argv + words)) {
        describe(command, out);
        return EP_OK;
    }
    return run_command(command, argc - words, argv + words, out, err);
}

static ep_status write_out(const ep_text *out, ep_error *err)
{
    if (out->failed) return ep_fail_memory(err);
    const size_t written = fwrite(ep_text_cstr(out), 1, out->length, stdout);
    EP_FAIL_IF(written != out->length || fflush(stdout) != 0, err, EP_BAD_FILE,
               "standard output: %s", strerror(errno));
    return EP_OK;
}

/* A thread of libgomp that waits for the others spins for milliseconds, and takes from them the
 * very core that they wait for where other programs run: on such a machine MobileNetV2 on two
 * threads took 35 to 440 ms, and 10 to 23 ms with 1000 turns (some 20 us), which are enough where
 * nothing else runs. libgomp reads the number when it is loaded, so that it takes a new start. */
static void limit_spinning(int argc, char *const *argv)
{
    const bool computes =
        argc > 1 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "compare") == 0);
    if (!computes || ep_cores() == 1 || getenv("GOMP_SPINCOUNT") || getenv("OMP_WAIT_POLICY")) {
        return;
    }
    if (setenv("GOMP_SPINCOUNT", "1000", 0) == 0) (void)execv("/proc/self/exe", argv);
    /* where that fails we go on as we are */
}

int main(int argc, char **argv)
{
    limit_spinning(argc, argv);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write like any other */
    ep_text out = {0};
    ep_error err = {0};
    ep_status status = run(argc > 0 ? argc - 1 : 0, argv + (argc > 0), &out, &err);
    const ep_status written = write_out(&out, &err);
    if (written != EP_OK) status = written;
    if (status != EP_OK) fprintf(stderr, "plan: %s\n", err.text);
    ep_text_free(&out);
    return ep_status_exit_code(status);
}
