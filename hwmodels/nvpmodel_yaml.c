/* The modes of an nvpmodel.conf, resolved for a machine and written as those of a hardware model.
 */
#include <string.h>

#include "hwmodels/nvpmodel.h"
#include "hwmodels/reader.h"

/* A mode resolved: its values, and remarks on those that the file does not say. */
typedef struct resolved {
    int64_t tpcs, dla_cores;
    double cpu_mhz, gpu_mhz, dla_mhz, dram_mhz;
    ep_text open; /* keys that the file leaves open, joined by commas */
    ep_text remarks;
} resolved;

static double resolve_clock(resolved *to, const char *key, double mhz, double max)
{
    if (mhz <= 0) {
        ep_text_printf(&to->open, "%s%s", to->open.length ? ", " : "", key);
        return max;
    }
    if (mhz <= max) return mhz;
    ep_text_printf(&to->remarks, " %s: the file allows %.12g.", key, mhz);
    return max;
}

static int64_t bits_of(uint64_t mask)
{
    int64_t n = 0;
    for (; mask; mask &= mask - 1) n++;
    return n;
}

/* TPCs that the masks of a file are about: those of the chip, of which the module may have fewer.
 * Chips have powers of two of them: 8 (Orin), 4 (Xavier). */
static int64_t tpcs_of_chip(const ep__conf *conf, int64_t tpcs)
{
    uint64_t gated = 0;
    for (uint32_t i = 0; i < conf->n_modes; i++) gated |= conf->modes[i]->tpc_mask;
    int64_t chip = 1;
    while (chip < 64 && (chip < tpcs || gated >> chip)) chip *= 2;
    return chip;
}

/* A hardware model has one clock for its DLA cores: those that are capped below the first do not
 * count. */
static void resolve_dla(resolved *to, const ep__conf_mode *mode, const ep_dla *dla)
{
    to->dla_mhz = resolve_clock(to, "dla_mhz", mode->dla_mhz[0], dla->clock_mhz_max);
    for (int64_t i = 0; i < dla->cores && i < EP__CONF_DLAS; i++) {
        const double mhz = mode->dla_mhz[i];
        if (mhz <= 0 || mhz >= to->dla_mhz) {
            to->dla_cores++;
        } else {
            ep_text_printf(&to->remarks, " dla_cores: without DLA %d, which has %.12g MHz.", (int)i,
                           mhz);
        }
    }
}

static ep_status resolve(const ep__conf *conf, const ep__conf_mode *mode, const ep_machine *machine,
                         resolved *to, ep_error *err)
{
    const int64_t tpcs = machine->gpu.sms / machine->gpu.sms_per_tpc;
    const int64_t left = tpcs_of_chip(conf, tpcs) - bits_of(mode->tpc_mask);
    if (left <= 0) {
        return ep_fail_at(err, EP_BAD_HARDWARE, conf->file, mode->line, 1,
                          "mode '%s': TPC_PG_MASK %llu leaves no TPC of %s", mode->name,
                          (unsigned long long)mode->tpc_mask, machine->name);
    }
    to->tpcs = left < tpcs ? left : tpcs;
    to->cpu_mhz = resolve_clock(to, "cpu_mhz", mode->cpu_mhz, machine->cpu.clock_mhz_max);
    if (mode->other_cluster) {
        ep_text_printf(&to->remarks, " cpu_mhz: of %s; other clusters differ.", mode->cpu_cluster);
    }
    to->gpu_mhz = resolve_clock(to, "gpu_mhz", mode->gpu_mhz, machine->gpu.clock_mhz_max);
    if (machine->dla.cores > 0) resolve_dla(to, mode, &machine->dla);
    to->dram_mhz = resolve_clock(to, "dram_mhz", mode->dram_mhz, machine->dram.clock_mhz_max);
    return EP_OK;
}

/* Appends text inside double quotes of YAML. */
static void append_quoted(ep_text *out, const char *text)
{
    for (; *text; text++) {
        const bool printable = *text >= 0x20 && *text < 0x7f;
        if (*text == '"' || *text == '\\') ep_text_append(out, "\\", 1);
        ep_text_append(out, printable ? text : "?", 1);
    }
}

/* "30W", "7W_AI": watts; 0 for a name without. */
static int budget_of(const char *name)
{
    int watts = 0, digits = 0;
    for (; digits < 5 && name[digits] >= '0' && name[digits] <= '9'; digits++) {
        watts = watts * 10 + (name[digits] - '0');
    }
    return digits > 0 && (name[digits] == 'W' || name[digits] == 'w') ? watts : 0;
}

static void append_note(ep_text *out, const resolved *values, const ep_machine *machine)
{
    if (!values->open.length && !values->remarks.length) return;
    ep_text_printf(out, "    note: \"");
    if (values->open.length) {
        ep_text_printf(out, "%s: the highest of ", ep_text_cstr(&values->open));
        append_quoted(out, machine->name);
        ep_text_printf(out, ", the file sets no bound.");
    }
    const char *remarks = ep_text_cstr(&values->remarks);
    append_quoted(out, values->open.length || !*remarks ? remarks : remarks + 1);
    ep_text_printf(out, "\"\n");
}

static void append_mode(ep_text *out, const ep__conf *conf, const ep__conf_mode *mode,
                        const resolved *values, const ep_machine *machine)
{
    const char *slash = strrchr(conf->file, '/');
    ep_text_printf(out, "  - name: \"%s\"\n    source: \"nvpmodel: ", mode->name);
    append_quoted(out, slash ? slash + 1 : conf->file);
    ep_text_printf(out, ", mode %lld\"\n", (long long)mode->id);
    append_note(out, values, machine);
    if (mode->is_default) ep_text_printf(out, "    default: true\n");
    ep_text_printf(out, "    budget_w: %d\n", budget_of(mode->name));
    ep_text_printf(out, "    cpu_online: %lld\n",
                   (long long)(machine->cpu.cores - mode->cores_off));
    ep_text_printf(out, "    cpu_mhz: %.12g\n", values->cpu_mhz);
    ep_text_printf(out, "    gpu_tpcs: %lld\n", (long long)values->tpcs);
    ep_text_printf(out, "    gpu_mhz: %.12g\n", values->gpu_mhz);
    if (machine->dla.cores > 0) {
        ep_text_printf(out, "    dla_cores: %lld\n", (long long)values->dla_cores);
        ep_text_printf(out, "    dla_mhz: %.12g\n", values->dla_mhz);
    }
    ep_text_printf(out, "    dram_mhz: %.12g\n", values->dram_mhz);
}

ep_status ep_nvpmodel_modes(const char *text, size_t size, const char *path,
                            const ep_machine *machine, ep_text *out, ep_error *err)
{
    ep_arena *arena = ep_arena_new();
    if (!arena) return ep_fail_memory(err);
    ep__conf conf = {.file = path};
    ep_status status = ep__conf_read(&conf, text, size, machine, arena, err);
    if (status == EP_OK) ep_text_printf(out, "modes:\n");
    for (uint32_t i = 0; i < conf.n_modes && status == EP_OK; i++) {
        resolved values = {0};
        status = resolve(&conf, conf.modes[i], machine, &values, err);
        if (status == EP_OK && (values.open.failed || values.remarks.failed)) {
            status = ep_fail_memory(err);
        }
        if (status == EP_OK) append_mode(out, &conf, conf.modes[i], &values, machine);
        ep_text_free(&values.open);
        ep_text_free(&values.remarks);
    }
    ep_arena_free(arena);
    if (status != EP_OK) return status;
    return out->failed ? ep_fail_memory(err) : EP_OK;
}
