#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Chunks grow to this; a larger request gets a chunk of its own. */
#define CHUNK_MAX_BYTES ((size_t)1 << 20)
#define CHUNK_MIN_BYTES ((size_t)1 << 12)

typedef struct chunk {
    struct chunk *next;
    size_t size, used;
    max_align_t bytes[];
} chunk;

struct ep_arena {
    chunk *head;
    size_t total;
    size_t next_size;
    size_t limit; /* of total */
};

ep_arena *ep_arena_new(void)
{
    ep_arena *arena = calloc(1, sizeof *arena);
    if (arena) *arena = (ep_arena){.next_size = CHUNK_MIN_BYTES, .limit = SIZE_MAX};
    return arena;
}

static void free_chunks(ep_arena *arena)
{
    for (chunk *c = arena->head; c;) {
        chunk *next = c->next;
        free(c);
        c = next;
    }
    arena->head = NULL;
    arena->total = 0;
}

void ep_arena_free(ep_arena *arena)
{
    if (!arena) return;
    free_chunks(arena);
    free(arena);
}

static chunk *chunk_new(ep_arena *arena, size_t size)
{
    const size_t whole = sizeof(chunk) + size;
    if (arena->total > arena->limit || whole > arena->limit - arena->total) return NULL;
    chunk *c = malloc(whole);
    if (!c) return NULL;
    *c = (chunk){.size = size};
    arena->total += whole;
    return c;
}

static void *take_aligned(ep_arena *arena, size_t size)
{
    chunk *c = arena->head;
    if (c && c->size - c->used >= size) {
        void *p = (char *)c->bytes + c->used;
        c->used += size;
        return p;
    }
    const bool own_chunk = size > arena->next_size / 4;
    c = own_chunk ? NULL : chunk_new(arena, arena->next_size);
    if (!c) c = chunk_new(arena, size);
    if (!c) return NULL;
    c->used = size;
    if (own_chunk && arena->head) { /* keep filling the current chunk */
        c->next = arena->head->next;
        arena->head->next = c;
    } else {
        c->next = arena->head;
        arena->head = c;
        if (arena->next_size < CHUNK_MAX_BYTES) arena->next_size *= 2;
    }
    return c->bytes;
}

void *ep_arena_take_raw(ep_arena *arena, uint64_t count, size_t size)
{
    assert(arena && size > 0);
    uint64_t bytes;
    if (ep_mul_overflows(count, size, &bytes) || bytes > SIZE_MAX / 2) return NULL;
    return take_aligned(arena, (size_t)ep_round_up(bytes ? bytes : 1, sizeof(max_align_t)));
}

void *ep_arena_take(ep_arena *arena, uint64_t count, size_t size)
{
    void *p = ep_arena_take_raw(arena, count, size);
    return p ? memset(p, 0, (size_t)count * size) : NULL;
}

void *ep_arena_copy(ep_arena *arena, const void *bytes, size_t size)
{
    void *p = ep_arena_take(arena, size, 1);
    return p && size ? memcpy(p, bytes, size) : p;
}

char *ep_arena_string(ep_arena *arena, const char *bytes, size_t length)
{
    char *p = ep_arena_take(arena, (uint64_t)length + 1, 1);
    if (p && length) memcpy(p, bytes, length);
    return p;
}

char *ep_arena_printf(ep_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(NULL, 0, format, args);
    char *p = length < 0 ? NULL : ep_arena_take(arena, (uint64_t)length + 1, 1);
    if (p) (void)vsnprintf(p, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
    return p;
}

void ep_arena_reset(ep_arena *arena, size_t keep)
{
    const size_t total = arena->total;
    if (arena->head && !arena->head->next && total <= keep) {
        arena->head->used = 0;
        return;
    }
    free_chunks(arena);
    if (total == 0 || total > keep) return;
    arena->head = chunk_new(arena, total - sizeof *arena->head); /* NULL is an empty arena */
}

void ep_arena_limit(ep_arena *arena, size_t bytes)
{
    arena->limit = bytes;
}

size_t ep_arena_bytes(const ep_arena *arena)
{
    return arena->total;
}

ep_status ep_grow(void **array, uint32_t *capacity, uint64_t needed, size_t size, ep_error *err)
{
    if (needed <= *capacity) return EP_OK;
    uint64_t wanted = *capacity ? (uint64_t)*capacity * 2 : 16;
    if (wanted < needed) wanted = needed;
    uint64_t bytes;
    if (wanted > UINT32_MAX || ep_mul_overflows(wanted, size, &bytes) || bytes > SIZE_MAX / 2) {
        return ep_fail_memory(err);
    }
    void *grown = realloc(*array, (size_t)bytes);
    if (!grown) return ep_fail_memory(err);
    *array = grown;
    *capacity = (uint32_t)wanted;
    return EP_OK;
}
