/* Many machines: which names there are in folders, and in what two machines differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

#define FOLDER EP_SOURCE_DIR "/hwmodels"

/* Two folders in /tmp; every file in them is written by a test and removed at its end. */
typedef struct folders {
    char first[32], second[32];
    char files[16][96];
    size_t n_files;
    char path[96]; /* both, colon-separated */
} folders;

static folders *make_folders(void)
{
    static folders f;
    f = (folders){.first = "/tmp/ep_catalog_XXXXXX", .second = "/tmp/ep_catalog_XXXXXX"};
    assert_non_null(mkdtemp(f.first));
    assert_non_null(mkdtemp(f.second));
    (void)snprintf(f.path, sizeof f.path, "/tmp/ep_nowhere:%s::%s", f.first, f.second);
    return &f;
}

static void write_file(folders *f, const char *folder, const char *name, const char *text)
{
    char *path = f->files[f->n_files++];
    (void)snprintf(path, sizeof f->files[0], "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_folders(folders *f)
{
    while (f->n_files > 0) (void)remove(f->files[--f->n_files]);
    assert_int_equal(rmdir(f->first), 0);
    assert_int_equal(rmdir(f->second), 0);
}

static ep_catalog *load_catalog(const char *search_path, const char *installed)
{
    const ep_machine_options options = {.search_path = search_path, .installed = installed};
    ep_catalog *catalog;
    ep_error err = {0};
    if (ep_catalog_load(&options, &catalog, &err) != EP_OK) fail_msg("%s", err.text);
    return catalog;
}

static void test_installed(void **state)
{
    (void)state;
    ep_catalog *catalog = load_catalog(NULL, FOLDER);
    assert_true(catalog->n > 10);
    for (uint32_t i = 0; i < catalog->n; i++) {
        const ep_catalog_entry *entry = &catalog->entries[i];
        assert_non_null(entry->machine);
        assert_null(entry->error);
        assert_string_equal(entry->name, entry->machine->name);
        if (i > 0) assert_true(strcmp(catalog->entries[i - 1].name, entry->name) < 0);
        const char *same_as = strcmp(entry->name, "orin-agx") == 0 ? "orin-agx-64gb" : NULL;
        assert_int_equal(!entry->same_as, !same_as);
        if (same_as) assert_string_equal(entry->same_as, same_as);
    }
    ep_catalog_free(catalog);
}

static void test_order_of_folders(void **state)
{
    (void)state;
    folders *f = make_folders();
    write_file(f, f->first, "b.yaml", "inherit: [orin-agx]\ntitle: Mine\n");
    write_file(f, f->second, "b.yaml", "inherit: [orin-agx]\ntitle: Hidden\n");
    write_file(f, f->second, "a.yaml", "note: other name\ninherit: [../none/b.yaml]\n");
    write_file(f, f->second, "c.yaml", "note: other name\ninherit: [b]\n");
    write_file(f, f->second, "d.yaml", "inherit: [b]\ndla: {cores: 1}\n"); /* not as modes say */
    write_file(f, f->second, "e.yaml", "not YAML: [");
    write_file(f, f->second, ".yaml", "");
    write_file(f, f->second, ".hidden.yaml", "");
    write_file(f, f->second, "f.yml", "");
    char sub[96];
    (void)snprintf(sub, sizeof sub, "%s/g.yaml", f->second);
    assert_int_equal(mkdir(sub, 0700), 0); /* a folder is no model */

    /* what is inherited is found in the installed folder, which is listed too */
    ep_catalog *installed = load_catalog(NULL, FOLDER), *catalog = load_catalog(f->path, FOLDER);
    assert_int_equal(catalog->n, installed->n + 5);
    ep_catalog_free(installed);
    const ep_catalog_entry *at = catalog->entries;
    assert_string_equal(at[0].name, "a");
    assert_null(at[0].machine);
    assert_non_null(strstr(at[0].error, "/a.yaml:2:11: inherit: '../none/b.yaml': no such file"));
    assert_string_equal(at[1].name, "b");
    assert_string_equal(at[1].machine->title, "Mine");
    assert_null(at[1].same_as);
    assert_string_equal(at[2].name, "c");
    assert_string_equal(at[2].same_as, "b");
    assert_string_equal(at[3].name, "d");
    assert_null(at[3].machine);
    assert_non_null(at[3].error);
    assert_string_equal(at[4].name, "e");
    assert_non_null(strstr(at[4].error, "/e.yaml:2:1: not YAML"));
    assert_string_equal(at[5].name, "h200-sxm");
    ep_catalog_free(catalog);
    assert_int_equal(rmdir(sub), 0);
    remove_folders(f);
}

static void test_nothing(void **state)
{
    (void)state;
    ep_catalog *catalog = load_catalog(NULL, NULL);
    assert_int_equal(catalog->n, 0);
    ep_catalog_free(catalog);
    ep_catalog_free(NULL);
}

/* ---- diff ---------------------------------------------------------------------------------- */

static ep_machine *load(const char *name, uint32_t n_sets, const char *const *sets)
{
    ep_machine *machine;
    ep_error err = {0};
    const ep_machine_options options = {.installed = FOLDER, .n_sets = n_sets, .sets = sets};
    if (ep_machine_load(name, &options, &machine, &err) != EP_OK) fail_msg("%s", err.text);
    return machine;
}

static void assert_sides(const ep_difference *difference, const char *a, const char *b)
{
    assert_int_equal(!difference->a, !a);
    assert_int_equal(!difference->b, !b);
    if (a) assert_string_equal(difference->a, a);
    if (b) assert_string_equal(difference->b, b);
}

/* Each kind of value, found in the order of the schema. */
static void test_values(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "gpu.l2_bytes=2MiB",
        "gpu.tensor_int8=1024.5",
        "dla.pipes=4",
        "dla.limits.conv_kernel=[1, 16]",
        "dla.limits.div=true",
        "rails.VDD_CPU_CV.idle_w=0.5",
        "energy.gpu_voltage=[[612, 0.7], [1300.5, 0.9]]",
        "energy.dla_rail=VDD_GPU_SOC",
        "modes.30W.budget_w=31",
    };
    static const struct {
        const char *key, *a, *b;
    } expected[] = {
        {"gpu.l2_bytes", "4 MiB", "2 MiB"},
        {"gpu.tensor_int8", "2048", "1024.5"},
        {"dla.pipes", "2", "4"},
        {"dla.limits.conv_kernel", "[1, 32]", "[1, 16]"},
        {"dla.limits.div", "false", "true"},
        {"rails.VDD_CPU_CV.idle_w", "0.22", "0.5"},
        {"energy.gpu_voltage", "[[612, 0.732], [816, 0.815], [1300.5, 1]]",
         "[[612, 0.7], [1300.5, 0.9]]"},
        {"energy.dla_rail", "VDD_CPU_CV", "VDD_GPU_SOC"},
        {"modes.30W.budget_w", "30", "31"},
    };
    ep_machine *a = load("orin-agx", 0, NULL);
    ep_machine *b = load("orin-agx-64gb", sizeof sets / sizeof *sets, sets);
    ep_arena *arena = ep_arena_new();
    const ep_difference *found;
    uint32_t n;
    ep_error err = {0};
    assert_int_equal(ep_machine_diff(a, b, arena, &found, &n, &err), EP_OK);
    for (uint32_t i = 0; i < n && i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(found[i].key, expected[i].key);
        assert_sides(&found[i], expected[i].a, expected[i].b);
    }
    assert_int_equal(n, sizeof expected / sizeof *expected);
    assert_int_equal(ep_machine_diff(a, a, arena, &found, &n, &err), EP_OK);
    assert_int_equal(n, 0);
    ep_arena_free(arena);
    ep_machine_free(a);
    ep_machine_free(b);
}

static const ep_difference *find(const ep_difference *found, uint32_t n, const char *key)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(found[i].key, key) == 0) return &found[i];
    }
    return NULL;
}

/* Items are matched by name, wherever they stand; a DLA that only one has is one line. */
static void test_items(void **state)
{
    (void)state;
    ep_machine *a = load("orin-agx", 0, NULL), *b = load("orin-nano-8gb", 0, NULL);
    ep_arena *arena = ep_arena_new();
    const ep_difference *found;
    uint32_t n;
    ep_error err = {0};
    assert_int_equal(ep_machine_diff(a, b, arena, &found, &n, &err), EP_OK);
    assert_sides(find(found, n, "dla.cores"), "2", "0");
    assert_sides(find(found, n, "modes.MAXN"), "present", NULL);
    assert_sides(find(found, n, "modes.7W"), NULL, "present");
    assert_sides(find(found, n, "modes.15W.gpu_mhz"), "408", "624.75"); /* 4th and 1st */
    assert_sides(find(found, n, "rails.VDD_SOC"), NULL, "present");
    assert_sides(find(found, n, "rails_total"), NULL, "VDD_IN");
    assert_sides(find(found, n, "energy.dram_rail"), "VIN_SYS_5V0", "VDD_IN_REST");
    for (uint32_t i = 0; i < n; i++) {
        assert_true(strncmp(found[i].key, "dla", 3) != 0 || strcmp(found[i].key, "dla.cores") == 0);
        assert_null(strstr(found[i].key, ".dla_mhz"));
    }
    ep_arena_free(arena);
    ep_machine_free(a);
    ep_machine_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_installed), cmocka_unit_test(test_order_of_folders),
        cmocka_unit_test(test_nothing),   cmocka_unit_test(test_values),
        cmocka_unit_test(test_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
