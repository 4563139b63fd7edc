/*
 * The manual, generated from the option tables: the text of conf/leat.yaml, and of --help.
 *
 * In conf/leat.yaml every key is commented out and shows its default, so that the file as it is
 * means what an empty one means:
 *
 *     store:
 *       # How blocks of events are stored. A block that does not shrink is stored as it is.
 *       # One of none, zstd. Default zstd.
 *       #compression: zstd
 *
 * Prose begins with "# ", a key that can be uncommented with "#key:" (take the "#" away, nothing
 * else).
 *
 * Bounds: the buffer's maximum; check `full` at the end. 256 KiB is ample.
 */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include "config/config.h"

/* The whole text of conf/leat.yaml. */
void leat_config_write_reference(const struct leat_config_type *types, size_t type_count,
                                 struct leat_buf *text);

/* A table of all options for a terminal: name, type, default, meaning. */
void leat_config_help(const struct leat_config_type *types, size_t type_count,
                      struct leat_buf *text);

#endif
