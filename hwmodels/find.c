/* Finding by name: a machine's file, a mode of a machine. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "hwmodels/reader.h"

static bool is_file(const ep_text *path)
{
    struct stat st;
    return !path->failed && stat(ep_text_cstr(path), &st) == 0 && S_ISREG(st.st_mode);
}

/* Tries FOLDER/NAME and FOLDER/NAME.yaml. On success `*path` is the file's, else it is empty. */
static bool find_in_folder(const char *folder, size_t length, const char *name, ep_text *path)
{
    static const char *const endings[] = {"", ".yaml"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        ep_text_append(path, folder, length);
        ep_text_printf(path, "/%s%s", name, endings[i]);
        if (is_file(path)) return true;
        ep_text_free(path);
    }
    return false;
}

/* Looks in every folder of a colon-separated list, and adds those it looked in to `looked`. */
static bool find_in_folders(const char *folders, const char *name, ep_text *path, ep_text *looked)
{
    for (const char *at = folders ? folders : ""; *at;) {
        const size_t length = strcspn(at, ":");
        if (length > 0) {
            if (find_in_folder(at, length, name, path)) return true;
            ep_text_printf(looked, "%s%.*s", looked->length ? ", " : "", (int)length, at);
        }
        at += length + (at[length] == ':');
    }
    return false;
}

/* " did you mean orin-agx?": the name that is the fewest edits away, else all that begin like it;
 * nothing when there is none, or names cannot be listed. */
static void suggest(const char *name, const char *search_path, const char *installed, ep_text *out)
{
    enum { NEAR = 2, LONGEST = 64 };
    char bare[LONGEST];
    const char *ending = strstr(name, ".yaml");
    ep_catalog *catalog;
    (void)snprintf(bare, sizeof bare, "%.*s", ending ? (int)(ending - name) : LONGEST, name);
    if (!bare[0] || ep__catalog_list(search_path, installed, &catalog, NULL) != EP_OK) return;
    const char *nearest = NULL;
    unsigned fewest = NEAR + 1;
    for (uint32_t i = 0; i < catalog->n; i++) {
        const unsigned edits = ep_edit_distance(bare, catalog->entries[i].name, NEAR);
        if (edits >= fewest) continue;
        fewest = edits;
        nearest = catalog->entries[i].name;
    }
    for (uint32_t i = 0; i < catalog->n; i++) {
        const char *other = catalog->entries[i].name;
        const bool is_meant = nearest ? other == nearest : strstr(other, bare) == other;
        if (is_meant) ep_text_printf(out, "%s%s", out->length ? ", " : " did you mean ", other);
    }
    if (out->length) ep_text_printf(out, "?");
    ep_catalog_free(catalog);
}

static ep_status find_file(const char *name, const char *search_path, const char *installed,
                           ep_text *path, ep_error *err)
{
    EP_FAIL_IF(!name[0], err, EP_BAD_FILE, "hardware model: the name is empty");
    if (strchr(name, '/')) {
        ep_text_append(path, name, strlen(name));
        return path->failed ? ep_fail_memory(err) : EP_OK;
    }
    ep_text looked = {0}, meant = {0};
    ep_status status = EP_OK;
    if (!find_in_folders(search_path, name, path, &looked) &&
        !find_in_folders(installed, name, path, &looked)) {
        suggest(name, search_path, installed, &meant);
        status = ep_fail(err, EP_BAD_FILE,
                         "hardware model '%s': looked in %s;%s give a path with a slash (./%s) or "
                         "set PLAN_HW_PATH",
                         name, looked.length ? ep_text_cstr(&looked) : "no folder",
                         ep_text_cstr(&meant), name);
    }
    ep_text_free(&meant);
    ep_text_free(&looked);
    return status;
}

/* As find_in_folders, among texts. */
static bool find_text(const ep__files *files, const char *name, ep_text *path, ep_text *looked)
{
    const size_t length = strlen(name);
    for (uint32_t i = 0; i < files->n_texts; i++) {
        const char *at = files->texts[i].path;
        if (strncmp(at, name, length) != 0) continue;
        if (at[length] && strcmp(at + length, ".yaml") != 0) continue;
        ep_text_append(path, at, strlen(at));
        return !path->failed;
    }
    ep_text_printf(looked, "memory");
    return false;
}

bool ep__find_parent(const char *name, const char *file, const ep__files *files, ep_text *path,
                     ep_text *looked)
{
    if (files->n_texts > 0) return find_text(files, name, path, looked);
    if (name[0] == '/') return find_in_folder("", 0, name + 1, path);
    const char *slash = strrchr(file, '/');
    const char *folder = slash ? file : ".";
    const size_t length = slash ? (size_t)(slash - file) : 1;
    if (find_in_folder(folder, length, name, path)) return true;
    ep_text_printf(looked, "%.*s", (int)length, folder);
    return find_in_folders(files->search_path, name, path, looked) ||
           find_in_folders(files->installed, name, path, looked);
}

ep_status ep__files_read(const ep__files *files, const char *path, ep_arena *arena, ep__yaml **root,
                         ep_error *err)
{
    for (uint32_t i = 0; i < files->n_texts; i++) {
        const ep_machine_text *text = &files->texts[i];
        if (strcmp(text->path, path) != 0) continue;
        return ep__yaml_parse(text->text, text->size, path, arena, root, err);
    }
    EP_FAIL_IF(files->n_texts > 0, err, EP_BAD_FILE, "%s: no such text in memory", path);
    ep_map map;
    EP_TRY(ep_map_open(path, &map, err));
    const ep_status status =
        ep__yaml_parse((const char *)map.data, map.size, path, arena, root, err);
    ep_map_close(&map);
    return status;
}

ep_status ep_machine_load(const char *name, const ep_machine_options *options, ep_machine **out,
                          ep_error *err)
{
    *out = NULL;
    const ep__files files = {.search_path = options->search_path, .installed = options->installed};
    ep_text path = {0};
    ep_status status = find_file(name, options->search_path, options->installed, &path, err);
    if (status == EP_OK) {
        status = ep__machine_read(ep_text_cstr(&path), &files, options, out, err);
    }
    ep_text_free(&path);
    return status;
}

ep_status ep_machine_mode(const ep_machine *machine, const char *name, const ep_mode **out,
                          ep_error *err)
{
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        const ep_mode *mode = &machine->modes[i];
        if (name ? !ep__same_mode(mode->name, name) : !mode->is_default) continue;
        *out = mode;
        return EP_OK;
    }
    assert(name); /* a machine has a default mode */
    ep_text names = {0};
    for (uint32_t i = 0; i < machine->n_modes; i++) {
        ep_text_printf(&names, "%s%s", i ? ", " : "", machine->modes[i].name);
    }
    const ep_status status = ep_fail(err, EP_BAD_USAGE, "mode '%s': %s has %s", name, machine->name,
                                     ep_text_cstr(&names));
    ep_text_free(&names);
    return status;
}
