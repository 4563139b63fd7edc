/*
 * Applies a map of the file to an option table: every key is known, given once, of its type and
 * within its range, required ones are there, the others get their defaults.
 *
 *     node (map, or nothing) + table ──▶ settings at base + offset
 *
 * Ownership: texts and lists go into the arena of the section.
 * Errors:    to the problems; a setting with a problem keeps its default.
 */
#ifndef CONFIG_SECTION_H
#define CONFIG_SECTION_H

#include "config/yaml.h"

#include <leat/option.h>

struct leat_section {
    const char *where;                 /* dotted path, "" at the top */
    struct leat_yaml_place place;      /* for what is missing */
    const struct leat_option *options;
    void *base;
    const char *const *others;         /* keys that somebody else reads; NULL-terminated, or NULL */
    struct leat_arena *arena;
    struct leat_config_problems *problems;
};

/* `node` may be NULL or nothing: all defaults. */
void leat_section_apply(const struct leat_section *section, const struct leat_yaml_node *node);

/* A map or nothing? Otherwise a problem that says what was expected. */
bool leat_section_is_map(const struct leat_section *section, const struct leat_yaml_node *node);

/* The key's value in a map; NULL: not given. */
const struct leat_yaml_node *leat_yaml_child(const struct leat_yaml_node *map, const char *key);

/* "a.b"; cut when it does not fit. */
struct leat_section_path {
    char text[200];
};
struct leat_section_path leat_section_join(const char *where, const char *key);

#endif
