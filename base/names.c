#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Open addressing with linear probing, at most half full. A file chooses its names, so the hash is
 * seeded by nothing but mixes well; a hostile file can slow its own import, not corrupt it. */
typedef struct slot {
    const char *key;
    uint64_t hash;
    uint32_t value;
} slot;

struct ep_names {
    slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

/* FNV-1a, 64 bits (Fowler, Noll, Vo), with a final mix (murmur3's) so that low bits are good. */
static uint64_t hash_of(const char *key)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const unsigned char *p = (const unsigned char *)key; *p; p++) {
        h = (h ^ *p) * 0x100000001b3u;
    }
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 33);
}

ep_names *ep_names_new(void)
{
    return calloc(1, sizeof(ep_names));
}

void ep_names_free(ep_names *names)
{
    if (!names) return;
    free(names->slots);
    free(names);
}

static slot *find(const ep_names *names, const char *key, uint64_t hash)
{
    size_t i = (size_t)hash & (names->capacity - 1);
    while (names->slots[i].key) {
        slot *s = &names->slots[i];
        if (s->hash == hash && strcmp(s->key, key) == 0) return s;
        i = (i + 1) & (names->capacity - 1);
    }
    return &names->slots[i];
}

static ep_status grow(ep_names *names, ep_error *err)
{
    ep_names larger = {.capacity = names->capacity ? names->capacity * 2 : 64,
                       .count = names->count};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) return ep_fail_memory(err);
    for (size_t i = 0; i < names->capacity; i++) {
        const slot *s = &names->slots[i];
        if (s->key) *find(&larger, s->key, s->hash) = *s;
    }
    free(names->slots);
    *names = larger;
    return EP_OK;
}

ep_status ep_names_put(ep_names *names, const char *key, uint32_t value, ep_error *err)
{
    assert(key && value != EP_NO_INDEX);
    if ((names->count + 1) * 2 > names->capacity) EP_TRY(grow(names, err));
    const uint64_t hash = hash_of(key);
    slot *s = find(names, key, hash);
    if (!s->key) names->count++;
    *s = (slot){.key = key, .hash = hash, .value = value};
    return EP_OK;
}

uint32_t ep_names_get(const ep_names *names, const char *key)
{
    if (names->capacity == 0) return EP_NO_INDEX;
    const slot *s = find(names, key, hash_of(key));
    return s->key ? s->value : EP_NO_INDEX;
}
