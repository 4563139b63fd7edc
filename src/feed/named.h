/*
 * Readers by name over HTTP: where each stands is kept in the store (store/readers.h).
 *
 *     GET    /v1/readers                  all of them                              admin
 *     GET    /v1/readers/{name}           one                                      read
 *     DELETE /v1/readers/{name}           forgets it                               admin
 *     POST   /v1/readers/{name}/commit    {"cursor":"…"}: dealt with up to here    read
 *
 *     pool thread   key, path, body ─▶ suspended                       answer
 *     our thread        └─▶ all that wait: one transaction, one fsync ─▶ woken
 *
 * Order:   new → start → … → stop (all requests are woken; later ones get 503) → the server closed
 * → free. Threads: new … free from main. A request that only looks is answered on the pool's
 * thread.
 */
#ifndef FEED_NAMED_H
#define FEED_NAMED_H

#include "http/ingest.h"
#include "metrics/metrics.h"
#include "store/readers.h"

enum { NAMED_BODY_MAX = 4096 };

struct named_stats {
    _Atomic int64_t commits; /* answered with 200 */
    _Atomic int64_t moves;   /* those of them that moved a cursor */
};

struct named;

/* `store` must outlive it. */
int named_new(struct leat_store *store, struct named **ret_named,
              struct leat_err *err) LEAT_MUST_CHECK;
int named_start(struct named *named, struct leat_err *err) LEAT_MUST_CHECK;
void named_stop(struct named *named); /* accepts NULL */
void named_free(struct named *named); /* accepts NULL */

const struct named_stats *named_stats(const struct named *named);

/* Takes a path apart; false: it is none of the four. An empty name: all readers. */
bool named_path(const char *target, char *ret_name, bool *ret_commit);

/* The cursor in a body; NULL, or what is wrong. */
const char *named_body(struct leat_slice body, uint32_t store_tag, uint64_t durable,
                       unsigned *ret_status, uint64_t *ret_sequence);

/* For the server: its context is the struct named. */
extern const struct leat_ingest_ops named_ops;
extern const struct leat_metric_desc named_metrics[];

#endif
