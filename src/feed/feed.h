/*
 * The stream, read over HTTP: GET /v1/events on the port for events (README.md has the protocol).
 *
 *     pool thread   key, query ─▶ suspended                       answer, or the next bytes ─▶ sent
 *     feed thread        └─▶ turn: read, filter, write ─▶ … ─▶ woken ──┘
 *                             ▲ the committer's eventfd, deadlines
 *
 * Requests are a mount of the server (<leat/ingest.h>), served by one thread with one stream. Each
 * gets a turn of a few milliseconds and goes behind the others, so that a filter that fits nothing
 * among millions of events delays nobody.
 *
 * Order:   new → start → … → stop (all requests are woken; later ones are answered at once) → the
 *          server closed → free.
 * Bounds:  FEED_MEMORY_BYTES of text for all answers: each takes an eighth of what is left at most,
 *          but FEED_PIECE_BYTES at least; an event that is larger waits until it fits.
 * Threads: new … free from main. wake_fd is written by the committer.
 */
#ifndef FEED_FEED_H
#define FEED_FEED_H

#include "http/ingest.h"
#include "metrics/metrics.h"
#include "store/store.h"

enum {
    FEED_MEMORY_BYTES = 32 << 20,
    FEED_PIECE_BYTES = 16 << 10,
    FEED_PAGE_BYTES = 1 << 20,       /* an answer's text, at most, but for its last event */
    FEED_EVENT_BYTES_MAX = 64 << 20, /* an event's text; a longer one is named and can be passed over */
    FEED_HEARTBEAT_MS = 15 * 1000,   /* of an event stream in which nothing happens */
    FEED_SEARCH_MS = 5 * 1000,       /* an answer that found nothing until then says how far it came */
    FEED_TURN_MS = 5,
};

struct feed_stats {
    _Atomic int64_t events;  /* given out */
    _Atomic int64_t bytes;   /* their text */
    _Atomic int64_t readers; /* requests that are not answered yet, event streams among them */
    _Atomic int64_t held_bytes;
};

struct feed;

/* `store` must outlive it. */
int feed_new(struct leat_store *store, struct feed **ret_feed, struct leat_err *err) LEAT_MUST_CHECK;
int feed_start(struct feed *feed, struct leat_err *err) LEAT_MUST_CHECK;
void feed_stop(struct feed *feed); /* accepts NULL */
void feed_free(struct feed *feed); /* accepts NULL */

/* An eventfd to be written when something was stored. */
int feed_wake_fd(const struct feed *feed);

const struct feed_stats *feed_stats(const struct feed *feed);

/* For the server: its context is the feed. */
extern const struct leat_ingest_ops feed_ops;
extern const struct leat_metric_desc feed_metrics[];

#endif
