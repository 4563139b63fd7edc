/*
 * Defaults are written first and through the same parser as the user's words, so that a default
 * means what it says in the documentation; one that does not parse is our own bug and ends the
 * program.
 */
#include "config/section.h"

#include "config/scalar.h"
#include "config/suggest.h"

#include <stdio.h>
#include <stdlib.h>

const struct leat_yaml_node *leat_yaml_child(const struct leat_yaml_node *map, const char *key)
{
    for (const struct leat_yaml_node *child = map ? map->first : NULL; child; child = child->next)
        if (child->key && strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

struct leat_section_path leat_section_join(const char *where, const char *key)
{
    struct leat_section_path path;
    struct leat_config_quote quote = leat_config_quote(leat_slice_text(key));
    int len = snprintf(path.text, sizeof path.text, "%s%s%.*s", where, where[0] ? "." : "",
                       quote.inner, quote.text + 1);
    (void)len; /* cut is fine */
    return path;
}

static void problem(const struct leat_section *s, const struct leat_yaml_node *node,
                    const char *text)
{
    leat_config_problem_add(s->problems, node->place.line, node->place.column,
                            leat_section_join(s->where, node->key).text, "%s", text);
}

bool leat_section_is_map(const struct leat_section *section, const struct leat_yaml_node *node)
{
    if (!node || node->kind == LEAT_YAML_MAP || leat_yaml_is_nothing(node))
        return true;
    if (node->kind != LEAT_YAML_REFUSED)
        leat_config_problem_add(section->problems, node->place.line, node->place.column,
                                section->where, "expects a mapping of keys to values, not %s",
                                node->kind == LEAT_YAML_LIST ? "a list" : "one value");
    return false;
}

/* --- one value ------------------------------------------------------------------------------ */

static bool is_null_word(const struct leat_yaml_node *node)
{
    static const char *const WORDS[] = {"~", "null", "Null", "NULL"};
    for (size_t i = 0; node->plain && i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (leat_slice_equal(node->text, leat_slice_text(WORDS[i])))
            return true;
    return false;
}

/* A scalar that says something? */
static bool scalar_check(const struct leat_section *s, const struct leat_yaml_node *node)
{
    if (leat_yaml_is_nothing(node)) {
        problem(s, node, "has no value; leave the key out for the default");
        return false;
    }
    if (is_null_word(node)) {
        problem(s, node, "null is no value; leave the key out for the default, or quote the word");
        return false;
    }
    return true;
}

static bool item_take(const struct leat_section *s, const struct leat_yaml_node *list,
                      const struct leat_yaml_node *item, const char **ret_item)
{
    const char *wrong = NULL;
    if (item->kind == LEAT_YAML_REFUSED)
        return false;
    if (item->kind != LEAT_YAML_SCALAR)
        wrong = "an item of this list must be one value";
    else if (leat_yaml_is_nothing(item) || is_null_word(item))
        wrong = "an item of this list has no value";
    else if (item->text.len && memchr(item->text.ptr, '\0', item->text.len))
        wrong = "an item of this list holds a NUL character";
    else if (!(*ret_item = leat_arena_text(s->arena, item->text)))
        wrong = "does not fit: the texts of a configuration may have 4 MiB";
    if (wrong)
        leat_config_problem_add(s->problems, item->place.line, item->place.column,
                                leat_section_join(s->where, list->key).text, "%s", wrong);
    return !wrong;
}

static void list_set(const struct leat_section *s, const struct leat_option *option,
                     const struct leat_yaml_node *node)
{
    if (node->kind != LEAT_YAML_LIST) {
        problem(s, node, "expects a list, such as [a, b]");
        return;
    }
    size_t count = 0;
    for (const struct leat_yaml_node *item = node->first; item; item = item->next)
        count++;
    const char **items = count ? leat_arena_zeroed(s->arena, count, sizeof *items) : NULL;
    if (count && !items) {
        problem(s, node, "does not fit: the texts of a configuration may have 4 MiB");
        return;
    }
    bool good = true;
    size_t n = 0;
    for (const struct leat_yaml_node *item = node->first; item; item = item->next)
        good &= item_take(s, node, item, &items[n++]);
    struct leat_strings list = {items, count};
    if (good)
        memcpy((char *)s->base + option->offset, &list, sizeof list);
}

static void option_set(const struct leat_section *s, const struct leat_option *option,
                       const struct leat_yaml_node *node)
{
    if (node->kind == LEAT_YAML_REFUSED)
        return;
    if (node->kind == LEAT_YAML_SCALAR && !scalar_check(s, node))
        return;
    if (option->type == LEAT_OPTION_LIST) {
        list_set(s, option, node);
        return;
    }
    if (node->kind != LEAT_YAML_SCALAR) {
        problem(s, node,
                node->kind == LEAT_YAML_LIST ? "expects one value, not a list"
                                             : "expects one value, not a mapping");
        return;
    }
    struct leat_scalar_reason reason;
    if (!leat_scalar_parse(option, node->text, s->base, s->arena, &reason))
        problem(s, node, reason.text);
}

/* --- defaults ------------------------------------------------------------------------------- */

/* A default list is written as in the file and is parsed by the same means. */
static void fallback_list(const struct leat_section *s, const struct leat_option *option)
{
    struct leat_section quiet = *s;
    struct leat_config_problems problems;
    leat_config_problems_init(&problems);
    quiet.problems = &problems;
    struct leat_arena tree;
    leat_arena_init(&tree, LEAT_YAML_BYTES_MAX);
    struct leat_yaml_node *node =
        leat_yaml_read(leat_slice_text(option->fallback), &tree, &problems);
    if (node) {
        node->key = option->name;
        list_set(&quiet, option, node);
    }
    if (!node || problems.count || problems.dropped)
        abort();
    leat_arena_release(&tree);
    leat_config_problems_release(&problems);
}

static void fallback_set(const struct leat_section *s, const struct leat_option *option)
{
    struct leat_scalar_reason reason;
    if (!option->fallback)
        return;
    if (option->type == LEAT_OPTION_LIST)
        fallback_list(s, option);
    else if (!leat_scalar_parse(option, leat_slice_text(option->fallback), s->base, s->arena,
                                &reason))
        abort();
}

/* --- the section ---------------------------------------------------------------------------- */

static const struct leat_option *option_named(const struct leat_option *options, const char *name)
{
    for (; options->name; options++)
        if (strcmp(options->name, name) == 0)
            return options;
    return NULL;
}

static bool is_other(const struct leat_section *s, const char *key)
{
    for (size_t i = 0; s->others && s->others[i]; i++)
        if (strcmp(s->others[i], key) == 0)
            return true;
    return false;
}

static void unknown_key(const struct leat_section *s, const struct leat_yaml_node *node)
{
    struct leat_suggest near;
    leat_suggest_init(&near, node->key);
    for (const struct leat_option *o = s->options; o->name; o++)
        leat_suggest_offer(&near, o->name);
    for (size_t i = 0; s->others && s->others[i]; i++)
        leat_suggest_offer(&near, s->others[i]);
    leat_config_problem_add(s->problems, node->key_place.line, node->key_place.column, s->where,
                            "unknown key %s%s", LEAT_CONFIG_QUOTE(node->key),
                            leat_suggest_ask(&near).text);
}

static void required_check(const struct leat_section *s, const struct leat_yaml_node *node)
{
    for (const struct leat_option *o = s->options; o->name; o++)
        if ((o->flags & LEAT_OPTION_REQUIRED) && !leat_yaml_child(node, o->name))
            leat_config_problem_add(s->problems, s->place.line, s->place.column, s->where,
                                    "required key \"%s\" is missing", o->name);
}

void leat_section_apply(const struct leat_section *section, const struct leat_yaml_node *node)
{
    for (const struct leat_option *o = section->options; o->name; o++)
        fallback_set(section, o);
    if (!leat_section_is_map(section, node))
        return;
    for (const struct leat_yaml_node *child = node ? node->first : NULL; child;
         child = child->next) {
        const struct leat_option *option = option_named(section->options, child->key);
        if (option)
            option_set(section, option, child);
        else if (!is_other(section, child->key))
            unknown_key(section, child);
    }
    required_check(section, node);
}
