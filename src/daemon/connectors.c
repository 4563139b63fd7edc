/*
 * The only list of connectors. A new one is a directory under connectors/, an ops table, and a line
 * here.
 */
#include "daemon/connectors.h"

extern const struct leat_source_ops pg_source_ops; /* sources/postgres/postgres.c */
extern const struct leat_source_ops my_source_ops; /* sources/mysql/mysql.c */
extern const struct leat_source_ops webhook_source_ops; /* sources/webhook/webhook.c */

const struct leat_source_ops *const leat_sources[] = {
    &pg_source_ops,
    &my_source_ops,
    &webhook_source_ops,
    NULL,
};

enum { TYPE_COUNT = sizeof leat_sources / sizeof *leat_sources - 1 };

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
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        const struct leat_source_ops *ops = leat_sources[i];
        types[i] = (struct leat_config_type){ops->name, ops->doc, ops->options, ops->ctx_size,
                                             ops->validate};
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
