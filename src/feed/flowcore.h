/*
 * The stream for Flowcore's consumers: the two GET requests that @flowcore/data-pump makes when it
 * is told to read directly (README.md has the protocol).
 *
 *     pool thread   key, query ─▶ suspended                                      answer
 *     our thread        └─▶ catalog up to date ─▶ hours, or events of an hour ─▶ woken
 *
 * Each request gets turns of FLOWCORE_TURN_MS, one after the other.
 *
 * Order:   new → start → … → stop (all requests are woken; later ones get 503) → the server closed
 * → free. Bounds:  FLOWCORE_REQUESTS_MAX requests at a time, FLOWCORE_HELD_BYTES of answers that
 * are not taken yet; beyond them 503. A page has FLOWCORE_PAGE_BYTES, or one event. Threads: new …
 * free from main.
 */
#ifndef FEED_FLOWCORE_H
#define FEED_FLOWCORE_H

#include "http/ingest.h"
#include "metrics/metrics.h"
#include "store/store.h"

enum {
    FLOWCORE_TURN_MS = 5,
    FLOWCORE_REQUESTS_MAX = 200,
    FLOWCORE_HELD_BYTES = 32 << 20,
    FLOWCORE_PAGE_BYTES = 1 << 20,
    FLOWCORE_PIECE_BYTES = 16 << 10, /* … of many that are asked for at once */
    FLOWCORE_EVENT_BYTES_MAX =
        96 << 20,                   /* of a text: a body of 64 MiB that is not JSON, as base64 */
    FLOWCORE_SEARCH_MS = 20 * 1000, /* a page that is not full until then is given as it is */
};

struct flowcore_stats {
    _Atomic int64_t events; /* given out */
    _Atomic int64_t bytes;  /* text of pages */
    _Atomic int64_t requests;
    _Atomic int64_t held_bytes;
};

struct flowcore;

/* `store` must outlive it. */
int flowcore_new(struct leat_store *store, struct flowcore **ret_flowcore,
                 struct leat_err *err) LEAT_MUST_CHECK;
int flowcore_start(struct flowcore *flowcore, struct leat_err *err) LEAT_MUST_CHECK;
void flowcore_stop(struct flowcore *flowcore); /* accepts NULL */
void flowcore_free(struct flowcore *flowcore); /* accepts NULL */

const struct flowcore_stats *flowcore_stats(const struct flowcore *flowcore);

/* For the server: its context is the struct flowcore. */
extern const struct leat_ingest_ops flowcore_ops;
extern const struct leat_metric_desc flowcore_metrics[];

#endif
