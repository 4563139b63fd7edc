/*
 * Which events a reader or an emitter wants: one way of asking it, wherever it is asked.
 *
 *     table   "schema.table" (MySQL: "database.table"), or "table" alone when the pattern has no
 * dot type    an operation ("create", "post" …) or the event type of a post or message
 *     *       any run of bytes, in both
 *
 * Threads: pure.
 */
#ifndef CODEC_SELECT_H
#define CODEC_SELECT_H

#include <leat/event.h>

/* Does the text fit the pattern, in which * is any run of bytes? */
bool leat_glob(struct leat_slice pattern, struct leat_slice text);

/* False for an event without a relation. */
bool leat_select_table(const char *pattern, const struct leat_schema *relation);

bool leat_select_type(struct leat_slice pattern, const struct leat_event *event);

/* The tenant of a post; empty: it has none. */
struct leat_slice leat_select_tenant_of(const struct leat_event *event);

#endif
