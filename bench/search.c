/* Measures the search for the fastest tactic, in this process: what a builder spends minutes on.
 *
 * usage: ep_bench_search HARDWARE MODEL.onnx
 *
 * Counts and times every kernel of the model on the GPU in FP16, all tactics; then 1,000 products
 * of which no two are alike. Exits with 1 when a limit is passed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/engine.h"
#include "planner/planner.h"

enum { ROUNDS = 11, PRODUCTS = 1000 };

static const double model_limit_ms = 2, products_limit_ms = 10;
static const ep_search all_tactics = {.level = EP_SEARCH_LEVEL_MAX - EP_SEARCH_LEVEL_DEFAULT};

/* Of the processor, since others may be at work on it. */
static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct subject {
    ep_machine *machine;
    ep_network *imported, *network;
    ep_layers *layers;
    ep_planned *planned;
} subject;

static ep_status load(const char *hardware, const char *model, subject *s, ep_error *err)
{
    const ep_plan_options options = {.precision = EP_CHOOSE_FP16, .dla = EP_DLA_NONE};
    EP_TRY(ep_machine_load(hardware, &(ep_machine_options){0}, &s->machine, err));
    EP_TRY(ep_network_load(model, &s->imported, err));
    EP_TRY(ep_specialize(s->imported, &(ep_specialize_options){0}, &s->network, err));
    EP_TRY(ep_layers_build(s->network, &s->layers, err));
    return ep_plan_make(s->layers, s->machine, "gpu", &options, &s->planned, err);
}

/* Returns the time predicted, so that none of the work can be left out. */
static double search_model(const subject *s, const ep_point *point)
{
    const ep_plan *plan = &s->planned->plan;
    const double frame_bytes = ep_sim_frame_bytes(plan);
    double ns = 0;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        const ep_cost cost =
            ep_sim_cost(s->machine, plan, &plan->kernels[k], frame_bytes, &all_tactics);
        ns += ep_cost_ns(&cost, point, NULL);
    }
    return ns;
}

/* Of the first product of the model, with other sizes. */
static double search_products(const subject *s, const ep_point *point)
{
    const ep_plan *plan = &s->planned->plan;
    double ns = 0;
    for (uint32_t k = 0; k < plan->n_kernels; k++) {
        ep_cost cost = s->planned->costs[k];
        if (!(cost.product.repeat > 0)) continue;
        cost.search = all_tactics;
        for (int i = 1; i <= PRODUCTS; i++) {
            cost.product.n = 8.0 * i;
            ns += ep_cost_ns(&cost, point, NULL);
        }
        return ns;
    }
    return ns;
}

static bool measure(const char *name, double limit_ms,
                    double (*search)(const subject *s, const ep_point *point), const subject *s)
{
    const ep_point point = ep_point_of(s->machine, &s->machine->modes[0]);
    double ms[ROUNDS];
    for (int r = 0; r < ROUNDS; r++) {
        const double start = now_ms();
        const double ns = search(s, &point);
        ms[r] = now_ms() - start;
        if (!(ns > 0)) return false;
    }
    qsort(ms, ROUNDS, sizeof *ms, by_value);
    const bool slow = ms[ROUNDS / 2] > limit_ms;
    printf("%-25s %8.3f ms (%.3f to %.3f), limit %.0f%s\n", name, ms[ROUNDS / 2], ms[0],
           ms[ROUNDS - 1], limit_ms, slow ? "  OVER" : "");
    return !slow;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: ep_bench_search HARDWARE MODEL.onnx\n");
        return 2;
    }
    subject s = {0};
    ep_error err = {0};
    ep_status status = load(argv[1], argv[2], &s, &err);
    if (status != EP_OK) {
        fprintf(stderr, "ep_bench_search: %s\n", err.text);
    } else {
        const bool model = measure("all kernels of the model", model_limit_ms, search_model, &s);
        const bool products = measure("1,000 products", products_limit_ms, search_products, &s);
        if (!model || !products) status = EP_GATE_FAILED;
    }
    ep_planned_free(s.planned);
    ep_layers_free(s.layers);
    ep_network_free(s.network);
    ep_network_free(s.imported);
    ep_machine_free(s.machine);
    return ep_status_exit_code(status);
}
