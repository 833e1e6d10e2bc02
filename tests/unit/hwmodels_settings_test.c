/* All that a machine says: what its file has, and the same for two machines exactly where
 * ep_machine_diff finds nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

static const ep_machine_options folder = {.installed = EP_SOURCE_DIR "/hwmodels"};

static const char *find(const ep_setting *settings, uint32_t n, const char *key)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(settings[i].key, key) == 0) return settings[i].value;
    }
    return NULL;
}

static void settings_are_those_of_the_file(void **state)
{
    (void)state;
    ep_machine *machine;
    const ep_setting *settings;
    uint32_t n;
    ep_arena *arena = ep_arena_new();
    assert_int_equal(ep_machine_load("orin-agx", &folder, &machine, NULL), EP_OK);
    assert_int_equal(ep_machine_settings(machine, arena, &settings, &n, NULL), EP_OK);
    /* lines of orin-agx-64gb.yaml */
    assert_string_equal(find(settings, n, "gpu.sms"), "16");
    assert_string_equal(find(settings, n, "dla.limits.conv_kernel"), "[1, 32]");
    assert_string_equal(find(settings, n, "modes.30W.gpu_mhz"), "612");
    assert_null(find(settings, n, "gpu.source"));
    ep_machine_free(machine);
    ep_arena_free(arena);
}

static bool same(const ep_setting *a, uint32_t n_a, const ep_setting *b, uint32_t n_b)
{
    bool equal = n_a == n_b;
    for (uint32_t i = 0; equal && i < n_a; i++) {
        equal = strcmp(a[i].key, b[i].key) == 0 && strcmp(a[i].value, b[i].value) == 0;
    }
    return equal;
}

static void they_are_equal_where_nothing_differs(void **state)
{
    (void)state;
    ep_catalog *catalog;
    uint32_t n_same = 0;
    assert_int_equal(ep_catalog_load(&folder, &catalog, NULL), EP_OK);
    for (uint32_t i = 0; i < catalog->n; i++) {
        for (uint32_t j = 0; j < catalog->n; j++) {
            const ep_machine *a = catalog->entries[i].machine, *b = catalog->entries[j].machine;
            const ep_setting *settings[2];
            const ep_difference *found;
            uint32_t n[2], n_found;
            ep_arena *arena = ep_arena_new();
            assert_int_equal(ep_machine_settings(a, arena, &settings[0], &n[0], NULL), EP_OK);
            assert_int_equal(ep_machine_settings(b, arena, &settings[1], &n[1], NULL), EP_OK);
            assert_int_equal(ep_machine_diff(a, b, arena, &found, &n_found, NULL), EP_OK);
            assert_int_equal(same(settings[0], n[0], settings[1], n[1]), n_found == 0);
            n_same += n_found == 0;
            ep_arena_free(arena);
        }
    }
    /* each itself, and orin-agx, which is another name of orin-agx-64gb */
    assert_int_equal(n_same, catalog->n + 2);
    ep_catalog_free(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_those_of_the_file),
        cmocka_unit_test(they_are_equal_where_nothing_differs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
