/* Inheritance: a file's tree, completed by the trees of the files that it starts from. */
#include <string.h>
#include <sys/stat.h>

#include "hwmodels/reader.h"

#define MAX_DEPTH 8u /* files above one another */
#define MAX_FILES 64u
#define MAX_KEYS 64u /* of a mapping that is merged: keeps the merge of hostile files linear */

/* A file whose parents are being read. */
typedef struct heir {
    const struct heir *child; /* that inherits this file; NULL for the model itself */
    const char *file;
    const ep__yaml *parent; /* the item of `inherit` that is being read */
    dev_t device; /* with the inode: which file it is, whatever its path; texts have neither */
    ino_t inode;
    unsigned depth;
} heir;

typedef struct inheritance {
    const ep__files *files;
    ep_arena *arena;
    unsigned n_files;
    ep_error *err;
} inheritance;

/* Fails at the name of a parent; the second place is the name by which this file came in. */
static ep_status fail_parent(const inheritance *in, const heir *at, const char *what)
{
    const ep__yaml *parent = at->parent, *from = at->child ? at->child->parent : NULL;
    if (!from) {
        return ep__fail_at(in->err, parent->file, parent->line, parent->column,
                           "inherit: '%.200s': %s", parent->text, what);
    }
    return ep__fail_at(in->err, parent->file, parent->line, parent->column,
                       "inherit: '%.200s': %s; this file is inherited at %s:%zu:%zu", parent->text,
                       what, from->file, from->line, from->column);
}

static ep_status check_keys(const ep__path *path, const ep__yaml *map, ep_error *err)
{
    if (map->n > MAX_KEYS) {
        return ep__fail_at(err, map->file, map->line, map->column,
                           "a mapping of %u keys; allowed up to %u", map->n, MAX_KEYS);
    }
    for (const ep__yaml *value = map->first; value; value = value->next) {
        const ep__yaml *first = ep__yaml_get(map, value->key);
        if (first == value) continue;
        return ep__fail_at(err, value->file, value->key_line, value->key_column,
                           "%s: given twice, first in line %zu",
                           ep__path_key(path, value->key).text, first->key_line);
    }
    return EP_OK;
}

ep_status ep__merge(const ep__path *path, ep__yaml *map, const ep__yaml *parent, ep_error *err)
{
    EP_TRY(check_keys(path, map, err));
    EP_TRY(check_keys(path, parent, err));
    ep__yaml **end = &map->first;
    while (*end) end = &(*end)->next;
    for (ep__yaml *value = parent->first, *next; value; value = next) {
        next = value->next;
        if (strcmp(value->key, "inherit") == 0) continue;
        ep__yaml *own = ep__yaml_find(map, value->key);
        if (!own) {
            value->next = NULL;
            *end = value;
            end = &value->next;
            map->n++;
        } else if (own->kind == EP__YAML_MAP && value->kind == EP__YAML_MAP) {
            const ep__path inner = ep__path_key(path, value->key);
            EP_TRY(ep__merge(&inner, own, value, err));
        }
    }
    return EP_OK;
}

static ep_status find_parent(inheritance *in, const heir *at, const char **out)
{
    ep_text path = {0}, looked = {0};
    ep_status status = EP_OK;
    if (ep__find_parent(at->parent->text, at->file, in->files, &path, &looked)) {
        *out = ep_arena_string(in->arena, ep_text_cstr(&path), path.length);
        if (!*out) status = ep_fail_memory(in->err);
    } else {
        ep_text what = {0};
        ep_text_printf(&what, "no such file%s%s", looked.length ? "; looked in " : "",
                       ep_text_cstr(&looked));
        status = fail_parent(in, at, ep_text_cstr(&what));
        ep_text_free(&what);
    }
    ep_text_free(&path);
    ep_text_free(&looked);
    return status;
}

/* `next` is a parent of the files below it, so none of them may be the same file. */
static ep_status check_cycle(const inheritance *in, const heir *next)
{
    for (const heir *at = next->child; at; at = at->child) {
        const bool is_text = in->files->n_texts > 0;
        if (is_text ? strcmp(at->file, next->file) != 0
                    : at->inode != next->inode || at->device != next->device) {
            continue;
        }
        ep_text what = {0};
        ep_text_printf(&what, "a cycle, which begins at %s:%zu:%zu", at->file, at->parent->line,
                       at->parent->column);
        const ep_status status = fail_parent(in, next->child, ep_text_cstr(&what));
        ep_text_free(&what);
        return status;
    }
    return EP_OK;
}

static heir heir_of(const inheritance *in, const char *file, const heir *child)
{
    struct stat st = {0};
    /* a file that is gone fails when it is opened */
    if (in->files->n_texts == 0) (void)stat(file, &st);
    return (heir){.child = child,
                  .file = file,
                  .device = st.st_dev,
                  .inode = st.st_ino,
                  .depth = child ? child->depth + 1 : 0};
}

static ep_status read_tree(inheritance *in, const char *file, ep__yaml **root)
{
    EP_TRY(ep__files_read(in->files, file, in->arena, root, in->err));
    if ((*root)->kind == EP__YAML_MAP) return EP_OK;
    return ep__fail_at(in->err, file, (*root)->line, (*root)->column,
                       "wants mapping (key: value), is %s", ep__value_words(*root).text);
}

static ep_status merge_parents(inheritance *in, heir *at, ep__yaml *root);

static ep_status merge_parent(inheritance *in, heir *at, const ep__yaml *name, ep__yaml *root)
{
    at->parent = name;
    if (at->depth == MAX_DEPTH) return fail_parent(in, at, "more than 8 files deep");
    if (in->n_files++ == MAX_FILES) return fail_parent(in, at, "more than 64 files in all");
    const char *file;
    EP_TRY(find_parent(in, at, &file));
    heir next = heir_of(in, file, at);
    EP_TRY(check_cycle(in, &next));
    ep__yaml *tree;
    EP_TRY(read_tree(in, file, &tree));
    EP_TRY(merge_parents(in, &next, tree));
    return ep__merge(&(ep__path){""}, root, tree, in->err);
}

static ep_status check_names(const inheritance *in, const ep__yaml *names)
{
    const ep__yaml *wrong = names->kind == EP__YAML_LIST ? names->first : names;
    while (wrong && wrong != names && wrong->kind == EP__YAML_SCALAR && wrong->text[0]) {
        wrong = wrong->next;
    }
    if (!wrong) return EP_OK;
    return ep__fail_at(in->err, wrong->file, wrong->line, wrong->column,
                       "inherit: wants list of file names, is %s", ep__value_words(wrong).text);
}

/* The later parent's values hold, so it is merged first. */
static ep_status merge_parents(inheritance *in, heir *at, ep__yaml *root)
{
    const ep__yaml *names = ep__yaml_get(root, "inherit");
    if (!names) return EP_OK;
    EP_TRY(check_names(in, names));
    if (names->n > MAX_FILES) {
        return ep__fail_at(in->err, names->file, names->line, names->column,
                           "inherit: allowed up to %u files, is %u", MAX_FILES, names->n);
    }
    for (uint32_t i = names->n; i > 0; i--) {
        EP_TRY(merge_parent(in, at, ep__yaml_item(names, i - 1), root));
    }
    return EP_OK;
}

ep_status ep__inherit(ep__yaml *root, const ep__files *files, ep_arena *arena, ep_error *err)
{
    const ep__yaml *names = root->kind == EP__YAML_MAP ? ep__yaml_get(root, "inherit") : NULL;
    if (!names) return EP_OK;
    inheritance in = {.files = files, .arena = arena, .err = err};
    heir at = heir_of(&in, root->file, NULL);
    return merge_parents(&in, &at, root);
}
