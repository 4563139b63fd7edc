/*
 * One request for events, and one turn of reading for it. Shared by feed.c (requests, the thread)
 * and reading.c (what a turn does).
 *
 *     NEW ── first turn: where to begin ──▶ GOING ──▶ its text is full, or all there is: woken
 *                                            ▲  │
 *                                            └──┘ nothing that fits yet: waits for the committer
 *
 * Threads: belongs to the feed's thread from submit to wake, to the pool's otherwise.
 */
#ifndef FEED_READING_H
#define FEED_READING_H

#include "feed/feed.h"
#include "feed/query.h"
#include "pipeline/stream.h"

struct feed_reading {
    struct feed_reading *next;
    struct leat_ingest_request *request;
    struct feed_query query;
    bool event_stream;        /* text/event-stream */
    bool begun;               /* `position` is set */
    bool opened;              /* an event stream: its head was sent */
    bool ended;               /* nothing comes any more: past `to`, an error, or the end of the daemon */
    bool more;                /* something is stored behind the position: waiting is for memory */
    unsigned status;          /* 0, or that of a problem */
    const char *problem;
    uint64_t position;        /* the last sequence that was passed */
    uint64_t until;           /* of query.to, when it is past: nothing from this sequence on; 0: not known */
    uint32_t source_id;       /* of query.source, once it is known */
    int64_t shown;            /* events in `out` */
    struct leat_buf out;
    size_t sent;              /* of `out`, by `more` */
    size_t held;              /* counted of it */
    int64_t asked_ms;         /* monotonic */
};

/* What all turns share; the feed's thread's. */
struct feed_reader {
    struct leat_store *store;
    struct leat_stream *stream;
    struct feed_stats *stats;
    uint64_t at;   /* the stream stands behind this sequence */
    uint32_t only; /* and gives this source */
    uint64_t hash; /* … of it events with this key; 0: all */
    bool lost;     /* neither is known */
    struct leat_buf line;
};

enum feed_turn {
    FEED_TURN_DONE, /* wake it */
    FEED_TURN_MORE, /* it can go on at once */
    FEED_TURN_WAIT, /* it needs something new, memory, or its deadline */
};

enum feed_turn feed_reading_turn(struct feed_reader *reader, struct feed_reading *reading);

/* When it is woken without anything. */
int64_t feed_reading_deadline_ms(const struct feed_reading *reading);

/* The text of the cursor behind its position. */
void feed_reading_cursor(const struct leat_store *store, uint64_t position, char *ret_text);

/* Counts what `out` holds. */
void feed_reading_hold(struct feed_stats *stats, struct feed_reading *reading, size_t bytes);

#endif
