/*
 * A small, strict part of YAML as a tree of nodes that know their place.
 *
 *     text ──▶ UTF-8 check ──▶ libyaml's events ──▶ nodes: scalar (untyped text) | list | map
 *
 * One document. Anchors, aliases and tags are refused: a configuration that refers to itself or
 * names types is hard to read and easy to get wrong. Keys are scalars and appear once in their map.
 * Nothing is guessed: `no` is the text "no" until an option table says that it must be a bool.
 *
 * Ownership: nodes and texts live in the arena.
 * Bounds:    LEAT_YAML_BYTES_MAX of text, LEAT_NESTING_MAX levels, LEAT_YAML_NODES_MAX nodes,
 *            LEAT_YAML_KEYS_MAX keys of one map.
 * Errors:    everything that is wrong with the text goes to the problems; parsing goes on after
 *            what can be skipped and stops at what cannot (syntax, bounds).
 * Source:    YAML 1.1 as libyaml 0.2.5 reads it.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "config/problem.h"

enum {
    LEAT_YAML_BYTES_MAX = 1 << 20, /* a configuration file is read by people */
    LEAT_YAML_NODES_MAX = 20000,
    LEAT_YAML_KEYS_MAX = 1000, /* duplicates are found by comparing each with all */
};

enum leat_yaml_kind {
    LEAT_YAML_SCALAR,
    LEAT_YAML_LIST,
    LEAT_YAML_MAP,
    LEAT_YAML_REFUSED, /* stands where an alias was: already a problem */
};

struct leat_yaml_place {
    unsigned line, column; /* from 1; column in characters */
};

struct leat_yaml_node {
    enum leat_yaml_kind kind;
    struct leat_yaml_place place;
    bool plain;                   /* a scalar without quotes */
    struct leat_slice text;       /* of a scalar; a NUL stands behind it */
    const char *key;              /* in its map, or NULL */
    struct leat_yaml_place key_place;
    struct leat_yaml_node *first; /* children, in file order */
    struct leat_yaml_node *next;  /* sibling */
};

/* The root, or NULL for a text that holds none or could not be read (then there are problems). */
struct leat_yaml_node *leat_yaml_read(struct leat_slice text, struct leat_arena *arena,
                                      struct leat_config_problems *problems);

/* An empty plain scalar, which is what a map with all its keys commented out looks like. */
bool leat_yaml_is_nothing(const struct leat_yaml_node *node);

#endif
