/*
 * The configuration file as typed settings: those of the daemon, and one context per source
 * instance.
 *
 *     file ──▶ yaml (nodes with places) ──▶ section (option tables) ──▶ struct leat_config
 *                          └──────────────────┴──▶ problems, all at once
 *
 * The connector types are handed in: configuration knows no connector.
 *
 * Order:     problems init → load → use → free. Reload: load a second one, diff, start what is new,
 *            free the old one when nothing runs from it any more.
 * Ownership: leat_config owns all texts, lists and contexts; they live until leat_config_free().
 *            The types must outlive it.
 * Bounds:    see yaml.h; LEAT_CONFIG_TEXT_MAX for all texts together.
 * Threads:   one owner while loading; read-only afterwards, except each instance's ctx, which is
 *            its runner's.
 * Errors:    LEAT_ECONFIG; `problems` then says everything, err->text the first of it.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/daemon_options.h"
#include "config/problem.h"

enum { LEAT_CONFIG_TEXT_MAX = 4 << 20 };

struct leat_config_type {
    const char *name; /* the `type:` of an instance */
    const char *doc;
    const struct leat_option *options;
    size_t ctx_size;
    /* Settings against each other; may be NULL. */
    int (*validate)(const void *ctx, struct leat_err *err);
};

struct leat_config_instance {
    const char *name;
    const struct leat_config_type *type;
    void *ctx;     /* type->ctx_size bytes: zero, and the options in place */
    unsigned line; /* where it begins in the file */
};

struct leat_config;

/* Reads the file. */
int leat_config_load(const char *path, const struct leat_config_type *types, size_t type_count,
                     struct leat_config **ret_config, struct leat_config_problems *problems,
                     struct leat_err *err) LEAT_MUST_CHECK;

/* As above, from memory; `path` only stands in front of the problems. */
int leat_config_parse(const char *path, struct leat_slice text,
                      const struct leat_config_type *types, size_t type_count,
                      struct leat_config **ret_config, struct leat_config_problems *problems,
                      struct leat_err *err) LEAT_MUST_CHECK;

void leat_config_free(struct leat_config *config); /* accepts NULL */

const struct leat_settings *leat_config_settings(const struct leat_config *config);

/* In the order of the file. */
size_t leat_config_instance_count(const struct leat_config *config);
const struct leat_config_instance *leat_config_instance_at(const struct leat_config *config,
                                                           size_t i);
const struct leat_config_instance *leat_config_instance_named(const struct leat_config *config,
                                                              const char *name); /* NULL: none */

/* --- what a reload would change ------------------------------------------------------------- */

enum leat_config_change_kind {
    LEAT_CONFIG_CHANGED, /* an option has another value */
    LEAT_CONFIG_ADDED,   /* a source is new */
    LEAT_CONFIG_REMOVED, /* a source is gone; one whose type changed is removed and added */
};

struct leat_config_change {
    enum leat_config_change_kind kind;
    const char *path;                 /* "log.level", "sources.shop.port", "sources.shop" */
    const char *instance;             /* NULL: a setting of the daemon */
    const struct leat_option *option; /* NULL: added or removed */
    bool reload; /* is taken over without a restart; a source that comes or goes is not */
};

/* Calls back for each change, daemon first, then sources in the old file's order, then new ones;
 * `change` lives for the call. Returns how many there were. Contexts must still hold what was
 * configured. */
typedef void (*leat_config_change_fn)(void *arg, const struct leat_config_change *change);
size_t leat_config_diff(const struct leat_config *old, const struct leat_config *new,
                        leat_config_change_fn each, void *arg);

#endif
