/* Prints the keys of a hardware model, for docs/hardware-models.md. */
#include <stdio.h>

#include "hwmodels/hwmodels.h"

int main(void)
{
    ep_text text = {0};
    ep_machine_schema(&text);
    const bool ok = !text.failed && fwrite(text.data, 1, text.length, stdout) == text.length;
    ep_text_free(&text);
    return ok ? 0 : 1;
}
