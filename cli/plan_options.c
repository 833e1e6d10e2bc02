#include "cli/plan_options.h"

#include <string.h>

#include "cli/machine.h"
#include "cli/model.h"
#include "cli/plans.h"
#include "report/report.h"

const ep__option ep__plan_options[N_OPTIONS] = {
    [HW] = EP__OPTION_HW,
    [SET] = EP__OPTION_SET,
    [MODE_FILE] = EP__OPTION_MODE_FILE,
    [MODE] = {"--mode", "NAME|all", "power mode (default: all)"},
    [MODEL] = {"--model", "SPEC...",
               "a network among several at once: MODEL.onnx[:fps=30][:device=gpu|dla0|dla1]\n"
               "[:deadline_ms=50][:batch=N][:count=N] ... (docs/timeline.md)"},
    [STREAMS] = {"--streams", "SET",
                 "batches on several engines at once: gpu+2dla, 2dla, gpu+dla0, ...;\n"
                 "--batch 256+2 for the GPU and each DLA core; auto: the set, the batches and\n"
                 "the placement with the highest rate"},
    [SCENARIO] = {"--scenario", "NAME",
                  "Offline (the default of --streams), SingleStream, MultiStream or Server"},
    [RATE] = {"--rate", "N", "Server: images a second (default: the highest within the bound)"},
    [LATENCY_MS] = {"--latency-ms", "MS", "Server: bound of the 99th percentile"},
    [COPIES] = {"--copies", NULL, "inputs come from the host and outputs go there, copied"},
    [CPU_GBPS] = {"--cpu-gbps", "N", "what the CPU reads and writes meanwhile (default: 0)"},
    [PRECISION] = {"--precision", "NAME", "int8 (the default; FP16 allowed), fp16, fp32 or best"},
    [CALIB] = EP__OPTION_CALIB_CACHE,
    [NO_TF32] = EP__OPTION_NO_TF32,
    [STRATEGY] = {"--strategy", "NAME|all", "gpu, greedy, best (default: all; docs/placement.md)"},
    [OBJECTIVE] = {"--objective", "NAME",
                   "what best improves: latency (the default), energy, throughput or edp; of\n"
                   "networks that may run anywhere: energy (the default) or latency"},
    [DEADLINE_MS] = {"--deadline-ms", "MS", "best: a batch takes no longer"},
    [MAX_POWER_W] = {"--max-power-w", "W", "best: the module draws no more"},
    [MAX_SUBGRAPHS] = {"--max-subgraphs", "N", "best: no more on the DLA"},
    [BRANCHES] = {"--branches", NULL,
                  "best: branches may run at once on GPU and DLA, as several engines"},
    [DLA] = {"--dla", "0|1|both|none",
             "DLA core to plan for (default: 0 where there is one);\n"
             "both: batches go to the cores in turn"},
    [NO_FALLBACK] = {"--no-fallback", NULL, "a layer that the DLA refuses is an error"},
    [LAYER_DEVICES] = {"--layer-device-types", "SPEC",
                       "pins layers to devices: conv1:DLA,fc*:GPU (docs/plan-file.md)"},
    [LAYER_PRECISIONS] = {"--layer-precisions", "SPEC", "the same to precisions: conv1:fp16"},
    [SAVE] = {"--save", "PLAN.json",
              "writes the last plan, as it is in the first mode (docs/plan-file.md)"},
    [LOAD] = {"--load", "PLAN.json",
              "the plan that --save wrote, with its machine, mode and options of planning"},
    [RETUNE] = {"--retune", NULL, "searches the tactics of the plan anew"},
    [IO] = {"--io", "linear|native",
            "formats of inputs and outputs (default: linear, with reformats)"},
    [BATCH] = EP__OPTION_BATCH,
    [SHAPES] = EP__OPTION_SHAPES,
    [MIN_SHAPES] = EP__OPTION_MIN_SHAPES,
    [MAX_SHAPES] = EP__OPTION_MAX_SHAPES,
    [LEVEL] = {"--builder-optimization-level", "0..5",
               "how many tactics of the GPU the builder tries (default: 3)"},
    [TIMINGS] = EP__OPTION_TIMINGS,
    [PARETO] = {"--pareto", NULL,
                "what no other placement, precision, mode and batch beats in latency, throughput,\n"
                "energy and power, and which to choose; --batch then is N,M (default: 1,2,4,8,16)"},
    [GOVERNOR] = {"--governor", NULL,
                  "lowers clocks until a mode's budget holds, and says to what"},
    [AMBIENT] = {"--ambient", "C", "heat: temperature of the air (default: 25)"},
    [HEATSINK] = {"--heatsink", "NAME|K/W", "heat: what cools the module (default: the kit's)"},
    [DURATION] = {"--duration", "TIME", "heat: how long it runs, 600s, 10min, 1h (default: 600s)"},
    [TEGRASTATS] = {"--tegrastats", "FILE",
                    "writes what the board's tool would print of the last plan, in the first\n"
                    "mode that it runs in"},
    [JSON] = {"--json", NULL, "JSON instead of tables (docs/json.md)"},
    [CSV] = {"--csv", NULL, "CSV instead of tables, one row a mode and strategy"},
    [LAYERS] = {"--layers", NULL, "a table of layers too (JSON always has them)"},
    [KERNELS] = {"--kernels", NULL, "a table of kernels too: tactics, and where their time goes"},
    [EXPLAIN] = {"--explain", "LAYER",
                 "instead of the tables, what one layer costs elsewhere, and what moving it\n"
                 "does to the whole (of the last strategy)"},
    [TRACE] = {"--trace", "FILE",
               "writes a timeline of the first mode: for Perfetto, or a picture, FILE.svg"},
    [GANTT] = {"--gantt", NULL, "a timeline of the first mode as text"},
};

bool ep__plan_is_all(const char *strategy)
{
    return !strategy || strcmp(strategy, "all") == 0;
}

bool ep__plan_is_workload(const char *const *given)
{
    return given[MODEL] || given[STREAMS] || given[SCENARIO];
}

/* ep_io_name has one more, which no user asks for. */
static const char *io_name(uint32_t io)
{
    static const char *const names[] = {[EP_IO_LINEAR] = "linear", [EP_IO_NATIVE] = "native"};
    return io < sizeof names / sizeof *names ? names[io] : NULL;
}

/* A plan file has options of its own, and no clocks but those of its mode. */
static ep_status check_plan_files(const char *const *given, ep_error *err)
{
    static const int of_plan[] = {
        PRECISION,  NO_TF32, STRATEGY, DLA,           NO_FALLBACK,      IO,
        BATCH,      SHAPES,  LEVEL,    LAYER_DEVICES, LAYER_PRECISIONS, MIN_SHAPES,
        MAX_SHAPES, TIMINGS, BRANCHES};
    static const int of_clocks[] = {GOVERNOR, AMBIENT, HEATSINK, DURATION};
    for (size_t i = 0; given[LOAD] && i < sizeof of_plan / sizeof *of_plan; i++) {
        EP_FAIL_IF(given[of_plan[i]], err, EP_BAD_USAGE, "%s: the plan of --load has its own",
                   ep__plan_options[of_plan[i]].name);
    }
    for (size_t i = 0; given[SAVE] && i < sizeof of_clocks / sizeof *of_clocks; i++) {
        EP_FAIL_IF(given[of_clocks[i]], err, EP_BAD_USAGE,
                   "%s: a plan is saved at the clocks of its mode",
                   ep__plan_options[of_clocks[i]].name);
    }
    EP_FAIL_IF(given[RETUNE] && !given[LOAD], err, EP_BAD_USAGE, "--retune goes with --load");
    return EP_OK;
}

/* Options that are about one kind of run. */
static ep_status check_kinds(const char *const *given, ep_error *err)
{
    static const int of_one_plan[] = {
        STRATEGY,         DEADLINE_MS, MAX_POWER_W, MAX_SUBGRAPHS, DLA,     LAYERS,  LAYER_DEVICES,
        LAYER_PRECISIONS, SAVE,        LOAD,        KERNELS,       EXPLAIN, BRANCHES};
    static const int of_workloads[] = {RATE, LATENCY_MS, COPIES, CPU_GBPS};
    static const int not_of_pareto[] = {
        MODEL,    STREAMS,       SCENARIO,         GOVERNOR, AMBIENT, HEATSINK,
        DURATION, TEGRASTATS,    LAYERS,           KERNELS,  TRACE,   GANTT,
        EXPLAIN,  LAYER_DEVICES, LAYER_PRECISIONS, SAVE,     LOAD,    BRANCHES};
    const bool is_workload = ep__plan_is_workload(given);
    for (size_t i = 0; i < sizeof of_one_plan / sizeof *of_one_plan; i++) {
        EP_FAIL_IF(is_workload && given[of_one_plan[i]], err, EP_BAD_USAGE,
                   "%s is for one network by itself", ep__plan_options[of_one_plan[i]].name);
    }
    for (size_t i = 0; i < sizeof of_workloads / sizeof *of_workloads; i++) {
        EP_FAIL_IF(!is_workload && given[of_workloads[i]], err, EP_BAD_USAGE,
                   "%s goes with --streams, --scenario or --model",
                   ep__plan_options[of_workloads[i]].name);
    }
    for (size_t i = 0; i < sizeof not_of_pareto / sizeof *not_of_pareto; i++) {
        EP_FAIL_IF(given[PARETO] && given[not_of_pareto[i]], err, EP_BAD_USAGE,
                   "%s is for one setting: not with --pareto",
                   ep__plan_options[not_of_pareto[i]].name);
    }
    return EP_OK;
}

/* Forms of output exclude each other. */
static ep_status check_forms(const char *const *given, ep_error *err)
{
    EP_FAIL_IF(given[GANTT] && (given[JSON] || given[CSV]), err, EP_BAD_USAGE,
               "--gantt is for people: not with --json or --csv");
    EP_FAIL_IF(given[EXPLAIN] && (given[JSON] || given[CSV]), err, EP_BAD_USAGE,
               "--explain is for people: leave %s out", given[JSON] ? "--json" : "--csv");
    EP_FAIL_IF(given[JSON] && given[CSV], err, EP_BAD_USAGE, "--json and --csv exclude each other");
    EP_FAIL_IF(given[CSV] && given[LAYERS], err, EP_BAD_USAGE,
               "--csv has no layers: leave --layers out, or give --json");
    EP_FAIL_IF(given[CSV] && given[KERNELS], err, EP_BAD_USAGE,
               "--csv has no kernels: leave --kernels out, or give --json");
    return EP_OK;
}

ep_status ep__plan_options_check(const char *const *given, ep_error *err)
{
    EP_TRY(check_kinds(given, err));
    EP_TRY(check_plan_files(given, err));
    return check_forms(given, err);
}

ep_status ep__plan_options_parse(const char *const *given, ep_plan_options *out, ep_error *err)
{
    uint32_t precision = EP_CHOOSE_INT8, dla = EP_DLA_FIRST, strategy;
    uint32_t level = EP_SEARCH_LEVEL_DEFAULT;
    if (given[PRECISION]) {
        EP_TRY(ep__parse_choice("--precision", given[PRECISION], ep_precision_choice_name,
                                &precision, err));
    }
    if (given[DLA]) EP_TRY(ep__parse_choice("--dla", given[DLA], ep_dla_choice_name, &dla, err));
    if (given[LEVEL]) {
        EP_TRY(ep__parse_choice("--builder-optimization-level", given[LEVEL], ep_search_level_name,
                                &level, err));
    }
    uint32_t io = EP_IO_LINEAR;
    if (given[IO]) EP_TRY(ep__parse_choice("--io", given[IO], io_name, &io, err));
    if (!ep__plan_is_all(given[STRATEGY])) {
        EP_TRY(ep__parse_choice("--strategy", given[STRATEGY], ep_strategy_name, &strategy, err));
    }
    *out = (ep_plan_options){.precision = (ep_precision_choice)precision,
                             .dla = (ep_dla_choice)dla,
                             .no_fallback = given[NO_FALLBACK],
                             .no_tf32 = given[NO_TF32],
                             .search.level = (int)level - EP_SEARCH_LEVEL_DEFAULT,
                             .io = (ep_io)io};
    const ep__goal_texts goal = {.objective = ep__plan_is_workload(given) ? NULL : given[OBJECTIVE],
                                 .deadline_ms = given[DEADLINE_MS],
                                 .max_power_w = given[MAX_POWER_W],
                                 .max_subgraphs = given[MAX_SUBGRAPHS],
                                 .branches = given[BRANCHES]};
    return ep__goal_parse(&goal, ep__plan_is_all(given[STRATEGY]) ? NULL : given[STRATEGY], out,
                          err);
}
