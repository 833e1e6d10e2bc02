/* Measures the program as a user meets it: from process start to exit, and its peak memory.
 *
 * The cases run in turn, round after round, so that a change of the machine's load falls on all of
 * them. The time of `true` in the same rounds is the yardstick for starting a process here.
 *
 * usage: ep_bench PLAN HARDWARE EXAMPLES GENERATED MEASUREMENTS
 *   the program, a hardware model, the folder of the examples, that of the generated models, and a
 *   file of measurements.
 * Exits with 1 when a limit is passed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 11, PATH_BYTES = 4096 };

typedef struct bench_case {
    const char *name;
    enum {
        RUN_NOTHING,
        RUN_PLAN,
        RUN_CHECK,
        RUN_VALIDATE,
        RUN_SERVER,
        RUN_SWEEP,
        RUN_TOGETHER
    } run;
    const char *example;   /* in EXAMPLES/models, or NULL */
    const char *generated; /* in GENERATED, or NULL */
    double limit_ms;       /* of the median; 0: none */
    double limit_mib;      /* of the peak; 0: none */
} bench_case;

enum {
    CASE_TRUE,
    CASE_RESNET50,
    CASE_YOLO,
    CASE_SWIN,
    CASE_BERT,
    CASE_CHAIN,
    CASE_CHAIN_TWICE,
    CASE_LARGE,
    CASE_CHECK_SWIN,
    CASE_CHECK_CHAIN,
    CASE_VALIDATE,
    CASE_SERVER,
    CASE_SWEEP,
    CASE_TOGETHER
};

static const bench_case cases[] = {
    [CASE_TRUE] = {"true", RUN_NOTHING, NULL, NULL, 0, 0},
    [CASE_RESNET50] = {"resnet50", RUN_PLAN, "resnet50.onnx", NULL, 100, 64},
    [CASE_YOLO] = {"yolov8x", RUN_PLAN, "yolov8x.onnx", NULL, 300, 0},
    [CASE_SWIN] = {"swin_t", RUN_PLAN, "swin_t.onnx", NULL, 200, 0},
    [CASE_BERT] = {"bert_large_384", RUN_PLAN, "bert_large_384.onnx", NULL, 200, 0},
    [CASE_CHAIN] = {"chain_20000", RUN_PLAN, NULL, "chain_20000.onnx", 4000, 0},
    [CASE_CHAIN_TWICE] = {"chain_40000", RUN_PLAN, NULL, "chain_40000.onnx", 0, 0},
    [CASE_LARGE] = {"weights_512mib", RUN_PLAN, NULL, "weights_512mib.onnx", 0, 100},
    [CASE_CHECK_SWIN] = {"check swin_t", RUN_CHECK, "swin_t.onnx", NULL, 100, 0},
    [CASE_CHECK_CHAIN] = {"check chain_20000", RUN_CHECK, NULL, "chain_20000.onnx", 2000, 0},
    [CASE_VALIDATE] = {"validate", RUN_VALIDATE, NULL, NULL, 1800, 0}, /* 917 rows; 1,000: 2 s */
    /* 39,000 inferences on a timeline, some 75 kernels each; 5,000 a second would take 8 s */
    [CASE_SERVER] = {"server resnet50", RUN_SERVER, "resnet50.onnx", NULL, 1500, 0},
    /* 498 clocks x 4 modes x 2 strategies on one thread; 2,000 points a second */
    [CASE_SWEEP] = {"sweep resnet50", RUN_SWEEP, "resnet50.onnx", NULL, 1992, 64},
    /* placements of three networks in four modes; most of them do not hold, and all are looked at
     */
    [CASE_TOGETHER] = {"three networks", RUN_TOGETHER, "swin_t.onnx:fps=60", NULL, 5000, 0},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* Twice the chain takes at most this many times as long. */
static const double chain_ratio_limit = 2.6;

typedef struct bench_times {
    double ms[ROUNDS];
    double peak_mib;
} bench_times;

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double values[ROUNDS], double *least, double *most)
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], by_value);
    *least = sorted[0];
    *most = sorted[ROUNDS - 1];
    return sorted[ROUNDS / 2];
}

/* Runs the command with its stdout thrown away; false when it cannot or exits with other than 0. */
static bool run_once(char *const argv[], double *ms, double *peak_mib)
{
    const double start = now_ms();
    const pid_t child = fork();
    if (child < 0) {
        fprintf(stderr, "ep_bench: cannot fork: %s\n", strerror(errno));
        return false;
    }
    if (child == 0) {
        const int null = open("/dev/null", O_WRONLY);
        if (null >= 0) dup2(null, STDOUT_FILENO);
        execvp(argv[0], argv);
        fprintf(stderr, "ep_bench: cannot run %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }

    int status = 0;
    struct rusage usage;
    while (wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) return false;
    }
    *ms = now_ms() - start;
    *peak_mib = (double)usage.ru_maxrss / 1024;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
    fprintf(stderr, "ep_bench: %s failed with status %d\n", argv[0], status);
    return false;
}

static bool run_case(const bench_case *entry, char *const argv[], bench_times *times, int round)
{
    char path[PATH_BYTES], second[PATH_BYTES], third[PATH_BYTES];
    char model[] = "--model";
    char mode[] = "--mode", all[] = "all", hw[] = "--hw", yardstick[] = "true";
    char check[] = "check", validate[] = "validate", models[] = "--models";
    char scenario[] = "--scenario=Server", bound[] = "--latency-ms=15", maxn[] = "--mode=MAXN";
    char sweep[] = "sweep", threads[] = "--threads=1", csv[] = "--csv";
    char clocks[] = "--set=gpu.clock_mhz=306:1300:2";
    if (entry->example) {
        snprintf(path, PATH_BYTES, "%s/models/%s", argv[3], entry->example);
    } else if (entry->generated) {
        snprintf(path, PATH_BYTES, "%s/%s", argv[4], entry->generated);
    }
    snprintf(second, PATH_BYTES, "%s/models/yolov8x.onnx:fps=30", argv[3]);
    snprintf(third, PATH_BYTES, "%s/models/bert_large_384.onnx:fps=15", argv[3]);
    char *const commands[][10] = {
        [RUN_NOTHING] = {yardstick},
        [RUN_PLAN] = {argv[1], hw, argv[2], mode, all, path},
        [RUN_CHECK] = {argv[1], check, hw, argv[2], path},
        [RUN_VALIDATE] = {argv[1], validate, models, argv[3], argv[5]},
        [RUN_SERVER] = {argv[1], scenario, bound, maxn, path},
        [RUN_SWEEP] = {argv[1], sweep, hw, argv[2], threads, csv, clocks, path},
        [RUN_TOGETHER] = {argv[1], model, path, model, second, model, third},
    };
    double peak_mib = 0;
    if (!run_once(commands[entry->run], &times->ms[round], &peak_mib)) return false;
    if (peak_mib > times->peak_mib) times->peak_mib = peak_mib;
    return true;
}

/* One row; false when a limit is passed. */
static bool print_case(const bench_case *entry, const bench_times *times, double yardstick_ms)
{
    double least, most;
    const double middle = median(times->ms, &least, &most);
    const bool slow = entry->limit_ms > 0 && middle > entry->limit_ms;
    const bool big = entry->limit_mib > 0 && times->peak_mib > entry->limit_mib;
    char ms[32] = "-", mib[32] = "-";
    if (entry->limit_ms > 0) snprintf(ms, sizeof ms, "%.0f", entry->limit_ms);
    if (entry->limit_mib > 0) snprintf(mib, sizeof mib, "%.0f", entry->limit_mib);
    printf("%-17s %10.1f %10.1f %10.1f %9s %10.1f %10s %9.1f%s\n", entry->name, middle, least, most,
           ms, times->peak_mib, mib, middle / yardstick_ms, slow || big ? "  OVER" : "");
    return !slow && !big;
}

static bool print_all(const bench_times times[N_CASES])
{
    double least, most, ratios[ROUNDS];
    const double yardstick_ms = median(times[CASE_TRUE].ms, &least, &most);
    printf("%-17s %10s %10s %10s %9s %10s %10s %9s\n", "case", "median ms", "least", "most",
           "limit", "peak MiB", "limit", "x true");
    bool good = true;
    for (int i = 0; i < N_CASES; i++) good &= print_case(&cases[i], &times[i], yardstick_ms);

    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = times[CASE_CHAIN_TWICE].ms[i] / times[CASE_CHAIN].ms[i];
    const double ratio = median(ratios, &least, &most);
    const bool steep = ratio > chain_ratio_limit;
    printf("chain_40000 / chain_20000: %.2f (%.2f to %.2f), limit %.1f%s\n", ratio, least, most,
           chain_ratio_limit, steep ? "  OVER" : "");
    return good && !steep;
}

int main(int argc, char **argv)
{
    static bench_times times[N_CASES];
    if (argc != 6 || strlen(argv[3]) > PATH_BYTES - 64 || strlen(argv[4]) > PATH_BYTES - 64) {
        fprintf(stderr, "usage: ep_bench PLAN HARDWARE EXAMPLES GENERATED MEASUREMENTS\n");
        return 2;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < N_CASES; i++) {
            if (!run_case(&cases[i], argv, &times[i], round)) return 1;
        }
    }
    return print_all(times) ? 0 : 1;
}
