/* INT8 scales in TensorRT's text form: a header line, then `name: hex` a line, the bits of a float
 * with the most significant first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"

/* A line without its end. */
typedef struct line {
    const char *text;
    size_t length, number; /* from 1 */
} line;

static bool next_line(const char **at, const char *end, line *out)
{
    if (*at >= end) return false;
    const char *stop = memchr(*at, '\n', (size_t)(end - *at));
    *out = (line){.text = *at, .number = out->number + 1};
    out->length = (size_t)((stop ? stop : end) - *at);
    *at = stop ? stop + 1 : end;
    if (out->length > 0 && out->text[out->length - 1] == '\r') out->length--;
    return true;
}

static bool read_hex(const char *text, size_t length, uint32_t *out)
{
    *out = 0;
    if (length == 0 || length > 8) return false;
    for (size_t i = 0; i < length; i++) {
        const char c = text[i];
        const uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                               : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                               : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                      : 16;
        if (digit > 15) return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* Names may hold ": " too: the last one ends them. */
static ep_status read_line(const line *l, const char *path, ep_arena *arena, ep_scale *out,
                           ep_error *err)
{
    size_t end = l->length;
    while (end > 0 && l->text[end - 1] != ' ') end--;
    uint32_t bits;
    const bool fits = end > 2 && /* a name, ':' and ' ' */
                      l->text[end - 2] == ':' && read_hex(l->text + end, l->length - end, &bits) &&
                      !memchr(l->text, '\0', end);
    if (!fits) {
        return ep_fail_at(err, EP_BAD_FILE, path, l->number, 1,
                          "wants 'TENSOR: ' and up to 8 hexadecimal digits");
    }
    memcpy(&out->scale, &bits, sizeof bits);
    if (!isfinite(out->scale) || out->scale < 0) {
        return ep_fail_at(err, EP_BAD_FILE, path, l->number, end + 1,
                          "%.*s is %g as a float; a scale is at least 0 and finite",
                          (int)(l->length - end), l->text + end, (double)out->scale);
    }
    out->name = ep_arena_string(arena, l->text, end - 2);
    return out->name ? EP_OK : ep_fail_memory(err);
}

static bool is_header(const line *l)
{
    return l->length > 4 && strncmp(l->text, "TRT-", 4) == 0 && !memchr(l->text, '\0', l->length);
}

ep_status ep_scales_parse(const void *bytes, size_t size, const char *path, ep_arena *arena,
                          ep_scales *out, ep_error *err)
{
    const char *at = bytes, *end = at + size;
    line l = {0};
    ep_scale *list = NULL;
    uint32_t capacity = 0;
    ep_status status = EP_OK;
    *out = (ep_scales){0};
    if (size == 0 || !next_line(&at, end, &l) || !is_header(&l)) {
        return ep_fail_at(err, EP_BAD_FILE, path, 1, 1,
                          "no calibration cache: it begins with TRT-VERSION-CALIBRATOR");
    }
    out->header = ep_arena_string(arena, l.text, l.length);
    if (!out->header) return ep_fail_memory(err);
    while (status == EP_OK && next_line(&at, end, &l)) {
        if (l.length == 0) continue;
        status = ep_grow((void **)&list, &capacity, (uint64_t)out->n + 1, sizeof *list, err);
        if (status == EP_OK) status = read_line(&l, path, arena, &list[out->n], err);
        if (status == EP_OK) out->n++;
    }
    if (status == EP_OK && out->n > 0) {
        out->at = ep_arena_copy(arena, list, out->n * sizeof *list);
        if (!out->at) status = ep_fail_memory(err);
    }
    free(list);
    return status;
}

ep_status ep_scales_read(const char *path, ep_arena *arena, ep_scales *out, ep_error *err)
{
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status = ep_scales_parse(map.data, map.size, path, arena, out, err);
    ep_map_close(&map);
    return status;
}

ep_status ep_scales_write(const char *path, const ep_scales *scales, ep_error *err)
{
    ep_text text = {0};
    ep_text_printf(&text, "%s\n", scales->header);
    for (uint32_t i = 0; i < scales->n; i++) {
        uint32_t bits;
        memcpy(&bits, &scales->at[i].scale, sizeof bits);
        ep_text_printf(&text, "%s: %08x\n", scales->at[i].name, (unsigned)bits);
    }
    const ep_status status =
        text.failed ? ep_fail_memory(err) : ep_file_write(path, text.data, text.length, err);
    ep_text_free(&text);
    return status;
}

ep_status ep_scales_find(const ep_scales *scales, const char *path, const ep_network *network,
                         float *out, ep_error *err)
{
    ep_names *names = ep_names_new();
    ep_status status = names ? EP_OK : ep_fail_memory(err);
    for (uint32_t i = 0; status == EP_OK && i < scales->n; i++) {
        status = ep_names_put(names, scales->at[i].name, i, err);
    }
    uint32_t found = 0;
    for (uint32_t t = 0; status == EP_OK && t < network->n_tensors; t++) {
        const uint32_t i = ep_names_get(names, network->tensors[t].name);
        if (i == EP_NO_INDEX) continue;
        out[t] = scales->at[i].scale;
        found++;
    }
    ep_names_free(names);
    EP_TRY(status);
    EP_FAIL_IF(found == 0, err, EP_BAD_FILE,
               "%s: none of its %u tensors is one of %s: it is the cache of another network", path,
               (unsigned)scales->n, network->path);
    return EP_OK;
}
