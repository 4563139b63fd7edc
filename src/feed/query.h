/*
 * What a reader asks for: GET /v1/events?name=value&…
 *
 *     after    a cursor, "start" (the default) or "end": only what is stored from now on
 *     reader   a name: behind what it has committed; `after` is for one that has not yet
 *     source   an instance's name                     table   "schema.table" or "table", with *
 *     external_id   of posts, exactly; with source
 *     tenant   of posts                               type    a,b,…: operations, or event types with *
 *     from,to  time of storing, [from, to): ISO 8601, or a span back from now ("10m")
 *     limit    events of an answer, 1 to 10,000       format  native, debezium
 *     wait     "30s", "500ms": how long an answer may wait for the first event, at most 60 s
 *
 * `key` and `access_token` are the key's and passed over. Anything unknown, given twice or empty is an
 * error: a mistyped filter would give all events. %XX is unescaped; "+" is itself, for time zones.
 *
 * Ownership: copies. Threads: pure.
 */
#ifndef FEED_QUERY_H
#define FEED_QUERY_H

#include "codec/form.h"
#include "feed/cursor.h"
#include "store/readers.h"

enum {
    FEED_PATTERN_MAX = 255,
    FEED_LIMIT_DEFAULT = 1000,
    FEED_LIMIT_MAX = 10000,
    FEED_WAIT_MAX_MS = 60 * 1000,
};

enum feed_after { FEED_AFTER_START, FEED_AFTER_END, FEED_AFTER_CURSOR };

struct feed_query {
    enum feed_after after;
    struct feed_cursor cursor;
    char reader[LEAT_READER_NAME_MAX + 1]; /* "": none */
    char source[FEED_PATTERN_MAX + 1]; /* these five: "": all */
    char external_id[FEED_PATTERN_MAX + 1];
    char tenant[FEED_PATTERN_MAX + 1];
    char table[FEED_PATTERN_MAX + 1];
    char type[FEED_PATTERN_MAX + 1];
    int64_t from_us, to_us; /* 0: no bound */
    int64_t limit, wait_ms;
    const struct leat_form *form;
    unsigned given; /* bits of the names that were there */
};

/* True for "/v1/events", with whatever query. */
bool feed_query_path(const char *target);

/* NULL: fine; else what is wrong, a static sentence. */
const char *feed_query_parse(const char *target, int64_t now_us, struct feed_query *ret_query);

/* Was anything given but `source`, `tenant` and the key? */
bool feed_query_more(const struct feed_query *query);

/* Replaces `after` by a text of Last-Event-ID. */
const char *feed_query_after(struct feed_query *query, const char *text);

bool feed_query_wants(const struct feed_query *query, const char *instance, const struct leat_event *event);

/* Does the text fit the pattern, in which * is any run of bytes? */
bool feed_glob(struct leat_slice pattern, struct leat_slice text);

#endif
