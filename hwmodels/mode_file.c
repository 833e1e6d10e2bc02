/* A mode file: power modes that a machine's own file does not have, or has otherwise. */
#include <string.h>

#include "hwmodels/reader.h"

/* A mode file as the schema of a machine sees it: these keys and no other. */
static ep_status read_modes(const ep__reader *reader, const ep__yaml *root)
{
    static const char *const keys[] = {"note", "modes"};
    ep__field fields[sizeof keys / sizeof *keys];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        fields[i] = *ep__find_field(ep__machine_block(), keys[i], strlen(keys[i]));
    }
    const ep__block block = {sizeof(ep_machine), sizeof fields / sizeof *fields, fields};
    ep_machine scratch = {.arena = reader->machine->arena};
    const ep__reader scratch_reader = {.machine = &scratch, .err = reader->err};
    return ep__read_block(&scratch_reader, &(ep__path){""}, &block, root, &scratch);
}

static bool is_default(const ep__yaml *mode)
{
    const ep__yaml *value = mode->kind == EP__YAML_MAP ? ep__yaml_get(mode, "default") : NULL;
    return value && value->text && !value->quoted && strcmp(value->text, "true") == 0;
}

/* Takes `default` out of a mode that has it. */
static ep__yaml *take_default(ep__yaml *mode)
{
    ep__yaml **link = &mode->first;
    while (strcmp((*link)->key, "default") != 0) link = &(*link)->next;
    ep__yaml *taken = *link;
    *link = taken->next;
    mode->n--;
    return taken;
}

static const char *name_of(const ep__yaml *mode)
{
    const ep__yaml *name = mode->kind == EP__YAML_MAP ? ep__yaml_get(mode, "name") : NULL;
    return name && name->text ? name->text : "";
}

/* The mode of that name; NULL when there is none. */
static ep__yaml *find_mode(const ep__yaml *modes, const char *name)
{
    ep__yaml *mode = modes->first;
    while (mode && !ep__same_mode(name_of(mode), name)) mode = mode->next;
    return mode;
}

/* Puts `added` behind `modes`. A mode that is in both is as `added` has it: the file of a board
 * names modes as its module does. What was the default stays it, unless `added` has another. */
static void append_modes(ep__yaml *modes, const ep__yaml *added)
{
    bool has_default = false;
    for (const ep__yaml *mode = added->first; mode; mode = mode->next) {
        has_default = has_default || is_default(mode);
    }
    ep__yaml **end = &modes->first;
    while (*end) {
        ep__yaml *mode = *end, *replacement = find_mode(added, name_of(mode));
        ep__yaml *mark =
            is_default(mode) && (has_default || replacement) ? take_default(mode) : NULL;
        if (mark && !has_default && !ep__yaml_get(replacement, "default")) {
            mark->next = replacement->first;
            replacement->first = mark;
            replacement->n++;
        }
        if (replacement) {
            *end = mode->next;
            modes->n--;
        } else {
            end = &mode->next;
        }
    }
    *end = added->first;
    modes->n += added->n;
}

ep_status ep__add_modes(const ep__reader *reader, ep__yaml *root, const ep__files *files,
                        const char *mode_file)
{
    ep_arena *arena = reader->machine->arena;
    const char *path = ep_arena_string(arena, mode_file, strlen(mode_file));
    if (!path) return ep_fail_memory(reader->err);
    ep__yaml *added_root;
    EP_TRY(ep__files_read(files, path, arena, &added_root, reader->err));
    EP_TRY(read_modes(reader, added_root));
    ep__yaml *modes = root->kind == EP__YAML_MAP ? ep__yaml_find(root, "modes") : NULL;
    if (!modes || modes->kind != EP__YAML_LIST) return EP_OK; /* the schema has the words */

    append_modes(modes, ep__yaml_get(added_root, "modes"));
    return EP_OK;
}
