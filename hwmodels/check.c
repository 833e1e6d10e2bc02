/* What the schema cannot say: blocks that contradict each other. */
#include <string.h>
#include <strings.h>

#include "hwmodels/reader.h"

/* A block of the file, to point at its keys. */
typedef struct place {
    const ep__reader *reader;
    ep__path path;
    const ep__yaml *map;
} place;

static place place_of_block(const ep__reader *reader, const ep__yaml *root, const char *key)
{
    return (place){reader, ep__path_key(&(ep__path){""}, key), ep__yaml_get(root, key)};
}

static place place_of_item(const ep__reader *reader, const ep__yaml *root, const char *key,
                           uint32_t index)
{
    const place list = place_of_block(reader, root, key);
    return (place){reader, ep__path_item(&list.path, index), ep__yaml_item(list.map, index)};
}

/* `value` is that of `key`, which is there when it is not 0; `bound` is that of `bound_key`. */
static ep_status at_most(const place *block, const char *key, double value, double bound,
                         const char *bound_key)
{
    if (value <= bound) return EP_OK;
    const ep__path path = ep__path_key(&block->path, key);
    return ep__fail_value(block->reader, &path, ep__yaml_get(block->map, key),
                          "allowed up to %.12g (%s), is %.12g", bound, bound_key, value);
}

static ep_status check_gpu(const ep__reader *reader, const ep__yaml *root)
{
    const ep_gpu *gpu = &reader->machine->gpu;
    if (gpu->sms % gpu->sms_per_tpc == 0) return EP_OK;
    const place block = place_of_block(reader, root, "gpu");
    const ep__path path = ep__path_key(&block.path, "sms");
    return ep__fail_value(reader, &path, ep__yaml_get(block.map, "sms"),
                          "wants a multiple of gpu.sms_per_tpc (%lld), is %lld",
                          (long long)gpu->sms_per_tpc, (long long)gpu->sms);
}

static ep_status check_dla(const ep__reader *reader, const ep__yaml *root)
{
    const ep_dla *dla = &reader->machine->dla;
    if (dla->cores == 0) return EP_OK;
    const place block = place_of_block(reader, root, "dla");
    EP_TRY(at_most(&block, "int8_macs", dla->int8_macs,
                   (double)(dla->pipes * dla->atomic_c * dla->atomic_k),
                   "dla.pipes x dla.atomic_c x dla.atomic_k"));
    return at_most(&block, "fp16_macs", dla->fp16_macs,
                   (double)(dla->fp16_atomic_c * dla->fp16_atomic_k),
                   "dla.fp16_atomic_c x dla.fp16_atomic_k");
}

static ep_status check_rails(const ep__reader *reader, const ep__yaml *root)
{
    const ep_machine *machine = reader->machine;
    for (uint32_t i = 0; i < machine->n_rails; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(machine->rails[i].name, machine->rails[j].name) != 0) continue;
            const place rail = place_of_item(reader, root, "rails", i);
            const ep__path path = ep__path_key(&rail.path, "name");
            return ep__fail_value(reader, &path, ep__yaml_get(rail.map, "name"),
                                  "rail '%s' is there already, rails[%u]", machine->rails[i].name,
                                  j);
        }
    }
    return EP_OK;
}

bool ep__same_mode(const char *a, const char *b)
{
    static const char prefix[] = "MODE_";
    const size_t length = sizeof prefix - 1;
    if (strncasecmp(a, prefix, length) == 0) a += length;
    if (strncasecmp(b, prefix, length) == 0) b += length;
    return strcasecmp(a, b) == 0;
}

static ep_status check_mode_bounds(const ep_machine *machine, const ep_mode *mode,
                                   const place *block)
{
    const ep_gpu *gpu = &machine->gpu;
    EP_TRY(at_most(block, "cpu_online", (double)mode->cpu_online, (double)machine->cpu.cores,
                   "cpu.cores"));
    EP_TRY(
        at_most(block, "cpu_mhz", mode->cpu_mhz, machine->cpu.clock_mhz_max, "cpu.clock_mhz_max"));
    EP_TRY(at_most(block, "gpu_tpcs", (double)mode->gpu_tpcs, (double)(gpu->sms / gpu->sms_per_tpc),
                   "gpu.sms / gpu.sms_per_tpc"));
    EP_TRY(at_most(block, "gpu_mhz", mode->gpu_mhz, gpu->clock_mhz_max, "gpu.clock_mhz_max"));
    EP_TRY(at_most(block, "dla_cores", (double)mode->dla_cores, (double)machine->dla.cores,
                   "dla.cores"));
    EP_TRY(
        at_most(block, "dla_mhz", mode->dla_mhz, machine->dla.clock_mhz_max, "dla.clock_mhz_max"));
    return at_most(block, "dram_mhz", mode->dram_mhz, machine->dram.clock_mhz_max,
                   "dram.clock_mhz_max");
}

static ep_status check_mode(const ep__reader *reader, const ep__yaml *root, uint32_t index)
{
    const ep_machine *machine = reader->machine;
    const ep_mode *mode = &machine->modes[index];
    const place block = place_of_item(reader, root, "modes", index);
    EP_TRY(check_mode_bounds(machine, mode, &block));
    if (mode->dla_cores > 0 && mode->dla_mhz == 0) {
        const ep__path path = ep__path_key(&block.path, "dla_mhz");
        return ep__fail_value(reader, &path, ep__yaml_get(block.map, "dla_mhz"),
                              "allowed above 0 when dla_cores is %lld, is 0",
                              (long long)mode->dla_cores);
    }
    for (uint32_t i = 0; i < index; i++) {
        const ep_mode *other = &machine->modes[i];
        if (ep__same_mode(other->name, mode->name)) {
            const ep__path path = ep__path_key(&block.path, "name");
            return ep__fail_value(reader, &path, ep__yaml_get(block.map, "name"),
                                  "mode '%s' is there already, modes[%u]", mode->name, i);
        }
        if (other->is_default && mode->is_default) {
            const ep__path path = ep__path_key(&block.path, "default");
            return ep__fail_value(reader, &path, ep__yaml_get(block.map, "default"),
                                  "one mode is the default; '%s' is already", other->name);
        }
    }
    return EP_OK;
}

static ep_status check_modes(const ep__reader *reader, const ep__yaml *root)
{
    const ep_machine *machine = reader->machine;
    bool has_default = false;
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        EP_TRY(check_mode(reader, root, i));
        has_default = has_default || machine->modes[i].is_default;
    }
    if (has_default) return EP_OK;
    const place modes = place_of_block(reader, root, "modes");
    return ep__fail_value(reader, &modes.path, modes.map,
                          "no default mode; give one of them 'default: true'");
}

ep_status ep__check_machine(const ep__reader *reader, const ep__yaml *root)
{
    EP_TRY(check_gpu(reader, root));
    EP_TRY(check_dla(reader, root));
    EP_TRY(check_rails(reader, root));
    return check_modes(reader, root);
}
