#include "cli/lanes.h"

#include <string.h>

#include "report/report.h"

/* ---- --model ------------------------------------------------------------------------------- */

static const char *const keys[] = {"fps",   "device",    "deadline_ms", "batch",
                                   "count", "offset_ms", "in_flight",   "precision"};
enum { FPS, DEVICE, DEADLINE_MS, BATCH, COUNT, OFFSET_MS, IN_FLIGHT, PRECISION, N_KEYS };

/* Paths may hold colons: what follows one is a key only where it is written as one. */
static const char *find_key(const char *text)
{
    for (const char *colon = strchr(text, ':'); colon; colon = strchr(colon + 1, ':')) {
        const size_t length = strspn(colon + 1, "abcdefghijklmnopqrstuvwxyz_");
        if (length > 0 && colon[1 + length] == '=') return colon;
    }
    return NULL;
}

static const char *device_name(uint32_t device)
{
    static const char *const names[] = {"gpu", "dla0", "dla1", "dla"};
    return device < sizeof names / sizeof *names ? names[device] : NULL;
}

static ep_status set_key(int key, const char *value, ep__lane_spec *out, ep_error *err)
{
    uint32_t choice;
    switch (key) {
    case FPS: return ep__parse_number("fps", value, 1e-3, 1e5, &out->fps, err);
    case DEADLINE_MS:
        return ep__parse_number("deadline_ms", value, 1e-3, 1e7, &out->deadline_ms, err);
    case OFFSET_MS: return ep__parse_number("offset_ms", value, 0, 1e7, &out->offset_ms, err);
    case COUNT: return ep__parse_integer("count", value, 1, 64, &out->count, err);
    case IN_FLIGHT: return ep__parse_integer("in_flight", value, 1, 8, &out->in_flight, err);
    case BATCH: out->batch = value; return EP_OK; /* parsed with the model */
    case DEVICE:
        EP_TRY(ep__parse_choice("device", value, device_name, &choice, err));
        out->device = choice == 3 ? EP_DLA0 : (ep_device)choice;
        out->has_device = true;
        return EP_OK;
    default:
        EP_TRY(ep__parse_choice("precision", value, ep_precision_choice_name, &choice, err));
        out->precision = (ep_precision_choice)choice;
        return EP_OK;
    }
}

static ep_status parse_key(const char *text, size_t length, ep_arena *arena, ep__lane_spec *out,
                           ep_error *err)
{
    const size_t key_length = strcspn(text, "=");
    const char *value = ep_arena_string(arena, text + key_length + 1, length - key_length - 1);
    if (!value) return ep_fail_memory(err);
    for (int k = 0; k < N_KEYS; k++) {
        if (strlen(keys[k]) == key_length && strncmp(keys[k], text, key_length) == 0) {
            return set_key(k, value, out, err);
        }
    }
    return ep_fail(err, EP_BAD_USAGE,
                   "there is no '%.*s', but fps, device, deadline_ms, batch, count, offset_ms, "
                   "in_flight and precision",
                   (int)key_length, text);
}

ep_status ep__lane_parse(const char *text, ep_arena *arena, ep__lane_spec *out, ep_error *err)
{
    const char *key = find_key(text);
    const size_t length = key ? (size_t)(key - text) : strlen(text);
    EP_FAIL_IF(length == 0, err, EP_BAD_USAGE, "--model %s: names no model", text);
    out->path = ep_arena_string(arena, text, length);
    if (!out->path) return ep_fail_memory(err);
    while (key) {
        const char *next = find_key(key + 1);
        const size_t n = next ? (size_t)(next - key) - 1 : strlen(key + 1);
        if (parse_key(key + 1, n, arena, out, err) != EP_OK) {
            return ep_fail_context(err, "--model %s: ", text);
        }
        key = next;
    }
    return EP_OK;
}

/* ---- --streams ----------------------------------------------------------------------------- */

static ep_status add(ep_device device, const char *text, ep__lane_spec *specs, uint32_t *n,
                     ep_error *err)
{
    for (uint32_t i = 0; i < *n; i++) {
        EP_FAIL_IF(specs[i].device == device, err, EP_BAD_USAGE, "--streams %s: %s is there twice",
                   text, ep_device_name(device));
    }
    specs[*n].device = device;
    specs[(*n)++].has_device = true;
    return EP_OK;
}

static ep_status add_word(const char *word, size_t length, const char *text, ep__lane_spec *specs,
                          uint32_t *n, ep_error *err)
{
    static const struct {
        const char *name;
        unsigned devices; /* bits */
    } words[] = {{"gpu", 1u << EP_GPU},
                 {"dla", 1u << EP_DLA0},
                 {"dla0", 1u << EP_DLA0},
                 {"dla1", 1u << EP_DLA1},
                 {"2dla", 1u << EP_DLA0 | 1u << EP_DLA1}};
    for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
        if (strlen(words[w].name) != length || strncmp(words[w].name, word, length) != 0) continue;
        for (int d = EP_GPU; d <= EP_DLA1; d++) {
            if (words[w].devices & 1u << d) EP_TRY(add((ep_device)d, text, specs, n, err));
        }
        return EP_OK;
    }
    return ep_fail(err, EP_BAD_USAGE,
                   "--streams %s: '%.*s' is not one of gpu, dla, dla0, dla1, 2dla", text,
                   (int)length, word);
}

/* "256+2" */
static ep_status split_batch(const char *batch, ep_arena *arena, ep__lane_spec *specs, uint32_t n,
                             ep_error *err)
{
    const char *plus = strchr(batch, '+');
    const char *first =
        ep_arena_string(arena, batch, plus ? (size_t)(plus - batch) : strlen(batch));
    if (!first) return ep_fail_memory(err);
    bool gpu = false, dla = false;
    for (uint32_t i = 0; i < n; i++) {
        const bool on_gpu = specs[i].device == EP_GPU;
        gpu |= on_gpu;
        dla |= !on_gpu;
        specs[i].batch = plus && !on_gpu ? plus + 1 : first;
    }
    EP_FAIL_IF(plus && !(gpu && dla), err, EP_BAD_USAGE,
               "--batch %s: two batches are for --streams with the GPU and a DLA", batch);
    return EP_OK;
}

ep_status ep__streams_parse(const char *text, const char *batch, ep_arena *arena,
                            ep__lane_spec specs[EP__MOST_STREAMS], uint32_t *n, ep_error *err)
{
    *n = 0;
    for (const char *word = text;; word++) {
        const size_t length = strcspn(word, "+");
        EP_TRY(add_word(word, length, text, specs, n, err));
        word += length;
        if (!*word) break;
    }
    return batch ? split_batch(batch, arena, specs, *n, err) : EP_OK;
}
