#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/study_internal.h"

/* id, name; the last two may be missing */
#define COLUMN_MAP(X)                                                                              \
    X(ID, "id")                                                                                    \
    X(HW, "hw")                                                                                    \
    X(MODE, "mode")                                                                                \
    X(SET, "set")                                                                                  \
    X(WORKLOAD, "workload")                                                                        \
    X(BATCH, "batch")                                                                              \
    X(PRECISION, "precision")                                                                      \
    X(ENGINE, "engine")                                                                            \
    X(IO, "io")                                                                                    \
    X(INCLUDES, "includes")                                                                        \
    X(METRIC, "metric")                                                                            \
    X(VALUE, "value")                                                                              \
    X(GROUP, "group")                                                                              \
    X(SOURCE, "source")                                                                            \
    X(NOTES, "notes")

typedef enum column {
#define X(id, name) COLUMN_##id,
    COLUMN_MAP(X)
#undef X
        COLUMN_COUNT
} column;

typedef struct reader {
    const char *path;
    ep_arena *arena;
    ep_error *err;
    const ep__csv_row *row;    /* being read */
    uint32_t at[COLUMN_COUNT]; /* index of its field; EP_NO_INDEX: the file has no such column */
} reader;

/* ---- words --------------------------------------------------------------------------------- */

static const char *column_name(uint32_t index)
{
    static const char *const names[] = {
#define X(id, name) [COLUMN_##id] = (name),
        COLUMN_MAP(X)
#undef X
    };
    return index < COLUMN_COUNT ? names[index] : NULL;
}

const char *ep_engine_name(uint32_t engine)
{
    static const char *const names[] = {
#define X(id, name) [EP_ENGINE_##id] = (name),
        EP_ENGINE_MAP(X)
#undef X
    };
    return engine < EP_ENGINE_COUNT ? names[engine] : NULL;
}

const char *ep_metric_name(uint32_t metric)
{
    static const char *const names[] = {
#define X(id, name) [EP_METRIC_##id] = (name),
        EP_METRIC_MAP(X)
#undef X
    };
    return metric < EP_METRIC_COUNT ? names[metric] : NULL;
}

/* As the column has it. */
static const char *metric_word(uint32_t metric)
{
    return metric == EP_METRIC_RAIL_W ? "rail_w:NAME" : ep_metric_name(metric);
}

static const char *io_name(uint32_t io)
{
    static const char *const names[] = {[EP_IO_LINEAR] = "linear",
                                        [EP_IO_NATIVE] = "native",
                                        [EP_IO_NATIVE_FP16_OUT] = "native-fp16-out"};
    return io < sizeof names / sizeof *names ? names[io] : NULL;
}

/* Bit `index` of EP_COVERS_... */
static const char *covers_name(uint32_t index)
{
    static const char *const names[] = {"kernel", "compute", "copies", "nms", "host"};
    _Static_assert(EP_COVERS_KERNEL == 1 << 0 && EP_COVERS_HOST == 1 << 4, "order of names");
    return index < sizeof names / sizeof *names ? names[index] : NULL;
}

static const struct {
    const char *name;
    ep_precision_choice choice;
    bool no_tf32, sparse;
} precisions[] = {
    {.name = "fp32", .choice = EP_CHOOSE_FP32, .no_tf32 = true},
    {.name = "tf32", .choice = EP_CHOOSE_FP32},
    {.name = "fp16", .choice = EP_CHOOSE_FP16},
    {.name = "int8", .choice = EP_CHOOSE_INT8},
    {.name = "int8-sparse", .choice = EP_CHOOSE_INT8, .sparse = true},
    {.name = "fp16+int8", .choice = EP_CHOOSE_INT8},
    {.name = "na", .choice = EP_CHOOSE_INT8},
};

static const char *precision_name(uint32_t index)
{
    return index < sizeof precisions / sizeof *precisions ? precisions[index].name : NULL;
}

typedef const char *name_of(uint32_t index); /* NULL past the last */

/* EP_NO_INDEX: no such name. */
static uint32_t find_name(name_of *name, const char *text, size_t length)
{
    for (uint32_t i = 0; name(i); i++) {
        if (strlen(name(i)) == length && memcmp(name(i), text, length) == 0) return i;
    }
    return EP_NO_INDEX;
}

/* "a, b, c" */
static void list_names(ep_text *out, name_of *name)
{
    for (uint32_t i = 0; name(i); i++) ep_text_printf(out, "%s%s", i ? ", " : "", name(i));
}

/* ---- fields -------------------------------------------------------------------------------- */

static const char *field(const reader *r, column c)
{
    return r->at[c] == EP_NO_INDEX ? "" : r->row->fields[r->at[c]];
}

static ep_status refuse(const reader *r, column c, const char *allowed)
{
    return ep_fail(r->err, EP_BAD_FILE, "%s:%zu: %s: '%.60s', allowed %s", r->path, r->row->line,
                   column_name(c), field(r, c), allowed);
}

static ep_status refuse_name(const reader *r, column c, name_of *name)
{
    ep_text names = {0};
    list_names(&names, name);
    const ep_status status = refuse(r, c, ep_text_cstr(&names));
    ep_text_free(&names);
    return status;
}

static ep_status read_text(const reader *r, column c, const char **out)
{
    *out = field(r, c);
    return **out ? EP_OK : refuse(r, c, "any text that is not empty");
}

static ep_status read_name(const reader *r, column c, name_of *name, uint32_t *out)
{
    *out = find_name(name, field(r, c), strlen(field(r, c)));
    return *out == EP_NO_INDEX ? refuse_name(r, c, name) : EP_OK;
}

static ep_status read_sets(const reader *r, ep_measurement *m)
{
    const char *text = field(r, COLUMN_SET);
    if (!*text) return EP_OK;
    m->n_sets = 1;
    for (const char *c = text; *c; c++) m->n_sets += *c == ';';
    const char **sets = EP_NEW(r->arena, const char *, m->n_sets);
    if (!sets) return ep_fail_memory(r->err);
    m->sets = sets;
    for (uint32_t i = 0; i < m->n_sets; i++) {
        const char *end = text + strcspn(text, ";"), *next = end + 1;
        while (*text == ' ') text++;
        while (end > text && end[-1] == ' ') end--;
        if (text == end) return refuse(r, COLUMN_SET, "KEY=VALUE;KEY=VALUE without empty items");
        sets[i] = ep_arena_string(r->arena, text, (size_t)(end - text));
        if (!sets[i]) return ep_fail_memory(r->err);
        text = next;
    }
    return EP_OK;
}

/* Reads a number of images and moves `text` past it; 0: not one. */
static int64_t take_count(const char **text)
{
    enum { DIGITS = 5, MOST = 65536 };
    const size_t n = strspn(*text, "0123456789");
    const long count = n > DIGITS || **text == '0' ? 0 : strtol(*text, NULL, 10);
    *text += n;
    return n == 0 || count > MOST ? 0 : count;
}

static ep_status read_batch(const reader *r, ep_measurement *m)
{
    const char *text = field(r, COLUMN_BATCH);
    m->gpu_batch = m->dla_batch = take_count(&text);
    if (*text == '+') {
        text++;
        m->dla_batch = take_count(&text);
    }
    if (*text == '\0' && m->gpu_batch && m->dla_batch) return EP_OK;
    return refuse(r, COLUMN_BATCH, "N, or N+M of GPU and DLA, each 1..65536");
}

static ep_status read_precision(const reader *r, ep_measurement *m)
{
    uint32_t i;
    EP_TRY(read_name(r, COLUMN_PRECISION, precision_name, &i));
    m->precision = precisions[i].name;
    m->choice = precisions[i].choice;
    m->no_tf32 = precisions[i].no_tf32;
    m->sparse = precisions[i].sparse;
    return EP_OK;
}

static ep_status read_covers(const reader *r, ep_measurement *m)
{
    const char *text = field(r, COLUMN_INCLUDES);
    bool good = true;
    for (;;) {
        const size_t length = strcspn(text, "+");
        const uint32_t i = find_name(covers_name, text, length);
        good = good && i != EP_NO_INDEX && !(m->covers & 1u << i);
        if (i != EP_NO_INDEX) m->covers |= 1u << i;
        if (!text[length]) break;
        text += length + 1;
    }
    if (good && m->covers & (EP_COVERS_KERNEL | EP_COVERS_COMPUTE)) return EP_OK;
    ep_text words = {0};
    list_names(&words, covers_name);
    ep_text_printf(&words, " joined by '+', each once, kernel or compute among them");
    const ep_status status = refuse(r, COLUMN_INCLUDES, ep_text_cstr(&words));
    ep_text_free(&words);
    return status;
}

static ep_status read_metric(const reader *r, ep_measurement *m)
{
    static const char rail[] = "rail_w:";
    const char *text = field(r, COLUMN_METRIC);
    if (strncmp(text, rail, sizeof rail - 1) == 0 && text[sizeof rail - 1]) {
        m->metric = EP_METRIC_RAIL_W;
        m->rail = text + sizeof rail - 1;
        return EP_OK;
    }
    uint32_t metric;
    EP_TRY(read_name(r, COLUMN_METRIC, metric_word, &metric));
    assert(metric != EP_METRIC_RAIL_W);
    m->metric = (ep_metric)metric;
    return EP_OK;
}

static ep_status read_value(const reader *r, ep_measurement *m)
{
    const bool number = ep_number_parse(field(r, COLUMN_VALUE), &m->value);
    if (number && isfinite(m->value) && m->value > 0) return EP_OK;
    return refuse(r, COLUMN_VALUE, "a number above 0, as 12.5 or 1.25e1");
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* What the columns say of each other. */
static ep_status check_idle(const reader *r, const ep_measurement *m)
{
    const bool idle = m->engine == EP_ENGINE_IDLE;
    if (idle != (strcmp(m->workload, "idle") == 0)) {
        return refuse(r, COLUMN_ENGINE, idle ? "with workload idle only" : "idle: the workload is");
    }
    if (!idle && strcmp(m->precision, "na") == 0) {
        return refuse(r, COLUMN_PRECISION, "with engine idle only");
    }
    return EP_OK;
}

static ep_status read_row(const reader *r, ep_measurement *m)
{
    uint32_t engine, io;
    *m = (ep_measurement){.line = r->row->line};
    EP_TRY(read_text(r, COLUMN_ID, &m->id));
    EP_TRY(read_text(r, COLUMN_HW, &m->hw));
    EP_TRY(read_text(r, COLUMN_MODE, &m->mode));
    EP_TRY(read_sets(r, m));
    EP_TRY(read_text(r, COLUMN_WORKLOAD, &m->workload));
    EP_TRY(read_batch(r, m));
    EP_TRY(read_precision(r, m));
    EP_TRY(read_name(r, COLUMN_ENGINE, ep_engine_name, &engine));
    EP_TRY(read_name(r, COLUMN_IO, io_name, &io));
    EP_TRY(read_covers(r, m));
    EP_TRY(read_metric(r, m));
    EP_TRY(read_value(r, m));
    EP_TRY(read_text(r, COLUMN_GROUP, &m->group));
    m->engine = (ep_engine)engine;
    m->io = (ep_io)io;
    m->source = field(r, COLUMN_SOURCE);
    m->notes = field(r, COLUMN_NOTES);
    return check_idle(r, m);
}

static ep_status read_rows(reader *r, const ep__csv_row *rows, uint32_t n, ep_names *ids,
                           ep_measurement *out)
{
    for (uint32_t i = 0; i < n; i++) {
        r->row = &rows[i];
        EP_TRY(read_row(r, &out[i]));
        const uint32_t first = ep_names_get(ids, out[i].id);
        if (first != EP_NO_INDEX) {
            return ep_fail(r->err, EP_BAD_FILE, "%s:%zu: id: '%.60s' is the id of line %zu too",
                           r->path, out[i].line, out[i].id, out[first].line);
        }
        EP_TRY(ep_names_put(ids, out[i].id, i, r->err));
    }
    return EP_OK;
}

/* ---- header -------------------------------------------------------------------------------- */

static ep_status fail_unknown(const reader *r, const char *name)
{
    const size_t length = strlen(name);
    unsigned best = length / 2 < 4 ? (unsigned)(length / 2) : 4;
    const char *meant = NULL;
    for (uint32_t i = 0; i < COLUMN_COUNT; i++) {
        const unsigned distance = ep_edit_distance(name, column_name(i), best);
        if (distance > best || (meant && distance == best)) continue;
        best = distance;
        meant = column_name(i);
    }
    if (meant) {
        return ep_fail(r->err, EP_BAD_FILE, "%s:%zu: unknown column '%.60s'; did you mean '%s'?",
                       r->path, r->row->line, name, meant);
    }
    ep_text names = {0};
    list_names(&names, column_name);
    const ep_status status =
        ep_fail(r->err, EP_BAD_FILE, "%s:%zu: unknown column '%.60s', allowed %s", r->path,
                r->row->line, name, ep_text_cstr(&names));
    ep_text_free(&names);
    return status;
}

static ep_status read_header(reader *r, const ep__csv_row *header)
{
    r->row = header;
    for (uint32_t c = 0; c < COLUMN_COUNT; c++) r->at[c] = EP_NO_INDEX;
    for (uint32_t i = 0; i < header->n; i++) {
        const char *name = header->fields[i];
        const uint32_t c = find_name(column_name, name, strlen(name));
        if (c == EP_NO_INDEX) return fail_unknown(r, name);
        EP_FAIL_IF(r->at[c] != EP_NO_INDEX, r->err, EP_BAD_FILE, "%s:%zu: column '%s' twice",
                   r->path, header->line, name);
        r->at[c] = i;
    }
    for (uint32_t c = 0; c < COLUMN_SOURCE; c++) {
        EP_FAIL_IF(r->at[c] == EP_NO_INDEX, r->err, EP_BAD_FILE, "%s:%zu: column '%s' is missing",
                   r->path, header->line, column_name(c));
    }
    return EP_OK;
}

ep_status ep_measurements_parse(const char *text, size_t size, const char *path, ep_arena *arena,
                                ep_measurements *out, ep_error *err)
{
    reader r = {.path = path, .arena = arena, .err = err};
    const ep__csv_row *rows;
    uint32_t n;
    *out = (ep_measurements){0};
    EP_TRY(ep__csv_parse(text, size, path, arena, &n, &rows, err));
    EP_TRY(read_header(&r, rows));
    n--;
    ep_measurement *read = EP_NEW(arena, ep_measurement, n);
    const char *own_path = ep_arena_string(arena, path, strlen(path));
    ep_names *ids = ep_names_new();
    const ep_status status =
        read && own_path && ids ? read_rows(&r, rows + 1, n, ids, read) : ep_fail_memory(err);
    ep_names_free(ids);
    if (status == EP_OK) *out = (ep_measurements){.path = own_path, .n = n, .rows = read};
    return status;
}

ep_status ep_measurements_read(const char *path, ep_arena *arena, ep_measurements *out,
                               ep_error *err)
{
    ep_map map;
    *out = (ep_measurements){0};
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status =
        ep_measurements_parse((const char *)map.data, map.size, path, arena, out, err);
    ep_map_close(&map);
    return status;
}
