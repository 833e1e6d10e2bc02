/* nvpmodel.conf: the modes of all modules, written in its form with the masks of the boards' files,
 * come back as they were; and the line that answers to everything malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hwmodels/hwmodels.h"

static ep_machine *load(const char *name)
{
    ep_machine *machine;
    ep_error err = {0};
    const ep_machine_options options = {.installed = EP_SOURCE_DIR "/hwmodels"};
    if (ep_machine_load(name, &options, &machine, &err) != EP_OK) fail_msg("%s", err.text);
    return machine;
}

/* A machine that is `name` with other modes. */
static ep_machine *with_modes(const char *name, const ep_text *modes)
{
    char path[] = "/tmp/ep_modes_XXXXXX";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "inherit: [%s]\n%s", name, ep_text_cstr(modes)) > 0);
    assert_int_equal(fclose(file), 0);
    ep_machine *machine = load(path);
    (void)unlink(path);
    return machine;
}

static void write_mode(ep_text *conf, const ep_machine *m, uint32_t index, unsigned mask,
                       const char *cluster)
{
    const ep_mode *mode = &m->modes[index];
    ep_text_printf(conf, "\n< POWER_MODEL ID=%u NAME=MODE_%s >\n", index, mode->name);
    for (int64_t c = 0; c < m->cpu.cores; c++) {
        ep_text_printf(conf, "CPU_ONLINE CORE_%lld %d\n", (long long)c, c < mode->cpu_online);
    }
    ep_text_printf(conf, "TPC_POWER_GATING TPC_PG_MASK %u\n", mask);
    ep_text_printf(conf, "%s MIN_FREQ 0\n%s MAX_FREQ %.0f\n", cluster, cluster,
                   mode->cpu_mhz * 1e3);
    ep_text_printf(conf, "GPU MAX_FREQ %.0f\nEMC MAX_FREQ %.0f\n", mode->gpu_mhz * 1e6,
                   mode->dram_mhz * 1e6);
    for (int64_t d = 0; d < m->dla.cores; d++) {
        const double mhz = d < mode->dla_cores ? mode->dla_mhz : 115.2; /* parked */
        ep_text_printf(conf, "DLA%lld_CORE MAX_FREQ %.0f\n", (long long)d, mhz * 1e6);
    }
    if (mode->is_default) ep_text_printf(conf, "< PM_CONFIG DEFAULT=%u >\n", index);
}

static void test_all_modules(void **state)
{
    (void)state;
    static const struct {
        const char *machine;
        unsigned masks[9]; /* in the order of the modes in the hardware model */
        const char *cluster;
    } rows[] = {
        {"orin-agx-64gb", {0, 0, 240, 248}, "CPU_A78_0"},
        {"orin-agx-32gb", {128, 248, 240, 128}, "CPU_A78_0"},
        {"orin-nx-16gb", {240, 252, 252, 240}, "CPU_A78_0"},
        {"orin-nx-8gb", {240, 252, 252, 240}, "CPU_A78_0"},
        {"orin-nx-16gb-super", {240, 252, 252, 240, 240}, "CPU_A78_0"},
        {"orin-nx-8gb-super", {240, 252, 252, 240, 240}, "CPU_A78_0"},
        {"orin-nano-8gb", {240, 252}, "CPU_A78_0"},
        {"orin-nano-4gb", {252, 252, 252}, "CPU_A78_0"},
        {"orin-nano-8gb-super", {240, 240, 240}, "CPU_A78_0"},
        {"orin-nano-4gb-super", {252, 252, 252}, "CPU_A78_0"},
        {"xavier-agx", {0, 5, 0, 0, 0, 0, 0, 0}, "CPU_DENVER_0"},
        {"xavier-nx", {1, 1, 1, 1, 1, 1, 1, 1, 1}, "CPU_DENVER_0"},
    };
    ep_arena *arena = ep_arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ep_machine *m = load(rows[i].machine);
        ep_text conf = {0}, modes = {0};
        ep_error err = {0};
        for (uint32_t k = 0; k < m->n_modes; k++) {
            write_mode(&conf, m, k, rows[i].masks[k], rows[i].cluster);
        }
        if (ep_nvpmodel_modes(conf.data, conf.length, "b.conf", m, &modes, &err) != EP_OK) {
            fail_msg("%s: %s", rows[i].machine, err.text);
        }
        ep_machine *back = with_modes(rows[i].machine, &modes);
        const ep_difference *differences;
        uint32_t n;
        assert_int_equal(ep_machine_diff(m, back, arena, &differences, &n, &err), EP_OK);
        if (n > 0) {
            fail_msg("%s: %s: %s, was %s", rows[i].machine, differences->key, differences->b,
                     differences->a);
        }
        ep_text_free(&conf);
        ep_text_free(&modes);
        ep_machine_free(back);
        ep_machine_free(m);
    }
    ep_arena_free(arena);
}

/* The modes of a text, for AGX Orin; the machine is the caller's. */
static ep_machine *convert(const char *conf)
{
    ep_machine *m = load("orin-agx");
    ep_text modes = {0};
    ep_error err = {0};
    if (ep_nvpmodel_modes(conf, strlen(conf), "/etc/nvpmodel.conf", m, &modes, &err) != EP_OK) {
        fail_msg("%s", err.text);
    }
    ep_machine_free(m);
    m = with_modes("orin-agx", &modes);
    ep_text_free(&modes);
    return m;
}

/* -1, 0 and no line leave the highest clock; a cap above it too. */
static void test_open(void **state)
{
    (void)state;
    ep_machine *m = convert("< POWER_MODEL ID=0 NAME=MAXN >\r\n"
                            "CPU_A78_0 MAX_FREQ -1\r\n"
                            "GPU MAX_FREQ 2000000000\r\n"
                            "EMC MAX_FREQ 0\r\n"
                            "<PM_CONFIG DEFAULT=0>"); /* and without blanks */
    const ep_mode *mode = &m->modes[0];
    assert_int_equal(m->n_modes, 1);
    assert_string_equal(mode->name, "MAXN");
    assert_true(mode->is_default && mode->budget_w == 0);
    assert_int_equal(mode->cpu_online, 12);
    assert_true(mode->cpu_mhz == 2201.6 && mode->gpu_mhz == 1300.5 && mode->dla_mhz == 1600 &&
                mode->dram_mhz == 3199);
    assert_int_equal(mode->gpu_tpcs, 8);
    assert_int_equal(mode->dla_cores, 2);
    ep_machine_free(m);
}

static void test_clusters_and_cores(void **state)
{
    (void)state;
    ep_machine *m = convert("# comment\n"
                            "< PARAM TYPE=FILE NAME=GPU >\n"
                            "MAX_FREQ /sys/gpu\n"
                            "< POWER_MODEL NAME=7W_AI ID=3 >\n"
                            "CPU_ONLINE CORE_11 0\n"
                            "CPU_A78_0 MAX_FREQ 1113600\n"
                            "CPU_A78_1 MAX_FREQ 2000000\n"
                            "DLA_CORE MAX_FREQ 550000000\n"
                            "SOMETHING NEW on\n"
                            "< PM_CONFIG DEFAULT=3 >\n");
    const ep_mode *mode = &m->modes[0];
    assert_true(mode->budget_w == 7);
    assert_int_equal(mode->cpu_online, 11);
    assert_true(mode->cpu_mhz == 1113.6); /* where the first core is */
    assert_true(mode->dla_mhz == 550);
    assert_int_equal(mode->dla_cores, 2);
    ep_machine_free(m);
}

#define MODE "< POWER_MODEL ID=0 NAME=M >\n"
#define END "< PM_CONFIG DEFAULT=0 >\n"

static void test_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *conf, *message;
    } cases[] = {
        {"", "c: no mode: no '< POWER_MODEL ID=... NAME=... >'"},
        {MODE, "c: no default mode: no '< PM_CONFIG DEFAULT=ID >'"},
        {MODE "< PM_CONFIG DEFAULT=1 >", "c:2:1: DEFAULT: no mode has the ID 1"},
        {MODE END END, "c:3:21: a second default; the first is in line 2"},
        {"GPU MAX_FREQ 1", "c:1:1: wants a section, '< PARAM ... >'"},
        {"< POWER_MODEL ID=0 NAME=M", "c:1:26: the section does not end with '>'"},
        {"<", "c:1:2: the section does not end with '>'"},
        {"< POWER_MODEL NAME=M >", "c:1:14: the section has no ID=..."},
        {"< POWER_MODEL ID=0 >", "c:1:14: the section has no NAME=..."},
        {"< POWER_MODEL ID=x NAME=M >", "c:1:18: ID: wants whole number 0..2147483647, is 'x'"},
        {"< POWER_MODEL ID=-1 NAME=M >", "c:1:18: ID: wants whole number 0..2147483647, is '-1'"},
        {"< POWER_MODEL ID=0 NAME=\"M\" >",
         "c:1:25: NAME: wants up to 64 letters, digits and _ - . +, is '\"M\"'"},
        {MODE "\n< POWER_MODEL ID=0 NAME=N >", "c:3:14: mode 0 'N' is there already, in line 1"},
        {MODE "< POWER_MODEL ID=1 NAME=MODE_m >", "c:2:14: mode 1 'm' is there already, in line 1"},
        {MODE "GPU MAX_FREQ", "c:2:1: wants PARAM ARGUMENT VALUE, is 'GPU MAX_FREQ'"},
        {MODE "GPU MAX_FREQ fast", "c:2:14: GPU: wants whole number -1..20000000000, is 'fast'"},
        {MODE "GPU MAX_FREQ 99999999999999999999",
         "c:2:14: GPU: wants whole number -1..20000000000, is '99999999999999999999'"},
        {MODE "GPU MAX_FREQ 612000", "c:2:14: GPU: 612000 is below 1 MHz; wants Hz"},
        {MODE "CPU_A78_0 MAX_FREQ 999", "c:2:20: CPU_A78_0: 999 is below 1 MHz; wants kHz"},
        {MODE "CPU_ONLINE CORE_12 1",
         "c:2:12: CORE_12: orin-agx has 12 cores; give the board's model (--hw)"},
        {MODE "CPU_ONLINE CORE_x 1", "c:2:12: CPU_ONLINE: wants CORE_0..CORE_1023, is 'CORE_x'"},
        {MODE "CPU_ONLINE CORE_1024 0",
         "c:2:12: CPU_ONLINE: wants CORE_0..CORE_1023, is 'CORE_1024'"},
        {MODE "CPU_ONLINE CORE_1 2", "c:2:19: CPU_ONLINE: wants whole number 0..1, is '2'"},
        {MODE "CPU_ONLINE CORE_1 1\nCPU_ONLINE CORE_1 0", "c:3:12: CORE_1: given twice"},
        {MODE "TPC_POWER_GATING TPC_PG_MASK -1",
         "c:2:30: TPC_PG_MASK: wants whole number 0..9223372036854775807, is '-1'"},
        {MODE "TPC_POWER_GATING TPC_PG_MASK 255\n" END,
         "c:1:1: mode 'M': TPC_PG_MASK 255 leaves no TPC of orin-agx"},
    };
    ep_machine *m = load("orin-agx");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ep_text modes = {0};
        ep_error err = {0};
        const ep_status status =
            ep_nvpmodel_modes(cases[i].conf, strlen(cases[i].conf), "c", m, &modes, &err);
        assert_string_equal(err.text, cases[i].message);
        assert_int_equal(status, EP_BAD_HARDWARE);
        ep_text_free(&modes);
    }
    ep_machine_free(m);
}

static void test_bounds(void **state)
{
    (void)state;
    ep_machine *m = load("orin-agx");
    ep_text conf = {0}, modes = {0};
    ep_error err = {0};
    ep_text_printf(&conf, "#%1024s", "");
    assert_int_equal(ep_nvpmodel_modes(conf.data, conf.length, "c", m, &modes, &err),
                     EP_BAD_HARDWARE);
    assert_string_equal(err.text, "c:1:1: a line of 1025 bytes; allowed up to 1024");
    ep_text_free(&conf);
    for (int i = 0; i < 33; i++) ep_text_printf(&conf, "< POWER_MODEL ID=%d NAME=M%d >\n", i, i);
    assert_int_equal(ep_nvpmodel_modes(conf.data, conf.length, "c", m, &modes, &err),
                     EP_BAD_HARDWARE);
    assert_string_equal(err.text, "c:33:14: more than 32 modes");
    assert_int_equal(ep_nvpmodel_modes("<\0>", 3, "c", m, &modes, &err), EP_BAD_HARDWARE);
    assert_string_equal(err.text, "c:1:1: a zero byte: not text");
    char *large = calloc(1, (1 << 20) + 1);
    assert_non_null(large);
    assert_int_equal(ep_nvpmodel_modes(large, (1 << 20) + 1, "c", m, &modes, &err),
                     EP_BAD_HARDWARE);
    assert_string_equal(err.text, "c: 1048577 bytes; an nvpmodel.conf has at most 1048576");
    free(large);
    ep_text_free(&conf);
    ep_text_free(&modes);
    ep_machine_free(m);
}

/* Names of files and machines are not YAML. */
static void test_quoting(void **state)
{
    (void)state;
    ep_machine *m = load("orin-agx");
    m->name = "a\"b\\c\n\xff";
    ep_text modes = {0};
    ep_error err = {0};
    const char conf[] = MODE END;
    assert_int_equal(ep_nvpmodel_modes(conf, sizeof conf - 1, "d/\"x\"\\\t: y", m, &modes, &err),
                     EP_OK);
    assert_non_null(strstr(modes.data, "source: \"nvpmodel: \\\"x\\\"\\\\?: y, mode 0\"\n"));
    assert_non_null(strstr(modes.data, "of a\\\"b\\\\c??, the"));
    ep_machine *back = with_modes("orin-agx", &modes);
    assert_string_equal(back->modes[0].name, "M");
    ep_machine_free(back);
    ep_text_free(&modes);
    ep_machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_modules),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_clusters_and_cores),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_quoting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
