/*
 * The committer: the one thread that writes. It takes all that waits, puts it into one LMDB
 * transaction with one fsync (group commit, no timer), and tells everybody.
 *
 *     source thread ── leat_port_submit() ──▶ queue ──▶ committer ── store ──▶ fsync
 *          ▲                                                                  │
 *          └── leat_port_durable() ◀── token, wake_fd ◀───────────────────────┘
 *
 * A port is a source's end of the queue. Submitting never blocks: look at leat_port_room() before.
 *
 * A full store (disk, quota, map) holds the queue and is tried again every half second; the cause
 * stands in the log once and in leat_committer_state(). A store that can no longer be trusted ends
 * the committer: `failed` is set, and the daemon must exit.
 *
 * Threads: new/start/stop/free from main; ports belong to their source's thread; stats from any.
 * Bounds:  LEAT_QUEUE_BYTES a port; LEAT_COMMIT_BYTES a transaction.
 */
#ifndef PIPELINE_COMMITTER_H
#define PIPELINE_COMMITTER_H

#include "pipeline/batch.h"

#include <stdatomic.h>

struct leat_committer;
struct leat_port;

enum { LEAT_WATCHERS_MAX = 64 };

/* Counters for metrics, written by the committer. */
struct leat_committer_stats {
    _Atomic int64_t commits;
    _Atomic int64_t commit_us;     /* sum of the time in leat_store_commit() */
    _Atomic int64_t commit_us_max; /* longest since the start */
    _Atomic int64_t events;
    _Atomic int64_t blocks;
    _Atomic int64_t raw_bytes;
    _Atomic int64_t stored_bytes;
    _Atomic int64_t retries; /* because the store was full */
    _Atomic int64_t full;    /* 1 while it is */
};

int leat_committer_new(struct leat_store *store, struct leat_committer **ret_committer,
                       struct leat_err *err) LEAT_MUST_CHECK;

/* `fd` (an eventfd) is written after each commit, when its events can be read: for readers that wait.
 * As many as LEAT_WATCHERS_MAX; before start. */
void leat_committer_watch(struct leat_committer *committer, int fd);

/* Starts the thread; `failed_fd` (an eventfd) becomes readable if the store fails. */
int leat_committer_start(struct leat_committer *committer, int failed_fd,
                         struct leat_err *err) LEAT_MUST_CHECK;

/* Writes what is queued, unless the store is full, and ends the thread. */
void leat_committer_stop(struct leat_committer *committer);
void leat_committer_free(struct leat_committer *committer); /* accepts NULL */

const struct leat_committer_stats *leat_committer_stats(const struct leat_committer *committer);

/* LEAT_OK; LEAT_ERETRY with the reason while the store is full; LEAT_ESTORE when it failed. */
int leat_committer_state(struct leat_committer *committer, struct leat_err *err);

/* --- ports -------------------------------------------------------------------------------------
 */

/* `token` is the durable token at the start. wake_fd is an eventfd that is written after each
 * commit. */
int leat_port_new(struct leat_committer *committer, struct leat_slice token, int wake_fd,
                  struct leat_port **ret_port, struct leat_err *err) LEAT_MUST_CHECK;
void leat_port_free(struct leat_port *port); /* accepts NULL; nothing of it may be queued */

/* True while more may be submitted. */
bool leat_port_room(const struct leat_port *port);

/* How many submitted commits are not yet durable. */
uint32_t leat_port_outstanding(const struct leat_port *port);

/* Hands a commit over, which the committer frees. */
void leat_port_submit(struct leat_port *port, struct leat_commit *commit);

/* Copies the durable token into `token` (reset first) if it changed since the last call; true if
 * so. */
bool leat_port_durable(struct leat_port *port, struct leat_buf *token);

#endif
