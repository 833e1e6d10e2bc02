/* ep_arena: what is taken again after a reset, and what a limit refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

/* Takes so much that it lies in several chunks; all of it zeroed. */
static void take_much(ep_arena *arena)
{
    for (int i = 0; i < 100; i++) {
        char *bytes = ep_arena_take(arena, 1000 + (unsigned)i, 1);
        assert_non_null(bytes);
        for (int k = 0; k < 1000 + i; k++) assert_int_equal(bytes[k], 0);
        memset(bytes, 1, 1000 + (size_t)i);
    }
}

static void a_reset_keeps_memory(void **state)
{
    (void)state;
    ep_arena *arena = ep_arena_new();
    assert_non_null(arena);
    ep_arena_reset(arena, SIZE_MAX);
    assert_int_equal(ep_arena_bytes(arena), 0);
    take_much(arena);
    const size_t bytes = ep_arena_bytes(arena);
    for (int i = 0; i < 3; i++) {
        ep_arena_reset(arena, SIZE_MAX);
        assert_int_equal(ep_arena_bytes(arena), bytes);
        take_much(arena);
        assert_int_equal(ep_arena_bytes(arena), bytes); /* no more than the first time */
    }
    ep_arena_reset(arena, bytes - 1);
    assert_int_equal(ep_arena_bytes(arena), 0);
    take_much(arena);
    ep_arena_free(arena);
}

static void a_limit_is_kept(void **state)
{
    (void)state;
    ep_arena *arena = ep_arena_new();
    assert_non_null(arena);
    ep_arena_limit(arena, 10000);
    assert_null(ep_arena_take(arena, 10001, 1));
    assert_non_null(ep_arena_take(arena, 9000, 1)); /* although a chunk is larger */
    assert_null(ep_arena_take(arena, 2000, 1));
    assert_true(ep_arena_bytes(arena) <= 10000);
    ep_arena_limit(arena, SIZE_MAX);
    assert_non_null(ep_arena_take(arena, 2000, 1));
    ep_arena_limit(arena, 10); /* less than there is */
    assert_null(ep_arena_take(arena, 1 << 20, 1));
    ep_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_keeps_memory),
        cmocka_unit_test(a_limit_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
