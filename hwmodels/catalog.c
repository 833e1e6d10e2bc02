/* Every machine that can be given by name. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hwmodels/reader.h"

static const char ending[] = ".yaml";
enum { ENDING = sizeof ending - 1 };

typedef struct search {
    ep_catalog *catalog;
    uint32_t capacity;
    ep_error *err;
} search;

static bool is_listed(const ep_catalog *catalog, const char *name, size_t length)
{
    for (uint32_t i = 0; i < catalog->n; i++) {
        const char *other = catalog->entries[i].name;
        if (strncmp(other, name, length) == 0 && other[length] == '\0') return true;
    }
    return false;
}

/* Lists FOLDER/FILE unless it is no model or its name is taken. */
static ep_status add_file(search *in, const char *folder, size_t length, const char *file)
{
    enum { MODELS_MAX = 1000 }; /* keeps looking for names that are taken cheap */
    ep_catalog *catalog = in->catalog;
    const size_t name = strlen(file);
    if (file[0] == '.' || name <= ENDING || strcmp(file + name - ENDING, ending) != 0) return EP_OK;
    if (is_listed(catalog, file, name - ENDING)) return EP_OK;
    const char *path = ep_arena_printf(catalog->arena, "%.*s/%s", (int)length, folder, file);
    if (!path) return ep_fail_memory(in->err);
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return EP_OK;
    EP_FAIL_IF(catalog->n == MODELS_MAX, in->err, EP_BAD_FILE, "%s: more than %d hardware models",
               path, MODELS_MAX);
    EP_TRY(ep_grow((void **)&catalog->entries, &in->capacity, (uint64_t)catalog->n + 1,
                   sizeof *catalog->entries, in->err));
    ep_catalog_entry entry = {.path = path};
    entry.name = ep_arena_string(catalog->arena, file, name - ENDING);
    if (!entry.name) return ep_fail_memory(in->err);
    catalog->entries[catalog->n++] = entry;
    return EP_OK;
}

/* A folder that is not there lists nothing, as when a machine is looked for by name. */
static ep_status add_folder(search *in, const char *folder, size_t length)
{
    const char *path = ep_arena_string(in->catalog->arena, folder, length);
    if (!path) return ep_fail_memory(in->err);
    DIR *listing = opendir(path);
    ep_status status = EP_OK;
    for (struct dirent *file; listing && status == EP_OK && (file = readdir(listing));) {
        status = add_file(in, folder, length, file->d_name);
    }
    if (listing) (void)closedir(listing);
    return status;
}

static ep_status add_folders(search *in, const char *folders)
{
    for (const char *at = folders ? folders : ""; *at;) {
        const size_t length = strcspn(at, ":");
        if (length > 0) EP_TRY(add_folder(in, at, length));
        at += length + (at[length] == ':');
    }
    return EP_OK;
}

/* What the file is another name of: it says `inherit: [ONE]`, and at most notes. */
static ep_status find_same_as(ep_catalog_entry *entry, ep_arena *arena, ep_error *err)
{
    ep__yaml *root;
    EP_TRY(ep__files_read(&(ep__files){0}, entry->path, arena, &root, err));
    for (const ep__yaml *value = root->first; value; value = value->next) {
        const bool says = strcmp(value->key, "inherit") != 0 && strcmp(value->key, "note") != 0;
        if (says) return EP_OK;
    }
    const ep__yaml *parents = ep__yaml_get(root, "inherit");
    if (!parents || parents->n != 1) return EP_OK;
    const char *slash = strrchr(parents->first->text, '/');
    const char *name = slash ? slash + 1 : parents->first->text;
    size_t length = strlen(name);
    if (length > ENDING && strcmp(name + length - ENDING, ending) == 0) length -= ENDING;
    entry->same_as = ep_arena_string(arena, name, length);
    return entry->same_as ? EP_OK : ep_fail_memory(err);
}

static ep_status load_entry(ep_catalog_entry *entry, const ep_machine_options *options,
                            ep_arena *arena, ep_error *err)
{
    ep_error why = {0};
    ep_status status = ep_machine_load(entry->path, options, &entry->machine, &why);
    if (status == EP_OK) status = find_same_as(entry, arena, &why);
    if (status == EP_OK) return EP_OK;
    if (status == EP_NO_MEMORY) return ep_fail_memory(err);
    ep_machine_free(entry->machine);
    entry->machine = NULL;
    entry->error = ep_arena_string(arena, why.text, strlen(why.text));
    return entry->error ? EP_OK : ep_fail_memory(err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const ep_catalog_entry *)a)->name, ((const ep_catalog_entry *)b)->name);
}

static ep_status list(ep_catalog *catalog, const char *search_path, const char *installed,
                      ep_error *err)
{
    search in = {.catalog = catalog, .err = err};
    EP_TRY(add_folders(&in, search_path));
    EP_TRY(add_folders(&in, installed));
    if (catalog->n > 0) qsort(catalog->entries, catalog->n, sizeof *catalog->entries, by_name);
    return EP_OK;
}

ep_status ep__catalog_list(const char *search_path, const char *installed, ep_catalog **out,
                           ep_error *err)
{
    *out = NULL;
    ep_arena *arena = ep_arena_new();
    ep_catalog *catalog = arena ? EP_NEW(arena, ep_catalog, 1) : NULL;
    if (!catalog) {
        ep_arena_free(arena);
        return ep_fail_memory(err);
    }
    catalog->arena = arena;
    const ep_status status = list(catalog, search_path, installed, err);
    if (status == EP_OK) {
        *out = catalog;
    } else {
        ep_catalog_free(catalog);
    }
    return status;
}

ep_status ep_catalog_load(const ep_machine_options *options, ep_catalog **out, ep_error *err)
{
    ep_catalog *catalog;
    *out = NULL;
    EP_TRY(ep__catalog_list(options->search_path, options->installed, &catalog, err));
    ep_status status = EP_OK;
    for (uint32_t i = 0; i < catalog->n && status == EP_OK; i++) {
        status = load_entry(&catalog->entries[i], options, catalog->arena, err);
    }
    if (status == EP_OK) {
        *out = catalog;
    } else {
        ep_catalog_free(catalog);
    }
    return status;
}

void ep_catalog_free(ep_catalog *catalog)
{
    if (!catalog) return;
    for (uint32_t i = 0; i < catalog->n; i++) ep_machine_free(catalog->entries[i].machine);
    free(catalog->entries);
    ep_arena_free(catalog->arena); /* the catalog is in there too */
}
