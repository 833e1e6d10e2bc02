/* Two networks, or what they saved, against each other. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "study/study_internal.h"

typedef struct side {
    const char *path;
    const ep_execution_plan *plan; /* NULL: as the file has it */
    bool fp32;                     /* but FP32 where it has FP16 */
    ep_execution *execution;       /* NULL: a folder of saved arrays */
    ep_names *tensors;             /* of the network */
    uint32_t n_names;
    const char **names; /* of its outputs; of a folder against a network: of the network's */
} side;

typedef struct job {
    const ep_compare_options *options;
    ep_arena *arena; /* of the comparison */
    side a, b;
    ep_comparison *out;
    ep_comparison_row *rows; /* being filled; room for all that may be */
    uint32_t n_rows;
} job;

/* ---- the two sides ------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static ep_status run_side(side *s, const ep_execution_options *options, ep_error *err)
{
    ep_timing timing;
    ep_execution_options planned = *options;
    planned.plan = s->plan;
    planned.fp32 = s->fp32;
    EP_TRY(ep_execution_new(s->path, &planned, &s->execution, err));
    EP_TRY(ep_execution_run(s->execution, 0, &timing, err));
    const ep_network *network = s->execution->network;
    s->tensors = ep_names_new();
    s->names = EP_NEW(s->execution->arena, const char *, network->n_outputs);
    if (!s->tensors || !s->names) return ep_fail_memory(err);
    for (uint32_t t = 0; t < network->n_tensors; t++) {
        EP_TRY(ep_names_put(s->tensors, network->tensors[t].name, t, err));
    }
    s->n_names = network->n_outputs;
    for (uint32_t i = 0; i < network->n_outputs; i++) {
        s->names[i] = network->tensors[network->outputs[i]].name;
    }
    return EP_OK;
}

/* B is a plan of the network that A computes. */
static bool ranks_kernels(const job *j)
{
    return j->b.plan && strcmp(j->a.path, j->b.path) == 0;
}

static ep_status make_sides(job *j, ep_error *err)
{
    ep_execution_options run = j->options->run;
    run.session.keep_all = j->options->layers || ranks_kernels(j);
    const bool saved_a = is_folder(j->a.path), saved_b = is_folder(j->b.path);
    EP_FAIL_IF(saved_a && saved_b && run.n_inputs, err, EP_BAD_USAGE,
               "--input: %s and %s are folders: nothing runs", j->a.path, j->b.path);
    if (!saved_a) EP_TRY(run_side(&j->a, &run, err));
    if (!saved_b && !saved_a) {
        run = (ep_execution_options){.like = j->a.execution, .session = run.session};
    }
    if (!saved_b) EP_TRY(run_side(&j->b, &run, err));
    if (saved_a && saved_b) {
        EP_TRY(ep__saved_names(j->a.path, j->arena, &j->a.names, &j->a.n_names, err));
        return ep__saved_names(j->b.path, j->arena, &j->b.names, &j->b.n_names, err);
    }
    side *saved = saved_a ? &j->a : &j->b;
    const side *computed = saved_a ? &j->b : &j->a;
    if (!saved->execution) {
        saved->names = computed->names;
        saved->n_names = computed->n_names;
    }
    return EP_OK;
}

/* The array of a tensor. What is read from a file lives in `arena`; `*found` is false when there is
 * none. */
static ep_status find_array(const side *s, const char *name, ep_dtype expected, ep_arena *arena,
                            bool *found, ep_array *out, ep_error *err)
{
    if (!s->execution) return ep__saved_read(s->path, name, expected, arena, found, out, err);
    const ep_network *network = s->execution->network;
    const uint32_t tensor = ep_names_get(s->tensors, name);
    const ep_array *array = NULL;
    if (tensor != EP_NO_INDEX) array = ep_session_tensor(s->execution->session, tensor);
    for (uint32_t i = 0; !array && i < network->n_outputs; i++) {
        if (network->outputs[i] == tensor) array = ep_session_output(s->execution->session, i);
    }
    *found = array != NULL;
    if (array) *out = *array;
    return EP_OK;
}

/* ---- rows ---------------------------------------------------------------------------------- */

static void set_node(const side *s, const char *name, ep_comparison_row *row)
{
    const uint32_t tensor = s->execution ? ep_names_get(s->tensors, name) : EP_NO_INDEX;
    if (tensor == EP_NO_INDEX) return;
    const uint32_t producer = s->execution->network->tensors[tensor].producer;
    if (producer == EP_NO_INDEX) return;
    row->order = producer;
    row->node = s->execution->network->nodes[producer].name;
    row->op = s->execution->network->nodes[producer].op_type;
}

static ep_status compare_arrays(job *j, const ep_array *a, const ep_array *b,
                                ep_comparison_row *row, ep_error *err)
{
    char shape_a[EP_SHAPE_TEXT], shape_b[EP_SHAPE_TEXT];
    row->dtype = a->dtype;
    row->shape = a->shape;
    if (!ep_shape_equal(&a->shape, &b->shape) || ep_array_numbers(a) != ep_array_numbers(b)) {
        row->differ = ep_arena_printf(j->arena, "%s %s in A, %s %s in B", ep_dtype_name(a->dtype),
                                      ep_shape_text(&a->shape, shape_a), ep_dtype_name(b->dtype),
                                      ep_shape_text(&b->shape, shape_b));
        return row->differ ? EP_OK : ep_fail_memory(err);
    }
    const double atol = j->options->has_tolerance ? j->options->atol : 0;
    const double rtol = j->options->has_tolerance ? j->options->rtol : 0;
    ep_deviation_of(a, b, atol, rtol, &row->deviation);
    return EP_OK;
}

static ep_status fill_row(job *j, const char *name_a, const char *name_b, ep_arena *arena,
                          ep_comparison_row *row, ep_error *err)
{
    bool in_a = false, in_b = false;
    ep_array a = {0}, b = {0};
    if (name_a) EP_TRY(find_array(&j->a, name_a, EP_DTYPE_UNDEFINED, arena, &in_a, &a, err));
    if (name_b) EP_TRY(find_array(&j->b, name_b, a.dtype, arena, &in_b, &b, err));
    row->name = name_a ? name_a : name_b;
    set_node(j->a.execution ? &j->a : &j->b, row->name, row);
    row->differ = !in_a && !in_b ? "not computed"
                  : !in_a        ? "only in B"
                  : !in_b        ? "only in A"
                                 : NULL;
    return row->differ ? EP_OK : compare_arrays(j, &a, &b, row, err);
}

/* Appends the row of a tensor; one of the names may be NULL. */
static ep_status add_row(job *j, const char *name_a, const char *name_b, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_comparison_row row = {.order = EP_NO_INDEX};
    const ep_status status = fill_row(j, name_a, name_b, arena, &row, err);
    ep_arena_free(arena);
    EP_TRY(status);
    row.over = j->options->has_tolerance && (row.differ || row.deviation.over > 0);
    j->out->n_over += row.over;
    j->rows[j->n_rows++] = row;
    return EP_OK;
}

static ep_status begin_rows(job *j, uint64_t room, ep_error *err)
{
    j->n_rows = 0;
    j->rows = EP_NEW(j->arena, ep_comparison_row, room);
    return j->rows ? EP_OK : ep_fail_memory(err);
}

/* ---- outputs ------------------------------------------------------------------------------- */

/* Finds the names of one side in the other: `partner[i]` is an index into the names of `b`, or
 * EP_NO_INDEX. Returns how many were found. */
static ep_status find_partners(const side *a, const side *b, uint32_t *partner, uint32_t *found,
                               ep_error *err)
{
    ep_names *index = ep_names_new();
    ep_status status = index ? EP_OK : ep_fail_memory(err);
    for (uint32_t i = 0; status == EP_OK && i < b->n_names; i++) {
        status = ep_names_put(index, b->names[i], i, err);
    }
    *found = 0;
    for (uint32_t i = 0; status == EP_OK && i < a->n_names; i++) {
        partner[i] = ep_names_get(index, a->names[i]);
        *found += partner[i] != EP_NO_INDEX;
    }
    ep_names_free(index);
    return status;
}

static ep_status compare_outputs(job *j, ep_error *err)
{
    const side *a = &j->a, *b = &j->b;
    EP_TRY(begin_rows(j, (uint64_t)a->n_names + b->n_names, err));
    uint32_t *of_a = EP_NEW(j->arena, uint32_t, a->n_names), found;
    uint32_t *of_b = EP_NEW(j->arena, uint32_t, b->n_names), found_back;
    if (!of_a || !of_b) return ep_fail_memory(err);
    EP_TRY(find_partners(a, b, of_a, &found, err));
    EP_TRY(find_partners(b, a, of_b, &found_back, err));
    const bool by_position = found == 0 && a->n_names == b->n_names && a->execution && b->execution;
    for (uint32_t i = 0; i < a->n_names; i++) {
        const uint32_t partner = by_position ? i : of_a[i];
        EP_TRY(add_row(j, a->names[i], partner == EP_NO_INDEX ? NULL : b->names[partner], err));
    }
    for (uint32_t i = 0; i < b->n_names && !by_position; i++) {
        if (of_b[i] == EP_NO_INDEX) EP_TRY(add_row(j, NULL, b->names[i], err));
    }
    j->out->outputs = j->rows;
    j->out->n_outputs = j->n_rows;
    return EP_OK;
}

/* ---- layers -------------------------------------------------------------------------------- */

/* A tensor that both sides have gets a row. */
static ep_status add_layer(job *j, const char *name, ep_error *err)
{
    const uint32_t n_over = j->out->n_over;
    EP_TRY(add_row(j, name, name, err));
    const char *differ = j->rows[j->n_rows - 1].differ;
    if (!differ || j->rows[j->n_rows - 1].dtype != EP_DTYPE_UNDEFINED) return EP_OK;
    j->n_rows--;
    j->out->n_over = n_over;
    return EP_OK;
}

static ep_status compare_layers(job *j, ep_error *err)
{
    const ep_execution *e = j->a.execution ? j->a.execution : j->b.execution;
    if (!e) return EP_OK;
    uint64_t room = 0;
    for (uint32_t i = 0; i < e->network->n_nodes; i++) room += e->network->nodes[i].n_outputs;
    EP_TRY(begin_rows(j, room, err));
    for (uint32_t i = 0; i < e->network->n_nodes; i++) {
        const ep_node *node = &e->network->nodes[i];
        for (uint32_t k = 0; k < node->n_outputs; k++) {
            if (!ep_execution_layer(e, i, k)) continue;
            EP_TRY(add_layer(j, e->network->tensors[node->outputs[k]].name, err));
        }
    }
    j->out->layers = j->rows;
    j->out->n_layers = j->n_rows;
    return EP_OK;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* The first row over the tolerance; of the same order the one that was found before. */
static void find_first(ep_comparison *c, const ep_comparison_row *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const bool before = !c->first_over || rows[i].order < c->first_over->order;
        if (rows[i].over && before) c->first_over = &rows[i];
    }
}

static ep_status compare(job *j, ep_error *err)
{
    EP_TRY(make_sides(j, err));
    EP_TRY(compare_outputs(j, err));
    if (j->options->layers) EP_TRY(compare_layers(j, err));
    if (ranks_kernels(j)) {
        ep_session_options session = j->options->run.session;
        session.keep_all = true;
        EP_TRY(ep__compare_kernels(j->a.execution, j->b.execution, &session, j->out, err));
    }
    ep_comparison *out = j->out;
    find_first(out, out->layers, out->n_layers);
    find_first(out, out->outputs, out->n_outputs);
    return EP_OK;
}

ep_status ep_compare(const char *a, const char *b, const ep_compare_options *options,
                     ep_comparison **out, ep_error *err)
{
    *out = NULL;
    ep_arena *arena = ep_arena_new();
    ep_comparison *comparison = arena ? EP_NEW(arena, ep_comparison, 1) : NULL;
    if (!comparison) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    *comparison = (ep_comparison){.arena = arena,
                                  .a = options->label_a ? options->label_a : a,
                                  .b = options->label_b ? options->label_b : b,
                                  .has_tolerance = options->has_tolerance,
                                  .atol = options->atol,
                                  .rtol = options->rtol};
    job j = {.options = options,
             .arena = arena,
             .a = {.path = a, .plan = options->plan_a, .fp32 = options->fp32_a},
             .b = {.path = b, .plan = options->plan_b, .fp32 = options->fp32_b},
             .out = comparison};
    const ep_status status = compare(&j, err);
    comparison->execution_a = j.a.execution;
    comparison->execution_b = j.b.execution;
    ep_names_free(j.a.tensors);
    ep_names_free(j.b.tensors);
    if (status == EP_OK) {
        *out = comparison;
    } else {
        ep_comparison_free(comparison);
    }
    return status;
}

void ep_comparison_free(ep_comparison *comparison)
{
    if (!comparison) return;
    ep_execution_free(comparison->execution_b); /* has inputs of the other */
    ep_execution_free(comparison->execution_a);
    ep_arena_free(comparison->arena);
}

ep_status ep_comparison_gate(const ep_comparison *comparison, ep_error *err)
{
    const ep_comparison_row *row = comparison->first_over;
    if (!row) return EP_OK;
    const unsigned n = comparison->n_outputs + comparison->n_layers;
    ep_text why = {0};
    if (row->differ) {
        ep_text_printf(&why, "%s", row->differ);
    } else {
        ep_text_printf(&why, "%llu of %llu numbers, max abs %.4g, max rel %.4g",
                       (unsigned long long)row->deviation.over,
                       (unsigned long long)row->deviation.n, row->deviation.max_abs,
                       row->deviation.max_rel);
    }
    const ep_status status = ep_fail(
        err, EP_GATE_FAILED,
        "%u of %u tensors over --atol %.12g --rtol %.12g; the first is '%s'%s%s%s: %s",
        (unsigned)comparison->n_over, n, comparison->atol, comparison->rtol, row->name,
        row->op ? " (" : "", row->op ? row->op : "", row->op ? ")" : "", ep_text_cstr(&why));
    ep_text_free(&why);
    return status;
}
