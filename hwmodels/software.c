/* The limits of the DLA depend on the software: a model has a set for each version that it knows,
 * and `dla_software` names the one that holds. */
#include <string.h>

#include "hwmodels/reader.h"

#define MAX_LIKE 4u /* sets that refer to one another */

static ep_status fail_at_value(const ep__yaml *value, const char *what, ep_error *err)
{
    return ep__fail_at(err, value->file, value->line, value->column, "%s", what);
}

/* `name` is the value that names the set, `where` its path. */
static ep_status find_set(const ep__yaml *sets, const ep__yaml *name, const char *where,
                          ep__yaml **out, ep_error *err)
{
    ep__yaml *set = sets->first;
    const bool is_name = name->kind == EP__YAML_SCALAR;
    while (set && !(is_name && strcmp(set->key, name->text) == 0)) set = set->next;
    *out = set;
    if (set && set->kind == EP__YAML_MAP) return EP_OK;
    ep_text what = {0};
    if (set) {
        ep_text_printf(&what, "dla.limits.%.40s: wants mapping (key: value), is %s", set->key,
                       ep__value_words(set).text);
    } else {
        ep_text_printf(&what, "%s: no limits for %s; there are", where, ep__value_words(name).text);
    }
    for (const ep__yaml *at = set ? NULL : sets->first; at; at = at->next) {
        ep_text_printf(&what, "%s %.40s", at == sets->first ? "" : ",", at->key);
    }
    const ep_status status = fail_at_value(set ? set : name, ep_text_cstr(&what), err);
    ep_text_free(&what);
    return status;
}

/* Takes `like` out of a set. */
static const ep__yaml *take_like(ep__yaml *set)
{
    ep__yaml **link = &set->first;
    while (*link && strcmp((*link)->key, "like") != 0) link = &(*link)->next;
    const ep__yaml *like = *link;
    if (like) {
        *link = like->next;
        set->n--;
    }
    return like;
}

static ep_status keep_names(const ep__yaml *sets, ep_machine *machine, ep_error *err)
{
    const char **names = EP_NEW(machine->arena, const char *, sets->n);
    if (!names) return ep_fail_memory(err);
    uint32_t n = 0;
    for (const ep__yaml *set = sets->first; set; set = set->next) {
        names[n] = ep_arena_string(machine->arena, set->key, strlen(set->key));
        if (!names[n++]) return ep_fail_memory(err);
    }
    machine->n_dla_softwares = n;
    machine->dla_softwares = names;
    return EP_OK;
}

ep_status ep__select_limits(const ep__reader *reader, ep__yaml *root)
{
    ep_error *err = reader->err;
    ep__yaml *dla = root->kind == EP__YAML_MAP ? ep__yaml_find(root, "dla") : NULL;
    ep__yaml *sets = dla && dla->kind == EP__YAML_MAP ? ep__yaml_find(dla, "limits") : NULL;
    if (!sets || sets->kind != EP__YAML_MAP) return EP_OK; /* the schema has the words */
    EP_TRY(keep_names(sets, reader->machine, err));
    const ep__yaml *software = ep__yaml_get(root, "dla_software");
    if (!software) {
        return fail_at_value(sets, "dla_software: missing; wants the name of one of these", err);
    }
    ep__yaml *set;
    EP_TRY(find_set(sets, software, "dla_software", &set, err));
    const ep__path path = {"dla.limits"};
    const ep__yaml *like = take_like(set);
    for (unsigned depth = 0; like; depth++) {
        ep__yaml *base;
        EP_TRY(find_set(sets, like, "dla.limits: like", &base, err));
        if (base == set || depth == MAX_LIKE) {
            return fail_at_value(like, "dla.limits: like: a set refers to itself, or too far", err);
        }
        like = take_like(base);
        EP_TRY(ep__merge(&path, set, base, err));
        base->first = NULL; /* its values have moved */
        base->n = 0;
    }
    sets->first = set->first;
    sets->n = set->n;
    sets->file = set->file;
    sets->key_line = set->key_line;
    sets->key_column = set->key_column;
    return EP_OK;
}
