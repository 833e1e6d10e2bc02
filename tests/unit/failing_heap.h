/* Allocations that fail in turn. The linker sends the library's here (--wrap, see CMakeLists.txt).
 */
#ifndef FAILING_HEAP_H
#define FAILING_HEAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

static struct {
    bool active;       /* counts and fails */
    bool lasting;      /* fails from `fails_at` on, not there alone */
    uint64_t fails_at; /* counted from 1; 0: never */
    uint64_t calls;
    int64_t alive;
} heap;

static inline bool fails(void)
{
    if (!heap.active) return false;
    heap.calls++;
    if (heap.fails_at == 0) return false;
    return heap.lasting ? heap.calls >= heap.fails_at : heap.calls == heap.fails_at;
}

static inline void *counted(void *pointer)
{
    if (heap.active && pointer) heap.alive++;
    return pointer;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void __real_free(void *pointer);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void __wrap_free(void *pointer);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails()) return NULL;
    void *grown = __real_realloc(old, size);
    return old ? grown : counted(grown);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : counted(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : counted(__real_strndup(text, size));
}

void __wrap_free(void *pointer)
{
    if (heap.active && pointer) heap.alive--;
    __real_free(pointer);
}

/* Runs `work` while each of its allocations fails, alone and with all that follow: an error each
 * time, or success without it, and nothing lost. Returns how often it was refused. */
static inline uint64_t each_allocation_fails(ep_status (*work)(void *context, ep_error *err),
                                             void *context)
{
    uint64_t refused = 0;
    for (int lasting = 0; lasting < 2; lasting++) {
        for (uint64_t at = 1;; at++) {
            ep_error err = {0};
            heap.calls = 0;
            heap.alive = 0;
            heap.fails_at = at;
            heap.lasting = lasting;
            heap.active = true;
            const ep_status status = work(context, &err);
            heap.active = false;
            assert_int_equal(heap.alive, 0);
            if (status != EP_OK) {
                assert_int_equal(status, EP_NO_MEMORY);
                assert_int_equal(err.status, EP_NO_MEMORY);
                assert_non_null(strstr(err.text, "out of memory"));
                refused++;
            }
            if (heap.calls < at) {
                assert_int_equal(status, EP_OK);
                break;
            }
        }
    }
    return refused;
}

#endif
