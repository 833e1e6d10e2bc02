#include <inttypes.h>
#include <string.h>

#include "cli/commands.h"
#include "graph/graph.h"

#define OPTION_OUT                                                                                 \
    {                                                                                              \
        "-o", "FILE", "the model to write; required"                                               \
    }

static ep_status require_out(const char *path, ep_error *err)
{
    EP_FAIL_IF(!path, err, EP_BAD_USAGE, "-o FILE is missing: where to write the model");
    return EP_OK;
}

static void print_summary(const ep_weights_summary *summary, const char *verb, const char *path,
                          ep_text *out)
{
    ep_text_printf(out, "%" PRIu64 " weights of %" PRIu64 " elements %s: %s, %" PRIu64 " bytes",
                   summary->weights, summary->elements, verb, path, summary->model_bytes);
    if (summary->data_bytes) {
        ep_text_printf(out, ", and %s.data, %" PRIu64 " bytes", path, summary->data_bytes);
    }
    ep_text_printf(out, "\n");
}

/* ---- plan weights fill --------------------------------------------------------------------- */

enum { FILL_OUT, FILL_SEED, N_FILL_OPTIONS };

static const ep__option fill_options[N_FILL_OPTIONS] = {
    [FILL_OUT] = OPTION_OUT,
    [FILL_SEED] = {"--seed", "N", "what the values follow from (default: 1)"},
};

static ep_status fill(const ep__args *args, ep_text *out, ep_error *err)
{
    const char *const *given = args->given;
    int64_t seed = 1;
    ep_weights_summary summary;
    EP_TRY(require_out(given[FILL_OUT], err));
    if (given[FILL_SEED]) {
        EP_TRY(ep__parse_integer("--seed", given[FILL_SEED], 0, INT64_MAX, &seed, err));
    }
    EP_TRY(ep_weights_fill(args->operands.at[0], (uint64_t)seed, given[FILL_OUT], &summary, err));
    print_summary(&summary, "filled", given[FILL_OUT], out);
    return EP_OK;
}

const ep__command ep__cmd_weights_fill = {
    .name = "weights fill",
    .summary = "Gives the stripped weights of a model values that let it be run.\n"
               "The values are random, of a size that keeps activations in range, and follow from "
               "the\n"
               "seed and the name of the weight; parameters of a BatchNormalization keep their "
               "constant.\n"
               "External data goes to FILE.data.",
    .operand = "MODEL.onnx",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_FILL_OPTIONS,
    .options = fill_options,
    .run = fill,
};

/* ---- plan weights strip -------------------------------------------------------------------- */

enum { STRIP_OUT, N_STRIP_OPTIONS };

static const ep__option strip_options[N_STRIP_OPTIONS] = {[STRIP_OUT] = OPTION_OUT};

static ep_status strip(const ep__args *args, ep_text *out, ep_error *err)
{
    ep_weights_summary summary;
    EP_TRY(require_out(args->given[STRIP_OUT], err));
    EP_TRY(ep_weights_strip(args->operands.at[0], args->given[STRIP_OUT], &summary, err));
    print_summary(&summary, "stripped", args->given[STRIP_OUT], out);
    return EP_OK;
}

const ep__command ep__cmd_weights_strip = {
    .name = "weights strip",
    .summary = "Takes the weights out of a model: a few KB that plan as the whole does.\n"
               "Floating-point initializers of 256 elements or more are replaced by nodes that "
               "make\n"
               "constants of their shape. All else stays as it is.",
    .operand = "MODEL.onnx",
    .min_operands = 1,
    .max_operands = 1,
    .n_options = N_STRIP_OPTIONS,
    .options = strip_options,
    .run = strip,
};
