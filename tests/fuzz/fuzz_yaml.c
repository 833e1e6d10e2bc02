/* Whatever the bytes are, a hardware model is read, or refused in one line. */
#include <stdlib.h>
#include <string.h>

#include "hwmodels/hwmodels.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ep_machine *machine;
    ep_error err = {0};
    if (ep_machine_parse((const char *)data, size, "fuzz.yaml", &machine, &err) != EP_OK) {
        if (machine || err.status == EP_OK || !err.text[0] || strchr(err.text, '\n')) abort();
        return 0;
    }
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        const ep_point point = ep_point_of(machine, &machine->modes[i]);
        if (!(point.gpu_dram_gbps > 0 && point.gpu_energy_scale > 0)) abort();
    }
    const ep_mode *mode;
    if (ep_machine_mode(machine, NULL, &mode, &err) != EP_OK) abort();
    ep_machine_free(machine);
    return 0;
}
