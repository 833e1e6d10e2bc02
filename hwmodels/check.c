/* What the schema cannot say: blocks that contradict each other. */
#include <assert.h>
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

/* `what`, of that name, in place `index` of a list, has the name of the item `other`. */
static ep_status fail_taken(const ep__reader *reader, const ep__yaml *root, const char *list,
                            uint32_t index, uint32_t other, const char *what)
{
    const place item = place_of_item(reader, root, list, index);
    const ep__path path = ep__path_key(&item.path, "name");
    const ep__yaml *name = ep__yaml_get(item.map, "name");
    const ep__yaml *first = ep__yaml_get(place_of_item(reader, root, list, other).map, "name");
    if (first->line == 0) {
        return ep__fail_value(reader, &path, name, "%s '%s' is there already, by %s", what,
                              name->text, first->file);
    }
    return ep__fail_value(reader, &path, name, "%s '%s' is there already, at %.300s:%zu:%zu", what,
                          name->text, first->file, first->line, first->column);
}

static ep_status check_rails(const ep__reader *reader, const ep__yaml *root)
{
    const ep_machine *machine = reader->machine;
    for (uint32_t i = 0; i < machine->n_rails; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(machine->rails[i].name, machine->rails[j].name) != 0) continue;
            return fail_taken(reader, root, "rails", i, j, "rail");
        }
    }
    return EP_OK;
}

/* ---- modes --------------------------------------------------------------------------------- */

const char *ep__bare_mode(const char *name)
{
    static const char prefix[] = "MODE_";
    const size_t length = sizeof prefix - 1;
    return strncasecmp(name, prefix, length) == 0 ? name + length : name;
}

bool ep__same_mode(const char *a, const char *b)
{
    return strcasecmp(ep__bare_mode(a), ep__bare_mode(b)) == 0;
}

void ep__mode_bounds(const ep_machine *machine, ep__mode_bound bounds[EP__MODE_BOUNDS])
{
    const ep_gpu *gpu = &machine->gpu;
    const ep_dla *dla = &machine->dla;
    const ep_cpu *cpu = &machine->cpu;
    const ep__mode_bound all[EP__MODE_BOUNDS] = {
        {"cpu_online", (double)cpu->cores, "cpu.cores", "cpu", {"cores"}},
        {"cpu_mhz", cpu->clock_mhz_max, "cpu.clock_mhz_max", "cpu", {"clock_mhz_max"}},
        {"gpu_tpcs",
         (double)(gpu->sms / gpu->sms_per_tpc),
         "gpu.sms / gpu.sms_per_tpc",
         "gpu",
         {"sms", "sms_per_tpc"}},
        {"gpu_mhz", gpu->clock_mhz_max, "gpu.clock_mhz_max", "gpu", {"clock_mhz_max"}},
        {"dla_cores", (double)dla->cores, "dla.cores", "dla", {"cores"}},
        /* without cores there is no clock either */
        {"dla_mhz", dla->clock_mhz_max, "dla.clock_mhz_max", "dla", {"clock_mhz_max", "cores"}},
        {"dram_mhz", machine->dram.clock_mhz_max, "dram.clock_mhz_max", "dram", {"clock_mhz_max"}},
    };
    memcpy(bounds, all, sizeof all);
}

const ep__field *ep__mode_field(const char *key)
{
    const ep__field *modes = ep__find_field(ep__machine_block(), "modes", strlen("modes"));
    const ep__field *field = ep__find_field(modes->block, key, strlen(key));
    assert(field && (field->kind == EP__INTEGER || field->kind == EP__NUMBER));
    return field;
}

static double get_number(const ep__field *field, const ep_mode *mode)
{
    const char *at = (const char *)mode + field->offset;
    return field->kind == EP__INTEGER ? (double)*(const int64_t *)(const void *)at
                                      : *(const double *)(const void *)at;
}

static void set_number(const ep__field *field, ep_mode *mode, double number)
{
    char *at = (char *)mode + field->offset;
    if (field->kind == EP__INTEGER) {
        *(int64_t *)(void *)at = (int64_t)number;
    } else {
        *(double *)(void *)at = number;
    }
}

static bool is_set(const ep__yaml *map, const char *key)
{
    const ep__yaml *value = key ? ep__yaml_get(map, key) : NULL;
    return value && value->line == 0;
}

void ep__clamp_modes(const ep_machine *machine, const ep__yaml *root)
{
    ep__mode_bound bounds[EP__MODE_BOUNDS];
    ep__mode_bounds(machine, bounds);
    ep_mode *modes = (ep_mode *)machine->modes; /* in the arena */
    for (size_t i = 0; i < EP__MODE_BOUNDS; i++) {
        const ep__mode_bound *bound = &bounds[i];
        const ep__yaml *block = ep__yaml_get(root, bound->block);
        if (!block || !(is_set(block, bound->keys[0]) || is_set(block, bound->keys[1]))) continue;
        const ep__field *field = ep__mode_field(bound->key);
        const ep__yaml *item = ep__yaml_get(root, "modes")->first;
        for (uint32_t k = 0; k < machine->n_modes; k++, item = item->next) {
            if (is_set(item, bound->key) || get_number(field, &modes[k]) <= bound->max) continue;
            set_number(field, &modes[k], bound->max);
        }
    }
}

static ep_status check_mode(const ep__reader *reader, const ep__yaml *root, uint32_t index)
{
    const ep_machine *machine = reader->machine;
    const ep_mode *mode = &machine->modes[index];
    const place block = place_of_item(reader, root, "modes", index);
    ep__mode_bound bounds[EP__MODE_BOUNDS];
    ep__mode_bounds(machine, bounds);
    for (size_t i = 0; i < EP__MODE_BOUNDS; i++) {
        const double value = get_number(ep__mode_field(bounds[i].key), mode);
        EP_TRY(at_most(&block, bounds[i].key, value, bounds[i].max, bounds[i].from));
    }
    if (mode->dla_cores > 0 && mode->dla_mhz == 0) {
        const ep__path path = ep__path_key(&block.path, "dla_mhz");
        return ep__fail_value(reader, &path, ep__yaml_get(block.map, "dla_mhz"),
                              "allowed above 0 when dla_cores is %lld, is 0",
                              (long long)mode->dla_cores);
    }
    for (uint32_t i = 0; i < index; i++) {
        const ep_mode *other = &machine->modes[i];
        if (ep__same_mode(other->name, mode->name)) {
            return fail_taken(reader, root, "modes", index, i, "mode");
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
