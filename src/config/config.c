/*
 * The tree of nodes is needed only while the settings are filled in; its arena is given back before
 * load returns.
 */
#include "config/config.h"

#include "config/section.h"
#include "config/suggest.h"
#include "config/yaml.h"

#include <leat/limits.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct leat_config {
    struct leat_arena arena; /* texts, lists, instances */
    struct leat_settings settings;
    struct {
        struct leat_config_instance *instances;
        size_t count;
    } roles[LEAT_CONFIG_ROLES];
};

struct loader {
    struct leat_config *config;
    const struct leat_config_type *types;
    size_t type_count;
    struct leat_config_problems *problems;
    enum leat_config_role role; /* of the section that is read */
};

enum { TREE_BYTES_MAX = 16 << 20 }; /* the largest text in nodes */

/* --- sources and emitters ------------------------------------------------------------------- */

static const struct {
    const char *section, *noun;
} ROLE[LEAT_CONFIG_ROLES] = {{"sources", "a source"}, {"emitters", "an emitter"}};

static bool name_good(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len && !name[len] && len <= LEAT_INSTANCE_MAX;
}

static void type_words(const struct loader *l, struct leat_buf *words)
{
    for (size_t i = 0; i < l->type_count; i++)
        if (l->types[i].role == l->role)
            leat_buf_format(words, "%s%s", words->len ? ", " : "", l->types[i].name);
}

static void type_problem(const struct loader *l, const char *where, struct leat_yaml_place place,
                         const char *given)
{
    struct leat_buf words;
    leat_buf_init(&words, 400);
    type_words(l, &words);
    struct leat_suggest near;
    leat_suggest_init(&near, given ? given : "");
    for (size_t i = 0; i < l->type_count; i++)
        if (l->types[i].role == l->role)
            leat_suggest_offer(&near, l->types[i].name);
    if (given)
        leat_config_problem_add(l->problems, place.line, place.column, where,
                                "unknown type %s; known: %s%s", LEAT_CONFIG_QUOTE(given),
                                leat_buf_text(&words), leat_suggest_ask(&near).text);
    else
        leat_config_problem_add(l->problems, place.line, place.column, where,
                                "required key \"type\" is missing; known types: %s",
                                leat_buf_text(&words));
    leat_buf_release(&words);
}

static const struct leat_config_type *type_find(const struct loader *l,
                                                const struct leat_yaml_node *node,
                                                const char *where)
{
    const struct leat_yaml_node *type = leat_yaml_child(node, "type");
    if (!type) {
        type_problem(l, where, node->key_place, NULL);
        return NULL;
    }
    if (type->kind == LEAT_YAML_REFUSED)
        return NULL;
    if (type->kind != LEAT_YAML_SCALAR) {
        leat_config_problem_add(l->problems, type->place.line, type->place.column,
                                leat_section_join(where, "type").text, "expects one value, not %s",
                                type->kind == LEAT_YAML_LIST ? "a list" : "a mapping");
        return NULL;
    }
    const char *given = (const char *)type->text.ptr;
    for (size_t i = 0; i < l->type_count; i++)
        if (l->types[i].role == l->role && strcmp(l->types[i].name, given) == 0)
            return &l->types[i];
    type_problem(l, where, type->place, given);
    return NULL;
}

static void validate(const struct loader *l, const struct leat_config_instance *instance,
                     const struct leat_section *section)
{
    struct leat_err err = {.text = ""};
    if (!instance->type->validate || !instance->type->validate(instance->ctx, &err))
        return;
    leat_config_problem_add(l->problems, section->place.line, section->place.column, section->where,
                            "%s%s%s", err.text, err.hint[0] ? "; " : "", err.hint);
}

static void read_options(const struct loader *l, struct leat_config_instance *instance,
                         const struct leat_yaml_node *node, const char *where)
{
    static const char *const OTHERS[] = {"type", NULL};
    instance->ctx = calloc(1, instance->type->ctx_size ? instance->type->ctx_size : 1);
    if (!instance->ctx) {
        leat_config_problem_add(l->problems, node->key_place.line, node->key_place.column, where,
                                "out of memory");
        return;
    }
    struct leat_section section = {.where = where,
                                   .place = node->key_place,
                                   .options = instance->type->options,
                                   .base = instance->ctx,
                                   .others = OTHERS,
                                   .arena = &l->config->arena,
                                   .problems = l->problems};
    size_t before = l->problems->count + l->problems->dropped;
    leat_section_apply(&section, node);
    if (l->problems->count + l->problems->dropped == before)
        validate(l, instance, &section);
}

static void read_instance(struct loader *l, const struct leat_yaml_node *node)
{
    struct leat_section_path where = leat_section_join(ROLE[l->role].section, node->key);
    if (!name_good(node->key))
        leat_config_problem_add(l->problems, node->key_place.line, node->key_place.column,
                                ROLE[l->role].section,
                                "%s is no name of %s; use 1 to %d of a-z, 0-9 and _",
                                LEAT_CONFIG_QUOTE(node->key), ROLE[l->role].noun, LEAT_INSTANCE_MAX);
    struct leat_section section = {.where = where.text, .problems = l->problems};
    if (node->kind == LEAT_YAML_REFUSED || !leat_section_is_map(&section, node))
        return;
    struct leat_config_instance instance = {.type = type_find(l, node, where.text),
                                            .line = node->key_place.line};
    instance.name = leat_arena_text(&l->config->arena, leat_slice_text(node->key));
    if (!instance.type || !instance.name)
        return;
    read_options(l, &instance, node, where.text);
    l->config->roles[l->role].instances[l->config->roles[l->role].count++] = instance;
}

static void read_role(struct loader *l, const struct leat_yaml_node *root, enum leat_config_role role)
{
    const struct leat_yaml_node *node = leat_yaml_child(root, ROLE[role].section);
    struct leat_section section = {.where = ROLE[role].section, .problems = l->problems};
    if (!node || node->kind == LEAT_YAML_REFUSED || !leat_section_is_map(&section, node))
        return;
    size_t count = 0;
    for (const struct leat_yaml_node *child = node->first; child; child = child->next)
        count++;
    l->role = role;
    l->config->roles[role].instances =
        leat_arena_zeroed(&l->config->arena, count, sizeof *l->config->roles[role].instances);
    for (const struct leat_yaml_node *child = node->first; child && l->config->roles[role].instances;
         child = child->next)
        read_instance(l, child);
}

/* --- the daemon's sections ------------------------------------------------------------------ */

enum { SECTIONS_MAX = 16 };

static void read_settings(struct loader *l, const struct leat_yaml_node *root)
{
    const char *names[SECTIONS_MAX + LEAT_CONFIG_ROLES + 1];
    size_t count = 0;
    for (const struct leat_settings_section *s = leat_settings_sections;
         s->options && count < SECTIONS_MAX; s++)
        if (s->name)
            names[count++] = s->name;
    for (int role = 0; role < LEAT_CONFIG_ROLES; role++)
        names[count++] = ROLE[role].section;
    names[count] = NULL;
    for (const struct leat_settings_section *s = leat_settings_sections; s->options; s++) {
        struct leat_section section = {.where = s->name ? s->name : "",
                                       .place = {1, 1},
                                       .options = s->options,
                                       .base = &l->config->settings,
                                       .others = s->name ? NULL : names,
                                       .arena = &l->config->arena,
                                       .problems = l->problems};
        const struct leat_yaml_node *node = s->name ? leat_yaml_child(root, s->name) : root;
        if (s->name && node)
            section.place = node->key_place;
        if (!node || node->kind != LEAT_YAML_REFUSED)
            leat_section_apply(&section, node);
        else
            leat_section_apply(&section, NULL);
    }
}

static void settings_validate(struct loader *l, const struct leat_yaml_node *root)
{
    const struct leat_settings *s = &l->config->settings;
    const struct leat_yaml_node *store = leat_yaml_child(root, "store");
    if (s->store.map_bytes > s->store.segment_bytes || !store)
        return;
    leat_config_problem_add(l->problems, store->key_place.line, store->key_place.column, "store",
                            "map_size must be larger than segment_size");
}

/* --- the file ------------------------------------------------------------------------------- */

static int problems_fail(struct leat_config_problems *problems, struct leat_err *err)
{
    leat_config_problems_sort(problems);
    const struct leat_config_problem *first = &problems->items[0];
    size_t more = problems->count + problems->dropped - 1;
    char place[32] = "";
    if (first->line)
        snprintf(place, sizeof place, ":%u:%u", first->line, first->column);
    leat_fail(err, LEAT_ECONFIG, "%.200s%s: %s", problems->path, place, first->text);
    if (more)
        leat_err_hint(err, "%zu more problem%s in the file; `leat check` shows all of them", more,
                      more > 1 ? "s" : "");
    return LEAT_ECONFIG;
}

static void parse_text(struct loader *l, struct leat_slice text)
{
    struct leat_arena tree;
    leat_arena_init(&tree, TREE_BYTES_MAX);
    struct leat_yaml_node *root = leat_yaml_read(text, &tree, l->problems);
    bool readable = root || !l->problems->count; /* a file without any key is all defaults */
    if (readable && (!root || root->kind != LEAT_YAML_REFUSED)) {
        read_settings(l, root);
        settings_validate(l, root);
        read_role(l, root, LEAT_CONFIG_SOURCE);
        read_role(l, root, LEAT_CONFIG_EMITTER);
    }
    leat_arena_release(&tree);
}

int leat_config_parse(const char *path, struct leat_slice text,
                      const struct leat_config_type *types, size_t type_count,
                      struct leat_config **ret_config, struct leat_config_problems *problems,
                      struct leat_err *err)
{
    problems->path = path;
    struct leat_config *config = calloc(1, sizeof *config);
    if (!config)
        return leat_fail(err, LEAT_ECONFIG, "%.200s: out of memory", path);
    leat_arena_init(&config->arena, LEAT_CONFIG_TEXT_MAX);
    struct loader loader = {config, types, type_count, problems, LEAT_CONFIG_SOURCE};
    parse_text(&loader, text);
    if (problems->count) {
        leat_config_free(config);
        return problems_fail(problems, err);
    }
    *ret_config = config;
    return LEAT_OK;
}

/* Up to one byte more than a good file has. */
static int file_read(const char *path, struct leat_buf *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int error = leat_buf_reserve(text, LEAT_YAML_BYTES_MAX + 1) ? 0 : ENOMEM;
    while (!error && text->len < LEAT_YAML_BYTES_MAX + 1) {
        ssize_t got = read(fd, text->data + text->len, LEAT_YAML_BYTES_MAX + 1 - text->len);
        if (got == 0)
            break;
        if (got > 0)
            text->len += (size_t)got;
        else if (errno != EINTR)
            error = errno;
    }
    close(fd);
    return error;
}

int leat_config_load(const char *path, const struct leat_config_type *types, size_t type_count,
                     struct leat_config **ret_config, struct leat_config_problems *problems,
                     struct leat_err *err)
{
    struct leat_buf text;
    leat_buf_init(&text, LEAT_YAML_BYTES_MAX + 1);
    problems->path = path;
    int error = file_read(path, &text);
    int status;
    if (error) {
        char reason[128];
        leat_config_problem_add(problems, 0, 0, "", "cannot be read: %s",
                                strerror_r(error, reason, sizeof reason));
        status = problems_fail(problems, err);
    } else {
        status = leat_config_parse(path, leat_buf_slice(&text), types, type_count, ret_config,
                                   problems, err);
    }
    leat_buf_release(&text);
    return status;
}

void leat_config_free(struct leat_config *config)
{
    if (!config)
        return;
    for (int role = 0; role < LEAT_CONFIG_ROLES; role++)
        for (size_t i = 0; i < config->roles[role].count; i++)
            free(config->roles[role].instances[i].ctx);
    leat_arena_release(&config->arena);
    free(config);
}

const struct leat_settings *leat_config_settings(const struct leat_config *config)
{
    return &config->settings;
}

size_t leat_config_role_count(const struct leat_config *config, enum leat_config_role role)
{
    return config->roles[role].count;
}

const struct leat_config_instance *leat_config_role_at(const struct leat_config *config,
                                                       enum leat_config_role role, size_t i)
{
    return &config->roles[role].instances[i];
}

const struct leat_config_instance *leat_config_role_named(const struct leat_config *config,
                                                          enum leat_config_role role, const char *name)
{
    for (size_t i = 0; i < config->roles[role].count; i++)
        if (strcmp(config->roles[role].instances[i].name, name) == 0)
            return &config->roles[role].instances[i];
    return NULL;
}

const char *leat_config_role_section(enum leat_config_role role)
{
    return ROLE[role].section;
}

size_t leat_config_instance_count(const struct leat_config *config)
{
    return leat_config_role_count(config, LEAT_CONFIG_SOURCE);
}

const struct leat_config_instance *leat_config_instance_at(const struct leat_config *config,
                                                           size_t i)
{
    return leat_config_role_at(config, LEAT_CONFIG_SOURCE, i);
}

const struct leat_config_instance *leat_config_instance_named(const struct leat_config *config,
                                                              const char *name)
{
    return leat_config_role_named(config, LEAT_CONFIG_SOURCE, name);
}
