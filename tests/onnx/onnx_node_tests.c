/* Runs ONNX's backend tests:
 *
 *     onnx_node_tests [--expect FILE] DIR [NAME...]
 *
 * DIR holds a folder a test: model.onnx and test_data_set_*, in which input_N.pb goes in and
 * output_N.pb must come out, as onnx.backend.test compares: same type and shape, and
 * |actual - expected| <= 1e-7 + 1e-3 |expected|. Prints a line a test: passed, failed or skipped
 * (not supported), and why; last, how many of each. NAME: these tests only.
 *
 * Exits with 1 when a test failed. With --expect, FILE lists the tests that do not pass, a line
 * each: NAME REASON; then it exits with 1 when another test does not pass, or one of these does. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/engine.h"

#define RTOL 1e-3
#define ATOL 1e-7

enum { PASSED, FAILED, SKIPPED, OUTCOMES };
static const char *const outcome_names[] = {"passed", "failed", "skipped"};

/* ---- names of folders ---------------------------------------------------------------------- */

typedef struct list {
    char **names;
    uint32_t count, capacity;
} list;

static void list_free(list *l)
{
    for (uint32_t i = 0; i < l->count; i++) free(l->names[i]);
    free(l->names);
    *l = (list){0};
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The entries of a folder that begin with `prefix`, sorted. */
static ep_status list_folder(const char *path, const char *prefix, list *out, ep_error *err)
{
    DIR *folder = opendir(path);
    if (!folder) return ep_fail(err, EP_BAD_FILE, "%s: %s", path, strerror(errno));
    ep_status status = EP_OK;
    for (struct dirent *entry; status == EP_OK && (entry = readdir(folder));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
        void *names = out->names;
        status = ep_grow(&names, &out->capacity, (uint64_t)out->count + 1, sizeof *out->names, err);
        out->names = names;
        char *name = status == EP_OK ? strdup(entry->d_name) : NULL;
        if (name) out->names[out->count++] = name;
        if (!name && status == EP_OK) status = ep_fail_memory(err);
    }
    (void)closedir(folder);
    if (out->count) qsort(out->names, out->count, sizeof *out->names, compare_names);
    return status;
}

/* ---- comparing ----------------------------------------------------------------------------- */

/* Element `i` of an array as number(s). */
static void read_element(const ep_array *array, uint64_t i, double value[2])
{
    const unsigned bits = ep_dtype_bits(array->dtype);
    ep_tensor one = {.dtype = array->dtype, .has_shape = true, .constness = EP_CONST_SPLAT};
    const uint8_t *data = array->data;
    value[0] = value[1] = 0;
    if (array->dtype == EP_DTYPE_COMPLEX64 || array->dtype == EP_DTYPE_COMPLEX128) {
        one.dtype = bits == 64 ? EP_DTYPE_FLOAT : EP_DTYPE_DOUBLE;
        for (int part = 0; part < 2; part++) {
            one.data = data + i * (bits / 8) + (unsigned)part * (bits / 16);
            (void)ep_tensor_scalar(&one, &value[part]);
        }
        return;
    }
    const uint8_t nibble = bits < 8 ? (uint8_t)(data[i / 2] >> (i % 2 * 4) & 0xf) : 0;
    one.data = bits < 8 ? &nibble : data + i * (bits / 8);
    (void)ep_tensor_scalar(&one, &value[0]);
}

static bool is_close(double actual, double expected)
{
    if (isnan(actual) || isnan(expected)) return isnan(actual) && isnan(expected);
    if (isinf(actual) || isinf(expected)) return actual == expected;
    return fabs(actual - expected) <= ATOL + RTOL * fabs(expected);
}

/* Old tests keep bfloat16 as uint16, for numpy has no such type, and compare them so. */
static bool holds_bfloat16(ep_dtype dtype, const ep_array *data)
{
    return dtype == EP_DTYPE_BFLOAT16 && data->dtype == EP_DTYPE_UINT16;
}

static ep_status compare(uint32_t index, const ep_array *actual, const ep_array *expected,
                         ep_error *err)
{
    char a_text[EP_SHAPE_TEXT], e_text[EP_SHAPE_TEXT];
    EP_FAIL_IF(actual->dtype != expected->dtype ||
                   !ep_shape_equal(&actual->shape, &expected->shape),
               err, EP_GATE_FAILED, "output %u is %s of %s, expected %s of %s", index,
               ep_shape_text(&actual->shape, a_text), ep_dtype_name(actual->dtype),
               ep_shape_text(&expected->shape, e_text), ep_dtype_name(expected->dtype));
    uint64_t wrong = 0, first = 0;
    for (uint64_t i = 0; i < expected->n; i++) {
        double a[2], e[2];
        read_element(actual, i, a);
        read_element(expected, i, e);
        if (is_close(a[0], e[0]) && is_close(a[1], e[1])) continue;
        if (wrong++ == 0) first = i;
    }
    if (wrong == 0) return EP_OK;
    double a[2], e[2];
    read_element(actual, first, a);
    read_element(expected, first, e);
    return ep_fail(err, EP_GATE_FAILED,
                   "output %u: %llu of %llu elements are wrong; element %llu is %.9g, expected "
                   "%.9g",
                   index, (unsigned long long)wrong, (unsigned long long)expected->n,
                   (unsigned long long)first, a[0], e[0]);
}

/* ---- one test ------------------------------------------------------------------------------ */

static ep_status read_arrays(ep_arena *arena, const char *folder, const char *kind,
                             ep_array **arrays, uint32_t *count, ep_error *err)
{
    *arrays = NULL;
    *count = 0;
    for (uint32_t capacity = 0;; (*count)++) {
        struct stat st;
        const char *path = ep_arena_printf(arena, "%s/%s_%u.pb", folder, kind, *count);
        if (!path) return ep_fail_memory(err);
        if (stat(path, &st) != 0) return EP_OK;
        void *grown = *arrays;
        EP_TRY(ep_grow(&grown, &capacity, (uint64_t)*count + 1, sizeof **arrays, err));
        *arrays = grown;
        ep_tensor tensor;
        EP_TRY(ep_tensor_file_read(path, arena, &tensor, err));
        (*arrays)[*count] = (ep_array){.dtype = tensor.dtype,
                                       .shape = tensor.shape,
                                       .n = ep_tensor_elements(&tensor),
                                       .data = (void *)(uintptr_t)tensor.data};
    }
}

/* What comes out is as the files say. */
static ep_status compare_outputs(const ep_session *session, const ep_network *network,
                                 const char *folder, ep_arena *arena, ep_error *err)
{
    ep_array *expected;
    uint32_t count;
    ep_status status = read_arrays(arena, folder, "output", &expected, &count, err);
    if (status == EP_OK && count > network->n_outputs) {
        status = ep_fail(err, EP_GATE_FAILED, "the model has %u outputs, the data %u",
                         network->n_outputs, count);
    }
    for (uint32_t i = 0; i < count && status == EP_OK; i++) {
        ep_array actual = *ep_session_output(session, i);
        if (holds_bfloat16(actual.dtype, &expected[i])) actual.dtype = EP_DTYPE_UINT16;
        status = compare(i, &actual, &expected[i], err);
    }
    free(expected);
    return status;
}

static ep_status compute(const ep_network *static_network, const ep_array *inputs,
                         const char *folder, ep_arena *arena, ep_error *err)
{
    const ep_session_options options = {0};
    ep_session *session;
    EP_TRY(ep_session_new(static_network, &options, &session, err));
    ep_status status = ep_session_run(session, inputs, err);
    if (status == EP_OK) status = compare_outputs(session, static_network, folder, arena, err);
    ep_session_free(session);
    return status;
}

/* Makes the network concrete for the shapes of this data, and computes. Where the model states
 * another shape, as old tests of CastLike do for the operand of which only the type counts, the
 * data is right. */
static ep_status run_inputs(ep_network *network, ep_array *inputs, uint32_t count,
                            const char *folder, ep_arena *arena, ep_error *err)
{
    EP_FAIL_IF(count != network->n_inputs, err, EP_GATE_FAILED,
               "the model has %u inputs, the data %u", network->n_inputs, count);
    ep_input_shape *shapes = EP_NEW(arena, ep_input_shape, count);
    if (!shapes) return ep_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        ep_tensor *tensor = &network->tensors[network->inputs[i]];
        tensor->shape = inputs[i].shape;
        shapes[i] = (ep_input_shape){.name = tensor->name, .shape = inputs[i].shape};
        if (holds_bfloat16(tensor->dtype, &inputs[i])) inputs[i].dtype = EP_DTYPE_BFLOAT16;
    }
    const ep_specialize_options options = {.shapes = shapes, .n_shapes = count, .to_run = true};
    ep_network *static_network;
    EP_TRY(ep_specialize(network, &options, &static_network, err));
    const ep_status status = compute(static_network, inputs, folder, arena, err);
    ep_network_free(static_network);
    return status;
}

static ep_status run_set(ep_network *network, const char *folder, ep_error *err)
{
    ep_array *inputs;
    uint32_t count;
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep_status status = read_arrays(arena, folder, "input", &inputs, &count, err);
    if (status == EP_OK) status = run_inputs(network, inputs, count, folder, arena, err);
    free(inputs);
    ep_arena_free(arena);
    return status;
}

static ep_status run_sets(ep_network *network, const char *folder, ep_error *err)
{
    list sets = {0};
    ep_text path = {0};
    ep_status status = list_folder(folder, "test_data_set_", &sets, err);
    if (status == EP_OK && sets.count == 0) status = ep_fail(err, EP_GATE_FAILED, "has no data");
    for (uint32_t i = 0; i < sets.count && status == EP_OK; i++) {
        path.length = 0;
        ep_text_printf(&path, "%s/%s", folder, sets.names[i]);
        status = path.failed ? ep_fail_memory(err) : run_set(network, path.data, err);
    }
    ep_text_free(&path);
    list_free(&sets);
    return status;
}

static ep_status run_test(const char *folder, ep_error *err)
{
    ep_text path = {0};
    ep_network *network = NULL;
    ep_text_printf(&path, "%s/model.onnx", folder);
    ep_status status =
        path.failed ? ep_fail_memory(err) : ep_network_load(path.data, &network, err);
    ep_text_free(&path);
    if (status == EP_OK) status = run_sets(network, folder, err);
    ep_network_free(network);
    return status;
}

/* ---- all tests ----------------------------------------------------------------------------- */

typedef struct totals {
    uint32_t count[OUTCOMES];
    uint32_t surprises; /* with --expect: outcomes that are not as the file says */
    ep_names *expected; /* NULL without --expect */
} totals;

static ep_status report(const char *folder, const char *name, totals *t, ep_error *err)
{
    ep_error why = {0};
    ep_text path = {0};
    ep_text_printf(&path, "%s/%s", folder, name);
    if (path.failed) return ep_fail_memory(err);
    const ep_status status = run_test(path.data, &why);
    const int outcome = status == EP_OK ? PASSED : status == EP_UNSUPPORTED ? SKIPPED : FAILED;
    const char *reason = why.text; /* without the path of the model */
    if (strncmp(reason, path.data, path.length) == 0) reason = strchr(reason, ' ');
    t->count[outcome]++;
    const bool known = t->expected && ep_names_get(t->expected, name) != EP_NO_INDEX;
    const bool surprise = t->expected && known != (outcome != PASSED);
    t->surprises += surprise;
    (void)printf("%s: %s%s%s%s\n", name, outcome_names[outcome], outcome == PASSED ? "" : ": ",
                 outcome == PASSED ? "" : reason + (*reason == ' '),
                 !surprise ? ""
                 : known   ? " (expected not to)"
                           : " (expected to pass)");
    ep_text_free(&path);
    return EP_OK;
}

static ep_status run_all(const char *folder, char **names, uint32_t count, totals *t, ep_error *err)
{
    list all = {0};
    ep_status status = EP_OK;
    if (count == 0) {
        status = list_folder(folder, "test_", &all, err);
        names = all.names;
        count = all.count;
    }
    for (uint32_t i = 0; i < count && status == EP_OK; i++) {
        status = report(folder, names[i], t, err);
    }
    list_free(&all);
    if (status != EP_OK) return status;
    (void)printf("%u passed, %u failed, %u skipped\n", t->count[PASSED], t->count[FAILED],
                 t->count[SKIPPED]);
    const bool failed = t->expected ? t->surprises > 0 : t->count[FAILED] > 0;
    EP_FAIL_IF(failed && t->expected, err, EP_GATE_FAILED, "%u tests did not end as the list says",
               t->surprises);
    return failed ? EP_GATE_FAILED : EP_OK;
}

/* The first word of each line that is not empty and no comment (#). Names live in `text`. */
static ep_status read_expected(char *text, ep_names *names, ep_error *err)
{
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = 0;
        line[strcspn(line, " ")] = 0;
        if (*line && *line != '#') EP_TRY(ep_names_put(names, line, 1, err));
    }
    return EP_OK;
}

static ep_status run_expecting(const char *list_path, const char *folder, char **names,
                               uint32_t count, ep_error *err)
{
    ep_map map;
    totals t = {0};
    EP_TRY(ep_map_open(list_path, &map, err));
    char *text = strndup(map.data ? (const char *)map.data : "", map.size);
    ep_map_close(&map);
    t.expected = ep_names_new();
    ep_status status = text && t.expected ? EP_OK : ep_fail_memory(err);
    if (status == EP_OK) status = read_expected(text, t.expected, err);
    if (status == EP_OK) status = run_all(folder, names, count, &t, err);
    ep_names_free(t.expected);
    free(text);
    return status;
}

int main(int argc, char **argv)
{
    ep_error err = {0};
    totals t = {0};
    const char *expect = argc > 2 && strcmp(argv[1], "--expect") == 0 ? argv[2] : NULL;
    argv += expect ? 3 : 1;
    argc -= expect ? 3 : 1;
    if (argc < 1) {
        (void)fprintf(stderr, "usage: onnx_node_tests [--expect FILE] DIR [NAME...]\n");
        return ep_status_exit_code(EP_BAD_USAGE);
    }
    const uint32_t count = (uint32_t)argc - 1;
    const ep_status status = expect ? run_expecting(expect, argv[0], argv + 1, count, &err)
                                    : run_all(argv[0], argv + 1, count, &t, &err);
    if (err.text[0]) (void)fprintf(stderr, "onnx_node_tests: %s\n", err.text);
    return ep_status_exit_code(status);
}
