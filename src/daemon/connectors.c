/*
 * The only list of connectors. A new one is a directory under connectors/, an ops table, and a line
 * here.
 */
#include "daemon/connectors.h"

extern const struct leat_source_ops pg_source_ops; /* sources/postgres/postgres.c */
extern const struct leat_source_ops my_source_ops; /* sources/mysql/mysql.c */
extern const struct leat_source_ops webhook_source_ops; /* sources/webhook/webhook.c */

extern const struct leat_emitter_ops file_emitter_ops; /* emitters/file/file.c */
extern const struct leat_emitter_ops postgres_emitter_ops; /* emitters/postgres/postgres.c */
extern const struct leat_emitter_ops stdout_emitter_ops; /* emitters/stdout/stdout.c */

const struct leat_source_ops *const leat_sources[] = {
    &pg_source_ops,
    &my_source_ops,
    &webhook_source_ops,
    NULL,
};

const struct leat_emitter_ops *const leat_emitters[] = {
    &file_emitter_ops,
    &postgres_emitter_ops,
    &stdout_emitter_ops,
    NULL,
};

enum {
    SOURCE_COUNT = sizeof leat_sources / sizeof *leat_sources - 1,
    EMITTER_COUNT = sizeof leat_emitters / sizeof *leat_emitters - 1,
    TYPE_COUNT = SOURCE_COUNT + EMITTER_COUNT,
};

const struct leat_emitter_ops *leat_emitter_named(const char *type)
{
    for (const struct leat_emitter_ops *const *ops = leat_emitters; *ops; ops++)
        if (strcmp((*ops)->name, type) == 0)
            return *ops;
    return NULL;
}

const struct leat_source_ops *leat_source_named(const char *type)
{
    for (const struct leat_source_ops *const *ops = leat_sources; *ops; ops++)
        if (strcmp((*ops)->name, type) == 0)
            return *ops;
    return NULL;
}

const struct leat_config_type *connectors_types(size_t *ret_count)
{
    static struct leat_config_type types[TYPE_COUNT];
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        const struct leat_source_ops *ops = leat_sources[i];
        types[i] = (struct leat_config_type){ops->name, ops->doc, ops->options, ops->ctx_size,
                                             ops->validate, LEAT_CONFIG_SOURCE};
    }
    for (size_t i = 0; i < EMITTER_COUNT; i++) {
        const struct leat_emitter_ops *ops = leat_emitters[i];
        types[SOURCE_COUNT + i] = (struct leat_config_type){ops->name, ops->doc, ops->options, ops->ctx_size,
                                                            ops->validate, LEAT_CONFIG_EMITTER};
    }
    *ret_count = TYPE_COUNT;
    return types;
}

int connectors_load(const char *path, struct leat_config **ret_config,
                    struct leat_config_problems *problems, struct leat_err *err)
{
    size_t count;
    const struct leat_config_type *types = connectors_types(&count);
    return leat_config_load(path, types, count, ret_config, problems, err);
}

int connectors_parse(const char *path, struct leat_slice text, struct leat_config **ret_config,
                     struct leat_config_problems *problems, struct leat_err *err)
{
    size_t count;
    const struct leat_config_type *types = connectors_types(&count);
    return leat_config_parse(path, text, types, count, ret_config, problems, err);
}
