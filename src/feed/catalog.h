/*
 * Which event types have events in which hours, and between which sequences: what a Flowcore
 * consumer asks for, and what the store has no index of. It is derived: made in memory by reading
 * the stream once, from its beginning when it is first asked for, and then what is new.
 *
 *     posts ─▶ source, tenant/dataCore/flowType/eventType ─▶ hour of the id ─▶ first … last
 * sequence
 *
 * Order:   new → turn (LEAT_OK: all that is durable is in it) → types, hours, ranges … → free.
 * Bounds:  CATALOG_TYPES_MAX types, CATALOG_HOURS_MAX hours of all types; beyond them LEAT_ELIMIT
 * for ever. Threads: one. Errors:  as the stream's; the next turn goes on where this one failed.
 */
#ifndef FEED_CATALOG_H
#define FEED_CATALOG_H

#include <leat/event.h>
#include <leat/ingest.h>

#include "feed/flowcore_query.h"
#include "store/store.h"

enum { CATALOG_TYPES_MAX = 20000, CATALOG_HOURS_MAX = 1 << 20, CATALOG_PATH_MAX = 1100 };

/* A post as a Flowcore consumer sees it; views the event. */
struct catalog_post {
    struct leat_slice tenant, data_core, flow_type;
    struct time_uuid id;
    char path[CATALOG_PATH_MAX]; /* tenant/dataCore/flowType/eventType */
    size_t path_len;
};

/* False for what is no post with an id. */
bool catalog_post_read(const struct leat_event *event, struct catalog_post *ret_post);

struct catalog;

int catalog_new(struct leat_store *store, struct catalog **ret_catalog,
                struct leat_err *err) LEAT_MUST_CHECK;
void catalog_free(struct catalog *catalog); /* accepts NULL */

/* Reads on until then (monotonic ms). LEAT_AGAIN: there is more. */
int catalog_turn(struct catalog *catalog, int64_t until_ms, struct leat_err *err) LEAT_MUST_CHECK;

/* The types that the query means, within the scope; numbers, at most `max` of them. */
size_t catalog_types(const struct catalog *catalog, const struct flowcore_query *query,
                     const struct leat_ingest_scope *scope, uint32_t *ret_types, size_t max);

/* The number of a post's type; false for one that is not in it. */
bool catalog_type(const struct catalog *catalog, const char *instance,
                  const struct catalog_post *post, uint32_t *ret_type);

/* The first hour of these types that is above `hour` (or below it, if descending). False: none. */
bool catalog_next_hour(const struct catalog *catalog, const uint32_t *types, size_t count,
                       int64_t hour, bool descending, int64_t *ret_hour);

/* Between which sequences all events of these types in this hour are. False: there are none. */
bool catalog_range(const struct catalog *catalog, const uint32_t *types, size_t count, int64_t hour,
                   uint64_t *ret_first, uint64_t *ret_last);

#endif
