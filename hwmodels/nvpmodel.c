/* Power modes from an nvpmodel.conf, the file by which nvpmodel sets a board's power mode.
 *
 *   < PARAM TYPE=FILE NAME=GPU >            what there is to set, and where: skipped
 *   MAX_FREQ /sys/devices/...
 *   < POWER_MODEL ID=2 NAME=MODE_30W >      a mode: one setting a line, PARAM ARGUMENT VALUE
 *   CPU_ONLINE CORE_0 1
 *   TPC_POWER_GATING TPC_PG_MASK 240        a bit a TPC of the chip, set where it is gated
 *   CPU_A78_0 MAX_FREQ 1728000              kHz
 *   GPU MAX_FREQ 612000000                  Hz, as DLA0_CORE and EMC, the memory
 *   < PM_CONFIG DEFAULT=2 >                 the mode after flashing
 *
 * Settings of what a hardware model does not have (vision accelerators, lower bounds of clocks) are
 * skipped; a clock of -1 or 0, or none, leaves the hardware's highest. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hwmodels/nvpmodel.h"
#include "hwmodels/reader.h"

enum { BYTES_MAX = 1 << 20, LINE_MAX = 1024 };

typedef struct reading {
    ep__conf *conf;
    const ep_machine *machine;
    ep_arena *arena;
    size_t line;
    const char *start; /* of the line, to point into it */
    bool in_section, in_mode;
    size_t default_line; /* 0: not seen */
    int64_t default_id;
    ep_error *err;
} reading;

/* Part of a line. */
typedef struct word {
    const char *at;
    int length; /* 0: there is none */
} word;

static ep_status fail_word(const reading *c, const char *at, const char *format, ...)
    EP_PRINTF(3, 4);

static ep_status fail_word(const reading *c, const char *at, const char *format, ...)
{
    ep_text what = {0};
    va_list args;
    va_start(args, format);
    ep_text_vprintf(&what, format, args);
    va_end(args);
    const size_t column = (size_t)(at - c->start) + 1;
    const ep_status status = ep_fail_at(c->err, EP_BAD_HARDWARE, c->conf->file, c->line, column,
                                        "%s", ep_text_cstr(&what));
    ep_text_free(&what);
    return status;
}

/* ---- words --------------------------------------------------------------------------------- */

static bool is_blank(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r';
}

static word next_word(const char **at, const char *end)
{
    while (*at < end && is_blank(**at)) ++*at;
    word w = {.at = *at};
    while (*at < end && !is_blank(**at)) ++*at;
    w.length = (int)(*at - w.at);
    return w;
}

static bool is_word(word w, const char *text)
{
    return (size_t)w.length == strlen(text) && memcmp(w.at, text, (size_t)w.length) == 0;
}

static bool begins_with(word w, const char *text)
{
    const size_t length = strlen(text);
    return (size_t)w.length >= length && memcmp(w.at, text, length) == 0;
}

/* The number at the end of "CORE_11" behind "CORE_"; -1 when there is none, or a long one. */
static int64_t suffix_of(word w, const char *prefix)
{
    const int length = (int)strlen(prefix);
    if (!begins_with(w, prefix) || w.length == length || w.length > length + 6) return -1;
    int64_t value = 0;
    for (int i = length; i < w.length; i++) {
        if (w.at[i] < '0' || w.at[i] > '9') return -1;
        value = value * 10 + (w.at[i] - '0');
    }
    return value;
}

/* A whole number of the file; `what` names it in the message. */
static ep_status read_whole(const reading *c, word w, const char *what, int64_t min, int64_t max,
                            int64_t *out)
{
    char text[24];
    char *end = text;
    errno = 0;
    if (w.length > 0 && (size_t)w.length < sizeof text) {
        memcpy(text, w.at, (size_t)w.length);
        text[w.length] = '\0';
        *out = strtoll(text, &end, 10);
    }
    if (end == text || *end || errno || *out < min || *out > max) {
        return fail_word(c, w.at, "%s: wants whole number %lld..%lld, is '%.*s'", what,
                         (long long)min, (long long)max, w.length < 40 ? w.length : 40, w.at);
    }
    return EP_OK;
}

/* ---- sections ------------------------------------------------------------------------------ */

/* The value of KEY=VALUE among the words of a section's head. */
static ep_status find_value(const reading *c, const char *at, const char *end, const char *key,
                            word *out)
{
    const size_t length = strlen(key);
    const char *const from = at;
    for (word w = next_word(&at, end); w.length > 0; w = next_word(&at, end)) {
        if (!begins_with(w, key) || (size_t)w.length <= length + 1 || w.at[length] != '=') continue;
        *out = (word){w.at + length + 1, w.length - (int)length - 1};
        return EP_OK;
    }
    return fail_word(c, from, "the section has no %s=...", key);
}

/* What goes into YAML as it is. */
static bool is_plain_name(word name)
{
    for (int i = 0; i < name.length; i++) {
        const char ch = name.at[i];
        const bool alnum =
            (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z');
        if (!alnum && !strchr("_-.+", ch)) return false;
    }
    return name.length > 0 && name.length <= 64;
}

static ep_status begin_mode(reading *c, const char *at, const char *end)
{
    word id, name;
    EP_TRY(find_value(c, at, end, "ID", &id));
    EP_TRY(find_value(c, at, end, "NAME", &name));
    if (c->conf->n_modes == EP__CONF_MODES) {
        return fail_word(c, at, "more than %d modes", EP__CONF_MODES);
    }
    if (!is_plain_name(name)) {
        return fail_word(c, name.at, "NAME: wants up to 64 letters, digits and _ - . +, is '%.*s'",
                         name.length < 64 ? name.length : 64, name.at);
    }
    ep__conf_mode *mode = EP_NEW(c->arena, ep__conf_mode, 1);
    if (!mode) return ep_fail_memory(c->err);
    mode->line = c->line;
    mode->cpu_mhz = mode->gpu_mhz = mode->dram_mhz = EP__NOT_SET;
    for (int i = 0; i < EP__CONF_DLAS; i++) mode->dla_mhz[i] = EP__NOT_SET;
    EP_TRY(read_whole(c, id, "ID", 0, INT32_MAX, &mode->id));
    mode->name = ep_arena_string(c->arena, name.at, (size_t)name.length);
    if (!mode->name) return ep_fail_memory(c->err);
    const char *bare = ep__bare_mode(mode->name);
    if (bare[0]) mode->name = bare;
    for (uint32_t i = 0; i < c->conf->n_modes; i++) {
        const ep__conf_mode *other = c->conf->modes[i];
        if (other->id != mode->id && !ep__same_mode(other->name, mode->name)) continue;
        return fail_word(c, at, "mode %lld '%s' is there already, in line %zu", (long long)mode->id,
                         mode->name, other->line);
    }
    c->conf->modes[c->conf->n_modes++] = mode;
    c->in_mode = true;
    return EP_OK;
}

/* "< POWER_MODEL ID=0 NAME=MAXN >"; `at` is behind the '<'. */
static ep_status begin_section(reading *c, const char *at, const char *end)
{
    while (end > at && is_blank(end[-1])) end--;
    if (end == at || end[-1] != '>') return fail_word(c, end, "the section does not end with '>'");
    end--;
    c->in_section = true;
    c->in_mode = false;
    const word kind = next_word(&at, end);
    if (is_word(kind, "POWER_MODEL")) return begin_mode(c, at, end);
    if (!is_word(kind, "PM_CONFIG")) return EP_OK;
    word id;
    EP_TRY(find_value(c, at, end, "DEFAULT", &id));
    if (c->default_line) {
        return fail_word(c, id.at, "a second default; the first is in line %zu", c->default_line);
    }
    c->default_line = c->line;
    return read_whole(c, id, "DEFAULT", 0, INT32_MAX, &c->default_id);
}

/* ---- settings ------------------------------------------------------------------------------ */

static ep_status set_core(const reading *c, ep__conf_mode *mode, word argument, word value)
{
    const int64_t core = suffix_of(argument, "CORE_");
    if (core < 0 || core >= EP__CONF_CORES) {
        return fail_word(c, argument.at, "CPU_ONLINE: wants CORE_0..CORE_%d, is '%.*s'",
                         EP__CONF_CORES - 1, argument.length < 40 ? argument.length : 40,
                         argument.at);
    }
    int64_t online;
    EP_TRY(read_whole(c, value, "CPU_ONLINE", 0, 1, &online));
    const ep_machine *machine = c->machine;
    if (online && core >= machine->cpu.cores) {
        return fail_word(c, argument.at,
                         "CORE_%lld: %s has %lld cores; give the board's model (--hw)",
                         (long long)core, machine->name, (long long)machine->cpu.cores);
    }
    if (mode->core_seen[core]) {
        return fail_word(c, argument.at, "CORE_%lld: given twice", (long long)core);
    }
    mode->core_seen[core] = true;
    mode->cores_off += !online && core < machine->cpu.cores;
    if (mode->cores_off == machine->cpu.cores) {
        return fail_word(c, argument.at, "CPU_ONLINE: no core is online");
    }
    return EP_OK;
}

/* A clock in Hz or kHz; `unit` are those of a MHz. */
static ep_status set_clock(const reading *c, word param, word value, double unit, double *out)
{
    char what[40];
    (void)snprintf(what, sizeof what, "%.*s", param.length < 30 ? param.length : 30, param.at);
    int64_t clock = 0;
    EP_TRY(read_whole(c, value, what, -1, (int64_t)(20000 * unit), &clock));
    if (clock > 0 && (double)clock < unit) {
        return fail_word(c, value.at, "%s: %lld is below 1 MHz; wants %s", what, (long long)clock,
                         unit > 1e3 ? "Hz" : "kHz");
    }
    *out = clock > 0 ? (double)clock / unit : EP__NOT_SET;
    return EP_OK;
}

/* A hardware model has one clock for all cores: that of the first cluster, where the first core is,
 * which cannot be switched off. */
static ep_status set_cpu_clock(const reading *c, ep__conf_mode *mode, word param, word value)
{
    double clock;
    EP_TRY(set_clock(c, param, value, 1e3, &clock));
    if (!mode->cpu_cluster[0]) {
        (void)snprintf(mode->cpu_cluster, sizeof mode->cpu_cluster, "%.*s",
                       param.length < 20 ? param.length : 20, param.at);
        mode->cpu_mhz = clock;
    }
    if (clock < mode->cpu_mhz || clock > mode->cpu_mhz) mode->other_cluster = true;
    return EP_OK;
}

static ep_status set_tpc_mask(const reading *c, ep__conf_mode *mode, word value)
{
    int64_t mask;
    EP_TRY(read_whole(c, value, "TPC_PG_MASK", 0, INT64_MAX, &mask));
    mode->tpc_mask = (uint64_t)mask;
    return EP_OK;
}

/* "DLA_CORE", as on Xavier, sets all. */
static ep_status set_dla_clock(const reading *c, ep__conf_mode *mode, word param, word value)
{
    double clock;
    EP_TRY(set_clock(c, param, value, 1e6, &clock));
    const bool all = is_word(param, "DLA_CORE");
    if (all || is_word(param, "DLA0_CORE")) mode->dla_mhz[0] = clock;
    if (all || is_word(param, "DLA1_CORE")) mode->dla_mhz[1] = clock;
    return EP_OK;
}

/* "GPU MAX_FREQ 612000000" in a mode. */
static ep_status read_setting(const reading *c, ep__conf_mode *mode, const char *at,
                              const char *end)
{
    const word param = next_word(&at, end), argument = next_word(&at, end);
    const word value = next_word(&at, end);
    if (value.length == 0) {
        return fail_word(c, param.at, "wants PARAM ARGUMENT VALUE, is '%.*s'",
                         (int)(end - param.at) < 60 ? (int)(end - param.at) : 60, param.at);
    }
    if (is_word(param, "CPU_ONLINE")) return set_core(c, mode, argument, value);
    if (is_word(argument, "TPC_PG_MASK")) return set_tpc_mask(c, mode, value);
    if (!is_word(argument, "MAX_FREQ")) return EP_OK;
    if (begins_with(param, "CPU_")) return set_cpu_clock(c, mode, param, value);
    if (is_word(param, "GPU")) return set_clock(c, param, value, 1e6, &mode->gpu_mhz);
    if (is_word(param, "EMC")) return set_clock(c, param, value, 1e6, &mode->dram_mhz);
    if (begins_with(param, "DLA")) return set_dla_clock(c, mode, param, value);
    return EP_OK;
}

static ep_status read_line(reading *c, const char *at, const char *end)
{
    if (end - at > LINE_MAX) {
        return fail_word(c, at, "a line of %lld bytes; allowed up to %d", (long long)(end - at),
                         LINE_MAX);
    }
    if (memchr(at, 0, (size_t)(end - at))) return fail_word(c, at, "a zero byte: not text");
    while (at < end && is_blank(*at)) at++;
    if (at == end || *at == '#') return EP_OK;
    if (*at == '<') return begin_section(c, at + 1, end);
    if (!c->in_section) return fail_word(c, at, "wants a section, '< PARAM ... >'");
    return c->in_mode ? read_setting(c, c->conf->modes[c->conf->n_modes - 1], at, end) : EP_OK;
}

static ep_status mark_default(const reading *c)
{
    EP_FAIL_IF(c->conf->n_modes == 0, c->err, EP_BAD_HARDWARE,
               "%s: no mode: no '< POWER_MODEL ID=... NAME=... >'", c->conf->file);
    EP_FAIL_IF(!c->default_line, c->err, EP_BAD_HARDWARE,
               "%s: no default mode: no '< PM_CONFIG DEFAULT=ID >'", c->conf->file);
    for (uint32_t i = 0; i < c->conf->n_modes; i++) {
        ep__conf_mode *mode = c->conf->modes[i];
        if (mode->id != c->default_id) continue;
        mode->is_default = true;
        return EP_OK;
    }
    return ep_fail_at(c->err, EP_BAD_HARDWARE, c->conf->file, c->default_line, 1,
                      "DEFAULT: no mode has the ID %lld", (long long)c->default_id);
}

ep_status ep__conf_read(ep__conf *conf, const char *text, size_t size, const ep_machine *machine,
                        ep_arena *arena, ep_error *err)
{
    EP_FAIL_IF(size > BYTES_MAX, err, EP_BAD_HARDWARE,
               "%s: %zu bytes; an nvpmodel.conf has at most %d", conf->file, size, BYTES_MAX);
    reading c = {.conf = conf, .machine = machine, .arena = arena, .err = err};
    const char *const end = size > 0 ? text + size : text;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline ? newline : end;
        c.line++;
        c.start = at;
        EP_TRY(read_line(&c, at, line_end));
        at = newline ? newline + 1 : end;
    }
    return mark_default(&c);
}
