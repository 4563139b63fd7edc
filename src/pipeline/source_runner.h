/*
 * Runs one source instance in its own thread: open, start at the durable token, poll into the
 * batch, hand over, confirm what became durable; on failure close, back off, and begin again.
 *
 *      connecting ──▶ streaming ──▶ (error) ──▶ backoff ──▶ connecting
 *                        │                        ▲
 *                        └──▶ stopped (operator's error: looked at again every 30 s)
 *
 * A batch is handed over as soon as the committer is free; while it writes, the batch grows (group
 * commit). When the queue has no room the source is polled without a batch, which only keeps its
 * session alive. So the thread never waits for the disk, and a keepalive is never late (I2 and the
 * walsender's timeout).
 *
 * Threads: new, start, stop, free from main; state and stats from any.
 */
#ifndef PIPELINE_SOURCE_RUNNER_H
#define PIPELINE_SOURCE_RUNNER_H

#include <leat/source.h>

#include "pipeline/committer.h"

enum leat_source_state {
    LEAT_SOURCE_STARTING,
    LEAT_SOURCE_CONNECTING,
    LEAT_SOURCE_STREAMING,
    LEAT_SOURCE_STALLED, /* connected, but the store has no room */
    LEAT_SOURCE_BACKOFF, /* a transient failure; tries again by itself */
    LEAT_SOURCE_STOPPED, /* an operator must act; looked at again now and then */
    LEAT_SOURCE_ENDED,
};

struct leat_source_runner;

struct leat_source_runner_settings {
    const char *instance; /* lives as long as the runner */
    const struct leat_source_ops *ops;
    void *ctx; /* ops->ctx_size bytes, options in place */
    const char *directory; /* the store's */
    struct leat_batch_settings batch;
    int64_t drain_ms; /* how long stop waits for what was read to become durable */
};

/* Registers the source in the store and learns its schemas: call before the committer starts. */
int leat_source_runner_new(const struct leat_source_runner_settings *settings,
                           struct leat_store *store, struct leat_committer *committer,
                           struct leat_source_runner **ret_runner,
                           struct leat_err *err) LEAT_MUST_CHECK;

/* Starts the thread. */
int leat_source_runner_start(struct leat_source_runner *runner,
                             struct leat_err *err) LEAT_MUST_CHECK;

/* Asks the thread to end; returns at once. */
void leat_source_runner_stop(struct leat_source_runner *runner);

/* Waits for the thread until `until_ms` (monotonic). False: it is still busy, do not free. */
bool leat_source_runner_join(struct leat_source_runner *runner, int64_t until_ms);
void leat_source_runner_free(
    struct leat_source_runner *runner); /* joined or never started; accepts NULL */

const char *leat_source_runner_instance(const struct leat_source_runner *runner);
struct leat_source_stats *leat_source_runner_stats(struct leat_source_runner *runner);
enum leat_source_state leat_source_runner_state(const struct leat_source_runner *runner);
const char *leat_source_state_name(enum leat_source_state state);

/* What the source copies; NULL: it cannot. Lives as long as the runner. */
struct leat_snapshot *leat_source_runner_snapshot(struct leat_source_runner *runner);

/* Errors by class since the start, indexed by -code (LEAT_ERETRY … LEAT_EBUG). */
const _Atomic int64_t *leat_source_runner_errors(const struct leat_source_runner *runner);

/* The last failure and since when the source is in its state (wall µs); text "" if there was none.
 */
void leat_source_runner_last_error(struct leat_source_runner *runner, struct leat_err *ret_err,
                                   int64_t *ret_since_us);

/* True when the source was less than five seconds behind the log's end once since it connected. */
bool leat_source_runner_ready(const struct leat_source_runner *runner);

#endif
