/*
 * What a Flowcore consumer asks for.
 *
 *     GET
 * /api/v1/time-buckets?eventTypeId=a&eventTypeId=b&fromTimeBucket&toTimeBucket&order&pageSize&cursor
 *     GET /api/v1/events?eventTypeId=a&timeBucket=2026112103
 * 0000&afterEventId&fromEventId&toEventId&order&pageSize&cursor
 *
 * An event type is given by its name, or by the end of its path where the name is not enough:
 * [[tenant/]dataCore/]flowType/eventType. Other parameters than these are passed over, as that
 * service does; "+" is a space. A cursor is ours: that of a number of hours, or that of
 * feed/cursor.h with, where events are told by their time, "." and the id behind which they must
 * be.
 *
 * Ownership: copies. Threads: pure.
 * Source:    @flowcore/sdk 1.79: EventListCommand, TimeBucketListCommand.
 */
#ifndef FEED_FLOWCORE_QUERY_H
#define FEED_FLOWCORE_QUERY_H

#include "feed/cursor.h"
#include "feed/time_uuid.h"

#include <stddef.h>

enum {
    FLOWCORE_NAMES_BYTES = 4096, /* as long as a target may be */
    FLOWCORE_NAMES_MAX = 200,
    FLOWCORE_PAGE_MAX = 10000,
    FLOWCORE_CURSOR_TEXT = FEED_CURSOR_TEXT + TIME_UUID_TEXT,
};

enum flowcore_kind { FLOWCORE_NONE, FLOWCORE_BUCKETS, FLOWCORE_EVENTS };

struct flowcore_query {
    enum flowcore_kind kind;
    char names[FLOWCORE_NAMES_BYTES]; /* each with its NUL, one behind the other */
    unsigned name_count;
    int64_t hour;               /* of events */
    int64_t from_hour, to_hour; /* of buckets, both included */
    bool descending;
    int64_t page;
    bool has_cursor;
    int64_t cursor_hour;       /* of buckets: the last that was given */
    struct feed_cursor cursor; /* of events */
    bool has_after, has_to, by_time;
    bool after_included; /* fromEventId */
    struct time_uuid after, to;
    struct time_uuid bound; /* by_time: the cursor says that events must be behind it in time */
};

/* By path alone. */
enum flowcore_kind flowcore_query_kind(const char *target);

/* NULL: fine; else what is wrong, a static sentence. */
const char *flowcore_query_parse(const char *target, struct flowcore_query *ret_query);

/* Is the event type with this path meant by one of the names? */
bool flowcore_query_names(const struct flowcore_query *query, const char *path, size_t len);

/* `bound` NULL: positions alone tell what comes next. */
void flowcore_cursor_text(const struct feed_cursor *cursor, const struct time_uuid *bound,
                          char *ret_text);

#endif
