/*
 * The connectors that this program is made with, and the configuration read for them.
 *
 * Threads: any; constants.
 */
#ifndef DAEMON_CONNECTORS_H
#define DAEMON_CONNECTORS_H

#include <leat/emitter.h>
#include <leat/source.h>

#include "config/config.h"

/* NULL-terminated. */
extern const struct leat_source_ops *const leat_sources[];

extern const struct leat_emitter_ops *const leat_emitters[];

/* By the `type:` of the configuration; NULL: unknown. */
const struct leat_source_ops *leat_source_named(const char *type);
const struct leat_emitter_ops *leat_emitter_named(const char *type);

/* The same as the configuration wants them; lives as long as the process. */
const struct leat_config_type *connectors_types(size_t *ret_count);

/* As leat_config_load() and leat_config_parse(), with all connectors. */
int connectors_load(const char *path, struct leat_config **ret_config,
                    struct leat_config_problems *problems, struct leat_err *err) LEAT_MUST_CHECK;
int connectors_parse(const char *path, struct leat_slice text, struct leat_config **ret_config,
                     struct leat_config_problems *problems, struct leat_err *err) LEAT_MUST_CHECK;

#endif
