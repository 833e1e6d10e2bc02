/* The timing cache: which tactic was the fastest, by kernel, machine and clocks.
 *
 * A JSON object of one entry a search: the key says the product for people and holds a hash of all
 * numbers that the search depends on, the value is the name of the tactic. Its time is computed
 * anew, from that tactic alone. */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "sim/gpu.h"

#define SCHEMA 1

struct ep_timings {
    char *path;
    json_t *root;    /* {"schema": 1, "tactics": {...}} */
    json_t *tactics; /* in it */
    bool changed;
    bool no_memory; /* something could not be added */
    uint64_t known, searched;
};

/* ---- keys ---------------------------------------------------------------------------------- */

/* FNV-1a of 64 bits (Fowler, Noll, Vo). */
static uint64_t hash(uint64_t h, const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* The numbers of a GPU stand behind its name, all of eight bytes: there is no padding to hash. */
#define GPU_NUMBERS offsetof(ep_gpu, sms)
_Static_assert(GPU_NUMBERS == sizeof(const char *), "a number of ep_gpu stands before sms");
_Static_assert(sizeof(ep_gpu) % sizeof(double) == 0, "ep_gpu has padding");

enum { KEY_BYTES = 160 };

static void key_of(const ep_cost *cost, const ep_point *point, char key[KEY_BYTES])
{
    const ep_gpu *gpu = &point->machine->gpu;
    const ep_product *p = &cost->product;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    h = hash(h, (const char *)gpu + GPU_NUMBERS, sizeof *gpu - GPU_NUMBERS);
    h = hash(h, p, sizeof *p);
    h = hash(h, &point->gpu_sms, sizeof point->gpu_sms);
    h = hash(h, &point->gpu_mhz, sizeof point->gpu_mhz);
    h = hash(h, &point->dram_gbps, sizeof point->dram_gbps);
    h = hash(h, &cost->search.level, sizeof cost->search.level);
    (void)snprintf(key, KEY_BYTES,
                   "%s %.0fx%.0fx%.0f x%.0f on %s, %" PRId64 " SMs %.6g MHz %016" PRIx64,
                   ep_precision_name(cost->precision), p->m, p->n, p->k, p->repeat, gpu->arch,
                   point->gpu_sms, point->gpu_mhz, h);
}

/* ---- searches ------------------------------------------------------------------------------ */

static bool find(const ep_cost *cost, const ep_point *point, const char *name, uint32_t *tactic)
{
    for (uint32_t t = 0; t < cost->n_tactics; t++) {
        if (strcmp(cost->tactics[t].tactic, name) != 0) continue;
        *tactic = t;
        return true;
    }
    ep_phases phases;
    uint32_t t;
    if (!ep__product_tactic_find(cost->precision, name, &t)) return false;
    *tactic = cost->n_tactics + t;
    return ep__product_phases(&point->machine->gpu, cost, t, &phases);
}

bool ep__timings_find(const ep_cost *cost, const ep_point *point, uint32_t *tactic)
{
    ep_timings *timings = cost->search.timings;
    char key[KEY_BYTES];
    key_of(cost, point, key);
    const char *name = json_string_value(json_object_get(timings->tactics, key));
    const bool known = name && find(cost, point, name, tactic);
    ++*(known ? &timings->known : &timings->searched);
    return known;
}

void ep__timings_add(const ep_cost *cost, const ep_point *point, uint32_t tactic)
{
    ep_timings *timings = cost->search.timings;
    char key[KEY_BYTES], name[EP_TACTIC_TEXT];
    key_of(cost, point, key);
    ep_cost_tactic_name(cost, tactic, name);
    timings->changed = true;
    if (json_object_set_new(timings->tactics, key, json_string(name)) != 0) {
        timings->no_memory = true;
    }
}

void ep_timings_count(const ep_timings *timings, uint64_t *known, uint64_t *searched)
{
    *known = timings->known;
    *searched = timings->searched;
}

/* ---- files --------------------------------------------------------------------------------- */

static ep_status check(const ep_timings *timings, ep_error *err)
{
    const json_t *schema = json_object_get(timings->root, "schema");
    const char *key;
    json_t *value;
    EP_FAIL_IF(!json_is_object(timings->tactics) || !json_is_integer(schema), err, EP_BAD_FILE,
               "%s: no \"schema\" and \"tactics\"; wants what --timing-cache writes",
               timings->path);
    EP_FAIL_IF(json_integer_value(schema) != SCHEMA, err, EP_BAD_FILE,
               "%s: schema %" JSON_INTEGER_FORMAT ", allowed %d; remove the file", timings->path,
               json_integer_value(schema), SCHEMA);
    json_object_foreach(timings->tactics, key, value)
    {
        EP_FAIL_IF(!json_is_string(value), err, EP_BAD_FILE,
                   "%s: \"%s\" is not the name of a tactic", timings->path, key);
    }
    return EP_OK;
}

static ep_status read_file(ep_timings *timings, ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(timings->path, &map, err));
    json_error_t why;
    timings->root = json_loadb(map.data ? (const char *)map.data : "", map.size, 0, &why);
    ep_map_close(&map);
    if (timings->root) {
        timings->tactics = json_object_get(timings->root, "tactics");
        return check(timings, err);
    }
    if (json_error_code(&why) == json_error_out_of_memory) return ep_fail_memory(err);
    return ep_fail(err, EP_BAD_FILE, "%s:%d:%d: not JSON: %s", timings->path, why.line, why.column,
                   why.text);
}

static ep_status start_empty(ep_timings *timings, ep_error *err)
{
    timings->root = json_pack("{s:i, s:{}}", "schema", SCHEMA, "tactics");
    if (!timings->root) return ep_fail_memory(err);
    timings->tactics = json_object_get(timings->root, "tactics");
    return EP_OK;
}

ep_status ep_timings_load(const char *path, ep_timings **out, ep_error *err)
{
    ep_timings *timings = calloc(1, sizeof *timings);
    if (!timings) return ep_fail_memory(err);
    struct stat info;
    timings->path = strdup(path);
    ep_status status = EP_OK;
    if (!timings->path) {
        status = ep_fail_memory(err);
    } else if (stat(path, &info) != 0 && errno == ENOENT) {
        status = start_empty(timings, err);
    } else {
        status = read_file(timings, err);
    }
    if (status == EP_OK) {
        *out = timings;
    } else {
        ep_timings_free(timings);
    }
    return status;
}

ep_status ep_timings_save(const ep_timings *timings, ep_error *err)
{
    if (timings->no_memory) return ep_fail_memory(err);
    if (!timings->changed) return EP_OK;
    char *text = json_dumps(timings->root, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (!text) return ep_fail_memory(err);
    const ep_status status = ep_file_write(timings->path, text, strlen(text), err);
    free(text);
    return status;
}

void ep_timings_free(ep_timings *timings)
{
    if (!timings) return;
    json_decref(timings->root);
    free(timings->path);
    free(timings);
}
