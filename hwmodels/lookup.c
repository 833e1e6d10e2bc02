/* A value of the machine by its key. */
#include <string.h>

#include "hwmodels/reader.h"

/* Appends the value; false when it is none of its own. */
static bool append(const ep__field *field, const void *value, const ep_machine *machine,
                   ep_text *out)
{
    switch (field->kind) {
    case EP__INTEGER: ep_text_printf(out, "%lld", (long long)*(const int64_t *)value); return true;
    case EP__NUMBER: ep_text_printf(out, "%.12g", *(const double *)value); return true;
    case EP__BYTES:
        ep_text_printf(out, "%s", ep__bytes_words(*(const uint64_t *)value).text);
        return true;
    case EP__BOOL: ep_text_printf(out, "%s", *(const bool *)value ? "yes" : "no"); return true;
    case EP__TEXT: ep_text_printf(out, "%s", *(const char *const *)value); return true;
    case EP__RANGE: {
        const ep_range *range = value;
        ep_text_printf(out, "%lld..%lld", (long long)range->min, (long long)range->max);
        return true;
    }
    case EP__RAIL:
        ep_text_printf(out, "%s", machine->rails[*(const uint32_t *)value].name);
        return true;
    default: return false;
    }
}

bool ep_machine_value(const ep_machine *machine, const char *key, ep_text *out)
{
    const ep__block *block = ep__machine_block();
    const void *base = machine;
    for (;;) {
        const size_t length = strcspn(key, ".");
        const ep__field *field = ep__find_field(block, key, length);
        if (!field || (field->presence == EP__WITH_DLA && machine->dla.cores == 0)) return false;
        const void *value = (const char *)base + field->offset;
        if (key[length] == '\0') {
            return !ep__is_absent(field, value) && append(field, value, machine, out);
        }
        if (field->kind != EP__BLOCK) return false;
        block = field->block;
        base = value;
        key += length + 1;
    }
}
