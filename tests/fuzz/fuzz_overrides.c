/* A hardware model with all that can be about it. Lines "%%" part the input into the model, sets
 * (one a line), a mode file (none when empty), and files to inherit, which are called a, b and c.
 * Whatever the bytes are, the machine is read, or refused in one line. */
#include <stdlib.h>
#include <string.h>

#include "hwmodels/hwmodels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MODEL, SETS, MODE_FILE, PARENTS, SECTIONS = PARENTS + 3, SETS_MAX = 32 };

static void check(bool holds)
{
    if (!holds) abort();
}

/* Cuts `text`, which is changed, and returns how many sections there are. */
static uint32_t split(char *text, size_t size, ep_machine_text sections[SECTIONS])
{
    static const char *const paths[SECTIONS] = {"model", "sets", "modes", "a", "b", "c"};
    static const char mark[] = "%%\n";
    const size_t length = sizeof mark - 1;
    size_t start = 0;
    uint32_t n = 0;
    for (size_t at = 0; n + 1 < SECTIONS && at + length <= size; at++) {
        if ((at > 0 && text[at - 1] != '\n') || memcmp(text + at, mark, length) != 0) continue;
        sections[n] = (ep_machine_text){paths[n], text + start, at - start};
        text[at] = '\0'; /* for the sets */
        start = at + length;
        n++;
    }
    sections[n] = (ep_machine_text){paths[n], text + start, size - start};
    return n + 1;
}

/* Counts do not pass what the module has, cores have clocks, and bandwidths are finite. */
static void check_modes(const ep_machine *machine)
{
    const int64_t tpcs = machine->gpu.sms / machine->gpu.sms_per_tpc;
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        const ep_mode *mode = &machine->modes[i];
        check(mode->cpu_online > 0 && mode->cpu_online <= machine->cpu.cores);
        check(mode->gpu_tpcs > 0 && mode->gpu_tpcs <= tpcs && mode->gpu_mhz > 0);
        check(mode->dla_cores >= 0 && mode->dla_cores <= machine->dla.cores);
        check(mode->dla_cores == 0 || mode->dla_mhz > 0);
        const ep_point point = ep_point_of(machine, mode);
        check(point.gpu_dram_gbps > 0 && point.gpu_dram_gbps <= point.dram_gbps);
        check(point.gpu_energy_scale > 0 && point.gpu_energy_scale <= 1);
    }
    const ep_mode *mode;
    check(ep_machine_mode(machine, NULL, &mode, NULL) == EP_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    check(text);
    if (size > 0) memcpy(text, data, size);
    text[size] = '\0';
    ep_machine_text sections[SECTIONS];
    const uint32_t n = split(text, size, sections);
    const char *sets[SETS_MAX];
    ep_machine_options options = {.sets = sets};
    if (n > MODE_FILE && sections[MODE_FILE].size > 0) options.mode_file = "modes";
    for (char *at = n > SETS ? text + (sections[SETS].text - text) : text + size;
         *at && options.n_sets < SETS_MAX;) {
        sets[options.n_sets++] = at;
        at += strcspn(at, "\n");
        if (*at) *at++ = '\0';
    }
    ep_machine *machine;
    ep_error err = {0};
    const ep_status status = ep_machine_parse_texts(sections, n, &options, &machine, &err);
    if (status == EP_OK) {
        check(!machine->overrides == (options.n_sets == 0));
        check_modes(machine);
        ep_machine_free(machine);
    } else {
        check(!machine && err.status == status && err.text[0] && !strchr(err.text, '\n'));
        check(status == EP_BAD_HARDWARE || (status == EP_BAD_USAGE && options.n_sets > 0));
    }
    free(text);
    return 0;
}
